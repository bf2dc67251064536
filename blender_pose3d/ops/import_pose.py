"""Import Pose From Video: the run itself, its file dialog, and its Cancel button."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..bridge import targets
from ..core.errors import Pose3DError
from ..worker.job import JobState
from . import run

VIDEO_GLOB = "*.mp4;*.m4v;*.mov;*.avi;*.mkv;*.webm;*.mpg;*.mpeg;*.mts;*.m2ts;*.wmv;*.ogv;*.3gp"
_POLL_INTERVAL_S = 0.1


class POSE3D_OT_import_pose_from_video(bpy.types.Operator):
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

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        if not self.filepath and not context.scene.pose3d.clip_path:
            bpy.ops.pose3d.open_video("INVOKE_DEFAULT")  # comes back here with the clip
            return {"CANCELLED"}
        try:
            run.begin(context, self._request(context))
        except Pose3DError as error:
            return self._finish(context, error=error)
        self._timer = context.window_manager.event_timer_add(_POLL_INTERVAL_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            job = run.begin(context, self._request(context)).job
            job.wait(on_event=lambda _event: run.show(context))
        except Pose3DError as error:
            return self._finish(context, error=error)
        except BaseException:  # Ctrl-C in a script: the worker must not outlive it
            run.end(context, message="")
            raise
        return self._apply(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        current = run.current()
        if current is None:
            return self._finish(context)  # the add-on was disabled, or another file loaded
        if event.type == "ESC" and event.value == "PRESS":
            current.job.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        current.job.poll()
        if not current.job.ended:
            run.show(context)
            return {"PASS_THROUGH"}
        if current.job.error is not None:
            return self._finish(context, error=current.job.error)
        return self._apply(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator: another file is loaded, the window is closed, Blender quits."""
        self._finish(context)

    def _request(self, context: bpy.types.Context) -> run.Request:
        return run.request_from_scene(context, filepath=self.filepath, armature=self.armature, preset=self.preset)

    def _apply(self, context: bpy.types.Context) -> set[str]:
        current = run.current()
        assert current is not None
        try:
            applied = run.apply(context, current)
        except Pose3DError as error:
            return self._finish(context, error=error)
        except BaseException:  # a bug shows its traceback, but must not leave the panel running for ever
            self._finish(context)
            raise
        warnings = [*current.job.warnings, *applied.warnings]
        for warning in warnings:
            self.report({"WARNING"}, warning)
        return self._finish(context, message="\n".join([run.summary(context, applied), *warnings]))

    def _finish(self, context: bpy.types.Context, *, message: str = "", error: Pose3DError | None = None) -> set[str]:
        """The one exit: gives the timer back, ends the worker if it still runs, and tells the user how it went."""
        current = run.current()
        cancelled = current is not None and current.job.state is JobState.CANCELLED
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        text = error.sentence if error else message
        run.end(context, message=text, is_error=error is not None and not cancelled)
        if cancelled:
            self.report({"INFO"}, text)
        elif error is not None:
            self.report({"ERROR"}, text)
        elif message:
            self.report({"INFO"}, message.splitlines()[0])
        return {"FINISHED"} if message and error is None else {"CANCELLED"}


class POSE3D_OT_open_video(bpy.types.Operator):
    """Choose a video of a person and animate the armature with it"""

    bl_idname = "pose3d.open_video"
    bl_label = "Import Pose From Video"

    filepath: bpy.props.StringProperty(subtype="FILE_PATH", options={"SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: bpy.props.StringProperty(default=VIDEO_GLOB, options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return bpy.ops.pose3d.import_pose_from_video.poll()

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        # A separate operator, because one that came out of the file dialog cannot become modal with an undo step of its own.
        context.scene.pose3d.clip_path = self.filepath
        bpy.ops.pose3d.import_pose_from_video("INVOKE_DEFAULT", filepath=self.filepath)
        return {"FINISHED"}


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
            current.job.cancel()  # the modal operator sees it at its next timer tick
        return {"FINISHED"}
