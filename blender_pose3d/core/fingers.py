"""Fingers that follow the hands' landmarks: angles of a hand's joints, the same for a person's hand and for a rig's at rest.

A finger is told by where its joints are, in the hand's own frame (wrist, knuckles, palm): how far its first bone is bent towards
the palm and spread towards the thumb, and how far each following bone is bent against the one before. A rig's bones are turned
by what the person's angles are more than those of the rig's rest pose, so bone axes, rolls and the rest pose drop out. Where no
hand was seen the fingers go over into the relaxed pose (distribute.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .distribute import held, locked
from .filtering import calmed, nearest_valid, smoothed
from .preset import FINGERS, SIDES
from .rig import RigSpec
from .rotations import about_axis, apply, continuous, cross, norm, quaternion_from_matrix, slerp, transposed, unit
from .skeleton import HAND_INDEX
from .tracks import Pose3DTrack, RigMotion

# A finger's own axes: where it points in a flat hand (the thumb: half-way to the side), out of the palm, to the thumb's side.
_ALONG, _PALM, _THUMBWARDS = np.eye(3)
# A thumb bends across the palm and towards it.
_BENDS_TO: dict[str, np.ndarray] = {finger: _PALM for finger in FINGERS} | {"thumb": unit(_PALM - _THUMBWARDS)}
# What a hand can do, degrees, least and most, with some room: the bend of each joint from the palm outwards, then the spread. The
# thumb's first joint is measured from half-way between the fingers' direction and square to it.
_FINGER_LIMITS_DEG = ((-25.0, 95.0), (-8.0, 112.0), (-8.0, 85.0), (-30.0, 30.0))
_THUMB_LIMITS_DEG = ((-25.0, 65.0), (-15.0, 62.0), (-20.0, 85.0), (-45.0, 45.0))
# Shares of a finger's length that its bones have, from the knuckle outwards.
_BONE_SHARES = np.array([0.48, 0.30, 0.22])
# Below this confidence a hand was not seen; above the second it was for sure.
_UNSEEN, _SURE = 0.2, 0.5
_LEAST_WEIGHT = 0.02
_ANGLE_NOISE_RAD = np.radians(3.0)
_STEADY_S = 0.12
# A bone points at the next where the cosine between is above it.
_POINTS_ALONG = 0.96
# Without a hand the fingers stay as they were for so long, and are relaxed so much later.
_HOLD_S, _RELAX_S = 0.3, 0.6


@dataclass(frozen=True)
class FingerAngles:
    """Radians. bends [..., K]: of each bone, towards the palm; spread [...]: of the first, towards the thumb."""

    bends: np.ndarray
    spread: np.ndarray


def followed(motion: RigMotion, rig: RigSpec, track: Pose3DTrack, *, patience: float) -> RigMotion:
    """The motion with fingers that do as the hands of the track did; as it is where track or rig have none.

    patience: of the smoothing, as `filtering.calmed` has it.
    """
    if track.hand_landmarks_m is None or track.hand_confidence is None:
        return motion
    relaxed = held(rig)
    turns: dict[str, np.ndarray] = {}
    for shown, side in enumerate(SIDES):
        own = SIDES[1 - shown] if rig.is_mirrored else side
        hand, _ = _chains(rig, own)
        sure = track.hand_confidence[:, shown].astype(float)
        if hand is None or not (sure > _UNSEEN).any():
            continue
        angles = steady_angles(track.hand_landmarks_m[:, shown].astype(float), sure, track.timestamps_s, side, patience=patience)
        trust = hand_trust(sure, track.timestamps_s)
        for bone, turned in finger_turns(rig, own, angles).items():
            name = rig.bone_names[bone]
            if name in motion.bone_names:
                continue
            if axes := rig.mapping.locks.get(name):
                turned = locked(turned, axes, rig.rest_rotations[bone].T @ (rig.rest_tails[bone] - rig.rest_heads[bone]))
            wxyz = quaternion_from_matrix(turned)
            start = np.broadcast_to(relaxed.get(name, np.array([1.0, 0, 0, 0])), wxyz.shape)
            wxyz = slerp(start, wxyz, trust)
            turns[name] = continuous(wxyz * np.where(wxyz[0, np.abs(wxyz[0]).argmax()] < 0, -1.0, 1.0))
    if not turns:
        return motion
    names = sorted((*motion.bone_names, *turns), key=rig.index.__getitem__)
    keyed = {name: k for k, name in enumerate(motion.bone_names)}
    rotations = np.empty((len(names), 4, len(motion.timestamps_s))).transpose(2, 0, 1)  # a channel's values beside each other
    for k, name in enumerate(names):
        rotations[:, k] = motion.rotations_wxyz[:, keyed[name]] if name in keyed else turns[name]
    return replace(
        motion,
        bone_names=tuple(names),
        rotations_wxyz=rotations,
        held={name: wxyz for name, wxyz in motion.held.items() if name not in turns},
    )


def steady_angles(
    landmarks_m: np.ndarray, confidence: np.ndarray, timestamps_s: np.ndarray, side: str, *, patience: float
) -> dict[str, FingerAngles]:
    """Angles of a person's hand in every frame, within what hands can do, without trembling: landmarks_m [T, 21, 3], NaN where
    there are none; confidence [T], somewhere above what counts as unseen. Frames without a hand are held or interpolated.
    """
    seen = confidence > _UNSEEN
    places, frames = np.flatnonzero(seen), np.arange(len(seen))
    weights = np.where(seen, np.maximum(confidence, _LEAST_WEIGHT), _LEAST_WEIGHT)
    measured = hand_angles(landmarks_m[seen], side)
    raw = np.empty((len(seen), len(FINGERS), 4))
    for number, (finger, angles) in enumerate(measured.items()):
        limits = np.radians(_THUMB_LIMITS_DEG if finger == "thumb" else _FINGER_LIMITS_DEG)
        values = np.clip(np.concatenate([angles.bends, angles.spread[:, None]], axis=1), limits[:, 0], limits[:, 1])
        for column in range(4):
            raw[:, number, column] = np.interp(frames, places, values[:, column])
    steady = calmed(raw, timestamps_s, patience=patience, noise=_ANGLE_NOISE_RAD, weights=np.tile(weights[:, None], len(FINGERS)))
    return {finger: FingerAngles(steady[:, number, :3], steady[:, number, 3]) for number, finger in enumerate(measured)}


def palm_ways(track: Pose3DTrack, side: str) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """How a hand is held: from the wrist to the knuckles, and from the little finger's to the index's, unit vectors [T, 3] in
    camera axes; and how far to trust them [T]. None where the hand was never seen.
    """
    if track.hand_landmarks_m is None or track.hand_confidence is None:
        return None
    sure = track.hand_confidence[:, SIDES.index(side)].astype(float)
    if not (sure > _UNSEEN).any():
        return None
    landmarks = track.hand_landmarks_m[nearest_valid(sure > _UNSEEN), SIDES.index(side)].astype(float)
    index, little = (landmarks[:, HAND_INDEX[f"{finger}_mcp"]] for finger in ("index", "little"))
    weights = np.where(sure > _UNSEEN, sure, _LEAST_WEIGHT)
    ways = (unit((index + little) / 2 - landmarks[:, HAND_INDEX["wrist"]]), unit(index - little))
    along, across = (unit(smoothed(way, track.timestamps_s, _STEADY_S, weights)) for way in ways)
    return along, across, hand_trust(sure, track.timestamps_s)


def hand_trust(confidence: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """How far a hand of that confidence is followed, 0 to 1: [T]. Short gaps are bridged, before and after long ones it fades."""
    share = np.clip((smoothed(confidence, timestamps_s, _STEADY_S) - _UNSEEN) / (_SURE - _UNSEEN), 0.0, 1.0)
    if not (share > 0.5).any():
        return share
    away_s = np.abs(timestamps_s - timestamps_s[nearest_valid(share > 0.5)])
    faded = np.clip(1 - (away_s - _HOLD_S) / _RELAX_S, 0.0, 1.0)
    return smoothed(np.maximum(share, faded), timestamps_s, _STEADY_S)


def hand_angles(landmarks_m: np.ndarray, side: str) -> dict[str, FingerAngles]:
    """Angles of a person's hand, landmarks [..., 21, 3] in any axes that are no mirror image: by finger, three bends each."""
    wrist = landmarks_m[..., HAND_INDEX["wrist"], :]
    points = {finger: landmarks_m[..., _places(finger), :] for finger in FINGERS}
    axes = _hand_axes(wrist, {finger: joints[..., 0, :] for finger, joints in points.items()}, side)
    return {finger: _angles(joints, axes[finger], finger) for finger, joints in points.items()}


