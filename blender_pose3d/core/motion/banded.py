"""Least squares over a path: unknowns are one vector a frame, and no term reaches farther than two frames ahead."""

from __future__ import annotations

import numpy as np

# Frames that are solved as one dense block: large enough for numpy, small enough that the blocks stay cheap.
_BLOCK = 12
# Frames that are nearer to each other in time count as this far apart, or nothing else would count beside them.
_LEAST_STEP_S = 1e-3


class PathFit:
    """Minimises a sum of squares over x [T, N].

    Weights are inverse variances: scalars [...], or matrices [..., N, N] where directions differ.
    """

    def __init__(self, frames: int, size: int) -> None:
        self._normal = np.zeros((frames, 3, size, size))  # [t, k]: between frame t and t + k
        self._right = np.zeros((frames, size))

    def values(self, weights: np.ndarray, targets: np.ndarray) -> None:
        """x[t] = targets[t]: weights [T] or [T, N, N], targets [T, N]."""
        w = self._matrices(weights)
        self._normal[:, 0] += w
        self._right += np.einsum("tij,tj->ti", w, targets)

    def steps(self, weights: np.ndarray, targets: np.ndarray) -> None:
        """x[t + 1] - x[t] = targets[t]: weights [T - 1] or [T - 1, N, N], targets [T - 1, N]."""
        w = self._matrices(weights)
        self._normal[:-1, 0] += w
        self._normal[1:, 0] += w
        self._normal[:-1, 1] -= w
        pull = np.einsum("tij,tj->ti", w, targets)
        self._right[1:] += pull
        self._right[:-1] -= pull

    def bends(self, weights: np.ndarray, timestamps_s: np.ndarray, targets: np.ndarray | None = None) -> None:
        """The second derivative [T - 2, N] is targets (0 if left out): weights [T - 2]."""
        if len(timestamps_s) < 3:
            return
        c = second_difference(timestamps_s)  # [T - 2, 3]
        w = self._matrices(weights)
        last = len(timestamps_s) - 2
        for i in range(3):
            for k in range(3 - i):
                self._normal[i : i + last, k] += (c[:, i] * c[:, i + k])[:, None, None] * w
            if targets is not None:
                self._right[i : i + last] += c[:, i, None] * np.einsum("tij,tj->ti", w, targets)

    def solve(self) -> np.ndarray:
        """x [T, N]. Block-tridiagonal elimination over blocks of frames."""
        frames, size = self._right.shape
        count = -(-frames // _BLOCK)
        padded = count * _BLOCK
        width = _BLOCK * size
        diagonal = np.zeros((count, _BLOCK, size, _BLOCK, size))
        beyond = np.zeros((count, _BLOCK, size, _BLOCK, size))  # from a block to the next
        normal = np.zeros((padded, 3, size, size))
        normal[:frames] = self._normal
        normal[frames:, 0] = np.eye(size)
        normal[:, 0] += 1e-9 * np.eye(size)
        blocks = normal.reshape(count, _BLOCK, 3, size, size)
        for k in range(3):
            for i in range(_BLOCK):
                j = i + k
                if j < _BLOCK:
                    diagonal[:, i, :, j] = blocks[:, i, k]
                    diagonal[:, j, :, i] = np.swapaxes(blocks[:, i, k], -1, -2)
                else:
                    beyond[:, i, :, j - _BLOCK] = blocks[:, i, k]
        d, b = diagonal.reshape(count, width, width), beyond.reshape(count, width, width)
        right = np.zeros((padded, size))
        right[:frames] = self._right
        value = right.reshape(count, width, 1)
        onward = np.zeros_like(b)
        solved = np.zeros_like(value)
        for n in range(count):
            main, known = d[n], value[n]
            if n:
                main = main - b[n - 1].T @ onward[n - 1]
                known = known - b[n - 1].T @ solved[n - 1]
            both = np.linalg.solve(main, np.concatenate([b[n], known], axis=1))
            onward[n], solved[n] = both[:, :-1], both[:, -1:]
        for n in range(count - 2, -1, -1):
            solved[n] -= onward[n] @ solved[n + 1]
        return solved.reshape(padded, size)[:frames]

    def _matrices(self, weights: np.ndarray) -> np.ndarray:
        size = self._right.shape[1]
        weights = np.asarray(weights, dtype=float)
        return weights if weights.ndim == 3 else weights[:, None, None] * np.eye(size)


def second_difference(timestamps_s: np.ndarray) -> np.ndarray:
    """Coefficients [T - 2, 3] of the second derivative at uneven times."""
    steps = np.maximum(np.diff(timestamps_s), _LEAST_STEP_S)
    before, after = steps[:-1], steps[1:]
    return np.stack([2 / (before * (before + after)), -2 / (before * after), 2 / (after * (before + after))], axis=1)
