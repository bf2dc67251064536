"""2D poses of other detectors as a detection: OpenPose's BODY_25, COCO's 17 joints in several spellings, VideoPose3D's archives.

The result is a `Pose2DTrack` like MediaPipe's own, joints matched by name, so that everything after it is the same. What the
other detector lacks is said, not invented: such landmarks have confidence 0, and their place is held. Between frames in which the
landmark was seen it keeps to the part of the body it hangs on; what was never seen lies where that part is. There are no world
landmarks: they are zero, and nothing is blended in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .data.restricted import read_npz
from .errors import LifterError
from .joints import LANDMARK_INDEX, LANDMARK_NAMES
from .people import CHOICES, chosen, follow
from .track_file import Pose2DTrack

_HEAD = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
COCO_17: tuple[str, ...] = (
    *_HEAD,
    *(f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")),
)
# The names that are none of ours (neck, mid_hip, ...) are read over.
BODY_25: tuple[str, ...] = (
    *("nose", "neck"),
    *(f"{side}_{part}" for side in ("right", "left") for part in ("shoulder", "elbow", "wrist")),
    "mid_hip",
    *(f"{side}_{part}" for side in ("right", "left") for part in ("hip", "knee", "ankle")),
    *("right_eye", "left_eye", "right_ear", "left_ear"),
    *(f"{side}_{part}" for side in ("left", "right") for part in ("foot_index", "small_toe", "heel")),
)
_HALPE_26 = (
    *COCO_17,
    *(
        "head",
        "neck",
        "mid_hip",
        "left_foot_index",
        "right_foot_index",
        "left_small_toe",
        "right_small_toe",
        "left_heel",
        "right_heel",
    ),
)
_WHOLE_BODY = (*COCO_17, *(f"{side}_{part}" for side in ("left", "right") for part in ("foot_index", "small_toe", "heel")))
# How many joints a person of the COCO family has -> the names of the first of them: RTMPose and AlphaPose come in these sizes.
_COCO_FAMILY = {17: COCO_17, 26: _HALPE_26, 133: _WHOLE_BODY, 136: _HALPE_26}

# Landmark -> what it hangs on while it is not seen; those before it in this order. The trunk's four hang on nothing.
_TRUNK = ("left_hip", "right_hip", "left_shoulder", "right_shoulder")
_HANGS_ON: dict[str, str] = {
    "nose": "left_shoulder",
    **{name: "nose" for name in LANDMARK_NAMES[1:11]},
    **{
        f"{side}_{part}": f"{side}_{on}" for side in ("left", "right") for part, on in (("elbow", "shoulder"), ("wrist", "elbow"))
    },
    **{f"{side}_{part}": f"{side}_wrist" for side in ("left", "right") for part in ("pinky", "index", "thumb")},
    **{f"{side}_{part}": f"{side}_{on}" for side in ("left", "right") for part, on in (("knee", "hip"), ("ankle", "knee"))},
    **{f"{side}_{part}": f"{side}_ankle" for side in ("left", "right") for part in ("heel", "foot_index")},
}

# Below this a detector only guesses. OpenPose leaves such joints out itself.
_LEAST_CONFIDENCE = 0.1
_MOST_FRAMES = 1_000_000

# Frame number -> the people in it, each [J, 3] of x, y (pixels) and confidence.
_People = dict[int, list[np.ndarray]]


def read_detections(
    path: Path, form: str, *, fps: float, image_size_px: tuple[int, int] | None, video: str = "", person: str = CHOICES[0]
) -> Pose2DTrack:
    """One person, of several the one that `person` says (people.chosen), followed through a file (or folder) of another detector.

    form: openpose, coco or videopose3d. fps: frames a second of the video that was detected. image_size_px: width and height of
    its pictures; only videopose3d files may know it themselves. video: which one of a videopose3d file. Raises LifterError.
    """
    if not 0 < fps < 1e4:
        raise LifterError(f"{fps:g} is no number of frames a second.", hint="Give the video's with --fps.")
    if image_size_px and min(image_size_px) < 1:
        raise LifterError(
            f"A picture of {image_size_px[0]}x{image_size_px[1]} has no pixels.", hint="Give the video's with --size."
        )
    if not path.exists():
        raise LifterError(f"There is no file {path}.", hint="Check the name and the folder.")
    if form == "videopose3d":
        people, names, size = _read_videopose3d(path, video)
        image_size_px = image_size_px or size
    else:
        people, names = (_read_openpose if form == "openpose" else _read_coco)(path)
    if image_size_px is None:
        raise LifterError(f"{path} does not say how large the picture was.", hint="Give it with --size WIDTHxHEIGHT.")
    people = {number: [_cleaned(person) for person in frame] for number, frame in people.items()}
    _check_pixels(path, people, image_size_px)
    people = {number: [_within_reach(person, image_size_px) for person in frame] for number, frame in people.items()}
    numbers = np.arange(min(people), max(people) + 1)
    known = sorted(people)
    everybody = follow([people[n] for n in known], [n / fps for n in known])
    if not everybody:
        raise LifterError(
            f"{path} has no person in any frame who can be followed: too few joints were found.",
            hint="Choose a video that shows one, or another detector.",
        )
    meant = chosen(everybody, person, image_size_px)
    followed = {known[frame]: people[known[frame]][place] for frame, place in meant.places.items()}
    seen = landmarks_of(np.stack([followed.get(int(n), np.full((len(names), 3), np.nan)) for n in numbers]), names)
    detected = np.isfinite(seen[..., 0]).any(1)
    if not np.isfinite(seen[:, [LANDMARK_INDEX[name] for name in _TRUNK], 0]).any():
        raise LifterError(f"{path} shows nobody's shoulders or hips.", hint="Choose a video that does, or another detector.")
    confidence = np.where(np.isfinite(seen[..., 0]), seen[..., 2], 0.0)
    points = _held(seen[..., :2], detected)
    world = np.where(detected[:, None, None], np.zeros((1, len(LANDMARK_NAMES), 3)), np.nan)
    return Pose2DTrack(
        fps=float(fps),
        timestamps_s=numbers / fps,
        landmarks_px=points.astype(np.float32),
        landmark_confidence=confidence.astype(np.float32),
        world_landmarks_m=world.astype(np.float32),
        detected=detected,
        image_size_px=image_size_px,
        provenance={"detections": {"format": form, "name": path.name, "people": max(map(len, people.values()))}},
    )


def landmarks_of(points: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Joints [..., J, D] of these names as the 33 landmarks [..., 33, D]; NaN where there is none of the name."""
    out = np.full((*points.shape[:-2], len(LANDMARK_NAMES), points.shape[-1]), np.nan)
    for i, name in enumerate(names):
        if name in LANDMARK_INDEX:
            out[..., LANDMARK_INDEX[name], :] = points[..., i, :]
    return out


