"""Sixty clips of the bundled mannequin and four bad files through `batch`: killed in the middle, run again, and run once more.

    python3 build.py bench batch

With POSE3D_TEST_RAY_PYTHON (a Python that has Ray) the same on a Ray cluster of two machines, of which one is lost in the middle.
Each run's account is read from the journal and the results; outputs are counted as files.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np

from . import Context, Row

_CLIPS, _FRAMES, _ENOUGH = 60, 12, 25  # frames of a clip; clips that are done when the run is killed
_SIZES = (400, 320, 256)
_JOURNAL = "pose3d-batch.jsonl"
# A head that does no work and two machines of one processor, with about the least shared memory that Ray takes; a line on stdin
# loses one of them.
CLUSTER = """
import sys
from ray.cluster_utils import Cluster

head = {"num_cpus": 0, "object_store_memory": 80 << 20, "include_dashboard": False}
cluster = Cluster(initialize_head=True, head_node_args=head)
machines = [cluster.add_node(num_cpus=1, object_store_memory=80 << 20) for _ in range(2)]
cluster.wait_for_nodes()
print(cluster.address, flush=True)
for line in sys.stdin:
    cluster.remove_node(machines.pop(), allow_graceful=False)
    print("lost", flush=True)
cluster.shutdown()
"""


def rows(context: Context) -> list[Row]:
    clips = context.work / "clips"
    clips.mkdir()
    for number in range(_CLIPS):
        _film(context, clips / f"clip_{number:02}.mp4", number)
    _bad_files(context, clips)
    rig = _rig(context)
    out = _killed_and_again(context, clips, rig)
    if ray := os.environ.get("POSE3D_TEST_RAY_PYTHON"):
        out += _on_a_cluster(context, ray, clips, rig)
    return out


def _killed_and_again(context: Context, clips: Path, rig: Path) -> list[Row]:
    home = _home(context, "home")
    out = context.work / "out"
    command = _command(context, sys.executable, clips, rig, out, "--workers", "2")
    began_s = time.monotonic()
    run = subprocess.Popen(command, env=_environment(context, home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(_ended(out)) < _ENOUGH and run.poll() is None:
        time.sleep(0.05)
    run.send_signal(signal.SIGKILL)
    run.wait()
    before, ready = len(_ended(out)), len(list(out.glob("*.glb")))
    again = subprocess.run(command, env=_environment(context, home), capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began_s
    states = _states(out)
    at_last = subprocess.run(command, env=_environment(context, home), capture_output=True, text=True, check=False)
    name = "two workers, killed"
    return [
        _row(f"{name}: clips in the journal when it was killed", before),
        _row(f"{name}: outputs there by then", ready),
        *_account(f"{name}, run again", states, out, again.returncode),
        *_account(f"{name}, run once more", _states(out), out, at_last.returncode),
        _row(f"{name}: both runs", seconds, "s"),
    ]


def _on_a_cluster(context: Context, ray: str, clips: Path, rig: Path) -> list[Row]:
    home, out, pipe = _home(context, "cluster-home"), context.work / "cluster-out", subprocess.PIPE
    environment = _environment(context, home)
    with (context.work / "cluster.log").open("w") as log:
        cluster = subprocess.Popen([ray, "-c", CLUSTER], env=environment, stdin=pipe, stdout=pipe, stderr=log, text=True)
    assert cluster.stdin is not None and cluster.stdout is not None
    address, began_s = cluster.stdout.readline().strip(), time.monotonic()
    command = _command(context, ray, clips, rig, out, "--cluster", address)
    run = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(_ended(out)) < _ENOUGH and run.poll() is None:
        time.sleep(0.05)
    before = len(_ended(out))
    cluster.stdin.write("lose one\n")
    cluster.stdin.flush()
    cluster.stdout.readline()
    run.wait()
    name = "Ray, one of two machines lost"
    result = [
        _row(f"{name}: clips in the journal when it was lost", before),
        *_account(name, _states(out), out, run.returncode),
        _row(f"{name}: clips that ended more than once", sum(count > 1 for count in Counter(_ended(out)).values()), goal=0),
        _row(f"{name}: the run", time.monotonic() - began_s, "s"),
    ]
    cluster.communicate(timeout=60)
    return result


def _account(name: str, states: Counter[str], out: Path, code: int) -> list[Row]:
    finished = states["done"] + states["skipped"]
    left = {path.name for path in out.iterdir() if path.suffix != ".glb"} - {_JOURNAL, "results.jsonl"}
    return [
        _row(f"{name}: done", states["done"]),
        _row(f"{name}: skipped, done before", states["skipped"]),
        _row(f"{name}: done or skipped", finished, goal=_CLIPS, better="higher"),
        _row(f"{name}: failed, each with its reason", states["failed"]),
        _row(f"{name}: outputs", len(list(out.glob("*.glb"))), goal=_CLIPS, better="higher"),
        _row(f"{name}: other files left", len(left), goal=0),
        _row(f"{name}: exit code", code),
    ]


def _film(context: Context, path: Path, number: int) -> None:
    """A piece of the bundled clip: another stretch for each number, every other one mirrored, in three sizes."""
    source = cv2.VideoCapture(str(context.root / "tests" / "data" / "demo.mp4"))
    frames = int(source.get(cv2.CAP_PROP_FRAME_COUNT))
    source.set(cv2.CAP_PROP_POS_FRAMES, (frames - _FRAMES) * number // _CLIPS)
    side = _SIZES[number % len(_SIZES)]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (side, side))
    for _ in range(_FRAMES):
        picture = cv2.resize(source.read()[1], (side, side), interpolation=cv2.INTER_AREA)
        writer.write(picture[:, ::-1] if number % 2 else picture)
    writer.release()


def _bad_files(context: Context, clips: Path) -> None:
    whole = (context.root / "tests" / "data" / "demo.mp4").read_bytes()
    (clips / "bad_empty.mp4").touch()
    (clips / "bad_truncated.mp4").write_bytes(whole[: len(whole) // 3])
    (clips / "bad_text.mp4").write_text("not a film")
    writer = cv2.VideoWriter(str(clips / "bad_nobody.mp4"), cv2.VideoWriter.fourcc(*"mp4v"), 25, (320, 320))
    for _ in range(_FRAMES):
        writer.write(np.full((320, 320, 3), 128, np.uint8))
    writer.release()


def _rig(context: Context) -> Path:
    """The tests' own characters, built by the Blender of the benchmark."""
    script = context.root / "tests" / "blender" / "rig_checks.py"
    command = [str(script) if Path(word).name == "build.py" else word for word in context.blender_command]
    words = [*command, str(context.work / "rig.json"), "props", str(context.work)]
    subprocess.run(words, check=True, env=context.blender_environment(), stdout=subprocess.DEVNULL)
    return context.work / "human.blend"


