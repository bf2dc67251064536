"""What several of the networks are made of, and two optional parts that any of them can switch on.

The papers name "2D pose enhancement" and "3D-to-2D projection attention" without giving layers; these are the simplest forms.
Both look at one frame at a time, so that strided and dense, batch and streaming stay equal, and both start as the identity.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..joints import JOINT_NAMES
from ..values import COUNT, MORE_THAN_NONE, PART, Allowed, check_values

_HIDDEN = 256
_ALLOWED: dict[str, Allowed] = {
    **dict.fromkeys(("frames", "channels", "groups", "branches", "reduction", "width", "depth", "heads"), COUNT),
    **dict.fromkeys(("dropout", "drop_path"), PART),
    "mlp_ratio": MORE_THAN_NONE,
    "joints": (lambda value: value == len(JOINT_NAMES), f"{len(JOINT_NAMES)}"),
    "inputs": (lambda value: value in (2, 3, 6), "2, 3 or 6"),
}


def levels_of(frames: int) -> int:
    """f for a receptive field of 3^f frames. Raises ValueError where it is no power of 3 from 9."""
    levels, rest = 0, frames
    while rest > 1 and rest % 3 == 0:
        levels, rest = levels + 1, rest // 3
    if rest != 1 or levels < 2:
        raise ValueError(f"frames must be a power of 3, 9 or more, not {frames}")
    return levels


def check_network(config: object) -> None:
    """Raises ValueError for a setting of a network that means nothing."""
    check_values(config, _ALLOWED)


class WindowConfig:
    """What the configurations of window networks share; the fields are theirs."""

    frames: int
    causal: bool

    @property
    def target(self) -> int:
        """Index in the window of the frame whose pose comes out."""
        return self.frames - 1 if self.causal else self.frames // 2


def one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Raises ValueError unless `value` is among `choices`."""
    if value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(choices)}, not {value}")


class Rows(nn.Module):
    """BatchNorm over rows of channels, whatever the leading shape. fused_mish: see fused.py."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)
        self.fused_mish: Callable[[nn.BatchNorm1d, Tensor], Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:  # [..., C]
        return self.norm(x.reshape(-1, x.shape[-1])).view(x.shape)

    def mish(self, x: Tensor) -> Tensor:  # [..., C]
        if self.training and self.fused_mish is not None:
            return self.fused_mish(self.norm, x)
        return F.mish(self(x))


class OwnStatistics(nn.Module):
    """BatchNorm with statistics of its own and another norm's scale and shift: for rows that share that norm's weights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels, affine=False)

    def forward(self, x: Tensor, shared: Rows) -> Tensor:  # [..., C]
        y = self.norm(x.reshape(-1, x.shape[-1])).view(x.shape)
        return y * shared.norm.weight.to(y.dtype) + shared.norm.bias.to(y.dtype)


class PoseEnhance(nn.Module):
    """2D pose enhancement: each frame's joints moved by what the rest of the body says about them."""

    def __init__(self, joints: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(joints * 2, _HIDDEN)
        self.out = nn.Linear(_HIDDEN, joints * 2)
        _start_at_zero(self.out)

    def forward(self, x: Tensor) -> Tensor:  # [..., J, 2 and what else is seen of a joint]
        seen = x[..., :2]
        seen = seen + self.out(F.mish(self.hidden(seen.flatten(-2)))).view(seen.shape).to(x.dtype)
        return torch.cat([seen, x[..., 2:]], -1)


class ProjectionAttention(nn.Module):
    """3D-to-2D projection attention: the estimate is projected, and where it misses the input 2D it is corrected.

    The person's distance is not known: it and the scale are those that bring the projection nearest to the input. The correction
    of each joint is gated by an attention that sees all misses.
    """

    def __init__(self, joints: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(joints * (2 + 3), _HIDDEN)
        self.out = nn.Linear(_HIDDEN, joints * (3 + 1))
        _start_at_zero(self.out)

    def forward(self, pose: Tensor, seen: Tensor) -> Tensor:  # pose [..., J, 3], seen [..., J, 2 or more] of the same frame
        miss = projection_miss(pose, seen[..., :2].float())
        seen_and_found = torch.cat([miss, pose], -1).flatten(-2).to(self.hidden.weight.dtype)
        change = self.out(F.mish(self.hidden(seen_and_found))).to(pose.dtype).view(*pose.shape[:-1], 4)
        return pose + torch.sigmoid(change[..., 3:]) * change[..., :3]


def projection_miss(pose: Tensor, seen: Tensor) -> Tensor:
    """Seen minus projected, relative to the pelvis, at the best scale and distance: [..., J, 3], [..., J, 2] -> [..., J, 2].

    u = f p / (z + d) is u = p (f/d) - u z (1/d): linear in f/d and 1/d, two unknowns by least squares.
    """
    u = seen - seen[..., :1, :]
    p, pull = pose[..., :2].flatten(-2), -(u * pose[..., 2:]).flatten(-2)
    u_flat = u.flatten(-2)
    # Far away the second unknown is 0; the small weight there keeps the two apart where a pose is flat or lost.
    pp, qq = (p * p).sum(-1) + 1e-6, (pull * pull).sum(-1) + 1e-3
    pq, pu, qu = (p * pull).sum(-1), (p * u_flat).sum(-1), (pull * u_flat).sum(-1)
    determinant = pp * qq - pq * pq
    scale, nearness = (qq * pu - pq * qu) / determinant, (pp * qu - pq * pu) / determinant
    return (u_flat - scale[..., None] * p - nearness[..., None] * pull).view(seen.shape)


def _start_at_zero(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
