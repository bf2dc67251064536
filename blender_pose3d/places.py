"""Where the add-on's own files are: the resources root (`lifter/`, `rigs/`) and the home folder. Standard library only."""

from __future__ import annotations

import os
from pathlib import Path

from .core.errors import Pose3DError

RESOURCES_VARIABLE = "POSE3D_RESOURCES"
HOME_VARIABLE = "POSE3D_HOME"

_given_resources: Path | None = None


def set_resources(root: Path | None) -> None:
    """Say where `lifter/` and `rigs/` are, for runs from the repository; None goes back to the default."""
    global _given_resources
    _given_resources = root


def resources_root() -> Path:
    """The folder that holds `lifter/` and `rigs/`: as given, else POSE3D_RESOURCES, else the installed package itself.

    Raises Pose3DError when the folder does not hold both.
    """
    named = os.environ.get(RESOURCES_VARIABLE)
    root = _given_resources or (Path(os.path.expanduser(named)).absolute() if named else Path(__file__).resolve().parent)
    missing = [name for name in ("lifter", "rigs") if not (root / name).is_dir()]
    if missing:
        raise Pose3DError(
            f"{root} has no folder {' and no folder '.join(missing)}.",
            hint=f"Install the add-on again, or set {RESOURCES_VARIABLE} to the project's folder.",
        )
    return root


def home_folder(user_folder: Path | None = None) -> Path:
    """The folder of environments, models and cached tracks: POSE3D_HOME, else `user_folder` (an installed extension's own), else
    `.pose3d` beside the resources. Raises Pose3DError like `resources_root`."""
    if named := os.environ.get(HOME_VARIABLE):
        return Path(os.path.expanduser(named)).absolute()  # as build.py: not every place where it may be set knows ~
    return user_folder or resources_root() / ".pose3d"


def tracks_folder() -> Path:
    """Of the tracks that runs without a window keep. Raises Pose3DError like `resources_root`."""
    return home_folder() / "cache" / "tracks"
