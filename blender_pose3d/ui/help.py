"""A question mark in every panel's header, which opens the manual at the panel's section."""

from __future__ import annotations

import bpy

from ..ops.manual import POSE3D_OT_open_manual


def with_help(panel: type) -> type:
    """The panel's class with the question mark, unless it draws something else there."""
    if "draw_header_preset" not in vars(panel):
        panel.draw_header_preset = _draw_question_mark  # type: ignore[attr-defined]
    return panel


def _draw_question_mark(self: bpy.types.Panel, _context: bpy.types.Context) -> None:
    self.layout.operator(POSE3D_OT_open_manual.bl_idname, text="", icon="HELP", emboss=False).section = self.bl_label
