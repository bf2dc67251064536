"""How the camera was held, found from the clip."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_pose3d.core.coordinates import CameraPose
from blender_pose3d.core.motion import MotionOptions, perform
from blender_pose3d.core.motion.camera import estimate_camera
from blender_pose3d.core.rotations import about_axis, apply
from blender_pose3d.core.skeleton import INDEX
from tests.core.motion_tracks import FOCAL_PX, SIZE_PX, seen

HELD = [(3.0, 0.0, 1.3), (20.0, -5.0, 2.6), (-8.0, 10.0, 0.8), (6.0, 12.0, 1.5)]


@pytest.mark.parametrize("motion", ["walk", "walk_turn"])
@pytest.mark.parametrize(("pitch_deg", "roll_deg", "height_m"), HELD)
def test_a_walk_shows_how_the_camera_was_held(motion: str, pitch_deg: float, roll_deg: float, height_m: float) -> None:
    clip = seen(motion, camera=CameraPose(np.radians(pitch_deg), np.radians(roll_deg)), height_m=height_m)
    camera = perform(clip.track, MotionOptions()).camera
    assert np.degrees(camera.pose.pitch_rad) == pytest.approx(pitch_deg, abs=1.0)
    assert np.degrees(camera.pose.roll_rad) == pytest.approx(roll_deg, abs=1.0)
    assert camera.height_m == pytest.approx(height_m, abs=0.1)
    assert min(camera.pitch_confidence, camera.roll_confidence) > 0.8


def test_somebody_who_stands_still_says_less() -> None:
    walk, stand = (
        perform(seen(name, camera=CameraPose(np.radians(5), 0)).track, MotionOptions()).camera for name in ("walk", "stand")
    )
    assert np.degrees(stand.pose.pitch_rad) == pytest.approx(5.0, abs=3.0)
    assert stand.pitch_confidence < walk.pitch_confidence - 0.1


@pytest.mark.parametrize("pitch_deg", [12.0, -8.0])
def test_hips_that_go_somewhere_tell_what_is_level_where_legs_are_hidden(pitch_deg: float) -> None:
    """A walk towards the camera behind a table: the lifter's legs just stand, and lean with the camera."""
    clip = seen("walk", camera=CameraPose(np.radians(pitch_deg), 0.0))
    for name in ("knee", "ankle"):
        for side in ("left", "right"):
            clip.track.confidence[:, INDEX[f"{side}_{name}"]] = 0.1
            hip = clip.track.positions_m[:, INDEX[f"{side}_hip"]]
            clip.track.positions_m[:, INDEX[f"{side}_{name}"]] = hip + [0, 0.45 if name == "knee" else 0.9, 0.02]
    clip.track.landmark_confidence[:, 25:] = 0.1
    pitch_rad = perform(clip.track, MotionOptions()).camera.pose.pitch_rad
    assert np.degrees(pitch_rad) == pytest.approx(pitch_deg, abs=2.5)


def test_what_the_user_says_is_taken() -> None:
    clip = seen("walk", camera=CameraPose(np.radians(10), 0))
    options = MotionOptions(camera_pitch_deg=-4.0, camera_roll_deg=2.0, camera_height_m=1.9)
    camera = perform(clip.track, options).camera
    assert np.degrees([camera.pose.pitch_rad, camera.pose.roll_rad]) == pytest.approx([-4.0, 2.0])
    assert camera.height_m == 1.9
    assert camera.given == {"pitch", "roll", "height"}
    assert camera.pitch_confidence == camera.roll_confidence == camera.height_confidence == 1.0


