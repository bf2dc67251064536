"""A motion at other times than it was solved at: true speed at any frame rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .rotations import continuous, slerp
from .tracks import RigMotion


def resampled(motion: RigMotion, fps: float) -> RigMotion:
    """The motion at 0, 1/fps, 2/fps ... seconds from its first frame to its last."""
    times = motion.timestamps_s - motion.timestamps_s[0]
    wanted = np.arange(int(np.floor(times[-1] * fps + 1e-6)) + 1) / fps
    after = np.searchsorted(times, wanted, side="right").clip(1, max(len(times) - 1, 1))
    before = after - 1
    after = after.clip(0, len(times) - 1)
    span = times[after] - times[before]
    share = np.clip(np.where(span > 0, (wanted - times[before]) / np.where(span > 0, span, 1.0), 0.0), 0.0, 1.0)

    def between(values: np.ndarray) -> np.ndarray:
        return values[before] + share[:, None] * (values[after] - values[before])

    rotations = slerp(
        motion.rotations_wxyz[before],
        motion.rotations_wxyz[after],
        np.broadcast_to(share[:, None], (len(share), len(motion.bone_names))),
    )
    return replace(
        motion,
        timestamps_s=wanted + motion.timestamps_s[0],
        rotations_wxyz=continuous(rotations),
        root_location_m=between(motion.root_location_m),
        root_basis_location=between(motion.root_basis_location),
    )
