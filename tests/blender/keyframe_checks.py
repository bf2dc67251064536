"""Runs inside a Blender: `keyframe_checks.py -- FOLDER`. Prints a line for each check, ends with 0 when all hold.

Not collected by pytest; test_keyframes.py starts it.
"""

from __future__ import annotations

import json
import re
import sys
import traceback
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import bpy
import numpy as np
from bpy_extras import anim_utils
from mathutils import Euler, Matrix, Vector

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.bridge import clip_camera, files, markers  # noqa: E402
from blender_pose3d.bridge.apply import AppliedMotion, apply_again, apply_steps, apply_track  # noqa: E402
from blender_pose3d.bridge.compat import ensure_fcurve  # noqa: E402
from blender_pose3d.bridge.keyframes import fill_linear, key_values  # noqa: E402
from blender_pose3d.bridge.measure import angles_deg, joint_limb_directions  # noqa: E402
from blender_pose3d.core.errors import Pose3DError  # noqa: E402
from blender_pose3d.core.motion import Contact, MotionOptions  # noqa: E402
from blender_pose3d.core.motion.contacts import PARTS, mask_of  # noqa: E402
from blender_pose3d.core.motion.legs import feet_of  # noqa: E402
from blender_pose3d.core.skeleton import INDEX  # noqa: E402
from blender_pose3d.core.solve import SolveOptions  # noqa: E402
from blender_pose3d.core.track_io import write_track  # noqa: E402
from tests.blender import exact_tracks, rig_builders, script  # noqa: E402
from tests.blender.rig_checks import animate, measured, posed, spec_of, turned  # noqa: E402

ROTATION = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": "rotation_axis_angle"}


def fresh(name: str) -> bpy.types.Object:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    return rig_builders.build(name)


def give_action(
    armature: bpy.types.Object, *, name: str = "Old", bones: tuple[str, ...] = ("Spine", "LeftArm", "Hips")
) -> bpy.types.Action:
    """An action that turns, moves and scales some bones from frame 5 to frame 40."""
    action = bpy.data.actions.new(name)
    armature.animation_data_create().action = action
    for bone in bones:
        for channel, at_rest in (("location", (0, 0, 0)), ("rotation_quaternion", (1, 0, 0, 0)), ("scale", (1, 1, 1))):
            for index, value in enumerate(at_rest):
                curve = ensure_fcurve(action, armature, f'pose.bones["{bone}"].{channel}', index=index)
                curve.keyframe_points.insert(5, value)
                curve.keyframe_points.insert(40, value + 0.4)
    return action


def curves_of(action: bpy.types.Action) -> dict[tuple[str, str, int], list[tuple]]:
    """Slot, path and index -> every key, bit for bit."""
    return {
        (slot.identifier, curve.data_path, curve.array_index): [
            (*point.co, *point.handle_left, *point.handle_right, point.interpolation) for point in curve.keyframe_points
        ]
        for slot in action.slots
        for curve in anim_utils.action_get_channelbag_for_slot(action, slot).fcurves
    }


def keys_of(armature: bpy.types.Object, path: str) -> np.ndarray:
    """[keys, 1 + components]: frames and values of a property of the armature's action."""
    data = armature.animation_data
    curves = anim_utils.action_get_channelbag_for_slot(data.action, data.action_slot).fcurves
    found = sorted((c for c in curves if c.data_path == path), key=lambda c: c.array_index)
    assert found, f"{path} is not keyed"
    return np.array(
        [[p.co[0] for p in found[0].keyframe_points], *([p.co[1] for p in curve.keyframe_points] for curve in found)]
    ).T


def owned(armature: bpy.types.Object) -> dict[str, object]:
    """What belongs to the user and is not a pose."""
    bones = {
        bone.name: (
            tuple(map(tuple, bone.matrix_local)),
            tuple(bone.tail_local),
            bone.use_connect,
            bone.parent and bone.parent.name,
        )
        for bone in armature.data.bones
    }
    selected = {
        bone.name: getattr(bone if hasattr(bone, "select") else bone.bone, "select", None) for bone in armature.pose.bones
    }
    return {
        "bones": bones,
        "modes": {bone.name: bone.rotation_mode for bone in armature.pose.bones},
        "selected bones": selected,
        "selected objects": sorted(o.name for o in bpy.context.selected_objects),
        "active": bpy.context.view_layer.objects.active and bpy.context.view_layer.objects.active.name,
        "mode": armature.mode,
        "place": tuple(map(tuple, armature.matrix_world)),
        "frame": bpy.context.scene.frame_current,
        "locks": {bone.name: tuple(bone.lock_rotation) for bone in armature.pose.bones},
        "constraints": {bone.name: len(bone.constraints) for bone in armature.pose.bones},
        "objects": sorted(o.name for o in bpy.data.objects),
    }


def limb_error_deg(armature: bpy.types.Object, given: exact_tracks.Exact, applied: AppliedMotion) -> float:
    return measured(armature, given, applied)["worst_limb"]


def what_is_the_users_stays() -> None:
    armature = fresh("random_axes")
    old = give_action(armature)
    other = bpy.data.objects.new("Bystander", None)
    bpy.context.scene.collection.objects.link(other)
    other.select_set(True)
    armature.select_set(False)
    bpy.context.view_layer.objects.active = other
    bpy.context.scene.frame_set(23)  # the old action has posed the rig here
    assert armature.pose.bones["Spine"].location.length > 0.1
    before, keys, place = owned(armature), curves_of(old), tuple(map(tuple, other.matrix_world))
    given = exact_tracks.motion("reach", seconds=2)
    applied = animate(armature, given)
    assert owned(armature) == before
    assert curves_of(old) == keys and tuple(map(tuple, other.matrix_world)) == place
    data = armature.animation_data
    assert data.action != old and data.action.name == applied.action_name
    assert [slot.identifier for slot in data.action.slots] == [data.action_slot.identifier], (
        "the new action has one slot, its own"
    )
    assert limb_error_deg(armature, given, applied) < 0.5, "the old pose shows through"


def what_the_old_action_moved_does_not_stay_bent() -> None:
    """Bones without a role below those that are turned, as the hand of a rig whose wrist has the role; not what nothing moved."""
    armature = fresh("plain")
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for name, parent in (("Palm", "LeftHand"), ("Slot", "Palm"), ("Tail", "Hips")):
        above, edit = armature.data.edit_bones[parent], armature.data.edit_bones.new(name)
        edit.head, edit.tail, edit.parent = above.tail, above.tail + above.vector, above
    bpy.ops.object.mode_set(mode="OBJECT")
    give_action(armature, bones=("Hips", "Palm", "Tail"))
    bpy.context.scene.frame_set(40)
    bones = armature.pose.bones
    bones["Slot"].rotation_quaternion = kept = (0.8, 0.6, 0.0, 0.0)
    assert bones["Palm"].scale.x > 1.3 and bones["Tail"].location.x > 0.3
    upper = MotionOptions(upper_body=True)
    for options, rest in ((upper, ("Palm",)), (MotionOptions(), ("Palm", "Tail"))):
        track = exact_tracks.motion("reach", seconds=1).track
        apply_track(bpy.context, armature, track, preset="auto", resources=ROOT, options=options)
        bpy.context.scene.frame_set(bpy.context.scene.frame_current)
        for name in ("Palm", "Tail"):
            off = np.abs(np.array(bones[name].matrix_basis) - np.eye(4)).max()
            assert (off < 1e-5) == (name in rest), (options.upper_body, name, off)
        assert np.allclose(bones["Slot"].rotation_quaternion, kept), "that is the user's"
        armature.animation_data.action = bpy.data.actions["Old"]
        bpy.context.scene.frame_set(40)


