"""Rotations as arrays: quaternions are wxyz, matrices act on columns. Leading shapes broadcast."""

from __future__ import annotations

import numpy as np

_TINY = 1e-12


def unit(v: np.ndarray) -> np.ndarray:
    """v / |v| along the last axis; a zero vector stays zero."""
    return v / np.maximum(norm(v), _TINY)[..., None]


def norm(v: np.ndarray) -> np.ndarray:
    """np.linalg.norm along the last axis takes several times as long."""
    return np.sqrt(np.einsum("...i,...i->...", v, v))


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """np.cross of vectors [..., 3] takes twice as long."""
    out = np.empty(np.broadcast_shapes(a.shape, b.shape), np.result_type(a, b, float))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        out[..., i] = a[..., j] * b[..., k] - a[..., k] * b[..., j]
    return out


def frame(primary: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] of the columns `primary`, the part of `secondary` square to it, and their cross product."""
    x = unit(primary)
    y = unit(secondary - np.einsum("...i,...i->...", secondary, x)[..., None] * x)
    out = np.empty((*np.broadcast_shapes(x.shape, y.shape), 3))
    out[..., 0], out[..., 1], out[..., 2] = x, y, cross(x, y)
    return out


def transposed(m: np.ndarray) -> np.ndarray:
    return np.swapaxes(m, -1, -2)


def apply(m: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Matrices [..., 3, 3] on vectors [..., 3]."""
    if m.ndim == 2:
        return v @ m.T
    if v.ndim == 1:
        return (m.reshape(-1, 3) @ v).reshape(m.shape[:-1])
    return (m @ v[..., None])[..., 0]


def swing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest rotation that turns direction a into b: [..., 3] -> [..., 3, 3]. Opposite ones turn about some axis."""
    a, b = unit(a), unit(b)
    cosine = np.einsum("...i,...i->...", a, b)
    # Half-way vector form: exact for all but opposite directions, which get a perpendicular axis.
    q = np.empty((*cosine.shape, 4))
    q[..., 0], q[..., 1:] = 1 + cosine, cross(a, b)
    opposite = cosine < -1 + 1e-9
    if opposite.any():
        a = np.broadcast_to(a, (*cosine.shape, 3))[opposite]
        side = np.where(np.abs(a[..., :1]) < 0.9, np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
        q[opposite] = np.concatenate([np.zeros_like(a[..., :1]), unit(cross(a, side))], axis=-1)
    return matrix_from_quaternion(unit(q))


def about_axis(axis: np.ndarray, angle_rad: np.ndarray | float) -> np.ndarray:
    """Rotation by an angle about a unit axis: [..., 3], [...] -> [..., 3, 3]."""
    half = np.asarray(angle_rad, dtype=float)[..., None] / 2
    xyz = np.sin(half) * axis
    q = np.empty((*xyz.shape[:-1], 4))
    q[..., :1], q[..., 1:] = np.cos(half), xyz
    return matrix_from_quaternion(q)


def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Unit quaternions [..., 4] -> [..., 3, 3]."""
    w, x, y, z = np.moveaxis(q, -1, 0)
    xx, yy, zz, xy, xz, yz, wx, wy, wz = x * x, y * y, z * z, x * y, x * z, y * z, w * x, w * y, w * z
    out = np.empty((*q.shape[:-1], 3, 3))
    out[..., 0, 0], out[..., 0, 1], out[..., 0, 2] = 1 - 2 * (yy + zz), 2 * (xy - wz), 2 * (xz + wy)
    out[..., 1, 0], out[..., 1, 1], out[..., 1, 2] = 2 * (xy + wz), 1 - 2 * (xx + zz), 2 * (yz - wx)
    out[..., 2, 0], out[..., 2, 1], out[..., 2, 2] = 2 * (xz - wy), 2 * (yz + wx), 1 - 2 * (xx + yy)
    return out


def quaternion_from_matrix(m: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] -> unit quaternions [..., 4], by the largest of the four components (Shepperd)."""
    xx, xy, xz, yx, yy, yz, zx, zy, zz = np.ascontiguousarray(m.reshape(-1, 9).T)
    squares = np.stack([xx + yy + zz, xx - yy - zz, yy - xx - zz, zz - xx - yy])  # 4 c^2 - 1 of w, x, y, z
    a, b, c, d, e, f = zy - yz, xz - zx, yx - xy, yx + xy, xz + zx, zy + yz
    q = np.stack([1 + squares[0], a, b, c])
    others = ((1, (a, None, d, e)), (2, (b, d, None, f)), (3, (c, e, f, None)))
    best = squares.argmax(axis=0)
    if best.any():  # of most bones the fourth is the largest all the time
        for number, parts in others:
            where = np.flatnonzero(best == number)
            for row, part in zip(q, parts, strict=True):
                row[where] = 1 + squares[number, where] if part is None else part[where]
    q /= np.maximum(np.sqrt((q * q).sum(axis=0)), _TINY)
    return np.ascontiguousarray(q.T).reshape(*m.shape[:-2], 4)


def continuous(q: np.ndarray) -> np.ndarray:
    """Quaternions [T, ..., 4] with signs such that each is on the side of the one before."""
    flips = np.einsum("...i,...i->...", q[1:], q[:-1]) < 0
    if not flips.any():
        return q
    signs = np.ones(q.shape[:-1])
    signs[1:] = 1 - 2 * (np.cumsum(flips, axis=0) % 2)
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
    trace = np.einsum("...ij,...ij->...", a, b)
    return np.arccos(np.clip((trace - 1) / 2, -1, 1))
