"""An animation of one armature on another: limb directions, twist and path, whatever the rest poses, axes and objects are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_pose3d.core.footing import contacts_there
from blender_pose3d.core.preset import FINGERS
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import swing, unit
from blender_pose3d.core.solve import heading_of
from blender_pose3d.core.tracks import RigMotion
from blender_pose3d.core.transfer import SourceMotion, standing, transfer
from tests.core.rigs import PosedRig, angle_deg, build, object_matrix, posed
from tests.core.test_distribution import with_fingers as with_hands

FRAMES = 12


def performed(rig: RigSpec, *, seed: int = 0, lift_m: float = 0.0) -> SourceMotion:
    """Every mapped bone turns on its own, smoothly; the root wanders."""
    random = np.random.default_rng(seed)
    times = np.arange(FRAMES) / 24
    bones = tuple(rig.bone_names[b] for b in rig.mapped_bones())
    ways = random.normal(size=(2, len(bones), 3))
    vectors = 0.4 * (np.sin(6 * times)[:, None, None] * ways[0] + np.cos(4 * times)[:, None, None] * ways[1])
    angles = np.linalg.norm(vectors, axis=-1, keepdims=True)
    wxyz = np.concatenate([np.cos(angles / 2), np.sin(angles / 2) * vectors / angles], axis=-1)
    path = np.stack([0.3 * times, 0.2 * np.sin(5 * times), 0.02 * np.cos(5 * times)], axis=-1)
    path = path + [0, 0, lift_m]
    root = rig.index[rig.mapping.root]
    local = (np.linalg.inv(rig.world_from_armature[:3, :3] @ rig.rest_rotations[root]) @ path.T).T
    motion = RigMotion(bones, times, wxyz, rig.mapping.root, path, local, 0.0, 1.0)
    return source_of(posed(rig, motion), times)


def source_of(body: PosedRig, times: np.ndarray) -> SourceMotion:
    linear = body.rig.world_from_armature[:3, :3]
    turns = linear @ body.turns @ np.swapaxes(body.rig.rest_rotations, -1, -2) @ np.linalg.inv(linear)
    return SourceMotion("wander", body.rig, times, turns, body.heads_world_m)


def about_up(vectors: np.ndarray, angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return vectors @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


def world_limbs(source: SourceMotion) -> dict[str, np.ndarray]:
    return PosedRig(source.rig, source.heads_m, np.zeros(0)).limbs()


TARGETS = {
    "itself": {},
    "other axes": {"axes_seed": 5},
    "A-pose": {"arms_down_deg": 50, "axes_seed": 1},
    "bent at rest": {"arms_down_deg": 30, "elbows_bent_deg": 25, "knees_bent_deg": 15, "axes_seed": 2},
    "no spine": {"spine_bones": 0, "clavicles": False},
    "long spine and neck": {"spine_bones": 6, "necks": 3, "between": True},
    "turned, in centimetres": {"size": 100.0, "world": object_matrix(turn_deg=(90, 0, 35), scale=0.01, place_m=(3, 1, 0))},
    "mirrored": {"world": object_matrix(turn_deg=(0, 0, 20), scale=(-1, 1, 1)), "axes_seed": 3},
    "other proportions": {"arm": 1.6, "leg": 0.7},
}


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("rest", ["T-pose", "A-pose"])
def test_limbs_point_where_the_sources_do(target, rest):
    rig = build(**TARGETS[target])
    source = performed(build(axes_seed=9, arms_down_deg=0 if rest == "T-pose" else 40))
    body = posed(rig, transfer(source, rig))
    turned = heading_of(rig) - heading_of(source.rig)
    for name, way in world_limbs(source).items():
        if name != "trunk":
            assert angle_deg(body.limbs()[name], about_up(way, turned)).max() < 0.01, name


def test_legs_that_hang_on_the_spine_stay_at_the_hips():
    """As 3ds Max's Biped has them: the spine's first bone carries the thighs."""
    source = performed(build(spine_bones=4))
    theirs = source.heads_m[:, source.rig.bone("left_thigh")] - source.heads_m[:, source.rig.bone("right_thigh")]
    for plan in ({}, {"legs_on": "spine_1", "spine_bones": 4, "axes_seed": 2}):
        body = posed(rig := build(**plan), transfer(source, rig))
        assert angle_deg(body.head("left_thigh") - body.head("right_thigh"), theirs).max() < 0.01, plan


def test_on_the_same_armature_it_is_the_same():
    rig = build(axes_seed=4, arms_down_deg=20)
    source = performed(rig)
    body = posed(rig, transfer(source, rig))
    again = source_of(body, source.timestamps_s)
    assert np.abs(again.turns - source.turns).max() < 1e-6
    moved, moved_again = (heads[:, rig.bone("hips")] for heads in (source.heads_m, again.heads_m))
    assert np.abs((moved - moved[0]) - (moved_again - moved_again[0]))[:, :2].max() < 1e-6
    assert np.abs(moved[:, 2] - moved_again[:, 2]).max() < 1e-6


def test_twist_is_the_sources():
    """A forearm, a shin and a hand that turn about themselves with straight joints, which joints alone could not tell."""
    rig = build(axes_seed=6)
    times = np.arange(FRAMES) / 24
    angle = np.linspace(0, np.radians(80), FRAMES)
    spec = build()
    for role in ("left_hand", "left_forearm", "right_shin"):
        name = spec.mapping.bones[role][0]
        axis = np.array([0, 1.0, 0])  # the bone's own length
        wxyz = np.concatenate([np.cos(angle / 2)[:, None], np.sin(angle / 2)[:, None] * axis], axis=-1)[:, None]
        still = np.zeros((FRAMES, 3))
        there = posed(spec, RigMotion((name,), times, wxyz, "hips", still, still, 0.0, 1.0))
        body = posed(rig, transfer(source_of(there, times), rig))
        trace = np.trace(body.turn(rig.mapping.bones[role][0]), axis1=1, axis2=2)
        assert np.abs(np.arccos(np.clip((trace - 1) / 2, -1, 1)) - angle).max() < 1e-5, role


def test_a_rest_pose_gives_the_sources_rest_pose():
    """A T-pose on an A-pose: the arms are raised, and the palms with them."""
    source = performed(build())
    still = replace(source, turns=np.broadcast_to(np.eye(3), source.turns.shape))
    still = replace(still, heads_m=np.broadcast_to(source.rig.rest_heads_world_m, source.heads_m.shape))
    rig = build(arms_down_deg=45, axes_seed=8)
    body = posed(rig, transfer(still, rig))
    assert angle_deg(body.limbs()["left_upper_arm"], [1, 0, 0]).max() < 1e-4
    assert angle_deg(body.limbs()["right_forearm"], [-1, 0, 0]).max() < 1e-4
    assert np.abs(body.turn("left_hand") - body.turn("left_forearm")).max() < 1e-9
    assert np.abs(body.head("hips") - rig.rest_heads_world_m[rig.bone("hips")]).max() < 1e-6


def test_shoulders_that_are_built_farther_back_do_not_make_the_trunk_lean():
    source, plain = performed(build()), build(axes_seed=3)
    heads = plain.rest_heads.copy()
    arms = [i for i in range(len(heads)) if any(plain.is_below(i, plain.bone(f"{side}_upper_arm")) for side in ("left", "right"))]
    heads[arms] += [0, 0.06, 0]
    still = np.broadcast_to(np.eye(3), source.turns.shape)
    source = replace(source, turns=still, heads_m=np.broadcast_to(source.rig.rest_heads_world_m, source.heads_m.shape))
    body = posed(rig := replace(plain, rest_heads=heads), transfer(source, rig))
    for bone in ("hips", "chest", "left_clavicle", "head"):
        assert np.abs(body.turn(bone) - np.eye(3)).max() < 1e-6, bone


@pytest.mark.parametrize("leg", [0.5, 1.0, 1.7])
def test_steps_are_as_long_as_the_legs_and_feet_stay_on_the_ground(leg):
    source, rig = performed(build()), build(leg=leg)
    motion = transfer(source, rig)
    body = posed(rig, motion)
    step = source.heads_m[:, source.rig.bone("hips")]
    middle = (source.heads_m[:, source.rig.bone("left_thigh")] + source.heads_m[:, source.rig.bone("right_thigh")]) / 2
    ours = body.middle("thigh")
    assert np.abs((ours - ours[0]) - motion.scale * (middle - middle[0]))[:, :2].max() < 1e-6
    assert motion.scale == pytest.approx(leg) and np.ptp(step[:, 0]) > 0.1

    def ankle(heads, spec):
        feet = [spec.bone("left_foot"), spec.bone("right_foot")]
        return heads[:, feet, 2].min(1) - spec.rest_heads_world_m[feet, 2].min()

    near = np.abs(ankle(source.heads_m, source.rig)) < 0.1 * source.rig.leg_length_m
    apart = ankle(body.heads_world_m, rig) - motion.scale * ankle(source.heads_m, source.rig)
    assert near.any() and np.abs(apart[near]).max() < 1e-6


def test_a_root_at_the_origin_at_rest_does_not_lift_the_character():
    """As a BVH has it: at rest the hips are at 0, in the animation at their height."""
    plain = performed(build())
    down = np.eye(4)
    down[2, 3] = -0.95
    lowered = build(world=tuple(map(tuple, down)))
    source = performed(lowered, lift_m=0.95)
    rig = build(leg=1.2)
    a, b = (posed(rig, transfer(s, rig)).head("hips") for s in (plain, source))
    assert np.abs(a - b)[:, 2].max() < 0.02


def test_who_is_above_the_floor_all_the_time_stays_there():
    """On a bar stool, in a jump: the rest pose stands on the floor, and says how high that is."""
    rig = build(axes_seed=5)
    low, high = (posed(rig, transfer(performed(build(), lift_m=lift), rig)).head("hips") for lift in (0.0, 0.6))
    assert np.abs(high - low - [0, 0, 0.6]).max() < 1e-3


def test_in_place_goes_nowhere():
    rig = build()
    body = posed(rig, transfer(performed(build()), rig, in_place=True))
    assert np.ptp(body.middle("thigh")[:, :2], axis=0).max() < 1e-9


def with_fingers(**changes) -> RigSpec:
    rig = build(**changes)
    fingers = {f"{side}_index": (f"{side}_finger",) for side in ("left", "right")}
    return replace(rig, mapping=replace(rig.mapping, fingers=fingers))


def test_in_a_mirror_the_finger_on_the_same_side_as_seen_is_bent():
    there, rig = with_fingers(), with_fingers(world=object_matrix(scale=(-1, 1, 1)))
    still = np.zeros((FRAMES, 3))
    bent = np.tile([np.cos(0.4), np.sin(0.4), 0, 0], (FRAMES, 1, 1))
    source = source_of(
        posed(there, RigMotion(("left_finger",), np.arange(FRAMES) / 24, bent, "hips", still, still, 0.0, 1.0)), still
    )
    body = posed(rig, transfer(replace(source, timestamps_s=np.arange(FRAMES) / 24), rig))
    angles = [np.arccos(min((np.trace(body.turn(f"{side}_finger")[0]) - 1) / 2, 1.0)) for side in ("left", "right")]
    assert angles == pytest.approx([0.0, 0.8], abs=1e-3)


def test_fingers_go_with_their_counterparts():
    there, rig = with_fingers(), with_fingers(axes_seed=3, arms_down_deg=30)
    as_role = replace(there, mapping=replace(there.mapping, bones=there.mapping.bones | there.mapping.fingers, fingers={}))
    source = replace(performed(as_role), rig=there)
    body = posed(rig, transfer(source, rig))
    # Against the hand, in the hand's own directions, the finger turns as the source's does.
    finger, hand = (source.turns[:, there.index[f"left_{part}"]] for part in ("finger", "hand"))
    theirs = np.swapaxes(hand, -1, -2) @ finger
    ours = np.swapaxes(body.turn("left_hand"), -1, -2) @ body.turn("left_finger")
    angles = [np.arccos(np.clip((np.trace(m, axis1=1, axis2=2) - 1) / 2, -1, 1)) for m in (theirs, ours)]
    assert np.abs(angles[0] - angles[1]).max() < 1e-6 and angles[0].max() > 0.2


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    down=st.floats(0, 70),
    down_there=st.floats(0, 70),
    bent=st.floats(0, 30),
    turn=st.floats(-180, 180),
    scale=st.floats(0.01, 100),
    mirror=st.booleans(),
)
def test_any_two_armatures(seed, down, down_there, bent, turn, scale, mirror):
    world = object_matrix(turn_deg=(0, 0, turn), scale=(-scale if mirror else scale, scale, scale))
    rig = build(arms_down_deg=down, elbows_bent_deg=bent, axes_seed=seed, world=world)
    source = performed(build(arms_down_deg=down_there, axes_seed=seed + 1), seed=seed)
    body = posed(rig, transfer(source, rig))
    turned = heading_of(rig) - heading_of(source.rig)
    for name, way in world_limbs(source).items():
        if name != "trunk":
            assert angle_deg(body.limbs()[name], about_up(way, turned)).max() < 0.05, name


def moved_hands(rig: RigSpec) -> SourceMotion:
    """Every mapped bone and every finger's turn on their own."""
    as_roles = replace(rig, mapping=replace(rig.mapping, bones=rig.mapping.bones | rig.mapping.fingers, fingers={}))
    return replace(performed(as_roles, seed=4), rig=rig)


