"""Shots of a clip that is cut."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from blender_pose3d.core.shots import shots_of
from blender_pose3d.core.tracks import Pose3DTrack
from tests.core import performances


@pytest.fixture(scope="module")
def track() -> Pose3DTrack:
    return performances.track("walk_turn", seconds=4.0)


def cut(track: Pose3DTrack, cuts_s: Any) -> tuple[tuple[float, float], ...]:
    return shots_of(replace(track, provenance={**track.provenance, "cuts_s": cuts_s}))


def test_every_frame_is_in_one_shot(track: Pose3DTrack) -> None:
    times = track.timestamps_s
    cuts = [float(times[30]), float(times[75])]
    shots = cut(track, cuts)
    inside = [[i for i, t in enumerate(times) if a <= t <= b] for a, b in shots]
    assert [shot[0] for shot in inside] == [0, 30, 75] and sum(inside, []) == list(range(len(times)))


def test_slow_motion_is_cut_as_it_plays(track: Pose3DTrack) -> None:
    slow = replace(track, provenance={**track.provenance, "clip": {"slowdown": 8.0}})
    cuts = [8 * float(track.timestamps_s[30])]
    assert np.allclose(cut(slow, cuts), 8 * np.array(cut(track, [cuts[0] / 8])))


@pytest.mark.parametrize("told", [None, [], "1.0", [-1.0], [100.0], [float("nan")], [None], {"a": 1}])
def test_what_is_no_cut_makes_no_shots(track: Pose3DTrack, told: Any) -> None:
    assert cut(track, told) == ()
    assert shots_of(track) == ()
