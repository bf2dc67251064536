"""Runs inside a Blender: `rig_checks.py -- RESULTS.json COMMAND ARGUMENT…`. Not collected by pytest; test_rigs.py starts it.

exact FOLDER RIG…           what each rig does on exact tracks; its keyed rotations go to FOLDER, one .npz a rig
round_trip FOLDER FPS RIG…  each rig animated, written to FOLDER in every format, opened again and measured
props FOLDER                the files that test_retarget.py works on
linked FOLDER SCALE         character.blend, so large, and shot.blend where it is overridden; the character.gltf and .bin
inspect FOLDER FILE…        what is in animated files
solved_again FILE:ARMATURE  what the add-on makes of the contacts in a .blend that `retarget` wrote
A RIG is "rigify", "metarig", a name of rig_builders.BUILDS, or a file.
"""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np
from bpy_extras import anim_utils

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.bridge import clip_camera, files  # noqa: E402
from blender_pose3d.bridge.apply import AppliedMotion, apply_again, apply_track  # noqa: E402
from blender_pose3d.bridge.markers import source_of  # noqa: E402
from blender_pose3d.bridge.measure import angles_deg, joint_limb_directions, posed_limb_directions  # noqa: E402
from blender_pose3d.bridge.rig_reader import choose_mapping, read_rig  # noqa: E402
from blender_pose3d.core.errors import Pose3DError  # noqa: E402
from blender_pose3d.core.rig import RigSpec  # noqa: E402
from blender_pose3d.core.skeleton import INDEX  # noqa: E402
from blender_pose3d.core.solve import SolveOptions  # noqa: E402
from blender_pose3d.core.upright import upright  # noqa: E402
from tests.blender import exact_tracks, rig_builders, script  # noqa: E402

_MOTIONS = {
    "demo": lambda: exact_tracks.demo(every=5),
    "kick": lambda: exact_tracks.motion("kick", fps=8),
    "lie_down": lambda: exact_tracks.motion("lie_down", fps=4),
}


def open_named(name: str) -> bpy.types.Object:
    if name == "rigify" or name.endswith((".glb", ".fbx", ".bvh", ".blend")):
        return files.open_rig(files.parse_rig(name))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return rig_builders.named(name)()


def animate(armature: bpy.types.Object, exact: exact_tracks.Exact, *, preset: str = "auto") -> AppliedMotion:
    """Every frame of the track on a frame of its own, nothing smoothed."""
    scene = bpy.context.scene
    fps = exact.track.fps
    scene.render.fps, scene.render.fps_base = max(1, round(fps)), max(1, round(fps)) / fps
    options = SolveOptions(smoothing_s=0, camera=exact.camera)
    applied = apply_track(bpy.context, armature, exact.track, preset=preset, resources=ROOT, options=options)
    assert applied.frame_end - applied.frame_start + 1 == exact.track.frame_count
    scene.frame_start, scene.frame_end = applied.frame_start, applied.frame_end
    return applied


def spec_of(armature: bpy.types.Object, *, preset: str = "auto") -> RigSpec:
    return read_rig(armature, choose_mapping(armature, preset=preset, presets_folder=ROOT / "rigs"))


