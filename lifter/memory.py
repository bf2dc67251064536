"""Memory that nobody uses any more, back to the system; and what is used as long as the process runs, not looked through."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from collections.abc import Iterator


def give_back() -> None:
    """Give free memory back. Linux's C library keeps it, a heap for every thread, and with pictures that come and go in several
    threads the heaps grow with a clip's length.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none, and needs none
        if trim is not None:
            trim(0)


@contextlib.contextmanager
def stays() -> Iterator[None]:
    """For packages that are loaded inside: a fifth of the time that torch takes goes into looks for garbage among what it makes,
    of which there is none, and later looks need not go through all of it either.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
