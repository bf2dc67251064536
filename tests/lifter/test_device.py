"""Work shared out on the processor."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import pytest
import torch

from lifter.device import on_threads

_CPU = torch.device("cpu")


@pytest.fixture
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def _threads_of_a_new_thread() -> int:
    counts: list[int] = []
    asking = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    asking.start()
    asking.join()
    return counts[0]


@pytest.mark.parametrize(("batches", "at_once", "each"), [(9, 4, 1), (2, 2, 2), (1, 1, 4)])
def test_batches_share_the_threads_and_come_in_order(four_threads: None, batches: int, at_once: int, each: int) -> None:
    seen: list[tuple[int, int]] = []
    together = threading.Barrier(at_once)

    def work(number: int) -> int:
        if number < at_once:
            together.wait(20)  # all of them are at work, or this one breaks
        seen.append((threading.get_ident(), torch.get_num_threads()))
        return 10 * number

    assert list(on_threads(work, range(batches), _CPU)) == [10 * number for number in range(batches)]
    assert len({thread for thread, _ in seen}) == at_once and {count for _, count in seen} == {each}
    assert torch.get_num_threads() == _threads_of_a_new_thread() == 4


def test_what_is_not_wanted_any_more_is_not_done(four_threads: None) -> None:
    done: list[int] = []

    def work(number: int) -> None:
        time.sleep(0.01)
        done.append(number)

    with contextlib.closing(on_threads(work, range(1000), _CPU)) as results:
        next(results)
    assert 1 <= len(done) < 1000
    assert torch.get_num_threads() == 4


def test_a_batch_that_fails_ends_the_work(four_threads: None) -> None:
    with pytest.raises(ZeroDivisionError):
        list(on_threads(lambda number: 1 // (3 - number), range(9), _CPU))
    assert torch.get_num_threads() == 4
