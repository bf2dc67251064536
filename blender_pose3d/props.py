"""What the scene remembers (the settings) and what the window manager shows (the run that goes on)."""

from __future__ import annotations

import zlib
from pathlib import Path

import bpy

from . import places
from .core.errors import Pose3DError
from .core.preset import load_preset

AUTOMATIC = "auto"

# Blender keeps no reference to the strings of a dynamic enum: they must live here for as long as the enum does.
_preset_items: list[tuple[str, str, str, int]] = []


def load_preset_items() -> None:
    """List the shipped presets (rigs/*.json) for the enum. Their numbers come from their names, so that a saved choice still
    means the same preset when others are added."""
    _preset_items[:] = [(AUTOMATIC, "Automatic", "Choose the preset whose bone names match the armature best", 0)]
    try:
        files = sorted((places.resources_root() / "rigs").glob("*.json"))
    except Pose3DError:
        return  # said by the operator, which cannot run without them either
    for file in files:
        title = _title(file)
        number = zlib.crc32(file.stem.encode()) & 0x7FFFFFFF
        _preset_items.append((file.stem, title, f"Take the armature's bones as those of {title}", number))


def _title(file: Path) -> str:
    try:
        return load_preset(file).title
    except Pose3DError:
        return file.stem  # what is wrong with it is said when it is used


def preset_title(preset: str) -> str:
    """What the menu calls a preset; the name itself where it is not a shipped one."""
    return next((title for name, title, _, _ in _preset_items if name == preset), preset)


def _presets(_self: object, _context: object) -> list[tuple[str, str, str, int]]:
    return _preset_items


def _is_armature(_self: object, candidate: bpy.types.Object) -> bool:
    return candidate.type == "ARMATURE"


class Pose3DSettings(bpy.types.PropertyGroup):
    """Stored in the scene as `scene.pose3d`."""

    clip_path: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Clip",
        description="The video of one person whose motion is wanted",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )
    armature: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Armature",
        description="The character to animate. When empty, the active armature is taken",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    preset: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Preset",
        description="Which bones of the armature are the hips, arms, legs and head",
        items=_presets,
    )
    use_range: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Part of the Clip",
        description="Read only the part of the clip between Start and End",
    )
    start_s: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Start",
        description="Where in the clip to begin, in seconds",
        min=0.0,
        unit="TIME_ABSOLUTE",
    )
    end_s: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="End",
        description="Where in the clip to end, in seconds",
        min=0.0,
        default=10.0,
        unit="TIME_ABSOLUTE",
    )
    use_focal_length: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Known Focal Length",
        description="Give the focal length of the camera that filmed the clip, instead of having it estimated",
    )
    focal_length_px: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Focal Length",
        description="Focal length in pixels of the clip: picture width × lens in millimetres ÷ sensor width in millimetres",
        min=1.0,
        soft_max=10000.0,
        precision=0,
        default=1500.0,
        subtype="PIXEL",
    )


class Pose3DRun(bpy.types.PropertyGroup):
    """Shown by the panel, as `window_manager.pose3d_run`; never part of undo or of a file."""

    is_running: bpy.props.BoolProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    stage: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    progress: bpy.props.FloatProperty(min=0.0, max=1.0, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    message: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    message_is_error: bpy.props.BoolProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]


def add_properties() -> None:
    load_preset_items()
    bpy.types.Scene.pose3d = bpy.props.PointerProperty(type=Pose3DSettings)
    bpy.types.WindowManager.pose3d_run = bpy.props.PointerProperty(type=Pose3DRun)


def remove_properties() -> None:
    # The settings stay in the scenes; what a run showed is over. Without this a new registration would find it again.
    bpy.context.window_manager.property_unset("pose3d_run")
    del bpy.types.WindowManager.pose3d_run
    del bpy.types.Scene.pose3d
