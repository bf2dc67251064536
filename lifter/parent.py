"""Ends this process when the one that started it is gone, however that came about.

The parent keeps the other end of our stdin and says so in the environment; the pipe ends with it, even when it is killed.
"""

from __future__ import annotations

import _thread
import os
import signal
import stat
import sys
import threading
import time

# Set by the parent (blender_pose3d/worker/job.py): our stdin is a pipe that ends when, and only when, the parent does.
PARENT_PIPE_VARIABLE = "POSE3D_PARENT_PIPE"
_STDIN = 0
_POLL_S = 0.5
_GRACE_S = 1.0


def end_with_parent() -> None:
    """Watch stdin from a thread, and end as if by SIGTERM when it ends. Does nothing where no parent promised a pipe, or where
    stdin is something else: a terminal, /dev/null, a file, closed."""
    # Taken out: a process that we start has another stdin.
    if os.environ.pop(PARENT_PIPE_VARIABLE, "") != "1" or not _is_pipe(_STDIN):
        return
    threading.Thread(target=_watch, name="parent", daemon=True).start()


def _watch() -> None:
    _wait_for_end(_STDIN)
    # The main thread cleans up on its way out, unless it is deep in native code.
    _thread.interrupt_main(signal.SIGTERM)
    time.sleep(_GRACE_S)
    os._exit(128 + signal.SIGTERM)


def _is_pipe(descriptor: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(descriptor).st_mode)
    except OSError:
        return False


def _wait_for_end(descriptor: int) -> None:
    if sys.platform == "win32":
        # A thread that waits in a read there holds the handle, and whoever else asks about stdin (a DLL, say) waits with it.
        import _winapi
        import msvcrt

        handle = msvcrt.get_osfhandle(descriptor)
        try:
            while True:
                _winapi.PeekNamedPipe(handle, 0)
                time.sleep(_POLL_S)
        except OSError:
            return
    while os.read(descriptor, 4096):
        pass
