"""Recognition: every armature that there is, with its own names and with bones called Bone.NNN in any order; what grows on them;
sides that are exchanged; random skeletons.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.preset import (
    FINGERS,
    RECOGNISED,
    REQUIRED_ROLES,
    ROLES,
    SIDES,
    Mapping,
    Preset,
    load_preset,
    load_presets,
    preset_text,
)
from blender_pose3d.core.recognise import SURE, Skeleton, map_bones, recognise
from blender_pose3d.core.recognise.names import read_name
from tests.core import rigs

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "rigs"
PRESETS = load_presets(ROOT / "rigs")
TURNED = rigs.object_matrix(turn_deg=(0, 0, 130), place_m=(3, -2, 0.5))


# --- armatures ------------------------------------------------------------------------------------


def skeleton_of(bones: dict[str, tuple[str, np.ndarray, np.ndarray]], *, mirrored: bool = False) -> Skeleton:
    """Bone -> parent ("" for none), head, tail; parents are put first."""
    names: list[str] = []
    while len(names) < len(bones):
        names += [n for n, (parent, *_) in bones.items() if n not in names and (not parent or parent in names)]
    index = {name: i for i, name in enumerate(names)}
    return Skeleton(
        names=tuple(names),
        parents=np.array([index[bones[n][0]] if bones[n][0] else -1 for n in names]),
        heads=np.array([bones[n][1] for n in names], float),
        tails=np.array([bones[n][2] for n in names], float),
        deforms=np.ones(len(names), bool),
        mirrored=mirrored,
    )


def described(path: Path) -> Skeleton:
    """One of MakeHuman's JSON skeletons, in Blender's axes."""
    data = json.loads(path.read_text(encoding="utf-8"))
    data = data.get("bones", data)
    place = {n: [np.array(b[end]["default_position"], float) for end in ("head", "tail")] for n, b in data.items()}
    return skeleton_of({n: (b["parent"] if b["parent"] in data else "", *place[n]) for n, b in data.items()})


def from_glb(path: Path) -> Skeleton:
    """The joints of a glTF binary's skin, in Blender's axes; a tail is the first child's head here."""
    raw = path.read_bytes()
    data = json.loads(raw[20 : 20 + struct.unpack_from("<I", raw, 12)[0]])
    joints = set(data["skins"][0]["joints"])
    nodes = data["nodes"]
    parent_of = {child: i for i, node in enumerate(nodes) for child in node.get("children", ())}

    def world(node: int) -> np.ndarray:
        made = np.eye(4)
        if "matrix" in nodes[node]:
            made = np.array(nodes[node]["matrix"], float).reshape(4, 4).T
        else:
            x, y, z, w = nodes[node].get("rotation", (0, 0, 0, 1))
            made[:3, :3] = rigs._matrix(np.array([w, x, y, z])) * nodes[node].get("scale", (1, 1, 1))
            made[:3, 3] = nodes[node].get("translation", (0, 0, 0))
        return world(parent_of[node]) @ made if node in parent_of else made

    heads = {j: world(j)[:3, 3] * [1, 1, -1] for j in joints}
    heads = {j: h[[0, 2, 1]] for j, h in heads.items()}
    bones = {}
    for j in joints:
        child = next((c for c in nodes[j].get("children", ()) if c in joints), None)
        parent = nodes[parent_of[j]]["name"] if parent_of.get(j) in joints else ""
        bones[nodes[j]["name"]] = (parent, heads[j], heads[child] if child is not None else heads[j] + [0, 0, 1e-3])
    return skeleton_of(bones)


def of_spec(spec: rigs.RigSpec) -> Skeleton:
    return Skeleton(
        names=spec.bone_names,
        parents=spec.parents,
        heads=spec.rest_heads_world_m,
        tails=spec.world_points(spec.rest_tails),
        deforms=np.ones(len(spec.bone_names), bool),
        mirrored=spec.is_mirrored,
    )


def scrambled(skeleton: Skeleton, seed: int = 0) -> tuple[Skeleton, dict[str, str]]:
    """The same armature in another order, its bones called Bone.NNN, and what each was called."""
    random = np.random.default_rng(seed)
    order: list[int] = []
    waiting = [i for i, parent in enumerate(skeleton.parents) if parent < 0]
    while waiting:
        order.append(waiting.pop(int(random.integers(len(waiting)))))
        waiting += [i for i, parent in enumerate(skeleton.parents) if parent == order[-1]]
    place = {old: new for new, old in enumerate(order)}
    names = tuple(f"Bone.{number:03d}" for number in random.permutation(len(order)))
    made = Skeleton(
        names=names,
        parents=np.array([place.get(int(skeleton.parents[old]), -1) for old in order]),
        heads=skeleton.heads[order],
        tails=skeleton.tails[order],
        deforms=skeleton.deforms[order],
        mirrored=skeleton.mirrored,
    )
    return made, {name: skeleton.names[old] for name, old in zip(names, order, strict=True)}


