"""The one way from a track to keys on an armature, for the operator and the command line alike."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import bpy
import numpy as np
from bpy_extras import anim_utils

from ..core.confidence import confidence_of, guesses
from ..core.curves import SparseMotion, reduced
from ..core.errors import Pose3DError
from ..core.motion import Contact, MotionOptions, Performance, solve_motion
from ..core.resample import LAST_FRAME, resampled
from ..core.rig import RigSpec, check_mapping
from ..core.solve import SolveOptions, solve
from ..core.track_io import read_track
from ..core.tracks import Pose3DTrack, RigMotion
from .frames import show_now
from .ik import LimbMode, Pauses
from .keyframes import rotation_channels
from .keying import handling_by_preset, key_steps
from .markers import (
    Clock,
    Source,
    clock_of_markers,
    contacts_from_markers,
    key_confidence,
    made_now,
    mark_contacts,
    mark_guesses,
    of_a_clip,
    remember_source,
    source_of,
)
from .targets import heard_strips, key_times, plays_solo, shown

_T = TypeVar("_T")
# Properties by which an object moves.
_OF_OBJECTS = ("location", "rotation_", "delta_")


@dataclass(frozen=True)
class AppliedMotion:
    """action_name; preset that was used; warnings for the user; frame_start and frame_end of the keys; motion: as solved for the
    scene's frames; rig: the armature that it is for; person: camera, path and contacts that it comes from, None for the plain
    solve; sparse: the keys, None where every frame has one; options: it was solved with.
    """

    action_name: str
    preset: str
    warnings: tuple[str, ...]
    frame_start: int
    frame_end: int
    motion: RigMotion
    rig: RigSpec
    person: Performance | None = None
    sparse: SparseMotion | None = None
    options: MotionOptions | SolveOptions = field(default_factory=MotionOptions)


# What it yields takes long and touches no bpy data: its caller calls that, in a thread or not, and sends what it returns.
Steps: TypeAlias = Generator[Callable[[], Any], Any, AppliedMotion]


def apply_track(
    context: bpy.types.Context, armature_object: bpy.types.Object, track: Pose3DTrack, **settings: Any
) -> AppliedMotion:
    """`apply_steps`, with the same settings, in one go. Raises Pose3DError (nothing is changed then)."""
    steps = apply_steps(context, lambda: armature_object, track, **settings)
    try:
        work = next(steps)
        while True:
            work = steps.send(work())
    except StopIteration as finished:
        return finished.value


def apply_steps(
    context: bpy.types.Context,
    find_armature: Callable[[], bpy.types.Object],
    track: Pose3DTrack,
    *,
    preset: str,
    resources: Path,
    options: MotionOptions | SolveOptions | None = None,
    contacts: Sequence[Contact] | None = None,
    track_path: Path | None = None,
    frame_start: int | None = None,
    fps: float | None = None,
    stretch: float = 1.0,
    limbs: LimbMode | str = LimbMode.FK,
    mute_constraints: bool = False,
) -> Steps:
    """Solve a track onto an armature and key it at true speed, unless told otherwise, into a new action.

    find_armature: the armature again, after each step, since the user may have undone or deleted something meanwhile;
    preset: "auto", a preset's name, or the path of a preset file; resources: the folder that holds rigs/; options: SolveOptions
    give the plain solve with a key on every frame; contacts: as the user has changed those of an earlier result; track_path: the
    track's file, remembered for `apply_again`; frame_start: of the keys, the scene's first frame when left out; fps: of the
    keys, the scene's when left out; stretch: how much longer the motion is to take; limbs: IK keys the IK controls as well, so
    that they do the same as the FK keys; mute_constraints: in the new action, those that change what is keyed.
    Raises Pose3DError (nothing is changed then).
    """
    options = options or MotionOptions()
    armature_object = find_armature()
    how = handling_by_preset(
        context,
        armature_object,
        preset=preset,
        presets_folder=resources / "rigs",
        limbs=limbs,
        mute_constraints=mute_constraints,
        upper_body=options.upper_body,
    )
    rig = how.rig
    person = None
    if isinstance(options, SolveOptions):
        motion = yield partial(solve, track, rig, options)
    else:
        solved = yield partial(solve_motion, track, rig, options, contacts=contacts)
        motion, person = solved.motion, solved.person
    if fps is None:
        fps = context.scene.render.fps / context.scene.render.fps_base
    fps *= stretch
    motion = yield partial(resampled, motion, fps)
    armature_object = _same_bones(find_armature(), motion)
    sparse = None
    if isinstance(options, MotionOptions) and person is not None and not options.dense_keys:
        channels = rotation_channels(armature_object, motion)
        contacts = () if options.upper_body else person.contacts
        sparse = yield partial(reduced, motion, rig, channels, options=options, contacts=contacts)
        armature_object = _same_bones(find_armature(), motion)
    scene = context.scene
    clock = Clock(scene.frame_start if frame_start is None else frame_start, fps, float(motion.timestamps_s[0]))
    frames = clock.frame_start + np.arange(len(motion.timestamps_s))
    if frames[-1] > LAST_FRAME:
        raise Pose3DError(
            f"The motion would end at frame {frames[-1]:,}, and Blender has none after {LAST_FRAME:,}.",
            hint="Let the scene start earlier.",
        )
    clip_name = str((track.provenance.get("clip") or {}).get("name") or "clip")
    steps = key_steps(
        context,
        lambda: _same_bones(find_armature(), motion),
        how,
        motion,
        frames=frames,
        action_name=f"{armature_object.name} {Path(clip_name).stem}",
        sparse=sparse,
    )
    action, warnings = yield from _with_pauses(steps)
    armature_object = find_armature()
    if isinstance(options, MotionOptions) and person is not None:
        if options.mark_contacts and not options.upper_body:
            mark_contacts(action, person.contacts, clock)
        if options.mark_guesses:
            mark_guesses(action, guesses(track), clock)
            key_confidence(
                armature_object, action, np.interp(motion.timestamps_s, track.timestamps_s, confidence_of(track)), frames
            )
        if track_path is not None:
            made = made_now(action, clock)
            handle = action.slots[0].handle
            remember_source(action, Source(track_path.absolute(), preset, options, clock, made, stretch, handle))
    show_now(context, armature_object)
    return AppliedMotion(
        action_name=action.name,
        preset=rig.mapping.preset,
        warnings=(
            *check_mapping(rig),
            *warnings,
            *_gap_warnings(track),
            *_one_frame_warnings(track),
            *_hand_warnings(track, rig, options),
            *unseen_warnings(armature_object, motion),
        ),
        frame_start=int(frames[0]),
        frame_end=int(frames[-1]),
        motion=motion,
        rig=rig,
        person=person,
        sparse=sparse,
        options=options,
    )


def _with_pauses(steps: Pauses[_T]) -> Generator[Callable[[], Any], Any, _T]:
    """A pause as a piece of work in which nothing is done."""
    try:
        while True:
            try:
                next(steps)
            except StopIteration as finished:
                return finished.value
            yield pause
    finally:
        steps.close()


def pause() -> None:
    """Nothing is done: Blender's window draws meanwhile. The armature plays an action that is half made, and that no undo step
    knows: what exchanges Blender's data ends the steps first."""


