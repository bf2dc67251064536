"""What the add-on adds to Blender, and takes away again."""

from __future__ import annotations

from collections.abc import Callable

import bpy

from . import prefs, props, translations
from .bridge import keying, markers
from .ops import (
    defaults,
    engine_setup,
    import_pose,
    live,
    manual,
    mapping,
    output,
    review,
    run,
    see,
    shots,
    solve_again,
    takes,
    transfer,
)
from .ui import help as panel_help
from .ui import live as live_panel
from .ui import mapping as mapping_panel
from .ui import menu, overlay, panel
from .ui import output as output_panel
from .ui import see as see_panel
from .ui import takes as takes_panel
from .ui import transfer as transfer_panel

# In the order of registration; taken away in reverse.
_CLASSES: tuple[type, ...] = (
    prefs.Pose3DPreferences,
    props.Pose3DMotion,
    props.Pose3DOutput,
    props.Pose3DLive,
    props.Pose3DBoneRow,
    props.Pose3DBones,
    props.Pose3DSettings,
    props.Pose3DRun,
    props.Pose3DSetup,
    props.Pose3DTake,
    props.Pose3DTakes,
    *import_pose.CLASSES,
    *engine_setup.CLASSES,
    *takes.CLASSES,
    shots.POSE3D_OT_choose_shot,
    solve_again.POSE3D_OT_solve_contacts_again,
    output.POSE3D_OT_export_animation,
    see.POSE3D_OT_show_clip_as_background,
    see.POSE3D_OT_look_through_clip_camera,
    see.POSE3D_OT_draw_skeleton,
    see.POSE3D_OT_landmark_film,
    *live.CLASSES,
    *mapping.CLASSES,
    *transfer.CLASSES,
    *defaults.CLASSES,
    manual.POSE3D_OT_open_manual,
    panel.POSE3D_PT_main,
    panel.POSE3D_PT_clip,
    *mapping_panel.CLASSES,
    panel.POSE3D_PT_motion,
    output_panel.POSE3D_PT_output,
    *takes_panel.CLASSES,
    see_panel.POSE3D_PT_see,
    *live_panel.CLASSES,
    transfer_panel.POSE3D_PT_retarget,
)

# What Blender calls at events, in this order. Persistent: they stay when another file is opened.
_HANDLERS: tuple[tuple[str, Callable[..., None]], ...] = (
    ("load_post", props.upgrade_settings),
    ("load_post", defaults.begin_new_files),
    ("load_post", live.after_exchange),
    ("load_post", review.after_loading),
    ("load_post", markers.after_loading),
    ("blend_import_post", live.after_exchange),
    ("blend_import_post", markers.after_loading),  # a library that is loaded again
    ("undo_pre", run.before_undo),
    ("redo_pre", run.before_undo),
    ("undo_pre", live.before_exchange),
    ("redo_pre", live.before_exchange),
    ("undo_post", live.after_exchange),
    ("redo_post", live.after_exchange),
    ("undo_post", mapping.after_undo),
    ("redo_post", mapping.after_undo),
    ("save_pre", review.before_saving),
    ("save_pre", live.before_exchange),
    ("save_pre", keying.before_saving),
    ("save_post", keying.after_saving),
    ("save_post_fail", keying.after_saving),
)


def register() -> None:
    for cls in _CLASSES:
        if issubclass(cls, bpy.types.Operator):
            translations.with_translated_polls(cls)
        elif issubclass(cls, bpy.types.Panel):
            panel_help.with_help(cls)
        bpy.utils.register_class(cls)
    props.add_properties()
    translations.register(props.preset_tooltips())
    bpy.types.TOPBAR_MT_file_import.append(menu.draw_import_entry)
    bpy.utils.register_manual_map(manual.manual_map)
    for event, handler in _HANDLERS:
        getattr(bpy.app.handlers, event).append(handler)


def unregister() -> None:
    for event, handler in reversed(_HANDLERS):
        getattr(bpy.app.handlers, event).remove(handler)
    bpy.utils.unregister_manual_map(manual.manual_map)
    translations.unregister()
    live.stop()
    overlay.stop()
    run.stop()
    see.stop()
    engine_setup.stop()
    takes.forget()
    bpy.types.TOPBAR_MT_file_import.remove(menu.draw_import_entry)
    props.remove_properties()
    for cls in reversed(_CLASSES):
        bpy.utils.unregister_class(cls)
