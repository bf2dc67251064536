"""Two pairs of limbs on a trunk: the best reading of a skeleton, and how far behind the next ones are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..preset import SIDES
from ..rotations import unit
from .limbs import Limb, limbs_of
from .tree import Tree

# How many candidates are kept, best first.
_MOST_LEGS, _MOST_ARMS = 40, 120


@dataclass(frozen=True)
class Pair:
    """Two limbs that mirror each other, and the bone that both hang on."""

    a: Limb
    b: Limb
    hub: int
    as_legs: float
    as_arms: float

    @property
    def bones(self) -> tuple[int, ...]:
        return (*self.a.bones, *self.b.bones)

    @property
    def length(self) -> float:
        return (self.a.length + self.b.length) / 2


@dataclass(frozen=True)
class Body:
    """The best reading, and of each place in it (such as "legs upper") how sure it is."""

    legs: Pair
    arms: Pair
    sure: dict[str, float]


def _pairs(tree: Tree, limbs: list[Limb]) -> list[Pair]:
    lengths = np.array([limb.lengths for limb in limbs])  # [N, 2]
    apart = np.abs(lengths[:, None] - lengths[None]) / (lengths[:, None] + lengths[None])
    alike = (apart < 0.06).all(-1)
    out = []
    for i, j in zip(*np.nonzero(np.triu(alike, 1)), strict=True):
        a, b = limbs[i], limbs[j]
        if tree.is_below(a.upper, b.upper) or tree.is_below(b.upper, a.upper) or (a.end < 0) != (b.end < 0):
            continue
        hub = tree.common(a.upper, b.upper)
        if hub < 0:
            continue
        steps = [len(tree.path(limb.upper, hub)) for limb in (a, b)]
        inside = [len(tree.path(limb.bones[-1], limb.upper)) for limb in (a, b)]
        uneven = abs(steps[0] - steps[1]) + abs(inside[0] - inside[1])
        away = [tree.distance(limb.upper, hub) for limb in (a, b)]
        skew = abs(away[0] - away[1]) / max(*away, 1e-9) if max(away) > 0.02 * a.length else 0.0
        score = -40 * float(apart[i, j].sum()) - 0.7 * uneven - min(2 * skew, 2.0)
        sides = {tree.said[a.upper].side, tree.said[b.upper].side}
        score += 1.0 if sides == set(SIDES) else -3.0 if len(sides) == 1 and sides != {""} else 0.0
        width = tree.distance(a.upper, b.upper) / (a.length + 1e-12)
        out.append(
            Pair(
                a,
                b,
                hub,
                score + a.as_leg + b.as_leg - _off(width, 0.25, 0.7) - 0.5 * max(steps),
                score + a.as_arm + b.as_arm - _off(width, 0.6, 0.7) - 0.4 * abs(max(steps) - 1),
            )
        )
    return out


def _off(value: float, usual: float, spread: float) -> float:
    """How unusual a ratio is: 0 for the usual one, 0.5 at one spread (natural logarithm) from it."""
    return min(0.5 * (np.log(max(value, 1e-6) / usual) / spread) ** 2, 6.0)


def find_body(tree: Tree, usable: np.ndarray) -> Body | None:
    """The best two pairs of limbs among the usable bones [B]; None where no two go together."""
    limbs = limbs_of(tree, usable)
    pairs = _pairs(tree, limbs) if limbs else []
    legs = sorted(pairs, key=lambda pair: -pair.as_legs)[:_MOST_LEGS]
    arms = sorted(pairs, key=lambda pair: -pair.as_arms)[:_MOST_ARMS]
    readings: list[tuple[float, Pair, Pair]] = []
    for lower in legs:
        for upper in arms:
            score = _together(tree, lower, upper, usable)
            if score is not None:
                readings.append((score + lower.as_legs + upper.as_arms, lower, upper))
    if not readings:
        return None
    readings.sort(key=lambda reading: -reading[0])
    best, lower, upper = readings[0]
    if best < -8.0:
        return None
    sure = {}
    for which, pair in (("legs", lower), ("arms", upper)):
        for place in ("upper", "lower", "end"):
            mine = both(pair, place)
            rival = next((s for s, *p in readings if both(p[which == "arms"], place) != mine), best - 5.0)
            sure[f"{which} {place}"] = float(1 / (1 + np.exp(-1.5 * (best - rival))))
    return Body(lower, upper, sure)


def both(pair: Pair, place: str) -> frozenset[int]:
    """The bones of both limbs at a place: "upper", "lower" or "end"."""
    return frozenset((getattr(pair.a, place), getattr(pair.b, place)))


def _together(tree: Tree, legs: Pair, arms: Pair, usable: np.ndarray) -> float | None:
    """How well two pairs go together as legs and arms, None if they cannot."""
    if legs.hub == arms.hub and len(tree.names) > 40 and legs.a.upper == arms.a.upper:
        return None
    for limb in (legs.a, legs.b):
        if tree.is_below(arms.hub, limb.upper) or any(tree.is_below(arm.upper, limb.upper) for arm in (arms.a, arms.b)):
            return None
    for arm in (arms.a, arms.b):
        if tree.is_below(legs.hub, arm.upper) or any(tree.is_below(limb.upper, arm.upper) for limb in (legs.a, legs.b)):
            return None
    if tree.common(legs.hub, arms.hub) < 0:
        return None
    hips, shoulders = (tree.heads[p.a.upper] / 2 + tree.heads[p.b.upper] / 2 for p in (legs, arms))
    trunk = shoulders - hips
    height = float(np.linalg.norm(trunk))
    if height < 0.05 * legs.length:
        return None
    trunk = trunk / height
    score = -_off(arms.length / legs.length, 0.67, 0.45) - _off(height / legs.length, 0.6, 0.5) + trunk[2]
    down = (legs.a.end_at + legs.b.end_at) / 2 - hips
    score -= 2 * float(down @ trunk) / (np.linalg.norm(down) + 1e-12)
    across = [tree.heads[p.a.upper] - tree.heads[p.b.upper] for p in (legs, arms)]
    score += abs(float(across[0] @ across[1])) / float(np.prod([np.linalg.norm(v) for v in across]) + 1e-12)
    if arms.hub != legs.hub and tree.is_below(legs.hub, arms.hub):
        score -= 2.0  # legs that hang on the chest
    beside = [b for b in tree.bones_below(arms.hub) if usable[b] and not any(tree.is_below(b, a.upper) for a in (arms.a, arms.b))]
    above = [float((tree.heads[b] - shoulders) @ trunk) / height for b in beside]
    score += 1.5 if above and max(above) > 0.12 else -0.5
    # What reaches as far to the sides as arms do, and is not one of them: wings, or the arms themselves.
    sideways = unit(across[1])
    span = 0.5 * float(np.linalg.norm(across[1])) + 0.6 * arms.length
    score -= 1.5 * any(abs(float((tree.heads[b] - shoulders) @ sideways)) > span for b in beside)
    # Wings hang behind the trunk: arms do not.
    forwards = sum((_foot_way(tree, limb) for limb in (legs.a, legs.b)), np.zeros(3))
    if np.linalg.norm(forwards) > 1e-9 and arms.hub >= 0:
        front = unit(forwards - (forwards @ trunk) * trunk)
        behind = -float((shoulders - tree.heads[arms.hub]) @ front) / max(float(np.linalg.norm(across[1])), 1e-9)
        score -= min(10 * max(behind - 0.12, 0.0), 3.0)
    return score


def _foot_way(tree: Tree, limb: Limb) -> np.ndarray:
    """From the ankle to the middle of what hangs on it, [3] in units of the shin, zero where nothing does."""
    below = tree.bones_below(limb.end) if limb.end >= 0 else []
    if not below:
        return np.zeros(3)
    far = max(below, key=lambda b: tree.distance(b, limb.end))
    return (tree.heads[far] - tree.heads[limb.end]) / limb.lengths[1]
