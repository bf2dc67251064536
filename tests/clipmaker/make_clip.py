"""Renders a clip of the mannequin and writes its ground truth beside it. Run it with a Python that has bpy, or as
`blender -b -P make_clip.py -- OPTIONS`. The README in this folder says what is in the truth file.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.blender import script
from tests.clipmaker import mannequin, motions, skeleton

FORMAT_VERSION = 1


@dataclass(frozen=True)
class View:
    """Where the camera is. It always looks along +Y; the person is turned instead, so that camera and world axes agree."""

    person_yaw_deg: float = 0.0
    height_m: float = 1.30
    distance_m: float = 4.6
    pitch_deg: float = 3.0  # above 0 it looks down
    roll_deg: float = 0.0  # above 0 it is turned clockwise, seen from behind it
    field_m: float = 2.35  # how much fits into the shorter side of the picture, at the distance
    portrait: bool = False


VIEWS: dict[str, View] = {
    "front": View(),
    "side": View(person_yaw_deg=90),
    "back": View(person_yaw_deg=180),
    "three_quarter": View(person_yaw_deg=40),
    "high": View(person_yaw_deg=20, height_m=3.0, pitch_deg=21, distance_m=4.9, field_m=2.5),
    "tilted": View(person_yaw_deg=-25, pitch_deg=6, roll_deg=12, field_m=2.7),
    "portrait": View(portrait=True, field_m=1.75),
    # The legs are out of the picture, or the feet: a talk, somebody before a laptop, a medium long shot.
    "waist": View(person_yaw_deg=25, height_m=1.35, distance_m=2.4, pitch_deg=2, field_m=1.2),
    "knees": View(person_yaw_deg=25, height_m=1.2, distance_m=3.5, pitch_deg=2, field_m=1.75),
    "desk": View(person_yaw_deg=-15, height_m=1.0, distance_m=1.25, pitch_deg=-12, field_m=1.15),
}
# The picture of a motion that goes far needs more room than one on the spot.
ROOM: dict[str, float] = {
    "walk_turn": 1.15,
    "run": 1.25,
    "demo": 1.16,
    "jump": 1.3,
    "walk": 1.15,
    "lie_down": 1.2,
    "walk_across": 1.1,
}


@dataclass(frozen=True)
class Camera:
    """x right, y down, z forwards; a point's pixel is image_size / 2 + focal_length * (x, y) / z.

    One that moves has a place and a turn (to the right, then down) for every frame.
    """

    focal_length_px: float
    width_px: int
    height_px: int
    position_m: np.ndarray  # [T, 3], world
    pitch_rad: float  # in the first frame
    roll_rad: float
    turned_rad: np.ndarray  # [T, 2] to the right of +Y, and down since the first frame

    @property
    def world_from_camera(self) -> np.ndarray:
        """[T, 3, 3]: (x, y, z) -> (x, z, -y) after the pitch and the roll are taken out."""
        right, down = self.turned_rad.T
        held = skeleton.rotation("x", -self.pitch_rad - down) @ skeleton.rotation("z", self.roll_rad)
        return np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]) @ skeleton.rotation("y", right) @ held

    def from_world(self, points_m: np.ndarray) -> np.ndarray:
        """[T, K, 3] world -> [T, K, 3] camera."""
        return (points_m - self.position_m[:, None]) @ self.world_from_camera

    def project(self, camera_points_m: np.ndarray) -> np.ndarray:
        """[..., 3] camera -> [..., 2] pixels, (0, 0) the picture's top left corner."""
        centre = np.array([self.width_px, self.height_px]) / 2
        return centre + self.focal_length_px * camera_points_m[..., :2] / camera_points_m[..., 2:]


@dataclass(frozen=True)
class Settings:
    motion: str
    view: str
    seconds: float
    fps: float
    width_px: int
    height_px: int
    people: int
    occluder: bool
    seed: int
    samples: int = 8  # light paths a pixel
    camera: str = "still"
    furnished: bool = False


# What the camera does: "follows" turns after the first person, as somebody does who films from where they stand; "walks" goes
# along beside them without turning; "hand" does both, held in the hand of somebody who walks as the person does, "lags" of
# somebody who goes a part of the way, and "circles" of somebody who walks around them.
CAMERAS = ("still", "follows", "walks", "hand", "lags", "circles")
_IN_HAND: dict[str, float] = {"hand": 1.0, "lags": 0.6, "circles": 0.0}  # of the person's way
_CIRCLES_RAD_S = np.radians(12.0)
# How a hand sways: metres, degrees to the side and down, and how often in a second.
_SWAY_M, _SWAY_HZ = np.array([0.03, 0.02, 0.02]), np.array([0.9, 0.7, 1.8])
_NOD_DEG, _NOD_HZ = np.array([1.5, 1.5]), np.array([0.5, 0.8])
# How long it takes whoever films to see where the person goes.
_FOLLOWS_S = 0.25


