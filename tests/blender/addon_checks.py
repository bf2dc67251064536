"""Runs inside a Blender: `addon_checks.py -- CHECK… `. Prints a line for each check, ends with 0 when all hold.

Not collected by pytest; test_addon.py starts it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import threading
import traceback
import types
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.blender import script  # noqa: E402

REGISTERED = (
    bpy.types.Operator,
    bpy.types.Panel,
    bpy.types.PropertyGroup,
    bpy.types.AddonPreferences,
    bpy.types.FileHandler,
    bpy.types.UIList,
    bpy.types.Menu,
)
EXTENSION = "bl_ext.user_default.pose3d"


def traces() -> dict[str, object]:
    """Everything that an add-on may leave behind in Blender."""
    handlers = {name: len(value) for name in dir(bpy.app.handlers) if isinstance(value := getattr(bpy.app.handlers, name), list)}
    menus = {
        name: len(draw._draw_funcs)
        for name in dir(bpy.types)
        if hasattr(draw := getattr(getattr(bpy.types, name), "draw", None), "_draw_funcs")
    }
    keymaps = bpy.context.window_manager.keyconfigs.addon
    return {
        "types": {name for name in dir(bpy.types) if not name.startswith("_")},
        "operators": set(dir(bpy.ops.pose3d)),
        "scene": set(bpy.types.Scene.bl_rna.properties.keys()) | set(vars(bpy.types.Scene)),
        "window manager": set(bpy.types.WindowManager.bl_rna.properties.keys()) | set(vars(bpy.types.WindowManager)),
        "handlers": handlers,
        "menus": {name: count for name, count in menus.items() if count > 1},
        "manual": len([start for start, _ in bpy.utils.manual_map()]),
        "hurry": sys.getswitchinterval(),
        "threads": sorted(thread.name for thread in threading.enumerate() if thread.name.startswith("pose3d")),
        "timers": pending_timers(),
        "keymaps": sum(len(k.keymap_items) for k in keymaps.keymaps) if keymaps else 0,
        "classes": {
            base.__name__: {c.__qualname__ for c in base.__subclasses__() if "pose3d" in c.__module__ and c.is_registered}
            for base in REGISTERED
        },
    }


def pending_timers() -> list[str]:
    """Those of the add-on's modules: Blender does not list them, so each function there is asked for."""
    return sorted(
        f"{name}.{function.__name__}"
        for name, module in list(sys.modules.items())
        if "pose3d." in name and module is not None
        for function in vars(module).values()
        if isinstance(function, types.FunctionType) and bpy.app.timers.is_registered(function)
    )


def test_folder() -> Path:
    return Path(os.environ["POSE3D_TEST_FOLDER"])


def differences(before: dict[str, object], after: dict[str, object]) -> list[str]:
    return [f"{key}: {before[key]} -> {after[key]}" for key in before if before[key] != after[key]]


def fails_with(text: str, **properties: object) -> None:
    """The operator refuses with a report that contains `text`, and leaves nothing running."""
    try:
        result = bpy.ops.pose3d.import_pose_from_video(**properties)
    except RuntimeError as error:
        assert text in str(error), f"“{text}” is not in: {error}"
        assert "Traceback" not in str(error), str(error)
    else:
        raise AssertionError(f"no refusal but {result}; “{text}” was expected")
    state = bpy.context.window_manager.pose3d_run
    assert not state.is_running and state.message_is_error and text in state.message, state.message


def fails_in_poll(text: str) -> None:
    assert not bpy.ops.pose3d.import_pose_from_video.poll()
    try:
        bpy.ops.pose3d.import_pose_from_video()
    except RuntimeError as error:
        assert text in str(error), error


@contextlib.contextmanager
def registered():
    import blender_pose3d

    blender_pose3d.register()
    try:
        yield
    finally:
        blender_pose3d.unregister()


@contextlib.contextmanager
def variable(name: str, value: str):
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before


def add_armature(name: str = "Figure") -> bpy.types.Object:
    armature_object = bpy.data.objects.new(name, bpy.data.armatures.new(name))
    bpy.context.scene.collection.objects.link(armature_object)
    return armature_object


def check_importing_does_nothing() -> None:
    modules, environment = set(sys.modules), dict(os.environ)
    before = traces()
    import blender_pose3d  # noqa: F401

    new = {m for m in sys.modules if m.startswith("blender_pose3d")} - modules
    assert new == {"blender_pose3d"}, new
    assert dict(os.environ) == environment
    assert not differences(before, traces())


