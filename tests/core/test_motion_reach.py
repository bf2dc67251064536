"""Arms that a lifter shortened, on an exact body that a pinhole camera sees."""

from __future__ import annotations

import numpy as np

from blender_pose3d.core.motion.body import Landmarks
from blender_pose3d.core.motion.foreshortening import with_reach
from blender_pose3d.core.skeleton import INDEX, LANDMARK_INDEX, LANDMARK_NAMES

FRAMES, FPS = 60, 30.0
FOCAL_PX, SIZE = 900.0, (1280, 720)
SHOULDER, ELBOW, WRIST = (INDEX[f"left_{part}"] for part in ("shoulder", "elbow", "wrist"))
UPPER_M, FOREARM_M = 0.3, 0.26


def reaching(*, towards: float) -> tuple[np.ndarray, np.ndarray]:
    """Joints [T, 17, 3] of somebody whose left arm points towards the camera (1) or away (-1), and the pelvis' path [T, 3]."""
    joints = np.tile(np.random.default_rng(0).uniform(-0.3, 0.3, (17, 3)), (FRAMES, 1, 1))
    joints[:, INDEX["pelvis"]] = 0.0
    joints[:, SHOULDER] = [0.2, -0.45, 0.0]
    way = np.array([0.25, 0.15, -towards])
    way /= np.linalg.norm(way)
    joints[:, ELBOW] = joints[:, SHOULDER] + UPPER_M * way
    joints[:, WRIST] = joints[:, ELBOW] + FOREARM_M * way
    return joints, np.tile([0.1, 0.0, 4.0], (FRAMES, 1))


def seen(joints: np.ndarray, path: np.ndarray, *, confidence: float = 0.95) -> Landmarks:
    places = joints + path[:, None]
    pixels = np.zeros((FRAMES, len(LANDMARK_NAMES), 2))
    sure = np.zeros((FRAMES, len(LANDMARK_NAMES)))
    for name in ("shoulder", "elbow", "wrist"):
        at = places[:, INDEX[f"left_{name}"]]
        pixels[:, LANDMARK_INDEX[f"left_{name}"]] = FOCAL_PX * at[:, :2] / at[:, 2:] + np.array(SIZE) / 2
        sure[:, LANDMARK_INDEX[f"left_{name}"]] = confidence
    return Landmarks(pixels, np.zeros((FRAMES, len(LANDMARK_NAMES), 3)), sure)


def shortened(joints: np.ndarray, share: float) -> np.ndarray:
    """As a network has it: only a share of the arm's depth."""
    out = joints.copy()
    for joint in (ELBOW, WRIST):
        out[:, joint, 2] = joints[:, SHOULDER, 2] + share * (joints[:, joint, 2] - joints[:, SHOULDER, 2])
    return out


def stretched(lifted: np.ndarray) -> np.ndarray:
    """The same directions with the arm's true lengths."""
    out = lifted.copy()
    for a, b, length in ((SHOULDER, ELBOW, UPPER_M), (ELBOW, WRIST, FOREARM_M)):
        way = lifted[:, b] - lifted[:, a]
        out[:, b] = out[:, a] + length * way / np.linalg.norm(way, axis=-1, keepdims=True)
    return out


def reached(joints: np.ndarray, path: np.ndarray, *, share: float, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """What comes out for a lifter that keeps `share` of the depth, and what went in."""
    lifted = shortened(joints, share)
    given = stretched(lifted)
    times = np.arange(FRAMES) / FPS
    return with_reach(given, lifted, path, seen(joints, path, confidence=confidence), times, FOCAL_PX, SIZE), given


def test_an_arm_reaches_as_far_as_it_is_long_on_the_side_that_the_network_says() -> None:
    for towards in (1.0, -1.0):
        joints, path = reaching(towards=towards)
        found, given = reached(joints, path, share=0.5)
        before, after = (np.linalg.norm(arm[:, WRIST] - joints[:, WRIST], axis=-1).max() for arm in (given, found))
        assert before > 0.1 and after < 0.35 * before
        for a, b, length in ((SHOULDER, ELBOW, UPPER_M), (ELBOW, WRIST, FOREARM_M)):
            np.testing.assert_allclose(np.linalg.norm(found[:, b] - found[:, a], axis=-1), length, atol=1e-9)


def test_an_exact_arm_stays_where_it_is() -> None:
    joints, path = reaching(towards=1.0)
    found, _ = reached(joints, path, share=1.0)
    np.testing.assert_allclose(found, joints, atol=2e-3)


def test_an_arm_that_was_not_seen_or_points_nobody_knows_where_is_left_alone() -> None:
    joints, path = reaching(towards=1.0)
    for share, confidence in ((0.5, 0.2), (0.05, 0.95)):
        found, given = reached(joints, path, share=share, confidence=confidence)
        np.testing.assert_allclose(found, given, atol=1e-9)