def shoes_stand_on_the_ground() -> None:
    """Shoes of a small body, longer behind and before than bones tell, on an object of its own; another mesh is in no picture."""
    armature = fresh("plain")
    shoes = _shoes(armature, behind=0.15, ahead=0.34, below=0.12)
    hidden = _shoes(armature, behind=0.5, ahead=0.6, below=0.5)
    hidden.hide_render = True
    given = exact_tracks.motion("walk", fps=15)
    apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, options=MotionOptions())
    sole = min(bone.head_local.z for bone in armature.data.bones if bone.name.endswith("Foot")) - 0.12
    lowest = []
    for frame in range(bpy.context.scene.frame_start, int(armature.animation_data.action.frame_range[1]) + 1):
        bpy.context.scene.frame_set(frame)
        mesh = shoes.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        lowest.append(min((shoes.matrix_world @ vertex.co).z for vertex in mesh.vertices) - sole)
    assert min(lowest) > -0.012 and np.median(np.abs(lowest)) < 0.004, (min(lowest), np.median(np.abs(lowest)))


def _shoes(armature: bpy.types.Object, *, behind: float, ahead: float, below: float) -> bpy.types.Object:
    """A box for each foot, cut at the toe's joint; so far from the ankles they reach, in metres."""
    vertices, faces, groups = [], [], {}
    for side in ("Left", "Right"):
        foot, toe = (armature.data.bones[f"{side}{part}"].head_local for part in ("Foot", "ToeBase"))
        for y in (foot.y + behind, toe.y, foot.y - ahead):
            rows = range(len(vertices), len(vertices) + 4)
            groups |= dict.fromkeys(rows, f"{side}{'Foot' if y > toe.y else 'ToeBase'}")
            vertices += [(foot.x + x, y, foot.z + z) for x, z in ((-0.04, -below), (0.04, -below), (0.04, 0), (-0.04, 0))]
        first = len(vertices) - 12
        faces += [[first + k + at for k in range(4)] for at in (0, 4, 8)]
    mesh = bpy.data.meshes.new("Shoes")
    placed = Matrix.LocRotScale((0.3, -2, 1), Euler((0.4, 0.2, 1)), (2, 2, 2))
    mesh.from_pydata([placed.inverted() @ Vector(one) for one in vertices], [], faces)
    made = bpy.data.objects.new("Shoes", mesh)
    bpy.context.scene.collection.objects.link(made)
    made.matrix_world = placed
    made.modifiers.new("Armature", "ARMATURE").object = armature
    for name in sorted(set(groups.values())):
        made.vertex_groups.new(name=name).add([row for row, own in groups.items() if own == name], 1, "REPLACE")
    bpy.context.view_layer.update()
    return made


def who_lies_is_not_in_the_ground() -> None:
    """A thick body in a skirt, with a braid: the body counts, and what hangs on it does not."""
    armature = fresh("plain")
    hips, head = (armature.data.bones[name].head_local.copy() for name in ("Hips", "Head"))
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    for number in range(2):
        bone = armature.data.edit_bones.new(f"Braid{number}")
        bone.parent = armature.data.edit_bones["Braid0" if number else "Head"]
        bone.head, bone.tail = head + Vector((0, 0.1, -0.1 * number)), head + Vector((0, 0.1, -0.1 * number - 0.1))
    bpy.ops.object.mode_set(mode="OBJECT")
    deep = 0.16
    parts = {
        "Hips": [hips + Vector((x, y, 0)) for x in (-0.15, 0.15) for y in (-deep, deep)] + [hips + Vector((0, deep, -0.5))],
        "Head": [head + Vector((x, y, 0.1)) for x in (-0.1, 0.1) for y in (-deep, deep)],
        "Braid1": [head + Vector((0, 0.6, 0.1)), head + Vector((0, -0.6, 0.1))],
    }
    mesh = bpy.data.meshes.new("Body")
    mesh.from_pydata([one for points in parts.values() for one in points], [], [])
    body = bpy.data.objects.new("Body", mesh)
    bpy.context.scene.collection.objects.link(body)
    body.modifiers.new("Armature", "ARMATURE").object = armature
    row = 0
    for name, points in parts.items():
        body.vertex_groups.new(name=name).add(list(range(row, row + len(points))), 1, "REPLACE")
        row += len(points)
    given = exact_tracks.motion("lie_down", fps=15)
    rig = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, options=MotionOptions()).rig
    counted = {rig.bone_names[bone]: len(points) for bone, points in rig.body.items()}
    assert counted == {"Hips": 4, "Head": 4}, counted
    lowest = []
    for frame in range(bpy.context.scene.frame_start, int(armature.animation_data.action.frame_range[1]) + 1):
        bpy.context.scene.frame_set(frame)
        shape = body.evaluated_get(bpy.context.evaluated_depsgraph_get()).to_mesh()
        lowest.append(min(vertex.co.z for vertex in list(shape.vertices)[:4]) - rig.ground_m)
    assert -0.015 < min(lowest) < 0.03, min(lowest)


def bodies_are_as_thick_as_their_meshes() -> None:
    """One as broad as its legs are long; one whose meshes are bent by bones of their own, beside the controls that have roles."""
    for controls in (False, True):
        for broad in (0.5, 0.14):
            armature = fresh("plain")
            names = [bone.name for bone in armature.data.bones]
            if controls:
                bpy.context.view_layer.objects.active = armature
                bpy.ops.object.mode_set(mode="EDIT")
                for name in names:
                    bone, own = armature.data.edit_bones.new(f"DEF-{name}"), armature.data.edit_bones[name]
                    bone.head, bone.tail, bone.parent, own.use_deform = own.head, own.tail, own.parent, False
                    if name.endswith("UpLeg"):
                        half, middle = armature.data.edit_bones.new(f"DEF-Half{name}"), armature.data.edit_bones["Hips"].head
                        half.head, half.tail, half.parent = middle, own.head + Vector((0, -0.04, 0.08)), bone.parent
                bpy.ops.object.mode_set(mode="OBJECT")
            parts = {}
            for name in names:
                bone, trunk = armature.data.bones[name], name in ("Hips", "Spine", "Spine1", "Spine2")
                middle = (bone.head_local + bone.tail_local) / 2
                parts[f"DEF-{name}" if controls else name] = (middle, broad if trunk else 0.06)
            if controls:
                parts["DEF-HalfLeftUpLeg"] = (armature.data.bones["Hips"].head_local, broad + 0.05)
            ring = [Vector((np.cos(turn), np.sin(turn), 0)) for turn in np.linspace(0, 2 * np.pi, 16, endpoint=False)]
            mesh = bpy.data.meshes.new("Body")
            mesh.from_pydata([middle + away * way for middle, away in parts.values() for way in ring], [], [])
            body = bpy.data.objects.new("Body", mesh)
            bpy.context.scene.collection.objects.link(body)
            body.modifiers.new("Armature", "ARMATURE").object = armature
            for number, name in enumerate(parts):
                rows = range(len(ring) * number, len(ring) * (number + 1))
                body.vertex_groups.new(name=name).add(list(rows), 1, "REPLACE")
            rig = spec_of(armature)
            for role in ("hips", "spine", "chest", "head"):
                wanted = 0.06 if role == "head" else broad + 0.05 * (controls and role == "hips")
                for bone in rig.chain(role):
                    reach = np.linalg.norm((rig.body[bone] - rig.rest_heads[bone])[:, :2], axis=1).max()
                    assert abs(reach - wanted) < 0.03, (controls, broad, role, reach)
            limbs = [b for s in ("left", "right") for p in ("thigh", "upper_arm", "clavicle") for b in rig.chain(f"{s}_{p}")]
            assert not set(limbs) & rig.body.keys()


