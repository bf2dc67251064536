"""IK controls and pole targets, keyed so that the limbs do what the FK keys do.

Blender's solver turns a chain about the line from its root to its goal until cos(pole angle) X + sin(pole angle) Z of the root
bone points to the pole target. So a pole target in that direction from where the chain is leaves a solved chain as it is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias, TypeVar

import bpy
import numpy as np
from mathutils import Matrix

from ..core.errors import Pose3DError
from ..core.hinges import Limb, hinged, limbs_of, solved_axis, with_limbs
from ..core.kinematics import PosedRig, posed
from ..core.rig import RigSpec, with_parents
from ..core.rotations import apply, continuous, quaternion_from_matrix, unit
from ..core.tracks import RigMotion
from .frames import frame_kept
from .keyframes import followed_by, key_rest, key_rotation, key_values
from .targets import Keyed, is_moved

# A rest pose that is bent less than this does not show its plane.
_SHOWN = 1e-3
# Frames that tell whether what moves a control's parents moves at all.
_PROBES = 9
# So long Blender evaluates frames before the window, where there is one, may draw.
HELD_S = math.inf if bpy.app.background else 0.02

_T = TypeVar("_T")
# Wherever it yields, the window may draw and the user may work; what is of Blender is looked up again after that.
Pauses: TypeAlias = Generator[None, None, _T]


class LimbMode(StrEnum):
    """What an animator wants to hold in his hands."""

    FK = "fk"
    IK = "ik"


@dataclass(frozen=True, eq=False)
class IkLimb:
    """limb; control, pole and toe ("": none): bones, the last the control that turns the toes; root and tip: the chain's first
    and last bone, None where no constraint was found; goal: the bone whose head the chain reaches for; pole_angle_rad; own_bones:
    the chain is the mapped bones themselves; constraint: (bone, name) of the constraint; stretches: the chain may get longer or
    shorter; hinge [3]: the axis about which a chain with bones of its own bends, armature axes at rest; hangs: hand or foot
    hang on the control, which turns them.
    """

    limb: Limb
    control: str
    pole: str = ""
    toe: str = ""
    root: int | None = None
    tip: int | None = None
    goal: str = ""
    pole_angle_rad: float = 0.0
    own_bones: bool = False
    constraint: tuple[str, str] = ("", "")
    stretches: bool = False
    hinge: np.ndarray | None = None
    hangs: bool = False


def require_moved(context: bpy.types.Context, armature_object: bpy.types.Object) -> None:
    """Controls are keyed by poses that Blender is asked for. Raises Pose3DError where it would tell old ones."""
    name = armature_object.name
    if armature_object.data.pose_position == "REST":
        raise Pose3DError(
            f"The IK controls of '{name}' cannot be keyed while it shows its rest position.",
            hint="Choose Pose Position in its Armature properties.",
        )
    if armature_object.data.is_editmode:
        raise Pose3DError(f"The IK controls of '{name}' cannot be keyed in Edit Mode.", hint="Leave Edit Mode and try again.")
    if not is_moved(context, armature_object):
        raise Pose3DError(
            f"The IK controls of '{name}' cannot be keyed while it is hidden in all viewports.",
            hint="Show it and its collection and try again.",
        )


def find_limbs(armature_object: bpy.types.Object, rig: RigSpec, *, upper_body: bool = False) -> tuple[list[IkLimb], list[str]]:
    """The limbs that IK controls move: those of the mapping, else as constraints on the limbs' bones say; and warnings.

    upper_body: only arms.
    """
    found, warnings = [], []
    for role, limb in limbs_of(rig).items():
        if upper_body and "_foot" in role:
            continue
        title = role.replace("_hand", " arm").replace("_foot", " leg")
        control, pole = rig.mapping.ik.get(role, ("", ""))
        toe = rig.mapping.ik.get(role.replace("_foot", "_toe"), ("", ""))[0] if "_foot" in role else ""
        if control:
            reached = {control, *(b.name for b in armature_object.data.bones[control].children_recursive)}
            constraints = _constraints(armature_object, rig, range(len(rig.bone_names)), reached)
            # Of two, as a switch for the pole target has them, the one with it.
            constraints.sort(key=lambda c: c[1].pole_subtarget == pole and bool(pole), reverse=True)
        else:
            below = [b for b in range(len(rig.bone_names)) if rig.is_below(b, limb.lower)]
            inside = [b for b in below if limb.end is None or not rig.is_below(b, limb.end) or b == limb.end]
            constraints = _constraints(armature_object, rig, inside, None)
        if not constraints:
            if control:
                found.append(IkLimb(limb, control, toe=toe))
            else:
                warnings.append(f"The {title} has no IK control, so it keeps its FK keys.")
            continue
        tip, constraint = constraints[0]
        if constraint.target != armature_object or not constraint.subtarget:
            warnings.append(
                f"The IK target of the {title} is no bone of '{armature_object.name}' but '{constraint.target.name}', which is"
                " not keyed; the limb keeps its FK keys."
            )
            continue
        if constraint.pole_target not in (None, armature_object):
            warnings.append(
                f"The pole target of the {title} is no bone of '{armature_object.name}' but '{constraint.pole_target.name}',"
                " which is not keyed; the limb keeps its FK keys."
            )
            continue
        one = _limb(armature_object, rig, limb, control or constraint.subtarget, pole, tip, constraint)
        found.append(replace(one, toe=toe, hangs=_hangs(armature_object, rig, one)))
    return found, warnings


def _hangs(armature_object: bpy.types.Object, rig: RigSpec, one: IkLimb) -> bool:
    if one.limb.end is None:
        return False
    end = armature_object.data.bones[rig.bone_names[one.limb.end]]
    return end.use_inherit_rotation and one.control in {bone.name for bone in end.parent_recursive}


def off_limbs(rig: RigSpec, limbs: Sequence[IkLimb]) -> dict[int, int]:
    """Hands and feet that hang on IK controls instead of on their limbs, or are these -> the limb's lower bone."""
    ends = {one.limb.end: one for one in limbs if one.limb.end is not None}
    return {
        end: one.limb.lower
        for end, one in ends.items()
        if (one.hangs or rig.bone_names[end] == one.control)
        and not (rig.is_below(end, one.limb.lower) or rig.is_below(one.limb.lower, end))
    }