def check_ten_registrations_leave_nothing() -> None:
    import blender_pose3d

    before = traces()
    for _ in range(10):
        blender_pose3d.register()
        during = traces()
        assert len(during["classes"]["Operator"]) >= 3, during["classes"]
        assert {"pose3d"} <= during["scene"] - before["scene"]
        assert {"pose3d_run"} <= during["window manager"] - before["window manager"]
        assert during["menus"].get("TOPBAR_MT_file_import", 1) > before["menus"].get("TOPBAR_MT_file_import", 1)
        assert bpy.context.window_manager.pose3d_run.message == "", "the message of an earlier registration"
        bpy.context.window_manager.pose3d_run.message = "left over"
        assert during["manual"] == before["manual"] + 1
        leave_everything_on()
        assert len(pending_timers()) >= 2, pending_timers()
        blender_pose3d.unregister()
        assert overlay_handle() is None
        left = differences(before, traces())
        assert not left, left


def leave_everything_on() -> None:
    """What a user may have on when the add-on is switched off: the skeleton over the views, a list on its way."""
    from blender_pose3d.ops import takes
    from blender_pose3d.ui import overlay

    overlay.switch(True)
    takes.refresh_soon(bpy.context)


def overlay_handle() -> object:
    from blender_pose3d.ui import overlay

    return overlay._overlay.handle


def check_presets_are_the_shipped_ones() -> None:
    with registered():
        items = bpy.context.scene.pose3d.bl_rna.properties["preset"]
        shipped = {p.stem for p in (ROOT / "rigs").glob("*.json")}
        settings = bpy.context.scene.pose3d
        assert settings.preset == "auto", settings.preset
        for name in sorted(shipped):
            settings.preset = name
            assert settings.preset == name
        settings.preset = "auto"
        try:
            settings.preset = "no such preset"
        except TypeError:
            pass
        else:
            raise AssertionError(f"an unknown preset was taken: {items}")


def check_settings_stay_in_the_file() -> None:
    path = test_folder() / "settings.blend"
    with registered():
        figure = add_armature()
        settings = bpy.context.scene.pose3d
        settings.clip_path, settings.armature, settings.use_range, settings.end_s = "//walk.mp4", figure, True, 3.5
        bpy.context.window_manager.pose3d_run.message = "of this session only"
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.wm.open_mainfile(filepath=str(path))
        settings = bpy.context.scene.pose3d
        assert (settings.clip_path, settings.armature.name, settings.end_s) == ("//walk.mp4", "Figure", 3.5)
    bpy.ops.wm.read_factory_settings(use_empty=True)


def check_every_property_has_a_tooltip() -> None:
    with registered():
        operators = [getattr(bpy.types, name) for name in dir(bpy.types) if name.startswith("POSE3D_OT_")]
        assert len(operators) >= 3
        for name in dir(bpy.ops.pose3d):
            assert getattr(bpy.ops.pose3d, name).get_rna_type().description, name
        for group in (bpy.context.scene.pose3d, bpy.context.scene.pose3d.motion, *operators):
            inherited = {*bpy.types.Operator.bl_rna.properties.keys(), *bpy.types.PropertyGroup.bl_rna.properties.keys()}
            for prop in group.bl_rna.properties:
                if prop.identifier not in inherited and not prop.is_hidden:
                    assert prop.description, f"{group} {prop.identifier}"


def check_motion_settings_are_what_is_solved_with() -> None:
    from dataclasses import fields, replace

    from blender_pose3d.core.motion import CameraMotion, MotionOptions, Smoothing

    with registered():
        motion = bpy.context.scene.pose3d.motion
        assert motion.options() == MotionOptions()
        shown = [f.name for f in fields(MotionOptions) if hasattr(motion, f.name)]
        hidden = {f.name for f in fields(MotionOptions)} - set(shown)
        # The focal length is the clip's; the camera is given as angles.
        stays = {"focal_length_mm", "camera_pitch_deg", "camera_roll_deg", "camera_height_m"}
        stays |= {"steady_path", "constant_bones", "full_reach", "guess_steps"}
        assert hidden == stays, hidden
        for name in shown:
            before = getattr(motion, name)
            choices = {"smoothing": Smoothing.STRONG, "camera_motion": CameraMotion.TURNING}
            other = choices.get(name, not before if isinstance(before, bool) else 3.0)
            setattr(motion, name, other)
            expected = replace(MotionOptions(), **{name: other})
            assert motion.options() == expected, name
            setattr(motion, name, before)
        motion.use_camera, motion.camera_pitch = True, 0.5
        assert abs(motion.options().camera_pitch_deg - 28.6479) < 1e-3 and motion.options().camera_roll_deg == 0.0


