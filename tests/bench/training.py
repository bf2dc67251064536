"""A training step (without the wait for its batch) against a bf16 matrix product on the same device in the same minute."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch

from lifter.checkpoint import available_models
from lifter.train import _Run
from lifter.training.config import TrainConfig, read_config
from lifter.training.processes import Processes

from . import Context, Row

# Batches are made while the step before trains. Nothing may be made beside the matrix products, so each round begins without one.
_ROUNDS, _STEPS = 5, 6
# What ARCHITECTURE.md says to train with on a CPU that does nothing else.
_ENVIRONMENT = {
    "GOMP_SPINCOUNT": "20000",
    "MALLOC_MMAP_THRESHOLD_": "8589934592",
    "MALLOC_TRIM_THRESHOLD_": "8589934592",
}


def rows(context: Context) -> list[Row]:
    """Of the configurations of shipped models; with a GPU, of all."""
    configs = sorted((context.root / "lifter" / "configs").glob("*.toml"))
    if not torch.cuda.is_available():
        configs = [path for path in configs if path.stem in available_models()]
    out: list[Row] = []
    for path in configs:
        command = [str(context.engine_python), "-m", "tests.bench.training", str(path), str(context.work)]
        environment = {**os.environ, **_ENVIRONMENT}
        done = subprocess.run(command, check=True, cwd=context.root, env=environment, stdout=subprocess.PIPE, text=True)
        out += json.loads(done.stdout.splitlines()[-1])
    return out


def measured(config: TrainConfig, work: Path) -> list[Row]:
    """The rows of one configuration."""
    with Processes() as processes:
        run = _Run(config, work / config.name, processes, resume=False)
        device = run.device
        size, repeats = (8192, 4) if device.type == "cuda" else (2048, 2)
        a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))

        def seconds(work_done: object) -> float:
            began = time.perf_counter()
            work_done()  # type: ignore[operator]
            if device.type == "cuda":
                torch.cuda.synchronize()
            return time.perf_counter() - began

        def matmuls() -> None:
            for _ in range(repeats):
                a @ b

        shares, rates, steps, waits = [], [], [], []
        for _ in range(_ROUNDS + 1):
            before = seconds(matmuls)
            run._step(0.5)
            run.clock.taken_s()
            taken = [(seconds(lambda: run._step(0.5)), run.clock.taken_s()) for _ in range(_STEPS)]
            if run.ahead:
                run.ahead.forget()
            matmul_flops = 2 * repeats * 2 * size**3 / (before + seconds(matmuls))
            steps += [step for step, _ in taken]
            waits += [wait for _, wait in taken]
            rates += (found := [run.flops / (step - wait) for step, wait in taken])
            shares += [rate / matmul_flops for rate in found]
        shares, rates, steps, waits = (values[_STEPS:] for values in (shares, rates, steps, waits))  # the first round warms up
    name, middle = f"training {config.name}", statistics.median
    return [
        Row(measure=f"{name}: GFLOPS over a bf16 matmul's", value=middle(shares), unit="", goal=0.5, better="higher"),
        Row(measure=f"{name}: GFLOPS", value=middle(rates) / 1e9, unit="GFLOPS", goal=None, better="higher"),
        Row(measure=f"{name}: windows", value=config.batch / middle(steps), unit="1/s", goal=None, better="higher"),
        Row(measure=f"{name}: waiting for batches", value=100 * sum(waits) / sum(steps), unit="%", goal=5.0, better="lower"),
    ]


if __name__ == "__main__":
    print(json.dumps(measured(read_config(Path(sys.argv[1]), sys.argv[3:]), Path(sys.argv[2]))))