def on_limbs(rig: RigSpec, limbs: Sequence[IkLimb]) -> RigSpec:
    """The rig with these on their limbs: the controls bring them there."""
    parents = rig.parents.copy()
    for end, lower in off_limbs(rig, limbs).items():
        parents[end] = lower
    return with_parents(rig, parents)


def _constraints(
    armature_object: bpy.types.Object, rig: RigSpec, bones: Sequence[int], reached: set[str] | None
) -> list[tuple[int, bpy.types.KinematicConstraint]]:
    """IK constraints on these bones, with a target, and if `reached` is given, one of these bones for it."""
    return [
        (bone, constraint)
        for bone in bones
        for constraint in armature_object.pose.bones[rig.bone_names[bone]].constraints
        if constraint.type == "IK" and constraint.target is not None
        if reached is None and not constraint.mute or reached is not None and constraint.subtarget in reached
    ]


def _limb(
    armature_object: bpy.types.Object,
    rig: RigSpec,
    limb: Limb,
    control: str,
    pole: str,
    tip: int,
    constraint: bpy.types.KinematicConstraint,
) -> IkLimb:
    last = tip if constraint.use_tail else int(rig.parents[tip])
    chain = [last]
    while rig.parents[chain[-1]] >= 0 and (constraint.chain_count == 0 or len(chain) < constraint.chain_count):
        chain.append(int(rig.parents[chain[-1]]))
    if not pole and constraint.pole_target == armature_object:
        pole = constraint.pole_subtarget
    own_bones = limb.upper in chain or limb.lower in chain
    return IkLimb(
        limb=limb,
        control=control,
        pole=pole,
        root=chain[-1],
        tip=last,
        goal=constraint.subtarget,
        pole_angle_rad=constraint.pole_angle,
        own_bones=own_bones,
        constraint=(rig.bone_names[tip], constraint.name),
        stretches=constraint.use_stretch and any(armature_object.pose.bones[rig.bone_names[b]].ik_stretch > 0 for b in chain),
        hinge=None if own_bones else _hinge(armature_object, rig, limb, chain),
    )


