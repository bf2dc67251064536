"""The takes: cached tracks in a list, to be solved again on any armature, shown in the file browser, or deleted."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import ClassVar

import bpy

from .. import prefs
from ..core.errors import Pose3DError
from ..core.paths import is_file
from ..core.takes import list_takes, prune
from ..translations import translated
from . import run
from .import_pose import RunOperator

_REFRESH_DELAY_S = 0.05
_shown: tuple[str, int] | None = None  # the folder in the list, and when it was changed


def refresh(context: bpy.types.Context) -> None:
    """Bring the list up to date with the cache folder. The chosen take stays chosen."""
    global _shown
    folder = prefs.cache_folder(context)
    takes = context.window_manager.pose3d_takes
    chosen = takes.rows[takes.active].path if takes.active < len(takes.rows) else ""
    newest = takes.rows[0].path if len(takes.rows) else ""
    _shown = _state(folder)
    takes.rows.clear()
    for take in list_takes(folder):
        item = takes.rows.add()
        item.name, item.path, item.is_readable = take.title, str(take.path), take.is_readable
        item.size_mb = take.size_bytes / 1e6
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(take.modified_s))
        item.detail = f"{take.seconds:.1f} s" if take.is_readable else ""
        item.tooltip = f"{when}, {take.frames} frames, {take.size_bytes / 1e6:.1f} MB"
    paths = [item.path for item in takes.rows]
    # A new one is what the user wants to see, otherwise what was chosen.
    is_new = bool(paths) and paths[0] != newest
    takes.active = paths.index(chosen) if chosen in paths and not is_new else 0


def refresh_soon(context: bpy.types.Context) -> None:
    """For a panel, which may read but not write: have the list brought up to date where the folder has changed."""
    if _state(prefs.cache_folder(context)) != _shown and not bpy.app.timers.is_registered(_refresh_later):
        bpy.app.timers.register(_refresh_later, first_interval=_REFRESH_DELAY_S)


def forget() -> None:
    """The add-on is being disabled."""
    global _shown
    _shown = None
    if bpy.app.timers.is_registered(_refresh_later):
        bpy.app.timers.unregister(_refresh_later)


def _refresh_later() -> None:
    refresh(bpy.context)
    run.redraw_sidebars(bpy.context)


def _state(folder: Path) -> tuple[str, int]:
    try:
        return str(folder), folder.stat().st_mtime_ns
    except OSError:
        return str(folder), 0


def chosen_take(context: bpy.types.Context) -> Path | None:
    takes = context.window_manager.pose3d_takes
    return Path(takes.rows[takes.active].path) if 0 <= takes.active < len(takes.rows) else None


class POSE3D_OT_solve_take(RunOperator, bpy.types.Operator):
    """Put the motion of this take on the armature with the present settings, as a new action. The clip is not read again"""

    bl_idname = "pose3d.solve_take"
    bl_label = "Solve Take"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    take: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Take",
        description="The track file. When empty, the take that is chosen in the list",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    armature: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Armature",
        description="Name of the armature. When empty, the armature of the Pose3D tab, or else the active one",
        options={"SKIP_SAVE"},
    )
    preset: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Preset",
        description="Name of the preset, or “auto”. When empty, the preset of the Pose3D tab",
        options={"SKIP_SAVE"},
    )

    def requests(self, context: bpy.types.Context) -> list[run.Request]:
        path = Path(bpy.path.abspath(self.take)) if self.take else chosen_take(context)
        if path is None:
            raise Pose3DError("No take is chosen.", hint="Import a clip first: each becomes a take.")
        if not is_file(path):
            raise Pose3DError(f"There is no take at {path}.", hint="Import the clip again.")
        return [run.request_from_scene(context, filepath="", armature=self.armature, preset=self.preset, take=path)]


class _TakeOperator(bpy.types.Operator):
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if run.current() is not None:
            cls.poll_message_set("A clip is being read: wait for it or cancel it")
            return False
        if chosen_take(context) is None:
            cls.poll_message_set("There are no takes: import a clip first")
            return False
        return True


class POSE3D_OT_delete_take(_TakeOperator):
    """Delete this take from the disk. Actions made from it stay, but cannot be solved again"""

    bl_idname = "pose3d.delete_take"
    bl_label = "Delete Take"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = chosen_take(context)
        assert path is not None
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self.report({"ERROR"}, translated(f"{path} cannot be deleted: {error.strerror}."))
            return {"CANCELLED"}
        refresh(context)
        return {"FINISHED"}


class POSE3D_OT_reveal_take(_TakeOperator):
    """Show this take's file in the system's file browser"""

    bl_idname = "pose3d.reveal_take"
    bl_label = "Reveal Take"

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = chosen_take(context)
        assert path is not None
        try:
            _reveal(path)
        except OSError as error:
            self.report({"ERROR"}, translated(f"No file browser opened {path.parent}: {error.strerror}."))
            return {"CANCELLED"}
        return {"FINISHED"}


class POSE3D_OT_refresh_takes(bpy.types.Operator):
    """Read the cache folder again"""

    bl_idname = "pose3d.refresh_takes"
    bl_label = "Refresh Takes"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        refresh(context)
        return {"FINISHED"}


class POSE3D_OT_clear_cache(bpy.types.Operator):
    """Delete all takes from the disk, but for those that actions of this file were made from"""

    bl_idname = "pose3d.clear_cache"
    bl_label = "Clear Cache"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if run.current() is not None:
            cls.poll_message_set("A clip is being read: wait for it or cancel it")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        deleted = prune(prefs.cache_folder(context), limit_bytes=0, keep=run.tracks_in_use())
        refresh(context)
        self.report({"INFO"}, translated(f"Deleted {len(deleted)} takes"))
        return {"FINISHED"}


def _reveal(path: Path) -> None:
    """Raises OSError where there is no file browser."""
    if sys.platform == "win32":
        os.startfile(path.parent)
    else:
        command = ["open", "-R", str(path)] if sys.platform == "darwin" else ["xdg-open", str(path.parent)]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


CLASSES: tuple[type, ...] = (
    POSE3D_OT_solve_take,
    POSE3D_OT_delete_take,
    POSE3D_OT_reveal_take,
    POSE3D_OT_refresh_takes,
    POSE3D_OT_clear_cache,
)
