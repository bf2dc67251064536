"""The table of bones and the user's own presets, in every Blender there is."""

from __future__ import annotations

from pathlib import Path

from tests.blender.check_runner import run_checks

CHECKS = Path(__file__).with_name("mapping_checks.py")
NAMES = (
    "the_table_shows_what_a_run_would_take",
    "what_the_user_changes_is_used",
    "faults_are_told_where_they_are",
    "exchanged_sides_are_told_and_mended",
    "an_armature_without_a_body_can_be_mapped_by_hand",
    "a_renamed_armature_keeps_its_table",
    "the_table_stays_in_the_file",
    "presets_of_the_users_own",
)


def test_the_table_of_bones(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, NAMES[:-1], tmp_path)


def test_presets_of_the_users_own(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, NAMES[-1:], tmp_path)
