"""The user's own presets as files: names, collisions, what is refused, and that nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.preset import load_preset
from blender_pose3d.core.user_presets import UserPresets, file_stem, listed

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "rigs" / "mixamo.json").read_text(encoding="utf-8")


@pytest.fixture
def presets(tmp_path):
    return UserPresets(tmp_path / "new" / "presets", ROOT / "rigs")


def names(presets):
    return [path.name for path in listed(presets.folder)]


def refused(words, action, *arguments, **options):
    with pytest.raises(Pose3DError) as error:
        action(*arguments, **options)
    assert words in error.value.sentence and error.value.hint


@pytest.mark.parametrize(
    ("title", "stem"),
    [
        ("My robot", "My robot"),
        ("  two   spaces ", "two spaces"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("a\\b:c*d?", "a_b_c_d_"),
        ("骨格 №1", "骨格 _1"),
        ("dots...", "dots"),
        ("x" * 200, "x" * 60),
    ],
)
def test_a_name_becomes_a_file_name(title, stem):
    assert file_stem(title) == stem and "/" not in stem


@pytest.mark.parametrize("title", ["", "   ", "...", "///", "CON", "nul.json", "com1"])
def test_names_that_are_none(title):
    refused("A preset cannot be called", file_stem, title)


def test_saved_renamed_exported_imported_deleted(presets, tmp_path):
    path = presets.save(TEXT, title="My robot")
    assert path.stem == "My robot" and load_preset(path).title == "My robot"
    assert load_preset(path).bones == load_preset(ROOT / "rigs" / "mixamo.json").bones
    renamed = presets.rename("My robot", title="Your robot")
    assert names(presets) == ["Your robot.json"] and load_preset(renamed).title == "Your robot"
    out = presets.export(renamed, tmp_path / "given")
    assert out == tmp_path / "given.json" and load_preset(out).title == "Your robot"
    refused("There is a preset 'Your robot' already", presets.import_, out)
    presets.delete("Your robot")
    assert names(presets) == []
    assert presets.import_(out).name == "Your robot.json"


def test_letters_of_either_case_are_one_name(presets):
    presets.save(TEXT, title="Robot")
    refused("already", presets.save, TEXT, title="ROBOT")
    assert presets.rename("Robot", title="ROBOT").name == "ROBOT.json"
    assert names(presets) == ["ROBOT.json"]


def test_shipped_presets_stay_as_they_are(presets):
    before = {path: path.read_bytes() for path in (ROOT / "rigs").glob("*.json")}
    refused("already (one comes with Pose3D)", presets.save, TEXT, title="Mixamo")
    for change in (lambda: presets.rename("mixamo", title="x"), lambda: presets.delete("mixamo")):
        refused("comes with Pose3D and cannot be changed", change)
    refused("There is no preset 'nobody' of yours", presets.delete, "nobody")
    refused("is the preset itself", presets.export, ROOT / "rigs" / "kaykit.json", ROOT / "rigs" / "mixamo.json")
    assert {path: path.read_bytes() for path in (ROOT / "rigs").glob("*.json")} == before


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"\xff", "not a JSON text"), (b"{", "line 1"), (json.dumps({"format_version": 2, "bones": {}}).encode(), "is missing")],
)
def test_what_is_no_preset_is_not_taken(presets, tmp_path, content, words):
    path = tmp_path / "given.json"
    path.write_bytes(content)
    refused(words, presets.import_, path)
    refused("Cannot read the preset", presets.import_, tmp_path / "none.json")
    assert names(presets) == []


def test_a_bad_table_leaves_the_old_file(presets):
    path = presets.save(TEXT, title="Robot")
    before = path.read_bytes()
    refused("cannot be used", presets.save, '{"format_version": 2, "bones": {}}', title="Other")
    assert names(presets) == ["Robot.json"] and path.read_bytes() == before and list(presets.folder.iterdir()) == [path]


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    refused("cannot be made", UserPresets(tmp_path / "file" / "presets", ROOT / "rigs").save, TEXT, title="x")
