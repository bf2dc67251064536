"""Clips that OpenCV's FFmpeg opens but cannot show, decoded by PyAV: AV1, and interlaced ones, as camcorders and television film.

Of interlaced clips OpenCV decodes the frames but cannot convert them: every picture would be black. FFmpeg's bwdif fills in the
lines of the other half here. For AV1 OpenCV's wheels have no decoder that does without a graphics card.

And what OpenCV does not say of a clip's first frame: whether it is to be shown mirrored.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
from av.sidedata.sidedata import Type

_NOT_BY_OPENCV = ("av1",)


@dataclass(frozen=True)
class FirstFrame:
    """mirrored_deg: where the file asks for a mirrored picture, how far it is turned clockwise after left and right changed
    sides; else None.
    """

    interlaced: bool
    codec: str
    mirrored_deg: int | None

    @property
    def not_by_opencv(self) -> bool:
        """Whether OpenCV cannot show such a clip."""
        return self.interlaced or self.codec in _NOT_BY_OPENCV


def read_first_frame(path: Path) -> FirstFrame | None:
    """What PyAV says of a clip's first frame; None where it cannot decode one."""
    try:
        with av.open(os.fspath(path)) as container:
            stream = container.streams.video[0]
            frame = next(container.decode(stream))
            matrix = frame.side_data.get(Type.DISPLAYMATRIX)
            return FirstFrame(
                interlaced=bool(frame.interlaced_frame),
                codec=stream.codec_context.codec.canonical_name,
                mirrored_deg=None if matrix is None else _mirrored_deg(bytes(matrix)),
            )
    except (av.FFmpegError, StopIteration, IndexError, ValueError):
        return None


def _mirrored_deg(display_matrix: bytes) -> int | None:
    """Of FFmpeg's display matrix (nine int32, by rows; a point of the picture is a row before it): see FirstFrame."""
    a, b, _, c, d = struct.unpack_from("=5i", display_matrix)
    if a * d - b * c >= 0:
        return None
    return round(math.degrees(math.atan2(-b, -a)) / 90) * 90 % 360


class PyAVCapture:
    """What clip.py uses of a cv2.VideoCapture; what the header says is asked of one."""

    def __init__(self, path: Path, header: cv2.VideoCapture, threads: int, *, interlaced: bool) -> None:
        self._header = header
        self._container = av.open(os.fspath(path))
        self._container.streams.video[0].codec_context.thread_count = threads
        self._frames = self._whole() if interlaced else self._decoded()
        self._frame: av.VideoFrame | None = None

    def grab(self) -> bool:
        self._frame = next(self._frames, None)
        return self._frame is not None

    def retrieve(self) -> tuple[bool, Any]:
        if self._frame is None:
            return False, None
        return True, self._frame.to_ndarray(format="bgr24")

    def read(self) -> tuple[bool, Any]:
        self.grab()
        return self.retrieve()

    def get(self, what: int) -> float:
        if what != cv2.CAP_PROP_POS_MSEC:
            return self._header.get(what)
        frame = self._frame
        if frame is None or frame.pts is None or frame.time_base is None:
            return float("nan")
        stream = self._container.streams.video[0]
        began = float((stream.start_time or 0) * (stream.time_base or 0))
        return 1000 * (float(frame.pts * frame.time_base) - began)

    def release(self) -> None:
        self._container.close()
        self._header.release()

    def _decoded(self) -> Iterator[av.VideoFrame]:
        # A damaged end is no error here: clip.py compares the times with the header.
        with contextlib.suppress(av.FFmpegError):
            yield from self._container.decode(video=0)

    def _whole(self) -> Iterator[av.VideoFrame]:
        stream = self._container.streams.video[0]
        graph = av.filter.Graph()
        source, whole, sink = graph.add_buffer(template=stream), graph.add("bwdif", "mode=send_frame"), graph.add("buffersink")
        source.link_to(whole)
        whole.link_to(sink)
        graph.configure()

        def ready() -> Iterator[av.VideoFrame]:
            try:
                while True:
                    yield graph.pull()
            except (BlockingIOError, av.EOFError):
                return

        for frame in self._decoded():
            graph.push(frame)
            yield from ready()
        graph.push(None)
        yield from ready()
