"""What training makes small."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn

from ..joints import JOINT_NAMES, PARENTS
from .config import TrainConfig

_BONES = [(j, p) for j, p in enumerate(PARENTS) if p >= 0]
# MixSTE's: what is far from the trunk counts more.
_PART_WEIGHTS = {"knee": 2.5, "ankle": 2.5, "head_top": 1.5, "shoulder": 1.5, "elbow": 4.0, "wrist": 4.0}
SEQUENCE_WEIGHTS = tuple(_PART_WEIGHTS.get(name.removeprefix("left_").removeprefix("right_"), 1.0) for name in JOINT_NAMES)


@cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """The bones' ends and starts, and SEQUENCE_WEIGHTS: sent to a GPU once, since it waits for what is sent."""
    children, parents = torch.tensor(_BONES, device=device).unbind(1)
    return children, parents, torch.tensor(SEQUENCE_WEIGHTS, device=device)


def pose_loss(predicted: Tensor, truth: Tensor, bone_weight: float) -> Tensor:
    """MPJPE plus `bone_weight` times the error of the bone vectors, over the joints whose truth is known. [B, 17, 3], metres."""
    known = truth.isfinite().all(-1)  # [B, 17]
    truth = torch.where(known[..., None], truth, predicted.detach())
    joint = ((predicted - truth).norm(dim=-1) * known)[:, 1:].sum() / known[:, 1:].sum()
    children, parents, _ = _constants(predicted.device)
    both = known[:, children] & known[:, parents]
    difference = (predicted[:, children] - predicted[:, parents]) - (truth[:, children] - truth[:, parents])
    return joint + bone_weight * ((difference.norm(dim=-1) * both).sum() / both.sum())


def sequence_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """MixSTE's loss: weighted MPJPE + 0.5 temporal consistency + 2 velocity error. [B, T, 17, 3], metres; NaN where not known.

    Temporal consistency is the weighted mean square of the estimate's change from frame to frame; the velocity error is the mean
    norm of what that change and the truth's differ by.
    """
    known = truth.isfinite().all(-1)  # [B, T, 17]
    truth = torch.where(known[..., None], truth, predicted.detach())
    _, _, weight = _constants(predicted.device)
    joint = ((predicted - truth).norm(dim=-1) * weight * known).sum() / known.sum()
    if predicted.shape[1] < 2:
        return joint
    change, true_change = predicted.diff(dim=1), truth.diff(dim=1)
    both = known[:, 1:] & known[:, :-1]
    consistency = (change.square() * weight[:, None]).mean()
    velocity = ((change - true_change).norm(dim=-1) * both).sum() / both.sum()
    return joint + 0.5 * consistency + 2.0 * velocity


def loss_of(config: TrainConfig, network: nn.Module, predicted: Tensor, truth: Tensor) -> Tensor:
    if not network.outputs_sequence:
        return pose_loss(predicted, truth, config.bone_loss)
    truth = truth[:, network.output_frames(truth.shape[1])]
    if config.loss == "sequence":
        return sequence_loss(predicted, truth)
    return pose_loss(predicted.flatten(0, 1), truth.flatten(0, 1), config.bone_loss)
