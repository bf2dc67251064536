"""The clip with its 2D landmarks beside rendered pictures of the character.

    python -m lifter.preview CLIP TRACK.npz FRAMES_DIR OUT.mp4

The rendered pictures (.png, in the order of their names) are spread evenly over the track's frames: the first belongs to the
first frame, the last to the last, so a renderer may leave frames out. The preview plays at the clip's true speed.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from .clip import frames, open_clip
from .data.mocap import UNREADABLE, first_line
from .errors import LifterError
from .files import replacing
from .joints import LANDMARK_INDEX, LANDMARK_NAMES

BONES: tuple[tuple[str, str], ...] = (
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "right_hip"),
    ("mouth_left", "mouth_right"),
    *(
        (f"{side}_{a}", f"{side}_{b}")
        for side in ("left", "right")
        for a, b in (
            ("shoulder", "elbow"),
            ("elbow", "wrist"),
            ("wrist", "index"),
            ("wrist", "pinky"),
            ("wrist", "thumb"),
            ("shoulder", "hip"),
            ("hip", "knee"),
            ("knee", "ankle"),
            ("ankle", "heel"),
            ("heel", "foot_index"),
            ("ankle", "foot_index"),
            ("eye", "ear"),
        )
    ),
)
LEFT_RGB, RIGHT_RGB, MIDDLE_RGB = (255, 138, 30), (40, 150, 255), (245, 245, 245)
# Below this a landmark is MediaPipe's guess at something hidden: drawn thin, so that the picture does not claim to see it.
SURE = 0.5


@dataclass(frozen=True)
class Landmarks2D:
    """timestamps_s: [T], of what was filmed; landmarks_px: [T, 33, 2], pixels of the upright picture, NaN where not detected;
    confidence: [T, 33]; slowdown: how many times as long the clip plays.
    """

    timestamps_s: np.ndarray
    landmarks_px: np.ndarray
    confidence: np.ndarray
    fps: float
    slowdown: float = 1.0

    @property
    def played_fps(self) -> float:
        """At how many frames a second a film of all of them is as long as the clip."""
        took_s = float(self.played_s[-1] - self.played_s[0])
        return (len(self.played_s) - 1) / took_s if took_s > 0 else self.fps / self.slowdown

    @property
    def played_s(self) -> np.ndarray:
        """[T], as a player shows them."""
        return self.timestamps_s * self.slowdown


def read_landmarks(path: Path) -> Landmarks2D:
    """The 2D part of a track or detection file. Raises LifterError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            landmarks = Landmarks2D(
                file["timestamps_s"],
                file["landmarks_px"],
                file["landmark_confidence"],
                float(file["fps"]),
                _slowdown(json.loads(str(file["provenance"]))) if "provenance" in file else 1.0,
            )
    except (*UNREADABLE, AttributeError, TypeError) as error:
        hint = "Make one with `python -m lifter infer`."
        raise LifterError(f"{path} is not a track file ({first_line(error)}).", hint=hint) from error
    frame_count = len(landmarks.timestamps_s)
    if frame_count == 0 or landmarks.landmarks_px.shape != (frame_count, len(LANDMARK_NAMES), 2):
        raise LifterError(f"{path} does not hold 33 landmarks a frame.", hint="Make it again with `python -m lifter infer`.")
    return landmarks


def _slowdown(provenance: dict[str, Any]) -> float:
    times = float((provenance.get("clip") or {}).get("slowdown", 1.0))
    if not 0 < times < math.inf:
        raise ValueError("its clip plays at no speed")
    return times


