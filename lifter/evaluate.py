"""`python -m lifter evaluate`: tracks or networks against exact joints.

evaluate --track TRACK.npz … --truth TRUTH.npz …       tracks, and the detector's own 3D beside them
evaluate --pairs PAIRS.npz [--model NAME …]            networks on the held-out rendered pairs, the detector's own 3D beside them
evaluate --mocap MOCAP.npz [--model NAME …]            networks on the validation subjects, exact 2D and with gaussian noise
evaluate --human36m FILE3D.npz [--detections FILE2D.npz] [--model NAME …], and --humaneva: the field's protocols (protocols.py)

Elsewhere lengths are millimetres over the 12 limb joints, angles degrees over the 8 limb bones, means those of all frames.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from .bias import VIEWS, signed_errors, views
from .data.mocap import UNREADABLE, first_line, read_mocap, split_by_subject, subject_of
from .errors import LifterError
from .files import check_writable, replacing
from .joints import INDEX, JOINT_NAMES, LIMB_JOINT_NAMES, joint_confidence_from_landmarks, joints_from_landmarks, mirrored_name
from .metrics import (
    acceleration_errors,
    direction_error_deg,
    mpjpe,
    scale_aligned,
    sides_exchanged,
    similarity_aligned,
    velocity_errors,
)
from .track_file import Pose2DTrack, read_track

# Table 11 of the paper, in pixels of a picture 1000 wide; Human3.6M's cameras have a focal length of about 1145 of them.
NOISE_PX = (0.0, 5.0, 10.0, 15.0, 20.0)
_CAMERA_FOCAL_PX = 1145.0
_CAMERA_HEIGHT_M, _CAMERA_DISTANCE_M, _NEAREST_M = 1.5, 5.0, 3.0
_CAMERA_YAWS_DEG = (45.0, 135.0, 225.0, 315.0)
_FPS = 30.0
_SOURCES = ("track", "pairs", "mocap", "human36m", "humaneva")
# Option -> those of which one must be there, or it has nothing to do.
_BELONGS = {
    "truth": ("track",),
    "detections": ("human36m", "humaneva"),
    "model": _SOURCES[1:],
    "seconds": ("mocap",),
    "without": ("pairs",),
    "curve": ("plots",),
}
_PARTS = ("paces", "sight")  # what infer.lift can go without
_GROUPINGS = ("joint", "action", "view", "frame")
_PAIR_KEYS = (
    *("joint_names", "joints_camera_m", "landmarks_px", "visibility", "world_landmarks_m"),
    *("focal_px", "image_px", "fps", "character", "clip_names"),
)
_LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
_LIMB_MIRROR = [LIMB_JOINT_NAMES.index(mirrored_name(name)) for name in LIMB_JOINT_NAMES]
_LIMB_BONES = [
    (INDEX[f"{side}_{a}"], INDEX[f"{side}_{b}"])
    for side in ("left", "right")
    for a, b in (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))
]
# Half a body, each from the middle of its first two joints: left and right of each joint in turn.
_HALVES = [
    [INDEX[f"{side}_{joint}"] for joint in joints for side in ("left", "right")]
    for joints in (("hip", "knee", "ankle"), ("shoulder", "elbow", "wrist"))
]
_HALF_MIRROR = (1, 0, 3, 2, 5, 4)

Measures = dict[str, float]
Tables = dict[str, dict[str, Measures]]  # method -> group -> measures


@dataclass(frozen=True)
class Compared:
    """One sequence by one method, in camera axes and metres.

    predicted_m [T, 17, 3], where its pelvis is does not matter; truth_m [T, 17, 3] in camera space, NaN for unknown joints but
    never for limbs; seen [T]: the frames that count.
    """

    method: str
    action: str
    predicted_m: np.ndarray
    truth_m: np.ndarray
    seen: np.ndarray


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise LifterError(f"{message[:1].upper()}{message[1:]}.", hint=f"`{self.prog} --help` lists what can be given.")


def main(argv: list[str]) -> int:
    """Measure what the arguments name and print markdown tables; returns the exit code. Raises LifterError."""
    options = _parser().parse_args(argv)
    _check_belonging(options)
    for path in (options.json, options.markdown):
        if path:
            check_writable(path)
    if options.plots:
        from . import plots

        plots.require()
        if options.curve:
            plots.draw_curves(options.plots / "convergence.png", {path.parent.name: path for path in options.curve})
            if not any(getattr(options, name) for name in _SOURCES):
                return 0
    result, sections = _protocol(options) if options.human36m or options.humaneva else _measured(options)
    text = "\n\n".join(sections)
    print(text)
    if options.markdown:
        with replacing(options.markdown) as path:
            path.write_text(text + "\n", encoding="utf-8")
    if options.json:
        with replacing(options.json) as path:
            path.write_text(json.dumps(_without_nan(result), indent=2) + "\n", encoding="utf-8")
    return 0


def _measured(options: argparse.Namespace) -> tuple[dict, list[str]]:
    """The figures by name, and the tables. Draws the plots."""
    compared = _compared(options)
    overall = {method: groups[""] for method, groups in measure(compared).items()}
    result: dict = dict(overall)
    sections = [_table(["", *next(iter(overall.values()))], [[name, *row.values()] for name, row in overall.items()])]
    if options.mocap:
        result["noise"] = noise = _noise_growth(overall)
        sections.append(_table(["P-MPJPE mm", *next(iter(noise.values()))], [[k, *row.values()] for k, row in noise.items()]))
    if options.by:
        result["by"] = {options.by: (tables := measure(compared, options.by))}
        rows = [[name, group, *row.values()] for name, groups in tables.items() for group, row in groups.items()]
        columns = next(row for groups in tables.values() for row in groups.values())
        sections.append(_table(["", options.by, *columns], rows))
    if options.bias:
        result["bias"] = bias = measure_bias(compared)
        sections.append(_bias_table(bias))
    if options.plots:
        from . import plots

        plots.draw(options.plots, _figures(options, compared, result))
    return result, sections


def _protocol(options: argparse.Namespace) -> tuple[dict, list[str]]:
    from . import protocols

    if options.by or options.bias or options.plots:
        raise LifterError("The protocols have their own table.", hint="Leave out --by, --bias and --plots.")
    _check_one_source(options)
    models = options.model or [None]
    run = protocols.human36m if options.human36m else protocols.humaneva
    path = options.human36m or options.humaneva
    result = {
        label: run(path, detections=options.detections, model=model, device=options.device)
        for label, model in zip(_labels(models), models, strict=True)
    }
    rows = [[label, row, *values.values()] for label, table in result.items() for row, values in table.items()]
    columns = next(iter(next(iter(result.values())).values()))
    return dict(result), [_table(["", "", *columns], rows)]


def _parser() -> _Parser:
    parser = _Parser(prog="python -m lifter evaluate", description="Tracks or networks against exact joints.", allow_abbrev=False)
    source = parser.add_argument_group("what is measured (one of them)")
    source.add_argument("--track", type=Path, nargs="+", metavar="TRACK.npz", help="what `infer` or `lift` wrote")
    source.add_argument("--truth", type=Path, nargs="+", metavar="TRUTH.npz", help="the exact joints, one file for each track")
    source.add_argument("--pairs", type=Path, metavar="PAIRS.npz", help="rendered pairs: the held-out ones are taken")
    source.add_argument("--mocap", type=Path, metavar="MOCAP.npz", help="motion capture: the validation subjects are taken")
    source.add_argument("--human36m", type=Path, metavar="FILE3D.npz", help="data_3d_h36m.npz: test subjects, by action")
    source.add_argument("--humaneva", type=Path, metavar="FILE3D.npz", help="data_3d_humaneva15.npz: validation, by action")
    parser.add_argument("--detections", type=Path, metavar="FILE2D.npz", help="2D of those two; left out, that of the truth")
    parser.add_argument("--model", action="append", metavar="NAME", help="the lifter's weights; give it again to compare")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda, mps; chosen by itself if left out")
    parser.add_argument("--seconds", type=float, metavar="S", help="with --mocap: at most the middle S seconds of each clip")
    parser.add_argument("--by", choices=_GROUPINGS, help="one more table, split up")
    parser.add_argument("--without", action="append", choices=_PARTS, default=[], help="with --pairs: a part of lifting left out")
    parser.add_argument("--bias", action="store_true", help="one more table: signed errors by view")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures")
    parser.add_argument("--curve", type=Path, action="append", metavar="CSV", help="a run's curve.csv for the plots")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="draw the figures (needs matplotlib)")
    return parser


def _compared(options: argparse.Namespace) -> list[Compared]:
    _check_one_source(options)
    tracks, truths = options.track or [], options.truth or []
    if len(tracks) != len(truths):
        raise LifterError(f"{len(tracks)} tracks do not match {len(truths)} truths.", hint="Give one --truth for each --track.")
    if options.seconds is not None and not options.seconds > 0:
        raise LifterError(f"--seconds is {options.seconds:g}.", hint="Give a number above 0.")
    if tracks:
        return [c for track, truth in zip(tracks, truths, strict=True) for c in compare_track(track, truth)]
    if options.pairs:
        return compare_pairs(options.pairs, options.model or [None], device=options.device, without=options.without)
    return compare_mocap(options.mocap, options.model or [None], device=options.device, seconds=options.seconds)


def _check_belonging(options: argparse.Namespace) -> None:
    if not any(getattr(options, name) for name in _SOURCES):  # which is said later
        return
    for name, owners in _BELONGS.items():
        if getattr(options, name) not in (None, []) and not any(getattr(options, owner) for owner in owners):
            raise LifterError(f"--{name} belongs to {', '.join(f'--{owner}' for owner in owners)}.", hint="Leave it out.")


def _check_one_source(options: argparse.Namespace) -> None:
    given = [name for name in _SOURCES if getattr(options, name)]
    if len(given) != 1:
        what = f"{' and '.join(given)} cannot go together" if given else "There is nothing to evaluate"
        raise LifterError(f"{what}.", hint=f"Give one of --{', --'.join(_SOURCES)}.")


def compare_track(track_path: Path, truth_path: Path) -> list[Compared]:
    """The track's joints and the detector's own 3D, over the frames in which a person was detected. Raises LifterError."""
    track = read_track(track_path)
    truth, action = _truth_at(truth_path, track.timestamps_s)
    world = joints_from_landmarks(track.world_landmarks_m.astype(np.float64))
    methods = {"pose3d": track.positions_m.astype(np.float64), "mediapipe": world}
    return [Compared(name, action, predicted, truth, track.detected) for name, predicted in methods.items()]


def _truth_at(path: Path, timestamps_s: np.ndarray) -> tuple[np.ndarray, str]:
    """Exact joints [T, 17, 3] in camera space at the nearest of the truth's own frames, and the motion's name."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            order = [archive["joint_names"].tolist().index(name) for name in JOINT_NAMES]
            positions, times = archive["positions_camera_m"][:, order].astype(np.float64), archive["timestamps_s"]
            action = json.loads(str(archive["provenance"])).get("motion") if "provenance" in archive.files else None
    except UNREADABLE as reason:
        raise LifterError(
            f"Cannot read the exact joints {path}: {first_line(reason)}.",
            hint="Give the file that the clip maker wrote beside the clip.",
        ) from None
    after = np.searchsorted(times, timestamps_s).clip(1, len(times) - 1)
    nearest = np.where(timestamps_s - times[after - 1] < times[after] - timestamps_s, after - 1, after)
    return positions[nearest], str(action or path.stem)


