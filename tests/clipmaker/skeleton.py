"""The mannequin's skeleton: bone lengths and forward kinematics, numpy only.

World axes are Blender's: x right, y into the picture, z up. A body with yaw 0 faces -Y, so its left side is +X. Every segment's
rotation is the identity in the rest pose: standing upright, arms hanging, palms to the thighs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np

# By name and not imported: what runs inside Blender's Python imports neither lifter nor the add-on.
JOINT_NAMES: tuple[str, ...] = (
    "pelvis",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "spine",
    "thorax",
    "nose",
    "head_top",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
)
EXTRA_NAMES: tuple[str, ...] = (
    "neck_base",
    *(
        f"{side}_{part}"
        for side in ("left", "right")
        for part in ("eye", "ear", "hand", "index", "pinky", "thumb", "heel", "toe")
    ),
)
CONTACT_NAMES: tuple[str, ...] = ("left_heel", "left_toe", "right_heel", "right_toe")
# Pairs of joints that belong to one rigid bone.
RIGID_BONES: tuple[tuple[str, str], ...] = (
    ("pelvis", "spine"),
    ("spine", "thorax"),
    ("nose", "head_top"),
    *(
        (parent.format(side), child.format(side))
        for side in ("left", "right")
        for parent, child in (
            ("pelvis", "{}_hip"),
            ("{}_hip", "{}_knee"),
            ("{}_knee", "{}_ankle"),
            ("thorax", "{}_shoulder"),
            ("{}_shoulder", "{}_elbow"),
            ("{}_elbow", "{}_wrist"),
        )
    ),
)
SIDES: tuple[str, str] = ("left", "right")
SEGMENTS: tuple[str, ...] = (
    "pelvis",
    "abdomen",
    "chest",
    "neck",
    "head",
    *(f"{side}_{part}" for side in SIDES for part in ("upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toes")),
)

# How much of the full leg length the legs may use: a knee that is quite straight jumps when the ankle moves a little.
LEG_REACH = 0.99
_MIRROR = np.diag([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Body:
    """Lengths in metres; girth is a factor on every cross-section. The defaults are a person 1.75 m tall."""

    height_m: float = 1.75
    ankle_height_m: float = 0.085
    shin_m: float = 0.410
    thigh_m: float = 0.425
    hip_half_width_m: float = 0.088
    lower_spine_m: float = 0.240
    upper_spine_m: float = 0.255
    shoulder_half_width_m: float = 0.180
    upper_arm_m: float = 0.285
    forearm_m: float = 0.250
    hand_m: float = 0.180
    heel_m: float = 0.060
    ball_m: float = 0.120
    toe_m: float = 0.195
    girth: float = 1.0

    @property
    def leg_m(self) -> float:
        return self.thigh_m + self.shin_m

    @property
    def hip_height_m(self) -> float:
        return self.ankle_height_m + self.leg_m

    @property
    def thorax_height_m(self) -> float:
        return self.hip_height_m + self.lower_spine_m + self.upper_spine_m

    @property
    def neck_base_m(self) -> np.ndarray:
        """From the thorax, in the chest's axes."""
        return np.array([0.0, 0.015, 0.055])

    @property
    def skull_base_m(self) -> np.ndarray:
        """From the neck's base, in the neck's axes."""
        return np.array([0.0, -0.010, 0.075])

    @property
    def head_length_m(self) -> float:
        """From the skull's base to the top of the head; what is left of the body's height."""
        return self.height_m - self.thorax_height_m - self.neck_base_m[2] - self.skull_base_m[2]

    @classmethod
    def varied(cls, seed: int) -> Body:
        """A body of the same height with other proportions and another build; seed 0 is the average one."""
        if seed == 0:
            return cls()
        rng = np.random.default_rng(seed)
        body = cls(girth=rng.uniform(0.88, 1.18))
        factors = {f.name: rng.uniform(0.96, 1.04) for f in fields(cls) if f.name not in ("height_m", "girth")}
        for name in ("hip_half_width_m", "shoulder_half_width_m"):
            factors[name] = rng.uniform(0.93, 1.07)
        varied = replace(body, **{name: getattr(body, name) * factor for name, factor in factors.items()})
        # The head keeps its size: scale everything under the neck so that the total height stays.
        below = cls().thorax_height_m / varied.thorax_height_m
        vertical = ("ankle_height_m", "shin_m", "thigh_m", "lower_spine_m", "upper_spine_m")
        return replace(varied, **{name: getattr(varied, name) * below for name in vertical})