@pytest.mark.parametrize(
    "target",
    [
        with_hands(build(axes_seed=3), bent_deg=25, seed=1),
        with_hands(build(axes_seed=4, arms_down_deg=35), palm_bones=True, seed=2),
        with_hands(build(axes_seed=5, world=object_matrix(turn_deg=(90, 0, 0), scale=(-0.01, 0.01, 0.01))), bent_deg=10),
    ],
    ids=["bent at rest", "wrists bent at rest, bones in the palm", "mirrored"],
)
def test_fingers_and_palms_point_where_the_sources_do(target):
    """A hand that rests straight, on hands that rest bent."""
    source = moved_hands(with_hands(build(axes_seed=7), seed=5))
    body = posed(target, transfer(source, target))
    turned = heading_of(target) - heading_of(source.rig)
    for side in ("left", "right"):
        own = side if not target.is_mirrored else {"left": "right", "right": "left"}[side]
        knuckles = []
        for finger in FINGERS:
            theirs = source.heads_m[:, [source.rig.index[name] for name in source.rig.mapping.fingers[f"{side}_{finger}"]]]
            ours = body.heads_world_m[:, [target.index[name] for name in target.mapping.fingers[f"{own}_{finger}"][-3:]]]
            steps = np.diff(theirs, axis=1), np.diff(ours, axis=1)
            assert angle_deg(steps[1], about_up(steps[0], turned)).max() < 0.01, (side, finger)
            knuckles.append((theirs[:, 0], ours[:, 0]))
        wrists = source.heads_m[:, source.rig.bone(f"{side}_hand")], body.head(f"{side}_hand")
        there, here = (np.mean([pair[i] for pair in knuckles[1:]], axis=0) - wrists[i] for i in (0, 1))
        assert angle_deg(here, about_up(there, turned)).max() < 0.01, side
        there, here = (knuckles[4][i] - knuckles[1][i] for i in (0, 1))
        assert angle_deg(here, about_up(there, turned)).max() < 12.0, (side, "the knuckles of the two stand otherwise")


