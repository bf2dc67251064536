"""Path, camera, contacts and feet on rendered mannequins with exact truth, from pixels, on three targets: with this work, with
the plain solve, and, with --ablate, with each part left out.

Clips are rendered once and kept under POSE3D_HOME/cache/bench, by their options and the maker's source; tracks by the lifter's.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from blender_pose3d.core import curves
from blender_pose3d.core.motion import CameraMotion, MotionOptions, Performance, Smoothing, onto_rig, perform, solve_motion
from blender_pose3d.core.motion.contacts import PARTS
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.skeleton import INDEX
from blender_pose3d.core.solve import solve
from blender_pose3d.core.track_io import read_track
from blender_pose3d.core.tracks import Pose3DTrack, RigMotion
from lifter.focal import DEFAULT_SHARE
from tests.core.rigs import PosedRig, build, posed
from tests.core.test_curves import as_keyed, channels, worst

from . import Context, Row

CLIPS: dict[str, str] = {
    "walk": "--motion walk --seconds 3.2",
    "across": "--motion walk_across --seconds 3.2",
    "turn": "--motion walk_turn --view three_quarter --seconds 5",
    "run": "--motion run --view front --seconds 3",
    "squat": "--motion squat --view three_quarter",
    "jump": "--motion jump --view front",
    "sit_rise": "--motion sit_rise --view three_quarter",
    "punch": "--motion punch --view three_quarter --seconds 3.2",
    "kick": "--motion kick --view side",
    "lie_down": "--motion lie_down --view three_quarter",
    "occluded": "--motion walk --occluder --seconds 3.2",
    "crossing": "--motion walk_across --people 2 --seconds 3.2",
    "across_tilted": "--motion walk_across --view tilted --seconds 3.0",
    "walk_tilted": "--motion walk --view tilted --seconds 3.2",
    "turn_high": "--motion walk_turn --view high --seconds 5",
}
# The camera turns after the person where it stands, is carried along beside them, or both, in somebody's hand.
FOLLOWED: dict[str, str] = {
    "across carried": "--motion walk_across --camera walks --seconds 3.2",
    "walk carried": "--motion walk --view three_quarter --camera walks --seconds 3.2",
    "across followed": "--motion walk_across --camera follows --seconds 3.2",
    "walk followed": "--motion walk --view three_quarter --camera follows --seconds 3.2",
    "turn followed": "--motion walk_turn --view three_quarter --camera follows --seconds 5",
    "run followed": "--motion run --view three_quarter --camera follows --seconds 3",
    "walk led": "--motion walk --camera hand --seconds 3.2",
    "walk filmed": "--motion walk --view three_quarter --camera hand --seconds 3.2",
    "run filmed": "--motion run --view three_quarter --camera hand --seconds 3",
    "across filmed": "--motion walk_across --camera lags --seconds 3.2",
    "turn circled": "--motion walk_turn --view three_quarter --camera circles --seconds 5",
    "squat circled": "--motion squat --view three_quarter --camera circles",
}
# In a room whose edges say how the camera is held.
FURNISHED: dict[str, str] = {
    "walk indoors": "--motion walk --view three_quarter --furnished --seconds 3.2",
    "squat indoors": "--motion squat --view three_quarter --furnished",
    "sit_rise indoors": "--motion sit_rise --view three_quarter --furnished",
    "punch indoors": "--motion punch --view tilted --furnished --seconds 3.2",
    "jump indoors": "--motion jump --view portrait --furnished",
    "turn indoors": "--motion walk_turn --view high --furnished --seconds 5",
    "walk followed indoors": "--motion walk --view three_quarter --camera follows --furnished --seconds 3.2",
    "sit_rise filmed indoors": "--motion sit_rise --view three_quarter --camera hand --furnished",
}
# The legs are out of the picture all the time, or the feet.
CUT: dict[str, str] = {
    "punch to the waist": "--motion punch --view waist --seconds 3.2",
    "reach to the waist": "--motion reach --view waist --seconds 3.2",
    "squat to the waist": "--motion squat --view waist",
    "sit_rise to the waist": "--motion sit_rise --view waist",
    "across to the waist": "--motion walk_across --view waist --camera follows --seconds 3.2",
    "turn to the waist": "--motion walk_turn --view waist --camera follows --seconds 5",
    "arm_swing at a desk": "--motion arm_swing --view desk --seconds 3.2",
    "punch at a desk": "--motion punch --view desk --furnished --seconds 3.2",
    "squat to the knees": "--motion squat --view knees",
    "kick to the knees": "--motion kick --view knees",
    "punch to the knees": "--motion punch --view knees --seconds 3.2",
    "turn to the knees": "--motion walk_turn --view knees --camera follows --seconds 5",
}
_WORDS = CLIPS | FOLLOWED | FURNISHED | CUT
TARGETS: dict[str, RigSpec] = {"own": build(), "long legs": build(leg=1.5, arm=0.7), "short legs": build(leg=0.6, arm=1.3)}
ABLATIONS: dict[str, dict[str, object]] = {
    "level camera": {"camera_pitch_deg": 0.0, "camera_roll_deg": 0.0},
    "no steady path": {"steady_path": False},
    "no constant bones": {"constant_bones": False},
    "no full reach": {"full_reach": False},
    "no foot lock": {"foot_lock": False},
    "no guessed steps": {"guess_steps": False},
    "no foot landmarks": {"orient_feet": False},
    "no hand landmarks": {"orient_hands": False},
    "no joint limits": {"joint_limits": False},
    "no smoothing": {"smoothing": Smoothing.NONE},
}
# What the motion cannot mend: feet that nobody sees, and a detector that goes from one person to the other.
UNSEEN = ("occluded", "crossing")
# How far what the user says of the camera's pitch is off.
_PITCH_OFF_DEG = (0.0, 4.0, -4.0)
# The clips in which somebody goes somewhere: at least this far.
_WALKED_M = 1.0
_LENGTHS_MM = 1000.0
# How far behind the ankle a sole's heel is, in leg lengths.
_HEEL_SHARE = 0.07
_LIMBS = (
    ("pelvis", "thorax"),
    ("thorax", "head_top"),
    *((f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in (("hip", "knee"), ("knee", "ankle"))),
    *((f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for a, b in (("shoulder", "elbow"), ("elbow", "wrist"))),
)
_JERK_ROLES = {
    **{f"{s}_shin": f"{s}_knee" for s in ("left", "right")},
    **{f"{s}_foot": f"{s}_ankle" for s in ("left", "right")},
    **{f"{s}_forearm": f"{s}_elbow" for s in ("left", "right")},
    **{f"{s}_hand": f"{s}_wrist" for s in ("left", "right")},
}


@dataclass(frozen=True)
class Truth:
    """joints_m [T, 17, 3] and extras by name in the world (z up, ground at 0); contact [T, 4]; inside [T]; pitch_deg,
    roll_deg.
    """

    joints_m: np.ndarray
    extras_m: dict[str, np.ndarray]
    contact: np.ndarray
    inside: np.ndarray
    pitch_deg: float
    roll_deg: float
    place_m: np.ndarray


def rows(context: Context) -> list[Row]:
    """The table: this work, the plain solve, and what each part is worth."""
    tracks = {name: clip(context, name) for name in CLIPS}
    measured = _measured(tracks, MotionOptions()) | _keys(tracks) | {"time for 1000 frames": _time_s(tracks["turn"][0])}
    out = _table("", measured, goals=True)
    out += _table("plain solve: ", _measured(tracks, None), goals=False)
    out += _of_cameras_that_move(context)
    out += _in_a_room(context)
    out += _of_a_known_camera(context)
    out += _cut(context)
    return out + _ablations(context, tracks) if context.ablate else out


def _of_cameras_that_move(context: Context) -> list[Row]:
    """Followed, and taken as one that stands still; and the lens that the turns told, which the tracks were not made with."""
    followed = {name: clip(context, name) for name in FOLLOWED}
    errors: dict[str, list[float]] = {"told by the turn": [], "usual": []}
    for track, _ in followed.values():
        if told := track.provenance["camera_motion"].get("focal_share"):
            exact = track.focal_length_px / max(track.image_size_px)
            errors["told by the turn"].append(abs(float(np.log(told / exact))))
            errors["usual"].append(abs(float(np.log(DEFAULT_SHARE / exact))))
    out = _table("camera that moved: ", _measured(followed, MotionOptions()), goals=True)
    still = MotionOptions(camera_motion=CameraMotion.STILL)
    out += _table("camera that moved, taken as still: ", _measured(followed, still), goals=False)
    for lens, off in errors.items():
        row = Row(measure=f"lens, {lens}", value=float(np.mean(off)), unit="of the logarithm", goal=None, better="lower")
        out.append(row)
    return out


def _in_a_room(context: Context) -> list[Row]:
    """With its edges and without, by the camera's own lens and by one that nobody knows."""
    out = []
    for lens, lens_known in (("", True), (", no lens known", False)):
        tracks = {name: clip(context, name, lens_known=lens_known) for name in FURNISHED}
        out += _table(f"indoors{lens}: ", _measured(tracks, MotionOptions()), goals=True)
        bare = {name: (replace(track, background_lines_px=None), truth) for name, (track, truth) in tracks.items()}
        out += _table(f"indoors{lens}, edges left out: ", _measured(bare, MotionOptions()), goals=False)
    return out


