"""Clips: true times, upright pictures, every pixel format as RGB, and a sentence for each file that is no clip."""

from __future__ import annotations

import math
import os
import struct
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

import lifter.clip as clip_module
from lifter.clip import frames, open_clip
from lifter.errors import LifterError
from lifter.look import piece_begins

from .conftest import (
    HEIGHT_PX,
    SHARED_CLIPS,
    WIDTH_PX,
    number_of,
    numbered_picture,
    red_corner,
    set_display_matrix,
    set_rotation,
    write_clip,
    write_sound,
    write_video_without_frames,
)

UNEVEN_MS = [0, 10, 50, 60, 200, 210, 400, 1000, 1010, 1020]


def _times_and_numbers(path: Path, **options: float) -> tuple[list[float], list[int]]:
    sample_fps = options.pop("sample_fps", None)
    found = [(time_s, number_of(rgb)) for time_s, rgb in frames(open_clip(path, **options), sample_fps=sample_fps)]
    return [t for t, _ in found], [n for _, n in found]


def test_a_steady_clip(steady_clip: Path) -> None:
    clip = open_clip(steady_clip)
    assert (clip.fps, clip.frame_count, clip.size_px, clip.duration_s) == (25.0, 50, (WIDTH_PX, HEIGHT_PX), 2.0)
    assert len(clip.sha256) == 64
    times_s, numbers = _times_and_numbers(steady_clip)
    np.testing.assert_allclose(times_s, np.arange(50) / 25, atol=1e-6)
    assert numbers == list(range(50))


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_variable_rate_keeps_its_times(name: str, tmp_path: Path) -> None:
    times_s, numbers = _times_and_numbers(write_clip(tmp_path / name, UNEVEN_MS))
    np.testing.assert_allclose(times_s, np.array(UNEVEN_MS) / 1000, atol=1e-6)
    assert numbers == list(range(len(UNEVEN_MS)))


@pytest.mark.parametrize("fps", [5, 24, 60, 240])
def test_frame_rates(fps: int, tmp_path: Path) -> None:
    times_ms = [round(i * 1000 / fps) for i in range(24)]
    times_s, numbers = _times_and_numbers(write_clip(tmp_path / "a.mp4", times_ms))
    np.testing.assert_allclose(times_s, np.array(times_ms) / 1000, atol=1e-6)
    assert numbers == list(range(24))


STEADY_MS = [i * 100 for i in range(250)]
# Faster and slower, with a pause of eight seconds.
VARIABLE_MS = [*range(0, 6000, 60), *range(14000, 22000, 100), *range(22000, 24000, 33)]
LATE_MS = [3000 + t for t in STEADY_MS]


@pytest.mark.parametrize(
    ("name", "times_ms", "options", "goes"),
    [
        ("a.mp4", STEADY_MS, {"key_frames": 20}, True),
        ("one_key_frame.mp4", STEADY_MS, {"key_frames": 1000}, True),
        ("a.mkv", STEADY_MS, {"key_frames": 20, "rate": 10}, True),
        ("strange_rate.mkv", STEADY_MS, {"key_frames": 20}, None),
        ("a.mov", STEADY_MS, {"key_frames": 20}, True),
        ("a.ts", STEADY_MS, {"key_frames": 20}, True),
        ("hevc.mp4", STEADY_MS, {"key_frames": 20, "codec": "libx265"}, True),
        ("vp9.webm", STEADY_MS, {"key_frames": 20, "rate": 10, "codec": "libvpx-vp9"}, True),
        ("av1.mp4", STEADY_MS, {"key_frames": 20, "rate": 10, "codec": "libsvtav1"}, False),
        ("variable.mp4", VARIABLE_MS, {"key_frames": 20}, None),
        ("variable.mkv", VARIABLE_MS, {"key_frames": 20}, None),
        ("late.mkv", LATE_MS, {"key_frames": 20}, None),
        ("late.ts", LATE_MS, {"key_frames": 20}, None),
        ("a.h264", STEADY_MS, {"key_frames": 20}, False),
    ],
)
def test_a_range_is_gone_to_and_nothing_of_it_missed(
    name: str, times_ms: list[int], options: dict, goes: bool | None, tmp_path: Path
) -> None:
    """What is seen of a range is what is seen of it by who decodes everything."""
    path = write_clip(tmp_path / name, times_ms, **options)
    everything = list(zip(*_times_and_numbers(path), strict=True))
    went = []
    for start_s in (5.0, 5.96, 11.7, 15.03, 21.99):
        inside = [(time_s, number) for time_s, number in everything if start_s <= time_s <= start_s + 3]
        if inside:
            assert list(zip(*_times_and_numbers(path, start_s=start_s, end_s=start_s + 3), strict=True)) == inside
            clip = open_clip(path, start_s=start_s)
            went.append(clip_module._shortly_before(clip, start_s, 1, or_at_the_beginning=True)[1].last_s > 0)
    assert len(went) >= 2 and (goes is None or set(went) == {goes})


