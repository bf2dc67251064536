"""Presets: the shipped ones load and are chosen for the rigs they are for; a bad one is refused in one sentence."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blender_pose3d.core import preset as presets_module
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.preset import (
    CHAIN_ROLES,
    REQUIRED_ROLES,
    ROLES,
    choose,
    load_own,
    load_preset,
    load_presets,
    match,
    preset_text,
)

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
_RIGIFY_DEFORM = "root DEF-spine DEF-spine.001 DEF-spine.002 DEF-spine.003 DEF-spine.004 DEF-spine.005 DEF-spine.006 "
_RIGIFY_DEFORM += "DEF-shoulder.* DEF-upper_arm.* DEF-upper_arm.*.001 DEF-forearm.* DEF-forearm.*.001 DEF-hand.* DEF-thigh.* "
_RIGIFY_DEFORM += "DEF-thigh.*.001 DEF-shin.* DEF-shin.*.001 DEF-foot.* DEF-toe.* DEF-f_index.01.*"
_BIPED = "Pelvis Spine Spine1 Spine2 Neck Head *_Clavicle *_UpperArm *_Forearm *_Hand *_Finger0 *_Thigh *_Calf *_Foot *_Toe0"
_KAYKIT = (
    "root hips spine chest head upperarm.* lowerarm.* wrist.* hand.* handslot.* upperleg.* lowerleg.* foot.* toes.* kneeIK.*"
)
_CMU = "Hips LHipJoint RHipJoint LowerBack Spine Spine1 Neck Neck1 Head *Shoulder *Arm *ForeArm *Hand *UpLeg *Leg *Foot *ToeBase"

_MAKEHUMAN = "root spine05 spine04 spine03 spine02 spine01 neck01 neck02 neck03 head jaw clavicle.* shoulder01.* upperarm01.* "
_MAKEHUMAN += "upperarm02.* lowerarm01.* lowerarm02.* wrist.* metacarpal1.* finger1-1.* finger2-1.* pelvis.* upperleg01.* "
_MAKEHUMAN += "upperleg02.* lowerleg01.* lowerleg02.* foot.* toe1-1.* toe2-1.*"

_UNITY = "Hips Spine Chest UpperChest Neck Head *Shoulder *UpperArm *LowerArm *Hand *UpperLeg *LowerLeg *Foot *Toes *Eye"
_VROID = "Root J_Bip_C_Hips J_Bip_C_Spine J_Bip_C_Chest J_Bip_C_UpperChest J_Bip_C_Neck J_Bip_C_Head J_Bip_*_Shoulder "
_VROID += (
    "J_Bip_*_UpperArm J_Bip_*_LowerArm J_Bip_*_Hand J_Bip_*_Thumb1 J_Bip_*_UpperLeg J_Bip_*_LowerLeg J_Bip_*_Foot "
    "J_Bip_*_ToeBase J_Sec_*_Bust1"
)
_VRM = "hips spine chest upperChest neck head *Shoulder *UpperArm *LowerArm *Hand *UpperLeg *LowerLeg *Foot *Toes *ThumbDistal"
_GENESIS = "hip pelvis abdomenLower abdomenUpper chestLower chestUpper neckLower neckUpper head *Collar *ShldrBend *ShldrTwist "
_GENESIS += "*ForearmBend *ForearmTwist *Hand *Thumb1 *ThighBend *ThighTwist *Shin *Foot *Metatarsals *Toe *Pectoral"
_GENESIS_2 = "hip pelvis abdomen abdomen2 chest neck head *Collar *Shldr *ForeArm *Hand *Thumb1 *Thigh *Shin *Foot *Toe"
_GENESIS_9 = "hip pelvis spine1 spine2 spine3 spine4 neck1 neck2 head *_shoulder *_upperarm *_upperarmtwist1 *_forearm *_hand "
_GENESIS_9 += "*_thigh *_thightwist1 *_shin *_foot *_metatarsal *_toes *_pectoral"
_CC = "BoneRoot Hip Pelvis Waist Spine01 Spine02 NeckTwist01 NeckTwist02 Head *_Clavicle *_Upperarm *_UpperarmTwist01 *_Forearm "
_CC += "*_Hand *_Index1 *_Thigh *_ThighTwist01 *_Calf *_Foot *_ToeBase"
_ARP = "c_traj c_root_master.x c_spine_01.x c_spine_02.x c_neck.x c_head.x c_shoulder.* c_arm_fk.* c_forearm_fk.* c_hand_fk.* "
_ARP += "c_hand_ik.* c_thigh_fk.* c_leg_fk.* c_foot_fk.* c_toes_fk.* c_foot_ik.* thigh_stretch.* leg_stretch.* foot.* head.x"
_ARP_OUT = (
    "root.x spine_01.x spine_02.x neck.x head.x shoulder.* arm_stretch.* arm_twist.* forearm_stretch.* hand.* thigh_stretch.* "
)
_ARP_OUT += "leg_stretch.* foot.* toes_01.* c_thumb1.*"
_MMD = "全ての親 センター グルーブ 腰 上半身 上半身2 下半身 首 頭 *肩 *腕 *腕捩 *ひじ *手捩 *手首 *親指１ "
_MMD += "*足 *ひざ *足首 *つま先 *足ＩＫ *目"
_MMD_EN = "mother|center|groove|waist|upper body|upper body2|lower body|neck|head|shoulder_*|arm_*|elbow_*|wrist_*|fore1_*|leg_*"
_MMD_EN += "|knee_*|ankle_*|toe_*|leg IK_*"
_SMPL = "pelvis spine1 spine2 spine3 neck head *_collar *_shoulder *_elbow *_wrist *_index1 *_hip *_knee *_ankle *_foot jaw"
_SMPL_FBX = "root f_avg_Pelvis f_avg_Spine1 f_avg_Spine2 f_avg_Spine3 f_avg_Neck f_avg_Head f_avg_*_Collar f_avg_*_Shoulder "
_SMPL_FBX += "f_avg_*_Elbow f_avg_*_Wrist f_avg_*_Hand f_avg_*_Hip f_avg_*_Knee f_avg_*_Ankle f_avg_*_Foot"
_ASF = (
    "root lowerback upperback thorax lowerneck upperneck head *clavicle *humerus *radius *wrist *hand *fingers *thumb *hipjoint "
)
_ASF += "*femur *tibia *foot *toes"

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
    "rigify with what its controls move": (_sided(_RIGIFY, "L", "R") + _sided(_RIGIFY_DEFORM, "L", "R"), "rigify"),
    "rigify without its controls": (_sided(_RIGIFY_DEFORM, "L", "R"), "rigify_deform"),
    "biped": ([f"Bip01 {n.replace('_', ' ')}" for n in _sided(_BIPED, "L", "R")] + ["Bip01"], "biped"),
    "biped of newer versions": ([f"Bip001 {n.replace('_', ' ')}" for n in _sided(_BIPED, "L", "R")] + ["Bip001"], "biped"),
    "kaykit": (_sided(_KAYKIT, "l", "r"), "kaykit"),
    "ready player me": ([*_sided(_MIXAMO, "Left", "Right"), "LeftEye", "RightEye", "HeadTop_End"], "ready_player_me"),
    "mixamo with eyes": ([f"mixamorig:{n}" for n in [*_sided(_MIXAMO, "Left", "Right"), "LeftEye", "RightEye"]], "mixamo"),
    "mixamo without the colon": ([f"mixamorig1_{n}" for n in _sided(_MIXAMO, "Left", "Right")], "mixamo"),
    "unity": (_sided(_UNITY, "Left", "Right"), "unity_humanoid"),
    "vroid": (_sided(_VROID, "L", "R"), "vrm0"),
    "vrm 0": ([*_sided(_VRM, "left", "right"), "leftThumbIntermediate"], "vrm0"),
    "vrm 1": ([*_sided(_VRM, "left", "right"), "leftThumbMetacarpal"], "vrm1"),
    "metahuman": (
        [*_sided(_UNREAL, "_l", "_r"), "spine_04", "spine_05", "neck_02", "FACIAL_C_FacialRoot", "thigh_correctiveRoot_l"],
        "metahuman",
    ),
    "genesis 8": (_sided(_GENESIS, "l", "r"), "daz_genesis"),
    "genesis 2": (_sided(_GENESIS_2, "l", "r"), "daz_genesis"),
    "genesis 9": (_sided(_GENESIS_9, "l", "r"), "daz_genesis9"),
    "character creator": ([f"CC_Base_{n}" for n in _sided(_CC, "L", "R")], "character_creator"),
    "character creator without its prefix": (_sided(_CC, "L", "R"), "character_creator"),
    "auto-rig pro": (_sided(_ARP, "l", "r"), "auto_rig_pro"),
    "auto-rig pro, exported": (_sided(_ARP_OUT, "l", "r"), "auto_rig_pro_export"),
    "mmd": (_sided(_MMD, "左", "右"), "mmd_ja"),
    "mmd as mmd_tools has it": (
        [f"{n[1:]}.{'LR'['左右'.index(n[0])]}" if n[0] in "左右" else n for n in _sided(_MMD, "左", "右")],
        "mmd_ja",
    ),
    "mmd in English": ([n.replace("+", " ") for n in _sided(_MMD_EN.replace(" ", "+").replace("|", " "), "L", "R")], "mmd_en"),
    "smpl-x": (_sided(_SMPL, "left", "right"), "smpl"),
    "smpl of an FBX": (_sided(_SMPL_FBX, "L", "R"), "smpl"),
    "cmu asf": (_sided(_ASF, "l", "r"), "cmu_asf"),
    "makehuman": (_sided(_MAKEHUMAN, "L", "R"), "makehuman"),
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
    for sign, side in (("左", "left"), ("右", "right")):
        if sign in bone:
            return side
    if bone[:1] in "lr" and (bone[1:2].isupper() or bone[1:] in _ASF.replace("*", "")):
        return {"l": "left", "r": "right"}[bone[0]]
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
        ("default", "makehuman"),
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


def test_a_preset_may_name_fingers_twists_controls_and_locks(tmp_path: Path) -> None:
    value = _good() | {
        "format_version": 2,
        "signature": "mark",
        "fingers": {"left_thumb": ["t1", ["t2", "tt2"]]},
        "twists": {"left_upper_arm": ["w1", "w2"]},
        "ik": {"left_hand": {"control": "c", "pole": ["p", "q"]}, "left_foot": {"control": ["f"]}},
        "locks": [{"bone": "left_shin", "rotation": "zy"}, {"bone": "nobody", "rotation": "x"}],
    }
    preset = load_preset(_write(tmp_path / "mine.json", value))
    assert preset.fingers == {"left_thumb": (("t1",), ("t2", "tt2"))} and preset.signature == ("mark",)
    mapping = choose([preset], [*REQUIRED_ROLES, "t1", "tt2", "w2", "c", "q", "f"])
    assert mapping.fingers == {"left_thumb": ("t1", "tt2")} and mapping.twists == {"left_upper_arm": ("w2",)}
    assert mapping.ik == {"left_hand": ("c", "q"), "left_foot": ("f", "")} and mapping.locks == {"left_shin": "yz"}
    again = load_preset(_write(tmp_path / "again.json", presets_module.preset_text(mapping, title="Again")))
    assert choose([again], [*REQUIRED_ROLES, "t1", "tt2", "w2", "c", "q", "f"]) == replace(
        mapping, preset="again", evidence=choose([again], [*REQUIRED_ROLES]).evidence
    )


def test_a_preset_of_version_1_is_read_as_ever(tmp_path: Path) -> None:
    old = load_preset(_write(tmp_path / "mine.json", _good()))
    new = load_preset(_write(tmp_path / "mine.json", _good() | {"format_version": 2}))
    assert old == new and old.fingers == {}


def _changed(**changes: object) -> dict[str, Any]:
    return {**_good(), **changes}


def _bones(**changes: object) -> dict[str, Any]:
    return {**_good(), "bones": {**_good()["bones"], **changes}}


BAD = {
    "broken JSON": ('{\n "format_version": 1,\n "name": oops\n}', "line 3"),
    "not an object": ("[1, 2]", "not a JSON object"),
    "empty": ("", "line 1"),
    "nested without end": ("[" * 100_000, "not a JSON text"),
    "an unknown key": (_changed(bonez={}), "line 15: the key 'bonez' is unknown"),
    "an unknown role": (_bones(tail="t"), "line 14: the role 'tail' is unknown"),
    "an unknown finger": (_changed(format_version=2, fingers={"left_toe": ["a"]}), "line 16: the finger 'left_toe' is unknown"),
    "an unknown limb": (_changed(format_version=2, twists={"left_head": ["a"]}), "the limb 'left_head' is unknown"),
    "a key of version 2 in version 1": (_changed(fingers={}), "line 15: the key 'fingers (of format_version 2)' is unknown"),
    "a key that is there twice": (
        '{"format_version": 1,\n "bones": {"hips": "a",\n "hips": "b"}}',
        "line 3: the key 'hips' is there",
    ),
    "an IK control that is a text": (
        _changed(format_version=2, ik={"left_hand": "a"}),
        "line 16: 'left_hand' must have a 'control'",
    ),
    "an IK control with a hint": (_changed(format_version=2, ik={"left_hand": {"control": "a", "hint": "b"}}), "nothing else"),
    "a lock of no axis": (_changed(format_version=2, locks=[{"bone": "a", "rotation": "w"}]), "line 15: 'locks' must be a list"),
    "a lock without a bone": (_changed(format_version=2, locks=[{"rotation": "x"}]), "'locks' must be a list"),
    "a signature that is a number": (_changed(format_version=2, signature=1), "line 15: 'signature' must be"),
    "a description that is a list": (_changed(description=[]), "line 15: 'description' must be a text"),
    "a missing role": ({**_good(), "bones": {r: r for r in REQUIRED_ROLES if r != "left_shin"}}, "'left_shin' is missing"),
    "no version": ({k: v for k, v in _good().items() if k != "format_version"}, "format_version is missing"),
    "a version that is a text": (_changed(format_version="1"), "format_version"),
    "a version that is true": (_changed(format_version=True), "format_version"),
    "version 0": (_changed(format_version=0), "format_version"),
    "a newer version": (_changed(format_version=3), "newer version of Pose3D"),
    "no bones": ({"format_version": 1}, "'bones' must be there and be an object"),
    "bones that are a list": (_changed(bones=["hips"]), "'bones' must be there and be an object"),
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


def test_the_users_own_preset_comes_before_one_that_fits_as_well(tmp_path):
    """One for the same bones wins; one of which a bone is missing does not; what cannot be read is told and left out."""
    shipped = load_presets(RIGS)
    mixamo = next(preset for preset in shipped if preset.name == "mixamo")
    names = [links[0] for chain in mixamo.bones.values() for links in chain]
    plain = choose(shipped, names)
    assert plain.preset == "mixamo"
    text = preset_text(plain, title="Mine")
    (tmp_path / "Mine.json").write_text(text)
    (tmp_path / "Torn.json").write_text(text[:-20])
    own, told = load_own([tmp_path, tmp_path / "none"])
    assert [preset.name for preset in own] == ["Mine"]
    assert len(told) == 1 and "Torn.json" in told[0] and "line" in told[0]
    assert choose([*shipped, *own], names).preset == "Mine"
    other = {**json.loads(text), "bones": {**json.loads(text)["bones"], "head": "NobodyHasThis"}}
    (tmp_path / "Mine.json").write_text(json.dumps(other))
    assert choose([*shipped, *load_own([tmp_path])[0]], names).preset == "mixamo"


def test_presets_are_read_again_when_they_change(tmp_path):
    path = tmp_path / "one.json"
    text = (RIGS / "mixamo.json").read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    assert load_presets(tmp_path) == load_presets(tmp_path) != []
    path.write_text(json.dumps({**json.loads(text), "name": "Another name altogether"}), encoding="utf-8")
    assert load_presets(tmp_path)[0].title == "Another name altogether"
    path.unlink()
    assert load_presets(tmp_path) == []
