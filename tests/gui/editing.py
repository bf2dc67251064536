"""Runs inside a Blender with a window: what undo, saving, other files and other work leave of the scene beside the extension.

Not collected by pytest; test_editing.py starts it.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from blender_pose3d.core.track_io import write_track
from tests.blender import rig_builders
from tests.core import motion_tracks
from tests.gui import driver
from tests.gui.driver import CLIP, ENGINE, EXTENSION, OUT, key, press, seen, state, view, wait_until, window
from tests.worker.workers import is_alive

driver.SHORTCUTS["pose3d.live"] = "F15"


def module(name: str) -> ModuleType:
    return import_module(f"{EXTENSION}.{name}")


def call(operator: Callable[..., set[str]], **properties: object) -> set[str] | str:
    """As a button does; what it refuses with."""
    area, region = view()
    with bpy.context.temp_override(window=window(), area=area, region=region):
        try:
            return operator("EXEC_DEFAULT", True, **properties)
        except RuntimeError as error:
            return str(error).strip()


def pushed(message: str) -> Iterator[float]:
    bpy.ops.ed.undo_push(message=message)
    yield 0.2


def undo() -> Iterator[float]:
    key("Z", ctrl=True)
    yield 0.6


def redo() -> Iterator[float]:
    key("Z", ctrl=True, shift=True)
    yield 0.6


def figure() -> bpy.types.Object:
    return bpy.data.objects["Figure"]


def pose(item: bpy.types.Object) -> np.ndarray:
    return np.array([[*bone.location, *bone.matrix_basis.to_quaternion()] for bone in item.pose.bones])


def actions() -> list[str]:
    return sorted(action.name for action in bpy.data.actions)


def plays_what_is_there() -> bool:
    """The figure's action is none that was freed."""
    data = figure().animation_data
    return data is None or data.action is None or data.action.as_pointer() in {a.as_pointer() for a in bpy.data.actions}


def fresh(add: Callable[[], bpy.types.Object] | None = None) -> Iterator[float]:
    """A new file with the imp, or what `add` adds, and a cube."""
    bpy.ops.wm.read_homefile(use_empty=False, use_factory_startup=True, app_template="")
    yield 0.5
    if add is None:
        driver.add_figure()
    else:
        for thing in list(bpy.data.objects):
            bpy.data.objects.remove(thing)
        bpy.context.view_layer.objects.active = add()
        bpy.context.view_layer.objects.active.name = "Figure"
    cube = bpy.data.objects.new("Cube", None)
    bpy.context.scene.collection.objects.link(cube)
    view()[0].spaces.active.show_region_ui = True
    bpy.context.preferences.addons[EXTENSION].preferences.engine_python = ENGINE
    bpy.context.preferences.system.viewport_aa = "OFF"
    settings = bpy.context.scene.pose3d
    settings.clip_path = settings.live.filepath = CLIP
    settings.live.source, settings.armature = "FILE", figure()
    yield from pushed("Set up")


def cache() -> Path:
    return module("prefs").cache_folder(bpy.context)


def recordings() -> list[Path]:
    return sorted(cache().glob("live-*.npz"))


def solved(take: Path, **properties: object) -> Iterator[float]:
    call(bpy.ops.pose3d.solve_take, take=str(take), **properties)
    yield 0.3


def walk_take() -> Path:
    return cache() / "walk-of-the-test.npz"


def set_up() -> Iterator[float]:
    yield from driver.installed()
    yield from fresh()
    cache().mkdir(parents=True, exist_ok=True)
    write_track(walk_take(), motion_tracks.seen("walk", fps=24, seconds=2).track)
    module("ops.takes").refresh(bpy.context)


def moved_cube(x: float) -> Iterator[float]:
    bpy.data.objects["Cube"].location.x = x
    yield from pushed(f"Move to {x}")


def live() -> ModuleType:
    return module("ops.live")


def followed() -> Iterator[float]:
    yield from press("pose3d.live")
    yield from wait_until(lambda: live().current() is not None and live().current().frames > 8, limit_s=60)