def _same_bones(armature_object: bpy.types.Object, motion: RigMotion) -> bpy.types.Object:
    """The armature. Raises Pose3DError where it has lost bones of the motion."""
    missing = [name for name in motion.bone_names if name not in armature_object.pose.bones]
    if missing:
        raise Pose3DError(
            f"'{armature_object.name}' has lost its bone '{missing[0]}' while the motion was made.", hint="Solve the take again."
        )
    return armature_object


def apply_again(
    context: bpy.types.Context,
    armature_object: bpy.types.Object,
    *,
    resources: Path,
    limbs: LimbMode | str = LimbMode.FK,
    mute_constraints: bool = False,
) -> AppliedMotion:
    """Solve the track of the armature's action again with the contacts as its markers say them now, into another new action.

    limbs, mute_constraints: as for `apply_steps`; the action does not remember them.
    The keys begin where they do in the scene, also when they or an NLA strip were moved, and take as long where they were scaled.
    Raises Pose3DError if there is no such action, something lies over it, its strip plays it otherwise, its keys were retimed
    otherwise, its track is gone, or no marker is a contact (nothing is changed then).
    """
    played, uppermost = of_a_clip(armature_object), shown(armature_object)
    if played is None or uppermost is None:
        raise Pose3DError(f"'{armature_object.name}' has no action.", hint="Import a clip first.")
    source = source_of(played.action, played.slot)
    if uppermost.action != played.action:
        raise Pose3DError(
            f"'{uppermost.action.name}' lies over '{played.action.name}', and the new action would hide it.",
            hint="Mute it in the NLA (push it down first) until the new action is pushed down under it.",
        )
    track = read_track(source.track)
    last_s = float(track.timestamps_s[-1])
    clock = source.clock.moved_with(key_times(played.action, played.slot), source.made, last_s)
    as_marked = clock_of_markers(played.action, (clock, source.clock), last_s=last_s)
    contacts = contacts_from_markers(played.action, as_marked, last_s=last_s)
    return apply_track(
        context,
        armature_object,
        track,
        preset=source.preset,
        resources=resources,
        options=source.options,
        contacts=contacts,
        track_path=source.track,
        frame_start=clock.frame_start + played.shift_frames(),
        stretch=source.stretch * clock.fps / source.clock.fps,
        limbs=limbs,
        mute_constraints=mute_constraints,
    )