# Its rest pose hangs in the air, twisted, and its feet point down.
_UNCLEAR_SIDES = {"mannequiny-0.3.0"}


def wrong_roles(found: Mapping, truth: Mapping, original: dict[str, str], *, but: Iterable[str] = ()) -> list[str]:
    """Roles that are not as in the truth. Spine and chest are one chain here: a rig of two bones may have no chest."""

    def bones(mapping: Mapping, role: str, names: dict[str, str] | None = None) -> list[str]:
        chain = ("spine", "chest") if role == "spine" else () if role == "chest" else (role,)
        return [names[b] if names else b for r in chain for b in mapping.bones.get(r, ())]

    return [
        f"{role}: {bones(found, role, original)} for {bones(truth, role)}"
        for role in ROLES
        if role not in but and bones(found, role, original) != bones(truth, role)
    ]


DESCRIBED = sorted(p for p in SHARED.glob("mpfb_rigs_cc0/*.json") if "openpose" not in p.name)
GLBS = sorted(SHARED.glob("*/*.glb"))


@pytest.mark.parametrize("path", [*DESCRIBED, *GLBS], ids=lambda p: p.stem)
def test_rigs_of_others_are_recognised_by_shape_alone(path: Path) -> None:
    skeleton = described(path) if path.suffix == ".json" else from_glb(path)
    truth = map_bones(skeleton, PRESETS)
    wrong = wrong_roles(recognise(skeleton), truth, {n: n for n in skeleton.names})
    for seed in range(2):
        renamed, original = scrambled(skeleton, seed)
        found = recognise(renamed)
        wrong += wrong_roles(found, truth, original)
        assert found.preset == RECOGNISED
        assert path.stem in _UNCLEAR_SIDES or not found.warnings
        assert all(one.how == "shape" for one in found.evidence.values())
    assert not wrong, "\n".join(wrong)


def test_there_are_rigs_of_others() -> None:
    if not SHARED.is_dir():
        pytest.skip(f"no rigs in {SHARED}")
    assert len(DESCRIBED) == 6 and len(GLBS) == 7


PLANS: dict[str, dict[str, object]] = {
    "T-pose": {},
    "A-pose": {"arms_down_deg": 45.0},
    "arms down": {"arms_down_deg": 80.0},
    "arms up": {"arms_down_deg": -60.0},
    "bent": {"elbows_bent_deg": 60.0, "knees_bent_deg": 20.0},
    "any bone axes": {"axes_seed": 3, "arms_down_deg": 30.0},
    "no hands": {"hands": False},
    "no hands, no toes": {"hands": False, "toes": False, "knees_bent_deg": 10.0, "elbows_bent_deg": 10.0},
    "no clavicles": {"clavicles": False},
    "no neck": {"necks": 0},
    "three necks": {"necks": 3},
    "no spine": {"spine_bones": 0},
    "one spine bone": {"spine_bones": 1},
    "seven spine bones": {"spine_bones": 7},
    "long arms, short legs": {"arm": 1.5, "leg": 0.7},
    "short arms": {"arm": 0.6},
    "centimetres": {"size": 100.0},
    "tiny": {"size": 0.001},
    "no root": {"root_bone": False},
    "turned": {"world": TURNED, "arms_down_deg": 20.0},
    "tilted": {"world": rigs.object_matrix(turn_deg=(30, 20, 100))},
    "uneven scale": {"world": rigs.object_matrix(scale=(1.3, 0.8, 1.4))},
    "mirrored": {"world": rigs.object_matrix(turn_deg=(0, 0, 40), scale=(-1, 1, 1)), "arms_down_deg": 30.0},
}


@pytest.mark.parametrize("plan", PLANS)
def test_made_rigs_are_recognised_by_shape_alone(plan: str) -> None:
    spec = rigs.build(**PLANS[plan])
    renamed, original = scrambled(of_spec(spec), len(plan))
    found = recognise(renamed)
    assert not wrong_roles(found, spec.mapping, original)
    assert not found.warnings and min(one.confidence for one in found.evidence.values()) >= SURE
    assert original[found.root] == "hips"


def test_helpers_inside_arms_legs_and_spine_play_no_role_in_the_limbs() -> None:
    spec = rigs.build(between=True, arms_down_deg=45.0, knees_bent_deg=15.0)
    renamed, original = scrambled(of_spec(spec))
    found = recognise(renamed)
    assert not wrong_roles(found, spec.mapping, original, but=("spine",))
    assert set(spec.mapping.bones["spine"]) <= {original[b] for b in found.bones["spine"]}
    assert [original[b] for b in found.twists["left_upper_arm"]] == ["left_upper_arm_twist"]


