"""IK controls that do what the FK keys do, and constraints that stand in the way, in every Blender."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from blender_pose3d.core.track_io import write_track
from tests.blender import exact_tracks

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build.py"
CHECKS = Path(__file__).with_name("ik_checks.py")
CASES = tuple(re.findall(r'^    "(\w+)": ', CHECKS.read_text(encoding="utf-8").split("CASES: dict")[1], re.MULTILINE))
LARGEST_MM, LARGEST_DEG = 1.0, 1.0


@pytest.fixture(scope="session")
def checked(start_blender, tmp_path_factory):
    """`checked(executable)`: what every case measured, remembered for the session."""
    done: dict[Path, dict] = {}

    def run(executable: Path) -> dict:
        if executable not in done:
            out = tmp_path_factory.mktemp("ik") / "results.json"
            ended = start_blender(executable, CHECKS, out, *CASES)
            assert ended.returncode == 0, ended.stdout[-4000:]
            done[executable] = json.loads(out.read_text(encoding="utf-8"))
        return done[executable]

    return run


def test_ik_is_what_fk_is(blender_python, checked):
    """Every frame as Blender evaluates it: plain constraints, a control rig with a switch, Rigify."""
    results = checked(blender_python)
    faults = []
    for case in CASES:
        found = results[case]
        if case in ("hung", "obstacles", "unmoved", "tweaked"):
            continue
        assert found["poles"] == 4, (case, found["poles"])
        assert found["frames"] >= 100 and found["moved_mm"] > 400, case
        told = f"{case}: {found['mm']:.3f} mm, {found['deg']:.3f} degrees, {found['warnings']}"
        if not (found["mm"] <= LARGEST_MM and found["deg"] <= LARGEST_DEG) or found["warnings"]:
            faults.append(told)
        # A chain with a hinge cannot follow an elbow that is off its plane while the arm is nearly straight.
        if not (found["mean_limb_deg"] < 0.3 and found["worst_limb_deg"] < (0.5 if "constraints" in case else 1.0)):
            faults.append(f"{told}; limbs {found['mean_limb_deg']:.3f}, at worst {found['worst_limb_deg']:.3f} degrees off")
    assert not faults, "\n".join(faults)


def test_hands_and_feet_that_hang_on_their_controls_are_turned_once(blender_python, checked):
    found = checked(blender_python)["hung"]
    assert found["mm"] < LARGEST_MM and found["deg"] < LARGEST_DEG, found
    _, by_controls, without = found["warnings"]
    assert not by_controls and "'LeftHand', 'LeftFoot', 'RightHand', 'RightFoot'" in "".join(without)


def test_controls_between_keys_and_body_are_brought_to_rest(blender_python, checked):
    found = checked(blender_python)["tweaked"]
    assert found["mm"] < 0.1 and found["deg"] < 0.1, found
    assert found["unposed"] == [] and found["keyed"] == found["tweaks"]
    assert found["above"] == [*(name for name in found["tweaks"] if not name.startswith(("shin", "foot"))), "chest"]


@pytest.mark.one_blender
def test_from_the_command_line(run_in_blender, tmp_path):
    track, out, results = tmp_path / "reach.npz", tmp_path / "out.blend", tmp_path / "results.json"
    write_track(track, exact_tracks.motion("reach", fps=12.5, seconds=2.04).track)
    words = ("retarget", track, "--rig", "rigify", "--out", out, "--limbs")
    refused = run_in_blender(BUILD, *words, "both")
    assert refused.returncode == 2 and "--limbs" in refused.stdout and not out.exists(), refused.stdout
    done = run_in_blender(BUILD, *words, "ik", "--mute-constraints")
    assert done.returncode == 0, done.stdout
    assert run_in_blender(CHECKS, results, out).returncode == 0
    keyed = json.loads(results.read_text(encoding="utf-8"))[str(out)]
    frames = keyed['pose.bones["hand_ik.L"].location']
    assert frames > 20 and keyed['pose.bones["thigh_ik_target.R"].location'] == frames
    assert keyed['pose.bones["upper_arm_parent.L"]["IK_FK"]'] == 1
    # What no control moves still has few keys.
    assert keyed['pose.bones["upper_arm_fk.L"].rotation_quaternion'] == frames > keyed['pose.bones["head"].rotation_quaternion']


def test_what_stands_in_the_way_is_told_and_left_alone(blender_python, checked):
    found = checked(blender_python)["obstacles"]["respected"]
    constraints, drivers, locks = found["warnings"]
    for name in ("'Limit Rotation' on 'LeftForeArm'", "'Foot IK' on 'RightLeg'", "'Look' on 'Neck'"):
        assert name in constraints
    assert "'LeftArm'" not in constraints, "what is muted, without influence or without a target does nothing"
    assert "the location of 'RightHand'" in drivers and "the rotation of 'Neck'" in drivers
    assert "'Head' (y)" in locks and found["head_y"] < 1e-6
    assert found["worst_limb_deg"] > 5 and not found["keyed"] and not found["changed"]
    (root,) = checked(blender_python)["obstacles"]["root"]
    assert "'Stay' on 'Root'" in root


def test_what_blender_does_not_move_is_refused_and_stays(blender_python, checked):
    found = dict(checked(blender_python)["unmoved"])
    assert found.pop("eye")["turned"] > 0.1
    meanwhile = found.pop("while_it_is_keyed")
    assert meanwhile["paused"] == meanwhile["whole"] > 3, meanwhile
    told = {"rest": "shows its rest position", "edit": "in Edit Mode"}
    for how, one in found.items():
        assert told.get(how, "is hidden in all viewports") in one["sentence"] and one["whole"], (how, one)


def test_it_can_be_muted_for_the_new_action(blender_python, checked):
    found = checked(blender_python)["obstacles"]["muted"]
    assert found["worst_limb_deg"] < 0.5 and found["head_y"] > 0.01
    assert [path.rpartition("]")[2] for path in found["keyed"]] == [".influence", ".mute", ".influence"], found["keyed"]
    assert len(found["changed"]) == 3
    assert "are muted in the new action" in found["warnings"][0] and "cannot mute a driver" in found["warnings"][1]
