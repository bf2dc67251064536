"""The mannequin's motions, written as functions of time; numpy only.

A motion plans footsteps and keyed angles, and `_build` makes a whole body of them: feet that stand still while they stand, a
pelvis that the legs can carry, arms that swing against the legs. The plan is laid on a fixed time grid, so that a clip shows the
same motion at every frame rate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .skeleton import LEG_REACH, Body, Controls, Posed, foot_frames, pose, rotation, yaw_pitch_roll

CONTROL_RATE_HZ = 200.0
GRAVITY_M_S2 = 9.81


@dataclass(frozen=True)
class Step:
    """One foot leaves the ground at lift_s and stands at the new place from land_s on. Place: x, y in metres, yaw in radians."""

    side: int  # 0 left, 1 right
    lift_s: float
    land_s: float
    place: tuple[float, float, float]
    height_m: float = 0.07
    strike_rad: float = 0.30
    push_rad: float = 0.60


@dataclass(frozen=True)
class Motion:
    """What a motion function gives back: the controls on the grid and what else belongs in the picture."""

    controls: Controls
    seat_m: tuple[float, float, float] | None = None  # x, y of a stool's middle and its height


def ease(u: np.ndarray | float) -> np.ndarray:
    """0 to 1 with speed and acceleration 0 at both ends, held outside."""
    u = np.clip(u, 0.0, 1.0)
    return u**3 * (10 - 15 * u + 6 * u**2)


def keyed(t: np.ndarray, keys: Sequence[tuple[float, float | Sequence[float]]]) -> np.ndarray:
    """Values that rest at each key and go smoothly from one to the next. t: [K] seconds -> [K] or [K, n]."""
    value = np.broadcast_to(np.asarray(keys[0][1], dtype=float), (len(t), *np.shape(keys[0][1]))).copy()
    for (t0, v0), (t1, v1) in zip(keys, keys[1:], strict=False):
        share = ease((t - t0) / (t1 - t0)).reshape(-1, *[1] * (value.ndim - 1))
        value += share * (np.asarray(v1, dtype=float) - np.asarray(v0, dtype=float))
    return value


def smoothed(values: np.ndarray, sigma_s: float) -> np.ndarray:
    """A Gaussian over the time grid; both ends are held. values: [K, ...]."""
    radius = int(np.ceil(3 * sigma_s * CONTROL_RATE_HZ))
    kernel = np.exp(-0.5 * (np.arange(-radius, radius + 1) / (sigma_s * CONTROL_RATE_HZ)) ** 2)
    kernel /= kernel.sum()
    flat = values.reshape(len(values), -1)
    padded = np.pad(flat, ((radius, radius), (0, 0)), mode="edge")
    columns = [np.convolve(column, kernel, mode="valid") for column in padded.T]
    return np.stack(columns, axis=-1).reshape(values.shape)


def degrees(*values: float) -> tuple[float, ...]:
    return tuple(float(np.radians(v)) for v in values)


def _heading(yaw: np.ndarray | float) -> np.ndarray:
    return np.stack([np.sin(yaw), -np.cos(yaw)], axis=-1)


def _to_left(yaw: np.ndarray | float) -> np.ndarray:
    return np.stack([np.cos(yaw), np.sin(yaw)], axis=-1)


# ---------------------------------------------------------------------------------------------------------------- feet


def _standing_place(
    body: Body, side: int, x: float, y: float, yaw: float, *, half_width_m: float | None = None
) -> tuple[float, float, float]:
    """Where a foot stands beside a point on the ground, toes a little outwards."""
    sign = 1.0 if side == 0 else -1.0
    dx, dy = _to_left(yaw) * sign * (body.hip_half_width_m + 0.01 if half_width_m is None else half_width_m)
    return (x + dx, y + dy, yaw + sign * np.radians(6))


@dataclass(frozen=True)
class _Feet:
    sole_m: np.ndarray  # [K, 2, 3]
    foot_rad: np.ndarray  # [K, 2, 2]
    toe_bend_rad: np.ndarray  # [K, 2]
    planted: np.ndarray  # [K, 2]


def _feet(t: np.ndarray, start: Sequence[tuple[float, float, float]], steps: Sequence[Step]) -> _Feet:
    soles, turns, bends, planted = [], [], [], []
    for side in range(2):
        own = sorted((s for s in steps if s.side == side), key=lambda s: s.lift_s)
        place = np.broadcast_to(np.asarray(start[side], dtype=float), (len(t), 3)).copy()
        height, pitch, stands = np.zeros_like(t), np.zeros_like(t), np.ones_like(t)
        bend_share = np.ones_like(t)
        before = np.asarray(start[side], dtype=float)
        for i, step in enumerate(own):
            u = (t - step.lift_s) / (step.land_s - step.lift_s)
            swing = (u > 0) & (u < 1)
            place += ease(u)[:, None] * (np.asarray(step.place) - before)
            before = np.asarray(step.place, dtype=float)
            height += np.where(swing, step.height_m * np.sin(np.pi * np.clip(u, 0, 1)) ** 2, 0)
            stands[swing] = 0
            bend_share[swing] = 1 - ease(u[swing] / 0.5)
            stance_start = own[i - 1].land_s if i else t[0]
            rise = min(0.22, max(0.02, 0.6 * (step.lift_s - stance_start)))
            flat = min(0.10, 0.3 * (own[i + 1].lift_s - step.land_s) if i + 1 < len(own) else 0.10)
            pitch += np.where(u <= 0, -step.push_rad * ease((t - step.lift_s + rise) / rise), 0)
            pitch += np.where(swing, -step.push_rad + ease(u) * (step.push_rad + step.strike_rad), 0)
            pitch += np.where(u >= 1, step.strike_rad * (1 - ease((t - step.land_s) / flat)), 0)
        soles.append(np.stack([place[:, 0], place[:, 1], height], axis=-1))
        turns.append(np.stack([place[:, 2], pitch], axis=-1))
        bends.append(np.maximum(-pitch, 0) * bend_share)
        planted.append(stands)
    return _Feet(*(np.stack(values, axis=1) for values in (soles, turns, bends, planted)))


def steps_along(
    body: Body,
    path: Callable[[float], tuple[float, float, float]],
    *,
    start_s: float,
    step_s: float,
    places: Sequence[float],
    first_side: int = 0,
    swing_share: float = 0.78,
    half_width_m: float = 0.065,
    height_m: float = 0.06,
    strike_rad: float = 0.33,
    push_rad: float = 0.65,
) -> list[Step]:
    """Alternating steps to the path's points `places` (in the path's own parameter), then one to stand still beside the last.

    path: parameter -> x, y, yaw. swing_share: how much of a step's time the foot is in the air; above 1 both feet are at times.
    """
    steps = []
    for i, place in enumerate([*places, places[-1]]):
        side, last = (first_side + i) % 2, i == len(places)
        lift = start_s + i * step_s
        width = None if last else half_width_m
        soft = 0.3 if last else 1.0
        steps.append(
            Step(
                side=side,
                lift_s=lift,
                land_s=lift + swing_share * step_s,
                place=_standing_place(body, side, *path(place), half_width_m=width),
                height_m=height_m,
                strike_rad=strike_rad * soft,
                push_rad=push_rad if i else 0.6 * push_rad,
            )
        )
    return steps


def path_through(
    points: Sequence[tuple[float, float]], *, start_yaw: float, end_yaw: float | None = None, round_m: float = 0.25
) -> tuple[Callable[[float], tuple[float, float, float]], float]:
    """A walkable path through points on the ground. Returns the function length in metres -> x, y, yaw, and the whole length."""
    corners = np.asarray(points, dtype=float)
    lengths = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=-1))])
    dense = np.linspace(0, lengths[-1], 400)
    xy = np.stack([np.interp(dense, lengths, corners[:, k]) for k in range(2)], axis=-1)
    sigma = round_m / (dense[1] - dense[0])
    kernel = np.exp(-0.5 * (np.arange(-int(3 * sigma), int(3 * sigma) + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    half = len(kernel) // 2
    # Mirrored about the ends, so that the ends stay where they are.
    padded = np.concatenate([2 * xy[0] - xy[half:0:-1], xy, 2 * xy[-1] - xy[-2 : -half - 2 : -1]])
    xy = np.stack([np.convolve(padded[:, k], kernel, mode="valid") for k in range(2)], axis=-1)
    gone = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(xy, axis=0), axis=-1))])
    direction = np.gradient(xy, axis=0)
    yaw = np.unwrap(np.arctan2(direction[:, 0], -direction[:, 1]))
    yaw += 2 * np.pi * np.round((start_yaw - yaw[0]) / (2 * np.pi))
    total = float(gone[-1])
    if end_yaw is not None:
        end_yaw += 2 * np.pi * np.round((yaw[-1] - end_yaw) / (2 * np.pi))
        yaw = yaw + ease((gone - total + 0.35) / 0.35) * (end_yaw - yaw)

    def path(s: float) -> tuple[float, float, float]:
        return tuple(float(np.interp(s, gone, column)) for column in (xy[:, 0], xy[:, 1], yaw))  # type: ignore[return-value]

    return path, total


# ---------------------------------------------------------------------------------------------------------------- body


def _build(
    t: np.ndarray,
    body: Body,
    *,
    steps: Sequence[Step] = (),
    start: tuple[float, float, float] = (0.0, 0.0, 0.0),
    stance_half_width_m: float | None = None,
    seed: int = 0,
    shift_m: np.ndarray | float = 0.0,
    lift_m: np.ndarray | float = 0.0,
    pelvis_lean_rad: np.ndarray | float = 0.0,
    pelvis_yaw_rad: np.ndarray | float = 0.0,
    spine_rad: np.ndarray | float = 0.0,
    head_rad: np.ndarray | float = 0.0,
    left_arm_rad: np.ndarray | float = 0.0,
    right_arm_rad: np.ndarray | float = 0.0,
    knee_out_rad: np.ndarray | float = 0.0,
    swing_gain: float = 1.0,
    foot_pitch_rad: np.ndarray | float = 0.0,
    sole_shift_m: np.ndarray | None = None,
) -> Controls:
    """Controls on the grid t [K] from footsteps and from what a motion adds to standing and walking.

    shift_m [K, 3]: the pelvis forwards, leftwards, upwards of where it would be; lift_m [K]: the whole body off the ground.
    Arms [K, 5] as in Controls, added to a relaxed arm. foot_pitch_rad [K, 2] and sole_shift_m [K, 2, 3] (world) go to the feet.
    """
    k = len(t)
    feet = _feet(t, [_standing_place(body, s, *start, half_width_m=stance_half_width_m) for s in range(2)], steps)
    sole, foot_rad, planted = feet.sole_m.copy(), feet.foot_rad.copy(), feet.planted.copy()
    foot_rad[..., 1] += foot_pitch_rad
    added_pitch = np.broadcast_to(np.asarray(foot_pitch_rad, dtype=float), (k, 2))
    toe_bend = feet.toe_bend_rad + np.maximum(-added_pitch, 0)
    if sole_shift_m is not None:
        sole += sole_shift_m
        planted = np.where(np.any(np.abs(sole_shift_m) > 1e-9, axis=-1), 0.0, planted)

    toes_out = np.radians([6.0, -6.0])
    yaw = smoothed((feet.foot_rad[..., 0] - toes_out).mean(1), 0.16)
    ahead, left = _heading(yaw), _to_left(yaw)
    middle = smoothed(feet.sole_m[..., :2].mean(1), 0.12)
    weight = smoothed(planted[:, 0] - planted[:, 1], 0.10)  # towards the foot that stands
    shift = np.broadcast_to(np.asarray(shift_m, dtype=float), (k, 3))
    life = _life(t, seed)
    xy = middle + (0.035 + shift[:, :1]) * ahead + (0.022 * weight + shift[:, 1] + 0.006 * life[0])[:, None] * left

    # How far each foot is ahead of the body drives the pelvis, the chest and the arms.
    stride = np.einsum("ksd,kd->ks", feet.sole_m[..., :2] - middle[:, None], ahead)
    stride = smoothed(stride, 0.05)
    difference = stride[:, 0] - stride[:, 1]
    walking_yaw = -0.16 * difference
    pelvis_rad = np.stack(
        [
            yaw + walking_yaw + pelvis_yaw_rad,
            np.radians(2.0) + np.zeros(k) + pelvis_lean_rad,
            0.05 * weight + 0.01 * life[1],
        ],
        axis=-1,
    )
    spine = np.broadcast_to(np.asarray(spine_rad, dtype=float), (k, 3)) + np.stack(
        [-2.4 * walking_yaw, np.radians(2.0) + 0.008 * life[2], -0.9 * pelvis_rad[:, 2]], axis=-1
    )
    looks_ahead = np.clip(np.interp(t + 0.35, t, yaw) - yaw, -0.5, 0.5)
    head = np.broadcast_to(np.asarray(head_rad, dtype=float), (k, 3)) + np.stack(
        [
            1.2 * walking_yaw + 0.8 * smoothed(looks_ahead, 0.1) + 0.03 * life[3],
            np.radians(-4.0) + 0.015 * life[1],
            0.01 * life[0],
        ],
        axis=-1,
    )

    arms = []
    for s, added in enumerate((left_arm_rad, right_arm_rad)):
        swing = swing_gain * stride[:, 1 - s]
        relaxed = np.stack(
            [
                0.05 + 0.95 * swing + 0.015 * life[2 + s],
                np.radians(9) + 0.0 * t,
                np.radians(12) + 0.0 * t,
                np.radians(16) + 0.55 * np.maximum(smoothed(swing, 0.05) + 0.15, 0.0),
                np.radians(25) + 0.0 * t,
            ],
            axis=-1,
        )
        arms.append(relaxed + np.broadcast_to(np.asarray(added, dtype=float), (k, 5)))

    wished = LEG_REACH * body.leg_m + body.ankle_height_m + shift[:, 2]
    height = _carried_height(body, xy, pelvis_rad, sole, foot_rad, wished)
    lift = np.broadcast_to(np.asarray(lift_m, dtype=float), (k,))
    sole[..., 2] += lift[:, None]
    planted = np.where(lift[:, None] > 1e-9, 0.0, planted)
    return Controls(
        pelvis_m=np.concatenate([xy, (height + lift)[:, None]], axis=-1),
        pelvis_rad=pelvis_rad,
        spine_rad=spine,
        head_rad=head,
        arm_rad=np.stack(arms, axis=1),
        sole_m=sole,
        foot_rad=foot_rad,
        toe_bend_rad=toe_bend,
        knee_out_rad=np.radians(4.0) + np.broadcast_to(np.asarray(knee_out_rad, dtype=float).reshape(-1, 1), (k, 2)),
        planted=planted,
    )


def _carried_height(
    body: Body, xy: np.ndarray, pelvis_rad: np.ndarray, sole: np.ndarray, foot_rad: np.ndarray, wished: np.ndarray
) -> np.ndarray:
    """The pelvis's height [K], at most as wished and so low that both legs reach their feet, without a jerk."""
    ankle, _ = foot_frames(body, sole, foot_rad)
    hips = np.array([[body.hip_half_width_m, 0, 0], [-body.hip_half_width_m, 0, 0]])
    hip = np.einsum("kij,sj->ksi", yaw_pitch_roll(pelvis_rad), hips)
    hip[..., :2] += xy[:, None]
    apart = np.linalg.norm(ankle[..., :2] - hip[..., :2], axis=-1)
    reach = LEG_REACH * body.leg_m
    if apart.max() >= reach:
        raise ValueError(f"A foot is {apart.max():.2f} m beside its hip, farther than the leg reaches.")
    highest = (ankle[..., 2] + np.sqrt(reach**2 - apart**2) - hip[..., 2]).min(axis=1)
    # The most that any neighbour lacks, then the mean over the same reach: smooth, and never less than is needed.
    sigma_s = 0.045
    radius = int(np.ceil(3 * sigma_s * CONTROL_RATE_HZ))
    lacking = np.pad(np.maximum(wished - highest, 0), radius, mode="edge")
    return wished - smoothed(np.lib.stride_tricks.sliding_window_view(lacking, 2 * radius + 1).max(axis=-1), sigma_s)


