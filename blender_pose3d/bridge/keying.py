"""From a solved motion to the keys of one armature: FK or IK, and what stands in the way."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import bpy
import numpy as np
from bpy_extras import anim_utils

from ..core.curves import SparseMotion
from ..core.errors import Pose3DError
from ..core.preset import Mapping
from ..core.rig import RigSpec
from ..core.solve import require_upper_body
from ..core.tracks import RigMotion
from .constraints import (
    PLACE_CHANNELS,
    Kind,
    Obstacle,
    carried_warnings,
    find_obstacles,
    locks_of,
    moves_bone,
    mute,
    sentences,
    varies,
)
from .ik import (
    IkLimb,
    LimbMode,
    Pauses,
    as_ik_bends,
    find_limbs,
    key_controls,
    keyed_bones,
    off_limbs,
    on_controls,
    on_limbs,
    passed_on,
    require_moved,
)
from .keyframes import key_motion, left_alone, passed_through, placing, require_editable
from .live import require_own_pose
from .rig_reader import choose_mapping, moved_by, read_rig, take_in_edits
from .targets import Keyed, heard_strips

_CHANNELS = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")


@dataclass(frozen=True)
class Handling:
    """How an armature is to be keyed. rig: as read, with the locks that are respected, so the one to solve for; limbs: those with
    IK controls to key; obstacles: what changes or ignores keys; mute_constraints: those in the new action; warnings for the user;
    between: controls through which the keys reach the bones that show them.
    """

    rig: RigSpec
    limbs: tuple[IkLimb, ...]
    obstacles: tuple[Obstacle, ...]
    mute_constraints: bool
    warnings: tuple[str, ...]
    between: frozenset[str] = frozenset()


def handling(
    context: bpy.types.Context,
    armature_object: bpy.types.Object,
    rig: RigSpec,
    *,
    limbs: LimbMode | str = LimbMode.FK,
    mute_constraints: bool = False,
    upper_body: bool = False,
) -> Handling:
    """What is to be keyed, and what is in its way. Reads only. Raises Pose3DError where IK controls cannot be keyed now."""
    found, warnings = find_limbs(armature_object, rig, upper_body=upper_body)
    if LimbMode(limbs) is LimbMode.FK:
        left = ", ".join(f"'{rig.bone_names[end]}'" for end in off_limbs(rig, found))
        told = f"Hands or feet hang on IK controls and stay behind: {left}. Choose FK and IK Controls under Output, Limbs."
        found, warnings = [], [told] if left else []
    if found:
        require_moved(context, armature_object)
        if (as_shown := on_limbs(rig, found)) is not rig:
            rig, (found, warnings) = as_shown, find_limbs(armature_object, as_shown, upper_body=upper_body)
    turned = [rig.bone_names[bone] for bone in rig.turned_bones()]
    if upper_body:
        turned = [name for name in turned if name not in rig.below_waist]
        rig = replace(rig, mapping=mapping_above_waist(rig))
    controls = [name for one in found for name in (one.control, one.pole, one.toe) if name]
    moved = [] if upper_body else [rig.mapping.root]
    obstacles = find_obstacles(
        armature_object,
        list(dict.fromkeys([*turned, *controls, *moved])),
        used=[one.constraint for one in found],
        controls=[one.control for one in found],
    )
    unturned = {*moved}.difference(turned, controls)
    obstacles = [one for one in obstacles if one.kind is not Kind.LOCK or one.bone not in unturned]
    if not mute_constraints and (locks := locks_of(obstacles)):
        rig = replace(rig, mapping=replace(rig.mapping, locks=locks | rig.mapping.locks))
    return Handling(rig, tuple(found), tuple(obstacles), mute_constraints, tuple(warnings))


def handling_by_preset(
    context: bpy.types.Context,
    armature_object: bpy.types.Object,
    *,
    preset: str,
    presets_folder: Path,
    limbs: LimbMode | str = LimbMode.FK,
    mute_constraints: bool = False,
    upper_body: bool = False,
) -> Handling:
    """`handling` of an armature whose bones a preset names. Raises Pose3DError where the armature cannot be animated so, which is
    asked before a clip is read as well.
    """
    require_editable(armature_object)
    require_own_pose(armature_object)
    take_in_edits(armature_object)
    context.view_layer.update()
    rig = read_rig(armature_object, choose_mapping(armature_object, preset=preset, presets_folder=presets_folder))
    if upper_body:
        require_upper_body(rig)
    how = handling(context, armature_object, rig, limbs=limbs, mute_constraints=mute_constraints, upper_body=upper_body)
    warnings = (*how.warnings, *carried_warnings(armature_object, context.scene.frame_current))
    passed = between(armature_object, rig, presets_folder=presets_folder, upper_body=upper_body)
    return replace(how, warnings=warnings, between=passed)


def between(armature_object: bpy.types.Object, rig: RigSpec, *, presets_folder: Path, upper_body: bool = False) -> frozenset[str]:
    """Controls through which keys reach the bones that show them, such as Rigify's tweaks: an older pose of those would bend the
    motion."""
    shown = moved_by(armature_object, rig.mapping, presets_folder=presets_folder)
    left = rig.below_waist if upper_body else frozenset()
    return frozenset(passed_through(armature_object, rig.mapping, shown, but=left)) if shown is not None else frozenset()


def mapping_above_waist(rig: RigSpec) -> Mapping:
    """The rig's mapping without the legs' switches."""
    properties, ik_properties = (
        tuple(one for one in switches if one[0] not in rig.index or not rig.is_nearest_a_leg(one[0]))
        for switches in (rig.mapping.properties, rig.mapping.ik_properties)
    )
    return replace(rig.mapping, properties=properties, ik_properties=ik_properties)


def key(
    context: bpy.types.Context, armature_object: bpy.types.Object, how: Handling, motion: RigMotion, **settings: Any
) -> tuple[bpy.types.Action, tuple[str, ...]]:
    """`key_steps` in one go."""
    steps = key_steps(context, lambda: armature_object, how, motion, **settings)
    try:
        while True:
            next(steps)
    except StopIteration as finished:
        return finished.value


def key_steps(
    context: bpy.types.Context,
    find_armature: Callable[[], bpy.types.Object],
    how: Handling,
    motion: RigMotion,
    *,
    frames: np.ndarray,
    action_name: str,
    sparse: SparseMotion | None = None,
) -> Pauses[tuple[bpy.types.Action, tuple[str, ...]]]:
    """Key a motion on the scene frames `frames` [T] into a new action, as `key_motion` does; the action, and what to tell.

    IK controls and the limbs' own bones get a key on every frame, with or without `sparse`. Where it is closed or fails at a
    pause, the armature has its own action and pose again and the new action is gone. Raises Pose3DError.
    """
    mapping = how.rig.mapping
    armature_object = find_armature()
    require_editable(armature_object)  # as it is now
    require_own_pose(armature_object)
    old = armature_object.animation_data.action if armature_object.animation_data else None
    old_uid = old.session_uid if old is not None else None
    stopped = _stopped_warnings(armature_object, motion)
    at_rest = _left_posed(armature_object, motion, how.limbs) | passed_on(armature_object, how.rig, how.limbs) | how.between
    if how.limbs:
        motion = as_ik_bends(how.rig, motion if sparse is None else sparse.motion, how.limbs)
    action = key_motion(
        armature_object,
        on_controls(how.rig, motion, how.limbs),
        frames=frames,
        action_name=action_name,
        properties=(*mapping.properties, *mapping.ik_properties) if how.limbs else mapping.properties,
        sparse=sparse,
        dense=keyed_bones(how.rig, how.limbs),
        at_rest=at_rest,
    )
    left = mute(armature_object, action, how.obstacles, frame=int(frames[0])) if how.mute_constraints else []
    if how.limbs:
        keyed = Keyed(find_armature, action.session_uid)
        half_made = _HalfMade(keyed, old_uid, _values(armature_object, action, how.limbs))
        _half_made.append(half_made)
        try:
            yield from key_controls(context, keyed, how.rig, motion, how.limbs, frames=frames)
        except BaseException:
            half_made.take_back()
            raise
        finally:
            _half_made.remove(half_made)
        action = keyed.action
    return action, (*how.warnings, *stopped, *sentences(how.obstacles, muted=how.mute_constraints, left=left))


def _left_posed(armature_object: bpy.types.Object, motion: RigMotion, limbs: Sequence[IkLimb]) -> set[str]:
    """Bones without a role that hang on those which a motion turns, and were moved by the action that it takes the place of:
    without a key they would stay as that has them on the frame that is shown, a hand's second bone bent, say.
    """
    data = armature_object.animation_data
    if data is None or data.action is None or data.action_slot is None or heard_strips(data):
        return set()
    bag = anim_utils.action_get_channelbag_for_slot(data.action, data.action_slot)
    if bag is None:
        return set()
    moved = {path for path, _, channel in (curve.data_path.rpartition(".") for curve in bag.fcurves) if channel in _CHANNELS}
    alone = left_alone(armature_object, motion)
    turned = [armature_object.pose.bones[name] for name in motion.bone_names if name not in alone]
    hanging = {bone.name: bone for above in turned for bone in above.children_recursive}
    controls = {name for one in limbs for name in (one.control, one.pole, one.toe)}
    return {name for name, bone in hanging.items() if bone.path_from_id() in moved} - alone - controls


def _stopped_warnings(armature_object: bpy.types.Object, motion: RigMotion) -> tuple[str, ...]:
    """What a motion leaves alone stands still where the action moved it that it takes the place of, and so does the object."""
    data = armature_object.animation_data
    old = data.action if data else None
    if old is None or any(strip.action == old for strip in heard_strips(data)):
        return ()
    bag = anim_utils.action_get_channelbag_for_slot(old, data.action_slot) if data.action_slot else None
    curves = list(bag.fcurves) if bag else []
    told = []
    paths = [f"{armature_object.pose.bones[name].path_from_id()}." for name in left_alone(armature_object, motion)]
    if any(curve.data_path.startswith(tuple(paths)) and len(curve.keyframe_points) > 1 for curve in curves):
        told.append(f"The action '{old.name}' is no longer played, and it moved hips and legs: push it down into the NLA before.")
    if any(curve.data_path in PLACE_CHANNELS and varies(curve) for curve in curves):
        told.append(
            f"The action '{old.name}' is no longer played, and it moved the armature object, which stays where it is now: push it"
            " down into the NLA before."
        )
    placed = [name for name in placing(armature_object, motion) if moves_bone(curves, armature_object, name)]
    if placed:
        told.append(
            f"The action '{old.name}' is no longer played, and it moved '{placed[0]}', which the whole character follows and"
            " which stays where it is now: push it down into the NLA before."
        )
    return tuple(told)


_Values: TypeAlias = list[tuple[str, Any]]


def _values(armature_object: bpy.types.Object, action: bpy.types.Action, limbs: Sequence[IkLimb]) -> _Values:
    """What the action and the controls' keys are about to change on the armature: a path of each property, and its value."""
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    paths = dict.fromkeys(curve.data_path for bag in bags for curve in bag.fcurves)
    bones = armature_object.pose.bones
    for one in limbs:
        for bone in (bones[name] for name in (one.control, one.pole, one.toe) if name):
            paths |= dict.fromkeys(f"{bone.path_from_id()}.{channel}" for channel in _CHANNELS)
        bone_name, name = one.constraint
        if bone_name:
            paths[f"{bones[bone_name].constraints[name].path_from_id()}.use_stretch"] = None
    return [(path, _read(armature_object, path)) for path in paths]


