"""Runs inside a Blender: `hands_stage.py -- film FOLDER FRAMES` films a character who closes its hands, and writes how far its
fingers are bent; `hands_stage.py -- solve TRACK OUT.npz PICTURE` puts a track on the character and measures its fingers.

Not collected by pytest; test_hands.py starts it. What is measured are angles between the heads of posed bones, by Blender.
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.bridge import files  # noqa: E402
from blender_pose3d.bridge.apply import apply_track  # noqa: E402
from blender_pose3d.core.motion import MotionOptions  # noqa: E402
from blender_pose3d.core.track_io import read_track  # noqa: E402
from tests.blender import script  # noqa: E402
from tests.demo import characters, scene  # noqa: E402

RIG = ROOT.parent / "shared" / "rigs" / "mesh2motion_cc0" / "human-male.glb"
FPS = 10
FINGERS = ("index", "middle", "ring", "pinky")
# Degrees about each joint's hinge, from the knuckle outwards.
OPEN, FIST = (4.0, 6.0, 4.0), (72.0, 92.0, 55.0)
THUMB_OPEN, THUMB_FIST = (0.0, 0.0, 0.0), (12.0, 25.0, 35.0)
SKIN = (0.55, 0.30, 0.20, 1)


def character() -> bpy.types.Object:
    """The character alone in the file, in one colour of skin, without the animations that it came with."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    files._reading(RIG.name, lambda: files._import(RIG))
    armature = max((o for o in bpy.data.objects if o.type == "ARMATURE"), key=lambda o: len(o.data.bones))
    armature.animation_data_clear()
    for item in list(bpy.data.objects):
        if item.type == "MESH" and item.find_armature() != armature:
            bpy.data.objects.remove(item)
        elif item.type == "MESH":
            item.data.materials.clear()
            item.data.materials.append(characters._material("Skin", SKIN))
    return armature


def bends_deg(armature: bpy.types.Object) -> np.ndarray:
    """Of the posed fingers [2, 4, 3]: left and right, FINGERS, knuckle to tip: angles between the lines through bones' heads."""
    bpy.context.view_layer.update()
    out = np.empty((2, len(FINGERS), 3))
    for side, letter in enumerate("lr"):
        for number, finger in enumerate(FINGERS):
            names = (f"hand_{letter}", *(f"{finger}_0{joint}_{letter}" for joint in (1, 2, 3)), f"{finger}_04_leaf_{letter}")
            heads = np.array([armature.pose.bones[name].head for name in names])
            ways = np.diff(heads, axis=0)
            ways /= np.linalg.norm(ways, axis=1, keepdims=True)
            out[side, number] = np.degrees(np.arccos(np.clip((ways[:-1] * ways[1:]).sum(1), -1, 1)))
    return out


def palms(armature: bpy.types.Object) -> np.ndarray:
    """Of the posed hands [2, 2, 3], world axes: from the wrist to the knuckles, and from the little finger's to the index's."""
    out = np.empty((2, 2, 3))
    for side, letter in enumerate("lr"):
        wrist, index, little = (armature.pose.bones[f"{name}_{letter}"].head for name in ("hand", "index_01", "pinky_01"))
        for number, way in enumerate(((index + little) / 2 - wrist, index - little)):
            out[side, number] = (armature.matrix_world.to_3x3() @ way).normalized()
    return out


def film(folder: Path, frames: int) -> None:
    armature = character()
    _raise_arms(armature)
    truth = np.empty((frames, 2, len(FINGERS), 3))
    for frame in range(frames):
        closed = np.clip((frame / (frames - 1) - 0.35) / 0.3, 0, 1)  # open for a third, closed for a third
        _bend(armature, closed)
        for bone in armature.pose.bones:
            bone.keyframe_insert("rotation_quaternion", frame=frame + 1)
        truth[frame] = bends_deg(armature)
    np.savez(folder / "truth.npz", bends_deg=truth, palms=palms(armature))
    _stage((0.0, -2.7, 1.4), Vector((0, 0, 1.35)))
    stage = bpy.context.scene
    stage.frame_start, stage.frame_end = 1, frames
    stage.render.fps = FPS
    stage.render.filepath = str(folder / "hands.mp4")
    picture, video = stage.render.image_settings, stage.render.ffmpeg
    if hasattr(picture, "media_type"):
        picture.media_type = "VIDEO"
    picture.file_format = "FFMPEG"
    video.format, video.codec, video.constant_rate_factor = "MPEG4", "H264", "HIGH"
    with files.quietly():
        bpy.ops.render.render(animation=True)


