"""The part of `build.py demo` that runs in Blender: `demo-scene --track TRACK --truth TRUTH --out DIR`.

Writes DIR/demo.blend (both characters), demo.glb and demo.bvh (the imp), accuracy.json and the frames of the preview.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from blender_pose3d.bridge import files
from blender_pose3d.bridge.apply import AppliedMotion, apply_track
from blender_pose3d.bridge.measure import LIMBS, angles_deg, joint_limb_directions, posed_limb_directions
from blender_pose3d.bridge.rig_reader import choose_mapping, read_rig
from blender_pose3d.core.coordinates import CameraPose, to_world
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.skeleton import JOINT_NAMES
from blender_pose3d.core.track_io import read_track
from blender_pose3d.core.tracks import Pose3DTrack

from .characters import human, imp

_APART_M = 1.5  # each character's distance from the middle between them
_TO_THE_RIGHT_M = 0.4  # the walk goes to the left
_GOAL_DEG = 12.0
_PICTURE_PX = (560, 350)
_EVERY = 2  # frames of the clip to a frame of the preview


def main(argv: list[str], *, resources: Path) -> int:
    """Returns the exit code; what the user can mend is one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="demo-scene")
    for name in ("track", "truth", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    parser.add_argument("--measure-only", action="store_true", help="write accuracy.json and nothing else")
    options = parser.parse_args(argv)
    try:
        _run(options.track, options.truth, options.out, resources, measure_only=options.measure_only)
    except Pose3DError as error:
        print(error.sentence, file=sys.stderr, flush=True)
        return 2
    return 0


def _run(track_path: Path, truth_path: Path, out: Path, resources: Path, *, measure_only: bool) -> None:
    track = read_track(track_path)
    people = [human(), imp()]
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = round(track.fps), round(track.fps) / track.fps
    rows = []
    for person, side in zip(people, (-1, 1), strict=True):
        person.location.x = side * _APART_M + _TO_THE_RIGHT_M
        applied = apply_track(bpy.context, person, track, preset="auto", resources=resources)
        scene.frame_start, scene.frame_end = applied.frame_start, applied.frame_end
        rows += _accuracy(person, applied, track, truth_path, resources)
        print(f"{person.name}: preset {applied.preset}, frames {applied.frame_start} to {applied.frame_end}", flush=True)
    (out / "accuracy.json").write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if measure_only:
        return
    _stage()
    files.export(out / "demo.blend", people[0])
    files.export(out / "demo.glb", people[1])
    files.export(out / "demo.bvh", people[1])
    _render(out / "frames")
    for name in ("demo.blend", "demo.glb", "demo.bvh"):
        bones, seconds = files.read_back(out / name)
        print(f"{name}: read back, {bones} bones, {seconds:.1f} s", flush=True)


def _accuracy(
    person: bpy.types.Object, applied: AppliedMotion, track: Pose3DTrack, truth_path: Path, resources: Path
) -> list[dict]:
    """Angle between the limbs that the character shows and those of the truth, in the camera's axes."""
    rig = read_rig(person, choose_mapping(person, preset=applied.preset, presets_folder=resources / "rigs"))
    frames = np.arange(applied.frame_start, applied.frame_end + 1)
    posed = posed_limb_directions(bpy.context, person, rig, frames)
    with np.load(truth_path, allow_pickle=False) as truth:
        order = [truth["joint_names"].tolist().index(name) for name in JOINT_NAMES]
        times, joints = truth["timestamps_s"], truth["positions_camera_m"][:, order].astype(float)
    nearest = np.abs(applied.motion.timestamps_s[:, None] - times[None]).argmin(1)
    exact = joint_limb_directions(to_world(joints[nearest], CameraPose(), heading_rad=applied.motion.heading_rad))
    errors = angles_deg(posed, exact)  # [T, 8]
    row = {"unit": "degrees", "better": "lower"}
    mean = f"{person.name}: mean limb-direction error"
    out = [{"measure": mean, "value": float(errors.mean()), "goal": _GOAL_DEG, **row}]
    for i, (limb, *_) in enumerate(LIMBS):
        name = f"{person.name}: {limb.replace('_', ' ')}"
        out.append({"measure": name, "value": float(errors[:, i].mean()), "goal": None, **row})
    return out


def _stage() -> None:
    """Floor, light and a camera that sees both characters."""
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=40)
    floor = bpy.context.object
    floor.name = "Floor"
    floor.data.materials.append(_checker())
    for name, energy, place, size in (("Key", 500, (3, -4, 5), 3.0), ("Fill", 200, (-4, -3, 3), 4.0)):
        light = bpy.data.lights.new(name, "AREA")
        light.energy, light.size = energy, size
        lamp = bpy.data.objects.new(name, light)
        lamp.location = place
        lamp.rotation_euler = (Vector((0, 1, 0.8)) - lamp.location).to_track_quat("-Z", "Y").to_euler()
        scene.collection.objects.link(lamp)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0, -6.5, 1.6)
    camera.rotation_euler = (Vector((0, 0, 0.95)) - camera.location).to_track_quat("-Z", "Y").to_euler()
    camera.data.lens = 42
    scene.collection.objects.link(camera)
    scene.camera = camera
    world = bpy.data.worlds.new("World")
    world.color = (0.35, 0.38, 0.42)
    scene.world = world


def _checker() -> bpy.types.Material:
    material = bpy.data.materials.new("Floor")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    checker = nodes.new("ShaderNodeTexChecker")
    checker.inputs["Scale"].default_value = 40
    checker.inputs["Color1"].default_value = (0.30, 0.31, 0.33, 1)
    checker.inputs["Color2"].default_value = (0.22, 0.23, 0.25, 1)
    places = nodes.new("ShaderNodeTexCoord")
    material.node_tree.links.new(places.outputs["UV"], checker.inputs["Vector"])
    material.node_tree.links.new(checker.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    return material


def _render(folder: Path, frames: Sequence[int] | None = None) -> None:
    """PNG frames of both characters, Cycles on the CPU, which needs neither window nor graphics card."""
    scene = bpy.context.scene
    folder.mkdir(parents=True, exist_ok=True)
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.samples = 4
    scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 1
    scene.render.use_persistent_data = True
    scene.render.resolution_x, scene.render.resolution_y = _PICTURE_PX
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    frames = frames or range(scene.frame_start, scene.frame_end + 1, _EVERY)
    for i, frame in enumerate(frames):
        scene.frame_set(frame)
        scene.render.filepath = str(folder / f"{frame:05d}.png")
        with files.quietly():
            bpy.ops.render.render(write_still=True)
        if i % 25 == 24 or i == len(frames) - 1:
            print(f"rendered {i + 1} of {len(frames)}", flush=True)
