"""Rig files in, animated files out. Meant for a Blender without a window: opening a rig replaces the open file."""

from __future__ import annotations

import contextlib
import glob
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import addon_utils
import bpy
import numpy as np

from ..core.bvh import is_z_up
from ..core.errors import Pose3DError
from ..core.leftovers import remove_stale, short_stem
from ..core.paths import is_file
from .bvh import write_bvh
from .compat import GLTF_FPS_BASE_IS_INVERTED
from .constraints import is_carried
from .frames import frames_of_keys
from .targets import called, is_moved

RIG_SUFFIXES = (".blend", ".glb", ".gltf", ".fbx", ".bvh")
OUT_SUFFIXES = (".blend", ".glb", ".fbx", ".bvh")
# What animations are made at; one at half the rate is on the frames of the whole. And how far off a frame a key may be.
_RATES = (25, 30, 50, 60, 120, 240)
_OFF_FRAME = 0.02
# Modifiers that make points, and what Blender calls one of nodes that makes normals only.
_BUILDING = frozenset(
    ("ARRAY", "BEVEL", "BOOLEAN", "BUILD", "DECIMATE", "MASK", "MIRROR", "MULTIRES", "NODES", "REMESH", "SCREW", "SKIN")
    + ("SOLIDIFY", "SUBSURF", "WELD", "WIREFRAME")
)
_NORMALS = "smooth by angle"
_NEEDED_ADDONS = {".fbx": "io_scene_fbx", ".bvh": "io_anim_bvh", ".glb": "io_scene_gltf2", ".gltf": "io_scene_gltf2"}


@dataclass(frozen=True)
class RigFile:
    """A rig as named on the command line: "rigify", or a path and, for .blend files, perhaps an armature's name."""

    path: Path | None
    armature: str = ""


def parse_rig(text: str) -> RigFile:
    """ "file.blend:Name", a path or the word rigify. Raises Pose3DError if there is no such file or it is of no known kind."""
    if text == "rigify":
        return RigFile(None)
    name, path = "", Path(text)
    if not os.path.exists(path) and ".blend:" in text:
        head, _, name = text.rpartition(".blend:")
        path = Path(f"{head}.blend")
    if path.suffix.lower() not in RIG_SUFFIXES:
        raise Pose3DError(
            f"'{text}' is not a rig file.", hint=f"Give a file of the kind {', '.join(RIG_SUFFIXES)}, or the word rigify."
        )
    if not is_file(path):
        raise Pose3DError(f"There is no rig file {path}.", hint="Check the path.")
    return RigFile(path.absolute(), name)


def open_rig(rig: RigFile, *, at_its_rate: bool = False) -> bpy.types.Object:
    """Open a rig in an otherwise empty scene and return its armature. at_its_rate: whatever the kind of file, the scene has the
    rate of its animation, so that keys are on frames.

    Raises Pose3DError if the file has none, or cannot be read.
    """
    if rig.path is None:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        return _rigify()
    armatures = _opened(rig.path)
    if at_its_rate and rig.path.suffix.lower() in (".glb", ".gltf") and (rate := _rate_of_keys()):
        armatures = _opened(rig.path, rate=rate)
    if rig.armature:
        armatures = called(rig.armature, armatures)
    if not armatures:
        what = f"no armature called '{rig.armature}'" if rig.armature else "no armature"
        raise Pose3DError(f"{rig.path.name} has {what}.", hint="Choose a file with a rigged character.")
    return _largest(armatures)


def parts(rig: RigFile) -> list[Path]:
    """The other files that a rig has parts in, which is open and as its file has it: libraries, pictures, a .gltf's data.
    Absolute, and also those that are not there.
    """
    if rig.path is None:
        return []
    found = {Path(path) for path in bpy.utils.blend_paths(absolute=True, packed=True) if path}
    if rig.path.suffix.lower() in (".glb", ".gltf"):
        found |= {rig.path.parent / name for name in _gltf_files(rig.path)}
    return sorted(found - {rig.path})


def _gltf_files(path: Path) -> Iterator[str]:
    """The names of the files that a glTF file refers to."""
    data = path.read_bytes()
    if data[:4] == b"glTF":  # then its JSON is the first piece: 20 bytes on, as long as the 4 before its kind say
        data = data[20 : 20 + int.from_bytes(data[12:16], "little")]
    with contextlib.suppress(*_DAMAGE):  # what Blender did not mind
        content = json.loads(data.decode("utf-8-sig"))
        for part in (*content.get("buffers", ()), *content.get("images", ())):
            if (uri := str(part.get("uri", ""))) and not uri.startswith("data:"):
                name = re.sub(rb"%([0-9A-Fa-f]{2})", lambda code: bytes.fromhex(code[1].decode()), os.fsencode(uri))
                yield os.fsdecode(name)


