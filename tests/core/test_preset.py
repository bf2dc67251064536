"""Presets: the shipped ones load and are chosen for the rigs they are for; a bad one is refused in one sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from blender_pose3d.core import preset as presets_module
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.preset import CHAIN_ROLES, REQUIRED_ROLES, ROLES, choose, load_preset, load_presets, match

ROOT = Path(__file__).resolve().parents[2]
RIGS = ROOT / "rigs"
SHARED_RIGS = ROOT.parent / "shared" / "rigs" / "mpfb_rigs_cc0"
SHIPPED = sorted(path.stem for path in RIGS.glob("*.json"))


def _sided(names: str, left: str, right: str) -> list[str]:
    """`*` in a name becomes the one side, then the other."""
    return [name.replace("*", side) for name in names.split() for side in ((left, right) if "*" in name else ("",))]


_MIXAMO = "Hips Spine Spine1 Spine2 Neck Head *Shoulder *Arm *ForeArm *Hand *HandIndex1 *HandThumb1 *UpLeg *Leg *Foot *ToeBase"
_UNREAL = "root pelvis spine_01 spine_02 spine_03 neck_01 head clavicle* upperarm* upperarm_twist_01* lowerarm* hand* thumb_01* "
_UNREAL += "index_01* thigh* thigh_twist_01* calf* foot* ball* ik_foot_root ik_hand_root"
_METARIG = (
    "spine spine.001 spine.002 spine.003 spine.004 spine.005 spine.006 face pelvis.* breast.* shoulder.* upper_arm.* forearm.* "
)
_METARIG += "hand.* thigh.* shin.* foot.* toe.* heel.02.* f_index.01.* thumb.01.*"
_RIGIFY = (
    "root torso hips chest spine_fk spine_fk.001 spine_fk.002 spine_fk.003 neck head shoulder.* upper_arm_fk.* forearm_fk.* "
)
_RIGIFY += "hand_fk.* thigh_fk.* shin_fk.* foot_fk.* toe_fk.* upper_arm_ik.* hand_ik.* thigh_ik.* foot_ik.* upper_arm_parent.* "
_RIGIFY += "thigh_parent.* DEF-spine DEF-spine.001 DEF-upper_arm.* DEF-forearm.* ORG-spine ORG-upper_arm.* MCH-torso.parent"
_BIPED = "Pelvis Spine Spine1 Spine2 Neck Head *_Clavicle *_UpperArm *_Forearm *_Hand *_Finger0 *_Thigh *_Calf *_Foot *_Toe0"
_KAYKIT = (
    "root hips spine chest head upperarm.* lowerarm.* wrist.* hand.* handslot.* upperleg.* lowerleg.* foot.* toes.* kneeIK.*"
)
_CMU = "Hips LHipJoint RHipJoint LowerBack Spine Spine1 Neck Neck1 Head *Shoulder *Arm *ForeArm *Hand *UpLeg *Leg *Foot *ToeBase"

# What a rig's bones are called -> the preset that knows them.
BONE_LISTS = {
    "mixamo": (_sided(_MIXAMO, "Left", "Right"), "mixamo"),
    "mixamo with its name space": ([f"mixamorig:{n}" for n in _sided(_MIXAMO, "Left", "Right")], "mixamo"),
    "mixamo with a numbered name space": ([f"mixamorig7:{n}" for n in _sided(_MIXAMO, "Left", "Right")], "mixamo"),
    "mixamo without toes and fingers": (
        [n for n in _sided(_MIXAMO, "Left", "Right") if "Toe" not in n and "HandI" not in n],
        "mixamo",
    ),
    "unreal": (_sided(_UNREAL, "_l", "_r"), "unreal"),
    "unreal in capitals": ([n.title() for n in _sided(_UNREAL, "_l", "_r")], "unreal"),
    "unreal with five in the spine": ([*_sided(_UNREAL, "_l", "_r"), "spine_04", "spine_05", "neck_02"], "unreal"),
    "rigify metarig": (_sided(_METARIG, "L", "R"), "rigify_metarig"),
    "rigify": (_sided(_RIGIFY, "L", "R"), "rigify"),
    "biped": ([f"Bip01 {n.replace('_', ' ')}" for n in _sided(_BIPED, "L", "R")] + ["Bip01"], "biped"),
    "biped of newer versions": ([f"Bip001 {n.replace('_', ' ')}" for n in _sided(_BIPED, "L", "R")] + ["Bip001"], "biped"),
    "kaykit": (_sided(_KAYKIT, "l", "r"), "kaykit"),
    "cmu": (_sided(_CMU, "Left", "Right"), "cmu_bvh"),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_preset_loads(name: str) -> None:
    preset = load_preset(RIGS / f"{name}.json")
    assert preset.name == name and preset.title
    assert set(REQUIRED_ROLES) <= set(preset.bones) <= set(ROLES)
    for role, chain in preset.bones.items():
        assert len(chain) == 1 or role in CHAIN_ROLES, role
        other = role.replace("left", "right")
        assert other in preset.bones, "a preset that knows one side knows the other"


def test_all_presets_load_together() -> None:
    assert [preset.name for preset in load_presets(RIGS)] == SHIPPED
    assert {"mixamo", "rigify", "rigify_metarig", "unreal"} <= set(SHIPPED)


@pytest.mark.parametrize("case", sorted(BONE_LISTS))
def test_auto_finds_the_right_preset(case: str) -> None:
    names, expected = BONE_LISTS[case]
    for order in (names, names[::-1]):
        mapping = choose(load_presets(RIGS), order)
        assert mapping.preset == expected
        assert set(REQUIRED_ROLES) <= set(mapping.bones)
        for role, bones in mapping.bones.items():
            assert bones and set(bones) <= set(names), role
            # The side in the role is the side in the name.
            for bone in bones:
                if role.startswith(("left_", "right_")):
                    assert _side(bone) == role.partition("_")[0], (role, bone)
        used = [bone for bones in mapping.bones.values() for bone in bones]
        assert len(used) == len(set(used)), "two roles share a bone"
        assert mapping.root in names


def _side(bone: str) -> str:
    plain = bone.rsplit(":", 1)[-1].lower()
    parts = set(plain.replace(".", " ").replace("_", " ").split())
    if "left" in plain or "l" in parts:
        return "left"
    return "right" if "right" in plain or "r" in parts else ""


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("mixamo", "mixamo"),
        ("mixamo_unity", "mixamo"),
        ("game_engine", "unreal"),
        ("cmu_mb", "cmu_bvh"),
        ("rigify_human", "rigify_metarig"),
    ],
)
def test_auto_finds_the_right_preset_for_real_rigs(file: str, expected: str) -> None:
    path = SHARED_RIGS / f"rig.{file}.json"
    if not path.is_file():
        pytest.skip("needs the shared rigs")
    data = json.loads(path.read_text(encoding="utf-8"))
    names = list(data.get("bones", data))
    mapping = choose(load_presets(RIGS), names)
    assert mapping.preset == expected
    wanted = {"hips", "chest", "head", *(f"{s}_{part}" for s in ("left", "right") for part in ("hand", "foot", "clavicle"))}
    assert wanted <= set(mapping.bones)


def test_a_name_space_and_case_do_not_matter_but_an_exact_name_wins() -> None:
    names = _sided(_MIXAMO, "Left", "Right")
    preset = load_preset(RIGS / "mixamo.json")
    mapping, share, missing = match(preset, [f"other:{n.upper()}" for n in names] + names)
    assert mapping is not None and share == 1 and missing == ""
    assert mapping.bone("hips") == "Hips" and mapping.bone("left_forearm") == "LeftForeArm"


def test_a_named_preset_is_used_or_refused() -> None:
    names = _sided(_UNREAL, "_l", "_r")
    assert choose(load_presets(RIGS), names, "unreal").preset == "unreal"
    with pytest.raises(Pose3DError, match="No bone of the armature is the .*Mixamo"):
        choose(load_presets(RIGS), names, "mixamo")
    with pytest.raises(Pose3DError, match="There is no preset 'moxamo'") as caught:
        choose(load_presets(RIGS), names, "moxamo")
    assert "auto, " in caught.value.hint and "mixamo" in caught.value.hint


def test_a_rig_without_hips_or_of_no_family_is_refused() -> None:
    names = [n for n in _sided(_MIXAMO, "Left", "Right") if n != "Hips"]
    with pytest.raises(Pose3DError, match="is the hips .*Mixamo"):
        choose(load_presets(RIGS), names)
    with pytest.raises(Pose3DError, match="No bone of the armature"):
        choose(load_presets(RIGS), ["door", "hinge"])
    with pytest.raises(Pose3DError, match="no presets"):
        choose([], names)


def _good() -> dict[str, Any]:
    return {"format_version": 1, "name": "Made", "bones": {role: role for role in REQUIRED_ROLES}}


def _write(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value, indent=1), encoding="utf-8")
    return path


def test_a_preset_of_ones_own(tmp_path: Path) -> None:
    value = _good()
    value["bones"] |= {"spine": ["a", ["b", "c"]], "neck": "n", "left_hand": ["x", "y"]}
    value |= {"root": "ground", "properties": [{"bone": "p", "property": "IK_FK", "value": 1}]}
    preset = load_preset(_write(tmp_path / "mine.json", value))
    assert (preset.name, preset.title, preset.root) == ("mine", "Made", ("ground",))
    assert preset.bones["spine"] == (("a",), ("b", "c")) and preset.bones["left_hand"] == (("x", "y"),)
    assert preset.properties == (("p", "IK_FK", 1.0),)
    mapping = choose([preset], [*REQUIRED_ROLES, "a", "c", "y", "ground"])
    assert mapping.bones["spine"] == ("a", "c") and mapping.bone("left_hand") == "y" and mapping.root == "ground"


def _changed(**changes: object) -> dict[str, Any]:
    return {**_good(), **changes}


def _bones(**changes: object) -> dict[str, Any]:
    return {**_good(), "bones": {**_good()["bones"], **changes}}


BAD = {
    "broken JSON": ('{\n "format_version": 1,\n "name": oops\n}', "line 3"),
    "not an object": ("[1, 2]", "not a JSON object"),
    "empty": ("", "line 1"),
    "nested without end": ("[" * 100_000, "not a JSON text"),
    "an unknown key": (_changed(bonez={}), "'bonez' is unknown"),
    "an unknown role": (_bones(tail="t"), "'tail' is unknown"),
    "a missing role": ({**_good(), "bones": {r: r for r in REQUIRED_ROLES if r != "left_shin"}}, "'left_shin' is missing"),
    "no version": ({k: v for k, v in _good().items() if k != "format_version"}, "format_version is missing"),
    "a version that is a text": (_changed(format_version="1"), "format_version"),
    "a version that is true": (_changed(format_version=True), "format_version"),
    "version 0": (_changed(format_version=0), "format_version"),
    "a newer version": (_changed(format_version=2), "newer version of Pose3D"),
    "no bones": ({"format_version": 1}, "'bones' an object"),
    "bones that are a list": (_changed(bones=["hips"]), "'bones' an object"),
    "a name that is a number": (_changed(name=3), "'name' must be a text"),
    "a bone that is a number": (_bones(left_shin=7), "'left_shin' must be"),
    "a bone without a name": (_bones(left_shin=""), "'left_shin' must be"),
    "a bone without names": (_bones(left_shin=[]), "'left_shin' must be"),
    "an empty link": (_bones(spine=[["a"], []]), "'spine' must be"),
    "a chain in a single role": (_bones(left_shin=[["a"], ["b"]]), "'left_shin' must be"),
    "a root that is a number": (_changed(root=1), "'root' must be"),
    "properties that are an object": (_changed(properties={"bone": "a"}), "'properties' must be"),
    "a property without a value": (_changed(properties=[{"bone": "a", "property": "b"}]), "'properties' must be"),
    "a property of text": (_changed(properties=[{"bone": "a", "property": "b", "value": "1"}]), "'properties' must be"),
    "a property of a numbered bone": (_changed(properties=[{"bone": 1, "property": "b", "value": 1}]), "'properties' must be"),
    "a property that is not a number": (
        _changed(properties=[{"bone": "a", "property": "b", "value": float("nan")}]),
        "'properties' must",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_a_bad_preset_is_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    value, says = BAD[case]
    with pytest.raises(Pose3DError) as caught:
        load_preset(_write(tmp_path / "mine.json", value))
    assert "mine.json" in caught.value.message and says in caught.value.message
    assert "\n" not in caught.value.sentence and caught.value.hint


def test_a_file_that_is_no_preset_at_all(tmp_path: Path) -> None:
    with pytest.raises(Pose3DError, match="Cannot read the preset .*none.json"):
        load_preset(tmp_path / "none.json")
    with pytest.raises(Pose3DError, match="Cannot read the preset"):
        load_preset(tmp_path)
    (tmp_path / "image.json").write_bytes(b"\xff\xd8\xff\xe0 not text")
    with pytest.raises(Pose3DError, match="image.json cannot be used: it is not a JSON text"):
        load_preset(tmp_path / "image.json")
    large = json.dumps(_good()) + " " * presets_module._LARGEST_PRESET_BYTES
    with pytest.raises(Pose3DError, match="larger than 1 MB"):
        load_preset(_write(tmp_path / "large.json", large))
