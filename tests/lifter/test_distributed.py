"""Training by two processes that torchrun starts: what each of them ends with, and what one alone would have computed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from lifter.models import build
from lifter.training.config import TrainConfig
from lifter.training.losses import sequence_loss
from tests.lifter import archives

ROOT = Path(__file__).resolve().parents[2]
ATCN = "settings = {frames = 9, channels = 32, groups = 4, reduction = 16, dropout = 0.1}"
MIXSTE = {"frames": 9, "width": 32, "depth": 2, "heads": 4, "drop_path": 0.0}
CONFIG = f"""
name = "whole"
mocap = "mocap.npz"
pairs = ["pairs.npz"]
steps = 4
batch = 24
threads = 1
validation_windows = 32
{ATCN}
"""
# Run by both processes. A run leaves RUN-RANK.pt: its weights, and batch and gradient of its first step.
PROGRAM = """
import faulthandler, functools, os, sys
from pathlib import Path
import torch
from lifter import train

faulthandler.dump_traceback_later(240, exit=True)  # processes that wait for each other end by themselves
torch.distributed.init_process_group("gloo")
folder, rank = Path(sys.argv[1]), os.environ["RANK"]
step, batch, clip = train._Run._step, train._Run._batch, torch.nn.utils.clip_grad_norm_
seen = {}

def kept_batch(run):
    seen.setdefault("batch", made := batch(run))
    return made

def kept_gradient(parameters, limit):
    parameters = list(parameters)
    seen.setdefault("gradient", [p.grad.clone() for p in parameters])
    return clip(parameters, limit)

def kept_train(run, go=train._Run.train):
    go(run)
    parts = {"network": run.network.state_dict(), "averaged": run.averaged.state_dict(), "state": run.state}
    torch.save({**parts, **seen}, folder / f"{run.folder.name}-{rank}.pt")

train._Run._batch, torch.nn.utils.clip_grad_norm_, train._Run.train = kept_batch, kept_gradient, kept_train

def run(*overrides, **options):
    seen.clear()
    train.main(folder / "config.toml", overrides=list(overrides), runs_dir=folder / "runs", **options)

run()
run('name = "timed"', "steps = 0", "minutes = 0.01")

train._NOTE_EVERY_S = -1.0  # a checkpoint before every step
def cut(run, spent):
    if run.state["step"] == 2:
        raise KeyboardInterrupt
    step(run, spent)
train._Run._step = cut
try:
    run('name = "cut"')
except KeyboardInterrupt:
    pass
train._Run._step = step
run('name = "cut"', resume=True)

torch.autocast = functools.partial(torch.autocast, enabled=False)
run('name = "mixste"', 'architecture = "mixste"', 'loss = "sequence"', "pairs_share = 0.0", "steps = 1", sys.argv[2])
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """By the name of a run, what its two processes left."""
    folder = tmp_path_factory.mktemp("distributed")
    archives.small_mocap(folder / "mocap.npz")
    archives.small_pairs(folder / "pairs.npz")
    (folder / "config.toml").write_text(CONFIG, encoding="utf-8")
    (folder / "program.py").write_text(PROGRAM, encoding="utf-8")
    settings = ", ".join(f"{key} = {value}" for key, value in MIXSTE.items())
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, folder / "program.py", folder, f"settings = {{{settings}}}"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    names = ("whole", "timed", "cut", "mixste")
    return {name: [torch.load(folder / f"{name}-{rank}.pt", weights_only=True) for rank in (0, 1)] for name in names}


def _equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return list(one) == list(other) and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", ["whole", "timed", "mixste"])
def test_both_end_with_the_same_weights_after_the_same_steps(results: dict, name: str) -> None:
    first, second = results[name]
    assert first["state"]["step"] == second["state"]["step"] >= 1
    for part in ("network", "averaged"):
        assert _equal(first[part], second[part])


def test_each_makes_batches_of_its_own(results: dict) -> None:
    (windows, _), (others, _) = (result["batch"] for result in results["whole"])
    assert windows.shape == others.shape == (12, 9, 17, 2), "a batch is shared out"
    assert not torch.isclose(windows, others).all((1, 2, 3)).any()


def test_the_gradient_is_that_of_both_batches_together(results: dict) -> None:
    config = TrainConfig(name="", mocap="")
    torch.manual_seed(config.seed)
    network = build("mixste", MIXSTE).train()
    windows, truth = (torch.cat(parts) for parts in zip(*(result["batch"] for result in results["mixste"]), strict=True))
    sequence_loss(network(windows, every_frame=True), truth).backward()
    largest = max(p.grad.abs().max() for p in network.parameters() if p.grad is not None)
    for result in results["mixste"]:
        for parameter, gradient in zip(network.parameters(), result["gradient"], strict=True):
            # Sums in another order: a part in a million or two, as the processor has it.
            torch.testing.assert_close(gradient, parameter.grad, rtol=0, atol=1e-5 * float(largest))


def test_a_run_that_was_cut_short_goes_on_to_the_same_weights(results: dict) -> None:
    for whole, cut in zip(results["whole"], results["cut"], strict=True):
        assert cut["state"]["step"] == 4
        for part in ("network", "averaged"):
            assert _equal(whole[part], cut[part])


def test_a_batch_that_cannot_be_shared_out_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lifter.errors import LifterError
    from lifter.train import _Run
    from lifter.training.processes import Processes

    processes = Processes()
    processes.count = 7
    with pytest.raises(LifterError, match="cannot be shared out evenly among 7 processes"):
        _Run(TrainConfig(name="a", mocap="b", batch=24), tmp_path, processes, resume=False)
