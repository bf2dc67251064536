"""How the camera was held, from the whole clip: which way is up for somebody who stands and walks, and where the ground is."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..coordinates import CameraPose, world_from_camera
from ..rotations import about_axis, apply, unit
from ..skeleton import INDEX
from .contacts import how_seen
from .edges import Edges, Level
from .options import MotionOptions

# What a guess is worth without any evidence: a phone that somebody holds.
_USUAL_PITCH_RAD = np.radians(12.0)
_USUAL_ROLL_RAD = np.radians(10.0)
_USUAL_HEIGHT_M, _HEIGHT_SPREAD_M = 1.35, 0.3
# How far the mean of somebody's balance may be off for a whole clip, mostly the lifter's own slant: ahead or back of the
# picture's plane, and within it.
_BALANCE_RAD = np.radians([2.0, 4.0])
# The same of a trunk alone, where nobody saw the legs: people lean.
_TRUNK_RAD = np.radians([6.0, 10.0])
# Hips that are lower than at their highest by this belong to somebody who crouches or sits, and leans.
_CROUCHED_M = 0.1
# How far single frames are from the usual way of somebody's balance, and of a trunk.
_BALANCE_SPREAD_RAD, _TRUNK_SPREAD_RAD = np.radians([6.0, 10.0])
# Nobody's is off farther than this in the mean: where a level ground would have it so, the ground is not level.
_OFF_BALANCE_RAD = np.radians(12.0)
# Where balance would have feet stand at heights that differ by less than this (standard deviation), nobody climbs, but holds a
# pose on one leg.
_CLIMBED_M = 0.2
# Nor does anybody climb whose feet are no farther off a level ground than this (standard deviation), and who is, in this share
# of the frames, upright on it to within this share of the mean: on a slope all of a clip leans.
_LEVEL_M, _AT_TIMES, _UPRIGHT_SHARE = 0.1, 0.1, 0.5
# Of feet on stairs, this percentile of their heights is the ground.
_LOWEST = 5
# Frames of somebody who stands, from which their balance counts in full; and the share of all from which it tells more than the
# ground does.
_ENOUGH_BALANCE, _STANDS_SHARE = 5, 0.06
# So many frames on have somebody balance anew: of few of them that differ, as of a leap, the mean says less.
_POSTURE_FRAMES = 10
# How far somebody's own balance is off in the mean.
_SWAY_RAD = np.radians(1.5)
# How far one foot that stands may be off the ground's plane, and the same along the line of sight, as a share of its distance.
_PLANE_M = 0.02
_DEPTH_SHARE = 0.02
_GOOD_RAD = np.radians(3.0)
_GOOD_HEIGHT_M = 0.1
# How far hips bob about one height while somebody who stands upright goes this far.
_HIPS_M, _HIPS_STEP_M = 0.05, 0.4
# Who sits down goes too, but steeply and not far: without legs to tell, only ways that are longer and nearer to level count.
_WALKED_M, _STEEP_RAD = 1.0, np.radians(35.0)
# Standing: legs stretched to this share, trunk and legs in line to within this angle.
_STRETCHED = 0.93
_IN_LINE_RAD = np.radians(25.0)
# Shares of the body's mass at the joints, after the tables of D. A. Winter, Biomechanics and Motor Control of Human Movement.
_MASS: dict[str, float] = {
    "head_top": 0.03,
    "nose": 0.05,
    "thorax": 0.20,
    "spine": 0.20,
    "pelvis": 0.10,
    **{f"{s}_hip": 0.065 for s in ("left", "right")},
    **{f"{s}_knee": 0.07 for s in ("left", "right")},
    **{f"{s}_ankle": 0.03 for s in ("left", "right")},
    **{f"{s}_shoulder": 0.02 for s in ("left", "right")},
    **{f"{s}_elbow": 0.015 for s in ("left", "right")},
    **{f"{s}_wrist": 0.01 for s in ("left", "right")},
}
# The weight rests this far before the ankles, for a person of 1.75 m.
_BEFORE_ANKLES_M = 0.045
_PICTURE_UP = np.array([0.0, -1.0, 0.0])
# Upright frames from which a stretch of the way counts in full.
_HIPS_FRAMES = 4.0


@dataclass(frozen=True)
class CameraEstimate:
    """pose and height_m above the ground; the confidences [0 to 1] are the chances that pitch and roll are within 3 degrees and
    the height within 10 cm; given: what the user said, which is certain.
    """

    pose: CameraPose
    height_m: float
    pitch_confidence: float
    roll_confidence: float
    height_confidence: float
    given: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Evidence:
    """balance [N, 3]: directions that are upwards, each worth balance_weight [N], and stood [N] if they need not agree; trunk and
    trunk_weight: the same of the trunk alone; points [K, 3]: feet that stand; hips [L, 3] and hips_weight [L]: where the hips
    were along the way, all camera axes; level: what edges around the person say.
    """

    balance: np.ndarray
    balance_weight: np.ndarray
    stood: np.ndarray
    trunk: np.ndarray
    trunk_weight: np.ndarray
    points: np.ndarray
    hips: np.ndarray
    hips_weight: np.ndarray
    level: Level | None = None


def estimate_camera(
    joints_m: np.ndarray,
    path_m: np.ndarray,
    sure: np.ndarray,
    standing_points_m: np.ndarray,
    options: MotionOptions,
    edges: Edges | None = None,
    *,
    trunk_sure: np.ndarray | None = None,
    leg_sure: np.ndarray | None = None,
) -> CameraEstimate:
    """From joints [T, 17, 3] relative to the pelvis, the pelvis' path [T, 3], how well legs and shoulders were seen [T] and the
    places where feet stood [K, 3], all in camera axes, and edges around the person, if any. Gauss-Newton on pitch, roll and
    height with a weak belief in a level camera; edges that agree have their say once the rest has said where to look for them.

    trunk_sure [T]: how well hips and shoulders were seen: where legs are not, the trunk says a little. leg_sure [T]: the better
    of two legs: it says whether somebody stands.
    """
    evidence = _evidence(joints_m, path_m, sure, standing_points_m, trunk_sure, leg_sure)
    unknown = np.zeros(3)  # pitch, roll, height
    if len(standing_points_m):
        unknown[2] = np.median(standing_points_m[:, 1])
    unknown, spread = _solved(unknown, evidence)
    off_rad = 0.0 if options.level_ground else _off_balance_rad(unknown, evidence)
    if off_rad > _OFF_BALANCE_RAD and not _stands_at_times(unknown, evidence, off_rad):
        balanced = replace(evidence, points=np.zeros((0, 3)), hips=np.zeros((0, 3)), hips_weight=np.zeros(0))
        by_balance, its_spread = _solved(np.array([0.0, 0.0, unknown[2]]), balanced)
        heights = _heights(by_balance, standing_points_m)
        if heights.std() > _CLIMBED_M:
            evidence, unknown, spread = balanced, by_balance, its_spread
            unknown[2] = -np.percentile(heights, _LOWEST)
    if edges is not None and (level := edges.level(CameraPose(*unknown[:2].tolist()))) is not None:
        unknown, spread = _solved(np.array([*level.held_rad, unknown[2]]), replace(evidence, level=level))
    pose = CameraPose(float(unknown[0]), float(unknown[1]))
    estimate = CameraEstimate(
        pose,
        float(unknown[2]),
        _chance(_GOOD_RAD, spread[0]),
        _chance(_GOOD_RAD, spread[1]),
        _chance(_GOOD_HEIGHT_M, spread[2]) if len(standing_points_m) else 0.0,
    )
    return _overridden(estimate, standing_points_m, options)


def without_slant(
    joints_m: np.ndarray, path_m: np.ndarray, sure: np.ndarray, options: MotionOptions, edges: Edges | None = None
) -> np.ndarray:
    """The joints [T, 17, 3] of somebody who stands and leans towards the camera or away from it, by what the user or edges say is
    upright in its first frame, turned back as far as that. What is upright stays so in the axes of a camera that moves.

    It is the lifter's own slant, which the picture hardly shows and which stays the same through a clip. Where nobody knows the
    pitch it goes into that unseen; where it is known it would be the character who leans.
    """
    given = options.camera_pitch_deg is not None
    if edges is None and not given:
        return joints_m
    evidence = _evidence(joints_m, path_m, sure, np.zeros((0, 3)))
    total = evidence.balance_weight.sum()
    if total < 1e-6:
        return joints_m
    unknown, _ = _solved(np.zeros(3), evidence)
    guess = CameraPose(*unknown[:2].tolist())
    level = None if edges is None else edges.level(guess)
    if level is None and not given:
        return joints_m
    held = _given_by_user(guess if level is None else CameraPose(*level.held_rad.tolist()), options)
    doubt = 0.0 if given or level is None else np.linalg.inv(level.precision)[0, 0]
    rotation = world_from_camera(held)
    _, ahead, up = apply(rotation, unit((evidence.balance_weight[:, None] * evidence.balance).sum(0)))
    slant = _BALANCE_RAD[1] ** 2
    share = min(1.0, total / _ENOUGH_BALANCE) * slant / (slant + _SWAY_RAD**2 + doubt)
    turn = rotation.T @ about_axis(np.array([1.0, 0.0, 0.0]), share * math.atan2(ahead, up)) @ rotation
    return apply(turn, joints_m)


def _off_balance_rad(unknown: np.ndarray, evidence: _Evidence) -> float:
    """How far somebody who stands and walks leans in the mean, if the camera was held so; 0 where too little was seen of it."""
    total = evidence.balance_weight.sum()
    if not len(evidence.points) or total < max(_ENOUGH_BALANCE, _STANDS_SHARE * len(evidence.balance)):
        return 0.0
    way = apply(_rotation(unknown), unit((evidence.balance_weight[:, None] * evidence.balance).sum(0)))
    return float(np.arccos(np.clip(way[2], -1.0, 1.0)))


def _stands_at_times(unknown: np.ndarray, evidence: _Evidence, off_rad: float) -> bool:
    """Whether feet are on a level ground, and somebody who leans by so much in the mean is upright on it now and then."""
    if _heights(unknown, evidence.points).std() > _LEVEL_M:
        return False
    leans = np.arccos(np.clip(apply(_rotation(unknown), evidence.balance)[:, 2], -1.0, 1.0))
    upright = leans < _UPRIGHT_SHARE * off_rad
    return bool(evidence.stood[upright].sum() > _AT_TIMES * evidence.stood.sum())


def _rotation(unknown: np.ndarray) -> np.ndarray:
    return world_from_camera(CameraPose(float(unknown[0]), float(unknown[1])))


def _heights(unknown: np.ndarray, points_m: np.ndarray) -> np.ndarray:
    """Of points [K, 3] in camera axes over the camera: [K]."""
    return apply(_rotation(unknown), points_m)[:, 2]


def _solved(unknown: np.ndarray, evidence: _Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Pitch, roll and height, from a guess at them, and their standard deviations."""
    for _ in range(8):
        value, weight = _residuals(unknown, evidence)
        jacobian = np.stack([(_residuals(unknown + d, evidence)[0] - value) / 1e-5 for d in 1e-5 * np.eye(3)], axis=1)
        normal = jacobian.T @ (weight[:, None] * jacobian)
        unknown = unknown - np.linalg.solve(normal, jacobian.T @ (weight * value))
        unknown[:2] = np.clip(unknown[:2], -1.2, 1.2)
    return unknown, np.sqrt(np.diag(np.linalg.inv(normal)))


