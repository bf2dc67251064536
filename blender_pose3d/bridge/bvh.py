"""A posed armature as a BVH file: y up, metres, in the world's place.

Blender's own exporter writes the armature's axes and units and leaves the object's place out, so that a character built z up lies
on its face in every program that expects BVH's y up; and it keeps the path only where a parentless bone carries it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import degrees
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Quaternion, Vector

from .frames import frame_kept

_Y_UP = Matrix(((1, 0, 0), (0, 0, 1), (0, -1, 0)))
# A joint that moves against its parent by more than this share of the skeleton's height gets position channels.
_STILL = 1e-4


@dataclass
class _Joint:
    """One joint while the file is made: places and turns in the file's axes, a row a frame."""

    bone: str
    parent: _Joint | None
    rest_head: Vector
    rest_tail: Vector
    heads: list[Vector] = field(default_factory=list)
    turns: list[Quaternion] = field(default_factory=list)  # from rest
    children: list[_Joint] = field(default_factory=list)

    @property
    def offset(self) -> Vector:
        return self.rest_head - self.parent.rest_head if self.parent else self.rest_head

    def position(self, frame: int) -> Vector:
        """What a position channel holds: the place against the parent."""
        if self.parent is None:
            return self.heads[frame]
        return self.parent.turns[frame].inverted() @ (self.heads[frame] - self.parent.heads[frame])

    def rotation(self, frame: int) -> Quaternion:
        return self.parent.turns[frame].inverted() @ self.turns[frame] if self.parent else self.turns[frame]


def write_bvh(path: Path, context: bpy.types.Context, armature_object: bpy.types.Object, *, bones: Sequence[str] = ()) -> None:
    """Write the scene's frames. bones: those to write, all when empty; a bone hangs on its nearest ancestor among them, and where
    there is none on the first. Raises OSError."""
    scene = context.scene
    joints = _joints(armature_object, set(bones) or {bone.name for bone in armature_object.data.bones})
    with frame_kept(scene):
        for frame in range(scene.frame_start, scene.frame_end + 1):
            scene.frame_set(frame)
            _sample(joints, armature_object.evaluated_get(context.evaluated_depsgraph_get()))
    tolerance = _STILL * float(np.ptp([joint.rest_head for joint in joints], axis=0).max())
    moving = {joint.bone for joint in joints if joint.parent is None or _moves(joint, tolerance)}
    lines = ["HIERARCHY"]
    _describe(joints[0], moving, lines, indent="")
    count = scene.frame_end - scene.frame_start + 1
    lines += ["MOTION", f"Frames: {count}", f"Frame Time: {scene.render.fps_base / scene.render.fps:.8f}"]
    columns = [column for joint in _in_file_order(joints[0]) for column in _channels(joint, count, joint.bone in moving)]
    lines += [" ".join(f"{value:.6f}" for value in row) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _joints(armature_object: bpy.types.Object, wanted: set[str]) -> list[_Joint]:
    """Parents first; the first is the root."""
    world = armature_object.matrix_world
    made: dict[str, _Joint] = {}
    waiting = [bone for bone in armature_object.data.bones if bone.parent is None]
    while waiting:
        bone = waiting.pop(0)
        waiting += bone.children
        if bone.name not in wanted:
            continue
        above = next((made[b.name] for b in bone.parent_recursive if b.name in made), next(iter(made.values()), None))
        joint = _Joint(bone.name, above, _Y_UP @ (world @ bone.head_local), _Y_UP @ (world @ bone.tail_local))
        made[bone.name] = joint
        if above:
            above.children.append(joint)
    return list(made.values())


def _sample(joints: list[_Joint], posed: bpy.types.Object) -> None:
    world = posed.matrix_world
    for joint in joints:
        bone = posed.pose.bones[joint.bone]
        # A character may be scaled to nothing where it is not to be seen.
        turn = world @ bone.matrix @ (world @ bone.bone.matrix_local).inverted_safe()
        joint.heads.append(_Y_UP @ (world @ bone.head))
        joint.turns.append((_Y_UP @ turn.to_3x3().normalized() @ _Y_UP.transposed()).to_quaternion())


def _moves(joint: _Joint, tolerance: float) -> bool:
    return any((joint.position(frame) - joint.offset).length > tolerance for frame in range(len(joint.heads)))


def _describe(joint: _Joint, moving: set[str], lines: list[str], *, indent: str) -> None:
    lines += [f"{indent}{'JOINT' if joint.parent else 'ROOT'} {'_'.join(joint.bone.split())}", f"{indent}{{"]
    inner = indent + "\t"
    lines.append(f"{inner}OFFSET {_numbers(joint.offset)}")
    positions = "6 Xposition Yposition Zposition" if joint.bone in moving else "3"
    lines.append(f"{inner}CHANNELS {positions} Zrotation Xrotation Yrotation")
    for child in joint.children:
        _describe(child, moving, lines, indent=inner)
    if not joint.children:
        tip = _numbers(joint.rest_tail - joint.rest_head)
        lines += [f"{inner}End Site", f"{inner}{{", f"{inner}\tOFFSET {tip}", f"{inner}}}"]
    lines.append(f"{indent}}}")


def _numbers(vector: Vector) -> str:
    return " ".join(f"{value:.6f}" for value in vector)


def _in_file_order(joint: _Joint) -> list[_Joint]:
    return [joint, *(below for child in joint.children for below in _in_file_order(child))]


def _channels(joint: _Joint, count: int, moves: bool) -> list[list[float]]:
    """The joint's columns of the motion, each a value a frame."""
    rows = []
    before = None
    for frame in range(count):
        # Blender names the axes in the order in which they turn, a BVH in the order in which they multiply.
        matrix = joint.rotation(frame).to_matrix()
        before = matrix.to_euler("YXZ", before) if before else matrix.to_euler("YXZ")
        turn = [degrees(before.z), degrees(before.x), degrees(before.y)]
        rows.append([*joint.position(frame), *turn] if moves else turn)
    return [list(column) for column in zip(*rows, strict=True)]
