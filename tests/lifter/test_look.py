"""A clip that is looked at in several pieces: what one tracker finds, whoever looks and with how many threads."""

from __future__ import annotations

import itertools
import math
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from lifter import landmarker as landmarker_module
from lifter import look as look_module
from lifter.clip import Clip, frames, open_clip
from lifter.detect import Cancelled, detect
from lifter.errors import LifterError
from lifter.landmark_model import LandmarkModel
from lifter.look import piece_begins
from lifter.track_file import Pose2DTrack
from tests.reliability.cases_clips import LONG, torn

from .conftest import REPOSITORY

DEMO = REPOSITORY / "tests" / "data" / "demo.mp4"


def in_one_piece(clip: Clip, model: LandmarkModel, monkeypatch: pytest.MonkeyPatch, **options: float) -> Pose2DTrack:
    with monkeypatch.context() as patched:
        patched.setattr(look_module, "piece_begins", lambda *_: [-math.inf])
        return detect(clip, landmark_model=model, **options)


def apart(one: Pose2DTrack, other: Pose2DTrack) -> np.ndarray:
    """Mean distance of the landmarks, in heights of the person: [T]."""
    height = float(np.nanmedian(np.ptp(other.landmarks_px[..., 1], axis=1)))
    return np.linalg.norm(one.landmarks_px - other.landmarks_px, axis=-1).mean(1) / height


def same_values(one: Pose2DTrack, other: Pose2DTrack) -> bool:
    names = ("timestamps_s", "landmarks_px", "world_landmarks_m", "landmark_confidence", "detected")
    same = (np.array_equal(getattr(one, name), getattr(other, name), equal_nan=True) for name in names)
    return all(same) and one.provenance["camera_motion"] == other.provenance["camera_motion"]


@pytest.fixture(scope="module")
def demo(made_model: LandmarkModel) -> tuple[Pose2DTrack, Pose2DTrack]:
    """In pieces, and in one."""
    with pytest.MonkeyPatch.context() as patched:
        return detect(open_clip(DEMO), landmark_model=made_model), in_one_piece(open_clip(DEMO), made_model, patched)


@pytest.mark.parametrize(
    ("seconds", "fps", "options", "pieces"),
    [
        (2.0, 30.0, {}, 1),
        (7.9, 30.0, {}, 1),
        (8.1, 30.0, {}, 2),
        (16.1, 30.0, {}, 4),
        (16.1, 5.0, {}, 1),  # too few frames in each
        (16.1, 30.0, {"end_s": 9.0}, 2),
        (16.1, 30.0, {"start_s": 5.0}, 2),
        (60.0, 30.0, {}, 8),
        (79.0, 30.0, {}, 8),
        (3600.0, 30.0, {}, 360),
        (60.0, 30.0, {"seekable": False}, 1),
        (60.0, 30.0, {"duration_s": None}, 1),
    ],
)
def test_a_clip_is_cut_by_its_length(seconds: float, fps: float, options: dict, pieces: int) -> None:
    about = {"duration_s": seconds, "start_s": 0.0, "end_s": None, "seekable": True} | options
    clip = Clip(path=DEMO, fps=fps, frame_count=round(seconds * fps), size_px=(4, 4), rotation_deg=0, sha256="", **about)
    begins = piece_begins(clip, None)
    assert len(begins) == pieces and begins[0] == -math.inf
    ends = [*begins[1:], min(about["end_s"] or math.inf, about["duration_s"] or math.inf)]
    lengths = np.diff([clip.start_s, *ends])
    assert pieces == 1 or (np.ptp(lengths) < 1e-6 and 4 <= lengths[0] <= 10)


