"""See what was seen: the clip behind a matched camera, the skeleton over the viewport, a film of the landmarks over the clip."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

import bpy

from .. import places, prefs
from ..bridge import clip_camera, targets
from ..bridge.markers import of_a_clip, source_of
from ..core.errors import Pose3DError
from ..core.track_io import require_track
from ..translations import translated
from ..ui import overlay
from ..worker.job import Job
from . import run

_POLL_INTERVAL_S = 0.1
_films: list[Job] = []  # that are being written
_told: set[int] = set()  # workspaces with a line of ours in the status bar, by session id


def stop() -> None:
    """End the films on their way, and wait until their processes are gone: the add-on is being disabled."""
    while _films:
        _films.pop().close()
    _clear_status()


def _clear_status() -> None:
    """The line belongs to the workspace in which it was set, and the user may have gone to another one."""
    for workspace in bpy.data.workspaces:
        if workspace.session_uid in _told:
            workspace.status_text_set(None)
    _told.clear()


def _armature(context: bpy.types.Context) -> bpy.types.Object:
    found = run.chosen_armature(context)
    if found is None:
        raise Pose3DError("No armature is chosen.", hint="Choose one in the Pose3D tab, or select one.")
    return found


def _clip(context: bpy.types.Context, filepath: str) -> Path:
    path = filepath or context.scene.pose3d.clip_path
    if not path:
        raise Pose3DError("No clip is chosen.", hint="Choose the clip that the motion was made from in the Pose3D tab.")
    return targets.file_path(path)


def _track(played: targets.Shown) -> Path:
    """That the action was made from. Raises Pose3DError where it is gone."""
    track = source_of(played.action, played.slot).track
    require_track(track)
    return track


def _has_armature(cls: type[bpy.types.Operator], context: bpy.types.Context) -> bool:
    if context.scene is None:
        cls.poll_message_set("There is no scene")
        return False
    if not targets.any_armature():
        cls.poll_message_set("There is no armature: import a clip onto a character first")
        return False
    return True


class POSE3D_OT_show_clip_as_background(bpy.types.Operator):
    """Add a camera that sees the character as the clip shows the person, with the clip behind it. Your own camera stays"""

    bl_idname = "pose3d.show_clip_as_background"
    bl_label = "Show Clip as Camera Background"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Clip",
        description="The video that the motion was made from. When empty, the clip of the Pose3D tab",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_armature(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            camera = clip_camera.add_clip_camera(
                context, _armature(context), _clip(context, self.filepath), resources=places.resources_root()
            )
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        if context.scene.camera == camera:
            self.report({"INFO"}, translated(f"Made the camera “{camera.name}”"))
        else:
            self.report({"INFO"}, translated(f"Made the camera “{camera.name}”. The scene's camera is still yours"))
        return {"FINISHED"}


class POSE3D_OT_look_through_clip_camera(bpy.types.Operator):
    """Make the camera with the clip the scene's camera, or this view's where markers choose the scene's, and look through it"""

    bl_idname = "pose3d.look_through_clip_camera"
    bl_label = "Look Through Clip Camera"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene is None or not clip_camera.clip_cameras(context.scene):
            cls.poll_message_set("There is no such camera yet: press Show Clip as Camera Background")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene = context.scene
        cameras = clip_camera.clip_cameras(scene)
        # Where the active object is one of several, that one is meant.
        active = context.view_layer.objects.active
        camera = active if active in cameras else cameras[-1]
        space = context.space_data if context.space_data is not None and context.space_data.type == "VIEW_3D" else None
        if space is not None and any(marker.camera for marker in scene.timeline_markers):
            # They would set the scene's camera again at the next frame.
            space.use_local_camera, space.camera = True, camera
            told = f"Markers of the timeline choose the scene's camera, so only this view looks through “{camera.name}”"
            self.report({"INFO"}, translated(told))
        else:
            scene.camera = camera
        if space is not None:
            space.region_3d.view_perspective = "CAMERA"
        return {"FINISHED"}


