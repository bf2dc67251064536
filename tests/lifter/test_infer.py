"""Lifting: which frames a window takes, exchanged sides mended, the way back to the camera, gaps."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lifter.checkpoint import DEFAULT_MODEL, available_models, load_model, save_model
from lifter.errors import LifterError
from lifter.exchange import ExchangeFilter, exchanged_halves, turned
from lifter.infer import (
    WORLD_LANDMARK_SHARE,
    _steady,
    agreed_share,
    blended,
    lift,
    nearer_to_sight,
    off_sight,
    root_positions,
    run_network,
    upside_down,
    values_at,
    window_paces,
    window_times,
)
from lifter.joints import INDEX, JOINT_NAMES, LANDMARK_INDEX, LANDMARK_MIRROR, LIMB_JOINT_NAMES, MIRROR, joints_from_landmarks
from lifter.metrics import p_mpjpe
from lifter.models import NETWORKS, build
from lifter.models.atcn import ATCNConfig
from lifter.normalise import derive_middle_joints, encode_windows
from lifter.track_file import Pose2DTrack, read_track, write_track
from tests.lifter.archives import exact_detection

LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
FRAMES, TARGET = 9, 4


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network without training: where a test is not about accuracy, any weights do."""
    torch.manual_seed(3)
    settings = {"frames": FRAMES, "channels": 32, "groups": 4, "reduction": 8}
    path = tmp_path_factory.mktemp("model") / "small"
    save_model(path, build("atcn", settings), {"architecture": "atcn", "settings": settings})
    return path.with_suffix(".safetensors")


# -------------------------------------------------------------------------------------------------------- windows


@pytest.mark.parametrize("fps", [5, 12.5, 23.976, 25, 30, 50, 60, 120, 240])
@pytest.mark.parametrize("target", [TARGET, FRAMES - 1])
def test_windows_step_through_a_thirtieth_of_a_second_at_any_rate(fps: float, target: int) -> None:
    clip = np.arange(int(2 * fps)) / fps
    times = window_times(clip, FRAMES, target)
    assert times.shape == (len(clip), FRAMES)
    np.testing.assert_array_equal(times[:, target], clip)
    wanted = clip[:, None] + (np.arange(FRAMES) - target) / 30
    np.testing.assert_allclose(times, wanted.clip(clip[0], clip[-1]), atol=1e-12)  # the clip's ends are repeated


def test_a_pose_is_the_mean_over_short_windows_of_two_paces(model: Path) -> None:
    loaded, random = load_model(model), np.random.default_rng(2)
    clip, rays = np.arange(40) / 30, 0.2 * random.normal(size=(40, 17, 2))
    assert window_paces(loaded.network.config) == (1.0, 2.0)
    changed = rays.copy()
    changed[20 + 2 * TARGET] += 0.1  # at the end of the slower window around frame 20, and beyond the other
    before, after = (run_network(loaded, values, clip)[0] for values in (rays, changed))
    moved = np.abs(after - before).max((1, 2)) > 1e-6
    np.testing.assert_array_equal(np.flatnonzero(moved), [20, 22, *range(24, 33), 34, 36])
    encoded = [
        encode_windows(
            derive_middle_joints(torch.from_numpy(values_at(rays, clip, window_times(clip, FRAMES, TARGET, pace))).float()),
            TARGET,
        )
        for pace in (1.0, 2.0)
    ]
    sign, mirror = torch.tensor([-1.0, 1.0]), list(MIRROR)
    with torch.inference_mode():
        poses = [
            p
            for w, _ in encoded
            for p in (loaded.network(w), loaded.network(w[:, :, mirror] * sign)[:, mirror] * torch.tensor([-1.0, 1.0, 1.0]))
        ]
    mean = torch.stack(poses).mean(0)
    np.testing.assert_allclose(before, mean - mean[:, :1], atol=1e-5)


