"""What the scene remembers (the settings) and what the window manager shows (the run that goes on)."""

from __future__ import annotations

import math
import zlib
from dataclasses import fields
from pathlib import Path

import bpy

from . import places
from .core.errors import Pose3DError
from .core.motion import MotionOptions, Smoothing
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


_DEFAULTS = MotionOptions()


class Pose3DMotion(bpy.types.PropertyGroup):
    """What becomes of the lifted motion, as `scene.pose3d.motion`: the animator's part of `core.motion.MotionOptions`."""

    smoothing: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Smoothing",
        description="How much trembling is taken out of the motion",
        items=[
            (Smoothing.NONE, "None", "Everything that the detector saw, trembling and all"),
            (Smoothing.LIGHT, "Light", "For fast, sharp motion in a good clip"),
            (Smoothing.NORMAL, "Normal", "Right for most clips; fast gestures keep their peaks"),
            (Smoothing.STRONG, "Strong", "For slow motion or a poor clip; fast gestures lose some of their height"),
        ],
        default=_DEFAULTS.smoothing,
    )
    in_place: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="In Place",
        description="Leave out the path along the ground, as games want it",
        default=_DEFAULTS.in_place,
    )
    keep_vertical: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Up and Down",
        description="Let the hips rise and sink as the person's did. Off: they stay at their standing height",
        default=_DEFAULTS.keep_vertical,
    )
    foot_lock: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Hold Feet",
        description="Keep feet that stand on the ground where they are, by the character's own legs",
        default=_DEFAULTS.foot_lock,
    )
    joint_limits: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Joint Limits",
        description="Keep knees, elbows, neck and spine within what a body can do",
        default=_DEFAULTS.joint_limits,
    )
    orient_feet: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Turn Feet",
        description="Turn the feet as the detector saw heels and toes, where it is sure of them",
        default=_DEFAULTS.orient_feet,
    )
    orient_hands: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Turn Hands",
        description="Turn the hands as the detector saw thumbs and fingers, where it is sure of them",
        default=_DEFAULTS.orient_hands,
    )
    use_camera: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Known Camera",
        description="Give the camera's pitch and roll, instead of having them estimated from the whole clip",
    )
    camera_pitch: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Pitch",
        description="How far the camera that filmed the clip looked down; below zero it looked up",
        min=-math.pi / 2,
        max=math.pi / 2,
        subtype="ANGLE",
    )
    camera_roll: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Roll",
        description="How far the camera was turned clockwise, seen from behind it",
        min=-math.pi,
        max=math.pi,
        subtype="ANGLE",
    )
    dense_keys: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Key Every Frame",
        description="A key on every frame, instead of as few as the tolerances allow",
        default=_DEFAULTS.dense_keys,
    )
    key_tolerance_cm: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Position (cm)",
        description="How many centimetres hips, hands and feet of a person's size may be off between the keys",
        min=0.1,
        max=20.0,
        precision=1,
        default=_DEFAULTS.key_tolerance_cm,
    )
    key_tolerance_deg: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Angle (°)",
        description="How many degrees a bone may be off between the keys",
        min=0.1,
        max=20.0,
        precision=1,
        default=_DEFAULTS.key_tolerance_deg,
    )
    mark_guesses: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Mark Guesses",
        description="Mark on the action where the person was not seen well, and key the custom property pose3d_confidence",
        default=_DEFAULTS.mark_guesses,
    )
    mark_contacts: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Mark Contacts",
        description="Mark on the action where feet are put down and lifted. Move the markers and press Solve Contacts Again",
        default=_DEFAULTS.mark_contacts,
    )

    def options(self) -> MotionOptions:
        """The settings as the solve takes them."""
        same = {f.name: getattr(self, f.name) for f in fields(MotionOptions) if hasattr(self, f.name)}
        same["smoothing"] = Smoothing(self.smoothing)
        if self.use_camera:
            same |= {"camera_pitch_deg": math.degrees(self.camera_pitch), "camera_roll_deg": math.degrees(self.camera_roll)}
        return MotionOptions(**same)


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
    motion: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Motion",
        description="What becomes of the lifted motion",
        type=Pose3DMotion,
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
