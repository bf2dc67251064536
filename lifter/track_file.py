"""The track file, version 1: what detection and lifting hand on. ARCHITECTURE.md has the table of keys.

A file is a .npz without pickles. Every key is checked when it is read, and before it is written by the same rules.
"""

from __future__ import annotations

import json
import math
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from .errors import LifterError
from .files import replacing
from .joints import HAND_LANDMARK_NAMES, JOINT_NAMES, LANDMARK_NAMES

FORMAT_VERSION = 1
_MAX_UNPACKED_BYTES = 2 << 30
_MAX_MEMBERS = 64
_MAX_SIDE_PX = 65536
_REMEDY = "Make the file again from its clip."
# Least (of what divides something) and most that a value can be; blender_pose3d/core/track_io.py has the same limits.
_LIMITS: dict[str, tuple[float, float]] = {
    "fps": (1e-6, 1e6),
    "timestamps_s": (0, 1e9),
    "positions_m": (0, 100),
    "root_position_m": (0, 1e6),
    "landmarks_px": (0, 1e7),
    "world_landmarks_m": (0, 1e3),
    "focal_length_px": (1e-3, 1e9),
    "background_way_share": (0, 1e4),
    "background_lines_px": (0, 1e7),
}
MOST_LINES = 1000
_UNSEEN = ("landmarks_px", "world_landmarks_m")
_LARGEST_HAND_M = 10.0
_LEAST_STEP_S = 1e-6
_DAMAGED_ARRAY = (ValueError, TypeError, EOFError, SyntaxError, tokenize.TokenError)
_DAMAGE = (OSError, RuntimeError, zipfile.BadZipFile, zlib.error, *_DAMAGED_ARRAY)


@dataclass(frozen=True, kw_only=True)
class Pose2DTrack:
    """One person's 2D landmarks through a clip, T frames: what a detection file holds. Hands that were not looked at are None."""

    fps: float
    timestamps_s: np.ndarray  # [T] float64, strictly increasing
    landmarks_px: np.ndarray  # [T, 33, 2] float32, NaN where not detected
    landmark_confidence: np.ndarray  # [T, 33] float32, 0 to 1, 0 where not detected
    world_landmarks_m: np.ndarray  # [T, 33, 3] float32, NaN where not detected
    detected: np.ndarray  # [T] bool
    image_size_px: tuple[int, int]  # width, height
    landmark_names: tuple[str, ...] = LANDMARK_NAMES
    provenance: Mapping[str, Any] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION
    hand_landmarks_m: np.ndarray | None = None  # [T, 2, 21, 3] float32, left and right, from the wrist, NaN where there is none
    hand_confidence: np.ndarray | None = None  # [T, 2] float32, 0 to 1
    # Of a camera that moved: how far the background has gone, step by step, right and down in long sides of the picture at its
    # middle, clockwise in radians, and the logarithm of its growth. [T, 4] float32
    background_way_share: np.ndarray | None = None
    # Straight edges around the people in the first frame, if there are any: x and y of both ends. [L, 4] float32
    background_lines_px: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Pose3DTrack(Pose2DTrack):
    """The same with the lifted person: what a track file holds. Camera axes: x right, y down, z forward."""

    positions_m: np.ndarray  # [T, 17, 3] float32, pelvis-relative
    root_position_m: np.ndarray  # [T, 3] float32, the pelvis in camera space
    confidence: np.ndarray  # [T, 17] float32, 0 to 1, 0 where not detected
    focal_length_px: float
    joint_names: tuple[str, ...] = JOINT_NAMES


def write_detection(path: str | Path, track: Pose2DTrack) -> None:
    """Write a detection file: all of it or nothing. Raises LifterError."""
    _write(Path(path), _detection_arrays(track), lifted=False)


def write_track(path: str | Path, track: Pose3DTrack) -> None:
    """Write a track file: all of it or nothing. Raises LifterError."""
    arrays = _detection_arrays(track)
    arrays["joint_names"] = np.array(track.joint_names)
    arrays["positions_m"] = np.asarray(track.positions_m, np.float32)
    arrays["root_position_m"] = np.asarray(track.root_position_m, np.float32)
    arrays["confidence"] = np.asarray(track.confidence, np.float32)
    arrays["focal_length_px"] = np.array(track.focal_length_px, np.float64)
    _write(Path(path), arrays, lifted=True)