def _hinge(armature_object: bpy.types.Object, rig: RigSpec, limb: Limb, chain: list[int]) -> np.ndarray:
    """The axis about which a chain of its own bends: the one that its lower bone leaves free, else as its rest pose is bent."""
    usual = solved_axis(rig, limb)
    lower = armature_object.pose.bones[rig.bone_names[chain[0]]]
    free = [i for i, stays in enumerate((lower.lock_ik_x, lower.lock_ik_y, lower.lock_ik_z)) if not stays]
    axis = usual
    if len(free) == 1:
        axis = rig.rest_rotations[chain[0]][:, free[0]]
    elif len(chain) > 1:
        middle, start = rig.rest_heads[chain[0]], rig.rest_heads[chain[-1]]
        shown = np.cross(unit(middle - start), unit(rig.rest_tails[chain[0]] - middle))
        axis = unit(shown) if np.linalg.norm(shown) > _SHOWN else usual
    return axis if axis @ usual >= 0 else -axis


def as_ik_bends(rig: RigSpec, motion: RigMotion, limbs: Sequence[IkLimb]) -> RigMotion:
    """The motion with the limbs bent as those chains can that have bones, and so a solution, of their own."""
    return hinged(rig, motion, {one.limb.role: one.hinge for one in limbs if one.hinge is not None})


def keyed_bones(rig: RigSpec, limbs: Sequence[IkLimb]) -> frozenset[str]:
    """The limbs' own bones: where the controls have a key on every frame, these do as well, so that both stay the same."""
    bones = [b for one in limbs for b in (one.limb.upper, one.limb.lower, one.limb.end) if b is not None]
    return frozenset(rig.bone_names[bone] for bone in bones)


def on_controls(rig: RigSpec, motion: RigMotion, limbs: Sequence[IkLimb]) -> RigMotion:
    """The motion with hands and feet that hang on their control as they hang there at rest: that turns them."""
    rotations = motion.rotations_wxyz.copy()
    for one in limbs:
        if one.hangs and one.limb.end is not None:
            rotations[:, motion.bone_names.index(rig.bone_names[one.limb.end])] = [1.0, 0.0, 0.0, 0.0]
    return replace(motion, rotations_wxyz=rotations)


def passed_on(armature_object: bpy.types.Object, rig: RigSpec, limbs: Sequence[IkLimb]) -> set[str]:
    """The chains' bones, and those through which controls move their goals, such as those that roll a foot: at rest these move
    them as the controls do."""
    found: set[str] = set()
    for one in limbs:
        if one.goal and one.goal != one.control:
            ways = {one.goal, *followed_by(armature_object, one.goal)} - {one.control, one.pole, one.toe}
            found |= {name for name in ways if one.control in followed_by(armature_object, name)}
        if one.root is not None and one.tip is not None:
            chain = [bone for bone in range(len(rig.bone_names)) if rig.is_below(bone, one.root) and rig.is_below(one.tip, bone)]
            found |= {rig.bone_names[bone] for bone in chain}
    return found


def key_controls(
    context: bpy.types.Context,
    keyed: Keyed,
    rig: RigSpec,
    motion: RigMotion,
    limbs: Sequence[IkLimb],
    *,
    frames: np.ndarray,
) -> Pauses[None]:
    """Key the limbs' controls and pole targets on every frame `frames` [T] of the motion, which is keyed in this action already.

    Raises Pose3DError where after a pause the armature or the action is gone, or Blender no longer moves it.
    Chains with bones of their own are solved by Blender to a tenth of a millimetre, which is several at the knee of a leg that is
    all but straight: there the FK keys are then made those of what Blender found.
    """
    for one in limbs:
        if one.stretches:
            # A chain that may stretch does so before it is bent all the way.
            bone, name = one.constraint
            path = keyed.armature.pose.bones[bone].constraints[name].path_from_id()
            key_values(keyed.action, keyed.armature, f"{path}.use_stretch", np.zeros((1, 1)), bone, frames[:1])
    body = posed(rig, motion)
    places = {one.control: _control_pose(rig, body, one) for one in limbs}
    parents = yield from _parents(context, keyed, rig, body, places, frames)
    yield from _key_poses(keyed, places, parents, frames)
    # A pole target may hang on what a control moves.
    poles = {one.pole: _pole_pose(rig, body, one) for one in limbs if one.pole and one.root is not None}
    parents = yield from _parents(context, keyed, rig, body, poles, frames)
    yield from _key_poses(keyed, poles, parents, frames, turned=False)
    chains = [one for one in limbs if one.hinge is not None]
    toes = _toe_poses(rig, body, limbs)
    links = {bone: rig.bone_names[bone] for one in chains for bone in (one.root, one.tip) if bone is not None}
    seen = yield from _evaluated(context, keyed, {*links.values(), *_asked(keyed.armature, toes)}, frames)
    parents = yield from _parents(context, keyed, rig, body, toes, frames, seen=seen)
    yield from _key_poses(keyed, toes, parents, frames)
    turns = {bone: _rotations(seen[name]) @ rig.rest_rotations[bone].T for bone, name in links.items()}
    found = {}
    for one in chains:
        if one.root is not None and one.tip is not None:
            found |= {one.limb.upper: turns[one.root], one.limb.lower: turns[one.tip]}
    exact = on_controls(rig, with_limbs(rig, motion, body, found), limbs)
    yield
    armature_object, action = keyed.armature, keyed.action
    for name in keyed_bones(rig, chains):
        rotation = exact.rotations_wxyz[:, exact.bone_names.index(name)]
        key_rotation(action, armature_object, armature_object.pose.bones[name], rotation, frames)