def _rate_of_keys() -> int | None:
    """The frames a second by which all keys are on frames; None where they are by the scene's already, or by no rate. glTF has
    seconds, and Blender makes them frames of the scene that is open."""
    now = bpy.context.scene.render.fps
    bags = (bag for action in bpy.data.actions for layer in action.layers for strip in layer.strips for bag in strip.channelbags)
    found = [np.zeros(0)]
    for curve in (curve for bag in bags for curve in bag.fcurves):
        co = np.empty(2 * len(curve.keyframe_points), np.float32)
        curve.keyframe_points.foreach_get("co", co)
        found.append(co[::2])
    times_s = np.unique(np.concatenate(found)) / now
    rate = next((rate for rate in (now, *_RATES) if np.all(np.abs(times_s * rate - np.round(times_s * rate)) < _OFF_FRAME)), now)
    return rate if rate != now else None


def _opened(path: Path, *, rate: int | None = None) -> list[bpy.types.Object]:
    """All armatures of a file, which replaces the open one. rate: frames a second of the scene that it comes into, where it has
    none of its own. Raises Pose3DError if it cannot be read."""
    if path.suffix.lower() == ".blend":
        _reading(path.name, lambda: bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False))
    else:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        if rate is not None:
            bpy.context.scene.render.fps = rate
        _reading(path.name, lambda: _import(path))
    if active_mode(bpy.context.view_layer) == "EDIT":  # where an armature does not move
        set_mode(bpy.context.view_layer, "OBJECT")
    return [o for o in bpy.context.scene.objects if o.type == "ARMATURE"]


def _largest(armatures: Sequence[bpy.types.Object]) -> bpy.types.Object:
    return max(armatures, key=lambda o: len(o.data.bones))


def export(
    path: Path,
    armature_object: bpy.types.Object,
    *,
    name: str = "",
    bones: Sequence[str] = (),
    with_nla: bool = False,
    meanwhile: contextlib.AbstractContextManager[bpy.types.Object] | None = None,
) -> None:
    """Write the scene's animated armature (and what it carries) to a file, by extension. The file appears whole or not at all.

    name: of the animation in a .glb or .fbx, the active action's when empty; bones: those that a .bvh holds, all when empty;
    with_nla: not the active action alone, but what plays under it as well; meanwhile: entered once the armature is seen to move,
    and gives what is written in its place. But for the .blend, an armature in Rest Position is written as it moves, and what is
    selected and visible is changed.
    Raises Pose3DError if it cannot be written.
    """
    kind = path.suffix.lower()
    if kind not in OUT_SUFFIXES:
        raise Pose3DError(
            f"'{path.suffix}' is not a kind of file that Pose3D writes.", hint=f"Use one of: {', '.join(OUT_SUFFIXES)}."
        )
    stem = f".{short_stem(path)}"
    partial = path.with_name(f"{stem}.{os.getpid()}.partial{path.suffix}")
    remove_stale(path.parent, f"{glob.escape(stem)}.*.partial{kind}")
    _enable_addon(kind)
    position = contextlib.nullcontext() if kind == ".blend" else _in_pose_position(armature_object.data)
    as_keyed = contextlib.nullcontext() if kind == ".blend" else frames_of_keys(bpy.context.scene)
    name = name or ("" if kind == ".blend" else armature_object.animation_data.action.name)
    called_so = contextlib.nullcontext() if kind == ".blend" else _scene_called(bpy.context.scene, name)
    try:
        with quietly(), position, as_keyed, called_so, meanwhile or contextlib.nullcontext(armature_object) as written:
            _WRITERS[kind](partial, written, bones, name if not with_nla else None)
        if not partial.is_file() or partial.stat().st_size == 0:
            raise Pose3DError(f"Blender did not write {path}.", hint="Choose another folder or another kind of file.")
        os.replace(partial, path)
    except (RuntimeError, OSError) as reason:
        raise Pose3DError(
            f"Cannot write {path}: {_words(reason)}.", hint="Choose another folder or another kind of file."
        ) from None
    finally:
        partial.unlink(missing_ok=True)


