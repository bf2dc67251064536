"""Armatures that lean as a whole at rest, by their object or by their bones, do as those that stand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_pose3d.core import kinematics
from blender_pose3d.core.motion import MotionOptions, solve_motion
from blender_pose3d.core.motion.legs import feet_of
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import about_axis, apply
from blender_pose3d.core.solve import SolveOptions, solve
from blender_pose3d.core.tracks import RigMotion
from blender_pose3d.core.transfer import transfer
from blender_pose3d.core.upright import ground_m, upright
from tests.core.performances import track
from tests.core.rigs import PosedRig, angle_deg, build, object_matrix, posed
from tests.core.test_transfer import performed

LEAN = about_axis(np.array([1.0, 0.0, 0.0]), np.radians(45))


def leaned(rig: RigSpec, *, below: str = "") -> RigSpec:
    """Every bone of the armature turned about its hips, or those below one."""
    bones = [i for i in range(len(rig.bone_names)) if not below or rig.is_below(i, rig.index[below])]
    hips = rig.rest_heads[rig.bone("hips")]
    heads, tails, rotations = rig.rest_heads.copy(), rig.rest_tails.copy(), rig.rest_rotations.copy()
    heads[bones], tails[bones] = (hips + apply(LEAN, points[bones] - hips) for points in (heads, tails))
    rotations[bones] = LEAN @ rotations[bones]
    return replace(rig, rest_heads=heads, rest_tails=tails, rest_rotations=rotations)


RIGS = {
    "the bones below a root": leaned(build(axes_seed=3), below="hips"),
    "all bones": leaned(build(axes_seed=4, root_bone=False)),
    "the object": build(axes_seed=5, world=object_matrix(turn_deg=(45, 0, 0), scale=0.5)),
    "thighs that inherit no rotation": leaned(build(axes_seed=6, free=frozenset({"left_thigh", "right_forearm"})), below="hips"),
}
WAYS = {
    "solve": lambda rig: solve(track("kick"), rig, SolveOptions(smoothing_s=0.0)),
    "solve_motion": lambda rig: solve_motion(track("kick"), rig, MotionOptions()).motion,
    "transfer": lambda rig: transfer(performed(build()), rig),
}


def feet_and_head(body: PosedRig) -> dict[str, np.ndarray]:
    ends = (("left_foot", "left_toe"), ("right_foot", "right_toe"), ("left_thigh", "right_thigh"), ("neck", "head"))
    return {start: body.head(end) - body.head(start) for start, end in ends}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", RIGS)
def test_a_rest_pose_that_leans_does_as_one_that_stands(name: str, way: str) -> None:
    rig, plain = RIGS[name], build()
    motion, wanted = (WAYS[way](one) for one in (rig, plain))
    assert isinstance(motion, RigMotion)
    body, upright_body = posed(rig, motion), posed(plain, wanted)
    for part, there in feet_and_head(upright_body).items():
        assert angle_deg(feet_and_head(body)[part], there).max() < 2.0, part  # the shoulders of `plain` are not above its ankles
    for limb, there in upright_body.limbs().items():
        assert angle_deg(body.limbs()[limb], there).max() < (3.0 if limb == "trunk" else 1.0), limb
    size = rig.leg_length_m / plain.leg_length_m
    lowest, wanted_m = (np.minimum(one.head("left_foot"), one.head("right_foot"))[:, 2] for one in (body, upright_body))
    assert np.abs(np.ptp(lowest) - size * np.ptp(wanted_m)) < 0.02
    assert abs(lowest.min() - size * wanted_m.min()) < 0.05


@pytest.mark.parametrize("name", RIGS)
def test_the_soles_of_a_rig_that_leans_are_where_it_stands(name: str) -> None:
    """As the report measures how deep feet are in the ground."""
    lowest_m = []
    for rig in (RIGS[name], build()):
        body = kinematics.posed(rig, solve_motion(track("kick"), rig, MotionOptions()).motion)
        soles = [body.points_m(foot.foot, point)[:, 2] for foot in feet_of(rig) for point in (foot.heel, foot.ball)]
        lowest_m.append((np.min(soles, axis=0) - ground_m(rig)) / rig.leg_length_m)
    assert np.abs(lowest_m[0] - lowest_m[1]).max() < 0.03


def test_what_stands_or_is_no_straight_body_is_left_as_it_is() -> None:
    lying = build(world=object_matrix(turn_deg=(80, 0, 0)))
    for rig in (build(), build(arms_down_deg=40, knees_bent_deg=20), lying, leaned(build(), below="spine_1")):
        assert upright(rig) is None


UPPER_WAYS = {
    "solve": lambda rig: solve(track("kick"), rig, SolveOptions(smoothing_s=0.0, upper_body=True)),
    "solve_motion": lambda rig: solve_motion(track("kick"), rig, MotionOptions(upper_body=True)).motion,
    "transfer": lambda rig: transfer(performed(build()), rig, upper_body=True),
}


@pytest.mark.parametrize("way", UPPER_WAYS)
@pytest.mark.parametrize("name", RIGS)
def test_an_upper_body_moves_against_hips_that_lean_as_against_hips_that_stand(name: str, way: str) -> None:
    """Hips and legs are left as they are: at rest, or set upright by another animation."""
    rig, plain = RIGS[name], build()
    body, upright_body = (posed(one, UPPER_WAYS[way](one)) for one in (rig, plain))
    for there, here in ((upright_body.limbs(), body.limbs()), (feet_and_head(upright_body), feet_and_head(body))):
        for part, wanted in there.items():
            assert angle_deg(here[part] @ LEAN, wanted).max() < 3.0, part  # the shoulders of `plain` are not above its ankles
