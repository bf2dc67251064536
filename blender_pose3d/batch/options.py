"""The options of `retarget` that say whose motion is found in a clip and what becomes of it: one list for build.py, which checks
them and tells of them, and for the Blender that obeys. An option that was not given is None.
"""

from __future__ import annotations

import argparse
from typing import Any

_LENS = "the lens that filmed the clip, where it is known"
# (option, of which type, how its value is called, what it does); those without a type are switches.
LIFTING = (
    ("--person", str, "WHO", "who is meant: longest (default), largest, middle, anyone, or a number from 1"),
    ("--focal-mm", float, "MM", f"{_LENS}: focal length of a picture 36 mm wide, as phones state it"),
    ("--fov", float, "DEG", f"{_LENS}: field of view across the picture's long side"),
    ("--focal-px", float, "F", f"{_LENS}: focal length in pixels of the clip"),
    ("--hands", None, "", "look at the hands too, and let the fingers follow them (which takes longer)"),
)
SMOOTHING = ("none", "light", "normal", "strong")
CAMERA_MOTION = ("auto", "still", "turning", "carried")
_CHOICES = {"--smoothing": SMOOTHING, "--camera-motion": CAMERA_MOTION}
MOTION = (
    ("--smoothing", str, f"{{{','.join(SMOOTHING)}}}", "how much trembling is taken out (default: normal)"),
    ("--upper-body", None, "", "move trunk, arms and head alone, and give hips and legs no keys"),
    ("--in-place", None, "", "leave out the path along the ground"),
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
    ("--key-tolerance-cm", float, "CM", "how far a joint may be off between the keys (default: 1)"),
    ("--key-tolerance-deg", float, "DEG", "how far a bone may be turned off between the keys (default: 1)"),
    ("--no-mark-contacts", None, "", "no markers where feet are put down and lifted"),
    ("--no-mark-guesses", None, "", "no markers where the person was not seen well"),
)
# What a switch that begins with "no" switches off, where that is called otherwise.
_NAMES = {"vertical": "keep_vertical"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    for option, kind, metavar, about in (*LIFTING, *MOTION):
        if kind is None:
            parser.add_argument(option, action="store_true", default=None, help=about)
        else:
            parser.add_argument(option, type=kind, metavar=metavar, choices=_CHOICES.get(option), help=about)


def motion_settings(given: dict[str, Any]) -> dict[str, Any]:
    """Takes the motion's options out of what a parser gave, and returns those that were given as fields of MotionOptions."""
    settings: dict[str, Any] = {}
    for option, kind, _, _ in MOTION:
        name = option.removeprefix("--").replace("-", "_")
        value = given.pop(name)
        if value is None:
            continue
        if kind is None and name.startswith("no_"):
            plain = name.removeprefix("no_")
            settings[_NAMES.get(plain, plain)] = False
        else:
            settings[f"{name}_deg" if name in ("camera_pitch", "camera_roll") else name] = value
    return settings
