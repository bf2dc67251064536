"""A detection before it is lifted: frames in which a landmark jumped away and back get it from those around them.

A jump alone proves nothing, a punch looks the same at 25 frames a second: a landmark is mended only where the detector itself was
unsure of it, or where its bone came out longer than that bone ever is in the clip; and a heel or a toe that left the rest of its
foot and came back within a moment, which no foot does.
Gaps stay gaps: lifting interpolates them and says so.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .joints import LANDMARK_INDEX, LANDMARK_NAMES
from .track_file import Pose2DTrack

# From this many body sizes on a landmark is off the line between the frames around it, from this many times its usual distance.
_OFF, _OFF_USUAL = 0.05, 4.0
# And from this share of how far it moved between them.
_OFF_MOVED = 1.0
# An end of a foot that leaves the rest of the foot: the same first share, and how soon it is back.
_FOOT_OFF, _FOOT_BACK_S = 0.04, 0.1
# Frames that are mended in a row.
_LONGEST_JUMP = 2
# Below this confidence, or this share of that around it, the detector was unsure.
_UNSURE, _UNSURE_SHARE = 0.4, 0.7
# Of a bone's length in the picture, in body sizes: what it reaches in the clip, and how far beyond that is too long.
_REACHED, _TOO_LONG = 95.0, 1.25
# What a mended landmark's confidence is worth.
_MENDED_SHARE = 0.5

_SIDES = ("left", "right")
# What a landmark hangs on: the bone that would be too long.
_HANGS_ON = np.array(
    [
        LANDMARK_INDEX[
            {
                **{f"{s}_elbow": f"{s}_shoulder" for s in _SIDES},
                **{f"{s}_wrist": f"{s}_elbow" for s in _SIDES},
                **{f"{s}_{part}": f"{s}_wrist" for s in _SIDES for part in ("pinky", "index", "thumb")},
                **{f"{s}_shoulder": f"{s}_hip" for s in _SIDES},
                **{f"{s}_hip": f"{s}_shoulder" for s in _SIDES},
                **{f"{s}_knee": f"{s}_hip" for s in _SIDES},
                **{f"{s}_ankle": f"{s}_knee" for s in _SIDES},
                **{f"{s}_{part}": f"{s}_ankle" for s in _SIDES for part in ("heel", "foot_index")},
            }.get(name, "nose" if name != "nose" else "left_shoulder")
        ]
        for name in LANDMARK_NAMES
    ]
)
# The ends of the feet: each with what it stays beside, its ankle and its other end.
_FOOT_ENDS = [LANDMARK_INDEX[f"{s}_{part}"] for s in _SIDES for part in ("heel", "foot_index")]
_BESIDE = tuple(
    [LANDMARK_INDEX[f"{s}_{part}"] for s in _SIDES for part in parts] for parts in (("ankle", "ankle"), ("foot_index", "heel"))
)


def mended(detection: Pose2DTrack) -> tuple[Pose2DTrack, int]:
    """The same with the jumps mended, and how many landmarks were: each keeps half of the confidence around it."""
    pixels = detection.landmarks_px.astype(np.float64)
    world = detection.world_landmarks_m.astype(np.float64)
    confidence = detection.landmark_confidence.astype(np.float64)
    found, times = detection.detected, detection.timestamps_s
    bad = _jumps(pixels, confidence, found, times)
    for landmark in np.flatnonzero(bad.any(0)):
        good, frames = found & ~bad[:, landmark], np.flatnonzero(bad[:, landmark])
        for values in (pixels, world):
            values[frames, landmark] = _between(values[:, landmark], good, times, frames)
        around = _between(confidence[:, landmark, None], good, times, frames)[:, 0]
        confidence[frames, landmark] = np.minimum(confidence[frames, landmark], _MENDED_SHARE * around)
    return replace(
        detection,
        landmarks_px=pixels.astype(np.float32),
        world_landmarks_m=world.astype(np.float32),
        landmark_confidence=confidence.astype(np.float32),
    ), int(bad.sum())


def _jumps(pixels: np.ndarray, confidence: np.ndarray, found: np.ndarray, times: np.ndarray) -> np.ndarray:
    """[T, 33] bool: where a landmark jumped away and back and could not have."""
    out: np.ndarray = np.zeros(confidence.shape, dtype=bool)
    if found.sum() < 2 * _LONGEST_JUMP + 3:
        return out
    size = np.nanmedian(np.ptp(pixels[found], axis=1).max(-1))
    bones = np.linalg.norm(pixels - pixels[:, _HANGS_ON], axis=-1) / size
    too_long = bones > _TOO_LONG * np.nanpercentile(bones[found], _REACHED, axis=0)
    for length in range(1, _LONGEST_JUMP + 1):
        count = len(pixels) - length - 1
        if count < 1:
            break
        before, after = np.arange(count), np.arange(count) + length + 1
        whole = np.array([found[t : t + length + 2].all() for t in before])
        doubtful: np.ndarray = np.zeros((count, len(LANDMARK_NAMES)), dtype=bool)
        around = np.minimum(confidence[before], confidence[after])
        for step in range(1, length + 1):
            unsure = (confidence[before + step] < _UNSURE) | (confidence[before + step] < _UNSURE_SHARE * around)
            doubtful |= unsure | too_long[before + step]
        hit = _away(pixels, times, length, whole, _OFF * size) & doubtful
        parted = [_away(pixels[:, _FOOT_ENDS] - pixels[:, beside], times, length, whole, _FOOT_OFF * size) for beside in _BESIDE]
        hit[:, _FOOT_ENDS] |= parted[0] & parted[1] & (times[after] - times[before] <= _FOOT_BACK_S)[:, None]
        hit &= whole[:, None]
        for step in range(1, length + 1):
            out[step : step + count] |= hit
    return out


def _away(points: np.ndarray, times: np.ndarray, length: int, whole: np.ndarray, least_px: float) -> np.ndarray:
    """Whether points [T, N, 2] are off the line between the frames around so many, in all of them: [T - length - 1, N] bool.
    whole [T - length - 1]: where they were found in all of these frames.
    """
    start, end = points[: -length - 1], points[length + 1 :]
    span = (times[length + 1 :] - times[: -length - 1])[:, None, None]
    off: list[np.ndarray] = []
    for step in range(1, length + 1):
        share = (times[step : step - length - 1] - times[: -length - 1])[:, None, None] / span
        off.append(np.linalg.norm(points[step : step - length - 1] - start - share * (end - start), axis=-1))
    least = np.min(off, axis=0)
    usual = np.nanmedian(least[whole], axis=0) if whole.any() else np.inf
    return (least > least_px) & (least > _OFF_USUAL * usual) & (least > _OFF_MOVED * np.linalg.norm(end - start, axis=-1))


def _between(values: np.ndarray, good: np.ndarray, times: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """values [T, N] at `frames` from the good ones around them, along a straight line: [F, N]."""
    return np.stack([np.interp(times[frames], times[good], values[good, axis]) for axis in range(values.shape[1])], axis=1)
