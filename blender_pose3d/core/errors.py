"""The one exception that carries a sentence for the user."""

from __future__ import annotations


class Pose3DError(Exception):
    """Something the user can act on: `message` says what is wrong, `hint` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def sentence(self) -> str:
        """Message and remedy as one line for a report or a terminal."""
        return f"{self.message} {self.hint}".strip()
