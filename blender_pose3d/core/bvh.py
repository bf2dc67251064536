"""A BVH file as an animation to retarget, read without Blender's importer, which would put an armature into the user's scene.

At rest every joint of a BVH is unturned; a position channel stands in place of the joint's offset, a rotation is the product of
its channels in the file's order. The file is y up and faces z, as Blender's own importer takes it, or z up and faces -y, as
Blender's own exporter writes it: which of the two, the body in it tells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .errors import Pose3DError
from .preset import SIDES, Preset
from .recognise import Skeleton, map_bones, recognise
from .rig import RigSpec
from .rotations import about_axis, apply, unit
from .transfer import SourceMotion

_Y_UP, _Z_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]), np.eye(3)  # world axes from the file's
# A body stands along an axis if its trunk and its legs are no farther off than this.
_UPRIGHT = np.cos(np.radians(40.0))
# So many frames of a file tell how the person in it stands.
_LOOKS = 200
_AXES = {"x": 0, "y": 1, "z": 2}
_LARGEST_BYTES = 512 << 20


@dataclass
class _Joint:
    """offset in the file's axes; ends: of the joint's end sites, from the joint; channels: (axis, is a position), in order."""

    name: str
    parent: int
    offset: np.ndarray
    channels: list[tuple[int, bool]] = field(default_factory=list)
    ends: list[np.ndarray] = field(default_factory=list)


def read_bvh(path: Path, presets: Sequence[Preset]) -> SourceMotion:
    """The animation of a BVH file; presets: to tell its joints by. Raises Pose3DError for a file that is none, or has no body."""
    joints, values, frame_s = _parsed(path)
    if len(values) < 2:
        raise Pose3DError(f"The animation of {path.name} is one frame long.", hint="Choose one that moves.")
    parents = np.array([joint.parent for joint in joints])
    world_from_file = _world_from_file(joints, parents, values)
    turns, heads = _posed(joints, parents, values, world_from_file)
    rest = _at_rest(joints, parents) @ world_from_file.T
    tails = _tails(joints, parents, rest, world_from_file)
    names = tuple(joint.name for joint in joints)
    every = np.ones(len(joints), bool)
    mapping = map_bones(Skeleton(names, parents, rest, tails, every), list(presets))
    rig = RigSpec(
        bone_names=names,
        parents=parents,
        rest_heads=rest,
        rest_tails=tails,
        rest_rotations=np.array([_along(tail - head) for head, tail in zip(rest, tails, strict=True)]),
        world_from_armature=np.eye(4),
        inherits_rotation=every,
        local_location=every,
        mapping=mapping,
    )
    return SourceMotion(path.stem, rig, np.arange(len(values)) * frame_s, turns, heads)


def is_z_up(path: Path) -> bool:
    """Whether the body in a BVH file stands along the file's z. False for a file without one, which others may read."""
    try:
        joints, values, _ = _parsed(path)
        return _world_from_file(joints, np.array([joint.parent for joint in joints]), values) is _Z_UP
    except Pose3DError:
        return False


