"""Files that appear whole or not at all, and what a killed run leaves under a temporary name: only the next one can delete it."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

UNFINISHED_TRACKS = (".*.npz.*.tmp", ".*.npz.*.partial")  # as the motion engine and as track_io call them
_SESSION_PREFIX = "blender_"  # of the folder in which a Blender has its own temporary files
_SCRATCH_PREFIX = "pose3d-scratch-"
_SCRATCH_PATTERN = f"{_SCRATCH_PREFIX}????????"
_WRITTEN_S = 600.0  # nobody writes for so long without the file growing
_LONGEST_STEM_BYTES = 100  # file systems take names of 255, and temporary names are longer
_SCRATCH_S = 7 * 86400.0  # longer than any run that still needs its folder


def remove_stale(folder: Path, pattern: str, *, older_than_s: float = _WRITTEN_S) -> None:
    """Delete the files and folders of such names in `folder` that nobody has changed for so long."""
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):  # another user's, or in use
            if time.time() - path.lstat().st_mtime > older_than_s:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def short_stem(path: Path) -> str:
    """The name of a file without its suffix; of a long one the beginning, and a hash that tells it from others."""
    stem, whole = path.stem, path.stem.encode(errors="surrogatepass")
    if len(whole) <= _LONGEST_STEM_BYTES:
        return stem
    while len(stem.encode(errors="surrogatepass")) > _LONGEST_STEM_BYTES:
        stem = stem[:-1]
    return f"{stem}-{hashlib.sha256(whole).hexdigest()[:8]}"


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to: on success it takes that place, on any exception it is deleted.

    What killed runs left of the same file goes first. Raises OSError."""
    name = f".{short_stem(path)}{path.suffix}"
    remove_stale(path.parent, f"{glob.escape(name)}.*.partial")
    partial = path.with_name(f"{name}.{os.getpid()}.partial")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder for temporary files, gone at the end; those that killed runs left go first."""
    remove_stale(Path(tempfile.gettempdir()), _SCRATCH_PATTERN, older_than_s=_SCRATCH_S)
    with tempfile.TemporaryDirectory(prefix=_SCRATCH_PREFIX) as folder:
        yield Path(folder)


def end_at_once(code: int, *, session: str) -> NoReturn:
    """End this process without Python's and Blender's own end, in which a bpy module may hang; what Blender would have deleted
    there, the folder of its temporary files, goes. session: `bpy.app.tempdir`.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if Path(session).name.startswith(_SESSION_PREFIX):  # where Blender could not make one, it is everybody's
        shutil.rmtree(session, ignore_errors=True)
    os._exit(code)
