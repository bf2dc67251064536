"""The data that flows: a track of joints in, a motion of bones out. Frozen; arrays are not to be written to."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace

import numpy as np

# The only array that is not of frames.
_EDGES = "background_lines_px"
_MOST_WARNINGS = 10


@dataclass(frozen=True)
class Pose3DTrack:
    """One person's motion. T frames; camera axes are x right, y down, z forward.

    fps; timestamps_s [T]; positions_m [T, 17, 3] relative to the pelvis; root_position_m [T, 3] of the pelvis in camera space;
    confidence [T, 17]; landmarks_px [T, 33, 2], landmark_confidence [T, 33] and world_landmarks_m [T, 33, 3] as detected (NaN
    where nobody was); detected [T]; image_size_px (width, height); focal_length_px; provenance.
    Of a track whose hands were looked at, else None: hand_landmarks_m [T, 2, 21, 3] of the left and the right hand, relative to
    the wrist (NaN where there is none), and hand_confidence [T, 2].
    Of a clip whose camera moved, else None: background_way_share [T, 4], how far the background has gone, step by step: right and
    down in long sides of the picture at its middle, clockwise in radians, and the logarithm of its growth.
    Of a clip with straight edges around the person, else None: background_lines_px [L, 4], x and y of both ends, in the first
    frame.
    """

    fps: float
    timestamps_s: np.ndarray
    positions_m: np.ndarray
    root_position_m: np.ndarray
    confidence: np.ndarray
    landmarks_px: np.ndarray
    landmark_confidence: np.ndarray
    world_landmarks_m: np.ndarray
    detected: np.ndarray
    image_size_px: tuple[int, int]
    focal_length_px: float
    provenance: dict = field(default_factory=dict)
    hand_landmarks_m: np.ndarray | None = None
    hand_confidence: np.ndarray | None = None
    background_way_share: np.ndarray | None = None
    background_lines_px: np.ndarray | None = None

    @property
    def frame_count(self) -> int:
        return len(self.timestamps_s)

    @property
    def slowdown(self) -> float:
        """How many times as long the clip plays as what was filmed took, whose times the track has: slow motion."""
        told = (self.provenance.get("clip") or {}).get("slowdown")
        return float(told) if isinstance(told, int | float) and 0 < told < math.inf else 1.0

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of the motion engine when it looked at the clip, as far as the track remembers them; a line each, whoever made it."""
        told = self.provenance.get("warnings")
        lines = told[:_MOST_WARNINGS] if isinstance(told, list) else []
        return tuple(line for line in lines if isinstance(line, str) and line.isprintable())

    def of_frames(self, frames: np.ndarray) -> Pose3DTrack:
        """The same of some frames, by indices or a mask [T]. A camera that moved shows other edges where they begin."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self)}
        taken = {name: value[frames] for name, value in arrays.items() if isinstance(value, np.ndarray) and name != _EDGES}
        begins_later = taken["timestamps_s"][:1] != self.timestamps_s[:1]
        if self.background_way_share is not None and begins_later.all():
            taken[_EDGES] = None
        return replace(self, **taken)


@dataclass(frozen=True)
class RigMotion:
    """Keyable motion of a rig: K bones, T frames.

    bone_names [K]; timestamps_s [T]; rotations_wxyz [T, K, 4]: each bone's rotation in its own rest axes (a pose bone's
    `rotation_quaternion`), signs continuous in time; root_bone: the bone that carries the path; root_location_m [T, 3]: how far
    its head is from rest, metres, world axes; root_basis_location [T, 3]: the same as the root bone's keyable location.
    heading_rad: how far the track was turned about the world's up axis so that a person who faces the camera faces where the rig
    does; scale: the rig's leg in lengths of the person's; held: bones that have one rotation [4] all the time, relaxed fingers;
    left_alone: bones that are at rest here and get no key, so that they do what the user has them do.
    """

    bone_names: tuple[str, ...]
    timestamps_s: np.ndarray
    rotations_wxyz: np.ndarray
    root_bone: str
    root_location_m: np.ndarray
    root_basis_location: np.ndarray
    heading_rad: float
    scale: float
    held: dict[str, np.ndarray] = field(default_factory=dict)
    left_alone: frozenset[str] = frozenset()
