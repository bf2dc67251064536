"""What an animator sees on the action beside the keys: contacts as markers that can be moved, guessed stretches, a curve of how
well the body was seen, and where it all came from.

Markers are the action's own (pose markers): the scene's timeline belongs to the user.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from operator import itemgetter
from pathlib import Path

import bpy
import numpy as np

from ..core.confidence import Guess
from ..core.curves import polyline
from ..core.errors import Pose3DError
from ..core.motion import Contact, MotionOptions
from .compat import ensure_fcurve
from .keyframes import fill_linear
from .targets import KeyTimes, Shown, key_times, layers, shown

CONFIDENCE_PROPERTY = "pose3d_confidence"
CONFIDENCE_PATH = f'["{CONFIDENCE_PROPERTY}"]'
_SOURCE_PROPERTY = "pose3d_source"
_CONTACT_NAME = re.compile(r"\s*(left|right)\s+(heel|toe)\s+(down|up)\s*(\.\d+)?", re.IGNORECASE)
# Keys that were scaled alike are off by no more than this, each on its own frame; keys of which few were moved change their mean
# and spread by such a share of the length; and of those that were not scaled such a share at most is between frames.
_ALIKE_FRAMES, _FEW_MOVED, _MOST_BETWEEN = 0.75, 0.05, 0.25
# Steps of the confidence curve that nobody would look for.
_CONFIDENCE_TOLERANCE = 0.03


@dataclass(frozen=True)
class Clock:
    """Clip time and the scene's frames: frame_start is the frame of the time first_s."""

    frame_start: int
    fps: float
    first_s: float

    def frame(self, time_s: float) -> int:
        return self.frame_start + round((time_s - self.first_s) * self.fps)

    def time_s(self, frame: float) -> float:
        return self.first_s + (frame - self.frame_start) / self.fps

    def moved_with(self, now: KeyTimes | None, made: Made | None, last_s: float) -> Clock:
        """Of an action whose keys are there now: another one where all were moved as far, or scaled alike.

        made: how they lay when they were made, where that is known. Raises Pose3DError where they were retimed otherwise.
        """
        if now is None:
            return self
        last = self.frame_start + math.floor((last_s - self.first_s) * self.fps + 1e-6)
        by = [round(here - then) for here, then in zip((now.first, now.last), (self.frame_start, last), strict=True)]
        if by[0] == by[1]:
            return replace(self, frame_start=self.frame_start + by[0])
        length = max(last - self.frame_start, 1)
        if made is not None and made.count == now.count:
            stretch = now.spread / made.spread
            ends = [now.mean + stretch * (then - made.mean) for then in (0, last - self.frame_start)]
            if np.abs(np.subtract(ends, (now.first, now.last))).max() < _ALIKE_FRAMES:
                return replace(self, frame_start=round(ends[0]), fps=self.fps * stretch)
            apart = abs(now.mean - self.frame_start - made.mean) + abs(now.spread - made.spread)
            retimed = apart > _FEW_MOVED * length
        else:
            # Keys that are added at an end, or cut off there, are on frames, and few lie beyond the clip.
            retimed = now.between > _MOST_BETWEEN or now.nine_of_ten - now.first > (1 + _FEW_MOVED) * length
        if retimed:
            raise Pose3DError(
                "The keys of the action were moved apart or together in time, so its moments are no longer those of the clip.",
                hint="Scale all of them alike, or solve the take again.",
            )
        return self


@dataclass(frozen=True)
class Made:
    """How the keys of an action lay when they were made, as `KeyTimes` has it, but for mean, which is from the first frame on."""

    count: int
    mean: float
    spread: float


@dataclass(frozen=True)
class Source:
    """What an action was made from: the track file, the preset, the options and the clock; made: how its keys lay then, None
    where an earlier version made it; stretch: how much longer it takes than true speed; slot: the handle of what was animated,
    None where an earlier version made it."""

    track: Path
    preset: str
    options: MotionOptions
    clock: Clock
    made: Made | None = None
    stretch: float = 1.0
    slot: int | None = None


def mark_contacts(action: bpy.types.Action, contacts: Sequence[Contact], clock: Clock) -> None:
    """A marker "left heel down" where each contact begins and "left heel up" where it ends."""
    for contact in contacts:
        for time_s, way in ((contact.start_s, "down"), (contact.end_s, "up")):
            _mark(action, f"{contact.side} {contact.part} {way}", clock.frame(time_s))


def contacts_from_markers(action: bpy.types.Action, clock: Clock, *, last_s: float) -> tuple[Contact, ...]:
    """The contacts as the markers say them now, whatever the user moved, removed or added.

    A part that goes up first was down from the start; one that stays down is so until last_s. Other markers are passed over.
    Raises Pose3DError if the action has no contact marker.
    """
    events: dict[tuple[str, str], list[tuple[int, bool]]] = {}
    for marker in action.pose_markers:
        if match := _CONTACT_NAME.fullmatch(marker.name):
            side, part, way = (word.lower() for word in match.groups()[:3])
            events.setdefault((side, part), []).append((marker.frame, way == "up"))
    if not events:
        raise Pose3DError(
            f"The action '{action.name}' has no contact markers.",
            hint="Add pose markers such as 'left heel down' and 'left heel up' in the action editor.",
        )
    found = []
    for (side, part), changes in events.items():
        changes = _in_turn(changes)
        began = clock.first_s if changes[0][1] else None
        for frame, goes_up in changes:
            time_s = min(max(clock.time_s(frame), clock.first_s), last_s)
            if not goes_up:
                began = time_s if began is None else began
            elif began is not None:
                found.append(Contact(began, time_s, side, part))
                began = None
        if began is not None:
            found.append(Contact(began, last_s, side, part))
    return tuple(sorted(found))


