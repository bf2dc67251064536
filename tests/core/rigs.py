"""Armatures made of numbers: rest poses, proportions, bone axes and hierarchies as rigs have them, and Blender's kinematics.

`posed` is written from Blender's formula, pose = parent pose * rest offset * basis, and shares no code with the solve.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from blender_pose3d.core.preset import Mapping
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.tracks import RigMotion

SIDES = ("left", "right")
MIRROR = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A character that faces -Y, its left at +X, feet on the ground of its armature.

    arms_down_deg: 0 is a T-pose, 45 an A-pose; elbows_bent_deg, knees_bent_deg: at rest; spine_bones: between hips and neck, the
    last of them the chest (0: none); necks: bones of the neck; clavicles, hands, toes, root_bone: whether there are such bones;
    between: unmapped bones inside arms, legs, spine and neck; arm, leg: factors on their lengths; size: of the whole armature;
    axes_seed: random bone axes, so that tails point anywhere and rolls are any (None: along the bones);
    free: bones that do not inherit their parent's rotation; legs_on: the bone that the thighs hang on;
    world: the armature object's matrix.
    """

    arms_down_deg: float = 0.0
    elbows_bent_deg: float = 0.0
    knees_bent_deg: float = 0.0
    spine_bones: int = 3
    necks: int = 1
    clavicles: bool = True
    hands: bool = True
    toes: bool = True
    root_bone: bool = True
    between: bool = False
    arm: float = 1.0
    leg: float = 1.0
    size: float = 1.0
    axes_seed: int | None = None
    free: frozenset[str] = frozenset()
    legs_on: str = "hips"
    world: tuple[tuple[float, ...], ...] = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))


@dataclass
class _Bone:
    name: str
    parent: str
    head: np.ndarray
    tail: np.ndarray


def build(plan: Plan | None = None, **changes: object) -> RigSpec:
    """The armature of a plan; keyword arguments change the plan."""
    plan = replace(plan or Plan(), **changes)  # type: ignore[arg-type]
    bones: list[_Bone] = []
    roles: dict[str, tuple[str, ...]] = {}

    def add(name: str, parent: str, head: np.ndarray, *, role: str = "") -> str:
        bones.append(_Bone(name, parent, np.array(head, float), np.zeros(3)))
        if role:
            roles[role] = (*roles.get(role, ()), name)
        return name

    def between(name: str, parent: str, start: np.ndarray, end: np.ndarray) -> str:
        """An unmapped bone a little off the straight line from start to end."""
        if not plan.between:
            return parent
        return add(name, parent, start + 0.55 * (np.asarray(end) - start) + [0.01, 0.02, -0.01])

    thigh, shin, ankle = 0.42 * plan.leg, 0.40 * plan.leg, 0.08
    knee_bend = np.radians(plan.knees_bent_deg)
    hips_z = ankle + thigh * np.cos(knee_bend / 2) + shin * np.cos(knee_bend / 2)
    top = add("root", "", np.zeros(3)) if plan.root_bone else ""
    hips_head = np.array([0, 0.01, hips_z + 0.06])
    last = add("hips", top, hips_head, role="hips")
    neck_head = hips_head + [0, 0.02, 0.46]
    for i in range(plan.spine_bones):
        share = (0.15 + i) / plan.spine_bones
        head = hips_head + share * (neck_head - hips_head) + [0, 0.02 * np.sin(3 * share), 0]
        is_chest = i == plan.spine_bones - 1
        if i:
            last = between(f"spine_{i}_helper", last, bones[-1].head, head)
        last = add("chest" if is_chest else f"spine_{i + 1}", last, head, role="chest" if is_chest else "spine")
    chest = last
    for i in range(plan.necks):
        last = add(f"neck_{i + 1}", last, neck_head + [0, -0.01 * i, 0.05 * i], role="neck")
    add("head", last, neck_head + [0, -0.02, 0.05 * plan.necks + 0.02], role="head")

    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder = neck_head + [sign * 0.17, 0.01, -0.05]
        parent = chest
        if plan.clavicles:
            parent = add(f"{side}_clavicle", chest, neck_head + [sign * 0.02, -0.02, -0.04], role=f"{side}_clavicle")
        down, bent = np.radians(plan.arms_down_deg), np.radians(plan.elbows_bent_deg)
        along = np.array([sign * np.cos(down), 0, -np.sin(down)])
        forwards = np.array([0, -1.0, 0])
        elbow = shoulder + 0.28 * plan.arm * along
        wrist = elbow + 0.26 * plan.arm * (np.cos(bent) * along + np.sin(bent) * forwards)
        add(f"{side}_upper_arm", parent, shoulder, role=f"{side}_upper_arm")
        parent = between(f"{side}_upper_arm_twist", f"{side}_upper_arm", shoulder, elbow)
        add(f"{side}_forearm", parent, elbow, role=f"{side}_forearm")
        parent = between(f"{side}_forearm_twist", f"{side}_forearm", elbow, wrist)
        bones[-1 - plan.between].tail = wrist
        if plan.hands:
            add(f"{side}_hand", parent, wrist, role=f"{side}_hand")
            add(f"{side}_finger", f"{side}_hand", wrist + 0.1 * along)

        hip = np.array([sign * 0.09, 0.0, hips_z])
        knee = hip + thigh * np.array([0, -np.sin(knee_bend / 2), -np.cos(knee_bend / 2)])
        foot = knee + shin * np.array([0, np.sin(knee_bend / 2), -np.cos(knee_bend / 2)])
        add(f"{side}_thigh", plan.legs_on, hip, role=f"{side}_thigh")
        parent = between(f"{side}_thigh_twist", f"{side}_thigh", hip, knee)
        add(f"{side}_shin", parent, knee, role=f"{side}_shin")
        parent = between(f"{side}_shin_twist", f"{side}_shin", knee, foot)
        add(f"{side}_foot", parent, foot, role=f"{side}_foot")
        if plan.toes:
            add(f"{side}_toe", f"{side}_foot", foot + [0, -0.13, -0.06], role=f"{side}_toe")
    return _spec(plan, bones, roles)


