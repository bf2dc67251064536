"""A camera that turns after the person, or is carried along: the person goes where they went, and is seen where they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_pose3d.core.coordinates import CameraPose, first_from_camera
from blender_pose3d.core.motion import MotionOptions, Performance, perform
from blender_pose3d.core.motion.options import CameraMotion
from blender_pose3d.core.skeleton import INDEX, LANDMARK_NAMES
from tests.core.motion_tracks import FOCAL_PX, SIZE_PX, Seen, seen

STILL, TURNING = MotionOptions(camera_motion=CameraMotion.STILL), MotionOptions(camera_motion=CameraMotion.TURNING)


def panned(times: np.ndarray) -> np.ndarray:
    """To the right, down and up again, and a little clockwise."""
    return np.stack([0.25 * times - 0.05 * np.sin(3 * times), 0.06 * np.sin(4 * times), 0.05 * times], axis=1)


def walked_off(person_path_m: np.ndarray, clip: Seen) -> float:
    """How far the path is off along the ground at most, as a share of what was walked."""
    exact = clip.joints_m[:, 0, :2]
    walked = np.linalg.norm(np.diff(exact, axis=0), axis=1).sum()
    return float(np.linalg.norm(person_path_m[:, :2] - exact, axis=1).max() / walked)


def turned_off_deg(joints_m: np.ndarray, clip: Seen) -> np.ndarray:
    ours, exact = (at[:, INDEX["left_hip"]] - at[:, INDEX["right_hip"]] for at in (joints_m, clip.joints_m))
    off = np.arctan2(ours[:, 1], ours[:, 0]) - np.arctan2(exact[:, 1], exact[:, 0])
    return np.degrees(np.abs((off + np.pi) % (2 * np.pi) - np.pi))


@pytest.fixture(scope="module")
def clip() -> Seen:
    return seen("walk_across", camera=CameraPose(0.1, 0.05), turned=panned)


def test_the_person_goes_where_they_went(clip: Seen) -> None:
    person = perform(clip.track, MotionOptions())
    assert np.degrees(person.camera_turned_rad) == pytest.approx(75, abs=10)
    assert walked_off(person.path_m, clip) < 0.02
    assert turned_off_deg(person.joints_m, clip).max() < 3.2
    assert np.abs(person.path_m[:, 2] - clip.joints_m[:, 0, 2]).max() < 0.06
    assert np.degrees(person.camera.pose.pitch_rad) == pytest.approx(np.degrees(0.1), abs=1.5)


def test_without_it_they_do_not(clip: Seen) -> None:
    person = perform(clip.track, STILL)
    assert person.camera_turned_rad == 0
    assert walked_off(person.path_m, clip) > 0.2
    assert turned_off_deg(person.joints_m, clip).max() > 20


def test_a_camera_that_looks_carried_but_turned_is_followed_all_the_same(clip: Seen) -> None:
    carried = replace(clip.track, provenance={"camera_motion": {"camera": "moving"}})
    person = perform(carried, MotionOptions())
    assert np.degrees(person.camera_turned_rad) == pytest.approx(75, abs=12)
    assert person.camera_carried_m < 0.3 and walked_off(person.path_m, clip) < 0.1
    np.testing.assert_array_equal(perform(carried, TURNING).path_m, perform(clip.track, MotionOptions()).path_m)


@pytest.mark.parametrize("background_m", [3.0, 8.0, 20.0])
def test_who_carries_the_camera_along_goes_as_far_as_the_feet_tell(background_m: float) -> None:
    def beside(times: np.ndarray) -> np.ndarray:
        return np.stack([0.9 * times + 0.1 * np.sin(4 * times), 0.2 * times], axis=1)

    clip = seen("walk_across", camera=CameraPose(0.1, 0.0), carried=beside, background_m=background_m)
    person = perform(clip.track, MotionOptions())
    assert person.camera_carried_m == pytest.approx(float(np.linalg.norm(beside(clip.track.timestamps_s[-1:]))), rel=0.1)
    assert walked_off(person.path_m, clip) < 0.06
    still = perform(clip.track, STILL)
    assert still.camera_carried_m == 0 and walked_off(still.path_m, clip) > 0.3
    for found, least, most in ((person.mask, 0.9, 1.0), (still.mask, 0.0, 0.5)):
        assert least <= 2 * (found & clip.contact).sum() / (found.sum() + clip.contact.sum()) <= most


@pytest.mark.parametrize("motion", ["stand", "walk_across"])
def test_a_train_behind_the_person_turns_nobody(motion: str) -> None:
    still = seen(motion)
    times = still.track.timestamps_s
    way = np.stack([0.3 * times, 0 * times, 0 * times, 0 * times], axis=1)
    train = replace(still.track, background_way_share=way, provenance={"camera_motion": {"camera": "turning"}})
    np.testing.assert_array_equal(perform(train, MotionOptions()).path_m, perform(still.track, MotionOptions()).path_m)
    assert perform(train, TURNING).camera_turned_rad > 0.5
    assert perform(train, MotionOptions()).camera_motion is CameraMotion.STILL


def test_somebody_who_stands_before_a_camera_that_turns() -> None:
    clip = seen("stand", turned=lambda times: np.stack([0.3 * times, 0 * times, 0 * times], axis=1))
    person = perform(clip.track, MotionOptions())
    assert person.camera_turned_rad > 0.5
    assert np.linalg.norm(person.path_m - clip.joints_m[:, 0], axis=1).max() < 0.1


def test_who_walks_backwards_before_the_person() -> None:
    """With exact legs; from pixels legs that come and go in depth say too little."""
    clip = seen("walk", camera=CameraPose(0.1, 0.0), carried=lambda times: np.stack([0 * times, -0.8 * times], axis=1))
    person = perform(clip.track, MotionOptions())
    assert person.camera_carried_m == pytest.approx(0.8 * clip.track.timestamps_s[-1], rel=0.1)
    assert walked_off(person.path_m, clip) < 0.05 < 0.5 < walked_off(perform(clip.track, STILL).path_m, clip)


def aimed(times: np.ndarray) -> np.ndarray:
    """By hand: after the person, who is five metres away, with a tremor."""
    return np.stack([0.12 * times + 0.02 * np.sin(4 * times), 0.02 * np.sin(5 * times), 0.01 * np.sin(3 * times)], axis=1)


@pytest.mark.parametrize(("background_m", "told"), [(8.0, "moving"), (15.0, "moving"), (40.0, "turning"), (1e3, "turning")])
def test_who_turns_the_camera_that_they_carry(background_m: float, told: str) -> None:
    """How far away the background is, is a guess; one that shows no parallax is farther away."""

    def slower(times: np.ndarray) -> np.ndarray:
        return np.stack([0.6 * times + 0.03 * np.sin(5 * times), 0.1 * times], axis=1)

    clip = seen("walk_across", camera=CameraPose(0.1, 0.0), turned=aimed, carried=slower, background_m=background_m)
    track = replace(clip.track, provenance={"camera_motion": {"camera": told}})
    person = perform(track, MotionOptions())
    assert person.camera_motion is CameraMotion.CARRIED
    assert walked_off(person.path_m, clip) < 0.08 < 0.2 < walked_off(perform(track, STILL).path_m, clip)
    assert turned_off_deg(person.joints_m, clip).max() < 12
    assert 2 * (person.mask & clip.contact).sum() / (person.mask.sum() + clip.contact.sum()) > 0.85


def test_a_steady_turn_of_a_hand_that_nods() -> None:
    """But for the nodding, a camera that glides along faster would shift the background and the person alike."""
    clip = seen(
        "walk",
        yaw_deg=90,
        turned=lambda times: np.stack([-0.1 * times, 0.02 * np.sin(5 * times), 0 * times], axis=1),
        carried=lambda times: np.stack([-0.5 * times, 0.1 * times], axis=1),
    )
    track = replace(clip.track, provenance={"camera_motion": {"camera": "moving"}})
    person = perform(track, MotionOptions())
    assert np.degrees(person.camera_turned_rad) > 5 and turned_off_deg(person.joints_m, clip).max() < 15
    pixels = [FOCAL_PX * at[:, :2] / at[:, 2:] for at in (seen_again(person), track.root_position_m)]
    assert np.linalg.norm(pixels[0] - pixels[1], axis=1).max() < 12


def seen_again(person: Performance) -> np.ndarray:
    """The pelvis as the camera has it [T, 3], from where it and the camera are in the world."""
    return np.einsum("tji,tj->ti", person.world_from_camera, person.path_m - person.camera_path_m)


def test_who_walks_around_somebody_who_crouches() -> None:
    """The person stays in the middle of the picture, and only the feet say that it was not they who turned."""

    def around(times: np.ndarray) -> np.ndarray:
        return np.stack([5 * np.sin(0.3 * times), 5 * (1 - np.cos(0.3 * times))], axis=1)

    clip = seen(
        "squat",
        turned=lambda times: np.stack([-0.3 * times, 0 * times, 0 * times], axis=1),
        carried=around,
        background_m=9.0,
    )
    track = replace(clip.track, provenance={"camera_motion": {"camera": "moving"}})
    person = perform(track, MotionOptions())
    still = perform(track, STILL)
    assert np.linalg.norm(person.path_m - person.path_m[0] - (clip.joints_m[:, 0] - clip.joints_m[0, 0]), axis=1).max() < 0.1
    assert turned_off_deg(person.joints_m, clip).max() < 15 < 40 < turned_off_deg(still.joints_m, clip).max()


def test_a_crowd_behind_somebody_moves_no_camera() -> None:
    """What goes by fills the picture, so that it looks like a camera that is carried."""
    still = seen("walk_across")
    times = still.track.timestamps_s
    way = np.stack([0.1 * times, 0 * times, 0 * times, 0.02 * times], axis=1)
    crowd = replace(still.track, background_way_share=way, provenance={"camera_motion": {"camera": "moving"}})
    np.testing.assert_allclose(perform(crowd, MotionOptions()).path_m, perform(still.track, MotionOptions()).path_m, atol=1e-9)


def test_feet_that_nobody_saw_say_nothing_of_a_carried_camera() -> None:
    clip = seen("walk_across", carried=lambda times: np.stack([0.9 * times, 0 * times], axis=1))
    unseen = np.full_like(clip.track.landmark_confidence, 0.1)
    for told in ("moving", "turning"):
        hidden = replace(clip.track, landmark_confidence=unseen, provenance={"camera_motion": {"camera": told}})
        for options in (MotionOptions(), MotionOptions(camera_motion=CameraMotion.CARRIED)):
            assert perform(hidden, options).camera_carried_m == 0
    standing = seen("stand", carried=lambda times: np.stack([0 * times, 0 * times], axis=1))
    assert perform(standing.track, MotionOptions()).camera_carried_m == 0


@pytest.mark.parametrize("told", ["moving", "unknown"])
def test_feet_that_are_seen_now_and_then_move_no_camera(told: str) -> None:
    clip = seen("walk")
    sure = np.array(clip.track.landmark_confidence)
    below = [i for i, name in enumerate(LANDMARK_NAMES) if name.split("_", 1)[-1] in ("ankle", "heel", "foot_index")]
    sure[np.ix_(clip.track.timestamps_s % 1.0 > 0.2, below)] = 0.1
    shrunk = np.outer(clip.track.timestamps_s, [0, 0, 0, -0.02]) if told == "moving" else None
    behind = replace(
        clip.track,
        landmark_confidence=sure,
        background_way_share=shrunk,
        provenance={"camera_motion": {"camera": told}},
    )
    for options in (MotionOptions(), MotionOptions(camera_motion=CameraMotion.CARRIED)):
        assert perform(behind, options).camera_carried_m == 0


def test_a_track_that_says_nothing_of_the_background(clip: Seen) -> None:
    silent = replace(clip.track, background_way_share=None, provenance={})
    for options in (MotionOptions(), TURNING):
        np.testing.assert_array_equal(perform(silent, options).path_m, perform(clip.track, STILL).path_m)


@pytest.mark.parametrize("motion", ["walk_across", "walk", "run", "squat", "stand", "jump", "kick"])
def test_who_is_filmed_before_a_bare_wall(motion: str) -> None:
    """A background that tells nothing: feet that stand go by where the camera goes along, and else stay where they are."""
    bare = {"camera_motion": {"camera": "unknown"}}
    still = seen(motion, yaw_deg=20)
    told = replace(still.track, provenance=bare)
    np.testing.assert_array_equal(perform(told, MotionOptions()).path_m, perform(still.track, STILL).path_m)
    if motion != "walk_across":
        return
    clip = seen(motion, carried=lambda times: np.stack([0.9 * times, 0.1 * times], axis=1))
    track = replace(clip.track, provenance=bare, background_way_share=None)
    person = perform(track, MotionOptions())
    assert person.camera_motion is CameraMotion.CARRIED
    assert walked_off(person.path_m, clip) < 0.05 < 0.5 < walked_off(perform(track, STILL).path_m, clip)
    asked = perform(replace(track, provenance={}), MotionOptions(camera_motion=CameraMotion.CARRIED))
    np.testing.assert_array_equal(asked.path_m, person.path_m)


def test_a_background_that_stays_changes_nothing() -> None:
    still = seen("walk")
    told = replace(still.track, background_way_share=np.zeros((still.track.frame_count, 4)))
    np.testing.assert_allclose(perform(told, TURNING).path_m, perform(still.track, MotionOptions()).path_m, atol=1e-9)


def test_the_lens_that_the_user_says_tells_how_far_it_turned(clip: Seen) -> None:
    """A track made for half the focal length: the background's way in the picture is the same."""
    wrong = replace(clip.track, focal_length_px=FOCAL_PX / 2)
    angles = []
    for track, options in ((clip.track, MotionOptions()), (wrong, MotionOptions(focal_length_mm=36 * FOCAL_PX / max(SIZE_PX)))):
        turns = perform(track, options).world_from_camera
        angles.append(np.arccos(np.einsum("ij,ij", turns[0], turns[-1]) / 2 - 0.5))
    assert angles[0] == pytest.approx(angles[1], abs=1e-6)
    doubled = first_from_camera(clip.track.background_way_share, FOCAL_PX / 2, max(SIZE_PX))[-1]
    assert np.arccos(np.trace(doubled) / 2 - 0.5) > 1.8 * angles[0]


def test_a_part_of_the_track_turns_as_the_whole_does(clip: Seen) -> None:
    way, some = clip.track.background_way_share, slice(10, None, 2)
    whole, part = (first_from_camera(some_of_it, FOCAL_PX, max(SIZE_PX)) for some_of_it in (way, way[some]))
    np.testing.assert_allclose(part, whole[10].T @ whole[some], atol=2e-3)


def test_the_camera_between_the_frames(clip: Seen) -> None:
    person = perform(clip.track, MotionOptions())
    times = clip.track.timestamps_s
    np.testing.assert_allclose(person.world_from_camera_at(times), person.world_from_camera, atol=1e-9)
    between = person.world_from_camera_at((times[:-1] + times[1:]) / 2)
    np.testing.assert_allclose(between, (person.world_from_camera[:-1] + person.world_from_camera[1:]) / 2, atol=1e-3)
    np.testing.assert_allclose(person.world_from_camera_at(np.array([-1.0, 99.0])), person.world_from_camera[[0, -1]], atol=1e-9)