def the_old_action_survives_saving() -> None:
    armature = fresh("plain")
    old = give_action(armature)
    keys, name = curves_of(old), old.name
    applied = animate(armature, exact_tracks.motion("reach", seconds=1))
    path = str(folder() / "saved.blend")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    assert curves_of(bpy.data.actions[name]) == keys
    assert bpy.data.objects["plain"].animation_data.action.name == applied.action_name


def an_action_shared_with_another_object_still_drives_it() -> None:
    armature = fresh("plain")
    other = armature.copy()
    bpy.context.scene.collection.objects.link(other)
    old = give_action(armature)
    other.animation_data_create().action = old
    other.animation_data.action_slot = armature.animation_data.action_slot
    animate(armature, exact_tracks.motion("reach", seconds=1))
    assert other.animation_data.action == old and other.animation_data.action_slot is not None
    bpy.context.scene.frame_set(40)
    assert np.allclose(other.pose.bones["Spine"].location, 0.4, atol=1e-5)


def a_second_import_makes_a_second_action() -> None:
    armature = fresh("plain")
    first = bpy.data.actions[animate(armature, exact_tracks.motion("reach", seconds=1)).action_name]
    keys = curves_of(first)
    second = bpy.data.actions[animate(armature, exact_tracks.motion("kick", seconds=1)).action_name]
    assert first != second and curves_of(first) == keys and armature.animation_data.action == second


def nla_stays_and_does_not_show_through() -> None:
    for muted, solo in ((True, False), (False, False), (False, True)):
        armature = fresh("posed_root")
        armature.pose.bones["Root"].matrix_basis.identity()
        strip_action = give_action(armature, bones=("Root", "Spine"))
        keys = curves_of(strip_action)
        data = armature.animation_data
        track = data.nla_tracks.new()
        strip = track.strips.new("Strip", 1, strip_action)
        data.action = None
        track.mute, track.is_solo = muted, solo

        def state(track=track, strip=strip) -> tuple:
            return track.mute, track.is_solo, strip.mute, strip.frame_start, strip.frame_end, strip.action.name, strip.blend_type

        before = state()
        bpy.context.scene.frame_set(0)  # the strip poses nothing here
        given = exact_tracks.motion("reach", seconds=3, fps=20)
        applied = animate(armature, given)
        assert state() == before and len(data.nla_tracks) == 1 and curves_of(strip_action) == keys
        if solo:
            assert any("plays solo" in warning for warning in applied.warnings), applied.warnings
        else:
            assert not applied.warnings and limb_error_deg(armature, given, applied) < 0.5, (muted, applied.warnings)


def what_bends_the_body_by_constraints_is_brought_to_rest() -> None:
    """A control that turns the chest through a helper bone; the one that places the whole character stays as it is posed."""
    given = exact_tracks.motion("reach", seconds=1)
    for by_nla in (False, True):
        armature = fresh("plain")
        rig_builders.add_pivots(armature, {"Place": "Hips", "Pivot": "Spine2"})
        bones = armature.pose.bones
        for name in ("Place", "Pivot"):
            bones[name].rotation_mode = "QUATERNION"
        if by_nla:
            bones["Pivot"].rotation_quaternion = (0.8, 0.6, 0, 0)
            bones["Pivot"].keyframe_insert("rotation_quaternion", frame=1)
            data = armature.animation_data
            data.nla_tracks.new().strips.new("Bent", 1, data.action)
            data.action, bones["Pivot"].rotation_quaternion = None, (1, 0, 0, 0)
        else:
            bones["Pivot"].rotation_quaternion = (0.8, 0.6, 0, 0)
            bones["Place"].location = (0.5, 0, 0)
        applied = animate(armature, given)
        assert limb_error_deg(armature, given, applied) < 0.5, by_nla
        keyed = {path for _, path, _ in _curves(armature)}
        assert any('"Pivot"' in path for path in keyed) and not any('"Place"' in path for path in keyed), keyed
        assert by_nla or bones["Place"].location.x == 0.5


def what_bends_an_upper_body_is_brought_to_rest_too() -> None:
    """All of it follows that, but hips and legs do not: it does not place the character."""
    given = exact_tracks.motion("reach", seconds=1)
    armature = fresh("plain")
    rig_builders.add_pivots(armature, {"Place": "Hips", "Pivot": "Spine"})
    for name in ("Place", "Pivot"):
        armature.pose.bones[name].location = (0.5, 0.0, 0.0)
    options = MotionOptions(upper_body=True)
    apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, options=options)
    keyed = {path for _, path, _ in _curves(armature)}
    assert any('"Pivot"' in path for path in keyed) and not any('"Place"' in path for path in keyed), keyed


def a_control_that_no_longer_carries_the_character_is_told() -> None:
    """It has no key in the new action, so what moved it is gone; of keys that hold it in one place nothing is said."""
    given = exact_tracks.motion("reach", seconds=1)
    for moved_m in (0.0, 2.0):
        armature = fresh("plain")
        rig_builders.add_pivots(armature, {"Place": "Hips", "Pivot": "Spine2"})
        for frame, place in ((1, 0.5), (20, 0.5 + moved_m)):
            for name in ("Place", "Pivot"):
                armature.pose.bones[name].location.x = place
                armature.pose.bones[name].keyframe_insert("location", frame=frame)
        told = [warning for warning in animate(armature, given).warnings if "no longer played" in warning]
        assert len(told) == (moved_m > 0) and all("moved 'Place'" in warning for warning in told), told
        assert not animate(armature, given).warnings


def strips_that_carry_the_character_along_are_told() -> None:
    """Of a strip that has keys of the object without moving it nothing is said."""
    given = exact_tracks.motion("reach", seconds=1)
    for moved_m in (0.0, 2.0):
        for upper_body in (False, True):
            armature = fresh("plain")
            for frame, place in ((1, 0.0), (60, moved_m)):
                armature.location.x = place
                armature.keyframe_insert("location", frame=frame)
            data = armature.animation_data
            data.nla_tracks.new().strips.new("Ride", 1, data.action)
            data.action = None
            options = MotionOptions(upper_body=upper_body)
            applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, options=options)
            told = any("and the character goes along" in warning for warning in applied.warnings)
            assert told == (moved_m > 0 and not upper_body), (moved_m, upper_body, applied.warnings)


