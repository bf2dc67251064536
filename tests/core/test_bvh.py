"""A BVH file as a source: a walker of known turns, written and read, and what is no such file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from blender_pose3d.core.bvh import read_bvh
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.preset import load_presets
from blender_pose3d.core.rotations import about_axis

PRESETS = load_presets(Path(__file__).resolve().parents[2] / "rigs")
FRAME_S = 0.04
# y up, faces z, so that left is x: (name, parent, offset in centimetres)
JOINTS = [
    ("Hips", "", (0, 95, 0)),
    ("Spine", "Hips", (0, 20, 0)),
    ("Spine1", "Spine", (0, 15, 0)),
    ("Neck", "Spine1", (0, 20, 0)),
    ("Head", "Neck", (0, 8, 0)),
    *(
        (f"{side}{part}", f"{side}{above}" if above in ("Arm", "ForeArm", "UpLeg", "Leg", "Foot") else above, (sign * x, y, z))
        for side, sign in (("Left", 1), ("Right", -1))
        for part, above, (x, y, z) in (
            ("Arm", "Spine1", (17, 15, 0)),
            ("ForeArm", "Arm", (28, 0, 0)),
            ("Hand", "ForeArm", (25, 0, 0)),
            ("UpLeg", "Hips", (9, -3, 0)),
            ("Leg", "UpLeg", (0, -42, 0)),
            ("Foot", "Leg", (0, -42, 0)),
            ("ToeBase", "Foot", (0, -6, 12)),
        )
    ),
]


# Blender's axes from those of a file that is y up.
TO_WORLD = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])


def written(path: Path, turns_deg: dict[str, np.ndarray], positions: np.ndarray, *, z_up: bool = False) -> Path:
    """turns_deg: of joints about (z, x, y), [T, 3]; positions [T, 3] of the hips; z_up: the same in a file of Blender's axes."""
    axes = TO_WORLD if z_up else np.eye(3)
    # About y of such a file what is about -z of the other, and so on.
    channels, signs = ("Yrotation Xrotation Zrotation", [-1, 1, 1]) if z_up else ("Zrotation Xrotation Yrotation", [1, 1, 1])
    lines, columns = ["HIERARCHY"], []

    def describe(name: str, indent: str) -> None:
        _, parent, offset = next(joint for joint in JOINTS if joint[0] == name)
        offset = axes @ offset
        lines.extend(
            [
                f"{indent}{'JOINT' if parent else 'ROOT'} {name}",
                f"{indent}{{",
                f"{indent} OFFSET {offset[0]} {offset[1]} {offset[2]}",
            ]
        )
        places = "6 Xposition Yposition Zposition" if not parent else "3"
        lines.append(f"{indent} CHANNELS {places} {channels}")
        if not parent:
            columns.extend(axes @ positions.T)
        columns.extend((turns_deg.get(name, np.zeros((len(positions), 3))) * signs).T)
        below = [joint for joint, above, _ in JOINTS if above == name]
        for joint in below:
            describe(joint, indent + " ")
        if not below:
            end = " ".join(map(str, axes @ (0, 5, 3)))
            lines.extend([f"{indent} End Site", f"{indent} {{", f"{indent}  OFFSET {end}", f"{indent} }}"])
        lines.append(f"{indent}}}")

    describe("Hips", "")
    lines += ["MOTION", f"Frames: {len(positions)}", f"Frame Time: {FRAME_S}"]
    lines += [" ".join(f"{value:.9f}" for value in row) for row in np.stack(columns, axis=1)]
    path.write_text("\n".join(lines))
    return path


def test_turns_heads_and_time_are_the_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    turns = {name: rng.uniform(-40, 40, (6, 3)) for name in ("Hips", "LeftUpLeg", "LeftLeg", "RightArm")}
    places = rng.uniform(-50, 50, (6, 3)) + [0, 95, 0]
    source = read_bvh(written(tmp_path / "walk.bvh", turns, places), PRESETS)
    assert source.name == "walk" and source.rig.mapping.preset == "mixamo"
    np.testing.assert_allclose(source.timestamps_s, np.arange(6) * FRAME_S)
    np.testing.assert_allclose(source.heads_m[:, 0], places @ TO_WORLD.T, atol=1e-6)

    def turn(name: str, frame: int) -> np.ndarray:
        z, x, y = np.radians(turns[name][frame])
        return about_axis(np.eye(3)[2], z) @ about_axis(np.eye(3)[0], x) @ about_axis(np.eye(3)[1], y)

    shin = source.rig.index["LeftLeg"]
    for frame in range(6):
        file = turn("Hips", frame) @ turn("LeftUpLeg", frame) @ turn("LeftLeg", frame)
        np.testing.assert_allclose(source.turns[frame, shin], TO_WORLD @ file @ TO_WORLD.T, atol=1e-6)
        knee = places[frame] + turn("Hips", frame) @ ([9, -3, 0] + turn("LeftUpLeg", frame) @ [0, -42, 0])
        np.testing.assert_allclose(source.heads_m[frame, shin], TO_WORLD @ knee, atol=1e-5)
    # At rest a person who looks along the file's z faces the viewer.
    assert source.rig.rest_heads[source.rig.index["LeftToeBase"]][1] < -10
    assert source.rig.rest_heads[source.rig.index["Head"]][2] > 150


