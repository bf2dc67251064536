"""What a command tells while it works: JSON lines for a program (the worker protocol), a bar or lines for a person."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TextIO

from .errors import LifterError

PROTOCOL_VERSION = 1
MODES: tuple[str, ...] = ("auto", "bar", "lines", "json")
# Often enough for a smooth bar, seldom enough not to slow a short stage down.
_JSON_INTERVAL_S = 0.1
_LINES_INTERVAL_S = 5.0


class Reporter(Protocol):
    """Where a command's events go. `total` is None where nobody knows it."""

    def start(self, command: str, stages: Sequence[str]) -> None: ...
    def progress(self, stage: str, done: int, total: int | None) -> None: ...
    def warning(self, message: str) -> None: ...
    def event(self, name: str, values: Mapping[str, Any]) -> None: ...
    def result(self, output: str, summary: Mapping[str, Any]) -> None: ...
    def error(self, error: LifterError) -> None: ...


def make_reporter(mode: str, *, stderr: TextIO) -> Reporter:
    """mode: one of MODES; auto is a bar where stderr is a terminal, else lines."""
    if mode == "json":
        return JsonReporter(sys.stdout)
    if mode == "bar" or (mode == "auto" and stderr.isatty()):
        return BarReporter(stderr)
    return LineReporter(stderr)


class JsonReporter:
    """One JSON object a line, flushed; at most ten progress lines a second, but always a stage's last."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next_s = 0.0

    def start(self, command: str, stages: Sequence[str]) -> None:
        self._write({"event": "start", "protocol": PROTOCOL_VERSION, "command": command, "stages": list(stages)})

    def progress(self, stage: str, done: int, total: int | None) -> None:
        now_s = time.monotonic()
        if now_s >= self._next_s or done == total:
            self._next_s = now_s + _JSON_INTERVAL_S
            self._write({"event": "progress", "stage": stage, "done": done, "total": total})

    def warning(self, message: str) -> None:
        self._write({"event": "warning", "message": message})

    def event(self, name: str, values: Mapping[str, Any]) -> None:
        self._write({"event": name, **values})

    def result(self, output: str, summary: Mapping[str, Any]) -> None:
        self._write({"event": "result", "output": output, "summary": dict(summary)})

    def error(self, error: LifterError) -> None:
        self._write({"event": "error", "message": error.message, "hint": error.hint})

    def _write(self, event: Mapping[str, Any]) -> None:
        # ASCII, so that no console's or pipe's encoding can refuse a file name.
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()


class LineReporter:
    """Sparse lines on stderr, the result on stdout."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next_s = time.monotonic() + _LINES_INTERVAL_S

    def start(self, command: str, stages: Sequence[str]) -> None:
        pass

    def progress(self, stage: str, done: int, total: int | None) -> None:
        if done and time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _LINES_INTERVAL_S
            print(f"{stage}: {done}" + (f" of {total}" if total else ""), file=self._stream, flush=True)

    def warning(self, message: str) -> None:
        print(f"note: {message}", file=self._stream, flush=True)

    def event(self, name: str, values: Mapping[str, Any]) -> None:
        pass  # for programs

    def result(self, output: str, summary: Mapping[str, Any]) -> None:
        lines = [f"{name}: {value}" for name, value in summary.items()]
        print(*([output] if output else []), *lines, sep="\n  " if output else "\n", flush=True)

    def error(self, error: LifterError) -> None:
        print(f"error: {error.message} {error.hint}".rstrip(), file=self._stream, flush=True)


class BarReporter(LineReporter):
    """A bar for each stage."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._bar: Any = None
        self._stage = ""

    def progress(self, stage: str, done: int, total: int | None) -> None:
        if self._bar is None or stage != self._stage:
            from tqdm import tqdm

            self._close()
            self._stage = stage
            self._bar = tqdm(total=total, desc=stage, file=self._stream, unit="frame")
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def warning(self, message: str) -> None:
        self._close()
        super().warning(message)

    def result(self, output: str, summary: Mapping[str, Any]) -> None:
        self._close()
        super().result(output, summary)

    def error(self, error: LifterError) -> None:
        self._close()
        super().error(error)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
