"""Other detectors' files, in their real form, become the same person as MediaPipe's landmarks of the same motion."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from blender_pose3d.core.track_io import read_track as read_in_blender
from lifter.adapters import BODY_25, COCO_17, read_detections
from lifter.checkpoint import available_models, save_model
from lifter.errors import LifterError
from lifter.infer import lift
from lifter.joints import INDEX, LANDMARK_INDEX, LANDMARK_NAMES, LIMB_JOINT_NAMES
from lifter.metrics import p_mpjpe
from lifter.models import build
from lifter.track_file import Pose2DTrack, read_detection, read_track, write_detection
from tests.lifter import benchmarks
from tests.lifter.archives import exact_detection
from tests.lifter.test_cli import events, run
from tests.lifter.test_human36m import Touching

LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
SIZE = (640, 480)
# As the detectors' own documentation numbers them; ours are matched by name.
OPENPOSE_PARTS = (
    *("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip", "RHip", "RKnee", "RAnkle"),
    *("LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar"),
    *("LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel"),
)
COCO_PARTS = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle"),
)
_TOES = {"LBigToe": "left_foot_index", "RBigToe": "right_foot_index"}

Person = dict[str, np.ndarray]  # landmark -> x, y
Frames = list[list[Person]]  # the people of each frame


def motion(name: str, *, frames: int = 24, fps: float = 25.0, **options: Any) -> tuple[Pose2DTrack, Frames]:
    """What MediaPipe would find of one person, and the same by name, frame by frame."""
    detection, _ = exact_detection(name, fps=fps, seconds=frames / fps, **options)
    return detection, [[dict(zip(LANDMARK_NAMES, points.astype(float), strict=True))] for points in detection.landmarks_px]


def openpose_person(person: Person, confidence: float = 0.9) -> dict[str, Any]:
    """One of "people" as OpenPose 1.7 writes it; parts that are not there are 0, 0, 0."""
    values: list[float] = []
    for part in OPENPOSE_PARTS:
        side = {"L": "left_", "R": "right_"}.get(part[0], "")
        name = _TOES.get(part, side + part[1:].lower() if side else part.lower())
        middles = {"Neck": ("left_shoulder", "right_shoulder"), "MidHip": ("left_hip", "right_hip")}
        if part in middles and all(end in person for end in middles[part]):
            values += [*((person[middles[part][0]] + person[middles[part][1]]) / 2).round(3), confidence]
        else:
            values += [*person[name].round(3), confidence] if name in person else [0, 0, 0]
    empty = ("face_keypoints_2d", "hand_left_keypoints_2d", "hand_right_keypoints_2d", "pose_keypoints_3d", "face_keypoints_3d")
    return {"person_id": [-1], "pose_keypoints_2d": values, **{key: [] for key in empty}}


def openpose(folder: Path, frames: Frames, confidence: float = 0.9) -> Path:
    """What `--write_json` leaves: one file a frame."""
    (folder / "json").mkdir(exist_ok=True)
    for number, people in enumerate(frames):
        content = {"version": 1.3, "people": [openpose_person(person, confidence) for person in people]}
        (folder / "json" / f"clip_{number:012d}_keypoints.json").write_text(json.dumps(content, separators=(",", ":")))
    return folder / "json"


def coco_points(person: Person) -> list[list[float]]:
    return [[float(v) for v in person[part]] if part in person else [0.0, 0.0] for part in COCO_PARTS]


def mmpose(folder: Path, frames: Frames) -> Path:
    """MMPoseInferencer's prediction file of a video: RTMPose scores go a little above 1, boxes are lists in lists."""
    content = [
        {
            "frame_id": number,
            "instances": [
                {
                    "keypoints": coco_points(person),
                    "keypoint_scores": [1.02 if part in person else 0.03 for part in COCO_PARTS],
                    "bbox": [[0.0, 0.0, 100.0, 200.0]],
                    "bbox_score": 0.93,
                }
                for person in people
            ],
        }
        for number, people in enumerate(frames)
    ]
    (folder / "clip.json").write_text(json.dumps(content, indent="  "))
    return folder / "clip.json"


