"""The person in the world: what the clip says, before any rig is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..coordinates import world_from_camera
from ..errors import Pose3DError
from ..filtering import nearest_valid
from ..resample import neighbours
from ..rotations import angle_between, apply, norm, slerp_matrices
from ..solve import facing_ahead, leg_length_m
from ..tracks import Pose3DTrack
from .body import Landmarks, landmarks_of
from .camera import CameraEstimate
from .contacts import Contact, contacts_of, mask_of
from .gaps import above_ground
from .in_camera import in_camera
from .in_world import SOLE_BELOW_M, on_the_floor, on_uneven_ground, settled, with_hidden_steps, with_standing_legs
from .options import CameraMotion, MotionOptions, Smoothing


@dataclass(frozen=True)
class Performance:
    """One person's motion in the world: z up, the ground at 0, the camera above the origin and looking along +y at first.

    track; joints_m [T, 17, 3] relative to the pelvis; path_m [T, 3] of the pelvis; parts_m [T, 4, 3] heels and toes relative
    to the pelvis, in the order of contacts.PARTS; mask [T, 4]: which are in contact, and contacts the same as intervals; stands
    [T] 0 to 1: nobody saw the feet, and legs were put where they stand;
    lift_m [T, 2]: how high each foot is lifted in steps that nobody saw; under_m [T, 2]: how high the ground under each foot is
    above the lowest, on stairs, say; camera: as it was held at first; camera_motion: what
    it was taken to do, never AUTO; world_from_camera [T, 3, 3]: its axes in every frame, which differ where it turned;
    camera_path_m [T, 3]: where it was; focal_length_px; depth_m [T]: of the pelvis from the camera; smoothing; marks: the
    landmarks; nearest [T]: the nearest frame with a person; sure [T]: how well the body was seen.
    """

    track: Pose3DTrack
    joints_m: np.ndarray
    path_m: np.ndarray
    parts_m: np.ndarray
    mask: np.ndarray
    stands: np.ndarray
    contacts: tuple[Contact, ...]
    lift_m: np.ndarray
    under_m: np.ndarray
    camera: CameraEstimate
    camera_motion: CameraMotion
    world_from_camera: np.ndarray
    camera_path_m: np.ndarray
    focal_length_px: float
    depth_m: np.ndarray
    smoothing: Smoothing
    marks: Landmarks
    nearest: np.ndarray
    sure: np.ndarray

    @property
    def camera_turned_rad(self) -> float:
        """How far the camera turned away from where it looked at first; 0 where it was not followed."""
        first = self.world_from_camera[:1]
        if (self.world_from_camera == first).all():  # which an arc cosine does not tell
            return 0.0
        return float(angle_between(first, self.world_from_camera).max())

    def world_from_camera_at(self, times_s: np.ndarray) -> np.ndarray:
        """The camera's axes at other times than the frames': [N] seconds -> [N, 3, 3]."""
        before, after, share = neighbours(self.track.timestamps_s, times_s)
        return slerp_matrices(self.world_from_camera[before], self.world_from_camera[after], share)

    def start_m(self, options: MotionOptions) -> np.ndarray:
        """What of the ground lies where the character rests: where the person was at first, or the camera. [3]."""
        from_m = self.camera_path_m if options.place_as_filmed else self.path_m
        return from_m[0] * [1, 1, 0]

    def facing_ahead(self) -> Performance:
        """The same with hips that face -y all the time: the camera goes round the person instead."""
        turns = facing_ahead(self.joints_m, self.track.timestamps_s)
        return replace(
            self,
            joints_m=apply(turns[:, None], self.joints_m),
            parts_m=apply(turns[:, None], self.parts_m),
            world_from_camera=turns @ self.world_from_camera,
            camera_path_m=self.path_m + apply(turns, self.camera_path_m - self.path_m),
        )

    @property
    def camera_carried_m(self) -> float:
        """How far the camera was carried away from where it was at first; 0 where it was not followed."""
        return float(norm(self.camera_path_m - self.camera_path_m[0]).max())

    def camera_path_at(self, times_s: np.ndarray) -> np.ndarray:
        """The camera's place at other times: [N] seconds -> [N, 3]."""
        return np.stack([np.interp(times_s, self.track.timestamps_s, axis) for axis in self.camera_path_m.T], axis=1)


def perform(track: Pose3DTrack, options: MotionOptions, *, contacts: Sequence[Contact] | None = None) -> Performance:
    """Camera, path and contacts of a track. contacts: what the user made of them; None: found.

    Raises Pose3DError if no frame of the track has a person, or the person has no legs.
    """
    if not track.detected.any():
        raise Pose3DError("Nobody was found in the clip.", hint="Choose a clip or a frame range that shows a person.")
    leg_length_m(track.positions_m.astype(float))  # raises for a body without size
    nearest = nearest_valid(track.detected)
    seen = in_camera(track, landmarks_of(track, nearest), options)
    world = settled(seen, options)
    if options.guess_steps:
        world = with_standing_legs(with_hidden_steps(world, seen), seen)
    world = on_the_floor(world, seen)
    if contacts is not None:  # the camera stays where it was: one marker that is moved does not tilt the ground
        world = replace(world, mask=mask_of(contacts, seen.times_s))
    world = replace(world, lift_m=np.where(world.mask.reshape(-1, 2, 2).any(axis=2), 0.0, world.lift_m))
    if not options.level_ground:
        world = on_uneven_ground(world, seen, contacts_given=contacts is not None)
    path = world.fitted_m(seen, ground_m=world.ground_m) if options.steady_path else world.seen_m
    camera, ground_m = world.camera, -world.camera.height_m - SOLE_BELOW_M
    if "height" not in camera.given:
        camera = replace(camera, height_m=camera.height_m + SOLE_BELOW_M)
    lowest = np.concatenate([world.joints_m[..., 2], world.parts_m[..., 2]], axis=1).min(axis=1)
    floor_m = min(0.0, float(world.under_m.min()))
    path = above_ground(path - [0, 0, ground_m], lowest, seen.found, ~world.cut_off, seen.times_s, floor_m=floor_m)
    return Performance(
        track=track,
        joints_m=world.joints_m,
        path_m=path,
        parts_m=world.parts_m,
        mask=world.mask,
        stands=world.stands,
        contacts=contacts_of(world.mask, seen.times_s),
        lift_m=world.lift_m,
        under_m=world.under_m,
        camera=camera,
        camera_motion=seen.followed.motion,
        world_from_camera=world_from_camera(camera.pose) @ seen.followed.first_from,
        camera_path_m=world.eye_m + [0.0, 0.0, camera.height_m],
        focal_length_px=seen.focal_length_px,
        depth_m=seen.depth_m,
        smoothing=options.smoothing,
        marks=seen.marks,
        nearest=nearest,
        sure=seen.sure,
    )
