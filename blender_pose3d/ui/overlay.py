"""The skeleton that was seen, drawn over the 3D views: the clip's frame by frame, or the camera's as it comes in."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import bpy
import numpy as np
from mathutils import Matrix

from .. import places
from ..bridge.clip_camera import Seen, prepare
from ..bridge.markers import of_a_clip
from ..bridge.targets import armature_of, key_times, world_of
from ..core.errors import Pose3DError
from ..core.rotations import apply
from ..core.skeleton import INDEX

BONES: tuple[tuple[str, str], ...] = (
    ("pelvis", "spine"),
    ("spine", "thorax"),
    ("thorax", "nose"),
    ("nose", "head_top"),
    *(
        (f"{side}_{a}" if a not in ("pelvis", "thorax") else a, f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (
            ("pelvis", "hip"),
            ("hip", "knee"),
            ("knee", "ankle"),
            ("thorax", "shoulder"),
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
        )
    ),
)
_ENDS = [INDEX[name] for bone in BONES for name in bone]
# Of confidence 0, 0.5 and 1: red and teal are told apart with any eyes.
_COLOURS = np.array([[0.90, 0.12, 0.10, 1.0], [0.98, 0.80, 0.15, 1.0], [0.10, 0.80, 0.70, 1.0]])
_WIDTH_PX = 4.0
_LOOK_S = 0.1
_Key: TypeAlias = tuple[float, ...]  # an armature, its action, and when that is played


@dataclass(frozen=True)
class Skeleton:
    """A person's joints over time, in the axes of the armature that follows them: points [T, 17, 3], confidence [T, 17]."""

    points: np.ndarray
    confidence: np.ndarray
    seen: Seen

    def at(self, frame: float) -> tuple[np.ndarray, np.ndarray]:
        """Joints [17, 3] and confidence [17] at a frame of the scene; the first and the last frame are held."""
        time_s, times = self.seen.clock.time_s(frame), self.seen.person.track.timestamps_s
        after = int(np.searchsorted(times, time_s).clip(1, max(len(times) - 1, 1))) if len(times) > 1 else 0
        before = max(after - 1, 0)
        span = times[after] - times[before]
        share = float(np.clip((time_s - times[before]) / span, 0.0, 1.0)) if span > 0 else 0.0
        return tuple((1 - share) * values[before] + share * values[after] for values in (self.points, self.confidence))


class _Overlay:
    """What is drawn, and the handler that draws it. One for the session; `stop` brings it back to nothing."""

    def __init__(self) -> None:
        self.is_on = False
        self.live: tuple[np.ndarray, np.ndarray] | None = None  # world [17, 3], confidence [17]
        self.skeleton: Skeleton | None = None
        self.key: _Key | None = None  # what `skeleton` is of, or what has none
        self.handle: object | None = None
        self.failed = False


_overlay = _Overlay()


def is_on() -> bool:
    """Whether the clip's skeleton is to be drawn."""
    return _overlay.is_on


def switch(on: bool) -> None:
    """Draw the skeleton of the clip that the armature's action was made from, or stop doing so."""
    _overlay.is_on = on
    _overlay.key = _overlay.skeleton = None
    if on and not bpy.app.timers.is_registered(_look):
        bpy.app.timers.register(_look, first_interval=0.0, persistent=True)
    _hold_handler()


def show_live(points_m: np.ndarray | None, confidence: np.ndarray | None = None) -> None:
    """Draw these joints [17, 3] of the world with their confidence [17]; None: no longer."""
    _overlay.live = None if points_m is None or confidence is None else (points_m, confidence)
    _hold_handler()


def stop() -> None:
    """Nothing is drawn any more and nothing waits; for the end of the add-on."""
    switch(False)
    show_live(None)
    if bpy.app.timers.is_registered(_look):
        bpy.app.timers.unregister(_look)


