"""How good a motion is, measured on the armature as it is keyed, in numbers and in words for an animator.

`measure` gives the numbers, `as_json` what goes into report.json; report_page.py makes a page of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from .confidence import Guess, confidence_of, guesses
from .curves import SparseMotion
from .kinematics import PosedRig, posed
from .motion import Contact, MotionOptions, Performance
from .motion.contacts import PARTS, mask_of
from .motion.legs import feet_of
from .motion.moving import camera_told
from .motion.options import PICTURE_MM, CameraMotion
from .preset import LEG_PARTS, SIDES
from .rig import RigSpec
from .rotations import about_axis, apply, transposed, unit
from .skeleton import INDEX, LANDMARK_INDEX
from .tracks import Pose3DTrack, RigMotion
from .upright import ground_m

# Of report.json; a reader may rely on the keys of its version and ignores those that it does not know.
SCHEMA_VERSION = 1
GOOD, LOOK, BAD = "good", "look", "bad"

# What a body cannot do, degrees. A knee or elbow is 0 when straight.
_FOLDED_DEG, _BACKWARDS_DEG, _NECK_DEG, _SPINE_TURN_DEG = 160.0, 8.0, 85.0, 80.0
_WORST_FRAMES, _SHOWN_ANYWAY, _WORST_APART_S = 6, 3, 0.5
_LIMBS = [
    (f"{s}_{a}", f"{s}_{b}")
    for s in SIDES
    for a, b in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
]
# Joints of the track that the detector sees under the same name.
_SEEN_JOINTS = [f"{s}_{j}" for s in SIDES for j in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")]
# The joints whose place on the armature is looked at, by role.
_JOINTS = ["head", *(f"{s}_{p}" for s in SIDES for p in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe"))]
# What is drawn over the clip: from joint to joint of the track, and the armature's roles that give the direction.
_DRAWN_LIMBS = [
    (f"{s}_{start}", f"{s}_{end}", f"{s}_{role}", f"{s}_{following}")
    for s in SIDES
    for start, end, role, following in (
        ("hip", "knee", "thigh", "shin"),
        ("knee", "ankle", "shin", "foot"),
        ("shoulder", "elbow", "upper_arm", "forearm"),
        ("elbow", "wrist", "forearm", "hand"),
    )
]
_DRAWN_ACROSS = [("left_shoulder", "right_shoulder"), ("left_hip", "right_hip"), ("pelvis", "thorax"), ("thorax", "head_top")]


@dataclass(frozen=True)
class Text:
    """good and bad: where a value stops being good and begins to be bad; means: what is measured; advice: what to do about it."""

    title: str
    unit: str
    good: float
    bad: float
    means: str
    advice: str


_TEXTS: dict[str, Text] = {
    "foot_slide": Text(
        "Feet that slide",
        "mm a frame",
        2.0,
        6.0,
        "How far a foot that stands moves over the ground from one frame to the next.",
        "Look at the action's contact markers: move “down” and “up” to where the foot really stands, and solve again.",
    ),
    "penetration": Text(
        "Feet in the ground",
        "mm",
        10.0,
        30.0,
        "How deep the lowest part of a sole goes below the ground, at worst.",
        "Check the camera's tilt and height in the settings: a wrong tilt makes the ground slope. Else raise the feet there.",
    ),
    "jerk": Text(
        "Jerk",
        "m/s³",
        400.0,
        1500.0,
        "How abruptly hands, feet and head change their acceleration. A calm walk has about 100, a run or a kick more.",
        "Where it peaks without a fast gesture a limb has jumped: delete the keys about that frame, or smooth more.",
    ),
    "bone_length_drift": Text(
        "Bones that change length",
        "%",
        5.0,
        12.0,
        "How much the person's limbs seemed to grow and shrink in the clip. Your character's do not: this is a sign of doubt.",
        "Depth was hard to see. Film from the front or the side, with the whole body in the picture.",
    ),
    "limits": Text(
        "Joints beyond their limits",
        "degrees",
        0.0,
        15.0,
        "How far a knee, an elbow, the spine or the neck is turned beyond what a body can do, at worst.",
        "Switch joint limits on in the settings, or correct the pose in the worst frames.",
    ),
    "reprojection": Text(
        "Fit to the picture",
        "% of the body's height",
        3.5,
        8.0,
        "How far the solved joints lie from where they were seen in the clip.",
        "Give the focal length of the lens if you know it. Where only a few frames are off, compare them with the pictures.",
    ),
    "guessed": Text(
        "Frames that were guessed",
        "% of the frames",
        5.0,
        25.0,
        "Frames in which the person was hidden or out of the picture for the most part.",
        "Go to the markers “guessed” on the action and pose these stretches by hand, or choose another part of the clip.",
    ),
}


@dataclass(frozen=True)
class Measure:
    """One line of the report. value: what is judged, None where there is nothing to judge; worst: of a single frame."""

    name: str
    text: Text
    value: float | None
    worst: float | None

    @property
    def verdict(self) -> str:
        if self.value is None or self.value <= self.text.good:
            return GOOD
        return LOOK if self.value <= self.text.bad else BAD


@dataclass(frozen=True)
class WorstFrame:
    """frame of the scene; time_s in the clip; reasons in words."""

    frame: int
    time_s: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Overlay:
    """The solved skeleton in the clip's picture: points_px [T, P, 2], NaN where behind the camera; names of the points [P]; lines
    [L, 2] between them.
    """

    points_px: np.ndarray
    names: tuple[str, ...]
    lines: np.ndarray


@dataclass(frozen=True)
class Quality:
    """frames and timestamps_s [T]; series: name -> value in every frame [T], NaN where there is none; person None: the plain
    solve.
    """

    frames: np.ndarray
    timestamps_s: np.ndarray
    measures: tuple[Measure, ...]
    series: dict[str, np.ndarray]
    bone_drift: dict[str, float]
    worst_frames: tuple[WorstFrame, ...]
    contacts: tuple[Contact, ...]
    guesses: tuple[Guess, ...]
    camera: dict[str, object]
    keys: dict[str, float]
    overlay: Overlay


def measure(
    track: Pose3DTrack,
    rig: RigSpec,
    motion: RigMotion,
    person: Performance,
    *,
    frame_start: int = 1,
    sparse: SparseMotion | None = None,
    options: MotionOptions | None = None,
) -> Quality:
    """motion: at the scene's frames; sparse: what is keyed of it, if not every frame."""
    options = options or MotionOptions()
    keyed = sparse.motion if sparse else motion
    body = posed(rig, keyed)
    times = keyed.timestamps_s
    overlay = _overlay(rig, body, keyed, person, options)
    series = {
        "confidence": np.interp(times, track.timestamps_s, confidence_of(track)),
        "slide_mm": _slide_mm(rig, body, person.contacts, times) if not options.stays else np.full(len(times), np.nan),
        "penetration_mm": _penetration_mm(rig, body),
        "jerk_m_s3": _jerk_m_s3(rig, body, times),
        "limit_deg": _beyond_limits_deg(rig, body),
        "reprojection_px": _reprojection_px(track, person, times),
    }
    drift = _bone_drift(track)
    measures = _measures(series, drift, track)
    return Quality(
        frames=frame_start + np.arange(len(times)),
        timestamps_s=times,
        measures=measures,
        series=series,
        bone_drift=drift,
        worst_frames=_worst_frames(series, _height_px(track), times, frame_start),
        contacts=person.contacts,
        guesses=guesses(track),
        camera={
            "pitch_deg": float(np.degrees(person.camera.pose.pitch_rad)),
            "roll_deg": float(np.degrees(person.camera.pose.roll_rad)),
            "height_m": float(person.camera.height_m),
            "pitch_confidence": float(person.camera.pitch_confidence),
            "roll_confidence": float(person.camera.roll_confidence),
            "height_confidence": float(person.camera.height_confidence),
            "given": sorted(person.camera.given),
            **_lens(track, person, options),
            "motion": camera_told(track),
            "motion_taken": None if track.background_way_share is None else person.camera_motion.value,
            "motion_given": options.camera_motion is not CameraMotion.AUTO,
            "turned_deg": float(np.degrees(person.camera_turned_rad)),
            "carried_m": person.camera_carried_m,
        },
        keys={}
        if sparse is None
        else {
            "count": sparse.count,
            "dense_count": sparse.dense_count,
            "angle_error_deg": sparse.angle_deg,
            "distance_error_cm": sparse.distance_cm,
            "held_foot_error_cm": sparse.held_cm,
        },
        overlay=overlay,
    )


