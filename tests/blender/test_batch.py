"""`batch` as a user types it, with the real motion engine and a real Blender, on clips of a few frames."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from blender_pose3d.core.track_io import write_track
from tests.blender import exact_tracks
from tests.worker.engines import ENGINE_PYTHON, MODELS

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build.py"
CHECKS = Path(__file__).with_name("rig_checks.py")
DEMO = ROOT / "tests" / "data" / "demo.mp4"
JOURNAL = "pose3d-batch.jsonl"

Ended = subprocess.CompletedProcess[str]
pytestmark = [
    pytest.mark.one_blender,
    pytest.mark.skipif(
        ENGINE_PYTHON is None or not any(MODELS.glob("*.task")), reason="no motion engine with a landmark model here"
    ),
]


@pytest.fixture(scope="module")
def rig(start_blender, blender_pythons, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("props")
    done = start_blender(blender_pythons[0], CHECKS, folder / "done.json", "props", folder)
    assert done.returncode == 0, done.stdout
    return f"{folder / 'human.blend'}:a_pose"


@pytest.fixture
def clips(tmp_path) -> Path:
    """Two clips of ten frames, and a broken one."""
    folder = tmp_path / "clips"
    folder.mkdir()
    film(folder / "a.mp4", 0)
    film(folder / "b.mp4", 100)
    (folder / "broken.mp4").write_bytes(DEMO.read_bytes()[:150_000])
    return folder


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
def test_nobody_but_its_reader_has_the_solvers_stdin(blender_pythons, tmp_path) -> None:
    """On Windows whoever asks about a pipe in which a thread waits, waits too."""
    command = [str(blender_pythons[0]), str(BUILD), "--", "batch-solve"]
    words = ["x.npz", "--rig", str(tmp_path / "none.blend"), "--out", str(tmp_path / "o.blend")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps({"arguments": words, "track": None}) + "\n")
        process.stdin.flush()
        assert "none.blend" in process.stdout.readline()
        assert os.readlink(f"/proc/{process.pid}/fd/0") == os.devnull
        process.stdin.close()
        assert process.wait(20) == 0


def film(path: Path, first: int, count: int = 10, people: int = 1) -> None:
    source = cv2.VideoCapture(str(DEMO))
    source.set(cv2.CAP_PROP_POS_FRAMES, first)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (people * 400, 400))
    for _ in range(count):
        writer.write(np.hstack([source.read()[1]] * people))
    writer.release()


@pytest.fixture
def environment(blender_python, tmp_path) -> dict[str, str]:
    """A home of its own, so that no track of an earlier test is found; the landmark model is not made again."""
    home = tmp_path / "home"
    shutil.copytree(MODELS, home / "models")
    user = tmp_path / "blender-user"
    for folder in ("config", "scripts", "extensions", "datafiles"):
        (user / folder).mkdir(parents=True)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {"POSE3D_ENGINE_PYTHON": ENGINE_PYTHON, "POSE3D_HOME": home, "BLENDER": blender_python, "TMPDIR": temporary}
    return os.environ | {"BLENDER_USER_RESOURCES": str(user)} | {name: str(value) for name, value in variables.items()}


@pytest.fixture
def batch(environment) -> Callable[..., Ended]:
    def run(*words: object) -> Ended:
        command = [sys.executable, str(BUILD), "batch", *map(str, words)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def done(journal: Path) -> set[str]:
    """The outputs that it has as done, also while it is written."""
    text = journal.read_text(encoding="utf-8") if journal.is_file() else ""
    whole = [json.loads(line) for line in text.split("\n")[:-1] if line]
    return {entry["out"] for entry in whole if entry["event"] == "done"}


def motion(path: Path) -> np.ndarray:
    """[T, channels], metres and degrees."""
    rows = path.read_text(encoding="utf-8").split("Frame Time:")[1].splitlines()[1:]
    return np.array([[float(value) for value in row.split()] for row in rows])


def states(folder: Path) -> dict[str, str]:
    return {Path(row["clip"]).name: row["state"] for row in lines(folder / "results.jsonl")}


def test_a_folder_with_a_broken_clip_and_again_with_changes(batch, clips, rig, environment, blender_python, tmp_path):
    out = tmp_path / "out"
    words = (clips, "--rig", rig, "--out", out / "{stem}.bvh")
    done = batch(*words)
    assert done.returncode == 1, done.stderr
    assert states(out) == {"a.mp4": "done", "b.mp4": "done", "broken.mp4": "failed"}
    broken = lines(out / "results.jsonl")[2]
    assert "is truncated" in broken["reason"] and "2 done, 0 skipped, 1 failed" in done.stdout
    assert sorted(path.name for path in out.iterdir()) == ["a.bvh", "b.bvh", JOURNAL, "results.jsonl"]
    assert len(list((tmp_path / "home" / "cache" / "tracks").iterdir())) == 2
    assert list((tmp_path / "temporary").iterdir()) == [], "nothing temporary is left, by Blender neither"

    # The second file of the one Blender is what a Blender of its own makes of the clip.
    alone = tmp_path / "alone.bvh"
    blender = [str(blender_python), str(BUILD), "--", "retarget", clips / "b.mp4", "--rig", rig, "--out", alone]
    subprocess.run([str(word) for word in blender], env=environment, capture_output=True, check=True, timeout=300)
    assert np.abs(motion(alone) - motion(out / "b.bvh")).max() < 1e-3, "degrees: only the number of threads differs"

    made = {path: path.stat().st_mtime_ns for path in out.glob("*.bvh")}
    again = batch(*words)
    assert again.returncode == 1 and states(out) == {"a.mp4": "skipped", "b.mp4": "skipped", "broken.mp4": "failed"}
    assert "--retry-failed" in again.stdout
    film(clips / "broken.mp4", 200)
    mended = batch(*words)
    assert mended.returncode == 0 and states(out) == {"a.mp4": "skipped", "b.mp4": "skipped", "broken.mp4": "done"}
    assert {path: path.stat().st_mtime_ns for path in made} == made

    # Another rate for one of them: that one is solved again, from the track that is there.
    table = tmp_path / "jobs.csv"
    table.write_text("clip,fps\nclips/a.mp4,50\nclips/b.mp4,\n")
    tracks = {path: path.stat().st_ino for path in (tmp_path / "home" / "cache" / "tracks").iterdir()}
    done = batch(table, "--rig", rig, "--out", out / "{stem}.bvh")
    assert done.returncode == 0 and states(out) == {"a.mp4": "done", "b.mp4": "skipped"}
    assert (out / "a.bvh").stat().st_mtime_ns > made[out / "a.bvh"]
    assert "Frame Time: 0.02" in (out / "a.bvh").read_text()
    assert {path: path.stat().st_ino for path in (tmp_path / "home" / "cache" / "tracks").iterdir()} == tracks


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_what_the_motion_engine_warned_of_is_told_of_a_track_that_is_there_too(batch, rig, tmp_path):
    film(tmp_path / "two.mp4", 100, people=2)
    words = (tmp_path / "two.mp4", "--rig", rig, "--out", tmp_path / "out" / "{stem}.bvh")
    seconds, warnings = [], []
    for more in ((), ("--fps", "50")):
        assert batch(*words, *more).returncode == 0
        (row,) = lines(tmp_path / "out" / "results.jsonl")
        seconds.append(row["seconds"]["lift"])
        warnings.append([warning for warning in row["warnings"] if "people are in the clip" in warning])
    assert seconds[1] < 0.2 * seconds[0], "the second from the track that was there"
    assert len(warnings[0]) == 1 and warnings[0] == warnings[1]


def test_a_killed_run_goes_on_where_it_was(batch, rig, environment, tmp_path):
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    for number in range(4):
        film(clips / f"{number}.mp4", 60 * number)
    words = (clips, "--rig", rig, "--out", out / "{stem}.glb")
    command = [sys.executable, str(BUILD), "batch", *map(str, words)]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)

    deadline_s = time.monotonic() + 120
    while not (before := done(out / JOURNAL)) and process.poll() is None and time.monotonic() < deadline_s:
        time.sleep(0.005)
    children = [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
    threads = Path(f"/proc/{process.pid}/task").iterdir()
    children += [int(pid) for thread in threads for pid in (thread / "children").read_text().split()]
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = done(out / JOURNAL)
    assert 0 < len(before) < 4, "killed in the middle"
    assert children and all(gone(pid, within_s=20) for pid in children), "no process outlives the one that started it"
    assert all((out / name).stat().st_size > 1000 for name in before)
    made = {name: (out / name).stat().st_mtime_ns for name in before}
    left = next(name for name in ("0.glb", "1.glb", "2.glb", "3.glb") if name not in before)
    partial = out / f".{left.removesuffix('.glb')}.999.partial.glb"
    partial.write_bytes(b"half of it")

    assert batch(*words).returncode == 0
    found = states(out)
    assert {name for name, state in found.items() if state == "skipped"} == {name.replace("glb", "mp4") for name in before}
    assert sorted(path.name for path in out.glob("*.glb")) == ["0.glb", "1.glb", "2.glb", "3.glb"]
    assert not list(out.glob(".*partial*")) and {name: (out / name).stat().st_mtime_ns for name in before} == made


@pytest.mark.skipif(sys.platform == "win32", reason="has no such signal")
def test_a_terminal_that_is_closed_stops_a_batch_unless_it_was_told_otherwise(rig, environment, tmp_path):
    """As Ctrl-C does, with an account of what was done; `nohup` lets it go on."""
    import pty

    write_track(tmp_path / "first.npz", exact_tracks.motion("reach", fps=10, seconds=1.0).track)
    film(tmp_path / "long.mp4", 0, 299)
    for ignored in (False, True):
        out = tmp_path / f"out{ignored}"
        words = ["first.npz", "long.mp4", "--rig", rig, "--out", f"{out}/{{stem}}.bvh", f"--fps={24 + ignored}"]
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [*(["nohup"] if ignored else []), sys.executable, str(BUILD), "batch", *words],
            cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)
        deadline_s = time.monotonic() + 120
        while not done(out / JOURNAL) and process.poll() is None and time.monotonic() < deadline_s:
            time.sleep(0.02)
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        code = process.wait(120)
        rows = lines(out / "results.jsonl")
        if ignored:
            assert code == 0 and [row["state"] for row in rows] == ["done", "done"]
        else:
            assert code == 128 + signal.SIGHUP and [row["state"] for row in rows] == ["done", "skipped"]
            assert rows[1]["reason"] == "not done, because the batch was stopped"


def gone(pid: int, *, within_s: float) -> bool:
    """It has ended, whether or not anybody has taken note of it."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
