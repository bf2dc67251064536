"""The lifter's version, which has one home: blender_manifest.toml, beside this package in the repository and in the extension."""

from __future__ import annotations

import tomllib
from pathlib import Path


def lifter_version() -> str:
    """The version in the manifest, or "unknown" where there is none."""
    try:
        manifest = tomllib.loads((Path(__file__).resolve().parents[1] / "blender_manifest.toml").read_text("utf-8"))
    except (OSError, ValueError):
        return "unknown"
    return str(manifest.get("version", "unknown"))
