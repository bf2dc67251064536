"""Limbs that are straight, or nearly: nothing shows about which axis they would bend, so they do as people's."""

from __future__ import annotations

import numpy as np
import pytest

from blender_pose3d.core.rotations import unit
from blender_pose3d.core.skeleton import INDEX
from blender_pose3d.core.solve import SolveOptions, solve
from tests.core.performances import joints_world_m, track_of
from tests.core.rigs import angle_deg, build, object_matrix, posed

_LEFT, _AHEAD, _UP = np.array([1.0, 0, 0]), np.array([0, -1.0, 0]), np.array([0, 0, 1.0])
_RIGS = {
    "t_pose": {},
    "a_pose": {"arms_down_deg": 45.0},
    "arms_hanging": {"arms_down_deg": 88.0},
    "random_axes": {"axes_seed": 3},
    "mirrored_object": {"world": object_matrix(scale=(-1, 1, 1)), "axes_seed": 7},
    "turned_37": {"world": object_matrix(turn_deg=(0, 0, 37)), "axes_seed": 6},
}


def _would_bend_deg(rig_name: str, part: str, upper: np.ndarray, to: np.ndarray, lower: np.ndarray | None = None) -> float:
    """The angle between `to` and where a left limb bends that points there: of the person's left, ahead and up, as a camera in
    front sees them.
    """
    rig = build(**_RIGS[rig_name])
    start, middle, end = ("shoulder", "elbow", "wrist") if part == "upper_arm" else ("hip", "knee", "ankle")
    joints = np.repeat(joints_world_m("stand")[:1], 30, axis=0).copy()
    at = joints[:, INDEX[f"left_{start}"]]
    joints[:, INDEX[f"left_{middle}"]] = at + 0.3 * unit(upper)
    joints[:, INDEX[f"left_{end}"]] = at + 0.3 * unit(upper) + 0.3 * unit(upper if lower is None else lower)
    motion = solve(track_of(joints), rig, SolveOptions(smoothing_s=0.0))
    body = posed(rig, motion)
    bone, below = (rig.bone(f"left_{name}") for name in (part, "forearm" if part == "upper_arm" else "shin"))
    assert bone is not None and below is not None
    turned = rig.world_from_armature[:3, :3] @ body.turn(rig.bone_names[bone])[15]
    rest = unit(rig.rest_heads[below] - rig.rest_heads[bone])
    ahead_rest = rig.armature_from_world @ rig.front_world
    bends = ahead_rest if part == "upper_arm" else -ahead_rest
    way = turned @ unit(bends - (bends @ rest) * rest)
    c, s = np.cos(motion.heading_rad), np.sin(motion.heading_rad)
    unturned = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) @ way
    aside = to - (to @ unit(upper)) * unit(upper)
    return float(angle_deg(unturned, aside))


@pytest.mark.parametrize("rig_name", _RIGS)
@pytest.mark.parametrize(
    ("upper", "to"),
    [
        (0.2 * _LEFT + _UP, -_LEFT),
        (0.2 * _LEFT + 0.4 * _AHEAD + _UP, -_LEFT),
        (0.1 * _LEFT + _AHEAD, -_LEFT + 1.2 * _UP),
        (0.1 * _LEFT - _UP, _AHEAD),
    ],
    ids=["overhead", "up and ahead", "ahead", "hanging"],
)
def test_a_straight_arm_would_bend_where_peoples_do(rig_name: str, upper: np.ndarray, to: np.ndarray) -> None:
    assert _would_bend_deg(rig_name, "upper_arm", upper, to) < 30


@pytest.mark.parametrize("rig_name", _RIGS)
def test_a_raised_arm_that_looks_bent_backwards_by_a_little_is_not_twisted(rig_name: str) -> None:
    upper = 0.2 * _LEFT + _UP
    assert _would_bend_deg(rig_name, "upper_arm", upper, -_LEFT, lower=unit(upper) - 0.12 * _AHEAD) < 40


@pytest.mark.parametrize("rig_name", _RIGS)
def test_a_leg_raised_aside_is_turned_outwards(rig_name: str) -> None:
    """The kneecap looks up as well as ahead."""
    assert _would_bend_deg(rig_name, "thigh", _LEFT + 0.4 * _AHEAD, -_UP - 0.8 * _AHEAD) < 20
