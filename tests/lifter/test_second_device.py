"""What uses a GPU, without one: nothing stays on the processor that the network's device needs, and the numbers are the same."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from blender_pose3d.worker.setup import DEVICE_PROBE
from lifter import train
from lifter.checkpoint import load_model
from lifter.cli import main
from lifter.device import device_for
from lifter.errors import LifterError
from lifter.evaluate import compare_mocap, compare_pairs
from lifter.evaluate import main as evaluate
from lifter.infer import lift
from lifter.live import LiveLifter, causal_model
from lifter.models import DESCRIBED, build
from lifter.track_file import read_detection
from tests.bench.lifter import _forms, _low_precision
from tests.lifter import archives, benchmarks
from tests.lifter.second_device import second_device

DETECTION = Path(__file__).resolve().parents[1] / "data" / "compat" / "detection-0.1.0.npz"
SMALL = "settings = {frames=9, channels=32, groups=4, reduction=16, dropout=0.1}"
NETWORKS = {
    "attention": [SMALL],
    "attention of six inputs": [
        SMALL.replace("{", "{inputs=6, dilation='separate', enhance=true, project=true, theta='direct', ")
    ],
    "depthwise": [SMALL.replace("{", "{branch_form='depthwise', dilation='shared', causal=true, ")],
    "dense": ['architecture = "tcn"', "settings = {frames=9, channels=32}"],
    "shared attention": ['architecture = "shared-attention"', "settings = {frames=9, channels=32}", "sequence_frames = 12"],
    "mixste": ['architecture = "mixste"', "settings = {frames=9, width=16, depth=1}", 'loss = "sequence"'],
}
CONFIG = """
name = "tiny"
mocap = "mocap.npz"
pairs = ["pairs.npz"]
steps = 3
batch = 24
pairs_share = 0.3
errors_share = 0.5
augmentation = {}
cameras = {moving_share=0.5}
threads = 1
validation_windows = 48
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("second")
    archives.small_mocap(folder / "mocap.npz")
    archives.small_pairs(folder / "pairs.npz")
    (folder / "tiny.toml").write_text(CONFIG, encoding="utf-8")
    return folder


def test_what_a_gpu_refuses_is_refused() -> None:
    with second_device() as gpu:
        there, here = torch.zeros(3, 4, device=gpu), torch.ones(4)
        wrong = (
            lambda: there + here,
            lambda: torch.cat([there[0], here]),
            lambda: here[there.long()[0]],
            there.numpy,
            lambda: torch.rand(3, generator=torch.Generator(gpu)),
            lambda: torch.rand(3, device=gpu, generator=torch.Generator()),
            lambda: torch.nn.Linear(4, 2)(there),
        )
        for action in wrong:
            with pytest.raises((RuntimeError, TypeError)):
                action()
        assert (there + 1).device == there[here.long()].device == torch.nn.Linear(4, 2).to("cuda")(there).device == gpu
        assert there.cpu().numpy().shape == (3, 4)
    with second_device("mps", float64=False) as gpu, pytest.raises(TypeError):
        torch.zeros(3, dtype=torch.float64).to(gpu)


@pytest.mark.parametrize(("device", "float64"), [("cuda", True), ("mps", False)])
@pytest.mark.parametrize("model", ["atcn-27", "atcn-27-causal"])
def test_lifting(device: str, float64: bool, model: str) -> None:
    detection = read_detection(DETECTION)
    here = lift(detection, model=model, device="cpu")
    with second_device(device, float64=float64):
        there = lift(detection, model=model, device=device)
    np.testing.assert_allclose(here.positions_m, there.positions_m, atol=1e-6)


def test_a_card_that_is_too_old_is_left_alone() -> None:
    detection = read_detection(DETECTION)
    with second_device(too_old=True):
        assert device_for(None).type == "cpu"
        lift(detection)
        with pytest.raises(LifterError, match=r"'cuda' cannot be used here \(CUDA error: no kernel image.*device\)\."):
            lift(detection, device="cuda")
        assert probed() == "cpu (A card cannot be used: CUDA error: no kernel image is available for execution on the device)"
    with second_device() as gpu:
        assert device_for(None) == gpu
        assert probed() == "cuda (A card)"


def probed() -> str:
    """What `doctor` and the add-on's check say of the device."""
    names: dict[str, Any] = {}
    exec(DEVICE_PROBE, names)
    return names["device"](torch)


