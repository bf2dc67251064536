"""Runs inside a Blender with a window: drives the extension by simulated keys and mouse, and writes what it saw.

Not collected by pytest; test_gui.py starts it. A scenario is a generator that yields the seconds to wait; a timer drives it.
Another timer notes how long the main thread lets it wait.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import bpy
from mathutils import Quaternion

EXTENSION = "bl_ext.user_default.pose3d"
ROOT = Path(__file__).resolve().parents[2]
OUT = Path(os.environ["POSE3D_TEST_FOLDER"])
CLIP = os.environ["POSE3D_TEST_CLIP"]
ENGINE = os.environ["POSE3D_TEST_ENGINE"]
PACKAGE = os.environ["POSE3D_TEST_PACKAGE"]
RUN_LIMIT_S = 240.0
SHORTCUTS = {"pose3d.import_pose_from_video": "F13", "pose3d.solve_take": "F14"}

seen: dict[str, object] = {}
stalls: dict[str, list[tuple[float, float]]] = {}
_phase = "start"
_last: tuple[float, float] | None = None
_started_s = time.monotonic()


def window() -> bpy.types.Window:
    return bpy.context.window_manager.windows[0]


def view() -> tuple[bpy.types.Area, bpy.types.Region]:
    area = next(a for a in window().screen.areas if a.type == "VIEW_3D")
    return area, next(r for r in area.regions if r.type == "WINDOW")


def middle() -> tuple[int, int]:
    _, region = view()
    return region.x + region.width // 3, region.y + region.height // 2


def key(kind: str, *, unicode: str | None = None, **modifiers: bool) -> None:
    x, y = middle()
    window().event_simulate(type=kind, value="PRESS", unicode=unicode, x=x, y=y, **modifiers)
    window().event_simulate(type=kind, value="RELEASE", x=x, y=y, **modifiers)


def press(operator: str) -> Iterator[float]:
    """The button's operator by a key over the 3D view, as a person may assign one to any button."""
    keymap = bpy.context.window_manager.keyconfigs.user.keymaps["3D View"]
    if operator not in {item.idname for item in keymap.keymap_items}:
        keymap.keymap_items.new(operator, SHORTCUTS[operator], "PRESS")
        yield 0.2
    x, y = middle()
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    key(SHORTCUTS[operator])
    yield 0.05


def orbit() -> Iterator[float]:
    """A drag with the middle button over the 3D view."""
    x, y = middle()
    window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x, y=y)
    window().event_simulate(type="MIDDLEMOUSE", value="PRESS", x=x, y=y)
    yield 0.05
    for step in range(1, 6):
        window().event_simulate(type="MOUSEMOVE", value="NOTHING", x=x + 12 * step, y=y + 4 * step)
        yield 0.03
    window().event_simulate(type="MIDDLEMOUSE", value="RELEASE", x=x + 60, y=y + 20)
    yield 0.05


def screenshot(name: str) -> Iterator[float]:
    """Asked of the process that started this one: without a compositor Blender's own screenshots are black."""
    print(f"screenshot {name}", flush=True)
    yield 0.8


def state() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.pose3d_run


def wait_until(what: Callable[[], bool], *, limit_s: float = RUN_LIMIT_S) -> Iterator[float]:
    end_s = time.monotonic() + limit_s
    while not what():
        if time.monotonic() > end_s:
            raise AssertionError(f"not in {limit_s} s; the panel says: {state().message}")
        yield 0.02


def phase(name: str) -> None:
    """The stalls from now on are of this part of the scenario."""
    global _phase
    _phase = name


def measure() -> float:
    """Note the time since the last turn of this timer, and how much of it the main thread computed: on a busy machine the rest
    may be other programs' work."""
    global _last
    now = time.perf_counter(), time.thread_time()
    if _last is not None:
        stalls.setdefault(_phase, []).append((now[0] - _last[0], now[1] - _last[1]))
    _last = now
    return 0.001


def settled() -> Iterator[float]:
    """Until the window answers at once: at first every drawing waits for shaders to be compiled."""
    for _ in range(40):
        phase("settling")
        stalls["settling"] = []
        yield 1.0
        if max(stalls["settling"], default=(1.0, 1.0))[0] < 0.05:
            return


