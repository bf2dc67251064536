"""Track files for both sides' tests: a good one, and every way in which one can be wrong.

Written from ARCHITECTURE.md's table alone, with numpy and the standard library, so that it favours neither reader.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# fmt: off
JOINT_NAMES = (
    "pelvis", "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "spine", "thorax", "nose",
    "head_top", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist",
)
LANDMARK_NAMES = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer", "left_ear",
    "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist",
    "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb", "right_thumb", "left_hip",
    "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel", "right_heel", "left_foot_index",
    "right_foot_index",
)
HAND_LANDMARK_NAMES = (
    "wrist", "thumb_cmc", "thumb_mcp", "thumb_ip", "thumb_tip", "index_mcp", "index_pip", "index_dip", "index_tip", "middle_mcp",
    "middle_pip", "middle_dip", "middle_tip", "ring_mcp", "ring_pip", "ring_dip", "ring_tip", "little_mcp", "little_pip",
    "little_dip", "little_tip",
)
# fmt: on
LIFTED_KEYS = ("joint_names", "positions_m", "root_position_m", "confidence", "focal_length_px")

MOVING_KEY = "background_way_share"
LINES_KEY = "background_lines_px"

Arrays = dict[str, np.ndarray]


def good_arrays(*, frame_count: int = 6, undetected: tuple[int, ...] = (2,), lifted: bool = True) -> Arrays:
    """The keys of a valid file; in the `undetected` frames nobody was found."""
    random = np.random.default_rng(7)
    detected = np.ones(frame_count, bool)
    detected[list(undetected)] = False
    landmarks_px = random.uniform(0, 640, (frame_count, 33, 2)).astype(np.float32)
    world_landmarks_m = random.normal(0, 0.4, (frame_count, 33, 3)).astype(np.float32)
    landmark_confidence = random.uniform(0.1, 1, (frame_count, 33)).astype(np.float32)
    landmarks_px[~detected] = np.nan
    world_landmarks_m[~detected] = np.nan
    landmark_confidence[~detected] = 0
    arrays = {
        "format_version": np.array(1),
        "fps": np.array(25.0),
        "timestamps_s": np.arange(frame_count) / 25.0,
        "landmark_names": np.array(LANDMARK_NAMES),
        "landmarks_px": landmarks_px,
        "landmark_confidence": landmark_confidence,
        "world_landmarks_m": world_landmarks_m,
        "detected": detected,
        "image_size_px": np.array([640, 480]),
        "provenance": np.array(json.dumps({"versions": {"lifter": "0.1.0"}, "clip": {"name": "clip.mp4"}})),
    }
    if lifted:
        positions_m = random.normal(0, 0.4, (frame_count, 17, 3)).astype(np.float32)
        positions_m[:, 0] = 0
        confidence = random.uniform(0.1, 1, (frame_count, 17)).astype(np.float32)
        confidence[~detected] = 0
        arrays |= {
            "joint_names": np.array(JOINT_NAMES),
            "positions_m": positions_m,
            "root_position_m": np.tile(np.float32([0, 0, 3]), (frame_count, 1)),
            "confidence": confidence,
            "focal_length_px": np.array(900.0),
        }
    return arrays


def hand_arrays(arrays: Arrays) -> Arrays:
    """The optional keys for a file's other arrays: the left hand in every frame with a person, the right in all but the first."""
    frame_count = len(arrays["timestamps_s"])
    random = np.random.default_rng(8)
    confidence = random.uniform(0.1, 1, (frame_count, 2)).astype(np.float32)
    confidence[~arrays["detected"]] = 0
    confidence[0, 1] = 0
    landmarks_m = random.normal(0, 0.05, (frame_count, 2, 21, 3)).astype(np.float32)
    landmarks_m[..., 0, :] = 0
    landmarks_m[confidence == 0] = np.nan
    names = np.array(HAND_LANDMARK_NAMES)
    return {"hand_landmark_names": names, "hand_landmarks_m": landmarks_m, "hand_confidence": confidence}


def moving_arrays(arrays: Arrays) -> Arrays:
    """The optional key of a clip whose camera moved."""
    steps = np.random.default_rng(9).normal(0, 0.02, (len(arrays["timestamps_s"]), 4))
    return {MOVING_KEY: np.cumsum(steps, axis=0).astype(np.float32)}


def lines_arrays() -> Arrays:
    """Five edges."""
    return {LINES_KEY: np.random.default_rng(9).uniform(0, 640, (5, 4)).astype(np.float32)}


def write(path: Path, arrays: Arrays) -> None:
    """Write the arrays as they are, right or wrong."""
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


@dataclass(frozen=True)
class BadTrack:
    """One way to be wrong: `make` writes such a file, and the reader's sentence must name `key` (empty: the file as a whole)."""

    name: str
    key: str
    make: Callable[[Path], None]

    @property
    def lifted_only(self) -> bool:
        """True where a detection file cannot be wrong in this way."""
        return self.key in LIFTED_KEYS


