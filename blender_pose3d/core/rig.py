"""RigSpec: what the solve needs to know of an armature, as plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from .errors import Pose3DError
from .preset import CHAIN_ROLES, LEG_PARTS, REQUIRED_ROLES, SIDES, Mapping
from .rotations import apply, unit

_MODELLING_TOLERANCE_RAD = np.radians(35.0)
# A trunk that leans farther at rest does not stand.
_STANDS_RAD = np.radians(60.0)
# Metres or a scale beyond which squares are no numbers any more.
_FARTHEST = 1e9
# Of the rig's size: a leg's bone that is shorter has no direction.
_LEAST_LENGTH = 1e-4
# Of the leg: how far the sole is below the toe's joint.
_SOLE_SHARE = 0.02
# Of the leg: least and most of how far a foot's mesh reaches below the ankle, behind and before it. What is lower than this share
# of that is the sole.
_LEAST_SOLE, _MOST_SOLE = np.array([0.02, 0.0, 0.05]), np.array([0.6, 0.6, 1.2])
_LOW_SHARE = 0.75


@dataclass(frozen=True)
class Sole:
    """How far below the ankle a sole is, and how far behind and before it it ends, in metres."""

    below_m: float
    behind_m: float
    ahead_m: float


@dataclass(frozen=True)
class RigSpec:
    """An armature at rest, and which bone plays which role. B bones, parents before children.

    bone_names [B]; parents [B], -1 for none; rest_heads [B, 3] and rest_tails [B, 3] in armature units and axes;
    rest_rotations [B, 3, 3]: armature axes from the bone's own; world_from_armature [4, 4];
    inherits_rotation [B]; local_location [B]: whether a bone's location is in its own axes (Blender's default) or its parent's.
    soles: a foot's bone -> the outermost points [N, 3] of what of the meshes moves with it, armature axes at rest; not there for
    one that carries none. body: the same of the bones of trunk and head.
    Left and right are the sides as seen: an object mirrored by its scale shows the left bones on the character's right.
    """

    bone_names: tuple[str, ...]
    parents: np.ndarray
    rest_heads: np.ndarray
    rest_tails: np.ndarray
    rest_rotations: np.ndarray
    world_from_armature: np.ndarray
    inherits_rotation: np.ndarray
    local_location: np.ndarray
    mapping: Mapping
    soles: dict[int, np.ndarray] = field(default_factory=dict)
    body: dict[int, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if (self.parents >= np.arange(len(self.bone_names))).any():
            raise Pose3DError(
                "The armature's bones are not ordered from parent to child.", hint="This is a fault of Pose3D; please report it."
            )
        if not (np.isfinite(self.world_from_armature).all() and np.abs(self.world_from_armature).max() < _FARTHEST):
            raise Pose3DError(
                "The armature's place, rotation or scale is not a usable number.",
                hint="Clear the object's transforms (Object menu, Clear) and try again.",
            )
        linear = self.world_from_armature[:3, :3]
        if abs(np.linalg.det(linear)) < 1e-18:
            raise Pose3DError(
                "The armature's scale is zero in some direction.", hint="Set the object's scale (N panel, Item) and try again."
            )
        size_m = float(np.ptp(self.rest_heads_world_m, axis=0).max())
        for role in ("left_thigh", "left_shin", "right_thigh", "right_shin"):
            bone, length_m = self.bone(role), self.length_m(role)
            if bone is not None and length_m < max(1e-6, _LEAST_LENGTH * size_m):
                what = f"The bone '{self.bone_names[bone]}' ({role.replace('_', ' ')}) has no length."
                raise Pose3DError(what, hint="Choose another bone or preset.")

    @cached_property
    def index(self) -> dict[str, int]:
        return {name: i for i, name in enumerate(self.bone_names)}

    @cached_property
    def armature_from_world(self) -> np.ndarray:
        """[3, 3] for directions."""
        return np.linalg.inv(self.world_from_armature[:3, :3])

    def chain(self, role: str) -> list[int]:
        """Indices of the role's bones, parent first."""
        return [self.index[name] for name in self.mapping.bones.get(role, ())]

    def bone(self, role: str) -> int | None:
        """Index of the role's only (or first) bone, None if it has none."""
        side, _, part = role.partition("_")
        if side in SIDES and self.is_mirrored:
            role = f"{SIDES[1 - SIDES.index(side)]}_{part}"
        name = self.mapping.bone(role)
        return None if name is None else self.index[name]

    @cached_property
    def is_mirrored(self) -> bool:
        return bool(np.linalg.det(self.world_from_armature[:3, :3]) < 0)

    def is_below(self, bone: int, ancestor: int) -> bool:
        while bone >= 0:
            if bone == ancestor:
                return True
            bone = int(self.parents[bone])
        return False

    def world_points(self, points: np.ndarray) -> np.ndarray:
        """Armature space -> world metres."""
        return apply(self.world_from_armature[:3, :3], points) + self.world_from_armature[:3, 3]

    @cached_property
    def rest_heads_world_m(self) -> np.ndarray:
        return self.world_points(self.rest_heads)

    def end(self, role: str) -> np.ndarray:
        """Where the role's segment ends at rest, armature space: the head of the next joint's bone, else the bone's own tail."""
        side, _, part = role.partition("_")
        following = {"upper_arm": "forearm", "forearm": "hand", "thigh": "shin", "shin": "foot", "foot": "toe"}.get(part)
        bone = self.bone(role)
        assert bone is not None
        after = self.bone(f"{side}_{following}") if following else None
        if after is not None and np.linalg.norm(self.rest_heads[after] - self.rest_heads[bone]) > 1e-9:
            return self.rest_heads[after]
        return self.rest_tails[bone]

    def length_m(self, role: str) -> float:
        bone = self.bone(role)
        assert bone is not None
        return float(np.linalg.norm(apply(self.world_from_armature[:3, :3], self.end(role) - self.rest_heads[bone])))

    @cached_property
    def leg_length_m(self) -> float:
        return sum(self.length_m(f"{side}_{part}") for side in SIDES for part in ("thigh", "shin")) / 2

    def middle(self, part: str) -> np.ndarray:
        """Middle of the heads of a left and a right bone at rest, armature space."""
        left, right = self.bone(f"left_{part}"), self.bone(f"right_{part}")
        assert left is not None and right is not None
        return (self.rest_heads[left] + self.rest_heads[right]) / 2

    def across(self, part: str) -> np.ndarray:
        """From the right bone's head to the left one's at rest, armature space."""
        left, right = self.bone(f"left_{part}"), self.bone(f"right_{part}")
        assert left is not None and right is not None
        return self.rest_heads[left] - self.rest_heads[right]

    @cached_property
    def front_world(self) -> np.ndarray:
        """The level direction that the character faces at rest."""
        linear = self.world_from_armature[:3, :3]
        left = unit(apply(linear, self.across("thigh"))) + unit(apply(linear, self.across("upper_arm")))
        up = apply(linear, self.middle("upper_arm") - self.middle("thigh"))
        front = np.cross(left, up)
        lies = np.linalg.norm(front[:2]) < 1e-6 * np.linalg.norm(front)
        front[2] = 0.0
        if lies:
            raise Pose3DError(
                "The character lies at rest, so Pose3D cannot tell which way it faces.",
                hint="Turn the armature, or the rest pose of the file, so that the character stands.",
            )
        if np.linalg.norm(front) < 1e-6 * (np.linalg.norm(left) * np.linalg.norm(up) + 1e-12):
            raise Pose3DError(
                "Pose3D cannot tell which way the character faces: its hips and shoulders are not side by side at rest.",
                hint="Check that the preset's left and right bones are different ones.",
            )
        front = unit(front)
        # Characters are modelled facing along an axis of their armature; a twisted rest pose does not change that.
        axes = unit(linear.T)
        level = np.concatenate([axes, -axes]) * [1, 1, 0]
        level = unit(level[np.linalg.norm(level, axis=1) > 0.7])
        nearest = level[(level @ front).argmax()] if len(level) else front
        return nearest if nearest @ front > np.cos(_MODELLING_TOLERANCE_RAD) else front

    @cached_property
    def ground_m(self) -> float:
        """Height of the ground in the world under the character at rest."""
        return min(self.rest_heads_world_m[i, 2] for i in self._ankles()) - self.ankle_height_m

    @cached_property
    def ankle_height_m(self) -> float:
        """How high the ankle joint is above the sole: as the rest pose shows where that is plausible, else by the leg, and by the
        toes, which are no lower than the sole.
        """
        if (sole := self.sole) is not None:
            return sole.below_m
        ankle = min(self.rest_heads_world_m[i, 2] for i in self._ankles())
        height = ankle - self.world_from_armature[2, 3]
        if 0.02 * self.leg_length_m < height < 0.35 * self.leg_length_m:
            return float(height)
        toes = [self.rest_heads_world_m[toe, 2] for side in SIDES if (toe := self.bone(f"{side}_toe")) is not None]
        below = ankle - min(toes) + _SOLE_SHARE * self.leg_length_m if toes else 0.0
        return float(np.clip(below, 0.1 * self.leg_length_m, 0.5 * self.leg_length_m))

    @cached_property
    def sole(self) -> Sole | None:
        """As the mesh of the feet shows it, of the lower foot; None where it shows none that is plausible."""
        found = []
        for foot in self._ankles():
            if foot not in self.soles:
                continue
            points = self.world_points(self.soles[foot]) - self.rest_heads_world_m[foot]
            below_m = -float(points[:, 2].min())
            ahead_m = points[points[:, 2] < -_LOW_SHARE * below_m] @ self.front_world
            one = Sole(below_m, -float(ahead_m.min()), float(ahead_m.max()))
            shares = np.array([one.below_m, one.behind_m, one.ahead_m]) / self.leg_length_m
            if ((shares > _LEAST_SOLE) & (shares < _MOST_SOLE)).all():
                found.append((float(self.rest_heads_world_m[foot, 2]) - below_m, one))
        return min(found, key=lambda one: one[0])[1] if found else None

    def _ankles(self) -> list[int]:
        feet = [self.bone(f"{side}_foot") for side in SIDES]
        return [bone for bone in feet if bone is not None] or [b for s in SIDES if (b := self.bone(f"{s}_shin")) is not None]

    def mapped_bones(self) -> list[int]:
        """All bones that play a role, parent before child."""
        names = {name for bones in self.mapping.bones.values() for name in bones}
        return sorted(self.index[name] for name in names)

    def turned_bones(self) -> list[int]:
        """The same with twist bones: all that a motion turns in every frame."""
        return sorted({*self.mapped_bones(), *(self.index[name] for names in self.mapping.twists.values() for name in names)})

    @cached_property
    def below_waist(self) -> frozenset[str]:
        """Names of the bones that an upper body does without: hips, what carries the path, legs with their twist bones, and bones
        of the spine that carry legs.
        """
        roles = [f"{side}_{part}" for part in LEG_PARTS for side in SIDES]
        chains = [chains.get(role, ()) for chains in (self.mapping.bones, self.mapping.twists) for role in ("hips", *roles)]
        below = {self.index[name] for name in (self.mapping.root, *(name for chain in chains for name in chain))}
        below.update(bone for bone in self.mapped_bones() if any(self.is_below(leg, bone) for leg in tuple(below)))
        return frozenset(self.bone_names[bone] for bone in below)

    def carries_legs(self, bone: int) -> bool:
        return any((thigh := self.bone(f"{side}_thigh")) is not None and self.is_below(thigh, bone) for side in SIDES)

    def is_nearest_a_leg(self, name: str) -> bool:
        """Whether a bone, such as a control with a switch, lies nearer to a leg's bone at rest than to any other with a role."""
        legs = [self.index[n] for n in self.below_waist - {self.mapping.root, *self.mapping.bones["hips"]}]
        others = [bone for bone in self.mapped_bones() if bone not in legs]
        here = self.rest_heads[self.index[name]]
        to_legs, to_others = (np.linalg.norm(self.rest_heads[bones] - here, axis=1).min() for bones in (legs, others))
        return bool(to_legs < to_others)


