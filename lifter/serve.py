"""`python -m lifter serve`: `infer` for many clips by one process, which pays once for its imports and its network.

Every line on stdin is a JSON list, the arguments of `infer`, or {"look": a list}, those of `look`; each is answered like a run of
that: start, progress, a result or an error. What is wrong with a clip ends that clip only. The end of stdin ends the process, in
the middle of a clip as well.
"""

from __future__ import annotations

import _thread
import importlib
import io
import json
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

from .clip import thread_count
from .errors import LifterError
from .files import disk_error
from .memory import keep, loading
from .progress import Reporter

_IDLE_S = 0.2  # for the main thread to see that there is no more, where it has no work
_GRACE_S = 1.0  # for temporary files to be removed, where the main thread is not deep in native code


def serve(run: Callable[[str, list[str]], object], reporter: Reporter) -> None:
    """Call `run` with the command and the arguments of every line; its LifterErrors are reported, other exceptions end the
    process.
    """
    # Before the first clip is there, which would have to wait for them. With several threads torch is loaded beside detection.
    with loading():
        for name in ("mediapipe_tasks", "detect", *(["infer"] if thread_count() == 1 else [])):
            importlib.import_module(f"{__package__}.{name}")
        keep()
    lines: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_read, args=(_stdin_apart(), lines), name="stdin", daemon=True).start()
    while (line := lines.get()) is not None:
        try:
            run(*_command(line))
        except LifterError as error:
            reporter.error(error)
        except OSError as error:
            refusal = disk_error(error)
            if refusal is None:
                raise
            reporter.error(refusal)
        lines.task_done()
    lines.task_done()


def _command(line: str) -> tuple[str, list[str]]:
    try:
        words = json.loads(line)
    except (ValueError, RecursionError):
        words = None
    command = "infer"
    if isinstance(words, dict) and list(words) == ["look"]:
        command, words = "look", words["look"]
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise LifterError(f"'{line.strip()[:100]}' is not a JSON list of texts.", hint='Write ["clip.mp4", "out.npz"].')
    return command, words


def _stdin_apart() -> TextIO:
    """Stdin, and an empty one in its place: on Windows whatever asks about a pipe in which a thread waits, as libraries do that
    are loaded and programs that are started, waits with it.
    """
    if sys.stdin is None:  # closed
        return io.StringIO()
    apart = os.fdopen(os.dup(0), encoding=sys.stdin.encoding, errors=sys.stdin.errors)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    return apart


def _read(stdin: TextIO, lines: queue.Queue[str | None]) -> None:
    for line in stdin:
        lines.put(line)
    lines.put(None)
    time.sleep(_IDLE_S)
    if lines.unfinished_tasks:
        _thread.interrupt_main(signal.SIGTERM)
        time.sleep(_GRACE_S)
        os._exit(128 + signal.SIGTERM)
