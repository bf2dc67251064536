"""Tracks whose joints are exact: the demo clip's ground truth and the clip maker's motions. Numpy only, for use in Blender."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blender_pose3d.core.coordinates import CameraPose
from blender_pose3d.core.skeleton import JOINT_NAMES, LANDMARK_INDEX
from blender_pose3d.core.tracks import Pose3DTrack
from tests.clipmaker import motions, skeleton

DEMO_TRUTH = Path(__file__).resolve().parents[1] / "data" / "demo_truth.npz"
_DISTANCE_M, _CAMERA_HEIGHT_M = 5.0, 1.2
_IMAGE_PX, _FOCAL_PX = (640, 480), 700.0
_LEG_LANDMARKS = {"hip": "hip", "knee": "knee", "ankle": "ankle", "heel": "heel", "foot_index": "toe"}


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
    x, y, z = np.moveaxis(np.concatenate([posed.joints_m, posed.extras_m], axis=1), -1, 0)
    seen_m = np.stack([x, _CAMERA_HEIGHT_M - z, y + _DISTANCE_M], axis=-1)
    camera_m = {place: seen_m[:, i] for i, place in enumerate((*skeleton.JOINT_NAMES, *skeleton.EXTRA_NAMES))}
    world = posed.joints_m[:, [skeleton.JOINT_NAMES.index(joint) for joint in JOINT_NAMES]]
    landmarks = {f"{side}_{part}": camera_m[f"{side}_{of}"] for side in ("left", "right") for part, of in _LEG_LANDMARKS.items()}
    joints = np.stack([camera_m[joint] for joint in JOINT_NAMES], axis=1)
    return Exact(_track(f"{name}.mp4", times, joints, landmarks), CameraPose(), world)


def _track(name: str, times: np.ndarray, joints_m: np.ndarray, landmarks_m: dict[str, np.ndarray] | None = None) -> Pose3DTrack:
    """joints_m [T, 17, 3]; landmarks_m [T, 3] each, those that the detector is said to have seen: camera axes."""
    count = len(times)
    pixels, own = np.zeros((count, 33, 2), np.float32), np.zeros((count, 33, 3), np.float32)
    confidence = np.zeros((count, 33), np.float32)
    for landmark, place in (landmarks_m or {}).items():
        at = LANDMARK_INDEX[landmark]
        pixels[:, at] = np.array(_IMAGE_PX) / 2 + _FOCAL_PX * place[:, :2] / place[:, 2:]
        own[:, at], confidence[:, at] = place - joints_m[:, 0], 1.0
    return Pose3DTrack(
        fps=float((count - 1) / (times[-1] - times[0])),
        timestamps_s=times.astype(float),
        positions_m=(joints_m - joints_m[:, :1]).astype(np.float32),
        root_position_m=joints_m[:, 0].astype(np.float32),
        confidence=np.ones((count, 17), np.float32),
        landmarks_px=pixels,
        landmark_confidence=confidence,
        world_landmarks_m=own,
        detected=np.ones(count, bool),
        image_size_px=_IMAGE_PX,
        focal_length_px=_FOCAL_PX,
        provenance={"clip": {"name": name}},
    )
