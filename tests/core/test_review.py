"""The table of bones: rows and back to a preset, what is wrong with them, sides exchanged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from blender_pose3d.core.preset import ROLES, choose, load_preset
from blender_pose3d.core.review import (
    base_text,
    empty_rows,
    exchanged,
    faults,
    reviewed_preset,
    reviewed_text,
    rows_of,
    said_of,
    title_of,
)
from tests.core import rigs

ROOT = Path(__file__).resolve().parents[2]


def changed(rows, role, bone):
    return [replace(row, bone=bone) if row.role == role else row for row in rows]


def test_a_table_saved_is_the_mapping_again(tmp_path):
    """Fingers, twist bones, controls and properties are not in the table, and are kept."""
    preset = load_preset(ROOT / "rigs" / "rigify.json")
    bones = [names[0] for links in preset.bones.values() for names in links]
    bones += [names[0] for part in (preset.fingers, preset.twists) for links in part.values() for names in links]
    bones += [names[0] for control, pole in preset.ik.values() for names in (control, pole) if names]
    mapping = choose([preset], list(dict.fromkeys(bones)), "rigify")
    path = tmp_path / "mine.json"
    rows = rows_of(mapping)
    path.write_text(reviewed_text(rows, base_text(mapping), title="Mine"), encoding="utf-8")
    again = choose([load_preset(path)], bones, "mine")
    for part in ("bones", "root", "fingers", "twists", "ik", "locks", "properties", "ik_properties"):
        assert getattr(again, part) == getattr(mapping, part), part
    assert mapping.fingers and mapping.properties
    other = next(iter(mapping.fingers.values()))[0]
    path.write_text(reviewed_text(changed(rows, "head", other), base_text(mapping), title="Mine"), encoding="utf-8")
    assert choose([load_preset(path)], bones, "mine").bones["head"] == (other,)


def test_a_root_that_has_become_the_hips_is_not_named_twice():
    spec = rigs.build()
    mapping = replace(spec.mapping, root="root")
    rows = changed(rows_of(mapping), "hips", "root")
    assert '"root": "root"' not in reviewed_text(rows, base_text(mapping), title="x")
    assert '"root": "root"' in reviewed_text(rows_of(mapping), base_text(mapping), title="x")


def test_faults_of_rows_are_told_with_their_place():
    spec = rigs.build()
    rows = rows_of(spec.mapping)
    assert faults(rows, spec.bone_names) == []
    (fault,) = faults(changed(rows, "hips", ""), spec.bone_names)
    assert fault.sentence.startswith("Nothing is mapped to the hips") and fault.role == "hips" and fault.is_error
    (fault,) = faults(changed(rows, "left_foot", "gone"), spec.bone_names)
    assert "no bone 'gone'" in fault.sentence and fault.bones == ("gone",) and fault.is_error
    (fault,) = faults(changed(rows, "left_foot", "left_toe"), spec.bone_names)
    assert "'left_toe' is left foot and left toe at once" in fault.sentence
    assert not faults(changed(rows, "left_clavicle", ""), spec.bone_names)
    assert {fault.role for fault in faults(empty_rows(), spec.bone_names)} >= {"hips", "left_thigh", "right_forearm"}
    assert [row.role for row in empty_rows()] == list(ROLES)


def test_a_warning_belongs_to_the_rows_whose_bones_it_names():
    rows = rows_of(rigs.build().mapping)
    assert said_of("'left_shin' (left shin) is not below 'left_thigh'.", rows).bones == ("left_thigh", "left_shin")
    assert said_of("Nobody is named.", rows).bones == ()


def test_sides_are_exchanged_and_exchanged_back():
    rows = rows_of(rigs.build().mapping)
    other = {row.role: row.bone for row in exchanged(rows)}
    assert other["left_thigh"] == "right_thigh" and other["right_hand"] == "left_hand" and other["hips"] == "hips"
    assert [row.role for row in exchanged(rows)] == [row.role for row in rows]
    assert exchanged(exchanged(rows)) == rows


def test_the_rows_of_a_chain_are_its_links_in_order():
    rows = rows_of(rigs.build(spine_bones=4).mapping)
    assert reviewed_preset(rows).bones["spine"] == (("spine_1",), ("spine_2",), ("spine_3",))


def test_titles_begin_with_the_side():
    assert [title_of(role) for role in ("hips", "left_upper_arm", "right_toe")] == ["Hips", "L Upper Arm", "R Toe"]