# -------------------------------------------------------------------------------------------------------- formats


def _read_openpose(path: Path) -> tuple[_People, tuple[str, ...]]:
    """A folder of <name>_<12 digits>_keypoints.json as `--write_json` makes it, or one such file."""
    people: _People = {}
    for number, content in _frames_of(path, r"(\d+)_keypoints$"):
        if not isinstance(content, dict) or not isinstance(content.get("people"), list):
            raise _bad(path, f"frame {number} is no OpenPose output", "openpose")
        people[number] = [_flat(path, number, person, "pose_keypoints_2d", (25,), "openpose") for person in content["people"]]
    return people, BODY_25


def _read_coco(path: Path) -> tuple[_People, tuple[str, ...]]:
    """mmpose's JSON (a list of frames, alone or under "instance_info"; a folder of single frames), or a list of people with
    image_id and keypoints, as AlphaPose and COCO's results have it."""
    frames = _frames_of(path, r"(\d+)$")
    content = frames[0][1]
    if isinstance(content, dict) and "instance_info" in content:
        content = content["instance_info"]
    if not isinstance(content, list):
        raise _bad(path, "it is neither a list of frames nor of people", "coco")
    people: _People = {}
    if len(frames) > 1 or not content or _is_instance(content[0]):
        for number, instances in frames:
            people[number] = _instances(path, number, instances)
    elif isinstance(content[0], dict) and "instances" in content[0]:
        for frame in content:
            if not isinstance(frame, dict) or not isinstance(frame.get("frame_id"), int):
                raise _bad(path, "a frame has no frame_id", "coco")
            people[frame["frame_id"]] = _instances(path, frame["frame_id"], frame.get("instances"))
        people = _from_zero(people)
    else:
        people = _by_image(path, content)
    sizes = {len(person) for frame in people.values() for person in frame}
    if len(sizes) > 1:
        raise _bad(path, f"its people have {min(sizes)} joints here and {max(sizes)} there", "coco")
    return people, _COCO_FAMILY[sizes.pop() if sizes else 17]


