"""What the fields of a configuration may be: of the types that its dataclass says, in the ranges that small tables give."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, get_args, get_type_hints

# What a number must be, and how that is said.
Allowed = tuple[Callable[[float], bool], str]
COUNT: Allowed = (lambda value: value >= 1, "1 or more")
COUNT_OR_NONE: Allowed = (lambda value: value >= 0, "0 or more")
AMOUNT: Allowed = (lambda value: 0 <= value < math.inf, "0 or more, and finite")
MORE_THAN_NONE: Allowed = (lambda value: 0 < value < math.inf, "more than 0, and finite")
SHARE: Allowed = (lambda value: 0 <= value <= 1, "from 0 to 1")
PART: Allowed = (lambda value: 0 <= value < 1, "0 or more and below 1")


def between(low: float, high: float) -> Allowed:
    return lambda value: low <= value <= high, f"from {low:g} to {high:g}"


def check_values(config: Any, allowed: Mapping[str, Allowed]) -> None:
    """Raises ValueError for a field of a dataclass that is of another type or, by name, not what is allowed."""
    hints = get_type_hints(type(config))
    for name in (field.name for field in fields(config)):
        value = getattr(config, name)
        if not _is(value, hints[name]):
            raise ValueError(f"{name} must be {_said(hints[name])}, not {value!r}")
        fits, said = allowed.get(name, (lambda _: True, ""))
        for number in value if isinstance(value, tuple | list) else (value,):
            if not fits(number):
                raise ValueError(f"{name} must be {said}, not {number}")


def _is(value: Any, kind: Any) -> bool:
    if parts := get_args(kind):  # tuple[float, float], list[str]; TOML has lists only
        if not isinstance(value, list | tuple) or not all(_is(one, parts[0]) for one in value):
            return False
        return isinstance(value, list) if len(parts) == 1 else len(value) == len(parts) and list(value) == sorted(value)
    return type(value) is kind or (kind is float and type(value) is int)


def _said(kind: Any) -> str:
    match get_args(kind):
        case ():
            return f"a {kind.__name__}"
        case (one,):
            return f"a list of {one.__name__}"
        case _:
            return "two numbers, the smaller one first"
