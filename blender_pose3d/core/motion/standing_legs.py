"""Legs that nobody saw: of somebody filmed to the waist or to the knees, or behind a table.

A guess, and marked as one like everything that was not seen. Who stays where they are stands under their hips, on feet that stay,
with knees that bend as far as the picture has the hips go down; who walks does so on straight legs (unseen.py has the steps).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..filtering import smoothed
from ..rotations import norm, unit
from ..skeleton import INDEX
from .body import SIDES
from .contacts import PARTS, UNSEEN, how_seen, stretches, without_short_breaks

# Legs that are hidden for less than this are as the lifter has them; the change takes so long.
_HIDDEN_S, _CHANGE_S = 1.0, 0.1
# With so many frames in which both its ends were seen a bone's length is known.
_ENOUGH_FRAMES = 5
# So near to the picture's edge, by its longer side, a knee counts less.
_EDGE_SHARE = 0.06
# Of a person of 1.75 m.
_USUAL_M = {("hip", "knee"): 0.425, ("knee", "ankle"): 0.41}
# How far a knee that was seen may be above a shin that stands, and how long that lasts at least.
_OFF_GROUND_M, _MOMENT_S = 0.15, 0.2
# From this far beside the hip on a knee tells where ahead is.
_THIGH_STRAIGHT_M = 0.15
# How much it counts, of one that was seen.
_BY_THE_KNEE = 0.3
# How much of its length a leg has that stands. The highest hips stand, but for the least share of the frames.
_STRETCHED, _HIGHEST = 0.985, 95.0
# Ankles are each this much farther to the side than hips, this much behind them, and this much above the points on the shoe that
# are seen as heel and toe; how far these are ahead of the ankle.
_WIDER_M, _BEHIND_M, _ANKLE_M = 0.03, 0.045, 0.045
_AHEAD_M = {"heel": -0.05, "toe": 0.15}
# Feet stay as long as the hips stay within this and turn no farther than that, if it is no shorter and they go no faster from one
# end to the other of where they were; a step takes so long. The upright moments of that time say where the feet are: hips of
# somebody who sits are behind them.
_STAY_M, _STAY_RAD, _STAY_S, _STAY_M_S, _STEP_S = 0.7, np.radians(70.0), 0.8, 0.35, 0.4
_ALONG_SHARE = 0.6
_TRIED = 256  # frames at first
_UPRIGHT_M = 0.04
# Which way somebody faces is steadied by this.
_FACING_S = 0.25
# Hips are behind the feet of somebody who sits, but never farther before them than this, less a share of how far they are down.
_BEFORE_FEET_M, _CROUCHED_SHARE = 0.1, 0.25
# A trunk more level than this lies, if the hips are lower by this than they were before.
_LEVEL, _BENT_M = 0.6, 0.35
_UP = np.array([0.0, 0.0, 1.0])


def hidden_legs(
    confidence: np.ndarray, detected: np.ndarray, trunk_up: np.ndarray, hips_m: np.ndarray, timestamps_s: np.ndarray
) -> np.ndarray:
    """Where somebody who does not lie was seen, but neither foot for a while: [T] bool. confidence [T, 17]; trunk_up [T]: the
    cosine of the trunk's angle with the upright; hips_m [T]: how high the hips are, above anything.
    """
    ankles, shoulders = (confidence[:, _both(part)].max(axis=1) for part in ("ankle", "shoulder"))
    hidden = detected & (smoothed(ankles, timestamps_s, _CHANGE_S) < UNSEEN) & (shoulders > UNSEEN)
    upright = hidden & (trunk_up > _LEVEL)
    # Who bends down has the hips where they are.
    hidden &= upright | (hips_m > hips_m[upright].max() - _BENT_M) if upright.any() else upright
    for first, last in stretches(hidden):
        hidden[first : last + 1] = timestamps_s[last] - timestamps_s[first] >= _HIDDEN_S
    return hidden


def feet_hidden(confidence: np.ndarray) -> np.ndarray:
    """Where neither foot was seen: [T] bool. confidence [T, 17]."""
    return confidence[:, _both("ankle")].max(axis=1) < UNSEEN


def knees_inside(confidence: np.ndarray, knees_px: np.ndarray, image_size_px: tuple[int, int]) -> np.ndarray:
    """How well the better of two knees was seen: [T] 0 to 1. confidence [T, 17]; knees_px [T, 2, 2], left and right. One at the
    picture's edge is where the detector wants it.
    """
    size = np.array(image_size_px, float)
    inside = np.clip(np.minimum(knees_px, size - knees_px).min(axis=-1) / (_EDGE_SHARE * size.max()), 0.0, 1.0)
    return (how_seen(confidence[:, _both("knee")]) * inside).max(axis=1)


def straight_legs(joints_m: np.ndarray, down: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """One pose [17, 3] as it comes, with legs straight down [3] from the hips as far as no knee was seen. confidence [17]."""
    share = 1.0 - float(how_seen(confidence[_both("knee")]).max())
    out = joints_m.astype(float)
    for side in SIDES:
        end = out[INDEX[f"{side}_hip"]]
        for (_, lower), length in _USUAL_M.items():
            end, i = end + length * down, INDEX[f"{side}_{lower}"]
            out[i] += share * (end - out[i])
    return out


def _both(part: str) -> list[int]:
    return [INDEX[f"{side}_{part}"] for side in SIDES]


@dataclass(frozen=True)
class StandingLegs:
    """joints_m [T, 17, 3] and parts_m [T, 4, 3] with legs that stand; stands [T] 0 to 1: how far they were put there;
    mask [T, 4]: the foot stays on the ground, and sure [T, 4] 0 to 1: its place is known by its knee; ground_m.
    """

    joints_m: np.ndarray
    parts_m: np.ndarray
    stands: np.ndarray
    mask: np.ndarray
    sure: np.ndarray
    ground_m: float


def standing_legs(
    joints_m: np.ndarray,
    path_m: np.ndarray,
    sight_m: np.ndarray,
    parts_m: np.ndarray,
    confidence: np.ndarray,
    knees_seen: np.ndarray,
    hidden: np.ndarray,
    walks: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    ground_m: float | None,
) -> StandingLegs:
    """Legs for the frames in which their feet are hidden [T]. joints_m [T, 17, 3] and parts_m [T, 4, 3] (contacts.PARTS) from the
    pelvis, its path [T, 3], z up, and sight_m [T, 3] there from the camera; confidence [T, 17]; knees_seen [T] as knees_inside
    tells; walks [T]: feet step there, by guessed_steps; ground_m: the height of what is seen of the feet that stand, None where
    no feet were seen: then the highest hips stand on straight legs.

    A thigh whose knee was seen is left as the lifter has it, and the shin stands below it, unless the knee is lifted.
    """
    at = {name: joints_m[:, i] for name, i in INDEX.items()}
    thigh, shin = (_length_m(at, confidence, *bone) for bone in (("hip", "knee"), ("knee", "ankle")))
    left = unit(smoothed(at["left_hip"] - at["right_hip"], timestamps_s, _FACING_S) * [1.0, 1.0, 0.0])
    ahead = np.cross(left, _UP)
    hips = {side: path_m + at[f"{side}_hip"] for side in SIDES}
    if ground_m is None:
        highest = np.percentile(np.mean([hips[side][hidden, 2] for side in SIDES], axis=0), _HIGHEST)
        ground_m = float(highest) - _STRETCHED * (thigh + shin) - _ANKLE_M
    stays = _stays(path_m, sight_m, np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0])), hidden & ~walks, timestamps_s)
    stays_at_all = np.zeros(len(path_m), bool)
    for span in stays:
        stays_at_all[span] = True
    facing = unit(_held(ahead, stays, timestamps_s, lambda span: ahead[span].mean(axis=0)))
    knee_sure = smoothed(knees_seen, timestamps_s, _CHANGE_S)
    joints, parts = joints_m.copy(), parts_m.copy()
    stands = smoothed(hidden * (1 - knee_sure), timestamps_s, _CHANGE_S)[:, None]
    sure = np.zeros((len(path_m), len(PARTS)))
    mask = np.zeros((len(path_m), len(PARTS)), bool)
    floor = ground_m + _ANKLE_M
    for side, outward in zip(SIDES, (1.0, -1.0), strict=True):
        hip, knee = hips[side], path_m + at[f"{side}_knee"]
        under_hip = hip + outward * _WIDER_M * np.cross(_UP, facing) - _BEHIND_M * facing
        under_knee = _under_knee(hip, knee, floor, shin)
        under = (1 - knee_sure[:, None]) * under_hip + knee_sure[:, None] * under_knee

        def place(span: slice, hip: np.ndarray = hip, under: np.ndarray = under[:, :2]) -> np.ndarray:
            # Below hips, of the frames that a foot stays those with the highest; below knees that were seen, all.
            down = hip[span, 2].max() - hip[span, 2]
            weight = np.exp(-((down / _UPRIGHT_M) ** 2)) + knee_sure[span] + 1e-3
            there = (weight[:, None] * under[span]).sum(0) / weight.sum()
            way = facing[span.start, :2]
            before = (under[span] - there) @ way - _BEFORE_FEET_M + _CROUCHED_SHARE * down
            return there + way * max(0.0, float(np.percentile(before, _HIGHEST)))

        held = _held(under[:, :2], stays, timestamps_s, place)
        stood = np.concatenate([held, np.full((len(hip), 1), floor)], axis=1)
        low = knee[:, 2] - floor - shin < _OFF_GROUND_M
        stays_put = stays_at_all & _without_moments(low | (knee_sure < 0.5), timestamps_s)
        by_knee = smoothed(stays_put * knee_sure, timestamps_s, _CHANGE_S)[:, None]
        straight = _bent(hip, stood, facing + ahead, thigh, shin)
        joint = {"knee": knee, "ankle": path_m + at[f"{side}_ankle"]}
        joint["ankle"] = joint["ankle"] + by_knee * (knee + shin * unit(under_knee - knee) - joint["ankle"])
        for name, point in zip(("knee", "ankle"), straight, strict=True):
            joint[name] = joint[name] + stands * (point - joint[name])
            joints[:, INDEX[f"{side}_{name}"]] = joint[name] - path_m
        for column, (whose, part) in enumerate(PARTS):
            if whose == side:
                point = joint["ankle"] + _AHEAD_M[part] * facing - _ANKLE_M * _UP
                parts[:, column] += np.minimum(stands + by_knee, 1.0) * (point - path_m - parts[:, column])
                mask[:, column] = stays_put
                sure[:, column] = _BY_THE_KNEE * knee_sure * stays_put
    return StandingLegs(joints, parts, stands[:, 0], mask, sure, ground_m)


def _under_knee(hip: np.ndarray, knee: np.ndarray, floor_m: float, shin: float) -> np.ndarray:
    """Where the ankle of a foot on the ground is, by the knee, [T, 3]: below it, or from a low knee back towards the hip."""
    back = (hip - knee) * [1.0, 1.0, 0.0]
    far = norm(back)[:, None]
    off = np.sqrt(np.maximum(shin**2 - (knee[:, 2:] - floor_m) ** 2, 0.0))
    under = knee + off * np.minimum(far / _THIGH_STRAIGHT_M, 1.0) * unit(back)
    under[:, 2] = floor_m
    return under


def _length_m(at: dict[str, np.ndarray], confidence: np.ndarray, upper: str, lower: str) -> float:
    """Of a bone: where both its ends were seen often enough, else the usual."""
    seen = (confidence[:, _both(upper) + _both(lower)].min(axis=1) >= 2 * UNSEEN).nonzero()[0]
    if len(seen) < _ENOUGH_FRAMES:
        return _USUAL_M[upper, lower]
    return float(np.median([norm(at[f"{side}_{lower}"] - at[f"{side}_{upper}"])[seen] for side in SIDES]))


def _without_moments(flags: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """The flags [T] that last, without breaks that do not."""
    filled = without_short_breaks(flags, timestamps_s, _MOMENT_S)
    return ~without_short_breaks(~filled, timestamps_s, _MOMENT_S)


def _stays(
    path_m: np.ndarray, sight_m: np.ndarray, heading_rad: np.ndarray, may: np.ndarray, timestamps_s: np.ndarray
) -> list[slice]:
    """The spans of frames in which feet can stay where they are, each as long as it gets. What hips seem to go along the line of
    sight, sight_m [T, 3], counts less: much of it is the lifter's doubt when somebody bends.
    """
    along = unit(sight_m.mean(axis=0)[:2])
    steady = smoothed(path_m[:, :2], timestamps_s, _CHANGE_S)
    steady = steady - (1 - _ALONG_SHARE) * (steady @ along)[:, None] * along
    found = []
    for first, last in stretches(may):
        begin = first
        while begin <= last:
            count, went_m, goes = _stay(steady[begin : last + 1], heading_rad[begin : last + 1])
            span = slice(begin, begin + count)
            lasts = timestamps_s[span][-1] - timestamps_s[begin]
            if lasts >= _STAY_S and went_m < _STAY_M_S * lasts:
                found.append(span)
            begin = int(np.searchsorted(timestamps_s, timestamps_s[begin + count - 1] + _STEP_S)) if goes else last + 1
    return found


def _stay(places_m: np.ndarray, heading_rad: np.ndarray) -> tuple[int, float, bool]:
    """How many of the places [T, 2] and headings [T] feet can stay for, how far apart those are, and whether more come."""
    count = _TRIED
    while True:  # in growing parts: somebody who walks for an hour stays often
        place, heading = places_m[:count], heading_rad[:count]
        apart = norm(np.maximum.accumulate(place) - np.minimum.accumulate(place))
        turned = np.maximum.accumulate(heading) - np.minimum.accumulate(heading)
        goes = (apart > _STAY_M) | (turned > _STAY_RAD)
        if goes.any() or count >= len(places_m):
            stayed = int(goes.argmax()) if goes.any() else len(goes)
            return stayed, float(apart[stayed - 1]), bool(goes.any())
        count *= 2


def _held(values: np.ndarray, stays: list[slice], timestamps_s: np.ndarray, value: Callable[[slice], np.ndarray]) -> np.ndarray:
    """values [T, D], but what `value` says of it in each of the spans, and evenly from one to the next where that is a step."""
    out = values.copy()
    for span in stays:
        out[span] = value(span)
    for a, b in zip(stays[:-1], stays[1:], strict=True):
        between = slice(a.stop, b.start)
        whole = timestamps_s[b.start] - timestamps_s[a.stop - 1]
        if b.start > a.stop and whole <= 2 * _STEP_S:
            share = ((timestamps_s[between] - timestamps_s[a.stop - 1]) / whole)[:, None]
            out[between] = (1 - share) * out[a.stop - 1] + share * out[b.start]
    return out


def _bent(hip: np.ndarray, ankle: np.ndarray, ahead: np.ndarray, thigh: float, shin: float) -> tuple[np.ndarray, np.ndarray]:
    """Knee and ankle [T, 3] of a leg from hip to ankle, its knee ahead. One that does not reach goes as far as it does."""
    way = ankle - hip
    distance = np.clip(norm(way), 1.05 * abs(thigh - shin) + 0.1 * thigh, 0.999 * (thigh + shin))
    along = unit(way)
    front = unit(ahead - (ahead * along).sum(-1, keepdims=True) * along)
    cosine = (thigh**2 + distance**2 - shin**2) / (2 * thigh * distance)
    sine = np.sqrt(np.maximum(1 - cosine**2, 0.0))
    return hip + thigh * (cosine[:, None] * along + sine[:, None] * front), hip + distance[:, None] * along
