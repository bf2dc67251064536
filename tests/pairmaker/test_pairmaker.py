"""The pair maker: who may do what from the seed; and with a Blender and the detector, what is in the files."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lifter.data.mocap import VALIDATION_SUBJECTS, MotionClip, subject_of
from lifter.data.pairs import HELD_OUT_CHARACTERS, read_pairs
from lifter.joints import INDEX, LANDMARK_INDEX
from lifter.metrics import p_mpjpe
from tests.blender.conftest import NO_BLENDER, find_blenders
from tests.lifter.archives import mocap_clip, write_mocap
from tests.pairmaker.make import BAD_INPUT, main, make
from tests.pairmaker.pairs_file import merge, shard_path
from tests.pairmaker.plan import HELD_OUT_VIEWS, MAKEHUMAN, held_out_plan, training_plan
from tests.pairmaker.sequence import Settings

SHARED = Path(__file__).resolve().parents[3] / "shared"
# As in the pairs that were there before this maker.
_LEG, _ARM = ("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")
ORDER = [f"{s}_{j}" for s in ("right", "left") for j in _LEG] + [f"{s}_{j}" for s in ("left", "right") for j in _ARM]


@pytest.fixture(scope="module")
def clips() -> list[MotionClip]:
    motions = ("walk", "kick", "punch", "squat", "jump", "run")
    names = ("cmu/01/01_01", "cmu/03/03_01", "cmu/02/02_01#0", "cmu/10/10_01", "cmu/martial/1", "cmu/11/1")
    recorded = [MotionClip(name, 60.0, mocap_clip(motion)) for motion, name in zip(motions, names, strict=True)]
    return [*recorded, replace(recorded[3], name="cmu/08/08_01")]


def test_validation_subjects_and_the_held_out_character_are_not_for_training(clips: list[MotionClip]) -> None:
    plans = [training_plan(seed, clips, fps=10, frames=4) for seed in range(40)]
    assert {subject_of(plan.clip_name) for plan in plans} == {"cmu/01", "cmu/02"}
    assert not {plan.character for plan in plans} & HELD_OUT_CHARACTERS
    assert len({plan.character for plan in plans}) > 3 and {plan.mirrored for plan in plans} == {True, False}
    held_out = [held_out_plan(seed, clips, fps=10, frames=4) for seed in range(24)]
    assert {subject_of(plan.clip_name) for plan in held_out} == VALIDATION_SUBJECTS
    assert {plan.character for plan in held_out} == HELD_OUT_CHARACTERS
    assert [plan.view_name for plan in held_out] == 6 * list(HELD_OUT_VIEWS)
    np.testing.assert_array_equal(held_out[4].joints_m, held_out[7].joints_m)  # one motion from four views


def test_a_seed_is_a_sequence(clips: list[MotionClip]) -> None:
    first, again, other = (training_plan(seed, clips, fps=10, frames=4) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.joints_m, again.joints_m)
    assert first.joints_m.shape == (4, 17, 3) and not np.array_equal(first.joints_m, other.joints_m)


def test_mirrored_motion_is_a_person_still(clips: list[MotionClip]) -> None:
    """Left stays left of the way the person faces: hips, shoulders, and the nose in front."""
    for seed in range(12):
        joints = training_plan(seed, clips, fps=10, frames=4).joints_m
        across = joints[:, INDEX["left_hip"]] - joints[:, INDEX["right_hip"]]
        ahead = joints[:, INDEX["nose"]] - (joints[:, INDEX["thorax"]] + joints[:, INDEX["head_top"]]) / 2
        assert (np.cross(across, [0, 1, 0]) * ahead).sum(-1).min() > 0, seed


@pytest.fixture(scope="module")
def bpy_python() -> Path:
    """A Python with bpy; the oldest, because what is shown here does not depend on Blender's version."""
    wheels = [path for path in find_blenders() if path.name.startswith("python")]
    return wheels[0] if wheels else pytest.skip(NO_BLENDER)


def settings_for(bpy_python: Path, shared: Path, character: str, *, frames: int) -> Settings:
    return Settings(shared, "heldout", (character,), fps=10, frames=frames, side_px=256, samples=2, blender_python=bpy_python)


@pytest.fixture(scope="module")
def made(bpy_python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settings]:
    """The mannequin from its front and its back, three frames each, and the settings that made them."""
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "data").mkdir()
    write_mocap(folder / "data" / "mocap.npz", {"cmu/03/03_01": mocap_clip("arm_swing")})
    settings = settings_for(bpy_python, folder, "mannequin", frames=3)
    assert make(folder / "out", settings, first=0, count=2) == 0
    return folder / "out", settings


