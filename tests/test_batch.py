"""Batches without Blender: what is asked for, what is remembered, the processes that stay, the motion engine as one of them."""

from __future__ import annotations

import _thread
import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from blender_pose3d.batch import jobs as batch_jobs
from blender_pose3d.batch import journal
from blender_pose3d.batch import runner as batch_runner
from blender_pose3d.batch.account import Account, Outcome, State
from blender_pose3d.batch.cache import TrackCache
from blender_pose3d.batch.jobs import BatchJob, read_jobs
from blender_pose3d.batch.runner import Inputs, on_this_machine, plan, run
from blender_pose3d.batch.served import Served
from blender_pose3d.batch.steps import Programs, rigs_to_check
from blender_pose3d.core.errors import Pose3DError
from lifter.checkpoint import DEFAULT_MODEL, WEIGHTS_DIR, kept_model
from lifter.errors import LifterError
from lifter.look import made_ahead
from tests.bench import pipeline
from tests.refused import refusing
from tests.worker.engines import ENGINE_PYTHON, MODELS

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build.py"
DEMO = ROOT / "tests" / "data" / "demo.mp4"
NAMES = frozenset({"rig", "out", "preset", "start", "end", "fps", "model", "person", "report"})
needs_engine = pytest.mark.skipif(
    ENGINE_PYTHON is None or not any(MODELS.glob("*.task")), reason="no motion engine with a landmark model here"
)


def batch(*words: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BUILD), "batch", *map(str, words)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two files that could be clips and one that could be a rig: nothing here opens them."""
    for name in ("a.mp4", "b.MOV", "rig.blend", "notes.txt"):
        (tmp_path / name).write_text(name)
    return tmp_path


def read(*words: str | Path, **defaults: str) -> list[BatchJob]:
    return read_jobs([str(word) for word in words], defaults=defaults, names=NAMES, check=lambda words: None)


# ---- what is asked for ------------------------------------------------------------------------------------------------------

CSV = "clip, rig, start, out\na.mp4, rig.blend:Arm, 0.5, sub/{stem}-{row}.glb\n\nb.MOV, rig.blend:Arm, , other.fbx\n"
JSON = json.dumps(
    {
        "rig": "rig.blend:Arm",
        "jobs": [
            {"clip": "a.mp4", "start": 0.5, "out": "sub/{stem}-{row}.glb"},
            {"clip": "b.MOV", "start": None, "out": "other.fbx"},
        ],
    }
)
TOML = """
rig = "rig.blend:Arm"
[[jobs]]
clip = "a.mp4"
start = 0.5
out = "sub/{stem}-{row}.glb"
[[jobs]]
clip = "b.MOV"
out = "other.fbx"
"""


@pytest.mark.parametrize(
    ("name", "text"), [("jobs.csv", CSV), ("jobs.csv", CSV.replace(",", ";")), ("j.json", JSON), ("j.toml", TOML)]
)
def test_tables_say_the_same_in_every_form(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text, encoding="utf-8-sig" if name.endswith(".csv") else "utf-8")
    first, second = read(folder / name, fps="24")
    rig = f"{folder / 'rig.blend'}:Arm"
    assert first.arguments() == [
        str(folder / "a.mp4"), f"--out={folder / 'sub' / 'a-1.glb'}", "--fps=24", f"--rig={rig}", "--start=0.5",
    ]  # fmt: skip
    assert second.arguments() == [str(folder / "b.MOV"), f"--out={folder / 'other.fbx'}", "--fps=24", f"--rig={rig}"]
    assert first.lifting_arguments() == ["--start=0.5"] and second.lifting_arguments() == []


SPREADSHEET = "clip;rig;start;out\r\na.mp4;rig.blend:Arm;0,5;sub/{stem}-{row}.glb\r\nb.MOV;rig.blend:Arm;;other.fbx\r\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (SPREADSHEET, "utf-8-sig"),
        (SPREADSHEET.replace(";", "\t"), "utf-16"),
        (SPREADSHEET.replace("\r\n", ";;\r\n") + ";;;;;\r\n", "utf-8"),
    ],
)
def test_a_table_as_spreadsheets_write_it(folder: Path, text: str, encoding: str) -> None:
    """With a comma as the decimal point, tabs, and columns and rows that are empty by now."""
    (folder / "jobs.csv").write_bytes(text.replace("0,5", "0.5" if "\t" in text else "0,5").encode(encoding))
    first, second = read(folder / "jobs.csv")
    assert first.options == {"rig": f"{folder / 'rig.blend'}:Arm", "start": "0.5"} and second.clip == folder / "b.MOV"


def test_what_a_spreadsheet_adds_to_a_table_of_its_own(folder: Path) -> None:
    """A line for itself, an empty one, numbers with a decimal, and yes and no in its user's language."""
    names = NAMES | {"hands"}
    for head in ("sep={}\n", '"sep={}"\n', "\n{0}{0}\n", ""):
        for between in ";\t":
            rows = ("clip", "person", "start", "hands"), ("a.mp4", "2,0", "0,5", "WAHR"), ("b.MOV", "3", "", "FALSCH")
            text = head.format(between) + "\n".join(between.join(row) for row in rows)
            (folder / "t.csv").write_text(text, encoding="utf-8-sig")
            first, second = read_jobs([str(folder / "t.csv")], defaults={"rig": "rigify"}, names=names, check=lambda words: None)
            assert first.options == {"rig": "rigify", "person": "2", "start": "0.5", "hands": True}, text
            assert second.options == {"rig": "rigify", "person": "3", "hands": False} and second.lifting_arguments() == [
                "--person=3"
            ]
            assert second.where == f"Row {3 + head.count(chr(10))} of t.csv"


@pytest.mark.parametrize("name", ["jobs.xlsx", "jobs.tsv"])
def test_a_table_of_another_kind_is_not_taken_for_a_clip(folder: Path, name: str) -> None:
    (folder / name).write_text("a table")
    with pytest.raises(Pose3DError, match=f"{name} is neither a clip nor a table") as caught:
        read(folder / name, rig="rigify")
    assert ".csv" in caught.value.hint


def test_a_path_in_quotes_as_windows_copies_it(folder: Path) -> None:
    (folder / "t.csv").write_text('clip;rig;out\n"""a.mp4""";"""rig.blend""";"""sub/o.glb"""\n')
    (job,) = read(folder / "t.csv")
    assert (job.clip, job.rig_file, job.out) == (folder / "a.mp4", folder / "rig.blend", folder / "sub" / "o.glb")


def test_a_table_in_an_old_encoding_is_one_sentence(folder: Path) -> None:
    (folder / "jobs.csv").write_bytes("clip;rig\r\nTür.mp4;rigify\r\n".encode("cp1252"))
    with pytest.raises(Pose3DError, match=r"jobs.csv cannot be read: it is not in UTF-8") as caught:
        read(folder / "jobs.csv")
    assert "CSV UTF-8" in caught.value.hint


@pytest.mark.parametrize("name", ["", "a.mp4", "*.mp4", "jobs.csv"])
def test_what_may_not_be_looked_at_is_one_sentence(folder: Path, another_user: None, name: str) -> None:
    """As on a farm, whose Workers have a user of their own."""
    with pytest.raises(Pose3DError, match="cannot be read: Permission denied"):
        read(folder / name, rig="rigify")


