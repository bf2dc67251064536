"""Training data in small, in the form of the real archives, and detections that are exact."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from lifter.data.pairs import HELD_OUT_CHARACTERS
from lifter.joints import INDEX, JOINT_NAMES, LANDMARK_INDEX, LANDMARK_NAMES, LIMB_JOINT_NAMES
from lifter.track_file import Pose2DTrack
from tests.clipmaker.motions import DEFAULT_SECONDS, perform, turned_about_origin
from tests.clipmaker.skeleton import EXTRA_NAMES, Body

WORLD_FROM_CAMERA = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
_Y_UP_FROM_Z_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
_MORE_JOINTS = ("left_toe", "right_toe", "left_hand", "right_hand", "left_thumb", "right_thumb", "neck", "head")


@cache
def seen_landmarks_m(
    name: str, *, fps: float = 30.0, seed: int = 0, yaw_deg: float = 0.0, seconds: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Joints [T, 17, 3] and landmarks [T, 33, 3] in the axes of a level camera 4 m before the origin, 1 m high."""
    times = np.arange(round((seconds or DEFAULT_SECONDS[name]) * fps)) / fps
    posed, _ = perform(name, Body.varied(seed), times, seed=seed)
    posed = turned_about_origin(posed, np.radians(yaw_deg))
    point = {n: posed.joints_m[:, i] for n, i in INDEX.items()} | {n: posed.extras_m[:, i] for i, n in enumerate(EXTRA_NAMES)}
    for side in ("left", "right"):
        point |= {f"{side}_eye_{end}": point[f"{side}_eye"] for end in ("inner", "outer")}
        point |= {f"mouth_{side}": point["nose"], f"{side}_foot_index": point[f"{side}_toe"]}
    landmarks = np.stack([point[n] for n in LANDMARK_NAMES], axis=1)
    camera_m = [0, -4.0, 1.0]
    return (posed.joints_m - camera_m) @ WORLD_FROM_CAMERA, (landmarks - camera_m) @ WORLD_FROM_CAMERA


def exact_detection(
    name: str,
    *,
    fps: float = 30.0,
    yaw_deg: float = 0.0,
    seconds: float = 0.0,
    undetected: tuple[int, ...] = (),
    focal_px: float = 576.0,
) -> tuple[Pose2DTrack, np.ndarray]:
    """What a perfect detector would find in a picture of 640x480, and the joints [T, 17, 3] in camera axes."""
    joints, landmarks = seen_landmarks_m(name, fps=fps, yaw_deg=yaw_deg, seconds=seconds)
    frames = len(joints)
    detected = np.ones(frames, bool)
    detected[list(undetected)] = False
    pixels = focal_px * landmarks[..., :2] / landmarks[..., 2:] + [320, 240]
    hips = [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]
    world = landmarks - landmarks[:, hips].mean(axis=1, keepdims=True)
    pixels[~detected], world[~detected] = np.nan, np.nan
    detection = Pose2DTrack(
        fps=fps,
        timestamps_s=np.arange(frames) / fps,
        landmarks_px=pixels.astype(np.float32),
        landmark_confidence=np.repeat(detected[:, None], 33, axis=1).astype(np.float32),
        world_landmarks_m=world.astype(np.float32),
        detected=detected,
        image_size_px=(640, 480),
        provenance={"clip": {"name": f"{name}.mp4"}},
    )
    return detection, joints


def mocap_clip(name: str, *, seed: int = 0, seconds: float = 0.0, fps: float = 60.0) -> np.ndarray:
    """A motion as motion capture has it: joints [T, 17, 3], metres, y up."""
    joints, _ = seen_landmarks_m(name, fps=fps, seed=seed, seconds=seconds)
    return (joints @ WORLD_FROM_CAMERA.T + [0, -4.0, 1.0]) @ _Y_UP_FROM_Z_UP.T


