"""Whether the camera moves, from the picture around the person: corners that are followed from frame to frame.

Points outside of every person's box are tracked (B. D. Lucas and T. Kanade, An iterative image registration technique, 1981),
and a similarity is fitted to them robustly. A camera on a tripod leaves them where they are; one that pans or tilts shifts all of
them alike; one that is carried does more than that, which no single plane explains.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np

# The picture is looked at this small, and so often: a camera's movement is slow against a frame.
_LONG_SIDE_PX = 480
_EVERY_S = 0.1
_MOST_CORNERS, _FEWEST_CORNERS = 120, 16
# Around a person's box, as a share of its sides: shadows, hair, what is carried.
_MARGIN = 0.15
# Points that agree with the fit to this many of the small picture's pixels are inliers.
_AGREE_PX = 1.5
# The camera moves where the background gets this far from where it was at first, in long sides of the picture, or grows or
# shrinks by as much; shaking hands stay below it.
_MOVED = 0.03
# From this share of inliers on the fit is the background's.
_SURE_SHARE = 0.6


@dataclass
class BackgroundMotion:
    """Give it every picture in order; `told` says at last what the camera did."""

    _grey: np.ndarray | None = None
    _time_s: float = 0.0
    _keep_out: list[np.ndarray] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    steps: list[np.ndarray] = field(default_factory=list)  # [2, 3] each, in long sides of the picture
    shares: list[float] = field(default_factory=list)

    def look(self, time_s: float, rgb: np.ndarray, bodies: list[np.ndarray]) -> None:
        """rgb [H, W, 3]; bodies [33, >= 2] each: x and y from 0 to 1, of everybody in the picture."""
        if self._grey is not None and time_s - self._time_s < _EVERY_S - 1e-6:
            return
        grey = _small_and_grey(rgb)
        keep_out = [_box(body[:, :2] * grey.shape[::-1]) for body in bodies]
        if self._grey is not None and self._grey.shape == grey.shape:
            found = _step(self._grey, grey, [*self._keep_out, *keep_out])
            if found is not None:
                step, share = found
                self.times_s.append(time_s)
                self.steps.append(step)
                self.shares.append(share)
        self._grey, self._time_s, self._keep_out = grey, time_s, keep_out

    def told(self) -> dict[str, Any]:
        """For the provenance. camera: "still", "turning" (the background shifts as one), "moving" or "unknown" (too little to see
        around the person); shift_share: how far the background went at most, speed_share_per_s: how fast (its 90th percentile),
        in long sides of the picture; growth: how much it grew or shrank at most; inlier_share: of points that agree, the median.
        """
        if len(self.steps) < 3:
            return {"camera": "unknown"}
        steps, shares, times = np.array(self.steps), np.array(self.shares), np.array(self.times_s)
        middle = np.array([_LONG_SIDE_PX, _LONG_SIDE_PX]) / 2
        # How the picture's middle moves by each step, and how the picture grows.
        moved = steps[:, :, :2] @ middle + steps[:, :, 2] - middle
        shift = moved / _LONG_SIDE_PX
        grown = np.log(np.maximum(np.linalg.norm(steps[:, :, 0], axis=-1), 1e-6))
        way = np.concatenate([[[0.0, 0.0]], np.cumsum(shift, axis=0)])
        farthest = float(np.linalg.norm(way - way[0], axis=-1).max())
        size = float(np.abs(np.cumsum(grown)).max())
        step_s = max(float(np.median(np.diff(times))), 1e-3) if len(times) > 1 else _EVERY_S
        speed = float(np.percentile(np.linalg.norm(shift, axis=-1), 90)) / step_s
        share = float(np.median(shares))
        if share < _SURE_SHARE:
            camera = "unknown" if farthest < _MOVED else "moving"
        elif farthest < _MOVED and size < _MOVED:
            camera = "still"
        else:
            camera = "turning" if size < _MOVED else "moving"
        return {
            "camera": camera,
            "shift_share": round(farthest, 4),
            "speed_share_per_s": round(speed, 4),
            "growth": round(size, 4),
            "inlier_share": round(share, 3),
        }


def _small_and_grey(rgb: np.ndarray) -> np.ndarray:
    """[H, W, 3] -> [h, w], the longer side _LONG_SIDE_PX."""
    while max(rgb.shape[:2]) >= 2 * _LONG_SIDE_PX:  # means of 2 x 2 are six times as fast as those of any other area
        rgb = cv2.resize(rgb, (max(1, rgb.shape[1] // 2), max(1, rgb.shape[0] // 2)), interpolation=cv2.INTER_AREA)
    height, width = rgb.shape[:2]
    scale = _LONG_SIDE_PX / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.cvtColor(cv2.resize(rgb, size, interpolation=cv2.INTER_LINEAR), cv2.COLOR_RGB2GRAY)


def _box(points: np.ndarray) -> np.ndarray:
    """Left, top, right, bottom around points [N, 2] with a margin."""
    low, high = points.min(0), points.max(0)
    margin = _MARGIN * (high - low).max()
    return np.concatenate([low - margin, high + margin])


def _step(before: np.ndarray, after: np.ndarray, boxes: list[np.ndarray]) -> tuple[np.ndarray, float] | None:
    """The similarity [2, 3] that takes the background of one picture to the next one's, and the share of points that agree."""
    mask = np.full(before.shape, 255, np.uint8)
    for left, top, right, bottom in boxes:
        mask[max(0, int(top)) : max(0, int(bottom) + 1), max(0, int(left)) : max(0, int(right) + 1)] = 0
    corners = cv2.goodFeaturesToTrack(before, _MOST_CORNERS, 0.01, 8, mask=mask)
    if corners is None or len(corners) < _FEWEST_CORNERS:
        return None
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, after, corners, None, winSize=(15, 15), maxLevel=3)
    known = status[:, 0] == 1
    if known.sum() < _FEWEST_CORNERS:
        return None
    fit, inliers = cv2.estimateAffinePartial2D(corners[known], moved[known], ransacReprojThreshold=_AGREE_PX)
    if fit is None:
        return None
    return fit, float(inliers.mean())
