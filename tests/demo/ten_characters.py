"""One motion on ten characters, for the README: `<python with bpy> tests/demo/ten_characters.py -- OUT.png`.

Two are the project's own (characters.py); eight are other people's, from ../shared/rigs: see docs/retarget.md for whose they are.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.bridge import files  # noqa: E402
from blender_pose3d.bridge.apply import apply_track  # noqa: E402
from tests.blender import exact_tracks, script  # noqa: E402
from tests.demo import characters, scene  # noqa: E402

RIGS = ROOT.parent / "shared" / "rigs"
OTHERS = (
    "kaykit_cc0/Barbarian.glb",
    "mesh2motion_cc0/human-male.glb",
    "rocketbox_mit/Female_Adult_05.fbx",
    "mesh2motion_cc0/human-zombie.glb",
    "mannequiny_ccby/mannequiny-0.3.0.glb",
    "mesh2motion_cc0/human-female.glb",
    "mesh2motion_cc0/human-kenney.glb",
    "rocketbox_mit/Male_Adult_04.fbx",
)
COLOURS = {"Male_Adult_04": (0.10, 0.16, 0.30, 1), "Female_Adult_05": (0.42, 0.10, 0.12, 1)}
HEIGHT_M = 1.75
APART_M, ROWS_APART_M = 1.55, 2.2
PICTURE_PX = (1000, 440)
SAMPLES = 32
MOTION, MOMENT_S = "kick", 1.05


def main(out: Path) -> None:
    human = characters.human()
    people = [human, characters.imp(), *(_brought_in(RIGS / name) for name in OTHERS)]
    track = exact_tracks.motion(MOTION, fps=30).track
    render = bpy.context.scene.render
    render.fps, render.fps_base = 30, 1
    for i, person in enumerate(people):
        _stand(person, Vector(((i % 5 - 2 + 0.5 * (i // 5) - 0.25) * APART_M, (i // 5) * ROWS_APART_M, 0)))
        applied = apply_track(bpy.context, person, track, preset="auto", resources=ROOT)
        print(person.name, applied.preset, applied.warnings, flush=True)
        person.hide_set(True)
    scene._stage()
    bpy.data.objects["Floor"].data.materials[0] = characters._material("Plain floor", (0.30, 0.31, 0.33, 1))
    _look(bpy.context.scene.camera)
    frame = bpy.context.scene.frame_start + round(MOMENT_S * 30)
    _render(out, frame)


def _brought_in(path: Path) -> bpy.types.Object:
    """A character beside those that are there; without animations and helpers that it came with."""
    before = set(bpy.data.objects)
    files._reading(path.name, lambda: files._import(path))
    new = set(bpy.data.objects) - before
    armature = max((o for o in new if o.type == "ARMATURE"), key=lambda o: len(o.data.bones))
    armature.name = path.stem
    armature.animation_data_clear()
    for item in list(new):
        in_hand = item.parent_type == "BONE" and not item.name.endswith(("Hat", "Cape"))
        if item.type == "MESH" and (in_hand or (item.find_armature() != armature and item.parent != armature)):
            bpy.data.objects.remove(item)  # weapons, and the shapes that stand for bones
        elif item.type == "MESH" and path.stem in COLOURS:
            item.data.materials.clear()
            item.data.materials.append(characters._material(path.stem, COLOURS[path.stem]))
    return armature


def _stand(person: bpy.types.Object, place: Vector) -> None:
    """As tall as the others, with its feet at the place."""
    top = person
    while top.parent is not None:
        top = top.parent

    def span() -> tuple[float, float]:
        bpy.context.view_layer.update()
        meshes = [item for item in person.children_recursive if item.type == "MESH" and item.parent_type != "BONE"]
        heights = [(item.matrix_world @ Vector(corner)).z for item in meshes for corner in item.bound_box]
        return min(heights), max(heights)

    low, high = span()
    top.scale *= HEIGHT_M / (high - low)
    top.location = place
    top.location.z -= span()[0] - place.z


def _look(camera: bpy.types.Object) -> None:
    camera.location = (1.0, -8.5, 3.6)
    middle = Vector((-0.15, ROWS_APART_M / 2, 0.80))
    camera.rotation_euler = (middle - camera.location).to_track_quat("-Z", "Y").to_euler()
    camera.data.lens = 40
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = 2.5, 0.2
    sun.rotation_euler = (0.7, 0.2, 0.5)
    bpy.context.scene.collection.objects.link(sun)
    bpy.context.scene.world.color = (0.75, 0.80, 0.88)


def _render(out: Path, frame: int) -> None:
    render = bpy.context.scene.render
    bpy.context.scene.frame_set(frame)
    render.engine = "CYCLES"
    bpy.context.scene.cycles.device = "CPU"
    bpy.context.scene.cycles.samples = SAMPLES
    bpy.context.scene.cycles.use_denoising = True
    render.resolution_x, render.resolution_y, render.resolution_percentage = *PICTURE_PX, 100
    render.image_settings.file_format = "PNG"
    render.image_settings.color_mode = "RGB"
    render.image_settings.compression = 100
    render.filepath = str(out)
    with files.quietly():
        bpy.ops.render.render(write_still=True)
    print(f"wrote {out}, {out.stat().st_size / 1e3:.0f} kB, {np.prod(PICTURE_PX)} pixels", flush=True)


if __name__ == "__main__":
    script.run(lambda words: main(Path(words[0]).absolute()))
