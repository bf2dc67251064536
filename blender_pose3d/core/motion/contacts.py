"""Which part of which foot stands on the ground, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import Pose3DError
from ..filtering import rolling_minimum, smoothed
from ..rotations import unit

# The order of the columns of a mask.
PARTS: tuple[tuple[str, str], ...] = (("left", "heel"), ("left", "toe"), ("right", "heel"), ("right", "toe"))
# At this height or speed a part is as likely to stand as to be in the air.
_HEIGHT_M = 0.12
_SPEED_M_S = 0.28
# How much evidence a change between standing and moving needs: what keeps a contact whole where one frame is in doubt.
_CHANGE = 2.0
_MOST_EVIDENCE = 2.0
# What is more than any contact is worth.
_CERTAIN = 1e6
_STEADY_S = 0.03
_ALONG_STEADY_S = 0.04
# Of two feet the slower one carries the body: what a speed that is e times less than the other foot's counts, at most 1, with
# speeds below the second not told apart.
_SLOWER_SHARE, _SLOWEST_M_S = 0.5, 0.1
# In a contact of heel and toe this long: how far the heel may be above or below its usual height over the toe.
_FLAT_S = 0.3
_UP_M = 0.04
# Its usual height over the toe is no more than this, and no less: heels of people who lie are far below their toes.
_LEAST_SLOPE_M, _MOST_SLOPE_M = -0.05, 0.10
_BEYOND_S = 0.12
# A heel that is faster than this is on its way up.
_RISING_M_S = 0.12
# A contact this long that ends so far from where it began, across the line of sight, as its first and last moments have it, is
# two, if it was on the way, but for these shares of it at both ends, no longer than a step takes.
_TWO_STANDS_S, _STEP_M, _ENDS_S, _PARTED, _STEP_S = 0.6, 0.08, 0.12, 0.1, 0.6
# Below this confidence a foot is a guess.
UNSEEN = 0.25
_HEIGHT_STEADY_S, _SURE_STEADY_S = 0.03, 0.04
# No foot stands whose ankle is so much higher than the pelvis.
_ABOVE_HIPS_M = 0.1
# Whose centre of mass is pulled down by more than half of gravity's acceleration stands on nothing: at the top of a jump feet are
# as still as on the ground. It is taken from so much of the time around.
_FALLS_M_S2, _FALL_STEADY_S = 5.0, 0.04
# How much a speed along the line of sight counts.
_ALONG_SHARE = 0.3


@dataclass(frozen=True, order=True)
class Contact:
    """`part` ("heel" or "toe") of the foot of `side` ("left" or "right") stands still on the ground from start_s to end_s."""

    start_s: float
    end_s: float
    side: str
    part: str


def mask_of(contacts: Sequence[Contact], timestamps_s: np.ndarray) -> np.ndarray:
    """[T, 4] bool, columns as in PARTS. Raises Pose3DError for a contact that is none."""
    mask = np.zeros((len(timestamps_s), len(PARTS)), bool)
    for contact in contacts:
        if (contact.side, contact.part) not in PARTS or not contact.start_s <= contact.end_s:
            raise Pose3DError(
                f"The contact '{contact.side} {contact.part}' from {contact.start_s:g} to {contact.end_s:g} s is not one.",
                hint="Choose left or right, heel or toe, and an end after the start.",
            )
        within = (timestamps_s >= contact.start_s - 1e-6) & (timestamps_s <= contact.end_s + 1e-6)
        mask[within, PARTS.index((contact.side, contact.part))] = True
    return mask


def contacts_of(mask: np.ndarray, timestamps_s: np.ndarray) -> tuple[Contact, ...]:
    """The intervals of a mask [T, 4], by their start. The first and last time are those of frames in contact."""
    found = []
    for column, (side, part) in enumerate(PARTS):
        for first, last in stretches(mask[:, column]):
            found.append(Contact(float(timestamps_s[first]), float(timestamps_s[last]), side, part))
    return tuple(sorted(found))


def stretches(flags: np.ndarray) -> list[tuple[int, int]]:
    """First and last index of each run of True: [T]."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def without_short_breaks(flags: np.ndarray, timestamps_s: np.ndarray, shortest_s: float) -> np.ndarray:
    """The flags [T] without breaks that are shorter, but for those at the ends."""
    out = flags.copy()
    for first, last in stretches(~flags):
        if first > 0 and last < len(flags) - 1 and timestamps_s[last] - timestamps_s[first] < shortest_s:
            out[first : last + 1] = True
    return out


