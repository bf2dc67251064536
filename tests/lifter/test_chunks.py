"""A clip in chunks gives what the whole clip gives."""

from __future__ import annotations

import numpy as np
import pytest

from lifter.checkpoint import available_models, load_model
from lifter.chunks import chunks, run_network_in_chunks
from lifter.infer import run_network, window_times


def clip(frames: int, *, regular: bool) -> dict[str, np.ndarray]:
    """Rays, times, confidence and the detector's 3D of somebody who jumps about: every frame matters to its neighbours."""
    random = np.random.default_rng(frames)
    steps_s = np.full(frames, 1 / 30) if regular else random.uniform(0.005, 0.2, frames)
    return {
        "rays": random.normal(0, 0.3, (frames, 17, 2)),
        "timestamps_s": 3 + np.cumsum(steps_s),
        "confidence": random.uniform(0.2, 1, (frames, 17)),
        "world_m": random.normal(0, 0.4, (frames, 17, 3)),
    }


@pytest.mark.parametrize("regular", [True, False])
@pytest.mark.parametrize("size", [1, 37, 150, 400])
def test_a_clip_in_chunks_is_the_whole_clip(regular: bool, size: int) -> None:
    whole_clip = clip(23 if size == 1 else 300, regular=regular)
    loaded = load_model(available_models()[0])
    whole = run_network(loaded, **whole_clip)
    parts = run_network_in_chunks(loaded, size=size, **whole_clip)
    for a, b in zip(whole, parts, strict=True):
        assert a.shape == b.shape and np.abs(a - b).max() < 1e-5


@pytest.mark.parametrize(("frames", "target"), [(27, 13), (27, 26), (243, 121)])
def test_a_chunk_sees_its_windows_and_little_more(frames: int, target: int) -> None:
    times = clip(1000, regular=False)["timestamps_s"]
    windows = window_times(times, frames, target)
    found = list(chunks(times, window_frames=frames, target=target, size=300))
    assert [c.own for c in found] == [slice(0, 300), slice(300, 600), slice(600, 900), slice(900, 1000)]
    for chunk in found:
        seen = times[chunk.seen]
        assert seen[0] <= windows[chunk.own].min() and seen[-1] >= windows[chunk.own].max()
        # Without two frames at either end it would no longer do, except at the clip's own ends.
        assert chunk.seen.start == 0 or seen[2] > windows[chunk.own].min()
        assert chunk.seen.stop == 1000 or seen[-3] < windows[chunk.own].max()
    with pytest.raises(ValueError, match="at least one frame"):
        next(chunks(times, window_frames=frames, target=target, size=0))