def compare_pairs(
    path: Path, models: Sequence[str | None], *, device: str | None = None, without: Sequence[str] = ()
) -> list[Compared]:
    """The held-out rendered pairs: the detector's own 3D; each network alone, with left and right mended, and as shipped.

    "As shipped" is `infer.lift` with its own shares of the detector's 3D; without: parts that it leaves out. Raises LifterError.
    """
    from .infer import lift

    out = []
    clips = list(_held_out_pairs(path))
    for clip in clips:
        world = joints_from_landmarks(clip.detection.world_landmarks_m.astype(np.float64))
        out.append(clip.compared("mediapipe", world))
    for model, label in zip(models, _labels(models), strict=True):
        poses = _Network(model, device)
        for clip in clips:
            out.append(clip.compared(label, clip.unmended(poses, without)))
            for suffix, share in (("mended", 0.0), ("as shipped", None)):
                track = lift(
                    clip.detection, model=model, focal_length_px=clip.focal_px, device=device, world_share=share, without=without
                )
                out.append(clip.compared(f"{label}, {suffix}", track.positions_m.astype(np.float64)))
    return out


@dataclass(frozen=True)
class _PairClip:
    """One rendered sequence: what the detector saw of it, the camera, and the exact joints [T, 17, 3] in camera space."""

    name: str
    detection: Pose2DTrack
    focal_px: float
    truth_m: np.ndarray

    def compared(self, method: str, predicted_m: np.ndarray) -> Compared:
        return Compared(method, self.name, predicted_m, self.truth_m, self.detection.detected)

    def unmended(self, network: _Network, without: Sequence[str]) -> np.ndarray:
        """The network's poses from what was detected as it is, gaps held: [T, 17, 3]."""
        import torch

        from .data.pairs import held
        from .infer import paces_without
        from .normalise import rays_from_pixels

        seen = self.detection
        points = held(joints_from_landmarks(seen.landmarks_px), seen.detected)
        rays = rays_from_pixels(torch.from_numpy(points), self.focal_px, seen.image_size_px).numpy()
        world = np.where(seen.detected[:, None, None], joints_from_landmarks(seen.world_landmarks_m), 0.0)
        confidence = joint_confidence_from_landmarks(seen.landmark_confidence)
        paces = paces_without(without)
        return network(rays, seen.timestamps_s, confidence=confidence, world_m=world - world[:, :1], paces=paces)


