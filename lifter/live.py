"""Frames of a camera to 3D poses as they come; a video file may play the camera's part.

A causal network gives the pose of the newest frame. Where none is installed, the usual network looks at a window that ends with
the newest frame, and gives the pose of the frame in its middle: as good as for a clip, and late by half a window.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import statistics
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from .checkpoint import WEIGHTS_DIR, LoadedModel, available_models, load_model
from .clip import frames, open_clip
from .device import on_device
from .errors import LifterError
from .exchange import ExchangeFilter, turned
from .infer import (
    DEFAULT_FOCAL_SHARE,
    SIGHT_S,
    TURNED,
    agreed_share,
    blended,
    nearer_to_sight,
    off_sight,
    root_positions,
    upside_down,
    values_at,
)
from .joints import joint_confidence_from_landmarks, joints_from_landmarks
from .landmark_model import LandmarkModel
from .landmarker import body_landmarker
from .look import shrunk
from .models.streaming import pose_of_window
from .normalise import WINDOW_STEP_S, derive_middle_joints, rays_from_pixels

_CAMERA = re.compile(r"camera:(\d{1,3})")
# What a window's values (rays, confidence, the detector's own 3D) are in a picture turned by half.
_OVER = np.array([-1, -1, 1, *TURNED], np.float32)
_LEFT_OUT_S = 0.25
_SILENT_S = 5.0  # a camera that sends nothing for so long is gone
_CAMERA_HINT = "Connect one, close the programs that use it, or name another: camera:1, or a video file."
Picture = tuple[float, np.ndarray]  # seconds since the first, RGB [H, W, 3]


@dataclass(frozen=True)
class LiveFrame:
    """The pose at time_s since the first frame. positions_m [17, 3] relative to the pelvis, root_position_m [3] and confidence
    [17] as in a track file; landmarks [33, 6]: pixels x, y, the detector's own 3D in metres, confidence; NaN where nobody is.
    """

    time_s: float
    detected: bool
    positions_m: np.ndarray
    root_position_m: np.ndarray
    confidence: np.ndarray
    landmarks: np.ndarray

    def as_event(self) -> dict[str, Any]:
        marks = np.round(self.landmarks.astype(float), 4)
        return {
            "time_s": round(self.time_s, 6),
            "detected": self.detected,
            "positions_m": np.round(self.positions_m.astype(float), 5).tolist(),
            "root_position_m": np.round(self.root_position_m.astype(float), 5).tolist(),
            "confidence": np.round(self.confidence.astype(float), 3).tolist(),
            "landmarks_px": marks[:, :2].tolist() if self.detected else None,
            "world_landmarks_m": marks[:, 2:5].tolist() if self.detected else None,
            "landmark_confidence": marks[:, 5].tolist() if self.detected else None,
        }


@dataclass(frozen=True)
class _Row:
    """A frame of the window: joints_px [17, 2], confidence [17], world_m [17, 3] and landmarks [33, 6]."""

    time_s: float
    detected: bool
    joints_px: np.ndarray
    confidence: np.ndarray
    world_m: np.ndarray
    landmarks: np.ndarray


class LiveLifter:
    """Landmarks of one frame after the other in, poses out. What it keeps is one window of frames, whatever the source's rate."""

    def __init__(self, loaded: LoadedModel, *, image_size_px: tuple[int, int], focal_length_px: float) -> None:
        config = loaded.network.config
        self.network = loaded.network
        self.offsets_s = (np.arange(config.frames) - config.target) * WINDOW_STEP_S
        # How far the pose is behind the newest frame.
        self.delay_s = float(self.offsets_s[-1])
        self._size_px, self._focal_px = image_size_px, focal_length_px
        self._rows: deque[_Row] = deque()
        self._exchange = ExchangeFilter()
        # How far joints were off their lines of sight [1, 17, 2], and when.
        self._off, self._off_s = np.zeros((1, 17, 2)), -math.inf

    def push(self, time_s: float, body: np.ndarray | None) -> LiveFrame | None:
        """A frame's landmarks [33, 6] as in `LiveFrame`, None where there is no person. Returns None while no pose is due yet:
        before the first person, and during the delay."""
        row = self._row(time_s, body)
        if row is None:
            return None
        self._rows.append(row)
        reach_s = float(self.offsets_s[-1] - self.offsets_s[0])
        while len(self._rows) > 2 and self._rows[1].time_s < time_s - reach_s:
            self._rows.popleft()
        wanted_s = time_s - self.delay_s
        if wanted_s < self._rows[0].time_s:
            return None
        return self._pose(wanted_s)

    def _row(self, time_s: float, body: np.ndarray | None) -> _Row | None:
        if body is None:
            if not self._rows:
                return None
            last = self._rows[-1]
            return _Row(time_s, False, last.joints_px, np.zeros(17), np.zeros((17, 3)), np.full((33, 6), np.nan))
        size = np.array(self._size_px)
        inside = ((body[:, :2] >= 0) & (body[:, :2] <= size)).all(-1)
        confidence = joint_confidence_from_landmarks(np.where(inside, body[:, 5], 0.0))
        joints = joints_from_landmarks(body[:, :2].astype(float))
        world = joints_from_landmarks(body[:, 2:5].astype(float))
        exchanged = self._exchange.push(joints, time_s)
        joints, confidence, world = (turned(values[None], exchanged)[0] for values in (joints, confidence, world - world[:1]))
        return _Row(time_s, True, joints, confidence, world, body)

    def _pose(self, wanted_s: float) -> LiveFrame:
        rows = self._rows
        times = np.array([row.time_s for row in rows])
        joints = torch.from_numpy(np.stack([row.joints_px for row in rows]))
        rays = rays_from_pixels(joints, self._focal_px, self._size_px).numpy()
        confidence, world = (np.stack([getattr(row, name) for row in rows]) for name in ("confidence", "world_m"))
        values = np.concatenate([rays, confidence[..., None], world], -1).astype(np.float32)
        window = values_at(values, times, (wanted_s + self.offsets_s).clip(times[0], times[-1]))
        positions = self._positions(window)
        if over := float(np.interp(wanted_s, times, upside_down(rays, world, times))):
            positions += over * (self._positions(window * _OVER) * TURNED - positions)
        now = values_at(values, times, np.array([wanted_s]))[0].astype(float)
        nearest = rows[int(np.abs(times - wanted_s).argmin())]
        if nearest.detected:
            positions = blended(positions[None], now[None, :, 3:], agreed_share(positions[None], now[None, :, 3:], 0.0))[0]
        root = root_positions(positions[None], now[None, :, :2], now[None, :, 2])
        positions, root = (values[0] for values in self._seen_at(wanted_s, positions[None], root, now[None]))
        return LiveFrame(
            time_s=float(wanted_s),
            detected=nearest.detected,
            positions_m=positions,
            root_position_m=root,
            confidence=now[:, 2] if nearest.detected else np.zeros(17),
            landmarks=nearest.landmarks,
        )

    def _positions(self, window: np.ndarray) -> np.ndarray:
        """The pose [17, 3] of a window [N, 17, 6] in camera axes."""
        seen = torch.from_numpy(window).to(next(self.network.parameters()).device)[None]
        seen = torch.cat([derive_middle_joints(seen[..., :2]), seen[..., 2:]], -1)
        pose, view_from_camera = pose_of_window(self.network, seen)
        return pose.double().cpu().numpy() @ view_from_camera.double().cpu().numpy()

    def _seen_at(self, time_s: float, positions: np.ndarray, root: np.ndarray, now: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`nearer_to_sight` for one frame, by what the frames before were off: an exponential filter."""
        off = off_sight(positions, root, now[..., :2], now[..., 2])
        share = 1 - math.exp(-(time_s - self._off_s) / SIGHT_S)
        self._off, self._off_s = self._off + share * (off - self._off), time_s
        return nearer_to_sight(positions, root, self._off)


def live(
    source: str,
    *,
    landmark_model: LandmarkModel,
    model: str | None = None,
    focal_px: Callable[[tuple[int, int]], float | None] = lambda _size_px: None,
    device: str | None = None,
    fast: bool = False,
    seconds: float | None = None,
    filmed_fps: float | None = None,
    as_played: bool = False,
    told: Callable[[str, dict[str, Any]], None],
    progress: Callable[[int, int | None], None] | None = None,
) -> dict[str, Any]:
    """Follow a camera ("camera:0") or a video file until it ends, or for so many seconds of it; returns a summary.

    focal_px: the focal length for a picture of this size, None for the usual one.
    fast: every frame of a file, as fast as they can be worked on; otherwise a file is played at its own speed, and frames for
    which there is no time are left out, as with a camera. filmed_fps, as_played: of a file, as for `open_clip`. told: called with
    ("live", what runs) once the source is open, and ("frame", `LiveFrame.as_event`) for each pose. Raises LifterError.
    """
    loaded, _ = on_device(device, lambda there: load_model(model or causal_model(), device=there))
    with contextlib.ExitStack() as stack:
        size_px, pictures = _open(source, fast=fast, filmed_fps=filmed_fps, as_played=as_played, stack=stack)
        focal = focal_px(size_px) or DEFAULT_FOCAL_SHARE * max(size_px)
        lifter = LiveLifter(loaded, image_size_px=size_px, focal_length_px=focal)
        landmarks_of = stack.enter_context(body_landmarker(landmark_model.path))
        told(
            "live",
            {
                "source": source,
                "model": loaded.name,
                "causal": lifter.delay_s == 0,
                "delay_s": round(lifter.delay_s, 4),
                "image_size_px": list(size_px),
                "focal_length_px": focal,
            },
        )
        scale = np.array([*size_px, 1, 1, 1, 1], np.float32)
        count, detected, last_ms, worked_s, began_s = 0, 0, -1, [], time.monotonic()
        for time_s, rgb in pictures():
            if seconds is not None and time_s > seconds:
                break
            started_s = time.monotonic()
            last_ms = max(last_ms + 1, round(time_s * 1000))
            body = landmarks_of(shrunk(rgb), last_ms)
            frame = lifter.push(time_s, None if body is None else body * scale)
            if frame is not None:
                told("frame", frame.as_event())
            count, detected = count + 1, detected + (body is not None)
            worked_s.append(time.monotonic() - started_s)
            if progress is not None:
                progress(count, None)
    if not count:
        raise LifterError(f"{source} sent no picture.", hint=_CAMERA_HINT)
    return {
        "frames": count,
        "detected_frames": detected,
        "fps": round(count / max(time.monotonic() - began_s, 1e-9), 2),
        "work_ms": round(1000 * statistics.median(worked_s), 1),
        "model": loaded.name,
        "delay_s": round(lifter.delay_s, 4),
    }


def causal_model(folder: Path = WEIGHTS_DIR) -> str | None:
    """The installed network that looks at no frame after its own, by its card; None where there is none."""
    for name in available_models():
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            if json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))["settings"].get("causal"):
                return name
    return None


def _open(
    source: str, *, fast: bool, filmed_fps: float | None, as_played: bool, stack: contextlib.ExitStack
) -> tuple[tuple[int, int], Callable[[], Iterator[Picture]]]:
    """(width, height) and the pictures. Raises LifterError."""
    if match := _CAMERA.fullmatch(source):
        camera = stack.enter_context(contextlib.closing(_Camera(int(match[1]))))
        return camera.size_px, camera.pictures
    if source.startswith("camera"):
        raise LifterError(f"'{source}' names no camera.", hint="Write camera:0 for the first one, or the path of a video file.")
    clip = open_clip(source, filmed_fps=filmed_fps, as_played=as_played)
    return clip.size_px, lambda: frames(clip) if fast else _paced(frames(clip), late_s=1 / clip.filmed_fps)


def _paced(pictures: Iterator[Picture], *, late_s: float) -> Iterator[Picture]:
    """At the speed of their own times; those that are late by more than late_s are left out, as a camera would have, but not for
    long where all are late: a file that is decoded more slowly than it plays."""
    began_s: float | None = None
    asked_s = -math.inf
    for time_s, rgb in pictures:
        began_s = time.monotonic() - time_s if began_s is None else began_s
        ahead_s = began_s + time_s - time.monotonic()
        if ahead_s > 0:
            time.sleep(ahead_s)
        elif ahead_s < -late_s and time.monotonic() - asked_s < _LEFT_OUT_S:
            continue
        yield time_s, rgb
        asked_s = time.monotonic()


class _Camera:
    """A camera whose newest picture is always at hand: a thread takes them, so that none waits in a queue and comes late."""

    def __init__(self, number: int) -> None:
        self._name = f"camera:{number}"
        self._capture = cv2.VideoCapture(number)
        self._capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        ok, first = self._capture.read() if self._capture.isOpened() else (False, None)
        if not ok or first is None:
            self._capture.release()
            raise LifterError(f"There is no camera {number} that can be used.", hint=_CAMERA_HINT)
        self.size_px = (first.shape[1], first.shape[0])
        self._newest: Picture | None = None
        self._changed = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._take, name="camera", daemon=True)
        self._thread.start()

    def _take(self) -> None:
        began_s: float | None = None
        while self._open:
            ok, picture = self._capture.read()
            now_s = time.monotonic()
            if not ok or picture is None:
                time.sleep(0.01)
                continue
            began_s = now_s if began_s is None else began_s
            with self._changed:
                self._newest = now_s - began_s, picture
                self._changed.notify()

    def pictures(self) -> Iterator[Picture]:
        while True:
            with self._changed:
                if not self._changed.wait_for(lambda: self._newest is not None, timeout=_SILENT_S):
                    raise LifterError(f"{self._name} sends no more pictures.", hint="Check its cable, and start again.")
                assert self._newest is not None
                time_s, picture = self._newest
                self._newest = None
            yield time_s, cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    def close(self) -> None:
        self._open = False
        self._thread.join(1.0)
        self._capture.release()
