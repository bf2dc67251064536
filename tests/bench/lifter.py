"""How fast the networks are, and how good the shipped one: on held-out rendered pairs beside the detector's own 3D, and on unseen
people with exact 2D. `--json` and the rest as for every benchmark; POSE3D_BENCH_SPEED_ONLY=1 leaves out how good.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from lifter.checkpoint import load_model
from lifter.joints import INDEX
from lifter.models import DESCRIBED, build
from lifter.models.atcn import ATCN
from lifter.models.folded import FoldedATCN
from lifter.models.mixste import MixSTE
from lifter.models.sequence import ATCNSequence
from lifter.normalise import encode_windows, rays_from_pixels

from . import Context, Row

# A view that fewer frames have says little of a mean.
_ENOUGH_FRAMES = 50
# Of each clip of the validation subjects; each of the five levels of noise is a pass of its own.
_MOCAP_SECONDS = 2
_BIAS_GOALS = {"deg": 3.0, "%": 3.0}
# Timed with weights that nothing was taught: a product costs the same whatever its numbers.
_NETWORKS = (
    "atcn-27",
    "atcn-81",
    "atcn-243",
    "tcn-27",
    "tcn-81",
    "tcn-243",
    "shared-attention-243",
    "mixste-small",
    "mixste-243",
)
_BATCHES = (1, 16, 64, 256)
_SEQUENCE, _ROUNDS, _SECONDS = 512, 3, 0.25


def rows(context: Context) -> list[Row]:
    """Speed, then what there is data for: motion capture, and pairs ($POSE3D_PAIRS, or pairs/heldout.npz in the home folder)."""
    command = [str(context.engine_python), "-m", "tests.bench.lifter"]
    speed = subprocess.run(command, check=True, cwd=context.root, stdout=subprocess.PIPE, text=True)
    return json.loads(speed.stdout.splitlines()[-1]) + ([] if os.environ.get("POSE3D_BENCH_SPEED_ONLY") else _quality(context))


def _quality(context: Context) -> list[Row]:
    shared = context.root.parent / "shared" / "data"
    home = Path(os.environ["POSE3D_HOME"])
    out: list[Row] = []
    given = os.environ.get("POSE3D_PAIRS")
    candidates = [Path(given)] if given else [home / "pairs" / "heldout.npz", shared / "rendered_pairs.npz"]
    pairs = next((path for path in candidates if path.is_file()), None)
    if given and pairs is None:
        raise FileNotFoundError(f"POSE3D_PAIRS names {given}, which does not exist")
    if pairs:
        out += pair_rows(_evaluated(context, "--pairs", pairs, "--bias"))
    if (shared / "mocap.npz").is_file():
        measured = _evaluated(context, "--mocap", shared / "mocap.npz", "--seconds", str(_MOCAP_SECONDS))
        out += mocap_rows(measured)
    if not out:
        raise FileNotFoundError("no rendered pairs and no motion capture: set POSE3D_PAIRS to a file of rendered pairs")
    return out


def pair_rows(measured: dict) -> list[Row]:
    """From what `evaluate --pairs P --bias --json` writes."""
    ours, theirs = measured["network, as shipped"], measured["mediapipe"]
    out = [
        _row("pairs: P-MPJPE, network", ours["P-MPJPE mm"], "mm"),
        _row("pairs: P-MPJPE, MediaPipe", theirs["P-MPJPE mm"], "mm"),
        _row("pairs: P-MPJPE, network over MediaPipe", _ratio(ours, theirs, "P-MPJPE mm"), "", 0.7),
        _row("pairs: exchanged frames, network", ours["exchanged %"], "%"),
        _row("pairs: exchanged frames, MediaPipe", theirs["exchanged %"], "%"),
        _row("pairs: exchanged frames, network over MediaPipe", _ratio(ours, theirs, "exchanged %"), "", 0.25),
    ]
    for quantity, methods in measured["bias"].items():
        name, _, unit = quantity.rpartition(" ")
        if unit not in _BIAS_GOALS:
            continue
        views = {
            view: abs(values["mean"])
            for view, values in methods["network, as shipped"].items()
            if view != "all" and values["frames"] >= _ENOUGH_FRAMES
        }
        if views:
            worst = max(views, key=lambda view: views[view])
            out.append(_row(f"pairs: bias of {name}, worst view ({worst})", views[worst], unit, _BIAS_GOALS[unit]))
    return out


def mocap_rows(measured: dict) -> list[Row]:
    """From what `evaluate --mocap M --json` writes."""
    noise = measured["noise"]["network"]
    return [
        _row("unseen people, exact 2D: P-MPJPE", noise["0 px"], "mm", 35.0),
        _row("unseen people: P-MPJPE at 20 px of noise over that at none", noise["growth"], ""),
    ]


def _row(measure: str, value: float, unit: str, goal: float | None = None, better: Literal["lower", "higher"] = "lower") -> Row:
    return Row(measure=measure, value=value, unit=unit, goal=goal, better=better)


def _ratio(ours: dict, theirs: dict, measure: str) -> float:
    # Where the detector exchanged nothing there is nothing to be better than.
    return ours[measure] / theirs[measure] if theirs[measure] else float(ours[measure] > 0)


def _evaluated(context: Context, *arguments: str | Path) -> dict:
    path = context.work / "measured.json"
    command = [str(context.engine_python), "-m", "lifter", "evaluate", *map(str, arguments), "--json", str(path)]
    subprocess.run(command, check=True, cwd=context.root, stdout=subprocess.DEVNULL)
    return json.loads(path.read_text(encoding="utf-8"))


# ---- speed ------------------------------------------------------------------------------------------------------------------


@torch.inference_mode()
def speed_rows(device: torch.device) -> list[Row]:
    """Poses a second of every network: window by window in batches of several sizes, and in its form for sequences, in float32
    and bf16. All forms of one network are timed in turn, several times; the median counts. What a window's virtual camera and
    the mirrored second run cost comes on top of it."""
    out: list[Row] = []
    for name in _NETWORKS:
        architecture, settings = DESCRIBED[name]
        network = build(architecture, settings).eval().to(device)
        rates = _rates(_forms(network, device), device)
        for form, rate in rates.items():
            out.append(_row(f"{name}, {form}", rate, "poses/s", better="higher"))
        best = max(rate for form, rate in rates.items() if form.startswith("windows"))
        together = rates["sequence, float32"]
        goal = 5.0 if name == "atcn-243" else None
        out.append(_row(f"{name}: sequence over one window at a time", together / rates["windows by 1"], "", goal, "higher"))
        out.append(_row(f"{name}: sequence over windows in the best batch", together / best, "", better="higher"))
    if device.type == "cuda":
        best = max(row["value"] for row in out if row["unit"] == "poses/s" and row["measure"].startswith("atcn-243"))
        out.append(_row("atcn-243: best form", best, "poses/s", 50_000, "higher"))
    return out + [_low_precision(device)]


def _forms(network: nn.Module, device: torch.device) -> dict[str, tuple[int, Callable[[], object]]]:
    """What is timed: name -> poses that come out, and the work."""
    n, sequence = network.config.frames, torch.randn(_SEQUENCE + network.config.frames - 1, 17, 2, device=device)
    windows = sequence.unfold(0, n, 1).permute(0, 3, 1, 2)
    forms: dict[str, tuple[int, Callable[[], object]]] = {}
    fixed = isinstance(network, MixSTE)  # in length, and a pose for each of its frames: nobody runs it window by window
    for batch in _BATCHES[:1] if fixed else _BATCHES:
        part = windows[:batch].contiguous()
        forms[f"windows by {batch}"] = batch, partial(network, part)
    if isinstance(network, ATCN):
        folded = FoldedATCN(network)
        forms["windows, folded, by 256"] = _BATCHES[-1], partial(folded, windows[: _BATCHES[-1]].contiguous())
        for name, dtype in (("float32", torch.float32), ("bf16", torch.bfloat16)):
            forms[f"sequence, {name}"] = _SEQUENCE, partial(ATCNSequence(network, dtype=dtype).poses, sequence)
    else:
        whole, poses = (sequence[None, :n], n) if fixed else (sequence[None], _SEQUENCE)
        forms["sequence, float32"] = poses, partial(network, whole, every_frame=True)

        def low() -> None:
            with torch.autocast(device.type, dtype=torch.bfloat16):
                network(whole, every_frame=True)

        forms["sequence, bf16"] = poses, low
    return forms


def _rates(forms: dict[str, tuple[int, Callable[[], object]]], device: torch.device) -> dict[str, float]:
    """Poses a second, the median of rounds in which every form has its turn."""
    seen: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(_ROUNDS + 1):
        for name, (poses, work) in forms.items():
            repeats, began = 0, time.perf_counter()
            while True:
                work()
                repeats += 1
                if device.type == "cuda":
                    torch.cuda.synchronize()
                if (taken := time.perf_counter() - began) > _SECONDS:
                    break
            seen[name].append(poses * repeats / taken)
    return {name: statistics.median(rates[1:]) for name, rates in seen.items()}  # the first round warms up


def _low_precision(device: torch.device) -> Row:
    """What bf16 changes in the shipped network's poses, on the bundled clip's exact 2D."""
    import numpy as np

    with np.load(Path(__file__).parents[1] / "data" / "demo_truth.npz", allow_pickle=False) as truth:
        order = truth["joint_names"].tolist()
        joints_px = truth["joints_px"][:, [order.index(name) for name in INDEX]]
    network = load_model(None).network.eval().to(device)
    rays = rays_from_pixels(torch.from_numpy(joints_px).float(), 400.0, (400, 400))
    encoded = encode_windows(rays[None], len(rays) // 2)[0][0].to(device)
    seen = torch.zeros(*encoded.shape[:2], network.config.inputs, device=device)
    seen[..., :2] = encoded
    if network.config.inputs > 2:
        seen[..., 2] = 1
    exact, low = (ATCNSequence(network, dtype=dtype).poses(seen) for dtype in (torch.float32, torch.bfloat16))
    apart_mm = 1000 * float((exact - low).norm(dim=-1).mean())
    return _row("shipped network: bf16 from float32", apart_mm, "mm")


if __name__ == "__main__":
    print(json.dumps(speed_rows(torch.device("cuda" if torch.cuda.is_available() else "cpu"))))
