"""Memory of the solve grows with the length of the clip, no faster, and by so much a frame that an hour has room."""

from __future__ import annotations

import dataclasses
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from blender_pose3d.core import curves
from blender_pose3d.core.motion import solve_motion
from blender_pose3d.core.solve import solve
from blender_pose3d.core.tracks import Pose3DTrack
from tests.core import performances, rigs

# An hour at 30 frames a second in 1.5 GB, less what Blender and the rest of a track take.
MOST_BYTES_A_FRAME = 8_000
MOST_BYTES_A_KEYED_FRAME = 3_000


def longer(track: Pose3DTrack, frames: int) -> Pose3DTrack:
    """There and back again."""
    length = len(track.timestamps_s)
    index = np.arange(frames) % (2 * length - 2)
    index = np.where(index < length, index, 2 * length - 2 - index)
    arrays = {field.name: getattr(track, field.name) for field in dataclasses.fields(track)}
    taken = {name: values[index] for name, values in arrays.items() if isinstance(values, np.ndarray) and len(values) == length}
    return dataclasses.replace(track, **{**taken, "timestamps_s": np.arange(frames) / track.fps})


def peak_bytes(work: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["walk", "stand"])
def test_memory_grows_with_the_length(name: str) -> None:
    short = performances.track(name)
    rig, peaks = rigs.build(), []
    for frames in (1500, 3000):
        track = longer(short, frames)
        peaks.append(peak_bytes(lambda track=track: solve_motion(track, rig)))
    assert (peaks[1] - peaks[0]) / 1500 < MOST_BYTES_A_FRAME


def test_the_choice_of_keys_takes_little_more_for_a_longer_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "_MOST_FRAMES", 150)
    rig, peaks = rigs.build(), []
    for frames in (300, 900):
        motion = solve(longer(performances.track("walk"), frames), rig)
        given = [curves.Channel(curves.QUATERNION, motion.rotations_wxyz[:, k]) for k in range(len(motion.bone_names))]
        peaks.append(peak_bytes(lambda motion=motion, given=given: curves.reduced(motion, rig, given)))
    assert (peaks[1] - peaks[0]) / 600 < MOST_BYTES_A_KEYED_FRAME


def test_bones_that_play_no_role_take_no_memory() -> None:
    """A rig of controls has a thousand of them."""
    plain, track = rigs.build(), performances.track("walk")
    hand, count = plain.index["left_hand"], 1000
    more = {
        "bone_names": (*plain.bone_names, *(f"control_{i}" for i in range(count))),
        "parents": np.append(plain.parents, np.full(count, hand)),
        "inherits_rotation": np.append(plain.inherits_rotation, np.ones(count, bool)),
        "local_location": np.append(plain.local_location, np.ones(count, bool)),
    } | {
        name: np.concatenate([getattr(plain, name), np.repeat(getattr(plain, name)[hand : hand + 1], count, axis=0)])
        for name in ("rest_heads", "rest_tails", "rest_rotations")
    }
    large = dataclasses.replace(plain, **more)
    peaks = [peak_bytes(lambda rig=rig: solve(track, rig)) for rig in (plain, large)]
    assert peaks[1] < 1.2 * peaks[0] + 1e6
    assert np.array_equal(solve(track, large).rotations_wxyz, solve(track, plain).rotations_wxyz)
