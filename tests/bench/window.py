"""How long the window of a real Blender waits while the extension works, beside how long it waits anyway.

    python3 build.py bench window --json rows.json
    python3 -m tests.bench.pipeline write rows.json docs/performance.md window

Needs a Blender with a window, and Xvfb: tests/gui/stalls.py has what is done there.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench import Context, Row
from tests.gui.test_stalls import GOAL_MS, Measured, measure

CANCEL_GOAL_S = 1.0
# Phase of stalls.py, as it is called here, and whether it has the goal: the others are there to compare with. Live draws the 3D
# view as often as poses come, and how long that takes without a graphics card says nothing about the extension.
PHASES = (
    ("idle", "idle", False),
    ("idle, drawn", "idle, sidebar drawn", False),
    ("worker outside", "the engine working outside Blender", False),
    ("worker outside, drawn", "the same, sidebar drawn", False),
    ("run", "Import Pose From Video", True),
    ("solve", "Import Pose From Video, solving", True),
    ("idle, views drawn", "idle, 3D view drawn 25 times a second", False),
    ("live", "Live, which draws as often", False),
)
OWN = (("own modal", "Import Pose From Video"), ("own draw", "the panel"), ("own live", "Live"))


def rows(context: Context) -> list[Row]:
    try:
        return as_rows(measure(context.work))
    except pytest.skip.Exception as reason:
        raise SystemExit(f"bench window: {reason}") from None


def as_rows(measured: Measured) -> list[Row]:
    """Longest and usual waits of each phase, the extension's own part of them, and how fast a run is cancelled."""
    found: list[Row] = []
    for name, title, goal in PHASES:
        wall = measured.gaps[name][:, 0]
        found += [
            _row(f"{title}: longest wait of a timer", float(wall.max()), "ms", goal=GOAL_MS if goal else None),
            _row(f"{title}: 99 % of its waits are below", float(np.percentile(wall, 99)), "ms"),
        ]
    for name, title in OWN:
        found.append(_row(f"{title}: longest in its own code", float(measured.gaps[name][:, 0].max()), "ms", goal=GOAL_MS))
    for name, title in (("cancelled s", "cancelled"), ("worker gone s", "cancelled: no process left")):
        found.append(_row(f"Import Pose From Video, {title} after", max(measured.seen[name]), "s", goal=CANCEL_GOAL_S))
    return found


def _row(measure: str, value: float, unit: str, *, goal: float | None = None) -> Row:
    return {"measure": measure, "value": value, "unit": unit, "goal": goal, "better": "lower"}