def test_folders_patterns_and_clips(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    names = [[job.clip.name for job in read(word, rig="rigify")] for word in (folder, "*", "a.mp4", "**/b*")]
    assert names == [["a.mp4", "b.MOV"], ["a.mp4", "b.MOV"], ["a.mp4"], ["b.MOV"]]
    out = read(folder, rig=str(folder / "rig.blend"), out="done/{rig}/{name}.glb")[1].out
    assert out == folder / "done" / "rig" / "b.MOV.glb"
    assert read("a.mp4", rig="rigify")[0].out == folder / "a.glb", "beside the clip where nothing is said"


def test_an_empty_name_is_not_the_folder_where_the_user_is(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a script's variable that was never set."""
    monkeypatch.chdir(folder)
    with pytest.raises(Pose3DError, match="An empty name stands for no clips"):
        read("", rig="rigify")
    assert len(read(".", rig="rigify")) == 2


def test_a_pattern_in_a_folder_whose_name_is_like_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "shots [v2]"
    folder.mkdir()
    (folder / "a.mp4").touch()
    (folder / "b [take 2].mp4").touch()
    monkeypatch.chdir(tmp_path)
    for pattern in ("shots [v2]/*.mp4", "shots*/*.mp4", "shots ?v2?/*.mp4", "**/*.mp4", "[s]hots [[]v2]/*", folder / "*.mp4"):
        assert [job.clip.name for job in read(pattern, rig="rigify")] == ["a.mp4", "b [take 2].mp4"], pattern


def test_a_folder_with_braces_in_its_name_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "{stem} {mood}"
    (folder / "clips").mkdir(parents=True)
    (folder / "clips" / "a.mp4").touch()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("USERPROFILE", str(folder))
    (folder / "t.csv").write_text("clip,out,report\nclips/a.mp4,{stem}.glb,sub/{stem}.json\n")
    (job,) = read("t.csv", rig="rigify")
    assert job.outputs == (folder / "a.glb", folder / "sub" / "a.json")
    outs = {
        "o.glb": "o.glb",
        "{stem}-{row}.glb": "a-1.glb",
        "{folder}/o.glb": "clips/o.glb",
        "{parent}-{stem}.glb": "clips-a.glb",
        "~/{name}.glb": "a.mp4.glb",
    }
    for pattern, out in outs.items():
        assert read("clips/a.mp4", rig="rigify", out=pattern)[0].out == folder / out, pattern
    with pytest.raises(Pose3DError, match=r"'\{mood\}' in '\{mood\}.glb' stands for nothing"):
        read("clips/a.mp4", rig="rigify", out="{mood}.glb")


BAD_TABLES: dict[str, tuple[str, list[str]]] = {
    "unknown.csv": ("clip,spede\na.mp4,1\n", ["Row 2 of unknown.csv", "'spede'", "fps"]),
    "number.csv": ("clip,fps\na.mp4,25\nb.MOV,fast\n", ["Row 3 of number.csv", "fast"]),
    "long.csv": ("clip,fps\na.mp4,25,3\n", ["row 2", "3 values for 2 columns"]),
    "twice.csv": ("clip,clip\na.mp4,a.mp4\n", ["the same name twice"]),
    "noclip.csv": ("clip,fps\na.mp4,\n,25\n", ["Row 3 of noclip.csv", "no clip is named"]),
    "empty.csv": ("clip\n", ["no rows"]),
    "same.csv": ("clip,out\na.mp4,o.glb\nb.MOV,o.glb\n", ["Row 3 of same.csv", "o.glb", "Row 2"]),
    "switch.csv": ("clip,hands\na.mp4,1\n", ["Row 2 of switch.csv", "--hands is given or not", "'1'", "write true or false"]),
    "kind.csv": ("clip,out\na.mp4,o.mov\n", ["Row 2 of kind.csv", "cannot write o.mov"]),
    "pattern.csv": ("clip,out\na.mp4,{steem}.glb\n", ["Row 2 of pattern.csv", "'{steem}'", "{stem}"]),
    "rig.csv": ("clip,rig\na.mp4,none.blend\n", ["Row 2 of rig.csv", "no rig file"]),
    "list.json": ('[{"clip": ["a.mp4"]}]', ["Row 1 of list.json", "neither a text nor a number"]),
    "row.json": ('["a.mp4"]', ["Row 1 of row.json"]),
    "none.json": ('{"clips": []}', ["none.json", "jobs"]),
    "users.json": (r'[{"clip": "C:\Users\a.mp4"}]', ["users.json cannot be read", r"/ or \\ for each"]),
    "users.toml": ('[[jobs]]\nclip = "C:\\Users\\a.mp4"', ["users.toml cannot be read", r"/ or \\ for each"]),
    "new.json": (r'[{"clip": "C:\new.mp4"}]', ["Row 1 of new.json", r"'clip' has '\n' in it", r"/ or \\ for each"]),
    "capitals.csv": ("clip,start,Start\na.mp4,1,2\n", ["Row 2 of capitals.csv", "two columns 'start'"]),
    "broken.toml": ("[[jobs]\n", ["broken.toml cannot be read", "line 1"]),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_one_sentence_with_the_row(folder: Path, name: str) -> None:
    text, words = BAD_TABLES[name]
    (folder / name).write_text(text)
    done = batch(folder / name, "--rig", folder / "rig.blend")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1 and all(word in done.stderr for word in words), done.stderr
    assert not list(folder.glob("*.jsonl"))


def test_bad_arguments_are_one_sentence(folder: Path) -> None:
    cases = {
        (folder / "none.csv",): "none.csv cannot be read",
        (folder / "no*.mp4",): "No clip matches",
        ("none",): "There is no clip, folder or table 'none'",
        (folder, "--workers", "0"): "--workers 0",
        (folder, "--fps", "x"): "--fps",
    }
    for words, said in cases.items():
        done = batch(*words, "--rig", "rigify")
        assert done.returncode == 2 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "no rig is named" in batch(folder).stderr


# What no clip can be read or animated with.
WRONG_VALUES: dict[tuple[str, ...], str] = {
    ("--fps", "5000"): "5000 is no frame rate",
    ("--fps", "0"): "0 is no frame rate",
    ("--fps", "nan"): "nan is no frame rate",
    ("--start", "5", "--end", "2"): "The end, 2 s, is not after the start, 5 s",
    ("--start", "0", "--end", "0"): "The end, 0 s, is not after the start, 0 s",
    ("--start", "nan"): "The start, nan s, is not a time in the clip",
    ("--end", "-1"): "The end, -1 s, is not a time in the clip",
    ("--model", "nope"): "There is no model 'nope'. Choose one of: atcn-27",
    ("--model", "none/nope.safetensors"): "nope.safetensors'",
    ("--focal-mm", "26", "--fov", "65"): "The lens was given twice",
    ("--focal-mm", "0"): "0 mm is no focal length",
    ("--fov", "0"): "0 degrees is no field of view",
    ("--focal-px", "0"): "0 pixels is no focal length",
    ("--person", "zwei"): "'zwei' says nothing of which person is meant",
    ("--person", "0"): "'0' says nothing of which person is meant",
    ("--key-tolerance-cm", "0"): "0 is no tolerance for keys",
    ("--report", "r.HTML"): "The report is a JSON file, with a page of its own beside it",
    ("--camera-pitch", "91"): "No camera is turned by 91 degrees",
}


@pytest.mark.parametrize("words", WRONG_VALUES, ids=" ".join)
def test_values_that_are_wrong_for_every_clip_are_one_sentence_before_any(folder: Path, words: tuple[str, ...]) -> None:
    for place in ((folder,), (folder / "t.json",)):
        names = [word.removeprefix("--").replace("-", "_") for word in words[::2]]
        row = {"clip": "a.mp4", **dict(zip(names, words[1::2], strict=True))}
        (folder / "t.json").write_text(json.dumps([{"clip": "b.MOV"}, row]))
        given = words if place == (folder,) else ()
        done = batch(*place, "--rig", "rigify", "--dry-run", *given)
        assert done.returncode == 2 and WRONG_VALUES[words] in done.stderr, done.stdout + done.stderr
        assert len(done.stderr.strip().splitlines()) == 1 and ("Row 2 of t.json: " in done.stderr) == (not given)


def test_a_result_that_another_job_reads_is_refused(folder: Path) -> None:
    (folder / "t.json").write_text(json.dumps([{"clip": "a.mp4", "rig": "rig.blend", "out": "rig.blend"}]))
    with pytest.raises(Pose3DError, match=r"Row 1 of t.json: .*rig.blend is read by"):
        read(folder / "t.json")
    hero = folder / "hero.v2.blend"
    hero.write_text("the user's own")
    preset = '{"clip": "b.MOV", "rig": "rigify", "preset": "bones.json"}'
    tables = {
        "plain.csv": ("clip,rig,out\na.mp4,rigify,hero.v2.blend\nb.MOV,hero.v2.blend,o.glb\n", "Row 2", hero, "Row 3"),
        "named.csv": ("clip,rig,out\na.mp4,rigify,hero.v2.blend\nb.MOV,hero.v2.blend:rig,o.glb\n", "Row 2", hero, "Row 3"),
        "slash.csv": ("clip,rig,out\na.mp4,rigify,hero.v2.blend\nb.MOV,hero.v2.blend:a/b,o.glb\n", "Row 2", hero, "Row 3"),
        "own.csv": ("clip,rig,out\na.mp4,hero.v2.blend:rig,hero.v2.blend\n", "Row 2", hero, "Row 2"),
        "preset.json": (
            f'[{{"clip": "a.mp4", "rig": "rigify", "report": "bones.json"}}, {preset}]',
            "Row 1",
            "bones.json",
            "Row 2",
        ),
    }
    for name, (text, writes, path, reads) in tables.items():
        (folder / name).write_text(text)
        with pytest.raises(Pose3DError, match=rf"{writes} of {name}: {folder / path} is read by {reads} of {name}\."):
            read(folder / name)


def test_a_dry_run_changes_nothing(folder: Path) -> None:
    before = sorted(folder.iterdir())
    done = batch(folder, "--rig", "rigify", "--dry-run", "--out", folder / "out" / "{stem}.glb")
    assert done.returncode == 0 and done.stdout.count("to do") == 2, done.stderr
    assert sorted(folder.iterdir()) == before


def test_a_dry_run_says_which_clips_are_not_there(folder: Path) -> None:
    (folder / "t.csv").write_text("clip\na.mp4\nc.mp4\n")
    done = batch(folder / "t.csv", "--rig", "rigify", "--dry-run")
    first, second = done.stdout.splitlines()[1:]
    assert first.endswith("  new") and second.endswith("  new, but the clip is not there"), done.stdout


# ---- what is remembered -----------------------------------------------------------------------------------------------------


@pytest.fixture
def inputs() -> Callable[[], Inputs]:
    return lambda: Inputs(resources=ROOT, version="1")


def state(job: BatchJob, inputs: Callable[[], Inputs], **options: bool) -> tuple[State | None, str]:
    (planned,) = plan([job], inputs(), **options)
    return planned.state, planned.why


def test_what_is_complete_and_unchanged_is_skipped(folder: Path, inputs: Callable[[], Inputs]) -> None:
    (job,) = read(folder / "a.mp4", rig=str(folder / "rig.blend:Arm"), fps="25")
    assert state(job, inputs) == (None, "new")
    log = journal.Journal(folder)
    log.note(job.out, journal.STARTED, inputs().of(job))
    assert state(job, inputs) == (None, "another batch is at it")
    log.close()
    assert state(job, inputs) == (None, "was interrupted")
    log = journal.Journal(folder)
    log.note(job.out, journal.DONE, inputs().of(job))
    assert state(job, inputs) == (None, "a.glb is gone")
    job.out.write_text("the result")
    assert state(job, inputs)[0] is State.SKIPPED
    assert state(job, inputs, resume=False)[0] is None
    os.utime(job.clip, (1, 1))
    assert state(job, inputs)[0] is State.SKIPPED, "the same content is the same clip"
    assert state(read(folder / "a.mp4", rig=job.options["rig"], fps="30")[0], inputs) == (None, "changed: fps")
    (folder / "rig.blend").write_text("another rig")
    assert state(job, inputs) == (None, "changed: rig")
    job.clip.write_text("another clip")
    assert state(job, inputs) == (None, "changed: clip, rig")
    log.note(job.out, journal.FAILED, inputs().of(job), reason="No person was found.")
    found, why = state(job, inputs)
    assert found is State.FAILED and why.startswith("No person was found.") and "--retry-failed" in why
    assert state(job, inputs, retry_failed=True)[0] is None
    job.clip.unlink()
    assert state(job, inputs)[0] is None, "the run tells what is wrong with it"
    log.close()


def test_what_was_moved_as_a_whole_is_the_same(folder: Path, inputs: Callable[[], Inputs]) -> None:
    """Or is seen by another path, as a share of the network's."""
    shoot = folder / "shoot"
    shoot.mkdir()
    for name in ("a.mp4", "rig.blend"):
        (shoot / name).write_text(name)
    (shoot / "t.csv").write_text("clip,rig,out,report\na.mp4,rig.blend,a.glb,reports/a.json\n")
    (job,) = read(shoot / "t.csv")
    job.out.write_text("the result")
    (shoot / "reports").mkdir()
    (shoot / "reports" / "a.json").write_text("the report")
    with contextlib.closing(journal.Journal(shoot)) as log:
        log.note(job.out, journal.DONE, inputs().of(job))
    shoot.rename(folder / "moved")
    assert state(read(folder / "moved" / "t.csv")[0], inputs)[0] is State.SKIPPED
    (folder / "moved" / "t.csv").write_text("clip,rig,out,report\na.mp4,rig.blend,a.glb,a.json\n")
    assert state(read(folder / "moved" / "t.csv")[0], inputs) == (None, "changed: report")


def test_an_option_that_is_said_in_another_way_is_the_same(folder: Path, inputs: Callable[[], Inputs]) -> None:
    """As after a spreadsheet has saved the table again, or has a new column that is FALSE in most rows."""

    def job(**cells: object) -> BatchJob:
        (folder / "t.json").write_text(json.dumps([{"clip": "a.mp4", "rig": "rigify", "out": "a.glb", **cells}]))
        return read_jobs([str(folder / "t.json")], defaults={}, names=NAMES | {"in_place"}, check=lambda words: None)[0]

    first = job(start="0.10", fps="25", person="2")
    first.out.write_text("the result")
    with contextlib.closing(journal.Journal(folder)) as log:
        log.note(first.out, journal.DONE, inputs().of(first))
    again = job(start=0.1, fps=25.0, person="02", in_place="FALSCH")
    assert state(again, inputs)[0] is State.SKIPPED
    assert inputs().track_name(again) == inputs().track_name(first)
    assert state(job(start=0.1, fps=25, person=2, in_place=True), inputs) == (None, "changed: in_place")
    assert state(job(start=0.2, fps=25, person=2), inputs) == (None, "changed: start")


def test_what_was_done_is_done_when_its_clip_is_there_again(folder: Path, inputs: Callable[[], Inputs]) -> None:
    """As after a run without the disk that the clips are on."""
    (job,) = read(folder / "a.mp4", rig="rigify")
    job.out.write_text("the result")
    with contextlib.closing(journal.Journal(folder)) as log:
        log.note(job.out, journal.DONE, inputs().of(job))

    def do(jobs: Sequence[BatchJob], account: Account) -> None:
        with pytest.raises(Pose3DError, match=r"There is no file .*a\.mp4") as refused:
            account.begin(jobs[0])
        account.end(Outcome(jobs[0], State.FAILED, refused.value.sentence))

    job.clip.rename(folder / "elsewhere")
    assert run(plan([job], inputs()), inputs(), do, results=None, say=print) == 1
    assert json.loads((folder / "results.jsonl").read_text())["state"] == "failed"
    (folder / "elsewhere").rename(job.clip)
    assert state(job, inputs)[0] is State.SKIPPED


def test_what_is_compared_for_long_is_told(folder: Path, inputs: Callable[[], Inputs], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every clip of the run before is read again."""
    jobs = read(folder / "a.mp4", folder / "b.MOV", rig="rigify")
    said: list[str] = []
    plan(jobs, inputs(), say=said.append)
    assert said == []
    monkeypatch.setattr(batch_runner, "_COMPARING_S", 0.0)
    plan(jobs, inputs(), say=said.append)
    assert said[-1] == "Comparing with the run before: 1 of 2 clips…"


def test_an_option_that_is_zero_is_one_that_was_given(folder: Path) -> None:
    (job,) = read(folder / "a.mp4", rig="rigify")
    version = str(tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"])
    log = journal.Journal(folder)
    log.note(job.out, journal.DONE, Inputs(resources=ROOT, version=version).of(job))
    log.close()
    job.out.write_text("the result")
    words = (job.clip, "--rig", "rigify", "--dry-run")
    assert "nothing has changed" in batch(*words).stdout
    for option in ("camera_pitch", "camera_roll", "start"):
        done = batch(*words, f"--{option.replace('_', '-')}", "0")
        assert f"changed: {option}" in done.stdout, done.stdout + done.stderr


def test_tracks_are_shared_by_what_is_lifted_alike(folder: Path, inputs: Callable[[], Inputs]) -> None:
    def name(**options: str) -> str:
        return inputs().track_name(read(folder / "a.mp4", **{"rig": str(folder / "rig.blend"), **options})[0])

    assert name() == name(fps="30") == name(rig="rigify", out="o.fbx")
    assert len({name(), name(start="1"), name(end="1"), name(model="atcn-27")}) == 4


def test_the_name_of_a_track_leaves_room_for_temporary_ones(folder: Path, inputs: Callable[[], Inputs]) -> None:
    names = []
    for stem in ("動" * 83, "動" * 82 + "作", "x" * 99 + "動" * 50, "clip" * 25):
        (folder / f"{stem}.mp4").write_text(stem)
        names.append(inputs().track_name(read(folder / f"{stem}.mp4", rig="rigify")[0]))
    for name, kept in zip(names, ("動" * 33, "動" * 33, "x" * 99, "clip" * 25), strict=True):
        assert name.startswith(f"{kept}-") and len(name.encode()) <= 130
        assert TrackCache(folder).hold(name) is None
    assert len(set(names)) == 4
    (folder / names[0]).mkdir()
    with pytest.raises(Pose3DError, match=f"The track .*{names[0]} cannot be read"):
        TrackCache(folder).hold(names[0])


def test_a_network_may_be_named_by_its_path(folder: Path, inputs: Callable[[], Inputs]) -> None:
    def track(model: str) -> str:
        (job,) = read(folder / "a.mp4", rig="rigify", model=model)
        assert state(job, inputs) == (None, "new")
        return inputs().track_name(job)

    shipped = WEIGHTS_DIR / f"{DEFAULT_MODEL}.safetensors"
    own, named = folder / "own.safetensors", str(folder / "own")
    shutil.copy(shipped, own)
    names = [track(model) for model in (str(own), named, str(shipped), DEFAULT_MODEL, f"{DEFAULT_MODEL[:-1]}?", "a" * 300)]
    assert names[0] == names[2], "the same content"
    own.write_text("trained on")
    assert track(str(own)) != names[0] and track(named) != names[1]
    (job,) = read(folder / "a.mp4", rig="rigify", model=f"{DEFAULT_MODEL[:-1]}?")
    assert inputs().of(job)["weights"] == "", "which names no network"


def test_half_a_line_of_a_journal_is_passed_over(folder: Path) -> None:
    for name in ("a.glb", "b.glb"):
        log = journal.Journal(folder)
        log.note(folder / name, journal.DONE, {"clip": "1"})
        log.close()
        with (folder / journal.JOURNAL_NAME).open("ab") as file:
            file.write(b'{"out": "a.glb", "event": "fai')
    assert {name: entry.event for name, entry in journal.read_journal(folder).items()} == {"a.glb": "done", "b.glb": "done"}


def test_a_journal_has_one_writer(folder: Path) -> None:
    log = journal.Journal(folder)
    with pytest.raises(Pose3DError, match="Another batch writes"):
        journal.Journal(folder)
    log.close()
    journal.Journal(folder).close()


def test_a_folder_by_two_names_has_one_journal(folder: Path, inputs: Callable[[], Inputs]) -> None:
    (folder / "out").mkdir()
    (folder / "link").symlink_to(folder / "out", target_is_directory=True)
    (folder / "t.csv").write_text("clip,out\na.mp4,out/a.glb\nb.MOV,link/b.glb\n")
    jobs = read(folder / "t.csv", rig="rigify")

    def hands(todo: Sequence[BatchJob], account: Account) -> None:
        for job in todo:
            account.begin(job)
            job.out.write_text("the result")
            account.end(Outcome(job, State.DONE))

    assert run(plan(jobs, inputs()), inputs(), hands, results=None, say=print) == 0
    assert set(journal.read_journal(folder / "out")) == {"a.glb", "b.glb"}
    assert [planned.state for planned in plan(jobs, inputs())] == [State.SKIPPED] * 2


# ---- processes that stay ----------------------------------------------------------------------------------------------------

SERVANT = """
import json, os, sys, time
print("rubbish before", flush=True)
for line in sys.stdin:
    work = json.loads(line)
    print("last words of", work, file=sys.stderr, flush=True)
    if work == "die": os.kill(os.getpid(), 9)
    if work == "leave": sys.exit(3)
    if work == "sleep": time.sleep(60)
    if work == "bad": print(json.dumps({"event": "error", "message": "It is bad.", "hint": "Mend it."}), flush=True); continue
    print(json.dumps({"event": "warning", "message": "careful"}))
    print(json.dumps({"event": "result", "output": str(os.getpid())}), flush=True)
"""


@pytest.fixture
def served() -> Iterator[Served]:
    process = Served("The servant", [sys.executable, "-c", SERVANT], os.environ)
    yield process
    process.close()


def test_a_process_stays_and_is_started_again_after_its_death(served: Served) -> None:
    first = served.ask("work").output
    assert served.warnings == ["careful"]
    with pytest.raises(Pose3DError, match="It is bad") as bad:
        served.ask("bad")
    assert bad.value.sentence == "It is bad. Mend it."
    assert served.ask("work").output == first, "a mistake does not end it"
    with pytest.raises(Pose3DError, match=r"The servant stopped unexpectedly \(exit code 3\)") as left:
        served.ask("leave")
    assert left.value.hint == "Its last words: last words of leave"
    assert served.ask("work").output != first


@pytest.mark.skipif(sys.platform == "win32", reason="has no signals")
def test_a_process_that_is_killed_is_named(served: Served) -> None:
    with pytest.raises(Pose3DError, match="signal SIGKILL"):
        served.ask("die")


def test_closing_ends_a_process_at_work(served: Served) -> None:
    pid = int(served.ask("work").output)
    asker = threading.Thread(target=lambda: pytest.raises(Pose3DError, served.ask, "sleep"))
    asker.start()
    time.sleep(0.2)
    served.close()
    asker.join(5)
    assert not asker.is_alive()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Pose3DError, match="was stopped"):
        served.ask("work")


ENGINE = """
import json, sys
for line in sys.stdin:
    open(json.loads(line)[1], "w").close()
    print(json.dumps({"event": "result", "output": ""}), flush=True)
"""
SOLVER = """
import json, sys, time
for line in sys.stdin:
    time.sleep(1.0)
    result = {"event": "result", "output": "", "summary": {"frames": 1, "warnings": [], "parts": []}}
    print(json.dumps(result), flush=True)
"""


@pytest.mark.timeout(60)
def test_a_fault_at_the_last_clips_ends_the_batch(tmp_path: Path, inputs: Callable[[], Inputs]) -> None:
    """The one who reads what is said goes away while the last track waits for its Blender."""
    for name in ("a.npz", "b.npz"):
        (tmp_path / name).write_text(name)
    jobs = [read(tmp_path / name, rig="rigify")[0] for name in ("a.npz", "b.npz")]
    python = [sys.executable, "-c"]
    programs = Programs([*python, "input()"], os.environ, [*python, SOLVER], os.environ, tmp_path, tmp_path / "tracks")
    hands = on_this_machine(programs, inputs(), TrackCache(programs.tracks), workers=1, threads=1, fail_fast=False)

    def say(text: str) -> None:
        raise BrokenPipeError

    began_s = time.monotonic()
    with pytest.raises(BrokenPipeError):
        run(plan(jobs, inputs()), inputs(), hands, results=None, say=say)
    assert time.monotonic() - began_s < 20
    assert {name: entry.event for name, entry in journal.read_journal(tmp_path).items()} == {"a.glb": "done", "b.glb": "started"}


@pytest.mark.timeout(60)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_what_was_done_until_a_batch_was_stopped_is_accounted_for(
    tmp_path: Path, inputs: Callable[[], Inputs], how: signal.Signals
) -> None:
    for name in ("a.npz", "b.npz", "c.npz"):
        (tmp_path / name).write_text(name)
    jobs = [read(tmp_path / name, rig="rigify")[0] for name in ("a.npz", "b.npz", "c.npz")]
    jobs[0].out.write_text("the result")
    with contextlib.closing(journal.Journal(tmp_path)) as before:
        before.note(jobs[0].out, journal.DONE, inputs().of(jobs[0]))
    python = [sys.executable, "-c"]
    programs = Programs([*python, "input()"], os.environ, [*python, SOLVER], os.environ, tmp_path, tmp_path / "tracks")
    hands = on_this_machine(programs, inputs(), TrackCache(programs.tracks), workers=1, threads=1, fail_fast=False)
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if text.startswith("[1/2]"):
            _thread.interrupt_main(how)

    handler = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as build.py has it
    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run(plan(jobs, inputs()), inputs(), hands, results=None, say=say)
    finally:
        signal.signal(signal.SIGTERM, handler)
    rows = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [row["state"] for row in rows] == ["skipped", "done", "skipped"]
    assert rows[0]["reason"].startswith("done before") and rows[2]["reason"] == "not done, because the batch was stopped"
    assert said[-1].endswith("1 done, 2 skipped, 0 failed")


def test_rows_of_the_same_clip_are_told_apart(folder: Path, inputs: Callable[[], Inputs]) -> None:
    """As those of its people, of whom one is not there."""
    (folder / "t.csv").write_text("clip,person,out\na.mp4,1,one.glb\na.mp4,2,two.glb\nb.MOV,1,three.glb\n")

    def do(jobs: Sequence[BatchJob], account: Account) -> None:
        for job in jobs:
            account.begin(job)
            account.end(Outcome(job, State.FAILED, "Nobody."))

    said: list[str] = []
    run(plan(read(folder / "t.csv", rig="rigify"), inputs()), inputs(), do, results=None, say=said.append)
    assert said[:3] == [
        "[1/3] failed: a.mp4, one.glb (Nobody.)",
        "[2/3] failed: a.mp4, two.glb (Nobody.)",
        "[3/3] failed: b.MOV (Nobody.)",
    ]
    assert [line.split("  ")[0] for line in said[3].splitlines()[1:4]] == ["a.mp4, one.glb", "a.mp4, two.glb", "b.MOV"]


def test_the_summary_is_told_where_the_account_can_no_longer_be_written(folder: Path, inputs: Callable[[], Inputs]) -> None:
    """As one that another program holds open on Windows, after a night's work."""
    results = folder / "r" / "r.jsonl"

    def do(jobs: Sequence[BatchJob], account: Account) -> None:
        for job in jobs:
            account.begin(job)
            account.end(Outcome(job, State.DONE))
        results.parent.rmdir()

    said: list[str] = []
    with pytest.raises(Pose3DError, match="r.jsonl cannot be written"):
        run(plan(read(folder / "a.mp4", rig="rigify"), inputs()), inputs(), do, results=results, say=said.append)
    assert said[-1].endswith("1 done, 0 skipped, 0 failed")


def test_a_run_that_nothing_came_of_leaves_the_account_of_the_one_before(folder: Path, inputs: Callable[[], Inputs]) -> None:
    def refuse(_jobs: object, _account: Account) -> None:
        raise Pose3DError("The rig will not do.")

    (folder / "results.jsonl").write_text("the one before")
    with pytest.raises(Pose3DError):
        run(plan(read(folder / "a.mp4", rig="rigify"), inputs()), inputs(), refuse, results=None, say=print)
    assert (folder / "results.jsonl").read_text() == "the one before"


@pytest.mark.parametrize("what", ["a file", "nobody's"])
def test_where_no_track_can_be_kept_the_batch_works_all_the_same(
    tmp_path: Path, inputs: Callable[[], Inputs], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    kept = tmp_path / "tracks"
    if what == "a file":
        kept.touch()
    elif Path("/proc").is_dir():
        kept.symlink_to("/proc")
    else:
        pytest.skip("/proc is a folder that nobody can write to")
    (tmp_path / "a.mp4").write_text("a clip")
    python = [sys.executable, "-c"]
    programs = Programs([*python, ENGINE], os.environ, [*python, SOLVER], os.environ, tmp_path, kept)
    hands = on_this_machine(programs, inputs(), TrackCache(kept), workers=1, threads=1, fail_fast=False)
    said: list[str] = []
    planned = plan(read(tmp_path / "a.mp4", rig="rigify"), inputs())
    assert run(planned, inputs(), hands, results=None, say=said.append) == 0
    assert said[0].startswith(f"The tracks are not kept: the folder {kept} cannot be written"), said
    assert list((tmp_path / "temporary").iterdir()) == []


# ---- pictures ahead of the detector -----------------------------------------------------------------------------------------


def test_pictures_come_ahead_but_unchanged_and_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    made: list[int] = []

    def pictures(count: int) -> Iterator[tuple[float, np.ndarray]]:
        for number in range(count):
            made.append(number)
            yield float(number), np.full(2, number)
        raise ValueError("the clip is cut off")

    seen: list[float] = []
    with pytest.raises(ValueError, match="cut off"):
        for time_s, picture in made_ahead(pictures(8)):
            assert picture.tolist() == [time_s, time_s] and len(made) <= len(seen) + 5
            seen.append(time_s)
    assert seen == list(range(8)), "what could be decoded is seen before the error"
    made.clear()
    some = made_ahead(pictures(100))
    next(some)
    some.close()
    threads = [thread.name for thread in threading.enumerate()]
    assert len(made) <= 5 and not any(name.startswith("ahead") for name in threads)


# ---- the motion engine ------------------------------------------------------------------------------------------------------


def film(path: Path, first: int, count: int) -> Path:
    """Some frames of the bundled clip as a clip of their own."""
    source = cv2.VideoCapture(str(DEMO))
    source.set(cv2.CAP_PROP_POS_FRAMES, first)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (400, 400))
    for _ in range(count):
        writer.write(source.read()[1])
    writer.release()
    return path


def engine(*words: str, **options: object) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [str(ENGINE_PYTHON), "-m", "lifter", *words, "--progress", "json"],
        env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@needs_engine
def test_one_engine_reads_many_clips_as_one_each_would(tmp_path: Path) -> None:
    clips = [film(tmp_path / "a.mp4", 0, 10), film(tmp_path / "b.mp4", 50, 10)]
    models = f"--models-dir={MODELS}"
    process = engine("serve")
    assert process.stdin and process.stdout

    def ask(*words: str) -> dict:
        process.stdin.write(json.dumps(words) + "\n")
        process.stdin.flush()
        return next(event for line in process.stdout if (event := json.loads(line))["event"] in ("result", "error"))

    served = [ask(str(clip), str(clip.with_suffix(".npz")), models) for clip in clips]
    assert [event["summary"]["frames"] for event in served] == [10, 10]
    assert "not called .npz" in ask(str(clips[0]), "out.txt", models)["message"]
    assert "There is no file" in ask(str(tmp_path / "none.mp4"), str(tmp_path / "o.npz"), models)["message"]
    process.stdin.write("not json\n")
    process.stdin.flush()
    assert "not a JSON list" in process.stdout.readline()
    out, _ = process.communicate(timeout=20)
    assert process.returncode == 0 and out == ""
    alone = tmp_path / "alone.npz"
    once = engine("infer", str(clips[1]), str(alone), models)
    once.communicate(timeout=60)
    with np.load(alone) as one, np.load(tmp_path / "b.npz") as many:
        for key in one.files:
            assert np.array_equal(one[key], many[key], equal_nan=one[key].dtype.kind == "f"), key


@needs_engine
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_nobody_but_its_reader_has_the_engines_stdin() -> None:
    """On Windows whoever asks about a pipe in which a thread waits, waits too."""
    process = engine("serve")
    assert process.stdin and process.stdout
    process.stdin.write("not json\n")
    process.stdin.flush()
    assert "not a JSON list" in process.stdout.readline()
    assert os.readlink(f"/proc/{process.pid}/fd/0") == os.devnull
    process.communicate(timeout=20)
    assert process.returncode == 0


@needs_engine
@pytest.mark.skipif(sys.platform == "win32", reason="ends differently there")
def test_the_engine_ends_with_its_stdin_in_the_middle_of_a_clip(tmp_path: Path) -> None:
    process = engine("serve")
    assert process.stdin and process.stdout
    process.stdin.write(json.dumps([str(DEMO), str(tmp_path / "o.npz"), f"--models-dir={MODELS}"]) + "\n")
    process.stdin.flush()
    next(line for line in process.stdout if json.loads(line)["event"] == "progress" and json.loads(line)["done"] > 3)
    began_s = time.monotonic()
    process.communicate(timeout=20)
    assert process.returncode == 128 + signal.SIGTERM and time.monotonic() - began_s < 10
    assert list(tmp_path.iterdir()) == []


@needs_engine
def test_a_clip_is_looked_at_once_for_several_people(tmp_path: Path, inputs: Callable[[], Inputs]) -> None:
    """And what was seen is kept of such clips only."""
    clips = [film(tmp_path / "a.mp4", 0, 10), film(tmp_path / "b.mp4", 50, 10)]
    table = tmp_path / "jobs.json"
    rows = [("a", "1"), ("a", "largest"), ("a", "1"), ("b", "1")]
    listed = [{"clip": f"{name}.mp4", "person": who, "out": f"{row}.glb"} for row, (name, who) in enumerate(rows)]
    table.write_text(json.dumps(listed))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    lifter = [str(ENGINE_PYTHON), "-m", "lifter", "serve", "--progress", "json"]
    programs = Programs(lifter, environment, [sys.executable, "-c", SOLVER], os.environ, MODELS, tmp_path / "tracks")
    cache, jobs = TrackCache(programs.tracks), read(table, rig="rigify")
    hands = on_this_machine(programs, inputs(), cache, workers=1, threads=1, fail_fast=False)
    assert run(plan(jobs, inputs()), inputs(), hands, results=None, say=lambda _: None) == 0
    assert len(list(programs.tracks.glob("*.npz"))) == 3
    (seen,) = cache.seen.glob("*.npz")

    alone = tmp_path / "alone.npz"
    engine("infer", str(clips[0]), str(alone), "--person=largest", f"--models-dir={MODELS}").communicate(timeout=60)
    with np.load(alone) as one, np.load(programs.tracks / inputs().track_name(jobs[1])) as other:
        for key in one.files:
            assert np.array_equal(one[key], other[key], equal_nan=one[key].dtype.kind == "f"), key

    size = seen.stat().st_size
    for limit_bytes, is_kept in ((10.0 * size, True), (10.0 * size - 10, False)):
        TrackCache(programs.tracks, limit_bytes=limit_bytes).prune()
        assert seen.exists() == is_kept


def test_no_two_engines_look_at_a_clip_at_once(tmp_path: Path, inputs: Callable[[], Inputs]) -> None:
    """The second would find the same, for nothing."""
    for name in "ab":
        (tmp_path / f"{name}.mp4").write_text(name)
    (tmp_path / "jobs.json").write_text(
        json.dumps([{"clip": f"{n[0]}.mp4", "out": f"{n}.glb"} for n in ("a1", "a2", "b1", "b2")])
    )
    slow = ENGINE.replace("    open(", "    import time; time.sleep(1.0); print(line, file=open(sys.argv[1], 'a'))\n    open(")
    python = [sys.executable, "-c"]
    lifter = [*python, slow, str(tmp_path / "asked")]
    programs = Programs(lifter, os.environ, [*python, SOLVER], os.environ, tmp_path, tmp_path / "tracks")
    hands = on_this_machine(programs, inputs(), TrackCache(programs.tracks), workers=2, threads=1, fail_fast=False)
    planned = plan(read(tmp_path / "jobs.json", rig="rigify"), inputs())
    assert run(planned, inputs(), hands, results=None, say=lambda _: None) == 0
    asked = [json.loads(line)[0] for line in (tmp_path / "asked").read_text().splitlines() if line]
    assert sorted(Path(clip).name for clip in asked) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(("solve_s", "count", "blenders"), [(0.1, 8, 1), (1.2, 6, 2)])
def test_a_second_blender_is_started_where_tracks_wait_for_the_first(
    tmp_path: Path, inputs: Callable[[], Inputs], solve_s: float, count: int, blenders: int
) -> None:
    """Each takes seconds to start, and memory."""
    for number in range(count):
        (tmp_path / f"{number}.mp4").write_text(str(number))
    starts = tmp_path / "starts"
    slow = SOLVER.replace("time.sleep(1.0)", f"time.sleep({solve_s})").replace(
        "for line", "print('started', file=open(sys.argv[1], 'a'))\nfor line"
    )
    python = [sys.executable, "-c"]
    solver = [*python, slow, str(starts)]
    programs = Programs([*python, ENGINE], os.environ, solver, os.environ, tmp_path, tmp_path / "tracks")
    hands = on_this_machine(programs, inputs(), TrackCache(programs.tracks), workers=2, threads=1, fail_fast=False)
    planned = plan(read(tmp_path, rig="rigify", out=str(tmp_path / "out" / "{stem}.glb")), inputs())
    assert run(planned, inputs(), hands, results=None, say=lambda _: None) == 0
    assert len(starts.read_text().split()) == blenders
    ended = [json.loads(line)["state"] for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert ended == ["done"] * count


def test_a_track_is_not_lifted(folder: Path) -> None:
    (folder / f"t{batch_jobs.TRACK_SUFFIX}").touch()
    assert read(folder / "t.npz", rig="rigify")[0].is_lifted


# ---- the tracks between them ------------------------------------------------------------------------------------------------


def test_the_cache_deletes_what_was_not_used_for_longest_and_is_not_in_use(tmp_path: Path) -> None:
    for age_s, name in enumerate(("new", "newer than old", "used", "oldest")):
        (tmp_path / f"{name}.npz").write_bytes(b"." * 1000)
        os.utime(tmp_path / f"{name}.npz", (1000 - age_s, 1000 - age_s))
    (tmp_path / "other.txt").write_bytes(b"." * 9000)
    TrackCache(tmp_path).prune()
    assert len(list(tmp_path.iterdir())) == 5, "no limit"
    used = TrackCache(tmp_path).hold("used.npz")
    assert used is not None
    os.utime(used.path, (1, 1))

    def left(limit_bytes: int) -> set[str]:
        TrackCache(tmp_path, limit_bytes=limit_bytes).prune()
        return {path.stem for path in tmp_path.glob("*.npz")}

    assert left(2500) == {"new", "used"}
    assert left(0) == {"used"}, "in use by another run"
    used.release()
    assert left(0) == set() and TrackCache(tmp_path).hold("used.npz") is None


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to have none")
def test_where_the_file_system_has_no_locks_the_batch_works_all_the_same(tmp_path: Path) -> None:
    """As on a network's disk whose locks are off: another run was waited for that was not there."""
    (tmp_path / "a.npz").write_bytes(b"track")
    script = f"""{refusing("flock", errno.ENOLCK)}
sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from blender_pose3d.batch.cache import TrackCache
from blender_pose3d.batch.journal import STARTED, Journal
from blender_pose3d.worker.setup import try_lock
folder = Path({str(tmp_path)!r})
assert try_lock((folder / "lock").open("wb").fileno())
Journal(folder).note(folder / "o.glb", STARTED, {{}})
assert TrackCache(folder).hold("a.npz") is not None
TrackCache(folder, limit_bytes=0.0).prune()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert journal.read_journal(tmp_path)["o.glb"].event == "started"
    assert (tmp_path / "a.npz").exists(), "nobody can say whether it is in use"


def test_what_is_used_again_is_new(tmp_path: Path) -> None:
    for name in ("a.npz", "b.npz"):
        (tmp_path / name).write_bytes(b"." * 1000)
        os.utime(tmp_path / name, (ord(name[0]), ord(name[0])))
    track = TrackCache(tmp_path).hold("a.npz")
    assert track is not None
    track.release()
    TrackCache(tmp_path, limit_bytes=1000).prune()
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_each_rig_with_each_preset_is_looked_at_once(folder: Path) -> None:
    (folder / "t.json").write_text(
        json.dumps(
            [
                {"clip": "a.mp4", "rig": "rig.blend", "out": "1.glb"},
                {"clip": "b.MOV", "rig": "rig.blend", "preset": "auto", "out": "2.glb"},
                {"clip": "a.mp4", "rig": "rig.blend", "preset": "mixamo", "out": "3.glb"},
                {"clip": "a.mp4", "rig": "rigify", "out": "4.glb"},
                {"clip": "a.mp4", "rig": "rig.blend", "limbs": "ik", "out": "5.glb"},
                {"clip": "a.mp4", "rig": "rig.blend", "limbs": "fk", "upper_body": False, "out": "6.glb"},
                {"clip": "a.mp4", "rig": "rig.blend", "limbs": "ik", "upper_body": True, "out": "7.glb"},
                {"clip": "b.MOV", "rig": "rig.blend", "limbs": "ik", "out": "8.glb"},
            ]
        )
    )
    names = NAMES | {"limbs", "upper_body"}
    jobs = read_jobs([str(folder / "t.json")], defaults={}, names=names, check=lambda words: None)
    assert [job.out.name for job in rigs_to_check(jobs)] == ["1.glb", "3.glb", "5.glb", "7.glb"]


def test_a_folder_that_cannot_be_written_is_said_before_anything_starts(folder: Path, inputs: Callable[[], Inputs]) -> None:
    (folder / "out.glb").mkdir()
    (folder / "file").touch()
    long = folder / f"{'x' * 300}.glb"
    for out, said in (
        (folder / "out.glb", "is a folder"),
        (folder / "file" / "o.glb", "cannot be written"),
        (long, "x.glb cannot be"),
    ):
        planned = plan(read(folder / "a.mp4", rig="rigify", out=str(out)), inputs())
        with pytest.raises(Pose3DError, match=said):
            run(planned, inputs(), lambda jobs, account: pytest.fail("started"), results=None, say=print)


def test_the_account_is_written_over_nothing_and_its_place_is_said_before_anything_starts(
    folder: Path, inputs: Callable[[], Inputs]
) -> None:
    table, (out, linked) = folder / "t.csv", (folder / "o", folder / "l")
    table.write_text(f"clip,out,report\na.mp4,o/a.glb,o/{batch_runner.RESULTS_NAME}\n")
    out.mkdir()
    linked.symlink_to(out, target_is_directory=True)
    os.link(folder / "rig.blend", folder / "rig.too")
    jobs = read(table, rig=str(folder / "rig.blend:Arm"), preset=str(folder / "notes.txt"))
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    cases: list[tuple[Path | None, str]] = [
        (folder / "a.mp4", "a.mp4 is read by Row 2 of t.csv"),
        (folder / "rig.blend", "rig.blend is read by Row 2 of t.csv"),
        (folder / "rig.too", "rig.too is read by Row 2 of t.csv"),
        (folder / "notes.txt", "notes.txt is read by Row 2 of t.csv"),
        (table, "t.csv is read by Row 2 of t.csv"),
        (out / "a.glb", "a.glb would be written for Row 2 of t.csv too"),
        (linked / "a.glb", "a.glb would be written for Row 2 of t.csv too"),
        (out / journal.JOURNAL_NAME, "is the batch's journal"),
        (None, f"{batch_runner.RESULTS_NAME} would be written for Row 2 of t.csv too"),
        (out, "is a folder"),
        (folder / "a.mp4" / "r.jsonl", "cannot be written"),
    ]
    for results, said in cases:
        with pytest.raises(Pose3DError, match=re.escape(said)):
            run(plan(jobs, inputs()), inputs(), lambda jobs, account: pytest.fail("started"), results=results, say=print)
        assert {path: path.read_bytes() for path in folder.iterdir() if path.is_file()} == before
    with pytest.raises(RuntimeError, match="started"):  # the folder is made, as those of results are

        def started(jobs: object, account: object) -> None:
            raise RuntimeError("started")

        run(plan(jobs, inputs()), inputs(), started, results=folder / "new" / "r.jsonl", say=print)


def test_no_result_is_written_over_the_journal_the_table_or_by_another_name(folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "link").symlink_to(folder / "out", target_is_directory=True)
    tables = {
        "j.csv": (f"clip,report\na.mp4,{journal.JOURNAL_NAME}\n", "is the batch's journal"),
        "j.json": ('[{"clip": "a.mp4", "report": "j.json"}]', "j.json is read by Row 1 of j.json"),
        "l.csv": ("clip,out\na.mp4,out/o.glb\nb.MOV,link/o.glb\n", "would be written for Row 2 of l.csv too. Give --out"),
        "r.csv": ("clip,report\na.mp4,r.json\nb.MOV,r.json\n", "would be written for Row 2 of r.csv too. Give --report"),
    }
    for name, (text, said) in tables.items():
        (folder / name).write_text(text)
        with pytest.raises(Pose3DError) as refused:
            read(folder / name, rig="rigify")
        assert said in refused.value.sentence


def test_results_whose_names_differ_by_capitals_alone_are_two_only_where_the_disk_has_both(tmp_path: Path) -> None:
    """As those of walk.mp4 and Walk.mp4, from two cameras. A file that goes by both names looks as it does on such a disk."""
    for name in ("a/walk.mp4", "b/Walk.mp4", "out/Probe"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(name)
    clips, out = (tmp_path / "a/walk.mp4", tmp_path / "b/Walk.mp4"), str(tmp_path / "out" / "new" / "{stem}.glb")
    if batch_jobs.case_counts(tmp_path):
        assert [job.out.name for job in read(*clips, rig="rigify", out=out)] == ["walk.glb", "Walk.glb"]
        os.link(tmp_path / "out" / "Probe", tmp_path / "out" / "pROBE")
    with pytest.raises(Pose3DError, match=r"Walk.glb would be written for walk.mp4 too"):
        read(*clips, rig="rigify", out=out)


def test_the_network_is_loaded_once_for_many_clips(tmp_path: Path) -> None:
    for suffix in (".safetensors", ".json"):
        shutil.copy(WEIGHTS_DIR / f"{DEFAULT_MODEL}{suffix}", tmp_path / f"net{suffix}")
    path = tmp_path / "net.safetensors"
    first = kept_model(path)
    assert kept_model(str(path)) is first and kept_model() is not first
    os.utime(path, (1, 1))
    assert kept_model(path) is not first, "another file may be there now"
    path.write_bytes(b"damaged")
    with pytest.raises(LifterError, match="damaged"):
        kept_model(path)
    path.unlink()
    with pytest.raises(LifterError, match="There is no model"):
        kept_model(path)


def test_the_benchmarks_rows_go_where_the_document_keeps_a_place(tmp_path: Path) -> None:
    row = {"measure": "speed", "value": 12.345, "unit": "frames/s", "goal": 10.0, "better": "higher"}
    document = tmp_path / "performance.md"
    document.write_text((ROOT / "docs" / "performance.md").read_text(encoding="utf-8"), encoding="utf-8")
    before, _, after = document.read_text(encoding="utf-8").partition("<!-- bench pipeline -->")
    for _ in range(2):
        pipeline._write([row, row | {"unit": "", "goal": None}], document)
        text = document.read_text(encoding="utf-8")
        assert text.startswith(before) and text.endswith(after.partition("<!-- end of bench pipeline -->")[2])
        written = text.removeprefix(before).partition("<!-- end of bench pipeline -->")[0]
        assert "| speed | 12.35 frames/s | at least 10 |\n| speed | 12.35 |  |\n" in written and written.count("Machine: ") == 1
    document.write_text("nothing")
    with pytest.raises(ValueError, match="has no <!-- bench pipeline -->"):
        pipeline._write([row], document)


@pytest.mark.parametrize(
    "line", ["0", "[]", '"a"', "null", "{}", '{"out": "a.glb"', '{"out": "a.glb", "event": "done", "inputs": 1}']
)
def test_a_line_of_the_journal_that_is_no_entry_is_passed_over(tmp_path: Path, line: str) -> None:
    entry = '{"out": "b.glb", "event": "done", "inputs": {}}'
    (tmp_path / journal.JOURNAL_NAME).write_text(f"{line}\n{entry}\n", encoding="utf-8")
    assert set(journal.read_journal(tmp_path)) == {"b.glb"}
