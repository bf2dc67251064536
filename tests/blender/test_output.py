"""The Output menu in every Blender: the action's name, first frame, frame rate, NLA strip, and files of it."""

from __future__ import annotations

from pathlib import Path

from tests.blender.check_runner import run_checks

CHECKS = Path(__file__).with_name("output_checks.py")
NAMES = (
    "the_scene_stays_unless_it_is_asked_for",
    "name_start_and_rate",
    "a_scene_has_no_range_before_its_first_frame",
    "what_stops_before_the_motion_is_told",
    "an_override_keeps_its_confidence",
    "a_wrong_name_changes_nothing",
    "a_failed_solve_gives_the_rate_back",
    "an_nla_strip_plays_as_the_action_did",
    "strips_hide_each_other_only_while_they_play",
    "the_strip_that_plays_is_meant",
    "strips_in_a_meta_strip_play_as_others_do",
    "layers_are_exported_together",
    "a_strip_that_is_being_edited_is_exported",
    "poses_without_keys_and_the_frame_stay",
    "exports_leave_the_scene_as_it_was",
    "what_rests_or_is_hidden_is_exported_as_it_moves",
    "hidden_ones_that_are_edited_are_exported",
    "a_rig_that_was_saved_in_edit_mode_moves",
    "one_that_is_scaled_to_nothing_for_a_while_is_exported",
    "one_that_is_carried_is_exported_where_it_goes",
    "animations_are_called_as_the_action_is",
    "an_fbx_has_the_pictures_that_are_packed",
    "what_is_hidden_and_not_in_the_file_is_told",
    "modifiers_are_in_the_file",
    "what_is_before_frame_0_is_told",
    "the_root_carries_the_path",
    "root_motion_is_read_back",
    "root_motion_of_layers",
    "deform_bones_alone_are_exported",
    "a_retargeted_control_rig_is_a_body_in_a_bvh",
    "root_motion_of_corrections",
    "a_correction_that_replaces_hides_no_walk",
    "refusals_of_root_motion",
    "refusals_of_an_export",
)


def test_output(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, NAMES, tmp_path)
