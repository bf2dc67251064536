"""Runs inside a Blender: `transfer_checks.py -- CHECK…`, as addon_checks.py does; test_transfer.py starts it."""

from __future__ import annotations

import ctypes
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
from bpy_extras import anim_utils
from mathutils import Vector

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d import headless  # noqa: E402
from blender_pose3d.bridge import files  # noqa: E402
from blender_pose3d.bridge.apply import apply_track  # noqa: E402
from blender_pose3d.bridge.measure import angles_deg, posed_limb_directions  # noqa: E402
from blender_pose3d.bridge.source import apply_source, sample  # noqa: E402
from blender_pose3d.core.bvh import read_bvh  # noqa: E402
from blender_pose3d.core.errors import Pose3DError  # noqa: E402
from blender_pose3d.core.motion import MotionOptions, Smoothing  # noqa: E402
from blender_pose3d.core.preset import load_presets  # noqa: E402
from blender_pose3d.core.rig import check_mapping  # noqa: E402
from blender_pose3d.core.solve import SolveOptions, heading_of  # noqa: E402
from blender_pose3d.core.track_io import write_track  # noqa: E402
from tests.blender import addon_checks, exact_tracks, rig_builders, script  # noqa: E402
from tests.blender.addon_checks import registered, test_folder  # noqa: E402
from tests.blender.mapping_checks import refused  # noqa: E402
from tests.blender.rig_checks import spec_of, turned  # noqa: E402

_PRESETS = ROOT / "rigs"


def animated(armature: bpy.types.Object, *, motion: str = "kick", fps: float = 8) -> bpy.types.Object:
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = int(fps), 1
    given = exact_tracks.motion(motion, fps=fps)
    options = SolveOptions(smoothing_s=0, camera=given.camera)
    applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, options=options)
    scene.frame_start, scene.frame_end = applied.frame_start, applied.frame_end
    return armature


def limbs_apart_deg(source: bpy.types.Object, target: bpy.types.Object) -> float:
    a, b = spec_of(source), spec_of(target)
    first, last = (round(f) for f in source.animation_data.action.frame_range)
    frames = np.arange(first, last + 1)
    theirs, ours = (posed_limb_directions(bpy.context, o, s, frames) for o, s in ((source, a), (target, b)))
    return float(angles_deg(ours, turned(theirs, heading_of(b) - heading_of(a))).max())


def path_of(armature: bpy.types.Object) -> np.ndarray:
    """How far the thighs have come since the first frame, in lengths of the leg: [T, 3], the world's axes."""
    frames = range(*(int(frame) for frame in armature.animation_data.action.frame_range))
    leg_m, places = spec_of(armature).leg_length_m, []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        now = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
        places.append(np.mean([now.matrix_world @ now.pose.bones[f"{side}UpLeg"].head for side in ("Left", "Right")], axis=0))
    return (np.array(places) - places[0]) / leg_m


def check_connected_hips_move() -> None:
    """Blender passes over the location of a bone that is connected to its parent: that carries the path."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    source = animated(rig_builders.build("plain"), motion="walk_turn")
    target = rig_builders.build("connected_hips")
    with registered():
        bpy.context.scene.pose3d.motion.dense_keys = True
        bpy.ops.pose3d.retarget_animation(source=source.name, armature=target.name)
    walked, wanted = path_of(target), path_of(source)
    assert np.abs(wanted).max() > 0.5 and np.abs(walked - wanted).max() < 0.02, (walked[-1], wanted[-1])


def check_feet_stand_where_the_sources_do() -> None:
    """On legs of other proportions, with few keys; without Hold Feet they slide."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    source = animated(rig_builders.build("plain"), motion="walk", fps=24)
    target = rig_builders.build("long_arms_short_legs")
    slid = {}
    with registered():
        for held in (True, False):
            bpy.context.scene.pose3d.motion.foot_lock = held
            assert bpy.ops.pose3d.retarget_animation(source=source.name, armature=target.name) == {"FINISHED"}
            steps = []
            for side in ("Left", "Right"):
                there, here = (_toe_path(armature, side) for armature in (source, target))
                stands = np.linalg.norm(np.diff(there, axis=0), axis=1) < 2e-3
                steps.append(np.linalg.norm(np.diff(here - there, axis=0), axis=1)[stands])
            slid[held] = np.concatenate(steps).mean()
    assert slid[True] < 1.5e-3 and slid[True] < slid[False] / 2, slid


def _toe_path(armature: bpy.types.Object, side: str) -> np.ndarray:
    """Of the toe's head, along the ground, in the world: [T, 2], in lengths of the leg."""
    scene, path = bpy.context.scene, []
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        path.append((armature.matrix_world @ armature.pose.bones[f"{side}ToeBase"].head).xy)
    return np.array(path) / spec_of(armature).leg_length_m


def settled() -> dict[str, object]:
    scene = bpy.context.scene
    return {
        "frame": (scene.frame_current, scene.frame_subframe),
        "range": (scene.frame_start, scene.frame_end, scene.render.fps, scene.render.fps_base),
        "selected": {o.name for o in bpy.context.selected_objects},
        "active": bpy.context.view_layer.objects.active,
        "objects": set(bpy.data.objects.keys()),
        "actions": {
            action.name: [
                [tuple(point.co) for point in curve.keyframe_points]
                for layer in action.layers
                for strip in layer.strips
                for bag in strip.channelbags
                for curve in bag.fcurves
            ]
            for action in bpy.data.actions
        },
    }


def check_an_armatures_action_on_every_rig() -> None:
    for there in ("random_axes", "centimetres_y_up"):
        for here in ("a_pose", "long_arms_short_legs", "turned_object", "euler", "posed_root", "mirrored", "loose", "plain"):
            bpy.ops.wm.read_factory_settings(use_empty=True)
            source, target = animated(rig_builders.build(there)), rig_builders.build(here)
            with registered():
                bpy.context.scene.pose3d.motion.foot_lock = False
                assert bpy.ops.pose3d.retarget_animation(source=source.name, armature=target.name) == {"FINISHED"}
                apart = limbs_apart_deg(source, target)
                # The keys are as few as the tolerance of two degrees allows.
                assert apart < 6, (there, here, apart)
                bpy.context.scene.pose3d.motion.dense_keys = True
                bpy.ops.pose3d.retarget_animation(source=source.name, armature=target.name)
                apart = limbs_apart_deg(source, target)
            assert apart < 0.1, (there, here, apart)


