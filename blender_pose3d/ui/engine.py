"""The motion engine in the panel and the preferences: how it is, what would be fetched, and the buttons for it."""

from __future__ import annotations

import bpy

from .. import prefs
from ..core.errors import Pose3DError
from ..ops import engine_setup
from ..translations import translated
from ..worker.setup import EngineState
from .message import draw_message


def is_ready(context: bpy.types.Context) -> bool:
    try:
        prefs.engine(context)
    except Pose3DError:
        return False
    return True


def draw_setup(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """For the panel: the one button while there is no engine, or the set-up's progress. Draws nothing once there is one of this
    version."""
    state = context.window_manager.pose3d_setup
    if is_ready(context) and not state.is_running:
        if engine_setup.is_outdated(context):
            draw_message(layout, context, engine_setup.OUTDATED_SENTENCE, icon="INFO")
            layout.operator(engine_setup.POSE3D_OT_set_up_engine.bl_idname, text="Repair", icon="FILE_REFRESH")
            if state.message_is_error:
                draw_message(layout, context, state.message, icon="ERROR")
        return
    try:
        prefs.engine(context)
    except Pose3DError as error:
        if not prefs.uses_own_engine(context):
            draw_message(layout, context, error.sentence, icon="ERROR")
            return
    _draw_button_and_progress(layout, context)


def draw_preferences(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """For the preferences: how it is, set up, repair, remove, try, and the log."""
    state = context.window_manager.pose3d_setup
    box = layout.box()
    own = engine_setup.engine_state()
    try:
        draw_message(box, context, f"The motion engine runs in {prefs.engine(context).python}", icon="CHECKMARK")
    except Pose3DError as error:
        draw_message(box, context, error.sentence, icon="ERROR")
    if own is EngineState.OUTDATED:
        draw_message(box, context, engine_setup.OUTDATED_SENTENCE, icon="INFO")
    whole = own in (EngineState.COMPLETE, EngineState.OUTDATED)
    if not whole or state.is_running:
        _draw_button_and_progress(box, context)
    elif state.message:
        draw_message(box, context, state.message, icon="ERROR" if state.message_is_error else "INFO")
    row = box.row(align=True)
    if whole:
        row.operator(engine_setup.POSE3D_OT_set_up_engine.bl_idname, text="Repair", icon="FILE_REFRESH")
    row.operator(engine_setup.POSE3D_OT_check_engine.bl_idname, text="Try It", icon="CHECKMARK")
    row.operator(engine_setup.POSE3D_OT_open_setup_log.bl_idname, icon="TEXT")
    row.operator(engine_setup.POSE3D_OT_remove_engine.bl_idname, text="Remove", icon="TRASH")


def _draw_button_and_progress(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    state = context.window_manager.pose3d_setup
    if state.is_running:
        row = layout.row(align=True)
        row.progress(factor=state.progress, text=f"{translated(state.stage or 'Starting')}  {state.progress:.0%}")
        row.operator(engine_setup.POSE3D_OT_cancel_setup.bl_idname, text="", icon="X")
        if state.detail:
            layout.label(text=translated(state.detail), translate=False)
        return
    half = engine_setup.engine_state() is EngineState.HALF
    row = layout.row()
    row.scale_y = 1.5
    row.operator(
        engine_setup.POSE3D_OT_set_up_engine.bl_idname,
        text="Continue Setting Up the Motion Engine" if half else "Set Up the Motion Engine",
        icon="IMPORT",
    )
    draw_message(
        layout, context, state.message or engine_setup.what_is_fetched(), icon="ERROR" if state.message_is_error else "INFO"
    )
    if engine_setup.is_kept_offline():
        draw_message(layout, context, engine_setup.OFFLINE_SENTENCE, icon="INTERNET_OFFLINE")
