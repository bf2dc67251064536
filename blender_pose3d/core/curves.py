"""A motion with a key on every frame -> few keys with Bezier handles that stay within a bound of it.

Every bone has keys of its own, shared by the components of its rotation. Between two keys a curve is a cubic in time whose
handles lie a third of the way to the neighbour, so that time runs evenly along it; the slopes at the keys are those of least
squares over all frames. A key has the value of its frame: what is keyed is exact there. The slopes before and after a key are
drawn together, and made one wherever the bound allows it.

Where the bound is exceeded, the bone that has the greatest part in it gets a key there. Then those keys are taken out, without
which the curve would change least, and what is lacking is added again, as long as that leaves fewer.

Where whole poses are asked for, all bones that move are keyed at the same frames: these are chosen in the same way, and one bone
stands for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .filtering import nearest_valid
from .kinematics import PosedRig, location_axes, posed
from .motion.contacts import PARTS, Contact, mask_of, stretches
from .motion.legs import feet_of
from .motion.options import MotionOptions
from .preset import SIDES
from .rig import RigSpec
from .rotations import continuous, unit
from .tracks import RigMotion

LOCATION, QUATERNION, AXIS_ANGLE = "LOCATION", "QUATERNION", "AXIS_ANGLE"
# A foot that stands must not be seen to slide: its share of the bound on positions.
_HELD_SHARE = 0.1
# Turning points of a bone or of the path are keys where the way there and back is so many times the bound.
_TURN_AT = 8.0
# Frames between keys at the beginning.
_FIRST_STEP = 12
# How often keys are taken out, which share of them at first, and how much smaller that gets each time.
_ROUNDS = 8
_TAKEN_SHARE, _TAKEN_LESS = 0.3, 0.8
# What slopes that differ on both sides of a key cost, beside a difference of as much from one frame. At the frame rate a break of
# a degree a frame is no more than an acceleration is.
_BREAK = 0.02
_NO_BREAK = 1e6
_SMALL_BREAK = 0.6
_SMOOTHING_ROUNDS = 9
# Share of the bound that keys are chosen by; what is left is for slopes without a break.
_USED = 0.9
# A curve whose values differ by less stays where it is.
_STILL = 1e-7
# Weight of the motion's own slope at a key, beside that of a frame: it decides where no frame lies between two keys.
_OWN_SLOPE = 1e-3
# Frames whose keys are chosen at once: five minutes at 24 a second.
_MOST_FRAMES = 7200
# A rig between a child and a giant is measured in metres of its world, any other by its size.
_HUMAN_SCALES = (0.4, 2.5)


@dataclass(frozen=True)
class Channel:
    """A keyable property of a bone. mode: QUATERNION, AXIS_ANGLE, an order of Euler angles such as "XYZ", or LOCATION; values [T,
    C].
    """

    mode: str
    values: np.ndarray


@dataclass(frozen=True)
class Keys:
    """Keys of one property. samples [N]: the frames of the motion that have one, from 0; values [N, C]; slopes [N, 2, C]: change
    a frame before and after the key; smooth [N]: both are the same.
    """

    samples: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    smooth: np.ndarray

    def handles(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Left and right handles [N, C, 2] as (frame, value), for keys that lie at `frames` [N]."""
        gaps = np.diff(frames)
        before, after = (np.append(gaps[0], gaps), np.append(gaps, gaps[-1])) if len(gaps) else (np.ones(1), np.ones(1))
        sides = []
        for side, reach in enumerate((-before / 3, after / 3)):
            at = np.broadcast_to((frames + reach)[:, None], self.values.shape)
            sides.append(np.stack([at, self.values + reach[:, None] * self.slopes[:, side]], axis=-1))
        return sides[0], sides[1]


@dataclass(frozen=True)
class SparseMotion:
    """rotations: one for each bone of the motion; location: the root's; frames and key counts of all components together: what a
    key on every frame would take, and what there is. angle_deg, distance_cm, held_cm: the greatest error of any frame, of a
    bone's rotation, of any joint or end in the world, and of a foot while it stands.
    """

    rotations: tuple[Keys, ...]
    location: Keys
    dense_count: int
    count: int
    angle_deg: float
    distance_cm: float
    held_cm: float
    motion: RigMotion