def _spec(plan: Plan, bones: list[_Bone], roles: dict[str, tuple[str, ...]]) -> RigSpec:
    index = {bone.name: i for i, bone in enumerate(bones)}
    heads = np.array([bone.head for bone in bones])
    random = np.random.default_rng(plan.axes_seed)
    rotations = np.empty((len(bones), 3, 3))
    tails = np.empty_like(heads)
    for i, bone in enumerate(bones):
        children = [b.head for b in bones if b.parent == bone.name]
        tail = bone.tail if bone.tail.any() else children[0] if children else bone.head + [0, -0.05, 0.1]
        if np.linalg.norm(tail - bone.head) < 1e-6:
            tail = bone.head + [0, 0, 0.1]
        if plan.axes_seed is None:
            rotations[i] = _along(tail - bone.head)
            tails[i] = tail
        else:
            rotations[i] = any_rotation(random)
            # A last bone's own tail is all that says where its segment ends.
            ends = bone.name.endswith("forearm") and not plan.hands
            tails[i] = tail if ends else bone.head + random.uniform(0.03, 0.2) * rotations[i, :, 1]
    return RigSpec(
        bone_names=tuple(index),
        parents=np.array([index[bone.parent] if bone.parent else -1 for bone in bones]),
        rest_heads=plan.size * heads,
        rest_tails=plan.size * tails,
        rest_rotations=rotations,
        world_from_armature=np.array(plan.world, float),
        inherits_rotation=np.array([bone.name not in plan.free for bone in bones]),
        local_location=np.ones(len(bones), bool),
        mapping=Mapping(preset="made", bones=roles, root="hips"),
    )


