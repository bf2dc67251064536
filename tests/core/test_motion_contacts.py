"""Which foot stands, and when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.motion import Contact, MotionOptions, perform
from blender_pose3d.core.motion.contacts import contacts_of, detect, heels_off, mask_of, standing, two_state_path
from blender_pose3d.core.skeleton import INDEX, LANDMARK_INDEX
from tests.core.motion_tracks import Seen, seen


@pytest.mark.parametrize(
    ("motion", "yaw_deg"),
    [("walk", 0.0), ("walk", 90.0), ("walk_turn", 30.0), ("squat", 0.0), ("kick", 60.0), ("sit_rise", 40.0)],
)
def test_contacts_are_those_of_the_motion(motion: str, yaw_deg: float) -> None:
    clip = seen(motion, yaw_deg=yaw_deg)
    found = perform(clip.track, MotionOptions()).mask
    assert 2 * (found & clip.contact).sum() / (found.sum() + clip.contact.sum()) > 0.88


def test_a_jump_leaves_the_ground_and_comes_back() -> None:
    clip = seen("jump", fps=50)
    found = perform(clip.track, MotionOptions()).mask.any(axis=1)
    flight = ~clip.contact.any(axis=1)
    inner = np.flatnonzero(flight)[3:-3]
    assert not found[inner].any()
    assert found[~flight].mean() > 0.9


@pytest.mark.parametrize("fps", [25, 30, 60])
def test_feet_at_the_top_of_small_quick_hops_stand_on_nothing(fps: int) -> None:
    """They are still for a moment, and never far above the ground."""
    flight_s, airborne = 0.24, np.zeros(0)

    def skipped(at: dict[str, np.ndarray], contact: np.ndarray) -> None:
        nonlocal airborne
        since = np.clip(np.arange(len(contact)) / fps % 0.45, 0, flight_s)
        airborne = 9.81 / 2 * since * (flight_s - since)
        for points in at.values():
            points[:, 2] += airborne

    mask = perform(seen("stand", fps=fps, seconds=3, changed=skipped).track, MotionOptions()).mask
    assert not mask[airborne > 0.04].any()
    assert mask[airborne < 0.002].mean() > 0.7


def test_a_foot_that_is_not_seen_does_not_stand() -> None:
    clip = seen("squat")
    clip.track.landmark_confidence[:] = 0.1
    clip.track.confidence[:] = 0.1
    assert not perform(clip.track, MotionOptions()).mask.any()


def test_one_doubtful_frame_neither_breaks_nor_makes_a_contact() -> None:
    evidence = np.concatenate([np.full(10, 1.0), [-1.0], np.full(10, 1.0), np.full(10, -1.0), [1.0], np.full(10, -1.0)])[:, None]
    on = two_state_path(evidence, 2.0)[:, 0]
    np.testing.assert_array_equal(on, np.arange(len(on)) < 21)


@pytest.mark.parametrize(
    ("takes_s", "goes_m", "stands"),
    [
        (0.75, [0.0, -0.38, 0.0], False),  # a small step towards the camera, 10 centimetres of which the picture shows
        (0.5, [0.0, -0.2, 0.0], True),  # the lifter's noise in depth
        (2.4, [0.12, 0.0, 0.0], True),  # what drifts all the time is the camera
    ],
)
def test_a_slow_small_step_parts_a_contact(takes_s: float, goes_m: list[float], stands: bool) -> None:
    times = np.arange(76) / 25
    parts = np.tile([[-0.1, 5.0, -1.35], [-0.1, 4.8, -1.3], [0.1, 5.0, -1.35], [0.1, 4.8, -1.3]], (76, 1, 1))
    gone = np.clip((times - 1.5) / takes_s + 0.5, 0.0, 1.0)
    parts[:, :2] += (gone**2 * (3 - 2 * gone))[:, None, None] * np.array(goes_m)
    mask = standing(parts, np.zeros((76, 3)), np.zeros((76, 3)), np.ones((76, 4)), times)
    assert mask[:, 2:].all() and mask[[0, 10, -10, -1]].all()
    assert mask[:, :2].all() == stands
    if not stands:
        left = ~mask[:, 0]
        assert 0.15 < left.mean() * 3.0 < 0.6 and left[37] and np.diff(left.astype(int)).clip(0).sum() == 1


def test_a_heel_that_rises_about_the_toe_has_left_the_ground() -> None:
    """Slower than anything that is in the air; and only where the toe stands on, and for good."""
    mask = np.ones((20, 4), bool)
    speeds = np.zeros((20, 4))
    speeds[3, 0] = speeds[14:, 0] = 0.2
    speeds[14:, 2] = 0.2
    mask[19, 2:] = mask[18, 3] = False
    found = heels_off(mask, speeds)
    np.testing.assert_array_equal(found[:, 0], np.arange(20) < 14)
    np.testing.assert_array_equal(found[:, 1:], mask[:, 1:])


@given(st.lists(st.tuples(*[st.booleans()] * 4), min_size=1, max_size=40))
def test_contacts_and_mask_say_the_same(flags: list[tuple[bool, ...]]) -> None:
    mask = np.array(flags)
    times = np.arange(len(mask)) / 30
    np.testing.assert_array_equal(mask_of(contacts_of(mask, times), times), mask)


@pytest.mark.parametrize(
    "contact", [Contact(1.0, 0.5, "left", "toe"), Contact(0.0, 1.0, "left", "knee"), Contact(0, 1, "middle", "toe")]
)
def test_a_contact_that_is_none_is_refused(contact: Contact) -> None:
    with pytest.raises(Pose3DError, match="is not one"):
        mask_of([contact], np.arange(10) / 10)


def hidden(clip: Seen) -> Seen:
    """Legs that nobody saw: behind a table, for the whole clip."""
    for side in ("left", "right"):
        for part in ("ankle", "heel", "foot_index"):
            clip.track.landmark_confidence[:, LANDMARK_INDEX[f"{side}_{part}"]] = 0.1
        clip.track.confidence[:, [INDEX[f"{side}_knee"], INDEX[f"{side}_ankle"]]] = 0.1
    return clip


@pytest.mark.parametrize("yaw_deg", [0.0, 90.0, 30.0])
def test_steps_behind_a_table_are_guessed_from_what_hips_and_arms_do(yaw_deg: float) -> None:
    clip = hidden(seen("walk", yaw_deg=yaw_deg, seconds=4.0))
    person = perform(clip.track, MotionOptions())
    walks = np.abs(clip.track.timestamps_s - 2.0) < 1.0
    found, exact = person.mask[walks], clip.contact[walks]
    assert 2 * (found & exact).sum() / (found.sum() + exact.sum()) > 0.75
    feet = person.mask.reshape(-1, 2, 2).any(axis=2)
    assert person.lift_m[~feet].max() > 0.04
    assert not person.lift_m[feet].any()


@pytest.mark.parametrize(("motion", "stays"), [("squat", True), ("run", False), ("punch", True)])
def test_no_steps_are_guessed_where_nobody_walks(motion: str, stays: bool) -> None:
    """Who stays where they are stands on both feet all the time."""
    person = perform(hidden(seen(motion)).track, MotionOptions())
    assert person.mask.all() if stays else not person.mask.any()
    assert not person.lift_m.any()


def test_of_two_feet_that_seem_to_move_the_slower_one_stands() -> None:
    """A detector that is confused while one leg passes the other: both feet seem to move, one much faster."""
    times = np.arange(40) / 25
    speeds = np.zeros((40, 4))
    speeds[15:25, :2], speeds[15:25, 2:] = 3.0, 0.55
    mask = detect(np.zeros((40, 4)), speeds, np.ones((40, 4)), times)
    assert mask[:, 2:].all()
    assert not mask[16:24, :2].any()
    speeds[:, :2] = speeds[:, 2:]  # and alone it does not
    assert not detect(np.zeros((40, 4)), speeds, np.ones((40, 4)), times)[16:24].any()


def test_a_heel_that_stays_up_and_a_toe_of_somebody_who_lies_do_not_stand() -> None:
    times = np.arange(100) / 25
    heights = np.tile([0.06, 0.01], (100, 2))  # as the picture has them while the foot is flat
    heights[40:60, 0] += 0.05
    lying = np.tile([0.01, 0.16], (100, 2))
    still, sure = np.zeros((100, 4)), np.ones((100, 4))
    found = detect(heights, still, sure, times)
    np.testing.assert_array_equal(found[:, 0], (np.arange(100) < 40) | (np.arange(100) >= 60))
    assert found[:, 1:].all()
    found = detect(lying, still, sure, times)
    assert found[:, [0, 2]].all()
    assert not found[:, [1, 3]].any()
