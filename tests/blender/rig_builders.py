"""Armatures made for the tests, inside Blender: a body with Mixamo's bone names, in every way that rigs differ."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import radians
from pathlib import Path

import addon_utils
import bpy
import numpy as np
from mathutils import Euler, Matrix, Vector

# Bone -> parent, head. Metres, T-pose, facing -Y, left at +X.
_BODY: dict[str, tuple[str, tuple[float, float, float]]] = {
    "Hips": ("", (0, 0, 0.95)),
    "Spine": ("Hips", (0, 0.01, 1.05)),
    "Spine1": ("Spine", (0, 0.02, 1.17)),
    "Spine2": ("Spine1", (0, 0.02, 1.29)),
    "Neck": ("Spine2", (0, 0.03, 1.48)),
    "Head": ("Neck", (0, 0.01, 1.58)),
    "LeftShoulder": ("Spine2", (0.03, 0.02, 1.43)),
    "LeftArm": ("LeftShoulder", (0.18, 0.03, 1.43)),
    "LeftForeArm": ("LeftArm", (0.46, 0.03, 1.43)),
    "LeftHand": ("LeftForeArm", (0.71, 0.03, 1.43)),
    "LeftUpLeg": ("Hips", (0.09, 0, 0.92)),
    "LeftLeg": ("LeftUpLeg", (0.09, -0.005, 0.50)),
    "LeftFoot": ("LeftLeg", (0.09, 0.02, 0.09)),
    "LeftToeBase": ("LeftFoot", (0.09, -0.12, 0.02)),
}
_TIPS = {"Head": (0, 0, 0.2), "Hand": (0.15, 0, 0), "ToeBase": (0, -0.06, 0)}


@dataclass(frozen=True)
class Build:
    """How an armature differs from the plain one.

    arms_down_deg: A-pose; legs_apart_deg; elbows_bent_deg: forearms turned to the front; seed: random bone rolls, and with
    `tails_anywhere` random bone axes; lengths: bone -> factor on its offset from its parent; placed: the object's matrix;
    built_in: axes and units of the bones themselves, taken back by the object; parented: the object hangs on a turned and scaled
    empty; modes: rotation modes, in turn; under_root: the hips hang on a root bone that is posed; loose: hips with location in
    their parent's axes and thighs that do not inherit rotation; hips_connected: to that root bone, so that Blender passes over
    their location; asymmetric: the right arm hangs and is bent, the right leg stands
    aside; free: bones that do not inherit rotation; connected: bones begin where their parents end, where those do end there, and
    inherit no scale; fingers: five on each hand, of three bones.
    """

    arms_down_deg: float = 0.0
    legs_apart_deg: float = 0.0
    elbows_bent_deg: float = 0.0
    seed: int | None = None
    tails_anywhere: bool = False
    lengths: dict[str, float] = field(default_factory=dict)
    placed: Matrix = field(default_factory=lambda: Matrix.Identity(4))
    built_in: Matrix = field(default_factory=lambda: Matrix.Identity(4))
    parented: bool = False
    modes: tuple[str, ...] = ("QUATERNION",)
    under_root: bool = False
    loose: bool = False
    hips_connected: bool = False
    asymmetric: bool = False
    free: tuple[str, ...] = ()
    connected: bool = False
    fingers: bool = False


def _turned(x: float = 0, y: float = 0, z: float = 0, scale: float = 1) -> Matrix:
    return Euler((radians(x), radians(y), radians(z))).to_matrix().to_4x4() @ Matrix.Scale(scale, 4)


_Y_UP_CENTIMETRES = _turned(x=-90, scale=100)
_CHILD = {
    "Hips": 0.75,
    "LeftUpLeg": 1.1,
    "LeftLeg": 0.6,
    "LeftFoot": 0.6,
    "LeftArm": 1.3,
    "LeftForeArm": 1.5,
    "LeftHand": 1.4,
    "Neck": 0.4,
}
EULER_MODES = ("XYZ", "ZXY", "YXZ", "XZY", "YZX", "ZYX")

BUILDS: dict[str, Build] = {
    "plain": Build(),
    "random_rolls": Build(seed=1),
    "random_axes": Build(seed=2, tails_anywhere=True),
    "a_pose": Build(arms_down_deg=45, legs_apart_deg=8, elbows_bent_deg=15, seed=3),
    "long_arms_short_legs": Build(lengths=_CHILD, arms_down_deg=20),
    "wide": Build(lengths={"LeftUpLeg": 2.2, "LeftArm": 0.5, "LeftShoulder": 3.0, "Spine2": 0.3}),
    "turned_object": Build(placed=_turned(z=70) @ Matrix.Translation((1, 2, 0.5)), seed=4),
    "tilted_object": Build(placed=_turned(x=20, y=-15, z=100), seed=5),
    "centimetres_y_up": Build(built_in=_Y_UP_CENTIMETRES, seed=6),
    "uneven_scale": Build(placed=Matrix.Diagonal((1.2, 0.8, 1.5, 1))),
    "mirrored": Build(placed=_turned(z=40) @ Matrix.Diagonal((-1, 1, 1, 1)), arms_down_deg=30, seed=7),
    "parented": Build(parented=True, seed=8),
    "euler": Build(modes=EULER_MODES, seed=9, arms_down_deg=45),
    "axis_angle": Build(modes=("AXIS_ANGLE",), seed=10),
    "posed_root": Build(under_root=True, seed=11),
    "loose": Build(under_root=True, loose=True, seed=12),
    "connected_hips": Build(under_root=True, hips_connected=True, arms_down_deg=40, elbows_bent_deg=10, seed=17),
    "asymmetric": Build(asymmetric=True, arms_down_deg=10, seed=13),
    "free_limbs": Build(free=("LeftArm", "RightForeArm", "LeftHand", "Spine1", "Head", "RightLeg", "LeftFoot"), seed=14),
    "fingers": Build(fingers=True, seed=16),
    "connected": Build(
        connected=True, seed=15, free=("LeftForeArm", "Neck"), placed=_turned(scale=0.01), built_in=_turned(scale=100)
    ),
}
# Level heading of the character at rest, degrees about the world's up axis from facing -Y.
HEADINGS_DEG = {"turned_object": 70.0, "parented": 30.0, "mirrored": 40.0}


def build(name: str) -> bpy.types.Object:
    """The armature of that name in the present scene, linked and visible."""
    how = BUILDS[name]
    bones = _placed_bones(how)
    armature = bpy.data.armatures.new(name)
    made = bpy.data.objects.new(name, armature)
    bpy.context.scene.collection.objects.link(made)
    random = np.random.default_rng(how.seed)
    with _edited(made):
        for bone, (parent, head, tail) in bones.items():
            edit = armature.edit_bones.new(bone)
            edit.head, edit.tail = how.built_in @ head, how.built_in @ tail
            if how.tails_anywhere:
                edit.tail = edit.head + Vector(random.normal(size=3)).normalized() * edit.length
            if how.seed is not None:
                edit.roll = random.uniform(-np.pi, np.pi)
            edit.parent = armature.edit_bones.get(parent)
            edit.use_inherit_rotation = bone not in how.free
            if how.connected:
                edit.inherit_scale = "NONE"
                edit.use_connect = edit.parent is not None and (edit.parent.tail - edit.head).length < 1e-4
            if how.hips_connected:
                edit.use_connect = bone == "Hips"
            if how.loose:
                edit.use_local_location = bone != "Hips"
                edit.use_inherit_rotation = not bone.endswith("UpLeg")
    made.matrix_world = how.placed @ how.built_in.inverted()
    for i, bone in enumerate(made.pose.bones):
        bone.rotation_mode = how.modes[i % len(how.modes)]
    if how.under_root:
        made.pose.bones["Root"].rotation_quaternion = Euler((0.3, -0.4, 0.8)).to_quaternion()
        made.pose.bones["Root"].location = (0.1, 0.2, 0.3)
    if how.parented:
        empty = bpy.data.objects.new("Carrier", None)
        bpy.context.scene.collection.objects.link(empty)
        empty.matrix_world = Matrix.Translation((1, 2, 0)) @ _turned(z=30, scale=2)
        made.parent = empty
    bpy.context.view_layer.update()
    return made


def _placed_bones(how: Build) -> dict[str, tuple[str, Vector, Vector]]:
    """Bone -> parent, head, tail in world axes."""
    root = {"Root": ("", (0.0, 0.0, 0.0))} if how.under_root else {}
    body = {**root, **_BODY}
    for i, finger in enumerate(("Thumb", "Index", "Middle", "Ring", "Pinky") if how.fingers else ()):
        for joint in range(3):
            above = f"LeftHand{finger}{joint}" if joint else "LeftHand"
            body[f"LeftHand{finger}{joint + 1}"] = (above, (0.75 + 0.04 * (i > 0) + 0.03 * joint, 0.02 * (i - 2), 1.43))
    for bone, (parent, (x, y, z)) in list(body.items()):
        if bone.startswith("Left"):
            body[bone.replace("Left", "Right")] = (parent.replace("Left", "Right"), (-x, y, z))
    heads: dict[str, Vector] = {}
    for bone, (parent, place) in body.items():
        if not parent:
            heads[bone] = Vector(place)
            continue
        offset = Vector(place) - Vector(body[parent][1])
        offset *= how.lengths.get(bone.replace("Right", "Left"), 1.0)
        side = -1 if bone.startswith("Right") else 1
        odd = how.asymmetric and bone.startswith("Right")
        if parent.endswith(("Arm", "ForeArm")):
            if parent.endswith("ForeArm"):
                offset = _turned(z=-side * (how.elbows_bent_deg + 40 * odd)) @ offset
            offset = _turned(y=side * (how.arms_down_deg + 55 * odd)) @ offset
        elif parent.endswith(("UpLeg", "Leg")):
            offset = _turned(y=-side * (how.legs_apart_deg + 15 * odd)) @ offset
        heads[bone] = heads[parent] + offset
    parents = {bone: parent or ("Root" if how.under_root and bone == "Hips" else "") for bone, (parent, _) in body.items()}
    out = {}
    for bone, head in heads.items():
        children = [child for child, parent in parents.items() if parent == bone]
        side = -1 if bone.startswith("Right") else 1
        tip = next((Vector((side * x, y, z)) for end, (x, y, z) in _TIPS.items() if bone.endswith(end)), Vector((0, 0, 0.1)))
        onward = heads[children[0]] if len(children) == 1 and (bone != "Root" or how.hips_connected) else head + tip
        out[bone] = (parents[bone], head, onward)
    return out


def from_description(path: Path) -> bpy.types.Object:
    """An armature from one of MakeHuman's JSON skeletons (bones with head, tail, roll and parent)."""
    data = json.loads(path.read_text(encoding="utf-8"))
    bones = data.get("bones", data)
    armature = bpy.data.armatures.new(path.stem)
    made = bpy.data.objects.new(path.stem, armature)
    bpy.context.scene.collection.objects.link(made)
    with _edited(made):
        for name, bone in bones.items():
            edit = armature.edit_bones.new(name)
            edit.head, edit.tail = bone["head"]["default_position"], bone["tail"]["default_position"]
            edit.roll = bone["roll"]
        for name, bone in bones.items():
            edit = armature.edit_bones[name]
            edit.parent = armature.edit_bones.get(bone["parent"])
            edit.use_connect = bool(bone.get("use_connect"))
            edit.use_inherit_rotation = bone.get("use_inherit_rotation", True)
            edit.use_local_location = bone.get("use_local_location", True)
    bpy.context.view_layer.update()
    return made