def check_rigify_both_ways() -> None:
    for there, here in (("rigify", "a_pose"), ("a_pose", "rigify")):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        rigify = files.open_rig(files.parse_rig("rigify"))
        plain = rig_builders.build("a_pose")
        source, target = (rigify, plain) if there == "rigify" else (plain, rigify)
        animated(source)
        with registered():
            bpy.context.scene.pose3d.motion.dense_keys, bpy.context.scene.pose3d.motion.foot_lock = True, False
            bpy.ops.pose3d.retarget_animation(source=source.name, armature=target.name)
        apart = limbs_apart_deg(source, target)
        assert apart < 0.5, (there, here, apart)


def check_rigify_by_its_own_ik_controls() -> None:
    """As animators have it: the limbs' switches are as the rig comes, so the FK controls stay where they are."""
    rigify, target = files.open_rig(files.parse_rig("rigify")), rig_builders.build("a_pose")
    for frame, far in ((1, 0.0), (8, 0.4), (16, 0.1)):
        for control, place in (
            ("foot_ik.L", (0, -far, far)),
            ("hand_ik.L", (0, -far, far / 2)),
            ("hand_ik.R", (far / 2, 0, far)),
            ("torso", (far / 4, 0, -far / 3)),
        ):
            rigify.pose.bones[control].location = place
            rigify.pose.bones[control].keyframe_insert("location", frame=frame)
        rigify.pose.bones["hips"].rotation_quaternion = (1, 0, far / 2, 0)
        rigify.pose.bones["hips"].keyframe_insert("rotation_quaternion", frame=frame)
    with registered():
        bpy.context.scene.pose3d.motion.dense_keys, bpy.context.scene.pose3d.motion.foot_lock = True, False
        assert bpy.ops.pose3d.retarget_animation(source=rigify.name, armature=target.name) == {"FINISHED"}
    applied_from = sample(bpy.context, rigify, presets_folder=_PRESETS)
    assert not check_mapping(applied_from.rig), check_mapping(applied_from.rig)
    shown = {"Arm": "upper_arm", "ForeArm": "forearm", "Hand": "hand", "UpLeg": "thigh", "Leg": "shin", "Foot": "foot"}
    moved = 0.0
    for frame in range(1, 17):
        bpy.context.scene.frame_set(frame)
        for side in ("Left", "Right"):
            for start, end in (("Arm", "ForeArm"), ("ForeArm", "Hand"), ("UpLeg", "Leg"), ("Leg", "Foot")):
                there = [rigify.pose.bones[f"ORG-{shown[bone]}.{side[0]}"].head for bone in (start, end)]
                here = [target.pose.bones[f"{side}{bone}"].head for bone in (start, end)]
                assert (there[1] - there[0]).angle(here[1] - here[0]) < 0.01, (frame, side, start)
        across = [rigify.pose.bones[f"ORG-thigh.{side}"].head for side in "RL"]
        across += [target.pose.bones[f"{side}UpLeg"].head for side in ("Right", "Left")]
        assert (across[1] - across[0]).angle(across[3] - across[2]) < 0.01, frame
        moved = max(moved, (across[1] - across[0]).angle((1, 0, 0)))
    assert moved > 0.1


def check_auto_rig_pro_by_its_own_ik_controls() -> None:
    """Of bones that hang on nothing but follow controls the hierarchy is not told of."""
    figure, target = rig_builders.with_ik_switch(), rig_builders.build("plain")
    limbs = (("thigh", "leg", "UpLeg", "Leg"), ("leg", "foot", "Leg", "Foot"))
    limbs += (("arm", "forearm", "Arm", "ForeArm"), ("forearm", "hand", "ForeArm", "Hand"))
    for side in "lr":
        for part in ("arm", "forearm", "thigh", "leg"):
            figure.data.bones[f"{part}.{side}"].name = f"{part}_stretch.{side}"
    with rig_builders._edited(figure):
        edit = figure.data.edit_bones
        moved = {"root.x": "c_root_master.x", "neck.x": "c_neck.x", "head.x": "c_head.x"}
        moved |= {f"spine_0{i}.x": f"c_spine_0{i}.x" for i in (1, 2, 3)}
        moved |= {f"shoulder.{side}": f"c_shoulder.{side}" for side in "lr"}
        moved |= {f"toes_01.{side}": f"c_toes_fk.{side}" for side in "lr"}
        for name, control in moved.items():
            bone = edit.new(name)
            bone.head, bone.tail, bone.roll = edit[control].head, edit[control].tail, edit[control].roll
            bone.parent = edit[control]
    bones = figure.pose.bones
    for end in ("hand", "foot"):
        for side in "lr":
            bones[f"c_{end}_ik.{side}"]["ik_fk_switch"] = 0.0
    for frame, far in ((1, 0.0), (8, 0.3), (16, 0.1)):
        for control, place in (
            ("c_foot_ik.l", (0, -far, far)),
            ("c_hand_ik.l", (0, -far, far / 2)),
            ("c_hand_ik.r", (0, 0, far)),
        ):
            bones[control].location = bones[control].bone.matrix_local.to_3x3().inverted() @ Vector(place)
            bones[control].keyframe_insert("location", frame=frame)
    source = sample(bpy.context, figure, presets_folder=_PRESETS)
    options = MotionOptions(dense_keys=True)
    applied = apply_source(bpy.context, target, source, preset="auto", resources=ROOT, options=options)
    assert not applied.warnings, applied.warnings
    moved_rad = 0.0
    for frame in range(1, 17):
        bpy.context.scene.frame_set(frame)
        for start, end, *ours in limbs:
            for side, name in (("l", "Left"), ("r", "Right")):
                ends = f"{start}_stretch.{side}", f"{end}.{side}" if end in ("foot", "hand") else f"{end}_stretch.{side}"
                there = bones[ends[1]].head - bones[ends[0]].head
                here = target.pose.bones[f"{name}{ours[1]}"].head - target.pose.bones[f"{name}{ours[0]}"].head
                assert there.angle(here) < 0.01, (frame, ends)
                moved_rad = max(moved_rad, there.angle((0, 0, -1)) if start == "thigh" else 0.0)
    assert moved_rad > 0.5


