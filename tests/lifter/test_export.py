"""ONNX files: the same poses as torch's, and one sentence where they cannot be made."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lifter import export
from lifter.checkpoint import load_model, save_model
from lifter.cli import main
from lifter.errors import LifterError
from lifter.joints import JOINT_NAMES
from lifter.models import NETWORKS, build

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


ROOT = Path(__file__).resolve().parents[2]
SMALL = {
    "atcn": {"frames": 81, "channels": 16, "groups": 4, "reduction": 4},
    "tcn": {"frames": 27, "channels": 16},
    "mixste": {"frames": 9, "width": 16, "depth": 2, "heads": 2},
    "shared-attention": {"frames": 27, "channels": 16, "groups": 4, "reduction": 4},
}
FORMS: dict[str, dict[str, tuple]] = {
    "atcn": {
        "dilation": ("none", "shared", "separate"),
        "unit_form": ("grouped", "depthwise"),
        "branch_form": ("grouped", "depthwise"),
        "theta": ("recursive", "direct"),
    },
    "tcn": {"form": ("strided", "dense")},
    "mixste": {},
    "shared-attention": {},
}
# Settings that all of them have, and `causal`, which MixSTE has not.
PARTS = ({}, {"causal": True, "inputs": 6}, {"enhance": True, "project": True}, {"causal": True, "enhance": True, "inputs": 3})


def variants() -> list[tuple[str, dict]]:
    """Every network in all its forms, with each of PARTS; of ATCN's many forms each with every other one of PARTS."""
    out = []
    for architecture, forms in FORMS.items():
        combinations = [dict(zip(forms, values, strict=True)) for values in itertools.product(*forms.values())]
        known = {field.name for field in dataclasses.fields(NETWORKS[architecture][1])}
        for number, form in enumerate(combinations):
            chosen = PARTS if len(combinations) <= 2 else PARTS[number.bit_count() % 2 :: 2]
            out += [(architecture, SMALL[architecture] | form | {k: v for k, v in part.items() if k in known}) for part in chosen]
    return out


def save_with_statistics(folder: Path, architecture: str, settings: dict) -> str:
    """A network whose batch norms have seen something."""
    torch.manual_seed(1)
    network = build(architecture, settings)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)
    save_model(folder / "net", network, {"architecture": architecture, "settings": settings})
    return str(folder / "net.safetensors")


@pytest.mark.parametrize(
    ("architecture", "settings"),
    variants(),
    ids=lambda value: value if isinstance(value, str) else "-".join(str(v) for v in value.values()),
)
def test_every_architecture_gives_the_poses_of_torch(architecture: str, settings: dict, tmp_path: Path) -> None:
    model, out = save_with_statistics(tmp_path, architecture, settings), tmp_path / "net.onnx"
    assert main(["export", str(out), "--model", model, "--progress", "json"]) == 0
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    loaded = load_model(model)
    config = loaded.network.config
    windows = torch.randn(5, config.frames, config.joints, config.inputs)
    with torch.inference_mode():
        wanted = loaded.network(windows).numpy()
    np.testing.assert_allclose(session.run(None, {"windows": windows.numpy()})[0], wanted, atol=1e-5)
    notes = session.get_modelmeta().custom_metadata_map
    assert json.loads(notes["joints"]) == list(JOINT_NAMES) and notes["sha256"] == loaded.sha256


def test_no_architecture_and_no_form_is_left_out() -> None:
    """A setting that takes a word has its words in FORMS."""
    assert FORMS.keys() == NETWORKS.keys()
    for architecture, (_, config_type) in NETWORKS.items():
        words = {field.name for field in dataclasses.fields(config_type) if isinstance(field.default, str)}
        assert words == FORMS[architecture].keys()


def test_what_the_exporter_refuses_is_one_sentence_and_nothing_of_its_own_on_stdout(tmp_path: Path) -> None:
    """In a process of its own: it writes past Python. The exporter is given the network as it is, which it cannot take."""
    program = (
        "import sys; from lifter import export; from lifter.cli import main; export._with_weights = lambda network: network\n"
        "sys.exit(main(['export', sys.argv[1], '--model', sys.argv[2], '--progress', 'json']))"
    )
    model = save_with_statistics(tmp_path, "shared-attention", SMALL["shared-attention"])
    command = [sys.executable, "-c", program, str(tmp_path / "net.onnx"), model]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 2 and [event["event"] for event in events] == ["start", "error"]
    assert events[1]["message"] == "The network 'net' cannot be written as ONNX." and events[1]["hint"]
    assert not (tmp_path / "net.onnx").exists()


def test_poses_that_differ_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "LARGEST_DIFFERENCE_M", -1.0)
    with pytest.raises(LifterError, match="differ from torch's"):
        export.export_onnx(None, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


def test_a_network_is_not_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nor anything else that is no ONNX file."""
    (tmp_path / "net.onnx").mkdir()
    for name in ("net", "net.safetensors", "net.json", "walk.mp4"):
        (tmp_path / name).write_text(name)
    for name in ("net", "net.safetensors", "net.json", "walk.mp4", "net.onnx"):
        assert main(["export", str(tmp_path / name), "--model", str(tmp_path / "net.safetensors"), "--progress", "json"]) == 2
        error = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert ("is a folder" if name == "net.onnx" else f"{name} is not called .onnx.") in error["message"]
        assert (tmp_path / name).is_dir() or (tmp_path / name).read_text() == name
    assert len(list(tmp_path.iterdir())) == 5
