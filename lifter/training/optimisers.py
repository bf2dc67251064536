"""Optimisers, the learning rate along a run, and averages of weights."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint import load_model
from ..errors import LifterError
from .config import TrainConfig

_LEVEL_STEM = r"level_stems\.\d+\."
_LAST_NORM = re.compile(_LEVEL_STEM + r"norm\.norm\.(weight|bias)")
_ADDED = re.compile(_LEVEL_STEM + r"|enhance\.|project\.")


def learning_rate_at(config: TrainConfig, spent: float) -> float:
    """`spent`: share of the run. Linear warm-up, then a cosine to 1 %."""
    if spent < config.warmup_share:
        return config.learning_rate * (0.05 + 0.95 * spent / config.warmup_share)
    along = (spent - config.warmup_share) / (1 - config.warmup_share)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(along, 1.0))))


def optimiser_of(config: TrainConfig, network: nn.Module) -> torch.optim.Optimizer:
    common: dict[str, Any] = {"lr": config.learning_rate, "betas": (0.95, 0.999), "weight_decay": config.weight_decay}
    if config.optimiser == "radam":
        return torch.optim.RAdam(network.parameters(), decoupled_weight_decay=True, **common)
    if config.optimiser == "adamw":  # one fused pass over the weights: a third of the step on two CPU cores otherwise
        return torch.optim.AdamW(network.parameters(), fused=True, **common)
    if config.optimiser == "ranger":
        return Ranger(network.parameters(), decoupled_weight_decay=True, eps=1e-5, **common)
    raise LifterError(f"There is no optimiser '{config.optimiser}'.", hint="Use adamw, radam or ranger.")


class Ranger(torch.optim.RAdam):
    """RAdam with Lookahead (Zhang et al. 2019): after every k-th step slow weights go `alpha` of the way; it goes on there."""

    def __init__(self, params: Any, *, k: int = 6, alpha: float = 0.5, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group |= {"k": k, "alpha": alpha, "fast_steps": 0}

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        moving = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        started = {p: p.clone() for params in moving for p in params if "slow" not in self.state.get(p, {})}
        loss = super().step(closure)
        for p, slow in started.items():
            self.state[p]["slow"] = slow
        for group, params in zip(self.param_groups, moving, strict=True):
            group["fast_steps"] += 1
            if params and group["fast_steps"] % group["k"] == 0:
                slow_weights = [self.state[p]["slow"] for p in params]
                torch._foreach_lerp_(slow_weights, params, group["alpha"])
                torch._foreach_copy_(params, slow_weights)
        return loss


def weights_for(network: nn.Module, path: str | Path) -> dict[str, Tensor]:
    """The weights in a file; stems and optional parts that the network has and the file has not add nothing."""
    own, weights = network.state_dict(), load_model(path).network.state_dict()
    lacking = own.keys() - weights.keys()
    if all(map(_ADDED.match, lacking)):
        weights |= {name: torch.zeros_like(own[name]) if _LAST_NORM.fullmatch(name) else own[name] for name in lacking}
    return weights


def mean_of(states: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    first = states[0]
    return {k: sum(s[k] for s in states) / len(states) if v.is_floating_point() else v for k, v in first.items()}


@torch.no_grad()
def move_average(averaged: nn.Module, network: nn.Module, decay: float, *, momentum: float) -> None:
    """Moving averages: of the parameters by `decay`, of the batch norms' statistics by `momentum`."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - decay)
    pairs = list(zip(averaged.buffers(), network.buffers(), strict=True))
    statistics = [pair for pair in pairs if pair[0].is_floating_point()]
    if statistics:
        torch._foreach_lerp_([mine for mine, _ in statistics], [theirs for _, theirs in statistics], momentum)
    for mine, theirs in pairs:
        if not mine.is_floating_point():  # how many batches there were
            mine.copy_(theirs)
