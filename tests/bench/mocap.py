"""Every clip of ../shared/data/mocap.npz, playgrounds, stairs and dances among them, as an exact camera that stands somewhere
sees it: how far off the camera, the path and the height of the hips are, as solved and with ground that is taken as level.

No detector and no network: what is left is what the solve makes of motions that no clip of `bench motion` has. Some of them are
made loops as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blender_pose3d.core.coordinates import CameraPose, world_from_camera
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.footing import contacts_there
from blender_pose3d.core.looping import looped
from blender_pose3d.core.motion import MotionOptions, Performance, onto_rig, perform
from blender_pose3d.core.motion.contacts import mask_of
from blender_pose3d.core.rotations import about_axis, angle_between, unit
from blender_pose3d.core.skeleton import INDEX, LANDMARK_NAMES
from blender_pose3d.core.straight import bends_to
from blender_pose3d.core.tracks import Pose3DTrack
from blender_pose3d.core.transfer import transfer
from tests.core.rigs import build, posed
from tests.core.test_motion_legs import soles
from tests.core.test_transfer import source_of

from . import Context, Row

_FOCAL_PX, _SIZE_PX = 900.0, (1280, 720)
_SECONDS, _FPS = 8.0, 30.0
_PITCHES_DEG, _HEIGHTS_M = (0, 5, 12, -3), (0.9, 1.8)
_UP = np.array([0.0, 0.0, 1.0])
# Of the foot: from the toe's joint ahead to the tip, and back to the heel.
_TIP_M, _HEEL_M = 0.03, 0.17
_PERCENTILES = (50, 90, 97)
# Bends that show a limb's plane, and the sine from which on an arm is raised.
_BENT_RAD, _RAISED = np.radians(25.0), 0.3
# Of so many stretches one is made a loop.
_LOOPED_OF = 4


def rows(context: Context) -> list[Row]:
    off: dict[tuple[str, str], list[float]] = {}
    for number, (track, joints_m, camera) in enumerate(_seen(context.root.parent / "shared" / "data" / "mocap.npz")):
        for name, level_ground in (("as solved", False), ("as level ground", True)):
            person = perform(track, options := MotionOptions(level_ground=level_ground))
            path, true = person.path_m - person.path_m[0] * [1, 1, 0], joints_m[:, 0] - joints_m[0, 0] * [1, 1, 0]
            tilt = person.world_from_camera[0][2] @ world_from_camera(camera)[2]
            off.setdefault((name, "camera, degrees"), []).append(float(np.degrees(np.arccos(np.clip(tilt, -1, 1)))))
            off.setdefault((name, "path at most, m"), []).append(float(_turned_off_m(path, true).max()))
            off.setdefault((name, "height of the hips at most, m"), []).append(float(np.abs(path[:, 2] - true[:, 2]).max()))
            if not level_ground:
                for what, value in _planes(joints_m):
                    off.setdefault(("bent limbs", what), []).append(value)
            if not level_ground and number % _LOOPED_OF == 0:
                for what, value in _loop(person, options):
                    off.setdefault(("made a loop", what), []).append(value)
    return [
        {
            "measure": f"{name}: {what.rpartition(',')[0]}, {percentile} % of {len(values)} stretches",
            "value": float(np.percentile(values, percentile)),
            "unit": what.rpartition(", ")[2],
            "goal": None,
            "better": "lower",
        }
        for (name, what), values in off.items()
        for percentile in _PERCENTILES
    ]


def _planes(joints_m: np.ndarray) -> Iterator[tuple[str, float]]:
    """How far off a stretch's limbs bend, in the middle, from where they would if they were straight."""
    at = {name: joints_m[:, i] for name, i in INDEX.items()}
    trunk = at["thorax"] - at["pelvis"]
    for what, parts in (("arms", ("shoulder", "elbow", "wrist")), ("legs", ("hip", "knee", "ankle"))):
        off: list[np.ndarray] = []
        raised: list[np.ndarray] = []
        left = unit(at[f"left_{parts[0]}"] - at[f"right_{parts[0]}"])
        up = unit(trunk - (trunk * left).sum(-1, keepdims=True) * left)
        for side, sign in (("left", 1.0), ("right", -1.0)):
            start, middle, end = (at[f"{side}_{part}"] for part in parts)
            axes = np.stack([sign * left, np.cross(left, up), up], axis=1)
            upper, lower = (np.einsum("tij,tj->ti", axes, unit(way)) for way in (middle - start, end - middle))
            aside = lower - (lower * upper).sum(-1, keepdims=True) * upper
            bent = np.linalg.norm(aside, axis=-1) > np.sin(_BENT_RAD)
            off.append(np.degrees(np.arccos(np.clip((unit(aside) * bends_to(what == "arms", upper)).sum(-1), -1, 1)))[bent])
            raised.append((upper[:, 2] > _RAISED)[bent])
        degrees, are_raised = np.concatenate(off), np.concatenate(raised)
        if len(degrees):
            yield f"planes of {what} off a straight one's, degrees", float(np.median(degrees))
        if what == "arms" and are_raised.any():
            yield "planes of raised arms off a straight one's, degrees", float(np.median(degrees[are_raised]))