def _held_out_pairs(path: Path) -> Iterator[_PairClip]:
    """The sequences of held-out characters and subjects in which somebody was detected. Raises LifterError."""
    from .data.mocap import VALIDATION_SUBJECTS
    from .data.pairs import HELD_OUT_CHARACTERS, read_pairs

    read_pairs(path)  # checks what training takes from the file
    try:
        with np.load(path, allow_pickle=False) as archive:
            data = {key: archive[key] for key in _PAIR_KEYS}
        fps = float(data["fps"])
    except UNREADABLE as reason:
        raise LifterError(f"Cannot read the rendered pairs {path}: {first_line(reason)}.", hint="Make them again.") from None
    known = [INDEX[name] for name in data["joint_names"].tolist()]
    width_px, height_px = (int(v) for v in data["image_px"])
    found = False
    for i, (name, character, focal) in enumerate(zip(data["clip_names"], data["character"], data["focal_px"], strict=True)):
        landmarks, world = (data[key][i].astype(np.float32) for key in ("landmarks_px", "world_landmarks_m"))
        detected = np.isfinite(landmarks).all((1, 2)) & np.isfinite(world).all((1, 2))
        held_out = str(character) in HELD_OUT_CHARACTERS or subject_of(str(name)) in VALIDATION_SUBJECTS
        if not held_out or not detected.any():
            continue
        found = True
        truth = np.full((len(landmarks), len(JOINT_NAMES), 3), np.nan)
        truth[:, known] = data["joints_camera_m"][i]
        truth[:, INDEX["pelvis"]] = (truth[:, INDEX["left_hip"]] + truth[:, INDEX["right_hip"]]) / 2
        hidden = ~detected[:, None]
        detection = Pose2DTrack(
            fps=fps,
            timestamps_s=np.arange(len(landmarks)) / fps,
            landmarks_px=np.where(hidden[..., None], np.nan, landmarks),
            landmark_confidence=np.where(hidden, 0, np.nan_to_num(data["visibility"][i])).astype(np.float32),
            world_landmarks_m=np.where(hidden[..., None], np.nan, world),
            detected=detected,
            image_size_px=(width_px, height_px),
        )
        yield _PairClip(str(name), detection, float(focal), truth)
    if not found:
        raise LifterError(f"{path} has no held-out pair.", hint="Give pairs of a held-out character or of validation subjects.")


