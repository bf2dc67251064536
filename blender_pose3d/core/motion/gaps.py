"""How high somebody is while nobody sees them: as they were before and are after it, and never far down in the ground."""

from __future__ import annotations

import numpy as np

from .contacts import stretches

# How high somebody is above the ground is taken from so much of the time before and after nobody saw them, and reached so long
# after they were seen.
_AROUND_S, _FADE_S = 2.0, 0.3
# Who was seen is believed to be this far in the ground, which noise and a camera a little askew make; twice as far is a mistake.
_SUNK_M = 0.1


def above_ground(
    path_m: np.ndarray,
    lowest_m: np.ndarray,
    found: np.ndarray,
    legs_seen: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    floor_m: float,
) -> np.ndarray:
    """The pelvis' path [T, 3], z up, at heights that are possible.

    lowest_m [T]: the lowest part of the body from the pelvis on; found [T]: where somebody was, and
    legs_seen [T] their legs, without which nobody is in the ground; floor_m: the lowest ground.
    """
    frames = np.arange(len(found))
    above = path_m[:, 2] + lowest_m - floor_m
    height = above - above * np.clip(-above / _SUNK_M - 1, 0, legs_seen)
    believed = np.maximum(above, 0)
    for first, last in stretches(~found):
        edges = [edge for edge in (first - 1, last + 1) if 0 <= edge < len(found)]
        gap = slice(first, last + 1)
        times, edges_s = timestamps_s[gap], timestamps_s[edges]
        beyond = [found & (frames <= edge if edge < first else frames >= edge) for edge in edges]
        around = [side & (np.abs(timestamps_s - at_s) <= _AROUND_S) for side, at_s in zip(beyond, edges_s, strict=True)]
        wanted = np.interp(times, edges_s, [np.median(believed[near]) for near in around])
        fades = np.clip(1 - np.abs(times - edges_s[:, None]) / _FADE_S, 0, 1)
        fades /= np.maximum(fades.sum(axis=0), 1)
        height[gap] = (1 - fades.sum(axis=0)) * wanted + height[edges] @ fades
    return path_m + (height - above)[:, None] * [0.0, 0.0, 1.0]
