"""Training: `python -m lifter train CONFIG.toml [--resume] [key=value …]`.

A run lasts a number of minutes of training time, or of steps: the learning rate falls along the share of them that is spent.
Every minute a checkpoint and a line of curve.csv are written into runs/<name>/; a run that is stopped goes on where it was, and
with `steps` to the same weights. With `call_minutes` it stops by itself, for machines that are lent for a while. Networks that
give a pose for every frame train on sequences.

Several GPUs: `python -m torch.distributed.run --nproc-per-node 4 -m lifter train CONFIG.toml`. Each process makes its share of
every batch, with random numbers of its own; gradients and batch norm statistics are averaged, the first one measures and writes.
"""

from __future__ import annotations

import copy
import csv
import itertools
import math
import os
import pickle
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from .checkpoint import load_model, save_model
from .data.batches import CameraRange, DetectorErrors, MotionBatches, NoiseModel
from .data.mocap import VALIDATION_SUBJECTS, MotionClip, read_mocap, split_by_subject
from .data.pairs import PairBatches, Pairs, read_pairs
from .data.sequences import SequenceBatches, SequencePairs
from .errors import LifterError
from .joints import INDEX, LIMB_JOINT_NAMES
from .metrics import mpjpe, p_mpjpe
from .models import build
from .models.grown import grown
from .training.ahead import Ahead, Clock
from .training.config import TrainConfig, ranges, read_config
from .training.losses import loss_of
from .training.optimisers import learning_rate_at, mean_of, move_average, optimiser_of, weights_for
from .training.processes import Processes

# Between two lines of the curve, each with a checkpoint.
_NOTE_EVERY_S = 60.0
# So many frames go through a network at once when it is measured.
_CHECKED_FRAMES = 16384
# An averaged network's batch norm statistics are taken from so many frames, but from no more batches than these.
_STATISTICS_FRAMES, _STATISTICS_BATCHES = 200_000, 32
# Between the seeds of two processes.
_SEED_STEP = 1000
_LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]


