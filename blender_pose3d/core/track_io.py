"""Reading and writing of track files, version 1 (the table in ARCHITECTURE.md). Every key is checked on reading."""

from __future__ import annotations

import json
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from .errors import Pose3DError
from .leftovers import replacing
from .paths import is_file
from .skeleton import HAND_LANDMARK_NAMES, JOINT_NAMES, LANDMARK_NAMES
from .tracks import Pose3DTrack

FORMAT_VERSION = 1
_LARGEST_FILE_BYTES = 2 << 30
_MOST_KEYS = 64
# What divides something: below it, squares and quotients are no numbers any more. lifter/track_file.py has the same limits.
_LEAST: dict[str, float] = {"fps": 1e-6, "focal_length_px": 1e-3, "image_size_px": 1}
_LEAST_STEP_S = 1e-6
_REMEDY = "Import the clip again to make a new one."
_DAMAGE = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    RuntimeError,
    SyntaxError,
    zlib.error,
    zipfile.BadZipFile,
    tokenize.TokenError,
)

# Of the provenance, where they are there.
_PARTS = ("clip", "settings", "people", "camera_motion", "lifter_model", "versions", "live")


@dataclass(frozen=True)
class _Key:
    """kind: "text", "integer" or a numpy type; shape: T for frames, L for any up to MOST_LINES; unseen: what the values are where
    nobody was detected; share: values from 0 to 1; most: the largest value, of either sign, that a person's track can have.
    """

    kind: str
    shape: tuple[int | str, ...]
    unseen: float | None = None
    share: bool = False
    most: float = math.inf

    @property
    def is_field(self) -> bool:
        """Whether it is an array of a `Pose3DTrack`."""
        return bool({"T", "L"} & set(self.shape))


_KEYS: dict[str, _Key] = {
    "format_version": _Key("integer", ()),
    "fps": _Key("float64", (), most=1e6),
    "timestamps_s": _Key("float64", ("T",), most=1e9),
    "joint_names": _Key("text", (len(JOINT_NAMES),)),
    "positions_m": _Key("float32", ("T", len(JOINT_NAMES), 3), most=100.0),
    "root_position_m": _Key("float32", ("T", 3), most=1e6),
    "confidence": _Key("float32", ("T", len(JOINT_NAMES)), unseen=0.0, share=True),
    "landmark_names": _Key("text", (len(LANDMARK_NAMES),)),
    "landmarks_px": _Key("float32", ("T", len(LANDMARK_NAMES), 2), unseen=math.nan, most=1e7),
    "landmark_confidence": _Key("float32", ("T", len(LANDMARK_NAMES)), unseen=0.0, share=True),
    "world_landmarks_m": _Key("float32", ("T", len(LANDMARK_NAMES), 3), unseen=math.nan, most=1e3),
    "detected": _Key("bool", ("T",)),
    "image_size_px": _Key("integer", (2,), most=65536),
    "focal_length_px": _Key("float64", (), most=1e9),
    "provenance": _Key("text", ()),
}
# Of a clip whose hands were looked at: all of them or none.
_HAND_KEYS: dict[str, _Key] = {
    "hand_landmark_names": _Key("text", (len(HAND_LANDMARK_NAMES),)),
    "hand_landmarks_m": _Key("float32", ("T", 2, len(HAND_LANDMARK_NAMES), 3)),
    "hand_confidence": _Key("float32", ("T", 2), unseen=0.0, share=True),
}
_LARGEST_HAND_M = 10.0
# Of what is around the people: of a clip whose camera moved, and of one with straight edges.
_AROUND_KEYS: dict[str, _Key] = {
    "background_way_share": _Key("float32", ("T", 4), most=1e4),
    "background_lines_px": _Key("float32", ("L", 4), most=1e7),
}
MOST_LINES = 1000
_ALL_KEYS = _KEYS | _HAND_KEYS | _AROUND_KEYS


def read_track(path: Path | str) -> Pose3DTrack:
    """Read and check a track file. Raises Pose3DError that names the file, the key and what is wrong with it."""
    path = Path(path)
    values = load_keys(path)
    _check(path, values)
    width, height = (int(v) for v in values["image_size_px"])
    return Pose3DTrack(
        fps=float(values["fps"]),
        image_size_px=(width, height),
        focal_length_px=float(values["focal_length_px"]),
        provenance=json.loads(str(values["provenance"])),
        **{name: values[name] for name, key in _ALL_KEYS.items() if key.is_field and name in values},
    )


