"""RigMotion -> a new action, in bulk. The armature's other actions, its rest pose and its rotation modes are not touched."""

from __future__ import annotations

from collections.abc import Callable

import bpy
import numpy as np
from mathutils import Quaternion

from ..core.errors import Pose3DError
from ..core.tracks import RigMotion
from .compat import ensure_fcurve

_LINEAR = 1  # Keyframe.interpolation as a number, for foreach_set
_IDENTITY = {"location": (0.0, 0.0, 0.0), "scale": (1.0, 1.0, 1.0)}


def require_editable(armature_object: bpy.types.Object) -> None:
    """Raises Pose3DError where keys would be lost with the session."""
    if armature_object.library is not None:
        raise Pose3DError(
            f"'{armature_object.name}' is linked from another file, so its animation would not be saved.",
            hint="Make a library override of it first (Object menu, Library Override).",
        )


def key_motion(
    armature_object: bpy.types.Object,
    motion: RigMotion,
    *,
    frames: np.ndarray,
    action_name: str,
    properties: tuple[tuple[str, str, float], ...] = (),
) -> bpy.types.Action:
    """Key a motion whose samples fall on the scene frames `frames` [T] into a new action and make it the armature's active one.

    properties: custom properties of pose bones (an FK/IK switch, say) that are keyed once. Bones that carry mapped bones but play
    no role themselves are keyed at rest where they are posed otherwise, so that an older pose cannot tilt the result; where the
    NLA may pose them at another time, they are keyed at rest in any case.
    """
    action = bpy.data.actions.new(action_name)
    action.use_fake_user = False
    pose_bones = armature_object.pose.bones
    data = armature_object.animation_data_create()
    old = data.action
    if old is not None and old.users == 1:
        # This armature is all that keeps it: without a user it would not be saved.
        old.use_fake_user = True
    data.action = action

    def write(data_path: str, values: np.ndarray, group: str, at: np.ndarray) -> None:
        for component in range(values.shape[1]):
            curve = ensure_fcurve(action, armature_object, data_path, index=component, group_name=group)
            _fill(curve, at, values[:, component])

    once = frames[:1]
    by_nla = data.use_nla and any(not track.mute and len(track.strips) for track in data.nla_tracks)
    for i, name in enumerate(motion.bone_names):
        bone = pose_bones[name]
        path = bone.path_from_id()
        channel, values = _rotation_values(bone, motion.rotations_wxyz[:, i])
        write(f"{path}.{channel}", values, name, frames)
        if name == motion.root_bone:
            write(f"{path}.location", motion.root_basis_location, name, frames)
    for name in motion.bone_names:
        _write_rest(pose_bones[name], write, once, with_rotation=False, skip_location=name == motion.root_bone, always=by_nla)
    for bone in _carriers(pose_bones, set(motion.bone_names)):
        _write_rest(bone, write, once, with_rotation=True, always=by_nla)
    for name, key, value in properties:
        bone = pose_bones.get(name)
        if bone is not None and key in bone:
            path = f'{bone.path_from_id()}["{bpy.utils.escape_identifier(key)}"]'
            _fill(ensure_fcurve(action, armature_object, path, index=0, group_name=name), once, np.array([value]))
    return action


def _fill(curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray) -> None:
    points = curve.keyframe_points
    points.add(len(frames))
    points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(frames), _LINEAR, dtype=np.int32))
    curve.update()


def _rotation_values(bone: bpy.types.PoseBone, wxyz: np.ndarray) -> tuple[str, np.ndarray]:
    """The bone's own kind of rotation: quaternion, Euler angles without jumps, or axis and angle."""
    if bone.rotation_mode == "QUATERNION":
        return "rotation_quaternion", wxyz
    if bone.rotation_mode == "AXIS_ANGLE":
        sine = np.linalg.norm(wxyz[:, 1:], axis=1, keepdims=True)
        axes = np.where(sine > 1e-9, wxyz[:, 1:] / np.maximum(sine, 1e-9), [0.0, 1.0, 0.0])
        return "rotation_axis_angle", np.hstack([2 * np.arctan2(sine, wxyz[:, :1]), axes])
    eulers = [Quaternion(wxyz[0]).to_euler(bone.rotation_mode)]
    for q in wxyz[1:]:
        eulers.append(Quaternion(q).to_euler(bone.rotation_mode, eulers[-1]))
    return "rotation_euler", np.array(eulers)


def _write_rest(
    bone: bpy.types.PoseBone,
    write: Callable[[str, np.ndarray, str, np.ndarray], None],
    at: np.ndarray,
    *,
    with_rotation: bool,
    skip_location: bool = False,
    always: bool = False,
) -> None:
    path = bone.path_from_id()
    for channel, rest in _IDENTITY.items():
        if channel == "location" and skip_location:
            continue
        if always or not np.allclose(getattr(bone, channel), rest, atol=1e-6):
            write(f"{path}.{channel}", np.array([rest]), bone.name, at)
    if with_rotation:
        channel, values = _rotation_values(bone, np.array([[1.0, 0.0, 0.0, 0.0]]))
        if always or not np.allclose(getattr(bone, channel), values[0], atol=1e-6):
            write(f"{path}.{channel}", values, bone.name, at)


def _carriers(pose_bones: bpy.types.bpy_prop_collection, keyed: set[str]) -> list[bpy.types.PoseBone]:
    """Bones above keyed ones that are not keyed themselves."""
    found: dict[str, bpy.types.PoseBone] = {}
    for name in keyed:
        bone = pose_bones[name].parent
        while bone is not None:
            if bone.name not in keyed:
                found[bone.name] = bone
            bone = bone.parent
    return list(found.values())
