"""Runs inside a Blender: `ik_checks.py -- RESULTS.json CASE…`. Not collected by pytest; test_ik.py starts it.

A case may be a .blend file: what its armature's action holds. Else a rig is animated with IK controls; what its bones do by them
is measured against what they do by the FK keys of the same action, on every frame.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.bridge import files  # noqa: E402
from blender_pose3d.bridge.apply import AppliedMotion, apply_steps, apply_track  # noqa: E402
from blender_pose3d.core.errors import Pose3DError  # noqa: E402
from blender_pose3d.core.motion import MotionOptions  # noqa: E402
from blender_pose3d.core.solve import SolveOptions  # noqa: E402
from tests.blender import exact_tracks, rig_builders, script  # noqa: E402
from tests.blender.keyframe_checks import curves_of, fresh, give_action  # noqa: E402
from tests.blender.rig_checks import measured  # noqa: E402

_OPTIONS = {"plain": SolveOptions(smoothing_s=0), "sparse": MotionOptions(mark_guesses=False)}


def poses(armature: bpy.types.Object, applied: AppliedMotion, bones: list[str]) -> np.ndarray:
    """In the world, as Blender evaluates them: [T, bones, 4, 4]."""
    rows = []
    for frame in range(applied.frame_start, applied.frame_end + 1):
        bpy.context.scene.frame_set(frame)
        now = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        rows.append([np.array(now.matrix_world @ now.pose.bones[name].matrix) for name in bones])
    return np.array(rows)


def apart(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """The greatest differences of poses [T, bones, 4, 4]: of heads in millimetres, of axes in degrees."""
    axes = [m[..., :3, :3] / np.linalg.norm(m[..., :3, :3], axis=-2, keepdims=True) for m in (a, b)]
    chord = np.linalg.norm(axes[0] - axes[1], axis=-2).max(axis=-1)
    return {
        "mm": float(1000 * np.linalg.norm(a[..., :3, 3] - b[..., :3, 3], axis=-1).max()),
        "deg": float(np.degrees(2 * np.arcsin(chord / 2)).max()),
    }


def compare(
    armature: bpy.types.Object, bones: list[str], to_fk: Callable[[], None], *, motion: str = "demo", options: str = "plain"
) -> dict:
    given = exact_tracks.motion(motion, fps=25, seconds=None if motion == "demo" else 4)
    bpy.context.scene.render.fps = 25
    applied = apply_track(
        bpy.context, armature, given.track, preset="auto", resources=ROOT, options=_OPTIONS[options], limbs="ik"
    )
    by_ik = poses(armature, applied, bones)
    keyed = {path for _, path, _ in curves_of(armature.animation_data.action)}
    # Where FK keys are made those of the IK's solution, both could be wrong alike.
    truth = measured(armature, given, applied) if options == "plain" else {"mean_limb": 0.0, "worst_limb": 0.0}
    to_fk()
    by_fk = poses(armature, applied, bones)
    poles = [path for path in keyed if ("pole" in path or "ik_target" in path) and path.endswith(".location")]
    return apart(by_ik, by_fk) | {
        "warnings": applied.warnings,
        "mean_limb_deg": truth["mean_limb"],
        "worst_limb_deg": truth["worst_limb"],
        "poles": len(poles),
        "frames": len(by_ik),
        "moved_mm": float(1000 * np.ptp(by_fk[..., :3, 3], axis=0).max()),
    }


def constraints(name: str, *, options: str = "plain", motion: str = "demo", **how: object) -> dict:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature = rig_builders.with_ik_constraints(name, **how)
    bones = [f"{side}{part}" for side in ("Left", "Right") for part in ("Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot")]

    def to_fk() -> None:
        for bone in armature.pose.bones:
            for constraint in bone.constraints:
                constraint.mute = True

    return compare(armature, bones, to_fk, options=options, motion=motion)


def hung() -> dict:
    """Hands and feet that hang on their controls do what those that hang on the limbs do. Without IK controls it is told that
    they do not.
    """
    given, found, told = exact_tracks.motion("walk_turn", fps=25, seconds=4), [], []
    for hangs, limbs in ((False, "fk"), (True, "ik"), (True, "fk")):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        armature = rig_builders.with_ik_constraints("a_pose", hung=hangs)
        how = {"limbs": limbs, "mute_constraints": not hangs, "options": SolveOptions(smoothing_s=0)}
        applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, **how)
        ends = [f"{side}{part}" for side in ("Left", "Right") for part in ("Hand", "Foot", "ToeBase")]
        found.append(poses(armature, applied, ends))
        told.append(applied.warnings)
    return apart(*found[:2]) | {"warnings": told}


def set_switches(armature: bpy.types.Object, key: str, value: float) -> None:
    """The user's own hand on the switch: its key in the action."""
    found = 0
    action = armature.animation_data.action
    for (_, path, _), _ in curves_of(action).items():
        if path.endswith(f'["{key}"]'):
            from bpy_extras import anim_utils

            bag = anim_utils.action_get_channelbag_for_slot(action, armature.animation_data.action_slot)
            curve = bag.fcurves.find(path)
            curve.keyframe_points[0].co[1] = value
            curve.update()
            found += 1
    assert found == 4, f"{key} is keyed {found} times"