def _read_videopose3d(path: Path, video: str) -> tuple[_People, tuple[str, ...], tuple[int, int] | None]:
    """An archive of a custom data set: `positions_2d`[video]["custom"] is a list with one array [T, 17, 2]; `metadata`."""
    hint = "Give the data_2d_custom_<name>.npz that VideoPose3D's prepare_data_2d_custom.py makes."
    values = read_npz(path, ["positions_2d", "metadata"], hint=hint)
    table, metadata = values["positions_2d"], values["metadata"]
    if not isinstance(table, dict) or not table or not isinstance(metadata, dict):
        raise _bad(path, "it has no table of videos", "videopose3d")
    if metadata.get("layout_name", "coco") != "coco" or metadata.get("num_joints", 17) != 17:
        raise _bad(path, f"its joints are {metadata.get('layout_name')}'s, not COCO's", "videopose3d")
    if len(table) > 1 and not video:
        names = ", ".join(sorted(map(str, table)))
        raise LifterError(f"{path} holds {len(table)} videos: {names}.", hint="Choose one with --video NAME.")
    video = video or str(next(iter(table)))
    if video not in table:
        raise LifterError(f"{path} has no video {video}.", hint=f"Choose one of: {', '.join(sorted(map(str, table)))}.")
    try:
        (points,) = (np.asarray(view, dtype=np.float64) for view in table[video]["custom"])
    except (KeyError, TypeError, ValueError):
        raise _bad(path, f"the video {video} has no single array under 'custom'", "videopose3d") from None
    if points.ndim != 3 or points.shape[1:] != (17, 2) or not len(points):
        raise _bad(path, f"the video {video} has the shape {list(points.shape)} instead of [T, 17, 2]", "videopose3d")
    # The format has no confidences; what it has it is sure of.
    people = {number: [np.column_stack([frame, np.ones(17)])] for number, frame in enumerate(points)}
    try:
        picture = metadata["video_metadata"][video]
        size = (int(picture["w"]), int(picture["h"]))
    except (KeyError, TypeError, ValueError):
        return people, COCO_17, None
    return people, COCO_17, size


def _by_image(path: Path, content: list[Any]) -> _People:
    """People with an image_id each: a file's name with the frame's number in it, or the number of an image."""
    people: _People = {}
    images = [person.get("image_id") if isinstance(person, dict) else None for person in content]
    numbers = _numbers_in(path, dict.fromkeys(image for image in images if isinstance(image, str)))
    for person, image in zip(content, images, strict=True):
        if not isinstance(image, str | int):
            raise _bad(path, "a person has no image_id with a number in it", "coco")
        number = numbers[image] if isinstance(image, str) else image
        people.setdefault(number, []).append(_flat(path, number, person, "keypoints", tuple(_COCO_FAMILY), "coco"))
    # A video's frames are called by their number, which is their time; numbers of a data set's images are just numbers.
    return people if numbers else _from_zero(people)


def _numbers_in(path: Path, images: Iterable[str]) -> dict[str, int]:
    """The frame's number in the name of each image: the last of the numbers in the names that no two names share. Where all have
    the same size or camera behind it, that is not it."""
    found = {image: [int(d) for d in re.findall(r"\d+", Path(image).stem) if len(d) < 19] for image in images}
    if not all(found.values()):
        raise _bad(path, "a person has no image_id with a number in it", "coco")
    for place in range(1, min(map(len, found.values()), default=0) + 1):
        numbers = {image: each[-place] for image, each in found.items()}
        if len(set(numbers.values())) == len(numbers):
            return numbers
    if found:
        names = " and ".join(list(found)[:2])
        raise _bad(path, f"its image_ids, such as {names}, have no number that is another one in each", "coco")
    return {}


def _instances(path: Path, number: int, instances: Any) -> list[np.ndarray]:
    """mmpose's people of one frame: "keypoints" [[x, y], ...] and "keypoint_scores"."""
    if not isinstance(instances, list) or not all(map(_is_instance, instances)):
        raise _bad(path, f"frame {number} has no list of people with keypoints and keypoint_scores", "coco")
    people = []
    for instance in instances:
        points, scores = _numbers(instance["keypoints"]), _numbers(instance["keypoint_scores"])
        if points.ndim != 2 or len(points) not in _COCO_FAMILY or points.shape[1] != 2 or scores.shape != (len(points),):
            raise _bad(path, f"a person in frame {number} has not the 17 joints of COCO", "coco")
        people.append(np.column_stack([points, scores]))
    return people


def _is_instance(value: Any) -> bool:
    return isinstance(value, dict) and "keypoints" in value and "keypoint_scores" in value


def _flat(path: Path, number: int, person: Any, key: str, joints: Iterable[int], form: str) -> np.ndarray:
    """One list x, y, confidence, x, y, confidence, ... -> [J, 3]."""
    values = _numbers(person.get(key)) if isinstance(person, dict) else np.zeros(0)
    if values.ndim != 1 or len(values) not in {3 * count for count in joints}:
        wanted = "BODY_25 has 75" if form == "openpose" else "COCO's 17 joints have 51"
        raise _bad(path, f"a person in frame {number} has {values.size} numbers in {key} where {wanted}", form)
    return values.reshape(-1, 3)


def _numbers(value: Any) -> np.ndarray:
    try:
        return np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.zeros(0)


