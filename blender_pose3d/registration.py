"""What the add-on adds to Blender, and takes away again."""

from __future__ import annotations

import bpy

from . import prefs, props
from .ops import import_pose, run, solve_again
from .ui import menu, panel

# In the order of registration; taken away in reverse.
_CLASSES: tuple[type, ...] = (
    prefs.Pose3DPreferences,
    props.Pose3DMotion,
    props.Pose3DSettings,
    props.Pose3DRun,
    import_pose.POSE3D_OT_import_pose_from_video,
    import_pose.POSE3D_OT_open_video,
    import_pose.POSE3D_OT_cancel,
    solve_again.POSE3D_OT_solve_contacts_again,
    panel.POSE3D_PT_main,
    panel.POSE3D_PT_motion,
)


def register() -> None:
    for cls in _CLASSES:
        bpy.utils.register_class(cls)
    props.add_properties()
    bpy.types.TOPBAR_MT_file_import.append(menu.draw_import_entry)


def unregister() -> None:
    run.stop()
    bpy.types.TOPBAR_MT_file_import.remove(menu.draw_import_entry)
    props.remove_properties()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