def _of_a_known_camera(context: Context) -> list[Row]:
    """All clips with the pitch that is found, and with one that the user says, the true one or so far off."""
    measure = "limb direction error"
    errors: dict[str, list[float]] = {}
    for name in CLIPS | FOLLOWED | FURNISHED:
        track, truth = clip(context, name)
        said = {f"{off:+g} degrees": MotionOptions(camera_pitch_deg=truth.pitch_deg + off) for off in _PITCH_OFF_DEG}
        for label, options in {"found": MotionOptions(), **said}.items():
            errors.setdefault(label, []).append(_of_person(perform(track, options), truth)[measure])
    means = {f"{measure}, pitch {label}": float(np.mean(values)) for label, values in errors.items()}
    return _table("known camera: ", means, goals=False)


def _cut(context: Context) -> list[Row]:
    """Clips without legs, by the camera's own lens and by one that nobody knows; and as the lifter guesses the legs."""
    out = []
    for lens, lens_known in (("", True), (", no lens known", False)):
        tracks = {name: clip(context, name, lens_known=lens_known) for name in CUT}
        out += _table(f"legs cut off{lens}: ", _measured(tracks, MotionOptions()), goals=lens_known)
        out += _table(f"legs cut off{lens}, as lifted: ", _measured(tracks, MotionOptions(guess_steps=False)), goals=False)
    return out


