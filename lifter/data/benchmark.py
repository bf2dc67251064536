"""What the readers of benchmarks share: a recording in one camera, and the tables that the files hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..adapters import COCO_17, landmarks_of
from ..errors import LifterError
from ..joints import JOINT_NAMES, joints_from_landmarks
from .restricted import read_npz


@dataclass(frozen=True)
class BenchmarkSequence:
    """One recording in one camera, T frames.

    truth_m [T, len(joint_names), 3]: camera axes, metres. rays [T, 17, 2]: the 2D input as (x/z, y/z), from the truth's
    projection or from a detector; its joints are those of `JOINT_NAMES`.
    """

    subject: str
    action: str
    camera: str
    fps: float
    truth_m: np.ndarray
    rays: np.ndarray
    joint_names: tuple[str, ...] = JOINT_NAMES


def rotation_of(wxyz: tuple[float, float, float, float]) -> np.ndarray:
    """A quaternion as a matrix [3, 3]."""
    w, x, y, z = np.array(wxyz) / np.linalg.norm(wxyz)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )


def benchmark_table(path: Path, *, hint: str) -> Mapping[str, Mapping[str, Any]]:
    """`positions_3d`[subject][action]. Raises LifterError."""
    return _table(path, read_npz(path, ["positions_3d"], hint=hint)["positions_3d"], hint=hint)


def _table(path: Path, table: Any, *, hint: str) -> Mapping[str, Mapping[str, Any]]:
    if not isinstance(table, dict) or not table or not all(isinstance(actions, dict) for actions in table.values()):
        raise LifterError(f"{path} has no table of subjects and their actions.", hint=hint)
    return table


def joint_array(values: Any, joints: tuple[int, ...], axes: int, what: str, *, hint: str) -> np.ndarray:
    """A recording's array [T, one of `joints`, axes]. Raises LifterError."""
    array = np.asarray(values)
    if array.dtype.kind != "f" or array.ndim != 3 or array.shape[1] not in joints or array.shape[2] != axes or not len(array):
        raise LifterError(f"{what} is no recording of {' or '.join(map(str, joints))} joints.", hint=hint)
    if not np.isfinite(array).all():
        raise LifterError(f"{what} has values that are not finite.", hint=hint)
    return array.astype(np.float64)


class Detections:
    """A file of `positions_2d`[subject][action], one array for each camera, and `metadata` that says which joints those are."""

    # Joints on the left, by which the files tell their layouts apart.
    _LAYOUTS = {
        (17, (4, 5, 6, 11, 12, 13)): "h36m",
        (17, (1, 3, 5, 7, 9, 11, 13, 15)): "coco",
        (15, (2, 3, 4, 8, 9, 10)): "humaneva15",
    }

    def __init__(self, path: Path, *, hint: str) -> None:
        values = read_npz(path, ["positions_2d", "metadata"], hint=hint)
        self.path, self.hint, metadata = path, hint, values["metadata"]
        self.table = _table(path, values["positions_2d"], hint=hint)
        try:
            left = tuple(int(i) for i in metadata["keypoints_symmetry"][0])
            self.joint_count = int(metadata["num_joints"])
            self.layout = self._LAYOUTS[self.joint_count, left]
        except (KeyError, IndexError, TypeError, ValueError):
            raise LifterError(f"The metadata of {path} tell of no known layout of joints.", hint=hint) from None

    def points_px(self, subject: str, action: str, camera: int, frames: int) -> np.ndarray:
        """[frames, J, 2] in pixels, COCO's joints made into our 17. Raises LifterError."""
        what = f"{self.path}: {subject}, {action}, camera {camera + 1}"
        try:
            values = self.table[subject][action][camera]
        except (KeyError, IndexError, TypeError):
            raise LifterError(f"{what} is not there.", hint=self.hint) from None
        points = joint_array(values, (self.joint_count,), 2, what, hint=self.hint)
        # Some videos go on for some frames after the motion capture.
        if len(points) < frames:
            raise LifterError(f"{what} has {len(points)} of {frames} frames.", hint=self.hint)
        points = points[:frames]
        if self.layout == "coco":
            points = joints_from_landmarks(landmarks_of(points, COCO_17))
        return points
