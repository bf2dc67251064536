"""RigMotion -> a new action, in bulk. The armature's other actions, its rest pose and its rotation modes are not touched."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import bpy
import numpy as np
from mathutils import Quaternion

from ..core.curves import AXIS_ANGLE, QUATERNION, Channel, Keys, SparseMotion, continuous_axis_angle
from ..core.errors import Pose3DError
from ..core.preset import Mapping
from ..core.resample import LAST_FRAME
from ..core.tracks import RigMotion
from .compat import ensure_fcurve

# Keyframe's interpolation and handle types as numbers, for foreach_set.
_LINEAR, _BEZIER = 1, 2
_FREE, _ALIGNED = 0, 3
# Fewer keys than this are set as keys.
_MANY = 32
# Constraints by which a bone moves as another one does.
_COPYING = ("ARMATURE", "CHILD_OF", "COPY_LOCATION", "COPY_ROTATION", "COPY_TRANSFORMS")
_IDENTITY = {"location": (0.0, 0.0, 0.0), "scale": (1.0, 1.0, 1.0)}


def require_editable(armature_object: bpy.types.Object) -> None:
    """Raises Pose3DError where keys could not be set, or would be lost with the session."""
    if armature_object.library is not None:
        raise Pose3DError(
            f"'{armature_object.name}' is linked from another file, so its animation would not be saved.",
            hint="Make a library override of it first (Object menu, Library Override).",
        )
    if armature_object.animation_data is not None and armature_object.animation_data.use_tweak_mode:
        raise Pose3DError(
            f"A strip of '{armature_object.name}' is being edited (tweak mode), which allows no other action.",
            hint="Leave tweak mode first (Tab in the Nonlinear Animation editor).",
        )


def key_motion(
    armature_object: bpy.types.Object,
    motion: RigMotion,
    *,
    frames: np.ndarray,
    action_name: str,
    properties: tuple[tuple[str, str, float], ...] = (),
    sparse: SparseMotion | None = None,
    dense: frozenset[str] = frozenset(),
    at_rest: Collection[str] = (),
) -> bpy.types.Action:
    """Key a motion whose samples fall on the scene frames `frames` [T] into a new action and make it the armature's active one.

    sparse: the keys to set, made from `rotation_channels`; without it every frame gets one, and bones in `dense` get one in any
    case. properties: custom properties of pose
    bones (an FK/IK switch, say) that are keyed once. Bones that carry or lead mapped bones but play no role themselves, and those
    in at_rest, are keyed at rest where they are posed otherwise, so that an older pose cannot tilt the result; where the NLA may
    pose them at another time, they are keyed at rest in any case. What the motion leaves alone, and what carries that, gets no
    key.
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
        key_values(action, armature_object, data_path, values, group, at)

    once = frames[:1]
    by_nla = data.use_nla and any(not track.mute and len(track.strips) for track in data.nla_tracks)

    def write_sparse(data_path: str, keys: Keys, group: str) -> None:
        at = frames[keys.samples]
        left, right = (np.swapaxes(side, 0, 1).astype(np.float32) for side in keys.handles(at))
        kinds = np.where(keys.smooth, _ALIGNED, _FREE).astype(np.uint8)
        for component, points in enumerate(_points(at, keys.values)):
            curve = ensure_fcurve(action, armature_object, data_path, index=component, group_name=group)
            _fill_bezier(curve, points, (left[component], right[component]), kinds)

    alone = left_alone(armature_object, motion)
    for i, name in enumerate(motion.bone_names):
        if name in alone:
            continue
        bone = pose_bones[name]
        path = bone.path_from_id()
        if sparse is not None and name not in dense:
            write_sparse(f"{path}.{_rotation_property(bone)}", sparse.rotations[i], name)
        else:
            key_rotation(action, armature_object, bone, motion.rotations_wxyz[:, i], frames)
        if name == motion.root_bone and sparse is not None:
            write_sparse(f"{path}.location", sparse.location, name)
        elif name == motion.root_bone:
            write(f"{path}.location", motion.root_basis_location, name, frames)
    for name in (name for name in motion.bone_names if name not in alone):
        _write_rest(pose_bones[name], write, once, with_rotation=False, skip_location=name == motion.root_bone, always=by_nla)
    for name, wxyz in motion.held.items():
        bone = pose_bones[name]
        key_rotation(action, armature_object, bone, wxyz[None], once)
        _write_rest(bone, write, once, with_rotation=False, always=by_nla)
    keyed = {*motion.bone_names, *motion.held} | alone
    leading = carriers(armature_object, keyed, set(motion.bone_names) - alone, alone=alone)
    for bone in dict.fromkeys([*leading, *(pose_bones[name] for name in at_rest if name not in keyed)]):
        _write_rest(bone, write, once, with_rotation=True, always=by_nla)
    # What is there twice is as it is the last time.
    for (name, key), value in {(name, key): value for name, key, value in properties}.items():
        bone = pose_bones.get(name)
        if bone is not None and key in bone:
            path = f'{bone.path_from_id()}["{bpy.utils.escape_identifier(key)}"]'
            fill_linear(ensure_fcurve(action, armature_object, path, index=0, group_name=name), once, np.array([value]))
    return action


