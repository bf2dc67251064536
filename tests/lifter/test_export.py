"""ONNX files: the same poses as torch's, and one sentence where they cannot be made."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from lifter import export
from lifter.checkpoint import load_model, save_model
from lifter.cli import main
from lifter.errors import LifterError
from lifter.joints import JOINT_NAMES
from lifter.models import build

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("atcn", {"frames": 27, "inputs": 6, "channels": 32, "reduction": 4}),
        ("atcn", {"frames": 27, "channels": 32, "reduction": 4, "dilation": "separate", "causal": True}),
        ("tcn", {"frames": 27, "channels": 32}),
        ("mixste", {"frames": 9, "width": 32, "depth": 1}),
    ],
)
def test_every_architecture_gives_the_poses_of_torch(architecture: str, settings: dict, tmp_path: Path) -> None:
    torch.manual_seed(1)
    save_model(tmp_path / "net", build(architecture, settings), {"architecture": architecture, "settings": settings})
    model, out = str(tmp_path / "net.safetensors"), tmp_path / "net.onnx"
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


def test_poses_that_differ_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "LARGEST_DIFFERENCE_M", -1.0)
    with pytest.raises(LifterError, match="differ from torch's"):
        export.export_onnx(None, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())
