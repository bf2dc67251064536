"""From a track to a rig's bone rotations: all frames at once, no Blender, no loop over frames but one.

The idea: every bone's world rotation is D(t) R_rest, where R_rest is the bone's rest rotation and D(t) = S(t) S_rest^-1 turns the
rest segment into the one of the track. S is a frame made of directions that both skeletons have (along the limb, across the hips,
square to the bend of the elbow). Bone roll, bone axes, rest pose and proportions drop out. A bone's keyable rotation is then
R_rest^-1 D_parent^-1 D R_rest. Bones without a role keep their place on their parent: D = D_parent.
All directions are in armature axes, so the object's rotation and scale drop out as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .coordinates import CameraPose, world_from_camera
from .distribute import distributed, held
from .errors import Pose3DError
from .filtering import agreement, nearest_valid, rolling_minimum, smoothed, without_haste
from .kinematics import PosedRig
from .preset import SIDES
from .rig import RigSpec
from .rotations import (
    about_axis,
    angle_between,
    apply,
    continuous,
    cross,
    frame,
    matrix_from_quaternion,
    norm,
    quaternion_from_matrix,
    slerp,
    slerp_matrices,
    swing,
    transposed,
    unit,
)
from .skeleton import INDEX, LANDMARK_INDEX, Joint
from .straight import straight
from .tracks import Pose3DTrack, RigMotion
from .upright import leaning, upright

_UP = np.array([0.0, 0.0, 1.0])
# An elbow or knee bent by this much tells its plane as strongly as it is known of a straight limb, and the more this power of the
# sine. Joints that a network found are off by centimetres: limbs that are bent by less than the second angle show any plane.
PLANE_BEND_RAD, FOUND_BEND_RAD = np.radians((10.0, 18.0))
_PLANE_POWER = 8
# About the time that the twist takes from the one to the other.
_PLANE_TIME_S = 0.1
# A plane that turns faster than this takes its time, how much is found in so many rounds. What points the opposite way would
# pull to neither side, and keeps this share.
_PLANE_HASTE_RAD_S, _PLANE_ROUNDS, _LEAST_SHARE = np.radians(150.0), 10, 1e-3
# Bent by this much, a limb surely shows its plane. Where that is more than the second angle from a straight limb's, a limb made
# straight begins to stay as it is, and from twice that on it does, for about the time over the square root of the pull.
_PLANE_SURE_RAD = np.radians(15.0)
_PLANE_NEAR_RAD = np.radians(45.0)
_PLANE_PULL = 0.02
# Of the filter on where hips face, where only the rest of the body is wanted: what they do within that is the trunk's.
_HIPS_STEADY_S = 0.25
# Of the leg: thicker than this no head is that somebody lies on. Big ones of small characters sink in rather than carry the body.
_THICKEST_HEAD = 0.2
# A direction whose level part is smaller says nothing of where it faces.
_LEVEL_SHARE = 0.3
# How far a foot is turned at the ankle to stay level before it follows the shin.
_ANKLE_RANGE_RAD = np.radians(35.0)
# From this swing of the shin on a foot is less level, and at the second not at all.
_ANKLE_LEVEL_RAD = np.radians((100.0, 160.0))
# How far a head turns against the chest, and over which angle the face loses its say before that.
_NECK_RANGE_RAD = np.radians(100.0)
_NECK_FADE_RAD = np.radians(20.0)
# So long before and after it is not believed a face has no say, and it comes and goes about so slowly.
_FACE_WAITS_S, _FACE_FADES_S = 0.15, 0.08
# Lengths of a face's mean direction over the filter: none of it agrees, and all.
_FACES_AGREE = (0.6, 0.8)
_NOSE_BELOW_EARS_RAD = np.radians(10.0)
# A rest pose shows an elbow's or knee's axis when it is bent by this much and the axis is near the anatomical one.
_REST_BEND_RAD = np.radians(8.0)
_REST_AXIS_TOLERANCE_RAD = np.radians(60.0)
# Sine of the angle with where it bends to, below which a limb does not show by that about which axis it bends.
_SIDEWAYS_SHARE = 0.7
# A clavicle follows its arm from this far above hanging on, more and more, up to an arm that is raised straight up.
_CLAVICLE_FROM, _CLAVICLE_RANGE_RAD = -0.5, np.radians(28.0)
# Frames that are converted at once.
_BLOCK = 4096


@dataclass(frozen=True)
class SolveOptions:
    """smoothing_s: standard deviation of the zero-phase filter on the joints, 0 for none; in_place: no path along the ground;
    ground: keep the lowest point on the ground except in jumps; camera: how the camera was held; upper_body: hips, legs and path
    are left alone; bend_rad: limbs that are bent by this much show their plane.
    """

    smoothing_s: float = 0.04
    in_place: bool = False
    ground: bool = True
    camera: CameraPose = field(default_factory=CameraPose)
    upper_body: bool = False
    bend_rad: float = PLANE_BEND_RAD


def solve(track: Pose3DTrack, rig: RigSpec, options: SolveOptions | None = None) -> RigMotion:
    """Rotations of every mapped bone and the path of the root, at the track's own timestamps.

    Raises Pose3DError if no frame of the track has a person.
    """
    options = options or SolveOptions()
    if not track.detected.any():
        raise Pose3DError("Nobody was found in the clip.", hint="Choose a clip or a frame range that shows a person.")
    if (stands := upright(rig)) is not None:
        return leaning(solve(track, stands, options), rig, stands)
    heading = heading_of(rig)
    joints = smoothed(track.positions_m.astype(float), track.timestamps_s, options.smoothing_s)
    to_world = world_from_camera(options.camera)
    if options.upper_body:
        to_world = facing_ahead(apply(to_world, joints), track.timestamps_s) @ to_world
    to_world = about_axis(_UP, heading) @ to_world  # [3, 3], or [T, 3, 3]
    joints_world = apply(to_world[..., None, :, :], joints)  # [T, 17, 3]
    pose = Pose(joints_world, track.timestamps_s, rig)
    face = turn_from_face(track, to_world, pose, rig, sigma_s=1.5 * options.smoothing_s)
    body = PosedRig(rig, own_turns(pose, rig, face, upper_body=options.upper_body, bend_rad=options.bend_rad), track.frame_count)
    scale = rig.leg_length_m / leg_length_m(track.positions_m)
    if options.upper_body:
        return upper_motion(body, track.timestamps_s, heading_rad=heading, scale=scale)
    path = smoothed(track.root_position_m.astype(float), track.timestamps_s, 2 * options.smoothing_s)
    root_world = apply(to_world, path) * scale
    location = _root_location(body, root_world, track, options)
    return as_motion(body, location, track.timestamps_s, heading_rad=heading, scale=scale)


def heading_of(rig: RigSpec) -> float:
    """How far a person who faces the camera is turned about the world's up axis to face where the rig does, radians."""
    return float(np.arctan2(rig.front_world[0], -rig.front_world[1]))


