"""Reader of motion capture in BVH files: a folder of them becomes the same clips as a motion-capture archive.

Three ways of naming joints are known, with or without a prefix such as "mixamorig:" or "Character1_": Head with LeftUpLeg/
LeftLeg/LeftFoot/LeftArm/LeftForeArm/LeftHand (CMU's conversions by B. Hahne, Mixamo, LAFAN1), with lThigh/lShin/lFoot/lShldr/
lForeArm/lHand (DAZ, Poser) and with LeftHip/LeftKnee/LeftAnkle/LeftShoulder/LeftElbow/LeftWrist (Biovision, 3ds Max). Files come
in any unit, y up or z up. The 12 limb joints are the file's own; the pelvis is the middle of the hips, the thorax that of the
shoulders, the spine the middle of those two; nose and top of the head are placed by the head's rotation.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import LifterError
from ..joints import INDEX, JOINT_NAMES, LIMB_JOINT_NAMES
from .mocap import MotionClip, first_line

_log = logging.getLogger(__name__)

# Our name -> the file's, in lower case; {side} is left or right, {s} its first letter.
_NAMINGS: tuple[dict[str, str], ...] = (
    {
        "hip": "{side}upleg",
        "knee": "{side}leg",
        "ankle": "{side}foot",
        "shoulder": "{side}arm",
        "elbow": "{side}forearm",
        "wrist": "{side}hand",
    },
    {
        "hip": "{s}thigh",
        "knee": "{s}shin",
        "ankle": "{s}foot",
        "shoulder": "{s}shldr",
        "elbow": "{s}forearm",
        "wrist": "{s}hand",
    },
    {part: "{side}" + part for part in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")},
)
_PREFIX = re.compile(r".*[:_]|mixamorig\d*")

# Thigh, shin, upper arm and forearm of a person of 1.75 m, together: what a skeleton in any unit is scaled to.
_LIMBS_M = 0.43 + 0.42 + 0.285 + 0.255
_LIMB_BONES = (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
# From the head joint, (up, forward) in the head's axes. The head joint of the known skeletons is where the neck ends.
_NOSE_M, _HEAD_TOP_M = (0.07, 0.11), (0.19, 0.0)

# No more frames a second are kept: at this rate bodies have long stopped doing anything between two frames.
_MOST_FPS = 60.0
# Faster is no limb: the recording has a gap there, and the clip is cut.
_MOST_SPEED_M_S = 25.0
_SHORTEST_S = 0.5
# Arms this near to level and legs this near to upright are the T-pose that converters put before the first frame.
_LARGEST_NUMBER = 1e9  # of an offset, a place or an angle; products of larger ones overflow
_T_POSE_COS = np.cos(np.radians(12.0))


@dataclass(frozen=True)
class Bvh:
    """A skeleton of J joints (parents before children, -1 for a root) and T frames of it.

    offsets [J, 3]: from the parent, in the file's unit. columns: for each column of `motion` [T, C] its joint, its axis (0 to 2)
    and whether it is a rotation (degrees; a joint's rotations multiply in the order of its columns) or a position (in place of
    the offset).
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    columns: tuple[tuple[int, int, bool], ...]
    frame_s: float
    motion: np.ndarray


def read_bvh_folder(folder: Path) -> list[MotionClip]:
    """The clips of every .bvh below `folder`, in the order of their paths, numbers by value.

    Files that cannot be used are left out, with one warning that counts them. Raises LifterError if none is left.
    """
    paths = sorted((path for path in folder.rglob("*") if path.suffix.lower() == ".bvh"), key=lambda path: _natural(path, folder))
    clips: dict[str, list[MotionClip]] = {}
    refused: list[str] = []
    for path in paths:
        try:
            if (name := clip_name(path, folder)) in clips:
                raise LifterError(f"{path}: there is a clip {name} already.")
            clips[name] = read_bvh(path, name)
        except LifterError as error:
            refused.append(error.message)
    if refused:
        _log.warning("%d of %d BVH files were left out, the first of them because: %s", len(refused), len(paths), refused[0])
    if not clips:
        reason = refused[0] if refused else "it has no .bvh file."
        raise LifterError(
            f"Cannot read motion capture from the folder {folder}: {reason}",
            hint="Give a folder of BVH files with the joint names of CMU's, DAZ's or Mixamo's skeletons.",
        )
    return [clip for pieces in clips.values() for clip in pieces]


