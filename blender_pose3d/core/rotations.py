"""Rotations as arrays: quaternions are wxyz, matrices act on columns. Leading shapes broadcast."""

from __future__ import annotations

import numpy as np

_TINY = 1e-12


def unit(v: np.ndarray) -> np.ndarray:
    """v / |v| along the last axis; a zero vector stays zero."""
    return v / np.maximum(np.linalg.norm(v, axis=-1, keepdims=True), _TINY)


def frame(primary: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] of the columns `primary`, the part of `secondary` square to it, and their cross product."""
    x = unit(primary)
    y = unit(secondary - (secondary * x).sum(-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def transposed(m: np.ndarray) -> np.ndarray:
    return np.swapaxes(m, -1, -2)


def apply(m: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Matrices [..., 3, 3] on vectors [..., 3]."""
    return (m @ v[..., None])[..., 0]


def swing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest rotation that turns direction a into b: [..., 3] -> [..., 3, 3]. Opposite ones turn about some axis."""
    a, b = unit(a), unit(b)
    a, b = np.broadcast_arrays(a, b)
    cosine = (a * b).sum(-1)
    # Half-way vector form: exact for all but opposite directions, which get a perpendicular axis.
    side = np.where(np.abs(a[..., :1]) < 0.9, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    perpendicular = unit(np.cross(a, side))
    q = np.concatenate([(1 + cosine)[..., None], np.cross(a, b)], axis=-1)
    opposite = np.concatenate([np.zeros_like(cosine)[..., None], perpendicular], axis=-1)
    q = np.where((cosine < -1 + 1e-9)[..., None], opposite, q)
    return matrix_from_quaternion(unit(q))


def about_axis(axis: np.ndarray, angle_rad: np.ndarray | float) -> np.ndarray:
    """Rotation by an angle about a unit axis: [..., 3], [...] -> [..., 3, 3]."""
    half = np.asarray(angle_rad, dtype=float)[..., None] / 2
    xyz = np.sin(half) * axis
    w = np.broadcast_to(np.cos(half), (*xyz.shape[:-1], 1))
    return matrix_from_quaternion(np.concatenate([w, xyz], axis=-1))


def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Unit quaternions [..., 4] -> [..., 3, 3]."""
    w, x, y, z = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def quaternion_from_matrix(m: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] -> unit quaternions [..., 4], by the largest of the four components (Shepperd)."""
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    squares = np.stack([xx + yy + zz, xx - yy - zz, yy - xx - zz, zz - xx - yy], axis=-1)  # 4 c^2 - 1 of w, x, y, z
    a, b, c = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    d, e, f = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    candidates = np.stack(
        [
            np.stack([1 + squares[..., 0], a, b, c], -1),
            np.stack([a, 1 + squares[..., 1], d, e], -1),
            np.stack([b, d, 1 + squares[..., 2], f], -1),
            np.stack([c, e, f, 1 + squares[..., 3]], -1),
        ],
        axis=-2,
    )
    best = squares.argmax(-1)
    return unit(np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :])


def continuous(q: np.ndarray) -> np.ndarray:
    """Quaternions [T, ..., 4] with signs such that each is on the side of the one before."""
    flips = np.where((q[1:] * q[:-1]).sum(-1) < 0, -1.0, 1.0)
    signs = np.concatenate([np.ones_like(flips[:1]), np.cumprod(flips, axis=0)]) if len(q) > 1 else np.ones(q.shape[:-1])
    return q * signs[..., None]


def slerp(a: np.ndarray, b: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    """Quaternions from a (share 0) to b (share 1) the short way; `share` broadcasts against the leading shape."""
    cosine = (a * b).sum(-1, keepdims=True)
    b = np.where(cosine < 0, -b, b)
    angle = np.arccos(np.clip(np.abs(cosine), 0, 1))
    sine = np.sin(angle)
    share = np.asarray(share, dtype=float)
    share = share[..., None] if share.ndim else share
    near = sine < 1e-6
    safe = np.where(near, 1.0, sine)
    wa = np.where(near, 1 - share, np.sin((1 - share) * angle) / safe)
    wb = np.where(near, share, np.sin(share * angle) / safe)
    return unit(wa * a + wb * b)


def slerp_matrices(a: np.ndarray, b: np.ndarray, share: np.ndarray | float) -> np.ndarray:
    return matrix_from_quaternion(slerp(quaternion_from_matrix(a), quaternion_from_matrix(b), share))


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle of the rotation a^T b, radians: [..., 3, 3] -> [...]."""
    trace = np.trace(transposed(a) @ b, axis1=-2, axis2=-1)
    return np.arccos(np.clip((trace - 1) / 2, -1, 1))
