"""Memory of the solve grows with the length of the clip, no faster, and by so much a frame that an hour has room."""

from __future__ import annotations

import dataclasses
import tracemalloc

import numpy as np
import pytest

from blender_pose3d.core.motion import solve_motion
from blender_pose3d.core.tracks import Pose3DTrack
from tests.core import performances, rigs

# An hour at 30 frames a second in 1.5 GB, less what Blender and the rest of a track take.
MOST_BYTES_A_FRAME = 8_000


def longer(track: Pose3DTrack, frames: int) -> Pose3DTrack:
    """There and back again."""
    length = len(track.timestamps_s)
    index = np.arange(frames) % (2 * length - 2)
    index = np.where(index < length, index, 2 * length - 2 - index)
    arrays = {field.name: getattr(track, field.name) for field in dataclasses.fields(track)}
    taken = {name: values[index] for name, values in arrays.items() if isinstance(values, np.ndarray) and len(values) == length}
    return dataclasses.replace(track, **{**taken, "timestamps_s": np.arange(frames) / track.fps})


@pytest.mark.parametrize("name", ["walk", "stand"])
def test_memory_grows_with_the_length(name: str) -> None:
    short = performances.track(name)
    rig, peaks = rigs.build(), []
    for frames in (1500, 3000):
        track = longer(short, frames)
        tracemalloc.start()
        solve_motion(track, rig)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 1500 < MOST_BYTES_A_FRAME