def clip_name(path: Path, folder: Path) -> str:
    """`cmu/<subject>/<clip>` for files <subject>_<clip>.bvh, both numbers, as CMU's; else `<folder>/<subfolders>/<file>`."""
    if cmu := re.fullmatch(r"0*(\d+)_(\d+)", path.stem):
        subject = f"{int(cmu[1]):02d}"
        return f"cmu/{subject}/{subject}_{cmu[2]}"
    return "/".join((folder.resolve().name, *path.relative_to(folder).with_suffix("").parts))


def read_bvh(path: Path, name: str) -> list[MotionClip]:
    """The file as clips of a person of 1.75 m, y up: one, or `name#0`, `name#1`, ... where it was cut at jumps.

    Without the T-pose before the first frame, at no more than 60 frames a second. Raises LifterError.
    """
    try:
        bvh = parse_bvh(path.read_text(encoding="utf-8-sig", errors="replace"))
        positions_m = _person(bvh, _joint_places(bvh.names))
        pieces = _pieces(positions_m, 1 / bvh.frame_s)
    except (OSError, ValueError) as reason:
        raise LifterError(f"{path}: {first_line(reason)}.", hint="Leave it out, or convert it again.") from None
    every = max(1, round(1 / bvh.frame_s / _MOST_FPS))
    return [
        MotionClip(f"{name}#{k}" if len(pieces) > 1 else name, 1 / bvh.frame_s / every, piece[::every].astype(np.float32))
        for k, piece in enumerate(pieces)
    ]


def parse_bvh(text: str) -> Bvh:
    """Raises ValueError that says what is wrong."""
    parts = re.split(r"^\s*MOTION\s*$", text, maxsplit=1, flags=re.MULTILINE | re.IGNORECASE)
    if len(parts) != 2 or not parts[0].lstrip().upper().startswith("HIERARCHY"):
        raise ValueError("it is no BVH file")
    names, parents, offsets, columns = _hierarchy(parts[0])
    header = re.match(r"\s*Frames:\s*(\d+)\s+Frame Time:\s*(\S+)\s", parts[1], flags=re.IGNORECASE)
    if header is None:
        raise ValueError("it does not say how many frames it has, and how long they are")
    frames, frame_s = int(header[1]), float(header[2])
    if not 1e-4 < frame_s < 10:
        raise ValueError(f"its frames last {frame_s:g} s")
    motion = np.array(parts[1][header.end() :].split(), dtype=np.float64)
    if motion.size != frames * len(columns) or not frames:
        raise ValueError(f"it has {motion.size} numbers where {frames} frames of {len(columns)} channels are announced")
    _require_sane(motion)
    return Bvh(names, parents, offsets, columns, frame_s, motion.reshape(frames, len(columns)))


def _require_sane(numbers: np.ndarray) -> None:
    if not (np.abs(numbers) <= _LARGEST_NUMBER).all():  # also where one is none
        raise ValueError("it has numbers that are not finite, or larger than any unit's")


def _hierarchy(text: str) -> tuple[tuple[str, ...], tuple[int, ...], np.ndarray, tuple[tuple[int, int, bool], ...]]:
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    columns: list[tuple[int, int, bool]] = []
    above: list[int] = []  # the open blocks: a joint's place, -1 for an end site
    opened = -1
    for line in re.sub(r"([{}])", r"\n\1\n", text).splitlines()[1:]:
        word, rest = (*line.split(None, 1), "", "")[:2]
        match word.upper():
            case "ROOT" | "JOINT":
                opened = len(names)
                names.append(rest.strip())
                parents.append(above[-1] if above else -1)
                offsets.append([0.0, 0.0, 0.0])
            case "END":
                opened = -1
            case "{":
                above.append(opened)
            case "}" if above:
                above.pop()
            case "OFFSET" if above:
                values = [float(value) for value in rest.split()]
                if len(values) != 3:
                    raise ValueError(f"an offset has {len(values)} numbers")
                _require_sane(np.array(values))
                if above[-1] >= 0:
                    offsets[above[-1]] = values
            case "CHANNELS" if above and above[-1] >= 0:
                count, *channels = rest.split()
                kinds = [re.fullmatch(r"([XYZ])(position|rotation)", channel, re.IGNORECASE) for channel in channels]
                if int(count) != len(channels) or not all(kinds):
                    raise ValueError(f"the channels of {names[above[-1]]} are not right: {rest.strip()}")
                columns += [(above[-1], "XYZ".index(k[1].upper()), k[2].lower() == "rotation") for k in kinds if k]
            case "":
                pass
            case _:
                raise ValueError(f"'{line.strip()[:40]}' is out of place in its hierarchy")
    if above or not names:
        raise ValueError("its hierarchy is cut off")
    return tuple(names), tuple(parents), np.array(offsets), tuple(columns)