def test_pieces_find_what_one_tracker_finds(demo: tuple[Pose2DTrack, Pose2DTrack], made_model: LandmarkModel) -> None:
    pieces, whole = demo
    assert len(piece_begins(open_clip(DEMO), None)) == 2
    np.testing.assert_array_equal(pieces.timestamps_s, whole.timestamps_s)
    assert pieces.detected.all() and whole.detected.all()
    off = apart(pieces, whole)
    assert off.mean() < 0.002 and off.max() < 0.01
    assert np.abs(pieces.landmark_confidence - whole.landmark_confidence).mean() < 0.01
    # The first piece is the same tracker, up to the passage to the second.
    begins = np.searchsorted(whole.timestamps_s, piece_begins(open_clip(DEMO), None)[1:])
    assert (off[: begins[0] - 5] == 0).all() and (off[begins[0] :] > 0).any()
    # From there on it is the second one, into which the first one passes over.
    alone = detect(open_clip(DEMO, start_s=float(pieces.timestamps_s[begins[0] - 8])), landmark_model=made_model)
    np.testing.assert_array_equal(pieces.landmarks_px[begins[0] :], alone.landmarks_px[8:])
    first, second = whole.landmarks_px[begins[0] - 5 : begins[0]], alone.landmarks_px[3:8]
    share = (np.arange(1, 6) / 6)[:, None, None]
    np.testing.assert_allclose(pieces.landmarks_px[begins[0] - 5 : begins[0]], (1 - share) * first + share * second, atol=0.01)
    # And nobody jumps there.
    jumps = [np.linalg.norm(np.diff(track.landmarks_px, 2, axis=0), axis=-1).mean(1) for track in demo]
    for begin in begins:
        there = slice(begin - 8, begin + 4)
        assert jumps[0][there].max() < jumps[1][there].max() + 0.5


