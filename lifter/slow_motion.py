"""Slow motion: how many times as long a file takes to play as what was filmed took, where its camera noted it.

Android's phones stamp what they film with 240 pictures a second as if it were 30, and note the 240. Sony's cameras note both
rates. Apple's phones stamp true times, and what they export slowed down has no note of it.
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

_ANDROID_KEY = "com.android.capture.fps"
# A phone that films with 60 pictures a second takes fewer in the dark, all with their true times; and notes of more than the
# second number stand in clips of which only a moment is slow.
_ANDROID_LEAST, _ANDROID_MOST = 3.0, 16.0
_SONY_FRAME = re.compile(rb"<VideoFrame\b[^>]*>")
_SONY_RATE = rb'\b%bFps="(\d+(?:\.\d+)?)p"'
_SONY_LEAST, _SONY_MOST = 1.2, 100.0
_MOST_NOTES_BYTES = 4 << 20
# Stamps that are as far apart all through the clip; of one in which only a part is slow they are not.
_EVEN = 1.5
# 240 and 29.97 pictures a second are meant as eight times.
_WHOLE = 0.02
_LOOKED_AT = 20_000


def slowdown(path: Path, *, header_fps: float, filmed_fps: float | None = None) -> float:
    """How many times as long the file takes; 1 where it notes no slow motion. filmed_fps: what somebody says that the camera took
    in a second. header_fps: where the file has no stamps.
    """
    if filmed_fps is not None:
        return _rounded(filmed_fps / (_stamped_fps(path) or (header_fps, True))[0])
    noted = [*_by_android(path), *_by_sony(path)]
    if not noted or (stamped := _stamped_fps(path)) is None:
        return 1.0
    plays_fps, even = stamped
    for filmed, least, most in noted:
        if even and least <= filmed / plays_fps <= most:
            return _rounded(filmed / plays_fps)
    return 1.0


def _rounded(times: float) -> float:
    whole = round(times)
    return float(whole) if abs(times - whole) < _WHOLE * whole else times


def _by_android(path: Path) -> Iterator[tuple[float, float, float]]:
    """(pictures a second that the camera took, how many times as many as are played they must be at least, and at most)."""
    try:
        with av.open(os.fspath(path.resolve())) as container:
            # Phones write MP4. Into Matroska converters copy all notes, also where they have given the pictures another speed.
            notes = container.metadata if "mp4" in container.format.name else {}
            rate = float(notes.get(_ANDROID_KEY, "nan"))
    except (av.FFmpegError, ValueError):
        return
    if math.isfinite(rate):
        yield rate, _ANDROID_LEAST, _ANDROID_MOST


def _by_sony(path: Path) -> Iterator[tuple[float, float, float]]:
    """The same, by the XML that Sony's cameras put into an MP4, where its other rate is the one that it should be played at."""
    try:
        for notes in _xml_of_mp4(path):
            for frame in _SONY_FRAME.findall(notes):
                took, plays = (re.search(_SONY_RATE % name, frame) for name in (b"capture", b"format"))
                if took and plays and float(plays[1]) > 0:
                    times = float(took[1]) / float(plays[1])
                    if _SONY_LEAST <= times <= _SONY_MOST:
                        yield float(took[1]), times * (1 - _WHOLE), times * (1 + _WHOLE)
    except OSError:
        return


def _xml_of_mp4(path: Path) -> Iterator[bytes]:
    """What stands in an MP4's boxes for notes, at the top and in its index."""
    size = path.stat().st_size
    with path.open("rb") as file:
        parts = [(0, size)]
        while parts:
            start, end = parts.pop()
            while start + 8 <= end:
                file.seek(start)
                header = file.read(16)
                length, kind, content = int.from_bytes(header[:4]), header[4:8], start + 8
                if length == 1 and len(header) == 16:
                    length, content = int.from_bytes(header[8:]), start + 16
                elif length == 0:
                    length = end - start
                if length < content - start or start + length > end:
                    break
                if kind == b"moov":
                    parts.append((content, start + length))
                elif kind == b"meta" and length <= _MOST_NOTES_BYTES:
                    file.seek(content)
                    yield file.read(start + length - content)
                start += length


def _stamped_fps(path: Path) -> tuple[float, bool] | None:
    """Pictures a second by their stamps, and whether they are as far apart all through the clip; None where there are none."""
    try:
        with av.open(os.fspath(path.resolve())) as container:
            stream = container.streams.video[0]
            packets = itertools.islice(container.demux(stream), _LOOKED_AT)
            stamps = np.array(sorted(packet.pts for packet in packets if packet.pts is not None), float)
            base = float(stream.time_base or 0)
    except (av.FFmpegError, IndexError, ValueError):
        return None
    apart_s = np.diff(stamps) * base
    apart_s = apart_s[apart_s > 0]
    if not len(apart_s):
        return None
    low_s, middle_s, high_s = np.percentile(apart_s, (5, 50, 95))
    return 1 / float(middle_s), bool(high_s <= _EVEN * low_s)
