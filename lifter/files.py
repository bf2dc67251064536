"""Writing a file so that a crash, a full disk or a cancel never leaves half of it behind."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from .errors import LifterError

_STALE_S = 600.0  # nobody writes for so long without the file growing


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; on success it takes `path`'s place, on any exception it is deleted.

    Raises LifterError where the folder cannot be made or written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise LifterError(f"Cannot write {path}: it is a folder.", hint="Give the name of a file.")
        remove_stale(path.parent, f".{glob.escape(path.name)}.*.tmp")
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        # mkstemp makes files for their owner alone; the result gets what any new file would have.
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise LifterError(f"Cannot write {path}: {reason}.", hint="Choose a folder you may write to, with space left.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def remove_stale(folder: Path, pattern: str) -> None:
    """Delete what a killed process left in `folder` under a temporary name: files and folders that nobody has changed lately."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > _STALE_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_writable(path: Path) -> None:
    """Find out before the work, not after it, that `path` cannot be written. Raises LifterError; leaves nothing behind."""
    with contextlib.suppress(_Untouched), replacing(path):
        raise _Untouched


_OF_THE_DISK = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EFBIG, errno.EIO, errno.ENAMETOOLONG, errno.EMFILE)


def disk_error(error: OSError) -> LifterError | None:
    """What the disk or its rights refuse, wherever it happens, as a sentence; None for any other error, which is a bug."""
    if error.errno not in _OF_THE_DISK:
        return None
    what = str(error.filename) if error.filename else "A file"
    return LifterError(
        f"{what} cannot be read or written: {error.strerror}.", hint="Check its permissions and the room on its disk."
    )


class _Untouched(Exception):
    pass