def reduced(
    motion: RigMotion,
    rig: RigSpec,
    channels: Sequence[Channel],
    *,
    options: MotionOptions | None = None,
    contacts: Sequence[Contact] = (),
) -> SparseMotion:
    """Keys for a motion whose samples are a frame apart. channels: each bone's rotation as it is keyed, in the order of the
    motion.

    options: the bounds, key_tolerance_cm in the world and key_tolerance_deg, and whole_poses; contacts: feet that must not slide.
    """
    options = options or MotionOptions()
    frames = len(motion.timestamps_s)
    # What it works with is many times the motion: a long one goes piece by piece, with keys where two meet.
    ends = np.linspace(0, frames - 1, max(2, 1 + int(np.ceil((frames - 1) / _MOST_FRAMES)))).astype(int)
    pieces = []
    for first, last in zip(ends, ends[1:], strict=False):
        part = slice(first, last + 1)
        cut = replace(
            motion,
            timestamps_s=motion.timestamps_s[part],
            rotations_wxyz=motion.rotations_wxyz[part],
            root_location_m=motion.root_location_m[part],
            root_basis_location=motion.root_basis_location[part],
        )
        own = [replace(channel, values=channel.values[part]) for channel in channels]
        pieces.append(_reduced(cut, rig, own, options, contacts))
    return pieces[0] if len(pieces) == 1 else _joined(pieces, motion, ends)


def _reduced(
    motion: RigMotion, rig: RigSpec, channels: Sequence[Channel], options: MotionOptions, contacts: Sequence[Contact]
) -> SparseMotion:
    bound = _Bound(motion, rig, channels, options, contacts)
    keyed = _with_lacking(bound, bound.first_keys(), exact=False)
    shuffled = np.random.default_rng(0)
    for turn in range(_ROUNDS):
        # Not in the same order again: what had to come back would be taken out once more.
        cost = _cost_without(bound, keyed) * shuffled.uniform(1.0, 2.0, keyed.shape)
        cost = bound.by_one(cost, others=np.inf)
        fewer = bound.by_all(_thinned(keyed, cost, _TAKEN_SHARE * _TAKEN_LESS**turn))
        fewer = _with_lacking(bound, fewer, exact=False)
        if bound.count(fewer) < bound.count(keyed):
            keyed = fewer
    keyed = _with_lacking(bound, keyed, exact=True)
    smooth = _smoothed(bound, keyed)
    slopes, fitted = _fit(bound.values, keyed, smooth)
    error = bound.error(fitted, exact=True)
    keys = []
    for group, channel in enumerate((*channels, Channel(LOCATION, motion.root_basis_location))):
        samples, width = np.flatnonzero(keyed[group]), channel.values.shape[1]
        own = slopes[group, : len(samples), :, :width]
        is_smooth = smooth[group, samples]
        own = np.where(is_smooth[:, None, None], own.mean(axis=1, keepdims=True), own)
        keys.append(Keys(samples, channel.values[samples], own, is_smooth))
    held = bound.allowed_m < bound.tolerance_m
    return SparseMotion(
        rotations=tuple(keys[:-1]),
        location=keys[-1],
        dense_count=bound.count(np.ones_like(keyed)),
        count=bound.count(keyed),
        angle_deg=float(np.degrees(error.angles_rad.max())),
        distance_cm=100 * float(error.distances_m.max()),
        held_cm=100 * float(error.distances_m[held].max()) if held.any() else 0.0,
        motion=bound.as_motion(fitted),
    )


def _joined(pieces: Sequence[SparseMotion], motion: RigMotion, ends: np.ndarray) -> SparseMotion:
    """Pieces of a motion [ends[0], ends[1]], [ends[1], ends[2]] ... as one."""

    def all_of(name: str) -> np.ndarray:
        parts = [getattr(piece.motion, name) for piece in pieces]
        return np.concatenate([*(part[:-1] for part in parts[:-1]), parts[-1]])

    rotations = tuple(_keys_joined(keys, ends) for keys in zip(*(piece.rotations for piece in pieces), strict=True))
    location = _keys_joined([piece.location for piece in pieces], ends)
    width = sum(keys.values.shape[1] for keys in (*rotations, location))
    return SparseMotion(
        rotations=rotations,
        location=location,
        dense_count=len(motion.timestamps_s) * width,
        count=sum(keys.values.size for keys in (*rotations, location)),
        angle_deg=max(piece.angle_deg for piece in pieces),
        distance_cm=max(piece.distance_cm for piece in pieces),
        held_cm=max(piece.held_cm for piece in pieces),
        motion=replace(
            motion,
            rotations_wxyz=all_of("rotations_wxyz"),
            root_location_m=all_of("root_location_m"),
            root_basis_location=all_of("root_basis_location"),
        ),
    )