def _frames_of(path: Path, pattern: str) -> list[tuple[int, Any]]:
    """(frame number, JSON content) of a file, or of every .json of a folder, by the numbers in their names."""
    if not path.is_dir():
        return [(0, _json(path))]
    files = sorted(file for file in path.iterdir() if file.suffix == ".json")
    numbers = [int(found[1]) if (found := re.search(pattern, file.stem)) else -1 for file in files]
    if not files or min(numbers) < 0 or len(set(numbers)) < len(numbers):
        raise LifterError(
            f"The folder {path} is not one JSON file a frame, each with the frame's number at the end of its name.",
            hint="Give the folder of one video, as the detector wrote it.",
        )
    return sorted(zip(numbers, map(_json, files), strict=True), key=lambda frame: frame[0])


def _json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise LifterError(f"Cannot read {path}: {reason.strerror}.", hint="Check the name and the folder.") from None
    except (ValueError, RecursionError):
        raise LifterError(f"{path} is no JSON file, or is cut off.", hint="Run the detector again.") from None


def _from_zero(people: _People) -> _People:
    first = min(people, default=0)
    return {number - first: frame for number, frame in people.items()}


def _bad(path: Path, what: str, form: str) -> LifterError:
    hints = {
        "openpose": "Run OpenPose with --write_json and --model_pose BODY_25.",
        "coco": "Give the JSON that mmpose, RTMPose or AlphaPose (--format coco) wrote, or COCO results.",
        "videopose3d": "Give the data_2d_custom_<name>.npz that VideoPose3D's prepare_data_2d_custom.py makes.",
    }
    return LifterError(f"{path} cannot be used: {what}.", hint=hints[form])


# --------------------------------------------------------------------------------------------- people and their joints


def _cleaned(person: np.ndarray) -> np.ndarray:
    """[J, 3] with NaN for joints that were not found and confidences from 0 to 1."""
    found = np.isfinite(person).all(1) & (person[:, 2] >= _LEAST_CONFIDENCE)
    return np.where(found[:, None], np.column_stack([person[:, :2], person[:, 2].clip(0, 1)]), np.nan)


def _within_reach(person: np.ndarray, image_size_px: tuple[int, int]) -> np.ndarray:
    """NaN for joints farther beyond the picture's edge than the picture is large: errors, up to numbers that no float32 holds."""
    size = np.array(image_size_px)
    beyond = np.maximum(-person[:, :2], person[:, :2] - size)
    return np.where((beyond <= size).all(1, keepdims=True), person, np.nan)


def _check_pixels(path: Path, people: _People, image_size_px: tuple[int, int]) -> None:
    """Raises LifterError where there is nobody, or the places are not pixels of such a picture."""
    found = [person[np.isfinite(person[:, 0]), :2] for frame in people.values() for person in frame]
    points = np.concatenate(found) if found else np.zeros((0, 2))
    if not len(points):
        raise LifterError(f"{path} has no person in any frame.", hint="Choose a video that shows one.")
    if max(people) - min(people) >= _MOST_FRAMES:
        raise LifterError(f"{path} has frames from {min(people)} to {max(people)}.", hint="Give the file of one video.")
    if np.abs(points).max() <= 2:
        raise LifterError(f"The places in {path} are shares of the picture, not pixels.", hint="Let the detector write pixels.")
    inside = ((points >= 0) & (points <= image_size_px)).all(1)
    if inside.mean() < 0.5:
        reach = "x".join(f"{value:.0f}" for value in np.percentile(points, 99, axis=0))
        raise LifterError(
            f"Most joints in {path} are outside of a picture of {image_size_px[0]}x{image_size_px[1]}: they reach to {reach}.",
            hint="Give the size of the pictures that the detector saw with --size.",
        )


def _held(points: np.ndarray, detected: np.ndarray) -> np.ndarray:
    """[T, 33, 2] with NaN for what was not seen -> finite in every detected frame; the others stay NaN."""
    out = points.copy()
    at = {name: out[:, i] for name, i in LANDMARK_INDEX.items()}
    seen_trunk = [name for name in _TRUNK if np.isfinite(at[name][:, 0]).any()]
    for name in seen_trunk:
        at[name][:] = _between(at[name])
    for name in set(_TRUNK) - set(seen_trunk):
        side, part = name.split("_")
        other = f"{'right' if side == 'left' else 'left'}_{part}"
        at[name][:] = at[other if other in seen_trunk else seen_trunk[0]]
    for name, on in _HANGS_ON.items():
        at[name][:] = at[on] + _between(at[name] - at[on])
    out[~detected] = np.nan
    return out


def _between(values: np.ndarray) -> np.ndarray:
    """[T, 2]: NaN interpolated over time and held at the ends; zero where there is nothing else."""
    known = np.isfinite(values[:, 0])
    if not known.any():
        return np.zeros_like(values)
    frames, places = np.arange(len(values)), np.flatnonzero(known)
    return np.stack([np.interp(frames, places, values[known, axis]) for axis in range(values.shape[1])], axis=1)
