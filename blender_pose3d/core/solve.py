"""From a track to a rig's bone rotations: all frames at once, no Blender, no loop over frames but one.

The idea: every bone's world rotation is D(t) R_rest, where R_rest is the bone's rest rotation and D(t) = S(t) S_rest^-1 turns the
rest segment into the one of the track. S is a frame made of directions that both skeletons have (along the limb, across the hips,
square to the bend of the elbow). Bone roll, bone axes, rest pose and proportions drop out. A bone's keyable rotation is then
R_rest^-1 D_parent^-1 D R_rest. Bones without a role keep their place on their parent: D = D_parent.
All directions are in armature axes, so the object's rotation and scale drop out as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .coordinates import CameraPose, to_world
from .distribute import distributed, held
from .errors import Pose3DError
from .filtering import nearest_valid, rolling_minimum, smoothed
from .preset import SIDES
from .rig import RigSpec
from .rotations import (
    about_axis,
    angle_between,
    apply,
    continuous,
    frame,
    quaternion_from_matrix,
    slerp_matrices,
    swing,
    transposed,
    unit,
)
from .skeleton import INDEX, LANDMARK_INDEX, Joint
from .tracks import Pose3DTrack, RigMotion

_UP = np.array([0.0, 0.0, 1.0])
# An elbow or knee bent by this much tells its plane as strongly as the rest pose's guess does.
_PLANE_BEND_RAD = np.radians(6.0)
# About the time that the twist takes from the one to the other.
_PLANE_TIME_S = 0.1
# How far a foot is turned at the ankle to stay level before it follows the shin.
_ANKLE_RANGE_RAD = np.radians(35.0)
# How far a head turns against the chest, and over which angle the face loses its say before that.
_NECK_RANGE_RAD = np.radians(100.0)
_NECK_FADE_RAD = np.radians(20.0)
_NOSE_BELOW_EARS_RAD = np.radians(10.0)
# A rest pose shows an elbow's or knee's axis when it is bent by this much and the axis is near the anatomical one.
_REST_BEND_RAD = np.radians(8.0)
_REST_AXIS_TOLERANCE_RAD = np.radians(60.0)
# A straight arm's twist is carried along from where it hangs no lower than this at rest.
_REACH_DOWN_RAD = np.radians(45.0)
# A clavicle follows its arm from this far above hanging on, more and more, up to an arm that is raised straight up.
_CLAVICLE_FROM, _CLAVICLE_RANGE_RAD = -0.5, np.radians(28.0)


@dataclass(frozen=True)
class SolveOptions:
    """smoothing_s: standard deviation of the zero-phase filter on the joints, 0 for none; in_place: no path along the ground;
    ground: keep the lowest point on the ground except in jumps; camera: how the camera was held.
    """

    smoothing_s: float = 0.04
    in_place: bool = False
    ground: bool = True
    camera: CameraPose = field(default_factory=CameraPose)


def solve(track: Pose3DTrack, rig: RigSpec, options: SolveOptions | None = None) -> RigMotion:
    """Rotations of every mapped bone and the path of the root, at the track's own timestamps.

    Raises Pose3DError if no frame of the track has a person.
    """
    options = options or SolveOptions()
    if not track.detected.any():
        raise Pose3DError("Nobody was found in the clip.", hint="Choose a clip or a frame range that shows a person.")
    heading = heading_of(rig)
    joints = smoothed(track.positions_m.astype(float), track.timestamps_s, options.smoothing_s)
    joints_world = to_world(joints, options.camera, heading_rad=heading)  # [T, 17, 3]
    pose = Pose(joints_world, track.timestamps_s, rig)
    face = turn_from_face(track, options.camera, heading, pose, rig, sigma_s=1.5 * options.smoothing_s)
    deltas = spread(rig, own_turns(pose, rig, face), track.frame_count)
    scale = rig.leg_length_m / leg_length_m(track.positions_m)
    path = smoothed(track.root_position_m.astype(float), track.timestamps_s, 2 * options.smoothing_s)
    root_world = to_world(path, options.camera, heading_rad=heading) * scale
    location = _root_location(rig, deltas, root_world, track, options)
    return as_motion(rig, deltas, location, track.timestamps_s, heading_rad=heading, scale=scale)


def heading_of(rig: RigSpec) -> float:
    """How far a person who faces the camera is turned about the world's up axis to face where the rig does, radians."""
    return float(np.arctan2(rig.front_world[0], -rig.front_world[1]))