def check(pairs: dict[str, np.ndarray], *, frames: int, offset: float) -> None:
    """Joints, pixels and detections of merged pairs belong together. offset: of landmarks, in heights of the person."""
    sequences = len(pairs["character"])
    joints, pixels = pairs["joints_camera_m"], pairs["joints_px"]
    assert pairs["joint_names"].tolist() == ORDER
    assert joints.shape == (sequences, frames, 12, 3) and pairs["landmarks_px"].shape == (sequences, frames, 33, 2)
    focal = pairs["focal_px"][:, None, None, None]
    np.testing.assert_allclose(pairs["image_px"] / 2 + focal * joints[..., :2] / joints[..., 2:], pixels, atol=1e-3)
    at = {name: joints[:, :, i] for i, name in enumerate(ORDER)}
    for start, end in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist")):
        lengths = np.stack([np.linalg.norm(at[f"{s}_{end}"] - at[f"{s}_{start}"], axis=-1) for s in ("left", "right")])
        assert np.ptp(lengths, axis=(0, 2)).max() < 2e-3, end  # rigid, and the same on both sides
        assert lengths.min() > 0.18 and lengths.max() < 0.60, end
    found = np.isfinite(pairs["landmarks_px"]).all((2, 3))
    assert found.all()
    seen = pairs["landmarks_px"][:, :, [LANDMARK_INDEX[name] for name in ORDER]]
    extent = np.ptp(pixels, axis=2).max(-1)
    assert np.median(np.linalg.norm(seen - pixels, axis=-1) / extent[..., None]) < offset
    own = pairs["world_landmarks_m"][:, :, [LANDMARK_INDEX[name] for name in ORDER]]
    assert p_mpjpe(own, joints).mean() < 0.15
    # Left is left: from the front and the back the hips are apart enough to tell, if not to the detector in every frame.
    hips = [ORDER.index("left_hip"), ORDER.index("right_hip")]
    apart = np.linalg.norm(seen[:, :, hips[0], None] - pixels[:, :, hips], axis=-1)
    assert (apart[:2, :, 0] < apart[:2, :, 1]).mean(1).min() > 0.6


def test_the_detector_finds_what_is_there(made: tuple[Path, Settings], tmp_path: Path) -> None:
    pairs = merge(made[0], tmp_path / "pairs.npz")
    check(pairs, frames=3, offset=0.06)
    np.testing.assert_allclose(pairs["person_yaw_deg"], [10, 170], atol=15)
    np.testing.assert_allclose(pairs["camera_pitch_deg"], 3, atol=1)
    head, feet = pairs["head_joints_camera_m"][:, :, 1], pairs["joints_camera_m"][:, :, [2, 5]].mean(2)
    np.testing.assert_allclose(np.linalg.norm(head - feet, axis=-1), 1.66, atol=0.08)  # 1.75 m with the ankles' height
    read = read_pairs(tmp_path / "pairs.npz")
    assert read.held_out.all() and read.detected.all() and len(read.truth_m) == 2
    assert np.isfinite(read.truth_m[:, :, INDEX["left_wrist"]]).all()


def test_it_goes_on_where_it_was_stopped(made: tuple[Path, Settings]) -> None:
    out, settings = made
    # Nothing is left to do, so no Blender is needed.
    assert make(out, replace(settings, blender_python=Path("/nowhere")), first=0, count=2) == 0
    with np.load(shard_path(out, 1)) as file:
        before = dict(file)
    shard_path(out, 1).unlink()
    assert make(out, settings, first=0, count=2) == 0
    with np.load(shard_path(out, 1)) as file:
        after = dict(file)
    for key in set(before) - {"seconds"}:
        np.testing.assert_array_equal(before[key], after[key], err_msg=key)


@pytest.mark.slow
@pytest.mark.parametrize("character", ["human-male", "human-female", "Female_Adult_05", "Male_Adult_04", "mannequiny"])
def test_the_characters_of_others(character: str, bpy_python: Path, tmp_path: Path) -> None:
    if not (SHARED / "rigs").is_dir():
        pytest.skip(f"no {SHARED}")
    assert make(tmp_path, settings_for(bpy_python, SHARED, character, frames=6), first=0, count=2) == 0
    check(merge(tmp_path, tmp_path / "pairs.npz"), frames=6, offset=0.08)


@pytest.mark.slow
def test_makehumans_people(tmp_path: Path) -> None:
    """POSE3D_MAKEHUMAN: MakeHuman's data, as the README says."""
    data = os.environ.get("POSE3D_MAKEHUMAN")
    if not data or importlib.util.find_spec("moderngl") is None or not SHARED.is_dir():
        pytest.skip("needs POSE3D_MAKEHUMAN, moderngl and motion capture")
    settings = replace(settings_for(Path(), SHARED, MAKEHUMAN, frames=6), blender_python=None, makehuman=Path(data))
    assert make(tmp_path, settings, first=0, count=2) == 0
    pairs = merge(tmp_path, tmp_path / "pairs.npz")
    check(pairs, frames=6, offset=0.08)
    np.testing.assert_allclose(pairs["person_yaw_deg"], [10, 170], atol=15)


def test_a_folder_without_makehuman_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if importlib.util.find_spec("moderngl") is None:
        pytest.skip("needs moderngl")
    assert main(["make", str(tmp_path), "--makehuman", str(tmp_path), "--count", "1", "--shared", str(SHARED)]) == BAD_INPUT
    assert "does not hold MakeHuman's data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--characters", "nobody"), "There is no character nobody."),
        (("--size", "255"), "--size is 255"),
        (("--frames", "1"), "--frames is 1."),
        (("--shared", "/nowhere"), "Cannot read the motion capture"),
    ],
)
def test_a_wrong_option_is_one_sentence(
    options: tuple[str, str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["make", str(tmp_path), "--blender-python", "/nowhere", *options]) == BAD_INPUT
    assert sentence in capsys.readouterr().err


def test_a_folder_without_shards_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["merge", str(tmp_path), str(tmp_path / "pairs.npz")]) == BAD_INPUT
    assert "There are no shards" in capsys.readouterr().err
