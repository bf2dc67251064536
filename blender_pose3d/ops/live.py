"""Live: a camera's person on the armature and over the viewport as they move, and recordings of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

import bpy

from .. import places, prefs
from ..bridge import live as puppet
from ..bridge import targets
from ..bridge.apply import still_warnings
from ..bridge.frames import show_now
from ..bridge.keyframes import require_editable
from ..bridge.keying import between, mapping_above_waist
from ..bridge.rig_reader import choose_mapping, read_rig
from ..core.coordinates import CameraPose
from ..core.errors import Pose3DError
from ..core.live import LivePose, LiveSolve, Source, as_track, read_pose, read_source, standing
from ..core.motion.options import SIGMA_S
from ..core.paths import is_file
from ..core.preset import Mapping
from ..core.rig import RigSpec
from ..core.solve import SolveOptions
from ..core.track_io import write_track
from ..translations import translated
from ..ui import overlay
from ..worker.job import Job
from ..worker.protocol import Data, Event
from . import review, run

_POLL_INTERVAL_S = 0.02


@dataclass(frozen=True)
class Puppet:
    """The armature that is posed, and its own pose; between: controls that are to be at rest meanwhile; moment: when it had its
    own pose, as `_moment` has it."""

    target: targets.Target
    rig: RigSpec
    mapping: Mapping
    own_pose: puppet.RememberedPose
    between: frozenset[str]
    moment: tuple[float | None, int | None]


@dataclass
class Live:
    """One session with a camera. recording: poses since Record was pressed, None while it is not; takes: the recordings;
    is_ending: Stop was pressed."""

    job: Job
    puppet: Puppet | None
    options: SolveOptions
    source: Source | None = None
    solving: LiveSolve | None = None
    prepared: bool = False
    frames: int = 0
    recording: list[LivePose] | None = None
    takes: list[Path] = field(default_factory=list)
    is_ending: bool = False


_current: Live | None = None


def current() -> Live | None:
    """The session that goes on now; one at a time."""
    return _current


def stop() -> None:
    """End the session without a word, and wait until its process is gone: the add-on is being disabled."""
    global _current
    session, _current = _current, None
    if session is not None:
        _keep_recording(bpy.context, session)
        session.job.close()
        _give_back(session)


def begin(context: bpy.types.Context, *, record: bool, seconds: float, fast: bool) -> Live:
    """Start the worker. Raises Pose3DError when a session or a run goes on, there is no engine, or the armature cannot be
    animated."""
    global _current
    if _current is not None:
        raise Pose3DError("A camera is being followed already.", hint="Stop that first.")
    if run.current() is not None:
        raise Pose3DError("A clip is being read.", hint="Wait for it or cancel it.")
    settings = context.scene.pose3d
    engine = prefs.engine(context)
    words: list[str | Path] = ["--source", _source(context)]
    if seconds > 0:
        words += ["--seconds", repr(seconds)]
    if fast:
        words.append("--as-fast-as-possible")
    words += settings.lens_arguments()
    if settings.live.source == "FILE":
        words += settings.speed_arguments()
    motion = settings.motion.options()
    camera = CameraPose(settings.motion.camera_pitch, settings.motion.camera_roll) if settings.motion.use_camera else CameraPose()
    options = SolveOptions(
        smoothing_s=SIGMA_S[motion.smoothing], in_place=motion.in_place, camera=camera, upper_body=motion.upper_body
    )
    job = Job(engine.command("live", words), engine.environment(), beside_a_window=not bpy.app.background)
    session = Live(job, _puppet(context), options)
    session.recording = [] if record else None
    session.job.start()
    _current = session
    return session


def advance(context: bpy.types.Context, session: Live) -> None:
    """Take in what the worker has said since, and show the newest pose. Raises Pose3DError where the armature is gone."""
    take_in(context, session, session.job.poll())


def take_in(context: bpy.types.Context, session: Live, events: Iterable[Event]) -> None:
    newest = None
    for event in events:
        if isinstance(event, Data) and event.name == "live":
            session.source = read_source(event.values)
            if session.source is not None and session.puppet is not None:
                session.solving = LiveSolve(session.puppet.rig, session.source, session.options)
        elif isinstance(event, Data) and (pose := read_pose(event.values)) is not None:
            session.frames += 1
            newest = pose
            if session.solving is not None:
                session.solving.add(pose)
            if session.recording is not None and (not session.recording or pose.time_s > session.recording[-1].time_s):
                session.recording.append(pose)
    if newest is not None and session.source is not None:
        _show(context, session, newest)


def record(context: bpy.types.Context, session: Live, on: bool) -> None:
    """Begin a recording, or end it: it becomes a take. Raises Pose3DError when nobody was in it or it cannot be written."""
    if on:
        session.recording = []
        return
    poses, session.recording = session.recording or [], None
    if not poses or session.source is None:
        raise Pose3DError("Nothing was recorded.", hint="Record for longer, with a person in the picture.")
    name = f"Live {time.strftime('%H-%M-%S')}"
    folder = prefs.cache_folder(context)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Pose3DError(
            f"The cache folder {folder} cannot be made: {error.strerror}.", hint="Choose another in the preferences."
        ) from error
    path = folder / f"live-{time.strftime('%Y%m%d-%H%M%S')}-{len(session.takes) + 1}.npz"
    write_track(path, as_track(poses, session.source, name=name))
    session.takes.append(path)


def _keep_recording(context: bpy.types.Context, session: Live) -> None:
    """What was recorded up to now becomes a take, where nobody is there to be told why not."""
    if session.recording:
        with contextlib.suppress(Pose3DError):
            record(context, session, False)


def abandon(context: bpy.types.Context, session: Live) -> None:
    """End it as `end` does where it cannot be asked: what is being recorded becomes a take."""
    _keep_recording(context, session)
    end(context, session)


def end(context: bpy.types.Context, session: Live) -> None:
    """End the worker, and give the armature its own pose back."""
    global _current
    session.job.cancel()
    if _current is session:
        _current = None
    _give_back(session)
    run.redraw_sidebars(context)


def _give_back(session: Live) -> None:
    overlay.show_live(None)
    _restore_pose(session)
    puppet.restore_all()  # copies that the user made meanwhile


def _armature(session: Live) -> bpy.types.Object | None:
    """In whatever scene it is now; None where it is gone."""
    uid = session.puppet.target.session_uid if session.puppet is not None else None
    return next((item for item in bpy.data.objects if item.session_uid == uid and item.type == "ARMATURE"), None)


def _gone(session: Live) -> Pose3DError | None:
    """What to tell where the armature is no longer where it was."""
    try:
        if session.puppet is not None:
            targets.find(session.puppet.target)
    except Pose3DError:
        hint = "What was recorded is among the takes." if session.takes else "Choose another one and start again."
        return Pose3DError(f"The armature “{session.puppet.target.name}” is no longer in the scene.", hint=hint)
    return None


def _restore_pose(session: Live) -> None:
    """The armature's own pose, until the next pose comes in."""
    armature_object = _armature(session)
    if session.puppet is not None and session.prepared and armature_object is not None:
        puppet.restore_pose(armature_object, session.puppet.own_pose)
        if _moment(session.puppet.target, armature_object) != session.puppet.moment:
            show_now(bpy.context, armature_object)  # its animation has another pose here
    session.prepared = False


