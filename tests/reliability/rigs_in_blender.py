"""Runs inside a Blender: `rigs_in_blender.py -- RESULTS.json files FOLDER` or `… session FOLDER`. Not collected by pytest.

files    makes the rig files of the corpus in FOLDER.
session  animates each of SESSION's rigs as the operator does, and tells what came of it: {name: {"said", "changed", "done"}}.
"""

from __future__ import annotations

import json
import struct
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.bridge.apply import apply_track  # noqa: E402
from blender_pose3d.core.errors import Pose3DError  # noqa: E402
from tests.blender import exact_tracks, rig_builders, script  # noqa: E402

Object = bpy.types.Object


def fresh() -> None:
    bpy.ops.wm.read_factory_settings(use_empty=True)


def body() -> Object:
    made = rig_builders.build("plain")
    bpy.context.view_layer.objects.active = made
    return made


def save(path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False)


def edited(made: Object, change: Callable[[bpy.types.ArmatureEditBones], None]) -> Object:
    bpy.context.view_layer.objects.active = made
    bpy.ops.object.mode_set(mode="EDIT")
    change(made.data.edit_bones)
    bpy.ops.object.mode_set(mode="OBJECT")
    return made


# ------------------------------------------------------------------------------------------------- rigs, one function each


def good() -> Object:
    return body()


def no_bones() -> Object:
    made = bpy.data.objects.new("Figure", bpy.data.armatures.new("Figure"))
    bpy.context.scene.collection.objects.link(made)
    return made


def one_bone() -> Object:
    def change(bones: bpy.types.ArmatureEditBones) -> None:
        bones.new("Bone").tail = (0, 0, 1)

    return edited(no_bones(), change)


def no_hips() -> Object:
    return edited(body(), lambda bones: bones.remove(bones["Hips"]))


def no_arms() -> Object:
    def change(bones: bpy.types.ArmatureEditBones) -> None:
        for name in [bone.name for bone in bones if "Arm" in bone.name or "Hand" in bone.name]:
            bones.remove(bones[name])

    return edited(body(), change)


def a_tail_of_500() -> Object:
    def change(bones: bpy.types.ArmatureEditBones) -> None:
        above = bones["Hips"]
        for i in range(500):
            link = bones.new(f"Tail{i}")
            link.head, link.tail, link.parent = (0, 0.1 * i, 1), (0, 0.1 * i + 0.1, 1), above
            above = link

    return edited(body(), change)


def cyclic_constraints() -> Object:
    made = body()
    for one, other in (("LeftForeArm", "RightForeArm"), ("RightForeArm", "LeftForeArm")):
        constraint = made.pose.bones[one].constraints.new("COPY_ROTATION")
        constraint.target, constraint.subtarget = made, other
    made.constraints.new("CHILD_OF").target = made
    return made


def constrained_to_its_own_child() -> Object:
    made = body()
    constraint = made.pose.bones["Hips"].constraints.new("COPY_LOCATION")
    constraint.target, constraint.subtarget = made, "LeftHand"
    return made


def cyclic_drivers() -> Object:
    made = body()
    for one, other in (("LeftLeg", "RightLeg"), ("RightLeg", "LeftLeg")):
        made.pose.bones[one].rotation_mode = "XYZ"
        curve = made.pose.bones[one].driver_add("rotation_euler", 0)
        variable = curve.driver.variables.new()
        variable.targets[0].id = made
        variable.targets[0].data_path = f'pose.bones["{other}"].rotation_euler[0]'
        curve.driver.expression = f"{variable.name} + 0.1"
    return made


def a_driver_that_is_wrong() -> Object:
    made = body()
    made.pose.bones["LeftLeg"].driver_add("rotation_quaternion", 0).driver.expression = "1 / 0 + nowhere"
    return made


def hidden() -> Object:
    made = body()
    made.hide_viewport = made.hide_render = made.hide_select = True
    made.hide_set(True)
    return made


