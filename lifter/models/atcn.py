"""ATCN: the attention-based temporal convolutional network, with or without its multi-scale dilation.

Liu et al., "Attention Mechanism Exploits Temporal Contexts: Real-Time 3D Human Pose Reconstruction" (CVPR 2020) and its
journal version. Where the papers are silent the reading is the one that reproduces the published parameter counts
(5.69M / 8.46M / 11.25M for 27 / 81 / 243 frames), or else what the authors' own program computes ("the release").

B windows, N = 3^f frames, J = 17 joints, C channels, n_i the length that layer i starts from: N/3, N/9, ... 3.
Everything is kept channels-last, [B, n, C]: every convolution here has a stride equal to its kernel and so is a matrix product.

Dilation levels v = 0, 1, ... look at every 3^v-th step. The stem of level v joins the trunk before layer v; a dilation unit
U(i, v) branches off layer i and joins before layer i + 1 + v. Left open by the papers, and chosen here:
- A layer multiplies by its attention first and then adds the levels that reach it, at every layer (the release: in this order at
  layer 1, in the other from layer 2 on). Units branch off between the two, as in the release.
- "shared" levels use the weights of level 0: the stem's, and a layer's first branch (dilation 1), with its 1x1. They keep batch
  statistics of their own, since other frame distances are other distributions; that adds no parameter.
- A depthwise convolution is depthwise k3, BN, 1x1, BN without biases or an activation between, as in the release.
- The branches' dilation replicates the edges of the layer's input. Causal is what looks at no later frame than the target, which
  is the window's last: inside the window every frame may look at every other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..joints import JOINT_NAMES
from .parts import OwnStatistics, PoseEnhance, ProjectionAttention, Rows, WindowConfig, check_network, levels_of, one_of


@dataclass(frozen=True)
class ATCNConfig(WindowConfig):
    """frames: the receptive field N, a power of 3 from 9. channels C, groups G, branches M, reduction r as in the paper.

    causal: the window ends at the target frame instead of being centred on it.
    dilation: "none", "shared" (levels use level 0's weights), "separate" (stems and units of their own).
    unit_form: separate levels are "grouped" (full k3 stems, k3 units in groups) or "depthwise".
    branch_form: "grouped", or "depthwise" as in the release, with a depthwise stem.
    theta: each layer's attention from the layer before ("recursive", the paper) or from the scores ("direct", the release).
    enhance, project: the optional parts of parts.py. inputs: values of a joint, as in normalise.py.
    """

    frames: int = 27
    channels: int = 1024
    groups: int = 8
    branches: int = 3
    reduction: int = 128
    dropout: float = 0.2
    causal: bool = False
    joints: int = len(JOINT_NAMES)
    inputs: int = 2
    dilation: str = "none"
    unit_form: str = "grouped"
    branch_form: str = "grouped"
    theta: str = "recursive"
    enhance: bool = False
    project: bool = False

    def __post_init__(self) -> None:
        check_network(self)
        levels_of(self.frames)
        one_of("dilation", self.dilation, ("none", "shared", "separate"))
        one_of("unit_form", self.unit_form, ("grouped", "depthwise"))
        one_of("branch_form", self.branch_form, ("grouped", "depthwise"))
        one_of("theta", self.theta, ("recursive", "direct"))

    @property
    def lengths(self) -> tuple[int, ...]:
        """Length before each layer: (9, 3) for N = 27."""
        return tuple(self.frames // 3**i for i in range(1, levels_of(self.frames)))

    @property
    def units(self) -> tuple[tuple[int, int], ...]:
        """The dilation units (i, v): none for N = 27, three for N = 243."""
        if self.dilation == "none":
            return ()
        layers = len(self.lengths)
        return tuple((i, v) for i in range(layers) for v in range(1, layers - 1 - i))

    @property
    def kept(self) -> int:
        """The frame of each triple that stands for it: the middle one, causal the last."""
        return 2 if self.causal else 1

    def level(self, x: Tensor, v: int) -> Tensor:
        """Every 3^v-th step: [B, n, ...] -> [B, n / 3^v, ...]."""
        return x[:, 3**v - 1 if self.causal else 3**v // 2 :: 3**v]


class TemporalAttention(nn.Module):
    """Scores of the frames against the target frame, mapped from layer to layer: N -> n_0 -> n_1 ... (eqs. 1 to 3)."""

    def __init__(self, config: ATCNConfig) -> None:
        super().__init__()
        self.target, self.recursive = config.target, config.theta == "recursive"
        sizes = (config.frames, *config.lengths)
        sources = sizes[:-1] if self.recursive else (config.frames,) * len(config.lengths)
        self.theta = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sources, sizes[1:], strict=True))
        self.norm = nn.ModuleList(nn.BatchNorm1d(b, affine=not self.recursive) for b in sizes[1:])

    def forward(self, x: Tensor) -> list[Tensor]:  # x [B, N, J, 2] -> one [B, n_i] for each layer
        x = x[..., :2]
        centred = (x - x[:, :, :1]).flatten(2)  # the pelvis is joint 0 of the order in joints.py
        a = scores = F.cosine_similarity(centred, centred[:, self.target : self.target + 1], dim=2, eps=1e-6)  # [B, N]
        weights = []
        for theta, norm in zip(self.theta, self.norm, strict=True):
            a = torch.sigmoid(norm(theta(a if self.recursive else scores)))
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
        self.register_buffer("taps", _taps(length, dilation), persistent=False)  # [p, 3]

    def forward(self, x: Tensor) -> Tensor:  # [B, n, C] -> [B, n/3, C]
        return self.norm.mish(self.convolved(x[:, self.taps.flatten()]))

    def convolved(self, rows: Tensor) -> Tensor:
        """The convolution alone, of rows that lie tap after tap: [B, 3 p, C] -> [B, p, C]."""
        b, n, c = rows.shape
        p, g = n // 3, self.groups
        rows = rows.reshape(b * p, 3, g, c // g).permute(2, 0, 1, 3).reshape(g, b * p, -1)  # [G, B p, 3 (C/G)]
        weight = self.weight.view(g, c // g, c // g, 3).transpose(2, 3).reshape(g, c // g, -1)  # [G, C/G, 3 (C/G)]
        return torch.bmm(rows, weight.transpose(1, 2)).permute(1, 0, 2).reshape(b, p, c) + self.bias


class DepthwiseBranch(nn.Module):
    """The release's branch: depthwise k3 of stride 3 and the given dilation, BN, grouped 1x1, BN, activation."""

    def __init__(self, channels: int, groups: int, length: int, dilation: int) -> None:
        super().__init__()
        self.groups = groups
        self.depthwise = _depthwise_weight(channels)
        self.depthwise_norm = Rows(channels)
        self.pointwise = nn.Parameter(nn.Conv1d(channels, channels, 1, groups=groups).weight[..., 0].detach())  # [C, C/G]
        self.norm = Rows(channels)
        self.register_buffer("taps", _taps(length, dilation), persistent=False)

    def forward(self, x: Tensor) -> Tensor:  # [B, n, C] -> [B, n/3, C]
        y = self.depthwise_norm(_depthwise(x[:, self.taps.flatten()], self.depthwise))
        b, p, c = y.shape
        g = self.groups
        rows = y.view(b * p, g, c // g).transpose(0, 1)  # [G, B p, C/G]
        y = torch.bmm(rows, self.pointwise.view(g, c // g, c // g).transpose(1, 2)).transpose(0, 1).reshape(b, p, c)
        return self.norm.mish(y)


class KernelAttention(nn.Module):
    """Branches of different dilation, mixed per channel by a softmax over the branches (eqs. 4 to 6). fused: see fused.py."""

    def __init__(self, config: ATCNConfig, length: int) -> None:
        super().__init__()
        c, r, m = config.channels, config.reduction, config.branches
        branch = Branch if config.branch_form == "grouped" else DepthwiseBranch
        self.branches = nn.ModuleList(branch(c, config.groups, length, d + 1) for d in range(m))
        self.squeeze = nn.Linear(c, r)
        self.excite = nn.ModuleList(nn.Linear(r, c) for _ in range(m))
        self.fused: Callable[[KernelAttention, Tensor], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:  # [B, n, C] -> [B, n/3, C]
        if self.training and self.fused is not None:
            return self.fused(self, x)
        outs = torch.stack([branch(x) for branch in self.branches])  # [M, B, p, C]
        z = self.squeeze(outs.sum(0).mean(1))  # [B, r]
        weights = torch.stack([fc(z) for fc in self.excite]).softmax(0)  # [M, B, C]
        return (outs * weights[:, :, None]).sum(0)


class Layer(nn.Module):
    """n -> n/3: kernel attention, 1x1, and the middle (causal: last) frame of each triple as the residual."""

    def __init__(self, config: ATCNConfig, length: int) -> None:
        super().__init__()
        self.attention = KernelAttention(config, length)
        self.mix = nn.Linear(config.channels, config.channels, bias=False)
        self.norm = Rows(config.channels)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, kept: Tensor, weighted: Tensor) -> Tensor:
        """kept [B, n/3, C]; weighted [B, n, C]: x times its attention plus the levels that join here -> [B, n/3, C]."""
        y = self.dropout(self.attention(weighted))
        return kept + self.dropout(self.norm.mish(self.mix(y)))


class DepthwiseStem(nn.Module):
    """Depthwise k3 of stride 3, BN, 1x1, BN and activation: [B, n, F] -> [B, n/3, C]."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.depthwise = _depthwise_weight(features)
        self.depthwise_norm = Rows(features)
        self.pointwise = nn.Linear(features, channels, bias=False)
        self.norm = Rows(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm.mish(self.pointwise(self.depthwise_norm(_depthwise(x, self.depthwise))))


class FullStem(nn.Module):
    """Full k3 convolution of stride 3, BN and activation: [B, n, F] -> [B, n/3, C]."""

    def __init__(self, features: int, channels: int) -> None:
        super().__init__()
        self.stem = nn.Linear(3 * features, channels, bias=False)
        self.norm = Rows(channels)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm.mish(self.stem(x.reshape(x.shape[0], x.shape[1] // 3, -1)))


class GroupedUnit(nn.Module):
    """k3 of stride 3 in groups, with bias, BN and activation: [B, n, C] -> [B, n/3, C]."""

    def __init__(self, config: ATCNConfig, length: int) -> None:
        super().__init__()
        self.branch = Branch(config.channels, config.groups, length, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.branch.norm.mish(self.branch.convolved(x))


class Unit(nn.Module):
    """A dilation unit U(i, v) with weights of its own: k3 of stride 3, 1x1, and the kept frame of each triple as the residual."""

    def __init__(self, config: ATCNConfig, length: int) -> None:
        super().__init__()
        c = config.channels
        self.kept = config.kept
        self.first = GroupedUnit(config, length) if config.unit_form == "grouped" else DepthwiseStem(c, c)
        self.mix = nn.Linear(c, c, bias=False)
        self.norm = Rows(c)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, weighted: Tensor, layer: Layer) -> Tensor:  # x, weighted [B, n, C] -> [B, n/3, C]
        y = self.dropout(self.first(weighted))
        return x[:, self.kept :: 3] + self.dropout(self.norm.mish(self.mix(y)))


class SharedUnit(nn.Module):
    """A dilation unit U(i, v) with the weights of layer i's first branch and 1x1."""

    def __init__(self, config: ATCNConfig) -> None:
        super().__init__()
        self.kept = config.kept
        self.first_norm = OwnStatistics(config.channels)
        self.norm = OwnStatistics(config.channels)
        self.depthwise_norm = OwnStatistics(config.channels) if config.branch_form == "depthwise" else None
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, weighted: Tensor, layer: Layer) -> Tensor:  # x, weighted [B, n, C] -> [B, n/3, C]
        branch = layer.attention.branches[0]
        if self.depthwise_norm is None:
            y = branch.convolved(weighted)
        else:
            y = self.depthwise_norm(_depthwise(weighted, branch.depthwise), branch.depthwise_norm)
            g, c = branch.groups, y.shape[-1] // branch.groups
            y = torch.einsum("bpgc,gdc->bpgd", y.view(*y.shape[:2], g, c), branch.pointwise.view(g, c, c)).flatten(2)
        y = self.dropout(F.mish(self.first_norm(y, branch.norm)))
        return x[:, self.kept :: 3] + self.dropout(F.mish(self.norm(layer.mix(y), layer.norm)))


class ATCN(nn.Module):
    """[B, N, 17, 2] normalised 2D -> [B, 17, 3] metres relative to the pelvis, for the target frame."""

    outputs_sequence = False

    def __init__(self, config: ATCNConfig) -> None:
        super().__init__()
        self.config = config
        self.fused_gate: Callable[[Tensor, Tensor, int], tuple[Tensor, Tensor]] | None = None  # see fused.py
        features, c = config.joints * config.inputs, config.channels
        layers, dilated = len(config.lengths), config.dilation != "none"
        self.enhance = PoseEnhance(config.joints) if config.enhance else None
        self.project = ProjectionAttention(config.joints) if config.project else None
        self.temporal = TemporalAttention(config)
        if config.branch_form == "grouped":
            self.stem = nn.Linear(3 * features, c, bias=False)  # kernel 3, stride 3
            self.stem_norm = Rows(c)
        else:
            self.stem = DepthwiseStem(features, c)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(Layer(config, n) for n in config.lengths)
        self.head = nn.Linear(c, config.joints * 3)
        if dilated and config.dilation == "shared":
            self.level_stems = nn.ModuleList(_SharedStem(config) for _ in range(1, layers))
            self.units = nn.ModuleDict({f"{i}_{v}": SharedUnit(config) for i, v in config.units})
        elif dilated:
            stem = FullStem if config.unit_form == "grouped" else DepthwiseStem
            self.level_stems = nn.ModuleList(stem(features, c) for _ in range(1, layers))
            self.units = nn.ModuleDict({f"{i}_{v}": Unit(config, config.lengths[i] // 3**v) for i, v in config.units})

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.enhance is None else self.enhance(x)
        stems = [self.stem_of(self.config.level(x, v).flatten(2), v) for v in self.levels]
        return self.trunk(x, stems)

    @property
    def levels(self) -> range:
        return range(1 if self.config.dilation == "none" else len(self.config.lengths))

    def stem_of(self, x: Tensor, v: int) -> Tensor:
        """The stem of level v on that level's frames: [B, n, 2 J] -> [B, n/3, C]."""
        if v and self.config.dilation == "separate":
            h = self.level_stems[v - 1](x)
        elif v:
            h = self.level_stems[v - 1](x, self)
        elif self.config.branch_form == "grouped":
            h = self.stem_norm.mish(self.stem(x.reshape(x.shape[0], x.shape[1] // 3, -1)))
        else:
            h = self.stem(x)
        return self.dropout(h)

    def trunk(self, x: Tensor, stems: list[Tensor]) -> Tensor:
        """All after the stems. x [B, N, J, 2]; stems: one [B, N / 3^(v+1), C] for each level -> [B, J, 3]."""
        config = self.config
        joining: list[list[Tensor]] = [[] for _ in config.lengths]  # what is added before each layer
        for v, stem in enumerate(stems[1:], 1):
            joining[v].append(stem)
        h = stems[0]
        for i, (layer, a) in enumerate(zip(self.layers, self.temporal(x), strict=True)):
            weighted, kept = self.gated(h, a)
            for j, v in config.units:
                if j == i:
                    unit = self.units[f"{i}_{v}"]
                    joining[i + 1 + v].append(unit(config.level(h, v), config.level(weighted, v), layer))
            for level in joining[i]:
                weighted = weighted + level
            h = layer(kept, weighted)
        pose = self.head(h[:, 0]).float().view(x.shape[0], config.joints, 3)
        return pose if self.project is None else self.project(pose, x[:, config.target])

    def gated(self, h: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        """h [B, n, C] times attention [B, n], and the frames of h that stand for their triples, [B, n/3, C]."""
        if self.training and self.fused_gate is not None:
            return self.fused_gate(h, a, self.config.kept)
        return h * a[:, :, None].to(h.dtype), h[:, self.config.kept :: 3]


class _SharedStem(nn.Module):
    """The stem of a level with level 0's weights, and the activation."""

    def __init__(self, config: ATCNConfig) -> None:
        super().__init__()
        self.norm = OwnStatistics(config.channels)
        self.depthwise_norm = OwnStatistics(config.joints * config.inputs) if config.branch_form == "depthwise" else None

    def forward(self, x: Tensor, network: ATCN) -> Tensor:  # [B, n, 2 J] -> [B, n/3, C]
        if self.depthwise_norm is None:
            return F.mish(self.norm(network.stem(x.reshape(x.shape[0], x.shape[1] // 3, -1)), network.stem_norm))
        stem = network.stem
        y = self.depthwise_norm(_depthwise(x, stem.depthwise), stem.depthwise_norm)
        return F.mish(self.norm(stem.pointwise(y), stem.norm))


def _taps(length: int, dilation: int) -> Tensor:
    """[length / 3, 3]: the steps under a kernel of stride 3, the edges replicated."""
    middle = np.arange(1, length, 3, dtype=np.int64)[:, None]
    # By numpy, because on the meta device torch's own arange imports its compiler, which takes seconds.
    return torch.from_numpy((middle + dilation * np.arange(-1, 2)[None]).clip(0, length - 1))


def _depthwise_weight(channels: int) -> nn.Parameter:
    """[3, C], as nn.Conv1d starts them."""
    return nn.Parameter(nn.Conv1d(channels, channels, 3, groups=channels).weight[:, 0].T.detach().contiguous())


def _depthwise(rows: Tensor, weight: Tensor) -> Tensor:  # [B, 3 p, C] tap after tap, [3, C] -> [B, p, C]
    return (rows.reshape(rows.shape[0], -1, 3, rows.shape[-1]) * weight.to(rows.dtype)).sum(2)
