"""Animations that end in the pose in which they begin: what looks at frames around one sees what comes next in a loop.

A walk cycle, in place or on its way, an idle, a punch out of a stance: played again and again, each would jump where the last
frame meets the first if either were treated as the end of something.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .rotations import about_axis, angle_between, apply, norm

if TYPE_CHECKING:
    from .transfer import SourceMotion

_UP = np.array([0.0, 0.0, 1.0])
# The same pose: bones are turned no more than this against each other, and are no farther apart, in leg lengths. Or no more than
# this share of what they usually go in a frame: the last frame may be one beside the end.
_SAME_RAD, _SAME_SHARE = np.radians(3.0), 0.03
_OF_A_STEP = 0.3
# What is longer is no loop that anybody would see meet its beginning.
_LONGEST_S = 30.0
# So much is there to see before the beginning and after the end.
_AROUND_S = 0.8


def unrolled(source: SourceMotion) -> tuple[SourceMotion, slice]:
    """The source with what comes before and after it if it is a loop, and which of the frames are its own."""
    times, count = source.timestamps_s, len(source.timestamps_s)
    if count < 3 or times[-1] - times[0] > _LONGEST_S or (way := _way(source)) is None:
        return source, slice(0, count)
    turn, shift_m = way
    length_s = times[-1] - times[0]
    rounds = int(np.ceil(_AROUND_S / length_s))
    all_times, all_turns, all_heads = [], [], []
    back = turn.T
    for number in range(-rounds, rounds + 1):
        turns, heads = source.turns, source.heads_m
        for _ in range(abs(number)):
            heads = apply(turn, heads) + shift_m if number > 0 else apply(back, heads - shift_m)
            turns = (turn if number > 0 else back) @ turns
        # Its own frames are all there; where one round's last is another's first, that is outside.
        own = slice(1 if number > 0 else 0, count - 1 if number < 0 else count)
        all_times.append(times[own] + number * length_s)
        all_turns.append(turns[own])
        all_heads.append(heads[own])
    first = rounds * (count - 1)
    out = replace(
        source,
        timestamps_s=np.concatenate(all_times),
        turns=np.concatenate(all_turns),
        heads_m=np.concatenate(all_heads),
    )
    return out, slice(first, first + count)


def way_round(source: SourceMotion) -> tuple[np.ndarray, np.ndarray]:
    """What brings the first pose nearest to the last, about the vertical [3, 3] and along the ground [3]."""
    bones = source.rig.mapped_bones()
    first, last = (source.heads_m[frame, bones] for frame in (0, -1))
    a, b = (heads - heads.mean(axis=0) for heads in (first, last))
    angle = np.arctan2((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum(), (a[:, :2] * b[:, :2]).sum())
    turn = about_axis(_UP, angle)
    return turn, (last.mean(axis=0) - turn @ first.mean(axis=0)) * [1, 1, 0]


def _way(source: SourceMotion) -> tuple[np.ndarray, np.ndarray] | None:
    """How a source that ends as it begins gets from there to there, about the vertical [3, 3] and along the ground [3]; None for
    another one.
    """
    bones = source.rig.mapped_bones()
    first, last = (source.heads_m[frame, bones] for frame in (0, -1))
    turn, shift_m = way_round(source)
    apart_m = norm(apply(turn, first) + shift_m - last).max()
    apart_rad = angle_between(turn @ source.turns[0, bones], source.turns[-1, bones]).max()
    steps_m = norm(np.diff(source.heads_m[:, bones], axis=0)).max(axis=1)
    steps_rad = angle_between(source.turns[:-1, bones], source.turns[1:, bones]).max(axis=1)
    if apart_m > max(_SAME_SHARE * source.rig.leg_length_m, _OF_A_STEP * np.median(steps_m)):
        return None
    if apart_rad > max(_SAME_RAD, _OF_A_STEP * np.median(steps_rad)):
        return None
    return turn, shift_m
