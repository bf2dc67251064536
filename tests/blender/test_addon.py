"""The add-on in every Blender there is: registration, settings, refusals, and a clip imported without a window."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import cv2
import pytest

from tests.worker.engines import ENGINE_PYTHON, MODELS

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "tests" / "data" / "demo.mp4"
CHECKS = Path(__file__).with_name("addon_checks.py")
NAMES = (
    "importing_does_nothing",
    "ten_registrations_leave_nothing",
    "presets_are_the_shipped_ones",
    "settings_stay_in_the_file",
    "every_property_has_a_tooltip",
    "motion_settings_are_what_is_solved_with",
    "refusals_in_one_sentence",
    "the_skin_of_a_character_means_its_armature",
    "a_deleted_or_renamed_target",
    "disabling_ends_the_worker",
    "set_up_only_when_asked_and_allowed",
)


def run_checks(run_in_blender, tmp_path, names, **environment):
    environment |= {"POSE3D_TEST_PYTHON": sys.executable, "POSE3D_TEST_FOLDER": str(tmp_path)}
    done = run_in_blender(CHECKS, *names, environment=environment)
    if missing := re.search(r"The system's library \S+ is missing", done.stdout):
        pytest.skip(f"the motion engine cannot run where this Blender does: {missing[0]}")
    assert done.returncode == 0, done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("ok ")] == [f"ok {name}" for name in names], done.stdout


def test_addon_registered_by_a_script(run_in_blender, tmp_path):
    run_checks(run_in_blender, tmp_path, NAMES)


def test_addon_enabled_as_an_extension(run_in_blender, tmp_path):
    run_checks(run_in_blender, tmp_path, ["enabled_as_an_extension"])


def test_import_of_a_clip_without_a_window(run_in_blender, tmp_path):
    if ENGINE_PYTHON is None or not any((ROOT / "lifter" / "weights").glob("*.safetensors")):
        pytest.skip("no motion engine with weights here")
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(MODELS, target_is_directory=True)
    run_checks(
        run_in_blender,
        tmp_path,
        ["import_of_a_clip", "several_clips_and_their_takes", "shots_of_a_clip_that_is_cut"],
        POSE3D_ENGINE_PYTHON=str(ENGINE_PYTHON),
        POSE3D_HOME=str(home),
        POSE3D_TEST_CLIP=str(CLIP),
        POSE3D_TEST_CUT_CLIP=str(two_shots(tmp_path / "shots.mp4")),
    )


def two_shots(path: Path) -> Path:
    """The bundled clip, and after 1.24 seconds turned over and nearer, as another camera might have it."""
    source = cv2.VideoCapture(str(CLIP))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (400, 400))
    for number in range(60):
        picture = source.read()[1]
        writer.write(picture if number < 31 else cv2.resize(picture[40:360, 319::-1], (400, 400)))
    writer.release()
    return path
