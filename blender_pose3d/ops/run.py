"""An import of clips or the solving of a take, apart from the operator that drives it: begin, advance, end, and what the panel
shows of it.

The worker finds the motion in a clip; then it is solved in steps, of which the long ones run in a thread that touches no Blender
data, so that the window never waits for them.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import bpy

from .. import places, prefs, props
from ..bridge import targets
from ..bridge.apply import AppliedMotion, Steps, pause
from ..bridge.keying import handling_by_preset
from ..bridge.markers import source_of
from ..bridge.output import Output, output_steps
from ..core.errors import Pose3DError
from ..core.leftovers import short_stem
from ..core.motion import MotionOptions
from ..core.paths import is_file, is_folder
from ..core.takes import SEEN_FOLDER, prune
from ..core.track_io import read_track
from ..worker.engine import Engine
from ..worker.job import Job
from . import findings, review

STAGE_TITLES = {
    "detect": "Finding the person",
    "hands": "Looking at the hands",
    "lift": "Lifting to 3D",
    "solve": "Animating the armature",
}
_SHOW_INTERVAL_S = 0.4
_SOLVE_SHARE = 0.1  # of the progress bar, where a worker came before
_THREAD_SWITCH_S = (
    0.0005  # while a thread solves: the window may have to wait so long for its turn at Python, at each of its calls
)


@dataclass(frozen=True)
class Request:
    """What the user asked for. lifting: options of `python -m lifter infer`; take: a track to solve instead of a clip."""

    clip: Path | None
    target: targets.Target
    preset: str
    lifting: tuple[str, ...]
    options: MotionOptions
    output: Output
    take: Path | None = None

    @property
    def name(self) -> str:
        return (self.take or self.clip or Path()).name

    def arguments(self, track: Path) -> list[str | Path]:
        """Of `python -m lifter infer`."""
        assert self.clip is not None
        return [self.clip, track, *self.lifting]


class Solving:
    """Steps on their way: the work that they yield in a thread, one piece after the other, all else in the caller's."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._work: Callable[[], Any] | None = None
        self._thread: threading.Thread | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        self._switch_s = sys.getswitchinterval()
        self._failed: Pose3DError | None = None
        self.pieces_done = 0

    def advance(self) -> AppliedMotion | None:
        """Go on if the piece in the thread is done; the result at the end. Raises what the steps raise."""
        if self._failed is not None:
            raise self._failed
        if self._thread is not None and self._thread.is_alive():
            return None
        sys.setswitchinterval(self._switch_s)
        try:
            if self._thread is None:
                self._work = next(self._steps)
            elif self._error is not None:
                self._work = self._steps.throw(self._error)
            else:
                self.pieces_done += 1
                self._work = self._steps.send(self._value)
        except StopIteration as finished:
            return finished.value
        # A daemon: quitting Blender does not wait for a long clip.
        self._thread = threading.Thread(target=self._run, name="pose3d-solve", daemon=True)
        sys.setswitchinterval(min(self._switch_s, _THREAD_SWITCH_S))
        self._thread.start()
        return None

    def fail_if_half_made(self, error: Pose3DError) -> None:
        """Take back what the armature plays already, if it does; `advance` raises the error then."""
        if self._work is pause and self._failed is None:
            self._failed = error
            self.close()

    def close(self) -> None:
        """Drop it. A piece in the thread runs to its end, unheard."""
        sys.setswitchinterval(self._switch_s)
        self._steps.close()

    def _run(self) -> None:
        assert self._work is not None
        try:
            self._value, self._error = self._work(), None
        except BaseException as error:
            self._error = error