def stopped() -> Iterator[float]:
    bpy.ops.pose3d.live_stop()
    yield from wait_until(lambda: live().current() is None and not state().is_running, limit_s=60)
    yield 0.3


def two_recordings_are_two_undo_steps() -> Iterator[float]:
    yield from fresh()
    yield from moved_cube(5)
    yield from followed()
    for _ in range(2):
        bpy.ops.pose3d.live_record()
        yield 1.0
        bpy.ops.pose3d.live_record()
    yield from stopped()
    steps: list[Any] = [len(actions())]
    for _ in range(2):
        yield from undo()
        steps.append([len(actions()), bpy.data.objects["Cube"].location.x, plays_what_is_there()])
    for _ in range(2):
        yield from redo()
        steps.append([len(actions()), bpy.data.objects["Cube"].location.x, plays_what_is_there()])
    seen["recordings undone"] = steps


def undone_while_controls_are_keyed() -> Iterator[float]:
    run = module("ops.run")
    yield from fresh(lambda: rig_builders.with_ik_constraints("a_pose"))
    bpy.context.scene.pose3d.output.limbs = "ik"
    yield from pushed("IK")
    found = []
    for again in (undo, redo):
        yield from moved_cube(3)
        yield from moved_cube(5)
        if again is redo:
            yield from undo()
        before = bpy.data.objects["Cube"].location.x
        module("ops.takes").refresh(bpy.context)
        own = pose(figure())
        yield from press("pose3d.solve_take")
        yield from wait_until(lambda: bool(actions()) or run.current() is None, limit_s=60)
        keying = run.current() is not None
        yield from again()
        yield from wait_until(lambda: run.current() is None, limit_s=60)
        yield 0.3
        key("ESC")  # the report of what went wrong
        yield 0.3
        now = bpy.data.objects["Cube"].location.x
        same = bool(np.allclose(pose(figure()), own, atol=1e-6))
        found.append([keying, now != before, actions(), plays_what_is_there(), same, state().message])
        bpy.context.scene.frame_set(bpy.context.scene.frame_current + 1)
        yield from redo()
        yield from undo()
    # And a run that nobody disturbs is one step.
    yield from press("pose3d.solve_take")
    yield from wait_until(lambda: run.current() is not None, limit_s=10)
    yield from wait_until(lambda: run.current() is None, limit_s=60)
    yield 0.3
    found.append([len(actions()), plays_what_is_there()])
    seen["undone while keyed"] = found


def saved_while_controls_are_keyed() -> Iterator[float]:
    """The file has nothing of what is half made; the run goes on."""
    run = module("ops.run")
    yield from fresh(lambda: rig_builders.with_ik_constraints("a_pose"))
    bpy.context.scene.pose3d.output.limbs = "ik"
    yield from pushed("IK")
    module("ops.takes").refresh(bpy.context)
    own = pose(figure())
    yield from press("pose3d.solve_take")
    yield from wait_until(lambda: bool(actions()), limit_s=60)
    keying = run.current() is not None
    bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "half.blend"), copy=True)
    yield from wait_until(lambda: run.current() is None, limit_s=60)
    made = actions()
    bpy.ops.wm.open_mainfile(filepath=str(OUT / "half.blend"))
    yield 0.5
    same = bool(np.allclose(pose(figure()), own, atol=1e-6))
    seen["saved while keyed"] = [keying, len(made), actions(), same, figure().animation_data and figure().animation_data.action]


