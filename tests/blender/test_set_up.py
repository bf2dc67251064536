"""The motion engine set up from nothing by the add-on's own button, in every Blender, with two interruptions: Blender is killed
in the middle of the download, and the connection breaks off. The package index is on this machine, its packages are small.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from blender_pose3d.worker import setup
from blender_pose3d.worker.setup import EngineState
from tests.worker.test_setup import Index, index, no_other_engine, resources  # noqa: F401 - fixtures

ROOT = Path(__file__).resolve().parents[2]
CHECKS = Path(__file__).with_name("setup_checks.py")
pytestmark = pytest.mark.slow


def test_from_nothing_with_interruptions(
    run_in_blender,
    tmp_path: Path,
    resources: Path,  # noqa: F811
    index: Index,  # noqa: F811
) -> None:
    (resources / "rigs").symlink_to(ROOT / "rigs", target_is_directory=True)
    home = tmp_path / "blender-home"
    part = home / setup.WHEELS_NAME / "torch-7.7.7-py3-none-any.whl.part"
    environment = {"POSE3D_HOME": str(home), "POSE3D_TEST_RESOURCES": str(resources), "POSE3D_TEST_FOLDER": str(tmp_path)}

    def kill_blender() -> None:
        """By its pid, as it wrote it, once the largest package has begun to come."""
        pid_file = tmp_path / "pid"
        while not (part.is_file() and part.stat().st_size >= 50_000 and pid_file.is_file()):
            if is_over.wait(0.005):
                return
        killed.append(part.stat().st_size)
        os.kill(int(pid_file.read_text()), signal.SIGKILL)

    killed: list[int] = []
    is_over = threading.Event()
    index.break_at = 50_000
    killer = threading.Thread(target=kill_blender, daemon=True)
    killer.start()
    done = run_in_blender(CHECKS, "begin", environment=environment | {"POSE3D_TEST_PID": str(tmp_path / "pid")})
    is_over.set()
    killer.join(60)
    assert done.returncode != 0 and killed, done.stdout
    end_s = time.monotonic() + 10
    while _is_locked(home) and time.monotonic() < end_s:  # its set-up ends by itself
        time.sleep(0.05)
    assert setup.engine_state(home, resources) is EngineState.HALF

    index.break_at = 0
    done = run_in_blender(CHECKS, "breaks_off", environment=environment)
    assert done.returncode == 0, done.stdout
    had = part.stat().st_size
    assert had >= 50_000, "what had come is kept"

    index.break_at, index.ranges[:] = None, []
    done = run_in_blender(CHECKS, "goes_on_and_is_removed", environment=environment)
    assert done.returncode == 0, done.stdout
    assert f"bytes={had}-" in index.ranges, index.ranges


def _is_locked(home: Path) -> bool:
    with (home / "envs" / "lifter.lock").open("a+b") as file:
        return not setup.try_lock(file.fileno())