def facing_ahead(joints_m: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """Turns about the world's up axis [T, 3, 3] after which somebody's hips face the camera's side, -y, all the time: what is
    left for an upper body whose hips and legs do not turn. joints_m [T, 17, 3]: world axes.
    """
    across = smoothed(joints_m[:, INDEX[Joint.LEFT_HIP]] - joints_m[:, INDEX[Joint.RIGHT_HIP]], timestamps_s, _HIPS_STEADY_S)
    return about_axis(_UP, -heading_rad(unit(across)[:, :2]))


def heading_rad(level: np.ndarray) -> np.ndarray:
    """Where directions face, from their level parts [T, 2]: [T] radians, without jumps. One that is nearly upright, as across the
    hips of somebody who lies on the side, does not say; it faces where those before and after it do.
    """
    says = np.flatnonzero(norm(level) > _LEVEL_SHARE)
    if not len(says):
        return np.zeros(len(level))
    angles = np.unwrap(np.arctan2(level[says, 1], level[says, 0]))
    return np.interp(np.arange(len(level)), says, angles)


def upper_motion(body: PosedRig, timestamps_s: np.ndarray, *, heading_rad: float, scale: float) -> RigMotion:
    """`as_motion` of an upper body: what is below the waist is at rest, and left alone."""
    motion = as_motion(body, np.zeros((body.frames, 3)), timestamps_s, heading_rad=heading_rad, scale=scale)
    return replace(motion, left_alone=body.rig.below_waist)


def as_motion(body: PosedRig, location: np.ndarray, timestamps_s: np.ndarray, *, heading_rad: float, scale: float) -> RigMotion:
    """Keyable rotations from D of the bones that turn, and from how far the root bone's head is from rest [T, 3], world metres.

    Twist bones and fingers get theirs here, and locks are obeyed.
    """
    rig = body.rig
    body = distributed(rig, body)
    root = rig.index[rig.mapping.root]
    keyed = sorted({*rig.turned_bones(), root})
    channels = np.empty((len(keyed), 4, body.frames))
    for first in range(0, body.frames, _BLOCK):  # what a conversion needs in between is many times what it gives
        part = slice(first, first + _BLOCK)
        _fill_basis(channels[..., part], body, keyed, part)
    rotations = channels.transpose(2, 0, 1)
    largest = np.take_along_axis(rotations[0], np.abs(rotations[0]).argmax(axis=-1)[:, None], axis=-1)
    rotations[0] *= np.where(largest < 0, -1.0, 1.0)
    return RigMotion(
        bone_names=tuple(rig.bone_names[b] for b in keyed),
        timestamps_s=timestamps_s.astype(float),
        rotations_wxyz=continuous(rotations),
        root_bone=rig.mapping.root,
        root_location_m=location,
        root_basis_location=_basis_location(rig, root, location),
        heading_rad=heading_rad,
        scale=scale,
        held=held(rig),
    )


class Pose:
    """The track's directions in armature axes, by joint name. [T, 3] each."""

    def __init__(self, joints_world: np.ndarray, timestamps_s: np.ndarray, rig: RigSpec) -> None:
        self.timestamps_s = timestamps_s
        self._joints = rig.armature_from_world @ np.ascontiguousarray(joints_world.transpose(1, 2, 0))  # [17, 3, T]
        self.up = unit(apply(rig.armature_from_world, _UP))
        self.front = unit(apply(rig.armature_from_world, rig.front_world))
        # Not the cross product of these: in a mirrored object that points to the right.
        self.left = unit(apply(rig.armature_from_world, cross(_UP, rig.front_world)))

    def way(self, start: Joint, end: Joint) -> np.ndarray:
        return unit((self._joints[INDEX[end]] - self._joints[INDEX[start]]).T)

    def limb(self, side: str, start: str, end: str) -> np.ndarray:
        return self.way(Joint(f"{side}_{start}"), Joint(f"{side}_{end}"))


def own_turns(
    pose: Pose,
    rig: RigSpec,
    face: tuple[np.ndarray, np.ndarray] | None,
    *,
    upper_body: bool = False,
    bend_rad: float = PLANE_BEND_RAD,
) -> dict[int, np.ndarray]:
    """D [T, 3, 3] of every bone that has a direction of its own, by its index. upper_body: hips and legs have none, the chest is
    turned as far as trunk and hips together, and the spine bends to it. bend_rad: limbs that are bent by this much show
    their plane.

    Raises Pose3DError for an upper body of a rig whose hips carry the trunk.
    """
    trunk_rest = unit(rig.middle("upper_arm") - rig.middle("thigh"))
    trunk = pose.way(Joint.PELVIS, Joint.THORAX)
    own: dict[int, np.ndarray] = {}
    hips = turn(pose.way(Joint.RIGHT_HIP, Joint.LEFT_HIP), trunk, rig.across("thigh"), trunk_rest)
    chest = turn(pose.way(Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER), trunk, rig.across("upper_arm"), trunk_rest)
    hips_bone = rig.bone("hips")
    assert hips_bone is not None
    if upper_body:
        require_upper_body(rig)
        hips = np.broadcast_to(np.eye(3), hips.shape)
    own[hips_bone] = hips
    spine = [b for b in rig.chain("spine") if b != hips_bone]
    # A bone between that the legs hang on is turned as the hips are.
    legs_on = [b for b in spine if rig.carries_legs(b)]
    own |= dict.fromkeys(legs_on, hips)
    spine = [b for b in spine if b not in legs_on]
    chest_bone = rig.bone("chest")
    if upper_body:
        spine = [b for b in spine if rig.bone_names[b] not in rig.below_waist]
    if chest_bone is None and spine:
        chest_bone = spine.pop()
    if chest_bone is None:  # the hips carry the trunk by themselves
        own[hips_bone] = hips = chest = turn(trunk, pose.way(Joint.RIGHT_HIP, Joint.LEFT_HIP), trunk_rest, rig.across("thigh"))
    between = steps_between(hips, chest, len(spine))
    if chest_bone is not None:
        clavicles = _clavicles(rig, pose, chest, trunk_rest)
        if not upper_body:  # above hips that stay the spine would have to bend farther than the chest, and back again
            between, chest, clavicles = bent_to(trunk, rig, hips, spine, between, chest_bone, chest, clavicles)
        own |= {chest_bone: chest, **clavicles}
    own.update(zip(spine, between, strict=True))
    head = _head(pose, chest, trunk_rest)
    if face is not None:
        turned, trust = face
        # A face that looks backwards is a detector that took the back of the head for one.
        believable = np.clip((_NECK_RANGE_RAD - angle_between(chest, turned)) / _NECK_FADE_RAD, 0.0, 1.0)
        say = without_haste(trust * believable, pose.timestamps_s, _FACE_WAITS_S, _FACE_FADES_S)
        head = slerp_matrices(head, turned, say)
    neck = [b for b in rig.chain("neck") if b not in own]
    own.update(zip(neck, steps_between(chest, head, len(neck)), strict=True))
    if (head_bone := rig.bone("head")) is not None:
        own[head_bone] = head
    limbs = []
    for side in SIDES:
        arm = (pose.limb(side, "shoulder", "elbow"), pose.limb(side, "elbow", "wrist"))
        limbs.append(_limb(rig, side, ("upper_arm", "forearm"), arm, chest))
        if not upper_body:
            leg = (pose.limb(side, "hip", "knee"), pose.limb(side, "knee", "ankle"))
            limbs.append(_limb(rig, side, ("thigh", "shin"), leg, hips))
    own |= _hinged(limbs, pose.timestamps_s, bend_rad)
    for side in SIDES if not upper_body else ():
        if (foot := rig.bone(f"{side}_foot")) is not None:
            shin = rig.bone(f"{side}_shin")
            assert shin is not None
            own[foot] = _foot(rig, pose, own[shin])
    return own


def require_upper_body(rig: RigSpec) -> None:
    """Raises Pose3DError where the hips carry the trunk, so that what is above them cannot move alone."""
    trunk = {*rig.mapping.bones.get("spine", ()), *rig.mapping.bones.get("chest", ())}
    if not trunk - rig.below_waist:
        raise Pose3DError(
            f"The trunk of this armature is one bone, '{rig.mapping.bone('hips')}', so its upper body cannot move alone.",
            hint="Leave Upper Body Only off, or choose a bone for the chest.",
        )


def turn(primary: np.ndarray, secondary: np.ndarray, rest_primary: np.ndarray, rest_secondary: np.ndarray) -> np.ndarray:
    now, rest = frame(primary, secondary), frame(rest_primary, rest_secondary)
    if rest.ndim == 2 and now.ndim == 3:  # three products of large matrices in place of many small ones
        return (rest @ now.transpose(1, 2, 0)).transpose(2, 0, 1)
    return now @ transposed(rest)


def steps_between(first: np.ndarray, last: np.ndarray, count: int) -> list[np.ndarray]:
    """So many rotations between two, [T, 3, 3], at even steps."""
    if not count:
        return []
    a, b = quaternion_from_matrix(first), quaternion_from_matrix(last)
    return [matrix_from_quaternion(slerp(a, b, (i + 1) / (count + 1))) for i in range(count)]


def _clavicles(rig: RigSpec, pose: Pose, chest: np.ndarray, trunk_rest: np.ndarray) -> dict[int, np.ndarray]:
    """D of the clavicles: they rise with the upper arms, and lie as at rest where those do."""
    out = {}
    for side in SIDES:
        bone, arm = rig.bone(f"{side}_clavicle"), rig.bone(f"{side}_upper_arm")
        if bone is None or arm is None or not rig.is_below(arm, bone):
            continue
        axis = cross(rig.rest_heads[arm] - rig.rest_heads[bone], trunk_rest)
        if norm(axis) < 1e-9:
            continue
        rest = unit(rig.end(f"{side}_upper_arm") - rig.rest_heads[arm])
        now = apply(transposed(chest), pose.limb(side, "shoulder", "elbow"))
        out[bone] = chest @ about_axis(unit(axis), _raised_rad(now @ trunk_rest) - _raised_rad(rest @ trunk_rest))
    return out


def _raised_rad(up: np.ndarray) -> np.ndarray:
    """How far a clavicle is raised for an arm whose direction has this part along the trunk (1: straight up)."""
    return _CLAVICLE_RANGE_RAD * np.clip((up - _CLAVICLE_FROM) / (1 - _CLAVICLE_FROM), 0.0, 1.0) ** 2


def bent_to(
    trunk: np.ndarray,
    rig: RigSpec,
    hips: np.ndarray,
    spine: list[int],
    between: list[np.ndarray],
    chest_bone: int,
    chest: np.ndarray,
    clavicles: dict[int, np.ndarray],
) -> tuple[list[np.ndarray], np.ndarray, dict[int, np.ndarray]]:
    """Turn the bones between hips and chest so that the middle of the shoulders lies in the direction `trunk` from the hips'.

    The vector between the two is f + w, with w the part carried by the bones that may turn: solve f + C w = l * trunk for C in
    closed form. A rig whose chest hangs directly on the hips turns the chest, and the clavicles with it.
    """
    heads = rig.rest_heads
    shoulders = apply(chest, rig.middle("upper_arm") - heads[chest_bone])
    for bone, delta in clavicles.items():
        arm = next(b for side in SIDES if (b := rig.bone(f"{side}_upper_arm")) is not None and rig.is_below(b, bone))
        shoulders = shoulders + apply(delta - chest, heads[arm] - heads[bone]) / 2
    first = spine[0] if spine else chest_bone
    fixed = apply(hips, heads[first] - rig.middle("thigh"))
    if spine:
        fixed = fixed + shoulders
        ends = [*(heads[b] for b in spine[1:]), heads[chest_bone]]
        free = np.sum([apply(d, end - heads[b]) for d, end, b in zip(between, ends, spine, strict=True)], axis=0)
    else:
        free = shoulders
    along = (trunk * fixed).sum(-1)
    root = along**2 - (fixed**2).sum(-1) + (free**2).sum(-1)
    reach = along + np.sqrt(np.maximum(root, 0))
    wanted = reach[:, None] * trunk - fixed
    usable = (root > 0) & (norm(wanted) > 1e-9) & (norm(free) > 1e-9)
    turn = np.where(usable[:, None, None], swing(free, wanted), np.eye(3))
    if spine:
        return [turn @ d for d in between], chest, clavicles
    return between, turn @ chest, {bone: turn @ delta for bone, delta in clavicles.items()}


@dataclass(frozen=True)
class _Limb:
    """A limb's two bones; along them now [T, 3] and at rest [3]; the axis about which it bends, at rest [3] and, where it is
    straight, now [T, 3].
    """

    bones: tuple[int, int]
    segments: tuple[np.ndarray, np.ndarray]
    segments_rest: tuple[np.ndarray, np.ndarray]
    axis_rest: np.ndarray
    untwisted: np.ndarray


def _limb(
    rig: RigSpec,
    side: str,
    parts: tuple[str, str],
    segments: tuple[np.ndarray, np.ndarray],
    parent: np.ndarray,
) -> _Limb:
    first, second = (rig.bone(f"{side}_{part}") for part in parts)
    assert first is not None and second is not None
    upper_rest = unit(rig.rest_heads[second] - rig.rest_heads[first])
    lower_rest = unit(rig.end(f"{side}_{parts[1]}") - rig.rest_heads[second])
    axis_rest = limb_axis(rig, first, second, rig.end(f"{side}_{parts[1]}"))
    usual = straight(rig, side, parts[0], upper_rest, axis_rest)
    untwisted = apply(parent, usual.axis(apply(transposed(parent), segments[0])))
    return _Limb((first, second), segments, (upper_rest, lower_rest), axis_rest, untwisted)


def _hinged(limbs: list[_Limb], timestamps_s: np.ndarray, bend_rad: float) -> dict[int, np.ndarray]:
    """D of the limbs' bones; the twist comes from the plane of the bend, from where people's limbs bend where it is straight."""
    upper = np.stack([limb.segments[0] for limb in limbs])
    lower = np.stack([limb.segments[1] for limb in limbs])
    axes = hinge_axes(upper, lower, np.stack([limb.untwisted for limb in limbs]), timestamps_s, bend_rad=bend_rad)
    return {
        bone: turn(along, axis, along_rest, limb.axis_rest)
        for limb, axis in zip(limbs, axes, strict=True)
        for bone, along, along_rest in zip(limb.bones, limb.segments, limb.segments_rest, strict=True)
    }


def limb_axis(rig: RigSpec, upper: int, lower: int, end: np.ndarray) -> np.ndarray:
    """The axis about which a limb of these bones bends, that ends there, at rest: [3], armature axes."""
    heads = rig.rest_heads
    up, front = (unit(apply(rig.armature_from_world, way)) for way in (_UP, rig.front_world))
    is_arm = any(upper == rig.bone(f"{side}_upper_arm") for side in SIDES)
    usual, bends_to = (unit(heads[upper] - rig.middle("upper_arm")), front) if is_arm else (-up, -front)
    return rest_axis(unit(heads[lower] - heads[upper]), unit(end - heads[lower]), bends_to, usual)


def rest_axis(upper: np.ndarray, lower: np.ndarray, bends_to: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The axis about which a limb bends, at rest: anatomical, unless the rest pose is bent and shows it.

    bends_to: where it bends to while it points in the usual way, an arm outwards, a leg down.
    """
    sideways = cross(upper, bends_to)
    if norm(sideways) < _SIDEWAYS_SHARE:  # a thigh of somebody who sits points where no shin goes: as carried there
        sideways = swing(usual, upper) @ cross(usual, bends_to)
    anatomical = unit(sideways)
    shown = cross(upper, lower)
    bend = np.arctan2(norm(shown), upper @ lower)
    if bend > _REST_BEND_RAD and unit(shown) @ anatomical > np.cos(_REST_AXIS_TOLERANCE_RAD):
        return unit(shown)
    return anatomical


def hinge_axes(
    upper: np.ndarray,
    lower: np.ndarray,
    reference: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    bend_rad: float = PLANE_BEND_RAD,
) -> np.ndarray:
    """The bend axes of limbs, square to `upper`, continuous where they are straight: all [L, T, 3].

    The angle from `reference` to the seen axis is found as the complex number z of length 1 that minimises the integral of
    w |z - seen|^2 + |z - near|^2 + time^2 |dz/dt|^2 (1 + speed^2 / haste^2), where w grows with the bend, from 1 at bend_rad on.
    near is 1, the reference, unless the limb is bent far from there before or after. At first z may have any length: a
    tridiagonal system, which finds the side on which to turn round. But z is near 0 where what is before and after are opposite,
    and its angle turns round within a frame there: so the angle is improved from that.
    """
    seen = cross(upper, lower)
    side = cross(upper, reference)
    sine = norm(seen)
    z_seen = (_dot(seen, reference) + 1j * _dot(seen, side)) / np.maximum(sine, 1e-12)
    weight = (sine / np.sin(bend_rad)) ** _PLANE_POWER
    steps_s = np.diff(timestamps_s)
    coupling = (_PLANE_TIME_S / steps_s) ** 2
    near = _near(z_seen, weight * (sine > np.sin(_PLANE_SURE_RAD)), _main(coupling), coupling)
    z = _tridiagonal(_main(coupling) + weight + 1.0, -coupling, weight * z_seen + near)
    angle = np.unwrap(np.angle(z))
    for _ in range(_PLANE_ROUNDS):
        angle = angle + _improved(angle, ((weight, z_seen), (1.0, near)), coupling, steps_s) / 2
    return unit(np.cos(angle)[..., None] * reference + np.sin(angle)[..., None] * side)


def _improved(
    angle: np.ndarray, seen: tuple[tuple[np.ndarray | float, np.ndarray], ...], coupling: np.ndarray, steps_s: np.ndarray
) -> np.ndarray:
    """What the angles of `hinge_axes` [L, T] lack to the best, if their speeds stayed; seen: weights and unit numbers."""
    turned = np.diff(angle)
    speed = turned / (steps_s * _PLANE_HASTE_RAD_S)
    stiff = coupling * (1 + speed * speed)
    pull = stiff * turned
    main, right = _main(stiff), np.diff(pull, prepend=0.0, append=0.0)
    for weight, target in seen:
        off = np.angle(target * np.exp(-1j * angle))
        known = weight * np.maximum(np.sinc(off / np.pi), _LEAST_SHARE)
        main, right = main + known, right + known * off
    return _tridiagonal(main, -stiff, right)


def _main(coupling: np.ndarray) -> np.ndarray:
    """The diagonal of a system whose neighbours are coupled [..., T - 1]: [..., T]."""
    none = np.zeros((*coupling.shape[:-1], 1))
    return np.concatenate([none, coupling], axis=-1) + np.concatenate([coupling, none], axis=-1)


def _near(z_seen: np.ndarray, weight: np.ndarray, main: np.ndarray, coupling: np.ndarray) -> np.ndarray:
    """What a straight limb's axis is near to, from 1, the reference: unit complex numbers [L, T]. A mean of an axis and one the
    opposite way would be any: so where the limb is surely bent that way, before or after, it goes there in good time.
    """
    if not ((weight > 0) & (np.abs(np.angle(z_seen)) > _PLANE_NEAR_RAD)).any():
        return np.ones(z_seen.shape, complex)
    slow = _tridiagonal(main + weight + _PLANE_PULL, -coupling, weight * z_seen)
    angle = np.abs(slow) * np.angle(slow)  # how often it went round before does not count
    far = np.clip(np.abs(angle) / _PLANE_NEAR_RAD - 1, 0, 1)
    return np.exp(1j * angle * far * far * (3 - 2 * far))


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", a, b)


def _tridiagonal(main: np.ndarray, off: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve a symmetric, diagonally dominant system: main and right [..., N], off [..., N - 1] beside the diagonal.

    Odd-even reduction (R. W. Hockney, A fast direct solution of Poisson's equation using Fourier analysis, 1965): every other
    unknown is eliminated at once, and again half of those left.
    """
    if main.shape[-1] == 1:
        return right / main
    odd, last = main.shape[-1] // 2, (main.shape[-1] - 1) // 2  # how many, and how many of them have an even one after them
    inverse = 1 / main[..., 1::2]
    before, after = off[..., 0::2] * inverse, off[..., 1::2] * inverse[..., :last]
    known = right[..., 1::2]
    mains, rights = main[..., 0::2].copy(), right[..., 0::2].copy()
    mains[..., :odd] -= off[..., 0::2] * before
    mains[..., 1:] -= off[..., 1::2] * after
    rights[..., :odd] -= before * known
    rights[..., 1:] -= after * known[..., :last]
    even = _tridiagonal(mains, -off[..., 1::2] * before[..., :last], rights)
    out = np.empty_like(right)
    out[..., 0::2] = even
    out[..., 1::2] = inverse * known - before * even[..., :odd]
    out[..., 1:-1:2] -= after * even[..., 1:]
    return out


def _foot(rig: RigSpec, pose: Pose, shin: np.ndarray) -> np.ndarray:
    """The foot stays level as far as the ankle allows, facing where the shin faces; beyond that it follows the shin, as it does
    where the knee is below it: nothing says that it is level there.
    """
    # The shin's turn about the vertical, without its swing: swing-twist decomposition.
    q = quaternion_from_matrix(shin)
    flat = about_axis(pose.up, 2 * np.arctan2(q[..., 1:] @ pose.up, q[..., 0]))
    apart = angle_between(shin, flat)
    fades = np.clip((_ANKLE_LEVEL_RAD[1] - apart) / (_ANKLE_LEVEL_RAD[1] - _ANKLE_LEVEL_RAD[0]), 0.0, 1.0)
    share = np.minimum(1.0, _ANKLE_RANGE_RAD / np.maximum(apart, 1e-9)) * fades * fades * (3 - 2 * fades)
    return slerp_matrices(shin, flat, share)


def _head(pose: Pose, chest: np.ndarray, trunk_rest: np.ndarray) -> np.ndarray:
    """The head from thorax, nose and the top of the head. A nose that is hardly beside the neck's axis says as little of where
    the head faces as a straight limb of its plane: it faces as the chest does then.
    """
    axis = pose.way(Joint.THORAX, Joint.HEAD_TOP)
    forward = pose.way(Joint.THORAX, Joint.NOSE)
    sideways = unit(cross(trunk_rest, pose.front))
    untwisted = apply(chest, apply(swing(trunk_rest, apply(transposed(chest), axis)), sideways))
    seen = hinge_axes(axis[None], forward[None], untwisted[None], pose.timestamps_s)[0]
    return turn(axis, seen, trunk_rest, sideways)


def turn_from_face(
    track: Pose3DTrack, to_world: np.ndarray, pose: Pose, rig: RigSpec, *, sigma_s: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """The head by the detector's ears and nose: rotations [T, 3, 3] and how far to trust them [T]; None where there are none.

    to_world [3, 3] or [T, 3, 3]: world axes from camera axes.
    Of the 17 joints only the nose tells which way a head is turned, and it is near the neck's axis; the ears are a hand apart.
    """
    seen = np.flatnonzero(track.detected)
    face = {name: track.world_landmarks_m[:, LANDMARK_INDEX[name]].astype(float) for name in ("left_ear", "right_ear", "nose")}
    across, ahead = face["left_ear"] - face["right_ear"], face["nose"] - (face["left_ear"] + face["right_ear"]) / 2
    if norm(across[seen]).min() < 1e-3 or norm(ahead[seen]).min() < 1e-3:
        return None
    nearest = nearest_valid(track.detected)
    trust = track.landmark_confidence[nearest, LANDMARK_INDEX["nose"]]
    ways = []
    for way in (across, ahead):
        steady = smoothed(unit(way[nearest]), track.timestamps_s, sigma_s)
        trust = trust * agreement(steady, _FACES_AGREE)
        ways.append(apply(rig.armature_from_world, apply(to_world, steady)))
    # On a level head the nose is below the ears.
    nose_rest = np.cos(_NOSE_BELOW_EARS_RAD) * pose.front - np.sin(_NOSE_BELOW_EARS_RAD) * pose.up
    return turn(ways[0], ways[1], pose.left, nose_rest), trust


def _root_location(body: PosedRig, root_world: np.ndarray, track: Pose3DTrack, options: SolveOptions) -> np.ndarray:
    """Displacement of the root bone's head from rest: [T, 3], world metres."""
    rig, from_hips = body.rig, FromHips(body)
    first = int(np.flatnonzero(track.detected)[0])
    path = root_world - root_world[first]
    middle_rest = rig.world_points(rig.middle("thigh"))
    middle = np.empty_like(path)
    middle[:, :2] = middle_rest[:2] + (0.0 if options.in_place else path[:, :2])
    if options.ground:
        middle[:, 2] = _height(from_hips, path[:, 2], track)
    else:
        middle[:, 2] = middle_rest[2] + path[:, 2]
    root = rig.index[rig.mapping.root]
    return middle + from_hips.head_m(root) - rig.rest_heads_world_m[root]


class FromHips:
    """Where a rig's bones are from the middle of its thighs' heads, in world metres."""

    def __init__(self, body: PosedRig) -> None:
        self.body = body
        thighs = [body.head(thigh) for side in SIDES if (thigh := body.rig.bone(f"{side}_thigh")) is not None]
        self._middle = sum(thighs) / len(thighs)
        self._trunk = {bone for role in ("hips", "spine", "chest") for bone in body.rig.chain(role)}

    def head_m(self, bone: int) -> np.ndarray:
        """Of a bone's head: [T, 3]."""
        return apply(self.body.rig.world_from_armature[:3, :3], self.body.head(bone) - self._middle)

    def lowest_m(self, clearance_m: np.ndarray) -> np.ndarray:
        """How far the hips are above the ground, less than nothing, where the lowest bone is as high above it as its clearance
        [B] says, or as what a mesh shows of trunk and head: [T]. Bones with a clearance of minus infinity do not count.
        """
        up = self.body.rig.world_from_armature[2, :3]
        lowest = np.full(self.body.frames, np.inf)
        for bone in np.flatnonzero(np.isfinite(clearance_m)).tolist():
            head = (self.body.head(bone) - self._middle) @ up
            np.minimum(lowest, head + self._lowest_point_m(bone, -clearance_m[bone]), out=lowest)
        return lowest

    def _lowest_point_m(self, bone: int, otherwise: float) -> np.ndarray:
        """How high above a bone's head the lowest of its body's points is: [T]."""
        rig = self.body.rig
        if bone not in rig.body:
            return np.full(self.body.frames, otherwise)
        up = np.tensordot(rig.world_from_armature[2, :3], self.body.turn(bone), (0, 1))  # in the axes of the rest pose
        below = (up @ (rig.body[bone] - rig.rest_heads[bone]).T).min(axis=1)
        carries = bone in self._trunk
        return np.asarray(below if carries else np.maximum(below, -_THICKEST_HEAD * rig.leg_length_m))


def clearance_m(rig: RigSpec) -> np.ndarray:
    """How high above the ground each bone's head may come at the lowest: [B], minus infinity for bones without a role, and for
    hips and spine that begin nearer to the ground than to the thighs, as a root bone at the feet does: no body is there.

    Raises Pose3DError if the rig has no foot.
    """
    if all(rig.bone(f"{side}_foot") is None for side in SIDES):
        raise Pose3DError("No bone of the armature is a foot.", hint="Choose another preset, or name the feet in this one.")
    clearance = np.full(len(rig.bone_names), -np.inf)
    clearance[rig.mapped_bones()] = 0.06 * rig.leg_length_m
    trunk = [*rig.chain("hips"), *rig.chain("spine")]
    height_m = rig.world_points(rig.middle("thigh"))[2] - rig.ground_m
    clearance[[bone for bone in trunk if rig.rest_heads_world_m[bone, 2] - rig.ground_m < height_m / 2]] = -np.inf
    for side in SIDES:
        if (foot := rig.bone(f"{side}_foot")) is not None:
            clearance[foot] = rig.ankle_height_m
        if (toe := rig.bone(f"{side}_toe")) is not None:
            clearance[toe] = np.clip(rig.rest_heads_world_m[toe, 2] - rig.ground_m, 0.0, rig.ankle_height_m)
    return clearance


def _height(from_hips: FromHips, path_z: np.ndarray, track: Pose3DTrack) -> np.ndarray:
    """Height of the middle of the hips: such that the lowest point is on the ground, except while the whole body is in the air.

    In the air: the camera saw the hips higher above the lowest point than within half a second before and after, and saw the legs
    well all that time.
    """
    rig = from_hips.body.rig
    leg = rig.leg_length_m
    standing = rig.ground_m - from_hips.lowest_m(clearance_m(rig))
    above = path_z - standing
    times = track.timestamps_s
    above = above - smoothed(rolling_minimum(above, times, 0.5), times, 0.2)
    legs = [INDEX[f"{side}_{part}"] for side in SIDES for part in ("knee", "ankle")]
    seen = rolling_minimum(track.confidence[:, legs].mean(axis=1), times, 0.5)
    certain = smoothed(np.clip((seen - 0.3) / 0.2, 0.0, 1.0), times, 0.1)
    flight = certain * np.clip((above / leg - 0.06) / 0.06, 0.0, 1.0)
    return standing + flight * flight * (3 - 2 * flight) * above


def _fill_basis(out: np.ndarray, body: PosedRig, bones: list[int], frames: slice) -> None:
    """Set out [K, 4, F] to the bones' keyable rotations in these frames, quaternions of either sign."""
    turned: dict[int, np.ndarray] = {}
    for bone, rotation in zip(bones, out, strict=True):
        leader, above = body.leader(bone), body.leader(body.above(bone))
        for one in (leader, above):
            if one >= 0 and one not in turned:
                turned[one] = quaternion_from_matrix(body.own[one][frames]).T
        if leader == above:  # as at rest on its parent
            rotation[0], rotation[1:] = 1.0, 0.0
            continue
        w, x, y, z = turned[leader] if leader >= 0 else np.eye(4)[0]
        a, b, c, d = turned[above] if above >= 0 else np.eye(4)[0]
        # above^-1 leader; then seen from the bone's own axes.
        rotation[0] = a * w + b * x + c * y + d * z
        vector = np.stack([a * x - b * w - c * z + d * y, a * y - c * w - d * x + b * z, a * z - d * w - b * y + c * x])
        np.matmul(body.rig.rest_rotations[bone].T, vector, out=rotation[1:])
        rotation /= np.sqrt(np.einsum("if,if->f", rotation, rotation))  # rest rotations come as float32


def _basis_location(rig: RigSpec, root: int, location_m: np.ndarray) -> np.ndarray:
    """World displacement -> the root bone's keyable location [T, 3]. Bones above the root stay at rest."""
    in_armature = apply(rig.armature_from_world, location_m)
    axes_of = root if rig.local_location[root] else rig.parents[root]
    return apply(rig.rest_rotations[axes_of].T, in_armature) if axes_of >= 0 else in_armature


def leg_length_m(positions_m: np.ndarray) -> float:
    """Of the person, from joints [T, 17, 3]. Raises Pose3DError if it is none."""
    lengths = [
        norm(positions_m[:, INDEX[f"{side}_{a}"]] - positions_m[:, INDEX[f"{side}_{b}"]])
        for side in SIDES
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    length = float(sum(np.median(part) for part in lengths) / 2)
    if length < 1e-3:
        raise Pose3DError("The legs in the track have no length.", hint="Import the clip again to make a new track.")
    return length