def left_out(armature_object: bpy.types.Object, path: Path) -> tuple[str, ...]:
    """What to tell of the meshes that hang on an armature and that `export` passes over, though they are rendered, or whose
    modifiers or shape keys it does: Blender's exporters have not both."""
    if path.suffix.lower() not in (".fbx", ".glb"):
        return ()
    layer = bpy.context.view_layer
    meshes = [item for item in _family(armature_object) if item.type == "MESH" and item in layer.objects.values()]
    with bpy.context.temp_override(area=None, region=None):  # what only a 3D view in local view leaves out is written
        hidden = [item for item in meshes if not (item.hide_render or item.visible_get(view_layer=layer))]
    names = ", ".join(sorted(f"'{item.name}'" for item in hidden))
    told = (f"Hidden, so not in the file: {names}. Show them, or disable them in renders.",) if names else ()
    written = [item for item in meshes if item not in hidden]
    with_shapes = [item for item in written if item.data.shape_keys is not None]
    if path.suffix.lower() == ".glb":
        names = ", ".join(sorted(f"'{item.name}'" for item in written if with_shapes and _is_built_on(item)))
        what = f"Not in the file, because shape keys are: the modifiers of {names}. Apply them to have them there."
    else:
        names = ", ".join(sorted(f"'{item.name}'" for item in with_shapes if _is_applied(item)))
        what = f"Not in the file, because modifiers are: the shape keys of {names}. Disable these modifiers to have them there."
    return (*told, what) if names else told


def _is_applied(item: bpy.types.Object) -> bool:
    """Whether the FBX exporter applies a mesh's modifiers: one is enough that is enabled in the viewport or in renders."""
    return any((one.show_viewport or one.show_render) and one.type != "ARMATURE" for one in item.modifiers)


def _is_built_on(item: bpy.types.Object) -> bool:
    """Whether a mesh has other points by its modifiers than without."""
    return any(
        modifier.show_viewport
        and modifier.type in _BUILDING
        and not (modifier.type == "NODES" and getattr(modifier.node_group, "name", _NORMALS).lower().startswith(_NORMALS))
        for modifier in item.modifiers
    )


def read_back(path: Path, armature_name: str = "") -> tuple[int, float]:
    """Open a written file again: (number of bones, length of the animation in seconds).

    armature_name: which one; where none is called so (a .bvh has no names), the largest that moves.
    Raises Pose3DError if there is no animation in it.
    """
    armatures = _opened(path)
    moving = [o for o in armatures if o.animation_data is not None and o.animation_data.action is not None]
    wanted = called(armature_name, armatures) or moving
    armature_object = _largest(wanted) if wanted else None
    if armature_object not in moving:
        raise Pose3DError(f"{path.name} was written, but holds no animation when it is read back.", hint="Please report this.")
    play_as_keyed(path)
    render = bpy.context.scene.render
    first, last = armature_object.animation_data.action.frame_range
    return len(armature_object.data.bones), (last - first) * render.fps_base / render.fps


def play_as_keyed(path: Path) -> None:
    """The scene of an opened file plays it as fast as it is. Blender's FBX importer lays keys out at the rounded rate."""
    if path.suffix.lower() == ".fbx":
        bpy.context.scene.render.fps_base = 1.0


def _write_blend(path: Path, armature_object: bpy.types.Object, bones: Sequence[str], alone: str | None) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True, compress=True)


def _write_glb(path: Path, armature_object: bpy.types.Object, bones: Sequence[str], alone: str | None) -> None:
    select_family(armature_object)
    # The scene as it plays, as one animation that is called as the scene is; an action has nothing of what carries the armature.
    how = {"export_animation_mode": "SCENE", "export_anim_scene_split_object": False}
    if alone is not None and not is_carried(armature_object):  # the active action, called so
        how = {"export_animation_mode": "ACTIVE_ACTIONS", "export_nla_strips_merged_animation_name": alone}
    meshes = [item for item in bpy.context.view_layer.objects if item.select_get() and item.type == "MESH"]
    # Applied or not for the whole file; the shape keys of what they are applied to would be lost.
    applied = any(map(_is_built_on, meshes)) and all(item.data.shape_keys is None for item in meshes)
    with _gltf_rate(bpy.context.scene):
        bpy.ops.export_scene.gltf(
            filepath=str(path),
            export_format="GLB",
            use_selection=True,
            **how,
            export_apply=applied,
            export_frame_range=True,
            export_anim_slide_to_zero=True,
        )


