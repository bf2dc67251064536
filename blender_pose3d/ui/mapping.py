"""The Bones panel: which bone is which part of the body, what is wrong with that, and the user's presets."""

from __future__ import annotations

from typing import ClassVar

import bpy

from ..bridge.targets import armature_of
from ..core.preset import CHAIN_ROLES
from ..core.recognise import SURE
from ..core.review import title_of
from ..ops import mapping, review
from ..translations import OWN_CONTEXT, translated
from .message import draw_message

_TITLE_SHARE = 0.42
_FIND_SHARE = 0.53  # of the buttons' row: this one's words are longer, also in other languages
_ROWS = 9


class POSE3D_UL_bones(bpy.types.UIList):
    """One row a bone: how sure it is, the part of the body, and the bone."""

    bl_idname = "POSE3D_UL_bones"

    def draw_item(
        self,
        context: bpy.types.Context,
        layout: bpy.types.UILayout,
        table: bpy.types.PropertyGroup,
        row: bpy.types.PropertyGroup,
        _icon: int,
        _active_data: object,
        _active_property: str,
        _index: int = 0,
        _flag: int = 0,
    ) -> None:
        split = layout.split(factor=_TITLE_SHARE, align=True)
        title = split.row()
        title.alert = row.is_error
        title.label(text=translated(title_of(row.role)), icon=_icon_of(row), translate=False)
        fields = split.row(align=True)
        fields.alert = row.is_error
        armature_object = review.armature_of(table)
        if armature_object is not None:
            fields.prop_search(row, "bone", armature_object.data, "bones", text="")
        else:
            fields.label(text=row.bone, translate=False)
        if row.bone == row.found and 0.0 < row.confidence < 1.0:  # the sidebar is narrow: what is certain has its icon
            sure = fields.row(align=True)
            sure.alignment = "RIGHT"
            sure.ui_units_x = 2.0
            sure.label(text=f"{row.confidence:.0%}", translate=False)

    def filter_items(self, _context: bpy.types.Context, _data: object, _property: str) -> tuple[list[int], list[int]]:
        return [], []  # the order is the body's


def _icon_of(row: bpy.types.PropertyGroup) -> str:
    if row.fault:
        return "ERROR"
    if not row.bone:
        return "RADIOBUT_OFF"
    if row.bone != row.found:
        return "USER"
    return "CHECKMARK" if row.confidence >= SURE else "QUESTION"


class POSE3D_MT_presets(bpy.types.Menu):
    bl_idname = "POSE3D_MT_presets"
    bl_label = "Presets"
    bl_translation_context = OWN_CONTEXT

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator(mapping.POSE3D_OT_save_preset.bl_idname, icon="ADD", text="Save Table as Preset…")
        layout.operator(mapping.POSE3D_OT_rename_preset.bl_idname, icon="GREASEPENCIL", text="Rename Preset…")
        layout.operator(mapping.POSE3D_OT_delete_preset.bl_idname, icon="TRASH", text="Delete Preset…")
        layout.separator()
        layout.operator(mapping.POSE3D_OT_import_preset.bl_idname, icon="IMPORT", text="Import Preset…")
        layout.operator(mapping.POSE3D_OT_export_preset.bl_idname, icon="EXPORT", text="Export Preset…")


class POSE3D_PT_bones(bpy.types.Panel):
    bl_idname = "POSE3D_PT_bones"
    bl_label = "Bones"
    bl_description = "Which bone is which part of the body, to be reviewed and changed; presets of your own"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Pose3D"
    bl_parent_id = "POSE3D_PT_main"
    bl_order = 10
    bl_options: ClassVar[set[str]] = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings = context.scene.pose3d
        table = settings.bones
        layout = self.layout
        layout.enabled = not context.window_manager.pose3d_run.is_running
        split = layout.split(factor=_FIND_SHARE, align=True)
        split.operator(mapping.POSE3D_OT_find_bones.bl_idname, icon="VIEWZOOM")
        buttons = split.row(align=True)
        buttons.operator(mapping.POSE3D_OT_clear_bones.bl_idname, icon="X")
        buttons.menu(POSE3D_MT_presets.bl_idname, text="", icon="PRESET")
        if not table.rows:
            draw_message(layout, context, "Find Bones shows what each bone is taken for, to be changed here.", icon="INFO")
            return
        self._say_whose(context, table)
        layout.template_list(POSE3D_UL_bones.bl_idname, "", table, "rows", table, "active", rows=_ROWS)
        if 0 <= table.active < len(table.rows):
            self._draw_active(context, table.rows[table.active])
        if table.message:
            draw_message(layout, context, table.message, icon="ERROR")
        layout.operator(mapping.POSE3D_OT_exchange_sides.bl_idname, icon="ARROW_LEFTRIGHT")

    def _say_whose(self, context: bpy.types.Context, table: bpy.types.PropertyGroup) -> None:
        scene = context.scene
        chosen = scene.pose3d.armature or armature_of(context.view_layer.objects.active, scene)
        whose = review.armature_of(table)
        if chosen is None or chosen != whose:
            name = whose.name if whose else table.armature
            text = f"This table is for “{name}” and is not used for another armature. Find Bones fills it anew."
            draw_message(self.layout, context, text, icon="ERROR")

    def _draw_active(self, context: bpy.types.Context, row: bpy.types.PropertyGroup) -> None:
        title = translated(title_of(row.role))
        if row.bone != row.found and row.found:
            text = translated(f"{title}: chosen by you; found was “{row.found}”.")
        elif row.bone != row.found:
            text = translated(f"{title}: chosen by you; nothing was found.")
        elif row.bone:
            text = translated(f"{title}: {row.confidence:.0%} sure: {row.reason}.")
        else:
            text = translated(f"{title}: no bone plays it. It moves with what it hangs on.")
        draw_message(self.layout, context, text, icon="INFO")
        if row.role in CHAIN_ROLES:
            self.layout.operator(mapping.POSE3D_OT_add_chain_bone.bl_idname, icon="ADD").role = row.role


CLASSES: tuple[type, ...] = (POSE3D_UL_bones, POSE3D_MT_presets, POSE3D_PT_bones)
