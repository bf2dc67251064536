"""A camera that stands, turns, zooms or shakes, before a wall of noise with somebody in front of it who moves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from lifter.background import BackgroundMotion

FRAMES, FPS = 50, 25.0
WIDTH, HEIGHT = 640, 360
_WALL = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (900, 1600), dtype=np.uint8), (0, 0), 2.0)
_WALL = cv2.normalize(_WALL, None, 0, 255, cv2.NORM_MINMAX)


def told(view: Callable[[float], tuple[float, float, float]], *, wall: np.ndarray = _WALL) -> dict[str, Any]:
    """view: seconds -> where the picture's left upper corner is on the wall (x, y), and how much the wall is enlarged."""
    random = np.random.default_rng(1)
    motion = BackgroundMotion()
    for n in range(FRAMES):
        x, y, size = view(n / FPS)
        window = np.array([[size, 0, -size * x], [0, size, -size * y]])
        picture = cv2.warpAffine(wall, window, (WIDTH, HEIGHT)).astype(float) + random.normal(0, 3, (HEIGHT, WIDTH))
        left = 100 + 6 * n  # somebody walks from left to right, a quarter of the picture wide
        picture[60:330, left : left + 160] = np.roll(_WALL, 7 * n, axis=1)[:270, :160]
        rgb = np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
        body = np.array([[left + 20, 80], [left + 140, 310]]) / [WIDTH, HEIGHT]
        motion.look(n / FPS, rgb, [body])
    return motion.told()


@pytest.mark.parametrize(
    ("view", "camera"),
    [
        (lambda t: (400, 200, 1.0), "still"),
        (lambda t: (400 + 1.5 * np.sin(9 * t), 200 + 1.5 * np.cos(7 * t), 1.0), "still"),
        (lambda t: (300 + 60 * t, 200, 1.0), "turning"),
        (lambda t: (300, 150 + 40 * t, 1.0), "turning"),
        (lambda t: (400, 200, 1.0 + 0.1 * t), "moving"),
    ],
    ids=["tripod", "held still", "pan", "tilt", "towards the wall"],
)
def test_what_the_camera_did(view: Callable[[float], tuple[float, float, float]], camera: str) -> None:
    assert told(view)["camera"] == camera


def test_a_pan_is_measured() -> None:
    found = told(lambda t: (300 + 64 * t, 200, 1.0))
    assert found["shift_share"] == pytest.approx(0.1 * (FRAMES - 1) / FPS, rel=0.1)
    assert found["speed_share_per_s"] == pytest.approx(0.1, rel=0.1)
    assert found["inlier_share"] > 0.9


def test_an_even_wall_says_nothing() -> None:
    assert told(lambda t: (400, 200, 1.0), wall=np.full_like(_WALL, 128))["camera"] == "unknown"


def test_too_few_pictures_say_nothing() -> None:
    assert BackgroundMotion().told() == {"camera": "unknown"}