def check_nothing_of_the_users_is_changed() -> None:
    source, target = animated(rig_builders.build("plain")), rig_builders.build("a_pose")
    old = bpy.data.actions.new("Made by hand")
    target.animation_data_create().action = old
    bpy.context.scene.frame_set(3, subframe=0.25)
    bpy.ops.mesh.primitive_cube_add()
    before = settled()
    sample(bpy.context, source, presets_folder=_PRESETS)
    assert settled() == before
    with registered():
        bpy.context.scene.pose3d.source, bpy.context.scene.pose3d.armature = source, target
        bpy.ops.pose3d.retarget_animation()
    after = settled()
    new = after["actions"].keys() - before["actions"].keys()
    assert new == {target.animation_data.action.name} and old.use_fake_user, new
    for name in new:
        del after["actions"][name]
    assert after == before
    first = source.animation_data.action.frame_range[0]
    assert target.animation_data.action.frame_range[0] == first, "it plays with its source"


def check_what_cannot_be_a_source() -> None:
    with registered():
        target, other = rig_builders.build("plain"), rig_builders.build("a_pose")
        bpy.context.scene.pose3d.armature = target
        retarget = bpy.ops.pose3d.retarget_animation
        refused("No source is chosen", retarget)
        refused("is not in the scene", retarget, source="Nobody")
        refused("The source is the armature itself", retarget, source=target.name)
        refused(f"'{other.name}' has no animation", retarget, source=other.name)
        animated(other)
        other.hide_set(True)
        refused("is hidden, so Blender does not move it", retarget, source=other.name)
        other.hide_set(False)
        other.data.pose_position = "REST"
        refused("shows its rest position", retarget, source=other.name)
        other.data.pose_position = "POSE"
        bpy.context.view_layer.objects.active = other
        bpy.ops.object.mode_set(mode="EDIT")
        refused("is in Edit Mode, where it does not move", retarget, source=other.name)
        bpy.ops.object.mode_set(mode="OBJECT")
        bones = bpy.data.objects.new("Two bones", bpy.data.armatures.new("Two bones"))
        bpy.context.scene.collection.objects.link(bones)
        bones.animation_data_create().action = other.animation_data.action
        refused("has no bones", retarget, source=bones.name)
        assert target.animation_data is None or target.animation_data.action is None


