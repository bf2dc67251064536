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


def straight_lines(grey: np.ndarray, around: np.ndarray) -> np.ndarray:
    """The edges of a small picture [h, w], where the mask `around` [h, w] is not 0 all along them: [L, 4], x and y of both ends
    from the picture's upper left corner, in shares of its long side, the longest first.

    Found by a line segment detector (R. Grompone von Gioi et al., LSD: a line segment detector, 2012).
    """
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(grey)[0]
    lines = np.zeros((0, 4)) if found is None else np.asarray(found, float).reshape(-1, 4)
    way = lines[:, 2:] - lines[:, :2]
    length = np.linalg.norm(way, axis=1)
    height, width = grey.shape
    along = lines[:, None, :2] + np.linspace(0, 1, _PLACES)[:, None] * way[:, None]
    column, row = (along[..., axis].round().astype(int).clip(0, size - 1) for axis, size in ((0, width), (1, height)))
    kept = np.flatnonzero((length >= _SHORTEST_SHARE * max(height, width)) & (around[row, column] != 0).all(axis=1))
    kept = kept[np.argsort(-length[kept], kind="stable")[:_MOST]]
    return ((lines[kept] + 0.5) / max(height, width)).astype(np.float32)  # the middles of pixels have whole numbers
