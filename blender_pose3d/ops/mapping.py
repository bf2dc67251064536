"""The operators of the Bones panel: find, exchange and clear the table; save, rename, delete, export and import presets."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import bpy

from .. import props
from ..bridge import targets, user_presets
from ..core.errors import Pose3DError
from ..core.review import exchanged
from ..translations import OWN_CONTEXT, translated
from . import review, run


class _TableOperator(run.WhileIdle, bpy.types.Operator):
    """What they have in common: not while a clip is read, and the user's faults as one sentence."""

    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            message = self.act(context)
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        if message:
            self.report({"INFO"}, translated(message))
        return {"FINISHED"}

    def act(self, context: bpy.types.Context) -> str:
        """Do it, and return what to tell the user. Raises Pose3DError."""
        raise NotImplementedError


class _FilledTableOperator(_TableOperator):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if not context.scene.pose3d.bones.rows:
            cls.poll_message_set("The table is empty: press Find Bones")
            return False
        return True


class _UserPresetOperator(_TableOperator):
    """Works on the preset that the menu shows, which must be the user's own. The disk is no part of undo, so this is no step."""

    bl_options: ClassVar[set[str]] = {"REGISTER"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if not context.scene.pose3d.preset.startswith(user_presets.PREFIX):
            cls.poll_message_set("Choose one of your own presets: those that come with Pose3D cannot be changed")
            return False
        return True

    @staticmethod
    def stem(context: bpy.types.Context) -> str:
        return context.scene.pose3d.preset.removeprefix(user_presets.PREFIX)


class POSE3D_OT_find_bones(_TableOperator):
    """Fill the table: which bone of the armature is which part of the body, and how sure that is"""

    bl_idname = "pose3d.find_bones"
    bl_label = "Find Bones"

    def act(self, context: bpy.types.Context) -> str:
        settings = context.scene.pose3d
        armature_object = run.chosen_armature(context)
        if armature_object is None:
            raise Pose3DError("No armature is chosen.", hint="Choose one in the Pose3D tab, or select one.")
        why_not = review.fill(settings.bones, armature_object, preset=settings.preset)
        if why_not:
            self.report({"WARNING"}, translated(why_not))
        elif settings.bones.message:
            self.report({"WARNING"}, translated(settings.bones.message.splitlines()[0]))
        return ""


class POSE3D_OT_clear_bones(_FilledTableOperator):
    """Empty the table; the preset's bones are used again"""

    bl_idname = "pose3d.clear_bones"
    bl_label = "Clear"
    bl_translation_context = OWN_CONTEXT

    def act(self, context: bpy.types.Context) -> str:
        review.clear(context.scene.pose3d.bones)
        return ""


class POSE3D_OT_exchange_sides(_FilledTableOperator):
    """Exchange the bones of the left and the right side in the table"""

    bl_idname = "pose3d.exchange_sides"
    bl_label = "Exchange Left and Right"

    def act(self, context: bpy.types.Context) -> str:
        table = context.scene.pose3d.bones
        review.change_rows(table, exchanged(review.rows_of(table)))
        return ""


class POSE3D_OT_add_chain_bone(_FilledTableOperator):
    """Add a row for one more bone of this chain. An empty row counts for nothing"""

    bl_idname = "pose3d.add_chain_bone"
    bl_label = "Add Bone to Chain"

    role: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Chain",
        description="The chain that has one more bone",
        items=[("spine", "Spine", "Between hips and chest"), ("neck", "Neck", "Between chest and head")],
        options={"SKIP_SAVE"},
    )

    def act(self, context: bpy.types.Context) -> str:
        review.add_link(context.scene.pose3d.bones, self.role)
        return ""


