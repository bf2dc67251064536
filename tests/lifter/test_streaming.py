"""One frame in, one pose out: the batch form's numbers, and a state that does not grow."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lifter.checkpoint import LoadedModel
from lifter.infer import run_network
from lifter.models import build
from lifter.models.streaming import ATCNStream, TCNStream, WindowStream

SMALL: dict[str, dict] = {"atcn": {"channels": 48, "groups": 4, "reduction": 8}, "tcn": {"channels": 32}}
Stream = Callable[[nn.Module], ATCNStream | TCNStream]


def causal(architecture: str, **settings: object) -> nn.Module:
    torch.manual_seed(0)
    network = build(architecture, {**SMALL[architecture], "causal": True, **settings}).eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.copy_(torch.rand_like(tensor) + 0.5)
            elif tensor.is_floating_point():
                tensor.add_(0.03 * torch.randn_like(tensor))
    return network


def batch_form(network: nn.Module, frames: Tensor) -> Tensor:
    """Each frame's window, the first frame repeated before the beginning."""
    n = network.config.frames
    padded = torch.cat([frames[:1].expand(n - 1, -1, -1), frames])
    with torch.inference_mode():
        return network(torch.stack([padded[t : t + n] for t in range(len(frames))]))


def state_bytes(stream: object) -> int:
    tensors = [value for value in vars(stream).values() if isinstance(value, Tensor)]
    tensors += [t for value in vars(stream).values() if isinstance(value, list) for t in value if isinstance(t, Tensor)]
    return sum(len(pickle.dumps(t.numpy())) for t in tensors)


@pytest.mark.parametrize(
    ("stream", "architecture", "settings"),
    [
        (TCNStream, "tcn", {"frames": 9}),
        (TCNStream, "tcn", {"frames": 81}),
        (TCNStream, "tcn", {"frames": 27, "enhance": True, "project": True}),
        (ATCNStream, "atcn", {"frames": 9}),
        (ATCNStream, "atcn", {"frames": 27}),
        (ATCNStream, "atcn", {"frames": 27, "enhance": True, "project": True}),
        (ATCNStream, "atcn", {"frames": 81, "dilation": "shared"}),
        (ATCNStream, "atcn", {"frames": 81, "dilation": "separate", "theta": "direct"}),
        (ATCNStream, "atcn", {"frames": 243, "dilation": "separate", "unit_form": "depthwise", "branch_form": "depthwise"}),
    ],
)
def test_streaming_equals_batch(stream: Stream, architecture: str, settings: dict) -> None:
    network = causal(architecture, **settings)
    n = network.config.frames
    frames = torch.randn(n + 30, 17, 2)
    expected = batch_form(network, frames)
    running = stream(network)
    sizes, poses = set(), []
    for frame in frames:
        poses.append(running.push(frame))
        sizes.add(state_bytes(running))
    assert len(sizes) == 1, "the state has one size from the first frame on"
    torch.testing.assert_close(torch.stack(poses), expected, rtol=0, atol=1e-5)
    assert expected.std(0).mean() > 1e-2, "the poses differ, so that equal ones say something"


def test_a_stream_of_rays_equals_inference_on_the_clip() -> None:
    network = causal("atcn", frames=27)
    frames = 0.2 * torch.randn(60, 17, 2) + torch.tensor([0.3, -0.1])
    poses, rotations = run_network(LoadedModel(network, "made", "", {}), frames.numpy(), np.arange(60) / 30)
    running = WindowStream(network)
    for t, rays in enumerate(frames):
        pose, view_from_camera = running.push(rays)
        np.testing.assert_allclose(pose, poses[t], atol=1e-5)
        np.testing.assert_allclose(view_from_camera, rotations[t], atol=1e-5)
        assert running.seen.shape == (1, 27, 17, 6)


@pytest.mark.parametrize(("stream", "architecture"), [(TCNStream, "tcn"), (ATCNStream, "atcn"), (WindowStream, "tcn")])
def test_a_network_that_looks_ahead_cannot_be_streamed(stream: Stream, architecture: str) -> None:
    network = build(architecture, {**SMALL[architecture], "frames": 9})
    with pytest.raises(ValueError, match="only a causal network"):
        stream(network)
