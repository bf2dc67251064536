"""The animated armature of an open scene as a file, with the scene afterwards as it was."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import addon_utils
import bpy
from bpy_extras import anim_utils

from ..core.errors import Pose3DError
from ..core.paths import is_folder
from . import files
from .deforming import prepared
from .frames import frame_kept
from .keying import require_whole
from .live import require_own_pose
from .markers import source_of
from .rig_reader import choose_mapping, read_rig
from .root_motion import RootMotion, require_root_motion
from .targets import Shown, edited_strip, heard_strips, keyed_range, plays_solo, require_slot, shown

EXPORT_SUFFIXES = (".bvh", ".fbx", ".glb")
_EXPORTERS = {".fbx": "io_scene_fbx", ".glb": "io_scene_gltf2"}


def export_animation(
    context: bpy.types.Context,
    path: Path,
    armature_object: bpy.types.Object,
    *,
    resources: Path,
    overwrite: bool = False,
    root_motion: RootMotion = RootMotion.NONE,
    deform_bones: bool = False,
) -> tuple[int, int]:
    """Write the armature, what hangs on it and the frames of the action that it plays, with the NLA strips under it, from frame 0
    on; returns the first and last frame. root_motion: what its root does in the file; deform_bones: no others are in it.

    Selection, visibility, mode, frame range, current frame, the active action and the enabled add-ons are given back.
    Raises Pose3DError, also for a file that exists, unless overwrite.
    """
    if path.suffix.lower() not in EXPORT_SUFFIXES:
        raise Pose3DError(
            f"'{path.name}' is not a kind of file that is exported.", hint=f"Use one of: {', '.join(EXPORT_SUFFIXES)}."
        )
    if not is_folder(path.parent):
        raise Pose3DError(f"There is no folder {path.parent}.", hint="Make it, or choose another one.")
    if os.path.exists(path) and not overwrite:
        raise Pose3DError(f"{path} exists already.", hint="Choose another name, or tick Replace Existing File.")
    require_root_motion(root_motion, path)
    played = _played(armature_object)
    if armature_object.data.is_editmode and files.active_mode(context.view_layer) != "EDIT":
        raise Pose3DError(
            f"'{armature_object.name}' is in Edit Mode, where it does not move.", hint="Leave Edit Mode and try again."
        )
    layers = _layers(armature_object, played)
    first, last = exported_frames(armature_object)
    if last <= 0:
        raise Pose3DError(
            f"The animation of '{armature_object.name}' ends at frame {last}, and Blender writes nothing before frame 0.",
            hint="Move its keys to frame 0 or later.",
        )
    first = max(first, 0)
    is_bvh = path.suffix.lower() == ".bvh"
    bones = keyed_bones(armature_object, played, resources) if is_bvh and not deform_bones else ()
    with (
        frame_kept(context.scene),
        _out_of_tweak_mode(armature_object.animation_data),
        _scene_as_it_was(context, armature_object),
        _enabled_addons_as_they_were(path),
    ):
        scene = context.scene
        scene.frame_start, scene.frame_end = first, last
        if layers is None:
            _play_only(armature_object, played)
        written = prepared(
            context,
            armature_object,
            root_motion=root_motion,
            deform_bones=deform_bones,
            with_meshes=not is_bvh,
            resources=resources,
        )
        name = played.action.name
        files.export(path, armature_object, name=name, bones=bones, with_nla=layers is not None, meanwhile=written)
    return first, last


def exported_action(armature_object: bpy.types.Object) -> bpy.types.Action:
    """The action that an export would write. Raises Pose3DError if there is none."""
    return _played(armature_object).action


def exported_frames(armature_object: bpy.types.Object) -> tuple[int, int]:
    """First and last frame of what an export would write, but that scenes, and files, begin at frame 0. Raises Pose3DError."""
    played = _played(armature_object)
    layers = _layers(armature_object, played)
    first, last = (round(frame) for frame in layers or keyed_range(played.action, played.slot) or played.action.frame_range)
    return first, last


def _played(armature_object: bpy.types.Object) -> Shown:
    require_whole(armature_object)
    require_own_pose(armature_object)
    played = shown(armature_object)
    if played is None:
        raise Pose3DError(f"'{armature_object.name}' has no action.", hint="Import a clip first.")
    require_slot(armature_object, played.action, played.slot)
    return played


def _layers(armature_object: bpy.types.Object, played: Shown) -> tuple[float, float] | None:
    """First and last frame in the scene of an action or strip that NLA strips are seen under; None where it is alone.

    An active action may be a correction of a few frames, so those of the strips count.
    """
    data, strip = armature_object.animation_data, played.strip
    if plays_solo(data) or data.use_tweak_mode:
        return None
    how = (strip.blend_type, strip.influence) if strip else (data.action_blend_type, data.action_influence)
    others = [one for one in heard_strips(data) if one != strip and one.action is not None]
    if how == ("REPLACE", 1.0):
        others = [one for one in others if not _hides(armature_object, played, one)]
    spans = [(one.frame_start, one.frame_end) for one in others]
    if strip is not None:
        is_layered = any(first < strip.frame_end and last > strip.frame_start for first, last in spans)
        return (strip.frame_start, strip.frame_end) if is_layered else None
    own = keyed_range(played.action, played.slot)
    firsts, lasts = zip(*spans, *([own] if own else []), strict=True) if spans else ((), ())
    return (min(firsts), max(lasts)) if spans else None


def _hides(armature_object: bpy.types.Object, played: Shown, strip: bpy.types.NlaStrip) -> bool:
    """Whether what is played moves most of what the strip moves, and the bone that carries most of it."""
    moved = _bones_in(armature_object, strip.action, strip.action_slot, least_keys=2)
    if not moved:
        return True
    carrier = max(moved, key=lambda name: len(armature_object.pose.bones[name].children_recursive))
    keyed = _bones_in(armature_object, played.action, played.slot, least_keys=1)
    return carrier in keyed and 2 * len(moved & keyed) >= len(moved)


def _bones_in(
    armature_object: bpy.types.Object, action: bpy.types.Action, slot: bpy.types.ActionSlot | None, *, least_keys: int
) -> set[str]:
    """The bones with a curve of so many keys."""
    bag = anim_utils.action_get_channelbag_for_slot(action, slot) if slot is not None else None
    curves = [curve for curve in (bag.fcurves if bag is not None else ()) if len(curve.keyframe_points) >= least_keys]
    paths = {curve.data_path.rpartition(".")[0] for curve in curves}
    return {bone.name for bone in armature_object.pose.bones if bone.path_from_id() in paths}


def keyed_bones(armature_object: bpy.types.Object, played: Shown, resources: Path) -> tuple[str, ...]:
    """The bones of the body, without controls and relaxed fingers, for an action of Pose3D's, or one that holds the switches of
    a rig with controls so that these bones count and moves no others; otherwise none, which means all."""
    preset, has_fingers = "auto", None
    with contextlib.suppress(Pose3DError):
        source = source_of(played.action, played.slot)
        preset, has_fingers = source.preset, source.options.follow_hands
    try:
        rig = read_rig(armature_object, choose_mapping(armature_object, preset=preset, presets_folder=resources / "rigs"))
    except Pose3DError:
        return ()
    body = [rig.bone_names[bone] for bone in rig.mapped_bones()]
    fingers = [name for names in rig.mapping.fingers.values() for name in names]
    if has_fingers is None:
        strips = [(one.action, one.action_slot) for one in heard_strips(armature_object.animation_data) if one.action is not None]
        played_too = [(played.action, played.slot), *strips]
        moved = {name for action, slot in played_too for name in _bones_in(armature_object, action, slot, least_keys=2)}
        if not _holds_switches(armature_object, played, rig.mapping.properties) or not moved <= {*body, *fingers}:
            return ()
        has_fingers = not moved.isdisjoint(fingers)
    return (*body, *(fingers if has_fingers else ()))


def _holds_switches(armature_object: bpy.types.Object, played: Shown, switches: Sequence[tuple[str, str, float]]) -> bool:
    """Whether there are switches, and an action sets all of them to these values."""
    bag = anim_utils.action_get_channelbag_for_slot(played.action, played.slot) if played.slot is not None else None
    values = {curve.data_path: curve.evaluate(0.0) for curve in (bag.fcurves if bag is not None else ())}
    bones = armature_object.pose.bones
    wanted = {
        f'{bones[name].path_from_id()}["{bpy.utils.escape_identifier(key)}"]': value
        for name, key, value in switches
        if name in bones and key in bones[name]
    }
    return bool(wanted) and wanted.items() <= values.items()


def _play_only(armature_object: bpy.types.Object, played: Shown) -> None:
    """An action out of the NLA in its own frames, as the exporters take it. One that plays solo does so without the NLA."""
    data = armature_object.animation_data
    data.use_nla = data.use_nla and not plays_solo(data)
    if data.action != played.action:
        data.action = played.action
        data.action_slot = played.slot


@contextlib.contextmanager
def _out_of_tweak_mode(data: bpy.types.AnimData) -> Iterator[None]:
    """Which allows no other action, and plays its own where the strip lies."""
    strip = edited_strip(data)
    if strip is None:
        yield
        return
    # Else the strip takes on its action's length when tweak mode is left.
    synced, strip.use_sync_length = strip.use_sync_length, False
    data.use_tweak_mode = False
    try:
        yield
    finally:
        data.use_tweak_mode = True
        strip.use_sync_length = synced


@contextlib.contextmanager
def _scene_as_it_was(context: bpy.types.Context, armature_object: bpy.types.Object) -> Iterator[None]:
    scene, layer = context.scene, context.view_layer
    active, mode = layer.objects.active, files.active_mode(layer)
    frames = scene.frame_start, scene.frame_end, scene.use_preview_range
    selected = [item for item in layer.objects if item.select_get()]
    seen = armature_object.hide_get(), armature_object.hide_viewport, armature_object.hide_select
    data = armature_object.animation_data
    playing, by_nla = (data.action, data.action_slot), data.use_nla
    if mode != "OBJECT":
        files.set_mode(layer, "OBJECT")
    scene.use_preview_range = False
    try:
        yield
    finally:
        data.use_nla = by_nla
        if data.action != playing[0]:
            data.action = playing[0]
            if playing[0] is not None:
                data.action_slot = playing[1]
        armature_object.hide_viewport, armature_object.hide_select = seen[1:]
        for item in layer.objects:
            item.select_set(item in selected)
        armature_object.hide_set(seen[0])
        layer.objects.active = active
        scene.frame_start, scene.frame_end, scene.use_preview_range = frames
        if mode != "OBJECT":
            files.set_mode(layer, mode)


@contextlib.contextmanager
def _enabled_addons_as_they_were(path: Path) -> Iterator[None]:
    """The exporter of this kind is enabled for the export where the user has disabled it."""
    name = _EXPORTERS.get(path.suffix.lower())
    was_enabled = name is None or addon_utils.check(name)[1]
    try:
        yield
    finally:
        if not was_enabled and name is not None:
            addon_utils.disable(name, default_set=True)
