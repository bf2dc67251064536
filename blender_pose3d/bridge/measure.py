"""What an armature in Blender really does: limb directions read off the evaluated pose, frame by frame."""

from __future__ import annotations

import bpy
import numpy as np

from ..core.preset import SIDES
from ..core.rig import RigSpec
from ..core.rotations import unit
from ..core.skeleton import INDEX

# (segment, from joint, to joint, role whose bone starts it, role whose bone ends it)
LIMBS: tuple[tuple[str, str, str, str, str], ...] = tuple(
    (f"{side}_{name}", f"{side}_{a}", f"{side}_{b}", f"{side}_{name}", f"{side}_{following}")
    for side in SIDES
    for name, a, b, following in (
        ("upper_arm", "shoulder", "elbow", "forearm"),
        ("forearm", "elbow", "wrist", "hand"),
        ("thigh", "hip", "knee", "shin"),
        ("shin", "knee", "ankle", "foot"),
    )
)


def posed_limb_directions(
    context: bpy.types.Context, armature_object: bpy.types.Object, rig: RigSpec, frames: np.ndarray
) -> np.ndarray:
    """World directions of the limbs in the order of `LIMBS`, from the heads of the evaluated pose bones: [T, 8, 3].

    frames [T] may fall between whole frames.
    """
    out = np.empty((len(frames), len(LIMBS), 3))
    before = context.scene.frame_current
    for t, frame in enumerate(frames):
        context.scene.frame_set(int(np.floor(frame)), subframe=float(frame % 1))
        posed = armature_object.evaluated_get(context.evaluated_depsgraph_get())
        world = posed.matrix_world
        for i, (_, _, _, start, end) in enumerate(LIMBS):
            index, after = rig.bone(start), rig.bone(end)
            assert index is not None, start
            bone = posed.pose.bones[rig.bone_names[index]]
            tip = bone.tail if after is None else posed.pose.bones[rig.bone_names[after]].head
            out[t, i] = (world @ tip) - (world @ bone.head)
    context.scene.frame_set(before)
    return unit(out)


def joint_limb_directions(joints: np.ndarray) -> np.ndarray:
    """The same directions of joints [T, 17, 3]: [T, 8, 3]."""
    return unit(np.stack([joints[:, INDEX[b]] - joints[:, INDEX[a]] for _, a, b, _, _ in LIMBS], axis=1))


def angles_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle between unit vectors in degrees: [..., 3] -> [...]."""
    return np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(a - b, axis=-1) / 2, 0, 1)))
