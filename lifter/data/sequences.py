"""Training sequences: the same windows with the truth of every frame, for networks that give a pose for each."""

from __future__ import annotations

import torch
from torch import Tensor

from .batches import MotionBatches
from .pairs import PairBatches


class SequenceBatches(MotionBatches):
    """(sequences [B, T, 17, 2], targets [B, T, 17, 3]): all in the axes of the virtual camera of the `target` frame."""

    def sample(self, batch: int) -> tuple[Tensor, Tensor]:
        sequences, view_from_camera, camera = self._observed(batch)
        return sequences, torch.einsum("bij,btkj->btki", view_from_camera, camera - camera[:, :, :1])


class SequencePairs(PairBatches):
    """The same from rendered pairs, mirrored and rolled at random; NaN for unknown joints."""

    def sample(self, batch: int) -> tuple[Tensor, Tensor]:
        return self._augmented(batch, whole=True)
