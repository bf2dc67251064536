"""Where the user's own presets are, and what the menu calls them."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import places
from ..core.errors import Pose3DError
from ..core.user_presets import UserPresets
from .rig_reader import choose_mapping

# The menu's name of a user's preset: its file's, with what no shipped preset's name has.
PREFIX = "user:"
AUTO = "auto"


def user_presets() -> UserPresets:
    """In the extension's own folder, else (run from the repository, or where POSE3D_HOME is set) in the home folder.

    Raises Pose3DError when the resources are not there.
    """
    package = __package__.rpartition(".")[0]
    own = Path(bpy.utils.extension_path_user(package)) if package.startswith("bl_ext.") else None
    return UserPresets(places.home_folder(own) / "presets", places.resources_root() / "rigs")


def is_there(choice: str) -> bool:
    """Whether what the menu held is still a preset: the user may have renamed or deleted it. Raises Pose3DError."""
    return not choice.startswith(PREFIX) or (user_presets().folder / f"{choice.removeprefix(PREFIX)}.json").is_file()


def as_preset(choice: str, armature_object: bpy.types.Object | None = None) -> str:
    """What the menu holds as `choose_mapping` takes it: a user's preset by its file.

    armature_object: for "auto", the user's preset that fits it as well as any that comes with Pose3D, if there is one.
    Raises Pose3DError.
    """
    if choice == AUTO and armature_object is not None:
        return _automatic(armature_object)
    if not choice:  # a number in the .blend that stands for no preset of this installation
        raise Pose3DError("The preset that this file was saved with is not installed here.", hint="Choose another preset.")
    return str(user_presets().path(choice.removeprefix(PREFIX))) if choice.startswith(PREFIX) else choice


def _automatic(armature_object: bpy.types.Object) -> str:
    presets = user_presets()
    try:
        mapping = choose_mapping(armature_object, preset=AUTO, presets_folder=presets.shipped, own_folders=[presets.folder])
    except Pose3DError:  # whoever uses the choice says why
        return AUTO
    own = presets.folder / f"{mapping.preset}.json"
    return str(own) if own.is_file() else AUTO