def _write_fbx(path: Path, armature_object: bpy.types.Object, bones: Sequence[str], alone: str | None) -> None:
    select_family(armature_object)
    packed = [image for image in bpy.data.images if image.packed_file and image.users and image.library is None]
    # Pictures that are packed are in no other file, so they go along. Blender takes all of them then, or none.
    pictures = {"path_mode": "COPY", "embed_textures": True} if packed else {}
    # A 3D view in local view would take what it does not show for not selected.
    with bpy.context.temp_override(area=None, region=None), _file_names(packed):
        bpy.ops.export_scene.fbx(
            filepath=str(path),
            use_selection=True,
            **pictures,
            object_types={"ARMATURE", "MESH"},
            add_leaf_bones=False,
            bake_anim_use_all_actions=False,
            bake_anim_use_nla_strips=False,
            bake_anim_simplify_factor=0.0,
        )


@contextlib.contextmanager
def _file_names(packed: Sequence[bpy.types.Image]) -> Iterator[None]:
    """Packed pictures without the name of a file, as those of glTF files are, have one meanwhile: an FBX knows them by it."""
    nameless = [image for image in packed if not image.filepath_raw]
    try:
        for image in nameless:
            kind = {"JPEG": ".jpg", "TARGA": ".tga", "TIFF": ".tif"}.get(image.file_format, f".{image.file_format.lower()}")
            image.filepath_raw = bpy.path.ensure_ext(f"//{bpy.path.clean_name(image.name)}", kind)
        yield
    finally:
        for image in nameless:
            image.filepath_raw = ""


def _write_bvh(path: Path, armature_object: bpy.types.Object, bones: Sequence[str], alone: str | None) -> None:
    with moved(bpy.context, armature_object):
        write_bvh(path, bpy.context, armature_object, bones=bones)


@contextlib.contextmanager
def moved(context: bpy.types.Context, armature_object: bpy.types.Object) -> Iterator[None]:
    """Blender evaluates the armature meanwhile, whatever hides it. Raises Pose3DError where it does not."""
    with _collections_shown(armature_object):
        show(armature_object)
        if not is_moved(context, armature_object):
            raise _in_hidden_collection(armature_object)
        yield


@contextlib.contextmanager
def _collections_shown(armature_object: bpy.types.Object) -> Iterator[None]:
    """The collections that hold an object are in the view layer and visible meanwhile."""
    states: list[tuple[Any, str, bool]] = []
    wanted: list[bpy.types.LayerCollection] = []

    def look(layer: bpy.types.LayerCollection) -> bool:
        states.extend((layer, name, getattr(layer, name)) for name in ("exclude", "hide_viewport"))
        states.append((layer.collection, "hide_viewport", layer.collection.hide_viewport))
        place = len(wanted)
        below = [look(child) for child in layer.children]
        if inside := any(below) or armature_object in layer.collection.objects.values():
            wanted.insert(place, layer)  # before what is in it: a collection brings those in it along
        return inside

    look(bpy.context.view_layer.layer_collection)
    hidden = [layer for layer in wanted if layer.exclude or layer.hide_viewport or layer.collection.hide_viewport]
    try:
        for layer in hidden:
            layer.exclude = layer.hide_viewport = layer.collection.hide_viewport = False
        bpy.context.view_layer.update()
        yield
    finally:
        for owner, name, value in states if hidden else ():
            if getattr(owner, name) != value:
                setattr(owner, name, value)


_WRITERS: dict[str, Callable[[Path, bpy.types.Object, Sequence[str], str | None], None]] = {
    ".blend": _write_blend,
    ".glb": _write_glb,
    ".fbx": _write_fbx,
    ".bvh": _write_bvh,
}


def select_family(armature_object: bpy.types.Object) -> None:
    """Select the armature and what hangs on it, as far as this view layer shows it, and nothing else."""
    show(armature_object)
    armature_object.hide_select = False
    shown = bpy.context.view_layer.objects
    below = _family(armature_object)
    for item in shown:
        item.select_set(item in below)
    if not armature_object.select_get():
        raise _in_hidden_collection(armature_object)
    shown.active = armature_object


def _family(armature_object: bpy.types.Object) -> set[bpy.types.Object]:
    """The armature and what hangs on it or is deformed by it."""
    deformed = {item for item in bpy.context.view_layer.objects if item.find_armature() == armature_object}
    return {armature_object, *armature_object.children_recursive, *deformed}


