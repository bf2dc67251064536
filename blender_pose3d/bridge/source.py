"""An armature's animation, read frame by frame, and put on another armature as a new action."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from bpy_extras import anim_utils

from ..core.curves import reduced
from ..core.errors import Pose3DError
from ..core.footing import contacts_there
from ..core.looping import looped
from ..core.motion import MotionOptions
from ..core.preset import LEG_PARTS, SIDES
from ..core.resample import resampled
from ..core.rig import RigSpec, check_mapping
from ..core.transfer import SourceMotion, standing, transfer
from .apply import AppliedMotion, unseen_warnings
from .compat import ensure_fcurve
from .frames import frame_kept, show_now
from .ik import LimbMode
from .keyframes import fill_linear, rotation_channels
from .keying import handling_by_preset, key
from .markers import CONFIDENCE_PATH
from .rig_reader import choose_shown, read_rig
from .targets import heard_strips, keyed_range, plays_solo, require_slot

_MOST_FRAMES = 200_000
# A pose whose legs are longer or shorter than at rest by less than this share is a stretched one, and none of another size.
_OTHER_SIZE = 0.1


def sample(
    context: bpy.types.Context, armature_object: bpy.types.Object, *, presets_folder: Path, preset: str = "auto"
) -> SourceMotion:
    """What an armature does in each of the scene's frames, as it is shown: actions, NLA, constraints and drivers.

    The scene's frame is given back; nothing is changed. Raises Pose3DError where there is nothing to read.
    """
    mapping = choose_shown(armature_object, preset=preset, presets_folder=presets_folder)
    first, last, name = _range(context.scene, armature_object)
    _require_shown(context, armature_object)
    frames = range(first, last + 1)
    with frame_kept(context.scene):
        context.scene.frame_set(first)
        rig = read_rig(armature_object.evaluated_get(context.evaluated_depsgraph_get()), mapping)
        bones = [armature_object.pose.bones.find(bone) for bone in rig.bone_names]
        world, pose = sampled(context, armature_object, frames, bones)
    placed = world[:, None] @ pose
    if not np.isfinite(placed).all():
        raise Pose3DError(f"The animation of '{name}' has values that are no numbers.", hint="Export it again where it was made.")
    rig = _as_large_as_posed(rig, pose[..., :3, 3])
    rest = np.linalg.inv(rig.world_from_armature[:3, :3] @ rig.rest_rotations)
    fps = context.scene.render.fps / context.scene.render.fps_base
    return SourceMotion(
        name=name,
        rig=rig,
        timestamps_s=np.arange(len(frames)) / fps,
        turns=_nearest_rotations(placed[..., :3, :3] @ rest),
        heads_m=placed[..., :3, 3],
        first_frame=first,
    )


def sampled(
    context: bpy.types.Context,
    armature_object: bpy.types.Object,
    frames: Sequence[int],
    bones: Sequence[int] | slice = slice(None),
) -> tuple[np.ndarray, np.ndarray]:
    """Where the object is in each of the scene's frames [T, 4, 4], and its bones in it [T, B, 4, 4]: these, or all."""
    flat = np.empty(16 * len(armature_object.pose.bones), np.float32)
    now = flat.reshape(-1, 4, 4).swapaxes(1, 2)
    world, pose = np.empty((len(frames), 4, 4)), np.empty((len(frames), *now[bones].shape), np.float32)
    with frame_kept(context.scene):
        for t, frame in enumerate(frames):
            context.scene.frame_set(frame)
            posed = armature_object.evaluated_get(context.evaluated_depsgraph_get())
            world[t] = posed.matrix_world
            posed.pose.bones.foreach_get("matrix", flat)
            pose[t] = now[bones]
    return world, pose


def loop_of(context: bpy.types.Context, armature_object: bpy.types.Object, *, presets_folder: Path, preset: str) -> SourceMotion:
    """The best loop in what an armature does, within the scene's preview range where that is set.

    Raises Pose3DError where there is nothing to read, or nothing comes back to a pose.
    """
    source, scene = sample(context, armature_object, presets_folder=presets_folder, preset=preset), context.scene
    if scene.use_preview_range:
        first = max(scene.frame_preview_start - source.first_frame, 0)
        own = slice(first, max(scene.frame_preview_end - source.first_frame + 1, first))
        if not len(source.timestamps_s[own]):
            last = source.first_frame + len(source.timestamps_s) - 1
            raise Pose3DError(
                f"The preview range has none of the animation's frames, {source.first_frame} to {last}.",
                hint="Clear it, or set it to some of them.",
            )
        source = replace(
            source,
            timestamps_s=source.timestamps_s[own],
            turns=source.turns[own],
            heads_m=source.heads_m[own],
            first_frame=source.first_frame + first,
        )
    found = looped(source)
    name = found.name.removeprefix(armature_object.name).strip() or found.name
    return replace(found, name=" ".join((name, "loop")))


