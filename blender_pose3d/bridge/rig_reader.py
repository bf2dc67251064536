"""An armature object -> RigSpec. Reads only; the pose, the rest pose and the selection stay as they are."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np

from ..core.errors import Pose3DError
from ..core.preset import Mapping, choose, load_preset, load_presets
from ..core.rig import RigSpec


def choose_mapping(armature_object: bpy.types.Object, *, preset: str, presets_folder: Path) -> Mapping:
    """The mapping for this armature: `preset` is "auto", a shipped preset's name, or the path of a .json file.

    Raises Pose3DError if the object is no armature, has no bones, or no preset fits.
    """
    if armature_object.type != "ARMATURE":
        raise Pose3DError(f"'{armature_object.name}' is not an armature.", hint="Choose an armature object.")
    names = [bone.name for bone in armature_object.data.bones]
    if not names:
        raise Pose3DError(f"The armature '{armature_object.name}' has no bones.", hint="Choose an armature with a body.")
    if preset.lower().endswith(".json"):
        one = load_preset(Path(preset))
        return choose([one], names, one.name)
    return choose(load_presets(presets_folder), names, preset)


def read_rig(armature_object: bpy.types.Object, mapping: Mapping) -> RigSpec:
    """The armature at rest, as arrays. Raises Pose3DError for an armature that cannot be solved."""
    bones = _parents_first(armature_object.data.bones)
    index = {bone.name: i for i, bone in enumerate(bones)}
    rest = np.array([bone.matrix_local for bone in bones], dtype=float)  # [B, 4, 4]
    axes = rest[:, :3, :3]
    return RigSpec(
        bone_names=tuple(index),
        parents=np.array([index[bone.parent.name] if bone.parent else -1 for bone in bones]),
        rest_heads=rest[:, :3, 3],
        rest_tails=np.array([bone.tail_local for bone in bones], dtype=float),
        rest_rotations=axes / np.linalg.norm(axes, axis=1, keepdims=True),
        world_from_armature=np.array(armature_object.matrix_world, dtype=float),
        inherits_rotation=np.array([bone.use_inherit_rotation for bone in bones]),
        local_location=np.array([bone.use_local_location for bone in bones]),
        mapping=mapping,
    )


def _parents_first(bones: bpy.types.ArmatureBones) -> list[bpy.types.Bone]:
    ordered: list[bpy.types.Bone] = []
    waiting = [bone for bone in bones if bone.parent is None]
    while waiting:
        ordered += waiting
        waiting = [child for bone in waiting for child in bone.children]
    return ordered
