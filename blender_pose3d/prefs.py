"""The add-on's preferences, and the folders that follow from them."""

from __future__ import annotations

from pathlib import Path

import bpy

from . import places
from .core.errors import Pose3DError
from .ui.message import draw_message
from .worker.engine import Engine, find_engine


class Pose3DPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    engine_python: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Engine Python",
        description="A Python (or its virtual environment) with torch and MediaPipe that runs the motion engine. "
        "Leave empty to use the one made for Pose3D",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    cache_folder: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Cache Folder",
        description="Where the motion found in a clip is kept. Leave empty to keep it in Pose3D's own folder",
        subtype="DIR_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column()
        column.prop(self, "engine_python")
        column.prop(self, "cache_folder")
        try:
            draw_message(column, context, f"The motion engine runs in {engine(context).python}", icon="CHECKMARK")
        except Pose3DError as error:
            draw_message(column, context, error.sentence, icon="ERROR")


def engine(context: bpy.types.Context) -> Engine:
    """The motion engine to run. Raises Pose3DError when there is none."""
    preferences = _preferences(context)
    chosen = preferences.engine_python if preferences else ""
    return find_engine(places.resources_root(), bpy.path.abspath(chosen), _home())


def cache_folder(context: bpy.types.Context) -> Path:
    """The folder of the cached tracks; it may not exist yet."""
    preferences = _preferences(context)
    if preferences and preferences.cache_folder:
        return Path(bpy.path.abspath(preferences.cache_folder))
    return _home() / "cache"


def _preferences(context: bpy.types.Context) -> Pose3DPreferences | None:
    """None where the package was registered by a script and not enabled as an add-on."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def _home() -> Path:
    if not __package__.startswith("bl_ext."):
        return places.home_folder()
    return places.home_folder(Path(bpy.utils.extension_path_user(__package__, create=True)))
