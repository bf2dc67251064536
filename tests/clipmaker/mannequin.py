"""The mannequin's skin, built from tubes and ellipsoids in the rest pose; numpy only.

Each vertex follows one or two segments of the skeleton, so that elbows and knees bend without gaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .skeleton import EXTRA_NAMES, JOINT_NAMES, SEGMENTS, Body, Posed, rest_pose

MATERIALS: tuple[str, ...] = ("skin", "shirt", "trousers", "shoes", "hair", "eye_white", "iris", "lips", "sole", "belt", "brow")
Colour = tuple[float, float, float]

_SKINS: tuple[Colour, ...] = ((0.62, 0.36, 0.25), (0.72, 0.46, 0.34), (0.42, 0.22, 0.13), (0.24, 0.12, 0.07), (0.80, 0.55, 0.42))
_SHIRTS: tuple[Colour, ...] = ((0.55, 0.06, 0.06), (0.05, 0.20, 0.50), (0.70, 0.65, 0.12), (0.08, 0.35, 0.16), (0.75, 0.73, 0.70))
_TROUSERS: tuple[Colour, ...] = (
    (0.03, 0.05, 0.14),
    (0.10, 0.09, 0.08),
    (0.30, 0.24, 0.16),
    (0.16, 0.18, 0.21),
    (0.05, 0.10, 0.06),
)
_HAIRS: tuple[Colour, ...] = ((0.03, 0.015, 0.01), (0.12, 0.05, 0.02), (0.01, 0.01, 0.01), (0.40, 0.26, 0.10), (0.25, 0.22, 0.20))


@dataclass(frozen=True)
class Skin:
    """V vertices, F faces of four corners (the last repeated in a triangle)."""

    vertices_m: np.ndarray  # [V, 3]
    faces: list[tuple[int, ...]]
    face_materials: np.ndarray  # [F] int, in the order of MATERIALS
    weights: np.ndarray  # [V, len(SEGMENTS)], each row sums to 1


def palette(seed: int) -> dict[str, Colour]:
    """Material -> linear RGB; seed 0 is a red shirt over dark blue trousers."""
    rng = np.random.default_rng([seed, 11])

    def chosen(colours: Sequence[Colour]) -> Colour:
        return colours[0] if seed == 0 else colours[int(rng.integers(len(colours)))]

    return {
        "skin": chosen(_SKINS),
        "shirt": chosen(_SHIRTS),
        "trousers": chosen(_TROUSERS),
        "hair": chosen(_HAIRS),
        "shoes": (0.65, 0.65, 0.65),
        "sole": (0.03, 0.03, 0.03),
        "belt": (0.02, 0.015, 0.01),
        "eye_white": (0.85, 0.85, 0.82),
        "iris": (0.02, 0.012, 0.01),
        "lips": (0.36, 0.09, 0.08),
        "brow": (0.03, 0.015, 0.01),
    }


class _Sculptor:
    def __init__(self) -> None:
        self.vertices: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self.faces: list[tuple[int, ...]] = []
        self.materials: list[int] = []
        self.count = 0

    def grid(self, points: np.ndarray, weights: np.ndarray, material: str) -> None:
        """points: [R, N, 3], R rings of N points from one pole to the other; weights: [R, segments], one row a ring."""
        rings, around = points.shape[:2]
        first = self.count
        self.vertices.append(points.reshape(-1, 3))
        self.weights.append(np.repeat(weights, around, axis=0))
        self.count += rings * around
        index = MATERIALS.index(material)
        for r in range(rings - 1):
            for i in range(around):
                a, b = first + r * around + i, first + r * around + (i + 1) % around
                self.faces.append((a, b, b + around, a + around))
                self.materials.append(index)

    def tube(
        self,
        stations: Sequence[tuple[np.ndarray, float, float]],
        weights: Sequence[dict[str, float]],
        material: str,
        *,
        squareness: float = 2.0,
        around: int = 24,
        axes: tuple[np.ndarray, np.ndarray] = (np.array([1.0, 0, 0]), np.array([0, 1.0, 0])),
    ) -> None:
        """Stations (middle, radius along each of the axes), rounded off at both ends, smooth between."""
        middles = np.stack([np.asarray(s[0], dtype=float) for s in stations])
        radii = np.array([[s[1], s[2]] for s in stations])
        rows = np.stack([_row(w) for w in weights])
        fine = np.linspace(0, len(stations) - 1, 5 * (len(stations) - 1) + 1)
        place = np.arange(len(stations))
        middles, radii, rows = (_spline(place, values, fine) for values in (middles, radii, rows))
        rows = np.clip(rows, 0, 1)
        rows /= rows.sum(axis=1, keepdims=True)
        along0 = middles[0] - middles[1]
        along1 = middles[-1] - middles[-2]
        along0, along1 = along0 / np.linalg.norm(along0), along1 / np.linalg.norm(along1)
        depth0, depth1 = 0.6 * radii[0].min(), 0.6 * radii[-1].min()
        opening = [1e-4, *np.cos(np.radians([75, 50, 25]))]
        start = [(middles[0] + along0 * depth0 * np.sqrt(1 - c**2), radii[0] * c) for c in opening]
        end = [(middles[-1] + along1 * depth1 * np.sqrt(1 - c**2), radii[-1] * c) for c in reversed(opening)]
        all_middles = np.stack([*(m for m, _ in start), *middles, *(m for m, _ in end)])
        all_radii = np.stack([*(r for _, r in start), *radii, *(r for _, r in end)])
        all_rows = np.concatenate([np.repeat(rows[:1], len(start), 0), rows, np.repeat(rows[-1:], len(end), 0)])
        angle = 2 * np.pi * np.arange(around) / around
        c, s = np.cos(angle), np.sin(angle)
        c, s = (np.sign(v) * np.abs(v) ** (2 / squareness) for v in (c, s))
        offsets = all_radii[:, None, :1] * c[None, :, None] * axes[0] + all_radii[:, None, 1:] * s[None, :, None] * axes[1]
        self.grid(all_middles[:, None] + offsets, all_rows, material)

    def ellipsoid(
        self,
        middle: Sequence[float] | np.ndarray,
        radii: tuple[float, float, float],
        segment: str,
        material: str,
        *,
        around: int = 20,
        turn: np.ndarray | None = None,
    ) -> None:
        polar = np.linspace(0.01, np.pi - 0.01, around // 2 + 2)
        angle = 2 * np.pi * np.arange(around) / around
        unit = np.stack(
            [
                np.sin(polar)[:, None] * np.cos(angle),
                np.sin(polar)[:, None] * np.sin(angle),
                np.cos(polar)[:, None] * np.ones_like(angle),
            ],
            axis=-1,
        )
        points = unit * np.asarray(radii)
        if turn is not None:
            points = points @ turn.T
        self.grid(points + np.asarray(middle), np.repeat(_row({segment: 1.0})[None], len(polar), 0), material)

    def skin(self) -> Skin:
        return Skin(np.concatenate(self.vertices), self.faces, np.array(self.materials), np.concatenate(self.weights))


def _row(weights: dict[str, float]) -> np.ndarray:
    row = np.zeros(len(SEGMENTS))
    for name, weight in weights.items():
        row[SEGMENTS.index(name)] = weight
    return row


def _spline(places: np.ndarray, values: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Cubic through the values with slopes that never overshoot much (Catmull-Rom, limited)."""
    slopes = np.gradient(values, axis=0) if len(values) > 1 else np.zeros_like(values)
    low = np.minimum(fine.astype(int), len(places) - 2)
    u = (fine - low)[:, None]
    p0, p1, m0, m1 = values[low], values[low + 1], slopes[low], slopes[low + 1]
    return (2 * u**3 - 3 * u**2 + 1) * p0 + (u**3 - 2 * u**2 + u) * m0 + (-2 * u**3 + 3 * u**2) * p1 + (u**3 - u**2) * m1