def check_one_pose_is_a_source() -> None:
    """An action of one frame, as poses are kept: the character takes the pose at that frame."""
    source = animated(rig_builders.build("plain"))
    scene = bpy.context.scene
    scene.frame_set(scene.frame_end // 2)
    pose = {bone.name: (bone.rotation_quaternion.copy(), bone.location.copy()) for bone in source.pose.bones}
    source.animation_data.action = bpy.data.actions.new("Kicks")
    for name, (rotation, location) in pose.items():
        bone = source.pose.bones[name]
        bone.rotation_quaternion, bone.location = rotation, location
        for channel in ("rotation_quaternion", "location"):
            assert bone.keyframe_insert(channel, frame=7)
    with registered():
        for held in (True, False):
            scene.pose3d.motion.foot_lock = held
            target = rig_builders.build("a_pose")
            assert bpy.ops.pose3d.retarget_animation(source=source.name, armature=target.name) == {"FINISHED"}
            action = target.animation_data.action
            assert tuple(action.frame_range) == (7, 7) and action.name == f"{target.name} Kicks", action.name
            assert limbs_apart_deg(source, target) < (2.0 if held else 0.1), held
    file = test_folder() / "pose.blend"
    words = ["--source", f"{file}:{source.name}", "--rig", f"{file}:{target.name}", "--out", str(file.with_stem("posed"))]
    bpy.ops.wm.save_as_mainfile(filepath=str(file))
    assert len(headless.retarget(headless.parse(words), resources=ROOT).motion.timestamps_s) == 1


def check_why_nothing_moves_is_told() -> None:
    source, target = animated(rig_builders.build("plain")), rig_builders.build("a_pose")
    target.data.pose_position = "REST"
    applied = apply_source(
        bpy.context, target, sample(bpy.context, source, presets_folder=_PRESETS), preset="auto", resources=ROOT
    )
    assert any("rest position" in warning for warning in applied.warnings), applied.warnings


def check_what_carries_the_character_is_told() -> None:
    source, target = animated(rig_builders.build("plain")), rig_builders.build("parented")
    empty = target.parent
    above = bpy.data.objects.new("Platform", None)
    bpy.context.scene.collection.objects.link(above)
    given = exact_tracks.motion("kick", fps=8)

    def told() -> list[str]:
        with_track = apply_track(bpy.context, target, given.track, preset="auto", resources=ROOT)
        read = sample(bpy.context, source, presets_folder=_PRESETS)
        from_source = apply_source(bpy.context, target, read, preset="auto", resources=ROOT)
        found = [[each for each in one.warnings if "is carried along" in each] for one in (with_track, from_source)]
        assert found[0] == found[1]
        return found[0]

    empty.parent, empty.rotation_mode = above, "XYZ"
    above.keyframe_insert("location", frame=1)
    above.keyframe_insert("location", frame=30)
    above["door"] = 0.0
    for frame in (1, 30):
        above["door"] = float(frame)
        above.keyframe_insert('["door"]', frame=frame)
    assert told() == [], "keys that all say the same, and of something else"
    above.location.x = 3.0
    above.keyframe_insert("location", frame=30)
    bpy.context.scene.frame_set(12)
    assert told() == [
        "'parented' hangs on 'Platform', which moves: the animation is made for where that is at frame 12, and is carried along."
    ]
    above.animation_data_clear()
    turning = empty.driver_add("rotation_euler", 2).driver
    turning.expression = "frame / 9"
    assert "hangs on 'Carrier'" in told()[0]
    empty.driver_remove("rotation_euler", 2)
    assert told() == []
    target.parent, target.parent_type, target.parent_bone = source, "BONE", "Hips"
    assert "hangs on 'plain'" in told()[0]
    target.parent_type = "OBJECT"
    assert told() == [], "bones do not carry what hangs on the object"


def check_an_object_that_no_longer_moves_is_told() -> None:
    """A character that was keyed along its way as an object: the new action takes the place of the one that does that."""
    source, target = animated(rig_builders.build("plain")), rig_builders.build("a_pose")
    read = sample(bpy.context, source, presets_folder=_PRESETS)

    def told() -> list[str]:
        applied = apply_source(bpy.context, target, read, preset="auto", resources=ROOT)
        return [each for each in applied.warnings if "it moved the armature object" in each]

    def keyed(*far_m: float) -> bpy.types.Action:
        target.animation_data_clear()
        for i, x in enumerate(far_m):
            target.location.x = x
            target.keyframe_insert("location", frame=1 + 30 * i)
        return target.animation_data.action

    assert told() == []
    keyed(2.0, 2.0)
    assert told() == [], "as importers key it, where it stands all the time"
    old = keyed(0.0, 4.0)
    (sentence,) = told()
    assert f"'{old.name}' is no longer played" in sentence and target.animation_data.action != old
    old = keyed(0.0, 4.0)
    target.animation_data.nla_tracks.new().strips.new("way", 1, old)
    assert told() == []


def check_constraints_are_a_source() -> None:
    """An armature that follows another one by constraints, as animators have it before they bake."""
    lead, follower, target = animated(rig_builders.build("plain")), rig_builders.build("plain"), rig_builders.build("a_pose")
    for bone in follower.pose.bones:
        constraint = bone.constraints.new("COPY_TRANSFORMS")
        constraint.target, constraint.subtarget = lead, bone.name
    a = sample(bpy.context, lead, presets_folder=_PRESETS)
    b = sample(bpy.context, follower, presets_folder=_PRESETS)
    assert np.abs(a.turns - b.turns).max() < 1e-4
    with registered():
        assert bpy.ops.pose3d.retarget_animation(source=follower.name, armature=target.name) == {"FINISHED"}


def check_a_character_that_its_root_scales_is_a_source() -> None:
    """By a root control, or by the root bone of a file in other units: it is the same motion, whatever its size."""
    source, target = rig_builders.build("posed_root"), rig_builders.build("a_pose")
    root = source.pose.bones["Root"]
    root.rotation_quaternion, root.location = (1, 0, 0, 0), (0, 0, 0)
    animated(source, motion="walk")
    ways = []
    for scale in (1.0, 100.0, 0.3):
        root.scale = (scale, scale, scale)
        there = sample(bpy.context, source, presets_folder=_PRESETS)
        options = MotionOptions(dense_keys=True)
        motion = apply_source(bpy.context, target, there, preset="auto", resources=ROOT, options=options).motion
        ways.append(np.concatenate([motion.rotations_wxyz.reshape(len(motion.timestamps_s), -1), motion.root_location_m], axis=1))
    assert max(np.abs(way - ways[0]).max() for way in ways) < 1e-3


def check_time_remapping_is_the_scenes() -> None:
    """Keys are read, made and written as they are, not as the scene plays them."""
    folder = test_folder()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    rigify = files.open_rig(files.parse_rig("rigify"))
    given = exact_tracks.motion("walk", seconds=2)
    render = bpy.context.scene.render
    found = []
    for remapped in (100, 200):
        render.frame_map_old, render.frame_map_new = 100, remapped
        applied = apply_track(bpy.context, rigify, given.track, preset="auto", resources=ROOT, limbs="ik")
        action = bpy.data.actions[applied.action_name]
        bag = anim_utils.action_get_channelbag_for_slot(action, action.slots[0])
        keys = {(c.data_path, c.array_index): [tuple(point.co) for point in c.keyframe_points] for c in bag.fcurves}
        read = sample(bpy.context, rigify, presets_folder=_PRESETS)
        with registered():
            for kind in ("bvh", "fbx", "glb"):
                path = folder / f"{remapped}.{kind}"
                assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=rigify.name) == {"FINISHED"}
        files.export(folder / f"{remapped} alone.glb", rigify)
        assert (render.frame_map_old, render.frame_map_new) == (100, remapped)
        found.append((keys, read.turns))
    both = {path: keys for path, keys in found[0][0].items() if len(keys) > 1 and path in found[1][0]}
    assert len([path for path, _ in both if "foot_ik" in path or "hand_ik" in path]) > 20, both.keys()
    for path, keys in both.items():
        np.testing.assert_allclose(found[1][0][path], keys, atol=1e-4, err_msg=str(path))
    assert np.abs(found[0][1] - found[1][1]).max() < 1e-4
    for name in ("{}.bvh", "{}.fbx", "{}.glb", "{} alone.glb"):
        turns = []
        for remapped in (100, 200):
            figure = files.open_rig(files.RigFile(folder / name.format(remapped)))
            turns.append(sample(bpy.context, figure, presets_folder=_PRESETS).turns)
        assert turns[0].shape == turns[1].shape and np.abs(turns[0] - turns[1]).max() < 1e-3, name


