"""The table of bones against an armature: what is found for it, and what is wrong with what the user made of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy

from ..core.errors import Pose3DError
from ..core.preset import Mapping
from ..core.recognise import map_bones
from ..core.review import Fault, Row, faults, reviewed_preset, said_of
from ..core.rig import check_mapping
from ..core.solve import heading_of
from .rig_reader import choose_mapping, read_rig, read_skeleton, take_in_edits


def find_bones(
    armature_object: bpy.types.Object, *, preset: str, presets_folder: Path
) -> tuple[Mapping | None, Pose3DError | None]:
    """The mapping that a run would use, or why there is none; then the user chooses the bones."""
    try:
        return choose_mapping(armature_object, preset=preset, presets_folder=presets_folder), None
    except Pose3DError as error:
        if armature_object.type != "ARMATURE" or not armature_object.data.bones:
            raise
        return None, error


def review(armature_object: bpy.types.Object, rows: Sequence[Row]) -> list[Fault]:
    """What is wrong with the rows on this armature, errors first."""
    take_in_edits(armature_object)
    found = faults(rows, [bone.name for bone in armature_object.data.bones])
    if found:
        return found
    try:
        one = reviewed_preset(rows)
        mapping = map_bones(read_skeleton(armature_object), [one], one.name)
        rig = read_rig(armature_object, mapping)
        heading_of(rig)
    except Pose3DError as error:
        return [Fault(error.sentence, bones=said_of(error.sentence, rows).bones, is_error=True)]
    return [said_of(sentence, rows) for sentence in check_mapping(rig)]