def rigify(*, options: str = "plain", motion: str = "demo", posed: tuple[str, ...] = ()) -> dict:
    armature = files.open_rig(files.parse_rig("rigify"))
    for name in posed:
        bone = armature.pose.bones[name]
        bone.rotation_mode, bone.rotation_quaternion, bone.scale = "QUATERNION", (0.9, 0.4, 0.1, 0), (1, 1.1, 1)
    bones = [f"ORG-{part}.{side}" for side in "LR" for part in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe")]
    return compare(armature, bones, lambda: set_switches(armature, "IK_FK", 1.0), options=options, motion=motion)


def tweaked() -> dict:
    """Rigify with controls posed through which its body moves: what its own bones do beside those of one that nobody posed, and
    which controls were keyed. Others keep their pose, and for an upper body those of the legs and what places the character."""
    tweaks = ["upper_arm_tweak.L", "forearm_tweak.R.001", "hand_tweak.L", "tweak_spine.002", "shin_tweak.L", "foot_tweak.R"]
    others = ["hand_ik.L", "foot_ik.R", "ear.L", "breast.R"]
    names = (*tweaks, *others, "chest", "root")
    given = exact_tracks.motion("walk_turn", fps=25, seconds=1)
    bpy.context.scene.render.fps = 25
    armature = files.open_rig(files.parse_rig("rigify"))
    parts = ("upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe")
    bones = [f"DEF-{part}.{side}" for side in "LR" for part in parts] + [f"DEF-spine.00{n}" for n in range(1, 7)]

    def imported(**motion: object) -> tuple[np.ndarray, list[str]]:
        options = MotionOptions(mark_guesses=False, **motion)
        applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, options=options)
        paths = [path for _, path, _ in curves_of(armature.animation_data.action)]
        return poses(armature, applied, bones), [name for name in names if any(f'"{name}"' in p for p in paths)]

    def pose() -> None:
        for bone in (armature.pose.bones[name] for name in (*tweaks, *others)):
            bone.location, bone.scale = (0.02, 0.05, 0.03), (1.2, 1.1, 1.0)

    wanted, none = imported()
    pose()
    found, keyed = imported()
    pose()
    for name in ("chest", "root"):
        armature.pose.bones[name].location = (1.0, 0.0, 0.0)
    _, above = imported(upper_body=True)
    return apart(found, wanted) | {"unposed": none, "keyed": keyed, "above": above, "tweaks": tweaks}


def switch(*, options: str = "plain", motion: str = "demo") -> dict:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature = rig_builders.with_ik_switch()
    bones = [f"{part}.{side}" for side in "lr" for part in ("arm", "forearm", "hand", "thigh", "leg", "foot")]
    return compare(armature, bones, lambda: set_switches(armature, "ik_fk_switch", 1.0), options=options, motion=motion)


