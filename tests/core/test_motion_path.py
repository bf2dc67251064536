"""The path: true to the camera, calm in depth, held by the feet; and the filters and sums it is made of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_pose3d.core.filtering import calmed, smoothed
from blender_pose3d.core.motion import MotionOptions, perform
from blender_pose3d.core.motion.banded import PathFit, second_difference
from blender_pose3d.core.motion.body import landmarks_of, with_constant_bones
from blender_pose3d.core.motion.root import led_through, truly_found
from blender_pose3d.core.skeleton import INDEX, LANDMARK_NAMES
from tests.core.motion_tracks import seen
from tests.core.rigs import other_side


@given(st.integers(1, 40), st.integers(1, 3), st.integers(0, 1000))
def test_a_path_fit_is_the_least_squares_of_its_terms(frames: int, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    times = np.cumsum(random.uniform(0.02, 0.06, frames))
    fit = PathFit(frames, size)
    rows, right = [], []

    def term(matrix: np.ndarray, weights: np.ndarray, targets: np.ndarray) -> None:
        rows.append(np.sqrt(weights)[:, None] * matrix)
        right.append(np.sqrt(weights)[:, None] * targets)

    weights, targets = random.uniform(0.1, 2, frames), random.normal(size=(frames, size))
    fit.values(weights, targets)
    term(np.eye(frames), weights, targets)
    if frames > 1:
        weights, targets = random.uniform(0.1, 2, frames - 1), random.normal(size=(frames - 1, size))
        fit.steps(weights, targets)
        term(np.diff(np.eye(frames), axis=0), weights, targets)
    if frames > 2:
        weights, targets = random.uniform(0, 1e-6, frames - 2), random.normal(size=(frames - 2, size))
        fit.bends(weights, times, targets)
        matrix = np.zeros((frames - 2, frames))
        for i, c in enumerate(second_difference(times)):
            matrix[i, i : i + 3] = c
        term(matrix, weights, targets)
    exact = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
    np.testing.assert_allclose(fit.solve(), exact, atol=1e-6)


def test_second_differences_of_a_parabola_are_its_curvature() -> None:
    times = np.array([0.0, 0.03, 0.1, 0.12, 0.2])
    c = second_difference(times)
    values = 3 * times**2 - times + 2
    np.testing.assert_allclose([c[i] @ values[i : i + 3] for i in range(3)], 6.0)


def test_frames_a_microsecond_apart_do_not_outweigh_all_others() -> None:
    times = np.array([0.0, 0.03, 0.06, 0.060001, 0.060002, 0.060003, 0.09, 0.12])
    height = np.ones(len(times))
    fit = PathFit(len(times), 1)
    fit.values(np.full(len(times), 1e4), height[:, None])
    fit.bends(np.full(len(times) - 2, 1 / 0.05**2), times)
    np.testing.assert_allclose(fit.solve()[:, 0], height, atol=1e-3)


@pytest.mark.parametrize("yaw_deg", [0.0, 90.0, 35.0])
def test_the_path_is_the_persons(yaw_deg: float) -> None:
    clip = seen("walk", yaw_deg=yaw_deg)
    person = perform(clip.track, MotionOptions())
    off = person.path_m - clip.joints_m[:, 0]
    walked = np.linalg.norm(np.diff(clip.joints_m[:, 0, :2], axis=0), axis=1).sum()
    assert np.linalg.norm(off[:, :2], axis=1).max() < 0.03 * walked
    assert np.abs(off[:, 2]).max() < 0.08


def test_depth_does_not_pump() -> None:
    """A lifter that sees the person 4 % larger and smaller twice a second."""
    clip = seen("walk", yaw_deg=90)
    share = 1 + 0.04 * np.sin(2 * np.pi * 2.0 * clip.track.timestamps_s)
    pumped = replace(clip.track, root_position_m=clip.track.root_position_m * share[:, None])
    for options, bound in ((MotionOptions(), 0.35), (MotionOptions(steady_path=False), 2.0)):
        path = perform(pumped, options).path_m[:, 1]
        speed = np.abs(np.diff(path, axis=0)).mean()
        raw = np.abs(np.diff(pumped.root_position_m[:, 2])).mean()
        assert speed < bound * raw
    assert np.abs(perform(pumped, MotionOptions(steady_path=False)).path_m[:, 1] - clip.joints_m[:, 0, 1]).max() > 0.1


@pytest.mark.parametrize("motion", ["squat", "jump"])
def test_hips_go_down_and_up_as_in_the_picture(motion: str) -> None:
    clip = seen(motion)
    off = perform(clip.track, MotionOptions()).path_m[:, 2] - clip.joints_m[:, 0, 2]
    off -= smoothed(off, clip.track.timestamps_s, 0.35)
    assert np.sqrt((off**2).mean()) < {"squat": 0.005, "jump": 0.0115}[motion]


@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_who_runs_goes_up_and_down(fps: float) -> None:
    """By 8 cm. Heels that rise while the toes stand held the hips: half of it was lost."""
    made = seen("run", fps=fps)
    ours, theirs = (_quick(z, fps) for z in (perform(made.track, MotionOptions()).path_m[:, 2], made.joints_m[:, 0, 2]))
    assert (ours * theirs).sum() / (theirs**2).sum() > 0.6


def _quick(heights_m: np.ndarray, fps: float) -> np.ndarray:
    return heights_m - smoothed(heights_m, np.arange(len(heights_m)) / fps, 0.35)


def test_bones_keep_their_length() -> None:
    clip = seen("walk_turn", body_seed=2)
    random = np.random.default_rng(0)
    shaken = clip.track.positions_m * random.uniform(0.9, 1.1, (clip.track.frame_count, 1, 1))
    steady = with_constant_bones(shaken, clip.track.confidence)
    for a, b in (("left_hip", "left_knee"), ("right_shoulder", "right_elbow"), ("pelvis", "spine")):
        way = steady[:, INDEX[b]] - steady[:, INDEX[a]]
        length, exact = (
            np.linalg.norm(way, axis=-1),
            np.linalg.norm(clip.joints_m[:, INDEX[b]] - clip.joints_m[:, INDEX[a]], axis=-1),
        )
        assert np.ptp(length) < 1e-9 and length[0] == pytest.approx(exact.mean(), rel=0.03)
        old = shaken[:, INDEX[b]] - shaken[:, INDEX[a]]
        np.testing.assert_allclose(np.cross(way, old), 0, atol=1e-9)


def test_landmarks_are_on_the_side_of_the_joints() -> None:
    clip = seen("walk_turn")
    track = clip.track
    names = list(LANDMARK_NAMES)
    swap = [names.index(other_side(name)) for name in names]
    exchanged = np.zeros(track.frame_count, bool)
    exchanged[20:30] = True
    wrong = replace(
        track,
        landmarks_px=np.where(exchanged[:, None, None], track.landmarks_px[:, swap], track.landmarks_px),
        world_landmarks_m=np.where(exchanged[:, None, None], track.world_landmarks_m[:, swap], track.world_landmarks_m),
    )
    nearest = np.arange(track.frame_count)
    np.testing.assert_allclose(landmarks_of(wrong, nearest).pixels, landmarks_of(track, nearest).pixels)


def test_legs_alone_are_on_the_side_of_the_joints_as_the_confidence_tells() -> None:
    """Where the joints of both sides are in one place, only what the detector said of them tells which is which."""
    track = seen("walk").track
    sure = np.linspace(0.6, 0.95, len(LANDMARK_NAMES)) * np.ones((track.frame_count, 1))
    joints = {name: sure[:, LANDMARK_NAMES.index(name)] for name in INDEX if name in LANDMARK_NAMES}
    confidence = np.stack([joints.get(name, np.ones(track.frame_count)) for name in INDEX], axis=1)
    legs = [
        i for i, name in enumerate(LANDMARK_NAMES) if name.split("_", 1)[-1] in ("hip", "knee", "ankle", "heel", "foot_index")
    ]
    swap = np.arange(len(LANDMARK_NAMES))
    swap[legs] = [LANDMARK_NAMES.index(other_side(LANDMARK_NAMES[i])) for i in legs]
    nearest = np.arange(track.frame_count)
    right = replace(track, landmark_confidence=sure, confidence=confidence)
    wrong = replace(right, landmarks_px=track.landmarks_px[:, swap], landmark_confidence=sure[:, swap])
    np.testing.assert_allclose(landmarks_of(wrong, nearest).pixels, landmarks_of(right, nearest).pixels)


def test_calm_points_are_calmed_and_a_blow_keeps_its_peak() -> None:
    times = np.arange(100) / 25
    blow = 0.5 * np.exp(-0.5 * ((times - 2.0) / 0.07) ** 2)
    random = np.random.default_rng(1)
    points = np.zeros((100, 1, 3))
    points[:, 0, 0] = blow
    noisy = points + 0.004 * random.normal(size=points.shape)
    calm = calmed(noisy, times, patience=2.5, noise=0.004)
    assert calm[:, 0, 0].max() > 0.9 * blow.max()
    still = np.abs(times - 2.0) > 0.7

    def trembling(x: np.ndarray) -> float:
        return float(np.abs(np.diff(x[still], n=3, axis=0)).mean())

    assert trembling(calm) < 0.15 * trembling(noisy)
    assert calmed(noisy, times, patience=0.0, noise=0.004) is noisy


def test_what_was_not_seen_does_not_pull() -> None:
    times = np.arange(50) / 25
    points = np.zeros((50, 1, 3))
    points[20, 0, 0] = 0.05
    weights = np.ones((50, 1))
    weights[20] = 0.01
    pulled = np.abs(calmed(points, times, patience=20, noise=0.01)).max()
    assert np.abs(calmed(points, times, patience=20, noise=0.01, weights=weights)).max() < 0.1 * pulled


@pytest.mark.parametrize(("leaves_s", "comes_s"), [(1.0, 2.0), (1.3, 3.1), (2.2, 4.0)])
def test_an_arm_that_leaves_the_picture_goes_on_without_a_jerk(leaves_s: float, comes_s: float) -> None:
    times = np.arange(100) / 25
    way = np.stack([0.4 * np.sin(4 * times), 0.3 * np.cos(4 * times), 0.1 * times], axis=1)
    points = (way + np.random.default_rng(3).normal(0, 0.003, way.shape))[:, None]
    weights = np.where((times > leaves_s) & (times < comes_s), 0.05, 1.0)[:, None]
    found = calmed(points, times, patience=2.5, noise=0.004, weights=weights)[:, 0]
    assert np.linalg.norm(np.diff(found, n=3, axis=0), axis=-1).max() < 0.02
    assert np.linalg.norm(found - way, axis=-1).max() < 0.08


def test_a_doubtful_joint_is_calmed_more_than_a_sure_one() -> None:
    """Both tremble alike for half of the clip, which one of them was not seen in."""
    times = np.arange(120) / 30
    random = np.random.default_rng(3)
    one = np.sin(1.5 * times)[:, None] * [1.0, 0.3, 0.0]
    one[60:] += random.normal(0, 0.03, (60, 3))
    points = np.stack([one, one], axis=1)
    weights = np.full((120, 2), 0.95)
    weights[60:, 1] = 0.1
    sure, doubtful = (
        np.abs(np.diff(j[62:], n=3, axis=0)).mean()
        for j in calmed(points, times, patience=2.5, noise=0.004, weights=weights).swapaxes(0, 1)
    )
    assert doubtful < 0.5 * sure


def test_somebody_who_is_found_too_far_away_at_first_is_not_where_they_were_meanwhile() -> None:
    """At the picture's edge: who comes in was twice as far away for a moment, and the gap before leads up to there."""
    clip = seen("walk", seconds=3.2)
    track = clip.track
    exact = perform(track, MotionOptions()).path_m
    gone = slice(35, 55)
    track.detected[gone] = False
    track.confidence[gone] = 0.0
    track.landmark_confidence[gone] = 0.0
    track.root_position_m[55:57] *= np.array([[2.0], [1.3]])
    share = np.linspace(0, 1, 22)[1:-1, None]
    track.root_position_m[gone] = (1 - share) * track.root_position_m[34] + share * track.root_position_m[55]
    path = perform(track, MotionOptions()).path_m
    assert np.abs(path - exact)[:, 2].max() < 0.1
    assert np.linalg.norm(path - exact, axis=-1).max() < 0.35
    assert np.linalg.norm(path - exact, axis=-1)[60:].max() < 0.1