class Run:
    """Requests, one after another, for one armature. `advance` it until it is `over`."""

    def __init__(self, requests: Sequence[Request], engine: Engine | None, cache: Path, *, cache_limit_bytes: float) -> None:
        """engine: None where all requests are of takes."""
        self.requests = tuple(requests)
        self.number = 0  # of the request that is worked on
        self.job: Job | None = None
        self.solving: Solving | None = None
        self.applied: list[AppliedMotion] = []
        self.warnings: list[str] = []
        self.failures: list[tuple[Request, Pose3DError]] = []
        self.cancelled = False
        self.last_failed = False
        self.log: list[str] = []
        self._engine = engine
        self._cache = cache
        self._cache_limit_bytes = cache_limit_bytes

    @property
    def over(self) -> bool:
        return self.cancelled or self.number >= len(self.requests)

    @property
    def request(self) -> Request:
        return self.requests[min(self.number, len(self.requests) - 1)]

    @property
    def fraction(self) -> float:
        """Of all requests, 0 to 1."""
        share = 1.0 if self.request.take else _SOLVE_SHARE
        solved = min(self.solving.pieces_done / 4, 1.0) if self.solving else 0.0
        lifted = self.job.fraction if self.job else 0.0
        part = 0.0 if self.number >= len(self.requests) else (1 - share) * lifted + share * solved
        return min((self.number + part) / len(self.requests), 1.0)

    def start(self) -> None:
        """Start the worker of the present request, where it needs one."""
        if self.request.clip is not None and self.request.take is None:
            assert self._engine is not None
            track = self._cache / _track_name(self.request)
            seen = ["--keep-seen", self._cache / SEEN_FOLDER]
            command = self._engine.command("infer", [*self.request.arguments(track), *seen])
            self.job = Job(command, self._engine.environment(), beside_a_window=not bpy.app.background)
            self.job.start()

    def advance(self, context: bpy.types.Context) -> None:
        """Take in what has happened, and go on. A request that fails is noted, and the next one begun."""
        if self.over:
            return
        try:
            applied = self._advance(context)
        except Pose3DError as error:
            if self.solving is not None:
                self.solving.close()
            self.failures.append((self.request, error))
            self.last_failed = True
            self.log += [f"-- {self.request.name}", *(self.job.log_tail if self.job else ())]
        else:
            if applied is None:
                return
            self.applied.append(applied)
            self.last_failed = False
            self.warnings += [*(self.job.warnings if self.job else ()), *applied.warnings]
            if self.number + 1 < len(self.requests):
                bpy.ops.ed.undo_push(message="Import Pose From Video")  # of the last one, the operator's own
        self.job = self.solving = None
        self.number += 1
        if not self.over:
            try:
                self.start()
            except OSError as error:  # the clip is gone meanwhile
                self.failures.append((self.request, Pose3DError(f"{self.request.name} cannot be read: {error.strerror}.")))
                self.last_failed = True
                self.number += 1

    def _advance(self, context: bpy.types.Context) -> AppliedMotion | None:
        if self.solving is not None:
            with targets.in_its_scene(context, self.request.target):
                return self.solving.advance()
        track = self.request.take
        if self.job is not None:
            self.job.poll()
            if not self.job.ended:
                return None
            if self.job.error is not None:
                raise self.job.error
            assert self.job.result is not None
            track = Path(self.job.result.output)
            prune(self._cache, limit_bytes=self._cache_limit_bytes, keep=[track, *tracks_in_use()])
        assert track is not None
        self.solving = Solving(_steps(context, self.request, track))
        return None

    def cancel(self) -> None:
        """End it; what earlier requests made stays. Nothing where it is over."""
        if self.over:
            return
        self.cancelled = True
        if self.job is not None:
            self.job.cancel()
        if self.solving is not None:
            self.solving.close()

    def close(self) -> None:
        """Cancel, and wait until the worker is gone."""
        self.cancel()
        if self.job is not None:
            self.job.close()


def _steps(context: bpy.types.Context, request: Request, path: Path) -> Steps:
    track = yield partial(read_track, path)
    return (
        yield from output_steps(
            context,
            lambda: targets.find(request.target),
            track,
            request.output,
            preset=request.preset,
            resources=places.resources_root(),
            options=request.options,
            track_path=path,
        )
    )


def log_of(run: Run | None, message: str) -> str:
    """What a person who is to find the fault needs."""
    lines = [f"Pose3D in Blender {bpy.app.version_string}, Python {sys.version.split()[0]}, {sys.platform}", message]
    if run is not None:
        lines += run.log
    return "\n".join(lines)


def tracks_in_use() -> list[Path]:
    """The tracks that actions of this file were made from, and that the present run works on."""
    found = [] if _current is None else [r.take for r in _current.requests if r.take is not None]
    for action in bpy.data.actions:
        try:
            found.append(source_of(action).track)
        except Pose3DError:
            continue  # not one of ours
    return found


_current: Run | None = None
_last_log: str = ""
_shown_s = 0.0  # when the panel was last brought up to date


def current() -> Run | None:
    """The run that goes on now; one at a time."""
    return _current


