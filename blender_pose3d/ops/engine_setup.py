"""Set Up the Motion Engine: `worker/setup.py` as a process beside Blender, its progress in the panel, cancel, repair and remove.

Nothing is fetched unless the user presses the button, and never where Blender is told to stay offline.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import ClassVar

import bpy

from .. import places, prefs
from ..core.errors import Pose3DError
from ..translations import translated
from ..worker import setup
from ..worker.job import Job, JobState
from . import run

STAGE_TITLES = {
    "prepare": "Asking the package index",
    "download": "Fetching packages",
    "install": "Unpacking",
    "check": "Trying the engine",
    "remove": "Removing",
}
OFFLINE_SENTENCE = (
    "Blender is set to stay offline. Allow it in Preferences > System > Network > Allow Online Access, "
    "or install the package of Pose3D that brings the engine along."
)
OUTDATED_SENTENCE = "The motion engine was made for another version of Pose3D: repair it to bring it up to date."
_POLL_INTERVAL_S = 0.2

_job: Job | None = None
_done: str = ""  # what to say at the end of the present job
_state: tuple[float, setup.EngineState] | None = None  # looked up now and then, not at every drawing


def current() -> Job | None:
    return _job


def engine_state() -> setup.EngineState:
    """Of the engine in the extension's own folder."""
    global _state
    now_s = time.monotonic()
    if _state is None or now_s - _state[0] > 1.0:
        _state = now_s, setup.engine_state(prefs.home(), places.resources_root())
    return _state[1]


def is_outdated(context: bpy.types.Context) -> bool:
    """Whether what runs is an engine of the extension's own folder that another version of Pose3D made."""
    return prefs.uses_own_engine(context) and engine_state() is setup.EngineState.OUTDATED


def is_kept_offline() -> bool:
    """Whether Blender may not fetch, and something would have to be fetched."""
    return not bpy.app.online_access and setup.offline_folder(places.resources_root()) is None


def what_is_fetched() -> str:
    """The sentence beside the button. The sizes were measured with the versions in pyproject.toml."""
    folder = setup.environment_folder(prefs.home())
    if setup.offline_folder(places.resources_root()) is not None:
        return f"The packages came with the add-on; nothing is fetched. They go into {folder}."
    if why := setup.unsupported(*setup.here()):
        return f"There is no motion engine for this machine: {why}."
    device = setup.device()
    if sys.platform == "darwin":
        build = "about 0.3 GB, the MPS build"
    elif sys.platform == "win32":
        build = "about 0.3 GB, the CPU build; for an NVIDIA card name an index of CUDA builds in the preferences"
    elif device == "CUDA":
        build = "about 3 GB, the CUDA build for your NVIDIA card"
    else:
        build = "about 3 GB; 0.4 GB from an index of CPU builds, named in the preferences"
    return f"PyTorch, MediaPipe and OpenCV are fetched from the package index ({build}) into {folder}."


def begin(context: bpy.types.Context, command: str, *, done: str, python: str = "") -> Job:
    """Start `worker/setup.py COMMAND`. done: what to say when it has succeeded. Raises Pose3DError."""
    global _job, _done, _state
    if _job is not None:
        raise Pose3DError("The motion engine is being set up already.", hint="Wait for it or cancel it.")
    resources = places.resources_root()
    if command == "install" and is_kept_offline():
        raise Pose3DError(OFFLINE_SENTENCE)
    words = [_interpreter(), "-I", str(Path(setup.__file__).resolve()), command]
    words += ["--home", str(prefs.home()), "--resources", str(resources)]
    if command == "install":
        words += ["--python", _interpreter(), "--index", prefs.package_index(context)]
    elif python:
        words += ["--python", python]
    _job, _done, _state = Job(words, beside_a_window=not bpy.app.background), done, None
    _job.start()
    show(context, message="")
    return _job


def advance(context: bpy.types.Context) -> bool:
    """Take in what has happened; True when it is over."""
    global _job, _state
    if _job is None:
        return True
    _job.poll()
    if not _job.ended:
        show(context)
        return False
    job, _job, _state = _job, None, None
    if job.state is JobState.SUCCEEDED and job.result is not None:
        said = ", ".join(f"{name} {value}" for name, value in job.result.summary.items())
        show(context, message=f"{_done} {said}".strip())
    elif job.state is JobState.CANCELLED:
        show(context, message="Cancelled. What was fetched is kept: set the engine up again and it goes on from there.")
    else:
        error = job.error or Pose3DError("The set-up ended without a word.")
        what_then = error.hint if job.explained else f"Set the engine up again: it goes on from there. Its log is {log_file()}."
        show(context, message=f"{error.message} {what_then}".strip(), is_error=True)
    return True


def tick() -> float | None:
    """The timer's call."""
    return None if advance(bpy.context) else _POLL_INTERVAL_S


def stop() -> None:
    """The add-on is being disabled."""
    global _job, _state
    if bpy.app.timers.is_registered(tick):
        bpy.app.timers.unregister(tick)
    if _job is not None:
        _job.close()
    _job = _state = None


