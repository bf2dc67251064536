"""What on an armature changes or ignores the keys that it is given: constraints, drivers, locked channels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import bpy
import numpy as np
from bpy_extras import anim_utils

from .keyframes import key_values
from .targets import heard_strips, plays_solo

_CHANNELS = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle", "scale")
# Of an object: where it is.
PLACE_CHANNELS = (*_CHANNELS, *(f"delta_{channel}" for channel in _CHANNELS))
_MOST_NAMED = 4
# Values of keys that are this near are one.
_STILL = 1e-6


class Kind(StrEnum):
    CONSTRAINT = "constraint"
    DRIVER = "driver"
    LOCK = "lock"


@dataclass(frozen=True)
class Obstacle:
    """bone: "" for the object itself; name: of the constraint, the driven channel, or the locked axes (some of "xyz"); path: the
    data path of the constraint, "" for what no action can mute.
    """

    kind: Kind
    bone: str
    name: str
    path: str = ""


def find_obstacles(
    armature_object: bpy.types.Object,
    bones: Sequence[str],
    *,
    used: Iterable[tuple[str, str]] = (),
    controls: Iterable[str] = (),
) -> list[Obstacle]:
    """Of these bones, which are to be keyed, and of the object.

    used: constraints (bone, name) that the keys are made for; controls: bones keyed for them: what follows those is meant to.
    """
    keyed, used, controls = set(bones), set(used), set(controls)
    found = []
    for owner in (armature_object, *armature_object.pose.bones):
        name = owner.name if isinstance(owner, bpy.types.PoseBone) else ""
        for constraint in owner.constraints:
            if not _acts(constraint) or (name, constraint.name) in used:
                continue
            follows = getattr(constraint, "target", None) == armature_object and getattr(constraint, "subtarget", "") in controls
            moved = set() if not name else _chain(owner, constraint) if constraint.type == "IK" else {name}
            if (not name or moved & keyed) and not follows:
                found.append(Obstacle(Kind.CONSTRAINT, name, constraint.name, constraint.path_from_id()))
    paths = {armature_object.pose.bones[name].path_from_id(): name for name in bones}
    for curve in armature_object.animation_data.drivers if armature_object.animation_data else ():
        owner_path, _, channel = curve.data_path.rpartition(".")
        if owner_path in paths and channel in _CHANNELS and not curve.mute:
            found.append(Obstacle(Kind.DRIVER, paths[owner_path], channel))
    for name in bones:
        axes = "".join(axis for axis, stays in zip("xyz", armature_object.pose.bones[name].lock_rotation, strict=True) if stays)
        if axes:
            found.append(Obstacle(Kind.LOCK, name, axes))
    return list(dict.fromkeys(found))


def _acts(constraint: bpy.types.Constraint) -> bool:
    return not constraint.mute and constraint.influence > 0 and getattr(constraint, "target", constraint) is not None


def _chain(bone: bpy.types.PoseBone, constraint: bpy.types.KinematicConstraint) -> set[str]:
    bones = [bone, *bone.parent_recursive] if constraint.use_tail else bone.parent_recursive
    return {one.name for one in (bones[: constraint.chain_count] if constraint.chain_count else bones)}


def locks_of(obstacles: Iterable[Obstacle]) -> dict[str, str]:
    """Bone -> axes that are locked, as in Mapping.locks."""
    return {one.bone: one.name for one in obstacles if one.kind is Kind.LOCK}


def mute(
    armature_object: bpy.types.Object, action: bpy.types.Action, obstacles: Iterable[Obstacle], *, frame: int
) -> list[Obstacle]:
    """Key the constraints away in this action, on one frame. Returns those that cannot be: drivers, and what drivers hold on."""
    data = armature_object.animation_data
    driven = {curve.data_path for curve in data.drivers if not curve.mute} if data else set()
    left = []
    for one in obstacles:
        if one.kind is Kind.LOCK:
            continue
        ways = ((f"{one.path}.influence", 0.0), (f"{one.path}.mute", 1.0))
        way = next((way for way in ways if one.path and way[0] not in driven), None)
        if way is None:
            left.append(one)
            continue
        key_values(action, armature_object, way[0], np.array([[way[1]]]), one.bone, np.array([frame]))
    return left


def carried_warnings(armature_object: bpy.types.Object, frame: int) -> tuple[str, ...]:
    """What carries the armature about while it plays; frame: of the place that is taken."""
    carrier = _carrier(armature_object)
    if carrier is None:
        return ()
    return (
        f"'{armature_object.name}' hangs on '{carrier.name}', which moves: the animation is made for where that is at"
        f" frame {frame}, and is carried along.",
    )


def is_carried(armature_object: bpy.types.Object) -> bool:
    """Whether the armature goes anywhere by more than its own keys: what it hangs on, its object's constraints or drivers."""
    data = armature_object.animation_data
    return (
        _carrier(armature_object) is not None
        or any(_acts(constraint) for constraint in armature_object.constraints)
        or any(curve.data_path in PLACE_CHANNELS and not curve.mute for curve in (data.drivers if data else ()))
    )


