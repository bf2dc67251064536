"""The pose model file, and detection with the real MediaPipe on real clips."""

from __future__ import annotations

import errno
import hashlib
import itertools
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from lifter import detect as detect_module
from lifter import landmark_model
from lifter.background import BackgroundMotion
from lifter.clip import frames, open_clip
from lifter.detect import Cancelled, detect
from lifter.errors import LifterError
from lifter.joints import LANDMARK_INDEX
from lifter.landmark_model import LandmarkModel, find_hand_model, find_landmark_model, make_task_from_wheel
from lifter.landmarker import bodies_landmarker
from lifter.look import LookAround, Seen
from lifter.tflite_file import with_input_scale
from lifter.track_file import read_detection, write_detection

from .conftest import HEIGHT_PX, REPOSITORY, SHARED_CLIPS, WIDTH_PX, numbered_picture, set_rotation
from .test_background import off_deg, turned, turns_of

DEMO = REPOSITORY / "tests/data/demo.mp4"
needs_shared_clips = pytest.mark.skipif(not SHARED_CLIPS.is_dir(), reason="needs the shared clips")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return landmark_model.obtain_wheel(tmp_path_factory.mktemp("wheel"))


def test_the_made_model_is_always_the_same_file(wheel: Path, tmp_path: Path) -> None:
    assert make_task_from_wheel(wheel, tmp_path / "a.task") == landmark_model.MADE_SHA256
    assert hashlib.sha256((tmp_path / "a.task").read_bytes()).hexdigest() == landmark_model.MADE_SHA256
    assert [p.name for p in tmp_path.iterdir()] == ["a.task"]


def test_the_hands_model_is_made_from_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    said: list[str] = []
    model = find_hand_model(models_dir=tmp_path, wheel=wheel, say=said.append)
    assert (model.path.name, model.sha256, model.known) == (landmark_model.HAND_NAME, landmark_model.HAND_SHA256, True)
    assert hashlib.sha256(model.path.read_bytes()).hexdigest() == landmark_model.HAND_SHA256 and not said
    assert find_hand_model(models_dir=tmp_path, wheel=tmp_path / "none.whl") == model
    model.path.write_bytes(b"half")
    assert find_hand_model(models_dir=tmp_path, wheel=wheel, say=said.append) == model
    assert len(said) == 1 and "damaged" in said[0]
    with zipfile.ZipFile(model.path) as task, zipfile.ZipFile(wheel) as packed:
        assert [task.read(name) for _, _, name in landmark_model.HAND.members] == [
            packed.read(member) for member, _, _ in landmark_model.HAND.members
        ]


def test_one_download_makes_both_models(wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmark_model, "obtain_wheel", lambda folder, recipe: wheel)
    for find, folder in ((find_landmark_model, tmp_path / "a"), (find_hand_model, tmp_path / "b")):
        find(models_dir=folder)
        assert sorted(p.name for p in folder.iterdir()) == [landmark_model.HAND_NAME, landmark_model.MADE_NAME]


def test_without_a_network_the_hands_can_be_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_EXTRA_INDEX_URL", raising=False)
    with pytest.raises(LifterError, match="The hand model could not be fetched") as caught:
        find_hand_model(models_dir=tmp_path)
    assert "hands out" in caught.value.hint and list(tmp_path.iterdir()) == []


