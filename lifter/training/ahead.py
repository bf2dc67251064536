"""Batches that are made while a step trains, and how long both take."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor


class Ahead:
    """Batches made by a thread of its own, each while the one before it is trained on.

    generators: what `make` takes its random numbers from; nobody else may take any until the batch that waits is forgotten.
    """

    def __init__(self, make: Callable[[], tuple[Tensor, Tensor]], generators: list[torch.Generator]) -> None:
        self._make, self._generators = make, generators
        # One processor: with all of them a batch takes longer, beside a step that has all of them too.
        self._pool = ThreadPoolExecutor(1, "batches", initializer=torch.set_num_threads, initargs=(1,))
        self._waiting: Future[tuple[list[Tensor], tuple[Tensor, Tensor]]] | None = None

    def take(self) -> tuple[Tensor, Tensor]:
        """The next batch; the one after it is begun."""
        made = self._waiting or self._pool.submit(self._made)
        self._waiting = None
        batch = made.result()[1]
        self._waiting = self._pool.submit(self._made)
        return batch

    def forget(self) -> None:
        """As if the batch that waits had never been begun: it will be the next one again."""
        if self._waiting is None:
            return
        states = self._waiting.result()[0]
        self._waiting = None
        for generator, state in zip(self._generators, states, strict=True):
            generator.set_state(state)

    def _made(self) -> tuple[list[Tensor], tuple[Tensor, Tensor]]:
        return [generator.get_state() for generator in self._generators], self._make()


class Clock:
    """Seconds spent on something, by the device's own clock: CUDA runs behind the Python that feeds it."""

    def __init__(self, device: torch.device) -> None:
        self.cuda = device.type == "cuda"
        self.marks: list[Any] = []

    def mark(self) -> None:
        """Begin, or end what was begun."""
        if self.cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.monotonic())

    def taken_s(self) -> float:
        """The sum since the last call."""
        began, ended = self.marks[::2], self.marks[1::2]
        self.marks = []
        if not self.cuda:
            return sum(b - a for a, b in zip(began, ended, strict=True))
        torch.cuda.synchronize()
        return sum(a.elapsed_time(b) for a, b in zip(began, ended, strict=True)) / 1000
