"""Feet and hands from the detector's landmarks: the 17 joints end at ankles and wrists."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..filtering import agreement, calmed, smoothed, without_haste
from ..fingers import palm_ways
from ..preset import SIDES
from ..rig import RigSpec
from ..rotations import about_axis, angle_between, apply, frame, slerp_matrices, swing, transposed, unit
from ..solve import Pose
from .options import PATIENCE
from .performance import Performance

_UP = np.array([0.0, 0.0, 1.0])
_FOOT_NOISE_M = 0.006
_TRUST_STEADY_S = 0.1
# A foot that points along the line of sight, or whose landmarks were mended, points anywhere for a moment: so long before and
# after it says nothing. The filter over which its directions have to agree, and the lengths of their mean: not at all, and quite.
_FOOT_WAITS_S, _FOOT_AGREES_S, _FEET_AGREE = 0.1, 0.06, (0.75, 0.95)
# The same lengths for a hand's directions over its own filter.
_HANDS_AGREE = (0.7, 0.9)
# From the detector's heel to its toe.
_FOOT_M = (0.15, 0.28)
_ENOUGH_FRAMES = 5
_HAND_STEADY_S = 0.10
# A foot or hand shorter than this in the detector's 3D says nothing of its direction.
_SHORTEST_M = 0.02
_ANKLE_RANGE_RAD = np.radians(60.0)
# A foot seen this far from where the leg has it counts for less, and nothing from the second angle on: no ankle does that, and
# of two ways back from half round either is as near.
_FOOT_BELIEVED_RAD = np.radians((100.0, 150.0))
_WRIST_RANGE_RAD = np.radians(60.0)
# Of the leg: how long a hand is at least and at most.
_HAND_SHARES = (0.1, 0.3)
# From a hand's direction to the tips of its relaxed fingers, towards the palm.
_CURL_RAD = np.radians(15.0)
_FOREARM_RANGE_RAD = np.radians(100.0)
# From here to half round it is less and less known which way a palm is turned.
_PALM_KNOWN_RAD = np.radians(140.0)
# How much of the hand's turn about the forearm is done by the forearm itself.
_FOREARM_SHARE = 0.5
# Below this confidence a landmark counts for nothing, and for all twice as far above it as that.
_UNSURE = 0.3


@dataclass(frozen=True)
class FootDirections:
    """ways [T, 3]: the sole from heel to toe, world axes of the rig, and trust [T] from 0 to 1."""

    ways: np.ndarray
    trust: np.ndarray


def foot_directions(person: Performance, side: str, usual: np.ndarray, heading_rad: float) -> FootDirections:
    """Where the sole points; level on average while heel and toe are both on the ground.

    The picture says how the foot lies across the line of sight; along it the detector's own depth is worse than where the leg
    faces, so that part is `usual` [T, 3]'s: the direction of a level foot under the shin, world axes of the rig.
    """
    to_world = about_axis(_UP, heading_rad) @ person.world_from_camera
    times = person.track.timestamps_s
    heel, _, heel_sure = person.marks.of(f"{side}_heel")
    toe, _, toe_sure = person.marks.of(f"{side}_foot_index")
    across = (toe - heel) * (person.depth_m / person.focal_length_px)[:, None]
    across = calmed(across[:, None], times, patience=PATIENCE[person.smoothing], noise=_FOOT_NOISE_M)[:, 0]
    length = np.clip(np.percentile(np.linalg.norm(across, axis=1), 90), *_FOOT_M)
    along = length * apply(transposed(to_world), usual)[:, 2:]
    seen = unit(np.concatenate([across, along], axis=1))
    way = apply(to_world, seen)
    pitch = np.arcsin(np.clip(way[:, 2], -1, 1))
    flat = person.mask[:, {"left": (0, 1), "right": (2, 3)}[side]].all(axis=1)
    if flat.sum() >= _ENOUGH_FRAMES:
        # The detector's two points are not at the same height above the sole.
        pitch = pitch - np.clip(np.median(pitch[flat]), -0.5, 0.5)
    level = unit(way * [1, 1, 0])
    trust = _trust(np.minimum(heel_sure, toe_sure)) * agreement(smoothed(seen, times, _FOOT_AGREES_S), _FEET_AGREE)
    trust = without_haste(trust, times, _FOOT_WAITS_S, _TRUST_STEADY_S)
    return FootDirections(np.cos(pitch)[:, None] * level + np.sin(pitch)[:, None] * _UP, trust)


def turned_foot(directions: FootDirections, usual: np.ndarray, shin: np.ndarray, pose: Pose, rig: RigSpec) -> np.ndarray:
    """The foot's D [T, 3, 3]: along the sole where it was seen, `usual` where not; its sides with the shin's, as an ankle is
    built.
    """
    way = unit(apply(rig.armature_from_world, directions.ways))
    # Level from side to side, except for a foot that points up or down, which says nothing of that.
    sideways = np.cross(np.broadcast_to(pose.up, way.shape), way)
    size = np.linalg.norm(sideways, axis=-1, keepdims=True)
    shin_side = apply(shin, np.cross(pose.up, pose.front))
    shin_side = shin_side - (shin_side * way).sum(-1, keepdims=True) * way
    side = size * unit(sideways) + (1 - size) * unit(shin_side)
    seen = frame(way, side) @ transposed(frame(pose.front, np.cross(pose.up, pose.front)))
    first, last = _FOOT_BELIEVED_RAD
    believed = np.clip((last - angle_between(usual, seen)) / (last - first), 0.0, 1.0)
    say = directions.trust * without_haste(believed, pose.timestamps_s, _FOOT_WAITS_S, _TRUST_STEADY_S)
    return _within(shin, slerp_matrices(usual, seen, say), _ANKLE_RANGE_RAD)


def turn_hands(
    person: Performance, rig: RigSpec, own: dict[int, np.ndarray], pose: Pose, heading_rad: float, *, follow_hands: bool = False
) -> None:
    """Set the hands' D in `own`, and turn the forearms with them about their own length. Where the hands were not seen they stay
    as they are. At rest the index finger's side of a hand faces the front, as characters are modelled.

    follow_hands: by the hands' own landmarks where the track has them, which tell the palm better than the body's three.
    """
    to_world, times = about_axis(_UP, heading_rad) @ person.world_from_camera, person.track.timestamps_s
    for side in SIDES:
        hand, forearm = rig.bone(f"{side}_hand"), rig.bone(f"{side}_forearm")
        if hand is None or forearm is None:
            continue
        along, across, sure = _hand_ways(person, side)
        trust = _trust(sure, along, across)
        for way in (along, across):
            trust = trust * agreement(smoothed(unit(way), times, _HAND_STEADY_S), _HANDS_AGREE)
        trust = smoothed(trust, times, _TRUST_STEADY_S)
        steady = [smoothed(way, times, _HAND_STEADY_S) for way in (along, across)]
        if follow_hands and (palm := palm_ways(person.track, side)) is not None:
            share = palm[2][:, None]
            steady = [share * new + (1 - share) * unit(way) for new, way in zip(palm, steady, strict=False)]
            trust = np.maximum(trust, palm[2])
        ways = [unit(apply(rig.armature_from_world, apply(to_world, way))) for way in steady]
        arm_rest = unit(rig.end(f"{side}_forearm") - rig.rest_heads[forearm])
        seen = frame(ways[0], ways[1]) @ transposed(frame(arm_rest, pose.front))
        # Apart into a turn about the forearm and a bend of the wrist.
        arm = apply(own[forearm], arm_rest)
        bend = swing(arm, ways[0])
        straightened = transposed(bend) @ seen
        angle = _turned_about(arm, own[forearm], straightened, pose.front)
        known = np.clip((np.pi - np.abs(angle)) / (np.pi - _PALM_KNOWN_RAD), 0.0, 1.0)
        turned = np.clip(angle, -_FOREARM_RANGE_RAD, _FOREARM_RANGE_RAD) * known * trust
        twist = about_axis(arm, _FOREARM_SHARE * turned)
        whole = about_axis(arm, turned) @ own[forearm]
        own[hand] = slerp_matrices(whole, _within(whole, bend @ whole, _WRIST_RANGE_RAD), trust)
        own[forearm] = twist @ own[forearm]


def _hand_ways(person: Performance, side: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From the wrist to the knuckles and from the little finger's knuckle to the index finger's, [T, 3] in camera axes, and how
    sure the detector is of them [T].

    The picture says how the hand lies across the line of sight: in the detector's own 3D, hands that are stretched out hang down
    by 20 degrees. How far it points along the line of sight, and how the palm is turned, nothing says better.
    """
    marks = [person.marks.of(f"{side}_{name}") for name in ("wrist", "index", "pinky")]
    wrist_px, index_px, pinky_px = (pixels for pixels, _, _ in marks)
    wrist_m, index_m, pinky_m = (world for _, world, _ in marks)
    along = (index_m + pinky_m) / 2 - wrist_m
    sight = (wrist_px - np.array(person.track.image_size_px) / 2) / person.focal_length_px
    shown, seen = (way @ [1, 1j] for way in (along[:, :2] - sight * along[:, 2:], (index_px + pinky_px) / 2 - wrist_px))
    ray = unit(np.concatenate([sight, np.ones((len(sight), 1))], axis=1))
    along = apply(about_axis(ray, np.angle(seen * shown.conj())), along)
    return along, index_m - pinky_m, np.minimum.reduce([sure for _, _, sure in marks])