def _burdened() -> bpy.types.Object:
    """A rig with everything on it that changes or ignores keys, and with things that do not."""
    armature = fresh("random_rolls")
    bones = armature.pose.bones
    limit = bones["LeftForeArm"].constraints.new("LIMIT_ROTATION")
    limit.use_limit_x = limit.use_limit_y = limit.use_limit_z = True
    limit.owner_space = "LOCAL"
    chain = bones["RightLeg"].constraints.new("IK")
    chain.name, chain.chain_count, chain.target = "Foot IK", 2, armature
    chain.subtarget = "Head"
    switched = bones["Neck"].constraints.new("DAMPED_TRACK")
    switched.name, switched.target, switched.subtarget, switched.influence = "Look", armature, "LeftHand", 0.7
    switched.driver_add("influence").driver.expression = "0.7"
    idle = bones["LeftArm"].constraints.new("COPY_ROTATION")
    idle.target, idle.subtarget, idle.influence = armature, "Head", 0.0
    muted = bones["LeftArm"].constraints.new("LIMIT_LOCATION")
    muted.mute = True
    bones["LeftArm"].constraints.new("COPY_LOCATION")  # of nothing
    for index in range(3):
        bones["RightHand"].driver_add("location", index)
    bones["Neck"].driver_add("rotation_quaternion", 1).driver.expression = "0.05"
    bones["Head"].lock_rotation[1] = True
    return armature


def obstacles() -> dict:
    given = exact_tracks.motion("reach", seconds=2)
    out = {}
    for mute in (False, True):
        armature = _burdened()
        kept = {
            (bone.name, one.name): (one.mute, round(one.influence, 6)) for bone in armature.pose.bones for one in bone.constraints
        }
        old = give_action(armature)
        bpy.context.scene.render.fps = round(given.track.fps)
        applied = apply_track(
            bpy.context,
            armature,
            given.track,
            preset="auto",
            resources=ROOT,
            options=SolveOptions(smoothing_s=0, camera=given.camera),
            mute_constraints=mute,
        )
        head = applied.motion.rotations_wxyz[:, applied.motion.bone_names.index("Head")]
        limbs = measured(armature, given, applied)["worst_limb"]
        before_muted = {path for _, path, _ in curves_of(old)}
        named = {path for _, path, _ in curves_of(armature.animation_data.action) if "constraints" in path}
        armature.animation_data.action = old
        bpy.context.scene.frame_set(7)
        now = {
            (bone.name, one.name): (one.mute, round(one.influence, 6)) for bone in armature.pose.bones for one in bone.constraints
        }
        out["muted" if mute else "respected"] = {
            "warnings": applied.warnings,
            "head_y": float(np.abs(head[:, 2]).max()),
            "worst_limb_deg": limbs,
            "keyed": sorted(named),
            "changed": sorted(str(key) for key in kept if kept[key] != now[key]),
            "old_keys": len(before_muted),
        }
    return out | {"root": _root_held()}


def _root_held() -> list[str]:
    """The warnings where what carries the path plays no role, and is constrained."""
    armature = fresh("connected_hips")
    limit = armature.pose.bones["Root"].constraints.new("LIMIT_LOCATION")
    limit.name = "Stay"
    armature.pose.bones["Root"].lock_rotation = (True, True, True)
    given = exact_tracks.motion("reach", seconds=1)
    return list(apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT).warnings)


