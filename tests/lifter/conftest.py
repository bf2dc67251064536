"""Clips made for a test: small, with the frame's number and the picture's upper left corner readable from the pixels."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from lifter.landmark_model import LandmarkModel, find_landmark_model
from tests.scheduling import as_before

# What torch.compile makes, it makes here: a pool of processes is much for a function of one line, and one more thing to wait for.
os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"

REPOSITORY = Path(__file__).resolve().parents[2]
SHARED_CLIPS = REPOSITORY.parent / "shared" / "clips"

WIDTH_PX, HEIGHT_PX = 160, 120
_BITS = 8
# A note's value that a number of as many bytes takes the place of, and QuickTime's type for it.
_NUMBER, _FLOAT_32 = b"@@@@", 23


def numbered_picture(number: int, *, width: int = WIDTH_PX, height: int = HEIGHT_PX) -> np.ndarray:
    """[H, W, 3] RGB: a red upper left corner, the number as light and dark bars in the middle."""
    picture = np.full((height, width, 3), 60, np.uint8)
    picture[: height // 4, : width // 4] = (230, 20, 20)
    for bit in range(_BITS):
        left = bit * width // _BITS
        picture[height // 2 : 3 * height // 4, left : left + width // _BITS] = 220 if number >> bit & 1 else 20
    return picture


def number_of(picture: np.ndarray) -> int:
    """The number drawn by numbered_picture."""
    height, width = picture.shape[:2]
    row = picture[5 * height // 8].mean(1)
    return sum((row[(2 * bit + 1) * width // (2 * _BITS)] > 128) << bit for bit in range(_BITS))


def red_corner(picture: np.ndarray) -> str:
    """Where the red corner is, such as "upper left"."""
    height, width = picture.shape[:2]
    places = {"upper left": (0, 0), "upper right": (0, -1), "lower left": (-1, 0), "lower right": (-1, -1)}
    redness = picture[..., 0].astype(int) - picture[..., 1]
    return max(places, key=lambda name: redness[places[name][0] * 9 % height, places[name][1] * 9 % width])


def write_clip(
    path: Path,
    times_ms: Sequence[int],
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    source: str = "rgb24",
    size: tuple[int, int] = (WIDTH_PX, HEIGHT_PX),
    pixel_aspect: Fraction = Fraction(1),
    fast_start: bool = False,
    key_frames: int | None = None,
    rate: int = 1000,
    capture_fps: float | None = None,
    sound_s: float | None = None,
) -> Path:
    """A clip whose frames are shown at exactly these times; frame i carries the number i.

    key_frames: one in so many frames, the codec's choice if left out. rate: what the header says, in frames a second.
    capture_fps: what an Android phone notes in an MP4 of how many it took. sound_s: how long it has sound, of silence.
    """
    options = {"movflags": "faststart"} if fast_start else {}
    if capture_fps is not None:
        options = {"movflags": "use_metadata_tags"}
    with as_before(), av.open(str(path), "w", options=options) as container:
        if capture_fps is not None:
            container.metadata["com.android.capture.fps"] = _NUMBER.decode()
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height = size
        stream.pix_fmt = pixels
        stream.codec_context.time_base = Fraction(1, 1000)
        sound = container.add_stream("aac", rate=8000, layout="mono") if sound_s is not None else None
        stream.codec_context.sample_aspect_ratio = pixel_aspect
        if key_frames is not None:
            stream.codec_context.gop_size = key_frames
        for number, time_ms in enumerate(times_ms):
            picture = numbered_picture(number, width=size[0], height=size[1])
            if source == "rgba":
                picture = np.dstack([picture, np.full(picture.shape[:2], 128, np.uint8)])
            frame = av.VideoFrame.from_ndarray(picture, source)
            frame.pts, frame.time_base = time_ms, Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        for block in range(round((sound_s or 0) * 8000 / 1024)) if sound is not None else ():
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            silence.rate, silence.pts, silence.time_base = 8000, 1024 * block, Fraction(1, 8000)
            container.mux(sound.encode(silence))
        if sound is not None:
            container.mux(sound.encode())
    if capture_fps is not None:
        text, number = struct.pack(">2I", 1, 0) + _NUMBER, struct.pack(">2If", _FLOAT_32, 0, capture_fps)
        content = path.read_bytes()
        assert content.count(text) == 1
        path.write_bytes(content.replace(text, number))
    return path


def write_sound(path: Path) -> Path:
    """A file with sound only."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac" if path.suffix != ".wav" else "pcm_s16le", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.int16), "s16", "mono")
        frame.rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def set_rotation(path: Path, clockwise_deg: int) -> None:
    """Write the display matrix that a phone writes into an MP4's track header."""
    set_display_matrix(path, {0: (1, 0, 0, 1), 90: (0, 1, -1, 0), 180: (-1, 0, 0, -1), 270: (0, -1, 1, 0)}[clockwise_deg])


def set_display_matrix(path: Path, turn: tuple[int, int, int, int]) -> None:
    """Write into an MP4's track header that (x, y) is shown at (a x + c y, b x + d y), moved into view; turn: a, b, c, d."""
    content = bytearray(path.read_bytes())
    # Version and flags, two times, track, reserved, duration (24 bytes), reserved, layer, group, volume, reserved (16).
    matrix_at = content.index(b"tkhd") + 4 + 24 + 16
    a, b, c, d = turn
    one, w_one = 1 << 16, 1 << 30
    x = WIDTH_PX * (a < 0) + HEIGHT_PX * (c < 0)
    y = WIDTH_PX * (b < 0) + HEIGHT_PX * (d < 0)
    matrix = struct.pack(">9i", a * one, b * one, 0, c * one, d * one, 0, x * one, y * one, w_one)
    content[matrix_at : matrix_at + 36] = matrix
    path.write_bytes(content)


def write_video_without_frames(path: Path) -> Path:
    """A file with a video track in it and not one frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
        container.start_encoding()
    return path


@pytest.fixture(autouse=True, scope="package")
def one_thread() -> None:
    """Tests' networks are small: a second thread costs more than it brings, most of all on a busy machine."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture
def steady_clip(tmp_path: Path) -> Path:
    """Fifty frames, 25 a second, written by OpenCV."""
    path = tmp_path / "steady.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (WIDTH_PX, HEIGHT_PX))
    for number in range(50):
        writer.write(cv2.cvtColor(numbered_picture(number), cv2.COLOR_RGB2BGR))
    writer.release()
    return path


@pytest.fixture(scope="session")
def made_model() -> LandmarkModel:
    """The default pose model, from the cache where it is there, else made (which takes the network)."""
    return find_landmark_model()


@pytest.fixture(scope="session")
def person_clip() -> Path:
    """A short clip with a person in it."""
    for path in (REPOSITORY / "tests" / "data" / "demo.mp4", SHARED_CLIPS / "squats-5fps.mp4"):
        if path.is_file():
            return path
    pytest.skip("needs a clip with a person")