def test_fingers_that_the_source_never_moves_hang_relaxed():
    """A body that was captured without its fingers: flat hands are no pose of theirs."""
    rig = with_hands(build(axes_seed=3))
    motion = transfer(performed(with_hands(build())), rig)
    fingers = {name for names in rig.mapping.fingers.values() for name in names}
    assert fingers & motion.held.keys() and not fingers & set(motion.bone_names)
    assert fingers <= set(transfer(moved_hands(with_hands(build())), rig).bone_names)


def test_the_twist_of_a_bone_that_the_elbow_hangs_on_is_the_upper_arms():
    """As Daz has it: one bone of the upper arm bends, the next one twists."""
    plain, rig = build(between=True), build(axes_seed=2)
    twists = {f"{side}_{part}": (f"{side}_{part}_twist",) for side in ("left", "right") for part in ("upper_arm", "thigh")}
    there = replace(plain, mapping=replace(plain.mapping, twists=twists))
    bones = ("left_upper_arm_twist", "left_forearm", "right_thigh_twist", "right_shin")
    ways = np.array([[1, 0, 0], [0, 0, 1], [0, 0, 1], [1, 0, 0]], float)
    wxyz = np.zeros((FRAMES, 4, 4))
    for i, (name, way, angle) in enumerate(zip(bones, ways, (1.2, -1.4, 1.0, 1.3), strict=True)):
        half = np.linspace(0, angle, FRAMES)[:, None] / 2
        axis = plain.rest_rotations[plain.index[name]].T @ way
        wxyz[:, i] = np.concatenate([np.cos(half), np.sin(half) * axis], axis=-1)
    still, times = np.zeros((FRAMES, 3)), np.arange(FRAMES) / 24
    source = source_of(posed(plain, RigMotion(bones, times, wxyz, "hips", still, still, 0.0, 1.0)), times)
    body = posed(rig, transfer(replace(source, rig=there), rig))
    for upper, lower, hinge in (("left_upper_arm", "left_forearm", [0, 0, 1.0]), ("right_thigh", "right_shin", [1.0, 0, 0])):
        above, below = (body.turn(bone) @ np.array(hinge) for bone in (upper, lower))
        assert angle_deg(above, below).max() < 0.5, upper


