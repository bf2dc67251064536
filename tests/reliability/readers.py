"""Every part of Pose3D that reads a file or a line which somebody else may have made, in one form for the fuzzers.

A reader may refuse what it is given with the exceptions that it promises, which carry a sentence. Everything else that comes out
of it is a fault.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from blender_pose3d.batch.jobs import read_jobs
from blender_pose3d.batch.journal import JOURNAL_NAME, read_journal
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.preset import load_preset
from blender_pose3d.core.takes import read_take
from blender_pose3d.core.track_io import read_track as read_in_blender
from blender_pose3d.core.user_presets import UserPresets
from blender_pose3d.worker.protocol import parse_line
from blender_pose3d.worker.setup import SetupError, installed_groups, read_pins
from lifter.errors import LifterError
from tests.contract.bad_tracks import Arrays, good_arrays, hand_arrays

ROOT = Path(__file__).resolve().parents[2]
Put = Callable[[Path, bytes], None]


@dataclass(frozen=True)
class Reader:
    """read: reads the file; refuses: what it may raise; put: makes the file of a fuzzer's bytes; seeds: good ones."""

    name: str
    file_name: str
    read: Callable[[Path], object]
    seeds: tuple[bytes, ...]
    refuses: tuple[type[Exception], ...] = (Pose3DError, LifterError)
    put: Put = Path.write_bytes

    def try_on(self, data: bytes, folder: Path) -> object:
        """What is read, or None where it is refused with a sentence. Any other exception goes through."""
        path = folder / self.file_name
        self.put(path, data)
        try:
            return self.read(path)
        except self.refuses as refusal:
            assert str(refusal).strip()
            return None
        finally:
            path.unlink(missing_ok=True)


# ------------------------------------------------------------------------------------------------------------ track files


def _whole(*, frame_count: int = 6, undetected: tuple[int, ...] = (2,)) -> Arrays:
    """With the optional keys."""
    arrays = good_arrays(frame_count=frame_count, undetected=undetected)
    return arrays | hand_arrays(arrays)


_KEYS = tuple(_whole())


def _npz_bytes(arrays: dict[str, np.ndarray]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _npy_bytes(array: np.ndarray, *, pickles: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=pickles)
    return buffer.getvalue()


def _put_member(path: Path, data: bytes) -> None:
    """The first byte chooses a key of a good track, the rest is what that key's array file holds: past the zip's own checks."""
    key = _KEYS[data[0] % len(_KEYS)] if data else _KEYS[0]
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in _GOOD_MEMBERS.items():
            archive.writestr(f"{name}.npy", data[1:] if name == key else content)


_GOOD_MEMBERS = {key: _npy_bytes(array) for key, array in _whole(frame_count=3, undetected=(1,)).items()}
_MEMBER_SEEDS = tuple(bytes([i]) + _GOOD_MEMBERS[key] for i, key in enumerate(_KEYS))
_TRACK_SEEDS = tuple(_npz_bytes(make(frame_count=2, undetected=())) for make in (good_arrays, _whole))


def _engine_track(path: Path) -> object:
    from lifter.track_file import read_track

    return read_track(path)


# Three frames with a body in two of them, and two looks at the background.
_PIECE: Arrays = {
    "of": np.array("{}"),
    "count": np.array(2, np.int64),
    "timestamps_s": np.array([0.0, 0.1, 0.2]),
    "bodies_in_frame": np.array([1, 0, 1], np.int64),
    "bodies": np.full((2, 33, 6), 0.5, np.float32),
    "colours": np.full((2, 8, 3), 0.5),
    "background_fast": np.array(False),
    "background_times_s": np.array([0.0, 0.2]),
    "background_steps_seen": np.array([True]),
    "background_alike": np.array([1.0]),
    "background_begins_s": np.array([0.2]),
    "background_fits": np.zeros((1, 6, 6), np.float32),
    "background_shift_miss": np.zeros(1),
    "background_ahead": np.zeros((6, 36, 41), np.int32),
    "background_first_grey": np.zeros((8, 6), np.uint8),
    "background_first_bodies": np.ones((1, 33, 2)),
    "background_last_grey": np.zeros((8, 6), np.uint8),
}


def _piece(path: Path) -> object:
    from lifter.piece_file import read_piece

    return read_piece(path)


def _put_piece(path: Path, data: bytes) -> None:
    """As `_put_member`."""
    chosen = list(_PIECE)[data[0] % len(_PIECE)] if data else "of"
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in _PIECE.items():
            archive.writestr(f"{name}.npy", data[1:] if name == chosen else _npy_bytes(array))


# ------------------------------------------------------------------------------------------------- other people's formats

_BONES = {
    "hips": "Hips", "left_upper_arm": "LA", "right_upper_arm": "RA", "left_forearm": "LF", "right_forearm": "RF",
    "left_thigh": "LT", "right_thigh": "RT", "left_shin": "LS", "right_shin": "RS", "spine": ["S1", ["S2", "S3"]],
}  # fmt: skip
PRESET = {
    "format_version": 2,
    "name": "Mine",
    "bones": _BONES,
    "fingers": {"left_thumb": ["T1", "T2"]},
    "ik": {"left_hand": {"control": "C", "pole": "P"}},
    "locks": [{"bone": "LF", "rotation": "xy"}],
    "properties": [{"bone": "LF", "property": "IK_FK", "value": 1.0}],
}

BVH = """HIERARCHY
ROOT Hips
{
 OFFSET 0 0 0
 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
 JOINT Head
 {
  OFFSET 0 60 0
  CHANNELS 3 Zrotation Xrotation Yrotation
  End Site
  {
   OFFSET 0 10 0
  }
 }
%s}
MOTION
Frames: 2
Frame Time: 0.25
%s
"""


def bvh_text(frames: int = 2) -> str:
    """A small person with the joints of Mixamo's naming, at rest."""
    limbs = ""
    for side, x in (("Left", 10), ("Right", -10)):
        for chain, y in ((("UpLeg", "Leg", "Foot"), -40), (("Arm", "ForeArm", "Hand"), 25)):
            start = 0 if y < 0 else 50
            text, closing = "", ""
            for i, part in enumerate(chain):
                text += f" JOINT {side}{part}\n {{\n  OFFSET {x if i == 0 else 0} {start if i == 0 else y} 0\n"
                text += "  CHANNELS 3 Zrotation Xrotation Yrotation\n"
                closing += " }\n"
            limbs += text + "  End Site\n  {\n   OFFSET 0 1 0\n  }\n" + closing
    row = " ".join(["0", "100", "0"] + ["0"] * 3 * 14)
    return (BVH % (limbs, "\n".join([row] * frames))).replace("Frames: 2", f"Frames: {frames}")


def _bvh(path: Path) -> object:
    from lifter.data.bvh import read_bvh

    return read_bvh(path, "clip")


def _person(count: int) -> list[float]:
    return [value for i in range(count) for value in (100.0 + 7 * i, 60.0 + 11 * i, 0.9)]


OPENPOSE = {"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": _person(25)}]}
COCO = [{"image_id": f"{i}.jpg", "category_id": 1, "score": 2.0, "keypoints": _person(17)} for i in range(3)]
MMPOSE = {
    "instance_info": [
        {"frame_id": i, "instances": [{"keypoints": [[10 + j, 40 + j] for j in range(17)], "keypoint_scores": [0.9] * 17}]}
        for i in range(2)
    ]
}