def mmpose_demo(folder: Path, frames: Frames) -> Path:
    """topdown_demo_with_mmdet.py --save-predictions: the same with a header, frames from 1."""
    content = json.loads(mmpose(folder, frames).read_text())
    for frame in content:
        frame["frame_id"] += 1
    path = folder / "results_clip.json"
    path.write_text(
        json.dumps({"meta_info": {"dataset_name": "coco", "num_keypoints": 17}, "instance_info": content}, indent="\t")
    )
    return path


def mmpose_pictures(folder: Path, frames: Frames) -> Path:
    """MMPoseInferencer on a folder of pictures: one list of people a file."""
    (folder / "predictions").mkdir()
    for frame in json.loads(mmpose(folder, frames).read_text()):
        (folder / "predictions" / f"{frame['frame_id']:06d}.json").write_text(json.dumps(frame["instances"], indent="  "))
    return folder / "predictions"


def coco_people(frames: Frames, image_id: Callable[[int], Any]) -> list[dict[str, Any]]:
    out = []
    for number, people in enumerate(frames):
        for person in people:
            points = [
                v for part in COCO_PARTS for v in ([*map(float, person[part]), 0.87] if part in person else [0.0, 0.0, 0.0])
            ]
            out.append({"image_id": image_id(number), "category_id": 1, "keypoints": points, "score": 2.87})
    return out


def alphapose(folder: Path, frames: Frames) -> Path:
    people = [{**person, "box": [1.0, 2.0, 3.0, 4.0], "idx": [0.0]} for person in coco_people(frames, lambda n: f"{n}.jpg")]
    (folder / "alphapose-results.json").write_text(json.dumps(people))
    return folder / "alphapose-results.json"


def coco_results(folder: Path, frames: Frames) -> Path:
    (folder / "results.json").write_text(json.dumps(coco_people(frames, lambda n: 397133 + n)))
    return folder / "results.json"


def videopose3d(folder: Path, frames: Frames, *, name: str = "clip.mp4") -> Path:
    points = np.array([coco_points(people[0]) for people in frames], np.float32)
    metadata = {
        "layout_name": "coco",
        "num_joints": 17,
        "keypoints_symmetry": benchmarks.COCO_SYMMETRY,
        "video_metadata": {name: {"w": SIZE[0], "h": SIZE[1]}},
    }
    return benchmarks.write_detections(folder / "data_2d_custom_clip.npz", {name: {"custom": [points]}}, metadata)


WRITERS: dict[str, tuple[str, Callable[[Path, Frames], Path]]] = {
    "OpenPose": ("openpose", openpose),
    "mmpose": ("coco", mmpose),
    "mmpose's demo": ("coco", mmpose_demo),
    "mmpose, pictures": ("coco", mmpose_pictures),
    "AlphaPose": ("coco", alphapose),
    "COCO results": ("coco", coco_results),
    "VideoPose3D": ("videopose3d", videopose3d),
}
every_format = pytest.mark.parametrize("kind", WRITERS)