def _carrier(armature_object: bpy.types.Object) -> bpy.types.Object | None:
    """The nearest of what it hangs on that moves."""
    one = armature_object
    while one.parent is not None:
        by_bone = one.parent_type == "BONE" and one.parent.pose is not None
        one = one.parent
        if _moves(one, by_bone=by_bone):
            return one
    return None


def _moves(item: bpy.types.Object, *, by_bone: bool) -> bool:
    """Whether an object goes anywhere: by its animation, its drivers or constraints; by_bone: what its bones do counts too."""
    if any(_acts(constraint) for constraint in item.constraints):
        return True
    if by_bone and any(_acts(constraint) for bone in item.pose.bones for constraint in bone.constraints):
        return True
    data = item.animation_data
    if data is None:
        return False
    played = [(strip.action, strip.action_slot) for strip in heard_strips(data) if strip.action is not None]
    if data.action is not None and not plays_solo(data):
        played.append((data.action, data.action_slot))
    bags = [anim_utils.action_get_channelbag_for_slot(action, slot) for action, slot in played if slot is not None]
    curves = [curve for bag in bags if bag is not None for curve in bag.fcurves if not curve.mute and varies(curve)]
    curves += [curve for curve in data.drivers if not curve.mute]
    return any(curve.data_path in PLACE_CHANNELS or (by_bone and curve.data_path.startswith("pose.")) for curve in curves)


def moves_bone(curves: Iterable[bpy.types.FCurve], armature_object: bpy.types.Object, name: str) -> bool:
    """Whether these curves have a bone go or turn anywhere over time."""
    paths = {f"{armature_object.pose.bones[name].path_from_id()}.{channel}" for channel in _CHANNELS}
    return any(curve.data_path in paths and varies(curve) for curve in curves)


def varies(curve: bpy.types.FCurve) -> bool:
    """Whether a curve says different things at different times."""
    values = [point.co.y for point in (*curve.keyframe_points, *curve.sampled_points)]
    return bool(curve.modifiers) or (len(values) > 1 and max(values) - min(values) > _STILL)


def sentences(obstacles: Sequence[Obstacle], *, muted: bool, left: Sequence[Obstacle] = ()) -> list[str]:
    """For the user. left: what could not be muted."""
    told = []
    constraints = [one for one in obstacles if one.kind is Kind.CONSTRAINT]
    named = _listed([f"'{one.name}' on {_owner(one)}" for one in constraints])
    if constraints and muted:
        told.append(
            f"Constraints that change what is keyed are muted in the new action: {named}. Blender leaves them so when the action"
            " is taken away; set them back then."
        )
    elif constraints:
        told.append(f"Constraints change what is keyed: {named}. Mute them for the new action if the result looks wrong.")
    if stuck := [one for one in left if one.kind is Kind.CONSTRAINT]:
        stuck_named = _listed([f"'{one.name}' on {_owner(one)}" for one in stuck])
        told.append(f"Drivers switch these constraints, so the new action cannot mute them: {stuck_named}.")
    if drivers := [one for one in obstacles if one.kind is Kind.DRIVER]:
        channels = _listed([f"the {_channel(one.name)} of {_owner(one)}" for one in drivers])
        told.append(f"Drivers set {channels}: keys have no effect there, and an action cannot mute a driver.")
    if locks := [one for one in obstacles if one.kind is Kind.LOCK]:
        axes = _listed([f"{_owner(one)} ({', '.join(one.name)})" for one in locks])
        end = "they are keyed all the same." if muted else "they stay at rest."
        told.append(f"Rotation axes are locked on {axes}; {end}")
    return told


def _owner(one: Obstacle) -> str:
    return f"'{one.bone}'" if one.bone else "the armature itself"


def _channel(name: str) -> str:
    return name.partition("_")[0]


def _listed(items: Sequence[str]) -> str:
    items = list(dict.fromkeys(items))
    more = f" and {len(items) - _MOST_NAMED} more" if len(items) > _MOST_NAMED else ""
    return ", ".join(items[:_MOST_NAMED]) + more