def coloured_lines(points: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints [17, 3] and confidence [17] as line ends [2 x bones, 3] and their colours [2 x bones, 4]."""
    place = np.clip(confidence, 0.0, 1.0) * (len(_COLOURS) - 1)
    low = np.minimum(place.astype(int), len(_COLOURS) - 2)
    share = (place - low)[:, None]
    colours = (1 - share) * _COLOURS[low] + share * _COLOURS[low + 1]
    return points[_ENDS].astype(np.float32), colours[_ENDS].astype(np.float32)


def load_now(armature_object: bpy.types.Object) -> Skeleton:
    """The skeleton of the armature's action. Raises Pose3DError."""
    return _skeleton(prepare(armature_object, resources=places.resources_root())(), world_of(armature_object))


def _skeleton(seen: Seen, world: np.ndarray) -> Skeleton:
    from_world = np.array(Matrix(world).inverted_safe())
    points = apply(from_world[:3, :3], seen.joints_m()) + from_world[:3, 3]
    sure = np.where(seen.person.track.detected[:, None], seen.person.track.confidence, 0.0)
    return Skeleton(points, sure, seen)


def _target(context: bpy.types.Context) -> bpy.types.Object | None:
    chosen = context.scene.pose3d.armature or armature_of(context.view_layer.objects.active, context.scene)
    return chosen if chosen is not None and chosen.type == "ARMATURE" else None


def _key(armature_object: bpy.types.Object | None) -> _Key | None:
    played = of_a_clip(armature_object) if armature_object is not None else None
    if played is None:
        return None
    keyed = key_times(played.action, played.slot)
    ends = (keyed.first, keyed.last) if keyed is not None else ()
    return (armature_object.session_uid, played.action.session_uid, *played.timing, *ends)


class _Loading:
    """The person's motion is worked out beside Blender's main thread, which would stand still for long clips."""

    def __init__(self, key: _Key, work: Callable[[], Seen], world: np.ndarray) -> None:
        self.key, self.work, self.world = key, work, world
        self.skeleton: Skeleton | None = None
        self.thread = threading.Thread(target=self._run, name="pose3d-skeleton", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self.skeleton = _skeleton(self.work(), self.world)
        except Pose3DError:
            self.skeleton = None  # such an action has nothing to show


_loading: _Loading | None = None


def _look() -> float | None:
    """A timer: keeps the skeleton that of the action which the armature plays now."""
    global _loading
    if not _overlay.is_on:
        _loading = None
        return None
    try:
        armature_object = _target(bpy.context)
        key = _key(armature_object)
    except AttributeError:  # no scene yet, while a file is loaded
        return _LOOK_S
    if _loading is not None:
        if _loading.thread.is_alive():
            return _LOOK_S
        _overlay.key, _overlay.skeleton = _loading.key, _loading.skeleton
        _loading = None
        redraw()
    if key != _overlay.key:
        _overlay.skeleton = None
        if key is None:
            _overlay.key = None
        else:
            try:
                work = prepare(armature_object, resources=places.resources_root())
            except Pose3DError:
                _overlay.key = key
            else:
                _loading = _Loading(key, work, world_of(armature_object))
        redraw()
    return _LOOK_S


def _hold_handler() -> None:
    wanted = (_overlay.is_on or _overlay.live is not None) and not bpy.app.background
    if wanted and _overlay.handle is None:
        _overlay.failed = False
        _overlay.handle = bpy.types.SpaceView3D.draw_handler_add(_draw, (), "WINDOW", "POST_VIEW")
    elif not wanted and _overlay.handle is not None:
        bpy.types.SpaceView3D.draw_handler_remove(_overlay.handle, "WINDOW")
        _overlay.handle = None
    redraw()


def redraw() -> None:
    """Have all 3D views drawn again."""
    for window in bpy.context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def _draw() -> None:
    if _overlay.failed:
        return
    try:
        _draw_skeletons()
    except Exception:  # a draw handler that raises does so at every redraw, for ever
        _overlay.failed = True
        traceback.print_exc()


def _draw_skeletons() -> None:
    context = bpy.context
    if _overlay.live is not None:
        _draw_lines(*_overlay.live)
    if not _overlay.is_on or _overlay.skeleton is None:
        return
    armature_object = _target(context)
    if _key(armature_object) != _overlay.key:
        return
    points, confidence = _overlay.skeleton.at(context.scene.frame_current_final)
    world = world_of(armature_object)
    _draw_lines(apply(world[:3, :3], points) + world[:3, 3], confidence)


def _draw_lines(points_m: np.ndarray, confidence: np.ndarray) -> None:
    import gpu  # there is nothing behind it in a Blender without a window
    from gpu_extras.batch import batch_for_shader

    ends, colours = coloured_lines(points_m, confidence)
    shader = gpu.shader.from_builtin("POLYLINE_SMOOTH_COLOR")
    batch = batch_for_shader(shader, "LINES", {"pos": ends, "color": colours})
    shader.bind()
    shader.uniform_float("viewportSize", gpu.state.viewport_get()[2:])
    shader.uniform_float("lineWidth", _WIDTH_PX * bpy.context.preferences.system.ui_scale)
    gpu.state.blend_set("ALPHA")
    gpu.state.depth_test_set("NONE")
    try:
        batch.draw(shader)
    finally:
        gpu.state.blend_set("NONE")
