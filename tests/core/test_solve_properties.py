"""What holds for any rig and any person: finite unit quaternions, exact limbs, a twist that does not jump, known rotations found
again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import quaternion_from_matrix, transposed, unit
from blender_pose3d.core.skeleton import INDEX
from blender_pose3d.core.solve import SolveOptions, solve
from blender_pose3d.core.tracks import RigMotion
from tests.core import performances, rigs, round_trip
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
                assert twist_steps_deg(body.turn(name), axis).max() < 25, name  # some of these people turn a shin by 20


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


@pytest.mark.parametrize("plan", round_trip.PLANS)
@pytest.mark.parametrize("seed", round_trip.SEEDS)
def test_known_rotations_are_found_again(plan: dict, seed: int) -> None:
    """Animated, reduced to 17 joints, solved: swing within 0.1 degrees; twist within 5 where the limb is bent by more than 15."""
    swing, twist = round_trip.errors_deg(plan, seed)
    assert swing.max() < 0.1 and twist.max() < 5
    assert len(twist) > 300


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
