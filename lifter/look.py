"""Everybody in every frame of a clip, looked for in several pieces of the clip at once.

MediaPipe's tracker goes from frame to frame, so that one of them keeps one processor busy. A clip is cut into pieces by its
length, never by how many processors there are: the same is found on every machine. Each piece has a tracker of its own, which
begins shortly before the piece. Where it agrees with the one of the piece before, the one passes over into the other. Where it
does not, because it found nobody in a pose that only a tracker gets through, or took left for right, the one before goes on until
it does: what is found is what one tracker alone would find, but for what its smoothing remembers.
"""

from __future__ import annotations

import atexit
import contextlib
import math
import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from .background import BackgroundMotion
from .clip import Clip, frames, thread_count
from .errors import LifterError
from .focal import PICTURE_MM
from .joints import LANDMARK_INDEX
from .landmarker import BodiesOf, bodies_landmarker
from .memory import give_back
from .people import size_px

# The networks look at 256 pixels; a picture of this size still gives them more than that for a person a quarter of its height.
_MAX_DETECTOR_SIDE_PX = 1920
# Pictures that wait for the detector, and behind it: enough for a key frame that takes long, and all that is ever held of a clip.
_PICTURES_AHEAD = 3
# A piece is at least so long; there are 2, 4 or 8, and more only where they would be longer than the third number.
_LEAST_PIECE_S, _LEAST_PIECE_FRAMES, _MOST_PIECE_S, _PIECES = 4.0, 100, 10.0, 8
# How often memory is given back; each time takes some milliseconds.
_GIVE_BACK_FRAMES = 500
# So many at once: each tracker takes 130 MB.
_MOST_AT_ONCE = 4
# A tracker begins so long before its piece, and so many frames at least: what it still knows of its beginning is less by then
# than two trackers differ by anyway.
_RUN_IN_S, _RUN_IN_FRAMES = 0.3, 8
# Two trackers agree where they have found the same bodies in so many frames running, with landmarks this near each other on
# average, in sizes of the body. Over these frames the one passes over into the other.
_AGREEING_FRAMES, _SAME_SHARE = 5, 0.04
_POLL_S = 0.05
# So often a look is taken for other people than the one that is followed, and where that one has moved by this share of the
# body's size: two who pass each other are alone before and after, and one in between. A look costs twice a frame's detection.
# Looking for others in every frame costs half as much again, and is done only where there are any.
_LOOK_AROUND_S, _LOOK_AROUND_SHARE = 1.0, 0.35
# The detector sees pictures at 224 pixels, of which a body has to have a sixth. Who has less is looked for in squares of these
# shares of the short side, which overlap by half. The tracker, which looks at all pixels around a body where it was before, needs
# to be shown it once: in a part of the picture so many times as large as the body, and in ever larger ones, by this factor.
_PART_SHARES, _AROUND_BOX, _GROWTH = (1.0, 0.6, 0.36), 1.5, 1.12
# In squares of a smaller side nobody would be seen.
_LEAST_PART_PX = 96
# Beside somebody of less than this share of the long side others may be too small to be found. They are looked for this often in
# the largest squares that are no more than so many times as large as the other, and count from this share of the other's size on;
# boxes that overlap by the last one, of the smaller one's area, are one person's.
SMALL, _LOOK_CLOSER_S, _LARGEST_PART, _LEAST_OTHER, _OVERLAP = 0.3, 4.0, 4.5, 0.5, 0.2
# Where the colour of the clothes is looked at: between two landmarks, at this share of the way, in a square of this share of the
# body's size.
CLOTHES: tuple[tuple[str, str, float], ...] = (
    *((f"{side}_shoulder", f"{other}_hip", 0.3) for side, other in (("left", "right"), ("right", "left"))),
    *((f"{side}_shoulder", f"{side}_hip", 0.75) for side in ("left", "right")),
    *((f"{side}_hip", f"{side}_knee", 0.4) for side in ("left", "right")),
    *((f"{side}_knee", f"{side}_ankle", 0.5) for side in ("left", "right")),
)
_CLOTHES_FROM = [LANDMARK_INDEX[a] for a, _, _ in CLOTHES]
_CLOTHES_TO = [LANDMARK_INDEX[b] for _, b, _ in CLOTHES]
_CLOTHES_SHARE = np.array([[share] for _, _, share in CLOTHES])
_PATCH_SHARE = 0.03
_PATCH = np.linspace(-1, 1, 7)