def time_own_code() -> None:
    """Note how long the extension itself holds the main thread: each turn of the operator, and each drawing of the panel."""
    ops, panel = import_module(f"{EXTENSION}.ops.import_pose"), import_module(f"{EXTENSION}.ui.panel")
    modal, draw = ops.RunOperator.modal, panel.POSE3D_PT_main.draw

    # Blender counts the arguments of these, so they must be written out.
    def timed_modal(self: object, context: object, event: object) -> object:
        return timed("own modal", modal, self, context, event)

    def timed_draw(self: object, context: object) -> None:
        timed("own draw", draw, self, context)

    ops.RunOperator.modal, panel.POSE3D_PT_main.draw = timed_modal, timed_draw


def timed(name: str, function: Callable[..., Any], *arguments: object) -> Any:
    started = time.perf_counter(), time.thread_time()
    try:
        return function(*arguments)
    finally:
        stalls.setdefault(name, []).append((time.perf_counter() - started[0], time.thread_time() - started[1]))


def add_figure() -> None:
    """The demo's imp, in place of the default cube."""
    sys.path.insert(0, str(ROOT))
    from tests.demo.characters import imp

    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    figure = imp()
    figure.name = "Figure"
    bpy.context.view_layer.objects.active = figure
    sys.path.remove(str(ROOT))


def installed() -> Iterator[float]:
    """The zip installed, the sidebar at Pose3D, and a figure."""
    bpy.ops.extensions.package_install_files(filepath=PACKAGE, repo="user_default", enable_on_install=True)
    yield 1.0
    assert EXTENSION in bpy.context.preferences.addons, list(bpy.context.preferences.addons.keys())
    area, _ = view()
    area.spaces.active.show_region_ui = True
    yield 0.5
    next(r for r in area.regions if r.type == "UI").active_panel_category = "Pose3D"
    add_figure()


def no_engine_yet() -> Iterator[float]:
    """The panel as it is at the first use."""
    yield from installed()
    area, region = view()
    # Open, for the pictures.
    for panel in (import_module(f"{EXTENSION}.ui.panel").POSE3D_PT_clip, import_module(f"{EXTENSION}.ui.takes").POSE3D_PT_takes):
        bpy.utils.unregister_class(panel)
        panel.bl_options = set()
        bpy.utils.register_class(panel)
    with bpy.context.temp_override(window=window(), area=area, region=region):
        bpy.ops.view3d.view_all()
    yield 1.0
    yield from screenshot("no_engine")
    seen["may set up"] = bpy.ops.pose3d.set_up_engine.poll()
    try:
        bpy.ops.pose3d.set_up_engine()
    except RuntimeError as error:
        seen["why not"] = str(error)


def forget_clips() -> None:
    """What was seen of them: a clip is looked at once only."""
    shutil.rmtree(import_module(f"{EXTENSION}.prefs").cache_folder(bpy.context) / "seen", ignore_errors=True)


def import_by_a_key() -> Iterator[float]:
    forget_clips()
    yield from settled()
    phase("idle")
    yield 3.0
    phase("start of the run")
    yield from press("pose3d.import_pose_from_video")
    yield from wait_until(lambda: state().is_running, limit_s=10)
    phase("run")
    percents, turned = [], 0
    shown = False
    while state().is_running:
        percents.append(state().progress)
        before = view()[0].spaces.active.region_3d.view_rotation.copy()
        if len(percents) % 20 == 0 and "Animating" not in state().stage:
            phase("orbit")
            yield from orbit()
            after: Quaternion = view()[0].spaces.active.region_3d.view_rotation
            turned += before.rotation_difference(after).angle > 1e-3
            phase("run")
        if "Finding" in state().stage and state().detail and state().progress > 0.3 and not shown:
            shown = True
            seen["detail"] = state().detail
            yield from screenshot("running")
        if "Animating" in state().stage:
            phase("solve")
        yield 0.05
    yield 0.3
    phase("after")
    seen["percents"] = sorted(set(percents))
    seen["orbits"] = turned
    seen["message"] = state().message
    figure = bpy.data.objects["Figure"]
    assert figure.animation_data and figure.animation_data.action, state().message
    seen["action"] = figure.animation_data.action.name
    seen["frames"] = list(figure.animation_data.action.frame_range)
    bpy.context.scene.frame_set(110)
    yield 0.5
    yield from screenshot("done")
    key("Z", ctrl=True)
    yield 1.0
    figure = bpy.data.objects["Figure"]
    action = figure.animation_data.action if figure.animation_data else None
    seen["after undo"] = [action.name if action else None, [a.name for a in bpy.data.actions]]
    seen["clip after undo"] = bpy.context.scene.pose3d.clip_path
    key("Z", ctrl=True, shift=True)
    yield 1.0
    figure = bpy.data.objects["Figure"]
    seen["after redo"] = figure.animation_data.action.name if figure.animation_data and figure.animation_data.action else None