def _ablations(context: Context, tracks: dict[str, tuple[Pose3DTrack, Truth]]) -> list[Row]:
    """What each part is worth: without it."""
    out = []
    kept = (
        "path error",
        "heading error",
        "slide own",
        "slide long legs",
        "penetration own",
        "contact F1",
        "jerk",
        "punch",
        "jump",
        "hand",
    )
    for name, changes in {"everything": {}, **ABLATIONS}.items():
        measured = _measured(tracks, replace(MotionOptions(), **changes))  # type: ignore[arg-type]
        mean = {key: value for key, value in measured.items() if key.startswith(kept) and "[" not in key}
        out += _table(f"{name}: ", mean, goals=False)
    for which in ("longest", "anyone"):
        measured = _measured({"crossing": clip(context, "crossing", "--person", which)}, MotionOptions())
        mean = {key: value for key, value in measured.items() if key.startswith(kept) and "[" not in key}
        out += _table(f"two people, {which}: ", mean, goals=False)
    return out


# ------------------------------------------------------------------------------------------------------------- clips


def clip(context: Context, name: str, *words_of_infer: str, lens_known: bool = True) -> tuple[Pose3DTrack, Truth]:
    """A clip's track, from its pixels, and its truth. Rendered and lifted where that was not done yet.

    lens_known: the focal length is given, as a phone's own notes in the clip would give it.
    """
    home = Path(os.environ["POSE3D_HOME"])
    words = _WORDS[name].split()
    maker = context.root / "tests" / "clipmaker"
    key = _hash(sorted(maker.glob("*.py")), " ".join(words))
    folder = home / "cache" / "bench" / f"{name.replace(' ', '-')}-{key}"
    if not (folder / "clip_truth.npz").exists():
        print(f"rendering {name}", file=sys.stderr, flush=True)
        script = str(context.root / "build.py")
        command = [str(maker / "make_clip.py") if word == script else word for word in context.blender_command]
        if "--" not in command:
            command.append("--")
        command += ["--out", str(folder), "--name", "clip", "--samples", "4", *words]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=context.blender_environment())
    truths = [_truth(path) for path in sorted(folder.glob("clip_truth*.npz"))]
    with np.load(folder / "clip_truth.npz", allow_pickle=False) as arrays:
        focal = float(arrays["focal_length_px"])
    lifter = context.root / "lifter"
    sources = sorted([*lifter.rglob("*.py"), *lifter.glob("weights/*.json")])
    words = [*(["--focal-px", str(focal)] if lens_known else []), *words_of_infer]
    track_path = folder / f"track-{_hash(sources, ' '.join(words))}.npz"
    if not track_path.exists():
        arguments = ["infer", folder / "clip.mp4", track_path, "--models-dir", home / "models", *words]
        command = [str(context.engine_python), "-m", "lifter", *map(str, arguments)]
        subprocess.run(command, check=True, cwd=context.root, stdout=subprocess.DEVNULL)
    track = read_track(track_path)
    if name in CUT:  # nobody is ever whole in the picture
        truths = [replace(truth, inside=np.ones_like(truth.inside)) for truth in truths]
    return track, min(truths, key=lambda truth: _apart_m(track, truth))


