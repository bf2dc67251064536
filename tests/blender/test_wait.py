"""What the user does while a run goes on, and what the panel asks of it, in every Blender."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lifter.people import CHOICES
from tests.blender.check_runner import run_checks

CHECKS = Path(__file__).with_name("wait_checks.py")
NAMES = (
    "another_scene_is_shown_meanwhile",
    "the_scene_or_the_armature_is_deleted_meanwhile",
    "cancelled_at_every_piece",
    "what_the_panel_asks_of_the_engine",
    "ik_and_muted_constraints_are_the_panels",
    "feet_that_nobody_saw_are_told",
    "what_is_half_made_is_not_exported",
)


@pytest.mark.slow
@pytest.mark.one_blender
def test_ik_controls_are_keyed_in_pieces(run_in_blender, tmp_path):
    run_checks(run_in_blender, CHECKS, ["cancelled_while_ik_controls_are_keyed"], tmp_path)


def test_wait(run_in_blender, tmp_path):
    output = run_checks(run_in_blender, CHECKS, NAMES, tmp_path)
    offered = re.search(r"^people: (.*)$", output, re.MULTILINE)[1].split()
    assert set(offered) == {*CHOICES, "number"}
