"""Pieces of a clip that others have looked at."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lifter import look as look_module
from lifter.cli import EXIT_BAD_INPUT, EXIT_OK, main
from lifter.clip import open_clip
from lifter.detect import detect
from lifter.errors import LifterError
from lifter.landmark_model import LandmarkModel
from lifter.look import Piece, look_at_piece
from lifter.piece_file import PieceFiles
from lifter.track_file import read_detection
from tests.reliability.cases_clips import LONG

from .conftest import REPOSITORY
from .test_look import same_values

DEMO = REPOSITORY / "tests" / "data" / "demo.mp4"


@pytest.fixture(scope="module")
def looked(made_model: LandmarkModel, tmp_path_factory: pytest.TempPathFactory) -> PieceFiles:
    """Both pieces of the bundled clip."""
    files = PieceFiles(tmp_path_factory.mktemp("pieces"), open_clip(DEMO), made_model, None)
    for number in range(files.count):
        piece = look_at_piece(files.clip, made_model.path, None, number)
        assert piece is not None
        files.write(number, piece)
    return files


def equal(one: Piece, other: Piece) -> bool:
    arrays = [piece.seen.background.as_arrays() for piece in (one, other)]
    return (
        one.count == other.count
        and one.seen.timestamps_s == other.seen.timestamps_s
        and all(
            np.array_equal(arrays[0][key], arrays[1][key]) and arrays[0][key].dtype == arrays[1][key].dtype for key in arrays[0]
        )
        and all(
            len(a) == len(b) and all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(a, b, strict=True))
            for name in ("bodies", "colours")
            for a, b in zip(getattr(one.seen, name), getattr(other.seen, name), strict=True)
        )
    )


def test_a_piece_is_read_as_it_was_seen(looked: PieceFiles, made_model: LandmarkModel) -> None:
    for number in range(2):
        seen, read = look_at_piece(looked.clip, made_model.path, None, number), looked.read(number)
        assert seen is not None and read is not None and equal(seen, read)
        assert 140 < read.count < 160 and len(read.seen.background.as_arrays()["background_fits"]) > 40
    assert looked.read(2) is None


@pytest.mark.parametrize("there", [(0,), (1,), (0, 1)])
def test_the_same_is_found_with_pieces_of_others(
    there: tuple[int, ...], looked: PieceFiles, made_model: LandmarkModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in there:
        shutil.copy(looked.path(number), tmp_path)
    whole = detect(looked.clip, landmark_model=made_model)
    ran = []
    run = look_module._Tracker._tracked
    monkeypatch.setattr(look_module._Tracker, "_tracked", lambda self, *a, **k: ran.append(self) or run(self, *a, **k))
    told: list[int] = []
    pieces = detect(looked.clip, landmark_model=made_model, pieces=tmp_path, progress=lambda count, total: told.append(count))
    assert same_values(pieces, whole)
    # At the passage the first tracker may go on for some frames.
    assert len(ran) == 2 - len(there) and told == sorted(told) and told[-1] == 300


@pytest.mark.parametrize("name", ["with a pause", "that begins anew"])
def test_odd_clips_are_the_same(name: str, made_model: LandmarkModel, tmp_path: Path) -> None:
    """A gap, and times that go back: all that a piece says must be in its file."""
    LONG[name](tmp_path)
    (path,) = (path for path in tmp_path.iterdir() if path.is_file())
    clip = open_clip(path)
    files = PieceFiles(tmp_path / "pieces", clip, made_model, None)
    for number in range(files.count if files.count > 1 else 0):
        try:
            piece = look_at_piece(clip, made_model.path, None, number)
        except LifterError:  # as where the file ends before its header says
            continue
        if piece is not None:
            files.write(number, piece)
    assert same_values(detect(clip, landmark_model=made_model, pieces=files.folder), detect(clip, landmark_model=made_model))


def test_a_piece_of_something_else_is_refused(looked: PieceFiles, made_model: LandmarkModel, tmp_path: Path) -> None:
    for files in (
        PieceFiles(looked.folder, open_clip(DEMO, start_s=1.0), made_model, None),
        PieceFiles(looked.folder, looked.clip, made_model, 20.0),
        PieceFiles(looked.folder, looked.clip, LandmarkModel(made_model.path, "0" * 64, False), None),
    ):
        with pytest.raises(LifterError, match="is a piece of another clip, or was looked at in another way"):
            files.read(0)
    shutil.copy(looked.path(0), looked.path(1).with_name("piece-00003.npz"))
    with pytest.raises(LifterError, match="is a piece of another"):
        looked.read(2)
    looked.path(2).unlink()


def test_damaged_pieces_are_refused(looked: PieceFiles, made_model: LandmarkModel, tmp_path: Path) -> None:
    files = PieceFiles(tmp_path, looked.clip, made_model, None)
    with np.load(looked.path(0), allow_pickle=False) as archive:
        arrays = dict(archive)
    whole = looked.path(0).read_bytes()
    for damaged in (b"", b"no zip", whole[: len(whole) // 2]):
        files.path(0).write_bytes(damaged)
        with pytest.raises(LifterError, match="piece file"):
            files.read(0)
    lacking = [{key: None} for key in arrays if key not in ("background_first_bodies", "background_last_bodies")]
    changes = [
        *lacking,
        *({key: array.astype(np.float16)} for key, array in arrays.items() if array.dtype.kind not in "U"),
        *({key: array[..., :-1]} for key, array in arrays.items() if array.ndim and "grey" not in key),
        *({key: np.full_like(array, np.nan)} for key, array in arrays.items() if array.dtype.kind == "f"),
        {"timestamps_s": arrays["timestamps_s"][::-1]},
        {"bodies_in_frame": np.full_like(arrays["bodies_in_frame"], -1)},
        {"count": np.array(10**6)},
        {"of": np.array("[1")},
        {"of": np.array("{}")},
        {"of": np.array({"pickled": 1}, object)},
    ]
    for change in changes:
        np.savez(files.path(0), **{key: value for key, value in (arrays | change).items() if value is not None})
        with pytest.raises(LifterError, match=r"piece file or is damaged|piece of another"):
            files.read(0)


def test_the_commands(looked: PieceFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def told(*words: object) -> tuple[int, list[dict]]:
        code = main([*map(str, words), "--progress", "json"])
        return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    code, events = told("look", DEMO)
    assert code == EXIT_OK and events[-1]["summary"] == {"pieces": 2, "looked": 0}
    assert main(["look", str(DEMO), "--progress", "lines"]) == EXIT_OK
    assert capsys.readouterr().out == "pieces: 2\nlooked: 0\n"
    code, events = told("look", DEMO, tmp_path / "pieces", "--from", 2)
    assert code == EXIT_OK and events[-1]["summary"] == {"pieces": 2, "looked": 1}
    assert [path.name for path in (tmp_path / "pieces").iterdir()] == ["piece-00002.npz"]
    assert equal(
        PieceFiles(tmp_path / "pieces", looked.clip, looked.model, None).read(1),
        looked.read(1),  # type: ignore[arg-type]
    )
    code, events = told("detect", DEMO, tmp_path / "with.npz", "--pieces", tmp_path / "pieces")
    assert code == EXIT_OK
    assert told("detect", DEMO, tmp_path / "without.npz")[0] == EXIT_OK
    assert same_values(*(read_detection(tmp_path / f"{name}.npz") for name in ("with", "without")))
    code, events = told("look", DEMO, tmp_path / "of one", "--end", 1)
    assert code == EXIT_OK and events[-1]["summary"] == {"pieces": 1, "looked": 0}
    assert told("detect", DEMO, tmp_path / "short.npz", "--end", 1, "--pieces", tmp_path / "of one")[0] == EXIT_OK
    code, events = told("look", DEMO, tmp_path / "short.npz", "--end", 1)
    assert code == EXIT_BAD_INPUT and "Cannot write" in events[-1]["message"]
    code, events = told("detect", DEMO, tmp_path / "more.npz", "--pieces", tmp_path / "none")
    assert code == EXIT_BAD_INPUT and "There is no folder" in events[-1]["message"]
    for first, last in ((0, 1), (2, 1), (1, 3)):
        code, events = told("look", DEMO, tmp_path / "more", "--from", first, "--to", last)
        assert code == EXIT_BAD_INPUT and "has the pieces 1 to 2" in events[-1]["message"] and not (tmp_path / "more").exists()