def _hash(paths: Iterable[Path], text: str = "") -> str:
    digest = hashlib.sha256(text.encode())
    for path in paths:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _truth(path: Path) -> Truth:
    with np.load(path, allow_pickle=False) as arrays:
        order = [arrays["joint_names"].tolist().index(name) for name in INDEX]
        contacts = arrays["contact_names"].tolist()
        pitch, roll = float(arrays["camera_pitch_rad"]), float(arrays["camera_roll_rad"])
        # In the world as it is told: the camera looks along +y at first.
        views = arrays["world_from_camera"]
        heading = np.arctan2(*views[0, :2, 2])
        ahead = np.array([[np.cos(heading), -np.sin(heading), 0], [np.sin(heading), np.cos(heading), 0], [0, 0, 1]])
        world = arrays["positions_world_m"][:, order] @ ahead.T
        extras = np.einsum("tij,tkj->tki", views, arrays["extra_positions_camera_m"])
        extras += arrays["camera_path_world_m"][:, None]
        return Truth(
            joints_m=world,
            extras_m=dict(zip(arrays["extra_names"].tolist(), np.moveaxis(extras @ ahead.T, 1, 0), strict=True)),
            contact=arrays["foot_contact"][:, [contacts.index(f"{side}_{part}") for side, part in PARTS]],
            inside=arrays["inside_picture"],
            pitch_deg=float(np.degrees(pitch)),
            roll_deg=float(np.degrees(roll)),
            place_m=arrays["camera_position_world_m"],
        )


def _apart_m(track: Pose3DTrack, truth: Truth) -> float:
    frames = min(track.frame_count, len(truth.joints_m))
    seen = track.detected[:frames] & truth.inside[:frames]
    if not seen.any():
        return np.inf
    return float(np.median(np.abs(track.root_position_m[:frames, 0] - (truth.joints_m[:frames, 0, 0] - truth.place_m[0]))[seen]))


# ---------------------------------------------------------------------------------------------------------- measures


def _measured(tracks: dict[str, tuple[Pose3DTrack, Truth]], options: MotionOptions | None) -> dict[str, float]:
    """Every measure, for each clip ("name [clip]") and over all of them ("name"). options None: the plain solve."""
    found: dict[str, dict[str, float]] = {}
    for name, (track, truth) in tracks.items():
        person = perform(track, options) if options else None
        for target, rig in TARGETS.items():
            motion = onto_rig(person, rig, options) if person and options else solve(track, rig)
            for measure, value in _of_motion(target, name, rig, motion, truth, track).items():
                found.setdefault(measure, {})[name] = value
        if person:
            for measure, value in _of_person(person, truth).items():
                found.setdefault(measure, {})[name] = value
    out: dict[str, float] = {}
    for measure, by_clip in found.items():
        worst = measure.startswith("penetration")
        for suffix, left_out in (("", ()), (", one person in sight", UNSEEN)):
            values = [value for name, value in by_clip.items() if name not in left_out]
            if values:
                out[measure + suffix] = float(max(values) if worst else np.mean(values))
        out |= {f"{measure} [{name}]": float(value) for name, value in by_clip.items()}
    return out


def _keys(tracks: dict[str, tuple[Pose3DTrack, Truth]]) -> dict[str, float]:
    """Sparse keys of all clips against a key on every frame, and how far their curves are off on any frame."""
    rig, count, dense, errors = TARGETS["own"], 0, 0, []
    for track, _ in tracks.values():
        solved = solve_motion(track, rig)
        given = channels(solved.motion, curves.QUATERNION)
        sparse = curves.reduced(solved.motion, rig, given, contacts=solved.person.contacts)
        count, dense = count + sparse.count, dense + sparse.dense_count
        errors.append(worst(rig, solved.motion, as_keyed(solved.motion, sparse, given)))
    angle_deg, distance_cm = np.max(errors, axis=0)
    return {"keys": 100 * count / dense, "keys off by": float(distance_cm), "keys turned by": float(angle_deg)}


