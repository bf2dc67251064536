"""Forward kinematics: what keyed rotations and locations make of an armature, by Blender's rules."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rig import RigSpec
from .rotations import apply, matrix_from_quaternion, transposed
from .tracks import RigMotion


@dataclass(frozen=True)
class PosedRig:
    """turns [T, B, 3, 3]: how far each bone is turned from rest; heads [T, B, 3]: both in armature axes."""

    rig: RigSpec
    turns: np.ndarray
    heads: np.ndarray

    def points(self, bone: int, offset: np.ndarray) -> np.ndarray:
        """Where a point is that the bone carries: offset [3] from its head at rest, armature axes -> [T, 3] armature space."""
        return self.heads[:, bone] + apply(self.turns[:, bone], offset)

    def points_m(self, bone: int, offset: np.ndarray | None = None) -> np.ndarray:
        """The same in world metres; the bone's head where no offset is given."""
        return self.rig.world_points(self.heads[:, bone] if offset is None else self.points(bone, offset))


def posed(rig: RigSpec, motion: RigMotion) -> PosedRig:
    """The armature in every frame of a motion. Bones that the motion does not hold are at rest on their parent."""
    frames = len(motion.timestamps_s)
    turns = np.empty((frames, len(rig.bone_names), 3, 3))
    heads = np.empty((frames, len(rig.bone_names), 3))
    still = np.broadcast_to(np.eye(3), (frames, 3, 3))
    keyed = {rig.index[name]: k for k, name in enumerate(motion.bone_names)}
    held = {rig.index[name]: matrix_from_quaternion(wxyz) for name, wxyz in motion.held.items()}
    root = rig.index[motion.root_bone]
    for bone, parent in enumerate(rig.parents):
        inherited = turns[:, parent] if parent >= 0 and rig.inherits_rotation[bone] else still
        rest = rig.rest_rotations[bone]
        if bone in keyed:
            turns[:, bone] = inherited @ rest @ matrix_from_quaternion(motion.rotations_wxyz[:, keyed[bone]]) @ transposed(rest)
        elif bone in held:
            turns[:, bone] = inherited @ (rest @ held[bone] @ rest.T)
        else:
            turns[:, bone] = inherited
        if parent < 0:
            heads[:, bone] = rig.rest_heads[bone]
        else:
            heads[:, bone] = heads[:, parent] + apply(turns[:, parent], rig.rest_heads[bone] - rig.rest_heads[parent])
        if bone == root:
            heads[:, bone] += apply(location_axes(rig, bone), motion.root_basis_location)
    return PosedRig(rig, turns, heads)


def location_axes(rig: RigSpec, bone: int) -> np.ndarray:
    """Armature axes from those of the bone's keyable location, [3, 3], for a bone that nothing above has moved."""
    axes_of = bone if rig.local_location[bone] else int(rig.parents[bone])
    return rig.rest_rotations[axes_of] if axes_of >= 0 else np.eye(3)