# ------------------------------------------------------------------------------------------------------------ measures


def _soles(rig: RigSpec, body: PosedRig) -> np.ndarray:
    """Heels and balls in the world, in the order of PARTS: [T, 4, 3], NaN for a foot that the armature has not."""
    out = np.full((body.frames, len(PARTS), 3), np.nan)
    for foot in feet_of(rig):
        for part, offset in (("heel", foot.heel), ("toe", foot.ball)):
            out[:, PARTS.index((foot.side, part))] = body.points_m(foot.foot, offset)
    return out


def _slide_mm(rig: RigSpec, body: PosedRig, contacts: Sequence[Contact], times: np.ndarray) -> np.ndarray:
    """How far the part that slides most has moved over the ground since the frame before; NaN where none stands: [T]."""
    mask = mask_of(contacts, times)
    moved = 1000 * np.linalg.norm(np.diff(_soles(rig, body)[..., :2], axis=0), axis=-1)
    moved = np.where(mask[1:] & mask[:-1] & np.isfinite(moved), moved, -1.0).max(axis=1, initial=-1.0)
    return np.append(np.nan, np.where(moved < 0, np.nan, moved))


def _penetration_mm(rig: RigSpec, body: PosedRig) -> np.ndarray:
    low = np.nan_to_num(_soles(rig, body)[..., 2], nan=np.inf).min(axis=1)
    return 1000 * np.maximum(np.where(np.isfinite(low), ground_m(rig) - low, 0.0), 0.0)