@dataclass(frozen=True)
class Controls:
    """What a motion says about one body over K samples; `pose` makes the joints from it. Sides are (left, right).

    Angles in radians. Yaw turns to the left seen from above, pitch leans forward, roll leans to the body's left.
    """

    pelvis_m: np.ndarray  # [K, 3] the middle of the hips
    pelvis_rad: np.ndarray  # [K, 3] yaw, pitch, roll in the world
    spine_rad: np.ndarray  # [K, 3] yaw, pitch, roll of the chest against the pelvis
    head_rad: np.ndarray  # [K, 3] yaw, pitch, roll of the head against the chest
    arm_rad: np.ndarray  # [K, 2, 5] shoulder flexion, abduction, inward twist; elbow flexion; forearm's inward turn
    sole_m: np.ndarray  # [K, 2, 3] the point of the flat sole below the ankle
    foot_rad: np.ndarray  # [K, 2, 2] yaw; pitch: above 0 the toes rise about the heel, below 0 the heel about the ball
    toe_bend_rad: np.ndarray  # [K, 2] toes against the foot, upwards
    knee_out_rad: np.ndarray  # [K, 2] how far the knee points outwards of the foot and pelvis
    planted: np.ndarray  # [K, 2] 1 where the foot stands, else 0

    def at(self, sample_times_s: np.ndarray, times_s: np.ndarray) -> Controls:
        """The controls at other times, linearly between the samples. sample_times_s: [K], times_s: [T]."""
        place = np.interp(times_s, sample_times_s, np.arange(len(sample_times_s)))
        low = np.minimum(place.astype(int), len(sample_times_s) - 2)
        weight = place - low

        def mixed(values: np.ndarray) -> np.ndarray:
            w = weight.reshape(-1, *[1] * (values.ndim - 1))
            return values[low] * (1 - w) + values[low + 1] * w

        return Controls(**{f.name: mixed(getattr(self, f.name)) for f in fields(self)})


@dataclass(frozen=True)
class Posed:
    """One body over T frames, world axes."""

    joints_m: np.ndarray  # [T, 17, 3]
    extras_m: np.ndarray  # [T, len(EXTRA_NAMES), 3]
    contact: np.ndarray  # [T, 4] bool, in the order of CONTACT_NAMES
    rotations: dict[str, np.ndarray]  # segment -> [T, 3, 3]
    origins_m: dict[str, np.ndarray]  # segment -> [T, 3], where the segment starts


