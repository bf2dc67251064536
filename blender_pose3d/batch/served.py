"""A process that stays for many pieces of work: for each a JSON line on its stdin, and an answer in the worker protocol."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.errors import Pose3DError
from ..worker.protocol import Error, Progress, Result, Warning_, parse_line

_CLOSE_S = 2.0  # for a process without work to end by itself
_LOG_TAIL_BYTES = 2000


class Served:
    """Started when it is first asked, and again after it has died. One thread asks; any may `close`.

    The process ends when its stdin does, so none outlives this one, however this one ends.
    """

    def __init__(self, title: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """title: its name in sentences, as "The motion engine"."""
        self.warnings: list[str] = []
        self._title, self._command, self._environment = title, list(command), dict(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: Any = None
        self._closed = False

    def ask(self, work: object, on_progress: Callable[[Progress], None] | None = None) -> Result:
        """Have one piece of work done; `warnings` are those of it. Raises Pose3DError where it failed or the process died."""
        self.warnings = []
        process = self.start()
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(OSError):  # it is gone: what it leaves on stdout ends the loop below
            process.stdin.write(json.dumps(work).encode() + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            match parse_line(line.decode("utf-8", errors="replace")):
                case Result() as result:
                    return result
                case Error(message=message, hint=hint):
                    raise Pose3DError(message, hint=hint)
                case Warning_(message=message):
                    self.warnings.append(message)
                case Progress() as progress if on_progress is not None:
                    on_progress(progress)
        code = process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        said = self._last_words()
        self._process = None
        raise Pose3DError(f"{self._title} stopped unexpectedly ({how}).", hint=f"Its last words: {said}" if said else "")

    def start(self) -> subprocess.Popen[bytes]:
        """The process, started if it does not run. Raises Pose3DError where it cannot be."""
        if self._closed:
            raise Pose3DError("The batch was stopped.")
        if self._process is None:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
            pipe = subprocess.PIPE
            try:
                self._process = subprocess.Popen(
                    self._command, env=self._environment, stdin=pipe, stdout=pipe, stderr=self._log, **_own_group()
                )
            except OSError as error:
                reason = error.strerror or str(error)
                raise Pose3DError(f"{self._title}, {self._command[0]}, could not be started: {reason}.") from error
        return self._process

    def close(self) -> None:
        """Let a process without work end, and end one that has some."""
        self._closed = True
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError, ValueError):
            assert process.stdin is not None
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_CLOSE_S)
        _kill(process)

    def _last_words(self) -> str:
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _LOG_TAIL_BYTES))
        lines = self._log.read().decode("utf-8", errors="replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _own_group() -> dict[str, Any]:
    """Ctrl-C goes to us alone, and we can end the process with all that it started."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
    return {"start_new_session": True}


def _kill(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()
