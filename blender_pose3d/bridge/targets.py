"""The armature and the scene that a run is for, remembered so that they can be renamed, left or deleted while the worker runs."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from bpy_extras import anim_utils
from mathutils import Matrix

from ..core.errors import Pose3DError

# Of an NLA strip's scale and repeat: what a long clip does not show.
_SPEED_TOLERANCE = 1e-5
# A key is between frames from here on.
_OFF_FRAME = 0.02


@dataclass(frozen=True)
class Target:
    """An object and its scene as they were when the run began. Session ids outlive renaming and undo, not loading a file."""

    name: str
    session_uid: int
    scene: str
    scene_uid: int


def remember(armature_object: bpy.types.Object, scene: bpy.types.Scene) -> Target:
    return Target(armature_object.name, armature_object.session_uid, scene.name, scene.session_uid)


def find_scene(target: Target) -> bpy.types.Scene:
    """The scene again, whichever is shown now. Raises Pose3DError when it is gone."""
    for candidate in bpy.data.scenes:
        if candidate.session_uid == target.scene_uid:
            return candidate
    raise Pose3DError(
        f"The scene “{target.scene}” was deleted while the clip was read.",
        hint="The clip is among the takes: solve it in another scene.",
    )


def find(target: Target) -> bpy.types.Object:
    """The object again, under whatever name it has now. Raises Pose3DError when it is gone from its scene."""
    scene = find_scene(target)
    for candidate in bpy.data.objects:
        if candidate.session_uid == target.session_uid and candidate.type == "ARMATURE":
            if _holds(scene, candidate):
                return candidate
            raise Pose3DError(
                f"The armature “{candidate.name}” was taken out of the scene “{scene.name}” while the clip was read.",
                hint="Put it back and solve the take.",
            )
    raise Pose3DError(
        f"The armature “{target.name}” was deleted while the clip was read.",
        hint="Choose another one and import again.",
    )


def undone() -> Pose3DError:
    return Pose3DError("The new action was undone while it was made.", hint="Solve the take again.")


@dataclass(frozen=True)
class Keyed:
    """An armature and the action that is made for it, looked up at every use: between two pieces of work the user may undo,
    delete or exchange them. action_uid: its session id."""

    find_armature: Callable[[], bpy.types.Object]
    action_uid: int

    @property
    def action(self) -> bpy.types.Action:
        """Raises Pose3DError when it is gone."""
        for candidate in bpy.data.actions:
            if candidate.session_uid == self.action_uid:
                return candidate
        raise undone()

    @property
    def armature(self) -> bpy.types.Object:
        """Playing the action. Raises Pose3DError when it is gone, or plays another one now."""
        found, action = self.find_armature(), self.action
        if found.animation_data is None or found.animation_data.action != action:
            raise Pose3DError(f"'{found.name}' was given another action while this one was made.", hint="Solve the take again.")
        return found


@contextlib.contextmanager
def in_its_scene(context: bpy.types.Context, target: Target) -> Iterator[None]:
    """As if the target's scene were shown, where the user has gone to another one meanwhile. Raises Pose3DError."""
    scene = find_scene(target)
    if context.scene == scene:
        yield
        return
    armature_object = find(target)
    layers = [layer for layer in scene.view_layers if armature_object in layer.objects.values()]
    with context.temp_override(scene=scene, view_layer=(layers or scene.view_layers)[0]):
        yield


def named_armature(name: str, scene: bpy.types.Scene) -> bpy.types.Object:
    """The armature with this name in the scene, as `called` chooses. Raises Pose3DError."""
    found = called(name, [each for each in scene.objects if each.type == "ARMATURE"])
    if not found:
        raise _not_in_scene(name)
    return found[0]


def called(name: str, armatures: Iterable[bpy.types.Object]) -> list[bpy.types.Object]:
    """Those with this name. One of the file itself is meant where linked ones are called the same."""
    found = [each for each in armatures if each.name == name]
    return [each for each in found if each.library is None] or found


def in_scene(armature_object: bpy.types.Object, scene: bpy.types.Scene) -> bpy.types.Object:
    """The armature. Raises Pose3DError where it is not in the scene."""
    if not _holds(scene, armature_object):
        raise _not_in_scene(armature_object.name)
    return armature_object


def _holds(scene: bpy.types.Scene, item: bpy.types.Object) -> bool:
    # A name is looked up sooner than all objects are compared, but may be another's as well.
    return scene.objects.get(item.name) == item or item in scene.objects.values()


def armature_of(item: bpy.types.Object | None, scene: bpy.types.Scene) -> bpy.types.Object | None:
    """The armature that an object of a scene is, or whose bones move it: of a character a click mostly finds the skin."""
    while item is not None:
        found = item if item.type == "ARMATURE" else item.find_armature()
        if found is not None:
            return found if _holds(scene, found) else None
        item = item.parent
    return None