def a_rest_position_is_told() -> None:
    armature = fresh("plain")
    armature.data.pose_position = "REST"
    applied = animate(armature, exact_tracks.motion("reach", seconds=1))
    assert armature.data.pose_position == "REST" and any("rest position" in warning for warning in applied.warnings)


def one_frame_is_told() -> None:
    """As of a picture: the first of a sequence is easily taken for all of it."""
    whole = exact_tracks.motion("reach", seconds=1).track
    values = {field.name: getattr(whole, field.name) for field in fields(whole)}
    one = replace(whole, **{name: value[:1] for name, value in values.items() if isinstance(value, np.ndarray)})
    for track, count in ((one, 1), (whole, 0)):
        told = apply_track(bpy.context, fresh("plain"), track, preset="auto", resources=ROOT, options=MotionOptions()).warnings
        assert len(told) == count and all("only one frame" in warning for warning in told), told


def bones_that_are_being_edited_are_taken_as_they_are() -> None:
    armature = fresh("plain")
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    bones = armature.data.edit_bones
    bones["Spine"].name = "Trunk"
    bones.remove(bones["LeftHand"])
    bones["Neck"].roll += 0.5
    given = exact_tracks.motion("reach", seconds=2)
    applied = animate(armature, given)
    assert any("Edit Mode" in warning for warning in applied.warnings), applied.warnings
    assert armature.mode == "EDIT" and "Trunk" in armature.data.edit_bones
    armature.data.edit_bones["LeftToeBase"].name = "Toes"
    bpy.ops.object.mode_set(mode="OBJECT")
    assert "Toes" in armature.pose.bones and "LeftHand" not in armature.pose.bones
    assert limb_error_deg(armature, given, applied) < 0.5


def angles_do_not_jump() -> None:
    """The demo's person turns about, so that angles pass 180 degrees."""
    given = exact_tracks.motion("demo", fps=25)
    for name in ("euler", "axis_angle", "plain"):
        armature = fresh(name)
        applied = animate(armature, given)
        modes = {armature.pose.bones[bone].rotation_mode for bone in applied.motion.bone_names}
        assert modes == set(rig_builders.BUILDS[name].modes), modes
        for bone in applied.motion.bone_names:
            pose_bone = armature.pose.bones[bone]
            keys = keys_of(armature, f"{pose_bone.path_from_id()}.{ROTATION.get(pose_bone.rotation_mode, 'rotation_euler')}")
            assert np.isfinite(keys).all()
            assert keys[:, 0].tolist() == list(range(applied.frame_start, applied.frame_end + 1)), (
                "a key on every frame, and no other"
            )
            steps = np.abs(np.diff(keys[:, 1:], axis=0))
            if pose_bone.rotation_mode == "QUATERNION":
                assert (np.sum(keys[1:, 1:] * keys[:-1, 1:], axis=1) > 0).all(), bone
            elif pose_bone.rotation_mode == "AXIS_ANGLE":
                assert steps[:, 0].max() < np.pi, (bone, steps[:, 0].max())
            else:
                assert steps.max() <= np.pi + 1e-6, (bone, pose_bone.rotation_mode, steps.max())


def halves_of_frames_are_between() -> None:
    """Keys are joined by straight lines: what a renderer's motion blur sees lies between its neighbours."""
    armature = fresh("plain")
    given = exact_tracks.motion("reach", seconds=2, fps=25)
    applied = animate(armature, given)
    curves = curves_of(bpy.data.actions[applied.action_name])
    assert {key[-1] for keys in curves.values() for key in keys} == {"LINEAR"}
    between = (given.joints_world_m[1:] + given.joints_world_m[:-1]) / 2
    frames = np.arange(applied.frame_start, applied.frame_end) + 0.5
    seen = posed(armature, spec_of(armature), frames)
    exact = joint_limb_directions(turned(between, applied.motion.heading_rad))
    assert angles_deg(seen.limbs, exact).max() < 0.5


def motion_plays_at_true_speed() -> None:
    """A clip of 5 frames a second in a scene of 24, and one of a rate that wanders."""
    for times in (np.arange(65) / 5, np.cumsum(np.random.default_rng(3).uniform(0.01, 0.08, 200))):
        armature = fresh("plain")
        moved = exact_tracks.motion_at("squat", times)
        scene = bpy.context.scene
        scene.render.fps, scene.render.fps_base, scene.frame_start = 24, 1.0, 101
        applied = apply_track(
            bpy.context, armature, moved.track, preset="auto", resources=ROOT, options=SolveOptions(smoothing_s=0)
        )
        seconds = (applied.frame_end - applied.frame_start) / 24
        assert applied.frame_start == 101 and abs(seconds - (times[-1] - times[0])) <= 1 / 24, (seconds, times[-1] - times[0])
        hips = keys_of(armature, 'pose.bones["Hips"].location')
        at = (hips[:, 0] - 101) / 24 + times[0]
        truth = exact_tracks.motion_at("squat", at)
        rig = spec_of(armature)
        seen = posed(armature, rig, hips[:, 0])
        error = angles_deg(seen.limbs, joint_limb_directions(turned(truth.joints_world_m, applied.motion.heading_rad)))
        assert np.median(error) < 1.5, np.median(error)


def sparse_keys_are_within_the_bound() -> None:
    """Every frame of Blender's own evaluation against the same solve with a key on every frame."""
    walk = exact_tracks.motion("walk_turn", fps=25, seconds=5)
    for name in ("plain", "euler", "axis_angle", "loose", "mirrored", "centimetres_y_up"):
        # The first of them moves as people do; the others do nothing but walk and turn, which needs more keys than most.
        given, share = (exact_tracks.motion("demo", fps=25), 0.15) if name == "plain" else (walk, 0.18)
        dense, exact = _keyed(name, given, MotionOptions(dense_keys=True))
        armature = bpy.data.objects[name]
        assert dense.sparse is None and {key[-1] for keys in _curves(armature).values() for key in keys} == {"LINEAR"}
        dense_count = sum(len(keys) for keys in _curves(armature).values() if len(keys) > 1)
        applied, ours = _keyed(name, given, MotionOptions(mark_guesses=False))
        armature = bpy.data.objects[name]
        sparse = {path: keys for path, keys in _curves(armature).items() if len(keys) > 1}
        count = sum(len(keys) for keys in sparse.values())
        assert count <= share * dense_count, (name, count / dense_count)
        assert {key[-1] for keys in sparse.values() for key in keys} == {"BEZIER"}
        for path in {path for _, path, _ in sparse}:
            frames = [[key[0] for key in keys] for (_, other, _), keys in sparse.items() if other == path]
            assert all(at == frames[0] for at in frames), f"{path}: components share their keys' frames"
        apart = np.degrees(2 * np.arccos(np.clip(np.abs((exact.rotations * ours.rotations).sum(-1)), 0, 1))).max()
        off = 100 * np.linalg.norm(exact.heads_m - ours.heads_m, axis=-1).max()
        assert apart <= 1.0 and off <= 1.0, (name, apart, off)
        assert applied.person is not None and applied.sparse is not None
        assert apart <= applied.sparse.angle_deg + 0.02, "Blender draws the curves that were computed"
        mask = mask_of(applied.person.contacts, applied.motion.timestamps_s)
        held = np.linalg.norm(exact.soles_m - ours.soles_m, axis=-1)[mask]
        assert len(held) > 100 and 100 * held.max() <= 0.101, (name, held.max())