def work_meanwhile_and_cancel() -> Iterator[float]:
    """Renamed, undone and saved while it runs; Escape ends it within a second."""
    forget_clips()
    yield from press("pose3d.import_pose_from_video")
    yield from wait_until(lambda: state().is_running and state().progress > 0.02)
    figure = bpy.data.objects["Figure"]
    figure.name = "Renamed"
    with bpy.context.temp_override(window=window()):
        bpy.ops.ed.undo_push(message="Rename")
        bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "meanwhile.blend"))
    yield 0.3
    key("Z", ctrl=True)
    yield 0.5
    seen["running after undo"] = state().is_running
    actions = len(bpy.data.actions)
    started_s = time.monotonic()
    key("ESC")
    yield from wait_until(lambda: not state().is_running, limit_s=10)
    seen["cancel s"] = time.monotonic() - started_s
    seen["cancel message"] = state().message
    assert len(bpy.data.actions) == actions
    yield 0.5


def quiet_run() -> Iterator[float]:
    """With nothing to draw, since that is Blender's own and takes long without a graphics card: how long is the main thread
    held by what the extension does, and by its thread that has Python's lock?"""
    preferences = bpy.context.preferences.addons[EXTENSION].preferences
    preferences.engine_python = ENGINE
    settings = bpy.context.scene.pose3d
    settings.clip_path = CLIP
    settings.armature = bpy.data.objects["Figure"]
    bpy.ops.ed.undo_push(message="Set up")
    time_own_code()
    yield from settled()
    phase("start of the run")
    yield from press("pose3d.import_pose_from_video")
    yield from wait_until(lambda: state().is_running, limit_s=10)
    areas = {area: area.type for area in window().screen.areas}
    phase("other")
    for area in areas:
        area.type = "CONSOLE"
    yield 1.5
    while state().is_running:
        phase("quiet solve" if "Animating" in state().stage else "quiet run")
        yield 0.02
    phase("other")
    yield 0.5
    for area, kind in areas.items():
        area.type = kind
    yield 3.0
    bpy.ops.ed.undo()
    yield 2.0


def solve_a_take() -> Iterator[float]:
    takes = import_module(f"{EXTENSION}.ops.takes")
    takes.refresh(bpy.context)
    rows = bpy.context.window_manager.pose3d_takes.rows
    seen["takes"] = [row.name for row in rows]
    before = {a.name for a in bpy.data.actions}
    phase("take")
    started_s = time.monotonic()
    yield from press("pose3d.solve_take")
    yield from wait_until(lambda: bool({a.name for a in bpy.data.actions} - before), limit_s=60)
    seen["take s"] = time.monotonic() - started_s
    yield 1.0
    phase("after")
    seen["take message"] = state().message
    yield from screenshot("takes")


def drop_a_video() -> Iterator[float]:
    """The file handler's way of a video onto the 3D view, then Cancel."""
    area, region = view()
    with bpy.context.temp_override(window=window(), area=area, region=region):
        bpy.ops.wm.drop_import_file("INVOKE_DEFAULT", directory=str(Path(CLIP).parent), files=[{"name": Path(CLIP).name}])
    yield 1.5
    key("P", unicode="p")  # Blender asks which of the ways with videos is meant: Pose From Video
    yield from wait_until(lambda: state().is_running, limit_s=10)
    seen["dropped"] = True
    bpy.ops.pose3d.cancel()
    yield from wait_until(lambda: not state().is_running, limit_s=10)


