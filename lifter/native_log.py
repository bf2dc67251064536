"""MediaPipe and FFmpeg write to the process's stderr from C++, past Python; the command line keeps that away from its users."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from typing import TextIO

# The severity and date that MediaPipe's log lines begin with: E and F are errors, I and W are chatter.
_ERROR_LINE = re.compile(rb"^[EF]\d{4} .*", re.MULTILINE)
_MAX_SHOWN_BYTES = 4096


@contextlib.contextmanager
def quiet_native_stderr() -> Iterator[TextIO]:
    """Inside, only Python reaches stderr (sys.stderr, and the stream given); native errors are shown at the end."""
    sys.stderr.flush()
    previous = sys.stderr
    real = os.fdopen(os.dup(2), "w", buffering=1, encoding=previous.encoding or "utf-8", errors="backslashreplace")
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        sys.stderr = real
        try:
            yield real
        finally:
            sys.stderr = previous
            real.flush()
            os.dup2(real.fileno(), 2)
            real.close()
            log.seek(0)
            shown = b"\n".join(_ERROR_LINE.findall(log.read()))[-_MAX_SHOWN_BYTES:]
            if shown:
                os.write(2, shown + b"\n")