def test_who_stays_in_the_picture_or_comes_running_is_believed() -> None:
    times = np.arange(50) / 25
    near = np.stack([np.zeros(50), np.zeros(50), 6.0 - 3.0 * times], axis=1)
    detected = (times > 0.3) & (times < 1.7)
    whole = np.full(50, 0.8)
    np.testing.assert_array_equal(truly_found(near, detected, whole, times), detected)
    jump = near.copy()
    jump[:2] *= 2.0
    assert truly_found(jump, np.ones(50, bool), whole, times).all()
    waist = np.where(detected, 0.4, 0.0)  # the legs are out of the picture all the time
    np.testing.assert_array_equal(truly_found(near, detected, waist, times), detected)


@pytest.mark.parametrize("leaves", [True, False])
def test_the_part_of_somebody_at_the_picture_s_edge_says_not_where_they_are(leaves: bool) -> None:
    times = np.arange(50) / 25
    walked = np.stack([1.2 * times, np.zeros(50), np.full(50, 3.0)], axis=1)
    detected = (times > 0.3) & (times < 1.7)
    found = np.flatnonzero(detected)
    cut = found[-2:] if leaves else found[:2]
    confidence, seen_m = np.where(detected, 0.8, 0.0), walked.copy()
    confidence[cut], seen_m[cut, 2] = 0.4, 3.4
    seen_m[: found[0]], seen_m[found[-1] + 1 :] = seen_m[found[0]], seen_m[found[-1]]
    truly = truly_found(seen_m, detected, confidence, times)
    assert np.flatnonzero(truly).tolist() == np.setdiff1d(found, cut).tolist()
    path = led_through(seen_m, detected, truly, times)
    np.testing.assert_allclose(path[found], walked[found], atol=1e-9)
    np.testing.assert_allclose(path[: found[0]], np.tile(walked[found[0]], (found[0], 1)), atol=1e-9)


@pytest.mark.parametrize("count", [7, 8])
def test_a_short_stretch_whose_halves_disagree_is_led_through(count: int) -> None:
    """Of seven frames one counts, of eight none."""
    times = np.arange(60) / 25
    detected = (np.arange(60) < 30) | (np.arange(60) >= 40) & (np.arange(60) < 40 + count)
    seen_m = np.tile([0.0, 0.0, 3.0], (60, 1))
    seen_m[44:, 2] = 9.0
    truly = truly_found(seen_m, detected, np.full(60, 0.8), times)
    assert truly[:30].all() and truly[30:].sum() == (1 if count == 7 else 0)
    path = led_through(seen_m, detected, truly, times)
    assert np.isfinite(path).all() and np.ptp(path[40 : 40 + count, 2]) < 1e-9
