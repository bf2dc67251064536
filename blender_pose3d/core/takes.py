"""Takes: the cached tracks in a folder, and which of them go when they take too much room. In a folder of its own beside them is
what the motion engine has seen of clips, so that a clip is not looked at twice."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import Pose3DError
from .leftovers import UNFINISHED_TRACKS, remove_stale
from .track_io import load_keys

SEEN_FOLDER = "seen"


@dataclass(frozen=True)
class Take:
    """One cached track. title: the clip's name, with the part that was read; frames and seconds are 0 where it cannot be read."""

    path: Path
    title: str
    frames: int
    seconds: float
    size_bytes: int
    modified_s: float

    @property
    def is_readable(self) -> bool:
        return self.frames > 0


def read_take(path: Path) -> Take:
    """What the list shows of a track; a file that is no track is still a take, which can only be deleted. Raises OSError."""
    status = path.stat()
    title, times = f"{path.stem} (cannot be read)", np.zeros(0)
    with contextlib.suppress(Pose3DError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        data = load_keys(path, ("timestamps_s", "provenance"))
        times = np.asarray(data["timestamps_s"], dtype=float).reshape(-1)
        times = times[np.isfinite(times)]
        provenance = json.loads(str(data["provenance"]))
        title = str((provenance.get("clip") or {}).get("name") or path.stem)
        settings = provenance.get("settings") or {}
        if settings.get("start_s") or settings.get("end_s") is not None:
            played_s = times * float((provenance.get("clip") or {}).get("slowdown", 1.0))
            title += f", {played_s[0]:.1f} to {played_s[-1]:.1f} s"
    seconds = float(times[-1] - times[0]) if len(times) else 0.0
    return Take(path, title, len(times), seconds, status.st_size, status.st_mtime)


def list_takes(folder: Path) -> list[Take]:
    """The folder's takes, newest first; none where there is no folder."""
    takes = []
    for path in _tracks(folder):
        with contextlib.suppress(OSError):  # gone meanwhile
            takes.append(read_take(path))
    return sorted(takes, key=lambda take: take.modified_s, reverse=True)


def prune(folder: Path, *, limit_bytes: float, keep: Collection[Path]) -> list[Path]:
    """Delete the oldest tracks until the rest is within the limit, but never those to keep. Returns what was deleted.

    What was seen of clips may take a tenth of the limit, and counts for itself: no track has to go for it.
    """
    _prune(folder / SEEN_FOLDER, limit_bytes=limit_bytes / 10, keep=())
    return _prune(folder, limit_bytes=limit_bytes, keep=keep)


def _prune(folder: Path, *, limit_bytes: float, keep: Collection[Path]) -> list[Path]:
    for pattern in UNFINISHED_TRACKS:
        remove_stale(folder, pattern)
    found = []
    for path in _tracks(folder):
        with contextlib.suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime, status.st_size, path))
    total = sum(size for _, size, _ in found)
    kept = {path.resolve() for path in keep}
    deleted = []
    for _, size, path in sorted(found):
        if total <= limit_bytes:
            break
        if path.resolve() in kept:
            continue
        with contextlib.suppress(OSError):  # held open elsewhere: the next time
            path.unlink()
            deleted.append(path)
            total -= size
    return deleted


def _tracks(folder: Path) -> list[Path]:
    return list(folder.glob("*.npz")) if folder.is_dir() else []