def test_a_rest_pose_that_nobody_could_be_in_is_not_taken_for_one():
    """Some programs write skeletons whose bones all point the same way at rest; a frame that stands is the rest then."""
    source, rig = performed(build(), seed=2), build(axes_seed=5, arms_down_deg=40, leg=1.3)
    there = source.rig
    along = np.stack(
        [swing(unit(tail - head), np.array([1.0, 0, 0])) for head, tail in zip(there.rest_heads, there.rest_tails, strict=True)]
    )
    heads = there.rest_heads.copy()
    for bone, parent in enumerate(there.parents):
        if parent >= 0:
            heads[bone] = heads[parent] + along[parent] @ (there.rest_heads[bone] - there.rest_heads[parent])
    tails = heads + np.linalg.norm(there.rest_tails - there.rest_heads, axis=1, keepdims=True) * [1.0, 0, 0]
    odd = replace(there, rest_heads=heads, rest_tails=tails, rest_rotations=along @ there.rest_rotations)
    odd_source = replace(source, rig=odd, turns=source.turns @ np.swapaxes(along, -1, -2))
    assert np.abs(standing(odd_source).rig.rest_heads - heads).max() > 0.5 and standing(source) is source
    motion = transfer(odd_source, rig)
    body = posed(rig, motion)
    for name, way in world_limbs(source).items():
        if name != "trunk":
            assert angle_deg(body.limbs()[name], about_up(way, motion.heading_rad)).max() < 0.01, name
    ankles = [body.head(f"{side}_foot")[:, 2] - rig.rest_heads_world_m[rig.bone(f"{side}_foot"), 2] for side in ("left", "right")]
    assert np.abs(np.min(ankles)) < 0.1 * rig.leg_length_m