def test_a_person_who_lies_does_not_turn_the_world() -> None:
    clip = seen("lie_down", camera=CameraPose(np.radians(4), 0), yaw_deg=60)
    lying = slice(clip.track.frame_count // 2, None)
    track = replace(
        clip.track,
        **{
            name: getattr(clip.track, name)[lying]
            for name in [
                "timestamps_s",
                "positions_m",
                "root_position_m",
                "confidence",
                "landmarks_px",
                "landmark_confidence",
                "world_landmarks_m",
                "detected",
            ]
        },
    )
    camera = perform(track, MotionOptions()).camera
    assert abs(np.degrees(camera.pose.pitch_rad)) < 15 and abs(np.degrees(camera.pose.roll_rad)) < 15


@pytest.mark.parametrize(("motion", "seconds", "roll_deg"), [("lie_down", (2.8, 3.3), 0.0), ("arm_swing", (0.0, 3.0), 12.0)])
def test_a_trunk_tells_what_is_upright_of_who_stands(motion: str, seconds: tuple[float, float], roll_deg: float) -> None:
    """From the side, where one leg hides the other: somebody who sits on the floor and leans back, and somebody who stands."""
    clip = seen(motion, camera=CameraPose(0.0, np.radians(roll_deg)), yaw_deg=90)
    times = clip.track.timestamps_s
    track = clip.track.of_frames(np.flatnonzero((times >= seconds[0]) & (times <= seconds[1])))
    for name in ("right_knee", "right_ankle"):
        track.confidence[:, INDEX[name]] = 0.2
    camera = perform(track, MotionOptions()).camera
    assert np.degrees(camera.pose.roll_rad) == pytest.approx(roll_deg, abs=6.0)


@pytest.mark.parametrize("height_m", [0.5, 1.0, 2.2])
def test_who_lies_all_the_time_lies_on_the_ground(height_m: float) -> None:
    clip = seen("lie_down", height_m=height_m, yaw_deg=60)
    lying = np.flatnonzero(clip.track.timestamps_s > 5.0)
    person = perform(clip.track.of_frames(lying), MotionOptions())
    np.testing.assert_allclose(person.path_m[:, 2], clip.joints_m[lying, 0, 2], atol=0.05)
    assert person.camera.height_m == pytest.approx(height_m, abs=0.05)
    assert person.camera.height_confidence == 0.0  # feet that stand tell more


def test_feet_of_who_kneels_tilt_no_ground() -> None:
    """On hands and knees, lifted with the nearer shin a little lower than the other."""

    def crawls(at: dict[str, np.ndarray], contact: np.ndarray) -> None:
        way = np.zeros(len(contact))
        for name, points in at.items():
            y = {"left": 0.1, "right": -0.1}.get(name.split("_")[0], 0.0)
            part = name.removeprefix("left_").removeprefix("right_")
            behind = {"knee": 0.0, "ankle": -0.41, "heel": -0.44, "toe": -0.5, "hip": 0.0, "pelvis": 0.0}.get(part, 0.5)
            high = {"knee": 0.06, "ankle": 0.08, "heel": 0.14, "toe": 0.03, "wrist": 0.06, "elbow": 0.3}.get(part, 0.6)
            points[:] = np.stack([way + behind, np.full(len(way), y), np.full(len(way), high + 0.4 * y)], axis=1)

    clip = seen("stand", seconds=3.0, changed=crawls, height_m=1.0)
    pose = perform(clip.track, MotionOptions()).camera.pose
    assert np.degrees([pose.pitch_rad, pose.roll_rad]) == pytest.approx([0.0, 0.0], abs=4.0)


def test_another_lens_moves_the_person_and_turns_the_view() -> None:
    """Lifted with a wrong lens and told the right one, a walk across the picture comes out as if it had been right from the
    start.
    """
    clip = seen("walk", yaw_deg=90)
    track = clip.track
    wrong = 0.6 * FOCAL_PX
    ways = track.root_position_m / track.root_position_m[:, 2:]
    seen_as = ways * [FOCAL_PX / wrong, FOCAL_PX / wrong, 1.0]
    # As the lifter does it: joints in a view that is turned to the pelvis.
    positions = np.stack([_turned(a, b) @ p.T for a, b, p in zip(ways, seen_as, track.positions_m, strict=True)]).swapaxes(1, 2)
    shifted = replace(
        track, focal_length_px=wrong, positions_m=positions, root_position_m=0.6 * track.root_position_m[:, 2:] * seen_as
    )
    right = perform(track, MotionOptions())
    told = perform(shifted, MotionOptions(focal_length_mm=36 * FOCAL_PX / max(SIZE_PX)))
    assert told.focal_length_px == pytest.approx(FOCAL_PX)
    np.testing.assert_allclose(told.path_m, right.path_m, atol=0.03)
    np.testing.assert_allclose(told.joints_m, right.joints_m, atol=0.03)


def _turned(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The rotation by which a view along a becomes one along b, each being the smallest from the optical axis."""
    return _from_axis(b) @ _from_axis(a).T


def _from_axis(way: np.ndarray) -> np.ndarray:
    x, y, z = way / np.linalg.norm(way)
    k = 1 / (1 + z)
    return np.array([[1 - x * x * k, -x * y * k, x], [-x * y * k, 1 - y * y * k, y], [-x, -y, z]])


@pytest.mark.parametrize(("spread_deg", "least_deg", "most_deg"), [(0.0, 15.0, 25.0), (60.0, 0.0, 10.0)])
def test_a_leap_tilts_no_camera(spread_deg: float, least_deg: float, most_deg: float) -> None:
    """Six frames in which somebody leans by 25 degrees in the mean: steadily, or turning over in the air."""
    upright = seen("stand", seconds=0.4).track.positions_m[:6]
    leans = np.radians(25.0 + spread_deg * np.linspace(-0.5, 0.5, 6))
    joints = apply(about_axis(np.array([1.0, 0.0, 0.0]), leans)[:, None], upright)
    nowhere, points = np.zeros((6, 3)), np.zeros((0, 3))
    estimate = estimate_camera(joints, nowhere, np.ones(6), points, MotionOptions())
    assert least_deg <= abs(np.degrees(estimate.pose.pitch_rad)) <= most_deg


@pytest.mark.parametrize(
    ("leans_deg", "leaning_frames", "goes_m", "rises_m"), [(17.0, 100, 1.5, 0.0), (25.0, 75, 2.5, 0.0), (0.0, 100, 1.5, 1.2)]
)
def test_only_who_climbs_is_on_uneven_ground(leans_deg: float, leaning_frames: int, goes_m: float, rises_m: float) -> None:
    """Somebody whose feet stood on some of the ground and who leans far off balance, as dancers do who hold a pose on one leg,
    all the time or three quarters of it; and somebody upright who goes up stairs.
    """
    joints = seen("stand", seconds=4).track.positions_m[:100].copy()
    joints[:leaning_frames] = apply(about_axis(np.array([1.0, 0.0, 0.0]), np.radians(leans_deg)), joints[:leaning_frames])
    ways = np.linspace(0, 1, 12)
    points = np.stack([np.tile([-0.15, 0.15], 6), 1.3 - rises_m * ways, 4 + goes_m * ways], axis=1)
    estimate = estimate_camera(joints, np.tile([0.0, 0.4, 4.7], (100, 1)), np.ones(100), points, MotionOptions())
    assert np.degrees(estimate.pose.pitch_rad) == pytest.approx(0.0, abs=5.0)
