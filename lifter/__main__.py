"""`python -m lifter`: see cli.py."""

import contextlib
import os
import sys

from .cli import main

if __name__ == "__main__":
    code = main()
    if sys.argv[1:2] == ["train"]:  # has processes that want to be told
        sys.exit(code)
    # Taking torch and MediaPipe down takes most of a second, for nothing: every file is written by now.
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # whoever asked may be gone
            if stream is not None:
                stream.flush()
    os._exit(code)
