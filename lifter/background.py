"""What the camera did and with which lens, from the picture around the person: corners that are followed from frame to frame.

Points around the people are tracked (B. D. Lucas and T. Kanade, An iterative image registration technique, 1981). A
camera on a tripod leaves them where they are; one that pans, tilts or rolls turns all lines of sight alike, wherever they end
(the rotation that fits best: W. Kabsch, A solution for the best rotation to relate two sets of vectors, 1976). One that is
carried shifts what is near by more than what is far, and a wall in front of it without a turn's stretching towards the edges.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, ClassVar

import cv2
import numpy as np

from .background_lines import straight_lines
from .focal import DEFAULT_SHARE
from .joints import LANDMARK_NAMES

# The picture is looked at this small, and so often: a camera's movement is slow against a frame. One that turned by this share of
# the long side since the look before is looked at in every frame.
_LONG_SIDE_PX = 480
_EVERY_S, _FAST_SHARE = 0.1, 0.008
_MOST_CORNERS, _FEWEST_CORNERS = 120, 16
# So many of a cell of the grid are taken, out of so many that are at least so good, as a share of the best one.
_CELL_CORNERS, _LOOKED_AT_CORNERS, _LEAST_CORNER = 10, 1000, 0.002
# A person is so thick around the lines between the landmarks, in lengths of the trunk; the head and shadows at the feet more.
_THICK, _HEAD, _FEET = 0.4, 0.45, 0.6
_TRUNK = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
_LIMBS: tuple[tuple[str, ...], ...] = tuple(
    tuple(f"{side}_{part}" for part in parts)
    for side in ("left", "right")
    for parts in (("shoulder", "elbow", "wrist", "index"), ("hip", "knee", "ankle", "foot_index"))
)
# Points that agree with a fit to this many of the small picture's pixels are inliers.
_AGREE_PX = 1.5
# A corner that is followed back from where it went ends this near to where it was; one of noise goes elsewhere, and of them fewer
# than this share come back by chance.
_RETURNS_PX, _RETURN_SHARE = 0.5, 0.38
# The camera moves where the background gets this far from where it was at first, in long sides of the picture, or grows or
# shrinks by as much; shaking hands stay below it.
_MOVED = 0.03
# A turn is no growth, but over a long one the errors of the steps add up to this share of its way.
_GROWTH_OF_WAY = 0.1
# From this share of inliers on the fit is the background's, and below that one it says nothing.
_SURE_SHARE, _LEAST_SHARE = 0.5, 0.3
# Below the first share of inliers steps may be noise, as of dark pictures: they add up to less than this, by what they would by
# chance. Those of cameras that moved add up to three times that and more.
_CLEAR_SHARE, _WANDERS = 0.95, 2.2
# Lenses that are tried where none is known, in long sides of the picture: how much a turn stretches the edges hangs on it. How
# much an error weighs against the belief in the usual one, and its spread; and how much worse the worst lens has to be, if the
# turn is to say anything of the lens.
_FOCAL_SHARES = (0.5, 0.67, DEFAULT_SHARE, 1.2, 1.6, 2.15)
_ERROR_WEIGHT, _BELIEF, _TELLING = 60.0, 0.6, 1.3
# A picture that stands quite still misses nothing but by rounding; smaller steps than the second say nothing of the lens either.
_NOTHING = 1e-9
_LENS_STEP_PX = 1.0
# A turn explains the steps at least nearly as well as a shift of the picture does.
_TURN_MAY_MISS = 1.1
# Parallax is looked for where the background goes this many pixels a step: how much faster than the turn says the parts of the
# picture go, in a grid of so many cells and steps of a histogram, each known from so many points. What is near goes faster by
# more than this before a camera that is carried (one at arm's length adds a tenth), and so does enough of the picture; slower
# parts are shadows and whoever walks along, unless they are many; what hardly goes at all is written over the picture.
_PARALLAX_STEP_PX, _CELLS, _BINS, _CELL_POINTS = 2.0, 6, 41, 20
_PARALLAX, _WRITTEN = 0.3, -0.8
_NEARER_CELLS, _NEARER_SHARE, _FARTHER_SHARE = 2, 0.01, 0.1
_ROUNDS = 4
# A cut: where nothing could be followed from one look to the next, and pictures this small are less alike than the first number
# (the correlation of their greys, where they are not as good as one), between looks that went on as usual: more than the second.
_TINY_PX, _CUT_ALIKE, _SHOT_ALIKE, _PLAIN = 32, 0.8, 0.9, 2.0
# What `told` calls a camera that does not stay where it is.
MOVES = ("turning", "moving")


@dataclass(frozen=True, slots=True)
class _Step:
    """Of the background, from one look to the next: the turn that fits best for each of L lenses.

    fits [L, 6]: how far it goes right and down in long sides of the picture at its middle, and clockwise in radians; the
    logarithm of its growth; the share of points that agree; and the mean squared distance of the points from where the turn takes
    them, in pixels of the small picture. shift_miss: that distance for a similarity.
    """

    fits: np.ndarray
    shift_miss: float


@dataclass(frozen=True)
class _Ahead:
    """Of N points of a step: where in the grid they are, cells [N]; and by which share of the step they went farther than the
    turn says for each lens, shares [L, N], NaN where they went elsewhere.
    """

    cells: np.ndarray
    shares: np.ndarray


@dataclass
class BackgroundMotion:
    """Give it every picture in order; `told` says at last what the camera did, and `way` how it turned.

    focal_share: the focal length in long sides of the picture, where it is known.
    """

    focal_share: float | None = None
    _first: tuple[np.ndarray, list[np.ndarray]] | None = None
    _last: tuple[np.ndarray, list[np.ndarray]] | None = None
    _fast: bool = False
    _ahead: np.ndarray | None = None
    _times_s: list[float] = field(default_factory=list)
    _steps: list[_Step | None] = field(default_factory=list)  # one less; None where there was too little to follow
    _alike: list[float] = field(default_factory=list)  # of each step, how much the pictures are
    _begins_s: list[float] = field(default_factory=list)  # of each step, when the later one began, if it is another shot
    _since: list[tuple[float, np.ndarray]] = field(default_factory=list)  # all pictures from the last look on, tiny

    # What `as_arrays` gives, M looks of which S steps showed enough, for L lenses: shapes and kinds of numbers. Pictures [h, w]
    # with B bodies.
    FORMS: ClassVar[dict[str, tuple[tuple[int | str, ...], str]]] = {
        "background_focal_share": ((), "f8"),
        "background_fast": ((), "?"),
        "background_times_s": (("M",), "f8"),
        "background_steps_seen": (("steps",), "?"),
        "background_alike": (("steps",), "f8"),
        "background_begins_s": (("steps",), "f8"),
        "background_fits": (("S", "L", 6), "f4"),
        "background_shift_miss": (("S",), "f8"),
        "background_ahead": (("L", _CELLS**2, _BINS), "i4"),
        **{f"background_{end}_grey": ((f"{end} h", f"{end} w"), "u1") for end in ("first", "last")},
        **{f"background_{end}_bodies": ((f"{end} B", 33, 2), "f8") for end in ("first", "last")},
    }

    def as_arrays(self) -> dict[str, np.ndarray]:
        """All that it has seen, for `of_arrays`; what there is nothing of is empty."""
        seen = [step for step in self._steps if step is not None]
        out = {
            "focal_share": np.array([] if self.focal_share is None else self.focal_share, float),
            "fast": np.array(self._fast),
            "times_s": np.array(self._times_s, float),
            "steps_seen": np.array([step is not None for step in self._steps], bool),
            "alike": np.array(self._alike, float),
            "begins_s": np.array(self._begins_s, float),
            "fits": np.array([step.fits for step in seen], np.float32),
            "shift_miss": np.array([step.shift_miss for step in seen], float),
            "ahead": np.zeros(0, np.int32) if self._ahead is None else self._ahead,
        }
        for end, picture in (("first", self._first), ("last", self._last)):
            out[f"{end}_grey"] = np.zeros(0, np.uint8) if picture is None else picture[0]
            out[f"{end}_bodies"] = np.array([] if picture is None else picture[1], float)
        return {f"background_{name}": array for name, array in out.items()}

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, np.ndarray]) -> BackgroundMotion:
        """The same once more; empty arrays may be left out. `wrong_in` has said None of them."""
        own = {key.removeprefix("background_"): array for key, array in arrays.items() if key in cls.FORMS}
        fits, miss = iter(own.get("fits", ())), iter(own.get("shift_miss", np.zeros(0)).tolist())
        made = cls(float(own["focal_share"]) if "focal_share" in own else None, _fast=bool(own["fast"]))
        if "first_grey" in own:
            made._first, made._last = ((own[f"{end}_grey"], list(own.get(f"{end}_bodies", ()))) for end in ("first", "last"))
        made._ahead = own.get("ahead")
        made._times_s = own.get("times_s", np.zeros(0)).tolist()
        made._alike = own.get("alike", np.zeros(0)).tolist()
        made._begins_s = own.get("begins_s", np.zeros(0)).tolist()
        made._steps = [_Step(next(fits), next(miss)) if seen else None for seen in own.get("steps_seen", np.zeros(0)).tolist()]
        return made

    @classmethod
    def wrong_in(cls, arrays: Mapping[str, np.ndarray]) -> str | None:
        """The first array of the right form that does not fit the others."""
        looks, steps = (len(arrays.get(f"background_{name}", ())) for name in ("times_s", "steps_seen"))
        seen = int(arrays["background_steps_seen"].sum()) if steps else 0
        focal = arrays.get("background_focal_share")
        lenses = len(_FOCAL_SHARES) if focal is None else 1
        fits = {
            "fast": "background_fast" in arrays,
            "focal_share": focal is None or focal > 0,
            "steps_seen": steps == max(looks - 1, 0),
            "alike": len(arrays.get("background_alike", ())) == steps,
            "begins_s": len(arrays.get("background_begins_s", ())) == steps,
            "fits": len(arrays.get("background_fits", ())) == seen and (not seen or arrays["background_fits"].shape[1] == lenses),
            "shift_miss": len(arrays.get("background_shift_miss", ())) == seen,
            "ahead": (not seen and "background_ahead" not in arrays) or len(arrays.get("background_ahead", ())) == lenses,
            **{f"{end}_grey": (f"background_{end}_grey" in arrays) == (looks > 0) for end in ("first", "last")},
        }
        return next((f"background_{name}" for name, right in fits.items() if not right), None)

    def look(self, time_s: float, rgb: np.ndarray, bodies: list[np.ndarray]) -> None:
        """rgb [H, W, 3]; bodies [33, >= 2] each: MediaPipe's landmarks, x and y from 0 to 1, of everybody in the picture."""
        self._since.append((time_s, _thinned(rgb)))
        if self._times_s and not self._fast and time_s - self._times_s[-1] < _EVERY_S - 1e-6:
            return
        grey = _small_and_grey(rgb)
        seen = grey, [body[:, :2] * grey.shape[::-1] for body in bodies]
        if self._last is not None:
            step = self._goes(self._last, seen)
            is_another = step is None and self._alike[-1] < _CUT_ALIKE
            self._begins_s.append(_begins_s(self._since) if is_another else time_s)
            if step is None:  # it may have been too fast, once
                self._fast = len(self._steps) == 1 or self._steps[-2] is not None
            else:
                self._fast = bool(np.abs(step.fits[:, :3]).max() > _FAST_SHARE * (0.3 if self._fast else 1.0))
        self._times_s.append(time_s)
        self._since = self._since[-1:]
        self._first, self._last = self._first or seen, seen

    def anew(self) -> BackgroundMotion:
        """One that has seen nothing yet, but looks as often."""
        return BackgroundMotion(self.focal_share, _fast=self._fast)

    def go_on_with(self, later: BackgroundMotion, from_s: float) -> None:
        """What another one of the same lens, which began later, has seen from then on."""
        left_out = bisect_left(later._times_s, from_s)
        times_s, steps, alike = later._times_s[left_out:], later._steps[left_out:], later._alike[left_out:]
        begins_s = later._begins_s[left_out:]
        if not times_s:
            return
        if self._last is not None and later._first is not None and left_out == 0:
            self._goes(self._last, later._first)
        elif self._times_s:
            self._steps.append(None)
            self._alike.append(1.0)
        if self._times_s:
            self._begins_s.append(times_s[0])
        if later._ahead is not None:
            self._ahead = later._ahead if self._ahead is None else self._ahead + later._ahead
        self._times_s += times_s
        self._steps += steps
        self._alike += alike
        self._begins_s += begins_s
        self._since = later._since
        self._first, self._last, self._fast = self._first or later._first, later._last, later._fast

    def _goes(self, before: tuple[np.ndarray, list[np.ndarray]], after: tuple[np.ndarray, list[np.ndarray]]) -> _Step | None:
        """The step from one small picture, and the bodies in it, to the next."""
        same_size = before[0].shape == after[0].shape
        found = _step(before[0], after[0], before[1] + after[1], self._lenses) if same_size else None
        if found:
            self._count(found[1])
        self._steps.append(found[0] if found else None)
        self._alike.append(_alike(before[0], after[0]) if same_size else 0.0)
        return self._steps[-1]

    @property
    def _lenses(self) -> tuple[float, ...]:
        return _FOCAL_SHARES if self.focal_share is None else (self.focal_share,)

    @property
    def _lens(self) -> int:
        """The place of the one that explains all steps best."""
        return int(np.sum([step.fits[:, 5] for step in self._steps if step is not None], axis=0).argmin())

    def _focal(self) -> float | None:
        """The focal length that a turn told, in long sides of the picture; None where it is known or the turn told nothing."""
        miss = np.sum([step.fits[:, 5] for step in self._steps if step is not None], axis=0, dtype=float)
        least = max(float(miss.min()), _NOTHING)
        if self.focal_share is not None or miss.max() < _TELLING * least:
            return None
        lenses = np.log(self._lenses)
        cost = _ERROR_WEIGHT * (miss / least - 1) + ((lenses - math.log(DEFAULT_SHARE)) / _BELIEF) ** 2
        near = slice(best := int(cost.argmin().clip(1, len(cost) - 2)) - 1, best + 3)
        bend, slope, _ = np.polyfit(lenses[near], cost[near], 2)  # a parabola through the best and its neighbours
        lowest = -slope / (2 * bend) if bend > 0 else lenses[cost.argmin()]
        return float(np.exp(np.clip(lowest, lenses[0], lenses[-1])))

    def _fits(self) -> np.ndarray:
        """Of the steps that were seen [S, 6], for the lens that explains them best; between two where it is between them."""
        fits = np.array([step.fits for step in self._steps if step is not None], float)
        focal = self._focal()
        if focal is None:
            return fits[:, self._lens]
        place = float(np.interp(math.log(focal), np.log(self._lenses), np.arange(len(self._lenses))))
        low = min(int(place), len(self._lenses) - 2)
        return fits[:, low] + (place - low) * (fits[:, low + 1] - fits[:, low])

    def told(self) -> dict[str, Any]:
        """For the provenance. camera: "still", "turning" (the background turns as one), "moving" or "unknown" (too little to see
        around the person); shift_share: how far the background went at most, speed_share_per_s: how fast (its 90th percentile),
        in long sides of the picture; growth: how much it grew or shrank at most; inlier_share: of points that agree, the median;
        nearer_share, farther_share: of the background that goes faster and slower than a turn has it; focal_share: the focal
        length in long sides of the picture, where a turn told it.
        """
        seen = [step for step in self._steps if step is not None]
        if len(seen) < 3 or 2 * len(seen) < len(self._steps):
            return {"camera": "unknown"}
        fits = self._fits()
        shift = fits[:, :2]
        way = np.concatenate([[[0.0, 0.0]], np.cumsum(shift, axis=0)])
        rolled = float(np.abs(np.cumsum(fits[:, 2])).max()) / 2  # so far the picture's ends go by it
        farthest = max(float(np.linalg.norm(way, axis=-1).max()), rolled)
        size = float(np.abs(np.cumsum(fits[:, 3])).max())
        took = np.diff(self._times_s)[[step is not None for step in self._steps]]
        speed = float(np.percentile(np.linalg.norm(shift, axis=-1) / np.maximum(took, 1e-3), 90))
        share = float(np.median(fits[:, 4]))
        nearer, farther = self._parallax()
        wanders = share < _CLEAR_SHARE and max(_beyond_chance(v) for v in (shift, fits[:, 2:3], fits[:, 3:4])) < _WANDERS
        turn_miss, shift_miss = float(fits[:, 5].sum()), sum(step.shift_miss for step in seen)
        if share < _SURE_SHARE:
            camera = "unknown" if farthest < _MOVED else "moving"
        elif farthest < _MOVED and size < _MOVED:
            camera = "still"
        elif wanders:
            camera = "unknown"
        elif size >= max(_MOVED, _GROWTH_OF_WAY * farthest) or turn_miss > _TURN_MAY_MISS * shift_miss:
            camera = "moving"
        else:
            camera = "moving" if nearer >= _NEARER_SHARE or farther >= _FARTHER_SHARE else "turning"
        return {
            "camera": camera,
            "shift_share": round(farthest, 4),
            "speed_share_per_s": round(speed, 4),
            "growth": round(size, 4),
            "inlier_share": round(share, 3),
            "nearer_share": round(nearer, 4),
            "farther_share": round(farther, 4),
            **({"focal_share": round(focal, 3)} if camera == "turning" and (focal := self._focal()) else {}),
        }

    def cuts_s(self) -> list[float]:
        """When another shot begins: the times of the pictures that are the first of one."""
        lost = [step is None and alike < _CUT_ALIKE for step, alike in zip(self._steps, self._alike, strict=True)]
        usual = [step is not None and alike > _SHOT_ALIKE for step, alike in zip(self._steps, self._alike, strict=True)]
        before, after = [True, *usual], [*usual[1:], True]
        return [self._begins_s[k] for k, cut in enumerate(lost) if cut and before[k] and after[k]]

    def _count(self, found: _Ahead) -> None:
        """Points go into the histograms, and are not kept: a clip may be long."""
        if self._ahead is None:
            self._ahead = np.zeros((len(self._lenses), _CELLS**2, _BINS), np.int32)
        for histogram, shares in zip(self._ahead, found.shares, strict=True):
            known = np.isfinite(shares)
            places = np.rint((shares[known].clip(-1, 1) + 1) / 2 * (_BINS - 1)).astype(int)
            np.add.at(histogram, (found.cells[known], places), 1)

    def _parallax(self) -> tuple[float, float]:
        """The shares of the points in cells that go faster than a turn has it, and slower."""
        assert self._ahead is not None
        histogram = self._ahead[self._lens]
        counts = histogram.sum(axis=1)
        enough = counts >= _CELL_POINTS
        halfway = (np.cumsum(histogram, axis=1) >= counts[:, None] / 2).argmax(axis=1)
        ahead = np.where(enough, halfway / (_BINS - 1) * 2 - 1, 0.0)
        nearer, farther = ahead > _PARALLAX, (ahead < -_PARALLAX) & (ahead > _WRITTEN)
        total = max(int(counts[enough].sum()), 1)
        return float(counts[nearer].sum() / total) if nearer.sum() >= _NEARER_CELLS else 0.0, float(counts[farther].sum() / total)

    def lines(self, *, still: bool) -> np.ndarray:
        """The straight edges around the people in the first picture, [L, 4] as `straight_lines` has them; of a camera that stood
        still, in the last one where there are more of them.
        """
        pictures = [picture for picture in (self._first, self._last if still else None) if picture is not None]
        found = [straight_lines(grey, _around(bodies, grey.shape)) for grey, bodies in pictures]
        return max(found, key=_total_length, default=np.zeros((0, 4), np.float32))

    def way(self, timestamps_s: np.ndarray) -> np.ndarray:
        """How far the background has gone until each frame, the sum of its steps: [T, 4], right and down in long sides of the
        picture at its middle, clockwise in radians, and the logarithm of its growth. Where nothing could be seen, as fast as
        before and after.
        """
        at = np.array([step is not None for step in self._steps])
        if not at.any():
            return np.zeros((len(timestamps_s), 4), np.float32)
        times, took = np.array(self._times_s), np.diff(self._times_s)
        speeds = self._fits()[:, :4] / took[at][:, None]
        middle = (times[1:] + times[:-1]) / 2
        steps = np.stack([np.interp(middle, middle[at], speed) for speed in speeds.T], axis=1) * took[:, None]
        way = np.concatenate([np.zeros((1, 4)), np.cumsum(steps, axis=0)])
        return np.stack([np.interp(timestamps_s, times, axis) for axis in way.T], axis=1).astype(np.float32)


