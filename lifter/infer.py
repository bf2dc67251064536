"""Inference: a detection file's landmarks to a 3D track.

Before lifting, landmarks that jumped and frames in which the detector exchanged left and right are found and mended. After it,
the network's joints are blended with the detector's own world landmarks where the two agree: they err differently, so that their
mean is better than either.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from .checkpoint import LoadedModel, kept_model
from .device import on_device, on_threads
from .errors import LifterError
from .exchange import exchanged_halves, turned
from .focal import DEFAULT_SHARE as DEFAULT_FOCAL_SHARE
from .focal import FocalLength, estimated, from_millimetres
from .joints import INDEX, JOINT_NAMES, LIMB_JOINT_NAMES, MIRROR, joint_confidence_from_landmarks, joints_from_landmarks
from .mend import mended
from .normalise import MIRROR_SIGNS, WINDOW_STEP_S, derive_middle_joints, encode_windows, rays_from_pixels, with_evidence
from .track_file import Pose2DTrack, Pose3DTrack

# Share of the detector's own 3D in the result where the two are the same, and the mean distance of their limb joints from which
# on there is none of it: chosen on rendered pairs and mannequin clips (docs/lifter.md).
WORLD_LANDMARK_SHARE, WORLD_DISAGREES_M = 0.45, 0.08
_AGREEMENT_S = 0.15  # standard deviation of the filter on that distance
# How far joints that were surely seen go towards their line of sight, and the standard deviation of the filter on the way: a
# network that is in doubt takes the middle, and what trembles is the detector.
_SIGHT_SHARE, SIGHT_S = 0.4, 0.12
# How far apart the frames of a window are, in `WINDOW_STEP_S`: short windows are looked at a second time, at half the speed, and
# the poses averaged: they err differently.
_PACES, _LONGEST_WINDOW_S = (1.0, 2.0), 2.0
# How far the shoulders' middle is below the feet, by the length between them: from the first on somebody is upside down a little,
# from the second on wholly. That length by the whole body's, and how long it takes to turn over.
_UPSIDE_DOWN, _TRUNK_AND_LEGS, _TURNS_OVER_S = (0.5, 0.7), 0.7, 0.1
# Half a turn about the line of sight.
TURNED = np.array([-1.0, -1.0, 1.0])
# Mean confidence of knees and ankles from which a body counts as seen whole.
_SURE_CONFIDENCE = 0.4
# Who comes or goes is cut by the picture's edge and leans: a pose is held from so long before or after at most, by somebody whole
# who leans no farther from how they mostly are; and reached within that time.
_HELD_FROM_S, _LEANS_RAD, _FADE_S = 2.0, np.radians(12.0), 0.3
# Windows at a time, at most: as many each time.
_BATCH = 128
# Frames that the lens is estimated from.
_FOCAL_FRAMES = 600
_LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
_LEGS = [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("knee", "ankle")]


def lift(
    detection: Pose2DTrack,
    *,
    model: str | Path | None = None,
    focal_length_px: float | None = None,
    device: str | None = None,
    progress: Callable[[int, int], None] | None = None,
    world_share: float | None = None,
    without: Collection[str] = (),
) -> Pose3DTrack:
    """Lift a detection to 3D in camera axes, metres for a person of 1.75 m.

    world_share: of the detector's own 3D, else as much as it agrees. without: to see what it is worth, "paces" (windows have one
    pace) or "sight" (joints stay beside their line of sight).
    Raises LifterError for a bad model or an empty detection.
    """
    if not detection.detected.any():
        raise LifterError("No frame of the clip shows a person.", hint="Choose a clip or a range that does.")
    loaded = load(model, device)
    detection, jumps = mended(detection)
    focal = _known_focal(detection, focal_length_px)
    confidence = _joint_confidence(detection)
    sure = _sure_frames(confidence, detection.detected)

    def filled(values: np.ndarray) -> np.ndarray:
        return _filled(values, detection.detected, sure, detection.timestamps_s)

    points = filled(joints_from_landmarks(detection.landmarks_px.astype(np.float64)))  # [T, 17, 2]
    exchanged = exchanged_halves(points, detection.detected, detection.timestamps_s)
    points = turned(points, exchanged)
    rays = rays_from_pixels(torch.from_numpy(points), focal.pixels, detection.image_size_px).numpy()
    confidence = turned(confidence, exchanged)
    world = joints_from_landmarks(detection.world_landmarks_m.astype(np.float64))
    world = turned(filled(world - world[:, :1]), exchanged)
    found = detection.detected[:, None, None]
    # The network knows what MediaPipe's confidences mean; of another detector's only that there is none.
    certain = confidence if world.any() else (confidence > 0).astype(float)
    evidence: dict[str, Any] = {"confidence": certain, "world_m": np.where(found, world, 0.0), "paces": paces_without(without)}

    def lifted(there: torch.device) -> tuple[np.ndarray, np.ndarray]:
        return run_either_way_up(kept_model(model, device=there), rays, detection.timestamps_s, **evidence, progress=progress)

    (poses, view_from_camera), given_up = on_device(device, lifted)
    if focal.known == "assumed":
        focal = _estimated_focal(focal, poses, rays, confidence, points, detection)
        if focal.known == "estimated":
            # What the network sees hardly depends on the lens; where it looked does.
            rays = rays_from_pixels(torch.from_numpy(points), focal.pixels, detection.image_size_px).numpy()
            view_from_camera = _views(rays)
    positions = np.einsum("tji,tkj->tki", view_from_camera, poses)  # the virtual camera's axes -> the real one's
    share = agreed_share(positions, world, detection.fps) if world_share is None else np.full(len(positions), world_share)
    positions = blended(positions, world, share)
    root = root_positions(positions, rays.astype(np.float64), confidence)
    if "sight" not in without:
        off = off_sight(positions, root, rays, certain)
        positions, root = nearer_to_sight(positions, root, _steady(off, SIGHT_S * detection.fps))
    root = filled(root)
    positions = held_poses(positions, confidence, detection.detected, sure, detection.timestamps_s)
    card = {"name": loaded.name, "sha256": loaded.sha256, "architecture": loaded.card["architecture"]}
    notes = {
        "lifter_model": card,
        "focal_length": focal.known,
        "focal_length_confidence": focal.confidence,
        "world_landmark_share": round(float(share.mean()), 3),
        "exchanged_frames": int(exchanged.any(1).sum()),
        "mended_landmarks": jumps,
    }
    if given_up:
        notes["device_given_up"] = given_up
    fields: dict[str, Any] = {f.name: getattr(detection, f.name) for f in dataclasses.fields(Pose2DTrack)}
    fields["provenance"] = {**detection.provenance, **notes}
    for name in ("hand_landmarks_m", "hand_confidence"):
        if (hands := fields[name]) is not None:
            arms = exchanged[:, 1].reshape(-1, *[1] * (hands.ndim - 1))
            fields[name] = np.where(arms, hands[:, ::-1], hands)
    return Pose3DTrack(
        **fields,
        positions_m=positions.astype(np.float32),
        root_position_m=root.astype(np.float32),
        confidence=confidence.astype(np.float32),
        focal_length_px=float(focal.pixels),
    )


def load(model: str | Path | None = None, device: str | None = None) -> LoadedModel:
    """The network on its device, kept for the next time. Raises LifterError for a bad model or device."""
    return on_device(device, lambda there: kept_model(model, device=there))[0]


def _known_focal(detection: Pose2DTrack, given_px: float | None) -> FocalLength:
    """What is known of the lens before anything is lifted: given, noted in the clip, told by a camera that turned, or else the
    usual one.
    """
    if given_px:
        return FocalLength(given_px, "given")
    noted_mm = (detection.provenance.get("clip") or {}).get("focal_length_35mm")
    if noted_mm:
        return FocalLength(from_millimetres(noted_mm, detection.image_size_px), "metadata")
    turned_share = (detection.provenance.get("camera_motion") or {}).get("focal_share")
    if turned_share:
        return FocalLength(turned_share * max(detection.image_size_px), "estimated")
    return FocalLength(DEFAULT_FOCAL_SHARE * max(detection.image_size_px), "assumed")


def _estimated_focal(
    focal: FocalLength, poses: np.ndarray, rays: np.ndarray, confidence: np.ndarray, points: np.ndarray, detection: Pose2DTrack
) -> FocalLength:
    found = np.flatnonzero(detection.detected)
    found = found[:: -(-len(found) // _FOCAL_FRAMES)]
    size_px = float(np.median(np.ptp(points[found], axis=1).max(-1)))
    poses, rays, weights = poses[found], rays[found], confidence[found]

    def off_at(focal_px: float) -> tuple[np.ndarray, np.ndarray]:
        seen = rays * (focal.pixels / focal_px)
        positions = np.einsum("tji,tkj->tki", _views(seen), poses)
        places = positions + root_positions(positions, seen, weights)[:, None]
        off = np.linalg.norm(places[..., :2] / np.maximum(places[..., 2:], 0.1) - seen, axis=-1)[:, _LIMBS]
        return off * focal_px / max(size_px, 1e-9), weights[:, _LIMBS]

    return estimated(focal.pixels, max(detection.image_size_px), off_at)


def _views(rays: np.ndarray) -> np.ndarray:
    """view_from_camera [T, 3, 3] of the virtual camera for rays [T, 17, 2], as the network's windows have it."""
    return encode_windows(torch.from_numpy(rays[:, None]), 0)[1].double().numpy()


