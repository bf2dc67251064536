"""What a body cannot do, taken back gently: a limit is approached and never met with a jolt."""

from __future__ import annotations

import numpy as np

from ..preset import SIDES
from ..rotations import about_axis, apply, unit
from ..skeleton import INDEX

_KNEE_RAD, _ELBOW_RAD = np.radians(155.0), np.radians(155.0)
_NECK_RAD, _SPINE_TURN_RAD = np.radians(75.0), np.radians(70.0)
_MARGIN_RAD = np.radians(15.0)
# A knee that seems to bend backwards by this share of the leg is straight; less than that is the lifter's noise, and so is half
# of it.
_BACKWARDS_SHARE = 0.02

_ARMS = {s: [INDEX[f"{s}_{part}"] for part in ("shoulder", "elbow", "wrist")] for s in SIDES}
_LEGS = {s: [INDEX[f"{s}_{part}"] for part in ("hip", "knee", "ankle")] for s in SIDES}
_ABOVE = [INDEX[name] for name in ("nose", "head_top")]


def limited(joints_m: np.ndarray) -> np.ndarray:
    """Joints [T, 17, 3], any axes, bones as long as before: knees do not bend backwards, knees and elbows not into themselves,
    the shoulders do not turn too far against the hips, nor does the head lean too far.
    """
    joints = _turned_spine(np.array(joints_m, dtype=float))
    joints = _bent_neck(joints)
    hips = joints[:, INDEX["left_hip"]] - joints[:, INDEX["right_hip"]]
    trunk = joints[:, INDEX["thorax"]] - joints[:, INDEX["pelvis"]]
    ahead = unit(np.cross(hips, trunk))
    for side in SIDES:
        joints = _folded(joints, _ARMS[side], _ELBOW_RAD)
        joints = _not_backwards(joints, _LEGS[side], ahead)
        joints = _folded(joints, _LEGS[side], _KNEE_RAD)
    return joints


def softened(angle_rad: np.ndarray, limit_rad: float) -> np.ndarray:
    """Angles from 0 up as they are until near the limit, which they approach and never reach."""
    start = limit_rad - _MARGIN_RAD
    beyond = np.maximum(angle_rad - start, 0.0)
    return np.where(beyond > 0, start + _MARGIN_RAD * (1 - np.exp(-beyond / _MARGIN_RAD)), angle_rad)


def _folded(joints: np.ndarray, limb: list[int], limit_rad: float) -> np.ndarray:
    """Opens a limb that is bent too far, about the axis of its bend."""
    first, middle, last = (joints[:, i] for i in limb)
    upper, lower = middle - first, last - middle
    axis = np.cross(upper, lower)
    bend = np.arctan2(np.linalg.norm(axis, axis=-1), (upper * lower).sum(-1))
    turn = about_axis(unit(axis), softened(bend, limit_rad) - bend)
    joints[:, limb[2]] = middle + apply(turn, lower)
    return joints


def _not_backwards(joints: np.ndarray, limb: list[int], ahead: np.ndarray) -> np.ndarray:
    """Brings a knee that lies behind the line from hip to ankle onto it; the ankle gives way."""
    hip, knee, ankle = (joints[:, i] for i in limb)
    upper, lower = knee - hip, ankle - knee
    whole = np.linalg.norm(upper, axis=-1) + np.linalg.norm(lower, axis=-1)
    line = unit(ankle - hip)
    front = unit(ahead - (ahead * line).sum(-1, keepdims=True) * line)
    # A leg that points ahead or behind has its own front beside the body's: there the body says nothing.
    says = np.linalg.norm(ahead - (ahead * line).sum(-1, keepdims=True) * line, axis=-1)
    out = (upper * front).sum(-1)
    behind = np.maximum(-out, 0.0) * np.clip(2 * says - 1, 0.0, 1.0)
    floor = _BACKWARDS_SHARE * whole
    taken = behind * behind / (behind + floor)
    size = np.linalg.norm(upper, axis=-1, keepdims=True)
    upper = size * unit(upper + taken[:, None] * front)
    size = np.linalg.norm(lower, axis=-1, keepdims=True)
    joints[:, limb[1]] = hip + upper
    joints[:, limb[2]] = hip + upper + size * unit(ankle - hip - upper)
    return joints


def _turned_spine(joints: np.ndarray) -> np.ndarray:
    """Turns shoulders, arms and head back about the trunk where they are turned too far against the hips."""
    pelvis, thorax = joints[:, INDEX["pelvis"]], joints[:, INDEX["thorax"]]
    axis = unit(thorax - pelvis)

    def square(way: np.ndarray) -> np.ndarray:
        return way - (way * axis).sum(-1, keepdims=True) * axis

    hips = square(joints[:, INDEX["left_hip"]] - joints[:, INDEX["right_hip"]])
    shoulders = square(joints[:, INDEX["left_shoulder"]] - joints[:, INDEX["right_shoulder"]])
    angle = np.arctan2((np.cross(hips, shoulders) * axis).sum(-1), (hips * shoulders).sum(-1))
    size = np.abs(angle)
    # Half round, nobody knows which way: no limit there, and a smooth way to none.
    known = np.clip((np.pi - size) / np.radians(30.0), 0.0, 1.0)
    back = np.sign(angle) * (softened(size, _SPINE_TURN_RAD) - size) * known
    turn = about_axis(axis, back)[:, None]
    moved = [*_ARMS["left"], *_ARMS["right"], *_ABOVE]
    joints[:, moved] = thorax[:, None] + apply(turn, joints[:, moved] - thorax[:, None])
    return joints


def _bent_neck(joints: np.ndarray) -> np.ndarray:
    """Brings the head back towards the trunk's line where it leans too far."""
    pelvis, thorax = joints[:, INDEX["pelvis"]], joints[:, INDEX["thorax"]]
    trunk, head = thorax - pelvis, joints[:, INDEX["head_top"]] - thorax
    axis = np.cross(trunk, head)
    angle = np.arctan2(np.linalg.norm(axis, axis=-1), (trunk * head).sum(-1))
    turn = about_axis(unit(axis), softened(angle, _NECK_RAD) - angle)[:, None]
    joints[:, _ABOVE] = thorax[:, None] + apply(turn, joints[:, _ABOVE] - thorax[:, None])
    return joints