def as_motion(
    rig: RigSpec, deltas: np.ndarray, location: np.ndarray, timestamps_s: np.ndarray, *, heading_rad: float, scale: float
) -> RigMotion:
    """Keyable rotations from D for every bone [T, B, 3, 3] and how far the root bone's head is from rest [T, 3], world metres.

    Twist bones and fingers get theirs here, and locks are obeyed.
    """
    deltas = distributed(rig, deltas)
    keyed = rig.turned_bones()
    root = rig.index[rig.mapping.root]
    if root not in keyed:
        keyed = sorted([*keyed, root])
    # Bone by bone, because what a conversion needs in between is many times what it gives.
    rotations = np.stack([quaternion_from_matrix(_basis(rig, deltas, bone)) for bone in keyed], axis=1)
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
        self._joints = apply(rig.armature_from_world, joints_world)
        self.up = unit(apply(rig.armature_from_world, _UP))
        self.front = unit(apply(rig.armature_from_world, rig.front_world))
        # Not the cross product of these: in a mirrored object that points to the right.
        self.left = unit(apply(rig.armature_from_world, np.cross(_UP, rig.front_world)))

    def way(self, start: Joint, end: Joint) -> np.ndarray:
        return unit(self._joints[:, INDEX[end]] - self._joints[:, INDEX[start]])

    def limb(self, side: str, start: str, end: str) -> np.ndarray:
        return self.way(Joint(f"{side}_{start}"), Joint(f"{side}_{end}"))


def own_turns(pose: Pose, rig: RigSpec, face: tuple[np.ndarray, np.ndarray] | None) -> dict[int, np.ndarray]:
    """D [T, 3, 3] of every bone that has a direction of its own, by its index."""
    trunk_rest = unit(rig.middle("upper_arm") - rig.middle("thigh"))
    trunk = pose.way(Joint.PELVIS, Joint.THORAX)
    own: dict[int, np.ndarray] = {}
    hips = turn(pose.way(Joint.RIGHT_HIP, Joint.LEFT_HIP), trunk, rig.across("thigh"), trunk_rest)
    chest = turn(pose.way(Joint.RIGHT_SHOULDER, Joint.LEFT_SHOULDER), trunk, rig.across("upper_arm"), trunk_rest)
    hips_bone = rig.bone("hips")
    assert hips_bone is not None
    own[hips_bone] = hips
    spine = [b for b in rig.chain("spine") if b != hips_bone]
    chest_bone = rig.bone("chest")
    if chest_bone is None and spine:
        chest_bone = spine.pop()
    if chest_bone is None:  # the hips carry the trunk by themselves
        own[hips_bone] = hips = chest = turn(trunk, pose.way(Joint.RIGHT_HIP, Joint.LEFT_HIP), trunk_rest, rig.across("thigh"))
    between = [slerp_matrices(hips, chest, (i + 1) / (len(spine) + 1)) for i in range(len(spine))]
    if chest_bone is not None:
        clavicles = _clavicles(rig, pose, chest, trunk_rest)
        between, chest, clavicles = _bent_to(trunk, rig, hips, spine, between, chest_bone, chest, clavicles)
        own |= {chest_bone: chest, **clavicles}
    own.update(zip(spine, between, strict=True))
    head = _head(pose, trunk_rest)
    if face is not None:
        turned, trust = face
        # A face that looks backwards is a detector that took the back of the head for one.
        believable = np.clip((_NECK_RANGE_RAD - angle_between(chest, turned)) / _NECK_FADE_RAD, 0.0, 1.0)
        head = slerp_matrices(head, turned, trust * believable)
    neck = [b for b in rig.chain("neck") if b not in own]
    own.update((bone, slerp_matrices(chest, head, (i + 1) / (len(neck) + 1))) for i, bone in enumerate(neck))
    if (head_bone := rig.bone("head")) is not None:
        own[head_bone] = head
    for side in SIDES:
        arm = (pose.limb(side, "shoulder", "elbow"), pose.limb(side, "elbow", "wrist"))
        leg = (pose.limb(side, "hip", "knee"), pose.limb(side, "knee", "ankle"))
        for parts, segments, parent, bends_to in (
            (("upper_arm", "forearm"), arm, chest, pose.front),
            (("thigh", "shin"), leg, hips, -pose.front),
        ):
            for part, delta in zip(parts, _hinged(rig, side, parts, segments, parent, bends_to, pose.timestamps_s), strict=True):
                bone = rig.bone(f"{side}_{part}")
                assert bone is not None
                own[bone] = delta
        if (foot := rig.bone(f"{side}_foot")) is not None:
            shin = rig.bone(f"{side}_shin")
            assert shin is not None
            own[foot] = _foot(rig, pose, own[shin])
    return own


