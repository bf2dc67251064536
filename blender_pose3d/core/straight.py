"""About which axis an elbow or knee would bend while its limb is straight: as people's do where the limb points there.

A raised arm turns outwards about itself: hanging it bends to the front, level upwards by a third as well, overhead inwards. A leg
that is raised to the side turns outwards too. Carried without a twist of its own, an arm overhead would have its palm outwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rig import RigSpec
from .rotations import apply, cross, swing, unit

_UP = np.array([0.0, 0.0, 1.0])
# An arm that points outwards and so far down bends to the front; others are carried from there. No arm points the opposite way.
_CARRIED_FROM_RAD = np.radians(22.5)
# How far an upper arm is turned outwards when level, and how much more when it points up along the trunk: fitted to elbows that
# are bent by 25 degrees or more in 48 minutes of motion capture (`bench mocap` says how well).
_ARM_LEVEL_RAD, _ARM_RAISED_RAD = np.radians((36.0, 44.5))
# The same of a thigh, for one that is level and points straight to the side.
_THIGH_RAD = np.radians(55.0)


@dataclass(frozen=True)
class Straight:
    """A limb of a rig. axes [3, 3]: outwards, ahead and up, as rows; beside_rad: how far its own axis is turned from people's.
    All at rest, armature axes.
    """

    is_arm: bool
    axes: np.ndarray
    upper_rest: np.ndarray
    beside_rad: float

    def axis(self, upper: np.ndarray) -> np.ndarray:
        """The axis for upper limbs that point there, [T, 3] -> [T, 3], as if what the limb hangs on were at rest. Near the rest
        pose it is the rig's own.
        """
        near = np.maximum(upper @ self.upper_rest, 0.0) ** 2
        return _turned(self._peoples(upper), upper, near * self.beside_rad)

    def _peoples(self, upper: np.ndarray) -> np.ndarray:
        return unit(cross(upper, bends_to(self.is_arm, upper @ self.axes.T) @ self.axes))


def straight(rig: RigSpec, side: str, part: str, upper_rest: np.ndarray, axis_rest: np.ndarray) -> Straight:
    """The straight limb of which part, "upper_arm" or "thigh", is the upper bone; all at rest, armature axes."""
    outwards = unit(rig.across(part)) * (1.0 if side == "left" else -1.0)
    trunk = rig.middle("upper_arm") - rig.middle("thigh")
    up = unit(trunk - (trunk @ outwards) * outwards)
    front = apply(rig.armature_from_world, rig.front_world)
    ahead = cross(outwards, up)
    limb = Straight(part == "upper_arm", np.stack([outwards, ahead if ahead @ front > 0 else -ahead, up]), upper_rest, 0.0)
    theirs = limb.axis(upper_rest[None])[0]
    beside = np.arctan2(cross(theirs, axis_rest) @ upper_rest, theirs @ axis_rest)
    return Straight(limb.is_arm, limb.axes, upper_rest, float(beside))


def bends_to(is_arm: bool, upper: np.ndarray) -> np.ndarray:
    """Where people's limbs that point there bend to, square to them: [T, 3] -> [T, 3], outwards, ahead and up."""
    outwards, _, up = upper.T
    if is_arm:
        carried_from = np.array([np.cos(_CARRIED_FROM_RAD), 0.0, -np.sin(_CARRIED_FROM_RAD)])
        carried = apply(swing(carried_from, upper), np.array([0.0, 1.0, 0.0]))
        return _turned(carried, upper, _ARM_LEVEL_RAD + _ARM_RAISED_RAD * up)
    carried = apply(swing(-_UP, upper), np.array([0.0, -1.0, 0.0]))
    return _turned(carried, upper, _THIGH_RAD * outwards * (1 + up))


def _turned(way: np.ndarray, about: np.ndarray, angle_rad: np.ndarray) -> np.ndarray:
    """Directions square to unit vectors, turned about them: all [T, 3], [T]."""
    return np.cos(angle_rad)[:, None] * way + np.sin(angle_rad)[:, None] * cross(about, way)