# OpenCV's own threads would take the processors from the trackers.
cv2.setNumThreads(1)

_Made = TypeVar("_Made")


class _MorePeople(Exception):
    """There are others than the one that is followed."""


@dataclass
class Seen:
    """Of each frame: its time, the bodies [33, 6] (x, y of the picture from 0 to 1, world x, y, z, confidence) and the colours of
    their clothes [K, 3]; and what the background did.
    """

    background: BackgroundMotion
    timestamps_s: list[float] = field(default_factory=list)
    bodies: list[list[np.ndarray]] = field(default_factory=list)
    colours: list[list[np.ndarray]] = field(default_factory=list)


@dataclass(frozen=True)
class Piece:
    """What the tracker of a piece has seen, its run-in included, and how many frames lie in the piece itself."""

    seen: Seen
    count: int


def look(
    clip: Clip,
    model: Path,
    sample_fps: float | None,
    done: Callable[[int], None],
    *,
    people: int,
    closer: bool = False,
    known: Callable[[int], Piece | None] = lambda _: None,
) -> Seen | None:
    """Everybody in every frame, at most so many. With people=1 a look around is taken now and then; None where there are more.

    closer: while nobody is found, people who are too small for the detector are looked for in parts of the picture. done: called
    now and then with how many frames are done; what it raises ends the work. known: what `look_at_piece` saw of the piece of that
    number, where it is at hand; of no use for a closer look. Raises LifterError.
    """
    begins = piece_begins(clip, sample_fps)
    around = _Around(model)
    trackers = [_Tracker(clip, model, sample_fps, people, around, begin_s, closer=closer) for begin_s in begins]
    try:
        if len(trackers) == 1:
            trackers[0].go_to_the_end(done)
            return trackers[0].seen
        for number, tracker in enumerate(trackers):
            if not closer and (piece := known(number)) is not None:
                tracker.knows(piece, to_the_end=number == len(trackers) - 1)
        able = _run(trackers, [*begins[1:], math.inf], done)
        reached = sum(tracker.count for tracker in trackers)
        return _joined(able, lambda count: done(max(count, reached)))
    except _MorePeople:
        return None
    finally:
        for tracker in trackers:
            tracker.close()
        give_back()


def look_at_piece(clip: Clip, model: Path, sample_fps: float | None, number: int) -> Piece | None:
    """One piece of the clip, from 0: for `look`, with one person. None where there are more. Raises LifterError."""
    begins_s = piece_begins(clip, sample_fps)
    tracker = _Tracker(clip, model, sample_fps, 1, _Around(model), begins_s[number])
    try:
        tracker.run([*begins_s[1:], math.inf][number], threading.Event())
    except _MorePeople:
        return None
    return Piece(tracker.seen, tracker.count)


def piece_begins(clip: Clip, sample_fps: float | None) -> list[float]:
    """Where the pieces of the clip begin, in seconds of what was filmed; the first one before everything."""
    if clip.duration_s is None or not clip.seekable:
        return [-math.inf]
    start_s = clip.start_s / clip.slowdown
    took_s = min(clip.end_s or math.inf, clip.duration_s) / clip.slowdown - start_s
    count = min(took_s / _LEAST_PIECE_S, took_s * min(sample_fps or math.inf, clip.filmed_fps) / _LEAST_PIECE_FRAMES)
    pieces = 2 ** int(math.log2(max(count, 1)))
    if pieces > _PIECES:
        pieces = max(_PIECES, math.ceil(took_s / _MOST_PIECE_S))
    return [-math.inf, *(start_s + took_s * piece / pieces for piece in range(1, pieces))]