def check_files_as_a_source() -> None:
    """Each format written from an animated character, and put on another one by the command line's function."""
    folder = test_folder()
    source = animated(rig_builders.build("a_pose"), motion="walk")
    there = sample(bpy.context, source, presets_folder=_PRESETS)
    written = [folder / f"source{kind}" for kind in files.OUT_SUFFIXES]
    for path in written:
        files.export(path, source)
    target = rig_builders.build("long_arms_short_legs")
    bpy.data.objects.remove(source)
    rig = folder / "target.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(rig))
    for path in written:
        out = folder / f"out{path.suffix}.blend"
        words = ["--source", str(path), "--rig", str(rig), "--out", str(out), "--report", str(folder / "report.json")]
        applied = headless.retarget(headless.parse(words), resources=ROOT)
        seconds = (applied.frame_end - applied.frame_start) / 8
        assert abs(seconds - there.timestamps_s[-1]) < 0.13, (path.name, seconds)
        target = files.open_rig(files.RigFile(out))
        frames = np.arange(applied.frame_start, applied.frame_end + 1)
        ours = posed_limb_directions(bpy.context, target, spec_of(target), frames)
        theirs = _limbs(there)
        count = min(len(ours), len(theirs))
        apart = angles_deg(ours[:count], theirs[:count])
        assert np.percentile(apart, 95) < 3.0, (path.name, apart.max())
        assert (folder / "report.json").stat().st_size > 500
    by_name = ["--rig", str(rig), "--out", str(folder / "x.glb"), "--source"]
    headless.retarget(headless.parse([*by_name, str(folder / "source.blend"), "--action", there.name]), resources=ROOT)
    nope = [str(folder / "source.blend"), "--action", "Nope"]
    for words, told in (([str(rig)], "has no animation"), (nope, f"It has '{there.name}'")):
        try:
            headless.retarget(headless.parse([*by_name, *words]), resources=ROOT)
        except Pose3DError as error:
            assert told in error.sentence, error.sentence
        else:
            raise AssertionError(f"{words} was taken")


def check_an_fbx_of_a_broken_rate_is_a_source() -> None:
    """It is as fast as it was. Blender's importer lays its keys out at the rounded rate, while the scene plays at its own."""
    folder = test_folder()
    track = exact_tracks.motion("reach", seconds=4).track
    write_track(folder / "reach.npz", track)
    rig_builders.build("a_pose")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "figure.blend"))
    for fps, frame_s in (("12.5", 0.08), ("29.97", 1 / 29.97)):
        source = folder / f"source{fps}.fbx"
        words = [str(folder / "reach.npz"), "--rig", str(folder / "figure.blend"), "--out", str(source), "--fps", fps]
        made = headless.retarget(headless.parse(words), resources=ROOT)
        rig, out = str(folder / "figure.blend"), str(folder / "out.bvh")
        words = ["--source", str(source), "--rig", rig, "--out", out, "--fps", fps]
        times = headless.retarget(headless.parse(words), resources=ROOT).motion.timestamps_s
        assert abs(times[-1] - made.motion.timestamps_s[-1]) < frame_s / 2, (fps, times[-1], made.motion.timestamps_s[-1])
        # Without --fps, and a rig that has no rate of its own, the result has the file's.
        out = str(folder / "out.blend")
        headless.retarget(headless.parse(["--source", str(source), "--rig", str(source), "--out", out]), resources=ROOT)
        bpy.ops.wm.open_mainfile(filepath=out)
        render = bpy.context.scene.render
        assert abs(render.fps / render.fps_base - float(fps)) < 0.01, (fps, render.fps, render.fps_base)


def check_a_bvh_file_onto_a_character_of_the_scene() -> None:
    """Read without an importer, so that nothing comes into the scene; the same as Blender's importer reads it."""
    path = test_folder() / "dance.bvh"
    files.export(path, animated(rig_builders.build("a_pose"), motion="walk"))
    imported = files.open_rig(files.RigFile(path))
    theirs = sample(bpy.context, imported, presets_folder=_PRESETS)
    ours = read_bvh(path, load_presets(_PRESETS))
    names = [ours.rig.index[name] for name in theirs.rig.bone_names]
    assert theirs.rig.mapping.bones == ours.rig.mapping.bones
    assert np.abs(ours.heads_m[:, names] - theirs.heads_m).max() < 1e-4
    assert np.abs(ours.turns[:, names] - theirs.turns).max() < 1e-3
    assert abs(ours.fps - theirs.fps) < 0.01
    bpy.ops.wm.read_factory_settings(use_empty=True)
    target = rig_builders.build("long_arms_short_legs")
    bpy.context.scene.frame_set(3)
    before = settled()
    with registered():
        retarget = bpy.ops.pose3d.retarget_file
        refused("No file is named", retarget, armature=target.name)
        refused("cannot be read", retarget, filepath=str(test_folder() / "none.bvh"), armature=target.name)
        (test_folder() / "text.bvh").write_text("no motion")
        refused("is no BVH file", retarget, filepath=str(test_folder() / "text.bvh"), armature=target.name)
        assert settled() == before
        bpy.context.scene.pose3d.motion.dense_keys = True
        assert retarget(filepath=str(path), armature=target.name) == {"FINISHED"}
    after = settled()
    assert list(after.pop("actions")) == [f"{target.name} dance"]
    assert after == {name: value for name, value in before.items() if name != "actions"}
    first, last = target.animation_data.action.frame_range
    seconds = (last - first) / 24
    assert first == 1 and abs(seconds - ours.timestamps_s[-1]) < 1 / 24, (first, seconds)
    spec = spec_of(target)
    frames = np.arange(1, int(last) + 1, 3)  # 24 frames a second of a file of 8
    apart = angles_deg(posed_limb_directions(bpy.context, target, spec, frames), _limbs(ours)[: len(frames)])
    assert np.percentile(apart, 95) < 3.0, apart.max()


def check_a_bvh_file_of_blenders_own() -> None:
    """Blender writes the armature's axes, z up; such a file is a source and a rig that stand."""
    path = test_folder() / "blenders.bvh"
    bpy.ops.wm.read_factory_settings(use_empty=True)
    armature = animated(rig_builders.build("a_pose"), motion="walk")
    theirs = sample(bpy.context, armature, presets_folder=_PRESETS)
    armature.select_set(True)
    bpy.context.view_layer.objects.active = armature
    files._enable_addon(".bvh")
    bpy.ops.export_anim.bvh(filepath=str(path), frame_start=theirs.first_frame, frame_end=bpy.context.scene.frame_end)
    ours = read_bvh(path, load_presets(_PRESETS))
    roles = [role for role in ("head", "left_foot", "right_hand", "left_thigh") if role in ours.rig.mapping.bones]
    mine, its = ([rig.bone(role) for role in roles] for rig in (ours.rig, theirs.rig))
    assert np.abs(ours.heads_m[:, mine] - theirs.heads_m[:, its]).max() < 1e-3
    rig = spec_of(files.open_rig(files.RigFile(path)))
    assert rig.rest_heads_world_m[rig.bone("head"), 2] > rig.rest_heads_world_m[rig.bone("hips"), 2] + 0.3