def mark_cyclic(armature_object: bpy.types.Object, applied: AppliedMotion) -> None:
    """Say of a new action that it is a loop of these frames."""
    action = armature_object.animation_data.action
    action.use_frame_range, action.use_cyclic = True, True
    action.frame_start, action.frame_end = applied.frame_start, applied.frame_end


def keep_the_rest(
    armature_object: bpy.types.Object,
    shown: RigSpec,
    applied: AppliedMotion,
    before: bpy.types.Action,
    slot: bpy.types.ActionSlot,
) -> None:
    """What a loop's action does not move is moved by it as by the one before: bones that nothing of the body follows, such as a
    jaw or a tail, and custom properties. What these lack to end as they begin is spread over them.

    shown: the armature as it was sampled, by the bones that show the body.
    """
    data = armature_object.animation_data
    old = anim_utils.action_get_channelbag_for_slot(before, slot)
    if old is None or data.use_tweak_mode:
        return
    bones = armature_object.pose.bones
    body = set(applied.motion.bone_names)
    for rig in (shown, applied.rig):
        body.update(rig.bone_names[bone] for bone in rig.mapped_bones())
        body.update(name for names in rig.mapping.fingers.values() for name in names)
    led_by = _led_by(armature_object, body)
    free = tuple(f"{bone.path_from_id()}." for bone in bones if bone.name not in led_by)
    new = anim_utils.action_get_channelbag_for_slot(data.action, data.action_slot)
    keyed = {curve.data_path for curve in new.fcurves}
    frames = np.arange(applied.frame_start, applied.frame_end + 1)
    for curve in old.fcurves:
        path, index, is_free = curve.data_path, curve.array_index, curve.data_path.startswith(free)
        if not (is_free or (path.endswith('"]') and path not in {*keyed, CONFIDENCE_PATH})):
            continue
        values = np.array([curve.evaluate(frame) for frame in frames])
        if any(key.interpolation != "CONSTANT" for key in curve.keyframe_points):
            values -= (values[-1] - values[0]) * (np.linspace(0.0, 1.0, len(frames)) - 0.5)
        if (there := new.fcurves.find(path, index=index)) is not None:  # at rest, so that no older pose shows
            new.fcurves.remove(there)
        group = curve.group.name if curve.group is not None else ""
        fill_linear(ensure_fcurve(data.action, armature_object, path, index=index, group_name=group), frames, values)


