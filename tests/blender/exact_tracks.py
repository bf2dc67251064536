"""Tracks whose joints are exact: the demo clip's ground truth and the clip maker's motions. Numpy only, for use in Blender."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blender_pose3d.core.coordinates import CameraPose
from blender_pose3d.core.skeleton import JOINT_NAMES
from blender_pose3d.core.tracks import Pose3DTrack
from tests.clipmaker import motions, skeleton

DEMO_TRUTH = Path(__file__).resolve().parents[1] / "data" / "demo_truth.npz"
_DISTANCE_M, _CAMERA_HEIGHT_M = 5.0, 1.2


@dataclass(frozen=True)
class Exact:
    """track; camera: how the camera that saw it was held; joints_world_m [T, 17, 3]: the same joints in Blender's world."""

    track: Pose3DTrack
    camera: CameraPose
    joints_world_m: np.ndarray


def demo(*, every: int = 1) -> Exact:
    """The demo clip's truth, every so many frames."""
    with np.load(DEMO_TRUTH, allow_pickle=False) as file:
        order = [file["joint_names"].tolist().index(name) for name in JOINT_NAMES]
        joints = file["positions_camera_m"][::every, order]
        world = file["positions_world_m"][::every, order]
        camera = CameraPose(pitch_rad=float(file["camera_pitch_rad"]), roll_rad=float(file["camera_roll_rad"]))
        times = file["timestamps_s"][::every]
    return Exact(_track("demo.mp4", times, joints), camera, world)


def motion(name: str, *, fps: float = 10.0, seconds: float | None = None) -> Exact:
    """One of the clip maker's motions before a level camera."""
    return motion_at(name, np.arange(0, seconds or motions.DEFAULT_SECONDS[name], 1 / fps))


def motion_at(name: str, times: np.ndarray) -> Exact:
    """The same at any times [T], in seconds."""
    posed, _ = motions.perform(name, skeleton.Body(), times)
    world = posed.joints_m[:, [skeleton.JOINT_NAMES.index(joint) for joint in JOINT_NAMES]]
    x, y, z = np.moveaxis(world, -1, 0)
    camera_m = np.stack([x, _CAMERA_HEIGHT_M - z, y + _DISTANCE_M], axis=-1)
    return Exact(_track(f"{name}.mp4", times, camera_m), CameraPose(), world)


def _track(name: str, times: np.ndarray, joints_m: np.ndarray) -> Pose3DTrack:
    count = len(times)
    return Pose3DTrack(
        fps=float((count - 1) / (times[-1] - times[0])),
        timestamps_s=times.astype(float),
        positions_m=(joints_m - joints_m[:, :1]).astype(np.float32),
        root_position_m=joints_m[:, 0].astype(np.float32),
        confidence=np.ones((count, 17), np.float32),
        landmarks_px=np.zeros((count, 33, 2), np.float32),
        landmark_confidence=np.zeros((count, 33), np.float32),
        world_landmarks_m=np.zeros((count, 33, 3), np.float32),
        detected=np.ones(count, bool),
        image_size_px=(640, 480),
        focal_length_px=700.0,
        provenance={"clip": {"name": name}},
    )
