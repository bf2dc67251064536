"""BVH: a motion written with any names, channel order, unit and upward axis is read back as the same motion."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from lifter.data.bvh import clip_name, forward_kinematics, parse_bvh, read_bvh, read_bvh_folder
from lifter.data.mocap import MotionClip, read_mocap, split_by_subject
from lifter.errors import LifterError
from lifter.joints import INDEX, LIMB_JOINT_NAMES
from lifter.train import main as train
from tests.lifter import archives

LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
# (name, parent, where it is): a joint of the mannequin, or of the trunk.
CMU = {
    "root": "Hips",
    "trunk": "Spine",
    "chest": "Spine1",
    "head": "Head",
    "hip": "{Side}UpLeg",
    "knee": "{Side}Leg",
    "ankle": "{Side}Foot",
    "toe": "{Side}ToeBase",
    "shoulder": "{Side}Arm",
    "elbow": "{Side}ForeArm",
    "wrist": "{Side}Hand",
}
DAZ = {
    "root": "hip",
    "trunk": "abdomen",
    "chest": "chest",
    "head": "head",
    "hip": "{s}Thigh",
    "knee": "{s}Shin",
    "ankle": "{s}Foot",
    "toe": "{s}Toe",
    "shoulder": "{s}Shldr",
    "elbow": "{s}ForeArm",
    "wrist": "{s}Hand",
}
MIXAMO = {part: f"mixamorig:{name}" for part, name in CMU.items()}
BIOVISION = {"root": "Bob_Hips", "trunk": "Bob_Chest", "chest": "Bob_Chest2", "head": "Bob_Head"} | {
    part: "Bob_{Side}" + part.capitalize() for part in ("hip", "knee", "ankle", "toe", "shoulder", "elbow", "wrist")
}
# A standing rest pose in metres: legs astride and arms level, as CMU's has them.
DOWN_AND_OUT = np.array([0.3, -0.954, 0.0])
Z_UP = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # from y up


@dataclass
class Joint:
    """rest_m: from the parent; turn [T, 3, 3]: from rest to world; place_m [T, 3]: against the parent, where it has channels."""

    name: str
    parent: Joint | None
    rest_m: np.ndarray
    turn: np.ndarray
    place_m: np.ndarray | None = None


def frame_of(up: np.ndarray, left: np.ndarray) -> np.ndarray:
    """[T, 3, 3]: y along `up`, x as near to `left` as can be."""
    y = up / np.linalg.norm(up, axis=-1, keepdims=True)
    z = np.cross(left, y)
    z /= np.linalg.norm(z, axis=-1, keepdims=True)
    return np.stack([np.cross(y, z), y, z], axis=-1)


def turned_onto(rest: np.ndarray, way: np.ndarray, twist_rad: float) -> np.ndarray:
    """Rotations [T, 3, 3] that bring the direction `rest` [3] onto `way` [T, 3], with any twist about it."""
    side = np.cross(rest, [0.31, 0.5, 0.8])
    before = frame_of(rest[None], side[None])[0]
    spin = np.array([[np.cos(twist_rad), 0, np.sin(twist_rad)], [0, 1, 0], [-np.sin(twist_rad), 0, np.cos(twist_rad)]])
    return frame_of(way, np.cross(way, [0.2, -0.7, 0.4])) @ spin @ before.T


def skeleton_of(motion_m: np.ndarray, names: dict[str, str], head_turn: np.ndarray) -> list[Joint]:
    """A skeleton that does what the motion [T, 17, 3] (y up) does, its head turned against the chest by head_turn [3, 3]."""
    at = {name: motion_m[:, i] for name, i in INDEX.items()}
    still = np.tile(np.eye(3), (len(motion_m), 1, 1))
    hips_across, chest_across = at["left_hip"] - at["right_hip"], at["left_shoulder"] - at["right_shoulder"]
    trunk = at["thorax"] - at["pelvis"]
    root = Joint(names["root"], None, np.zeros(3), frame_of(np.cross([0, 0, 1.0], hips_across), hips_across), at["pelvis"])
    # The trunk bends a little, so its upper end moves against its lower one.
    spine = Joint(names["trunk"], root, np.zeros(3), frame_of(trunk, hips_across))
    above = np.einsum("tji,tj->ti", spine.turn, trunk)
    up = np.cross([0, 0, 1.0], chest_across)
    chest = Joint(names["chest"], spine, np.array([0, 0.5, -0.06]), frame_of(up, chest_across), above)
    head = Joint(names["head"], chest, np.array([0, 0.1, 0.02]), chest.turn @ head_turn)
    joints = [root, spine, chest, head]
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for base, chain, way in (
            (root, ("hip", "knee", "ankle"), DOWN_AND_OUT),
            (chest, ("shoulder", "elbow", "wrist"), [1.0, 0, 0]),
        ):
            rest = np.array(way) * [sign, 1, 1]
            parent = base
            for k, part in enumerate(chain):
                here = at[f"{side}_{part}"]
                from_parent = rest * np.linalg.norm(here - at[f"{side}_{chain[k - 1]}"], axis=-1)[0]
                if k == 0:
                    across = hips_across if base is root else chest_across
                    from_parent = np.array([sign * np.linalg.norm(across, axis=-1)[0] / 2, 0, 0])
                turn = parent.turn
                if k < 2:
                    turn = turned_onto(rest, at[f"{side}_{chain[k + 1]}"] - here, 0.4 * sign * (k + 1))
                parent = Joint(names[part].format(Side=side.capitalize(), s=side[0]), parent, from_parent, turn)
                joints.append(parent)
            if "toe" in names and base is root:
                toe = names["toe"].format(Side=side.capitalize(), s=side[0])
                joints.append(Joint(toe, parent, np.array([0, -0.05, 0.12]), still))
    return joints


def euler_deg(turns: np.ndarray, order: str) -> np.ndarray:
    """[T, 3, 3] -> [T, 3] so that the product of the rotations about the three axes, in this order, is the turn."""
    i, j, k = ("XYZ".index(axis) for axis in order)
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    middle = np.arcsin(np.clip(sign * turns[:, i, k], -1, 1))
    first = np.arctan2(-sign * turns[:, j, k], turns[:, k, k])
    last = np.arctan2(-sign * turns[:, i, j], turns[:, i, i])
    return np.degrees(np.stack([first, middle, last], axis=1))


def write_bvh(
    path: Path,
    joints: list[Joint],
    *,
    order: str = "ZYX",
    unit_m: float = 1.0,
    z_up: bool = False,
    fps: float = 120.0,
    t_pose: int = 0,
) -> Path:
    """t_pose: so many frames before the first stand with level arms and upright legs, where the first frame is."""
    axes = Z_UP if z_up else np.eye(3)
    lines, columns = ["HIERARCHY"], []

    def numbers(vector: np.ndarray) -> str:
        return " ".join(f"{value:.6f}" for value in axes @ vector / unit_m)

    def describe(joint: Joint, indent: str) -> None:
        lines.extend(
            [
                f"{indent}{'JOINT' if joint.parent else 'ROOT'} {joint.name}",
                indent + "{",
                f"{indent}\tOFFSET {numbers(joint.rest_m)}",
            ]
        )
        turns = np.swapaxes(joint.parent.turn, -1, -2) @ joint.turn if joint.parent else joint.turn
        degrees = euler_deg(axes @ turns @ axes.T, order)
        legs = {"UpLeg": 1, "Thigh": 1, "Hip": 1}
        if t_pose:
            first = np.zeros((t_pose, 3))
            if any(joint.name.endswith(end) for end in legs) and joint.name not in ("hip", "Hips"):
                # Rest is astride; about the axis that is ahead the leg is brought under the hip.
                sign = 1.0 if np.sign(joint.rest_m[0]) > 0 else -1.0
                first[:, order.index("Y" if z_up else "Z")] = -sign * np.degrees(np.arctan2(0.3, 0.954)) * (-1.0 if z_up else 1.0)
            degrees = np.concatenate([first, degrees])
        place = ""
        if joint.place_m is not None:
            moved = joint.place_m @ axes.T / unit_m
            held = np.repeat(moved[:1] if joint.parent is None else (axes @ joint.rest_m / unit_m)[None], t_pose, axis=0)
            columns.extend(np.concatenate([held, moved]).T)
            place = "Xposition Yposition Zposition "
        columns.extend(degrees.T)
        rotations = " ".join(f"{axis}rotation" for axis in order)
        lines.append(f"{indent}\tCHANNELS {6 if place else 3} {place}{rotations}")
        children = [child for child in joints if child.parent is joint]
        for child in children:
            describe(child, indent + "\t")
        if not children:
            lines.extend([f"{indent}\tEnd Site", indent + "\t{", f"{indent}\t\tOFFSET 0 0.1 0", indent + "\t}"])
        lines.append(indent + "}")

    describe(joints[0], "")
    lines += ["MOTION", f"Frames: {len(columns[0])}", f"Frame Time: {1 / fps:.7f}"]
    lines += [" ".join(f"{value:.5f}" for value in row) for row in np.array(columns).T]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def turn_y(angle_rad: float) -> np.ndarray:
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def assert_same(clip: MotionClip, motion_m: np.ndarray) -> None:
    """The limb joints, at the one scale that brings the limbs of anybody to those of 1.75 m."""
    limbs = sum(
        np.linalg.norm(motion_m[0, INDEX[f"{side}_{a}"]] - motion_m[0, INDEX[f"{side}_{b}"]])
        for side in ("left", "right")
        for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
    )
    np.testing.assert_allclose(clip.positions_m[:, LIMBS], 2.78 / limbs * motion_m[:, LIMBS], atol=2e-4)
    for middle, part in (("pelvis", "hip"), ("thorax", "shoulder")):
        expected = (clip.positions_m[:, INDEX[f"left_{part}"]] + clip.positions_m[:, INDEX[f"right_{part}"]]) / 2
        np.testing.assert_allclose(clip.positions_m[:, INDEX[middle]], expected, atol=1e-5)


def facing(joints: list[Joint], turn: np.ndarray) -> list[Joint]:
    """The same motion on a skeleton whose rest pose is turned."""
    for joint in joints:
        joint.rest_m, joint.turn = turn @ joint.rest_m, joint.turn @ turn.T
        if joint.parent and joint.place_m is not None:
            joint.place_m = joint.place_m @ turn.T
    return joints


@pytest.mark.parametrize(
    ("names", "order", "unit_m", "z_up", "t_pose", "rest_yaw"),
    [
        (CMU, "ZYX", 0.056444, False, 1, 0.0),
        (DAZ, "XZY", 0.01, False, 2, 0.0),
        (MIXAMO, "ZXY", 0.01, True, 1, 0.0),
        (BIOVISION, "YXZ", 0.0254, False, 0, 2.0),
    ],
    ids=["cmu", "daz", "mixamo, z up", "biovision, facing aside"],
)
def test_any_skeleton_comes_back_as_the_person_it_was_made_of(
    names: dict[str, str], order: str, unit_m: float, z_up: bool, t_pose: int, rest_yaw: float, tmp_path: Path
) -> None:
    # At 24 frames a second nothing is so fast that it would be cut: the T-pose is known as such.
    motion = archives.mocap_clip("kick", fps=24)
    joints = skeleton_of(motion, names, turn_y(0.5))
    chest, head = (next(joint for joint in joints if joint.name == names[part]) for part in ("chest", "head"))
    head_turn, chest_left = head.turn, chest.turn[:, :, 0]
    facing(joints, turn_y(rest_yaw))
    path = write_bvh(tmp_path / "a.bvh", joints, order=order, unit_m=unit_m, z_up=z_up, fps=24, t_pose=t_pose)
    (clip,) = read_bvh(path, "a")
    assert clip.name == "a" and clip.fps == pytest.approx(24, rel=1e-4) and len(clip.positions_m) == len(motion)
    assert_same(clip, motion)
    # The head looks half a radian to the left of the chest's forward, which is to the person's left.
    look = clip.positions_m[:, INDEX["nose"]] - clip.positions_m[:, INDEX["head_top"]]
    np.testing.assert_allclose(look, head_turn @ [0, -0.12, 0.11], atol=2e-4)
    assert np.einsum("ti,ti->t", look, chest_left).min() > 0.05


def test_blenders_channels_for_the_root_s_own_offset(tmp_path: Path) -> None:
    """A position channel holds the whole offset, as in Blender's importer and exporter; what has no channel keeps its own."""
    text = (
        "HIERARCHY\nROOT A {\nOFFSET 1 2 3\nCHANNELS 2 Yposition Zrotation\nJOINT B\n{\nOFFSET 1 0 0\nCHANNELS 0\n}\n}\nMOTION\n"
    )
    places, turns = forward_kinematics(parse_bvh(text + "Frames: 2\nFrame Time: 0.1\n5 90\n6 0\n"), [0, 1])
    np.testing.assert_allclose(places[0], [[1, 5, 3], [1, 6, 3]], atol=1e-12)
    np.testing.assert_allclose(places[1], [[1, 6, 3], [2, 6, 3]], atol=1e-12)
    np.testing.assert_allclose(turns[0, 1] @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_a_rest_pose_that_does_not_stand_still_gives_an_upright_person(tmp_path: Path) -> None:
    """Some programs let every bone of the rest pose run along one axis; then the motion tells up, and the head's front."""
    motion = archives.mocap_clip("walk", fps=60)
    joints = skeleton_of(motion, CMU, np.eye(3))
    turned = {id(joint): turn_y(0.9) @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]) for joint in joints}
    for joint in joints:  # the same person, each joint with axes of its own
        joint.rest_m = (turned[id(joint.parent)].T if joint.parent else np.eye(3)) @ joint.rest_m
        if joint.parent and joint.place_m is not None:
            joint.place_m = joint.place_m @ turned[id(joint.parent)]
    for joint in joints:
        joint.turn = joint.turn @ turned[id(joint)]
    (clip,) = read_bvh(write_bvh(tmp_path / "a.bvh", joints, fps=60), "a")
    assert_same(clip, motion)
    ahead = np.cross(motion[:, INDEX["left_hip"]] - motion[:, INDEX["right_hip"]], [0, 1.0, 0])
    look = clip.positions_m[:, INDEX["nose"]] - clip.positions_m[:, INDEX["head_top"]]
    assert (np.einsum("ti,ti->t", look, ahead) > 0).all() and (look[:, 1] < -0.1).all()