def _ends_m(rig: RigSpec, body: PosedRig) -> np.ndarray:
    """Hands, feet and head in the world: [T, N, 3]."""
    roles = ["head", *(f"{side}_{part}" for side in SIDES for part in ("hand", "foot"))]
    bones = [bone for role in roles if (bone := rig.bone(role)) is not None]
    return np.stack([body.points_m(bone) for bone in bones], axis=1)


def _jerk_m_s3(rig: RigSpec, body: PosedRig, times: np.ndarray) -> np.ndarray:
    """Mean jerk of the ends of the limbs, at human size: [T]."""
    if len(times) < 4:
        return np.zeros(len(times))
    step_s = float(np.median(np.diff(times)))
    jerk = np.linalg.norm(np.diff(_ends_m(rig, body), n=3, axis=0), axis=-1).mean(axis=1) / step_s**3
    return np.pad(jerk, (1, 2), mode="edge") / _size(rig)


def _size(rig: RigSpec) -> float:
    """1 for a grown person."""
    return rig.leg_length_m / 0.85


def _bone_drift(track: Pose3DTrack) -> dict[str, float]:
    """How much the length of each limb changed while it was lifted, percent of its median."""
    found = {}
    for a, b in _LIMBS:
        length = np.linalg.norm(track.positions_m[:, INDEX[b]] - track.positions_m[:, INDEX[a]], axis=-1)[track.detected]
        found[f"{a} to {b}".replace("_", " ")] = 100 * float(np.std(length) / max(np.median(length), 1e-9))
    return found


