"""Runs inside a Blender with a window: how long the main thread keeps a timer waiting, with the extension at work and without.

Not collected by pytest; test_stalls.py starts it. The window is drawn in software here and the worker needs the same processors,
so every phase with the extension has one without it beside: what the extension adds is the difference.

idle                 nothing goes on
idle, drawn          the sidebar is drawn as often as a run does it
worker outside       nothing, while another process of the engine reads the same clip, started by nobody in this Blender
worker outside, drawn
run                  the extension reads the clip: detecting and lifting
solve                the solve in its thread, and the keys
idle, views drawn    the 3D view is drawn as often as poses come
live                 the armature follows the clip as a camera

Drawn in software, a large window alone keeps a timer waiting for longer than the goal: this one is small, and its 3D view simple.
Half a run is cancelled too: how long until the panel says so, and until the worker is gone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import bpy

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.gui import driver
from tests.gui.driver import CLIP, ENGINE, EXTENSION, OUT, phase, press, seen, stalls, state, wait_until, window
from tests.worker.workers import is_alive

PHASE_S = float(os.environ.get("POSE3D_TEST_PHASE_S", "10"))
REPEATS = int(os.environ.get("POSE3D_TEST_REPEATS", "1"))
driver.SHORTCUTS["pose3d.live"] = "F15"


def prepared() -> Iterator[float]:
    yield from driver.installed()
    area, _ = driver.view()
    bpy.context.preferences.system.viewport_aa = "OFF"
    area.spaces.active.shading.light = "FLAT"
    area.spaces.active.overlay.show_overlays = False
    bpy.context.preferences.addons[EXTENSION].preferences.engine_python = ENGINE
    settings = bpy.context.scene.pose3d
    settings.clip_path = settings.live.filepath = CLIP
    settings.armature = bpy.data.objects["Figure"]
    settings.live.source = "FILE"
    bpy.ops.ed.undo_push(message="Set up")
    driver.time_own_code()
    live = import_module(f"{EXTENSION}.ops.live")
    modal = live.POSE3D_OT_live.modal

    def timed_modal(self: object, context: object, event: object) -> object:
        return driver.timed("own live", modal, self, context, event)

    live.POSE3D_OT_live.modal = timed_modal
    yield from driver.settled()


def drawn(kind: str, every_s: float) -> Iterator[float]:
    """Wait for a phase's time, with regions of this kind drawn again and again."""
    end_s = time.monotonic() + PHASE_S
    while time.monotonic() < end_s:
        for area in window().screen.areas:
            for region in area.regions if area.type == "VIEW_3D" else ():
                if region.type == kind:
                    region.tag_redraw()
        yield every_s


def idle() -> Iterator[float]:
    phase("idle")
    yield PHASE_S
    phase("idle, drawn")
    yield from drawn("UI", 0.4)
    phase("idle, views drawn")
    yield from drawn("WINDOW", 0.04)
    phase("other")
    yield 1.0


def worker_outside() -> Iterator[float]:
    """Of the same priority as the extension gives its own."""
    engine = import_module(f"{EXTENSION}.prefs").engine(bpy.context)
    words = engine.command("infer", [CLIP, OUT / "outside.npz"])
    child = subprocess.Popen(
        words, env=engine.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    import_module(f"{EXTENSION}.worker.job")._lower_priority(child.pid)
    started_s = time.monotonic()
    while child.poll() is None:
        in_turn = int((time.monotonic() - started_s) / 4) % 2
        phase("worker outside" if in_turn == 0 else "worker outside, drawn")
        if in_turn:
            for region in next(a for a in window().screen.areas if a.type == "VIEW_3D").regions:
                if region.type == "UI":
                    region.tag_redraw()
        yield 0.4
    phase("other")
    yield 1.0


def run_of_its_own() -> Iterator[float]:
    phase("other")
    driver.forget_clips()
    yield from press("pose3d.import_pose_from_video")
    yield from wait_until(lambda: state().is_running, limit_s=10)
    while state().is_running:
        phase("solve" if "Animating" in state().stage else "run")
        yield 0.02
    phase("other")
    assert "Made the action" in state().message, state().message
    yield 2.0
    bpy.ops.ed.undo()
    yield 2.0


def cancelled() -> Iterator[float]:
    phase("other")
    driver.forget_clips()
    yield from press("pose3d.import_pose_from_video")
    yield from wait_until(lambda: state().is_running and state().progress > 0.02)
    pid, started_s = import_module(f"{EXTENSION}.ops.run").current().job.pid, time.monotonic()
    driver.key("ESC")
    yield from wait_until(lambda: not state().is_running, limit_s=10)
    seen.setdefault("cancelled s", []).append(round(time.monotonic() - started_s, 3))
    yield from wait_until(lambda: not is_alive(pid), limit_s=10)
    seen.setdefault("worker gone s", []).append(round(time.monotonic() - started_s, 3))
    yield 1.0


def live() -> Iterator[float]:
    session = import_module(f"{EXTENSION}.ops.live")
    yield from press("pose3d.live")
    yield from wait_until(lambda: session.current() is not None and session.current().frames > 3, limit_s=60)
    current = session.current()
    phase("live")
    began_s, before = time.monotonic(), current.frames
    while session.current() is current and time.monotonic() - began_s < PHASE_S:
        yield 0.1
    seen.setdefault("live poses/s", []).append(round((current.frames - before) / (time.monotonic() - began_s), 1))
    phase("other")
    if bpy.ops.pose3d.live_stop.poll():
        bpy.ops.pose3d.live_stop()
    yield from wait_until(lambda: session.current() is None, limit_s=20)
    yield 1.0


def everything() -> Iterator[float]:
    yield 1.0
    yield from prepared()
    for number in range(REPEATS):
        for part in (idle, worker_outside, run_of_its_own, cancelled, live):
            yield from part()
            print(f"ok {part.__name__} {number + 1} of {REPEATS}", flush=True)
        (OUT / "gaps.json").write_text(json.dumps(stalls), encoding="utf-8")


if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    _steps = everything()
    bpy.app.timers.register(lambda: driver.drive(_steps), first_interval=1.0, persistent=True)
    bpy.app.timers.register(driver.measure, first_interval=1.0, persistent=True)