class _Evaluated:
    """The keyed bones as Blender has them: rotations [T, K, 4], heads_m [T, K, 3], soles_m [T, 4, 3] in the order of PARTS."""

    def __init__(self, armature: bpy.types.Object, applied: AppliedMotion) -> None:
        rotations, heads, soles = [], [], []
        feet = {foot.side: foot for foot in feet_of(applied.rig)}
        for frame in range(applied.frame_start, applied.frame_end + 1):
            bpy.context.scene.frame_set(frame)
            now = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
            bones = [now.pose.bones[name] for name in applied.motion.bone_names]
            rotations.append([bone.matrix_basis.to_quaternion() for bone in bones])
            heads.append([now.matrix_world @ bone.head for bone in bones])
            row = []
            for side, part in PARTS:
                bone = now.pose.bones[applied.rig.bone_names[feet[side].foot]]
                turn = np.array(bone.matrix.to_3x3()) @ np.array(bone.bone.matrix_local.to_3x3()).T
                offset = feet[side].heel if part == "heel" else feet[side].ball
                world = np.array(now.matrix_world)
                row.append(world[:3, :3] @ (np.array(bone.head) + turn @ offset) + world[:3, 3])
            soles.append(row)
        self.rotations, self.heads_m, self.soles_m = np.array(rotations), np.array(heads), np.array(soles)


def _keyed(name: str, given: exact_tracks.Exact, options: MotionOptions) -> tuple[AppliedMotion, _Evaluated]:
    armature = fresh(name)
    bpy.context.scene.render.fps = round(given.track.fps)
    applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, options=options)
    return applied, _Evaluated(armature, applied)


def _curves(armature: bpy.types.Object) -> dict[tuple[str, str, int], list[tuple]]:
    return curves_of(armature.animation_data.action)


def contacts_are_markers_that_can_be_moved() -> None:
    given = exact_tracks.motion("walk_turn", fps=25, seconds=4)
    path = folder() / "walk.npz"
    write_track(path, given.track)
    armature = fresh("plain")
    bpy.context.scene.render.fps, bpy.context.scene.frame_start = 25, 11
    bpy.context.scene.timeline_markers.new("Mine", frame=3)
    applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, track_path=path)
    action = bpy.data.actions[applied.action_name]
    clock = markers.source_of(action).clock
    last_s = float(given.track.timestamps_s[-1])
    assert applied.person is not None
    found = markers.contacts_from_markers(action, clock, last_s=last_s)
    assert len(found) == len(applied.person.contacts) > 4
    for ours, theirs in zip(found, applied.person.contacts, strict=True):
        assert (ours.side, ours.part) == (theirs.side, theirs.part)
        assert abs(ours.start_s - theirs.start_s) < 1e-3 and abs(ours.end_s - theirs.end_s) < 1e-3
    # The markers as they are give the same motion again.
    again = apply_again(bpy.context, armature, resources=ROOT)
    assert again.action_name != applied.action_name and again.frame_start == 11
    assert np.abs(again.motion.rotations_wxyz - applied.motion.rotations_wxyz).max() < 1e-6
    # A foot that is said to stand longer does.
    action = bpy.data.actions[again.action_name]
    side, part = "left", "toe"
    ends = sorted((m.frame, m) for m in action.pose_markers if m.name == f"{side} {part} up")
    frame, marker = ends[0]
    marker.frame = frame + 6
    moved = apply_again(bpy.context, armature, resources=ROOT)
    assert moved.person is not None
    longer = [c for c in moved.person.contacts if (c.side, c.part) == (side, part)]
    assert any(abs(c.end_s - clock.time_s(frame + 6)) < 1e-3 for c in longer), longer
    assert np.abs(moved.motion.rotations_wxyz - again.motion.rotations_wxyz).max() > 1e-3
    assert [m.name for m in bpy.context.scene.timeline_markers] == ["Mine"], "the timeline is the user's"
    # What a user may do to markers.
    action = bpy.data.actions[moved.action_name]
    for marker in list(action.pose_markers):
        action.pose_markers.remove(marker)
    try:
        apply_again(bpy.context, armature, resources=ROOT)
    except Pose3DError as error:
        assert "has no contact markers" in error.sentence
    else:
        raise AssertionError("an action without markers was taken")
    for name, at in (("Left Heel Down.001", 31), ("right toe up", 36), ("look here", 50)):
        action.pose_markers.new(name).frame = at
    written = markers.contacts_from_markers(action, clock, last_s=last_s)
    assert written == (
        Contact(0.0, clock.time_s(36), "right", "toe"),
        Contact(clock.time_s(31), last_s, "left", "heel"),
    ), written
    path.unlink()
    try:
        apply_again(bpy.context, armature, resources=ROOT)
    except Pose3DError as error:
        assert "There is no track file" in error.sentence
    else:
        raise AssertionError("a track that is gone was read")


def keys_that_were_moved_as_a_whole_are_solved_where_they_are() -> None:
    """With their markers or, as Blender moves them unless it is told otherwise, without."""
    given = exact_tracks.motion("walk_turn", fps=25, seconds=4)
    path = folder() / "moved.npz"
    write_track(path, given.track)
    for keys_by, markers_by, start in ((100, 100, 111), (100, 0, 111), (-30, -30, -19), (0, 0, 11)):
        armature = fresh("plain")
        bpy.context.scene.render.fps, bpy.context.scene.frame_start = 25, 11
        applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, track_path=path)
        action = bpy.data.actions[applied.action_name]
        move_keys(action, keys_by)
        for marker in action.pose_markers:
            marker.frame += markers_by
        # What is added to a bone, or cut off, moves nothing.
        armature.pose.bones["Head"].keyframe_insert("rotation_quaternion", frame=keys_by + 300)
        again = apply_again(bpy.context, armature, resources=ROOT)
        assert (again.frame_start, again.frame_end) == (start, start + applied.frame_end - applied.frame_start), again.frame_start
        for ours, theirs in zip(again.person.contacts, applied.person.contacts, strict=True):
            assert abs(ours.start_s - theirs.start_s) < 1e-3 and abs(ours.end_s - theirs.end_s) < 1e-3
        assert np.abs(again.motion.rotations_wxyz - applied.motion.rotations_wxyz).max() < 1e-6
        assert markers.source_of(bpy.data.actions[again.action_name]).clock.frame_start == start
    action = bpy.data.actions[again.action_name]
    for curve in anim_utils.action_get_channelbag_for_slot(action, action.slots[0]).fcurves:
        for point in [p for p in curve.keyframe_points if p.co.x > 90 and len(curve.keyframe_points) > 1][::-1]:
            curve.keyframe_points.remove(point)
    assert apply_again(bpy.context, armature, resources=ROOT).frame_start == 11


