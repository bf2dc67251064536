"""The only place where coordinates are converted: camera axes (x right, y down, z forward) to Blender's world (z up)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rotations import about_axis, apply, norm, unit

_X, _Y, _Z = np.eye(3)
# A level camera looks along the world's +y: camera (x, y, z) is world (x, z, -y).
_WORLD_FROM_LEVEL_CAMERA = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True)
class CameraPose:
    """How the camera was held: pitch_rad > 0 looks down, roll_rad > 0 is turned clockwise as seen from behind it."""

    pitch_rad: float = 0.0
    roll_rad: float = 0.0


def world_from_camera(camera: CameraPose) -> np.ndarray:
    """Rotation matrix [3, 3]."""
    return about_axis(_X, -camera.pitch_rad) @ about_axis(_Y, camera.roll_rad) @ _WORLD_FROM_LEVEL_CAMERA


def first_from_camera(background_way_share: np.ndarray, focal_length_px: float, long_side_px: int) -> np.ndarray:
    """Of a camera that turns where it stands: the axes of the first frame's camera from each frame's, [T, 3, 3].

    background_way_share [T, 4]: as a track has it. What turns with the picture's shift hangs on the lens.
    """
    right, down, clockwise, _ = np.diff(background_way_share.astype(float), axis=0).T
    share = focal_length_px / long_side_px
    turns = np.stack([-down / share, right / share, clockwise], axis=1)  # rotation vectors, of the background
    angles = norm(turns)
    steps = np.swapaxes(about_axis(unit(turns), angles), -1, -2)
    out = np.empty((len(background_way_share), 3, 3))
    out[0] = np.eye(3)
    for i, step in enumerate(steps):
        out[i + 1] = out[i] @ step
    return out


def carried_for_a_metre(background_way_share: np.ndarray, focal_length_px: float, long_side_px: int) -> np.ndarray:
    """Of a camera that is carried without turning: how far it went, in its axes, for a background at a distance of 1 m: [T, 3].

    background_way_share [T, 4]: as a track has it. Up and down is left out: hands that carry a camera nod it.
    """
    right, _, _, growth = (background_way_share - background_way_share[0]).astype(float).T
    return np.stack([-right * long_side_px / focal_length_px, np.zeros_like(right), growth], axis=1)


def to_world(vectors: np.ndarray, camera: CameraPose, *, heading_rad: float = 0.0) -> np.ndarray:
    """[..., 3] in camera axes -> world axes, turned by `heading_rad` about the world's up axis."""
    return apply(about_axis(_Z, heading_rad) @ world_from_camera(camera), vectors)