def solve(track: Path, out: Path, picture: Path) -> None:
    armature = character()
    stage = bpy.context.scene
    stage.render.fps = FPS
    measured = {}
    for name, follow in (("relaxed", False), ("followed", True)):
        options = MotionOptions(follow_hands=follow, dense_keys=True)
        applied = apply_track(bpy.context, armature, read_track(track), preset="auto", resources=ROOT, options=options)
        rows, hands = [], []
        for frame in range(applied.frame_start, applied.frame_end + 1):
            stage.frame_set(frame)
            rows.append(bends_deg(armature))
            hands.append(palms(armature))
        measured |= {name: np.array(rows), f"{name}_palms": np.array(hands)}
    np.savez(out, **measured)
    _stage((0.0, -2.7, 1.4), Vector((0, 0, 1.35)))
    for name, frame in (("open", applied.frame_start + 1), ("closed", applied.frame_end - 1)):
        stage.frame_set(frame)
        stage.render.filepath = str(picture.with_stem(f"{picture.stem}_{name}"))
        with files.quietly():
            bpy.ops.render.render(write_still=True)


def _stage(place: tuple[float, float, float], at: Vector) -> None:
    scene._stage()
    stage = bpy.context.scene
    bpy.data.objects["Floor"].hide_render = True
    stage.camera.location = place
    stage.camera.rotation_euler = (at - stage.camera.location).to_track_quat("-Z", "Y").to_euler()
    stage.camera.data.lens = 45
    stage.world.color = (0.8, 0.8, 0.85)
    stage.render.engine = "CYCLES"
    stage.cycles.device, stage.cycles.samples, stage.cycles.use_denoising, stage.cycles.max_bounces = "CPU", 12, False, 1
    stage.render.resolution_x, stage.render.resolution_y, stage.render.resolution_percentage = 720, 560, 100
    stage.render.use_persistent_data = True


def _raise_arms(armature: bpy.types.Object) -> None:
    """Forearms up, the hands' edges with the thumbs half towards the camera."""
    for letter, sign in (("l", 1), ("r", -1)):
        _turn(armature, f"upperarm_{letter}", Vector((0, 1, 0)), sign * 50)
        _turn(armature, f"upperarm_{letter}", Vector((1, 0, 0)), -35)
        _turn(armature, f"lowerarm_{letter}", Vector((0, 1, 0)), -sign * 110)
        bones = armature.pose.bones
        along = bones[f"hand_{letter}"].head - bones[f"lowerarm_{letter}"].head
        _turn(armature, f"lowerarm_{letter}", (armature.matrix_world.to_3x3() @ along).normalized(), sign * 40)


def _turn(armature: bpy.types.Object, name: str, axis: Vector, angle_deg: float) -> None:
    """A bone about its head and an axis of the world."""
    bone, world = armature.pose.bones[name], armature.matrix_world
    head = world @ bone.head
    turn = Matrix.Translation(head) @ Matrix.Rotation(np.radians(angle_deg), 4, axis) @ Matrix.Translation(-head)
    bone.matrix = world.inverted() @ turn @ world @ bone.matrix
    bpy.context.view_layer.update()


def _bend(armature: bpy.types.Object, closed: float) -> None:
    """Each joint about the line across the palm, as it lies at rest; the character's rest pose is a T with palms down."""
    for letter, sign in (("l", 1), ("r", -1)):
        for finger in (*FINGERS, "thumb"):
            limits = (THUMB_OPEN, THUMB_FIST) if finger == "thumb" else (OPEN, FIST)
            across = Vector((0, sign, 0)) if finger != "thumb" else Vector((sign * 0.4, 0.5 * sign, 0.7 * sign))
            for joint in (1, 2, 3):
                bone = armature.pose.bones[f"{finger}_0{joint}_{letter}"]
                angle = np.radians(limits[0][joint - 1] + closed * (limits[1][joint - 1] - limits[0][joint - 1]))
                own = bone.bone.matrix_local.to_3x3().inverted() @ (armature.matrix_world.to_3x3().inverted() @ across)
                bone.rotation_mode = "QUATERNION"
                bone.rotation_quaternion = Quaternion(own.normalized(), angle)


def main(arguments: list[str]) -> None:
    command, *words = arguments
    if command == "film":
        film(Path(words[0]), int(words[1]))
    else:
        solve(*map(Path, words))


if __name__ == "__main__":
    script.run(main)
