"""Runs inside a Blender: `recognise_checks.py -- RESULTS.json FOLDER RIG…`. Not collected by pytest; test_recognise.py starts it.

For each rig (as in rig_checks.py) what its own names and its shape alone say: role -> bones by the preset, and by recognition of
the same armature with every bone renamed to Bone.NNN; joints: role -> how far apart the two bones' heads are, in leg lengths.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d import places  # noqa: E402
from blender_pose3d.bridge import user_presets  # noqa: E402
from blender_pose3d.bridge.rig_reader import choose_mapping, read_rig, read_skeleton  # noqa: E402
from blender_pose3d.core.preset import preset_text  # noqa: E402
from blender_pose3d.core.recognise import recognise  # noqa: E402
from tests.blender import script  # noqa: E402
from tests.blender.rig_checks import open_named  # noqa: E402


def look(name: str) -> dict:
    armature = open_named(name)
    named = choose_mapping(armature, preset="auto", presets_folder=ROOT / "rigs")
    before = read_skeleton(armature)
    rig = read_rig(armature, named)
    bones = list(armature.data.bones)
    original = {bone: str(bone.name) for bone in bones}
    numbers = random.Random(name).sample(range(len(bones)), len(bones))
    for bone, number in zip(bones, numbers, strict=True):
        bone.name = f"Bone.{number:04d}"
    back = {bone.name: original[bone] for bone in bones}
    found = recognise(read_skeleton(armature))
    bones_found = {role: [back[b] for b in chain] for role, chain in found.bones.items()}
    place = dict(zip(before.names, before.heads, strict=True))
    apart = {
        role: float(np.linalg.norm(place[bones_found[role][0]] - place[chain[0]]) / rig.leg_length_m)
        for role, chain in named.bones.items()
        if role in bones_found
    }
    return {
        "preset": named.preset,
        "named": named.bones,
        "found": bones_found,
        "joints": apart,
        "warnings": [*named.warnings, *found.warnings],
    }


def automatic(folder: Path) -> dict[str, str]:
    """What Automatic is for two rigs where the user has a preset for the first, and one that cannot be read."""
    os.environ[places.HOME_VARIABLE] = str(folder)
    places.set_resources(ROOT)
    presets = folder / "presets"
    presets.mkdir()
    text = preset_text(choose_mapping(open_named("plain"), preset="auto", presets_folder=ROOT / "rigs"), title="Mine")
    (presets / "Mine.json").write_text(text, encoding="utf-8")
    (presets / "Torn.json").write_text(text[:50], encoding="utf-8")
    found = {name: user_presets.as_preset("auto", open_named(name)) for name in ("plain", "metarig")}
    mapping = choose_mapping(open_named("plain"), preset="auto", presets_folder=ROOT / "rigs", own_folders=[presets])
    return {**found, "warning": " ".join(mapping.warnings), "used": mapping.preset}


def main(words: list[str]) -> None:
    out, folder, *names = words
    results = {name: look(name) for name in names}
    Path(out).write_text(json.dumps(results | {"automatic": automatic(Path(folder))}), encoding="utf-8")


if __name__ == "__main__":
    script.run(main)
