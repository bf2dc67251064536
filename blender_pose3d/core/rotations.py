"""Rotations as arrays: quaternions are wxyz, matrices act on columns. Leading shapes broadcast.

What is made here has its components apart in memory, all x before all y: numpy then works on long rows, several times as fast.
"""

from __future__ import annotations

import math

import numpy as np

_TINY = 1e-12


def unit(v: np.ndarray) -> np.ndarray:
    """v / |v| along the last axis; a zero vector stays zero."""
    if v.ndim == 1:
        return v / max(math.sqrt(v @ v), _TINY)
    return v / np.maximum(norm(v), _TINY)[..., None]


def norm(v: np.ndarray) -> np.ndarray:
    """np.linalg.norm along the last axis takes several times as long."""
    return np.sqrt(np.einsum("...i,...i->...", v, v))


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """np.cross of vectors [..., 3] takes twice as long."""
    if a.ndim == b.ndim == 1:
        (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
        return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], float)
    rows = [a[..., j] * b[..., k] - a[..., k] * b[..., j] for j, k in ((1, 2), (2, 0), (0, 1))]
    return _components_last(np.array(rows, float), 1)


def frame(primary: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] of the columns `primary`, the part of `secondary` square to it, and their cross product."""
    x = unit(primary)
    y = unit(secondary - np.einsum("...i,...i->...", secondary, x)[..., None] * x)
    out = _components_last(np.empty((3, 3, *y.shape[:-1])), 2)
    out[..., 0], out[..., 1], out[..., 2] = x, y, cross(x, y)
    return out


def _components_last(rows: np.ndarray, axes: int) -> np.ndarray:
    """The first axes of an array as its last ones; nothing is moved in memory."""
    return rows.transpose(*range(axes, rows.ndim), *range(axes))


def transposed(m: np.ndarray) -> np.ndarray:
    return np.swapaxes(m, -1, -2)


def apply(m: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Matrices [..., 3, 3] on vectors [..., 3]."""
    if m.ndim == 2:
        return (m @ v.T).T if v.ndim == 2 else v @ m.T
    return m[..., 0] * v[..., :1] + m[..., 1] * v[..., 1:2] + m[..., 2] * v[..., 2:]


def swing(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smallest rotation that turns direction a into b: [..., 3] -> [..., 3, 3]. Opposite ones turn about some axis."""
    a, b = unit(a), unit(b)
    cosine = np.einsum("...i,...i->...", a, b)
    # Half-way vector form: exact for all but opposite directions, which get a perpendicular axis.
    q = _components_last(np.empty((4, *cosine.shape)), 1)
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
    q = _components_last(np.empty((4, *xyz.shape[:-1])), 1)
    q[..., :1], q[..., 1:] = np.cos(half), xyz
    return matrix_from_quaternion(q)


def matrix_from_quaternion(q: np.ndarray) -> np.ndarray:
    """Unit quaternions [..., 4] -> [..., 3, 3]."""
    w, x, y, z = (q[..., i] for i in range(4))
    xx, yy, zz, xy, xz, yz, wx, wy, wz = x * x, y * y, z * z, x * y, x * z, y * z, w * x, w * y, w * z
    out = np.empty((3, 3, *q.shape[:-1]))
    out[0, 0], out[0, 1], out[0, 2] = 1 - 2 * (yy + zz), 2 * (xy - wz), 2 * (xz + wy)
    out[1, 0], out[1, 1], out[1, 2] = 2 * (xy + wz), 1 - 2 * (xx + zz), 2 * (yz - wx)
    out[2, 0], out[2, 1], out[2, 2] = 2 * (xz - wy), 2 * (yz + wx), 1 - 2 * (xx + yy)
    return _components_last(out, 2)


def quaternion_from_matrix(m: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] -> unit quaternions [..., 4], by the largest of the four components (Shepperd)."""
    rows = m.reshape(-1, 9).T
    if rows.strides[1] != rows.itemsize:
        rows = np.ascontiguousarray(rows)
    xx, xy, xz, yx, yy, yz, zx, zy, zz = rows
    q = np.empty((4, rows.shape[1]))
    trace = xx + yy + zz
    q[0] = 1 + trace
    np.subtract(zy, yz, out=q[1])
    np.subtract(xz, zx, out=q[2])
    np.subtract(yx, xy, out=q[3])
    far = np.flatnonzero(trace < 1)  # where it is not, w is the largest
    if len(far):
        xx, xy, xz, yx, yy, yz, zx, zy, zz = rows[:, far]
        squares = np.stack([trace[far], xx - yy - zz, yy - xx - zz, zz - xx - yy])  # 4 c^2 - 1 of w, x, y, z
        best = squares.argmax(axis=0)
        d, e, f = yx + xy, xz + zx, zy + yz
        for number, parts in ((1, (zy - yz, None, d, e)), (2, (xz - zx, d, None, f)), (3, (yx - xy, e, f, None))):
            where = np.flatnonzero(best == number)
            for row, part in zip(q, parts, strict=True):
                row[far[where]] = 1 + squares[number, where] if part is None else part[where]
    q /= np.maximum(np.sqrt(np.einsum("in,in->n", q, q)), _TINY)
    return q.T.reshape(*m.shape[:-2], 4)


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