def test_two_workers_and_stopping_at_the_first_failure(batch, clips, rig, tmp_path):
    out = tmp_path / "out"
    done = batch(clips, "--rig", rig, "--out", out / "{stem}.bvh", "--workers", "2")
    assert done.returncode == 1 and states(out) == {"a.mp4": "done", "b.mp4": "done", "broken.mp4": "failed"}
    (clips / "0-broken.mp4").write_bytes((clips / "broken.mp4").read_bytes())
    done = batch(clips, "--rig", rig, "--out", out / "{stem}.fbx", "--fail-fast")
    assert done.returncode == 1 and states(out)["0-broken.mp4"] == "failed" and states(out)["broken.mp4"] == "skipped"
    assert "--fail-fast" in lines(out / "results.jsonl")[-1]["reason"]


def test_the_addon_can_go_on_with_a_result(batch, clips, rig, run_in_blender, tmp_path):
    """Contacts, camera and skeleton need the track that the action was made from: it is in the cache."""
    done = batch(clips / "a.mp4", "--rig", rig, "--out", tmp_path / "out" / "{stem}.blend")
    assert done.returncode == 0, done.stderr
    found, out = tmp_path / "found.json", tmp_path / "out" / "a.blend"
    done = run_in_blender(CHECKS, found, "inspect", tmp_path, out)
    assert done.returncode == 0, done.stdout
    track = Path(json.loads(found.read_text())[str(out)]["track"])
    assert track.parent == tmp_path / "home" / "cache" / "tracks" and track.is_file()


