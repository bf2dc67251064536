"""Rig files in, animated files out. Meant for a Blender without a window: opening a rig replaces the open file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import addon_utils
import bpy

from ..core.errors import Pose3DError
from .rig_reader import choose_mapping, read_rig

RIG_SUFFIXES = (".blend", ".glb", ".gltf", ".fbx", ".bvh")
OUT_SUFFIXES = (".blend", ".glb", ".fbx", ".bvh")
_NEEDED_ADDONS = {".fbx": "io_scene_fbx", ".bvh": "io_anim_bvh", ".glb": "io_scene_gltf2", ".gltf": "io_scene_gltf2"}


@dataclass(frozen=True)
class RigFile:
    """A rig as named on the command line: "rigify", or a path and, for .blend files, perhaps an armature's name."""

    path: Path | None
    armature: str = ""


def parse_rig(text: str) -> RigFile:
    """"file.blend:Name", a path or the word rigify. Raises Pose3DError if there is no such file or it is of no known kind."""
    if text == "rigify":
        return RigFile(None)
    name, path = "", Path(text)
    if not path.exists() and ".blend:" in text:
        head, _, name = text.rpartition(".blend:")
        path = Path(f"{head}.blend")
    if path.suffix.lower() not in RIG_SUFFIXES:
        raise Pose3DError(f"'{text}' is not a rig file.", hint=f"Give a file of the kind {', '.join(RIG_SUFFIXES)}, or the word rigify.")
    if not path.is_file():
        raise Pose3DError(f"There is no rig file {path}.", hint="Check the path.")
    return RigFile(path.absolute(), name)


def open_rig(rig: RigFile) -> bpy.types.Object:
    """Open a rig in an otherwise empty scene and return its armature. Raises Pose3DError if the file has none, or cannot be read."""
    label = rig.path.name if rig.path else "rigify"
    if rig.path is not None and rig.path.suffix.lower() == ".blend":
        _reading(label, lambda: bpy.ops.wm.open_mainfile(filepath=str(rig.path), load_ui=False))
    else:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        if rig.path is None:
            return _rigify()
        _reading(label, lambda: _import(rig.path))
    armatures = [o for o in bpy.context.scene.objects if o.type == "ARMATURE"]
    if rig.armature:
        armatures = [o for o in armatures if o.name == rig.armature]
    if not armatures:
        what = f"no armature called '{rig.armature}'" if rig.armature else "no armature"
        raise Pose3DError(f"{label} has {what}.", hint="Choose a file with a rigged character.")
    return max(armatures, key=lambda o: len(o.data.bones))


def require_mapping(armature_object: bpy.types.Object, *, preset: str, presets_folder: Path) -> None:
    """Fail early where the rig cannot be solved. Raises Pose3DError."""
    read_rig(armature_object, choose_mapping(armature_object, preset=preset, presets_folder=presets_folder))


def export(path: Path, armature_object: bpy.types.Object) -> None:
    """Write the scene's animated armature (and what it carries) to a file, by extension. The file appears whole or not at all.

    Raises Pose3DError if it cannot be written.
    """
    partial = path.with_name(f".{path.stem}.{os.getpid()}.partial{path.suffix}")
    _enable_addon(path.suffix.lower())
    try:
        _export(partial, armature_object)
        if not partial.is_file() or partial.stat().st_size == 0:
            raise Pose3DError(f"Blender did not write {path}.", hint="Choose another folder or another kind of file.")
        os.replace(partial, path)
    except (RuntimeError, OSError) as reason:
        raise Pose3DError(f"Cannot write {path}: {_first_line(reason)}.", hint="Choose a folder that can be written to.") from None
    finally:
        partial.unlink(missing_ok=True)


