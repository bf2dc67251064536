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
    after = np.searchsorted(times, wanted, side="right").clip(1, max(len(times) - 1, 1))
    before = after - 1
    after = after.clip(0, len(times) - 1)
    span = times[after] - times[before]
    share = np.clip(np.where(span > 0, (wanted - times[before]) / np.where(span > 0, span, 1.0), 0.0), 0.0, 1.0)

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