def read(kind: str, folder: Path, frames: Frames, **options: Any) -> Pose2DTrack:
    form, write = WRITERS[kind]
    return read_detections(write(folder, frames), form, **{"fps": 25.0, "image_size_px": SIZE} | options)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network without training: it looks at its input, and that is what is compared."""
    torch.manual_seed(3)
    settings = {"frames": 9, "channels": 32, "groups": 4, "reduction": 8}
    path = tmp_path_factory.mktemp("model") / "small"
    save_model(path, build("atcn", settings), {"architecture": "atcn", "settings": settings})
    return path.with_suffix(".safetensors")


# ------------------------------------------------------------------------------------------------- one person, as is


@every_format
def test_every_format_lifts_to_the_person_that_mediapipes_landmarks_give(kind: str, model: Path, tmp_path: Path) -> None:
    mediapipe, frames = motion("kick", yaw_deg=40.0)
    adapted = read(kind, tmp_path, frames)
    write_detection(tmp_path / "d.npz", adapted)  # it is a detection like any other
    assert adapted.fps == 25 and adapted.image_size_px == SIZE and adapted.detected.all()
    np.testing.assert_allclose(adapted.timestamps_s, mediapipe.timestamps_s)
    expected, lifted = (lift(d, model=model, device="cpu", world_share=0.0) for d in (mediapipe, adapted))
    np.testing.assert_allclose(lifted.positions_m, expected.positions_m, atol=2e-4)
    np.testing.assert_allclose(lifted.root_position_m, expected.root_position_m, rtol=1e-3)
    assert (lifted.confidence > 0.8).all()
    # Nothing is blended in, whatever the share.
    blended = lift(adapted, model=model, device="cpu", world_share=0.5)
    np.testing.assert_array_equal(blended.positions_m, lifted.positions_m)


@every_format
def test_what_the_format_lacks_has_no_confidence_and_no_place_of_its_own(kind: str, tmp_path: Path) -> None:
    mediapipe, frames = motion("walk", frames=5)
    adapted = read(kind, tmp_path, frames)
    names = BODY_25 if kind == "OpenPose" else COCO_17
    for name, i in LANDMARK_INDEX.items():
        if name in names:
            np.testing.assert_allclose(adapted.landmarks_px[:, i], mediapipe.landmarks_px[:, i], atol=2e-3)
            assert (adapted.landmark_confidence[:, i] > 0.8).all(), name
        else:
            assert (adapted.landmark_confidence[:, i] == 0).all(), name
    place = {name: adapted.landmarks_px[:, i] for name, i in LANDMARK_INDEX.items()}
    np.testing.assert_array_equal(place["left_thumb"], place["left_wrist"])
    np.testing.assert_array_equal(place["mouth_right"], place["nose"])
    assert ("left_heel" in names) != np.array_equal(place["left_heel"], place["left_ankle"])
    assert (adapted.world_landmarks_m == 0).all()


def test_joints_go_by_name() -> None:
    for ours, theirs in ((COCO_17, COCO_PARTS), (BODY_25, OPENPOSE_PARTS)):
        assert len(ours) == len(theirs)
        for mine, part in zip(ours, theirs, strict=True):
            if mine in LANDMARK_INDEX:
                side = {"L": "left_", "R": "right_"}.get(part[0], "") if theirs is OPENPOSE_PARTS else ""
                assert mine == (_TOES.get(part, side + part[1:].lower() if side else part.lower())), part


def test_the_bigger_sets_of_rtmpose_and_alphapose(tmp_path: Path) -> None:
    """Halpe's 26 and the whole body's 133 begin with COCO's 17 and go on with feet, in another order each."""
    _, frames = motion("walk", frames=3)
    feet = {
        26: {20: "left_foot_index", 21: "right_foot_index", 24: "left_heel", 25: "right_heel"},
        133: {17: "left_foot_index", 19: "left_heel", 20: "right_foot_index", 22: "right_heel"},
    }
    for count, places in feet.items():
        content = json.loads(mmpose(tmp_path, frames).read_text())
        for frame, people in zip(content, frames, strict=True):
            (instance,) = frame["instances"]
            instance["keypoints"] += [[5.0, 5.0]] * (count - 17)
            instance["keypoint_scores"] = [0.9] * count
            for place, name in places.items():
                instance["keypoints"][place] = people[0][name].tolist()
        (tmp_path / "big.json").write_text(json.dumps(content))
        adapted = read_detections(tmp_path / "big.json", "coco", fps=25, image_size_px=SIZE)
        for name in (*places.values(), "left_wrist"):
            i = LANDMARK_INDEX[name]
            np.testing.assert_allclose(adapted.landmarks_px[:, i], [people[0][name] for people in frames], atol=1e-3)
            assert (adapted.landmark_confidence[:, i] > 0.8).all()