def require_track(path: Path) -> None:
    """Raises Pose3DError where there is no such file, for those who have it read elsewhere or later."""
    if not is_file(path):
        raise _gone(path)


def _gone(path: Path) -> Pose3DError:
    return Pose3DError(f"There is no track file {path}.", hint=_REMEDY)


def write_track(path: Path | str, track: Pose3DTrack) -> None:
    """Write a track file; it appears whole or not at all. Raises Pose3DError if the track is not right or cannot be written."""
    path = Path(path)
    values = {name: np.asarray(getattr(track, name), key.kind) for name, key in _KEYS.items() if key.is_field}
    values |= {
        "format_version": np.array(FORMAT_VERSION),
        "joint_names": np.array(JOINT_NAMES),
        "landmark_names": np.array(LANDMARK_NAMES),
        "image_size_px": np.array(track.image_size_px, dtype=np.int64),
        "fps": np.array(track.fps, np.float64),
        "focal_length_px": np.array(track.focal_length_px, np.float64),
        "provenance": np.array(json.dumps(track.provenance)),
    }
    optional = {name: getattr(track, name) for name, key in (_HAND_KEYS | _AROUND_KEYS).items() if key.is_field}
    values |= {name: np.asarray(value, "float32") for name, value in optional.items() if value is not None}
    if values.keys() & _HAND_KEYS.keys():
        values["hand_landmark_names"] = np.array(HAND_LANDMARK_NAMES)
    _check(path, values)
    try:
        with replacing(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, **values)  # type: ignore[arg-type]
    except OSError as reason:
        raise Pose3DError(f"Cannot write {path}: {reason.strerror}.", hint="Choose a folder that can be written to.") from None


def load_keys(path: Path, names: Iterable[str] = tuple(_ALL_KEYS)) -> dict[str, np.ndarray]:
    """Those keys of a track file that it has, unchecked. What it says it unpacks to is looked at before memory is asked for.

    Raises Pose3DError where the file cannot be read.
    """
    values: dict[str, np.ndarray] = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            sizes = {item.filename: item.file_size for item in members}
            if len(sizes) != len(members) or any("/" in name or "\\" in name for name in sizes):
                raise _bad(path, "it has a key twice or a path inside")
            if len(sizes) > _MOST_KEYS or sum(sizes.values()) > _LARGEST_FILE_BYTES:
                raise _bad(path, "it would unpack to more than a track can hold")
            if any(item.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for item in members):
                raise _bad(path, "it is compressed in an unknown way")
            for name in names:
                if (member := f"{name}.npy") in sizes:
                    with archive.open(member) as file:
                        values[name] = _array(path, name, file, sizes[member])
    except FileNotFoundError:
        raise _gone(path) from None
    # What zipfile and numpy raise on a damaged file; RuntimeError is an encrypted or unknown member.
    except _DAMAGE as reason:
        if isinstance(reason, OSError) and reason.strerror:
            raise Pose3DError(
                f"The track file {path} cannot be read: {reason.strerror}.", hint="Check the file's permissions."
            ) from None
        raise _bad(path, str(reason).splitlines()[0] if str(reason) else type(reason).__name__) from None
    return values


def _array(path: Path, name: str, file: IO[bytes], size_bytes: int) -> np.ndarray:
    """One array without pickles, from a member of `size_bytes`."""
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise _bad(path, f"{name} is of the unknown array format {version}")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:
        shape, fortran_order, dtype = read_header(file)
    except (ValueError, TypeError, SyntaxError, tokenize.TokenError):
        raise _bad(path, f"{name} has a damaged header") from None
    if dtype.hasobject:
        raise _bad(path, f"{name} holds pickled objects, which are never read")
    wanted_bytes = math.prod(shape) * dtype.itemsize
    if any(n < 0 for n in shape) or wanted_bytes > size_bytes:
        raise _bad(path, f"{name} has the impossible shape {list(shape)}")
    # To the end, so that the archive's checksum is compared.
    data = bytearray(file.read())
    if len(data) != wanted_bytes:
        raise _bad(path, f"{name} is longer or shorter than its shape says")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran_order else "C")


