"""From a solved motion to the keys of one armature: FK or IK, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy
import numpy as np

from ..core.curves import SparseMotion
from ..core.rig import RigSpec
from ..core.tracks import RigMotion
from .constraints import Obstacle, find_obstacles, locks_of, mute, sentences
from .ik import IkLimb, LimbMode, as_ik_bends, find_limbs, key_controls, keyed_bones
from .keyframes import key_motion


@dataclass(frozen=True)
class Handling:
    """How an armature is to be keyed. rig: as read, with the locks that are respected, so the one to solve for; limbs: those with
    IK controls to key; obstacles: what changes or ignores keys; mute_constraints: those in the new action; warnings for the user.
    """

    rig: RigSpec
    limbs: tuple[IkLimb, ...]
    obstacles: tuple[Obstacle, ...]
    mute_constraints: bool
    warnings: tuple[str, ...]


def handling(
    armature_object: bpy.types.Object, rig: RigSpec, *, limbs: LimbMode | str = LimbMode.FK, mute_constraints: bool = False
) -> Handling:
    """What is to be keyed, and what is in its way. Reads only."""
    found, warnings = find_limbs(armature_object, rig) if LimbMode(limbs) is LimbMode.IK else ([], [])
    controls = [name for one in found for name in (one.control, one.pole, one.toe) if name]
    obstacles = find_obstacles(
        armature_object,
        list(dict.fromkeys([*(rig.bone_names[bone] for bone in rig.turned_bones()), *controls])),
        used=[one.constraint for one in found],
        controls=[one.control for one in found],
    )
    if not mute_constraints and (locks := locks_of(obstacles)):
        rig = replace(rig, mapping=replace(rig.mapping, locks=locks | rig.mapping.locks))
    return Handling(rig, tuple(found), tuple(obstacles), mute_constraints, tuple(warnings))


def key(
    context: bpy.types.Context,
    armature_object: bpy.types.Object,
    how: Handling,
    motion: RigMotion,
    *,
    frames: np.ndarray,
    action_name: str,
    sparse: SparseMotion | None = None,
) -> tuple[bpy.types.Action, tuple[str, ...]]:
    """Key a motion on the scene frames `frames` [T] into a new action, as `key_motion` does; the action, and what to tell.

    IK controls and the limbs' own bones get a key on every frame, with or without `sparse`.
    """
    mapping = how.rig.mapping
    if how.limbs:
        motion = as_ik_bends(how.rig, motion if sparse is None else sparse.motion, how.limbs)
    action = key_motion(
        armature_object,
        motion,
        frames=frames,
        action_name=action_name,
        properties=(*mapping.properties, *mapping.ik_properties) if how.limbs else mapping.properties,
        sparse=sparse,
        dense=keyed_bones(how.rig, how.limbs),
    )
    left = mute(armature_object, action, how.obstacles, frame=int(frames[0])) if how.mute_constraints else []
    if how.limbs:
        key_controls(context, armature_object, action, how.rig, motion, how.limbs, frames=frames)
    return action, (*how.warnings, *sentences(how.obstacles, muted=how.mute_constraints, left=left))