def _given_by_user(pose: CameraPose, options: MotionOptions) -> CameraPose:
    """The pose, but for what the user said of it."""
    pitch, roll = options.camera_pitch_deg, options.camera_roll_deg
    return CameraPose(
        pose.pitch_rad if pitch is None else float(np.radians(pitch)), pose.roll_rad if roll is None else float(np.radians(roll))
    )


def _overridden(estimate: CameraEstimate, points: np.ndarray, options: MotionOptions) -> CameraEstimate:
    given = set()
    estimate = replace(estimate, pose=_given_by_user(estimate.pose, options))
    if options.camera_pitch_deg is not None:
        given.add("pitch")
        estimate = replace(estimate, pitch_confidence=1.0)
    if options.camera_roll_deg is not None:
        given.add("roll")
        estimate = replace(estimate, roll_confidence=1.0)
    if given and len(points):
        estimate = replace(estimate, height_m=float(-np.median(apply(world_from_camera(estimate.pose), points)[:, 2])))
    if options.camera_height_m is not None:
        given.add("height")
        estimate = replace(estimate, height_m=options.camera_height_m, height_confidence=1.0)
    return replace(estimate, given=frozenset(given))


def _evidence(
    joints: np.ndarray,
    path: np.ndarray,
    sure: np.ndarray,
    points: np.ndarray,
    trunk_sure: np.ndarray | None = None,
    leg_sure: np.ndarray | None = None,
) -> _Evidence:
    ways, upright = _balance(joints)
    # Somebody who lies stretched is in line too: no way that is nearer to level than to the picture's up.
    upright = upright * (ways @ _PICTURE_UP > 0.5)
    # Legs that nobody saw stand as the lifter likes.
    seen = how_seen(sure)
    stood = upright * seen
    weights = _agreeing(ways, stood, _BALANCE_SPREAD_RAD)
    trunk = unit(joints[:, INDEX["thorax"]] - joints[:, INDEX["pelvis"]])
    trunk_weights = np.zeros(len(joints))
    if trunk_sure is not None:
        trunk_weights = (trunk @ _PICTURE_UP > 0.5) * how_seen(trunk_sure) * (1 - seen) * _highest(path)
    if leg_sure is not None:  # who is seen not to stand, by one leg at least, leans as they like
        trunk_weights = trunk_weights * (1 - how_seen(leg_sure) * (1 - upright))
    trunk_weights = _agreeing(trunk, trunk_weights, _TRUNK_SPREAD_RAD)
    hips_seen = 1.0 if trunk_sure is None else how_seen(trunk_sure)
    hips, hips_weight = _along_the_way(path, upright * hips_seen, seen)
    return _Evidence(ways, weights, stood, trunk, trunk_weights, points, hips, hips_weight)