def in_a_hidden_collection() -> Object:
    made = body()
    closed = bpy.data.collections.new("Closed")
    bpy.context.scene.collection.children.link(closed)
    bpy.context.scene.collection.objects.unlink(made)
    closed.objects.link(made)
    closed.hide_viewport = True
    return made


def in_an_excluded_collection() -> Object:
    made = in_a_hidden_collection()
    bpy.context.view_layer.layer_collection.children["Closed"].exclude = True
    return made


def in_another_scene() -> Object:
    made = body()
    bpy.context.scene.collection.objects.unlink(made)
    bpy.data.scenes.new("Other").collection.objects.link(made)
    return made


def in_no_scene() -> Object:
    made = body()
    bpy.context.scene.collection.objects.unlink(made)
    made.use_fake_user = True
    return made


def in_edit_mode() -> Object:
    made = body()
    bpy.ops.object.mode_set(mode="EDIT")
    return made


def in_pose_mode() -> Object:
    made = body()
    bpy.ops.object.mode_set(mode="POSE")
    return made


def shown_at_rest() -> Object:
    made = body()
    made.data.pose_position = "REST"
    return made


def locked_channels() -> Object:
    made = body()
    for bone in made.pose.bones:
        bone.lock_rotation = (True, True, True)
        bone.lock_rotation_w = bone.lock_rotations_4d = True
        bone.lock_location = (True, True, True)
    made.lock_location = made.lock_rotation = (True, True, True)
    return made


def locked_in_part() -> Object:
    made = body()
    made.pose.bones["LeftForeArm"].lock_rotation = (False, True, True)
    return made


def scaled_to_nothing() -> Object:
    made = body()
    made.scale = (1, 0, 1)
    return made


def scaled_to_a_million() -> Object:
    made = body()
    made.scale = (1e6, 1e6, 1e6)
    return made


def scaled_to_a_millionth() -> Object:
    made = body()
    made.scale = (1e-6, 1e-6, 1e-6)
    return made


def sheared() -> Object:
    made = body()
    carrier = bpy.data.objects.new("Carrier", None)
    bpy.context.scene.collection.objects.link(carrier)
    carrier.scale = (1, 3, 0.2)
    made.parent = carrier
    made.rotation_euler = (0.7, 0.2, 0.4)
    return made


def at_no_place() -> Object:
    made = body()
    made.location = (float("nan"), 0, 0)
    return made


def far_away() -> Object:
    made = body()
    made.location = (1e30, 0, 0)
    return made


def legs_of_no_length() -> Object:
    def change(bones: bpy.types.ArmatureEditBones) -> None:
        for side in ("Left", "Right"):
            bones[f"{side}Leg"].head = bones[f"{side}UpLeg"].head
            bones[f"{side}Leg"].tail = bones[f"{side}UpLeg"].head + bones[f"{side}UpLeg"].vector * 1e-5
            bones[f"{side}Foot"].head = bones[f"{side}UpLeg"].head

    return edited(body(), change)


def all_joints_in_one_place() -> Object:
    def change(bones: bpy.types.ArmatureEditBones) -> None:
        for bone in bones:
            bone.head, bone.tail = (0, 0, 1), (0, 0, 1.001)

    return edited(body(), change)


def names_of_every_kind() -> Object:
    made = body()
    for i, text in enumerate(('a"]b', "it's", "back\\slash", "läuft 走る 🏃", "new\nline", "x" * 63, "[0]", "%s{}")):
        made.data.bones[f"Spine{i}" if i < 0 else list(made.data.bones.keys())[-1 - i]].name = text
    return made


def the_mapped_names_quoted() -> Object:
    made = body()
    made.data.bones["Spine1"].name = 'Spine"]1'
    return made


