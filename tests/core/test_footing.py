"""Feet of an animation on a character of other proportions: they stand where and when the source's do."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from blender_pose3d.core.footing import _under_feet, contacts_there
from blender_pose3d.core.motion import solve_motion
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import about_axis
from blender_pose3d.core.solve import heading_of
from blender_pose3d.core.transfer import SourceMotion, transfer
from tests.core.motion_tracks import seen
from tests.core.rigs import PosedRig, angle_deg, build, object_matrix, posed
from tests.core.test_motion_legs import shod, soles
from tests.core.test_transfer import performed, source_of

# Factors on how far a bone's head is from its parent's, at rest.
SHAPES = {
    "itself": {},
    "long thighs": {"shin": (1, 1, 1.3), "foot": (1, 1, 0.7)},
    "short thighs": {"shin": (1, 1, 0.7), "foot": (1, 1, 1.2)},
    "wide hips": {"thigh": (2.5, 1, 1)},
    "long feet": {"toe": (1, 2.2, 1)},
    "half as large": {"shin": (1, 1, 0.5), "foot": (1, 1, 0.4), "toe": (1, 0.8, 1)},
}
PLANS = {
    "plain": {},
    "other axes": {"axes_seed": 5, "between": True},
    "turned, in centimetres": {"size": 100.0, "world": object_matrix(turn_deg=(0, 0, 35), scale=0.01, place_m=(3, 1, 0.5))},
    "mirrored": {"world": object_matrix(turn_deg=(0, 0, 20), scale=(-1, 1, 1)), "axes_seed": 3},
    "without toes": {"toes": False, "axes_seed": 2},
    "free shins": {"free": frozenset({"left_shin", "right_foot"}), "axes_seed": 8},
}


def shaped(shape: str, plan: str = "plain") -> RigSpec:
    """A rig with legs of these proportions, standing on the ground of its armature."""
    rig = build(**PLANS[plan])
    factors = {rig.bone(f"{side}_{part}"): by for part, by in SHAPES[shape].items() for side in ("left", "right")}
    heads = rig.rest_heads.copy()
    for bone, above in enumerate(rig.parents):
        if above >= 0:
            heads[bone] = heads[above] + (rig.rest_heads[bone] - rig.rest_heads[above]) * factors.get(bone, 1.0)
    ankle = rig.bone("left_foot")
    heads[1:, 2] += rig.rest_heads[ankle, 2] - heads[ankle, 2]
    return RigSpec(**{**vars_of(rig), "rest_heads": heads, "rest_tails": rig.rest_tails + heads - rig.rest_heads})


def vars_of(rig: RigSpec) -> dict[str, object]:
    return {name: getattr(rig, name) for name in RigSpec.__dataclass_fields__}


@cache
def source(motion: str) -> tuple[SourceMotion, np.ndarray, PosedRig]:
    """Somebody's motion on a rig of its own, its contacts [T, 4], and its pose."""
    rig = build(arms_down_deg=20, axes_seed=9)
    track = seen(motion, yaw_deg=25.0).track
    solved = solve_motion(track, rig)
    body = posed(rig, solved.motion)
    return source_of(body, solved.motion.timestamps_s), solved.person.mask, body