def test_the_made_model_is_the_wheels_models_and_the_input_scale(wheel: Path, tmp_path: Path) -> None:
    # MediaPipe's own schema reads what was written without it.
    from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata_schema
    from mediapipe.tasks.metadata import schema_py_generated as schema

    make_task_from_wheel(wheel, tmp_path / "a.task")
    with zipfile.ZipFile(tmp_path / "a.task") as task, zipfile.ZipFile(wheel) as archive:
        detector, landmarks = task.read("pose_detector.tflite"), task.read("pose_landmarks_detector.tflite")
        assert detector == archive.read("mediapipe/modules/pose_detection/pose_detection.tflite")
        original = archive.read("mediapipe/modules/pose_landmark/pose_landmark_full.tflite")
        whole_file = (tmp_path / "a.task").read_bytes()
        for model in (detector, original):
            assert whole_file.index(model) % 16 == 0
    assert landmarks.endswith(original)
    old, new = (schema.ModelT.InitFromPackedBuf(data) for data in (original, landmarks))
    assert (new.version, new.description, len(new.subgraphs)) == (old.version, old.description, len(old.subgraphs))
    assert len(new.operatorCodes) == len(old.operatorCodes) and len(new.buffers) == len(old.buffers) + 1
    (graph,), (whole,) = new.subgraphs, old.subgraphs
    assert len(graph.tensors) == len(whole.tensors) and list(graph.inputs) == list(whole.inputs)
    # The outline is gone, the rest is where it was, and nothing is computed that nobody needs.
    assert [i for i in range(5) if graph.outputs[i] != whole.outputs[i]] == [2]
    assert list(whole.tensors[whole.outputs[2]].shape) == [1, 256, 256, 1]
    ways = [(tuple(operator.inputs), tuple(operator.outputs)) for operator in graph.operators]
    all_ways = [(tuple(operator.inputs), tuple(operator.outputs)) for operator in whole.operators]
    assert ways == [way for way in all_ways if way in set(ways)] and len(all_ways) - len(ways) == 46
    taken = {tensor for inputs, _ in ways for tensor in inputs} | set(graph.outputs)
    assert all(taken.intersection(outputs) for _, outputs in ways)
    made = set(graph.inputs)
    for inputs, outputs in ways:
        constant = {
            i for i in inputs if i < 0 or graph.tensors[i].buffer and new.buffers[graph.tensors[i].buffer].data is not None
        }
        assert set(inputs) - constant <= made
        made.update(outputs)
    for a, b in zip(new.buffers, old.buffers, strict=False):
        np.testing.assert_array_equal(a.data if a.data is not None else (), b.data if b.data is not None else ())
    assert [entry.name for entry in new.metadata[:-1]] == [entry.name for entry in old.metadata]
    assert new.metadata[-1].name == b"TFLITE_METADATA"
    for model, mean, std in ((new, 0.0, 255.0), (schema.ModelT.InitFromPackedBuf(detector), 127.5, 127.5)):
        entry = next(entry for entry in model.metadata if entry.name == b"TFLITE_METADATA")
        metadata = metadata_schema.ModelMetadataT.InitFromPackedBuf(bytes(model.buffers[entry.buffer].data))
        tensor = metadata.subgraphMetadata[0].inputTensorMetadata[0]
        assert tensor.content.contentProperties.colorSpace == metadata_schema.ColorSpaceType.RGB
        assert (list(tensor.processUnits[0].options.mean), list(tensor.processUnits[0].options.std)) == ([mean], [std])


