"""The Blender of a batch: `build.py -- batch-solve` takes one JSON line for each clip on stdin and animates it.

A line is {"arguments": the words of `retarget`, "track": the clip's track file}; the answer is a result or an error of the worker
protocol. With null for the track only the rig and its mapping are looked at.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import threading
from pathlib import Path
from typing import TextIO

import bpy

from .. import headless, places
from ..bridge import files
from ..core.errors import Pose3DError
from ..core.leftovers import end_at_once


def main(*, resources: Path) -> int:
    """Solve until stdin ends; returns the exit code. A fault of our own ends it, with its traceback on stderr."""
    places.set_resources(resources)
    # Blender and its importers write to stdout whenever they like: it becomes the log, and the answers have a pipe to themselves.
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # And whatever asks about a pipe in which a thread waits, as libraries do that are loaded, waits with it on Windows.
    work_lines = os.fdopen(os.dup(0), encoding="utf-8")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(work_lines, lines), name="stdin", daemon=True).start()
    while True:
        work = json.loads(lines.get())
        try:
            options = headless.parse(work["arguments"])
            if work["track"] is None:
                armature_object = files.open_rig(files.parse_rig(options.rig))
                headless.require_rig(armature_object, options, resources=resources)
                _answer(answers, {"event": "result", "output": "", "summary": {}})
                continue
            summary = _solved(options, Path(work["track"]), resources)
        except Pose3DError as error:
            _answer(answers, {"event": "error", "message": error.message, "hint": error.hint})
            continue
        _answer(answers, {"event": "result", "output": str(options.out), "summary": summary})


def _solved(options: headless.Options, track_file: Path, resources: Path) -> dict[str, object]:
    """The summary of what was made. Raises Pose3DError."""
    parts: list[Path] = []

    applied = headless.retarget(options, resources=resources, track_file=track_file, on_parts=parts.extend)
    return {
        "frames": applied.frame_end - applied.frame_start + 1,
        "preset": applied.preset,
        "warnings": list(applied.warnings),
        "parts": [str(part) for part in parts],
        "blender": bpy.app.version_string,
    }


def _read(work_lines: TextIO, lines: queue.SimpleQueue[str]) -> None:
    for line in work_lines:
        lines.put(line)
    # Whoever asked is gone, or wants no more. At once: the main thread may be exporting.
    end_at_once(0, session=bpy.app.tempdir)


def _answer(answers: TextIO, event: dict[str, object]) -> None:
    answers.write(json.dumps(event) + "\n")
    answers.flush()
