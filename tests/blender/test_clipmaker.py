"""The clip maker in Blender: a clip comes out, and its truth is what the picture shows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from blender_pose3d.core.coordinates import CameraPose
from blender_pose3d.core.motion.edges import Edges
from lifter.background import BackgroundMotion
from tests.clipmaker import skeleton

TESTS = Path(__file__).resolve().parents[1]
SCRIPT = TESTS / "clipmaker" / "make_clip.py"
DEMO = TESTS / "data" / "demo.mp4"
SIDE_PX, FRAMES, FPS = 128, 8, 12.0
JOINT = {name: i for i, name in enumerate(skeleton.JOINT_NAMES)}
EXTRA = {name: i for i, name in enumerate(skeleton.EXTRA_NAMES)}


def frames_of(path: Path) -> np.ndarray:
    """[T, H, W, 3] of the clip."""
    clip = cv2.VideoCapture(str(path))
    frames = []
    while (read := clip.read())[0]:
        frames.append(read[1])
    return np.stack(frames)


def truth_of(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        return dict(file)


def check_truth(truth: dict[str, np.ndarray]) -> None:
    """The parts of one truth file agree with each other."""
    joints = truth["positions_camera_m"]
    assert truth["joint_names"].tolist() == list(skeleton.JOINT_NAMES)
    assert joints.shape == truth["positions_world_m"].shape == (len(truth["timestamps_s"]), 17, 3)
    np.testing.assert_allclose(truth["timestamps_s"], np.arange(len(joints)) / float(truth["fps"]))
    for parent, child in skeleton.RIGID_BONES:
        lengths = np.linalg.norm(joints[:, JOINT[child]] - joints[:, JOINT[parent]], axis=-1)
        assert np.ptp(lengths) < 1e-6, (parent, child)
    pixels = truth["image_size_px"] / 2 + float(truth["focal_length_px"]) * joints[..., :2] / joints[..., 2:]
    np.testing.assert_allclose(pixels, truth["joints_px"], atol=1e-6)
    assert (pixels > 0).all() and (pixels < truth["image_size_px"]).all() and truth["inside_picture"].all()
    # Level the camera as the README says, and the world comes out.
    roll, pitch = float(truth["camera_roll_rad"]), float(truth["camera_pitch_rad"])
    x, y, z = np.moveaxis(joints, -1, 0)
    x, y = np.cos(roll) * x - np.sin(roll) * y, np.sin(roll) * x + np.cos(roll) * y
    y, z = np.cos(pitch) * y + np.sin(pitch) * z, np.cos(pitch) * z - np.sin(pitch) * y
    world = np.stack([x, z, -y], axis=-1) + truth["camera_position_world_m"]
    np.testing.assert_allclose(world, truth["positions_world_m"], atol=1e-6)
    assert float(truth["camera_height_m"]) == truth["camera_position_world_m"][2]
    feet = truth["extra_positions_camera_m"]
    for column, name in enumerate(truth["contact_names"]):
        held = truth["foot_contact"][1:, column] & truth["foot_contact"][:-1, column]
        moved = np.linalg.norm(np.diff(feet[:, EXTRA[str(name)]], axis=0), axis=-1)
        assert moved[held].max(initial=0) < 1e-3, name
    assert json.loads(str(truth["provenance"]))["motion"]


@pytest.mark.parametrize("view", ["three_quarter", "tilted"])
def test_the_truth_lies_on_the_picture(view: str, run_in_blender: Callable, tmp_path: Path) -> None:
    common = ("--out", tmp_path, "--view", view, "--motion", "arm_swing", "--size", f"{SIDE_PX}x{SIDE_PX}")
    length = ("--fps", str(FPS), "--seconds", str(FRAMES / FPS))
    made = run_in_blender(SCRIPT, *common, *length, "--name", "clip")
    assert made.returncode == 0, made.stdout
    empty = run_in_blender(SCRIPT, *common, "--fps", str(FPS), "--seconds", str(1 / FPS), "--name", "room", "--people", "0")
    assert empty.returncode == 0, empty.stdout
    assert not (tmp_path / "room_truth.npz").exists()

    clip = frames_of(tmp_path / "clip.mp4")
    assert clip.shape == (FRAMES, SIDE_PX, SIDE_PX, 3)
    assert cv2.VideoCapture(str(tmp_path / "clip.mp4")).get(cv2.CAP_PROP_FPS) == pytest.approx(FPS)
    truth = truth_of(tmp_path / "clip_truth.npz")
    check_truth(truth)

    # Whatever is not the empty room is the person (or a shadow): every joint is within it.
    differs = np.abs(clip.astype(int) - frames_of(tmp_path / "room.mp4").astype(int)).max(axis=-1) > 40
    assert 0.02 < differs.mean() < 0.3
    for frame in range(FRAMES):
        person = cv2.dilate(differs[frame].astype(np.uint8), np.ones((3, 3), np.uint8))
        columns, rows = np.round(truth["joints_px"][frame] - 0.5).astype(int).T
        missed = [name for name, hit in zip(skeleton.JOINT_NAMES, person[rows, columns], strict=True) if not hit]
        assert not missed, f"frame {frame}"
        # The head is where its top is said to be: nothing of the person is more than a little above it.
        top = truth["joints_px"][frame, JOINT["head_top"]]
        near = differs[frame][:, max(int(top[0]) - 6, 0) : int(top[0]) + 7]
        assert np.nonzero(near.any(axis=1))[0][0] == pytest.approx(top[1], abs=4)


@pytest.mark.parametrize("view", ["tilted", "high"])
def test_a_furnished_room_says_how_the_camera_was_held(view: str, run_in_blender: Callable, tmp_path: Path) -> None:
    """From its picture alone, the outline of the person among the edges: what is found, and what is made of it."""
    options = ("--motion", "squat", "--view", view, "--furnished", "--fps", "5", "--seconds", "0.2", "--samples", "4")
    made = run_in_blender(SCRIPT, "--out", tmp_path, "--name", "room", *options)
    assert made.returncode == 0, made.stdout
    truth = truth_of(tmp_path / "room_truth.npz")
    background = BackgroundMotion()
    background.look(0.0, np.ascontiguousarray(frames_of(tmp_path / "room.mp4")[0][..., ::-1]), [])
    size_px, focal_px = truth["image_size_px"], float(truth["focal_length_px"])
    ends = (background.lines(still=True).reshape(-1, 2, 2) * max(size_px) - size_px / 2) / focal_px
    ways = ends[:, 1] - ends[:, 0]
    edges = Edges(ends.mean(1), ways / np.linalg.norm(ways, axis=1)[:, None], np.ones(len(ends)), lens_known=True)
    held = np.array([float(truth["camera_pitch_rad"]), float(truth["camera_roll_rad"])])
    level = edges.level(CameraPose(held[0] + np.radians(4), held[1] - np.radians(3)))
    assert level is not None
    assert np.degrees(np.abs(level.held_rad - held)).max() < 2.0


def test_several_people_have_a_truth_each(run_in_blender: Callable, tmp_path: Path) -> None:
    picture = ("--fps", "5", "--seconds", "0.4", "--size", "160x96")
    options = ("--motion", "punch", "--people", "2", "--occluder", "--seed", "3", *picture)
    made = run_in_blender(SCRIPT, "--out", tmp_path, "--name", "two", *options)
    assert made.returncode == 0, made.stdout
    first, second = truth_of(tmp_path / "two_truth.npz"), truth_of(tmp_path / "two_truth_2.npz")
    check_truth(first)
    check_truth(second)
    apart = first["positions_world_m"][:, 0] - second["positions_world_m"][:, 0]
    assert np.linalg.norm(apart, axis=-1).min() > 0.5
    assert len(frames_of(tmp_path / "two.mp4")) == 2


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--size", "100by100"), "'100by100' is not a size"),
        (("--fps", "0"), "'0' is not a frame rate"),
        (("--motion", "moonwalk"), "invalid choice: 'moonwalk'"),
        (("--seconds", "-1"), "'-1' is not a length"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    options: tuple[str, str], sentence: str, run_in_blender: Callable, tmp_path: Path
) -> None:
    made = run_in_blender(SCRIPT, "--out", tmp_path, "--name", "bad", *options)
    assert made.returncode != 0
    assert sentence in made.stdout and "Traceback" not in made.stdout


def test_a_folder_that_cannot_be_made_is_one_sentence(run_in_blender: Callable, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    made = run_in_blender(SCRIPT, "--out", tmp_path / "file" / "below", "--name", "bad")
    assert made.returncode != 0
    assert "could not be written" in made.stdout and "Traceback" not in made.stdout


def test_the_bundled_demo_is_whole() -> None:
    truth = truth_of(DEMO.with_name("demo_truth.npz"))
    check_truth(truth)
    assert DEMO.stat().st_size < 3_000_000
    clip = cv2.VideoCapture(str(DEMO))
    assert clip.get(cv2.CAP_PROP_FRAME_COUNT) == len(truth["timestamps_s"])
    assert clip.get(cv2.CAP_PROP_FPS) == pytest.approx(float(truth["fps"]))
    assert [clip.get(cv2.CAP_PROP_FRAME_WIDTH), clip.get(cv2.CAP_PROP_FRAME_HEIGHT)] == truth["image_size_px"].tolist()
    assert 10 <= float(truth["timestamps_s"][-1]) <= 13
