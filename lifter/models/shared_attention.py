"""A network of our own: the papers' temporal and kernel attention on a dense trunk whose work all frames share. A proposal.

ATCN's scores and its average over time depend on the window's target, so that neighbouring windows share next to nothing. Here
both are taken around each step instead, and the trunk is the dense TCN's: one pass over a sequence gives every pose.
- Temporal attention: a tap at t + o is weighed by how much the 2D pose there resembles the one at t (cosine, as in the paper),
  through a small matrix and a sigmoid in each layer.
- Kernel attention: M branches of layer i look 1/M, 2/M ... all of the way to its reach 3^i, and are mixed per channel by a
  softmax that is computed for each step from that step's own features.
N = 3^f frames, C channels; channels-last, [B, T, C].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..joints import JOINT_NAMES
from .parts import PoseEnhance, ProjectionAttention, Rows, WindowConfig, check_network, levels_of
from .tcn import three_taps

_BRANCHES = 3  # the reach of a layer, 3^i, is divisible by it


@dataclass(frozen=True)
class SharedAttentionConfig(WindowConfig):
    """frames: the receptive field N, a power of 3 from 9. causal: only frames up to the target are looked at.

    enhance, project: the optional parts of parts.py. inputs: values of a joint, as in normalise.py.
    """

    frames: int = 81
    channels: int = 1024
    groups: int = 8
    reduction: int = 128
    dropout: float = 0.1
    causal: bool = False
    joints: int = len(JOINT_NAMES)
    inputs: int = 2
    enhance: bool = False
    project: bool = False

    def __post_init__(self) -> None:
        check_network(self)
        levels_of(self.frames)


class AttentionBlock(nn.Module):
    """[B, T, C] -> [B, T - 2 reach, C]."""

    def __init__(self, config: SharedAttentionConfig, reach: int) -> None:
        super().__init__()
        c, g = config.channels, config.groups
        if c % g:
            raise ValueError(f"channels ({c}) must be a multiple of groups ({g})")
        step = reach // _BRANCHES
        self.groups, self.length_lost, self.anchor = g, 2 * reach, 2 * reach if config.causal else reach
        # Where each branch's three taps lie, counted from the first step that the layer sees.
        self.offsets = [
            [self.anchor + k * step * m for k in ((-2, -1, 0) if config.causal else (-1, 0, 1))] for m in range(1, _BRANCHES + 1)
        ]
        self.theta = nn.Linear(3 * _BRANCHES, 3 * _BRANCHES)
        self.theta_norm = nn.BatchNorm1d(3 * _BRANCHES, affine=False)
        # [M G, (C/G) 3, C/G], started as nn.Conv1d does.
        conv = nn.Conv1d(c, c * _BRANCHES, 3, groups=g)
        self.weight = nn.Parameter(conv.weight.detach().reshape(_BRANCHES * g, c // g, -1).transpose(1, 2).contiguous())
        self.norm = Rows(_BRANCHES * c)
        self.squeeze = nn.Linear(c, config.reduction)
        self.excite = nn.Linear(config.reduction, _BRANCHES * c)
        self.mix = nn.Linear(c, c, bias=False)
        self.mix_norm = Rows(c)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, look: Tensor) -> tuple[Tensor, Tensor]:
        """x [B, T, C], look [B, T, 2 J]: root-centred poses of length 1 -> both for the steps that are left."""
        b, t = x.shape[0], x.shape[1] - self.length_lost
        c, g = x.shape[2], self.groups
        here = look[:, self.anchor : self.anchor + t]
        offsets = [o for branch in self.offsets for o in branch]
        scores = torch.stack([(look[:, o : o + t] * here).sum(-1) for o in offsets], -1)  # [B, t, 3 M]
        a = torch.sigmoid(self.theta_norm(self.theta(scores).view(b * t, -1))).view(b, t, -1, 1).to(x.dtype)
        taps = torch.stack([x[:, o : o + t] for o in offsets], 2) * a  # [B, t, 3 M, C]
        rows = taps.view(b * t, _BRANCHES, 3, g, c // g).permute(1, 3, 0, 4, 2).reshape(_BRANCHES * g, b * t, -1)
        outs = torch.bmm(rows, self.weight).transpose(0, 1).reshape(b, t, -1)
        outs = F.mish(self.norm(outs)).view(b, t, _BRANCHES, c)
        weights = self.excite(F.mish(self.squeeze(outs.sum(2)))).view(b, t, _BRANCHES, c).softmax(2)
        y = self.dropout((outs * weights).sum(2))
        return x[:, self.anchor : self.anchor + t] + self.dropout(F.mish(self.mix_norm(self.mix(y)))), here


class SharedAttention(nn.Module):
    """[B, N, 17, 2] normalised 2D -> [B, 17, 3] metres relative to the pelvis.

    every_frame: [B, T, 17, 2] -> [B, T-N+1, 17, 3].
    """

    outputs_sequence = True

    def __init__(self, config: SharedAttentionConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.enhance = PoseEnhance(config.joints) if config.enhance else None
        self.project = ProjectionAttention(config.joints) if config.project else None
        self.stem = nn.Linear(3 * config.joints * config.inputs, c, bias=False)
        self.stem_norm = Rows(c)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(AttentionBlock(config, 3**i) for i in range(1, levels_of(config.frames)))
        self.head = nn.Linear(c, config.joints * 3)

    def output_frames(self, frames: int) -> slice:
        """The frames of a sequence whose poses `every_frame` gives."""
        return slice(self.config.target, self.config.target + frames - self.config.frames + 1)

    def forward(self, x: Tensor, *, every_frame: bool = False) -> Tensor:
        x = x if self.enhance is None else self.enhance(x)
        look = F.normalize((x - x[:, :, :1])[..., :2].flatten(2), dim=-1, eps=1e-6)
        look = look[:, 2:] if self.config.causal else look[:, 1:-1]
        h = self.dropout(F.mish(self.stem_norm(self.stem(three_taps(x.flatten(2), 1)))))
        for block in self.blocks:
            h, look = block(h, look)
        pose = self.head(h).float().view(*h.shape[:-1], self.config.joints, 3)  # ONNX would have unflatten for one batch size
        if self.project is not None:
            pose = self.project(pose, x[:, self.output_frames(x.shape[1])])
        return pose if every_frame else pose[:, 0]