def how_seen(confidence: np.ndarray) -> np.ndarray:
    """0 up to the confidence UNSEEN, 1 from twice that on."""
    return np.clip((confidence - UNSEEN) / UNSEEN, 0.0, 1.0)


def standing(
    parts_m: np.ndarray,
    path_m: np.ndarray,
    eye_m: np.ndarray,
    sure: np.ndarray,
    timestamps_s: np.ndarray,
    in_the_air: np.ndarray | None = None,
) -> np.ndarray:
    """Which heels and toes are in contact: mask [T, 4]. parts_m [T, 4, 3] relative to the pelvis and its path [T, 3], z up, seen
    from eye_m [T, 3] with confidence `sure` [T, 4]; in_the_air [T] as `falling` says.
    """
    places = path_m[:, None] + parts_m
    heights = smoothed(places[..., 2], timestamps_s, _HEIGHT_STEADY_S)
    ground = smoothed(rolling_minimum(heights.min(axis=1), timestamps_s, 0.4), timestamps_s, 0.15)
    quick = speeds(places, timestamps_s, eye_m=eye_m)
    found = detect(heights - ground[:, None], quick, sure, timestamps_s, in_the_air=in_the_air)
    # A foot behind a table may stand or not.
    found = found & (smoothed(sure, timestamps_s, _SURE_STEADY_S) > UNSEEN)
    return _step_by_step(found, places, eye_m, timestamps_s)


