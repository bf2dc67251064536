"""An armature at rest, with what the search for its limbs asks again and again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .names import Name, read_name


@dataclass(frozen=True)
class Skeleton:
    """An armature at rest. B bones, parents before children.

    names [B]; parents [B], -1 for none; heads [B, 3] and tails [B, 3] in the world; deforms [B]: whether a bone moves the mesh;
    mirrored: the object's matrix turns left into right (the sides are then those of the armature itself, as its names are).
    """

    names: tuple[str, ...]
    parents: np.ndarray
    heads: np.ndarray
    tails: np.ndarray
    deforms: np.ndarray
    mirrored: bool = False


class Tree:
    """A skeleton with what is asked of it again and again. Mirrored objects are mirrored back first."""

    def __init__(self, skeleton: Skeleton) -> None:
        flip = np.array([-1.0, 1.0, 1.0]) if skeleton.mirrored else np.ones(3)
        self.names = skeleton.names
        self.parents = [int(p) for p in skeleton.parents]
        self.heads = np.asarray(skeleton.heads, float) * flip
        self.tails = np.asarray(skeleton.tails, float) * flip
        # Rigs that mark some bones as moving the mesh have controls beside them; where nearly none do, the mark says nothing.
        marked = np.asarray(skeleton.deforms, bool)
        self.deforming = marked if marked.sum() >= 12 else np.ones(len(self.names), bool)
        self.children: list[list[int]] = [[] for _ in self.names]
        for bone, parent in enumerate(self.parents):
            if parent >= 0:
                self.children[parent].append(bone)

    @cached_property
    def _points(self) -> list[list[float]]:
        return self.heads.tolist()

    @cached_property
    def said(self) -> list[Name]:
        return [read_name(name) for name in self.names]

    @cached_property
    def below(self) -> list[int]:
        """Bit set of each bone and all bones below it."""
        sets = [1 << bone for bone in range(len(self.names))]
        for bone in range(len(sets) - 1, -1, -1):
            if self.parents[bone] >= 0:
                sets[self.parents[bone]] |= sets[bone]
        return sets

    @cached_property
    def reach(self) -> np.ndarray:
        """[B] how far the farthest head below a bone is from the bone's own head."""
        out = [0.0] * len(self.names)
        for bone in range(len(self.names)):
            above = self.parents[bone]
            while above >= 0:
                out[above] = max(out[above], self.distance(bone, above))
                above = self.parents[above]
        return np.array(out)

    def is_below(self, bone: int, ancestor: int) -> bool:
        return bool(self.below[ancestor] >> bone & 1)

    def path(self, bone: int, ancestor: int) -> list[int]:
        """From the ancestor (-1: from above all) down to the bone, both left out."""
        out = []
        above = self.parents[bone]
        while above >= 0 and above != ancestor:
            out.append(above)
            above = self.parents[above]
        return out[::-1]

    def common(self, *bones: int) -> int:
        """The lowest bone that all of them hang on or are, -1 if none."""
        above = bones[0]
        while above >= 0 and not all(self.is_below(bone, above) for bone in bones):
            above = self.parents[above]
        return above

    @cached_property
    def _lists_below(self) -> list[list[int]]:
        lists: list[list[int]] = [[] for _ in self.names]
        for bone in range(len(self.names)):
            above = self.parents[bone]
            while above >= 0:
                lists[above].append(bone)
                above = self.parents[above]
        return lists

    def bones_below(self, bone: int) -> list[int]:
        return self._lists_below[bone]

    def distance(self, a: int, b: int) -> float:
        return math.dist(self._points[a], self._points[b])

    def length(self, bones: Sequence[int]) -> float:
        return sum(self.distance(a, b) for a, b in zip(bones, bones[1:], strict=False))

    def branches(self, bone: int, onwards: int) -> int:
        """Chains that leave a bone beside the one that goes on; helpers that lie along that do not count."""
        segment = self.heads[onwards] - self.heads[bone]
        span = float(np.linalg.norm(segment)) + 1e-12
        count = 0
        for child in self.children[bone]:
            if child == onwards or self.is_below(onwards, child):
                continue
            offset = self.heads[child] - self.heads[bone]
            along = float(np.clip(offset @ segment / span**2, 0, 1))
            count += self.reach[child] > 0.15 * span or float(np.linalg.norm(offset - along * segment)) > 0.2 * span
        return count
