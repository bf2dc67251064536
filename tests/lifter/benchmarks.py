"""Files of the form of Human3.6M's and HumanEva's npz, made of the mannequin's motions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lifter.data.benchmark import rotation_of
from lifter.data.human36m import CAMERAS, Camera
from lifter.joints import INDEX, JOINT_NAMES
from lifter.protocols import HUMAN36M_ACTIONS
from tests.lifter import archives

H36M_SYMMETRY = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
COCO_SYMMETRY = [[1, 3, 5, 7, 9, 11, 13, 15], [2, 4, 6, 8, 10, 12, 14, 16]]
# Where the 17 joints are among the data set's 32.
OF_32 = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
HUMANEVA = (
    *("pelvis", "thorax", "left_shoulder", "left_elbow", "left_wrist", "right_shoulder", "right_elbow", "right_wrist"),
    *("left_hip", "left_knee", "left_ankle", "right_hip", "right_knee", "right_ankle", "head_top"),
)
_MOTIONS = ("walk", "squat", "kick", "punch")


def world_m(motion: str, frames: int, *, fps: float, seed: int = 0) -> np.ndarray:
    """[frames, 17, 3], z up, near the middle of the room."""
    y_up = archives.mocap_clip(motion, fps=fps, seed=seed, seconds=frames / fps)[:frames]
    return y_up @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


def in_32(joints: np.ndarray) -> np.ndarray:
    """The data set's 32 joints; those that nobody uses are far away."""
    out = np.full((len(joints), 32, 3), 99.0, np.float32)
    out[:, OF_32] = joints
    return out


def pixels(camera: Camera, joints_world_m: np.ndarray) -> np.ndarray:
    """OpenCV's own projection, distortion and all: [T, J, 3] -> [T, J, 2]."""
    camera_from_world = rotation_of(camera.orientation_wxyz).T
    turn, _ = cv2.Rodrigues(camera_from_world)
    shift = -camera_from_world @ np.array(camera.position_m)
    lens = np.array([[camera.focal_px[0], 0, camera.centre_px[0]], [0, camera.focal_px[1], camera.centre_px[1]], [0, 0, 1]])
    flat = joints_world_m.reshape(-1, 1, 3).astype(np.float64)
    seen, _ = cv2.projectPoints(flat, turn, shift, lens, np.array(camera.distortion))
    return seen.reshape(*joints_world_m.shape[:-1], 2)


def human36m_worlds(*, frames: int = 8) -> dict[str, dict[str, np.ndarray]]:
    """Two recordings of the first action and one of each of the others, of several lengths; S1 is there, as in the real file."""
    table: dict[str, dict[str, np.ndarray]] = {"S1": {"Walking": world_m("walk", 3, fps=50)}}
    for s, subject in enumerate(("S9", "S11")):
        names = ["Directions 1", "Directions", *(f"{action} 1" for action in HUMAN36M_ACTIONS[1:])]
        table[subject] = {
            name: world_m(_MOTIONS[k % len(_MOTIONS)], frames + 3 * (k % 3) + s, fps=50, seed=k % 2)
            for k, name in enumerate(names)
        }
    return table


def write_positions(path: Path, table: dict[str, dict[str, np.ndarray]]) -> Path:
    np.savez_compressed(path, positions_3d=np.array(table, dtype=object))
    return path


def write_human36m(folder: Path) -> tuple[Path, Path, dict[str, dict[str, np.ndarray]]]:
    """data_3d_h36m.npz, data_2d_h36m_gt.npz (some frames longer than the 3D, as videos are) and what they were made of."""
    worlds = human36m_worlds()
    positions = {subject: {name: in_32(joints) for name, joints in actions.items()} for subject, actions in worlds.items()}
    points: dict[str, dict[str, list[np.ndarray]]] = {}
    for subject in ("S9", "S11"):
        points[subject] = {}
        for name, joints in worlds[subject].items():
            longer = np.concatenate([joints, joints[-1:]])
            points[subject][name] = [pixels(camera, longer).astype(np.float32) for camera in CAMERAS[subject]]
    metadata = {"layout_name": "h36m", "num_joints": 17, "keypoints_symmetry": H36M_SYMMETRY}
    write_detections(folder / "data_2d_h36m_gt.npz", points, metadata)
    return write_positions(folder / "data_3d_h36m.npz", positions), folder / "data_2d_h36m_gt.npz", worlds


def write_detections(path: Path, points: dict[str, Any], metadata: dict[str, Any]) -> Path:
    np.savez_compressed(path, positions_2d=np.array(points, dtype=object), metadata=np.array(metadata, dtype=object))
    return path


def write_humaneva(
    folder: Path, *, focal_px: float = 760.0, centre_px: tuple[float, float] = (331.0, 244.0)
) -> tuple[Path, Path]:
    """data_3d_humaneva15.npz and data_2d_humaneva15_gt.npz with a lens that no file tells."""
    from lifter.data import humaneva

    order = [INDEX[name] for name in HUMANEVA]
    positions: dict[str, dict[str, np.ndarray]] = {}
    points: dict[str, dict[str, list[np.ndarray]]] = {}
    for s, subject in enumerate(("Train/S1", "Validate/S1", "Validate/S2", "Validate/S3")):
        positions[subject], points[subject] = {}, {}
        for name, motion, frames in (
            ("Walking 1 chunk0", "walk", 9),
            ("Walking 1 chunk2", "kick", 20),
            ("Jog 1 chunk0", "run", 12),
            ("Box 1 chunk0", "punch", 6),
        ):
            joints = world_m(motion, frames, fps=60, seed=s)[:, order]
            positions[subject][name] = joints.astype(np.float32)
            points[subject][name] = []
            for orientation, position_mm in humaneva._PLACES[subject.split("/")[1]]:
                seen = (joints - np.array(position_mm) / 1000) @ rotation_of(orientation)
                points[subject][name].append((focal_px * seen[..., :2] / seen[..., 2:] + centre_px).astype(np.float32))
    metadata = {"layout_name": "humaneva15", "num_joints": 15, "keypoints_symmetry": [[2, 3, 4, 8, 9, 10], [5, 6, 7, 11, 12, 13]]}
    write_detections(folder / "data_2d_humaneva15_gt.npz", points, metadata)
    return write_positions(folder / "data_3d_humaneva15.npz", positions), folder / "data_2d_humaneva15_gt.npz"


def coco_of(joints: np.ndarray) -> np.ndarray:
    """COCO's 17 joints of the same person: [T, 17, D] -> [T, 17, D]. Eyes and ears are put on the nose."""
    at = {name: joints[:, i] for i, name in enumerate(JOINT_NAMES)}
    head = ["nose"] * 5
    limbs = [f"{side}_{part}" for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle") for side in ("left", "right")]
    return np.stack([at[name] for name in (*head, *limbs)], axis=1)
