"""An animation of one armature onto another: rotations, where a track has only joints.

As in solve.py every bone gets D(t) = S(t) S_rest^-1; here S is what the source's bone makes of two directions that both skeletons
have at rest: along the limb and the axis in which it bends, across the hips or shoulders and up (along the trunk, where one leans
at rest), up and ahead. So limbs point where the source's do, whatever either rest pose is, and the source's twist is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .errors import Pose3DError
from .filtering import smoothed
from .footing import stood
from .kinematics import PosedRig
from .loops import unrolled
from .motion.contacts import Contact, mask_of
from .motion.legs import raised
from .preset import FINGER_CHAINS, FINGERS, SIDES
from .rig import RigSpec
from .rotations import about_axis, angle_between, apply, cross, norm, slerp_matrices, swing, transposed, unit
from .solve import (
    FromHips,
    as_motion,
    bent_to,
    clearance_m,
    heading_of,
    heading_rad,
    require_upper_body,
    rest_axis,
    steps_between,
    turn,
    upper_motion,
)
from .tracks import RigMotion
from .upright import UPRIGHT, body_ways, is_straight, leaning, set_upright, upright, with_rest

_UP = np.array([0.0, 0.0, 1.0])
# A rest pose whose ankles are this far, in leg lengths, from the animation's ground says nothing of it (a BVH's root at 0),
# unless it stands on the world's floor, or no farther from it than the second.
_OTHER_GROUND, _ON_FLOOR = 0.25, 0.1
# The feet decide on the height while the lower one is this near the ground, in leg lengths, the hips from the second value on.
_FEET_DECIDE, _HIPS_DECIDE = 0.15, 0.4
# The trunk decides while its lowest point is this near the ground, in leg lengths, others from the second value on.
_TRUNK_DECIDES, _OTHERS_DECIDE = 0.08, 0.35
# Of the leg: a trunk without a mesh is as thick as lets it lie on the ground where it is lowest, if that is between these; as the
# second, where it never lies there.
_THIN, _USUAL, _THICK = 0.06, 0.12, 0.2
# Of the filter on what another body makes of the height, and how many frames it looks beyond the ends.
_STEADY_S, _STEADY_FRAMES = 0.06, 60
# A foot that points more steeply than this at rest does not show where it faces.
_LEVEL_SHARE = 0.5
# Cosines with the vertical: of a leg that stands at rest, of a body that does in an animation.
_STANDS, _SURELY_STANDS = np.cos(np.radians((78.0, 60.0))).tolist()
# How far a spine is turned beyond the source's to lead where that does.
_MOST_LEANT_RAD = np.radians(20.0)
# The parts of limbs and what begins where they end; shorter ones than this share of the leg point nowhere.
_NEXT, _LEAST_PART = {"upper_arm": "forearm", "forearm": "hand", "thigh": "shin", "shin": "foot"}, 0.02
# Radians: less is the rounding of a file.
_LEAST_TURN = 1e-3


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

    @property
    def ground_m(self) -> float:
        """How high the ground of the animation is."""
        return self.rig.ground_m + _raised_ground_m(self)


def transfer(
    source: SourceMotion,
    rig: RigSpec,
    *,
    in_place: bool = False,
    upper_body: bool = False,
    contacts: Sequence[Contact] | None = None,
) -> RigMotion:
    """The source's motion for `rig`, at the source's times. It begins where the rig stands at rest. upper_body: hips, legs and
    path are left alone; contacts: when parts of the source's feet stand, so that the rig's do, whatever its legs are like;
    None: limbs only point as the source's.

    Raises Pose3DError if a skeleton has no legs or cannot be told which way it faces.
    """
    source = standing(source)
    if (stands := upright(rig)) is not None:
        moved = transfer(source, stands, in_place=in_place, upper_body=upper_body, contacts=contacts)
        return leaning(moved, rig, stands)
    heading = heading_of(rig) - heading_of(source.rig)
    facing = about_axis(_UP, heading)  # the source's world, turned so that it faces where the rig does
    rig = _with_fingers(rig, source)
    scale = rig.leg_length_m / source.rig.leg_length_m
    times = source.timestamps_s
    if upper_body:
        body = PosedRig(rig, _without_hips(rig, _own_turns(source, rig, facing)), len(times))
        return upper_motion(body, times, heading_rad=heading, scale=scale)
    frames = slice(None)
    if contacts is not None:
        mask = mask_of(contacts, times)
        source, frames = unrolled(source)
        rounds = (len(source.turns) - 1) // max(len(mask) - 1, 1)
        mask = np.concatenate([np.tile(mask[:-1], (rounds, 1)), mask[-1:]])
    own = _own_turns(source, rig, facing)
    middle = _path(source, FromHips(PosedRig(rig, own, len(source.turns))), facing, scale, steady=contacts is not None)
    begin = middle[0, :2]
    if contacts is not None:
        own, middle = stood(source, rig, own, middle, mask, facing=facing, scale=scale)
        own, middle = {bone: delta[frames] for bone, delta in own.items()}, middle[frames]
    middle[:, :2] += begin - middle[0, :2]
    if in_place:
        middle[:, :2] = middle[0, :2]
    body = PosedRig(rig, own, len(times))
    root = rig.index[rig.mapping.root]
    location = middle + FromHips(body).head_m(root) - rig.rest_heads_world_m[root]
    return as_motion(body, location, times, heading_rad=heading, scale=scale)


def standing(source: SourceMotion) -> SourceMotion:
    """The source with a rest pose that stands upright.

    A straight body that leans or lies at rest is set upright. Where trunk and legs do not go together, as in skeletons whose
    bones all point the same way, no body was ever in that pose: then the frame in which it stands best is the rest.
    """
    rig = source.rig
    rest = body_ways(rig.rest_heads_world_m[None], rig)
    ways = body_ways(source.heads_m, rig)
    if rest is None or ways is None or (rest[0, 0, 2] > UPRIGHT and rest[0, 1:, 2].min() > _STANDS):
        return source
    ankles_m = source.heads_m[:, _both(rig, "foot"), 2]
    if is_straight(rest[0]):
        stands = set_upright(rig)
        turn = stands.rest_rotations @ transposed(rig.rest_rotations)  # armature axes
        turn = rig.world_from_armature[:3, :3] @ turn @ rig.armature_from_world
        lift_m = np.percentile(ankles_m.min(axis=1), 2) - stands.rest_heads_world_m[_both(rig, "foot"), 2].min()
        lifted_m = stands.rest_heads_world_m + [0, 0, lift_m]
        stands = with_rest(stands, lifted_m, np.broadcast_to(np.eye(3), turn.shape))
        return replace(source, rig=stands, turns=source.turns @ transposed(turn))
    stood = ways[..., 2].min(axis=1)
    if rest[0, :, 2].min() > _STANDS or stood.max() < _SURELY_STANDS:
        return source
    highest_m = ankles_m.max(axis=1)
    frame = int((stood - np.abs(highest_m - np.percentile(highest_m, 2)) / rig.leg_length_m).argmax())
    turned = source.turns[frame]
    return replace(source, rig=with_rest(rig, source.heads_m[frame], turned), turns=source.turns @ transposed(turned))


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


def _with_fingers(rig: RigSpec, source: SourceMotion) -> RigSpec:
    """The rig with fingers that the source moves as bones with rotations of their own: no relaxed pose for these."""
    moved = [side for side in SIDES if _moves_fingers(source, side)]
    both = {}
    for chain in FINGER_CHAINS:
        side, _, finger = chain.partition("_")
        named = f"{_shown_side(rig, side)}_{finger}"
        if side in moved and _finger(source.rig, chain) and named in rig.mapping.fingers:
            both[named] = rig.mapping.fingers[named]
    if not both:
        return rig
    fingers = {chain: names for chain, names in rig.mapping.fingers.items() if chain not in both}
    return replace(rig, mapping=replace(rig.mapping, bones=rig.mapping.bones | both, fingers=fingers))


def _moves_fingers(source: SourceMotion, side: str) -> bool:
    """Whether any finger of that hand is ever turned against it: a body that was captured without fingers has them as at rest."""
    rig = source.rig
    hand = next((bone for part in ("hand", "forearm") if (bone := rig.bone(f"{side}_{part}")) is not None), None)
    links = [bone for finger in FINGERS for bone in _finger(rig, f"{side}_{finger}")]
    return hand is not None and any(np.abs(source.turns[:, link] - source.turns[:, hand]).max() > _LEAST_TURN for link in links)


def _own_turns(source: SourceMotion, rig: RigSpec, facing: np.ndarray) -> dict[int, np.ndarray]:
    """D [T, 3, 3] of every bone of the rig that the source has a counterpart for, by its index."""
    theirs, ours = _ways(source.rig, rig), _ways(rig, source.rig)

    def turned(role: str, turns: np.ndarray) -> np.ndarray:
        """What turns of the source [T, 3, 3] make of the rig's bones in this role."""
        along, across = (apply(facing @ turns, way) for way in theirs[role])
        now = (unit(apply(rig.armature_from_world, way)) for way in (along, across))
        return turn(*now, *at_rest(role))

    def at_rest(role: str) -> list[np.ndarray]:
        return [unit(apply(rig.armature_from_world, way)) for way in ours[role]]

    own: dict[int, np.ndarray] = {}
    for role in ours:
        bone, bone_there = rig.bone(role), _shows_turn(source, role)
        if bone is not None and bone_there is not None and role in theirs:
            own[bone] = turned(role, _pointed(source, role, bone_there))
    with_turns = set(rig.mapped_bones())
    for chain in FINGER_CHAINS:
        links, links_there = _finger(rig, chain), _finger(source.rig, chain)
        hand = f"{chain.partition('_')[0]}_hand"
        if links and links_there and set(links) <= with_turns:
            if len(links) != len(links_there):  # one of them has a bone of the palm as well
                links, links_there = links[-3:], links_there[-3:]
            turns = _along_chain(links, [turned(hand, source.turns[:, bone]) for bone in links_there])
            from_rest = turn(*(unit(apply(rig.armature_from_world @ facing, way)) for way in theirs[hand]), *at_rest(hand))
            straightened = _link_turns(source.rig, links_there, rig, links, facing, from_rest)
            own |= {bone: turns[bone] @ straightened[i] for i, bone in enumerate(links)}
    trunk, trunk_there = _trunk(rig), _trunk(source.rig)
    chest = [turned("hips" if i == 0 else "chest", source.turns[:, bone]) for i, bone in enumerate(trunk_there)]
    # A bone between that the legs hang on is turned as the hips are.
    legs_on = [bone for bone in trunk[1:-1] if rig.carries_legs(bone)]
    own |= dict.fromkeys(legs_on, chest[0])
    trunk = [bone for bone in trunk if bone not in legs_on]
    own |= _along_chain(trunk, chest)
    leant = turned("chest", _trunk_turn(source, trunk_there))
    own |= _leaning_as(apply(leant, unit(rig.middle("upper_arm") - rig.middle("thigh"))), rig, own, trunk)
    head, head_there = rig.bone("head"), source.rig.bone("head")
    necks = [b for b in rig.chain("neck") if b not in own]
    necks_there = source.rig.chain("neck")
    above = [chest[-1], *(turned("head", source.turns[:, bone]) for bone in necks_there)]
    if head_there is not None:
        above.append(turned("head", source.turns[:, head_there]))
    if len(above) > 1 and (necks or head is not None):
        # The chest stands before the chain and keeps its own turn; a rig without a head ends with its neck.
        upwards = [trunk[-1], *necks, *([head] if head is not None else [])]
        own |= {bone: delta for bone, delta in _along_chain(upwards, above).items() if bone != trunk[-1]}
    return own


