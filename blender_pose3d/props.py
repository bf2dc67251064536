"""What the scene remembers (the settings) and what the window manager shows (the run that goes on)."""

from __future__ import annotations

import math
import zlib
from dataclasses import fields
from pathlib import Path

import bpy

from . import places
from .bridge.ik import LimbMode
from .bridge.output import DEFAULT_NAME, Output
from .bridge.root_motion import RootMotion
from .bridge.user_presets import PREFIX, user_presets
from .core.errors import Pose3DError
from .core.motion import CameraMotion, MotionOptions, Smoothing
from .core.preset import load_preset
from .core.user_presets import listed
from .ops import review
from .translations import OWN_CONTEXT

AUTOMATIC = "auto"

# Blender keeps no reference to the strings of a dynamic enum: they must live here for as long as the enum does.
_preset_items: list[tuple[str, str, str, int]] = []


def load_preset_items() -> None:
    """List the shipped presets (rigs/*.json) and the user's own after them for the enum. Their numbers come from their names, so
    that a saved choice still means the same preset when others are added."""
    _preset_items[:] = [(AUTOMATIC, "Automatic", "Choose the preset whose bone names match the armature best", 0)]
    try:
        files = sorted((places.resources_root() / "rigs").glob("*.json"))
        own = listed(user_presets().folder)
    except Pose3DError:
        return  # said by the operator, which cannot run without them either
    for file in files:
        title = _title(file)
        number = zlib.crc32(file.stem.encode()) & 0x7FFFFFFF
        _preset_items.append((file.stem, title, f"Take the armature's bones as those of {title}", number))
    for file in own:
        name = f"{PREFIX}{file.stem}"
        number = zlib.crc32(name.encode()) & 0x7FFFFFFF
        _preset_items.append((name, _title(file), "A preset of your own", number))


def _title(file: Path) -> str:
    try:
        return load_preset(file).title
    except Pose3DError:
        return file.stem  # what is wrong with it is said when it is used


def preset_tooltips() -> list[str]:
    return [tooltip for _, _, tooltip, _ in _preset_items]


def preset_title(preset: str) -> str:
    """What the menu calls a preset; the name itself where it is not a shipped one."""
    return next((title for name, title, _, _ in _preset_items if name in (preset, f"{PREFIX}{preset}")), preset)


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
        translation_context=OWN_CONTEXT,
    )
    upper_body: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Upper Body Only",
        description="Move trunk, arms and head, and leave hips and legs as they are: over a walk of yours, say, "
        "or a character that sits",
        default=_DEFAULTS.upper_body,
    )
    in_place: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="In Place",
        description="Leave out the path along the ground, as games want it",
        default=_DEFAULTS.in_place,
    )
    place_as_filmed: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Place as Filmed",
        description="Begin where the person stood as seen from the camera, which was above the character's own place. "
        "Several people of one clip, on characters at one place, then stand and go as to each other",
        default=_DEFAULTS.place_as_filmed,
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
    level_ground: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Level Ground",
        description="All feet stand at one height. Off: on stairs, boxes and ladders they stand as high as they did",
        default=_DEFAULTS.level_ground,
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
    follow_hands: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Follow Hands",
        description="Look at the hands in the clip too, and let the fingers follow them, which takes longer. "
        "Off, and where no hand is seen: relaxed fingers",
        default=_DEFAULTS.follow_hands,
    )
    camera_motion: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Camera",
        description="What the camera did while it filmed. One that turned or was carried is followed, so that the character "
        "goes where the person went",
        items=[
            (CameraMotion.AUTO, "Automatic", "As the background of the clip says"),
            (CameraMotion.STILL, "Stood Still", "For a background that moves by itself, such as water or a screen"),
            (CameraMotion.TURNING, "Turned", "It turned after the person from where it stood"),
            (CameraMotion.CARRIED, "Carried", "It went along, turning or not; how far, the feet tell"),
        ],
        default=_DEFAULTS.camera_motion,
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
    whole_poses: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Key Whole Poses",
        description="All bones that move are keyed at the same frames, so that a pose can be changed, copied or moved in time as "
        "a whole; with a few more keys, and not for limbs with IK controls, which are keyed on every frame",
        default=_DEFAULTS.whole_poses,
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
        if self.use_camera:
            same |= {"camera_pitch_deg": math.degrees(self.camera_pitch), "camera_roll_deg": math.degrees(self.camera_roll)}
        return MotionOptions.of(same)


