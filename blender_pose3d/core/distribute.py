"""What a rig has more bones for than a track has joints: twist bones, fingers, and axes that may not be turned.

Works on D, how far each bone is turned from rest in armature axes (see solve.py), after every other stage: the places of the
joints stay as they are, but for bones with locks.
"""

from __future__ import annotations

import numpy as np

from .kinematics import PosedRig
from .preset import FINGER_CHAINS, SIDES
from .rig import RigSpec
from .rotations import about_axis, apply, cross, matrix_from_quaternion, norm, quaternion_from_matrix, swing, transposed, unit

_FOLLOWING = {"upper_arm": "forearm", "forearm": "hand", "thigh": "shin", "shin": "foot"}
_ABOVE = {"forearm": "upper_arm", "shin": "thigh"}
# How far the joints of a relaxed finger are bent, from the palm outwards; what is bent more at rest already stays.
_CURL_RAD: dict[str, tuple[float, float, float]] = {
    finger: (float(np.radians(a)), float(np.radians(b)), float(np.radians(c)))
    for finger, (a, b, c) in {
        "thumb": (4, 8, 10),
        "index": (14, 20, 12),
        "middle": (18, 24, 14),
        "ring": (21, 27, 15),
        "little": (23, 28, 16),
    }.items()
}
# Beside the direction of a bone that has locks, its turn about itself counts this much.
_TURN_WEIGHT = 0.002


def distributed(rig: RigSpec, body: PosedRig) -> PosedRig:
    """The same with D of twist bones and locked bones; what hangs on them follows."""
    twisted = _twisted(rig, body)
    if not (twisted or rig.mapping.locks):
        return body
    own = {bone: body.turn(bone) for bone in rig.mapped_bones()} | twisted
    out = PosedRig(rig, own, body.frames)
    for bone in sorted(rig.index[name] for name in rig.mapping.locks):
        base, rest = out.inherited(bone), rig.rest_rotations[bone]
        turned = rest.T @ transposed(base) @ out.turn(bone) @ rest
        kept = locked(turned, rig.mapping.locks[rig.bone_names[bone]], rest.T @ _along(rig, bone))
        own[bone] = base @ rest @ kept @ rest.T
    return out


def _bone(rig: RigSpec, role: str) -> int | None:
    """By the armature's own left and right: a mirrored object changes nothing between the bones."""
    name = rig.mapping.bone(role)
    return None if name is None else rig.index[name]


def _twisted(rig: RigSpec, body: PosedRig) -> dict[int, np.ndarray]:
    """D of the twist bones, and of the limbs' own bones where they give their twist away.

    Along upper arm and thigh the twist grows from none at the trunk to the bone's own at the elbow or knee; along forearm and
    shin from none at the elbow or knee to that of hand or foot. A twist bone beside the limb's own bone has the twist of its
    place. Where the limb itself runs through them, each turns about its own part of it, so that no joint is moved: the limb's
    own bone has none of the twist, the last of them all of it.
    """
    out: dict[int, np.ndarray] = {}
    for role, names in rig.mapping.twists.items():
        side, _, part = role.partition("_")
        start, end = _bone(rig, role), _bone(rig, f"{side}_{_FOLLOWING[part]}")
        if start is None or end is None or not names:
            continue
        heads = rig.rest_heads
        segment = heads[end] - heads[start]
        length = float(np.linalg.norm(segment))
        if length < 1e-9:
            continue
        axis = segment / length
        bones = [rig.index[name] for name in names]
        inside = sorted((b for b in bones if rig.is_below(end, b)), key=lambda b: float((heads[b] - heads[start]) @ axis))
        if part in _ABOVE:
            above = _bone(rig, f"{side}_{_ABOVE[part]}")
            if above is None:
                continue
            way = apply(transposed(body.turn(above)), apply(body.turn(start), axis))
            base = body.turn(above) @ swing(axis, way)
            angle = _twist_rad(transposed(base) @ body.turn(end), axis)
            own_share = 0.0
        else:
            parent = body.turn(int(rig.parents[start]))
            angle = _twist_rad(transposed(parent) @ body.turn(start), axis)
            base = body.turn(start) @ about_axis(axis, -angle)
            own_share = 0.0 if inside else 1.0
        links = [start, *inside, end]
        for here, onwards in zip(links[:-1], links[1:], strict=True):
            along = heads[onwards] - heads[here]
            if np.linalg.norm(along) < 1e-9:
                continue
            reach = float((heads[inside[-1]] - heads[start]) @ axis) if inside else 0.0
            share = float((heads[here] - heads[start]) @ axis) / reach if here in inside and reach > 1e-9 else own_share
            out[here] = base @ about_axis(unit(along), _share_of(angle, float(np.clip(share, 0.0, 1.0))))
        for bone in bones:
            if bone not in inside:
                place = float(np.clip((heads[bone] - heads[start]) @ axis / length, 0.0, 1.0))
                out[bone] = base @ about_axis(axis, _share_of(angle, place))
    return out