def _trunk_turn(source: SourceMotion, trunk: Sequence[int]) -> np.ndarray:
    """How far the line from the middle of the hips to that of the shoulders is turned from rest: [T, 3, 3], world axes. About
    itself it is turned as far as half-way from the hips to the chest.
    """
    half = slerp_matrices(source.turns[:, trunk[0]], source.turns[:, trunk[-1]], 0.5)
    shoulders, hips = (source.heads_m[:, _both(source.rig, part)].mean(axis=1) for part in ("upper_arm", "thigh"))
    return half @ swing(_trunk_way(source.rig), unit(apply(transposed(half), shoulders - hips)))


def _leaning_as(way: np.ndarray, rig: RigSpec, own: dict[int, np.ndarray], trunk: Sequence[int]) -> dict[int, np.ndarray]:
    """D of the bones between hips and chest, turned together so that the middle of the shoulders is in this direction [T, 3] from
    that of the hips: where a spine has other bones, or longer ones, the same turns lead somewhere else. It may be less: between
    hips and a chest that are turned as the source's, a short spine would break.
    """
    hips, *between = trunk
    if len(between) < 2:
        return {}
    chest = between.pop()
    clavicles = {}
    for side in SIDES:
        bone, arm = rig.bone(f"{side}_clavicle"), rig.bone(f"{side}_upper_arm")
        if bone is not None and bone in own and arm is not None and rig.is_below(arm, bone):
            clavicles[bone] = own[bone]
    spine, *_ = bent_to(way, rig, own[hips], between, [own[b] for b in between], chest, own[chest], clavicles)
    turned = spine[0] @ transposed(own[between[0]])
    still = np.broadcast_to(np.eye(3), turned.shape)
    angle = np.maximum(angle_between(turned, still), 1e-9)
    turned = slerp_matrices(still, turned, _MOST_LEANT_RAD * np.tanh(angle / _MOST_LEANT_RAD) / angle)
    return {bone: turned @ own[bone] for bone in between}


