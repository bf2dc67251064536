"""Runs inside a Blender: `_retarget_in_blender.py -- RESULTS.json [RIG…]`; retarget.py starts it.

Each rig: what recognition finds by its names and, renamed to Bone.NNNN, by its shape alone; what it does on exact tracks; how
long 1,000 frames take. Then the same motion by Blender's own Copy Rotation constraints and nla.bake.
"""

from __future__ import annotations

import json
import random
import runpy
import sys
import tempfile
import time
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.bridge.apply import apply_track  # noqa: E402
from blender_pose3d.bridge.bvh import write_bvh  # noqa: E402
from blender_pose3d.bridge.measure import angles_deg, joint_limb_directions, posed_limb_directions  # noqa: E402
from blender_pose3d.bridge.rig_reader import choose_mapping, read_skeleton  # noqa: E402
from blender_pose3d.bridge.source import apply_source, sample  # noqa: E402
from blender_pose3d.core.errors import Pose3DError  # noqa: E402
from blender_pose3d.core.motion import MotionOptions  # noqa: E402
from blender_pose3d.core.preset import Mapping  # noqa: E402
from blender_pose3d.core.recognise import recognise  # noqa: E402
from blender_pose3d.core.rig import RigSpec  # noqa: E402
from blender_pose3d.core.skeleton import INDEX, JOINT_NAMES  # noqa: E402
from blender_pose3d.core.solve import SolveOptions, heading_of  # noqa: E402
from tests.blender import exact_tracks, rig_builders, script  # noqa: E402
from tests.blender.rig_checks import animate, open_named, spec_of, turned  # noqa: E402

PRESETS = ROOT / "rigs"
LONG = 1000
REPEATS = 3
OURS = "Bench"
MANY_BONES = 200  # the bake of Rigify's generated rig takes a minute
# Written down by hand, one line a family: hips, first of the spine, chest, head; upper arm, forearm, hand, thigh, shin, foot.
_MIXAMO = "Hips Spine Spine2 Head; {Side}Arm {Side}ForeArm {Side}Hand {Side}UpLeg {Side}Leg {Side}Foot"
_UNREAL = "pelvis spine_01 spine_03 head; upperarm_{s} lowerarm_{s} hand_{s} thigh_{s} calf_{s} foot_{s}"
_RIGIFY = "spine spine.001 spine.003 spine.006; upper_arm.{S} forearm.{S} hand.{S} thigh.{S} shin.{S} foot.{S}"
_BIPED = (
    "Bip01 Pelvis,Bip01 Spine,Bip01 Spine2,Bip01 Head; Bip01 {S} UpperArm,Bip01 {S} Forearm,Bip01 {S} Hand,"
    "Bip01 {S} Thigh,Bip01 {S} Calf,Bip01 {S} Foot"
)
TRUTHS = {
    "metarig": _RIGIFY,
    # MPFB's skeleton has Rigify's names, but one bone more below the shoulders, and they hang on it: in its own description the
    # part of type "spines.basic_spine" reaches up to it, and "spines.super_head" begins with spine.005.
    "rig.rigify_human": _RIGIFY.replace("spine.003", "spine.004"),
    "rigify": "torso spine_fk.002 spine_fk.003 head; upper_arm_fk.{S} forearm_fk.{S} hand_fk.{S} "
    "thigh_fk.{S} shin_fk.{S} foot_fk.{S}",
    "Barbarian": "hips spine chest head; upperarm.{s} lowerarm.{s} wrist.{s} upperleg.{s} lowerleg.{s} foot.{s}",
    "mannequiny-0.3.0": "pelvis spine_01 spine_02 head; upperarm.{s} lowerarm.{s} hand.{s} thigh.{s} calf.{s} foot.{s}",
    **dict.fromkeys(("human-female", "human-male", "human-zombie", "rig-human", "rig.game_engine"), _UNREAL),
    "human-kenney": _MIXAMO.replace("Spine2", "UpperChest"),
    "rig.cmu_mb": _MIXAMO.replace("Spine Spine2", "LowerBack Spine1"),
    "rig.default": "root spine05 spine01 head; upperarm01.{S} lowerarm01.{S} wrist.{S} upperleg01.{S} lowerleg01.{S} foot.{S}",
    **dict.fromkeys(("Female_Adult_05", "Male_Adult_04"), _BIPED),
}
_LIMB_PARTS = ("upper_arm", "forearm", "hand", "thigh", "shin", "foot")
_JOINT_ROLES = {"pelvis": "hips", "spine": "spine", "thorax": "chest", "nose": "head", "head_top": "head"} | {
    f"{side}_{joint}": f"{side}_{role}"
    for side in ("left", "right")
    for joint, role in zip(("shoulder", "elbow", "wrist", "hip", "knee", "ankle"), _LIMB_PARTS, strict=True)
}
# A bone beside the right one at the same joint (a deform bone for its control) is as right where only the shape tells.
_SAME_PLACE = 0.005
_BENT_RAD = np.radians(15.0)
_SHOWN_RAD = np.radians(8.0)


