"""Live in every Blender: the pose follows, comes back, and is recorded; nothing outlives the add-on."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.blender.check_runner import run_checks
from tests.worker.engines import ENGINE_PYTHON, MODELS

ROOT = Path(__file__).resolve().parents[2]
CHECKS = Path(__file__).with_name("live_checks.py")
NAMES = (
    "the_pose_is_the_persons",
    "its_own_pose_comes_back",
    "its_animations_pose_comes_back_where_it_is_now",
    "nothing_is_keyed_on_one_that_is_posed",
    "files_have_its_own_pose",
    "a_recording_is_kept_when_live_is_ended",
    "disabling_ends_the_session",
    "a_deleted_armature_and_rubbish",
    "a_recording_is_a_track",
    "refusals",
)


def test_live(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, NAMES, tmp_path, POSE3D_TEST_PYTHON=sys.executable)


@pytest.mark.one_blender
def test_live_with_a_file_in_the_cameras_place(run_in_blender, tmp_path):
    if ENGINE_PYTHON is None or not any((ROOT / "lifter" / "weights").glob("*.safetensors")):
        pytest.skip("no motion engine with weights here")
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(MODELS, target_is_directory=True)
    variables = {"POSE3D_ENGINE_PYTHON": str(ENGINE_PYTHON), "POSE3D_HOME": str(home), "POSE3D_TEST_PYTHON": sys.executable}
    run_checks(run_in_blender, CHECKS, ["with_the_real_worker"], tmp_path, **variables)
