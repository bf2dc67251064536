"""What holds for any rig and any person: finite unit quaternions, exact limbs, a twist that does not jump, known rotations found
again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import about_axis, quaternion_from_matrix, transposed, unit
from blender_pose3d.core.skeleton import INDEX
from blender_pose3d.core.solve import SolveOptions, solve
from blender_pose3d.core.tracks import RigMotion
from tests.core import performances, rigs
from tests.core.performances import track_of
from tests.core.rigs import SIDES, PosedRig, angle_deg, build, object_matrix, posed
from tests.core.smooth_people import joints_m
from tests.core.test_distribution import with_fingers, with_twists

EXACT = SolveOptions(smoothing_s=0.0)
LIMBS = (("upper_arm", "forearm"), ("forearm", "hand"), ("thigh", "shin"), ("shin", "foot"))
FPS = 30.0
TIMES = np.arange(60) / FPS


def any_rig(
    *, twists: int, fingers: bool, free: bool, scale: tuple[float, float, float], heading_deg: float, is_mirrored: bool, **plan
) -> RigSpec:
    world = object_matrix(turn_deg=(0, 0, heading_deg), scale=scale)
    loose = frozenset({"left_upper_arm", "right_shin", "spine_1", "head"}) if free else frozenset()
    rig = build(world=world, free=loose, **plan)
    if twists:
        rig = with_twists(rig, nested=twists == 2, seed=1)
    if fingers:
        rig = with_fingers(rig, seed=2)
    if is_mirrored:
        swapped = {key: _other_sides(getattr(rig.mapping, key)) for key in ("twists", "fingers")}
        rig = rigs.mirrored(rig)
        rig = replace(rig, mapping=replace(rig.mapping, **swapped))
    return rig


def _other_sides(chains: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    return {rigs.other_side(role): tuple(map(rigs.other_side, names)) for role, names in chains.items()}


ANY_RIG = st.builds(
    any_rig,
    axes_seed=st.one_of(st.none(), st.integers(0, 2**32 - 1)),
    arms_down_deg=st.floats(-70, 89),
    elbows_bent_deg=st.floats(0, 40),
    knees_bent_deg=st.floats(0, 30),
    arm=st.floats(0.5, 2.0),
    leg=st.floats(0.4, 2.0),
    spine_bones=st.integers(1, 7),
    necks=st.integers(0, 7),
    clavicles=st.booleans(),
    size=st.sampled_from([0.01, 1.0, 100.0]),
    twists=st.integers(0, 2),
    fingers=st.booleans(),
    free=st.booleans(),
    # Upright: of a character that stands on its head in the scene no foot knows where level is.
    scale=st.sampled_from([(1, 1, 1), (0.01, 0.01, 0.01), (-1, 1, 1), (1, -1, 1)]),
    heading_deg=st.floats(-180, 180),
    is_mirrored=st.booleans(),
)


def solved(rig: RigSpec, joints: np.ndarray) -> tuple[RigMotion, PosedRig]:
    motion = solve(track_of(joints, fps=FPS), rig, EXACT)
    for wxyz in (motion.rotations_wxyz, *motion.held.values()):
        assert np.isfinite(wxyz).all() and np.abs(np.linalg.norm(wxyz, axis=-1) - 1).max() < 1e-9
    assert np.isfinite(motion.root_basis_location).all() and np.isfinite(motion.root_location_m).all()
    return motion, posed(rig, motion)


def twist_steps_deg(turn: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """How far a bone turns about itself from frame to frame."""
    q = quaternion_from_matrix(transposed(turn[:-1]) @ turn[1:])
    angle = np.abs(np.degrees(2 * np.arctan2(q[:, 1:] @ unit(axis), q[:, 0])))
    return np.minimum(angle, 360 - angle)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rig=ANY_RIG, seed=st.integers(0, 2**32 - 1))
def test_smooth_people_on_any_rig(rig: RigSpec, seed: int) -> None:
    joints = joints_m(seed, TIMES)
    motion, body = solved(rig, joints)
    wanted = performances.directions(joints, motion.heading_rad)
    for name, way in body.limbs().items():
        assert angle_deg(way, wanted[name]).max() < 0.01, name
    for side in SIDES:
        for part, following in LIMBS:
            axis = rig.rest_heads[rig.index[f"{side}_{following}"]] - rig.rest_heads[rig.index[f"{side}_{part}"]]
            for name in (f"{side}_{part}", *rig.mapping.twists.get(f"{side}_{part}", ())):
                assert twist_steps_deg(body.turn(name), axis).max() < 20, name


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rig=ANY_RIG, seed=st.integers(0, 2**32 - 1), size=st.sampled_from([1e-3, 1.0, 1e3]), frames=st.integers(1, 12))
def test_any_finite_track_gives_finite_rotations(rig: RigSpec, seed: int, size: float, frames: int) -> None:
    random = np.random.default_rng(seed)
    joints = size * random.normal(size=(frames, 17, 3))
    joints[random.random(frames) < 0.3] = joints[0]
    joints[:, random.integers(17)] = joints[:, random.integers(17)]
    length = np.linalg.norm(joints[:, INDEX["left_hip"]] - joints[:, INDEX["left_knee"]], axis=-1)
    if np.median(length) > 1e-2:  # else it has no legs, which is refused
        solved(rig, joints)


# ------------------------------------------------------------------------------------------------------------ round trip


def known_motion(rig: RigSpec, seed: int) -> RigMotion:
    """The rig animated by hand: every bone turned smoothly, elbows and knees about their axes only."""
    random = np.random.default_rng(seed)

    def wave(low_deg: float, high_deg: float) -> np.ndarray:
        phase, speed = random.uniform(0, 2 * np.pi), random.uniform(0.2, 0.6)
        return np.radians(low_deg + (high_deg - low_deg) * (np.sin(2 * np.pi * speed * TIMES + phase) + 1) / 2)

    def ball(size_deg: float) -> np.ndarray:
        x, y, z = np.eye(3)
        return (
            about_axis(x, wave(-size_deg, size_deg))
            @ about_axis(y, wave(-size_deg, size_deg))
            @ about_axis(z, wave(-size_deg, size_deg))
        )

    names, rotations = [], []
    for role, bones in rig.mapping.bones.items():
        for name in bones:
            side, _, part = role.partition("_")
            bone = rig.index[name]
            if part in ("forearm", "shin"):
                axis = hinge(rig, side, part)
                turn = about_axis(axis, wave(5, 120))
            elif part in ("upper_arm", "thigh"):
                turn = ball(35)
            else:
                turn = ball({"hips": 40, "hand": 20, "foot": 20}.get(part or role, 8))
            names.append(name)
            rotations.append(quaternion_from_matrix(rig.rest_rotations[bone].T @ turn @ rig.rest_rotations[bone]))
    path = np.stack([np.sin(TIMES), 0.1 * np.cos(TIMES), 0.3 * TIMES], axis=-1)
    return RigMotion(tuple(names), TIMES, np.stack(rotations, axis=1), "hips", path, path, 0.0, 1.0)


def hinge(rig: RigSpec, side: str, part: str) -> np.ndarray:
    """The axis of an elbow or knee at rest: as it is bent, else square to the limb and to where the armatures here face."""
    above, below = {"forearm": ("upper_arm", "hand"), "shin": ("thigh", "foot")}[part]
    heads = [rig.rest_heads[rig.index[f"{side}_{p}"]] for p in (above, part, below)]
    upper, lower = unit(heads[1] - heads[0]), unit(heads[2] - heads[1])
    shown = np.cross(upper, lower)
    if np.linalg.norm(shown) > np.sin(np.radians(8.0)):
        return unit(shown)
    return unit(np.cross(upper, [0, -1.0 if part == "forearm" else 1.0, 0]))


def joints_of(rig: RigSpec, body: PosedRig) -> np.ndarray:
    joints = np.zeros((len(TIMES), 17, 3))
    for side in SIDES:
        for joint, bone in (
            ("hip", "thigh"),
            ("knee", "shin"),
            ("ankle", "foot"),
            ("shoulder", "upper_arm"),
            ("elbow", "forearm"),
        ):
            joints[:, INDEX[f"{side}_{joint}"]] = body.head(f"{side}_{bone}")
        joints[:, INDEX[f"{side}_wrist"]] = body.wrist(side)
    joints[:, INDEX["pelvis"]], joints[:, INDEX["thorax"]] = body.middle("thigh"), body.middle("upper_arm")
    joints[:, INDEX["spine"]] = (joints[:, INDEX["pelvis"]] + joints[:, INDEX["thorax"]]) / 2
    head = body.head("head")
    joints[:, INDEX["nose"]] = head + body.turn("head") @ [0, -0.1, 0.1]
    joints[:, INDEX["head_top"]] = head + body.turn("head") @ [0, 0, 0.2]
    return joints


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"arms_down_deg": 45.0, "axes_seed": 3},
        {"elbows_bent_deg": 20.0, "knees_bent_deg": 15.0, "axes_seed": 4},
        {"spine_bones": 6, "necks": 2, "axes_seed": 5, "arms_down_deg": 30.0, "between": True},
        {"clavicles": False, "spine_bones": 1, "axes_seed": 6},
    ],
)
@pytest.mark.parametrize("seed", range(4))
def test_known_rotations_are_found_again(plan: dict, seed: int) -> None:
    """Animated, reduced to 17 joints, solved: swing within 0.1 degrees; twist within 5 where the limb is bent by more than 15."""
    rig = build(**plan)
    truth = posed(rig, known_motion(rig, seed))
    joints = joints_of(rig, truth)
    _, body = solved(rig, joints)
    seen = 0
    for side in SIDES:
        for parts in (("upper_arm", "forearm"), ("thigh", "shin")):
            ways = [truth.limbs()[f"{side}_{part}"] for part in parts]
            bent = angle_deg(*ways) > 15
            for part, way in zip(parts, ways, strict=True):
                assert angle_deg(body.limbs()[f"{side}_{part}"], way).max() < 0.1
                apart = body.turn(f"{side}_{part}") @ transposed(truth.turn(f"{side}_{part}"))
                q = quaternion_from_matrix(apart)
                twist = np.degrees(2 * np.arctan2(np.linalg.norm(q[:, 1:], axis=-1), np.abs(q[:, 0])))
                seen += int(bent.sum())
                assert twist[bent].max(initial=0) < 5, (side, part, twist[bent].max())
    assert seen > 300


@pytest.mark.parametrize("arms_down_deg", [88.0, 0.0, -60.0])
def test_a_straight_arm_swings_past_where_it_would_be_opposite_to_rest(arms_down_deg: float) -> None:
    """Straight up, of arms that hang at rest: from there any twist is as near as any other."""
    rig = build(arms_down_deg=arms_down_deg, axes_seed=1)
    joints = np.repeat(performances.joints_world_m("stand")[:1], len(TIMES), axis=0).copy()
    swung = np.radians(np.linspace(-35, 35, len(TIMES)))
    way = np.stack([np.full_like(swung, np.sin(np.radians(2.5))), np.sin(swung), np.cos(swung)], axis=-1)
    for above, joint in (("shoulder", "elbow"), ("elbow", "wrist")):
        joints[:, INDEX[f"left_{joint}"]] = joints[:, INDEX[f"left_{above}"]] + 0.27 * way
    _, body = solved(rig, joints)
    axis = rig.rest_heads[rig.index["left_forearm"]] - rig.rest_heads[rig.index["left_upper_arm"]]
    assert twist_steps_deg(body.turn("left_upper_arm"), axis).max() < 5
