"""MediaPipe's PoseLandmarker as a function of a picture."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .errors import LifterError
from .joints import LANDMARK_NAMES
from .native_library import missing_library

# At MediaPipe's default of 0.5 the detector takes things for small people (a table's foot, in half the frames of an empty room);
# at 0.6 and above it does not, and people who walk in are found as early. Above 0.65 they begin to be missed.
MIN_DETECTION_CONFIDENCE = 0.65
MIN_PRESENCE_CONFIDENCE = 0.5
MIN_TRACKING_CONFIDENCE = 0.5

BodiesOf = Callable[[np.ndarray, int], np.ndarray]


@contextlib.contextmanager
def body_landmarker(model_path: Path) -> Iterator[Callable[[np.ndarray, int], np.ndarray | None]]:
    """MediaPipe's PoseLandmarker as a function of (rgb, timestamp_ms): [33, 6], or None where there is no person."""
    with bodies_landmarker(model_path, people=1) as bodies_of:

        def landmarks_of(rgb: np.ndarray, timestamp_ms: int) -> np.ndarray | None:
            found = bodies_of(rgb, timestamp_ms)
            return found[0] if len(found) else None

        yield landmarks_of


@contextlib.contextmanager
def bodies_landmarker(model_path: Path, *, people: int, still: bool = False) -> Iterator[BodiesOf]:
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
        if lacking := missing_library(error):
            raise lacking from error
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise LifterError(f"MediaPipe cannot use the {what} model {model_path}: {reason}", hint=hint) from error


def _confidence(landmark: Any) -> float:
    # Versions differ in whether a score that the model lacks is None or 0, never in one that it has.
    scores = [score for score in (landmark.visibility, landmark.presence) if score is not None]
    return min(scores, default=0.0)
