"""The Pose3D tab in the 3D view's sidebar."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..ops import shots
from ..ops.import_pose import POSE3D_OT_cancel, POSE3D_OT_copy_log, POSE3D_OT_import_pose_from_video
from ..ops.solve_again import POSE3D_OT_solve_contacts_again
from ..translations import OWN_CONTEXT, translated
from .engine import draw_setup
from .message import draw_message

_LENS_FIELDS = {"MM": "focal_length_mm", "FOV": "field_of_view", "PIXELS": "focal_length_px"}


class POSE3D_PT_main(bpy.types.Panel):
    bl_idname = "POSE3D_PT_main"
    bl_label = "Pose3D"
    bl_description = "From a video of a person to the armature's animation"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.pose3d
        state = context.window_manager.pose3d_run
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False

        draw_setup(layout, context)
        column = layout.column()
        column.enabled = not state.is_running
        column.prop(settings, "clip_path")
        column.prop(settings, "armature", icon="ARMATURE_DATA")
        preset = column.column()
        preset.active = not settings.bones.rows  # the table says which bones are taken
        preset.prop(settings, "preset")

        layout.separator()
        if state.is_running:
            row = layout.row(align=True)
            row.progress(factor=state.progress, text=f"{translated(state.stage or 'Starting')}  {state.progress:.0%}")
            row.operator(POSE3D_OT_cancel.bl_idname, text="", icon="X")
            if state.detail:
                layout.label(text=translated(state.detail), translate=False)
        else:
            row = layout.row()
            row.scale_y = 1.5
            row.operator(POSE3D_OT_import_pose_from_video.bl_idname, icon="ARMATURE_DATA")
        if state.message:
            draw_message(layout, context, state.message, icon="ERROR" if state.message_is_error else "INFO")
        if state.has_log:
            layout.operator(POSE3D_OT_copy_log.bl_idname, icon="COPYDOWN")


class POSE3D_PT_clip(bpy.types.Panel):
    bl_idname = "POSE3D_PT_clip"
    bl_label = "Clip"
    bl_description = "Which part of the clip is read, whose motion is meant, and what is known of the lens and of slow motion"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"
    bl_parent_id = POSE3D_PT_main.bl_idname
    bl_order = 5
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.pose3d
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.enabled = not context.window_manager.pose3d_run.is_running

        part = layout.column(heading="Part of Clip", align=True)
        part.prop(settings, "use_range", text="")
        times = part.column(align=True)
        times.active = settings.use_range
        times.prop(settings, "start_s")
        times.prop(settings, "end_s")
        if shots.known(context):
            layout.operator_menu_enum(shots.POSE3D_OT_choose_shot.bl_idname, "shot", icon="SEQUENCE")

        who = layout.column(align=True)
        who.prop(settings, "person")
        if settings.person == "number":
            who.prop(settings, "person_number")
        lens = layout.column(align=True)
        lens.prop(settings, "lens")
        if settings.lens in _LENS_FIELDS:
            lens.prop(settings, _LENS_FIELDS[settings.lens])
        speed = layout.column(align=True)
        speed.prop(settings, "speed")
        if settings.speed == "FILMED":
            speed.prop(settings, "filmed_fps")


class POSE3D_PT_motion(bpy.types.Panel):
    bl_idname = "POSE3D_PT_motion"
    bl_label = "Motion"
    bl_description = "What becomes of the motion that was found: smoothing, path, feet, keys and markers"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"
    bl_parent_id = POSE3D_PT_main.bl_idname
    bl_order = 20
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        motion = context.scene.pose3d.motion
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.enabled = not context.window_manager.pose3d_run.is_running

        layout.prop(motion, "smoothing")
        layout.prop(motion, "upper_body")
        path = layout.column(heading="Path", heading_ctxt=OWN_CONTEXT)
        path.active = not motion.upper_body
        path.prop(motion, "in_place")
        path.prop(motion, "keep_vertical")
        placed = path.row()
        placed.active = not motion.in_place
        placed.prop(motion, "place_as_filmed")
        body = layout.column(heading="Body")
        for name in ("foot_lock", "level_ground", "orient_feet"):
            feet = body.row()
            feet.active = not motion.upper_body
            feet.prop(motion, name)
        for name in ("joint_limits", "orient_hands", "follow_hands"):
            body.prop(motion, name)

        camera = layout.column(heading="Camera", align=True)
        camera.prop(motion, "camera_motion", text="")
        camera.prop(motion, "use_camera")
        angles = camera.column(align=True)
        angles.active = motion.use_camera
        angles.prop(motion, "camera_pitch")
        angles.prop(motion, "camera_roll")

        keys = layout.column(heading="Keys", heading_ctxt=OWN_CONTEXT)
        keys.prop(motion, "dense_keys")
        bounds = keys.column(align=True)
        bounds.active = not motion.dense_keys
        bounds.prop(motion, "whole_poses")
        bounds.prop(motion, "key_tolerance_cm")
        bounds.prop(motion, "key_tolerance_deg")

        marks = layout.column(heading="Markers", heading_ctxt=OWN_CONTEXT)
        marks.prop(motion, "mark_contacts")
        marks.prop(motion, "mark_guesses")
        layout.operator(POSE3D_OT_solve_contacts_again.bl_idname, icon="FILE_REFRESH")
