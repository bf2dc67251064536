"""A motion at other times than it was solved at: true speed at any frame rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .errors import Pose3DError
from .rotations import continuous, slerp
from .tracks import RigMotion

# Frames that are worked on at once, and times so near that they are the same.
_BLOCK = 4096
_SAME_TIME_S = 1e-9

# Blender has none after it.
LAST_FRAME = 1_048_574


def neighbours(times_s: np.ndarray, wanted_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each wanted time [N] the frame before and the one after it among times_s [T], and how far it is from the one to the
    other, 0 to 1: [N] each. Before the first and after the last frame: that one.
    """
    after = np.searchsorted(times_s, wanted_s, side="right").clip(1, max(len(times_s) - 1, 1))
    before = after - 1
    after = after.clip(0, len(times_s) - 1)
    span = times_s[after] - times_s[before]
    share = np.where(span > 0, (wanted_s - times_s[before]) / np.where(span > 0, span, 1.0), 0.0)
    return before, after, np.clip(share, 0.0, 1.0)


def resampled(motion: RigMotion, fps: float) -> RigMotion:
    """The motion at 0, 1/fps, 2/fps ... seconds from its first frame to its last. Raises Pose3DError for too many of them."""
    times = motion.timestamps_s - motion.timestamps_s[0]
    if not times[-1] * fps < LAST_FRAME:
        raise Pose3DError(
            f"A motion of {times[-1]:,.0f} s has more frames at {fps:g} a second than Blender's {LAST_FRAME:,}.",
            hint="Choose a shorter part of it, or a lower frame rate.",
        )
    wanted = np.arange(int(np.floor(times[-1] * fps + 1e-6)) + 1) / fps
    if len(wanted) == len(times) and np.abs(wanted - times).max() < _SAME_TIME_S:
        return motion
    before, after, share = neighbours(times, wanted)

    def between(values: np.ndarray) -> np.ndarray:
        return values[before] + share[:, None] * (values[after] - values[before])

    rotations = np.empty((len(wanted), *motion.rotations_wxyz.shape[1:]))
    for first in range(0, len(wanted), _BLOCK):  # what it needs in between is many times what it gives
        part = slice(first, first + _BLOCK)
        a, b = motion.rotations_wxyz[before[part]], motion.rotations_wxyz[after[part]]
        rotations[part] = slerp(a, b, np.broadcast_to(share[part, None], a.shape[:2]))
    return replace(
        motion,
        timestamps_s=wanted + motion.timestamps_s[0],
        rotations_wxyz=continuous(rotations),
        root_location_m=between(motion.root_location_m),
        root_basis_location=between(motion.root_basis_location),
    )