def _shows_turn(source: SourceMotion, role: str) -> int | None:
    """The bone that shows how far a limb's part is turned. Of upper arm and thigh the last of the twist bones that the joint
    below hangs on, where there are any: the part's own bone may bend only, and leave the twist to these. Of a hand that never
    turns against its forearm the one bone that hangs on it and is called a hand: that is the wrist's, then.
    """
    rig = source.rig
    bone = rig.bone(role)
    side, _, part = role.partition("_")
    if bone is None:
        return None
    if part == "hand":
        forearm = rig.bone(f"{side}_forearm")
        on_it = np.flatnonzero(rig.parents == bone)
        if len(on_it) == 1 and "hand" in rig.bone_names[on_it[0]].lower() and forearm is not None:
            still = np.abs(source.turns[:, bone] - source.turns[:, forearm]).max() < _LEAST_TURN
            return int(on_it[0]) if still else bone
    below = {"upper_arm": "forearm", "thigh": "shin"}.get(part)
    if below is None:
        return bone
    joint = rig.bone(f"{side}_{below}")
    assert joint is not None
    twists = [rig.index[name] for name in rig.mapping.twists.get(f"{_shown_side(rig, side)}_{part}", ())]
    return max((b for b in twists if rig.is_below(joint, b) and rig.is_below(b, bone)), default=bone)