class WhileIdle:
    """For operators that change the scene at once: not while a clip is read, whose motion would go onto the changed one."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if current() is not None:
            cls.poll_message_set("A clip is being read: wait for it or cancel it")  # type: ignore[attr-defined]
            return False
        if context.scene is None:
            cls.poll_message_set("There is no scene")  # type: ignore[attr-defined]
            return False
        return True


@bpy.app.handlers.persistent
def before_undo(*_: object) -> None:
    """Undo frees an action that it does not know, and the armature would go on playing it."""
    if _current is not None and _current.solving is not None:
        _current.solving.fail_if_half_made(targets.undone())


def last_log() -> str:
    """What the last run that failed said, and the end of its worker's log."""
    return _last_log


def request_from_scene(
    context: bpy.types.Context, *, filepath: str, armature: str, preset: str, take: Path | None = None
) -> Request:
    """The scene's settings, with what the caller gave in their place. Raises Pose3DError where something is missing or wrong."""
    settings = context.scene.pose3d
    clip = _clip(filepath or settings.clip_path) if take is None else None
    if take is None and settings.use_range and settings.end_s <= settings.start_s:
        raise Pose3DError("The part of the clip ends before it starts.", hint="Set End to a later time than Start.")
    armature_object = targets.named_armature(armature, context.scene) if armature else chosen_armature(context)
    if armature_object is None:
        raise Pose3DError("No armature is chosen.", hint="Choose one in the Pose3D tab, or select one.")
    return Request(
        clip=clip,
        target=targets.remember(armature_object, context.scene),
        preset=preset or review.preset_for(context, armature_object, cache_folder=prefs.cache_folder(context)),
        lifting=(
            *_range(settings),
            *settings.person_arguments(),
            *settings.lens_arguments(),
            *settings.speed_arguments(),
            *_hands(settings),
        ),
        options=settings.motion.options(),
        output=settings.output.settings(),
        take=take,
    )


def _range(settings: bpy.types.PropertyGroup) -> tuple[str, ...]:
    # Blender has single precision, in which 2.7 is a little more.
    return ("--start", f"{settings.start_s:.7g}", "--end", f"{settings.end_s:.7g}") if settings.use_range else ()


def _hands(settings: bpy.types.PropertyGroup) -> tuple[str, ...]:
    return ("--hands",) if settings.motion.follow_hands else ()


def _clip(path: str) -> Path:
    if not path:
        raise Pose3DError("No clip is chosen.", hint="Choose a video in the Pose3D tab.")
    clip = targets.file_path(path)
    if is_folder(clip):
        hint = "Choose a video in it; make a video of a sequence of pictures first."
        raise Pose3DError(f"{clip} is a folder, not a clip.", hint=hint)
    if not is_file(clip):
        raise Pose3DError(f"There is no clip at {clip}.", hint="Choose the video again.")
    return clip


def chosen_armature(context: bpy.types.Context) -> bpy.types.Object | None:
    """The armature of the settings, else the active one or that of the active object. Raises Pose3DError when the first is no
    longer in the scene."""
    chosen = context.scene.pose3d.armature
    if chosen is not None:
        return targets.in_scene(chosen, context.scene)
    return targets.armature_of(context.view_layer.objects.active, context.scene)


def begin(context: bpy.types.Context, requests: Sequence[Request]) -> Run:
    """Start on requests for one armature. Raises Pose3DError when another run goes on, there is no engine, the cache cannot be
    written, or the armature cannot be animated."""
    global _current, _last_log
    if _current is not None:
        raise Pose3DError("A clip is being read already.", hint="Wait for it or cancel it.")
    cache = prefs.cache_folder(context)
    engine = None if all(request.take for request in requests) else prefs.engine(context)
    if engine is not None:
        try:
            cache.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Pose3DError(
                f"The cache folder {cache} cannot be made: {error.strerror}.", hint="Choose another in the preferences."
            ) from error
    # Before the clip, which may take minutes: what is wrong with the armature is said at once.
    first = requests[0]
    handling_by_preset(
        context,
        targets.find(first.target),
        preset=first.preset,
        presets_folder=places.resources_root() / "rigs",
        limbs=first.output.limbs,
        upper_body=first.options.upper_body,
    )
    run = Run(requests, engine, cache, cache_limit_bytes=prefs.cache_limit_bytes(context))
    run.start()
    _current, _last_log = run, ""
    show(context, message="")
    return run


def end(context: bpy.types.Context, *, message: str, is_error: bool = False, log: str = "") -> None:
    """Close the current run, whatever it does, and leave its last message in the panel."""
    global _current, _last_log
    if _current is not None:
        _current.cancel()
        _current = None
    _last_log = log
    show(context, message=message, is_error=is_error)