def test_a_damaged_cached_model_is_made_again(wheel: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / landmark_model.MADE_NAME
    path.write_bytes(b"half a model")
    model = find_landmark_model(models_dir=tmp_path, wheel=wheel, say=said.append)
    assert (model.path, model.sha256, model.known) == (path, landmark_model.MADE_SHA256, True)
    assert "damaged" in said[0]
    # The second time there is nothing to do, and no wheel is needed.
    assert find_landmark_model(models_dir=tmp_path, wheel=tmp_path / "none.whl", say=said.append) == model
    assert len(said) == 1


def _with_outline(wheel: Path, path: Path) -> Path:
    """The file that earlier versions made."""
    with zipfile.ZipFile(wheel) as packed:
        members = {name: packed.read(member) for member, _, name in landmark_model.BODY.members}
    name = "pose_landmarks_detector.tflite"
    members[name] = with_input_scale(members[name], mean=0.0, std=255.0)
    landmark_model._write_aligned_zip(path, members)
    return path


def test_the_model_of_an_earlier_version_is_made_the_present_one(wheel: Path, tmp_path: Path) -> None:
    said: list[str] = []
    path = _with_outline(wheel, tmp_path / landmark_model.MADE_NAME)
    earlier = hashlib.sha256(path.read_bytes()).hexdigest()
    assert find_landmark_model(path) == LandmarkModel(path, earlier, True)  # given: as it is
    model = find_landmark_model(models_dir=tmp_path, wheel=tmp_path / "none.whl", say=said.append)
    assert model == LandmarkModel(path, landmark_model.MADE_SHA256, True) and not said
    assert hashlib.sha256(path.read_bytes()).hexdigest() == landmark_model.MADE_SHA256 != earlier
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_the_model_of_an_earlier_version_serves_where_nothing_can_be_written(
    wheel: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _with_outline(wheel, tmp_path / landmark_model.MADE_NAME)
    before = path.read_bytes()

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(landmark_model, "_write_aligned_zip", full)
    model = find_landmark_model(models_dir=tmp_path)
    assert model == LandmarkModel(path, hashlib.sha256(before).hexdigest(), True)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == [path.name]


def test_without_the_outline_every_landmark_is_the_same(
    made_model: LandmarkModel, wheel: Path, person_clip: Path, tmp_path: Path
) -> None:
    clip = open_clip(person_clip, end_s=4.0)
    pictures = list(frames(clip))
    found = []
    for path in (made_model.path, _with_outline(wheel, tmp_path / "earlier.task")):
        with bodies_landmarker(path, people=1) as bodies_of:
            found.append([bodies_of(rgb, round(timestamp_s * 1000)) for timestamp_s, rgb in pictures])
    assert len(pictures) >= 20 and all(len(bodies) == 1 for bodies in found[0])
    np.testing.assert_array_equal(*found)


def test_wrong_wheels_are_refused_and_leave_nothing(wheel: Path, tmp_path: Path) -> None:
    (tmp_path / "text.whl").write_text("no wheel")
    with zipfile.ZipFile(tmp_path / "other.whl", "w") as other:
        other.writestr("mediapipe/__init__.py", "")
    with zipfile.ZipFile(tmp_path / "changed.whl", "w") as changed, zipfile.ZipFile(wheel) as archive:
        for member in (
            "mediapipe/modules/pose_detection/pose_detection.tflite",
            "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        ):
            changed.writestr(member, archive.read(member)[:-1] + b"x")
    for name, sentence in (
        ("none.whl", "cannot be read"),
        ("text.whl", "cannot be read"),
        ("other.whl", "carries no pose models"),
        ("changed.whl", "is not the expected model"),
    ):
        with pytest.raises(LifterError, match=sentence):
            make_task_from_wheel(tmp_path / name, tmp_path / "out" / "a.task")
    assert not (tmp_path / "out").exists()


def test_a_given_model(made_model: LandmarkModel, tmp_path: Path) -> None:
    assert find_landmark_model(made_model.path) == made_model
    assert find_landmark_model(made_model.path, sha256=made_model.sha256.upper()).known
    with pytest.raises(LifterError, match="has SHA-256"):
        find_landmark_model(made_model.path, sha256="0" * 64)
    with pytest.raises(LifterError, match="no pose model file"):
        find_landmark_model(tmp_path / "none.task")
    (tmp_path / "text.task").write_text("no model")
    with pytest.raises(LifterError, match=r"not a MediaPipe \.task"):
        find_landmark_model(tmp_path / "text.task")
    with zipfile.ZipFile(tmp_path / "other.task", "w") as other:
        other.writestr("a.txt", "")
    assert not find_landmark_model(tmp_path / "other.task").known


@needs_shared_clips
def test_a_zip_that_is_no_model_is_refused_by_a_sentence(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "other.task", "w") as other:
        other.writestr("a.txt", "")
    with pytest.raises(LifterError, match="MediaPipe cannot use the pose model"):
        detect(open_clip(SHARED_CLIPS / "squats-5fps.mp4"), landmark_model=find_landmark_model(tmp_path / "other.task"))


@needs_shared_clips
def test_a_person_is_found_where_they_are(made_model: LandmarkModel, tmp_path: Path) -> None:
    calls: list[tuple[int, int | None]] = []
    clip = open_clip(SHARED_CLIPS / "squats-5fps.mp4", end_s=3.95)
    track = detect(clip, landmark_model=made_model, progress=lambda done, total: calls.append((done, total)))
    assert track.detected.all() and len(track.timestamps_s) == 20
    assert calls == [(i, 20) for i in range(1, 21)]
    assert (track.fps, track.image_size_px) == (5.0, (720, 1280))
    points = {name: track.landmarks_px[:, i] for name, i in LANDMARK_INDEX.items()}
    # A whole person, upright in the picture: pixels of the full picture, y down.
    assert (points["nose"][:, 1] < points["left_hip"][:, 1]).all() and (
        points["left_hip"][:, 1] < points["left_ankle"][:, 1]
    ).all()
    assert 0.3 * 1280 < np.mean(points["left_ankle"][:, 1] - points["nose"][:, 1]) < 1280
    # Hip-centred, in metres, y down too.
    world = track.world_landmarks_m
    hips = (world[:, LANDMARK_INDEX["left_hip"]] + world[:, LANDMARK_INDEX["right_hip"]]) / 2
    assert np.abs(hips).max() < 0.05
    assert 0.3 < np.mean(world[:, LANDMARK_INDEX["left_ankle"], 1] - world[:, LANDMARK_INDEX["nose"], 1]) < 2.2
    assert track.landmark_confidence.mean() > 0.8
    write_detection(tmp_path / "a.npz", track)
    read = read_detection(tmp_path / "a.npz")
    assert read.provenance["clip"]["sha256"] == clip.sha256
    assert read.provenance["landmark_model"]["sha256"] == made_model.sha256
    assert read.provenance["versions"]["lifter"] != "unknown"


@needs_shared_clips
def test_a_turned_clip_gives_the_same_landmarks(made_model: LandmarkModel, tmp_path: Path) -> None:
    # The same pictures twice: upright, and lying on their side under a display matrix that turns them back.
    source = cv2.VideoCapture(str(SHARED_CLIPS / "squats-5fps.mp4"))
    upright, turned = tmp_path / "upright.mp4", tmp_path / "turned.mp4"
    writers = [
        cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 5, size)
        for path, size in ((upright, (720, 1280)), (turned, (1280, 720)))
    ]
    for _ in range(10):
        _, frame = source.read()
        writers[0].write(frame)
        writers[1].write(cv2.rotate(frame, cv2.ROTATE_90_COUNTERCLOCKWISE))
    for writer in writers:
        writer.release()
    set_rotation(turned, 90)
    a, b = (detect(open_clip(path), landmark_model=made_model) for path in (upright, turned))
    assert a.image_size_px == b.image_size_px == (720, 1280)
    # Two encodings of the same pictures, so not quite the same pixels.
    assert np.median(np.linalg.norm(a.landmarks_px - b.landmarks_px, axis=-1)) < 5


@needs_shared_clips
def test_landmarks_refer_to_the_full_picture_of_a_four_k_clip(made_model: LandmarkModel, tmp_path: Path) -> None:
    source = cv2.VideoCapture(str(SHARED_CLIPS / "walk-sit-stand.mp4"))
    source.set(cv2.CAP_PROP_POS_FRAMES, 60)
    writers = {
        size: cv2.VideoWriter(str(tmp_path / f"{size}.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 20, (size, size))
        for size in (720, 2880)
    }
    for _ in range(6):
        _, frame = source.read()
        for size, writer in writers.items():
            writer.write(cv2.resize(frame, (size, size)))
    for writer in writers.values():
        writer.release()
    small, large = (detect(open_clip(tmp_path / f"{size}.mp4"), landmark_model=made_model) for size in (720, 2880))
    assert large.image_size_px == (2880, 2880)
    assert np.median(np.linalg.norm(small.landmarks_px - large.landmarks_px / 4, axis=-1)) < 6


def _squats(count: int) -> list[np.ndarray]:
    """The first pictures of a real clip with one person, 360 pixels wide."""
    source = cv2.VideoCapture(str(SHARED_CLIPS / "squats-5fps.mp4"))
    pictures = [source.read()[1] for _ in range(count)]
    return [cv2.resize(picture, (360, 360 * picture.shape[0] // picture.shape[1])) for picture in pictures]


def _clip_of(pictures: list[np.ndarray], path: Path) -> Path:
    """A clip of 5 frames a second."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 5, pictures[0].shape[1::-1])
    for picture in pictures:
        writer.write(picture)
    writer.release()
    return path


@needs_shared_clips
def test_of_two_people_the_one_that_was_asked_for(made_model: LandmarkModel, tmp_path: Path) -> None:
    """Somebody and, beside them, their mirror image, smaller and for a shorter time."""
    pictures = []
    for number, frame in enumerate(_squats(15)):
        beside = np.full_like(frame, 128)
        if number < 12:
            small = cv2.resize(frame[:, ::-1], None, fx=0.8, fy=0.8)
            beside[-small.shape[0] :, : small.shape[1]] = small
        pictures.append(np.hstack([frame, beside]))
    path = _clip_of(pictures, tmp_path / "two.mp4")
    tracks = {which: detect(open_clip(path), landmark_model=made_model, person=which) for which in ("longest", "2")}
    for which, side, frames_seen in (("longest", 0, 15), ("2", 1, 12)):
        track = tracks[which]
        assert track.detected.sum() >= frames_seen - 1 and not track.detected[frames_seen:].any()
        middle = track.landmarks_px[track.detected][:, [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]], 0].mean(axis=1)
        assert ((middle > 360) == side).all()
    assert [person["frames"] > 10 for person in tracks["2"].provenance["people"]["found"][:2]] == [True, True]
    with pytest.raises(LifterError, match="There is no person 9"):
        detect(open_clip(path), landmark_model=made_model, person="9")


def test_a_look_around_is_due_each_second_and_where_somebody_has_moved_on() -> None:
    def body(x: float) -> list[np.ndarray]:
        """Three fifths of a picture high that is twice as wide as that, with its middle at this share of the width."""
        marks = np.zeros((33, 6))
        marks[:, 0], marks[:, 1] = x, np.linspace(0.2, 0.8, 33)
        return [marks]

    def looks(places: list[float | None], fps: float = 10.0) -> list[int]:
        around = LookAround()
        return [i for i, x in enumerate(places) if around.due(i / fps, [] if x is None else body(x), 2.0)]

    assert looks([0.5] * 25) == [0, 10, 20]
    assert looks([None] * 25) == [0, 10, 20]
    assert looks([None] * 4 + [0.5] * 16) == [0, 4, 14], "somebody comes in"
    # 0.35 of 0.6 of the height is 0.105 of the width.
    assert looks([0.2 + 0.03 * i for i in range(20)]) == [0, 4, 8, 12, 16]
    assert looks([0.2 + 0.01 * i for i in range(20)]) == [0, 10]
    assert looks([0.2] * 5 + [0.8] * 3) == [0, 5], "another one is followed"
    assert looks([0.2] * 5 + [None] * 3 + [0.21] * 3) == [0, 10]


@needs_shared_clips
def test_somebody_who_passes_between_two_seconds_is_seen(made_model: LandmarkModel, tmp_path: Path) -> None:
    """One person moves through the picture, and only from 0.4 to 0.8 s there is another one."""
    pictures = []
    for number, frame in enumerate(_squats(11)):
        whole = np.full((frame.shape[0], 1400, 3), 128, np.uint8)
        if number in (2, 3, 4):
            whole[:, :360] = frame
        whole[:, 400 + 60 * number :][:, :360] = frame[:, ::-1]
        pictures.append(whole)
    path = _clip_of(pictures, tmp_path / "passing.mp4")
    found = detect(open_clip(path), landmark_model=made_model).provenance["people"]["found"]
    assert [person["frames"] for person in found[:2]] == [pytest.approx(11, abs=1), pytest.approx(3, abs=1)]


@needs_shared_clips
@pytest.mark.slow
def test_empty_stretches_are_marked_empty(made_model: LandmarkModel) -> None:
    path = SHARED_CLIPS / "people-one-by-one.mp4"
    track = detect(open_clip(path), landmark_model=made_model, person="anyone")
    share = _share_of_foreground(path, empty_frames=(5, 30, 50, 725, 735, 900, 910))
    empty, present = share < 0.0005, share > 0.03
    assert empty.sum() > 250 and present.sum() > 1000
    assert not track.detected[empty].any()
    assert track.detected[present].mean() > 0.97
    stretches = [(kind, len(list(frames))) for kind, frames in itertools.groupby(track.detected[2:-2])]
    assert sum(kind and length > 50 for kind, length in stretches) == 6
    # Nothing is invented where nobody is.
    assert np.isnan(track.landmarks_px[~track.detected]).all() and np.isnan(track.world_landmarks_m[~track.detected]).all()
    assert (track.landmark_confidence[~track.detected] == 0).all()


@needs_shared_clips
@pytest.mark.parametrize(("start_s", "end_s"), [(20, 32), (85, 100)])
def test_who_comes_in_is_not_found_in_their_hair(start_s: float, end_s: float, made_model: LandmarkModel) -> None:
    """From behind, heads first: MediaPipe begins with a whole body of 59 and of 88 to 148 pixels in the hair."""
    track = detect(open_clip(SHARED_CLIPS / "people-one-by-one.mp4", start_s=start_s, end_s=end_s), landmark_model=made_model)
    sizes = np.ptp(track.landmarks_px[track.detected], axis=1).max(-1)
    assert len(sizes) > 60 and sizes.min() > 200


def _far_away(heights_px: list[int], path: Path) -> Path:
    """A wide picture of a room with the person of the bundled clip in it, as large as the clip when it is so high."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (1280, 720))
    for height_px, (_, rgb) in zip(heights_px, frames(open_clip(DEMO)), strict=False):
        small = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), (height_px, height_px), interpolation=cv2.INTER_AREA)
        left, top = (1280 - height_px) * 3 // 4, (720 - height_px) * 2 // 3
        around = top, 720 - height_px - top, left, 1280 - height_px - left
        writer.write(cv2.copyMakeBorder(small, *around, cv2.BORDER_REPLICATE))
    writer.release()
    return path


@pytest.mark.parametrize("height_px", [270, 150])
def test_somebody_far_away_is_found(height_px: int, made_model: LandmarkModel, tmp_path: Path) -> None:
    """A quarter and a seventh as high as the picture."""
    usual = detect(open_clip(DEMO, end_s=1.58), landmark_model=made_model)
    track = detect(open_clip(_far_away([height_px] * 40, tmp_path / "far.mp4")), landmark_model=made_model)
    assert track.detected.all()
    inside = (track.landmarks_px - [(1280 - height_px) * 3 // 4, (720 - height_px) * 2 // 3]) / height_px
    apart = np.linalg.norm(inside - usual.landmarks_px / usual.image_size_px, axis=-1).mean()
    assert apart < 0.02 * np.median(np.ptp(usual.landmarks_px, axis=1).max(-1)) / usual.image_size_px[1]


def test_who_comes_from_far_away_is_found_there(made_model: LandmarkModel, tmp_path: Path) -> None:
    path = _far_away([150 + 5 * frame for frame in range(75)], tmp_path / "comes.mp4")
    assert detect(open_clip(path), landmark_model=made_model).detected.all()


def test_several_people_far_away_are_several(made_model: LandmarkModel, tmp_path: Path) -> None:
    """The person of the bundled clip and their mirror image, each a third as high as the picture."""
    path, size_px = tmp_path / "two.mp4", 360
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (1280, 720))
    for _, rgb in frames(open_clip(DEMO, end_s=1.58)):
        one = cv2.resize(cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), (size_px, size_px), interpolation=cv2.INTER_AREA)
        writer.write(cv2.copyMakeBorder(np.hstack([one, one[:, ::-1]]), 200, 160, 280, 280, cv2.BORDER_REPLICATE))
    writer.release()
    left, right = (detect(open_clip(path), landmark_model=made_model, person=which) for which in "12")
    assert left.detected.all() and right.detected.all()
    assert [person["frames"] for person in left.provenance["people"]["found"]] == [40, 40]
    middles = sorted(float(np.median(track.landmarks_px[..., 0])) for track in (left, right))
    assert middles[0] < 640 < middles[1] and middles[0] + middles[1] == pytest.approx(1280, abs=20)


@pytest.mark.parametrize(
    ("sizes", "small"),
    [
        ([0.0] * 30, True),
        ([0.2] * 30, False),
        ([0.0] * 12 + [0.2] * 18, True),
        ([0.2] * 18 + [0.0] * 12, True),
        ([0.2] * 10 + [0.0] * 9 + [0.2] * 11, False),  # for a moment
        ([0.0] * 12 + [0.5] * 18, False),
        ([0.0] * 12 + [0.1] * 2 + [0.6] * 16, False),  # in the hair of somebody who comes in
        ([0.0] * 12 + [0.2] * 10 + [0.6] * 8, True),
    ],
)
def test_a_closer_look_is_taken_where_somebody_may_be_small(sizes: list[float], small: bool) -> None:
    """At 10 frames a second, in a picture twice as wide as high; a body is so many shares of the width high, or there is none."""
    heights = np.linspace(0, 1, 33)
    bodies = [[np.column_stack([0 * heights, 2 * size * heights, np.zeros((33, 4))])] if size else [] for size in sizes]
    seen = Seen(BackgroundMotion(), [frame / 10 for frame in range(len(sizes))], bodies)
    assert detect_module._are_small(seen, (1280, 640)) == small


def _share_of_foreground(path: Path, *, empty_frames: tuple[int, ...]) -> np.ndarray:
    """[T]: how much of each picture differs from the empty room. A fixed camera, so this needs no network."""
    capture = cv2.VideoCapture(str(path))
    pictures = []
    while (read := capture.read())[0]:
        pictures.append(cv2.resize(cv2.cvtColor(read[1], cv2.COLOR_BGR2GRAY), (192, 108), interpolation=cv2.INTER_AREA))
    stack = np.stack(pictures).astype(np.int16)
    room = np.median(stack[list(empty_frames)], axis=0)
    return (np.abs(stack - room) > 25).mean((1, 2))


def test_a_clip_without_a_person(made_model: LandmarkModel, steady_clip: Path) -> None:
    with pytest.raises(LifterError, match="No person was found") as caught:
        detect(open_clip(steady_clip), landmark_model=made_model)
    assert "another part" in caught.value.hint


STEADY_S = np.arange(60) / 30


@pytest.mark.parametrize(
    ("times_s", "header_fps", "fps"),
    [
        (STEADY_S, 30, 30),
        (STEADY_S / 1.001, 29.97 * 1.001, 29.97 * 1.001),
        (STEADY_S + 0.004 * np.sin(np.arange(60)), 29.9, 29.9),  # as phones stamp
        (STEADY_S + 20 * (np.arange(60) >= 30), 2.7, 30),  # paused in between
        (STEADY_S + 5 * (np.arange(60) // 10), 1.1, 30),
        (np.delete(STEADY_S, slice(10, 50, 5)), 26, 30),  # pictures left out
        (np.cumsum(np.tile([0.08, 0.12], 20)), 25, 10),  # sampled
        (STEADY_S[:1], 24, 24),
        (np.array([0.0, 4.0]), 30, 0.25),
    ],
)
def test_the_rate_is_that_of_the_frames_and_not_of_pauses(times_s: np.ndarray, header_fps: float, fps: float) -> None:
    """It decides at how many frames a second an export is keyed: at 2.7 nothing would be left of a walk."""
    assert detect_module._nominal_fps(times_s, header_fps) == pytest.approx(fps, rel=0.04)


def test_frames_closer_than_a_millisecond(made_model: LandmarkModel, tmp_path: Path) -> None:
    # They must not reach MediaPipe as equal milliseconds, which it refuses.
    path = tmp_path / "fast.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 3000, (WIDTH_PX, HEIGHT_PX))
    for number in range(8):
        writer.write(numbered_picture(number))
    writer.release()
    assert len({round(time_s * 1000) for time_s, _ in frames(open_clip(path))}) < 8
    with pytest.raises(LifterError, match="No person was found"):
        detect(open_clip(path), landmark_model=made_model)


def test_cancelling(made_model: LandmarkModel, steady_clip: Path) -> None:
    answers = iter([False, False, True])
    with pytest.raises(Cancelled):
        detect(open_clip(steady_clip), landmark_model=made_model, cancelled=lambda: next(answers))


@needs_shared_clips
def test_a_camera_that_turns_in_a_real_clip(made_model: LandmarkModel, tmp_path: Path) -> None:
    """Somebody in an office, seen by a camera inside of the clip's own picture that turns to and fro by 8 degrees."""
    whole = cv2.VideoCapture(str(SHARED_CLIPS / "walk-sit-stand.mp4"))
    fps, focal_px, size = whole.get(cv2.CAP_PROP_FPS), 0.9 * 720, (500, 640)
    film = cv2.VideoWriter(str(tmp_path / "turning.avi"), cv2.VideoWriter_fourcc(*"MJPG"), fps, size)
    views = []
    while (read := whole.read())[0]:
        t = len(views) / fps
        views.append(turned(8 * np.sin(t), 2 * np.sin(2 * t), np.sin(3 * t)))
        into, out_of = (
            np.array([[focal_px, 0, w / 2], [0, focal_px, h / 2], [0, 0, 1]]) for w, h in (size, read[1].shape[1::-1])
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        film.write(cv2.warpPerspective(read[1], out_of @ views[-1] @ np.linalg.inv(into), size, flags=flags))
    film.release()
    track = detect(open_clip(tmp_path / "turning.avi"), landmark_model=made_model)
    told = track.provenance["camera_motion"]
    assert told["camera"] == "turning" and told["inlier_share"] > 0.9, told
    assert track.background_way_share is not None
    assert off_deg(turns_of(track.background_way_share, focal_px / max(size)), np.array(views)[: len(track.detected)]).max() < 0.6
    still = detect(open_clip(SHARED_CLIPS / "walk-sit-stand.mp4", end_s=3.0), landmark_model=made_model)
    assert still.provenance["camera_motion"]["camera"] == "still" and still.background_way_share is None
