"""Chains of two segments that could be an arm or a leg, each with its scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .names import ARM_PARTS, LEG_PARTS
from .tree import Tree

# Segments shorter than this, relative to the whole skeleton, are no part of an arm or leg.
_SHORTEST_SEGMENT = 0.03
_SHORTEST_LIMB = 0.08
# How many are kept, best first.
_MOST_LIMBS = 350


@dataclass(frozen=True)
class Limb:
    """Upper bone, lower bone, end (-1: the lower bone's tail); lengths of the two segments; scores of the limb by itself."""

    upper: int
    lower: int
    end: int
    end_at: np.ndarray
    lengths: tuple[float, float]
    as_leg: float
    as_arm: float

    @property
    def length(self) -> float:
        return self.lengths[0] + self.lengths[1]

    @property
    def bones(self) -> tuple[int, ...]:
        return (self.upper, self.lower) if self.end < 0 else (self.upper, self.lower, self.end)


def limbs_of(tree: Tree, usable: np.ndarray) -> list[Limb]:
    """All that could be a limb of the usable bones [B]; of very many those with the best scores."""
    heads = tree.heads[usable]
    size = float(np.linalg.norm(np.ptp(heads, axis=0)))
    shortest = _SHORTEST_SEGMENT * size
    lowest = float(heads[:, 2].min())
    out: list[Limb] = []

    def consider(upper: int, lower: int, end: int, first: list[int], second: list[int]) -> None:
        end_at = tree.heads[end] if end >= 0 else tree.tails[lower]
        a, b = tree.distance(upper, lower), float(np.linalg.norm(end_at - tree.heads[lower]))
        if a < shortest or b < shortest or a + b < _SHORTEST_LIMB * size or not 0.35 < a / b < 2.8:
            return
        crooked = tree.length([upper, *first, lower]) / a + tree.length([lower, *second] + [end] * (end >= 0)) / b - 2
        if end < 0:
            crooked += 1.0
        score = -((np.log(a / b / 1.05) / 0.4) ** 2) - min(12 * max(crooked, 0.0), 6.0) + 1.5 * np.log((a + b) / (0.4 * size))
        for chain in ([upper, *first, lower], [lower, *second, end]):
            for before, bone, following in zip(chain, chain[1:], chain[2:], strict=False):
                bend = _angle(tree.heads[bone] - tree.heads[before], tree.heads[following] - tree.heads[bone])
                score -= 0.25 + tree.branches(bone, following) + max(0.0, bend / np.radians(15) - 1)
        score -= 0.6 * (end < 0)
        out.append(
            Limb(
                upper,
                lower,
                end,
                end_at,
                (a, b),
                score + _as_leg(tree, upper, lower, end, end_at, b, lowest) + _named(tree, LEG_PARTS, upper, lower, end),
                score + _as_arm(tree, lower, end, b) + _named(tree, ARM_PARTS, upper, lower, end),
            )
        )

    for end in range(len(tree.names)):
        if not usable[end]:
            continue
        above = [b for b in tree.path(end, -1) if usable[b]][::-1][:9]  # nearest first
        for i, lower in enumerate(above):
            for j in range(i + 1, len(above)):
                consider(above[j], lower, end, above[i + 1 : j][::-1], above[:i][::-1])
        if tree.reach[end] < shortest:  # nothing goes on from here: its own tail may be the wrist or ankle
            for j, upper in enumerate(above):
                consider(upper, end, -1, above[:j][::-1], [])
    kept = sorted(out, key=lambda limb: -limb.as_leg)[:_MOST_LIMBS] + sorted(out, key=lambda limb: -limb.as_arm)[:_MOST_LIMBS]
    return list({(limb.upper, limb.lower, limb.end): limb for limb in kept}.values())


def _as_leg(tree: Tree, upper: int, lower: int, end: int, end_at: np.ndarray, shin: float, lowest: float) -> float:
    along = end_at - tree.heads[upper]
    length = float(np.linalg.norm(along)) + 1e-12
    score = -2.5 * along[2] / length - min(2 * (end_at[2] - lowest) / length, 2.0)
    if end < 0 or tree.reach[end] <= 0.05 * shin:
        score -= 0.5
    else:
        far = max(tree.bones_below(end), key=lambda b: tree.distance(b, end))
        foot = tree.heads[far] - end_at
        cosine = foot @ (end_at - tree.heads[lower]) / (np.linalg.norm(foot) * shin)
        score += 1.0 if cosine < np.cos(np.radians(30)) else -0.5
        score -= 1.0 * (tree.reach[end] > 1.1 * shin)
    return float(score)


def _as_arm(tree: Tree, lower: int, end: int, forearm: float) -> float:
    if end < 0:
        return 0.0
    chains = [c for c in tree.children[end] if tree.reach[c] > 0.02 * forearm]
    score = 1.5 if len(chains) >= 3 else 0.75 if len(chains) == 2 else 0.0
    if tree.reach[end] > 1.2 * forearm:
        score -= 1.5
    parent = tree.parents[end]
    if parent != lower or len(tree.children[parent]) > 1:  # a finger's first bone stands beside others
        score -= 0.75 * min(tree.branches(parent, end), 4)
    return score


def _named(tree: Tree, parts: tuple[str, ...], *bones: int) -> float:
    score = 0.0
    for part, bone in zip(parts, bones, strict=True):
        if bone < 0:
            continue
        said = tree.said[bone]
        if said.junk:
            score -= 3.0
        elif said.part == part:
            score += 2.0
        elif said.part == "leg" and part in ("thigh", "shin"):
            score += 1.0
        elif said.part:
            score -= 1.5
    return score


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    """Between two directions, radians; 0 where one has no length."""
    lengths = math.sqrt(float(a @ a) * float(b @ b))
    return math.acos(min(max(float(a @ b) / lengths, -1.0), 1.0)) if lengths > 0 else 0.0