def _time_s(track: Pose3DTrack) -> float:
    """What the motion of 1000 frames takes: a clip over and over."""
    frames = np.arange(1000) % track.frame_count
    longer = replace(track.of_frames(frames), timestamps_s=np.arange(1000) / track.fps)
    started = time.perf_counter()
    solve_motion(longer, TARGETS["own"])
    return time.perf_counter() - started


def _of_person(person: Performance, truth: Truth) -> dict[str, float]:
    frames = min(len(person.mask), len(truth.contact))
    seen = (truth.inside & person.track.detected[: len(truth.inside)])[:frames]
    found, exact = person.mask[:frames][seen], truth.contact[:frames][seen]
    pose = person.camera.pose
    off = _angle_deg(*(_limbs(joints[:frames][seen]) for joints in (person.joints_m, truth.joints_m)))  # [T, 10]
    hips, exact_hips = person.path_m[:frames, 2][seen], truth.joints_m[:frames, 0, 2][seen]
    legs = np.array([start.endswith(("hip", "knee")) for start, _ in _LIMBS])
    return {
        "limb direction error": float(off.mean()) if seen.any() else np.nan,
        "leg direction error": float(off[:, legs].mean()) if seen.any() else np.nan,
        "hip height error": 100 * float(np.abs(hips - exact_hips).mean()) if seen.any() else np.nan,
        "contact F1": 2 * float((found & exact).sum()) / max(float(found.sum() + exact.sum()), 1.0),
        "camera pitch error": abs(float(np.degrees(pose.pitch_rad)) - truth.pitch_deg),
        "camera roll error": abs(float(np.degrees(pose.roll_rad)) - truth.roll_deg),
    }


def _limbs(joints_m: np.ndarray) -> np.ndarray:
    """Trunk, head, thighs, shins, upper arms and forearms in the world: [T, 17, 3] -> [T, 10, 3]."""
    return np.stack([joints_m[:, INDEX[end]] - joints_m[:, INDEX[start]] for start, end in _LIMBS], axis=1)


def _of_motion(
    target: str, clip_name: str, rig: RigSpec, motion: RigMotion, truth: Truth, track: Pose3DTrack
) -> dict[str, float]:
    body = posed(rig, motion)
    frames = min(len(motion.timestamps_s), len(truth.joints_m))
    seen = (truth.inside & track.detected[: len(truth.inside)])[:frames]
    out = {f"slide {target}": _slide_mm(body, truth.contact[:frames], seen), f"penetration {target}": _penetration_mm(body, seen)}
    if target != "own":
        return out
    middle, exact = body.middle("thigh")[:frames], truth.joints_m[:frames, 0]
    walked = float(np.linalg.norm(np.diff(exact[seen][:, :2], axis=0), axis=1).sum())
    if walked > _WALKED_M:
        # Where the camera stands on the floor is no part of the motion: the mean place is taken out, the heading is not.
        off = (middle - exact)[seen][:, :2]
        off = off - off.mean(axis=0)
        out["path error"] = 100 * float(np.linalg.norm(off, axis=1).mean()) / walked
    left = body.head("left_thigh") - body.head("right_thigh")
    true_left = truth.joints_m[:, INDEX["left_hip"]] - truth.joints_m[:, INDEX["right_hip"]]
    upright = np.abs(truth.joints_m[:frames, INDEX["thorax"], 2] - exact[:, 2]) > 0.3
    out["heading error"] = float(np.mean(np.abs(_turned_deg(left[:frames], true_left[:frames]))[seen & upright]))
    out["jerk"] = _jerk(body, truth, seen, motion.timestamps_s[:frames])
    if clip_name == "punch":
        out["punch peak"] = _peak(_reach_m(body, rig)[:frames], _true_reach_m(truth)[:frames])
    if clip_name == "jump":
        stands = truth.contact[:frames].all(axis=1)
        ours, theirs = middle[:, 2], exact[:, 2]
        out["jump peak"] = float((ours.max() - np.median(ours[stands])) / (theirs.max() - np.median(theirs[stands])))
    out["hand direction error"] = _hand_deg(body, rig, truth, seen)
    out["foot direction error"] = _foot_deg(body, rig, truth, seen)
    return out


