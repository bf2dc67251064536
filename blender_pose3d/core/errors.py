"""The one exception that carries a sentence for the user."""

from __future__ import annotations

from collections.abc import Callable


class Pose3DError(Exception):
    """Something the user can act on: `message` says what is wrong, `hint` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def sentence(self) -> str:
        """Message and remedy as one line for a report or a terminal."""
        return f"{_said(self.message)} {_said(self.hint)}".strip()


_translate: Callable[[str], str] | None = None


def say_in(translate: Callable[[str], str] | None) -> None:
    """Have sentences said in another language; None: as they are. The command line speaks English."""
    global _translate
    _translate = translate


def _said(text: str) -> str:
    return _translate(text) if _translate is not None else text
