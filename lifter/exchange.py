"""Frames in which a detector took the left side of a body for its right."""

from __future__ import annotations

import numpy as np

from .joints import INDEX, LIMB_JOINT_NAMES, MIRROR

_LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]


def exchanged_frames(points: np.ndarray, detected: np.ndarray) -> np.ndarray:
    """Frames in which left and right are exchanged: [T, 17, 2], [T] -> [T] bool.

    The path through two states (as detected, exchanged) along which the joints move least (Viterbi). A small cost for being
    exchanged settles which of the two is right: the detector is, mostly.
    """
    limbs = points[:, _LIMBS]
    mirrored = points[:, list(MIRROR)][:, _LIMBS]
    size = np.median(np.ptp(points[detected], axis=1).max(-1)) + 1e-9
    cap = 0.5

    def moved(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.minimum(np.linalg.norm(a - b, axis=-1) / size, cap).sum(-1)

    stay, change = moved(limbs[1:], limbs[:-1]), moved(limbs[1:], mirrored[:-1])  # [T - 1]
    linked = detected[1:] & detected[:-1]
    stay, change = np.where(linked, stay, 0.0), np.where(linked, change, 0.0)
    prior = 0.01  # fitted on rendered pairs: less turns good clips round, more leaves long exchanges
    cost = np.array([0.0, prior])
    back = np.zeros((len(points), 2), dtype=int)
    for t in range(1, len(points)):
        options = cost[:, None] + np.array([[stay[t - 1], change[t - 1]], [change[t - 1], stay[t - 1]]])
        back[t] = options.argmin(0)
        cost = options.min(0) + np.array([0.0, prior])
    state = np.zeros(len(points), dtype=int)
    state[-1] = cost.argmin()
    for t in range(len(points) - 1, 0, -1):
        state[t - 1] = back[t, state[t]]
    return state.astype(bool)
