"""Benchmarks: `python3 build.py bench NAME` runs NAME.py, which has `rows(context: Context) -> list[Row]`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypedDict


class Row(TypedDict):
    """One measured value. `goal` is the one that the project has set itself; None where it has none."""

    measure: str
    value: float
    unit: str
    goal: float | None
    better: Literal["lower", "higher"]


@dataclass(frozen=True)
class Context:
    """What a benchmark may use.

    blender_command: add the arguments of `build.py -- …` and it runs in a Blender. work: a folder to write to, deleted at last.
    ablate: also measure with each part left out, where there are parts.
    """

    root: Path
    engine_python: Path
    blender_command: tuple[str, ...]
    work: Path
    ablate: bool = False

    def blender_environment(self) -> dict[str, str]:
        """The variables for a process started with blender_command."""
        return {**os.environ, "POSE3D_ENGINE_PYTHON": str(self.engine_python)}