def _run(trackers: Sequence[_Tracker], ends_s: Sequence[float], done: Callable[[int], None]) -> list[_Tracker]:
    """Each tracker through its own piece, several at once; those that have one to join.

    A piece that could not be begun with is mostly behind the file's end, whatever its header says: none after it is looked at.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(min(len(trackers), thread_count(), _MOST_AT_ONCE), "piece") as pool:
        running = {pool.submit(t.run, end_s, stop): t for t, end_s in zip(trackers, ends_s, strict=True)}
        try:
            waiting = set(running)
            while waiting:
                finished, waiting = wait(waiting, _POLL_S)
                done(sum(tracker.count for tracker in trackers))
                for future in finished:
                    if future.cancelled() or (error := future.exception()) is None:
                        continue
                    # A file that cannot be gone on with from here, or has less than it says: the piece before tells.
                    if not isinstance(error, LifterError) or running[future] is trackers[0]:
                        raise error
                    if not running[future].seen.timestamps_s:
                        for later in waiting:
                            later.cancel()
        finally:
            stop.set()
            for future in running:
                future.cancel()
    able = []
    for future, tracker in running.items():
        if not future.cancelled() and future.exception() is None:
            able.append(tracker)
        elif not tracker.seen.timestamps_s:
            break
    return able


def _joined(trackers: Sequence[_Tracker], done: Callable[[int], None]) -> Seen:
    """All of the clip, by as many of the trackers as agree, each with the one before."""
    now, *later = trackers
    for tracker in later:
        if tracker.takes_over(now, done):
            now.close()  # it would not go on any more
            now = tracker
    now.go_to_the_end(done)
    return now.seen


class _Tracker:
    """One tracker from shortly before `begins_s` on: `seen`, of as many frames as it was asked for."""

    def __init__(
        self,
        clip: Clip,
        model: Path,
        sample_fps: float | None,
        people: int,
        around: _Around,
        begins_s: float,
        *,
        closer: bool = False,
    ) -> None:
        self._clip, self._model, self._sample_fps, self._people, self._closer = clip, model, sample_fps, people, closer
        self._around, self._look_around, self._closer_again_s = around, LookAround(), -math.inf
        self._begins_s = begins_s
        noted_mm = clip.focal_length_35mm
        self.seen = Seen(BackgroundMotion(noted_mm / PICTURE_MM if noted_mm else None))
        self.count = 0
        self._coming: Generator[tuple[float, np.ndarray, list[np.ndarray]], None, None] | None = None
        self._at_the_end = self._ran = False

    def knows(self, piece: Piece, *, to_the_end: bool) -> None:
        """As after `run`."""
        self.seen, self.count, self._at_the_end, self._ran = piece.seen, piece.count, to_the_end, True

    def run(self, end_s: float, stop: threading.Event) -> None:
        """Through the frames before `end_s`, unless that is known."""
        if self._ran:
            return
        with contextlib.closing(self._tracked(end_s, ahead=False)) as tracked:
            for frame in tracked:
                self._add(*frame)
                if stop.is_set():
                    return
        give_back()
        self._at_the_end = end_s == math.inf

    def go_to_the_end(self, done: Callable[[int], None]) -> None:
        while self._goes_on(done):
            pass

    def _goes_on(self, done: Callable[[int], None]) -> bool:
        """One frame more, if there is one. A tracker that had ended goes its way once more: the same, and farther."""
        done(len(self.seen.timestamps_s))
        if self._at_the_end:
            return False
        self._coming = self._coming or self._tracked(math.inf, ahead=True)
        last_s = self.seen.timestamps_s[-1] if self.seen.timestamps_s else -math.inf
        for timestamp_s, rgb, found in self._coming:
            if timestamp_s > last_s:
                self._add(timestamp_s, rgb, found)
                return True
            done(len(self.seen.timestamps_s))
        self._at_the_end = True
        return False

    def takes_over(self, before: _Tracker, done: Callable[[int], None]) -> bool:
        """Whether this one agrees with the one before anywhere in its piece; then it has all that the other one has seen."""
        mine, theirs = self.seen, before.seen
        first = bisect_left(theirs.timestamps_s, mine.timestamps_s[0]) if mine.timestamps_s else 0
        agreed = 0
        for frame, timestamp_s in enumerate(mine.timestamps_s):
            if timestamp_s >= self._begins_s and agreed >= _AGREEING_FRAMES:
                _pass_over(theirs, mine, frame)
                self.seen = theirs
                return True
            there = first + frame
            if there >= len(theirs.timestamps_s) and not before._goes_on(done):
                return False
            same = theirs.timestamps_s[there] == timestamp_s and _same(theirs.bodies[there], mine.bodies[frame])
            agreed = agreed + 1 if same else 0
        return False

    def close(self) -> None:
        if self._coming is not None:
            self._coming.close()

    def _tracked(self, end_s: float, *, ahead: bool) -> Generator[tuple[float, np.ndarray, list[np.ndarray]], None, None]:
        """Frames before `end_s`, each with the bodies in it. ahead: decoding, the detector and what is done with it have a thread
        each.
        """
        rate = min(self._clip.filmed_fps, self._sample_fps or math.inf)
        enter_s = None if math.isinf(self._begins_s) else self._begins_s - max(_RUN_IN_S, _RUN_IN_FRAMES / rate)
        decoded = frames(self._clip, sample_fps=self._sample_fps, enter_s=enter_s, threads=None if ahead else 1)
        pictures = _pictures(decoded, end_s)
        with contextlib.ExitStack() as stack:
            finder = stack.enter_context(_Finder(self._model, self._people, self._around, closer=self._closer))
            found = made_ahead(_with_bodies(made_ahead(pictures), finder)) if ahead else _with_bodies(pictures, finder)
            yield from stack.enter_context(contextlib.closing(found))

    def _add(self, timestamp_s: float, rgb: np.ndarray, found: list[np.ndarray]) -> None:
        if self._people == 1 and self._look_around.due(timestamp_s, found, rgb.shape[1] / rgb.shape[0]):
            closer = timestamp_s >= self._closer_again_s
            self._closer_again_s = timestamp_s + _LOOK_CLOSER_S if closer else self._closer_again_s
            self._around.look(rgb, found, closer=closer)
        self.seen.timestamps_s.append(timestamp_s)
        self.seen.bodies.append(found)
        self.seen.colours.append([_colours(rgb, body) for body in found])
        if timestamp_s >= self._begins_s:
            if self.count == 0:
                self.seen.background = self.seen.background.anew()
            self.count += 1
        self.seen.background.look(timestamp_s, rgb, found)
        if len(self.seen.timestamps_s) % _GIVE_BACK_FRAMES == 0:
            give_back()


def _same(before: Sequence[np.ndarray], after: Sequence[np.ndarray]) -> bool:
    """Whether everybody before is there after: bodies [33, 6]."""

    def near(one: np.ndarray, other: np.ndarray) -> bool:
        return float(np.linalg.norm(one[:, :2] - other[:, :2], axis=-1).mean()) < _SAME_SHARE * size_px(one[:, :2])

    return all(any(near(one, other) for other in after) for one in before)


def _pass_over(before: Seen, after: Seen, frame: int) -> None:
    """The one before, which ends there, goes on with the other one from `frame` on."""
    for step in range(1, _AGREEING_FRAMES + 1):
        bodies, others = before.bodies[-step], after.bodies[frame - step]
        if len(bodies) == len(others) == 1:
            share = 1 - step / (_AGREEING_FRAMES + 1)
            before.bodies[-step] = [((1 - share) * bodies[0] + share * others[0]).astype(np.float32)]
    before.timestamps_s += after.timestamps_s[frame:]
    before.bodies += after.bodies[frame:]
    before.colours += after.colours[frame:]
    before.background.go_on_with(after.background, after.timestamps_s[frame])


class _Around:
    """Looks at single pictures for more than one person, or for a small one; by whichever tracker asks."""

    def __init__(self, model: Path) -> None:
        self._model, self._lock = model, threading.Lock()

    def look(self, rgb: np.ndarray, found: Sequence[np.ndarray], *, closer: bool) -> None:
        """found: who is known of. Raises _MorePeople."""
        if len(self._in(rgb)) > 1 or (closer and self.others(rgb, found)):
            raise _MorePeople

    def largest(self, rgb: np.ndarray) -> np.ndarray | None:
        """Of the people in parts of the picture the largest, [33, 2] from 0 to 1 of it; None where nobody is."""
        size = rgb.shape[1::-1]
        return max(self._in_parts(rgb, _PART_SHARES), key=lambda points: size_px(points * size), default=None)

    def others(self, rgb: np.ndarray, found: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Others in parts of the picture than the small people who were found, [33, 2] from 0 to 1; none where these are not."""
        if not _are_small(rgb, found):
            return []
        size = rgb.shape[1::-1]
        known = [body[:, :2] for body in found]
        largest_px = max(size_px(points * size) for points in known)
        fitting = [share for share in _PART_SHARES if share * min(size) <= _LARGEST_PART * largest_px]
        out: list[np.ndarray] = []
        for points in self._in_parts(rgb, [*fitting, _PART_SHARES[-1]][:1]):
            if size_px(points * size) >= _LEAST_OTHER * largest_px and not any(
                _overlap(points, other) for other in (*known, *out)
            ):
                out.append(points)
        return out

    def _in_parts(self, rgb: np.ndarray, shares: Sequence[float]) -> Iterator[np.ndarray]:
        size = rgb.shape[1::-1]
        for x, y, side in _parts(rgb.shape[1], rgb.shape[0], shares):
            for body in self._in(rgb[y : y + side, x : x + side]):
                # Who is cut by the edge of a square is whole in the next one.
                if ((body[:, :2] >= 0) & (body[:, :2] <= 1)).all():
                    yield ([x, y] + side * body[:, :2]) / size

    def _in(self, rgb: np.ndarray) -> np.ndarray:
        with self._lock:
            return _still_landmarker(self._model)(rgb, 0)


