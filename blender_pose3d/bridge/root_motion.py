"""An armature's animation with its path on the root instead of the hips, as game engines want it, while a file is written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import bpy
import numpy as np
from bpy_extras import anim_utils
from mathutils import Matrix

from ..core.errors import Pose3DError
from ..core.root_motion import carried
from ..core.rotations import continuous
from . import files
from .frames import frame_kept
from .keyframes import key_rotation, key_values
from .markers import source_of
from .rig_reader import choose_mapping, read_rig
from .source import sampled

# Of the rig's size: a bone that leaves its place on its parent by more moves by itself. And how far joints may be off afterwards.
_STILL, _EXACT = 1e-4, 2e-3


class RootMotion(StrEnum):
    """What the root does in an exported file: as it is animated; goes where the hips go; and turns with them."""

    NONE = "none"
    PATH = "path"
    HEADING = "heading"


def require_root_motion(how: RootMotion | str, path: Path) -> None:
    """Raises Pose3DError for a kind of file that has none."""
    if how != RootMotion.NONE and path.suffix.lower() not in (".fbx", ".glb"):
        raise Pose3DError(
            f"Root Motion is for .fbx and .glb files, not for {path.name}.", hint="Leave it off, or write one of these."
        )


def with_root_motion(
    context: bpy.types.Context, armature_object: bpy.types.Object, how: RootMotion | str, *, resources: Path
) -> contextlib.AbstractContextManager[None]:
    """`on_root` in the scene's frames, once it is entered, or nothing."""
    if how == RootMotion.NONE:
        return contextlib.nullcontext()
    frames = range(context.scene.frame_start, context.scene.frame_end + 1)
    return on_root(context, armature_object, frames=frames, turning=how == RootMotion.HEADING, resources=resources)


@contextlib.contextmanager
def on_root(
    context: bpy.types.Context, armature_object: bpy.types.Object, *, frames: Sequence[int], turning: bool, resources: Path
) -> Iterator[None]:
    """The pose in every one of the scene's frames is as before, but the uppermost bone above the hips goes along the ground with
    them, and turns with them where it is turning; of a rig whose hips hang on nothing the object does. What hangs on the root and
    does not move by itself goes along. Afterwards the armature has its action again.

    Raises Pose3DError where the rig does not let its root carry the body, or no view layer has it.
    """
    files.show(armature_object)
    carrier, thighs = _body(armature_object, resources)
    world, pose = sampled(context, armature_object, frames)
    bones = armature_object.pose.bones
    rest = np.array([bone.bone.matrix_local for bone in bones], dtype=float)
    if turning and not _is_even(world):
        raise Pose3DError(
            f"'{armature_object.name}' has another scale in each direction, so its root cannot turn the body.",
            hint="Apply its scale (Object menu, Apply), or choose Path Only.",
        )
    left, right = (_heads_m(world, pose, bones.find(name)) for name in thighs)
    at_rest = [(world[0] @ rest[bones.find(name)])[:3, 3] for name in thighs]
    fps = context.scene.render.fps / context.scene.render.fps_base
    moved = carried(
        (left + right) / 2,
        left - right,
        (at_rest[0] + at_rest[1]) / 2,
        at_rest[0] - at_rest[1],
        np.arange(len(frames)) / fps,
        turning=turning,
    )
    keyed = _led(armature_object, carrier, pose, rest)
    below = [i for i, bone in enumerate(bones) if not keyed.isdisjoint(_names_up(bone))]
    moved_world, moved_pose = world, pose.copy()
    if carrier is None:
        moved_world = moved @ world[0]
        moved_pose[:] = rest
        moved_pose[:, below] = (np.linalg.inv(moved_world) @ world)[:, None] @ pose[:, below]
        keyed |= {bones[i].name for i in below if not bones[i].bone.use_inherit_rotation}
    else:
        along = [i for i, bone in enumerate(bones) if carrier in _names_up(bone) and i not in below]
        moved_pose[:, along] = (np.linalg.inv(world) @ moved @ world[0])[:, None] @ rest[along]
        keyed.add(carrier)
    try:
        with frame_kept(context.scene), _of_its_own(armature_object, frames) as action:
            at = np.array(frames, dtype=float)
            if carrier is None:
                context.view_layer.update()
                to_basis = np.array(armature_object.matrix_basis @ armature_object.matrix_world.inverted())
                _key(action, armature_object, armature_object, to_basis @ moved_world, at)
            for name in keyed:
                _key(action, armature_object, bones[name], _basis(bones, name, moved_pose), at)
            armature_object.update_tag()  # an object that nothing moved before would stay where it is
            _require_same(context, armature_object, frames, below, (world, pose))
            yield
    finally:
        context.view_layer.update()