def read_back(path: Path) -> tuple[int, float]:
    """Open a written file again: (number of bones, length of the animation in seconds). Raises Pose3DError if there is no animation in it."""
    armature_object = open_rig(RigFile(path))
    actions = [a for a in bpy.data.actions if a.frame_range[1] >= a.frame_range[0]]
    data = armature_object.animation_data
    action = (data.action if data else None) or (actions[0] if actions else None)
    if action is None:
        raise Pose3DError(f"{path.name} was written, but holds no animation when it is read back.", hint="Please report this.")
    render = bpy.context.scene.render
    frames = action.frame_range[1] - action.frame_range[0]
    return len(armature_object.data.bones), frames * render.fps_base / render.fps


def _export(path: Path, armature_object: bpy.types.Object) -> None:
    kind = path.suffix.lower()
    if kind == ".blend":
        bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=True)
        return
    family = {armature_object, *(o for o in bpy.context.scene.objects if o.find_armature() == armature_object or o.parent == armature_object)}
    for item in bpy.context.scene.objects:
        item.select_set(item in family)
    bpy.context.view_layer.objects.active = armature_object
    scene = bpy.context.scene
    if kind == ".glb":
        bpy.ops.export_scene.gltf(
            filepath=str(path), export_format="GLB", use_selection=True, export_animation_mode="ACTIVE_ACTIONS", export_frame_range=True
        )
    elif kind == ".fbx":
        bpy.ops.export_scene.fbx(
            filepath=str(path), use_selection=True, object_types={"ARMATURE", "MESH"}, add_leaf_bones=False, bake_anim_use_all_actions=False, bake_anim_use_nla_strips=False
        )
    elif kind == ".bvh":
        bpy.ops.export_anim.bvh(
            filepath=str(path), frame_start=scene.frame_start, frame_end=scene.frame_end, root_transform_only=True, rotate_mode="NATIVE"
        )
    else:
        raise Pose3DError(f"'{path.suffix}' is not a kind of file that Pose3D writes.", hint=f"Use one of: {', '.join(OUT_SUFFIXES)}.")


def _import(path: Path) -> None:
    kind = path.suffix.lower()
    _enable_addon(kind)
    if kind in (".glb", ".gltf"):
        bpy.ops.import_scene.gltf(filepath=str(path))
    elif kind == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path))
    else:
        bpy.ops.import_anim.bvh(filepath=str(path), axis_forward="-Z", axis_up="Y", rotate_mode="NATIVE", update_scene_fps=True)


def _reading(label: str, action) -> None:  # noqa: ANN001
    """Blender's importers raise many kinds of exception on damaged files; each is the same sentence to the user."""
    try:
        action()
    except (RuntimeError, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, AssertionError, EOFError, json.JSONDecodeError) as reason:
        raise Pose3DError(f"Blender cannot read {label}: {_first_line(reason)}.", hint="Check that the file opens in Blender.") from None


def _first_line(reason: BaseException) -> str:
    lines = [line for line in str(reason).splitlines() if line.strip() and not line.startswith("Traceback")]
    return (lines[-1] if lines else type(reason).__name__).removeprefix("Error: ").strip().rstrip(".")


def _enable_addon(kind: str) -> None:
    name = _NEEDED_ADDONS.get(kind)
    if name and not addon_utils.check(name)[1]:
        addon_utils.enable(name, default_set=True)


def _rigify() -> bpy.types.Object:
    """The rig that Rigify generates from its own human metarig."""
    addon_utils.enable("rigify", default_set=True)
    try:
        bpy.ops.object.armature_human_metarig_add()
        metarig = bpy.context.object
        bpy.ops.pose.rigify_generate()
    except (RuntimeError, AttributeError) as reason:
        raise Pose3DError(f"Rigify cannot make its rig here: {_first_line(reason)}.", hint="Check that this Blender has the Rigify add-on.") from None
    rigs = [o for o in bpy.context.scene.objects if o.type == "ARMATURE" and o != metarig]
    if not rigs:
        raise Pose3DError("Rigify did not make a rig.", hint="Check that this Blender has the Rigify add-on.")
    bpy.data.objects.remove(metarig)
    return rigs[0]