def show(context: bpy.types.Context, *, message: str | None = None, is_error: bool = False) -> None:
    state = context.window_manager.pose3d_setup
    state.is_running = _job is not None
    state.progress = _job.fraction if _job else 0.0
    state.stage = STAGE_TITLES.get(_job.stage, _job.stage) if _job else ""
    state.detail = _detail(_job) if _job else ""
    if message is not None:
        state.message, state.message_is_error = message, is_error
    run.redraw_sidebars(context)
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "PREFERENCES":
                area.tag_redraw()


def _detail(job: Job) -> str:
    if job.stage != "download" or job.steps_per_s is None:
        return ""
    left = f", {run.clock_text(job.seconds_left)} left" if job.seconds_left is not None else ""
    return f"{job.steps_per_s / 1e6:.1f} MB/s{left}"


def _interpreter() -> str:
    """A Python to run the set-up with: Blender's own, else one from PATH. Raises Pose3DError."""
    own = Path(sys.executable or "")
    if own.is_file() and own.name.lower().startswith("python"):
        return str(own)
    found = next(setup.find_pythons(), None)
    if found is None:
        raise Pose3DError(
            "This Blender brings no Python that can be run by itself, and none was found.",
            hint="Install Python 3.11, 3.12 or 3.13 so that it is on PATH, or name one in the add-on's preferences.",
        )
    return found


class _SetupOperator(bpy.types.Operator):
    """Starts a job: beside Blender in a window, to its end without one."""

    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if current() is not None:
            cls.poll_message_set("The motion engine is being set up already: wait for it or cancel it")
            return False
        if run.current() is not None:
            cls.poll_message_set("A clip is being read: wait for it or cancel it")
            return False
        return True

    def start(self, context: bpy.types.Context) -> None:
        """Raises Pose3DError."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self.start(context)
        except Pose3DError as error:
            show(context, message=error.sentence, is_error=True)
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        if not bpy.app.background:
            bpy.app.timers.register(tick, first_interval=_POLL_INTERVAL_S, persistent=True)
            return {"FINISHED"}
        while not advance(context):
            time.sleep(0.05)
        state = context.window_manager.pose3d_setup
        self.report({"ERROR" if state.message_is_error else "INFO"}, translated(state.message))
        return {"CANCELLED"} if state.message_is_error else {"FINISHED"}


class POSE3D_OT_set_up_engine(_SetupOperator):
    """Fetch the packages that find the motion in a clip, and put them into Pose3D's own folder. Blender's own are not touched"""

    bl_idname = "pose3d.set_up_engine"
    bl_label = "Set Up the Motion Engine"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if is_kept_offline():
            cls.poll_message_set(OFFLINE_SENTENCE)
            return False
        return True

    def start(self, context: bpy.types.Context) -> None:
        begin(context, "install", done="The motion engine is ready:")


class POSE3D_OT_remove_engine(_SetupOperator):
    """Delete the motion engine and its models from Pose3D's own folder. Takes and settings stay"""

    bl_idname = "pose3d.remove_engine"
    bl_label = "Remove the Motion Engine"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if engine_state() is setup.EngineState.MISSING:
            cls.poll_message_set("There is no motion engine in Pose3D's own folder")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def start(self, context: bpy.types.Context) -> None:
        begin(context, "remove", done="The motion engine was removed.")


class POSE3D_OT_check_engine(_SetupOperator):
    """Run the motion engine's Python once, to see whether it has what is needed"""

    bl_idname = "pose3d.check_engine"
    bl_label = "Try the Motion Engine"

    def start(self, context: bpy.types.Context) -> None:
        begin(context, "check", done="This motion engine runs:", python=str(prefs.engine(context).python))


class POSE3D_OT_cancel_setup(bpy.types.Operator):
    """Stop setting up. What was fetched is kept, and the next set-up goes on from there"""

    bl_idname = "pose3d.cancel_setup"
    bl_label = "Cancel Set-Up"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if current() is None:
            cls.poll_message_set("Nothing is being set up")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        if _job is not None:
            _job.cancel()  # the timer sees it
        return {"FINISHED"}


class POSE3D_OT_open_setup_log(bpy.types.Operator):
    """Open the log of the last set-up in a text editor of Blender's"""

    bl_idname = "pose3d.open_setup_log"
    bl_label = "Open Log"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not log_file().is_file():
            cls.poll_message_set("There is no log yet")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            text = log_file().read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            self.report({"ERROR"}, translated(f"{log_file()} cannot be read: {error.strerror}."))
            return {"CANCELLED"}
        shown = bpy.data.texts.get(setup.LOG_NAME) or bpy.data.texts.new(setup.LOG_NAME)
        shown.from_string(text)
        context.window_manager.clipboard = text
        self.report({"INFO"}, translated(f"The log is in the Text Editor as “{shown.name}”, and copied"))
        return {"FINISHED"}


def log_file() -> Path:
    return prefs.home() / setup.LOG_NAME


CLASSES: tuple[type, ...] = (
    POSE3D_OT_set_up_engine,
    POSE3D_OT_remove_engine,
    POSE3D_OT_check_engine,
    POSE3D_OT_cancel_setup,
    POSE3D_OT_open_setup_log,
)