def forward_kinematics(bvh: Bvh, joints: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Where these joints are and how they are turned, in the file's unit and axes: [T, W, 3], [T, W, 3, 3] for W joints."""
    needed: set[int] = set()
    for joint in joints:
        while joint >= 0:
            needed.add(joint)
            joint = bvh.parents[joint]
    places = {joint: np.tile(bvh.offsets[joint], (len(bvh.motion), 1)) for joint in sorted(needed)}
    turns = {joint: np.tile(np.eye(3), (len(bvh.motion), 1, 1)) for joint in places}
    for (joint, axis, is_rotation), values in zip(bvh.columns, bvh.motion.T, strict=True):
        if joint in needed and is_rotation:
            turns[joint] = turns[joint] @ _axis_rotations(np.radians(values), axis)
        elif joint in needed:
            places[joint][:, axis] = values
    for joint in places:
        if (parent := bvh.parents[joint]) >= 0:
            places[joint] = places[parent] + (turns[parent] @ places[joint][..., None])[..., 0]
            turns[joint] = turns[parent] @ turns[joint]
    return np.stack([places[joint] for joint in joints], axis=1), np.stack([turns[joint] for joint in joints], axis=1)


def _axis_rotations(angles_rad: np.ndarray, axis: int) -> np.ndarray:
    """[T] -> [T, 3, 3] about x, y or z."""
    turns = np.tile(np.eye(3), (len(angles_rad), 1, 1))
    b, c = (axis + 1) % 3, (axis + 2) % 3
    turns[:, b, b] = turns[:, c, c] = np.cos(angles_rad)
    turns[:, c, b] = np.sin(angles_rad)
    turns[:, b, c] = -turns[:, c, b]
    return turns


def _joint_places(names: Sequence[str]) -> list[int]:
    """Where the 12 limb joints, in the order of LIMB_JOINT_NAMES, and the head are among the file's joints. Raises ValueError."""
    place = {_PREFIX.sub("", name.lower(), count=1): i for i, name in reversed(list(enumerate(names)))}
    missing: list[list[str]] = []
    for naming in _NAMINGS:
        wanted = ["head"]
        for name in LIMB_JOINT_NAMES:
            side, part = name.split("_")
            wanted.append(naming[part].format(side=side, s=side[0]))
        if lacking := [name for name in wanted if name not in place]:
            missing.append(lacking)
            continue
        return [place[name] for name in (*wanted[1:], wanted[0])]
    nearest = min(missing, key=len)
    raise ValueError(f"its joints are named in an unknown way: there is no {nearest[0]}")


def _person(bvh: Bvh, joints: Sequence[int]) -> np.ndarray:
    """joints: where the 12 limb joints and the head are in the file. Returns [T, 17, 3], metres, y up. Raises ValueError."""
    place = {name: i for i, name in enumerate((*LIMB_JOINT_NAMES, "head"))}
    limbs, turns = forward_kinematics(bvh, joints)  # [T, 13, 3], [T, 13, 3, 3]
    head_turns = turns[:, place["head"]]
    rest, _ = forward_kinematics(_at_rest(bvh), joints)
    lengths = [
        np.linalg.norm(rest[0, place[f"{side}_{a}"]] - rest[0, place[f"{side}_{b}"]])
        for side in ("left", "right")
        for a, b in _LIMB_BONES
    ]
    if min(lengths) < 1e-3 * max(lengths) or not max(lengths) > 0:
        raise ValueError("its skeleton has limbs without length")
    upright = _y_up(rest, place)
    y_up = upright if upright is not None else _y_up(limbs, place)
    if y_up is None:
        raise ValueError("neither its y axis nor its z axis is upwards")
    limbs, rest = limbs @ y_up.T, rest @ y_up.T
    head_turns = y_up @ head_turns @ y_up.T
    if upright is not None:  # at rest the head is level and looks ahead
        neutral = _axes(np.array([[0.0, 1.0, 0.0]]), rest, place)[0]
    else:  # such a rest pose says nothing of the head, so it is taken to follow the trunk on the average of the clip
        neutral = _mean_rotation(np.swapaxes(head_turns, -1, -2) @ _axes(_trunk(limbs, place), limbs, place))
    head = head_turns @ neutral  # columns: left, up, forward
    scale = 2 * _LIMBS_M / sum(lengths)
    points = {name: scale * limbs[:, i] for name, i in place.items()}
    pelvis = (points["left_hip"] + points["right_hip"]) / 2
    thorax = (points["left_shoulder"] + points["right_shoulder"]) / 2
    points |= {"pelvis": pelvis, "thorax": thorax, "spine": (pelvis + thorax) / 2}
    for name, (up, forward) in (("nose", _NOSE_M), ("head_top", _HEAD_TOP_M)):
        points[name] = points["head"] + up * head[..., 1] + forward * head[..., 2]
    return np.stack([points[name] for name in JOINT_NAMES], axis=1)


def _at_rest(bvh: Bvh) -> Bvh:
    """One frame with every rotation at zero and every joint at its offset."""
    motion = np.array([[0.0 if is_rotation else bvh.offsets[joint, axis] for joint, axis, is_rotation in bvh.columns]])
    return Bvh(bvh.names, bvh.parents, bvh.offsets, bvh.columns, bvh.frame_s, motion)


def _y_up(points: np.ndarray, place: dict[str, int]) -> np.ndarray | None:
    """The rotation from axes in which people mostly stand along y or z to axes with y up; None where they do neither."""
    ankles = (points[:, place["left_ankle"]] + points[:, place["right_ankle"]]) / 2
    body = np.median(points[:, place["head"]] - ankles, axis=0)
    up = body / max(float(np.linalg.norm(body)), 1e-12)
    if up[1] > 0.8:
        return np.eye(3)
    return np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]) if up[2] > 0.8 else None


