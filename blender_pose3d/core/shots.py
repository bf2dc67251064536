"""Which shots a clip has that is cut."""

from __future__ import annotations

import math
from itertools import pairwise

from .tracks import Pose3DTrack


def shots_of(track: Pose3DTrack) -> tuple[tuple[float, float], ...]:
    """Where each shot of the part that was read begins and ends, in seconds as it plays; none where it was not cut."""
    told = track.provenance.get("cuts_s")
    times = track.timestamps_s * track.slowdown
    if not isinstance(told, list) or len(times) < 2:
        return ()
    cuts = sorted({float(cut) for cut in told if isinstance(cut, int | float) and math.isfinite(cut)})
    cuts = [cut for cut in cuts if times[0] < cut <= times[-1]]
    if not cuts:
        return ()
    # A cut is the first picture of its shot. Between two pictures no rounding of the numbers takes one away.
    half_s = 0.5 * track.slowdown / track.fps
    ends = [max(0.0, float(times[0]) - half_s), *(cut - half_s for cut in cuts), float(times[-1]) + half_s]
    return tuple(pairwise(ends))