def _pointed(source: SourceMotion, role: str, shows: int) -> np.ndarray:
    """How far the bone that shows a role's turn is turned: [T, 3, 3]. A limb's part is swung so that it points from its joint to
    the next: where an object is scaled unevenly, or a chain stretches sideways, the bone itself points elsewhere.
    """
    rig, turns = source.rig, source.turns[:, shows]
    side, _, part = role.partition("_")
    after = rig.bone(f"{side}_{_NEXT[part]}") if part in _NEXT else None
    if after is None or shows != rig.bone(role):
        return turns
    now = apply(turns, unit(rig.rest_heads_world_m[after] - rig.rest_heads_world_m[shows]))
    seen = source.heads_m[:, after] - source.heads_m[:, shows]
    has_way = norm(seen) > _LEAST_PART * rig.leg_length_m
    return swing(now, np.where(has_way[:, None], unit(seen), now)) @ turns


def _link_turns(
    source: RigSpec, links_there: Sequence[int], rig: RigSpec, links: Sequence[int], facing: np.ndarray, from_rest: np.ndarray
) -> list[np.ndarray]:
    """How far a finger's bones must be turned at rest to point in their hand where the source's do in its own at rest: [3, 3] in
    armature axes. Some rest with straight fingers and some with bent ones.

    from_rest [3, 3]: D of the hand when the source rests.
    """
    theirs, ours = _link_ways(source, links_there), _link_ways(rig, links)
    if not theirs or not ours:
        return [np.eye(3)] * len(links)
    if len(theirs) < len(links_there) or len(ours) < len(links):  # a tail is no joint: the last bones stay as their kind is
        theirs, ours = theirs[: len(links_there) - 1], ours[: len(links) - 1]
    out = []
    for i, way in enumerate(ours):
        place = (len(theirs) - 1) * (i / (len(ours) - 1) if len(ours) > 1 else 0.0)
        before = min(int(place), len(theirs) - 1)
        after = min(before + 1, len(theirs) - 1)
        there = theirs[before] + (place - before) * (theirs[after] - theirs[before])
        there = unit(apply(from_rest.T @ rig.armature_from_world @ facing, there))
        out.append(swing(unit(apply(rig.armature_from_world, way)), there))
    return out + [out[-1]] * (len(links) - len(out))