def _toe_poses(rig: RigSpec, body: PosedRig, limbs: Sequence[IkLimb]) -> dict[str, np.ndarray]:
    out = {}
    for one in limbs:
        bone = rig.mapping.bone(one.limb.role.replace("_foot", "_toe"))
        if one.toe and bone:
            out[one.toe] = _follower_pose(rig, body, rig.index[bone], rig.index[one.toe])
    return out


def _rotations(matrices: np.ndarray) -> np.ndarray:
    axes = matrices[..., :3, :3]
    return axes / np.linalg.norm(axes, axis=-2, keepdims=True)


def _control_pose(rig: RigSpec, body: PosedRig, one: IkLimb) -> np.ndarray:
    """[T, 4, 4] in armature space: turned with hand or foot, and so that the chain's goal is at the limb's end."""
    end = one.limb.end if one.limb.end is not None else one.limb.lower
    control = rig.index[one.control]
    if one.tip is None:
        return _follower_pose(rig, body, end, control)
    turn = body.turn(end)
    head = _tip(rig, body, one) - apply(turn, rig.rest_heads[rig.index[one.goal]] - rig.rest_heads[control])
    return _matrices(turn @ rig.rest_rotations[control], head)


def _follower_pose(rig: RigSpec, body: PosedRig, bone: int, follower: int) -> np.ndarray:
    """[T, 4, 4] in armature space: as it lies at rest to the bone."""
    head = body.points(bone, rig.rest_heads[follower] - rig.rest_heads[bone])
    return _matrices(body.turn(bone) @ rig.rest_rotations[follower], head)


def _tip(rig: RigSpec, body: PosedRig, one: IkLimb) -> np.ndarray:
    """Where the chain ends while it does as the mapped bones do: [T, 3], armature space."""
    assert one.tip is not None
    if one.own_bones:
        return body.points(one.tip, rig.rest_tails[one.tip] - rig.rest_heads[one.tip])
    return body.points(one.limb.lower, rig.rest_tails[one.tip] - rig.rest_heads[one.limb.lower])


def _pole_pose(rig: RigSpec, body: PosedRig, one: IkLimb) -> np.ndarray:
    """[T, 4, 4] in armature space: beside the middle of the limb, as far from it as the limb is long."""
    assert one.root is not None
    root = one.root if one.own_bones else one.limb.upper
    x, z = rig.rest_rotations[one.root][:, 0], rig.rest_rotations[one.root][:, 2]
    towards = apply(body.turn(root), np.cos(one.pole_angle_rad) * x + np.sin(one.pole_angle_rad) * z)
    start = body.points(root, rig.rest_heads[one.root] - rig.rest_heads[root])
    way = _tip(rig, body, one) - start
    along = unit(way)
    towards = unit(towards - (towards * along).sum(-1, keepdims=True) * along)
    length = float(np.linalg.norm(way, axis=-1).max())
    pole = rig.index[one.pole]
    return _matrices(np.broadcast_to(rig.rest_rotations[pole], (len(way), 3, 3)), start + way / 2 + length * towards)


def _matrices(axes: np.ndarray, heads: np.ndarray) -> np.ndarray:
    out = np.tile(np.eye(4), (len(heads), 1, 1))
    out[:, :3, :3], out[:, :3, 3] = axes, heads
    return out


