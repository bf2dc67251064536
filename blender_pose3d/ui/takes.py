"""The Takes sub-panel: the cached tracks, newest first."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..ops import takes
from ..translations import translated


class POSE3D_UL_takes(bpy.types.UIList):
    bl_idname = "POSE3D_UL_takes"

    def draw_item(
        self,
        _context: bpy.types.Context,
        layout: bpy.types.UILayout,
        _data: object,
        item: bpy.types.PropertyGroup,
        _icon: int,
        _active_data: object,
        _active_property: str,
    ) -> None:
        row = layout.row(align=True)
        row.active = item.is_readable
        row.label(text=item.name, icon="CAMERA_DATA" if item.is_readable else "ERROR", translate=False)
        right = row.row()
        right.alignment = "RIGHT"
        right.label(text=item.detail, translate=False)


class POSE3D_PT_takes(bpy.types.Panel):
    # The clips that were read before. Each can be put on any armature in seconds, with other settings
    bl_idname = "POSE3D_PT_takes"
    bl_label = "Takes"
    bl_description = "Clips that were read before. Each can be put on any armature in seconds, without reading the clip again"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"
    bl_parent_id = "POSE3D_PT_main"
    bl_order = 40
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        takes.refresh_soon(context)
        found = context.window_manager.pose3d_takes
        layout = self.layout
        layout.enabled = not context.window_manager.pose3d_run.is_running
        row = layout.row()
        row.template_list(POSE3D_UL_takes.bl_idname, "", found, "rows", found, "active", rows=4)
        column = row.column(align=True)
        column.operator(takes.POSE3D_OT_delete_take.bl_idname, text="", icon="TRASH")
        column.operator(takes.POSE3D_OT_reveal_take.bl_idname, text="", icon="FILE_FOLDER")
        column.operator(takes.POSE3D_OT_refresh_takes.bl_idname, text="", icon="FILE_REFRESH")
        if found.active < len(found.rows):
            layout.label(text=translated(found.rows[found.active].tooltip), translate=False)
        layout.operator(takes.POSE3D_OT_solve_take.bl_idname, icon="ARMATURE_DATA")


CLASSES: tuple[type, ...] = (POSE3D_UL_takes, POSE3D_PT_takes)
