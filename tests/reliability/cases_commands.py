"""Command lines, job tables, configurations, and disks that are full, read-only or closed to the user."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.reliability.cases_clips import person, write
from tests.reliability.cases_files import MIXAMO, person_arrays, tiny_weights
from tests.reliability.corpus import DONE, REFUSED, Case

ENGINE, BUILD, TABLE, CONFIG = "command line (lifter)", "command line (build.py)", "job table", "configuration"

# ------------------------------------------------------------------------------------------------------- command lines


def _words(*words: str):
    return lambda folder: [word.replace("IN", str(folder)) for word in words]


def _lifter(name: str, *words: str, says: str = "", **more: Any) -> Case:
    return Case(ENGINE, name, _words(*words), says=says, **more)


def _file(name: str, content: bytes | str, *words: str):
    def make(folder: Path) -> list[str]:
        (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return [word.replace("IN", str(folder)) for word in words]

    return make


def _track_words(*words: str):
    """With a good track, and a good clip that it was made of."""

    def make(folder: Path) -> list[str]:
        import numpy as np

        with (folder / "track.npz").open("wb") as file:
            np.savez(file, **person_arrays())  # type: ignore[arg-type]
        write(folder / "clip.mp4", person())
        return [word.replace("IN", str(folder)) for word in words]

    return make


_LIFTER = (
    _lifter("nothing", says="COMMAND", quick=True),
    _lifter("a command that nobody knows", "dance", says="dance"),
    _lifter("an option that nobody knows", "models", "--fast", says="--fast"),
    _lifter("infer without a clip", "infer", says="CLIP"),
    _lifter("infer without an output", "infer", "a.mp4", says="OUT"),
    _lifter("an abbreviated option", "infer", "a.mp4", "OUT/a.npz", "--mod", "x", says="--mod"),
    _lifter("a number that is a word", "infer", "a.mp4", "OUT/a.npz", "--start", "soon", says="start.*soon"),
    _lifter("a missing clip", "infer", "IN/gone.mp4", "OUT/a.npz", says="gone.mp4"),
    _lifter("an empty name", "infer", "", "OUT/a.npz", says="."),
    _lifter("an output that is a folder", "infer", "IN/gone.mp4", "IN", says="npz|folder"),
    _lifter("an output below a file", *("lift", "/etc/hostname", "/etc/hostname/a.npz"), says="hostname"),
    _lifter("progress of a kind that nobody knows", "models", "--progress", "song", says="song"),
    _lifter("lift without --from", "lift", "IN/x.json", "OUT/a.npz", "--fps", "25", says="--from"),
    _lifter("--from without --fps", "lift", "IN/x.json", "OUT/a.npz", "--from", "coco", says="--fps"),
    _lifter("--from a stranger", "lift", "IN/x.json", "OUT/a.npz", "--from", "stranger", says="stranger"),
    _lifter("a size that is none", "lift", "IN/x.json", "OUT/a.npz", "--from", "coco", "--size", "big", says="WIDTHxHEIGHT"),
    _lifter("live without a source", "live", says="--source"),
    _lifter("live from a missing file", "live", "--source", "IN/gone.mp4", says="gone.mp4"),
    _lifter("live from camera -1", "live", "--source", "camera:-1", says="camera"),
    _lifter("live from camera x", "live", "--source", "camera:x", says="camera"),
    _lifter("live for no time", "live", "--source", "IN/gone.mp4", "--seconds", "0", says="0 seconds"),
    _lifter("live for a time that is none", "live", "--source", "IN/gone.mp4", "--seconds", "nan", says="seconds"),
    _lifter("a film without a clip", "film", "IN/gone.mp4", "IN/gone.npz", "OUT/film.mp4", says="gone"),
    Case(ENGINE, "a film into a text", _track_words("film", "IN/clip.mp4", "IN/track.npz", "OUT/film.txt"), says="film"),
    Case(ENGINE, "a film on top of its clip", _track_words("film", "IN/clip.mp4", "IN/track.npz", "IN/clip.mp4"), says="clip"),
    _lifter("export of a network that is not there", "export", "OUT/a.onnx", "--model", "nothing", says="nothing|onnx"),
    _lifter("a model file that is not there", "infer", "IN", "OUT/a.npz", "--landmark-model", "IN/gone.task", says="folder|gone"),
    Case(ENGINE, "a model file that is a text", _file("a.task", "hello", "model-file", "--landmark-model", "IN/a.task"), says="a.task"),
    Case(ENGINE, "a wheel that is a text", _file("a.whl", "hello", "model-file", "--wheel", "IN/a.whl", "--models-dir", "OUT/m"), says="a.whl"),
    _lifter("a wheel that is not there", "model-file", "--wheel", "IN/a.whl", "--models-dir", "OUT/m", says="a.whl"),
    _lifter("evaluate nothing", "evaluate", says="evaluate|Give"),
    _lifter("evaluate what is not there", "evaluate", "--track", "IN/gone.npz", "--truth", "IN/gone.npz", says="gone"),
    Case(ENGINE, "evaluate a text", _file("a.npz", "hello", "evaluate", "--track", "IN/a.npz", "--truth", "IN/a.npz"), says="a.npz"),
    Case(ENGINE, "evaluate against a track", _track_words("evaluate", "--track", "IN/track.npz", "--truth", "IN/track.npz"), says="track.npz"),
    _lifter("evaluate by a protocol that nobody knows", "evaluate", "--protocol", "x", says="protocol"),
)  # fmt: skip

_RIG = ("--rig=rigify",)


def _build(name: str, *words: str, says: str = "", **more: Any) -> Case:
    return Case(BUILD, name, _words(*words), says=says, **more)


def _clip_words(*words: str):
    def make(folder: Path) -> list[str]:
        (folder / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
        return [word.replace("IN", str(folder)) for word in words]

    return make


_BUILDS = (
    _build("a command that nobody knows", "dance", says="dance", quick=True),
    _build("retarget nothing", "retarget", says="Give CLIP"),
    _build("retarget a clip that is not there", "retarget", "IN/gone.mp4", *_RIG, "--out=OUT/a.glb", says="gone.mp4"),
    Case(BUILD, "retarget without a rig", _clip_words("retarget", "IN/clip.mp4", "--out=OUT/a.glb"), says="--rig"),
    Case(BUILD, "retarget without an output", _clip_words("retarget", "IN/clip.mp4", *_RIG), says="--out"),
    Case(BUILD, "a rig that is not there", _clip_words("retarget", "IN/clip.mp4", "--rig=IN/no.fbx", "--out=OUT/a.glb"), says="no.fbx"),
    Case(BUILD, "an output of another kind", _clip_words("retarget", "IN/clip.mp4", *_RIG, "--out=OUT/a.txt"), says="a.txt"),
    Case(BUILD, "a clip and a source", _clip_words("retarget", "IN/clip.mp4", "--source=IN/clip.mp4", *_RIG, "--out=OUT/a.glb"), says="source"),
    Case(BUILD, "an end that is a word", _clip_words("retarget", "IN/clip.mp4", *_RIG, "--out=OUT/a.glb", "--end=late"), says="late"),
    Case(BUILD, "limbs of a kind that nobody knows", _clip_words("retarget", "IN/clip.mp4", *_RIG, "--out=OUT/a.glb", "--limbs=x"), says="limbs"),
    _build("batch nothing", "batch", says="JOBS"),
    _build("batch what is not there", "batch", "IN/gone", *_RIG, says="gone"),
    _build("batch an empty folder", "batch", "IN", *_RIG, says="no clip in the folder"),
    _build("batch a pattern that fits nothing", "batch", "IN/*.mp4", *_RIG, says="No clip matches"),
    Case(BUILD, "batch without a rig", _clip_words("batch", "IN/clip.mp4"), says="rig"),
    Case(BUILD, "batch by no workers", _clip_words("batch", "IN/clip.mp4", *_RIG, "--workers=0"), says="workers"),
    Case(BUILD, "batch by a million workers", _clip_words("batch", "IN/clip.mp4", *_RIG, "--workers=1000000"), says="workers"),
    Case(BUILD, "batch with -1 threads", _clip_words("batch", "IN/clip.mp4", *_RIG, "--threads=-1"), says="threads"),
    Case(BUILD, "batch with a cache below zero", _clip_words("batch", "IN/clip.mp4", *_RIG, "--cache-limit=-1"), says="cache-limit"),
    Case(BUILD, "batch with a cache of nan", _clip_words("batch", "IN/clip.mp4", *_RIG, "--cache-limit=nan"), says="cache-limit"),
    Case(BUILD, "batch with GPUs and no cluster", _clip_words("batch", "IN/clip.mp4", *_RIG, "--gpus=1"), says="cluster"),
    Case(BUILD, "batch into one file twice", lambda f: [*_two(f), *_RIG, "--out=OUT/a.glb"], says="would be written"),
    Case(BUILD, "batch over its own clip", _clip_words("batch", "IN/clip.mp4", *_RIG, "--out=IN/clip.mp4"), says="clip.mp4"),
    Case(BUILD, "batch into a pattern of nothing", _clip_words("batch", "IN/clip.mp4", *_RIG, "--out={mood}.glb"), says="mood"),
    Case(BUILD, "batch with a report over a result", _clip_words("batch", "IN/clip.mp4", *_RIG, "--out=OUT/a.glb", "--report=OUT/a.glb"), says="a.glb"),
    _build("a benchmark that nobody knows", "bench", "mood", says="mood"),
    _build("a job type of another kind", "flamenco", "OUT/a.txt", says="a.txt"),
    _build("a job type into nowhere", "flamenco", "OUT/no/where.js", says="where.js"),
    _build("package with an option that nobody knows", "package", "--fast", says="--fast"),
    _build("links into a folder that is not empty", "package", "--link", str(Path(__file__).parent), says="is not a link"),
)  # fmt: skip


def _two(folder: Path) -> list[str]:
    for name in ("a.mp4", "b.mp4"):
        (folder / name).write_bytes(b"\0\0\0\x18ftypmp42")
    return ["batch", str(folder)]


# ---------------------------------------------------------------------------------------------------------- job tables


def _table(name: str, file: str, content: bytes | str, says: str = "", code: int = REFUSED, **more: Any) -> Case:
    words = ("batch", f"IN/{file}", *_RIG, "--dry-run")

    def make(folder: Path) -> list[str]:
        (folder / "a.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
        return _file(file, content, *words)(folder)

    return Case(TABLE, name, make, code, says or (file if code == REFUSED else ""), **more)


_JOB = '{"clip": "a.mp4"}'
_TABLES = (
    _table("good CSV", "t.csv", "clip,fps\na.mp4,25\n", code=DONE, quick=True),
    _table("good JSON", "t.json", f"[{_JOB}]", code=DONE),
    _table("good TOML", "t.toml", '[[jobs]]\nclip = "a.mp4"\n', code=DONE),
    _table("CSV with semicolons", "t.csv", "clip;fps\na.mp4;25\n", code=DONE),
    _table("CSV with a byte order mark", "t.csv", b"\xef\xbb\xbfclip\na.mp4\n", code=DONE),
    _table("CSV with Windows' line ends", "t.csv", b"clip,fps\r\na.mp4,25\r\n", code=DONE),
    _table("empty CSV", "t.csv", "", says="no rows"),
    _table("CSV of names alone", "t.csv", "clip,out\n", says="no rows"),
    _table("CSV with an open quote", "t.csv", 'clip\n"a.mp4\n'),
    _table("CSV with a zero byte", "t.csv", b"clip\na\0.mp4\n"),
    _table("CSV with too many values", "t.csv", "clip\na.mp4,b,c\n", says="3 values"),
    _table("CSV with a column twice", "t.csv", "clip,clip\na.mp4,b\n", says="twice"),
    _table("CSV with a column without a name", "t.csv", "clip,,fps\na.mp4,b,25\n", says="empty name"),
    _table("CSV with a column that nobody knows", "t.csv", "clip,mood\na.mp4,b\n", says="mood"),
    _table("CSV without clips", "t.csv", "out\na.glb\n", says="no clip"),
    _table("CSV in Latin-1", "t.csv", "clip\nläufer.mp4\n".encode("latin-1")),
    _table("CSV in UTF-16, as Excel has it", "t.csv", "clip\na.mp4\n".encode("utf-16"), code=DONE),
    _table("CSV with a field of 200 000 characters", "t.csv", f"clip,out\na.mp4,{'x' * 200_000}.glb\n"),
    _table("CSV that is a clip", "t.csv", bytes(range(256)) * 20),
    _table("a clip of a stranger's home", "t.csv", "clip\n~nobody-here/a.mp4\n", "nobody-here", DONE),
    _table("a start that is a word", "t.csv", "clip,start\na.mp4,soon\n", says="Row 2.*soon"),
    _table("a result of another kind", "t.csv", "clip,out\na.mp4,a.txt\n", says="Row 2.*a.txt"),
    _table("a result of no folder", "t.csv", "clip,out\na.mp4,{mood}/a.glb\n", says="mood"),
    _table("two results of one name", "t.csv", "clip,out\na.mp4,a.glb\na.mp4,a.glb\n", says="would be written"),
    _table("a result over the table's rig", "t.csv", "clip,out,rig\na.mp4,a.bvh,a.bvh\n", says="a.bvh"),
    _table("JSON, cut", "t.json", '[{"clip": "a.mp4"'),
    _table("JSON, a number", "t.json", "7", says="list of jobs"),
    _table("JSON, rows that are texts", "t.json", '["a.mp4"]', says="named values"),
    _table("JSON, a value that is a list", "t.json", '[{"clip": ["a.mp4"]}]', says="neither a text"),
    _table("JSON, a clip that is true", "t.json", '[{"clip": true}]', says="no clip"),
    _table("JSON, a clip that is null", "t.json", '[{"clip": null}]', says="no clip"),
    _table("JSON, brackets", "t.json", "[" * 100_000),
    _table("JSON, 5000 digits", "t.json", f'[{{"clip": "a.mp4", "fps": {"9" * 5000}}}]'),
    _table("JSON, 400 digits", "t.json", f'[{{"clip": "a.mp4", "fps": {"9" * 400}}}]'),
    _table("JSON, half of a character", "t.json", '[{"clip": "\\ud800.mp4"}]', "ud800", DONE),
    _table("JSON, a zero byte in a name", "t.json", '[{"clip": "a\\u0000.mp4"}]', says="zero byte"),
    _table("TOML, cut", "t.toml", '[[jobs]]\nclip = "a'),
    _table("TOML, no jobs", "t.toml", 'clip = "a.mp4"\n', says="jobs"),
    _table("TOML, a date", "t.toml", "[[jobs]]\nclip = 2026-01-01\n", says="neither a text"),
    _table("TOML, nan frames a second", "t.toml", '[[jobs]]\nclip = "a.mp4"\nfps = nan\n', says="Row 1.*nan is no frame rate"),
    _table("a table that is a folder", "t.csv", "", says="t.csv"),
    _table("a table that is not there", "t.csv", "", says="gone.csv"),
)  # fmt: skip


def _as_folder(case: Case) -> Case:
    def make(folder: Path) -> list[str]:
        words = list(map(str, case.make(folder) or ()))
        (folder / "t.csv").unlink()
        if "folder" in case.name:
            (folder / "t.csv").mkdir()
            return words
        return [word.replace("t.csv", "gone.csv") for word in words]

    return Case(case.kind, case.name, make, case.code, "no clip" if "folder" in case.name else case.says)


_TABLES = (*_TABLES[:-2], *map(_as_folder, _TABLES[-2:]))


# ------------------------------------------------------------------------------------------------------ configurations


def _config(name: str, content: bytes | str, *words: str, says: str = "a.toml") -> Case:
    return Case(CONFIG, name, _file("a.toml", content, "train", "IN/a.toml", *words), says=says)


_GOOD = 'name = "a"\nmocap = "gone.npz"\n'
_CONFIGS = (
    Case(CONFIG, "missing", _words("train", "IN/gone.toml"), says="gone.toml"),
    Case(CONFIG, "a folder", _words("train", "IN"), says="configuration"),
    _config("empty", "", says="a.toml.*name"),
    _config("cut", 'name = "a'),
    _config("not UTF-8", b'name = "\xff"\n'),
    _config("a key that nobody knows", _GOOD + "mood = 1\n", says="mood"),
    _config("a batch that is a text", _GOOD + 'batch = "many"\n', says="batch"),
    _config("a key twice", _GOOD + 'name = "b"\n'),
    _config("an override that is none", _GOOD, "batch", says="batch|a.toml"),
    _config("an override of another kind", _GOOD, "batch=true", says="batch"),
    _config("a noise that nobody knows", _GOOD + "[noise]\nmood = 1\n", says="mood"),
    _config("no motion capture", _GOOD, says="gone.npz"),
    _config("brackets", "name = " + "[" * 5000),
    _config("an architecture that nobody knows", _GOOD + 'architecture = "abacus"\n', says="abacus|gone"),
    _config("a batch below zero", _GOOD + "batch = -3\n", says="batch|gone"),
)

# ------------------------------------------------------------------------------------------------------- environment


# Variables of the environment -> the words that are run with them. IN is replaced in both.
Environment = tuple[str, dict[str, str], tuple[str, ...], str]
ENVIRONMENTS: tuple[Environment, ...] = (
    ("an engine that is not there", {"POSE3D_ENGINE_PYTHON": "IN/python"}, ("lifter", "models"), "POSE3D_ENGINE_PYTHON"),
    ("an engine that is a folder", {"POSE3D_ENGINE_PYTHON": "IN"}, ("lifter", "models"), "POSE3D_ENGINE_PYTHON"),
    ("an engine that is a text", {"POSE3D_ENGINE_PYTHON": "IN/text"}, ("lifter", "models"), "POSE3D_ENGINE_PYTHON|text"),
    ("a home of a stranger", {"POSE3D_HOME": "~nobody-here/x", "POSE3D_ENGINE_PYTHON": ""}, ("setup",), "nobody-here"),
    ("a home that is a file", {"POSE3D_HOME": "IN/text", "POSE3D_ENGINE_PYTHON": ""}, ("setup",), "text"),
    ("a Blender that is not there", {"BLENDER": "IN/blender"}, ("retarget", "IN/clip.mp4", "--rig=rigify", "--out=OUT/a.glb"), "BLENDER"),
    ("a Blender that is a text", {"BLENDER": "IN/text"}, ("retarget", "IN/clip.mp4", "--rig=rigify", "--out=OUT/a.glb"), "BLENDER"),
    ("a Blender that says nothing", {"BLENDER": "/bin/true"}, ("retarget", "IN/clip.mp4", "--rig=rigify", "--out=OUT/a.glb"), "BLENDER"),
)  # fmt: skip

# -------------------------------------------------------------------------------------------------------------- disks

# What writes: the words, in a folder with a good clip, track, weights and preset; OUT is the disk.
Writing = tuple[str, str, tuple[str, ...]]
WRITERS: tuple[Writing, ...] = (
    ("a track of a clip", "engine", ("infer", "IN/clip.mp4", "OUT/a.npz", "--model", "IN/net.safetensors")),
    ("a lifted track", "engine", ("lift", "IN/track.npz", "OUT/a.npz", "--model", "IN/net.safetensors")),
    ("a film", "engine", ("film", "IN/clip.mp4", "IN/track.npz", "OUT/film.mp4")),
    ("a network as ONNX", "engine", ("export", "OUT/a.onnx", "--model", "IN/net.safetensors")),
    ("a Blender file", "solver", ("IN/track.npz", "--rig=RIG", "--out=OUT/a.blend")),
    ("glTF", "solver", ("IN/track.npz", "--rig=RIG", "--out=OUT/a.glb")),
    ("FBX", "solver", ("IN/track.npz", "--rig=RIG", "--out=OUT/a.fbx")),
    ("BVH", "solver", ("IN/track.npz", "--rig=RIG", "--out=OUT/a.bvh")),
    ("a report", "solver", ("IN/track.npz", "--rig=RIG", "--out=IN/out/a.bvh", "--report=OUT/a.json")),
    ("a batch's journal", "build", ("batch", "IN/track.npz", "--rig=RIG", "--out=OUT/a.bvh")),
    ("a batch's account", "build", ("batch", "IN/track.npz", "--rig=RIG", "--out=IN/out/a.bvh", "--results=OUT/r.jsonl")),
    ("a job type", "build", ("flamenco", "OUT/a.js")),
)


def fill(folder: Path) -> None:
    """The inputs of all WRITERS."""
    import numpy as np

    write(folder / "clip.mp4", person())
    with (folder / "track.npz").open("wb") as file:
        np.savez(file, **person_arrays())  # type: ignore[arg-type]
    tiny_weights(folder / "net.safetensors")
    (folder / "mine.json").write_text(json.dumps(MIXAMO), encoding="utf-8")
    (folder / "out").mkdir()


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


Make = Callable[[Path], list[str]]
ENGINE_CASES = (*_LIFTER, *_CONFIGS)
BUILD_CASES = (*_BUILDS, *_TABLES)
CASES = (*ENGINE_CASES, *BUILD_CASES)