def with_parents(rig: RigSpec, parents: np.ndarray) -> RigSpec:
    """The rig with other parents [B] of its bones, which may come in another order then."""
    if (parents == rig.parents).all():
        return rig
    above = parents.tolist()

    def depth(bone: int) -> int:
        return 0 if above[bone] < 0 else 1 + depth(above[bone])

    order = np.array(sorted(range(len(above)), key=depth))
    place = np.argsort(order)
    return replace(
        rig,
        bone_names=tuple(rig.bone_names[bone] for bone in order),
        parents=np.where(parents < 0, -1, place[parents])[order],
        rest_heads=rig.rest_heads[order],
        rest_tails=rig.rest_tails[order],
        rest_rotations=rig.rest_rotations[order],
        inherits_rotation=rig.inherits_rotation[order],
        local_location=rig.local_location[order],
        soles={int(place[bone]): points for bone, points in rig.soles.items()},
        body={int(place[bone]): points for bone, points in rig.body.items()},
    )


def require_own_bones(mapping: Mapping) -> None:
    """Raises Pose3DError where one bone plays two roles that every character has."""
    roles: dict[str, str] = {}
    for role in REQUIRED_ROLES:
        for name in mapping.bones.get(role, ()):
            if name in roles:
                what = f"The bone '{name}' plays two roles: {roles[name].replace('_', ' ')} and {role.replace('_', ' ')}."
                raise Pose3DError(what, hint="Give each its own bone in the preset or the table, or choose another preset.")
            roles[name] = role