def live_is_no_part_of_the_file() -> Iterator[float]:
    """Neither of undo steps nor of what is saved; what the user poses and undoes meanwhile counts."""
    yield from fresh()
    at_first = pose(figure())
    bone = figure().pose.bones[5]
    bone.rotation_mode = "QUATERNION"
    bone.rotation_quaternion = (0.8, 0.6, 0, 0)
    yield from pushed("Pose")
    own = pose(figure())
    yield from followed()
    found = {"moves": not np.allclose(pose(figure()), own, atol=0.01)}
    yield from moved_cube(1)
    yield from moved_cube(2)
    bpy.ops.wm.save_as_mainfile(filepath=str(OUT / "live.blend"), copy=True)
    yield from undo()

    def moves_on() -> bool:
        return live().current() is not None and not np.allclose(pose(figure()), own, atol=0.01)

    yield from wait_until(lambda: live().current() is None or moves_on(), limit_s=30)
    found["goes on after undo"] = moves_on()
    yield from moved_cube(3)
    yield from stopped()
    found["at the end"] = bool(np.allclose(pose(figure()), own, atol=1e-5))
    for name, step, there in (
        ("undo", undo, own),
        ("undo again", undo, own),
        ("undo to before", undo, at_first),
        ("redo", redo, own),
        ("redo again", redo, own),
    ):
        yield from step()
        found[name] = bool(np.allclose(pose(figure()), there, atol=1e-5))
    bpy.ops.wm.open_mainfile(filepath=str(OUT / "live.blend"))
    yield 0.5
    found["in the file"] = bool(np.allclose(pose(figure()), own, atol=1e-5))
    found["nothing is left"] = "pose3d_own_pose" not in figure()
    seen["live"] = found


def another_file_while_recording() -> Iterator[float]:
    yield from fresh()
    before = recordings()
    yield from followed()
    bpy.ops.pose3d.live_record()
    yield 0.7
    worker = live().current().job.pid
    yield from fresh()
    seen["kept for another file"] = len(recordings()) - len(before)
    yield from wait_until(lambda: not is_alive(worker), limit_s=10)


def deleted_while_recording() -> Iterator[float]:
    yield from fresh()
    before = recordings()
    yield from followed()
    bpy.ops.pose3d.live_record()
    yield 0.7
    bpy.data.objects.remove(figure())
    yield from wait_until(lambda: live().current() is None, limit_s=10)
    yield 0.3
    seen["kept of the deleted"] = len(recordings()) - len(before)
    seen["said of the deleted"] = [report for report in reports() if "Figure" in report or "recorded" in report]


def live_without_a_pose() -> Iterator[float]:
    yield from fresh()
    figure().data.pose_position = "REST"
    yield from pushed("Rest")
    yield from followed()
    yield from stopped()
    seen["live at rest"] = [report for report in reports() if "shows its rest position" in report]


def reports() -> list[str]:
    """What operators reported, newest last: Blender tells by its Info editor only."""
    area = next(a for a in window().screen.areas if a.type != "VIEW_3D")
    kind = area.type
    area.type = "INFO"
    with bpy.context.temp_override(window=window(), area=area, region=area.regions[-1]):
        bpy.ops.info.select_all(action="SELECT")
        bpy.ops.info.report_copy()
    area.type = kind
    return bpy.context.window_manager.clipboard.splitlines()


def undone_in_edit_mode() -> Iterator[float]:
    """A take onto bones that are being edited, and the steps before and after it."""
    yield from fresh()
    yield from moved_cube(5)
    name = figure().data.bones[-1].name
    steps: list[Any] = []

    def look() -> None:
        names = figure().data.edit_bones if figure().mode == "EDIT" else figure().data.bones
        steps.append([figure().mode, len(actions()), "Renamed" in names, plays_what_is_there()])

    call(bpy.ops.object.mode_set, mode="EDIT")
    yield 0.3
    figure().data.edit_bones[name].name = "Renamed"
    yield from pushed("Rename")
    yield from solved(walk_take())
    look()
    for again in (undo, undo, redo, redo):
        yield from again()
        look()
    call(bpy.ops.object.mode_set, mode="OBJECT")
    yield 0.3
    look()
    for again in (undo, undo, undo, undo, redo, redo, redo, redo):
        yield from again()
        look()
    bpy.context.scene.frame_set(5)
    seen["undone in edit mode"] = steps


