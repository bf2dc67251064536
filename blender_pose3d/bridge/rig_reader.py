"""An armature object -> RigSpec. Reads only; the pose, the rest pose, the mode and the selection stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

from ..core.errors import Pose3DError
from ..core.preset import LIMB_PARTS, SIDES, Mapping, choose, load_own, load_preset, load_presets
from ..core.recognise import Skeleton, map_bones
from ..core.rig import RigSpec, require_own_bones
from .soles import Foot, outermost, read_body, read_soles
from .targets import world_of

# Of the shin: bones so near to each other begin at one joint.
_SAME_PLACE = 0.005
# So far from their bones trunk and head reach at the most, and so far below the hip joints the trunk ends, in legs; a character
# with short ones is measured by this share of its head's height.
_TRUNK, _HEAD, _CROTCH, _HEAD_SHARE = 0.4, 0.7, 0.14, 0.5
# A trunk that is thick all over reaches as far as these shares of how far most of it is from its bones.
_TRUNK_THICK, _CROTCH_THICK = 1.6, 0.5
_TRUNK_ROLES, _HEAD_ROLES = ("hips", "spine", "chest"), ("neck", "head")


def choose_mapping(
    armature_object: bpy.types.Object, *, preset: str, presets_folder: Path, own_folders: Sequence[Path] = ()
) -> Mapping:
    """The mapping for this armature: `preset` is "auto" (the preset whose names fit, else what the armature's shape says), a
    preset's name, or the path of a .json file.

    own_folders: of the user's presets, which are taken before the shipped ones that fit as well; what cannot be read there is in
    the mapping's warnings.
    Raises Pose3DError if the object is no armature, has no bones, or a required role is left without a bone.
    """
    if armature_object.type != "ARMATURE":
        raise Pose3DError(f"'{armature_object.name}' is not an armature.", hint="Choose an armature object.")
    take_in_edits(armature_object)
    if not armature_object.data.bones:
        raise Pose3DError(f"The armature '{armature_object.name}' has no bones.", hint="Choose an armature with a body.")
    skeleton = read_skeleton(armature_object)
    if preset.lower().endswith(".json"):
        one = load_preset(Path(preset))
        return map_bones(skeleton, [one], one.name)
    own, told = load_own(own_folders)
    mapping = map_bones(skeleton, [*load_presets(presets_folder), *own], preset)
    return replace(mapping, warnings=(*mapping.warnings, *told)) if told else mapping


def take_in_edits(armature_object: bpy.types.Object) -> None:
    """In Edit Mode the armature has its bones as they were when that was entered, and its pose has some names of now."""
    if armature_object.type == "ARMATURE" and armature_object.data.is_editmode:
        armature_object.update_from_editmode()


def choose_shown(armature_object: bpy.types.Object, *, preset: str, presets_folder: Path) -> Mapping:
    """The mapping for reading what this armature does: as `choose_mapping`, but where that finds controls with switches, such as
    those between FK and IK, the bones that these move. Controls that are switched off do not show the pose.
    """
    mapping = choose_mapping(armature_object, preset=preset, presets_folder=presets_folder)
    return moved_by(armature_object, mapping, presets_folder=presets_folder) or mapping


def moved_by(armature_object: bpy.types.Object, controls: Mapping, *, presets_folder: Path) -> Mapping | None:
    """The mapping to the bones that controls with switches move, which show the pose; None for those without, or where no preset
    knows these bones."""
    if not controls.properties:
        return None
    moved = [one for one in load_presets(presets_folder) if not one.properties]
    try:
        found = choose(moved, [bone.name for bone in armature_object.data.bones])
    except Pose3DError:
        return None
    # That there are switches says that the hierarchy is not all of what follows what.
    return replace(found, properties=controls.properties) if found.bones.keys() >= controls.bones.keys() else None


def read_skeleton(armature_object: bpy.types.Object) -> Skeleton:
    """The armature at rest, as recognition sees it."""
    bones = _parents_first(armature_object.data.bones)
    index = {bone.name: i for i, bone in enumerate(bones)}
    world = world_of(armature_object)

    def placed(points: list) -> np.ndarray:
        return np.array(points, dtype=float) @ world[:3, :3].T + world[:3, 3]

    return Skeleton(
        names=tuple(index),
        parents=np.array([index[bone.parent.name] if bone.parent else -1 for bone in bones]),
        heads=placed([bone.head_local for bone in bones]),
        tails=placed([bone.tail_local for bone in bones]),
        deforms=np.array([bone.use_deform for bone in bones]),
        mirrored=bool(np.linalg.det(world[:3, :3]) < 0),
    )


def read_rig(armature_object: bpy.types.Object, mapping: Mapping) -> RigSpec:
    """The armature at rest, as arrays; the mapping's root is one that Blender moves.

    Raises Pose3DError for an armature that cannot be solved.
    """
    require_own_bones(mapping)
    bones = _parents_first(armature_object.data.bones)
    index = {bone.name: i for i, bone in enumerate(bones)}
    rest = np.array([bone.matrix_local for bone in bones], dtype=float)  # [B, 4, 4]
    axes = rest[:, :3, :3]
    heads, names = rest[:, :3, 3], tuple(index)
    world = world_of(armature_object)
    rig = RigSpec(
        bone_names=names,
        parents=np.array([index[bone.parent.name] if bone.parent else -1 for bone in bones]),
        rest_heads=heads,
        rest_tails=np.array([bone.tail_local for bone in bones], dtype=float),
        rest_rotations=axes / np.linalg.norm(axes, axis=1, keepdims=True),
        world_from_armature=world,
        inherits_rotation=np.array([bone.use_inherit_rotation for bone in bones]),
        local_location=np.array([bone.use_local_location for bone in bones]),
        mapping=replace(mapping, root=_movable(armature_object.data.bones[mapping.root]).name),
    )
    feet = {}
    for side in SIDES:
        for shin, foot in zip(rig.chain(f"{side}_shin"), rig.chain(f"{side}_foot"), strict=False):
            same_place = _SAME_PLACE * float(np.linalg.norm(heads[shin] - heads[foot]))
            feet[foot] = Foot(_moving_with(rig, foot, same_place), heads[foot], heads[shin])
    return replace(rig, soles=read_soles(armature_object, feet), body=_body(armature_object, rig))


def _body(armature_object: bpy.types.Object, rig: RigSpec) -> dict[int, np.ndarray]:
    """Of trunk and head what is as near as a body is: no skirt below the hips, nothing that sticks out far."""
    if any(rig.bone(f"{side}_thigh") is None for side in SIDES):
        return {}
    trunk, heads = ([bone for role in roles for bone in rig.chain(role)] for roles in (_TRUNK_ROLES, _HEAD_ROLES))
    owners = {bone: bone for bone in (*trunk, *heads)}
    parents = rig.parents.tolist()
    for bone in set(range(len(parents))) - {*parents, *rig.mapped_bones()}:
        if parents[bone] in heads:  # a jaw, an eye or the head's end, and no braid
            owners[bone] = parents[bone]
    if not any(armature_object.data.bones[rig.bone_names[bone]].use_deform for bone in trunk):
        owners |= _nearest(armature_object, rig, trunk, heads)
    every = read_body(armature_object, {rig.bone_names[bone]: owner for bone, owner in owners.items()})
    size_m = max(
        rig.leg_length_m, _HEAD_SHARE * max((rig.rest_heads_world_m[bone, 2] - rig.ground_m for bone in heads), default=0)
    )
    hips_m = rig.world_points(rig.middle("thigh"))[2]
    away_m = {
        bone: np.linalg.norm(rig.world_points(points) - rig.rest_heads_world_m[bone], axis=1) for bone, points in every.items()
    }
    above_m = {bone: rig.world_points(points)[:, 2] - hips_m for bone, points in every.items()}
    thick = [away_m[bone][above_m[bone] > 0] for bone in trunk if bone in every]
    thick_m = float(np.median(np.concatenate(thick))) if sum(map(len, thick)) else 0.0
    farthest_m = max(_TRUNK * size_m, _TRUNK_THICK * thick_m)
    crotch_m = max(_CROTCH * rig.leg_length_m, _CROTCH_THICK * thick_m)
    body = {}
    for bone, points in every.items():
        near = away_m[bone] < (_HEAD * size_m if bone in heads else farthest_m)
        if (counts := near & (above_m[bone] > -crotch_m)).any():
            body[bone] = outermost(points[counts])
    return body


def _nearest(armature_object: bpy.types.Object, rig: RigSpec, trunk: Sequence[int], heads: Sequence[int]) -> dict[int, int]:
    """Bones that bend the meshes of a rig whose controls do not, and the one of trunk and head that each goes with: what has a
    role and is nearest to where it begins. A half of the pelvis ends beside the thigh.
    """
    upwards = [*trunk, *heads]
    lines = {bone: rig.rest_heads[[bone, after]] for bone, after in zip(upwards, upwards[1:], strict=False)}
    lines |= {upwards[-1]: np.stack([rig.rest_heads[upwards[-1]], rig.rest_tails[upwards[-1]]])}
    for role in (f"{side}_{part}" for side in SIDES for part in LIMB_PARTS):
        if (bone := rig.bone(role)) is not None:
            lines[bone] = np.stack([rig.rest_heads[bone], rig.end(role)])
    owners = {}
    for number, name in enumerate(rig.bone_names):
        if armature_object.data.bones[name].use_deform and number not in lines:
            place = 0.75 * rig.rest_heads[number] + 0.25 * rig.rest_tails[number]
            nearest = min(lines, key=lambda bone: _apart(place, *lines[bone]))
            if nearest in upwards:
                owners[number] = nearest
    return owners


def _apart(point: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Of a point and a line from start to end, [3] each."""
    along = end - start
    share = np.clip((point - start) @ along / max(along @ along, 1e-12), 0, 1)
    return float(np.linalg.norm(point - start - share * along))


def _moving_with(rig: RigSpec, bone: int, same_place: float) -> set[str]:
    """Names of a bone, of those at its place at rest, as a control's deform bones are, and of all that hang on these."""
    apart = np.linalg.norm(rig.rest_heads - rig.rest_heads[bone], axis=1)
    moved = apart < same_place
    for one, parent in enumerate(rig.parents.tolist()):
        moved[one] |= parent >= 0 and moved[parent]
    return {name for name, moves in zip(rig.bone_names, moved.tolist(), strict=True) if moves}


def _movable(bone: bpy.types.Bone) -> bpy.types.Bone:
    """The bone, or the nearest above it that may carry a path: Blender passes over the location of connected bones."""
    while bone.use_connect and bone.parent is not None:
        bone = bone.parent
    return bone


def _parents_first(bones: bpy.types.ArmatureBones) -> list[bpy.types.Bone]:
    ordered: list[bpy.types.Bone] = []
    waiting = [bone for bone in bones if bone.parent is None]
    while waiting:
        ordered += waiting
        waiting = [child for bone in waiting for child in bone.children]
    return ordered
