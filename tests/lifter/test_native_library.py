"""A machine that lacks one of the system's libraries: one sentence that names it and the remedy."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lifter.native_library import missing_library

ROOT = Path(__file__).resolve().parents[2]
MODULE, NEEDED = "_bz2", b"libbz2.so.1.0\0"


def test_opencv_without_a_library(tmp_path: Path) -> None:
    """The loader's own words, of an extension module that needs a library which nobody has."""
    found = importlib.util.find_spec(MODULE)
    data = Path(found.origin).read_bytes() if found and found.origin and Path(found.origin).is_file() else b""
    if sys.platform != "linux" or NEEDED not in data:
        pytest.skip(f"this Python's {MODULE} is no extension module with a library of the system's")
    (tmp_path / "cv2.so").write_bytes(data.replace(NEEDED, b"libnone.so.7\0\0"))
    (tmp_path / "clip.mp4").write_bytes(b"\0" * 100)
    command = [sys.executable, "-m", "lifter", "infer", str(tmp_path / "clip.mp4"), str(tmp_path / "out.npz"), "--progress=json"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    event = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert event["message"] == "The system's library libnone.so.7 is missing."
    assert event["hint"] == "Install it (with your system's package manager) and try again."


@pytest.mark.parametrize(
    ("said", "message", "hint"),
    [
        ("libGL.so.1: cannot open shared object file: No such file or directory", "libGL.so.1 is missing", "apt install libgl1"),
        ("libgthread-2.0.so.0: cannot open shared object file: No such file", "libgthread-2.0.so.0 is missing", "libglib2.0-0"),
        ("libGLESv2.so.2: cannot open shared object file: No such file", "libGLESv2.so.2 is missing", "libgles2"),
        ("/e/mediapipe/tasks/c/libmediapipe.so: cannot open shared object file: No such", "is damaged: /e/mediapipe", "Repair"),
        (
            "Could not find module 'C:\\e\\x.dll' (or one of its dependencies). Try using the full path",
            "damaged: C:\\e",
            "Repair",
        ),
        (f"Could not find module '{__file__}' (or one of its dependencies). Try", "Windows lacks a library", "Visual C"),
        ("DLL load failed while importing cv2: The specified module could not be found.", "DLL load failed", "Visual C"),
        ('[WinError 126] The specified module could not be found. Error loading "C:\\torch\\lib\\c10.dll"', "126", "Visual C"),
    ],
)
def test_what_is_missing_and_how_to_get_it(said: str, message: str, hint: str) -> None:
    error = missing_library(ImportError(said))
    assert error is not None and message in str(error) and hint in error.hint


def test_other_errors_are_others() -> None:
    assert missing_library(OSError(28, "No space left on device")) is None
    assert missing_library(ImportError("cannot import name 'x' from 'lifter'")) is None
