"""The dense dilated TCN that the papers compare with, and its strided twin with the same parameters.

Pavllo et al., "3D human pose estimation in video with temporal convolutions and semi-supervised training" (CVPR 2019).
N = 3^f frames, C channels: a k3 convolution, then f - 1 blocks of a k3 convolution with dilation 3^i and a 1x1, with residuals.

The dense form runs over a whole sequence and shares all work between neighbouring frames. The strided form computes only what
one window's pose needs: equal output and gradient (with the batch norms in eval mode: in training they see fewer rows).
Channels-last, [B, T, C]: a convolution is three slices side by side times one matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..joints import JOINT_NAMES
from .parts import PoseEnhance, ProjectionAttention, Rows, WindowConfig, check_network, levels_of, one_of


@dataclass(frozen=True)
class TCNConfig(WindowConfig):
    """frames: the receptive field N, a power of 3 from 9. causal: only frames up to the target are looked at.

    form: how it is trained, on windows ("strided") or on sequences ("dense"). The parameters are the same.
    enhance, project: the optional parts of parts.py. inputs: values of a joint, as in normalise.py.
    """

    frames: int = 27
    channels: int = 1024
    dropout: float = 0.25
    causal: bool = False
    form: str = "strided"
    joints: int = len(JOINT_NAMES)
    inputs: int = 2
    enhance: bool = False
    project: bool = False

    def __post_init__(self) -> None:
        check_network(self)
        levels_of(self.frames)
        one_of("form", self.form, ("strided", "dense"))


class Block(nn.Module):
    """A k3 convolution and a 1x1, each with BN, activation and dropout; `joined` holds the three taps side by side."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Linear(3 * channels, channels, bias=False)
        self.conv_norm = Rows(channels)
        self.mix = nn.Linear(channels, channels, bias=False)
        self.mix_norm = Rows(channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, joined: Tensor, residual: Tensor) -> Tensor:  # [..., 3 C], [..., C] -> [..., C]
        y = self.dropout(F.relu(self.conv_norm(self.conv(joined))))
        return residual + self.dropout(F.relu(self.mix_norm(self.mix(y))))


class TCN(nn.Module):
    """[B, N, 17, 2] normalised 2D -> [B, 17, 3] metres relative to the pelvis.

    every_frame: [B, T, 17, 2] -> [B, T-N+1, 17, 3].
    """

    def __init__(self, config: TCNConfig) -> None:
        super().__init__()
        self.config = config
        c = config.channels
        self.enhance = PoseEnhance(config.joints) if config.enhance else None
        self.project = ProjectionAttention(config.joints) if config.project else None
        self.stem = nn.Linear(3 * config.joints * config.inputs, c, bias=False)
        self.stem_norm = Rows(c)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(c, config.dropout) for _ in range(levels_of(config.frames) - 1))
        self.head = nn.Linear(c, config.joints * 3)

    @property
    def outputs_sequence(self) -> bool:
        """Whether it is trained on sequences."""
        return self.config.form == "dense"

    def output_frames(self, frames: int) -> slice:
        """The frames of a sequence whose poses `every_frame` gives."""
        return slice(self.config.target, self.config.target + frames - self.config.frames + 1)

    def forward(self, x: Tensor, *, every_frame: bool = False) -> Tensor:
        x = x if self.enhance is None else self.enhance(x)
        pose = self._dense(x) if every_frame else self._strided(x)[:, 0]
        if self.project is None:
            return pose
        return self.project(pose, x[:, self.output_frames(x.shape[1])] if every_frame else x[:, self.config.target])

    def _dense(self, x: Tensor) -> Tensor:
        h = self.first(three_taps(x.flatten(2), 1))
        for i, block in enumerate(self.blocks, 1):
            d = 3**i
            residual = h[:, 2 * d :] if self.config.causal else h[:, d:-d]
            h = block(three_taps(h, d), residual)
        return self.last(h)

    def _strided(self, x: Tensor) -> Tensor:
        h = self.first(x.reshape(x.shape[0], x.shape[1] // 3, -1))
        for block in self.blocks:
            residual = h[:, (2 if self.config.causal else 1) :: 3]
            h = block(h.reshape(h.shape[0], h.shape[1] // 3, -1), residual)
        return self.last(h)

    def first(self, joined: Tensor) -> Tensor:  # [..., 6 J] -> [..., C]
        return self.dropout(F.relu(self.stem_norm(self.stem(joined))))

    def last(self, h: Tensor) -> Tensor:  # [..., C] -> [..., J, 3]
        return self.head(h).float().view(*h.shape[:-1], self.config.joints, 3)  # ONNX would have unflatten for one batch size


def three_taps(x: Tensor, dilation: int) -> Tensor:
    """The steps t, t + d, t + 2 d side by side: [B, T, C] -> [B, T - 2 d, 3 C]."""
    length = x.shape[1] - 2 * dilation
    return torch.cat([x[:, k * dilation : k * dilation + length] for k in range(3)], dim=-1)
