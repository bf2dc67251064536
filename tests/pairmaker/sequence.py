"""One sequence: drawn, spoilt as cameras do, filmed, and detected as any clip is."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np

from lifter.clip import open_clip
from lifter.detect import detect
from lifter.errors import LifterError
from lifter.landmark_model import LandmarkModel

from .plan import Plan

if TYPE_CHECKING:
    from .drawing import Drawer

FILM = "film.mp4"
_NO_BPY = "Name a Python that has bpy with --blender-python."
REPLY = "pairmaker:"  # as in render.py; Blender writes to stdout as well


@dataclass(frozen=True)
class Settings:
    """split: "train" or "heldout"; characters: empty for the split's own; samples: light paths a pixel; blender_python: where
    Blender draws; makehuman: the data of the people that OpenGL draws instead."""

    shared: Path
    split: str
    characters: tuple[str, ...]
    fps: float
    frames: int
    side_px: int
    samples: int
    blender_python: Path | None = None
    makehuman: Path | None = None


class Renderer:
    """`render.py` in a process of its own, one job at a time. It ends when its stdin does, so it never outlives this process
    by more than a sequence."""

    speckled = True  # few light paths a pixel

    def __init__(self, blender_python: Path) -> None:
        script = str(Path(__file__).with_name("render.py"))
        try:
            self._process = subprocess.Popen(
                [str(blender_python), script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, errors="replace"
            )
        except OSError as error:
            raise LifterError(f"Cannot start {blender_python}: {error.strerror}.", hint=_NO_BPY) from error
        try:
            self._reply()
        except ChildProcessError:
            raise LifterError(f"{blender_python} cannot run the renderer.", hint=_NO_BPY) from None

    def __call__(self, job: dict) -> dict:
        """Raises LifterError with what the renderer says of a job that it cannot do, ChildProcessError if it is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ChildProcessError("Blender ended") from None
        reply = self._reply()
        if "error" in reply:
            raise LifterError(reply["error"])
        return reply

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _reply(self) -> dict:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(REPLY):
                return json.loads(line.removeprefix(REPLY))
        raise ChildProcessError(f"Blender ended with exit code {self._process.wait()}")


def make_sequence(
    plan: Plan, settings: Settings, render: Renderer | Drawer, model: LandmarkModel, folder: Path
) -> dict[str, np.ndarray]:
    """Arrays of one sequence, as in the merged file without the first axis; the film as it was detected stays in `folder`.

    Raises LifterError where the character cannot do it, ChildProcessError where Blender ends.
    """
    np.save(folder / "joints.npy", plan.joints_m)
    job = {
        "seed": plan.seed,
        "character": plan.character,
        "joints": str(folder / "joints.npy"),
        "folder": str(folder),
        "rigs": str(settings.shared / "rigs"),
        "fps": settings.fps,
        "view": plan.view,
        "disturbed": plan.disturbed,
        "side_px": settings.side_px,
        "samples": settings.samples,
    }
    seconds = render(job)
    began = time.perf_counter()
    rng = np.random.default_rng([plan.seed, 3])
    pictures = [cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB) for path in sorted(folder.glob("[0-9]*.png"))]
    if render.speckled:
        pictures = [cv2.bilateralFilter(picture, 5, 40, 1.2) for picture in pictures]
    if plan.disturbed:
        pictures = disturbed(pictures, rng)
    film = folder / FILM
    quality = int(rng.integers(16, 34)) if plan.disturbed else 18
    write_film(film, pictures, fps=settings.fps, quality=quality)
    count, size = len(pictures), (settings.side_px, settings.side_px)
    landmarks = np.full((count, 33, 6), np.nan, np.float32)
    try:
        track = detect(open_clip(film), landmark_model=model)
        landmarks[..., :2], landmarks[..., 2:5] = track.landmarks_px, track.world_landmarks_m
        landmarks[..., 5] = track.landmark_confidence
        landmarks[~track.detected] = np.nan
    except LifterError:
        pass  # nobody was found in any frame, which is a result as well
    seconds["detect_s"] = time.perf_counter() - began
    with np.load(folder / "truth.npz", allow_pickle=False) as truth:
        arrays = {key: truth[key] for key in truth.files}
    return arrays | {
        "joints_camera_m": arrays["joints_camera_m"].astype(np.float32),
        "joints_px": arrays["joints_px"].astype(np.float32),
        "head_joints_camera_m": arrays["head_joints_camera_m"].astype(np.float32),
        "landmarks_px": landmarks[..., :2],
        "visibility": landmarks[..., 5],
        "world_landmarks_m": landmarks[..., 2:5],
        "person_yaw_deg": person_yaw_deg(arrays),
        "head_joint_names": np.array(["nose", "head_top"]),
        "image_px": np.array(size),
        "fps": np.array(settings.fps),
        "character": np.array(plan.character),
        "clip_names": np.array(plan.clip_name),
        "clip_start_s": np.array(plan.start_s),
        "clip_rate": np.array(plan.rate),
        "mirrored": np.array(plan.mirrored),
        "view_name": np.array(plan.view_name),
        "seed": np.array(plan.seed),
        "seconds": np.array([seconds[key] for key in ("load_s", "drive_s", "render_s", "detect_s")]),
    }


