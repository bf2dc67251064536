"""Rendered pairs: a detector's landmarks beside the exact joints, for measuring and for fine-tuning on real detector errors."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..errors import LifterError
from ..exchange import exchanged_halves, turned
from ..joints import INDEX, JOINT_NAMES, MIRROR, joint_confidence_from_landmarks, joints_from_landmarks
from ..normalise import MIRROR_SIGNS, WINDOW_STEP_S, derive_middle_joints, encode_windows, rays_from_pixels, with_evidence
from .mocap import UNREADABLE, VALIDATION_SUBJECTS, first_line, subject_of

HELD_OUT_CHARACTERS: frozenset[str] = frozenset({"Male_Adult_04"})
# The time between a window's frames is that of inference times this; at inference people are slower and faster too.
_PACE = (0.7, 2.0)
# What a mirror does to the columns of the exact joints, and of `Errors`.
_TRUTH_SIGNS = (-1.0, 1.0, 1.0)
_ERROR_SIGNS = (1.0, -1.0, 1.0, -1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True)
class Pairs:
    """S sequences of T frames.

    truth_m [S, T, 17, 3] camera axes, NaN where the joint is not known; rays [S, T, 17, 2] from the detector, gaps held;
    detected [S, T]; confidence [S, T, 17], 0 in gaps; world_m [S, T, 17, 3] the detector's own 3D, gaps NaN; fps;
    held_out [S]: its character or subject is for validation.
    """

    truth_m: np.ndarray
    rays: np.ndarray
    detected: np.ndarray
    confidence: np.ndarray
    world_m: np.ndarray
    held_out: np.ndarray
    fps: float

    def chosen(self, sequences: np.ndarray) -> Pairs:
        """Some of the sequences: a mask [S] or indices."""
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        return Pairs(**{name: value[sequences] if isinstance(value, np.ndarray) else value for name, value in arrays.items()})


def read_pairs(path: Path, validation_subjects: Collection[str] = ()) -> Pairs:
    """Held out are a held-out character's, and those made of VALIDATION_SUBJECTS or of the given ones.

    Raises LifterError if the file is missing or of another form.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {key: archive[key] for key in archive.files}
        known = [INDEX[name] for name in data["joint_names"].tolist()]
        s, t = data["landmarks_px"].shape[:2]
        truth = np.full((s, t, len(JOINT_NAMES), 3), np.nan, np.float32)
        truth[:, :, known] = data["joints_camera_m"]
        if "head_joint_names" in data:
            truth[:, :, [INDEX[name] for name in data["head_joint_names"].tolist()]] = data["head_joints_camera_m"]
        for middle, pair in (("pelvis", "hip"), ("thorax", "shoulder")):
            truth[:, :, INDEX[middle]] = (truth[:, :, INDEX[f"left_{pair}"]] + truth[:, :, INDEX[f"right_{pair}"]]) / 2
        width_px, height_px = (int(v) for v in data["image_px"])
        pixels = joints_from_landmarks(data["landmarks_px"].astype(np.float32))
        subjects = [subject_of(str(name)) for name in data["clip_names"]]
        characters = [str(name) for name in data["character"]]
        world = joints_from_landmarks(data["world_landmarks_m"].astype(np.float32))
        confidence = joint_confidence_from_landmarks(np.nan_to_num(data["visibility"].astype(np.float32)))
        focal, fps = data["focal_px"], float(data["fps"])
        if not len(focal) == len(subjects) == len(characters) == len(world) == len(confidence) == s or not 0 < fps < 1000:
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
    inside = ((pixels >= 0) & (pixels <= (width_px, height_px))).all(-1)  # NaN is nowhere inside
    unseen = VALIDATION_SUBJECTS.union(validation_subjects)
    held_out = np.array([c in HELD_OUT_CHARACTERS or s in unseen for c, s in zip(characters, subjects, strict=True)])
    pairs = Pairs(truth, rays, detected, np.where(inside, confidence, 0.0).astype(np.float32), world, held_out, fps)
    return pairs.chosen(detected.mean(1) > 0.7)