def _beyond_chance(steps: np.ndarray) -> float:
    """How far steps [S, N] lead at most, by how far as many of their size would without any direction."""
    farthest = float(np.linalg.norm(np.cumsum(steps, axis=0), axis=-1).max())
    return farthest / max(float(np.linalg.norm(steps)), _NOTHING)


def _total_length(lines: np.ndarray) -> float:
    return float(np.linalg.norm(lines[:, 2:] - lines[:, :2], axis=1).sum())


def _small_and_grey(rgb: np.ndarray) -> np.ndarray:
    """[H, W, 3] -> [h, w], the longer side _LONG_SIDE_PX."""
    while max(rgb.shape[:2]) >= 2 * _LONG_SIDE_PX:  # means of 2 x 2 are six times as fast as those of any other area
        rgb = cv2.resize(rgb, (max(1, rgb.shape[1] // 2), max(1, rgb.shape[0] // 2)), interpolation=cv2.INTER_AREA)
    height, width = rgb.shape[:2]
    scale = _LONG_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), cv2.COLOR_RGB2GRAY)


def _alike(before: np.ndarray, after: np.ndarray) -> float:
    """The correlation of two pictures [h, w] made tiny, -1 to 1; 1 where one of them is plain."""
    scale = _TINY_PX / max(before.shape)
    size = (max(1, round(before.shape[1] * scale)), max(1, round(before.shape[0] * scale)))
    tiny = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(float) for picture in (before, after)]
    one, other = (picture - picture.mean() for picture in tiny)
    if min(one.std(), other.std()) < _PLAIN:
        return 1.0
    return float((one * other).mean() / (one.std() * other.std()))


