"""The person in the world: what the clip says, before any rig is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..coordinates import world_from_camera
from ..errors import Pose3DError
from ..filtering import calmed, nearest_valid, smoothed
from ..resample import neighbours
from ..rotations import angle_between, apply, norm, slerp_matrices, swing, transposed, unit
from ..skeleton import INDEX
from ..solve import facing_ahead, leg_length_m
from ..tracks import Pose3DTrack
from .body import SIDES, Landmarks, landmarks_of, with_constant_bones
from .by_feet import first_guess_m, settled_m
from .camera import CameraEstimate, estimate_camera, without_slant
from .contacts import PARTS, UNSEEN, Contact, contacts_of, heels_off, how_seen, mask_of, speeds, standing, stretches
from .edges import edges_of
from .foreshortening import with_reach
from .limits import limited
from .moving import SeenFeet, camera_told, follow
from .options import CameraMotion, MotionOptions, Smoothing
from .root import DEPTH_SHARE, fitted_path, rays_of, seen_path, without_false_starts
from .standing_legs import hidden_legs, knees_inside, standing_legs
from .uneven import ground_under
from .unseen import guessed_steps

# How the motion engine knows a lens that is no guess.
_KNOWN_LENSES = ("given", "metadata")
# MediaPipe's heel and toe are points on the shoe, this far above the sole.
SOLE_BELOW_M = 0.035
# How many times what noise explains the smoothing may change a position.
PATIENCE: dict[Smoothing, float] = {Smoothing.NONE: 0.0, Smoothing.LIGHT: 1.0, Smoothing.NORMAL: 2.5, Smoothing.STRONG: 6.0}
_JOINT_NOISE_M, _PATH_NOISE_M, _FOOT_NOISE_M = 0.004, 0.006, 0.006
_LEAST_WEIGHT = 0.05
SIGMA_S: dict[Smoothing, float] = {Smoothing.NONE: 0.0, Smoothing.LIGHT: 0.02, Smoothing.NORMAL: 0.04, Smoothing.STRONG: 0.08}
_FOOT_STEADY_S = 0.04
# What a focal length in millimetres refers to.
PICTURE_MM = 36.0
# What somebody's balance is seen by.
_STANCE = [INDEX[f"{side}_{part}"] for side in SIDES for part in ("ankle", "knee", "hip", "shoulder")]
_TRUNK = [INDEX[f"{side}_{part}"] for side in SIDES for part in ("hip", "shoulder")]
# Of the leg's length: hips that are higher above the feet than this are carried by them.
_UPRIGHT = 0.5
_ROUNDS = 3


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
    leg_m = leg_length_m(track.positions_m.astype(float))  # raises for a body without size
    times = track.timestamps_s.astype(float)
    nearest = nearest_valid(track.detected)
    marks = landmarks_of(track, nearest)
    sure = np.where(track.detected, track.confidence.mean(axis=1), 0.0)
    focal, joints, seen = _refocused(track, marks, options)
    seen = without_false_starts(seen, track.detected, times)
    if options.constant_bones:
        lifted = joints
        joints = with_constant_bones(joints, track.confidence)
        if options.full_reach:
            joints = with_reach(joints, lifted, seen, marks, times, focal, track.image_size_px)
    if options.joint_limits:
        joints = limited(joints)
    # From here on in the axes of the first frame's camera.
    stance_sure, trunk_sure = (np.where(track.detected, track.confidence[:, of].min(axis=1), 0.0) for of in (_STANCE, _TRUNK))
    lens_known = options.focal_length_mm is not None or track.provenance.get("focal_length") in _KNOWN_LENSES
    edges = edges_of(track, focal, lens_known=lens_known)
    joints = without_slant(joints, seen, stance_sure, options, edges)
    feet, foot_sure = _feet(joints, seen, marks, track, focal)
    followed = follow(track, focal, SeenFeet(joints, feet, seen, foot_sure, stance_sure, edges), options)
    motion, first_from, carried = followed.motion, followed.first_from, followed.carried_m
    joints, seen = apply(first_from[:, None], joints), apply(first_from, seen)
    patience = PATIENCE[options.smoothing]
    joints = calmed(joints, times, patience=patience, noise=_JOINT_NOISE_M, weights=np.maximum(track.confidence, _LEAST_WEIGHT))
    seen = calmed(seen[:, None], times, patience=patience, noise=_PATH_NOISE_M)[:, 0]
    camera_from = transposed(first_from)
    seen_now = apply(camera_from, seen)
    feet, foot_sure = _feet(apply(camera_from[:, None], joints), seen_now, marks, track, focal)  # [T, 4, 3], [T, 4]
    feet = apply(first_from[:, None], feet)
    # The line of sight from where the camera is, and how far it was carried: seen = line + eye.
    line = seen
    steady = calmed(feet, times, patience=patience, noise=_FOOT_NOISE_M, weights=np.maximum(foot_sure, _LEAST_WEIGHT))
    held_sure = how_seen(foot_sure)
    path_camera = line + carried
    camera = estimate_camera(joints, path_camera, stance_sure, np.zeros((0, 3)), options, edges, trunk_sure=trunk_sure)
    if followed.by_feet is not None:
        turn = world_from_camera(camera.pose)
        carried = apply(turn.T, first_guess_m(apply(turn, line[:, None] + feet), foot_sure, times))
        path_camera = line + carried
    mask = np.zeros((len(times), 4), bool)
    for _ in range(_ROUNDS):
        turn = world_from_camera(camera.pose)
        parts, path = apply(turn, steady), apply(turn, path_camera)
        line_world, eye_world = apply(turn, line), _level(apply(turn, carried))
        mask = standing(apply(turn, feet), path, eye_world, foot_sure, times)
        if followed.by_feet is not None:
            ahead = replace(followed.by_feet, sight=apply(turn, followed.by_feet.sight))
            eye_world = settled_m(eye_world, line_world[:, None] + parts, mask * held_sure, times, ahead)
            carried = apply(turn.T, eye_world)
        seen_world = line_world + eye_world
        path = (
            fitted_path(seen_world, line_world, sure, parts, mask, held_sure, times, ground_m=None)
            if options.steady_path
            else seen_world
        )
        path_camera = apply(turn.T, path)
        # A camera's height stays, wherever it goes.
        beside = apply(turn.T, path - eye_world) if followed.by_feet is not None else path_camera
        # Where somebody sits or lies, feet touch the ground with their sides.
        upright = -parts[..., 2].min(axis=1) > _UPRIGHT * leg_m
        stands = mask & (held_sure > 0.5) & upright[:, None]
        points = _standing_points(steady, beside, stands)
        camera = estimate_camera(joints, beside, stance_sure, points, options, edges, trunk_sure=trunk_sure)
    turn = world_from_camera(camera.pose)
    parts, line_world, eye_world = apply(turn, steady), apply(turn, line), _level(apply(turn, carried))
    seen_world = line_world + eye_world
    path = apply(turn, path_camera)
    mask = heels_off(mask, speeds(path[:, None] + parts, times, eye_m=eye_world))
    lift = np.zeros((len(times), 2))
    # A camera that moved, nobody knows how far, makes everybody walk.
    unknown = track.background_way_share is None and camera_told(track) in ("turning", "moving")
    if options.guess_steps and not unknown and (motion is not CameraMotion.CARRIED or carried.any()):
        hips = apply(turn, joints[:, INDEX["left_hip"]] - joints[:, INDEX["right_hip"]])
        wrists = apply(turn, joints[:, [INDEX[f"{side}_wrist"] for side in SIDES]])
        hidden = smoothed(foot_sure, times, _FOOT_STEADY_S).max(axis=1) <= 2 * UNSEEN
        guessed, lift = guessed_steps(path, hips, wrists, track.detected & hidden & ~mask.any(axis=1), times)
        mask = mask | guessed
    joints = apply(turn, joints)
    ground = -camera.height_m
    stands = np.zeros(len(times))
    cut_off = hidden_legs(track.confidence, track.detected, unit(joints[:, INDEX["thorax"]])[:, 2], seen_world[:, 2], times)
    if options.guess_steps and not unknown and cut_off.any():
        known = camera.height_confidence > 0
        legs = standing_legs(
            joints,
            seen_world,
            line_world,
            parts,
            track.confidence,
            knees_inside(
                track.confidence, np.stack([marks.of(f"{side}_knee")[0] for side in SIDES], axis=1), track.image_size_px
            ),
            cut_off,
            np.asarray(lift.any(axis=1) | mask.any(axis=1)),
            times,
            ground_m=ground if known else None,
        )
        joints, parts, stands, mask = legs.joints_m, legs.parts_m, legs.stands, mask | legs.mask
        held_sure = np.maximum(held_sure, legs.sure)
        if not known:
            ground = legs.ground_m
            camera = replace(camera, height_m=-ground)
    if contacts is not None:  # the camera stays where it was: one marker that is moved does not tilt the ground
        mask = mask_of(contacts, times)
    lift = np.where(mask.reshape(-1, 2, 2).any(axis=2), 0.0, lift)
    under = np.zeros((len(times), 2))
    if not (options.level_ground or cut_off.any() or unknown or followed.by_feet is not None):
        free = fitted_path(seen_world, line_world, sure, parts, mask, held_sure, times, ground_m=None)
        heights = free[:, 2:] + parts[..., 2]
        stands_on = mask & (held_sure > 0.5)
        under, kept = ground_under(heights, DEPTH_SHARE * np.abs(line_world[:, 2]), stands_on, times)
        if contacts is None:
            mask = mask & (kept | ~stands_on)
        if under.any() and "height" not in camera.given:
            ground = float(np.median((heights - under.repeat(2, axis=1))[stands_on]))
            camera = replace(camera, height_m=-ground)
    path = seen_world
    if options.steady_path:
        grounds = ground + under.repeat(2, axis=1)
        path = fitted_path(seen_world, line_world, sure, parts, mask, held_sure, times, ground_m=grounds)
    if "height" not in camera.given:
        camera = replace(camera, height_m=camera.height_m + SOLE_BELOW_M)
    return Performance(
        track=track,
        joints_m=joints,
        path_m=path - [0, 0, ground - SOLE_BELOW_M],
        parts_m=parts,
        mask=mask,
        stands=stands,
        contacts=contacts_of(mask, times),
        lift_m=lift,
        under_m=under,
        camera=camera,
        camera_motion=motion,
        world_from_camera=turn @ first_from,
        camera_path_m=eye_world + [0.0, 0.0, camera.height_m],
        focal_length_px=focal,
        depth_m=seen_now[:, 2],
        smoothing=options.smoothing,
        marks=marks,
        nearest=nearest,
        sure=sure,
    )


def _level(eye_m: np.ndarray) -> np.ndarray:
    """Somebody who carries a camera walks on the ground, wherever it points: [T, 3], world axes."""
    return eye_m * [1.0, 1.0, 0.0]


def _refocused(track: Pose3DTrack, marks: Landmarks, options: MotionOptions) -> tuple[float, np.ndarray, np.ndarray]:
    """Focal length in pixels, joints and path [T, 3] for the lens that the user says; for none, as they are.

    The lifter looks at the pelvis: another lens turns its view, and so the joints, and moves the person nearer or farther.
    """
    joints, path = track.positions_m.astype(float), track.root_position_m.astype(float)
    if options.focal_length_mm is None:
        return track.focal_length_px, joints, path
    focal = options.focal_length_mm / PICTURE_MM * max(track.image_size_px)
    axis = np.array([0.0, 0.0, 1.0])
    was = path / path[:, 2:]
    now = was * [track.focal_length_px / focal, track.focal_length_px / focal, 1.0]
    joints = apply((swing(axis, now) @ swing(was, axis))[:, None], joints)
    return focal, joints, seen_path(joints, marks, focal, track.image_size_px)


def _mark(side: str, part: str) -> str:
    return f"{side}_heel" if part == "heel" else f"{side}_foot_index"


def _feet(
    joints: np.ndarray, path: np.ndarray, marks: Landmarks, track: Pose3DTrack, focal_length_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Heels and toes relative to the pelvis [T, 4, 3], camera axes, and how well they were seen [T, 4].

    Where the detector saw them they are on its lines of sight, at the depth of the lifted ankle: the picture says exactly
    whether a foot moves, a lifted leg does not.
    """
    times = track.timestamps_s
    places, trust = [], []
    for side, part in PARTS:
        pixels, world, sure = marks.of(_mark(side, part))
        reach = smoothed(world - marks.of(f"{side}_ankle")[1], times, _FOOT_STEADY_S)
        lifted = joints[:, INDEX[f"{side}_ankle"]] + reach
        ray = rays_of(pixels, focal_length_px, track.image_size_px)
        depth = np.maximum(path[:, 2] + lifted[:, 2], 0.3)
        seen = np.concatenate([ray, np.ones_like(ray[:, :1])], axis=1) * depth[:, None] - path
        share = smoothed(how_seen(sure), times, _FOOT_STEADY_S)[:, None]
        places.append(share * seen + (1 - share) * lifted)
        trust.append(np.minimum(track.confidence[:, INDEX[f"{side}_ankle"]], sure))
    return np.stack(places, axis=1), np.stack(trust, axis=1)


def _standing_points(parts: np.ndarray, path: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mean place of every contact, camera axes: [K, 3]."""
    places = path[:, None] + parts
    points = [
        places[first : last + 1, column].mean(axis=0)
        for column in range(mask.shape[1])
        for first, last in stretches(mask[:, column])
        if last > first
    ]
    return np.array(points).reshape(-1, 3)
