"""One run of the worker process: start, events, cancel, end.

Two threads read the process's stdout and stderr into an inbox and never do anything else; the state changes only in `poll`,
`wait`, `cancel` and `close`, in whichever thread calls them (Blender's main thread, or a script's). The worker's stdin is a pipe
that nobody writes to: its end tells the worker, which knows from PARENT_PIPE_VARIABLE that it may watch it, that this process is
gone. A worker that does not watch it ends at its next progress line, which no longer has a reader.
"""

from __future__ import annotations

import atexit
import contextlib
import enum
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ..core.errors import Pose3DError
from .protocol import PROTOCOL_VERSION, Error, Event, Garbage, Progress, Result, Start, Unknown, Warning_, parse_line

PARENT_PIPE_VARIABLE = "POSE3D_PARENT_PIPE"  # "1": the worker's stdin ends when, and only when, this process does
GRACE_S = 0.4  # between asking a worker to end and killing it; with the kill well within the second that a person is promised
_PIPE_DRAIN_S = 2.0  # how long the last lines of a dead worker may take to arrive
_LOG_LINES = 200
_LOG_LINES_IN_ERROR = 8
_LOG_LINE_CHARACTERS = 1000
_WARNINGS = 100
_LINE_BYTES = 1 << 20
_INBOX_EVENTS = 1000
# How long a stage takes beside the others, about; 1 if not named. Detecting was measured at two to five times the lifting.
_STAGE_WEIGHTS = {"detect": 3.0, "download": 12.0, "install": 3.0}
_NICENESS = 5  # of a worker beside a window
_RATE_WINDOW_S = 5.0  # speed and time left are those of the last few seconds


class JobState(enum.Enum):
    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


