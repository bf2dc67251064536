"""MediaPipe's vision tasks, imported without what they would draw and record with.

`import mediapipe` takes matplotlib.pyplot and a library for microphones with it: most of its time, a list of the machine's fonts
in the user's folder, and a reason to fail where either is broken. Neither is used here.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        _make_way()
        return getattr(importlib.import_module(self.__name__), name)


def _make_way() -> None:
    for name, module in list(sys.modules.items()):
        if isinstance(module, _Later):
            del sys.modules[name]


@contextmanager
def later(*names: str) -> Iterator[None]:
    """Modules, parents before children, that an import inside only puts off: who imports them there gets them once it uses them.

    Those that are there already stay as they are.
    """
    for name in names:
        if name not in sys.modules:
            sys.modules[name] = _Later(name)
            parent, _, child = name.rpartition(".")
            if isinstance(above := sys.modules.get(parent), _Later):
                setattr(above, child, sys.modules[name])
    try:
        yield
    finally:
        _make_way()


with later("matplotlib", "matplotlib.pyplot", "sounddevice"):
    from mediapipe import Image, ImageFormat
    from mediapipe.tasks.python import BaseOptions, vision

__all__ = ["BaseOptions", "Image", "ImageFormat", "vision"]
