"""Who is who from frame to frame: bodies of numbers that cross, hide, leave and return, and two people of a rendered clip."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifter.errors import LifterError
from lifter.people import assigned, chosen, follow, size_px, without_glimpses, without_phantoms

SIZE = (1280, 720)
FPS = 25.0
_BODY = np.random.default_rng(0).uniform(-0.5, 0.5, (17, 2)) * [80, 300]


def body(x: float, *, size: float = 1.0, facing: int = 1, sway: float = 0.0) -> np.ndarray:
    """[17, 3]: a body of 300 pixels with its middle at x; `facing` mirrors it, `sway` moves its joints."""
    points = _BODY * [facing, 1] * size + [x, 360] + sway * np.sin(np.arange(34)).reshape(17, 2)
    return np.column_stack([points, np.full(17, 0.9)])


def crossing(frames: int = 100) -> tuple[list[list[np.ndarray]], list[list[int]]]:
    """Two people who walk past each other, the second one hidden behind the first, listed in any order; and who each pose is."""
    random = np.random.default_rng(1)
    poses, names = [], []
    for t in range(frames):
        x = [200 + 8.0 * t, 1000 - 8.0 * t]
        people = [(0, body(x[0], sway=random.normal(0, 3))), (1, body(x[1], facing=-1, sway=random.normal(0, 3)))]
        if abs(x[0] - x[1]) < 90:
            people = people[:1]
        order = random.permutation(len(people))
        poses.append([people[i][1] for i in order])
        names.append([people[i][0] for i in order])
    return poses, names


def times(count: int) -> list[float]:
    return [t / FPS for t in range(count)]


@given(st.integers(1, 4), st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_assignment_is_the_cheapest_of_all(rows: int, columns: int, random: object) -> None:
    generator = np.random.default_rng(random.randrange(1 << 30))  # type: ignore[attr-defined]
    cost = generator.random((rows, columns)) * 1.6
    cost[generator.random((rows, columns)) < 0.2] = np.inf
    pairs = assigned(cost)
    assert len({i for i, _ in pairs}) == len({k for _, k in pairs}) == len(pairs)
    total = sum(cost[i, k] for i, k in pairs) + rows - len(pairs)
    best = min(
        sum(cost[i, k] if k < columns else 1.0 for i, k in enumerate(order))
        for order in itertools.permutations(range(columns + rows), rows)
    )
    assert total == pytest.approx(best)


def test_two_people_who_cross_stay_themselves() -> None:
    poses, names = crossing()
    people = follow(poses, times(len(poses)))
    assert len(people) == 2
    for person in people:
        assert len({names[frame][place] for frame, place in person.places.items()}) == 1
    assert len(people[0].places) == len(poses) and len(people[1].places) > 80


def test_nobody_becomes_somebody_far_away() -> None:
    poses = [[body(200.0)] for _ in range(20)] + [[body(1100.0)] for _ in range(30)]
    people = follow(poses, times(50))
    assert [len(person.places) for person in people] == [30, 20]


def test_who_returns_in_the_same_clothes_is_the_same() -> None:
    """Away for ten seconds and back on the other side: only the clothes tell."""
    frames = [*range(20), *range(270, 300)]
    poses = [[body(200.0 if t < 100 else 1100.0)] for t in frames]
    red, blue = np.tile([0.8, 0.1, 0.1], (8, 1)), np.tile([0.1, 0.1, 0.8], (8, 1))
    at = [t / FPS for t in frames]
    assert len(follow(poses, at, [[red]] * 50)) == 1
    assert len(follow(poses, at, [[red if t < 100 else blue] for t in frames])) == 2
    assert len(follow(poses, at)) == 2


def test_who_returns_is_known_by_what_is_seen_of_their_clothes_in_the_end() -> None:
    """In the first frames the landmarks have not settled, and lie on the wall as well."""
    frames = [*range(20), *range(90, 140)]
    poses = [[body(200.0 if t < 90 else 1000.0)] for t in frames]
    red, wall, orange = (np.tile(colour, (8, 1)) for colour in ([0.8, 0.1, 0.1], [0.9, 0.9, 0.9], [0.8, 0.3, 0.1]))
    at = [t / FPS for t in frames]

    def in_the_end(clothes: np.ndarray) -> list[list[np.ndarray]]:
        return [[red if t < 90 else 0.8 * clothes + 0.2 * wall if t < 94 else clothes] for t in frames]

    (person,) = follow(poses, at, in_the_end(red))
    assert list(person.places) == list(range(70)) and person.time_s == at[-1]
    assert len(follow(poses, at, in_the_end(orange))) == 2
    assert len(follow(poses, [*at[:20], *(t - 2.7 for t in at[20:])], in_the_end(red))) == 2, "nobody goes so far in 0.1 s"


def test_who_is_known_by_a_glimpse_of_dark_hair_is_somebody_else() -> None:
    """Where somebody comes in, a small body is found in their hair; it wears the dark clothes of whoever was there before."""
    frames = [*range(60), *range(260, 400), *range(600, 660)]
    at = [t / FPS for t in frames]
    poses = [[body(640.0, size=0.3 if 260 <= t < 266 else 1.0)] for t in frames]
    dark, grey, hair = (np.tile(colour, (8, 1)) for colour in ([0.03, 0.03, 0.05], [0.4, 0.4, 0.42], [0.02, 0.01, 0.04]))
    other, first = follow(poses, at, [[hair if 260 <= t < 266 else grey if 260 <= t < 400 else dark] for t in frames])
    assert list(other.places) == list(range(60, 200)) and list(first.places) == [*range(60), *range(200, 260)]
    # In a jacket that falls open, they are the same.
    (person,) = follow(poses, at, [[0.75 * dark + 0.25 * grey if t >= 262 else dark] for t in frames])
    assert list(person.places) == list(range(260))


def test_who_was_there_for_a_moment_is_not_known_again_by_clothes() -> None:
    """A body found in somebody's hair in one frame, and a minute later somebody else in the same clothes."""
    frames = [0, *range(1500, 1530)]
    at = [t / FPS for t in frames]
    red = [[np.tile([0.8, 0.1, 0.1], (8, 1))]] * len(frames)
    poses = [[body(900.0 if t else 300.0, size=1.0 if t else 0.2)] for t in frames]
    assert [len(person.places) for person in follow(poses, at, red)] == [30, 1]


