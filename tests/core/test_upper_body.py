"""Upper Body Only: trunk, arms and head as the person's, seen from where the hips face; hips, legs and path are left alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from blender_pose3d.core import report
from blender_pose3d.core.coordinates import CameraPose
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.motion import MotionOptions, Smoothing, solve_motion
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import about_axis
from blender_pose3d.core.skeleton import INDEX
from blender_pose3d.core.solve import SolveOptions, heading_of, solve
from blender_pose3d.core.tracks import RigMotion
from blender_pose3d.core.transfer import transfer
from tests.core.motion_tracks import FOCAL_PX, SIZE_PX, Seen, seen
from tests.core.rigs import angle_deg, build, object_matrix, posed
from tests.core.test_transfer import performed

RIGS = {
    "own": {},
    "random axes": {"axes_seed": 4, "arms_down_deg": 45.0},
    "bent at rest": {"arms_down_deg": 40.0, "knees_bent_deg": 20.0, "elbows_bent_deg": 20.0},
    "long spine": {"spine_bones": 6, "necks": 3, "between": True},
    "one bone of spine": {"spine_bones": 1, "clavicles": False},
    "turned, in centimetres": {"size": 100.0, "world": object_matrix(turn_deg=(90, 0, 35), scale=0.01, place_m=(3, 1, 0))},
    "mirrored": {"world": object_matrix(scale=(-1, 1, 1)), "axes_seed": 7},
    "no root bone": {"root_bone": False},
    "legs on the spine": {"legs_on": "spine_1", "axes_seed": 9},
}
UPPER = MotionOptions(upper_body=True, smoothing=Smoothing.NONE)
_LEGS = [f"{side}_{part}" for side in ("left", "right") for part in ("thigh", "shin", "foot", "toe")]
_ARMS = {
    f"{side}_{role}": (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for role, start, end in (("upper_arm", "shoulder", "elbow"), ("forearm", "elbow", "wrist"))
}


@cache
def clip(motion: str, yaw_deg: float = 25.0) -> Seen:
    return seen(motion, yaw_deg=yaw_deg)


def hips_deg(joints_m: np.ndarray) -> np.ndarray:
    """Where the hips face about the world's up axis, 0 before the camera: [T]."""
    across = joints_m[:, INDEX["left_hip"]] - joints_m[:, INDEX["right_hip"]]
    return np.degrees(np.arctan2(across[:, 1], across[:, 0]))


def ahead(joints_m: np.ndarray, rig: RigSpec) -> np.ndarray:
    """The person with hips that face where the rig does, in every frame by themselves."""
    turns = about_axis(np.array([0.0, 0.0, 1.0]), heading_of(rig) - np.radians(hips_deg(joints_m)))
    return np.einsum("tij,tkj->tki", turns, joints_m)


def assert_alone(rig: RigSpec, motion: RigMotion) -> None:
    body = posed(rig, motion)
    legs = [bone for role in ("hips", *_LEGS) if (bone := rig.bone(role)) is not None]
    at_rest = np.broadcast_to(rig.rest_heads_world_m[legs], (len(motion.timestamps_s), len(legs), 3))
    np.testing.assert_allclose(body.heads_world_m[:, legs], at_rest, atol=1e-6)
    carriers = {"spine_1"} if rig.is_below(rig.bone("left_thigh"), rig.index.get("spine_1", -2)) else set()
    assert {rig.bone_names[bone] for bone in legs} | {motion.root_bone} | carriers == motion.left_alone
    for name in carriers:
        np.testing.assert_allclose(motion.rotations_wxyz[:, motion.bone_names.index(name), 0], 1.0, atol=1e-9)
    assert np.abs(motion.root_basis_location).max() < 1e-12


