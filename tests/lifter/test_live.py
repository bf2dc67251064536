"""Live: the poses of a whole clip one frame at a time, the delay said, no camera, a file in the camera's place."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from lifter import live as live_module
from lifter.checkpoint import available_models, load_model, save_model
from lifter.cli import main
from lifter.errors import LifterError
from lifter.infer import lift
from lifter.joints import INDEX, LANDMARK_INDEX, LANDMARK_MIRROR, joints_from_landmarks
from lifter.live import LiveFrame, LiveLifter, causal_model
from lifter.models import build
from lifter.track_file import Pose2DTrack
from tests.lifter.archives import exact_detection
from tests.lifter.conftest import HEIGHT_PX, WIDTH_PX, number_of, write_clip

FRAMES = 9
FOCAL_PX = 576.0


def made(folder: Path, name: str, **settings: object) -> Path:
    torch.manual_seed(3)
    settings = {"frames": FRAMES, "channels": 32, "groups": 4, "reduction": 8, **settings}
    save_model(folder / name, build("atcn", settings), {"architecture": "atcn", "settings": settings})
    return folder / f"{name}.safetensors"


@pytest.fixture(scope="module")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("causal"), "small", causal=True)


@pytest.fixture(scope="module")
def centred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("centred"), "small")


def seen(motion: str = "walk", *, fps: float = 30, undetected: tuple[int, ...] = ()) -> Pose2DTrack:
    """Without the detector's own 3D, whose size `lift` compares over the whole clip and live cannot."""
    detection, _ = exact_detection(motion, fps=fps, seconds=2.0, undetected=undetected)
    return dataclasses.replace(detection, world_landmarks_m=0 * detection.world_landmarks_m)


def streamed(model: Path, detection: Pose2DTrack) -> list[LiveFrame | None]:
    lifter = LiveLifter(load_model(model), image_size_px=detection.image_size_px, focal_length_px=FOCAL_PX)
    bodies = np.concatenate(
        [detection.landmarks_px, detection.world_landmarks_m, detection.landmark_confidence[..., None]], axis=-1
    )
    rows = zip(detection.timestamps_s, detection.detected, bodies, strict=True)
    return [lifter.push(float(time_s), body if found else None) for time_s, found, body in rows]


def same_pose(frame: LiveFrame, track, row: int) -> None:
    np.testing.assert_allclose(frame.positions_m, track.positions_m[row], atol=1e-4)
    np.testing.assert_allclose(frame.root_position_m, track.root_position_m[row], atol=2e-3)
    np.testing.assert_allclose(frame.confidence, track.confidence[row], atol=1e-4)


@pytest.fixture
def frame_by_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """`lift` without what looks at more of a clip than the network does."""
    monkeypatch.setattr("lifter.infer._SIGHT_SHARE", 0.0)
    monkeypatch.setattr("lifter.infer._PACES", (1.0,))


@pytest.mark.usefixtures("frame_by_frame")
@pytest.mark.parametrize("fps", [12.5, 30, 60])
def test_a_causal_network_gives_the_newest_frames_pose_as_for_the_whole_clip(causal: Path, fps: float) -> None:
    detection = seen(fps=fps)
    track = lift(detection, model=causal, device="cpu", focal_length_px=FOCAL_PX)
    frames = streamed(causal, detection)
    for row, frame in enumerate(frames):
        assert frame is not None and frame.detected and frame.time_s == pytest.approx(detection.timestamps_s[row])
        same_pose(frame, track, row)
    assert np.ptp(track.positions_m, axis=0).max() > 0.01, "the poses differ, so that equal ones say something"


@pytest.mark.usefixtures("frame_by_frame")
def test_another_network_is_late_by_half_its_window_and_as_good(centred: Path) -> None:
    detection = seen()
    track = lift(detection, model=centred, device="cpu", focal_length_px=FOCAL_PX)
    frames = streamed(centred, detection)
    late = FRAMES // 2
    assert frames[: late - 1] == [None] * (late - 1)
    for row, frame in enumerate(frames[late:]):
        assert frame is not None and frame.time_s == pytest.approx(detection.timestamps_s[row], abs=1e-6)
        same_pose(frame, track, row)