def _key_poses(
    keyed: Keyed,
    poses: dict[str, np.ndarray],
    parents: dict[str, Sequence[np.ndarray | None]],
    frames: np.ndarray,
    *,
    turned: bool = True,
) -> Pauses[None]:
    """Keys that bring bones to these poses [T, 4, 4], armature space; turned: their rotation is keyed too."""
    for name, wanted in poses.items():
        yield
        armature_object, action = keyed.armature, keyed.action
        pose_bone = armature_object.pose.bones[name]
        basis = np.array([_basis(pose_bone.bone, w, p) for w, p in zip(wanted, parents[name], strict=True)])
        path = pose_bone.path_from_id()
        key_values(action, armature_object, f"{path}.location", basis[:, :3, 3], name, frames)
        if turned:
            key_rotation(action, armature_object, pose_bone, continuous(quaternion_from_matrix(basis[:, :3, :3])), frames)
        key_rest(action, armature_object, pose_bone, frames[:1], rotation=not turned)


def _basis(bone: bpy.types.Bone, wanted: np.ndarray, parent: np.ndarray | None) -> Matrix:
    if bone.parent is None:
        return bone.convert_local_to_pose(Matrix(wanted), bone.matrix_local, invert=True)
    return bone.convert_local_to_pose(
        Matrix(wanted),
        bone.matrix_local,
        parent_matrix=Matrix(parent),
        parent_matrix_local=bone.parent.matrix_local,
        invert=True,
    )


def _parents(
    context: bpy.types.Context,
    keyed: Keyed,
    rig: RigSpec,
    body: PosedRig,
    names: Iterable[str],
    frames: np.ndarray,
    *,
    seen: dict[str, np.ndarray] | None = None,
) -> Pauses[dict[str, Sequence[np.ndarray | None]]]:
    """For each bone the pose of its parent in every frame, armature space; Nones where it has none.

    By the motion alone where nothing but keys moves the bones above; else as Blender has it: in `seen`, or it is asked, frame by
    frame only where they move.
    """
    names = list(names)
    if seen is None:
        asked = _asked(keyed.armature, names)
        probes = np.unique(np.linspace(0, len(frames) - 1, _PROBES).astype(int))
        few = yield from _evaluated(context, keyed, asked, frames[probes])
        seen = {name: np.broadcast_to(poses[0], (len(frames), 4, 4)) for name, poses in few.items()}
        moving = {name for name, poses in few.items() if np.ptp(poses, axis=0).max() > 1e-5 * rig.leg_length_m}
        seen |= yield from _evaluated(context, keyed, moving, frames)
    out: dict[str, Sequence[np.ndarray | None]] = {}
    bones = keyed.armature.pose.bones
    for name in names:
        parent = bones[name].parent
        if parent is None:
            out[name] = [None] * len(frames)
        elif parent.name in seen:
            out[name] = seen[parent.name]
        else:
            bone = rig.index[parent.name]
            out[name] = _matrices(body.turn(bone) @ rig.rest_rotations[bone], body.head(bone))
    return out


def _asked(armature_object: bpy.types.Object, names: Iterable[str]) -> set[str]:
    """The parents of these bones that more than keys moves."""
    parents = [armature_object.pose.bones[name].parent for name in names]
    return {one.name for one in parents if one is not None and not _moved_by_keys_alone(armature_object, one)}


def _moved_by_keys_alone(armature_object: bpy.types.Object, bone: bpy.types.PoseBone) -> bool:
    chain = [bone, *bone.parent_recursive]
    drivers = armature_object.animation_data.drivers if armature_object.animation_data else ()
    driven = {curve.data_path.rpartition(".")[0] for curve in drivers}
    return not any(one.constraints or one.path_from_id() in driven for one in chain)


def _evaluated(context: bpy.types.Context, keyed: Keyed, names: set[str], frames: np.ndarray) -> Pauses[dict[str, np.ndarray]]:
    """Poses of bones as Blender has them, armature space: [T, 4, 4] each. At every pause the scene has its own frame."""
    rows: dict[str, list] = {name: [] for name in names}
    waiting = [int(frame) for frame in frames] if names else []
    while waiting:
        yield
        scene, armature_object = context.scene, keyed.armature
        require_moved(context, armature_object)
        with frame_kept(scene, but=armature_object):
            began_s = time.perf_counter()
            while waiting and time.perf_counter() - began_s < HELD_S:
                scene.frame_set(waiting.pop(0))
                now = armature_object.evaluated_get(context.evaluated_depsgraph_get()).pose.bones
                for name, row in rows.items():
                    row.append(np.array(now[name].matrix))
    return {name: np.array(row) for name, row in rows.items()}