def _check(path: Path, values: Mapping[str, np.ndarray]) -> None:
    """Everything that the table says."""
    _check_version(path, values.get("format_version"))
    table = _KEYS | (_HAND_KEYS if any(name in values for name in _HAND_KEYS) else {})
    table |= {name: key for name, key in _AROUND_KEYS.items() if name in values}
    if missing := [name for name in table if name not in values]:
        raise _bad(path, f"{missing[0]} is missing")
    times = values["timestamps_s"]
    frames = len(times) if times.ndim == 1 else 0
    for name, key in table.items():
        _check_form(path, name, key, values[name], frames)
    if frames == 0:
        raise _bad(path, "its timestamps_s have no frame")
    if frames > 1 and not (np.diff(times) > 0).all():
        raise _bad(path, "its timestamps_s do not increase")
    if frames > 1 and np.diff(times).min() < _LEAST_STEP_S:
        raise _bad(path, f"its timestamps_s are less than {_LEAST_STEP_S:g} s apart")
    names = {"joint_names": JOINT_NAMES, "landmark_names": LANDMARK_NAMES, "hand_landmark_names": HAND_LANDMARK_NAMES}
    for name, key in table.items():
        if name != "hand_landmarks_m":
            _check_values(path, name, key, values[name], values["detected"])
        if name in names and tuple(values[name].tolist()) != names[name]:
            raise _bad(path, f"its {name} are not the ones that this version knows")
    if "hand_landmarks_m" in table:
        _check_hands(path, values["hand_landmarks_m"], values["hand_confidence"] > 0)
    for name, least in _LEAST.items():
        if not (values[name] > 0).all():
            raise _bad(path, f"its {name} is not above 0")
        if not (values[name] >= least).all():
            raise _bad(path, f"its {name} is below {least:g}")
    try:
        provenance = json.loads(str(values["provenance"]))
        json.dumps(provenance, ensure_ascii=False).encode()  # half of a character would not become a name in Blender
    except (ValueError, RecursionError):
        provenance = None
    if not isinstance(provenance, dict):
        raise _bad(path, "its provenance is not a JSON object")
    for name in _PARTS:
        if not isinstance(provenance.get(name, {}), dict):
            raise _bad(path, f"'{name}' in its provenance is not a JSON object")


def _check_version(path: Path, version: np.ndarray | None) -> None:
    if version is None:
        raise _bad(path, "format_version is missing")
    if version.shape != () or version.dtype.kind not in "iu" or int(version) < 1:
        raise _bad(path, "its format_version is not a whole number from 1")
    if int(version) > FORMAT_VERSION:
        what = f"The track file {path.name} was written by a newer version of Pose3D (format_version {int(version)})."
        raise Pose3DError(what, hint="Update Pose3D.")


def _check_form(path: Path, name: str, key: _Key, value: np.ndarray, frames: int) -> None:
    lines = min(max(len(value), 1), MOST_LINES) if value.ndim else 1
    expected = tuple({"T": frames, "L": lines}.get(n, n) if isinstance(n, str) else n for n in key.shape)
    if value.shape != expected:
        raise _bad(path, f"{name} has the shape {list(value.shape)} where {list(expected)} is expected")
    kinds = {"text": "U", "integer": "iu"}.get(key.kind)
    if value.dtype.kind not in kinds if kinds else value.dtype != np.dtype(key.kind):
        raise _bad(path, f"{name} is {value.dtype} where {key.kind} is expected")


def _check_values(path: Path, name: str, key: _Key, value: np.ndarray, detected: np.ndarray) -> None:
    seen = value[detected] if key.unseen is not None else value
    if value.dtype.kind == "f" and not np.isfinite(seen).all():
        raise _bad(path, f"{name} has values that are not finite")
    if key.most < math.inf and (np.abs(seen) > key.most).any():
        raise _bad(path, f"{name} has values beyond {key.most:g}, which no clip of a person has")
    if key.share and not ((value >= 0) & (value <= 1)).all():
        raise _bad(path, f"{name} has values outside 0 to 1")
    if key.unseen is not None and not np.array_equal(
        value[~detected], np.full_like(value[~detected], key.unseen), equal_nan=True
    ):
        raise _bad(path, f"{name} has values where nobody was detected")


def _check_hands(path: Path, landmarks_m: np.ndarray, seen: np.ndarray) -> None:
    if not (np.abs(landmarks_m[seen]) <= _LARGEST_HAND_M).all():  # so that NaN fails too
        raise _bad(path, f"hand_landmarks_m has values of a hand that are no numbers or beyond {_LARGEST_HAND_M:g}")
    if not np.isnan(landmarks_m[~seen]).all():
        raise _bad(path, "hand_landmarks_m has values where no hand was found")


def _bad(path: Path, what: str) -> Pose3DError:
    return Pose3DError(f"The track file {path.name} cannot be used: {what}.", hint=_REMEDY)