def test_fast_recordings_are_thinned_and_faults_cut_out(tmp_path: Path) -> None:
    motion = archives.mocap_clip("walk", fps=120)
    torn = motion.copy()
    torn[200:] += [0, 0, 1.5]  # the person is somewhere else from one frame to the next
    path = write_bvh(tmp_path / "05_06.bvh", skeleton_of(torn, CMU, np.eye(3)), unit_m=0.05, t_pose=3)
    first, second = read_bvh(path, "cmu/05/05_06")
    assert (first.name, second.name) == ("cmu/05/05_06#0", "cmu/05/05_06#1")
    assert first.fps == pytest.approx(60, rel=1e-4)
    assert_same(first, motion[:200:2])
    assert_same(second, torn[200::2])


def test_subjects_come_from_the_files_names(tmp_path: Path) -> None:
    root = tmp_path / "motion"
    for place, name in (
        ("01/01_02.bvh", "cmu/01/01_02"),
        ("subjects/001/001_02.bvh", "cmu/01/01_02"),
        ("141/141_34.bvh", "cmu/141/141_34"),
        ("anna/run.bvh", "motion/anna/run"),
        ("run 2.bvh", "motion/run 2"),
    ):
        assert clip_name(root / place, root) == name


def test_a_folder_is_an_archive(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "cmu"
    motions = {"02/02_02.bvh": "walk", "02/02_10.bvh": "squat", "10/10_01.bvh": "kick", "3/3_1.BVH": "punch"}
    for place, motion in motions.items():
        write_bvh(root / place, skeleton_of(archives.mocap_clip(motion, fps=60, seconds=1.0), CMU, np.eye(3)), fps=60)
    (root / "02" / "readme.txt").write_text("not motion")
    (root / "02" / "02_03.bvh").write_text("HIERARCHY\n")
    (root / "11").mkdir()
    (root / "11" / "02_02.bvh").write_bytes((root / "02" / "02_02.bvh").read_bytes())
    with caplog.at_level(logging.WARNING):
        clips = read_mocap(root)
    assert [clip.name for clip in clips] == ["cmu/02/02_02", "cmu/02/02_10", "cmu/03/03_1", "cmu/10/10_01"]
    assert "2 of 6 BVH files were left out" in caplog.text and "02_03.bvh" in caplog.text
    training, validation = split_by_subject(clips)
    assert [c.subject for c in training] == ["cmu/02", "cmu/02"] and [c.subject for c in validation] == ["cmu/03", "cmu/10"]
    again = read_mocap(root)
    assert all(np.array_equal(a.positions_m, b.positions_m) for a, b in zip(clips, again, strict=True))


@pytest.mark.parametrize(
    ("old", "new", "encoding"), [(" ", "\t", "utf-8"), (" ", "  ", "utf-8"), ("\n", "\r\n", "utf-8"), ("", "", "utf-8-sig")]
)
def test_tabs_and_a_byte_order_mark_change_nothing(old: str, new: str, encoding: str, tmp_path: Path) -> None:
    joints = skeleton_of(archives.mocap_clip("walk", fps=60, seconds=1.0), CMU, np.eye(3))
    path = write_bvh(tmp_path / "plain.bvh", joints, fps=60)
    (plain,) = read_bvh(path, "clip")
    odd = tmp_path / "odd.bvh"
    odd.write_bytes(path.read_text().replace("Frame Time", "Frame_Time").replace(old, new).replace("_", " ").encode(encoding))
    (clip,) = read_bvh(odd, "clip")
    assert clip.fps == plain.fps and np.array_equal(clip.positions_m, plain.positions_m)


def test_a_network_trains_on_a_folder(tmp_path: Path) -> None:
    for place, motion in (("01/01_01.bvh", "walk"), ("03/03_01.bvh", "squat")):
        write_bvh(
            tmp_path / "mocap" / place, skeleton_of(archives.mocap_clip(motion, fps=60, seconds=1.5), CMU, np.eye(3)), fps=60
        )
    config = tmp_path / "c.toml"
    lines = ['name = "t"', 'mocap = "mocap"', 'architecture = "atcn"', "minutes = 0.001", "batch = 8", "validation_windows = 16"]
    config.write_text("\n".join([*lines, "[settings]", "frames = 9", "channels = 16", "groups = 4", "reduction = 8"]))
    assert train(config, runs_dir=tmp_path / "runs") == 0
    assert (tmp_path / "runs" / "t" / "t.safetensors").is_file()


GOOD = """HIERARCHY
ROOT Hips
{
OFFSET 0 0 0
CHANNELS 3 Zrotation Yrotation Xrotation
}
MOTION
Frames: 2
Frame Time: 0.01
0 0 0
1 2 3
"""


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no BVH file"),
        ("solid cube", "no BVH file"),
        (GOOD.replace("MOTION", "LOTION"), "no BVH file"),
        (GOOD.replace("}", ""), "cut off"),
        (GOOD.replace("OFFSET 0 0 0", "OFFSET 0 0"), "an offset has 2 numbers"),
        (GOOD.replace("OFFSET 0 0 0", "OFFSET 0 0 zero"), "zero"),
        (GOOD.replace("CHANNELS 3", "CHANNELS 4"), "channels of Hips"),
        (GOOD.replace("Zrotation", "Wrotation"), "channels of Hips"),
        (GOOD.replace("OFFSET", "SCALE 1 1 1\nOFFSET"), "'SCALE 1 1 1' is out of place"),
        (GOOD.replace("Frames: 2", "Frames: two"), "how many frames"),
        (GOOD.replace("Frames: 2", "Frames: 9"), "6 numbers where 9 frames of 3 channels"),
        (GOOD.replace("1 2 3", "1 2"), "5 numbers"),
        (GOOD.replace("1 2 3", "1 2 nan"), "not finite"),
        (GOOD.replace("1 2 3", "1 2 1e200"), "larger than any unit's"),
        (GOOD.replace("OFFSET 0 0 0", "OFFSET 0 0 inf"), "not finite"),
        (GOOD.replace("1 2 3", "1 2 x"), "x"),
        (GOOD.replace("0.01", "0"), "frames last 0 s"),
        (GOOD, "there is no head"),
    ],
)
def test_a_bad_file_is_one_sentence(text: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.bvh"
    path.write_text(text)
    with pytest.raises(LifterError, match=says) as caught:
        read_bvh(path, "bad")
    assert str(path) in caught.value.message and "\n" not in caught.value.message and caught.value.hint


def test_a_folder_with_nothing_to_use_says_so(tmp_path: Path) -> None:
    with pytest.raises(LifterError, match="it has no .bvh file"):
        read_bvh_folder(tmp_path)
    (tmp_path / "a.bvh").write_text(GOOD)
    with pytest.raises(LifterError, match="there is no head") as caught:
        read_bvh_folder(tmp_path)
    assert caught.value.hint