def truth_of(name: str) -> dict[str, str]:
    """Joint -> bone."""
    words = TRUTHS.get(Path(name).stem if "." in name else name, _MIXAMO)
    middle, limbs = (part.split(",") if "," in part else part.split() for part in words.split(";"))
    by_role = dict(zip(("hips", "spine", "chest", "head"), (m.strip() for m in middle), strict=True))
    for side in ("left", "right"):
        for role, pattern in zip(_LIMB_PARTS, limbs, strict=True):
            by_role[f"{side}_{role}"] = pattern.strip().format(s=side[0], S=side[0].upper(), Side=side.title())
    return {joint: by_role[_JOINT_ROLES[joint]] for joint in JOINT_NAMES}


def played(mapping: Mapping, joint: str) -> str:
    """The bone that stands for a joint: the trunk's first and last where there is no bone of its own."""
    trunk = (*mapping.bones.get("spine", ()), *mapping.bones.get("chest", ()))
    role = _JOINT_ROLES[joint]
    if role in ("spine", "chest"):
        return (trunk or ("",))[0 if role == "spine" else -1]
    return (mapping.bones.get(role) or ("",))[0]


def recognised(name: str) -> dict[str, object]:
    """How many of the 17 joints are on the right bone."""
    armature = open_named(name)
    truth = truth_of(name)
    bones = {bone.name.rsplit(":", 1)[-1]: bone.name for bone in armature.data.bones}
    out: dict[str, object] = {"bones": len(bones)}
    try:
        mapping = choose_mapping(armature, preset="auto", presets_folder=PRESETS)
    except Pose3DError as error:
        return out | {"refused": error.sentence}
    missing = sorted({bone for bone in truth.values() if bone not in bones})
    if missing:
        raise ValueError(f"{name} has no bones {missing}: its line of TRUTHS is wrong")
    out |= {"preset": mapping.preset, "named": sum(played(mapping, j) == bones[truth[j]] for j in truth)}
    skeleton = read_skeleton(armature)
    place = dict(zip(skeleton.names, skeleton.heads, strict=True))
    size = float(np.ptp(skeleton.heads, axis=0).max())
    original = list(armature.data.bones)
    was = {}
    for bone, number in zip(original, random.Random(name).sample(range(len(original)), len(original)), strict=True):
        was[f"Bone.{number:04d}"] = str(bone.name)
        bone.name = f"Bone.{number:04d}"
    found = recognise(read_skeleton(armature))
    right = 0
    for joint, bone in truth.items():
        one = was.get(played(found, joint), "")
        right += bool(one) and float(np.linalg.norm(place[one] - place[bones[bone]])) < _SAME_PLACE * size
    return out | {"anonymous": right}


