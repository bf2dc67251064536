"""The Pose3D tab in the 3D view's sidebar."""

from __future__ import annotations

import bpy

from ..ops.import_pose import POSE3D_OT_cancel, POSE3D_OT_import_pose_from_video
from .message import draw_message


class POSE3D_PT_main(bpy.types.Panel):
    bl_idname = "POSE3D_PT_main"
    bl_label = "Pose3D"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.pose3d
        state = context.window_manager.pose3d_run
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False

        column = layout.column()
        column.enabled = not state.is_running
        column.prop(settings, "clip_path")
        column.prop(settings, "armature", icon="ARMATURE_DATA")
        column.prop(settings, "preset")

        part = column.column(heading="Part of Clip", align=True)
        part.prop(settings, "use_range", text="")
        times = part.column(align=True)
        times.active = settings.use_range
        times.prop(settings, "start_s")
        times.prop(settings, "end_s")

        lens = column.row(heading="Focal Length", align=True)
        lens.prop(settings, "use_focal_length", text="")
        pixels = lens.row()
        pixels.active = settings.use_focal_length
        pixels.prop(settings, "focal_length_px", text="")

        layout.separator()
        if state.is_running:
            row = layout.row(align=True)
            row.progress(factor=state.progress, text=f"{state.stage or 'Starting'}  {state.progress:.0%}")
            row.operator(POSE3D_OT_cancel.bl_idname, text="", icon="X")
        else:
            row = layout.row()
            row.scale_y = 1.5
            row.operator(POSE3D_OT_import_pose_from_video.bl_idname, icon="ARMATURE_DATA")
        if state.message:
            draw_message(layout, context, state.message, icon="ERROR" if state.message_is_error else "INFO")