@every_format
def test_the_shipped_network_lifts_it_as_well_as_mediapipes_landmarks(kind: str, tmp_path: Path) -> None:
    if "atcn-27" not in available_models():
        pytest.skip("needs the shipped weights")
    mediapipe, frames = motion("reach", frames=20, fps=10.0, yaw_deg=30.0)
    _, joints = exact_detection("reach", fps=10.0, seconds=2.0, yaw_deg=30.0)
    adapted = read(kind, tmp_path, frames, fps=10.0)
    error = []
    without_3d = dataclasses.replace(mediapipe, world_landmarks_m=np.zeros_like(mediapipe.world_landmarks_m))
    for detection in (without_3d, adapted):
        track = lift(detection, model="atcn-27", device="cpu", focal_length_px=576.0, world_share=0.0)
        error.append(1000 * p_mpjpe(track.positions_m[:, LIMBS].astype(float), joints[:, LIMBS]).mean())
    assert error[0] < 90 and abs(error[1] - error[0]) < 1, error


# ---------------------------------------------------------------------------------------------------- what is missing


@pytest.mark.parametrize("kind", ["OpenPose", "mmpose", "AlphaPose"])
def test_missing_joints_are_held_and_have_no_confidence(kind: str, model: Path, tmp_path: Path) -> None:
    _, frames = motion("walk_across", frames=20)
    whole = [{**frame[0]} for frame in frames]
    for number in range(6, 14):
        del frames[number][0]["left_wrist"]
    adapted = read(kind, tmp_path, frames)
    wrist, elbow = LANDMARK_INDEX["left_wrist"], LANDMARK_INDEX["left_elbow"]
    assert (adapted.landmark_confidence[6:14, wrist] == 0).all() and adapted.landmark_confidence[:6, wrist].min() > 0.8
    # It stays on the arm that walks across the picture: between where it was on the arm before and after.
    hangs = adapted.landmarks_px[:, wrist] - adapted.landmarks_px[:, elbow]
    share = (np.arange(5, 15) - 5)[:, None] / 9
    np.testing.assert_allclose(hangs[5:15], (1 - share) * hangs[5] + share * hangs[14], atol=1e-3)
    assert np.abs(adapted.landmarks_px[10, wrist] - whole[10]["left_wrist"]).max() < 40
    track = lift(adapted, model=model, device="cpu")
    assert (track.confidence[6:14, INDEX["left_wrist"]] == 0).all() and np.isfinite(track.positions_m).all()


@every_format
@pytest.mark.parametrize("place", [(1e300, 100.0), (3e6, 1e39), (200.0, -900.0)])
def test_joints_far_beyond_the_picture_are_missing(kind: str, place: tuple[float, float], tmp_path: Path) -> None:
    _, frames = motion("walk", frames=6)
    for number in (2, 3):
        frames[number][0]["left_wrist"] = np.array(place)
    with np.errstate(over="ignore"):  # VideoPose3D's archives have no more than 32 bits
        adapted = read(kind, tmp_path, frames)
    wrist = LANDMARK_INDEX["left_wrist"]
    assert (adapted.landmark_confidence[:, wrist] > 0.8).tolist() == [True, True, False, False, True, True]
    assert (adapted.landmark_confidence[2:4, wrist] == 0).all()
    assert np.isfinite(adapted.landmarks_px).all()
    assert adapted.landmarks_px.min() > -SIZE[1] and adapted.landmarks_px.max() < 2 * SIZE[0]


