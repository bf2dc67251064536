"""Files other than clips: tracks, presets, weights, other detectors' files."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.contract.bad_tracks import BAD_TRACKS, Arrays, BadTrack, good_arrays, hand_arrays, write
from tests.reliability.corpus import DONE, REFUSED, Case
from tests.reliability.readers import BVH, COCO, MMPOSE, OPENPOSE, PRESET, bvh_text

TRACK, TRACK_ENGINE, PRESETS, WEIGHTS, DETECTIONS = "track file", "track file (engine)", "preset", "weights", "detector's file"
# The words after which the solver and the engine are asked; RIG is replaced by the corpus's rig.
_SOLVE = ("--rig=RIG", "--out=OUT/out.bvh")


# -------------------------------------------------------------------------------------------------------------- tracks


def _solve(make: Callable[[Path], object], name: str = "track.npz"):
    def made(folder: Path) -> list[str | Path]:
        make(folder / name)
        return [folder / name, *_SOLVE]

    return made


def _lift(make: Callable[[Path], object]):
    def made(folder: Path) -> list[str | Path]:
        make(folder / "track.npz")
        return ["lift", folder / "track.npz", "OUT/lifted.npz"]

    return made


def person_arrays(*, frame_count: int = 8, seconds: float = 1.0) -> Arrays:
    """A person who stands before the camera and turns: a track that can be solved."""
    from tests.blender.exact_tracks import demo

    track = demo().track
    arrays = good_arrays(frame_count=frame_count, undetected=())
    arrays["positions_m"] = np.ascontiguousarray(track.positions_m[:frame_count])
    arrays["root_position_m"] = np.ascontiguousarray(track.root_position_m[:frame_count])
    arrays["timestamps_s"] = np.arange(frame_count) * seconds / frame_count
    arrays["fps"] = np.array(frame_count / seconds)
    return arrays


def _person(change: Callable[[Arrays], object] = lambda arrays: None, **how: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        arrays = person_arrays(**how)
        change(arrays)
        write(path, arrays)

    return make


def _zip_with(compression: int, arrays: Arrays | None = None, **more: bytes) -> Callable[[Path], None]:
    """A track whose members are packed in another way, or that has more of them."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w", compression) as archive:
            for key, value in (arrays or person_arrays()).items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, value)
                archive.writestr(f"{key}.npy", buffer.getvalue())
            for name, content in more.items():
                archive.writestr(name, content)

    return make


