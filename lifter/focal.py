"""How long the lens was: from the clip's own notes, from what somebody says of it, or from the clip.

All lengths are in pixels of the upright picture, or in millimetres of a 36 mm wide picture (its long side), as phones state them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PICTURE_MM = 36.0
# A phone's main camera films with a focal length of about nine tenths of the picture's long side; used where none is known.
DEFAULT_SHARE = 0.9
# Chances to be right within a fifth: the last two counted on rendered clips of all lenses, of which nobody knows a phone's share.
CONFIDENCE = {"given": 1.0, "metadata": 0.95, "estimated": 0.5, "assumed": 0.45}

_APPLE_KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"
_MOST_INDEX_BYTES = 64 << 20
# Lenses that are tried, as shares of the long side; a belief in the usual one; and how much an error weighs against it.
_SHARES = np.exp(np.linspace(math.log(0.45), math.log(3.0), 25))
_BELIEF, _ERROR_WEIGHT = 0.3, 20.0
# The usual lens is given up only where the best one explains the picture better by this factor.
_CLEARLY = 1.1
_MOST_OFF = 0.1


@dataclass(frozen=True)
class FocalLength:
    """pixels; how it is known: given, metadata, estimated or assumed; confidence: the chance that it is right within a fifth."""

    pixels: float
    known: str

    @property
    def confidence(self) -> float:
        return CONFIDENCE[self.known]


def from_millimetres(focal_mm: float, image_size_px: tuple[int, int]) -> float:
    return focal_mm / PICTURE_MM * max(image_size_px)


def from_field_of_view(field_deg: float, image_size_px: tuple[int, int]) -> float:
    """field_deg: across the picture's long side."""
    return max(image_size_px) / 2 / math.tan(math.radians(field_deg) / 2)


def noted_mm(path: Path) -> float | None:
    """The focal length that an MP4 or QuickTime file notes of its camera (Apple's phones do), in millimetres; None where none."""
    try:
        with path.open("rb") as file:
            for kind, start, end in _boxes(lambda at, size: _read(file, at, size), 0, path.stat().st_size):
                if kind == b"moov" and end - start <= _MOST_INDEX_BYTES:
                    index = _read(file, start, end - start)
                    return _noted(index) if _APPLE_KEY in index else None
    except OSError:
        return None
    return None


def estimated(
    focal_px: float, long_side_px: int, off_at: Callable[[float], tuple[np.ndarray, np.ndarray]], *, usual: float = DEFAULT_SHARE
) -> FocalLength:
    """The lens with which the lifted body best explains the picture, if the usual one clearly does not.

    off_at: for a focal length in pixels, how far the joints are from where they were seen, in body sizes, and their weights. A
    longer lens shows near and far parts of a body in more equal size: a weak sign, so that it takes a clear case to overrule what
    most clips are filmed with.
    """
    errors = []
    for share in [*_SHARES, usual]:
        off, weights = off_at(share * long_side_px)
        errors.append(math.sqrt((weights * np.minimum(off, _MOST_OFF) ** 2).sum() / max(weights.sum(), 1e-9)))
    tried, at_usual = np.array(errors[:-1]), errors[-1]
    least = max(float(tried.min()), 1e-9)
    if at_usual / least < _CLEARLY:
        return FocalLength(focal_px, "assumed")
    cost = _ERROR_WEIGHT * ((tried / least) ** 2 - 1) + (np.log(_SHARES / usual) / _BELIEF) ** 2
    return FocalLength(float(_SHARES[cost.argmin()]) * long_side_px, "estimated")


# ------------------------------------------------------------------------------------------------ an MP4's own notes

_ReadAt = Callable[[int, int], bytes]


def _read(file: object, at: int, size: int) -> bytes:
    file.seek(at)  # type: ignore[attr-defined]
    return file.read(size)  # type: ignore[attr-defined]


def _boxes(read: _ReadAt, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(type, start of the content, end) of each box from start to end."""
    while start + 8 <= end:
        header = read(start, 16)
        size, kind, content = int.from_bytes(header[:4]), header[4:8], start + 8
        if size == 1 and len(header) == 16:
            size, content = int.from_bytes(header[8:]), start + 16
        elif size == 0:
            size = end - start
        if size < content - start or start + size > end:
            return
        yield kind, content, start + size
        start += size


def _noted(index: bytes) -> float | None:
    def read(at: int, size: int) -> bytes:
        return index[at : at + size]

    def metas(start: int, end: int) -> Iterator[tuple[int, int]]:
        for kind, first, last in _boxes(read, start, end):
            if kind == b"meta":
                # QuickTime's has its boxes at once, MP4's after four bytes of version and flags.
                yield (first if read(first + 4, 4) in (b"hdlr", b"keys") else first + 4), last
            elif kind == b"trak":
                yield from metas(first, last)

    for start, end in metas(0, len(index)):
        found = {kind: (first, last) for kind, first, last in _boxes(read, start, end)}
        if b"keys" not in found or b"ilst" not in found:
            continue
        first, last = found[b"keys"]
        names = [read(a, b - a) for _, a, b in _boxes(read, first + 8, last)]
        if _APPLE_KEY not in names:
            continue
        wanted = (names.index(_APPLE_KEY) + 1).to_bytes(4)
        for number, item, item_end in _boxes(read, *found[b"ilst"]):
            for kind, a, b in _boxes(read, item, item_end):
                if number == wanted and kind == b"data":
                    return _number(int.from_bytes(read(a, 4)), read(a + 8, b - a - 8))
    return None


def _number(kind: int, value: bytes) -> float | None:
    """A value of QuickTime's well-known types: text, whole numbers, floats. None for what is no lens."""
    try:
        number = {
            1: lambda: float(value.decode("ascii")),
            21: lambda: float(int.from_bytes(value, signed=True)),
            22: lambda: float(int.from_bytes(value)),
            23: lambda: float(np.frombuffer(value, ">f4")[0]),
            24: lambda: float(np.frombuffer(value, ">f8")[0]),
        }.get(kind, lambda: float(int.from_bytes(value)))()
    except (ValueError, IndexError):
        return None
    return number if 5 <= number <= 500 else None
