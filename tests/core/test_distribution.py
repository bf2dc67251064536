"""Twist bones, clavicles, fingers, spine and neck chains, locks: what a rig has more of than a track."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_pose3d.core import kinematics
from blender_pose3d.core.distribute import curled, distributed, locked
from blender_pose3d.core.kinematics import PosedRig
from blender_pose3d.core.motion import MotionOptions, solve_motion
from blender_pose3d.core.preset import FINGERS
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import about_axis, quaternion_from_matrix, swing, unit
from blender_pose3d.core.skeleton import INDEX
from blender_pose3d.core.solve import SolveOptions, solve
from tests.core import performances, rigs
from tests.core.performances import joints_world_m, track, track_of
from tests.core.rigs import SIDES, angle_deg, build, object_matrix, posed

EXACT = SolveOptions(smoothing_s=0.0)
PARTS = {"upper_arm": "forearm", "forearm": "hand", "thigh": "shin", "shin": "foot"}


def grown(rig: RigSpec, bones: dict[str, tuple[str, np.ndarray]], seed: int, **mapping: dict) -> RigSpec:
    """The armature with more bones, name -> parent and head, of random axes."""
    random = np.random.default_rng(seed)
    names = (*rig.bone_names, *bones)
    heads = np.array([head for _, head in bones.values()])
    axes = np.stack([rigs.any_rotation(random) for _ in bones])
    return replace(
        rig,
        bone_names=names,
        parents=np.append(rig.parents, [names.index(parent) for parent, _ in bones.values()]),
        rest_heads=np.concatenate([rig.rest_heads, heads]),
        rest_tails=np.concatenate([rig.rest_tails, heads + 0.02 * axes[:, :, 1]]),
        rest_rotations=np.concatenate([rig.rest_rotations, axes]),
        inherits_rotation=np.append(rig.inherits_rotation, np.ones(len(bones), bool)),
        local_location=np.append(rig.local_location, np.ones(len(bones), bool)),
        mapping=replace(rig.mapping, **mapping),
    )


def with_twists(rig: RigSpec, *, nested: bool = False, seed: int = 0) -> RigSpec:
    """Two twist bones beside each limb's own bone, a third and two thirds along it; nested: the second hangs on the first."""
    bones, twists = {}, {}
    for side in SIDES:
        for part, following in PARTS.items():
            start, end = rig.rest_heads[rig.index[f"{side}_{part}"]], rig.rest_heads[rig.index[f"{side}_{following}"]]
            first, second = f"{side}_{part}_roll_1", f"{side}_{part}_roll_2"
            bones[first] = (f"{side}_{part}", start + (end - start) / 3)
            bones[second] = (first if nested else f"{side}_{part}", start + 2 * (end - start) / 3)
            twists[f"{side}_{part}"] = (first, second)
    return grown(rig, bones, seed, twists=twists)