def _world_from_file(joints: Sequence[_Joint], parents: np.ndarray, values: np.ndarray) -> np.ndarray:
    """World axes from the file's, [3, 3]: z up where the body stands along z at rest. A rest pose may as well lie; so the file is
    y up where the motion sets that body upright along y.
    """
    rest = _at_rest(joints, parents)
    across_x, along_y, along_z = np.ptp(rest, axis=0)
    if along_z <= max(along_y, 0.5 * across_x):
        return _Y_UP
    tails = _tails(joints, parents, rest, _Z_UP)
    names = tuple(joint.name for joint in joints)
    try:
        bones = recognise(Skeleton(names, parents, rest, tails, np.ones(len(joints), bool))).bones
    except Pose3DError:
        return _Y_UP
    thighs, shins, arms = ([names.index(bones[f"{s}_{part}"][0]) for s in SIDES] for part in ("thigh", "shin", "upper_arm"))

    def ways(heads: np.ndarray, start: list[int], end: list[int]) -> np.ndarray:
        return unit(heads[..., end, :].mean(axis=-2) - heads[..., start, :].mean(axis=-2))

    if min(ways(rest, thighs, arms)[2], ways(rest, shins, thighs)[2]) < _UPRIGHT:
        return _Y_UP
    looks = values[:: max(1, len(values) // _LOOKS)]
    if len(looks):
        trunk = ways(_posed(joints, parents, looks, _Z_UP)[1], thighs, arms).mean(axis=0)
        if trunk[1] > max(trunk[2], 0.5):
            return _Y_UP
    return _Z_UP


def _at_rest(joints: Sequence[_Joint], parents: np.ndarray) -> np.ndarray:
    """Where the joints are unturned: [B, 3], the file's axes."""
    rest = np.array([joint.offset for joint in joints])
    for joint, parent in enumerate(parents):
        if parent >= 0:
            rest[joint] += rest[parent]
    return rest


def _posed(
    joints: Sequence[_Joint], parents: np.ndarray, values: np.ndarray, world_from_file: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """World turns [T, B, 3, 3] and heads [T, B, 3] of a table [T, channels]."""
    turns = np.empty((len(values), len(joints), 3, 3))
    heads = np.empty((len(values), len(joints), 3))
    column = 0
    for j, joint in enumerate(joints):
        at = np.tile(joint.offset, (len(values), 1))
        own = np.broadcast_to(np.eye(3), (len(values), 3, 3))
        for axis, is_position in joint.channels:
            if is_position:
                at[:, axis] = values[:, column]
            else:
                own = own @ about_axis(np.eye(3)[axis], np.radians(values[:, column]))
            column += 1
        at, own = at @ world_from_file.T, world_from_file @ own @ world_from_file.T
        parent = parents[j]
        turns[:, j] = own if parent < 0 else turns[:, parent] @ own
        heads[:, j] = at if parent < 0 else heads[:, parent] + apply(turns[:, parent], at)
    return turns, heads


def _tails(joints: Sequence[_Joint], parents: np.ndarray, heads: np.ndarray, world_from_file: np.ndarray) -> np.ndarray:
    """Where each joint's bone ends: its only child or end site, the middle of several; a bone must have a length."""
    tails = heads.copy()
    size = float(np.ptp(heads, axis=0).max())
    for j, joint in enumerate(joints):
        below = [*heads[parents == j], *(heads[j] + world_from_file @ end for end in joint.ends)]
        if below:
            tails[j] = np.mean(below, axis=0)
        if np.linalg.norm(tails[j] - heads[j]) < 1e-6 * size:
            tails[j] = heads[j] + [0.0, 0.0, 0.05 * size]
    return tails


def _along(way: np.ndarray) -> np.ndarray:
    """A rotation whose y points along."""
    y = unit(way)
    x = unit(np.cross(y, np.eye(3)[np.abs(y).argmin()]))
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _parsed(path: Path) -> tuple[list[_Joint], np.ndarray, float]:
    """Joints, parents first, the table [T, channels] and the seconds of a frame."""
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise Pose3DError(f"{path.name} is too large for a BVH file.", hint="Cut it to the part that is wanted.")
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise Pose3DError(f"{path} cannot be read: {error.strerror}.", hint="Choose a .bvh file.") from None
    head, motion, table = text.partition("MOTION")
    try:
        if not motion:
            raise ValueError
        joints = _hierarchy(iter(head.split()))
        words = table.split(None, 5)  # Frames: N Frame Time: S, then the table
        if [word.lower() for word in (words[0], *words[2:4])] != ["frames:", "frame", "time:"]:
            raise ValueError
        frames, frame_s = int(words[1]), float(words[4])
        values = np.array(words[5].split() if len(words) > 5 else [], dtype=float)
        width = sum(len(joint.channels) for joint in joints)
        if frames * width != len(values) or not np.isfinite(values).all():
            raise ValueError
        if not 0 < frame_s < math.inf:
            raise ValueError
    except (ValueError, LookupError, StopIteration):
        raise Pose3DError(
            f"{path.name} is no BVH file, or only a part of one.", hint="Check that other programs open it."
        ) from None
    return joints, values.reshape(frames, width), frame_s


def _hierarchy(words: Iterator[str]) -> list[_Joint]:
    joints: list[_Joint] = []
    above: list[int] = []  # the joints that are open, -1 for an end site
    name = ""
    for word in words:
        match word.upper():
            case "HIERARCHY":
                pass
            case "ROOT" | "JOINT":
                name = next(words)
            case "END":
                name = ""
                next(words)  # Site
            case "{":
                if name:
                    joints.append(_Joint(name, above[-1] if above else -1, np.zeros(3)))
                above.append(len(joints) - 1 if name else -1)
                name = ""
            case "}":
                above.pop()
            case "OFFSET":
                offset = np.array([float(next(words)) for _ in range(3)])
                if above[-1] >= 0:
                    joints[above[-1]].offset = offset
                else:
                    joints[above[-2]].ends.append(offset)
            case "CHANNELS":
                for _ in range(int(next(words))):
                    kind = next(words).lower()
                    joints[above[-1]].channels.append((_AXES[kind[:1]], kind.endswith("position")))
            case _:
                if not name:
                    raise ValueError
                name += f" {word}"  # some programs write names with spaces
    if not joints or above:
        raise ValueError
    if len({joint.name for joint in joints}) < len(joints):
        for number, joint in enumerate(joints):
            if joint.name in {other.name for other in joints[:number]}:
                joint.name = f"{joint.name}.{number:03d}"
    return joints
