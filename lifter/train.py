"""Training: `python -m lifter train CONFIG.toml [--resume] [key=value …]`.

A run lasts a number of minutes of training time (not of epochs): the learning rate falls along the share of them that is spent.
A checkpoint is written every minute into runs/<name>/, so that a run which is stopped goes on where it was.
"""

from __future__ import annotations

import copy
import csv
import math
import os
import random
import time
import tomllib
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .checkpoint import save_model
from .data.batches import MotionBatches, NoiseModel
from .data.mocap import MotionClip, read_mocap, split_by_subject
from .data.pairs import PairBatches, Pairs, read_pairs
from .errors import LifterError
from .joints import INDEX, LIMB_JOINT_NAMES, PARENTS
from .metrics import mpjpe, p_mpjpe
from .models import build

_LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
_BONES = [(j, p) for j, p in enumerate(PARENTS) if p >= 0]


@dataclass(frozen=True)
class TrainConfig:
    """One run. `pairs_share` of each batch comes from rendered pairs, the rest from motion capture with the noise model."""

    name: str
    mocap: str
    pairs: str = ""
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
    start_from: str = ""
    acknowledgement: str = ""


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
    except OSError as reason:
        raise LifterError(
            f"Cannot read the training configuration {path}: {reason.strerror}.", hint="Give the path of a .toml file."
        ) from None
    except (tomllib.TOMLDecodeError, TypeError) as reason:
        raise LifterError(f"The training configuration {path.name} is not right: {reason}.") from None
    base = path.parent
    return replace(
        config, mocap=str((base / config.mocap).resolve()), pairs=str((base / config.pairs).resolve()) if config.pairs else ""
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


class Validation:
    """Fixed windows: unseen subjects with exact 2D, with detector noise, and the held-out rendered pairs."""

    def __init__(self, clips: list[MotionClip], pairs: Pairs | None, *, frames: int, target: int, noise: NoiseModel) -> None:
        self.sets: dict[str, tuple[Tensor, Tensor]] = {}
        for name, model in (("clean", None), ("noisy", noise)):
            self.sets[name] = MotionBatches(
                clips, frames=frames, target=target, seed=7, noise=model, frame_s=(1 / 50, 1 / 20)
            ).sample(2048)
        if pairs is not None:
            windows, truth, places = PairBatches(pairs, frames=frames, target=target, seed=0).all_windows()
            keep = torch.from_numpy(pairs.held_out)[places[:, 0]]
            self.sets["pairs"] = (windows[keep], truth[keep])

    @torch.inference_mode()
    def measure(self, network: nn.Module) -> dict[str, float]:
        """Millimetres over the 12 limb joints: {"clean": P-MPJPE, "clean_mpjpe": MPJPE, ...}."""
        network.eval()
        out = {}
        for name, (windows, truth) in self.sets.items():
            with torch.autocast(windows.device.type, torch.bfloat16):
                predicted = torch.cat([network(part) for part in windows.split(512)]).double().numpy()[:, _LIMBS]
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


def main(config_path: Path, *, resume: bool = False, overrides: list[str] | None = None) -> int:
    """Run a training configuration to its end and write weights and card; returns the exit code."""
    config = read_config(config_path, overrides or [])
    run = Path("runs") / config.name
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
    frames, target = network.config.frames, network.config.target
    training, validation = split_by_subject(read_mocap(Path(config.mocap)))
    noise = NoiseModel(**config.noise)
    motion = MotionBatches(training, frames=frames, target=target, seed=config.seed, noise=noise, device=device)
    pairs = read_pairs(Path(config.pairs)) if config.pairs else None
    rendered = None
    if pairs is not None and config.pairs_share > 0:
        rendered = PairBatches(_training_part(pairs), frames=frames, target=target, seed=config.seed, device=device)
    checks = Validation(validation, pairs, frames=frames, target=target, noise=noise)
    averaged = copy.deepcopy(network)
    optimiser = _optimiser(config, network)
    state = {"step": 0, "spent_s": 0.0, "making_s": 0.0}
    checkpoint = run / "checkpoint.pt"
    if resume and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(saved["network"])
        averaged.load_state_dict(saved["averaged"])
        optimiser.load_state_dict(saved["optimiser"])
        motion.generator.set_state(saved["generator"])
        state = saved["state"]
    n_pairs = round(config.batch * config.pairs_share) if rendered is not None else 0
    log = run / "curve.csv"
    last_note, loss_sum, loss_n = time.monotonic(), 0.0, 0
    while state["spent_s"] < config.minutes * 60:
        began = time.monotonic()
        windows, truth = motion.sample(config.batch - n_pairs)
        if rendered is not None:
            more, more_truth = rendered.sample(n_pairs)
            windows, truth = torch.cat([windows, more]), torch.cat([truth, more_truth])
        state["making_s"] += time.monotonic() - began
        spent = state["spent_s"] / (config.minutes * 60)
        for group in optimiser.param_groups:
            group["lr"] = _learning_rate(config, spent)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = 0.1 * (0.01**spent)  # 0.1 -> 0.001, as the paper
        network.train()
        with torch.autocast(device.type, torch.bfloat16):
            predicted = network(windows)
        loss = pose_loss(predicted, truth, config.bone_loss)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        _average(averaged, network, min(config.ema_decay, (1 + state["step"]) / (10 + state["step"])))
        state["step"] += 1
        state["spent_s"] += time.monotonic() - began
        loss_sum, loss_n = loss_sum + loss.item(), loss_n + 1
        if time.monotonic() - last_note > 60:
            row = {
                "minutes": round(state["spent_s"] / 60, 2),
                "step": state["step"],
                "loss_mm": round(1000 * loss_sum / loss_n, 2),
            }
            row |= {k: round(v, 2) for k, v in checks.measure(averaged).items()}
            row["waiting_share"] = round(state["making_s"] / state["spent_s"], 3)
            _write_row(log, row)
            print(" ".join(f"{k}={v}" for k, v in row.items()), flush=True)
            partial = checkpoint.with_suffix(".partial")
            torch.save(
                {
                    "network": network.state_dict(),
                    "averaged": averaged.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "generator": motion.generator.get_state(),
                    "state": state,
                },
                partial,
            )
            os.replace(partial, checkpoint)
            save_model(run / config.name, averaged, _card(config, state, row))
            last_note, loss_sum, loss_n = time.monotonic(), 0.0, 0
    measured = {k: round(v, 2) for k, v in checks.measure(averaged).items()}
    save_model(run / config.name, averaged, _card(config, state, measured))
    print(f"wrote {run / config.name}.safetensors: " + " ".join(f"{k}={v}" for k, v in measured.items()))
    return 0


def _training_part(pairs: Pairs) -> Pairs:
    keep = ~pairs.held_out
    return Pairs(**{f.name: getattr(pairs, f.name)[keep] for f in fields(Pairs)})


def _optimiser(config: TrainConfig, network: nn.Module) -> torch.optim.Optimizer:
    common = {"lr": config.learning_rate, "betas": (0.95, 0.999), "weight_decay": config.weight_decay}
    if config.optimiser == "radam":
        return torch.optim.RAdam(network.parameters(), decoupled_weight_decay=True, **common)
    if config.optimiser == "adamw":  # one fused pass over the weights: a third of the step on two CPU cores otherwise
        return torch.optim.AdamW(network.parameters(), fused=True, **common)
    raise LifterError(f"There is no optimiser '{config.optimiser}'.", hint="Use radam or adamw.")


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    """Exponential moving average of the parameters; buffers (BN statistics) are taken as they are."""
    torch._foreach_lerp_(list(averaged.parameters()), list(network.parameters()), 1 - decay)
    for mine, theirs in zip(averaged.buffers(), network.buffers(), strict=True):
        mine.copy_(theirs)


def _card(config: TrainConfig, state: dict, measured: dict) -> dict:
    settings = asdict(config)
    for key in ("mocap", "pairs"):
        settings[key] = Path(settings[key]).name
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
