"""Filters over time for frames at any, even uneven, spacing. Zero-phase: nothing is delayed."""

from __future__ import annotations

import numpy as np


def smoothed(values: np.ndarray, timestamps_s: np.ndarray, sigma_s: float) -> np.ndarray:
    """Gaussian of standard deviation `sigma_s` over time, renormalised at the ends: [T, ...] -> [T, ...]."""
    step = float(np.median(np.diff(timestamps_s))) if len(timestamps_s) > 1 else 0.0
    if sigma_s <= 0 or step <= 0 or sigma_s < 0.2 * step:
        return values
    reach = max(1, int(np.ceil(3 * sigma_s / step)))
    total = np.zeros_like(values, dtype=float)
    weights = np.zeros(len(values))
    for offset in range(-reach, reach + 1):
        index = np.arange(len(values)) + offset
        inside = (index >= 0) & (index < len(values))
        index = index.clip(0, len(values) - 1)
        weight = inside * np.exp(-0.5 * ((timestamps_s[index] - timestamps_s) / sigma_s) ** 2)
        total += weight.reshape(-1, *([1] * (values.ndim - 1))) * values[index]
        weights += weight
    return total / weights.reshape(-1, *([1] * (values.ndim - 1)))


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
    return np.array([values[a:b].min() for a, b in zip(first, last, strict=True)])