def with_fingers(rig: RigSpec, *, bent_deg: float = 0.0, palm_bones: bool = False, seed: int = 0) -> RigSpec:
    """Five fingers on each hand, palms down in a T-pose; bent_deg: of every joint, at rest."""
    bones, fingers = {}, {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        wrist = rig.rest_heads[rig.index[f"{side}_hand"]]
        for i, finger in enumerate(FINGERS):
            ahead = 0.03 - 0.02 * i
            way = np.array([sign, -0.9 if finger == "thumb" else 0.1 * (2 - i) * -0.5, 0.0])
            point = wrist + [sign * (0.03 if finger == "thumb" else 0.09), -ahead, 0.0]
            parent, names = f"{side}_hand", []
            if palm_bones and finger != "thumb":
                parent = f"{side}_{finger}_palm"
                bones[parent] = (f"{side}_hand", wrist + [sign * 0.02, -ahead, 0.0])
                names.append(parent)
            for joint in range(3):
                name = f"{side}_{finger}_{joint + 1}"
                bones[name] = (parent, point)
                down = np.radians(bent_deg) * (joint + 1)
                point = point + 0.03 * (np.cos(down) * unit(way) + np.sin(down) * np.array([0, 0, -1.0]))
                parent, names = name, [*names, name]
            fingers[f"{side}_{finger}"] = tuple(names)
    return grown(rig, bones, seed, fingers=fingers)


def twist_deg(turn: np.ndarray, axis: np.ndarray) -> np.ndarray:
    q = quaternion_from_matrix(turn)
    return (np.degrees(2 * np.arctan2(q[..., 1:] @ unit(axis), q[..., 0])) + 180) % 360 - 180


def turned_hands(rig: RigSpec, angle_deg_: np.ndarray) -> np.ndarray:
    """D of a person whose arms are raised and whose hands are turned about their forearms: [T, B, 3, 3]."""
    random = np.random.default_rng(1)
    deltas = np.tile(np.eye(3), (len(angle_deg_), len(rig.bone_names), 1, 1))
    chest = rigs.any_rotation(random)
    for bone, parent in enumerate(rig.parents):
        deltas[:, bone] = chest if parent < 0 else deltas[:, parent]
        for side in SIDES:
            if rig.bone_names[bone] == f"{side}_upper_arm":
                deltas[:, bone] = chest @ swing(np.array([1.0, 0, 0]), np.array([0.5, -0.7, 0.4]))
            if rig.bone_names[bone] == f"{side}_forearm":
                deltas[:, bone] = deltas[:, parent] @ swing(np.array([1.0, 0, 0]), np.array([0.5, 0.0, 0.7]))
            if rig.bone_names[bone] == f"{side}_hand":
                arm = rig.rest_heads[bone] - rig.rest_heads[rig.index[f"{side}_forearm"]]
                deltas[:, bone] = deltas[:, rig.index[f"{side}_forearm"]] @ about_axis(unit(arm), np.radians(angle_deg_))
    return deltas


# ----------------------------------------------------------------------------------------------------------------- twist


@pytest.mark.parametrize("nested", [False, True])
def test_a_turned_hand_is_spread_along_the_forearm(nested: bool) -> None:
    rig = with_twists(build(axes_seed=1), nested=nested)
    angle = np.linspace(-120, 200, 60)  # through half a turn, where angles jump
    deltas = turned_hands(rig, angle)
    out = distributed(rig, PosedRig(rig, dict(enumerate(np.moveaxis(deltas, 1, 0))), len(deltas))).turns
    for side in SIDES:
        fore = rig.index[f"{side}_forearm"]
        axis = rig.rest_heads[rig.index[f"{side}_hand"]] - rig.rest_heads[fore]
        np.testing.assert_allclose(out[:, rig.index[f"{side}_hand"]], deltas[:, rig.index[f"{side}_hand"]])
        for name, share in ((f"{side}_forearm", 0.0), (f"{side}_forearm_roll_1", 1 / 3), (f"{side}_forearm_roll_2", 2 / 3)):
            turn = np.swapaxes(deltas[:, fore], -1, -2) @ out[:, rig.index[name]]
            np.testing.assert_allclose(twist_deg(turn, axis), (share * angle + 180) % 360 - 180, atol=1e-6, err_msg=name)
            np.testing.assert_allclose(turn @ unit(axis), np.broadcast_to(unit(axis), (60, 3)), atol=1e-9)


def test_a_turn_all_the_way_round_leaves_no_twist() -> None:
    """A hand that turned round once, as no arm can and as detectors see it, is as it was, and so is all that is before it."""
    rig = with_twists(build(axes_seed=1))
    angle = np.concatenate([np.full(20, 20.0), np.linspace(20, 380, 60), np.full(40, 380.0)])
    deltas = turned_hands(rig, angle)
    out = distributed(rig, PosedRig(rig, dict(enumerate(np.moveaxis(deltas, 1, 0))), len(deltas))).turns
    for side in SIDES:
        axis = rig.rest_heads[rig.index[f"{side}_hand"]] - rig.rest_heads[rig.index[f"{side}_forearm"]]
        for name, share in ((f"{side}_forearm_roll_1", 1 / 3), (f"{side}_forearm_roll_2", 2 / 3)):
            turn = np.swapaxes(deltas[:, rig.index[f"{side}_forearm"]], -1, -2) @ out[:, rig.index[name]]
            twist = twist_deg(turn, axis)
            np.testing.assert_allclose(twist[np.r_[:20, 80:120]], share * 20, atol=1e-6, err_msg=name)
            assert np.abs((np.diff(twist) + 180) % 360 - 180).max() < 12


def test_an_upper_arms_twist_begins_at_the_shoulder() -> None:
    rig = with_twists(build(axes_seed=1))
    deltas = turned_hands(rig, np.zeros(9))
    angle = np.linspace(-80, 80, 9)
    for side in SIDES:
        arm = rig.index[f"{side}_upper_arm"]
        axis = unit(rig.rest_heads[rig.index[f"{side}_forearm"]] - rig.rest_heads[arm])
        parent = deltas[:, rig.parents[arm]]
        plain = parent @ swing(axis, np.array([0.3, -0.8, 0.2]))
        deltas[:, arm] = plain @ about_axis(axis, np.radians(angle))
        out = distributed(rig, PosedRig(rig, dict(enumerate(np.moveaxis(deltas, 1, 0))), len(deltas))).turns
        np.testing.assert_allclose(out[:, arm], deltas[:, arm], atol=1e-12)
        for name, share in ((f"{side}_upper_arm_roll_1", 1 / 3), (f"{side}_upper_arm_roll_2", 2 / 3)):
            turn = np.swapaxes(plain, -1, -2) @ out[:, rig.index[name]]
            np.testing.assert_allclose(twist_deg(turn, axis), share * angle, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, -1.0])