def an_import_leaves_the_rest() -> Iterator[float]:
    yield from fresh()
    driver_figure = figure()
    other = rig_builders.build("a_pose")
    other.name = "Other"
    bone = other.pose.bones[3]
    bone.rotation_mode = "XYZ"
    for frame, turn in ((1, 0.0), (20, 0.1)):
        bone.rotation_euler.x = turn
        bone.keyframe_insert("rotation_euler", frame=frame)
    bpy.context.view_layer.objects.active = driver_figure
    scene = bpy.context.scene
    found = {}
    for strip in (False, True):
        scene.pose3d.output.nla_strip = strip
        scene.frame_set(10, subframe=0.5)
        bone.rotation_euler.x = 1.0
        bpy.ops.ed.undo_push(message="Pose")
        yield 0.2
        yield from solved(walk_take())
        bone = bpy.data.objects["Other"].pose.bones[3]
        found[f"strip {strip}"] = [round(bone.rotation_euler.x, 3), scene.frame_current_final]
        now = pose(figure())
        scene.frame_set(10, subframe=0.5)
        found[f"shown {strip}"] = bool(np.allclose(pose(figure()), now, atol=1e-5))
    for kind in ("bvh", "glb"):
        scene.frame_set(10, subframe=0.5)
        bone.rotation_euler.x = 1.0
        said = call(bpy.ops.pose3d.export_animation, filepath=str(OUT / f"rest.{kind}"), overwrite=True)
        found[kind] = [sorted(said), round(bone.rotation_euler.x, 3), scene.frame_current_final]
    seen["rest"] = found


def exported_from_a_local_view() -> Iterator[float]:
    """A view that shows the cube alone takes nothing out of the file."""
    yield from fresh()
    yield from solved(walk_take())
    for item in bpy.context.view_layer.objects:
        item.select_set(item.name == "Cube")
    area, region = view()
    with bpy.context.temp_override(window=window(), area=area, region=region):
        bpy.ops.view3d.localview()
    yield 0.3
    files = {kind: str(OUT / f"local.{kind}") for kind in ("fbx", "glb", "deform.fbx", "deform.glb")}
    said, names = {}, sorted(bpy.data.objects.keys())
    for kind, file in files.items():
        bpy.context.scene.pose3d.output.deform_bones = kind.startswith("deform")
        said[kind] = call(bpy.ops.pose3d.export_animation, filepath=file, overwrite=True)
        yield 0.2
    local = area.spaces.active.local_view is not None
    there = [sorted(bpy.data.objects.keys()) == names]
    for back in (undo, redo):
        yield from back()
        there.append(sorted(bpy.data.objects.keys()) == names)
    seen["objects after an export"] = there
    found = {}
    for kind in files:
        read = bpy.ops.import_scene.fbx if kind.endswith("fbx") else bpy.ops.import_scene.gltf
        bpy.ops.wm.read_homefile(use_empty=True, use_factory_startup=True, app_template="")
        yield 0.5
        area, region = view()
        with bpy.context.temp_override(window=window(), area=area, region=region):
            read(filepath=files[kind])
        found[kind] = [sorted(said[kind]), local, sorted({item.type for item in bpy.data.objects}), len(bpy.data.actions)]
    seen["local view"] = found


