"""`batch --cluster` on a real Ray cluster of two machines (processes of this one), of which one is lost in the middle.

The Python that POSE3D_TEST_RAY_PYTHON names, or the one that runs the tests, must have Ray (pyproject.toml's group `farm`).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from blender_pose3d.core.track_io import write_track
from tests.bench.batch import CLUSTER
from tests.blender import exact_tracks
from tests.worker.engines import ENGINE_PYTHON, MODELS

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build.py"
CHECKS = Path(__file__).with_name("rig_checks.py")
DEMO = ROOT / "tests" / "data" / "demo.mp4"
JOURNAL = "pose3d-batch.jsonl"
RAY_PYTHON = os.environ.get("POSE3D_TEST_RAY_PYTHON", sys.executable)


def has_ray() -> bool:
    look = "import importlib.util as u; raise SystemExit(u.find_spec('ray') is None)"
    return subprocess.run([RAY_PYTHON, "-c", look], check=False).returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.one_blender,
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc"),
    pytest.mark.skipif(
        ENGINE_PYTHON is None or not any(MODELS.glob("*.task")), reason="no motion engine with a landmark model here"
    ),
    pytest.mark.skipif(not has_ray(), reason="no Ray here: POSE3D_TEST_RAY_PYTHON names a Python that has it"),
]


@pytest.fixture
def environment(blender_python: Path, tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    shutil.copytree(MODELS, home / "models")
    user = tmp_path / "blender-user"
    for folder in ("config", "scripts", "extensions", "datafiles"):
        (user / folder).mkdir(parents=True)
    variables = {"POSE3D_ENGINE_PYTHON": ENGINE_PYTHON, "POSE3D_HOME": home, "BLENDER": blender_python}
    return os.environ | {"BLENDER_USER_RESOURCES": str(user)} | {name: str(value) for name, value in variables.items()}


@pytest.fixture
def cluster(environment: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Its first line on stdout is its address."""
    pipe = subprocess.PIPE
    with (tmp_path / "cluster.log").open("w") as log:
        process = subprocess.Popen([RAY_PYTHON, "-c", CLUSTER], env=environment, stdin=pipe, stdout=pipe, stderr=log, text=True)
    yield process
    process.communicate(timeout=60)


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for number in range(8):
        source = cv2.VideoCapture(str(DEMO))
        source.set(cv2.CAP_PROP_POS_FRAMES, 30 * number)
        writer = cv2.VideoWriter(str(folder / f"{number}.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (400, 400))
        for _ in range(10):
            writer.write(source.read()[1])
        writer.release()
    (folder / "broken.mp4").write_bytes(DEMO.read_bytes()[:150_000])
    return folder


def lines(path: Path) -> list[dict]:
    """Those that are whole."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [json.loads(line) for line in text.split("\n")[:-1] if line]


def processes_of(home: Path) -> list[int]:
    """Processes that were started with this home, but for the dead that nobody has taken note of."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(home) in (folder / "environ").read_bytes() and b"lifter" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def test_a_machine_is_lost_and_every_clip_ends_once(start_blender, blender_python, environment, cluster, clips, tmp_path) -> None:
    made = start_blender(blender_python, CHECKS, tmp_path / "done.json", "props", tmp_path)
    assert made.returncode == 0, made.stdout
    assert cluster.stdout and cluster.stdin
    address, out, home = cluster.stdout.readline().strip(), tmp_path / "out", tmp_path / "home"
    words = [clips, "--rig", f"{tmp_path / 'human.blend'}:a_pose", "--out", out / "{stem}.glb", "--cluster", address]
    command = [RAY_PYTHON, str(BUILD), "batch", *map(str, words)]
    batch = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    deadline_s = time.monotonic() + 240
    while len(ended(out)) < 2 and batch.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.05)
    cluster.stdin.write("lose one\n")
    cluster.stdin.flush()
    assert cluster.stdout.readline() == "lost\n" and len(ended(out)) < 6, "in the middle"

    said, errors = batch.communicate(timeout=240)
    assert batch.returncode == 1 and "Traceback" not in errors, said + errors
    rows = {Path(row["clip"]).name: row for row in lines(out / "results.jsonl")}
    assert {name: row["state"] for name, row in rows.items()} == {f"{n}.mp4": "done" for n in range(8)} | {"broken.mp4": "failed"}
    assert "is truncated" in rows["broken.mp4"]["reason"] and rows["0.mp4"]["machine"]
    assert sorted(ended(out)) == sorted([f"{n}.glb" for n in range(8)] + ["broken.glb"]), "each once"
    assert sorted(path.name for path in out.glob("*.glb")) == [f"{n}.glb" for n in range(8)]

    again = subprocess.run([*command, "--dry-run"], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert again.stdout.count("  skipped  ") == 8 and again.stdout.count("  failed   ") == 1, (
        "this machine alone would go on from here"
    )
    deadline_s = time.monotonic() + 30
    while left := processes_of(home):
        assert time.monotonic() < deadline_s, f"motion engines outlive the batch: {left}"
        time.sleep(0.2)


def test_a_long_clip_is_looked_at_by_several_machines(start_blender, blender_python, environment, cluster, tmp_path) -> None:
    assert start_blender(blender_python, CHECKS, tmp_path / "done.json", "props", tmp_path).returncode == 0
    assert cluster.stdout
    address, rig, out = cluster.stdout.readline().strip(), f"{tmp_path / 'human.blend'}:a_pose", tmp_path / "out"
    tracks = tmp_path / "home" / "cache" / "tracks"
    before = scratch_folders()
    found = []
    for machines in (["--cluster", address], []):
        command = [RAY_PYTHON, BUILD, "batch", DEMO, "--rig", rig, "--out", out / "{stem}.bvh", *machines]
        done = subprocess.run(
            [str(w) for w in command], env=environment, capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (row,) = lines(out / "results.jsonl")
        assert row["state"] == "done" and ("look" in row["seconds"]) == bool(machines)
        (track,) = tracks.glob("*.npz")
        with np.load(track, allow_pickle=False) as arrays:
            found.append({key: arrays[key] for key in arrays if key != "provenance"})
        assert scratch_folders() == before
        shutil.rmtree(tracks)
        shutil.rmtree(out)
    for key, array in found[1].items():
        np.testing.assert_array_equal(found[0][key], array)


def test_what_was_seen_of_a_clip_is_kept_for_its_other_rows(environment, cluster, clips, tmp_path) -> None:
    """Which come after the first ones of all clips."""
    assert cluster.stdout
    address, out = cluster.stdout.readline().strip(), tmp_path / "out"
    rows = [(clip, person) for clip in "012" for person in ("longest", "largest", "middle")]
    table = "".join(f"{clips / clip}.mp4,{person},{out / clip}-{person}.bvh\n" for clip, person in rows)
    (tmp_path / "jobs.csv").write_text(f"clip,person,out\n{table}")
    command = [RAY_PYTHON, str(BUILD), "batch", str(tmp_path / "jobs.csv"), "--rig", "rigify", "--cluster", address]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    started = [line["out"][0] for line in lines(out / JOURNAL) if line["event"] == "started"]
    assert started == list("012" * 3)
    assert len(list((tmp_path / "home" / "cache" / "tracks" / "seen").glob("*.npz"))) == 3


def test_what_has_ended_is_in_the_journal_while_other_clips_are_still_handed_out(
    start_blender, blender_python, environment, cluster, tmp_path
) -> None:
    """Each is read before, which takes minutes for a shoot on a network's disk; a batch killed meanwhile goes on from it."""
    assert start_blender(blender_python, CHECKS, tmp_path / "done.json", "props", tmp_path).returncode == 0
    assert cluster.stdout
    address, rig, out = cluster.stdout.readline().strip(), f"{tmp_path / 'human.blend'}:a_pose", tmp_path / "out"
    write_track(tmp_path / "0.npz", exact_tracks.motion("reach", fps=10, seconds=1.0).track)
    for number in range(1, 9):
        with (tmp_path / f"{number}.mp4").open("wb") as file:
            file.truncate(1_500_000_000)
    names = [tmp_path / "0.npz", *sorted(tmp_path.glob("*.mp4"))]
    command = [RAY_PYTHON, BUILD, "batch", *names, "--rig", rig, "--out", out / "{stem}.bvh", "--cluster", address]
    done = subprocess.run([str(w) for w in command], env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1 and "1 done, 0 skipped, 8 failed" in done.stdout, done.stdout + done.stderr
    events = [(line["out"], line["event"]) for line in lines(out / JOURNAL)]
    assert events.index(("0.bvh", "done")) < events.index(("8.bvh", "started"))


def scratch_folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("pose3d-scratch-*"))


def ended(out: Path) -> list[str]:
    return [entry["out"] for entry in lines(out / JOURNAL) if entry["event"] in ("done", "failed")]


def test_a_bad_preset_and_a_bad_address_are_one_sentence(
    start_blender, blender_python, environment, cluster, clips, tmp_path
) -> None:
    assert start_blender(blender_python, CHECKS, tmp_path / "done.json", "props", tmp_path).returncode == 0
    assert cluster.stdout
    address, rig = cluster.stdout.readline().strip(), f"{tmp_path / 'human.blend'}:a_pose"
    (tmp_path / "bad.json").write_text('{"format_version": 1, "name": "bad", "bones": {}}')
    for words, said in (
        (["--cluster", address, "--preset", tmp_path / "bad.json"], "0.mp4: "),
        (["--cluster", "127.0.0.1:1"], "127.0.0.1:1"),
    ):
        command = [RAY_PYTHON, BUILD, "batch", clips, "--rig", rig, "--out", tmp_path / "out" / "{stem}.glb", *words]
        done = subprocess.run(
            [str(w) for w in command], env=environment, capture_output=True, text=True, check=False, timeout=240
        )
        assert done.returncode == 2 and said in done.stderr, done.stdout + done.stderr
        assert "Traceback" not in done.stderr and not ended(tmp_path / "out")


@pytest.mark.parametrize(("words", "wanted"), [(["--gpus", "1"], "1 CPUs and 1 GPUs"), (["--threads", "2"], "2 CPUs and 0 GPUs")])
def test_what_no_machine_has_is_said(environment, cluster, clips, tmp_path, words: list[str], wanted: str) -> None:
    """The cluster would wait for a machine that has it, without a word."""
    assert cluster.stdout
    address = cluster.stdout.readline().strip()
    command = [
        RAY_PYTHON,
        BUILD,
        "batch",
        clips,
        "--rig",
        "rigify",
        "--out",
        tmp_path / "{stem}.glb",
        "--cluster",
        address,
        *words,
    ]
    batch = subprocess.Popen(
        [str(w) for w in command], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert batch.stdout
    said = batch.stdout.readline()
    batch.terminate()
    batch.communicate(timeout=60)
    assert wanted in said and "the most on one are 1 and 0" in said