def stop() -> None:
    """End the current run without a word, and wait until its process is gone: the add-on is being disabled."""
    global _current
    if _current is not None:
        _current.close()
        _current = None


def summary(applied: AppliedMotion, scene: bpy.types.Scene | None) -> str:
    """What was made, for the animator. scene: where; None where it is gone."""
    last, beyond = applied.frame_end, stops_before(applied, scene)
    preset = props.preset_title(applied.preset)
    return f"Made the action “{applied.action_name}”, frames {applied.frame_start} to {last}, preset {preset}.{beyond}"


def stops_before(applied: AppliedMotion, scene: bpy.types.Scene | None) -> str:
    """What is not played of it, after a space; "" where all is."""
    if scene is not None and scene.use_preview_range and scene.frame_preview_end < applied.frame_end:
        return f" The preview range stops before that, at frame {scene.frame_preview_end}."
    if scene is not None and not scene.use_preview_range and scene.frame_end < applied.frame_end:
        return f" The scene stops before that, at frame {scene.frame_end}."
    return ""


def _scene_of(run: Run) -> bpy.types.Scene | None:
    try:
        return targets.find_scene(run.requests[0].target)
    except Pose3DError:
        return None


def outcome(run: Run | None, *, error: Pose3DError | None) -> tuple[str, bool, list[str]]:
    """How a run that is over went, for the animator: what to say, whether it is an error, and the warnings. error: why there is
    no run."""
    if run is None or error is not None:
        return error.sentence if error else "", True, []
    several = len(run.requests) > 1
    made = [summary(applied, _scene_of(run)) for applied in run.applied]
    if run.applied and not several:
        made += filter(None, [findings.of_the_clip(run.applied[0])])
    failed = [f"{request.name}: {error.sentence}" if several else error.sentence for request, error in run.failures]
    if run.cancelled:
        made.append("The run was cancelled.")
    warnings = list(dict.fromkeys(run.warnings))
    return "\n".join([*made, *failed, *warnings]), bool(failed), warnings


def show(context: bpy.types.Context, *, message: str | None = None, is_error: bool = False) -> None:
    """Bring what the panel shows up to date, and have it drawn again when that changed."""
    state = context.window_manager.pose3d_run
    run = _current
    values: dict[str, object] = {
        "is_running": run is not None,
        "stage": _stage_title(run) if run else "",
        "detail": _detail(run) if run else "",
        "progress": int(run.fraction * 100) / 100 if run else 0.0,
        "has_log": bool(_last_log),
    }
    if message is None and run is not None and run.job is not None and run.job.warnings:
        message = run.job.warnings[-1]  # why nothing moves, when a model is fetched first
    if message is not None:
        values |= {"message": message, "message_is_error": is_error}
    # Without a graphics card a drawing of the sidebar takes long, and would be felt if every percent had one.
    global _shown_s
    if message is None and state.is_running and time.monotonic() - _shown_s < _SHOW_INTERVAL_S:
        return
    _shown_s = time.monotonic()
    before = [getattr(state, name) for name in values]
    for name, value in values.items():
        setattr(state, name, value)
    if before != [getattr(state, name) for name in values]:
        redraw_sidebars(context)


def redraw_sidebars(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            for region in area.regions if area.type == "VIEW_3D" else ():
                if region.type == "UI":  # the sidebar only: drawing a heavy scene again for a percent would be felt
                    region.tag_redraw()


def _stage_title(run: Run) -> str:
    stage = "solve" if run.solving is not None else run.job.stage if run.job else ""
    which = f"{run.number + 1} of {len(run.requests)}: " if len(run.requests) > 1 else ""
    return which + STAGE_TITLES.get(stage, stage)


def _detail(run: Run) -> str:
    """Speed and time left, as far as they are known."""
    if run.job is None or run.solving is not None:
        return ""
    speed, left_s = run.job.steps_per_s, run.job.seconds_left
    parts = [f"{speed:.0f} frames/s"] if speed is not None else []
    parts += [f"{clock_text(left_s)} left"] if left_s is not None else []
    return ", ".join(parts)


def clock_text(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _track_name(request: Request) -> str:
    """The same clip with the same settings gives the same file, so that the cache does not grow with every try."""
    assert request.clip is not None
    status = request.clip.stat()
    key = (
        os.fspath(request.clip),
        status.st_size,
        status.st_mtime_ns,
        *request.lifting,
    )
    return f"{short_stem(request.clip)}-{hashlib.sha256(repr(key).encode()).hexdigest()[:12]}.npz"
