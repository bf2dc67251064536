"""`retarget` offers every setting of the motion that the panel has, and of the clip's reading that the motion engine has."""

from __future__ import annotations

import argparse
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from blender_pose3d.batch import jobs, options
from blender_pose3d.core.motion import CameraMotion, MotionOptions, Smoothing
from lifter import cli

PROPS = Path(__file__).resolve().parents[1] / "blender_pose3d" / "props.py"


def given(*words: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    options.add_arguments(parser)
    return vars(parser.parse_args(words))


def test_nothing_given_is_nothing_set() -> None:
    assert options.motion_settings(given()) == {}


def test_every_setting_of_the_panel_has_an_option() -> None:
    panel = PROPS.read_text(encoding="utf-8").split("class Pose3DOutput")[0]
    shown = {name for name in (f.name for f in fields(MotionOptions)) if re.search(rf"^    {name}: bpy", panel, re.MULTILINE)}
    assert len(shown) == 16, shown
    shown.remove("follow_hands")  # the engine has to look at them: --hands, of LIFTING
    words_of = {"--smoothing": "strong", "--camera-motion": "turning"}
    words = [option if kind is None else f"{option}={words_of.get(option, 2.5)}" for option, kind, _, _ in options.MOTION]
    settings = options.motion_settings(everything := given(*words))
    assert set(settings) == shown | {"camera_pitch_deg", "camera_roll_deg"}
    assert set(everything) == {option.removeprefix("--").replace("-", "_") for option, *_ in options.LIFTING}
    made = MotionOptions.of(settings)
    assert all(getattr(made, name) != getattr(MotionOptions(), name) for name in settings), "an option that changes nothing"


def test_the_words_are_the_engines() -> None:
    assert tuple(Smoothing) == options.SMOOTHING and tuple(CameraMotion) == options.CAMERA_MOTION
    infer = cli._parse(
        ["infer", "clip.mp4", "out.npz", "--person", "2", "--fov", "65", "--start", "1", "--end", "2", "--model", "x"]
    )
    named = {option.removeprefix("--").replace("-", "_") for option, *_ in options.LIFTING}
    assert named <= set(jobs.LIFTING_OPTIONS) <= set(vars(infer))


@pytest.mark.parametrize("words", [["--smoothing", "much"], ["--fov", "wide"]])
def test_what_means_nothing_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        given(*words)
