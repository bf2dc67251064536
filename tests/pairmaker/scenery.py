"""What is around the person, in Blender: camera, light, and boxes in random paint."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np
from mathutils import Matrix

from .stage import BOX_CORNERS, BOX_FACES, Box, Camera

Colour = tuple[float, float, float]


def add_camera(camera: Camera) -> None:
    """Keyed at the frames 1 to T."""
    scene = bpy.context.scene
    data = bpy.data.cameras.new("Camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", 36.0
    data.lens = camera.focal_px / camera.side_px * data.sensor_width
    data.clip_start = 0.05
    eye = bpy.data.objects.new("Camera", data)
    eye.rotation_mode = "QUATERNION"
    scene.collection.objects.link(eye)
    scene.camera = eye
    turned = camera.world_from_camera @ np.diag([1.0, -1.0, -1.0])  # a Blender camera looks along -z with y up
    moves = np.ptp(camera.yaw_rad) > 0
    eye.location = camera.position_m
    last = None
    for frame, rotation in enumerate(turned if moves else turned[:1], start=1):
        quaternion = Matrix(rotation.tolist()).to_quaternion()
        if last is not None and last.dot(quaternion) < 0:
            quaternion.negate()
        eye.rotation_quaternion = last = quaternion
        if moves:
            eye.keyframe_insert("rotation_quaternion", frame=frame)


def paint(name: str, colour: Colour, rng: np.random.Generator, *, plain: bool = False) -> bpy.types.Material:
    """Diffuse paint: plain, or by chance with checks, stripes or blotches of a second colour."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):  # always on from 5.0, where the property is going away
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    shader, output = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeOutputMaterial")
    links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    shader.inputs["Color"].default_value = (*colour, 1)
    if not plain and rng.random() < 0.5:
        other = np.clip(np.array(colour) * rng.uniform(0.3, 1.8) + rng.uniform(-0.1, 0.15, 3), 0.005, 0.95)
        _pattern(material, shader, colour, tuple(other), rng, coordinates="Generated", scale=float(rng.uniform(6, 40)))
    return material


def _pattern(
    material: bpy.types.Material,
    shader: bpy.types.Node,
    colour: Colour,
    other: Colour,
    rng: np.random.Generator,
    *,
    coordinates: str,
    scale: float,
) -> None:
    nodes, links = material.node_tree.nodes, material.node_tree.links
    place, mix = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMixRGB")
    kind = ("ShaderNodeTexChecker", "ShaderNodeTexWave", "ShaderNodeTexNoise", "ShaderNodeTexBrick")[rng.integers(4)]
    texture = nodes.new(kind)
    texture.inputs["Scale"].default_value = scale if kind != "ShaderNodeTexWave" else scale / 3
    links.new(place.outputs[coordinates], texture.inputs["Vector"])
    links.new(texture.outputs["Fac"], mix.inputs["Fac"])
    mix.inputs["Color1"].default_value, mix.inputs["Color2"].default_value = (*colour, 1), (*other, 1)
    links.new(mix.outputs["Color"], shader.inputs["Color"])


def _surface(name: str, rng: np.random.Generator) -> bpy.types.Material:
    """For walls, floors and things."""
    brightness, tint = rng.uniform(0.05, 0.8), rng.uniform(0.6, 1.4, 3)
    colour = np.clip(brightness * tint, 0.01, 0.95)
    material = paint(name, tuple(colour), rng, plain=True)
    if rng.random() < 0.7:
        other = np.clip(colour * rng.uniform(0.4, 1.6, 3), 0.01, 0.95)
        shader = next(node for node in material.node_tree.nodes if node.type == "BSDF_DIFFUSE")
        scale = float(np.exp(rng.uniform(np.log(0.4), np.log(8))))
        _pattern(material, shader, tuple(colour), tuple(other), rng, coordinates="Object", scale=scale)
    return material


