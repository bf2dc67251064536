"""What undo, saving, other files and other work leave of the scene, in a real Blender with a window: one session for all.

python3 build.py test tests/gui/test_editing.py          POSE3D_TEST_GUI_OUT keeps what was seen
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.gui.harness import driven


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    kept = os.environ.get("POSE3D_TEST_GUI_OUT")
    folder = Path(kept) / "editing" if kept else tmp_path_factory.mktemp("editing")
    folder.mkdir(exist_ok=True)
    return driven(Path(__file__).with_name("editing.py"), folder, limit_s=400)


def test_an_import_leaves_other_poses_and_the_frame(seen: dict[str, Any]) -> None:
    rest = seen["rest"]
    for strip in (False, True):
        assert rest[f"strip {strip}"] == [1.0, 10.5] and rest[f"shown {strip}"] is True, rest
    for kind in ("bvh", "glb"):
        assert rest[kind] == [["FINISHED"], 1.0, 10.5], rest


def test_a_local_view_takes_nothing_out_of_an_export(seen: dict[str, Any]) -> None:
    found = seen["local view"]
    kinds = ("fbx", "glb", "deform.fbx", "deform.glb")
    assert found == dict.fromkeys(kinds, [["FINISHED"], True, ["ARMATURE", "MESH"], 1]), found
    assert seen["objects after an export"] == [True, True, True], "none of an export's own is left, by undo neither"


def test_a_take_in_edit_mode_is_a_step_between_its_neighbours(seen: dict[str, Any]) -> None:
    steps = seen["undone in edit mode"]
    assert all(valid for *_, valid in steps), steps
    states = {"made": ["EDIT", 1, True], "renamed": ["EDIT", 0, True], "entered": ["EDIT", 0, False], "left": ["OBJECT", 1, True]}
    words = ["made", "renamed", "entered", "renamed", "made", "left", "made", "renamed", "entered"]
    assert [step[:3] for step in steps[: len(words)]] == [states[word] for word in words], steps
    words = ["entered", "renamed", "made", "left"]
    assert [step[:3] for step in steps[-len(words) :]] == [states[word] for word in words], steps


def test_undo_while_controls_are_keyed_leaves_nothing_half_made(seen: dict[str, Any]) -> None:
    *disturbed, alone = seen["undone while keyed"]
    for keying, undone, actions, valid, same, message in disturbed:
        assert keying and undone and actions == [] and valid and same, seen["undone while keyed"]
        assert "was undone while it was made" in message
    assert alone == [1, True]


def test_what_is_half_made_is_not_saved(seen: dict[str, Any]) -> None:
    assert seen["saved while keyed"] == [True, 1, [], True, None]


def test_each_recording_of_live_is_an_undo_step(seen: dict[str, Any]) -> None:
    assert seen["recordings undone"] == [2, [1, 5, True], [0, 5, True], [1, 5, True], [2, 5, True]]


def test_lives_pose_is_no_part_of_undo_and_files(seen: dict[str, Any]) -> None:
    assert len(seen["live"]) == 10 and all(seen["live"].values()), seen["live"]


def test_a_recording_is_kept_when_live_is_ended(seen: dict[str, Any]) -> None:
    assert seen["kept for another file"] == 1 and seen["kept of the deleted"] == 1
    assert len(list(Path(seen["cache"]).glob("live-*.npz"))) == seen["recordings before quitting"] + 1


def test_a_deleted_armature_is_said_once_and_as_it_is(seen: dict[str, Any]) -> None:
    (said,) = seen["said of the deleted"]
    assert "no longer in the scene" in said and "among the takes" in said and "clip" not in said


def test_live_on_one_that_shows_its_rest_position_says_so(seen: dict[str, Any]) -> None:
    assert len(seen["live at rest"]) == 1, seen["live at rest"]


def test_a_film_leaves_no_status_line_and_no_process(seen: dict[str, Any]) -> None:
    assert seen["status lines left"] == [["RUNNING_MODAL"], []]
    assert seen["film switched off"] == [[], []]


def test_a_renamed_or_deleted_preset_and_undo(seen: dict[str, Any]) -> None:
    renamed, undone, message, deleted = seen["presets"]
    assert renamed == "user:Mine too" and undone == "auto" and "Made the action" in message and deleted == "auto"


def test_a_take_that_is_gone_is_said_in_blenders_words(seen: dict[str, Any]) -> None:
    for said in seen["take gone"]:
        assert "There is no track file" in said and "Import the clip again" in said and "lifter" not in said, seen["take gone"]
    assert seen["drawn without a take"] is False


def test_german_is_as_in_the_table(seen: dict[str, Any]) -> None:
    assert seen["not as in the table"] == []
