"""An animation made a loop: the part of it that best comes back to where it began, and what it lacks to do so, spread over it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .errors import Pose3DError
from .footing import contacts_there
from .loops import way_round
from .motion.contacts import PARTS, mask_of
from .preset import SIDES
from .rotations import about_axis, apply, slerp_matrices, transposed, unit
from .solve import heading_rad

if TYPE_CHECKING:
    from .transfer import SourceMotion

_UP = np.array([0.0, 0.0, 1.0])
_SHORTEST_S, _LONGEST_S = 0.3, 15.0
# Frames that are compared with each other.
_MOST_FRAMES = 1200
# What joints go within this time counts as much as where they are.
_SPEED_S = 0.1
# What comes back has been away: by more than this, in leg lengths, and ends nearer than the second, as a share of how far it was.
_AWAY, _NEAR = 0.08, 0.35
# Of two loops the shorter, unless the other ends nearer by this share for each second that it is longer.
_PER_S = 0.01


def looped(source: SourceMotion) -> SourceMotion:
    """The best loop of a source, from its own frame on: its last frame is its first, moved along the ground and turned about the
    vertical, and feet that stand do not slide for it.

    Raises Pose3DError where nothing comes back to a pose.
    """
    if len(source.timestamps_s) < 3:
        raise _nothing_comes_back()
    features = _features(source)
    first, last = _best(features, source.timestamps_s)
    times = source.timestamps_s[first : last + 1]
    cut = replace(
        source,
        timestamps_s=times - times[0],
        turns=source.turns[first : last + 1],
        heads_m=source.heads_m[first : last + 1],
        first_frame=source.first_frame + first,
    )
    turn, shift_m = way_round(cut)
    angle = float(np.arctan2(turn[1, 0], turn[0, 0]))
    shares = _shares(source, first, last)
    back = about_axis(_UP, angle * (np.linspace(0.0, 1.0, len(times)) - 1))  # from how the end faces
    turns, heads = np.empty_like(cut.turns), np.empty_like(cut.heads_m)
    for bone, share in enumerate(shares):
        off = turn @ cut.turns[0, bone] @ cut.turns[-1, bone].T
        half = slerp_matrices(np.eye(3), off, 0.5)
        mended = slerp_matrices(np.broadcast_to(half.T, back.shape), np.broadcast_to(half, back.shape), share + 0.5)
        turns[:, bone] = back @ mended @ transposed(back) @ cut.turns[:, bone]
        lacking = turn @ cut.heads_m[0, bone] + shift_m - cut.heads_m[-1, bone]
        heads[:, bone] = cut.heads_m[:, bone] + share[:, None] * apply(back, lacking)
    return replace(cut, turns=turns, heads_m=heads)


def _features(source: SourceMotion) -> np.ndarray:
    """What makes a pose [T, K]: where bones begin and end from the hips, as seen from where these face, how high these are, and
    how all that moves; in leg lengths."""
    rig, times = source.rig, source.timestamps_s
    fingers = {name for names in rig.mapping.fingers.values() for name in names}
    bones = [bone for bone in rig.mapped_bones() if rig.bone_names[bone] not in fingers]
    left, right = (source.heads_m[:, rig.bone(f"{side}_thigh")] for side in SIDES)
    hips = (left + right) / 2
    facing = about_axis(_UP, -heading_rad(unit(left - right)[:, :2]))
    along = apply(rig.world_from_armature[:3, :3], rig.rest_tails[bones] - rig.rest_heads[bones])
    tails = source.heads_m[:, bones] + apply(source.turns[:, bones], along)
    ends = apply(facing[:, None], np.concatenate([source.heads_m[:, bones], tails], axis=1) - hips[:, None])
    places = np.concatenate([ends.reshape(len(times), -1), hips[:, 2:]], axis=1) / rig.leg_length_m
    return np.concatenate([places, _SPEED_S * np.gradient(places, times, axis=0)], axis=1) / np.sqrt(4 * len(bones))


def _best(features: np.ndarray, times: np.ndarray) -> tuple[int, int]:
    """First and last frame of the best loop. Raises Pose3DError where there is none."""
    every = int(np.ceil(len(features) / _MOST_FRAMES))
    some = features[::every]
    at = times[::every]
    squares = (some * some).sum(axis=1)
    apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * some @ some.T, 0.0))
    best, found = _NEAR, None
    for first in range(len(some)):
        last = np.flatnonzero((at >= at[first] + _SHORTEST_S) & (at <= at[first] + _LONGEST_S))
        if not len(last):
            continue
        away = np.maximum.accumulate(apart[first, first:])[last - first]
        cost = np.where(away > _AWAY, apart[first, last] / np.maximum(away, _AWAY), np.inf) + _PER_S * (at[last] - at[first])
        if cost.min() < best:
            best, found = float(cost.min()), (first * every, int(last[cost.argmin()]) * every)
    if found is None:
        raise _nothing_comes_back()
    if every > 1:  # to the frame
        firsts, lasts = (range(max(one - every, 0), min(one + every + 1, len(features))) for one in found)
        apart = np.linalg.norm(features[list(firsts), None] - features[None, list(lasts)], axis=-1)
        nearest = np.unravel_index(apart.argmin(), apart.shape)
        found = firsts[nearest[0]], lasts[nearest[1]]
    return found


def _nothing_comes_back() -> Pose3DError:
    return Pose3DError(
        "Nothing in this animation comes back to the pose that it left.",
        hint="Choose one in which somebody does the same at least twice, such as two steps with each foot.",
    )


def _shares(source: SourceMotion, first: int, last: int) -> np.ndarray:
    """How much of what a loop lacks each bone is given in each of its frames, from minus a half to a half: [B, frames]. What
    belongs to a foot while that is in the air alone, if it ever is.
    """
    rig, count = source.rig, last + 1 - first
    even = np.linspace(-0.5, 0.5, count)
    shares = np.tile(even, (len(rig.bone_names), 1))
    mask = mask_of(contacts_there(source), source.timestamps_s)[first : last + 1]
    for side in SIDES:
        foot = rig.bone(f"{side}_foot")
        stands = np.asarray(mask[:, [i for i, (of, _) in enumerate(PARTS) if of == side]].max(axis=1))
        held = stands[1:] & stands[:-1]
        gone = np.concatenate([[0], np.cumsum(~held)])
        if foot is not None and gone[-1] > 1:
            below = [bone for bone in range(len(rig.bone_names)) if rig.is_below(bone, foot)]
            shares[below] = gone / gone[-1] - 0.5
    return shares
