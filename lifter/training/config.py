"""What a training run is made of: a TOML file as a frozen dataclass."""

from __future__ import annotations

import math
import re
import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

from ..data.batches import Augmentation, BodyRange, CameraRange, NoiseModel
from ..errors import LifterError
from ..values import AMOUNT, COUNT, COUNT_OR_NONE, MORE_THAN_NONE, PART, SHARE, check_values


@dataclass(frozen=True)
class TrainConfig:
    """One run. `pairs_share` of each batch comes from rendered pairs, the rest from motion capture with the noise model.

    cameras, bodies, augmentation, noise: values of CameraRange, BodyRange, Augmentation and NoiseModel (data/batches.py).
    validation_subjects: of the motion capture, whom the network is measured on and never trained on (data/mocap.py says who they
    are where none is named).
    frame_s: the shortest and the longest time between the frames of a window of motion capture.
    minutes: of training; steps: instead of minutes, where runs are compared or repeated (0: minutes count).
    batch: windows of all processes together, or sequences for a network that is trained on them; sequence_frames: their length
    (0: the network's own).
    optimiser: adamw, radam or ranger. loss: "pose", or for sequences "sequence", MixSTE's. validation_windows: at most, in
    each validation set. compile: torch.compile the network; on a CPU its costly parts (models/fused.py). call_minutes: stop
    after so long, to go on with --resume (0: never).
    start_from: weights to begin with; start_from_mean: several, whose mean is begun with (Wortsman et al., Model soups, 2022);
    with minutes = 0 that mean is what is written. Stems of separate dilation and optional parts that they lack begin without
    effect. grow_from: weights of the same network with a shorter receptive field, as which it begins (models/grown.py).
    """

    name: str
    mocap: str
    validation_subjects: list[str] = field(default_factory=list)
    pairs: list[str] = field(default_factory=list)
    augmentation: dict = field(default_factory=dict)
    cameras: dict = field(default_factory=dict)
    bodies: dict = field(default_factory=dict)
    frame_s: list[float] = field(default_factory=lambda: [1 / 60, 1 / 8])
    errors_share: float = 0.0
    architecture: str = "atcn"
    settings: dict = field(default_factory=dict)
    noise: dict = field(default_factory=dict)
    minutes: float = 60.0
    steps: int = 0
    batch: int = 512
    pairs_share: float = 0.15
    optimiser: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_share: float = 0.02
    bone_loss: float = 0.5
    ema_decay: float = 0.999
    seed: int = 1
    threads: int = 0
    validation_windows: int = 2048
    start_from: str = ""
    start_from_mean: list[str] = field(default_factory=list)
    grow_from: str = ""
    acknowledgement: str = ""
    loss: str = "pose"
    sequence_frames: int = 0
    compile: bool = False
    call_minutes: float = 0.0


def read_config(path: Path, overrides: list[str]) -> TrainConfig:
    """A TOML file and `key=value` overrides (TOML values). Raises LifterError for unknown keys or bad values."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        for item in overrides:
            values.update(tomllib.loads(item))
        known = {f.name for f in fields(TrainConfig)}
        if unknown := sorted(set(values) - known):
            raise LifterError(f"{path.name} has an unknown key '{unknown[0]}'.", hint=f"Known are: {', '.join(sorted(known))}.")
        config = TrainConfig(**values)
        _check(config)
    except OSError as reason:
        raise LifterError(
            f"Cannot read the training configuration {path}: {reason.strerror}.", hint="Give the path of a .toml file."
        ) from None
    except (ValueError, TypeError, RecursionError) as reason:
        raise LifterError(f"The training configuration {path.name} is not right: {reason}.", hint="Correct it.") from None
    base = path.parent
    return replace(config, mocap=str((base / config.mocap).resolve()), pairs=[str((base / p).resolve()) for p in config.pairs])


_ALLOWED = {
    **dict.fromkeys(("batch", "validation_windows"), COUNT),
    **dict.fromkeys(("steps", "threads", "sequence_frames"), COUNT_OR_NONE),
    **dict.fromkeys(("minutes", "call_minutes", "weight_decay", "bone_loss"), AMOUNT),
    **dict.fromkeys(("pairs_share", "errors_share", "warmup_share"), SHARE),
    "learning_rate": MORE_THAN_NONE,
    "ema_decay": PART,
}


def _check(config: TrainConfig) -> None:
    """Raises ValueError for a value that means nothing."""
    check_values(config, _ALLOWED)
    if not config.name.strip(". ") or re.search(r'[/\\:*?"<>|\x00-\x1f]', config.name):
        raise ValueError(f"name must be that of a folder, not {config.name!r}")
    if abs(config.seed) >= 10**18:  # torch's generators take 64 bits
        raise ValueError("seed must have 18 digits at most")
    ranges(config)
    if len(config.frame_s) != 2 or not 0 < config.frame_s[0] <= config.frame_s[1] < math.inf:
        raise ValueError("frame_s must be two times in seconds, the shorter one first")
    if config.grow_from and (config.start_from or config.start_from_mean):
        raise ValueError("a run begins with start_from, start_from_mean or grow_from, not with two of them")


def ranges(config: TrainConfig) -> tuple[NoiseModel, Augmentation, CameraRange, BodyRange]:
    """What the configuration has tables for. Raises ValueError."""
    return (
        _table(NoiseModel, "noise", config.noise),
        _table(Augmentation, "augmentation", config.augmentation),
        _table(CameraRange, "cameras", config.cameras),
        _table(BodyRange, "bodies", config.bodies),
    )


_Table = TypeVar("_Table")


def _table(kind: type[_Table], name: str, values: dict) -> _Table:
    try:
        return kind(**values)
    except (TypeError, ValueError) as reason:
        raise ValueError(f"{name}: {reason}") from None