def left_alone(armature_object: bpy.types.Object, motion: RigMotion) -> set[str]:
    """The bones that a motion leaves as the user has them, and those above them."""
    bones = [bone for name in motion.left_alone if (bone := armature_object.pose.bones.get(name)) is not None]
    return {above.name for bone in bones for above in (bone, *bone.parent_recursive)}


def rotation_channels(armature_object: bpy.types.Object, motion: RigMotion) -> list[Channel]:
    """Each bone's rotation as it is keyed, in its own kind of rotation, in the order of the motion."""
    bones = [armature_object.pose.bones[name] for name in motion.bone_names]
    return [Channel(bone.rotation_mode, _rotation_values(bone, motion.rotations_wxyz[:, i])) for i, bone in enumerate(bones)]


def key_values(
    action: bpy.types.Action,
    armature_object: bpy.types.Object,
    data_path: str,
    values: np.ndarray,
    group: str,
    frames: np.ndarray,
) -> None:
    """Keys [T] of every component of a property, values [T, C], joined by straight lines."""
    points, every = _points(frames, values), _is_every(frames)
    for component, own in enumerate(points):
        curve = ensure_fcurve(action, armature_object, data_path, index=component, group_name=group)
        if every and not len(curve.keyframe_points):
            _fill_every(curve, own)
        else:
            _fill_linear(curve, own)


def key_rotation(
    action: bpy.types.Action,
    armature_object: bpy.types.Object,
    owner: bpy.types.PoseBone | bpy.types.Object,
    wxyz: np.ndarray,
    frames: np.ndarray,
) -> None:
    """Keys [T] of the rotation of a bone, or of the object itself, quaternions [T, 4], in its own kind of rotation."""
    path = f"{owner.path_from_id()}." if isinstance(owner, bpy.types.PoseBone) else ""
    key_values(action, armature_object, path + _rotation_property(owner), _rotation_values(owner, wxyz), owner.name, frames)


def key_rest(
    action: bpy.types.Action,
    armature_object: bpy.types.Object,
    bone: bpy.types.PoseBone,
    frame: np.ndarray,
    *,
    rotation: bool,
) -> None:
    """A key [1] of the bone's scale, and of its rotation if asked for, as at rest."""
    key_values(action, armature_object, f"{bone.path_from_id()}.scale", np.ones((1, 3)), bone.name, frame)
    if rotation:
        key_rotation(action, armature_object, bone, np.array([[1.0, 0.0, 0.0, 0.0]]), frame)


def fill_linear(curve: bpy.types.FCurve, frames: np.ndarray, values: np.ndarray) -> None:
    """Keys [T] of one curve, joined by straight lines; those that it has already on as many frames are replaced."""
    _fill_linear(curve, _points(frames, values[:, None])[0])