def lay_hands(rig: RigSpec, own: dict[int, np.ndarray], wrists_m: dict[str, np.ndarray], ground_m: float) -> None:
    """Bend the hands' D in `own` at the wrist until no finger is in the ground: in push-ups the palms are on it.

    wrists_m: [T, 3] by side, where they are in the world.
    """
    linear = rig.world_from_armature[:3, :3]
    for side, wrist_m in wrists_m.items():
        hand, forearm = rig.bone(f"{side}_hand"), rig.bone(f"{side}_forearm")
        assert hand is not None and forearm is not None
        way_rest = unit(apply(linear, rig.end(f"{side}_forearm") - rig.rest_heads[forearm]))
        back_rest = np.cross(rig.front_world, way_rest) * (1.0 if side == "left" else -1.0)
        turned = linear @ own[hand] @ rig.armature_from_world
        way, back = (unit(apply(turned, rest)) for rest in (way_rest, back_rest))
        length_m, curl = _hand(rig, side, hand, way_rest)
        lowest = np.clip(np.sin(curl) - (wrist_m[:, 2] - ground_m) / length_m, -1.0, np.sin(curl))
        lacking = np.maximum(lowest - way[:, 2], 0.0)
        # One that points straight down is bent back, as a wrist is that carries the body.
        level = unit((way + np.minimum(2 * lacking, 1.0)[:, None] * back) * [1, 1, 0])
        raised = np.sqrt(1 - lowest**2)[:, None] * level + lowest[:, None] * _UP
        bent = swing(*(unit(apply(rig.armature_from_world, one)) for one in (way, raised)))
        own[hand] = np.where((lacking > 0)[:, None, None], bent @ own[hand], own[hand])