def kept(sizes: dict[int, float]) -> list[int]:
    """The frames that are left of somebody who has this size in these frames."""
    frames = max(sizes) + 1
    poses = [[body(300.0, size=sizes[t])] if t in sizes else [] for t in range(frames)]
    clothes = [[np.full((8, 3), 0.5)] * len(found) for found in poses]
    (person,) = follow(poses, times(frames), clothes)
    clean = without_phantoms(person, times(frames))
    assert clean.sizes_px == [size_px(poses[t][0]) for t in clean.places] and len(clean.middles_px) == len(clean.places)
    return list(clean.places)


@pytest.mark.parametrize("hair", [{50: 0.2}, {46: 0.38, 47: 0.43, 48: 0.46, 49: 0.3}, {48: 0.3, 55: 0.25}])
def test_a_small_body_in_somebody_who_comes_in_or_leaves_is_nobody(hair: dict[int, float]) -> None:
    whole = dict.fromkeys(range(58, 140), 1.0)
    assert kept(hair | whole) == list(whole)
    backwards = {200 - t: size for t, size in reversed((hair | whole).items())}
    assert kept(backwards) == [200 - t for t in reversed(whole)]
    assert kept(whole | {t + 150: size for t, size in (hair | whole).items()}) == [*whole, *(t + 150 for t in whole)]


@pytest.mark.parametrize(
    "sizes",
    [
        {t: 1 / (6 - 2.0 * t / FPS) for t in range(70)},  # six metres away, walks up to the camera and past it
        {t: 1 / (0.5 + 1.5 * t / FPS) for t in range(100)},  # walks away from it
        {t: 0.35 + 0.65 * min(max(t - 10, 0) / 15, 1.0) for t in range(100)},  # lay with their feet to the camera, and rises
        {t: 0.35 if 50 <= t < 60 else 1.0 for t in range(100)},  # is on the floor for a moment in between
        {t: 1.0 if t > 60 else 0.3 for t in [*range(8), *range(75, 130)]},  # was far away, and comes again
        {t: 0.3 if t < 40 else 1.0 for t in [*range(40), *range(43, 90)]},  # small for longer than a moment
    ],
)
def test_who_is_small_for_a_good_reason_is_kept(sizes: dict[int, float]) -> None:
    assert kept(sizes) == list(sizes)


def test_a_body_that_was_found_twice_is_one() -> None:
    poses = [[body(300.0 + t), body(302.0 + t)] for t in range(20)]
    assert len(follow(poses, times(20))) == 1


def test_the_choice() -> None:
    """A large one on the left for long, a small one in the middle for longer, a giant for a moment."""
    poses = [
        [body(200.0), *([body(640.0, size=0.6)] if t < 55 else []), *([body(1000.0, size=1.5)] if t < 5 else [])]
        for t in range(50)
    ]
    poses += [[body(640.0, size=0.6)] for _ in range(5)]
    people = follow(poses, times(55))

    def middle(choice: str) -> float:
        return float(np.median(chosen(people, choice, SIZE).middles_px, axis=0)[0])

    left, small, giant = (middle(number) for number in "123")
    assert left < small < giant
    assert middle("longest") == middle("largest") == left and middle("middle") == small
    assert len(chosen(people, "anyone", SIZE).places) == 55
    for wrong, sentence in (("4", "only 3 people"), ("0", "no person 0"), ("me", "says nothing")):
        with pytest.raises(LifterError, match=sentence):
            chosen(people, wrong, SIZE)


def seen_again(frames: Iterable[int]) -> list[int]:
    """The frames that are left of somebody who is there in these."""
    there = list(frames)
    poses = [[body(300.0)] if t in there else [] for t in range(max(there) + 100)]
    clothes = [[np.full((8, 3), 0.5)] * len(found) for found in poses]
    at = times(len(poses))
    (person,) = follow(poses, at, clothes)
    clean = without_glimpses(person, at)
    assert len(clean.sizes_px) == len(clean.middles_px) == len(clean.places)
    return list(clean.places)


LONG_STAY = range(100, 160)


@pytest.mark.parametrize("glimpse", [[10], [97], [180, 181], [90, 91, 95], [60, 61, 220, 221]])
def test_a_glimpse_long_before_somebody_comes_or_after_they_are_gone_is_dropped(glimpse: list[int]) -> None:
    assert seen_again(sorted([*glimpse, *LONG_STAY])) == list(LONG_STAY)


@pytest.mark.parametrize(
    "frames",
    [
        [*range(60, 75), *LONG_STAY],  # 0.6 s: a stay
        [*range(86, 96), *LONG_STAY],  # away for less than it lasted
        [*LONG_STAY, 165, 166, *range(171, 240)],  # behind a pillar
        [0, 40, 80, 120],  # hardly ever found: that is all there is
        [7],
    ],
)
def test_what_is_no_glimpse_stays(frames: list[int]) -> None:
    assert seen_again(frames) == frames