def _along(direction: np.ndarray) -> np.ndarray:
    """Bone axes whose y goes along the bone."""
    y = direction / np.linalg.norm(direction)
    x = np.cross(y, [0, 1, 0] if abs(y[1]) < 0.9 else [0, 0, 1])
    x /= np.linalg.norm(x)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def any_rotation(random: np.random.Generator) -> np.ndarray:
    """A rotation matrix, all directions alike."""
    q, r = np.linalg.qr(random.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def object_matrix(
    *, turn_deg: tuple[float, float, float] = (0, 0, 0), scale: float | tuple[float, float, float] = 1.0, place_m=(0.0, 0.0, 0.0)
) -> tuple[tuple[float, ...], ...]:
    """An object's matrix: scale, then turns about x, y and z, then the place."""
    x, y, z = np.radians(turn_deg)
    about_x = np.array([[1, 0, 0], [0, np.cos(x), -np.sin(x)], [0, np.sin(x), np.cos(x)]])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_z = np.array([[np.cos(z), -np.sin(z), 0], [np.sin(z), np.cos(z), 0], [0, 0, 1]])
    matrix = np.eye(4)
    matrix[:3, :3] = about_z @ about_y @ about_x @ np.diag(np.broadcast_to(scale, 3))
    matrix[:3, 3] = place_m
    return tuple(map(tuple, matrix))


@dataclass(frozen=True)
class PosedRig:
    """heads_world_m [T, B, 3]; turns [T, B, 3, 3]: armature axes from the posed bone's own."""

    rig: RigSpec
    heads_world_m: np.ndarray
    turns: np.ndarray

    def head(self, role: str) -> np.ndarray:
        bone = self.rig.bone(role)
        assert bone is not None, role
        return self.heads_world_m[:, bone]

    def middle(self, part: str) -> np.ndarray:
        return (self.head(f"left_{part}") + self.head(f"right_{part}")) / 2

    def wrist(self, side: str) -> np.ndarray:
        """The hand's head, or the forearm's tail carried along where there is no hand."""
        if self.rig.bone(f"{side}_hand") is not None:
            return self.head(f"{side}_hand")
        bone = self.rig.bone(f"{side}_forearm")
        assert bone is not None
        reach = self.rig.rest_rotations[bone].T @ (self.rig.rest_tails[bone] - self.rig.rest_heads[bone])
        return self.head(f"{side}_forearm") + self.turns[:, bone] @ reach @ self.rig.world_from_armature[:3, :3].T

    def turn(self, bone: str) -> np.ndarray:
        """How far the bone is turned from rest, armature axes: [T, 3, 3]."""
        i = self.rig.index[bone]
        return self.turns[:, i] @ self.rig.rest_rotations[i].T

    def limbs(self) -> dict[str, np.ndarray]:
        """World directions of the eight limb segments and the trunk, [T, 3] each."""
        ends = {}
        for side in SIDES:
            ends[f"{side}_upper_arm"] = (self.head(f"{side}_upper_arm"), self.head(f"{side}_forearm"))
            ends[f"{side}_forearm"] = (self.head(f"{side}_forearm"), self.wrist(side))
            ends[f"{side}_thigh"] = (self.head(f"{side}_thigh"), self.head(f"{side}_shin"))
            ends[f"{side}_shin"] = (self.head(f"{side}_shin"), self.head(f"{side}_foot"))
        ends["trunk"] = (self.middle("thigh"), self.middle("upper_arm"))
        return {name: _unit(end - start) for name, (start, end) in ends.items()}


def posed(rig: RigSpec, motion: RigMotion) -> PosedRig:
    """What Blender makes of the keyed rotations and the root's keyed location."""
    frames = len(motion.timestamps_s)
    pose = np.empty((frames, len(rig.bone_names), 4, 4))
    rest = np.tile(np.eye(4), (len(rig.bone_names), 1, 1))
    rest[:, :3, :3], rest[:, :3, 3] = rig.rest_rotations, rig.rest_heads
    for i, name in enumerate(rig.bone_names):
        rotation = np.tile(np.eye(3), (frames, 1, 1))
        if name in motion.bone_names:
            rotation = _matrix(motion.rotations_wxyz[:, motion.bone_names.index(name)])
        elif name in motion.held:
            rotation = np.tile(_matrix(motion.held[name]), (frames, 1, 1))
        location = motion.root_basis_location if name == motion.root_bone else np.zeros((frames, 3))
        parent = rig.parents[i]
        parent_pose = pose[:, parent] if parent >= 0 else np.tile(np.eye(4), (frames, 1, 1))
        parent_rest = rest[parent] if parent >= 0 else np.eye(4)
        placed = parent_pose @ np.linalg.inv(parent_rest) @ rest[i]
        # A hinge bone is carried along but not turned.
        turned = placed[:, :3, :3] if rig.inherits_rotation[i] else np.tile(rest[i, :3, :3], (frames, 1, 1))
        # "Local location" off: along the parent's axes, or the armature's where there is no parent.
        location_axes = placed[:, :3, :3] if rig.local_location[i] else parent_pose[:, :3, :3]
        pose[:, i] = np.eye(4)
        pose[:, i, :3, :3] = turned @ rotation
        pose[:, i, :3, 3] = placed[:, :3, 3] + np.einsum("tij,tj->ti", location_axes, location)
    world = rig.world_from_armature
    heads = pose[..., :3, 3] @ world[:3, :3].T + world[:3, 3]
    return PosedRig(rig, heads, pose[..., :3, :3])


def mirrored(rig: RigSpec) -> RigSpec:
    """The armature in a mirror: left bones where the right ones were, named for the side that they are on now."""
    names = tuple(other_side(name) for name in rig.bone_names)
    bones = {other_side(role): tuple(other_side(b) for b in bones) for role, bones in rig.mapping.bones.items()}
    return replace(
        rig,
        bone_names=names,
        rest_heads=rig.rest_heads @ MIRROR,
        rest_tails=rig.rest_tails @ MIRROR,
        rest_rotations=MIRROR @ rig.rest_rotations @ MIRROR,
        mapping=replace(rig.mapping, bones=bones),
    )


def other_side(name: str) -> str:
    return name.replace("left", "right") if "left" in name else name.replace("right", "left")


def angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Between directions, [..., 3] each, exact for small angles."""
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(_unit(a) - _unit(b), axis=-1) / 2, 0, 1)))


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def _matrix(wxyz: np.ndarray) -> np.ndarray:
    """Quaternions -> matrices by q v q*, the way of the textbook."""
    w, v = wxyz[..., :1], wxyz[..., 1:]
    columns = []
    for axis in np.eye(3):
        t = 2 * np.cross(v, np.broadcast_to(axis, v.shape))
        columns.append(axis + w * t + np.cross(v, t))
    return np.stack(columns, axis=-1)
