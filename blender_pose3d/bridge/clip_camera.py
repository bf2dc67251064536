"""What the camera saw, in the scene: the person's joints where the character is, and a camera that films both as the clip does.

The motion puts the person into the scene by a similarity: turned to the rig's heading, scaled to its legs, the first frame's
hips over the rig's. The same similarity brings the camera along, so that what the character shares with the person is
projected where it is in the clip.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ..core.errors import Pose3DError
from ..core.motion import Performance, perform
from ..core.paths import is_file
from ..core.rig import RigSpec
from ..core.rotations import about_axis, apply, continuous, quaternion_from_matrix
from ..core.solve import heading_of, leg_length_m
from ..core.track_io import read_track
from ..core.upright import ground_m
from .keyframes import key_values
from .markers import Clock, Source, of_a_clip, source_of
from .rig_reader import choose_mapping, read_rig
from .targets import KeyTimes, key_times

CAMERA_PROPERTY = "pose3d_clip_camera"
_SENSOR_MM = 36.0
_UP = np.array([0.0, 0.0, 1.0])
# Blender's camera has y up and looks along -z.
_CAMERA_FROM_BLENDER = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Seen:
    """A person as the clip showed them, where the character is. world = offset_m + scale * turn @ person's world + shift_m[t].

    person; source: of the action, with the scene's clock; turn [3, 3]; scale; offset_m [3]; shift_m [T, 3]: how far the character
    is from where the person went, because the motion is In Place or without Up and Down; what the person sees and is seen by goes
    along.
    """

    person: Performance
    source: Source
    turn: np.ndarray
    scale: float
    offset_m: np.ndarray
    shift_m: np.ndarray

    @property
    def clock(self) -> Clock:
        return self.source.clock

    def in_scene(self, points_m: np.ndarray) -> np.ndarray:
        """Points of the person's world [..., 3] in the scene, but for `shift_m`."""
        return self.offset_m + self.scale * apply(self.turn, points_m)

    def joints_m(self) -> np.ndarray:
        """The person's joints in the scene: [T, 17, 3]."""
        return self.in_scene(self.person.path_m[:, None] + self.person.joints_m) + self.shift_m[:, None]

    def camera_from(self) -> tuple[np.ndarray, np.ndarray]:
        """In the scene, in every frame of the track: where the camera is [T, 3], but for `shift_m`, and its axes (x right, y
        down, z forward) as columns [T, 3, 3].
        """
        return self.in_scene(self.person.camera_path_m), self.turn @ self.person.world_from_camera


def prepare(armature_object: bpy.types.Object, *, resources: Path) -> Callable[[], Seen]:
    """For what the armature plays that was made from a clip. What it returns takes long, touches no bpy data and may run in a
    thread.

    Both raise Pose3DError, where Pose3D did not make the action, its track is gone, or an NLA strip plays it otherwise.
    """
    played = of_a_clip(armature_object)
    if played is None:
        raise Pose3DError(f"'{armature_object.name}' has no action.", hint="Import a clip first.")
    source = source_of(played.action, played.slot)
    shift_frames, keyed = played.shift_frames(), key_times(played.action, played.slot)
    mapping = choose_mapping(armature_object, preset=source.preset, presets_folder=resources / "rigs")
    return partial(_seen, source, read_rig(armature_object, mapping), keyed, shift_frames)


def _seen(source: Source, rig: RigSpec, keyed: KeyTimes | None, shift_frames: int) -> Seen:
    """keyed, shift_frames: where the action's keys are now, and how much later the scene has them."""
    track = read_track(source.track)
    person = perform(track, source.options)
    clock = source.clock.moved_with(keyed, source.made, float(track.timestamps_s[-1]))
    source = replace(source, clock=replace(clock, frame_start=clock.frame_start + shift_frames))
    if source.options.upper_body:
        person = person.facing_ahead()
    turn = about_axis(_UP, heading_of(rig))
    scale = rig.leg_length_m / leg_length_m(person.joints_m)
    middle = rig.world_points(rig.middle("thigh"))
    offset = np.array([middle[0], middle[1], ground_m(rig)]) - scale * apply(turn, person.start_m(source.options))
    path = offset + scale * apply(turn, person.path_m)
    shift = np.zeros_like(path)
    if source.options.stays:
        shift[:, :2] = middle[:2] - path[:, :2]
    if not source.options.rises:
        shift[:, 2] = middle[2] - path[:, 2]
    return Seen(person, source, turn, scale, offset, shift)


def add_clip_camera(
    context: bpy.types.Context, armature_object: bpy.types.Object, clip: Path, *, resources: Path
) -> bpy.types.Object:
    """A new camera that sees the character as the clip shows the person, with the clip behind it. It moves where the character
    does not go where the person went (In Place). The scene's own camera stays, unless there is none. Raises Pose3DError."""
    scene = context.scene
    if scene.library is not None:
        raise Pose3DError(f"The scene “{scene.name}” is linked from another file.", hint="Show the clip in a scene of this one.")
    seen = prepare(armature_object, resources=resources)()
    _require_same_clip(clip, seen)
    picture, clip_fps = _load(clip)
    data = bpy.data.cameras.new(f"{clip.stem} Camera")
    camera = bpy.data.objects.new(data.name, data)
    camera[CAMERA_PROPERTY] = armature_object.name
    scene.collection.objects.link(camera)
    places, axes = seen.camera_from()
    camera.matrix_world = Matrix.Translation(places[0]) @ Matrix(axes[0] @ _CAMERA_FROM_BLENDER).to_4x4()
    distance_m = seen.scale * float(np.median(seen.person.depth_m))
    data.clip_start, data.clip_end = 0.02 * distance_m, max(100.0, 50 * distance_m)
    data.display_size = 0.15 * distance_m
    _key_movement(camera, places + seen.shift_m, seen)
    _set_lens(data, scene.render, seen)
    _set_background(data, picture, seen, clip_fps=clip_fps * seen.person.track.slowdown)
    if scene.camera is None:
        scene.camera = camera
    return camera