def test_the_share_of_joints_that_are_right_on_all_made_rigs() -> None:
    """The plain number, over the 17 roles that carry a joint of the track; printed with -s."""
    right = total = 0
    for plan in PLANS:
        spec = rigs.build(**PLANS[plan])
        renamed, original = scrambled(of_spec(spec), 1)
        found = recognise(renamed)
        for role, bones in spec.mapping.bones.items():
            total += 1
            right += tuple(original[b] for b in found.bones.get(role, ())) == bones
    print(f"{right} of {total} roles right")
    assert right == total


# --- what grows on a character --------------------------------------------------------------------

Bones = dict[str, tuple[str, np.ndarray, np.ndarray]]


def _body(**plan: object) -> tuple[Bones, Mapping]:
    spec = rigs.build(**plan)
    parents = [spec.bone_names[p] if p >= 0 else "" for p in spec.parents]
    return dict(zip(spec.bone_names, zip(parents, spec.rest_heads, spec.rest_tails, strict=True), strict=True)), spec.mapping


def _chain(bones: Bones, name: str, parent: str, offset: Iterable[float], step: Iterable[float], count: int) -> None:
    """A chain that begins at an offset from its parent's head."""
    at = bones[parent][1] + np.array([*offset])
    for i in range(count):
        bones[f"{name}_{i}"] = (parent, at, at + np.array([*step]))
        parent, at = f"{name}_{i}", at + np.array([*step])


def _on_both_sides(bones: Bones, name: str, parent: str, offset: Iterable[float], step: Iterable[float], count: int) -> None:
    for side, sign in (("left", 1.0), ("right", -1.0)):
        mirror = np.array([sign, 1, 1])
        _chain(bones, f"{side}_{name}", parent.replace("*", side), mirror * [*offset], mirror * [*step], count)


def wings(bones: Bones) -> None:
    _on_both_sides(bones, "wing", "chest", (0.06, 0.12, 0.05), (0.3, 0.12, 0.12), 4)


def wings_like_arms(bones: Bones) -> None:
    """As long as the arms, of as many bones, hung on the back."""
    _on_both_sides(bones, "wing", "chest", (0.17, 0.14, 0.05), (0.27, 0.03, 0.02), 4)


def tail(bones: Bones) -> None:
    _chain(bones, "tail", "hips", (0, 0.1, -0.05), (0, 0.12, -0.05), 8)


def twin_tails(bones: Bones) -> None:
    _on_both_sides(bones, "hair", "head", (0.1, 0.05, 0.12), (0.03, 0.02, -0.15), 7)


def skirt(bones: Bones) -> None:
    for i, angle in enumerate(np.radians([20, 60, 100, 150])):
        out = np.array([np.sin(angle), -np.cos(angle), 0])
        _on_both_sides(bones, f"skirt{i}", "hips", 0.12 * out, 0.06 * out + [0, 0, -0.15], 4)


def fingers(bones: Bones) -> None:
    for name in [n for n in bones if n.endswith("_finger")]:
        del bones[name]
    for i, name in enumerate(FINGERS[1:]):
        _on_both_sides(bones, name, "*_hand", (0.09, -0.03 + 0.02 * i, 0.005), (0.035, 0, 0), 3)
    _on_both_sides(bones, "thumb", "*_hand", (0.03, -0.03, -0.01), (0.02, -0.025, -0.01), 3)


def face(bones: Bones) -> None:
    _on_both_sides(bones, "eye", "head", (0.03, -0.09, 0.08), (0, -0.01, 0), 1)
    _chain(bones, "jaw", "head", (0, -0.02, 0.02), (0, -0.08, -0.04), 1)
    _on_both_sides(bones, "ear", "head", (0.08, 0, 0.08), (0.02, 0, 0.05), 2)


def breasts(bones: Bones) -> None:
    _on_both_sides(bones, "breast", "chest", (0.08, -0.1, 0), (0, -0.06, 0), 2)


def sword_and_shield(bones: Bones) -> None:
    _chain(bones, "sword", "right_hand", (-0.06, -0.02, 0), (0, -0.5, 0), 3)
    _chain(bones, "shield", "left_forearm", (0.1, 0.05, 0), (0, 0.1, 0), 1)


def ik_controls(bones: Bones) -> None:
    for role, name in (("foot", "foot_ik"), ("hand", "hand_ik"), ("shin", "knee_pole"), ("forearm", "elbow_pole")):
        away = {"shin": [0, -0.6, 0], "forearm": [0, 0.6, 0]}.get(role, [0, 0, 0])
        for side in SIDES:
            at = bones[f"{side}_{role}"][1] + np.array(away)
            bones[f"{side}_{name}"] = ("root", at, at + [0, 0, 0.1])
    for side in SIDES:  # a chain that copies the leg
        parent = "hips"
        for part in ("thigh", "shin", "foot"):
            _, head, end = bones[f"{side}_{part}"]
            bones[f"{side}_{part}_ik_chain"] = (parent, head, end)
            parent = f"{side}_{part}_ik_chain"