def spread(rig: RigSpec, own: dict[int, np.ndarray], count: int) -> np.ndarray:
    """D for every bone, [T, B, 3, 3]: those without one of their own follow their parent. count: T."""
    deltas = np.empty((count, len(rig.bone_names), 3, 3))
    still = np.broadcast_to(np.eye(3), (count, 3, 3))
    for bone, parent_bone in enumerate(rig.parents):
        follows = parent_bone >= 0 and rig.inherits_rotation[bone]
        deltas[:, bone] = own.get(bone, deltas[:, parent_bone] if follows else still)
    return deltas


def turn(primary: np.ndarray, secondary: np.ndarray, rest_primary: np.ndarray, rest_secondary: np.ndarray) -> np.ndarray:
    return frame(primary, secondary) @ transposed(frame(rest_primary, rest_secondary))


def _clavicles(rig: RigSpec, pose: Pose, chest: np.ndarray, trunk_rest: np.ndarray) -> dict[int, np.ndarray]:
    """D of the clavicles: they rise with the upper arms, and lie as at rest where those do."""
    out = {}
    for side in SIDES:
        bone, arm = rig.bone(f"{side}_clavicle"), rig.bone(f"{side}_upper_arm")
        if bone is None or arm is None or not rig.is_below(arm, bone):
            continue
        axis = np.cross(rig.rest_heads[arm] - rig.rest_heads[bone], trunk_rest)
        if np.linalg.norm(axis) < 1e-9:
            continue
        rest = unit(rig.end(f"{side}_upper_arm") - rig.rest_heads[arm])
        now = apply(transposed(chest), pose.limb(side, "shoulder", "elbow"))
        out[bone] = chest @ about_axis(unit(axis), _raised_rad(now @ trunk_rest) - _raised_rad(rest @ trunk_rest))
    return out


def _raised_rad(up: np.ndarray) -> np.ndarray:
    """How far a clavicle is raised for an arm whose direction has this part along the trunk (1: straight up)."""
    return _CLAVICLE_RANGE_RAD * np.clip((up - _CLAVICLE_FROM) / (1 - _CLAVICLE_FROM), 0.0, 1.0) ** 2