@pytest.mark.parametrize(
    ("frames", "causal", "paces"),
    [(9, False, (1.0, 2.0)), (27, False, (1.0, 2.0)), (81, False, (1.0,)), (243, False, (1.0,)), (27, True, (1.0,))],
)
def test_long_windows_and_those_that_look_back_have_one_pace(frames: int, causal: bool, paces: tuple[float, ...]) -> None:
    assert window_paces(ATCNConfig(frames=frames, causal=causal)) == paces


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 60))
def test_between_uneven_frames_the_joints_are_interpolated(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    clip = 3 + np.cumsum(random.uniform(0.004, 0.1, count))
    values = random.normal(size=(count, 17, 2))
    np.testing.assert_allclose(values_at(values, clip, clip), values, atol=1e-12)
    times = window_times(clip, FRAMES, TARGET)
    seen = values_at(values, clip, times)
    assert seen.shape == (count, FRAMES, 17, 2)
    for joint, axis in ((0, 0), (16, 1)):
        np.testing.assert_allclose(seen[..., joint, axis], np.interp(times, clip, values[:, joint, axis]), atol=1e-12)


def test_one_motion_at_two_rates_gives_the_same_windows() -> None:
    """30 and 120 frames a second: at the frames that both have the network sees the same."""
    slow, fast = (_points("kick", 0.0, fps) for fps in (30.0, 120.0))
    at = np.arange(len(slow)) / 30
    clips = ((slow, at), (fast, np.arange(len(fast)) / 120))
    first, second = (values_at(points, clip, window_times(clip, FRAMES, TARGET)) for points, clip in clips)
    # Not at the end, where the faster clip has three frames more.
    np.testing.assert_allclose(second[::4][:-TARGET], first[:-TARGET], atol=1e-3)


# ----------------------------------------------------------------------------------------------------- exchanges


def _points(motion: str, yaw_deg: float, fps: float = 25.0) -> np.ndarray:
    detection, _ = exact_detection(motion, fps=fps, yaw_deg=yaw_deg)
    return joints_from_landmarks(detection.landmarks_px.astype(float))


@pytest.mark.parametrize("fps", [10.0, 25.0, 60.0, 240.0])
@pytest.mark.parametrize("yaw_deg", [0.0, 40.0, 90.0, 180.0])
@pytest.mark.parametrize("motion", ["walk", "walk_turn", "punch", "kick", "jump"])
def test_a_clean_clip_is_left_alone(motion: str, yaw_deg: float, fps: float) -> None:
    points = _points(motion, yaw_deg, fps)
    for times in (None, np.arange(len(points)) / fps):
        assert not exchanged_halves(points, np.ones(len(points), bool), times).any()


# Not the outer thirds of a turn: seen from the side left and right coincide, and either of its two halves may be the exchanged.
@pytest.mark.parametrize(
    ("motion", "yaw_deg", "where"),
    [*((m, y, w) for m, y in (("walk", 0.0), ("walk", 180.0), ("reach", 30.0)) for w in range(3)), ("walk_turn", 0.0, 1)],
)
def test_an_exchanged_third_is_found_exactly(motion: str, yaw_deg: float, where: int) -> None:
    points = _points(motion, yaw_deg)
    third = len(points) // 3
    exchanged = np.zeros((len(points), 2), bool)
    exchanged[where * third : (where + 1) * third] = True
    mixed = np.where(exchanged[:, :1, None], points[:, list(MIRROR)], points)
    np.testing.assert_array_equal(turned(mixed, exchanged)[:, LIMBS], points[:, LIMBS])
    np.testing.assert_array_equal(exchanged_halves(mixed, np.ones(len(points), bool)), exchanged)
    # And with the detector's usual noise, 1 % of the height; where legs cross in a side view, a step may go to either.
    height = np.median(np.ptp(points, axis=1)[:, 1])
    noisy = mixed + 0.01 * height * np.random.default_rng(1).normal(size=mixed.shape)
    right = exchanged_halves(noisy, np.ones(len(points), bool)) == exchanged
    assert right.all() if motion != "walk_turn" else right.mean() > 0.9


@pytest.mark.parametrize("halves", [(True, False), (False, True)], ids=["legs", "arms"])
@pytest.mark.parametrize(("motion", "yaw_deg"), [("walk", 0.0), ("walk", 180.0), ("reach", 30.0), ("kick", 0.0)])
def test_exchanged_legs_or_arms_are_found_exactly(motion: str, yaw_deg: float, halves: tuple[bool, bool]) -> None:
    points = _points(motion, yaw_deg)
    exchanged = np.zeros((len(points), 2), bool)
    exchanged[len(points) // 2 : len(points) // 2 + 12] = halves
    mixed = turned(points, exchanged)
    changed = {JOINT_NAMES[j] for j in np.flatnonzero(np.abs(mixed - points).max((0, 2)))}
    parts = ("hip", "knee", "ankle") if halves[0] else ("shoulder", "elbow", "wrist")
    assert changed == {f"{side}_{part}" for side in ("left", "right") for part in parts}
    np.testing.assert_array_equal(exchanged_halves(mixed, np.ones(len(points), bool)), exchanged)


@pytest.mark.parametrize("halves", [(True, False), (False, True), (True, True)], ids=["legs", "arms", "all"])
@pytest.mark.parametrize("fps", [30.0, 60.0, 120.0, 240.0])
def test_exchanges_are_found_at_any_frame_rate(fps: float, halves: tuple[bool, bool]) -> None:
    """For half a second, with the errors of a detector that follows: they last for a tenth of a second."""
    detection, _ = exact_detection("reach", fps=fps, yaw_deg=30.0, seconds=3.0)
    points, times = joints_from_landmarks(detection.landmarks_px.astype(float)), detection.timestamps_s
    noise = np.random.default_rng(1).normal(size=points.shape)
    stays = np.exp(-1 / fps / 0.1)
    for t in range(1, len(noise)):
        noise[t] = stays * noise[t - 1] + np.sqrt(1 - stays**2) * noise[t]
    points += 0.01 * np.median(np.ptp(points, axis=1)[:, 1]) * noise
    everywhere = np.ones(len(points), bool)
    assert not exchanged_halves(points, everywhere, times).any()
    exchanged = np.zeros((len(points), 2), bool)
    exchanged[(times > 1.0) & (times < 1.5)] = halves
    assert (exchanged_halves(turned(points, exchanged), everywhere, times) == exchanged).all(1).mean() > 0.99
    live, found = ExchangeFilter(), []
    for point, time_s in zip(turned(points, exchanged), times, strict=True):
        found.append(live.push(point, float(time_s))[0])
    assert (np.array(found) == exchanged).all(1).mean() > 0.99


def test_a_gap_breaks_the_chain_and_nothing_else() -> None:
    points = _points("walk", 0.0)
    detected = np.ones(len(points), bool)
    detected[30:34] = False
    assert not exchanged_halves(points, detected).any()
    assert exchanged_halves(points[:1], detected[:1]).tolist() == [[False, False]]


# ---------------------------------------------------------------------------------------------------------- place


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1))
def test_exact_rays_give_the_exact_place(seed: int) -> None:
    random = np.random.default_rng(seed)
    positions = random.normal(0, 0.4, (20, 17, 3))
    positions[:, 0] = 0
    root = np.stack([random.uniform(-2, 2, 20), random.uniform(-1, 1, 20), random.uniform(2.5, 12, 20)], axis=-1)
    points = positions + root[:, None]
    rays = points[..., :2] / points[..., 2:]
    found = root_positions(positions, rays, random.uniform(0, 1, (20, 17)))
    np.testing.assert_allclose(found, root, atol=1e-8)
    # An unsure joint that is somewhere else does not move it much, a sure one does.
    rays[:, INDEX["left_wrist"]] += 0.2
    confidence = np.ones((20, 17))
    sure = np.linalg.norm(root_positions(positions, rays, confidence) - root, axis=-1)
    confidence[:, INDEX["left_wrist"]] = 0
    assert (np.linalg.norm(root_positions(positions, rays, confidence) - root, axis=-1) < 0.1 * sure).all()