def falling(mass_z_m: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """When somebody is in the air: [T], from the height of their centre of mass [T]."""
    if len(timestamps_s) < 3:
        return np.zeros(len(timestamps_s), bool)
    speed = np.gradient(smoothed(mass_z_m, timestamps_s, _FALL_STEADY_S), timestamps_s)
    return np.asarray(np.gradient(speed, timestamps_s) < -_FALLS_M_S2)


def overhead(ankles_m: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """Which feet are above the hips, of somebody on their head or their back, and so stand on nothing: [T, 4] for heels and toes.
    ankles_m [T, 2]: how high the ankles are above the pelvis, left and right.
    """
    return np.asarray(smoothed(ankles_m, timestamps_s, _HEIGHT_STEADY_S) > _ABOVE_HIPS_M).repeat(2, axis=1)


def _step_by_step(mask: np.ndarray, places_m: np.ndarray, eye_m: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The mask [T, 4] with contacts parted that begin and end at two places: a small step towards the camera is slow in the
    picture from frame to frame, but what it went is there to see. Where it went between the two, it did not stand.
    """
    out = mask.copy()
    for column in range(mask.shape[1]):
        for first, last in stretches(mask[:, column]):
            stand = slice(first, last + 1)
            at = times[stand]
            if at[-1] - at[0] < _TWO_STANDS_S:
                continue
            place = places_m[stand, column]
            sight = unit((place - eye_m[stand]).mean(axis=0))
            across = place - (place @ sight)[:, None] * sight
            begin, end = (np.median(across[near], axis=0) for near in (at <= at[0] + _ENDS_S, at >= at[-1] - _ENDS_S))
            way = end - begin
            if (step := float(np.linalg.norm(way))) < _STEP_M:
                continue
            share = (across - begin) @ way / step**2
            there = np.flatnonzero(share >= 1 - _PARTED)
            here = np.flatnonzero(share <= _PARTED)
            here = here[here < there.max(initial=0)]
            if len(here):
                left, came = here[-1], there[there > here[-1]][0]
                if at[came] - at[left] <= _STEP_S:
                    out[first + left + 1 : first + came, column] = False
    return out


def detect(
    heights_m: np.ndarray,
    speeds_m_s: np.ndarray,
    confidence: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    in_the_air: np.ndarray | None = None,
) -> np.ndarray:
    """Mask [T, 4] from each part's height above the ground, speed and confidence, [T, 4] each, for a person of 1.75 m; none
    where they are known to be in the air [T].

    Standing and moving are the two states of a Markov chain, and the most likely path through them is taken (Viterbi): a doubtful
    frame does not break a contact, as one threshold would, nor does it begin one. Then once more with the slope of the sole: a
    foot that stands flat for a while has a slope of its own, whatever the picture makes of it, and who rises onto the toes or
    lies on the heels shows another.
    """
    evidence = 1.0 - (np.maximum(heights_m, 0) / _HEIGHT_M) ** 2 / 2 - (speeds_m_s / _SPEED_M_S) ** 2 / 2
    foot = speeds_m_s.reshape(-1, 2, 2).min(axis=2) + _SLOWEST_M_S
    slower = np.repeat(np.clip(_SLOWER_SHARE * np.log(foot[:, ::-1] / foot), -1.0, 1.0), 2, axis=1)
    # The evidence of a second is the same at every frame rate.
    step = np.gradient(timestamps_s) if len(timestamps_s) > 1 else np.ones(1)
    worth = np.clip(confidence, 0.05, 1.0) * np.clip(step / 0.04, 0.1, 2.0)[:, None]
    none = np.zeros(len(heights_m), bool) if in_the_air is None else in_the_air

    def found(evidence: np.ndarray) -> np.ndarray:
        telling = (np.clip(2 * evidence, -_MOST_EVIDENCE, _MOST_EVIDENCE) + 2 * slower) * worth
        return two_state_path(np.where(none[:, None], -_CERTAIN, telling), _CHANGE)

    return found(evidence - _sloping(heights_m, found(evidence), timestamps_s))


def _sloping(heights_m: np.ndarray, mask: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """What the sole's slope says against a contact, where the foot stands flat for a while: [T, 4]."""
    against = np.zeros(mask.shape)
    for heel, toe in ((0, 1), (2, 3)):
        slope = heights_m[:, heel] - heights_m[:, toe]
        for first, last in stretches(mask[:, heel] & mask[:, toe]):
            if timestamps_s[last] - timestamps_s[first] < _FLAT_S:
                continue
            ends = np.searchsorted(timestamps_s, [timestamps_s[first] - _BEYOND_S, timestamps_s[last] + _BEYOND_S])
            near = slice(*ends)
            up = slope[near] - np.clip(np.median(slope[first : last + 1]), _LEAST_SLOPE_M, _MOST_SLOPE_M)
            against[near, heel] = (np.maximum(up, 0) / _UP_M) ** 2 / 2
            against[near, toe] = (np.maximum(-up, 0) / _UP_M) ** 2 / 2
    return against


def heels_off(mask: np.ndarray, speeds_m_s: np.ndarray) -> np.ndarray:
    """The mask [T, 4] with heels that end earlier where the toe goes on to stand: a heel that rises about the toe is slow, slower
    than `detect` can tell from a trembling one, but from there on it is not still again. speeds_m_s [T, 4].
    """
    out = mask.copy()
    for heel, toe in ((0, 1), (2, 3)):
        for first, last in stretches(mask[:, heel]):
            still = np.flatnonzero(speeds_m_s[first : last + 1, heel] <= _RISING_M_S)
            if mask[last, toe] and len(still):
                out[first + still[-1] + 1 : last + 1, heel] = False
    return out


def two_state_path(evidence: np.ndarray, change: float) -> np.ndarray:
    """The path through off and on that gathers most evidence for on [T, N] less `change` for every change: [T, N] bool."""
    frames, count = evidence.shape
    score = np.stack([np.zeros(count), evidence[0]])
    back = np.zeros((frames, 2, count), dtype=int)
    for t in range(1, frames):
        stay, cross = score, score[::-1] - change
        back[t] = np.where(stay >= cross, 0, 1)
        score = np.maximum(stay, cross)
        score[1] += evidence[t]
    on = np.empty((frames, count), dtype=int)
    on[-1] = score.argmax(0)
    for t in range(frames - 1, 0, -1):
        crossed = np.take_along_axis(back[t], on[t][None], axis=0)[0]
        on[t - 1] = np.where(crossed == 1, 1 - on[t], on[t])
    return on.astype(bool)


def speeds(points_m: np.ndarray, timestamps_s: np.ndarray, *, eye_m: np.ndarray) -> np.ndarray:
    """Speed of heels and toes that tremble [T, 4], from their places [T, 4, 3] seen from eye_m [T, 3]. What the picture shows,
    across the line of sight, counts in full. Along it lifted legs slide together, so there a foot is only as fast as it is faster
    than the other one.
    """
    if len(timestamps_s) < 2:
        return np.zeros(points_m.shape[:-1])
    sight = unit(points_m - eye_m[:, None])
    velocity = np.gradient(smoothed(points_m, timestamps_s, _STEADY_S), timestamps_s, axis=0)
    along = (velocity * sight).sum(-1)
    across = np.linalg.norm(velocity - along[..., None] * sight, axis=-1)
    foot = smoothed(np.abs(along), timestamps_s, _ALONG_STEADY_S).reshape(len(along), 2, 2).mean(axis=2)
    excess = np.repeat(foot - foot.min(axis=1, keepdims=True), 2, axis=1)
    return np.hypot(across, _ALONG_SHARE * excess)
