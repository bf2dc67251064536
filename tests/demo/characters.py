"""Two characters that could hardly differ more: Rigify's generated human, and a long-armed imp with Mixamo's bone names.

Both are dressed in capsules along their bones, skinned, so that what is seen is what the bones do.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import bmesh
import bpy
from mathutils import Matrix, Vector

from blender_pose3d.bridge.files import RigFile, open_rig

Colour = tuple[float, float, float, float]


@dataclass(frozen=True)
class Limb:
    """A capsule along a bone: its radius in metres, its colour, and how far along the bone it goes (1: to the tail)."""

    radius_m: float
    colour: str
    reach: float = 1.0


_SIDED_HUMAN = {
    "DEF-shoulder": Limb(0.045, "shirt"),
    "DEF-upper_arm": Limb(0.052, "shirt"),
    "DEF-upper_arm.001": Limb(0.048, "skin"),
    "DEF-forearm": Limb(0.044, "skin"),
    "DEF-forearm.001": Limb(0.038, "skin"),
    "DEF-hand": Limb(0.042, "skin", 1.6),
    "DEF-thigh": Limb(0.082, "trousers"),
    "DEF-thigh.001": Limb(0.072, "trousers"),
    "DEF-shin": Limb(0.060, "trousers"),
    "DEF-shin.001": Limb(0.050, "trousers"),
    "DEF-foot": Limb(0.048, "shoes"),
    "DEF-toe": Limb(0.040, "shoes"),
}
_MIDDLE_HUMAN = {
    "DEF-spine": Limb(0.130, "trousers"),
    "DEF-spine.001": Limb(0.125, "shirt"),
    "DEF-spine.002": Limb(0.135, "shirt"),
    "DEF-spine.003": Limb(0.120, "shirt"),
    "DEF-spine.004": Limb(0.052, "skin"),
    "DEF-spine.005": Limb(0.052, "skin"),
    "DEF-spine.006": Limb(0.105, "skin", 0.45),
}
_HUMAN_COLOURS: Mapping[str, Colour] = {
    "skin": (0.55, 0.30, 0.20, 1),
    "shirt": (0.05, 0.22, 0.50, 1),
    "trousers": (0.06, 0.07, 0.10, 1),
    "shoes": (0.60, 0.55, 0.50, 1),
}
_IMP_COLOURS: Mapping[str, Colour] = {
    "skin": (0.12, 0.42, 0.16, 1),
    "shirt": (0.60, 0.16, 0.05, 1),
    "trousers": (0.16, 0.10, 0.22, 1),
    "shoes": (0.70, 0.60, 0.10, 1),
}
_FACES = ("DEF-spine.006", "Head")
# head and tail of the left side and the middle, metres; the right side is mirrored. The arms hang at 45 degrees.
_IMP_BONES: tuple[tuple[str, str, tuple[float, float, float], tuple[float, float, float], Limb], ...] = (
    ("Hips", "", (0, 0, 0.56), (0, 0, 0.66), Limb(0.14, "trousers")),
    ("Spine", "Hips", (0, 0, 0.66), (0, 0.01, 0.76), Limb(0.15, "shirt")),
    ("Spine1", "Spine", (0, 0.01, 0.76), (0, 0.01, 0.86), Limb(0.14, "shirt")),
    ("Spine2", "Spine1", (0, 0.01, 0.86), (0, 0, 0.98), Limb(0.13, "shirt")),
    ("Neck", "Spine2", (0, 0, 0.98), (0, -0.01, 1.04), Limb(0.05, "skin")),
    ("Head", "Neck", (0, -0.01, 1.04), (0, -0.02, 1.30), Limb(0.17, "skin", 0.5)),
    ("LeftShoulder", "Spine2", (0.03, 0, 0.95), (0.15, 0, 0.95), Limb(0.05, "shirt")),
    ("LeftArm", "LeftShoulder", (0.15, 0, 0.95), (0.37, 0.01, 0.73), Limb(0.045, "skin")),
    ("LeftForeArm", "LeftArm", (0.37, 0.01, 0.73), (0.60, -0.01, 0.50), Limb(0.04, "skin")),
    ("LeftHand", "LeftForeArm", (0.60, -0.01, 0.50), (0.70, -0.02, 0.40), Limb(0.05, "skin")),
    ("LeftUpLeg", "Hips", (0.10, 0, 0.54), (0.11, -0.01, 0.31), Limb(0.08, "trousers")),
    ("LeftLeg", "LeftUpLeg", (0.11, -0.01, 0.31), (0.11, 0.01, 0.08), Limb(0.06, "trousers")),
    ("LeftFoot", "LeftLeg", (0.11, 0.01, 0.08), (0.11, -0.13, 0.03), Limb(0.05, "shoes")),
    ("LeftToeBase", "LeftFoot", (0.11, -0.13, 0.03), (0.11, -0.20, 0.03), Limb(0.045, "shoes")),
)


def human() -> bpy.types.Object:
    """Opens an empty scene with Rigify's human in it; returns the rig."""
    rig = open_rig(RigFile(None))
    rig.name = "Human"
    limbs = dict(_MIDDLE_HUMAN)
    for name, limb in _SIDED_HUMAN.items():
        base, _, number = name.partition(".")
        for side in ("L", "R"):
            limbs[f"{base}.{side}.{number}" if number else f"{base}.{side}"] = limb
    _dress(rig, limbs, _HUMAN_COLOURS)
    return rig