def _life(t: np.ndarray, seed: int) -> np.ndarray:
    """Slow small movements of a living body, [4, K], each within about -1 to 1."""
    rng = np.random.default_rng([seed, 7])
    rates = rng.uniform(0.15, 0.55, size=(4, 3))
    phases = rng.uniform(0, 2 * np.pi, size=(4, 3))
    return np.sin(2 * np.pi * rates[..., None] * t + phases[..., None]).mean(axis=1) * 1.5


def _arm(flexion: float = 0, abduction: float = 0, twist: float = 0, elbow: float = 0, turn: float = 0) -> tuple[float, ...]:
    """What is added to the relaxed arm, in degrees."""
    return degrees(flexion, abduction, twist, elbow, turn)


# ------------------------------------------------------------------------------------------------------------- motions


def stand(t: np.ndarray, body: Body, seed: int) -> Motion:
    return Motion(_build(t, body, seed=seed))


def walk(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Straight at the camera from 1.4 m behind the middle to 1.0 m before it, then standing."""
    path, length = path_through([(0, 1.4), (0, -1.0)], start_yaw=0.0)
    steps = steps_along(body, path, start_s=0.4, step_s=0.54, places=np.linspace(0.45, length, 4))
    return Motion(_build(t, body, steps=steps, start=path(0), seed=seed))


def walk_across(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Through the picture from one side to the other, in and out of it; odd seeds come from the other side."""
    direction = 1 if seed % 2 == 0 else -1
    path, _ = path_through([(-2.6 * direction, 0.0), (30.0 * direction, 0.0)], start_yaw=direction * np.pi / 2)
    count = int(t[-1] / 0.52) + 3
    places = 0.30 + 0.63 * np.arange(1, count)
    steps = steps_along(body, path, start_s=-0.1, step_s=0.52, places=places, first_side=seed % 2)
    return Motion(_build(t, body, steps=steps, start=path(0), seed=seed))


def walk_turn(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Round a loop to the right and back to where it began, facing the camera again."""
    points = [(0, 0.5), (0, -0.2), (-0.75, -0.45), (-1.0, 0.3), (-0.2, 0.85), (0.8, 0.6), (0.9, -0.1), (0.3, -0.3), (0.0, -0.5)]
    path, length = path_through(points, start_yaw=0.0, end_yaw=0.0, round_m=0.28)
    count = max(8, round(length / 0.52))
    steps = steps_along(body, path, start_s=0.4, step_s=0.53, places=np.linspace(0, length, count + 1)[1:])
    return Motion(_build(t, body, steps=steps, start=path(0), seed=seed))


# Against the chest, which leans: so the arms point forwards, level.
_SQUAT_ARM = _arm(flexion=118, abduction=-4, elbow=-6)


def _squat_keys(times: Sequence[tuple[float, float, float, float]]) -> list[tuple[float, float]]:
    keys: list[tuple[float, float]] = [(-1.0, 0.0)]
    for down, low, rise, up in times:
        keys += [(down, 0), (low, 1), (rise, 1), (up, 0)]
    return keys


def _squat_parts(t: np.ndarray, keys: Sequence[tuple[float, float]], *, depth_m: float = 0.40) -> dict[str, np.ndarray]:
    share = keyed(t, keys)
    arms = share[:, None] * np.array(_SQUAT_ARM)
    return {
        "shift_m": share[:, None] * np.array([-0.13, 0.0, -depth_m]),
        "pelvis_lean_rad": np.radians(28) * share,
        "spine_rad": share[:, None] * np.array(degrees(0, 14, 0)),
        "head_rad": share[:, None] * np.array(degrees(0, -30, 0)),
        "left_arm_rad": arms,
        "right_arm_rad": arms,
        "knee_out_rad": np.radians(16) * share,
    }


def squat(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Down and up again, every three seconds."""
    times = [(0.4 + 3 * i, 1.6 + 3 * i, 1.9 + 3 * i, 3.0 + 3 * i) for i in range(int(t[-1] / 3) + 1)]
    return Motion(_build(t, body, seed=seed, stance_half_width_m=0.17, **_squat_parts(t, _squat_keys(times))))


def reach(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Up with one hand, then to the side with the other, then forwards and down with both."""
    up, side, low = _arm(168, 6, 0, -8), _arm(15, 92, -60, -6), _arm(95, 0, 0, -8)
    right = keyed(t, [(0.3, _arm()), (1.3, up), (1.8, up), (2.8, _arm()), (4.9, _arm()), (5.8, low), (6.2, low), (7.0, _arm())])
    left = keyed(t, [(2.6, _arm()), (3.5, side), (4.0, side), (4.9, _arm()), (5.8, low), (6.2, low), (7.0, _arm())])
    spine = keyed(
        t,
        [
            (0.3, degrees(0, 0, 0)),
            (1.3, degrees(12, -6, 8)),
            (1.8, degrees(12, -6, 8)),
            (2.8, degrees(0, 0, 0)),
            (3.5, degrees(14, 4, 16)),
            (4.0, degrees(14, 4, 16)),
            (4.9, degrees(0, 0, 0)),
            (5.8, degrees(0, 34, 0)),
            (6.2, degrees(0, 34, 0)),
            (7.0, degrees(0, 0, 0)),
        ],
    )
    bow = keyed(t, [(4.9, 0), (5.8, 1), (6.2, 1), (7.0, 0)])
    head = np.stack([0.5 * spine[:, 0], -0.6 * spine[:, 1], np.zeros_like(t)], axis=-1)
    return Motion(
        _build(
            t,
            body,
            seed=seed,
            stance_half_width_m=0.14,
            left_arm_rad=left,
            right_arm_rad=right,
            spine_rad=spine,
            head_rad=head,
            pelvis_lean_rad=np.radians(26) * bow,
            shift_m=bow[:, None] * np.array([-0.09, 0, -0.07]),
        )
    )


def arm_swing(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Both arms swing forwards and backwards against each other, then rise to the sides and fall."""
    grow = keyed(t, [(0.2, 0), (1.0, 1), (3.0, 1), (3.6, 0)])
    swing = grow * np.sin(2 * np.pi * 0.85 * (t - 0.2))
    raised = keyed(t, [(3.5, 0), (4.6, 1), (4.9, 1), (5.9, 0)])

    def arm(sign: float) -> np.ndarray:
        forwards = sign * swing
        return np.stack(
            [
                np.radians(62) * np.where(forwards > 0, forwards, 0.55 * forwards),
                np.radians(80) * raised,
                np.radians(-40) * raised,
                np.radians(18) * np.maximum(forwards, 0) - np.radians(8) * raised,
                np.zeros_like(t),
            ],
            axis=-1,
        )

    spine = np.stack([-np.radians(12) * swing, np.zeros_like(t), np.zeros_like(t)], axis=-1)
    return Motion(_build(t, body, seed=seed, left_arm_rad=arm(1), right_arm_rad=arm(-1), spine_rad=spine, head_rad=-0.7 * spine))


def jump(t: np.ndarray, body: Body, seed: int) -> Motion:
    """A jump on the spot with both arms, every 2.4 seconds."""
    rise_m, take_off, period, crouch_m = 0.26, 1.05, 2.4, 0.26
    speed = np.sqrt(2 * GRAVITY_M_S2 * rise_m)
    flight_s = 2 * speed / GRAVITY_M_S2
    # Pushed off and caught with an even force, so that the speed does not jump.
    push_s = 2 * crouch_m / speed
    lift, crouch = np.zeros_like(t), np.zeros_like(t)
    arms, tiptoe = np.zeros((len(t), 5)), np.zeros_like(t)
    for i in range(int(t[-1] / period) + 1):
        begin = take_off + period * i
        land = begin + flight_s
        air = np.clip(t - begin, 0, flight_s)
        lift += GRAVITY_M_S2 / 2 * air * (flight_s - air)
        before = keyed(t, [(begin - push_s - 0.55, 0), (begin - push_s, crouch_m)])
        after = keyed(t, [(land + push_s, crouch_m), (land + push_s + 0.55, 0)])
        pushing, caught = (t > begin - push_s) & (t < begin), (t > land) & (t < land + push_s)
        before = np.where(pushing, crouch_m * (1 - ((t - begin + push_s) / push_s) ** 2), np.where(t >= begin, 0, before))
        after = np.where(caught, crouch_m * (1 - ((land + push_s - t) / push_s) ** 2), np.where(t <= land, 0, after))
        crouch += before + after
        tiptoe += keyed(t, [(begin - 0.16, 0), (begin, 0.75), (land - 0.06, 0.45), (land, 0.4), (land + 0.10, 0)])
        arms += keyed(
            t,
            [
                (begin - 0.8, _arm()),
                (begin - 0.26, _arm(-42, 4)),
                (begin + 0.16, _arm(150, 8, 0, -4)),
                (land + 0.08, _arm(70, 12)),
                (land + 0.75, _arm()),
            ],
        )
    # The heels leave before the toes do: while the feet stand, the pelvis rises with them by itself.
    return Motion(
        _build(
            t,
            body,
            seed=seed,
            lift_m=lift,
            shift_m=np.stack([-0.25 * crouch, 0 * t, -crouch + 0.10 * tiptoe], axis=-1),
            pelvis_lean_rad=1.3 * crouch,
            spine_rad=np.stack([0 * t, 0.9 * crouch, 0 * t], axis=-1),
            head_rad=np.stack([0 * t, -1.2 * crouch, 0 * t], axis=-1),
            left_arm_rad=arms,
            right_arm_rad=arms,
            foot_pitch_rad=-np.stack([tiptoe, tiptoe], axis=-1),
            knee_out_rad=0.4 * crouch,
        )
    )


def run(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Jogging round a circle of 1.1 m."""
    radius, step_s, step_m = 1.1, 0.36, 0.72

    def path(s: float) -> tuple[float, float, float]:
        angle = s / radius
        return (radius * np.cos(angle), -radius * np.sin(angle), np.pi - angle + np.pi)

    count = int(t[-1] / step_s) + 2
    steps = steps_along(
        body,
        path,
        start_s=0.2,
        step_s=step_s,
        places=step_m * (np.arange(count) + 0.5),
        swing_share=1.25,
        half_width_m=0.045,
        height_m=0.20,
        strike_rad=0.12,
        push_rad=0.95,
    )
    # Both feet are in the air around the middle between a landing and the lift before it.
    phase = (t - 0.2) / step_s
    moving = ease((t - 0.3) / 0.5)
    bounce = 0.035 * moving * (np.cos(2 * np.pi * (phase - 0.12)) - 1)
    bent = moving[:, None] * np.array(_arm(4, 4, 14, 72, 0))
    return Motion(
        _build(
            t,
            body,
            steps=steps,
            start=path(0),
            seed=seed,
            shift_m=np.stack([0 * t, 0 * t, bounce - 0.02 * moving], axis=-1),
            pelvis_lean_rad=np.radians(7) * moving,
            left_arm_rad=bent,
            right_arm_rad=bent,
            swing_gain=1.2,
        )
    )


_SEAT_HEIGHT_M = 0.44


def sit_rise(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Sits down on a stool, sits, and rises again."""
    sit = keyed(t, [(0.5, 0), (1.9, 1), (3.3, 1), (4.6, 0)])
    lean = keyed(t, [(0.5, 0), (1.3, 1), (2.0, 0), (3.0, 0), (3.7, 1), (4.6, 0)])
    pelvis_seated = _SEAT_HEIGHT_M + 0.085
    drop = pelvis_seated - (LEG_REACH * body.leg_m + body.ankle_height_m)
    arm = sit[:, None] * np.array(_arm(22, 0, 8, 34, 20)) + lean[:, None] * np.array(_arm(28, 0, 0, -4))
    controls = _build(
        t,
        body,
        seed=seed,
        stance_half_width_m=0.13,
        shift_m=sit[:, None] * np.array([-0.40, 0, drop]),
        pelvis_lean_rad=np.radians(26) * lean - np.radians(6) * sit,
        spine_rad=np.stack([0 * t, np.radians(18) * lean, 0 * t], axis=-1),
        head_rad=np.stack([0 * t, -np.radians(26) * lean, 0 * t], axis=-1),
        left_arm_rad=arm,
        right_arm_rad=arm,
        knee_out_rad=np.radians(4) * sit,
    )
    return Motion(controls, seat_m=(0.0, 0.42, _SEAT_HEIGHT_M))


def punch(t: np.ndarray, body: Body, seed: int) -> Motion:
    """A boxer's stance: straight punches with one hand and the other."""
    guard = _arm(32, 8, 22, 108, -10)
    out = _arm(84, 2, 6, -10, 55)
    steps = [Step(0, 0.2, 0.55, (0.16, -0.14, np.radians(-18)), strike_rad=0.0, push_rad=0.2)]
    steps += [Step(1, 0.55, 0.9, (-0.17, 0.26, np.radians(-38)), strike_rad=0.0, push_rad=0.2)]
    left: list[tuple[float, tuple[float, ...]]] = [(0.3, _arm()), (0.9, guard)]
    right = list(left)
    turn: list[tuple[float, float]] = [(0.9, 0.0)]
    hands = (left, right)
    for i in range(int(max(t[-1] - 1.2, 0) / 0.9) + 1):
        begin, hand = 1.2 + 0.9 * i, i % 2
        hands[hand].extend([(begin, guard), (begin + 0.22, out), (begin + 0.30, out), (begin + 0.62, guard)])
        turn.extend([(begin, 0.0), (begin + 0.22, (-1.0, 1.0)[hand]), (begin + 0.30, (-1.0, 1.0)[hand]), (begin + 0.62, 0.0)])
    twist = keyed(t, turn)
    spine = np.stack([np.radians(20) * twist, np.full_like(t, np.radians(6)), 0 * t], axis=-1)
    return Motion(
        _build(
            t,
            body,
            steps=steps,
            seed=seed,
            stance_half_width_m=0.12,
            shift_m=ease((t - 0.3) / 0.8)[:, None] * np.array([0, 0, -0.07]),
            pelvis_yaw_rad=np.radians(9) * twist,
            spine_rad=spine,
            head_rad=np.stack([-spine[:, 0] - np.radians(9) * twist, 0 * t, 0 * t], axis=-1),
            left_arm_rad=keyed(t, left),
            right_arm_rad=keyed(t, right),
            swing_gain=0.0,
        )
    )


def kick(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Front kicks with the right foot, then the left, every 1.9 seconds."""
    shift = np.zeros((len(t), 2, 3))
    kicks, lean_to = np.zeros_like(t), np.zeros_like(t)
    pitch = np.zeros((len(t), 2))
    for i in range(int(t[-1] / 1.9) + 1):
        begin, side = 0.5 + 1.9 * i, 1 - i % 2
        path = [
            (begin, (0.0, 0.0, 0.0)),
            (begin + 0.32, (0.0, 0.10, 0.38)),
            (begin + 0.60, (0.0, -0.70, 0.72)),
            (begin + 0.68, (0.0, -0.70, 0.72)),
            (begin + 1.0, (0.0, -0.05, 0.30)),
            (begin + 1.3, (0.0, 0.0, 0.0)),
        ]
        shift[:, side] += keyed(t, path)
        share = keyed(t, [(begin, 0), (begin + 0.6, 1), (begin + 0.68, 1), (begin + 1.3, 0)])
        kicks += share
        lean_to += (1.0 if side == 1 else -1.0) * keyed(
            t, [(begin - 0.35, 0), (begin + 0.05, 1), (begin + 1.2, 1), (begin + 1.5, 0)]
        )
        pitch[:, side] += keyed(t, [(begin, 0), (begin + 0.32, -0.5), (begin + 0.6, 0.75), (begin + 0.7, 0.75), (begin + 1.3, 0)])
    guard = ease((t - 0.1) / 0.5)[:, None] * np.array(_arm(25, 12, 20, 80))
    return Motion(
        _build(
            t,
            body,
            seed=seed,
            sole_shift_m=shift,
            foot_pitch_rad=pitch,
            shift_m=np.stack([-0.05 * kicks, 0.065 * lean_to, -0.03 * kicks], axis=-1),
            pelvis_lean_rad=-np.radians(16) * kicks,
            spine_rad=np.stack([0 * t, np.radians(8) * kicks, 0 * t], axis=-1),
            left_arm_rad=guard,
            right_arm_rad=guard,
        )
    )


def lie_down(t: np.ndarray, body: Body, seed: int) -> Motion:
    """Crouches, sits on the floor, lies down on the back and stretches the legs."""
    standing = LEG_REACH * body.leg_m + body.ankle_height_m
    place = keyed(
        t,
        [
            (0.3, (0.0, 0.0, 0.0)),
            (1.3, (-0.18, 0.0, 0.40 - standing)),
            (2.2, (-0.42, 0.0, 0.115 - standing)),
            (2.5, (-0.42, 0.0, 0.115 - standing)),
            (3.8, (-0.50, 0.0, 0.105 - standing)),
        ],
    )
    lean = keyed(t, [(0.3, 0), (1.2, np.radians(38)), (2.2, np.radians(-18)), (2.5, np.radians(-18)), (3.8, np.radians(-91))])
    bow = keyed(t, [(0.3, 0), (1.2, np.radians(28)), (2.2, np.radians(24)), (2.6, np.radians(26)), (3.8, np.radians(-4))])
    nod = keyed(t, [(0.3, 0), (1.2, np.radians(-25)), (2.4, np.radians(10)), (3.2, np.radians(28)), (3.9, np.radians(6))])
    arm = keyed(
        t,
        [
            (0.3, _arm()),
            (1.2, _arm(66, 2, 0, -4)),
            (2.2, _arm(-34, 16, -10, 10)),
            (2.8, _arm(-30, 20, -10, 24)),
            (3.9, _arm(-2, 20, 0, -4)),
        ],
    )
    ahead = 0.30
    steps = []
    for s, begin in ((0, 4.0), (1, 4.5)):
        x, y, yaw = _standing_place(body, s, 0, -ahead, 0, half_width_m=0.13)
        steps.append(Step(s, begin, begin + 0.7, (x, y, yaw), height_m=0.05, strike_rad=0.0, push_rad=0.0))
    toes_up = np.stack([keyed(t, [(begin, 0), (begin + 0.7, np.radians(55))]) for begin in (4.0, 4.5)], axis=-1)
    heels_up = keyed(t, [(0.5, 0), (1.2, -0.25), (1.5, -0.25), (2.2, 0)])
    # Half of what the feet step forwards would pull the pelvis along.
    stay = sum(ease((t - begin) / 0.7) for begin in (4.0, 4.5)) * ahead / 2
    place = place - smoothed(stay, 0.12)[:, None] * np.array([1.0, 0, 0])
    return Motion(
        _build(
            t,
            body,
            steps=steps,
            start=(0.0, -0.35, 0.0),
            seed=seed,
            stance_half_width_m=0.13,
            shift_m=place,
            pelvis_lean_rad=lean,
            spine_rad=np.stack([0 * t, bow, 0 * t], axis=-1),
            head_rad=np.stack([0 * t, nod, 0 * t], axis=-1),
            left_arm_rad=arm,
            right_arm_rad=arm,
            knee_out_rad=keyed(t, [(0.3, 0), (1.2, np.radians(14)), (2.2, 0)]),
            foot_pitch_rad=toes_up + heels_up[:, None],
            swing_gain=0.0,
        )
    )


def demo(t: np.ndarray, body: Body, seed: int) -> Motion:
    """About twelve seconds: arm swings, a walk round a loop, a squat, a reach up and one to the side."""
    points = [
        (0.35, 0.1),
        (0.35, -0.35),
        (-0.25, -0.75),
        (-0.85, -0.30),
        (-0.60, 0.45),
        (0.05, 0.62),
        (0.55, 0.25),
        (0.25, -0.25),
        (0, -0.5),
    ]
    path, length = path_through(points, start_yaw=0.0, end_yaw=0.0, round_m=0.22)
    steps = steps_along(body, path, start_s=1.9, step_s=0.50, places=np.linspace(0, length, 9)[1:])

    grow = keyed(t, [(0.2, 0), (0.7, 1), (1.3, 1), (1.9, 0)])
    swing = grow * np.sin(2 * np.pi * 0.95 * (t - 0.2))
    squat_parts = _squat_parts(t, _squat_keys([(6.6, 7.6, 7.75, 8.7)]), depth_m=0.36)
    up, side = _arm(160, 8, 0, -8), _arm(12, 86, -50, -6)
    right = keyed(t, [(8.7, _arm()), (9.6, up), (9.9, up), (10.8, _arm())])
    left = keyed(t, [(9.9, _arm()), (10.7, side), (11.0, side), (11.8, _arm())])
    spine = keyed(
        t,
        [
            (8.7, degrees(0, 0, 0)),
            (9.6, degrees(10, -5, 7)),
            (9.9, degrees(10, -5, 7)),
            (10.7, degrees(8, 2, 11)),
            (11.0, degrees(8, 2, 11)),
            (11.8, degrees(0, 0, 0)),
        ],
    )

    def swinging(sign: float) -> np.ndarray:
        forwards = sign * swing
        arm = np.zeros((len(t), 5))
        arm[:, 0] = np.radians(55) * np.where(forwards > 0, forwards, 0.55 * forwards)
        arm[:, 3] = np.radians(20) * np.maximum(forwards, 0)
        return arm

    turned = np.stack([-np.radians(10) * swing, 0 * t, 0 * t], axis=-1)
    return Motion(
        _build(
            t,
            body,
            steps=steps,
            start=path(0),
            seed=seed,
            shift_m=squat_parts["shift_m"],
            pelvis_lean_rad=squat_parts["pelvis_lean_rad"],
            knee_out_rad=squat_parts["knee_out_rad"],
            spine_rad=squat_parts["spine_rad"] + spine + turned,
            head_rad=squat_parts["head_rad"] - 0.7 * turned + 0.3 * spine,
            left_arm_rad=squat_parts["left_arm_rad"] + left + swinging(1),
            right_arm_rad=squat_parts["right_arm_rad"] + right + swinging(-1),
        )
    )


MOTIONS: dict[str, Callable[[np.ndarray, Body, int], Motion]] = {
    motion.__name__: motion
    for motion in (stand, walk, walk_across, walk_turn, squat, reach, arm_swing, jump, run, sit_rise, punch, kick, lie_down, demo)
}
# How long each motion needs until it is through once.
DEFAULT_SECONDS: dict[str, float] = {
    "stand": 2.0,
    "walk": 3.2,
    "walk_across": 5.0,
    "walk_turn": 7.5,
    "squat": 3.2,
    "reach": 7.2,
    "arm_swing": 6.0,
    "jump": 2.4,
    "run": 4.0,
    "sit_rise": 5.0,
    "punch": 4.5,
    "kick": 4.3,
    "lie_down": 5.6,
    "demo": 12.0,
}


def perform(name: str, body: Body, times_s: np.ndarray, *, seed: int = 0) -> tuple[Posed, Motion]:
    """The body at times_s [T] of a motion; the same time gives the same pose whatever the frame rate.

    Raises ValueError for a motion that does not exist.
    """
    if name not in MOTIONS:
        raise ValueError(f"There is no motion {name!r}. Choose one of: {', '.join(MOTIONS)}.")
    # Planned to the motion's own end at least: what a plan does late must not depend on how much of it a clip shows.
    end = max(float(np.max(times_s)), DEFAULT_SECONDS[name]) + 0.5
    grid = np.arange(0, end, 1 / CONTROL_RATE_HZ)
    motion = MOTIONS[name](grid, body, seed)
    return pose(body, motion.controls.at(grid, np.asarray(times_s, dtype=float))), motion


def turned_about_origin(posed: Posed, yaw_rad: float, move_m: tuple[float, float] = (0.0, 0.0)) -> Posed:
    """The same performance, turned about the vertical through the origin and moved over the ground."""
    turn, move = rotation("z", yaw_rad), np.array([*move_m, 0.0])
    return replace(
        posed,
        joints_m=posed.joints_m @ turn.T + move,
        extras_m=posed.extras_m @ turn.T + move,
        rotations={name: turn @ r for name, r in posed.rotations.items()},
        origins_m={name: p @ turn.T + move for name, p in posed.origins_m.items()},
    )
