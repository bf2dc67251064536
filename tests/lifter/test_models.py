"""The network: its size, its arithmetic against torch's own layers, what its output depends on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lifter.checkpoint import LoadedModel
from lifter.errors import LifterError
from lifter.infer import run_network
from lifter.joints import MIRROR
from lifter.models import build
from lifter.models.atcn import ATCN, ATCNConfig, Branch
from lifter.models.folded import FoldedATCN, mish_
from lifter.models.parts import Rows
from lifter.models.sequence import ATCNSequence

SMALL = {"channels": 48, "groups": 4, "reduction": 8}


def _network(seed: int = 0, **settings: object) -> ATCN:
    """A small network in eval mode whose batch norms have statistics of their own, as after training."""
    torch.manual_seed(seed)
    network = ATCN(ATCNConfig(**{**SMALL, **settings}))  # type: ignore[arg-type]
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.running_mean = 0.2 * torch.randn(module.num_features)
            module.running_var = torch.rand(module.num_features) + 0.5
    return network.eval()


def _loaded(network: ATCN) -> LoadedModel:
    return LoadedModel(network, "made", "", {})


@pytest.mark.parametrize(("frames", "parameters"), [(27, 5_693_005), (81, 8_462_195), (243, 11_248_935)])
def test_the_parameter_counts_are_the_papers(frames: int, parameters: int) -> None:
    assert sum(p.numel() for p in build("atcn", {"frames": frames}).parameters()) == parameters


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("length", [3, 9, 27])
@pytest.mark.parametrize("groups", [1, 4])
def test_a_branch_is_torchs_convolution(dilation: int, length: int, groups: int) -> None:
    """The matrix product against nn.Conv1d with its replicate padding: the same outputs and the same gradients."""
    torch.manual_seed(1)
    channels = 16
    branch = Branch(channels, groups, length, dilation).double()
    conv = nn.Conv1d(
        channels, channels, 3, stride=3, dilation=dilation, groups=groups, padding=dilation - 1, padding_mode="replicate"
    ).double()
    norm = Rows(channels).double()
    conv.load_state_dict({"weight": branch.weight, "bias": branch.bias})
    norm.load_state_dict(branch.norm.state_dict())
    x = torch.randn(5, length, channels, dtype=torch.float64, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    ours = branch(x)
    theirs = F.mish(norm(conv(y.transpose(1, 2)).transpose(1, 2)))
    assert ours.shape == (5, length // 3, channels)
    torch.testing.assert_close(ours, theirs)
    upstream = torch.randn_like(ours)
    ours.backward(upstream)
    theirs.backward(upstream)
    torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(branch.weight.grad, conv.weight.grad)
    torch.testing.assert_close(branch.bias.grad, conv.bias.grad)


def test_the_stem_is_torchs_convolution() -> None:
    network = _network(frames=27)
    x = torch.randn(3, 27, 34)
    # A kernel of three frames, each with 34 numbers: [out, frame * 34] -> [out, 34, 3].
    weight = network.stem.weight.view(-1, 3, 34).transpose(1, 2)
    torch.testing.assert_close(network.stem(x.reshape(3, 9, -1)).transpose(1, 2), F.conv1d(x.transpose(1, 2), weight, stride=3))


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("frames", [9, 27, 81])
def test_the_pose_depends_on_every_frame_of_the_window(frames: int, causal: bool) -> None:
    network = _network(frames=frames, causal=causal)
    x = torch.randn(2, frames, 17, 2, requires_grad=True)
    network(x).square().sum().backward()
    assert x.grad is not None
    assert (x.grad.abs().sum((0, 2, 3)) > 0).all() and (x.grad.abs().sum((0, 1, 3)) > 0).all()


@pytest.mark.parametrize("fps", [10.0, 30.0, 120.0])
def test_a_causal_pose_does_not_change_when_the_future_does(fps: float) -> None:
    network = _loaded(_network(frames=27, causal=True))
    times = np.arange(60) / fps
    rays = 0.1 * np.random.default_rng(0).normal(size=(60, 17, 2))
    changed = rays.copy()
    changed[40:] += np.random.default_rng(1).normal(size=(20, 17, 2))
    before, _ = run_network(network, rays, times)
    after, _ = run_network(network, changed, times)
    np.testing.assert_allclose(before[:40], after[:40], atol=1e-6)
    assert np.abs(before[40:] - after[40:]).max() > 1e-3
    # A centred network does look ahead.
    centred = _loaded(_network(frames=27))
    assert np.abs(run_network(centred, rays, times)[0][:40] - run_network(centred, changed, times)[0][:40]).max() > 1e-3


def test_a_mirrored_person_gives_the_mirrored_pose() -> None:
    network = _loaded(_network(frames=27))
    rays = 0.3 * np.random.default_rng(0).normal(size=(50, 17, 2)) + [0.3, -0.1]
    times, mirror = np.arange(50) / 25, list(MIRROR)
    pose, turn = run_network(network, rays, times)
    other, other_turn = run_network(network, rays[:, mirror] * [-1, 1], times)
    flip = np.diag([-1.0, 1.0, 1.0])
    np.testing.assert_allclose(other, pose[:, mirror] @ flip, atol=2e-6)
    np.testing.assert_allclose(other_turn, flip @ turn @ flip, atol=1e-6)
    assert np.abs(pose).max() > 0.01 and (pose[:, 0] == 0).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"frames": 9},
        {"frames": 27, "inputs": 6, "enhance": True, "project": True},
        {"frames": 27, "causal": True, "theta": "direct"},
        {"frames": 81, "dilation": "separate"},
        {"frames": 81, "dilation": "separate", "unit_form": "depthwise", "causal": True},
        {"frames": 243, "dilation": "shared"},
    ],
)
def test_a_sequence_gives_the_poses_of_its_windows(settings: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """What windows have in common is computed once, in pieces whose seams must not show; and with batch norms folded away."""
    monkeypatch.setattr("lifter.models.sequence._WINDOWS", 5)
    monkeypatch.setattr("lifter.models.folded._WINDOWS", 7)
    monkeypatch.setattr("lifter.models.sequence._BLOCK", 12)
    network = _network(**settings)
    n = network.config.frames
    frames = torch.randn(n + 30, 17, network.config.inputs)
    windows = frames.unfold(0, n, 1).permute(0, 3, 1, 2)
    with torch.inference_mode():
        poses = network(windows)
    torch.testing.assert_close(ATCNSequence(network).poses(frames), poses, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(FoldedATCN(network)(windows), poses, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("with_onednn", "windows", "convolutions"),
    [(True, 91, 2 + 6 + 1), (True, 7, 6), (False, 91, 0)],  # stems, branches, and the 1x1 that has rows enough
)
def test_folded_products_are_the_networks(
    with_onednn: bool, windows: int, convolutions: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows that are filled up to be shared out among pictures, too few for it, and a torch without oneDNN."""
    made, conv2d = [], F.conv2d
    monkeypatch.setattr("torch.backends.mkldnn.is_available", lambda: with_onednn)
    monkeypatch.setattr(F, "conv2d", lambda *given, **named: made.append(1) or conv2d(*given, **named))
    network = _network(frames=27, dilation="separate")
    x = torch.randn(windows, 27, 17, 2)
    with torch.inference_mode():
        torch.testing.assert_close(FoldedATCN(network)(x), network(x), atol=1e-5, rtol=1e-5)
    assert len(made) == convolutions


