"""Feet that stand, on the rig: held in place and on the ground by its own legs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..filtering import smoothed
from ..kinematics import PosedRig
from ..preset import SIDES
from ..rig import RigSpec
from ..rotations import (
    about_axis,
    apply,
    frame,
    matrix_from_quaternion,
    quaternion_from_matrix,
    swing,
    transposed,
    unit,
)
from ..solve import FromHips, Pose, clearance_m, limb_axis
from ..upright import turned_upright, upright
from .banded import PathFit
from .contacts import stretches

# How far a foot's correction is carried into the step, as a time.
_BLEND_S = 0.10
# The foot comes down onto the whole sole, and leaves it, in this time.
_ROLL_S = 0.12
# Share of its length that a leg may use.
REACH = 0.995
_MOST_LOWERED = 0.2
# Hips that go down for a leg do so around that moment: between two steps they come up again.
_LOWERED_S, _LOWERED_STEADY_S = 0.1, 0.02
# So long after it has left the ground, and before it comes down, a foot counts for that no more.
_COUNTS_S = 0.15
# Of the leg's length: the heel behind the ankle, the ball before it.
_HEEL_SHARE, _BALL_SHARE = 0.07, 0.15
# An ankle that is so many times as high at rest as the other one is that of a foot that does not stand there.
_RAISED_SHARE = 1.5
# The path on the rig: the person's, and the ground under the feet that stand. The picture shows how high hips are, better than
# knees that a network bends, and the feet that are held bring the ground; where none are held, nothing else does.
_HEIGHT_M, _ACCELERATION_M_S2 = 0.025, 6.0
# The same where the feet were seen: of less, small hops would be nothing.
_HEIGHT_SEEN_M, _HOP_M_S2 = 0.02, 16.0
_GROUND_M, _GROUND_UNHELD_M = 0.08, 0.002
# What somebody lies on.
_FLOOR_M = 0.004
# From this depth on the rest of the body lies on the ground, not the feet.
_SUNK_M = 0.02
_ROUNDS = 3


@dataclass(frozen=True)
class Foot:
    """One foot of a rig. foot, thigh, shin and toe (None: has none) are bones; heel and ball [3]: the sole's points from the
    ankle at rest, armature axes; tip [3]: where it ends, from the ankle, or from the toe's joint where there is one.
    """

    side: str
    thigh: int
    shin: int
    foot: int
    toe: int | None
    heel: np.ndarray
    ball: np.ndarray
    tip: np.ndarray


def feet_of(rig: RigSpec) -> list[Foot]:
    """The feet that can be held: whose bones are a chain."""
    if (stands := upright(rig)) is not None:
        back = turned_upright(rig, stands).T
        return [replace(foot, heel=back @ foot.heel, ball=back @ foot.ball, tip=back @ foot.tip) for foot in feet_of(stands)]
    found = []
    for side in SIDES:
        bones = [rig.bone(f"{side}_{part}") for part in ("thigh", "shin", "foot")]
        if any(bone is None for bone in bones):
            continue
        thigh, shin, foot = (bone for bone in bones if bone is not None)
        if not (rig.is_below(shin, thigh) and rig.is_below(foot, shin)):
            continue
        heel, ball, tip = (apply(rig.armature_from_world, point_m) for point_m in (*sole_m(rig, side), tip_m(rig, side)))
        if (toe := rig.bone(f"{side}_toe")) is not None:
            tip = tip - (rig.rest_heads[toe] - rig.rest_heads[foot])
        found.append(Foot(side, thigh, shin, foot, toe, heel, ball, tip))
    return found


def sole_m(rig: RigSpec, side: str) -> tuple[np.ndarray, np.ndarray]:
    """Heel and ball of a foot from its ankle at rest, world axes."""
    foot, toe = rig.bone(f"{side}_foot"), rig.bone(f"{side}_toe")
    ankle = rig.rest_heads_world_m[foot]
    height = ankle[2] - rig.ground_m
    if height > _RAISED_SHARE * rig.ankle_height_m:  # in a rest pose with one foot in the air
        height = rig.ankle_height_m
    down = np.array([0.0, 0.0, -height])
    ahead = _BALL_SHARE * rig.leg_length_m
    if toe is not None:
        shown = (rig.rest_heads_world_m[toe] - ankle) @ rig.front_world
        ahead = float(shown) if 0.05 < shown / rig.leg_length_m < 0.4 else ahead
    behind = _HEEL_SHARE * rig.leg_length_m if rig.sole is None else rig.sole.behind_m
    return down - behind * rig.front_world, down + ahead * rig.front_world


def tip_m(rig: RigSpec, side: str) -> np.ndarray:
    """Where a foot ends from its ankle at rest, world axes: no nearer than the ball, where no mesh shows more."""
    ball = sole_m(rig, side)[1]
    farther = 0.0 if rig.sole is None else max(0.0, rig.sole.ahead_m - float(ball @ rig.front_world))
    return ball + farther * rig.front_world


@dataclass(frozen=True)
class _Stance:
    """A foot from landing to leaving: frames first to last; yaw_rad of its sole in the plane of front and left."""

    first: int
    last: int
    yaw_rad: float


class _Sole:
    """A foot's rotation over time as heading and pitch of its sole, and where it stands."""

    def __init__(self, pose: Pose, foot: Foot, delta: np.ndarray, mask: np.ndarray, timestamps_s: np.ndarray) -> None:
        """delta [T, 3, 3]: the foot's D; mask [T, 2]: heel and toe in contact."""
        # Columns: front, sideways, up. Sideways is left, except in a mirrored object.
        self.axes = frame(pose.front, np.cross(pose.up, pose.front))
        self.foot, self.mask, self.times = foot, mask, timestamps_s
        way = apply(self.axes.T, apply(delta, pose.front))
        self.yaw = np.unwrap(np.arctan2(way[:, 1], way[:, 0]))
        self.pitch = np.arcsin(np.clip(way[:, 2], -1, 1))
        self.stances = [self._stance(first, last) for first, last in stretches(mask[:, 0] | mask[:, 1]) if last > first]
        self.stands = np.zeros(len(mask), bool)
        for stance in self.stances:
            self.stands[stance.first : stance.last + 1] = True
        self.yaw_held, self.pitch_held = self.yaw.copy(), self._rolled()
        for stance in self.stances:
            self.yaw_held[stance.first : stance.last + 1] = stance.yaw_rad
        self.delta = self._held(delta)

    def _stance(self, first: int, last: int) -> _Stance:
        frames = slice(first, last + 1)
        flat = self.mask[frames].all(axis=1) & (np.abs(self.pitch[frames]) < 0.6)
        yaw = self.yaw[frames]
        return _Stance(first, last, float(np.median(yaw[flat] if flat.any() else yaw)))

    def _rolled(self) -> np.ndarray:
        """Pitch while it stands: none on the whole sole, up about the heel, down about the ball, and smooth between."""
        heel, toe = self.mask[:, 0], self.mask[:, 1]
        pitch = np.where(heel & ~toe, np.maximum(self.pitch, 0), np.where(toe & ~heel, np.minimum(self.pitch, 0), 0.0))
        for stance in self.stances:
            frames = np.arange(stance.first, stance.last + 1)
            # From the heel onto the ball, or back, a foot goes by its whole sole, also where no frame has both on the ground.
            whole, alone = heel[frames] & toe[frames], heel[frames] != toe[frames]
            whole[1:] |= alone[1:] & alone[:-1] & (heel[frames][1:] != heel[frames][:-1])
            flat = frames[whole]
            if len(flat) == 0:
                flat = frames[[len(frames) // 2]] if self.mask[frames, 0].any() and self.mask[frames, 1].any() else flat
            if len(flat):
                # From the two around each frame, not from all: somebody may stand for an hour.
                pitch[frames] *= _eased(_away_s(np.isin(frames, flat), self.times[frames]) / _ROLL_S)
        return pitch

    def level(self, yaw: np.ndarray | float, pitch: np.ndarray | float = 0.0) -> np.ndarray:
        """D of a foot with this heading and pitch, level from side to side: [..., 3, 3], armature axes."""
        yaw, pitch = np.broadcast_arrays(yaw, pitch)
        up, left = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
        local = about_axis(np.broadcast_to(up, (*yaw.shape, 3)), yaw) @ about_axis(np.broadcast_to(left, (*yaw.shape, 3)), -pitch)
        return self.axes @ local @ self.axes.T

    def _held(self, delta: np.ndarray) -> np.ndarray:
        """As it was, but as it stands while it stands; what that changes fades into the steps."""
        if not self.stances:
            return delta
        stands = self.level(self.yaw_held, self.pitch_held)
        change = _rotation_vector(stands @ transposed(delta))
        change = carried(change, self.stands, self.times)
        turned = _matrix_of(change) @ delta
        return np.where(self.stands[:, None, None], stands, turned)


def lock_feet(
    rig: RigSpec,
    pose: Pose,
    own: dict[int, np.ndarray],
    path_m: np.ndarray,
    mask: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    legs_seen: np.ndarray,
    stands: np.ndarray,
    lift_m: np.ndarray,
    under_m: np.ndarray,
    lock: bool,
) -> tuple[dict[int, np.ndarray], np.ndarray]:
    """The rig's legs so that feet in contact stand still, and the path of the middle of its hips: own (changed), [T, 3] world.

    own: D [T, 3, 3] by bone; path_m [T, 3]: the person's pelvis at the rig's size, the ground at rig.ground_m; mask [T, 4] in
    the order of contacts.PARTS; legs_seen [T] 0 to 1; stands [T] 0 to 1: nobody saw the feet, and legs were put where they
    stand; lift_m [T, 2]: how high feet in the air are beyond that, left and right;
    under_m [T, 2]: how high the ground under each is above rig.ground_m;
    lock=False finds the heights only.
    """
    count = len(path_m)
    own = dict(own)
    feet = feet_of(rig)
    linear = rig.world_from_armature[:3, :3]
    columns = {"left": [0, 1], "right": [2, 3]}
    soles = []
    for foot in feet:
        sole = _Sole(pose, foot, own[foot.foot], mask[:, columns[foot.side]], timestamps_s)
        if lock:
            own[foot.foot] = sole.delta
            if foot.toe is not None:
                own[foot.toe] = _toe(sole)
        soles.append(sole)
    from_hips = FromHips(PosedRig(rig, dict(own), count))
    points = np.zeros((count, 4, 3))
    for foot in feet:
        for column, offset in zip(columns[foot.side], (foot.heel, foot.ball), strict=True):
            points[:, column] = from_hips.head_m(foot.foot) + apply(linear, apply(own[foot.foot], offset))
    path, lying = _path(from_hips, points, path_m, mask, timestamps_s, legs_seen, stands, under_m, lock)
    if not lock:
        return own, path
    targets = []
    for foot, sole in zip(feet, soles, strict=True):
        side = SIDES.index(foot.side)
        lift = lift_m[:, side, None] * [0.0, 0.0, 1.0]
        ground = rig.ground_m + under_m[:, side]
        toe = sole.delta if foot.toe is None else own[foot.toe]
        targets.append(_ankle_path(rig, foot, sole, toe, path + from_hips.head_m(foot.foot), ground) + lift)
    # Of somebody who leans on the hands, or lies, the hips do not go down for a foot that is out of reach.
    room = np.maximum(path[:, 2] - lying, 0.0)
    # A foot that has left the ground need not be where it would be.
    counts = np.ones((count, len(feet)))
    for i, sole in enumerate(soles):
        counts[:, i] -= _eased(_away_s(sole.stands, timestamps_s) / _COUNTS_S)
    path = path - [0, 0, 1] * np.minimum(lowering(from_hips, feet, path, targets, timestamps_s, counts), room)[:, None]
    for foot, target in zip(feet, targets, strict=True):
        _reach(rig, pose, own, foot, apply(rig.armature_from_world, target - path - from_hips.head_m(foot.thigh)))
    return own, path


def _path(
    from_hips: FromHips,
    points: np.ndarray,
    path: np.ndarray,
    mask: np.ndarray,
    timestamps_s: np.ndarray,
    legs_seen: np.ndarray,
    stands: np.ndarray,
    under: np.ndarray,
    lock: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """The person's path with heights that suit the rig: feet that stand are on the ground under them, nothing is below it.

    And how high the hips are where the rest of the body lies on the ground: [T].
    """
    rig = from_hips.body.rig
    scale = rig.leg_length_m / 0.835
    clearance = clearance_m(rig)
    floor = rig.ground_m + under.min(axis=1)
    lowest = floor - from_hips.lowest_m(clearance)
    if lock:  # the feet are put on the ground by themselves
        clearance[[bone for foot in feet_of(rig) for bone in (foot.foot, foot.toe) if bone is not None]] = -np.inf
    lying = floor - from_hips.lowest_m(clearance)
    standing = rig.ground_m + under.repeat(2, axis=1) - points[..., 2]  # of the hips, if that point is on the ground
    wanted = np.where(mask, standing, np.nan)
    known = mask.any(axis=1)
    offset = np.median(np.nanmean(wanted[known], axis=1) - path[known, 2]) if known.any() else np.median(lowest - path[:, 2])
    ground_m = _GROUND_M if lock else _GROUND_UNHELD_M
    sunk = np.zeros(len(path))
    own_legs = legs_seen * (1 - stands)
    height_m = (_HEIGHT_M + own_legs * (_HEIGHT_SEEN_M - _HEIGHT_M)) * scale
    acceleration = (_ACCELERATION_M_S2 + own_legs[1:-1] * (_HOP_M_S2 - _ACCELERATION_M_S2)) * scale
    placed = np.maximum(legs_seen, stands)
    for _ in range(_ROUNDS):
        fit = PathFit(len(path), 1)
        fit.values(np.maximum(placed, 1e-3) / height_m**2, path[:, 2:] + offset)
        fit.values((1 - placed) * (1 - sunk) / (_HEIGHT_M * scale) ** 2, lowest[:, None])
        fit.values(sunk / (_FLOOR_M * scale) ** 2, lying[:, None])
        for column in range(mask.shape[1]):
            # What lies on the ground otherwise has its heels where they come to be.
            held = mask[:, column] * (1 - sunk)
            fit.values(held / (ground_m * scale) ** 2, standing[:, column : column + 1])
        if len(path) > 2:
            fit.bends(1 / acceleration**2, timestamps_s)
        height = fit.solve()[:, 0]
        sunk = np.maximum(sunk, smoothed(np.clip((lying - height) / (_SUNK_M * scale), 0.0, 1.0), timestamps_s, _BLEND_S))
    height = height + raised(lying - height, timestamps_s, 0.1)
    return np.concatenate([path[:, :2], height[:, None]], axis=1), lying


def raised(lacking: np.ndarray, timestamps_s: np.ndarray, sigma_s: float = 0.06) -> np.ndarray:
    """A smooth curve that is nowhere below max(lacking, 0): [T] -> [T]."""
    lacking = np.maximum(lacking, 0.0)
    if not lacking.any() or len(lacking) < 2:
        return lacking
    step = float(np.median(np.diff(timestamps_s)))
    reach = int(np.ceil(3 * sigma_s / step))
    padded = np.pad(lacking, reach, mode="edge")
    widest = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(axis=-1)
    return smoothed(widest, timestamps_s, sigma_s)


def _ankle_path(rig: RigSpec, foot: Foot, sole: _Sole, toe: np.ndarray, ankle: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Where the ankle is to be, world [T, 3]: as it is in the air, and so that heel or ball stay in place on the ground while
    they stand.

    toe [T, 3, 3]: D of its toe; ankle [T, 3]: where it is; ground [T]: how high the ground is under it.
    """
    linear = rig.world_from_armature[:3, :3]
    heel_stands, ball_stands = sole.mask[:, 0] & ~sole.mask[:, 1], sole.mask[:, 1]
    locked = ankle.copy()
    for stance in sole.stances:
        frames = np.arange(stance.first, stance.last + 1)
        on_heel = (heel_stands & ~ball_stands)[frames, None]
        offset = np.where(on_heel, foot.heel, foot.ball)
        from_ankle = apply(linear, apply(sole.delta[frames], offset))
        from_flat = apply(linear, apply(sole.level(stance.yaw_rad), offset))
        # The ankle over a sole that is flat on the ground, as each frame would have it; the middle of a stance knows best.
        places = ankle[frames] + from_ankle - from_flat
        weight = np.sin(np.pi * (np.arange(len(frames)) + 0.5) / len(frames))
        place = (weight[:, None] * places).sum(axis=0) / weight.sum()
        place[2] = np.median(ground[frames]) - from_flat[0, 2]
        locked[frames] = place + from_flat - from_ankle
    moved = carried(locked - ankle, sole.stands, sole.times)
    target = np.where(sole.stands[:, None], locked, ankle + moved)
    low = _lowest_m(rig, foot, sole.delta, toe)
    lacking = np.where(sole.stands, 0.0, np.maximum(ground - target[:, 2] - low, 0.0))
    # Off the ground and back onto it without a step: there the foot is no more than it needs above it.
    lifted = np.maximum(lacking, _eased(_away_s(sole.stands, sole.times) / _BLEND_S) * raised(lacking, sole.times, 0.02))
    target[:, 2] += np.where(sole.stands, 0.0, lifted)
    return target


def _away_s(known: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """How long before or after the nearest frame that is known [T]: [T], infinity where none is."""
    at = timestamps_s[known]
    if not len(at):
        return np.full(len(known), np.inf)
    after = np.searchsorted(at, timestamps_s).clip(0, len(at) - 1)
    return np.minimum(*(np.abs(timestamps_s - at[i]) for i in ((after - 1).clip(0), after)))


def _eased(share: np.ndarray) -> np.ndarray:
    share = np.clip(share, 0.0, 1.0)
    return share * share * (3 - 2 * share)


def _lowest_m(rig: RigSpec, foot: Foot, delta: np.ndarray, toe: np.ndarray) -> np.ndarray:
    """The lowest of heel, ball and tip from the ankle, world: [T]. delta, toe: D of the foot and of its toe [T, 3, 3]."""
    points = [apply(delta, foot.heel), apply(delta, foot.ball)]
    if foot.toe is None:
        points.append(apply(delta, foot.tip))
    else:
        points.append(apply(delta, rig.rest_heads[foot.toe] - rig.rest_heads[foot.foot]) + apply(toe, foot.tip))
    return np.min([apply(rig.world_from_armature[:3, :3], point)[:, 2] for point in points], axis=0)


def _toe(sole: _Sole) -> np.ndarray:
    """The toe's D [T, 3, 3]: flat on the ground while the heel rises about the ball, straight again in the air."""
    bend = np.where(sole.stands & sole.mask[:, 1], np.minimum(sole.pitch_held, 0.0), 0.0)
    bend = np.where(sole.stands, bend, carried(bend[:, None], sole.stands, sole.times)[:, 0])
    across = apply(sole.delta, sole.axes[:, 1])
    return about_axis(across, bend) @ sole.delta


def lowering(
    from_hips: FromHips,
    feet: list[Foot],
    path: np.ndarray,
    targets: list[np.ndarray],
    timestamps_s: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:
    """How far the hips go down so that no leg is over-stretched, smoothly: [T]. counts [T, feet] 0 to 1."""
    lacking = lacking_m(from_hips, feet, path, targets)
    most = _around((lacking * counts).max(axis=1, initial=0.0), timestamps_s)
    return smoothed(most, timestamps_s, _LOWERED_STEADY_S)


def lacking_m(
    from_hips: FromHips,
    feet: list[Foot],
    path: np.ndarray,
    targets: list[np.ndarray],
    stretched_m: np.ndarray | float = 0.0,
) -> np.ndarray:
    """How far the hips have to go down for each leg to reach, at most as far as hips may: [T, feet]. stretched_m [T, feet]: so
    far apart hip and ankle may be in any case.
    """
    rig, lacking = from_hips.body.rig, np.zeros((len(path), len(feet)))
    allowed_m = np.broadcast_to(stretched_m, (len(path), len(feet))).T
    for i, (foot, target, allowed) in enumerate(zip(feet, targets, allowed_m, strict=True)):
        hip = path + from_hips.head_m(foot.thigh)
        reach = np.maximum(REACH * sum(rig.length_m(f"{foot.side}_{part}") for part in ("thigh", "shin")), allowed)
        apart = np.linalg.norm((target - hip)[:, :2], axis=-1)
        up = np.sqrt(np.maximum(reach**2 - apart**2, 0.0))
        lacking[:, i] = np.maximum(hip[:, 2] - target[:, 2] - up, 0.0)
    return np.minimum(lacking, _MOST_LOWERED * rig.leg_length_m)


def _around(lacking: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """What is lacking [T], and before and after it less and less of it: [T]."""
    out = np.maximum(lacking, 0.0)
    step = float(np.median(np.diff(timestamps_s))) if len(out) > 1 else 0.0
    if not out.any() or step <= 0:
        return out
    peaks = out.copy()
    for offset in range(1, min(int(np.ceil(3 * _LOWERED_S / step)), len(out) - 1) + 1):
        share = np.exp(-0.5 * ((timestamps_s[offset:] - timestamps_s[:-offset]) / _LOWERED_S) ** 2)
        out[:-offset] = np.maximum(out[:-offset], share * peaks[offset:])
        out[offset:] = np.maximum(out[offset:], share * peaks[:-offset])
    return out


def _reach(rig: RigSpec, pose: Pose, own: dict[int, np.ndarray], foot: Foot, goal: np.ndarray) -> None:
    """Turn thigh and shin so that the ankle is at `goal` [T, 3] from the hip (armature axes): the knee stays in its plane."""
    heads = rig.rest_heads
    upper_rest, lower_rest = heads[foot.shin] - heads[foot.thigh], heads[foot.foot] - heads[foot.shin]
    axis_rest = limb_axis(rig, foot.thigh, foot.shin, heads[foot.foot])
    thigh, shin = own[foot.thigh], own[foot.shin]
    upper, lower = apply(thigh, upper_rest), apply(shin, lower_rest)
    axis = apply(thigh, axis_rest)
    a, b = np.linalg.norm(upper_rest), np.linalg.norm(lower_rest)
    # A leg that is nearly straight moves its knee far for little: the last of its length is used up softly.
    distance, start = np.linalg.norm(goal, axis=-1), REACH * (a + b)
    beyond = np.maximum(distance - start, 0) / (a + b - start)
    distance = np.clip(
        np.where(beyond > 0, start + (a + b - start) * (1 - np.exp(-beyond)), distance), abs(a - b) + 1e-6 * a, None
    )
    along = unit(goal)
    axis = apply(swing(upper + lower, goal), axis)
    axis = unit(axis - (axis * along).sum(-1, keepdims=True) * along)
    at_hip = np.arccos(np.clip((a**2 + distance**2 - b**2) / (2 * a * distance), -1, 1))
    at_ankle = np.arccos(np.clip((b**2 + distance**2 - a**2) / (2 * b * distance), -1, 1))
    for bone, old, angle in ((foot.thigh, upper, -at_hip), (foot.shin, lower, at_ankle)):
        was = apply(own[bone], axis_rest)
        now = apply(about_axis(axis, angle), along)
        own[bone] = frame(now, axis) @ transposed(frame(old, was)) @ own[bone]


def carried(values: np.ndarray, known: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """values [T, N] where known, and from there smoothly to nothing."""
    fit = PathFit(len(values), values.shape[1])
    fit.values(np.where(known, 1e4, 1.0), np.where(known[:, None], values, 0.0))
    if len(values) > 2:
        fit.bends(np.full(len(values) - 2, _BLEND_S**4), timestamps_s)
    return fit.solve()


def _rotation_vector(m: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] -> axis times angle [..., 3]."""
    q = quaternion_from_matrix(m)
    q = np.where(q[..., :1] < 0, -q, q)
    sine = np.linalg.norm(q[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, q[..., :1])
    return np.where(sine > 1e-9, q[..., 1:] / np.maximum(sine, 1e-9), 0.0) * angle


def _matrix_of(vectors: np.ndarray) -> np.ndarray:
    angle = np.linalg.norm(vectors, axis=-1)
    axis = vectors / np.maximum(angle, 1e-12)[..., None]
    return matrix_from_quaternion(np.concatenate([np.cos(angle / 2)[..., None], np.sin(angle / 2)[..., None] * axis], axis=-1))
