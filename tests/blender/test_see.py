"""See what was seen, in every Blender: the matched camera, the clip behind it, the skeleton's place, a film of the landmarks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blender.check_runner import run_checks
from tests.worker.engines import ENGINE_PYTHON

ROOT = Path(__file__).resolve().parents[2]
CHECKS = Path(__file__).with_name("see_checks.py")
NAMES = (
    "the_character_is_where_the_person_is_in_the_clip",
    "in_place_the_camera_moves_instead",
    "placed_as_filmed_the_camera_is_above_the_characters_place",
    "the_camera_moves_as_the_clips_did",
    "a_wrong_camera_would_be_seen",
    "nothing_of_the_users_is_changed",
    "the_clip_plays_at_its_own_speed",
    "the_clip_plays_in_step_with_slow_motion",
    "an_nla_strip_that_was_moved",
    "refusals",
    "the_skeleton_follows_the_armature",
    "without_a_window_nothing_is_drawn",
)


def test_see(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, NAMES, tmp_path)


@pytest.mark.one_blender
@pytest.mark.skipif(ENGINE_PYTHON is None, reason="no motion engine here")
def test_a_film_of_the_landmarks(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, ["a_film_of_the_landmarks"], tmp_path, POSE3D_ENGINE_PYTHON=str(ENGINE_PYTHON))
