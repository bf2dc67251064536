"""The lifter's side of the track file: what is written is what is read, and nothing wrong is read."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lifter import track_file
from lifter.errors import LifterError
from lifter.track_file import Pose2DTrack, Pose3DTrack, read_detection, read_track, write_detection, write_track
from tests.contract import bad_tracks


def _track(path: Path, *, frame_count: int = 6, undetected: tuple[int, ...] = (2,)) -> Pose3DTrack:
    bad_tracks.write(path, bad_tracks.good_arrays(frame_count=frame_count, undetected=undetected))
    return read_track(path)


def _assert_equal(a: Pose2DTrack, b: Pose2DTrack) -> None:
    for field in dataclasses.fields(a):
        left, right = getattr(a, field.name), getattr(b, field.name)
        if isinstance(left, np.ndarray):
            assert left.dtype == right.dtype, field.name
            np.testing.assert_array_equal(left, right, err_msg=field.name)
        else:
            assert left == right, field.name


def test_a_good_file_is_read_as_it_is(tmp_path: Path) -> None:
    arrays = bad_tracks.good_arrays()
    track = _track(tmp_path / "a.npz")
    for key in ("positions_m", "landmarks_px", "detected", "timestamps_s", "confidence"):
        np.testing.assert_array_equal(getattr(track, key), arrays[key])
    assert track.joint_names == bad_tracks.JOINT_NAMES
    assert track.landmark_names == bad_tracks.LANDMARK_NAMES
    assert (track.fps, track.focal_length_px, track.image_size_px) == (25.0, 900.0, (640, 480))
    assert track.provenance["clip"]["name"] == "clip.mp4"


@settings(max_examples=25, deadline=None)
@given(frame_count=st.integers(1, 40), data=st.data())
def test_written_then_read_is_the_same(frame_count: int, data: st.DataObject) -> None:
    undetected = tuple(data.draw(st.sets(st.integers(0, frame_count - 1))))
    with tempfile.TemporaryDirectory() as folder:
        track = _track(Path(folder) / "a.npz", frame_count=frame_count, undetected=undetected)
        write_track(Path(folder) / "b.npz", track)
        _assert_equal(track, read_track(Path(folder) / "b.npz"))
        # A track file holds its detection, and a detection file nothing else.
        detection = read_detection(Path(folder) / "b.npz")
        write_detection(Path(folder) / "c.npz", detection)
        _assert_equal(detection, read_detection(Path(folder) / "c.npz"))


@pytest.mark.parametrize("bad", bad_tracks.BAD_TRACKS, ids=lambda bad: bad.name)
def test_a_bad_file_is_refused_in_one_sentence(bad: bad_tracks.BadTrack, tmp_path: Path) -> None:
    path = tmp_path / "bad.npz"
    bad.make(path)
    with pytest.raises(LifterError) as caught:
        read_track(path)
    assert str(path) in caught.value.message
    assert bad.key in caught.value.message
    assert "\n" not in caught.value.message and caught.value.hint


@pytest.mark.parametrize("bad", [b for b in bad_tracks.BAD_TRACKS if b.key and not b.lifted_only], ids=lambda bad: bad.name)
def test_a_bad_detection_is_refused(bad: bad_tracks.BadTrack, tmp_path: Path) -> None:
    bad.make(tmp_path / "bad.npz")
    with pytest.raises(LifterError, match=bad.key):
        read_detection(tmp_path / "bad.npz")


def test_a_detection_file_is_not_a_track(tmp_path: Path) -> None:
    bad_tracks.write(tmp_path / "a.npz", bad_tracks.good_arrays(lifted=False))
    assert type(read_detection(tmp_path / "a.npz")) is Pose2DTrack
    with pytest.raises(LifterError, match="joint_names is missing"):
        read_track(tmp_path / "a.npz")


def test_unknown_keys_are_ignored_unread(tmp_path: Path) -> None:
    arrays = bad_tracks.good_arrays()
    with (tmp_path / "a.npz").open("wb") as file:
        np.savez(file, **arrays, from_the_future=np.array([{"pickled": True}], object))
    np.testing.assert_array_equal(read_track(tmp_path / "a.npz").positions_m, arrays["positions_m"])


def test_a_pickle_is_named_as_one(tmp_path: Path) -> None:
    next(bad for bad in bad_tracks.BAD_TRACKS if bad.name == "a pickle").make(tmp_path / "a.npz")
    with pytest.raises(LifterError, match="positions_m holds pickled Python objects"):
        read_track(tmp_path / "a.npz")


def test_a_newer_version_asks_for_an_update(tmp_path: Path) -> None:
    bad_tracks.write(tmp_path / "a.npz", {"format_version": np.array(2)})
    with pytest.raises(LifterError, match="format_version is 2") as caught:
        read_track(tmp_path / "a.npz")
    assert "Update" in caught.value.hint


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.npz", tmp_path):
        with pytest.raises(LifterError, match="There is no track file"):
            read_track(path)


def test_size_is_limited_before_anything_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _track(tmp_path / "a.npz")
    monkeypatch.setattr(track_file, "_MAX_UNPACKED_BYTES", 5000)
    with pytest.raises(LifterError, match="unpack to more"):
        read_track(tmp_path / "a.npz")


def test_what_is_wrong_is_not_written_and_the_old_file_stays(tmp_path: Path) -> None:
    track = _track(tmp_path / "a.npz")
    before = (tmp_path / "a.npz").read_bytes()
    with pytest.raises(LifterError, match="positions_m"):
        write_track(tmp_path / "a.npz", dataclasses.replace(track, positions_m=track.positions_m * np.nan))
    assert (tmp_path / "a.npz").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_writing_leaves_no_temporary_file_when_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    track = _track(tmp_path / "a.npz")

    def full_disk(file: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full_disk)
    with pytest.raises(LifterError, match="No space left on device"):
        write_track(tmp_path / "b.npz", track)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_a_folder_in_the_way_and_a_file_as_folder(tmp_path: Path) -> None:
    track = _track(tmp_path / "a.npz")
    with pytest.raises(LifterError, match="is a folder"):
        write_track(tmp_path, track)
    with pytest.raises(LifterError, match="Cannot write"):
        write_track(tmp_path / "a.npz" / "b.npz", track)
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