def turned(vectors: np.ndarray, angle_rad: float) -> np.ndarray:
    """About the world's up axis."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return vectors @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])


@dataclass(frozen=True)
class Posed:
    """What an armature really does, from its evaluated pose bones.

    limbs [T, 8, 3]; front [T, 3]: where the hips face; trunk [T, 3]: from the middle of the hips to that of the shoulders;
    hips_m [T, 3]: the middle of the thighs' heads; ankle_m [T]: height of the lower ankle above where it is at
    rest, upright; turns_deg: the greatest turn of a bone from a frame to the next.
    """

    limbs: np.ndarray
    front: np.ndarray
    trunk: np.ndarray
    hips_m: np.ndarray
    ankle_m: np.ndarray
    turns_deg: float


def posed(armature: bpy.types.Object, rig: RigSpec, frames: np.ndarray, *, heading_rad: float = 0.0) -> Posed:
    """heading_rad: which way the character's face looks at rest, from -Y."""
    limbs = posed_limb_directions(bpy.context, armature, rig, frames)
    names = {
        role: rig.bone_names[rig.bone(role)]
        for role in ("hips", "left_thigh", "right_thigh", "left_upper_arm", "right_upper_arm", "left_foot", "right_foot")
    }
    role_bones = [name for bones in rig.mapping.bones.values() for name in bones]
    middles = [
        rig.rest_heads_world_m[[rig.bone(f"{side}_{part}") for side in ("left", "right")]].mean(0)
        for part in ("thigh", "upper_arm")
    ]
    up = _unit(middles[1] - middles[0])
    face = turned(np.array([0.0, -1.0, 0.0]), heading_rad)
    face = _unit(face - (face @ up) * up)
    standing = upright(rig) or rig
    ankle_at_rest = min(standing.rest_heads_world_m[rig.bone(f"{side}_foot"), 2] for side in ("left", "right"))
    fronts, trunks, hips, ankles, turns = [], [], [], [], []
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
        ankles.append(min(heads["left_foot"][2], heads["right_foot"][2]) - ankle_at_rest)
        turns.append([now.pose.bones[name].matrix.to_quaternion() for name in role_bones])
    q = np.array(turns)  # [T, bones, 4]
    between = np.degrees(2 * np.arccos(np.clip(np.abs((q[1:] * q[:-1]).sum(-1)), 0, 1)))
    return Posed(limbs, _unit(np.array(fronts)), _unit(np.array(trunks)), np.array(hips), np.array(ankles), float(between.max()))


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def exact(folder: str, *rigs: str) -> dict[str, dict]:
    return {rig: _exact(rig, Path(folder)) for rig in rigs}


def _exact(name: str, folder: Path) -> dict:
    """Degrees, the greatest over all motions and frames unless said otherwise; a refusal as {"refused": sentence}."""
    armature = open_named(name)
    heading = np.radians(rig_builders.HEADINGS_DEG.get(name, 0.0))
    result: dict[str, list[float]] = {}
    try:
        for title, make in _MOTIONS.items():
            given = make()
            applied = animate(armature, given)
            for measure, value in measured(armature, given, applied, heading_rad=heading).items():
                result[measure] = max(result.get(measure, 0.0), value)
            if title == "demo":
                rotations = keyed_rotations(armature, applied)
                np.savez(folder / f"{Path(name).stem}.npz", bones=applied.motion.bone_names, rotations=rotations)
    except Pose3DError as error:
        return {"refused": error.sentence}
    return result | {"preset": applied.preset, "warnings": applied.warnings}


def measured(
    armature: bpy.types.Object, given: exact_tracks.Exact, applied: AppliedMotion, *, heading_rad: float = 0.0
) -> dict[str, float]:
    """Between what the armature does and the truth: degrees; for the path and the ground shares of the leg's length.

    heading_rad: which way its face looks at rest, from -Y.
    """
    frames = np.linspace(applied.frame_start, applied.frame_end, given.track.frame_count)
    seen = posed(armature, spec_of(armature), frames, heading_rad=heading_rad)
    joints = turned(given.joints_world_m, applied.motion.heading_rad)
    limbs = angles_deg(seen.limbs, joint_limb_directions(joints))
    trunk = _unit(joints[:, INDEX["thorax"]] - joints[:, INDEX["pelvis"]])
    front = _unit(np.cross(joints[:, INDEX["left_hip"]] - joints[:, INDEX["right_hip"]], trunk))
    path = joints[:, INDEX["pelvis"], :2] * applied.motion.scale
    leg = spec_of(armature).leg_length_m
    return {
        "path": float(np.linalg.norm((seen.hips_m[:, :2] - seen.hips_m[0, :2]) - (path - path[0]), axis=-1).max() / leg),
        "above_ground": float(seen.ankle_m.max() / leg),
        "below_ground": float(-seen.ankle_m.min() / leg),
        "mean_limb": float(limbs.mean()),
        "worst_limb": float(limbs.max()),
        "trunk": float(angles_deg(seen.trunk, trunk).max()),
        "front": float(angles_deg(seen.front, front).max()),
        "heading": float(abs((np.degrees(applied.motion.heading_rad - heading_rad) + 180) % 360 - 180)),
        "turn_in_a_frame": seen.turns_deg,
    }