def test_limbs_that_run_through_their_twist_bones_keep_their_joints(scale: float) -> None:
    """The bones between lie a little off the limbs' lines, as in real rigs."""
    plain = build(between=True, axes_seed=4, arms_down_deg=40, world=object_matrix(scale=(scale, 1, 1)))
    twists = {f"{side}_{part}": (f"{side}_{part}_twist",) for side in SIDES for part in PARTS}
    rig = replace(plain, mapping=replace(plain.mapping, twists=twists))
    a_track = track("demo")
    moved = posed(rig, solve(a_track, rig, EXACT))
    for name, way in moved.limbs().items():
        wanted = performances.directions(joints_world_m("demo"), solve(a_track, rig, EXACT).heading_rad)[name]
        assert angle_deg(way, wanted).max() < 0.01, name
    still = posed(plain, solve(a_track, plain, EXACT))
    joints = [rig.index[name] for names in rig.mapping.bones.values() for name in names]
    np.testing.assert_allclose(moved.heads_world_m[:, joints], still.heads_world_m[:, joints], atol=1e-9)
    # The upper bone gives its twist to the one below it.
    arm, twist = rig.index["left_upper_arm"], rig.index["left_upper_arm_twist"]
    parent = moved.turn(rig.bone_names[rig.parents[arm]])
    axis = rig.rest_heads[twist] - rig.rest_heads[arm]
    given_away = twist_deg(np.swapaxes(parent, -1, -2) @ moved.turn("left_upper_arm"), axis)
    kept = twist_deg(np.swapaxes(parent, -1, -2) @ moved.turn("left_upper_arm_twist"), axis)
    assert np.abs(given_away).max() < 15 and np.abs(kept).max() > 30


