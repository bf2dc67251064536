"""A question mark in every panel's header, which opens the manual at the panel's section."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

import bpy

_PACKAGE = Path(__file__).resolve().parents[1]
# In the installed extension, or beside the package in the repository.
_MANIFESTS = (_PACKAGE / "blender_manifest.toml", _PACKAGE.parent / "blender_manifest.toml")


def with_help(panel: type) -> type:
    """The panel's class with the question mark, unless it draws something else there."""
    if "draw_header_preset" not in vars(panel):
        panel.draw_header_preset = _draw_question_mark  # type: ignore[attr-defined]
    return panel


def manual_url(title: str, website: str) -> str:
    """Where the manual, the website's page, has the section of this title."""
    return f"{website.rstrip('/')}#{re.sub(r'[^a-z0-9]+', '-', title.lower()).strip('-')}"


def read_website(manifest: Path) -> str:
    """Of an extension's manifest; empty where it names none, or there is no such file."""
    try:
        return str(tomllib.loads(manifest.read_text(encoding="utf-8")).get("website", ""))
    except (OSError, ValueError):
        return ""


@cache
def website() -> str:
    return next(filter(None, map(read_website, _MANIFESTS)), "")


def _draw_question_mark(self: bpy.types.Panel, _context: bpy.types.Context) -> None:
    if address := website():
        self.layout.operator("wm.url_open", text="", icon="HELP", emboss=False).url = manual_url(self.bl_label, address)
