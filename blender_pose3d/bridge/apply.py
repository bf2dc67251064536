"""The one way from a track to keys on an armature, for the operator and the command line alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np

from ..core.resample import resampled
from ..core.rig import check_mapping
from ..core.solve import SolveOptions, solve
from ..core.tracks import Pose3DTrack, RigMotion
from .keyframes import key_motion, require_editable
from .rig_reader import choose_mapping, read_rig


@dataclass(frozen=True)
class AppliedMotion:
    """action_name; preset that was used; warnings for the user; frame_start and frame_end of the keys; motion: as solved for the
    scene's frames."""

    action_name: str
    preset: str
    warnings: tuple[str, ...]
    frame_start: int
    frame_end: int
    motion: RigMotion


def apply_track(
    context: bpy.types.Context,
    armature_object: bpy.types.Object,
    track: Pose3DTrack,
    *,
    preset: str,
    resources: Path,
    options: SolveOptions | None = None,
) -> AppliedMotion:
    """Solve a track onto an armature and key it from the scene's first frame on, at true speed, into a new action.

    preset: "auto", a preset's name, or the path of a preset file; resources: the folder that holds rigs/.
    Raises Pose3DError (nothing is changed then).
    """
    require_editable(armature_object)
    context.view_layer.update()
    mapping = choose_mapping(armature_object, preset=preset, presets_folder=resources / "rigs")
    rig = read_rig(armature_object, mapping)
    motion = solve(track, rig, options)
    scene = context.scene
    fps = scene.render.fps / scene.render.fps_base
    motion = resampled(motion, fps)
    frames = scene.frame_start + np.arange(len(motion.timestamps_s))
    clip_name = str((track.provenance.get("clip") or {}).get("name") or "clip")
    action = key_motion(
        armature_object,
        motion,
        frames=frames,
        action_name=f"{armature_object.name} {Path(clip_name).stem}",
        properties=mapping.properties,
    )
    # The new action takes effect at once, and the dependency graph knows it.
    scene.frame_set(scene.frame_current)
    return AppliedMotion(
        action_name=action.name,
        preset=mapping.preset,
        warnings=tuple(check_mapping(rig)) + _gap_warnings(track) + _unseen_warnings(armature_object),
        frame_start=int(frames[0]),
        frame_end=int(frames[-1]),
        motion=motion,
    )


def _gap_warnings(track: Pose3DTrack) -> tuple[str, ...]:
    empty = empty_stretches_s(track)
    if not empty:
        return ()
    spans = ", ".join(f"{a:.1f} to {b:.1f} s" for a, b in empty[:5])
    more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
    return (f"Nobody was found at {spans}{more}; the pose is held there.",)


def _unseen_warnings(armature_object: bpy.types.Object) -> tuple[str, ...]:
    """Settings of the user's that keep the new action from being seen; they are left as they are."""
    name, data = armature_object.name, armature_object.animation_data
    warnings = []
    if armature_object.data.pose_position == "REST":
        warnings.append(f"'{name}' shows its rest position: choose Pose Position in its Armature properties to see it move.")
    tracks = [track for track in data.nla_tracks if not track.mute and len(track.strips)] if data.use_nla else []
    if any(track.is_solo for track in tracks):
        warnings.append(f"An NLA track of '{name}' plays solo and hides the animation: click its star.")
    elif tracks and (data.action_blend_type != "REPLACE" or data.action_influence < 1):
        warnings.append(
            f"The action of '{name}' is blended with its NLA tracks, so the pose is mixed: mute them, or choose Replace."
        )
    return tuple(warnings)


def empty_stretches_s(track: Pose3DTrack) -> list[tuple[float, float]]:
    """Stretches of the clip without a person, (first, last) frame's time in seconds."""
    gone = np.flatnonzero(~track.detected)
    if len(gone) == 0:
        return []
    runs = np.split(gone, np.flatnonzero(np.diff(gone) > 1) + 1)
    return [(float(track.timestamps_s[run[0]]), float(track.timestamps_s[run[-1]])) for run in runs]
