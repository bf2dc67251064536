"""Pictures of a clip at given times with a solved skeleton drawn over them, for the quality report.

    python -m lifter.worst_frames CLIP SKELETONS.npz OUT_DIR

SKELETONS.npz holds, for N pictures and P points: timestamps_s [N] as a player shows them, points_px [N, P, 2] in pixels of the
upright picture (NaN: not to be drawn), names [P] (a name with "left" or "right" in it has that side's colour) and lines [L, 2]
between points. OUT_DIR gets 0.png, 1.png … in the order of the times given.
"""

from __future__ import annotations

import argparse
import sys
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from .clip import frames, open_clip
from .errors import LifterError
from .files import replacing
from .preview import LEFT_RGB, MIDDLE_RGB, RIGHT_RGB

# Pictures are made to be looked at side by side in a page.
_LONG_SIDE_PX = 720
_LOOK_BEFORE_S = 2.0  # the first picture that is wanted may lie between two frames
_HINT = "Make it again with `retarget --report`."


@dataclass(frozen=True)
class Skeletons:
    """timestamps_s [N]; points_px [N, P, 2]; names [P]; lines [L, 2]."""

    timestamps_s: np.ndarray
    points_px: np.ndarray
    names: tuple[str, ...]
    lines: np.ndarray


def read_skeletons(path: Path) -> Skeletons:
    """Raises LifterError that says what is wrong with the file."""
    try:
        with np.load(path, allow_pickle=False) as file:
            times, points, lines = file["timestamps_s"], file["points_px"], file["lines"]
            names = tuple(str(name) for name in file["names"])
    except FileNotFoundError:
        raise LifterError(f"There is no file {path}.", hint="Check the path.") from None
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise LifterError(f"{path} holds no skeletons ({error}).", hint=_HINT) from error
    fits = points.shape == (len(times), len(names), 2) and lines.ndim == 2 and lines.shape[1:] == (2,)
    if not fits or len(times) == 0 or not np.isfinite(times).all():
        raise LifterError(f"{path} holds no skeletons: its shapes do not fit each other.", hint=_HINT)
    if lines.size and not (lines.min() >= 0 and lines.max() < len(names)):
        raise LifterError(f"{path} has lines between points that are not there.", hint=_HINT)
    return Skeletons(times.astype(float), points.astype(float), names, lines.astype(int))


def pictures(clip_path: Path, skeletons: Skeletons) -> Iterator[tuple[int, np.ndarray]]:
    """(index of the skeleton, RGB picture [H, W, 3] of the clip's nearest frame with the skeleton over it), in the clip's order.

    Raises LifterError where the clip cannot be read.
    """
    waiting = [int(i) for i in np.argsort(skeletons.timestamps_s, kind="stable")]
    before: tuple[float, np.ndarray] | None = None
    clip = open_clip(clip_path, as_played=True)
    first_s = min(float(skeletons.timestamps_s.min()), clip.duration_s or 0.0) - _LOOK_BEFORE_S
    for timestamp_s, rgb in frames(replace(clip, start_s=max(0.0, first_s))):
        while waiting and timestamp_s >= skeletons.timestamps_s[waiting[0]]:
            wanted_s = skeletons.timestamps_s[waiting[0]]
            nearer = before is not None and wanted_s - before[0] < timestamp_s - wanted_s
            yield waiting[0], draw(before[1] if nearer and before else rgb, skeletons, waiting[0])
            waiting.pop(0)
        before = (timestamp_s, rgb)
        if not waiting:
            return
    for index in waiting:  # after the last frame
        if before is not None:
            yield index, draw(before[1], skeletons, index)


def draw(rgb: np.ndarray, skeletons: Skeletons, index: int) -> np.ndarray:
    """A copy of rgb [H, W, 3], made smaller where it is large, with one skeleton: left orange, right blue, the middle white."""
    height, width = rgb.shape[:2]
    scale = min(1.0, _LONG_SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    picture = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA) if scale < 1 else rgb).copy()
    points = skeletons.points_px[index] * scale
    # Far outside of the picture the line drawing overflows.
    known = np.isfinite(points).all(axis=-1) & (np.abs(np.nan_to_num(points)) < 4 * _LONG_SIDE_PX).all(axis=-1)
    thick = max(2, round(min(size) / 160))
    for wide, colour in ((thick + 2, (0, 0, 0)), (thick, None)):  # a dark rim, to be seen on any ground
        for a, b in skeletons.lines:
            if known[a] and known[b]:
                own = colour or _colour(skeletons.names[a], skeletons.names[b])
                cv2.line(picture, _pixel(points[a]), _pixel(points[b]), own, wide, cv2.LINE_AA)
    for name, point, is_known in zip(skeletons.names, points, known, strict=True):
        if is_known:
            cv2.circle(picture, _pixel(point), thick + 1, _colour(name), cv2.FILLED, cv2.LINE_AA)
    return picture


def write_pictures(clip_path: Path, skeletons: Skeletons, folder: Path) -> int:
    """N.png for every skeleton; returns how many. Raises LifterError."""
    count = 0
    for index, picture in pictures(clip_path, skeletons):
        ok, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        if not ok:
            raise LifterError(f"A picture of {clip_path} cannot be written as PNG.", hint="Use a smaller clip.")
        with replacing(folder / f"{index}.png") as temporary:
            temporary.write_bytes(data.tobytes())
        count += 1
    return count


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the pictures; returns 0, or 2 after one sentence on stderr."""
    parser = argparse.ArgumentParser(prog="python -m lifter.worst_frames", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path, metavar="CLIP")
    parser.add_argument("skeletons", type=Path, metavar="SKELETONS.npz")
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    options = parser.parse_args(argv)
    try:
        write_pictures(options.clip, read_skeletons(options.skeletons), options.out)
    except LifterError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)
        return 2
    return 0


def _pixel(point_px: np.ndarray) -> tuple[int, int]:
    return round(float(point_px[0])), round(float(point_px[1]))


def _colour(*names: str) -> tuple[int, int, int]:
    for side, colour in (("left", LEFT_RGB), ("right", RIGHT_RGB)):
        if any(side in name for name in names) and not any(
            other in name for name in names for other in {"left", "right"} - {side}
        ):
            return colour
    return MIDDLE_RGB


if __name__ == "__main__":
    sys.exit(main())