def _trunk(points: np.ndarray, place: dict[str, int]) -> np.ndarray:
    """From the middle of the hips to that of the shoulders: [T, 13, 3] -> [T, 3]."""
    hips, shoulders = ((points[:, place[f"left_{part}"]] + points[:, place[f"right_{part}"]]) / 2 for part in ("hip", "shoulder"))
    return shoulders - hips


def _axes(up: np.ndarray, points: np.ndarray, place: dict[str, int]) -> np.ndarray:
    """up [T, 3], points [T, 13, 3] -> [T, 3, 3] with the columns left (as far as the hips' way is), up and forward."""
    up = _unit(up)
    forward = _unit(np.cross(points[:, place["left_hip"]] - points[:, place["right_hip"]], up))
    return np.stack([np.cross(up, forward), up, forward], axis=-1)


def _mean_rotation(rotations: np.ndarray) -> np.ndarray:
    """The rotation nearest to the mean of [T, 3, 3]."""
    u, _, vt = np.linalg.svd(rotations.mean(0))
    return u @ np.diag([1.0, 1.0, np.linalg.det(u @ vt)]) @ vt


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def _pieces(positions_m: np.ndarray, fps: float) -> list[np.ndarray]:
    """The clip without its leading T-pose, cut where joints jump; pieces that are too short are left out. Raises ValueError."""
    start = 0
    for pose in positions_m:
        if not _is_t_pose(pose):
            break
        start += 1
    moving = positions_m[start:]
    jumps = np.linalg.norm(np.diff(moving, axis=0), axis=-1).max(-1, initial=0.0) * fps > _MOST_SPEED_M_S
    pieces = np.split(moving, np.flatnonzero(jumps) + 1)
    pieces = [piece for piece in pieces if len(piece) >= _SHORTEST_S * fps]
    if not pieces:
        raise ValueError(f"it has no {_SHORTEST_S:g} s without a jump after its T-pose")
    return pieces


def _is_t_pose(pose: np.ndarray) -> bool:
    for side, sign in (("left", 1.0), ("right", -1.0)):
        across = _unit(pose[INDEX["left_hip"]] - pose[INDEX["right_hip"]])
        for a, b, way in (
            ("shoulder", "elbow", sign * across),
            ("elbow", "wrist", sign * across),
            ("hip", "knee", np.array([0.0, -1.0, 0.0])),
            ("knee", "ankle", np.array([0.0, -1.0, 0.0])),
        ):
            if _unit(pose[INDEX[f"{side}_{b}"]] - pose[INDEX[f"{side}_{a}"]]) @ way < _T_POSE_COS:
                return False
    return True


def _natural(path: Path, folder: Path) -> list[tuple[bool, int, str]]:
    """Sorts numbers by value: "2.bvh" before "10.bvh"."""
    parts = re.findall(r"\d+|\D+", path.relative_to(folder).as_posix())
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]
