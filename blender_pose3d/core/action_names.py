"""How a new action is called: a pattern with the armature's, the clip's and the preset's name."""

from __future__ import annotations

from .errors import Pose3DError

DEFAULT_NAME = "{armature} {clip}"


def action_name(pattern: str, *, armature: str = "", clip: str = "", preset: str = "") -> str:
    """The pattern filled in. Raises Pose3DError for a pattern that names something else."""
    try:
        name = pattern.format(armature=armature, clip=clip, preset=preset).strip()
    except (KeyError, IndexError, ValueError, AttributeError):
        raise Pose3DError(
            f"“{pattern}” is no name for an action.",
            hint="Use plain words and {armature}, {clip} and {preset}.",
        ) from None
    return name or f"{armature} {clip}"
