"""Several people in a clip: who is who from frame to frame, and which of them is meant.

From frame to frame everybody goes on as they moved, and the poses that were found are given to them so that the whole fits best
(H. W. Kuhn, The Hungarian method for the assignment problem, 1955): by how far the joints are from where they were expected, by
the body's size, and, where pictures were looked at, by the colours of the clothes. Who is hidden waits; who is too far away is
somebody else. Nobody is ever continued by a pose that could not be theirs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from .errors import LifterError

# What `--person` understands beside a number; the first is the default.
CHOICES = ("longest", "largest", "middle", "anyone")
# A person of fewer joints is not followed.
_FEWEST_JOINTS = 4
# How far a person may be from where they were expected, in body sizes: so much at once, so much a second, never more than this.
_STEP, _STEP_PER_S, _LONGEST_STEP = 0.35, 1.5, 1.0
_LOST_AFTER_S = 5.0
# How fast a speed that was seen is forgotten: while somebody is followed, and while they are hidden.
_SPEED_STEADY_S, _SPEED_KEPT_S = 0.3, 0.6
# What a body twice as large, and clothes as different as black and white, count in the assignment; a place out of reach counts 1.
_SIZE_COST, _COLOUR_COST = 0.5, 2.0
_COLOUR_STEADY = 0.1
# Clothes that differ less than this are the same; then somebody may come back from anywhere they could have gone to, at any time.
_SAME_COLOUR = 0.06
# Whose clothes were seen for less time is not known again by them. Landmarks take some frames to settle on somebody who comes:
# what was seen of the clothes in the end is the same below the second number.
_KNOWN_S, _SAME_IN_THE_END = 0.5, 0.05
# Whose clothes were known again in the first frame, but are as different as this while they are there, is somebody else.
_OTHER_COLOUR = 0.12
# The same person found twice in a frame: their joints are this near each other, in body sizes.
_SAME = 0.08
# Where somebody comes into the picture or leaves it, a detector finds a whole small body in their hair or their knee: for no
# longer than this, of less than this share of the size that the person has within the third number, and a leap away from it. Who
# walks at one speed is never less than half as large as in the middle of the way, and who lies down does so from frame to frame.
_MOMENT_S, _SMALL_SHARE, _AROUND_S = 1.0, 0.5, 2.0
# Who is there for longer than the first is not also there for less than the second, and for less than they are away then: that is
# part of somebody in a corner of the picture, or somebody else. Away is so long at least on one side.
_STAY_S, _GLIMPSE_S, _AWAY_S = 1.0, 0.5, 1.0
# A leap: so many times the size from one pose to the next, no later than this.
_LEAP, _LEAP_S = 2.0, 0.5


@dataclass(eq=False)
class Person:
    """Someone who was followed: in frame number n (a key) they are the n-th frame's pose number `places[n]`.

    began_s, time_s: when they were seen first and last; last, velocity_px_s [2], colours [K, 3] (None: no pictures): where they
    were last, how they moved, what they wear; weight: size, confidence and frames together; first: where they were first.
    """

    began_s: float
    time_s: float
    last: np.ndarray
    velocity_px_s: np.ndarray
    colours: np.ndarray | None
    places: dict[int, int] = field(default_factory=dict)
    sizes_px: list[float] = field(default_factory=list)
    middles_px: list[np.ndarray] = field(default_factory=list)
    weight: float = 0.0
    first: np.ndarray | None = None

    def expected(self, time_s: float) -> np.ndarray:
        """The last pose, moved on; how somebody hidden moves is known less and less: [J, 3]."""
        waited = time_s - self.time_s
        shift = self.velocity_px_s * _SPEED_KEPT_S * (1 - math.exp(-waited / _SPEED_KEPT_S))
        return self.last + [*shift, 0.0]

    def add(self, frame: int, place: int, pose: np.ndarray, time_s: float, colours: np.ndarray | None) -> None:
        if self.places and time_s > self.time_s:
            waited = time_s - self.time_s
            both = np.isfinite(pose[:, 0]) & np.isfinite(self.last[:, 0])
            if both.any():
                seen = _median(pose[both, :2] - self.last[both, :2]) / waited
                self.velocity_px_s = self.velocity_px_s + (1 - math.exp(-waited / _SPEED_STEADY_S)) * (seen - self.velocity_px_s)
        if colours is not None:
            self.colours = colours if self.colours is None else self.colours + _COLOUR_STEADY * (colours - self.colours)
        self.last, self.time_s = pose, time_s
        self.places[frame] = place
        self.sizes_px.append(size_px(pose))
        self.middles_px.append(np.nanmean(pose[:, :2], axis=0))
        self.weight += self.sizes_px[-1] * float(np.nansum(pose[:, 2]) / len(pose))

    def go_on_as(self, later: Person) -> None:
        self.time_s, self.last, self.velocity_px_s, self.colours = later.time_s, later.last, later.velocity_px_s, later.colours
        self.places |= later.places
        self.sizes_px += later.sizes_px
        self.middles_px += later.middles_px
        self.weight += later.weight

    @property
    def size_px(self) -> float:
        return float(np.median(self.sizes_px))


def follow(
    poses: Sequence[Sequence[np.ndarray]], timestamps_s: Sequence[float], colours: Sequence[Sequence[np.ndarray]] | None = None
) -> list[Person]:
    """Everybody in a clip, the one largest and longest in the picture first.

    poses: of each frame the bodies that were found, [J, 3] each: x, y in pixels and confidence, NaN for a joint that is missing.
    colours: of each of them [K, 3], 0 to 1, the same places of every body.
    """
    everybody: list[Person] = []
    for frame, (found, time_s) in enumerate(zip(poses, timestamps_s, strict=True)):
        wear = [None] * len(found) if colours is None else colours[frame]
        waiting = _distinct(found)
        live = [person for person in everybody if _may_return(person, time_s, by_clothes=colours is not None)]
        cost = np.array([[_cost(person, found[k], time_s, wear[k]) for k in waiting] for person in live])
        pairs = assigned(cost.reshape(len(live), len(waiting)))
        for i, k in pairs:
            live[i].add(frame, waiting[k], found[waiting[k]], time_s, wear[waiting[k]])
        for k in set(range(len(waiting))) - {k for _, k in pairs}:
            pose = found[waiting[k]]
            everybody.append(Person(time_s, time_s, pose, np.zeros(2), None, first=pose))
            everybody[-1].add(frame, waiting[k], pose, time_s, wear[waiting[k]])
    if colours is not None:
        everybody = [stay for person in everybody for stay in _parted(person, poses, timestamps_s, colours)]
        everybody.sort(key=lambda person: person.began_s)
    return sorted(_returned(everybody), key=lambda person: -person.weight)


def _parted(
    person: Person,
    poses: Sequence[Sequence[np.ndarray]],
    timestamps_s: Sequence[float],
    colours: Sequence[Sequence[np.ndarray]],
) -> list[Person]:
    """The same person, or several where somebody came back after a while whom only the first frame made the same: a small body
    that is found in the dark hair of somebody who comes in wears dark clothes.
    """
    frames = np.array(list(person.places))
    away_s = np.diff([timestamps_s[frame] for frame in frames])
    stays = np.split(frames, np.flatnonzero(away_s > _LOST_AFTER_S) + 1)
    wear = [np.median([colours[frame][person.places[frame]] for frame in stay], axis=0) for stay in stays]
    groups: list[list[int]] = []
    for k, worn in enumerate(wear):
        apart = [float(np.abs(worn - wear[group[-1]]).mean()) for group in groups]
        if apart and min(apart) < _OTHER_COLOUR:
            groups[int(np.argmin(apart))].append(k)
        else:
            groups.append([k])
    if len(groups) == 1:
        return [person]
    return [_again(person, np.concatenate([stays[k] for k in group]).tolist(), poses, timestamps_s, colours) for group in groups]


def _again(
    person: Person,
    frames: Sequence[int],
    poses: Sequence[Sequence[np.ndarray]],
    timestamps_s: Sequence[float],
    colours: Sequence[Sequence[np.ndarray]],
) -> Person:
    """The person, followed in these frames only."""
    pose, began_s = poses[frames[0]][person.places[frames[0]]], timestamps_s[frames[0]]
    out = Person(began_s, began_s, pose, np.zeros(2), None, first=pose)
    for frame in frames:
        place = person.places[frame]
        out.add(frame, place, poses[frame][place], timestamps_s[frame], colours[frame][place])
    return out


def _returned(everybody: Sequence[Person]) -> list[Person]:
    """The same people, but who left and came back in the same clothes is one, also where that could be seen only later on."""
    out: list[Person] = []
    for person in everybody:
        before = [(apart, other) for other in out if (apart := _apart_in_the_end(other, person)) < _SAME_IN_THE_END]
        if before:
            min(before, key=lambda pair: pair[0])[1].go_on_as(person)
        else:
            out.append(person)
    return out


def _apart_in_the_end(person: Person, later: Person) -> float:
    """How different the clothes are of somebody who was gone when the other came; infinite where it cannot be the same person."""
    waited_s = later.began_s - person.time_s
    if person.colours is None or later.colours is None or waited_s <= 0 or later.first is None:
        return math.inf
    known = min(person.time_s - person.began_s, later.time_s - later.began_s) >= _KNOWN_S
    if not known or _step(person.expected(later.began_s), later.first) > _STEP + _STEP_PER_S * waited_s:
        return math.inf
    return float(np.abs(person.colours - later.colours).mean())


def without_phantoms(person: Person, timestamps_s: Sequence[float]) -> Person:
    """The person without bodies that were found in a part of theirs where they came into the picture or left it.

    For detectors that always give all joints: without some of them a body is smaller.
    """
    at, sizes = np.array([timestamps_s[frame] for frame in person.places]), np.array(person.sizes_px)
    keep = np.ones(len(at), bool)
    for there in np.split(np.arange(len(at)), np.flatnonzero(np.diff(at) > _MOMENT_S) + 1):
        for way in (there, there[::-1]):
            keep[way[: _phantoms(at[way], sizes[way])]] = False
    return _only(person, keep)


def without_glimpses(person: Person, timestamps_s: Sequence[float]) -> Person:
    """The person without the frames in which they are there for a moment, long before they come or after they are gone."""
    frames = np.array(list(person.places))
    times_s = np.append(timestamps_s, 2 * timestamps_s[-1] - timestamps_s[-2] if len(timestamps_s) > 1 else math.inf)
    runs = np.split(np.arange(len(frames)), np.flatnonzero(np.diff(frames) > 1) + 1)
    begins_s = times_s[[frames[run[0]] for run in runs]]
    ends_s = times_s[[frames[run[-1]] + 1 for run in runs]]
    stays_s, away_s = ends_s - begins_s, np.concatenate([[math.inf], begins_s[1:] - ends_s[:-1], [math.inf]])
    shorter_s, longer_s = np.minimum(away_s[:-1], away_s[1:]), np.maximum(away_s[:-1], away_s[1:])
    glimpses = (stays_s < _GLIMPSE_S) & (stays_s <= shorter_s + 1e-6) & (longer_s >= _AWAY_S)
    if stays_s.max() < _STAY_S or not glimpses.any():
        return person
    return without_glimpses(_only(person, ~np.repeat(glimpses, [len(run) for run in runs])), timestamps_s)


def _only(person: Person, keep: np.ndarray) -> Person:
    frames, kept = list(person.places), np.flatnonzero(keep)
    return replace(
        person,
        places={frames[k]: person.places[frames[k]] for k in kept},
        sizes_px=[person.sizes_px[k] for k in kept],
        middles_px=[person.middles_px[k] for k in kept],
    )


def _phantoms(at: np.ndarray, sizes: np.ndarray) -> int:
    """How many of the first poses of somebody who comes in, or of the last ones backwards, are of a part of them."""
    count = 0
    for k in np.flatnonzero((sizes[1:] >= _LEAP * sizes[:-1]) & (np.abs(np.diff(at)) <= _LEAP_S)) + 1:
        size = np.median(sizes[k:][np.abs(at[k:] - at[k]) <= _AROUND_S])
        if abs(at[k - 1] - at[0]) <= _MOMENT_S and k <= len(at) - k and sizes[:k].max() < _SMALL_SHARE * size:
            count = int(k)
    return count


def chosen(people: Sequence[Person], choice: str, image_size_px: tuple[int, int]) -> Person:
    """One of the people as `follow` sorts them.

    choice: "longest" (largest and longest in the picture), "largest" (of those seen for a while), "middle" (nearest the picture's
    middle), a number from 1 in that order, or "anyone" (in every frame the first who is there). Raises LifterError.
    """
    if re.fullmatch(r"\d+", choice):
        if not 1 <= int(choice) <= len(people):
            count = "is only one person" if len(people) == 1 else f"are only {len(people)} people"
            raise LifterError(f"There is no person {choice}: there {count}.", hint="Choose a smaller number, or leave it out.")
        return people[int(choice) - 1]
    check_choice(choice)
    if choice == "anyone":
        places = {frame: place for person in reversed(people) for frame, place in person.places.items()}
        return replace(people[0], places=dict(sorted(places.items())))
    # Somebody who is there for a moment is not meant, however large or central.
    longest = max(len(person.places) for person in people)
    there = [person for person in people if len(person.places) >= longest / 2]
    if choice == "largest":
        return max(there, key=lambda person: person.size_px)
    if choice == "middle":
        middle = np.array(image_size_px) / 2
        return min(there, key=lambda person: float(np.linalg.norm(np.median(person.middles_px, axis=0) - middle)))
    return people[0]


def check_choice(choice: str) -> None:
    """Raises LifterError for what is neither one of CHOICES nor a number."""
    if choice not in CHOICES and not re.fullmatch(r"\d+", choice):
        raise LifterError(
            f"'{choice}' says nothing of which person is meant.", hint=f"Give {', '.join(CHOICES)}, or a number from 1."
        )


def size_px(pose: np.ndarray) -> float:
    """The longer side of the box around a person, pixels."""
    return float((np.fmax.reduce(pose[:, :2]) - np.fmin.reduce(pose[:, :2])).max())


def assigned(cost: np.ndarray) -> list[tuple[int, int]]:
    """(row, column) pairs of cost [N, M] whose sum is least, where a row may also stay alone, at a cost of 1."""
    rows, columns = cost.shape
    if not rows or not columns:
        return []
    # Rows that stay alone take one of as many columns more.
    wide = np.concatenate([np.minimum(cost, 1e3), np.ones((rows, rows))], axis=1)
    row_price, column_price = np.zeros(rows), np.zeros(columns + rows)
    owner = np.full(columns + rows, -1)
    for row in range(rows):
        # The cheapest alternating path from the row to a free column.
        least, came_from = np.full(columns + rows, np.inf), np.full(columns + rows, -1)
        done = np.zeros(columns + rows, bool)
        at, column = row, -1
        while True:
            slack = wide[at] - row_price[at] - column_price
            better = ~done & (slack < least)
            least[better], came_from[better] = slack[better], column
            step_to = int(np.where(done, np.inf, least).argmin())
            step = least[step_to]
            row_price[row] += step
            row_price[owner[done]] += step
            column_price[done] -= step
            least[~done] -= step
            done[step_to], column = True, step_to
            if owner[column] < 0:
                break
            at = int(owner[column])
        while column >= 0:
            before = int(came_from[column])
            owner[column] = owner[before] if before >= 0 else row
            column = before
    return [(int(owner[k]), k) for k in range(columns) if owner[k] >= 0 and cost[owner[k], k] < 1]


def _distinct(found: Sequence[np.ndarray]) -> list[int]:
    """Which of a frame's poses are to be followed: enough joints, and not the same body once more."""
    kept: list[int] = []
    sure = sorted(range(len(found)), key=lambda k: -float(np.nansum(found[k][:, 2])))
    for k in sure:
        known = int(np.isfinite(found[k][:, 0]).sum())
        if known >= min(_FEWEST_JOINTS, len(found[k])) and all(_step(found[k], found[other]) > _SAME for other in kept):
            kept.append(k)
    return kept


