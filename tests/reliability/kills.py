"""Runs that are killed at random points of their duration, and what must hold after each kill. Linux: it looks into /proc."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ORPHANS_END_S = 15.0  # a child that is importing its libraries sees only after it that its parent is gone
_RUN_S = 180.0
_DAYS_S = 10 * 86400.0
_TOKEN = "POSE3D_TEST_RUN"  # in the environment of a run, and so of all that it starts
SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@dataclass(frozen=True)
class Victim:
    """A program of the product, started again and again.

    outputs: the files that an undisturbed run makes, compared by `content`; fresh: deletes what would leave a run without work;
    watched: folders in which nothing may pile up, but for files of these `strays`' names, which are not the product's.
    """

    kind: str
    command: Sequence[str]
    environment: Mapping[str, str]
    outputs: Sequence[Path]
    fresh: Callable[[], object]
    watched: Sequence[Path]
    content: Callable[[Path], str] = digest
    strays: Sequence[str] = ()
    signals: Sequence[signal.Signals] = SIGNALS


@dataclass(frozen=True)
class Trial:
    """name: what was done; problems: empty where all held."""

    name: str
    problems: tuple[str, ...]


class Killer:
    def __init__(self, victim: Victim, *, seed: int) -> None:
        """Runs the victim twice: to fill its caches, then to see how long it takes and what it makes."""
        self._victim, self._random = victim, random.Random(seed)
        self.orphans_ended_s = 0.0  # the longest that a child outlived its parent
        for _ in range(2):
            victim.fresh()
            began_s = time.monotonic()
            problem = self._run_whole()
            assert not problem, problem
        self.seconds = time.monotonic() - began_s
        self._expected = self._made()
        assert set(self._expected) == set(victim.outputs), "an undisturbed run does not make its outputs"
        self._baseline = self._files()

    def trial(self, number: int) -> Trial:
        """One kill, and the run after it."""
        victim, how = self._victim, self._victim.signals[number % len(self._victim.signals)]
        share = self._random.uniform(0.0, 1.0)
        while True:
            victim.fresh()
            with tempfile.TemporaryFile() as log:
                process, token = self._start(log)
                time.sleep(share * self.seconds)
                if process.poll() is None:
                    break
            end(token)
            share *= 0.9  # it was faster this time
        process.send_signal(how)
        problems = []
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(ORPHANS_END_S)
        if process.poll() is None:
            problems.append(f"goes on after {how.name}")
        problems += [f"{path.name} is half written" for path, found in self._made().items() if found != self._expected[path]]
        # Every other next run starts while children of the killed one may still be ending.
        if number % 2:
            problems += self._orphans_of(token)
        if problem := self._run_whole():
            problems.append(f"the next run: {problem}")
        elif self._made() != self._expected:
            problems.append("the next run's result is another one")
        if not number % 2:
            problems += self._orphans_of(token)
            process.wait()
        return Trial(f"{victim.kind}: {how.name} after {share:.3f} of the run", tuple(problems))

    def _orphans_of(self, token: str) -> list[str]:
        began_s = time.monotonic()
        orphans = those_left(token)
        end(token)
        self.orphans_ended_s = max(self.orphans_ended_s, time.monotonic() - began_s)
        return [f"orphans: {orphans}"] if orphans else []

    def left_now(self) -> list[str]:
        """What is in the watched folders beside the baseline."""
        return sorted(str(path) for path in self._files() - self._baseline)

    def left_days_later(self) -> list[str]:
        """The same when ten days have passed and the program has run once more."""
        then_s = time.time() - _DAYS_S
        for path in sorted(self._files() - self._baseline, reverse=True):  # folders after what is in them
            os.utime(path, (then_s, then_s), follow_symlinks=False)
        self._victim.fresh()
        problem = self._run_whole()
        return [problem] if problem else self.left_now()

    def _start(self, log: object) -> tuple[subprocess.Popen[bytes], str]:
        token = uuid.uuid4().hex
        process = subprocess.Popen(
            list(self._victim.command),
            env={**self._victim.environment, _TOKEN: token},
            stdin=subprocess.DEVNULL,
            stdout=log,  # type: ignore[call-overload]
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # A shell's background jobs, this test perhaps, are started with Ctrl-C ignored.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        return process, token

    def _run_whole(self) -> str:
        """The problem in a few words, or nothing."""
        with tempfile.TemporaryFile() as log:
            process, token = self._start(log)
            try:
                code = process.wait(_RUN_S)
            except subprocess.TimeoutExpired:
                end(token)
                process.wait()
                return f"no end within {_RUN_S:g} s"
            orphans = those_left(token)
            end(token)
            log.seek(0)
            said = log.read().decode(errors="replace")
        if code or "Traceback" in said:
            return f"exit code {code}: {said[-1500:]}"
        return f"it left processes: {orphans}" if orphans else ""

    def _made(self) -> dict[Path, str]:
        made = {}
        for path in self._victim.outputs:
            if path.exists():
                try:
                    made[path] = self._victim.content(path)
                except Exception as damage:  # whatever half a file makes its reader raise
                    made[path] = f"unreadable: {damage}"
        return made

    def _files(self) -> set[Path]:
        found = {path for folder in self._victim.watched for path in folder.rglob("*")}
        return {path for path in found if not any(path.match(pattern) for pattern in self._victim.strays)}


def processes_of(token: str) -> list[int]:
    """Those that inherited the run's environment and live."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):  # it has ended, or is another user's
            if entry.name.isdigit() and f"{_TOKEN}={token}".encode() in (entry / "environ").read_bytes():
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
                if state not in "ZX":
                    found.append(int(entry.name))
    return found


def those_left(token: str) -> list[str]:
    """The command lines of what still runs when there was time enough to end."""
    deadline_s = time.monotonic() + ORPHANS_END_S
    while (left := processes_of(token)) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    lines = []
    for pid in left:
        with contextlib.suppress(OSError):
            lines.append(Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")[:200])
    return lines


def end(token: str) -> None:
    for pid in processes_of(token):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
