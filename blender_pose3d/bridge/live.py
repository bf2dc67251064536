"""An armature that is posed by hand, so to speak: no key is set, and its own pose comes back."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import bpy
from mathutils import Quaternion

from ..core.curves import AXIS_ANGLE, QUATERNION
from ..core.errors import Pose3DError
from ..core.preset import Mapping
from ..core.tracks import RigMotion
from .keyframes import carriers, left_alone

# On an armature while it is posed: its own pose. So it is known of every undo step and every file in which it was.
_OWN_POSE = "pose3d_own_pose"
_CHANNELS = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")


@dataclass(frozen=True)
class RememberedPose:
    """By bone: the values of its channels; by bone and custom property: the property's value."""

    channels: dict[str, dict[str, tuple[float, ...]]]
    properties: dict[tuple[str, str], Any]

    def as_text(self) -> str:
        return json.dumps([self.channels, [(*place, value) for place, value in self.properties.items()]])

    @classmethod
    def of_text(cls, text: str) -> RememberedPose:
        channels, properties = json.loads(text)
        return cls(channels, {(name, key): value for name, key, value in properties})


def remember_pose(armature_object: bpy.types.Object, mapping: Mapping) -> RememberedPose:
    """All that `show_pose` may change."""
    bones = armature_object.pose.bones
    return RememberedPose(
        {bone.name: {channel: tuple(getattr(bone, channel)) for channel in _CHANNELS} for bone in bones},
        {(name, key): bones[name][key] for name, key, _ in mapping.properties if name in bones and key in bones[name]},
    )


def restore_pose(armature_object: bpy.types.Object, remembered: RememberedPose) -> None:
    """As it was before `prepare_pose`; bones that are gone are passed over."""
    if _OWN_POSE in armature_object:
        del armature_object[_OWN_POSE]
    bones = armature_object.pose.bones
    for name, channels in remembered.channels.items():
        if (bone := bones.get(name)) is not None:
            for channel, value in channels.items():
                setattr(bone, channel, value)
    for (name, key), value in remembered.properties.items():
        if name in bones:
            bones[name][key] = value


def require_own_pose(armature_object: bpy.types.Object) -> None:
    """Raises Pose3DError while an armature is posed: keys would be set, or left out, for a pose that goes at Stop."""
    if _OWN_POSE in armature_object:
        raise Pose3DError(f"'{armature_object.name}' follows a camera.", hint="Press Stop Live first.")


def restore_all() -> None:
    """Armatures that an undo step or a file has as they were posed, as they were before."""
    for item in bpy.data.objects:
        if item.type == "ARMATURE" and item.library is None and (text := item.get(_OWN_POSE)):
            restore_pose(item, RememberedPose.of_text(text))


def prepare_pose(
    armature_object: bpy.types.Object, mapping: Mapping, motion: RigMotion, *, at_rest: Collection[str] = ()
) -> None:
    """What stays the same while poses are shown: bones of the motion, those that carry or lead them and those in at_rest at rest,
    the FK and IK switches set."""
    armature_object[_OWN_POSE] = remember_pose(armature_object, mapping).as_text()
    bones = armature_object.pose.bones
    alone = left_alone(armature_object, motion)
    moved = {name for name in motion.bone_names if name in bones} - alone
    for name in moved:
        bones[name].location, bones[name].scale = (0, 0, 0), (1, 1, 1)
    for bone in (
        *carriers(armature_object, moved | alone, moved, alone=alone),
        *(bones[name] for name in at_rest if name in bones),
    ):
        bone.matrix_basis.identity()
    for name, key, value in mapping.properties:
        if name in bones and key in bones[name]:
            kind = type(bones[name][key])
            bones[name][key] = kind(value) if kind in (bool, int, float) else value


def show_pose(armature_object: bpy.types.Object, motion: RigMotion) -> None:
    """The last frame of a motion on the pose bones, without keys."""
    bones = armature_object.pose.bones
    for i, name in enumerate(motion.bone_names):
        bone = bones.get(name)
        if bone is None or name in motion.left_alone:
            continue
        turn = Quaternion(motion.rotations_wxyz[-1, i])
        if bone.rotation_mode == QUATERNION:
            bone.rotation_quaternion = turn
        elif bone.rotation_mode == AXIS_ANGLE:
            axis, angle = turn.to_axis_angle()
            bone.rotation_axis_angle = (angle, *axis)
        else:
            bone.rotation_euler = turn.to_euler(bone.rotation_mode, bone.rotation_euler)
        if name == motion.root_bone:
            bone.location = motion.root_basis_location[-1]