def film_processes(name: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if b"film" in words and any(word.endswith(name.encode()) for word in words):
                found.append(int(folder.name))
    return found


def films() -> Iterator[float]:
    """Left behind in another workspace, and with the extension switched off."""
    yield from fresh()
    yield from solved(walk_take())
    (OUT / "left.mp4").unlink(missing_ok=True)
    told: list[tuple[str, bool]] = []
    own = bpy.types.WorkSpace.status_text_set

    def noted(workspace: bpy.types.WorkSpace, text: str | None) -> None:
        told.append((workspace.name, text is not None))
        own(workspace, text)

    bpy.types.WorkSpace.status_text_set = noted
    try:
        say = call(bpy.ops.pose3d.landmark_film, filepath=str(OUT / "left.mp4"), overwrite=True)
        yield from wait_until(lambda: any(on for _, on in told), limit_s=30)
        was = window().workspace.name
        window().workspace = bpy.data.workspaces["Animation"]
        yield from wait_until((OUT / "left.mp4").is_file, limit_s=120)
        yield 1.0
        window().workspace = bpy.data.workspaces[was]
        yield 0.3
        last = dict(told)
        seen["status lines left"] = [sorted(say), sorted(name for name, on in last.items() if on)]
        call(bpy.ops.pose3d.landmark_film, filepath=str(OUT / "off.mp4"), overwrite=True)
        yield from wait_until(lambda: bool(film_processes("off.mp4")), limit_s=20)
        told.clear()
        yield from wait_until(lambda: any(on for _, on in told), limit_s=30)
        bpy.ops.preferences.addon_disable(module=EXTENSION)
        yield 0.3
        seen["film switched off"] = [film_processes("off.mp4"), sorted(name for name, on in dict(told).items() if on)]
    finally:
        bpy.types.WorkSpace.status_text_set = own
    bpy.ops.preferences.addon_enable(module=EXTENSION)
    yield 0.5


def presets() -> Iterator[float]:
    yield from fresh()
    call(bpy.ops.pose3d.find_bones)
    yield 0.1
    call(bpy.ops.pose3d.save_preset, title="Mine")
    yield 0.2
    call(bpy.ops.pose3d.clear_bones)
    yield 0.2
    said = [call(bpy.ops.pose3d.rename_preset, title="Mine too")]
    yield from moved_cube(4)
    found = [bpy.context.scene.pose3d.preset]
    for _ in range(2):
        yield from undo()
    found.append(bpy.context.scene.pose3d.preset)
    yield from solved(walk_take())
    found.append(state().message.splitlines()[0])
    yield from undo()
    bpy.context.scene.pose3d.preset = "user:Mine too"
    yield from pushed("Choose")
    said.append(call(bpy.ops.pose3d.delete_preset))
    yield from moved_cube(6)
    yield from undo()
    yield from undo()
    found.append(bpy.context.scene.pose3d.preset)
    seen["presets"] = found


def the_take_is_gone() -> Iterator[float]:
    yield from fresh()
    take = cache() / "soon-gone.npz"
    shutil.copy(walk_take(), take)
    yield from solved(take)
    take.unlink()
    overlay = module("ui.overlay")
    seen["take gone"] = [
        call(bpy.ops.pose3d.landmark_film, filepath=str(OUT / "gone.mp4")),
        call(bpy.ops.pose3d.draw_skeleton),
        call(bpy.ops.pose3d.solve_contacts_again),
        call(bpy.ops.pose3d.show_clip_as_background),
    ]
    seen["drawn without a take"] = overlay.is_on()
    yield 0.2


def german() -> Iterator[float]:
    """Every label as Blender shows it, against the table."""
    from tests.blender import translation_checks

    preferences = bpy.context.preferences.view
    preferences.language, preferences.use_translate_interface, preferences.use_translate_tooltips = "de_DE", True, True
    yield 0.5
    seen["not as in the table"] = translation_checks.shown_otherwise(module("registration"), module("translations.de").GERMAN)
    preferences.language = "en_US"
    yield 0.3


def quit_while_recording() -> Iterator[float]:
    yield from fresh()
    yield from followed()
    bpy.ops.pose3d.live_record()
    yield 0.7
    seen["cache"] = str(cache())
    seen["recordings before quitting"] = len(recordings())


driver.SCENARIOS = (
    set_up,
    an_import_leaves_the_rest,
    exported_from_a_local_view,
    undone_in_edit_mode,
    undone_while_controls_are_keyed,
    saved_while_controls_are_keyed,
    two_recordings_are_two_undo_steps,
    live_is_no_part_of_the_file,
    another_file_while_recording,
    deleted_while_recording,
    live_without_a_pose,
    films,
    presets,
    the_take_is_gone,
    german,
    quit_while_recording,
)


if __name__ == "__main__":
    bpy.context.preferences.view.show_splash = False
    _steps = driver.everything()
    bpy.app.timers.register(lambda: driver.drive(_steps), first_interval=1.0, persistent=True)