def test_a_file_that_is_z_up_is_read_as_one(tmp_path: Path) -> None:
    """As Blender's own exporter writes an armature."""
    rng = np.random.default_rng(7)
    turns = {name: rng.uniform(-40, 40, (6, 3)) for name in ("Hips", "LeftUpLeg", "LeftLeg", "RightArm")}
    places = rng.uniform(-50, 50, (6, 3)) + [0, 95, 0]
    usual = read_bvh(written(tmp_path / "walk.bvh", turns, places), PRESETS)
    z_up = read_bvh(written(tmp_path / "z.bvh", turns, places, z_up=True), PRESETS)
    assert z_up.rig.mapping == usual.rig.mapping
    np.testing.assert_allclose(z_up.rig.rest_heads, usual.rig.rest_heads, atol=1e-6)
    np.testing.assert_allclose(z_up.rig.rest_tails, usual.rig.rest_tails, atol=1e-6)
    np.testing.assert_allclose(z_up.heads_m, usual.heads_m, atol=1e-5)
    np.testing.assert_allclose(z_up.turns, usual.turns, atol=1e-6)


@pytest.mark.parametrize("lies", [0.0, 90.0])
def test_whom_a_file_shows_upright_stands(tmp_path: Path, lies: float) -> None:
    """A rest pose that lies, and a motion that sets it upright; and somebody who lies down in a file whose rest pose stands."""
    turned = {"Hips": np.tile([0.0, 0.0, 0.0], (20, 1))}
    turned["Hips"][:, 1] = np.where(np.arange(20) < 15, -90.0, lies - 90.0)
    # Offsets that lie along the file's z, and turns about its x that set them upright along its y.
    source = read_bvh(written(tmp_path / "lies.bvh", turned, np.tile([0.0, 95.0, 0.0], (20, 1)), z_up=True), PRESETS)
    head, hips = (source.heads_m[:, source.rig.index[name]] for name in ("Head", "Hips"))
    assert (head - hips)[:15, 2].min() > 60
    turned["Hips"][:, 1] += 90.0
    stands = read_bvh(written(tmp_path / "stands.bvh", turned, np.tile([0.0, 95.0, 0.0], (20, 1))), PRESETS)
    np.testing.assert_allclose(stands.heads_m[:, stands.rig.index["Head"]] - stands.heads_m[:, 0], head - hips, atol=1e-4)


@pytest.mark.parametrize("damage", ["", "HIERARCHY", "MOTION\nFrames: 2\nFrame Time: 0.1\n", "cut", "numbers", "nan", "time"])
def test_what_is_no_bvh_is_one_sentence(tmp_path: Path, damage: str) -> None:
    path = written(tmp_path / "walk.bvh", {}, np.zeros((3, 3)))
    text = path.read_text()
    path.write_text(
        {
            "cut": text[: len(text) // 3],
            "numbers": text.rsplit(" ", 1)[0],
            "nan": text.replace("0.000000000", "nan", 1),
            "time": text.replace(f"Frame Time: {FRAME_S}", "Frame Time: 0"),
        }.get(damage, damage)
    )
    with pytest.raises(Pose3DError, match="is no BVH file"):
        read_bvh(path, PRESETS)


@pytest.mark.parametrize(("gap", "encoding"), [("\t", "utf-8"), (" ", "utf-8-sig")])
def test_tabs_and_a_byte_order_mark_change_nothing(gap: str, encoding: str, tmp_path: Path) -> None:
    path = written(tmp_path / "walk.bvh", {"LeftLeg": np.linspace(0, 40, 9).reshape(3, 3)}, np.zeros((3, 3)))
    plain = read_bvh(path, PRESETS)
    path.write_bytes(path.read_text().replace(" ", gap).encode(encoding))
    odd = read_bvh(path, PRESETS)
    assert odd.rig.bone_names == plain.rig.bone_names and np.array_equal(odd.turns, plain.turns)


def test_a_file_that_is_gone_or_stands_still(tmp_path: Path) -> None:
    with pytest.raises(Pose3DError, match="cannot be read"):
        read_bvh(tmp_path / "none.bvh", PRESETS)
    with pytest.raises(Pose3DError, match="is one frame long"):
        read_bvh(written(tmp_path / "still.bvh", {}, np.zeros((1, 3))), PRESETS)
