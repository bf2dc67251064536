"""Straight edges around the people: corners, doors, shelves and floor boards say how the camera is held.

Which of them are upright and which level is left to whoever knows how the person stands (blender_pose3d/core/motion/edges.py).
"""

from __future__ import annotations

import cv2
import numpy as np

# An edge is so long, in long sides of the picture; so many are kept, the longest.
_SHORTEST_SHARE, _MOST = 0.05, 80
# So many places along an edge are looked up.
_PLACES = 33
# What is drawn over a picture or bounds it, such as a grid of thirds or black bars, runs along so much of it, in edges of so many
# pixels or more that are off its side's direction by so many at most, both sides of the stroke within the next number.
_DRAWN_SHARE, _DRAWN_PX, _DRAWN_OFF_PX, _STROKE_PX = 0.8, 8.0, 0.75, 2.0


def straight_lines(grey: np.ndarray, around: np.ndarray) -> np.ndarray:
    """The edges of a small picture [h, w], where the mask `around` [h, w] is not 0 all along them: [L, 4], x and y of both ends
    from the picture's upper left corner, in shares of its long side, the longest first. Those that are drawn over it are no
    room's, and left out.

    Found by a line segment detector (R. Grompone von Gioi et al., LSD: a line segment detector, 2012).
    """
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(grey)[0]
    lines = np.zeros((0, 4)) if found is None else np.asarray(found, float).reshape(-1, 4)
    way = lines[:, 2:] - lines[:, :2]
    length = np.linalg.norm(way, axis=1)
    height, width = grey.shape
    along = lines[:, None, :2] + np.linspace(0, 1, _PLACES)[:, None] * way[:, None]
    column, row = (along[..., axis].round().astype(int).clip(0, size - 1) for axis, size in ((0, width), (1, height)))
    outside = (around[row, column] != 0).all(axis=1) & ~_drawn(lines, grey.shape)
    kept = np.flatnonzero((length >= _SHORTEST_SHARE * max(height, width)) & outside)
    kept = kept[np.argsort(-length[kept], kind="stable")[:_MOST]]
    return ((lines[kept] + 0.5) / max(height, width)).astype(np.float32)  # the middles of pixels have whole numbers


def _drawn(lines: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """[L]: edges that together run along the picture and exactly with a side of it, as nobody holds a camera."""
    found = np.zeros(len(lines), bool)
    for along, size in ((0, shape[1]), (1, shape[0])):
        ends, across = np.sort(lines[:, along::2], axis=1), lines[:, 1 - along :: 2]
        exact = (np.ptp(ends, axis=1) >= _DRAWN_PX) & (np.ptp(across, axis=1) <= _DRAWN_OFF_PX)
        place = across.mean(axis=1)
        for at in np.unique(place[exact].round(1)):
            one = exact & (np.abs(place - at) <= _STROKE_PX)
            covered = np.zeros(size, bool)
            for first, last in ends[one]:
                covered[max(round(first), 0) : round(last) + 1] = True
            if covered.mean() >= _DRAWN_SHARE:
                found |= one
    return found