def _twist_rad(turns: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """How far rotations [T, 3, 3] turn about an axis, after the smallest one that leaves it where they do: [T], without jumps."""
    q = quaternion_from_matrix(turns)
    return np.unwrap(2 * np.arctan2(q[:, 1:] @ axis, q[:, 0]))


def _share_of(angle: np.ndarray, share: float) -> np.ndarray:
    """A share of angles [T] without jumps, for a bone between one that is not turned and one that is turned by all of them. Whole
    turns, which that one does not show, do not count.
    """
    twist = angle - 2 * np.pi * _whole_turns(angle)
    return share * twist if share <= 0.5 else angle - (1 - share) * twist


def _whole_turns(angle: np.ndarray) -> np.ndarray:
    """[T], whole numbers wherever angles are within a quarter of a turn from some; between two of those that differ they change
    as the angle does, and where nothing follows an angle goes on as it was.
    """
    frames = np.arange(len(angle))
    whole = np.round(angle / (2 * np.pi))
    clear = np.abs(angle - 2 * np.pi * whole) < np.pi / 2
    if not clear.any():
        return np.full(len(angle), np.round(np.median(angle) / (2 * np.pi)))
    before = np.maximum.accumulate(np.where(clear, frames, -1))
    after = np.minimum.accumulate(np.where(clear, frames, len(angle))[::-1])[::-1]
    before, after = np.where(before < 0, after, before), np.where(after == len(angle), before, after)
    way = angle[after] - angle[before]
    differ = whole[after] != whole[before]
    done = np.clip((angle - angle[before]) / np.where(differ, way, 1.0), 0.0, 1.0)
    return whole[before] + np.where(differ, done * (whole[after] - whole[before]), 0.0)


def held(rig: RigSpec) -> dict[str, np.ndarray]:
    """Bones that have one rotation for the whole motion, unit quaternions [4] in their own rest axes: relaxed fingers."""
    turns = {bone: turn for bone, turn in curled(rig).items() if rig.inherits_rotation[bone]}
    if not turns:
        return {}
    bones = list(turns)
    rest = rig.rest_rotations[bones]
    own = transposed(rest) @ np.stack([turns[bone] for bone in bones]) @ rest
    for bone, turn in zip(bones, own, strict=True):
        if axes := rig.mapping.locks.get(rig.bone_names[bone]):
            turn[:] = locked(turn[None], axes, rig.rest_rotations[bone].T @ _along(rig, bone))[0]
    return {rig.bone_names[bone]: wxyz for bone, wxyz in zip(bones, quaternion_from_matrix(own), strict=True)}


def curled(rig: RigSpec) -> dict[int, np.ndarray]:
    """How each finger's bone is turned against its parent in a relaxed hand, [3, 3] in armature axes at rest.

    Every joint is bent towards the palm until it is as far as in a hand that hangs, or left as it is where the rest pose has it
    bent farther. The palm is told by the fingers' order, so neither bone axes nor the pose of the arm matter.
    """
    joints: list[int] = []
    ways, befores, palms, wanted, roots = [], [], [], [], []  # of each joint; roots: of a thumb
    for side in SIDES:
        hand = _bone(rig, f"{side}_hand")
        names = {chain: rig.mapping.fingers[chain] for chain in FINGER_CHAINS if chain in rig.mapping.fingers}
        chains = {chain.partition("_")[2]: [rig.index[n] for n in bones] for chain, bones in names.items() if side in chain}
        # The bones of the palm, where a chain begins with one, stay.
        chains = {finger: bones[-3:] for finger, bones in chains.items() if bones}
        bases = [rig.rest_heads[chains[finger][0]] for finger in ("index", "middle", "ring", "little") if finger in chains]
        if hand is None or len(bases) < 2:
            continue
        forwards = np.mean(bases, axis=0) - rig.rest_heads[hand]
        palm = cross(forwards, bases[0] - bases[-1])
        if norm(palm) < 1e-9:
            continue
        palm = unit(palm) * (1.0 if side == "left" else -1.0)
        for finger, bones in chains.items():
            before = unit(forwards)
            steps = np.diff(rig.rest_heads[bones], axis=0)
            lengths = norm(steps)
            for number, (bone, angle) in enumerate(zip(bones, _CURL_RAD[finger], strict=False)):
                # A bone that carries no other lies as the one before it.
                way = steps[number] / lengths[number] if number < len(steps) and lengths[number] > 1e-9 else before
                joints.append(bone)
                ways.append(way)
                befores.append(before)
                palms.append(palm)
                wanted.append(angle)
                roots.append(finger == "thumb" and number == 0)
                before = way
    if not joints:
        return {}
    way, before, palm = np.array(ways), np.array(befores), np.array(palms)
    bend = cross(way, palm)
    already = _asin((way * palm).sum(axis=1)) - _asin((before * palm).sum(axis=1))
    already[roots] = 0.0  # the thumb stands off the hand: only its own joints say how far it is bent
    turns = about_axis(unit(bend), wanted - np.clip(already, 0.0, wanted))
    # A finger that points to the palm or away from it is none at rest.
    return {joints[i]: turns[i] for i in np.flatnonzero(norm(bend) > 0.3).tolist()}


def _asin(sine: np.ndarray) -> np.ndarray:
    return np.arcsin(np.clip(sine, -1.0, 1.0))


def locked(turns: np.ndarray, axes: str, way: np.ndarray) -> np.ndarray:
    """Rotations [T, 3, 3] in a bone's own axes -> the nearest that turn about none of `axes` (some of "xyz").

    Nearest: the bone's direction `way` [3] is as near as can be to where it was, and what is left of choice keeps the turn about
    it. Davenport's q-method (Wertz, Spacecraft Attitude Determination and Control, 1978, 12.1.3) on the quaternions that have no
    part in the locked axes.
    """
    weights = np.outer(unit(way), unit(way)) + _TURN_WEIGHT * np.eye(3)
    m = turns @ weights
    k = np.empty((len(turns), 4, 4))
    trace = np.trace(m, axis1=1, axis2=2)
    k[:, 0, 0] = trace
    k[:, 0, 1:] = k[:, 1:, 0] = np.stack([m[:, 2, 1] - m[:, 1, 2], m[:, 0, 2] - m[:, 2, 0], m[:, 1, 0] - m[:, 0, 1]], axis=-1)
    k[:, 1:, 1:] = m + transposed(m) - trace[:, None, None] * np.eye(3)
    free = [0, *(1 + i for i, letter in enumerate("xyz") if letter not in axes)]
    q = np.zeros((len(turns), 4))
    q[:, free] = np.linalg.eigh(k[:, free][:, :, free])[1][..., -1]
    return matrix_from_quaternion(q)


def _along(rig: RigSpec, bone: int) -> np.ndarray:
    """Where a bone points at rest, armature axes: to the joints that it carries, else to its tail."""
    roles = rig.mapped_bones()
    carried = [b for b in roles if int(rig.parents[b]) == bone] or [b for b in roles if b != bone and rig.is_below(b, bone)][:1]
    way = np.mean(rig.rest_heads[carried], axis=0) - rig.rest_heads[bone] if carried else np.zeros(3)
    return way if np.linalg.norm(way) > 1e-9 else rig.rest_tails[bone] - rig.rest_heads[bone]