_until_the_end = contextlib.ExitStack()
atexit.register(_until_the_end.close)


@lru_cache
def _still_landmarker(model: Path) -> BodiesOf:
    """Made once for all clips of a process: of one picture it knows nothing any more at the next."""
    return _until_the_end.enter_context(bodies_landmarker(model, people=2, still=True))


class LookAround:
    """When to look for other people than the one that is followed."""

    def __init__(self) -> None:
        self._again_s, self._place = -math.inf, np.full(2, np.nan)

    def due(self, timestamp_s: float, found: Sequence[np.ndarray], aspect: float) -> bool:
        """For the next frame and the bodies in it, [33, 6], x and y from 0 to 1 of a picture `aspect` times as wide as high."""
        points = found[0][:, :2] * [aspect, 1.0] if found else None
        place = self._place if points is None else points.mean(0)
        # Nobody was there before: NaN, and that counts as moved.
        stayed = points is None or bool(np.linalg.norm(place - self._place) <= _LOOK_AROUND_SHARE * size_px(points))
        if timestamp_s < self._again_s and stayed:
            return False
        self._again_s, self._place = timestamp_s + _LOOK_AROUND_S, place
        return True


def _parts(width: int, height: int, shares: Sequence[float]) -> Iterator[tuple[int, int, int]]:
    """(x, y, side) of the squares in which people are looked for who are too small in the whole picture."""
    for share in shares:
        side = round(share * min(width, height))
        if side < _LEAST_PART_PX:
            continue
        across, down = (
            np.rint(np.linspace(0, long - side, math.ceil(2 * long / side) - 1)).astype(int) for long in (width, height)
        )
        yield from ((int(x), int(y), side) for y in down for x in across)


