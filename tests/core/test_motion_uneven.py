"""Stairs, a box, a ladder: nobody leans because the ground rises, and feet stand as high as they did."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from blender_pose3d.core.coordinates import CameraPose
from blender_pose3d.core.motion import MotionOptions, Performance, onto_rig, perform
from blender_pose3d.core.motion.contacts import stretches
from blender_pose3d.core.motion.uneven import ground_under
from blender_pose3d.core.skeleton import INDEX
from tests.core.motion_tracks import Seen, seen
from tests.core.rigs import build, posed

_STEP_M = 0.17
_ABOVE_SOLE_M = 0.1
_OF_FOOT = ("ankle", "heel", "toe")


def eased(shares: np.ndarray) -> np.ndarray:
    return shares * shares * (3 - 2 * shares)


def bent(hip: np.ndarray, knee: np.ndarray, ankle: np.ndarray, lengths: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """The knee between a hip and an ankle that were moved, in its plane: [T, 3] each."""
    a, b = lengths
    line = ankle - hip
    far = np.linalg.norm(line, axis=-1, keepdims=True)
    along = line / far
    share = np.clip((a**2 + far**2 - b**2) / (2 * a * far), -1, 1)
    side = knee - hip
    side = side - (side * along).sum(-1, keepdims=True) * along
    return hip + a * (share * along + np.sqrt(1 - share**2) * side / np.linalg.norm(side, axis=-1, keepdims=True))


def up_the_stairs(at: dict[str, np.ndarray], contact: np.ndarray) -> None:
    """Every stance is a step higher than the other foot's before it; the body rises with the feet's mean."""
    frames = np.arange(len(contact))
    stands = [contact[:, 0] | contact[:, 1], contact[:, 2] | contact[:, 3]]
    found = sorted((first, last, side) for side in (0, 1) for first, last in stretches(stands[side]))
    heights = np.zeros((2, len(frames)))
    for side in (0, 1):
        own = [(first, last, _STEP_M * i) for i, (first, last, foot) in enumerate(found) if foot == side]
        heights[side] = own[0][2]
        for (_, before, low), (first, _, high) in zip(own, own[1:], strict=False):
            heights[side] = np.where(
                frames > before, low + (high - low) * eased(np.clip((frames - before) / (first - before), 0, 1)), heights[side]
            )
    lengths = {
        side: tuple(
            np.linalg.norm(at[f"{side}_{b}"] - at[f"{side}_{a}"], axis=-1, keepdims=True)
            for a, b in (("hip", "knee"), ("knee", "ankle"))
        )
        for side in ("left", "right")
    }
    body = heights.min(axis=0) + 0.3 * (heights.max(axis=0) - heights.min(axis=0))
    legs = {f"{side}_{part}": heights[i] for i, side in enumerate(("left", "right")) for part in _OF_FOOT}
    for name, points in at.items():
        points[:, 2] += legs.get(name, body)
    for side in ("left", "right"):
        at[f"{side}_knee"][:] = bent(at[f"{side}_hip"], at[f"{side}_knee"], at[f"{side}_ankle"], lengths[side])


def onto_a_box(at: dict[str, np.ndarray], contact: np.ndarray) -> None:
    """The jump ends 0.4 m higher."""
    first, last = max(stretches(~contact.any(axis=1)), key=lambda span: span[1] - span[0])
    height = 0.4 * eased(np.clip((np.arange(len(contact)) - first + 1) / (last - first + 2), 0, 1))
    for points in at.values():
        points[:, 2] += height


def with_feet_up(frames_s: float) -> Callable[[dict[str, np.ndarray], np.ndarray], None]:
    """While somebody sits the feet are 0.35 m up, on the bar of a stool, and the stool is as much higher; so many frames are
    spent on the way up, and on the way down.
    """

    def changed(at: dict[str, np.ndarray], contact: np.ndarray) -> None:
        sits = np.flatnonzero(at["pelvis"][:, 2] < at["pelvis"][:, 2].min() + 0.03)
        frames = np.arange(len(contact))
        share = eased(np.clip(np.minimum(frames - sits[0], sits[-1] - frames) / frames_s, 0, 1))
        for points in at.values():
            points[:, 2] += 0.35 * share

    return changed


HELD = CameraPose(pitch_rad=0.12, roll_rad=-0.05)
CLIPS = {
    "stairs, from the side": ("walk_across", up_the_stairs, 0.0),
    "stairs, at an angle": ("walk_across", up_the_stairs, 40.0),
    "stairs, towards the camera": ("walk", up_the_stairs, 0.0),
    "a box": ("jump", onto_a_box, 30.0),
}


@cache
def clip(name: str) -> Seen:
    motion, changed, yaw_deg = CLIPS[name]
    return seen(motion, camera=HELD, yaw_deg=yaw_deg, distance_m=6.0, changed=changed)


@cache
def performed(name: str, *, level_ground: bool = False) -> Performance:
    return perform(clip(name).track, MotionOptions(level_ground=level_ground))


def off_deg(person: Performance) -> float:
    pose = person.camera.pose
    return float(np.degrees(np.hypot(pose.pitch_rad - HELD.pitch_rad, pose.roll_rad - HELD.roll_rad)))


def soles_m(a_clip: Seen) -> np.ndarray:
    """Of both feet, above the lowest: [T, 2]."""
    ankles = a_clip.joints_m[:, [INDEX["left_ankle"], INDEX["right_ankle"]], 2]
    return ankles - ankles.min()


@pytest.mark.parametrize("name", CLIPS)
def test_nobody_leans_because_the_ground_rises(name: str) -> None:
    assert off_deg(performed(name)) < 5


@pytest.mark.parametrize("name", CLIPS)
def test_feet_stand_as_high_as_they_did(name: str) -> None:
    person, a_clip = performed(name), clip(name)
    wanted = soles_m(a_clip)
    stands = person.mask.reshape(-1, 2, 2).all(axis=2)
    assert np.ptp(wanted[stands]) > 0.35
    assert np.median(np.abs(person.under_m - wanted)[stands] / (0.1 + wanted[stands])) < 0.1
    rise = a_clip.joints_m[:, INDEX["pelvis"], 2]
    np.testing.assert_allclose(np.ptp(person.path_m[:, 2]), np.ptp(rise), atol=0.12)


def turned_over(points: np.ndarray, about: np.ndarray, angle_rad: np.ndarray) -> np.ndarray:
    """Points [T, 3] turned backwards about the axis to the left through others [T, 3]."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    off = points - about
    return about + np.stack([off[:, 0], c * off[:, 1] - s * off[:, 2], s * off[:, 1] + c * off[:, 2]], axis=-1)


