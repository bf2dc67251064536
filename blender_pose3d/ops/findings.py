"""What was found out about a clip and was not asked for, in words: the lens, how the camera was held, whose motion it is."""

from __future__ import annotations

from math import degrees

from ..bridge.apply import AppliedMotion
from ..core.motion import Performance
from ..core.motion.moving import camera_told
from ..core.motion.options import PICTURE_MM
from ..core.motion.standing_legs import feet_hidden

# Less than this is level to the eye.
_LEVEL_DEG = 0.5
# Of the frames.
_MOSTLY = 0.5


def of_the_clip(applied: AppliedMotion) -> str:
    """Sentences, a line each, with how sure they are; empty for the plain solve, which finds out nothing."""
    person = applied.person
    if person is None:
        return ""
    legs = "" if applied.options.upper_body else _legs(person)
    return "\n".join(filter(None, (_lens(person), _camera(person), _moved(person), _ground(person), legs, _who(person))))


def _lens(person: Performance) -> str:
    track = person.track
    told = track.provenance
    lens = f"{person.focal_length_px / max(track.image_size_px) * PICTURE_MM:.0f}"
    sure = f"{_share(told.get('focal_length_confidence')):.0%}"
    match told.get("focal_length"):
        case "metadata":
            return f"Lens {lens} mm, noted in the clip ({sure} sure)."
        case "estimated":
            return f"Lens {lens} mm, estimated ({sure} sure)."
        case "assumed":
            return f"Lens {lens} mm, the usual one ({sure} sure)."
    return ""


def _camera(person: Performance) -> str:
    camera = person.camera
    if {"pitch", "roll"} <= camera.given:
        return ""
    pitch, roll = degrees(camera.pose.pitch_rad), degrees(camera.pose.roll_rad)
    sure = f"{min(camera.pitch_confidence, camera.roll_confidence):.0%}"
    turned = f"{abs(roll):.0f}"
    if abs(pitch) < _LEVEL_DEG:
        return f"Camera level, rolled {turned}° ({sure} sure)."
    if pitch > 0:
        return f"Camera {pitch:.0f}° down, rolled {turned}° ({sure} sure)."
    return f"Camera {-pitch:.0f}° up, rolled {turned}° ({sure} sure)."


def _moved(person: Performance) -> str:
    turned, carried = f"{degrees(person.camera_turned_rad):.0f}", f"{person.camera_carried_m:.1f}"
    if person.camera_turned_rad > 0 and person.camera_carried_m > 0:
        return f"Camera carried by {carried} m and turned by {turned}°, as far as the feet tell."
    if person.camera_turned_rad > 0:
        return f"Camera turned by {turned}°, which is followed."
    if person.camera_carried_m > 0:
        return f"Camera carried by {carried} m, as far as the feet tell."
    if camera_told(person.track) == "moving":
        return "Camera was carried: the path along the ground is unreliable, the poses are not."
    return ""


def _ground(person: Performance) -> str:
    if not person.under_m.any():
        return ""
    return f"The ground is not level: feet stand up to {person.under_m.max():.1f} m above its lowest part."


def _legs(person: Performance) -> str:
    """Of a clip to the waist: an animator should know which half of the body to look at."""
    track = person.track
    if not feet_hidden(track.confidence)[track.detected].mean() > _MOSTLY:
        return ""
    return "The feet were not seen: the legs are guessed. Upper Body Only leaves them alone."


def _who(person: Performance) -> str:
    people = person.track.provenance.get("people")
    if not isinstance(people, dict) or not isinstance(people.get("found"), list):
        return ""
    count, number = len(people["found"]), people.get("number")
    return f"Person {number} of {count}." if count > 1 and number else ""


def _share(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
