"""Fingers that follow the hands' landmarks: known bends through a hand made of numbers, and onto rigs of every kind."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_pose3d.core.coordinates import CameraPose, to_world
from blender_pose3d.core.fingers import hand_angles
from blender_pose3d.core.motion import MotionOptions, Smoothing, solve_motion
from blender_pose3d.core.preset import FINGERS
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import angle_between, cross, matrix_from_quaternion, norm, unit
from blender_pose3d.core.skeleton import HAND_INDEX, INDEX
from blender_pose3d.core.tracks import Pose3DTrack, RigMotion
from tests.core import rigs
from tests.core.performances import track
from tests.core.rigs import SIDES, build, object_matrix, posed
from tests.core.test_distribution import with_fingers

EXACT = MotionOptions(smoothing=Smoothing.NONE, follow_hands=True)
FRAMES = 50
# Degrees: least and most of each bend from the palm outwards, and of the spread, within what a hand can do.
REACH = {"thumb": ((-10, 45), (0, 50), (0, 60), (-25, 25))}
REACH |= {finger: ((0, 85), (5, 100), (2, 75), (-15, 15)) for finger in FINGERS if finger != "thumb"}


def known_angles(seed: int, frames: int = FRAMES) -> dict[str, np.ndarray]:
    """Degrees by finger, three bends and the spread: [T, 4], each from one end of its reach to the other and back."""
    random = np.random.default_rng(seed)
    out = {}
    for finger, reach in REACH.items():
        low, high = np.array(reach, float).T
        phase = random.uniform(0, 2 * np.pi, 4)
        out[finger] = low + (high - low) * (0.5 + 0.5 * np.sin(np.linspace(0, 6, frames)[:, None] + phase))
    return out


def person_hand(angles_deg: dict[str, np.ndarray], side: str, *, seed: int = 0, turned: bool = True) -> np.ndarray:
    """Landmarks [T, 21, 3] of a hand with these angles, by the textbook's circle; turned: another way in every frame."""
    random = np.random.default_rng(seed)
    frames = len(angles_deg["index"])
    out = np.zeros((frames, 21, 3))
    forwards, palm, thumb = np.eye(3)  # of a left hand: forwards x palm points away from the thumb
    thumb = -thumb
    for number, (finger, angles) in enumerate(angles_deg.items()):
        bend, second, third, spread = np.radians(angles).T[..., None]
        along, beside = forwards, thumb
        knuckle = 0.09 * forwards + (0.033 - 0.022 * (number - 1)) * thumb
        if finger == "thumb":
            along, beside = unit(forwards + thumb), unit(thumb - forwards)
            knuckle = 0.03 * forwards + 0.03 * thumb
        first = np.cos(spread) * (np.cos(bend) * along + np.sin(bend) * palm) + np.sin(spread) * beside
        to = np.cos(bend) * palm - np.sin(bend) * along
        if finger == "thumb":
            sideways = np.cos(spread) * beside - np.sin(spread) * (np.cos(bend) * along + np.sin(bend) * palm)
            to = unit(to - sideways)
        places = [knuckle + 0 * first, knuckle + 0.04 * first]
        for length, turn in ((0.025, second), (0.02, second + third)):
            places.append(places[-1] + length * (np.cos(turn) * first + np.sin(turn) * to))
        for name, place in zip([n for n in HAND_INDEX if n.startswith(finger)], places, strict=True):
            out[:, HAND_INDEX[name]] = place
    if side == "right":
        out = out * [1, 1, -1]
    if turned:
        out = np.stack([frame @ rigs.any_rotation(random).T for frame in out])
    return out


def seen(angles: dict[str, dict[str, np.ndarray]], confidence: np.ndarray | None = None) -> Pose3DTrack:
    """A person who stands there with such hands, by side. confidence [T] of both."""
    frames = len(angles["left"]["index"])
    hands = np.stack([person_hand(angles[side], side, seed=i) for i, side in enumerate(SIDES)], axis=1)
    sure = np.repeat((np.ones(frames) if confidence is None else confidence)[:, None], 2, axis=1)
    hands[sure == 0] = np.nan
    return replace(
        track("stand", fps=25, seconds=frames / 25),
        hand_landmarks_m=hands.astype(np.float32),
        hand_confidence=sure.astype(np.float32),
    )


