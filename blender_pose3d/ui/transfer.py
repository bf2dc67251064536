"""The panel of Retarget Animation."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..ops.transfer import POSE3D_OT_make_loop, POSE3D_OT_retarget_animation, POSE3D_OT_retarget_file


class POSE3D_PT_retarget(bpy.types.Panel):
    bl_idname = "POSE3D_PT_retarget"
    bl_label = "Retarget"
    bl_description = "Another armature's animation, or that of a BVH file, on the character"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"
    bl_parent_id = "POSE3D_PT_main"
    bl_order = 60
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(context.scene.pose3d, "source", icon="ARMATURE_DATA")
        layout.operator(POSE3D_OT_retarget_animation.bl_idname, icon="CON_ARMATURE")
        layout.operator(POSE3D_OT_retarget_file.bl_idname, icon="FILE_FOLDER", text="Retarget BVH File…")
        layout.operator(POSE3D_OT_make_loop.bl_idname, icon="FILE_REFRESH")