def test_what_blender_makes_of_the_keys_is_what_was_distributed() -> None:
    rig = with_fingers(with_twists(build(axes_seed=3), nested=True))
    motion = solve(track("punch"), rig, EXACT)
    assert "left_forearm_roll_2" in motion.bone_names and {"right_little_3", "left_thumb_1"} <= set(motion.held)
    ours, theirs = kinematics.posed(rig, motion), posed(rig, motion)
    for bone, name in enumerate(rig.bone_names):
        np.testing.assert_allclose(theirs.turn(name), ours.turns[:, bone], atol=1e-9, err_msg=name)


def test_hands_that_the_detector_saw_turn_the_twist_bones() -> None:
    """Through the whole of the motion's stages: the twist grows from the elbow to the wrist and never jumps."""
    rig = with_twists(build(axes_seed=3))
    a_track = track("punch")
    landmarks = np.random.default_rng(0).normal(0, 0.02, (33, 3)).cumsum(axis=0)[None] + 0.0 * a_track.world_landmarks_m
    solved = solve_motion(replace(a_track, world_landmarks_m=landmarks), rig, MotionOptions()).motion
    body = posed(rig, solved)
    for side in SIDES:
        axis = rig.rest_heads[rig.index[f"{side}_hand"]] - rig.rest_heads[rig.index[f"{side}_forearm"]]
        names = (f"{side}_forearm", f"{side}_forearm_roll_1", f"{side}_forearm_roll_2", f"{side}_hand")
        turns = [np.swapaxes(body.turn(names[0]), -1, -2) @ body.turn(name) for name in names]
        bends = [twist_deg(turn, axis) for turn in turns[:3]]
        np.testing.assert_allclose(bends[2], 2 * bends[1], atol=1e-6)
        assert np.abs(bends[2]).max() > 3


# ------------------------------------------------------------------------------------------------------------- clavicles


def arms_at(raised_deg: np.ndarray) -> np.ndarray:
    """A standing person's arms from hanging (0) through level (90) to straight up (180), both alike: joints [T, 17, 3]."""
    joints = np.repeat(joints_world_m("stand")[:1], len(raised_deg), axis=0).copy()
    angle = np.radians(raised_deg)
    trunk = unit(joints[0, INDEX["thorax"]] - joints[0, INDEX["pelvis"]])
    for side in SIDES:
        out = unit(joints[0, INDEX[f"{side}_shoulder"]] - joints[0, INDEX["thorax"]])
        out = unit(out - (out @ trunk) * trunk)
        way = np.sin(angle)[:, None] * out - np.cos(angle)[:, None] * trunk
        for above, joint, length in (("shoulder", "elbow", 0.28), ("elbow", "wrist", 0.25)):
            joints[:, INDEX[f"{side}_{joint}"]] = joints[:, INDEX[f"{side}_{above}"]] + length * way
    return joints


@pytest.mark.parametrize("plan", [{}, {"arms_down_deg": 45.0, "axes_seed": 3}, {"world": object_matrix(scale=(-1, 1, 1))}])
def test_clavicles_rise_with_the_arms(plan: dict) -> None:
    rig = build(**plan)
    joints = arms_at(np.array([10.0, 45, 90, 135, 178]))
    motion = solve(track_of(joints), rig, EXACT)
    body = posed(rig, motion)
    for name, way in body.limbs().items():
        assert angle_deg(way, performances.directions(joints, motion.heading_rad)[name]).max() < 0.01, name
    raised = {}
    for side in SIDES:
        ways = [body.turn(name) for name in ("chest", f"{side}_clavicle")]
        rest = rig.rest_heads[rig.index[f"{side}_upper_arm"]] - rig.rest_heads[rig.index[f"{side}_clavicle"]]
        up = np.einsum("tji,tj->ti", ways[0], ways[1] @ unit(rest))[:, 2]
        raised[side] = np.degrees(np.arcsin(np.clip(up, -1, 1)) - np.arcsin(unit(rest)[2]))
    np.testing.assert_allclose(raised["left"], raised["right"], atol=0.5)
    assert (np.diff(raised["left"]) > -1e-9).all() and 15 < raised["left"][-1] - raised["left"][0] < 35
    assert abs(raised["left"][1 if "arms_down_deg" in plan else 2]) < 1.0, "as at rest where the arms are"