@pytest.mark.parametrize("plan", RIGS.values(), ids=RIGS)
@pytest.mark.parametrize("name", ["reach", "walk_turn", "sit_rise"])
def test_arms_and_trunk_are_the_persons_and_legs_are_left_alone(name: str, plan: dict) -> None:
    rig, a_clip = build(**plan), clip(name)
    solved = solve_motion(a_clip.track, rig, UPPER)
    assert_alone(rig, solved.motion)
    joints = ahead(solved.person.joints_m, rig)
    limbs = posed(rig, solved.motion).limbs()
    for role, (start, end) in _ARMS.items():
        off = angle_deg(limbs[role], joints[:, INDEX[end]] - joints[:, INDEX[start]])
        assert np.median(off) < 3 and off.max() < 15, role  # where the hips face is filtered, here it is not
    chest = [posed(rig, solved.motion).head(f"{side}_upper_arm") for side in ("left", "right")]
    if not plan.get("clavicles", True):  # which rise with the arms
        off = angle_deg(chest[0] - chest[1], joints[:, INDEX["left_shoulder"]] - joints[:, INDEX["right_shoulder"]])
        assert np.median(off) < 5 and off.max() < 15


def test_who_turns_round_does_not_twist_the_spine() -> None:
    rig, a_clip = build(), clip("walk_turn")
    assert np.ptp(np.unwrap(hips_deg(a_clip.joints_m), period=360)) > 90
    body = posed(rig, solve_motion(a_clip.track, rig, UPPER).motion)
    across = body.head("left_upper_arm") - body.head("right_upper_arm")
    assert angle_deg(across, np.array([1.0, 0.0, 0.0])).max() < 40


@pytest.mark.parametrize("plan", [{}, {"spine_bones": 1}, {"spine_bones": 6, "axes_seed": 2}, {"legs_on": "spine_1"}])
def test_the_chest_leans_as_hips_and_trunk_together(plan: dict) -> None:
    """And no bone of the spine leans farther than the one above it."""
    rig, a_clip, up = build(**plan), clip("sit_rise"), np.array([0.0, 0.0, 1.0])
    solved = solve_motion(a_clip.track, rig, MotionOptions(upper_body=True))
    body = posed(rig, solved.motion)
    leans = [
        angle_deg(np.einsum("tij,j->ti", body.turn(rig.bone_names[b]), up), up) for b in (*rig.chain("spine"), rig.bone("chest"))
    ]
    along = np.einsum("tij,j->ti", body.turn("chest"), rig.middle("upper_arm") - rig.middle("thigh"))
    np.testing.assert_allclose(angle_deg(along, up), angle_deg(solved.person.joints_m[:, INDEX["thorax"]], up), atol=4)
    assert leans[-1].max() > 15
    for lower, upper in zip(leans, leans[1:], strict=False):
        assert (lower <= upper + 1e-6).all()


def test_the_head_looks_where_it_did() -> None:
    """Against the chest, with the face's own landmarks."""
    rig, a_clip = build(), clip("walk_turn")
    heads = []
    for options in (MotionOptions(), MotionOptions(upper_body=True)):
        body = posed(rig, solve_motion(a_clip.track, rig, options).motion)
        heads.append(np.swapaxes(body.turn("chest"), 1, 2) @ body.turn("head"))
    trace = np.einsum("tij,tij->t", *heads)
    assert np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1))).max() < 12


def test_the_plain_solve_as_live_has_it() -> None:
    rig, a_clip = build(axes_seed=3), clip("walk_turn")
    motion = solve(a_clip.track, rig, SolveOptions(smoothing_s=0.0, upper_body=True, camera=CameraPose()))
    assert_alone(rig, motion)
    joints = ahead(a_clip.joints_m - a_clip.joints_m[:, :1], rig)
    for role, (start, end) in _ARMS.items():
        off = angle_deg(posed(rig, motion).limbs()[role], joints[:, INDEX[end]] - joints[:, INDEX[start]])
        assert np.median(off) < 4 and off.max() < 15, role


def test_a_trunk_of_one_bone_is_told() -> None:
    rig = build(spine_bones=0, clavicles=False)
    for attempt in (
        lambda: solve_motion(clip("reach").track, rig, UPPER),
        lambda: transfer(performed(build()), rig, upper_body=True),
    ):
        with pytest.raises(Pose3DError, match="The trunk of this armature is one bone, 'hips'") as caught:
            attempt()
        assert "Upper Body Only" in caught.value.hint


