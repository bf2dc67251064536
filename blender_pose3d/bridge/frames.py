"""The scene's frame: others are visited and it comes back, and what the user posed without keys with it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import bpy
import numpy as np

# Of objects and pose bones alike, and how many values each has.
_CHANNELS = {"location": 3, "rotation_quaternion": 4, "rotation_euler": 3, "rotation_axis_angle": 4, "scale": 3}


def show_now(context: bpy.types.Context, armature_object: bpy.types.Object) -> None:
    """A new action takes effect at once, on this armature alone: setting the frame would evaluate all animation of the scene, and
    wipe what the user posed elsewhere without a key."""
    armature_object.update_tag(refresh={"OBJECT", "DATA", "TIME"})
    context.view_layer.update()


@contextlib.contextmanager
def frame_kept(scene: bpy.types.Scene, *, but: bpy.types.Object | None = None) -> Iterator[None]:
    """Afterwards the scene is at its frame again, and its animated objects and armatures are as they were there, keyed or not.
    Inside its frames are those of the keys.

    but: one that is left as its animation has it. Nothing that is kept may be deleted inside.
    """
    frame, subframe = scene.frame_current, scene.frame_subframe
    animated = [item for item in scene.objects if item.animation_data is not None and item != but]
    kept = [_Kept.of(item) for item in animated]
    try:
        with frames_of_keys(scene):
            yield
    finally:
        scene.frame_set(frame, subframe=subframe)
        for one in kept:
            one.put_back()


@contextlib.contextmanager
def frames_of_keys(scene: bpy.types.Scene) -> Iterator[None]:
    """Without the scene's time remapping, by which Blender would show another frame's keys."""
    render = scene.render
    before = render.frame_map_old, render.frame_map_new
    if before[0] == before[1]:
        yield
        return
    render.frame_map_old = render.frame_map_new = 100
    try:
        yield
    finally:
        render.frame_map_old, render.frame_map_new = before


@dataclass(frozen=True)
class _Kept:
    """An object's channels and those of its pose bones: [1 + B, values] each."""

    item: bpy.types.Object
    channels: dict[str, np.ndarray]

    @classmethod
    def of(cls, item: bpy.types.Object) -> _Kept:
        bones = item.pose.bones if item.pose is not None else ()
        channels = {}
        for name, count in _CHANNELS.items():
            values = np.empty((1 + len(bones), count), np.float32)
            values[0] = getattr(item, name)
            if len(bones):
                below = np.empty(len(bones) * count, np.float32)
                bones.foreach_get(name, below)
                values[1:] = below.reshape(-1, count)
            channels[name] = values
        return cls(item, channels)

    def put_back(self) -> None:
        for name, now in _Kept.of(self.item).channels.items():
            for row in np.flatnonzero((now != self.channels[name]).any(axis=1)):
                owner = self.item if row == 0 else self.item.pose.bones[int(row) - 1]
                setattr(owner, name, self.channels[name][row])