def test_what_a_rig_has_parts_in_counts_too(batch, start_blender, blender_pythons, tmp_path):
    """A character that is linked from another file, and the data of a .gltf."""
    rigs, out, table = tmp_path / "rigs", tmp_path / "out", tmp_path / "jobs.csv"
    rigs.mkdir()
    write_track(tmp_path / "walk.npz", exact_tracks.motion("reach", fps=10, seconds=1.0).track)

    def make(scale: float) -> None:
        done = start_blender(blender_pythons[0], CHECKS, tmp_path / "done.json", "linked", rigs, scale)
        assert done.returncode == 0, done.stdout

    def planned() -> str:
        return batch(table, "--out", out / "{rig}.bvh", "--dry-run").stdout

    make(1.0)
    table.write_text("clip,rig\nwalk.npz,rigs/shot.blend\nwalk.npz,rigs/the character.gltf\n")
    assert batch(table, "--out", out / "{rig}.bvh").returncode == 0
    assert planned().count("nothing has changed") == 2
    table.write_text(table.read_text().replace("rigs/", "moved/"))
    rigs.rename(tmp_path / "moved")
    assert planned().count("nothing has changed") == 2, "what was moved as a whole is the same"
    table.write_text(table.read_text().replace("moved/", "rigs/"))
    (tmp_path / "moved").rename(rigs)
    gltf = (rigs / "the character.gltf").read_bytes()
    make(0.5)
    (rigs / "the character.gltf").write_bytes(gltf)
    (rigs / "the character.bin").write_bytes((rigs / "the character.bin").read_bytes() + bytes(4))
    said = planned()
    assert "changed: character.blend" in said and "changed: the character.bin" in said, said
    assert batch(table, "--out", out / "{rig}.bvh").returncode == 0
    assert [row["state"] for row in lines(out / "results.jsonl")] == ["done", "done"]
    (rigs / "the character.bin").unlink()
    assert "changed: the character.bin" in planned()