@pytest.mark.parametrize("theirs", [2, 3, 6])
@pytest.mark.parametrize("ours", [3, 4, 7])
def test_the_trunk_leads_where_the_sources_does(theirs, ours):
    """Whatever bones a spine has: between hips that lean back and a chest that leans ahead the same turns lead elsewhere."""
    there, times = build(spine_bones=theirs, axes_seed=3), np.arange(FRAMES) / 24
    angles = np.sin(np.linspace(0, np.pi, FRAMES))[:, None] * np.append(-0.1, np.full(theirs, 0.7 / theirs))
    names = ("hips", *there.mapping.bones["spine"], "chest")
    wxyz = np.zeros((FRAMES, len(names), 4))
    for i, name in enumerate(names):
        across = there.rest_rotations[there.index[name]].T @ [1.0, 0, 0]
        wxyz[:, i] = np.concatenate([np.cos(angles[:, i : i + 1] / 2), np.sin(angles[:, i : i + 1] / 2) * across], axis=-1)
    body_there = posed(there, RigMotion(names, times, wxyz, "hips", np.zeros((FRAMES, 3)), np.zeros((FRAMES, 3)), 0.0, 1.0))
    rig = build(spine_bones=ours, axes_seed=2)
    body = posed(rig, transfer(source_of(body_there, times), rig))
    assert angle_deg(body_there.limbs()["trunk"][0], body_there.limbs()["trunk"]).max() > 10
    assert angle_deg(body.limbs()["trunk"], body_there.limbs()["trunk"]).max() < 0.5
    for one in ("hips", "chest"):
        assert np.abs(body.turn(one) - body_there.turn(one)).max() < 1e-6, one


