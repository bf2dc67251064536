"""The preview on clips whose frames tell by their brightness which ones they are."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lifter import preview
from lifter.errors import LifterError
from lifter.joints import LANDMARK_INDEX

FRAMES, FPS, SIZE = 24, 12, (160, 120)


def grey(level: float, size: tuple[int, int] = SIZE) -> np.ndarray:
    return np.full((size[1], size[0], 3), round(level), np.uint8)


def level_of(frame: int) -> float:
    return 20 + 8 * frame


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    preview.write_video(path, (grey(level_of(frame)) for frame in range(FRAMES)), fps=FPS)
    return path


@pytest.fixture
def track(tmp_path: Path) -> Path:
    landmarks_px = np.full((FRAMES, 33, 2), np.nan, np.float32)
    landmarks_px[:, LANDMARK_INDEX["left_hip"]] = 100, 60
    landmarks_px[:, LANDMARK_INDEX["left_knee"]] = 100, 100
    landmarks_px[:, LANDMARK_INDEX["right_hip"]] = 1e9, 60  # far outside: must neither fail nor draw
    path = tmp_path / "track.npz"
    np.savez(
        path,
        fps=np.float64(FPS),
        timestamps_s=np.arange(FRAMES) / FPS,
        landmarks_px=landmarks_px,
        landmark_confidence=np.ones((FRAMES, 33), np.float32),
    )
    return path


def render(folder: Path, count: int) -> Path:
    folder.mkdir()
    for i in range(count):
        cv2.imwrite(str(folder / f"{i:04d}.png"), grey(200, (100, 90)))
    return folder


@pytest.mark.parametrize("rendered", [FRAMES, 8, 1])
def test_every_rendered_picture_is_beside_its_own_frame(clip: Path, track: Path, tmp_path: Path, rendered: int) -> None:
    out = tmp_path / "preview.mp4"
    assert preview.main([str(clip), str(track), str(render(tmp_path / "frames", rendered)), str(out)]) == 0
    with av.open(str(out)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264" and (stream.height, stream.width) == (90, 120 + 100)
        assert float(stream.average_rate) == pytest.approx(FPS * rendered / FRAMES, rel=0.01)
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(pictures) == rendered
    for picture, frame in zip(pictures, np.linspace(0, FRAMES - 1, rendered).round(), strict=True):
        assert picture[5:20, 5:50].mean() == pytest.approx(level_of(frame), abs=3)
        assert picture[:, 140:].mean() == pytest.approx(200, abs=3)


def test_a_sampled_tracks_frames_are_beside_their_own_pictures(clip: Path, track: Path, tmp_path: Path) -> None:
    with np.load(track) as whole:
        sampled = {name: whole[name] if name == "fps" else whole[name][::4] for name in whole.files}
    np.savez(track, **{**sampled, "fps": np.float64(FPS / 4)})
    landmarks = preview.read_landmarks(track)
    rendered = sorted(render(tmp_path / "frames", FRAMES // 4).iterdir())
    for number, picture in enumerate(preview.preview_pictures(clip, landmarks, rendered)):
        assert picture[5:20, 5:50].mean() == pytest.approx(level_of(4 * number), abs=3)


def test_landmarks_are_drawn_in_the_colour_of_their_side(track: Path) -> None:
    landmarks = preview.read_landmarks(track)
    blank = grey(0)
    picture = preview.draw_landmarks(blank, landmarks.landmarks_px[0], landmarks.confidence[0])
    assert tuple(picture[80, 100]) == preview.LEFT_RGB, "the thigh"
    assert (picture[:, :90] == 0).all() and (picture[:, 110:] == 0).all()
    assert (blank == 0).all(), "the frame itself is left alone"


def test_what_is_missing_is_one_sentence(clip: Path, track: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npz").write_text("no track")
    frames = render(tmp_path / "frames", 2)
    for arguments, words in (
        ((clip, track, tmp_path / "empty"), "no rendered pictures"),
        ((clip, tmp_path / "text.npz", frames), "not a track file"),
        ((tmp_path / "none.mp4", track, frames), "none.mp4"),
    ):
        assert preview.main([*map(str, arguments), str(tmp_path / "out.mp4")]) == 2
        said = capsys.readouterr().err
        assert words in said and len(said.strip().splitlines()) == 1
    assert not (tmp_path / "out.mp4").exists()


def test_a_picture_that_cannot_be_read_leaves_no_half_preview(clip: Path, track: Path, tmp_path: Path) -> None:
    frames = render(tmp_path / "frames", 3)
    (frames / "0002.png").write_bytes(b"no picture")
    landmarks = preview.read_landmarks(track)
    with pytest.raises(LifterError, match="0002.png"):
        preview.write_video(tmp_path / "out.mp4", preview.preview_pictures(clip, landmarks, sorted(frames.iterdir())), fps=3)
    assert not (tmp_path / "out.mp4").exists()
