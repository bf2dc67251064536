"""Steps that nobody saw: feet behind a table or out of the picture, while the hips go somewhere.

A guess, and marked as one like everything that was not seen: feet that glide along with the hips would be wrong for certain. When
a step falls is in the picture all the same, because hips sway over the foot that carries them and arms swing against the legs;
how long one is follows from the speed by the walk ratio, which is about the same for all people at all speeds (N. Sekiya and H.
Nagasaki, Reproducibility of the walking patterns of normal young adults, 1998).
"""

from __future__ import annotations

import numpy as np

from ..filtering import smoothed
from ..rotations import unit
from .contacts import stretches

# Length of a step by the steps of a second, metres times seconds, for a person of 1.75 m.
_WALK_RATIO_M_S = 0.39
# By how much somebody's own cadence may differ.
_CADENCES = np.linspace(0.75, 1.3, 23)
# Slower hips do not step, faster ones run, which is another gait; and who does not go this far and long does not walk.
_STANDS_M_S, _RUNS_M_S = 0.2, 2.0
_LEAST_WAY_M, _LEAST_S = 0.7, 0.8
_STEADY_S, _SWAY_S = 0.25, 0.35
# How long a lead of the steps over a steady gait lasts.
_PHASE_S = 0.5
# What hips sway and wrists swing.
_SWAY_M, _SWING_M = 0.025, 0.4
# The mean size of that wave while somebody walks: without it nobody does, and larger it is a run or an exercise.
_LIKE_A_WALK = (0.15, 0.8)
# A foot stands this much longer than one of two steps; its heel leaves, and its toe comes, so much earlier and later.
_OVERLAP, _ROLL = 0.12, 0.12
_LIFT_M = 0.06


def guessed_steps(
    path_m: np.ndarray, left: np.ndarray, wrists_m: np.ndarray, unseen: np.ndarray, timestamps_s: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Contacts [T, 4] in the order of contacts.PARTS, none outside of `unseen`, and how high each foot is lifted, left and right:
    [T, 2] metres.

    path_m [T, 3] of the pelvis as the camera in the origin saw it, z up; left [T, 3]: the person's left; wrists_m [T, 2, 3]: left
    and right; unseen [T]: neither foot was seen.
    """
    mask, lift = np.zeros((len(path_m), 4), bool), np.zeros((len(path_m), 2))
    level = unit(left * [1.0, 1.0, 0.0])
    ahead = np.cross(level, [0.0, 0.0, 1.0])
    # Along the line of sight nothing sways that can be seen.
    across = 1.0 - (level * unit(path_m)).sum(-1) ** 2
    swing = ((wrists_m[:, 0] - wrists_m[:, 1]) * ahead).sum(-1)
    for first, last in stretches(unseen):
        frames = slice(first, last + 1)
        times = timestamps_s[frames]
        if times[-1] - times[0] < _LEAST_S:
            continue
        steady = smoothed(path_m[frames, :2], times, _STEADY_S)
        speed = np.linalg.norm(np.gradient(steady, times, axis=0), axis=-1)
        walks = np.zeros(len(times), bool)
        for a, b in stretches((speed > _STANDS_M_S) & (speed < _RUNS_M_S)):
            walks[a : b + 1] = times[b] - times[a] >= _LEAST_S and np.linalg.norm(steady[b] - steady[a]) >= _LEAST_WAY_M
        if not walks.any():
            continue
        cadence = np.where(walks, np.sqrt(speed / _WALK_RATIO_M_S), 0.0)
        steps = np.cumsum(cadence * np.gradient(times))
        sway = ((path_m[frames] - smoothed(path_m[frames], times, _SWAY_S)) * level[frames]).sum(-1) * across[frames]
        arms = swing[frames] - smoothed(swing[frames], times, _SWAY_S)
        # Left and right in turn: a wave of two steps, 0 in the middle of the left foot's stand, when hips are farthest to the
        # left; half a step later the right foot, and with it the left hand, is farthest ahead. Of all cadences the one that both
        # follow.
        seen = walks * (sway / _SWAY_M + 1j * arms / _SWING_M)
        turns = np.exp(1j * np.pi * np.outer(_CADENCES, steps))
        phasor = turns[int(np.abs(turns.conj() @ seen).argmax())]
        nearby = np.stack([(phasor.conj() * seen).real, (phasor.conj() * seen).imag], axis=1)
        lead = smoothed(nearby, times, _PHASE_S)
        if not _LIKE_A_WALK[0] <= np.hypot(*lead[walks].T).mean() <= _LIKE_A_WALK[1]:
            continue
        phase = np.angle(phasor * (lead[:, 0] + 1j * lead[:, 1]))
        for side, shift in ((0, 0.0), (1, np.pi)):
            turn = (phase - shift + np.pi) % (2 * np.pi) - np.pi
            half = np.pi * (0.5 + _OVERLAP)
            stands = walks & (np.abs(turn) <= half)
            mask[frames, 2 * side] = stands & (turn <= half - np.pi * _ROLL)
            mask[frames, 2 * side + 1] = stands & (turn >= -half + np.pi * _ROLL)
            away = np.clip((np.abs(turn) - half) / (np.pi - half), 0.0, 1.0)
            lift[frames, side] = np.where(walks & ~stands, _LIFT_M * np.sin(away * np.pi / 2) ** 2, 0.0)
    return mask, lift
