"""A long clip in overlapping chunks, each lifted by itself (in another process, on another machine), as the whole would be.

The network looks at a window of time around each frame. A chunk therefore sees, beyond the frames that it answers for, as much of
the clip as the windows of its first and last frame reach into; what comes out is what the whole gives, up to the order of sums.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .checkpoint import LoadedModel
from .infer import run_network
from .normalise import WINDOW_STEP_S


@dataclass(frozen=True)
class Chunk:
    """own: the frames of the clip that it answers for; seen: those that it needs, `own` among them."""

    own: slice
    seen: slice

    @property
    def own_of_seen(self) -> slice:
        """Its own frames, counted from the first that it sees."""
        return slice(self.own.start - self.seen.start, self.own.stop - self.seen.start)


def chunks(timestamps_s: np.ndarray, *, window_frames: int, target: int, size: int) -> Iterator[Chunk]:
    """The frames of a clip, timestamps_s [T], cut into chunks that answer for `size` frames each, the last for what is left.

    window_frames, target: the network's receptive field and the frame in it that it answers for. Raises ValueError for a size
    below 1.
    """
    if size < 1:
        raise ValueError("a chunk has at least one frame")
    before_s, after_s = target * WINDOW_STEP_S, (window_frames - 1 - target) * WINDOW_STEP_S
    total = len(timestamps_s)
    for start in range(0, total, size):
        stop = min(start + size, total)
        # Between frames the window's values are interpolated: the frame on the far side of its ends is needed too.
        first = int(np.searchsorted(timestamps_s, timestamps_s[start] - before_s, side="right")) - 1
        last = int(np.searchsorted(timestamps_s, timestamps_s[stop - 1] + after_s, side="left"))
        yield Chunk(slice(start, stop), slice(max(first - 1, 0), min(last + 2, total)))


def run_network_in_chunks(
    loaded: LoadedModel,
    rays: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    size: int,
    confidence: np.ndarray | None = None,
    world_m: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`infer.run_network`, which tells the shapes, chunk by chunk; only the chunk's windows are in memory."""
    config = loaded.network.config
    poses, rotations = [], []
    for chunk in chunks(timestamps_s, window_frames=config.frames, target=config.target, size=size):
        pose, rotation = run_network(
            loaded,
            rays[chunk.seen],
            timestamps_s[chunk.seen],
            confidence=None if confidence is None else confidence[chunk.seen],
            world_m=None if world_m is None else world_m[chunk.seen],
        )
        poses.append(pose[chunk.own_of_seen])
        rotations.append(rotation[chunk.own_of_seen])
    return np.concatenate(poses), np.concatenate(rotations)