def _thinned(rgb: np.ndarray) -> np.ndarray:
    """[H, W, 3] -> [h, w], some of its green values: of every picture, so in no time."""
    every = max(1, max(rgb.shape[:2]) // _TINY_PX)
    return rgb[::every, ::every, 1].copy()


def _begins_s(pictures: list[tuple[float, np.ndarray]]) -> float:
    """When the picture was taken that is least like the one before it."""
    alike = [_alike(before, after) for (_, before), (_, after) in pairwise(pictures)]
    return pictures[1 + int(np.argmin(alike))][0]


def _around(bodies: list[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """A mask [h, w] that is 0 where one of the bodies [33, 2] is, in its pixels."""
    mask = np.full(shape, 255, np.uint8)
    for body in bodies:
        # What is far outside of the picture matters as little there as anywhere, and has to be a whole number.
        at = dict(zip(LANDMARK_NAMES, body.clip(-2 * _LONG_SIDE_PX, 3 * _LONG_SIDE_PX).round().astype(int), strict=True))
        trunk = np.array([at[name] for name in _TRUNK])
        size = float(max(np.linalg.norm(np.ptp(trunk, axis=0)), np.linalg.norm(np.ptp(body, axis=0)) / 5))
        thick = max(1, round(_THICK * size))
        cv2.fillConvexPoly(mask, cv2.convexHull(trunk), 0)
        lines = [np.array([at[name] for name in limb]) for limb in _LIMBS]
        cv2.polylines(mask, [trunk], isClosed=True, color=0, thickness=thick)
        cv2.polylines(mask, [*lines, np.array([at["nose"], *trunk[:2]])], isClosed=False, color=0, thickness=thick)
        cv2.circle(mask, at["nose"].tolist(), round(_HEAD * size), 0, -1)
        for side in ("left", "right"):
            cv2.circle(mask, at[f"{side}_ankle"].tolist(), round(_FEET * size), 0, -1)
    return mask


def _corners(grey: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The best corners of a picture [h, w] where mask [h, w] is not 0, as OpenCV has them, [N, 1, 2], but so many from each part
    of it at most: nothing has better corners than what is written over a picture, a title or the time, and that is in few places.
    """
    found = cv2.goodFeaturesToTrack(grey, _LOOKED_AT_CORNERS, _LEAST_CORNER, 8, mask=mask)  # the best ones first
    if found is None:
        return np.zeros((0, 1, 2), np.float32)
    columns, rows = (found[:, 0] / grey.shape[::-1] * _CELLS).astype(int).T
    taken = np.zeros((_CELLS, _CELLS), int)
    kept = []
    for corner, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
        taken[row, column] += 1
        if taken[row, column] <= _CELL_CORNERS:
            kept.append(corner)
    return found[kept[:_MOST_CORNERS]]


def _step(
    before: np.ndarray, after: np.ndarray, bodies: list[np.ndarray], lenses: tuple[float, ...]
) -> tuple[_Step, _Ahead] | None:
    """From one small picture to the next; None where there is too little to follow."""
    corners = _corners(before, _around(bodies, before.shape))
    if len(corners) < _FEWEST_CORNERS:
        return None
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=(15, 15), maxLevel=3)
    back, returned, _ = cv2.calcOpticalFlowPyrLK(after, before, moved, None, winSize=(15, 15), maxLevel=3)
    tracked = status[:, 0] == 1
    known = tracked & (returned[:, 0] == 1) & (np.linalg.norm((back - corners)[:, 0], axis=-1) < _RETURNS_PX)
    if known.sum() < max(_FEWEST_CORNERS, _RETURN_SHARE * tracked.sum()):
        return None
    corners, moved = corners[known], moved[known]
    fit, inliers = cv2.estimateAffinePartial2D(corners, moved, ransacReprojThreshold=_AGREE_PX)
    if fit is None:
        return None
    middle = np.array(before.shape[::-1]) / 2
    first, then = (points[:, 0].astype(float) - middle for points in (corners, moved))
    shifted = corners[:, 0] @ fit[:, :2].T + fit[:, 2] - middle
    flow = np.median(then - first, axis=0)
    step_px = max(float(np.linalg.norm(flow)), 1e-9)
    tried = lenses if step_px >= _LENS_STEP_PX else lenses[:1]
    fits = [_turn(first, then, inliers[:, 0].astype(float), share * _LONG_SIDE_PX) for share in tried]
    miss = np.linalg.norm(np.stack([*(turned for _, _, turned in fits), shifted]) - then, axis=-1)  # [L + 1, N]
    shares = (miss[:-1] < _AGREE_PX).mean(axis=1)
    agree = miss.min(axis=0) < _AGREE_PX
    if shares.max() < _LEAST_SHARE:
        return None
    *turn_miss, shift_miss = (miss[:, agree].clip(0, 2 * _AGREE_PX) ** 2).mean(axis=1).tolist()
    values = [
        [share * turn[1], -share * turn[0], turn[2], math.log(max(growth, 1e-6)), agreed, missed]
        for (turn, growth, _), share, agreed, missed in zip(fits, tried, shares, turn_miss, strict=True)
    ]
    off = then - np.stack([turned for _, _, turned in fits])  # [L, N, 2]
    along, across = (off @ way / step_px for way in (flow / step_px, np.array([-flow[1], flow[0]]) / step_px))
    known = (np.abs(across) * step_px < _AGREE_PX) & (step_px >= _PARALLAX_STEP_PX)
    columns, rows = ((first / (_LONG_SIDE_PX / 2) + 1) / 2 * _CELLS).astype(int).clip(0, _CELLS - 1).T
    times = len(lenses) // len(tried)
    step = _Step(np.repeat(np.array(values, np.float32), times, axis=0), shift_miss)
    return step, _Ahead(_CELLS * rows + columns, np.repeat(np.where(known, along, np.nan), times, axis=0))


def _turn(first: np.ndarray, then: np.ndarray, weight: np.ndarray, focal_px: float) -> tuple[np.ndarray, float, np.ndarray]:
    """The rotation vector [3] in camera axes and the growth that take points [N, 2], in pixels from the picture's middle, to
    where they are `then`, and where they take them [N, 2]. Least squares, repeated with less weight on points that are off.
    """
    a, b = (np.column_stack([points, np.full(len(points), focal_px)]) for points in (first, then))
    a, b = (rays / np.linalg.norm(rays, axis=-1, keepdims=True) for rays in (a, b))
    for _ in range(_ROUNDS):
        u, _, vt = np.linalg.svd((weight[:, None] * b).T @ a)
        rotation = u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt
        rays = a @ rotation.T
        turned = focal_px * rays[:, :2] / np.maximum(rays[:, 2:], 0.1)  # a turn that takes points behind the camera is none
        growth = float((weight[:, None] * turned * then).sum() / max((weight[:, None] * turned**2).sum(), 1e-12))
        turned = growth * turned
        weight = 1 / (1 + (np.linalg.norm(turned - then, axis=-1) / _AGREE_PX) ** 2) ** 2
    return cv2.Rodrigues(rotation)[0][:, 0], growth, turned
