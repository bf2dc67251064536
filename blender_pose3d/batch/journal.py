"""What a batch has done so far, beside the outputs: one JSON object a line, never rewritten, readable after any interruption."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import Pose3DError

JOURNAL_NAME = "pose3d-batch.jsonl"
STARTED, DONE, FAILED = "started", "done", "failed"
# Far behind any journal's end: a lock on Windows keeps others from reading what it covers.
_LOCK_AT = 1 << 40


@dataclass(frozen=True)
class Entry:
    """The last that is known of one output. event: STARTED, DONE or FAILED; inputs: what it was made from, name -> hash or value;
    reason: why it failed; parts: `Inputs.parts` of its rig, none in journals of earlier versions."""

    event: str
    inputs: Mapping[str, Any]
    reason: str = ""
    parts: Mapping[str, Any] = field(default_factory=dict)


def read_journal(folder: Path) -> dict[str, Entry]:
    """Output's file name -> its last entry. A line that is no entry (half of one, after a power cut) is passed over."""
    entries: dict[str, Entry] = {}
    path = folder / JOURNAL_NAME
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return entries
    except OSError as error:
        raise Pose3DError(f"The journal {path} cannot be read: {error.strerror}.", hint="Check its permissions.") from error
    for line in lines:
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):
            data = json.loads(line)
            out, event, inputs = str(data["out"]), str(data["event"]), dict(data["inputs"])
            entries[out] = Entry(event, inputs, str(data.get("reason", "")), dict(data.get("parts", {})))
    return entries


def has_writer(folder: Path) -> bool:
    """Whether a run has the folder's journal now, where the file system has locks."""
    with contextlib.suppress(OSError), (folder / JOURNAL_NAME).open("rb") as file:
        return not _try_lock(file.fileno())
    return False


class Journal:
    """The journal of one folder, open for writing; only one run has it at a time. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        """Raises Pose3DError where it cannot be written, or another run has it."""
        path = folder / JOURNAL_NAME
        try:
            self._file = path.open("ab")
        except OSError as error:
            raise Pose3DError(
                f"The journal {path} cannot be written: {error.strerror}.",
                hint="Choose another --out, in a folder you may write to.",
            ) from error
        self._lock = threading.Lock()
        if not _try_lock(self._file.fileno()):
            self._file.close()
            raise Pose3DError(f"Another batch writes into {folder} now.", hint="Wait for it, or choose another --out.")
        # A line that an interruption left without its end must not swallow the next one.
        if self._file.tell():
            self._write(b"\n")

    def note(self, out: Path, event: str, inputs: Mapping[str, Any], **more: object) -> None:
        """Add a line, on the disk when this returns."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        line = json.dumps({"out": out.name, "event": event, "at": at, "inputs": dict(inputs), **more})
        self._write(line.encode() + b"\n")

    def close(self) -> None:
        with contextlib.suppress(OSError):  # what a full disk did not take was said when it was written
            self._file.close()

    def _write(self, data: bytes) -> None:
        try:
            with self._lock:
                self._file.write(data)
                self._file.flush()
                os.fsync(self._file.fileno())
        except OSError as error:
            raise Pose3DError(
                f"The journal {self._file.name} cannot be written: {error.strerror}.", hint="Make room, then run the batch again."
            ) from error


def _try_lock(descriptor: int) -> bool:
    """A lock of the operating system's, which ends with the process whatever happens to it. True also where there are none."""
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, _LOCK_AT, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            os.lseek(descriptor, 0, os.SEEK_END)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return sys.platform != "win32"  # there a held one says so; elsewhere the file system has none, as some networks' disks
    return True
