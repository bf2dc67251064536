"""Pictures of the worst frames, on a clip whose frames tell by their brightness which ones they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from lifter import preview, worst_frames
from lifter.clip import Clip, frames

FRAMES, FPS, SIZE = 20, 10, (160, 120)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    preview.write_video(path, (np.full((SIZE[1], SIZE[0], 3), 20 + 8 * n, np.uint8) for n in range(FRAMES)), fps=FPS)
    return path


def skeletons(path: Path, times_s: list[float], **changes: np.ndarray) -> Path:
    points = np.full((len(times_s), 3, 2), np.nan)
    points[:, 0], points[:, 1] = (100, 60), (100, 100)  # the third is behind the camera
    arrays = {
        "timestamps_s": np.array(times_s),
        "points_px": points,
        "names": np.array(["left_thigh", "left_shin", "right_hand"]),
        "lines": np.array([[0, 1], [0, 2]]),
    }
    np.savez(path, **(arrays | changes))
    return path


def test_each_picture_is_of_its_own_time(clip: Path, tmp_path: Path) -> None:
    """In any order, between frames and after the last one."""
    times = [1.53, 0.0, 0.84, 99.0, 0.3]
    out = tmp_path / "out"
    assert worst_frames.main([str(clip), str(skeletons(tmp_path / "s.npz", times)), str(out)]) == 0
    assert sorted(path.name for path in out.iterdir()) == ["0.png", "1.png", "2.png", "3.png", "4.png"]
    for i, frame in enumerate((15, 0, 8, 19, 3)):
        picture = cv2.imread(str(out / f"{i}.png"))
        assert picture.shape == (120, 160, 3)
        assert picture[5:50, 5:50].mean() == pytest.approx(20 + 8 * frame, abs=3), times[i]
        red, green, blue = picture[80, 100, ::-1]
        assert (red, green, blue) == preview.LEFT_RGB, "the left thigh"


def test_what_lies_before_a_late_picture_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, seen = tmp_path / "long.mp4", []
    preview.write_video(path, (np.full((SIZE[1], SIZE[0], 3), 2 * n, np.uint8) for n in range(120)), fps=FPS)

    def watched(clip: Clip) -> Iterator[tuple[float, np.ndarray]]:
        for time_s, rgb in frames(clip):
            seen.append(time_s)
            yield time_s, rgb

    monkeypatch.setattr(worst_frames, "frames", watched)
    for times, numbers in (([11.0, 9.44], (110, 94)), ([99.0], (119,))):
        seen.clear()
        found = worst_frames.read_skeletons(skeletons(tmp_path / "s.npz", times))
        pictures = dict(worst_frames.pictures(path, found))
        assert [round(pictures[i][5:50, 5:50].mean() / 2) for i in range(len(times))] == pytest.approx(numbers, abs=1)
        assert seen[0] > 6


def test_large_pictures_are_made_smaller() -> None:
    found = worst_frames.Skeletons(np.zeros(1), np.array([[[1000.0, 500.0], [1e9, 0.0]]]), ("hips", "chest"), np.array([[0, 1]]))
    black = np.zeros((1080, 1920, 3), np.uint8)
    picture = worst_frames.draw(black, found, 0)
    assert picture.shape == (405, 720, 3) and not black.any()
    y, x = np.argwhere(picture.sum(axis=-1) > 600).mean(axis=0)
    assert (x, y) == pytest.approx((375, 187.5), abs=1.5)


def test_what_is_wrong_is_one_sentence(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = skeletons(tmp_path / "good.npz", [0.0])
    text = tmp_path / "text.npz"
    text.write_text("no skeleton")
    shapes = skeletons(tmp_path / "shapes.npz", [0.0, 1.0], timestamps_s=np.zeros(1))
    lines = skeletons(tmp_path / "lines.npz", [0.0], lines=np.array([[0, 7]]))
    pickled = skeletons(tmp_path / "pickled.npz", [0.0], names=np.array([{}], dtype=object))
    for clip_path, path, words in (
        (clip, tmp_path / "none.npz", "There is no file"),
        (clip, text, "holds no skeletons"),
        (clip, shapes, "do not fit each other"),
        (clip, lines, "points that are not there"),
        (clip, pickled, "holds no skeletons"),
        (tmp_path / "none.mp4", good, "none.mp4"),
    ):
        assert worst_frames.main([str(clip_path), str(path), str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err
        assert words in said and len(said.strip().splitlines()) == 1, said
    assert not (tmp_path / "out").exists()