def _moment(target: targets.Target, armature_object: bpy.types.Object) -> tuple[float | None, int | None]:
    """The scene's frame, and the action that the armature plays."""
    data, frame = armature_object.animation_data, None
    with contextlib.suppress(Pose3DError):
        frame = targets.find_scene(target).frame_current_final
    return frame, data.action.session_uid if data is not None and data.action is not None else None


@bpy.app.handlers.persistent
def before_exchange(*_: object) -> None:
    """The file that is saved has the armature's own pose, and so has what undo compares with."""
    if _current is not None:
        _restore_pose(_current)


@bpy.app.handlers.persistent
def after_exchange(*_: object) -> None:
    """A step that was made while Live went on, or a file that was saved by itself then, has its pose: the armature's own comes
    back, which may be another one in this step."""
    puppet.restore_all()
    if _current is not None and _current.puppet is not None and (armature_object := _armature(_current)) is not None:
        own_pose = puppet.remember_pose(armature_object, _current.puppet.mapping)
        _current.puppet = replace(_current.puppet, own_pose=own_pose, moment=_moment(_current.puppet.target, armature_object))
        _current.prepared = False


def _show(context: bpy.types.Context, session: Live, pose: LivePose) -> None:
    if session.puppet is None or session.solving is None:
        overlay.show_live(standing(pose, session.options), pose.confidence)
        return
    motion = session.solving.newest()
    if motion is None:
        return
    armature_object = targets.find(session.puppet.target)
    if not session.prepared:
        puppet.prepare_pose(armature_object, session.puppet.mapping, motion, at_rest=session.puppet.between)
        session.prepared = True
    puppet.show_pose(armature_object, motion)
    overlay.show_live(session.solving.joints_m(pose, motion.scale), pose.confidence)