def metarig() -> bpy.types.Object:
    addon_utils.enable("rigify", default_set=True)
    bpy.ops.object.armature_human_metarig_add()
    return bpy.context.object


@contextlib.contextmanager
def _edited(made: bpy.types.Object) -> Iterator[None]:
    """Edit mode on one object, and out of it again."""
    bpy.context.view_layer.objects.active = made
    bpy.ops.object.mode_set(mode="EDIT")
    yield
    bpy.ops.object.mode_set(mode="OBJECT")


def named(name: str) -> Callable[[], bpy.types.Object]:
    """How to make a rig in an empty scene: a name of BUILDS, "metarig", or the path of a skeleton's JSON."""
    if name == "metarig":
        return metarig
    if name.endswith(".json"):
        return lambda: from_description(Path(name))
    return lambda: build(name)


# Role of a limb's end -> its upper and lower bone and its end, in the body above; and where the pole target is at rest.
_LIMBS = {"hand": ("Arm", "ForeArm", "Hand", (0, 0.6, 0)), "foot": ("UpLeg", "Leg", "Foot", (0, -0.6, 0))}


def with_ik_constraints(name: str, *, pole_off_deg: float = 0.0, parent: str = "", hung: bool = False) -> bpy.types.Object:
    """The armature with Blender's own IK on its forearms and shins, for control bones and pole targets.

    pole_off_deg: how far the pole angle is from the one at which the rest pose stays as it is; parent: bone that carries them;
    hung: hands and feet hang on their controls.
    """
    made = build(name)
    inverse = made.matrix_world.inverted()
    with _edited(made):
        edit = made.data.edit_bones
        for side in ("Left", "Right"):
            for end, (upper, lower, last, pole) in _LIMBS.items():
                # A chain reaches for its goal with a tail.
                for bone, onwards in ((upper, lower), (lower, last)):
                    roll_axis = edit[f"{side}{bone}"].z_axis.copy()
                    edit[f"{side}{bone}"].tail = edit[f"{side}{onwards}"].head
                    edit[f"{side}{bone}"].align_roll(roll_axis)
                joint = edit[f"{side}{lower}"].head
                for control, head in (
                    (f"{side}.{end}.ik", edit[f"{side}{last}"].head),
                    (f"{side}.{end}.pole", joint + inverse.to_3x3() @ Vector(pole)),
                ):
                    bone = edit.new(control)
                    bone.head = head
                    bone.tail = head + inverse.to_3x3() @ Vector((0.05, 0.1, 0.02))
                    bone.parent = edit.get(parent)
                    bone.use_deform = False
                if hung:
                    edit[f"{side}{last}"].parent = edit[f"{side}.{end}.ik"]
    for side in ("Left", "Right"):
        for end, (upper, lower, _, _) in _LIMBS.items():
            constraint = made.pose.bones[f"{side}{lower}"].constraints.new("IK")
            constraint.target = constraint.pole_target = made
            constraint.subtarget, constraint.pole_subtarget = f"{side}.{end}.ik", f"{side}.{end}.pole"
            constraint.chain_count = 2
            bones = made.data.bones
            root, tip = bones[f"{side}{upper}"], bones[f"{side}{lower}"]
            along = (tip.tail_local - root.head_local).normalized()
            wanted = bones[f"{side}.{end}.pole"].head_local - root.head_local
            wanted = (wanted - wanted.dot(along) * along).normalized()
            x, z = root.matrix_local.col[0].xyz, root.matrix_local.col[2].xyz
            constraint.pole_angle = np.arctan2(wanted.dot(z), wanted.dot(x)) + radians(pole_off_deg)
    bpy.context.view_layer.update()
    return made


