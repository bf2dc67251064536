"""Text that is longer than a panel is wide; Blender's labels do not wrap."""

from __future__ import annotations

import functools
import textwrap

import blf
import bpy

from ..translations import translated

# Of the sidebar, at a resolution scale of 1: its tabs, the margins and the icon, and what is left for text at least.
_BESIDE_PX, _LEAST_PX = 93.0, 100.0
_LINES = 16


def draw_message(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, *, icon: str) -> None:
    """A box with the text, line breaks kept, wrapped to the region; what is beyond its lines is left out."""
    scale = context.preferences.system.ui_scale
    width_px = max(context.region.width - scale * _BESIDE_PX, scale * _LEAST_PX)
    lines = wrapped(translated(text), width_px, scale * context.preferences.ui_styles[0].widget.points)
    column = layout.box().column(align=True)
    column.alert = icon == "ERROR"
    for number, line in enumerate(lines[:_LINES]):
        column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)


@functools.lru_cache(maxsize=64)  # a panel is drawn often
def wrapped(text: str, width_px: float, font_px: float) -> tuple[str, ...]:
    """The lines of a text in the interface's font, each as long as fits: its letters are not all as wide."""
    blf.size(0, font_px)
    out = []
    for paragraph in text.splitlines():
        rest = paragraph.strip()
        while rest:
            line, characters = rest, len(rest)
            while characters > 1 and blf.dimensions(0, line)[0] > width_px:
                characters = min(characters, len(line)) - 1
                line = textwrap.wrap(rest, characters)[0]
            out.append(line)
            rest = rest[len(line) :].lstrip()
        if not paragraph.strip():
            out.append("")
    return tuple(out)
