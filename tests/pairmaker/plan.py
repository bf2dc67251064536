"""Which character does which motion, seen from where: all from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from lifter.data.batches import rebent
from lifter.data.mocap import VALIDATION_SUBJECTS, MotionClip
from lifter.data.pairs import HELD_OUT_CHARACTERS
from lifter.errors import LifterError
from lifter.joints import INDEX, MIRROR

# How often each is taken for training; `--characters` names others.
TRAINING_CHARACTERS: dict[str, float] = {
    "human-male": 0.24,
    "human-female": 0.22,
    "Female_Adult_05": 0.24,
    "mannequiny": 0.08,
    "mannequin": 0.22,
}
MAKEHUMAN = "makehuman"
CHARACTERS: tuple[str, ...] = (MAKEHUMAN, *TRAINING_CHARACTERS, *sorted(HELD_OUT_CHARACTERS), "human-zombie", "human-kenney")
# Yaw, elevation and roll in degrees.
HELD_OUT_VIEWS: dict[str, tuple[float, float, float]] = {
    "front": (10.0, 3.0, 0.0),
    "back": (170.0, 3.0, 0.0),
    "high": (-35.0, 32.0, 0.0),
    "tilted": (60.0, 6.0, 13.0),
}
_CANDIDATES = 3
_TILT_WORTH_M_S = 1.5
# In half of the sequences the bends of knees and of elbows are multiplied by a factor of this range, and quiet stretches count:
# in motion capture nobody stands or lets the arms hang quite straight, and filmed people do.
_BEND_SHARE, _BEND_FACTOR = 0.5, (0.0, 1.1)
_LIMBS = {"arm": ("shoulder", "elbow", "wrist"), "leg": ("hip", "knee", "ankle")}


@dataclass(frozen=True)
class Plan:
    """joints_m [T, 17, 3], world axes with y up; rate: the speed at which the clip plays; view: fields of stage.View, None is
    random; disturbed: with occluders, blur and what else cameras do.
    """

    seed: int
    character: str
    clip_name: str
    start_s: float
    rate: float
    mirrored: bool
    joints_m: np.ndarray
    view: dict | None
    view_name: str
    disturbed: bool


def training_plan(
    seed: int, clips: Sequence[MotionClip], *, fps: float, frames: int, characters: Sequence[str] | None = None
) -> Plan:
    """A random sequence of a training subject: of a few stretches the liveliest, because most motion capture is walking; or any
    stretch, with other bends."""
    rng = np.random.default_rng([seed, 1])
    names = list(characters or TRAINING_CHARACTERS)
    shares = np.array([1.0 if characters else TRAINING_CHARACTERS[name] for name in names])
    character = names[rng.choice(len(names), p=shares / shares.sum())]
    clips = [clip for clip in clips if clip.subject not in VALIDATION_SUBJECTS]
    rate = float(rng.uniform(0.8, 1.25))
    rebent = bool(rng.random() < _BEND_SHARE)
    candidates = 1 if rebent else _CANDIDATES
    clip, start, joints = _lively_stretch(clips, rng, rate=rate, fps=fps, frames=frames, candidates=candidates)
    if rebent:
        joints = _rebent(joints, {limb: float(rng.uniform(*_BEND_FACTOR)) for limb in _LIMBS})
    mirrored = bool(rng.random() < 0.5)
    if mirrored:
        joints = joints[:, list(MIRROR)] * np.array([-1.0, 1.0, 1.0])
    return Plan(seed, character, clip.name, start, rate, mirrored, joints, None, "", disturbed=True)


def held_out_plan(
    seed: int, clips: Sequence[MotionClip], *, fps: float, frames: int, characters: Sequence[str] | None = None
) -> Plan:
    """Number `seed` of the held-out set: motion seed // 4 of the validation subjects, from view seed % 4, undisturbed."""
    motion, view = divmod(seed, len(HELD_OUT_VIEWS))
    rng = np.random.default_rng([motion, 7])
    subjects = sorted(VALIDATION_SUBJECTS)
    clips = [clip for clip in clips if clip.subject == subjects[motion % len(subjects)]]
    clip, start, joints = _lively_stretch(clips, rng, rate=1.0, fps=fps, frames=frames)
    name = list(HELD_OUT_VIEWS)[view]
    yaw, elevation, roll = HELD_OUT_VIEWS[name]
    seen = {"yaw_deg": yaw, "elevation_deg": elevation, "roll_deg": roll, "distance_m": 4.0, "fill": 0.8, "pans": False}
    names = sorted(characters or HELD_OUT_CHARACTERS)
    character = names[motion % len(names)]
    return Plan(seed, character, clip.name, start, 1.0, False, joints, seen | {"aim_off": (0.0, 0.0)}, name, disturbed=False)


def _lively_stretch(
    clips: Sequence[MotionClip],
    rng: np.random.Generator,
    *,
    rate: float,
    fps: float,
    frames: int,
    candidates: int = _CANDIDATES,
) -> tuple[MotionClip, float, np.ndarray]:
    """The liveliest of a few random stretches: its clip, its start in seconds, its joints [frames, 17, 3]."""
    needed_s = (frames - 1) / fps * rate
    clips = [clip for clip in clips if _seconds(clip) > needed_s]
    if not clips:
        raise LifterError(f"No clip of the motion capture is {needed_s:.1f} s long.", hint="Ask for fewer frames.")
    weights = np.sqrt([_seconds(clip) for clip in clips])
    found = []
    for _ in range(candidates):
        clip = clips[rng.choice(len(clips), p=weights / weights.sum())]
        start = float(rng.uniform(0, _seconds(clip) - needed_s))
        found.append((clip, start, _stretch(clip, start, rate, fps, frames)))
    return max(found, key=lambda one: _liveliness(one[2], fps))


def _rebent(joints_m: np.ndarray, factors: dict[str, float]) -> np.ndarray:
    """Joints [T, 17, 3] with the bends of both arms and of both legs times a factor, in the plane of each limb."""
    out = torch.from_numpy(joints_m).clone()
    for limb, names in _LIMBS.items():
        for side in ("left", "right"):
            root, middle, end = (out[:, INDEX[f"{side}_{name}"]] for name in names)
            lower = rebent(middle - root, end - middle, torch.tensor(factors[limb]))
            out[:, INDEX[f"{side}_{names[-1]}"]] = middle + lower
    return out.numpy()


def _seconds(clip: MotionClip) -> float:
    return (len(clip.positions_m) - 1) / clip.fps


def _stretch(clip: MotionClip, start_s: float, rate: float, fps: float, frames: int) -> np.ndarray:
    """[frames, 17, 3], linearly between the clip's frames."""
    place = np.minimum((start_s + np.arange(frames) / fps * rate) * clip.fps, len(clip.positions_m) - 1)
    low = np.minimum(place.astype(int), len(clip.positions_m) - 2)
    share = (place - low)[:, None, None]
    return clip.positions_m[low] * (1 - share) + clip.positions_m[low + 1] * share


def _liveliness(joints_m: np.ndarray, fps: float) -> float:
    """Mean speed of the joints about the pelvis, and how far the trunk is from upright."""
    about = joints_m - joints_m[:, :1]
    speed = np.linalg.norm(np.diff(about, axis=0), axis=-1).mean() * fps
    trunk = joints_m[:, INDEX["thorax"]] - joints_m[:, INDEX["pelvis"]]
    tilt = np.arccos(np.clip(trunk[:, 1] / np.linalg.norm(trunk, axis=-1), -1, 1)).mean()
    return float(speed + _TILT_WORTH_M_S * tilt)
