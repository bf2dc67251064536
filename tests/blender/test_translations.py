"""The add-on's labels, tooltips and messages in German, in every Blender."""

from __future__ import annotations

from pathlib import Path

from tests.blender.check_runner import run_checks

CHECKS = Path(__file__).with_name("translation_checks.py")
NAMES = (
    "every_label_and_tooltip",
    "messages_with_values",
    "the_table_of_bones_is_german",
    "errors_and_polls_are_said_in_the_language",
    "blender_knows_the_words",
    "blender_shows_the_tables_words",
    "every_panel_has_a_question_mark",
    "no_line_of_a_message_is_cut_off",
)


def test_translations(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, NAMES, tmp_path)