def _soles(body: PosedRig) -> np.ndarray:
    """The soles' heels and balls on a rig, in the order of PARTS: [T, 4, 3]. Both are on the ground at rest."""
    rig, out = body.rig, []
    linear = rig.world_from_armature[:3, :3]
    for side, part in PARTS:
        foot, toe = rig.bone(f"{side}_foot"), rig.bone(f"{side}_toe")
        assert foot is not None and toe is not None
        ankle = rig.rest_heads_world_m[foot]
        point = ankle - _HEEL_SHARE * rig.leg_length_m * rig.front_world if part == "heel" else rig.rest_heads_world_m[toe]
        offset = np.linalg.solve(linear, np.array([point[0], point[1], rig.ground_m]) - ankle)
        out.append(body.head(f"{side}_foot") + body.turn(rig.bone_names[foot]) @ offset @ linear.T)
    return np.stack(out, axis=1)


def _slide_mm(body: PosedRig, contact: np.ndarray, seen: np.ndarray) -> float:
    """How far a heel or ball in true contact moves from one frame to the next."""
    frames = len(contact)
    moved = np.linalg.norm(np.diff(_soles(body)[:frames, :, :2], axis=0), axis=-1)
    stands = contact[1:] & contact[:-1] & (seen[1:] & seen[:-1])[:, None]
    return _LENGTHS_MM * float(moved[stands].mean())


def _penetration_mm(body: PosedRig, seen: np.ndarray) -> float:
    below = body.rig.ground_m - _soles(body)[: len(seen), :, 2].min(axis=1)
    return _LENGTHS_MM * float(np.maximum(below, 0.0)[seen].max())


def _jerk(body: PosedRig, truth: Truth, seen: np.ndarray, times: np.ndarray) -> float:
    """Mean size of the joints' jerk in the world against the truth's."""
    ours = np.stack([body.head(role) for role in _JERK_ROLES], axis=1)[: len(seen)]
    theirs = truth.joints_m[: len(seen), [INDEX[name] for name in _JERK_ROLES.values()]]
    whole = seen[3:] & seen[2:-1] & seen[1:-2] & seen[:-3]
    ours, theirs = (np.linalg.norm(np.diff(joints, n=3, axis=0), axis=-1)[whole].mean() for joints in (ours, theirs))
    return float(ours / theirs)


def _reach_m(body: PosedRig, rig: RigSpec) -> np.ndarray:
    """How far each wrist is from its shoulder, in arm lengths: [T, 2]."""
    return np.stack(
        [
            np.linalg.norm(body.wrist(s) - body.head(f"{s}_upper_arm"), axis=-1)
            / (rig.length_m(f"{s}_upper_arm") + rig.length_m(f"{s}_forearm"))
            for s in ("left", "right")
        ],
        axis=1,
    )


def _true_reach_m(truth: Truth) -> np.ndarray:
    at = {name: truth.joints_m[:, i] for name, i in INDEX.items()}
    return np.stack(
        [
            np.linalg.norm(at[f"{s}_wrist"] - at[f"{s}_shoulder"], axis=-1)
            / (
                np.linalg.norm(at[f"{s}_elbow"] - at[f"{s}_shoulder"], axis=-1)
                + np.linalg.norm(at[f"{s}_wrist"] - at[f"{s}_elbow"], axis=-1)
            )
            for s in ("left", "right")
        ],
        axis=1,
    )


