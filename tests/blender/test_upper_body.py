"""Upper Body Only, in every Blender: what the user has below the waist goes on."""

from __future__ import annotations

from pathlib import Path

from tests.blender.check_runner import run_checks

CHECKS = Path(__file__).with_name("upper_body_checks.py")
NAMES = (
    "the_users_pose_of_hips_and_legs_stays",
    "over_an_action_of_the_users",
    "an_action_that_is_replaced_is_told",
    "switches_and_ik_of_the_legs_stay",
    "the_clips_camera_goes_round_the_person",
    "live_leaves_hips_and_legs_alone",
    "another_armatures_animation",
    "the_command_line",
)


def test_upper_body(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, NAMES, tmp_path)