def an_action_that_is_shared() -> Object:
    made = body()
    other = bpy.data.objects.new("Other", made.data)
    bpy.context.scene.collection.objects.link(other)
    made.pose.bones["Hips"].keyframe_insert("location", frame=1)
    other.animation_data_create().action = made.animation_data.action
    return made


def strips_in_the_nla() -> Object:
    made = body()
    made.pose.bones["Hips"].keyframe_insert("location", frame=1)
    data = made.animation_data
    track = data.nla_tracks.new()
    track.strips.new("old", 1, data.action)
    data.action = None
    return made


def in_tweak_mode() -> Object:
    made = strips_in_the_nla()
    made.animation_data.nla_tracks[0].strips[0].select = True
    made.animation_data.nla_tracks.active = made.animation_data.nla_tracks[0]
    made.animation_data.use_tweak_mode = True
    return made


def a_mesh() -> Object:
    made = bpy.data.objects.new("Mesh", bpy.data.meshes.new("Mesh"))
    bpy.context.scene.collection.objects.link(made)
    return made


def a_frame_rate_of_nearly_nothing() -> Object:
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 1, 1e5
    return body()


def a_million_frames_a_second() -> Object:
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 32767, 1e-5
    return body()


def beginning_at_the_last_frame() -> Object:
    bpy.context.scene.frame_end = bpy.context.scene.frame_start = 1048574
    return body()


_FOLDER = Path()


def _library() -> Path:
    return _FOLDER / "library.blend"


def linked() -> Object:
    with bpy.data.libraries.load(str(_library()), link=True) as (there, here):
        here.objects = list(there.objects)
    made = here.objects[0]
    bpy.context.scene.collection.objects.link(made)
    return made


def overridden() -> Object:
    made = linked()
    return made.override_create(remap_local_usages=True)


def of_linked_bones() -> Object:
    with bpy.data.libraries.load(str(_library()), link=True) as (there, here):
        here.armatures = list(there.armatures)
    made = bpy.data.objects.new("Figure", here.armatures[0])
    bpy.context.scene.collection.objects.link(made)
    return made


def with_a_linked_action() -> Object:
    made = body()
    with bpy.data.libraries.load(str(_library()), link=True) as (there, here):
        here.actions = list(there.actions)
    made.animation_data_create().action = here.actions[0]
    return made


# Name -> (how it is made, what the refusal says; None where it is animated).
SESSION: dict[str, tuple[Callable[[], Object], str | None]] = {
    "good": (good, None),
    "no bones": (no_bones, "no bones"),
    "one bone": (one_bone, "hips|upper arm|bone"),
    "no hips": (no_hips, "hips"),
    "no arms": (no_arms, "arm"),
    "a tail of 500 bones": (a_tail_of_500, None),
    "cyclic constraints": (cyclic_constraints, None),
    "constrained to its own child": (constrained_to_its_own_child, None),
    "cyclic drivers": (cyclic_drivers, None),
    "a driver that is wrong": (a_driver_that_is_wrong, None),
    "hidden": (hidden, None),
    "in a hidden collection": (in_a_hidden_collection, None),
    "in an excluded collection": (in_an_excluded_collection, None),
    "in another scene": (in_another_scene, None),
    "in no scene": (in_no_scene, None),
    "in edit mode": (in_edit_mode, None),
    "in pose mode": (in_pose_mode, None),
    "shown at rest": (shown_at_rest, None),
    "locked channels": (locked_channels, None),
    "a bone locked in part": (locked_in_part, None),
    "scaled to nothing": (scaled_to_nothing, "scale"),
    "scaled to a million": (scaled_to_a_million, None),
    "scaled to a millionth": (scaled_to_a_millionth, "scale"),
    "sheared": (sheared, None),
    "at no place": (at_no_place, "not a usable number"),
    "far away": (far_away, "not a usable number"),
    "legs of no length": (legs_of_no_length, "length"),
    "all joints in one place": (all_joints_in_one_place, "which way the character faces"),
    "names of every kind": (names_of_every_kind, None),
    "a mapped bone with a quote": (the_mapped_names_quoted, None),
    "an action that is shared": (an_action_that_is_shared, None),
    "strips in the NLA": (strips_in_the_nla, None),
    "in tweak mode": (in_tweak_mode, "[Tt]weak"),
    "a mesh": (a_mesh, "not an armature"),
    "a frame rate of nearly nothing": (a_frame_rate_of_nearly_nothing, None),
    "a million frames a second": (a_million_frames_a_second, "more frames"),
    "beginning at the last frame": (beginning_at_the_last_frame, "would end at frame"),
    "linked": (linked, "linked from another file"),
    "overridden": (overridden, None),
    "of linked bones": (of_linked_bones, None),
    "with a linked action": (with_a_linked_action, None),
}
# Those that are files for the command line as well: their name there.
FILES = ("good", "no bones", "one bone", "no hips", "no arms", "cyclic constraints", "cyclic drivers", "hidden", "linked",
         "in a hidden collection", "in an excluded collection", "in another scene", "in no scene", "in edit mode", "overridden",
         "locked channels", "scaled to nothing", "at no place", "names of every kind", "a mesh", "in tweak mode")  # fmt: skip