@pytest.mark.parametrize("bones", range(1, 8))
def test_chains_of_spine_and_neck_share_the_turn(bones: int) -> None:
    rig = build(spine_bones=bones, necks=bones, axes_seed=bones, clavicles=bones % 2 == 0)
    joints = joints_world_m("reach", body_seed=1)
    motion = solve(track_of(joints), rig, EXACT)
    body = posed(rig, motion)
    for name, way in body.limbs().items():
        assert angle_deg(way, performances.directions(joints)[name]).max() < 0.01, name
    neck = [f"neck_{i + 1}" for i in range(bones)]
    links = ["chest", *neck, "head"]
    steps = [np.swapaxes(body.turn(a), -1, -2) @ body.turn(b) for a, b in zip(links, links[1:], strict=False)]
    angles = np.array([np.linalg.norm(quaternion_from_matrix(step)[:, 1:], axis=-1) for step in steps])
    np.testing.assert_allclose(angles, np.broadcast_to(angles[:1], angles.shape), atol=1e-6)


# --------------------------------------------------------------------------------------------------------------- fingers


def test_fingers_hang_relaxed_whatever_the_bone_axes() -> None:
    plain, odd = (with_fingers(build(axes_seed=seed), seed=seed or 0) for seed in (None, 7))
    curls = curled(plain)
    assert {plain.bone_names[bone] for bone in curls} == {f"{s}_{f}_{i}" for s in SIDES for f in FINGERS for i in (1, 2, 3)}
    for rig in (plain, odd):
        body = posed(rig, solve(track("stand"), rig, EXACT))
        for finger in FINGERS:
            bends = {}
            for side in SIDES:
                hand = body.turn(f"{side}_hand")
                tip = np.swapaxes(hand, -1, -2) @ body.turn(f"{side}_{finger}_3")
                way = rig.rest_heads[rig.index[f"{side}_{finger}_3"]] - rig.rest_heads[rig.index[f"{side}_{finger}_2"]]
                assert (tip @ unit(way))[:, 2].max() < -0.2, "towards the palm, which is below at rest"
                bends[side] = np.degrees(2 * np.arccos(np.abs(quaternion_from_matrix(tip)[:, 0])))
                assert np.ptp(bends[side]) < 1e-4, "fingers keep still"
            np.testing.assert_allclose(bends["left"], bends["right"], atol=1e-6)
            low, high = (15, 30) if finger == "thumb" else (35, 75)
            assert low < bends["left"][0] < high, (finger, bends["left"][0])


def test_bones_of_the_palm_stay() -> None:
    rig = with_fingers(build(), palm_bones=True)
    assert not [rig.bone_names[bone] for bone in curled(rig) if "palm" in rig.bone_names[bone]]
    assert len(curled(rig)) == 30


@pytest.mark.parametrize(("bent_deg", "moved"), [(0.0, True), (40.0, False)])
def test_a_hand_that_is_curled_at_rest_stays(bent_deg: float, moved: bool) -> None:
    curls = curled(with_fingers(build(), bent_deg=bent_deg))
    turned = [name for name in curls.values() if angle_deg(name @ [1.0, 0, 0], np.array([1.0, 0, 0])) > 0.5]
    assert bool(turned) == moved or all(np.trace(t) > 2.9 for t in turned), len(turned)


# ----------------------------------------------------------------------------------------------------------------- locks


def random_turns(count: int) -> np.ndarray:
    random = np.random.default_rng(3)
    return np.stack([rigs.any_rotation(random) for _ in range(count)])


