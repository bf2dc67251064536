"""Runs inside a Blender: `rig_checks.py -- RESULTS.json COMMAND ARGUMENT…`. Not collected by pytest; test_rigs.py starts it.

exact RIG…             what each rig does on exact tracks
dump FOLDER RIG…       the keyed rotations of each rig, one .npz a rig, to compare Blenders
round_trip FOLDER RIG… each rig animated, written in every format, opened again and measured
A RIG is "rigify", "metarig", a name of rig_builders.BUILDS, or a file.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.bridge import files  # noqa: E402
from blender_pose3d.bridge.apply import AppliedMotion, apply_track  # noqa: E402
from blender_pose3d.bridge.measure import LIMBS, angles_deg, joint_limb_directions, posed_limb_directions  # noqa: E402
from blender_pose3d.bridge.rig_reader import choose_mapping, read_rig  # noqa: E402
from blender_pose3d.core.errors import Pose3DError  # noqa: E402
from blender_pose3d.core.rig import RigSpec  # noqa: E402
from blender_pose3d.core.skeleton import INDEX  # noqa: E402
from blender_pose3d.core.solve import SolveOptions  # noqa: E402
from tests.blender import exact_tracks, rig_builders  # noqa: E402

_MOTIONS = {"demo": lambda: exact_tracks.demo(every=3), "kick": lambda: exact_tracks.motion("kick"), "lie_down": lambda: exact_tracks.motion("lie_down")}


def open_named(name: str) -> bpy.types.Object:
    if name == "rigify" or name.endswith((".glb", ".fbx", ".bvh", ".blend")):
        return files.open_rig(files.parse_rig(name))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return rig_builders.named(name)()


def animate(armature: bpy.types.Object, exact: exact_tracks.Exact) -> AppliedMotion:
    """Every frame of the track on a frame of its own, nothing smoothed."""
    scene = bpy.context.scene
    fps = exact.track.fps
    scene.render.fps, scene.render.fps_base = max(1, round(fps)), max(1, round(fps)) / fps
    options = SolveOptions(smoothing_s=0, camera=exact.camera)
    applied = apply_track(bpy.context, armature, exact.track, preset="auto", resources=ROOT, options=options)
    assert applied.frame_end - applied.frame_start + 1 == exact.track.frame_count
    scene.frame_start, scene.frame_end = applied.frame_start, applied.frame_end
    return applied


def spec_of(armature: bpy.types.Object) -> RigSpec:
    return read_rig(armature, choose_mapping(armature, preset="auto", presets_folder=ROOT / "rigs"))


def turned(vectors: np.ndarray, angle_rad: float) -> np.ndarray:
    """About the world's up axis."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return vectors @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


@dataclass(frozen=True)
class Posed:
    """What an armature really does, from its evaluated pose bones. limbs [T, 8, 3]; front [T, 3] of the hips, trunk [T, 3] up the
    body; hips_m [T, 3]: the middle of the thighs' heads; turns_deg: the greatest turn of a bone from a frame to the next; finite."""

    limbs: np.ndarray
    front: np.ndarray
    trunk: np.ndarray
    hips_m: np.ndarray
    turns_deg: float


def posed(armature: bpy.types.Object, rig: RigSpec, frames: np.ndarray, *, heading_rad: float = 0.0) -> Posed:
    """heading_rad: which way the character's face looks at rest, from -Y."""
    limbs = posed_limb_directions(bpy.context, armature, rig, frames)
    names = {role: rig.mapping.bone(role) for role in ("hips", "left_thigh", "right_thigh", "left_upper_arm", "right_upper_arm")}
    role_bones = [name for bones in rig.mapping.bones.values() for name in bones]
    middles = [rig.rest_heads_world_m[[rig.bone(f"{side}_{part}") for side in ("left", "right")]].mean(0) for part in ("thigh", "upper_arm")]
    up = _unit(middles[1] - middles[0])
    face = turned(np.array([0.0, -1.0, 0.0]), heading_rad)
    face = _unit(face - (face @ up) * up)
    fronts, trunks, hips, turns = [], [], [], []
    for frame in frames:
        bpy.context.scene.frame_set(int(np.floor(frame)), subframe=float(frame % 1))
        now = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        world = np.array(now.matrix_world)
        heads = {role: world[:3, :3] @ np.array(now.pose.bones[name].head) + world[:3, 3] for role, name in names.items()}
        rest = np.array(now.data.bones[names["hips"]].matrix_local)
        moved = world @ np.array(now.pose.bones[names["hips"]].matrix) @ np.linalg.inv(world @ rest)
        fronts.append(moved[:3, :3] @ face)
        hips.append((heads["left_thigh"] + heads["right_thigh"]) / 2)
        trunks.append((heads["left_upper_arm"] + heads["right_upper_arm"]) / 2 - hips[-1])
        turns.append([now.pose.bones[name].matrix.to_quaternion() for name in role_bones])
    q = np.array(turns)  # [T, bones, 4]
    between = np.degrees(2 * np.arccos(np.clip(np.abs((q[1:] * q[:-1]).sum(-1)), 0, 1)))
    return Posed(limbs, _unit(np.array(fronts)), _unit(np.array(trunks)), np.array(hips), float(between.max()))


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def exact(rigs: list[str]) -> dict[str, dict]:
    return {rig: _exact(rig) for rig in rigs}


