"""Filters over time for frames at any, even uneven, spacing. Zero-phase: nothing is delayed."""

from __future__ import annotations

import numpy as np


def smoothed(values: np.ndarray, timestamps_s: np.ndarray, sigma_s: float, weights: np.ndarray | None = None) -> np.ndarray:
    """Gaussian of standard deviation `sigma_s` over time, renormalised at the ends: [T, ...] -> [T, ...].

    weights: how much each value counts, above 0; their shape [T, ...] is that of the values or its beginning.
    """
    step = float(np.median(np.diff(timestamps_s))) if len(timestamps_s) > 1 else 0.0
    if sigma_s <= 0 or step <= 0 or sigma_s < 0.2 * step:
        return values
    reach = max(1, int(np.ceil(3 * sigma_s / step)))
    shares = np.ones(len(values)) if weights is None else weights.astype(float)
    shares = shares.reshape(*shares.shape, *([1] * (values.ndim - shares.ndim)))
    weighted = values if weights is None else shares * values
    total, whole = weighted.astype(float), shares.copy()
    for offset in range(1, min(reach, len(values) - 1) + 1):
        # What two frames are to each other counts for both.
        near = np.exp(-0.5 * ((timestamps_s[offset:] - timestamps_s[:-offset]) / sigma_s) ** 2)
        near = near.reshape(-1, *([1] * (values.ndim - 1)))
        for out, of in ((total, weighted), (whole, shares)):
            out[:-offset] += near * of[offset:]
            out[offset:] += near * of[:-offset]
    return total / whole


_WIDTHS_S = (0.02, 0.03, 0.045, 0.07, 0.1, 0.15)
# Below this weight a value is a guess, the noisier the less it weighs; at most so many times as noisy.
_SURE_WEIGHT = 0.7
_MOST_DOUBT = 6.0
# Doubt that lasts longer than twice the first comes and goes within about the second.
_MOMENT_S, _FADES_S = 0.15, 0.2


def calmed(
    points: np.ndarray, timestamps_s: np.ndarray, *, patience: float, noise: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Points [T, N, D] without their trembling: each as strongly smoothed, from moment to moment, as its movement allows.

    Of Gaussians of growing width the widest is taken that agrees with all narrower ones within `patience` times what noise
    explains, so that a punch keeps its peak and somebody who stands still stands still (after A. Goldenshluger and A.
    Nemirovski, On spatially adaptive estimation of nonparametric regression, 1997). noise: the least that is expected of a
    value, in its unit; more where the points themselves show more. weights [T, N] above 0.
    """
    if patience <= 0 or len(points) < 5:
        return points
    if points.shape[1] > 1:  # one after the other: all widths of all points at once would fill the memory for a long clip
        each = [(points[:, [k]], None if weights is None else weights[:, [k]]) for k in range(points.shape[1])]
        return np.concatenate([calmed(p, timestamps_s, patience=patience, noise=noise, weights=w) for p, w in each], axis=1)
    step = float(np.median(np.diff(timestamps_s)))
    widths = [width for width in _WIDTHS_S if width >= 0.4 * step]
    shown = np.median(np.linalg.norm(np.diff(points, n=3, axis=0), axis=-1), axis=0) / np.sqrt(
        20
    )  # white noise in three differences
    spread = np.broadcast_to(np.maximum(shown, noise), points.shape[:2])
    if weights is not None:
        spread = spread * np.clip(_SURE_WEIGHT / smoothed(weights, timestamps_s, 2 * step), 1.0, _MOST_DOUBT)
    shares = None if weights is None else _fading(weights[:, 0], timestamps_s)[:, None]
    candidates = [points, *(smoothed(points, timestamps_s, width, shares) for width in widths)]
    left = [1.0, *(min(1.0, np.sqrt(step / (2 * np.sqrt(np.pi) * width))) for width in widths)]  # of the noise
    allowed = np.ones(points.shape[:2], bool)
    level = np.zeros(points.shape[:2])
    for k in range(1, len(candidates)):
        for j in range(1, k):
            apart = np.linalg.norm(candidates[k] - candidates[j], axis=-1)
            allowed &= apart <= patience * spread * (left[k] + left[j])
        level += allowed
    # A width that jumps would jerk; the narrow ones spread, so that a peak keeps its flanks.
    padded = np.pad(level, ((2, 2), (0, 0)), mode="edge")
    level = smoothed(np.lib.stride_tricks.sliding_window_view(padded, 5, axis=0).min(axis=-1), timestamps_s, 1.5 * step)
    low = np.floor(level).astype(int).clip(0, len(candidates) - 1)
    high = (low + 1).clip(0, len(candidates) - 1)
    share = (level - low)[..., None]
    stack = np.stack(candidates)
    frames, columns = np.ogrid[: points.shape[0], : points.shape[1]]
    return (1 - share) * stack[low, frames, columns] + share * stack[high, frames, columns]


def _fading(weights: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """Weights [T] that fall for more than a moment fall slowly: at once, they would have the last sure value held against what
    goes on, and then dropped with a jerk.
    """
    lasting = rolling_minimum(-rolling_minimum(-weights, timestamps_s, _MOMENT_S), timestamps_s, _MOMENT_S)
    return smoothed(lasting, timestamps_s, _FADES_S) * weights / lasting


def agreement(steady: np.ndarray, between: tuple[float, float]) -> np.ndarray:
    """How far directions agree around each frame, from their means over a filter, [T, D]: 0 where such a mean is shorter than the
    first of two lengths, for they point to different sides and their mean to any, 1 from the second on. [T]
    """
    return np.clip((np.linalg.norm(steady, axis=-1) - between[0]) / (between[1] - between[0]), 0.0, 1.0)


def without_haste(trust: np.ndarray, timestamps_s: np.ndarray, waits_s: float, fades_s: float) -> np.ndarray:
    """Trust [T] that comes and goes slowly, and is gone for so long before and after it is lost: what is believed for a moment,
    or no more from one frame to the next, would have a bone snap.
    """
    return smoothed(rolling_minimum(trust, timestamps_s, waits_s), timestamps_s, fades_s)


def nearest_valid(valid: np.ndarray) -> np.ndarray:
    """For each frame the index of the nearest valid one, the earlier of two as near: [T] bool, one at least True -> [T] int."""
    places, frames = np.flatnonzero(valid), np.arange(len(valid))
    after = np.searchsorted(places, frames).clip(0, len(places) - 1)
    before = (after - 1).clip(0)
    return places[np.where(np.abs(frames - places[before]) <= np.abs(places[after] - frames), before, after)]


def rolling_minimum(values: np.ndarray, timestamps_s: np.ndarray, half_window_s: float) -> np.ndarray:
    """The least value within `half_window_s` before and after each frame: [T] -> [T]."""
    first = np.searchsorted(timestamps_s, timestamps_s - half_window_s)
    last = np.searchsorted(timestamps_s, timestamps_s + half_window_s, side="right")
    # Least values of stretches of 1, 2, 4 ... frames; any stretch is two of those that overlap.
    out, stretches, length = np.empty(len(values)), values, 1
    sizes = last - first
    while length <= sizes.max():
        of_this = (sizes >= length) & (sizes < 2 * length)
        out[of_this] = np.minimum(stretches[first[of_this]], stretches[last[of_this] - length])
        stretches = np.minimum(stretches[:-length], stretches[length:])
        length *= 2
    return out