def _may_return(person: Person, time_s: float, *, by_clothes: bool) -> bool:
    """Whether somebody is still waited for: for ever only by clothes that were seen for a while."""
    known = by_clothes and person.time_s - person.began_s >= _KNOWN_S
    return known or time_s - person.time_s <= _LOST_AFTER_S


def _cost(person: Person, pose: np.ndarray, time_s: float, colours: np.ndarray | None) -> float:
    """How little a pose fits a person; infinite out of reach."""
    waited_s = time_s - person.time_s
    reach = _STEP + _STEP_PER_S * waited_s
    other = 0.0
    if colours is not None and person.colours is not None:
        other = float(np.abs(colours - person.colours).mean())
    if colours is None or other > _SAME_COLOUR:
        if waited_s > _LOST_AFTER_S:
            return math.inf
        reach = min(reach, _LONGEST_STEP)
    step = _step(person.expected(time_s), pose)
    if step > reach:
        return math.inf
    grown = abs(math.log2(max(size_px(pose), 1.0) / max(person.sizes_px[-1], 1.0)))
    return 0.5 * min(step, 1.0) + min(_SIZE_COST * grown, 0.25) + min(_COLOUR_COST * other, 0.24)


def _step(before: np.ndarray, after: np.ndarray) -> float:
    """How far a person moved, in body sizes: the median over the joints that both poses have, else by the poses' middles."""
    size = max(size_px(before), size_px(after), 1.0)
    both = np.isfinite(before[:, 0]) & np.isfinite(after[:, 0])
    if both.sum() >= 3:
        return float(_median(np.linalg.norm(before[both, :2] - after[both, :2], axis=1))) / size
    return float(np.linalg.norm(np.nanmean(before[:, :2], axis=0) - np.nanmean(after[:, :2], axis=0))) / size


def _median(values: np.ndarray) -> np.ndarray:
    """As np.median of the first axis, of a few finite values: in a fifth of the time, most of which numpy spends around them."""
    ordered = np.sort(values, axis=0)
    return (ordered[(len(values) - 1) // 2] + ordered[len(values) // 2]) / 2
