"""A clip's 2D landmarks, by MediaPipe's PoseLandmarker in video mode."""

from __future__ import annotations

import contextlib
import math
import re
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np

from .background import MOVES, BackgroundMotion
from .clip import Clip, frames, thread_count
from .errors import LifterError
from .focal import PICTURE_MM
from .joints import LANDMARK_INDEX, LANDMARK_NAMES
from .landmark_model import LandmarkModel
from .people import CHOICES, Person, check_choice, chosen, follow, size_px
from .track_file import Pose2DTrack
from .version import lifter_version

# At MediaPipe's default of 0.5 the detector takes things for small people (a table's foot, in half the frames of an empty room);
# at 0.6 and above it does not, and people who walk in are found as early. Above 0.65 they begin to be missed.
MIN_DETECTION_CONFIDENCE = 0.65
MIN_PRESENCE_CONFIDENCE = 0.5
MIN_TRACKING_CONFIDENCE = 0.5

# The networks look at 256 pixels; a picture of this size still gives them more than that for a person a quarter of its height.
_MAX_DETECTOR_SIDE_PX = 1920
# Pictures that wait for the detector, and behind it: enough for a key frame that takes long, and all that is ever held of a clip.
_PICTURES_AHEAD = 3
# So often a look is taken for other people than the one that is followed, and where that one has moved by this share of the
# body's size: two who pass each other are alone before and after, and one in between. A look costs twice a frame's detection.
# Looking for others in every frame costs half as much again, and is done only where there are any. Of a crowd the most prominent.
_LOOK_AROUND_S, _LOOK_AROUND_SHARE = 1.0, 0.35
_MOST_PEOPLE = 4
# So many are named in the provenance.
_MOST_TOLD = 8
# Where the colour of the clothes is looked at: between two landmarks, at this share of the way, in a square of this share of the
# body's size.
_CLOTHES: tuple[tuple[str, str, float], ...] = (
    *((f"{side}_shoulder", f"{other}_hip", 0.3) for side, other in (("left", "right"), ("right", "left"))),
    *((f"{side}_shoulder", f"{side}_hip", 0.75) for side in ("left", "right")),
    *((f"{side}_hip", f"{side}_knee", 0.4) for side in ("left", "right")),
    *((f"{side}_knee", f"{side}_ankle", 0.5) for side in ("left", "right")),
)
_CLOTHES_FROM = [LANDMARK_INDEX[a] for a, _, _ in _CLOTHES]
_CLOTHES_TO = [LANDMARK_INDEX[b] for _, b, _ in _CLOTHES]
_CLOTHES_SHARE = np.array([[share] for _, _, share in _CLOTHES])
_PATCH_SHARE = 0.03
_PATCH = np.linspace(-1, 1, 7)


_Made = TypeVar("_Made")
_BodiesOf = Callable[[np.ndarray, int], np.ndarray]


class Cancelled(Exception):
    """The caller's `cancelled` said yes; nothing was written."""


