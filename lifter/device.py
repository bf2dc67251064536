"""Where the networks run: on a graphics card that is there and works, else on the processor."""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from .errors import LifterError

# Batches at once: each takes up to 100 MB.
_MOST_AT_ONCE = 4

_Given = TypeVar("_Given")
_Done = TypeVar("_Done")


def on_device(name: str | None, work: Callable[[torch.device], _Done]) -> tuple[_Done, str]:
    """What `work` returns on the device of that name, or on the best that works. Where the best one gives up after all, because
    a scene fills a card's memory, the processor does it, and why is said: "" else. Raises LifterError for a device that was
    asked for and cannot be used, or gives up.
    """
    device = device_for(name)
    try:
        return work(device), ""
    except RuntimeError as reason:
        if device.type == "cpu":
            raise
        said = f"{device.type}: {_first_line(reason)}"
        if name is not None:
            hint = "Close what else uses it, leave --device out, or give cpu."
            raise LifterError(f"The device '{name}' gave up ({said}).", hint=hint) from reason
    return work(torch.device("cpu")), said


def on_threads(work: Callable[[_Given], _Done], batches: Sequence[_Given], device: torch.device) -> Generator[_Done, None, None]:
    """What `work` returns for each of the batches, in their order. On the processor several are worked on at once, one by each
    thread: those of torch, on one batch together, wait for each other a quarter of the time.
    """
    threads = torch.get_num_threads()
    at_once = min(threads, len(batches), _MOST_AT_ONCE)
    if device.type != "cpu" or at_once == 1:
        yield from map(work, batches)
        return
    try:
        with ThreadPoolExecutor(at_once, "batches", torch.set_num_threads, (threads // at_once,)) as pool:
            yield from pool.map(work, batches)
    finally:
        torch.set_num_threads(threads)  # what it is for threads to come hangs on who set it last


def device_for(name: str | None) -> torch.device:
    """The device of that name, or the best that works. Raises LifterError for one that cannot be used."""
    if name is None:
        there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        name = next((kind for kind, is_there in there.items() if is_there and not why_not(kind)), "cpu")
    elif why_not(name):
        raise LifterError(f"The device '{name}' cannot be used here ({why_not(name)}).", hint="Leave --device out, or give cpu.")
    return torch.zeros(1, device=name).device


@functools.cache
def why_not(name: str) -> str:
    """What torch says against computing on a device; empty where it works. A card that is there may be too old for this torch."""
    try:
        ones = torch.ones(2, 2, device=name)
        (ones @ ones).sum().item()
    except (RuntimeError, AssertionError) as reason:
        return _first_line(reason)
    return ""


def _first_line(reason: BaseException) -> str:
    """Of what an error says, without its full stop."""
    return (str(reason).strip() or type(reason).__name__).splitlines()[0].rstrip(".")