class _Inbox:
    """What the reader threads have read and nobody has fetched yet; bounded, however much a worker prints: the newest progress
    replaces the one before it, and when full the rubbish goes first."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._lock = threading.Lock()
        self.arrived = threading.Event()

    def put(self, event: Event) -> None:
        with self._lock:
            room = _INBOX_EVENTS if isinstance(event, Garbage | Warning_ | Unknown) else 2 * _INBOX_EVENTS
            if self._events and isinstance(event, Progress) and isinstance(self._events[-1], Progress):
                self._events[-1] = event
            elif len(self._events) < room:
                self._events.append(event)
            if isinstance(event, Garbage):
                self._log.append(event.text)
        self.arrived.set()

    def put_log(self, line: str) -> None:
        with self._lock:
            self._log.append(line)

    def take(self) -> list[Event]:
        with self._lock:
            events = list(self._events)
            self._events.clear()
            self.arrived.clear()
        return events

    def log(self) -> tuple[str, ...]:
        with self._lock:
            return tuple(self._log)


class Job:
    """A worker process and what it said. `start` it, then `poll` it from a timer or `wait` for it.

    As a context manager it starts on entry and leaves no process behind on exit. `result` is set when it succeeded, `error` (a
    Pose3DError, with the end of the log where the worker did not explain itself) when it failed or was cancelled.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None, *, beside_a_window: bool = False
    ) -> None:
        """command: the program and its arguments. environment: the whole environment of the process; None inherits this one's.
        beside_a_window: the process gets the processors only where nothing that is drawn for a person needs them."""
        self.state = JobState.PENDING
        self.result: Result | None = None
        self.error: Pose3DError | None = None
        self.warnings: list[str] = []
        self.stage = ""
        self._command = list(command)
        self._beside_a_window = beside_a_window
        self._environment = None if environment is None else dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._watcher: threading.Thread | None = None
        self._inbox = _Inbox()
        self._stages: tuple[str, ...] = ()
        self._stage_fraction = 0.0
        self._seen: deque[tuple[float, float, float]] = deque()  # of this stage: when, steps done, fraction of the run
        self._reported_error: Error | None = None
        self._reported_result: Result | None = None
        self._protocol_error: Pose3DError | None = None

    @property
    def ended(self) -> bool:
        return self.state in _ENDED

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def log_tail(self) -> tuple[str, ...]:
        """The last lines that the worker wrote to stderr, and those on stdout that were not of the protocol."""
        return self._inbox.log()

    @property
    def fraction(self) -> float:
        """How much of the run is done, 0 to 1, about in proportion to time; the part of a stage of unknown length stays 0."""
        if self.state is JobState.SUCCEEDED:
            return 1.0
        if self.stage not in self._stages:
            return 0.0
        weights = [_STAGE_WEIGHTS.get(stage, 1.0) for stage in self._stages]
        now = self._stages.index(self.stage)
        return (sum(weights[:now]) + weights[now] * self._stage_fraction) / sum(weights)

    @property
    def explained(self) -> bool:
        """Whether the worker said itself what was wrong."""
        return self._reported_error is not None

    @property
    def percent(self) -> int:
        return int(self.fraction * 100)

    @property
    def steps_per_s(self) -> float | None:
        """How fast the stage goes now, in its own steps (frames, or bytes); None while that is not known."""
        now, then = self._span()
        return None if now is None or then is None else (now[1] - then[1]) / (now[0] - then[0])

    @property
    def seconds_left(self) -> float | None:
        """About, at the present speed; None while that is not known."""
        now, then = self._span()
        if now is None or then is None or now[2] <= then[2]:
            return None
        return (1.0 - now[2]) * (now[0] - then[0]) / (now[2] - then[2])

    def _span(self) -> tuple[tuple[float, float, float] | None, tuple[float, float, float] | None]:
        """The newest and the oldest that was seen, where they are far enough apart to tell a speed."""
        if len(self._seen) < 2 or self._seen[-1][0] - self._seen[0][0] < 0.5:
            return None, None
        return self._seen[-1], self._seen[0]

    def __enter__(self) -> Job:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def start(self) -> None:
        """Start the process. A program that cannot be started makes the job FAILED, with the reason in `error`."""
        if self.state is not JobState.PENDING:
            raise RuntimeError("A job runs once.")
        try:
            self._process = subprocess.Popen(
                self._command,
                env={**(os.environ if self._environment is None else self._environment), PARENT_PIPE_VARIABLE: "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                **_own_group(below_normal=self._beside_a_window),
            )
        except OSError as error:
            self.state = JobState.FAILED
            reason = error.strerror or str(error)
            self.error = Pose3DError(
                f"The motion engine {self._command[0]} could not be started: {reason}.",
                hint="Check its Python in the preferences.",
            )
            return
        self.state = JobState.RUNNING
        _remember(self)
        if self._beside_a_window and sys.platform != "win32":
            _lower_priority(self._process.pid)
        readers = [
            threading.Thread(target=_read_stdout, args=(self._process.stdout, self._inbox), name="pose3d-stdout", daemon=True),
            threading.Thread(target=_read_stderr, args=(self._process.stderr, self._inbox), name="pose3d-stderr", daemon=True),
        ]
        for reader in readers:
            reader.start()
        self._watcher = threading.Thread(
            target=_watch, args=(self._process, readers, self._inbox), name="pose3d-worker", daemon=True
        )
        self._watcher.start()

    def poll(self) -> list[Event]:
        """The events since the last call, without waiting; updates `state`. A cancelled job has no more events."""
        if self.state is not JobState.RUNNING or self._watcher is None:
            return []
        # In this order: once the watcher has ended, every line is in the inbox.
        gone = not self._watcher.is_alive()
        events = self._inbox.take()
        for event in events:
            self._note(event)
        if self._protocol_error is not None:
            _end_in_background(self._process)
            self._end(JobState.FAILED, self._protocol_error)
        elif gone:
            self._conclude()
        return events

    def wait(self, timeout_s: float | None = None, on_event: Callable[[Event], None] | None = None) -> Result:
        """Block until the worker has ended and return its result, calling `on_event` for every event on the way.

        Raises Pose3DError when the job failed, was cancelled, or ran longer than `timeout_s` (it is cancelled then).
        """
        if self.state is JobState.PENDING:
            self.start()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            for event in self.poll():
                if on_event is not None:
                    on_event(event)
            if self.ended:
                break
            if deadline is not None and time.monotonic() > deadline:
                self.close()
                self.error = Pose3DError(f"The motion engine took longer than {timeout_s:g} seconds and was ended.")
                break
            self._inbox.arrived.wait(0.1)
        if self.result is None:
            raise self.error or Pose3DError("The run was cancelled.")
        return self.result

    def cancel(self) -> None:
        """End the worker and all that it started, and return at once: it is asked to end, and killed after a grace period."""
        if self.state is JobState.PENDING:
            self.state = JobState.CANCELLED
        elif self.state is JobState.RUNNING:
            _end_in_background(self._process)
            self._end(JobState.CANCELLED, Pose3DError("The run was cancelled."))

    def close(self) -> None:
        """Cancel if it still runs, and wait until no process is left: within a second, unless a process that the worker moved
        to a group of its own holds its pipes open."""
        self.cancel()
        if self._watcher is not None:
            self._watcher.join(GRACE_S + _PIPE_DRAIN_S)

    def _note(self, event: Event) -> None:
        match event:
            case Start(protocol=protocol, stages=stages):
                self._stages = stages
                self.stage = stages[0] if stages else ""
                if protocol > PROTOCOL_VERSION:
                    self._protocol_error = Pose3DError(
                        f"The motion engine speaks protocol {protocol}, this add-on knows {PROTOCOL_VERSION}.",
                        hint="Update the add-on.",
                    )
            case Progress(stage=stage, done=done, total=total):
                if stage != self.stage:
                    self._seen.clear()
                self.stage = stage
                self._stage_fraction = min(done / total, 1.0) if total else 0.0
                now_s = time.monotonic()
                self._seen.append((now_s, done, self.fraction))
                while now_s - self._seen[0][0] > _RATE_WINDOW_S:
                    self._seen.popleft()
            case Warning_(message=message) if len(self.warnings) < _WARNINGS:
                self.warnings.append(message)
            case Result():
                self._reported_result = event
            case Error():
                self._reported_error = event

    def _conclude(self) -> None:
        """The process has ended by itself: find out how it went."""
        assert self._process is not None
        code = self._process.returncode
        if self._reported_error is not None:
            self._end(JobState.FAILED, Pose3DError(self._reported_error.message, hint=self._reported_error.hint))
        elif code == 0 and self._reported_result is not None:
            self.result = self._reported_result
            self._end(JobState.SUCCEEDED, None)
        else:
            how = "ended without a result" if code == 0 else f"stopped unexpectedly ({_exit_text(code)})"
            tail = "\n".join(self.log_tail[-_LOG_LINES_IN_ERROR:])
            hint = f"The end of its log:\n{tail}" if tail else "It left no log."
            self._end(JobState.FAILED, Pose3DError(f"The motion engine {how}.", hint=hint))

    def _end(self, state: JobState, error: Pose3DError | None) -> None:
        self.state = state
        self.error = error
        _running.discard(self)


def _own_group(*, below_normal: bool = False) -> dict[str, Any]:
    """A process group of its own: the worker and all that it started can be ended together, and Ctrl-C goes to us alone."""
    if sys.platform == "win32":
        priority = subprocess.BELOW_NORMAL_PRIORITY_CLASS if below_normal else 0
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW | priority}
    return {"start_new_session": True}


