"""The lens: from an MP4's own notes, from what somebody says, and from a body that a camera saw."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np
import pytest

from lifter.focal import estimated, from_field_of_view, from_millimetres, noted_mm

KEY = b"com.apple.quicktime.camera.focal_length.35mm_equivalent"


def box(kind: bytes, *content: bytes) -> bytes:
    whole = b"".join(content)
    return struct.pack(">I", 8 + len(whole)) + kind + whole


def clip_with_note(value: bytes, kind: int, *, versioned: bool, in_track: bool) -> bytes:
    """An MP4 without pictures whose second note is the lens."""
    names = (b"com.apple.quicktime.make", KEY)
    keys = box(b"keys", struct.pack(">II", 0, len(names)), *(box(b"mdta", name) for name in names))
    notes = [(1, 1, b"Somebody"), (2, kind, value)]
    items = [box(struct.pack(">I", n), box(b"data", struct.pack(">II", form, 0), data)) for n, form, data in notes]
    handler = box(b"hdlr", bytes(4), bytes(4), b"mdta", bytes(13))
    meta = box(b"meta", bytes(4) if versioned else b"", handler, keys, box(b"ilst", *items))
    moov = box(b"moov", box(b"mvhd", bytes(100)), box(b"trak", box(b"tkhd", bytes(84)), meta) if in_track else meta)
    return box(b"ftyp", b"qt  ", bytes(4)) + box(b"mdat", bytes(64)) + moov


@pytest.mark.parametrize("in_track", [False, True])
@pytest.mark.parametrize("versioned", [False, True])
@pytest.mark.parametrize(
    ("value", "kind"), [(struct.pack(">i", 26), 21), (b"\x1a", 22), (b"26", 1), (struct.pack(">f", 26.0), 23)], ids=str
)
def test_the_lens_that_a_phone_noted(value: bytes, kind: int, versioned: bool, in_track: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.mov"
    path.write_bytes(clip_with_note(value, kind, versioned=versioned, in_track=in_track))
    assert noted_mm(path) == 26


def test_what_is_no_lens_is_not_taken_for_one(tmp_path: Path) -> None:
    whole = clip_with_note(struct.pack(">i", 26), 21, versioned=True, in_track=False)
    for number, content in enumerate(
        [
            b"",
            whole.replace(KEY, KEY[:-1] + b"X"),
            whole[: whole.index(b"ilst") + 20],
            clip_with_note(b"long", 1, versioned=True, in_track=False),
            clip_with_note(struct.pack(">i", 0), 21, versioned=True, in_track=False),
        ]
    ):
        path = tmp_path / f"{number}.mov"
        path.write_bytes(content)
        assert noted_mm(path) is None
    assert noted_mm(tmp_path / "none.mov") is None


def test_units() -> None:
    assert from_millimetres(36, (1920, 1080)) == from_millimetres(36, (1080, 1920)) == 1920
    assert from_field_of_view(90, (1920, 1080)) == pytest.approx(960)
    assert from_field_of_view(2 * math.degrees(math.atan(0.5)), (1000, 800)) == pytest.approx(1000)


@pytest.mark.parametrize(("share", "known"), [(1.7, "estimated"), (0.9, "assumed")])
def test_a_body_that_comes_near_tells_of_its_lens(share: float, known: str) -> None:
    """Joints that are exactly known but for a little noise: near ones look larger, the more so the shorter the lens."""
    random = np.random.default_rng(0)
    side_px = 1000
    body = random.uniform([-0.4, -0.9, -0.5], [0.4, 0.9, 0.5], (80, 12, 3)) + [0, 0, 2.5 * share / 0.9]
    seen = share * side_px * body[..., :2] / body[..., 2:] + random.normal(0, 4, (80, 12, 2))

    def off_at(focal_px: float) -> tuple[np.ndarray, np.ndarray]:
        middle = body[..., 2:].mean(1, keepdims=True)
        # The same body, nearer or farther, as the size in the picture asks for.
        moved = body + np.array([0.0, 0.0, 1.0]) * middle * (focal_px / (share * side_px) - 1)
        off = np.linalg.norm(focal_px * moved[..., :2] / moved[..., 2:] - seen, axis=-1)
        return off / 700, np.ones(off.shape)

    found = estimated(0.9 * side_px, side_px, off_at)
    assert found.known == known
    assert found.pixels == pytest.approx(share * side_px, rel=0.15)