def _add_box(box: Box, material: bpy.types.Material) -> None:
    mesh = bpy.data.meshes.new(box.name)
    mesh.from_pydata((BOX_CORNERS * box.size).tolist(), [], BOX_FACES)
    mesh.materials.append(material)
    thing = bpy.data.objects.new(box.name, mesh)
    thing.location, thing.rotation_euler = box.middle, (0, 0, box.turn_rad)
    bpy.context.scene.collection.objects.link(thing)


def add_boxes(boxes: Iterable[Box], rng: np.random.Generator) -> None:
    for box in boxes:
        _add_box(box, _surface(box.name, rng))


def add_light(rng: np.random.Generator) -> None:
    """A sky, plain or with a gradient, and a sun. Call it when everything is painted.

    What the sky sends is put into the paint, more of it from above than from below: as a light it would need many paths a pixel.
    """
    scene = bpy.context.scene
    world = bpy.data.worlds.new("World")
    scene.world = world
    world.cycles.sampling_method = "NONE"
    world.cycles_visibility.diffuse = False
    if bpy.app.version < (5, 0, 0):
        world.use_nodes = True
    nodes, links = world.node_tree.nodes, world.node_tree.links
    background = next(node for node in nodes if node.type == "BACKGROUND")
    colour = rng.uniform(0.6, 1.0, 3)
    background.inputs["Color"].default_value = (*np.clip(colour * rng.uniform(0.1, 1.0), 0, 1), 1)
    if rng.random() < 0.4:
        place, ramp, split = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeValToRGB"), nodes.new("ShaderNodeSeparateXYZ")
        links.new(place.outputs["Generated"], split.inputs[0])
        links.new(split.outputs[2], ramp.inputs["Fac"])
        ramp.color_ramp.elements[0].color = (*rng.uniform(0.1, 0.9, 3), 1)
        ramp.color_ramp.elements[1].color = (*colour, 1)
        links.new(ramp.outputs["Color"], background.inputs["Color"])
    strength, below = rng.uniform(0.35, 0.8), rng.uniform(0.35, 0.7)
    for material in bpy.data.materials:
        _add_sky(material, tuple(colour), strength, below)
    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy, sun.angle = float(rng.uniform(0.3, 3.0)), float(rng.uniform(0.01, 0.15))
    sun.color = rng.uniform(0.8, 1.0, 3)
    lamp = bpy.data.objects.new("Sun", sun)
    lamp.rotation_euler = (np.radians(rng.uniform(5, 70)), 0, rng.uniform(0, 2 * np.pi))
    scene.collection.objects.link(lamp)


def _add_sky(material: bpy.types.Material, sky: Colour, strength: float, below: float) -> None:
    """below: the light that comes from straight below, as a share of that from straight above."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader = next((node for node in nodes if node.type == "BSDF_DIFFUSE"), None)
    output = next((node for node in nodes if node.type == "OUTPUT_MATERIAL"), None)
    if shader is None or output is None:
        return
    material.cycles.emission_sampling = "NONE"
    glow, both, tint = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeAddShader"), nodes.new("ShaderNodeMixRGB")
    place, split, share = nodes.new("ShaderNodeNewGeometry"), nodes.new("ShaderNodeSeparateXYZ"), nodes.new("ShaderNodeMapRange")
    links.new(place.outputs["Normal"], split.inputs[0])
    links.new(split.outputs[2], share.inputs["Value"])
    for name, value in (("From Min", -1.0), ("From Max", 1.0), ("To Min", strength * below), ("To Max", strength)):
        share.inputs[name].default_value = value
    tint.blend_type, tint.inputs["Fac"].default_value = "MULTIPLY", 1.0
    tint.inputs["Color1"].default_value = shader.inputs["Color"].default_value
    if shader.inputs["Color"].links:
        links.new(shader.inputs["Color"].links[0].from_socket, tint.inputs["Color1"])
    tint.inputs["Color2"].default_value = (*sky, 1)
    links.new(tint.outputs["Color"], glow.inputs["Color"])
    links.new(share.outputs["Result"], glow.inputs["Strength"])
    links.new(shader.outputs["BSDF"], both.inputs[0])
    links.new(glow.outputs["Emission"], both.inputs[1])
    links.new(both.outputs[0], output.inputs["Surface"])
