"""Pose3D: animate a character from a video of a person.

Nothing is imported here but on registration, so that `blender_pose3d.core` and `.worker` work in a Python without bpy.
"""

from __future__ import annotations


def register() -> None:
    from . import registration

    registration.register()


def unregister() -> None:
    from . import registration

    registration.unregister()
