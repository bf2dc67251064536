"""Rendered pairs: a detector's landmarks beside the exact joints, for measuring and for fine-tuning on real detector errors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import LifterError
from ..joints import INDEX, JOINT_NAMES, MIRROR, joints_from_landmarks
from ..normalise import encode_windows, rays_from_pixels
from .batches import derive_middle_joints
from .mocap import UNREADABLE, VALIDATION_SUBJECTS, first_line, subject_of

HELD_OUT_CHARACTERS: frozenset[str] = frozenset({"Male_Adult_04"})


@dataclass(frozen=True)
class Pairs:
    """S sequences of T frames, 12 limb joints known.

    truth_m [S, T, 17, 3] camera axes, NaN where the joint is not known; rays [S, T, 17, 2] from the detector, gaps held;
    detected [S, T]; world_m [S, T, 17, 3] the detector's own 3D, gaps NaN; held_out [S]: its character or subject is for
    validation.
    """

    truth_m: np.ndarray
    rays: np.ndarray
    detected: np.ndarray
    world_m: np.ndarray
    held_out: np.ndarray


def read_pairs(path: Path) -> Pairs:
    """Raises LifterError if the file is missing or of another form."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {key: archive[key] for key in archive.files}
        known = [INDEX[name] for name in data["joint_names"].tolist()]
        s, t = data["landmarks_px"].shape[:2]
        truth = np.full((s, t, len(JOINT_NAMES), 3), np.nan, np.float32)
        truth[:, :, known] = data["joints_camera_m"]
        for middle, pair in (("pelvis", "hip"), ("thorax", "shoulder")):
            truth[:, :, INDEX[middle]] = (truth[:, :, INDEX[f"left_{pair}"]] + truth[:, :, INDEX[f"right_{pair}"]]) / 2
        width_px, height_px = (int(v) for v in data["image_px"])
        pixels = joints_from_landmarks(data["landmarks_px"].astype(np.float32))
        subjects = [subject_of(str(name)) for name in data["clip_names"]]
        characters = [str(name) for name in data["character"]]
        world = joints_from_landmarks(data["world_landmarks_m"].astype(np.float32))
        focal = data["focal_px"]
        if not len(focal) == len(subjects) == len(characters) == len(world) == s:
            raise ValueError("its arrays do not fit each other")
    except UNREADABLE as reason:
        raise LifterError(
            f"Cannot read the rendered pairs {path}: {first_line(reason)}.", hint="Give the path of a rendered_pairs.npz."
        ) from None
    detected = np.isfinite(pixels).all((2, 3))
    rays = np.stack(
        [
            rays_from_pixels(torch.from_numpy(held(p, d)), float(f), (width_px, height_px)).numpy()
            for p, d, f in zip(pixels, detected, focal, strict=True)
        ]
    )
    held_out = np.array([c in HELD_OUT_CHARACTERS or s in VALIDATION_SUBJECTS for c, s in zip(characters, subjects, strict=True)])
    usable = detected.mean(1) > 0.7
    return Pairs(truth[usable], rays[usable], detected[usable], world[usable], held_out[usable])


def held(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """[T, ...] with invalid frames replaced by the nearest valid one; all zero if there is none."""
    places = np.flatnonzero(valid)
    if len(places) == 0:
        return np.zeros_like(values)
    nearest = np.abs(np.arange(len(values))[:, None] - places[None]).argmin(1)
    return values[places[nearest]]


class PairBatches:
    """Windows from the pairs, mirrored and rolled at random: (windows, targets with NaN for unknown joints)."""

    def __init__(self, pairs: Pairs, *, frames: int, target: int, seed: int, device: torch.device | str = "cpu") -> None:
        self.frames, self.target, self.device = frames, target, torch.device(device)
        self.rays = torch.from_numpy(pairs.rays).to(self.device)
        self.truth = torch.from_numpy(pairs.truth_m).to(self.device)
        self.places = torch.from_numpy(np.argwhere(pairs.detected)).to(self.device)  # [K, 2] of (sequence, frame)
        self.generator = torch.Generator(device=self.device).manual_seed(seed)

    def sample(self, batch: int) -> tuple[Tensor, Tensor]:
        windows, poses = self._augmented(batch)
        return windows, poses[:, self.target]

    def all_windows(self) -> tuple[Tensor, Tensor, Tensor]:
        """Every detected frame without augmentation: windows, targets in the virtual camera's axes, (sequence, frame) places."""
        rays, truth = self._gather(self.places, torch.ones(len(self.places), device=self.device))
        windows, view_from_camera = encode_windows(derive_middle_joints(rays), self.target)
        return windows, torch.einsum("bij,bkj->bki", view_from_camera, truth[:, self.target]), self.places

    def _steps(self, batch: int) -> Tensor:
        return 0.7 + 1.3 * torch.rand(batch, generator=self.generator, device=self.device)

    def _gather(self, places: Tensor, step: Tensor) -> tuple[Tensor, Tensor]:
        """Rays [B, N, 17, 2] and truth relative to the pelvis [B, N, 17, 3], camera axes, around (sequence, frame) places."""
        offsets = torch.arange(self.frames, device=self.device) - self.target
        index = (places[:, 1:] + (offsets * step[:, None]).round().long()).clamp(0, self.rays.shape[1] - 1)
        truth = self.truth[places[:, :1], index]
        return self.rays[places[:, :1], index], truth - truth[:, :, :1]

    def _augmented(self, batch: int) -> tuple[Tensor, Tensor]:
        """Windows [B, N, 17, 2] and the poses of all their frames [B, N, 17, 3] in the virtual camera's axes."""
        pick = torch.randint(len(self.places), (batch,), generator=self.generator, device=self.device)
        rays, truth = self._gather(self.places[pick], self._steps(batch))
        flip = (torch.rand(batch, generator=self.generator, device=self.device) < 0.5)[:, None, None, None]
        sign = truth.new_tensor([-1.0, 1.0, 1.0])
        rays = torch.where(flip, rays[:, :, list(MIRROR)] * sign[:2], rays)
        truth = torch.where(flip, truth[:, :, list(MIRROR)] * sign, truth)
        angle = 0.08 * torch.randn(batch, generator=self.generator, device=self.device)
        c, s = angle.cos(), angle.sin()
        roll = torch.stack([c, -s, s, c], -1).view(batch, 2, 2)
        rays = torch.einsum("bij,bnkj->bnki", roll, rays)
        truth = torch.cat([torch.einsum("bij,bnkj->bnki", roll, truth[..., :2]), truth[..., 2:]], -1)
        windows, view_from_camera = encode_windows(derive_middle_joints(rays), self.target)
        return windows, torch.einsum("bij,bnkj->bnki", view_from_camera, truth)