def _puppet(context: bpy.types.Context) -> Puppet | None:
    """None where no armature is chosen: the skeleton is drawn all the same."""
    armature_object = run.chosen_armature(context)
    if armature_object is None:
        return None
    require_editable(armature_object)
    preset = review.preset_for(context, armature_object, cache_folder=prefs.cache_folder(context))
    presets_folder = places.resources_root() / "rigs"
    mapping = choose_mapping(armature_object, preset=preset, presets_folder=presets_folder)
    rig = read_rig(armature_object, mapping)
    upper_body = context.scene.pose3d.motion.upper_body
    passed = between(armature_object, rig, presets_folder=presets_folder, upper_body=upper_body)
    if upper_body:
        mapping = mapping_above_waist(rig)
    own_pose = puppet.remember_pose(armature_object, mapping)
    target = targets.remember(armature_object, context.scene)
    return Puppet(target, rig, mapping, own_pose, passed, _moment(target, armature_object))


def _source(context: bpy.types.Context) -> str:
    live = context.scene.pose3d.live
    if live.source == "CAMERA":
        return f"camera:{live.camera}"
    if not live.filepath:
        raise Pose3DError("No video is chosen for the camera's part.", hint="Choose a file, or Camera as the source.")
    path = targets.file_path(live.filepath)
    if not is_file(path):
        raise Pose3DError(f"There is no video at {path}.", hint="Choose the file again.")
    return str(path)


