"""Which part of which foot stands on the ground, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import Pose3DError
from ..filtering import smoothed

# The order of the columns of a mask.
PARTS: tuple[tuple[str, str], ...] = (("left", "heel"), ("left", "toe"), ("right", "heel"), ("right", "toe"))
# At this height or speed a part is as likely to stand as to be in the air.
_HEIGHT_M = 0.12
_SPEED_M_S = 0.28
# How much evidence a change between standing and moving needs: what keeps a contact whole where one frame is in doubt.
_CHANGE = 2.0
_MOST_EVIDENCE = 2.0
_STEADY_S = 0.02
_ALONG_STEADY_S = 0.04
# A heel that is faster than this is on its way up.
_RISING_M_S = 0.12
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


def detect(heights_m: np.ndarray, speeds_m_s: np.ndarray, confidence: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """Mask [T, 4] from each part's height above the ground, speed and confidence, [T, 4] each, for a person of 1.75 m.

    Standing and moving are the two states of a Markov chain, and the most likely path through them is taken (Viterbi): a doubtful
    frame does not break a contact, as one threshold would, nor does it begin one.
    """
    evidence = 1.0 - (np.maximum(heights_m, 0) / _HEIGHT_M) ** 2 / 2 - (speeds_m_s / _SPEED_M_S) ** 2 / 2
    evidence = np.clip(2 * evidence, -_MOST_EVIDENCE, _MOST_EVIDENCE) * np.clip(confidence, 0.05, 1.0)
    # The evidence of a second is the same at every frame rate.
    step = np.gradient(timestamps_s) if len(timestamps_s) > 1 else np.ones(1)
    evidence = evidence * np.clip(step / 0.04, 0.1, 2.0)[:, None]
    return two_state_path(evidence, _CHANGE)


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


def speeds(points_m: np.ndarray, sight: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """Speed of heels and toes [T, 4, 3] that tremble: [T, 4]. What the picture shows across the line of sight `sight` [T, 3]
    counts in full. Along it lifted legs slide together, so there a foot is only as fast as it is faster than the other one.
    """
    if len(timestamps_s) < 2:
        return np.zeros(points_m.shape[:-1])
    velocity = np.gradient(smoothed(points_m, timestamps_s, _STEADY_S), timestamps_s, axis=0)
    along = (velocity * sight[:, None]).sum(-1)
    across = np.linalg.norm(velocity - along[..., None] * sight[:, None], axis=-1)
    foot = smoothed(np.abs(along), timestamps_s, _ALONG_STEADY_S).reshape(len(along), 2, 2).mean(axis=2)
    excess = np.repeat(foot - foot.min(axis=1, keepdims=True), 2, axis=1)
    return np.hypot(across, _ALONG_SHARE * excess)