GROWTHS: dict[str, tuple[Callable[[Bones], None], ...]] = {
    "wings": (wings,),
    "wings and fingers": (fingers, wings),
    "wings like arms": (wings_like_arms,),
    "a tail": (tail,),
    "twin tails": (twin_tails,),
    "a skirt": (skirt,),
    "fingers": (fingers,),
    "a face": (face,),
    "breasts": (breasts,),
    "a sword and a shield": (fingers, sword_and_shield),
    "all of it": (fingers, face, wings, tail, twin_tails, skirt, breasts, sword_and_shield),
}


@pytest.mark.parametrize("arms_down_deg", [0.0, 45.0, 75.0])
@pytest.mark.parametrize("growth", GROWTHS)
def test_what_grows_on_a_character_is_no_arm_and_no_leg(growth: str, arms_down_deg: float) -> None:
    bones, truth = _body(arms_down_deg=arms_down_deg, knees_bent_deg=5.0)
    for grow in GROWTHS[growth]:
        grow(bones)
    renamed, original = scrambled(skeleton_of(bones), int(arms_down_deg))
    assert not wrong_roles(recognise(renamed), truth, original)


def test_controls_beside_the_bones_are_told_by_what_moves_the_mesh() -> None:
    bones, truth = _body()
    ik_controls(bones)
    skeleton = skeleton_of(bones)
    skeleton = replace(skeleton, deforms=np.array(["ik" not in n and "pole" not in n for n in skeleton.names]))
    renamed, original = scrambled(skeleton)
    assert not wrong_roles(recognise(renamed), truth, original)
    # Where nothing says which bones move the mesh, their names do.
    named = recognise(replace(skeleton, deforms=np.ones(len(skeleton.names), bool)))
    assert not wrong_roles(named, truth, {n: n for n in skeleton.names})


def test_arms_and_neck_may_hang_on_different_ones_of_the_bones_at_a_joint() -> None:
    """As in a rig of controls: two bones at the chest, the arms on the second, the neck and a copy of it on the first."""
    bones, truth = _body()
    chest, neck = truth.bones["chest"][0], truth.bones["neck"][0]
    bones["chest_inner"] = (chest, *bones[chest][1:])
    for side in SIDES:
        bones[f"{side}_clavicle"] = ("chest_inner", *bones[f"{side}_clavicle"][1:])
    bones["neck_control"] = (chest, *bones[neck][1:])
    renamed, original = scrambled(skeleton_of(bones))
    found = recognise(renamed)
    assert not wrong_roles(found, truth, original, but=("spine",))
    assert original[found.bones["chest"][0]] == "chest_inner"


def test_a_neck_that_the_arms_hang_on_is_the_chest() -> None:
    """MPFB's skeleton has Rigify's names, but its shoulders hang on what is the neck there. A preset named is followed."""
    preset = next(preset for preset in PRESETS if preset.name == "rigify_metarig")
    spec = rigs.build(spine_bones=4, necks=1)
    names = {bone: preset.bones[role][0][0] for role, (bone, *_) in spec.mapping.bones.items() if role not in ("spine", "neck")}
    trunk = [*spec.mapping.bones["spine"], *spec.mapping.bones["chest"], *spec.mapping.bones["neck"], *spec.mapping.bones["head"]]
    names |= {bone: f"spine.{number:03d}" for number, bone in enumerate(trunk, 1)}
    skeleton = of_spec(spec)
    skeleton = replace(skeleton, names=tuple(names.get(name, name) for name in skeleton.names))
    found = map_bones(skeleton, PRESETS)
    assert found.preset == "rigify_metarig"
    chest = names[spec.mapping.bones["chest"][0]]
    assert chest == "spine.004" and found.bones["chest"] == (chest,) and found.evidence["chest"].how == "shape"
    assert found.bones["spine"][-1] == "spine.003" and found.bones["neck"] == ("spine.005",)
    assert chest in map_bones(skeleton, PRESETS, "rigify_metarig").bones["neck"]


def _toe_tips(bones: Bones) -> None:
    _on_both_sides(bones, "*_toe_tip", "*_toe", (0, -0.06, 0), (0, -0.02, 0), 1)


def _helper_beside_the_neck(bones: Bones) -> None:
    _chain(bones, "neck_roll", "neck_1", (0, 0.03, 0.02), (0, 0.02, 0), 1)


def _tall_head(bones: Bones) -> None:
    parent, head, tail = bones["head"]
    bones["head"] = (parent, head + [0, 0, 0.25], tail + [0, 0, 0.25])


