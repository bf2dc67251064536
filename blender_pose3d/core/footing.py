"""Feet of an animation that was put on another body: where the source's foot stands, this one does.

Limbs that point as the source's do bring the foot somewhere else where thigh and shin share the leg otherwise, hips are wider or
feet longer. So the part of the foot that is on the ground, heel or ball, goes as the source's does, at the size of the rig, from
a place that is nearest to where the limbs would have it. A foot that stands there stands here, and one that slides or turns does
so too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .filtering import rolling_minimum, smoothed
from .kinematics import PosedRig
from .loops import unrolled
from .motion.contacts import PARTS, Contact, contacts_of, detect, overhead, stretches
from .motion.legs import REACH, Foot, carried, feet_of, lacking_m, raised, sole_m
from .preset import SIDES
from .rig import RigSpec
from .rotations import about_axis, apply, cross, norm, swing, unit
from .solve import FromHips, clearance_m, limb_axis

if TYPE_CHECKING:
    from .transfer import SourceMotion

# The leg of a person of 1.75 m, in whose measures contacts are found.
_LEG_M = 0.835
_STEADY_S = 0.03
# A foot this low is on the ground. Where it is usually faster than the second there, and goes one way, the ground goes under
# somebody who walks or runs in place: of so many directions of low feet the mean is so long.
_ON_GROUND_M, _STILL_M_S = 0.03, 0.28
_MOST_GLIDE, _ONE_WAY = 0.6, 0.8
_STRIDES = (0.5, 1.5)
# So long before and after a foot that steps down is as low as its ankle shows.
_FLOOR_S = 0.2
# Then steps are so many times as long, the first for which the hips go down by less than this share of the leg.
_SHORTER, _CROUCH = (1.0, 0.9, 0.8, 0.7), 0.05
# Of the leg: heel and ball that are this far apart in height share the weight no more.
_FLAT_SHARE = 0.006
# Of the leg: a foot that moves, but no higher over the ground than the first, is as high as the source's; from the second on the
# limbs say how high.
_LOW_SHARE, _HIGH_SHARE = 0.02, 0.07


def contacts_there(source: SourceMotion) -> tuple[Contact, ...]:
    """When heels and toes of the source are on the ground and still, or go with a ground that goes under somebody in place."""
    sides = [side for side in SIDES if source.rig.bone(f"{side}_foot") is not None]
    thighs = [bone for side in SIDES if (bone := source.rig.bone(f"{side}_thigh")) is not None]
    if len(sides) < len(SIDES) or len(source.timestamps_s) < 2:
        return ()
    times, (source, own) = source.timestamps_s, unrolled(source)
    size, at = _LEG_M / source.rig.leg_length_m, source.timestamps_s
    places = size * np.concatenate([_sole_there(source, side) for side in sides]).transpose(1, 0, 2)
    lowest = places[..., 2].min(axis=1)
    ground = np.minimum(smoothed(rolling_minimum(lowest, at, 0.4), at, 0.15), lowest)
    heights = places[..., 2] - ground[:, None]
    velocities = np.gradient(smoothed(places, at, _STEADY_S), at, axis=0)
    speeds = norm(velocities - _under_feet(velocities, heights))
    mask = detect(heights, speeds, np.ones(speeds.shape), at)
    ankles = np.stack([source.heads_m[:, source.rig.bone(f"{side}_foot"), 2] for side in sides], axis=1)
    above_hips = ankles - source.heads_m[:, thighs, 2].mean(axis=1, keepdims=True)
    return contacts_of((mask & ~overhead(size * above_hips, at))[own], times)


def _under_feet(velocities_m_s: np.ndarray, heights_m: np.ndarray) -> np.ndarray:
    """What of the velocities of heels and toes [T, 4, 3] is the ground's, which goes under somebody who walks or runs in place:
    whatever they go the way that feet near the ground go. Nothing where these stand, or go this way and that.
    """
    lowest = heights_m.argmin(axis=1)[:, None]
    low = np.take_along_axis(velocities_m_s, lowest[..., None], axis=1)[:, 0]
    low = low[np.take_along_axis(heights_m, lowest, axis=1)[:, 0] < _ON_GROUND_M]
    moves = low[norm(low) > _STILL_M_S]
    if len(moves) <= _MOST_GLIDE * len(low):
        return np.zeros(velocities_m_s.shape)
    way = unit(moves * [1, 1, 0]).mean(axis=0)
    if norm(way) < _ONE_WAY:
        return np.zeros(velocities_m_s.shape)
    way = unit(way)
    return np.asarray(np.maximum(velocities_m_s @ way, 0.0)[..., None] * way)


def stood(
    source: SourceMotion,
    rig: RigSpec,
    own: dict[int, np.ndarray],
    path_m: np.ndarray,
    mask: np.ndarray,
    *,
    facing: np.ndarray,
    scale: float,
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """The rig's legs so that its feet stand where the source's do, and the path of the middle of its hips: own (changed), [T, 3]
    world.

    own: D [T, 3, 3] by bone; path_m [T, 3]; mask [T, 4]: the source's contacts; facing [3, 3] and scale: from its
    world to the rig's.
    """
    feet = [foot for foot in feet_of(rig) if source.rig.bone(f"{foot.side}_foot") is not None and foot.foot in own]
    if not feet:
        return own, path_m
    own = dict(own)
    from_hips = FromHips(PosedRig(rig, dict(own), len(path_m)))
    now = [path_m + from_hips.head_m(foot.foot) for foot in feet]
    there_m = [
        scale * apply(facing, _sole_there(source, foot.side) - [0, 0, source.ground_m]) + [0, 0, rig.ground_m] for foot in feet
    ]
    parts = [mask[:, [PARTS.index((foot.side, part)) for part in ("heel", "toe")]] for foot in feet]
    soles = [_sole(rig, foot, own[foot.foot]) + ankle for foot, ankle in zip(feet, now, strict=True)]
    stride = _stride(there_m, soles, parts, path_m, source.timestamps_s, rig.leg_length_m)
    thighs = [from_hips.head_m(foot.thigh) for foot in feet]
    stretched_m = np.stack([norm(ankle - path_m - thigh) for ankle, thigh in zip(now, thighs, strict=True)], axis=1)
    stands = np.stack([part.any(axis=1) for part in parts], axis=1)
    for shorter in _SHORTER if stride is not None else (1.0,):
        factor = shorter * (stride or 1.0) * np.array([1.0, 1.0, 0.0]) + [0.0, 0.0, 1.0]
        targets = [
            _ankle(rig, foot, own[foot.foot], now[i], there_m[i] * factor, stands[:, i], source.timestamps_s)
            for i, foot in enumerate(feet)
        ]
        down = raised(lacking_m(from_hips, feet, path_m, targets, stretched_m).max(axis=1), source.timestamps_s)
        if down.max() < _CROUCH * rig.leg_length_m:
            break
    down = np.maximum(down - raised(down - _room(from_hips, path_m), source.timestamps_s), 0.0)
    path = path_m - [0, 0, 1] * down[:, None]
    for foot, target, thigh in zip(feet, targets, thighs, strict=True):
        _reach(rig, own, foot, apply(rig.armature_from_world, target - path - thigh))
    return own, path


def _sole_there(source: SourceMotion, side: str) -> np.ndarray:
    """Heel and ball of the source's foot over time: [2, T, 3], world metres.

    A heel or ball that goes into the ground because the foot is turned is on it: other feet have others. A sole is below the
    ground only where the ankle is lower than on it, or is so just before or after, as on stairs.
    """
    foot = source.rig.bone(f"{side}_foot")
    assert foot is not None
    rest = sole_m(source.rig, side)
    out = np.stack([source.heads_m[:, foot] + apply(source.turns[:, foot], point) for point in rest])
    floor = source.ground_m + np.minimum(source.heads_m[:, foot, 2] + rest[0][2] - source.ground_m, 0.0)
    floor = rolling_minimum(floor, source.timestamps_s, _FLOOR_S)
    out[..., 2] += np.maximum(floor - out[..., 2].min(axis=0), 0.0)
    return out


def _sole(rig: RigSpec, foot: Foot, delta: np.ndarray) -> np.ndarray:
    """Heel and ball of the rig's foot from its ankle: [2, T, 3], world axes. delta [T, 3, 3]: the foot's D."""
    linear = rig.world_from_armature[:3, :3]
    return np.stack([apply(linear, apply(delta, point)) for point in (foot.heel, foot.ball)])


def _stride(
    there_m: list[np.ndarray],
    soles_m: list[np.ndarray],
    parts: list[np.ndarray],
    path_m: np.ndarray,
    timestamps_s: np.ndarray,
    leg_length_m: float,
) -> float | None:
    """How long steps are whose ground goes under somebody in place, as a share of the source's at the size of the rig: what its
    legs make of them, since no path says how far a step must go. None for feet that stand, or slide along with the body.

    there_m, soles_m [2, T, 3]: heel and ball of each foot, the source's and the rig's; parts [T, 2]: which are in contact.
    """
    theirs, ours, paths, times = [], [], [], []
    for there, sole, stands in zip(there_m, soles_m, parts, strict=True):
        for part in range(2):
            both = stands[1:, part] & stands[:-1, part]
            theirs.append(np.diff(there[part, :, :2], axis=0)[both])
            ours.append(np.diff(sole[part, :, :2], axis=0)[both])
            paths.append(np.diff(path_m[:, :2], axis=0)[both])
            times.append(np.diff(timestamps_s)[both])
    there, here, path, passed = (np.concatenate(each) for each in (theirs, ours, paths, times))
    gone = (there * there).sum()
    if norm(there).sum() <= _STILL_M_S * leg_length_m / _LEG_M * passed.sum() or (there * path).sum() > 0.5 * gone:
        return None
    return float(np.clip((there * here).sum() / gone, *_STRIDES))


def _ankle(
    rig: RigSpec,
    foot: Foot,
    delta: np.ndarray,
    ankle: np.ndarray,
    there: np.ndarray,
    stands: np.ndarray,
    timestamps_s: np.ndarray,
) -> np.ndarray:
    """Where the ankle is to be, world [T, 3].

    delta [T, 3, 3]: the foot's D; ankle [T, 3]: where it is; there [2, T, 3]: the source's heel and ball, in the rig's world and
    at its size; stands [T]: whether it does.
    """
    points = _sole(rig, foot, delta)
    height = there[..., 2].min(axis=0) - points[..., 2].min(axis=0)
    # How far the ankle goes where one of the two rolls over the ground without slipping, and of both the lower one.
    on_ball = np.clip(0.5 + (there[0, :, 2] - there[1, :, 2]) / (_FLAT_SHARE * rig.leg_length_m), 0.0, 1.0)
    on_ball = (on_ball[1:] + on_ball[:-1]) / 2
    steps = np.diff(there - points, axis=1)
    steps = (1 - on_ball)[:, None] * steps[0] + on_ball[:, None] * steps[1]
    rolled = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    wanted = ankle.copy()
    for first, last in stretches(stands):
        frames = slice(first, last + 1)
        weight = np.sin(np.pi * (np.arange(last - first + 1) + 0.5) / (last - first + 1))
        wanted[frames] = (weight[:, None] * (ankle - rolled)[frames]).sum(axis=0) / weight.sum() + rolled[frames]
        wanted[frames, 2] = height[frames]
    out = np.where(stands[:, None], wanted, ankle + carried(wanted - ankle, stands, timestamps_s))
    # A foot that slides or turns on the ground, or passes over it, is not in it and not above it either.
    above = (there[..., 2].min(axis=0) - rig.ground_m) / rig.leg_length_m
    low = np.clip((_HIGH_SHARE - above) / (_HIGH_SHARE - _LOW_SHARE), 0.0, 1.0)
    low = low * low * (3 - 2 * low)
    out[:, 2] += np.where(stands, 0.0, low * (height - out[:, 2]))
    lacking = np.minimum(there[..., 2].min(axis=0), rig.ground_m) - points[..., 2].min(axis=0) - out[:, 2]
    out[:, 2] += np.where(stands, 0.0, raised(np.where(stands, 0.0, lacking), timestamps_s, 0.02))
    return out


def _room(from_hips: FromHips, path_m: np.ndarray) -> np.ndarray:
    """How far the hips may go down before the rest of the body is in the ground: [T]."""
    rig = from_hips.body.rig
    clearance = clearance_m(rig)
    clearance[[bone for foot in feet_of(rig) for bone in (foot.foot, foot.toe) if bone is not None]] = -np.inf
    return np.maximum(path_m[:, 2] - rig.ground_m + from_hips.lowest_m(clearance), 0.0)


def _reach(rig: RigSpec, own: dict[int, np.ndarray], foot: Foot, goal: np.ndarray) -> None:
    """Turn thigh and shin so that the ankle is at `goal` [T, 3] from the hip (armature axes), as little as that takes: the knee
    bends more or less, and the leg swings. One that is there already is not changed, however it is bent.
    """
    heads = rig.rest_heads
    upper_rest, lower_rest = heads[foot.shin] - heads[foot.thigh], heads[foot.foot] - heads[foot.shin]
    axis = apply(own[foot.thigh], limb_axis(rig, foot.thigh, foot.shin, heads[foot.foot]))
    upper, lower = apply(own[foot.thigh], upper_rest), apply(own[foot.shin], lower_rest)
    a, b = np.linalg.norm(upper_rest), np.linalg.norm(lower_rest)
    # With the shin turned about the axis by x, upper and lower make a * b * cosine = along + most * cos(x - x0).
    along = (upper * axis).sum(-1) * (lower * axis).sum(-1)
    most = np.maximum(norm(cross(upper, axis)) * norm(cross(lower, axis)), 1e-9 * a * b)
    now = norm(upper + lower)
    distance = np.clip(norm(goal), abs(a - b) + 1e-6 * a, np.maximum(REACH * (a + b), now))
    bends = [np.arccos(np.clip(((d**2 - a**2 - b**2) / 2 - along) / most, -1, 1)) for d in (now, distance)]
    bent = about_axis(axis, bends[1] - bends[0])
    turned = swing(upper + apply(bent, lower), goal)
    own[foot.thigh], own[foot.shin] = turned @ own[foot.thigh], turned @ bent @ own[foot.shin]
