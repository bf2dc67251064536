"""The film of a clip with its landmarks: every frame of the track on its own picture, at the clip's speed."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lifter.errors import LifterError
from lifter.film import write_film
from lifter.joints import LANDMARK_INDEX
from tests.lifter.conftest import HEIGHT_PX, WIDTH_PX, number_of, write_clip


def track(path: Path, rows: range, *, slowdown: float = 1.0) -> Path:
    """Landmarks for these frames of the steady clip: one point, which moves to the right. slowdown: it is slow motion."""
    landmarks_px = np.full((len(rows), 33, 2), np.nan, np.float32)
    landmarks_px[:, LANDMARK_INDEX["nose"]] = [(10 + row, HEIGHT_PX - 8) for row in rows]
    np.savez(
        path,
        fps=np.float64(25 * slowdown / rows.step),
        timestamps_s=np.array(rows) / 25 / slowdown,
        provenance=np.array(json.dumps({"clip": {"slowdown": slowdown}})),
        landmarks_px=landmarks_px,
        landmark_confidence=np.ones((len(rows), 33), np.float32),
    )
    return path


@pytest.mark.parametrize("slowdown", [1.0, 8.0])
@pytest.mark.parametrize("rows", [range(50), range(10, 30), range(0, 50, 5), range(3, 47, 4)])
def test_every_frame_of_the_track_is_drawn_on_its_own_picture(
    steady_clip: Path, tmp_path: Path, rows: range, slowdown: float
) -> None:
    out = tmp_path / "film.mp4"
    done: list[tuple[int, int | None]] = []
    landmarks = track(tmp_path / "t.npz", rows, slowdown=slowdown)
    count = write_film(steady_clip, landmarks, out, progress=lambda *step: done.append(step))
    assert count == len(rows) and done[-1] == (len(rows), len(rows))
    with av.open(str(out)) as film:
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(film.streams.video[0])]
        assert film.streams.video[0].average_rate == Fraction(25, rows.step)
    assert len(pictures) == len(rows) and pictures[0].shape == (HEIGHT_PX, WIDTH_PX, 3)
    for row, picture in zip(rows, pictures, strict=True):
        assert number_of(picture) == row
        bright = picture[HEIGHT_PX - 8].astype(int).min(-1) > 150
        assert abs(np.flatnonzero(bright).mean() - (10 + row)) < 2


def test_a_film_of_a_clip_with_a_pause_is_as_long_as_it(tmp_path: Path) -> None:
    times_ms = [i * 40 + 3000 * (i >= 10) for i in range(20)]
    clip, made = write_clip(tmp_path / "clip.mp4", times_ms), track(tmp_path / "t.npz", range(20))
    with np.load(made) as file:
        np.savez(made, **{**file, "timestamps_s": np.array(times_ms) / 1000})
    assert write_film(clip, made, tmp_path / "film.mp4") == 20
    with av.open(str(tmp_path / "film.mp4")) as film:
        stream = film.streams.video[0]
        assert float(stream.duration * stream.time_base) == pytest.approx(times_ms[-1] / 1000, rel=0.06)


def test_frames_of_a_longer_track_have_no_picture_after_the_clips_end(steady_clip: Path, tmp_path: Path) -> None:
    assert write_film(steady_clip, track(tmp_path / "t.npz", range(40, 70)), tmp_path / "film.mp4") == 10


def test_what_cannot_be_drawn_says_why(steady_clip: Path, tmp_path: Path) -> None:
    landmarks = track(tmp_path / "t.npz", range(50))
    with pytest.raises(LifterError, match="is not called .mp4"):
        write_film(steady_clip, landmarks, tmp_path / "film.avi")
    with pytest.raises(LifterError, match="is the clip itself"):
        write_film(steady_clip, landmarks, steady_clip)
    with pytest.raises(LifterError, match="is not a track file"):
        write_film(steady_clip, steady_clip, tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()