def onto_the_head(at: dict[str, np.ndarray], contact: np.ndarray) -> None:
    """Over backwards, a second and a half with the feet in the air, and back."""
    lowest, pelvis = min(points[:, 2].min() for points in at.values()), at["pelvis"].copy()
    angle = np.pi * eased(np.clip(np.interp(np.arange(len(contact)) / 25, [0.8, 2.3, 3.8, 5.3], [0, 1, 1, 0]), 0, 1))
    for points in at.values():
        points[:] = turned_over(points, pelvis, angle)
    down = np.min([points[:, 2] for points in at.values()], axis=0) - lowest
    for points in at.values():
        points[:, 2] -= down


def with_legs_raised(at: dict[str, np.ndarray], contact: np.ndarray) -> None:
    """On the back all the time; the legs go up and past the hips, stay there for a second, and go down."""
    pelvis = at["pelvis"].copy()
    raised = np.radians(105) * eased(np.clip(np.interp(np.arange(len(contact)) / 25, [0.8, 2.3, 3.3, 4.8], [0, 1, 1, 0]), 0, 1))
    for name, points in at.items():
        points[:] = turned_over(points, pelvis, np.full(len(points), np.pi / 2)) - [0, 0, 0.8]
        if name.partition("_")[2] in ("knee", *_OF_FOOT):
            points[:] = turned_over(points, pelvis - [0, 0, 0.8], raised)


@pytest.mark.parametrize("changed", [onto_the_head, with_legs_raised])
def test_feet_in_the_air_stand_on_nothing(changed: Callable[[dict[str, np.ndarray], np.ndarray], None]) -> None:
    a_clip = seen("stand", seconds=6.0, yaw_deg=70, distance_m=6.0, changed=changed)
    person = perform(a_clip.track, MotionOptions())
    feet = np.stack([a_clip.joints_m[:, INDEX[f"{side}_ankle"], 2] for side in ("left", "right")], axis=1)
    above = feet > a_clip.joints_m[:, INDEX["pelvis"], 2, None] + 0.3
    assert above.sum() > 40
    assert not (person.mask.reshape(-1, 2, 2).any(axis=2) & above).any()
    assert not person.under_m.any()
    rise = a_clip.joints_m[:, INDEX["pelvis"], 2]
    assert np.abs(person.path_m[:, 2] - person.path_m[0, 2] - rise + rise[0]).max() < 0.15


@pytest.mark.parametrize("plan", [{}, {"leg": 1.5}, {"leg": 0.6, "axes_seed": 3}])
@pytest.mark.parametrize("name", CLIPS)
def test_so_do_the_rigs(name: str, plan: dict) -> None:
    rig, person = build(**plan), performed(name)
    motion = onto_rig(person, rig, MotionOptions())
    body = posed(rig, motion)
    rest = min(rig.rest_heads_world_m[rig.bone(f"{side}_foot"), 2] for side in ("left", "right"))
    heights = np.stack([body.head(f"{side}_foot")[:, 2] for side in ("left", "right")], axis=1) - rest
    flat = person.mask.reshape(-1, 2, 2).all(axis=2)
    np.testing.assert_allclose(heights[flat], (motion.scale * person.under_m)[flat], atol=0.02 * rig.leg_length_m)
    for side in (0, 1):
        moved = np.linalg.norm(np.diff(body.head(f"{('left', 'right')[side]}_foot"), axis=0), axis=-1)
        assert np.median(moved[flat[1:, side] & flat[:-1, side]]) < 0.002