def a_motion_that_was_merged_into_anothers_action_is_not_taken_for_it() -> None:
    """Two people of one clip, on characters whose animation is merged into one action (Action editor, Merge Animation)."""
    armature = fresh("plain")
    other = rig_builders.build("a_pose")
    paths = {}
    for each, motion in ((armature, "walk_turn"), (other, "reach")):
        given = exact_tracks.motion(motion, fps=25, seconds=2)
        paths[each] = folder() / f"merged {motion}.npz"
        write_track(paths[each], given.track)
        apply_track(bpy.context, each, given.track, preset="auto", resources=ROOT, track_path=paths[each])
        each.select_set(True)
    bpy.context.view_layer.objects.active = armature
    assert bpy.ops.anim.merge_animation() == {"FINISHED"}
    merged = armature.animation_data.action
    assert other.animation_data.action == merged and len(merged.slots) == 2
    before = sorted(action.name for action in bpy.data.actions)
    for each in (apply_again, clip_camera.prepare):
        try:
            each(*[bpy.context] * (each is apply_again), other, resources=ROOT)
        except Pose3DError as error:
            assert "only another slot says which track" in error.sentence, error.sentence
        else:
            raise AssertionError("another character's motion was taken")
    assert sorted(action.name for action in bpy.data.actions) == before and other.animation_data.action == merged
    again = apply_again(bpy.context, armature, resources=ROOT)
    assert markers.source_of(bpy.data.actions[again.action_name]).track == paths[armature]
    # What an earlier version made says nothing of slots.
    told = json.loads(merged["pose3d_source"])
    del told["slot"]
    merged["pose3d_source"] = json.dumps(told)
    assert markers.source_of(merged, other.animation_data.action_slot).track == paths[armature]


def what_lies_over_the_clip_is_said() -> None:
    """A correction, as the active action or as a strip: a new action would hide it."""
    given = exact_tracks.motion("walk_turn", fps=25, seconds=2)
    path = folder() / "under.npz"
    write_track(path, given.track)
    armature = fresh("plain")
    applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, track_path=path)
    data = armature.animation_data
    data.nla_tracks.new().strips.new("Clip", 1, data.action)
    data.action, data.action_blend_type = bpy.data.actions.new("Correction"), "COMBINE"
    armature.pose.bones["Head"].keyframe_insert("rotation_quaternion", frame=10)
    before = sorted(action.name for action in bpy.data.actions)
    for is_strip in (False, True):
        if is_strip:
            data.nla_tracks.new().strips.new("Over it", 1, data.action).blend_type = "COMBINE"
            data.action = None
        try:
            apply_again(bpy.context, armature, resources=ROOT)
        except Pose3DError as error:
            assert f"'Correction' lies over '{applied.action_name}'" in error.sentence, error.sentence
            assert "Mute it in the NLA" in error.sentence and "Import" not in error.sentence, error.sentence
        else:
            raise AssertionError("a correction was hidden")
        assert sorted(action.name for action in bpy.data.actions) == before
    data.action_blend_type, data.nla_tracks[1].mute = "REPLACE", True
    assert apply_again(bpy.context, armature, resources=ROOT).frame_start == applied.frame_start


def keys_that_were_scaled_are_solved_as_slow() -> None:
    """About any frame, with their markers or without; and again, and once more."""
    given = exact_tracks.motion("walk_turn", fps=25, seconds=4)
    path = folder() / "scaled.npz"
    write_track(path, given.track)
    for factor, about, markers_too, dense in ((2.0, 11, False, False), (0.5, 40, True, True), (1.3, 0, True, False)):
        armature = fresh("plain")
        bpy.context.scene.render.fps, bpy.context.scene.frame_start = 25, 11
        options = MotionOptions(dense_keys=dense)
        applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, track_path=path, options=options)
        action, (first, last) = armature.animation_data.action, (applied.frame_start, applied.frame_end)
        scale_keys(action, lambda frame: about + (frame - about) * factor)  # noqa: B023
        for marker in action.pose_markers if markers_too else ():
            marker.frame = round(about + (marker.frame - about) * factor)
        begins, ends = (about + (frame - about) * factor for frame in (first, last))
        for _ in range(2):
            again = apply_again(bpy.context, armature, resources=ROOT)
            assert again.frame_start == round(begins) and abs(again.frame_end - ends) <= 1, (factor, again.frame_start, ends)
            for ours, theirs in zip(again.person.contacts, applied.person.contacts, strict=True):
                off_s = max(abs(ours.start_s - theirs.start_s), abs(ours.end_s - theirs.end_s))
                assert off_s < 1.01 / 25 / min(factor, 1), (factor, ours, theirs)
            clock = clip_camera.prepare(armature, resources=ROOT)().clock
            assert abs(clock.fps - 25 * factor) < 0.05 and clock.frame_start == again.frame_start
    armature = fresh("plain")
    apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT, track_path=path)
    action = armature.animation_data.action
    # A hold at the end is no other speed.
    scale_keys(action, lambda frame: frame if frame < last else frame + 30)
    assert apply_again(bpy.context, armature, resources=ROOT).frame_start == bpy.context.scene.frame_start
    for made in (True, False):  # with what the action remembers, and without, as of an earlier version
        armature.animation_data.action = action
        scale_keys(action, lambda frame: frame if frame < 30 else 30 + (frame - 30) * 1.7)
        if not made:
            action["pose3d_source"] = re.sub(r'"made": \{.*?\}', '"made": null', action["pose3d_source"])
        try:
            apply_again(bpy.context, armature, resources=ROOT)
        except Pose3DError as error:
            assert "were moved apart or together in time" in error.sentence, error.sentence
        else:
            raise AssertionError("keys that were retimed in part were solved by the old times")


def scale_keys(action: bpy.types.Action, moved: Callable[[float], float]) -> None:
    for slot in action.slots:
        for curve in anim_utils.action_get_channelbag_for_slot(action, slot).fcurves:
            for point in curve.keyframe_points:
                point.co_ui.x = moved(point.co.x)
            curve.update()


def move_keys(action: bpy.types.Action, frames: int) -> None:
    scale_keys(action, lambda frame: frame + frames)


def contacts_that_meet_on_a_frame_are_two() -> None:
    """One ends and the next begins between two frames of the scene; and one is shorter than a frame."""
    fresh("plain")
    clock = markers.Clock(11, 24, 0.0)
    begun = [0.0, 1.0, 2.5, 3.0, 3.5, 3.51]
    ended = [0.99, 2.0, 2.51, 3.49, 3.5, 4.0]
    contacts = [Contact(a, b, "left", "heel") for a, b in zip(begun, ended, strict=True)]
    contacts.append(Contact(0.5, 1.0, "left", "toe"))
    action = bpy.data.actions.new("Contacts")
    markers.mark_contacts(action, contacts, clock)
    found = markers.contacts_from_markers(action, clock, last_s=5.0)
    assert len(found) == len(contacts), found
    for ours, theirs in zip(found, sorted(contacts), strict=True):
        assert (ours.side, ours.part) == (theirs.side, theirs.part)
        assert max(abs(ours.start_s - theirs.start_s), abs(ours.end_s - theirs.end_s)) < 1 / 24, (ours, theirs)