def test_a_lock_of_the_twist_costs_no_direction() -> None:
    turns, way = random_turns(50), np.array([0.0, 1.0, 0.0])
    out = locked(turns, "y", way)
    assert np.abs(quaternion_from_matrix(out)[:, 2]).max() < 1e-9
    # The turn about the bone has a little say as well: next to nothing of the direction.
    assert angle_deg(out @ way, turns @ way).max() < 1.5


@pytest.mark.parametrize("axes", ["x", "z", "xz", "yz", "xy"])
def test_a_locked_bone_points_as_near_as_it_can(axes: str) -> None:
    turns, way = random_turns(20), unit(np.array([0.1, 1.0, 0.2]))
    out = locked(turns, axes, way)
    q = quaternion_from_matrix(out)
    assert np.abs(q[:, [1 + "xyz".index(a) for a in axes]]).max() < 1e-9
    # Against every rotation there is without those axes.
    random = np.random.default_rng(0).normal(size=(200_000, 4))
    random[:, [1 + "xyz".index(a) for a in axes]] = 0
    w, x, y, z = unit(random).T
    column = np.stack(
        [
            np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], -1),
            np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], -1),
            np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], -1),
        ],
        axis=-1,
    )
    ways = column @ way
    for turn, got in zip(turns, out, strict=True):
        best = angle_deg(ways, turn @ way).min()
        assert angle_deg(got @ way, turn @ way) < best + 1.0


def test_what_hangs_on_a_locked_bone_still_points_where_it_should() -> None:
    plain = build(axes_seed=2, between=True)
    rig = replace(plain, mapping=replace(plain.mapping, locks={"left_upper_arm": "xyz", "right_thigh": "x", "chest": "z"}))
    joints = joints_world_m("demo")
    motion = solve(track_of(joints), rig, EXACT)
    body = posed(rig, motion)
    fixed = motion.rotations_wxyz[:, motion.bone_names.index("left_upper_arm")]
    np.testing.assert_allclose(np.abs(fixed[:, 0]), 1, atol=1e-9)
    assert np.abs(motion.rotations_wxyz[:, motion.bone_names.index("right_thigh"), 1]).max() < 1e-9
    assert np.abs(motion.rotations_wxyz[:, motion.bone_names.index("chest"), 3]).max() < 1e-9
    for name in ("left_shin", "right_forearm", "right_shin"):
        wanted = performances.directions(joints)[name]
        # An unmapped bone between turns with its parent and lies off the line.
        assert angle_deg(body.limbs()[name], wanted).max() < 0.01, name
    twist = rig.index["left_upper_arm_twist"]
    np.testing.assert_allclose(body.turn("left_upper_arm_twist"), body.turn("left_upper_arm"), atol=1e-9)
    assert twist not in rig.turned_bones()


# -------------------------------------------------------------------------------------------------------------- symmetry


def test_a_mirrored_track_on_a_mirrored_rig_is_the_mirrored_motion() -> None:
    rig = with_fingers(with_twists(build(axes_seed=5, arms_down_deg=30), nested=True))
    other = rigs.mirrored(rig)
    for key in ("twists", "fingers"):
        swapped = {rigs.other_side(r): tuple(map(rigs.other_side, names)) for r, names in getattr(rig.mapping, key).items()}
        other = replace(other, mapping=replace(other.mapping, **{key: swapped}))
    joints = joints_world_m("demo", fps=10)
    swap = [INDEX[rigs.other_side(name)] for name in INDEX]
    motion, mirrored = solve(track_of(joints), rig, EXACT), solve(track_of(joints[:, swap] @ rigs.MIRROR), other, EXACT)
    for k, bone in enumerate(motion.bone_names):
        mine = motion.rotations_wxyz[:, k] * [1, 1, -1, -1]
        theirs = mirrored.rotations_wxyz[:, mirrored.bone_names.index(rigs.other_side(bone))]
        assert np.abs((mine * theirs).sum(-1)).min() > 1 - 1e-9, bone