def test_inside_blender(run_in_blender, clips, rig, environment, tmp_path):
    """What is wrong is said there as it is outside, by the same command."""
    words = ("batch", clips, "--rig", rig, "--out", tmp_path / "out" / "{stem}.bvh", "--dry-run")
    done = run_in_blender(BUILD, *words, environment=environment, apart=True)
    assert done.returncode == 0 and done.stdout.count("to do") == 3, done.stderr
    done = run_in_blender(BUILD, "batch", tmp_path / "none", "--rig", rig, environment=environment, apart=True)
    assert done.returncode == 2 and "There is no clip, folder or table" in done.stderr


def test_a_bad_rig_or_preset_is_said_before_the_first_clip_is_lifted(batch, clips, rig, tmp_path):
    """Also where most rows are right: nothing has been done yet that would have to be waited for."""
    broken = tmp_path / "broken.glb"
    broken.write_bytes(b"no rig at all")
    (tmp_path / "other.json").write_text('{"format_version": 1, "name": "other", "bones": {}}')
    table, out = tmp_path / "jobs.csv", tmp_path / "out"
    for column, bad in (("rig", broken.name), ("preset", "other.json")):
        table.write_text(f"clip,{column}\nclips/a.mp4,\nclips/b.mp4,{bad}\n")
        done = batch(table, "--rig", rig, "--out", out / "{stem}.bvh")
        assert done.returncode == 2 and "Row 3 of jobs.csv: " in done.stderr, done.stdout + done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        assert list((tmp_path / "home" / "cache" / "tracks").iterdir()) == [] and lines(out / JOURNAL) == []


def test_the_cache_has_no_more_than_it_may(batch, clips, rig, tmp_path):
    (clips / "broken.mp4").unlink()
    tracks = tmp_path / "home" / "cache" / "tracks"
    assert batch(clips, "--rig", rig, "--out", tmp_path / "{stem}.bvh", "--cache-limit", "0").returncode == 0
    assert list(tracks.iterdir()) == [] and len(list(tmp_path.glob("*.bvh"))) == 2
