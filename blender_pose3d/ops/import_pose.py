"""Import Pose From Video: the run itself, its file dialog, drag and drop, its Cancel button, and its log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import bpy

from ..bridge import targets
from ..core.errors import Pose3DError
from ..translations import translated
from . import run, shots

VIDEO_ENDINGS = (".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".ogv", ".3gp")
VIDEO_GLOB = ";".join(f"*{ending}" for ending in VIDEO_ENDINGS)
_POLL_INTERVAL_S = 0.05


class RunOperator:
    """What operators that start a run have in common: a modal one in a window, and one that returns at the end without."""

    _timer: bpy.types.Timer | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene is None:
            cls.poll_message_set("There is no scene")
            return False
        if run.current() is not None:
            cls.poll_message_set("A clip is being read already: wait for it or cancel it")
            return False
        if not targets.any_armature():
            cls.poll_message_set("There is no armature to animate: add or import a character first")
            return False
        return True

    def requests(self, context: bpy.types.Context) -> Sequence[run.Request]:
        """What to do. Raises Pose3DError."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        try:
            run.begin(context, self.requests(context))
        except Pose3DError as error:
            return self._finish(context, error=error)
        self._timer = context.window_manager.event_timer_add(_POLL_INTERVAL_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            current = run.begin(context, self.requests(context))
            while not current.over:
                current.advance(context)
                run.show(context)
                time.sleep(0.005)
        except Pose3DError as error:
            return self._finish(context, error=error)
        except BaseException:  # Ctrl-C in a script, or a bug: the worker must not outlive it
            run.end(context, message="")
            raise
        return self._finish(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        current = run.current()
        if current is None:
            return self._finish(context)  # the add-on was disabled, or another file loaded
        if event.type == "ESC" and event.value == "PRESS":
            current.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            current.advance(context)
        except BaseException:  # a bug shows its traceback, but must not leave the panel running for ever
            self._finish(context)
            raise
        if not current.over:
            run.show(context)
            return {"PASS_THROUGH"}
        return self._finish(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator: another file is loaded, the window is closed, Blender quits."""
        self._finish(context)

    def _finish(self, context: bpy.types.Context, *, error: Pose3DError | None = None) -> set[str]:
        """The one exit: gives the timer back, ends the worker if it still runs, and tells the user how it went."""
        current = run.current()
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if current is None and error is None:
            return {"CANCELLED"}
        if current is not None and not current.over:
            current.cancel()
        text, is_error, warnings = run.outcome(current, error=error)
        if current is not None:
            shots.remember(context, current)
        run.end(context, message=text, is_error=is_error, log=run.log_of(current, text) if is_error else "")
        for warning in warnings:
            self.report({"WARNING"}, translated(warning))
        if is_error and not bpy.app.background and current is not None and current.failures:
            # Blender shows it in a box over the view: the log is for the panel.
            text = " ".join(failure.message for _, failure in current.failures)
        self.report({"ERROR" if is_error else "INFO"}, translated(text if is_error else text.splitlines()[0]))
        # An undo step only where the scene changed last: earlier ones of a queue have theirs already.
        last_made = current is not None and not current.cancelled and bool(current.applied)
        return {"FINISHED"} if last_made and not current.last_failed else {"CANCELLED"}


class POSE3D_OT_import_pose_from_video(RunOperator, bpy.types.Operator):
    # Run without a window, or from a script, it returns when the action is there.
    bl_description = "Give the armature the motion of the person in the clip, as a new action. You can go on working meanwhile"
    bl_idname = "pose3d.import_pose_from_video"
    bl_label = "Import Pose From Video"
    # Without REGISTER: the redo panel would read the whole clip again, and block, at every touch of an option.
    bl_options: ClassVar[set[str]] = {"UNDO"}

    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Clip",
        description="The video. When empty, the clip of the Pose3D tab",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    directory: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Folder",
        description="Where the Files are",
        subtype="DIR_PATH",
        options={"SKIP_SAVE"},
    )
    files: bpy.props.CollectionProperty(  # type: ignore[valid-type]
        name="Files",
        description="Several videos in one folder, read one after another; each gives an action",
        type=bpy.types.OperatorFileListElement,
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

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        nothing = not self.filepath and not self.files and not context.scene.pose3d.clip_path
        if nothing and context.window is not None and not bpy.app.background:
            bpy.ops.pose3d.open_video("INVOKE_DEFAULT")  # comes back here with the clip
            return {"CANCELLED"}
        return super().invoke(context, event)

    def requests(self, context: bpy.types.Context) -> list[run.Request]:
        clips = [str(Path(self.directory, file.name)) for file in self.files if file.name] or [self.filepath]
        return [run.request_from_scene(context, filepath=c, armature=self.armature, preset=self.preset) for c in clips]


class POSE3D_OT_open_video(bpy.types.Operator):
    """Choose a video of a person, or several, and animate the armature with it"""

    bl_idname = "pose3d.open_video"
    bl_label = "Pose From Video"  # in the file dialog, and among what Blender offers for a dropped video

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    directory: bpy.props.StringProperty(subtype="DIR_PATH", options={"SKIP_SAVE", "HIDDEN"})  # type: ignore[valid-type]
    files: bpy.props.CollectionProperty(  # type: ignore[valid-type]
        type=bpy.types.OperatorFileListElement, options={"SKIP_SAVE", "HIDDEN"}
    )
    filter_glob: bpy.props.StringProperty(default=VIDEO_GLOB, options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bpy.ops.pose3d.import_pose_from_video.poll()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if self.filepath or any(file.name for file in self.files):
            return self.execute(context)  # dropped onto the 3D view
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        # A separate operator, because one that came out of the file dialog cannot become modal with an undo step of its own.
        files = [{"name": file.name} for file in self.files if file.name]
        filepath = self.filepath or str(Path(self.directory, files[0]["name"]) if files else "")
        context.scene.pose3d.clip_path = filepath
        several = {"directory": self.directory, "files": files} if len(files) > 1 else {}
        bpy.ops.pose3d.import_pose_from_video("INVOKE_DEFAULT", filepath=filepath, **several)
        return {"FINISHED"}


class POSE3D_FH_video(bpy.types.FileHandler):
    bl_idname = "POSE3D_FH_video"
    bl_label = "Pose From Video"
    bl_import_operator = POSE3D_OT_open_video.bl_idname
    bl_file_extensions = ";".join(VIDEO_ENDINGS)

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        # Only where a character can be animated; else Blender's own way with videos is not disturbed.
        return context.area is not None and context.area.type == "VIEW_3D" and targets.any_armature()


class POSE3D_OT_cancel(bpy.types.Operator):
    """Stop reading the clip, as the Escape key does. Nothing in the scene is changed"""

    bl_idname = "pose3d.cancel"
    bl_label = "Cancel"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if run.current() is None:
            cls.poll_message_set("No clip is being read")
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        current = run.current()
        if current is not None:
            current.cancel()  # the modal operator sees it at its next timer tick
        return {"FINISHED"}


class POSE3D_OT_copy_log(bpy.types.Operator):
    """Copy what went wrong, with the end of the motion engine's log, for a report of the fault"""

    bl_idname = "pose3d.copy_log"
    bl_label = "Copy Log"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if not run.last_log():
            cls.poll_message_set("Nothing has failed")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = run.last_log()
        self.report({"INFO"}, translated("Copied the log"))
        return {"FINISHED"}


CLASSES: tuple[type, ...] = (
    POSE3D_OT_import_pose_from_video,
    POSE3D_OT_open_video,
    POSE3D_OT_cancel,
    POSE3D_OT_copy_log,
    POSE3D_FH_video,
)
