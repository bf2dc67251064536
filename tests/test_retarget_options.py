"""`retarget` offers every setting of the motion that the panel has, and of the clip's reading that the motion engine has."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from blender_pose3d.batch import jobs, options
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.motion import CameraMotion, MotionOptions, Smoothing
from lifter import cli
from lifter.clip import _check_range, check_speed
from lifter.errors import LifterError
from lifter.people import check_choice

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
    assert len(shown) == 18, shown
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


VALUES = {
    "person": ["longest", "anyone", "1", "12", "zwei", "-1", "1.5"],
    "focal_mm": [0.0, 0.9, 1.0, 26.0, 2000.0, 2001.0, float("nan")],
    "fov": [0.0, 1.0, 65.0, 175.0, 176.0, float("inf")],
    "focal_px": [-1.0, 0.0, 0.1, 999_999.0, 1e6, float("nan")],
    "start": [-0.1, 0.0, 1.0, float("inf"), float("nan")],
    "end": [-1.0, 0.0, 0.1, float("nan")],
    "filmed_fps": [0.0, 0.9, 1.0, 240.0, 10_000.0, 10_001.0, float("nan"), float("inf")],
    "as_played": [True],
}


def said(check: Callable[[dict[str, Any]], object], values: dict[str, Any]) -> str | None:
    try:
        check(values)
    except (Pose3DError, LifterError) as error:
        return f"{error.message} {error.hint}"
    return None


def engine_checks(values: dict[str, Any]) -> None:
    arguments = argparse.Namespace(**dict.fromkeys(VALUES) | values)
    cli._check_focal(arguments)
    _check_range(arguments.start, arguments.end)
    check_speed(arguments.filmed_fps, bool(arguments.as_played))
    check_choice(arguments.person or "longest")


def test_what_is_refused_is_what_the_engine_refuses() -> None:
    """Before a batch's first clip, and in the same words."""
    cases: list[dict[str, Any]] = [{name: value} for name, values in VALUES.items() for value in values]
    cases += [
        {"start": 5.0, "end": 2.0},
        {"start": 2.0, "end": 5.0},
        {"focal_mm": 26.0, "fov": 65.0},
        {"fov": 65.0, "focal_px": 9.0},
        {"filmed_fps": 240.0, "as_played": True},
    ]
    found = [said(options.check_values, case) for case in cases]
    assert found == [said(engine_checks, case) for case in cases]
    assert 10 < sum(each is None for each in found) < len(found) - 10


def test_what_a_source_has_no_use_for_is_refused_and_nothing_else() -> None:
    """A setting is taken where it changes what becomes of a source, and where nothing was given."""
    values = {"--smoothing": "strong", "--camera-motion": "turning"}
    refused = set()
    for option, kind, _, _ in options.MOTION:
        values_given = given(option) if kind is None else given(f"{option}={values.get(option, 2.5)}")
        options.check_values(values_given)
        if sentence := said(options.check_values, values_given | {"source": "walk.bvh", "action": "Walk"}):
            assert f"so {option} has nothing to do" in sentence
            refused.add(option)
    kept = {option for option, *_ in options.MOTION} - refused
    keys = {"--dense-keys", "--whole-poses", "--key-tolerance-cm", "--key-tolerance-deg"}
    assert kept == {"--upper-body", "--in-place", "--no-foot-lock"} | keys
    options.check_values(given() | {"source": "walk.bvh", "action": None})
    assert "--action" in (said(options.check_values, given() | {"action": "Walk", "source": None}) or "")


@pytest.mark.parametrize(
    ("option", "others"),
    [
        (
            "--upper-body",
            ["--in-place", "--no-vertical", "--place-as-filmed", "--no-foot-lock", "--level-ground", "--no-orient-feet"],
        ),
        ("--in-place", ["--place-as-filmed"]),
        ("--dense-keys", ["--whole-poses", "--key-tolerance-cm=2", "--key-tolerance-deg=2"]),
    ],
)
def test_what_the_panel_greys_is_refused(option: str, others: list[str]) -> None:
    for other in others:
        sentence = said(options.check_values, given(option, other))
        assert sentence == f"Beside {option} {other.partition('=')[0]} has nothing to do. Leave one of them out.", sentence
        options.check_values(given(other) | {option.removeprefix("--").replace("-", "_"): False})  # as a batch's table says it
    allowed = [name for name, kind, *_ in options.MOTION if kind is None and name not in (option, *others)]
    for other in set(allowed) - ({"--upper-body"} if option == "--in-place" else set()):
        options.check_values(given(option, other))


@pytest.mark.parametrize("name", ["walk.blend", "walk.bvh", "walk.glb", "walk.FBX"])
def test_root_motion_is_for_the_files_of_games(name: str) -> None:
    refused = "--root-motion is for .fbx and .glb files" in (
        said(options.check_values, {"root_motion": "path", "out": Path(name)}) or ""
    )
    assert refused == (Path(name).suffix in (".blend", ".bvh"))
    assert said(options.check_values, {"root_motion": "none", "out": Path(name)}) is None


@pytest.mark.parametrize("name", ["walk.blend", "walk.bvh", "walk.glb", "walk.FBX"])
def test_deform_bones_alone_are_for_the_files_of_other_programs(name: str) -> None:
    refused = "--deform-bones is for .bvh, .fbx and .glb files" in (
        said(options.check_values, {"deform_bones": True, "out": Path(name)}) or ""
    )
    assert refused == (name == "walk.blend")
    assert said(options.check_values, {"deform_bones": None, "out": Path(name)}) is None


def test_a_name_for_the_action_says_what_it_is_made_of() -> None:
    """Before a clip is read."""
    assert said(options.check_values, {"action_name": "{clip} by {preset}"}) is None
    assert "“{weather}” is no name for an action. Use" in (said(options.check_values, {"action_name": "{weather}"}) or "")


@pytest.mark.parametrize("words", [["--smoothing", "much"], ["--fov", "wide"]])
def test_what_means_nothing_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        given(*words)
