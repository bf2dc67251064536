"""A network as ONNX, so that it can run elsewhere: checked against torch before it is written."""

from __future__ import annotations

import copy
import json
import warnings
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import nn

from .checkpoint import load_model
from .errors import LifterError
from .files import replacing
from .joints import JOINT_NAMES
from .normalise import WINDOW_STEP_S

_OPSET = 17
_CHECKED_WINDOWS = (1, 7)  # two sizes, neither the one it is traced with
_TRACED_WINDOWS = 2
# The goal of inference in float32; a fused kernel's order of sums stays far below it.
LARGEST_DIFFERENCE_M = 1e-4


def export_onnx(model: str | None, out: Path) -> float:
    """Write `out`: input windows [batch, N, 17, inputs], output poses [batch, 17, 3] metres, as `normalise.encode_windows` and
    `with_evidence` make the one and `infer.run_network` takes the other. Returns the largest difference from torch, in metres.

    The file's metadata hold the joints' names, N, the target frame, the window's step and the weights' hash.
    Raises LifterError where onnx and onnxruntime are not installed, the model is bad, or ONNX's poses differ by more than
    LARGEST_DIFFERENCE_M (nothing is written then).
    """
    try:
        import onnx
        import onnxruntime
    except ImportError as reason:
        raise LifterError(
            f"ONNX files need the package {reason.name}.", hint="Install onnx and onnxruntime beside the motion engine."
        ) from None
    loaded = load_model(model)
    network, config = loaded.network, loaded.network.config
    generator = torch.Generator().manual_seed(1)

    def windows(count: int) -> torch.Tensor:
        return 0.3 * torch.randn(count, config.frames, config.joints, config.inputs, generator=generator)

    _keep_off_stdout()
    with replacing(out) as partial:
        with warnings.catch_warnings():
            # The exporter that torch prefers now needs one more package and says nothing more about these networks.
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                torch.onnx.export(
                    _OneInput(_with_weights(network)).eval(),
                    (windows(_TRACED_WINDOWS),),
                    str(partial),
                    input_names=["windows"],
                    output_names=["poses"],
                    dynamic_axes={"windows": {0: "batch"}, "poses": {0: "batch"}},
                    opset_version=_OPSET,
                    dynamo=False,
                )
            except torch.onnx.errors.OnnxExporterError as reason:
                raise LifterError(f"The network '{loaded.name}' cannot be written as ONNX.", hint="Use another.") from reason
        graph = onnx.load(str(partial))
        notes = {
            "name": loaded.name,
            "sha256": loaded.sha256,
            "joints": json.dumps(JOINT_NAMES),
            "settings": json.dumps(asdict(config)),
            "target_frame": str(config.target),
            "window_step_s": repr(WINDOW_STEP_S),
            "acknowledgement": str(loaded.card.get("acknowledgement", "")),
        }
        onnx.helper.set_model_props(graph, notes)
        onnx.save(graph, str(partial))
        session = onnxruntime.InferenceSession(str(partial), providers=["CPUExecutionProvider"])
        worst = 0.0
        for count in _CHECKED_WINDOWS:
            seen = windows(count)
            with torch.inference_mode():
                wanted = network(seen).numpy()
            worst = max(worst, float(np.abs(session.run(None, {"windows": seen.numpy()})[0] - wanted).max()))
        if not worst <= LARGEST_DIFFERENCE_M:
            raise LifterError(
                f"ONNX's poses differ from torch's by {worst:.2g} m.", hint="Another version of onnxruntime may do better."
            )
    return worst


def _with_weights(network: nn.Module) -> nn.Module:
    """A copy whose batch norms all have weights, ones where they had none: the exporter counts the channels by them."""
    out = copy.deepcopy(network)
    for norm in out.modules():
        if isinstance(norm, nn.BatchNorm1d) and not norm.affine:
            norm.weight, norm.bias = nn.Parameter(torch.ones(norm.num_features)), nn.Parameter(torch.zeros(norm.num_features))
    return out


def _keep_off_stdout() -> None:
    """What the exporter says of its failures, past Python, goes to stderr: stdout is for the worker's lines."""
    set_stream = getattr(torch._C, "_jit_set_onnx_log_output_stream", None)
    if set_stream is not None:
        set_stream("stderr")


class _OneInput(nn.Module):
    """The exporter hands a network's options over as further inputs."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        return self.network(windows)