def compare_mocap(
    path: Path, models: Sequence[str | None], *, device: str | None = None, seconds: float | None = None
) -> list[Compared]:
    """The validation subjects, each clip before one of four cameras like Human3.6M's, with the noise of `NOISE_PX` on its 2D.

    The noise is the same for every model. Raises LifterError.
    """
    _, clips = split_by_subject(read_mocap(path))
    if not clips:
        raise LifterError(f"The motion capture {path} has no validation subject.", hint="Give one with more subjects.")
    networks = [_Network(model, device) for model in models]
    out = []
    for i, clip in enumerate(clips):
        source_s = np.arange(len(clip.positions_m)) / clip.fps
        times_s, positions = _resampled(clip.positions_m.astype(np.float64), source_s, seconds)
        truth = filmed(positions, _CAMERA_YAWS_DEG[i % len(_CAMERA_YAWS_DEG)])
        exact = truth[..., :2] / truth[..., 2:]
        for sigma_px in NOISE_PX:
            noise = np.random.default_rng((i, int(sigma_px))).normal(0, sigma_px / _CAMERA_FOCAL_PX, exact.shape)
            for network, label in zip(networks, _labels(models), strict=True):
                poses = network((exact + noise).astype(np.float32), times_s)
                out.append(Compared(_at_noise(label, sigma_px), clip.name, poses, truth, np.ones(len(truth), bool)))
    return out


