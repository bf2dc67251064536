"""The shots of a clip that is cut, to choose the one that is to be read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import ClassVar

import bpy

from ..bridge import targets
from ..core.shots import shots_of
from ..translations import OWN_CONTEXT
from . import run

_FRAME_S = 0.1  # of the slowest clip
_items: list[tuple[str, str, str]] = []  # Blender does not keep them


def remember(context: bpy.types.Context, done: run.Run) -> None:
    """For the panel, after a run over one clip: its shots, if it is cut. One shot by itself has no cuts and says nothing new."""
    if len(done.requests) > 1 or not done.applied or (clip := done.requests[0].clip) is None:
        return
    state, person = context.window_manager.pose3d_run, done.applied[0].person
    found = shots_of(person.track) if person is not None else ()
    # Of a part that has cuts itself nothing is said of the rest.
    is_within = (
        state.shots_clip == str(clip) and "--start" in done.requests[0].lifting and _covers(json.loads(state.shots), found)
    )
    if (found and not is_within) or state.shots_clip != str(clip):
        state.shots_clip, state.shots = str(clip), json.dumps(found)


def _covers(shots: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> bool:
    """Whether shots that are known begin before others and end after them, or as they do, but for a frame."""
    return bool(shots and others) and shots[0][0] <= others[0][0] + _FRAME_S and shots[-1][1] >= others[-1][1] - _FRAME_S


def known(context: bpy.types.Context) -> list[tuple[float, float]]:
    """Start and end of each shot of the clip that is chosen, as far as it was read."""
    state, path = context.window_manager.pose3d_run, context.scene.pose3d.clip_path
    if not path or state.shots_clip != str(targets.file_path(path)):
        return []
    return [(start_s, end_s) for start_s, end_s in json.loads(state.shots)]


def _shots(_self: object, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    found = known(context) if context is not None else []
    about = "Read this shot of the clip only, by its seconds"
    _items[:] = [(str(n), f"{n}:   {start_s:.2f} – {end_s:.2f}", about) for n, (start_s, end_s) in enumerate(found, 1)]
    return _items


class POSE3D_OT_choose_shot(run.WhileIdle, bpy.types.Operator):
    """The clip is cut: one of its shots, as the part that is read"""

    bl_idname = "pose3d.choose_shot"
    bl_label = "Choose a Shot"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    shot: bpy.props.EnumProperty(  # type: ignore[valid-type]
        name="Shot", description="Which shot of the clip is read", items=_shots, translation_context=OWN_CONTEXT
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if not super().poll(context):
            return False
        if not known(context):
            cls.poll_message_set("No cuts are known of this clip: they are found when it is read")
            return False
        return True

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.pose3d
        settings.use_range = True
        settings.start_s, settings.end_s = known(context)[int(self.shot) - 1]
        return {"FINISHED"}
