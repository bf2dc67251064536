"""Memory goes back to the system; what stays is not looked through for garbage."""

from __future__ import annotations

import ctypes
import gc
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lifter.memory import give_back, loading

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


def test_garbage_is_looked_for_again_after_packages_were_loaded() -> None:
    frozen = gc.get_freeze_count()
    with pytest.raises(ImportError), loading():
        assert not gc.isenabled()
        import no_such_package  # type: ignore[import-not-found]  # noqa: F401
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen, "what is garbage by then, in an engine that has read a clip before, can still go"


def test_an_engine_that_stays_loads_its_packages_without_looking_for_garbage() -> None:
    program = """
import gc
searches = []
gc.callbacks.append(lambda phase, info: searches.append(info["generation"]) if phase == "stop" else None)
from lifter import serve
searches.clear()
serve.serve(lambda command, words: print(searches, gc.isenabled(), gc.get_freeze_count() > 100_000), None)
"""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run([sys.executable, "-c", program], input='["a", "b"]\n', capture_output=True, text=True, env=environment)
    assert done.stdout == "[] True True\n", done.stderr
