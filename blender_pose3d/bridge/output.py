"""What becomes of a solved motion in the scene: the action's name, its first frame, the scene's frame rate, an NLA strip."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import bpy

from ..core.action_names import DEFAULT_NAME, action_name
from ..core.tracks import Pose3DTrack
from .apply import AppliedMotion, Steps, apply_steps
from .frames import show_now
from .ik import LimbMode
from .targets import heard_strips


@dataclass(frozen=True, kw_only=True)
class Output:
    """name: of the action, with {armature}, {clip} and {preset} in it; start_frame: None is the scene's first; match_rate: the
    scene takes the clip's frame rate, instead of the motion being resampled to the scene's; fit_range: the scene ends where the
    motion does; nla_strip: push the action down into an NLA track of its own; limbs and mute_constraints as for `apply_steps`.
    """

    name: str = DEFAULT_NAME
    start_frame: int | None = None
    match_rate: bool = False
    fit_range: bool = False
    nla_strip: bool = False
    limbs: LimbMode = LimbMode.FK
    mute_constraints: bool = False


def output_steps(
    context: bpy.types.Context,
    find_armature: Callable[[], bpy.types.Object],
    track: Pose3DTrack,
    output: Output,
    **settings: Any,
) -> Steps:
    """`apply_steps` with its settings, but for those that `output` has, and the result put into the scene as that says.

    The scene is that of the context, looked up after every step. Raises Pose3DError; the scene is as it was then.
    """
    action_name(output.name)  # what is wrong with it is said before the work
    applied = yield from apply_steps(
        context,
        find_armature,
        track,
        frame_start=output.start_frame,
        fps=track.fps if output.match_rate else None,
        limbs=output.limbs,
        mute_constraints=output.mute_constraints,
        **settings,
    )
    scene = context.scene
    if output.match_rate:
        set_rate(scene, track.fps)
    armature_object, action = find_armature(), bpy.data.actions[applied.action_name]
    action.name = action_name(output.name, armature=armature_object.name, clip=clip_name(track), preset=applied.preset)
    warnings = _fit_range(scene, applied) if output.fit_range else ()
    if output.nla_strip:
        push_down(armature_object, action)
        show_now(context, armature_object)
        if not armature_object.animation_data.use_nla:
            name = armature_object.name
            off = f"The NLA of '{name}' is switched off, so the new strip does not play: switch it on in its editor."
            warnings = (*warnings, off)
    return replace(applied, action_name=action.name, warnings=(*applied.warnings, *warnings))


def _fit_range(scene: bpy.types.Scene, applied: AppliedMotion) -> tuple[str, ...]:
    """Let the scene end where the motion does, and begin no later; what to tell of it."""
    last = applied.frame_end
    if last <= 0:
        return (f"The motion ends at frame {last}, and no scene plays what is before frame 0: its range is as it was.",)
    scene.frame_start = min(scene.frame_start, max(applied.frame_start, 0))
    scene.frame_end = last
    if applied.frame_start < 0:
        return (f"The motion begins at frame {applied.frame_start}, and no scene plays what is before frame 0.",)
    return ()


def apply_with_output(
    context: bpy.types.Context, armature_object: bpy.types.Object, track: Pose3DTrack, output: Output, **settings: Any
) -> AppliedMotion:
    """`output_steps` in one go. Raises Pose3DError."""
    steps = output_steps(context, lambda: armature_object, track, output, **settings)
    try:
        work = next(steps)
        while True:
            work = steps.send(work())
    except StopIteration as finished:
        return finished.value


def clip_name(track: Pose3DTrack) -> str:
    """Of the clip that a track was made from, without its suffix."""
    return Path(str((track.provenance.get("clip") or {}).get("name") or "clip")).stem


def set_rate(scene: bpy.types.Scene, fps: float) -> None:
    """29.97 is 30 / 1.001 in Blender."""
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps


def push_down(armature_object: bpy.types.Object, action: bpy.types.Action) -> bpy.types.NlaStrip:
    """The action as a strip in a new NLA track above all others; afterwards no action is active, as in Blender's Push Down.

    Before and after it, what is under it plays: a strip that holds its first or last pose would hide that.
    """
    data = armature_object.animation_data
    under = [(strip.frame_start, strip.frame_end) for strip in heard_strips(data)]
    slot = data.action_slot
    # An active action would hide its own strip.
    data.action = None
    track = data.nla_tracks.new()
    track.name = action.name
    strip = track.strips.new(action.name, round(action.frame_range[0]), action)
    if strip.action_slot != slot:
        strip.action_slot = slot
    if any(last > strip.frame_end for _, last in under):
        strip.extrapolation = "NOTHING"
    elif any(first < strip.frame_start for first, _ in under):
        strip.extrapolation = "HOLD_FORWARD"
    return strip