def _changed(name: str, key: str, change: Callable[[Arrays], object]) -> BadTrack:
    def make(path: Path) -> None:
        arrays = good_arrays()
        if key.startswith("hand_"):
            arrays |= hand_arrays(arrays)
        if key == MOVING_KEY:
            arrays |= moving_arrays(arrays)
        if key == LINES_KEY:
            arrays |= lines_arrays()
        change(arrays)
        write(path, arrays)

    return BadTrack(name, key, make)


def _replaced(name: str, key: str, value: object) -> BadTrack:
    return _changed(name, key, lambda arrays: arrays.update({key: np.asarray(value)}))


def _at(name: str, key: str, index: object, value: float) -> BadTrack:
    def change(arrays: Arrays) -> None:
        arrays[key][index] = value  # type: ignore[index]

    return _changed(name, key, change)


def _cast(key: str, dtype: str) -> BadTrack:
    return _changed(f"{key} as {dtype}", key, lambda arrays: arrays.update({key: arrays[key].astype(dtype)}))


def _reshaped(key: str, index: object) -> BadTrack:
    return _changed(f"{key} with another shape", key, lambda arrays: arrays.update({key: arrays[key][index]}))  # type: ignore[index]


def _raw(name: str, content: bytes) -> BadTrack:
    return BadTrack(name, "", lambda path: _write_bytes(path, content))


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _bytes_of(arrays: Arrays) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _with_member(name: str, member: str, content: bytes, *, key: str = "") -> BadTrack:
    """A good file in which one zip member is another, or is added."""

    def make(path: Path) -> None:
        good = io.BytesIO(_bytes_of(good_arrays()))
        with zipfile.ZipFile(good) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
            for info in old.infolist():
                if info.filename != member:
                    new.writestr(info.filename, old.read(info))
            new.writestr(member, content)

    return BadTrack(name, key, make)