def _lower_priority(pid: int) -> None:
    """Of a process in a session of its own. Nothing happens where it has ended already."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)
    # Linux shares the processors between sessions, by this file's niceness, before it looks at that of processes.
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text(str(_NICENESS), encoding="ascii")


def _read_stdout(stream: IO[bytes], inbox: _Inbox) -> None:
    for line in _lines(stream):
        event = parse_line(line)
        if event is not None:
            inbox.put(event)


def _read_stderr(stream: IO[bytes], inbox: _Inbox) -> None:
    for line in _lines(stream):
        if line.strip():
            inbox.put_log(line.rstrip()[:_LOG_LINE_CHARACTERS])


def _lines(stream: IO[bytes]) -> Iterator[str]:
    """Decoded lines until the pipe's end; a line without an end comes in pieces, so that it cannot fill the memory."""
    with contextlib.suppress(ValueError, OSError):  # the pipe was closed under us
        while line := stream.readline(_LINE_BYTES):
            yield line.decode("utf-8", errors="replace")


def _watch(process: subprocess.Popen[bytes], readers: Sequence[threading.Thread], inbox: _Inbox) -> None:
    """Wait for the process, end what it left behind (a child of it would hold the pipes open), and let the last lines arrive."""
    process.wait()
    _signal_group(process, kill=True)
    for reader in readers:
        reader.join(_PIPE_DRAIN_S)
    for stream in (process.stdin, process.stdout, process.stderr):
        # Closing a pipe that a reader still waits on would block; such a pipe is left to the process that holds it.
        if stream is not None and not (stream is not process.stdin and any(r.is_alive() for r in readers)):
            with contextlib.suppress(OSError):
                stream.close()
    inbox.arrived.set()


def _end_in_background(process: subprocess.Popen[bytes] | None) -> None:
    if process is None:
        return

    def end() -> None:
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            _signal_group(process, kill=True)

    _signal_group(process, kill=False)
    threading.Thread(target=end, name="pose3d-end", daemon=True).start()


def _signal_group(process: subprocess.Popen[bytes], *, kill: bool) -> None:
    """Ask the worker's whole process group to end, or kill it. Nothing happens where it is already gone."""
    if sys.platform == "win32":
        # Windows has no request that a process without a window would hear: ending is killing, with the children.
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False, **_own_group())
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS says "not permitted" for a group of zombies
        os.killpg(process.pid, signal.SIGKILL if kill else signal.SIGTERM)


def _exit_text(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"


_running: set[Job] = set()


def _remember(job: Job) -> None:
    """Have the job ended when this interpreter ends, however that comes about; registered at the first start, not at import."""
    if not _running:
        atexit.unregister(close_all)
        atexit.register(close_all)
    _running.add(job)


def close_all() -> None:
    """End every job that still runs, and wait for it."""
    jobs = list(_running)
    for job in jobs:
        job.cancel()
    for job in jobs:
        job.close()
