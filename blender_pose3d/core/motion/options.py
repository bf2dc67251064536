"""Everything that can be chosen of a motion, in one place. The defaults are right for a clip from a phone that stands still."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Smoothing(StrEnum):
    """How much trembling is taken out. Fast gestures keep their peaks up to NORMAL."""

    NONE = "none"
    LIGHT = "light"
    NORMAL = "normal"
    STRONG = "strong"


# How many times what noise explains the smoothing may change a position.
PATIENCE: dict[Smoothing, float] = {Smoothing.NONE: 0.0, Smoothing.LIGHT: 1.0, Smoothing.NORMAL: 2.5, Smoothing.STRONG: 6.0}
SIGMA_S: dict[Smoothing, float] = {Smoothing.NONE: 0.0, Smoothing.LIGHT: 0.02, Smoothing.NORMAL: 0.04, Smoothing.STRONG: 0.08}
# How wide a picture is to which a focal length in millimetres refers.
PICTURE_MM = 36.0


class CameraMotion(StrEnum):
    """What the camera did while it filmed."""

    AUTO = "auto"
    STILL = "still"
    TURNING = "turning"
    CARRIED = "carried"


@dataclass(frozen=True, kw_only=True)
class MotionOptions:
    """None means: found from the clip.

    smoothing: strength of the zero-phase filter.
    focal_length_mm: of a 36 mm wide picture (its long side), as phones state it; None: as the track was made.
    camera_pitch_deg: above 0 looks down; camera_roll_deg: above 0 is turned clockwise, seen from behind the camera;
    camera_height_m: of the camera above the ground, for a person of 1.75 m; all None: estimated from the clip.
    camera_motion: a camera that turns (pans, tilts, rolls) where it stands is followed, so that the person goes where they went,
    and one that is carried, turning or not, as far as the feet tell; AUTO: as the background says which it was.
    upper_body: hips, legs and path are left alone, and get no keys.
    in_place: no path along the ground; place_as_filmed: the camera was above where the character rests, instead of the person
    standing there at first, so that several people of a clip stand and go as to each other; keep_vertical: False leaves the hips
    at their standing height.
    steady_path: the path from the feet on the ground and the slow part of the camera's depth, instead of depth frame by frame.
    constant_bones: one set of bone lengths for the clip; full_reach: with them, arms reach along the line of sight as far as
    their bones do.
    level_ground: all feet stand at one height; False: stairs and boxes are found, where feet stand on them.
    foot_lock: feet in contact stay where they are and on the ground; guess_steps: where something hides the feet or the picture
    ends above them, who walks steps as hips and arms tell, and who does not stands; joint_limits: knees, elbows, neck and spine
    stay within what a body can do; orient_feet, orient_hands: from the detector's landmarks where it is sure of them, and hands
    on the ground lie on it;
    follow_hands: fingers as the hands' landmarks have them, where the track has those, instead of relaxed.
    key_tolerance_cm, key_tolerance_deg: how far sparse keys may be from the motion; dense_keys: a key on every frame instead;
    whole_poses: sparse keys of all bones at the same frames.
    mark_guesses, mark_contacts: markers for stretches that were guessed and for contacts.
    """

    smoothing: Smoothing = Smoothing.NORMAL
    focal_length_mm: float | None = None
    camera_pitch_deg: float | None = None
    camera_roll_deg: float | None = None
    camera_height_m: float | None = None
    camera_motion: CameraMotion = CameraMotion.AUTO
    upper_body: bool = False
    in_place: bool = False
    place_as_filmed: bool = False
    keep_vertical: bool = True
    steady_path: bool = True
    constant_bones: bool = True
    full_reach: bool = True
    level_ground: bool = False
    foot_lock: bool = True
    guess_steps: bool = True
    joint_limits: bool = True
    orient_feet: bool = True
    orient_hands: bool = True
    follow_hands: bool = False
    key_tolerance_cm: float = 1.0
    key_tolerance_deg: float = 1.0
    dense_keys: bool = False
    whole_poses: bool = False
    mark_guesses: bool = True
    mark_contacts: bool = True

    @property
    def stays(self) -> bool:
        """Whether the character stays where it stands."""
        return self.in_place or self.upper_body

    @property
    def rises(self) -> bool:
        """Whether the hips go up and down."""
        return self.keep_vertical and not self.upper_body

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> MotionOptions:
        """From values as files and settings have them, choices by their names; what is left out is as usual.

        Raises TypeError for what is no option, ValueError for what is no choice.
        """
        settings: dict[str, Any] = dict(values)
        for name, choices in (("smoothing", Smoothing), ("camera_motion", CameraMotion)):
            if name in settings:
                settings[name] = choices(settings[name])
        return cls(**settings)
