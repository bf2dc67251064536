"""Armatures whose rest pose leans as a whole: a glTF file rests as its root node happens to be turned when it was written.

Feet are level and the head faces ahead in a body that stands, so that one is solved, and its motion is turned back.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .kinematics import location_axes
from .preset import SIDES
from .rig import RigSpec
from .rotations import apply, continuous, matrix_from_quaternion, quaternion_from_matrix, swing, unit
from .tracks import RigMotion

_UP = np.array([0.0, 0.0, 1.0])
# Cosines with the vertical: of a body that is upright, and of one that may still be set upright; with the trunk: of legs that
# are one line with it.
UPRIGHT, _STANDS, _STRAIGHT = np.cos(np.radians((20.0, 60.0, 30.0))).tolist()


def body_ways(heads_m: np.ndarray, rig: RigSpec) -> np.ndarray | None:
    """Of heads [T, B, 3]: from the hips to the shoulders, from the knees to the hips and from the ankles to the knees: [T, 5, 3].
    None for a rig without two feet.
    """
    parts = ("thigh", "shin", "foot", "upper_arm")
    bones = [bone for part in parts for side in SIDES if (bone := rig.bone(f"{side}_{part}")) is not None]
    if len(bones) < 2 * len(parts):
        return None
    thighs, shins, feet, arms = np.split(heads_m[:, bones], len(parts), axis=1)
    trunk = arms.mean(axis=1, keepdims=True) - thighs.mean(axis=1, keepdims=True)
    return unit(np.concatenate([trunk, thighs - shins, shins - feet], axis=1))


def is_straight(ways: np.ndarray) -> bool:
    """Of one body's ways [5, 3]: whether its legs are in line with its trunk."""
    return bool(np.min(ways[1:] @ ways[0]) > _STRAIGHT)


def with_rest(rig: RigSpec, heads_m: np.ndarray, turns: np.ndarray) -> RigSpec:
    """The rig with bones whose heads are at [B, 3] at rest, and that are turned by [B, 3, 3] there, both in the world."""
    linear, place_m = rig.world_from_armature[:3, :3], rig.world_from_armature[:3, 3]
    tails_m = heads_m + apply(turns, apply(linear, rig.rest_tails - rig.rest_heads))

    def moved(bone: int, points: np.ndarray) -> np.ndarray:
        return apply(
            rig.armature_from_world, heads_m[bone] + apply(turns[bone] @ linear, points - rig.rest_heads[bone]) - place_m
        )

    return replace(
        rig,
        rest_heads=apply(rig.armature_from_world, heads_m - place_m),
        rest_tails=apply(rig.armature_from_world, tails_m - place_m),
        rest_rotations=rig.armature_from_world @ turns @ linear @ rig.rest_rotations,
        soles={bone: moved(bone, points) for bone, points in rig.soles.items()},
        body={bone: moved(bone, points) for bone, points in rig.body.items()},
    )


def set_upright(rig: RigSpec) -> RigSpec:
    """The rig with its rest pose turned about the middle of the hips until the shoulders are above the ankles."""
    rest_m = rig.rest_heads_world_m
    middle_m = rig.world_points(rig.middle("thigh"))
    turn = swing(_line(rig), _UP)
    return with_rest(rig, middle_m + apply(turn, rest_m - middle_m), np.broadcast_to(turn, (len(rest_m), 3, 3)))


def upright(rig: RigSpec) -> RigSpec | None:
    """The rig as it would be if its rest pose stood; None where it does, or where it is none of a straight body."""
    linear = rig.world_from_armature[:3, :3]
    scale = np.cbrt(abs(np.linalg.det(linear)))
    ways = body_ways(rig.rest_heads_world_m[None], rig)
    hips, thigh = rig.bone("hips"), rig.bone("left_thigh")
    assert hips is not None and thigh is not None
    if ways is None or not is_straight(ways[0]) or not rig.is_below(thigh, hips) or not _STANDS < _line(rig)[2] < UPRIGHT:
        return None
    if np.abs(linear.T @ linear / scale**2 - np.eye(3)).max() > 1e-3:
        return None
    stands = set_upright(rig)
    height_m = _ankles_m(stands) - rig.world_from_armature[2, 3]
    if 0.02 * rig.leg_length_m < height_m < 0.35 * rig.leg_length_m:
        if stands.sole is None:
            return stands
        # Soles that are seen stand where ankles of that height say that the ground is.
        down_m = [0, 0, height_m - stands.sole.below_m]
        return with_rest(stands, stands.rest_heads_world_m - down_m, np.broadcast_to(np.eye(3), rig.rest_rotations.shape))
    # Whoever leans with the feet where they stand has the hips too low.
    down_m = [0, 0, _ankles_m(stands) - _ankles_m(rig)]
    return with_rest(stands, stands.rest_heads_world_m - down_m, np.broadcast_to(np.eye(3), rig.rest_rotations.shape))


def turned_upright(rig: RigSpec, stands: RigSpec) -> np.ndarray:
    """[3, 3] in armature axes: from the rest pose as it is to the one that stands."""
    return np.asarray(stands.rest_rotations[0] @ rig.rest_rotations[0].T)


def _line(rig: RigSpec) -> np.ndarray:
    """From the ankles to the shoulders at rest, world axes."""
    return unit(rig.world_points(rig.middle("upper_arm")) - rig.world_points(rig.middle("foot")))


def _ankles_m(rig: RigSpec) -> float:
    """Height of the lower ankle at rest."""
    return min(float(rig.rest_heads_world_m[bone, 2]) for side in SIDES if (bone := rig.bone(f"{side}_foot")) is not None)


def ground_m(rig: RigSpec) -> float:
    """Height of the ground in the world under the character, if it stood at rest."""
    return (upright(rig) or rig).ground_m


def leaning(motion: RigMotion, rig: RigSpec, stands: RigSpec) -> RigMotion:
    """The motion of the rig that stands as the same motion of the rig as it is. Where hips and legs are left alone, the rest
    moves against them as it is.
    """
    if motion.left_alone:
        return motion
    hips = rig.index[rig.mapping.bones["hips"][0]]
    turn = turned_upright(rig, stands)
    turned = set(rig.turned_bones())
    rotations = motion.rotations_wxyz.copy()
    for k, name in enumerate(motion.bone_names):
        bone = rig.index[name]
        if bone not in turned or _follows(rig, bone, turned):
            continue
        rest = rig.rest_rotations[bone]
        rotations[:, k] = quaternion_from_matrix(rest.T @ turn @ rest @ matrix_from_quaternion(rotations[:, k]))
    location_m = motion.root_location_m + stands.rest_heads_world_m[hips] - rig.rest_heads_world_m[hips]
    axes = location_axes(rig, rig.index[motion.root_bone])
    basis = apply(axes.T, apply(rig.armature_from_world, location_m))
    return replace(motion, rotations_wxyz=continuous(rotations), root_location_m=location_m, root_basis_location=basis)


def _follows(rig: RigSpec, bone: int, turned: set[int]) -> bool:
    """Whether a bone inherits the turn of one of these."""
    while rig.inherits_rotation[bone] and rig.parents[bone] >= 0:
        bone = int(rig.parents[bone])
        if bone in turned:
            return True
    return False
