"""Where a camera went, by the feet that stand: on steps made by hand, walked away from it."""

from __future__ import annotations

import numpy as np
import pytest

from blender_pose3d.core.motion import by_feet

TIMES = np.arange(75) / 25
STEP_S = 0.6
UP = np.array([0.0, 0.0, 1.0])


def steps(speed_m_s: np.ndarray, *, depth_share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Heels and toes [T, 4, 3] as a camera sees them that goes along at speed_m_s [3] with somebody five metres ahead, whose
    depth it takes for a share of what it is; and which of them stand [T, 4].
    """
    camera = TIMES[:, None] * speed_m_s
    feet, stand = np.zeros((len(TIMES), 4, 3)), np.zeros((len(TIMES), 4), bool)
    for side in (0, 1):
        phase = TIMES / (2 * STEP_S) + side / 2
        step, share = np.floor(phase), (phase % 1.0)
        swing = np.clip((share - 0.6) / 0.4, 0, 1)
        along = 2 * STEP_S * (step - side / 2 + 0.3 + (3 * swing**2 - 2 * swing**3))
        for part, ahead in ((0, -0.1), (1, 0.1)):
            at = along[:, None] * speed_m_s + np.array([0.1 * (2 * side - 1), 5.0 + ahead, -1.3])
            at[:, 2] += 0.12 * np.sin(np.pi * swing)
            feet[:, 2 * side + part], stand[:, 2 * side + part] = at, swing == 0
    seen = feet - camera[:, None]
    seen[..., 1] = 5.0 + depth_share * (seen[..., 1] - 5.0)
    return seen, stand


@pytest.mark.parametrize("speed", [(0.9, 0.0, 0.0), (-0.6, 0.5, 0.0), (0.0, 0.0, 0.0)])
def test_the_speed_of_what_stands_is_the_cameras(speed: tuple[float, float, float]) -> None:
    places, stand = steps(np.array(speed))
    went = TIMES[:, None] * speed
    guess = by_feet.first_guess_m(places, np.ones((len(TIMES), 4)), TIMES)
    assert np.abs(guess - went).max() < 0.15 * np.linalg.norm(went[-1]) + 1e-6
    settled = by_feet.settled_m(guess, places, stand.astype(float), TIMES)
    assert np.abs(settled - went).max() < 0.02 * np.linalg.norm(went[-1]) + 1e-6


def _ahead(went_m: float) -> by_feet.Ahead:
    return by_feet.Ahead(np.tile([0.0, 0.97, -0.24], (len(TIMES), 1)), went_m * TIMES / TIMES[-1])


def test_feet_whose_depth_is_too_short_are_helped_by_the_background() -> None:
    places, stand = steps(np.array([0.0, -0.8, 0.0]), depth_share=0.6)
    guess = by_feet.first_guess_m(places, np.ones((len(TIMES), 4)), TIMES)
    whole = -0.8 * TIMES[-1]
    alone, helped = (
        by_feet.settled_m(guess, places, stand.astype(float), TIMES, ahead)[-1, 1] for ahead in (None, _ahead(whole))
    )
    assert alone == pytest.approx(0.6 * whole, rel=0.1) and helped == pytest.approx(whole, rel=0.05)
    # Where the feet went farther than the background has to have gone, or elsewhere, it says nothing.
    for other in (0.4 * whole, -whole, 5 * whole):
        assert by_feet.settled_m(guess, places, stand.astype(float), TIMES, _ahead(other))[-1, 1] == pytest.approx(
            alone, abs=1e-9
        )


def test_where_no_foot_stands_the_camera_goes_nowhere() -> None:
    places, _ = steps(np.array([0.9, 0.0, 0.0]))
    assert np.abs(by_feet.settled_m(np.zeros((75, 3)), places, np.zeros((75, 4)), TIMES)).max() < 1e-6


def test_how_far_the_background_grew_at_the_nearest() -> None:
    ahead = by_feet.ahead_of(np.tile(UP, (len(TIMES), 1)), np.full(len(TIMES), 4.0), 0.05 * TIMES, TIMES)
    assert ahead.least_m[-1] == pytest.approx(4.0 * 0.05 * TIMES[-1] / 0.85, rel=0.1)


def test_a_camera_that_goes_around_feet_that_stand() -> None:
    """Its background goes half as far as it turns, as it does where it is twice as far away as the person."""
    turned = 0.8 * TIMES
    eye = 5.0 * np.stack([np.sin(turned), 1 - np.cos(turned), 0 * turned], axis=1)
    right = np.stack([np.cos(turned), np.sin(turned), 0 * turned], axis=1)
    seen_yaw = -0.5 * turned  # what is left of the feet's turn where half of the camera's is taken out
    line = 0.25 * np.stack([np.cos(seen_yaw), np.sin(seen_yaw), 0 * turned], axis=1)
    places = np.stack([0 * line, line, 2 * line, 3 * line], axis=1)
    stands = by_feet.stands_of(places, np.ones((len(TIMES), 4), bool), TIMES)
    assert [(first, last) for first, last, _ in stands] == [(0, 74)] * 3
    assert [angle for _, _, angle in stands[:2]] == pytest.approx([seen_yaw[-1]] * 2, abs=1e-6)
    # Of the speed that a turn alone would tell, half is left.
    less = by_feet.turned_less_rad(0.5 * eye, right, np.full(len(TIMES), 5.0), stands, TIMES, far=False)
    assert less[-1] == pytest.approx(0.5 * turned[-1], rel=0.2)
    assert by_feet.turning_cost(stands, less) < 0.2 * by_feet.turning_cost(stands, 0 * less)


def test_a_background_without_parallax_takes_less_from_the_turn() -> None:
    eye, right = np.stack([TIMES, 0 * TIMES, 0 * TIMES], axis=1), np.tile([1.0, 0.0, 0.0], (len(TIMES), 1))
    near, far = (by_feet.turned_less_rad(eye, right, np.full(len(TIMES), 5.0), [], TIMES, far=far)[-1] for far in (False, True))
    assert 0 < 4 * far < near