def _led_by(armature_object: bpy.types.Object, names: Collection[str]) -> set[str]:
    """These bones and all that they follow in any way, by hierarchy or by constraints."""
    bones = armature_object.pose.bones
    leads = {bone.name: {bone.parent.name} if bone.parent is not None else set() for bone in bones}
    for bone in bones:
        for constraint in bone.constraints:
            ends = [(getattr(one, "target", None), getattr(one, "subtarget", "")) for one in (constraint, *_targets(constraint))]
            ends.append((getattr(constraint, "pole_target", None), getattr(constraint, "pole_subtarget", "")))
            for moved in (bone, *bone.parent_recursive) if constraint.type in ("IK", "SPLINE_IK") else (bone,):
                leads[moved.name] |= {name for target, name in ends if target == armature_object and name in bones}
    found, waiting = set(names), list(names)
    while waiting:
        new = leads[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def _targets(constraint: bpy.types.Constraint) -> Sequence[Any]:
    return constraint.targets if constraint.type == "ARMATURE" else ()


def apply_source(
    context: bpy.types.Context,
    armature_object: bpy.types.Object,
    source: SourceMotion,
    *,
    preset: str,
    resources: Path,
    options: MotionOptions | None = None,
    limbs: LimbMode | str = LimbMode.FK,
    mute_constraints: bool = False,
) -> AppliedMotion:
    """Put a sampled animation on another armature, at true speed, from the source's first frame on, as a new action.

    options: upper_body, in_place, foot_lock, dense_keys, whole_poses and the tolerances of the keys; limbs and mute_constraints
    as for a clip.
    Raises Pose3DError (nothing is changed then).
    """
    options = options or MotionOptions()
    how = handling_by_preset(
        context,
        armature_object,
        preset=preset,
        presets_folder=resources / "rigs",
        limbs=limbs,
        mute_constraints=mute_constraints,
        upper_body=options.upper_body,
    )
    rig = how.rig
    scene = context.scene
    source = standing(source)
    contacts = contacts_there(source) if options.foot_lock and not options.upper_body else None
    motion = transfer(source, rig, in_place=options.in_place, upper_body=options.upper_body, contacts=contacts)
    motion = resampled(motion, scene.render.fps / scene.render.fps_base)
    sparse = None
    if not options.dense_keys:
        sparse = reduced(motion, rig, rotation_channels(armature_object, motion), options=options, contacts=contacts or ())
    frames = source.first_frame + np.arange(len(motion.timestamps_s))
    action_name = f"{armature_object.name} {source.name}"
    action, warnings = key(context, armature_object, how, motion, frames=frames, action_name=action_name, sparse=sparse)
    show_now(context, armature_object)
    return AppliedMotion(
        action_name=action.name,
        preset=rig.mapping.preset,
        warnings=(
            *(f"Source: {warning}" for warning in _told_of(source.rig)),
            *check_mapping(rig),
            *_lacking(source.rig, rig),
            *warnings,
            *unseen_warnings(armature_object, motion),
        ),
        frame_start=int(frames[0]),
        frame_end=int(frames[-1]),
        motion=motion,
        rig=rig,
        sparse=sparse,
        options=options,
    )


def _told_of(source: RigSpec) -> tuple[str, ...] | list[str]:
    """What looks wrong in a source's mapping. Of bones that controls move constraints say what follows what."""
    return source.mapping.warnings if source.mapping.properties else check_mapping(source)


def _lacking(source: RigSpec, rig: RigSpec) -> list[str]:
    """Roles of the rig that the source has no bone for, and that move with what they hang on."""
    roles = [role for role in rig.mapping.bones if role not in ("spine", "chest", "neck") and not source.mapping.bones.get(role)]
    return [f"The source has no bone for: {', '.join(role.replace('_', ' ') for role in roles)}."] if roles else []


def _range(scene: bpy.types.Scene, armature_object: bpy.types.Object) -> tuple[int, int, str]:
    """First and last frame, and the animation's name. An armature that constraints or drivers move has the scene's range."""
    data = armature_object.animation_data
    spans = _spans(armature_object)
    name = data.action.name if data is not None and data.action is not None else armature_object.name
    if not spans and not _is_driven(armature_object):
        raise Pose3DError(f"'{armature_object.name}' has no animation.", hint="Choose an armature with an action or NLA strips.")
    spans = spans or [(scene.frame_start, scene.frame_end)]
    first, last = int(np.floor(min(a for a, _ in spans))), int(np.ceil(max(b for _, b in spans)))
    if last - first > _MOST_FRAMES:
        raise Pose3DError(
            f"The animation of '{armature_object.name}' is {last - first} frames long.", hint="Cut it to the part that is wanted."
        )
    return first, last, name


def _spans(armature_object: bpy.types.Object) -> list[tuple[float, float]]:
    """First and last frame of the action and of each NLA strip under it."""
    data = armature_object.animation_data
    if data is None:
        return []
    spans = [(strip.frame_start, strip.frame_end) for strip in heard_strips(data)]
    if data.action is not None and not (plays_solo(data) or data.use_tweak_mode):
        if not spans:
            require_slot(armature_object, data.action, data.action_slot)
        spans += filter(None, [keyed_range(data.action, data.action_slot)])
    return spans


def _is_driven(armature_object: bpy.types.Object) -> bool:
    data = armature_object.animation_data
    constrained = armature_object.constraints or any(bone.constraints for bone in armature_object.pose.bones)
    return bool(constrained or (data is not None and data.drivers))


def _require_shown(context: bpy.types.Context, armature_object: bpy.types.Object) -> None:
    """Blender does not animate what it does not show."""
    if not armature_object.visible_get(view_layer=context.view_layer):
        raise Pose3DError(f"'{armature_object.name}' is hidden, so Blender does not move it.", hint="Show it and try again.")
    if armature_object.data.is_editmode:
        raise Pose3DError(
            f"'{armature_object.name}' is in Edit Mode, where it does not move.", hint="Leave Edit Mode and try again."
        )
    if armature_object.data.pose_position == "REST":
        raise Pose3DError(
            f"'{armature_object.name}' shows its rest position.", hint="Choose Pose Position in its Armature properties."
        )


def _as_large_as_posed(rig: RigSpec, heads: np.ndarray) -> RigSpec:
    """The rig at rest as large as its pose is, heads [T, B, 3] in armature axes: a root control or a file's root bone may be
    scaled, and the whole character with it.
    """
    legs = [[rig.bone(f"{side}_{part}") for part in LEG_PARTS[:3]] for side in SIDES]
    legs = [leg for leg in legs if None not in leg]
    if not legs:
        return rig
    posed, rest = (
        np.median([np.linalg.norm(np.diff(at[:, leg], axis=1), axis=-1).sum(axis=-1) for leg in legs])
        for at in (heads, rig.rest_heads[None])
    )
    larger = float(posed / rest)
    if abs(larger - 1) < _OTHER_SIZE or larger <= 0:
        return rig
    return replace(rig, world_from_armature=rig.world_from_armature @ np.diag([larger, larger, larger, 1.0]))


def _nearest_rotations(matrices: np.ndarray) -> np.ndarray:
    """Without scale and shear: the polar decomposition's rotations, [..., 3, 3]."""
    u, _, v = np.linalg.svd(matrices)
    flipped = np.linalg.det(u @ v) < 0
    u[..., 2] = np.where(flipped[..., None], -u[..., 2], u[..., 2])
    return u @ v