def show(armature_object: bpy.types.Object) -> None:
    if armature_object not in bpy.context.view_layer.objects.values():
        raise Pose3DError(
            f"The armature '{armature_object.name}' is in a collection that the view layer leaves out.",
            hint="Include it in the file.",
        )
    armature_object.hide_set(False)
    armature_object.hide_viewport = False


def set_mode(layer: bpy.types.ViewLayer, mode: str) -> None:
    """Of the active object; the operator refuses one that is hidden in all viewports."""
    active = layer.objects.active
    was_hidden, active.hide_viewport = active.hide_viewport, False
    try:
        bpy.ops.object.mode_set(mode=mode)
    finally:
        active.hide_viewport = was_hidden


def active_mode(layer: bpy.types.ViewLayer) -> str:
    return layer.objects.active.mode if layer.objects.active else "OBJECT"


def _in_hidden_collection(armature_object: bpy.types.Object) -> Pose3DError:
    return Pose3DError(f"The armature '{armature_object.name}' is in a hidden collection.", hint="Show it in the file.")


@contextlib.contextmanager
def _in_pose_position(armature: bpy.types.Armature) -> Iterator[None]:
    """In Rest Position nothing moves, in the file neither."""
    before = armature.pose_position
    armature.pose_position = "POSE"
    try:
        yield
    finally:
        armature.pose_position = before


@contextlib.contextmanager
def _scene_called(scene: bpy.types.Scene, name: str) -> Iterator[None]:
    """Blender calls an FBX file's take, and all that a glTF file plays, as the scene is called."""
    before, scene.name = scene.name, name
    try:
        yield
    finally:
        scene.name = before


@contextlib.contextmanager
def _gltf_rate(scene: bpy.types.Scene) -> Iterator[None]:
    """Blender's glTF exporter takes fps * fps_base for the frame rate, which is fps / fps_base; it is given the inverse base."""
    base = scene.render.fps_base
    if GLTF_FPS_BASE_IS_INVERTED:
        scene.render.fps_base = 1 / base
    try:
        yield
    finally:
        scene.render.fps_base = base


def _import(path: Path) -> None:
    kind = path.suffix.lower()
    _enable_addon(kind)
    if kind in (".glb", ".gltf"):
        bpy.ops.import_scene.gltf(filepath=str(path))
    elif kind == ".fbx":
        bpy.ops.import_scene.fbx(filepath=str(path))
    else:
        forward, up = ("Y", "Z") if is_z_up(path) else ("-Z", "Y")
        bpy.ops.import_anim.bvh(filepath=str(path), axis_forward=forward, axis_up=up, rotate_mode="NATIVE", update_scene_fps=True)


_DAMAGE = (RuntimeError, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, AssertionError, EOFError)


def _reading(label: str, action: Callable[[], object]) -> None:
    """Blender's importers raise many kinds of exception on damaged files; each is the same sentence to the user."""
    try:
        with quietly():
            action()
    except _DAMAGE as reason:
        raise Pose3DError(
            f"Blender cannot read {label}: {_words(reason)}.", hint="Check that the file opens in Blender."
        ) from None


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Importers and exporters say a lot, and an operator written in Python has its traceback printed and logged before it raises;
    what the user needs of it is in the exception."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _words(reason: BaseException) -> str:
    """What an operator's exception says, in one line, without the traceback that Blender puts into it."""
    lines = [line.strip() for line in str(reason).splitlines() if line.strip() and not line.startswith("Location:")]
    last = lines[-1] if lines else type(reason).__name__
    if any(line.endswith("Traceback (most recent call last):") for line in lines):
        if re.match(
            r"(Attribute|Type|Index|Key|Value|Assertion|UnicodeDecode|Overflow|Recursion|ZeroDivision)Error\b|struct\.|zlib\.",
            last,
        ):
            return "it is damaged, or of a kind that Blender does not know"
        last = re.sub(r"^[\w.]*(Error|Exception|Interrupt): ", "", last)
    last = re.sub(r"\[Errno \d+\] ([^:]*)(: .*)?", r"\1", last)
    return last.removeprefix("Error: ").strip().rstrip(".")


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
        raise Pose3DError(
            f"Rigify cannot make its rig here: {_words(reason)}.", hint="Check that this Blender has the Rigify add-on."
        ) from None
    rigs = [o for o in bpy.context.scene.objects if o.type == "ARMATURE" and o != metarig]
    if not rigs:
        raise Pose3DError("Rigify did not make a rig.", hint="Check that this Blender has the Rigify add-on.")
    bpy.data.objects.remove(metarig)
    return rigs[0]