def finger_turns(rig: RigSpec, side: str, angles: Mapping[str, FingerAngles]) -> dict[int, np.ndarray]:
    """Rotations [T, 3, 3] of the fingers' bones in their own rest axes; side: the armature's own.

    A finger of fewer than three bones ends where one of three would point; the palm's bones stay.
    """
    hand, chains = _chains(rig, side)
    if hand is None:
        return {}
    out: dict[int, np.ndarray] = {}
    knuckles = {finger: rig.rest_heads[bones[0]] for finger, bones in chains.items()}
    axes = _hand_axes(rig.rest_heads[hand], knuckles, side)
    for finger, bones in chains.items():
        rest = _angles(np.array([*rig.rest_heads[bones], _tip(rig, hand, bones)]), axes[finger], finger)
        now, was = _frames(_with_bones(angles[finger], len(bones)), finger), _frames(rest, finger)
        base = axes[finger]
        before = np.eye(3)
        for i, bone in enumerate(bones):
            turned = base @ now[i] @ was[i].T @ base.T  # against the hand, armature axes at rest
            own = rig.rest_rotations[bone]
            out[bone] = own.T @ transposed(before) @ turned @ own
            before = turned
    return {bone: turned for bone, turned in out.items() if rig.inherits_rotation[bone]}


def _places(finger: str) -> list[int]:
    """The landmarks of a finger, from the palm outwards."""
    return [place for name, place in HAND_INDEX.items() if name.startswith(finger)]


