"""A network of a longer receptive field that begins as a shorter one was trained: its first layers need not be learnt anew.

Both share the stem and the first layers, whatever their receptive fields. What only the longer one has, its last layers, begins
without effect: they pass on the middle step (causal: the last) of what reaches them, which is the shorter network's. A TCN is the
shorter network at first. An ATCN sees real frames where the shorter one's branches of dilation 2 and 3 had the window's edges
repeated, and its kernel attention is of more steps; with one branch it is the shorter network as well.
"""

from __future__ import annotations

from dataclasses import asdict

import torch
from torch import Tensor, nn

from .atcn import ATCN
from .tcn import TCN

_NEED_NOT_AGREE = ("frames", "dropout", "enhance", "project")  # optional parts begin without effect by themselves
_NEARLY_NOTHING = 1e-4  # of a ReLU: from 0 it would not learn


@torch.no_grad()
def grown(network: nn.Module, shorter: nn.Module) -> dict[str, Tensor]:
    """The weights, as a state dict, with which `network` begins as `shorter`.

    Raises ValueError unless both are an ATCN or both a TCN, alike in all but the receptive field, which `network` has the longer.
    """
    if not isinstance(network, ATCN | TCN) or type(network) is not type(shorter):
        raise ValueError("only an atcn grows from an atcn, and a tcn from a tcn")
    mine, theirs = asdict(network.config), asdict(shorter.config)
    differing = [name for name in mine if mine[name] != theirs[name] and name not in _NEED_NOT_AGREE]
    if differing:
        raise ValueError(f"their settings differ in {', '.join(differing)}")
    if network.config.frames <= shorter.config.frames:
        raise ValueError(f"a network of {shorter.config.frames} frames does not grow to {network.config.frames}")
    weights, known = network.state_dict(), shorter.state_dict()
    if unknown := sorted(known.keys() - weights.keys()):
        raise ValueError(f"the shorter network has {unknown[0]}")
    for name, value in known.items():
        weights[name] = _placed(value, weights[name].shape, causal=network.config.causal)
    for name, weight, bias in _last_norms(network, shorter):
        weights[f"{name}.weight"].fill_(weight)
        weights[f"{name}.bias"].fill_(bias)
    return weights


def _last_norms(network: ATCN | TCN, shorter: nn.Module) -> list[tuple[str, float, float]]:
    """The last batch norm of each layer that only `network` has: name, scale and shift to begin with."""
    if isinstance(network, TCN):
        return [(f"blocks.{i}.mix_norm.norm", 0.0, _NEARLY_NOTHING) for i in range(len(shorter.blocks), len(network.blocks))]
    return [(f"layers.{i}.norm.norm", 0.0, 0.0) for i in range(len(shorter.layers), len(network.layers))]


def _placed(value: Tensor, shape: torch.Size, *, causal: bool) -> Tensor:
    """A shorter window's values where it lies in the longer one: its rows, of which the first and last are repeated, and its
    columns, beside which there is nothing. Only the temporal attention's shapes hang on the window's length.
    """
    if value.shape == shape:
        return value
    first = [here - there if causal else (here - there) // 2 for here, there in zip(shape, value.shape, strict=True)]
    rows = value[(torch.arange(shape[0]) - first[0]).clip(0, len(value) - 1)]
    if len(shape) == 1:
        return rows
    out = value.new_zeros(shape)
    out[:, first[1] : first[1] + value.shape[1]] = rows
    return out
