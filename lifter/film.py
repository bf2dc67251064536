"""A film of the clip with the 2D landmarks of its track drawn over it, at the clip's own size and speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from .clip import frames, open_clip
from .errors import LifterError
from .files import check_writable
from .preview import Landmarks2D, draw_landmarks, nearest_pictures, read_landmarks, write_video


def write_film(clip_path: Path, track_path: Path, out: Path, *, progress: Callable[[int, int | None], None] | None = None) -> int:
    """Write OUT.mp4 from the frames that the track has; returns how many. Raises LifterError."""
    if out.suffix.lower() != ".mp4":
        raise LifterError(f"The output {out} is not called .mp4.", hint="Give a file name that ends in .mp4.")
    if out.exists() and clip_path.exists() and out.samefile(clip_path):
        raise LifterError(f"{out} is the clip itself.", hint="Give another name for the film.")
    check_writable(out)
    landmarks = read_landmarks(track_path)
    return write_video(out, _pictures(clip_path, landmarks, progress), fps=landmarks.played_fps)


def _pictures(
    clip_path: Path, landmarks: Landmarks2D, progress: Callable[[int, int | None], None] | None
) -> Iterator[np.ndarray]:
    """The frames [H, W, 3] of the track, with even sides as H.264 wants them."""
    times = landmarks.played_s
    slack_s = 0.5 * landmarks.slowdown / landmarks.fps
    clip = open_clip(clip_path, start_s=max(0.0, float(times[0]) - slack_s), end_s=float(times[-1]) + slack_s, as_played=True)
    row = -1
    for row, rgb in enumerate(nearest_pictures(frames(clip), times, after_end_s=slack_s)):
        drawn = draw_landmarks(rgb, landmarks.landmarks_px[row], landmarks.confidence[row])
        yield drawn[: drawn.shape[0] // 2 * 2, : drawn.shape[1] // 2 * 2]
        if progress is not None:
            progress(row + 1, len(times))
    if row < 0:
        raise LifterError(f"{clip_path} has no frame at the times of the track.", hint="Give the clip it was made from.")
