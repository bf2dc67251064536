"""Starts a script of checks in a Blender and reads what it prints: a line "ok NAME" for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path


def run_checks(run_in_blender: Callable, script: Path, names: Sequence[str], folder: Path, **environment: str) -> str:
    """What it printed."""
    done = run_in_blender(script, *names, environment=environment | {"POSE3D_TEST_FOLDER": str(folder)})
    assert done.returncode == 0, done.stdout
    assert [line for line in done.stdout.splitlines() if line.startswith("ok ")] == [f"ok {name}" for name in names], done.stdout
    return done.stdout
