"""Where a camera was that somebody carried and turned at once: the ground is where the feet stand.

The background says how far the picture went to the side and up, the feet how far the camera did. What is left of the one without
the other is its turn, but for the background's distance: before a wall behind the person a step to the right shifts the picture
to the left as a turn to the right does, before hills it does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..filtering import smoothed
from ..rotations import norm, unit
from .banded import PathFit
from .contacts import UNSEEN, stretches
from .root import hold, pins

STEADY_S = 0.05
# Somebody who walks with the camera: its speed hardly changes within this time and its height by no more than that; its
# accelerations, and how fast it might be where no foot stands.
_STRIDE_S, _BOB_M, _ACCELERATION_M_S2, _RUNS_M_S = 0.2, 0.03, 2.0, 20.0
# How feet that stand are told from others by their speed, in the end: to the side, along the line of sight, up.
_SPREAD_M_S = (0.3, 0.6, 0.3)
_GUESSES, _WIDEST = 15, 9.0
# How fast a foot that stands may seem to be: across the line of sight, and along it, where a lifter shortens steps.
_PIN_ACROSS_M_S, _PIN_ALONG_M_S = 0.1, 2.0
_FITS = 3
# How far away the person is, as a share of how far the background is: usually, and of one that shows no parallax; how that
# spreads, and what is tried.
_USUAL_SHARE, _FAR_SHARE, _SHARE_SPREAD, _SHARES = 0.4, 0.1, 0.2, np.arange(0.0, 0.86, 0.05)
_NEAREST_M = 0.3
# Feet that stand for this long turn by no more than that, and from so many times as far on by mistake.
_STANDS_S, _FOOT_TURNS_RAD, _ASTRAY = 0.24, np.radians(20.0), 3.0
# A camera whose background grew or shrank by as much as it would on so long a way went there, if the feet go the same way at
# least so far and at least so much alike; and how exactly it did.
_FAR_M, _SAME_SHARE, _ALIKE = 0.3, 0.35, 0.9
_ALIKE_S, _WENT_M_S = 0.25, 0.05


@dataclass(frozen=True)
class Ahead:
    """Which way a camera looked, sight [T, 3] in axes that do not turn, and how far it went there at the least, least_m [T]."""

    sight: np.ndarray
    least_m: np.ndarray


def velocities(places_m: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """Of heels and toes [T, 4, 3], metres a second."""
    return np.gradient(smoothed(places_m, timestamps_s, STEADY_S), timestamps_s, axis=0)


def first_guess_m(places_m: np.ndarray, sure: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """Where a camera went since the first frame, level: [T, 3]. places_m [T, 4, 3]: heels and toes as seen from it, in axes that
    do not turn, z up; sure [T, 4]: how well.

    What stands goes by as fast as the camera goes, and a foot stands for longer than it swings: it is the speed at which most of
    them are (mean shift: K. Fukunaga and L. Hostetler, The estimation of the gradient of a density function, 1975).
    """
    feet, seen = velocities(places_m, timestamps_s), np.maximum(sure - UNSEEN, 0.02)
    weight, speed = seen, np.zeros((len(places_m), 3))
    for guess in range(_GUESSES):
        share = smoothed(weight.sum(axis=1), timestamps_s, _STRIDE_S)[:, None]
        speed = -smoothed((weight[..., None] * feet).sum(axis=1), timestamps_s, _STRIDE_S) / share
        speed[:, 2] = 0.0
        off = (((feet + speed[:, None]) / _SPREAD_M_S) ** 2).sum(axis=-1)
        weight = seen / (1 + off / max(1.0, _WIDEST - guess)) ** 2
    return _gone(speed, timestamps_s)


def settled_m(
    eye_m: np.ndarray, places_m: np.ndarray, held: np.ndarray, timestamps_s: np.ndarray, ahead: Ahead | None = None
) -> np.ndarray:
    """The same [T, 3] once it is known which heels and toes stand, held [T, 4] from 0 to 1: where those are they stay.

    Least squares: a level way, but for the bobbing of steps, with a walk's accelerations. Feet that come and go in depth say too
    little of it; where they go the same way as `ahead`, but less far, it is that far.
    """
    eye_m = _settled(eye_m, places_m, held, timestamps_s, None)
    if ahead is not None and _falls_short(eye_m, ahead, timestamps_s):
        eye_m = _settled(eye_m, places_m, held, timestamps_s, ahead)
    return eye_m * [1.0, 1.0, 0.0]


def ahead_of(sight: np.ndarray, depth_m: np.ndarray, growth: np.ndarray, timestamps_s: np.ndarray) -> Ahead:
    """How far a camera went that looked along sight [T, 3] at somebody at depth_m [T], as the logarithm of its background's size
    went as growth [T]: the background is farther away than the person.
    """
    grown = np.diff(smoothed(growth.astype(float), timestamps_s, _STRIDE_S))
    least = grown * (depth_m[1:] + depth_m[:-1]) / 2 / _SHARES[-1]
    return Ahead(sight, np.concatenate([[0.0], np.cumsum(least)]))


def turned_less_rad(
    eye_m: np.ndarray,
    right: np.ndarray,
    depth_m: np.ndarray,
    stands: Sequence[tuple[int, int, float]],
    timestamps_s: np.ndarray,
    *,
    far: bool,
) -> np.ndarray:
    """How far a camera turned clockwise, seen from above, less than its background went: [T], since the first frame.

    eye_m [T, 3]: where it went if all of that was its turn; right [T, 3]: what was to its right; depth_m [T]: of the person;
    stands: as `stands_of` says in these axes. Feet that stand do not turn, and the background is somewhat farther away than the
    person, or far.
    """
    speed = np.gradient(smoothed(eye_m, timestamps_s, _STRIDE_S), timestamps_s, axis=0)
    sideways = (speed * unit(right * [1.0, 1.0, 0.0])).sum(axis=-1)
    near_m = np.maximum(depth_m, _NEAREST_M)
    usual_m = float(np.median(near_m))
    costs, ways = [], []
    for share in _SHARES:
        rate = share / usual_m * sideways / (1 - np.minimum(share * near_m / usual_m, _SHARES[-1]))
        way = _gone(rate, timestamps_s)
        costs.append(turning_cost(stands, way) + ((share - (_FAR_SHARE if far else _USUAL_SHARE)) / _SHARE_SPREAD) ** 2)
        ways.append(way)
    return ways[int(np.argmin(costs))]


def stands_of(places_m: np.ndarray, mask: np.ndarray, timestamps_s: np.ndarray) -> list[tuple[int, int, float]]:
    """Of each flat stand of a foot, and of each of both feet: its first and last frame, and how far it turned counterclockwise,
    seen from above. places_m [T, 4, 3] of heels and toes, of which mask [T, 4] are in contact.
    """
    left, right = mask[:, :2], mask[:, 2:]
    lines = (
        (places_m[:, 1] - places_m[:, 0], left[:, 0] & left[:, 1]),
        (places_m[:, 3] - places_m[:, 2], right[:, 0] & right[:, 1]),
        (places_m[:, 2:].mean(axis=1) - places_m[:, :2].mean(axis=1), (left[:, 0] | left[:, 1]) & (right[:, 0] | right[:, 1])),
    )
    found = []
    for line, stands in lines:
        for first, last in stretches(stands):
            at = timestamps_s[first : last + 1]
            if at[-1] - at[0] >= _STANDS_S:
                angles = np.unwrap(np.arctan2(line[first : last + 1, 1], line[first : last + 1, 0]))
                found.append((first, last, float(np.polyfit(at, angles, 1)[0] * (at[-1] - at[0]))))
    return found


def turning_cost(stands: Sequence[tuple[int, int, float]], turned_rad: np.ndarray) -> float:
    """How much feet that stand turn if the world is turned by as much, counterclockwise: [T]."""
    turned = np.array([angle + turned_rad[last] - turned_rad[first] for first, last, angle in stands])
    off = (turned / _FOOT_TURNS_RAD) ** 2
    return float((off / (1 + off / _ASTRAY**2)).sum())


def _gone(speed: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How far something has gone since the first frame, at a speed [T, ...]: [T, ...]."""
    steps = (np.diff(times) * (speed[1:] + speed[:-1]).T / 2).T
    return np.concatenate([np.zeros_like(speed[:1]), np.cumsum(steps, axis=0)])