def _keys_joined(parts: Sequence[Keys], ends: np.ndarray) -> Keys:
    """The key where two pieces meet is the last of the one and the first of the other, with a slope of each."""
    samples = np.concatenate([part.samples + first for part, first in zip(parts, ends[:-1], strict=True)])
    slopes = np.concatenate([part.slopes for part in parts])
    smooth = np.concatenate([part.smooth for part in parts])
    values = np.concatenate([part.values for part in parts])
    meeting = np.cumsum([len(part.samples) for part in parts])[:-1]
    slopes[meeting, 0] = slopes[meeting - 1, 0]
    smooth[meeting] = False
    return Keys(*(np.delete(each, meeting - 1, axis=0) for each in (samples, values, slopes, smooth)))


@dataclass(frozen=True)
class _Error:
    """angles_rad [T, K] of each bone's rotation; turns [T, K, 3]: the same as vectors in armature axes; moved [T, 3]: of the
    root, armature axes; which [N]: the points that were looked at; offs_m [T, N, 3] and distances_m [T, N] of those, in the
    world.
    """

    angles_rad: np.ndarray
    turns: np.ndarray
    moved: np.ndarray
    which: np.ndarray
    offs_m: np.ndarray
    distances_m: np.ndarray


class _Bound:
    """How far curves may be from the motion, and how far they are. K bones, G = K + 1 groups of curves (the last is the root's
    location), P points."""

    def __init__(
        self,
        motion: RigMotion,
        rig: RigSpec,
        channels: Sequence[Channel],
        options: MotionOptions,
        contacts: Sequence[Contact],
    ) -> None:
        self.motion, self.rig = motion, rig
        self.modes = [channel.mode for channel in channels]
        self.frames = len(motion.timestamps_s)
        groups = [*(channel.values for channel in channels), motion.root_basis_location]
        self.widths = np.array([values.shape[1] for values in groups])
        self.values = np.stack([np.pad(values, ((0, 0), (0, 4 - values.shape[1]))) for values in groups])  # [G, T, 4]
        self.tolerance_rad = np.radians(options.key_tolerance_deg)
        low, high = _HUMAN_SCALES
        size = 1.0 if low <= motion.scale <= high else motion.scale
        self.tolerance_m = options.key_tolerance_cm / 100 * size
        self.bones = [rig.index[name] for name in motion.bone_names]
        true = posed(rig, motion)
        self._linear = rig.world_from_armature[:3, :3]
        # Armature axes from each bone's own, [T, K, 3, 3].
        self._axes = np.stack([true.turn(bone) @ rig.rest_rotations[bone] for bone in self.bones], axis=1)
        self._heads = np.stack([true.head(bone) for bone in self.bones], axis=1)
        self._location_axes = location_axes(rig, rig.index[motion.root_bone])
        self._choose_points(contacts)
        self._places = self._points(true)
        self._moving = np.flatnonzero(np.ptp(self.values, axis=1).max(axis=1) >= _STILL)
        self._together = self._moving if options.whole_poses else self._moving[:0]
        self.kept = self._kept()

    def count(self, keyed: np.ndarray) -> int:
        """Keys of all components: [G, T]."""
        return int((keyed.sum(axis=1) * self.widths).sum())

    def in_bounds(self, values: np.ndarray) -> np.ndarray:
        """Differences of values [G, ..., 4] as shares of the bound, about: [G, ...]."""
        size = _norm(values)
        size[:-1] *= 2 / self.tolerance_rad
        size[-1] /= self.tolerance_m
        return size

    def first_keys(self) -> np.ndarray:
        keyed = self.kept.copy()
        keyed[self._moving, ::_FIRST_STEP] = True
        return keyed

    def by_one(self, values: np.ndarray, *, others: float) -> np.ndarray:
        """Values [G, T] that decide about keys; where groups are keyed together the greatest of all, at the one that stands for
        them."""
        if len(self._together) == 0:
            return values
        out = np.full_like(values, others)
        out[self._together[0]] = values[self._together].max(axis=0)
        return out

    def by_all(self, keyed: np.ndarray) -> np.ndarray:
        """Keys [G, T]; those that are keyed together have what the one that stands for them has."""
        if len(self._together):
            keyed[self._together] = keyed[self._together[0]]
        return keyed

    def error(self, fitted: np.ndarray, *, exact: bool) -> _Error:
        """Of curves [G, T, 4]. Not exact: of the limbs' ends only, and to the first order in the angles; quicker, and less than a
        millimetre off where they are small.
        """
        rotations = self._quaternions(fitted)
        local = 2 * _between(self.motion.rotations_wxyz, rotations)  # [T, K, 3]
        angles = 2 * np.arcsin(np.clip(_norm(local) / 2, 0, 1))
        turns = (self._axes @ local[..., None])[..., 0]
        moved = (fitted[-1, :, :3] - self.motion.root_basis_location) @ self._location_axes.T
        if exact:
            which = np.arange(len(self._carriers))
            offs = self._points(posed(self.rig, self.as_motion(fitted))) - self._places
        else:
            which = self._ends
            above = self._above[which, :-1]
            offs = _cross(above @ turns, self._places[:, which]) - above @ _cross(turns, self._heads)
            offs += self._above[which, -1:] * moved[:, None]
        offs_m = offs @ self._linear.T
        return _Error(angles, turns, moved, which, offs_m, _norm(offs_m))

    def as_motion(self, fitted: np.ndarray) -> RigMotion:
        """What curves [G, T, 4] give in every frame."""
        location = fitted[-1, :, :3]
        moved_m = (location - self.motion.root_basis_location) @ self._location_axes.T @ self._linear.T
        return replace(
            self.motion,
            rotations_wxyz=self._quaternions(fitted),
            root_location_m=self.motion.root_location_m + moved_m,
            root_basis_location=location,
        )

    def lacking(self, error: _Error, keyed: np.ndarray, *, share: float = 1.0) -> np.ndarray:
        """How much each group's curves need a key at each frame, 0 where all is within that share of the bound: [G, T]."""
        need = np.zeros((len(self.values), self.frames))
        turned = error.angles_rad / (share * self.tolerance_rad)
        need[:-1] = np.where(turned > 1, turned, 0.0).T
        beyond = error.distances_m / (share * self.allowed_m[:, error.which])
        t = np.flatnonzero(beyond.max(axis=1) > 1)
        if len(t):
            worst = _rounded(beyond[t]).argmax(axis=1)
            way, point = unit(error.offs_m[t, worst]), error.which[worst]
            arms = self._places[t, point][:, None] - self._heads[t]
            parts = np.concatenate([_cross(error.turns[t], arms), error.moved[t][:, None]], axis=1) @ self._linear.T  # [n, G, 3]
            parts = np.where(keyed[:, t].T | (self._above[point] == 0), -np.inf, (parts * way[:, None]).sum(-1))
            most = _rounded(parts / self.tolerance_m).argmax(axis=1)
            np.maximum.at(need, (most, t), beyond[t, worst])
        return np.where(keyed, 0.0, _rounded(need))

    def _choose_points(self, contacts: Sequence[Contact]) -> None:
        """What is watched in the world: the joints, the ends of the last bones, and heels and balls while they stand."""
        rig = self.rig
        inner = {b for bone in self.bones for b in _ancestors(rig, bone)}
        none = np.zeros(self.frames, bool)
        points = [(bone, np.zeros(3), False, none) for bone in self.bones]
        for bone in self.bones:
            end = rig.rest_tails[bone] - rig.rest_heads[bone]
            # Where a file does not say how long its last bones are, importers guess.
            if bone not in inner and np.linalg.norm(self._linear @ end) < 0.5 * rig.leg_length_m:
                points.append((bone, end, True, none))
        if contacts:
            mask = mask_of(contacts, self.motion.timestamps_s)
            for foot in feet_of(rig):
                for part, offset in (("heel", foot.heel), ("toe", foot.ball)):
                    points.append((foot.foot, offset, True, mask[:, PARTS.index((foot.side, part))]))
        self._carriers = [bone for bone, _, _, _ in points]
        self._offsets = np.array([offset for _, offset, _, _ in points])
        self._held = np.stack([held for _, _, _, held in points], axis=1)  # [T, P]
        self.allowed_m = np.where(self._held, _HELD_SHARE, 1.0) * self.tolerance_m
        above = np.zeros((len(points), len(self.bones) + 1))
        root = rig.index[self.motion.root_bone]
        for i, (bone, _, turns_it, _) in enumerate(points):
            carried_by = _ancestors(rig, bone)
            for k, other in enumerate(self.bones):
                above[i, k] = other in carried_by or (other == bone and turns_it)
            above[i, -1] = bone == root or root in carried_by
        self._above = above
        limbs = {rig.bone(f"{side}_{part}") for side in SIDES for part in ("hand", "foot")}
        last = [i for i, bone in enumerate(self._carriers) if bone in limbs or bone not in inner]
        self._ends = np.array([*last, self.bones.index(root)])

    def _points(self, body: PosedRig) -> np.ndarray:
        """[T, P, 3], armature space."""
        places = zip(self._carriers, self._offsets, strict=True)
        return np.stack([body.points(bone, offset) if offset.any() else body.head(bone) for bone, offset in places], axis=1)

    def _kept(self) -> np.ndarray:
        """Keys that stay: first and last frame, turning points, and where contacts begin and end. [G, T]."""
        kept = np.zeros((len(self.values), self.frames), bool)
        kept[:, [0, -1]] = True
        if len(self._together) == 0:  # those of all bones together would be keys everywhere
            for group in range(len(self.bones)):
                way = _main_way(self.motion.rotations_wxyz[:, group])
                kept[group, _turning_points(way, _TURN_AT * self.tolerance_rad)] = True
        for way in self.motion.root_location_m.T:
            kept[-1, _turning_points(way, _TURN_AT * self.tolerance_m)] = True
        for foot in feet_of(self.rig):
            own = [i for i, bone in enumerate(self._carriers) if bone == foot.foot]
            leg = [self.bones.index(bone) for bone in (foot.thigh, foot.shin, foot.foot)]
            for ends in stretches(np.any(self._held[:, own], axis=1)):
                kept[np.ix_(leg, ends)] = True
        kept[self._together] = kept.any(axis=0)
        return kept

    def _quaternions(self, fitted: np.ndarray) -> np.ndarray:
        """[G, T, 4] -> what Blender makes of it, unit quaternions [T, K, 4] on the side of the motion's own."""
        out = np.empty_like(self.motion.rotations_wxyz)
        for mode in set(self.modes):
            which = [k for k, own in enumerate(self.modes) if own == mode]
            out[:, which] = np.swapaxes(quaternions(mode, fitted[which]), 0, 1)
        away = (out * self.motion.rotations_wxyz).sum(-1, keepdims=True) < 0
        return np.where(away, -out, out)