def read_detection(path: str | Path) -> Pose2DTrack:
    """Read and check a detection file, or the detection in a track file. Raises LifterError naming the file and the key."""
    arrays = load_arrays(Path(path), (*_DETECTION_KEYS, *_HAND_KEYS, *_AROUND_KEYS))
    _check(Path(path), arrays, lifted=False)
    return Pose2DTrack(**_detection_fields(arrays))


def read_track(path: str | Path) -> Pose3DTrack:
    """Read and check a track file. Raises LifterError naming the file and the key."""
    arrays = load_arrays(Path(path), (*_DETECTION_KEYS, *_HAND_KEYS, *_AROUND_KEYS, *_LIFTED_KEYS))
    _check(Path(path), arrays, lifted=True)
    return Pose3DTrack(
        **_detection_fields(arrays),
        positions_m=arrays["positions_m"],
        root_position_m=arrays["root_position_m"],
        confidence=arrays["confidence"],
        focal_length_px=float(arrays["focal_length_px"]),
        joint_names=tuple(str(name) for name in arrays["joint_names"]),
    )


# Key -> shape and kind of number. T stands for the number of frames, L for any up to MOST_LINES; kinds are numpy's, U is text.
_DETECTION_KEYS: dict[str, tuple[tuple[int | str, ...], str]] = {
    "format_version": ((), "integer"),
    "fps": ((), "float64"),
    "timestamps_s": (("T",), "float64"),
    "landmark_names": ((33,), "text"),
    "landmarks_px": (("T", 33, 2), "float32"),
    "landmark_confidence": (("T", 33), "float32"),
    "world_landmarks_m": (("T", 33, 3), "float32"),
    "detected": (("T",), "bool"),
    "image_size_px": ((2,), "integer"),
    "provenance": ((), "text"),
}
# Of a clip whose hands were looked at: all of them or none.
_HAND_KEYS: dict[str, tuple[tuple[int | str, ...], str]] = {
    "hand_landmark_names": ((21,), "text"),
    "hand_landmarks_m": (("T", 2, 21, 3), "float32"),
    "hand_confidence": (("T", 2), "float32"),
}
# Of what is around the people: of a clip whose camera moved, and of one with straight edges.
_AROUND_KEYS: dict[str, tuple[tuple[int | str, ...], str]] = {
    "background_way_share": (("T", 4), "float32"),
    "background_lines_px": (("L", 4), "float32"),
}
_LIFTED_KEYS: dict[str, tuple[tuple[int | str, ...], str]] = {
    "joint_names": ((17,), "text"),
    "positions_m": (("T", 17, 3), "float32"),
    "root_position_m": (("T", 3), "float32"),
    "confidence": (("T", 17), "float32"),
    "focal_length_px": ((), "float64"),
}


_OPTIONAL = ("hand_landmarks_m", "hand_confidence", *_AROUND_KEYS)


def _detection_arrays(track: Pose2DTrack) -> dict[str, np.ndarray]:
    optional = {name: np.asarray(value, np.float32) for name in _OPTIONAL if (value := getattr(track, name)) is not None}
    names = {"hand_landmark_names": np.array(HAND_LANDMARK_NAMES)} if optional.keys() & _HAND_KEYS.keys() else {}
    arrays = {
        "format_version": np.array(track.format_version),
        "fps": np.array(track.fps, np.float64),
        "timestamps_s": np.asarray(track.timestamps_s, np.float64),
        "landmark_names": np.array(track.landmark_names),
        "landmarks_px": np.asarray(track.landmarks_px, np.float32),
        "landmark_confidence": np.asarray(track.landmark_confidence, np.float32),
        "world_landmarks_m": np.asarray(track.world_landmarks_m, np.float32),
        "detected": np.asarray(track.detected, bool),
        "image_size_px": np.array(track.image_size_px),
        "provenance": np.array(json.dumps(dict(track.provenance))),
    }
    return arrays | names | optional


def _detection_fields(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    same = ("timestamps_s", "landmarks_px", "landmark_confidence", "world_landmarks_m", "detected")
    return {name: arrays[name] for name in (*same, *_OPTIONAL) if name in arrays} | {
        "format_version": int(arrays["format_version"]),
        "fps": float(arrays["fps"]),
        "landmark_names": tuple(str(name) for name in arrays["landmark_names"]),
        "image_size_px": (int(arrays["image_size_px"][0]), int(arrays["image_size_px"][1])),
        "provenance": json.loads(str(arrays["provenance"])),
    }


def _write(path: Path, arrays: dict[str, np.ndarray], *, lifted: bool) -> None:
    _check(path, arrays, lifted=lifted)
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]