def _beyond_limits_deg(rig: RigSpec, body: PosedRig) -> np.ndarray:
    """How far the joint that is worst is beyond what a body can do: [T]."""
    at = {role: body.points_m(bone) for role in _JOINTS if (bone := rig.bone(role)) is not None}
    beyond = np.zeros(body.frames)
    across = at["left_thigh"] - at["right_thigh"]
    shoulders = at["left_upper_arm"] - at["right_upper_arm"]
    trunk = (at["left_upper_arm"] + at["right_upper_arm"] - at["left_thigh"] - at["right_thigh"]) / 2
    ahead = unit(np.cross(across, trunk))
    for side in SIDES:
        for upper, middle, end in (("thigh", "shin", "foot"), ("upper_arm", "forearm", "hand")):
            joints = [at.get(f"{side}_{part}") for part in (upper, middle, end)]
            if joints[2] is None or joints[0] is None or joints[1] is None:
                continue
            first, second = joints[1] - joints[0], joints[2] - joints[1]
            beyond = np.maximum(beyond, _angle_deg(first, second) - _FOLDED_DEG)
            if upper == "thigh":
                line = unit(joints[2] - joints[0])
                front = ahead - (ahead * line).sum(-1, keepdims=True) * line
                # Where the leg points ahead or back the body's front says nothing of the knee's.
                says = np.linalg.norm(front, axis=-1) > 0.6
                behind = np.degrees(np.arcsin(np.clip(-(unit(first) * unit(front)).sum(-1), -1, 1)))
                beyond = np.maximum(beyond, np.where(says, behind - _BACKWARDS_DEG, 0.0))
    axis = unit(trunk)
    flat = [way - (way * axis).sum(-1, keepdims=True) * axis for way in (across, shoulders)]
    beyond = np.maximum(beyond, _angle_deg(*flat) - _SPINE_TURN_DEG)
    if (head := rig.bone("head")) is not None:
        up = apply(body.turn(head), unit(apply(rig.armature_from_world, np.array([0.0, 0.0, 1.0]))))
        beyond = np.maximum(beyond, _angle_deg(apply(rig.world_from_armature[:3, :3], up), trunk) - _NECK_DEG)
    return beyond


def _angle_deg(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))


def _in_picture(person: Performance, points_m: np.ndarray, times_s: np.ndarray) -> np.ndarray:
    """Points in the person's world [N, K, 3] at those times [N] -> pixels [N, K, 2]; NaN behind the camera."""
    camera_from_world = transposed(person.world_from_camera_at(times_s))
    seen = apply(camera_from_world[:, None], points_m - person.camera_path_at(times_s)[:, None])
    depth = np.where(seen[..., 2:] > 0.05, seen[..., 2:], np.nan)
    return person.focal_length_px * seen[..., :2] / depth + np.array(person.track.image_size_px) / 2


def _reprojection_px(track: Pose3DTrack, person: Performance, times: np.ndarray) -> np.ndarray:
    """Mean distance of the solved joints from the detector's, weighted with its confidence; NaN where it saw nothing: [T]."""
    places = (person.joints_m + person.path_m[:, None])[:, [INDEX[name] for name in _SEEN_JOINTS]]
    joints = _in_picture(person, places, track.timestamps_s)
    marks = [LANDMARK_INDEX[name] for name in _SEEN_JOINTS]
    weight = np.where(track.detected[:, None], person.marks.confidence[:, marks], 0.0)
    off = np.linalg.norm(joints - person.marks.pixels[:, marks], axis=-1)
    weight = np.where(np.isfinite(off), weight, 0.0)
    total = weight.sum(axis=1)
    mean = np.where(total > 0.5, (weight * np.nan_to_num(off)).sum(axis=1) / np.maximum(total, 1e-9), np.nan)
    after = np.searchsorted(track.timestamps_s, times).clip(0, len(mean) - 1)
    before = (after - 1).clip(0)
    nearer = times - track.timestamps_s[before] < track.timestamps_s[after] - times
    return mean[np.where(nearer, before, after)]


def _height_px(track: Pose3DTrack) -> float:
    """How tall the person is in the picture, the median over the clip."""
    marks = track.landmarks_px[track.detected]
    return max(float(np.median(np.ptp(marks[..., 1], axis=1))), 1.0)


