"""Rig by rig: recognition, errors on exact tracks, time; beside Blender's own Copy Rotation constraints and nla.bake.

`python -m tests.bench.retarget FILE.md` (with POSE3D_BLENDER_COMMAND) writes the tables of docs/retarget.md.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tests.core import round_trip

from . import Context, Row

_BUILDERS = "tests/blender/rig_builders.py"
# A skeleton alone, and the same with a character's mesh; beside Rigify's generated rig.
_MEASURED_BESIDE = ("rig-human", "human-male")
# key, title, unit, goal, whether more is better
_MEASURES: tuple[tuple[str, str, str, float | None, bool], ...] = (
    ("named", "recognised by name", "of 17 joints", 17, True),
    ("anonymous", "recognised as Bone.NNNN", "of 17 joints", 17, True),
    ("limb_mean_deg", "limbs, mean", "degrees", 0.5, False),
    ("limb_worst_deg", "limbs, worst", "degrees", 2.0, False),
    ("rotation_mean_deg", "rotation, mean", "degrees", 1.0, False),
    ("rotation_worst_deg", "rotation, worst", "degrees", None, False),
    ("jump_deg", "largest turn in a frame", "degrees", 20.0, False),
    ("plain_s", "1,000 frames solved and keyed", "s", None, False),
)
_TIMES_AS_FAST = 50.0
_ROUND_TRIP = (("swing, at worst", 0.1), ("twist where elbow or knee is bent by more than 15 degrees, at worst", 5.0))
_WAYS = {
    "bake": "nla.bake of Copy Rotation constraints, the bones that have one selected",
    "bake_all": "the same, all bones",
    "local_space": "Copy Rotation, local space with the owner's orientation",
    "world_space": "Copy Rotation, world space",
    "transfer": "Retarget Animation, a key on every frame",
    "solve": "from a track, a key on every frame",
    "whole": "the same with all of the motion's work",
    "sparse": "the same with the few keys of the default",
    "peer": "ohao 0.3.0, from a BVH file",
}
# Another's tool that can be had from a registry and retargets in Blender: ten lines of rest-pose compensation, key by key.
_PEER, _PEER_SCRIPT = "ohao==0.3.0", "ohao/mogen3d/_blender_script.py"


def rows(context: Context) -> list[Row]:
    """A row for each rig and measure, and the yardstick's."""
    measured = measure(context)
    print(markdown(measured), file=sys.stderr)
    out = []
    for name, found in measured["rigs"].items():
        for key, title, unit, goal, more in _MEASURES:
            if key in found:
                out.append(_row(f"{_label(name)}: {title}", found[key], unit, goal, more=more))
    for key in ("named", "anonymous"):
        values = [found.get(key, 0) for found in measured["rigs"].values() if "refused" not in found]
        out.append(_row(f"all rigs: fewest joints, {key}", min(values), "of 17 joints", 17, more=True))
    for (title, goal), value in zip(_ROUND_TRIP, measured["round_trip"], strict=True):
        out.append(_row(f"round trip: {title}", value, "degrees", goal))
    for yard in measured["yardsticks"]:
        name = f"yardstick on {_described(yard)}"
        for kind, title in _WAYS.items():
            if f"{kind}_s" in yard:
                out.append(_row(f"{name}: {title}", yard[f"{kind}_s"], "s", None))
            if kind in ("transfer", "solve", "whole", "sparse"):
                goal = _TIMES_AS_FAST if kind == "solve" else None
                for clock, of in (("s", ""), ("cpu_s", " by the processor's seconds")):
                    ratio = yard[f"bake_{clock}"] / yard[f"{kind}_{clock}"]
                    out.append(_row(f"{name}: {title}, times as fast{of}", ratio, "", goal, more=True))
            for what, goal in (("limb", 0.5), ("rotation", 1.0)):
                if f"{kind}_{what}_mean_deg" in yard:
                    ours = goal if kind in ("transfer", "solve") else None
                    out.append(_row(f"{name}: {title}, {what}s, mean", yard[f"{kind}_{what}_mean_deg"], "degrees", ours))
    return out


def _row(measure: str, value: float, unit: str, goal: float | None, *, more: bool = False) -> Row:
    better: Literal["lower", "higher"] = "higher" if more else "lower"
    return Row(measure=measure, value=float(value), unit=unit, goal=goal, better=better)


