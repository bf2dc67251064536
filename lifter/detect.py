"""A clip's 2D landmarks, by MediaPipe's PoseLandmarker in video mode."""

from __future__ import annotations

import contextlib
import math
import re
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from .clip import Clip, frames
from .errors import LifterError
from .joints import LANDMARK_NAMES
from .landmark_model import LandmarkModel
from .track_file import Pose2DTrack
from .version import lifter_version

# At MediaPipe's default of 0.5 the detector takes things for small people (a table's foot, in half the frames of an empty room);
# at 0.6 and above it does not, and people who walk in are found as early. Above 0.65 they begin to be missed.
MIN_DETECTION_CONFIDENCE = 0.65
MIN_PRESENCE_CONFIDENCE = 0.5
MIN_TRACKING_CONFIDENCE = 0.5

# The networks look at 256 pixels; a picture of this size still gives them more than that for a person a quarter of its height.
_MAX_DETECTOR_SIDE_PX = 1920
# Decoded pictures that wait for the detector: enough for a key frame that takes long, and all that is ever held of a clip.
_PICTURES_AHEAD = 3


class Cancelled(Exception):
    """The caller's `cancelled` said yes; nothing was written."""


def detect(
    clip: Clip,
    *,
    landmark_model: LandmarkModel,
    sample_fps: float | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Pose2DTrack:
    """Find the most prominent person in every frame of the clip's range.

    A landmark's confidence is the smaller of MediaPipe's visibility (not hidden) and presence (inside the picture): both count.
    Frames in which no person is found are marked and left empty. progress: called with (frames done, frames expected or None).
    Raises LifterError where no frame shows a person, Cancelled where `cancelled` returns True.
    """
    total = clip.expected_frame_count
    if total is not None and sample_fps is not None and sample_fps < clip.fps:
        total = max(1, round(total * sample_fps / clip.fps))
    width, height = clip.size_px
    scale_px = np.array([width, height], np.float32)
    nothing = np.full((len(LANDMARK_NAMES), 6), np.nan, np.float32)
    timestamps_s: list[float] = []
    rows: list[np.ndarray] = []
    with _landmarker(landmark_model.path) as landmarks_of:
        last_ms = -1
        pictures = ((timestamp_s, _shrunk(rgb)) for timestamp_s, rgb in frames(clip, sample_fps=sample_fps))
        for timestamp_s, rgb in decoded_ahead(pictures):
            if cancelled is not None and cancelled():
                raise Cancelled
            # Whole milliseconds must increase, which rounding alone does not give above 500 frames a second.
            last_ms = max(last_ms + 1, round(timestamp_s * 1000))
            found = landmarks_of(rgb, last_ms)
            timestamps_s.append(timestamp_s)
            rows.append(nothing if found is None else found)
            if progress is not None:
                progress(len(rows), None if total is None else max(total, len(rows)))
    values = np.stack(rows)  # [T, 33, 6]: x, y of the picture (0 to 1), world x, y, z, confidence
    detected = np.isfinite(values).all((1, 2))
    if not detected.any():
        raise LifterError(
            f"No person was found in {clip.path} ({len(rows)} frames looked at).",
            hint="Use a clip that shows one person whole, large and well lit, or choose another part of it.",
        )
    values[~detected] = np.nan
    times = np.array(timestamps_s)
    return Pose2DTrack(
        fps=_nominal_fps(times, clip.fps),
        timestamps_s=times,
        landmark_names=LANDMARK_NAMES,
        landmarks_px=values[..., :2] * scale_px,
        landmark_confidence=np.nan_to_num(values[..., 5]).clip(0, 1),
        world_landmarks_m=values[..., 2:5].copy(),
        detected=detected,
        image_size_px=(width, height),
        provenance=_provenance(clip, landmark_model, sample_fps),
    )


def decoded_ahead(pictures: Generator[tuple[float, np.ndarray], None, None]) -> Iterator[tuple[float, np.ndarray]]:
    """The same pictures in the same order, but made by a thread of their own, a few ahead of the one that is looked at."""
    with contextlib.closing(pictures), ThreadPoolExecutor(1, "decode") as pool:
        waiting = deque(pool.submit(next, pictures, None) for _ in range(_PICTURES_AHEAD))
        while (picture := waiting.popleft().result()) is not None:
            waiting.append(pool.submit(next, pictures, None))
            yield picture


_LandmarksOf = Callable[[np.ndarray, int], np.ndarray | None]


@contextlib.contextmanager
def _landmarker(model_path: Path) -> Iterator[_LandmarksOf]:
    """MediaPipe's PoseLandmarker as a function of (rgb, timestamp_ms): [33, 6], or None where there is no person."""
    # Imported here: it takes a second, and a wrong clip should not have to wait for it.
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    try:
        # The bytes, not the path, which MediaPipe would have to open in the system's code page on Windows.
        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=model_path.read_bytes()),
            running_mode=vision.RunningMode.VIDEO,
            num_poses=1,
            min_pose_detection_confidence=MIN_DETECTION_CONFIDENCE,
            min_pose_presence_confidence=MIN_PRESENCE_CONFIDENCE,
            min_tracking_confidence=MIN_TRACKING_CONFIDENCE,
        )
        landmarker = vision.PoseLandmarker.create_from_options(options)
    except (OSError, ValueError, RuntimeError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        if missing := re.match(r"(\S+\.so\S*): cannot open shared object file", reason):
            raise LifterError(
                f"MediaPipe needs the system's library {missing[1]}, which is missing.",
                hint="Install it (Debian, Ubuntu: apt install libgles2 libegl1) and try again.",
            ) from error
        raise LifterError(
            f"MediaPipe cannot use the pose model {model_path}: {reason}", hint="Leave out --landmark-model to use the usual one."
        ) from error

    def landmarks_of(rgb: np.ndarray, timestamp_ms: int) -> np.ndarray | None:
        image = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        result = landmarker.detect_for_video(image, timestamp_ms)
        if not result.pose_landmarks:
            return None
        pairs = zip(result.pose_landmarks[0], result.pose_world_landmarks[0], strict=True)
        return np.array([(p.x, p.y, w.x, w.y, w.z, _confidence(p)) for p, w in pairs], np.float32)

    with landmarker:
        yield landmarks_of


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
        "clip": {"name": clip.path.name, "sha256": clip.sha256, "rotation_deg": clip.rotation_deg},
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
