"""What is around the person: camera, light, floor, walls, boxes, occluders; all of it random, all of it from one generator."""

from __future__ import annotations

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class View:
    """yaw_deg: from where, 0 is the person's front at the middle frame, 90 their left; elevation_deg: above 0 it looks down."""

    yaw_deg: float
    elevation_deg: float
    roll_deg: float
    distance_m: float
    fill: float  # the person's extent over the whole sequence, in lengths of the picture
    pans: bool  # the camera turns after the person
    aim_off: tuple[float, float]  # in lengths of the picture


@dataclass(frozen=True)
class Camera:
    """x right, y down, z forwards, T frames; a point's pixel is side / 2 + focal_px * (x, y) / z."""

    focal_px: float
    side_px: int
    position_m: np.ndarray  # [3], world
    pitch_deg: float  # above 0 it looks down
    roll_deg: float  # above 0 it is turned clockwise, seen from behind it
    yaw_rad: np.ndarray  # [T], to the left

    @property
    def world_from_camera(self) -> np.ndarray:
        """[T, 3, 3]."""
        p, r = np.radians(-self.pitch_deg), np.radians(self.roll_deg)
        about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
        about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
        level = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])  # camera (x, y, z) -> world (x, z, -y)
        c, s, zero, one = np.cos(self.yaw_rad), np.sin(self.yaw_rad), np.zeros_like(self.yaw_rad), np.ones_like(self.yaw_rad)
        turn = np.stack([np.stack([c, -s, zero], -1), np.stack([s, c, zero], -1), np.stack([zero, zero, one], -1)], -2)
        return turn @ (level @ about_x @ about_z)

    def from_world(self, points_m: np.ndarray) -> np.ndarray:
        """[T, J, 3] world -> [T, J, 3] camera."""
        return np.einsum("tij,tki->tkj", self.world_from_camera, points_m - self.position_m)

    def project(self, camera_points_m: np.ndarray) -> np.ndarray:
        """[..., 3] camera -> [..., 2] pixels, (0, 0) the picture's top left corner."""
        return self.side_px / 2 + self.focal_px * camera_points_m[..., :2] / camera_points_m[..., 2:]


def random_view(rng: np.random.Generator) -> View:
    kind = rng.random()
    elevation = rng.uniform(-6, 14) if kind < 0.5 else rng.uniform(14, 35) if kind < 0.78 else rng.uniform(35, 60)
    if kind > 0.9:
        elevation = rng.uniform(-15, -4)
    fill = rng.uniform(0.65, 0.95) if rng.random() < 0.85 else rng.uniform(1.0, 1.35)
    # Of a person who is cut, mostly the legs: without a head nothing is found.
    up = -(fill - 0.9) / 2 if fill > 1 and rng.random() < 0.8 else 0.0
    return View(
        yaw_deg=rng.uniform(-180, 180),
        elevation_deg=elevation,
        roll_deg=rng.normal(0, 4) if rng.random() < 0.75 else rng.uniform(-25, 25),
        distance_m=float(np.exp(rng.uniform(np.log(1.9), np.log(8.0)))),
        fill=fill,
        pans=bool(rng.random() < 0.15),
        aim_off=(rng.normal(0, 0.03), up + rng.normal(0, 0.03)),
    )


def aimed(view: View, points_m: np.ndarray, facing_rad: float, side_px: int) -> Camera:
    """A camera on the person. points_m: [T, J, 3] world; facing_rad: where the person faces, as an angle in the ground plane."""
    middles = (points_m.min(1) + points_m.max(1)) / 2  # [T, 3]
    target = (middles.min(0) + middles.max(0)) / 2
    around, up = facing_rad + np.radians(view.yaw_deg), np.radians(view.elevation_deg)
    away = np.array([np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)])
    # A wide path needs a camera farther away, or it would stand in it.
    position = target + away * (view.distance_m + 0.5 * np.linalg.norm(np.ptp(middles[:, :2], axis=0)))
    ahead = target - position
    # A level camera with yaw 0 looks along +y.
    static = np.full(len(points_m), np.arctan2(-ahead[0], ahead[1]))
    after = middles - position
    path = np.unwrap(np.arctan2(-after[:, 0], after[:, 1]))
    follows = _smooth(path)
    pitch = float(np.degrees(np.arctan2(-ahead[2], np.hypot(ahead[0], ahead[1]))))

    def made(yaw: np.ndarray, focal_px: float, off: tuple[float, float]) -> Camera:
        field = np.degrees(side_px / focal_px)
        return Camera(focal_px, side_px, position, pitch + off[1] * field, view.roll_deg, yaw + np.radians(off[0] * field))

    def extent(yaw: np.ndarray) -> float:
        camera = made(yaw, 1e6, (0, 0)).from_world(points_m)
        return 2 * float(np.abs(camera[..., :2] / np.maximum(camera[..., 2:], 0.3)).max())

    yaw = follows if view.pans or extent(static) > 1.7 * extent(follows) else static
    # The points are joints; a head and hands are around them.
    focal_px = side_px * view.fill / (extent(yaw) * 1.08)
    return made(yaw, max(focal_px, 0.45 * side_px), view.aim_off)