class Validation:
    """Fixed windows: unseen subjects with exact 2D, with detector noise, from moving cameras, and the held-out rendered pairs."""

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
        stands, moves = CameraRange(), CameraRange(moving_share=1.0)
        for name, model, cameras in (("clean", None, stands), ("noisy", noise, stands), ("moving", None, moves)):
            self.sets[name] = MotionBatches(
                clips, frames=frames, target=target, seed=7, noise=model, cameras=cameras, inputs=inputs, frame_s=(1 / 50, 1 / 20)
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
        """Millimetres over the 12 limb joints: {"clean": P-MPJPE, "clean_mpjpe": MPJPE, ...}; NaN where a pose is none."""
        network.eval()
        device = next(network.parameters()).device
        out = {}
        for name, (windows, truth) in self.sets.items():
            with torch.autocast(device.type, torch.bfloat16):
                parts = [network(part.to(device)).float() for part in windows.split(max(1, _CHECKED_FRAMES // windows.shape[1]))]
            predicted = torch.cat(parts).double().cpu().numpy()[:, _LIMBS]
            exact = truth.double().numpy()[:, _LIMBS]
            if not np.isfinite(predicted).all():
                return {name: math.nan}
            out[name] = 1000 * float(p_mpjpe(predicted, exact).mean())
            out[f"{name}_mpjpe"] = 1000 * float(mpjpe(predicted, exact).mean())
        return out


def main(config_path: Path, *, resume: bool = False, overrides: list[str] | None = None, runs_dir: Path = Path("runs")) -> int:
    """Run a training configuration to its end and write weights and card into `runs_dir`/<name>/; returns the exit code."""
    config = read_config(config_path, overrides or [])
    if config.threads:
        torch.set_num_threads(config.threads)
    with Processes() as processes:
        _Run(config, runs_dir / config.name, processes, resume=resume).train()
    return 0


class _Run:
    """One run with all that changes while it goes on."""

    def __init__(self, config: TrainConfig, folder: Path, processes: Processes, *, resume: bool) -> None:
        if config.batch % processes.count:
            raise LifterError(
                f"A batch of {config.batch} cannot be shared out evenly among {processes.count} processes.", hint="Correct batch."
            )
        self.config, self.folder, self.processes, self.device = config, folder, processes, processes.device
        torch.manual_seed(config.seed)  # everybody starts from the same weights
        self.network = build(config.architecture, config.settings).to(self.device)
        if begun := [config.start_from] * bool(config.start_from) or config.start_from_mean:
            try:
                self.network.load_state_dict(mean_of([weights_for(self.network, path) for path in begun]))
            except (RuntimeError, KeyError):
                what = f"The weights {', '.join(begun)} are not of the network that is trained."
                raise LifterError(what, hint="Correct start_from or settings.") from None
        elif config.grow_from:
            shorter = load_model(config.grow_from).network
            try:
                self.network.load_state_dict(grown(self.network, shorter))
            except ValueError as reason:
                what = f"The network cannot grow from {config.grow_from}: {reason}."
                raise LifterError(what, hint="Correct grow_from or settings.") from None
        _check_batch(config, self.network, processes.count)
        self._read_data()
        self.averaged = copy.deepcopy(self.network)
        self.optimiser = optimiser_of(config, self.network)
        self.state = {"step": 0, "spent_s": 0.0, "making_s": 0.0}
        torch.manual_seed(config.seed + processes.rank)  # dropout
        cuda = self.device.type == "cuda"
        self.generators["dropout_generator"] = (
            torch.cuda.default_generators[self.device.index] if cuda else torch.default_generator
        )
        if processes.rank == 0 and not resume:
            _put_aside(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.checkpoint, self.curve = folder / "checkpoint.pt", folder / "curve.csv"
        if resume and self.checkpoint.exists():
            self._load()
        for module in self.network.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.momentum = 1.0  # the batch's own statistics; `move_average` keeps the running ones
        self.statistics = [b for b in self.network.buffers() if b.is_floating_point()]
        self.forward: Callable[..., Tensor] = self.network
        if config.compile and cuda:
            self.forward = torch.compile(self.network)
        elif config.compile:
            from .models.fused import fuse

            fuse(self.network)
        # On a GPU batches are queued behind the steps anyway.
        self.ahead = None if cuda else Ahead(self._batch, list(self.batch_generators.values()))
        self.clock, self.loss_sum = Clock(self.device), torch.zeros((), device=self.device)
        self.flops = config.batch * training_flops(config, _trained_on(config, self.network)[0])
        self.noted, self.noted_at = dict(self.state), time.monotonic()

    def _read_data(self) -> None:
        config, network = self.config, self.network
        frames, target, inputs = network.config.frames, network.config.target, network.config.inputs
        length, centre = _trained_on(config, network)
        training, validation = split_by_subject(read_mocap(Path(config.mocap)), config.validation_subjects)
        self.validation_subjects = _checked_subjects(training, validation, config.mocap)
        if self.processes.rank == 0 and not VALIDATION_SUBJECTS.issuperset(self.validation_subjects):
            print(f"validation subjects: {', '.join(self.validation_subjects)}")
        noise, augmentation, cameras, bodies = ranges(config)
        motion_type, pairs_type = (SequenceBatches, SequencePairs) if network.outputs_sequence else (MotionBatches, PairBatches)
        pairs = [read_pairs(Path(path), self.validation_subjects) for path in config.pairs]
        seen = [p.chosen(~p.held_out) for p in pairs if not p.held_out.all()]
        seed = config.seed + _SEED_STEP * self.processes.rank
        common: dict[str, Any] = {"frames": length, "target": centre, "seed": seed, "device": self.device, "inputs": inputs}
        errors = DetectorErrors(seen, device=self.device) if seen and config.errors_share > 0 else None
        self.motion = motion_type(
            training,
            noise=noise,
            errors=errors,
            errors_share=config.errors_share,
            augmentation=augmentation,
            cameras=cameras,
            bodies=bodies,
            frame_s=(config.frame_s[0], config.frame_s[1]),
            **common,
        )
        self.rendered = pairs_type(seen, **common) if seen and config.pairs_share > 0 else None
        self.batch_generators = {"generator": self.motion.generator}
        if self.rendered is not None:
            self.batch_generators["pairs_generator"] = self.rendered.generator
        self.generators = dict(self.batch_generators)
        self.checks = None
        if self.processes.rank == 0:
            self.checks = Validation(
                validation, pairs, frames=frames, target=target, noise=noise, inputs=inputs, count=config.validation_windows
            )

    def train(self) -> None:
        """To the end of the run or of the call."""
        config, state = self.config, self.state
        called, compiled = time.monotonic(), not config.compile
        while True:
            began = time.monotonic()
            late = config.call_minutes > 0 and began - called > config.call_minutes * 60
            # All processes end and write at the same step.
            spent, stop, due = self.processes.agreed([self._spent(), late, began - self.noted_at > _NOTE_EVERY_S])
            if spent >= 1 or stop:
                break
            if due:
                self._note()
            began = time.monotonic()
            self._step(spent)
            if compiled:
                state["spent_s"] += time.monotonic() - began
            else:  # the first step compiles, which is not training
                compiled, self.noted_at = True, time.monotonic()
        self._note()
        if self.processes.rank == 0:
            print(f"wrote {self.folder / config.name}.safetensors")
            if spent < 1:
                done = f"{state['spent_s'] / 60:.1f} of {config.minutes:g} minutes"
                if config.steps:
                    done = f"{state['step']:.0f} of {config.steps} steps"
                print(f"stopped after {done}; go on with --resume")

    def _spent(self) -> float:
        """The share of the run that is done."""
        done, all_of_it = self.state["spent_s"], self.config.minutes * 60
        if self.config.steps:
            done, all_of_it = self.state["step"], self.config.steps
        return done / all_of_it if all_of_it else 1.0

    def _step(self, spent: float) -> None:
        config, network, state = self.config, self.network, self.state
        self.clock.mark()
        windows, truth = self.ahead.take() if self.ahead else self._batch()
        self.clock.mark()
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate_at(config, spent)
        network.train()
        with torch.autocast(self.device.type, torch.bfloat16):
            predicted = self.forward(windows, every_frame=True) if network.outputs_sequence else self.forward(windows)
        loss = loss_of(config, network, predicted, truth)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.processes.average([p.grad for p in network.parameters() if p.grad is not None] + self.statistics)
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        self.optimiser.step()
        decay = min(config.ema_decay, (1 + state["step"]) / (10 + state["step"]))
        # 0.1 -> 0.001, as the paper; not slower than the weights, or a short run's statistics are those of other weights.
        move_average(self.averaged, network, decay, momentum=max(0.1 * (0.01**spent), 1 - decay))
        state["step"] += 1
        self.loss_sum += loss.detach()  # read once a minute: to read is to wait for the device

    def _batch(self) -> tuple[Tensor, Tensor]:
        """This process's share."""
        batch = self.config.batch // self.processes.count
        if self.rendered is None:
            return self.motion.sample(batch)
        n_pairs = round(batch * self.config.pairs_share)
        if n_pairs == 0:
            return self.motion.sample(batch)
        if n_pairs == batch:
            return self.rendered.sample(batch)
        windows, truth = self.motion.sample(batch - n_pairs)
        more, more_truth = self.rendered.sample(n_pairs)
        return torch.cat([windows, more]), torch.cat([truth, more_truth])

    def _note(self) -> None:
        """Measure, print, and write curve, checkpoint and weights."""
        if self.ahead:
            self.ahead.forget()
        config, state, noted = self.config, self.state, self.noted
        state["making_s"] += self.clock.taken_s()
        generators = self.processes.gathered({name: g.get_state() for name, g in self.generators.items()})
        if self.checks is not None:
            steps, spent_s = state["step"] - noted["step"], state["spent_s"] - noted["spent_s"]
            row: dict[str, float] = {"minutes": round(state["spent_s"] / 60, 2), "step": int(state["step"])}
            if steps:
                row["loss_mm"] = round(1000 * self.loss_sum.item() / steps, 2)
            network = self._with_own_statistics()
            measured = {k: round(v, 2) for k, v in self.checks.measure(network).items()}
            if not math.isfinite(sum(measured.values()) + self.loss_sum.item()):
                raise LifterError(
                    f"The run has diverged: after {state['step']:.0f} steps its losses or poses are no numbers any more.",
                    hint="Give a lower learning_rate, or a longer warmup_share. What was written before is still there.",
                )
            row |= measured
            if spent_s > 0:
                row["waiting_share"] = round((state["making_s"] - noted["making_s"]) / spent_s, 3)
                row["windows_per_s"] = round(steps * config.batch / spent_s)
                row["gflops"] = round(steps * self.flops / spent_s / 1e9)
                row["minutes_left"] = round(self._left_s() / 60, 1)
            row[_cost_name(self.device)] = round(self._cost_hours(), 3)
            _write_row(self.curve, row)
            print(" ".join(f"{k}={v}" for k, v in row.items()), flush=True)
            self._save(generators)
            save_model(self.folder / config.name, network, self._card(measured))
        self.loss_sum.zero_()
        self.noted, self.noted_at = dict(state), time.monotonic()

    @torch.no_grad()
    def _with_own_statistics(self) -> nn.Module:
        """The averaged network with batch norm statistics of its own, from training batches that are not used otherwise.

        Those that were averaged along with it are of weights that were farther apart: 4 to 6 mm on unseen people in short runs
        (stochastic weight averaging, Izmailov et al. 2018, section 3.2, does the same).
        """
        network = copy.deepcopy(self.averaged).eval()
        norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm1d)]
        if not norms:
            return network
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all batches
            norm.train()
        states = {name: generator.get_state() for name, generator in self.generators.items()}
        frames = 0
        for _ in range(_STATISTICS_BATCHES):
            windows = self._batch()[0]
            frames += windows.shape[0] * windows.shape[1]
            with torch.autocast(self.device.type, torch.bfloat16):
                network(windows, every_frame=True) if network.outputs_sequence else network(windows)
            if frames >= _STATISTICS_FRAMES:
                break
        for name, generator in self.generators.items():
            generator.set_state(states[name])
        return network.eval()

    def _left_s(self) -> float:
        config, state = self.config, self.state
        if config.steps:
            return (config.steps - state["step"]) * state["spent_s"] / max(state["step"], 1)
        return max(config.minutes * 60 - state["spent_s"], 0.0)

    def _cost_hours(self) -> float:
        """Of all processes' cores or GPUs."""
        each = 1 if self.device.type == "cuda" else torch.get_num_threads()
        return self.processes.count * each * self.state["spent_s"] / 3600

    def _save(self, generators: list[dict[str, Tensor]]) -> None:
        """All that the run needs to go on; it appears whole or not at all. generators: the states of every process's."""
        partial = self.checkpoint.with_suffix(".partial")
        parts = {"network": self.network, "averaged": self.averaged, "optimiser": self.optimiser}
        saved: dict[str, Any] = {name: part.state_dict() for name, part in parts.items()}
        torch.save({**saved, **generators[0], "other_generators": generators[1:], "state": self.state}, partial)
        os.replace(partial, self.checkpoint)

    def _load(self) -> None:
        """Put everything back. Raises LifterError for a checkpoint that is damaged or of another run."""
        try:
            saved = torch.load(self.checkpoint, map_location="cpu", weights_only=True)  # tensors and plain values only
            self.network.load_state_dict(saved["network"])
            self.averaged.load_state_dict(saved["averaged"])
            self.optimiser.load_state_dict(saved["optimiser"])
            states = [saved, *saved.get("other_generators", [])]
            if self.processes.rank < len(states):
                mine = states[self.processes.rank]
                for name, generator in self.generators.items():
                    if name == "generator" or name in mine:  # the first checkpoints had one generator
                        generator.set_state(mine[name])
            else:  # more processes than before: not the numbers again that this one's seed has given
                for generator in self.generators.values():
                    generator.manual_seed(generator.initial_seed() + int(saved["state"]["step"]))
            self.state = saved["state"]
        except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as reason:
            what = (str(reason) or type(reason).__name__).splitlines()[0]
            raise LifterError(
                f"Cannot go on from {self.checkpoint}: {what}", hint="Train without --resume, or under another name."
            ) from None

    def _card(self, measured: dict) -> dict:
        config = self.config
        settings = asdict(config)
        settings["mocap"] = Path(settings["mocap"]).name
        settings["validation_subjects"] = self.validation_subjects
        for key in ("start_from", "grow_from"):
            settings[key] = Path(settings[key]).name
        for key in ("pairs", "start_from_mean"):
            settings[key] = [Path(path).name for path in settings[key]]
        return {
            "architecture": config.architecture,
            "settings": config.settings,
            "training": settings,
            "steps": int(self.state["step"]),
            "windows": int(self.state["step"]) * config.batch,
            "minutes": round(self.state["spent_s"] / 60, 1),
            _cost_name(self.device): round(self._cost_hours(), 2),
            "validation_mm": measured,
            "acknowledgement": config.acknowledgement,
        }


def _put_aside(folder: Path) -> None:
    """What an earlier run of that name left, days of work perhaps, goes into a folder of its own. Raises LifterError."""
    if not folder.is_dir() or not any(folder.iterdir()):
        return
    kept = next(path for n in itertools.count(1) if not (path := folder.with_name(f"{folder.name}.{n}")).exists())
    try:
        folder.rename(kept)
    except OSError as error:
        what = f"What an earlier run left in {folder} cannot be put aside: {error.strerror}."
        raise LifterError(what, hint="Give --resume to go on with it, or another name=.") from None
    print(f"what an earlier run of that name left is in {kept}; --resume would have gone on with it")


def _checked_subjects(training: list[MotionClip], validation: list[MotionClip], mocap: str) -> list[str]:
    """Those who are validated on. Raises LifterError where nobody is left for one of the two."""
    if training and validation:
        return sorted({clip.subject for clip in validation})
    what, left = ("training", validation) if not training else ("validation", training)
    subjects = sorted({clip.subject for clip in left})
    who = f"all are of one subject, '{subjects[0]}'" if len(subjects) == 1 else f"all are of {', '.join(subjects)}"
    raise LifterError(
        f"The motion capture {mocap} has no clip for {what}: {who}.",
        hint="Give one of more people, the BVH files of each in a folder of their own, or name others as validation_subjects.",
    )


def training_flops(config: TrainConfig, frames: int) -> float:
    """What the matrix products of a training step cost for one window or sequence of `frames`, forth and back."""
    with torch.device("meta"):  # shapes without numbers
        network = build(config.architecture, config.settings).train()
        windows = torch.zeros(2, frames, network.config.joints, network.config.inputs)
    with FlopCounterMode(display=False) as counter:
        (network(windows, every_frame=True) if network.outputs_sequence else network(windows)).sum().backward()
    return counter.get_total_flops() / 2


def _cost_name(device: torch.device) -> str:
    return "gpu_hours" if device.type == "cuda" else "core_hours"


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


def _check_batch(config: TrainConfig, network: nn.Module, processes: int) -> None:
    """Raises LifterError where a process's share of a batch has one pose only, and the network batch norms."""
    length = _trained_on(config, network)[0]
    poses = len(range(length)[network.output_frames(length)]) if network.outputs_sequence else 1
    normalises = any(isinstance(module, nn.BatchNorm1d) for module in network.modules())
    if normalises and config.batch // processes * poses < 2:
        raise LifterError(
            f"A batch of {config.batch} is too small: {config.architecture} networks need the statistics of two windows or more"
            + (" in each process." if processes > 1 else "."),
            hint="Give a larger batch.",
        )


def _write_row(path: Path, row: dict[str, float]) -> None:
    """Add a row to a CSV file; columns that are new to it are added to the others, empty."""
    rows: list[dict[str, Any]] = []
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    rows.append(row)
    partial = path.with_suffix(".partial")
    with partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(dict.fromkeys(name for each in rows for name in each)))
        writer.writeheader()
        writer.writerows(rows)
    os.replace(partial, path)
