"""The shipped network on held-out rendered pairs beside the detector's own 3D, and on unseen people with exact 2D."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

from . import Context, Row

# A view that fewer frames have says little of a mean.
_ENOUGH_FRAMES = 50
# Of each clip of the validation subjects; each of the five levels of noise is a pass of its own.
_MOCAP_SECONDS = 2
_BIAS_GOALS = {"deg": 3.0, "%": 3.0}


def rows(context: Context) -> list[Row]:
    """What there is data for: rendered pairs ($POSE3D_PAIRS, or pairs/heldout.npz in the home folder) and motion capture."""
    shared = context.root.parent / "shared" / "data"
    home = Path(os.environ["POSE3D_HOME"])
    out: list[Row] = []
    given = os.environ.get("POSE3D_PAIRS")
    candidates = [Path(given)] if given else [home / "pairs" / "heldout.npz", shared / "rendered_pairs.npz"]
    pairs = next((path for path in candidates if path.is_file()), None)
    if given and pairs is None:
        raise FileNotFoundError(f"POSE3D_PAIRS names {given}, which does not exist")
    if pairs:
        out += pair_rows(_evaluated(context, "--pairs", pairs, "--bias"))
    if (shared / "mocap.npz").is_file():
        measured = _evaluated(context, "--mocap", shared / "mocap.npz", "--seconds", str(_MOCAP_SECONDS))
        out += mocap_rows(measured)
    if not out:
        raise FileNotFoundError("no rendered pairs and no motion capture: set POSE3D_PAIRS to a file of rendered pairs")
    return out


def pair_rows(measured: dict) -> list[Row]:
    """From what `evaluate --pairs P --bias --json` writes."""
    ours, theirs = measured["network, as shipped"], measured["mediapipe"]
    out = [
        _row("pairs: P-MPJPE, network", ours["P-MPJPE mm"], "mm"),
        _row("pairs: P-MPJPE, MediaPipe", theirs["P-MPJPE mm"], "mm"),
        _row("pairs: P-MPJPE, network over MediaPipe", _ratio(ours, theirs, "P-MPJPE mm"), "", 0.7),
        _row("pairs: exchanged frames, network", ours["exchanged %"], "%"),
        _row("pairs: exchanged frames, MediaPipe", theirs["exchanged %"], "%"),
        _row("pairs: exchanged frames, network over MediaPipe", _ratio(ours, theirs, "exchanged %"), "", 0.25),
    ]
    for quantity, methods in measured["bias"].items():
        name, _, unit = quantity.rpartition(" ")
        if unit not in _BIAS_GOALS:
            continue
        views = {
            view: abs(values["mean"])
            for view, values in methods["network, as shipped"].items()
            if view != "all" and values["frames"] >= _ENOUGH_FRAMES
        }
        if views:
            worst = max(views, key=lambda view: views[view])
            out.append(_row(f"pairs: bias of {name}, worst view ({worst})", views[worst], unit, _BIAS_GOALS[unit]))
    return out


def mocap_rows(measured: dict) -> list[Row]:
    """From what `evaluate --mocap M --json` writes."""
    noise = measured["noise"]["network"]
    return [
        _row("unseen people, exact 2D: P-MPJPE", noise["0 px"], "mm", 35.0),
        _row("unseen people: P-MPJPE at 20 px of noise over that at none", noise["growth"], ""),
    ]


def _row(measure: str, value: float, unit: str, goal: float | None = None) -> Row:
    return Row(measure=measure, value=value, unit=unit, goal=goal, better="lower")


def _ratio(ours: dict, theirs: dict, measure: str) -> float:
    # Where the detector exchanged nothing there is nothing to be better than.
    return ours[measure] / theirs[measure] if theirs[measure] else float(ours[measure] > 0)


def _evaluated(context: Context, *arguments: str | Path) -> dict:
    path = context.work / "measured.json"
    command = [str(context.engine_python), "-m", "lifter", "evaluate", *map(str, arguments), "--json", str(path)]
    subprocess.run(command, check=True, cwd=context.root, stdout=subprocess.DEVNULL)
    return json.loads(path.read_text(encoding="utf-8"))
