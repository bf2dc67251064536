"""The field's measures. Arrays are [..., J, 3] in metres; results in metres unless the name says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mpjpe(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean per-joint position error of each pose, roots as given: [..., J, 3] -> [...]."""
    return np.linalg.norm(predicted - truth, axis=-1).mean(-1)


def similarity_aligned(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`predicted` after the rotation, scale and shift that bring each pose nearest to `truth` (Procrustes, no reflection)."""
    mu_p, mu_t = predicted.mean(-2, keepdims=True), truth.mean(-2, keepdims=True)
    p, t = predicted - mu_p, truth - mu_t
    u, s, vt = np.linalg.svd(np.swapaxes(p, -1, -2) @ t)
    sign = np.ones_like(s)
    sign[..., -1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[..., None, :]) @ vt
    scale = (s * sign).sum(-1) / np.maximum((p**2).sum((-1, -2)), 1e-12)
    return scale[..., None, None] * (p @ rotation) + mu_t


def p_mpjpe(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """MPJPE after similarity alignment of each pose: [..., J, 3] -> [...]."""
    return mpjpe(similarity_aligned(predicted, truth), truth)


def scale_aligned(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """`predicted` after the best scale of each pose, roots as given."""
    scale = (predicted * truth).sum((-1, -2)) / np.maximum((predicted**2).sum((-1, -2)), 1e-12)
    return scale[..., None, None] * predicted


def n_mpjpe(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """MPJPE after the best scale of each pose: [..., J, 3] -> [...]."""
    return mpjpe(scale_aligned(predicted, truth), truth)


def velocity_errors(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean per-joint velocity error of each step of a sequence, metres a frame: [T, J, 3] -> [T - 1]."""
    return mpjpe(np.diff(predicted, axis=0), np.diff(truth, axis=0))


def mpjve(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean per-joint velocity error of a sequence, metres a frame: [T, J, 3] -> scalar."""
    return velocity_errors(predicted, truth).mean()


def acceleration_errors(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean per-joint acceleration error around each inner frame, metres a frame a frame: [T, J, 3] -> [T - 2]."""
    return mpjpe(np.diff(predicted, n=2, axis=0), np.diff(truth, n=2, axis=0))


def sides_exchanged(predicted: np.ndarray, truth: np.ndarray, mirror: Sequence[int], *, clearly: float = 0.75) -> np.ndarray:
    """Poses that would be clearly nearer to the truth with left and right exchanged: [..., J, 3] -> [...] bool.

    mirror: each joint's place on the other side. Size is left out, the heading is not: turned until they fit, a person who faces
    the camera and one who turns the back to it are much alike.
    """
    return n_mpjpe(predicted[..., list(mirror), :], truth) < clearly * n_mpjpe(predicted, truth)


def direction_error_deg(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Angle between vectors, degrees: [..., 3] -> [...]."""
    a = predicted / np.maximum(np.linalg.norm(predicted, axis=-1, keepdims=True), 1e-12)
    b = truth / np.maximum(np.linalg.norm(truth, axis=-1, keepdims=True), 1e-12)
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=-1) / 2, 0, 1)))
