"""The options of `retarget` that say whose motion is found in a clip and what becomes of it: one list for build.py, which checks
them and tells of them, and for the Blender that obeys. An option that was not given is None.
"""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..core.action_names import action_name
from ..core.errors import Pose3DError

PEOPLE = ("longest", "largest", "middle", "anyone")
_LENS = "the lens that filmed the clip, where it is known"
# (option, of which type, how its value is called, what it does); those without a type are switches.
LIFTING = (
    ("--person", str, "WHO", "who is meant: longest (default), largest, middle, anyone, or a number from 1"),
    ("--focal-mm", float, "MM", f"{_LENS}: focal length of a picture 36 mm wide, as phones state it"),
    ("--fov", float, "DEG", f"{_LENS}: field of view across the picture's long side"),
    ("--focal-px", float, "F", f"{_LENS}: focal length in pixels of the clip"),
    ("--filmed-fps", float, "N", "frames a second that the camera took, of slow motion whose file does not say so"),
    ("--as-played", None, "", "slow motion as slow as the file plays, instead of at true speed"),
    ("--hands", None, "", "look at the hands too, and let the fingers follow them (which takes longer)"),
)
SMOOTHING = ("none", "light", "normal", "strong")
CAMERA_MOTION = ("auto", "still", "turning", "carried")
_CHOICES = {"--smoothing": SMOOTHING, "--camera-motion": CAMERA_MOTION}
MOTION = (
    ("--smoothing", str, f"{{{','.join(SMOOTHING)}}}", "how much trembling is taken out (default: normal)"),
    ("--upper-body", None, "", "move trunk, arms and head alone, and give hips and legs no keys"),
    ("--in-place", None, "", "leave out the path along the ground"),
    ("--place-as-filmed", None, "", "begin where the person stood as seen from the camera, as several people of a clip do"),
    ("--no-vertical", None, "", "leave the hips at their standing height"),
    ("--no-foot-lock", None, "", "do not hold feet that stand where they are"),
    ("--level-ground", None, "", "no stairs: all feet stand at one height"),
    ("--no-joint-limits", None, "", "let joints bend further than a body's do"),
    ("--no-orient-feet", None, "", "do not turn feet as heels and toes were seen"),
    ("--no-orient-hands", None, "", "do not turn hands as thumbs and fingers were seen"),
    ("--camera-motion", str, f"{{{','.join(CAMERA_MOTION)}}}", "what the camera did (default: as seen)"),
    ("--camera-pitch", float, "DEG", "how far the camera looked down (default: estimated)"),
    ("--camera-roll", float, "DEG", "how far it was turned clockwise (default: estimated)"),
    ("--dense-keys", None, "", "a key on every frame"),
    ("--whole-poses", None, "", "few keys, but all bones at the same frames"),
    ("--key-tolerance-cm", float, "CM", "how far a joint may be off between the keys (default: 1)"),
    ("--key-tolerance-deg", float, "DEG", "how far a bone may be turned off between the keys (default: 1)"),
    ("--no-mark-contacts", None, "", "no markers where feet are put down and lifted"),
    ("--no-mark-guesses", None, "", "no markers where the person was not seen well"),
)
# Those that a source's animation has a use for too; the others are for what was seen in a clip.
_FOR_A_SOURCE = (
    "--upper-body",
    "--in-place",
    "--no-foot-lock",
    "--dense-keys",
    "--whole-poses",
    "--key-tolerance-cm",
    "--key-tolerance-deg",
)
# What has nothing to do beside another one: the panel greys it.
_IDLE_BESIDE = {
    "--upper-body": ("--in-place", "--no-vertical", "--place-as-filmed", "--no-foot-lock", "--level-ground", "--no-orient-feet"),
    "--in-place": ("--place-as-filmed",),
    "--dense-keys": ("--whole-poses", "--key-tolerance-cm", "--key-tolerance-deg"),
}
# What a switch that begins with "no" switches off, where that is called otherwise.
_NAMES = {"vertical": "keep_vertical"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for option, kind, metavar, about in (*LIFTING, *MOTION):
        if kind is None:
            parser.add_argument(option, action="store_true", default=None, help=about)
        else:
            parser.add_argument(option, type=kind, metavar=metavar, choices=_CHOICES.get(option), help=about)


def check_values(given: Mapping[str, Any]) -> None:
    """Raises Pose3DError for values that no clip can be read or animated with, in the words of the motion engine where it would
    say so. given: what a parser gave, by name; None and what is left out mean that nothing was given.
    """
    values = {name: value for name, value in given.items() if value is not None}
    if "action" in values and "source" not in values:
        raise Pose3DError("--action chooses one of a source's animations.", hint="Give --source too, or leave it out.")
    idle = [option for option, *_ in MOTION if option not in _FOR_A_SOURCE and _named(option) in values]
    if idle and "source" in values:
        raise Pose3DError(f"A source's animation is taken as it is, so {idle[0]} has nothing to do.", hint="Leave it out.")
    if "action_name" in values:
        action_name(values["action_name"])
    for option, others in _IDLE_BESIDE.items():
        beside = [other for other in others if values.get(_named(other))] if values.get(_named(option)) else []
        if beside:
            raise Pose3DError(f"Beside {option} {beside[0]} has nothing to do.", hint="Leave one of them out.")
    report = Path(values.get("report", ""))
    if report.suffix.lower() in (".html", ".htm"):
        raise Pose3DError("The report is a JSON file, with a page of its own beside it.", hint=f"Call it {report.stem}.json.")
    out = Path(values.get("out", ""))
    if values.get("root_motion", "none") != "none" and out.suffix.lower() not in (".fbx", ".glb"):
        raise Pose3DError(
            f"--root-motion is for .fbx and .glb files, not for {out.name}.", hint="Leave it out, or write one of these."
        )
    if values.get("deform_bones") and out.suffix.lower() not in (".bvh", ".fbx", ".glb"):
        raise Pose3DError(
            f"--deform-bones is for .bvh, .fbx and .glb files, not for {out.name}.", hint="Leave it out, or write one of these."
        )
    _check_lens(values)
    _check_speed(values)
    for name in ("start", "end"):
        if name in values and not (math.isfinite(values[name]) and values[name] >= 0):
            raise Pose3DError(
                f"The {name}, {values[name]:g} s, is not a time in the clip.",
                hint="Give seconds from the clip's start, 0 or more.",
            )
    start_s = values.get("start", 0.0)
    if values.get("end", math.inf) <= start_s:
        raise Pose3DError(f"The end, {values['end']:g} s, is not after the start, {start_s:g} s.", hint="Choose a later end.")
    person = values.get("person", PEOPLE[0])
    if person not in PEOPLE and not re.fullmatch(r"0*[1-9]\d*", person):
        raise Pose3DError(
            f"'{person}' says nothing of which person is meant.", hint=f"Give {', '.join(PEOPLE)}, or a number from 1."
        )
    if "fps" in values and not 1 <= values["fps"] <= 1000:
        raise Pose3DError(f"{values['fps']:g} is no frame rate.", hint="Give 1 to 1000 frames a second.")
    for name in ("key_tolerance_cm", "key_tolerance_deg"):
        if name in values and not 0.001 <= values[name] <= 1000:
            raise Pose3DError(f"{values[name]:g} is no tolerance for keys.", hint="Give 1, say, or --dense-keys.")
    for name, most in (("camera_pitch", 90), ("camera_roll", 180)):
        if name in values and not abs(values[name]) <= most:
            raise Pose3DError(f"No camera is turned by {values[name]:g} degrees.", hint=f"Give -{most} to {most}.")


def _named(option: str) -> str:
    """As argparse calls it."""
    return option.removeprefix("--").replace("-", "_")


def _check_lens(values: Mapping[str, Any]) -> None:
    if "focal_px" in values and not 0 < values["focal_px"] < 1e6:
        raise Pose3DError(
            f"{values['focal_px']:g} pixels is no focal length.", hint="Give a number above 0, or leave --focal-px out."
        )
    if len(values.keys() & {"focal_px", "focal_mm", "fov"}) > 1:
        raise Pose3DError("The lens was given twice.", hint="Give one of --focal-px, --focal-mm and --fov.")
    if "focal_mm" in values and not 1 <= values["focal_mm"] <= 2000:
        raise Pose3DError(
            f"{values['focal_mm']:g} mm is no focal length.", hint="Give that of a 36 mm wide picture, such as 26 for a phone."
        )
    if "fov" in values and not 1 <= values["fov"] <= 175:
        raise Pose3DError(f"{values['fov']:g} degrees is no field of view.", hint="Give 1 to 175, such as 65 for a phone.")


def _check_speed(values: Mapping[str, Any]) -> None:
    if "filmed_fps" in values and values.get("as_played"):
        raise Pose3DError("The clip's speed was given twice.", hint="Give one of --filmed-fps and --as-played.")
    if "filmed_fps" in values and not 1 <= values["filmed_fps"] <= 10_000:
        raise Pose3DError(
            f"No camera takes {values['filmed_fps']:g} frames a second.", hint="Give 1 to 10000, such as 240 for slow motion."
        )


def check_network(name: str, weights: Path) -> None:
    """Raises Pose3DError where no network is called so. weights: the folder of those that Pose3D comes with."""
    path = Path(name) if name.endswith(".safetensors") else weights / f"{name}.safetensors"
    if not (os.path.isfile(path) and os.path.isfile(path.with_suffix(".json"))):
        there = ", ".join(sorted(found.stem for found in weights.glob("*.safetensors")))
        raise Pose3DError(f"There is no model '{name}'.", hint=f"Choose one of: {there or 'none installed'}.")


def motion_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Takes the motion's options out of what a parser gave, and returns those that were given as fields of MotionOptions."""
    settings: dict[str, Any] = {}
    for option, kind, _, _ in MOTION:
        name = _named(option)
        value = given.pop(name)
        if value is None:
            continue
        if kind is None and name.startswith("no_"):
            plain = name.removeprefix("no_")
            settings[_NAMES.get(plain, plain)] = False
        else:
            settings[f"{name}_deg" if name in ("camera_pitch", "camera_roll") else name] = value
    return settings
