"""Files that earlier versions wrote, kept in tests/data/compat, still load; a newer version's are refused in a sentence."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from blender_pose3d.batch import journal
from blender_pose3d.batch.account import State
from blender_pose3d.batch.jobs import BatchJob
from blender_pose3d.batch.runner import Inputs, plan
from blender_pose3d.core import preset as presets
from blender_pose3d.core import track_io
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.takes import list_takes
from blender_pose3d.core.user_presets import UserPresets
from blender_pose3d.worker.engine import find_engine
from blender_pose3d.worker.setup import EngineState, engine_state, python_of_environment
from lifter import track_file
from lifter.checkpoint import load_model
from lifter.errors import LifterError
from tests.blender.conftest import find_blenders

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "data" / "compat"
TRACK, DETECTION = KEPT / "track-0.1.0.npz", KEPT / "detection-0.1.0.npz"
CHECKS = Path(__file__).with_name("compatibility_checks.py")

pytestmark = pytest.mark.kind("earlier and newer versions")


def test_tracks() -> None:
    ours, theirs, raw = track_io.read_track(TRACK), track_file.read_track(TRACK), np.load(TRACK)
    for name in ("positions_m", "root_position_m", "landmarks_px", "confidence", "timestamps_s"):
        for read in (ours, theirs):
            np.testing.assert_array_equal(getattr(read, name), raw[name])
    assert ours.provenance["versions"]["lifter"] == "0.1.0"
    assert len(track_file.read_detection(DETECTION).timestamps_s) == len(np.load(DETECTION)["timestamps_s"])


def test_a_take(tmp_path: Path) -> None:
    shutil.copy(TRACK, tmp_path)
    (take,) = list_takes(tmp_path)
    assert take.is_readable and take.title.startswith("demo.mp4") and take.frames == 8


def test_presets_of_both_formats_say_the_same(tmp_path: Path) -> None:
    first, second, now = (
        presets.load_preset(p) for p in (KEPT / "preset-1.json", KEPT / "preset-2.json", ROOT / "rigs/mixamo.json")
    )
    bones = {
        f"mixamorig:{side}{part}"
        for side in ("Left", "Right")
        for part in ("Shoulder", "Arm", "ForeArm", "Hand", "UpLeg", "Leg", "Foot", "ToeBase")
    } | {f"mixamorig:{name}" for name in ("Hips", "Spine", "Spine1", "Spine2", "Neck", "Head")}
    found = [presets.match(preset, sorted(bones))[0] for preset in (first, second, now)]
    mapped = [{role: mapping.bones[role] for role in first.bones} for mapping in found if mapping]
    assert mapped[0] == mapped[1] == mapped[2] and mapped[0]["left_shin"] == ("mixamorig:LeftLeg",)
    user = UserPresets(tmp_path / "mine", ROOT / "rigs")
    text = json.dumps(json.loads((KEPT / "preset-1.json").read_text()) | {"name": "My own"})
    (tmp_path / "own.json").write_text(text)
    assert presets.load_preset(user.import_(tmp_path / "own.json")).bones == first.bones


def test_a_network() -> None:
    kept = np.load(KEPT / "network-0.1.0-output.npz")
    network = load_model(KEPT / "network-0.1.0.safetensors").network
    with torch.no_grad():
        poses_m = network(torch.from_numpy(kept["windows"])).numpy()
    np.testing.assert_allclose(poses_m, kept["poses_m"], atol=1e-5)


def test_a_journal(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.mp4").write_text(f"clip {name}")
        (tmp_path / f"{name}.glb").write_text("a result")
    (tmp_path / "rig.blend").write_text("rig")
    shutil.copy(KEPT / "batch-0.1.0.jsonl", tmp_path / journal.JOURNAL_NAME)
    entries = journal.read_journal(tmp_path)
    assert {name: entry.event for name, entry in entries.items()} == {"a.glb": "done", "b.glb": "failed", "c.glb": "started"}
    options = {"rig": f"{tmp_path / 'rig.blend'}:Arm", "fps": "25"}
    jobs = [BatchJob(tmp_path / f"{name}.mp4", tmp_path / f"{name}.glb", options, where="") for name in "abc"]
    planned = plan(jobs, Inputs(resources=ROOT, version="0.1.0"))
    # The networks are others now, and nothing else: everything is done again, for that reason.
    assert [(item.state, item.why) for item in planned] == [
        (None, "changed: weights"),
        (None, "changed: weights"),
        (None, "was interrupted"),
    ]
    assert State.SKIPPED not in [item.state for item in planned]


def test_the_engine_of_the_first_version_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSE3D_ENGINE_PYTHON", raising=False)
    folder = tmp_path / "envs" / "lifter"
    python = python_of_environment(folder)
    python.parent.mkdir(parents=True)
    python.touch()
    shutil.copy(KEPT / "engine-0.1.0.json", folder / "complete.json")
    assert engine_state(tmp_path, ROOT) in (EngineState.COMPLETE, EngineState.OUTDATED)
    assert find_engine(ROOT, None, tmp_path).python == python


@pytest.mark.parametrize("blender", [pytest.param(path, id=path.parts[-3]) for path in find_blenders()] or [None])
def test_scenes(blender: Path | None, tmp_path: Path) -> None:
    """Their settings are what they were, their actions are there and can be solved again."""
    if blender is None:
        pytest.skip("no Blender here")
    scenes = sorted(KEPT.glob("scene-*.blend"))
    words = ["--", TRACK, *scenes]
    is_wheel = blender.name.startswith("python")
    start = [CHECKS] if is_wheel else ["--background", "--factory-startup", "--python-exit-code", "1", "--python", CHECKS]
    environment = os.environ | {"BLENDER_USER_RESOURCES": str(tmp_path), "POSE3D_HOME": str(tmp_path / "home")}
    command = [str(word) for word in (blender, *start, *words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("ok ")] == [f"ok {path.name}" for path in scenes]


# ---- of a newer version -----------------------------------------------------------------------------------------------------


def newer_track(folder: Path) -> Path:
    values = dict(np.load(TRACK)) | {"format_version": np.array(99)}
    np.savez(folder / "new.npz", **values)
    return folder / "new.npz"


def newer_detection(folder: Path) -> Path:
    values = dict(np.load(DETECTION)) | {"format_version": np.array(99)}
    np.savez(folder / "new.npz", **values)
    return folder / "new.npz"


def newer_preset(folder: Path) -> Path:
    (folder / "new.json").write_text(json.dumps(json.loads((KEPT / "preset-2.json").read_text()) | {"format_version": 99}))
    return folder / "new.json"


def newer_network(folder: Path) -> Path:
    shutil.copy(KEPT / "network-0.1.0.safetensors", folder / "new.safetensors")
    card = json.loads((KEPT / "network-0.1.0.json").read_text()) | {"format_version": 99, "an unknown key": 1}
    (folder / "new.json").write_text(json.dumps(card))
    return folder / "new.safetensors"


@pytest.mark.parametrize(
    ("make", "read", "error"),
    [
        (newer_track, track_io.read_track, Pose3DError),
        (newer_track, track_file.read_track, LifterError),
        (newer_detection, track_file.read_detection, LifterError),
        (newer_preset, presets.load_preset, Pose3DError),
        (newer_network, load_model, LifterError),
    ],
)
def test_what_a_newer_version_wrote_is_refused(
    make: Callable[[Path], Path], read: Callable[[Path], object], error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        read(make(tmp_path))
    assert "99" in str(caught.value) or "newer version" in str(caught.value)
    assert "pdate Pose3D" in caught.value.hint  # type: ignore[attr-defined]