@pytest.mark.parametrize("change", [_toe_tips, _helper_beside_the_neck, _tall_head])
def test_what_is_called_head_is_the_head(change: Callable[[Bones], None]) -> None:
    """Where toes end in bones that mark their tips, where a helper lies beside it, and where it is far up as on a child."""
    bones, truth = _body()
    change(bones)
    found = recognise(skeleton_of(bones))
    assert found.bones["head"] == truth.bones["head"] and found.bones["neck"] == truth.bones["neck"]


def test_a_bone_at_the_top_of_the_head_is_not_the_head_though_it_is_called_so() -> None:
    bones, truth = _body()
    _toe_tips(bones)
    _chain(bones, "head_top", "head", (0, 0, 0.2), (0, 0, 0.05), 1)
    assert recognise(skeleton_of(bones)).bones["head"] == truth.bones["head"]


def test_fingers_are_told_apart() -> None:
    bones, _ = _body(arms_down_deg=30.0)
    fingers(bones)
    renamed, original = scrambled(skeleton_of(bones))
    found = recognise(renamed)
    assert {role: tuple(original[b] for b in chain) for role, chain in found.fingers.items()} == {
        f"{side}_{finger}": tuple(f"{side}_{finger}_{i}" for i in range(3)) for side in SIDES for finger in FINGERS
    }


# --- names ----------------------------------------------------------------------------------------

