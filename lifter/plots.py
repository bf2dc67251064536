"""Figures like the paper's (5, 7, 8, 10), and those of noise, receptive field and attention.

matplotlib is imported where it is needed: lifting does without.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from .errors import LifterError
from .files import replacing
from .joints import LIMB_JOINT_NAMES

# Those of the paper's figure 7.
_TRACED_JOINTS = ("left_ankle", "left_elbow")
_DPI = 110


def require() -> Any:
    """matplotlib's figure module. Raises LifterError where it is not installed."""
    try:
        import matplotlib.figure
    except ImportError:
        raise LifterError(
            "Drawing needs the Python package matplotlib, which is not installed.",
            hint="Install matplotlib into the engine's environment, or leave --plots out.",
        ) from None
    return matplotlib.figure


def draw(folder: Path, figures: dict) -> list[Path]:
    """Write a PNG for each entry of `figures` and return their paths. Raises LifterError.

    joints (figure 8): method -> joint -> measures; sequence (10, and two joints of it, 7): method -> (frames [K], error [K],
    error of each limb joint [K, 12]) of the motion `action`; and where they were measured, noise: model -> sigma -> error,
    receptive_field: model -> (frames, error), attention: model -> [T, n].
    """
    drawn = [_joints(folder, figures["joints"]), *_sequence(folder, figures["action"], figures["sequence"])]
    if "noise" in figures:
        drawn.append(_noise(folder, figures["noise"]))
    if len(figures.get("receptive_field", {})) > 1:
        drawn.append(_receptive_field(folder, figures["receptive_field"]))
    drawn += [_attention(folder, label, weights) for label, weights in figures.get("attention", {}).items()]
    return drawn


def draw_curves(path: Path, curves: dict[str, Path]) -> Path:
    """Convergence (figure 5): training loss and validation figures of runs, from their curve.csv. Raises LifterError."""
    figure, axes = _new("minutes of training", "mm")
    for label, file in curves.items():
        try:
            with file.open(newline="", encoding="utf-8") as lines:
                rows = list(csv.DictReader(lines))
            minutes = [float(row["minutes"]) for row in rows]
            for column, style in (("loss_mm", ":"), ("clean", "-"), ("pairs", "--")):
                if rows and rows[0].get(column):
                    axes.plot(minutes, [float(row[column]) for row in rows], style, label=f"{label}, {column}")
        except (OSError, KeyError, ValueError, TypeError) as reason:
            raise LifterError(f"Cannot read the curve {file}: {reason}.", hint="Give a curve.csv that `train` wrote.") from None
    return _written(figure, axes, path)


def _joints(folder: Path, tables: dict) -> Path:
    figure, axes = _new("", "P-MPJPE, mm", wide=True)
    width = 0.8 / len(tables)
    for i, (method, joints) in enumerate(tables.items()):
        heights = [joints[name]["P-MPJPE mm"] for name in LIMB_JOINT_NAMES]
        axes.bar(np.arange(len(heights)) + (i + 0.5) * width - 0.4, heights, width, label=method)
    axes.set_xticks(range(len(LIMB_JOINT_NAMES)), [name.replace("_", "\n") for name in LIMB_JOINT_NAMES], fontsize=8)
    return _written(figure, axes, folder / "joints.png")


def _sequence(folder: Path, action: str, methods: dict) -> list[Path]:
    figure, axes = _new(f"frame of {action}", "P-MPJPE, mm", wide=True)
    for method, (frames, error, _) in methods.items():
        axes.plot(frames, error, label=method, linewidth=1)
    drawn = [_written(figure, axes, folder / "frames.png")]
    for joint in _TRACED_JOINTS:
        figure, axes = _new(f"frame of {action}", f"{joint.replace('_', ' ')} after alignment, mm", wide=True)
        for method, (frames, _, errors) in methods.items():
            axes.plot(frames, errors[:, LIMB_JOINT_NAMES.index(joint)], label=method, linewidth=1)
        drawn.append(_written(figure, axes, folder / f"frames_{joint}.png"))
    return drawn


def _noise(folder: Path, models: dict) -> Path:
    figure, axes = _new("noise on the 2D, sigma in px of a picture 1000 px wide", "P-MPJPE, mm")
    for label, row in models.items():
        sigmas = [name for name in row if name.endswith(" px")]
        axes.plot([float(name.removesuffix(" px")) for name in sigmas], [row[name] for name in sigmas], "o-", label=label)
    axes.set_ylim(bottom=0)
    return _written(figure, axes, folder / "noise.png")


def _receptive_field(folder: Path, models: dict) -> Path:
    figure, axes = _new("receptive field, frames", "P-MPJPE, mm")
    for label, (frames, error) in models.items():
        axes.plot([frames], [error], "o", label=label)
    axes.set_xscale("log", base=3)
    return _written(figure, axes, folder / "receptive_field.png")


def _attention(folder: Path, label: str, weights: np.ndarray) -> Path:
    figure, axes = _new("frame whose pose is computed", "step of its window, first layer", wide=True)
    picture = axes.imshow(weights.T, aspect="auto", origin="lower", cmap="viridis", interpolation="nearest")
    figure.colorbar(picture, label="temporal attention")
    return _written(figure, axes, folder / f"attention_{label.replace('/', '_')}.png")


def _new(x: str, y: str, *, wide: bool = False) -> tuple[Any, Any]:
    figure = require().Figure(figsize=(10 if wide else 6, 4), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=y)
    return figure, axes


def _written(figure: Any, axes: Any, path: Path) -> Path:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=_DPI)
    return path