class POSE3D_OT_live(bpy.types.Operator):
    """Follow the person before the camera with the armature and a skeleton over the 3D views. Its own pose comes back at Stop"""

    bl_idname = "pose3d.live"
    bl_label = "Start Live"

    record: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Record",
        description="Record from the beginning",
        options={"SKIP_SAVE"},
    )
    seconds: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Seconds",
        description="End after so many seconds. 0: when you press Stop, or the video file ends",
        min=0.0,
        options={"SKIP_SAVE"},
    )
    fast: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="As Fast as Possible",
        description="Take every frame of a video file one after the other, instead of playing it",
        options={"SKIP_SAVE"},
    )

    _timer: bpy.types.Timer | None = None
    _session: Live | None = None

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene is None:
            cls.poll_message_set("There is no scene")
            return False
        if _current is not None:
            cls.poll_message_set("A camera is being followed already: stop that first")
            return False
        if run.current() is not None:
            cls.poll_message_set("A clip is being read: wait for it or cancel it")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if bpy.app.background or context.window is None:
            return self.execute(context)
        try:
            self._session = begin(context, record=self.record, seconds=self.seconds, fast=self.fast)
        except Pose3DError as error:
            return self._finish(context, error=error)
        armature_object = _armature(self._session)
        for warning in still_warnings(armature_object) if armature_object is not None else ():
            self.report({"WARNING"}, translated(warning))
        self._timer = context.window_manager.event_timer_add(_POLL_INTERVAL_S, window=context.window)
        context.window_manager.modal_handler_add(self)
        run.redraw_sidebars(context)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Without a window it ends by itself, and what was seen is recorded."""
        if context.scene.pose3d.live.source == "CAMERA" and not self.seconds:
            error = Pose3DError("Without a window nobody can press Stop.", hint="Give the seconds, or a video file.")
            return self._finish(context, error=error)
        try:
            session = self._session = begin(context, record=self.record, seconds=self.seconds, fast=self.fast)
            session.job.wait(on_event=lambda event: take_in(context, session, [event]))
        except Pose3DError as error:
            return self._finish(context, error=error)
        except BaseException:  # Ctrl-C in a script: the worker must not outlive it
            if self._session is not None:
                end(context, self._session)
            raise
        return self._finish(context)

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        session = self._session
        if session is None or session.is_ending or current() is not session:
            return self._finish(context)  # stopped by its button, or the add-on was disabled
        if event.type == "ESC" and event.value == "PRESS":
            return self._finish(context)
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        before = session.frames
        try:
            advance(context, session)
        except Pose3DError as error:
            return self._finish(context, error=error)
        if session.job.ended:
            return self._finish(context, error=session.job.error)
        if before // 10 != session.frames // 10:
            run.redraw_sidebars(context)
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Called by Blender when it ends the operator: another file is loaded, the window is closed, Blender quits."""
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if self._session is not None:
            abandon(context, self._session)

    def _finish(self, context: bpy.types.Context, *, error: Pose3DError | None = None) -> set[str]:
        """The one exit: gives timer and pose back, ends the worker, and has the recordings solved where the armature is there."""
        session, self._session = self._session, None
        if self._timer is not None:
            context.window_manager.event_timer_remove(self._timer)
            self._timer = None
        if session is not None:
            try:
                if session.recording:
                    record(context, session, False)
            except Pose3DError as reason:
                error = error or reason
            end(context, session)
        gone = _gone(session) if session is not None else None
        error = gone or error
        if error is not None:
            self.report({"ERROR"}, error.sentence)
        if session is None:
            return {"CANCELLED"}
        frames = session.frames
        if session.takes and session.puppet is not None and gone is None:
            self._solve(context, session.puppet.target, session.takes)
        elif error is None:
            self.report({"INFO"}, translated(f"{frames} poses were shown, none recorded"))
        return {"FINISHED"} if error is None else {"CANCELLED"}

    def _solve(self, context: bpy.types.Context, target: targets.Target, takes: list[Path]) -> None:
        """Each recording becomes a new action, as a take of a clip does: with the window alive, where there is one."""
        try:
            name = targets.find(target).name
            how = "EXEC_DEFAULT" if bpy.app.background or context.window is None or len(takes) > 1 else "INVOKE_DEFAULT"
            with targets.in_its_scene(context, target):
                for take in takes:
                    # True: an undo step each, which a call from a script does not leave by itself. An action without one is
                    # freed by the next undo while the armature still plays it.
                    bpy.ops.pose3d.solve_take(how, True, take=str(take), armature=name)
        except (Pose3DError, RuntimeError) as error:
            self.report({"ERROR"}, translated(error.sentence if isinstance(error, Pose3DError) else str(error).strip()))


class _LiveButton(bpy.types.Operator):
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        if _current is None:
            cls.poll_message_set("No camera is being followed")
            return False
        return True


class POSE3D_OT_live_record(_LiveButton):
    """Record what the armature does, until this is pressed again. At Stop each recording becomes a new action, and a take"""

    bl_idname = "pose3d.live_record"
    bl_label = "Record"

    def execute(self, context: bpy.types.Context) -> set[str]:
        session = current()
        assert session is not None
        try:
            record(context, session, session.recording is None)
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        return {"FINISHED"}


class POSE3D_OT_live_stop(_LiveButton):
    """End the session, as the Escape key does. The armature gets its own pose back"""

    bl_idname = "pose3d.live_stop"
    bl_label = "Stop Live"

    def execute(self, _context: bpy.types.Context) -> set[str]:
        session = current()
        assert session is not None
        session.is_ending = True  # the modal operator sees it at its next timer tick
        return {"FINISHED"}


CLASSES: tuple[type, ...] = (POSE3D_OT_live, POSE3D_OT_live_record, POSE3D_OT_live_stop)