def test_the_same_is_found_with_any_number_of_threads(
    demo: tuple[Pose2DTrack, Pose2DTrack], made_model: LandmarkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for threads in ("1", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        assert same_values(detect(open_clip(DEMO), landmark_model=made_model), demo[0])


def test_small_people_are_looked_for_where_they_could_be_seen() -> None:
    """In squares that cover the picture, and are neither a pixel nor thousands."""
    parts = [list(look_module._parts(*size, look_module._PART_SHARES)) for size in ((1280, 720), (720, 1280), (1, 1), (4000, 16))]
    assert [len(each) for each in parts] == [len(parts[0]), len(parts[0]), 0, 0] and 20 < len(parts[0]) < 80
    covered = np.zeros((720, 1280), int)
    for x, y, side in parts[0]:
        assert x >= 0 and y >= 0 and x + side <= 1280 and y + side <= 720
        covered[y : y + side, x : x + side] += 1
    assert covered.min() >= 2


def test_a_range_and_fewer_frames(made_model: LandmarkModel, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = open_clip(DEMO, start_s=1.33, end_s=11.9)
    assert len(piece_begins(clip, 20.0)) == 2
    pieces = detect(clip, landmark_model=made_model, sample_fps=20.0)
    whole = in_one_piece(clip, made_model, monkeypatch, sample_fps=20.0)
    np.testing.assert_array_equal(pieces.timestamps_s, whole.timestamps_s)
    assert 0 < apart(pieces, whole).mean() < 0.004


def test_where_only_a_tracker_gets_through_the_piece_before_goes_on(
    made_model: LandmarkModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The light is off where the second piece begins: who is followed is not lost, but nobody would be found."""
    path = tmp_path / "dark.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (400, 400))
    for time_s, rgb in frames(open_clip(DEMO, end_s=9.0)):
        light = 0.06 if 3.5 < time_s < 5.3 else 1.0
        writer.write((cv2.cvtColor(cv2.resize(rgb, (400, 400)), cv2.COLOR_RGB2BGR) * light).astype(np.uint8))
    writer.release()
    clip = open_clip(path)
    begin_s = piece_begins(clip, None)[1]
    alone = detect(open_clip(path, start_s=begin_s - 0.3), landmark_model=made_model)
    assert not alone.detected[alone.timestamps_s < 5.2].any(), "the test needs a picture in which a tracker cannot begin"
    pieces, whole = detect(clip, landmark_model=made_model), in_one_piece(clip, made_model, monkeypatch)
    assert whole.detected.all() and pieces.detected.all()
    np.testing.assert_array_equal(pieces.timestamps_s, whole.timestamps_s)
    off = apart(pieces, whole)
    assert (off[whole.timestamps_s < 5.3] == 0).all() and 0 < off[whole.timestamps_s > 5.5].mean() < 0.004


def test_two_people_in_pieces(made_model: LandmarkModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "two.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (600, 300))
    for _, rgb in frames(open_clip(DEMO, end_s=8.2)):
        one = cv2.cvtColor(cv2.resize(rgb, (300, 300)), cv2.COLOR_RGB2BGR)
        writer.write(np.hstack([one, one[:, ::-1]]))
    writer.release()
    clip = open_clip(path)
    assert len(piece_begins(clip, None)) == 2
    pieces, whole = detect(clip, landmark_model=made_model), in_one_piece(clip, made_model, monkeypatch)
    found = [[person["frames"] for person in track.provenance["people"]["found"][:2]] for track in (pieces, whole)]
    assert found[0] == found[1] and min(found[0]) > 195
    assert np.nanmean(apart(pieces, whole)) < 0.005


@pytest.mark.parametrize("name", LONG)
def test_odd_clips_are_the_same_in_pieces(
    name: str, made_model: LandmarkModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = open_clip(LONG[name](tmp_path)[0])
    pieces, whole = detect(clip, landmark_model=made_model), in_one_piece(clip, made_model, monkeypatch)
    np.testing.assert_array_equal(pieces.timestamps_s, whole.timestamps_s)
    np.testing.assert_array_equal(pieces.detected, whole.detected)
    assert np.nanmean(apart(pieces, whole)) < 0.005
    assert (len(piece_begins(clip, None)) > 1) == (name != "without an index")
    if name == "that begins anew":
        np.testing.assert_allclose(np.diff(whole.timestamps_s), 0.04, atol=0.002)


@pytest.mark.parametrize("which", ["it says", "there was"])
def test_a_clip_that_has_less_than(
    which: str, made_model: LandmarkModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = open_clip(DEMO, start_s=8.0) if which == "it says" else open_clip(torn(tmp_path)[0])
    if which == "it says":
        clip = replace(clip, duration_s=30.0, frame_count=750)
    assert len(piece_begins(clip, None)) > 1
    said = []
    for look_at in (lambda: detect(clip, landmark_model=made_model), lambda: in_one_piece(clip, made_model, monkeypatch)):
        with pytest.raises(LifterError, match="only up to (11.96 s of 30.00|3.88 s of 9.00) s") as caught:
            look_at()
        said.append((caught.value.message, caught.value.hint))
    assert said[0] == said[1]


def test_pieces_that_cannot_be_gone_to(made_model: LandmarkModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one goes on to the end."""
    whole = in_one_piece(open_clip(DEMO, end_s=8.5), made_model, monkeypatch)

    def only_the_beginning(
        clip: Clip, *, sample_fps: float | None = None, enter_s: float | None = None, threads: int | None = None
    ):
        if enter_s is not None:
            raise LifterError("It can only be decoded from its beginning.")
        return frames(clip, sample_fps=sample_fps)

    monkeypatch.setattr(look_module, "frames", only_the_beginning)
    assert same_values(detect(open_clip(DEMO, end_s=8.5), landmark_model=made_model), whole)


def test_a_file_that_promises_an_hour_is_not_looked_at_in_an_hours_pieces(
    made_model: LandmarkModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its times begin at an hour, and its header counts from 0."""
    path = tmp_path / "late.mkv"
    with av.open(str(DEMO)) as source, av.open(str(path), "w") as late:
        taken = source.streams.video[0]
        stream = late.add_stream_from_template(taken)
        for packet in itertools.islice(source.demux(taken), 100):
            packet.pts, packet.dts, packet.stream = (packet.pts or 0) + int(3600 / taken.time_base), None, stream
            late.mux(packet)
    clip, made = open_clip(path), []
    monkeypatch.setattr(
        look_module, "bodies_landmarker", lambda *a, **k: made.append(k) or landmarker_module.bodies_landmarker(*a, **k)
    )
    pieces = len(piece_begins(clip, None))
    assert pieces > 300
    track = detect(clip, landmark_model=made_model)
    assert track.detected.all() and len(track.timestamps_s) >= 90
    assert len(made) < 20, f"{len(made)} trackers for {pieces} pieces"


def test_the_landmarker_for_looks_around_is_made_once_for_all_clips(
    made_model: LandmarkModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[dict[str, Any]] = []
    monkeypatch.setattr(
        look_module, "bodies_landmarker", lambda *a, **k: made.append(k) or landmarker_module.bodies_landmarker(*a, **k)
    )
    look_module._still_landmarker.cache_clear()
    for begin_s in (0.0, 4.0):
        assert detect(open_clip(DEMO, start_s=begin_s, end_s=begin_s + 0.5), landmark_model=made_model).detected.all()
    assert [bool(how.get("still")) for how in made].count(True) == 1 and len(made) == 3


def test_progress_and_cancelling(made_model: LandmarkModel) -> None:
    told: list[tuple[int, int | None]] = []
    detect(open_clip(DEMO, end_s=8.5), landmark_model=made_model, progress=lambda *done: told.append(done))
    assert told == sorted(told) and told[-1] == (213, 213) and len(told) > 5
    with pytest.raises(Cancelled):
        detect(open_clip(DEMO), landmark_model=made_model, cancelled=lambda: len(told) > 0)
    assert not any(thread.name.startswith(("piece", "ahead")) for thread in threading.enumerate())