def clip_cameras(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """The cameras of this scene that `add_clip_camera` made, the newest last."""
    return [item for item in scene.objects if item.type == "CAMERA" and CAMERA_PROPERTY in item]


def _key_movement(camera: bpy.types.Object, places_m: np.ndarray, seen: Seen) -> None:
    """Where the character does not go where the person went, and where the camera turned or was carried: places_m [T, 3]."""
    times = seen.person.track.timestamps_s
    moves, turns = (places_m != places_m[0]).any(), seen.person.camera_turned_rad > 0
    if not (moves or turns):
        return
    frames = np.arange(seen.clock.frame(float(times[0])), seen.clock.frame(float(times[-1])) + 1)
    frame_times = np.array([seen.clock.time_s(frame) for frame in frames])
    action = bpy.data.actions.new(camera.name)
    camera.animation_data_create().action = action
    if moves:
        places = np.stack([np.interp(frame_times, times, axis) for axis in places_m.T], axis=1)
        key_values(action, camera, "location", places, "", frames)
    if turns:
        axes = seen.turn @ seen.person.world_from_camera_at(frame_times) @ _CAMERA_FROM_BLENDER
        camera.rotation_mode = "QUATERNION"
        key_values(action, camera, "rotation_quaternion", continuous(quaternion_from_matrix(axes)), "", frames)


def _set_lens(data: bpy.types.Camera, render: bpy.types.RenderSettings, seen: Seen) -> None:
    """The side of the clip that fills the camera's frame decides: the background is fitted into it whole."""
    width, height = seen.person.track.image_size_px
    frame = (render.resolution_x * render.pixel_aspect_x) / (render.resolution_y * render.pixel_aspect_y)
    data.type, data.lens_unit = "PERSP", "MILLIMETERS"
    data.sensor_width = data.sensor_height = _SENSOR_MM
    wide = width / height >= frame
    data.sensor_fit = "HORIZONTAL" if wide else "VERTICAL"
    data.lens = seen.person.focal_length_px * _SENSOR_MM / (width if wide else height)


def _set_background(data: bpy.types.Camera, picture: bpy.types.Image, seen: Seen, *, clip_fps: float) -> None:
    data.show_background_images = True
    background = data.background_images.new()
    background.source, background.image = "IMAGE", picture
    background.alpha, background.display_depth, background.frame_method = 1.0, "BACK", "FIT"
    user, clock = background.image_user, seen.clock
    user.use_auto_refresh, user.use_cyclic = True, False
    user.frame_start = clock.frame_start
    last_s = float(seen.person.track.timestamps_s[-1])
    user.frame_duration = max(1, math.ceil((last_s - clock.first_s) * clock.fps) + 1)
    first = clock.first_s * clip_fps
    user.frame_offset = round(first)
    ratio = clip_fps / clock.fps
    if abs(ratio - 1) * user.frame_duration < 0.5:
        return
    # Blender plays a film one frame a frame; this holds or skips frames so that it plays at the clip's own speed.
    driver = data.driver_add(f"{background.path_from_id()}.image_user.frame_offset").driver
    driver.type = "SCRIPTED"
    since = f"(frame - {clock.frame_start})"
    driver.expression = f"floor({first:.6f} + {since} * {ratio:.9f} + 0.5) - {since}"


def _load(clip: Path) -> tuple[bpy.types.Image, float]:
    """The clip as a picture that moves, and its frames a second. Raises Pose3DError where this Blender cannot read it."""
    why = Pose3DError(f"Blender cannot read {clip} as a film.", hint="Convert it to an .mp4 with H.264, and import that.")
    try:
        film = bpy.data.movieclips.load(str(clip))
    except RuntimeError:
        raise why from None
    fps, frames = film.fps, film.frame_duration
    bpy.data.movieclips.remove(film)
    if not (math.isfinite(fps) and fps > 0 and frames > 0):
        raise why
    picture = bpy.data.images.load(str(clip), check_existing=True)
    if picture.source != "MOVIE" or 0 in picture.size:
        if picture.users == 0:
            bpy.data.images.remove(picture)
        raise why
    return picture, fps


def _require_same_clip(clip: Path, seen: Seen) -> None:
    """Raises Pose3DError for a clip that the track was not made from."""
    if not is_file(clip):
        raise Pose3DError(f"There is no clip at {clip}.", hint="Choose the clip that the motion was made from.")
    made_from = seen.person.track.provenance.get("clip") or {}
    expected = made_from.get("sha256")
    if not expected:
        return
    with clip.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != expected:
            raise Pose3DError(
                f"{clip.name} is not the clip that the motion was made from, which was {made_from.get('name')}.",
                hint="Choose that one as the clip.",
            )