def test_the_place_is_never_behind_the_camera() -> None:
    random = np.random.default_rng(0)
    root = root_positions(random.normal(size=(50, 17, 3)), random.normal(size=(50, 17, 2)), np.ones((50, 17)))
    assert np.isfinite(root).all() and (root[:, 2] >= 0.3).all()


# ---------------------------------------------------------------------------------------------------------- blend


def test_a_blend_is_between_the_two() -> None:
    random = np.random.default_rng(0)
    ours, theirs = random.normal(0, 0.4, (2, 30, 17, 3))
    size = np.median(np.linalg.norm(ours[:, LIMBS], axis=-1)) / np.median(np.linalg.norm(theirs[:, LIMBS], axis=-1))
    np.testing.assert_array_equal(blended(ours, theirs, 0.0), ours)
    np.testing.assert_allclose(blended(ours, theirs, 1.0)[:, LIMBS], size * theirs[:, LIMBS])
    np.testing.assert_allclose(blended(ours, 7 * theirs, 0.3), blended(ours, theirs, 0.3))
    mixed = blended(ours, theirs, 0.25)
    np.testing.assert_allclose(mixed[:, LIMBS], 0.75 * ours[:, LIMBS] + 0.25 * size * theirs[:, LIMBS])
    # What the detector does not know stays ours.
    middle = [INDEX["spine"], INDEX["head_top"]]
    np.testing.assert_array_equal(mixed[:, middle], ours[:, middle])
    np.testing.assert_array_equal(blended(ours, np.zeros_like(theirs), 0.5), ours)


