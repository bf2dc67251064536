"""Forward kinematics: where an armature's bones are, by Blender's rules.

Only bones that turn by themselves have arrays; whatever else is asked for is worked out from theirs. A rig may have a thousand
bones and a clip a hundred thousand frames: nothing here is as large as both together, unless all of it is asked for.
"""

from __future__ import annotations

import numpy as np

from .rig import RigSpec
from .rotations import apply, matrix_from_quaternion
from .tracks import RigMotion


class PosedRig:
    """An armature in T frames. own: D [T, 3, 3] of the bones that turn by themselves, how far they are turned from rest, in
    armature axes; every other bone follows its parent, or stays as at rest where it inherits no rotation. moved: a bone, and how
    far its head is from where it would be without a location, [T, 3] in armature axes.
    """

    def __init__(
        self, rig: RigSpec, own: dict[int, np.ndarray], frames: int, moved: tuple[int, np.ndarray] | None = None
    ) -> None:
        self.rig, self.own, self.frames, self._moved = rig, own, frames, moved
        self._heads: dict[int, np.ndarray] = {}

    def leader(self, bone: int) -> int:
        """The bone whose D a bone has, -1 where it is as at rest."""
        while bone >= 0 and bone not in self.own:
            bone = self.above(bone)
        return bone

    def above(self, bone: int) -> int:
        """The bone whose turn a bone inherits, -1 for none."""
        return int(self.rig.parents[bone]) if self.rig.inherits_rotation[bone] else -1

    def turn(self, bone: int) -> np.ndarray:
        """D of a bone: [T, 3, 3]."""
        leader = self.leader(bone)
        return np.broadcast_to(np.eye(3), (self.frames, 3, 3)) if leader < 0 else self.own[leader]

    def inherited(self, bone: int) -> np.ndarray:
        """D that a bone has from its parent: [T, 3, 3]."""
        return self.turn(self.above(bone))

    def head(self, bone: int) -> np.ndarray:
        """Where a bone's head is, armature space: [T, 3]."""
        if bone not in self._heads:
            self._heads[bone] = self._head(bone)
        return self._heads[bone]

    def _head(self, bone: int) -> np.ndarray:
        rest, parents = self.rig.rest_heads, self.rig.parents
        above = int(parents[bone])
        if above < 0:
            head = np.broadcast_to(rest[bone], (self.frames, 3))
        else:
            leader, stop = self.leader(above), -1 if self._moved is None else self._moved[0]
            # All that hangs on one bone is as far from it as at rest.
            while above not in (leader, stop) and parents[above] >= 0 and self.leader(int(parents[above])) == leader:
                above = int(parents[above])
            arm = rest[bone] - rest[above]
            head = self.head(above) + (arm if leader < 0 else apply(self.own[leader], arm))
        return head if self._moved is None or bone != self._moved[0] else head + self._moved[1]

    def points(self, bone: int, offset: np.ndarray) -> np.ndarray:
        """Where a point is that the bone carries: offset [3] from its head at rest, armature axes -> [T, 3] armature space."""
        return self.head(bone) + apply(self.turn(bone), offset)

    def points_m(self, bone: int, offset: np.ndarray | None = None) -> np.ndarray:
        """The same in world metres; the bone's head where no offset is given."""
        return self.rig.world_points(self.head(bone) if offset is None else self.points(bone, offset))

    @property
    def turns(self) -> np.ndarray:
        """D of all bones at once, [T, B, 3, 3], for a few frames."""
        return np.stack([self.turn(bone) for bone in range(len(self.rig.bone_names))], axis=1)

    @property
    def heads(self) -> np.ndarray:
        """Of all bones at once, [T, B, 3], for a few frames."""
        return np.stack([self.head(bone) for bone in range(len(self.rig.bone_names))], axis=1)


def posed(rig: RigSpec, motion: RigMotion) -> PosedRig:
    """The armature in every frame of a motion. Bones that the motion does not hold are at rest on their parent."""
    frames = len(motion.timestamps_s)
    keyed = {rig.index[name]: k for k, name in enumerate(motion.bone_names)}
    held = {rig.index[name]: wxyz for name, wxyz in motion.held.items()}
    root = rig.index[motion.root_bone]
    body = PosedRig(rig, {}, frames, (root, apply(location_axes(rig, root), motion.root_basis_location)))
    for bone in sorted({*keyed, *held}):
        rest = rig.rest_rotations[bone]
        wxyz = motion.rotations_wxyz[:, keyed[bone]] if bone in keyed else held[bone]
        body.own[bone] = body.inherited(bone) @ (rest @ matrix_from_quaternion(wxyz) @ rest.T)
    return body


def location_axes(rig: RigSpec, bone: int) -> np.ndarray:
    """Armature axes from those of the bone's keyable location, [3, 3], for a bone that nothing above has moved."""
    axes_of = bone if rig.local_location[bone] else int(rig.parents[bone])
    return rig.rest_rotations[axes_of] if axes_of >= 0 else np.eye(3)