def draw_landmarks(rgb: np.ndarray, landmarks_px: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """A copy of rgb [H, W, 3] with bones and dots: the person's left orange, right blue. landmarks_px: [33, 2], may be NaN."""
    picture = np.ascontiguousarray(rgb).copy()
    unit = max(1, round(min(picture.shape[:2]) / 360))
    seen = np.isfinite(landmarks_px).all(axis=-1)
    # Far outside of the picture the line drawing overflows; such a point is no use in a picture anyway.
    seen &= (np.abs(np.nan_to_num(landmarks_px)) < 4 * max(picture.shape)).all(axis=-1)
    for start, end in BONES:
        a, b = LANDMARK_INDEX[start], LANDMARK_INDEX[end]
        if seen[a] and seen[b]:
            width = 2 * unit if min(confidence[a], confidence[b]) >= SURE else unit
            cv2.line(picture, _pixel(landmarks_px[a]), _pixel(landmarks_px[b]), _colour(start, end), width, cv2.LINE_AA)
    for i, name in enumerate(LANDMARK_NAMES):
        if seen[i]:
            radius = 3 * unit if confidence[i] >= SURE else 2 * unit
            cv2.circle(picture, _pixel(landmarks_px[i]), radius, _colour(name), cv2.FILLED, cv2.LINE_AA)
    return picture


def side_by_side(left: np.ndarray, right: np.ndarray, *, height_px: int) -> np.ndarray:
    """Both pictures [H, W, 3] at one height, left and right, cut to even sizes as H.264 wants them."""
    parts = []
    for picture in (left, right):
        width_px = max(2, round(picture.shape[1] * height_px / picture.shape[0]) // 2 * 2)
        shrinks = height_px < picture.shape[0]
        parts.append(cv2.resize(picture, (width_px, height_px), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))
    return np.hstack(parts)


def nearest_pictures(
    pictures: Iterator[tuple[float, np.ndarray]], times_s: Iterable[float], *, after_end_s: float = math.inf
) -> Iterator[np.ndarray]:
    """Of (time in seconds, picture), in their order, the picture nearest to each of the times, which never go back.

    It ends with the first time that lies farther than `after_end_s` behind the last picture.
    """
    before = now = next(pictures)
    for time_s in times_s:
        while now[0] < time_s and (following := next(pictures, None)) is not None:
            before, now = now, following
        if time_s - now[0] > after_end_s:
            return
        yield (before if time_s - before[0] < now[0] - time_s else now)[1]


def preview_pictures(clip_path: Path, landmarks: Landmarks2D, rendered: Sequence[Path]) -> Iterator[np.ndarray]:
    """One picture [H, W, 3] RGB for each rendered one. Raises LifterError."""
    frame_of = np.linspace(0, len(landmarks.timestamps_s) - 1, num=len(rendered)).round().astype(int)
    height_px = 0
    pictures = nearest_pictures(frames(open_clip(clip_path, as_played=True)), landmarks.played_s[frame_of])
    for path, frame, rgb in zip(rendered, frame_of, pictures, strict=True):
        right = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if right is None:
            raise LifterError(f"{path} is not a picture that can be read.", hint="Render the frames again.")
        height_px = height_px or right.shape[0] // 2 * 2
        left = draw_landmarks(rgb, landmarks.landmarks_px[frame], landmarks.confidence[frame])
        yield side_by_side(left, cv2.cvtColor(right, cv2.COLOR_BGR2RGB), height_px=height_px)


def write_video(path: Path, pictures: Iterator[np.ndarray], *, fps: float) -> int:
    """Writes an .mp4, H.264 where the encoder is there; returns the number of frames. Raises LifterError."""
    codec = "libx264" if "libx264" in av.codecs_available else "mpeg4"
    count = 0
    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.pix_fmt = "yuv420p"  # the one every player shows
        for picture in pictures:
            if count == 0:
                stream.height, stream.width = picture.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            count += 1
        container.mux(stream.encode(None))
    return count


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the preview; returns 0, or 2 after one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m lifter.preview", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path, metavar="CLIP")
    parser.add_argument("track", type=Path, metavar="TRACK.npz")
    parser.add_argument("frames", type=Path, metavar="FRAMES_DIR")
    parser.add_argument("out", type=Path, metavar="OUT.mp4")
    options = parser.parse_args(argv)
    try:
        landmarks = read_landmarks(options.track)
        rendered = sorted(options.frames.glob("*.png"))
        if not rendered:
            raise LifterError(f"There are no rendered pictures (.png) in {options.frames}.", hint="Render the character first.")
        fps = landmarks.played_fps * landmarks.slowdown * len(rendered) / len(landmarks.timestamps_s)
        write_video(options.out, preview_pictures(options.clip, landmarks, rendered), fps=fps)
    except LifterError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)
        return 2
    return 0


def _pixel(point_px: np.ndarray) -> tuple[int, int]:
    return round(float(point_px[0])), round(float(point_px[1]))


def _colour(*names: str) -> tuple[int, int, int]:
    if all("left" in name for name in names):
        return LEFT_RGB
    return RIGHT_RGB if all("right" in name for name in names) else MIDDLE_RGB


if __name__ == "__main__":
    sys.exit(main())