def check_refusals_in_one_sentence() -> None:
    import blender_pose3d

    tmp = test_folder()
    clip = tmp / "clip.mp4"
    clip.write_bytes(b"not a video")
    blender_pose3d.register()
    settings = bpy.context.scene.pose3d
    fails_in_poll("There is no armature to animate")
    bpy.data.objects.remove(add_armature())  # its data stays, without a user
    fails_in_poll("There is no armature to animate")
    figure = add_armature()
    fails_with("No clip is chosen")
    fails_with("There is no clip at", filepath=str(tmp / "none.mp4"))
    fails_with("is a folder, not a clip", filepath=str(tmp))
    bpy.context.view_layer.objects.active = None
    fails_with("No armature is chosen", filepath=str(clip))
    fails_with("The armature “Nobody” is not in the scene", filepath=str(clip), armature="Nobody")
    settings.armature = figure
    settings.use_range, settings.start_s, settings.end_s = True, 2.0, 1.0
    fails_with("ends before it starts", filepath=str(clip))
    settings.use_range = False
    with variable("POSE3D_ENGINE_PYTHON", str(tmp / "no-python")):
        fails_with("There is no Python at", filepath=str(clip))
    with variable("POSE3D_HOME", str(clip)), variable("POSE3D_ENGINE_PYTHON", sys.executable):
        fails_with("cannot be made", filepath=str(clip))
    with variable("POSE3D_HOME", str(tmp)), variable("POSE3D_ENGINE_PYTHON", sys.executable):
        fails_with("The armature 'Figure' has no bones", filepath=str(clip))  # before anything is started
    bpy.context.scene.collection.objects.unlink(figure)
    fails_with("The armature “Figure” is not in the scene", filepath=str(clip))
    blender_pose3d.unregister()


def check_the_skin_of_a_character_means_its_armature() -> None:
    """What a click in the view finds. Not where the field names another one."""
    from blender_pose3d.ops import run

    with registered():
        scene, layer = bpy.context.scene, bpy.context.view_layer
        figure, other = add_armature(), add_armature("Other")
        names = ("Skin", "Hat", "Badge", "Stone")
        skin, hat, badge, stone = (bpy.data.objects.new(name, bpy.data.meshes.new(name)) for name in names)
        for item in (skin, hat, badge, stone):
            scene.collection.objects.link(item)
        skin.modifiers.new("Armature", "ARMATURE").object = figure
        hat.parent, badge.parent = figure, hat
        found = {}
        for item in (skin, hat, badge, stone, other, None):
            layer.objects.active = item
            found[item and item.name] = run.chosen_armature(bpy.context)
        assert found == {"Skin": figure, "Hat": figure, "Badge": figure, "Stone": None, "Other": other, None: None}, found
        layer.objects.active, scene.pose3d.armature = skin, other
        assert run.chosen_armature(bpy.context) == other
        scene.pose3d.armature = None
        scene.collection.objects.unlink(figure)
        assert run.chosen_armature(bpy.context) is None


def check_a_deleted_or_renamed_target() -> None:
    """A run keeps its armature through a new name, and says so when it is gone."""
    from blender_pose3d.bridge import targets
    from blender_pose3d.core.errors import Pose3DError

    scene = bpy.context.scene
    figure = add_armature("Walker")
    target = targets.remember(figure, scene)
    figure.name = "Runner"
    decoy = add_armature("Walker")
    assert targets.find(target) == figure != decoy
    bpy.context.window.scene = bpy.data.scenes.new("Other")
    assert targets.find(target) == figure, "another scene is shown"
    for remove, told in (
        (lambda: scene.collection.objects.unlink(figure), "“Runner” was taken out of the scene “Scene”"),
        (lambda: bpy.data.objects.remove(figure), "“Walker” was deleted"),
        (lambda: bpy.data.scenes.remove(scene), "The scene “Scene” was deleted"),
    ):
        remove()
        try:
            targets.find(target)
        except Pose3DError as error:
            assert told in error.message, error
        else:
            raise AssertionError("a deleted armature was found")