def test_joints_come_nearer_to_where_they_are_seen_and_do_not_tremble_with_it(
    causal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What stays is followed for the whole of its share of the way, what changes every frame little."""
    detection = seen(fps=30)
    pixels, wrist = detection.landmarks_px.copy(), INDEX["left_wrist"]
    pixels[::2, LANDMARK_INDEX["left_wrist"]] += 8
    detection = dataclasses.replace(detection, landmarks_px=pixels)
    plain = [(f.positions_m, f.root_position_m) for f in _without_sight(causal, detection, monkeypatch)]
    moved = [(f.positions_m, f.root_position_m) for f in streamed(causal, detection) if f is not None]
    width, height = detection.image_size_px
    rays = (joints_from_landmarks(detection.landmarks_px.astype(float)) - [width / 2, height / 2]) / FOCAL_PX
    off, shift = [], []
    for ray, (before, root), (after, root_after) in zip(rays, plain, moved, strict=True):
        placed, placed_after = before + root, after + root_after
        off.append(ray * placed[:, 2:] - placed[:, :2])
        shift.append(placed_after - placed)
    off_m, shift_m = np.array(off), np.array(shift)
    np.testing.assert_allclose(shift_m[..., 2], 0, atol=1e-9)
    assert np.abs(off_m).max() > 0.05, "the network was taught nothing, so that there is a way to go"
    np.testing.assert_allclose(shift_m[0, :, :2], 0.4 * off_m[0], atol=1e-6)
    late = 0.4 * off_m[30:].mean(0)
    np.testing.assert_allclose(shift_m[30:, :, :2].mean(0), late, atol=0.15 * np.abs(late).max())
    trembling, followed = (np.abs(np.diff(v[:, wrist, :2], axis=0)).mean() for v in (off_m, shift_m))
    assert followed < 0.4 * 0.5 * trembling


def _without_sight(model: Path, detection: Pose2DTrack, monkeypatch: pytest.MonkeyPatch) -> list[LiveFrame]:
    with monkeypatch.context() as patch:
        patch.setattr("lifter.infer._SIGHT_SHARE", 0.0)
        return [frame for frame in streamed(model, detection) if frame is not None]


def test_exchanged_sides_are_turned_back_at_once(causal: Path) -> None:
    detection = seen(fps=25)
    pixels = detection.landmarks_px.copy()
    pixels[20:35] = pixels[20:35][:, list(LANDMARK_MIRROR)]
    mixed = streamed(causal, dataclasses.replace(detection, landmarks_px=pixels))
    for frame, right in zip(mixed, streamed(causal, detection), strict=True):
        assert frame is not None and right is not None
        np.testing.assert_allclose(frame.positions_m, right.positions_m, atol=1e-5)


def test_who_stands_on_their_hands_is_seen_as_if_on_their_feet(causal: Path) -> None:
    """A picture that is turned by half shows the same person, turned."""
    detection = seen(fps=25)
    headlong = dataclasses.replace(
        detection,
        landmarks_px=(np.array(detection.image_size_px) - detection.landmarks_px).astype(np.float32),
        world_landmarks_m=detection.world_landmarks_m * np.float32([-1, -1, 1]),
    )
    for straight, over in zip(streamed(causal, detection), streamed(causal, headlong), strict=True):
        assert straight is not None and over is not None
        np.testing.assert_allclose(over.positions_m, straight.positions_m * [-1, -1, 1], atol=1e-4)
        np.testing.assert_allclose(over.root_position_m, straight.root_position_m * [-1, -1, 1], atol=1e-3)


def test_where_nobody_is_the_pose_is_held_and_marked(causal: Path) -> None:
    gone = (0, 1, 20, 21, 22)
    frames = streamed(causal, seen(undetected=gone))
    assert frames[:2] == [None, None], "nothing to show before the first person"
    held = frames[19]
    for frame in frames[20:23]:
        assert frame is not None and held is not None and not frame.detected
        assert (frame.confidence == 0).all() and np.isnan(frame.landmarks).all()
        assert np.isfinite(frame.positions_m).all() and np.isfinite(frame.root_position_m).all()
        assert np.linalg.norm(frame.root_position_m - held.root_position_m) < 0.5
        assert frame.as_event()["landmarks_px"] is None
    assert frames[23] is not None and frames[23].detected


def test_what_is_kept_does_not_grow(causal: Path) -> None:
    lifter = LiveLifter(load_model(causal), image_size_px=(640, 480), focal_length_px=FOCAL_PX)
    body = np.concatenate([np.random.default_rng(0).uniform(100, 300, (33, 2)), np.zeros((33, 3)), np.ones((33, 1))], 1)
    kept = []
    for i in range(400):
        lifter.push(i / 240, body)
        kept.append(len(lifter._rows))
    assert max(kept[100:]) <= FRAMES / 30 * 240 + 2 and np.ptp(kept[100:]) <= 1


def test_the_causal_network_is_found_by_its_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, "a-centred")
    monkeypatch.setattr(live_module, "available_models", lambda: sorted(p.stem for p in tmp_path.glob("*.safetensors")))
    assert causal_model(tmp_path) is None
    made(tmp_path, "b-causal", causal=True)
    (tmp_path / "a-broken.json").write_text("{")
    (tmp_path / "a-broken.safetensors").write_bytes(b"")
    assert causal_model(tmp_path) == "b-causal"
    assert set(available_models()) >= {causal_model() or "atcn-27"}


def test_a_file_is_played_at_its_own_speed_and_what_is_late_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _Clock()
    monkeypatch.setattr(live_module, "time", clock)
    picture = np.zeros((2, 2, 3), np.uint8)
    times_s, shown_s = [], []
    for time_s, _ in live_module._paced(((i / 20, picture) for i in range(12)), late_s=0.05):
        times_s.append(time_s)
        shown_s.append(clock.monotonic() - 100)
        if time_s == 3 / 20:
            clock.sleep(0.22)
    assert times_s == [i / 20 for i in (0, 1, 2, 3, 7, 8, 9, 10, 11)], "three frames passed while nobody looked"
    np.testing.assert_allclose(shown_s, [0, 0.05, 0.1, 0.15, 0.37, 0.4, 0.45, 0.5, 0.55])


@pytest.mark.parametrize("takes_s", [0.03, 0.06, 0.4])
def test_a_file_that_cannot_be_decoded_as_fast_as_it_plays_is_shown_all_the_same(
    takes_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = _Clock()
    monkeypatch.setattr(live_module, "time", clock)

    def pictures() -> Iterator[tuple[float, np.ndarray]]:
        for i in range(200):
            clock.sleep(takes_s)
            yield i / 60, np.zeros((2, 2, 3), np.uint8)

    shown_s = []
    for _ in live_module._paced(pictures(), late_s=1 / 60):
        shown_s.append(clock.monotonic())
        clock.sleep(0.05)
    assert len(shown_s) > 15 and np.diff(shown_s).max() < 0.3 + 2 * takes_s, (len(shown_s), np.diff(shown_s).max())


def test_slow_motion_plays_the_cameras_part_at_true_speed(tmp_path: Path) -> None:
    slow = write_clip(tmp_path / "slow.mp4", [round(i * 1000 / 30) for i in range(60)], capture_fps=240)
    last_s = {}
    for as_played in (False, True):
        with contextlib.ExitStack() as stack:
            _, pictures = live_module._open(str(slow), fast=True, filmed_fps=None, as_played=as_played, stack=stack)
            last_s[as_played] = [time_s for time_s, _ in pictures()][-1]
    assert last_s == pytest.approx({False: 59 / 240, True: 59 / 30}, abs=1e-3)


class _Clock:
    """Time that passes only where somebody sleeps."""

    def __init__(self) -> None:
        self._now_s = 100.0

    def monotonic(self) -> float:
        return self._now_s

    def sleep(self, seconds: float) -> None:
        self._now_s += seconds


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--source", "camera:99"], "There is no camera 99 that can be used."),
        (["--source", "camera:front"], "'camera:front' names no camera."),
        (["--source", "none.mp4"], "There is no file none.mp4."),
        (["--source", "camera:0", "--seconds", "0"], "0 seconds is no time."),
        (["--source", "camera:0", "--model", "no-such"], "There is no model 'no-such'."),
        ([], "The following arguments are required: --source."),
    ],
)
def test_what_cannot_be_followed_is_said_in_one_sentence(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if "--seconds" not in arguments and arguments and "--model" not in arguments:
        pytest.importorskip("mediapipe")
    assert main(["live", *arguments, "--progress", "json"]) == 2
    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert last["event"] == "error" and last["message"] == said and last["hint"]


@pytest.fixture
def ran(capfd: pytest.CaptureFixture[str]) -> Callable[..., list[dict]]:
    def run(*arguments: str) -> list[dict]:
        assert main(["live", *arguments, "--progress", "json"]) == 0
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    return run


def test_a_video_file_in_the_cameras_place(ran: Callable[..., list[dict]], person_clip: Path, made_model) -> None:
    """The real detector and the shipped network: every line is one pose, in order, and the last is the summary."""
    events = ran("--source", str(person_clip), "--as-fast-as-possible", "--seconds", "1.2")
    assert [e["event"] for e in events[:2]] == ["start", "progress"] and events[-1]["event"] == "result"
    told = next(e for e in events if e["event"] == "live")
    assert told["causal"] == (told["delay_s"] == 0) and told["model"] in available_models()
    poses = [e for e in events if e["event"] == "frame"]
    summary = events[-1]["summary"]
    assert len(poses) == pytest.approx(summary["frames"] * (1 - told["delay_s"] / 1.2), abs=2)
    times = [e["time_s"] for e in poses]
    assert times == sorted(times) and times[-1] == pytest.approx(1.2 - told["delay_s"], abs=0.1)
    for pose in poses:
        assert np.shape(pose["positions_m"]) == (17, 3) and pose["positions_m"][INDEX["pelvis"]] == [0, 0, 0]
        assert np.shape(pose["landmarks_px"]) == (33, 2) and np.shape(pose["world_landmarks_m"]) == (33, 3)
        assert 1 < pose["root_position_m"][2] < 20


def test_of_a_camera_the_newest_picture_is_taken(steady_clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenCV reads a file where it would read a camera: what comes while nobody looks is left out, and its end is noticed."""
    opened = cv2.VideoCapture
    device = _Device(opened(str(steady_clip)))
    monkeypatch.setattr(live_module.cv2, "VideoCapture", lambda _number: device)
    camera = live_module._Camera(0)
    with contextlib.closing(camera):
        assert camera.size_px == (WIDTH_PX, HEIGHT_PX)
        pictures, seen = camera.pictures(), []
        for sends in (3, 1, 10):
            device.send(sends)
            seen.append(next(pictures))
        threading.Timer(0.05, device.send, [1]).start()  # it is waited for, and the one before not shown twice
        seen.append(next(pictures))
        device.send(100)  # more than there are
        seen.append(next(pictures))
        assert [number_of(rgb) for _, rgb in seen] == [3, 4, 14, 15, 49]
        times_s = [time_s for time_s, _ in seen]
        assert (np.diff(times_s) > 0).all() and times_s[3] - times_s[2] > 0.05
        monkeypatch.setattr(live_module, "_SILENT_S", 0.3)
        with pytest.raises(LifterError, match="camera:0 sends no more pictures."):
            next(pictures)


class _Device:
    """A file whose pictures come when they are sent, the first at once."""

    def __init__(self, capture: cv2.VideoCapture) -> None:
        self._capture, self._changed = capture, threading.Condition()
        self._sent, self._waits, self._ended = 1, False, False

    def __getattr__(self, name: str) -> object:
        return getattr(self._capture, name)

    def send(self, count: int) -> None:
        """Returns when they were all taken: whoever reads has come for the next one."""
        with self._changed:
            self._sent, self._waits = self._sent + count, False
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._waits or self._ended, timeout=60)

    def read(self) -> tuple[bool, np.ndarray | None]:
        with self._changed:
            self._waits = self._sent == 0
            self._changed.notify_all()
            if not self._ended and not self._changed.wait_for(lambda: self._sent, timeout=60):
                return False, None
            self._sent -= 1
            ok, picture = self._capture.read()
            self._ended = self._ended or not ok
            self._changed.notify_all()
            return ok, picture