def _header(text: bytes) -> Callable[[Path], None]:
    """A key whose array's header is this text."""

    def make(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for key, value in person_arrays().items():
                buffer = io.BytesIO()
                np.lib.format.write_array(buffer, value)
                content = buffer.getvalue()
                if key == "confidence":
                    padded = text.ljust(118) + b"\n"
                    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded + bytes(64)
                archive.writestr(f"{key}.npy", content)

    return make


def _encrypted(path: Path) -> None:
    write(path, person_arrays())
    content = bytearray(path.read_bytes())
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.find(magic)
        while at >= 0:
            content[at + flags] |= 1
            at = content.find(magic, at + 4)
    path.write_bytes(content)


def _many_members(path: Path) -> None:
    _zip_with(zipfile.ZIP_STORED, **{f"extra{i}.npy": b"x" for i in range(80)})(path)


def _repeated(path: Path) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(path, person_arrays())
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("fps.npy", b"x")


def _set(key: str, value: Any) -> Callable[[Arrays], object]:
    return lambda arrays: arrays.update({key: np.asarray(value)})


def _scaled(key: str, factor: float) -> Callable[[Arrays], object]:
    return lambda arrays: arrays.update({key: (arrays[key] * np.float64(factor)).astype(arrays[key].dtype)})


def _unseen(arrays: Arrays) -> None:
    arrays["detected"][:] = False
    for key in ("landmarks_px", "world_landmarks_m"):
        arrays[key][:] = np.nan
    for key in ("landmark_confidence", "confidence"):
        arrays[key][:] = 0


def _point(arrays: Arrays) -> None:
    arrays["positions_m"][:] = 0


def _fortran(arrays: Arrays) -> None:
    arrays["positions_m"] = np.asfortranarray(arrays["positions_m"])


def _folder_as_track(path: Path) -> None:
    path.mkdir()


# Some keys are given another shape in two ways.
_SHAPES = list(range(1, 1000))


def _track(bad: BadTrack) -> Case:
    name = f"{bad.name} ({_SHAPES.pop(0)})" if "another shape" in bad.name else bad.name
    return Case(TRACK, name, _solve(bad.make), says=f"track.npz.*{bad.key}", quick=bad.name in ("text", "a zip bomb"))


def _engine_track(bad: BadTrack) -> Case:
    name = f"{bad.name} ({_SHAPES.pop(0)})" if "another shape" in bad.name else bad.name
    return Case(TRACK_ENGINE, name, _lift(bad.make), says=f"track.npz.*{bad.key}", quick=bad.name == "a pickle")


def _more(name: str, make: Callable[[Path], object], code: int = REFUSED, says: str = "track.npz", **more: Any) -> Case:
    return Case(TRACK, name, _solve(make), code, "" if code == DONE else says, ("out.bvh",) if code == DONE else (), **more)


_MORE_TRACKS = (
    _more("a good one", _person(), DONE, quick=True),
    _more("hands as well", _person(lambda arrays: arrays.update(hand_arrays(arrays))), DONE),
    _more("one frame", _person(frame_count=1), DONE, quick=True),
    _more("two frames", _person(frame_count=2), DONE),
    _more("keys that nobody knows", _zip_with(zipfile.ZIP_DEFLATED, **{"mood.npy": b"fine"}), DONE),
    _more("arrays in Fortran's order", _person(_fortran), DONE),
    _more("nobody in any frame", _person(_unseen), says="Nobody"),
    _more("a person who is a point", _person(_point), says=""),
    _more("a person of a kilometre", _person(_scaled("positions_m", 1e3)), says="positions_m"),
    _more("a person of 1e30 metres", _person(_scaled("positions_m", 1e30)), says="positions_m"),
    _more("a person of a tenth of a millimetre", _person(_scaled("positions_m", 1e-4)), says=""),
    _more("a person as far as the largest number", _person(_set("root_position_m", np.full((8, 3), 3e38, "f4"))), says="root_position_m"),
    _more("frames a year apart", _person(_set("fps", 1.0), seconds=8 * 3.15e7), says="more frames"),
    _more("frames 1e300 seconds apart", _person(seconds=1e301), says="timestamps_s"),
    _more("frames a picosecond apart", _person(seconds=1e-11), says="timestamps_s"),
    _more("frames ten microseconds apart", _person(seconds=8e-5), DONE),
    _more("times before zero", _person(lambda a: a.update(timestamps_s=a["timestamps_s"] - 100)), DONE),
    _more("1e300 frames a second", _person(_set("fps", 1e300)), says="fps"),
    _more("1e-300 frames a second", _person(_set("fps", 1e-300)), says="fps"),
    _more("a lens of 1e-300 pixels", _person(_set("focal_length_px", 1e-300)), says="focal_length_px"),
    _more("a lens of 1e300 pixels", _person(_set("focal_length_px", 1e300)), says="focal_length_px"),
    _more("a picture of 2^63 pixels", _person(_set("image_size_px", np.array([2**63, 1], np.uint64))), says="image_size_px"),
    _more("format version 99", _person(_set("format_version", 99)), says="newer version.*99|Update"),
    _more("format version 2^63", _person(_set("format_version", np.uint64(2**63))), says="newer version|Update"),
    _more("numbers of the other byte order", _person(lambda a: a.update(positions_m=a["positions_m"].astype(">f4"))), says="positions_m"),
    _more("encrypted", _encrypted, says="encrypted|password"),
    _more("packed with LZMA", _zip_with(zipfile.ZIP_LZMA), says="compressed"),
    _more("packed with BZIP2", _zip_with(zipfile.ZIP_BZIP2), says="compressed"),
    _more("80 more keys", _many_members, says="more than a track"),
    _more("a key twice", _repeated, says="twice"),
    _more("a header that ends in the middle", _header(b"{'descr': '<f4', 'fortran_order': False, 'shape': (8, 17"), says="confidence|header|damaged"),
    _more("a header with a program", _header(b"{'descr': __import__('os').system('x'), 'fortran_order': 0, 'shape': ()}"), says="header"),
    _more("a header of brackets", _header(b"(" * 100), says="header|many|damaged"),
    _more("a header with a key of bytes", _header(b"{'descr': '<f4', b'order': 0, 'shape': ()}"), says="header"),
    _more("a clip in the notes that is a list", _person(_set("provenance", '{"clip": [1]}')), says="provenance"),
    _more("half of a character in the notes", _person(_set("provenance", '{"clip": {"name": "\\ud800"}}')), says="provenance"),
    _more("a header without a shape", _header(b"{'descr': '<f4'}"), says="header|keys"),
    _more("a text for a shape", _header(b"{'descr': '<f4', 'fortran_order': False, 'shape': 'big'}"), says="header|shape"),
    _more("a structured array", _header(b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,)}"), says="confidence"),
    _more("a folder", _folder_as_track, says="track.npz"),
    _more("missing", lambda path: None, says="no .*track.npz"),
)  # fmt: skip

# ------------------------------------------------------------------------------------------------------------- presets


def _preset(content: bytes | str | Callable[[], bytes | str], name: str = "mine.json"):
    def make(folder: Path) -> list[str | Path]:
        value = content() if callable(content) else content
        (folder / name).write_bytes(value.encode() if isinstance(value, str) else value)
        return ["rig", "--rig=RIG", f"--preset={folder / name}", "--out=OUT/out.bvh"]

    return make


MIXAMO = json.loads((Path(__file__).resolve().parents[2] / "rigs" / "mixamo.json").read_text(encoding="utf-8"))


def _with(**changes: Any) -> str:
    return json.dumps({key: value for key, value in (MIXAMO | changes).items() if value is not ...})


def _bones(**changes: Any) -> str:
    return _with(bones={key: value for key, value in (MIXAMO["bones"] | changes).items() if value is not ...})


def _nested(depth: int) -> str:
    return '{"format_version": 2, "bones": ' + "[" * depth + "]" * depth + "}"


def _pose(name: str, content: Any, code: int = REFUSED, says: str = r"mine\.json", **more: Any) -> Case:
    return Case(PRESETS, name, _preset(content), code, "" if code == DONE else says, **more)


def _odd(name: str, content: str, says: str) -> Case:
    """Legal, but looks wrong: it is animated, with a warning."""

    def make(folder: Path) -> list[str | Path]:
        (folder / "mine.json").write_text(content, encoding="utf-8")
        write(folder / "track.npz", person_arrays())
        return [folder / "track.npz", "--rig=RIG", f"--preset={folder / 'mine.json'}", "--out=OUT/out.bvh"]

    return Case(PRESETS, name, make, DONE, says, ("out.bvh",))


def _missing_preset(folder: Path) -> list[str | Path]:
    return ["rig", "--rig=RIG", f"--preset={folder / 'gone.json'}", "--out=OUT/out.bvh"]


def _folder_preset(folder: Path) -> list[str | Path]:
    (folder / "mine.json").mkdir()
    return ["rig", "--rig=RIG", f"--preset={folder / 'mine.json'}", "--out=OUT/out.bvh"]


_TWICE = _with().replace('"bones": {', '"bones": {"hips": "Hips", ', 1)
_PRESETS = (
    _pose("a good one", _with(), DONE, quick=True),
    _pose("empty", b""),
    _pose("text", b"hello"),
    _pose("cut in the middle", lambda: _with()[:300], says="line 1"),
    _pose("a comma too many", _with()[:-1] + ",}", says="line 1"),
    _pose("single quotes", str(MIXAMO), says="line 1"),
    _pose("a list", "[]", says="not a JSON object"),
    _pose("null", "null", says="not a JSON object"),
    _pose("UTF-16", lambda: _with().encode("utf-16"), says="not a JSON text"),
    _pose("Latin-1", _with(name="Läufer").encode("latin-1").replace(b"\\u00e4", b"\xe4"), says="not a JSON text"),
    _pose("a byte order mark", lambda: b"\xef\xbb\xbf" + _with().encode(), DONE),
    _pose("no version", _with(format_version=...), says="format_version"),
    _pose("version 0", _with(format_version=0), says="format_version"),
    _pose("version 99", _with(format_version=99), says="newer version"),
    _pose("a version that is a text", _with(format_version="2"), says="format_version"),
    _pose("a version that is true", _with(format_version=True), says="format_version"),
    _pose("a key that nobody knows", _with(colour="red"), says="colour"),
    _pose("a name that is a number", _with(name=7), says="'name'"),
    _pose("no bones", _with(bones=...), says="'bones'"),
    _pose("bones that are a list", _with(bones=["Hips"]), says="'bones'"),
    _pose("a role that nobody knows", _bones(tail="Tail"), says="tail"),
    _pose("no hips", _bones(hips=...), says="hips"),
    _pose("a role that is null", _bones(hips=None), says="hips"),
    _pose("a role that is an empty list", _bones(hips=[]), says="hips"),
    _pose("a role that is a number", _bones(left_shin=3), says="left_shin"),
    _pose("a role twice", _TWICE, says="twice"),
    _pose("one bone for two roles", _bones(left_thigh="mixamorig:LeftLeg", left_shin="mixamorig:LeftLeg"), says="LeftLeg"),
    _pose("one bone for both sides", _bones(left_forearm="mixamorig:LeftArm", right_forearm="mixamorig:LeftArm"), says="LeftArm"),
    _odd("shin above thigh", _bones(left_thigh="mixamorig:LeftLeg", left_shin="mixamorig:LeftUpLeg"), says="LeftUpLeg"),
    _odd("hips below the head", _bones(hips="mixamorig:Head", head="mixamorig:Hips"), says="Hips|Head"),
    _odd("a spine that goes down", _bones(spine=["mixamorig:Spine2", "mixamorig:Spine1", "mixamorig:Spine"], chest="mixamorig:Hips"),
          says="Hips|[Ss]pine"),
    _pose("bones that do not exist", _bones(left_shin="Nowhere"), says="left shin|Nowhere"),
    _pose("no bone that exists", json.dumps({**PRESET, "bones": {k: f"x{i}" for i, k in enumerate(MIXAMO["bones"])}}), says="hips"),
    _pose("a root that does not exist", _with(root="Nowhere"), DONE),
    _pose("fingers that do not exist", _with(fingers={"left_thumb": ["A", "B"]}), DONE),
    _pose("a finger that nobody knows", _with(fingers={"left_sixth": ["A"]}), says="left_sixth"),
    _pose("an IK control without a name", _with(ik={"left_hand": {}}), says="left_hand"),
    _pose("a lock on an axis w", _with(locks=[{"bone": "A", "rotation": "w"}]), says="locks"),
    _pose("a property of infinite value", _with(properties=[{"bone": "A", "property": "b", "value": 0}]).replace('"value": 0', '"value": 1e999'), says="properties"),
    _pose("a property that is no number", _with(properties=[{"bone": "A", "property": "b", "value": 0}]).replace('"value": 0', '"value": NaN'), says="properties"),
    _pose("a number of 5000 digits", _with(format_version=2).replace('"format_version": 2', '"format_version": ' + "9" * 5000), says="mine.json"),
    _pose("half of a character", _bones(hips="\ud800"), says="not a JSON text"),
    _pose("10 MB", lambda: _with(description="x" * 10_000_000), says="larger than 1 MB"),
    _pose("100 000 brackets", _nested(100_000), says="mine.json"),
    _pose("900 brackets", _nested(900), says="bones"),
    _pose("a name of 100 000 characters", _with(name="n" * 100_000), DONE),
    _pose("a role with 20 000 names", _bones(hips=[f"b{i}" for i in range(20_000)] + ["mixamorig:Hips"]), DONE),
    Case(PRESETS, "missing", _missing_preset, says=r"gone\.json"),
    Case(PRESETS, "a folder", _folder_preset, says=r"mine\.json"),
    Case(PRESETS, "a name that is none", lambda f: ["rig", "--rig=RIG", "--preset=nothing", "--out=OUT/out.bvh"], says="no preset 'nothing'"),
)  # fmt: skip

# ------------------------------------------------------------------------------------------------------------- weights

_TINY = {"architecture": "tcn", "settings": {"frames": 27, "channels": 4}}


def tiny_weights(path: Path, **changes: Any) -> None:
    """A small network with random weights that fits its card."""
    import torch

    from lifter.checkpoint import save_model
    from lifter.models import build

    torch.manual_seed(0)
    save_model(path.with_suffix(""), build("tcn", dict(_TINY["settings"])), _TINY)  # type: ignore[call-overload]
    if changes:
        card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        card |= changes
        text = json.dumps({key: value for key, value in card.items() if value is not ...})
        path.with_suffix(".json").write_text(text, encoding="utf-8")


def _weights(change: Callable[[Path], object] = lambda path: None, **card: Any):
    """Words for `lift` with changed weights: the detection is good."""

    def make(folder: Path) -> list[str | Path]:
        path = folder / "net.safetensors"
        tiny_weights(path, **card)
        change(path)
        write(folder / "track.npz", person_arrays())
        return ["lift", folder / "track.npz", "OUT/lifted.npz", "--model", path]

    return make


def _rehashed(path: Path, content: bytes) -> None:
    """The card believes in what the weights are now."""
    path.write_bytes(content)
    card = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    path.with_suffix(".json").write_text(json.dumps(card | {"sha256": hashlib.sha256(content).hexdigest()}), encoding="utf-8")


def _cut_weights(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _not_finite(path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save

    tensors = {
        name: torch.full_like(value, float("nan")) if value.is_floating_point() else value
        for name, value in load_file(path).items()
    }
    _rehashed(path, save(tensors))


class _Touching:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.system, (f"touch '{self.path}'",))


def _pickled(path: Path) -> None:
    _rehashed(path, pickle.dumps(_Touching(path.with_name("touched"))))


def _torch_file(path: Path) -> None:
    import torch

    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, buffer)
    _rehashed(path, buffer.getvalue())


def _net(name: str, make: Any, code: int = REFUSED, says: str = "net", **more: Any) -> Case:
    return Case(WEIGHTS, name, make, code, "" if code == DONE else says, ("lifted.npz",) if code == DONE else (), **more)


def _card(text: str) -> Callable[[Path], object]:
    return lambda path: path.with_suffix(".json").write_text(text, encoding="utf-8")


_WEIGHTS = (
    _net("good", _weights(), DONE, quick=True),
    _net("truncated", _weights(_cut_weights), says="damaged", quick=True),
    _net("truncated, with the hash of that", _weights(lambda p: _rehashed(p, p.read_bytes()[:-100])), says="do not fit"),
    _net("empty", _weights(lambda p: _rehashed(p, b"")), says="do not fit"),
    _net("a wrong hash", _weights(sha256="0" * 64), says="SHA-256"),
    _net("a hash that is null", _weights(sha256=None), says="SHA-256"),
    _net("another architecture", _weights(architecture="atcn", settings={"frames": 27}), says="do not fit"),
    _net("an architecture that nobody knows", _weights(architecture="abacus"), says="abacus"),
    _net("more channels than there are", _weights(settings={"frames": 27, "channels": 8}), says="do not fit"),
    _net("19 999 channels", _weights(settings={"frames": 27, "channels": 19_999}), says="do not fit"),
    _net("10^12 channels", _weights(settings={"frames": 27, "channels": 10**12}), says="channels"),
    _net("channels of infinity", _weights(_card('{"format_version": 1, "architecture": "tcn", "settings": {"channels": 1e999}, "sha256": ""}')), says="net"),
    _net("minus one channels", _weights(settings={"frames": 27, "channels": -1}), says="settings|channels"),
    _net("26 frames", _weights(settings={"frames": 26, "channels": 4}), says="26|frames"),
    _net("a setting that nobody knows", _weights(settings={"colour": "red"}), says="colour"),
    _net("settings that are a list", _weights(settings=[1]), says="net.json"),
    _net("version 99", _weights(format_version=99), says="newer version"),
    _net("version infinity", _weights(_card('{"format_version": 1e999, "architecture": "tcn", "settings": {}, "sha256": ""}')), says="net.json"),
    _net("no description", _weights(lambda p: p.with_suffix(".json").unlink()), says="no model"),
    _net("a description that is a list", _weights(_card("[]")), says="net.json"),
    _net("a description of brackets", _weights(_card("[" * 100_000)), says="net.json"),
    _net("a pickle", _weights(_pickled), says="do not fit", quick=True),
    _net("a file of torch's", _weights(_torch_file), says="do not fit"),
    _net("a header of 2^63 bytes", _weights(lambda p: _rehashed(p, b"\xff" * 8 + bytes(100))), says="do not fit"),
    _net("numbers that are none", _weights(_not_finite), says="not finite|weights|network"),
    _net("a folder", _weights(lambda p: (p.unlink(), p.mkdir())), says="no model"),
)  # fmt: skip

# --------------------------------------------------------------------------------------------- other detectors' files


def _detected(form: str, content: Any, file: str = "found.json"):
    def make(folder: Path) -> list[str | Path]:
        value = content if isinstance(content, bytes) else json.dumps(content).encode()
        (folder / file).write_bytes(value)
        return ["lift", folder / file, "OUT/lifted.npz", "--from", form, "--fps", "25", "--size", "640x480"]

    return make


def _joints(count: int, value: Any = 50.0) -> dict[str, Any]:
    return {"people": [{"pose_keypoints_2d": [value] * count}]}


def _seen(name: str, form: str, content: Any, says: str = "found", code: int = REFUSED, **more: Any) -> Case:
    leaves = ("lifted.npz",) if code == DONE else ()
    return Case(DETECTIONS, f"{form}, {name}", _detected(form, content, **more), code, "" if code == DONE else says, leaves)


def _videopose3d(value: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, positions_2d=value, metadata=np.array({"layout_name": "coco", "num_joints": 17}, object))
    return buffer.getvalue()


def _remembering() -> bytes:
    """A few bytes for which Python's unpickler would make a list of 2^31 places."""
    good = _videopose3d(_FOREIGN)
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    head = members["positions_2d.npy"].split(b"\n", 1)[0] + b"\n"
    members["positions_2d.npy"] = head + b"\x80\x02}r\xff\xff\xff\x7f."
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


_FOREIGN = np.array({"a": {"custom": [np.tile(np.array(COCO[0]["keypoints"]).reshape(17, 3)[:, :2], (3, 1, 1))]}}, object)
_POINT = np.array({"a": {"custom": [np.full((3, 17, 2), 30.0)]}}, object)
_DETECTIONS = (
    _seen("good", "openpose", OPENPOSE, code=DONE),
    _seen("empty", "openpose", b""),
    _seen("cut", "openpose", json.dumps(OPENPOSE).encode()[:200]),
    _seen("a list", "openpose", []),
    _seen("18 joints", "openpose", _joints(54), says="75"),
    _seen("texts for numbers", "openpose", _joints(75, "a"), says="75"),
    _seen("nulls for numbers", "openpose", _joints(75, None), says="found"),
    _seen("places beyond all numbers", "openpose", json.dumps(_joints(75)).replace("50.0", "1e999").encode(), says="found"),
    _seen("places of 1e300", "openpose", json.dumps(_joints(75)).replace("50.0", "1e300").encode(), says="found"),
    _seen("nobody", "openpose", {"people": []}, says="no person"),
    _seen("shares of the picture", "openpose", _joints(75, 0.5), says="not pixels"),
    _seen("5000 digits", "openpose", json.dumps(_joints(75)).replace("50.0", "9" * 5000).encode()),
    _seen("400 digits", "openpose", json.dumps(_joints(75)).replace("50.0", "9" * 400).encode()),
    _seen("good", "coco", COCO, code=DONE),
    _seen("mmpose, good", "coco", MMPOSE, code=DONE),
    _seen("an object", "coco", {"a": 1}),
    _seen("a list of numbers", "coco", [1, 2, 3]),
    _seen("a frame of 10^30", "coco", [dict(COCO[0], image_id=10**30)], code=DONE),
    _seen("frames far apart", "coco", [dict(COCO[0], image_id=0), dict(COCO[0], image_id=10**9)], says="frames from"),
    _seen("a frame in the negative", "coco", [dict(COCO[0], image_id=-5)], code=DONE),
    _seen("people of 17 and 133 joints", "coco", [COCO[0], dict(COCO[1], keypoints=[50.0] * 399)]),
    _seen("good", "videopose3d", _videopose3d(_FOREIGN), code=DONE, file="found.npz"),
    _seen("a person who is a point", "videopose3d", _videopose3d(_POINT), code=DONE, file="found.npz"),
    _seen("a pickle that acts", "videopose3d", _videopose3d(np.array({"a": _Touching(Path("/tmp/pose3d-touched"))}, object)), file="found.npz"),
    _seen("a pickle that remembers place 2^31", "videopose3d", _remembering(), says="damaged", file="found.npz"),
    _seen("an array of no video", "videopose3d", _videopose3d(np.zeros(3)), file="found.npz"),
    _seen("another shape", "videopose3d", _videopose3d(np.array({"a": {"custom": [np.zeros((3, 16, 2))]}}, object)), file="found.npz"),
    _seen("JSON", "videopose3d", OPENPOSE, file="found.npz"),
)  # fmt: skip


# ------------------------------------------------------------------------------------------------- animated rigs as source


def _source(content: str | bytes | Callable[[], str], name: str = "dance.bvh"):
    def make(folder: Path) -> list[str | Path]:
        value = content() if callable(content) else content
        (folder / name).write_bytes(value.encode() if isinstance(value, str) else value)
        return [folder / name, f"--source={folder / name}", *_SOLVE]

    return make


def _bvh(name: str, content: Any, code: int = REFUSED, says: str = r"dance\.bvh") -> Case:
    return Case("BVH", name, _source(content), code, "" if code == DONE else says, ("out.bvh",) if code == DONE else ())


_BVHS = (
    _bvh("good", lambda: bvh_text(8), DONE),
    _bvh("empty", ""),
    _bvh("text", "hello\n" * 20),
    _bvh("cut in its hierarchy", lambda: bvh_text(8)[:400]),
    _bvh("cut in its motion", lambda: bvh_text(8)[:-200]),
    _bvh("numbers that are none", lambda: bvh_text(8).replace(" 100 ", " nan "), says="dance.*no numbers"),
    _bvh("words for numbers", lambda: bvh_text(8).replace(" 100 ", " tall ")),
    _bvh("a frame time of zero", lambda: bvh_text(8).replace("Frame Time: 0.25", "Frame Time: 0"), DONE),
    _bvh("a frame time of a year", lambda: bvh_text(8).replace("Frame Time: 0.25", "Frame Time: 3e7"), says="more frames"),
    _bvh("a billion frames promised", lambda: bvh_text(8).replace("Frames: 8", "Frames: 1000000000"), DONE),
    _bvh("no motion", lambda: bvh_text(8).split("MOTION")[0]),
    _bvh("one joint", BVH % ("", "0 0 0 0 0 0 0 0 0\n" * 2), says="."),
    _bvh("noise", np.random.default_rng(2).bytes(4000)),
)

# What they damage a detection file does not have.
_LIFTED_ONLY = ("a flipped bit", "not an array")
SOLVED: tuple[Case, ...] = (*map(_track, BAD_TRACKS), *_MORE_TRACKS, *_PRESETS, *_BVHS)
LIFTED: tuple[Case, ...] = (
    *(_engine_track(bad) for bad in BAD_TRACKS if not bad.lifted_only and bad.name not in _LIFTED_ONLY),
    *_WEIGHTS,
    *_DETECTIONS,
)
CASES: Sequence[Case] = (*SOLVED, *LIFTED)
