"""Starts a real Blender with a window on a virtual display, with the extension's zip at hand, and lets a script drive it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.engines import ENGINE_PYTHON, MODELS

ROOT = Path(__file__).resolve().parents[2]
LENT = ROOT.parent / "shared" / "tools" / "real-blender"


def find_blender() -> str | None:
    """A Blender with a window: named by POSE3D_TEST_BLENDERS, or on PATH."""
    given = os.environ.get("POSE3D_TEST_BLENDERS")
    named = [p for p in (given or "").split(os.pathsep) if p and not Path(p).name.startswith("python")]
    if named or shutil.which("blender"):
        return named[0] if named else shutil.which("blender")
    if given is None and LENT.is_file():  # `build.py test` names it where it runs in this folder
        done = subprocess.run([str(LENT), "path", "5.2"], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None
    return None


@contextlib.contextmanager
def display() -> Iterator[str]:
    """A virtual one of our own: pictures have one size then, and nobody's mouse is in the way."""
    read, write = os.pipe()
    screen = ["-screen", "0", "1600x1000x24"]
    server = subprocess.Popen(["Xvfb", "-displayfd", str(write), *screen], pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as pipe:
            number = pipe.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


def take_pictures(output: Any, folder: Path, screen: str, lines: list[str]) -> None:
    """Those that are asked for; and keep what is printed, at once in output.txt too, since a run may take long."""
    (folder / "output.txt").write_text("", encoding="utf-8")
    for line in output:
        lines.append(line)
        with (folder / "output.txt").open("a", encoding="utf-8") as kept:
            kept.write(line)
        if line.startswith("screenshot ") and shutil.which("import"):
            name = line.split()[1]
            subprocess.run(["import", "-display", screen, "-window", "root", str(folder / f"{name}.png")], check=False)


def driven(
    script: Path, folder: Path, *, limit_s: float = 600, window_px: tuple[int, int] = (1600, 1000), **variables: str
) -> dict[str, Any]:
    """What a driver saw, as it wrote it to seen.json; skips where there is no window or no engine.

    folder: where the zip, the user's settings, the pictures and output.txt go; variables: of the environment, beside those that
    driver.py reads.
    """
    blender = find_blender()
    if blender is None or shutil.which("Xvfb") is None:
        pytest.skip("no Blender with a window, or no Xvfb")
    if ENGINE_PYTHON is None or not any((ROOT / "lifter" / "weights").glob("*.safetensors")):
        pytest.skip("no motion engine with weights here")
    shutil.rmtree(folder / "user", ignore_errors=True)
    for name in ("config", "scripts", "extensions", "datafiles"):
        (folder / "user" / name).mkdir(parents=True)
    package = [sys.executable, str(ROOT / "build.py"), "package", "--out", str(folder)]
    built = subprocess.run(package, env=os.environ | {"BLENDER": blender}, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    own = folder / "user" / "extensions" / ".user" / "user_default" / "pose3d"
    own.mkdir(parents=True)
    (own / "models").symlink_to(MODELS, target_is_directory=True)
    leave_out = ("POSE3D_HOME", "POSE3D_RESOURCES", "POSE3D_ENGINE_PYTHON", "WAYLAND_DISPLAY")
    environment = {name: value for name, value in os.environ.items() if name not in leave_out}
    options = ["--factory-startup", "--no-window-focus", "--window-geometry", "0", "0", *map(str, window_px)]
    options += ["--enable-event-simulate", "--python-exit-code", "1", "--python", str(script)]
    with display() as screen:
        child = subprocess.Popen(
            [blender, *options],
            env=environment
            | {
                "DISPLAY": screen,
                "BLENDER_USER_RESOURCES": str(folder / "user"),
                "PYTHONDONTWRITEBYTECODE": "1",
                "POSE3D_TEST_FOLDER": str(folder),
                "POSE3D_TEST_CLIP": shutil.copy(ROOT / "tests" / "data" / "demo.mp4", folder / "walk.mp4"),
                "POSE3D_TEST_ENGINE": str(ENGINE_PYTHON),
                "POSE3D_TEST_MODELS": str(MODELS),
                "POSE3D_TEST_PACKAGE": str(next(folder.glob("*.zip"))),
                **variables,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        lines: list[str] = []
        reader = threading.Thread(target=take_pictures, args=(child.stdout, folder, screen, lines), daemon=True)
        reader.start()
        try:
            code = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            child.kill()
        reader.join(10)
    output = "".join(lines)
    assert code is not None, f"not done in {limit_s} s\n{output}"
    assert code == 0 and (folder / "seen.json").is_file(), output
    found: dict[str, Any] = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    assert found["error"] == "", output
    assert "Traceback" not in output, output
    return found