def rotation(axis: str, angle_rad: np.ndarray | float) -> np.ndarray:
    """[...] radians about one axis -> [..., 3, 3]."""
    angle = np.asarray(angle_rad, dtype=float)
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rows = {
        "x": ((one, zero, zero), (zero, c, -s), (zero, s, c)),
        "y": ((c, zero, s), (zero, one, zero), (-s, zero, c)),
        "z": ((c, -s, zero), (s, c, zero), (zero, zero, one)),
    }[axis]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def yaw_pitch_roll(angles_rad: np.ndarray) -> np.ndarray:
    """[..., 3] -> [..., 3, 3]: roll first, then pitch, then yaw."""
    return rotation("z", angles_rad[..., 0]) @ rotation("x", angles_rad[..., 1]) @ rotation("y", angles_rad[..., 2])


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def foot_frames(body: Body, sole_m: np.ndarray, foot_rad: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ankle [..., 3] and the foot's rotation [..., 3, 3] from the flat sole's place and the foot's yaw and pitch [..., 2]."""
    flat = rotation("z", foot_rad[..., 0])
    rotated = flat @ rotation("x", -foot_rad[..., 1])
    heel, ball = np.array([0.0, body.heel_m, 0.0]), np.array([0.0, -body.ball_m, 0.0])
    pivot = np.where(foot_rad[..., 1:] > 0, heel, ball)
    to_ankle = np.array([0.0, 0.0, body.ankle_height_m]) - pivot
    ankle = sole_m + _apply(flat, pivot) + _apply(rotated, to_ankle)
    return ankle, rotated


def pose(body: Body, controls: Controls) -> Posed:
    """Forward kinematics of the trunk and arms; the legs reach from the hips to the ankles. Raises ValueError out of reach."""
    point: dict[str, np.ndarray] = {}
    turned: dict[str, np.ndarray] = {}
    origin: dict[str, np.ndarray] = {}

    pelvis, chest_rad, head_rad = controls.pelvis_m, controls.spine_rad, controls.head_rad
    turned["pelvis"] = yaw_pitch_roll(controls.pelvis_rad)
    turned["abdomen"] = turned["pelvis"] @ yaw_pitch_roll(chest_rad / 2)
    turned["chest"] = turned["abdomen"] @ yaw_pitch_roll(chest_rad / 2)
    turned["neck"] = turned["chest"] @ yaw_pitch_roll(head_rad / 2)
    turned["head"] = turned["neck"] @ yaw_pitch_roll(head_rad / 2)
    point["pelvis"] = origin["pelvis"] = origin["abdomen"] = pelvis
    point["spine"] = origin["chest"] = pelvis + _apply(turned["abdomen"], [0, 0, body.lower_spine_m])
    point["thorax"] = point["spine"] + _apply(turned["chest"], [0, 0, body.upper_spine_m])
    point["neck_base"] = origin["neck"] = point["thorax"] + _apply(turned["chest"], body.neck_base_m)
    skull = origin["head"] = point["neck_base"] + _apply(turned["neck"], body.skull_base_m)
    for name, offset in head_points(body).items():
        point[name] = skull + _apply(turned["head"], offset)

    for s, side in enumerate(SIDES):
        sign = 1.0 if side == "left" else -1.0
        flexion, abduction, twist, elbow, turn = np.moveaxis(controls.arm_rad[:, s], -1, 0)
        upper = rotation("x", -flexion) @ rotation("y", -abduction) @ rotation("z", -twist)
        bend, roll = rotation("x", -elbow), rotation("z", -turn)
        if side == "right":
            upper, bend, roll = (_MIRROR @ r @ _MIRROR for r in (upper, bend, roll))
        point[f"{side}_shoulder"] = point["thorax"] + _apply(turned["chest"], [sign * body.shoulder_half_width_m, 0, 0])
        turned[f"{side}_upper_arm"] = turned["chest"] @ upper
        turned[f"{side}_forearm"] = turned[f"{side}_upper_arm"] @ bend
        turned[f"{side}_hand"] = turned[f"{side}_forearm"] @ roll
        origin[f"{side}_upper_arm"] = point[f"{side}_shoulder"]
        point[f"{side}_elbow"] = point[f"{side}_shoulder"] + _apply(turned[f"{side}_upper_arm"], [0, 0, -body.upper_arm_m])
        point[f"{side}_wrist"] = point[f"{side}_elbow"] + _apply(turned[f"{side}_forearm"], [0, 0, -body.forearm_m])
        origin[f"{side}_forearm"], origin[f"{side}_hand"] = point[f"{side}_elbow"], point[f"{side}_wrist"]
        for name, offset in hand_points(body, sign).items():
            point[f"{side}_{name}"] = point[f"{side}_wrist"] + _apply(turned[f"{side}_hand"], offset)

        ankle, foot = foot_frames(body, controls.sole_m[:, s], controls.foot_rad[:, s])
        hip = pelvis + _apply(turned["pelvis"], [sign * body.hip_half_width_m, 0, 0])
        # A little upwards, so that the knee still has a side to go to when the leg points forwards.
        out = rotation("z", sign * controls.knee_out_rad[:, s])
        pole = _apply(turned["pelvis"] @ out, [0, -1.0, 0.3]) + _apply(foot @ out, [0, -0.5, 0])
        knee, thigh, shin = _leg(body, hip, ankle, pole)
        point |= {f"{side}_hip": hip, f"{side}_knee": knee, f"{side}_ankle": ankle}
        turned |= {f"{side}_thigh": thigh, f"{side}_shin": shin, f"{side}_foot": foot}
        origin |= {f"{side}_thigh": hip, f"{side}_shin": knee, f"{side}_foot": ankle}
        ball = origin[f"{side}_toes"] = ankle + _apply(foot, [0, -body.ball_m, -body.ankle_height_m])
        turned[f"{side}_toes"] = foot @ rotation("x", -controls.toe_bend_rad[:, s])
        point[f"{side}_toe"] = ball + _apply(turned[f"{side}_toes"], [0, body.ball_m - body.toe_m, 0])
        point[f"{side}_heel"] = ankle + _apply(foot, [0, body.heel_m, -body.ankle_height_m])

    stands = (controls.planted > 1 - 1e-9) & (np.abs(controls.sole_m[..., 2]) < 1e-9)  # [T, 2]
    pitch = controls.foot_rad[..., 1]
    contact = np.stack([stands & (pitch >= 0), stands & (pitch <= 0)], axis=-1).reshape(-1, 4)
    return Posed(
        joints_m=np.stack([point[name] for name in JOINT_NAMES], axis=1),
        extras_m=np.stack([point[name] for name in EXTRA_NAMES], axis=1),
        contact=contact,
        rotations=turned,
        origins_m=origin,
    )


def head_points(body: Body) -> dict[str, np.ndarray]:
    """The head's named points from the skull's base, in the head's axes."""
    top = body.head_length_m
    points = {"nose": np.array([0, -0.112, 0.42 * top]), "head_top": np.array([0, 0.005, top])}
    for side, sign in (("left", 1.0), ("right", -1.0)):
        points[f"{side}_eye"] = np.array([sign * 0.033, -0.086, 0.56 * top])
        points[f"{side}_ear"] = np.array([sign * 0.080, 0.008, 0.47 * top])
    return points


def hand_points(body: Body, sign: float) -> dict[str, np.ndarray]:
    """The hand's named points from the wrist, in the hand's axes (fingers down, palm to the thigh); sign is +1 on the left."""
    length = body.hand_m
    return {
        "hand": np.array([0, 0, -0.55 * length]),
        "index": np.array([0, -0.032, -0.58 * length]),
        "pinky": np.array([0, 0.032, -0.50 * length]),
        "thumb": np.array([-sign * 0.012, -0.055, -0.38 * length]),
    }


def rest_pose(body: Body) -> Posed:
    """One frame, every segment's rotation the identity."""
    zeros3, zeros2 = np.zeros((1, 3)), np.zeros((1, 2))
    sole = np.array([[[body.hip_half_width_m, 0, 0], [-body.hip_half_width_m, 0, 0]]])
    return pose(
        body,
        Controls(
            pelvis_m=np.array([[0, 0, body.hip_height_m]]),
            pelvis_rad=zeros3,
            spine_rad=zeros3,
            head_rad=zeros3,
            arm_rad=np.zeros((1, 2, 5)),
            sole_m=sole,
            foot_rad=np.zeros((1, 2, 2)),
            toe_bend_rad=zeros2,
            knee_out_rad=zeros2,
            planted=np.ones((1, 2)),
        ),
    )


def _apply(rotations: np.ndarray, vector: np.ndarray | list[float]) -> np.ndarray:
    return np.einsum("...ij,...j->...i", rotations, np.asarray(vector, dtype=float))


def _leg(body: Body, hip: np.ndarray, ankle: np.ndarray, pole: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Knee [T, 3], thigh's and shin's rotation [T, 3, 3]. The knee lies to the pole's side of the line from hip to ankle."""
    line = ankle - hip
    distance = np.linalg.norm(line, axis=-1, keepdims=True)
    if distance.max() > body.leg_m + 1e-6:
        raise ValueError(f"The ankle is {distance.max():.3f} m from the hip, but the leg is {body.leg_m:.3f} m long.")
    distance = np.minimum(distance, body.leg_m)
    down = unit(line)
    front = unit(pole - (pole * down).sum(-1, keepdims=True) * down)
    along = (distance**2 + body.thigh_m**2 - body.shin_m**2) / (2 * distance)
    aside = np.sqrt(np.maximum(body.thigh_m**2 - along**2, 0))
    knee = hip + along * down + aside * front
    side = np.cross(front, down)

    def frame(start: np.ndarray, end: np.ndarray) -> np.ndarray:
        up = unit(start - end)
        return np.stack([side, np.cross(up, side), up], axis=-1)

    return knee, frame(hip, knee), frame(knee, ankle)