@pytest.mark.parametrize("plan", RIGS.values(), ids=RIGS)
def test_an_animation_of_another_armature(plan: dict) -> None:
    rig, source = build(**plan), performed(build())
    whole, upper = (transfer(source, rig, upper_body=only) for only in (False, True))
    assert_alone(rig, upper)
    before, after = (posed(rig, motion) for motion in (whole, upper))
    for start, end in (
        ("left_upper_arm", "left_forearm"),
        ("right_forearm", "right_hand"),
        ("left_upper_arm", "right_upper_arm"),
    ):
        # Seen from where the hips face: the same heights, and the same angle with the other arm.
        ways = [body.head(end) - body.head(start) for body in (before, after)]
        np.testing.assert_allclose(ways[0][:, 2], ways[1][:, 2], atol=1e-6)
        others = [body.head("right_forearm") - body.head("right_upper_arm") for body in (before, after)]
        np.testing.assert_allclose(angle_deg(ways[0], others[0]), angle_deg(ways[1], others[1]), atol=1e-4)
    assert np.abs(before.heads_world_m - after.heads_world_m).max() > 0.05


def steps_deg(turns: np.ndarray) -> np.ndarray:
    """From frame to frame: [T, 3, 3] -> [T - 1]."""
    trace = np.einsum("tij,tij->t", turns[1:], turns[:-1])
    return np.degrees(np.arccos(np.clip((trace - 1) / 2, -1, 1)))


@pytest.mark.parametrize("axis", [0, 2], ids=["on the back", "on the side"])
def test_who_lies_does_not_spin(axis: int) -> None:
    """Hips one above the other face nowhere, but for what trembles."""
    a_clip, rig = clip("reach"), build()
    lies = about_axis(np.eye(3)[axis], np.pi / 2)
    trembling = 0.005 * np.random.default_rng(0).normal(size=a_clip.track.positions_m.shape)
    track = replace(a_clip.track, positions_m=a_clip.track.positions_m @ lies.T + trembling)
    most = {}
    for upper_body in (True, False):
        body = posed(rig, solve(track, rig, SolveOptions(upper_body=upper_body)))
        most[upper_body] = steps_deg(body.turn("chest")).max()
    assert most[True] < most[False] + 3, most


@pytest.mark.parametrize("swing", [(88, 92), (0, 180), (-60, 60)], ids=["push-up", "roll", "bow"])
def test_an_animation_that_lies_or_rolls_does_not_flip(swing: tuple[float, float]) -> None:
    rig, there = build(), build(axes_seed=4)
    source, pitch = performed(there), np.radians(np.linspace(*swing, 12))
    turns = about_axis(np.array([1.0, 0.0, 0.0]), pitch)  # all of the body about the axis across it
    source = replace(source, turns=np.broadcast_to(turns[:, None], source.turns.shape))
    body = posed(rig, transfer(source, rig, upper_body=True))
    assert steps_deg(body.turn("chest")).max() < np.ptp(swing) / 11 + 1e-3


def test_the_report_draws_it_over_the_person() -> None:
    rig, a_clip = build(), clip("walk_turn")
    solved = solve_motion(a_clip.track, rig, UPPER)
    found = report.measure(a_clip.track, rig, solved.motion, solved.person, options=UPPER)
    exact = (a_clip.joints_m - [0, 0, 1.3]) @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).T
    pixels = np.array(SIZE_PX) / 2 + FOCAL_PX * exact[..., :2] / exact[..., 2:]
    height = np.ptp(pixels[..., 1], axis=1).mean()
    for joint in ("left_hip", "right_shoulder", "left_wrist", "right_elbow"):
        points = found.overlay.points_px[:, found.overlay.names.index(joint)]
        assert np.median(np.linalg.norm(points - pixels[:, INDEX[joint]], axis=-1)) < 0.05 * height, joint
    assert not {"left_knee", "right_ankle"} & set(found.overlay.names)
    assert next(m for m in found.measures if m.name == "foot_slide").value is None