def keyed_rotations(armature: bpy.types.Object, applied: AppliedMotion) -> np.ndarray:
    """[T, K, 4] wxyz, from the evaluated pose."""
    rows = []
    for frame in range(applied.frame_start, applied.frame_end + 1):
        bpy.context.scene.frame_set(frame)
        now = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        rows.append([now.pose.bones[name].matrix_basis.to_quaternion() for name in applied.motion.bone_names])
    return np.array(rows)


def round_trip(folder: str, fps: str, *rigs: str) -> dict[str, dict]:
    """Differences between what was written and what is read, for each rig and format."""
    return {rig: _round_trip(rig, Path(folder), exact_tracks.motion("demo", fps=float(fps))) for rig in rigs}


def _round_trip(name: str, folder: Path, given: exact_tracks.Exact) -> dict[str, dict]:
    armature = open_named(name)
    applied = animate(armature, given)
    rig = spec_of(armature)
    frames = np.arange(applied.frame_start, applied.frame_end + 1)
    before = posed(armature, rig, frames)
    seconds = float((frames[-1] - frames[0]) / given.track.fps)
    paths = [folder / f"{Path(name).stem}{kind}" for kind in files.OUT_SUFFIXES]
    for path in paths:
        files.export(path, armature, bones=applied.motion.bone_names)
    action = {"action": applied.action_name}
    return {path.suffix: _read_back(path, rig, applied.preset, before, seconds) | action for path in paths}


def _read_back(path: Path, rig_before: RigSpec, preset: str, before: Posed, seconds: float) -> dict:
    armature = files.open_rig(files.RigFile(path))
    first, last = armature.animation_data.action.frame_range
    rig = spec_of(armature, preset=preset)  # by its names: a mirrored rig's shape shows the sides the other way round
    again = posed(armature, rig, np.linspace(first, last, len(before.limbs)))
    if rig.is_mirrored != rig_before.is_mirrored:  # the bones named left are where they were, but are taken for the other side's
        again = replace(again, limbs=np.roll(again.limbs, 4, axis=1))
    moved, moved_again = before.hips_m - before.hips_m[0], again.hips_m - again.hips_m[0]
    return {
        "worst_limb_deg": float(angles_deg(before.limbs, again.limbs).max()),
        "path_m": float(np.linalg.norm(moved - moved_again, axis=-1).max()),
        "place_m": float(np.linalg.norm(before.hips_m - again.hips_m, axis=-1).max()),
        "actions": [action.name for action in bpy.data.actions],
        "seconds_off": files.read_back(path)[1] - seconds,
        "bytes": path.stat().st_size,
    }


