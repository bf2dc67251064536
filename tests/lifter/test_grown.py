"""A network that grows from a shorter one begins as that one, and what was added can learn."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from lifter.models import build
from lifter.models.grown import grown

_SMALL = {"channels": 32, "dropout": 0.0}
_ONE_BRANCH = {**_SMALL, "groups": 4, "reduction": 16, "branches": 1}


def _used(architecture: str, settings: dict[str, Any]) -> nn.Module:
    """A network whose weights and batch statistics are no longer those it started with."""
    torch.manual_seed(5)
    network = build(architecture, settings)
    for parameter in network.parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter))
    network.train()
    for _ in range(3):
        network(torch.randn(16, settings["frames"], 17, settings.get("inputs", 2)))
    return network.eval()


def _begun(architecture: str, settings: dict[str, Any], shorter: nn.Module) -> nn.Module:
    network = build(architecture, settings)
    network.load_state_dict(grown(network, shorter))
    return network.eval()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("short", "long"), [(9, 27), (27, 81), (27, 243)])
@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("tcn", _SMALL),
        ("tcn", {**_SMALL, "inputs": 6}),
        ("atcn", _ONE_BRANCH),
        ("atcn", {**_ONE_BRANCH, "theta": "direct"}),
        ("atcn", {**_ONE_BRANCH, "dilation": "separate", "inputs": 6}),
        ("atcn", {**_ONE_BRANCH, "dilation": "shared"}),
        ("atcn", {**_ONE_BRANCH, "branch_form": "depthwise"}),
    ],
)
def test_it_begins_as_the_shorter_one(architecture: str, settings: dict[str, Any], short: int, long: int, causal: bool) -> None:
    settings = {**settings, "causal": causal}
    shorter = _used(architecture, {**settings, "frames": short})
    longer = _begun(architecture, {**settings, "frames": long}, shorter)
    windows = torch.randn(8, long, 17, settings.get("inputs", 2))
    first = long - short if causal else (long - short) // 2
    with torch.inference_mode():
        torch.testing.assert_close(longer(windows), shorter(windows[:, first : first + short]), atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize(("architecture", "settings"), [("tcn", _SMALL), ("atcn", {**_ONE_BRANCH, "branches": 3})])
def test_what_was_added_learns(architecture: str, settings: dict[str, Any]) -> None:
    longer = _begun(architecture, {**settings, "frames": 27}, _used(architecture, {**settings, "frames": 9})).train()
    windows, truth = torch.randn(32, 27, 17, 2), torch.randn(32, 17, 3)
    optimiser = torch.optim.SGD(longer.parameters(), lr=0.1)
    for _ in range(2):
        optimiser.zero_grad()
        (longer(windows) - truth).square().mean().backward()
        optimiser.step()
    added = longer.blocks[1] if architecture == "tcn" else longer.layers[1]

    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in added.parameters())


@pytest.mark.parametrize(
    ("architecture", "changed", "says"),
    [
        ("tcn", {"frames": 9}, "27 frames does not grow to 9"),
        ("tcn", {"frames": 27}, "27 frames does not grow to 27"),
        ("tcn", {"causal": True}, "differ in causal"),
        ("tcn", {"channels": 64}, "differ in channels"),
        ("atcn", {}, "only an atcn grows from an atcn"),
        ("mixste", {}, "only an atcn grows"),
    ],
)
def test_what_does_not_fit_is_refused(architecture: str, changed: dict[str, Any], says: str) -> None:
    shorter = _used("tcn", {**_SMALL, "frames": 27})
    settings = {"tcn": _SMALL, "atcn": _ONE_BRANCH, "mixste": {"width": 64, "depth": 2}}[architecture]
    network = build(architecture, {**settings, "frames": 81, **changed})
    with pytest.raises(ValueError, match=says):
        grown(network, shorter)


def test_a_part_that_only_the_shorter_one_has_is_named() -> None:
    shorter = _used("tcn", {**_SMALL, "frames": 9, "project": True})
    with pytest.raises(ValueError, match="the shorter network has project"):
        grown(build("tcn", {**_SMALL, "frames": 27}), shorter)
