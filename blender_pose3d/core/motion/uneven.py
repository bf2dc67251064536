"""Ground that is not level: stairs, a ladder, a box that somebody steps onto, the bar of a stool.

A foot stands where it is the lower of the two, so feet that stand far above the ground are on something. How high each stance is
says the camera, once it is known how it was held; stances of nearly one height are one level.
"""

from __future__ import annotations

import numpy as np

from .contacts import stretches

# Feet that stand higher above the lowest level than this, for this long in all, are on something.
_STEP_M, _STEPS_S = 0.13, 0.3
# Along a line of sight that is not level a wrong distance looks like a step: as many times the distance's usual error.
_SURELY = 4.0
# A stance that is shorter says little.
_STANCE_S = 0.15
# Stances whose heights differ by less are on one level, and a foot in the air that is lower by less than its ground is on it; by
# twice as much, the ground is not there.
_LEVEL_M = 0.08


def ground_under(
    heights_m: np.ndarray, doubt_m: np.ndarray, mask: np.ndarray, timestamps_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How high the ground under each foot is above the lowest, [T, 2] for left and right: all zero where it is level; and the
    mask without feet that were far above it for a moment only, which stand on nothing, or that stood somewhere on uneven ground
    for too short a time to say how high.

    heights_m [T, 4]: of heels and toes, from anywhere; doubt_m [T]: how far the camera's may be off in one frame; mask [T, 4]: on
    what somebody stands. Between two stances a foot has the lower one's ground under it, or what is below it where it is lower.
    """
    out, stands = np.zeros((len(mask), 2)), mask.copy()
    found = _stances(heights_m, mask, timestamps_s)
    if len(found) < 2:
        return out, stands
    levels = _levels(np.array([height for *_, height in found]))
    levels -= levels.min()
    lasts = np.array([timestamps_s[last] - timestamps_s[first] for _, first, last, _ in found])
    doubt = np.array([doubt_m[first : last + 1].mean() for _, first, last, _ in found])
    raised = levels > np.maximum(_STEP_M, _SURELY * doubt)
    if lasts[raised].sum() < _STEPS_S:
        for (side, first, last, _), is_raised in zip(found, raised, strict=True):
            stands[first : last + 1, 2 * side : 2 * side + 2] &= not is_raised
        return out, stands
    stands[:] = False
    for side, first, last, _ in found:
        stands[first : last + 1, 2 * side : 2 * side + 2] = mask[first : last + 1, 2 * side : 2 * side + 2]
    for side in (0, 1):
        own = [(first, last, level) for (foot, first, last, _), level in zip(found, levels, strict=True) if foot == side]
        before, below = 0, np.inf
        for first, last, level in own:
            out[before:first, side] = min(level, below)
            out[first : last + 1, side] = level
            before, below = last + 1, level
        out[before:, side] = below if own else 0.0
    lowest = float(np.median((heights_m - out.repeat(2, axis=1))[stands]))
    above = heights_m.reshape(-1, 2, 2).min(axis=2) - lowest
    deep = np.where(stands.reshape(-1, 2, 2).any(axis=2), 0.0, out - np.maximum(above, 0.0))
    return out - deep * np.clip(deep / _LEVEL_M - 1, 0.0, 1.0), stands


def _stances(heights_m: np.ndarray, mask: np.ndarray, timestamps_s: np.ndarray) -> list[tuple[int, int, int, float]]:
    """Foot (0 left, 1 right), first and last frame and height of each time that a foot stands."""
    found = []
    for side in (0, 1):
        own = mask[:, 2 * side : 2 * side + 2]
        for first, last in stretches(np.asarray(own.any(axis=1))):
            if timestamps_s[last] - timestamps_s[first] >= _STANCE_S:
                stand = slice(first, last + 1)
                found.append((side, first, last, float(np.median(heights_m[stand, 2 * side : 2 * side + 2][own[stand]]))))
    return found


def _levels(heights_m: np.ndarray) -> np.ndarray:
    """The heights [N], each as the mean of those that are on its level."""
    out = heights_m.copy()
    order = np.argsort(heights_m)
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or heights_m[order[end]] - heights_m[order[start]] > _LEVEL_M:
            out[order[start:end]] = heights_m[order[start:end]].mean()
            start = end
    return out