class Pose3DOutput(bpy.types.PropertyGroup):
    """What becomes of the motion in the scene, as `scene.pose3d.output`."""

    action_name: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Action Name",
        description="Name of the new action. {armature}, {clip} and {preset} stand for the names of these",
        default=DEFAULT_NAME,
    )
    use_start_frame: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Own Start Frame",
        description="Give the frame where the motion begins, instead of the scene's first",
    )
    start_frame: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Start Frame",
        description="The frame where the motion begins",
        default=1,
    )
    frame_rate: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Frame Rate",
        description="The motion plays at true speed either way",
        items=[
            ("SCENE", "The Scene's", "Keep the scene's frame rate and resample the motion to it"),
            ("CLIP", "The Clip's", "Set the scene to the clip's frame rate, so that each frame of the clip is one of the scene"),
        ],
    )
    fit_range: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Fit Scene Range",
        description="Let the scene end where the motion does",
    )
    nla_strip: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="NLA Strip",
        description="Push the new action down into an NLA track of its own, above the tracks that are there",
    )
    export_format: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Format",
        description="Kind of file that Export Animation writes",
        items=[
            ("GLB", "glTF (.glb)", "For games and the web: armature, meshes and motion in one file"),
            ("FBX", "FBX (.fbx)", "For Unity, Unreal, Maya and others: armature, meshes and motion"),
            ("BVH", "BVH (.bvh)", "Skeleton and motion only, y up, in metres"),
        ],
    )
    root_motion: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Root Motion",
        description="In glTF and FBX, for games: what the bone above the hips, or else the armature itself, does",
        items=[
            (RootMotion.NONE, "None", "As it is animated: the hips go, and what they hang on stays"),
            (RootMotion.PATH, "Path Only", "The root goes where the hips go; their height and what they sway stays theirs"),
            (RootMotion.HEADING, "Path and Heading", "The root turns with the hips as well"),
        ],
    )
    deform_bones: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Deform Bones Only",
        description="In exported files: the bones that deform, as one tree, without the rig's controls and helpers",
    )

    limbs: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Limbs",
        description="What of the arms and legs gets keys",
        items=[
            (LimbMode.FK, "FK", "Rotations of the bones themselves"),
            (LimbMode.IK, "FK and IK Controls", "IK controls and pole targets as well, so that they do the same"),
        ],
        default=LimbMode.FK,
    )
    mute_constraints: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Mute Constraints",
        description="Mute in the new action the constraints of the armature that would change the motion",
    )

    def settings(self) -> Output:
        """The settings as `bridge.output` takes them."""
        return Output(
            name=self.action_name,
            start_frame=self.start_frame if self.use_start_frame else None,
            match_rate=self.frame_rate == "CLIP",
            fit_range=self.fit_range,
            nla_strip=self.nla_strip,
            limbs=LimbMode(self.limbs),
            mute_constraints=self.mute_constraints,
        )


def _check_bones(_row: object, context: bpy.types.Context) -> None:
    review.check(context.scene.pose3d.bones)


class Pose3DBoneRow(bpy.types.PropertyGroup):
    """One row of the table of bones. Names, not references: the armature may be renamed, edited or gone."""

    role: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    bone: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Bone",
        description="The bone of the armature that moves this part of the body. Empty: none does",
        update=_check_bones,
    )
    found: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    confidence: bpy.props.FloatProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    reason: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    fault: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    is_error: bpy.props.BoolProperty(options={"HIDDEN"})  # type: ignore[valid-type]


class Pose3DBones(bpy.types.PropertyGroup):
    """The table in which the user reviews the bones, as `scene.pose3d.bones`; `ops.review` fills and checks it.

    armature: whose table it is, by the name at that time; whose: the same, as `ops.review` knows it until another file is opened;
    preset: the menu's choice that filled it; title: of what was found; base: that as a preset's JSON; message: what is wrong with
    the table, a line a fault.
    """

    rows: bpy.props.CollectionProperty(type=Pose3DBoneRow, options={"HIDDEN"})  # type: ignore[valid-type]
    active: bpy.props.IntProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    armature: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    whose: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    preset: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    title: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    base: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    message: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    is_error: bpy.props.BoolProperty(options={"HIDDEN"})  # type: ignore[valid-type]


