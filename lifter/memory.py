"""Memory that nobody uses any more, back to the system; and no search for such among what stays."""

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
def loading() -> Iterator[None]:
    """For packages that are loaded inside: a fifth of the time that torch takes goes into looks for garbage among what it makes,
    of which there is none.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def keep() -> None:
    """What is there now is there as long as the process: later looks for garbage need not go through it."""
    gc.freeze()