def test_legs_that_are_never_in_the_picture(model: Path, tmp_path: Path) -> None:
    _, frames = motion("punch", frames=10)
    for people in frames:
        for name in [name for name in people[0] if name.split("_")[-1] in ("knee", "ankle", "heel") or "foot" in name]:
            del people[0][name]
    adapted = read("OpenPose", tmp_path, frames)
    assert (adapted.landmark_confidence[:, [LANDMARK_INDEX["left_knee"], LANDMARK_INDEX["right_ankle"]]] == 0).all()
    track = lift(adapted, model=model, device="cpu")
    assert (track.confidence[:, INDEX["left_knee"]] == 0).all() and (track.confidence[:, INDEX["left_wrist"]] > 0.8).all()
    assert np.isfinite(track.positions_m).all() and np.isfinite(track.root_position_m).all()


@pytest.mark.parametrize("kind", ["OpenPose", "mmpose", "AlphaPose", "COCO results"])
def test_frames_without_the_person(kind: str, model: Path, tmp_path: Path) -> None:
    mediapipe, frames = motion("walk", frames=20)
    for number in (8, 9, 10):
        frames[number] = []
    adapted = read(kind, tmp_path, frames)
    assert np.flatnonzero(~adapted.detected).tolist() == [8, 9, 10] and len(adapted.detected) == 20
    assert np.isnan(adapted.landmarks_px[9]).all() and np.isnan(adapted.world_landmarks_m[9]).all()
    np.testing.assert_allclose(adapted.landmarks_px[11, 0], mediapipe.landmarks_px[11, 0], atol=2e-3)
    assert (lift(adapted, model=model, device="cpu").confidence[8:11] == 0).all()


def test_time_is_the_videos(tmp_path: Path) -> None:
    """Frames carry their number: a person who comes late, and files of a part of a video."""
    _, frames = motion("walk", frames=6)
    adapted = read("AlphaPose", tmp_path, [[], [], [], *frames])
    np.testing.assert_allclose(adapted.timestamps_s, np.arange(3, 9) / 25)
    folder = openpose(tmp_path, frames)
    for number in (0, 1):
        (folder / f"clip_{number:012d}_keypoints.json").unlink()
    part = read_detections(folder, "openpose", fps=50, image_size_px=SIZE)
    np.testing.assert_allclose(part.timestamps_s, np.arange(2, 6) / 50)
    one = read_detections(folder / "clip_000000000003_keypoints.json", "openpose", fps=50, image_size_px=SIZE)
    assert len(one.detected) == 1
    np.testing.assert_allclose(one.landmarks_px, part.landmarks_px[1:2])
    # Numbers of a data set's images say nothing of time.
    assert read("COCO results", tmp_path, frames).timestamps_s[0] == 0


