"""The bundled clip from pixels to two characters, against its exact joints."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from . import Context, Row


def rows(context: Context) -> list[Row]:
    """P-MPJPE of the track beside the detector's own 3D, and the limb-direction error of each character."""
    data, work = context.root / "tests" / "data", context.work
    track, truth = work / "track.npz", data / "demo_truth.npz"
    _lifter(context, "infer", data / "demo.mp4", track, "--models-dir", Path(os.environ["POSE3D_HOME"]) / "models")
    _lifter(context, "evaluate", "--track", track, "--truth", truth, "--json", work / "track.json")
    scene = ["demo-scene", "--measure-only", "--track", track, "--truth", truth, "--out", work]
    command = [*context.blender_command, *map(str, scene)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=context.blender_environment())
    measured = json.loads((work / "track.json").read_text(encoding="utf-8"))
    detector = measured["mediapipe"]
    out = []
    for measure, ours in measured["pose3d"].items():
        name, _, unit = measure.rpartition(" ")
        # The goal is what the detector's own 3D has on the same frames.
        out.append(Row(measure=f"track: {name}", value=ours, unit=unit, goal=detector[measure], better="lower"))
    return out + json.loads((work / "accuracy.json").read_text(encoding="utf-8"))


def _lifter(context: Context, *arguments: str | Path) -> None:
    command = [str(context.engine_python), "-m", "lifter", *map(str, arguments)]
    subprocess.run(command, check=True, cwd=context.root, stdout=subprocess.DEVNULL)