@torch.inference_mode()
def run_network(
    loaded: LoadedModel,
    rays: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    confidence: np.ndarray | None = None,
    world_m: np.ndarray | None = None,
    paces: tuple[float, ...] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Poses of every frame, averaged with those of the mirrored input, and over `paces` (else `window_paces`).

    rays [T, 17, 2], timestamps_s [T]; for networks that look at them: confidence [T, 17] (without: all certain) and the
    detector's own 3D, world_m [T, 17, 3], pelvis-relative, zero where there is none. Returns poses [T, 17, 3], metres relative
    to the pelvis in the axes of each window's virtual camera, and view_from_camera [T, 3, 3].
    """
    config = loaded.network.config
    device = next(loaded.network.parameters()).device
    times = [
        window_times(timestamps_s, config.frames, config.target, pace) for pace in paces or window_paces(config)
    ]  # [T, N] each
    sign = torch.tensor(MIRROR_SIGNS, device=device)
    mirror = list(MIRROR)
    inputs = config.inputs
    certain = np.ones(rays.shape[:2]) if confidence is None else confidence
    world = np.zeros((*rays.shape[:2], 3)) if world_m is None else world_m
    seen_values = np.concatenate([rays, certain[..., None], world], -1).astype(np.float32)  # [T, 17, 6]
    # Made at once: small pieces kept between large ones that come and go would keep the allocator from giving memory back.
    count = len(timestamps_s)
    poses, rotations = torch.zeros((count, len(JOINT_NAMES), 3)), torch.empty((count, 3, 3))
    batch = math.ceil(count / math.ceil(count / _BATCH))
    batches = [(slice(start, start + batch), at) for start in range(0, count, batch) for at in times]
    poses_of = loaded.poses_of

    @torch.inference_mode()
    def looked_at(given: tuple[slice, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
        some, at = given
        seen = torch.from_numpy(values_at(seen_values, timestamps_s, at[some])).to(device)
        windows, view_from_camera = encode_windows(derive_middle_joints(seen[..., :2]), config.target)
        windows = with_evidence(windows, view_from_camera, seen[..., 2], seen[..., 3:], inputs)
        straight = poses_of(windows)
        mirrored = poses_of(windows[:, :, mirror] * sign[:inputs])[:, mirror] * sign[[0, 1, 1]]
        return ((straight + mirrored) / (2 * len(times))).cpu(), view_from_camera.cpu()

    with contextlib.closing(on_threads(looked_at, batches, device)) as done:
        for number, ((some, _), (mean, view_from_camera)) in enumerate(zip(batches, done, strict=True), 1):
            poses[some] += mean
            rotations[some] = view_from_camera  # the same at every pace: it hangs on the target frame
            if progress:
                progress(count * number // len(batches), count)
    return (poses - poses[:, :1]).double().numpy(), rotations.double().numpy()


def run_either_way_up(
    loaded: LoadedModel,
    rays: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    confidence: np.ndarray,
    world_m: np.ndarray,
    paces: tuple[float, ...] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """`run_network`, but people on their hands or heads, of whom no network learns much, are seen in a picture turned by half."""
    poses, view_from_camera = run_network(
        loaded, rays, timestamps_s, confidence=confidence, world_m=world_m, paces=paces, progress=progress
    )
    share = upside_down(rays, world_m, timestamps_s)
    if not share.any():
        return poses, view_from_camera
    over_s = timestamps_s[share > 0]
    after = np.searchsorted(over_s, timestamps_s)
    apart = [np.abs(over_s[place.clip(0, len(over_s) - 1)] - timestamps_s) for place in (after - 1, after)]
    near = np.minimum(*apart) <= _LONGEST_WINDOW_S
    theirs, _ = run_network(
        loaded, -rays[near], timestamps_s[near], confidence=confidence[near], world_m=world_m[near] * TURNED, paces=paces
    )
    poses[near] += share[near, None, None] * (theirs * TURNED - poses[near])
    return poses, view_from_camera


def upside_down(rays: np.ndarray, world_m: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """How surely somebody's head is below their feet: [T] 0 to 1. rays [T, 17, 2], y down; world_m [T, 17, 3], the detector's own
    3D, in which who lies with the head towards the camera is another; zero where there is none.
    """
    seen = world_m if world_m.any() else rays
    up = seen[:, INDEX["thorax"]] - seen[:, [INDEX["left_ankle"], INDEX["right_ankle"]]].mean(1)
    length = np.linalg.norm(up, axis=-1) if seen is world_m else _TRUNK_AND_LEGS * np.ptp(rays, axis=1).max(-1)
    steps_s = np.diff(timestamps_s)
    frames = _TURNS_OVER_S / float(np.median(steps_s)) if len(steps_s) else 0.0
    start, full = _UPSIDE_DOWN
    return np.clip((_steady(up[:, 1] / np.maximum(length, 1e-9), frames) - start) / (full - start), 0.0, 1.0)


def paces_without(without: Collection[str]) -> tuple[float, ...] | None:
    """For `run_network`, of what `lift` goes without."""
    return _PACES[:1] if "paces" in without else None


def window_paces(config: Any) -> tuple[float, ...]:
    """How far apart the frames of the windows are that a network's poses are averaged over, in `WINDOW_STEP_S`.

    One that only looks back has one pace, as it has live.
    """
    looks_back = config.target == config.frames - 1
    longest = 1.0 if looks_back else max(_LONGEST_WINDOW_S / (config.frames * WINDOW_STEP_S), 1.0)
    return tuple(pace for pace in _PACES if pace <= longest)


def window_times(timestamps_s: np.ndarray, frames: int, target: int, pace: float = 1.0) -> np.ndarray:
    """The times at which each frame's window looks at the clip, the clip's ends repeated: [T, N] seconds."""
    wanted = timestamps_s[:, None] + (np.arange(frames) - target) * (pace * WINDOW_STEP_S)
    return wanted.clip(timestamps_s[0], timestamps_s[-1])


def values_at(values: np.ndarray, timestamps_s: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Linear interpolation over time: values [T, ...] at times_s [...]."""
    after = np.searchsorted(timestamps_s, times_s).clip(1, max(len(timestamps_s) - 1, 1))
    before = after - 1
    after = after.clip(0, len(timestamps_s) - 1)
    span = timestamps_s[after] - timestamps_s[before]
    share = np.where(span > 0, (times_s - timestamps_s[before]) / np.where(span > 0, span, 1.0), 0.0).clip(0.0, 1.0)
    share = share.reshape(*share.shape, *([1] * (values.ndim - 1))).astype(values.dtype)
    return values[before] + share * (values[after] - values[before])


def blended(poses: np.ndarray, world: np.ndarray, share: float | np.ndarray) -> np.ndarray:
    """(1 - share) of the network's joints, `share` of the detector's, pelvis on pelvis, at the network's size: [T, 17, 3].

    share: one number, or [T].
    """
    theirs = _resized(world, poses)
    if theirs is None:
        return poses
    shares = np.broadcast_to(np.asarray(share, float), len(poses))[:, None, None].repeat(len(JOINT_NAMES), axis=1)
    # The detector has no spine, and its head is a guess from the ears.
    for name in ("spine", "head_top"):
        shares[:, INDEX[name]] = 0.0
    return (1 - shares) * poses + shares * theirs


def agreed_share(poses: np.ndarray, world: np.ndarray, fps: float) -> np.ndarray:
    """The share [T] of the detector's joints: WORLD_LANDMARK_SHARE where they are the network's, none where they are
    WORLD_DISAGREES_M away. Two that agree err differently, and their mean is better; far apart, it is the detector that is wrong.
    """
    theirs = _resized(world, poses)
    if theirs is None:
        return np.zeros(len(poses))
    apart = _steady(np.linalg.norm(poses[:, _LIMBS] - theirs[:, _LIMBS], axis=-1).mean(1), _AGREEMENT_S * fps)
    return WORLD_LANDMARK_SHARE * np.clip(1 - apart / WORLD_DISAGREES_M, 0.0, 1.0)


def _resized(world: np.ndarray, poses: np.ndarray) -> np.ndarray | None:
    """The detector's joints at the network's size; None where there are none."""
    ours = np.median(np.linalg.norm(poses[:, _LIMBS], axis=-1))
    theirs = np.median(np.linalg.norm(world[:, _LIMBS], axis=-1))
    return world * (ours / theirs) if theirs > 1e-6 else None


def root_positions(positions: np.ndarray, rays: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """The pelvis in camera space that brings the projected joints nearest to the seen ones, by weighted linear least squares.

    positions [T, 17, 3] relative to the pelvis; rays [T, 17, 2] as (x/z, y/z); confidence [T, 17]. Returns [T, 3], metres.
    """
    weight = np.maximum(confidence, 1e-3)[:, None]  # [T, 1, 17]
    # Of each joint, two equations in the root (x, y, z): x - ray_x z = b_x and y - ray_y z = b_y.
    b = rays * positions[..., 2:] - positions[..., :2]
    seen, wanted = (weight @ rays)[:, 0], (weight @ b)[:, 0]
    normal = np.zeros((len(rays), 3, 3))
    normal[:, 0, 0] = normal[:, 1, 1] = weight.sum((1, 2))
    normal[:, :2, 2] = normal[:, 2, :2] = -seen
    normal[:, 2, 2] = (weight @ np.square(rays))[:, 0].sum(-1)
    right = np.column_stack([wanted, -(weight @ (rays * b))[:, 0].sum(-1)])
    try:
        root = np.linalg.solve(normal, right[..., None])[..., 0]
    except np.linalg.LinAlgError:  # all joints are seen in one place, which says nothing of how far away that is
        root = (np.linalg.pinv(normal, hermitian=True) @ right[..., None])[..., 0]
    root[:, 2] = np.maximum(root[:, 2], 0.3)
    return root


def off_sight(positions: np.ndarray, root: np.ndarray, rays: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """How far beside its joint each line of sight runs, at the joint's depth, times the confidence: [T, 17, 2] metres.

    positions [T, 17, 3] relative to the pelvis, root [T, 3], rays [T, 17, 2] as (x/z, y/z), confidence [T, 17].
    """
    placed = positions + root[:, None]
    return (rays * placed[..., 2:] - placed[..., :2]) * confidence[..., None]


def nearer_to_sight(positions: np.ndarray, root: np.ndarray, off: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints a part of the way across to their lines of sight, at the depth that they have: positions [T, 17, 3] relative to the
    pelvis and root [T, 3], anew. off [T, 17, 2]: `off_sight`, without what trembles.
    """
    placed = positions + root[:, None]
    placed[..., :2] += _SIGHT_SHARE * off
    pelvis = placed[:, INDEX["pelvis"]]
    return placed - pelvis[:, None], pelvis


def _steady(values: np.ndarray, frames: float) -> np.ndarray:
    """Filtered over time by a Gaussian with a standard deviation of so many frames, the ends held: [T, ...]."""
    reach = round(3 * frames)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(frames, 1e-6)) ** 2)
    held = np.pad(values, [(reach, reach), *[(0, 0)] * (values.ndim - 1)], mode="edge")
    return sum(share * held[i : i + len(values)] for i, share in enumerate(kernel / kernel.sum()))


def _filled(values: np.ndarray, valid: np.ndarray, sure: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """Frames that are not valid, interpolated between the nearest sure ones, held at the ends: [T, ...], [T], [T], [T]."""
    places = np.flatnonzero(sure)
    flat = values.reshape(len(values), -1)
    filled = np.stack([np.interp(timestamps_s, timestamps_s[places], column[places]) for column in flat.T], axis=1)
    return np.where(valid[:, None], flat, filled).reshape(values.shape)


def held_poses(
    positions: np.ndarray, confidence: np.ndarray, detected: np.ndarray, sure: np.ndarray, timestamps_s: np.ndarray
) -> np.ndarray:
    """The poses [T, 17, 3], and where nobody was detected those of the nearest frames, before and after, in which somebody was
    whole in the picture and as upright as they mostly are; of sure ones [T] where there are none. confidence [T, 17].
    """
    body = positions[:, INDEX["thorax"]] - positions[:, [INDEX["left_ankle"], INDEX["right_ankle"]]].mean(1)
    body /= np.maximum(np.linalg.norm(body, axis=-1, keepdims=True), 1e-9)
    usual = body[sure].sum(0)
    leans = np.arccos(np.clip(body @ usual / max(float(np.linalg.norm(usual)), 1e-9), -1.0, 1.0))
    best = sure & (confidence[:, _LIMBS] > 0).all(1) & (leans < _LEANS_RAD)
    held = positions.copy()
    edges = np.diff(np.concatenate([[False], ~detected, [False]]).astype(int))
    for first, end in zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True):
        gap, ends = timestamps_s[first:end], []
        for edge, step in ((first - 1, -1), (end, 1)):
            if not 0 <= edge < len(detected):
                continue
            beyond = np.arange(edge, -1 if step < 0 else len(detected), step)
            near = beyond[best[beyond] & (np.abs(timestamps_s[beyond] - timestamps_s[edge]) <= _HELD_FROM_S)]
            near = near if len(near) else beyond[sure[beyond]]
            if len(near):
                ends.append((edge, near[0]))
        times_s, places = timestamps_s[[edge for edge, _ in ends]], positions[[place for _, place in ends]]
        share = np.interp(gap, times_s, np.arange(len(ends)))[:, None, None]
        held[first:end] = _turned_over(places[0], places[-1], share)
        fades = [np.clip(1 - np.abs(gap - timestamps_s[edge]) / _FADE_S, 0, 1) * sure[edge] for edge, _ in ends]
        total = np.maximum(np.sum(fades, axis=0), 1)
        for (edge, place), fade in zip(ends, fades, strict=True):
            held[first:end] += (fade / total)[:, None, None] * (positions[edge] - positions[place])
    return held


def _turned_over(before: np.ndarray, after: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Poses [T, 17, 3] from one [17, 3] to another, share [T, 1, 1] of the way, which turn as wholes as far as they differ by a
    turn: on straight lines the shoulders of somebody who turned round would go through each other.
    """
    u, _, vt = np.linalg.svd(before.T @ after)
    turn = (u * [1.0, 1.0, np.sign(np.linalg.det(u @ vt))]) @ vt  # of rows
    axis = cv2.Rodrigues(turn)[0][:, 0]
    turns = np.array([cv2.Rodrigues(part * axis)[0] for part in share.ravel()])
    return (before + share * (after @ turn.T - before)) @ turns


def _joint_confidence(detection: Pose2DTrack) -> np.ndarray:
    """[T, 17]; a joint outside the picture is the detector's guess, whatever it says of it, and has none.

    Where nobody was detected the landmarks are NaN, which is nowhere inside.
    """
    size = np.array(detection.image_size_px)
    with np.errstate(invalid="ignore"):
        inside = ((detection.landmarks_px >= 0) & (detection.landmarks_px <= size)).all(-1)
    return joint_confidence_from_landmarks(np.where(inside, detection.landmark_confidence, 0.0))


def _sure_frames(confidence: np.ndarray, detected: np.ndarray) -> np.ndarray:
    """Frames whose pose may stand in for frames without one: not a person half out of the picture, where there is better."""
    # The hips are always certain; what a cut picture lacks is the legs.
    sure = detected & (confidence[:, _LEGS].mean(1) >= _SURE_CONFIDENCE)
    return sure if sure.any() else detected
