"""The bones of an armature that deform, as one tree without controls and helpers, as game engines want them, while a file is
written.

Blender's own exporters cut what hangs on a helper off its body (glTF) or keep half of the helpers (FBX): Rigify's thighs and
shoulders would hang on nothing, or on controls.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import bpy
import numpy as np

from ..core.errors import Pose3DError
from . import files
from .root_motion import RootMotion, carrier_of, with_root_motion

# Of the armature's size: bones that begin this near each other begin at one place. And the cosine between bones that go one way.
_SAME_PLACE, _SAME_WAY = 1e-3, 0.999


@contextlib.contextmanager
def prepared(
    context: bpy.types.Context,
    armature_object: bpy.types.Object,
    *,
    root_motion: RootMotion | str,
    deform_bones: bool,
    with_meshes: bool,
    resources: Path,
) -> Iterator[bpy.types.Object]:
    """The armature to write in place of one that plays in the scene's frames, while it does as its root is asked to.

    with_meshes: what hangs on it is written too. Raises Pose3DError.
    """
    with with_root_motion(context, armature_object, root_motion, resources=resources):
        if not deform_bones:
            yield armature_object
            return
        carrier = carrier_of(armature_object, resources) if root_motion != RootMotion.NONE else None
        with deforming_alone(context, armature_object, root=carrier, with_meshes=with_meshes) as alone:
            yield alone


@contextlib.contextmanager
def deforming_alone(
    context: bpy.types.Context, armature_object: bpy.types.Object, *, root: str | None = None, with_meshes: bool = True
) -> Iterator[bpy.types.Object]:
    """An armature of the same name that has only the bones that deform, those that visible objects hang on, and the root where
    one is named. They do what the armature's own do. Copies of the visible objects that hang on the armature hang on it.

    What is selected is changed. Afterwards armature and copies are gone. Raises Pose3DError where no bone deforms.
    """
    hanging = []
    with contextlib.ExitStack() as afterwards:
        if with_meshes:
            files.select_family(armature_object)
            hanging = [item for item in context.view_layer.objects if item.select_get() and item != armature_object]
        else:
            afterwards.enter_context(files.moved(context, armature_object))
        bones = armature_object.data.bones
        kept = {bone.name for bone in bones if bone.use_deform}
        if not kept:
            raise Pose3DError(
                f"No bone of '{armature_object.name}' deforms.", hint="Leave Deform Bones Only off, or tick Deform in its bones."
            )
        kept |= {item.parent_bone for item in hanging if item.parent == armature_object and item.parent_type == "BONE"}
        kept = {bone.name for bone in bones if bone.name in kept or bone.name == root}
        made = _made(context, armature_object, _parents(bones, kept, root))
        afterwards.callback(_remove, made)
        copies: dict[bpy.types.Object, bpy.types.Object] = {}
        for item in hanging:
            copies[item] = item.copy()
            afterwards.callback(bpy.data.objects.remove, copies[item])
            context.scene.collection.objects.link(copies[item])
        context.view_layer.update()
        for copy in copies.values():
            _hang(copy, {armature_object: made} | copies)
        for item, copy in {armature_object: made, **copies}.items():
            afterwards.enter_context(_names_swapped(item, copy))
        yield made


def _parents(bones: Mapping[str, bpy.types.Bone], kept: Collection[str], root: str | None) -> dict[str, str | None]:
    """What each of the kept bones hangs on: the nearest kept one above it, or one that lies at a helper's place where that is
    nearer; the root, where there is one and nothing else."""
    size_m = float(np.ptp([bone.head_local for bone in bones.values()], axis=0).max())
    ways = {name: (bones[name].tail_local - bones[name].head_local).normalized() for name in kept}

    def at_its_place(helper: bpy.types.Bone) -> str | None:
        way = (helper.tail_local - helper.head_local).normalized()
        near = [
            name
            for name in kept
            if (bones[name].head_local - helper.head_local).length <= _SAME_PLACE * size_m and ways[name].dot(way) >= _SAME_WAY
        ]
        return min(near, key=lambda name: ((bones[name].tail_local - helper.tail_local).length, name), default=None)

    known: dict[str, str | None] = {}
    found: dict[str, str | None] = {}

    def hangs_on(name: str | None, other: str) -> bool:
        while name is not None and name != other:
            name = found.get(name)
        return name == other

    for bone in bones.values():
        if bone.name not in kept:
            known[bone.name] = at_its_place(bone)
    for bone in bones.values():
        if bone.name not in kept:
            continue
        above = (one.name if one.name in kept else known[one.name] for one in bone.parent_recursive)
        ways_up = [*above, None if bone.name == root else root]
        found[bone.name] = next((name for name in ways_up if name is not None and not hangs_on(name, bone.name)), None)
    return found


def _made(context: bpy.types.Context, armature_object: bpy.types.Object, parents: Mapping[str, str | None]) -> bpy.types.Object:
    """An armature of these bones that follow those of the other one."""
    data = bpy.data.armatures.new(armature_object.data.name)
    made = bpy.data.objects.new(armature_object.name, data)
    context.scene.collection.objects.link(made)
    for item in context.view_layer.objects:  # else they would be edited along
        item.select_set(item == made)
    context.view_layer.objects.active = made
    with context.temp_override(area=None, region=None):
        bpy.ops.object.mode_set(mode="EDIT")
        for name in parents:
            bone, edit = armature_object.data.bones[name], data.edit_bones.new(name)
            edit.tail = (0.0, bone.length, 0.0)
            edit.matrix = bone.matrix_local
        for name, above in parents.items():
            data.edit_bones[name].parent = data.edit_bones[above] if above is not None else None
        bpy.ops.object.mode_set(mode="OBJECT")
    for name in parents:
        bone, follow = data.bones[name], made.pose.bones[name].constraints.new("COPY_TRANSFORMS")
        for setting in ("use_deform", "use_relative_parent"):
            setattr(bone, setting, getattr(armature_object.data.bones[name], setting))
        follow.target, follow.subtarget = armature_object, name
    made.constraints.new("COPY_TRANSFORMS").target = armature_object
    return made


def _remove(made: bpy.types.Object) -> None:
    data = made.data
    bpy.data.objects.remove(made)
    bpy.data.armatures.remove(data)


def _hang(copy: bpy.types.Object, copies: Mapping[bpy.types.Object, bpy.types.Object]) -> None:
    """On copies of what it hangs on, and what deforms it."""
    if copy.parent in copies:
        how, bone, there = copy.parent_type, copy.parent_bone, copy.matrix_parent_inverse.copy()
        copy.parent = copies[copy.parent]
        copy.parent_type, copy.parent_bone, copy.matrix_parent_inverse = how, bone, there
    for modifier in copy.modifiers:
        if modifier.type == "ARMATURE" and modifier.object in copies:
            modifier.object = copies[modifier.object]


@contextlib.contextmanager
def _names_swapped(one: bpy.types.Object, other: bpy.types.Object) -> Iterator[None]:
    """The other is called as this one is. A linked one keeps its name, and the other may have the same."""
    before = one.name, other.name
    if one.library is None:
        one.name = f"{one.name}.own"
    other.name = before[0]
    try:
        yield
    finally:
        other.name = before[1]
        if one.library is None:
            one.name = before[0]