def with_trunk(radius: float | None, **changes) -> RigSpec:
    """A trunk that is so thick all over, in legs; None: no mesh says how thick it is."""
    rig = build(**changes)
    ways = unit(np.random.default_rng(0).normal(size=(300, 3))) * (radius or 0.0) * rig.leg_length_m @ rig.armature_from_world.T
    trunk = [bone for role in ("hips", "spine", "chest") for bone in rig.chain(role)] if radius is not None else []
    return replace(rig, body={bone: rig.rest_heads[bone] + ways for bone in trunk})


def lowest_of_trunk(rig: RigSpec, heads_m: np.ndarray, radius: float) -> np.ndarray:
    trunk = [bone for role in ("hips", "spine", "chest") for bone in rig.chain(role)]
    return heads_m[:, trunk, 2].min(axis=1) - radius * rig.leg_length_m - rig.ground_m


def got_down(rig: RigSpec, pose: str, radius: float, *, high: float = 0.0) -> SourceMotion:
    """Somebody stands, gets down in a second, and lies on the back or sits on the ground with the legs ahead; high: of the leg,
    how far above it.
    """
    times = np.arange(75) / 24
    down = np.clip(times - 0.5, 0, 1)
    down = down * down * (3 - 2 * down)
    angle = np.radians(-90) * down
    bones = {"lies": ("hips",), "sits": ("left_thigh", "right_thigh")}[pose]
    wxyz = np.zeros((len(times), len(bones), 4))
    for i, bone in enumerate(bones):
        across = rig.rest_rotations[rig.index[bone]].T @ unit(rig.armature_from_world @ [1.0, 0, 0])
        wxyz[:, i] = np.concatenate([np.cos(angle[:, None] / 2), np.sin(angle[:, None] / 2) * across], axis=-1)
    path = np.zeros((len(times), 3))
    for _ in range(2):
        local = (np.linalg.inv(rig.world_from_armature[:3, :3] @ rig.rest_rotations[rig.index[rig.mapping.root]]) @ path.T).T
        body = posed(rig, RigMotion(bones, times, wxyz, rig.mapping.root, path, local, 0.0, 1.0))
        path[:, 2] -= down * (lowest_of_trunk(rig, body.heads_world_m, radius)[-1] - high * rig.leg_length_m)
    return source_of(body, times)


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("pose", ["lies", "sits"])
@pytest.mark.parametrize(("there", "here"), [(0.4, 0.12), (0.12, 0.4), (None, 0.15), (0.15, 0.15), (0.3, None)])
def test_who_is_on_the_ground_is_there_as_thick_as_the_body_is(there, here, pose, held):
    """A barrel's rest on the ground is no slim body's: that one would float above it, and a barrel be in it."""
    source = got_down(with_trunk(there, axes_seed=2), pose, there or 0.15)
    rig = with_trunk(here, axes_seed=5, leg=1.2, world=object_matrix(turn_deg=(0, 0, 30), place_m=(1, 0, 0)))
    body = posed(rig, transfer(source, rig, contacts=contacts_there(source) if held else None))
    lowest = lowest_of_trunk(rig, body.heads_world_m, 0.2 if here is None else here) / rig.leg_length_m
    assert np.abs(lowest[-20:]).max() < 0.01, lowest[-1]
    assert lowest.min() > -0.03, lowest.min()
    hips = body.head("hips")[:, 2] / rig.leg_length_m
    assert np.abs(np.diff(hips, n=2)).max() < 0.04  # and gets there without a step


@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("gets_up", [True, False])
def test_an_animation_may_begin_or_end_on_the_ground(gets_up, held):
    """Getting up quickly from the first frame on, it begins where somebody sits who stays there, and down it ends there."""
    source = got_down(with_trunk(0.4), "sits", 0.4)
    frames = np.arange(36, 0, -4) if gets_up else np.arange(0, 37, 4)
    source = replace(source, timestamps_s=np.arange(len(frames)) / 24, turns=source.turns[frames], heads_m=source.heads_m[frames])
    rig = with_trunk(0.12, axes_seed=5)
    body = posed(rig, transfer(source, rig, contacts=contacts_there(source) if held else None))
    assert abs(lowest_of_trunk(rig, body.heads_world_m, 0.12)[0 if gets_up else -1]) < 0.01 * rig.leg_length_m


def test_who_squats_without_a_mesh_does_not_lie():
    """Hips as low as heels are thick say nothing of how thick somebody is."""
    source, rig = got_down(with_trunk(None), "sits", 0.12, high=0.14), with_trunk(0.12)
    body = posed(rig, transfer(source, rig))
    assert abs(lowest_of_trunk(rig, body.heads_world_m, 0.12)[-1] / rig.leg_length_m - 0.14) < 0.01


