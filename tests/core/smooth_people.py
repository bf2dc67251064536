"""People who move smoothly and at random within what bodies can do: joints made of angles, the elbows and knees hinges."""

from __future__ import annotations

import numpy as np

from blender_pose3d.core.rotations import about_axis, apply
from blender_pose3d.core.skeleton import INDEX

_X, _Y, _Z = np.eye(3)
# Degrees: at rest the arms hang and the person faces -Y. Slow enough that no joint turns more than some ten degrees a frame.
_ARM_RAISED, _ARM_FORWARDS, _ARM_TURNED, _ELBOW = (5, 120), (-20, 70), (-45, 45), (0, 130)
_THIGH_FORWARDS, _THIGH_OUT, _THIGH_TURNED, _KNEE = (-20, 80), (-5, 25), (-20, 20), (0, 110)


def _wave(random: np.random.Generator, times: np.ndarray, low: float, high: float) -> np.ndarray:
    """A smooth curve between low and high degrees, in radians: [T]."""
    phases, speeds = random.uniform(0, 2 * np.pi, 3), random.uniform(0.15, 0.7, 3)
    raw = np.mean([np.sin(2 * np.pi * speed * times + phase) for phase, speed in zip(phases, speeds, strict=True)], axis=0)
    return np.radians(low + (high - low) * (raw + 1) / 2)


def joints_m(seed: int, times: np.ndarray, *, least_bend_deg: float = 0.0) -> np.ndarray:
    """[T, 17, 3], z up; elbows and knees bent by at least so much."""
    random = np.random.default_rng(seed)

    def wave(low: float, high: float) -> np.ndarray:
        return _wave(random, times, low, high)

    joints = np.zeros((len(times), 17, 3))
    body = about_axis(_Z, wave(-90, 90)) @ about_axis(_X, wave(-25, 10)) @ about_axis(_Y, wave(-15, 15))
    chest = body @ about_axis(_Z, wave(-30, 30)) @ about_axis(_X, wave(-15, 15)) @ about_axis(_Y, wave(-12, 12))
    joints[:, INDEX["pelvis"]] = pelvis = np.stack([np.sin(times), np.cos(times), 0.9 + 0 * times], axis=-1)
    joints[:, INDEX["thorax"]] = thorax = pelvis + apply(body, 0.25 * _Z) + apply(chest, 0.22 * _Z)
    joints[:, INDEX["spine"]] = pelvis + apply(body, 0.25 * _Z)
    head = chest @ about_axis(_Z, wave(-40, 40)) @ about_axis(_X, wave(-20, 20))
    joints[:, INDEX["nose"]] = thorax + apply(head, 0.15 * _Z - 0.1 * _Y)
    joints[:, INDEX["head_top"]] = thorax + apply(head, 0.28 * _Z)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        shoulder = thorax + apply(chest, 0.18 * sign * _X)
        upper = chest @ about_axis(_Y, -sign * wave(*_ARM_RAISED)) @ about_axis(_X, -wave(*_ARM_FORWARDS))
        upper = upper @ about_axis(_Z, wave(*_ARM_TURNED))
        elbow = shoulder + apply(upper, -0.28 * _Z)
        lower = upper @ about_axis(_X, -np.maximum(wave(*_ELBOW), np.radians(least_bend_deg)))
        joints[:, INDEX[f"{side}_shoulder"]], joints[:, INDEX[f"{side}_elbow"]] = shoulder, elbow
        joints[:, INDEX[f"{side}_wrist"]] = elbow + apply(lower, -0.25 * _Z)
        hip = pelvis + apply(body, 0.1 * sign * _X)
        thigh = body @ about_axis(_Y, -sign * wave(*_THIGH_OUT)) @ about_axis(_X, -wave(*_THIGH_FORWARDS))
        thigh = thigh @ about_axis(_Z, wave(*_THIGH_TURNED))
        knee = hip + apply(thigh, -0.42 * _Z)
        shin = thigh @ about_axis(_X, np.maximum(wave(*_KNEE), np.radians(least_bend_deg)))
        joints[:, INDEX[f"{side}_hip"]], joints[:, INDEX[f"{side}_knee"]] = hip, knee
        joints[:, INDEX[f"{side}_ankle"]] = knee + apply(shin, -0.4 * _Z)
    return joints