def measure(context: Context, names: Sequence[str] = ()) -> dict[str, Any]:
    """What _retarget_in_blender.py finds. names: rigs, without the yardsticks; all that there are, and these, when empty."""
    out = context.work / "retarget.json"
    shared = context.root.parent / "shared" / "rigs"
    files = sorted(path for kind in ("glb", "fbx", "json") for path in shared.glob(f"*/*.{kind}"))
    text = (context.root / _BUILDERS).read_text(encoding="utf-8")
    builds = [line.split('"')[1] for line in text.splitlines() if line.startswith('    "') and '": Build(' in line]
    big = "|".join(["rigify", *(str(path) for path in files if path.stem in _MEASURED_BESIDE)])
    script = str(context.root / "build.py")
    inside = str(Path(__file__).with_name("_retarget_in_blender.py"))
    command = [inside if word == script else word for word in context.blender_command]
    if "--" not in command:
        command.append("--")
    yardsticks = ["", ""] if names else [big, _peer_script(context.work / "peer")]
    command += [str(out), *yardsticks, *(names or [*builds, "metarig", "rigify", *map(str, files)])]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=context.blender_environment())
    return json.loads(out.read_text(encoding="utf-8")) | {"round_trip": round_trip_deg()}


def round_trip_deg() -> tuple[float, float]:
    """The worst of what _ROUND_TRIP tells, over random armatures and motions."""
    found = [round_trip.errors_deg(plan, seed) for plan in round_trip.PLANS for seed in round_trip.SEEDS]
    swing, twist = (float(np.concatenate(column).max()) for column in zip(*found, strict=True))
    return swing, twist


def _peer_script(folder: Path) -> str:
    """The other tool's script, fetched; "" where it cannot be."""
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder), _PEER]
    fetched = subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
    script = folder / _PEER_SCRIPT
    return str(script) if fetched and script.is_file() else ""


def _described(yard: dict[str, Any]) -> str:
    mesh = f", a mesh of {yard['vertices']:,} vertices" if yard["vertices"] else ""
    return f"{_label(yard['rig'])}, {yard['bones']:.0f} bones{mesh}"


def _label(name: str) -> str:
    return Path(name).stem if name.endswith((".glb", ".fbx", ".json")) else name


def markdown(measured: dict[str, Any]) -> str:
    """The tables of docs/retarget.md."""
    head = ["rig", "bones", "preset", *(title for _, title, *_ in _MEASURES)]
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    refusals: list[str] = []
    for name, found in measured["rigs"].items():
        if "refused" in found:
            lines.append(f"| {_label(name)} | {found['bones']} | refused |" + " |" * (len(head) - 3))
            refusals.append(f"{_label(name)}: “{found['refused']}”")
            continue
        cells = [_label(name), str(found["bones"]), found["preset"]]
        for key, _, _, goal, more in _MEASURES:
            if key not in found:
                cells.append("–")
                continue
            value = found[key]
            text = f"{value:.0f}" if more else f"{value:.2f}"
            missed = goal is not None and (value < goal if more else value > goal)
            cells.append(f"**{text}**" if missed else text)
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *refusals] if refusals else []
    for (title, goal), value in zip(_ROUND_TRIP, measured["round_trip"], strict=True):
        lines += ["", f"Round trip: {title}: {value:.4f} degrees (goal {goal:g})."]
    for yard in measured["yardsticks"]:
        lines += [
            "",
            f"{_described(yard)}, 1,000 frames, Blender {measured['blender']}:",
            "",
            "| way | seconds | times as fast as the bake | processor's seconds | times as fast | limbs, mean / worst, degrees"
            " | rotation, mean / worst, degrees |",
            "|---|---|---|---|---|---|---|",
        ]
        for kind, title in _WAYS.items():
            if not any(key in yard for key in (f"{kind}_s", f"{kind}_limb_mean_deg")):
                continue
            cells = [title]
            for clock in ("s", "cpu_s"):
                taken = yard.get(f"{kind}_{clock}")
                cells += (f"{taken:.3f}", f"{yard[f'bake_{clock}'] / taken:.1f}") if taken else ("", "")
            for what in ("limb", "rotation"):
                values = [yard.get(f"{kind}_{what}_{which}_deg") for which in ("mean", "worst")]
                cells.append("" if None in values else " / ".join(f"{value:.2f}" for value in values))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _main() -> None:
    root = Path(__file__).resolve().parents[2]
    with tempfile.TemporaryDirectory(prefix="pose3d-bench-") as work:
        context = Context(root, Path(sys.executable), tuple(json.loads(os.environ["POSE3D_BLENDER_COMMAND"])), Path(work))
        Path(sys.argv[1]).write_text(markdown(measure(context, sys.argv[2:])), encoding="utf-8")


if __name__ == "__main__":
    _main()
