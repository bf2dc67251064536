"""One import of a clip, apart from the operator that drives it: begin, advance, apply, and what the panel shows of it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

import bpy

from .. import places, prefs, props
from ..bridge import files, targets
from ..bridge.apply import AppliedMotion, apply_track
from ..core.errors import Pose3DError
from ..core.motion import MotionOptions
from ..core.track_io import read_track
from ..worker.engine import Engine
from ..worker.job import Job

STAGE_TITLES = {"detect": "Finding the person", "lift": "Lifting to 3D", "solve": "Animating the armature"}


@dataclass(frozen=True)
class Request:
    """What the user asked for. Times in seconds of the clip, None for its start or end; no focal length: it is estimated."""

    clip: Path
    target: targets.Target
    preset: str
    start_s: float | None
    end_s: float | None
    focal_length_px: float | None
    options: MotionOptions

    def arguments(self, track: Path) -> list[str | Path]:
        """Of `python -m lifter infer`."""
        arguments: list[str | Path] = [self.clip, track]
        if self.start_s is not None:
            arguments += ["--start", repr(self.start_s)]
        if self.end_s is not None:
            arguments += ["--end", repr(self.end_s)]
        if self.focal_length_px is not None:
            arguments += ["--focal-px", repr(self.focal_length_px)]
        return arguments


@dataclass(frozen=True)
class Run:
    request: Request
    job: Job


_current: Run | None = None


def current() -> Run | None:
    """The run that goes on now; one at a time."""
    return _current


def request_from_scene(context: bpy.types.Context, *, filepath: str, armature: str, preset: str) -> Request:
    """The scene's settings, with what the caller gave in their place. Raises Pose3DError where something is missing or wrong."""
    settings = context.scene.pose3d
    path = filepath or settings.clip_path
    if not path:
        raise Pose3DError("No clip is chosen.", hint="Choose a video in the Pose3D tab.")
    clip = Path(targets.absolute_path(path)).absolute()
    if not clip.is_file():
        raise Pose3DError(f"There is no clip at {clip}.", hint="Choose the video again.")
    if settings.use_range and settings.end_s <= settings.start_s:
        raise Pose3DError("The part of the clip ends before it starts.", hint="Set End to a later time than Start.")
    armature_object = targets.named_armature(armature, context.scene) if armature else chosen_armature(context)
    if armature_object is None:
        raise Pose3DError("No armature is chosen.", hint="Choose one in the Pose3D tab, or select one.")
    return Request(
        clip=clip,
        target=targets.remember(armature_object),
        preset=preset or settings.preset,
        start_s=settings.start_s if settings.use_range else None,
        end_s=settings.end_s if settings.use_range else None,
        focal_length_px=settings.focal_length_px if settings.use_focal_length else None,
        options=settings.motion.options(),
    )


def chosen_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature of the settings, else the active one. Raises Pose3DError when the first is no longer in the scene."""
    chosen = context.scene.pose3d.armature
    if chosen is not None:
        return targets.named_armature(chosen.name, context.scene)
    active = context.view_layer.objects.active
    return active if active is not None and active.type == "ARMATURE" else None


def begin(context: bpy.types.Context, request: Request) -> Run:
    """Start the worker. Raises Pose3DError when another run goes on, there is no engine, the cache cannot be written, or the
    armature cannot be animated."""
    global _current
    if _current is not None:
        raise Pose3DError("A clip is being read already.", hint="Wait for it or cancel it.")
    engine: Engine = prefs.engine(context)
    track = prefs.cache_folder(context) / _track_name(request)
    try:
        track.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Pose3DError(
            f"The cache folder {track.parent} cannot be made: {error.strerror}.", hint="Choose another in the preferences."
        ) from error
    # Before the clip, which may take minutes: what is wrong with the armature is said at once.
    armature_object = targets.find(request.target, context.scene)
    files.require_mapping(armature_object, preset=request.preset, presets_folder=places.resources_root() / "rigs")
    job = Job(engine.command("infer", request.arguments(track)), engine.environment())
    job.start()
    _current = Run(request=request, job=job)
    show(context, message="")
    return _current


def end(context: bpy.types.Context, *, message: str, is_error: bool = False) -> None:
    """Close the current run, whatever it does, and leave its last message in the panel."""
    global _current
    if _current is not None:
        _current.job.cancel()
        _current = None
    show(context, message=message, is_error=is_error)


def stop() -> None:
    """End the current run without a word, and wait until its process is gone: the add-on is being disabled."""
    global _current
    if _current is not None:
        _current.job.close()
        _current = None


def apply(context: bpy.types.Context, run: Run) -> AppliedMotion:
    """Put the motion of a worker that has succeeded on the armature, as a new action. Raises Pose3DError."""
    assert run.job.result is not None
    armature_object = targets.find(run.request.target, context.scene)
    path = Path(run.job.result.output)
    return apply_track(
        context,
        armature_object,
        read_track(path),
        preset=run.request.preset,
        resources=places.resources_root(),
        options=run.request.options,
        track_path=path,
    )


def summary(context: bpy.types.Context, applied: AppliedMotion) -> str:
    """What was made, for the animator."""
    last, end = applied.frame_end, context.scene.frame_end
    beyond = f" The scene stops before that, at frame {end}." if end < last else ""
    preset = props.preset_title(applied.preset)
    return f"Made the action “{applied.action_name}”, frames {applied.frame_start} to {last}, preset {preset}.{beyond}"


def show(context: bpy.types.Context, *, message: str | None = None, is_error: bool = False) -> None:
    """Bring what the panel shows up to date, and have it drawn again when that changed."""
    state = context.window_manager.pose3d_run
    run = _current
    values: dict[str, object] = {
        "is_running": run is not None,
        "stage": STAGE_TITLES.get(run.job.stage, run.job.stage) if run else "",
        "progress": run.job.percent / 100 if run else 0.0,
    }
    if message is None and run is not None and run.job.warnings:
        message = run.job.warnings[-1]  # why nothing moves, when a model is fetched first
    if message is not None:
        values |= {"message": message, "message_is_error": is_error}
    before = [getattr(state, name) for name in values]
    for name, value in values.items():
        setattr(state, name, value)
    if before == [getattr(state, name) for name in values]:
        return
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions if area.type == "VIEW_3D" else ():
                if region.type == "UI":  # the sidebar only: drawing a heavy scene again for a percent would be felt
                    region.tag_redraw()


def _track_name(request: Request) -> str:
    """The same clip with the same settings gives the same file, so that the cache does not grow with every try."""
    status = request.clip.stat()
    key = (
        os.fspath(request.clip),
        status.st_size,
        status.st_mtime_ns,
        request.start_s,
        request.end_s,
        request.focal_length_px,
    )
    return f"{request.clip.stem}-{hashlib.sha256(repr(key).encode()).hexdigest()[:12]}.npz"
