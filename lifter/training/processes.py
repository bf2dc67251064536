"""Processes that train together."""

from __future__ import annotations

import os
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


class Processes:
    """The processes that train together, as torchrun starts them, or this one alone. device: where this one trains."""

    def __init__(self) -> None:
        self.count, self.rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
        number = int(os.environ.get("LOCAL_RANK", 0))
        self.device = torch.device("cuda", number) if torch.cuda.is_available() else torch.device("cpu")
        self.words: dist.ProcessGroup | None = None
        self.started = False

    def __enter__(self) -> Processes:
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)
        if self.count > 1:
            self.started = not dist.is_initialized()
            if self.started:
                dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
            self.words = dist.new_group(backend="gloo")  # numbers that no GPU has to wait for
        return self

    def __exit__(self, *_: object) -> None:
        if self.words is not None:
            dist.destroy_process_group(None if self.started else self.words)

    def average(self, tensors: list[Tensor]) -> None:
        """Each of the tensors becomes the mean over the processes."""
        if self.count == 1 or not tensors:
            return
        flat = torch.cat([t.flatten() for t in tensors])
        dist.all_reduce(flat)
        parts = (flat / self.count).split([t.numel() for t in tensors])
        torch._foreach_copy_(tensors, [part.view_as(t) for part, t in zip(parts, tensors, strict=True)])

    def agreed(self, numbers: list[float]) -> list[float]:
        """What the first process says."""
        if self.count == 1:
            return numbers
        said = torch.tensor(numbers, dtype=torch.float64)
        dist.broadcast(said, 0, group=self.words)
        return said.tolist()

    def gathered(self, value: Any) -> list[Any]:
        """Everybody's value, for the first process; the others' list is empty."""
        if self.count == 1:
            return [value]
        values = [None] * self.count if self.rank == 0 else None
        dist.gather_object(value, values, group=self.words)
        return values or []
