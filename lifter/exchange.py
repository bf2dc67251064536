"""Frames in which a detector took the left side of a body for its right: of the whole body, or only of its legs or its arms."""

from __future__ import annotations

import numpy as np

from .joints import INDEX, LIMB_JOINT_NAMES, MIRROR

_LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
_HALVES = tuple(
    [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in parts]
    for parts in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))
)
# (legs exchanged, arms exchanged), and what a frame in that state costs: the detector is right, mostly. Chosen on rendered pairs
# that are trained on; 0.01 to 0.02 and 0.03 to 0.05 are alike. Shorter frames cost less: how far joints jump where an exchange
# begins and ends does not hang on the frame rate, and neither may the cost of what lies between.
_STATES = ((False, False), (True, True), (True, False), (False, True))
_COSTS, _COSTS_S = np.array([0.0, 0.01, 0.03, 0.03]), 1 / 30
_FARTHEST = 0.5  # a jump counts at most this share of the body's size


def exchanged_halves(points: np.ndarray, detected: np.ndarray, timestamps_s: np.ndarray | None = None) -> np.ndarray:
    """Where left and right are exchanged: points [T, 17, 2], detected [T] -> [T, 2] bool, of the legs and of the arms.

    The path through four states (as detected, all, only legs, only arms exchanged) along which the joints move least (Viterbi).
    timestamps_s [T]: left out, there are no more than 30 frames a second.
    """
    size = np.median(np.ptp(points[detected], axis=1).max(-1)) + 1e-9
    seen = np.stack([turned(points, np.tile(state, (len(points), 1)))[:, _LIMBS] for state in _STATES])  # [4, T, 12, 2]
    # State by state: all at once would take more memory than everything else about a clip.
    jumps = ((np.linalg.norm(to[1:] - start[:-1], axis=-1) / size for to in seen) for start in seen)  # [T - 1, 12] each
    moved = np.stack([[np.minimum(jump, _FARTHEST).sum(-1) for jump in row] for row in jumps])  # [from, to, T - 1]
    moved = moved * (detected[1:] & detected[:-1])
    lasted_s = np.full(len(points), _COSTS_S)
    if timestamps_s is not None:
        lasted_s[1:] = np.diff(timestamps_s)
    costs = _costs(lasted_s[:, None])  # [T, 4]
    cost, back = costs[0], np.zeros((len(points), len(_STATES)), int)
    for t in range(1, len(points)):
        options = cost[:, None] + moved[:, :, t - 1]
        back[t], cost = options.argmin(0), options.min(0) + costs[t]
    state = np.zeros(len(points), int)
    state[-1] = cost.argmin()
    for t in range(len(points) - 1, 0, -1):
        state[t - 1] = back[t, state[t]]
    return np.array(_STATES)[state]


class ExchangeFilter:
    """The same for frames as they come: the likeliest state of the newest frame, given those before it."""

    def __init__(self) -> None:
        self._before: np.ndarray | None = None  # [4, 12, 2] of the last frame in which somebody was detected
        self._size = 0.0
        self._cost = _COSTS
        self._time_s = 0.0

    def push(self, points: np.ndarray, time_s: float) -> np.ndarray:
        """Joints [17, 2] of a frame with a person -> [1, 2] bool, of the legs and of the arms, as `turned` takes it."""
        size = float(np.ptp(points, axis=0).max()) + 1e-9
        self._size = 0.95 * self._size + 0.05 * size if self._size else size
        seen = np.concatenate([turned(points[None], np.array([state]))[:, _LIMBS] for state in _STATES])
        if self._before is not None:
            jumps = np.linalg.norm(seen[None] - self._before[:, None], axis=-1) / self._size  # [from, to, 12]
            options = self._cost[:, None] + np.minimum(jumps, _FARTHEST).sum(-1)
            self._cost = options.min(0) + _costs(time_s - self._time_s)
            self._cost = self._cost - self._cost.min()
        self._before, self._time_s = seen, time_s
        return np.array([_STATES[int(self._cost.argmin())]])


def _costs(lasted_s: float | np.ndarray) -> np.ndarray:
    """What a frame costs that comes so long after the one before, in each state."""
    return _COSTS * np.minimum(lasted_s / _COSTS_S, 1.0)


def turned(values: np.ndarray, exchanged: np.ndarray) -> np.ndarray:
    """Values of the joints [T, 17, ...] with the exchanged halves turned back; exchanged [T, 2]."""
    out, mirrored = values.copy(), values[:, list(MIRROR)]
    for half, swap in zip(_HALVES, exchanged.T, strict=True):
        out[:, half] = np.where(swap.reshape(-1, *[1] * (values.ndim - 1)), mirrored[:, half], values[:, half])
    return out
