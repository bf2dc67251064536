"""Rotations, coordinates and filters: properties, and examples by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_pose3d.core import rotations
from blender_pose3d.core.coordinates import CameraPose, to_world, world_from_camera
from blender_pose3d.core.filtering import rolling_minimum, smoothed

seeds = st.integers(0, 2**32 - 1)
angles = st.floats(-np.pi, np.pi)


def _quaternions(seed: int, *shape: int) -> np.ndarray:
    return rotations.unit(np.random.default_rng(seed).normal(size=(*shape, 4)))


def _vectors(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(*shape, 3))


@given(seeds)
def test_quaternions_and_matrices_are_the_same_rotations(seed: int) -> None:
    q = _quaternions(seed, 5, 7)
    m = rotations.matrix_from_quaternion(q)
    np.testing.assert_allclose(m @ rotations.transposed(m), np.broadcast_to(np.eye(3), m.shape), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(m), 1, atol=1e-12)
    back = rotations.quaternion_from_matrix(m)
    np.testing.assert_allclose(np.abs((back * q).sum(-1)), 1, atol=1e-12)


@pytest.mark.parametrize("axis", range(3))
def test_half_turns_survive_the_way_there_and_back(axis: int) -> None:
    for angle in (np.pi, np.pi - 1e-9, -np.pi + 1e-9, 0.0, 1e-12):
        m = rotations.about_axis(np.eye(3)[axis], angle)
        np.testing.assert_allclose(rotations.matrix_from_quaternion(rotations.quaternion_from_matrix(m)), m, atol=1e-12)


def test_a_quarter_turn_by_hand() -> None:
    m = rotations.about_axis(np.array([0.0, 0.0, 1.0]), np.pi / 2)
    np.testing.assert_allclose(rotations.apply(m, np.array([1.0, 0, 0])), [0, 1, 0], atol=1e-15)
    np.testing.assert_allclose(rotations.quaternion_from_matrix(m), [np.sqrt(0.5), 0, 0, np.sqrt(0.5)], atol=1e-15)


@given(seeds)
def test_swing_is_the_shortest_way(seed: int) -> None:
    a, b = _vectors(seed, 9), _vectors(seed + 1, 9)
    m = rotations.swing(a, b)
    np.testing.assert_allclose(rotations.apply(m, rotations.unit(a)), rotations.unit(b), atol=1e-9)
    # No twist: the axis is square to both.
    axis = np.cross(a, b)
    np.testing.assert_allclose(rotations.apply(m, axis), axis, atol=1e-9)
    between = np.arccos((rotations.unit(a) * rotations.unit(b)).sum(-1))
    np.testing.assert_allclose(rotations.angle_between(np.eye(3), m), between, atol=1e-7)


@given(seeds)
def test_swing_of_a_direction_onto_itself_and_its_opposite(seed: int) -> None:
    a = _vectors(seed, 4)
    np.testing.assert_allclose(rotations.swing(a, 3 * a), np.broadcast_to(np.eye(3), (4, 3, 3)), atol=1e-9)
    m = rotations.swing(a, -a)
    np.testing.assert_allclose(rotations.apply(m, a), -a, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(m), 1, atol=1e-9)


@given(seeds, st.floats(1e-9, 1e-3))
def test_swing_to_nearly_opposite_directions_is_a_rotation(seed: int, off: float) -> None:
    a = rotations.unit(_vectors(seed, 4))
    m = rotations.swing(a, -a + off * _vectors(seed + 1, 4))
    np.testing.assert_allclose(m @ rotations.transposed(m), np.broadcast_to(np.eye(3), m.shape), atol=1e-9)
    # Below 5e-5 radians from opposite it may be off by that much.
    np.testing.assert_allclose(rotations.apply(m, a), rotations.unit(-a + off * _vectors(seed + 1, 4)), atol=2e-4)


@given(seeds)
def test_frames_are_right_handed_and_keep_their_first_direction(seed: int) -> None:
    a, b = _vectors(seed, 6), _vectors(seed + 1, 6)
    m = rotations.frame(a, b)
    np.testing.assert_allclose(m @ rotations.transposed(m), np.broadcast_to(np.eye(3), m.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(m), 1, atol=1e-9)
    np.testing.assert_allclose(m[..., 0], rotations.unit(a), atol=1e-12)
    assert ((m[..., 1] * b).sum(-1) > 0).all() and np.abs((m[..., 2] * b).sum(-1)).max() < 1e-9


@given(seeds, st.floats(0, 1))
def test_slerp_turns_evenly_and_the_short_way(seed: int, share: float) -> None:
    a, b = _quaternions(seed, 6), _quaternions(seed + 1, 6)
    whole = rotations.angle_between(*(rotations.matrix_from_quaternion(q) for q in (a, b)))
    part = rotations.slerp(a, b, share)
    np.testing.assert_allclose(np.linalg.norm(part, axis=-1), 1, atol=1e-12)
    turned = rotations.angle_between(*(rotations.matrix_from_quaternion(q) for q in (a, part)))
    np.testing.assert_allclose(turned, share * whole, atol=1e-6)
    np.testing.assert_allclose(rotations.slerp(a, -b, share), part, atol=1e-12)


def test_slerp_between_equal_rotations_stays() -> None:
    q = _quaternions(1, 3)
    np.testing.assert_allclose(rotations.slerp(q, q, 0.3), q, atol=1e-12)
    np.testing.assert_allclose(rotations.slerp(q, -q, np.array([0.0, 0.5, 1.0])), q, atol=1e-12)


@given(seeds)
def test_continuous_changes_signs_and_nothing_else(seed: int) -> None:
    random = np.random.default_rng(seed)
    # A walk of small turns, with signs thrown at random.
    q = rotations.unit(_quaternions(seed, 1, 3) + np.cumsum(0.05 * random.normal(size=(40, 3, 4)), axis=0))
    mixed = q * random.choice([-1.0, 1.0], size=(40, 3, 1))
    out = rotations.continuous(mixed)
    assert ((out[1:] * out[:-1]).sum(-1) > 0).all()
    np.testing.assert_array_equal(np.abs(out), np.abs(mixed))
    assert rotations.continuous(q[:1]).shape == (1, 3, 4)


# ----------------------------------------------------------------------------------------------------- coordinates


def test_a_level_camera_looks_along_y() -> None:
    camera = CameraPose()
    for seen, world in (((1, 0, 0), (1, 0, 0)), ((0, 1, 0), (0, 0, -1)), ((0, 0, 1), (0, 1, 0))):
        np.testing.assert_allclose(to_world(np.array(seen, float), camera), world, atol=1e-15)


def test_a_camera_that_looks_down_10_degrees() -> None:
    """It sees the head of an upright person nearer than the feet: in its axes the person leans towards it."""
    pitch = np.radians(10)
    up_in_camera = np.array([0.0, -np.cos(pitch), -np.sin(pitch)])
    np.testing.assert_allclose(to_world(up_in_camera, CameraPose(pitch_rad=pitch)), [0, 0, 1], atol=1e-12)
    # Its line of sight goes to the ground.
    assert to_world(np.array([0, 0, 1.0]), CameraPose(pitch_rad=pitch))[2] == pytest.approx(-np.sin(pitch))


def test_a_camera_that_is_turned_clockwise() -> None:
    """Turned clockwise as seen from behind it, it shows an upright person leaning to the left."""
    roll = np.radians(10)
    up_in_camera = np.array([-np.sin(roll), -np.cos(roll), 0.0])
    np.testing.assert_allclose(to_world(up_in_camera, CameraPose(roll_rad=roll)), [0, 0, 1], atol=1e-12)


@given(st.floats(-1.5, 1.5), angles, angles, seeds)
def test_to_world_keeps_lengths_and_handedness(pitch: float, roll: float, heading: float, seed: int) -> None:
    camera = CameraPose(pitch, roll)
    assert np.linalg.det(world_from_camera(camera)) == pytest.approx(1)
    v = _vectors(seed, 4)
    out = to_world(v, camera, heading_rad=heading)
    np.testing.assert_allclose(np.linalg.norm(out, axis=-1), np.linalg.norm(v, axis=-1), atol=1e-12)
    np.testing.assert_allclose(out[:, 2], to_world(v, camera)[:, 2], atol=1e-12)


# -------------------------------------------------------------------------------------------------------- filters


@given(seeds, st.floats(0.01, 0.3))
def test_smoothing_keeps_what_is_still_and_delays_nothing(seed: int, sigma_s: float) -> None:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.uniform(0.01, 0.06, 80))
    np.testing.assert_allclose(smoothed(np.full((80, 2), 3.5), times, sigma_s), 3.5, atol=1e-12)
    # On even times a straight line stays one away from its ends.
    even = np.arange(120) / 50
    reach = int(np.ceil(3 * sigma_s * 50)) + 1
    line = smoothed(even * 2 - 1, even, sigma_s)
    np.testing.assert_allclose(line[reach:-reach], (even * 2 - 1)[reach:-reach], atol=1e-9)
    # Backwards in time it is the same filter.
    values = random.normal(size=(80, 3))
    np.testing.assert_allclose(smoothed(values[::-1], -times[::-1], sigma_s)[::-1], smoothed(values, times, sigma_s), atol=1e-12)


def test_smoothing_is_a_gaussian_of_seconds_at_any_frame_rate() -> None:
    for fps in (25.0, 100.0):
        times = np.arange(int(4 * fps)) / fps
        wave = np.sin(2 * np.pi * times)
        middle = slice(int(fps), int(3 * fps))
        expected = np.exp(-0.5 * (2 * np.pi * 0.1) ** 2)
        gain = (smoothed(wave, times, 0.1)[middle] @ wave[middle]) / (wave[middle] @ wave[middle])
        assert gain == pytest.approx(expected, abs=0.01)


def test_no_smoothing_is_none() -> None:
    values = _vectors(1, 10)
    assert smoothed(values, np.arange(10) / 25, 0.0) is values
    assert smoothed(values[:1], np.zeros(1), 0.1) is values[:1] or np.array_equal(
        smoothed(values[:1], np.zeros(1), 0.1), values[:1]
    )


@given(seeds, st.floats(0.02, 1.0))
def test_the_rolling_minimum_is_the_least_within_reach(seed: int, half_window_s: float) -> None:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.uniform(0.01, 0.2, 50))
    values = random.normal(size=50)
    out = rolling_minimum(values, times, half_window_s)
    for i, time in enumerate(times):
        within = np.abs(times - time) <= half_window_s
        assert out[i] <= values[within].min() + 1e-12 and out[i] in values


@given(st.integers(0, 2**32 - 1))
def test_what_is_written_out_for_speed_is_what_numpy_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b, m = random.normal(size=(5, 3)), random.normal(size=3), random.normal(size=(5, 3, 3))
    np.testing.assert_allclose(rotations.cross(a, b), np.cross(a, b), atol=1e-12)
    np.testing.assert_allclose(rotations.norm(a), np.linalg.norm(a, axis=-1), atol=1e-12)
    for one, many in ((m, a), (m, b), (m[0], a), (m[0], b)):
        np.testing.assert_allclose(rotations.apply(one, many), np.einsum("...ij,...j->...i", one, many), atol=1e-12)