def _fill_linear(curve: bpy.types.FCurve, points: np.ndarray) -> None:
    # Handles that nothing draws are not worth three quarters of the time that keys take.
    curve.auto_smoothing = "NONE"
    keys = curve.keyframe_points
    keys.add(len(points) - len(keys))
    _fill(keys, points, _LINEAR)
    curve.update()


def _is_every(frames: np.ndarray) -> bool:
    """Whether these are so many frames, one after the other, that samples are worth their trouble, and Blender has the next."""
    first, last = int(frames[0]), int(frames[-1])
    usable = len(frames) >= _MANY and first > -LAST_FRAME and last < LAST_FRAME
    return usable and np.array_equal(frames, np.arange(first, first + len(frames)))


def _fill_every(curve: bpy.types.FCurve, points: np.ndarray) -> None:
    """What `_fill_linear` does, for an empty curve and keys on every frame, in three quarters of the time: Blender takes samples
    as they lie in memory, keys one by one."""
    curve.auto_smoothing = "NONE"
    curve.keyframe_points.add(1)  # an empty one has no samples
    first, after = int(points[0, 0]), int(points[-1, 0]) + 1
    curve.convert_to_samples(first, after)
    curve.sampled_points.foreach_set("co", points.ravel())
    curve.convert_to_keyframes(first, after)


def _fill_bezier(curve: bpy.types.FCurve, points: np.ndarray, handles: tuple[np.ndarray, np.ndarray], kinds: np.ndarray) -> None:
    """points [N, 2]; handles: left and right, [N, 2]; kinds [N]: of both handles."""
    keys = curve.keyframe_points
    keys.add(len(points))
    _fill(keys, points, _BEZIER)
    for side, own in zip(("left", "right"), handles, strict=True):
        keys.foreach_set(f"handle_{side}_type", kinds)
        keys.foreach_set(f"handle_{side}", own.ravel())
    curve.update()


def _fill(keys: bpy.types.bpy_prop_collection, points: np.ndarray, interpolation: int) -> None:
    keys.foreach_set("co", points.ravel())
    # The type that Blender keeps it in: any other is converted key by key.
    keys.foreach_set("interpolation", np.full(len(points), interpolation, np.uint8))