def imp() -> bpy.types.Object:
    """Adds the imp to the open scene; returns its armature. Bone rolls are as odd as they come out of other programs."""
    armature = bpy.data.armatures.new("Imp")
    rig = bpy.data.objects.new("Imp", armature)
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    limbs = {}
    for side in ("Left", "Right"):
        for i, (name, parent, head, tail, limb) in enumerate(_IMP_BONES):
            own = name.replace("Left", side)
            if own in armature.edit_bones:
                continue
            mirror = Vector((-1 if side == "Right" else 1, 1, 1))
            bone = armature.edit_bones.new(own)
            bone.head, bone.tail = Vector(head) * mirror, Vector(tail) * mirror
            bone.roll = math.radians(37 * i % 360 - 180)
            bone.parent = armature.edit_bones[parent.replace("Left", side)] if parent else None
            limbs[own] = limb
    bpy.ops.object.mode_set(mode="OBJECT")
    _dress(rig, limbs, _IMP_COLOURS)
    return rig


def _dress(rig: bpy.types.Object, limbs: Mapping[str, Limb], colours: Mapping[str, Colour]) -> None:
    """One skinned mesh of capsules, a vertex group a bone."""
    mesh = bpy.data.meshes.new(f"{rig.name} body")
    body = bpy.data.objects.new(mesh.name, mesh)
    slots = list(colours)
    for name in slots:
        mesh.materials.append(_material(f"{rig.name} {name}", colours[name]))
    shape = bmesh.new()
    weights = shape.verts.layers.deform.new()
    for name, limb in limbs.items():
        bone = rig.data.bones[name]
        group = body.vertex_groups.new(name=name)
        along = (bone.tail_local - bone.head_local) * limb.reach
        turn = Vector((0, 0, 1)).rotation_difference(along).to_matrix().to_4x4()
        made = bmesh.ops.create_uvsphere(shape, u_segments=16, v_segments=10, radius=limb.radius_m)["verts"]
        for vertex in made:
            if vertex.co.z > 1e-6:
                vertex.co.z += along.length
            vertex[weights][group.index] = 1.0
        bmesh.ops.transform(shape, matrix=Matrix.Translation(bone.head_local) @ turn, verts=made)
        if name in _FACES:  # a nose and two eyes, so that one sees where it looks
            middle = bone.head_local + along * 0.6
            for place, size in (((0, -1, 0), 0.22), ((0.35, -0.85, 0.3), 0.13), ((-0.35, -0.85, 0.3), 0.13)):
                dot = bmesh.ops.create_uvsphere(shape, u_segments=8, v_segments=6, radius=limb.radius_m * size)["verts"]
                bmesh.ops.translate(shape, vec=middle + Vector(place) * limb.radius_m, verts=dot)
                for vertex in dot:
                    vertex[weights][group.index] = 1.0
                    for face in vertex.link_faces:
                        face.material_index = slots.index("shoes")
        for face in {face for vertex in made for face in vertex.link_faces}:
            face.material_index = slots.index(limb.colour)
            face.smooth = True
    shape.to_mesh(mesh)
    shape.free()
    bpy.context.scene.collection.objects.link(body)
    body.parent = rig
    modifier = body.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig


def _material(name: str, colour: Colour) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = colour
    shader.inputs["Roughness"].default_value = 0.7
    return material
