"""Retarget Animation in every Blender there is: an armature's animation, or a file's, on another armature."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.blender.check_runner import run_checks

CHECKS = Path(__file__).with_name("transfer_checks.py")
EVERYWHERE = (
    "an_armatures_action_on_every_rig",
    "connected_hips_move",
    "feet_stand_where_the_sources_do",
    "nothing_of_the_users_is_changed",
    "what_cannot_be_a_source",
    "one_pose_is_a_source",
    "why_nothing_moves_is_told",
    "what_carries_the_character_is_told",
    "an_object_that_no_longer_moves_is_told",
    "constraints_are_a_source",
    "a_character_that_its_root_scales_is_a_source",
    "an_fbx_of_a_broken_rate_is_a_source",
    "a_bvh_file_onto_a_character_of_the_scene",
    "a_bvh_file_of_blenders_own",
    "a_larger_armature_hangs_on_the_character",
    "a_linked_one_of_the_same_name",
    "which_animation_is_the_sources",
    "a_loop_is_made",
    "a_loop_keeps_what_else_was_animated",
)


def test_an_armatures_animation(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, EVERYWHERE, tmp_path)


@pytest.mark.one_blender
def test_rigify_and_files(run_in_blender, tmp_path):
    run_checks(
        run_in_blender,
        CHECKS,
        (
            "rigify_both_ways",
            "time_remapping_is_the_scenes",
            "rigify_by_its_own_ik_controls",
            "auto_rig_pro_by_its_own_ik_controls",
            "files_as_a_source",
            "a_files_rate_is_its_animations",
            "the_command_lines_motion_options",
            "the_command_lines_loop",
            "what_cannot_be_keyed_is_told_before_the_clip_is_read",
        ),
        tmp_path,
    )
