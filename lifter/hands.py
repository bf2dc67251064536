"""The hands of the person that was found in a clip: MediaPipe's HandLandmarker in a crop around each wrist.

In a picture of a whole body a hand is a few pixels, too few for a detector that looks at all of it. As in MediaPipe's Holistic
the body's landmarks say where to look, and which hand it is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import cv2
import numpy as np

from .clip import Clip, frames, thread_count
from .detect import Cancelled
from .joints import HAND_INDEX, HAND_LANDMARK_NAMES, LANDMARK_INDEX
from .landmark_model import LandmarkModel
from .landmarker import model_errors
from .look import made_ahead
from .track_file import Pose2DTrack

SIDES = ("left", "right")
# A hand is found in a crop of this many lengths of the forearm, around a point a little beyond the wrist.
_CROP_FOREARMS = 1.7
_CROP_SIDE_PX = 256
# A crop that is smaller in the clip shows nothing of fingers.
_LEAST_CROP_PX = 24
# The wrist's own confidence from which it is worth to look.
_WRIST_CONFIDENCE = 0.2
# MediaPipe's own are 0.5; what is found by less is judged by how it fits the arm.
_DETECTION_CONFIDENCE, _PRESENCE_CONFIDENCE = 0.3, 0.4
# A hand whose wrist is this share of the crop away from the arm's is another one.
_FARTHEST = 0.3


@dataclass(frozen=True)
class Crop:
    """A square of the picture, in its pixels, and where in it the wrist should be."""

    left: float
    top: float
    side: float
    wrist: np.ndarray


HandsOf = Callable[[np.ndarray], list[tuple[str, float, np.ndarray, np.ndarray]]]


def with_hands(
    detection: Pose2DTrack,
    clip: Clip,
    *,
    hand_model: LandmarkModel,
    sample_fps: float | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Pose2DTrack:
    """The detection with the hands of its person, looked for in every frame of the clip that it was made from, once more.

    sample_fps: as for the detection; progress: called with (frames done, all of them). Raises LifterError, and Cancelled where
    `cancelled` returns True.
    """
    count = len(detection.timestamps_s)
    landmarks_m = np.full((count, 2, len(HAND_LANDMARK_NAMES), 3), np.nan, np.float32)
    confidence = np.zeros((count, 2), np.float32)
    with contextlib.ExitStack() as stack:
        landmarkers = [stack.enter_context(hand_landmarker(hand_model.path)) for _ in SIDES]
        pool = stack.enter_context(ThreadPoolExecutor(min(len(SIDES), thread_count()), "hands"))
        pictures = stack.enter_context(contextlib.closing(made_ahead(frames(clip, sample_fps=sample_fps))))
        for frame, (_, rgb) in zip(range(count), pictures, strict=False):
            if cancelled is not None and cancelled():
                raise Cancelled
            body = detection.landmarks_px[frame], detection.world_landmarks_m[frame], detection.landmark_confidence[frame]
            crops = [crop_around(*body, side) if detection.detected[frame] else None for side in SIDES]
            for hand, found in enumerate(pool.map(find_hand, repeat(rgb), crops, SIDES, landmarkers)):
                if found is not None:
                    landmarks_m[frame, hand], confidence[frame, hand] = found
            if progress is not None:
                progress(frame + 1, count)
    model = {"name": hand_model.path.name, "sha256": hand_model.sha256}
    return replace(
        detection,
        hand_landmarks_m=landmarks_m,
        hand_confidence=confidence,
        provenance={**detection.provenance, "hand_model": model},
    )


def crop_around(landmarks_px: np.ndarray, world_m: np.ndarray, confidence: np.ndarray, side: str) -> Crop | None:
    """Where a hand should be: landmarks_px [33, 2], world_m [33, 3], confidence [33]. None where its wrist was not seen.

    The forearm's length in the picture is that of one square to the line of sight: a hand held towards the camera is no smaller.
    """
    arm = [LANDMARK_INDEX[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "hip")]
    wrist, elbow = LANDMARK_INDEX[f"{side}_wrist"], LANDMARK_INDEX[f"{side}_elbow"]
    if not confidence[wrist] >= _WRIST_CONFIDENCE:
        return None
    seen_px, flat_m = np.ptp(landmarks_px[arm], axis=0), np.ptp(world_m[arm, :2], axis=0)
    px_per_m = float(np.linalg.norm(seen_px)) / max(float(np.linalg.norm(flat_m)), 1e-6)
    forearm_px = float(np.linalg.norm(world_m[wrist] - world_m[elbow])) * px_per_m
    forearm_px = max(forearm_px, float(np.linalg.norm(landmarks_px[wrist] - landmarks_px[elbow])))
    size = _CROP_FOREARMS * forearm_px
    if not _LEAST_CROP_PX <= size < 1e5:
        return None
    knuckles = (landmarks_px[LANDMARK_INDEX[f"{side}_index"]] + landmarks_px[LANDMARK_INDEX[f"{side}_pinky"]]) / 2
    left, top = knuckles - size / 2
    return Crop(float(left), float(top), size, (landmarks_px[wrist] - [left, top]) / size)


def find_hand(rgb: np.ndarray, crop: Crop | None, side: str, hands_of: HandsOf) -> tuple[np.ndarray, float] | None:
    """Landmarks [21, 3] in metres relative to the wrist, and how sure they are of that hand; None where there is none.

    Which hand it is, the arm says. What the hand's own network says counts for the confidence.
    """
    if crop is None:
        return None
    scale = _CROP_SIDE_PX / crop.side
    placed = np.array([[scale, 0, -crop.left * scale], [0, scale, -crop.top * scale]])
    picture = cv2.warpAffine(rgb, placed, (_CROP_SIDE_PX, _CROP_SIDE_PX), borderMode=cv2.BORDER_REPLICATE)
    best: tuple[np.ndarray, float] | None = None
    for named, score, places, world_m in hands_of(picture):
        away = float(np.linalg.norm(places[HAND_INDEX["wrist"]] - crop.wrist))
        fits = max(0.0, 1 - (away / _FARTHEST) ** 2)
        sure = fits * (score if named == side else 1 - score)
        if sure > (best[1] if best else 0.0) and np.isfinite(world_m).all():
            best = world_m - world_m[HAND_INDEX["wrist"]], min(sure, 1.0)
    return best


@contextlib.contextmanager
def hand_landmarker(model_path: Path) -> Iterator[HandsOf]:
    """MediaPipe's HandLandmarker as a function of a picture [H, W, 3] that gives of each hand: the side as it takes it, its
    score, where the landmarks are [21, 2] (0 to 1), and in metres [21, 3].
    """
    from .mediapipe_tasks import BaseOptions, Image, ImageFormat, vision

    with model_errors("hand", model_path, hint="Leave the hands out."):
        options = vision.HandLandmarkerOptions(
            base_options=BaseOptions(model_asset_buffer=model_path.read_bytes()),
            running_mode=vision.RunningMode.IMAGE,
            num_hands=2,
            min_hand_detection_confidence=_DETECTION_CONFIDENCE,
            min_hand_presence_confidence=_PRESENCE_CONFIDENCE,
        )
        landmarker = vision.HandLandmarker.create_from_options(options)

    def hands_of(rgb: np.ndarray) -> list[tuple[str, float, np.ndarray, np.ndarray]]:
        image = Image(image_format=ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        result = landmarker.detect(image)
        return [
            (
                sides[0].category_name.lower(),
                float(sides[0].score),
                np.array([(p.x, p.y) for p in points], np.float32),
                np.array([(p.x, p.y, p.z) for p in world], np.float32),
            )
            for sides, points, world in zip(result.handedness, result.hand_landmarks, result.hand_world_landmarks, strict=True)
            if len(world) == len(HAND_LANDMARK_NAMES)
        ]

    with landmarker:
        yield hands_of