def guessed_stretches_are_marked() -> None:
    given = exact_tracks.motion("reach", fps=20, seconds=4)
    confidence, detected = given.track.confidence.copy(), given.track.detected.copy()
    confidence[20:41, [INDEX["left_elbow"], INDEX["left_wrist"]]] = 0.1
    detected[60:70], confidence[60:70] = False, 0.0
    track = replace(given.track, confidence=confidence, detected=detected)
    armature = fresh("plain")
    bpy.context.scene.render.fps = 20
    applied = apply_track(bpy.context, armature, track, preset="auto", resources=ROOT)
    action = bpy.data.actions[applied.action_name]
    told = {marker.name: marker.frame for marker in action.pose_markers if ":" in marker.name}
    assert set(told) == {f"{way}: {part}" for way in ("guessed", "seen") for part in ("left arm", "whole body")}, told
    assert abs(told["guessed: left arm"] - 21) <= 2 and abs(told["seen: left arm"] - 42) <= 2, told
    assert (told["guessed: whole body"], told["seen: whole body"]) == (61, 71), told
    values = []
    for frame in range(1, track.frame_count + 1):
        bpy.context.scene.frame_set(frame)
        values.append(armature[markers.CONFIDENCE_PROPERTY])
    wanted = np.where(detected, confidence.mean(axis=1), 0.0)
    assert np.abs(np.array(values) - wanted).max() < 0.04
    plain = fresh("plain")
    apply_track(
        bpy.context, plain, track, preset="auto", resources=ROOT, options=MotionOptions(mark_guesses=False, mark_contacts=False)
    )
    assert not plain.animation_data.action.pose_markers and markers.CONFIDENCE_PROPERTY not in plain


def marks_do_not_hinder_exports() -> None:
    given = exact_tracks.motion("reach", fps=25, seconds=2)
    for kind in (".blend", ".glb", ".fbx", ".bvh"):
        armature = fresh("a_pose")
        scene = bpy.context.scene
        scene.render.fps = 25
        applied = apply_track(bpy.context, armature, given.track, preset="auto", resources=ROOT)
        assert markers.CONFIDENCE_PROPERTY in armature and armature.animation_data.action.pose_markers
        scene.frame_start, scene.frame_end = applied.frame_start, applied.frame_end
        frames = np.arange(applied.frame_start, applied.frame_end + 1)
        before = posed(armature, spec_of(armature), frames)
        path = folder() / f"marked{kind}"
        files.export(path, armature, bones=applied.motion.bone_names)
        again = files.open_rig(files.RigFile(path))
        first, last = again.animation_data.action.frame_range
        after = posed(again, spec_of(again), np.linspace(first, last, len(frames)))
        assert angles_deg(before.limbs, after.limbs).max() < 0.1, kind
        assert np.abs(before.hips_m - before.hips_m[0] - after.hips_m + after.hips_m[0]).max() < 1e-3, kind


def fingers_are_keyed_once() -> None:
    armature = fresh("fingers")
    armature.pose.bones["LeftHandIndex2"].rotation_quaternion = (0.0, 1.0, 0.0, 0.0)  # however they were posed
    given = exact_tracks.motion("reach", seconds=1)
    applied = animate(armature, given)
    assert len(applied.motion.held) == 30 and not set(applied.motion.held) & set(applied.motion.bone_names)
    assert len(keys_of(armature, 'pose.bones["LeftHandIndex2"].rotation_quaternion')) == 1
    bpy.context.scene.frame_set(applied.frame_end)
    now = armature.evaluated_get(bpy.context.evaluated_depsgraph_get())
    for side in ("Left", "Right"):
        hand = now.pose.bones[f"{side}Hand"]
        moved = hand.matrix @ hand.bone.matrix_local.inverted()
        for finger in ("Thumb", "Index", "Middle", "Ring", "Pinky"):
            bones = [now.pose.bones[f"{side}Hand{finger}{joint}"] for joint in (2, 3)]
            way = moved.inverted().to_3x3() @ (bones[1].head - bones[0].head)
            assert way.normalized().z < -0.15, (side, finger, "the palms are below at rest")
    assert limb_error_deg(armature, given, applied) < 0.5


def shape_keys_stay() -> None:
    """A mesh on the armature with shape keys, one of them animated by an action of its own, one driven by a bone."""
    armature = fresh("a_pose")
    bpy.ops.mesh.primitive_cube_add()
    mesh = bpy.context.object
    mesh.parent = armature
    mesh.modifiers.new("Armature", "ARMATURE").object = armature
    mesh.vertex_groups.new(name="Head").add(range(8), 1.0, "REPLACE")
    for name in ("Basis", "Smile", "Bulge"):
        mesh.shape_key_add(name=name)
    keys = mesh.data.shape_keys
    keys.key_blocks["Smile"].value = 0.25
    keys.key_blocks["Smile"].keyframe_insert("value", frame=3)
    driver = keys.key_blocks["Bulge"].driver_add("value").driver
    variable = driver.variables.new()
    variable.name, variable.type = "bend", "TRANSFORMS"
    variable.targets[0].id, variable.targets[0].bone_target = armature, "LeftForeArm"
    variable.targets[0].transform_type, variable.targets[0].transform_space = "ROT_X", "LOCAL_SPACE"
    driver.expression = "abs(bend)"
    action, curves = keys.animation_data.action, curves_of(keys.animation_data.action)
    given = exact_tracks.motion("punch", seconds=2)
    applied = animate(armature, given)
    assert keys.animation_data.action == action and curves_of(action) == curves
    assert abs(keys.key_blocks["Smile"].value - 0.25) < 1e-6 and limb_error_deg(armature, given, applied) < 0.5
    bulges = []
    for frame in range(applied.frame_start, applied.frame_end + 1):
        bpy.context.scene.frame_set(frame)
        bulges.append(keys.key_blocks["Bulge"].value)
    assert np.ptp(bulges) > 0.05, "what bones drive follows them"
    path = folder() / "shapes.glb"
    files.export(path, armature, bones=applied.motion.bone_names)
    again = files.open_rig(files.RigFile(path))
    assert any(o.type == "MESH" and o.data.shape_keys for o in bpy.context.scene.objects) and again.animation_data.action


def keys_in_bulk_are_keys_set_one_by_one() -> None:
    """On every frame, wherever the frames begin; up to Blender's last frame and with gaps there is one way only."""
    armature = fresh("a_pose")
    path = 'pose.bones["Hips"].location'
    values = np.random.default_rng(3).normal(size=(80, 1))
    gaps = np.cumsum(np.arange(80) % 3 + 1)
    for frames in (np.arange(1, 81), np.arange(-40, 40), np.arange(0, 80) + 0.0, np.arange(1048495, 1048575), gaps):
        found = []
        for bulk in (True, False):
            action = bpy.data.actions.new("Keys")
            armature.animation_data_create().action = action
            curve = ensure_fcurve(action, armature, path, index=0)
            if bulk:
                key_values(action, armature, path, values, "", frames)
            else:
                fill_linear(curve, frames, values[:, 0])
            assert not len(curve.sampled_points) and curve.auto_smoothing == "NONE"
            kinds = [(p.handle_left_type, p.handle_right_type, p.select_control_point) for p in curve.keyframe_points]
            found.append((curves_of(action), kinds))
        assert found[0] == found[1] and len(found[0][1]) == 80, frames[:2]


