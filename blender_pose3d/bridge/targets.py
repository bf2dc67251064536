"""The armature that a run is for, remembered so that it can be renamed or deleted while the worker runs."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ..core.errors import Pose3DError


@dataclass(frozen=True)
class Target:
    """An object as it was when the run began. The session id outlives renaming and undo, not the loading of a file."""

    name: str
    session_uid: int


def remember(armature_object: bpy.types.Object) -> Target:
    return Target(name=armature_object.name, session_uid=armature_object.session_uid)


def find(target: Target, scene: bpy.types.Scene) -> bpy.types.Object:
    """The object again, under whatever name it has now. Raises Pose3DError when it is gone from the scene."""
    for candidate in bpy.data.objects:
        if candidate.session_uid == target.session_uid and candidate.type == "ARMATURE":
            if scene.objects.get(candidate.name) != candidate:
                break
            return candidate
    raise Pose3DError(
        f"The armature “{target.name}” was deleted while the clip was read.",
        hint="Choose another one and import again.",
    )


def named_armature(name: str, scene: bpy.types.Scene) -> bpy.types.Object:
    """The armature with this name in the scene. Raises Pose3DError."""
    found = scene.objects.get(name)
    if found is None or found.type != "ARMATURE":
        raise Pose3DError(f"The armature “{name}” is not in the scene.", hint="Choose one in the Pose3D tab.")
    return found


def any_armature() -> bool:
    return any(armature.users for armature in bpy.data.armatures)  # those of deleted characters have none


def shown_action(armature_object: bpy.types.Object) -> bpy.types.Action | None:
    """The action that the armature plays: the active one, else that of the uppermost NLA track that is heard."""
    data = armature_object.animation_data
    if data is None:
        return None
    if data.action is not None:
        return data.action
    for track in reversed(data.nla_tracks):
        for strip in track.strips:
            if not (track.mute or strip.mute) and strip.action is not None:
                return strip.action
    return None


def absolute_path(path: str) -> str:
    """A path as Blender writes it (`//` is the folder of the .blend file) as a path of the file system."""
    return bpy.path.abspath(path)