def _loop(person: Performance, options: MotionOptions) -> Iterator[tuple[str, float]]:
    """How a person's motion on a rig becomes a loop, if it does, put on that rig again."""
    rig = build(arms_down_deg=20, axes_seed=9)
    motion = onto_rig(person, rig, options)
    there = source_of(posed(rig, motion), motion.timestamps_s)
    try:
        out = looped(there)
    except Pose3DError:
        return
    own = slice(out.first_frame - there.first_frame, out.first_frame - there.first_frame + len(out.timestamps_s))
    bones = rig.mapped_bones()
    yield "length, s", float(out.timestamps_s[-1])
    yield "joints turned for it at most, degrees", float(np.degrees(angle_between(there.turns[own], out.turns)[:, bones].max()))
    contacts = contacts_there(out)
    mask = mask_of(contacts, out.timestamps_s)
    slid_m = np.linalg.norm(np.diff(soles(posed(rig, transfer(out, rig, contacts=contacts))), axis=0)[..., :2], axis=-1)
    stands = mask[1:] & mask[:-1]
    if stands.any():
        yield "feet that stand slide in a frame, mm", float(1000 * slid_m[stands].mean())


def _turned_off_m(path: np.ndarray, true: np.ndarray) -> np.ndarray:
    """How far apart two ways along the ground are [T], the one turned to where the other went."""
    a, b = (way[:, 0] + 1j * way[:, 1] for way in (path, true))
    turn = np.vdot(a, b)
    return np.abs(a * (turn / abs(turn) if abs(turn) > 0.1 else 1.0) - b)


def _seen(archive: Path) -> Iterator[tuple[Pose3DTrack, np.ndarray, CameraPose]]:
    """Track, joints [T, 17, 3] in the world (z up, the ground at 0) and camera of every stretch."""
    random = np.random.default_rng(3)
    with np.load(archive, allow_pickle=False) as data:
        names, rates, lengths, deltas = data["joint_names"].tolist(), data["fps"], data["lengths"], data["delta_mm"]
    for rate, end, length in zip(rates.tolist(), np.cumsum(lengths).tolist(), lengths.tolist(), strict=True):
        millimetres = np.cumsum(deltas[:, :, end - length : end], axis=2, dtype=np.int16)
        points = millimetres.transpose(0, 2, 1)[:, :, [0, 2, 1]] * np.array([1, -1, 1]) / 1000  # [J, T, 3], z up
        at = {name: points[i] for i, name in enumerate(names) if (millimetres[i] != np.iinfo(np.int16).min).all()}
        duration_s = length / rate
        for start_s in (0.0,) if duration_s < 14 else (0.0, duration_s / 2 - 4):
            yaw, pitch, height = random.uniform(0, 2 * np.pi), random.choice(_PITCHES_DEG), random.uniform(*_HEIGHTS_M)
            step = max(1, round(rate / _FPS))
            frames = slice(int(start_s * rate), int((start_s + _SECONDS) * rate), step)
            stretch = {name: values[frames] for name, values in at.items()}
            yield _filmed(stretch, rate / step, float(yaw), CameraPose(float(np.radians(pitch)), 0.0), float(height))


