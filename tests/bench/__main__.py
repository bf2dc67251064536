"""Runs one benchmark: a table on stdout, rows in the file that --json names. Called by `build.py bench`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench import Context, Row


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned lines; a missed goal says so."""
    lines = [("measure", "value", "unit", "goal", "")]
    for row in rows:
        goal = row["goal"]
        bound, verdict = "", ""
        if goal is not None:
            lower = row["better"] == "lower"
            bound = f"{'at most' if lower else 'at least'} {goal:g}"
            verdict = "met" if (row["value"] <= goal if lower else row["value"] >= goal) else "MISSED"
        lines.append((row["measure"], f"{row['value']:.4g}", row["unit"], bound, verdict))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def check(rows: Sequence[Row]) -> None:
    """A row that lacks a key or has another is a fault of the benchmark."""
    for row in rows:
        if set(row) != set(Row.__annotations__) or row["better"] not in ("lower", "higher"):
            raise ValueError(f"not a row of a benchmark: {row}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="build.py bench")
    parser.add_argument("name")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--ablate", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pose3d-bench-") as work:
        context = Context(
            root=Path(__file__).resolve().parents[2],
            engine_python=Path(sys.executable),
            blender_command=tuple(json.loads(os.environ["POSE3D_BLENDER_COMMAND"])),
            work=Path(work),
            ablate=options.ablate,
        )
        rows: list[Row] = importlib.import_module(f"tests.bench.{options.name}").rows(context)
    check(rows)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