def angles_of(rig: RigSpec, motion: RigMotion, side: str) -> dict[str, np.ndarray]:
    """Degrees by finger as `known_angles` has them, of the posed rig, measured in its own hand; a T-pose's palms look down."""
    body = posed(rig, motion)
    hand_turn = np.swapaxes(body.turn(f"{side}_hand"), -1, -2)
    linear = np.linalg.inv(rig.world_from_armature[:3, :3])

    def way(start: str, end: str) -> np.ndarray:
        return unit((body.heads_world_m[:, rig.index[end]] - body.heads_world_m[:, rig.index[start]]) @ linear.T)

    fingers = {finger: rig.mapping.fingers[f"{side}_{finger}"][-3:] for finger in FINGERS}
    knuckle = {finger: rig.rest_heads[rig.index[names[0]]] for finger, names in fingers.items()}
    palm = np.array([0, 0, -1.0])
    forwards = (knuckle["index"] + knuckle["little"]) / 2 - rig.rest_heads[rig.index[f"{side}_hand"]]
    forwards = unit(forwards * [1, 1, 0])
    thumb = np.array([0, -1.0, 0])
    thumb = unit(thumb - (thumb @ forwards) * forwards)
    out = {}
    for finger, (a, b, c) in fingers.items():
        along, beside = (unit(forwards + thumb), unit(thumb - forwards)) if finger == "thumb" else (forwards, thumb)
        first, second = ((hand_turn @ way(*ends)[..., None])[..., 0] for ends in ((a, b), (b, c)))
        rest = unit(rig.rest_heads[rig.index[c]] - rig.rest_heads[rig.index[b]])
        third = (hand_turn @ body.turn(c) @ rest[:, None])[..., 0]  # as straight as the bone before, at rest
        bends = [np.arctan2(first @ palm, first @ along)]
        bends += [2 * np.arcsin(norm(x - y) / 2) for x, y in ((first, second), (second, third))]
        out[finger] = np.degrees(np.column_stack([*bends, np.arcsin(np.clip(first @ beside, -1, 1))]))
    return out


RIGS = {
    "plain": with_fingers(build()),
    "odd axes": with_fingers(build(axes_seed=3), seed=7),
    "other odd axes, bones in the palm": with_fingers(build(axes_seed=8, arms_down_deg=40), palm_bones=True, seed=2),
    "bent at rest": with_fingers(build(axes_seed=5), bent_deg=18, seed=3),
    "a turned giant": with_fingers(build(axes_seed=6, world=object_matrix(turn_deg=(20, -40, 110), scale=7.0)), seed=4),
    "mirrored": with_fingers(build(axes_seed=9, world=object_matrix(scale=(-1, 1, 1))), seed=5),
}


@pytest.mark.parametrize("name", RIGS)
def test_known_bends_come_back_from_any_rig(name: str) -> None:
    rig = RIGS[name]
    wanted = {side: known_angles(i) for i, side in enumerate(SIDES)}
    motion = solve_motion(seen(wanted), rig, EXACT).motion
    assert not motion.held
    for i, side in enumerate(SIDES):
        own = SIDES[1 - i] if rig.is_mirrored else side
        got = angles_of(rig, motion, own)
        for finger in FINGERS:
            error = np.abs(got[finger] - wanted[side][finger]).max(axis=0)
            if name == "bent at rest" and finger == "thumb":
                error[1:3] = 0  # bent at rest in another plane than a thumb bends in, which it keeps
            assert error.max() < 0.5, (side, finger, error)


def test_a_hand_is_measured_the_same_from_all_sides_and_for_both_hands() -> None:
    wanted = known_angles(3)
    for side in SIDES:
        for finger, angles in hand_angles(person_hand(wanted, side), side).items():
            got = np.degrees(np.column_stack([angles.bends, angles.spread]))
            np.testing.assert_allclose(got, wanted[finger], atol=1e-6, err_msg=f"{side} {finger}")
    # Taken for the other hand the same points are bent backwards.
    backwards = hand_angles(person_hand(wanted, "left"), "right")
    assert np.degrees(backwards["index"].bends[:, 1]).max() < 0