def load_arrays(path: Path, keys: Iterable[str], *, what: str = "track file", remedy: str = _REMEDY) -> dict[str, np.ndarray]:
    """The arrays of those keys that the file has. What the file claims to unpack to is looked at before anything is unpacked.

    what, remedy: for the sentences. Raises LifterError.
    """
    if not path.is_file():
        raise LifterError(f"There is no {what} {path}.", hint="Check the name and the folder.")
    arrays: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = {member.filename: member for member in archive.infolist()}
            if len(members) != len(archive.infolist()):
                raise ValueError("it has the same key twice")
            if any("/" in name or "\\" in name for name in members):
                raise ValueError("it has paths inside")
            if any(member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for member in members.values()):
                raise ValueError("it is compressed in an unknown way")
            if len(members) > _MAX_MEMBERS or sum(member.file_size for member in members.values()) > _MAX_UNPACKED_BYTES:
                raise ValueError("it would unpack to more than a track can hold")
            for key in keys:
                if (name := f"{key}.npy") in members:
                    with archive.open(name) as member:
                        arrays[key] = _read_array(member, key, limit_bytes=members[name].file_size)
    # What zipfile and numpy raise on a bad file: encrypted, an unknown compression, cut off, a wrong checksum.
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.strerror:
            raise LifterError(f"{path} cannot be read: {error.strerror}.", hint="Check the file's permissions.") from error
        reason = str(error) or type(error).__name__
        raise LifterError(f"{path} is not a {what} or is damaged: {reason.splitlines()[0]}.", hint=remedy) from error
    return arrays


def _read_array(member: IO[bytes], key: str, *, limit_bytes: int) -> np.ndarray:
    """One .npy, as numpy.load(allow_pickle=False) reads it, but with its size checked before memory is asked for."""
    version = np.lib.format.read_magic(member)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"{key} has the unknown array format {version}")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, fortran_order, dtype = read_header(member)
    except _DAMAGED_ARRAY:
        raise ValueError(f"{key} has a damaged header") from None
    if dtype.hasobject:
        raise ValueError(f"{key} holds pickled Python objects, which are never read")
    size_bytes = math.prod(shape) * dtype.itemsize
    if not 0 < size_bytes <= limit_bytes:
        raise ValueError(f"{key} has the impossible shape {shape}")
    data = bytearray(member.read(size_bytes))
    # To the end, so that zipfile compares the checksum.
    if len(data) != size_bytes or member.read(1):
        raise ValueError(f"{key} has another length than its shape {shape}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")