def check_disabling_ends_the_worker() -> None:
    """A run of a real process, as the panel starts it, does not outlive the add-on."""
    import blender_pose3d
    from blender_pose3d.ops import run
    from blender_pose3d.worker.job import Job

    blender_pose3d.register()
    figure = add_armature()
    clip = test_folder() / "clip.mp4"
    clip.write_bytes(b"not a video")
    request = run.request_from_scene(bpy.context, filepath=str(clip), armature=figure.name, preset="auto")
    job = Job([os.environ["POSE3D_TEST_PYTHON"], "-c", "import time; time.sleep(60)"])
    job.start()
    run._current = run.Run([request], None, test_folder(), cache_limit_bytes=1e9)
    run._current.job = job
    assert not bpy.ops.pose3d.import_pose_from_video.poll(), "a second run beside the first"
    assert bpy.ops.pose3d.cancel.poll()
    blender_pose3d.unregister()
    assert run.current() is None and job.ended
    try:
        os.kill(job.pid, 0)
    except ProcessLookupError:
        return
    raise AssertionError("the worker outlived the add-on")


def check_enabled_as_an_extension() -> None:
    """Under its real name, from the extensions folder, with its preferences; the zip has this shape."""
    import addon_utils  # exists once bpy does

    assert not any(name.startswith("blender_pose3d") for name in sys.modules), "this check needs a process of its own"
    sys.path.remove(str(ROOT))  # an absolute self-import fails then
    folder = Path(bpy.utils.user_resource("EXTENSIONS")) / "user_default" / "pose3d"
    ignore = shutil.ignore_patterns("__pycache__", "weights", "*.npz")
    shutil.copytree(ROOT / "blender_pose3d", folder, ignore=ignore)
    for part in ("lifter", "rigs"):
        shutil.copytree(ROOT / part, folder / part, ignore=ignore)
    shutil.copy(ROOT / "blender_manifest.toml", folder)
    os.environ.pop("POSE3D_RESOURCES")
    os.environ.pop("POSE3D_HOME", None)
    os.environ.pop("POSE3D_ENGINE_PYTHON", None)
    bpy.ops.preferences.addon_refresh()
    before = traces()
    for _ in range(2):
        assert addon_utils.enable(EXTENSION, default_set=True), "not enabled"
        preferences = bpy.context.preferences.addons[EXTENSION].preferences
        preferences.engine_python = str(folder / "no-python")
        figure = add_armature()
        clip = folder / "clip.mp4"
        clip.write_bytes(b"not a video")
        fails_with("which the add-on's preferences names", filepath=str(clip), armature=figure.name)
        preferences.engine_python = ""
        fails_with("is not set up", filepath=str(clip), armature=figure.name)
        new_files_begin_with_the_users_defaults()
        addon_utils.disable(EXTENSION, default_set=True)
        left = differences(before, traces())
        assert not left, left
    assert not {"torch", "mediapipe", "cv2", "lifter"} & set(sys.modules)


def new_files_begin_with_the_users_defaults() -> None:
    assert not bpy.ops.pose3d.forget_defaults.poll()
    settings = bpy.context.scene.pose3d
    settings.lens, settings.motion.smoothing, settings.output.fit_range, settings.clip_path = "FOV", "strong", True, "walk.mp4"
    assert bpy.ops.pose3d.save_defaults() == {"FINISHED"}
    saved = test_folder() / "saved.blend"
    settings.motion.smoothing = "light"
    bpy.ops.wm.save_as_mainfile(filepath=str(saved))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    settings = bpy.context.scene.pose3d
    begun = settings.lens, settings.motion.smoothing, settings.output.fit_range, settings.clip_path
    assert begun == ("FOV", "strong", True, ""), begun
    bpy.ops.wm.open_mainfile(filepath=str(saved))
    assert bpy.context.scene.pose3d.motion.smoothing == "light", "a saved file keeps its own"
    assert bpy.ops.pose3d.load_defaults() == {"FINISHED"}
    assert bpy.context.scene.pose3d.motion.smoothing == "strong" and bpy.context.scene.pose3d.clip_path == "walk.mp4"
    assert bpy.ops.pose3d.forget_defaults() == {"FINISHED"}
    assert bpy.ops.pose3d.load_defaults() == {"FINISHED"}
    assert bpy.context.scene.pose3d.motion.smoothing == "normal" and bpy.context.scene.pose3d.lens == "AUTO"
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert bpy.context.scene.pose3d.motion.smoothing == "normal"