def driven(name: str) -> dict[str, float]:
    """Errors against exact joints: limbs, whole rotations; the largest turn in a frame; seconds for 1,000 frames."""
    limbs, rotations, jump = [], [], 0.0
    for title in ("walk", "kick"):
        armature, given = open_named(name), exact_tracks.motion(title, fps=30 if title == "walk" else 15)
        applied = animate(armature, given)
        rig = spec_of(armature)
        frames = np.linspace(applied.frame_start, applied.frame_end, given.track.frame_count)
        joints = turned(given.joints_world_m, applied.motion.heading_rad)
        limbs.append(angles_deg(posed_limb_directions(bpy.context, armature, rig, frames), joint_limb_directions(joints)))
        turns = posed_turns(armature, rig, frames)
        rotations.append(rotation_errors_deg(rig, turns, joints))
        if title == "walk":
            jump = largest_jump_deg(rig, armature, frames)
    armature = open_named(name)
    bpy.context.scene.render.fps = 30
    track = exact_tracks.motion_at("walk", np.arange(LONG) / 30).track
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        apply_track(bpy.context, armature, track, preset="auto", resources=ROOT, options=SolveOptions(smoothing_s=0))
        times.append(time.perf_counter() - started)
    every = np.concatenate([errors.ravel() for errors in limbs])
    exact = np.concatenate(rotations)
    out = {"limb_mean_deg": float(every.mean()), "limb_worst_deg": float(every.max()), "jump_deg": jump, "plain_s": min(times)}
    scales = np.linalg.svd(rig.world_from_armature[:3, :3], compute_uv=False)
    if scales.max() > 1.001 * scales.min():  # in a sheared world a bone has no rotation of its own
        return out
    return out | {"rotation_mean_deg": float(exact.mean()), "rotation_worst_deg": float(exact.max())}


def posed_turns(armature: bpy.types.Object, rig: RigSpec, frames: np.ndarray) -> np.ndarray:
    """How far every bone is turned from rest, world axes: [T, B, 3, 3], from the evaluated pose."""
    linear = rig.world_from_armature[:3, :3]
    rest = np.linalg.inv(linear @ rig.rest_rotations)
    out = []
    for frame in frames:
        bpy.context.scene.frame_set(int(np.floor(frame)), subframe=float(frame % 1))
        now = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        pose = np.array([now.pose.bones[bone].matrix for bone in rig.bone_names])[:, :3, :3]
        out.append(np.array(now.matrix_world)[:3, :3] @ pose @ rest)
    u, _, v = np.linalg.svd(np.array(out))
    return u @ v


def rotation_errors_deg(rig: RigSpec, turns: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Of upper arms, forearms, thighs and shins, in frames in which the elbow or knee is bent enough to show its plane.

    The closed form: the frame of limb and plane of bend now, times the same frame at rest inverted; where the limb is straight at
    rest, elbows bend to the front and knees to the back. A bone that gives its twist to twist bones is measured by these.
    """
    errors = []
    linear = rig.world_from_armature[:3, :3]

    def place(role: str) -> np.ndarray:
        return linear @ rig.rest_heads[rig.bone(role)]

    for side in ("left", "right"):
        for parts, names, ahead in (
            (("upper_arm", "forearm", "hand"), ("shoulder", "elbow", "wrist"), 1.0),
            (("thigh", "shin", "foot"), ("hip", "knee", "ankle"), -1.0),
        ):
            a, b, c = (joints[:, INDEX[f"{side}_{name}"]] for name in names)
            rest_a, rest_b, rest_c = (place(f"{side}_{part}") for part in parts)
            now, rest = (b - a, c - b), (rest_b - rest_a, rest_c - rest_b)
            bend = angle_rad(*now)
            axis_rest = np.cross(*rest)
            anatomical = np.cross(rest[0], ahead * rig.front_world)
            if angle_rad(*rest) < _SHOWN_RAD or angle_rad(axis_rest, anatomical) > np.radians(60):
                axis_rest = anatomical
            for part, along, along_rest in zip(parts, now, rest, strict=False):
                closed = axes(along, np.cross(*now)) @ axes(along_rest, axis_rest).T
                own = rig.bone(f"{side}_{part}")
                twists = [rig.index[name] for name in rig.mapping.twists.get(f"{side}_{part}", ())]
                apart = np.min([np.degrees(between_rad(turns[:, bone], closed)) for bone in (own, *twists)], axis=0)
                errors.append(apart[bend > _BENT_RAD])
    return np.concatenate(errors)


def largest_jump_deg(rig: RigSpec, armature: bpy.types.Object, frames: np.ndarray) -> float:
    """Of any mapped bone from a frame to the next, in the armature's axes."""
    bones = [rig.bone_names[bone] for bone in rig.mapped_bones()]
    pose = []
    for frame in frames:
        bpy.context.scene.frame_set(int(frame))
        now = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        pose.append(np.array([now.pose.bones[bone].matrix for bone in bones]))
    turns = np.array(pose)[..., :3, :3]
    turns = turns / np.linalg.norm(turns, axis=-2, keepdims=True)
    return float(np.degrees(between_rad(turns[1:], turns[:-1])).max())


def axes(along: np.ndarray, across: np.ndarray) -> np.ndarray:
    x = along / np.linalg.norm(along, axis=-1, keepdims=True)
    z = np.cross(x, across)
    z = z / np.linalg.norm(z, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-1)


def angle_rad(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1))


