"""The Live sub-panel."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..ops import live
from ..translations import translated


class POSE3D_PT_live(bpy.types.Panel):
    bl_idname = "POSE3D_PT_live"
    bl_label = "Live"
    bl_description = "The armature follows a camera, and what it does is recorded"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"
    bl_parent_id = "POSE3D_PT_main"
    bl_order = 50
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.pose3d.live
        session = live.current()
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False

        column = layout.column()
        column.enabled = session is None
        column.prop(settings, "source")
        column.prop(settings, "camera" if settings.source == "CAMERA" else "filepath")
        if session is None:
            layout.operator(live.POSE3D_OT_live.bl_idname, icon="PLAY")
            return
        row = layout.row(align=True)
        recording = session.recording is not None
        row.operator(live.POSE3D_OT_live_record.bl_idname, icon="REC", depress=recording)
        row.operator(live.POSE3D_OT_live_stop.bl_idname, icon="SNAP_FACE")
        if session.source is None:
            layout.label(text="Waiting for the camera …")
            return
        told = layout.column(align=True)
        told.label(text=translated(_counted(session)), translate=False)
        if session.source.delay_s > 0:
            told.label(text=translated(_late(session)), translate=False)


def _counted(session: live.Live) -> str:
    if session.recording is not None:
        return f"{session.frames} poses, {len(session.recording)} recorded"
    return f"{session.frames} poses"


def _late(session: live.Live) -> str:
    assert session.source is not None
    return f"{session.source.delay_s:.2f} s behind the camera ({session.source.model})"


CLASSES: tuple[type, ...] = (POSE3D_PT_live,)