def carrier_of(armature_object: bpy.types.Object, resources: Path) -> str | None:
    """The bone that is to carry the path, None where the object is. Raises Pose3DError."""
    return _body(armature_object, resources)[0]


def _body(armature_object: bpy.types.Object, resources: Path) -> tuple[str | None, tuple[str, str]]:
    """What is to carry the path, None for the object, and the left and the right thigh."""
    try:
        data = armature_object.animation_data
        preset = source_of(data.action, data.action_slot).preset
    except (Pose3DError, AttributeError):  # another program's action, or NLA strips alone
        preset = "auto"
    rig = read_rig(armature_object, choose_mapping(armature_object, preset=preset, presets_folder=resources / "rigs"))
    left, right = (rig.mapping.bones[f"{side}_thigh"][0] for side in ("left", "right"))
    path_bone = armature_object.pose.bones[rig.mapping.root]
    return path_bone.parent_recursive[-1].name if path_bone.parent is not None else None, (left, right)


def _names_up(bone: bpy.types.PoseBone) -> tuple[str, ...]:
    """Of the bone and all that it hangs on."""
    return (bone.name, *(above.name for above in bone.parent_recursive))


def _heads_m(world: np.ndarray, pose: np.ndarray, bone: int) -> np.ndarray:
    """Where a bone begins, [T, 3]."""
    return np.einsum("tij,tj->ti", world, pose[:, bone, :, 3])[:, :3]


def _is_even(world: np.ndarray) -> bool:
    """Whether the matrices [T, 4, 4] scale all directions alike, and do not shear."""
    linear = world[:, :3, :3]
    gram = np.swapaxes(linear, 1, 2) @ linear
    size = np.trace(gram, axis1=1, axis2=2)[:, None, None] / 3
    return bool(np.abs(gram - size * np.eye(3)).max() <= _STILL * size.max())


def _led(armature_object: bpy.types.Object, carrier: str | None, pose: np.ndarray, rest: np.ndarray) -> set[str]:
    """The uppermost bones below the carrier that move by themselves: those that have to go back as far as it carries them on."""
    bones = armature_object.pose.bones
    still = _STILL * float(np.ptp(rest[:, :3, 3], axis=0).max())
    waiting = list(bones[carrier].children) if carrier is not None else [bone for bone in bones if bone.parent is None]
    led = set()
    while waiting:
        bone = waiting.pop()
        own, above = bones.find(bone.name), bones.find(bone.parent.name) if bone.parent is not None else -1
        here, there = (
            np.linalg.inv(m[..., above, :, :]) @ m[..., own, :, :] if above >= 0 else m[..., own, :, :] for m in (pose, rest)
        )
        off = np.abs(here - there)
        if off[..., :3].max() > _STILL or off[..., 3].max() > still:
            led.add(bone.name)
        else:
            waiting += bone.children
    return led


@contextlib.contextmanager
def _of_its_own(armature_object: bpy.types.Object, frames: Sequence[int]) -> Iterator[bpy.types.Action]:
    """The armature plays a copy of its active action, or over the NLA an empty one, which is gone afterwards. An active action
    that is blended with the NLA is a strip of it meanwhile: keys in it would be blended, too."""
    data = armature_object.animation_data
    before, slot = data.action, data.action_slot
    how = data.action_blend_type, data.action_influence, data.action_extrapolation
    is_blended = before is not None and data.use_nla and len(data.nla_tracks) > 0 and how[:2] != ("REPLACE", 1.0)
    track = _in_a_track(data, frames) if is_blended else None
    if before is None or is_blended:
        action = bpy.data.actions.new("Root Motion")
        data.action = action
        data.action_blend_type, data.action_influence, data.action_extrapolation = "REPLACE", 1.0, "HOLD"
    else:
        data.action = action = before.copy()
        if slot is not None:
            data.action_slot = action.slots[slot.identifier]
    try:
        yield action
    finally:
        if track is not None:
            data.nla_tracks.remove(track)
        data.action = before
        if before is not None and slot is not None:
            data.action_slot = slot
        data.action_blend_type, data.action_influence, data.action_extrapolation = how
        bpy.data.actions.remove(action)


