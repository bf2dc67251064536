"""Hypothesis on every reader and on the solve: a sentence or a result, never another exception, never a number that is none.

The long runs (`--reliability`) try far more of the same; fuzz_readers.py searches by coverage.
"""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.motion import CameraMotion, MotionOptions, solve_motion
from blender_pose3d.core.resample import resampled
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.tracks import Pose3DTrack
from tests.core.performances import track_of
from tests.core.test_solve_properties import ANY_RIG
from tests.reliability.readers import READERS, Reader

SHORT, LONG = 15, 500
_QUIET = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.data_too_large, HealthCheck.filter_too_much]
lengths = pytest.mark.parametrize("examples", [SHORT, pytest.param(LONG, marks=pytest.mark.reliability)])


@st.composite
def changed_bytes(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A good file with a few pieces cut out, doubled, exchanged or replaced."""
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = draw(st.integers(begin, min(len(data), begin + draw(st.sampled_from([1, 4, 64, 100_000])))))
        piece = draw(
            st.one_of(
                st.binary(max_size=16),
                st.just(data[begin:end] * 2),
                st.sampled_from(
                    [b"", b"\0", b"\xff\xff\xff\xff", b"NaN", b"1e999", b"9" * 5000, b"[" * 3000, b"\\ud800", b'"', b"{}", b"-1"]
                ),
            )
        )
        data = data[:begin] + piece + data[end:]
    return data


_STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from([10**400, -1, 0, 2**63, 1e308, "\ud800", "\0", "../../x", "x" * 5000]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=3),
        lambda one: st.lists(one, max_size=3) | st.dictionaries(st.text(max_size=3), one, max_size=3),
        max_leaves=6,
    ),
)


@st.composite
def changed_json(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A good JSON text in which a few values are others, or gone."""
    value = json.loads(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(value))
        if not places:
            break
        holder, key = draw(st.sampled_from(places))
        if draw(st.booleans()) and isinstance(holder, dict):
            del holder[key]
        else:
            holder[key] = copy.deepcopy(draw(_STRANGE))
    try:
        return json.dumps(value, allow_nan=True).encode()
    except ValueError:  # more digits than Python writes
        return b"{}"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from _places(inner)


def _is_json(reader: Reader) -> bool:
    try:
        return all(isinstance(json.loads(seed), dict | list) for seed in reader.seeds)
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_the_files_that_are_changed_are_good(reader: Reader, tmp_path: Path) -> None:
    """Otherwise what reads beyond the first refusal would never be tried."""
    for seed in reader.seeds:
        assert reader.try_on(seed, tmp_path) is not None


@lengths
@pytest.mark.kind("fuzzed reader")
@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_a_changed_file_is_read_or_refused(reader: Reader, examples: int, tmp_path: Path) -> None:
    strategies = [changed_bytes(reader.seeds), st.binary(max_size=200)]
    if _is_json(reader):
        strategies.insert(0, changed_json(reader.seeds))

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=_QUIET, phases=[Phase.generate, Phase.shrink]
    )
    @given(data=st.one_of(strategies))
    def holds(data: bytes) -> None:
        reader.try_on(data, tmp_path)

    holds()


# ------------------------------------------------------------------------------------------------------------- the solve

_SIZES = (1e-6, 1e-2, 1.0, 1e2, 1e5)


@st.composite
def any_track(draw: st.DrawFn) -> Pose3DTrack:
    """Joints anywhere, as far as they are numbers; times that go on, however unevenly; anything from nobody to all seen."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    frames = draw(st.integers(1, 24))
    joints = draw(st.sampled_from(_SIZES)) * random.normal(size=(frames, 17, 3))
    shape = draw(st.sampled_from(["any", "still", "flat", "point", "line", "held"]))
    if shape == "still":
        joints[:] = joints[0]
    elif shape == "flat":
        joints[..., 2] = 0
    elif shape == "point":
        joints[:] = 0
    elif shape == "line":
        joints[..., :2] = 0
    elif shape == "held":
        joints[random.random(frames) < 0.7] = joints[0]
    track = track_of(joints, fps=30.0)
    root = (draw(st.sampled_from([0.0, *_SIZES])) * random.normal(size=(frames, 3))).astype(np.float32)
    steps = np.where(random.random(frames) < 0.2, draw(st.sampled_from([1e-6, 1e-3, 10.0, 1000.0])), 1 / 30)
    detected = random.random(frames) < draw(st.sampled_from([0.0, 0.3, 1.0]))
    confidence = np.where(detected[:, None], random.random((frames, 17)), 0.0).astype(np.float32)
    track = _replaced(track, root, np.cumsum(steps), detected, confidence)
    told = draw(st.sampled_from(["", "unknown", "turning", "moving"]))
    track = replace(track, provenance=track.provenance | {"camera_motion": {"camera": told}})
    if draw(st.booleans()):
        lines = (draw(st.sampled_from([0.0, 1.0, 300.0, 1e7])) * random.uniform(-1, 1, (draw(st.integers(1, 60)), 4))).astype(
            np.float32
        )
        track = replace(track, background_lines_px=lines)
    if told in ("", "unknown"):
        return track
    way = (draw(st.sampled_from([0.0, 1e-3, 1.0, 1e3])) * random.normal(size=(frames, 4)).cumsum(axis=0)).astype(np.float32)
    return replace(track, background_way_share=way)


def _replaced(
    track: Pose3DTrack, root: np.ndarray, times: np.ndarray, detected: np.ndarray, confidence: np.ndarray
) -> Pose3DTrack:
    unseen = ~detected
    landmarks = np.array(track.landmarks_px, copy=True)
    world = np.array(track.world_landmarks_m, copy=True)
    share = np.array(track.landmark_confidence, copy=True)
    landmarks[detected & ~np.isfinite(landmarks).all((1, 2))] = 100.0
    world[detected & ~np.isfinite(world).all((1, 2))] = 0.1
    landmarks[unseen], world[unseen], share[unseen] = np.nan, np.nan, 0.0
    return replace(
        track,
        root_position_m=root,
        timestamps_s=times,
        detected=detected,
        confidence=confidence,
        landmarks_px=landmarks,
        world_landmarks_m=world,
        landmark_confidence=share,
    )


@pytest.mark.kind("fuzzed solve")
@pytest.mark.parametrize("examples", [6, pytest.param(300, marks=pytest.mark.reliability)])
def test_any_finite_track_on_any_rig(examples: int) -> None:
    """The whole motion, not the plain solve alone: what is keyed is finite, or a sentence says why there is nothing."""

    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=_QUIET, phases=[Phase.generate, Phase.shrink]
    )
    @given(rig=ANY_RIG, track=any_track(), camera=st.sampled_from(CameraMotion))
    def holds(rig: RigSpec, track: Pose3DTrack, camera: CameraMotion) -> None:
        try:
            motion = solve_motion(track, rig, MotionOptions(camera_motion=camera)).motion
            motion = resampled(motion, 25.0)
        except Pose3DError as refusal:
            assert refusal.message and refusal.hint
            return
        for wxyz in (motion.rotations_wxyz, *motion.held.values()):
            assert np.isfinite(wxyz).all() and np.abs(np.linalg.norm(wxyz, axis=-1) - 1).max() < 1e-6
        assert np.isfinite(motion.root_basis_location).all() and np.isfinite(motion.root_location_m).all()

    holds()
