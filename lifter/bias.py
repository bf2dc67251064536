"""What is wrong on the average and in which direction: the body's own axes, from where it is seen, and signed errors by view.

All of it comes from the exact joints, so that every method is put under the same view. Poses are [T, 17, 3] in camera axes.
"""

from __future__ import annotations

import numpy as np

from .joints import INDEX

# The directions from which a body is seen. High and low: from so many degrees above and below the plane square to the trunk.
VIEWS = ("front", "side", "back", "high", "low")
_STEEP_DEG = 25.0
_BONES = {
    "thigh": ("hip", "knee"),
    "shin": ("knee", "ankle"),
    "upper arm": ("shoulder", "elbow"),
    "forearm": ("elbow", "wrist"),
}
_SIDES = ("left", "right")


def views(truth_m: np.ndarray) -> np.ndarray:
    """The view of each frame, of `VIEWS`, from joints in camera space: [T, 17, 3] -> [T] str."""
    left, up, forward = np.moveaxis(_body_axes(truth_m), -2, 0)
    to_camera = _unit(-_middle(truth_m, "hip"))
    elevation_deg = np.degrees(np.arcsin(np.clip(_dot(to_camera, up), -1, 1)))
    turned_deg = np.degrees(np.arctan2(np.abs(_dot(to_camera, left)), _dot(to_camera, forward)))
    level = np.where(turned_deg < 45, "front", np.where(turned_deg > 135, "back", "side"))
    return np.where(elevation_deg > _STEEP_DEG, "high", np.where(elevation_deg < -_STEEP_DEG, "low", level))


def signed_errors(predicted_m: np.ndarray, truth_m: np.ndarray) -> dict[str, np.ndarray]:
    """Predicted minus true, frame by frame, of what an animator sees: [T, 17, 3] twice -> name with its unit -> [T].

    The prediction is first brought to the truth's size over the sequence (the sum of the limbs' and the trunk's lengths).
    Forward lean: how far the trunk is turned about the true sideways axis. Bends are 0 for a straight limb. Depths are along the
    camera's axis, from the pelvis. Lengths are compared with the sequence's mean true length.
    """
    predicted, truth = predicted_m - _middle(predicted_m, "hip")[:, None], truth_m - _middle(truth_m, "hip")[:, None]
    true_lengths = _lengths(truth)
    predicted = predicted * (_size(true_lengths) / max(_size(_lengths(predicted)), 1e-9))
    trunk = np.einsum("tij,tj->ti", _body_axes(truth), _middle(predicted, "shoulder"))
    out = {"trunk lean forward deg": np.degrees(np.arctan2(trunk[:, 2], trunk[:, 1]))}
    for joint, ends in (("knee", ("hip", "ankle")), ("elbow", ("shoulder", "wrist"))):
        bends = [_bend_deg(predicted, side, joint, ends) - _bend_deg(truth, side, joint, ends) for side in _SIDES]
        out[f"{joint} bend deg"] = np.mean(bends, axis=0)
    for joint in ("shoulder", "elbow"):
        out[f"{joint} depth mm"] = 1000 * (_middle(predicted, joint) - _middle(truth, joint))[:, 2]
    for name, length in _lengths(predicted).items():
        out[f"{name} length %"] = 100 * (length / true_lengths[name].mean() - 1)
    return out


def _lengths(pose: np.ndarray) -> dict[str, np.ndarray]:
    """Metres, the mean of both sides: name -> [T]."""
    lengths = {
        name: np.mean([_length(pose[:, INDEX[f"{side}_{a}"]] - pose[:, INDEX[f"{side}_{b}"]]) for side in _SIDES], axis=0)
        for name, (a, b) in _BONES.items()
    }
    return {**lengths, "trunk": _length(_middle(pose, "shoulder") - _middle(pose, "hip"))}


def _size(lengths: dict[str, np.ndarray]) -> float:
    return sum(float(length.mean()) for length in lengths.values())


def _body_axes(pose: np.ndarray) -> np.ndarray:
    """Left, up along the trunk and forward as rows: [T, 17, 3] -> [T, 3, 3]."""
    across = [pose[:, INDEX[f"left_{pair}"]] - pose[:, INDEX[f"right_{pair}"]] for pair in ("hip", "shoulder")]
    left = _unit(_unit(across[0]) + _unit(across[1]))
    trunk = _middle(pose, "shoulder") - _middle(pose, "hip")
    up = _unit(trunk - _dot(trunk, left)[:, None] * left)
    return np.stack([left, up, np.cross(left, up)], axis=1)


def _bend_deg(pose: np.ndarray, side: str, joint: str, ends: tuple[str, str]) -> np.ndarray:
    first, middle, last = (pose[:, INDEX[f"{side}_{name}"]] for name in (ends[0], joint, ends[1]))
    return np.degrees(np.arccos(np.clip(_dot(_unit(middle - first), _unit(last - middle)), -1, 1)))


def _middle(pose: np.ndarray, pair: str) -> np.ndarray:
    return (pose[:, INDEX[f"left_{pair}"]] + pose[:, INDEX[f"right_{pair}"]]) / 2


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(-1)


def _length(v: np.ndarray) -> np.ndarray:
    return np.linalg.norm(v, axis=-1)


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), 1e-9)