def sculpt(body: Body) -> Skin:
    """The whole mannequin in the rest pose, clothed."""
    rest = rest_pose(body)
    at = {name: rest.joints_m[0, i] for i, name in enumerate(JOINT_NAMES)}
    at |= {name: rest.extras_m[0, i] for i, name in enumerate(EXTRA_NAMES)}
    build = _Sculptor()
    _trunk(build, body, at)
    _head(build, body, rest, at)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        _arm(build, body, at, side, sign)
        _leg(build, body, at, side, sign)
    return build.skin()


def _trunk(build: _Sculptor, body: Body, at: dict[str, np.ndarray]) -> None:
    g, z0 = body.girth, body.hip_height_m
    spine, thorax = at["spine"][2], at["thorax"][2]
    wide = body.shoulder_half_width_m / 0.18

    def station(z: float, rx: float, ry: float, y: float = 0.0) -> tuple[np.ndarray, float, float]:
        return np.array([0, y, z]), rx, ry

    pelvis, abdomen, chest = {"pelvis": 1.0}, {"abdomen": 1.0}, {"chest": 1.0}
    build.tube(
        [
            station(z0 - 0.085, 0.095 * g, 0.075 * g, 0.01),
            station(z0 - 0.03, 0.158 * g, 0.108 * g, 0.015),
            station(z0 + 0.03, 0.166 * g, 0.116 * g, 0.015),
            station(z0 + 0.10, 0.150 * g, 0.108 * g, 0.008),
        ],
        [pelvis, pelvis, pelvis, {"pelvis": 0.7, "abdomen": 0.3}],
        "trousers",
        squareness=2.3,
    )
    build.tube(
        [station(z0 + 0.075, 0.156 * g, 0.113 * g, 0.008), station(z0 + 0.11, 0.153 * g, 0.112 * g, 0.008)],
        [{"pelvis": 0.8, "abdomen": 0.2}, {"pelvis": 0.65, "abdomen": 0.35}],
        "belt",
        squareness=2.3,
    )
    build.tube(
        [
            station(z0 + 0.10, 0.151 * g, 0.112 * g, 0.006),
            station((z0 + spine) / 2 + 0.04, 0.142 * g, 0.106 * g),
            station(spine, 0.146 * g, 0.108 * g),
            station(spine + 0.10, 0.160 * g * wide, 0.116 * g),
            station(thorax - 0.07, 0.172 * g * wide, 0.112 * g, 0.008),
            station(thorax, 0.165 * wide * (0.5 + g / 2), 0.088 * g, 0.012),
            station(thorax + 0.042, 0.105, 0.066, 0.015),
            station(thorax + 0.072, 0.058, 0.058, 0.015),
        ],
        [{"pelvis": 0.6, "abdomen": 0.4}, abdomen, {"abdomen": 0.5, "chest": 0.5}, chest, chest, chest, chest, chest],
        "shirt",
        squareness=2.3,
        around=32,
    )
    neck = at["neck_base"]
    skull = neck + body.skull_base_m
    build.tube(
        [
            (neck + np.array([0, 0.0, -0.03]), 0.054, 0.056),
            (neck + np.array([0, 0.0, 0.02]), 0.052, 0.055),
            (skull, 0.052, 0.056),
            (skull + np.array([0, 0.0, 0.06]), 0.055, 0.06),
        ],
        [{"chest": 0.7, "neck": 0.3}, {"neck": 1.0}, {"neck": 0.5, "head": 0.5}, {"head": 1.0}],
        "skin",
    )


