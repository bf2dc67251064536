"""Text that is longer than a panel is wide; Blender's labels do not wrap."""

from __future__ import annotations

import textwrap

import bpy

from ..translations import translated

_POINTS_A_CHARACTER = 6.5  # of Blender's interface font, about
_LINES = 16


def draw_message(layout: bpy.types.UILayout, context: bpy.types.Context, text: str, *, icon: str) -> None:
    """A box with the text, line breaks kept, wrapped to the region; what is beyond its lines is left out."""
    width = context.region.width / context.preferences.system.ui_scale
    characters = max(16, int(width / _POINTS_A_CHARACTER) - 8)
    lines = [part for line in translated(text).splitlines() for part in textwrap.wrap(line, characters) or [""]]
    column = layout.box().column(align=True)
    column.alert = icon == "ERROR"
    for number, line in enumerate(lines[:_LINES]):
        column.label(text=line, icon=icon if number == 0 else "BLANK1", translate=False)