def test_without_hands_nothing_changes() -> None:
    rig = with_fingers(build(axes_seed=3))
    plain = track("stand", seconds=1)
    relaxed = solve_motion(plain, rig, MotionOptions()).motion
    angles = {side: known_angles(0, 25) for side in SIDES}
    for a_track, options, a_rig in (
        (plain, MotionOptions(follow_hands=True), rig),  # a track without
        (seen(angles), MotionOptions(), rig),  # not asked for
        (seen(angles, np.zeros(25)), MotionOptions(follow_hands=True), rig),  # never seen
    ):
        motion = solve_motion(a_track, a_rig, options).motion
        assert motion.bone_names == relaxed.bone_names and motion.held.keys() == relaxed.held.keys()
        np.testing.assert_array_equal(motion.rotations_wxyz, relaxed.rotations_wxyz)
    bare = build(axes_seed=3)
    motions = [solve_motion(t, bare, MotionOptions(follow_hands=True)).motion for t in (plain, seen(angles))]
    assert motions[0].bone_names == motions[1].bone_names and not motions[1].held


def test_the_other_bones_are_as_without_hands() -> None:
    rig = with_fingers(build(axes_seed=3))
    angles = {side: known_angles(0, 25) for side in SIDES}
    for oriented, changed in ((False, set()), (True, {f"{side}_{part}" for side in SIDES for part in ("forearm", "hand")})):
        both = [MotionOptions(follow_hands=follow, orient_hands=oriented) for follow in (False, True)]
        without, with_ = (solve_motion(seen(angles), rig, options).motion for options in both)
        assert set(without.held) | set(without.bone_names) == set(with_.bone_names)
        columns = [with_.bone_names.index(name) for name in without.bone_names]
        off = np.abs(with_.rotations_wxyz[:, columns] - without.rotations_wxyz).max(axis=(0, 2))
        assert {name for name, most in zip(without.bone_names, off, strict=True) if most > 0} == changed


def test_fingers_relax_where_the_hand_is_gone_and_come_back_without_a_jump() -> None:
    rig = with_fingers(build(axes_seed=3))
    frames = 200
    fist = {
        side: {f: np.tile([20.0, 30, 40, 0] if f == "thumb" else [80.0, 95, 60, 0], (frames, 1)) for f in FINGERS}
        for side in SIDES
    }
    confidence = np.ones(frames)
    confidence[60:140] = 0  # 3.2 s
    confidence[30:34] = 0  # too short to relax
    motion = solve_motion(seen(fist, confidence), rig, MotionOptions(follow_hands=True)).motion
    relaxed = solve_motion(track("stand", seconds=1), rig, MotionOptions()).motion.held
    for name, wxyz in relaxed.items():
        turns = matrix_from_quaternion(motion.rotations_wxyz[:, motion.bone_names.index(name)])
        away = np.degrees(angle_between(turns, matrix_from_quaternion(wxyz)))
        assert away[95:105].max() < 0.5, name
        steps = np.degrees(angle_between(turns[1:], turns[:-1]))
        assert steps.max() < 12, (name, steps.max())
        if name.endswith("index_2"):
            assert away[:50].min() > 60 and away[160:].min() > 60, name


def test_doubtful_frames_count_less_and_trembling_goes() -> None:
    """A steady hand, seen with noise, and now and then taken for something else with little confidence."""
    rig = with_fingers(build(axes_seed=3))
    frames, random = 100, np.random.default_rng(1)
    wanted = {side: {f: np.tile([30.0, 40, 20, 0], (frames, 1)) for f in FINGERS} for side in SIDES}
    a_track = seen(wanted)
    hands, sure = a_track.hand_landmarks_m.copy(), a_track.hand_confidence.copy()
    hands += random.normal(0, 0.0015, hands.shape)
    odd = random.choice(frames, 12, replace=False)
    hands[odd], sure[odd] = random.normal(0, 0.05, (12, 2, 21, 3)), 0.22
    noisy = replace(a_track, hand_landmarks_m=hands, hand_confidence=sure)
    spread = {}
    for smoothing in (Smoothing.NONE, Smoothing.NORMAL):
        motion = solve_motion(noisy, rig, MotionOptions(follow_hands=True, smoothing=smoothing)).motion
        off = [angles_of(rig, motion, side)["middle"][:, :3] - [30.0, 40, 20] for side in SIDES]
        spread[smoothing] = float(np.sqrt(np.mean(np.square(off))))
    assert spread[Smoothing.NORMAL] < 4 and spread[Smoothing.NORMAL] < spread[Smoothing.NONE] / 3, spread


