"""Memory that nobody uses any more, back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """Give free memory back. Linux's C library keeps it, a heap for every thread, and with pictures that come and go in several
    threads the heaps grow with a clip's length.
    """
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has none, and needs none
        if trim is not None:
            trim(0)
