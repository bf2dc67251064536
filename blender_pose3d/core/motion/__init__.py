"""From a track to a motion that an animator can use: camera, path, contacts, legs. Numpy only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..fingers import followed
from ..kinematics import PosedRig
from ..preset import SIDES
from ..rig import RigSpec
from ..rotations import about_axis, apply, unit
from ..skeleton import INDEX
from ..solve import FOUND_BEND_RAD, FromHips, Pose, as_motion, heading_of, leg_length_m, own_turns, turn_from_face, upper_motion
from ..tracks import Pose3DTrack, RigMotion
from ..upright import leaning, upright
from .camera import CameraEstimate
from .contacts import Contact
from .extremities import foot_directions, lay_hands, turn_hands, turned_foot
from .legs import lock_feet
from .options import PATIENCE, SIGMA_S, CameraMotion, MotionOptions, Smoothing
from .performance import Performance, perform

__all__ = [
    "CameraEstimate",
    "CameraMotion",
    "Contact",
    "MotionOptions",
    "Performance",
    "Smoothing",
    "SolvedMotion",
    "onto_rig",
    "perform",
    "solve_motion",
]

_UP = np.array([0.0, 0.0, 1.0])
_SURE_LEGS = 0.5


@dataclass(frozen=True)
class SolvedMotion:
    """motion: what is keyed; person: camera, path and contacts that it comes from."""

    motion: RigMotion
    person: Performance


def solve_motion(
    track: Pose3DTrack, rig: RigSpec, options: MotionOptions | None = None, *, contacts: Sequence[Contact] | None = None
) -> SolvedMotion:
    """Solve a track onto a rig, at the track's own timestamps. contacts: as the user has changed those of an earlier result.

    Raises Pose3DError if no frame has a person, a contact is none, or the rig has no feet.
    """
    options = options or MotionOptions()
    person = perform(track, options, contacts=contacts)
    return SolvedMotion(onto_rig(person, rig, options), person)


def onto_rig(person: Performance, rig: RigSpec, options: MotionOptions) -> RigMotion:
    """A person's motion as the rig's own: limb directions as they were, feet on the ground by the rig's own legs."""
    if (stands := upright(rig)) is not None:
        return leaning(onto_rig(person, stands, options), rig, stands)
    if options.upper_body:
        person = person.facing_ahead()
    track = person.track
    times = track.timestamps_s.astype(float)
    heading = heading_of(rig)
    turn = about_axis(_UP, heading)
    pose = Pose(apply(turn, person.joints_m), times, rig)
    face = turn_from_face(track, turn @ person.world_from_camera, pose, rig, sigma_s=1.5 * SIGMA_S[options.smoothing])
    own = own_turns(pose, rig, face, upper_body=options.upper_body, bend_rad=FOUND_BEND_RAD)
    for side in SIDES if options.orient_feet and not options.upper_body else ():
        foot, shin = rig.bone(f"{side}_foot"), rig.bone(f"{side}_shin")
        if foot is not None and shin is not None:
            usual = unit(apply(rig.world_from_armature[:3, :3], apply(own[foot], pose.front)))
            own[foot] = turned_foot(foot_directions(person, side, usual, heading), own[foot], own[shin], pose, rig)
    if options.orient_hands:
        turn_hands(person, rig, own, pose, heading, follow_hands=options.follow_hands)
    scale = rig.leg_length_m / leg_length_m(person.joints_m)
    if options.upper_body:
        motion = upper_motion(PosedRig(rig, own, len(times)), times, heading_rad=heading, scale=scale)
    else:
        motion = _whole_motion(person, rig, options, pose, own, heading=heading, scale=scale)
    return followed(motion, rig, track, patience=PATIENCE[options.smoothing]) if options.follow_hands else motion


def _whole_motion(
    person: Performance,
    rig: RigSpec,
    options: MotionOptions,
    pose: Pose,
    own: dict[int, np.ndarray],
    *,
    heading: float,
    scale: float,
) -> RigMotion:
    """The path, and legs that hold the feet on the ground."""
    track, times = person.track, pose.timestamps_s
    turn = about_axis(_UP, heading)
    path = scale * apply(turn, person.path_m - person.start_m(options))
    middle_rest = rig.world_points(rig.middle("thigh"))
    path = path + [middle_rest[0], middle_rest[1], rig.ground_m]
    legs = [INDEX[f"{side}_{part}"] for side in SIDES for part in ("knee", "ankle")]
    legs_seen = np.clip(track.confidence[:, legs].mean(axis=1) / _SURE_LEGS, 0.0, 1.0) * track.detected
    heights = {"lift_m": scale * person.lift_m, "under_m": scale * person.under_m}
    seen = {"legs_seen": legs_seen, "stands": person.stands}
    own, path = lock_feet(rig, pose, own, path, person.mask, times, **seen, **heights, lock=options.foot_lock)
    if options.in_place:
        path = np.concatenate([np.broadcast_to(middle_rest[:2], (len(path), 2)), path[:, 2:]], axis=1)
    if not options.keep_vertical:
        path = np.concatenate([path[:, :2], np.full((len(path), 1), middle_rest[2])], axis=1)
    body = PosedRig(rig, own, len(path))
    if options.orient_hands:
        from_hips, hands = FromHips(body), {side: rig.bone(f"{side}_hand") for side in SIDES}
        wrists_m = {side: path + from_hips.head_m(hand) for side, hand in hands.items() if hand is not None}
        lay_hands(rig, own, wrists_m, rig.ground_m + scale * float(person.under_m.min()))
        body = PosedRig(rig, own, len(path))
    root = rig.index[rig.mapping.root]
    location = path + FromHips(body).head_m(root) - rig.rest_heads_world_m[root]
    return as_motion(body, location, times, heading_rad=heading, scale=scale)