class POSE3D_OT_save_preset(_FilledTableOperator):
    """Save the table as a preset of your own, to be used for other armatures with the same bone names"""

    bl_idname = "pose3d.save_preset"
    bl_label = "Save Preset"

    title: bpy.props.StringProperty(name="Name", description="What the menu will call it", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        armature_object = review.armature_of(context.scene.pose3d.bones)
        self.title = self.title or (armature_object.name if armature_object else context.scene.pose3d.bones.armature)
        return context.window_manager.invoke_props_dialog(self)

    def act(self, context: bpy.types.Context) -> str:
        settings = context.scene.pose3d
        review.check(settings.bones)
        if settings.bones.is_error:
            raise Pose3DError(settings.bones.message.splitlines()[0], hint="Mend the table first.")
        path = user_presets.user_presets().save(review.text_of(settings.bones, title=self.title), title=self.title)
        props.load_preset_items()
        settings.preset = user_presets.PREFIX + path.stem
        return f"Saved the preset “{path.stem}”."


class POSE3D_OT_rename_preset(_UserPresetOperator):
    """Give this preset of yours another name"""

    bl_idname = "pose3d.rename_preset"
    bl_label = "Rename Preset"

    title: bpy.props.StringProperty(name="Name", description="The new name", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.title = self.title or self.stem(context)
        return context.window_manager.invoke_props_dialog(self)

    def act(self, context: bpy.types.Context) -> str:
        path = user_presets.user_presets().rename(self.stem(context), title=self.title)
        _show_instead(context.scene.pose3d.preset, user_presets.PREFIX + path.stem)
        return f"The preset is called “{path.stem}” now."


class POSE3D_OT_delete_preset(_UserPresetOperator):
    """Delete this preset of yours from the disk. This cannot be undone"""

    bl_idname = "pose3d.delete_preset"
    bl_label = "Delete Preset"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_confirm(self, event)

    def act(self, context: bpy.types.Context) -> str:
        stem = self.stem(context)
        user_presets.user_presets().delete(stem)
        _show_instead(context.scene.pose3d.preset, props.AUTOMATIC)
        return f"Deleted the preset “{stem}”."


class _FileOperator(_TableOperator):
    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="File", description="The preset's file", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    filter_glob: bpy.props.StringProperty(default="*.json", options={"HIDDEN"})  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def chosen(self) -> Path:
        if not self.filepath:
            raise Pose3DError("No file is chosen.", hint="Choose a .json file.")
        return targets.file_path(self.filepath)


class POSE3D_OT_export_preset(_FileOperator):
    """Write the preset that the menu shows to a file, to give it to somebody"""

    bl_idname = "pose3d.export_preset"
    bl_label = "Export Preset"
    bl_options: ClassVar[set[str]] = {"REGISTER"}

    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if context.scene.pose3d.preset in ("", props.AUTOMATIC):
            cls.poll_message_set("Choose a preset in the menu first")
            return False
        return True

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self.filepath = f"{context.scene.pose3d.preset.removeprefix(user_presets.PREFIX)}.json"
        return super().invoke(context, event)

    def act(self, context: bpy.types.Context) -> str:
        presets, choice = user_presets.user_presets(), context.scene.pose3d.preset
        own = choice.startswith(user_presets.PREFIX)
        source = presets.path(choice.removeprefix(user_presets.PREFIX)) if own else presets.shipped / f"{choice}.json"
        return f"Wrote {presets.export(source, self.chosen())}."


class POSE3D_OT_import_preset(_FileOperator):
    """Add a preset from a file to your own"""

    bl_idname = "pose3d.import_preset"
    bl_label = "Import Preset"

    def act(self, context: bpy.types.Context) -> str:
        path = user_presets.user_presets().import_(self.chosen())
        props.load_preset_items()
        context.scene.pose3d.preset = user_presets.PREFIX + path.stem
        return f"Added the preset “{path.stem}”."


def _show_instead(old: str, new: str) -> None:
    """A preset is gone or has another name: no scene shows the old one."""
    scenes = [scene for scene in bpy.data.scenes if scene.pose3d.preset == old]
    props.load_preset_items()
    for scene in scenes:
        scene.pose3d.preset = new


@bpy.app.handlers.persistent
def after_undo(*_: object) -> None:
    """A scene as it was before a preset of the user's was renamed or deleted: the menu would show nothing."""
    for scene in bpy.data.scenes:
        if scene.library is None and not scene.pose3d.preset:
            scene.pose3d.preset = props.AUTOMATIC


CLASSES: tuple[type, ...] = (
    POSE3D_OT_find_bones,
    POSE3D_OT_clear_bones,
    POSE3D_OT_exchange_sides,
    POSE3D_OT_add_chain_bone,
    POSE3D_OT_save_preset,
    POSE3D_OT_rename_preset,
    POSE3D_OT_delete_preset,
    POSE3D_OT_export_preset,
    POSE3D_OT_import_preset,
)
