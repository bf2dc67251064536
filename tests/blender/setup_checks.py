"""Runs inside a Blender: `setup_checks.py -- STEP`, one step of the engine's set-up as a person takes it. Prints "ok STEP".

Not collected by pytest; test_set_up.py starts it, with a package index of its own. POSE3D_TEST_RESOURCES: a folder with lifter/
and the pins of packages that are a few kilobytes.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.blender import addon_checks, script  # noqa: E402


def state() -> bpy.types.PropertyGroup:
    return bpy.context.window_manager.pose3d_setup


def registered():
    from blender_pose3d import places

    os.environ.pop("POSE3D_ENGINE_PYTHON", None)
    places.set_resources(Path(os.environ["POSE3D_TEST_RESOURCES"]))
    bpy.context.preferences.system.use_online_access = True
    return addon_checks.registered()


def why_no_engine() -> str:
    from blender_pose3d import prefs
    from blender_pose3d.core.errors import Pose3DError

    try:
        prefs.engine(bpy.context)
    except Pose3DError as error:
        return error.message
    return ""


def check_begin() -> None:
    """From nothing; whoever started this Blender kills it on the way."""
    with registered():
        assert why_no_engine() == "The motion engine is not set up.", why_no_engine()
        Path(os.environ["POSE3D_TEST_PID"]).write_text(str(os.getpid()))
        bpy.ops.pose3d.set_up_engine()


def check_breaks_off() -> None:
    """The connection is gone: one sentence, and the half engine is never used."""
    with registered():
        assert why_no_engine() == "The motion engine is only half set up.", why_no_engine()
        try:
            bpy.ops.pose3d.set_up_engine()
        except RuntimeError as error:
            assert "broke off" in str(error) and "Traceback" not in str(error), error
        else:
            raise AssertionError("it was set up without a connection")
        assert state().message_is_error and not state().is_running
        assert why_no_engine() == "The motion engine is only half set up."
        assert bpy.ops.pose3d.set_up_engine.poll(), "it can be pressed again"


def check_goes_on_and_is_removed() -> None:
    from blender_pose3d import prefs

    with registered():
        assert bpy.ops.pose3d.set_up_engine() == {"FINISHED"}, state().message
        assert "The motion engine is ready" in state().message and "torch 7.7.7" in state().message, state().message
        home = Path(os.environ["POSE3D_HOME"])
        engine = prefs.engine(bpy.context)
        assert engine.python.is_relative_to(home) and (engine.models_dir / "pose.task").is_file()
        assert not {"torch", "mediapipe", "cv2"} & set(sys.modules), "Blender's own Python has the packages"
        assert bpy.ops.pose3d.check_engine() == {"FINISHED"}, state().message
        assert bpy.ops.pose3d.open_setup_log() == {"FINISHED"} and "SHA-256 checked" in bpy.data.texts[0].as_string()
        _older_one_is_seen(home)
        assert bpy.ops.pose3d.remove_engine() == {"FINISHED"}
        assert why_no_engine() == "The motion engine is not set up." and not (home / "models").exists()


def _older_one_is_seen(home: Path) -> None:
    """It serves; the panel offers to repair it."""
    from blender_pose3d.ops import engine_setup

    assert not engine_setup.is_outdated(bpy.context)
    marker = home / "envs" / "lifter" / "complete.json"
    marker.write_text('{"groups": {"lifter": "of an earlier version"}}')
    engine_setup._state = None
    assert engine_setup.is_outdated(bpy.context) and why_no_engine() == ""
    os.environ["POSE3D_ENGINE_PYTHON"] = sys.executable
    assert not engine_setup.is_outdated(bpy.context), "it does not run"
    del os.environ["POSE3D_ENGINE_PYTHON"]


if __name__ == "__main__":
    script.run(lambda names: addon_checks.main(names, globals()))