def clock_of_markers(action: bpy.types.Action, clocks: Sequence[Clock], *, last_s: float) -> Clock:
    """By which of the clocks more contact markers are in the clip: keys may be moved, or scaled, with or without them. The first
    counts; of those of different speeds the one that ends where the markers do."""
    frames = [marker.frame for marker in action.pose_markers if _CONTACT_NAME.fullmatch(marker.name)]
    scaled = len({clock.fps for clock in clocks}) > 1

    def fitting(clock: Clock) -> tuple[int, int]:
        within = sum(clock.frame_start <= frame <= clock.frame(last_s) for frame in frames)
        return within, -abs(clock.frame(last_s) - max(frames)) if scaled and frames else 0

    return max(clocks, key=fitting)


def _in_turn(changes: list[tuple[int, bool]]) -> list[tuple[int, bool]]:
    """By frames (frame, goes up). On one frame a part that is down goes up before it comes down again; another, the reverse."""
    out = []
    is_down = min(changes)[1]
    for frame, here in itertools.groupby(sorted(changes), key=itemgetter(0)):
        left = [goes_up for _, goes_up in here]
        while left:
            goes_up = is_down if is_down in left else not is_down
            left.remove(goes_up)
            out.append((frame, goes_up))
            is_down = not goes_up
    return out


def mark_guesses(action: bpy.types.Action, guesses: Sequence[Guess], clock: Clock) -> None:
    """A marker where something was guessed, and one where it was seen again."""
    for guess in guesses:
        _mark(action, f"guessed: {guess.part}", clock.frame(guess.start_s))
        _mark(action, f"seen: {guess.part}", clock.frame(guess.end_s) + 1)


def key_confidence(
    armature_object: bpy.types.Object, action: bpy.types.Action, confidence: np.ndarray, frames: np.ndarray
) -> None:
    """A custom property of the armature, keyed with how well the body was seen, 0 to 1: [T] at the scene frames [T]."""
    _add_confidence(armature_object)
    keyed = polyline(confidence, _CONFIDENCE_TOLERANCE)
    curve = ensure_fcurve(action, armature_object, CONFIDENCE_PATH, group_name="Pose3D")
    fill_linear(curve, frames[keyed], confidence[keyed])


def _add_confidence(armature_object: bpy.types.Object) -> None:
    if CONFIDENCE_PROPERTY not in armature_object:
        armature_object[CONFIDENCE_PROPERTY] = 1.0
        armature_object.id_properties_ui(CONFIDENCE_PROPERTY).update(
            min=0.0, max=1.0, description="How well Pose3D saw the person in the clip: look where it is low"
        )


@bpy.app.handlers.persistent
def after_loading(*_: object) -> None:
    """Blender saves no property that was added to a library override: the curves of ours would point at nothing."""
    for item in bpy.data.objects:
        played = shown(item) if item.override_library is not None and item.type == "ARMATURE" else None
        if played is not None and _keys_confidence(played.action):
            _add_confidence(item)


def _keys_confidence(action: bpy.types.Action) -> bool:
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    return any(bag.fcurves.find(CONFIDENCE_PATH) is not None for bag in bags)


def made_now(action: bpy.types.Action, clock: Clock) -> Made | None:
    """How the keys of a new action lie, whose only slot is what was animated."""
    now = key_times(action, action.slots[0])
    return Made(now.count, now.mean - clock.frame_start, now.spread) if now is not None else None


def remember_source(action: bpy.types.Action, source: Source) -> None:
    """So that the action can be made again from its track."""
    action[_SOURCE_PROPERTY] = json.dumps(
        {
            "track": str(source.track),
            "preset": source.preset,
            "options": asdict(source.options),
            "clock": asdict(source.clock),
            "made": source.made and asdict(source.made),
            "stretch": source.stretch,
            "slot": source.slot,
        }
    )


def source_of(action: bpy.types.Action, slot: bpy.types.ActionSlot | None = None) -> Source:
    """slot: which of the action's animations is meant. Others may have been merged into it, whose source is no longer known.

    Raises Pose3DError for an action that Pose3D did not make from a track file, or not in this version.
    """
    try:
        told = json.loads(action[_SOURCE_PROPERTY])
        options, clock, made = MotionOptions.of(told["options"]), Clock(**told["clock"]), told.get("made")
        made = Made(**made) if made else None
        stretch, handle = float(told.get("stretch", 1.0)), told.get("slot")
        source = Source(Path(told["track"]), str(told["preset"]), options, clock, made, stretch, handle)
    except (KeyError, TypeError, ValueError):
        raise Pose3DError(
            f"The action '{action.name}' does not say which track it was made from.", hint="Import the clip again."
        ) from None
    if _is_another(slot, source.slot):
        raise Pose3DError(
            f"Of the action '{action.name}' only another slot says which track it was made from.", hint="Import the clip again."
        )
    return source


def _is_another(slot: bpy.types.ActionSlot | None, handle: object) -> bool:
    return slot is not None and handle is not None and slot.handle != handle


def of_a_clip(armature_object: bpy.types.Object) -> Shown | None:
    """The uppermost of what an armature plays that was made from a clip: under a correction, say; else the uppermost of all."""
    played = layers(armature_object)
    return next((one for one in played if _is_of_a_clip(one)), next(iter(played), None))


def _is_of_a_clip(played: Shown) -> bool:
    try:
        source_of(played.action, played.slot)
    except Pose3DError:
        return False
    return True


def _mark(action: bpy.types.Action, name: str, frame: int) -> None:
    action.pose_markers.new(name).frame = frame