def _head(build: _Sculptor, body: Body, rest: Posed, at: dict[str, np.ndarray]) -> None:
    skull = rest.origins_m["head"][0]
    top = body.head_length_m

    def place(x: float, y: float, share: float) -> np.ndarray:
        return skull + np.array([x, y, share * top])

    shape = (  # share of the head's length, half width, half depth, middle's y
        (-0.09, 0.020, 0.018, -0.064),
        (-0.03, 0.038, 0.042, -0.046),
        (0.10, 0.053, 0.066, -0.026),
        (0.27, 0.063, 0.081, -0.011),
        (0.45, 0.071, 0.088, -0.003),
        (0.62, 0.076, 0.092, 0.002),
        (0.74, 0.0745, 0.0905, 0.004),
    )
    build.tube([(place(0, y, share), rx, ry) for share, rx, ry, y in shape], [{"head": 1.0}] * len(shape), "skin", around=36)
    for sign in (1.0, -1.0):
        build.ellipsoid(place(sign * 0.033, -0.0765, 0.56), (0.0155, 0.009, 0.0095), "head", "eye_white")
        build.ellipsoid(place(sign * 0.033, -0.0830, 0.56), (0.0075, 0.0045, 0.0078), "head", "iris")
        build.ellipsoid(place(sign * 0.034, -0.0795, 0.655), (0.021, 0.009, 0.0048), "head", "brow")
        build.ellipsoid(place(sign * 0.077, 0.012, 0.47), (0.011, 0.022, 0.15 * top), "head", "skin")
        build.ellipsoid(place(sign * 0.012, -0.096, 0.41), (0.009, 0.010, 0.007), "head", "skin")  # nostril
    nose = at["nose"]
    bridge = place(0, -0.084, 0.58)
    build.tube(
        [(bridge, 0.009, 0.008), ((bridge + nose) / 2, 0.0115, 0.010), (nose + np.array([0, 0.011, 0]), 0.014, 0.011)],
        [{"head": 1.0}] * 3,
        "skin",
        around=14,
    )
    build.ellipsoid(place(0, -0.0905, 0.255), (0.0245, 0.009, 0.0042), "head", "lips")
    build.ellipsoid(place(0, -0.0900, 0.215), (0.0205, 0.010, 0.0058), "head", "lips")
    # The hair lies over the back and the top, and leaves the face and the ears free.
    build.ellipsoid(place(0, 0.006, 0.755), (0.0805, 0.0985, 0.245 * top), "head", "hair", around=36)
    build.ellipsoid(place(0, 0.030, 0.62), (0.081, 0.080, 0.30 * top), "head", "hair", around=32)
    build.ellipsoid(place(0, 0.050, 0.40), (0.066, 0.056, 0.34 * top), "head", "hair", around=28)