class Pose3DLive(bpy.types.PropertyGroup):
    """What Live follows, as `scene.pose3d.live`."""

    source: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Follow",
        description="Where the pictures come from",
        items=[
            ("CAMERA", "Camera", "A camera of this computer"),
            ("FILE", "Video File", "A video file plays the camera's part, as fast as Clip says, or slower on a slow computer"),
        ],
    )
    camera: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Camera",
        description="Number of the camera; the first is 0",
        min=0,
        max=99,
    )
    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="File",
        description="The video that plays the camera's part",
        subtype="FILE_PATH",
        options={"PATH_SUPPORTS_BLEND_RELATIVE"},
    )


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
        description="The character to animate. When empty, the active one, or that of the active mesh, is taken",
        type=bpy.types.Object,
        poll=_is_armature,
    )
    source: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Source",
        description="An animated armature of the scene, whose animation Retarget Animation puts on the character",
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
        description="Where in the clip to begin, in seconds as a player shows them",
        min=0.0,
        unit="TIME_ABSOLUTE",
    )
    end_s: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="End",
        description="Where in the clip to end, in seconds as a player shows them",
        min=0.0,
        default=10.0,
        unit="TIME_ABSOLUTE",
    )
    person: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Person",
        description="Who is meant, where several people are in the clip",
        items=[
            ("longest", "Largest and Longest", "The one who is seen largest and longest"),
            ("largest", "Largest", "The largest of those who are seen for a while"),
            ("middle", "Nearest the Middle", "The one who is nearest the middle of the picture"),
            ("anyone", "Anyone", "In every frame the first who is there: one after another"),
            ("number", "By Number", "By number, in the order of how large and long they are seen"),
        ],
    )
    person_number: bpy.props.IntProperty(  # type: ignore[valid-type]
        name="Number",
        description="1 is the one who is seen largest and longest, 2 the next",
        min=1,
        max=99,
        default=1,
    )
    lens: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Lens",
        description="How the lens of the camera that filmed the clip is known",
        items=[
            ("AUTO", "From the Clip", "As the file notes it, else estimated from the clip; the result says which, and how sure"),
            ("MM", "Focal Length", "In millimetres, as phones and photographers state it: for a picture 36 mm wide"),
            ("FOV", "Field of View", "As an angle, across the picture's long side"),
            ("PIXELS", "Pixels", "The focal length in pixels of the clip, as a calibration gives it"),
        ],
        translation_context=OWN_CONTEXT,
    )
    focal_length_mm: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Focal Length",
        description="Of a picture 36 mm wide, as phones state it. A phone's main camera has about 26 mm",
        min=1.0,
        max=2000.0,
        default=26.0,
        unit="CAMERA",
    )
    field_of_view: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Field of View",
        description="Across the picture's long side. A phone's main camera has about 65 degrees when it films",
        min=math.radians(1),
        max=math.radians(175),
        default=math.radians(65),
        subtype="ANGLE",
        translation_context=OWN_CONTEXT,
    )
    # Of files saved by version 0.2 and before, which had no `lens`: `upgrade_settings` makes it one.
    use_focal_length: bpy.props.BoolProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    focal_length_px: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Focal Length",
        description="Focal length in pixels of the clip: picture width × lens in millimetres ÷ sensor width in millimetres",
        min=1.0,
        soft_max=10000.0,
        precision=0,
        default=1500.0,
        subtype="PIXEL",
    )
    speed: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Speed",
        description="How fast the motion is, of a clip in slow motion",
        items=[
            ("AUTO", "From the Clip", "True speed, where the file notes that it is slow motion; else as fast as it plays"),
            ("PLAYED", "As It Plays", "As slow as the clip plays"),
            ("FILMED", "Filmed At", "True speed of slow motion whose file does not say so: frames a second that the camera took"),
        ],
        translation_context=OWN_CONTEXT,
    )
    filmed_fps: bpy.props.FloatProperty(  # type: ignore[valid-type]
        name="Frames a Second",
        description="How many the camera took: 120 or 240 in the slow motion of most phones",
        min=1.0,
        soft_min=24.0,
        soft_max=960.0,
        max=10000.0,
        default=240.0,
        precision=2,
        step=100,
    )
    motion: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Motion",
        description="What becomes of the lifted motion",
        type=Pose3DMotion,
    )
    bones: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Bones",
        description="Which bone is which part of the body, as reviewed by the user",
        type=Pose3DBones,
    )
    output: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Output",
        description="What becomes of the motion in the scene",
        type=Pose3DOutput,
    )
    live: bpy.props.PointerProperty(  # type: ignore[valid-type]
        name="Live",
        description="What Live follows",
        type=Pose3DLive,
    )

    def person_arguments(self) -> tuple[str, ...]:
        """Of `python -m lifter infer`; none for what it does by itself."""
        choice = str(self.person_number) if self.person == "number" else self.person
        return () if choice == "longest" else ("--person", choice)

    def lens_arguments(self) -> tuple[str, ...]:
        """Of `python -m lifter infer` and `live`; none where the clip is to tell."""
        match self.lens:
            case "MM":
                return "--focal-mm", f"{self.focal_length_mm:g}"
            case "FOV":
                return "--fov", f"{math.degrees(self.field_of_view):g}"
            case "PIXELS":
                return "--focal-px", f"{self.focal_length_px:g}"
        return ()

    def speed_arguments(self) -> tuple[str, ...]:
        """Of `python -m lifter infer` and `live`; none where the clip is to tell."""
        match self.speed:
            case "PLAYED":
                return ("--as-played",)
            case "FILMED":
                return "--filmed-fps", f"{self.filmed_fps:g}"
        return ()