def _not_in_scene(name: str) -> Pose3DError:
    return Pose3DError(f"The armature “{name}” is not in the scene.", hint="Choose one in the Pose3D tab.")


def is_moved(context: bpy.types.Context, armature_object: bpy.types.Object) -> bool:
    """Whether Blender evaluates the object's animation in this view layer. What only its eye hides is moved all the same."""
    # Others than those of the view layer itself are not listed, even where a visible mesh draws them in.
    listed = context.evaluated_depsgraph_get().ids
    return not armature_object.hide_viewport and any(each.original == armature_object for each in listed)


def world_of(item: bpy.types.Object) -> np.ndarray:
    """Where an object is in the scene, [4, 4]. Blender keeps that of none that it does not evaluate, as behind the monitor icon
    or in a collection that is left out: such a one is where its transform and its parents have it, without constraints."""
    layer = bpy.context.view_layer
    if item.is_evaluated or item.visible_get(view_layer=layer) or is_moved(bpy.context, item):
        return np.array(item.matrix_world, dtype=float)
    own = np.array(item.matrix_basis, dtype=float)
    if item.parent is None:
        return own
    above = world_of(item.parent)
    bone = item.parent.pose.bones.get(item.parent_bone) if item.parent_type == "BONE" and item.parent.pose else None
    if bone is not None:
        above = above @ np.array(bone.matrix @ Matrix.Translation((0.0, bone.length, 0.0)))
    return above @ np.array(item.matrix_parent_inverse) @ own


def any_armature() -> bool:
    return any(armature.users for armature in bpy.data.armatures)  # those of deleted characters have none


def heard_tracks(data: bpy.types.AnimData) -> list[bpy.types.NlaTrack]:
    """The NLA tracks that Blender plays, the lowest first: one that plays solo alone, muted or not."""
    if not data.use_nla:
        return []
    solo = [track for track in data.nla_tracks if track.is_solo]
    return solo or [track for track in data.nla_tracks if not track.mute]


def plays_solo(data: bpy.types.AnimData) -> bool:
    """Whether an NLA track hides all others, and the active action."""
    return data.use_nla and any(track.is_solo for track in data.nla_tracks)


def heard_strips(data: bpy.types.AnimData) -> list[bpy.types.NlaStrip]:
    """Of those tracks, in the same order; those in a meta strip in its place."""
    return [strip for track in heard_tracks(data) for strip in _heard(track.strips)]


def _heard(strips: Iterable[bpy.types.NlaStrip]) -> Iterator[bpy.types.NlaStrip]:
    for strip in strips:
        if not strip.mute:
            # What is in a meta strip has the scene's frames as well.
            yield from _heard(strip.strips) if strip.type == "META" else (strip,)


def _backwards(strips: Iterable[bpy.types.NlaStrip]) -> Iterator[tuple[bpy.types.NlaStrip, bpy.types.NlaStrip]]:
    """Reversed meta strips, each with a strip that is in it, in however many others."""
    for meta in (strip for strip in strips if strip.type == "META"):
        yield from _backwards(meta.strips)
        if meta.use_reverse:
            yield from ((meta, inner) for inner in _heard(meta.strips))


def edited_strip(data: bpy.types.AnimData) -> bpy.types.NlaStrip | None:
    """The one whose action seems to be the active one in tweak mode, and plays where the strip lies."""
    if not data.use_tweak_mode:
        return None
    strips = [strip for track in data.nla_tracks if track.active for strip in track.strips if strip.action == data.action]
    return max(strips, key=lambda strip: (strip.active, strip.select), default=None)


@dataclass(frozen=True)
class Shown:
    """What an armature plays. slot: its own in the action, None where none is chosen; strip: of the NLA, None where the action is
    the active one; backwards: a meta strip that has it in it and is played so."""

    action: bpy.types.Action
    slot: bpy.types.ActionSlot | None
    strip: bpy.types.NlaStrip | None = None
    backwards: bpy.types.NlaStrip | None = None

    @property
    def timing(self) -> tuple[float, ...]:
        """All that says when the strip plays which frame of the action."""
        strip = self.strip
        if strip is None:
            return ()
        speed = (strip.scale, strip.repeat, float(strip.use_reverse), float(strip.use_animated_time))
        return (strip.frame_start, strip.action_frame_start, *speed, float(self.backwards is not None))

    def shift_frames(self) -> int:
        """How much later the scene has the action's frames. Raises Pose3DError for a strip that does not just play them."""
        if self.strip is None:
            return 0
        if self.backwards is not None:
            raise Pose3DError(
                f"The meta strip '{self.backwards.name}' plays what is in it backwards.",
                hint="Switch Reversed off for it, in the sidebar of the Nonlinear Animation editor.",
            )
        start, action_start, *speed, _ = self.timing
        if any(abs(value - plain) > _SPEED_TOLERANCE for value, plain in zip(speed, (1, 1, 0, 0), strict=True)):
            raise Pose3DError(
                f"The NLA strip '{self.strip.name}' does not play its action once, forwards and at its own speed.",
                hint="Set its Playback Scale and Repeat to 1, without Reversed and Animated Strip Time.",
            )
        return round(start - action_start)