def test_mish_in_place_is_mish_wherever_a_network_goes() -> None:
    x = torch.cat([torch.linspace(-60, 60, 4001), torch.tensor([-1e30, -0.0, 0.0, 1e30, torch.nan])])
    for values in (x, torch.randn(3, 5, 7).permute(2, 0, 1)):
        torch.testing.assert_close(mish_(values.clone()), torch.nn.functional.mish(values), equal_nan=True)


def test_what_cannot_be_folded_is_run_as_it_is() -> None:
    depthwise = _network(frames=9, branch_form="depthwise")
    with pytest.raises(ValueError, match="depthwise branches"):
        FoldedATCN(depthwise)
    assert _loaded(depthwise).poses_of is depthwise
    assert isinstance(_loaded(_network(frames=9)).poses_of, FoldedATCN)


def test_a_sequence_shorter_than_a_window_is_refused() -> None:
    with pytest.raises(ValueError, match="a window has 27 frames, and there are 26"):
        ATCNSequence(_network(frames=27)).poses(torch.zeros(26, 17, 2))


def test_batches_do_not_change_a_pose() -> None:
    network = _network(frames=27)
    x = torch.randn(6, 27, 17, 2)
    with torch.inference_mode():
        torch.testing.assert_close(network(x), torch.cat([network(part) for part in x.split(1)]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("architecture", "settings", "says"),
    [
        ("atcm", {}, "No network is called 'atcm'"),
        ("atcn", {"frame": 27}, "no setting 'frame'"),
        ("atcn", {"frames": 28}, "power of 3"),
        ("atcn", {"frames": 3}, "power of 3"),
        ("atcn", {"frames": 0}, "do not fit"),
        ("atcn", {"frames": "many"}, "do not fit"),
        ("atcn", {"channels": 10, "groups": 3}, "do not fit"),
        ("atcn", {"channels": -8}, "do not fit"),
        ("atcn", {"groups": 0}, "do not fit"),
    ],
)
def test_a_network_that_cannot_be_built_says_why(architecture: str, settings: dict, says: str) -> None:
    with pytest.raises(LifterError, match=says) as caught:
        build(architecture, settings)
    assert "\n" not in caught.value.message