def check_mapping(spec: RigSpec) -> list[str]:
    """Sentences on a mapping that can be solved but looks wrong."""
    warnings = list(spec.mapping.warnings)
    trunk = apply(spec.world_from_armature[:3, :3], spec.middle("upper_arm") - spec.middle("thigh"))
    if trunk[2] < np.cos(_STANDS_RAD) * np.linalg.norm(trunk):
        warnings.append(
            "The character does not stand at rest, so its feet and where it faces may be wrong: turn the armature object so that"
            " it stands."
        )
    for side in SIDES:
        for upper, lower in (("upper_arm", "forearm"), ("forearm", "hand"), ("thigh", "shin"), ("shin", "foot")):
            a, b = spec.bone(f"{side}_{upper}"), spec.bone(f"{side}_{lower}")
            if a is not None and b is not None and not spec.is_below(b, a):
                above = f"'{spec.bone_names[a]}' ({side} {upper.replace('_', ' ')})"
                warnings.append(f"'{spec.bone_names[b]}' ({side} {lower}) is not below {above}.")
    hips = spec.bone("hips")
    for role in ("chest", "head", "left_thigh", "right_thigh"):
        bone = spec.bone(role)
        if hips is not None and bone not in (None, hips) and spec.is_below(hips, bone):
            above = f"'{spec.bone_names[bone]}' ({role.replace('_', ' ')})"
            warnings.append(f"'{spec.bone_names[hips]}' (hips) is below {above}.")
    for side in SIDES:
        thigh = spec.bone(f"{side}_thigh")
        # Of a rig's controls constraints say what follows what.
        if hips is not None and thigh is not None and not spec.is_below(thigh, hips) and not spec.mapping.properties:
            warnings.append(f"'{spec.bone_names[thigh]}' ({side} thigh) is not below '{spec.bone_names[hips]}' (hips).")
    for role in CHAIN_ROLES:
        chain = spec.chain(role)
        warnings += [
            f"The {role} chain is broken at '{spec.bone_names[b]}'."
            for a, b in zip(chain, chain[1:], strict=False)
            if not spec.is_below(b, a)
        ]
    return warnings