def file_name(name: str) -> str:
    return f"{name.replace(' ', '_')}.blend"


# ------------------------------------------------------------------------------------------------------------- commands


def make_library() -> None:
    fresh()
    made = body()
    made.pose.bones["Hips"].keyframe_insert("location", frame=1)
    save(_library())


def make_files() -> dict[str, dict]:
    make_library()
    for name in FILES:
        fresh()
        SESSION[name][0]()
        save(_FOLDER / file_name(name))
    fresh()
    two = body()
    two.name = "Second"
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("First", bpy.data.armatures.new("First")))
    save(_FOLDER / "two.blend")
    fresh()
    save(_FOLDER / "empty_scene.blend")
    whole = (_FOLDER / "good.blend").read_bytes()
    (_FOLDER / "cut.blend").write_bytes(whole[: len(whole) // 2])
    (_FOLDER / "text.blend").write_text("hello")
    (_FOLDER / "nothing.blend").write_bytes(b"")
    (_FOLDER / "version_99.blend").write_bytes(b"BLENDER-v999" + whole[12:])
    fresh()
    body()
    bpy.ops.export_scene.gltf(filepath=str(_FOLDER / "body.glb"), export_format="GLB")
    glb = (_FOLDER / "body.glb").read_bytes()
    (_FOLDER / "cut.glb").write_bytes(glb[: len(glb) // 2])
    (_FOLDER / "text.glb").write_text("hello")
    (_FOLDER / "long.glb").write_bytes(glb[:8] + struct.pack("<I", 1 << 31) + glb[12:])
    (_FOLDER / "broken.glb").write_bytes(glb[:20] + b"[" * 64 + glb[84:])
    (_FOLDER / "outside.gltf").write_text(
        json.dumps({"asset": {"version": "2.0"}, "buffers": [{"uri": "../../../etc/passwd", "byteLength": 10}], "scenes": [{}]})
    )
    (_FOLDER / "cycle.gltf").write_text(
        json.dumps(
            {"asset": {"version": "2.0"}, "scene": 0, "scenes": [{"nodes": [0]}], "nodes": [{"children": [1]}, {"children": [0]}]}
        )
    )
    (_FOLDER / "text.fbx").write_text("hello")
    (_FOLDER / "cut.fbx").write_bytes(b"Kaydara FBX Binary  \0\x1a\0" + struct.pack("<I", 7400) + bytes(20))
    (_FOLDER / "text.bvh").write_text("hello")
    (_FOLDER / "cut.bvh").write_text("HIERARCHY\nROOT Hips\n{\n OFFSET 0 0 0\n")
    bpy.data.objects.remove(bpy.context.view_layer.objects.active)
    return {}


def snapshot() -> dict[str, object]:
    """What of the user's could be changed: everything but keys in new actions and the pose that they make."""
    rigs = {}
    for item in bpy.data.objects:
        told: dict[str, object] = {
            "mode": item.mode,
            "hidden": (item.hide_viewport, item.hide_render, item.hide_select),
            "locks": (tuple(item.lock_location), tuple(item.lock_rotation)),
            "matrix": str(item.matrix_basis),
            "collections": sorted(c.name for c in item.users_collection),
            "parent": item.parent and item.parent.name,
            "constraints": [(c.name, c.type, c.mute, c.influence) for c in item.constraints],
        }
        if item.type == "ARMATURE":
            told["bones"] = [(b.name, b.parent and b.parent.name, str(b.matrix_local), b.length) for b in item.data.bones]
            told["position"] = item.data.pose_position
            told["pose"] = [
                (
                    p.name,
                    p.rotation_mode,
                    tuple(p.lock_rotation),
                    tuple(p.lock_location),
                    [(c.name, c.type, c.mute, c.influence) for c in p.constraints],
                )
                for p in item.pose.bones
            ]
            data = item.animation_data
            told["drivers"] = [(d.data_path, d.driver.expression) for d in data.drivers] if data else []
            told["strips"] = (
                [(s.name, s.action and s.action.name, t.mute) for t in data.nla_tracks for s in t.strips] if data else []
            )
        rigs[item.name] = told
    scene = bpy.context.scene
    return {
        "objects": rigs,
        "scene": (scene.name, scene.render.fps, round(scene.render.fps_base, 9), scene.frame_current),
        "actions": {a.name: [tuple(round(v, 4) for v in a.curve_frame_range)] for a in bpy.data.actions},
        "active": bpy.context.view_layer.objects.active and bpy.context.view_layer.objects.active.name,
        "selected": sorted(o.name for o in bpy.context.view_layer.objects if o.select_get()),
    }


def finite(action: bpy.types.Action) -> bool:
    return all(np.isfinite(point.co).all() for curve in _curves(action) for point in curve.keyframe_points)


def _curves(action: bpy.types.Action) -> list[bpy.types.FCurve]:
    return [curve for layer in action.layers for strip in layer.strips for bag in strip.channelbags for curve in bag.fcurves]


def session() -> dict[str, dict]:
    make_library()
    track = exact_tracks.demo(every=10).track
    told: dict[str, dict] = {}
    for name, (make, expected) in SESSION.items():
        fresh()
        made = make()
        bpy.context.view_layer.update()
        before = snapshot()
        said, fault, applied = "", "", None
        try:
            applied = apply_track(bpy.context, made, track, preset="auto", resources=ROOT)
        except Pose3DError as error:
            said = error.sentence
        except Exception:
            fault = traceback.format_exc()
        after = snapshot()
        changed = [
            f"{key}: {one} -> {other}" for key in before if key != "actions" and (one := before[key]) != (other := after[key])
        ]
        changed += [f"action {name}" for name, of in before["actions"].items() if after["actions"].get(name) != of]  # type: ignore[attr-defined]
        if applied is None:
            changed += [f"action {name} is new" for name in after["actions"].keys() - before["actions"].keys()]  # type: ignore[attr-defined]
        told[name] = {
            "expected": expected,
            "said": said,
            "fault": fault,
            "changed": [text[:600] for text in changed],
            "done": applied is not None,
            "warnings": list(applied.warnings) if applied else [],
            "finite": applied is None or finite(bpy.data.actions[applied.action_name]),
        }
    return told


def main(words: list[str]) -> None:
    global _FOLDER
    out, command, folder = words
    _FOLDER = Path(folder)
    Path(out).write_text(json.dumps({"files": make_files, "session": session}[command]()), encoding="utf-8")


if __name__ == "__main__":
    script.run(main)