def _gap_warnings(track: Pose3DTrack) -> tuple[str, ...]:
    empty = empty_stretches_s(track)
    if not empty:
        return ()
    spans = ", ".join(f"{a:.1f} to {b:.1f} s" for a, b in empty[:5])
    more = f" and {len(empty) - 5} more" if len(empty) > 5 else ""
    return (f"Nobody was found at {spans}{more}; the pose is held there.",)


def _one_frame_warnings(track: Pose3DTrack) -> tuple[str, ...]:
    if track.frame_count > 1:
        return ()
    return ("The clip has only one frame, which gives one pose: make a video of a sequence of pictures first.",)


def _hand_warnings(track: Pose3DTrack, rig: RigSpec, options: MotionOptions | SolveOptions) -> tuple[str, ...]:
    if not isinstance(options, MotionOptions) or not options.follow_hands or not rig.mapping.fingers:
        return ()
    if track.hand_confidence is None:
        return ("This track has no hands in it, so the fingers are relaxed: import its clip again to have them looked at.",)
    if not track.hand_confidence.any():
        return ("No hand was found in the clip, so the fingers are relaxed.",)
    return ()


def unseen_warnings(armature_object: bpy.types.Object, motion: RigMotion) -> tuple[str, ...]:
    """What of the user's keeps the new action from being seen as it was solved; it is left as it is."""
    name, data = armature_object.name, armature_object.animation_data
    warnings = still_warnings(armature_object)
    strips = heard_strips(data)
    if strips and plays_solo(data):
        warnings.append(f"An NLA track of '{name}' plays solo and hides the animation: click its star.")
    elif strips and (data.action_blend_type != "REPLACE" or data.action_influence < 1):
        warnings.append(
            f"The action of '{name}' is blended with its NLA tracks, so the pose is mixed: mute them, or choose Replace."
        )
    if not plays_solo(data) and not motion.left_alone and any(_moves_object(strip) for strip in strips):
        warnings.append(f"NLA strips move the object '{name}' itself, and the character goes along: mute them if it should not.")
    return tuple(warnings)


def still_warnings(armature_object: bpy.types.Object) -> list[str]:
    """Why an armature shows no pose at all."""
    name, warnings = armature_object.name, []
    if armature_object.data.pose_position == "REST":
        warnings.append(f"'{name}' shows its rest position: choose Pose Position in its Armature properties to see it move.")
    if armature_object.data.is_editmode:
        warnings.append(f"'{name}' is in Edit Mode, where it does not move: leave that to see it move.")
    return warnings


def _moves_object(strip: bpy.types.NlaStrip) -> bool:
    slot = strip.action_slot if strip.action is not None else None
    bag = anim_utils.action_get_channelbag_for_slot(strip.action, slot) if slot is not None else None
    curves = [curve for curve in (bag.fcurves if bag is not None else ()) if curve.data_path.startswith(_OF_OBJECTS)]
    return any(len({point.co.y for point in curve.keyframe_points}) > 1 for curve in curves)


def empty_stretches_s(track: Pose3DTrack) -> list[tuple[float, float]]:
    """Stretches of the clip without a person, (first, last) frame's time in seconds as a player shows it."""
    gone = np.flatnonzero(~track.detected)
    if len(gone) == 0:
        return []
    runs = np.split(gone, np.flatnonzero(np.diff(gone) > 1) + 1)
    played_s = track.timestamps_s * track.slowdown
    return [(float(played_s[run[0]]), float(played_s[run[-1]])) for run in runs]