def a_root_can_carry_the_path() -> None:
    preset = json.loads((ROOT / "rigs" / "mixamo.json").read_text(encoding="utf-8")) | {"root": "Root"}
    path = folder() / "rooted.json"
    path.write_text(json.dumps(preset), encoding="utf-8")
    armature = fresh("posed_root")
    given = exact_tracks.motion("walk_turn", fps=12)
    applied = animate(armature, given, preset=str(path))
    found = measured(armature, given, applied)
    assert applied.motion.root_bone == "Root" and found["path"] < 0.01 and found["worst_limb"] < 0.5, found
    assert np.ptp(keys_of(armature, 'pose.bones["Root"].location')[:, 1:], axis=0).max() > 0.5


def a_linked_armature_is_refused() -> None:
    path = str(folder() / "library.blend")
    fresh("plain")
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    with bpy.data.libraries.load(path, link=True) as (_, wanted):
        wanted.objects = ["plain"]
    linked = wanted.objects[0]
    bpy.context.scene.collection.objects.link(linked)
    refused(linked, "linked from another file")
    override = linked.override_create(remap_local_usages=True)
    given = exact_tracks.motion("reach", seconds=1)
    assert limb_error_deg(override, given, animate(override, given)) < 0.5
    apply_track(bpy.context, override, given.track, preset="auto", resources=ROOT)
    assert markers.CONFIDENCE_PROPERTY in override


def a_refusal_changes_nothing() -> None:
    armature = fresh("plain")
    old = give_action(armature)
    armature.data.bones["Hips"].name = "Something"
    before = owned(armature)
    refused(armature, "No bone of the armature is the hips", preset="mixamo")
    assert owned(armature) == before
    assert list(bpy.data.actions) == [old] and armature.animation_data.action == old


def a_strip_that_is_edited_meanwhile_is_refused() -> None:
    """Tweak mode that is entered while the motion is made."""
    armature = fresh("plain")
    strip_action = give_action(armature)
    data = armature.animation_data
    track = data.nla_tracks.new()
    strip = track.strips.new("Strip", 1, strip_action)
    data.action = None
    steps = apply_steps(
        bpy.context, lambda: armature, exact_tracks.motion("reach", seconds=1).track, preset="auto", resources=ROOT
    )
    work = next(steps)
    strip.select, data.nla_tracks.active, data.use_tweak_mode = True, track, True
    try:
        while True:
            work = steps.send(work())
    except Pose3DError as error:
        assert "tweak mode" in error.sentence
    assert data.use_tweak_mode and data.action == strip_action and list(bpy.data.actions) == [strip_action]


def one_that_is_not_shown_is_animated_as_it_stands() -> None:
    """In a file that was opened, Blender does not know where what it does not evaluate is."""
    given = exact_tracks.motion("walk_turn", fps=25, seconds=2)
    file = str(folder() / "hidden.blend")
    found = {}
    for how in ("shown", "monitor", "collection", "left out"):
        armature = fresh("centimetres_y_up")
        name, scene = armature.name, bpy.context.scene
        kept, stand = bpy.data.collections.new("Kept"), bpy.data.objects.new("Stand", None)
        scene.collection.children.link(kept)
        for item in (*armature.users_collection, None):
            (kept.objects.link if item is None else item.objects.unlink)(armature)
        kept.objects.link(stand)
        stand.location, stand.rotation_euler = (1, 2, 0.5), (0, 0, 0.6)
        armature.parent, armature.hide_viewport = stand, how == "monitor"
        bpy.context.view_layer.layer_collection.children["Kept"].exclude = how == "left out"
        kept.hide_viewport = how == "collection"
        bpy.ops.wm.save_as_mainfile(filepath=file)
        bpy.ops.wm.open_mainfile(filepath=file)
        applied = apply_track(bpy.context, bpy.data.objects[name], given.track, preset="auto", resources=ROOT)
        found[how] = applied
        assert np.abs(applied.rig.world_from_armature - found["shown"].rig.world_from_armature).max() < 1e-6, how
        assert applied.warnings == found["shown"].warnings, (how, applied.warnings)
        assert np.abs(applied.motion.rotations_wxyz - found["shown"].motion.rotations_wxyz).max() < 1e-6, how


def refused(armature: bpy.types.Object, words: str, *, preset: str = "auto") -> None:
    try:
        animate(armature, exact_tracks.motion("reach", seconds=1), preset=preset)
    except Pose3DError as error:
        assert words in error.sentence, error.sentence
    else:
        raise AssertionError(f"not refused: {words}")


def folder() -> Path:
    return Path(sys.argv[sys.argv.index("--") + 1])


CHECKS: tuple[Callable[[], None], ...] = (
    what_is_the_users_stays,
    what_the_old_action_moved_does_not_stay_bent,
    shoes_stand_on_the_ground,
    who_lies_is_not_in_the_ground,
    bodies_are_as_thick_as_their_meshes,
    the_old_action_survives_saving,
    an_action_shared_with_another_object_still_drives_it,
    a_second_import_makes_a_second_action,
    nla_stays_and_does_not_show_through,
    what_bends_the_body_by_constraints_is_brought_to_rest,
    what_bends_an_upper_body_is_brought_to_rest_too,
    a_control_that_no_longer_carries_the_character_is_told,
    strips_that_carry_the_character_along_are_told,
    a_rest_position_is_told,
    one_frame_is_told,
    bones_that_are_being_edited_are_taken_as_they_are,
    angles_do_not_jump,
    halves_of_frames_are_between,
    sparse_keys_are_within_the_bound,
    contacts_are_markers_that_can_be_moved,
    keys_that_were_moved_as_a_whole_are_solved_where_they_are,
    keys_that_were_scaled_are_solved_as_slow,
    a_motion_that_was_merged_into_anothers_action_is_not_taken_for_it,
    what_lies_over_the_clip_is_said,
    contacts_that_meet_on_a_frame_are_two,
    guessed_stretches_are_marked,
    marks_do_not_hinder_exports,
    motion_plays_at_true_speed,
    fingers_are_keyed_once,
    shape_keys_stay,
    keys_in_bulk_are_keys_set_one_by_one,
    a_root_can_carry_the_path,
    a_linked_armature_is_refused,
    a_refusal_changes_nothing,
    a_strip_that_is_edited_meanwhile_is_refused,
    one_that_is_not_shown_is_animated_as_it_stands,
)


def main() -> int:
    failures = 0
    for check in CHECKS:
        try:
            check()
        except Exception:
            traceback.print_exc()
            print(f"FAILED {check.__name__}", flush=True)
            failures += 1
        else:
            print(f"ok {check.__name__}", flush=True)
    return min(failures, 1)


if __name__ == "__main__":
    script.run(lambda _words: main())
