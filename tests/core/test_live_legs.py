"""Somebody before a webcam, followed live."""

from __future__ import annotations

import numpy as np
import pytest

from blender_pose3d.core.coordinates import CameraPose
from blender_pose3d.core.live import LivePose, LiveSolve, Source
from blender_pose3d.core.solve import SolveOptions
from tests.core.motion_tracks import FOCAL_PX, SIZE_PX, Seen, seen
from tests.core.rigs import PosedRig, angle_deg, build, posed
from tests.core.test_motion_waist_up import LEGS, SIDES, to_the_waist

SOURCE = Source("exact", 0.0, SIZE_PX, FOCAL_PX)
DOWN = np.array([0.0, 0.0, -1.0])


def followed(clip: Seen, camera: CameraPose | None = None) -> list[PosedRig]:
    """A rig's poses as they come."""
    track, rig = clip.track, build()
    live = LiveSolve(rig, SOURCE, SolveOptions(smoothing_s=0.0, camera=camera or CameraPose()))
    out = []
    columns = ("positions_m", "root_position_m", "confidence", "landmarks_px", "landmark_confidence", "world_landmarks_m")
    for row, time_s in enumerate(track.timestamps_s):
        live.add(LivePose(float(time_s), True, *(np.asarray(getattr(track, column))[row] for column in columns)))
        motion = live.newest()
        assert motion is not None
        out.append(posed(rig, motion))
    return out


def thighs_off_deg(body: PosedRig) -> float:
    ways = [
        body.head(f"{side}_{end}") - body.head(f"{side}_{start}")
        for side in SIDES
        for start, end in (("thigh", "shin"), ("shin", "foot"))
    ]
    return float(max(angle_deg(way, np.broadcast_to(DOWN, way.shape)).max() for way in ways))


@pytest.mark.parametrize("pitch_deg", [0.0, -12.0])
def test_who_has_no_legs_in_the_picture_stands(pitch_deg: float) -> None:
    camera = CameraPose(np.radians(pitch_deg), 0.0)
    exact, cut = (followed(make(seen("reach", camera=camera, seconds=3.0)), camera) for make in (lambda clip: clip, to_the_waist))
    settled = slice(12, None)
    assert max(map(thighs_off_deg, cut[settled])) < 0.5
    rig = cut[0].rig
    for a, b in zip(exact[settled], cut[settled], strict=True):
        assert angle_deg(a.limbs()["left_upper_arm"], b.limbs()["left_upper_arm"]).max() < 0.1
        assert b.head("left_foot")[0, 2] == pytest.approx(rig.ground_m + rig.ankle_height_m, abs=3e-3)


def test_legs_that_are_seen_are_the_persons() -> None:
    clip = seen("squat", seconds=2.0)
    lowest = int(clip.joints_m[:, 0, 2].argmin())
    assert thighs_off_deg(followed(clip)[lowest]) > 40


def test_a_knee_at_the_pictures_edge_does_not_make_legs_flicker() -> None:
    clip = to_the_waist(seen("stand", seconds=3.0))
    clip.track.confidence[::6, LEGS] = 1.0
    bodies = followed(clip)
    feet = np.array([body.head("left_foot")[0] - body.head("left_thigh")[0] for body in bodies])
    assert np.linalg.norm(np.diff(feet[12:], axis=0), axis=-1).max() < 0.02
