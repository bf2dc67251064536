"""Runs inside a Blender with a window: the worker is killed at random moments of a run, again and again, and each time the next
run must work. Not collected by pytest; test_kills.py starts it.

POSE3D_TEST_KILLS (30) times, at moments from POSE3D_TEST_SEED (1). A third of the runs that follow a kill go to their end.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.gui import driver
from tests.gui.driver import CLIP, ENGINE, EXTENSION, OUT, press, seen, state, wait_until
from tests.worker.workers import is_alive

KILLS = int(os.environ.get("POSE3D_TEST_KILLS", "30"))
RANDOM = random.Random(int(os.environ.get("POSE3D_TEST_SEED", "1")))
END_S = 1.0  # of the clip


def prepared() -> Iterator[float]:
    bpy.ops.extensions.package_install_files(filepath=driver.PACKAGE, repo="user_default", enable_on_install=True)
    yield 1.0
    driver.add_figure()
    bpy.context.preferences.addons[EXTENSION].preferences.engine_python = ENGINE
    settings = bpy.context.scene.pose3d
    settings.clip_path, settings.armature = CLIP, bpy.data.objects["Figure"]
    settings.use_range, settings.end_s = True, END_S
    # Nothing to draw: what is tried is the run.
    for area in driver.window().screen.areas:
        if area.type != "VIEW_3D":
            area.type = "CONSOLE"
    bpy.ops.ed.undo_push(message="Set up")
    yield 1.0


def run_module() -> object:
    return import_module(f"{EXTENSION}.ops.run")


def started() -> Iterator[float]:
    driver.forget_clips()
    yield from press("pose3d.import_pose_from_video")
    yield from wait_until(lambda: state().is_running, limit_s=20)


def whole_run() -> Iterator[float]:
    """It makes one action, which one undo takes away."""
    before = {action.name for action in bpy.data.actions}
    yield from started()
    yield from wait_until(lambda: not state().is_running)
    made = {action.name for action in bpy.data.actions} - before
    assert len(made) == 1 and "Made the action" in state().message, state().message
    yield 0.2
    driver.key("Z", ctrl=True)
    yield from wait_until(lambda: {action.name for action in bpy.data.actions} == before, limit_s=20)


def killed(after_s: float) -> Iterator[float]:
    """Kill the worker so long after its start; where the run was faster, halve the time and start again."""
    before = {action.name for action in bpy.data.actions}
    while True:
        yield from started()
        pid, began_s = run_module().current().job.pid, time.monotonic()
        while state().is_running and time.monotonic() - began_s < after_s:
            yield 0.005
        current = run_module().current()
        if current is not None and current.job is not None and current.solving is None and is_alive(pid):
            break
        yield from wait_until(lambda: not state().is_running)
        if {action.name for action in bpy.data.actions} != before:
            driver.key("Z", ctrl=True)
            yield from wait_until(lambda: {action.name for action in bpy.data.actions} == before, limit_s=20)
        after_s /= 2
    stage, percent = state().stage, round(current.fraction * 100)
    os.kill(pid, signal.SIGKILL)
    struck_s = time.monotonic()
    yield from wait_until(lambda: not state().is_running, limit_s=20)
    said_s = time.monotonic() - struck_s
    message = state().message
    assert "stopped unexpectedly (signal SIGKILL)" in message and "Traceback" not in message, message
    assert state().message_is_error and state().has_log and run_module().current() is None
    assert not is_alive(pid), "the worker is still there"
    assert {action.name for action in bpy.data.actions} == before, "half an action was made"
    assert bpy.ops.pose3d.import_pose_from_video.poll(), "no run can be started"
    leftovers = [path.name for path in (bpy_home() / "cache").rglob("*") if path.is_file() and path.suffix != ".npz"]
    seen.setdefault("kills", []).append([round(after_s, 2), stage, percent, round(said_s, 2), leftovers])
    yield 0.2
    driver.key("ESC")  # the report over the view
    yield 0.2


def bpy_home() -> Path:
    return import_module(f"{EXTENSION}.prefs").home()


def everything() -> Iterator[float]:
    yield 1.0
    yield from prepared()
    began_s = time.monotonic()
    yield from whole_run()
    length_s = time.monotonic() - began_s
    seen["run s"] = round(length_s, 1)
    for number in range(KILLS):
        yield from killed(RANDOM.uniform(0.0, length_s))
        print(f"killed {number + 1} of {KILLS}: {seen['kills'][-1]}", flush=True)
        if number % 3 == 2 or number == KILLS - 1:
            yield from whole_run()
            seen["whole runs"] = int(seen.get("whole runs", 0)) + 1
    bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "after.blend"))
    figure = bpy.data.objects["Figure"]
    seen["well"] = figure.animation_data is None or figure.animation_data.action is None


if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    _steps = everything()
    bpy.app.timers.register(lambda: driver.drive(_steps), first_interval=1.0, persistent=True)
