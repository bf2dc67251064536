"""Exact tracks: the clip maker's motions as a camera would see them, without a detector."""

from __future__ import annotations

from functools import cache

import numpy as np

from blender_pose3d.core.skeleton import INDEX
from blender_pose3d.core.tracks import Pose3DTrack
from tests.clipmaker.motions import DEFAULT_SECONDS, perform
from tests.clipmaker.skeleton import Body

# World from a level camera: camera (x, y, z) is world (x, z, -y).
WORLD_FROM_CAMERA = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
LIMBS = {
    **{f"{s}_upper_arm": (f"{s}_shoulder", f"{s}_elbow") for s in ("left", "right")},
    **{f"{s}_forearm": (f"{s}_elbow", f"{s}_wrist") for s in ("left", "right")},
    **{f"{s}_thigh": (f"{s}_hip", f"{s}_knee") for s in ("left", "right")},
    **{f"{s}_shin": (f"{s}_knee", f"{s}_ankle") for s in ("left", "right")},
    "trunk": ("pelvis", "thorax"),
}


@cache
def joints_world_m(name: str, *, fps: float = 25.0, body_seed: int = 0, seconds: float = 0.0) -> np.ndarray:
    """A motion's joints [T, 17, 3], z up, the ground at 0."""
    body = Body.varied(body_seed)
    times = np.arange(round((seconds or DEFAULT_SECONDS[name]) * fps)) / fps
    return perform(name, body, times, seed=body_seed)[0].joints_m


def track_of(joints: np.ndarray, *, fps: float = 25.0, timestamps_s: np.ndarray | None = None) -> Pose3DTrack:
    """Joints [T, 17, 3] in the world -> the track of a level camera that stands 4 m before the origin, 1 m high."""
    seen = (joints - [0, -4.0, 1.0]) @ WORLD_FROM_CAMERA
    frames = len(joints)
    return Pose3DTrack(
        fps=fps,
        timestamps_s=np.arange(frames) / fps if timestamps_s is None else timestamps_s,
        positions_m=seen - seen[:, :1],
        root_position_m=seen[:, 0],
        confidence=np.ones((frames, 17)),
        landmarks_px=np.zeros((frames, 33, 2)),
        landmark_confidence=np.ones((frames, 33)),
        world_landmarks_m=np.zeros((frames, 33, 3)),
        detected=np.ones(frames, bool),
        image_size_px=(640, 480),
        focal_length_px=600.0,
    )


def track(name: str, *, fps: float = 25.0, body_seed: int = 0, seconds: float = 0.0) -> Pose3DTrack:
    return track_of(joints_world_m(name, fps=fps, body_seed=body_seed, seconds=seconds), fps=fps)


def directions(joints: np.ndarray, heading_rad: float = 0.0) -> dict[str, np.ndarray]:
    """The limbs' and the trunk's directions, turned about the vertical."""
    c, s = np.cos(heading_rad), np.sin(heading_rad)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    return {name: (joints[:, INDEX[b]] - joints[:, INDEX[a]]) @ turn.T for name, (a, b) in LIMBS.items()}