def _link_ways(rig: RigSpec, links: Sequence[int]) -> list[np.ndarray]:
    """Where a finger's bones point at rest, world axes: to the next, the last to its only child where it has one. Empty where two
    are in the same place.
    """
    children = [bone for bone, parent in enumerate(rig.parents) if parent == links[-1]]
    ends = [*links, *children] if len(children) == 1 else [*links]
    steps = np.diff(rig.rest_heads_world_m[ends], axis=0)
    return [*unit(steps)] if len(steps) and np.linalg.norm(steps, axis=1).min() > 1e-9 * rig.leg_length_m else []


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


def _finger(rig: RigSpec, chain: str) -> list[int]:
    """A finger's bones on the side where they are seen: a mirrored object shows its left hand on the right."""
    side, _, finger = chain.partition("_")
    named = f"{_shown_side(rig, side)}_{finger}"
    return [rig.index[name] for name in rig.mapping.fingers.get(named) or rig.mapping.bones.get(named, ())]


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
    # Where both stand upright, that one's shoulders are farther behind its hips is how it is built, and no bend of its trunk.
    trunk = _UP if min(_trunk_way(rig)[2], _trunk_way(other)[2]) > UPRIGHT else _trunk_way(rig)
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
            out = world(rig.rest_heads[above] - rig.middle("upper_arm"))
            axis = rest_axis(first, second, bends_to, out if upper == "upper_arm" else -_UP)
            ways[f"{side}_{upper}"], ways[f"{side}_{lower}"] = (first, axis), (second, axis)
            ways[f"{side}_{end}"] = (second, axis)
        # A hand may be bent or turned at the wrist at rest; where the knuckles are says so.
        if (palm := _palm(rig, other, side)) is not None and _palm(other, rig, side) is not None:
            ways[f"{side}_hand"] = palm
        # Soles are level at rest: how high the ankle is, and so how steep the foot's bone, is the character's own.
        here, there = _foot_way(rig, side), _foot_way(other, side)
        ways[f"{side}_foot"] = ways[f"{side}_toe"] = (_UP, front if here is None or there is None else here)
    return ways