NAMINGS: dict[str, Callable[[str, str], str]] = {
    "suffixes": lambda side, part: f"{part}.{side[:1].upper()}" if side else part,
    "lower-case suffixes": lambda side, part: f"x:{part}_{side[:1]}" if side else part,
    "glued": lambda side, part: f"{side[:1]}{part.title().replace('_', '')}",
    "words": lambda side, part: f"{part.replace('_', ' ')} {side}".title(),
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_exchanged_names_are_noticed_and_the_body_is_followed(naming: str) -> None:
    bones, truth = _body(knees_bent_deg=8.0)

    def called(name: str, *, exchange: bool) -> str:
        side, _, part = name.partition("_")
        if side not in SIDES:
            return name
        return NAMINGS[naming](rigs.other_side(side) if exchange else side, part)

    for exchange in (False, True):
        names = {name: called(name, exchange=exchange) for name in bones}
        made = {names[n]: (names.get(parent, ""), head, end) for n, (parent, head, end) in bones.items()}
        found = recognise(skeleton_of(made))
        assert not wrong_roles(found, truth, {new: old for old, new in names.items()})
        assert bool(found.warnings) == exchange
        if exchange:
            assert "Left and right look exchanged: the feet" in found.warnings[0]
        assert found.evidence["left_thigh"].how == "name"


@pytest.mark.parametrize(
    ("name", "part", "side"),
    [
        ("mixamorig:LeftForeArm", "forearm", "left"),
        ("Bip01 R Calf", "shin", "right"),
        ("rThighBend", "thigh", "right"),
        ("lfemur", "thigh", "left"),
        ("upper_arm.R.001", "upper_arm", "right"),
        ("CC_Base_L_Clavicle", "clavicle", "left"),
        ("左ひじ", "forearm", "left"),
        ("右足首", "foot", "right"),
        ("ひざ.L", "shin", "left"),
        ("Oberarm.Links", "upper_arm", "left"),
        ("Unterschenkel_R", "shin", "right"),
        ("cuisse droite", "thigh", "right"),
        ("AvantBrasGauche", "forearm", "left"),
        ("muslo_izquierdo", "thigh", "left"),
        ("coscia_destra", "thigh", "right"),
        ("左大腿", "thigh", "left"),
        ("head", "head", ""),
        ("LeftHandIndex1", "finger", "left"),
        ("Bone.031", "", ""),
    ],
)
def test_names_say_part_and_side(name: str, part: str, side: str) -> None:
    said = read_name(name)
    assert (said.part, said.side, said.junk) == (part, side, False)


@pytest.mark.parametrize(
    "name", ["upperarm_twist_01_l", "foot_ik.L", "左足ＩＫ", "thigh_pole.R", "Hair_L1", "skirt.003", "LeftEye"]
)
def test_names_of_helpers_are_known(name: str) -> None:
    assert read_name(name).junk


def _mixamo(exchange: bool) -> Skeleton:
    bones, _ = _body(knees_bent_deg=8.0)
    words = {"clavicle": "Shoulder", "upper_arm": "Arm", "forearm": "ForeArm", "hand": "Hand", "thigh": "UpLeg", "shin": "Leg"}
    words |= {"foot": "Foot", "toe": "ToeBase", "finger": "HandIndex1"}

    def called(name: str) -> str:
        side, _, part = name.partition("_")
        if side in SIDES:
            return (rigs.other_side(side) if exchange else side).title() + words[part]
        return {"spine_1": "Spine", "spine_2": "Spine1", "chest": "Spine2", "neck_1": "Neck"}.get(name, name.title())

    return skeleton_of({called(n): (called(p) if p else "", head, end) for n, (p, head, end) in bones.items()})


def test_automatic_exchanges_a_presets_sides_where_the_body_shows_the_other_ones() -> None:
    right = map_bones(_mixamo(False), PRESETS)
    assert right.preset == "mixamo" and not right.warnings and right.bone("left_hand") == "LeftHand"
    automatic = map_bones(_mixamo(True), PRESETS)
    assert automatic.bone("left_hand") == "RightHand" and automatic.bone("right_toe") == "LeftToeBase"
    assert "Left and right look exchanged" in automatic.warnings[0] and "mixamo" in automatic.warnings[0]
    by_name = map_bones(_mixamo(True), PRESETS, "mixamo")
    assert by_name.bone("left_hand") == "LeftHand" and "Exchange them" in by_name.warnings[0]


def _called(spec: rigs.RigSpec, names: dict[str, str]) -> tuple[Skeleton, Mapping]:
    """An armature whose bones are called otherwise, and what they play. names: a bone's own, or `*_` before what a bone of both
    sides is called, with `*` for L or R in the new name.
    """

    def called(bone: str) -> str:
        side, _, part = bone.partition("_")
        return names.get(f"*_{part}", bone).replace("*", side[0].upper()) if side in SIDES else names.get(bone, bone)

    skeleton = of_spec(spec)
    bones = {role: tuple(map(called, chain)) for role, chain in spec.mapping.bones.items()}
    return replace(skeleton, names=tuple(map(called, skeleton.names))), replace(spec.mapping, bones=bones)


_BLENDER = {f"*_{part}": f"{part}.*" for part in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe")}
_BLENDER |= {"spine_1": "spine", "neck_1": "neck", "*_clavicle": "shoulder.*"}
_JOINTS = {"*_upper_arm": "*_Shoulder", "*_forearm": "*_Elbow", "*_hand": "*_Hand", "*_thigh": "*_Hip", "*_shin": "*_Knee"}
_JOINTS |= {"*_foot": "*_Foot", "*_toe": "*_Toe", "*_clavicle": "*_Clavicle", "hips": "Pelvis", "spine_1": "Spine1"}
_JOINTS |= {"chest": "Spine2", "neck_1": "Neck", "head": "Head"}


@pytest.mark.parametrize(
    ("names", "plan"),
    [
        (_BLENDER, {}),
        (_BLENDER, {"root_bone": False, "toes": False}),
        (_BLENDER | {"hips": "pelvis"}, {}),
        (_JOINTS, {}),
        (_JOINTS, {"toes": False}),
    ],
    ids=["hips and spine", "without a root", "pelvis and spine", "joints", "joints without toes"],
)
def test_a_family_whose_names_fit_by_chance_gives_way_to_the_shape(names: dict[str, str], plan: dict[str, object]) -> None:
    """Rigify's metarig calls its hips spine, and SMPL its toes foot; so do these bones' names, which mean something else."""
    skeleton, truth = _called(rigs.build(spine_bones=2, **plan), names)
    found = map_bones(skeleton, PRESETS)
    assert found.preset == RECOGNISED
    assert not wrong_roles(found, truth, {name: name for name in skeleton.names})
    own = load_preset_of(found)
    assert map_bones(skeleton, [*PRESETS, own]).preset == own.name, "the user's own preset is taken before the shape"


@pytest.mark.parametrize("parts", [("foot",), ("foot", "hand")], ids=["feet", "feet and hands"])
@pytest.mark.parametrize("names", [_BLENDER | {"hips": "pelvis"}, _BLENDER, {}], ids=["pelvis and spine", "hips", "roles"])
def test_feet_that_hang_on_controls_are_feet(names: dict[str, str], parts: tuple[str, ...]) -> None:
    """As rigs made by hand have it: the foot follows the control that the leg reaches for, or is that control."""
    skeleton, truth = _called(rigs.build(spine_bones=2), names)
    parents = skeleton.parents.copy()
    for role in (f"{side}_{part}" for side in SIDES for part in parts):
        parents[skeleton.names.index(truth.bones[role][0])] = 0
    found = map_bones(replace(skeleton, parents=parents), PRESETS)
    assert not wrong_roles(found, truth, {name: name for name in skeleton.names}) and not found.warnings


def load_preset_of(mapping: Mapping) -> Preset:
    """A mapping as the user's own preset, without what tells where legs, feet and trunk are."""
    bones = {role: (chain,) for role, chain in mapping.bones.items() if role in REQUIRED_ROLES}
    return Preset(name="my rig", title="My rig", bones=bones, own=True)


@pytest.mark.parametrize("path", [*DESCRIBED, *GLBS], ids=lambda p: p.stem)
def test_no_rig_of_others_looks_exchanged(path: Path) -> None:
    assert not map_bones(described(path) if path.suffix == ".json" else from_glb(path), PRESETS).warnings


def test_a_side_that_nothing_shows_is_said_to_be_unclear() -> None:
    renamed, original = scrambled(of_spec(rigs.build(toes=False)))
    found = recognise(renamed)
    assert "Which side is the left one is not clear" in found.warnings[0]
    assert found.evidence["left_thigh"].confidence < found.evidence["hips"].confidence


def test_broken_chains_are_told_by_their_names_and_warned_of() -> None:
    bones, truth = _body()
    for side in SIDES:
        bones[f"{side}_forearm"] = ("root", *bones[f"{side}_forearm"][1:])
    found = recognise(skeleton_of(bones))
    assert "no whole chains" in found.warnings[0]
    assert all(found.bones[role] == truth.bones[role] for role in REQUIRED_ROLES)
    assert {one.how for one in found.evidence.values()} == {"name"}


# --- what is no body ------------------------------------------------------------------------------


def test_an_armature_that_is_no_body_is_refused_with_a_remedy() -> None:
    door = skeleton_of({"door": ("", np.zeros(3), np.ones(3)), "hinge": ("door", np.ones(3), np.zeros(3))})
    with pytest.raises(Pose3DError, match="No bone of the armature is the hips: it has 2 bones") as caught:
        map_bones(door, PRESETS)
    assert "Choose a preset, or write one" in caught.value.hint
    snake: Bones = {"snake": ("", np.zeros(3), np.array([0, 0.1, 0]))}
    _chain(snake, "part", "snake", (0, 0.1, 0), (0, 0.1, 0.01), 30)
    with pytest.raises(Pose3DError, match="No bone of the armature is the hips: no bone carries two legs"):
        map_bones(skeleton_of(snake), PRESETS)
    with pytest.raises(Pose3DError, match="There is no preset 'nobody'"):
        map_bones(of_spec(rigs.build()), PRESETS, "nobody")
    with pytest.raises(Pose3DError, match="not at finite places"):
        recognise(replace(of_spec(rigs.build()), heads=np.full_like(of_spec(rigs.build()).heads, np.nan)))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60), flat=st.booleans(), same=st.booleans())