def check_a_larger_armature_hangs_on_the_character() -> None:
    """It is in the file as well, and does not move."""
    folder = test_folder()
    track = folder / "reach.npz"
    write_track(track, exact_tracks.motion("reach", fps=8, seconds=2).track)
    character, larger = rig_builders.build("plain"), rig_builders.build("fingers")
    larger.parent = character
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "two.blend"))
    for kind in files.OUT_SUFFIXES:
        out = folder / f"out{kind}"
        words = [str(track), "--rig", f"{folder / 'two.blend'}:plain", "--out", str(out)]
        headless.retarget(headless.parse(words), resources=ROOT)
    for kind in files.OUT_SUFFIXES:
        assert abs(files.read_back(folder / f"out{kind}")[1] - 2) < 0.2, "whichever moves"
    try:
        files.read_back(folder / "two.blend")
    except Pose3DError as error:
        assert "holds no animation" in error.sentence, error.sentence
    else:
        raise AssertionError("what does not move was read back")


def check_a_linked_one_of_the_same_name() -> None:
    """Whichever came into the scene first: the file's own is animated and exported, the linked one can be the source."""
    folder = test_folder()
    take, library, shot = folder / "reach.npz", folder / "library.blend", folder / "shot.blend"
    write_track(take, exact_tracks.motion("reach", fps=8, seconds=2).track)
    animated(rig_builders.build("plain")).name = "Hero"
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    for linked_first in (True, False):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        scene = bpy.context.scene
        own = None if linked_first else rig_builders.build("a_pose")
        if own is not None:
            own.name = "Hero"
        with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
            wanted.objects = ["Hero"]
        linked = wanted.objects[0]
        scene.collection.objects.link(linked)
        if own is None:
            own = rig_builders.build("a_pose")
            own.name = "Hero"
        assert own.name == linked.name == "Hero" and own.library is None
        with registered():
            scene.pose3d.armature = own
            for how in ({}, {"armature": "Hero"}):
                own.animation_data_clear()
                assert bpy.ops.pose3d.solve_take(take=str(take), **how) == {"FINISHED"}
                assert own.animation_data.action is not None
                assert bpy.ops.pose3d.export_animation(filepath=str(folder / "own.bvh"), overwrite=True, **how) == {"FINISHED"}
            assert linked.animation_data.action.library is not None, "the linked one still plays its own"
            scene.pose3d.source = linked
            assert bpy.ops.pose3d.retarget_animation() == {"FINISHED"}
            assert own.animation_data.action.frame_range[1] == linked.animation_data.action.frame_range[1] > 30
            refused("The source is the armature itself", bpy.ops.pose3d.retarget_animation, source="Hero")
            scene.collection.objects.unlink(own)
            refused("is not in the scene", bpy.ops.pose3d.solve_take, take=str(take))
            scene.collection.objects.link(own)
        bpy.ops.wm.save_as_mainfile(filepath=str(shot))
        assert files.open_rig(files.RigFile(shot, "Hero")).library is None


def check_which_animation_is_the_sources() -> None:
    source, target = animated(rig_builders.build("plain"), motion="walk"), rig_builders.build("a_pose")
    data = source.animation_data
    action, slot = data.action, data.action_slot
    last = round(action.frame_range[1])

    def frames() -> int:
        return len(sample(bpy.context, source, presets_folder=_PRESETS).timestamps_s)

    assert frames() == last > 20
    # A second character in the same action, which goes on.
    prop = bpy.data.objects.new("Prop", None)
    prop.animation_data_create().action = action
    prop.animation_data.action_slot = action.slots.new("OBJECT", "Prop")
    prop.keyframe_insert("location", frame=500)
    assert action.frame_range[1] == 500 and frames() == last
    exported = test_folder() / "slots.bvh"
    data.action_slot = None
    with registered():
        refused("has no slot of the action", bpy.ops.pose3d.retarget_animation, source=source.name, armature=target.name)
        refused("has no slot of the action", bpy.ops.pose3d.export_animation, filepath=str(exported), armature=source.name)
        data.action_slot = slot
        assert bpy.ops.pose3d.export_animation(filepath=str(exported), armature=source.name) == {"FINISHED"}
    assert f"Frames: {last}\n" in exported.read_text()
    action.use_frame_range, action.frame_start, action.frame_end = True, 5, 14
    assert frames() == 10
    action.use_frame_range = False
    # A correction of one key over the animation in the NLA; and an action with nothing in it.
    strip = data.nla_tracks.new().strips.new("walk", 11, action)
    strip.action_slot = slot
    for name, bones in (("Correction", ["Head"]), ("Nothing", [])):
        data.action, data.action_blend_type = bpy.data.actions.new(name), "COMBINE"
        for bone in bones:
            source.pose.bones[bone].keyframe_insert("rotation_quaternion", frame=1)
        first = 1 if bones else 11
        assert frames() == 10 + last - first + 1, (name, frames())
    # A track that plays solo, whatever else there is.
    data.nla_tracks.new().strips.new("later", 1000, action).action_slot = slot
    data.nla_tracks[0].is_solo = True
    assert frames() == last
    data.use_nla = False
    with registered():
        refused("has no animation", bpy.ops.pose3d.retarget_animation, source=source.name, armature=target.name)
    driver = source.pose.bones["LeftArm"].driver_add("rotation_quaternion", 1).driver
    driver.expression = "frame / 50"
    bpy.context.scene.frame_start, bpy.context.scene.frame_end = 3, 30
    assert frames() == 28
    _an_action_by_its_name(source, action)


