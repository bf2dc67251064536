"""The characters: loaded (or built), clothed in random colours, given other proportions, and driven by motion capture."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, fields, replace
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from blender_pose3d.bridge.files import RigFile, open_rig
from blender_pose3d.bridge.keyframes import key_motion
from blender_pose3d.bridge.rig_reader import choose_mapping, read_rig
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.preset import SIDES
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.solve import SolveOptions, solve
from tests.clipmaker import mannequin, skeleton

from .scenery import paint
from .stage import HAIRS, HEIGHT_M, JOINT_ROLES, SKINS, Colour, track_of

MANNEQUIN = "mannequin"
# Below the folder of rigs. The stylised ones are found by the detector less often.
FILES: dict[str, str] = {
    "human-male": "mesh2motion_cc0/human-male.glb",
    "human-female": "mesh2motion_cc0/human-female.glb",
    "human-zombie": "mesh2motion_cc0/human-zombie.glb",
    "human-kenney": "mesh2motion_cc0/human-kenney.glb",
    "mannequiny": "mannequiny_ccby/mannequiny-0.3.0.glb",
    "Female_Adult_05": "rocketbox_mit/Female_Adult_05.fbx",
    "Male_Adult_04": "rocketbox_mit/Male_Adult_04.fbx",
}
_RESOURCES = Path(__file__).resolve().parents[2]
_LIMBS = ("upper_arm", "forearm", "thigh", "shin")
# The mannequin's segments under Mixamo's names, with the parent and the segment at whose start the bone ends.
_MIXAMO: dict[str, tuple[str, str, str]] = {
    "pelvis": ("Hips", "", ""),
    "abdomen": ("Spine", "pelvis", "chest"),
    "chest": ("Spine1", "abdomen", "neck"),
    "neck": ("Neck", "chest", "head"),
    "head": ("Head", "neck", ""),
    **{
        f"{side}_{part}": (f"{side.title()}{bone}", parent.format(side), end.format(side))
        for side in skeleton.SIDES
        for part, bone, parent, end in (
            ("upper_arm", "Arm", "chest", "{}_forearm"),
            ("forearm", "ForeArm", "{}_upper_arm", "{}_hand"),
            ("hand", "Hand", "{}_forearm", ""),
            ("thigh", "UpLeg", "pelvis", "{}_shin"),
            ("shin", "Leg", "{}_thigh", "{}_foot"),
            ("foot", "Foot", "{}_shin", "{}_toes"),
            ("toes", "ToeBase", "{}_foot", ""),
        )
    },
}


@dataclass(frozen=True)
class Person:
    """head_points [2, 3]: nose and top of the head at rest, in the armature's axes; they move with the head's bone."""

    rig: bpy.types.Object
    spec: RigSpec
    meshes: tuple[bpy.types.Object, ...]
    head_points: np.ndarray


def load(character: str, rigs: Path, rng: np.random.Generator) -> Person:
    """Opens an empty scene with the character in it, clothed and HEIGHT_M tall, at rest. Raises Pose3DError."""
    if character == MANNEQUIN:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        rig, mesh = _mannequin(rng)
        meshes = (mesh,)
    else:
        rig = open_rig(RigFile(rigs / FILES[character]))
        rig.animation_data_clear()
        meshes = tuple(o for o in bpy.context.scene.objects if o.type == "MESH" and o.find_armature() == rig)
        for thing in list(bpy.context.scene.objects):
            if thing.type == "MESH" and thing not in meshes:
                bpy.data.objects.remove(thing)
    for bone in rig.pose.bones:
        bone.matrix_basis = Matrix()
    mapping = choose_mapping(rig, preset="auto", presets_folder=_RESOURCES / "rigs")
    rig.scale *= HEIGHT_M / _height(meshes)
    rig.location.z -= min(float(_vertices(mesh)[:, 2].min()) for mesh in meshes)  # its origin may be at the hips
    bpy.context.view_layer.update()
    spec = read_rig(rig, mapping)
    _clothe(meshes, spec, rng, keep_details=character == MANNEQUIN)
    return Person(rig, spec, meshes, _head_points(meshes, spec))


def drive(person: Person, joints_m: np.ndarray, fps: float, rng: np.random.Generator) -> None:
    """Keys the motion at the frames 1 to T, on limbs of random proportions; the character stays HEIGHT_M tall on its ground.

    joints_m: [T, 17, 3], world axes with y up.
    """
    frame_count = len(joints_m)
    track = track_of(joints_m, fps)
    before = {foot: _ground_of(person, foot) for foot in ("left_foot", "right_foot")}
    scales = _stretched(person, rng)
    _set_scales(person, scales)
    person.rig.scale *= HEIGHT_M / _height(person.meshes)
    _set_scales(person, dict.fromkeys(scales, (1.0, 1.0, 1.0)))  # key_motion would key them back
    bpy.context.view_layer.update()
    spec = read_rig(person.rig, person.spec.mapping)
    motion = solve(track, spec, SolveOptions(smoothing_s=0.0))
    key_motion(person.rig, motion, frames=1 + np.arange(frame_count), action_name="Motion", properties=spec.mapping.properties)
    _set_scales(person, scales)
    # The solve knows the legs of the rest pose; stand the stretched ones on the ground.
    lowest = min(
        _at_frame(person, frame)[list(JOINT_ROLES).index(f"{side}_ankle"), 2] - before[f"{side}_foot"]
        for frame in range(1, frame_count + 1)
        for side in SIDES
    )
    person.rig.location.z -= max(lowest, -0.5)


def truth(person: Person, frame_count: int) -> tuple[np.ndarray, np.ndarray]:
    """World metres: the joints [T, 12, 3] in the order of JOINT_ROLES, and nose and head top [T, 2, 3]."""
    joints, heads = [], []
    for frame in range(1, frame_count + 1):
        joints.append(_at_frame(person, frame))
        bone = _evaluated(person).pose.bones[_bone(person, "head")]
        moved = person.rig.matrix_world @ bone.matrix @ bone.bone.matrix_local.inverted()
        heads.append([list(moved @ Vector(point)) for point in person.head_points])
    return np.array(joints), np.array(heads)


def _bone(person: Person, role: str) -> str:
    index = person.spec.bone(role)
    if index is None:
        raise Pose3DError(f"The character has no bone for '{role}'.", hint="Use another character.")
    return person.spec.bone_names[index]


def _evaluated(person: Person) -> bpy.types.Object:
    return person.rig.evaluated_get(bpy.context.evaluated_depsgraph_get())


def _at_frame(person: Person, frame: int) -> np.ndarray:
    bpy.context.scene.frame_set(frame)
    rig = _evaluated(person)
    return np.array([list(rig.matrix_world @ rig.pose.bones[_bone(person, role)].head) for role in JOINT_ROLES.values()])


def _ground_of(person: Person, foot: str) -> float:
    """Height of the ankle above the ground at rest."""
    return float((person.rig.matrix_world @ person.rig.pose.bones[_bone(person, foot)].head).z)


def _height(meshes: tuple[bpy.types.Object, ...]) -> float:
    heights = np.concatenate([_vertices(mesh)[:, 2] for mesh in meshes])
    return float(np.ptp(heights))


def _vertices(mesh: bpy.types.Object) -> np.ndarray:
    """As posed, [V, 3], world."""
    bpy.context.view_layer.update()
    posed = mesh.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(3 * len(posed.data.vertices))
    posed.data.vertices.foreach_get("co", flat)
    world = np.array(posed.matrix_world)
    return flat.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


Scale = tuple[float, float, float]


def _set_scales(person: Person, scales: dict[str, Scale]) -> None:
    for name, scale in scales.items():
        person.rig.pose.bones[name].scale = scale


def _stretched(person: Person, rng: np.random.Generator) -> dict[str, Scale]:
    """Limbs longer or shorter and thicker or thinner, each pair by its own, as scales of bones."""
    scales: dict[str, Scale] = {}
    girth = rng.uniform(0.92, 1.12)
    for part in _LIMBS:
        length, thick = rng.uniform(0.90, 1.10), girth * rng.uniform(0.96, 1.04)
        after = {"upper_arm": "forearm", "forearm": "hand", "thigh": "shin", "shin": "foot"}[part]
        for side in SIDES:
            start, end = person.spec.bone(f"{side}_{part}"), person.spec.bone(f"{side}_{after}")
            assert start is not None and end is not None
            along = (person.spec.rest_heads[end] - person.spec.rest_heads[start]) @ person.spec.rest_rotations[start]
            axis = int(np.abs(along).argmax())
            x, y, z = (length if i == axis else thick for i in range(3))
            scales[person.spec.bone_names[start]] = (x, y, z)
            person.rig.data.bones[person.spec.bone_names[end]].inherit_scale = "NONE"
    size = rng.uniform(0.92, 1.10)
    return scales | {_bone(person, "head"): (size, size, size)}


# --------------------------------------------------------------------------------------------------------------- clothes


def _clothe(meshes: tuple[bpy.types.Object, ...], spec: RigSpec, rng: np.random.Generator, *, keep_details: bool) -> None:
    """Every face gets the paint of its part of the body. keep_details: eyes, hair and such have paint already and keep it."""
    between = rng.uniform(0, len(SKINS) - 1)
    low = min(int(between), len(SKINS) - 2)
    tone = np.array(SKINS[low]) * (1 - between + low) + np.array(SKINS[low + 1]) * (between - low)
    skin = paint("skin", tuple(tone * rng.uniform(0.92, 1.08, 3)), rng, plain=True)
    hair = paint("hair", HAIRS[rng.integers(len(HAIRS))], rng, plain=True)
    shirt, trousers, shoes = (paint(name, _cloth(rng), rng) for name in ("shirt", "trousers", "shoes"))
    if rng.random() < 0.15:
        trousers = shirt  # one piece
    if rng.random() < 0.08:
        skin = paint("mask", _cloth(rng), rng, plain=True)  # an artist's dummy
    sleeves, legs = rng.random(), rng.random()
    worn = {
        "head": skin,
        "neck": skin,
        "hand": skin,
        "hips": trousers,
        "spine": shirt,
        "chest": shirt,
        "clavicle": shirt,
        "upper_arm": skin if sleeves < 0.2 else shirt,
        "forearm": shirt if sleeves > 0.6 else skin,
        "thigh": skin if legs < 0.08 else trousers,
        "shin": skin if legs < 0.3 else trousers,
        "foot": shoes,
        "toe": shoes,
    }
    has_hair = rng.random() < 0.85
    paints = list(dict.fromkeys([*worn.values(), hair]))
    parts = _parts(spec)
    for mesh in meshes:
        data = mesh.data
        part_of_group = [parts.get(group.name, "spine") for group in mesh.vertex_groups]
        part_of_vertex = np.array(
            [
                part_of_group[max(vertex.groups, key=lambda g: g.weight).group] if len(vertex.groups) else "spine"
                for vertex in data.vertices
            ]
        )
        # A material that hair strands and lashes are cut from; without its texture it is all hair.
        strands = {i for i, slot in enumerate(data.materials) if slot is not None and "opacity" in slot.name}
        details = {i for i, slot in enumerate(data.materials) if keep_details and slot.name not in ("skin", "shirt", "trousers")}
        first = len(data.materials)
        for one in paints:
            data.materials.append(one)
        at = _vertices(mesh)
        head = at[part_of_vertex == "head"]
        low_z, high_z = (head[:, 2].min(), head[:, 2].max()) if len(head) else (0.0, 1.0)
        middle = np.median(head, axis=0) if len(head) else np.zeros(3)
        chosen = np.empty(len(data.polygons), np.int32)
        for polygon in data.polygons:
            if polygon.material_index in details:
                chosen[polygon.index] = polygon.material_index
                continue
            vertex = polygon.vertices[0]
            part = part_of_vertex[vertex]
            wanted = worn[part]
            if polygon.material_index in strands:
                wanted = hair
            elif part == "head" and has_hair and not keep_details:
                up = (at[vertex, 2] - low_z) / (high_z - low_z)
                behind = (at[vertex] - middle) @ -spec.front_world / (high_z - low_z)
                if up > 0.80 or (behind > 0.05 and up > 0.35):
                    wanted = hair
            chosen[polygon.index] = first + paints.index(wanted)
        data.polygons.foreach_set("material_index", chosen)
        data.update()


def _cloth(rng: np.random.Generator) -> Colour:
    """Any hue; often pale, dark or grey, as clothes are."""
    return colorsys.hsv_to_rgb(rng.random(), rng.random() ** 1.5, 0.02 + 0.85 * rng.random() ** 1.6)


def _parts(spec: RigSpec) -> dict[str, str]:
    """Bone -> part of the body without its side; a bone without a role counts as its parent."""
    own = {name: role for role, names in spec.mapping.bones.items() for name in names}
    parts: dict[str, str] = {}
    for name, parent in zip(spec.bone_names, spec.parents, strict=True):
        role = own.get(name)
        inherited = parts[spec.bone_names[parent]] if parent >= 0 else "hips"
        parts[name] = inherited if role is None else role.removeprefix("left_").removeprefix("right_")
    return parts


def _head_points(meshes: tuple[bpy.types.Object, ...], spec: RigSpec) -> np.ndarray:
    """The nose's tip and the top of the head at rest, [2, 3] in the armature's axes, off the mesh."""
    parts = _parts(spec)
    found = []
    for mesh in meshes:
        of_head = {g.index for g in mesh.vertex_groups if parts.get(g.name) == "head"}
        inside = np.array(
            [len(v.groups) > 0 and max(v.groups, key=lambda g: g.weight).group in of_head for v in mesh.data.vertices], bool
        )
        found.append(_vertices(mesh)[inside])
    points = np.concatenate(found)
    bone = spec.bone("head")
    assert bone is not None
    base = spec.rest_heads_world_m[bone]
    top = points[:, 2].max()
    share = (points[:, 2] - base[2]) / (top - base[2])
    sideways = np.abs((points - base) @ np.cross(spec.front_world, [0, 0, 1]))
    face = points[(share > 0.15) & (share < 0.7) & (sideways < 0.02)]
    if len(face) == 0:
        face = points
    nose = face[(face @ spec.front_world).argmax()]
    crown = np.array([base[0], base[1], top])
    back = np.linalg.inv(spec.world_from_armature)
    return np.stack([nose, crown]) @ back[:3, :3].T + back[:3, 3]


# ------------------------------------------------------------------------------------------------------------- mannequin


def _mannequin(rng: np.random.Generator) -> tuple[bpy.types.Object, bpy.types.Object]:
    """The clip maker's mannequin of a random build, on an armature with Mixamo's names."""
    body = skeleton.Body(girth=rng.uniform(0.88, 1.28))
    factors = {f.name: rng.uniform(0.93, 1.07) for f in fields(body) if f.name not in ("height_m", "girth")}
    for name in ("hip_half_width_m", "shoulder_half_width_m"):
        factors[name] = rng.uniform(0.90, 1.12)
    body = replace(body, **{name: getattr(body, name) * factor for name, factor in factors.items()})
    neck_and_head = skeleton.Body().height_m - skeleton.Body().thorax_height_m
    body = replace(body, height_m=body.thorax_height_m + neck_and_head)
    rest, skin = skeleton.rest_pose(body), mannequin.sculpt(body)
    scene = bpy.context.scene
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for segment, (name, parent, end) in _MIXAMO.items():
        bone = rig.data.edit_bones.new(name)
        bone.head = rest.origins_m[segment][0]
        ahead = segment.endswith(("toes", "foot"))
        bone.tail = rest.origins_m[end][0] if end else bone.head + Vector((0, -0.07, 0) if ahead else (0, 0, 0.1))
        if segment.endswith("hand"):
            bone.tail = bone.head - Vector((0, 0, body.hand_m))
        if parent:
            bone.parent = rig.data.edit_bones[_MIXAMO[parent][0]]
    bpy.ops.object.mode_set(mode="OBJECT")
    mesh = bpy.data.meshes.new("Skin")
    mesh.from_pydata(skin.vertices_m.tolist(), [], skin.faces)
    colours = mannequin.palette(int(rng.integers(1, 1 << 30)))
    for name in mannequin.MATERIALS:
        mesh.materials.append(paint(name, colours[name], rng, plain=True))
    mesh.polygons.foreach_set("material_index", skin.face_materials.astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(skin.faces), dtype=bool))
    figure = bpy.data.objects.new("Mannequin", mesh)
    scene.collection.objects.link(figure)
    figure.parent = rig
    for s, segment in enumerate(skeleton.SEGMENTS):
        group = figure.vertex_groups.new(name=_MIXAMO[segment][0])
        rounded = np.round(skin.weights[:, s], 3)
        for weight in np.unique(rounded[rounded > 0]):
            group.add(np.flatnonzero(rounded == weight).tolist(), float(weight), "REPLACE")
    figure.modifiers.new("Armature", "ARMATURE").object = rig
    return rig, figure