def _trunk_way(rig: RigSpec) -> np.ndarray:
    """From the hips to the shoulders at rest, world axes."""
    return unit(rig.world_points(rig.middle("upper_arm")) - rig.world_points(rig.middle("thigh")))


def _palm(rig: RigSpec, other: RigSpec, side: str) -> tuple[np.ndarray, np.ndarray] | None:
    """From the wrist to the knuckles of the fingers that the other rig has too, and from the first of these to the last, at rest,
    world axes; None where there are not two.
    """
    hand = rig.bone(f"{side}_hand")
    chains = [(_finger(rig, f"{side}_{finger}"), _finger(other, f"{side}_{finger}")) for finger in FINGERS if finger != "thumb"]
    knuckles = [ours[-3:][0] for ours, theirs in chains if ours and theirs]
    if hand is None or len(knuckles) < 2:
        return None
    heads = rig.rest_heads_world_m
    along, across = heads[knuckles].mean(axis=0) - heads[hand], heads[knuckles[-1]] - heads[knuckles[0]]
    if norm(cross(along, across)) < 0.1 * norm(along) * norm(across) + 1e-12:
        return None
    return unit(along), unit(across)


def _foot_way(rig: RigSpec, side: str) -> np.ndarray | None:
    """Where a foot faces at rest, level; None where it does not show that."""
    foot, toe = rig.bone(f"{side}_foot"), rig.bone(f"{side}_toe")
    if foot is None or toe is None:
        return None
    way = unit(apply(rig.world_from_armature[:3, :3], rig.rest_heads[toe] - rig.rest_heads[foot])) * [1, 1, 0]
    return unit(way) if np.linalg.norm(way) > _LEVEL_SHARE else None