def _check(path: Path, arrays: Mapping[str, np.ndarray], *, lifted: bool) -> None:
    """Everything the table in ARCHITECTURE.md says of a file. Raises LifterError naming the file and the key."""

    def require(condition: bool | np.bool_, key: str, what: str) -> None:
        if not condition:
            raise LifterError(f"{path}: {key} {what}.", hint=_REMEDY)

    version = arrays.get("format_version")
    require(version is not None, "format_version", "is missing")
    assert version is not None
    require(version.shape == () and version.dtype.kind in "iu", "format_version", "must be one whole number")
    if version > FORMAT_VERSION:
        raise LifterError(
            f"{path}: format_version is {version}, and this Pose3D reads up to {FORMAT_VERSION}.",
            hint="Update Pose3D to open it.",
        )
    require(version == FORMAT_VERSION, "format_version", f"is {version}, which does not exist")

    has_hands = any(key in arrays for key in _HAND_KEYS)
    around = {key: form for key, form in _AROUND_KEYS.items() if key in arrays}
    table = _DETECTION_KEYS | around | (_HAND_KEYS if has_hands else {}) | (_LIFTED_KEYS if lifted else {})
    frame_count = arrays["timestamps_s"].shape[0] if "timestamps_s" in arrays and arrays["timestamps_s"].ndim else 0
    for key, (shape, kind) in table.items():
        require(key in arrays, key, "is missing")
        array = arrays[key]
        lines = min(max(len(array), 1), MOST_LINES) if array.ndim else 1
        wanted = tuple({"T": frame_count, "L": lines}.get(size, size) if isinstance(size, str) else size for size in shape)
        require(array.shape == wanted, key, f"has shape {list(array.shape)} instead of {_shape_text(shape, frame_count)}")
        require(_is_kind(array.dtype, kind), key, f"holds {array.dtype} instead of {kind}")
    require(frame_count > 0, "timestamps_s", "has no frame")

    times_s, detected = arrays["timestamps_s"], arrays["detected"]
    require(np.isfinite(times_s).all(), "timestamps_s", "has a value that is not finite")
    require((np.diff(times_s) > 0).all(), "timestamps_s", "does not strictly increase")
    require((np.diff(times_s) >= _LEAST_STEP_S).all(), "timestamps_s", f"has times less than {_LEAST_STEP_S:g} s apart")
    _require_positive(require, arrays, "fps")
    size_px = arrays["image_size_px"]
    require(
        ((size_px > 0) & (size_px <= _MAX_SIDE_PX)).all(), "image_size_px", f"is {size_px.tolist()}, which is no picture's size"
    )
    require(tuple(arrays["landmark_names"]) == LANDMARK_NAMES, "landmark_names", "are not MediaPipe's 33 in their order")
    for key in ("landmarks_px", "world_landmarks_m"):
        require(np.isfinite(arrays[key][detected]).all(), key, "has a value that is not finite in a frame with a person")
        require(np.isnan(arrays[key][~detected]).all(), key, "has a value in a frame where nobody was detected")
    _require_confidence(require, arrays, "landmark_confidence")
    if has_hands:
        _require_hands(require, arrays)
    try:
        provenance = json.loads(str(arrays["provenance"]))
    except (ValueError, RecursionError):
        provenance = None
    require(isinstance(provenance, dict), "provenance", "is not a JSON object")
    if lifted:
        require(tuple(arrays["joint_names"]) == JOINT_NAMES, "joint_names", "are not Human3.6M's 17 in their order")
        for key in ("positions_m", "root_position_m"):
            require(np.isfinite(arrays[key]).all(), key, "has a value that is not finite")
        _require_confidence(require, arrays, "confidence")
        _require_positive(require, arrays, "focal_length_px")
    for key in around:
        require(np.isfinite(arrays[key]).all(), key, "has a value that is not finite")
    for key, (least, most) in _LIMITS.items():
        if key in table:
            seen = arrays[key][detected] if key in _UNSEEN else arrays[key]
            within = least <= abs(float(seen.min(initial=most))) and float(np.abs(seen).max(initial=0)) <= most
            require(within, key, f"has a value that no clip of a person has (below {least:g} or beyond {most:g})")


def _is_kind(dtype: np.dtype, kind: str) -> bool:
    if kind == "integer":
        return dtype.kind in "iu"
    return dtype.kind == "U" if kind == "text" else dtype == np.dtype(kind)


_Require = Callable[[bool | np.bool_, str, str], None]


def _require_positive(require: _Require, arrays: Mapping[str, np.ndarray], key: str) -> None:
    value = float(arrays[key])
    require(math.isfinite(value) and value > 0, key, f"is {value:g} instead of a number above 0")


def _require_confidence(require: _Require, arrays: Mapping[str, np.ndarray], key: str) -> None:
    values = arrays[key]
    # Written so that NaN fails too.
    require(((values >= 0) & (values <= 1)).all(), key, "has a value outside 0 to 1")
    require((values[~arrays["detected"]] == 0).all(), key, "is not 0 in a frame where nobody was detected")


def _require_hands(require: _Require, arrays: Mapping[str, np.ndarray]) -> None:
    names = tuple(arrays["hand_landmark_names"])
    require(names == HAND_LANDMARK_NAMES, "hand_landmark_names", "are not MediaPipe's 21 in their order")
    _require_confidence(require, arrays, "hand_confidence")
    seen = arrays["hand_confidence"] > 0
    landmarks = arrays["hand_landmarks_m"]
    within = bool((np.abs(landmarks[seen]) <= _LARGEST_HAND_M).all())  # so that NaN fails too
    require(within, "hand_landmarks_m", f"has a value of a hand that is no number or beyond {_LARGEST_HAND_M:g}")
    require(np.isnan(landmarks[~seen]).all(), "hand_landmarks_m", "has a value where no hand was found")


def _shape_text(shape: tuple[int | str, ...], frame_count: int) -> str:
    text = "[" + ", ".join(str(size) for size in shape) + "]"
    if "L" in shape:
        return f"{text} with L up to {MOST_LINES}"
    return f"{text} with T = {frame_count}" if "T" in shape else text
