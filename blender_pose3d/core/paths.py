"""Whether a file or a folder is there: `Path.is_file` and its like end in a traceback where nobody may look. Standard library."""

from __future__ import annotations

import errno
import stat
from pathlib import Path

from .errors import Pose3DError

# A name that nothing can have (a pattern's, on Windows) is one of nothing.
_NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EINVAL, errno.ENAMETOOLONG})


def is_file(path: Path) -> bool:
    """Raises Pose3DError where that cannot be found out, as in another user's folder."""
    return stat.S_ISREG(_mode(path))


def is_folder(path: Path) -> bool:
    """Raises Pose3DError like `is_file`."""
    return stat.S_ISDIR(_mode(path))


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except ValueError:  # a zero byte, half a character
        return 0
    except OSError as error:
        if error.errno in _NOT_THERE:
            return 0
        raise Pose3DError(f"{path} cannot be read: {error.strerror}.", hint="Check the path and its permissions.") from None
