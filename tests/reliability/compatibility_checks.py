"""Runs inside a Blender: `compatibility_checks.py -- TRACK.npz SCENE.blend…`, each with a .json beside it. test_compatibility.py
starts it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.blender import script  # noqa: E402


def same(now: Any, then: Any, name: str) -> None:
    """Every setting that was there is there, with its value."""
    for key, value in then.items():
        assert hasattr(now, key), f"{name}.{key} is gone"
        found = getattr(now, key)
        if isinstance(value, dict) and not isinstance(found, bpy.types.ID):
            same(found, value, f"{name}.{key}")
        elif isinstance(value, list):
            assert len(found) == len(value), f"{name}.{key}"
            for item, old in zip(found, value, strict=True):
                same(item, old, f"{name}.{key}") if isinstance(old, dict) else None
        elif isinstance(value, float):
            assert abs(found - value) < 1e-6, f"{name}.{key}: {value} became {found}"
        else:
            found = found.name if isinstance(found, bpy.types.ID) else found
            assert found == value, f"{name}.{key}: {value!r} became {found!r}"


def check(scene: str, track: str) -> None:
    import blender_pose3d

    blender_pose3d.register()
    from blender_pose3d import prefs

    assert {"engine_python", "cache_folder"} <= set(prefs.Pose3DPreferences.__annotations__)
    bpy.ops.wm.open_mainfile(filepath=scene, load_ui=False)
    then = json.loads(Path(scene).with_suffix(".json").read_text(encoding="utf-8"))
    # `lens` took its place.
    assert then["settings"].pop("use_focal_length") and bpy.context.scene.pose3d.lens == "PIXELS"
    same(bpy.context.scene.pose3d, then["settings"], "pose3d")
    figure = bpy.context.scene.pose3d.armature
    action = figure.animation_data.action
    assert action.name == then["action"] and list(action.frame_range) == then["range"]
    if source := action.get("pose3d_source"):
        # Where the track is now; all else as it was.
        action["pose3d_source"] = json.dumps(json.loads(source) | {"track": track})
        assert bpy.ops.pose3d.solve_contacts_again() == {"FINISHED"}
        assert figure.animation_data.action != action
    assert bpy.ops.pose3d.solve_take(take=track) == {"FINISHED"}
    blender_pose3d.unregister()


def main(words: list[str]) -> None:
    os.environ["POSE3D_RESOURCES"] = str(ROOT)
    track, *scenes = words
    for scene in scenes:
        check(scene, track)
        print(f"ok {Path(scene).name}")


if __name__ == "__main__":
    script.run(main)
