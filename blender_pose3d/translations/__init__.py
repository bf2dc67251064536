"""The add-on in the user's language.

Blender looks up labels and tooltips by itself in what `register` gives it. A message that is put together, with names and
numbers in it, is looked up here by its pattern: `translated`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache

import bpy

from ..core import errors
from .de import GERMAN

_NAME = __package__
# German is called the one or the other, by version.
LANGUAGES: dict[str, Mapping[str, str]] = {"de_DE": GERMAN, "de": GERMAN}
# Blender's own catalogue goes first, and has other translations of some words: labels of these are looked up in a context of ours.
OWN_CONTEXT = "Pose3D"
_CONTEXTS = ("*", "Operator", OWN_CONTEXT)
# A pattern with fewer letters of its own fits anything.
_FEWEST_LETTERS = 3


def register(made: Iterable[str]) -> None:
    """Give Blender the texts. made: tooltips with names in them, of which the tables hold the patterns."""
    made = tuple(made)
    texts = {
        locale: {
            (context, english): other
            for english, other in {**table, **{text: _looked_up(text, locale) for text in made}}.items()
            for context in _CONTEXTS
        }
        for locale, table in LANGUAGES.items()
    }
    bpy.app.translations.register(_NAME, texts)
    errors.say_in(translated)


def unregister() -> None:
    errors.say_in(None)
    bpy.app.translations.unregister(_NAME)


def translated(message: str) -> str:
    """A message in the user's language, as far as there is one for it."""
    if not bpy.context.preferences.view.use_translate_interface:
        return message
    return in_language(message, bpy.app.translations.locale)


def in_language(message: str, locale: str) -> str:
    """A message in the language of a locale, such as "de_DE"; line by line, in English where there is no other."""
    if locale not in LANGUAGES:
        return message
    by_line = "\n".join(_looked_up(line, locale) for line in message.split("\n"))
    return by_line if by_line != message else _looked_up(message, locale)


def with_translated_polls(operator: type) -> type:
    """The class, saying in the user's language why it cannot be used now: Blender does not look that up."""
    if isinstance(vars(operator).get("poll_message_set"), classmethod):
        return operator  # from an earlier registration
    say = operator.poll_message_set  # type: ignore[attr-defined]
    operator.poll_message_set = classmethod(lambda _cls, message: say(translated(message)))  # type: ignore[attr-defined]
    return operator


def _looked_up(text: str, locale: str) -> str:
    table = LANGUAGES[locale]
    if text in table:
        return table[text]
    for pattern, other in _patterns(locale):
        if match := pattern.fullmatch(text):
            return other.format(*(_looked_up(part, locale) if " " in part else part for part in match.groups()))
    items = text.split(", ")
    return ", ".join(table[item] for item in items) if all(item in table for item in items) else text


@cache
def _patterns(locale: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    """Those that say most of themselves first."""
    found = []
    for english, other in LANGUAGES[locale].items():
        parts = english.split("{}")
        letters = sum(c.isalpha() for part in parts for c in part)
        if len(parts) > 1 and letters >= _FEWEST_LETTERS:
            found.append((letters, re.compile("(.*?)".join(re.escape(part) for part in parts), re.DOTALL), other))
    return tuple((pattern, other) for _, pattern, other in sorted(found, key=lambda row: -row[0]))
