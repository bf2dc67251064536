"""What a library must not leave behind: the way in which the operating system schedules this process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator


@contextlib.contextmanager
def as_before() -> Iterator[None]:
    """The scheduling of this thread is afterwards what it was.

    SVT-AV1 makes a real-time process of whoever encodes with it as root, and so of all that this one starts from then on. Two of
    those on two processors wait for each other's threads for minutes, where they spin until the kernel takes its share.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, parameters)
