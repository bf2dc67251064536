"""Armatures whose rest pose is none that people model in: sitting, one foot in the air, arms stretched forwards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_pose3d.core.hinges import limbs_of, solved_axis
from blender_pose3d.core.motion import MotionOptions, solve_motion
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import about_axis
from blender_pose3d.core.solve import SolveOptions, solve
from blender_pose3d.core.transfer import transfer
from tests.core.performances import track
from tests.core.rigs import angle_deg, build, object_matrix, posed
from tests.core.test_transfer import performed

ACROSS, AHEAD, UP = np.eye(3)


def both(part: str, axis: np.ndarray, degrees: float, *, mirror: bool = False) -> list[tuple[str, np.ndarray, float]]:
    return [("left_" + part, axis, degrees), ("right_" + part, axis, -degrees if mirror else degrees)]


def sitting(degrees: float) -> list[tuple[str, np.ndarray, float]]:
    return both("thigh", ACROSS, -degrees) + both("shin", ACROSS, degrees)


POSES = {
    "sitting": sitting(90),
    "sitting, knees low": sitting(75),
    "sitting, knees high": sitting(105),
    "crouching": both("thigh", ACROSS, -100) + both("shin", ACROSS, 140) + both("foot", ACROSS, -40),
    "arms forwards": both("upper_arm", UP, -90, mirror=True),
    "one knee up": [("left_thigh", ACROSS, -70.0), ("left_shin", ACROSS, 70.0)],
    "arms hanging": both("upper_arm", AHEAD, 85, mirror=True),
}
OBJECTS = {
    "plain": {},
    "other axes": {"axes_seed": 3, "between": True},
    "in centimetres": {"size": 100.0, "world": object_matrix(turn_deg=(0, 0, 30), scale=0.01)},
    "mirrored": {"axes_seed": 4, "world": object_matrix(scale=(-1, 1, 1))},
}
WAYS = {
    "solve": lambda rig: solve(track("kick"), rig, SolveOptions(smoothing_s=0.0)),
    "solve_motion": lambda rig: solve_motion(track("kick"), rig, MotionOptions()).motion,
    "transfer": lambda rig: transfer(performed(build()), rig),
}


def resting(rig: RigSpec, pose: list[tuple[str, np.ndarray, float]]) -> tuple[RigSpec, np.ndarray]:
    """The rig with that rest pose, the lower foot where it was, and how far each bone is turned for it: [B, 3, 3]."""
    heads, tails, rotations = rig.rest_heads.copy(), rig.rest_tails.copy(), rig.rest_rotations.copy()
    turns = np.tile(np.eye(3), (len(heads), 1, 1))
    for role, axis, degrees in pose:
        bone = rig.index[role]
        below = [i for i in range(len(heads)) if rig.is_below(i, bone)]
        turn, place = about_axis(axis, np.radians(degrees)), heads[bone].copy()
        for points in (heads, tails):
            points[below] = place + (points[below] - place) @ turn.T
        rotations[below], turns[below] = turn @ rotations[below], turn @ turns[below]
    feet = [rig.index[f"{side}_foot"] for side in ("left", "right")]
    down = heads[feet, 2].min() - rig.rest_heads[feet, 2].min()
    return replace(rig, rest_heads=heads - [0, 0, down], rest_tails=tails - [0, 0, down], rest_rotations=rotations), turns


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("pose", POSES)
def test_the_body_does_the_same_from_any_rest_pose(pose: str, way: str) -> None:
    """Twist included: the mesh is where it would be if the character had been modelled in a T-pose."""
    for plan in OBJECTS.values():
        plain = build(**plan)
        rig, turns = resting(plain, POSES[pose])
        body, wanted = (posed(one, WAYS[way](one)) for one in (rig, plain))
        for limb, there in wanted.limbs().items():
            assert np.median(angle_deg(body.limbs()[limb], there)) < 1.0, limb
        for bone in ("left_upper_arm", "right_forearm", "left_hand", "left_thigh", "right_shin", "right_foot", "chest"):
            apart = np.einsum("tji,tjk->tik", wanted.turn(bone), body.turn(bone) @ turns[rig.index[bone]])
            angle = np.degrees(np.arccos(np.clip((np.trace(apart, axis1=1, axis2=2) - 1) / 2, -1, 1)))
            assert np.median(angle) < 8.0, (plan, bone, np.median(angle))


@pytest.mark.parametrize("pose", POSES)
def test_limbs_bend_about_the_axes_that_were_turned_with_them(pose: str) -> None:
    for plan in OBJECTS.values():
        plain = build(**plan)
        rig, turns = resting(plain, POSES[pose])
        for role, limb in limbs_of(rig).items():
            assert angle_deg(solved_axis(rig, limb), turns[limb.upper] @ solved_axis(plain, limb)) < 10, (plan, role)


@pytest.mark.parametrize("plan", [{}, {"leg": 0.35}], ids=["origin at the hips", "large feet under short legs"])
def test_the_ball_of_a_foot_is_where_its_toes_are(plan: dict) -> None:
    """Where an armature's origin does not say how high its ankles are, the toes do: a foot rolls about what is on the ground."""
    rig = build(**plan)
    feet = [rig.index[f"{side}_{part}"] for side in ("left", "right") for part in ("foot", "toe")]
    heads = rig.rest_heads.copy()
    if plan:  # an ankle as high as a third of the leg, and more
        ankles = feet[0::2]
        heads[1:, 2] += 0.05
        heads[feet[1::2], 2] -= 0.05
        assert heads[ankles, 2].min() > 0.35 * rig.leg_length_m
    else:
        heads[:, 2] -= rig.rest_heads[rig.bone("hips"), 2]
    rig = replace(rig, rest_heads=heads, rest_tails=rig.rest_tails + heads - rig.rest_heads)
    toe_m = heads[rig.index["left_toe"], 2]
    assert -0.03 * rig.leg_length_m < rig.ground_m - toe_m < 0.0
    solved = solve_motion(track("walk"), rig, MotionOptions())
    body, mask = posed(rig, solved.motion), solved.person.mask
    for column, side in ((1, "left"), (3, "right")):
        moved = np.linalg.norm(np.diff(body.head(f"{side}_toe"), axis=0), axis=1)
        assert moved[mask[1:, column] & mask[:-1, column]].mean() < 3e-4 * rig.leg_length_m