def _nearing(rgb: np.ndarray, box: np.ndarray) -> Iterator[np.ndarray]:
    """Parts of a picture that grow from the surroundings of a box [2, 2], from 0 to 1, to all of it; the first shows nobody else.

    What is at the middle of the box stays where it is, so that a tracker that is shown them one after the other follows it.
    """
    size = np.array(rgb.shape[1::-1])
    middle, reach = box.mean(0).clip(0, 1), _AROUND_BOX / 2 * np.ptp(box, axis=0)
    (left, top), (right, bottom) = ((size * edge.clip(0, 1)).astype(int) for edge in (middle - reach, middle + reach))
    shown = np.full_like(rgb, 128)
    shown[top:bottom, left:right] = rgb[top:bottom, left:right]
    share = min(2 * float(reach.max()), 1.0)
    while True:
        x, y = np.rint((1 - share) * middle * size).astype(int)
        width, height = np.maximum(np.rint(share * size), 1).astype(int)
        yield shown[y : y + height, x : x + width]
        if share == 1 and shown is rgb:
            return
        shown, share = rgb, min(share * _GROWTH, 1.0)


def _colours(rgb: np.ndarray, body: np.ndarray) -> np.ndarray:
    """What the clothes of a body [33, 6] look like, 0 to 1: [K, 3]. Out of the picture: its edge."""
    height, width = rgb.shape[:2]
    points = body[:, :2] * [width, height]
    reach = _PATCH_SHARE * size_px(points)
    places = points[_CLOTHES_FROM] + _CLOTHES_SHARE * (points[_CLOTHES_TO] - points[_CLOTHES_FROM])
    x, y = (np.rint(places[:, axis, None] + reach * _PATCH).astype(int) for axis in (0, 1))
    patches = rgb[y.clip(0, height - 1)[:, :, None], x.clip(0, width - 1)[:, None, :]]  # [K, 7, 7, 3]
    return patches.mean((1, 2)) / 255


