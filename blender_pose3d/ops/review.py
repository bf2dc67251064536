"""The table of bones in the scene's settings: filled, checked, and turned into the preset that a run uses."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from pathlib import Path

import bpy

from .. import places
from ..bridge import review as armature_review
from ..bridge import user_presets
from ..core import review
from ..core.errors import Pose3DError
from ..core.preset import RECOGNISED

# Session ids are of one session of Blender: a scene may come out of a file that another one saved.
_SESSION = uuid.uuid4().hex


def rows_of(table: bpy.types.PropertyGroup) -> list[review.Row]:
    return [review.Row(row.role, row.bone, row.confidence, row.reason) for row in table.rows]


def is_changed(table: bpy.types.PropertyGroup) -> bool:
    """Whether the user changed what was found."""
    return any(row.bone != row.found for row in table.rows)


def is_for(table: bpy.types.PropertyGroup, armature_object: bpy.types.Object | None) -> bool:
    return bool(table.rows) and armature_object is not None and armature_of(table) == armature_object


def armature_of(table: bpy.types.PropertyGroup) -> bpy.types.Object | None:
    """Whose table it is, under whatever name it has now; None where it is gone or the table is nobody's."""
    if not table.armature:
        return None
    named = bpy.data.objects.get(table.armature)
    if table.whose.partition(":")[0] == _SESSION and (named is None or _whose(named) != table.whose):
        named = next((item for item in bpy.data.objects if _whose(item) == table.whose), None)
    return named if named is not None and named.type == "ARMATURE" else None


def _whose(item: bpy.types.Object) -> str:
    return f"{_SESSION}:{item.session_uid}"


@bpy.app.handlers.persistent
def before_saving(*_: object) -> None:
    """A file knows armatures by their names."""
    for table in _tables():
        if (armature_object := armature_of(table)) is not None:
            table.armature = armature_object.name


@bpy.app.handlers.persistent
def after_loading(*_: object) -> None:
    for table in _tables():
        table.whose = ""
        if (armature_object := armature_of(table)) is not None:
            table.whose = _whose(armature_object)


def _tables() -> list[bpy.types.PropertyGroup]:
    return [scene.pose3d.bones for scene in bpy.data.scenes if scene.library is None and scene.pose3d.bones.rows]


def fill(table: bpy.types.PropertyGroup, armature_object: bpy.types.Object, *, preset: str) -> str:
    """Show what a run with this preset would take each bone for. Returns why nothing was found, "" where something was.

    preset: as the menu has it. Raises Pose3DError where there is nothing to show.
    """
    mapping, error = armature_review.find_bones(
        armature_object, preset=user_presets.as_preset(preset, armature_object), presets_folder=places.resources_root() / "rigs"
    )
    clear(table)
    rows = review.rows_of(mapping) if mapping else review.empty_rows()
    _set_rows(table, rows)
    table.preset, table.base = preset, review.base_text(mapping)
    table.title = mapping.preset if mapping else RECOGNISED
    table.armature, table.whose = armature_object.name, _whose(armature_object)
    check(table)
    return error.sentence if error else ""


def clear(table: bpy.types.PropertyGroup) -> None:
    table.armature = ""  # first: a table without an armature is not checked
    table.rows.clear()
    for name in ("whose", "active", "preset", "title", "base", "message", "is_error"):
        table.property_unset(name)


def change_rows(table: bpy.types.PropertyGroup, rows: Sequence[review.Row]) -> None:
    """Other bones in the same roles."""
    armature, table.armature = table.armature, ""
    for row, new in zip(table.rows, rows, strict=True):
        row.bone = new.bone
    table.armature = armature
    check(table)


def check(table: bpy.types.PropertyGroup) -> None:
    """Bring what the panel says of the table up to date."""
    armature_object = armature_of(table)
    if armature_object is None:
        return
    found = armature_review.review(armature_object, rows_of(table))
    for row in table.rows:
        about = [fault for fault in found if row.role == fault.role or (row.bone and row.bone in fault.bones)]
        row.fault = about[0].sentence if about else ""
        row.is_error = any(fault.is_error for fault in about)
    table.message = "\n".join(fault.sentence for fault in found)
    table.is_error = any(fault.is_error for fault in found)


def add_link(table: bpy.types.PropertyGroup, role: str) -> None:
    """An empty row after the last bone of a chain."""
    last = max(i for i, row in enumerate(table.rows) if row.role == role)
    row = table.rows.add()
    row.role = role
    table.rows.move(len(table.rows) - 1, last + 1)
    table.active = last + 1


def preset_for(context: bpy.types.Context, armature_object: bpy.types.Object, *, cache_folder: Path) -> str:
    """The preset that a run uses, as `choose_mapping` takes it: the menu's, or for an armature whose table is filled the table's.

    A table that the user has changed becomes a preset file in the cache, under a name made from what is in it, so that the action
    can be solved again later with the same bones. Raises Pose3DError for a table that cannot be used.
    """
    table = context.scene.pose3d.bones
    if not is_for(table, armature_object):
        return user_presets.as_preset(context.scene.pose3d.preset, armature_object)
    check(table)
    if table.is_error:
        raise Pose3DError(table.message.splitlines()[0], hint="The table is in the Pose3D tab, under Bones; Clear empties it.")
    changed = is_changed(table)
    if not changed and user_presets.is_there(table.preset):
        return user_presets.as_preset(table.preset, armature_object)
    text = text_of(table, title=f"{table.title}, changed" if changed else table.title)
    path = cache_folder / f"bones-{hashlib.sha256(text.encode()).hexdigest()[:12]}.json"
    try:
        cache_folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Pose3DError(
            f"The cache folder {cache_folder} cannot be written: {error.strerror}.", hint="Choose another in the preferences."
        ) from error
    return str(path)


def text_of(table: bpy.types.PropertyGroup, *, title: str) -> str:
    """The table as a preset's JSON."""
    return review.reviewed_text(rows_of(table), table.base, title=title)


def _set_rows(table: bpy.types.PropertyGroup, rows: Sequence[review.Row]) -> None:
    for new in rows:
        row = table.rows.add()
        row.role, row.confidence, row.reason = new.role, new.confidence, new.reason
        row.bone = row.found = new.bone