def _points(frames: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values [T, C] at frames [T] -> for each component its points [C, T, 2], as Blender keeps them."""
    points = np.empty((values.shape[1], len(frames), 2), np.float32)
    points[..., 0], points[..., 1] = frames, values.T
    return points


def _rotation_property(owner: bpy.types.PoseBone | bpy.types.Object) -> str:
    return {QUATERNION: "rotation_quaternion", AXIS_ANGLE: "rotation_axis_angle"}.get(owner.rotation_mode, "rotation_euler")


def _rotation_values(owner: bpy.types.PoseBone | bpy.types.Object, wxyz: np.ndarray) -> np.ndarray:
    """Its own kind of rotation [T, C]: quaternion, Euler angles without jumps, or angle and axis."""
    if owner.rotation_mode == QUATERNION:
        return wxyz
    if owner.rotation_mode == AXIS_ANGLE:
        return continuous_axis_angle(wxyz)
    eulers = [Quaternion(wxyz[0]).to_euler(owner.rotation_mode)]
    for q in wxyz[1:]:
        eulers.append(Quaternion(q).to_euler(owner.rotation_mode, eulers[-1]))
    return np.array(eulers)


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
        if always or not _is_at(bone, channel, rest):
            write(f"{path}.{channel}", np.array([rest]), bone.name, at)
    if with_rotation:
        channel, values = _rotation_property(bone), _rotation_values(bone, np.array([[1.0, 0.0, 0.0, 0.0]]))
        if always or not _is_at(bone, channel, values[0].tolist()):
            write(f"{path}.{channel}", values, bone.name, at)


def _is_at(bone: bpy.types.PoseBone, channel: str, rest: Sequence[float]) -> bool:
    return all(abs(now - then) <= 1e-6 + 1e-5 * abs(then) for now, then in zip(getattr(bone, channel), rest, strict=True))


def carriers(
    armature_object: bpy.types.Object, keyed: set[str], moved: set[str], *, alone: Collection[str] = ()
) -> list[bpy.types.PoseBone]:
    """Bones above keyed ones that are not keyed themselves, and those that the bones above follow by constraints, as controls
    that pivot the hips or the chest. One that all of `moved` follow places the character: it is the user's, and so is what a bone
    follows that is left alone."""
    pose_bones = armature_object.pose.bones
    above: dict[str, bpy.types.PoseBone] = {}
    for name in keyed:
        above |= {bone.name: bone for bone in pose_bones[name].parent_recursive if bone.name not in keyed}
    followed = [followed_by(armature_object, name, keyed) for name in moved]
    stays = set().union(*(followed_by(armature_object, name) for name in alone)) if alone else _common(followed)
    others = {name: pose_bones[name] for name in set().union(*followed) - stays}
    return list((above | others).values())


def _common(sets: Sequence[set[str]]) -> set[str]:
    return set.intersection(*sets) if sets else set()


def placing(armature_object: bpy.types.Object, motion: RigMotion) -> list[str]:
    """Controls that place the character, as Rigify's root: the whole body follows them, by constraints, and they get no key."""
    pose_bones = armature_object.pose.bones
    alone = left_alone(armature_object, motion)
    names = {*motion.bone_names, *alone}.intersection(pose_bones.keys())
    keyed = {*motion.bone_names, *motion.held} - alone
    above = {bone.name for name in names for bone in pose_bones[name].parent_recursive}
    by_all = _common([followed_by(armature_object, name, keyed) for name in names]) - above
    return sorted(name for name in by_all if not pose_bones[name].constraints)


def passed_through(
    armature_object: bpy.types.Object, controls: Mapping, shown: Mapping, *, but: Collection[str] = ()
) -> set[str]:
    """Controls between the keyed bones of a limb or the trunk and the bones that these move. but: bones that get no key."""
    pose_bones = armature_object.pose.bones
    keyed = {role: set(bones).difference(but) for role, bones in controls.bones.items()}
    parts: dict[str, set[str]] = {}
    for role, bones in keyed.items():
        parts.setdefault(_part(role), set()).update(bones)
    found: set[str] = set()
    for role, bones in shown.bones.items():
        # A foot has a control of the user's own that leads it only by IK: it follows the trunk, but no other bone of the leg.
        part = parts.get(_part(role), set()) if keyed.get(role) else set()
        for name in set().union(*(followed_by(armature_object, bone) for bone in bones)) - found if part else ():
            bone = pose_bones[name]
            if not bone.constraints and not bone.bone.use_deform and part & followed_by(armature_object, name):
                found.add(name)
    return found.difference(but, *controls.bones.values())


def _part(role: str) -> str:
    side, _, joint = role.partition("_")
    limb = {"upper": "arm", "forearm": "arm", "hand": "arm", "thigh": "leg", "shin": "leg", "foot": "leg", "toe": "leg"}
    return f"{side} {limb.get(joint.partition('_')[0], joint)}" if joint else "trunk"


def followed_by(armature_object: bpy.types.Object, name: str, keyed: Collection[str] = ()) -> set[str]:
    """What a bone follows by hierarchy and, where it is not keyed itself, by constraints: bones that are not keyed."""
    pose_bones = armature_object.pose.bones
    found: set[str] = set()
    waiting = [name]
    while waiting:
        bone = pose_bones[waiting.pop()]
        leads = {bone.parent.name} if bone.parent is not None else set()
        if bone.name not in keyed:
            leads |= {target.subtarget for one in bone.constraints for target in _copied(one) if target.target == armature_object}
        new = {lead for lead in leads if lead in pose_bones} - found
        found |= new
        waiting += new
    return found.difference(keyed)


def _copied(constraint: bpy.types.Constraint) -> Sequence[Any]:
    """The targets that a constraint has its owner move with."""
    if constraint.mute or constraint.type not in _COPYING:
        return ()
    return constraint.targets if constraint.type == "ARMATURE" else (constraint,)