def camera_for(settings: Settings, times: np.ndarray, people: list[Person]) -> Camera:
    view = VIEWS[settings.view]
    field = view.field_m * ROOM.get(settings.motion, 1.0)
    shorter = min(settings.width_px, settings.height_px)
    position = np.tile([0.0, -view.distance_m, view.height_m], (len(times), 1))
    turned = np.zeros((len(times), 2))
    if settings.camera != "still" and people:
        late = np.exp(-0.5 * ((times[:, None] - times) / _FOLLOWS_S) ** 2)
        path = late / late.sum(axis=1, keepdims=True) @ people[0].posed.joints_m[:, skeleton.JOINT_NAMES.index("pelvis")]
        if settings.camera in _IN_HAND:
            position, turned = _in_hand(settings.camera, times, position, path)
        elif settings.camera == "walks":
            position[:, 0] = path[:, 0]
            position[:, 1] += path[:, 1] - path[0, 1]
        else:
            sight = path - position
            angles = np.stack([np.arctan2(sight[:, 0], sight[:, 1]), np.arctan2(-sight[:, 2], sight[:, 1])], axis=1)
            turned = angles - [0.0, angles[0, 1]]
    return Camera(
        focal_length_px=shorter * view.distance_m / field,
        width_px=settings.width_px,
        height_px=settings.height_px,
        position_m=position,
        pitch_rad=float(np.radians(view.pitch_deg)),
        roll_rad=float(np.radians(view.roll_deg)),
        turned_rad=turned,
    )