@pytest.mark.parametrize("high", [0.5, 1.5])
def test_who_sits_on_something_is_as_high_as_the_hips_say(high):
    """A chair, or a step of stairs on which the feet are as well, is no ground to lie on."""
    source, rig = got_down(with_trunk(0.4), "sits", 0.4, high=high), with_trunk(0.12)
    bare = replace(rig, body={})
    seated = [posed(one, transfer(source, one)).head("hips")[:, 2] for one in (rig, bare)]
    assert np.abs(seated[0] - seated[1]).max() < 1e-9


def test_who_goes_down_stairs_does_not_lie_on_their_ground():
    rig = with_trunk(0.15)
    source = got_down(rig, "sits", 0.15, high=-0.8)
    standing_up = replace(source, turns=np.broadcast_to(np.eye(3), source.turns.shape))
    down = source.heads_m[:, [rig.bone("hips")]] - rig.rest_heads_world_m[rig.bone("hips")]
    standing_up = replace(standing_up, heads_m=rig.rest_heads_world_m + down)
    body = posed(rig, transfer(standing_up, rig))
    assert np.abs(body.head("hips") - standing_up.heads_m[:, rig.bone("hips")]).max() < 1e-6


@pytest.mark.parametrize("on_it", ["hand.l", "mitten.l"])
@pytest.mark.parametrize("still", [True, False])
def test_a_hand_behind_a_wrist_that_never_turns_is_read(still, on_it):
    """As KayKit's characters have it: a bone for the wrist, and the hand on it. Fingers are no hand."""
    there, rig = build(axes_seed=4), build(axes_seed=6, arms_down_deg=30)
    there = replace(there, bone_names=tuple(on_it if name == "left_finger" else name for name in there.bone_names))
    angle = np.linspace(0, np.radians(70), FRAMES)
    names = ("left_hand", on_it)
    wxyz = np.zeros((FRAMES, 2, 4))
    for i, part in enumerate((0.0 if still else 0.3, 1.0)):
        wxyz[:, i] = np.stack([np.cos(part * angle / 2), np.sin(part * angle / 2), 0 * angle, 0 * angle], axis=-1)
    zero = np.zeros((FRAMES, 3))
    source = source_of(
        posed(there, RigMotion(names, np.arange(FRAMES) / 24, wxyz, "hips", zero, zero, 0.0, 1.0)), np.arange(FRAMES) / 24
    )
    body = posed(rig, transfer(source, rig))
    shown = source.turns[:, there.index[on_it if still and on_it == "hand.l" else "left_hand"]]
    moved = np.swapaxes(body.turn("left_hand")[:1], -1, -2) @ body.turn("left_hand")
    wanted = np.swapaxes(shown[:1], -1, -2) @ shown
    angles = [np.degrees(np.arccos(np.clip((np.trace(m, axis1=1, axis2=2) - 1) / 2, -1, 1))) for m in (moved, wanted)]
    assert np.abs(angles[0] - angles[1]).max() < 0.01 and (angles[1].max() > 20 or still)
    other = np.swapaxes(body.turn("right_forearm"), -1, -2) @ body.turn("right_hand")
    assert np.abs(other - other[0]).max() < 1e-9


@pytest.mark.parametrize("scale", [(1, 1, 1.3), (1.2, 0.8, 1.4)])
def test_a_source_that_is_scaled_unevenly_points_where_it_is_seen_to(scale):
    """Its bones are sheared as well, and none of them is turned as far as its limb."""
    plain = performed(build(axes_seed=9, arms_down_deg=30))
    size = np.diag([*scale, 1.0])
    stretched = replace(plain.rig, world_from_armature=size @ plain.rig.world_from_armature)
    u, _, v = np.linalg.svd(size[:3, :3] @ plain.turns @ np.linalg.inv(size[:3, :3]))
    source = replace(plain, rig=stretched, heads_m=plain.heads_m * scale, turns=u @ v)
    rig = build(axes_seed=4)
    body = posed(rig, transfer(source, rig))
    for name, way in world_limbs(source).items():
        if name != "trunk":
            assert angle_deg(body.limbs()[name], way).max() < 0.01, name
