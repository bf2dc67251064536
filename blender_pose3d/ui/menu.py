"""The entry in File > Import."""

from __future__ import annotations

import bpy

from ..ops.import_pose import POSE3D_OT_open_video


def draw_import_entry(self: bpy.types.Menu, _context: bpy.types.Context) -> None:
    self.layout.operator(POSE3D_OT_open_video.bl_idname, text="Pose from Video (.mp4, .mov, …)")
