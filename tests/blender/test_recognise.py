"""Recognition of armatures as Blender has them: the test's own, other people's files, Rigify's two rigs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from blender_pose3d.core.preset import ROLES
from tests.blender.test_rigs import BUILDS, SHARED_RIGS

CHECKS = Path(__file__).with_name("recognise_checks.py")


@pytest.mark.one_blender
def test_bones_called_bone_nnn_play_the_roles_that_their_names_told(run_in_blender, tmp_path):
    rigs = [*BUILDS, "metarig", *SHARED_RIGS]
    out = tmp_path / "results.json"
    ended = run_in_blender(CHECKS, out, tmp_path, *rigs, "rigify")
    assert ended.returncode == 0, ended.stdout[-4000:]
    results = json.loads(out.read_text(encoding="utf-8"))
    faults = []
    for rig in rigs:
        named, found = results[rig]["named"], results[rig]["found"]
        for role in ROLES:
            chain = ("spine", "chest") if role == "spine" else () if role == "chest" else (role,)
            told, shown = ([bone for r in chain for bone in bones.get(r, ())] for bones in (named, found))
            faults += [f"{Path(rig).stem} {role}: {shown} for {told}"] * (told != shown)
        faults += [f"{Path(rig).stem}: {warning}" for warning in results[rig]["warnings"]]
    assert not faults, "\n".join(faults)
    # Rigify's generated rig has a bone of every kind at each joint; which of them animators move only its names tell. The joints
    # of arms, legs and head are right, and it is said that there are controls.
    rigify = results["rigify"]
    limbs = ["head", *(role for role in ROLES if role.startswith(("left_", "right_")) and "clavicle" not in role)]
    assert rigify["preset"] == "rigify" and max(rigify["joints"][role] for role in limbs) < 0.01
    assert any("controls beside the bones" in warning for warning in rigify["warnings"])
    automatic = results["automatic"]
    assert automatic["plain"] == str(tmp_path / "presets" / "Mine.json") and automatic["metarig"] == "auto"
    assert automatic["used"] == "Mine" and "Torn.json cannot be used" in automatic["warning"]