def _chains(rig: RigSpec, side: str) -> tuple[int | None, dict[str, list[int]]]:
    """The hand, and its fingers' bones without those of the palm; none where index and another finger are not there."""
    name = rig.mapping.bone(f"{side}_hand")
    chains: dict[str, list[int]] = {}
    for finger in FINGERS:
        bones = [rig.index[bone] for bone in rig.mapping.fingers.get(f"{side}_{finger}", ())][-3:]
        following = all(rig.is_below(b, a) for a, b in zip(bones, bones[1:], strict=False))
        # Whether they are below the hand is no matter: in control rigs they follow it by constraints.
        if bones and following:
            chains[finger] = bones
    if name is None or len([finger for finger in chains if finger != "thumb"]) < 2:
        return None, {}
    return rig.index[name], chains


def _tip(rig: RigSpec, hand: int, bones: Sequence[int]) -> np.ndarray:
    """Where a finger ends at rest: at the head of what its last bone carries; else at its tail, in a rig whose bones point along
    themselves; else straight on.
    """
    last = bones[-1]
    head = rig.rest_heads[last]
    previous = bones[-2] if len(bones) > 1 else hand
    before = head - rig.rest_heads[previous]
    for bone in np.flatnonzero(rig.parents == last):
        if norm(rig.rest_heads[bone] - head) > 0.1 * norm(before):
            return rig.rest_heads[bone]
    ways = unit(rig.rest_tails[[previous, last]] - rig.rest_heads[[previous, last]])
    is_told = ways[0] @ unit(before) > _POINTS_ALONG and ways[1] @ unit(before) > 0.0
    return head + norm(before) * (ways[1] if is_told else unit(before))


def _hand_axes(wrist: np.ndarray, knuckles: Mapping[str, np.ndarray], side: str) -> dict[str, np.ndarray]:
    """Each finger's own axes as columns, [..., 3, 3]: the palm is square to wrist and outermost knuckles."""
    others = [place for finger, place in knuckles.items() if finger != "thumb"]
    forwards = (others[0] + others[-1]) / 2 - wrist
    palm = unit(cross(forwards, others[0] - others[-1])) * (1.0 if side == "left" else -1.0)
    forwards = unit(forwards - (forwards * palm).sum(-1, keepdims=True) * palm)
    thumbwards = cross(forwards, palm) * (1.0 if side == "right" else -1.0)
    flat = np.stack([forwards, palm, thumbwards], axis=-1)
    # Half-way to the side.
    thumb = np.stack([unit(forwards + thumbwards), palm, unit(thumbwards - forwards)], axis=-1)
    return {finger: thumb if finger == "thumb" else flat for finger in knuckles}


def _angles(joints: np.ndarray, axes: np.ndarray, finger: str) -> FingerAngles:
    """Of a finger whose joints and tip are at [..., K + 1, 3], in the finger's own axes [..., 3, 3]."""
    ways = unit(np.diff(joints, axis=-2) @ axes)  # [..., K, 3]
    first = ways[..., 0, :]
    bend = np.arctan2(first[..., 1], first[..., 0])
    spread = np.arcsin(np.clip(first[..., 2], -1, 1))
    turn, bends = _first_turn(bend, spread), [bend]
    to = _BENDS_TO[finger]
    for i in range(1, ways.shape[-2]):
        way = apply(transposed(turn), ways[..., i, :])
        bends.append(np.arctan2(way @ to, way[..., 0]))
        turn = turn @ about_axis(cross(_ALONG, to), bends[-1])
    return FingerAngles(np.stack(bends, axis=-1), spread)


def _frames(angles: FingerAngles, finger: str) -> list[np.ndarray]:
    """How each bone is turned from a flat finger's, in the finger's own axes: [..., 3, 3] each."""
    frames = [_first_turn(angles.bends[..., 0], angles.spread)]
    axis = cross(_ALONG, _BENDS_TO[finger])
    for i in range(1, angles.bends.shape[-1]):
        frames.append(frames[-1] @ about_axis(axis, angles.bends[..., i]))
    return frames


def _first_turn(bend: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return about_axis(cross(_ALONG, _PALM), bend) @ about_axis(cross(_ALONG, _THUMBWARDS), spread)


def _with_bones(angles: FingerAngles, count: int) -> FingerAngles:
    """The same for a finger of so many bones, 1 to 3: its last bone points from its joint to where the tip would be."""
    sums = np.cumsum(angles.bends, axis=-1)
    rest = _BONE_SHARES[count - 1 :]
    last = np.arctan2((rest * np.sin(sums[..., count - 1 :])).sum(-1), (rest * np.cos(sums[..., count - 1 :])).sum(-1))
    # Without a jump where the whole finger is bent by half a turn and more.
    middle = (rest * sums[..., count - 1 :]).sum(-1) / rest.sum()
    last = last + 2 * np.pi * np.round((middle - last) / (2 * np.pi))
    ways = np.concatenate([sums[..., : count - 1], last[..., None]], axis=-1)
    return FingerAngles(np.diff(ways, axis=-1, prepend=0.0), angles.spread)