def _in_hand(camera: str, times: np.ndarray, position: np.ndarray, path: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the camera is [T, 3], and how it is turned [T, 2], in the hand of somebody who follows a path [T, 3]."""
    seconds = (times - times[0])[:, None]
    position = position + _IN_HAND[camera] * (path - path[0]) * [1.0, 1.0, 0.0]
    if camera == "circles":
        around = skeleton.rotation("z", _CIRCLES_RAD_S * seconds[:, 0])
        level = (position - path) * [1.0, 1.0, 0.0]
        position = position + np.einsum("tij,tj->ti", around, level) - level
    position = position + _SWAY_M * np.sin(2 * np.pi * _SWAY_HZ * seconds + [0.0, 1.0, 0.0])
    sight = path - position
    across = np.linalg.norm(sight[:, :2], axis=1)
    angles = np.stack([np.arctan2(sight[:, 0], sight[:, 1]), np.arctan2(-sight[:, 2], across)], axis=1)
    angles = angles + np.radians(_NOD_DEG) * np.sin(2 * np.pi * _NOD_HZ * seconds + [2.0, 0.0])
    return position, angles - [0.0, angles[0, 1]]


@dataclass(frozen=True)
class Person:
    body: skeleton.Body
    posed: skeleton.Posed
    motion: motions.Motion
    seed: int
    yaw_rad: float
    move_m: tuple[float, float]


def cast(settings: Settings) -> tuple[np.ndarray, list[Person]]:
    """Frame times [T] and everyone in the clip. Several people stand side by side, or walk across one behind the other."""
    times = np.arange(max(1, round(settings.seconds * settings.fps))) / settings.fps
    yaw = float(np.radians(VIEWS[settings.view].person_yaw_deg))
    people = []
    for i in range(settings.people):
        seed = settings.seed + i
        body = skeleton.Body.varied(seed)
        posed, motion = motions.perform(settings.motion, body, times, seed=seed)
        middle = i - (settings.people - 1) / 2
        move = (0.0, 0.55 * middle) if settings.motion == "walk_across" else (0.95 * middle, 0.25 * (i % 2))
        people.append(Person(body, motions.turned_about_origin(posed, yaw, move), motion, seed, yaw, move))
    return times, people


# ----------------------------------------------------------------------------------------------------------- ground truth


def truth(settings: Settings, camera: Camera, times: np.ndarray, person: Person) -> dict[str, np.ndarray]:
    joints = camera.from_world(person.posed.joints_m)
    pixels = camera.project(joints)
    size = np.array([camera.width_px, camera.height_px])
    provenance = asdict(settings) | {
        "seed": person.seed,
        "body": asdict(person.body),
        "blender": bpy.app.version_string,
    }
    return {
        "format_version": np.array(FORMAT_VERSION),
        "joint_names": np.array(skeleton.JOINT_NAMES),
        "positions_camera_m": joints,
        "positions_world_m": person.posed.joints_m,
        "extra_names": np.array(skeleton.EXTRA_NAMES),
        "extra_positions_camera_m": camera.from_world(person.posed.extras_m),
        "joints_px": pixels,
        "inside_picture": ((pixels >= 0) & (pixels <= size) & (joints[..., 2:] > 0)).all(axis=(1, 2)),
        "timestamps_s": times,
        "fps": np.array(settings.fps),
        "focal_length_px": np.array(camera.focal_length_px),
        "image_size_px": size,
        "camera_pitch_rad": np.array(camera.pitch_rad),
        "camera_roll_rad": np.array(camera.roll_rad),
        "camera_height_m": np.array(camera.position_m[0, 2]),
        "camera_position_world_m": camera.position_m[0],
        "camera_path_world_m": camera.position_m,
        "world_from_camera": camera.world_from_camera,
        "contact_names": np.array(skeleton.CONTACT_NAMES),
        "foot_contact": person.posed.contact,
        "provenance": np.array(json.dumps(provenance)),
    }


def write_truth(path: Path, arrays: dict[str, np.ndarray]) -> None:
    unfinished = path.with_name(path.name + ".part")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, **arrays)
    unfinished.replace(path)


# ------------------------------------------------------------------------------------------------------------------ scene


def _material(
    name: str, colour: tuple[float, float, float], *, other: tuple[float, float, float] | None = None, scale: float = 0
) -> bpy.types.Material:
    """Plain paint, or with `other` a checker of two colours in cells of 1/scale metres, under fine speckles."""
    material = bpy.data.materials.new(name)
    if bpy.app.version < (5, 0, 0):  # always on from 5.0, where the property is going away
        material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    shader, output = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeOutputMaterial")
    links.new(shader.outputs["BSDF"], output.inputs["Surface"])
    shader.inputs["Color"].default_value = (*colour, 1)
    if other is not None:
        place, checker = nodes.new("ShaderNodeNewGeometry"), nodes.new("ShaderNodeTexChecker")
        noise, ramp = nodes.new("ShaderNodeTexNoise"), nodes.new("ShaderNodeMixRGB")
        checker.inputs["Color1"].default_value, checker.inputs["Color2"].default_value = (*colour, 1), (*other, 1)
        checker.inputs["Scale"].default_value, noise.inputs["Scale"].default_value = scale, 9.0
        ramp.blend_type, ramp.inputs["Fac"].default_value = "MULTIPLY", 0.45
        for node in (checker, noise):
            links.new(place.outputs["Position"], node.inputs["Vector"])
        links.new(checker.outputs["Color"], ramp.inputs["Color1"])
        links.new(noise.outputs["Fac"], ramp.inputs["Color2"])
        links.new(ramp.outputs["Color"], shader.inputs["Color"])
    return material


def _box(
    name: str, low: tuple[float, float, float], high: tuple[float, float, float], material: bpy.types.Material
) -> bpy.types.Object:
    corners = [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(corners, [], faces)
    mesh.materials.append(material)
    box = bpy.data.objects.new(name, mesh)
    bpy.context.scene.collection.objects.link(box)
    return box


def _room(settings: Settings, people: list[Person]) -> None:
    rng = np.random.default_rng([settings.seed, 3])
    tint = rng.uniform(0.9, 1.1, size=3) if settings.seed else np.ones(3)
    wall = tuple(np.array([0.46, 0.49, 0.50]) * tint)
    floor = tuple(np.array([0.36, 0.29, 0.22]) * tint)
    # A hair below the ground: the checker's cells meet at height 0.
    _box("Floor", (-12, -8, -0.2), (12, 4.0, -0.001), _material("Floor", floor, other=tuple(0.82 * np.array(floor)), scale=1.9))
    _box("Wall", (-12, 3.2, -0.2), (12, 3.4, 8), _material("Wall", wall, other=tuple(0.93 * np.array(wall)), scale=0.85))
    wood = _material("Wood", (0.30, 0.17, 0.08), other=(0.25, 0.14, 0.06), scale=6)
    for i, person in enumerate(people):
        if person.motion.seat_m is not None:
            x, y, height = person.motion.seat_m
            c, s = np.cos(person.yaw_rad), np.sin(person.yaw_rad)
            middle = (c * x - s * y + person.move_m[0], s * x + c * y + person.move_m[1])
            _box(f"Seat{i}", (middle[0] - 0.19, middle[1] - 0.19, 0), (middle[0] + 0.19, middle[1] + 0.19, height), wood)
    if settings.occluder:
        _box("Table top", (-0.75, -1.45, 0.70), (0.75, -0.95, 0.75), wood)
        _box("Table front", (-0.70, -1.40, 0.12), (0.70, -1.36, 0.70), wood)
        for x in (-0.70, 0.64):
            for y in (-1.43, -1.06):
                _box("Table leg", (x, y, 0), (x + 0.06, y + 0.06, 0.70), wood)
    if settings.furnished:
        _furniture(wood)


def _furniture(wood: bpy.types.Material) -> None:
    """Along the wall: a door in its frame, a skirting board, a picture, shelves with books."""
    colours = {"White": (0.75, 0.74, 0.70), "Dark": (0.10, 0.09, 0.09), "Blue": (0.18, 0.28, 0.45)}
    white, dark, blue = (_material(name, colour, other=colour, scale=1) for name, colour in colours.items())
    _box("Door", (1.25, 3.16, 0), (2.1, 3.2, 2.0), blue)
    for low, high in (((1.15, 0), (1.25, 2.1)), ((2.1, 0), (2.2, 2.1)), ((1.15, 2.0), (2.2, 2.1))):
        _box("Door frame", (low[0], 3.12, low[1]), (high[0], 3.2, high[1]), white)
    _box("Skirting board", (-12, 3.17, 0), (1.15, 3.2, 0.09), white)
    _box("Picture", (-0.9, 3.16, 1.3), (-0.2, 3.2, 2.2), dark)
    for z in np.arange(5) * 0.45:
        _box("Shelf", (-2.6, 2.85, z), (-1.5, 3.2, z + 0.03), wood)
    for x in (-2.6, -1.53):
        _box("Shelf's side", (x, 2.85, 0), (x + 0.03, 3.2, 1.83), wood)
    for i in range(9):
        x, height = -2.5 + 0.1 * i, 0.22 + 0.05 * (i % 3)
        _box("Book", (x, 2.9, 0.93), (x + 0.08, 3.1, 0.93 + height), (white, dark, blue)[i % 3])


def _lights() -> None:
    scene = bpy.context.scene
    world = scene.world or bpy.data.worlds.new("World")
    scene.world = world
    if bpy.app.version < (5, 0, 0):
        world.use_nodes = True
    background = next(node for node in world.node_tree.nodes if node.type == "BACKGROUND")
    background.inputs["Color"].default_value, background.inputs["Strength"].default_value = (0.85, 0.92, 1.0, 1), 0.75
    sun = bpy.data.lights.new("Sun", "SUN")
    sun.energy, sun.angle = 2.6, 0.15
    lamp = bpy.data.objects.new("Sun", sun)
    lamp.rotation_euler = (np.radians(48), np.radians(14), np.radians(-28))
    scene.collection.objects.link(lamp)


def _camera(camera: Camera) -> None:
    scene = bpy.context.scene
    data = bpy.data.cameras.new("Camera")
    data.sensor_fit, data.sensor_width = "HORIZONTAL", 36.0
    data.lens = camera.focal_length_px / camera.width_px * data.sensor_width
    eye = bpy.data.objects.new("Camera", data)
    scene.collection.objects.link(eye)
    eye.rotation_mode = "QUATERNION"
    action = bpy.data.actions.new("Camera")
    eye.animation_data_create().action = action
    turns = quaternions(camera.world_from_camera @ np.diag([1.0, -1.0, -1.0]))  # a Blender camera looks along -z with y up
    for path, values in (("location", camera.position_m), ("rotation_quaternion", turns)):
        _key(action, eye, path, values)
    scene.camera = eye


def _add_person(person: Person, number: int) -> None:
    """A skinned mesh on an armature of loose bones. Each points along +Y in the rest pose, so its own axes are the world's."""
    rest = skeleton.rest_pose(person.body)
    skin = mannequin.sculpt(person.body)
    mesh = bpy.data.meshes.new(f"Skin{number}")
    mesh.from_pydata(skin.vertices_m.tolist(), [], skin.faces)
    for name, colour in zip(mannequin.MATERIALS, (mannequin.palette(person.seed)[m] for m in mannequin.MATERIALS), strict=True):
        mesh.materials.append(_material(f"{name}{number}", colour))
    mesh.polygons.foreach_set("material_index", skin.face_materials.astype(np.int32))
    mesh.polygons.foreach_set("use_smooth", np.ones(len(skin.faces), dtype=bool))
    figure = bpy.data.objects.new(f"Mannequin{number}", mesh)
    for s, segment in enumerate(skeleton.SEGMENTS):
        group = figure.vertex_groups.new(name=segment)
        held = np.nonzero(skin.weights[:, s] > 1e-4)[0]
        for weight in np.unique(np.round(skin.weights[held, s], 4)):
            group.add(held[np.round(skin.weights[held, s], 4) == weight].tolist(), float(weight), "REPLACE")

    scene = bpy.context.scene
    rig = bpy.data.objects.new(f"Rig{number}", bpy.data.armatures.new(f"Rig{number}"))
    for thing in (figure, rig):
        scene.collection.objects.link(thing)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for segment in skeleton.SEGMENTS:
        bone = rig.data.edit_bones.new(segment)
        start = rest.origins_m[segment][0]
        bone.head, bone.tail, bone.roll = start, start + np.array([0, 0.1, 0]), 0.0
    bpy.ops.object.mode_set(mode="OBJECT")
    rig.hide_render = True
    modifier = figure.modifiers.new("Armature", "ARMATURE")
    modifier.object = rig

    action = bpy.data.actions.new(f"Motion{number}")
    rig.animation_data_create().action = action
    for segment in skeleton.SEGMENTS:
        bone = rig.pose.bones[segment]
        bone.rotation_mode = "QUATERNION"
        moved = person.posed.origins_m[segment] - rest.origins_m[segment][0]
        turned = quaternions(person.posed.rotations[segment])
        for path, values in ((bone.path_from_id("location"), moved), (bone.path_from_id("rotation_quaternion"), turned)):
            _key(action, rig, path, values)


def _key(action: bpy.types.Action, moved: bpy.types.Object, path: str, values: np.ndarray) -> None:
    """values [T, C]: on frames 1 to T."""
    frames = np.arange(1, len(values) + 1, dtype=float)
    for index, column in enumerate(values.T):
        curve = action.fcurve_ensure_for_datablock(moved, path, index=index)
        curve.keyframe_points.add(len(frames))
        curve.keyframe_points.foreach_set("co", np.stack([frames, column], axis=-1).ravel())
        curve.update()


def quaternions(rotations: np.ndarray) -> np.ndarray:
    """[T, 3, 3] -> [T, 4] wxyz, without sign flips from frame to frame."""
    m = rotations
    trace = np.stack([1 + m[:, 0, 0] + m[:, 1, 1] + m[:, 2, 2], 1 + m[:, 0, 0] - m[:, 1, 1] - m[:, 2, 2]], axis=-1)
    trace = np.concatenate(
        [trace, np.stack([1 - m[:, 0, 0] + m[:, 1, 1] - m[:, 2, 2], 1 - m[:, 0, 0] - m[:, 1, 1] + m[:, 2, 2]], axis=-1)], axis=-1
    )
    a, b, c = m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]
    d, e, f = m[:, 1, 0] + m[:, 0, 1], m[:, 0, 2] + m[:, 2, 0], m[:, 2, 1] + m[:, 1, 2]
    rows = np.stack(
        [
            np.stack([trace[:, 0], a, b, c], -1),
            np.stack([a, trace[:, 1], d, e], -1),
            np.stack([b, d, trace[:, 2], f], -1),
            np.stack([c, e, f, trace[:, 3]], -1),
        ],
        axis=1,
    )  # each row is the quaternion times four times one of its own parts
    largest = trace.argmax(axis=1)
    q = skeleton.unit(rows[np.arange(len(m)), largest])
    flips = np.cumprod(np.where((q[1:] * q[:-1]).sum(-1) < 0, -1.0, 1.0))
    q[1:] *= flips[:, None]
    return q


