"""Runs inside a Blender: `soak.py -- RESULTS.json CLIP IMPORTS THROUGH_THE_WORKER`. test_soak.py starts it and judges.

The first imports go through the worker, the others solve the take that it made: the same operators that the panel has. The
actions of the first fifth stay until they are deleted together; after that each is deleted before the next import, so that what
grows is a leak and not the user's actions.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import bpy

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.blender import script  # noqa: E402

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def counts() -> dict[str, int]:
    """Of every kind of data-block."""
    kinds = (prop.identifier for prop in bpy.data.bl_rna.properties if prop.type == "COLLECTION")
    return {kind: len(getattr(bpy.data, kind)) for kind in kinds if kind != "all_ids"}  # 5.2: all of them once more


def sample() -> dict[str, int]:
    threads = list(Path("/proc/self/task").iterdir())
    children = sum(len((thread / "children").read_text().split()) for thread in threads)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
    return {"rss": resident, "fds": len(list(Path("/proc/self/fd").iterdir())), "threads": len(threads), "children": children}


def removed_actions() -> None:
    for action in list(bpy.data.actions):
        bpy.data.actions.remove(action)


def main(words: list[str]) -> None:
    results, clip, *numbers = words
    imports, through_worker = map(int, numbers)
    os.environ["POSE3D_RESOURCES"] = str(ROOT)
    import blender_pose3d

    blender_pose3d.register()
    from tests.blender import rig_builders

    bpy.ops.wm.read_factory_settings(use_empty=True)
    figure = rig_builders.build("plain")
    bpy.context.scene.pose3d.armature = figure

    def cached(folder: Path) -> list[str]:
        """The files: takes, and of what was seen of the clip only that it is there."""
        names = [path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file()]
        return [str(path if path.parent == Path() else path.with_stem("*")) for path in names]

    before, kept, samples, problems = counts(), imports // 5, [], []
    folder = Path(os.environ["POSE3D_HOME"]) / "cache"
    for number in range(imports):
        if number < through_worker:
            result = bpy.ops.pose3d.import_pose_from_video(filepath=clip)
            (take,) = folder.glob("*.npz")
        else:
            result = bpy.ops.pose3d.solve_take(take=str(take))
        made = counts()["actions"]
        expected = before | {"actions": number + 1 if number < kept else 1}
        if result != {"FINISHED"} or counts() != expected or cached(folder) != [take.name, "seen/*.npz"]:
            different = {k: (n, expected[k]) for k, n in counts().items() if n != expected[k]}
            problems.append(f"import {number}: {result}, {different}, {cached(folder)}")
        if figure.animation_data.action is None:
            problems.append(f"import {number}: the armature has no action")
        if number >= kept - 1:
            removed_actions()
            if counts() != before:
                problems.append(f"import {number}: deleting its {made} actions leaves {counts()}")
        samples.append(sample())
    blender_pose3d.unregister()
    told = {"samples": samples, "problems": problems, "undo": undone(figure, str(take))}
    Path(results).write_text(json.dumps(told), encoding="utf-8")


def undone(figure: bpy.types.Object, take: str) -> str:
    """What one undo takes back: "the action" is right; else why it could not be asked."""
    import blender_pose3d

    blender_pose3d.register()
    name = figure.name
    try:
        bpy.context.scene.pose3d.armature = figure
        if not bpy.ops.ed.undo_push.poll():
            return "no undo without a window"
        bpy.ops.ed.undo_push(message="before")
        assert bpy.ops.pose3d.solve_take(take=take) == {"FINISHED"}
        bpy.ops.ed.undo_push(message="after")  # which Blender does for an operator that is called from its window
        assert len(bpy.data.actions) == 1
        if not bpy.ops.ed.undo.poll():
            return "no undo without a window"
        bpy.ops.ed.undo()
        assert name in bpy.data.objects, "undo took the armature"
        return "the action" if not bpy.data.actions else "nothing"
    finally:
        blender_pose3d.unregister()


if __name__ == "__main__":
    script.run(main)