class Pose3DRun(bpy.types.PropertyGroup):
    """Shown by the panel, as `window_manager.pose3d_run`; never part of undo or of a file."""

    is_running: bpy.props.BoolProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    stage: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    detail: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    has_log: bpy.props.BoolProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    progress: bpy.props.FloatProperty(min=0.0, max=1.0, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    message: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    message_is_error: bpy.props.BoolProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    shots_clip: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    shots: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]


class Pose3DSetup(bpy.types.PropertyGroup):
    """How the set-up of the motion engine goes, as `window_manager.pose3d_setup`."""

    is_running: bpy.props.BoolProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    stage: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    detail: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    progress: bpy.props.FloatProperty(min=0.0, max=1.0, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    message: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    message_is_error: bpy.props.BoolProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]


class Pose3DTake(bpy.types.PropertyGroup):
    """One row of the list of takes; `name` is its title."""

    path: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    detail: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    tooltip: bpy.props.StringProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    size_mb: bpy.props.FloatProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]
    is_readable: bpy.props.BoolProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]


class Pose3DTakes(bpy.types.PropertyGroup):
    """The list of takes, as `window_manager.pose3d_takes`; `ops.takes` fills it from the cache folder."""

    rows: bpy.props.CollectionProperty(type=Pose3DTake, options={"SKIP_SAVE"})  # type: ignore[valid-type]
    active: bpy.props.IntProperty(min=0, options={"SKIP_SAVE"})  # type: ignore[valid-type]


@bpy.app.handlers.persistent
def upgrade_settings(*_: object) -> None:
    """The settings of a file that an earlier version saved, as this version has them."""
    for scene in bpy.data.scenes:
        if scene.library is None and scene.pose3d.use_focal_length:
            scene.pose3d.lens, scene.pose3d.use_focal_length = "PIXELS", False


def add_properties() -> None:
    load_preset_items()
    bpy.types.Scene.pose3d = bpy.props.PointerProperty(type=Pose3DSettings)
    bpy.types.WindowManager.pose3d_run = bpy.props.PointerProperty(type=Pose3DRun)
    bpy.types.WindowManager.pose3d_setup = bpy.props.PointerProperty(type=Pose3DSetup)
    bpy.types.WindowManager.pose3d_takes = bpy.props.PointerProperty(type=Pose3DTakes)


def remove_properties() -> None:
    # The settings stay in the scenes; what a run showed is over. Without this a new registration would find it again.
    for name in ("pose3d_run", "pose3d_setup", "pose3d_takes"):
        bpy.context.window_manager.property_unset(name)
        delattr(bpy.types.WindowManager, name)
    del bpy.types.Scene.pose3d