def _an_action_by_its_name(source: bpy.types.Object, action: bpy.types.Action) -> None:
    """On the command line it alone is played; whose slot is whose must be known."""
    source.animation_data.use_nla = True
    source.animation_data.nla_tracks.new().strips.new("later", 700, action)
    assert source.animation_data.action != action
    action.use_fake_user = True
    written, rig = test_folder() / "actions.blend", test_folder() / "rig.blend"
    files.export(written, source)
    words = ["--source", str(written), "--action", action.name, "--rig", str(rig), "--out", str(test_folder() / "o.blend")]
    bpy.data.objects.remove(source)
    bpy.ops.wm.save_as_mainfile(filepath=str(rig))
    applied = headless.retarget(headless.parse(words), resources=ROOT)
    assert applied.frame_end - applied.frame_start < 100
    figure = files.open_rig(files.RigFile(written, "plain"))
    fresh = bpy.data.objects.new("Fresh", figure.data)
    bpy.context.scene.collection.objects.link(fresh)
    bpy.data.objects.remove(figure)
    bpy.ops.wm.save_as_mainfile(filepath=str(written))
    try:
        headless.retarget(headless.parse(words), resources=ROOT)
    except Pose3DError as error:
        assert "has no slot of the action" in error.sentence, error.sentence
    else:
        raise AssertionError("an action of two characters was taken for one's")


def check_a_loop_is_made() -> None:
    """A new action that is marked as a loop, of the animation that the character has; the preview range says where to look."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    walker = animated(rig_builders.build("a_pose"), motion="walk", fps=24)
    scene, before = bpy.context.scene, settled()
    was = walker.animation_data.action
    with registered():
        assert bpy.ops.pose3d.make_loop(armature=walker.name) == {"FINISHED"}
        action = walker.animation_data.action
        after = settled()
        assert action != was and set(after["actions"]) == {*before["actions"], action.name}
        assert after | {"actions": {}} == before | {"actions": {}} and all(
            after["actions"][name] == keys for name, keys in before["actions"].items()
        )
        assert action.use_cyclic and action.use_frame_range and "loop" in action.name, action.name
        first, last = (round(frame) for frame in action.frame_range)
        assert 15 < last - first < 40, "a stride"
        whole = range(scene.frame_start, scene.frame_end + 1)
        assert first in whole and last in whole
        poses = {}
        for frame in (first, last):
            scene.frame_set(frame)
            heads = np.array([walker.matrix_world @ bone.head for bone in walker.pose.bones])
            poses[frame] = heads - heads[0] * [1, 1, 0]
        assert np.abs(poses[first] - poses[last]).max() < 0.01, np.abs(poses[first] - poses[last]).max()
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, first, first + 8
        walker.animation_data.action = was
        before = settled()
        try:
            result = bpy.ops.pose3d.make_loop(armature=walker.name)
        except RuntimeError as error:
            assert "Nothing in this animation comes back to the pose that it left" in str(error), error
        else:
            raise AssertionError(result)
        assert settled() == before
        scene.frame_preview_start, scene.frame_preview_end = last + 500, last + 510
        try:
            result = bpy.ops.pose3d.make_loop(armature=walker.name)
        except RuntimeError as error:
            assert "The preview range has none of the animation's frames, " in str(error), error
        else:
            raise AssertionError(result)
        scene.use_preview_range, scene.frame_end = False, first + 5
        told = said(lambda: bpy.ops.pose3d.make_loop(armature=walker.name))
        assert f" The scene stops before that, at frame {first + 5}." in told, told


def said(call: Callable[[], set[str]]) -> str:
    """What an operator reports, which Blender prints."""
    flush = ctypes.CDLL(None).fflush
    flush(None)
    with tempfile.TemporaryFile() as file:
        kept = os.dup(1)
        os.dup2(file.fileno(), 1)
        try:
            assert call() == {"FINISHED"}
        finally:
            flush(None)
            os.dup2(kept, 1)
            os.close(kept)
        file.seek(0)
        return file.read().decode()


def check_a_loop_keeps_what_else_was_animated() -> None:
    """A jaw, a prop, a tail's own controls and custom properties go on as they were, and end as they begin; what leads the body
    does not move it twice."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    walker = rig_builders.build("a_pose")
    bpy.context.view_layer.objects.active = walker
    bpy.ops.object.mode_set(mode="EDIT")
    edited = walker.data.edit_bones
    head, hips = (next(bone for bone in edited if bone.name.lower().endswith(name)) for name in ("head", "hips"))
    tops = [bone for bone in edited if bone.parent is None]
    for name, parent in (("Jaw", head), ("Tail", hips), ("Tail control", None), ("Prop", None), ("Master", None)):
        bone = edited.new(name)
        bone.head, bone.parent = (parent.tail if parent else (1.0, 0.0, 0.0)), parent
        bone.tail = bone.head + Vector((0.0, -0.1, 0.0))
    for bone in tops:
        bone.parent = edited["Master"]
    bpy.ops.object.mode_set(mode="OBJECT")
    bones = walker.pose.bones
    follows = bones["Tail"].constraints.new("COPY_ROTATION")
    follows.target, follows.subtarget = walker, "Tail control"
    animated(walker, motion="walk", fps=24)
    was = walker.animation_data.action
    added = {}
    for number, name in enumerate(("Jaw", "Prop", "Tail control", "Master")):
        bones[name].rotation_mode = "XYZ"
        for frame in range(1, 80, 7):
            bones[name].rotation_euler.x = 0.3 * np.sin(frame + number) + 0.005 * frame
            bones[name].keyframe_insert("rotation_euler", index=0, frame=frame)
        added[name] = f'pose.bones["{name}"].rotation_euler'
    for owner, name in ((bones["Jaw"], "smile"), (walker, "lights")):
        for frame in range(1, 80, 6):
            owner[name] = frame % 2.5
            owner.keyframe_insert(f'["{name}"]', frame=frame)
        added[name] = ("" if owner == walker else owner.path_from_id()) + f'["{name}"]'
    before = curves_of(walker)
    for key in before[added["lights"], 0].keyframe_points:
        key.interpolation = "CONSTANT"
    want = {name: [before[path, 0].evaluate(frame) for frame in range(120)] for name, path in added.items()}
    with registered():
        assert bpy.ops.pose3d.make_loop(armature=walker.name) == {"FINISHED"}
    assert walker.animation_data.action != was
    after = curves_of(walker)
    first, last = (round(frame) for frame in walker.animation_data.action.frame_range)
    for name, path in added.items():
        got = np.array([after[path, 0].evaluate(frame) for frame in range(first, last + 1)]) if (path, 0) in after else None
        if name == "Master":
            assert got is None or not np.ptp(got), "it leads the body, whose keys have its turns"
            continue
        off = got - want[name][first : last + 1]
        lacks = want[name][last] - want[name][first]
        if name == "lights":
            assert not np.abs(off).max(), off
        else:
            assert np.allclose(off, lacks * (0.5 - np.linspace(0, 1, len(off))), atol=1e-5), (name, off)
            assert abs(got[0] - got[-1]) < 1e-5, (name, got[0], got[-1])


