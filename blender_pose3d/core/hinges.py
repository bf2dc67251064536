"""Limbs as an IK solver bends them: about one axis of the elbow or knee, which lies in one plane with the pole target.

A solved limb is nearly that already; where it is almost straight, its joint is off the plane by a little. What is changed is the
place of elbow or knee, never that of wrist or ankle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .kinematics import PosedRig, posed
from .preset import SIDES
from .rig import RigSpec
from .rotations import about_axis, apply, continuous, frame, quaternion_from_matrix, transposed, unit
from .solve import hinge_axes, limb_axis
from .tracks import RigMotion

# A limb bent by this much bends in its own plane: in that of a straight limb its elbow would be in another place.
_PLANE_BEND_RAD = np.radians(6.0)


@dataclass(frozen=True)
class Limb:
    """upper, lower and end (None: has none): bones that the motion turns; role: the end's, such as "left_hand"."""

    role: str
    upper: int
    lower: int
    end: int | None


def limbs_of(rig: RigSpec) -> dict[str, Limb]:
    """Arms and legs by the role of their end, by the armature's own left and right."""
    found = {}
    for side in SIDES:
        for upper, lower, end in (("upper_arm", "forearm", "hand"), ("thigh", "shin", "foot")):
            names = [rig.mapping.bone(f"{side}_{part}") for part in (upper, lower, end)]
            bones = [None if name is None else rig.index[name] for name in names]
            if bones[0] is not None and bones[1] is not None and rig.is_below(bones[1], bones[0]):
                found[f"{side}_{end}"] = Limb(f"{side}_{end}", bones[0], bones[1], bones[2])
    return found


def solved_axis(rig: RigSpec, limb: Limb) -> np.ndarray:
    """The axis that the solve takes for the elbow's or knee's, at rest: [3], armature axes."""
    return limb_axis(rig, limb.upper, limb.lower, _end(rig, limb))


def hinged(rig: RigSpec, motion: RigMotion, hinges: dict[str, np.ndarray]) -> RigMotion:
    """The motion with limbs that bend about the given axes [3] only (armature axes at rest), by the role of their end."""
    limbs = limbs_of(rig)
    body = posed(rig, motion)
    turns: dict[int, np.ndarray] = {}
    for role, hinge in hinges.items():
        limb = limbs[role]
        upper_rest = rig.rest_heads[limb.lower] - rig.rest_heads[limb.upper]
        lower_rest = _end(rig, limb) - rig.rest_heads[limb.lower]
        upper = body.turn(limb.upper)
        whole = apply(upper, upper_rest) + apply(body.turn(limb.lower), lower_rest)
        a, b = np.linalg.norm(upper_rest), np.linalg.norm(lower_rest)
        distance = np.maximum(np.linalg.norm(whole, axis=-1), 1e-9)
        along = unit(whole)
        ways = unit(apply(upper, upper_rest)), unit(apply(body.turn(limb.lower), lower_rest))
        solved = apply(upper, solved_axis(rig, limb))
        first, second, usual = (way[None] for way in (*ways, solved))
        axis = hinge_axes(first, second, usual, motion.timestamps_s, bend_rad=_PLANE_BEND_RAD)[0]
        axis = unit(axis - (axis * along).sum(-1, keepdims=True) * along)
        at_start = np.arccos(np.clip((a**2 + distance**2 - b**2) / (2 * a * distance), -1, 1))
        at_end = np.arccos(np.clip((b**2 + distance**2 - a**2) / (2 * b * distance), -1, 1))
        for bone, angle, way in ((limb.upper, -at_start, upper_rest), (limb.lower, at_end, lower_rest)):
            now = apply(about_axis(axis, angle), along)
            turns[bone] = frame(now, axis) @ transposed(frame(way, hinge))
    return with_limbs(rig, motion, body, turns)


def with_limbs(rig: RigSpec, motion: RigMotion, body: PosedRig, turns: dict[int, np.ndarray]) -> RigMotion:
    """The motion with other D [T, 3, 3] of limbs' upper and lower bones; their ends stay turned as they are. body: it, posed."""
    rotations = motion.rotations_wxyz.copy()
    for limb in limbs_of(rig).values():
        if limb.upper not in turns:
            continue
        bones = [limb.upper, limb.lower, *([] if limb.end is None else [limb.end])]
        carrier = None
        for bone in bones:
            delta = turns[bone] if bone in turns else body.turn(bone)
            parent = int(rig.parents[bone])
            base = np.broadcast_to(np.eye(3), delta.shape)
            if parent >= 0 and rig.inherits_rotation[bone]:
                base = body.turn(parent)
                if carrier is not None:  # a bone between keeps its place on the limb's
                    base = turns[carrier] @ transposed(body.turn(carrier)) @ base
            rest = rig.rest_rotations[bone]
            own = quaternion_from_matrix(transposed(rest) @ transposed(base) @ delta @ rest)
            rotations[:, motion.bone_names.index(rig.bone_names[bone])] = own
            carrier = bone
    return replace(motion, rotations_wxyz=continuous(rotations))


def _end(rig: RigSpec, limb: Limb) -> np.ndarray:
    if limb.end is not None and np.linalg.norm(rig.rest_heads[limb.end] - rig.rest_heads[limb.lower]) > 1e-9:
        return rig.rest_heads[limb.end]
    return rig.rest_tails[limb.lower]