def _measures(series: Mapping[str, np.ndarray], drift: Mapping[str, float], track: Pose3DTrack) -> tuple[Measure, ...]:
    slide, jerk = series["slide_mm"], series["jerk_m_s3"]
    off = 100 * series["reprojection_px"] / _height_px(track)
    hidden = 100 * float((series["confidence"] < 0.5).mean())
    deep, beyond = _most(series["penetration_mm"]), _most(series["limit_deg"])
    found = {
        "foot_slide": (_mean(slide), _most(slide)),
        "penetration": (deep, deep),
        "jerk": (_mean(jerk), _most(jerk)),
        "bone_length_drift": (float(np.mean(list(drift.values()))), max(drift.values())),
        "limits": (beyond, beyond),
        "reprojection": (_mean(off), _most(off)),
        "guessed": (hidden, None),
    }
    return tuple(Measure(name, text, *found[name]) for name, text in _TEXTS.items())


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _most(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None


def _worst_frames(
    series: Mapping[str, np.ndarray], height_px: float, times: np.ndarray, frame_start: int
) -> tuple[WorstFrame, ...]:
    """The frames that are worst by any measure, apart from each other: those out of bounds, and a few that are nearest to it."""
    steady_jerk = max(3 * (_mean(series["jerk_m_s3"]) or 0.0), 1500.0)
    pixels = 100 * series["reprojection_px"] / height_px
    kinds = (
        (series["slide_mm"] / 6.0, "a foot slides {0:.0f} mm", series["slide_mm"]),
        (series["penetration_mm"] / 30.0, "a foot is {0:.0f} mm in the ground", series["penetration_mm"]),
        (series["jerk_m_s3"] / steady_jerk, "a limb jumps", series["jerk_m_s3"]),
        (series["limit_deg"] / 15.0, "a joint is {0:.0f} degrees beyond its limit", series["limit_deg"]),
        (pixels / 8.0, "the pose is {0:.0f} % of the body's height off the picture", pixels),
        # Nothing can be seen in its picture, so that it comes last.
        (np.minimum((1 - series["confidence"]) / 0.5, 1.2), "the person was hardly seen ({0:.0%})", series["confidence"]),
    )
    severity = np.nan_to_num(np.stack([values for values, _, _ in kinds]))
    left = severity.max(axis=0)
    found: list[WorstFrame] = []
    while left.max(initial=0.0) > (1.0 if len(found) >= _SHOWN_ANYWAY else 0.1) and len(found) < _WORST_FRAMES:
        frame = int(left.argmax())
        told = severity[:, frame] >= min(severity[:, frame].max(), 1.0)
        reasons = [words.format(float(value[frame])) for (_, words, value), is_told in zip(kinds, told, strict=True) if is_told]
        found.append(WorstFrame(frame_start + frame, float(times[frame]), tuple(reasons)))
        left = np.where(np.abs(times - times[frame]) < _WORST_APART_S, 0.0, left)
    return tuple(sorted(found, key=lambda worst: worst.frame))


def _overlay(rig: RigSpec, body: PosedRig, motion: RigMotion, person: Performance, options: MotionOptions) -> Overlay:
    """The armature's pose as the clip's camera would see it: its limbs' directions and its path, with the person's lengths."""
    if options.upper_body:
        person = person.facing_ahead()
    back = about_axis(np.array([0.0, 0.0, 1.0]), -motion.heading_rad)
    at = {role: apply(back, body.points_m(bone)) for role in _JOINTS if (bone := rig.bone(role)) is not None}
    rest = rig.world_points(rig.middle("thigh"))
    place = apply(back, np.array([rest[0], rest[1], ground_m(rig)]))
    hips, shoulders = ((at[f"left_{part}"] + at[f"right_{part}"]) / 2 for part in ("thigh", "upper_arm"))
    pelvis = (hips - place) / motion.scale + person.start_m(options)
    # What the settings took out of the path is put back, so that the skeleton lies over the person.
    path = np.stack([np.interp(motion.timestamps_s, person.track.timestamps_s, axis) for axis in person.path_m.T], axis=1)
    if options.stays:
        pelvis[:, :2] = path[:, :2]
    if not options.rises:
        pelvis[:, 2] = path[:, 2]

    def onwards(start: np.ndarray, names: tuple[str, str], way: np.ndarray) -> np.ndarray:
        apart = np.linalg.norm(person.joints_m[:, INDEX[names[1]]] - person.joints_m[:, INDEX[names[0]]], axis=-1)
        return start + float(np.median(apart)) * unit(way)

    points = {"pelvis": pelvis, "thorax": onwards(pelvis, ("pelvis", "thorax"), shoulders - hips)}
    for middle, joint, part in (("pelvis", "hip", "thigh"), ("thorax", "shoulder", "upper_arm")):
        for side, other in zip(SIDES, reversed(SIDES), strict=True):
            way = at[f"{side}_{part}"] - at[f"{other}_{part}"]
            points[f"{side}_{joint}"] = onwards(points[middle], (middle, f"{side}_{joint}"), way)
    drawn_limbs = [limb for limb in _DRAWN_LIMBS if not (options.upper_body and limb[2].endswith(LEG_PARTS))]
    for start, end, role, following in drawn_limbs:
        if following in at:
            points[end] = onwards(points[start], (start, end), at[following] - at[role])
    if "head" in at:
        points["head_top"] = onwards(points["thorax"], ("thorax", "head_top"), at["head"] - shoulders)
    lines = [*_DRAWN_ACROSS, *((start, end) for start, end, _, _ in drawn_limbs)]
    for side in SIDES:
        ankle = points.get(f"{side}_ankle")
        if ankle is not None and f"{side}_toe" in at:
            points[f"{side}_toe"] = ankle + (at[f"{side}_toe"] - at[f"{side}_foot"]) / motion.scale
            lines.append((f"{side}_ankle", f"{side}_toe"))
    names = tuple(points)
    drawn = [(names.index(a), names.index(b)) for a, b in lines if a in points and b in points]
    seen = _in_picture(person, np.stack(list(points.values()), axis=1), motion.timestamps_s)
    return Overlay(seen, names, np.array(drawn, dtype=int))


def _lens(track: Pose3DTrack, person: Performance, options: MotionOptions) -> dict[str, object]:
    """The focal length in millimetres of a 36 mm wide picture, how it is known (given, metadata, estimated or assumed; "" where
    the track does not say), and the chance that it is right within a fifth (None: nobody knows).
    """
    known, confidence = track.provenance.get("focal_length"), track.provenance.get("focal_length_confidence")
    if options.focal_length_mm is not None:
        known, confidence = "given", 1.0
    return {
        "focal_length_mm": float(PICTURE_MM * person.focal_length_px / max(track.image_size_px)),
        "focal_length_known": known if isinstance(known, str) else "",
        "focal_length_confidence": float(confidence) if isinstance(confidence, int | float) else None,
    }


# -------------------------------------------------------------------------------------------------------------- output


def as_json(quality: Quality) -> dict[str, object]:
    """What report.json holds under "quality". Numbers that are not there are null."""
    return {
        "measures": [
            {
                "name": m.name,
                "value": _number(m.value),
                "worst": _number(m.worst),
                "verdict": m.verdict,
                **asdict(m.text),
            }
            for m in quality.measures
        ],
        "worst_frames": [
            {"frame": w.frame, "time_s": round(w.time_s, 4), "reasons": list(w.reasons)} for w in quality.worst_frames
        ],
        "contacts": [
            {"side": c.side, "part": c.part, "start_s": round(c.start_s, 4), "end_s": round(c.end_s, 4)} for c in quality.contacts
        ],
        "guessed": [{"part": g.part, "start_s": round(g.start_s, 4), "end_s": round(g.end_s, 4)} for g in quality.guesses],
        "camera": quality.camera,
        "keys": quality.keys,
        "bone_length_drift_percent": {name: round(value, 3) for name, value in quality.bone_drift.items()},
        "frames": [int(f) for f in quality.frames],
        "time_s": [round(float(t), 4) for t in quality.timestamps_s],
        "series": {name: [_number(v) for v in values] for name, values in quality.series.items()},
    }


def _number(value: float | None) -> float | None:
    return round(float(value), 4) if value is not None and np.isfinite(value) else None
