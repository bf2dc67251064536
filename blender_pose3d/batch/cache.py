"""The tracks between motion engines and Blenders: kept for other rigs and later runs, the oldest deleted where room is short."""

from __future__ import annotations

import contextlib
import math
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from ..core.errors import Pose3DError
from ..core.leftovers import UNFINISHED_TRACKS, remove_stale, scratch
from .jobs import TRACK_SUFFIX

SEEN_NAME = "seen"  # a folder among the tracks: what was seen of whole clips (lifter/kept.py)


class Track:
    """A track file that is in use until `release`: no run's cache deletes it meanwhile. Without a file of the cache's: any."""

    def __init__(self, path: Path, held: IO[bytes] | None = None) -> None:
        self.path, self._held = path, held

    def release(self) -> None:
        if self._held is not None:
            self._held.close()


class TrackCache:
    """A folder of tracks by name; several runs may share it. A track that was used lately is the last to go."""

    def __init__(self, folder: Path, *, limit_bytes: float = math.inf) -> None:
        self.folder, self._limit_bytes = folder, limit_bytes

    def hold(self, name: str) -> Track | None:
        """The track of that name, in use from now on; None where there is none. Raises Pose3DError where it cannot be read."""
        path = self.folder / name
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Pose3DError(
                f"The track {path} cannot be read: {error.strerror}.", hint="Delete it, or mend its folder."
            ) from error
        with contextlib.suppress(OSError):
            _hold(file)
            # Between the two lines above it may have been deleted.
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                with contextlib.suppress(OSError):
                    os.utime(path)
                return Track(path, file)
        file.close()
        return None

    @property
    def seen(self) -> Path:
        """The folder of what was seen of clips; it may not exist yet."""
        return self.folder / SEEN_NAME

    def prune(self) -> None:
        """Delete the tracks that were not used for longest until the rest is within the limit; what is in use stays. What was
        seen of clips may take a tenth of the limit more."""
        for folder, limit_bytes in ((self.folder, self._limit_bytes), (self.seen, self._limit_bytes / 10)):
            for pattern in UNFINISHED_TRACKS:
                remove_stale(folder, pattern)
            if not math.isinf(limit_bytes):
                _prune(folder, limit_bytes)


@contextlib.contextmanager
def usable(cache: TrackCache, say: Callable[[str], object]) -> Iterator[TrackCache]:
    """The cache; where its folder cannot be written, as in a home that is read-only, one in a temporary folder, which is said."""
    try:
        cache.folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache.folder):
            pass
    except OSError as error:
        say(f"The tracks are not kept: the folder {cache.folder} cannot be written ({error.strerror}).")
    else:
        yield cache
        return
    with scratch() as folder:
        yield TrackCache(folder, limit_bytes=cache._limit_bytes)


def _prune(folder: Path, limit_bytes: float) -> None:
    found = []
    for path in folder.glob(f"*{TRACK_SUFFIX}"):
        with contextlib.suppress(OSError):
            status = path.stat()
            found.append((status.st_mtime_ns, status.st_size, path))
    total = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if total <= limit_bytes:
            return
        if _deleted(path):
            total -= size


def _deleted(path: Path) -> bool:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            path.unlink()  # which fails as long as anybody has it open
            return True
        with path.open("r+b") as file:
            _lock(file, shared=False)
            path.unlink()
            return True
    return False


def _hold(file: IO[bytes]) -> None:
    """Raises BlockingIOError where somebody deletes it now."""
    try:
        _lock(file, shared=True)
    except BlockingIOError:
        raise
    except OSError:  # a file system without locks, where nobody deletes it either
        pass


def _lock(file: IO[bytes], *, shared: bool) -> None:
    """The operating system's, which ends with the file. Raises BlockingIOError where somebody uses it, another OSError where
    there are none."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file.fileno(), (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
