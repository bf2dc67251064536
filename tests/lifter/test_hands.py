"""Hands: where they are looked for, which one of those that are found is meant, and a real clip."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lifter.errors import LifterError
from lifter.hands import Crop, crop_around, find_hand, hand_landmarker
from lifter.joints import HAND_INDEX, LANDMARK_INDEX
from lifter.landmark_model import LandmarkModel, find_hand_model
from lifter.track_file import read_detection

from .conftest import REPOSITORY, SHARED_CLIPS

SIDES = ("left", "right")
# Metres: a person with raised forearms, the camera's axes.
ARMS = {"shoulder": (0.2, -0.5, 0.0), "elbow": (0.3, -0.25, 0.0), "wrist": (0.35, -0.5, -0.02), "hip": (0.1, 0.0, 0.0)}
ARMS |= {"index": (0.35, -0.58, -0.04), "pinky": (0.39, -0.57, -0.03), "thumb": (0.33, -0.55, -0.05)}


@pytest.fixture(scope="session")
def hand_model() -> LandmarkModel:
    return find_hand_model()


def body(px_per_m: float = 300.0, **moved: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """landmarks_px, world_m and confidence of ARMS, both sides, filmed from afar."""
    world = np.zeros((33, 3))
    for part, place in (ARMS | moved).items():
        for side, sign in (("left", 1), ("right", -1)):
            world[LANDMARK_INDEX[f"{side}_{part}"]] = np.multiply(place, [sign, 1, 1])
    return px_per_m * world[:, :2] + 320, world, np.ones(33)


def test_the_crop_is_around_the_hand_and_as_large_as_the_arm_says() -> None:
    for side in SIDES:
        crop = crop_around(*body(), side)
        assert crop is not None
        middle = np.array([crop.left, crop.top]) + crop.side / 2
        knuckles = (body()[0][LANDMARK_INDEX[f"{side}_index"]] + body()[0][LANDMARK_INDEX[f"{side}_pinky"]]) / 2
        np.testing.assert_allclose(middle, knuckles)
        assert 100 < crop.side < 150 and (np.abs(crop.wrist - 0.5) < 0.3).all()
        doubled = crop_around(*body(600.0), side)
        assert doubled is not None and doubled.side == pytest.approx(2 * crop.side)
    # A forearm that points at the camera is short in the picture, its hand is not smaller.
    ahead = crop_around(*body(wrist=(0.3, -0.25, -0.25), index=(0.3, -0.27, -0.33), pinky=(0.32, -0.26, -0.32)), "left")
    assert ahead is not None and ahead.side > 0.8 * 1.7 * 0.25 * 300


def test_no_crop_where_nothing_is_to_be_seen() -> None:
    pixels, world, sure = body()
    hidden = sure.copy()
    hidden[LANDMARK_INDEX["left_wrist"]] = 0.1
    assert crop_around(pixels, world, hidden, "left") is None and crop_around(pixels, world, hidden, "right") is not None
    assert crop_around(*body(30.0), "left") is None  # a hand of four pixels
    assert crop_around(pixels, np.zeros_like(world), sure, "left") is not None
    assert crop_around(np.zeros_like(pixels), world, sure, "left") is None


def found(side: str, score: float, wrist: tuple[float, float], mark: float) -> tuple[str, float, np.ndarray, np.ndarray]:
    places, world = np.zeros((21, 2)), np.full((21, 3), mark)
    places[HAND_INDEX["wrist"]] = wrist
    world[HAND_INDEX["wrist"]] = mark - 1
    return side, score, places, world


def test_of_several_hands_the_arms_own_is_taken() -> None:
    crop = Crop(10, 10, 64, np.array([0.5, 0.6]))
    picture = np.zeros((100, 100, 3), np.uint8)

    def taken(*hands: tuple[str, float, np.ndarray, np.ndarray]) -> tuple[float, float] | None:
        best = find_hand(picture, crop, "left", lambda _: list(hands))
        assert best is None or (best[0][HAND_INDEX["wrist"]] == 0).all()
        return None if best is None else (float(best[0][5, 0]), best[1])

    near, far = (0.5, 0.62), (0.9, 0.2)
    right_one = taken(found("left", 0.9, near, 2.0))
    assert right_one is not None and right_one[1] > 0.85
    assert taken() is None and taken(found("left", 0.9, far, 2.0)) is None
    # The other hand's shape in this hand's place is doubtful, not certain.
    wrong = taken(found("right", 0.9, near, 2.0))
    assert wrong is not None and wrong[1] == pytest.approx(0.1, abs=0.01)
    chosen = taken(found("right", 0.99, near, 5.0), found("left", 0.8, (0.52, 0.66), 2.0), found("left", 0.99, far, 9.0))
    assert chosen is not None and right_one[0] == 1.0 and 0.6 < chosen[1] < 0.8


def test_the_crop_shows_that_part_of_the_picture_and_its_edge_beyond() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = 200
    seen: list[np.ndarray] = []

    def look(rgb: np.ndarray) -> list:
        seen.append(rgb)
        return []

    assert find_hand(picture, Crop(20, -10, 20, np.array([0.5, 0.5])), "left", look) is None
    assert seen[0].shape == (256, 256, 3)
    assert (seen[0][:, :100] == 0).all() and (seen[0][:, 160:] == 200).all()


def test_a_file_that_is_no_hand_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.task").write_bytes(b"no model")
    with pytest.raises(LifterError, match="hand model"), hand_landmarker(tmp_path / "a.task"):
        pass


@pytest.mark.skipif(not SHARED_CLIPS.is_dir(), reason="needs the shared clips")
def test_hands_in_a_real_clip(hand_model: LandmarkModel, tmp_path: Path) -> None:
    """A person who walks: the hands are seen most of the time, hang half closed, and nothing else of the track is changed."""
    outs = [tmp_path / "with.npz", tmp_path / "without.npz"]
    for out, words in zip(outs, (["--hands"], []), strict=True):
        clip = SHARED_CLIPS / "walk-sit-stand.mp4"
        command = [sys.executable, "-m", "lifter", "detect", str(clip), str(out), "--start", "3", "--end", "4", *words]
        done = subprocess.run([*command, "--progress", "json"], capture_output=True, text=True, cwd=REPOSITORY, check=False)
        assert done.returncode == 0, done.stderr
        events = [json.loads(line) for line in done.stdout.splitlines()]
        assert events[0]["stages"] == (["detect", "hands"] if words else ["detect"])
        assert [e["stage"] for e in events if e["event"] == "progress"][-1] == events[0]["stages"][-1]
    with_, without = map(read_detection, outs)
    assert without.hand_landmarks_m is None and without.hand_confidence is None
    assert with_.hand_landmarks_m is not None and with_.hand_confidence is not None
    assert with_.provenance["hand_model"]["sha256"] == hand_model.sha256
    for field in dataclasses.fields(with_):
        if isinstance(value := getattr(without, field.name), np.ndarray):
            np.testing.assert_array_equal(getattr(with_, field.name), value, err_msg=field.name)
    seen = with_.hand_confidence > 0.2
    assert seen.mean() > 0.4, seen.mean()
    hands = with_.hand_landmarks_m[seen]
    length = np.linalg.norm(hands[:, HAND_INDEX["middle_mcp"]], axis=1)
    assert (hands[:, HAND_INDEX["wrist"]] == 0).all() and 0.06 < np.median(length) < 0.12
