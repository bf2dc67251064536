"""The Output sub-panel: what becomes of the motion in the scene, and files of it."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..ops.output import POSE3D_OT_export_animation


class POSE3D_PT_output(bpy.types.Panel):
    bl_idname = "POSE3D_PT_output"
    bl_label = "Output"
    bl_description = "Name, place and keys of the new action, and its export"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"
    bl_parent_id = "POSE3D_PT_main"
    bl_order = 30
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        output = context.scene.pose3d.output
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False

        column = layout.column()
        column.enabled = not context.window_manager.pose3d_run.is_running
        column.prop(output, "action_name")
        start = column.row(heading="Start Frame", align=True)
        start.prop(output, "use_start_frame", text="")
        frame = start.row()
        frame.active = output.use_start_frame
        frame.prop(output, "start_frame", text="")
        column.prop(output, "frame_rate")
        column.prop(output, "fit_range")
        column.prop(output, "nla_strip")
        column.prop(output, "limbs")
        column.prop(output, "mute_constraints")

        layout.separator()
        layout.prop(output, "export_format")
        layout.prop(output, "root_motion")
        layout.prop(output, "deform_bones")
        layout.operator(POSE3D_OT_export_animation.bl_idname, icon="EXPORT")
