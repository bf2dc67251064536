"""Which stretches of a track were seen, and which were guessed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .filtering import smoothed
from .motion.contacts import stretches, without_short_breaks
from .preset import SIDES
from .skeleton import INDEX
from .tracks import Pose3DTrack

WHOLE_BODY = "whole body"
# What is guessed by itself: the joints that tell.
_PARTS: dict[str, tuple[str, ...]] = {
    f"{side} {limb}": tuple(f"{side}_{joint}" for joint in joints)
    for limb, joints in (("arm", ("elbow", "wrist")), ("leg", ("knee", "ankle")))
    for side in SIDES
}
# Below this a joint is the network's guess at something hidden or outside of the picture.
GUESSED = 0.3
_STEADY_S = 0.08
# Shorter ones are not worth looking at, and breaks as short do not end one.
_SHORTEST_S = 0.2


@dataclass(frozen=True, order=True)
class Guess:
    """`part` of the body was not seen from start_s to end_s: "whole body" (nobody was found), "left arm", "right leg" …"""

    start_s: float
    end_s: float
    part: str


def confidence_of(track: Pose3DTrack) -> np.ndarray:
    """How well the body was seen, 0 to 1: [T]."""
    return np.where(track.detected, track.confidence.mean(axis=1), 0.0)


def guesses(track: Pose3DTrack) -> tuple[Guess, ...]:
    """The stretches that were guessed, by their start. A limb's are not named where nobody was found at all."""
    times = track.timestamps_s
    gone = ~track.detected
    found = [
        Guess(float(times[a]), float(times[b]), WHOLE_BODY) for a, b in stretches(without_short_breaks(gone, times, _SHORTEST_S))
    ]
    for part, joints in _PARTS.items():
        sure = track.confidence[:, [INDEX[joint] for joint in joints]].astype(float).mean(axis=1)
        hidden = without_short_breaks(smoothed(sure, times, _STEADY_S) < GUESSED, times, _SHORTEST_S) & ~gone
        spans = [(float(times[a]), float(times[b])) for a, b in stretches(hidden)]
        found += [Guess(start, end, part) for start, end in spans if end - start >= _SHORTEST_S]
    return tuple(sorted(found))
