"""Root motion: what of a character's way a game engine moves it by, and what is left for its hips."""

from __future__ import annotations

import numpy as np

from .filtering import smoothed
from .rotations import about_axis, apply, unit
from .solve import heading_rad

_UP = np.array([0.0, 0.0, 1.0])
# Standard deviation of the filter on the way and on the heading: the hips keep what they sway and turn with each step.
_STEADY_S = 0.25


def carried(
    hips_m: np.ndarray,
    across: np.ndarray,
    rest_m: np.ndarray,
    rest_across: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    turning: bool,
) -> np.ndarray:
    """How a root on the ground carries a character from rest: [T, 4, 4], world metres. turning: about the vertical as well.

    hips_m [T, 3]: where the hips are; across [T, 3]: from their right to their left; rest_m, rest_across [3]: the same at rest.
    """
    level = hips_m * [1.0, 1.0, 0.0]
    way = _smoothed_through(level, timestamps_s)
    turns = np.broadcast_to(np.eye(3), (len(way), 3, 3))
    if turning:
        from_rest = apply(about_axis(_UP, -np.arctan2(rest_across[1], rest_across[0])), unit(across))
        turns = about_axis(_UP, _smoothed_through(heading_rad(from_rest[:, :2]), timestamps_s))
    out = np.tile(np.eye(4), (len(way), 1, 1))
    out[:, :3, :3] = turns
    out[:, :3, 3] = way - apply(turns, rest_m * [1.0, 1.0, 0.0])
    return out


def _smoothed_through(values: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """`smoothed`, from the first value to the last and no slower there, so that what is a loop goes round as far as it did."""
    if len(values) < 2:
        return values
    step_s = float(np.median(np.diff(timestamps_s)))
    more = min(len(values) - 1, int(np.ceil(3 * _STEADY_S / step_s)))
    before, after = slice(more, 0, -1), slice(-2, -2 - more, -1)
    longer = [np.concatenate([2 * v[0] - v[before], v, 2 * v[-1] - v[after]]) for v in (values, timestamps_s)]
    return smoothed(longer[0], longer[1], _STEADY_S)[more : more + len(values)]
