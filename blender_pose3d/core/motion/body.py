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
# The joints that the detector has as landmarks of the same name.
LANDMARK_JOINTS: tuple[str, ...] = tuple(name for name in INDEX if name in LANDMARK_INDEX and name != "nose")
_JOINTS = [INDEX[name] for name in LANDMARK_JOINTS]
_OTHER_SIDE = [
    LANDMARK_INDEX[name.replace("left", "\0").replace("right", "left").replace("\0", "right")] for name in LANDMARK_NAMES
]


def with_constant_bones(positions_m: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """Joints [T, 17, 3] relative to the pelvis with the same directions and one length a bone, the same left and right.

    The length is the median over the frames in which both ends were seen (confidence [T, 17]), over all where there are few.
    """
    lengths: dict[tuple[str, str], float] = {}
    for a, b in _BONES:
        length = np.linalg.norm(positions_m[:, INDEX[b]] - positions_m[:, INDEX[a]], axis=-1)
        sure = np.minimum(confidence[:, INDEX[a]], confidence[:, INDEX[b]]) > 0.5
        lengths[a, b] = float(np.median(length[sure] if sure.sum() >= 5 else length))
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
    joints = track.positions_m[:, _JOINTS]
    marks = [LANDMARK_INDEX[name] for name in LANDMARK_JOINTS]
    twins = [_OTHER_SIDE[i] for i in marks]

    def apart(which: list[int]) -> np.ndarray:
        seen = world[:, which]
        return np.linalg.norm(seen - seen.mean(1, keepdims=True) - joints + joints.mean(1, keepdims=True), axis=-1).sum(1)

    # The joints were mended where the detector took one side for the other; its landmarks in the file were not.
    exchanged = (apart(twins) < apart(marks))[:, None]
    return Landmarks(
        np.where(exchanged[..., None], pixels[:, _OTHER_SIDE], pixels),
        np.where(exchanged[..., None], world[:, _OTHER_SIDE], world),
        np.where(exchanged, confidence[:, _OTHER_SIDE], confidence),
    )
