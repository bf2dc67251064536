"""Runs inside a Blender with a window: the motion engine set up from nothing by the panel's button, with the packages of the
package index. The set-up is killed in the middle of a download, goes on from there, and the engine that it made animates a clip.

Not collected by pytest; test_engine.py starts it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.gui import driver
from tests.gui.driver import CLIP, EXTENSION, press, screenshot, seen, state, wait_until

driver.SHORTCUTS["pose3d.set_up_engine"] = "F16"
CUT_AT_BYTES = 30_000_000  # of one package: in the middle of a large one
LIMIT_S = 3000.0


def module(name: str):
    return import_module(f"{EXTENSION}.{name}")


def setting_up() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.pose3d_setup


def parts() -> dict[str, int]:
    """What there is of packages that have not come whole, in bytes."""
    folder = module("prefs").home() / "wheels"
    return {path.name.removesuffix(".part"): path.stat().st_size for path in folder.glob("*.part")}


def prepared() -> Iterator[float]:
    yield from driver.installed()
    bpy.context.preferences.system.use_online_access = True
    yield 1.0
    seen["state before"] = module("ops.engine_setup").engine_state().name
    seen["offer"] = module("ops.engine_setup").what_is_fetched()


def cut() -> Iterator[float]:
    """The set-up's process is killed in the middle of a package."""
    driver.phase("set-up")
    seen["began s"] = time.monotonic()
    yield from press("pose3d.set_up_engine")
    yield from wait_until(lambda: setting_up().is_running, limit_s=10)
    yield from wait_until(
        lambda: max(parts().values(), default=0) >= CUT_AT_BYTES or not setting_up().is_running, limit_s=LIMIT_S
    )
    assert setting_up().is_running, setting_up().message
    os.kill(module("ops.engine_setup").current().pid, signal.SIGKILL)
    yield from wait_until(lambda: not setting_up().is_running, limit_s=10)
    seen["said"] = setting_up().message
    seen["cut at"] = parts()
    yield 1.5
    seen["state after"] = module("ops.engine_setup").engine_state().name
    seen["may import"] = module("ui.engine").is_ready(bpy.context)
    yield from screenshot("cut")


def gone_on() -> Iterator[float]:
    name, had = max(seen["cut at"].items(), key=lambda part: part[1])
    yield from press("pose3d.set_up_engine")
    yield from wait_until(lambda: setting_up().is_running, limit_s=10)
    smallest, stages, pictured = had, [], False
    while setting_up().is_running:
        smallest = min(smallest, parts().get(name, had))
        stages.append(setting_up().stage)
        if not pictured and setting_up().detail:
            pictured = True
            yield from screenshot("fetching")
        yield 0.02
    seen["smallest after"], seen["had"] = smallest, had
    seen["stages"] = list(dict.fromkeys(stages))
    seen["ready"] = setting_up().message
    seen["is error"] = setting_up().message_is_error
    seen["set-up s"] = round(time.monotonic() - seen["began s"], 1)
    home = module("prefs").home()
    seen["unpacked MB"] = round(sum(p.stat().st_size for p in (home / "envs").rglob("*") if p.is_file()) / 1e6)
    seen["log"] = (home / "engine-setup.log").read_text(encoding="utf-8")
    assert not setting_up().message_is_error, seen["ready"]
    yield from screenshot("ready")


def animated() -> Iterator[float]:
    driver.phase("run")
    settings = bpy.context.scene.pose3d
    settings.clip_path, settings.armature = CLIP, bpy.data.objects["Figure"]
    settings.use_range, settings.end_s = True, 1.0
    bpy.ops.ed.undo_push(message="Set up")
    seen["engine"] = str(module("prefs").engine(bpy.context).python)
    yield from press("pose3d.import_pose_from_video")
    yield from wait_until(lambda: state().is_running, limit_s=20)
    yield from wait_until(lambda: not state().is_running)
    seen["message"] = state().message
    yield from screenshot("animated")


def everything() -> Iterator[float]:
    yield 1.0
    for part in (prepared, cut, gone_on, animated):
        yield from part()
        print(f"ok {part.__name__}", flush=True)


if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    _steps = everything()
    bpy.app.timers.register(lambda: driver.drive(_steps), first_interval=1.0, persistent=True)
    bpy.app.timers.register(driver.measure, first_interval=1.0, persistent=True)
