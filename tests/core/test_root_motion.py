"""What a root carries of a character's way."""

from __future__ import annotations

import numpy as np
import pytest

from blender_pose3d.core.root_motion import carried
from blender_pose3d.core.rotations import about_axis, apply

_UP = np.array([0.0, 0.0, 1.0])
_TIMES = np.arange(90) / 30
_REST_M, _REST_ACROSS = np.array([0.2, -0.1, 0.95]), np.array([0.2, 0.0, 0.0])


def walked(turned_deg: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hips of somebody who walks at 1.3 m/s, bobs and sways 4 cm to each side and turns 8 degrees with each step: where they are,
    from right to left, and their way without all that."""
    heading = np.radians(turned_deg) * _TIMES / _TIMES[-1]
    way = np.stack([0.2 + 0.3 * _TIMES, -0.1 - 1.3 * _TIMES, np.zeros(90)], axis=-1)
    phase = 2 * np.pi * _TIMES
    across = apply(about_axis(_UP, heading + np.radians(8) * np.sin(phase)), _REST_ACROSS)
    hips = way + 0.04 * np.sin(phase)[:, None] * [1, 0, 0] + (0.95 + 0.02 * np.cos(2 * phase))[:, None] * [0, 0, 1]
    return hips, across, way


def test_it_goes_along_the_ground_without_what_the_hips_sway() -> None:
    hips, across, way = walked()
    root = carried(hips, across, _REST_M, _REST_ACROSS, _TIMES, turning=False)
    assert np.array_equal(root[:, :3, :3], np.broadcast_to(np.eye(3), (90, 3, 3))) and np.abs(root[:, 2, 3]).max() < 1e-12
    places = apply(root[:, :3, :3], _REST_M) + root[:, :3, 3]  # what was below the hips at rest
    assert np.abs(places - way)[:, :2].max() < 0.02, "less than half of the sway"
    assert np.abs(places[[0, -1], :2] - hips[[0, -1], :2]).max() < 1e-9


def test_what_is_repeated_goes_on_as_fast() -> None:
    """The steps of the root at both ends are those of the middle: none would be seen to wait where a loop begins again."""
    hips, across, _ = walked()
    steps = np.linalg.norm(np.diff(carried(hips, across, _REST_M, _REST_ACROSS, _TIMES, turning=False)[:, :3, 3], axis=0), axis=1)
    assert steps.min() > 0.85 * steps.mean() and steps.max() < 1.15 * steps.mean(), steps


@pytest.mark.parametrize("turned_deg", [0.0, 120.0, -400.0])
def test_it_turns_with_them(turned_deg: float) -> None:
    hips, across, _ = walked(turned_deg)
    turns = carried(hips, across, _REST_M, _REST_ACROSS, _TIMES, turning=True)[:, :3, :3]
    found = np.degrees(np.unwrap(np.arctan2(turns[:, 1, 0], turns[:, 0, 0])))
    assert np.abs(found - turned_deg * _TIMES / _TIMES[-1]).max() < 5, found
    assert found[-1] - found[0] == pytest.approx(turned_deg, abs=2), "as far as they do, loop for loop"


def test_a_pose_and_somebody_who_lies_are_carried_too() -> None:
    hips, across, _ = walked()
    one = carried(hips[:1], across[:1], _REST_M, _REST_ACROSS, _TIMES[:1], turning=True)
    assert np.isfinite(one).all()
    lying = np.broadcast_to([0.0, 0.0, 0.2], across.shape)  # on the side: nothing says where the hips face
    root = carried(hips, lying, _REST_M, _REST_ACROSS, _TIMES, turning=True)
    assert np.allclose(root[:, :3, :3], np.eye(3))
