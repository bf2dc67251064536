"""Reading and writing of track files, version 1 (the table in ARCHITECTURE.md). Every key is checked on reading."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import Pose3DError
from .skeleton import JOINT_NAMES, LANDMARK_NAMES
from .tracks import Pose3DTrack

FORMAT_VERSION = 1
_LARGEST_FILE_BYTES = 4 << 30
_REMEDY = "Import the clip again to make a new one."


@dataclass(frozen=True)
class _Key:
    """kind: numpy dtype kinds allowed; shape: T for frames; gaps: NaN is allowed where nobody was detected."""

    kind: str
    shape: tuple[int | str, ...]
    gaps: bool = False
    share: bool = False  # values from 0 to 1


_KEYS: dict[str, _Key] = {
    "format_version": _Key("iu", ()),
    "fps": _Key("f", ()),
    "timestamps_s": _Key("f", ("T",)),
    "joint_names": _Key("U", (len(JOINT_NAMES),)),
    "positions_m": _Key("f", ("T", len(JOINT_NAMES), 3)),
    "root_position_m": _Key("f", ("T", 3)),
    "confidence": _Key("f", ("T", len(JOINT_NAMES)), share=True),
    "landmark_names": _Key("U", (len(LANDMARK_NAMES),)),
    "landmarks_px": _Key("f", ("T", len(LANDMARK_NAMES), 2), gaps=True),
    "landmark_confidence": _Key("f", ("T", len(LANDMARK_NAMES)), share=True),
    "world_landmarks_m": _Key("f", ("T", len(LANDMARK_NAMES), 3), gaps=True),
    "detected": _Key("b", ("T",)),
    "image_size_px": _Key("iu", (2,)),
    "focal_length_px": _Key("f", ()),
    "provenance": _Key("U", ()),
}


def read_track(path: Path | str) -> Pose3DTrack:
    """Read and check a track file. Raises Pose3DError that names the file, the key and what is wrong with it."""
    path = Path(path)
    values = _load(path)
    frames = len(values["timestamps_s"]) if values["timestamps_s"].ndim == 1 else 0
    for name, key in _KEYS.items():
        _check(path, name, key, values[name], frames)
    for name, expected in (("joint_names", JOINT_NAMES), ("landmark_names", LANDMARK_NAMES)):
        if tuple(values[name].tolist()) != expected:
            raise _bad(path, f"its {name} are not the ones that this version knows")
    if frames == 0:
        raise _bad(path, "it has no frames")
    if frames > 1 and not (np.diff(values["timestamps_s"]) > 0).all():
        raise _bad(path, "its timestamps_s do not increase")
    for name in ("fps", "focal_length_px"):
        if not float(values[name]) > 0:
            raise _bad(path, f"its {name} is not above 0")
    if not (values["image_size_px"] > 0).all():
        raise _bad(path, "its image_size_px is not above 0")
    seen = values["detected"]
    for name in ("landmarks_px", "world_landmarks_m"):
        if not np.isfinite(values[name][seen]).all():
            raise _bad(path, f"its {name} have values that are not finite in frames marked as detected")
    try:
        provenance = json.loads(str(values["provenance"]))
    except (ValueError, RecursionError):
        raise _bad(path, "its provenance is not JSON") from None
    if not isinstance(provenance, dict):
        raise _bad(path, "its provenance is not a JSON object")
    arrays = {name: values[name] for name, key in _KEYS.items() if "T" in key.shape}
    width, height = (int(v) for v in values["image_size_px"])
    return Pose3DTrack(
        fps=float(values["fps"]),
        image_size_px=(width, height),
        focal_length_px=float(values["focal_length_px"]),
        provenance=provenance,
        **arrays,
    )


def write_track(path: Path | str, track: Pose3DTrack) -> None:
    """Write a track file; it appears whole or not at all. Raises Pose3DError if it cannot be written."""
    path = Path(path)
    values = {name: getattr(track, name) for name in _KEYS if hasattr(track, name)}
    values |= {
        "format_version": np.int64(FORMAT_VERSION),
        "joint_names": np.array(JOINT_NAMES),
        "landmark_names": np.array(LANDMARK_NAMES),
        "image_size_px": np.array(track.image_size_px, dtype=np.int64),
        "fps": np.float64(track.fps),
        "focal_length_px": np.float64(track.focal_length_px),
        "provenance": np.array(json.dumps(track.provenance)),
    }
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as file:
            np.savez_compressed(file, **values)
        os.replace(partial, path)
    except OSError as reason:
        partial.unlink(missing_ok=True)
        raise Pose3DError(f"Cannot write {path}: {reason.strerror}.", hint="Choose a folder that can be written to.") from None


def _load(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(item.file_size for item in archive.infolist()) > _LARGEST_FILE_BYTES:
                raise _bad(path, "it unpacks to more than 4 GiB")
        with np.load(path, allow_pickle=False) as archive:
            present = set(archive.files)
            if "format_version" not in present:
                raise _bad(path, "format_version is missing")
            version = archive["format_version"]
            if version.shape != () or version.dtype.kind not in "iu" or int(version) < 1:
                raise _bad(path, "its format_version is not a whole number from 1")
            if int(version) > FORMAT_VERSION:
                raise Pose3DError(f"The track file {path.name} was written by a newer version of Pose3D.", hint="Update Pose3D.")
            if missing := [name for name in _KEYS if name not in present]:
                raise _bad(path, f"{missing[0]} is missing")
            return {name: archive[name] for name in _KEYS}
    except FileNotFoundError:
        raise Pose3DError(f"There is no track file {path}.", hint=_REMEDY) from None
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        MemoryError,
        NotImplementedError,
        SyntaxError,
        zlib.error,
        zipfile.BadZipFile,
    ) as reason:
        raise _bad(path, str(reason).splitlines()[0] if str(reason) else type(reason).__name__) from None


def _check(path: Path, name: str, key: _Key, value: np.ndarray, frames: int) -> None:
    expected = tuple(frames if n == "T" else n for n in key.shape)
    if value.shape != expected:
        raise _bad(path, f"{name} has the shape {list(value.shape)} where {list(expected)} is expected")
    if value.dtype.kind not in key.kind:
        raise _bad(path, f"{name} has the type {value.dtype}")
    if key.kind == "f" and not key.gaps and not np.isfinite(value).all():
        raise _bad(path, f"{name} has values that are not finite")
    if key.share and not ((value >= 0) & (value <= 1)).all():
        raise _bad(path, f"{name} has values outside 0 to 1")


def _bad(path: Path, what: str) -> Pose3DError:
    return Pose3DError(f"The track file {path.name} cannot be used: {what}.", hint=_REMEDY)