def write_mocap(path: Path, clips: dict[str, np.ndarray], *, fps: float = 60.0, missing: str = "") -> Path:
    """An archive of clips; the one called `missing` has no nose."""
    names = (*JOINT_NAMES, *_MORE_JOINTS)
    deltas = []
    for name, positions_m in clips.items():
        millimetres = np.zeros((len(positions_m), len(names), 3), np.int16)
        millimetres[:, : len(JOINT_NAMES)] = np.round(1000 * positions_m)
        if name == missing:
            millimetres[:, INDEX["nose"]] = -32768
        with np.errstate(over="ignore"):
            deltas.append(np.diff(millimetres, axis=0, prepend=np.zeros_like(millimetres[:1])).transpose(1, 2, 0))
    np.savez(
        path,
        clip_names=np.array(list(clips)),
        fps=np.full(len(clips), fps, np.float32),
        lengths=np.array([len(c) for c in clips.values()], np.int32),
        joint_names=np.array(names),
        delta_mm=np.concatenate(deltas, axis=2),
    )
    return path


def small_mocap(path: Path) -> Path:
    """Three subjects to train on, and one that is for validation."""
    clips = {"cmu/01/01_01": mocap_clip("kick"), "cmu/01/01_02": mocap_clip("walk", seed=1)}
    clips |= {"cmu/02/02_01#0": mocap_clip("punch", seed=2), "mesh2motion/Jump": mocap_clip("jump", seed=3)}
    clips |= {"cmu/03/03_01": mocap_clip("squat", seed=4), "cmu/10/10_01": mocap_clip("run", seed=5)}
    return write_mocap(path, clips)


def write_pairs(path: Path, sequences: list[tuple[str, str, str]], *, gaps: dict[int, slice] | None = None) -> Path:
    """Sequences of (motion, character, clip name), 48 frames each, exactly detected except in `gaps`."""
    size_px, focal_px = 320, 400.0
    joints, pixels, world = [], [], []
    for i, (motion, _, _) in enumerate(sequences):
        exact, landmarks = (part[:48] for part in seen_landmarks_m(motion, seed=i, yaw_deg=70.0 * i))
        seen = focal_px * landmarks[..., :2] / landmarks[..., 2:] + size_px / 2
        own = landmarks - landmarks[:, [LANDMARK_INDEX["left_hip"], LANDMARK_INDEX["right_hip"]]].mean(axis=1, keepdims=True)
        gap = (gaps or {}).get(i, slice(0, 0))
        seen, own = seen.copy(), own.copy()
        seen[gap], own[gap] = np.nan, np.nan
        joints.append(exact[:, [INDEX[name] for name in LIMB_JOINT_NAMES]])
        pixels.append(seen)
        world.append(own)
    np.savez(
        path,
        joint_names=np.array(LIMB_JOINT_NAMES),
        joints_camera_m=np.array(joints, np.float32),
        landmarks_px=np.array(pixels, np.float32),
        world_landmarks_m=np.array(world, np.float32),
        visibility=np.where(np.isnan(pixels)[..., 0], np.nan, 0.9).astype(np.float32),
        focal_px=np.full(len(sequences), focal_px, np.float32),
        image_px=np.array([size_px, size_px]),
        fps=np.array(30.0),
        character=np.array([character for _, character, _ in sequences]),
        clip_names=np.array([clip for _, _, clip in sequences]),
    )
    return path


def small_pairs(path: Path) -> Path:
    """Two sequences to train on, one held out by its character, one by its subject, one with too many gaps to use."""
    held_out = next(iter(HELD_OUT_CHARACTERS))
    sequences = [
        ("walk", "human-male", "cmu/01/01_01"),
        ("kick", "human-male", "cmu/02/02_01#0"),
        ("squat", held_out, "cmu/01/01_01"),
        ("jump", "human-male", "cmu/03/03_02"),
        ("punch", "human-male", "cmu/01/01_05"),
    ]
    return write_pairs(path, sequences, gaps={1: slice(10, 15), 4: slice(5, 40)})