def hidden_rig(how: str) -> bpy.types.Object:
    """A control rig as Blender does not move it; how "eye" it does."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature = rig_builders.with_ik_switch()
    scene, layer = bpy.context.scene, bpy.context.view_layer
    collection = bpy.data.collections.new("Rigs")
    scene.collection.children.link(collection)
    scene.collection.objects.unlink(armature)
    collection.objects.link(armature)
    if how == "rest":
        armature.data.pose_position = "REST"
    elif how == "edit":
        layer.objects.active = armature
        bpy.ops.object.mode_set(mode="EDIT")
    elif how == "eye":
        armature.hide_set(True)
    elif how == "object":
        armature.hide_viewport = True
    elif how == "collection":
        collection.hide_viewport = True
    elif how == "excluded":
        layer.layer_collection.children["Rigs"].exclude = True
    return armature


def unmoved() -> dict:
    """What IK controls are keyed by is what Blender shows; by an armature that it does not move, good keys would be lost."""
    given = exact_tracks.motion("walk", fps=8, seconds=1)
    settings = {"preset": "auto", "resources": ROOT, "options": MotionOptions(mark_guesses=False)}
    out = {}
    for how in ("eye", "rest", "edit", "object", "collection", "excluded"):
        armature = hidden_rig(how)
        old = give_action(armature, bones=("c_leg_fk.l", "c_hand_ik.l"))
        kept = curves_of(old)
        try:
            applied = apply_track(bpy.context, armature, given.track, limbs="ik", **settings)
        except Pose3DError as error:
            whole = curves_of(old) == kept and list(bpy.data.actions) == [old] and armature.animation_data.action == old
            out[how] = {"sentence": error.sentence, "whole": whole}
        else:
            curves = curves_of(armature.animation_data.action)
            turned = [keys for (_, path, _), keys in curves.items() if path == 'pose.bones["c_leg_fk.l"].rotation_quaternion']
            out[how] = {"turned": max(float(np.ptp([key[1] for key in keys])) for keys in turned), "warnings": applied.warnings}
    return out | {"while_it_is_keyed": hidden_meanwhile(given, settings)}


def hidden_meanwhile(given: exact_tracks.Exact, settings: dict) -> dict:
    """The armature goes out of sight at every pause in turn: it is as it was, or it was keyed all the same."""
    paused = whole = 0
    while True:
        armature = hidden_rig("eye")
        old = give_action(armature, bones=("c_leg_fk.l",))
        steps = apply_steps(bpy.context, lambda armature=armature: armature, given.track, limbs="ik", **settings)
        try:
            work = next(steps)
            for _ in range(paused):
                work = steps.send(work())
            armature.hide_viewport = True
            while True:
                work = steps.send(work())
        except StopIteration:
            return {"paused": paused, "whole": whole}
        except Pose3DError as error:
            assert "is hidden" in error.sentence, error.sentence
            whole += list(bpy.data.actions) == [old] and armature.animation_data.action == old
        paused += 1


def keyed_in(path: Path) -> dict[str, int]:
    """Data path -> keys of its first component, of the armature's action in a file."""
    armature = files.open_rig(files.RigFile(path))
    return {path: len(keys) for (_, path, index), keys in curves_of(armature.animation_data.action).items() if index == 0}


CASES: dict[str, Callable[[], dict]] = {
    "constraints": lambda: constraints("plain"),
    "constraints_random_rolls": lambda: constraints("random_rolls", pole_off_deg=25.0),
    "constraints_a_pose_on_hips": lambda: constraints("a_pose", parent="Hips", motion="walk_turn"),
    "constraints_sparse": lambda: constraints("turned_object", options="sparse", motion="walk_turn"),
    "constraints_mirrored": lambda: constraints("mirrored", motion="kick"),
    "constraints_connected_hips": lambda: constraints("connected_hips", parent="Root", motion="walk_turn"),
    "constraints_centimetres": lambda: constraints("centimetres_y_up", motion="punch"),
    "hung": hung,
    "switch": switch,
    "switch_sparse": lambda: switch(options="sparse", motion="walk_turn"),
    "rigify": rigify,
    "obstacles": obstacles,
    "unmoved": unmoved,
    "tweaked": tweaked,
    "rigify_posed": lambda: rigify(motion="walk_turn", posed=("chest", "foot_heel_ik.L", "foot_spin_ik.R", "upper_arm_ik.L")),
    "rigify_sparse": lambda: rigify(options="sparse", motion="walk_turn"),
}


def main(words: list[str]) -> None:
    out, *cases = words
    done = {case: CASES[case]() if case in CASES else keyed_in(Path(case)) for case in cases}
    Path(out).write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    script.run(main)
