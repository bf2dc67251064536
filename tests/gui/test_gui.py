"""The extension in a real Blender with a window, driven by simulated keys and mouse.

python3 build.py test tests/gui          POSE3D_TEST_BLENDERS names the Blender, POSE3D_TEST_GUI_OUT keeps the pictures
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.engines import ENGINE_PYTHON, MODELS
from tests.worker.workers import is_alive

ROOT = Path(__file__).resolve().parents[2]
LENT = ROOT.parent / "shared" / "tools" / "real-blender"
pytestmark = pytest.mark.slow


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
    for line in output:
        lines.append(line)
        if line.startswith("screenshot ") and shutil.which("import"):
            name = line.split()[1]
            subprocess.run(["import", "-display", screen, "-window", "root", str(folder / f"{name}.png")], check=False)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one run of all scenarios saw."""
    blender = find_blender()
    if blender is None or shutil.which("Xvfb") is None:
        pytest.skip("no Blender with a window, or no Xvfb")
    if ENGINE_PYTHON is None or not any((ROOT / "lifter" / "weights").glob("*.safetensors")):
        pytest.skip("no motion engine with weights here")
    kept = os.environ.get("POSE3D_TEST_GUI_OUT")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("gui")
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
    options = ["--factory-startup", "--no-window-focus", "--window-geometry", "0", "0", "1600", "1000"]
    options += ["--enable-event-simulate", "--python-exit-code", "1", "--python", str(Path(__file__).with_name("driver.py"))]
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
                "POSE3D_TEST_PACKAGE": str(next(folder.glob("*.zip"))),
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
            code = child.wait(300)
        finally:
            child.kill()
        reader.join(10)
    output = "".join(lines)
    (folder / "output.txt").write_text(output, encoding="utf-8")
    assert code == 0 and (folder / "seen.json").is_file(), output
    found: dict[str, Any] = json.loads((folder / "seen.json").read_text(encoding="utf-8"))
    assert found["error"] == "", output
    assert "Traceback" not in output, output
    return found


def test_first_use_offers_the_set_up_and_says_where_to_allow_it(seen: dict[str, Any]) -> None:
    assert seen["may set up"] is False  # offline, as every fresh Blender is
    assert "Allow Online Access" in seen["why not"]


def test_progress_moves_while_the_view_is_orbited(seen: dict[str, Any]) -> None:
    assert len(seen["percents"]) >= 3 and seen["orbits"] >= 1
    assert "frames/s" in seen["detail"] and "left" in seen["detail"]


def test_the_action_is_one_undo_step(seen: dict[str, Any]) -> None:
    assert f"“{seen['action']}”" in seen["message"] and seen["frames"][1] > 100
    assert seen["after undo"] == [None, []]
    assert seen["clip after undo"].endswith("walk.mp4")  # what came before the run is still there
    assert seen["after redo"] == seen["action"]


def test_undo_and_saving_do_not_disturb_a_run_and_escape_ends_it(seen: dict[str, Any]) -> None:
    assert seen["running after undo"] is True
    assert "cancelled" in seen["cancel message"]
    assert seen["cancel s"] < (1.0 if seen["load"] < 1 else 5.0)


def test_a_take_is_solved_in_seconds_without_the_clip(seen: dict[str, Any]) -> None:
    assert seen["takes"] == ["walk.mp4"]
    assert seen["take s"] < (15 if seen["load"] < 1 else 60) and "Made the action" in seen["take message"]


def test_a_dropped_video_starts_a_run(seen: dict[str, Any]) -> None:
    assert seen["dropped"] is True


def test_a_killed_worker_is_one_sentence_with_its_log(seen: dict[str, Any]) -> None:
    assert "stopped unexpectedly (signal SIGKILL)" in seen["died"]
    assert "SIGKILL" in seen["log"] and "Blender" in seen["log"]


def test_quitting_ends_the_worker(seen: dict[str, Any]) -> None:
    end_s = time.monotonic() + 5
    while is_alive(seen["worker"]) and time.monotonic() < end_s:
        time.sleep(0.1)
    assert not is_alive(seen["worker"])


def test_the_window_never_waits_long(seen: dict[str, Any]) -> None:
    stalls = seen["stalls ms"]
    for phase in ("start of the run", "quiet run", "quiet solve", "own modal", "own draw"):
        assert stalls[phase]["longest computing"] < 50, stalls
        if seen["load"] < 1:  # else other programs hold the processors, and the window waits for them
            assert stalls[phase]["longest"] < 50, stalls
