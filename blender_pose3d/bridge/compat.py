"""The only place that asks which version Blender is, or what this build of it can do."""

from __future__ import annotations

import bpy

BLENDER_VERSION: tuple[int, int, int] = bpy.app.version
# 4.5 to 5.2 all do it; tests/blender/test_rigs.py finds out when a later one does not.
GLTF_FPS_BASE_IS_INVERTED = True


def ensure_fcurve(
    action: bpy.types.Action, datablock: bpy.types.ID, data_path: str, *, index: int = 0, group_name: str = ""
) -> bpy.types.FCurve:
    """The F-curve of `action` for one property of `datablock`, made with layer, strip and slot where missing.

    Assigns the action to the datablock as Blender's own function does; 4.5 has no argument for the group.
    """
    if BLENDER_VERSION >= (5, 0, 0):
        return action.fcurve_ensure_for_datablock(datablock, data_path, index=index, group_name=group_name)
    return action.fcurve_ensure_for_datablock(datablock, data_path, index=index)
