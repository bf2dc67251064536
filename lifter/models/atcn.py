"""ATCN: the attention-based temporal convolutional network, the paper's form without dilation levels.

Liu et al., "Attention Mechanism Exploits Temporal Contexts: Real-Time 3D Human Pose Reconstruction" (CVPR 2020) and its
journal version. Where the papers are silent the reading is the one that reproduces the published parameter counts
(5.69M / 8.46M / 11.25M for 27 / 81 / 243 frames).

B windows, N frames, J = 17 joints, C channels, n_i the length that layer i starts from: N/3, N/9, ... 3.
Everything is kept channels-last, [B, n, C]: every convolution here has a stride equal to its kernel and so is a matrix product.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..joints import JOINT_NAMES


@dataclass(frozen=True)
class ATCNConfig:
    """frames: the receptive field N, a power of 3 from 9. channels C, groups G, branches M, reduction r as in the paper.

    causal: the window ends at the target frame instead of being centred on it.
    """

    frames: int = 27
    channels: int = 1024
    groups: int = 8
    branches: int = 3
    reduction: int = 128
    dropout: float = 0.2
    causal: bool = False
    joints: int = len(JOINT_NAMES)

    def __post_init__(self) -> None:
        levels = round(math.log(self.frames, 3))
        if self.frames < 9 or 3**levels != self.frames:
            raise ValueError(f"frames must be a power of 3, 9 or more, not {self.frames}")

    @property
    def target(self) -> int:
        """Index in the window of the frame whose pose comes out."""
        return self.frames - 1 if self.causal else self.frames // 2

    @property
    def lengths(self) -> tuple[int, ...]:
        """Length before each layer: (9, 3) for N = 27."""
        return tuple(self.frames // 3**i for i in range(1, round(math.log(self.frames, 3))))


class Rows(nn.Module):
    """BatchNorm over rows of channels, whatever the leading shape."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:  # [..., C]
        return self.norm(x.reshape(-1, x.shape[-1])).view(x.shape)


class TemporalAttention(nn.Module):
    """Scores of the frames against the target frame, mapped from layer to layer: N -> n_0 -> n_1 ... (eqs. 1 to 3, recursive)."""

    def __init__(self, config: ATCNConfig) -> None:
        super().__init__()
        self.target = config.target
        sizes = (config.frames, *config.lengths)
        self.theta = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes[:-1], sizes[1:], strict=True))
        self.norm = nn.ModuleList(nn.BatchNorm1d(b, affine=False) for b in sizes[1:])

    def forward(self, x: Tensor) -> list[Tensor]:  # x [B, N, J, 2] -> one [B, n_i] for each layer
        centred = (x - x[:, :, :1]).flatten(2)  # the pelvis is joint 0 of the order in joints.py
        a = F.cosine_similarity(centred, centred[:, self.target : self.target + 1], dim=2, eps=1e-6)  # [B, N]
        weights = []
        for theta, norm in zip(self.theta, self.norm, strict=True):
            a = torch.sigmoid(norm(theta(a)))
            weights.append(a)
        return weights


class Branch(nn.Module):
    """A grouped convolution of kernel 3, stride 3 and the given dilation; edges replicated; BN and activation."""

    def __init__(self, channels: int, groups: int, length: int, dilation: int) -> None:
        super().__init__()
        # The layout of nn.Conv1d, and its initialisation; the product below is the same convolution as one batched matmul.
        conv = nn.Conv1d(channels, channels, 3, stride=3, groups=groups, dilation=dilation)
        self.weight, self.bias, self.groups = conv.weight, conv.bias, groups
        self.norm = Rows(channels)
        middle = torch.arange(1, length, 3)[:, None]
        taps = (middle + dilation * torch.arange(-1, 2)[None]).clamp(0, length - 1)
        self.register_buffer("taps", taps, persistent=False)  # [p, 3]

    def forward(self, x: Tensor) -> Tensor:  # [B, n, C] -> [B, n/3, C]
        b, _, c = x.shape
        p, g = self.taps.shape[0], self.groups
        rows = x[:, self.taps.flatten()].view(b * p, 3, g, c // g)
        rows = rows.permute(2, 0, 3, 1).reshape(g, b * p, -1)  # [G, B p, (C/G) 3]
        weight = self.weight.view(g, c // g, -1).transpose(1, 2)  # [G, (C/G) 3, C/G]
        y = torch.bmm(rows, weight).permute(1, 0, 2).reshape(b, p, c) + self.bias
        return F.mish(self.norm(y))


class KernelAttention(nn.Module):
    """Branches of different dilation, mixed per channel by a softmax over the branches (eqs. 4 to 6)."""

    def __init__(self, config: ATCNConfig, length: int) -> None:
        super().__init__()
        c, r, m = config.channels, config.reduction, config.branches
        self.branches = nn.ModuleList(Branch(c, config.groups, length, d + 1) for d in range(m))
        self.squeeze = nn.Linear(c, r)
        self.excite = nn.ModuleList(nn.Linear(r, c) for _ in range(m))

    def forward(self, x: Tensor) -> Tensor:  # [B, n, C] -> [B, n/3, C]
        outs = torch.stack([branch(x) for branch in self.branches])  # [M, B, p, C]
        z = self.squeeze(outs.sum(0).mean(1))  # [B, r]
        weights = torch.stack([fc(z) for fc in self.excite]).softmax(0)  # [M, B, C]
        return (outs * weights[:, :, None]).sum(0)


class Layer(nn.Module):
    """n -> n/3: kernel attention, 1x1, and the middle (causal: last) frame of each triple as the residual."""

    def __init__(self, config: ATCNConfig, length: int) -> None:
        super().__init__()
        self.kept = 2 if config.causal else 1
        self.attention = KernelAttention(config, length)
        self.mix = nn.Linear(config.channels, config.channels, bias=False)
        self.norm = Rows(config.channels)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, a: Tensor) -> Tensor:  # x [B, n, C], a [B, n] -> [B, n/3, C]
        residual = x[:, self.kept :: 3]
        y = self.dropout(self.attention(x * a[:, :, None].to(x.dtype)))
        return residual + self.dropout(F.mish(self.norm(self.mix(y))))


class ATCN(nn.Module):
    """[B, N, 17, 2] normalised 2D -> [B, 17, 3] metres relative to the pelvis, for the target frame."""

    def __init__(self, config: ATCNConfig) -> None:
        super().__init__()
        self.config = config
        self.temporal = TemporalAttention(config)
        self.stem = nn.Linear(3 * config.joints * 2, config.channels, bias=False)  # kernel 3, stride 3
        self.stem_norm = Rows(config.channels)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config, n) for n in config.lengths)
        self.head = nn.Linear(config.channels, config.joints * 3)

    def forward(self, x: Tensor) -> Tensor:
        b, n = x.shape[:2]
        weights = self.temporal(x)
        h = self.stem(x.reshape(b, n // 3, -1))  # [B, N/3, C]
        h = self.dropout(F.mish(self.stem_norm(h)))
        for layer, a in zip(self.layers, weights, strict=True):
            h = layer(h, a)
        return self.head(h[:, 0]).float().view(b, self.config.joints, 3)