class POSE3D_OT_draw_skeleton(bpy.types.Operator):
    """Draw the joints that were found in the clip over the 3D views: teal where they were seen well, red where guessed"""

    bl_idname = "pose3d.draw_skeleton"
    bl_label = "Draw Skeleton Over Viewport"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if bpy.app.background:
            cls.poll_message_set("There is no window to draw in")
            return False
        return overlay.is_on() or _has_armature(cls, context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        if overlay.is_on():
            overlay.switch(False)
            return {"FINISHED"}
        try:
            played = of_a_clip(_armature(context))
            if played is None:
                raise Pose3DError("The armature has no action.", hint="Import a clip first.")
            _track(played)
            played.shift_frames()
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        overlay.switch(True)
        return {"FINISHED"}


class POSE3D_OT_landmark_film(bpy.types.Operator):
    """Write a film of the clip with the landmarks that the detector found drawn over it. You can go on working meanwhile"""

    bl_idname = "pose3d.landmark_film"
    bl_label = "Write Landmark Film"

    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="File",
        description="The film to write, an .mp4",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    clip: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Clip",
        description="The video that the motion was made from. When empty, the clip of the Pose3D tab",
        subtype="FILE_PATH",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    overwrite: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Replace Existing File",
        description="Write the file even where there is one of this name already",
        options={"SKIP_SAVE"},
    )
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: bpy.props.StringProperty(default="*.mp4", options={"HIDDEN"})  # type: ignore[valid-type]

    _timer: bpy.types.Timer | None = None
    _job: Job | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return _has_armature(cls, context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if not self.filepath:
            clip = context.scene.pose3d.clip_path
            self.filepath = f"{targets.file_path(clip).with_suffix('')} landmarks.mp4" if clip else "landmarks.mp4"
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self._job = self._begin(context)
            if bpy.app.background or context.window is None:
                self._job.wait()
                return self._finish(context)
        except Pose3DError as error:
            return self._finish(context, error=error)
        self._timer = context.window_manager.event_timer_add(_POLL_INTERVAL_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        assert self._job is not None
        if event.type == "ESC" and event.value == "PRESS":
            self._job.cancel()
        elif event.type != "TIMER":
            return {"PASS_THROUGH"}
        self._job.poll()
        if self._job.ended:
            return self._finish(context, error=self._job.error)
        _told.add(context.workspace.session_uid)
        context.workspace.status_text_set(f"{translated(self.bl_label)}: {self._job.percent} %")
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator: another file is loaded, the window is closed, Blender quits."""
        self._finish(context)

    def _begin(self, context: bpy.types.Context) -> Job:
        if not self.filepath:
            raise Pose3DError("No file is named.", hint="Give its path as filepath.")
        path = targets.file_path(self.filepath)
        path = path if path.suffix else path.with_suffix(".mp4")
        if os.path.exists(path) and not self.overwrite:
            raise Pose3DError(f"{path} exists already.", hint="Choose another name, or tick Replace Existing File.")
        played = of_a_clip(_armature(context))
        if played is None:
            raise Pose3DError("The armature has no action.", hint="Import a clip first.")
        engine = prefs.engine(context)
        words: list[str | Path] = [_clip(context, self.clip), _track(played), path]
        job = Job(engine.command("film", words), engine.environment(), beside_a_window=not bpy.app.background)
        job.start()
        _films.append(job)
        return job

    def _finish(self, context: bpy.types.Context, *, error: Pose3DError | None = None) -> set[str]:
        """The one exit: gives the timer and the status line back, and ends the worker if it still runs."""
        job, self._job = self._job, None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
            _clear_status()
        if job is not None:
            job.cancel()
        if job in _films:
            _films.remove(job)
        if error is not None:
            self.report({"ERROR"}, error.sentence)
        elif job is not None and job.result is not None:
            self.report({"INFO"}, translated(f"Wrote {job.result.output}"))
            return {"FINISHED"}
        return {"CANCELLED"}
