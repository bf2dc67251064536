"""`python -m lifter evaluate`: a track against exact joints, or a model on rendered pairs.

evaluate --track TRACK.npz --truth TRUTH.npz [--json FILE]
evaluate --pairs PAIRS.npz [--model NAME] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from .data.mocap import UNREADABLE, first_line
from .errors import LifterError
from .joints import INDEX, JOINT_NAMES, LIMB_JOINT_NAMES, joints_from_landmarks
from .metrics import direction_error_deg, mpjve, n_mpjpe, p_mpjpe
from .track_file import read_track

_LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
_LIMB_BONES = [
    (INDEX[f"{side}_{a}"], INDEX[f"{side}_{b}"])
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
]


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m lifter evaluate")
    parser.add_argument("--track", type=Path)
    parser.add_argument("--truth", type=Path)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--model")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args(argv)
    if arguments.track and arguments.truth:
        result = measure_track(arguments.track, arguments.truth)
    elif arguments.pairs:
        result = measure_pairs(arguments.pairs, arguments.model)
    else:
        raise LifterError("There is nothing to evaluate.", hint="Give --track and --truth, or --pairs.")
    columns = list(next(iter(result.values())))
    print("| | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for name, row in result.items():
        print(f"| {name} | " + " | ".join(f"{row[c]:.1f}" for c in columns) + " |")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def measure_track(track_path: Path, truth_path: Path) -> dict[str, dict[str, float]]:
    """The track's joints and the detector's own 3D against exact joints, over the frames in which a person was detected."""
    track = read_track(track_path)
    truth = _truth_at(truth_path, track.timestamps_s)
    seen = track.detected
    world = joints_from_landmarks(track.world_landmarks_m.astype(np.float64))
    rows = {"pose3d": _measures(track.positions_m[seen].astype(np.float64), truth[seen])}
    rows["mediapipe"] = _measures(world[seen], truth[seen])
    return rows


def _measures(predicted: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Millimetres and degrees, over the 12 limb joints and the 8 limb bones."""
    p, t = predicted - predicted[:, :1], truth - truth[:, :1]
    directions = [direction_error_deg(p[:, b] - p[:, a], t[:, b] - t[:, a]) for a, b in _LIMB_BONES]
    return {
        "P-MPJPE mm": 1000 * float(p_mpjpe(p[:, _LIMBS], t[:, _LIMBS]).mean()),
        "N-MPJPE mm": 1000 * float(n_mpjpe(p[:, _LIMBS], t[:, _LIMBS]).mean()),
        "MPJVE mm/frame": 1000 * float(mpjve(p[:, _LIMBS], t[:, _LIMBS])),
        "limb direction deg": float(np.mean(directions)),
    }


def _truth_at(path: Path, timestamps_s: np.ndarray) -> np.ndarray:
    """Exact joints [T, 17, 3] in camera axes at the nearest of the truth's own frames. Raises LifterError."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            order = [archive["joint_names"].tolist().index(name) for name in JOINT_NAMES]
            positions, times = archive["positions_camera_m"][:, order].astype(np.float64), archive["timestamps_s"]
    except UNREADABLE as reason:
        raise LifterError(
            f"Cannot read the exact joints {path}: {first_line(reason)}.",
            hint="Give the file that the clip maker wrote beside the clip.",
        ) from None
    after = np.searchsorted(times, timestamps_s).clip(1, len(times) - 1)
    return positions[np.where(timestamps_s - times[after - 1] < times[after] - timestamps_s, after - 1, after)]


def measure_pairs(path: Path, model: str | None) -> dict[str, dict[str, float]]:
    """Detector, network and blends of both on the held-out rendered pairs: 12 limb joints, mean of frames."""

    from .checkpoint import load_model
    from .data.pairs import held, read_pairs
    from .infer import blended, exchanged_frames, run_network
    from .joints import MIRROR

    pairs, loaded = read_pairs(path), load_model(model)
    sums: dict[str, list[dict[str, float]]] = {}
    for truth, rays, detected, world, held_out in zip(
        pairs.truth_m, pairs.rays, pairs.detected, pairs.world_m, pairs.held_out, strict=True
    ):
        if not held_out:
            continue
        exact = (truth - truth[:, :1])[detected].astype(np.float64)
        times = np.arange(len(rays)) / 30
        own = held(world - world[:, :1], detected).astype(np.float64)
        swap = exchanged_frames(rays, detected)[:, None, None]
        mended_rays, mended_own = np.where(swap, rays[:, list(MIRROR)], rays), np.where(swap, own[:, list(MIRROR)], own)
        results = {"mediapipe": own, "mediapipe, mended": mended_own}
        for label, these in (("network", rays), ("network, mended", mended_rays)):
            poses, view_from_camera = run_network(loaded, these, times)
            results[label] = np.einsum("tji,tkj->tki", view_from_camera, poses)
        for share in (0.1, 0.2, 0.35, 0.5):
            results[f"blend {share}"] = blended(results["network, mended"], mended_own, share)
        for label, result in results.items():
            sums.setdefault(label, []).append(_measures(result[detected], exact))
    return {label: {key: float(np.mean([row[key] for row in rows])) for key in rows[0]} for label, rows in sums.items()}