def layers(armature_object: bpy.types.Object) -> list[Shown]:
    """What an armature plays, the uppermost first: the active action, where no NLA track plays solo, and the strips under the
    playhead, or where there are none one of the uppermost track that is heard."""
    data = armature_object.animation_data
    if data is None:
        return []
    if data.use_tweak_mode:
        return [Shown(data.action, data.action_slot, edited_strip(data))]
    tracks = [[strip for strip in _heard(track.strips) if strip.action] for track in reversed(heard_tracks(data))]
    tracks = [strips for strips in tracks if strips]
    active = data.action is not None and not (tracks and plays_solo(data))
    found = [Shown(data.action, data.action_slot)] if active else []
    if not tracks:
        return found
    now = bpy.context.scene.frame_current_final
    playing = [strip for strips in tracks for strip in strips if strip.frame_start <= now <= strip.frame_end]
    held = [strip for strip in tracks[0] if strip.frame_end < now]
    turned = {inner: meta for track in data.nla_tracks for meta, inner in _backwards(track.strips)}
    strips = playing or held[-1:] or tracks[0][:1]
    return found + [Shown(strip.action, strip.action_slot, strip, turned.get(strip)) for strip in strips]


def shown(armature_object: bpy.types.Object) -> Shown | None:
    """The uppermost of what an armature plays."""
    return next(iter(layers(armature_object)), None)


def shown_action(armature_object: bpy.types.Object) -> bpy.types.Action | None:
    played = shown(armature_object)
    return played.action if played else None


def keyed_range(action: bpy.types.Action, slot: bpy.types.ActionSlot | None) -> tuple[float, float] | None:
    """First and last frame of what is one slot's, or as the user has set them for the action; None where it has no keys."""
    if action.use_frame_range:
        return tuple(action.frame_range)
    bag = anim_utils.action_get_channelbag_for_slot(action, slot)
    curves = bag.fcurves if bag is not None else ()
    ranges = [curve.range() for curve in curves if len(curve.keyframe_points) or len(curve.sampled_points)]
    return (min(first for first, _ in ranges), max(last for _, last in ranges)) if ranges else None


@dataclass(frozen=True)
class KeyTimes:
    """Where the keys of an action's bones are. first, last: those of most curves that have more than one key: what is added to a
    few of them, or cut off, is passed over. Of the curve that has most keys: their count, mean and spread (standard deviation),
    the frame before which nine of ten are, and the share of those that are between frames, counted from the first."""

    first: float
    last: float
    count: int
    mean: float
    spread: float
    nine_of_ten: float
    between: float


def key_times(action: bpy.types.Action, slot: bpy.types.ActionSlot | None) -> KeyTimes | None:
    """None where no curve has more than one key."""
    bag = anim_utils.action_get_channelbag_for_slot(action, slot) if slot is not None else None
    curves = [curve for curve in (bag.fcurves if bag is not None else ()) if len(curve.keyframe_points) > 1]
    if not curves:
        return None
    ranges = [tuple(curve.range()) for curve in curves]
    first, last = (Counter(ends).most_common(1)[0][0] for ends in zip(*ranges, strict=True))
    longest = max(curves, key=lambda curve: len(curve.keyframe_points)).keyframe_points
    points = np.empty(2 * len(longest), np.float32)
    longest.foreach_get("co", points)
    frames = points[::2].astype(float)
    off = np.abs((frames - frames[0] + 0.5) % 1 - 0.5)
    between = float((off > _OFF_FRAME).mean())
    numbers = frames.mean(), frames.std(), np.quantile(frames, 0.9)
    return KeyTimes(first, last, len(frames), *map(float, numbers), between)


def require_slot(armature_object: bpy.types.Object, action: bpy.types.Action, slot: bpy.types.ActionSlot | None) -> None:
    """Raises Pose3DError where the armature has not chosen which of the action's animations is its own."""
    if slot is None and len(action.slots):
        raise Pose3DError(
            f"'{armature_object.name}' has no slot of the action '{action.name}', so nothing moves.",
            hint="Choose one beside the action's name in the Action editor.",
        )


def file_path(path: str) -> Path:
    """A path as Blender writes it (`//` is the folder of the .blend file) as an absolute one of the file system."""
    return Path(bpy.path.abspath(path)).absolute()