def _hand(rig: RigSpec, side: str, hand: int, way_rest: np.ndarray) -> tuple[float, float]:
    """How far the finger tips are from the wrist along its direction at rest, in metres, as far as bones tell, and how far
    relaxed fingers are bent from there. Controls of fingers need not hang on the hand's.
    """
    own_side = SIDES[1 - SIDES.index(side)] if rig.is_mirrored else side
    fingers = [names[0] for chain, names in rig.mapping.fingers.items() if chain.startswith(own_side)]
    above = [hand, *(rig.index[name] for name in fingers)]
    below = [bone for bone in range(len(rig.bone_names)) if any(rig.is_below(bone, one) for one in above)]
    ends = np.concatenate([rig.rest_heads[below], rig.rest_tails[below]]) - rig.rest_heads[hand]
    length_m = float((apply(rig.world_from_armature[:3, :3], ends) @ way_rest).max())
    least, most = (share * rig.leg_length_m for share in _HAND_SHARES)
    curls = any(rig.index[name] in below for names in rig.mapping.fingers.values() for name in names)
    return float(np.clip(length_m, least, most)), _CURL_RAD if curls else 0.0


def _turned_about(axis: np.ndarray, start: np.ndarray, end: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """Angle about `axis` [T, 3] from where `start` takes the direction `mark` to where `end` does: [T], at most half round. What
    went before does not count: a palm seen turning all the way round would never come back.
    """
    a, b = apply(start, mark), apply(end, mark)
    a, b = (v - (v * axis).sum(-1, keepdims=True) * axis for v in (a, b))
    return np.arctan2((np.cross(a, b) * axis).sum(-1), (a * b).sum(-1))


def _within(base: np.ndarray, turned: np.ndarray, limit_rad: float) -> np.ndarray:
    """`turned` [T, 3, 3], brought back towards `base` where it is farther than the limit."""
    apart = angle_between(base, turned)
    return slerp_matrices(base, turned, np.minimum(1.0, limit_rad / np.maximum(apart, 1e-9)))


def _trust(confidence: np.ndarray, *ways: np.ndarray) -> np.ndarray:
    """0 to 1 by the landmarks' confidence; nothing for landmarks that lie on each other."""
    trust = np.clip((confidence - _UNSURE) / (2 * _UNSURE), 0.0, 1.0)
    for way in ways:
        trust = trust * (np.linalg.norm(way, axis=-1) > _SHORTEST_M)
    return trust