def _filmed(
    at: dict[str, np.ndarray], fps: float, yaw_rad: float, camera: CameraPose, height_m: float
) -> tuple[Pose3DTrack, np.ndarray, CameraPose]:
    """As a camera at that height sees somebody who is turned by `yaw_rad`, all of the way in the picture."""
    at = at | {"spine": (at["pelvis"] + at["thorax"]) / 2}
    joints = np.stack([at[name] for name in INDEX], axis=1)
    ground = joints[..., :2].reshape(-1, 2)
    middle, reach = (ground.min(0) + ground.max(0)) / 2, np.linalg.norm(np.ptp(ground, axis=0)) / 2
    marks = at | _feet(at) | _hands(at) | _face(at)
    landmarks = np.stack([marks.get(name, at["nose"]) for name in LANDMARK_NAMES], axis=1)
    turn, axes = about_axis(_UP, yaw_rad), world_from_camera(camera)
    placed = [(points - [*middle, 0.0]) @ turn.T + [0.0, 3.5 + 1.1 * reach, 0.0] for points in (joints, landmarks)]
    in_camera, seen = ((points - [0.0, 0.0, height_m]) @ axes for points in placed)
    frames = len(joints)
    track = Pose3DTrack(
        fps=fps,
        timestamps_s=np.arange(frames) / fps,
        positions_m=in_camera - in_camera[:, :1],
        root_position_m=in_camera[:, 0],
        confidence=np.ones((frames, len(INDEX))),
        landmarks_px=np.array(_SIZE_PX) / 2 + _FOCAL_PX * seen[..., :2] / seen[..., 2:],
        landmark_confidence=np.ones((frames, len(LANDMARK_NAMES))),
        world_landmarks_m=seen - in_camera[:, :1],
        detected=np.ones(frames, bool),
        image_size_px=_SIZE_PX,
        focal_length_px=_FOCAL_PX,
        provenance={"camera_motion": {"camera": "still"}, "focal_length": "given"},
    )
    return track, placed[0], camera


def _feet(at: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Heels and tips of the feet: the line from ankle to toe, turned about the ankle's axis until it is level where feet are."""
    out = {}
    for side in ("left", "right"):
        ankle, toe, knee = (at[f"{side}_{part}"] for part in ("ankle", "toe", "knee"))
        way = toe - ankle
        drop = np.percentile(ankle[:, 2], 5) - np.percentile(toe[:, 2], 5)
        angle = np.arcsin(np.clip(drop / np.median(np.linalg.norm(way, axis=-1)), -0.9, 0.9))
        axis = unit(np.cross(way, ankle - knee))
        soles = [unit(np.einsum("tij,tj->ti", about_axis(axis, sign * angle), way)) for sign in (1.0, -1.0)]
        sole = min(soles, key=lambda ways: float(np.median(np.abs(ways[:, 2]))))
        out |= {f"{side}_foot_index": toe + _TIP_M * sole, f"{side}_heel": toe - _HEEL_M * sole}
    return out


def _hands(at: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    out = {}
    for side in ("left", "right"):
        hand = at.get(f"{side}_hand", at[f"{side}_wrist"])
        out |= {f"{side}_index": hand, f"{side}_pinky": hand, f"{side}_thumb": at.get(f"{side}_thumb", hand)}
    return out


def _face(at: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Ears and eyes about the middle of the head."""
    head = at.get("head", (at["nose"] + at["thorax"]) / 2)
    ahead, up = unit(at["nose"] - head), unit(at["head_top"] - head)
    left, middle = unit(np.cross(up, ahead)), head - 0.01 * ahead
    out = {}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        out[f"{side}_ear"] = middle + 0.07 * sign * left
        out |= {f"{side}_{part}": at["nose"] + 0.03 * (sign * left + up) for part in ("eye_inner", "eye", "eye_outer")}
    return out