@pytest.mark.parametrize("sample_fps", [None, 5, 3.7, 3])
@pytest.mark.parametrize("start_s", [None, 1.23])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv"])
def test_entered_in_the_middle_it_is_the_same(name, start_s, sample_fps, tmp_path: Path) -> None:
    clip = open_clip(write_clip(tmp_path / name, STEADY_MS, key_frames=20, rate=10), start_s=start_s)
    assert clip.seekable
    whole = [(time_s, number_of(rgb)) for time_s, rgb in frames(clip, sample_fps=sample_fps)]
    for enter_s in (0.5, 3.0, 7.77, 12.0, 20.01):
        there = [(time_s, number_of(rgb)) for time_s, rgb in frames(clip, sample_fps=sample_fps, enter_s=enter_s)]
        assert there == [seen for seen in whole if seen[0] >= enter_s]


def test_what_can_only_be_decoded_from_its_beginning_says_so(tmp_path: Path) -> None:
    clip = open_clip(write_clip(tmp_path / "a.h264", STEADY_MS, key_frames=20))
    with pytest.raises(LifterError, match="only be decoded from its beginning"):
        next(frames(clip, enter_s=10.0))
    assert next(frames(clip, enter_s=1.0))[0] >= 1.0
    assert not open_clip(write_clip(tmp_path / "av1.mp4", STEADY_MS, codec="libsvtav1", rate=10)).seekable


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="other systems schedule otherwise")
def test_a_clip_that_is_written_leaves_the_scheduling_as_it_was(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0)
    list(frames(open_clip(write_clip(tmp_path / "av1.mp4", STEADY_MS, codec="libsvtav1", rate=10))))
    assert os.sched_getscheduler(0) == before


# As a phone stamps 200 pictures that it took at 240 a second.
SLOW_MS = [round(i * 1000 / 30) for i in range(200)]


