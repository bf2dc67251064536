"""What is mended in a detection before it is lifted, and what is left alone."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from lifter.joints import LANDMARK_INDEX, LANDMARK_NAMES
from lifter.mend import mended
from lifter.track_file import Pose2DTrack

FRAMES, FPS = 60, 25.0
WRIST, ELBOW, SHOULDER = (LANDMARK_INDEX[f"left_{part}"] for part in ("wrist", "elbow", "shoulder"))
FOREARM_PX = 60.0


def detection() -> Pose2DTrack:
    """Somebody 400 pixels high who sways and swings an arm, exactly seen."""
    random = np.random.default_rng(0)
    body = random.uniform(-1, 1, (len(LANDMARK_NAMES), 2)) * [60, 200] + [640, 360]
    phase = np.arange(FRAMES) / FPS
    pixels = np.tile(body, (FRAMES, 1, 1)) + 10 * np.sin(phase)[:, None, None]
    angle = 0.8 * np.sin(4 * phase)
    pixels[:, WRIST] = pixels[:, ELBOW] + FOREARM_PX * np.stack([np.sin(angle), np.cos(angle)], axis=1)
    world = np.concatenate([pixels - [640, 360], np.zeros((FRAMES, len(LANDMARK_NAMES), 1))], axis=2) / 230
    return Pose2DTrack(
        fps=FPS,
        timestamps_s=phase,
        landmarks_px=pixels.astype(np.float32),
        landmark_confidence=np.full((FRAMES, len(LANDMARK_NAMES)), 0.9, np.float32),
        world_landmarks_m=world.astype(np.float32),
        detected=np.ones(FRAMES, bool),
        image_size_px=(1280, 720),
    )


def changed(clean: Pose2DTrack, *, frames: list[int], by_px: tuple[float, float], confidence: float) -> Pose2DTrack:
    """The wrist elsewhere in some frames."""
    pixels, sure = clean.landmarks_px.copy(), clean.landmark_confidence.copy()
    pixels[frames, WRIST] += by_px
    sure[frames, WRIST] = confidence
    return dataclasses.replace(clean, landmarks_px=pixels, landmark_confidence=sure)


@pytest.mark.parametrize("frames", [[20], [20, 21], [20, 40]])
def test_a_jump_of_which_the_detector_was_unsure_is_mended(frames: list[int]) -> None:
    clean = detection()
    track, count = mended(changed(clean, frames=frames, by_px=(40, -45), confidence=0.3))
    assert count == len(frames)
    np.testing.assert_allclose(track.landmarks_px[:, WRIST], clean.landmarks_px[:, WRIST], atol=4)
    assert (track.landmark_confidence[frames, WRIST] <= 0.3).all()
    rest = np.delete(np.arange(FRAMES), frames)
    np.testing.assert_array_equal(track.landmarks_px[rest], clean.landmarks_px[rest])


def test_a_bone_that_is_too_long_is_mended_however_sure_the_detector_was() -> None:
    clean = detection()
    track, count = mended(changed(clean, frames=[20], by_px=(150, 40), confidence=0.95))
    assert count == 1
    np.testing.assert_allclose(track.landmarks_px[20, WRIST], clean.landmarks_px[20, WRIST], atol=2)


def test_a_punch_keeps_its_peak() -> None:
    """Out and back within three frames, as fast as a jump, but surely seen and with an arm as long as ever."""
    clean = detection()
    pixels = clean.landmarks_px.copy()
    pixels[20, WRIST] = pixels[20, ELBOW] + FOREARM_PX * np.array([0.0, -1.0])
    track, count = mended(dataclasses.replace(clean, landmarks_px=pixels))
    assert count == 0
    np.testing.assert_array_equal(track.landmarks_px, pixels)


def test_gaps_stay_gaps_and_what_is_beside_them_is_left_alone() -> None:
    clean = changed(detection(), frames=[19, 25], by_px=(40, -45), confidence=0.3)
    gone = slice(20, 25)
    pixels, world, sure = clean.landmarks_px.copy(), clean.world_landmarks_m.copy(), clean.landmark_confidence.copy()
    pixels[gone], world[gone], sure[gone] = np.nan, np.nan, 0.0
    detected = clean.detected.copy()
    detected[gone] = False
    track, count = mended(
        dataclasses.replace(clean, landmarks_px=pixels, world_landmarks_m=world, landmark_confidence=sure, detected=detected)
    )
    assert count == 0
    np.testing.assert_array_equal(track.landmarks_px, pixels)
    np.testing.assert_array_equal(track.detected, detected)


def test_a_clip_of_three_frames_has_nothing_to_go_by() -> None:
    clean = detection()
    cut = {f.name: getattr(clean, f.name) for f in dataclasses.fields(clean)}
    short: dict[str, Any] = {name: value[:3] for name, value in cut.items() if isinstance(value, np.ndarray)}
    assert mended(dataclasses.replace(clean, **short))[1] == 0


HEEL, TOE, ANKLE = (LANDMARK_INDEX[f"left_{part}"] for part in ("heel", "foot_index", "ankle"))


def foot_moved(
    clean: Pose2DTrack, landmarks: list[int], *, frame: int = 20, by_px: tuple[float, float] = (10, -24)
) -> Pose2DTrack:
    """A foot of usual size, parts of which are elsewhere for one frame, as surely seen as ever."""
    pixels = clean.landmarks_px.copy()
    pixels[:, HEEL], pixels[:, TOE] = pixels[:, ANKLE] + [-12, 15], pixels[:, ANKLE] + [35, 18]
    pixels[frame, landmarks] += np.array(by_px, np.float32)
    return dataclasses.replace(clean, landmarks_px=pixels)


@pytest.mark.parametrize("end", [HEEL, TOE])
def test_an_end_of_a_foot_that_is_elsewhere_for_a_frame_is_mended(end: int) -> None:
    track, count = mended(foot_moved(detection(), [end]))
    assert count == 1
    np.testing.assert_allclose(track.landmarks_px, foot_moved(detection(), []).landmarks_px, atol=2)


@pytest.mark.parametrize("parts", [[ANKLE], [HEEL, TOE], [HEEL, TOE, ANKLE]])
def test_a_foot_that_stays_whole_is_left_alone(parts: list[int]) -> None:
    """Both ends, and all of it, move in a stamp."""
    assert mended(foot_moved(detection(), parts))[1] == 0


def test_a_toe_has_time_between_the_frames_of_a_slow_clip() -> None:
    slow = dataclasses.replace(detection(), fps=10.0, timestamps_s=np.arange(FRAMES) / 10.0)
    assert mended(foot_moved(slow, [TOE]))[1] == 0
