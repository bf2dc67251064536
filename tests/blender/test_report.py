"""`retarget --report`: the numbers and the page beside them, from pixels."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.blender import exact_tracks
from tests.worker.engines import ENGINE_PYTHON, HOME, MODELS

ROOT = Path(__file__).resolve().parents[2]
BUILD, CHECKS = ROOT / "build.py", Path(__file__).with_name("rig_checks.py")
DEMO = ROOT / "tests" / "data" / "demo.mp4"

needs_engine = pytest.mark.skipif(
    ENGINE_PYTHON is None or not any(MODELS.glob("*.task")), reason="no motion engine with a landmark model here"
)


@needs_engine
@pytest.mark.one_blender
def test_numbers_and_a_page_with_pictures(run_in_blender, tmp_path):
    made = run_in_blender(CHECKS, tmp_path / "done.json", "props", tmp_path)
    assert made.returncode == 0, made.stdout
    out, numbers, page = tmp_path / "out.glb", tmp_path / "told.json", tmp_path / "told.html"
    words = ("retarget", DEMO, "--rig", f"{tmp_path / 'human.blend'}:a_pose", "--out", out, "--start", "3", "--end", "5")
    environment = {"POSE3D_ENGINE_PYTHON": str(ENGINE_PYTHON), "POSE3D_HOME": str(HOME)}
    done = run_in_blender(BUILD, *words, "--report", numbers, environment=environment, apart=True)
    assert done.returncode == 0 and f"Wrote {numbers} and {page}." in done.stdout, done.stderr
    told = json.loads(numbers.read_text(encoding="utf-8"))
    assert told["schema_version"] == 1 and told["detected_frames"] == told["track_frames"]
    quality = told["quality"]
    first, last = told["frames"]
    assert quality["frames"] == list(range(first, last + 1)) and quality["time_s"][0] == pytest.approx(3.0, abs=0.05)
    measures = {measure["name"]: measure for measure in quality["measures"]}
    assert measures["foot_slide"]["value"] < 2 and measures["penetration"]["value"] < 10
    assert measures["reprojection"]["verdict"] == "good"
    # Two seconds of walking, in which every step begins and ends with keys.
    assert quality["keys"]["count"] < 0.25 * quality["keys"]["dense_count"] and quality["contacts"]
    # The pictures are the clip's own, with lines on them.
    html = page.read_text(encoding="utf-8")
    pictures = re.findall(r"data:image/png;base64,([^\"]+)", html)
    assert len(pictures) == len(quality["worst_frames"]) >= 1
    for text, worst in zip(pictures, quality["worst_frames"], strict=True):
        shown = cv2.imdecode(np.frombuffer(base64.b64decode(text), np.uint8), cv2.IMREAD_COLOR)
        film = cv2.VideoCapture(str(DEMO))
        film.set(cv2.CAP_PROP_POS_FRAMES, round(worst["time_s"] * exact_tracks.demo().track.fps))
        frame = cv2.resize(film.read()[1], shown.shape[1::-1], interpolation=cv2.INTER_AREA)
        changed = np.abs(shown.astype(int) - frame).max(axis=-1) > 60
        assert 0.002 < changed.mean() < 0.1, changed.mean()
