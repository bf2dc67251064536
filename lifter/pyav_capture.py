"""Clips that OpenCV's FFmpeg opens but cannot show, decoded by PyAV: AV1, and interlaced ones, as camcorders and television film.

Of interlaced clips OpenCV decodes the frames but cannot convert them: every picture would be black. FFmpeg's bwdif fills in the
lines of the other half here. For AV1 OpenCV's wheels have no decoder that does without a graphics card.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2

_NOT_BY_OPENCV = ("av1",)


def pyav_capture(path: Path, header: cv2.VideoCapture, threads: int) -> PyAVCapture | None:
    """The clip by PyAV where OpenCV, which opened it as `header`, cannot show it; None for all others, and for what PyAV cannot
    decode either.
    """
    try:
        with av.open(os.fspath(path)) as container:
            stream = container.streams.video[0]
            interlaced = bool(next(container.decode(stream)).interlaced_frame)
            codec = stream.codec_context.codec.canonical_name
    except (av.FFmpegError, StopIteration, IndexError, ValueError):
        return None
    return PyAVCapture(path, header, threads, interlaced=interlaced) if interlaced or codec in _NOT_BY_OPENCV else None


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