def _peak(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Mean height of the peaks over the guard against the truth's, per arm: [T, 2] each."""
    ratios = []
    for mine, exact in zip(ours.T, theirs.T, strict=True):
        guard = np.percentile(exact[len(exact) // 3 :], 20)
        own_guard = np.percentile(mine[len(mine) // 3 :], 20)
        tops = [t for t in range(3, len(exact) - 3) if exact[t] == exact[t - 3 : t + 4].max() and exact[t] > guard + 0.3]
        tops = [t for i, t in enumerate(tops) if i == 0 or t - tops[i - 1] > 6]
        ratios += [(mine[t - 3 : t + 4].max() - own_guard) / (exact[t] - guard) for t in tops]
    return float(np.mean(ratios))


def _turned_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle from a to b about the up axis: [T]."""
    turned = np.arctan2(b[:, 1], b[:, 0]) - np.arctan2(a[:, 1], a[:, 0])
    return np.degrees(np.arctan2(np.sin(turned), np.cos(turned)))


def _hand_deg(body: PosedRig, rig: RigSpec, truth: Truth, seen: np.ndarray) -> float:
    """How far the direction from little to index finger is off, mean over both hands."""
    errors = []
    for side in ("left", "right"):
        exact = (truth.extras_m[f"{side}_index"] - truth.extras_m[f"{side}_pinky"])[: len(seen)]
        ours = (body.turn(rig.mapping.bones[f"{side}_hand"][0]) @ rig.front_world)[: len(seen)]
        errors.append(_angle_deg(ours, exact)[seen])
    return float(np.mean(errors))


def _foot_deg(body: PosedRig, rig: RigSpec, truth: Truth, seen: np.ndarray) -> float:
    """How far the direction from the heel to the toe is off, mean over both feet; a bent toe counts as a part of the foot."""
    errors = []
    for side in ("left", "right"):
        exact = (truth.extras_m[f"{side}_toe"] - truth.extras_m[f"{side}_heel"])[: len(seen)]
        ours = (body.turn(rig.mapping.bones[f"{side}_foot"][0]) @ rig.front_world)[: len(seen)]
        errors.append(_angle_deg(ours, exact)[seen])
    return float(np.mean(errors))


def _angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    cosine = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


# ------------------------------------------------------------------------------------------------------------- table

_GOALS: dict[str, tuple[float, Literal["lower", "higher"]]] = {
    "path error": (5.0, "lower"),
    "heading error": (5.0, "lower"),
    "camera pitch error": (3.0, "lower"),
    "camera roll error": (3.0, "lower"),
    "slide": (2.0, "lower"),
    "penetration": (10.0, "lower"),
    "contact F1": (0.9, "higher"),
    "jerk": (1.2, "lower"),
    "punch peak": (0.9, "higher"),
    "jump peak": (0.9, "higher"),
    "keys off by": (1.0, "lower"),
    "keys turned by": (1.0, "lower"),
    "keys": (15.0, "lower"),
    "time for 1000 frames": (1.0, "lower"),
}
_UNITS = {
    "keys off by": "cm",
    "keys turned by": "degrees",
    "keys": "% of dense",
    "path error": "% of distance",
    "hip height error": "cm",
    "slide": "mm a frame",
    "penetration": "mm",
    "time for 1000 frames": "s",
}


def _table(prefix: str, measured: dict[str, float], *, goals: bool) -> list[Row]:
    out = []
    goal: float | None
    better: Literal["lower", "higher"]
    for name, value in sorted(measured.items(), key=lambda item: ("[" in item[0], 0)):
        kind = next((k for k in _GOALS if name.startswith(k)), "")
        goal, better = _GOALS[kind] if kind else (None, "lower")
        unit = next((u for k, u in _UNITS.items() if name.startswith(k)), "degrees" if "error" in name else "of the truth")
        unit = "" if name.startswith("contact F1") else unit
        row = Row(measure=prefix + name, value=value, unit=unit, goal=goal if goals else None, better=better)
        out.append(row)
    return out


def by_clip(measured: dict[str, float], names: Sequence[str]) -> str:
    """A table with a line a clip, for whoever works on this: `python -m tests.bench.motion`."""
    clips = sorted({key.split("[")[1][:-1] for key in measured if "[" in key}, key=list(_WORDS).index)
    lines = ["".ljust(15) + "".join(name[:13].rjust(14) for name in names)]
    lines += [
        clip_name.ljust(15) + "".join(f"{measured.get(f'{name} [{clip_name}]', np.nan):14.3g}" for name in names)
        for clip_name in clips
    ]
    lines.append("all".ljust(15) + "".join(f"{measured.get(name, np.nan):14.3g}" for name in names))
    return "\n".join(lines)


def _main() -> None:
    root = Path(__file__).resolve().parents[2]
    context = Context(root, Path(sys.executable), tuple(json.loads(os.environ["POSE3D_BLENDER_COMMAND"])), Path("."))
    wanted = sys.argv[1:] or list(CLIPS)
    measured = _measured({name: clip(context, name) for name in wanted}, MotionOptions())
    names = [n for n in measured if "[" not in n and "in sight" not in n]
    for start in range(0, len(names), 9):
        print(by_clip(measured, names[start : start + 9]))


if __name__ == "__main__":
    _main()