def _exact(name: str) -> dict:
    """Errors in degrees, over all motions; a refusal as {"refused": sentence}."""
    armature = open_named(name)
    heading = np.radians(rig_builders.HEADINGS_DEG.get(name, 0.0))
    result = {"mean_deg": [], "worst_deg": [], "trunk_deg": [], "front_deg": [], "heading_deg": [], "turn_deg": []}
    try:
        for make in _MOTIONS.values():
            given = make()
            applied = animate(armature, given)
            rig = spec_of(armature)
            frames = np.arange(applied.frame_start, applied.frame_end + 1)
            seen = posed(armature, rig, frames, heading_rad=heading)
            joints = turned(given.joints_world_m, applied.motion.heading_rad)
            errors = angles_deg(seen.limbs, joint_limb_directions(joints))
            trunk = _unit(joints[:, INDEX["thorax"]] - joints[:, INDEX["pelvis"]])
            front = _unit(np.cross(joints[:, INDEX["left_hip"]] - joints[:, INDEX["right_hip"]], trunk))
            result["mean_deg"].append(float(errors.mean()))
            result["worst_deg"].append(float(errors.max()))
            result["trunk_deg"].append(float(angles_deg(seen.trunk, trunk).max()))
            result["front_deg"].append(float(angles_deg(seen.front, front).max()))
            result["turn_deg"].append(seen.turns_deg)
            result["heading_deg"].append(float(np.degrees(applied.motion.heading_rad)))
    except Pose3DError as error:
        return {"refused": error.sentence}
    return result | {"preset": applied.preset, "warnings": applied.warnings, "bones": len(armature.data.bones)}


def dump(folder: str, *rigs: str) -> dict[str, str]:
    out = {}
    for name in rigs:
        armature = open_named(name)
        applied = animate(armature, exact_tracks.demo(every=10))
        rotations = []
        for frame in range(applied.frame_start, applied.frame_end + 1):
            bpy.context.scene.frame_set(frame)
            now = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
            rotations.append([bone.matrix_basis.to_quaternion() for bone in map(now.pose.bones.get, applied.motion.bone_names)])
        out[name] = str(Path(folder) / f"{Path(name).stem}.npz")
        np.savez(out[name], bones=np.array(applied.motion.bone_names), rotations=np.array(rotations))
    return out


def round_trip(folder: str, *rigs: str) -> dict[str, dict]:
    return {rig: {suffix: _tried(rig, Path(folder) / f"{Path(rig).stem}{suffix}") for suffix in files.OUT_SUFFIXES} for rig in rigs}


def _tried(name: str, path: Path) -> dict:
    try:
        return _round_trip(name, path)
    except Pose3DError as error:
        return {"refused": error.sentence}


def _round_trip(name: str, path: Path) -> dict:
    armature = open_named(name)
    given = exact_tracks.demo(every=5)
    applied = animate(armature, given)
    rig = spec_of(armature)
    frames = np.arange(applied.frame_start, applied.frame_end + 1)
    before = posed(armature, rig, frames)
    files.export(path, armature, bones=applied.motion.bone_names)
    read = files.open_rig(files.RigFile(path))
    action = read.animation_data.action
    scene = bpy.context.scene
    fps = scene.render.fps / scene.render.fps_base
    first, last = action.frame_range
    again = posed(read, spec_of(read), first + (frames - frames[0]) / given.track.fps * fps)
    moved, moved_again = before.hips_m - before.hips_m[0], again.hips_m - again.hips_m[0]
    return {
        "worst_deg": float(angles_deg(before.limbs, again.limbs).max()),
        "path_m": float(np.linalg.norm(moved - moved_again, axis=-1).max()),
        "place_m": float(np.linalg.norm(before.hips_m - again.hips_m, axis=-1).max()),
        "seconds": float((last - first) / fps),
        "expected_seconds": float((frames[-1] - frames[0]) / given.track.fps),
        "actions": [a.name for a in bpy.data.actions],
        "bones": len(read.data.bones),
        "bytes": path.stat().st_size,
    }


def main() -> int:
    out, command, *arguments = sys.argv[sys.argv.index("--") + 1 :]
    commands = {"exact": lambda: exact(arguments), "dump": lambda: dump(*arguments), "round_trip": lambda: round_trip(*arguments)}
    try:
        Path(out).write_text(json.dumps(commands[command]()), encoding="utf-8")
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