def add_pivots(armature_object: bpy.types.Object, carried: dict[str, str]) -> None:
    """Controls, each of which a helper bone follows that is put between a bone and its parent."""
    with _edited(armature_object):
        edit = armature_object.data.edit_bones
        for control, name in carried.items():
            bone = edit[name]
            for one in (edit.new(control), edit.new(f"{control} helper")):
                one.head, one.tail, one.roll, one.parent = bone.head, bone.tail, bone.roll, bone.parent
            bone.use_connect, bone.parent = False, edit[f"{control} helper"]
    for control in carried:
        constraint = armature_object.pose.bones[f"{control} helper"].constraints.new("COPY_TRANSFORMS")
        constraint.target, constraint.subtarget = armature_object, control


def with_ik_switch() -> bpy.types.Object:
    """A control rig in the manner of Auto-Rig Pro, with its names: FK controls, IK chains of their own, and bones that follow the
    one or the other as a property of the IK control says."""
    armature = bpy.data.armatures.new("control_rig")
    made = bpy.data.objects.new("control_rig", armature)
    bpy.context.scene.collection.objects.link(made)
    heads = {
        bone: (parent, head, tail)
        for bone, (parent, head, tail) in _placed_bones(Build(arms_down_deg=35, elbows_bent_deg=10)).items()
    }
    trunk = {
        "Hips": "c_root_master.x",
        "Spine": "c_spine_01.x",
        "Spine1": "c_spine_02.x",
        "Spine2": "c_spine_03.x",
        "Neck": "c_neck.x",
        "Head": "c_head.x",
    }
    fk = {"Shoulder": "c_shoulder", "Arm": "c_arm_fk", "ForeArm": "c_forearm_fk", "Hand": "c_hand_fk"}
    fk |= {"UpLeg": "c_thigh_fk", "Leg": "c_leg_fk", "Foot": "c_foot_fk", "ToeBase": "c_toes_fk"}
    chains = {"hand": ("arm", "forearm", "hand", "c_arms_pole"), "foot": ("thigh", "leg", "foot", "c_leg_pole")}

    def named(bone: str) -> str:
        side = "l" if bone.startswith("Left") else "r"
        return trunk.get(bone) or f"{fk[bone.removeprefix('Left').removeprefix('Right')]}.{side}"

    with _edited(made):
        edit = armature.edit_bones
        for bone, (parent, head, tail) in heads.items():
            one = edit.new(named(bone))
            one.head, one.tail = head, tail
            one.parent = edit.get(named(parent)) if parent else None
            one.use_deform = False
        for side, letter in (("Left", "l"), ("Right", "r")):
            for end, (upper, lower, last, pole) in _LIMBS.items():
                ik_upper, ik_lower, deform_end, pole_name = (f"{word}" for word in chains[end])
                first, second, third = (edit[named(f"{side}{bone}")] for bone in (upper, lower, last))
                # The knee and elbow of the chain are bent a little, and its lower bone is a hinge.
                above = first.parent
                a = edit.new(f"{ik_upper}_ik.{letter}")
                a.head, a.tail, a.parent = first.head, second.head, above
                b = edit.new(f"{ik_lower}_ik.{letter}")
                b.head, b.tail, b.parent = second.head, third.head, a
                normal = (second.head - first.head).cross(third.head - second.head)
                if normal.length < 1e-4:
                    normal = Vector(pole).cross(second.head - first.head)
                for one in (a, b):
                    one.align_roll(normal.cross(one.tail - one.head))
                control = edit.new(f"c_{deform_end}_ik.{letter}")
                control.head, control.tail = third.head, third.head + Vector((0, -0.1, 0.03))
                target = edit.new(pole_name + f".{letter}")
                target.head = second.head + Vector(pole)
                target.tail = target.head + Vector((0, 0, 0.05))
                for word, like in ((ik_upper, a), (ik_lower, b), (deform_end, third)):
                    one = edit.new(f"{word}.{letter}")
                    one.head, one.tail, one.roll = like.head, like.tail, like.roll
    for letter in ("l", "r"):
        for upper, lower, last, pole in chains.values():
            control = made.pose.bones[f"c_{last}_ik.{letter}"]
            control["ik_fk_switch"] = 1.0
            chain = made.pose.bones[f"{lower}_ik.{letter}"]
            chain.lock_ik_y = chain.lock_ik_z = True
            constraint = chain.constraints.new("IK")
            constraint.target = constraint.pole_target = made
            constraint.subtarget, constraint.pole_subtarget = control.name, f"{pole}.{letter}"
            constraint.chain_count = 2
            bones = made.data.bones
            root = bones[f"{upper}_ik.{letter}"]
            wanted = bones[constraint.pole_subtarget].head_local - root.head_local
            x, z = root.matrix_local.col[0].xyz, root.matrix_local.col[2].xyz
            constraint.pole_angle = np.arctan2(wanted.dot(z), wanted.dot(x))
            sources = {
                upper: (f"c_{upper}_fk.{letter}", f"{upper}_ik.{letter}"),
                lower: (f"c_{lower}_fk.{letter}", f"{lower}_ik.{letter}"),
                last: (f"c_{last}_fk.{letter}", control.name),
            }
            for word, (by_fk, by_ik) in sources.items():
                for source, expression in ((by_fk, "switch"), (by_ik, "1 - switch")):
                    copy = made.pose.bones[f"{word}.{letter}"].constraints.new("ARMATURE")
                    entry = copy.targets.new()
                    entry.target, entry.subtarget = made, source
                    driver = copy.driver_add("influence").driver
                    driver.expression = expression
                    variable = driver.variables.new()
                    variable.name = "switch"
                    variable.targets[0].id = made
                    variable.targets[0].data_path = f'pose.bones["{control.name}"]["ik_fk_switch"]'
    bpy.context.view_layer.update()
    return made