def _resampled(positions_m: np.ndarray, source_s: np.ndarray, seconds: float | None) -> tuple[np.ndarray, np.ndarray]:
    """30 frames a second of the middle `seconds`: times [T] and positions [T, 17, 3]."""
    from .infer import values_at

    middle, half = source_s[-1] / 2, min(seconds or math.inf, source_s[-1]) / 2
    times_s = np.arange(middle - half, middle + half + 1e-9, 1 / _FPS)
    return times_s, values_at(positions_m, source_s, times_s)


def filmed(positions_m: np.ndarray, yaw_deg: float) -> np.ndarray:
    """World (y up) -> the space of a standing camera that looks at the middle of the person's way: [T, 17, 3] twice.

    It stands 5 m away and 1.5 m high, or so far that the person never comes nearer than 3 m.
    """
    way = positions_m[:, INDEX["pelvis"]]
    centre = way.mean(0)
    distance = max(_CAMERA_DISTANCE_M, _NEAREST_M + float(np.linalg.norm((way - centre)[:, [0, 2]], axis=-1).max()))
    yaw = math.radians(yaw_deg)
    camera = centre + distance * np.array([math.sin(yaw), 0, math.cos(yaw)])
    camera[1] = _CAMERA_HEIGHT_M
    forward = (centre - camera) / np.linalg.norm(centre - camera)
    right = np.cross(forward, [0, 1, 0])
    right /= np.linalg.norm(right)
    return (positions_m - camera) @ np.stack([right, np.cross(forward, right), forward]).T


class _Network:
    """A network alone: rays [T, 17, 2] and their times [T] -> poses [T, 17, 3] in camera axes."""

    def __init__(self, model: str | None, device: str | None) -> None:
        from .checkpoint import load_model
        from .device import device_for

        self.loaded = load_model(model, device=device_for(device))

    def __call__(self, rays: np.ndarray, timestamps_s: np.ndarray, **evidence: Any) -> np.ndarray:
        """`evidence`: confidence, world_m and paces, as infer.run_network takes them."""
        from .infer import run_network

        poses, view_from_camera = run_network(self.loaded, rays, timestamps_s, **evidence)
        return np.einsum("tji,tkj->tki", view_from_camera, poses)


def _labels(models: Sequence[str | None]) -> list[str]:
    """How each network is called in the tables."""
    if len(models) == 1:
        return ["network"]
    names = [Path(model).stem if model else "shipped" for model in models]
    return names if len(set(names)) == len(names) else [str(model) for model in models]


def _at_noise(label: str, sigma_px: float) -> str:
    return f"{label}, {sigma_px:g} px"


