"""Poses as they come from a camera: read from the worker's lines, solved one at a time, kept as a track."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .coordinates import to_world, world_from_camera
from .errors import Pose3DError
from .motion.standing_legs import straight_legs
from .rig import RigSpec
from .skeleton import INDEX, JOINT_NAMES, LANDMARK_NAMES
from .solve import FOUND_BEND_RAD, SolveOptions, heading_of, solve
from .tracks import Pose3DTrack, RigMotion
from .upright import ground_m, upright

# What the newest pose is solved with: the twist of straight limbs and the smoothing look back so far.
_WINDOW_S = 0.5
_FEWEST_RECORDED = 2
# Legs are seen or not for so long, not from frame to frame.
_LEGS_S = 0.3
_ANKLES = [INDEX[f"{side}_ankle"] for side in ("left", "right")]


@dataclass(frozen=True)
class Source:
    """What the worker follows: its network, how far its poses are behind the camera, the picture and its lens."""

    model: str
    delay_s: float
    image_size_px: tuple[int, int]
    focal_length_px: float


@dataclass(frozen=True)
class LivePose:
    """One row of a track: fields as there, less the frames' axis."""

    time_s: float
    detected: bool
    positions_m: np.ndarray
    root_position_m: np.ndarray
    confidence: np.ndarray
    landmarks_px: np.ndarray
    landmark_confidence: np.ndarray
    world_landmarks_m: np.ndarray


def read_source(values: Mapping[str, Any]) -> Source | None:
    """The worker's `live` line; None where it is none."""
    try:
        width, height = (int(v) for v in values["image_size_px"])
        source = Source(str(values["model"]), float(values["delay_s"]), (width, height), float(values["focal_length_px"]))
    except (KeyError, TypeError, ValueError):
        return None
    return source if min(source.image_size_px) > 0 and source.focal_length_px > 0 else None


def read_pose(values: Mapping[str, Any]) -> LivePose | None:
    """A `frame` line of the worker; None where it is none."""
    try:
        detected = bool(values["detected"])
        pose = LivePose(
            float(values["time_s"]),
            detected,
            _array(values["positions_m"], (len(JOINT_NAMES), 3)),
            _array(values["root_position_m"], (3,)),
            _array(values["confidence"], (len(JOINT_NAMES),)),
            _array(values.get("landmarks_px"), (len(LANDMARK_NAMES), 2), none=np.nan),
            _array(values.get("landmark_confidence"), (len(LANDMARK_NAMES),), none=0.0),
            _array(values.get("world_landmarks_m"), (len(LANDMARK_NAMES), 3), none=np.nan),
        )
    except (KeyError, TypeError, ValueError):
        return None
    finite = (pose.positions_m, pose.root_position_m, pose.confidence)
    return pose if np.isfinite(pose.time_s) and all(np.isfinite(values).all() for values in finite) else None


def as_track(poses: Sequence[LivePose], source: Source, *, name: str) -> Pose3DTrack:
    """Recorded poses as a track that begins at 0 s. name: what stands for the clip's. Raises Pose3DError for too few of them."""
    if len(poses) < _FEWEST_RECORDED or not any(pose.detected for pose in poses):
        raise Pose3DError("Nobody was seen while it was recorded.", hint="Record again with the whole body in the picture.")
    times = np.array([pose.time_s for pose in poses])
    columns = ("positions_m", "root_position_m", "confidence", "landmarks_px", "landmark_confidence", "world_landmarks_m")
    return Pose3DTrack(
        fps=float((len(times) - 1) / (times[-1] - times[0])),
        timestamps_s=times - times[0],
        detected=np.array([pose.detected for pose in poses]),
        image_size_px=source.image_size_px,
        focal_length_px=source.focal_length_px,
        provenance={"clip": {"name": name}, "lifter_model": {"name": source.model}, "live": {"delay_s": source.delay_s}},
        **{column: np.stack([getattr(pose, column) for pose in poses]).astype(np.float32) for column in columns},
    )


class LiveSolve:
    """The pose of a rig for each pose of a person, as it comes."""

    def __init__(self, rig: RigSpec, source: Source, options: SolveOptions) -> None:
        self._rig, self._source = rig, source
        self._options = replace(options, bend_rad=FOUND_BEND_RAD)
        self._recent: deque[LivePose] = deque()
        self._first: LivePose | None = None
        self._sure = np.ones(len(JOINT_NAMES))

    def add(self, pose: LivePose) -> None:
        """Take a pose in, which may be one of several that came at once. One that is not newer than the last is passed over."""
        if self._recent and pose.time_s <= self._recent[-1].time_s:
            return
        if self._first is None:
            if not pose.detected:
                return
            # The path counts from here: the first row of every window, long before the others.
            self._first = replace(pose, time_s=pose.time_s - 100.0)
        self._recent.append(self._with_legs(pose))
        while self._recent[0].time_s < pose.time_s - _WINDOW_S:
            self._recent.popleft()

    def _with_legs(self, pose: LivePose) -> LivePose:
        """Before a webcam nobody's legs are in the picture: they stand, instead of going wherever the network guesses them."""
        passed_s = pose.time_s - self._recent[-1].time_s if self._recent else _LEGS_S
        if pose.detected:
            self._sure = self._sure + (pose.confidence - self._sure) * min(1.0, passed_s / _LEGS_S)
        down = world_from_camera(self._options.camera).T @ [0.0, 0.0, -1.0]
        return replace(pose, positions_m=straight_legs(pose.positions_m, down, self._sure))

    def newest(self) -> RigMotion | None:
        """The rig's newest pose, a motion of one frame; None before anybody was seen."""
        if self._first is None:
            return None
        motion = solve(as_track([self._first, *self._recent], self._source, name=""), self._rig, self._options)
        return replace(
            motion,
            timestamps_s=motion.timestamps_s[-1:],
            rotations_wxyz=motion.rotations_wxyz[-1:],
            root_location_m=motion.root_location_m[-1:],
            root_basis_location=motion.root_basis_location[-1:],
        )

    def joints_m(self, pose: LivePose, scale: float) -> np.ndarray:
        """The person's joints [17, 3] where the rig is, standing on its ground. scale: of the rig's motion."""
        first = self._first or pose
        heading, rig = heading_of(self._rig), self._rig
        joints, path = (
            to_world(values, self._options.camera, heading_rad=heading)
            for values in (pose.positions_m, pose.root_position_m - first.root_position_m)
        )
        middle = rig.world_points(rig.middle("thigh"))
        placed = scale * joints
        placed[:, :2] += middle[:2] + (0.0 if self._options.in_place else scale * path[:2])
        placed[:, 2] += ground_m(rig) + (upright(rig) or rig).ankle_height_m - placed[_ANKLES, 2].min()
        return placed


def standing(pose: LivePose, options: SolveOptions) -> np.ndarray:
    """The joints [17, 3] of somebody who is followed without a rig, in their own size at the world's origin, on the ground."""
    joints = to_world(pose.positions_m, options.camera)
    joints[:, 2] -= joints[_ANKLES, 2].min()
    return joints


def _array(value: object, shape: tuple[int, ...], *, none: float | None = None) -> np.ndarray:
    if value is None and none is not None:
        return np.full(shape, none, np.float32)
    made = np.asarray(value, dtype=np.float32)
    if made.shape != shape:
        raise ValueError(f"{made.shape} is not {shape}")
    return made