def test_the_detectors_share_follows_its_agreement() -> None:
    ours = np.random.default_rng(0).normal(0, 0.4, (90, 17, 3))
    np.testing.assert_allclose(agreed_share(ours, 3 * ours, 30.0), WORLD_LANDMARK_SHARE)  # its size does not count
    theirs = ours.copy()
    theirs[45:] += np.random.default_rng(1).normal(0, 0.12, theirs[45:].shape)
    share = agreed_share(ours, theirs, 30.0)
    assert share[:30].min() > 0.5 * WORLD_LANDMARK_SHARE and share[60:].max() == 0  # the clip's one size is between the halves'
    assert np.abs(np.diff(share)).max() < 0.2 * WORLD_LANDMARK_SHARE, "it changes gradually"
    assert (agreed_share(ours, np.zeros_like(ours), 30.0) == 0).all()
    assert agreed_share(ours[:1], ours[:1], 0.0) == pytest.approx(WORLD_LANDMARK_SHARE)


# ----------------------------------------------------------------------------------------------------------- lift


def test_a_lifted_clip_is_a_track(model: Path, tmp_path: Path) -> None:
    detection, joints = exact_detection("walk", fps=25)
    done: list[tuple[int, int]] = []
    track = lift(detection, model=model, device="cpu", focal_length_px=576.0, progress=lambda *step: done.append(step))
    assert track.positions_m.shape == joints.shape and (track.positions_m[:, INDEX["pelvis"]] == 0).all()
    assert done[-1] == (len(joints), len(joints)) and done == sorted(done)
    assert track.provenance["lifter_model"]["sha256"] == load_model(model).sha256
    assert track.provenance["focal_length"] == "given" and track.provenance["exchanged_frames"] == 0
    assert track.provenance["clip"] == {"name": "walk.mp4"} and track.focal_length_px == 576
    write_track(tmp_path / "t.npz", track)
    np.testing.assert_array_equal(read_track(tmp_path / "t.npz").positions_m, track.positions_m)


@pytest.mark.parametrize("architecture", NETWORKS)
def test_every_network_lifts(architecture: str, tmp_path: Path) -> None:
    """Those that train on whole sequences too, which have no form that looks back only."""
    of_its_own = {"mixste": {"width": 16, "depth": 1, "heads": 2}}
    settings = {"frames": FRAMES, "inputs": 6, **of_its_own.get(architecture, {})}
    save_model(tmp_path / "any", build(architecture, settings), {"architecture": architecture, "settings": settings})
    detection, joints = exact_detection("walk", fps=25, seconds=0.4)
    track = lift(detection, model=tmp_path / "any.safetensors", device="cpu")
    assert track.positions_m.shape == joints.shape and np.isfinite(track.positions_m).all()


