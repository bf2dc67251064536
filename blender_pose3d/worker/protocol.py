"""The worker's progress lines, version 1: one JSON object a line on its stdout, read into events.

Unknown keys are ignored, unknown events are `Unknown`, and whatever is not a JSON object of the protocol is `Garbage`: a library
that prints on stdout must not end a run.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

PROTOCOL_VERSION = 1


@dataclass(frozen=True)
class Start:
    protocol: int
    command: str
    stages: tuple[str, ...]


@dataclass(frozen=True)
class Progress:
    """`done` of `total` steps of a stage; total is None where it is not known."""

    stage: str
    done: float
    total: float | None


@dataclass(frozen=True)
class Warning_:
    message: str


@dataclass(frozen=True)
class Result:
    output: str
    summary: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Error:
    message: str
    hint: str


@dataclass(frozen=True)
class Data:
    """What a command tells beside its progress, `live` and `frame`; who uses it checks its values."""

    name: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Unknown:
    """A well-formed event of a newer worker."""

    name: str


@dataclass(frozen=True)
class Garbage:
    text: str


Event: TypeAlias = Start | Progress | Warning_ | Result | Error | Data | Unknown | Garbage

_GARBAGE_CHARACTERS = 500


def parse_line(line: str) -> Event | None:
    """One stdout line as an event; None for an empty line. Never raises."""
    text = line.strip()
    if not text:
        return None
    garbage = Garbage(text[:_GARBAGE_CHARACTERS])
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return garbage
    if not isinstance(data, dict) or not isinstance(data.get("event"), str):
        return garbage
    try:
        return _event(data["event"], data)
    except (KeyError, TypeError, ValueError, OverflowError):
        return garbage


def _event(name: str, data: dict[str, Any]) -> Event:
    match name:
        case "start":
            stages = data.get("stages", [])
            if not isinstance(stages, list):
                raise TypeError("stages is a list")
            return Start(int(data["protocol"]), _text(data.get("command", "")), tuple(_text(s) for s in stages))
        case "progress":
            total = data.get("total")
            return Progress(_text(data["stage"]), _number(data["done"]), None if total is None else _number(total))
        case "warning":
            return Warning_(_text(data["message"]))
        case "result":
            summary = data.get("summary") or {}
            if not isinstance(summary, dict):
                raise TypeError("summary is an object")
            return Result(_text(data["output"]), summary)
        case "error":
            return Error(_text(data["message"]), _text(data.get("hint") or ""))
        case "live" | "frame":
            return Data(name, data)
        case _:
            return Unknown(name)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("a string was expected")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError("a number of steps was expected")
    return float(value)
