"""The user's own defaults: the settings of a scene, kept in the preferences, that new files begin with."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import bpy

from .. import prefs
from ..translations import translated
from . import run

_GROUPS = ("", "motion", "output")  # of `scene.pose3d`; the first is itself
# What is about one clip.
_LEFT_OUT = frozenset({"clip_path", "use_range", "start_s", "end_s", "use_start_frame", "start_frame"})


def _settings(scene: bpy.types.Scene) -> Iterator[tuple[str, bpy.types.PropertyGroup, bpy.types.Property]]:
    """Group, where it is, and property, of each setting that has a default."""
    for name in _GROUPS:
        group = getattr(scene.pose3d, name) if name else scene.pose3d
        for prop in group.bl_rna.properties:
            is_value = prop.type not in ("POINTER", "COLLECTION") and not (prop.is_hidden or prop.is_readonly)
            if is_value and prop.description and prop.identifier not in _LEFT_OUT:
                yield name, group, prop


def as_text(scene: bpy.types.Scene) -> str:
    """The scene's settings for the preferences, as JSON {group: {property: value}}."""
    values: dict[str, dict[str, Any]] = {name: {} for name in _GROUPS}
    for name, group, prop in _settings(scene):
        values[name][prop.identifier] = getattr(group, prop.identifier)
    return json.dumps(values)


def put(scene: bpy.types.Scene, text: str) -> None:
    """Give the scene the settings of `as_text`, and Pose3D's own for what the text lacks or no longer fits."""
    try:
        values = json.loads(text or "{}")
    except ValueError:
        values = {}
    for name, group, prop in _settings(scene):
        group.property_unset(prop.identifier)
        with contextlib.suppress(AttributeError, KeyError, TypeError, ValueError):
            setattr(group, prop.identifier, values[name][prop.identifier])


def _is_untouched(scene: bpy.types.Scene) -> bool:
    return not any(group.is_property_set(prop.identifier) for _, group, prop in _settings(scene))


@bpy.app.handlers.persistent
def begin_new_files(*_: object) -> None:
    """A file that has never been saved begins with the user's defaults, where its settings are Pose3D's own."""
    text = prefs.defaults(bpy.context)
    if text and not bpy.data.filepath:
        for scene in bpy.data.scenes:
            if scene.library is None and _is_untouched(scene):
                put(scene, text)


class _Defaults(run.WhileIdle):
    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not prefs.are_kept(context):
            cls.poll_message_set("Enable Pose3D in the preferences first")  # type: ignore[attr-defined]
            return False
        return super().poll(context)


class POSE3D_OT_save_defaults(_Defaults, bpy.types.Operator):
    """Let new files begin with this scene's settings of Clip, Motion and Output. They are kept in the preferences"""

    bl_idname = "pose3d.save_defaults"
    bl_label = "Save Settings as Defaults"

    def execute(self, context: bpy.types.Context) -> set[str]:
        prefs.keep_defaults(context, as_text(context.scene))
        self.report({"INFO"}, translated("New files begin with these settings"))
        return {"FINISHED"}


class POSE3D_OT_load_defaults(_Defaults, bpy.types.Operator):
    """Give this scene the default settings: yours where you saved some, else Pose3D's own"""

    bl_idname = "pose3d.load_defaults"
    bl_label = "Load Default Settings"
    bl_options: ClassVar[set[str]] = {"UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        put(context.scene, prefs.defaults(context))
        return {"FINISHED"}


class POSE3D_OT_forget_defaults(bpy.types.Operator):
    """Delete your default settings: new files begin with Pose3D's own again"""

    bl_idname = "pose3d.forget_defaults"
    bl_label = "Forget Default Settings"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not prefs.defaults(context):
            cls.poll_message_set("No defaults of your own are saved")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        prefs.keep_defaults(context, "")
        return {"FINISHED"}


CLASSES: tuple[type, ...] = (POSE3D_OT_save_defaults, POSE3D_OT_load_defaults, POSE3D_OT_forget_defaults)
