"""The person in the world: which way is up, where the ground is, where they went and where feet stood.

Each stage takes an InWorld and gives one in which it knows more.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..coordinates import world_from_camera
from ..filtering import smoothed
from ..rotations import apply, unit
from ..skeleton import INDEX
from ..solve import leg_length_m
from .body import SIDES
from .by_feet import first_guess_m, settled_m
from .camera import CameraEstimate, estimate_camera, mass_m
from .contacts import UNSEEN, falling, heels_off, how_seen, overhead, speeds, standing, stretches
from .in_camera import InCamera
from .options import CameraMotion, MotionOptions
from .root import DEPTH_SHARE, fitted_path
from .standing_legs import hidden_legs, knees_inside, standing_legs
from .uneven import ground_under
from .unseen import guessed_steps

_KNEES = [INDEX[f"{side}_knee"] for side in SIDES]
_ANKLES = [INDEX[f"{side}_ankle"] for side in SIDES]
# Of the leg's length: hips that are higher above the feet than this are carried by them.
_UPRIGHT = 0.5
# And knees that are not as high above them kneel.
_ON_FEET = 0.15
_ROUNDS = 3
_FOOT_STEADY_S = 0.04
# How well a foot in contact has to be seen to say where the ground is.
_HELD_SURELY = 0.5

# MediaPipe's heel and toe are points on the shoe, this far above the sole.
SOLE_BELOW_M = 0.035
# How deep joints are in the body that lies on them: of the trunk, and others.
_TRUNK_DEEP_M, _LIMB_DEEP_M = 0.09, 0.04
_TRUNK = [INDEX[name] for name in ("pelvis", "spine", "thorax", *(f"{s}_{part}" for s in SIDES for part in ("hip", "shoulder")))]
# Of somebody who never stands, this percentile of the heights of what is lowest is the ground.
_LOWEST = 10


@dataclass(frozen=True)
class InWorld:
    """One person, z up, seen from the origin at first. The ground is as far below it as the camera is high.

    camera: how it was held at first; joints_m [T, 17, 3] and heels and toes parts_m [T, 4, 3] relative to the pelvis; path_m
    [T, 3]: the pelvis, as camera and contacts were settled with; line_m [T, 3]: the pelvis from where the camera is in that
    frame, and eye_m [T, 3] where that is; mask [T, 4]: heels and toes in contact, and held_sure [T, 4] how sure that is; cut_off
    [T]: the picture ends above the feet; stands [T] 0 to 1: nobody saw the feet, and legs were put where they stand; lift_m
    [T, 2]: how high each foot is lifted in steps that nobody saw; under_m [T, 2]: how high the ground under each foot is above
    the lowest.
    """

    camera: CameraEstimate
    joints_m: np.ndarray
    parts_m: np.ndarray
    path_m: np.ndarray
    line_m: np.ndarray
    eye_m: np.ndarray
    mask: np.ndarray
    held_sure: np.ndarray
    cut_off: np.ndarray
    stands: np.ndarray
    lift_m: np.ndarray
    under_m: np.ndarray

    @property
    def seen_m(self) -> np.ndarray:
        """The pelvis where the camera saw it, frame by frame: [T, 3]."""
        return self.line_m + self.eye_m

    @property
    def ground_m(self) -> np.ndarray:
        """The height of heels and toes that stand: [T, 4]."""
        return -self.camera.height_m + self.under_m.repeat(2, axis=1)

    def fitted_m(self, seen: InCamera, *, ground_m: np.ndarray | None) -> np.ndarray:
        """The path with feet in contact that do not move, on ground at these heights [T, 4], if it is known: [T, 3]."""
        return fitted_path(
            self.seen_m, self.line_m, seen.sure, self.parts_m, self.mask, self.held_sure, seen.times_s, ground_m=ground_m
        )


def settled(seen: InCamera, options: MotionOptions) -> InWorld:
    """Camera, path and contacts, each found from the others in turns."""
    times, by_feet, held_sure = seen.times_s, seen.followed.by_feet, how_seen(seen.foot_sure)
    leg_m = leg_length_m(seen.track.positions_m.astype(float))

    def camera_for(path: np.ndarray, points: np.ndarray) -> CameraEstimate:
        return estimate_camera(
            seen.joints_m,
            path,
            seen.stance_sure,
            points,
            options,
            seen.edges,
            trunk_sure=seen.trunk_sure,
            leg_sure=seen.leg_sure,
        )

    # In the first camera's axes: how far it was carried, and the pelvis.
    carried = seen.followed.carried_m
    camera = camera_for(seen.line_m + carried, np.zeros((0, 3)))
    turn = world_from_camera(camera.pose)
    if by_feet is not None:
        guess = first_guess_m(apply(turn, seen.line_m[:, None] + seen.feet_m), seen.foot_sure, times)
        carried = apply(turn.T, guess)
    path_camera = seen.line_m + carried
    mask, mass = np.zeros(seen.foot_sure.shape, bool), seen.line_m + mass_m(seen.joints_m)
    for _ in range(_ROUNDS):
        turn = world_from_camera(camera.pose)
        parts, path = apply(turn, seen.steady_feet_m), apply(turn, path_camera)
        line, eye = apply(turn, seen.line_m), _level(apply(turn, carried))
        in_the_air = falling(apply(turn, mass)[:, 2], times) & seen.found
        mask = standing(apply(turn, seen.feet_m), path, eye, seen.foot_sure, times, in_the_air)
        mask &= ~overhead(apply(turn, seen.joints_m[:, _ANKLES])[..., 2], times)
        if by_feet is not None:
            ahead = replace(by_feet, sight=apply(turn, by_feet.sight))
            eye = settled_m(eye, line[:, None] + parts, mask * held_sure, times, ahead)
            carried = apply(turn.T, eye)
        path = line + eye
        if options.steady_path:
            path = fitted_path(path, line, seen.sure, parts, mask, held_sure, times, ground_m=None)
        path_camera = apply(turn.T, path)
        # A camera's height stays, wherever it goes.
        beside = apply(turn.T, path - eye) if by_feet is not None else path_camera
        # Where somebody sits or lies, feet touch the ground with their sides.
        upright = -parts[..., 2].min(axis=1) > _UPRIGHT * leg_m
        over_feet = apply(turn, seen.joints_m[:, _KNEES])[..., 2].repeat(2, axis=1) - parts[..., 2] > _ON_FEET * leg_m
        stands = mask & (held_sure > _HELD_SURELY) & upright[:, None] & over_feet
        camera = camera_for(beside, _standing_points(seen.steady_feet_m, beside, stands))
    turn = world_from_camera(camera.pose)
    joints, parts = apply(turn, seen.joints_m), apply(turn, seen.steady_feet_m)
    line, eye, path = apply(turn, seen.line_m), _level(apply(turn, carried)), apply(turn, path_camera)
    track, trunk_up = seen.track, unit(joints[:, INDEX["thorax"]])[:, 2]
    return InWorld(
        camera=camera,
        joints_m=joints,
        parts_m=parts,
        path_m=path,
        line_m=line,
        eye_m=eye,
        mask=heels_off(mask, speeds(path[:, None] + parts, times, eye_m=eye)),
        held_sure=held_sure,
        cut_off=hidden_legs(track.confidence, track.detected, trunk_up, (line + eye)[:, 2], times),
        stands=np.zeros(len(times)),
        lift_m=np.zeros((len(times), 2)),
        under_m=np.zeros((len(times), 2)),
    )


def with_hidden_steps(world: InWorld, seen: InCamera) -> InWorld:
    """Steps are guessed where somebody walks and something hides both feet."""
    if seen.camera_lost or (seen.followed.motion is CameraMotion.CARRIED and not world.eye_m.any()):
        return world
    joints = world.joints_m
    left = joints[:, INDEX["left_hip"]] - joints[:, INDEX["right_hip"]]
    wrists = joints[:, [INDEX[f"{side}_wrist"] for side in SIDES]]
    hidden = smoothed(seen.foot_sure, seen.times_s, _FOOT_STEADY_S).max(axis=1) <= 2 * UNSEEN
    unseen = seen.track.detected & hidden & ~world.mask.any(axis=1)
    guessed, lift = guessed_steps(world.path_m, left, wrists, unseen, seen.times_s)
    return replace(world, mask=world.mask | guessed, lift_m=lift)


def with_standing_legs(world: InWorld, seen: InCamera) -> InWorld:
    """Who is filmed to the waist stands on legs that nobody saw; where no foot was ever seen, the ground is under these."""
    if seen.camera_lost or not world.cut_off.any():
        return world
    track, ground_known = seen.track, world.camera.height_confidence > 0
    knees_px = np.stack([seen.marks.of(f"{side}_knee")[0] for side in SIDES], axis=1)
    legs = standing_legs(
        world.joints_m,
        world.seen_m,
        world.line_m,
        world.parts_m,
        track.confidence,
        knees_inside(track.confidence, knees_px, track.image_size_px),
        world.cut_off,
        np.asarray(world.lift_m.any(axis=1) | world.mask.any(axis=1)),
        seen.times_s,
        ground_m=-world.camera.height_m if ground_known else None,
    )
    return replace(
        world,
        joints_m=legs.joints_m,
        parts_m=legs.parts_m,
        stands=legs.stands,
        mask=world.mask | legs.mask,
        held_sure=np.maximum(world.held_sure, legs.sure),
        camera=world.camera if ground_known else replace(world.camera, height_m=-legs.ground_m),
    )


def on_the_floor(world: InWorld, seen: InCamera) -> InWorld:
    """The ground under somebody who lies, sits on it or crawls all the time: no foot tells of it, but what is lowest."""
    ground_known = world.camera.height_confidence > 0 or "height" in world.camera.given
    told = seen.found & (seen.leg_sure > UNSEEN)
    if ground_known or world.cut_off.any() or not told.any():
        return world
    deep = np.full(len(INDEX), _LIMB_DEEP_M)
    deep[_TRUNK] = _TRUNK_DEEP_M
    parts, joints = world.parts_m[..., 2] - SOLE_BELOW_M, world.joints_m[..., 2] - deep
    lowest = world.fitted_m(seen, ground_m=None)[:, 2] + np.concatenate([parts, joints], axis=1).min(axis=1)
    ground = float(np.percentile(lowest[told], _LOWEST))
    return replace(world, camera=replace(world.camera, height_m=-ground - SOLE_BELOW_M))


def on_uneven_ground(world: InWorld, seen: InCamera, *, contacts_given: bool) -> InWorld:
    """Where somebody climbs stairs or a box, feet stand as high as they did. Contacts that the user gave all stay."""
    if world.cut_off.any() or seen.camera_lost or seen.followed.by_feet is not None:
        return world
    heights = world.fitted_m(seen, ground_m=None)[:, 2:] + world.parts_m[..., 2]
    stands_on = world.mask & (world.held_sure > _HELD_SURELY)
    under, kept = ground_under(heights, DEPTH_SHARE * np.abs(world.line_m[:, 2]), stands_on, seen.times_s)
    if not contacts_given:
        world = replace(world, mask=world.mask & (kept | ~stands_on))
    if under.any() and "height" not in world.camera.given:
        ground = float(np.median((heights - under.repeat(2, axis=1))[stands_on]))
        world = replace(world, camera=replace(world.camera, height_m=-ground))
    return replace(world, under_m=under)


def _level(eye_m: np.ndarray) -> np.ndarray:
    """Somebody who carries a camera walks on the ground, wherever it points: [T, 3], world axes."""
    return eye_m * [1.0, 1.0, 0.0]


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
