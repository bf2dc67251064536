"""The field's protocols for Human3.6M and HumanEva: what is averaged over what.

They run as soon as somebody has the files (lifter/data/human36m.py, lifter/data/humaneva.py say which). Every frame of every
recording is estimated, in each camera, from windows whose ends repeat the recording's first or last frame, and as the mean of the
picture's and its mirror image's pose. Both poses have their pelvis at the origin. Within a row every frame counts the same; the
row "mean" is the plain mean of the rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from .checkpoint import LoadedModel, load_model
from .data.benchmark import BenchmarkSequence
from .data.human36m import read_human36m
from .data.humaneva import read_humaneva
from .device import device_for
from .errors import LifterError
from .infer import run_network
from .joints import INDEX
from .metrics import mpjpe, mpjve, n_mpjpe, p_mpjpe

Rows = dict[str, dict[str, float]]
Predictor = Callable[[BenchmarkSequence], np.ndarray]
Progress = Callable[[int, int], None]

HUMAN36M_ACTIONS: tuple[str, ...] = (
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases", "Sitting", "SittingDown"),
    *("Smoking", "Waiting", "WalkDog", "Walking", "WalkTogether"),
)
_OTHER_NAMES = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}


def human36m(
    positions: Path,
    *,
    detections: Path | None = None,
    model: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Rows:
    """A row for each of the 15 actions, in the papers' order, and their mean: test subjects S9 and S11, four cameras.

    positions: data_3d_h36m.npz; detections: a data_2d_h36m_*.npz, or None for 2D from the truth. Raises LifterError.
    """
    sequences = read_human36m(positions, detections)
    if missing := sorted(set(HUMAN36M_ACTIONS) - {human36m_action(sequence) for sequence in sequences}):
        raise LifterError(f"{positions} has no recording of {missing[0]}.", hint="The protocol is the mean of all 15 actions.")
    predict = network_predictor(load_model(model, device=device_for(device)))
    return evaluate(sequences, predict, human36m_action, order=HUMAN36M_ACTIONS, progress=progress)


def humaneva(
    positions: Path,
    *,
    detections: Path | None = None,
    model: str | Path | None = None,
    device: str | None = None,
    progress: Progress | None = None,
) -> Rows:
    """A row for each of Walking and Jog by S1, S2 and S3, and their mean: HumanEva-15, validation recordings, three cameras.

    positions: data_3d_humaneva15.npz; detections: a data_2d_humaneva15_*.npz, or None for 2D from the truth. Raises LifterError.
    """
    sequences = read_humaneva(positions, detections)
    predict = network_predictor(load_model(model, device=device_for(device)))
    return evaluate(sequences, predict, humaneva_row, progress=progress)


def evaluate(
    sequences: Sequence[BenchmarkSequence],
    predict: Predictor,
    row_of: Callable[[BenchmarkSequence], str],
    *,
    order: Iterable[str] = (),
    progress: Progress | None = None,
) -> Rows:
    """{row: {measure: value}}, the rows of `order` first, then the others as they come, then their mean.

    predict: a sequence -> poses [T, J, 3] in camera axes, metres, of the sequence's joints.
    """
    sums: dict[str, dict[str, float]] = {}
    frames: dict[str, dict[str, int]] = {}
    for done, sequence in enumerate(sequences, 1):
        row = row_of(sequence)
        pelvis = sequence.joint_names.index("pelvis")
        predicted, truth = (poses - poses[:, pelvis : pelvis + 1] for poses in (predict(sequence), sequence.truth_m))
        measured = {
            "MPJPE mm": mpjpe(predicted, truth),
            "P-MPJPE mm": p_mpjpe(predicted, truth),
            "N-MPJPE mm": n_mpjpe(predicted, truth),
            # One figure for a recording, which counts as much as the recording is long. A lone frame has no velocity.
            "MPJVE mm/frame": np.full(len(truth), mpjve(predicted, truth)) if len(truth) > 1 else np.zeros(0),
        }
        for name, values in measured.items():
            of_row, counted = sums.setdefault(row, defaultdict(float)), frames.setdefault(row, defaultdict(int))
            of_row[name] += 1000 * float(values.sum())
            counted[name] += len(values)
        if progress:
            progress(done, len(sequences))
    names = [name for name in order if name in sums]
    rows = {
        row: {name: total / max(frames[row][name], 1) for name, total in sums[row].items()}
        for row in (*names, *(row for row in sums if row not in names))
    }
    rows["mean"] = {name: float(np.mean([row[name] for row in rows.values()])) for name in next(iter(rows.values()))}
    return rows


def network_predictor(loaded: LoadedModel) -> Predictor:
    """The network's poses by name, its mirror image's averaged in, in the camera's axes."""

    def predict(sequence: BenchmarkSequence) -> np.ndarray:
        times_s = np.arange(len(sequence.rays)) / sequence.fps
        poses, view_from_camera = run_network(loaded, sequence.rays, times_s)
        return np.einsum("tji,tkj->tki", view_from_camera, poses)[:, [INDEX[name] for name in sequence.joint_names]]

    return predict


def human36m_action(sequence: BenchmarkSequence) -> str:
    """ "Walking 1" -> "Walking": an action's two recordings are one row."""
    action = sequence.action.split()[0]
    return _OTHER_NAMES.get(action, action)


def humaneva_row(sequence: BenchmarkSequence) -> str:
    """ "Walking 1 chunk0" of "Validate/S1" -> "Walking S1"."""
    return f"{sequence.action.split()[0]} {sequence.subject.split('/')[-1]}"