def a_worker_that_dies() -> Iterator[float]:
    run = import_module(f"{EXTENSION}.ops.run")
    forget_clips()
    yield from press("pose3d.import_pose_from_video")
    yield from wait_until(lambda: state().is_running and state().progress > 0.01)
    os.kill(run.current().job.pid, 9)
    yield from wait_until(lambda: not state().is_running, limit_s=10)
    seen["died"] = state().message
    yield 0.5
    yield from screenshot("died")
    bpy.ops.pose3d.copy_log()
    seen["log"] = bpy.context.window_manager.clipboard


def switched_off_and_on() -> Iterator[float]:
    """With the skeleton over the view and the manual known: nothing of it is left, and all of it is back."""
    key("ESC")  # the report of what went wrong
    yield 0.5
    overlay = import_module(f"{EXTENSION}.ui.overlay")
    bpy.context.view_layer.objects.active = bpy.data.objects["Figure"]
    bpy.ops.pose3d.draw_skeleton()
    yield from wait_until(lambda: overlay._overlay.skeleton is not None, limit_s=60)
    yield 1.0
    yield from screenshot("skeleton")
    seen["drawn"] = overlay._overlay.handle is not None
    for _ in range(2):
        bpy.ops.preferences.addon_disable(module=EXTENSION)
        yield 0.5
        left = [name for name in dir(bpy.types) if name.startswith("POSE3D_") or name.startswith("Pose3D")]
        left += [start for start, _ in bpy.utils.manual_map() if "manual.html" in start]
        left += ["draw callback"] if overlay._overlay.handle is not None else []
        seen.setdefault("left over", []).extend(left)
        bpy.ops.preferences.addon_enable(module=EXTENSION)
        bpy.context.preferences.addons[EXTENSION].preferences.engine_python = ENGINE  # its preferences went with it
        yield 0.5


def quit_while_running() -> Iterator[float]:
    run = import_module(f"{EXTENSION}.ops.run")
    forget_clips()
    yield from press("pose3d.import_pose_from_video")
    yield from wait_until(lambda: state().is_running and state().progress > 0.01, limit_s=60)
    seen["worker"] = run.current().job.pid


SCENARIOS = (
    no_engine_yet,
    quiet_run,
    import_by_a_key,
    work_meanwhile_and_cancel,
    solve_a_take,
    drop_a_video,
    a_worker_that_dies,
    switched_off_and_on,
    quit_while_running,
)


def everything() -> Iterator[float]:
    yield 1.0
    wanted = os.environ.get("POSE3D_TEST_SCENARIOS", "").split()
    for scenario in SCENARIOS:
        if not wanted or scenario.__name__ in wanted:
            yield from scenario()
            print(f"ok {scenario.__name__} ({time.monotonic() - _started_s:.0f} s)", flush=True)


def drive(steps: Iterator[float]) -> float | None:
    try:
        return next(steps)
    except StopIteration:
        finish("")
    except BaseException:
        finish(traceback.format_exc())
    return None


def finish(error: str) -> None:
    if error:
        print(f"{error}\nscreenshot failed", flush=True)
        time.sleep(0.8)
    seen["error"] = error
    seen["stalls ms"] = {
        name: {
            "longest": round(max(gap for gap, _ in gaps) * 1000, 1),
            "longest computing": round(max(own for _, own in gaps) * 1000, 1),
            "over 50": sum(gap > 0.05 for gap, _ in gaps),
            "of": len(gaps),
        }
        for name, gaps in stalls.items()
        if gaps
    }
    seen["load"] = os.getloadavg()[0] / (os.cpu_count() or 1)
    (OUT / "seen.json").write_text(json.dumps(seen, indent=1, default=str), encoding="utf-8")
    sys.stdout.flush()
    with bpy.context.temp_override(window=window()):
        bpy.ops.wm.quit_blender()


if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    _steps = everything()
    bpy.app.timers.register(lambda: drive(_steps), first_interval=1.0, persistent=True)
    bpy.app.timers.register(measure, first_interval=1.0, persistent=True)
