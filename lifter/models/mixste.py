"""MixSTE: attention over the joints of a frame and over the frames of a joint in turns, a pose for every frame.

Zhang et al., "MixSTE: Seq2seq Mixed Spatio-Temporal Encoder for 3D Human Pose Estimation in Video" (CVPR 2022).
B sequences, T frames, J = 17 joints, D width. The published size, T = 243, D = 512, depth 8, has 33,783,811 parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..joints import JOINT_NAMES
from .parts import PoseEnhance, ProjectionAttention, check_network


@dataclass(frozen=True)
class MixSTEConfig:
    """frames: T, the longest sequence. width D; depth: pairs of a spatial and a temporal block; drop_path: of the last block.

    enhance, project: the optional parts of parts.py. inputs: values of a joint, as in normalise.py.
    """

    frames: int = 243
    width: int = 512
    depth: int = 8
    heads: int = 8
    mlp_ratio: float = 2.0
    drop_path: float = 0.1
    joints: int = len(JOINT_NAMES)
    inputs: int = 2
    enhance: bool = False
    project: bool = False

    def __post_init__(self) -> None:
        check_network(self)
        if self.width % self.heads:
            raise ValueError(f"width ({self.width}) must be a multiple of heads ({self.heads})")

    @property
    def target(self) -> int:
        """Index of the frame whose pose comes out when one is asked for."""
        return self.frames // 2


class Block(nn.Module):
    """Pre-norm attention and MLP over the second axis: [S, L, D] -> [S, L, D]."""

    def __init__(self, config: MixSTEConfig, drop_path: float) -> None:
        super().__init__()
        d, hidden = config.width, int(config.width * config.mlp_ratio)
        self.heads, self.drop_path = config.heads, drop_path
        self.norm1 = nn.LayerNorm(d, eps=1e-6)
        self.qkv = nn.Linear(d, 3 * d)
        self.proj = nn.Linear(d, d)
        self.norm2 = nn.LayerNorm(d, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(d, hidden), nn.GELU(), nn.Linear(hidden, d))

    def forward(self, x: Tensor) -> Tensor:
        s, n, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(s, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(s, n, d)
        x = x + self._kept(self.proj(y))
        return x + self._kept(self.mlp(self.norm2(x)))

    def _kept(self, y: Tensor) -> Tensor:
        """Stochastic depth: a whole row of S is left out at random in training."""
        if not self.training or self.drop_path == 0:
            return y
        keep = 1 - self.drop_path
        return y * (torch.rand(y.shape[0], 1, 1, device=y.device) < keep).to(y.dtype) / keep


class MixSTE(nn.Module):
    """[B, T, 17, 2] normalised 2D -> [B, 17, 3] metres relative to the pelvis, for the target frame.

    every_frame: [B, T, 17, 3].
    """

    outputs_sequence = True

    def __init__(self, config: MixSTEConfig) -> None:
        super().__init__()
        self.config = config
        d = config.width
        self.enhance = PoseEnhance(config.joints) if config.enhance else None
        self.project = ProjectionAttention(config.joints) if config.project else None
        self.embed = nn.Linear(config.inputs, d)
        self.joint_place = nn.Parameter(torch.zeros(1, config.joints, d))
        self.frame_place = nn.Parameter(torch.zeros(1, config.frames, d))
        drop = [config.drop_path * i / max(config.depth - 1, 1) for i in range(config.depth)]
        self.spatial = nn.ModuleList(Block(config, p) for p in drop)
        self.temporal = nn.ModuleList(Block(config, p) for p in drop)
        self.spatial_norm = nn.LayerNorm(d, eps=1e-6)  # one for all depths
        self.temporal_norm = nn.LayerNorm(d, eps=1e-6)
        # nn.LayerNorm's own eps: only the blocks' and the shared norms' is given as 1e-6.
        self.head = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 3))

    def output_frames(self, frames: int) -> slice:
        """The frames of a sequence whose poses `every_frame` gives: all, or none where it is too long."""
        return slice(0, frames if frames <= self.config.frames else 0)

    def forward(self, x: Tensor, *, every_frame: bool = False) -> Tensor:
        b, t, j, _ = x.shape
        x = x if self.enhance is None else self.enhance(x)
        h = self.embed(x).view(b * t, j, -1) + self.joint_place
        for depth, (spatial, temporal) in enumerate(zip(self.spatial, self.temporal, strict=True)):
            h = self.spatial_norm(spatial(h))
            h = h.view(b, t, j, -1).transpose(1, 2).reshape(b * j, t, -1)
            if depth == 0:
                h = h + self.frame_place[:, :t]
            h = self.temporal_norm(temporal(h))
            h = h.view(b, j, t, -1).transpose(1, 2).reshape(b * t, j, -1)
        h, seen = h.view(b, t, j, -1), x
        if not every_frame:
            h, seen = h[:, self.config.target], x[:, self.config.target]
        pose = self.head(h).float()
        return pose if self.project is None else self.project(pose, seen)