def polyline(values: np.ndarray, tolerance: float) -> np.ndarray:
    """Indices of [T] values between which straight lines are within `tolerance` of all of them (Ramer, Douglas and Peucker)."""
    kept, open_spans = {0, len(values) - 1}, [(0, len(values) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        line = np.linspace(values[first], values[last], last - first + 1)
        off = np.abs(values[first : last + 1] - line)
        if off.max() > tolerance:
            worst = first + int(off.argmax())
            kept.add(worst)
            open_spans += [(first, worst), (worst, last)]
    return np.array(sorted(kept))


def quaternions(mode: str, values: np.ndarray) -> np.ndarray:
    """Values of a rotation channel [..., C or more] -> unit quaternions wxyz [..., 4]. mode: as in Channel."""
    if mode == QUATERNION:
        return unit(values)
    if mode == AXIS_ANGLE:
        half = values[..., :1] / 2
        return np.concatenate([np.cos(half), np.sin(half) * unit(values[..., 1:4])], axis=-1)
    # Blender names the axes in the order in which they turn.
    q = np.zeros((4, *values.shape[:-1]))
    q[0] = 1.0
    for letter in mode:
        axis = "XYZ".index(letter)
        half = values[..., axis] / 2
        c, s = np.cos(half), np.sin(half)
        i, j, k = (1 + (axis + n) % 3 for n in range(3))
        # The quaternion of a turn about one axis times q.
        q[[0, i, j, k]] = c * q[0] - s * q[i], c * q[i] + s * q[0], c * q[j] - s * q[k], c * q[k] + s * q[j]
    return np.moveaxis(q, 0, -1)


def continuous_axis_angle(wxyz: np.ndarray) -> np.ndarray:
    """Quaternions [T, 4] -> angle and axis [T, 4]; the axis never turns about, the angle goes through 0 and beyond instead."""
    q = continuous(wxyz)
    sine = np.linalg.norm(q[:, 1:], axis=1)
    if sine.max() <= 1e-6:
        return np.tile([0.0, 0.0, 1.0, 0.0], (len(q), 1))
    # Without a turn any axis will do: that of the nearest frame with one.
    nearest = nearest_valid(sine > 1e-6)
    axes = q[nearest, 1:] / sine[nearest, None]
    flips = np.where((axes[1:] * axes[:-1]).sum(-1) < 0, -1.0, 1.0)
    axes = axes * np.concatenate([[1.0], np.cumprod(flips)])[:, None]
    along = (q[:, 1:] * axes).sum(-1)
    return np.column_stack([np.unwrap(2 * np.arctan2(along, q[:, 0]), period=4 * np.pi), axes])


def _with_lacking(bound: _Bound, keyed: np.ndarray, *, exact: bool) -> np.ndarray:
    """Keys [G, T] with what is lacking for nothing to be out of bounds."""
    keyed = keyed.copy()
    while True:
        need = bound.lacking(bound.error(_fit(bound.values, keyed)[1], exact=exact), keyed, share=_USED)
        need = bound.by_one(need, others=0.0)
        if not need.any():
            return keyed
        # The worst frame between two keys gets one.
        group, frame = np.nonzero(need)
        between = np.cumsum(keyed, axis=1)[group, frame] + group * keyed.shape[1]
        order = np.lexsort((-need[group, frame], between))
        worst = order[np.unique(between[order], return_index=True)[1]]
        keyed[group[worst], frame[worst]] = True
        keyed = bound.by_all(keyed)


def _cost_without(bound: _Bound, keyed: np.ndarray) -> np.ndarray:
    """How far the curve would be from the motion without each key, in bounds: [G, T], infinite where no key may go."""
    values = bound.values
    number = np.cumsum(keyed, axis=1)
    may_go = keyed & ~bound.kept
    cost = np.full(keyed.shape, np.inf)
    for odd in (0, 1):
        gone = may_go & (number % 2 == odd)
        spans = _Spans(values, keyed & ~gone)
        # Each span by itself, with slopes of its own: two unknowns.
        a, b, c = (spans.summed(w) for w in (spans.rise**2, spans.rise * spans.fall, spans.fall**2))
        determinant = (a + _OWN_SLOPE) * (c + _OWN_SLOPE) - b * b
        p, q = (np.stack([spans.summed(w * v) for v in np.moveaxis(spans.left, -1, 0)], -1) for w in (spans.rise, spans.fall))
        first = ((c + _OWN_SLOPE)[..., None] * p - b[..., None] * q) / determinant[..., None]
        last = ((a + _OWN_SLOPE)[..., None] * q - b[..., None] * p) / determinant[..., None]
        off = spans.left - spans.rise[..., None] * spans.of(first) - spans.fall[..., None] * spans.of(last)
        size = bound.in_bounds(off)
        worst = np.zeros(spans.shape)
        np.maximum.at(worst.reshape(-1), spans.index, size.ravel())
        cost = np.where(gone, _rounded(spans.of(worst)), cost)
    return cost


def _thinned(keyed: np.ndarray, cost: np.ndarray, share: float) -> np.ndarray:
    """Without that share of the keys that may go, the cheapest first, but never two neighbours."""
    keyed = keyed.copy()
    for group in range(len(keyed)):
        samples = np.flatnonzero(keyed[group])
        costs = cost[group, samples]
        stays = ~np.isfinite(costs)
        left = share * np.count_nonzero(~stays)
        for i in np.argsort(costs, kind="stable"):  # the same in every numpy
            if left <= 0 or stays[i]:
                continue
            keyed[group, samples[i]] = False
            stays[max(i - 1, 0) : i + 2] = True
            left -= 1
    return keyed


def _smoothed(bound: _Bound, keyed: np.ndarray) -> np.ndarray:
    """Keys whose slopes are made the same on both sides: those with a small break, but for the nearest to where that would be out
    of bounds. [G, T].
    """
    slopes, _ = _fit(bound.values, keyed)
    size = bound.in_bounds(slopes[:, :, 1] - slopes[:, :, 0])
    smooth = keyed & (size[np.arange(len(keyed))[:, None], np.cumsum(keyed, axis=1) - 1] < _SMALL_BREAK)
    at = np.arange(keyed.shape[1])
    every = np.arange(len(keyed))[:, None]
    for turn in range(_SMOOTHING_ROUNDS):
        fitted = _fit(bound.values, keyed, smooth)[1]
        group, frame = np.nonzero(bound.lacking(bound.error(fitted, exact=True), keyed))
        if len(group) == 0:
            return smooth
        before = np.maximum.accumulate(np.where(smooth, at, 0), axis=1)
        after = np.minimum.accumulate(np.where(smooth, at, at[-1])[:, ::-1], axis=1)[:, ::-1]
        if turn >= _SMOOTHING_ROUNDS // 3:  # not the one with the greatest part in it alone
            group, frame = every, np.unique(frame)
        smooth[group, before[group, frame]] = smooth[group, after[group, frame]] = False
    return np.zeros_like(keyed)


class _Spans:
    """The stretches between keys [G, T] of values [G, T, C], and each frame's place in its own."""

    def __init__(self, values: np.ndarray, keyed: np.ndarray) -> None:
        groups, frames, _ = values.shape
        at, row = np.arange(frames), np.arange(groups)[:, None]
        before = np.maximum.accumulate(np.where(keyed, at, 0), axis=1)
        after = np.minimum.accumulate(np.where(keyed, at, frames - 1)[:, ::-1], axis=1)[:, ::-1]
        self.number = np.cumsum(keyed, axis=1) - 1
        self.counts = self.number[:, -1] + 1
        self.shape = (groups, int(self.counts.max()))
        self.index = (row * self.shape[1] + self.number).ravel()
        gap = np.maximum(after - before, 1)
        s = (at - before) / gap
        first, last = values[row, before], values[row, after]
        self.base = first + (s * s * (3 - 2 * s))[..., None] * (last - first)
        self.left = values - self.base
        # What a slope of 1 at the key before and at the key after adds; nothing at a key itself.
        self.rise, self.fall = gap * s * (1 - s) ** 2, -gap * s * s * (1 - s)

    def summed(self, weights: np.ndarray) -> np.ndarray:
        """[G, T] -> for each span [G, N]."""
        return np.bincount(self.index, weights.ravel(), self.shape[0] * self.shape[1]).reshape(self.shape)

    def of(self, spans: np.ndarray) -> np.ndarray:
        """[G, N, ...] -> for each frame that of its span [G, T, ...]."""
        return spans.reshape(-1, *spans.shape[2:])[self.index].reshape(*self.number.shape, *spans.shape[2:])


def _fit(values: np.ndarray, keyed: np.ndarray, smooth: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Slopes before and after the keys [G, N, 2, C] (N the most keys of a group) and the curves [G, T, C] for values [G, T, C]
    and keys [G, T]; smooth [G, T]: keys without a break.

    The slopes in the order of time are the unknowns, and each has terms with its neighbours only: a tridiagonal system a group.
    """
    groups, frames, width = values.shape
    spans = _Spans(values, keyed)
    most = spans.shape[1]
    at_key = np.nonzero(keyed)
    slots = np.full(spans.shape, frames - 1)
    slots[at_key[0], spans.number[keyed]] = at_key[1]
    own = np.gradient(values, axis=1) if frames > 1 else np.zeros_like(values)
    own = own[np.arange(groups)[:, None], slots]
    together = np.full(spans.shape, _BREAK)
    if smooth is not None:
        together[at_key[0], spans.number[keyed]] = np.where(smooth[keyed], _NO_BREAK, _BREAK)
    diagonal = np.empty((groups, most, 2))
    coupling = np.empty((groups, most, 2))
    right = np.stack([own, own], axis=2) * _OWN_SLOPE
    diagonal[...] = _OWN_SLOPE + together[..., None]
    diagonal[..., 1] += spans.summed(spans.rise**2)
    diagonal[:, 1:, 0] += spans.summed(spans.fall**2)[:, :-1]
    coupling[..., 0] = -together
    coupling[..., 1] = spans.summed(spans.rise * spans.fall)
    for c in range(width):
        right[..., 1, c] += spans.summed(spans.rise * spans.left[..., c])
        right[:, 1:, 0, c] += spans.summed(spans.fall * spans.left[..., c])[:, :-1]
    slopes = _tridiagonal(
        diagonal.reshape(groups, -1).T, coupling.reshape(groups, -1).T, np.swapaxes(right.reshape(groups, -1, width), 0, 1)
    )
    slopes = np.swapaxes(slopes, 0, 1).reshape(groups, most, 2, width)
    following = np.minimum(spans.number + 1, spans.counts[:, None] - 1)
    row = np.arange(groups)[:, None]
    fitted = spans.base + spans.rise[..., None] * spans.of(slopes[..., 1, :]) + spans.fall[..., None] * slopes[row, following, 0]
    return slopes, fitted


def _tridiagonal(diagonal: np.ndarray, coupling: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Thomas' algorithm along the first axis: diagonal and coupling with the next [N, G], right [N, G, C] -> [N, G, C]."""
    upper, value = np.empty_like(diagonal), np.empty_like(right)
    upper[0], value[0] = coupling[0] / diagonal[0], right[0] / diagonal[0, :, None]
    for n in range(1, len(diagonal)):
        pivot = diagonal[n] - coupling[n - 1] * upper[n - 1]
        upper[n] = coupling[n] / pivot
        value[n] = (right[n] - coupling[n - 1, :, None] * value[n - 1]) / pivot[:, None]
    for n in range(len(diagonal) - 2, -1, -1):
        value[n] -= upper[n, :, None] * value[n + 1]
    return value


def _turning_points(way: np.ndarray, threshold: float) -> list[int]:
    """Indices of the tops and bottoms of [T] between which it goes by more than `threshold`."""
    found: list[int] = []
    top = bottom = 0
    rising = 0
    way = threshold * _rounded(way / threshold)
    for t, value in enumerate(way.tolist()):
        if value > way[top]:
            top = t
        if value < way[bottom]:
            bottom = t
        if rising >= 0 and way[top] - value > threshold:
            if rising > 0:
                found.append(top)
            rising, bottom = -1, t
        elif rising <= 0 and value - way[bottom] > threshold:
            if rising < 0:
                found.append(bottom)
            rising, top = 1, t
    return found


def _main_way(wxyz: np.ndarray) -> np.ndarray:
    """Rotations [T, 4] along the axis about which they turn most: radians [T]."""
    middle = unit(wxyz.mean(axis=0))
    vectors = 2 * _between(np.broadcast_to(middle, wxyz.shape), wxyz)
    vectors = vectors - vectors.mean(axis=0)
    return vectors @ np.linalg.eigh(vectors.T @ vectors)[1][:, -1]


def _ancestors(rig: RigSpec, bone: int) -> set[int]:
    found = set()
    bone = int(rig.parents[bone])
    while bone >= 0:
        found.add(bone)
        bone = int(rig.parents[bone])
    return found


def _between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Vector part of a^-1 b for unit quaternions [..., 4]: half the small rotation between them, in the axes of the first."""
    return a[..., :1] * b[..., 1:] - b[..., :1] * a[..., 1:] - _cross(a[..., 1:], b[..., 1:])


def _rounded(values: np.ndarray) -> np.ndarray:
    """What is compared to choose keys: the last digits, which differ from one build of numpy to the next, decide nothing."""
    return np.round(values, 6)


def _norm(v: np.ndarray) -> np.ndarray:
    """np.linalg.norm along the last axis takes several times as long."""
    return np.sqrt(np.einsum("...i,...i->...", v, v))


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """np.cross takes several times as long."""
    return np.stack(
        [
            a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1],
            a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2],
            a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0],
        ],
        axis=-1,
    )
