"""Libraries of the system that PyTorch, OpenCV and MediaPipe need, where one is missing: a sentence in place of a traceback."""

from __future__ import annotations

import os
import re

from .errors import LifterError

# What Debian and Ubuntu call the packages.
_PACKAGES = {
    "libGL": "libgl1",
    "libEGL": "libegl1",
    "libGLESv2": "libgles2",
    "libglib-2.0": "libglib2.0-0",
    "libgthread-2.0": "libglib2.0-0",
    "libgomp": "libgomp1",
    "libX11": "libx11-6",
    "libxcb": "libxcb1",
}


def missing_library(reason: BaseException) -> LifterError | None:
    """What to do about an error of Python's or a library's loader; None for any other error."""
    said = str(reason)
    if found := re.search(r"(\S+?)(\.so\S*): cannot open shared object file", said):
        if "/" in found[1]:
            return _damaged(f"{found[1]}{found[2]}")
        package = _PACKAGES.get(found[1])
        how = f"Debian, Ubuntu: apt install {package}" if package else "with your system's package manager"
        return LifterError(f"The system's library {found[1]}{found[2]} is missing.", hint=f"Install it ({how}) and try again.")
    if (found := re.search(r"Could not find (?:module )?'(.+?)' \(or one of its dependencies\)", said)) and not os.path.exists(
        found[1]
    ):
        return _damaged(found[1])
    if re.search(r"DLL load failed|\[WinError (126|127|1114)\]|or one of its dependencies", said):
        return LifterError(
            f"Windows lacks a library that the motion engine needs ({said.splitlines()[0].rstrip('.')}).",
            hint="Install Microsoft's Visual C++ Redistributable for x64 and try again.",
        )
    return None


def _damaged(library: str) -> LifterError:
    """As where a virus scanner has taken a file away."""
    return LifterError(
        f"The motion engine is damaged: {library} is missing.",
        hint="Repair the engine in the add-on's preferences, or without a window by python3 build.py setup.",
    )