def curves_of(armature: bpy.types.Object) -> dict[tuple[str, int], bpy.types.FCurve]:
    bag = anim_utils.action_get_channelbag_for_slot(armature.animation_data.action, armature.animation_data.action_slot)
    return {(curve.data_path, curve.array_index): curve for curve in bag.fcurves}


def check_the_command_lines_loop() -> None:
    folder = test_folder()
    track = folder / "walk.npz"
    write_track(track, exact_tracks.motion("walk", fps=24).track)
    rig_builders.build("a_pose")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "rig.blend"))
    lengths = {}
    for name, kept in (("of a clip.bvh", ()), ("of a source.blend", ("--source", str(folder / "whole.bvh")))):
        if kept:
            words = [str(track), "--rig", str(folder / "rig.blend"), "--out", str(folder / "whole.bvh")]
            lengths["whole"] = len(headless.retarget(headless.parse(words), resources=ROOT).motion.timestamps_s)
        words = [*(kept or (str(track),)), "--rig", str(folder / "rig.blend"), "--out", str(folder / name), "--loop"]
        applied = headless.retarget(headless.parse(words), resources=ROOT)
        lengths[name] = len(applied.motion.timestamps_s)
        assert applied.frame_start == 1
    assert 15 < lengths["of a clip.bvh"] < 40 < lengths["whole"], lengths
    assert abs(lengths["of a source.blend"] - lengths["of a clip.bvh"]) < 4, lengths
    action = files.open_rig(files.RigFile(folder / "of a source.blend")).animation_data.action
    assert action.use_cyclic and round(action.frame_range[1]) == lengths["of a source.blend"]


def check_a_files_rate_is_its_animations() -> None:
    """Frames between those of the file would hold its ends for a part of a frame, and a loop with them."""
    folder = test_folder()
    source = animated(rig_builders.build("a_pose"), motion="walk")
    bpy.context.scene.render.fps = 30
    there = sample(bpy.context, source, presets_folder=_PRESETS)
    written = [folder / f"source{kind}" for kind in files.OUT_SUFFIXES]
    for path in written:
        files.export(path, source)
    bpy.data.objects.remove(source)
    rig_builders.build("long_arms_short_legs")
    rig = folder / "rig.glb"
    bpy.ops.export_scene.gltf(filepath=str(rig))
    for path in written:
        words = ["--source", str(path), "--rig", str(rig), "--out", str(folder / "out.blend")]
        applied = headless.retarget(headless.parse(words), resources=ROOT)
        assert bpy.context.scene.render.fps == 30, path.name
        assert applied.frame_end - applied.frame_start == len(there.timestamps_s) - 1, path.name


def check_the_command_lines_motion_options() -> None:
    """What they change is what the panel's change; what means nothing is one sentence."""
    folder = test_folder()
    track = folder / "walk.npz"
    write_track(track, exact_tracks.motion("walk", fps=8).track)
    rig_builders.build("a_pose")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "rig.blend"))
    words = [str(track), "--rig", str(folder / "rig.blend"), "--out", str(folder / "out.blend")]
    plain = headless.retarget(headless.parse(words), resources=ROOT)
    given = ["--in-place", "--dense-keys", "--no-mark-contacts", "--smoothing=strong", "--camera-pitch=3", "--camera-roll", "0"]
    other = headless.retarget(headless.parse([*words, *given]), resources=ROOT)
    expected = MotionOptions(
        in_place=True,
        dense_keys=True,
        mark_contacts=False,
        smoothing=Smoothing.STRONG,
        camera_pitch_deg=3.0,
        camera_roll_deg=0.0,
    )
    assert plain.options == MotionOptions() and other.options == expected
    assert plain.sparse is not None and other.sparse is None
    walked = [np.ptp(applied.motion.root_basis_location, axis=0).max() for applied in (plain, other)]
    assert walked[0] > 1.0 > 0.3 > walked[1], walked
    figure = files.open_rig(files.RigFile(folder / "out.blend"))
    assert not [marker for marker in figure.animation_data.action.pose_markers if "down" in marker.name]
    for wrong, told in (
        (["--key-tolerance-cm", "-1"], "is no tolerance"),
        (["--camera-pitch", "200"], "No camera is turned by 200"),
        (["--smoothing", "much"], "invalid choice"),
        (["--person", "2"], "is lifted already, so --person has nothing to do"),
        (["--focal-mm", "26"], "so --focal-mm has nothing to do"),
    ):
        try:
            headless.retarget(headless.parse([*words, *wrong]), resources=ROOT)
        except Pose3DError as error:
            assert told in error.message, error.message
        else:
            raise AssertionError(f"{wrong} was taken")


def check_what_cannot_be_keyed_is_told_before_the_clip_is_read() -> None:
    folder = test_folder()
    clip = folder / "clip.mp4"
    clip.write_bytes(b"nothing that could be read")
    figure = rig_builders.with_ik_constraints("a_pose")
    figure.data.pose_position = "REST"
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "rests.blend"))
    words = [str(clip), "--rig", str(folder / "rests.blend"), "--out", str(folder / "out.blend"), "--limbs", "ik"]
    try:
        headless.retarget(headless.parse(words), resources=ROOT)
    except Pose3DError as error:
        assert "IK controls" in error.message, error.message
    else:
        raise AssertionError("it was taken")


def _limbs(source) -> np.ndarray:
    from blender_pose3d.bridge.measure import LIMBS

    heads, rig = source.heads_m, source.rig
    ways = [heads[:, rig.bone(end)] - heads[:, rig.bone(start)] for _, _, _, start, end in LIMBS]
    ways = np.stack(ways, axis=1)
    return ways / np.linalg.norm(ways, axis=-1, keepdims=True)


if __name__ == "__main__":
    script.run(lambda names: addon_checks.main(names, globals()))