def _detections(form: str) -> Callable[[Path], object]:
    def read(path: Path) -> object:
        from lifter.adapters import read_detections

        return read_detections(path, form, fps=25.0, image_size_px=(640, 480))

    return read


def _put_videopose3d(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("positions_2d.npy", data)
        archive.writestr("metadata.npy", _VIDEOPOSE3D_METADATA)


_VIDEOPOSE3D_METADATA = _npy_bytes(
    np.array({"layout_name": "coco", "num_joints": 17, "video_metadata": {}}, object), pickles=True
)
_VIDEOPOSE3D = _npy_bytes(np.array({"a": {"custom": [np.full((2, 17, 2), 9.0)]}}, object), pickles=True)


# --------------------------------------------------------------------------------------------- tables, journals, settings

_RETARGET = frozenset({"rig", "out", "preset", "start", "end", "fps", "model", "limbs", "mute_constraints", "report"})
CSV = b"clip,rig,out,start\na.mp4,rigify,a.glb,1\nb.mp4,x.fbx,{folder}/{stem}.glb,\n"
JSON_TABLE = b'{"rig": "rigify", "jobs": [{"clip": "a.mp4", "fps": 25}, {"clip": "b.mp4", "out": "{stem}_{row}.bvh"}]}'
TOML_TABLE = b'rig = "rigify"\n[[jobs]]\nclip = "a.mp4"\nfps = 25\n[[jobs]]\nclip = "b.mp4"\nmute_constraints = true\n'
JOURNAL = b'{"out": "a.glb", "event": "done", "at": "2026-01-01T00:00:00+0000", "inputs": {"clip": "ab"}}\n{"out": "b'
LINES = (
    b'{"event": "start", "protocol": 1, "command": "infer", "stages": ["detect", "lift"]}',
    b'{"event": "progress", "stage": "detect", "done": 12, "total": 300}',
    b'{"event": "result", "output": "/a.npz", "summary": {"frames": 1}}',
    b'{"event": "error", "message": "m", "hint": "h"}',
)
CARD: dict[str, Any] = {"format_version": 1, "architecture": "tcn", "settings": {"frames": 27, "channels": 4}}


def _table(path: Path) -> object:
    return read_jobs([str(path)], defaults={"rig": "rigify"}, names=_RETARGET, check=lambda words: None)


def _line(path: Path) -> object:
    return parse_line(path.read_text(encoding="utf-8", errors="replace"))


def _imported(path: Path) -> object:
    mine = path.parent / "mine"
    presets = UserPresets(mine, ROOT / "rigs")
    made = presets.import_(path)
    try:
        return load_preset(made)
    finally:
        made.unlink()


def _config(path: Path) -> object:
    from lifter.training.config import read_config

    return read_config(path, [])


def _small_weights() -> bytes:
    """Of the network that CARD describes."""
    from safetensors.torch import save

    from lifter.models import build

    return save(build(CARD["architecture"], CARD["settings"]).state_dict())


def _put_card(path: Path, data: bytes) -> None:
    path.write_bytes(_SAFETENSORS)
    path.with_suffix(".json").write_bytes(data)


def _put_weights(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    path.with_suffix(".json").write_text(json.dumps(CARD | {"sha256": hashlib.sha256(data).hexdigest()}), encoding="utf-8")


def _weights(path: Path) -> object:
    from lifter.checkpoint import load_model

    return load_model(path)


def _boxes(path: Path) -> object:
    from lifter import clip
    from lifter.focal import noted_mm

    return noted_mm(path), clip._lacks_index(path), clip._is_cut_short(path), clip._only_sound(path)


def _words(path: Path) -> object:
    from lifter.serve import _command

    return _command(path.read_text(encoding="utf-8", errors="replace"))


def _marker(path: Path) -> object:
    return installed_groups(path.parent)


def _pins(path: Path) -> object:
    return read_pins(path.parent)


def _json(value: object) -> bytes:
    return json.dumps(value).encode()


_SAFETENSORS = _small_weights()
_CARD = _json(CARD | {"sha256": hashlib.sha256(_SAFETENSORS).hexdigest()})
_MP4 = (
    bytes.fromhex("00000018667479706d703432000000006d70343269736f6d") + b"\0\0\0\x20moov\0\0\0\x18trak\0\0\0\x10meta" + bytes(8)
)
_MATROSKA = bytes.fromhex("1a45dfa3934282886d6174726f736b6118538067 01000000000000ff 8381 01")

READERS: tuple[Reader, ...] = (
    Reader("track file (Blender)", "a.npz", read_in_blender, _TRACK_SEEDS),
    Reader("track file (engine)", "a.npz", _engine_track, _TRACK_SEEDS),
    Reader("track member (Blender)", "a.npz", read_in_blender, _MEMBER_SEEDS, put=_put_member),
    Reader("track member (engine)", "a.npz", _engine_track, _MEMBER_SEEDS, put=_put_member),
    Reader("take", "a.npz", read_take, _TRACK_SEEDS, refuses=(OSError,)),
    Reader("take member", "a.npz", read_take, _MEMBER_SEEDS, refuses=(OSError,), put=_put_member),
    Reader("preset", "a.json", load_preset, (_json(PRESET),)),
    Reader("user preset", "a.json", _imported, (_json(PRESET),)),
    Reader("job table, CSV", "a.csv", _table, (CSV, CSV.replace(b",", b";"))),
    Reader("job table, JSON", "a.json", _table, (JSON_TABLE,)),
    Reader("job table, TOML", "a.toml", _table, (TOML_TABLE,)),
    Reader("journal", JOURNAL_NAME, lambda path: read_journal(path.parent), (JOURNAL,)),
    Reader("worker's line", "a.txt", _line, LINES, refuses=()),
    Reader("line to serve", "a.txt", _words, (b'["clip.mp4", "out.npz"]', b'{"look": ["clip.mp4"]}')),
    Reader("piece file", "a.npz", _piece, (_npz_bytes(_PIECE),)),
    Reader(
        "piece member", "a.npz", _piece, tuple(bytes([i]) + _npy_bytes(a) for i, a in enumerate(_PIECE.values())), put=_put_piece
    ),
    Reader("BVH", "a.bvh", _bvh, (bvh_text().encode(),)),
    Reader("OpenPose", "a.json", _detections("openpose"), (_json(OPENPOSE),)),
    Reader("COCO", "a.json", _detections("coco"), (_json(COCO), _json(MMPOSE))),
    Reader("VideoPose3D", "a.npz", _detections("videopose3d"), (_VIDEOPOSE3D,), put=_put_videopose3d),
    Reader("weights' card", "a.safetensors", _weights, (_CARD,), put=_put_card),
    Reader("weights", "a.safetensors", _weights, (_SAFETENSORS,), put=_put_weights),
    Reader("training configuration", "a.toml", _config, (b'name = "a"\nmocap = "m.npz"\nbatch = 8\npairs = ["p.npz"]\n',)),
    Reader("MP4 and Matroska boxes", "a.mp4", _boxes, (_MP4, _MATROSKA), refuses=()),
    Reader("engine's marker", "complete.json", _marker, (b'{"python": "3.11", "groups": {"lifter": "ab"}}',), refuses=()),
    Reader("engine's pins", "pyproject.toml", _pins, (b'[dependency-groups]\nlifter = ["a==1"]\n',), refuses=(SetupError,)),
)