def frame_measures(compared: Compared) -> dict[str, np.ndarray]:
    """Every measure of each seen frame, [K]; NaN for a velocity or acceleration whose neighbours were not seen."""
    p, t = _from_pelvis(compared)
    seen = compared.seen
    steps, turns = np.full(len(p), np.nan), np.full(len(p), np.nan)
    limbs, exact = p[:, _LIMBS], t[:, _LIMBS]
    steps[1:] = np.where(seen[1:] & seen[:-1], velocity_errors(limbs, exact), np.nan)
    turns[1:-1] = np.where(seen[2:] & seen[1:-1] & seen[:-2], acceleration_errors(limbs, exact), np.nan)
    p, t, limbs, exact = p[seen], t[seen], limbs[seen], exact[seen]
    directions = [direction_error_deg(p[:, b] - p[:, a], t[:, b] - t[:, a]) for a, b in _LIMB_BONES]
    legs, arms = (_half_exchanged(p, t, half) for half in _HALVES)
    return {
        "P-MPJPE mm": 1000 * mpjpe(similarity_aligned(limbs, exact), exact),
        "N-MPJPE mm": 1000 * mpjpe(scale_aligned(limbs, exact), exact),
        "MPJPE mm": 1000 * mpjpe(limbs, exact),
        "MPJVE mm/frame": 1000 * steps[seen],
        "acceleration mm/frame²": 1000 * turns[seen],
        "limb direction deg": np.mean(directions, axis=0),
        "exchanged %": 100.0 * sides_exchanged(limbs, exact, _LIMB_MIRROR),
        "half exchanged %": 100.0 * (legs ^ arms),
    }


def _half_exchanged(p: np.ndarray, t: np.ndarray, half: list[int]) -> np.ndarray:
    p, t = (x[:, half] - x[:, half[:2]].mean(1, keepdims=True) for x in (p, t))
    return sides_exchanged(p, t, _HALF_MIRROR)


def joint_measures(compared: Compared) -> dict[str, np.ndarray]:
    """The position errors of each seen frame and limb joint: [K, 12]."""
    p, t = (x[compared.seen][:, _LIMBS] for x in _from_pelvis(compared))
    aligned = {"P-MPJPE mm": similarity_aligned(p, t), "N-MPJPE mm": scale_aligned(p, t), "MPJPE mm": p}
    return {name: 1000 * np.linalg.norm(positions - t, axis=-1) for name, positions in aligned.items()}


def _from_pelvis(compared: Compared) -> tuple[np.ndarray, np.ndarray]:
    return compared.predicted_m - compared.predicted_m[:, :1], compared.truth_m - compared.truth_m[:, :1]


def measure(compared: Sequence[Compared], by: str = "") -> Tables:
    """Means of the measures, by method and then by `by`: joint, action, view, frame, or "" (one group called "")."""
    labels_of: dict[str, Callable[[Compared], np.ndarray]] = {
        "": lambda c: np.full(int(c.seen.sum()), ""),
        "action": lambda c: np.full(int(c.seen.sum()), c.action),
        "view": lambda c: views(c.truth_m[c.seen]),
        "frame": lambda c: np.array([f"{c.action} {frame}" for frame in np.flatnonzero(c.seen)]),
    }
    out: Tables = {}
    for method in dict.fromkeys(c.method for c in compared):
        own = [c for c in compared if c.method == method]
        parts = [joint_measures(c) if by == "joint" else frame_measures(c) for c in own]
        values = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if by == "joint":
            out[method] = {
                joint: {name: _mean(v[:, j]) for name, v in values.items()} for j, joint in enumerate(LIMB_JOINT_NAMES)
            }
            continue
        labels = np.concatenate([labels_of[by](c) for c in own])
        groups = [v for v in VIEWS if v in labels] if by == "view" else list(dict.fromkeys(labels.tolist()))
        out[method] = {group: {name: _mean(v[labels == group]) for name, v in values.items()} for group in groups}
    return out


def measure_bias(compared: Sequence[Compared]) -> dict[str, dict[str, dict[str, Measures]]]:
    """What is wrong on the average: quantity -> method -> view ("all" first) -> mean, std and frames."""
    out: dict[str, dict[str, dict[str, Measures]]] = {}
    for method in dict.fromkeys(c.method for c in compared):
        own = [c for c in compared if c.method == method and c.seen.any()]
        errors = [signed_errors(c.predicted_m[c.seen], c.truth_m[c.seen]) for c in own]
        seen_from = np.concatenate([views(c.truth_m[c.seen]) for c in own])
        for quantity in errors[0]:
            values = np.concatenate([error[quantity] for error in errors])
            chosen = {"all": np.ones(len(values), bool)} | {view: seen_from == view for view in VIEWS}
            out.setdefault(quantity, {})[method] = {
                view: {"mean": float(values[k].mean()), "std": float(values[k].std()), "frames": int(k.sum())}
                for view, k in chosen.items()
                if k.any()
            }
    return out


