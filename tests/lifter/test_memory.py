"""Memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from lifter.memory import give_back

_PIECES, _PIECE_BYTES = 50_000, 4096


def _resident_bytes() -> int:
    return int(Path("/proc/self/status").read_text(encoding="utf-8").split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="only this C library keeps what is free"
)
def test_free_memory_goes_back_even_below_what_is_in_use() -> None:
    pieces = [np.ones(_PIECE_BYTES, np.uint8) for _ in range(_PIECES)]
    last = pieces.pop()
    pieces.clear()
    before = _resident_bytes()
    give_back()
    assert before - _resident_bytes() > 0.7 * _PIECES * _PIECE_BYTES
    assert last.all()