def _output(settings: Settings, path: Path, frames: int) -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, frames
    whole = round(settings.fps)
    scene.render.fps = max(whole, 1)
    scene.render.fps_base = max(whole, 1) / settings.fps
    scene.render.resolution_x, scene.render.resolution_y = settings.width_px, settings.height_px
    scene.render.resolution_percentage = 100
    scene.render.filepath = str(path)
    scene.render.use_persistent_data = True
    picture = scene.render.image_settings
    if bpy.app.version >= (5, 0, 0):
        picture.media_type = "VIDEO"
    picture.file_format = "FFMPEG"
    film = scene.render.ffmpeg
    film.format, film.codec = "MPEG4", "H264"
    film.constant_rate_factor, film.ffmpeg_preset, film.gopsize = "HIGH", "GOOD", 25
    film.audio_codec = "NONE"
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling = "CPU", settings.samples, False, False
    cycles.use_light_tree = False  # slower with a sun and a sky alone
    cycles.max_bounces = cycles.diffuse_bounces = 1
    cycles.glossy_bounces = cycles.transmission_bounces = cycles.volume_bounces = cycles.transparent_max_bounces = 0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.seed = settings.seed
    cycles.use_animated_seed = settings.camera != "still"  # noise that stands still in the picture is no background
    scene.view_settings.view_transform = "Standard"