def test_slow_motion_has_true_times(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", SLOW_MS, capture_fps=240, key_frames=20)
    clip = open_clip(path)
    assert clip.slowdown == 8 and clip.filmed_fps == pytest.approx(240, rel=1e-2)
    times_s, numbers = _times_and_numbers(path)
    assert numbers == list(range(200))
    np.testing.assert_allclose(times_s, np.array(SLOW_MS) / 8000, atol=1e-6)
    played_s, _ = _times_and_numbers(path, as_played=True)
    np.testing.assert_allclose(played_s, np.array(SLOW_MS) / 1000, atol=1e-6)
    assert _times_and_numbers(path, sample_fps=60)[1] == list(range(0, 200, 4))


@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 1.0), (1.0, 2.0), (3.1, 6.05), (5.0, 60.0)])
def test_a_range_of_slow_motion_is_as_a_player_shows_it(start_s: float, end_s: float, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", SLOW_MS, capture_fps=240, key_frames=20)
    inside = [number for number, time_ms in enumerate(SLOW_MS) if start_s <= time_ms / 1000 <= end_s]
    times_s, numbers = _times_and_numbers(path, start_s=start_s, end_s=end_s)
    assert numbers == inside
    np.testing.assert_allclose(times_s, np.array(SLOW_MS)[inside] / 8000, atol=1e-6)
    assert abs(open_clip(path, start_s=start_s, end_s=end_s).expected_frame_count - len(inside)) <= 1
    clip = open_clip(path, start_s=start_s, end_s=end_s)
    enter_s = (start_s + 0.4) / 8  # as pieces in parallel do
    there = [number_of(rgb) for _, rgb in frames(clip, enter_s=enter_s)]
    assert there == [number for number in inside if SLOW_MS[number] / 8000 >= enter_s]
    with pytest.raises(LifterError, match=r"start, 7 s, is past the end of .* \(6\.6"):
        open_clip(path, start_s=7.0)


def _stamped(fps: float, count: int = 60) -> list[int]:
    return [round(i * 1000 / fps) for i in range(count)]


@pytest.mark.parametrize(
    ("capture_fps", "times_ms", "slowdown"),
    [
        (120.0, _stamped(29.97), 4),
        (240.0, _stamped(25), 9.6),
        (480.0, _stamped(30), 16),
        (240.0, _stamped(240), 1),  # stamped as it was filmed
        (29.9, _stamped(30), 1),
        (60.0, _stamped(24), 1),  # in the dark: fewer than it should, all at their times
        (0.5, _stamped(30), 1),  # a picture in two seconds, of clouds
        (960.0, _stamped(30), 1),  # a moment of it only
        (240.0, [*_stamped(240, 90), *(400 + round(i * 1000 / 30) for i in range(90))], 1),  # some of it slow
        (float("nan"), _stamped(30), 1),
        (0.0, _stamped(30), 1),
        (240.0, [0], 1),
    ],
)
def test_only_what_was_filmed_faster_throughout_is_slow_motion(
    capture_fps: float, times_ms: list[int], slowdown: float, tmp_path: Path
) -> None:
    clip = open_clip(write_clip(tmp_path / "a.mp4", times_ms, capture_fps=capture_fps))
    assert clip.slowdown == pytest.approx(slowdown, rel=0.01)


def test_what_a_converter_has_given_another_speed_is_no_slow_motion(tmp_path: Path) -> None:
    """Its Matroska file has the phone's notes all the same."""
    slow, converted = write_clip(tmp_path / "slow.mp4", SLOW_MS, capture_fps=240), tmp_path / "converted.mkv"
    with av.open(str(slow)) as source, av.open(str(converted), "w") as out:
        out.metadata.update(source.metadata)
        stream = out.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.pts is not None:
                packet.stream = stream
                out.mux(packet)
    with av.open(str(converted)) as file:
        assert any(name.lower() == "com.android.capture.fps" for name in file.metadata)
    assert (open_clip(slow).slowdown, open_clip(converted).slowdown) == (8, 1)


@pytest.mark.parametrize(
    ("took", "plays", "fps", "slowdown"),
    [
        ("119.88p", "23.98p", 23.976, 5),
        ("59.94p", "29.97p", 29.97, 2),
        ("959.04p", "23.98p", 23.976, 40),
        ("59.94p", "59.94p", 59.94, 1),
        ("59.94i", "59.94i", 29.97, 1),
        ("119.88p", "23.98p", 60, 1),  # given another speed since
        ("12.5p", "25p", 25, 1),
        (f"{'9' * 400}p", "25p", 25, 1),
    ],
)
@pytest.mark.parametrize("inside", [False, True])
def test_slow_motion_of_a_camera_that_notes_both_rates(
    took: str, plays: str, fps: float, slowdown: float, inside: bool, tmp_path: Path
) -> None:
    path = write_clip(tmp_path / "a.mp4", _stamped(fps))
    told = f'<NonRealTimeMeta><VideoFormat><VideoFrame videoCodec="A" captureFps="{took}" formatFps="{plays}"/></VideoFormat>'

    def box(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", 8 + len(content)) + kind + content

    notes = box(b"meta", bytes(4) + box(b"xml ", bytes(4) + told.encode()))
    content = path.read_bytes()
    if inside:  # the index is last, so nothing that it points to moves
        at = content.index(b"moov") - 4
        content = content[:at] + box(b"moov", content[at + 8 :] + notes)
    else:
        content += notes
    path.write_bytes(content)
    clip = open_clip(path)
    assert clip.slowdown == pytest.approx(slowdown, rel=0.01)
    assert len(list(frames(clip))) == 60


def test_slow_motion_that_says_nothing_can_be_told_of(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", SLOW_MS)
    assert open_clip(path).slowdown == 1
    np.testing.assert_allclose(_times_and_numbers(path, filmed_fps=240)[0], np.array(SLOW_MS) / 8000, atol=1e-6)
    assert open_clip(write_clip(tmp_path / "a.h264", SLOW_MS), filmed_fps=100).slowdown == 4
    for wrong in ({"filmed_fps": 240, "as_played": True}, {"filmed_fps": 0}, {"filmed_fps": float("nan")}):
        with pytest.raises(LifterError, match="speed was given twice|frames a second"):
            open_clip(path, **wrong)


def test_slow_motion_is_looked_at_as_the_same_at_true_speed(tmp_path: Path) -> None:
    """Pieces, and what they are called, are those of the clip with true times."""
    true = write_clip(tmp_path / "true.mp4", [i * 1000 // 240 for i in range(240 * 9)], key_frames=60)
    slow = write_clip(tmp_path / "slow.mp4", [i * 8000 // 240 for i in range(240 * 9)], key_frames=60, capture_fps=240)
    begins = {path: piece_begins(open_clip(path), None) for path in (true, slow)}
    assert len(begins[true]) == 2 and begins[slow] == pytest.approx(begins[true], abs=0.01)
    later = {path: piece_begins(open_clip(path, start_s=s), 30) for path, s in ((true, 0.5), (slow, 4.0))}
    assert len(later[true]) == 2 and later[slow] == pytest.approx(later[true], abs=0.01)


def test_a_stream_without_times_gets_its_rate(tmp_path: Path) -> None:
    # Raw H.264 carries pictures and nothing else.
    write_clip(tmp_path / "a.h264", [i * 40 for i in range(20)])
    clip = open_clip(tmp_path / "a.h264")
    times_s, numbers = _times_and_numbers(tmp_path / "a.h264")
    assert numbers == list(range(20))
    np.testing.assert_allclose(np.diff(times_s), 1 / clip.fps, rtol=0.01)


@pytest.mark.parametrize(
    ("reported_s", "expected_s"),
    [
        ([0, 0, 0, 0], [0, 0.1, 0.2, 0.3]),  # no stamps at all: the header's rate
        ([0, 0.1, 0.1, 0.2], [0, 0.1, 0.101, 0.2]),  # one stamp twice: no lasting delay
        ([0, 0.1, 0.05, 0.2], [0, 0.1, 0.101, 0.2]),
        ([-0.2, -0.1, 0, 0.1], [0, 0.1, 0.2, 0.3]),
        ([float("nan"), 0.1, float("nan"), 0.2], [0, 0.1, 0.101, 0.2]),
        ([0, 0.9, 1.8, float("nan"), 2.7], [0, 0.9, 1.8, 1.801, 2.7]),
        ([5, 6, 7, 0, 0.1, 0.3], [5, 6, 7, 7.1, 7.2, 7.4]),  # another file behind the first one
        ([5, 6, 7, 5, 6, 7, 5], [5, 6, 7, 7.1, 8.1, 9.1, 9.2]),
        ([0, 1, 2, 0, 3, 4], [0, 1, 2, 2.1, 3, 4]),  # one stamp wrong
    ],
)
def test_times_always_increase(reported_s: list[float], expected_s: list[float]) -> None:
    from lifter.clip import _Clock

    clock = _Clock(0.1)
    np.testing.assert_allclose([clock.next(t) for t in reported_s], expected_s, atol=1e-9)


@pytest.mark.parametrize(
    ("clockwise_deg", "corner", "size_px"),
    [
        (0, "upper left", (WIDTH_PX, HEIGHT_PX)),
        (90, "upper right", (HEIGHT_PX, WIDTH_PX)),
        (180, "lower right", (WIDTH_PX, HEIGHT_PX)),
        (270, "lower left", (HEIGHT_PX, WIDTH_PX)),
    ],
)
def test_a_phones_rotation_is_applied(clockwise_deg: int, corner: str, size_px: tuple[int, int], tmp_path: Path) -> None:
    path = write_clip(tmp_path / "phone.mp4", [0, 40, 80])
    set_rotation(path, clockwise_deg)
    clip = open_clip(path)
    assert (clip.rotation_deg, clip.size_px) == (clockwise_deg, size_px)
    for _, rgb in frames(clip):
        assert rgb.shape == (size_px[1], size_px[0], 3)
        assert red_corner(rgb) == corner


# How (x, y) is shown, and the same of an array of rows.
MIRRORED = {
    "left and right": ((-1, 0, 0, 1), lambda stored: stored[:, ::-1]),
    "upside down": ((1, 0, 0, -1), lambda stored: stored[::-1]),
    "transposed": ((0, 1, 1, 0), lambda stored: stored.transpose(1, 0, 2)),
    "transposed the other way": ((0, -1, -1, 0), lambda stored: stored[::-1, ::-1].transpose(1, 0, 2)),
}


@pytest.mark.parametrize("how", MIRRORED)
@pytest.mark.parametrize(("name", "options"), [("a.mp4", {"key_frames": 10}), ("av1.mp4", {"codec": "libsvtav1", "rate": 10})])
def test_a_mirrored_picture_is_shown_as_players_show_it(how: str, name: str, options: dict, tmp_path: Path) -> None:
    path = write_clip(tmp_path / name, STEADY_MS[:60], **options)
    stored = dict(frames(open_clip(path)))
    turn, shown = MIRRORED[how]
    set_display_matrix(path, turn)
    clip = open_clip(path)
    assert clip.mirrored and clip.size_px == shown(stored[0.0]).shape[1::-1]
    pictures = dict(frames(clip))
    assert list(pictures) == list(stored)
    for time_s, rgb in pictures.items():
        np.testing.assert_array_equal(rgb, shown(stored[time_s]))
    late = dict(frames(open_clip(path, start_s=4.0)))  # gone to by a seek, as pieces in parallel are
    assert list(late) == [time_s for time_s in stored if time_s >= 4.0]
    for time_s, rgb in late.items():
        np.testing.assert_array_equal(rgb, pictures[time_s])


def test_a_mirrored_picture_of_pixels_that_are_not_square(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [0, 40], pixel_aspect=Fraction(4, 3))
    stored = [rgb for _, rgb in frames(open_clip(path))]
    turn, shown = MIRRORED["transposed"]
    set_display_matrix(path, turn)
    clip = open_clip(path)
    assert clip.size_px == (HEIGHT_PX, round(WIDTH_PX * 4 / 3))
    for (_, rgb), other in zip(frames(clip), stored, strict=True):
        np.testing.assert_array_equal(rgb, shown(other))


def test_pixels_that_are_not_square_become_square(tmp_path: Path) -> None:
    clip = open_clip(write_clip(tmp_path / "a.mp4", [0, 40], pixel_aspect=Fraction(4, 3)))
    assert clip.size_px == (round(WIDTH_PX * 4 / 3), HEIGHT_PX)
    assert all(rgb.shape == (HEIGHT_PX, clip.size_px[0], 3) for _, rgb in frames(clip))


@pytest.mark.parametrize(
    ("name", "codec", "pixels", "source"),
    [
        ("ten_bit.mp4", "libx264", "yuv420p10le", "rgb24"),
        ("full_chroma.mp4", "libx264", "yuv444p", "rgb24"),
        ("alpha.mov", "qtrle", "argb", "rgba"),
        ("alpha_vp9.webm", "libvpx-vp9", "yuva420p", "rgba"),
        ("ffv1_16.mkv", "ffv1", "yuv420p16le", "rgb24"),
        ("jpeg.avi", "mjpeg", "yuvj420p", "rgb24"),
        ("av1.mp4", "libsvtav1", "yuv420p", "rgb24"),
        ("av1_ten_bit.webm", "libsvtav1", "yuv420p10le", "rgb24"),
    ],
)
def test_pixel_formats_become_rgb(name: str, codec: str, pixels: str, source: str, tmp_path: Path) -> None:
    path = write_clip(tmp_path / name, [0, 40, 80, 120], codec=codec, pixels=pixels, source=source, rate=25)
    for number, (_, rgb) in enumerate(frames(open_clip(path))):
        assert rgb.dtype == np.uint8 and rgb.shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert number_of(rgb) == number
        np.testing.assert_allclose(rgb[5, 5].astype(int), (230, 20, 20), atol=25)


@pytest.mark.parametrize(("codec", "pixels", "name"), [("libx264", "gray", "a.mp4"), ("ffv1", "gray16le", "a.mkv")])
def test_grey_becomes_rgb(codec: str, pixels: str, name: str, tmp_path: Path) -> None:
    path = write_clip(tmp_path / name, [0, 40, 80], codec=codec, pixels=pixels)
    for number, (_, rgb) in enumerate(frames(open_clip(path))):
        assert rgb.shape == (HEIGHT_PX, WIDTH_PX, 3) and number_of(rgb) == number
        assert np.ptp(rgb.astype(int), axis=2).max() == 0


def test_four_k_streams_one_frame_at_a_time(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", [i * 33 for i in range(4)], size=(3840, 2160))
    clip = open_clip(path)
    assert clip.size_px == (3840, 2160)
    stream = frames(clip)
    assert [number_of(next(stream)[1]) for _ in range(2)] == [0, 1]
    stream.close()


def test_a_range(steady_clip: Path) -> None:
    clip = open_clip(steady_clip, start_s=0.4, end_s=0.8)
    assert clip.expected_frame_count == 10
    times_s, numbers = _times_and_numbers(steady_clip, start_s=0.4, end_s=0.8)
    assert numbers == list(range(10, 21))
    assert times_s[0] == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("sample_fps", "kept"), [(5, range(0, 50, 5)), (12.5, range(0, 50, 2)), (25, range(50)), (24.9, range(50)), (100, range(50))]
)
def test_sampling_keeps_at_most_so_many_frames(sample_fps: float, kept: range, steady_clip: Path) -> None:
    _, numbers = _times_and_numbers(steady_clip, sample_fps=sample_fps)
    if sample_fps == 24.9:
        assert 48 <= len(numbers) <= 50
    else:
        assert numbers == list(kept)


def test_sampling_does_not_drift(steady_clip: Path) -> None:
    # 10 of 25 a second: the nearest frames to every 100 ms.
    times_s, _ = _times_and_numbers(steady_clip, sample_fps=10)
    assert len(times_s) == 20
    assert np.abs(np.array(times_s) - np.arange(20) / 10).max() <= 0.04


def test_sampling_an_uneven_clip(tmp_path: Path) -> None:
    times_s, _ = _times_and_numbers(write_clip(tmp_path / "a.mkv", UNEVEN_MS), sample_fps=20)
    assert times_s == pytest.approx([0, 0.05, 0.2, 0.4, 1.0])


@pytest.mark.parametrize("sample_fps", [0, -5, float("nan"), float("inf")])
def test_an_impossible_rate(sample_fps: float, steady_clip: Path) -> None:
    with pytest.raises(LifterError, match="frames a second"):
        next(frames(open_clip(steady_clip), sample_fps=sample_fps))


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.mp4"])
@pytest.mark.parametrize("options", [{}, {"start_s": 2.5}, {"end_s": 20.0}, {"start_s": 1.0, "end_s": 3.0}])
def test_sound_may_go_on_after_the_last_picture(name: str, options: dict, tmp_path: Path) -> None:
    """As where a camera or a recorder lost its picture: the file is whole, whatever its length."""
    path = write_clip(tmp_path / name, [i * 40 for i in range(100)], sound_s=30, rate=25)
    _, numbers = _times_and_numbers(path, **options)
    first, last = math.ceil(25 * options.get("start_s", 0)), min(99, 25 * options.get("end_s", 20))
    assert numbers == list(range(first, round(last) + 1))


def test_a_clip_with_sound_whose_second_half_is_missing_says_so(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", [i * 40 for i in range(500)], sound_s=20, rate=25, key_frames=25)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2] + bytes(len(content) - len(content) // 2))
    with pytest.raises(LifterError, match="truncated"):
        _times_and_numbers(path)


def _truncated(path: Path, *, fast_start: bool) -> Path:
    write_clip(path, [i * 40 for i in range(200)], fast_start=fast_start)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])
    return path


def _directory(path: Path) -> Path:
    path.mkdir()
    return path


def _bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


BAD_CLIPS = {
    "missing": (lambda folder: folder / "none.mp4", "There is no file"),
    "folder": (lambda folder: _directory(folder / "a.mp4"), "is a folder"),
    "empty": (lambda folder: _bytes(folder / "a.mp4", b""), "is empty"),
    "text": (lambda folder: _bytes(folder / "a.mp4", b"This is a letter.\n" * 30), "is not a video"),
    "playlist": (lambda folder: _bytes(folder / "a.m3u8", b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/a.ts\n"), "is not a video"),
    "list of other files": (lambda folder: _list_of_files(folder), "is not a video"),
    "noise": (lambda folder: _bytes(folder / "a.mp4", np.random.default_rng(1).bytes(20000)), "is not a video"),
    "truncated before its index": (lambda folder: _truncated(folder / "a.mp4", fast_start=False), "truncated: the index"),
    "truncated after its index": (lambda folder: _truncated(folder / "a.mp4", fast_start=True), "is truncated"),
    "truncated Matroska": (lambda folder: _truncated(folder / "a.mkv", fast_start=False), "is truncated"),
    "truncated AVI": (lambda folder: _truncated_avi(folder / "a.avi"), "is truncated"),
    "sound only, MP4": (lambda folder: write_sound(folder / "a.mp4"), "only sound"),
    "sound only, M4A": (lambda folder: write_sound(folder / "a.m4a"), "only sound"),
    "sound only, Matroska": (lambda folder: write_sound(folder / "a.mka"), "only sound"),
    "sound only, WAV": (lambda folder: write_sound(folder / "a.wav"), "only sound"),
    "no frames": (lambda folder: write_video_without_frames(folder / "a.mp4"), "no (frame|video) that can be decoded"),
    "no frame whole": (lambda folder: _blanked(folder / "a.mp4"), "no frame that can be decoded"),
}


def _list_of_files(folder: Path) -> Path:
    """Text that FFmpeg would follow to a good clip."""
    write_clip(folder / "good.mkv", [0, 40, 80])
    return _bytes(folder / "a.mp4", b"ffconcat version 1.0\nfile 'good.mkv'\n")


def _blanked(path: Path) -> Path:
    """The index is whole, the pictures are zeros."""
    content = bytearray(write_clip(path, [i * 40 for i in range(20)], fast_start=True).read_bytes())
    begin = content.index(b"mdat") + 4
    content[begin:] = bytes(len(content) - begin)
    path.write_bytes(content)
    return path


def _truncated_avi(path: Path) -> Path:
    write_clip(path, [i * 40 for i in range(100)], codec="mjpeg", pixels="yuvj420p")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    return path


@pytest.mark.parametrize("name", BAD_CLIPS)
def test_what_is_no_clip_is_refused_at_once(name: str, tmp_path: Path) -> None:
    make, sentence = BAD_CLIPS[name]
    path = make(tmp_path)
    began_s = time.monotonic()
    with pytest.raises(LifterError, match=sentence) as caught:
        open_clip(path)
    assert time.monotonic() - began_s < 5
    assert str(path) in caught.value.message and caught.value.hint and "\n" not in caught.value.message


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read(steady_clip: Path) -> None:
    steady_clip.chmod(0)
    with pytest.raises(LifterError, match="cannot be read"):
        open_clip(steady_clip)


@pytest.mark.parametrize(
    ("start_s", "end_s", "sentence"),
    [
        (5, None, "past the end"),
        (1, 0.5, "not after the start"),
        (1, 1, "not after the start"),
        (-1, None, "not a time"),
        (None, float("nan"), "not a time"),
        (None, 0, "not after the start"),
    ],
)
def test_a_range_outside_the_clip(start_s: float | None, end_s: float | None, sentence: str, steady_clip: Path) -> None:
    with pytest.raises(LifterError, match=sentence):
        open_clip(steady_clip, start_s=start_s, end_s=end_s)


def test_a_range_without_a_frame(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", UNEVEN_MS)
    with pytest.raises(LifterError, match="no frame between 0.5 s and 0.9 s"):
        list(frames(open_clip(path, start_s=0.5, end_s=0.9)))


def test_the_part_that_is_there_of_a_truncated_clip(tmp_path: Path) -> None:
    path = _truncated(tmp_path / "a.mp4", fast_start=True)
    times_s, numbers = _times_and_numbers(path, end_s=1.0)
    assert numbers == list(range(26)) and times_s[-1] == pytest.approx(1.0)
    # Asking for more than there is says up to where there is something.
    with pytest.raises(LifterError, match="can be decoded only up to") as caught:
        _times_and_numbers(path, end_s=8.0)
    assert "--end" in caught.value.hint


def test_a_name_that_ffmpeg_would_read_as_a_protocol(steady_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(steady_clip.parent)
    steady_clip.rename("file:a?b=%03d.mp4")
    assert open_clip("file:a?b=%03d.mp4").frame_count == 50


@pytest.mark.skipif(not SHARED_CLIPS.is_dir(), reason="needs the shared clips")
@pytest.mark.parametrize(
    ("name", "size_px", "frame_count", "fps"),
    [
        ("walk-sit-stand.mp4", (720, 720), 187, 20),
        ("squats-5fps.mp4", (720, 1280), 65, 5),
        ("people-one-by-one.mp4", (768, 432), 1394, 10),
    ],
)
def test_the_shared_clips(name: str, size_px: tuple[int, int], frame_count: int, fps: float) -> None:
    clip = open_clip(SHARED_CLIPS / name)
    assert (clip.size_px, clip.frame_count, clip.fps) == (size_px, frame_count, fps)
    times_s = [t for t, _ in frames(clip)]
    np.testing.assert_allclose(times_s, np.arange(frame_count) / fps, atol=1e-3)


def test_the_pictures_agree_with_another_decoder(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", UNEVEN_MS)
    with av.open(str(path)) as container:
        others = [(float(frame.time), frame.to_ndarray(format="rgb24")) for frame in container.decode(video=0)]
    for (time_s, rgb), (other_s, other) in zip(frames(open_clip(path)), others, strict=True):
        assert time_s == pytest.approx(other_s)
        assert np.abs(rgb.astype(int) - other).mean() < 3
    assert number_of(numbered_picture(201)) == 201