def _smooth(values: np.ndarray) -> np.ndarray:
    kernel = np.hanning(9)[1:-1]
    padded = np.pad(values, len(kernel) // 2, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


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


def add_box(name: str, middle: np.ndarray, size: np.ndarray, turn_rad: float, material: bpy.types.Material) -> bpy.types.Object:
    corners = [(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata((np.array(corners) * size).tolist(), [], faces)
    mesh.materials.append(material)
    box = bpy.data.objects.new(name, mesh)
    box.location, box.rotation_euler = middle, (0, 0, turn_rad)
    bpy.context.scene.collection.objects.link(box)
    return box


def add_room(camera: Camera, points_m: np.ndarray, rng: np.random.Generator) -> None:
    """Floor, perhaps a wall or two, boxes beside and behind the person. points_m: [T, J, 3] world."""
    middle = (points_m.min((0, 1)) + points_m.max((0, 1))) / 2
    reach = float(np.linalg.norm(points_m[..., :2] - middle[:2], axis=-1).max()) + 0.25
    away = middle[:2] - camera.position_m[:2]
    away = away / max(float(np.linalg.norm(away)), 1e-6)
    side = np.array([-away[1], away[0]])
    heading = float(np.arctan2(away[1], away[0]))
    if camera.position_m[2] > 0.05:
        add_box(
            "Floor", np.array([middle[0], middle[1], -0.101]), np.array([60, 60, 0.2]), rng.uniform(0, 3), _surface("Floor", rng)
        )
    if rng.random() < 0.75:
        behind = middle[:2] + away * (reach + rng.uniform(0.2, 5.0))
        turn = heading + rng.normal(0, 0.25)
        add_box("Wall", np.array([*behind, 3.0]), np.array([0.1, 40, 12]), turn, _surface("Wall", rng))
        if rng.random() < 0.4:
            beside = middle[:2] + side * (reach + rng.uniform(0.8, 4)) * rng.choice([-1, 1])
            add_box("Side", np.array([*beside, 3.0]), np.array([0.1, 40, 12]), turn + np.pi / 2, _surface("Side", rng))
    for i in range(int(rng.integers(0, 6))):
        size = np.exp(rng.uniform(np.log(0.15), np.log(1.6), 3))
        apart = reach + 0.5 * float(np.hypot(size[0], size[1])) + rng.uniform(0.05, 2.5)
        angle = heading + rng.uniform(-1.9, 1.9)  # not between the camera and the person
        place = middle[:2] + apart * np.array([np.cos(angle), np.sin(angle)])
        if np.linalg.norm(place - camera.position_m[:2]) < 1.0:
            continue
        add_box(f"Box{i}", np.array([*place, size[2] / 2]), size, rng.uniform(0, 3), _surface(f"Box{i}", rng))


def add_occluder(camera: Camera, points_m: np.ndarray, rng: np.random.Generator) -> None:
    """A pole, a board or a box between the camera and some joint of the middle frame."""
    frame = len(points_m) // 2
    joint = points_m[frame, rng.integers(points_m.shape[1])]
    share = rng.uniform(0.45, 0.8)
    place = camera.position_m + share * (joint - camera.position_m)
    seen_m = share * np.linalg.norm(joint - camera.position_m) * camera.side_px / camera.focal_px  # the picture's side, there
    kind = rng.integers(3)
    if kind == 0:
        size = np.array([0.06, 0.06, 60]) * [seen_m, seen_m, 1] * rng.uniform(0.5, 1.3)
    elif kind == 1:
        size = np.array([0.01, 60, 0.10 * seen_m * rng.uniform(0.5, 1.2)])
    else:
        size = seen_m * rng.uniform(0.08, 0.22, 3)
    towards = joint[:2] - camera.position_m[:2]
    add_box("Occluder", place, size, float(np.arctan2(towards[1], towards[0])) + rng.normal(0, 0.2), _surface("Occluder", rng))


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
