"""An animation of one armature onto another: rotations, where a track has only joints.

As in solve.py every bone gets D(t) = S(t) S_rest^-1; here S is what the source's bone makes of two directions that both skeletons
have at rest: along the limb and the axis in which it bends, across the hips or shoulders and along the trunk, up and ahead.
So limbs point where the source's do, whatever either rest pose is, and the source's twist is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .errors import Pose3DError
from .kinematics import PosedRig
from .preset import FINGER_CHAINS, SIDES
from .rig import RigSpec
from .rotations import about_axis, apply, cross, slerp_matrices, unit
from .solve import FromHips, as_motion, heading_of, heading_rad, require_upper_body, rest_axis, steps_between, turn, upper_motion
from .tracks import RigMotion

_UP = np.array([0.0, 0.0, 1.0])
# A rest pose whose ankles are this far, in leg lengths, from the animation's ground says nothing of it (a BVH's root at 0).
_OTHER_GROUND = 0.25
# The feet decide on the height while the lower one is this near the ground, in leg lengths, the hips from the second value on.
_FEET_DECIDE, _HIPS_DECIDE = 0.15, 0.4
# A foot that points more steeply than this at rest does not show where it faces.
_LEVEL_SHARE = 0.5


@dataclass(frozen=True)
class SourceMotion:
    """An animated armature, sampled at T times; B bones, as in its RigSpec.

    name: of the action or file; rig: at rest, where the object is at the first sample; timestamps_s [T]; turns [T, B, 3, 3]: how
    far each bone is turned from rest, world axes; heads_m [T, B, 3]: of the bones, world; first_frame: the scene's frame of the
    first sample.
    """

    name: str
    rig: RigSpec
    timestamps_s: np.ndarray
    turns: np.ndarray
    heads_m: np.ndarray
    first_frame: int = 1

    @property
    def fps(self) -> float:
        count = len(self.timestamps_s)
        return (count - 1) / float(self.timestamps_s[-1] - self.timestamps_s[0]) if count > 1 else 24.0


def transfer(source: SourceMotion, rig: RigSpec, *, in_place: bool = False, upper_body: bool = False) -> RigMotion:
    """The source's motion for `rig`, at the source's times. It begins where the rig stands at rest. upper_body: hips, legs and
    path are left alone.

    Raises Pose3DError if a skeleton has no legs or cannot be told which way it faces.
    """
    heading = heading_of(rig) - heading_of(source.rig)
    facing = about_axis(_UP, heading)  # the source's world, turned so that it faces where the rig does
    rig = _with_fingers(rig, source.rig)
    own = _own_turns(source, rig, facing)
    scale = rig.leg_length_m / source.rig.leg_length_m
    if upper_body:
        body = PosedRig(rig, _without_hips(rig, own), len(source.turns))
        return upper_motion(body, source.timestamps_s, heading_rad=heading, scale=scale)
    body = PosedRig(rig, own, len(source.turns))
    from_hips = FromHips(body)
    middle = _path(source, from_hips, facing, scale)
    if in_place:
        middle[:, :2] = middle[0, :2]
    root = rig.index[rig.mapping.root]
    location = middle + from_hips.head_m(root) - rig.rest_heads_world_m[root]
    return as_motion(body, location, source.timestamps_s, heading_rad=heading, scale=scale)


def _without_hips(rig: RigSpec, own: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """D of what is above the waist, seen from where the hips face; the spine bends from hips at rest to the chest.

    Raises Pose3DError for a rig whose hips carry the trunk.
    """
    require_upper_body(rig)
    hips, *trunk = _trunk(rig)
    spine = [bone for bone in trunk if rig.bone_names[bone] not in rig.below_waist]
    up, front = (unit(apply(rig.armature_from_world, way)) for way in (_UP, rig.front_world))
    side = cross(up, front)
    now = apply(own[hips], side)
    back = about_axis(up, -heading_rad(np.stack([now @ side, -now @ front], axis=-1)))
    upper = {bone: back @ delta for bone, delta in own.items() if rig.bone_names[bone] not in rig.below_waist}
    at_rest = np.broadcast_to(np.eye(3), back.shape)
    *lower, chest = spine
    return upper | {hips: at_rest} | dict(zip(lower, steps_between(at_rest, upper[chest], len(lower)), strict=True))


def _with_fingers(rig: RigSpec, source: RigSpec) -> RigSpec:
    """The rig with fingers that the source has too as bones with rotations of their own: no relaxed pose for these."""
    both = {chain: names for chain, names in rig.mapping.fingers.items() if source.mapping.fingers.get(chain)}
    if not both:
        return rig
    fingers = {chain: names for chain, names in rig.mapping.fingers.items() if chain not in both}
    return replace(rig, mapping=replace(rig.mapping, bones=rig.mapping.bones | both, fingers=fingers))


def _own_turns(source: SourceMotion, rig: RigSpec, facing: np.ndarray) -> dict[int, np.ndarray]:
    """D [T, 3, 3] of every bone of the rig that the source has a counterpart for, by its index."""
    theirs, ours = _ways(source.rig, rig), _ways(rig, source.rig)

    def turned(role: str, bone: int) -> np.ndarray:
        """What a bone of the source makes of the rig's bones in this role."""
        along, across = (apply(facing @ source.turns[:, bone], way) for way in theirs[role])
        now = (unit(apply(rig.armature_from_world, way)) for way in (along, across))
        rest = (unit(apply(rig.armature_from_world, way)) for way in ours[role])
        return turn(*now, *rest)

    own: dict[int, np.ndarray] = {}
    for role in ours:
        bone, bone_there = rig.bone(role), source.rig.bone(role)
        if bone is not None and bone_there is not None and role in theirs:
            own[bone] = turned(role, bone_there)
    for chain in FINGER_CHAINS:
        links, links_there = rig.chain(chain), _finger(source.rig, rig, chain)
        hand = f"{_shown_side(rig, chain.partition('_')[0])}_hand"
        if links and links_there and hand in theirs and hand in ours:
            own |= _along_chain(links, [turned(hand, bone) for bone in links_there])
    trunk, trunk_there = _trunk(rig), _trunk(source.rig)
    chest = [turned("hips" if i == 0 else "chest", bone) for i, bone in enumerate(trunk_there)]
    own |= _along_chain(trunk, chest)
    head, head_there = rig.bone("head"), source.rig.bone("head")
    necks = [b for b in rig.chain("neck") if b not in own]
    necks_there = source.rig.chain("neck")
    above = [chest[-1], *(turned("head", bone) for bone in necks_there)]
    if head_there is not None:
        above.append(turned("head", head_there))
    if len(above) > 1 and (necks or head is not None):
        # The chest stands before the chain and keeps its own turn; a rig without a head ends with its neck.
        upwards = [trunk[-1], *necks, *([head] if head is not None else [])]
        own |= {bone: delta for bone, delta in _along_chain(upwards, above).items() if bone != trunk[-1]}
    return own