def _falls_short(eye_m: np.ndarray, ahead: Ahead, times: np.ndarray) -> bool:
    if np.ptp(ahead.least_m) < _FAR_M:
        return False
    sight, took = unit(ahead.sight[1:] * [1.0, 1.0, 0.0]), np.diff(times)
    went = smoothed((np.diff(eye_m, axis=0) * sight).sum(axis=-1) / took, times[1:], _ALIKE_S)
    least = smoothed(np.diff(ahead.least_m) / took, times[1:], _ALIKE_S)
    share = float((went * least).sum() / (least**2).sum())
    alike = float((went * least).sum() / max(float(norm(went) * norm(least)), 1e-12))
    return alike > _ALIKE and _SAME_SHARE < share < 1


def _settled(eye_m: np.ndarray, places_m: np.ndarray, held: np.ndarray, times: np.ndarray, ahead: Ahead | None) -> np.ndarray:
    frames, step_s = len(eye_m), np.diff(times)
    pin = pins(unit(places_m[1:]), _PIN_ACROSS_M_S, _PIN_ALONG_M_S)
    level = np.zeros((frames, 3, 3))
    level[:, 2, 2] = 1 / _BOB_M**2
    level[0] = 1e6 * np.eye(3)
    for _ in range(_FITS):
        fit = PathFit(frames, 3)
        fit.values(level, np.zeros((frames, 3)))
        fit.steps(1 / (_RUNS_M_S * step_s) ** 2, np.zeros((frames - 1, 3)))
        hold(fit, eye_m, places_m, held[1:] * held[:-1], pin, times)
        if ahead is not None:
            flat = unit(ahead.sight[1:] * [1.0, 1.0, 0.0])
            worth = (flat[:, :, None] * flat[:, None, :]) / (_WENT_M_S * step_s[:, None, None]) ** 2
            fit.steps(worth, np.diff(ahead.least_m)[:, None] * flat)
        fit.bends(np.full(frames - 2, 1 / _ACCELERATION_M_S2**2), times)
        eye_m = fit.solve()
    return eye_m