def check_set_up_only_when_asked_and_allowed() -> None:
    """Nothing is fetched at registration; offline, the button says where to allow it; a killed set-up is one sentence."""
    import blender_pose3d

    home = test_folder() / "home"
    os.environ.pop("POSE3D_ENGINE_PYTHON", None)
    with variable("POSE3D_HOME", str(home)):
        blender_pose3d.register()
        from blender_pose3d.ops import engine_setup

        assert not home.exists()
        assert str(home) in engine_setup.what_is_fetched() and "GB" in engine_setup.what_is_fetched()
        system = bpy.context.preferences.system
        system.use_online_access = False
        assert not bpy.ops.pose3d.set_up_engine.poll()
        try:
            bpy.ops.pose3d.set_up_engine()
        except RuntimeError as error:
            assert "Allow Online Access" in str(error), error
        assert not home.exists()
        system.use_online_access = True
        job = engine_setup.begin(bpy.context, "install", done="")
        assert not bpy.ops.pose3d.set_up_engine.poll() and bpy.ops.pose3d.cancel_setup.poll()
        bpy.ops.pose3d.cancel_setup()
        assert job.ended and engine_setup.advance(bpy.context)
        assert "goes on from there" in bpy.context.window_manager.pose3d_setup.message
        engine_setup.begin(bpy.context, "check", done="", python=str(home / "none"))
        while not engine_setup.advance(bpy.context):
            pass
        assert "does not run" in bpy.context.window_manager.pose3d_setup.message
        job = engine_setup.begin(bpy.context, "install", done="")
        blender_pose3d.unregister()
        assert job.ended and not bpy.app.timers.is_registered(engine_setup.tick)


def check_several_clips_and_their_takes() -> None:
    """A queue in which one clip is no video; then the take of the other, on another armature, without the worker."""
    from blender_pose3d.bridge.files import open_rig, parse_rig

    figure = open_rig(parse_rig("rigify"))
    clips = test_folder() / "clips"
    clips.mkdir()
    shutil.copy(os.environ["POSE3D_TEST_CLIP"], clips / "good.mp4")
    (clips / "bad.mp4").write_bytes(b"not a video")
    with registered():
        from blender_pose3d.ops import run

        window_manager, settings = bpy.context.window_manager, bpy.context.scene.pose3d
        settings.armature = figure
        settings.use_range, settings.start_s, settings.end_s = True, 0.0, 0.7
        try:
            bpy.ops.pose3d.import_pose_from_video(directory=str(clips), files=[{"name": "bad.mp4"}, {"name": "good.mp4"}])
        except RuntimeError as error:
            assert "bad.mp4: " in str(error) and "Made the action" in str(error), error
        else:
            raise AssertionError("nothing was said of a clip that is no video")
        assert [action.name for action in bpy.data.actions] == ["rig good"]
        assert "bad.mp4" in run.last_log() and "Blender" in run.last_log()
        assert bpy.ops.pose3d.copy_log.poll()

        bpy.ops.pose3d.refresh_takes()
        take = window_manager.pose3d_takes.rows[0]
        assert take.name.startswith("good.mp4, 0.0 to ") and take.is_readable
        with variable("POSE3D_ENGINE_PYTHON", str(clips / "none")):  # it is not needed
            assert bpy.ops.pose3d.solve_take() == {"FINISHED"}
        assert [action.name for action in bpy.data.actions] == ["rig good", "rig good.001"]
        assert not bpy.ops.pose3d.copy_log.poll()

        folder = Path(take.path).parent / "seen"
        seen = {path: path.stat().st_ino for path in folder.iterdir()}
        settings.person, settings.clip_path = "anyone", str(clips / "good.mp4")
        assert bpy.ops.pose3d.import_pose_from_video() == {"FINISHED"}
        now = {path: path.stat().st_ino for path in folder.iterdir()}
        assert seen and now == seen, "the clip was looked at again, for another person"

        assert bpy.ops.pose3d.clear_cache() == {"FINISHED"} and Path(take.path).is_file(), "a take in use was deleted"
        assert not list(folder.iterdir())
        for action in list(bpy.data.actions):
            bpy.data.actions.remove(action)
        assert bpy.ops.pose3d.clear_cache() == {"FINISHED"}
        assert not window_manager.pose3d_takes.rows and not bpy.ops.pose3d.delete_take.poll()