def _along_chain(bones: Sequence[int], deltas: Sequence[np.ndarray]) -> dict[int, np.ndarray]:
    """A chain's rotations on a chain of another length, by their share of the way; first on first, last on last."""
    out = {}
    for i, bone in enumerate(bones):
        place = (len(deltas) - 1) * (i / (len(bones) - 1) if len(bones) > 1 else 0.0)
        before = min(int(place), len(deltas) - 1)
        share = place - before
        out[bone] = deltas[before] if share < 1e-9 else slerp_matrices(deltas[before], deltas[before + 1], share)
    return out


def _trunk(rig: RigSpec) -> list[int]:
    """From the hips to the chest."""
    hips, chest = rig.bone("hips"), rig.bone("chest")
    assert hips is not None
    return [hips, *(b for b in rig.chain("spine") if b not in (hips, chest)), *([chest] if chest not in (None, hips) else [])]


def _finger(rig: RigSpec, other: RigSpec, chain: str) -> list[int]:
    """A finger's bones on the side that is called so in the other rig: a mirrored object shows its left hand on the right."""
    side, _, finger = chain.partition("_")
    names = rig.mapping.fingers.get(f"{_shown_side(rig, _shown_side(other, side))}_{finger}", ())
    return [rig.index[name] for name in names]


def _shown_side(rig: RigSpec, side: str) -> str:
    """On which side of the character a bone of that side is seen, and the other way round."""
    return SIDES[1 - SIDES.index(side)] if rig.is_mirrored else side