@pytest.mark.parametrize("turned_deg", [-60.0, 0.0, 75.0])
@pytest.mark.parametrize("name", ["odd axes", "mirrored"])
def test_the_hand_is_held_as_its_own_landmarks_say(name: str, turned_deg: float) -> None:
    """In line with the forearm, and turned about it by any angle that a forearm can do."""
    rig, angles = RIGS[name], {side: known_angles(0, 30) for side in SIDES}
    a_track = seen(angles)
    hands, thumbs = a_track.hand_landmarks_m.copy(), {}
    for number, side in enumerate(SIDES):
        joints = a_track.positions_m
        along = unit(joints[:, INDEX[f"{side}_wrist"]] - joints[:, INDEX[f"{side}_elbow"]])
        ahead = np.array([0, 0, -1.0])  # a standing person's, towards the camera
        ahead = unit(ahead - (along @ ahead)[:, None] * along)
        out = cross(along, ahead) * (1 if side == "left" else -1)
        turn = np.radians(turned_deg)
        thumbs[side] = np.cos(turn) * ahead + np.sin(turn) * out
        palm = cross(along, thumbs[side]) * (1 if side == "left" else -1)
        # A hand made of numbers has its axes along x, y and against z, the right one with z.
        axes = np.stack([along, palm, -thumbs[side] if side == "left" else thumbs[side]], axis=-1)
        hands[:, number] = person_hand(angles[side], side, turned=False) @ np.swapaxes(axes, -1, -2)
    options = replace(EXACT, camera_pitch_deg=0.0, camera_roll_deg=0.0)
    motion = solve_motion(replace(a_track, hand_landmarks_m=hands), rig, options).motion
    body = posed(rig, motion)
    for side in SIDES:
        own = SIDES[1 - SIDES.index(side)] if rig.is_mirrored else side
        index, little = (body.heads_world_m[:, rig.index[rig.mapping.fingers[f"{own}_{f}"][0]]] for f in ("index", "little"))
        wanted = to_world(thumbs[side], CameraPose(), heading_rad=motion.heading_rad)
        off = rigs.angle_deg(index - little, wanted).max()
        assert off < 1, (side, off)


def test_a_hand_does_no_more_than_hands_can() -> None:
    wild = {side: {f: np.tile([140.0, -60, 150, 60], (FRAMES, 1)) for f in FINGERS} for side in SIDES}
    rig = with_fingers(build(axes_seed=3))
    got = angles_of(rig, solve_motion(seen(wild), rig, EXACT).motion, "left")
    for finger in FINGERS:
        assert got[finger][:, 0].max() <= 95.1 and got[finger][:, 2].max() <= 85.1 and np.abs(got[finger][:, 3]).max() <= 45.1


@pytest.mark.parametrize("count", [1, 2])
def test_fingers_of_fewer_bones_end_where_three_would_point(count: int) -> None:
    whole = with_fingers(build(axes_seed=3))
    fewer = {chain: names[:count] for chain, names in whole.mapping.fingers.items()}
    rig = replace(whole, mapping=replace(whole.mapping, fingers=fewer))
    wanted = {side: known_angles(i) for i, side in enumerate(SIDES)}
    motion = solve_motion(seen(wanted), rig, EXACT).motion
    assert sum("index" in name for name in motion.bone_names) == 2 * count
    body = posed(rig, motion)
    palm = np.array([0, 0, -1.0])
    for side in SIDES:
        last = fewer[f"{side}_middle"][-1]
        start, end = rig.rest_heads[rig.index[last]], rig.rest_heads[rig.index[f"{side}_middle_{count + 1}"]]
        turn = np.swapaxes(body.turn(f"{side}_hand"), -1, -2) @ body.turn(last)
        way = (turn @ unit(end - start)[:, None])[..., 0]
        sums = np.cumsum(np.radians(wanted[side]["middle"][:, :3]), axis=1)
        towards = sums[:, count - 1 :] @ np.array([0.48, 0.30, 0.22])[count - 1 :] / sum((0.48, 0.30, 0.22)[count - 1 :])
        bend = np.arctan2(way @ palm, way @ np.array([1.0 if side == "left" else -1.0, 0, 0]))
        off = np.degrees((bend - towards + np.pi) % (2 * np.pi) - np.pi)
        assert np.abs(off).max() < 15 and np.abs(off).mean() < 6, (side, np.abs(off).max())