def test_the_lens_that_a_turning_camera_told_is_used(model: Path) -> None:
    detection, _ = exact_detection("walk", fps=25)
    told = dataclasses.replace(detection, provenance={"camera_motion": {"camera": "turning", "focal_share": 1.5}})
    track = lift(told, model=model, device="cpu")
    assert track.focal_length_px == 1.5 * max(detection.image_size_px) and track.provenance["focal_length"] == "estimated"
    assert lift(told, model=model, device="cpu", focal_length_px=576.0).focal_length_px == 576


def test_the_detectors_own_pose_comes_back_in_camera_axes(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Measured on rendered pairs: the detector's 3D is in the camera's axes. Given the whole say, it is the exact person."""
    monkeypatch.setattr("lifter.infer._SIGHT_SHARE", 0.0)  # the spine is the network's, and nobody taught it anything
    detection, joints = exact_detection("walk_across", fps=25)
    track = lift(detection, model=model, device="cpu", focal_length_px=576.0, world_share=1.0)
    ours, exact = track.positions_m[:, LIMBS], (joints - joints[:, :1])[:, LIMBS]
    scale = (ours * exact).sum() / (exact * exact).sum()
    np.testing.assert_allclose(ours, scale * exact, atol=1e-3)


def test_joints_go_a_part_of_the_way_to_where_they_are_seen() -> None:
    detection, joints = exact_detection("walk", fps=25)
    root, count = joints[:, 0], len(joints)
    positions, certain = joints - root[:, None], np.ones((count, 17))
    rays = joints[..., :2] / joints[..., 2:]

    def nearer(seen: np.ndarray, confidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return nearer_to_sight(positions, root, _steady(off_sight(positions, root, seen, confidence), 3.0))

    same, same_root = nearer(rays, certain)
    np.testing.assert_allclose(same, positions, atol=1e-12)
    np.testing.assert_allclose(same_root, root, atol=1e-12)

    wrist, ankle, knee, pelvis = (INDEX[name] for name in ("left_wrist", "right_ankle", "left_knee", "pelvis"))
    seen, confidence = rays.copy(), certain.copy()
    seen[:, [wrist, ankle], 0] += 0.05
    confidence[:, ankle] = 0.5
    seen[::2, knee] += 0.02  # trembles
    seen[1::2, knee] -= 0.02
    moved, moved_root = nearer(seen, confidence)
    change = moved - positions
    np.testing.assert_allclose(moved_root, root, atol=1e-12)
    np.testing.assert_array_equal(change[..., 2], 0)
    np.testing.assert_allclose(change[:, wrist, 0], 0.4 * 0.05 * joints[:, wrist, 2], rtol=0.05)
    np.testing.assert_allclose(change[:, ankle, 0], 0.4 * 0.5 * 0.05 * joints[:, ankle, 2], rtol=0.1)
    assert np.abs(change[10:-10, knee]).max() < 0.1 * 0.4 * 0.02 * joints[:, knee, 2].max()
    others = np.delete(change, [wrist, ankle, knee], axis=1)
    np.testing.assert_allclose(others, 0, atol=1e-12)

    seen = rays.copy()
    seen[:, pelvis, 1] += 0.03
    moved, moved_root = nearer(seen, certain)
    np.testing.assert_allclose(moved_root[:, 1] - root[:, 1], 0.4 * 0.03 * root[:, 2], rtol=0.02)
    np.testing.assert_array_equal(moved[:, pelvis], 0)
    np.testing.assert_allclose((moved + moved_root[:, None])[:, wrist], joints[:, wrist], atol=1e-12)


def test_frames_without_a_person_are_finite_and_marked(model: Path) -> None:
    gone = (0, 1, 20, 21, 22, 23, 24, 79)
    detection, _ = exact_detection("walk", fps=25, undetected=gone)
    track = lift(detection, model=model, device="cpu")
    assert (track.confidence[list(gone)] == 0).all()
    assert (np.delete(track.confidence, gone, axis=0) > 0.9).all()
    for values in (track.positions_m, track.root_position_m):
        assert np.isfinite(values).all()
        # Filled in between, not thrown somewhere else.
        steps = np.linalg.norm(np.diff(values.reshape(len(values), -1), axis=0), axis=-1)
        assert steps[18:26].max() < 3 * np.delete(steps, np.s_[18:26]).max()
    assert np.isnan(track.landmarks_px[20]).all()


@pytest.mark.parametrize("motion", ["walk", "squat"])
def test_who_stands_on_their_hands_is_lifted_as_if_on_their_feet(motion: str, model: Path) -> None:
    """A picture that is turned by half shows the same person, turned."""
    detection, _ = exact_detection(motion, fps=25, yaw_deg=40)
    turned_px = np.array(detection.image_size_px) - detection.landmarks_px
    headlong = dataclasses.replace(
        detection,
        landmarks_px=turned_px.astype(np.float32),
        world_landmarks_m=detection.world_landmarks_m * np.float32([-1, -1, 1]),
    )
    straight, over = (lift(d, model=model, device="cpu", focal_length_px=576.0) for d in (detection, headlong))
    np.testing.assert_allclose(over.positions_m, straight.positions_m * [-1, -1, 1], atol=1e-4)
    np.testing.assert_allclose(over.root_position_m, straight.root_position_m * [-1, -1, 1], atol=1e-3)


def test_who_bows_or_lies_is_not_upside_down() -> None:
    for motion in ("squat", "jump", "sit_rise", "lie_down", "reach", "kick"):
        for yaw_deg in (0.0, 90.0, 180.0):
            detection, _ = exact_detection(motion, fps=25, yaw_deg=yaw_deg)
            rays = joints_from_landmarks(detection.landmarks_px.astype(float)) / 576
            world = joints_from_landmarks(detection.world_landmarks_m.astype(float))
            assert not upside_down(rays, world, detection.timestamps_s).any()
            if motion != "lie_down":  # seen from its end it is nobody else's picture
                assert not upside_down(rays, np.zeros_like(world), detection.timestamps_s).any()


def test_exchanged_sides_lift_to_the_same_person(model: Path) -> None:
    detection, _ = exact_detection("walk", fps=25)
    swap = list(LANDMARK_MIRROR)
    pixels, world = detection.landmarks_px.copy(), detection.world_landmarks_m.copy()
    pixels[30:50], world[30:50] = pixels[30:50, swap], world[30:50, swap]
    hands = np.random.default_rng(0).normal(0, 0.05, (len(pixels), 2, 21, 3)).astype(np.float32)
    sure = np.tile(np.float32([0.9, 0.6]), (len(pixels), 1))
    detection = dataclasses.replace(detection, hand_landmarks_m=hands, hand_confidence=sure)
    crossed, doubtful = hands.copy(), sure.copy()
    crossed[30:50], doubtful[30:50] = hands[30:50, ::-1], sure[30:50, ::-1]
    seen = {"landmarks_px": pixels, "world_landmarks_m": world, "hand_landmarks_m": crossed, "hand_confidence": doubtful}
    mixed = dataclasses.replace(detection, **seen)
    right, mended = (lift(d, model=model, device="cpu") for d in (detection, mixed))
    for name in ("hand_landmarks_m", "hand_confidence"):
        np.testing.assert_array_equal(getattr(mended, name), getattr(right, name))
    assert mended.provenance["exchanged_frames"] == 20
    np.testing.assert_allclose(mended.positions_m, right.positions_m, atol=1e-5)


def test_an_exchanged_clip_has_the_confidence_of_the_joint_that_was_seen(model: Path) -> None:
    detection, _ = exact_detection("walk", fps=25)
    swap = list(LANDMARK_MIRROR)
    sure = detection.landmark_confidence.copy()
    sure[:, LANDMARK_INDEX["left_wrist"]] = 0.25
    changed = {
        "landmarks_px": detection.landmarks_px,
        "world_landmarks_m": detection.world_landmarks_m,
        "landmark_confidence": sure,
    }
    mixed = {}
    for key, values in changed.items():
        mixed[key] = values.copy()
        mixed[key][30:50] = values[30:50][:, swap]
    track = lift(dataclasses.replace(detection, **mixed), model=model, device="cpu")
    np.testing.assert_allclose(track.confidence[:, INDEX["left_wrist"]], 0.25)
    np.testing.assert_allclose(track.confidence[:, INDEX["right_wrist"]], 1.0)


@pytest.mark.parametrize("fps", [5.0, 240.0])
def test_slow_and_fast_clips(model: Path, fps: float) -> None:
    detection, joints = exact_detection("squat", fps=fps, seconds=2.0)
    track = lift(detection, model=model, device="cpu")
    assert track.positions_m.shape == joints.shape and np.isfinite(track.positions_m).all()


def test_one_frame_is_enough(model: Path) -> None:
    detection, _ = exact_detection("stand", fps=25, seconds=0.04)
    assert len(lift(detection, model=model, device="cpu").positions_m) == 1


def test_what_cannot_be_lifted_says_why(model: Path) -> None:
    detection, _ = exact_detection("stand", fps=25, seconds=0.4)
    empty = Pose2DTrack(
        **{f.name: getattr(detection, f.name) for f in dataclasses.fields(Pose2DTrack)} | {"detected": np.zeros(10, bool)}
    )
    for call, says in (
        (lambda: lift(empty, model=model), "shows a person"),
        (lambda: lift(detection, model=model, device="abacus"), "'abacus' cannot be used"),
        (lambda: lift(detection, model="none-27"), "no model 'none-27'"),
    ):
        with pytest.raises(LifterError, match=says) as caught:
            call()
        assert caught.value.hint


def test_the_shipped_network_has_learnt_its_task() -> None:
    """Exact landmarks of people it has not seen, its own output only. Without training it is above 300 mm."""
    if DEFAULT_MODEL not in available_models():
        pytest.skip("needs the shipped weights")
    errors = []
    for motion, yaw_deg in (("walk", 0.0), ("squat", 50.0), ("kick", 120.0), ("reach", 200.0)):
        detection, joints = exact_detection(motion, fps=15, yaw_deg=yaw_deg, seconds=3.0)
        track = lift(detection, device="cpu", focal_length_px=576.0, world_share=0.0)
        errors.append(1000 * p_mpjpe(track.positions_m[:, LIMBS].astype(float), joints[:, LIMBS]).mean())
    assert np.mean(errors) < 90, errors
    assert 0 < WORLD_LANDMARK_SHARE < 1


def test_a_gap_is_held_by_a_pose_that_was_seen_well(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first frames of a person who walks in are cut by the picture's edge; they do not stand in for the frames before."""
    monkeypatch.setattr("lifter.infer._SIGHT_SHARE", 0.0)
    detection, _ = exact_detection("walk", fps=25)
    detected, confidence = detection.detected.copy(), detection.landmark_confidence.copy()
    detected[:10], confidence[:10], confidence[10:14] = False, 0.0, 0.2
    points, world = detection.landmarks_px.copy(), detection.world_landmarks_m.copy()
    points[:10], world[:10] = np.nan, np.nan
    points[10:14] += np.random.default_rng(0).normal(0, 80, points[10:14].shape).astype(np.float32)
    cut = dataclasses.replace(
        detection, detected=detected, landmark_confidence=confidence, landmarks_px=points, world_landmarks_m=world
    )
    held = lift(cut, model=model, device="cpu", world_share=1.0)
    np.testing.assert_allclose(held.root_position_m[:10], np.tile(held.root_position_m[14], (10, 1)), atol=1e-5)
    np.testing.assert_allclose(held.positions_m[:10, LIMBS], np.tile(held.positions_m[14, LIMBS], (10, 1, 1)), atol=1e-5)
    assert (held.confidence[:10] == 0).all()


@pytest.mark.parametrize("cut", [False, True])
def test_a_gap_is_held_by_somebody_whole_and_upright(cut: bool, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who leaves is seen to lean at the picture's edge, or with a hand out of it."""
    monkeypatch.setattr("lifter.infer._SIGHT_SHARE", 0.0)
    last, gap = slice(30, 36), slice(36, 60)
    detection, _ = exact_detection("walk", fps=25, seconds=2.4, undetected=tuple(range(36, 60)))
    points, world = detection.landmarks_px.copy(), detection.world_landmarks_m.copy()
    if cut:
        points[last, LANDMARK_INDEX["left_wrist"], 0] = 650.0
        world[last, LANDMARK_INDEX["left_wrist"]] += 0.2
    else:
        cos, sin = np.cos(0.6), np.sin(0.6)
        world[last] = world[last] @ np.array([[cos, sin, 0], [-sin, cos, 0], [0, 0, 1]], np.float32)
    leaving = dataclasses.replace(detection, landmarks_px=points, world_landmarks_m=world)
    track = lift(leaving, model=model, device="cpu", world_share=1.0)
    later = slice(gap.start + 8, gap.stop)  # a third of a second
    np.testing.assert_allclose(track.positions_m[later, LIMBS], np.tile(track.positions_m[29, LIMBS], (16, 1, 1)), atol=1e-5)
    steps = np.linalg.norm(np.diff(track.positions_m[35:45, LIMBS], axis=0), axis=-1).max(1)
    assert steps.max() < 0.25 * np.linalg.norm(track.positions_m[29, LIMBS] - track.positions_m[35, LIMBS], axis=-1).max()
    assert (track.confidence[gap] == 0).all()


def test_who_turned_round_in_a_gap_keeps_their_shoulders(model: Path) -> None:
    """Seen from the front before the gap and from behind after it: on straight lines left and right would meet in its middle."""
    gap = slice(25, 50)
    facing, away = (
        exact_detection("walk", fps=25, yaw_deg=yaw, seconds=3.0, undetected=tuple(range(25, 50)))[0] for yaw in (0, 180)
    )
    fields = {}
    for name in ("landmarks_px", "world_landmarks_m"):
        fields[name] = np.concatenate([getattr(facing, name)[:37], getattr(away, name)[37:]])
    track = lift(dataclasses.replace(facing, **fields), model=model, device="cpu", world_share=1.0)
    for part in ("shoulder", "hip"):
        across = track.positions_m[:, INDEX[f"left_{part}"]] - track.positions_m[:, INDEX[f"right_{part}"]]
        assert across[24, 0] * across[50, 0] < 0
        width = np.linalg.norm(across, axis=-1)
        assert width[gap].min() > 0.9 * min(width[24], width[50])
    turns = np.degrees(np.unwrap(np.arctan2(across[:, 2], across[:, 0])))[24:51]
    assert 150 < abs(turns[-1] - turns[0]) < 210 and np.abs(np.diff(turns)).max() < 15


def test_a_gap_is_filled_by_time(model: Path) -> None:
    """A clip of variable rate: in the gap there are four frames in a sixth of a second, then one a third of a second later."""
    detection, _ = exact_detection("walk", fps=30, yaw_deg=90, seconds=3.0, undetected=(30, 31, 32, 33, 34, 44))
    kept = np.r_[0:35, 44:90]
    names = ("timestamps_s", "landmarks_px", "world_landmarks_m", "landmark_confidence", "detected")
    uneven = dataclasses.replace(detection, **{name: getattr(detection, name)[kept] for name in names})
    track = lift(uneven, model=model, device="cpu", world_share=1.0, focal_length_px=576.0)
    start, end, times = 29, 36, uneven.timestamps_s
    assert uneven.detected[[start, end]].all() and not uneven.detected[start + 1 : end].any()
    share = (times[start : end + 1] - times[start]) / (times[end] - times[start])
    way = track.root_position_m[start] + share[:, None] * (track.root_position_m[end] - track.root_position_m[start])
    assert np.linalg.norm(track.root_position_m[end] - track.root_position_m[start]) > 0.3
    np.testing.assert_allclose(track.root_position_m[start : end + 1], way, atol=1e-5)
