"""The account of a reliability run: how many cases of each kind were tried, and how many passed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

BEGIN, END = "<!-- table: begin (python3 build.py test --reliability --write) -->", "<!-- table: end -->"


@dataclass(frozen=True)
class Outcome:
    """One case. `state` is "passed", "failed" or "skipped"."""

    kind: str
    name: str
    state: str


def count(outcomes: Iterable[Outcome]) -> list[tuple[str, int, int, int]]:
    """(kind, tried, passed, skipped), in the order of the kinds' names; the last row is the sum. A skipped case is not tried."""
    rows: dict[str, list[int]] = {}
    for outcome in outcomes:
        row = rows.setdefault(outcome.kind, [0, 0, 0])
        row[0] += outcome.state != "skipped"
        row[1] += outcome.state == "passed"
        row[2] += outcome.state == "skipped"
    total = [sum(column) for column in zip(*rows.values(), strict=True)] or [0, 0, 0]
    return [(kind, *rows[kind]) for kind in sorted(rows)] + [("all", *total)]  # type: ignore[list-item]


def as_markdown(outcomes: Iterable[Outcome]) -> str:
    cells = [("kind", "cases tried", "passed", "skipped")] + [tuple(map(str, row)) for row in count(outcomes)]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]

    def line(row: tuple[str, ...]) -> str:
        first, *numbers = (text.ljust(width) if column == 0 else text.rjust(width) for column, (text, width) in pairs(row))
        return "| " + " | ".join([first, *numbers]) + " |"

    def pairs(row: tuple[str, ...]) -> list[tuple[int, tuple[str, int]]]:
        return list(enumerate(zip(row, widths, strict=True)))

    rule = (
        "|" + "|".join("-" * (width + 2) if column == 0 else "-" * (width + 1) + ":" for column, width in enumerate(widths)) + "|"
    )
    return "\n".join([line(cells[0]), rule, *map(line, cells[1:])])


def write_between_markers(document: Path, text: str) -> None:
    """Replaces what stands between the two markers. Raises ValueError where the document lacks them."""
    content = document.read_text(encoding="utf-8")
    before, _, rest = content.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"{document} lacks the lines '{BEGIN}' and '{END}'.")
    document.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")
