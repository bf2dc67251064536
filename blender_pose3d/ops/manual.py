"""The manual, opened at a section: the website that the extension's manifest names, else the README that comes with it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import ClassVar

import bpy

from .. import places, prefs
from ..core.errors import Pose3DError
from ..core.manual import anchor, as_html, headings

_PACKAGE = Path(__file__).resolve().parents[1]
# In the installed extension, or beside the package in the repository.
_MANIFESTS = (_PACKAGE / "blender_manifest.toml", _PACKAGE.parent / "blender_manifest.toml")
_PAGE = "manual.html"
INSTALLATION = "Install in Blender"
_USE = "Use"
# Blender's Online Manual (F1) over an operator or a field: pattern, in lower case as Blender asks, and section. The first counts.
_SECTIONS = (
    ("bpy.ops.pose3d.*preset*", "Bones"),
    ("bpy.ops.pose3d.*bone*", "Bones"),
    ("bpy.ops.pose3d.exchange_sides*", "Bones"),
    ("bpy.ops.pose3d.*take*", "Takes"),
    ("bpy.ops.pose3d.clear_cache*", "Takes"),
    ("bpy.ops.pose3d.live*", "Live"),
    ("bpy.ops.pose3d.retarget*", "Retarget"),
    ("bpy.ops.pose3d.export_animation*", "Output"),
    ("bpy.ops.pose3d.solve_contacts_again*", "Motion"),
    ("bpy.ops.pose3d.*clip*", "Seen in the Clip"),
    ("bpy.ops.pose3d.draw_skeleton*", "Seen in the Clip"),
    ("bpy.ops.pose3d.landmark_film*", "Seen in the Clip"),
    ("bpy.ops.pose3d.*", _USE),
    ("bpy.types.pose3dmotion.*", "Motion"),
    ("bpy.types.pose3doutput.*", "Output"),
    ("bpy.types.pose3dbone*", "Bones"),
    ("bpy.types.pose3dlive.*", "Live"),
    ("bpy.types.pose3dtake*", "Takes"),
    ("bpy.types.pose3dsettings.source*", "Retarget"),
    ("bpy.types.pose3d*", _USE),
)


class POSE3D_OT_open_manual(bpy.types.Operator):
    """Open the manual in the browser, at this panel's section"""

    bl_idname = "pose3d.open_manual"
    bl_label = "Open Manual"
    bl_options: ClassVar[set[str]] = {"INTERNAL"}

    section: bpy.props.StringProperty(name="Section", description="Title of the section", options={"SKIP_SAVE"})  # type: ignore[valid-type]

    def execute(self, _context: bpy.types.Context) -> set[str]:
        try:
            address = url_of(self.section)
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        bpy.ops.wm.url_open(url=address)
        return {"FINISHED"}


def url_of(section: str) -> str:
    """Of the section whose title begins so, else of the one on the whole panel. Raises Pose3DError where there is no manual."""
    title = next((title for title in headings(_readme()) if title.startswith(section)), _USE)
    return f"{website() or page().as_uri()}#{anchor(title)}"


def page() -> Path:
    """The manual as a file in the extension's own folder, made anew. Raises Pose3DError."""
    path, text = prefs.home() / _PAGE, as_html(_readme(), title="Pose3D")
    try:
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Pose3DError(f"The manual {path} cannot be written: {error.strerror}.", hint="Read README.md instead.") from error
    return path


def _readme() -> str:
    path = places.resources_root() / "README.md"
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Pose3DError(f"The manual {path} cannot be read: {error.strerror}.", hint="Install Pose3D again.") from error


def manual_map() -> tuple[str, tuple[tuple[str, str], ...]]:
    """For `bpy.utils.register_manual_map`."""
    try:
        start = website() or page().as_uri()
    except Pose3DError:
        return "", ()
    return start, tuple((pattern, f"#{anchor(section)}") for pattern, section in _SECTIONS)


def read_website(manifest: Path) -> str:
    """Of an extension's manifest; empty where it names none, or there is no such file."""
    try:
        return str(tomllib.loads(manifest.read_text(encoding="utf-8")).get("website", "")).rstrip("/")
    except (OSError, ValueError):
        return ""


@cache
def website() -> str:
    return next(filter(None, map(read_website, _MANIFESTS)), "")
