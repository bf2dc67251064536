"""How the camera was held, by the straight edges of a room: they run along three directions at right angles, one of them upright.

J. M. Coughlan and A. L. Yuille, Manhattan World: orientation and outlier detection by Bayesian inference, 2003. Not every edge is
of that kind, so that an edge has a vote or two for the direction that it points to and no more; and the answer is looked for near
where somebody's balance has it, since a floor board might stand upright for all that the picture says.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..coordinates import CameraPose, world_from_camera
from ..tracks import Pose3DTrack
from .root import rays_of

# An edge that is off by this has half a vote, by more while poses are looked for; one as long as this share of the picture's long
# side has a whole one, and none has more than the last number.
_OFF_RAD, _SEARCH_OFF_RAD = np.radians([1.5, 2.5])
_VOTE_SHARE, _MOST_OF_ONE = 0.1, 2.0
# So many votes have to agree, such a share of all, and so many on what is upright, or nothing is said: a horizon is no room.
_FEWEST_VOTES, _LEAST_SHARE, _FEWEST_UPRIGHT = 8.0, 0.4, 2.5
# Votes are weighed against balance that is off by this much, and a lens by such a factor (its logarithm): standard deviations.
# Edges that run away from the camera seem to meet farther up or down by a longer lens.
_BALANCE_RAD = np.radians(4.0)
_LENS_SPREAD = {True: 0.03, False: 0.35}  # by whether it is known
# What lenses bend and houses lean: no answer is better than that.
_BEST_RAD = np.radians(0.8)
# Where poses are looked for, how a room is turned, and by which factors a lens that is not known is another; and how far the best
# may be from the best of those.
_PITCHES_RAD, _ROLLS_RAD, _TURNS_RAD = (np.radians(np.arange(a, b, 3.0)) for a, b in ((-39, 61), (-24, 25), (0, 90)))
_LENSES = {True: (0.0,), False: (-0.3, 0.0, 0.3, 0.6)}
_STEP_RAD = np.radians(4.5)
_BEGINNINGS, _ROUNDS = 6, 12
_UPRIGHT = 2  # of the three directions of a room, the last


@dataclass(frozen=True)
class Level:
    """What edges say: pitch and roll [2] in radians and how sure that is, an inverse covariance [2, 2]."""

    held_rad: np.ndarray
    precision: np.ndarray


@dataclass(frozen=True)
class Edges:
    """middles [L, 2] as (x/z, y/z) in camera axes; ways [L, 2]: unit; votes [L]; lens_known: else it is a guess."""

    middles: np.ndarray
    ways: np.ndarray
    votes: np.ndarray
    lens_known: bool

    def level(self, near: CameraPose) -> Level | None:
        """What most edges agree to, near a pose that balance has said; None where too few do."""
        if self.votes.sum() < _FEWEST_VOTES:
            return None
        balance = np.array([near.pitch_rad, near.roll_rad])

        def worth(unknown: np.ndarray, agreed: np.ndarray | float) -> np.ndarray:
            """unknown [..., 4]: pitch, roll, how the room is turned, and the logarithm of the lens' factor."""
            off = ((unknown[..., :2] - balance) ** 2).sum(-1) / _BALANCE_RAD**2
            return agreed - (off + (unknown[..., 3] / _LENS_SPREAD[self.lens_known]) ** 2) / 2

        looked_for, agreed = self._looked_for
        found = []
        for begun in looked_for[np.argsort(-worth(looked_for, agreed), kind="stable")[:_BEGINNINGS]]:
            unknown, normal = self._refined(begun)
            if np.abs(unknown[:2] - begun[:2]).max() < _STEP_RAD:
                found.append((float(worth(unknown, self._agreed(unknown))), unknown, normal))
        if not found:
            return None
        _, unknown, normal = max(found, key=lambda one: one[0])
        enough = self._agreed(unknown) >= max(_FEWEST_VOTES, _LEAST_SHARE * self.votes.sum())
        if not enough or self._agreed(unknown, only=_UPRIGHT) < _FEWEST_UPRIGHT:
            return None
        # What is left of pitch and roll where the room's own turn and the lens are of no interest.
        spread = np.linalg.inv(normal)[:2, :2] + _BEST_RAD**2 * np.eye(2)
        return Level(unknown[:2], np.linalg.inv(spread))

    @cached_property
    def _looked_for(self) -> tuple[np.ndarray, np.ndarray]:
        """Poses, each with the room's turn to which most agree, and lenses [P, 4]; and how many agree [P]."""
        grid = np.meshgrid(_PITCHES_RAD, _ROLLS_RAD, _LENSES[self.lens_known], indexing="ij")
        pitch, roll, lens = (axis.ravel() for axis in grid)
        turn, agreed = np.empty(len(pitch)), np.empty(len(pitch))
        for i in range(len(pitch)):
            votes = self._votes(self._off(pitch[i], roll[i], _TURNS_RAD, lens[i]), _SEARCH_OFF_RAD).sum(-1)
            turn[i], agreed[i] = _TURNS_RAD[votes.argmax()], votes.max()
        return np.stack([pitch, roll, turn, lens], -1), agreed

    def _off(self, pitch: float, roll: float, turns: np.ndarray, lens: float) -> np.ndarray:
        """By which angle in the picture each edge misses each of the three directions of a room: [N turns, 3, L]."""
        c, s, nil = np.cos(turns), np.sin(turns), np.zeros_like(turns)
        room = np.stack([np.stack([c, s, nil], -1), np.stack([-s, c, nil], -1), np.stack([nil, nil, nil + 1], -1)], 1)
        ways = room @ world_from_camera(CameraPose(float(pitch), float(roll)))  # [N, 3, 3], in camera axes
        middles = self.middles * np.exp(-lens)
        right, down = (ways[..., axis, None] - middles[:, axis] * ways[..., 2, None] for axis in (0, 1))
        across = self.ways[:, 0] * down - self.ways[:, 1] * right
        along = self.ways[:, 0] * right + self.ways[:, 1] * down
        return np.arctan(across / np.where(np.abs(along) < 1e-9, 1e-9, along))

    def _votes(self, off: np.ndarray, half_rad: float = _OFF_RAD) -> np.ndarray:
        """[..., 3, L] -> [..., L]: all of an edge's votes where it points to one of the three directions."""
        return self.votes / (1 + (np.abs(off).min(-2) / half_rad) ** 2)

    def _off_at(self, unknown: np.ndarray) -> np.ndarray:
        return self._off(unknown[0], unknown[1], unknown[2:3], unknown[3])[0]

    def _agreed(self, unknown: np.ndarray, *, only: int | None = None) -> float:
        """How many votes there are; of those of one direction."""
        off = self._off_at(unknown)
        theirs = slice(None) if only is None else np.abs(off).argmin(0) == only
        return float(self._votes(off)[theirs].sum())

    def _refined(self, unknown: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The unknown [4] by least squares, with less of edges that are off, and the inverse of its covariance [4, 4]."""
        belief = np.diag([1e-3, 1e-3, 1e-3, _LENS_SPREAD[self.lens_known] ** -2.0])
        for _ in range(_ROUNDS):
            off = self._off_at(unknown)
            nearest = np.abs(off).argmin(0), np.arange(off.shape[1])
            value = off[nearest]
            jacobian = np.stack([(self._off_at(unknown + d)[nearest] - value) / 1e-5 for d in 1e-5 * np.eye(4)], axis=1)
            weight = self.votes / _OFF_RAD**2 / (1 + (value / _OFF_RAD) ** 2) ** 2
            normal = jacobian.T @ (weight[:, None] * jacobian) + belief
            step = jacobian.T @ (weight * value) + belief @ (unknown * [0.0, 0.0, 0.0, 1.0])
            unknown = unknown - np.linalg.solve(normal, step).clip(-_STEP_RAD, _STEP_RAD)
        return unknown, normal


def edges_of(track: Pose3DTrack, focal_length_px: float, *, lens_known: bool) -> Edges | None:
    """None where the track has none."""
    if track.background_lines_px is None:
        return None
    ends = rays_of(track.background_lines_px.astype(float).reshape(-1, 2, 2), focal_length_px, track.image_size_px)
    way = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(way, axis=1)
    ends, way, length = ends[length > 0], way[length > 0], length[length > 0]
    votes = np.minimum(length * focal_length_px / (_VOTE_SHARE * max(track.image_size_px)), _MOST_OF_ONE)
    return Edges(ends.mean(1), way / length[:, None], votes, lens_known)