def slid_m(body: PosedRig, there: PosedRig, mask: np.ndarray, scale: float) -> np.ndarray:
    """How far each part in contact goes in a frame beyond what the source's does: metres of the source."""
    turn = about_axis(np.array([0.0, 0.0, 1.0]), heading_of(body.rig) - heading_of(there.rig))
    apart = soles(body) / scale - soles(there) @ turn.T
    moved = np.linalg.norm(np.diff(apart, axis=0)[..., :2], axis=-1)
    return moved[mask[1:] & mask[:-1]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("motion", ["walk", "walk_turn", "squat", "kick"])
def test_feet_stand_where_the_sources_do(motion: str, shape: str) -> None:
    there, mask, body_there = source(motion)
    for plan in PLANS:
        rig = shaped(shape, plan)
        found = transfer(there, rig, contacts=contacts_there(there))
        body = posed(rig, found)
        slid = slid_m(body, body_there, mask, found.scale)
        assert slid.mean() < 5e-4, (plan, slid.mean())
        lowest = [soles(one)[..., 2].min(axis=1) - one.rig.ground_m for one in (body, body_there)]
        assert np.abs(lowest[0] / found.scale - lowest[1])[mask.any(axis=1)].mean() < 3e-3, plan


@pytest.mark.parametrize("shape", ["long thighs", "short thighs", "wide hips"])
def test_feet_slide_where_they_are_not_held(shape: str) -> None:
    """What the test above would see if limbs only pointed as the source's."""
    there, mask, body_there = source("walk_turn")
    rig = shaped(shape)
    found = transfer(there, rig)
    assert slid_m(posed(rig, found), body_there, mask, found.scale).mean() > 1e-3


def test_who_has_the_same_proportions_moves_the_same() -> None:
    there, _, body_there = source("walk_turn")
    for plan in ({}, {"axes_seed": 4, "size": 10.0}):
        body = posed(rig := build(arms_down_deg=45, **plan), transfer(there, rig, contacts=contacts_there(there)))
        for name, way in body_there.limbs().items():
            if name != "trunk":
                assert angle_deg(body.limbs()[name], way).max() < 0.01, name


@pytest.mark.parametrize("shape", SHAPES)
def test_legs_stay_near_the_sources_and_knees_do_not_pop(shape: str) -> None:
    there, _, body_there = source("walk")
    rig = shaped(shape)
    body = posed(rig, transfer(there, rig, contacts=contacts_there(there)))
    bends = [
        angle_deg(one.limbs()[f"{side}_thigh"], one.limbs()[f"{side}_shin"])
        for one in (body, body_there)
        for side in ("left", "right")
    ]
    for ours, theirs in zip(bends[:2], bends[2:], strict=True):
        assert np.abs(ours - theirs).mean() < 10, np.abs(ours - theirs).mean()
        jerk = [np.abs(np.diff(bend, n=2)).max() for bend in (ours, theirs)]
        assert jerk[0] < 1.5 * jerk[1], jerk
    for name in ("left_upper_arm", "right_forearm"):
        assert angle_deg(body.limbs()[name], body_there.limbs()[name]).max() < 0.01, name


def test_a_source_that_slides_slides_as_far() -> None:
    """Somebody on a moving stair: the feet that stand go as the source's go, not otherwise."""
    there, mask, body_there = source("squat")
    drift = 0.05 * there.timestamps_s[:, None, None] * np.array([1.0, 0.5, 0.0])
    moved = SourceMotion("drift", there.rig, there.timestamps_s, there.turns, there.heads_m + drift)
    rig = shaped("long thighs")
    found = transfer(moved, rig, contacts=contacts_there(moved))
    body_there = PosedRig(body_there.rig, body_there.heads_world_m + drift, body_there.turns)
    assert slid_m(posed(rig, found), body_there, mask, found.scale).mean() < 5e-4


def test_feet_above_the_head_stand_on_nothing() -> None:
    """Of somebody who stands on the hands no foot stands."""
    plain = build()
    still = performed(plain)
    over = about_axis(np.array([1.0, 0.0, 0.0]), np.array(np.pi))
    turns = np.broadcast_to(over, still.turns.shape)
    heads = plain.rest_heads_world_m @ over.T + [0, 0, 1.9]
    there = SourceMotion("hands", plain, still.timestamps_s, turns, np.broadcast_to(heads, still.heads_m.shape))
    assert not contacts_there(there)


def looped(motion: str, *, drift_m_s: float = 0.0, turned_deg: float = 0.0) -> SourceMotion:
    """A motion there and back again, from somewhere in the middle on, so that it ends in the pose in which it begins; farther on
    the ground, and turned, if so asked.
    """
    there, *_ = source(motion)
    count = len(there.timestamps_s)
    frames = np.roll([*range(count), *range(count - 2, 0, -1)], count // 3)
    frames = np.append(frames, frames[0])
    times = np.arange(len(frames)) * (there.timestamps_s[1] - there.timestamps_s[0])
    on_the_way = about_axis(np.array([0.0, 0.0, 1.0]), np.radians(turned_deg) * times / times[-1])
    heads = (on_the_way[:, None] @ there.heads_m[frames][..., None])[..., 0] + drift_m_s * times[:, None, None] * [1.0, 0.0, 0.0]
    return SourceMotion("loop", there.rig, times, on_the_way[:, None] @ there.turns[frames], heads)


@pytest.mark.parametrize(
    ("motion", "way"),
    [("squat", {}), ("walk_turn", {}), ("walk_turn", {"drift_m_s": 0.4}), ("walk_turn", {"turned_deg": 60.0})],
    ids=["on the spot", "there and back", "on its way", "turning"],
)
def test_a_loop_stays_one(motion: str, way: dict[str, float]) -> None:
    """The last frame's pose is the first one's, however far on: played again and again the character does not jump."""
    there = looped(motion, **way)
    for shape in ("long thighs", "wide hips"):
        rig = shaped(shape)
        body = posed(rig, transfer(there, rig, contacts=contacts_there(there)))
        turn = body.turn("hips")[-1] @ body.turn("hips")[0].T
        for name in ("left_thigh", "right_shin", "left_foot"):
            first, last = turn @ body.turn(name)[0], body.turn(name)[-1]
            assert np.degrees(np.arccos(np.clip((np.trace(last @ first.T) - 1) / 2, -1, 1))) < 0.1, (shape, name)
        assert abs(np.ptp(body.middle("thigh")[[0, -1], 2])) < 1e-3 * rig.leg_length_m, shape


def in_place(motion: str) -> SourceMotion:
    """The motion without its way along the ground, as games have their cycles: the feet glide over the ground instead."""
    there, *_ = source(motion)
    thighs = [there.rig.bone(f"{side}_thigh") for side in ("left", "right")]
    middle = there.heads_m[:, thighs].mean(axis=1)
    return replace(there, heads_m=there.heads_m - ((middle - middle[0]) * [1, 1, 0])[:, None])


def low_soles(
    there: SourceMotion, body_there: PosedRig, body: PosedRig, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Heels and balls of source and rig, [T, 4, 3], at the size of the rig, and which of them touch the source's ground."""
    turn = about_axis(np.array([0.0, 0.0, 1.0]), heading_of(body.rig) - heading_of(there.rig))
    moved = there.heads_m[:, there.rig.bone("hips")] - body_there.head("hips")
    theirs = (soles(body_there) + moved[:, None] - [0, 0, there.rig.ground_m]) @ turn.T * scale
    return theirs, soles(body) - [0, 0, body.rig.ground_m], theirs[..., 2] < 0.02 * body.rig.leg_length_m


@pytest.mark.parametrize("shape", ["long thighs", "short thighs", "long feet", "half as large"])
def test_feet_of_somebody_who_walks_in_place_go_back_over_the_ground(shape: str) -> None:
    """They are on it, neither above nor below, and both go back as fast as the source's ground does, or by one factor slower."""
    there, body_there = in_place("walk"), source("walk")[2]
    rig = shaped(shape)
    contacts = contacts_there(there)
    found = transfer(there, rig, contacts=contacts)
    theirs, ours, low = low_soles(there, body_there, posed(rig, found), found.scale)
    assert np.abs(ours - theirs)[low, 2].mean() < 2e-3 * rig.leg_length_m
    stands = low[1:] & low[:-1] & np.stack([low[1:].any(axis=1)] * 4, axis=1)
    steps_there, steps = (np.diff(feet, axis=0)[stands][:, :2] for feet in (theirs, ours))
    on_ground = (steps_there @ steps_there.mean(axis=0)) > 0
    steps_there, steps = steps_there[on_ground], steps[on_ground]
    share = (steps_there * steps).sum() / (steps_there**2).sum()
    assert 0.5 < share < 1.3, share
    assert ((steps - share * steps_there) ** 2).sum() < 0.05**2 * (steps_there**2).sum()


@pytest.mark.parametrize("shape", ["long thighs", "short thighs", "long feet"])
def test_a_foot_that_slides_over_the_ground_is_on_it(shape: str) -> None:
    """Whatever is known of where it stands."""
    there, body_there = in_place("walk"), source("walk")[2]
    rig = shaped(shape)
    found = transfer(there, rig, contacts=())
    theirs, ours, low = low_soles(there, body_there, posed(rig, found), found.scale)
    assert np.abs(ours.min(axis=1) - theirs.min(axis=1))[low.any(axis=1), 2].mean() < 2e-3 * rig.leg_length_m


def sunk(*, falls_m: float = 0.0) -> SourceMotion:
    """A walk by somebody with longer heels than it was made for, so that these go into the ground where they land; on ground that
    falls, if so asked.
    """
    there, *_ = source("walk")
    rig = shod(there.rig, behind=0.25, ahead=0.2, below=(there.rig.rest_heads_world_m[there.rig.bone("left_foot"), 2]) / 0.82)
    down = falls_m * np.linspace(0, 1, len(there.timestamps_s))[:, None, None] * [0.0, 0.0, 1.0]
    return replace(there, rig=rig, heads_m=there.heads_m - down)


@pytest.mark.parametrize("shape", ["itself", "long thighs", "half as large"])
@pytest.mark.parametrize("held", [True, False])
def test_heels_that_sink_in_where_they_land_do_not_take_other_feet_into_the_ground(shape: str, held: bool) -> None:
    """By so long a heel 9 cm."""
    rig, there = shaped(shape), sunk()
    found = transfer(there, rig, contacts=contacts_there(there) if held else ())
    depth_m = (posed(rig, found).rig.ground_m - soles(posed(rig, found))[..., 2].min(axis=1)) / found.scale
    assert depth_m.max() < 0.01, depth_m.max()


def test_who_goes_down_is_as_deep_as_the_ground_is() -> None:
    rig, there = shaped("long thighs"), sunk(falls_m=0.5)
    found = transfer(there, rig, contacts=contacts_there(there))
    low = (soles(posed(rig, found))[..., 2].min(axis=1) - rig.ground_m) / found.scale
    assert np.abs(low + np.linspace(0, 0.5, len(low))).max() < 0.04


@pytest.mark.parametrize(("back", "follows"), [(0.92, True), (0.7, False)])
def test_a_few_frames_in_which_the_other_foot_passes_lower_do_not_stop_the_ground(back: float, follows: bool) -> None:
    """The lowest foot goes back for so long, and ahead in the rest, as one that drags over the ground does."""
    goes_back = np.arange(100) < round(100 * back)
    velocities = np.where(goes_back, 1.2, -1.2)[:, None, None] * np.array([0.0, 1.0, 0.0]) + np.zeros((100, 4, 3))
    under = _under_feet(velocities, np.zeros((100, 4)))
    assert (under[goes_back, :, 1] > 1.1).all() if follows else not under.any()
