"""Training data: archives are read as they are, windows are made of bodies that could be, and targets fit their inputs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lifter.data.batches import Augmentation, BodyRange, CameraRange, DetectorErrors, MotionBatches, NoiseModel
from lifter.data.mocap import VALIDATION_SUBJECTS, MotionClip, read_mocap, split_by_subject, subject_of
from lifter.data.pairs import PairBatches, PairFrames, held, read_pairs
from lifter.errors import LifterError
from lifter.joints import INDEX, JOINT_NAMES, LIMB_JOINT_NAMES, joints_from_landmarks
from lifter.normalise import derive_middle_joints
from tests.lifter import archives

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
# Limb joints and those joints that are not middles in the picture: a middle's projection is not the projections' middle.
SEEN = [INDEX[name] for name in (*LIMB_JOINT_NAMES, "nose", "head_top")]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[MotionClip]:
    return read_mocap(archives.small_mocap(tmp_path_factory.mktemp("data") / "mocap.npz"))


def fit_residual(windows: Tensor, truth: Tensor, target: int, joints: list[int]) -> Tensor:
    """How badly 3D joints explain the encoded 2D of their frame at the best place and scale: [B].

    With the encoding e = s (x + X) / (z + Z) the unknowns X, Y, Z and 1 / s stand linearly in e z a + e b - X = x, b = a Z.
    """
    e, p = windows[:, target][:, joints].double(), truth[:, joints].double()
    rows = []
    for axis in range(2):
        shift = torch.zeros(*e.shape[:2], 2, dtype=torch.float64)
        shift[..., axis] = -1
        rows.append(torch.cat([e[..., axis : axis + 1] * p[..., 2:], e[..., axis : axis + 1], shift], dim=-1))
    a, b = torch.cat(rows, dim=1), torch.cat([p[..., 0], p[..., 1]], dim=1)[..., None]
    return (a @ torch.linalg.lstsq(a, b).solution - b).squeeze(-1).abs().amax(-1)


# ---------------------------------------------------------------------------------------------------------- mocap


def test_clips_come_back_to_the_millimetre(tmp_path: Path) -> None:
    walk = archives.mocap_clip("walk")
    # From one end of what 16 bits can say to the other: the steps wrap.
    far = np.zeros((4, 17, 3))
    far[:, :, 0] = np.array([-32.0, 32.0, -31.5, 0.0])[:, None]
    read = read_mocap(archives.write_mocap(tmp_path / "m.npz", {"cmu/01/a": walk, "cmu/02/b#1": far}))
    assert [(c.name, c.fps, c.subject) for c in read] == [("cmu/01/a", 60.0, "cmu/01"), ("cmu/02/b#1", 60.0, "cmu/02")]
    rest = [j for name, j in INDEX.items() if name != "spine"]
    np.testing.assert_allclose(read[0].positions_m[:, rest], walk[:, rest], atol=0.00051)
    middle = (walk[:, INDEX["pelvis"]] + walk[:, INDEX["thorax"]]) / 2  # whatever the source calls the spine
    np.testing.assert_allclose(read[0].positions_m[:, INDEX["spine"]], middle, atol=0.00051)
    np.testing.assert_allclose(read[1].positions_m, far, atol=1e-5)


def test_a_clip_without_a_joint_is_left_out(tmp_path: Path) -> None:
    still = np.ones((5, 17, 3))
    read = read_mocap(archives.write_mocap(tmp_path / "m.npz", {"a/b/1": still, "a/b/2": still}, missing="a/b/1"))
    assert [c.name for c in read] == ["a/b/2"]


def test_joints_are_found_by_name(tmp_path: Path) -> None:
    path = archives.small_mocap(tmp_path / "m.npz")
    with np.load(path) as archive:
        data = dict(archive)
    order = np.random.default_rng(0).permutation(len(data["joint_names"]))
    np.savez(tmp_path / "other.npz", **{**data, "joint_names": data["joint_names"][order], "delta_mm": data["delta_mm"][order]})
    for a, b in zip(read_mocap(path), read_mocap(tmp_path / "other.npz"), strict=True):
        np.testing.assert_array_equal(a.positions_m, b.positions_m)


def _spoilt(path: Path, how: str, make) -> Path:
    """A file that is wrong in a way that any archive can be."""
    make(path)
    if how == "missing":
        path.unlink()
    elif how == "folder":
        path.unlink()
        path.mkdir()
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("not an archive")
    elif how == "half":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif how == "one array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    else:
        with np.load(path) as archive:
            data = dict(archive)
        if how == "no joints":
            del data["joint_names"]
        elif how == "other joints":
            data["joint_names"] = np.array(["tail"] * len(data["joint_names"]))
        elif how == "pickled":
            data["clip_names"] = data["clip_names"].astype(object)
        elif how == "one name less":
            data["clip_names"] = data["clip_names"][1:]
        with path.open("wb") as file:
            np.savez(file, **data)
    return path


HOWS = ("missing", "folder", "empty", "text", "half", "one array", "no joints", "other joints", "pickled", "one name less")


@pytest.mark.parametrize("how", HOWS)
def test_bad_archives_are_refused_in_one_sentence(how: str, tmp_path: Path) -> None:
    for read, make, what in ((read_mocap, archives.small_mocap, "motion capture"), (read_pairs, archives.small_pairs, "pairs")):
        path = _spoilt(tmp_path / f"{what}.npz", how, make)
        with pytest.raises(LifterError) as caught:
            read(path)
        assert what in caught.value.message and str(path) in caught.value.message
        assert "\n" not in caught.value.message and caught.value.hint


def test_subjects() -> None:
    assert subject_of("cmu/01/01_02#1") == "cmu/01" and subject_of("mesh2motion/Walk") == "mesh2motion"


def test_no_subject_is_trained_on_and_validated_on(clips: list[MotionClip]) -> None:
    training, validation = split_by_subject(clips)
    assert len(training) == 4 and len(validation) == 2
    assert not {c.subject for c in training} & {c.subject for c in validation}


def test_of_other_people_every_fifth_is_for_validation(clips: list[MotionClip]) -> None:
    """Where none of ours is among them; whatever order their clips come in."""
    others = [dataclasses.replace(clips[0], name=f"studio/{person}/{take}") for take in (1, 2) for person in "kbdahgfcjie"]
    for some in (others, others[::-1]):
        training, validation = split_by_subject(some)
        assert sorted({c.subject for c in validation}) == ["studio/e", "studio/j"] and len(training) == 18
    training, validation = split_by_subject([c for c in others if c.subject in ("studio/a", "studio/b")])
    assert {c.subject for c in training} == {"studio/a"} and {c.subject for c in validation} == {"studio/b"}


def test_who_is_for_validation_can_be_said(clips: list[MotionClip]) -> None:
    training, validation = split_by_subject(clips, ["cmu/02", "mesh2motion"])
    assert {c.subject for c in validation} == {"cmu/02", "mesh2motion"}
    assert {c.subject for c in training} == {"cmu/01", "cmu/03", "cmu/10"}
    with pytest.raises(LifterError, match="no subject 'cmu/77'") as caught:
        split_by_subject(clips, ["cmu/02", "cmu/77"])
    assert "cmu/01, cmu/02" in caught.value.hint


def test_the_real_archive() -> None:
    if not (SHARED / "mocap.npz").is_file():
        pytest.skip("needs the shared motion capture")
    clips = read_mocap(SHARED / "mocap.npz")
    training, validation = split_by_subject(clips)
    assert len(clips) > 200 and len(training) + len(validation) == len(clips)
    assert {c.subject for c in validation} == VALIDATION_SUBJECTS and not {c.subject for c in training} & VALIDATION_SUBJECTS
    for clip in clips:
        assert np.isfinite(clip.positions_m).all() and clip.positions_m.shape[1:] == (17, 3)
        thigh = np.linalg.norm(clip.positions_m[:, INDEX["left_hip"]] - clip.positions_m[:, INDEX["left_knee"]], axis=-1)
        assert 0.3 < np.median(thigh) < 0.6, clip.name
        middle = (clip.positions_m[:, INDEX["pelvis"]] + clip.positions_m[:, INDEX["thorax"]]) / 2
        np.testing.assert_allclose(clip.positions_m[:, INDEX["spine"]], middle, atol=1e-5, err_msg=clip.name)
    windows, truth = MotionBatches(training, frames=27, target=13, seed=1).sample(256)
    assert windows.isfinite().all() and fit_residual(windows, truth, 13, SEEN).max() < 1e-4


# -------------------------------------------------------------------------------------------------------- batches


def test_a_seed_makes_the_same_batches(clips: list[MotionClip]) -> None:
    def sample(seed: int, noise: NoiseModel | None = None) -> tuple[Tensor, Tensor]:
        source = MotionBatches(clips, frames=9, target=4, seed=seed, noise=noise)
        source.sample(8)
        return source.sample(16)

    for noise in (None, NoiseModel()):
        for a, b in zip(sample(3, noise), sample(3, noise), strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0)
        assert not torch.equal(sample(3, noise)[0], sample(4, noise)[0])


def test_inputs_are_the_targets_projection(clips: list[MotionClip]) -> None:
    windows, truth = MotionBatches(clips, frames=27, target=13, seed=1).sample(512)
    assert windows.shape == (512, 27, 17, 2) and truth.shape == (512, 17, 3)
    assert windows.isfinite().all() and truth.isfinite().all() and (truth[:, 0] == 0).all()
    assert fit_residual(windows, truth, 13, SEEN).max() < 1e-4
    # The measure itself can fail: other targets do not fit.
    assert fit_residual(windows, truth.roll(1, 0), 13, SEEN).median() > 0.05


def test_noise_is_in_the_inputs_and_not_in_the_targets(clips: list[MotionClip]) -> None:
    clean, exact = MotionBatches(clips, frames=27, target=13, seed=5).sample(512)
    noisy, same = MotionBatches(clips, frames=27, target=13, seed=5, noise=NoiseModel()).sample(512)
    # Only turned: the virtual camera looks at the noisy pelvis.
    torch.testing.assert_close(same.norm(dim=-1), exact.norm(dim=-1), atol=1e-4, rtol=1e-4)
    changed = (clean - noisy).abs().amax((1, 2, 3)) > 1e-3
    assert 0.8 < changed.float().mean() < 0.99
    none = NoiseModel(clean_share=1.0)
    untouched, _ = MotionBatches(clips, frames=27, target=13, seed=5, noise=none).sample(512)
    torch.testing.assert_close(untouched, clean, atol=1e-4, rtol=1e-4)


def _lengths(truth: Tensor, a: str, b: str) -> Tensor:
    return (truth[:, INDEX[a]] - truth[:, INDEX[b]]).norm(dim=-1)


def test_bodies_are_people(clips: list[MotionClip]) -> None:
    _, truth = MotionBatches(clips, frames=9, target=4, seed=2).sample(2000)
    for a, b, metres in (
        ("hip", "knee", 0.43),
        ("knee", "ankle", 0.42),
        ("shoulder", "elbow", 0.285),
        ("elbow", "wrist", 0.255),
    ):
        left, right = (_lengths(truth, f"{s}_{a}", f"{s}_{b}") for s in ("left", "right"))
        torch.testing.assert_close(left, right, atol=1e-4, rtol=1e-4)
        assert 0.6 * metres < left.min() and left.max() < 1.5 * metres
        assert left.mean() == pytest.approx(metres, rel=0.03) and 0.05 < left.std() / metres < 0.12
    for pair, middle in (("hip", "pelvis"), ("shoulder", "thorax")):
        between = (truth[:, INDEX[f"left_{pair}"]] + truth[:, INDEX[f"right_{pair}"]]) / 2
        torch.testing.assert_close(between, truth[:, INDEX[middle]], atol=1e-4, rtol=1e-4)


def test_bodies_keep_the_captured_directions(clips: list[MotionClip]) -> None:
    """Other lengths, the same pose: an elbow's and a knee's angle stay."""
    source = MotionBatches(clips, frames=9, target=4, seed=2)
    captured = source._windows(64)
    bodies = source._bodies(captured)

    mirrored = torch.zeros(64, dtype=torch.bool)
    for joints in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist")):
        left, right = ([f"{side}_{j}" for j in joints] for side in ("left", "right"))
        same = (_bend(bodies, *left) - _bend(captured, *left)).abs().amax(1) < 1e-3
        other = (_bend(bodies, *left) - _bend(captured, *right)).abs().amax(1) < 1e-3
        assert (same | other).all()
        mirrored |= ~same
    assert 0.25 < mirrored.float().mean() < 0.75
    # Hips and shoulders point as captured, or as in a mirror: never from the wrong side.
    for pair in ("hip", "shoulder"):
        ways = []
        for points in (bodies, captured):
            way = points[:, :, INDEX[f"left_{pair}"]] - points[:, :, INDEX[f"right_{pair}"]]
            ways.append(torch.nn.functional.normalize(way, dim=-1))
        reflected = torch.where(mirrored[:, None, None], ways[1] * torch.tensor([1.0, -1, -1]), ways[1])
        torch.testing.assert_close(ways[0], reflected, atol=1e-4, rtol=0)


def test_a_window_is_a_stretch_of_time() -> None:
    """A body that moves at 1 m/s: the way between neighbouring frames of a window is their time apart."""
    way = np.zeros((1200, 17, 3), np.float32)
    way[:, :, 0] = np.arange(1200)[:, None] / 120
    # A hundred metres away there is another clip.
    clips = [MotionClip("a/b/c", 120.0, way), MotionClip("a/b/d", 120.0, way + 100)]
    source = MotionBatches(clips, frames=27, target=13, seed=1, frame_s=(1 / 60, 1 / 8))
    windows = source._windows(2000)[:, :, 0, 0]
    assert 0.4 < (windows[:, 13] >= 100).float().mean() < 0.6
    windows = windows - 100 * (windows[:, 13:14] >= 100)
    assert windows.min() >= 0 and windows.max() < 10.001
    inside = (windows[:, 0] > 0) & (windows[:, -1] < 9.99)
    step_s = (windows[:, -1] - windows[:, 0])[inside] / 26
    assert (step_s > 1 / 60 - 0.001).all() and (step_s < 1 / 8 + 0.001).all()
    assert step_s.min() < 0.02 and step_s.max() > 0.11
    # At a clip's edges its last frame is repeated, and no window reaches into another clip.
    assert (windows.diff(dim=1) >= 0).all() and (windows[~inside].diff(dim=1) == 0).any()


def test_cameras_stand_where_they_may(clips: list[MotionClip]) -> None:
    level = CameraRange(distance_m=(3.0, 4.0), elevation_mean_deg=0, elevation_std_deg=0, roll_std_deg=0, tumble_share=0)
    source = MotionBatches(clips, frames=9, target=4, seed=1, cameras=level)
    world = source._windows(500)
    seen = source._seen(world)
    depth = seen[:, 4, 0, 2]
    assert depth.min() >= 3.0 and depth.max() <= 4.0 and depth.std() > 0.2
    # Level: what is higher in the world by so much is higher (-y) in the camera by as much.
    rise = world[:, 4, :, 1] - world[:, 4, :1, 1]
    torch.testing.assert_close(-seen[:, 4, :, 1], rise, atol=1e-4, rtol=1e-4)
    # From all around, and never mirrored.
    across = torch.atan2(*(seen[:, 4, INDEX["left_hip"]] - seen[:, 4, INDEX["right_hip"]])[:, [0, 2]].T)
    assert across.min() < -2.5 and across.max() > 2.5 and (across.abs() < 0.5).any()
    from_world = torch.linalg.lstsq(world[:, 4] - world[:, 4, :1], seen[:, 4] - seen[:, 4, :1]).solution
    assert (torch.linalg.det(from_world) > 0).all()


def test_a_moving_camera_turns_after_the_body(clips: list[MotionClip]) -> None:
    """It changes what the other frames see, by turns and ways that leave the bodies as they are."""

    def seen(**moving: float) -> torch.Tensor:
        cameras = CameraRange(tumble_share=0, **moving)
        return MotionBatches(clips, frames=27, target=13, seed=1, cameras=cameras, frame_s=(1 / 20, 1 / 15))._observed(400)[2]

    def off_axis(camera: torch.Tensor) -> torch.Tensor:
        return (camera[:, :, 0, :2] / camera[:, :, 0, 2:]).norm(dim=-1)

    def lengths(camera: torch.Tensor) -> torch.Tensor:
        return (camera - camera[:, :, :1]).norm(dim=-1)

    stands, follows = seen(), seen(moving_share=1.0, shake_deg=0, speed_std_m_s=0)
    torch.testing.assert_close(follows[:, 13], stands[:, 13])  # the target frame is as it was, and so is the truth
    torch.testing.assert_close(lengths(follows), lengths(stands), atol=1e-4, rtol=1e-4)
    assert (off_axis(follows) <= off_axis(stands) + 1e-5).all()
    left = (off_axis(follows).mean(1) / off_axis(stands).mean(1))[off_axis(stands).mean(1) > 0.05]
    assert left.min() < 0.1 and left.max() > 0.9 and 0.35 < left.mean() < 0.65
    trembles = seen(moving_share=1.0, shake_deg=2.0, speed_std_m_s=0)
    assert off_axis(trembles).mean() > off_axis(follows).mean() + 0.003
    goes = seen(moving_share=1.0, shake_deg=0, speed_std_m_s=2.0)
    distance = (goes - goes[:, :, :1]).norm(dim=-1)
    torch.testing.assert_close(distance, lengths(stands), atol=1e-4, rtol=1e-4)
    apart = (goes[:, :, 0].norm(dim=-1) - stands[:, :, 0].norm(dim=-1)).abs()
    assert apart[:, 13].max() < 1e-4 and apart[:, 0].mean() > 0.3
    some = seen(moving_share=0.3)
    assert 0.2 < ((some - stands).abs().amax((1, 2, 3)) > 1e-3).float().mean() < 0.4


def test_bodies_may_keep_to_one_build(clips: list[MotionClip]) -> None:
    source = MotionBatches(clips, frames=3, target=1, seed=1, bodies=BodyRange(spread=0.0, mirror_share=0.0))
    world = source._windows(100)
    bodies = source._bodies(world)
    for bone in (("left_hip", "left_knee"), ("left_shoulder", "left_elbow")):
        start, end = (bodies[:, :, INDEX[name]] for name in bone)
        assert (end - start).norm(dim=-1).std() < 1e-4
    across = [x[:, :, INDEX["left_hip"]] - x[:, :, INDEX["right_hip"]] for x in (bodies, world)]
    assert (torch.nn.functional.cosine_similarity(*across, dim=-1) > 0.999).all()


def test_middle_joints_are_made_as_in_inference() -> None:
    """Training and inference must see the same pelvis, thorax and spine."""
    landmarks = np.random.default_rng(0).normal(size=(5, 33, 2))
    joints = joints_from_landmarks(landmarks)
    np.testing.assert_allclose(derive_middle_joints(torch.from_numpy(joints)).numpy(), joints, atol=1e-12)


# ---------------------------------------------------------------------------------------------------------- pairs


def test_pairs_are_read_as_they_are(tmp_path: Path) -> None:
    pairs = read_pairs(archives.small_pairs(tmp_path / "p.npz"))
    # The fifth sequence has gaps in 35 of its 48 frames.
    assert pairs.truth_m.shape == (4, 48, 17, 3) and pairs.held_out.tolist() == [False, False, True, True]
    known = np.isfinite(pairs.truth_m).all((0, 1, 3))
    assert {JOINT_NAMES[j] for j in np.flatnonzero(known)} == {*LIMB_JOINT_NAMES, "pelvis", "thorax"}
    projected = pairs.truth_m[..., :2] / pairs.truth_m[..., 2:]
    assert (~pairs.detected).sum() == 5 and not pairs.detected[1, 10:15].any()
    np.testing.assert_allclose(pairs.rays[pairs.detected][:, LIMBS], projected[pairs.detected][:, LIMBS], atol=1e-5)
    np.testing.assert_array_equal(pairs.rays[1, 10:12], pairs.rays[1, [9, 9]])
    assert np.isfinite(pairs.rays).all() and np.isnan(pairs.world_m[1, 12]).all()


def test_pairs_inputs_are_the_targets_projection(tmp_path: Path) -> None:
    pairs = read_pairs(archives.small_pairs(tmp_path / "p.npz"))
    source = PairBatches([pairs], frames=9, target=4, seed=1, offset_std=0)
    windows, truth = source.all_windows()
    assert len(windows) == pairs.detected.sum()
    assert fit_residual(windows, truth, 4, LIMBS).max() < 1e-4
    windows, truth = source.sample(512)
    # Between the frames both are interpolated, each along its own straight line.
    assert fit_residual(windows, truth, 4, LIMBS).quantile(0.9) < 1e-2
    assert truth[:, INDEX["nose"]].isnan().all() and truth[:, LIMBS].isfinite().all()
    again, _ = PairBatches([pairs], frames=9, target=4, seed=1, offset_std=0).sample(512)
    torch.testing.assert_close(again, windows, rtol=0, atol=0)


def test_pairs_of_several_files_and_rates_are_one_table(tmp_path: Path) -> None:
    pairs = read_pairs(archives.small_pairs(tmp_path / "p.npz"))
    slow = dataclasses.replace(pairs.chosen(np.array([0, 2])), fps=15.0)
    both = PairFrames([pairs, slow])
    place = torch.tensor([20, 4 * 48 + 20])  # the same frame of the same sequence, once at half the rate
    seen = both.seen_around(place, torch.full((2,), 1 / 15), frames=5, target=2)
    torch.testing.assert_close(seen.rays[0], torch.from_numpy(pairs.rays[0, 16:25:2]))
    torch.testing.assert_close(seen.rays[1], torch.from_numpy(pairs.rays[0, 18:23]))
    # No window reaches into another sequence: the ends are held.
    ends = both.seen_around(torch.tensor([47, 48]), torch.ones(2), frames=5, target=2)
    torch.testing.assert_close(ends.rays[0, 2:], torch.from_numpy(pairs.rays[0, [47] * 3]))
    torch.testing.assert_close(ends.rays[1, :3], torch.from_numpy(pairs.rays[1, [0] * 3]))
    halfway = both.seen_around(torch.tensor([20]), torch.tensor([1 / 60]), frames=3, target=1).rays[0, 2]
    torch.testing.assert_close(halfway, torch.from_numpy((pairs.rays[0, 20] + pairs.rays[0, 21]) / 2))


def test_a_network_may_see_confidence_and_the_detectors_own_3d(tmp_path: Path) -> None:
    pairs = read_pairs(archives.small_pairs(tmp_path / "p.npz"))
    source = PairBatches([pairs], frames=9, target=4, seed=1, inputs=6, world_dropped_share=0.3)
    windows, truth = source.all_windows()
    assert windows.shape[2:] == (17, 6)
    # Exactly detected: the detector's own 3D is the truth, in the same axes. In gaps there is none, and no confidence.
    torch.testing.assert_close(windows[:, 4, LIMBS, 3:], truth[:, LIMBS], atol=1e-4, rtol=0)
    empty = (windows[..., 2] == 0).all(2)
    assert empty.any() and (windows[..., 3:][empty] == 0).all()
    assert windows[..., 2][~empty].amin() >= 0 and windows[..., 2].max() == pytest.approx(0.9)
    torch.testing.assert_close(windows[..., :2], PairBatches([pairs], frames=9, target=4, seed=1).all_windows()[0])
    windows, truth = source.sample(2000)
    without = (windows[..., 3:] == 0).all(1).all(1).all(1)
    assert 0.2 < without.float().mean() < 0.4
    torch.testing.assert_close(windows[~without][:, 4, LIMBS, 3:], truth[~without][:, LIMBS], atol=2e-3, rtol=0)


# ------------------------------------------------------------------------------------------------- errors and poses


def test_errors_of_the_detector_go_with_the_pose(clips: list[MotionClip], tmp_path: Path) -> None:
    """An exact detector has no error to hand on; one whose left wrists are 10 cm too high hands on just that."""
    pairs = read_pairs(archives.small_pairs(tmp_path / "p.npz")).chosen(np.array([0, 2, 3]))  # without gaps
    camera = MotionBatches(clips, frames=9, target=4, seed=1)._observed(200)[2]
    exact = camera[..., :2] / camera[..., 2:]
    rays, confidence, world = DetectorErrors([pairs], offset_std_m=0).sample(camera, 4, torch.Generator().manual_seed(0))
    torch.testing.assert_close(rays[:, :, LIMBS], exact[:, :, LIMBS], atol=1e-4, rtol=0)
    found = confidence[:, :, 0] > 0.89
    torch.testing.assert_close(world[found][:, LIMBS], (camera - camera[:, :, :1])[found][:, LIMBS], atol=1e-4, rtol=0)
    wrist = INDEX["left_wrist"]
    wrong = dataclasses.replace(pairs, rays=pairs.rays.copy())
    wrong.rays[:, :, wrist, 1] -= 0.1 / pairs.truth_m[:, :, 0, 2]
    rays, _, _ = DetectorErrors([wrong], spread=0, offset_std_m=0).sample(camera, 4, torch.Generator().manual_seed(0))
    off_m = (rays - exact) * camera[:, :, :1, 2:]
    wrists = off_m[:, :, [wrist, INDEX["right_wrist"]], 1]
    # Half of the windows take them from a mirror, where they are the right wrist's.
    torch.testing.assert_close(wrists.amin(2), torch.full_like(wrists[..., 0], -0.1), atol=1e-3, rtol=0)
    torch.testing.assert_close(wrists.amax(2), torch.zeros_like(wrists[..., 0]), atol=1e-3, rtol=0)
    assert 0.3 < (wrists[:, 4, 0] < -0.05).float().mean() < 0.7


def test_errors_are_those_of_a_similar_pose(clips: list[MotionClip], tmp_path: Path) -> None:
    errors = DetectorErrors([read_pairs(archives.small_pairs(tmp_path / "p.npz"))], spread=0, offset_std_m=0)
    places = errors.source.places
    known = errors.source.truth_around(places, torch.ones(len(places)), frames=1, target=0)
    count = len(errors.source.errors) // 2  # the second half is mirrored
    errors.source.errors[..., 1] = (torch.arange(2 * count) % count)[:, None]  # each frame's error names it
    errors.candidates = 10**6
    some = torch.arange(0, len(places), 7)
    depth = torch.tensor([0.0, 0.0, 3.0])
    camera = (torch.nan_to_num(known[some]) + depth).expand(-1, 9, -1, -1)
    rays, _, _ = errors.sample(camera, 4, torch.Generator().manual_seed(0))
    named = ((rays - camera[..., :2] / camera[..., 2:]) * 3)[:, 4, INDEX["left_knee"], 0].abs().round()
    assert ((named - places[some]).abs() < 4).float().mean() > 0.4  # half of them were looked for in the mirror


def test_limbs_are_mixed_between_clips_and_stay_limbs(clips: list[MotionClip]) -> None:
    source = MotionBatches(clips, frames=9, target=4, seed=2)
    world = source._windows(400)
    nothing = Augmentation(share=1, arms_share=0, arm_share=0, upper_share=0, swing_share=0, bend_share=0)
    torch.testing.assert_close(source._mixed(world, nothing), world, atol=1e-5, rtol=0)
    some = source._mixed(world, Augmentation(share=0.5))
    torch.testing.assert_close(some[200:], world[200:])
    arms = source._mixed(world, dataclasses.replace(nothing, arms_share=1.0))
    arm = [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("elbow", "wrist")]
    rest = [j for j in range(17) if j not in arm]
    torch.testing.assert_close(arms[:, :, rest], world[:, :, rest], atol=1e-5, rtol=0)
    assert (arms[:, :, arm] - world[:, :, arm]).norm(dim=-1).median() > 0.1
    for changed in (arms, source._mixed(world, Augmentation(1, 1, 1, 1, 1))):
        assert changed.isfinite().all()
        for side in ("left", "right"):
            for a, b, low, high in (("shoulder", "elbow", 0.15, 0.45), ("elbow", "wrist", 0.15, 0.45), ("hip", "knee", 0.3, 0.6)):
                length = (changed[:, :, INDEX[f"{side}_{a}"]] - changed[:, :, INDEX[f"{side}_{b}"]]).norm(dim=-1)
                assert low < length.min() and length.max() < high
    # An elbow bends as its own clip's did: the arm is carried over whole.
    own = _bend(world.roll(1, 0), "left_shoulder", "left_elbow", "left_wrist")
    torch.testing.assert_close(_bend(arms, "left_shoulder", "left_elbow", "left_wrist"), own, atol=1e-3, rtol=0)


def test_bends_are_multiplied_in_their_plane(clips: list[MotionClip]) -> None:
    source = MotionBatches(clips, frames=9, target=4, seed=2)
    world = source._windows(200)
    nothing = Augmentation(share=1, arms_share=0, arm_share=0, upper_share=0, swing_share=0, bend_share=0)
    for names in (("left_shoulder", "left_elbow", "left_wrist"), ("right_hip", "right_knee", "right_ankle")):
        before = torch.acos(_bend(world, *names).clamp(-1, 1))
        for factor in (0.0, 0.5, 1.2):
            how = dataclasses.replace(nothing, bend_share=1.0, bend_factor=(factor, factor))
            changed = source._mixed(world, how)
            wanted = before * factor if factor < 1 else (before * factor).clamp_max(np.radians(150)).maximum(before)
            torch.testing.assert_close(torch.acos(_bend(changed, *names).clamp(-1, 1)), wanted, atol=0.03, rtol=0)
            b, c = (changed[:, :, INDEX[name]] for name in names[1:])
            normal = torch.linalg.cross(*(world[:, :, INDEX[names[i + 1]]] - world[:, :, INDEX[names[i]]] for i in (0, 1)))
            assert ((normal * (c - b)).sum(-1) / normal.norm(dim=-1)).abs()[before > 0.1].max() < 1e-3
            torch.testing.assert_close(changed[:, :, INDEX[names[1]]], world[:, :, INDEX[names[1]]])


def _bend(points: Tensor, a: str, b: str, c: str) -> Tensor:
    first, second = points[:, :, INDEX[b]] - points[:, :, INDEX[a]], points[:, :, INDEX[c]] - points[:, :, INDEX[b]]
    return torch.cosine_similarity(first, second, dim=-1)


def test_the_real_pairs() -> None:
    if not (SHARED / "rendered_pairs.npz").is_file():
        pytest.skip("needs the shared rendered pairs")
    pairs = read_pairs(SHARED / "rendered_pairs.npz")
    assert 0.1 < pairs.held_out.mean() < 0.6 and pairs.detected.mean() > 0.95
    off = np.linalg.norm((pairs.rays - pairs.truth_m[..., :2] / pairs.truth_m[..., 2:])[pairs.detected][:, LIMBS], axis=-1)
    height = 1.75 / pairs.truth_m[pairs.detected][:, 0, 2]
    assert 0.02 < np.median(off / height[:, None]) < 0.05  # 3.3 % of the body's height


def test_gaps_hold_the_nearest_frame() -> None:
    values = np.arange(6.0)[:, None]
    assert held(values, np.array([False, True, False, False, True, False]))[:, 0].tolist() == [1, 1, 1, 4, 4, 4]
    assert held(values, np.zeros(6, bool)).tolist() == [[0]] * 6