def props(folder: str) -> dict[str, str]:
    """human.blend: two characters, one of them hidden, with an old action, and what a production file has in a view layer that
    leaves it out; two_bones.blend; cube.glb, cube.fbx and cube.blend: no armature."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/cube.blend")
    files._enable_addon(".glb")
    files._enable_addon(".fbx")
    bpy.ops.export_scene.gltf(filepath=f"{folder}/cube.glb")
    bpy.ops.export_scene.fbx(filepath=f"{folder}/cube.fbx")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.object.armature_add()
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.ops.armature.extrude_move(TRANSFORM_OT_translate={"value": (0, 0, 1)})
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/two_bones.blend")
    bpy.ops.wm.read_factory_settings(use_empty=True)
    person, hidden = rig_builders.build("a_pose"), rig_builders.build("posed_root")
    person.animation_data_create().action = bpy.data.actions.new("Old")
    _skinned_cube(person)
    widgets = bpy.data.collections.new("Widgets")
    bpy.context.scene.collection.children.link(widgets)
    widgets.objects.link(bpy.data.objects.new("Widget", bpy.data.meshes.new("Widget")))
    bpy.context.view_layer.layer_collection.children["Widgets"].exclude = True
    hidden.hide_set(True)
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/human.blend")
    return {}


def _skinned_cube(person: bpy.types.Object) -> None:
    bpy.ops.mesh.primitive_cube_add()
    mesh = bpy.context.object
    mesh.parent = person
    mesh.modifiers.new("Armature", "ARMATURE").object = person
    mesh.vertex_groups.new(name="Head").add(range(8), 1.0, "REPLACE")


def linked(folder: str, scale: str) -> dict[str, str]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    person = rig_builders.build("a_pose")
    name = person.name
    person.scale = (float(scale),) * 3
    _skinned_cube(person)
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/character.blend")
    files._enable_addon(".glb")
    bpy.ops.export_scene.gltf(filepath=f"{folder}/the character.gltf", export_format="GLTF_SEPARATE")
    if not Path(folder, "shot.blend").exists():
        bpy.ops.wm.read_factory_settings(use_empty=True)
        bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
        with bpy.data.libraries.load(f"{folder}/character.blend", link=True, relative=True) as (_, here):
            here.objects = [name]
        bpy.context.scene.collection.objects.link(here.objects[0])
        here.objects[0].override_create(remap_local_usages=True)
        bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/shot.blend")
    return {}


def inspect(folder: str, *paths: str) -> dict[str, dict]:
    return {path: _inspect(Path(path)) for path in paths}


def _inspect(path: Path) -> dict:
    armature = max(
        (o for o in [files.open_rig(files.RigFile(path)), *bpy.context.scene.objects] if o.type == "ARMATURE"),
        key=lambda o: bool(o.animation_data and o.animation_data.action and "Old" not in o.animation_data.action.name),
    )
    action = armature.animation_data.action
    bag = anim_utils.action_get_channelbag_for_slot(action, armature.animation_data.action_slot)
    keys = np.array([point.co for curve in bag.fcurves for point in curve.keyframe_points])
    rig = spec_of(armature)
    first, last = action.frame_range
    seen = posed(armature, rig, np.linspace(first, last, 50))
    render = bpy.context.scene.render
    found = {
        "armature": armature.name,
        "finite": bool(np.isfinite(keys).all() and np.isfinite(seen.limbs).all()),
        "fps": render.fps / render.fps_base,
        "ankle_m": [float(seen.ankle_m.min()), float(seen.ankle_m.max())],
        "travelled_m": float(np.linalg.norm(np.ptp(seen.hips_m, axis=0))),
        "leg_m": rig.leg_length_m,
        "actions": [a.name for a in bpy.data.actions],
        "objects": [o.name for o in bpy.data.objects],
    }
    with contextlib.suppress(Pose3DError):
        found["track"] = str(source_of(action).track)
    return found | {"seconds": files.read_back(path, armature.name)[1]}


def solved_again(rig: str) -> dict:
    """What the add-on can do with a result: its track, the action of solving its contacts again, and where the person is seen."""
    armature = files.open_rig(files.parse_rig(rig))
    source = source_of(armature.animation_data.action)
    again = apply_again(bpy.context, armature, resources=ROOT)
    seen = clip_camera.prepare(armature, resources=ROOT)()
    return {"track": str(source.track), "action": again.action_name, "frames": len(seen.joints_m())}


def main(words: list[str]) -> None:
    out, command, *arguments = words
    commands = {
        "exact": exact,
        "round_trip": round_trip,
        "props": props,
        "linked": linked,
        "inspect": inspect,
        "solved_again": solved_again,
    }
    Path(out).write_text(json.dumps(commands[command](*arguments)), encoding="utf-8")


if __name__ == "__main__":
    script.run(main)
