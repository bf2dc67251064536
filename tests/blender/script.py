"""How a script that runs inside a Blender, or in a Python with the bpy module, ends."""

from __future__ import annotations

import runpy
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn


def run(main: Callable[[list[str]], int | None]) -> NoReturn:
    """Calls `main` with the words after "--", or with all of them where there is no "--", and ends the process with the exit code
    that it returns; None is 0. The code of a SystemExit is kept; any other exception prints its traceback and is 1.

    At once, because a bpy module may hang when its interpreter ends.
    """
    words = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    try:
        code = main(words) or 0
    except BaseException as error:
        if isinstance(error, SystemExit) and isinstance(error.code, int | None):
            code = error.code or 0
        else:
            traceback.print_exc()
            code = 1
    # By its path: where the add-on is an extension, there is no package of that name.
    leftovers = runpy.run_path(str(Path(__file__).resolve().parents[2] / "blender_pose3d" / "core" / "leftovers.py"))
    leftovers["end_at_once"](code, session=sys.modules["bpy"].app.tempdir)
    raise AssertionError("it has not ended")