@pytest.mark.parametrize("name", ["frame{:04d}_1080p.jpg", "take2_{}_cam2.png", "cam1/{:06d}.jpg", "{}.jpg", "3_{}_{:d}.jpg"])
def test_the_frames_number_is_the_one_that_no_two_names_share(name: str, tmp_path: Path) -> None:
    _, frames = motion("walk", frames=12)
    expected = read("AlphaPose", tmp_path, frames)
    frames[4] = []
    people = coco_people(frames, lambda n: name.format(n, n // 4))
    people += coco_people(frames[:1], lambda n: name.format(n, n // 4))  # the same person once more, in the same picture
    (tmp_path / "named.json").write_text(json.dumps(people))
    adapted = read_detections(tmp_path / "named.json", "coco", fps=25, image_size_px=SIZE)
    np.testing.assert_array_equal(adapted.timestamps_s, expected.timestamps_s)
    assert np.flatnonzero(~adapted.detected).tolist() == [4]
    np.testing.assert_array_equal(adapted.landmarks_px[adapted.detected], expected.landmarks_px[adapted.detected])


# ----------------------------------------------------------------------------------------------------- several people


def moved(frames: Frames, *, size: float, x_px: np.ndarray) -> Frames:
    """The people's places scaled about the picture's middle and moved by x_px [T]."""
    middle = np.array(SIZE) / 2
    return [
        [{name: middle + size * (at - middle) + [x, 0] for name, at in person.items()} for person in people]
        for people, x in zip(frames, x_px, strict=True)
    ]


@pytest.mark.parametrize("kind", ["OpenPose", "mmpose", "AlphaPose"])
def test_the_largest_person_is_followed_past_others(kind: str, tmp_path: Path) -> None:
    """Two people change sides, each hidden for a while, listed in any order; a larger one is there for three frames only."""
    frames = 60
    across = np.linspace(-150, 150, frames)
    large = moved(motion("walk", frames=frames)[1], size=1.0, x_px=across)
    small = moved(motion("punch", frames=frames)[1], size=0.8, x_px=-across)
    giant = moved(motion("stand", frames=frames)[1], size=1.5, x_px=np.full(frames, 0.0))
    random = np.random.default_rng(4)
    together = []
    for number in range(frames):
        people = [*large[number], *small[number]]
        if number in (28, 29, 30):
            people = small[number]  # hidden behind the other
        if number in (40, 41):
            people = large[number]
        if number in (3, 4, 5):
            people = [*people, *giant[number]]
        together.append([people[i] for i in random.permutation(len(people))])
    adapted = read(kind, tmp_path, together)
    hidden = [28, 29, 30]
    assert np.flatnonzero(~adapted.detected).tolist() == hidden
    seen = [n for n in range(frames) if n not in hidden]
    expected = np.array([large[n][0]["nose"] for n in seen])
    np.testing.assert_allclose(adapted.landmarks_px[seen, 0], expected, atol=2e-3)
    assert adapted.provenance["detections"]["people"] == 3


@pytest.mark.parametrize("second_comes", [0, 43])
def test_somebody_else_is_not_jumped_to(second_comes: int, tmp_path: Path) -> None:
    """The person leaves on one side; another, smaller one was on the other side all the time, or comes there just afterwards."""
    frames = 50
    first = moved(motion("walk", frames=frames)[1], size=1.0, x_px=np.full(frames, -180.0))
    second = moved(motion("stand", frames=frames)[1], size=0.5, x_px=np.full(frames, 200.0))
    together = [[*(second[n] if n >= second_comes else []), *(first[n] if n < 40 else [])] for n in range(frames)]
    adapted = read("OpenPose", tmp_path, together)
    assert adapted.detected[:40].all() and not adapted.detected[40:].any()


# ------------------------------------------------------------------------------------------------------- bad files


def _json(content: Any) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / "made.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return folder / "made.json"

    return write


def _archive(metadata: dict[str, Any] | None = None, **videos: Any) -> Callable[[Path], Path]:
    known = {"layout_name": "coco", "num_joints": 17} | (metadata or {})
    return lambda folder: benchmarks.write_detections(folder / "made.npz", videos, known)


def _openpose(*numbers: float) -> Callable[[Path], Path]:
    return _json({"version": 1.3, "people": [{"pose_keypoints_2d": numbers}]})


def _instances(**instance: Any) -> Callable[[Path], Path]:
    return _json([{"frame_id": 1, "instances": [instance]}])


def _people(*people: Any) -> Callable[[Path], Path]:
    return _json(people)


_PLACES = [9.0] * 51
_VIDEO = {"custom": [np.full((3, 17, 2), 90.0)]}
BAD: list[tuple[str, Callable[[Path], Path], str]] = [
    ("openpose", lambda folder: folder / "none", "There is no file"),
    ("openpose", lambda folder: folder, "not one JSON file a frame"),
    ("openpose", lambda folder: _json([])(folder).parent, "not one JSON file a frame"),
    ("openpose", _json('{"people": ['), "no JSON file, or is cut off"),
    ("openpose", _json("[" * 100_000), "no JSON file"),
    ("openpose", _json([1]), "frame 0 is no OpenPose output"),
    ("openpose", _openpose(*[9.0] * 54), "54 numbers in pose_keypoints_2d where BODY_25 has 75"),
    ("openpose", _openpose(*[None] * 75), "no person in any frame"),  # type: ignore[list-item]
    ("openpose", _openpose(*[50.0, 60.0, 0.9] * 3, *[50.0, 60.0, 0.05] * 22), "no person in any frame who can be followed"),
    ("openpose", _openpose(), "0 numbers"),
    ("openpose", _json({"people": [7]}), "0 numbers"),
    ("openpose", _json({"people": [{"pose_keypoints_2d": "text"}]}), "0 numbers"),
    ("openpose", _json({"people": []}), "no person in any frame"),
    ("coco", _json([]), "no person in any frame"),
    ("coco", _json({"0.jpg": {"people": []}}), "neither a list of frames nor of people"),
    ("coco", _json([{"frame_id": "x", "instances": []}]), "no frame_id"),
    ("coco", _json([{"frame_id": 1, "instances": None}]), "no list of people"),
    ("coco", _instances(keypoints=[[1, 2]]), "no list of people"),
    ("coco", _instances(keypoints=[[1, 2]], keypoint_scores=[1]), "has not the 17 joints"),
    ("coco", _instances(keypoints=[[1, 2]] * 17, keypoint_scores=[1]), "has not the 17 joints"),
    ("coco", _people({"keypoints": _PLACES}), "no image_id"),
    ("coco", _people({"image_id": "cover.jpg", "keypoints": _PLACES}), "no image_id with a number"),
    ("coco", _people({"image_id": f"{'9' * 5000}.jpg", "keypoints": _PLACES}), "no image_id with a number"),
    (
        "coco",
        _people(*({"image_id": name, "keypoints": _PLACES} for name in ("a/1.jpg", "b/1.jpg", "b/2.jpg"))),
        "its image_ids, such as a/1.jpg and b/1.jpg, have no number that is another one in each",
    ),
    ("coco", _people({"image_id": "0.jpg", "keypoints": [1.0] * 50}), "50 numbers in keypoints where COCO's 17 joints have 51"),
    (
        "coco",
        _people({"image_id": 1, "keypoints": _PLACES}, {"image_id": 2, "keypoints": [9.0] * 78}),
        "17 joints here and 26 there",
    ),
    ("coco", _people(*({"image_id": n, "keypoints": _PLACES} for n in (1, 10**9))), "frames from 0 to"),
    ("coco", _people({"image_id": 1, "keypoints": [9.0] * 9 + [0.0] * 42}), "no person in any frame who can be followed"),
    ("coco", _people({"image_id": 1, "keypoints": [0.5] * 51}), "shares of the picture, not pixels"),
    ("coco", _archive(a=_VIDEO), "no JSON file"),
    ("videopose3d", _json([]), "not a zip file"),
    ("videopose3d", _archive(a=_VIDEO, b=_VIDEO), "2 videos: a, b"),
    ("videopose3d", _archive(a={"custom": []}), "no single array"),
    ("videopose3d", _archive(a={"S1": []}), "no single array"),
    ("videopose3d", _archive(a=[1]), "no single array"),
    ("videopose3d", _archive(a={"custom": [np.zeros((3, 16, 2))]}), r"shape \[3, 16, 2\]"),
    ("videopose3d", _archive({"layout_name": "h36m"}, a=_VIDEO), "joints are h36m's"),
    ("videopose3d", _archive(), "no table of videos"),
]


@pytest.mark.parametrize(("form", "make", "says"), BAD)
def test_what_cannot_be_used_is_one_sentence(form: str, make: Callable[[Path], Path], says: str, tmp_path: Path) -> None:
    path = make(tmp_path)
    for person in ("longest", "anyone", "1"):
        with pytest.raises(LifterError, match=says) as caught:
            read_detections(path, form, fps=25, image_size_px=SIZE, person=person)
        assert str(tmp_path) in caught.value.message and "\n" not in caught.value.message and caught.value.hint


def test_videopose3d_archives_may_know_the_size_and_hold_many_videos(tmp_path: Path) -> None:
    _, frames = motion("walk", frames=3)
    assert read("VideoPose3D", tmp_path, frames, image_size_px=None).image_size_px == SIZE
    path = _archive(a=_VIDEO, b={"custom": [np.full((2, 17, 2), 80.0)]})(tmp_path)
    assert len(read_detections(path, "videopose3d", fps=25, image_size_px=SIZE, video="b").detected) == 2
    with pytest.raises(LifterError, match="no video c"):
        read_detections(path, "videopose3d", fps=25, image_size_px=SIZE, video="c")
    with pytest.raises(LifterError, match="how large the picture was"):
        read_detections(path, "videopose3d", fps=25, image_size_px=None, video="b")


def test_the_pictures_size_must_fit(tmp_path: Path) -> None:
    _, frames = motion("walk", frames=3)
    path = mmpose(tmp_path, frames)
    with pytest.raises(LifterError, match="outside of a picture of 100x80: they reach to"):
        read_detections(path, "coco", fps=25, image_size_px=(100, 80))
    with pytest.raises(LifterError, match="no number of frames"):
        read_detections(path, "coco", fps=0, image_size_px=SIZE)
    with pytest.raises(LifterError, match="0x480 has no pixels"):
        read_detections(path, "coco", fps=25, image_size_px=(0, 480))


# ---------------------------------------------------------------------------------------------------- command line


@pytest.mark.parametrize("kind", ["OpenPose", "AlphaPose", "VideoPose3D"])
def test_the_command_line_makes_a_track_that_both_sides_read(kind: str, model: Path, tmp_path: Path) -> None:
    mediapipe, frames = motion("walk", frames=12)
    form, write = WRITERS[kind]
    out = tmp_path / "track.npz"
    options = ["--from", form, "--fps", "25", "--model", model, "--device", "cpu", "--progress", "json"]
    done = run("lift", write(tmp_path, frames), out, *options, *([] if form == "videopose3d" else ["--size", "640x480"]))
    assert done.returncode == 0, done.stdout + done.stderr
    assert events(done.stdout)[-1]["summary"]["detected_frames"] == 12
    track = read_track(out)
    np.testing.assert_array_equal(read_in_blender(out).positions_m, track.positions_m)
    assert track.provenance["detections"]["format"] == form and track.provenance["lifter_model"]["name"] == "small"
    # The detection in the track can be lifted again, and is the same.
    again = lift(read_detection(out), model=model, device="cpu")
    np.testing.assert_array_equal(again.positions_m, track.positions_m)


def test_bad_command_lines(tmp_path: Path) -> None:
    _, frames = motion("walk", frames=2)
    clip, out = mmpose(tmp_path, frames), tmp_path / "out.npz"
    touched = tmp_path / "touched"
    evil = tmp_path / "evil.npz"
    benchmarks.write_detections(evil, {"a": Touching(open, str(touched), "w")}, {})
    touched.unlink(missing_ok=True)
    lines: list[tuple[list[object], str]] = [
        (["lift", clip, out, "--from", "coco", "--size", "640x480"], "does not tell the frames a second"),
        (["lift", clip, out, "--from", "coco", "--fps", "25"], "does not say how large the picture was"),
        (["lift", clip, out, "--from", "coco", "--fps", "25", "--size", "640"], "640 is not WIDTHxHEIGHT"),
        (["lift", clip, out, "--from", "kinect", "--fps", "25"], "invalid choice: 'kinect'"),
        (["lift", clip, out, "--fps", "25"], "belong to --from"),
        (["lift", evil, out, "--from", "videopose3d", "--fps", "25"], "which is no part of an array"),
    ]
    for arguments, says in lines:
        done = run(*arguments)
        assert done.returncode == 2 and done.stdout == "" and done.stderr.count("\n") == 1, done
        assert done.stderr.startswith("error: ") and says in done.stderr, done.stderr
    assert not touched.exists() and not out.exists()
    assert "--from" in run("lift", "--help").stdout
