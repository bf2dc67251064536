"""The sub-panel Seen in the Clip: camera, skeleton and film of what the detector saw."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..ops import see
from . import overlay


class POSE3D_PT_see(bpy.types.Panel):
    bl_idname = "POSE3D_PT_see"
    bl_label = "Seen in the Clip"
    bl_description = "The clip behind a matched camera, and what was found in it drawn over it"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"
    bl_parent_id = "POSE3D_PT_main"
    bl_order = 40
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.operator(see.POSE3D_OT_show_clip_as_background.bl_idname, icon="VIEW_CAMERA")
        column.operator(see.POSE3D_OT_look_through_clip_camera.bl_idname, icon="HIDE_OFF")
        self.layout.operator(see.POSE3D_OT_draw_skeleton.bl_idname, icon="ARMATURE_DATA", depress=overlay.is_on())
        self.layout.operator(see.POSE3D_OT_landmark_film.bl_idname, icon="RENDER_ANIMATION")
