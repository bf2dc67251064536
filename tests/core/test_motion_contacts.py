"""Which foot stands, and when."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.motion import Contact, MotionOptions, perform
from blender_pose3d.core.motion.contacts import contacts_of, heels_off, mask_of, two_state_path
from tests.core.motion_tracks import seen


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


def test_a_foot_that_is_not_seen_does_not_stand() -> None:
    clip = seen("squat")
    clip.track.landmark_confidence[:] = 0.1
    clip.track.confidence[:] = 0.1
    assert not perform(clip.track, MotionOptions()).mask.any()


def test_one_doubtful_frame_neither_breaks_nor_makes_a_contact() -> None:
    evidence = np.concatenate([np.full(10, 1.0), [-1.0], np.full(10, 1.0), np.full(10, -1.0), [1.0], np.full(10, -1.0)])[:, None]
    on = two_state_path(evidence, 2.0)[:, 0]
    np.testing.assert_array_equal(on, np.arange(len(on)) < 21)


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