def test_where_the_cards_memory_is_full_the_processor_goes_on(tmp_path: Path) -> None:
    detection = read_detection(DETECTION)
    here = lift(detection, device="cpu")
    # The weights find room, the windows do not.
    with second_device(room_bytes=2_000_000):
        there = lift(detection)
        assert there.provenance["device_given_up"] == "cuda: CUDA out of memory. Tried to allocate 2.00 MiB"
        with pytest.raises(LifterError, match="'cuda' gave up"):
            lift(detection, device="cuda")
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            assert main(["lift", str(DETECTION), str(tmp_path / "track.npz"), "--progress", "json"]) == 0
    assert "device_given_up" not in here.provenance
    np.testing.assert_allclose(here.positions_m, there.positions_m, atol=1e-6)
    warnings = [event["message"] for event in map(json.loads, said.getvalue().splitlines()) if event["event"] == "warning"]
    assert len(warnings) == 1 and "the processor lifted the clip" in warnings[0]


def test_live() -> None:
    detection = read_detection(DETECTION)
    body = np.concatenate([detection.landmarks_px, detection.world_landmarks_m, detection.landmark_confidence[..., None]], -1)
    poses = {}
    for device in ("cpu", "cuda"):
        with second_device():
            loaded = load_model(causal_model(), device=device)
            lifter = LiveLifter(loaded, image_size_px=detection.image_size_px, focal_length_px=500.0)
            frames = [lifter.push(t, seen) for t, seen in zip(detection.timestamps_s, body, strict=True)]
            poses[device] = np.array([frame.positions_m for frame in frames if frame])
    assert len(poses["cpu"]) > 2
    np.testing.assert_allclose(poses["cpu"], poses["cuda"], atol=1e-6)


def test_evaluation(folder: Path) -> None:
    with second_device():
        compared = compare_pairs(folder / "pairs.npz", ["atcn-27"], device="cuda")
        compared += compare_mocap(folder / "mocap.npz", ["atcn-27"], device="cuda", seconds=0.5)
    assert compared and all(np.isfinite(one.predicted_m[one.seen]).all() for one in compared)


def test_the_protocols_run_on_the_device_that_is_asked_for(folder: Path, tmp_path: Path) -> None:
    train.main(folder / "tiny.toml", overrides=[SMALL, "steps = 1", 'name = "plain"'], runs_dir=tmp_path)
    weights = str(tmp_path / "plain" / "plain.safetensors")
    files = {"--human36m": benchmarks.write_human36m(tmp_path)[0], "--humaneva": benchmarks.write_humaneva(tmp_path)[0]}
    rows: dict[str, dict[str, Any]] = {}
    for source, positions in files.items():
        for device in ("cpu", "cuda"):
            out, used = tmp_path / "rows.json", set[str]()
            with second_device(), watched(used):
                command = [source, str(positions), "--model", weights, "--device", device, "--json", str(out)]
                assert evaluate(command) == 0
            rows[device] = json.loads(out.read_text(encoding="utf-8"))["network"]["mean"]
            assert used == {device}
        assert rows["cuda"] == pytest.approx(rows["cpu"])
        with pytest.raises(LifterError, match="'abacus' cannot be used"):
            evaluate([source, str(positions), "--model", weights, "--device", "abacus"])


@contextlib.contextmanager
def watched(used: set[str]) -> Iterator[None]:
    """The devices on which networks run meanwhile."""
    hook = torch.nn.modules.module.register_module_forward_pre_hook(lambda _, inputs: used.add(inputs[0].device.type))
    try:
        yield
    finally:
        hook.remove()


@pytest.mark.parametrize("name", ["atcn-27", "atcn-27-separate", "tcn-27", "shared-attention-27", "mixste-small"])
def test_forms_of_the_networks_that_are_timed(name: str) -> None:
    with second_device() as gpu:
        for _, work in _forms(build(*DESCRIBED[name]).eval().to(gpu), gpu).values():
            work()
        if name == "atcn-27":
            assert 0 < _low_precision(gpu)["value"] < 10


@pytest.mark.parametrize("network", NETWORKS)
def test_training(folder: Path, network: str, tmp_path: Path) -> None:
    with second_device():
        for resume, steps in ((False, 3), (True, 5)):
            overrides = [*NETWORKS[network], f"steps = {steps}"]
            assert train.main(folder / "tiny.toml", resume=resume, overrides=overrides, runs_dir=tmp_path) == 0
    assert load_model(tmp_path / "tiny" / "tiny.safetensors").card["steps"] == 5