def _place(armature_object: bpy.types.Object, path: str) -> tuple[Any, str, bool]:
    """Whose property a path is of, its name, and whether it is a custom one."""
    custom = path.endswith("]")
    owner_path, _, name = path.rpartition("[" if custom else ".")
    return armature_object.path_resolve(owner_path) if owner_path else armature_object, name.strip("]\"'"), custom


def _read(armature_object: bpy.types.Object, path: str) -> Any:
    owner, name, custom = _place(armature_object, path)
    value = owner[name] if custom else getattr(owner, name)
    return tuple(value) if hasattr(value, "__len__") and not isinstance(value, str) else value


@dataclass
class _HalfMade:
    """An action on its way, which the armature plays at every pause. old_uid: of the action that it played before; values: what
    `_values` said then."""

    keyed: Keyed
    old_uid: int | None
    values: _Values

    def put_away(self) -> None:
        """The armature as it was, as far as it is there. Nobody plays the action then, so Blender does not save it."""
        with contextlib.suppress(Pose3DError):
            armature_object = self.keyed.armature
            armature_object.animation_data.action = next((a for a in bpy.data.actions if a.session_uid == self.old_uid), None)
            for path, value in self.values:
                with contextlib.suppress(ValueError, AttributeError, KeyError, TypeError):  # edited away meanwhile
                    owner, name, custom = _place(armature_object, path)
                    if custom:
                        owner[name] = value
                    else:
                        setattr(owner, name, value)

    def bring_back(self) -> None:
        with contextlib.suppress(Pose3DError):
            armature_object, action = self.keyed.find_armature(), self.keyed.action
            armature_object.animation_data.action = action
            armature_object.animation_data.action_slot = action.slots[0]

    def take_back(self) -> None:
        """Put it away, and delete the action."""
        self.put_away()
        with contextlib.suppress(Pose3DError):
            bpy.data.actions.remove(self.keyed.action)


_half_made: list[_HalfMade] = []


def require_whole(armature_object: bpy.types.Object) -> None:
    """Raises Pose3DError where the action that an armature plays is on its way."""
    data = armature_object.animation_data
    playing = data.action.session_uid if data is not None and data.action is not None else None
    if any(one.keyed.action_uid == playing for one in _half_made):
        raise Pose3DError(f"'{armature_object.name}' is being animated.", hint="Wait until its action is made.")


@bpy.app.handlers.persistent
def before_saving(*_: object) -> None:
    """What is half made does not get into the file."""
    for one in _half_made:
        one.put_away()


@bpy.app.handlers.persistent
def after_saving(*_: object) -> None:
    for one in _half_made:
        one.bring_back()
