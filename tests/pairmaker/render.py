"""The half of the pair maker that runs in Blender: jobs come in on stdin, one JSON object a line, one line goes out for each.

A job names a character and a motion; its folder gets the pictures (0001.png and so on) and truth.npz. `make.py` starts this.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import bpy
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from blender_pose3d.bridge.files import quietly
from blender_pose3d.core.errors import Pose3DError
from tests.blender import script
from tests.pairmaker import people, scenery, stage

REPLY = "pairmaker:"  # Blender writes to stdout as well


def render_job(job: dict) -> dict:
    """Renders one sequence; returns how long each part took. Raises Pose3DError."""
    began = time.perf_counter()
    rng = np.random.default_rng([job["seed"], 2])
    joints = np.load(job["joints"], allow_pickle=False)
    folder = Path(job["folder"])
    person = people.load(job["character"], Path(job["rigs"]), rng)
    loaded = time.perf_counter()
    people.drive(person, joints, job["fps"], rng)
    truth_m, heads_m = people.truth(person, len(joints))
    view = stage.random_view(rng) if job["view"] is None else stage.View(**job["view"])
    every = np.concatenate([truth_m, heads_m], axis=1)
    camera = stage.aimed(view, every, stage.facing_rad(truth_m[len(truth_m) // 2]), job["side_px"])
    scenery.add_camera(camera)
    scenery.add_boxes(stage.room(camera, every, rng), rng)
    if job["disturbed"] and rng.random() < 0.17:
        scenery.add_boxes([stage.occluder(camera, truth_m, rng)], rng)
    scenery.add_light(rng)
    blur = rng.uniform(0.25, 0.8) if job["disturbed"] and rng.random() < 0.15 else 0.0
    _settings(job, len(joints), blur)
    driven = time.perf_counter()
    with quietly():
        bpy.ops.render.render(animation=True)
    rendered = time.perf_counter()
    stage.write_truth(folder, camera, truth_m, heads_m, blur)
    return {"load_s": loaded - began, "drive_s": driven - loaded, "render_s": rendered - driven}


def _settings(job: dict, frame_count: int, blur: float) -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, frame_count
    render = scene.render
    render.resolution_x = render.resolution_y = job["side_px"]
    render.resolution_percentage = 100
    render.filepath = job["folder"] + os.sep
    render.use_persistent_data = True
    render.threads_mode, render.threads = "FIXED", 1
    render.use_motion_blur = blur > 0
    render.motion_blur_shutter = blur
    picture = render.image_settings
    picture.file_format, picture.color_mode, picture.compression = "PNG", "RGB", 0
    render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.samples, cycles.use_denoising, cycles.use_adaptive_sampling = "CPU", job["samples"], False, False
    cycles.use_light_tree = False  # slower with a sun and a sky alone
    cycles.max_bounces = cycles.diffuse_bounces = 0  # see add_light; a bounce costs half as much again
    cycles.glossy_bounces = cycles.transmission_bounces = cycles.volume_bounces = cycles.transparent_max_bounces = 0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.seed = job["seed"]
    scene.view_settings.view_transform = "Standard"


def main() -> int:
    print(REPLY, json.dumps({"ready": bpy.app.version_string}), flush=True)
    for line in sys.stdin:
        try:
            reply = render_job(json.loads(line))
        except Pose3DError as error:
            reply = {"error": error.sentence}
        print(REPLY, json.dumps(reply), flush=True)
    return 0


if __name__ == "__main__":
    script.run(lambda _words: main())
