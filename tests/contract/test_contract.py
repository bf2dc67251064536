"""Both sides of the process boundary, held against each other: the track file, the joints, the coordinates."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from blender_pose3d.core import skeleton, track_io
from blender_pose3d.core.errors import Pose3DError
from lifter import joints, track_file
from lifter.errors import LifterError
from tests.contract import bad_tracks

ROOT = Path(__file__).resolve().parents[2]
ARRAYS = (
    "timestamps_s",
    "positions_m",
    "root_position_m",
    "confidence",
    "landmarks_px",
    "landmark_confidence",
    "world_landmarks_m",
    "detected",
)
OPTIONAL = ("hand_landmarks_m", "hand_confidence", bad_tracks.MOVING_KEY, bad_tracks.LINES_KEY)


def test_both_sides_know_the_same_joints_in_the_same_order() -> None:
    assert skeleton.JOINT_NAMES == joints.JOINT_NAMES == bad_tracks.JOINT_NAMES
    assert skeleton.LANDMARK_NAMES == joints.LANDMARK_NAMES == bad_tracks.LANDMARK_NAMES
    assert skeleton.HAND_LANDMARK_NAMES == joints.HAND_LANDMARK_NAMES == bad_tracks.HAND_LANDMARK_NAMES
    assert skeleton.HAND_INDEX == joints.HAND_INDEX
    assert skeleton.INDEX == joints.INDEX and skeleton.LANDMARK_INDEX == joints.LANDMARK_INDEX
    assert tuple(joint.value for joint in skeleton.Joint) == joints.JOINT_NAMES


def test_both_sides_read_the_same_version() -> None:
    assert track_io.FORMAT_VERSION == track_file.FORMAT_VERSION == 1


@pytest.mark.parametrize("bad", bad_tracks.BAD_TRACKS, ids=lambda bad: bad.name)
def test_both_sides_refuse_what_is_wrong(bad: bad_tracks.BadTrack, tmp_path: Path) -> None:
    path = tmp_path / "walk.npz"
    bad.make(path)
    with pytest.raises(LifterError) as lifters:
        track_file.read_track(path)
    with pytest.raises(Pose3DError) as blenders:
        track_io.read_track(path)
    for caught in (lifters.value, blenders.value):
        assert "walk.npz" in caught.message and bad.key in caught.message
        assert "\n" not in caught.message and len(caught.message) < 400 and caught.hint


def test_a_bad_file_is_refused_before_its_memory_is_asked_for(tmp_path: Path) -> None:
    """What says that it holds 17 TiB is refused by what it says, not by running out of memory."""
    path = tmp_path / "walk.npz"
    next(bad for bad in bad_tracks.BAD_TRACKS if bad.name == "more promised than there is").make(path)
    with pytest.raises(Pose3DError, match="positions_m has the impossible shape"):
        track_io.read_track(path)


def test_a_pickle_is_named_as_one(tmp_path: Path) -> None:
    path = tmp_path / "walk.npz"
    next(bad for bad in bad_tracks.BAD_TRACKS if bad.name == "a pickle").make(path)
    with pytest.raises(Pose3DError, match="positions_m holds pickled objects"):
        track_io.read_track(path)


def _same(a: object, b: object) -> None:
    for name in (*ARRAYS, *OPTIONAL):
        left, right = getattr(a, name), getattr(b, name)
        if name in OPTIONAL and right is None:
            assert left is None
            continue
        assert left.dtype == right.dtype, name
        np.testing.assert_array_equal(left, right, err_msg=name)
    for name in ("fps", "image_size_px", "focal_length_px"):
        assert getattr(a, name) == getattr(b, name), name
    assert dict(a.provenance) == dict(b.provenance)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("hands", "moving", "lines"),
    [(False, False, False), (True, False, False), (False, True, True), (False, False, True), (True, True, True)],
)
@pytest.mark.parametrize(("frame_count", "undetected"), [(6, (2,)), (1, ()), (40, (0, 1, 39)), (3, (0, 1, 2))])
def test_what_one_side_writes_the_other_reads(
    frame_count: int, undetected: tuple[int, ...], hands: bool, moving: bool, lines: bool, tmp_path: Path
) -> None:
    made = bad_tracks.good_arrays(frame_count=frame_count, undetected=undetected)
    more = (bad_tracks.hand_arrays(made) if hands else {}) | (bad_tracks.moving_arrays(made) if moving else {})
    more |= bad_tracks.lines_arrays() if lines else {}
    bad_tracks.write(tmp_path / "made.npz", made | more)
    theirs = track_file.read_track(tmp_path / "made.npz")
    assert (theirs.background_way_share is not None) == moving and (theirs.background_lines_px is not None) == lines
    assert (theirs.hand_landmarks_m is not None) == (theirs.hand_confidence is not None) == hands
    track_file.write_track(tmp_path / "lifter.npz", theirs)
    ours = track_io.read_track(tmp_path / "lifter.npz")
    _same(ours, theirs)
    track_io.write_track(tmp_path / "blender.npz", ours)
    _same(track_file.read_track(tmp_path / "blender.npz"), theirs)
    _same(track_io.read_track(tmp_path / "blender.npz"), theirs)


@pytest.mark.parametrize(
    ("told", "read"),
    [
        (["2 people are in the clip"], ("2 people are in the clip",)),
        (["first", 5, "\x1b[31mred", "two\nlines", {"a": 1}, "last"], ("first", "last")),
        (["again"] * 5000, ("again",) * 10),
        ("one text", ()),
        (None, ()),
    ],
)
def test_warnings_that_a_track_remembers_are_lines_whoever_made_it(told: object, read: tuple[str, ...], tmp_path: Path) -> None:
    made = bad_tracks.good_arrays(frame_count=3, undetected=())
    bad_tracks.write(tmp_path / "made.npz", made | {"provenance": np.array(json.dumps({"warnings": told}))})
    assert track_io.read_track(tmp_path / "made.npz").warnings == read


def test_unknown_keys_are_ignored_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.npz").open("wb") as file:
        np.savez(file, **bad_tracks.good_arrays(), from_the_future=np.array([{"pickled": True}], object))
    assert track_io.read_track(tmp_path / "a.npz").frame_count == 6


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.npz", tmp_path):
        for read, error in ((track_io.read_track, Pose3DError), (track_file.read_track, LifterError)):
            with pytest.raises(error) as caught:
                read(path)
            assert path.name in str(caught.value)


def test_a_newer_version_asks_for_an_update(tmp_path: Path) -> None:
    bad_tracks.write(tmp_path / "a.npz", {"format_version": np.array(2)})
    for read, error in ((track_io.read_track, Pose3DError), (track_file.read_track, LifterError)):
        with pytest.raises(error) as caught:
            read(tmp_path / "a.npz")
        assert "Update" in caught.value.hint


def test_what_is_wrong_is_not_written_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    bad_tracks.write(path, bad_tracks.good_arrays())
    track, before = track_io.read_track(path), path.read_bytes()
    with pytest.raises(Pose3DError, match="positions_m"):
        track_io.write_track(path, dataclasses.replace(track, positions_m=track.positions_m * np.nan))
    with pytest.raises(Pose3DError, match="Cannot write"):
        track_io.write_track(tmp_path / "no folder" / "a.npz", track)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a.npz"]


def test_half_of_the_hands_is_not_written(tmp_path: Path) -> None:
    made = bad_tracks.good_arrays()
    bad_tracks.write(tmp_path / "a.npz", made | bad_tracks.hand_arrays(made))
    for read, write, error in (
        (track_io.read_track, track_io.write_track, Pose3DError),
        (track_file.read_track, track_file.write_track, LifterError),
    ):
        with pytest.raises(error, match="hand_confidence is missing"):
            write(tmp_path / "b.npz", dataclasses.replace(read(tmp_path / "a.npz"), hand_confidence=None))


def test_the_demo_clips_truth_agrees_on_coordinates() -> None:
    """Camera to world, told by whoever rendered the clip."""
    from blender_pose3d.core.coordinates import CameraPose, to_world

    with np.load(ROOT / "tests" / "data" / "demo_truth.npz", allow_pickle=False) as truth:
        assert tuple(truth["joint_names"].tolist()) == skeleton.JOINT_NAMES
        camera = CameraPose(float(truth["camera_pitch_rad"]), float(truth["camera_roll_rad"]))
        world = to_world(truth["positions_camera_m"].astype(float), camera) + truth["camera_position_world_m"]
        np.testing.assert_allclose(world, truth["positions_world_m"], atol=1e-5)
        assert json.loads(str(truth["provenance"]))


def test_left_stays_left_from_the_landmarks_to_the_rig() -> None:
    """A landmark by the name of a joint lands on that joint; a mirror exchanges sides, and twice is nothing."""
    ones = np.eye(33)[..., None] * np.array([1.0, 2.0])  # landmark i is the i-th unit vector
    made = joints.joints_from_landmarks(ones.swapaxes(0, 1).reshape(33, 33, 2))
    for name in joints.LIMB_JOINT_NAMES:
        column = made[:, joints.INDEX[name], 0]
        assert column.argmax() == joints.LANDMARK_INDEX[name] and column.sum() == 1, name
    for names, mirror in ((joints.JOINT_NAMES, joints.MIRROR), (joints.LANDMARK_NAMES, joints.LANDMARK_MIRROR)):
        assert [mirror[i] for i in mirror] == list(range(len(names)))
        for name, other in zip(names, mirror, strict=True):
            sides = {"left", "right"} & set(name.split("_"))
            assert (names[other] == name) == (not sides)
            assert {"left", "right"} & set(names[other].split("_")) == {"left", "right"} - sides or not sides
            assert [w for w in names[other].split("_") if w not in ("left", "right")] == [
                w for w in name.split("_") if w not in ("left", "right")
            ]