def check_import_of_a_clip() -> None:
    """The whole path, blocking as in a script: POSE3D_TEST_CLIP onto a Rigify rig. Only the new action is added."""
    from blender_pose3d.bridge.files import open_rig, parse_rig

    figure = open_rig(parse_rig("rigify"))
    figure.animation_data_create().action = bpy.data.actions.new("Made by hand")
    before = {kind: set(getattr(bpy.data, kind).keys()) for kind in ("actions", "objects", "armatures", "meshes")}
    with registered():
        settings = bpy.context.scene.pose3d
        settings.clip_path, settings.armature = os.environ["POSE3D_TEST_CLIP"], figure
        settings.use_range, settings.start_s, settings.end_s = True, 0.0, 1.0
        result = bpy.ops.pose3d.import_pose_from_video()
        state = bpy.context.window_manager.pose3d_run
        assert result == {"FINISHED"}, (result, state.message)
        assert not state.is_running and not state.message_is_error
        action = figure.animation_data.action
        assert f"“{action.name}”, frames 1 to" in state.message and "preset Rigify" in state.message, state.message
    after = {kind: set(getattr(bpy.data, kind).keys()) for kind in before}
    assert after == before | {"actions": before["actions"] | {action.name}}, (before, after)
    first, last = action.frame_range
    fps = bpy.context.scene.render.fps
    assert 0.5 * fps < last - first <= fps, (first, last)
    path = str(test_folder() / "imported.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert "Made by hand" in bpy.data.actions, "the action that was replaced is lost with the file"
    cache = Path(os.environ["POSE3D_HOME"]) / "cache"
    files = [path for path in cache.rglob("*") if path.is_file()]
    assert [path.suffix for path in files] == [".npz", ".npz"] and {path.parent for path in files} == {cache, cache / "seen"}, (
        files
    )


def check_shots_of_a_clip_that_is_cut() -> None:
    """Told of after it was read, and each to be chosen; what is then read has no cut, and the others can still be chosen."""
    from blender_pose3d.bridge.files import open_rig, parse_rig

    figure = open_rig(parse_rig("rigify"))
    with registered():
        from blender_pose3d.ops import shots

        settings = bpy.context.scene.pose3d
        settings.armature, settings.clip_path = figure, os.environ["POSE3D_TEST_CUT_CLIP"]
        assert not shots.known(bpy.context) and not bpy.ops.pose3d.choose_shot.poll()
        assert bpy.ops.pose3d.import_pose_from_video() == {"FINISHED"}
        state = bpy.context.window_manager.pose3d_run
        assert "is cut at 1.24 s" in state.message, state.message
        both = shots.known(bpy.context)
        assert [round(x, 2) for shot in both for x in shot] == [0.0, 1.22, 1.22, 2.38], both
        for number, frames in (("2", 29), ("1", 31)):
            assert bpy.ops.pose3d.choose_shot(shot=number) == {"FINISHED"} and settings.use_range
            assert bpy.ops.pose3d.import_pose_from_video() == {"FINISHED"}
            assert "is cut" not in state.message, state.message
            seconds = figure.animation_data.action.frame_range[1] - figure.animation_data.action.frame_range[0]
            seconds *= bpy.context.scene.render.fps_base / bpy.context.scene.render.fps
            assert abs(seconds - (frames - 1) / 25) < 0.05, (number, seconds)
            assert shots.known(bpy.context) == both
        settings.use_range, settings.start_s, settings.end_s = True, 0.4, 2.0
        assert bpy.ops.pose3d.import_pose_from_video() == {"FINISHED"}
        assert "is cut at 1.24 s" in state.message and shots.known(bpy.context) == both, "a part that has the cut in it"
        settings.clip_path = os.environ["POSE3D_TEST_CLIP"]
        assert not shots.known(bpy.context) and not bpy.ops.pose3d.choose_shot.poll()


def main(names: list[str], checks: dict[str, object] | None = None) -> int:
    """checks: the globals of the script whose functions check_NAME are called; this one's when left out."""
    os.environ["POSE3D_RESOURCES"] = str(ROOT)
    failed = 0
    print(f"Blender {bpy.app.version_string}, Python {sys.version.split()[0]}")
    for name in names:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        try:
            (checks or globals())[f"check_{name}"]()
        except Exception:  # the next checks still have something to say
            failed += 1
            print(f"FAILED {name}\n{traceback.format_exc()}")
        else:
            print(f"ok {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    script.run(main)
