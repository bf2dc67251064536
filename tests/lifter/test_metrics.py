"""The measures: zero where they must be, and values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifter.joints import MIRROR
from lifter.metrics import (
    acceleration_errors,
    direction_error_deg,
    mpjpe,
    mpjve,
    n_mpjpe,
    p_mpjpe,
    sides_exchanged,
    similarity_aligned,
    velocity_errors,
)

seeds = st.integers(0, 2**32 - 1)


def _poses(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.4, (*shape, 17, 3))


def _rotations(seed: int, *shape: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(*shape, 3, 3)))
    q = q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[..., None, :]
    return q * np.linalg.det(q)[..., None, None]


@given(seeds, st.floats(0.05, 20))
def test_p_mpjpe_does_not_see_a_similarity(seed: int, scale: float) -> None:
    truth = _poses(seed, 5)
    moved = scale * truth @ _rotations(seed, 5) + np.random.default_rng(seed).normal(size=(5, 1, 3))
    np.testing.assert_allclose(p_mpjpe(moved, truth), 0, atol=1e-9)
    np.testing.assert_allclose(similarity_aligned(moved, truth), truth, atol=1e-9)


@given(seeds)
def test_p_mpjpe_sees_a_reflection(seed: int) -> None:
    """A body with its sides exchanged is another body."""
    truth = _poses(seed, 3)
    assert (p_mpjpe(truth * [-1, 1, 1], truth) > 0.05).all()


@given(seeds)
def test_alignment_is_never_worse_than_none(seed: int) -> None:
    a, b = _poses(seed, 4), _poses(seed + 1, 4)
    squared = ((similarity_aligned(a, b) - b) ** 2).sum((-1, -2))
    for other in (a, a * 1.1, a + 0.1, a @ _rotations(seed, 4)):
        assert (squared <= ((other - b) ** 2).sum((-1, -2)) + 1e-9).all()


def test_values_by_hand() -> None:
    truth = np.zeros((2, 4, 3))
    truth[:, 1:] = np.eye(3)
    off = truth.copy()
    off[0, 1] += [0, 0.3, 0.4]
    np.testing.assert_allclose(mpjpe(off, truth), [0.125, 0])  # one joint of four, half a metre off
    np.testing.assert_allclose(n_mpjpe(2 * truth, truth), 0, atol=1e-12)
    # Twice the size costs 1 m on three of four joints before scaling.
    np.testing.assert_allclose(mpjpe(2 * truth, truth), 0.75)
    still, moving = np.zeros((3, 2, 3)), np.zeros((3, 2, 3))
    moving[1:, 0, 0] = [0.1, 0.2]  # one of two joints moves 0.1 m a frame
    assert mpjve(moving, still) == pytest.approx(0.05)
    assert mpjve(moving + 7, moving) == pytest.approx(0)


def test_accelerations_by_hand() -> None:
    still, pushed = np.zeros((5, 2, 3)), np.zeros((5, 2, 3))
    pushed[:, 0, 0] = [0, 0, 0.1, 0.4, 0.7]  # one of two joints, velocities 0, 0.1, 0.3, 0.3
    np.testing.assert_allclose(velocity_errors(pushed, still), [0, 0.05, 0.15, 0.15], atol=1e-12)
    np.testing.assert_allclose(acceleration_errors(pushed, still), [0.05, 0.1, 0], atol=1e-12)
    assert len(acceleration_errors(pushed[:1], still[:1])) == len(velocity_errors(pushed[:1], still[:1])) == 0


@given(seeds, st.floats(0.3, 3))
def test_exchanged_sides_are_found_at_any_size(seed: int, scale: float) -> None:
    truth = _poses(seed, 6)
    predicted = scale * (truth + np.random.default_rng(seed).normal(0, 0.02, truth.shape))
    predicted[2:4] = predicted[2:4][:, list(MIRROR)]
    assert sides_exchanged(predicted, truth, MIRROR).tolist() == [False, False, True, True, False, False]


def test_a_pose_without_sides_is_not_called_exchanged() -> None:
    """Both ways are as bad where left lies on right."""
    truth = _poses(1, 4)
    flat = (truth + truth[:, list(MIRROR)]) / 2
    assert not sides_exchanged(flat, truth, MIRROR).any()


def test_angles_by_hand() -> None:
    x = np.array([1.0, 0, 0])
    for angle in (0.0, 1e-6, 0.5, 45, 90, 179.999, 180):
        way = 3 * np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle)), 0])
        assert direction_error_deg(x, way) == pytest.approx(angle, abs=1e-5, rel=1e-6)


def test_a_line_of_points_does_not_break_the_alignment() -> None:
    line = np.zeros((1, 17, 3))
    line[0, :, 0] = np.linspace(0, 1, 17)
    assert p_mpjpe(line[..., [1, 0, 2]] * 3, line)[0] == pytest.approx(0, abs=1e-9)
    assert np.isfinite(p_mpjpe(np.zeros((1, 17, 3)), line)).all()
