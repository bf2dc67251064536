"""Writing a file so that a crash, a full disk or a cancel never leaves half of it behind."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from .errors import LifterError


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def check_writable(path: Path) -> None:
    """Find out before the work, not after it, that `path` cannot be written. Raises LifterError; leaves nothing behind."""
    with contextlib.suppress(_Untouched), replacing(path):
        raise _Untouched


class _Untouched(Exception):
    pass
