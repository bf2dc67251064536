"""Runs inside a Blender: `mapping_checks.py -- CHECK…`, as addon_checks.py does; test_mapping.py starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.blender import addon_checks, rig_builders, script  # noqa: E402
from tests.blender.addon_checks import registered, test_folder, variable  # noqa: E402


def filled(name: str = "a_pose") -> tuple[bpy.types.Object, bpy.types.PropertyGroup]:
    figure = rig_builders.build(name)
    bpy.context.scene.pose3d.armature = figure
    assert bpy.ops.pose3d.find_bones() == {"FINISHED"}
    return figure, bpy.context.scene.pose3d.bones


def row_of(table: bpy.types.PropertyGroup, role: str) -> bpy.types.PropertyGroup:
    return next(row for row in table.rows if row.role == role)


def refused(text: str, operator: object, **properties: object) -> None:
    try:
        result = operator(**properties)
    except RuntimeError as error:
        assert text in str(error) and "Traceback" not in str(error), f"“{text}” is not in: {error}"
    else:
        raise AssertionError(f"no refusal but {result}; “{text}” was expected")


def mapping_used(figure: bpy.types.Object):
    """What an import would take the bones for, by the way that it goes."""
    from blender_pose3d.bridge.rig_reader import choose_mapping
    from blender_pose3d.ops import run

    clip = test_folder() / "clip.mp4"
    clip.write_bytes(b"not read")
    request = run.request_from_scene(bpy.context, filepath=str(clip), armature=figure.name, preset="")
    return choose_mapping(figure, preset=request.preset, presets_folder=ROOT / "rigs")


def check_the_table_shows_what_a_run_would_take() -> None:
    with registered():
        figure, table = filled()
        mapping = mapping_used(figure)
        shown = {role: tuple(row.bone for row in table.rows if row.role == role and row.bone) for role in mapping.bones}
        assert shown == mapping.bones, shown
        assert table.armature == figure.name and table.message == "" and not table.is_error
        assert all(row.confidence == 1.0 and row.reason for row in table.rows if row.bone)
        assert not [cls for cls in (bpy.types.POSE3D_PT_bones, bpy.types.POSE3D_UL_bones) if not cls.is_registered]


def check_what_the_user_changes_is_used() -> None:
    with registered(), variable("POSE3D_HOME", str(test_folder())):
        figure, table = filled()
        assert mapping_used(figure).preset == "mixamo"
        row_of(table, "head").bone = "Neck"
        row_of(table, "neck").bone = ""
        used = mapping_used(figure)
        assert used.bones["head"] == ("Neck",) and "neck" not in used.bones, used
        assert used.bones["left_hand"] == ("LeftHand",)
        kept = sorted((test_folder() / "cache").glob("bones-*.json"))
        assert len(kept) == 1, kept
        mapping_used(figure)
        assert sorted((test_folder() / "cache").glob("bones-*.json")) == kept, "the same table makes the same file"
        other = rig_builders.build("plain")
        assert mapping_used(other).bones["head"] == ("Head",), "the table is used for another armature"
        bpy.ops.pose3d.clear_bones()
        assert mapping_used(figure).bones["head"] == ("Head",)


def check_faults_are_told_where_they_are() -> None:
    from blender_pose3d.core.errors import Pose3DError

    with registered(), variable("POSE3D_HOME", str(test_folder())):
        figure, table = filled()
        row_of(table, "hips").bone = ""
        assert table.is_error and "Nothing is mapped to the hips" in table.message and row_of(table, "hips").is_error
        try:
            mapping_used(figure)
        except Pose3DError as error:
            assert "Nothing is mapped to the hips" in error.sentence and "Bones" in error.hint
        else:
            raise AssertionError("a table without hips was used")
        refused("Nothing is mapped to the hips", bpy.ops.pose3d.save_preset, title="x")
        row_of(table, "hips").bone = "Hips"
        assert not table.is_error and table.message == "", table.message
        row_of(table, "left_hand").bone = "RightHand"
        assert "'RightHand' is left hand and right hand at once" in table.message
        assert row_of(table, "left_hand").fault and row_of(table, "right_hand").fault and not row_of(table, "hips").fault
        row_of(table, "right_hand").bone = "LeftHand"
        assert not table.is_error and "'RightHand' (left hand) is not below 'LeftForeArm'" in table.message, table.message
        assert row_of(table, "left_hand").fault and not row_of(table, "left_hand").is_error
        row_of(table, "left_hand").bone, row_of(table, "right_hand").bone = "LeftHand", "RightHand"
        chain = [row for row in table.rows if row.role == "spine"]
        chain[0].bone, chain[1].bone = chain[1].bone, chain[0].bone
        assert "The spine chain is broken at" in table.message and any(row.fault for row in chain), table.message


def check_exchanged_sides_are_told_and_mended() -> None:
    with registered(), variable("POSE3D_HOME", str(test_folder())):
        figure, table = filled()
        bpy.ops.pose3d.exchange_sides()
        assert "Left and right look exchanged" in table.message and row_of(table, "left_hand").bone == "RightHand", table.message
        assert mapping_used(figure).bones["left_hand"] == ("RightHand",), "the table is what the user wants"
        bpy.ops.pose3d.exchange_sides()
        assert table.message == "" and row_of(table, "left_hand").bone == "LeftHand"


def check_an_armature_without_a_body_can_be_mapped_by_hand() -> None:
    with registered(), variable("POSE3D_HOME", str(test_folder())):
        refused("No armature is chosen", bpy.ops.pose3d.find_bones)
        figure = rig_builders.build("plain")
        for bone in figure.data.bones:
            if bone.name.startswith(("Left", "Right")):
                bone.name = bone.name.replace("Left", "A").replace("Right", "B")
        before = [bone.name for bone in figure.data.bones]
        bpy.context.scene.pose3d.armature = figure
        bpy.context.scene.pose3d.preset = "mixamo"
        assert bpy.ops.pose3d.find_bones() == {"FINISHED"}
        table = bpy.context.scene.pose3d.bones
        assert table.is_error and not any(row.bone for row in table.rows)
        words = {"Arm": "upper_arm", "ForeArm": "forearm", "UpLeg": "thigh", "Leg": "shin", "Foot": "foot"}
        row_of(table, "hips").bone = "Hips"
        for letter, side in (("A", "left"), ("B", "right")):
            for part, role in words.items():
                row_of(table, f"{side}_{role}").bone = letter + part
        assert not table.is_error, table.message
        assert mapping_used(figure).bones["right_shin"] == ("BLeg",)
        assert [bone.name for bone in figure.data.bones] == before
        rows = len(table.rows)
        bpy.ops.pose3d.add_chain_bone(role="spine")
        assert len(table.rows) == rows + 1 and [row.role for row in table.rows][1:3] == ["spine", "spine"]
        row_of(table, "spine").bone, table.rows[2].bone = "Spine", "Spine1"
        assert mapping_used(figure).bones["spine"] == ("Spine", "Spine1")


def check_presets_of_the_users_own() -> None:
    from blender_pose3d import props

    with variable("POSE3D_HOME", str(test_folder())), registered():
        settings = bpy.context.scene.pose3d
        figure, table = filled()
        row_of(table, "neck").bone = ""
        assert not bpy.ops.pose3d.rename_preset.poll() and not bpy.ops.pose3d.delete_preset.poll()
        refused("already (one comes with Pose3D)", bpy.ops.pose3d.save_preset, title="Mixamo")
        bpy.ops.pose3d.save_preset(title="My: robot")
        assert settings.preset == "user:My_ robot" and props.preset_title("My_ robot") == "My: robot"
        names = [name for name, *_ in props._preset_items]
        assert names[0] == "auto" and names[-1] == "user:My_ robot" and len(names) > 20, names
        bpy.ops.pose3d.clear_bones()
        assert "neck" not in mapping_used(figure).bones
        bpy.ops.pose3d.find_bones()
        assert row_of(table, "neck").bone == "" and row_of(table, "head").bone == "Head"
        refused("already (you have one)", bpy.ops.pose3d.save_preset, title="my: ROBOT")
        bpy.ops.pose3d.rename_preset(title="Android")
        assert settings.preset == "user:Android" and (test_folder() / "presets" / "Android.json").is_file()
        assert table.rows and "neck" not in mapping_used(figure).bones, "the table was found by its old name"
        out = test_folder() / "out.json"
        bpy.ops.pose3d.export_preset(filepath=str(out))
        bpy.ops.pose3d.delete_preset()
        assert settings.preset == "auto" and not list((test_folder() / "presets").iterdir())
        bpy.ops.pose3d.import_preset(filepath=str(out))
        assert settings.preset == "user:Android"
        refused("There is a preset 'Android' already", bpy.ops.pose3d.import_preset, filepath=str(out))
        out.write_text("{", encoding="utf-8")
        refused("line 1", bpy.ops.pose3d.import_preset, filepath=str(out))
    with variable("POSE3D_HOME", str(test_folder())), registered():  # the next start of Blender
        assert bpy.context.scene.pose3d.preset == "user:Android", bpy.context.scene.pose3d.preset
    with variable("POSE3D_HOME", str(test_folder() / "other")), registered():  # somebody else's
        refused_by = ""
        try:
            mapping_used(rig_builders.build("plain"))
        except Exception as error:
            refused_by = str(error)
        assert "not installed here" in refused_by, refused_by
    bpy.ops.wm.read_factory_settings(use_empty=True)


def check_a_renamed_armature_keeps_its_table() -> None:
    """Also in a file that is saved and opened; another one that gets its name does not take the table over."""
    with registered(), variable("POSE3D_HOME", str(test_folder())):
        from blender_pose3d.ops import review

        figure, table = filled()
        row_of(table, "head").bone = ""
        figure.name = "Hero"
        assert review.is_for(table, figure) and "head" not in mapping_used(figure).bones
        other = rig_builders.build("a_pose")
        other.name = "a_pose"
        assert other.name == "a_pose" and not review.is_for(table, other) and "head" in mapping_used(other).bones
        row_of(table, "neck").bone = "no such bone"
        assert table.is_error, "it is still checked"
        row_of(table, "neck").bone = ""
        path = test_folder() / "renamed.blend"
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
        bpy.ops.wm.open_mainfile(filepath=str(path))
        figure, table = bpy.data.objects["Hero"], bpy.context.scene.pose3d.bones
        assert review.is_for(table, figure) and "head" not in mapping_used(figure).bones
        assert not review.is_for(table, bpy.data.objects["a_pose"])
        bpy.data.objects.remove(figure)
        assert not review.is_for(table, bpy.data.objects["a_pose"]) and review.armature_of(table) is None


def check_the_table_stays_in_the_file() -> None:
    path = str(test_folder() / "table.blend")
    with registered(), variable("POSE3D_HOME", str(test_folder())):
        _, table = filled()
        row_of(table, "neck").bone = ""
        bpy.ops.wm.save_as_mainfile(filepath=path)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        assert not bpy.context.scene.pose3d.bones.rows
        bpy.ops.wm.open_mainfile(filepath=path)
        figure = bpy.context.scene.pose3d.armature
        assert "neck" not in mapping_used(figure).bones
        figure.name = "Renamed"
        assert "neck" not in mapping_used(figure).bones
    bpy.ops.wm.read_factory_settings(use_empty=True)


if __name__ == "__main__":
    script.run(lambda names: addon_checks.main(names, globals()))
