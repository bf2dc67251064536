"""Where the user's own presets are, and what the menu calls them."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import places
from ..core.errors import Pose3DError
from ..core.user_presets import UserPresets

# The menu's name of a user's preset: its file's, with what no shipped preset's name has.
PREFIX = "user:"


def user_presets() -> UserPresets:
    """In the extension's own folder, else (run from the repository, or where POSE3D_HOME is set) in the home folder.

    Raises Pose3DError when the resources are not there.
    """
    package = __package__.rpartition(".")[0]
    own = Path(bpy.utils.extension_path_user(package)) if package.startswith("bl_ext.") else None
    return UserPresets(places.home_folder(own) / "presets", places.resources_root() / "rigs")


def as_preset(choice: str) -> str:
    """What the menu holds as `choose_mapping` takes it: a user's preset by its file. Raises Pose3DError."""
    if not choice:  # a number in the .blend that stands for no preset of this installation
        raise Pose3DError("The preset that this file was saved with is not installed here.", hint="Choose another preset.")
    return str(user_presets().path(choice.removeprefix(PREFIX))) if choice.startswith(PREFIX) else choice