def held(values: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """[T, ...] with invalid frames replaced by the nearest valid one; all zero if there is none."""
    places = np.flatnonzero(valid)
    if len(places) == 0:
        return np.zeros_like(values)
    nearest = np.abs(np.arange(len(values))[:, None] - places[None]).argmin(1)
    return values[places[nearest]]


def mended(pairs: Pairs) -> Pairs:
    """With left and right turned back where they are found exchanged, as before lifting."""
    times = np.arange(pairs.detected.shape[1]) / pairs.fps
    swaps = [exchanged_halves(r, d, times) for r, d in zip(pairs.rays, pairs.detected, strict=True)]

    def all_turned(values: np.ndarray) -> np.ndarray:
        return np.stack([turned(v, swap) for v, swap in zip(values, swaps, strict=True)])

    return replace(pairs, rays=all_turned(pairs.rays), confidence=all_turned(pairs.confidence), world_m=all_turned(pairs.world_m))


@dataclass(frozen=True)
class Seen:
    """What was seen in B windows of N frames: rays [B, N, 17, 2], confidence [B, N, 17], world_m [B, N, 17, 3].

    The last is metres relative to the pelvis, camera axes, and zero where there is none.
    """

    rays: Tensor
    confidence: Tensor
    world_m: Tensor


@dataclass(frozen=True)
class Errors:
    """What was wrong in B windows of N frames: confidence [B, N, 17], in_2d_m [B, N, 17, 2], in_world_m [B, N, 17, 3].

    in_2d_m is metres beside the body; joints whose truth is not known have the error of the shoulders' middle. found [B, N, 17]:
    whether there was anything.
    """

    confidence: Tensor
    in_2d_m: Tensor
    in_world_m: Tensor
    found: Tensor


class PairFrames:
    """All sequences of several files end to end on a device, exchanges mended, to take windows from.

    places: the frames in which somebody was detected. Windows are taken around frames `places` [B], their own frames `step_s` [B]
    apart; ends are held, between frames it is interpolated; those that `mirrored` [B] says are seen in a mirror.
    """

    def __init__(self, sources: list[Pairs], *, device: torch.device | str = "cpu") -> None:
        tables = [np.concatenate(parts) for parts in zip(*(_tables(mended(pairs)) for pairs in sources), strict=True)]
        # One table each, with a mirrored one behind it, so that a window is taken in one go.
        signs = (MIRROR_SIGNS, _TRUTH_SIGNS, _ERROR_SIGNS)
        self.seen, self.truth, self.errors = (
            torch.from_numpy(np.concatenate([table, table[:, MIRROR] * np.array(sign, np.float32)])).to(device)
            for table, sign in zip(tables, signs, strict=True)
        )
        lengths = np.concatenate([np.full(len(p.detected), p.detected.shape[1]) for p in sources])
        first = (lengths.cumsum() - lengths).repeat(lengths)
        fps = np.concatenate([np.full(p.detected.size, p.fps, np.float32) for p in sources])
        self.first, self.last, self.fps = (
            torch.from_numpy(v).to(device) for v in (first, first + lengths.repeat(lengths) - 1, fps)
        )
        self.places = torch.from_numpy(np.flatnonzero(np.concatenate([p.detected.ravel() for p in sources]))).to(device)

    def seen_around(self, places: Tensor, step_s: Tensor, *, frames: int, target: int, mirrored: Tensor | None = None) -> Seen:
        """What was seen in the windows."""
        values = self._windows(self.seen, places, step_s, frames, target, mirrored)
        rays, confidence, world = values.split([2, 1, 3], -1)
        return Seen(rays, confidence[..., 0], world)

    def truth_around(self, places: Tensor, step_s: Tensor, *, frames: int, target: int, mirrored: Tensor | None = None) -> Tensor:
        """The exact joints in them, [B, N, 17, 3]: metres relative to the pelvis, camera axes, NaN where not known."""
        return self._windows(self.truth, places, step_s, frames, target, mirrored)

    def errors_around(
        self, places: Tensor, step_s: Tensor, *, frames: int, target: int, mirrored: Tensor | None = None
    ) -> Errors:
        """What was wrong in them."""
        values = self._windows(self.errors, places, step_s, frames, target, mirrored)
        confidence, in_2d, in_world, found = values.split([1, 2, 3, 1], -1)
        return Errors(confidence[..., 0], in_2d, in_world, found[..., 0] > 0.99)

    def _windows(
        self, table: Tensor, places: Tensor, step_s: Tensor, frames: int, target: int, mirrored: Tensor | None
    ) -> Tensor:
        offsets = torch.arange(frames, device=places.device) - target
        at = places[:, None] + offsets * (step_s * self.fps[places])[:, None]
        at = torch.minimum(torch.maximum(at, self.first[places, None].to(at)), self.last[places, None].to(at))
        before = at.floor().long()
        after = torch.minimum(before + 1, self.last[places, None])
        share = (at - before)[..., None, None]
        if mirrored is not None:
            behind = (len(table) // 2 * mirrored)[:, None]
            before, after = before + behind, after + behind
        return torch.lerp(table[before], table[after], share)


def _tables(pairs: Pairs) -> tuple[np.ndarray, ...]:
    """The columns of `Seen`, [S T, 17, 6], the truth, [S T, 17, 3], and the columns of `Errors`, [S T, 17, 7]."""
    pelvis, thorax = INDEX["pelvis"], INDEX["thorax"]
    truth = pairs.truth_m - pairs.truth_m[:, :, pelvis, None]
    depth = pairs.truth_m[:, :, pelvis, None, 2:]
    error_2d = (pairs.rays - pairs.truth_m[..., :2] / pairs.truth_m[..., 2:]) * depth
    found = np.repeat(pairs.detected[..., None, None], truth.shape[2], axis=2)
    world = np.where(found, pairs.world_m - pairs.world_m[:, :, pelvis, None], 0.0)
    error_world = np.where(found, world - truth, 0.0)
    for error in (error_2d, error_world):
        unknown = ~np.isfinite(error)
        error[unknown] = np.broadcast_to(error[:, :, thorax, None], error.shape)[unknown]
    confidence = pairs.confidence[..., None]
    columns = ((pairs.rays, confidence, world), (truth,), (confidence, error_2d, error_world, found))
    tables = (np.concatenate(c, -1).astype(np.float32) for c in columns)
    return tuple(table.reshape(-1, *table.shape[2:]) for table in tables)


class PairBatches:
    """Windows from the pairs: (windows [B, N, 17, inputs], targets, NaN for unknown joints).

    They are mirrored and rolled at random, and each joint is moved by an offset that stays for the window, offset_std of the
    body's size in the picture (root mean square).
    """

    def __init__(
        self,
        sources: list[Pairs],
        *,
        frames: int,
        target: int,
        seed: int,
        inputs: int = 2,
        device: torch.device | str = "cpu",
        world_dropped_share: float = 0.1,
        offset_std: float = 0.03,
    ) -> None:
        self.frames, self.target, self.inputs, self.device = frames, target, inputs, torch.device(device)
        self.source = PairFrames(sources, device=device)
        self.world_dropped_share, self.offset_std = world_dropped_share, offset_std
        self.generator = torch.Generator(device=self.device).manual_seed(seed)

    def sample(self, batch: int) -> tuple[Tensor, Tensor]:
        windows, poses = self._augmented(batch, whole=False)
        return windows, poses[:, 0]

    def all_windows(self) -> tuple[Tensor, Tensor]:
        """Every detected frame as inference sees it: windows, and targets in the virtual camera's axes."""
        parts = []
        for places in self.source.places.split(512):
            step_s = torch.full((len(places),), WINDOW_STEP_S, device=self.device)
            seen = self.source.seen_around(places, step_s, frames=self.frames, target=self.target)
            parts.append(self._encoded(seen, self.source.truth_around(places, step_s, frames=1, target=0)))
        windows, poses = (torch.cat(p) for p in zip(*parts, strict=True))
        return windows, poses[:, 0]

    def _encoded(self, seen: Seen, truth_m: Tensor) -> tuple[Tensor, Tensor]:
        windows, view_from_camera = encode_windows(derive_middle_joints(seen.rays), self.target)
        windows = with_evidence(windows, view_from_camera, seen.confidence, seen.world_m, self.inputs)
        return windows, torch.einsum("bij,bnkj->bnki", view_from_camera, truth_m)

    def _augmented(self, batch: int, *, whole: bool) -> tuple[Tensor, Tensor]:
        """Windows [B, N, 17, inputs], and poses in the virtual camera's axes: of all frames [B, N, 17, 3], or the target's."""

        def uniform() -> Tensor:
            return torch.rand(batch, generator=self.generator, device=self.device)

        pick = torch.randint(len(self.source.places), (batch,), generator=self.generator, device=self.device)
        step_s = WINDOW_STEP_S * (_PACE[0] + (_PACE[1] - _PACE[0]) * uniform())
        around: dict[str, Tensor] = {"places": self.source.places[pick], "step_s": step_s, "mirrored": uniform() < 0.5}
        seen = self.source.seen_around(**around, frames=self.frames, target=self.target)
        truth = self.source.truth_around(**around, frames=self.frames if whole else 1, target=self.target if whole else 0)
        angle = 0.08 * torch.randn(batch, generator=self.generator, device=self.device)
        c, s = angle.cos(), angle.sin()
        roll = torch.stack([c, -s, s, c], -1).view(batch, 2, 2)
        keep = (uniform() >= self.world_dropped_share)[:, None, None, None]
        # Few characters with their own joints' places would be learnt by heart.
        size = (seen.rays - seen.rays[:, :, :1]).square().sum(-1).mean((1, 2)).sqrt()[:, None, None, None]
        moved = self.offset_std * torch.randn(batch, 1, len(MIRROR), 2, generator=self.generator, device=self.device)
        rays = torch.einsum("bij,bnkj->bnki", roll, seen.rays + size * moved)
        return self._encoded(replace(seen, rays=rays, world_m=_rolled(seen.world_m, roll) * keep), _rolled(truth, roll))


def _rolled(points: Tensor, roll: Tensor) -> Tensor:
    """[B, N, 17, 3] turned about the optical axis by [B, 2, 2]."""
    return torch.cat([torch.einsum("bij,bnkj->bnki", roll, points[..., :2]), points[..., 2:]], -1)
