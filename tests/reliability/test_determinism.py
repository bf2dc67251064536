"""The same clip, model and settings give the same track; more threads, another processor or device within a tolerance."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from blender_pose3d.batch.steps import thread_variables
from lifter.infer import lift
from lifter.track_file import Pose3DTrack, read_detection, read_track, write_track
from tests.reliability.test_kills import film, needs_engine
from tests.worker.engines import ENGINE_PYTHON

ROOT = Path(__file__).resolve().parents[2]
DETECTION = ROOT / "tests" / "data" / "compat" / "detection-0.1.0.npz"
THREADS_M, THREADS_PX = 1e-5, 1e-3  # measured: 5e-7 m and 0 px
PROCESSORS_M = 1e-5  # measured: 5e-7 m
DEVICES_M = 1e-3  # half a thousandth of a person: float32 sums in another order

pytestmark = pytest.mark.kind("the same twice")


def infer(clip: Path, out: Path, *, threads: int) -> Path:
    command = [str(ENGINE_PYTHON), "-P", "-m", "lifter", "infer", str(clip), str(out)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)} | thread_variables(threads)
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    return out


def differences(a: Pose3DTrack, b: Pose3DTrack) -> dict[str, float]:
    """The largest, by array; which are missing must be the same."""
    found = {}
    for name in ("positions_m", "root_position_m", "confidence", "landmarks_px", "world_landmarks_m", "landmark_confidence"):
        one, other = getattr(a, name), getattr(b, name)
        assert (np.isnan(one) == np.isnan(other)).all(), name
        found[name] = float(np.nanmax(np.abs(one - other)))
    assert (a.detected == b.detected).all() and (a.timestamps_s == b.timestamps_s).all()
    return found


@pytest.mark.reliability
@needs_engine
def test_two_runs_and_two_threads(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mp4", 40, 12)
    first, again, two = (infer(clip, tmp_path / f"{i}.npz", threads=n) for i, n in enumerate((1, 1, 2)))
    with np.load(first) as a, np.load(again) as b:
        assert a.files == b.files
        assert all(a[name].tobytes() == b[name].tobytes() and a[name].dtype == b[name].dtype for name in a.files)
    assert first.read_bytes() == again.read_bytes(), "the same arrays in another file"
    found = differences(read_track(first), read_track(two))
    print(f"1 and 2 threads: {found}")
    assert max(found["positions_m"], found["root_position_m"], found["world_landmarks_m"]) <= THREADS_M, found
    assert found["landmarks_px"] <= THREADS_PX and max(found["confidence"], found["landmark_confidence"]) <= 1e-3, found


def test_lifting_twice_in_one_process(tmp_path: Path) -> None:
    """The network that is kept from clip to clip keeps nothing of the clip."""
    detection = read_detection(DETECTION)
    other = replace(detection, landmarks_px=detection.landmarks_px[:, :, ::-1].copy())
    tracks = [lift(each, device="cpu") for each in (detection, other, detection)]
    paths = [tmp_path / f"{number}.npz" for number in range(3)]
    for path, track in zip(paths, tracks, strict=True):
        write_track(path, track)
    contents = [path.read_bytes() for path in paths]
    assert contents[0] == contents[2] != contents[1]


@pytest.mark.reliability
@needs_engine
@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="names of this processor's instructions")
def test_a_machine_with_fewer_instructions(tmp_path: Path) -> None:
    """The machines of a farm differ: lifting as an older processor would do it."""
    older = {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41", "MKL_ENABLE_INSTRUCTIONS": "SSE4_2"}
    tracks = []
    for name, variables in (("this", {}), ("older", older)):
        out = tmp_path / f"{name}.npz"
        command = [str(ENGINE_PYTHON), "-P", "-m", "lifter", "lift", str(DETECTION), str(out), "--device", "cpu"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)} | thread_variables(1) | variables
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
        tracks.append(read_track(out))
    found = differences(*tracks)
    print(f"this processor and an older one: {found}")
    assert 0 < found["positions_m"] <= PROCESSORS_M, found  # 0: the variables meant nothing
    assert found["root_position_m"] <= PROCESSORS_M, found


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cpu_and_gpu() -> None:
    detection = read_detection(DETECTION)
    found = differences(lift(detection, device="cpu"), lift(detection, device="cuda"))
    print(f"CPU and GPU: {found}")
    assert max(found["positions_m"], found["root_position_m"]) <= DEVICES_M, found