def detect(
    clip: Clip,
    *,
    landmark_model: LandmarkModel,
    sample_fps: float | None = None,
    person: str = CHOICES[0],
    progress: Callable[[int, int | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Pose2DTrack:
    """Find one person in every frame of the clip's range, of several the one that `person` says (people.chosen).

    A landmark's confidence is the smaller of MediaPipe's visibility (not hidden) and presence (inside the picture): both count.
    Frames in which the person is not found are marked and left empty. progress: called with (frames done, expected or None).
    Raises LifterError where no frame shows a person or there is none of that number, Cancelled where `cancelled` returns True.
    """
    check_choice(person)
    total = clip.expected_frame_count
    if total is not None and sample_fps is not None and sample_fps < clip.fps:
        total = max(1, round(total * sample_fps / clip.fps))

    def done(count: int) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled
        if progress is not None and count:
            progress(count, None if total is None else max(total, count))

    seen = _look(clip, landmark_model.path, sample_fps, done, people=1)
    if seen is None:
        seen = _look(clip, landmark_model.path, sample_fps, done, people=_MOST_PEOPLE)
    assert seen is not None
    times = np.array(seen.timestamps_s)
    if not any(map(len, seen.bodies)):
        raise LifterError(
            f"No person was found in {clip.path} ({len(times)} frames looked at).",
            hint="Use a clip that shows one person whole, large and well lit, or choose another part of it.",
        )
    width, height = clip.size_px
    scale_px = np.array([width, height], np.float32)
    poses = [[np.column_stack([body[:, :2] * scale_px, body[:, 5]]) for body in frame] for frame in seen.bodies]
    people = follow(poses, seen.timestamps_s, seen.colours)
    meant = chosen(people, person, clip.size_px)
    values = np.full((len(times), len(LANDMARK_NAMES), 6), np.nan, np.float32)
    detected = np.zeros(len(times), bool)
    for frame, place in meant.places.items():
        values[frame], detected[frame] = seen.bodies[frame][place], True
    camera_motion = seen.background.told()
    return Pose2DTrack(
        fps=_nominal_fps(times, clip.fps),
        timestamps_s=times,
        landmark_names=LANDMARK_NAMES,
        landmarks_px=values[..., :2] * scale_px,
        landmark_confidence=np.nan_to_num(values[..., 5]).clip(0, 1),
        world_landmarks_m=values[..., 2:5].copy(),
        detected=detected,
        image_size_px=(width, height),
        provenance={
            **_provenance(clip, landmark_model, sample_fps),
            "people": _told(people, meant, person, times, clip.size_px),
            "camera_motion": camera_motion,
        },
        background_way_share=seen.background.way(times) if camera_motion["camera"] in MOVES else None,
    )


@dataclass(frozen=True)
class _Seen:
    """Of each frame: its time, the bodies [33, 6] (x, y of the picture from 0 to 1, world x, y, z, confidence) and the colours of
    their clothes [K, 3]; and what the background did.
    """

    timestamps_s: list[float]
    bodies: list[list[np.ndarray]]
    colours: list[list[np.ndarray]]
    background: BackgroundMotion


def _look(clip: Clip, model: Path, sample_fps: float | None, done: Callable[[int], None], *, people: int) -> _Seen | None:
    """Everybody in every frame, at most so many. With people=1 a look around is taken now and then; None where there are more."""
    noted_mm = clip.focal_length_35mm
    seen = _Seen([], [], [], BackgroundMotion(noted_mm / PICTURE_MM if noted_mm else None))
    around = LookAround()
    pictures = ((timestamp_s, _shrunk(rgb)) for timestamp_s, rgb in frames(clip, sample_fps=sample_fps))
    with contextlib.ExitStack() as open_models:
        bodies_of = open_models.enter_context(_bodies(model, people=people))
        all_of: _BodiesOf | None = None  # made while the detector has begun
        # Decoding, the detector and what is done here keep two processors busy; the detector is what the others wait for.
        detected = open_models.enter_context(contextlib.closing(made_ahead(_with_bodies(made_ahead(pictures), bodies_of))))
        for timestamp_s, rgb, found in detected:
            done(len(seen.bodies))
            if people == 1 and around.due(timestamp_s, found, rgb.shape[1] / rgb.shape[0]):
                all_of = all_of or open_models.enter_context(_bodies(model, people=2, still=True))
                if len(all_of(rgb, 0)) > 1:
                    return None
            seen.timestamps_s.append(timestamp_s)
            seen.bodies.append(found)
            seen.colours.append([_colours(rgb, body) for body in found])
            seen.background.look(timestamp_s, rgb, found)
    done(len(seen.bodies))
    return seen


class LookAround:
    """When to look for other people than the one that is followed."""

    def __init__(self) -> None:
        self._again_s, self._place = -math.inf, np.full(2, np.nan)

    def due(self, timestamp_s: float, found: Sequence[np.ndarray], aspect: float) -> bool:
        """For the next frame and the bodies in it, [33, 6], x and y from 0 to 1 of a picture `aspect` times as wide as high."""
        points = found[0][:, :2] * [aspect, 1.0] if found else None
        place = self._place if points is None else points.mean(0)
        # Nobody was there before: NaN, and that counts as moved.
        stayed = points is None or bool(np.linalg.norm(place - self._place) <= _LOOK_AROUND_SHARE * size_px(points))
        if timestamp_s < self._again_s and stayed:
            return False
        self._again_s, self._place = timestamp_s + _LOOK_AROUND_S, place
        return True


def _colours(rgb: np.ndarray, body: np.ndarray) -> np.ndarray:
    """What the clothes of a body [33, 6] look like, 0 to 1: [K, 3]. Out of the picture: its edge."""
    height, width = rgb.shape[:2]
    points = body[:, :2] * [width, height]
    reach = _PATCH_SHARE * size_px(points)
    places = points[_CLOTHES_FROM] + _CLOTHES_SHARE * (points[_CLOTHES_TO] - points[_CLOTHES_FROM])
    x, y = (np.rint(places[:, axis, None] + reach * _PATCH).astype(int) for axis in (0, 1))
    patches = rgb[y.clip(0, height - 1)[:, :, None], x.clip(0, width - 1)[:, None, :]]  # [K, 7, 7, 3]
    return patches.mean((1, 2)) / 255


def _told(
    people: Sequence[Person], meant: Person, choice: str, times: np.ndarray, image_size_px: tuple[int, int]
) -> dict[str, Any]:
    """Who was in the clip, for the provenance: by number, so that another one can be asked for."""
    return {
        "choice": choice,
        "number": people.index(meant) + 1 if meant in people else None,
        "found": [
            {
                "frames": len(person.places),
                "start_s": round(float(times[min(person.places)]), 3),
                "end_s": round(float(times[max(person.places)]), 3),
                "size_share": round(person.size_px / max(image_size_px), 3),
                "middle_share": [round(float(x), 3) for x in np.median(person.middles_px, axis=0) / image_size_px],
            }
            for person in people[:_MOST_TOLD]
        ],
    }


def _with_bodies(
    pictures: Generator[tuple[float, np.ndarray], None, None], bodies_of: _BodiesOf
) -> Generator[tuple[float, np.ndarray, list[np.ndarray]], None, None]:
    """The same pictures with the bodies [33, 6] in each."""
    last_ms = -1
    with contextlib.closing(pictures):
        for timestamp_s, rgb in pictures:
            # Whole milliseconds must increase, which rounding alone does not give above 500 frames a second.
            last_ms = max(last_ms + 1, round(timestamp_s * 1000))
            yield timestamp_s, rgb, [body for body in bodies_of(rgb, last_ms) if np.isfinite(body).all()]


def made_ahead(made: Generator[_Made, None, None]) -> Generator[_Made, None, None]:
    """The same in the same order, but made by a thread of its own, a few ahead of the one that is looked at; by this thread where
    the process may use only one."""
    with contextlib.closing(made):
        if thread_count() == 1:
            yield from made
            return
        with ThreadPoolExecutor(1, "ahead") as pool:
            waiting = deque(pool.submit(next, made, None) for _ in range(_PICTURES_AHEAD))
            while (one := waiting.popleft().result()) is not None:
                waiting.append(pool.submit(next, made, None))
                yield one


@contextlib.contextmanager
def _landmarker(model_path: Path) -> Iterator[Callable[[np.ndarray, int], np.ndarray | None]]:
    """MediaPipe's PoseLandmarker as a function of (rgb, timestamp_ms): [33, 6], or None where there is no person."""
    with _bodies(model_path, people=1) as bodies_of:

        def landmarks_of(rgb: np.ndarray, timestamp_ms: int) -> np.ndarray | None:
            found = bodies_of(rgb, timestamp_ms)
            return found[0] if len(found) else None

        yield landmarks_of


@contextlib.contextmanager
def _bodies(model_path: Path, *, people: int, still: bool = False) -> Iterator[_BodiesOf]:
    """MediaPipe's PoseLandmarker as a function of (rgb, timestamp_ms): [P, 33, 6], P at most `people`.

    still: every picture by itself. Only one person's landmarks are smoothed over time by MediaPipe.
    """
    # Imported here: a wrong clip should not have to wait for it.
    from .mediapipe_tasks import BaseOptions, Image, ImageFormat, vision

    with model_errors("pose", model_path, hint="Leave out --landmark-model to use the usual one."):
        # The bytes, not the path, which MediaPipe would have to open in the system's code page on Windows.
        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=model_path.read_bytes()),
            running_mode=vision.RunningMode.IMAGE if still else vision.RunningMode.VIDEO,
            num_poses=people,
            min_pose_detection_confidence=MIN_DETECTION_CONFIDENCE,
            min_pose_presence_confidence=MIN_PRESENCE_CONFIDENCE,
            min_tracking_confidence=MIN_TRACKING_CONFIDENCE,
        )
        landmarker = vision.PoseLandmarker.create_from_options(options)

    def bodies_of(rgb: np.ndarray, timestamp_ms: int) -> np.ndarray:
        image = Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        result = landmarker.detect(image) if still else landmarker.detect_for_video(image, timestamp_ms)
        rows = [
            [(p.x, p.y, w.x, w.y, w.z, _confidence(p)) for p, w in zip(points, world, strict=True)]
            for points, world in zip(result.pose_landmarks, result.pose_world_landmarks, strict=True)
        ]
        return np.array(rows, np.float32).reshape(-1, len(LANDMARK_NAMES), 6)

    with landmarker:
        yield bodies_of


@contextlib.contextmanager
def model_errors(what: str, model_path: Path, *, hint: str) -> Iterator[None]:
    """Whatever keeps MediaPipe from using a model, as a LifterError."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if missing := re.match(r"(\S+\.so\S*): cannot open shared object file", reason):
            raise LifterError(
                f"MediaPipe needs the system's library {missing[1]}, which is missing.",
                hint="Install it (Debian, Ubuntu: apt install libgles2 libegl1) and try again.",
            ) from error
        raise LifterError(f"MediaPipe cannot use the {what} model {model_path}: {reason}", hint=hint) from error


def _confidence(landmark: Any) -> float:
    # Versions differ in whether a score that the model lacks is None or 0, never in one that it has.
    scores = [score for score in (landmark.visibility, landmark.presence) if score is not None]
    return min(scores, default=0.0)


def _shrunk(rgb: np.ndarray) -> np.ndarray:
    """The picture, made smaller where it is larger than the detector can use; landmarks are relative to its size anyway."""
    height, width = rgb.shape[:2]
    scale = _MAX_DETECTOR_SIDE_PX / max(width, height)
    if scale >= 1:
        return rgb
    return cv2.resize(rgb, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA)


def _nominal_fps(timestamps_s: np.ndarray, header_fps: float) -> float:
    """The header's rate where the frames keep it, else the mean rate of the frames: variable rate, or sampled."""
    if len(timestamps_s) < 2:
        return header_fps
    mean_fps = (len(timestamps_s) - 1) / float(timestamps_s[-1] - timestamps_s[0])
    return header_fps if math.isclose(mean_fps, header_fps, rel_tol=0.02) else mean_fps


def _provenance(clip: Clip, model: LandmarkModel, sample_fps: float | None) -> dict[str, Any]:
    return {
        "versions": {
            "lifter": lifter_version(),
            "numpy": np.__version__,
            "mediapipe": version("mediapipe"),
            "opencv": cv2.__version__,
        },
        "clip": {
            "name": clip.path.name,
            "sha256": clip.sha256,
            "rotation_deg": clip.rotation_deg,
            "focal_length_35mm": clip.focal_length_35mm,
        },
        "landmark_model": {"name": model.path.name, "sha256": model.sha256, "published": model.known},
        "settings": {
            "start_s": clip.start_s,
            "end_s": clip.end_s,
            "sample_fps": sample_fps,
            "min_detection_confidence": MIN_DETECTION_CONFIDENCE,
            "min_presence_confidence": MIN_PRESENCE_CONFIDENCE,
            "min_tracking_confidence": MIN_TRACKING_CONFIDENCE,
        },
    }
