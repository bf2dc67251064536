"""The lifter's version, which has one home: blender_manifest.toml, beside this package in the repository and in the extension."""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path


def lifter_version() -> str:
    """The version in the manifest, or "unknown" where there is none."""
    try:
        manifest = tomllib.loads((Path(__file__).resolve().parents[1] / "blender_manifest.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return "unknown"
    return str(manifest.get("version", "unknown"))


def detector_versions() -> dict[str, str]:
    """Of all that has a part in what is seen of a clip."""
    import cv2
    import numpy as np

    return {
        "lifter": lifter_version(),
        "numpy": np.__version__,
        "mediapipe": version("mediapipe"),
        "opencv": cv2.__version__,
    }