def _noise_growth(overall: dict[str, Measures]) -> dict[str, Measures]:
    """P-MPJPE by the noise on the 2D, and how much the most makes of none: model -> column -> value."""
    out: dict[str, Measures] = {}
    for method, row in overall.items():
        label, _, sigma = method.rpartition(", ")
        out.setdefault(label, {})[sigma] = row["P-MPJPE mm"]
    for row in out.values():
        row["growth"] = list(row.values())[-1] / list(row.values())[0]
    return out


def _figures(options: argparse.Namespace, compared: list[Compared], result: dict) -> dict:
    """What plots.draw takes."""
    longest = max(compared, key=lambda c: int(c.seen.sum())).action
    sequence: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for c in compared:
        if c.action == longest and c.method not in sequence:
            frames = np.flatnonzero(c.seen)
            sequence[c.method] = frames, frame_measures(c)["P-MPJPE mm"], joint_measures(c)["P-MPJPE mm"]
    figures: dict = {"joints": measure(compared, "joint"), "action": longest, "sequence": sequence}
    if options.mocap:
        figures["noise"] = result["noise"]
    if options.mocap or options.pairs:
        networks = dict(zip(_labels(models := options.model or [None]), (_Network(m, "cpu") for m in models), strict=True))
        label_of = (lambda label: _at_noise(label, 0)) if options.mocap else (lambda label: label)
        figures["receptive_field"] = {
            label: (n.loaded.network.config.frames, result[label_of(label)]["P-MPJPE mm"]) for label, n in networks.items()
        }
        truth = next(c for c in compared if c.action == longest).truth_m
        known = np.isfinite(truth).all((0, 2))
        rays = np.where(known[:, None], truth[..., :2] / truth[..., 2:], 0.0).astype(np.float32)
        weights = {label: temporal_attention(n, rays) for label, n in networks.items()}
        figures["attention"] = {label: w for label, w in weights.items() if w is not None}
    return figures


def temporal_attention(network: _Network, rays: np.ndarray) -> np.ndarray | None:
    """The first layer's attention weights for each frame's window, [T, n_0]; None for a network that has no such part.

    rays [T, 17, 2] at 30 frames a second.
    """
    import torch

    from .infer import values_at, window_times
    from .normalise import derive_middle_joints, encode_windows

    inner = network.loaded.network
    if not hasattr(inner, "temporal"):
        return None
    times_s = np.arange(len(rays)) / _FPS
    windows = values_at(rays, times_s, window_times(times_s, inner.config.frames, inner.config.target))
    with torch.inference_mode():
        encoded, _ = encode_windows(derive_middle_joints(torch.from_numpy(windows)), inner.config.target)
        return inner.temporal(encoded)[0].numpy()


def _table(header: list[str], rows: list[list]) -> str:
    """A markdown table; numbers with one decimal, ratios near 1 with two."""

    def cell(value: object, column: str) -> str:
        if not isinstance(value, float):
            return str(value)
        return "–" if math.isnan(value) else f"{value:.2f}" if column == "growth" else f"{value:.1f}"

    lines = [header, ["---"] * len(header), *([cell(v, c) for v, c in zip(row, header, strict=True)] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _bias_table(bias: dict[str, dict[str, dict[str, Measures]]]) -> str:
    columns = ["all", *VIEWS]
    frames = next(iter(next(iter(bias.values())).values()))
    counts = ["frames", "", *(str(frames[view]["frames"]) if view in frames else "–" for view in columns)]
    rows = [
        [quantity, method, *(f"{row[view]['mean']:+.1f}" if view in row else "–" for view in columns)]
        for quantity, methods in bias.items()
        for method, row in methods.items()
    ]
    return _table(["mean signed error", "", *columns], [counts, *rows])


def _mean(values: np.ndarray) -> float:
    values = values[~np.isnan(values)]
    return float(values.mean()) if len(values) else math.nan


def _without_nan(value: object) -> object:
    """JSON has no NaN."""
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value