def _npy_claiming(shape: tuple[int, ...], descr: str = "<f4") -> bytes:
    """An array file whose header promises more than is there."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": descr, "fortran_order": False, "shape": shape})
    return buffer.getvalue() + bytes(64)


def _pickled() -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.array([{"a": 1}], object), allow_pickle=True)
    return buffer.getvalue()


def _bomb(path: Path) -> None:
    """A member that would unpack to three GiB, as far as the list of members says."""
    content = bytearray(_bytes_of(good_arrays()))
    entry = content.rindex(b"PK\x01\x02", 0, content.rindex(b"positions_m.npy"))
    content[entry + 24 : entry + 28] = (3 << 30).to_bytes(4, "little")
    path.write_bytes(content)


def _flipped_bit(path: Path) -> None:
    arrays = good_arrays()
    content = bytearray(_bytes_of(arrays))
    at = content.index(arrays["positions_m"].tobytes()) + 100
    content[at] ^= 0x10
    path.write_bytes(content)


def _corrupt_files() -> list[BadTrack]:
    good = _bytes_of(good_arrays())
    return [
        _raw("an empty file", b""),
        _raw("text", b"this is not a track\n" * 50),
        _raw("half a file", good[: len(good) // 2]),
        _raw("a lone array", _npy_claiming((4,))),
        BadTrack("a flipped bit", "", _flipped_bit),
        BadTrack("a zip bomb", "", _bomb),
        _with_member("a path inside", "../positions_m.npy", b"x"),
        _with_member("an absolute path inside", "/tmp/positions_m.npy", b"x"),
        _with_member("a pickle", "positions_m.npy", _pickled(), key="positions_m"),
        _with_member("more promised than there is", "positions_m.npy", _npy_claiming((1 << 40, 17, 3)), key="positions_m"),
        _with_member("a negative shape", "positions_m.npy", _npy_claiming((-6, 17, 3)), key="positions_m"),
        _with_member("not an array", "positions_m.npy", b"garbage", key=""),
    ]


def _wrong_values() -> list[BadTrack]:
    nan, inf = float("nan"), float("inf")
    bad = [_changed(f"no {key}", key, lambda arrays, key=key: arrays.pop(key)) for key in good_arrays()]
    floats = ("landmarks_px", "landmark_confidence", "world_landmarks_m", "positions_m", "root_position_m", "confidence")
    bad += [_cast(key, "float64") for key in floats]
    bad += [_cast("timestamps_s", "float32"), _cast("detected", "int64"), _cast("image_size_px", "float64")]
    bad += [_cast("fps", "int64"), _cast("format_version", "float64"), _cast("provenance", "S")]
    bad += [_reshaped(key, slice(1, None)) for key in (*floats, "detected")]
    for key in ("landmark_names", "joint_names", "image_size_px"):
        bad.append(_reshaped(key, slice(0, -1)))
    bad += [_reshaped(key, (..., slice(0, -1))) for key in ("landmarks_px", "positions_m", "root_position_m", "confidence")]
    bad += [_reshaped("fps", (None,)), _reshaped("focal_length_px", (None,)), _reshaped("timestamps_s", (slice(None), None))]
    for value in (nan, inf, -inf):
        bad += [_at(f"positions_m of {value}", "positions_m", (0, 3, 1), value)]
        bad += [_at(f"root_position_m of {value}", "root_position_m", (1, 2), value)]
        bad += [_at(f"landmarks_px of {value}", "landmarks_px", (0, 3, 1), value)]
        bad += [_at(f"world_landmarks_m of {value}", "world_landmarks_m", (0, 3, 1), value)]
        bad += [_at(f"timestamps_s of {value}", "timestamps_s", 3, value)]
    for key in ("confidence", "landmark_confidence"):
        bad += [_at(f"{key} of {value}", key, (0, 0), value) for value in (-0.01, 1.01, nan)]
        bad += [_at(f"{key} where nobody was detected", key, (2, 0), 0.5)]
    for key in ("landmarks_px", "world_landmarks_m"):
        bad += [_at(f"{key} where nobody was detected", key, (2, 0, 0), 1.0)]
    bad += _wrong_hands()
    bad += [_cast(MOVING_KEY, "float64"), _reshaped(MOVING_KEY, slice(1, None)), _reshaped(MOVING_KEY, (..., slice(0, 3)))]
    bad += [_at(f"{MOVING_KEY} of {value}", MOVING_KEY, (3, 0), value) for value in (nan, inf, 2e4)]
    bad += [_cast(LINES_KEY, "float64"), _reshaped(LINES_KEY, slice(0, 0)), _reshaped(LINES_KEY, (..., slice(0, 3)))]
    bad += [_at(f"{LINES_KEY} of {value}", LINES_KEY, (3, 0), value) for value in (nan, inf, 2e7)]
    bad += [
        _replaced(f"1001 {LINES_KEY}", LINES_KEY, np.ones((1001, 4), np.float32)),
        _replaced("a line", LINES_KEY, np.float32(3)),
    ]
    for key in ("fps", "focal_length_px"):
        bad += [_replaced(f"{key} of {value}", key, value) for value in (0.0, -25.0, nan, inf)]
    bad += [
        _at("a doubled time", "timestamps_s", 3, 2 / 25),
        _at("a time running back", "timestamps_s", 3, 0.0),
        _replaced("no width", "image_size_px", [0, 480]),
        _replaced("a negative height", "image_size_px", [640, -480]),
        _replaced("format version 0", "format_version", 0),
        _replaced("format version 2", "format_version", 2),
        _replaced("provenance that is not JSON", "provenance", "{'a': 1}"),
        _replaced("provenance that is a list", "provenance", "[1, 2]"),
        _replaced("provenance nested without end", "provenance", "[" * 100_000),
        _changed("joints in another order", "joint_names", lambda a: a.update(joint_names=a["joint_names"][::-1])),
        _changed("landmarks in another order", "landmark_names", lambda a: a.update(landmark_names=a["landmark_names"][::-1])),
        _changed("no frames", "timestamps_s", _without_frames),
    ]
    return bad


def _wrong_hands() -> list[BadTrack]:
    """Ways in which the optional keys can be wrong where one of them is there."""
    keys, landmarks = ("hand_landmark_names", "hand_landmarks_m", "hand_confidence"), "hand_landmarks_m"
    bad = [_changed(f"no {key} beside the others", key, lambda arrays, key=key: arrays.pop(key)) for key in keys]
    bad += [_cast(key, "float64") for key in keys[1:]] + [_reshaped(key, slice(1, None)) for key in keys]
    bad += [_reshaped(landmarks, (slice(None), slice(0, 1))), _reshaped(landmarks, (..., slice(0, 2)))]
    bad += [_at(f"hand_confidence of {value}", "hand_confidence", (3, 0), value) for value in (-0.01, 1.01, float("nan"))]
    bad += [_at("hand_confidence where nobody was detected", "hand_confidence", (2, 0), 0.5)]
    bad += [_at(f"{landmarks} of {value}", landmarks, (3, 0, 5, 1), value) for value in (float("nan"), float("inf"), 11.0)]
    bad += [_at(f"{landmarks} of a hand that was not found", landmarks, (0, 1, 5, 1), 0.1)]
    bad += [_changed("hand landmarks in another order", keys[0], lambda a: a.update({keys[0]: a[keys[0]][::-1]}))]
    return bad


def _without_frames(arrays: Arrays) -> None:
    for key, array in arrays.items():
        if array.ndim and array.shape[0] == 6:
            arrays[key] = array[:0]


BAD_TRACKS: tuple[BadTrack, ...] = (*_corrupt_files(), *_wrong_values())
