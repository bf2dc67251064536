"""The person's body for the whole clip: one length a bone, landmarks on the side that the joints say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..skeleton import INDEX, LANDMARK_INDEX, LANDMARK_NAMES
from ..tracks import Pose3DTrack

SIDES = ("left", "right")
# Parent before child, the pelvis first.
_BONES: tuple[tuple[str, str], ...] = (
    ("pelvis", "spine"),
    ("spine", "thorax"),
    ("thorax", "nose"),
    ("nose", "head_top"),
    *(
        (a.format(side), b.format(side))
        for side in SIDES
        for a, b in (
            ("pelvis", "{}_hip"),
            ("{}_hip", "{}_knee"),
            ("{}_knee", "{}_ankle"),
            ("thorax", "{}_shoulder"),
            ("{}_shoulder", "{}_elbow"),
            ("{}_elbow", "{}_wrist"),
        )
    ),
)
# An upper arm is so many times as long as its forearm, from joint to joint; how much of that is believed against the clip. A
# network shortens the upper arms of somebody who holds the hands up for a whole clip.
_ARM_RATIO, _ARM_RATIO_SHARE = 1.12, 0.5
# The joints that the detector has as landmarks of the same name.
LANDMARK_JOINTS: tuple[str, ...] = tuple(name for name in INDEX if name in LANDMARK_INDEX and name != "nose")
# What a detector exchanges as one.
_HALVES: tuple[tuple[str, ...], ...] = (
    ("hip", "knee", "ankle", "heel", "foot_index"),
    ("shoulder", "elbow", "wrist", "thumb", "index", "pinky"),
)
# Confidences that are the same.
_SAME = 1e-4
_OTHER_SIDE = [
    LANDMARK_INDEX[name.replace("left", "\0").replace("right", "left").replace("\0", "right")] for name in LANDMARK_NAMES
]


def with_constant_bones(positions_m: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Joints [T, 17, 3] relative to the pelvis with the same directions and one length a bone, the same left and right.

    The length is the median over the frames in which both ends were seen (confidence [T, 17]), over all where there are few; an
    arm's two lengths are drawn to the usual ratio.
    """
    lengths: dict[tuple[str, str], float] = {}
    for a, b in _BONES:
        length = np.linalg.norm(positions_m[:, INDEX[b]] - positions_m[:, INDEX[a]], axis=-1)
        sure = np.minimum(confidence[:, INDEX[a]], confidence[:, INDEX[b]]) > 0.5
        lengths[a, b] = float(np.median(length[sure] if sure.sum() >= 5 else length))
    upper, lower = (
        sum(lengths[f"{side}_{a}", f"{side}_{b}"] for side in SIDES) for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))
    )
    ratio = (upper / max(lower, 1e-9)) ** (1 - _ARM_RATIO_SHARE) * _ARM_RATIO**_ARM_RATIO_SHARE
    for side in SIDES:
        whole = (upper + lower) / 2
        lengths[f"{side}_shoulder", f"{side}_elbow"] = whole * ratio / (1 + ratio)
        lengths[f"{side}_elbow", f"{side}_wrist"] = whole / (1 + ratio)
    rebuilt = np.zeros_like(positions_m, dtype=float)
    for a, b in _BONES:
        twin = tuple(n.replace("left", "\0").replace("right", "left").replace("\0", "right") for n in (a, b))
        way = positions_m[:, INDEX[b]] - positions_m[:, INDEX[a]]
        norm = np.linalg.norm(way, axis=-1, keepdims=True)
        mean = (lengths[a, b] + lengths[twin[0], twin[1]]) / 2
        rebuilt[:, INDEX[b]] = rebuilt[:, INDEX[a]] + mean * way / np.maximum(norm, 1e-9)
    return rebuilt


@dataclass(frozen=True)
class Landmarks:
    """The detector's landmarks, left and right as the joints have them, unseen ones held from the nearest frame with none of
    their confidence. pixels [T, 33, 2], world_m [T, 33, 3] in camera axes, confidence [T, 33].
    """

    pixels: np.ndarray
    world_m: np.ndarray
    confidence: np.ndarray

    def of(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Pixels [T, 2], world [T, 3] and confidence [T] of one landmark."""
        i = LANDMARK_INDEX[name]
        return self.pixels[:, i], self.world_m[:, i], self.confidence[:, i]


def landmarks_of(track: Pose3DTrack, nearest: np.ndarray) -> Landmarks:
    """nearest [T]: for each frame the nearest one with a person."""
    pixels = track.landmarks_px[nearest].astype(float)
    world = track.world_landmarks_m[nearest].astype(float)
    confidence = np.where(track.detected[:, None], track.landmark_confidence, 0.0)
    exchanged = [_exchanged(track, world, parts) for parts in _HALVES]
    turned = np.tile(np.arange(len(LANDMARK_NAMES)), (len(track.detected), 1))
    for i, name in enumerate(LANDMARK_NAMES):
        of = [swap for parts, swap in zip(_HALVES, exchanged, strict=True) if name.split("_", 1)[-1] in parts]
        # The face turns where the whole body does.
        turned[np.all(of or exchanged, axis=0), i] = _OTHER_SIDE[i]
    frames = np.arange(len(turned))[:, None]
    return Landmarks(pixels[frames, turned], world[frames, turned], confidence[frames, turned])


def _exchanged(track: Pose3DTrack, world: np.ndarray, parts: tuple[str, ...]) -> np.ndarray:
    """Where the joints of a half of the body were mended because the detector took one side for the other: [T]. Its landmarks in
    the file were not.
    """
    names = [name for name in LANDMARK_JOINTS if name.split("_", 1)[1] in parts]
    joints, marks = [INDEX[name] for name in names], [LANDMARK_INDEX[name] for name in names]
    twins = [_OTHER_SIDE[i] for i in marks]
    # A joint has the confidence of the landmark that it comes from, or none where that is outside of the picture.
    sure = track.confidence[:, joints]
    known = sure > 0
    off, off_twin = (np.where(known, np.abs(sure - track.landmark_confidence[:, of]), 0.0).max(1) for of in (marks, twins))
    positions = track.positions_m[:, joints]

    def apart(which: list[int]) -> np.ndarray:
        seen = world[:, which]
        return np.linalg.norm(seen - seen.mean(1, keepdims=True) - positions + positions.mean(1, keepdims=True), axis=-1).sum(1)

    tells = (np.minimum(off, off_twin) < _SAME) & (np.maximum(off, off_twin) > 10 * _SAME)
    return np.where(tells, off_twin < off, apart(twins) < apart(marks))
