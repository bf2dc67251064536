"""How high somebody is while nobody sees them."""

from __future__ import annotations

import numpy as np
import pytest

from blender_pose3d.core.motion import MotionOptions, perform
from blender_pose3d.core.motion.gaps import above_ground
from blender_pose3d.core.motion.performance import Performance
from tests.core.motion_tracks import seen

TIMES_S = np.arange(200) / 25
FOUND = (TIMES_S > 2.0) & (TIMES_S < 4.0) | (TIMES_S > 6.0) & (TIMES_S < 7.0)
BEFORE, BETWEEN, AFTER = TIMES_S < 1.6, (TIMES_S > 4.4) & (TIMES_S < 5.6), TIMES_S > 7.4


def heights(path_z: np.ndarray, *, floor_m: float = 0.0, legs: bool = True) -> np.ndarray:
    """Of the lowest part of a body whose pelvis is 0.9 m above it: [T]."""
    path = np.stack([TIMES_S, -TIMES_S, path_z], axis=1)
    placed = above_ground(path, np.full(200, -0.9), FOUND, np.full(200, legs), TIMES_S, floor_m=floor_m)
    np.testing.assert_array_equal(placed[:, :2], path[:, :2])
    return placed[:, 2] - 0.9


def lowest(person: Performance) -> np.ndarray:
    return person.path_m[:, 2] + np.concatenate([person.joints_m, person.parts_m], axis=1)[..., 2].min(axis=1)


@pytest.mark.parametrize("wrong_m", [-3.0, 0.8])
def test_who_is_not_seen_is_as_high_as_before_and_after(wrong_m: float) -> None:
    z = np.where(FOUND, 0.95, 0.95 + wrong_m)
    z[TIMES_S > 6.0] += 0.4  # on a box
    found = heights(z)
    np.testing.assert_array_equal(found[FOUND], z[FOUND] - 0.9)
    np.testing.assert_allclose(found[BEFORE], 0.05)
    np.testing.assert_allclose(found[AFTER], 0.45)
    assert (np.diff(found[BETWEEN]) > 0).all() and 0.05 < found[BETWEEN].min() < found[BETWEEN].max() < 0.45


def test_nobody_who_is_seen_is_moved_for_a_little() -> None:
    z = 0.9 + 0.05 * np.sin(5 * TIMES_S) - 0.04
    np.testing.assert_array_equal(heights(z)[FOUND], z[FOUND] - 0.9)


def test_who_goes_down_to_lower_ground_is_believed() -> None:
    z = np.where(TIMES_S < 5, 0.9, -0.6)
    down = heights(z, floor_m=-1.5)
    np.testing.assert_array_equal(down[FOUND], z[FOUND] - 0.9)
    np.testing.assert_allclose(down[AFTER], -1.5)


def test_a_body_deep_in_the_ground_is_a_mistake() -> None:
    z = np.where((TIMES_S > 2.0) & (TIMES_S < 2.5), 0.1, 0.9)
    assert np.abs(heights(z)).max() < 1e-9
    np.testing.assert_array_equal(heights(z, legs=False)[FOUND], z[FOUND] - 0.9)


@pytest.mark.parametrize("comes", [True, False])
def test_who_leaves_or_comes_falls_into_no_pit(comes: bool) -> None:
    """The last frames before nobody is found, or the first ones after it, show less and less of a person."""
    clip = seen("walk", seconds=4.0)
    track, exact = clip.track, lowest(perform(clip.track, MotionOptions()))
    gone = slice(0, 40) if comes else slice(60, 100)
    sinking = slice(40, 46) if comes else slice(54, 60)
    sunk_m = np.linspace(0.5, 0.05, 6) if comes else np.linspace(0.05, 0.5, 6)
    track.detected[gone] = False
    for values in (track.confidence, track.landmark_confidence):
        values[gone] = 0.0
    track.root_position_m[sinking, 1] += sunk_m
    track.root_position_m[gone] = track.root_position_m[45 if comes else 54] + [0, 0.5, 0]
    found = lowest(perform(track, MotionOptions()))
    assert found.min() > -0.11 and found[gone].max() < exact.max() + 0.1