@pytest.mark.parametrize("name", ["stairs, from the side", "a box"])
def test_level_ground_can_be_said(name: str) -> None:
    person = performed(name, level_ground=True)
    assert not person.under_m.any()


@pytest.mark.parametrize(
    "motion", ["walk", "walk_across", "walk_turn", "squat", "jump", "run", "sit_rise", "punch", "kick", "lie_down", "stand"]
)
@pytest.mark.parametrize("pitch_deg", [0.0, 20.0])
def test_level_ground_is_level(motion: str, pitch_deg: float) -> None:
    person = perform(seen(motion, camera=CameraPose(np.radians(pitch_deg), 0.05), yaw_deg=20).track, MotionOptions())
    assert not person.under_m.any()


@pytest.mark.parametrize(("frames", "under_m"), [(8, 0.35), (20, 0.0)], ids=["for a second", "for a moment"])
def test_feet_on_a_bar_do_not_pull_somebody_along_the_line_of_sight(frames: int, under_m: float) -> None:
    a_clip = seen("sit_rise", camera=HELD, yaw_deg=40, distance_m=5.0, changed=with_feet_up(frames))
    pelvis = a_clip.joints_m[:, INDEX["pelvis"]]

    def most_off_m(person: Performance) -> float:
        return float(np.linalg.norm((person.path_m - person.path_m[0] - pelvis + pelvis[0])[:, :2], axis=-1).max())

    person = perform(a_clip.track, MotionOptions())
    assert most_off_m(person) < 0.1
    assert most_off_m(perform(a_clip.track, MotionOptions(level_ground=True))) > 0.3
    np.testing.assert_allclose(person.under_m.max(), under_m, atol=0.05)


def test_between_two_steps_the_lower_one_is_under_a_foot() -> None:
    times = np.arange(60) / 30
    mask, heights = np.zeros((60, 4), bool), np.zeros((60, 4))
    mask[:20, :2], mask[30:, :2], mask[15:45, 2:] = True, True, True
    heights[30:, :2], heights[:, 2:] = 0.34, 0.17
    under, stands = ground_under(heights, np.zeros(60), mask, times)
    np.testing.assert_allclose(under[:30, 0], 0.0)
    np.testing.assert_allclose(under[30:, 0], 0.34)
    np.testing.assert_allclose(under[:, 1], 0.17)
    assert (stands == mask).all()
    assert not ground_under(heights, np.full(60, 0.1), mask, times)[0].any(), "what the camera may have wrong is no step"
    assert not ground_under(heights / 4, np.zeros(60), mask, times)[0].any()
    assert not ground_under(heights, np.zeros(60), np.zeros((60, 4), bool), times)[0].any()


def test_what_stands_high_for_a_moment_stands_on_nothing() -> None:
    times = np.arange(60) / 30
    mask, heights = np.zeros((60, 4), bool), np.zeros((60, 4))
    mask[:25, :2], mask[32:39, :2], mask[44:, :2], mask[:, 2:] = True, True, True, True
    heights[32:39, :2] = 0.5
    under, stands = ground_under(heights, np.zeros(60), mask, times)
    assert not under.any() and not stands[32:39, :2].any()
    mask[32:39, :2] = False
    assert (stands == mask).all()


def test_a_foot_that_has_just_landed_on_a_step_says_nothing_of_its_height() -> None:
    """The clip ends there: what the other foot stood on before is not under it."""
    times = np.arange(60) / 30
    mask, heights = np.zeros((60, 4), bool), np.zeros((60, 4))
    mask[:20, :2], mask[15:45, 2:], mask[57:, :2] = True, True, True
    heights[15:45, 2:], heights[57:, :2] = 0.5, 0.9
    under, stands = ground_under(heights, np.zeros(60), mask, times)
    assert under.max() == 0.5 and not stands[57:].any() and (stands[:57] == mask[:57]).all()


def test_a_foot_on_its_way_down_from_a_step_has_no_step_under_it() -> None:
    """The clip ends before it stands again: where it stood last is no ground that holds it up."""
    times = np.arange(75) / 30
    mask, heights = np.zeros((75, 4), bool), np.zeros((75, 4))
    mask[24:40, :2], mask[10:, 2:] = True, True
    heights[:40, :2] = 0.5
    heights[40:50, :2] = np.linspace(0.5, 0.03, 10)[:, None]
    heights[50:, :2] = 0.03
    under, _ = ground_under(heights, np.zeros(75), mask, times)
    np.testing.assert_allclose(under[24:42, 0], 0.5)  # a little lower is what a foot looks like that rolls off a step
    np.testing.assert_allclose(under[44:, 0], heights[44:, 0], atol=1e-9)
    assert not under[:, 1].any()
