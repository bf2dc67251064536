"""Training sequences: the windows of lifter/data with the truth of every frame, for networks that give a pose for each."""

from __future__ import annotations

import torch
from torch import Tensor

from .data.batches import _BODY_HEIGHT_M, MotionBatches, derive_middle_joints
from .data.pairs import PairBatches
from .joints import MIRROR
from .normalise import encode_windows


class SequenceBatches(MotionBatches):
    """(sequences [B, T, 17, 2], targets [B, T, 17, 3]): all in the axes of the virtual camera of the `target` frame."""

    def sample(self, batch: int) -> tuple[Tensor, Tensor]:
        camera = self._seen(self._bodies(self._windows(batch)))
        rays = camera[..., :2] / camera[..., 2:].clamp_min(0.2)
        if self.noise is not None:
            rays = self._detected(rays, _BODY_HEIGHT_M / camera[:, self.target, 0, 2])
        sequences, view_from_camera = encode_windows(derive_middle_joints(rays), self.target)
        return sequences, torch.einsum("bij,btkj->btki", view_from_camera, camera - camera[:, :, :1])


class SequencePairs(PairBatches):
    """The same from rendered pairs, mirrored and rolled at random; NaN for unknown joints."""

    def sample(self, batch: int) -> tuple[Tensor, Tensor]:
        pick = torch.randint(len(self.places), (batch,), generator=self.generator, device=self.device)
        places = self.places[pick]
        offsets = torch.arange(self.frames, device=self.device) - self.target
        index = (places[:, 1:] + (offsets * self._steps(batch)[:, None]).round().long()).clamp(0, self.rays.shape[1] - 1)
        rays, truth = self.rays[places[:, :1], index], self.truth[places[:, :1], index]
        truth = truth - truth[:, :, :1]
        flip = (torch.rand(batch, generator=self.generator, device=self.device) < 0.5)[:, None, None, None]
        sign = truth.new_tensor([-1.0, 1.0, 1.0])
        rays = torch.where(flip, rays[:, :, list(MIRROR)] * sign[:2], rays)
        truth = torch.where(flip, truth[:, :, list(MIRROR)] * sign, truth)
        angle = 0.08 * torch.randn(batch, generator=self.generator, device=self.device)
        c, s = angle.cos(), angle.sin()
        roll = torch.stack([c, -s, s, c], -1).view(batch, 2, 2)
        rays = torch.einsum("bij,btkj->btki", roll, rays)
        truth = torch.cat([torch.einsum("bij,btkj->btki", roll, truth[..., :2]), truth[..., 2:]], -1)
        sequences, view_from_camera = encode_windows(derive_middle_joints(rays), self.target)
        return sequences, torch.einsum("bij,btkj->btki", view_from_camera, truth)