def make_clip(folder: Path, name: str, settings: Settings, *, render: bool = True) -> list[Path]:
    """Writes NAME.mp4 and NAME_truth.npz (NAME_truth_2.npz and so on for more people); returns the paths.

    With render=False the scene is set up and nothing is written. Raises OSError where the folder cannot be written.
    """
    times, people = cast(settings)
    camera = camera_for(settings, times, people)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    _room(settings, people)
    _lights()
    _camera(camera)
    for i, person in enumerate(people):
        _add_person(person, i)
    clip = folder / f"{name}.mp4"
    _output(settings, clip, len(times))
    if not render:
        return []
    bpy.ops.render.render(animation=True)
    written = [clip]
    for i, person in enumerate(people):
        written.append(folder / (f"{name}_truth.npz" if i == 0 else f"{name}_truth_{i + 1}.npz"))
        write_truth(written[-1], truth(settings, camera, times, person))
    return written


# ----------------------------------------------------------------------------------------------------------- command line


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit()) or int(width) < 16 or int(height) < 16 or int(width) % 2 or int(height) % 2:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write two even numbers of at least 16, such as 384x384.")
    return int(width), int(height)


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 1 <= value <= 240:
        raise argparse.ArgumentTypeError(f"{text!r} is not a frame rate between 1 and 240.")
    return value