def person_yaw_deg(truth: dict[str, np.ndarray]) -> np.ndarray:
    """How the person is turned in the middle frame: 0 faces the camera, 90 shows it the left side, 180 the back."""
    joints = dict(zip(truth["joint_names"].tolist(), truth["joints_camera_m"][len(truth["joints_camera_m"]) // 2], strict=True))
    across = joints["left_hip"] - joints["right_hip"] + joints["left_shoulder"] - joints["right_shoulder"]
    roll, pitch = np.radians(float(truth["camera_roll_deg"])), np.radians(float(truth["camera_pitch_deg"]))
    x, y = np.cos(roll) * across[0] - np.sin(roll) * across[1], np.sin(roll) * across[0] + np.cos(roll) * across[1]
    z = np.cos(pitch) * across[2] - np.sin(pitch) * y
    return np.array(np.degrees(np.arctan2(-z, x)))


def disturbed(pictures: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """What cameras do to pictures, the same for the whole sequence: exposure, blur, too few pixels, noise, JPEG."""
    side = pictures[0].shape[0]
    gain, gamma, shift = rng.uniform(0.75, 1.3), rng.uniform(0.7, 1.2), rng.uniform(-0.03, 0.06)
    curve = np.clip(((np.arange(256) / 255) ** gamma * gain + shift) * 255, 0, 255).astype(np.uint8)
    blur = float(rng.uniform(0.4, 1.2)) if rng.random() < 0.2 else 0.0
    small = float(rng.uniform(0.45, 0.8)) if rng.random() < 0.2 else 1.0
    noise = float(rng.uniform(2, 10)) if rng.random() < 0.25 else 0.0
    jpeg = int(rng.integers(20, 80)) if rng.random() < 0.2 else 0
    grey = rng.random() < 0.04
    out = []
    for picture in pictures:
        changed = curve[picture]
        if grey:
            changed = np.repeat(cv2.cvtColor(changed, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        if blur:
            changed = cv2.GaussianBlur(changed, (0, 0), blur)
        if small < 1:
            reduced = cv2.resize(changed, None, fx=small, fy=small, interpolation=cv2.INTER_AREA)
            changed = cv2.resize(reduced, (side, side), interpolation=cv2.INTER_LINEAR)
        if noise:
            changed = np.clip(changed + rng.normal(0, noise, changed.shape), 0, 255).astype(np.uint8)
        if jpeg:
            changed = cv2.imdecode(cv2.imencode(".jpg", changed, [cv2.IMWRITE_JPEG_QUALITY, jpeg])[1], cv2.IMREAD_COLOR)
        out.append(changed)
    return out


def write_film(path: Path, pictures: Sequence[np.ndarray], *, fps: float, quality: int) -> None:
    """H.264; quality is the constant rate factor: 16 is near lossless, 35 shows blocks."""
    with av.open(str(path), "w") as container:
        options = {"crf": str(quality), "preset": "veryfast", "threads": "1"}
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = pictures[0].shape[:2]
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
