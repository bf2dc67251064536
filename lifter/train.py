"""Training: `python -m lifter train CONFIG.toml [--resume] [key=value …]`.

A run lasts a number of minutes of training time (not of epochs): the learning rate falls along the share of them that is spent.
A checkpoint is written every minute into runs/<name>/, so that a run which is stopped goes on where it was; with `call_minutes`
it stops by itself, for machines that are lent for a while. Networks that give a pose for every frame train on sequences.
"""

from __future__ import annotations

import copy
import csv
import math
import os
import pickle
import random
import time
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import torch
from torch import Tensor, nn

from .checkpoint import save_model
from .data.batches import Augmentation, DetectorErrors, MotionBatches, NoiseModel
from .data.mocap import MotionClip, read_mocap, split_by_subject
from .data.pairs import PairBatches, Pairs, read_pairs
from .data.sequences import SequenceBatches, SequencePairs
from .errors import LifterError
from .joints import INDEX, JOINT_NAMES, LIMB_JOINT_NAMES, PARENTS
from .metrics import mpjpe, p_mpjpe
from .models import build

# Between two lines of the curve, each with a checkpoint.
_NOTE_EVERY_S = 60.0
# So many frames go through a network at once when it is measured.
_CHECKED_FRAMES = 16384
_LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
_BONES = [(j, p) for j, p in enumerate(PARENTS) if p >= 0]
# MixSTE's: what is far from the trunk counts more.
_PART_WEIGHTS = {"knee": 2.5, "ankle": 2.5, "head_top": 1.5, "shoulder": 1.5, "elbow": 4.0, "wrist": 4.0}
SEQUENCE_WEIGHTS = tuple(_PART_WEIGHTS.get(name.removeprefix("left_").removeprefix("right_"), 1.0) for name in JOINT_NAMES)


