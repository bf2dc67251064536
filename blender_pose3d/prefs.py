"""The add-on's preferences, and the folders that follow from them."""

from __future__ import annotations

import os
from pathlib import Path

import bpy

from . import places
from .worker.engine import ENGINE_VARIABLE, Engine, find_engine

_CACHE_LIMIT_GB = 5.0


class Pose3DPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    engine_python: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Use an Existing Python",
        description="A Python (or its virtual environment) with torch and MediaPipe that runs the motion engine, as a studio may "
        "have one for all. Leave empty to use the one that Pose3D sets up",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    cache_folder: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Cache Folder",
        description="Where the motion found in a clip is kept. Leave empty to keep it in Pose3D's own folder",
        subtype="DIR_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )

    package_index: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Package Index",
        description="Address of one more package index to set the motion engine up from: a studio's mirror, or an index of other "
        "builds of PyTorch, for the CPU or for CUDA. Leave empty for what pip is configured with",
    )
    cache_limit_gb: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Cache Limit (GB)",
        description="How much room takes may have on the disk. After each import the oldest are deleted, but never those that "
        "actions of the open file were made from",
        min=0.0,
        soft_max=100.0,
        precision=1,
        default=_CACHE_LIMIT_GB,
    )
    defaults: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    def draw(self, context: bpy.types.Context) -> None:
        from .ops import defaults  # these need this module
        from .ops.manual import INSTALLATION, POSE3D_OT_open_manual
        from .ops.takes import POSE3D_OT_clear_cache
        from .ui.engine import draw_preferences

        self.layout.use_property_split = True
        self.layout.use_property_decorate = False
        engine_column = self.layout.column(heading="Motion Engine")
        engine_column.prop(self, "engine_python")
        engine_column.prop(self, "package_index")
        draw_preferences(self.layout, context)
        cache = self.layout.column(heading="Takes")
        cache.prop(self, "cache_folder")
        cache.prop(self, "cache_limit_gb")
        cache.operator(POSE3D_OT_clear_cache.bl_idname, icon="TRASH")
        own = self.layout.column(heading="Settings")
        own.operator(defaults.POSE3D_OT_save_defaults.bl_idname, icon="FILE_TICK")
        row = own.row(align=True)
        row.operator(defaults.POSE3D_OT_load_defaults.bl_idname, icon="LOOP_BACK")
        row.operator(defaults.POSE3D_OT_forget_defaults.bl_idname, text="", icon="TRASH")
        self.layout.operator(POSE3D_OT_open_manual.bl_idname, icon="HELP").section = INSTALLATION


def engine(context: bpy.types.Context) -> Engine:
    """The motion engine to run. Raises Pose3DError when there is none."""
    preferences = _preferences(context)
    chosen = preferences.engine_python if preferences else ""
    return find_engine(places.resources_root(), bpy.path.abspath(chosen), home())


def cache_folder(context: bpy.types.Context) -> Path:
    """The folder of the cached tracks; it may not exist yet."""
    preferences = _preferences(context)
    if preferences and preferences.cache_folder:
        return Path(bpy.path.abspath(preferences.cache_folder))
    return home() / "cache"


def cache_limit_bytes(context: bpy.types.Context) -> float:
    preferences = _preferences(context)
    return (preferences.cache_limit_gb if preferences else _CACHE_LIMIT_GB) * 1e9


def package_index(context: bpy.types.Context) -> str:
    """The address of one more package index, or empty."""
    preferences = _preferences(context)
    return preferences.package_index.strip() if preferences else ""


def uses_own_engine(context: bpy.types.Context) -> bool:
    """Whether the engine that Pose3D sets up is the one to run: neither the preferences nor the environment name another."""
    preferences = _preferences(context)
    return not (preferences and preferences.engine_python) and not os.environ.get(ENGINE_VARIABLE)


def are_kept(context: bpy.types.Context) -> bool:
    """Whether there are preferences: the package is enabled as an add-on."""
    return _preferences(context) is not None


def defaults(context: bpy.types.Context) -> str:
    """The user's default settings as `ops.defaults` keeps them; empty where there are none."""
    preferences = _preferences(context)
    return preferences.defaults if preferences else ""


def keep_defaults(context: bpy.types.Context, text: str) -> None:
    preferences = _preferences(context)
    if preferences is not None:
        preferences.defaults = text
        context.preferences.is_dirty = True  # saved with the others when Blender quits


def _preferences(context: bpy.types.Context) -> Pose3DPreferences | None:
    """None where the package was registered by a script and not enabled as an add-on."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def home() -> Path:
    """The folder of the engine, its models and the cache: an installed extension's own, which Blender keeps at updates."""
    if not __package__.startswith("bl_ext."):
        return places.home_folder()
    return places.home_folder(Path(bpy.utils.extension_path_user(__package__, create=True)))