def _ways(rig: RigSpec, other: RigSpec) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Two directions [3] of the rest pose for every role, world axes; those of the spine are the chest's, of the neck the head's.

    other: the rig that these are compared with; only what both have is used.
    """
    linear = rig.world_from_armature[:3, :3]

    def world(way: np.ndarray) -> np.ndarray:
        return unit(apply(linear, way))

    front = rig.front_world
    trunk = world(rig.middle("upper_arm") - rig.middle("thigh"))
    ways = {
        "hips": (world(rig.across("thigh")), trunk),
        "chest": (world(rig.across("upper_arm")), trunk),
        "head": (_UP, front),
    }
    for side in SIDES:
        ways[f"{side}_clavicle"] = ways["chest"]
        for upper, lower, end, bends_to in (("upper_arm", "forearm", "hand", front), ("thigh", "shin", "foot", -front)):
            above, below = rig.bone(f"{side}_{upper}"), rig.bone(f"{side}_{lower}")
            assert above is not None and below is not None
            first = world(rig.rest_heads[below] - rig.rest_heads[above])
            second = world(rig.end(f"{side}_{lower}") - rig.rest_heads[below])
            axis = rest_axis(first, second, bends_to)
            ways[f"{side}_{upper}"], ways[f"{side}_{lower}"] = (first, axis), (second, axis)
            ways[f"{side}_{end}"] = (second, axis)
        # Soles are level at rest: how high the ankle is, and so how steep the foot's bone, is the character's own.
        here, there = _foot_way(rig, side), _foot_way(other, side)
        ways[f"{side}_foot"] = ways[f"{side}_toe"] = (_UP, front if here is None or there is None else here)
    return ways


def _foot_way(rig: RigSpec, side: str) -> np.ndarray | None:
    """Where a foot faces at rest, level; None where it does not show that."""
    foot, toe = rig.bone(f"{side}_foot"), rig.bone(f"{side}_toe")
    if foot is None or toe is None:
        return None
    way = unit(apply(rig.world_from_armature[:3, :3], rig.rest_heads[toe] - rig.rest_heads[foot])) * [1, 1, 0]
    return unit(way) if np.linalg.norm(way) > _LEVEL_SHARE else None


def _path(source: SourceMotion, from_hips: FromHips, facing: np.ndarray, scale: float) -> np.ndarray:
    """Of the middle of the rig's hips: [T, 3], world metres.

    The source's path by the length of the legs. The height is such that the lower ankle is as far above where it stands as the
    source's is, by the length of the legs; where the feet are in the air, the hips are.
    """
    rig, theirs = from_hips.body.rig, source.rig
    thighs = _both(theirs, "thigh")
    if len(thighs) < 2 or scale <= 0:
        raise Pose3DError(f"'{source.name}' has no legs to measure its steps by.", hint="Choose its bones, or another source.")
    rest_m = theirs.world_points(theirs.middle("thigh"))
    moved = source.heads_m[:, thighs].mean(axis=1)
    out = rig.world_points(rig.middle("thigh")) + scale * apply(facing, (moved - moved[0]) * [1, 1, 0])
    out[:, 2] += scale * (moved[:, 2] - rest_m[2])
    feet, feet_there = _both(rig, "foot"), _both(theirs, "foot")
    if len(feet) < 2 or len(feet_there) < 2:
        return out
    ankle_m = source.heads_m[:, feet_there, 2].min(axis=1)
    raised = ankle_m - theirs.rest_heads_world_m[feet_there, 2].min()
    ground = float(np.percentile(raised, 2))
    if abs(ground) < _OTHER_GROUND * theirs.leg_length_m:
        ground = 0.0
    out[:, 2] -= scale * ground
    raised = raised - ground
    lowest = np.min([from_hips.head_m(foot)[:, 2] for foot in feet], axis=0)
    by_feet = rig.rest_heads_world_m[feet, 2].min() + scale * raised - lowest
    height = np.abs(raised) / theirs.leg_length_m
    share = np.clip((_HIPS_DECIDE - height) / (_HIPS_DECIDE - _FEET_DECIDE), 0.0, 1.0)
    out[:, 2] += share * (by_feet - out[:, 2])
    return out


def _both(rig: RigSpec, part: str) -> list[int]:
    return [bone for side in SIDES if (bone := rig.bone(f"{side}_{part}")) is not None]