def _length(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a length between 0 and 600 seconds.")
    return value


def parse(arguments: list[str]) -> tuple[Path, str, Settings]:
    parser = argparse.ArgumentParser(prog="make_clip.py", description="Render a clip of a mannequin with its exact 3D joints.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the clip and the truth")
    parser.add_argument("--name", required=True, help="file name without its ending")
    parser.add_argument("--motion", choices=sorted(motions.MOTIONS), default="walk_turn")
    parser.add_argument("--view", choices=sorted(VIEWS), default="front")
    parser.add_argument("--occluder", action="store_true", help="a table between the camera and the legs")
    parser.add_argument("--furnished", action="store_true", help="a door, shelves and a picture along the wall")
    parser.add_argument("--people", type=int, default=1, choices=range(5), help="0 is an empty room, without a truth file")
    parser.add_argument("--seconds", type=_length, help="default: once through the motion")
    parser.add_argument("--fps", type=_rate, default=25.0)
    parser.add_argument("--size", type=_size, help="WIDTHxHEIGHT, default 384x384, portrait 288x512")
    parser.add_argument("--seed", type=int, default=0, help="another body, other colours; 0 is the average person")
    parser.add_argument("--samples", type=int, default=8, help="light paths a pixel: fewer are faster and noisier")
    parser.add_argument("--camera", choices=CAMERAS, default="still", help="what it does while it films")
    options = parser.parse_args(arguments)
    width, height = options.size or ((288, 512) if VIEWS[options.view].portrait else (384, 384))
    seconds = options.seconds or motions.DEFAULT_SECONDS[options.motion]
    settings = Settings(
        motion=options.motion,
        view=options.view,
        seconds=seconds,
        fps=options.fps,
        width_px=width,
        height_px=height,
        people=options.people,
        occluder=options.occluder,
        seed=options.seed,
        samples=max(1, options.samples),
        camera=options.camera,
        furnished=options.furnished,
    )
    return options.out, options.name, settings


def main(arguments: list[str]) -> int:
    folder, name, settings = parse(arguments)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = make_clip(folder.absolute(), name, settings)
    except OSError as error:
        print(f"The clip could not be written to {folder}: {error.strerror or error}.", file=sys.stderr)
        return 2
    for path in paths:
        print(path)
    return 0


if __name__ == "__main__":
    script.run(main)