@example(seed=58, count=58, flat=True, same=False)
def test_random_skeletons_are_refused_or_mapped_without_mapping_a_bone_twice(
    seed: int, count: int, flat: bool, same: bool
) -> None:
    random = np.random.default_rng(seed)
    heads = random.normal(size=(count, 3)) * ([1, 0, 1] if flat else [1, 1, 1])
    if same:
        heads = np.round(heads)  # many joints at the same place
    skeleton = Skeleton(
        names=tuple(f"Bone.{i:03d}" for i in range(count)),
        parents=np.array([int(random.integers(-1, i)) if i else -1 for i in range(count)]),
        heads=heads,
        tails=heads + random.normal(size=(count, 3)) * 0.1,
        deforms=random.random(count) < 0.7,
        mirrored=bool(random.integers(2)),
    )
    try:
        found = map_bones(skeleton, PRESETS)
    except Pose3DError as error:
        assert error.hint
        return
    used = [bone for bones in found.bones.values() for bone in bones]
    assert len(used) == len(set(used)) and set(used) <= set(skeleton.names) and found.root in skeleton.names
    assert set(REQUIRED_ROLES) <= set(found.bones) and all(0 <= one.confidence < 1 for one in found.evidence.values())


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    down=st.floats(-30, 85),
    knees=st.floats(3, 25),
    elbows=st.floats(0, 60),
    arm=st.floats(0.7, 1.3),
    leg=st.floats(0.75, 1.25),
    heading=st.floats(-180, 180),
    scale=st.floats(-2, 2).map(lambda exponent: 10.0**exponent),
    spine=st.integers(1, 6),
    necks=st.integers(0, 3),
    clavicles=st.booleans(),
    mirror=st.booleans(),
)
def test_any_made_person_is_recognised(
    seed, down, knees, elbows, arm, leg, heading, scale, spine, necks, clavicles, mirror
) -> None:
    world = rigs.object_matrix(turn_deg=(0, 0, heading), scale=(-scale if mirror else scale, scale, scale), place_m=(1, 2, 3))
    spec = rigs.build(
        arms_down_deg=down,
        knees_bent_deg=knees,
        elbows_bent_deg=elbows,
        arm=arm,
        leg=leg,
        world=world,
        spine_bones=spine,
        necks=necks,
        clavicles=clavicles,
        axes_seed=seed % 1000,
    )
    renamed, original = scrambled(of_spec(spec), seed % 7919)
    assert not wrong_roles(recognise(renamed), spec.mapping, original)


