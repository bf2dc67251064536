"""Interlaced clips, as camcorders and television film them, as whole pictures.

OpenCV's FFmpeg decodes such frames but cannot convert them: every picture would be black. PyAV decodes them here, and FFmpeg's
bwdif fills in the lines of the other half.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import cv2


def is_interlaced(path: Path) -> bool:
    """Whether the first frame says so; False for what cannot be decoded."""
    try:
        with av.open(os.fspath(path)) as container:
            return bool(next(container.decode(video=0)).interlaced_frame)
    except (av.FFmpegError, StopIteration, IndexError, ValueError):
        return False


class InterlacedCapture:
    """What clip.py uses of a cv2.VideoCapture; what the header says is asked of one."""

    def __init__(self, path: Path, header: cv2.VideoCapture) -> None:
        self._header = header
        self._container = av.open(os.fspath(path))
        self._frames = self._pictures()
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

    def _pictures(self) -> Iterator[av.VideoFrame]:
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

        try:
            for frame in self._container.decode(stream):
                graph.push(frame)
                yield from ready()
        except av.FFmpegError:
            pass  # a damaged end: clip.py compares the times with the header
        graph.push(None)
        yield from ready()