def _arm(build: _Sculptor, body: Body, at: dict[str, np.ndarray], side: str, sign: float) -> None:
    g = body.girth
    shoulder, elbow, wrist = (at[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist"))
    upper, fore, hand, chest = f"{side}_upper_arm", f"{side}_forearm", f"{side}_hand", "chest"

    def between(a: np.ndarray, b: np.ndarray, share: float) -> np.ndarray:
        return a + share * (b - a)

    build.ellipsoid(shoulder + np.array([-sign * 0.008, 0, -0.008]), (0.058 * g, 0.060 * g, 0.052 * g), upper, "shirt")
    build.ellipsoid(shoulder + np.array([-sign * 0.055, 0.008, -0.010]), (0.080, 0.060 * g, 0.052), chest, "shirt")
    build.tube(
        [
            (between(shoulder, elbow, 0.08), 0.057 * g, 0.059 * g),
            (between(shoulder, elbow, 0.25), 0.057 * g, 0.059 * g),
            (between(shoulder, elbow, 0.55), 0.054 * g, 0.056 * g),
        ],
        [{upper: 1.0}] * 3,
        "shirt",
    )
    build.tube(
        [
            (between(shoulder, elbow, 0.15), 0.048 * g, 0.050 * g),
            (between(shoulder, elbow, 0.60), 0.044 * g, 0.046 * g),
            (between(shoulder, elbow, 0.90), 0.038 * g, 0.040 * g),
            (elbow, 0.038 * g, 0.040 * g),
            (between(elbow, wrist, 0.12), 0.039 * g, 0.042 * g),
            (between(elbow, wrist, 0.32), 0.039 * g, 0.042 * g),
            (between(elbow, wrist, 0.70), 0.031 * g, 0.033 * g),
            (between(elbow, wrist, 0.97), 0.024, 0.029),
            (between(elbow, wrist, 1.05), 0.020, 0.028),
        ],
        [{upper: 1.0}, {upper: 1.0}, {upper: 0.85, fore: 0.15}, {upper: 0.5, fore: 0.5}, {upper: 0.15, fore: 0.85}]
        + [{fore: 1.0}, {fore: 1.0}, {fore: 0.5, hand: 0.5}, {hand: 1.0}],
        "skin",
    )
    length = body.hand_m
    palm = wrist + np.array([0, 0, -0.30 * length])
    build.tube(
        [
            (wrist + np.array([0, 0, -0.04 * length]), 0.017, 0.026),
            (palm, 0.0165, 0.039),
            (wrist + np.array([0, 0.0, -0.52 * length]), 0.014, 0.041),
        ],
        [{hand: 1.0}] * 3,
        "skin",
        squareness=2.6,
    )
    for y, start, end in ((-0.031, 0.52, 0.90), (-0.011, 0.54, 0.98), (0.010, 0.53, 0.93), (0.030, 0.50, 0.80)):
        knuckle = wrist + np.array([0, y, -start * length])
        tip = wrist + np.array([-sign * 0.022, 0.9 * y, -end * length])
        middle = (knuckle + tip) / 2 + np.array([sign * 0.004, 0, 0])
        build.tube(
            [(knuckle, 0.0098, 0.0098), (middle, 0.0092, 0.0092), (tip, 0.0075, 0.0075)], [{hand: 1.0}] * 3, "skin", around=10
        )
    root = wrist + np.array([-sign * 0.006, -0.028, -0.16 * length])
    thumb = at[f"{side}_thumb"]
    tip = thumb + np.array([-sign * 0.010, -0.014, -0.15 * length])
    build.tube([(root, 0.014, 0.015), (thumb, 0.0115, 0.0115), (tip, 0.009, 0.009)], [{hand: 1.0}] * 3, "skin", around=12)


def _leg(build: _Sculptor, body: Body, at: dict[str, np.ndarray], side: str, sign: float) -> None:
    g = body.girth
    hip, knee, ankle = (at[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
    thigh, shin, foot, toes = (f"{side}_{part}" for part in ("thigh", "shin", "foot", "toes"))

    def between(a: np.ndarray, b: np.ndarray, share: float, y: float = 0.0) -> np.ndarray:
        return a + share * (b - a) + np.array([0, y, 0])

    build.tube(
        [
            (between(hip, knee, -0.06, 0.012), 0.072 * g, 0.082 * g),
            (between(hip, knee, 0.10, 0.012), 0.082 * g, 0.092 * g),
            (between(hip, knee, 0.40), 0.076 * g, 0.082 * g),
            (between(hip, knee, 0.80), 0.062 * g, 0.065 * g),
            (between(hip, knee, 0.93), 0.060 * g, 0.062 * g),
            (knee, 0.060 * g, 0.062 * g),
            (between(knee, ankle, 0.08), 0.059 * g, 0.062 * g),
            (between(knee, ankle, 0.30, 0.010), 0.059 * g, 0.064 * g),
            (between(knee, ankle, 0.70, 0.004), 0.050 * g, 0.053 * g),
            (between(knee, ankle, 0.93, 0.004), 0.046 * g, 0.050 * g),
        ],
        [{"pelvis": 0.35, thigh: 0.65}, {"pelvis": 0.1, thigh: 0.9}, {thigh: 1.0}, {thigh: 1.0}, {thigh: 0.8, shin: 0.2}]
        + [{thigh: 0.5, shin: 0.5}, {thigh: 0.2, shin: 0.8}, {shin: 1.0}, {shin: 1.0}, {shin: 1.0}],
        "trousers",
    )
    floor = ankle * np.array([1, 1, 0])
    axes = (np.array([1.0, 0, 0]), np.array([0, 0, 1.0]))
    build.tube(
        [
            (ankle + np.array([0, 0.004, 0.05]), 0.037, 0.042),
            (ankle, 0.037, 0.046),
            (ankle + np.array([0, 0, -0.04]), 0.035, 0.050),
        ],
        [{shin: 1.0}, {shin: 0.3, foot: 0.7}, {foot: 1.0}],
        "shoes",
    )

    def shoe(y: float, rx: float, height: float, lift: float = 0.012) -> tuple[np.ndarray, float, float]:
        return floor + np.array([sign * 0.004, y, lift + height / 2]), rx, height / 2

    ball = -body.ball_m
    stations = [
        shoe(body.heel_m - 0.014, 0.030, 0.062),
        shoe(0.02, 0.036, 0.085),
        shoe(-0.03, 0.037, 0.088),
        shoe(-0.075, 0.043, 0.064),
        shoe(ball, 0.047, 0.052),
        shoe(ball - 0.035, 0.045, 0.044),
        shoe(-body.toe_m + 0.012, 0.033, 0.032),
    ]
    weights = [{foot: 1.0}] * 4 + [{foot: 0.5, toes: 0.5}, {toes: 1.0}, {toes: 1.0}]
    build.tube(stations, weights, "shoes", axes=axes, squareness=2.5)
    build.tube(
        [(np.array([m[0], m[1], 0.009]), rx + 0.002, 0.009) for m, rx, _ in stations],
        weights,
        "sole",
        axes=axes,
        squareness=3.0,
    )