def test_a_mapping_can_be_saved_as_a_preset_and_is_the_same_again(tmp_path: Path) -> None:
    bones, _ = _body()
    fingers(bones)
    renamed, _ = scrambled(skeleton_of(bones))
    found = recognise(renamed)
    path = tmp_path / "mine.json"
    path.write_text(preset_text(found, title="My rig"), encoding="utf-8")
    again = map_bones(renamed, [load_preset(path)], "mine")
    assert again.bones == found.bones and again.root == found.root and again.fingers == found.fingers


def test_rows_tell_role_bone_confidence_and_how() -> None:
    rows = map_bones(_mixamo(False), PRESETS).rows()
    assert [row["role"] for row in rows if row["role"] == "spine"] == ["spine", "spine"]
    assert set(ROLES) == {row["role"] for row in rows}
    assert rows[0] == {"role": "hips", "bone": "Hips", "confidence": 1.0, "how": "preset", "reason": rows[0]["reason"]}
    json.dumps(rows)


# --- legs that stand on their toes ----------------------------------------------------------------

_HOCKS = {
    "wolf": {"thigh": (0.09, 0, 0.90), "shin": (0.09, -0.16, 0.58), "foot": (0.09, 0.10, 0.30), "toe": (0.09, -0.02, 0.05)},
    "faun": {"thigh": (0.09, 0, 0.95), "shin": (0.09, -0.10, 0.55), "foot": (0.09, 0.12, 0.25), "toe": (0.09, 0.06, 0.04)},
}
_SOLES = {
    "on tiptoe": {"foot": (0.09, 0.0, 0.17), "toe": (0.09, -0.07, 0.03)},
    "high heels": {"foot": (0.09, 0.0, 0.15), "toe": (0.09, -0.11, 0.02)},
}


def _legs_of(places: dict[str, tuple[float, float, float]], names: dict[str, str]) -> tuple[Skeleton, dict[str, str]]:
    """A body with such legs, bones called as `names` says, and what it calls what."""
    spec = rigs.build()
    heads, tails = spec.rest_heads.copy(), spec.rest_tails.copy()
    for part, (x, y, z) in places.items():
        for side, sign in (("left", 1), ("right", -1)):
            bone = spec.index[f"{side}_{part}"]
            heads[bone], tails[bone] = (sign * x, y, z), (sign * x, y - 0.02, z - 0.02)
            tails[spec.parents[bone]] = heads[bone]
    called = {name: names.get(name, name) for name in spec.bone_names}
    skeleton = Skeleton(tuple(called.values()), spec.parents, heads, tails, np.ones(len(heads), bool))
    return skeleton, called


def _mixamo_names() -> dict[str, str]:
    parts = {"thigh": "UpLeg", "shin": "Leg", "foot": "Foot", "toe": "ToeBase", "clavicle": "Shoulder", "upper_arm": "Arm"}
    parts |= {"forearm": "ForeArm", "hand": "Hand"}
    sided = {f"{side}_{part}": f"{side.title()}{name}" for part, name in parts.items() for side in SIDES}
    return sided | {"hips": "Hips", "spine_1": "Spine", "spine_2": "Spine1", "chest": "Spine2", "neck_1": "Neck", "head": "Head"}


@pytest.mark.parametrize("names", ["mixamo", "none"])
@pytest.mark.parametrize("kind", _HOCKS)
def test_a_leg_that_stands_on_its_toes_has_its_paw_for_the_foot(kind: str, names: str) -> None:
    numbered = {name: f"Bone.{i:03}" for i, name in enumerate(rigs.build().bone_names)}
    skeleton, called = _legs_of(_HOCKS[kind], _mixamo_names() if names == "mixamo" else numbered)
    found = map_bones(skeleton, PRESETS)
    for side in SIDES:
        for role, bone in (("thigh", "thigh"), ("shin", "shin"), ("foot", "toe")):
            assert found.bones[f"{side}_{role}"] == (called[f"{side}_{bone}"],), (role, found.bones)
        assert f"{side}_toe" not in found.bones
    if names == "mixamo":  # who names the preset follows the names
        assert map_bones(skeleton, PRESETS, "mixamo").bones["left_foot"] == ("LeftFoot",)


@pytest.mark.parametrize("kind", _SOLES)
def test_a_foot_on_tiptoe_is_a_foot(kind: str) -> None:
    skeleton, _ = _legs_of(_SOLES[kind], _mixamo_names())
    found = map_bones(skeleton, PRESETS)
    assert found.bones["left_foot"] == ("LeftFoot",) and found.bones["right_toe"] == ("RightToeBase",)