@dataclass(frozen=True)
class TrainConfig:
    """One run. `pairs_share` of each batch comes from rendered pairs, the rest from motion capture with the noise model.

    batch: windows, or sequences for a network that is trained on them; sequence_frames: their length (0: the network's own).
    optimiser: adamw, radam or ranger. loss: "pose", or for sequences "sequence", MixSTE's. validation_windows: at most, in
    each validation set. compile: torch.compile the network. call_minutes: stop after so long, to go on with --resume (0: never).
    """

    name: str
    mocap: str
    pairs: list = field(default_factory=list)
    augmentation: dict = field(default_factory=dict)
    errors_share: float = 0.0
    architecture: str = "atcn"
    settings: dict = field(default_factory=dict)
    noise: dict = field(default_factory=dict)
    minutes: float = 60.0
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
        for name, kind in get_type_hints(TrainConfig).items():
            given = type(getattr(config, name))
            if given is not kind and (given, kind) != (int, float):
                raise TypeError(f"{name} must be a {kind.__name__}")
        NoiseModel(**config.noise)
        Augmentation(**config.augmentation)
    except OSError as reason:
        raise LifterError(
            f"Cannot read the training configuration {path}: {reason.strerror}.", hint="Give the path of a .toml file."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as reason:
        raise LifterError(f"The training configuration {path.name} is not right: {reason}.", hint="Correct it.") from None
    base = path.parent
    return replace(
        config, mocap=str((base / config.mocap).resolve()), pairs=[str((base / p).resolve()) for p in config.pairs]
    )


def pose_loss(predicted: Tensor, truth: Tensor, bone_weight: float) -> Tensor:
    """MPJPE plus `bone_weight` times the error of the bone vectors, over the joints whose truth is known. [B, 17, 3], metres."""
    known = truth.isfinite().all(-1)  # [B, 17]
    truth = torch.where(known[..., None], truth, predicted.detach())
    joint = ((predicted - truth).norm(dim=-1) * known)[:, 1:].sum() / known[:, 1:].sum()
    children, parents = [j for j, _ in _BONES], [p for _, p in _BONES]
    both = known[:, children] & known[:, parents]
    difference = (predicted[:, children] - predicted[:, parents]) - (truth[:, children] - truth[:, parents])
    return joint + bone_weight * ((difference.norm(dim=-1) * both).sum() / both.sum())


def sequence_loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """MixSTE's loss: weighted MPJPE + 0.5 temporal consistency + 2 velocity error. [B, T, 17, 3], metres; NaN where not known.

    Temporal consistency is the weighted mean square of the estimate's change from frame to frame; the velocity error is the mean
    norm of what that change and the truth's differ by.
    """
    known = truth.isfinite().all(-1)  # [B, T, 17]
    truth = torch.where(known[..., None], truth, predicted.detach())
    weight = predicted.new_tensor(SEQUENCE_WEIGHTS)
    joint = ((predicted - truth).norm(dim=-1) * weight * known).sum() / known.sum()
    if predicted.shape[1] < 2:
        return joint
    change, true_change = predicted.diff(dim=1), truth.diff(dim=1)
    both = known[:, 1:] & known[:, :-1]
    consistency = (change.square() * weight[:, None]).mean()
    velocity = ((change - true_change).norm(dim=-1) * both).sum() / both.sum()
    return joint + 0.5 * consistency + 2.0 * velocity


def _loss(config: TrainConfig, network: nn.Module, predicted: Tensor, truth: Tensor) -> Tensor:
    if not network.outputs_sequence:
        return pose_loss(predicted, truth, config.bone_loss)
    truth = truth[:, network.output_frames(truth.shape[1])]
    if config.loss == "sequence":
        return sequence_loss(predicted, truth)
    return pose_loss(predicted.flatten(0, 1), truth.flatten(0, 1), config.bone_loss)


class Validation:
    """Fixed windows: unseen subjects with exact 2D, with detector noise, and the held-out rendered pairs."""

    def __init__(
        self,
        clips: list[MotionClip],
        pairs: list[Pairs],
        *,
        frames: int,
        target: int,
        noise: NoiseModel,
        inputs: int = 2,
        count: int = 2048,
    ) -> None:
        self.sets: dict[str, tuple[Tensor, Tensor]] = {}
        for name, model in (("clean", None), ("noisy", noise)):
            self.sets[name] = MotionBatches(
                clips, frames=frames, target=target, seed=7, noise=model, inputs=inputs, frame_s=(1 / 50, 1 / 20)
            ).sample(count)
        for number, held_out in enumerate(p.chosen(p.held_out) for p in pairs if p.held_out.any()):
            windows, truth = PairBatches([held_out], frames=frames, target=target, seed=0, inputs=inputs).all_windows()
            some = torch.linspace(0, len(windows) - 1, min(count, len(windows))).long()
            self.sets[f"pairs{number or ''}"] = (windows[some], truth[some])
            if inputs == 6:
                alone = windows[some].clone()
                alone[..., 3:] = 0.0
                self.sets[f"pairs{number or ''}_2d"] = (alone, truth[some])

    @torch.inference_mode()
    def measure(self, network: nn.Module) -> dict[str, float]:
        """Millimetres over the 12 limb joints: {"clean": P-MPJPE, "clean_mpjpe": MPJPE, ...}."""
        network.eval()
        device = next(network.parameters()).device
        out = {}
        for name, (windows, truth) in self.sets.items():
            with torch.autocast(device.type, torch.bfloat16):
                parts = [network(part.to(device)).float() for part in windows.split(max(1, _CHECKED_FRAMES // windows.shape[1]))]
            predicted = torch.cat(parts).double().cpu().numpy()[:, _LIMBS]
            exact = truth.double().numpy()[:, _LIMBS]
            out[name] = 1000 * float(p_mpjpe(predicted, exact).mean())
            out[f"{name}_mpjpe"] = 1000 * float(mpjpe(predicted, exact).mean())
        return out


def _learning_rate(config: TrainConfig, spent: float) -> float:
    """`spent`: share of the run's minutes. Linear warm-up, then a cosine to 1 %."""
    if spent < config.warmup_share:
        return config.learning_rate * (0.05 + 0.95 * spent / config.warmup_share)
    along = (spent - config.warmup_share) / (1 - config.warmup_share)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(along, 1.0))))


def main(config_path: Path, *, resume: bool = False, overrides: list[str] | None = None, runs_dir: Path = Path("runs")) -> int:
    """Run a training configuration to its end and write weights and card into `runs_dir`/<name>/; returns the exit code."""
    config = read_config(config_path, overrides or [])
    run = runs_dir / config.name
    run.mkdir(parents=True, exist_ok=True)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    random.seed(config.seed)
    np.random.seed(config.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = build(config.architecture, config.settings).to(device)
    if config.start_from:
        from .checkpoint import load_model

        network.load_state_dict(load_model(config.start_from).network.state_dict())
    frames, target, inputs = network.config.frames, network.config.target, network.config.inputs
    length, centre = _trained_on(config, network)
    training, validation = split_by_subject(read_mocap(Path(config.mocap)))
    if not training or not validation:
        what = "training" if not training else "validation"
        raise LifterError(f"The motion capture {config.mocap} has no clip for {what}.", hint="Give one with more subjects.")
    noise = NoiseModel(**config.noise)
    motion_type, pairs_type = (SequenceBatches, SequencePairs) if network.outputs_sequence else (MotionBatches, PairBatches)
    pairs = [read_pairs(Path(path)) for path in config.pairs]
    seen = [p.chosen(~p.held_out) for p in pairs if not p.held_out.all()]
    common: dict[str, Any] = {"frames": length, "target": centre, "seed": config.seed, "device": device, "inputs": inputs}
    errors = DetectorErrors(seen, device=device) if seen and config.errors_share > 0 else None
    motion = motion_type(
        training,
        noise=noise,
        errors=errors,
        errors_share=config.errors_share,
        augmentation=Augmentation(**config.augmentation),
        **common,
    )
    rendered = pairs_type(seen, **common) if seen and config.pairs_share > 0 else None
    checks = Validation(
        validation, pairs, frames=frames, target=target, noise=noise, inputs=inputs, count=config.validation_windows
    )
    averaged = copy.deepcopy(network)
    optimiser = _optimiser(config, network)
    state = {"step": 0, "spent_s": 0.0, "making_s": 0.0}
    generators = {"generator": motion.generator}
    if rendered is not None:
        generators["pairs_generator"] = rendered.generator
    generators["dropout_generator"] = torch.cuda.default_generators[0] if device.type == "cuda" else torch.default_generator
    checkpoint = run / "checkpoint.pt"
    if resume and checkpoint.exists():
        state = _load_checkpoint(checkpoint, network, averaged, optimiser, generators)
    n_pairs = round(config.batch * config.pairs_share) if rendered is not None else 0
    log = run / "curve.csv"
    for module in network.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.momentum = 1.0  # the batch's own statistics; `_average` keeps the running ones
    forward = torch.compile(network) if config.compile else network
    clock, loss_sum = _Clock(device), torch.zeros((), device=device)
    called = last_note = time.monotonic()
    noted = dict(state)
    compiled = not config.compile
    while state["spent_s"] < config.minutes * 60:
        began = time.monotonic()
        if config.call_minutes and began - called > config.call_minutes * 60:
            break
        clock.mark()
        windows, truth = motion.sample(config.batch - n_pairs)
        if rendered is not None:
            more, more_truth = rendered.sample(n_pairs)
            windows, truth = torch.cat([windows, more]), torch.cat([truth, more_truth])
        clock.mark()
        spent = state["spent_s"] / (config.minutes * 60)
        for group in optimiser.param_groups:
            group["lr"] = _learning_rate(config, spent)
        network.train()
        with torch.autocast(device.type, torch.bfloat16):
            predicted = forward(windows, every_frame=True) if network.outputs_sequence else forward(windows)
        loss = _loss(config, network, predicted, truth)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        decay = min(config.ema_decay, (1 + state["step"]) / (10 + state["step"]))
        # 0.1 -> 0.001, as the paper; not slower than the weights, or a short run's statistics are those of other weights.
        _average(averaged, network, decay, momentum=max(0.1 * (0.01**spent), 1 - decay))
        state["step"] += 1
        loss_sum += loss.detach()  # read once a minute: to read is to wait for the device
        if compiled:
            state["spent_s"] += time.monotonic() - began
        compiled = True  # the first step compiles, which is not training
        if time.monotonic() - last_note > _NOTE_EVERY_S:
            state["making_s"] += clock.taken_s()
            steps = state["step"] - noted["step"]
            row = {
                "minutes": round(state["spent_s"] / 60, 2),
                "step": state["step"],
                "loss_mm": round(1000 * loss_sum.item() / steps, 2),
            }
            row |= {k: round(v, 2) for k, v in checks.measure(averaged).items()}
            row["waiting_share"] = round(state["making_s"] / state["spent_s"], 3)
            _write_row(log, row)
            rate = steps * config.batch / (state["spent_s"] - noted["spent_s"])
            print(" ".join(f"{k}={v}" for k, v in row.items()), f"windows_per_s={rate:.0f}", flush=True)
            _save_checkpoint(checkpoint, network, averaged, optimiser, generators, state)
            save_model(run / config.name, averaged, _card(config, state, row))
            loss_sum.zero_()
            last_note, noted = time.monotonic(), dict(state)
    state["making_s"] += clock.taken_s()
    measured = {k: round(v, 2) for k, v in checks.measure(averaged).items()}
    _save_checkpoint(checkpoint, network, averaged, optimiser, generators, state)
    save_model(run / config.name, averaged, _card(config, state, measured))
    print(f"wrote {run / config.name}.safetensors: " + " ".join(f"{k}={v}" for k, v in measured.items()))
    if state["spent_s"] < config.minutes * 60:
        print(f"stopped after {state['spent_s'] / 60:.1f} of {config.minutes:g} minutes; go on with --resume")
    return 0


class _Clock:
    """Seconds spent on something, by the device's own clock: CUDA runs behind the Python that feeds it."""

    def __init__(self, device: torch.device) -> None:
        self.cuda = device.type == "cuda"
        self.marks: list[Any] = []

    def mark(self) -> None:
        """Begin, or end what was begun."""
        if self.cuda:
            event = torch.cuda.Event(enable_timing=True)
            event.record()
            self.marks.append(event)
        else:
            self.marks.append(time.monotonic())

    def taken_s(self) -> float:
        """The sum since the last call."""
        began, ended = self.marks[::2], self.marks[1::2]
        self.marks = []
        if not self.cuda:
            return sum(b - a for a, b in zip(began, ended, strict=True))
        torch.cuda.synchronize()
        return sum(a.elapsed_time(b) for a, b in zip(began, ended, strict=True)) / 1000


def _trained_on(config: TrainConfig, network: nn.Module) -> tuple[int, int]:
    """(frames, target) of the training windows or sequences. Raises LifterError where configuration and network do not fit."""
    frames, target = network.config.frames, network.config.target
    if config.loss not in ("pose", "sequence"):
        raise LifterError(f"There is no loss '{config.loss}'.", hint="Use pose or sequence.")
    if not network.outputs_sequence:
        if config.loss != "pose" or config.sequence_frames:
            raise LifterError(
                f"This {config.architecture} network trains on windows of {frames} frames.",
                hint="Leave out loss and sequence_frames.",
            )
        return frames, target
    length = config.sequence_frames or frames
    possible = network.output_frames(length)
    if length < 1 or possible.stop <= possible.start:
        raise LifterError(
            f"Sequences of {length} frames do not fit a network of {frames} frames.", hint="Correct sequence_frames."
        )
    return length, length - 1 if target == frames - 1 else length // 2


def _save_checkpoint(
    path: Path,
    network: nn.Module,
    averaged: nn.Module,
    optimiser: torch.optim.Optimizer,
    generators: dict[str, torch.Generator],
    state: dict,
) -> None:
    """All that a run needs to go on; it appears whole or not at all."""
    partial = path.with_suffix(".partial")
    parts = {"network": network, "averaged": averaged, "optimiser": optimiser}
    saved = {name: part.state_dict() for name, part in parts.items()}
    saved |= {name: generator.get_state() for name, generator in generators.items()}
    torch.save({**saved, "state": state}, partial)
    os.replace(partial, path)


def _load_checkpoint(
    path: Path,
    network: nn.Module,
    averaged: nn.Module,
    optimiser: torch.optim.Optimizer,
    generators: dict[str, torch.Generator],
) -> dict:
    """Put everything back and return the run's state. Raises LifterError for a checkpoint that is damaged or of another run."""
    try:
        saved = torch.load(path, weights_only=True)  # tensors and plain values only
        network.load_state_dict(saved["network"])
        averaged.load_state_dict(saved["averaged"])
        optimiser.load_state_dict(saved["optimiser"])
        for name, generator in generators.items():
            if name == "generator" or name in saved:  # the first checkpoints had one generator
                generator.set_state(saved[name])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as reason:
        what = (str(reason) or type(reason).__name__).splitlines()[0]
        raise LifterError(f"Cannot go on from {path}: {what}", hint="Train without --resume, or under another name.") from None
    return saved["state"]


def _optimiser(config: TrainConfig, network: nn.Module) -> torch.optim.Optimizer:
    common: dict[str, Any] = {"lr": config.learning_rate, "betas": (0.95, 0.999), "weight_decay": config.weight_decay}
    if config.optimiser == "radam":
        return torch.optim.RAdam(network.parameters(), decoupled_weight_decay=True, **common)
    if config.optimiser == "adamw":  # one fused pass over the weights: a third of the step on two CPU cores otherwise
        return torch.optim.AdamW(network.parameters(), fused=True, **common)
    if config.optimiser == "ranger":
        return Ranger(network.parameters(), decoupled_weight_decay=True, eps=1e-5, **common)
    raise LifterError(f"There is no optimiser '{config.optimiser}'.", hint="Use adamw, radam or ranger.")


class Ranger(torch.optim.RAdam):
    """RAdam with Lookahead (Zhang et al. 2019): after every k-th step slow weights go `alpha` of the way; it goes on there."""

    def __init__(self, params: Any, *, k: int = 6, alpha: float = 0.5, **options: Any) -> None:
        super().__init__(params, **options)
        for group in self.param_groups:
            group |= {"k": k, "alpha": alpha, "fast_steps": 0}

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        moving = [[p for p in group["params"] if p.grad is not None] for group in self.param_groups]
        started = {p: p.clone() for params in moving for p in params if "slow" not in self.state.get(p, {})}
        loss = super().step(closure)
        for p, slow in started.items():
            self.state[p]["slow"] = slow
        for group, params in zip(self.param_groups, moving, strict=True):
            group["fast_steps"] += 1
            if params and group["fast_steps"] % group["k"] == 0:
                slow_weights = [self.state[p]["slow"] for p in params]
                torch._foreach_lerp_(slow_weights, params, group["alpha"])
                torch._foreach_copy_(params, slow_weights)
        return loss


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float, *, momentum: float) -> None:
    """Moving averages: of the parameters by `decay`, of the batch norms' statistics by `momentum`."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - decay)
    pairs = list(zip(averaged.buffers(), network.buffers(), strict=True))
    statistics = [pair for pair in pairs if pair[0].is_floating_point()]
    if statistics:
        torch._foreach_lerp_([mine for mine, _ in statistics], [theirs for _, theirs in statistics], momentum)
    for mine, theirs in pairs:
        if not mine.is_floating_point():  # how many batches there were
            mine.copy_(theirs)


def _card(config: TrainConfig, state: dict, measured: dict) -> dict:
    settings = asdict(config)
    settings["mocap"] = Path(settings["mocap"]).name
    settings["pairs"] = [Path(p).name for p in settings["pairs"]]
    return {
        "architecture": config.architecture,
        "settings": config.settings,
        "training": settings,
        "steps": state["step"],
        "minutes": round(state["spent_s"] / 60, 1),
        "validation_mm": measured,
        "acknowledgement": config.acknowledgement,
    }


def _write_row(path: Path, row: dict) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