def _path(source: SourceMotion, from_hips: FromHips, facing: np.ndarray, scale: float, *, steady: bool) -> np.ndarray:
    """Of the middle of the rig's hips: [T, 3], world metres.

    The source's path by the length of the legs. The height is such that the lower ankle is as far above where it stands as the
    source's is, by the length of the legs; where the feet are in the air, the hips are; where the trunk is on the ground, it is
    there too, as thick as either is. steady: what another body makes of that comes smoothly, for legs that will bring the feet to
    the ground.
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
    ground = _raised_ground_m(source)
    out[:, 2] -= scale * ground
    above = source.heads_m[:, feet_there, 2].min(axis=1) - theirs.rest_heads_world_m[feet_there, 2].min() - ground
    lowest = np.min([from_hips.head_m(foot)[:, 2] for foot in feet], axis=0)
    by_feet = rig.rest_heads_world_m[feet, 2].min() + scale * above - lowest
    height = np.abs(above) / theirs.leg_length_m
    share = np.clip((_HIPS_DECIDE - height) / (_HIPS_DECIDE - _FEET_DECIDE), 0.0, 1.0)
    change = share * (by_feet - out[:, 2])
    out[:, 2] += _steadied(change, source.timestamps_s) if steady else change
    lies, by_trunk, least = _by_trunk(source, from_hips, theirs.ground_m + ground, above, scale)
    out[:, 2] += _steadied(lies * (by_trunk - out[:, 2]), source.timestamps_s)
    out[:, 2] += raised(least - out[:, 2], source.timestamps_s, _STEADY_S)
    return out


def _steadied(values: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """Smoothed over time, [T] -> [T], with the ends where they are: what rises from the first frame on begins there."""
    if (more := min(len(values) - 1, _STEADY_FRAMES)) < 1:
        return values
    before, after = slice(more, 0, -1), slice(-2, -2 - more, -1)
    around, times = (np.concatenate([2 * x[0] - x[before], x, 2 * x[-1] - x[after]]) for x in (values, timestamps_s))
    return smoothed(around, times, _STEADY_S)[more:-more]


def _by_trunk(
    source: SourceMotion, from_hips: FromHips, ground_m: float, raised_m: np.ndarray, scale: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far the trunk decides on how high the hips are, 0 to 1, how high they are by it, and at least, in the rig's world:
    [T] each.

    ground_m: the source's; raised_m [T]: how high its lower foot is above that. A trunk that is in the ground is so by the same
    share of how thick it is.
    """
    rig, theirs = from_hips.body.rig, source.rig
    bones, bones_there = _carrying(rig), _carrying(theirs)
    none = np.zeros(len(source.turns))
    if not bones or not bones_there:
        return none, none, none - np.inf
    joints = np.min([from_hips.head_m(bone)[:, 2] for bone in bones], axis=0)
    joints_there = source.heads_m[:, bones_there, 2].min(axis=1) - ground_m
    if shown := [bone for bone in bones_there if bone in theirs.body]:
        points = np.min([_lowest_there_m(source, bone) for bone in shown], axis=0) - ground_m
        thick_there = np.maximum(joints_there - points, 1e-6 * theirs.leg_length_m)
    else:
        thick = joints_there.min() / theirs.leg_length_m
        thick_there = none + theirs.leg_length_m * (max(thick, _THIN) if thick < _THICK else _USUAL)
        points = np.maximum(joints_there - thick_there, 0.0)
    if shown := [bone for bone in bones if bone in rig.body]:
        clearance = np.full(len(rig.bone_names), -np.inf)
        clearance[shown] = 0.0
        lowest = from_hips.lowest_m(clearance)
    else:
        lowest = joints - np.clip(scale * thick_there, _THIN * rig.leg_length_m, _THICK * rig.leg_length_m)
    high = np.where(points > 0, scale * points, points * np.maximum(joints - lowest, 0.0) / thick_there)
    # Somebody who goes down stairs is below their ground, but not lying on it.
    down_m = np.minimum(raised_m + _FEET_DECIDE * theirs.leg_length_m, 0.0)
    away = (points - down_m) / theirs.leg_length_m
    share = np.clip((_OTHERS_DECIDE - away) / (_OTHERS_DECIDE - _TRUNK_DECIDES), 0.0, 1.0)
    standing = rig.ground_m - lowest
    return share * share * (3 - 2 * share), standing + high, standing + np.minimum(np.minimum(scale * down_m, high), 0.0)


def _lowest_there_m(source: SourceMotion, bone: int) -> np.ndarray:
    """How high the lowest of a bone's body is in the source: [T], world metres."""
    rig = source.rig
    ways = apply(rig.world_from_armature[:3, :3], rig.body[bone] - rig.rest_heads[bone])
    return np.asarray(source.heads_m[:, bone, 2] + (source.turns[:, bone, 2] @ ways.T).min(axis=1))


def _carrying(rig: RigSpec) -> list[int]:
    """Bones from the hips to the chest that are where a trunk is: some hips begin at the feet."""
    clearance = clearance_m(rig)
    return [bone for bone in _trunk(rig) if np.isfinite(clearance[bone])]


def _raised_ground_m(source: SourceMotion) -> float:
    """How much higher the animation's ground is than the rest pose's, where that says nothing of it; else 0."""
    feet = _both(source.rig, "foot")
    if abs(source.rig.ground_m) < _ON_FLOOR * source.rig.leg_length_m:
        return 0.0
    raised = source.heads_m[:, feet, 2].min(axis=1) - source.rig.rest_heads_world_m[feet, 2].min() if feet else np.zeros(1)
    ground = float(np.percentile(raised, 2))
    return ground if abs(ground) >= _OTHER_GROUND * source.rig.leg_length_m else 0.0


def _both(rig: RigSpec, part: str) -> list[int]:
    return [bone for side in SIDES if (bone := rig.bone(f"{side}_{part}")) is not None]