def _highest(path: np.ndarray) -> np.ndarray:
    """How near the hips are to their greatest height in the picture's axes: who crouches or sits leans."""
    heights = path @ _PICTURE_UP
    return np.exp(-((np.maximum(np.percentile(heights, 95) - heights, 0.0) / _CROUCHED_M) ** 2))


def _agreeing(ways: np.ndarray, weights: np.ndarray, spread_rad: float) -> np.ndarray:
    """The weights [N] of directions [N, 3], less for those far from most."""
    if weights.sum() < 1e-6:
        return weights
    middle = unit((weights[:, None] * ways).sum(0))
    for _ in range(3):
        off = np.arccos(np.clip(ways @ middle, -1, 1))
        robust = weights / (1 + (off / spread_rad) ** 2)
        middle = unit((robust[:, None] * ways).sum(0))
    return robust


def _along_the_way(path: np.ndarray, weights: np.ndarray, legs_seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mean place for every step of a path [T, 3] away from its middle, and how far it counts (0 to 1): [L, 3], [L]."""
    total = weights.sum()
    if total < 1e-6:
        return np.zeros((0, 3)), np.zeros(0)
    # Along the way that leads farthest.
    off = path - (weights[:, None] * path).sum(0) / total
    way = np.linalg.eigh((weights[:, None] * off).T @ off)[1][:, -1]
    gone = off @ way
    walked = np.ptp(gone[weights > 0]) > _WALKED_M and abs(way @ _PICTURE_UP) < math.sin(_STEEP_RAD)
    if not (walked or (weights * legs_seen).any()):
        return np.zeros((0, 3)), np.zeros(0)
    place = np.rint(gone / _HIPS_STEP_M).astype(int)
    steps = [np.flatnonzero(place == step) for step in np.unique(place)]
    worth = np.array([weights[step].sum() for step in steps])
    means = [(weights[step, None] * path[step]).sum(0) / max(w, 1e-9) for step, w in zip(steps, worth, strict=True)]
    return np.array(means), np.minimum(1.0, worth / _HIPS_FRAMES)


def mass_m(joints_m: np.ndarray) -> np.ndarray:
    """The centre of mass [T, 3] of joints [T, 17, 3]."""
    total = sum(_MASS.values())
    return sum((share * joints_m[:, INDEX[name]] for name, share in _MASS.items()), np.zeros_like(joints_m[:, 0])) / total


def _balance(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From where the weight rests to the centre of mass [T, 3], and how well a frame stands [T]."""
    at = {name: joints[:, i] for name, i in INDEX.items()}
    mass = mass_m(joints)
    ankles = (at["left_ankle"] + at["right_ankle"]) / 2
    up = unit(at["thorax"] - ankles)
    left = unit(at["left_hip"] - at["right_hip"])
    ahead = unit(np.cross(left, up))
    way = unit(mass - ankles - _BEFORE_ANKLES_M * ahead)
    stretched = np.ones(len(joints))
    for side in ("left", "right"):
        hip, knee, ankle = (at[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
        whole = np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)
        stretched = np.minimum(stretched, np.linalg.norm(ankle - hip, axis=-1) / np.maximum(whole, 1e-9))
    bent = np.arccos(np.clip((unit(at["thorax"] - at["pelvis"]) * unit(at["pelvis"] - ankles)).sum(-1), -1, 1))
    # Walking bends a knee at a time; the mean over a step is upright all the same.
    weight = np.clip((stretched - (_STRETCHED - 0.15)) / 0.15, 0, 1) * np.clip(2 - bent / _IN_LINE_RAD, 0, 1)
    return way, weight


def _residuals(unknown: np.ndarray, evidence: _Evidence) -> tuple[np.ndarray, np.ndarray]:
    """Residuals and weights (inverse variances): balance, edges, ground, belief."""
    rotation = _rotation(unknown)
    parts = [(unknown[:2], np.array([_USUAL_PITCH_RAD, _USUAL_ROLL_RAD]) ** -2.0)]
    total = evidence.balance_weight.sum()
    if total > 1e-6:
        mean = apply(rotation, unit((evidence.balance_weight[:, None] * evidence.balance).sum(0)))
        few = min(1.0, total / _ENOUGH_BALANCE)
        apart = (apply(rotation, evidence.balance) - mean)[:, :2]
        scatter = (evidence.balance_weight[:, None] * apart**2).sum(0) / total
        parts.append((mean[:2], few / (_BALANCE_RAD**2 + scatter / max(total / _POSTURE_FRAMES, 1.0))))
    worth = (1.0 - min(1.0, total / _ENOUGH_BALANCE)) * min(1.0, evidence.trunk_weight.sum() / 5)
    if worth > 1e-6:
        mean = apply(rotation, unit((evidence.trunk_weight[:, None] * evidence.trunk).sum(0)))
        parts.append((mean[:2], worth / _TRUNK_RAD**2))
    if evidence.level is not None:
        parts.append((np.linalg.cholesky(evidence.level.precision).T @ (unknown[:2] - evidence.level.held_rad), np.ones(2)))
    if len(evidence.points):
        heights = apply(rotation, evidence.points)[:, 2] + unknown[2]
        slope = np.abs(apply(rotation, unit(evidence.points))[:, 2])
        off = slope * _DEPTH_SHARE * np.linalg.norm(evidence.points, axis=-1)
        # One that does not fit is a stair or a mistake.
        variance = _PLANE_M**2 + off**2
        parts.append((heights, 1 / (variance * (1 + heights**2 / (9 * variance)))))
    if len(evidence.hips) > 1:
        # Somebody who goes somewhere stays as high; where not (stairs, a crouch), it gives way.
        heights = apply(rotation, evidence.hips)[:, 2]
        heights = heights - (evidence.hips_weight * heights).sum() / max(evidence.hips_weight.sum(), 1e-9)
        parts.append((heights, evidence.hips_weight / (_HIPS_M**2 * (1 + heights**2 / (9 * _HIPS_M**2)))))
    # Far from how one holds a phone, this belief gives way.
    off = (unknown[2:] - _USUAL_HEIGHT_M) / _HEIGHT_SPREAD_M
    parts.append((unknown[2:] - _USUAL_HEIGHT_M, 1 / (_HEIGHT_SPREAD_M**2 * (1 + off**2))))
    return np.concatenate([value for value, _ in parts]), np.concatenate([weight for _, weight in parts])


def _chance(bound: float, deviation: float) -> float:
    return math.erf(bound / (max(float(deviation), 1e-9) * math.sqrt(2)))