def _home(context: Context, name: str) -> Path:
    """A home folder of its own, so that no track of an earlier run is found; the landmark model is not made again."""
    home = context.work / name
    shutil.copytree(Path(os.environ["POSE3D_HOME"]) / "models", home / "models")
    return home


def _environment(context: Context, home: Path) -> dict[str, str]:
    return context.blender_environment() | {"POSE3D_HOME": str(home), "BLENDER": context.blender_command[0]}


def _command(context: Context, python: str, clips: Path, rig: Path, out: Path, *more: str) -> list[str]:
    words = [python, context.root / "build.py", "batch", clips, "--rig", f"{rig}:a_pose", "--out", out / "{stem}.glb", *more]
    return [str(word) for word in words]


def _ended(out: Path) -> list[str]:
    return [entry["out"] for entry in _lines(out / _JOURNAL) if entry["event"] in ("done", "failed")]


def _states(out: Path) -> Counter[str]:
    found = _lines(out / "results.jsonl")
    unexplained = [row["clip"] for row in found if row["state"] == "failed" and not row.get("reason")]
    if unexplained:
        raise RuntimeError(f"failed without a reason: {unexplained}")
    return Counter(row["state"] for row in found)


def _lines(path: Path) -> list[dict]:
    """Those that are whole."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    return [json.loads(line) for line in text.split("\n")[:-1] if line]


def _row(measure: str, value: float, unit: str = "", *, goal: float | None = None, better: str = "lower") -> Row:
    return Row(measure=measure, value=value, unit=unit, goal=goal, better="higher" if better == "higher" else "lower")