def _bent_to(
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
    usable = (root > 0) & (np.linalg.norm(wanted, axis=-1) > 1e-9) & (np.linalg.norm(free, axis=-1) > 1e-9)
    turn = np.where(usable[:, None, None], swing(free, wanted), np.eye(3))
    if spine:
        return [turn @ d for d in between], chest, clavicles
    return between, turn @ chest, {bone: turn @ delta for bone, delta in clavicles.items()}


def _hinged(
    rig: RigSpec,
    side: str,
    parts: tuple[str, str],
    segments: tuple[np.ndarray, np.ndarray],
    parent: np.ndarray,
    bends_to: np.ndarray,
    timestamps_s: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Rotations of a limb's two segments; the twist comes from the plane of the bend, from the rest pose where it is straight."""
    bones = [rig.bone(f"{side}_{part}") for part in parts]
    assert bones[0] is not None and bones[1] is not None
    upper_rest = unit(rig.rest_heads[bones[1]] - rig.rest_heads[bones[0]])
    lower_rest = unit(rig.end(f"{side}_{parts[1]}") - rig.rest_heads[bones[1]])
    axis_rest = rest_axis(upper_rest, lower_rest, bends_to)
    upper, lower = segments
    middle = _middle_of_reach(rig, side, upper_rest) if parts[0] == "upper_arm" else upper_rest
    unturned = parent @ swing(middle, apply(transposed(parent), upper)) @ swing(upper_rest, middle)
    axis = _hinge_axis(upper, lower, apply(unturned, axis_rest), timestamps_s)
    return turn(upper, axis, upper_rest, axis_rest), turn(lower, axis, lower_rest, axis_rest)


def _middle_of_reach(rig: RigSpec, side: str, rest: np.ndarray) -> np.ndarray:
    """A direction such that no arm points the opposite way, where the smallest rotation from it to the arm would jump: the one at
    rest, but between level and half-way down. [3]
    """
    trunk = unit(rig.middle("upper_arm") - rig.middle("thigh"))
    outwards = rig.across("upper_arm") * (1.0 if side == "left" else -1.0)
    up = np.arcsin(np.clip(rest @ trunk, -1, 1))
    beyond = abs(up - np.clip(up, -_REACH_DOWN_RAD, 0.0))
    return about_axis(unit(np.cross(rest, outwards)), beyond) @ rest


def rest_axis(upper: np.ndarray, lower: np.ndarray, bends_to: np.ndarray) -> np.ndarray:
    """The axis about which a limb bends, at rest: anatomical, unless the rest pose is bent and shows it."""
    sideways = np.cross(upper, bends_to)
    if np.linalg.norm(sideways) < 0.1:  # the limb points where it would bend to: any axis square to it
        sideways = np.cross(upper, np.eye(3)[np.abs(upper).argmin()])
    anatomical = unit(sideways)
    shown = np.cross(upper, lower)
    bend = np.arctan2(np.linalg.norm(shown), upper @ lower)
    if bend > _REST_BEND_RAD and unit(shown) @ anatomical > np.cos(_REST_AXIS_TOLERANCE_RAD):
        return unit(shown)
    return anatomical


def _hinge_axis(upper: np.ndarray, lower: np.ndarray, reference: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """The bend axis [T, 3], square to `upper`, continuous through straight limbs.

    The angle from `reference` to the seen axis is found as the unit complex number z that minimises the integral of
    w |z - seen|^2 + |z - 1|^2 + time^2 |dz/dt|^2, where w grows with the bend: a tridiagonal system.
    """
    seen = np.cross(upper, lower)
    side = np.cross(upper, reference)
    sine = np.linalg.norm(seen, axis=-1)
    z_seen = ((seen * reference).sum(-1) + 1j * (seen * side).sum(-1)) / np.maximum(sine, 1e-12)
    weight = np.minimum((sine / np.sin(_PLANE_BEND_RAD)) ** 4, 1e4)
    z = _tridiagonal(weight + 1.0, weight * z_seen + 1.0, (_PLANE_TIME_S / np.diff(timestamps_s)) ** 2)
    z = z / np.maximum(np.abs(z), 1e-9)
    return unit(z.real[:, None] * reference + z.imag[:, None] * side)


def _tridiagonal(diagonal: np.ndarray, right: np.ndarray, coupling: np.ndarray) -> np.ndarray:
    """Solve (diag + L) z = right, L the Laplacian of a path whose n - 1 edges weigh `coupling`: Thomas' algorithm."""
    n = len(diagonal)
    before, after = np.append(0.0, coupling), np.append(coupling, 0.0)
    main = diagonal + before + after
    upper, value = np.empty(n), np.empty(n, complex)
    upper[0], value[0] = -after[0] / main[0], right[0] / main[0]
    for i in range(1, n):
        pivot = main[i] + before[i] * upper[i - 1]
        upper[i] = -after[i] / pivot
        value[i] = (right[i] + before[i] * value[i - 1]) / pivot
    for i in range(n - 2, -1, -1):
        value[i] -= upper[i] * value[i + 1]
    return value


def _foot(rig: RigSpec, pose: Pose, shin: np.ndarray) -> np.ndarray:
    """The foot stays level as far as the ankle allows, facing where the shin faces; beyond that it follows the shin."""
    left_rest = np.cross(pose.up, pose.front)
    facing = apply(shin, pose.front)
    level = facing - (facing * pose.up).sum(-1, keepdims=True) * pose.up
    # A shin that lies down says nothing of the heading by its front; the side of the knee still does.
    sideways = apply(shin, left_rest)
    sideways = np.cross(sideways, np.broadcast_to(pose.up, sideways.shape))
    level = np.where((sideways * level).sum(-1, keepdims=True) < 0, -sideways, sideways) + level
    upright = np.broadcast_to(pose.up, level.shape)
    flat = turn(upright, level, pose.up, pose.front)
    apart = angle_between(shin, flat)
    share = np.minimum(1.0, _ANKLE_RANGE_RAD / np.maximum(apart, 1e-9))
    return slerp_matrices(shin, flat, share)


def _head(pose: Pose, trunk_rest: np.ndarray) -> np.ndarray:
    """The head from thorax, nose and the top of the head."""
    axis = pose.way(Joint.THORAX, Joint.HEAD_TOP)
    forward = pose.way(Joint.THORAX, Joint.NOSE)
    return turn(axis, forward, trunk_rest, pose.front)


def turn_from_face(
    track: Pose3DTrack, camera: CameraPose, heading: float, pose: Pose, rig: RigSpec, *, sigma_s: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """The head by the detector's ears and nose: rotations [T, 3, 3] and how far to trust them [T]; None where there are none.

    Of the 17 joints only the nose tells which way a head is turned, and it is near the neck's axis; the ears are a hand apart.
    """
    seen = np.flatnonzero(track.detected)
    face = {name: track.world_landmarks_m[:, LANDMARK_INDEX[name]].astype(float) for name in ("left_ear", "right_ear", "nose")}
    across, ahead = face["left_ear"] - face["right_ear"], face["nose"] - (face["left_ear"] + face["right_ear"]) / 2
    if np.linalg.norm(across[seen], axis=-1).min() < 1e-3 or np.linalg.norm(ahead[seen], axis=-1).min() < 1e-3:
        return None
    nearest = nearest_valid(track.detected)
    ways = []
    for way in (across, ahead):
        steady = smoothed(unit(way[nearest]), track.timestamps_s, sigma_s)
        ways.append(apply(rig.armature_from_world, to_world(steady, camera, heading_rad=heading)))
    # On a level head the nose is below the ears.
    nose_rest = np.cos(_NOSE_BELOW_EARS_RAD) * pose.front - np.sin(_NOSE_BELOW_EARS_RAD) * pose.up
    return turn(ways[0], ways[1], pose.left, nose_rest), track.landmark_confidence[nearest, LANDMARK_INDEX["nose"]]


def _root_location(
    rig: RigSpec, deltas: np.ndarray, root_world: np.ndarray, track: Pose3DTrack, options: SolveOptions
) -> np.ndarray:
    """Displacement of the root bone's head from rest: [T, 3], world metres."""
    heads = heads_from_hips(rig, deltas)  # [T, B, 3] world metres, relative to the middle of the hips
    first = int(np.flatnonzero(track.detected)[0])
    path = root_world - root_world[first]
    middle_rest = rig.world_points(rig.middle("thigh"))
    middle = np.empty_like(path)
    middle[:, :2] = middle_rest[:2] + (0.0 if options.in_place else path[:, :2])
    if options.ground:
        middle[:, 2] = _height(rig, heads, path[:, 2], track)
    else:
        middle[:, 2] = middle_rest[2] + path[:, 2]
    root = rig.index[rig.mapping.root]
    return middle + heads[:, root] - rig.rest_heads_world_m[root]


def heads_from_hips(rig: RigSpec, deltas: np.ndarray) -> np.ndarray:
    """Forward kinematics: the bones' heads relative to the middle of the thighs' heads, world metres, [T, B, 3]."""
    heads = np.zeros((*deltas.shape[:2], 3))
    for bone, parent in enumerate(rig.parents):
        if parent >= 0:
            heads[:, bone] = heads[:, parent] + apply(deltas[:, parent], rig.rest_heads[bone] - rig.rest_heads[parent])
    thighs = [thigh for side in SIDES if (thigh := rig.bone(f"{side}_thigh")) is not None]
    heads -= heads[:, thighs].mean(axis=1, keepdims=True)
    return apply(rig.world_from_armature[:3, :3], heads)


def clearance_m(rig: RigSpec) -> np.ndarray:
    """How high above the ground each bone's head may come at the lowest: [B], minus infinity for bones without a role.

    Raises Pose3DError if the rig has no foot.
    """
    if all(rig.bone(f"{side}_foot") is None for side in SIDES):
        raise Pose3DError("No bone of the armature is a foot.", hint="Choose another preset, or name the feet in this one.")
    clearance = np.full(len(rig.bone_names), -np.inf)
    clearance[rig.mapped_bones()] = 0.06 * rig.leg_length_m
    for side in SIDES:
        if (foot := rig.bone(f"{side}_foot")) is not None:
            clearance[foot] = rig.ankle_height_m
        if (toe := rig.bone(f"{side}_toe")) is not None:
            clearance[toe] = np.clip(rig.rest_heads_world_m[toe, 2] - rig.ground_m, 0.0, rig.ankle_height_m)
    return clearance


def _height(rig: RigSpec, heads: np.ndarray, path_z: np.ndarray, track: Pose3DTrack) -> np.ndarray:
    """Height of the middle of the hips: such that the lowest point is on the ground, except while the whole body is in the air.

    In the air: the camera saw the hips higher above the lowest point than within half a second before and after, and saw the legs
    well all that time.
    """
    leg = rig.leg_length_m
    standing = rig.ground_m - (heads[..., 2] - clearance_m(rig)).min(axis=1)
    above = path_z - standing
    times = track.timestamps_s
    above = above - smoothed(rolling_minimum(above, times, 0.5), times, 0.2)
    legs = [INDEX[f"{side}_{part}"] for side in SIDES for part in ("knee", "ankle")]
    seen = rolling_minimum(track.confidence[:, legs].mean(axis=1), times, 0.5)
    certain = smoothed(np.clip((seen - 0.3) / 0.2, 0.0, 1.0), times, 0.1)
    flight = certain * np.clip((above / leg - 0.06) / 0.06, 0.0, 1.0)
    return standing + flight * flight * (3 - 2 * flight) * above


def _basis(rig: RigSpec, deltas: np.ndarray, bone: int) -> np.ndarray:
    """The bone's keyable rotation, matrices [T, 3, 3]."""
    rest = rig.rest_rotations[bone]
    parent = rig.parents[bone]
    turned = deltas[:, bone]
    if parent >= 0 and rig.inherits_rotation[bone]:
        turned = transposed(deltas[:, parent]) @ turned
    return transposed(rest) @ turned @ rest


def _basis_location(rig: RigSpec, root: int, location_m: np.ndarray) -> np.ndarray:
    """World displacement -> the root bone's keyable location [T, 3]. Bones above the root stay at rest."""
    in_armature = apply(rig.armature_from_world, location_m)
    axes_of = root if rig.local_location[root] else rig.parents[root]
    return apply(rig.rest_rotations[axes_of].T, in_armature) if axes_of >= 0 else in_armature


def leg_length_m(positions_m: np.ndarray) -> float:
    """Of the person, from joints [T, 17, 3]. Raises Pose3DError if it is none."""
    lengths = [
        np.linalg.norm(positions_m[:, INDEX[f"{side}_{a}"]] - positions_m[:, INDEX[f"{side}_{b}"]], axis=-1)
        for side in SIDES
        for a, b in (("hip", "knee"), ("knee", "ankle"))
    ]
    length = float(sum(np.median(part) for part in lengths) / 2)
    if length < 1e-3:
        raise Pose3DError("The legs in the track have no length.", hint="Import the clip again to make a new track.")
    return length