def between_rad(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle of the rotation from a to b, exact for small ones."""
    return 2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=(-2, -1)) / np.sqrt(8), 0, 1))


def yardstick(name: str, peer_script: str) -> dict[str, float | str]:
    """The motion of an animated armature on this rig: by Blender's constraints and bake, by Retarget Animation, from a track, and
    by another's script where there is one and it can open the rig.

    Times are the shortest of REPEATS, since the machine may do other work; the bake of a large rig is done once.
    """
    out: dict[str, float | str] = {"rig": Path(name).name}
    target = open_named(name)
    out["bones"] = len(target.data.bones)
    out["vertices"] = sum(
        len(o.data.vertices) for o in bpy.context.scene.objects if o.type == "MESH" and o.find_armature() == target
    )
    source = rig_builders.build("a_pose")
    given = exact_tracks.motion_at("walk", np.arange(LONG) / 30)
    scene = bpy.context.scene
    scene.render.fps = 30
    options = SolveOptions(smoothing_s=0, camera=given.camera)
    applied = apply_track(bpy.context, source, given.track, preset="auto", resources=ROOT, options=options)
    scene.frame_start, scene.frame_end = applied.frame_start, applied.frame_end
    there, here = spec_of(source), spec_of(target)
    some = np.arange(applied.frame_start, applied.frame_end + 1, 10)
    theirs = turned(posed_limb_directions(bpy.context, source, there, some), heading_of(here) - heading_of(there))

    joints = turned(given.joints_world_m[some - applied.frame_start], heading_of(here))

    def errors_of(kind: str) -> None:
        limbs = angles_deg(posed_limb_directions(bpy.context, target, here, some), theirs)
        whole = rotation_errors_deg(here, posed_turns(target, here, some), joints)
        for what, errors in (("limb", limbs), ("rotation", whole)):
            out[f"{kind}_{what}_mean_deg"], out[f"{kind}_{what}_worst_deg"] = float(errors.mean()), float(errors.max())

    def constrain(owner_space: str, target_space: str) -> None:
        for bone in target.pose.bones:
            for old in [one for one in bone.constraints if one.name.startswith(OURS)]:
                bone.constraints.remove(old)
        for role, bones in here.mapping.bones.items():
            for bone, lead in zip(bones, there.mapping.bones.get(role, ()), strict=False):
                copy = target.pose.bones[bone].constraints.new("COPY_ROTATION")
                copy.name, copy.target, copy.subtarget = OURS, source, lead
                copy.owner_space, copy.target_space = owner_space, target_space
        follow = target.pose.bones[here.mapping.root].constraints.new("COPY_LOCATION")
        follow.name, follow.target, follow.subtarget = OURS, source, there.mapping.root

    def baked(*, only_selected: bool) -> None:
        """As Pose > Animation > Bake Action does it, with the two options that constraints need; the others as they come."""
        bpy.ops.nla.bake(
            frame_start=scene.frame_start,
            frame_end=scene.frame_end,
            only_selected=only_selected,
            visual_keying=True,
            clear_constraints=True,
            bake_types={"POSE"},
        )

    dense = MotionOptions(dense_keys=True)

    def retargeted() -> None:
        read = sample(bpy.context, source, presets_folder=PRESETS)
        pointing = MotionOptions(dense_keys=True, foot_lock=False)  # limbs are compared, and held feet bend legs
        apply_source(bpy.context, target, read, preset="auto", resources=ROOT, options=pointing)

    def solved(how: SolveOptions | MotionOptions) -> None:
        apply_track(bpy.context, target, given.track, preset="auto", resources=ROOT, options=how)

    constrain("WORLD", "WORLD")
    errors_of("world_space")
    constrain("LOCAL", "LOCAL_OWNER_ORIENT")
    errors_of("local_space")
    bpy.context.view_layer.objects.active = target
    ways = {
        "bake": lambda: baked(only_selected=True),
        "bake_all": lambda: baked(only_selected=False),
        "transfer": retargeted,
        "solve": lambda: solved(options),
        "whole": lambda: solved(dense),
        "sparse": lambda: solved(MotionOptions()),
    }
    for kind, action in ways.items():
        if kind == "bake_all" and len(target.data.bones) > MANY_BONES:
            continue  # it would take the constraints that make a rig of controls work
        times = []
        bakes = kind.startswith("bake")
        for _ in range(1 if bakes and len(target.data.bones) > MANY_BONES else REPEATS):
            if bakes:
                constrain("LOCAL", "LOCAL_OWNER_ORIENT")
                bpy.ops.object.mode_set(mode="POSE")
                bpy.ops.pose.select_all(action="DESELECT")
                for bone in target.pose.bones:
                    if any(one.name.startswith(OURS) for one in bone.constraints):
                        selectable = bone if hasattr(bone, "select") else bone.bone  # Blender 4.5 selects bones of the armature
                        selectable.select = True
            started = time.perf_counter(), time.process_time()
            action()
            times.append((time.perf_counter() - started[0], time.process_time() - started[1]))
            if bakes:
                bpy.ops.object.mode_set(mode="OBJECT")
                target.animation_data_clear()
        out[f"{kind}_s"], out[f"{kind}_cpu_s"] = (min(column) for column in zip(*times, strict=True))
        if kind in ("transfer", "solve"):
            errors_of(kind)
        source.hide_set(kind == "transfer")  # the rest is about the target alone
    if peer_script and name.endswith((".glb", ".fbx")):
        with tempfile.TemporaryDirectory(prefix="pose3d-peer-") as folder:
            files = _bvh_of(source, Path(folder) / "walk.bvh"), _bvh_of(source, Path(folder) / "two.bvh", frames=2)
            # Starting, reading the files and saving take as long for two frames.
            two, _ = _by_peer(peer_script, files[1], name)
            whole, target = _by_peer(peer_script, files[0], name)
        out["peer_s"], out["peer_cpu_s"] = (a - b for a, b in zip(whole, two, strict=True))
        here = spec_of(target)
        errors_of("peer")
    return out


def _bvh_of(source: bpy.types.Object, path: Path, *, frames: int = LONG) -> Path:
    """With y up, as the script expects it; Blender's own exporter writes z up."""
    scene = bpy.context.scene
    source.hide_set(False)
    last, scene.frame_end = scene.frame_end, scene.frame_start + frames - 1
    write_bvh(path, bpy.context, source)
    scene.frame_end = last
    return path


def _by_peer(script: str, bvh: Path, character: str) -> tuple[tuple[float, float], bpy.types.Object]:
    """Seconds and the processor's seconds that the script takes, and the character it animated. It empties the scene first."""
    arguments = sys.argv
    sys.argv = [script, "--", "--bvh", str(bvh), "--char", character, "--output", str(bvh.with_suffix(".blend"))]
    started = time.perf_counter(), time.process_time()
    try:
        runpy.run_path(script, run_name="__main__")
    finally:
        sys.argv = arguments
    seconds = time.perf_counter() - started[0], time.process_time() - started[1]
    return seconds, next(o for o in bpy.context.scene.objects if o.type == "ARMATURE" and o.name != bvh.stem)


def main(words: list[str]) -> None:
    path, big, peer_script, *names = words
    found: dict[str, object] = {}
    for name in names:
        print(f"measuring {Path(name).name}", file=sys.stderr, flush=True)
        one = recognised(name)
        found[name] = one if "refused" in one else one | driven(name)
    results = {
        "rigs": found,
        "yardsticks": [yardstick(name, peer_script) for name in big.split("|") if name],
        "blender": bpy.app.version_string,
    }
    Path(path).write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    script.run(main)