def _in_a_track(data: bpy.types.AnimData, frames: Sequence[int]) -> bpy.types.NlaTrack:
    """The active action as the uppermost strip, as it is blended."""
    first, last = data.action.curve_frame_range
    if data.action_extrapolation == "HOLD":  # what its curves do before and after their keys is theirs to say
        first, last = min(first, frames[0]), max(last, frames[-1] + 1)
    track = data.nla_tracks.new()
    strip = track.strips.new(data.action.name, int(first), data.action)
    strip.action_slot = data.action_slot
    strip.use_sync_length, strip.use_auto_blend = False, False
    strip.action_frame_start, strip.action_frame_end = first, last
    strip.frame_start, strip.frame_end = first, last
    strip.scale = 1.0
    strip.blend_type, strip.extrapolation = data.action_blend_type, data.action_extrapolation
    if data.action_influence < 1.0:
        strip.use_animated_influence = True  # else it is what blending in and out makes of 1
        strip.fcurves.find("influence").keyframe_points.insert(first, data.action_influence)
    return track


def _basis(bones: bpy.types.bpy_prop_collection, name: str, pose: np.ndarray) -> np.ndarray:
    """The keyable transform [T, 4, 4] that has a bone, and what it hangs on, as the pose [T, B, 4, 4] says."""
    own, parent = bones[name].bone, bones[name].parent
    out = np.empty((len(pose), 4, 4))
    for t, bones_now in enumerate(pose):
        above = {}
        if parent is not None:
            now = Matrix(bones_now[bones.find(parent.name)])
            above = {"parent_matrix": now, "parent_matrix_local": parent.bone.matrix_local}
        out[t] = own.convert_local_to_pose(Matrix(bones_now[bones.find(name)]), own.matrix_local, **above, invert=True)
    return out


def _key(
    action: bpy.types.Action,
    armature_object: bpy.types.Object,
    owner: bpy.types.Object | bpy.types.PoseBone,
    basis: np.ndarray,
    frames: np.ndarray,
) -> None:
    """Keys of place and rotation on every frame, in place of those that there are."""
    path = owner.path_from_id() + "." if isinstance(owner, bpy.types.PoseBone) else ""
    bag = anim_utils.action_get_channelbag_for_slot(action, armature_object.animation_data.action_slot)
    old = {f"{path}{name}" for name in ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle")}
    for curve in [curve for curve in (bag.fcurves if bag is not None else ()) if curve.data_path in old]:
        bag.fcurves.remove(curve)
    places, rotations, _ = zip(*(Matrix(one).decompose() for one in basis), strict=True)
    key_values(action, armature_object, f"{path}location", np.array(places), owner.name, frames)
    key_rotation(action, armature_object, owner, continuous(np.array(rotations)), frames)


def _require_same(
    context: bpy.types.Context,
    armature_object: bpy.types.Object,
    frames: Sequence[int],
    below: Sequence[int],
    before: tuple[np.ndarray, np.ndarray],
) -> None:
    """Raises Pose3DError where these bones are elsewhere than before."""
    world, pose = sampled(context, armature_object, frames)
    size_m = float(np.ptp(pose[0, :, :, 3] @ world[0].T, axis=0).max())
    for bone in below:
        off = _heads_m(world, pose, bone) - _heads_m(*before, bone)
        if not np.abs(off).max() <= _EXACT * size_m:
            name, whose = armature_object.pose.bones[bone].name, armature_object.name
            raise Pose3DError(
                f"The bone '{name}' does not follow its keys, so the root of '{whose}' cannot carry the body.",
                hint="Export it without Root Motion, or bake its pose first (Pose menu, Animation, Bake Action).",
            )