def _pictures(
    decoded: Generator[tuple[float, np.ndarray], None, None], end_s: float
) -> Generator[tuple[float, np.ndarray], None, None]:
    """Those before `end_s`, no larger than the detector can use."""
    with contextlib.closing(decoded):
        for timestamp_s, rgb in decoded:
            if timestamp_s >= end_s:
                return
            yield timestamp_s, shrunk(rgb)


def _with_bodies(
    pictures: Generator[tuple[float, np.ndarray], None, None], finder: _Finder
) -> Generator[tuple[float, np.ndarray, list[np.ndarray]], None, None]:
    """The same pictures with the bodies [33, 6] in each."""
    with contextlib.closing(pictures):
        for timestamp_s, rgb in pictures:
            yield timestamp_s, rgb, finder.bodies(timestamp_s, rgb)


class _Finder(contextlib.ExitStack):
    """The bodies in one picture after another, at most so many.

    closer: small ones are looked for while nobody is found. Of several people small ones are looked for beside small ones; each
    has a tracker of its own, since what is shown to one of all would be shown without the others.
    """

    def __init__(self, model: Path, people: int, around: _Around, *, closer: bool) -> None:
        super().__init__()
        self._model, self._people, self._around, self._closer = model, people, around, closer
        self._of_all = self.enter_context(bodies_landmarker(model, people=people))
        self._of_one: list[tuple[contextlib.ExitStack, BodiesOf]] = []
        self._last_ms, self._again_s = -1, -math.inf

    def bodies(self, timestamp_s: float, rgb: np.ndarray) -> list[np.ndarray]:
        found = self._found(self._of_all, timestamp_s, rgb)
        going_on = []
        for stack, of_one in self._of_one:
            if (body := self._found(of_one, timestamp_s, rgb)) and not any(_overlap(body[0], other) for other in found):
                found += body
                going_on.append((stack, of_one))
            else:
                stack.close()
        self._of_one = going_on
        if timestamp_s >= self._again_s:
            if not found and self._closer:
                self._again_s = timestamp_s + _LOOK_AROUND_S
                if (points := self._around.largest(rgb)) is not None:
                    found = self._nearing(self._of_all, timestamp_s, rgb, points)
            elif self._people > 1 and 0 < len(found) < self._people:
                self._again_s = timestamp_s + _LOOK_AROUND_S
                for points in self._around.others(rgb, found)[: self._people - len(found)]:
                    found += self._one_more(timestamp_s, rgb, points)
        return found

    def _one_more(self, timestamp_s: float, rgb: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
        stack = self.enter_context(contextlib.ExitStack())
        of_one = stack.enter_context(bodies_landmarker(self._model, people=1))
        if body := self._nearing(of_one, timestamp_s, rgb, points):
            self._of_one.append((stack, of_one))
        else:
            stack.close()
        return body

    def _nearing(self, bodies_of: BodiesOf, timestamp_s: float, rgb: np.ndarray, points: np.ndarray) -> list[np.ndarray]:
        bodies: list[np.ndarray] = []
        for part in _nearing(rgb, np.array([points.min(0), points.max(0)])):
            if not (bodies := self._found(bodies_of, timestamp_s, part)):
                break
        return bodies

    def _found(self, bodies_of: BodiesOf, timestamp_s: float, rgb: np.ndarray) -> list[np.ndarray]:
        # Whole milliseconds must increase, which rounding alone does not give above 500 frames a second.
        self._last_ms = max(self._last_ms + 1, round(timestamp_s * 1000))
        return [body for body in bodies_of(rgb, self._last_ms) if np.isfinite(body).all()]


def _are_small(rgb: np.ndarray, bodies: Sequence[np.ndarray]) -> bool:
    """Whether all of the bodies [33, 6] are so small that there may be others that the detector does not see."""
    size = rgb.shape[1::-1]
    return bool(bodies) and max(size_px(body[:, :2] * size) for body in bodies) < SMALL * max(size)


def _overlap(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the boxes around points [33, 2 or more] are likely one person's."""
    low = np.maximum(one[:, :2].min(0), other[:, :2].min(0))
    high = np.minimum(one[:, :2].max(0), other[:, :2].max(0))
    area = min(float(np.ptp(points[:, :2], axis=0).prod()) for points in (one, other))
    return float((high - low).clip(0).prod()) > _OVERLAP * area


def made_ahead(made: Generator[_Made, None, None]) -> Generator[_Made, None, None]:
    """The same in the same order, but made by a thread of its own, a few ahead of the one that is looked at; by this thread where
    the process may use only one."""
    with contextlib.closing(made):
        if thread_count() == 1:
            yield from made
            return
        with ThreadPoolExecutor(1, "ahead") as pool:
            waiting = deque(pool.submit(next, made, None) for _ in range(_PICTURES_AHEAD))
            while (one := waiting.popleft().result()) is not None:
                waiting.append(pool.submit(next, made, None))
                yield one


def shrunk(rgb: np.ndarray) -> np.ndarray:
    """The picture, made smaller where it is larger than the detector can use; landmarks are relative to its size anyway."""
    height, width = rgb.shape[:2]
    scale = _MAX_DETECTOR_SIDE_PX / max(width, height)
    if scale >= 1:
        return rgb
    return cv2.resize(rgb, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)
