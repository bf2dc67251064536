"""Sparse keys: every frame within the bound, judged by Bezier curves and kinematics written again here."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from blender_pose3d.core import curves
from blender_pose3d.core.motion import MotionOptions, solve_motion
from blender_pose3d.core.motion.contacts import PARTS, mask_of
from blender_pose3d.core.motion.legs import feet_of
from blender_pose3d.core.rig import RigSpec
from blender_pose3d.core.rotations import about_axis, quaternion_from_matrix, unit
from blender_pose3d.core.solve import solve
from blender_pose3d.core.tracks import RigMotion
from tests.core import performances, rigs

TURNED = rigs.object_matrix(turn_deg=(15, -10, 70), scale=(1.2, 1.2, 1.2), place_m=(1, 2, 0.5))
RIGS = {
    "plain": rigs.build(),
    "any axes, few bones": rigs.build(axes_seed=3, spine_bones=1, toes=False, hands=False, clavicles=False, world=TURNED),
    "free thighs": rigs.build(axes_seed=5, between=True, free=frozenset({"left_thigh", "right_thigh"})),
    "centimetres": rigs.build(size=100.0, world=rigs.object_matrix(scale=0.01)),
}


def evaluated(keys: curves.Keys, frames: np.ndarray) -> np.ndarray:
    """Curves through keys and handles at frames [T], as an animation program draws them: the point of the cubic Bezier whose x is
    the frame, found by halving.
    """
    left, right = keys.handles(keys.samples.astype(float))
    assert (np.diff(keys.samples) > 0).all()
    out = np.empty((len(frames), keys.values.shape[1]))
    for c in range(out.shape[1]):
        for t, frame in enumerate(frames):
            n = int(np.clip(np.searchsorted(keys.samples, frame, side="right") - 1, 0, max(len(keys.samples) - 2, 0)))
            if len(keys.samples) == 1:
                out[t, c] = keys.values[0, c]
                continue
            ends = [[keys.samples[i], keys.values[i, c]] for i in (n, n + 1)]
            points = np.array([ends[0], right[n, c], left[n + 1, c], ends[1]])
            assert (np.diff(points[:, 0]) >= 0).all(), "time runs forwards along the curve"
            low, high = 0.0, 1.0
            for _ in range(50):
                s = (low + high) / 2
                low, high = (s, high) if _bezier(points[:, 0], s) < frame else (low, s)
            out[t, c] = _bezier(points[:, 1], s)
    return out


def _bezier(p: np.ndarray, s: float) -> float:
    return (1 - s) ** 3 * p[0] + 3 * s * (1 - s) ** 2 * p[1] + 3 * s**2 * (1 - s) * p[2] + s**3 * p[3]


def channels(motion: RigMotion, *modes: str) -> list[curves.Channel]:
    """The motion's rotations in these modes, in turn."""
    made = []
    for k in range(len(motion.bone_names)):
        q, mode = motion.rotations_wxyz[:, k], modes[k % len(modes)]
        if mode == curves.AXIS_ANGLE:
            values = curves.continuous_axis_angle(q)
        elif mode == "XYZ":
            w, x, y, z = q.T
            angles = [np.arctan2(2 * (w * x + y * z), 1 - 2 * (x * x + y * y)), np.arcsin(np.clip(2 * (w * y - z * x), -1, 1))]
            angles.append(np.arctan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z)))
            values = np.unwrap(np.stack(angles, axis=1), axis=0)
        else:
            values = q
        made.append(curves.Channel(mode, values))
    return made


def as_keyed(motion: RigMotion, sparse: curves.SparseMotion, given: list[curves.Channel]) -> RigMotion:
    """The motion that the curves give, frame by frame."""
    frames = np.arange(len(motion.timestamps_s), dtype=float)
    rotations = np.empty_like(motion.rotations_wxyz)
    for k, (keys, channel) in enumerate(zip(sparse.rotations, given, strict=True)):
        values = evaluated(keys, frames)
        if channel.mode == curves.QUATERNION:
            rotations[:, k] = unit(values)
        elif channel.mode == curves.AXIS_ANGLE:
            rotations[:, k] = quaternion_from_matrix(about_axis(unit(values[:, 1:]), values[:, 0]))
        else:
            x, y, z = (about_axis(np.broadcast_to(axis, (len(values), 3)), values[:, i]) for i, axis in enumerate(np.eye(3)))
            rotations[:, k] = quaternion_from_matrix(z @ y @ x)
    return replace(motion, rotations_wxyz=rotations, root_basis_location=evaluated(sparse.location, frames))


def worst(rig: RigSpec, motion: RigMotion, keyed: RigMotion) -> tuple[float, float]:
    """Greatest angle of any bone in degrees and distance of any keyed bone's head in the world, cm."""
    cosine = np.abs((motion.rotations_wxyz * keyed.rotations_wxyz).sum(-1))
    angle = np.degrees(2 * np.arccos(np.clip(cosine, 0, 1))).max()
    bones = [rig.index[name] for name in motion.bone_names]
    apart = rigs.posed(rig, motion).heads_world_m[:, bones] - rigs.posed(rig, keyed).heads_world_m[:, bones]
    return float(angle), 100 * float(np.linalg.norm(apart, axis=-1).max())


def slide_cm(rig: RigSpec, motion: RigMotion, keyed: RigMotion, contacts) -> float:
    """How far heels and balls that stand are from where they were, at most."""
    mask = mask_of(contacts, motion.timestamps_s)
    far = 0.0
    exact, ours = rigs.posed(rig, motion), rigs.posed(rig, keyed)
    for foot in feet_of(rig):
        name = rig.bone_names[foot.foot]
        for part, offset in (("heel", foot.heel), ("toe", foot.ball)):
            places = [
                body.heads_world_m[:, foot.foot] + body.turn(name) @ offset @ rig.world_from_armature[:3, :3].T
                for body in (exact, ours)
            ]
            held = mask[:, PARTS.index((foot.side, part))]
            far = max(far, float(np.linalg.norm(places[0] - places[1], axis=-1)[held].max(initial=0.0)))
    return 100 * far


@pytest.mark.parametrize("rig", RIGS.values(), ids=RIGS)
@pytest.mark.parametrize("name", ["walk_turn", "kick"])
def test_every_frame_is_within_the_bound(rig, name):
    solved = solve_motion(performances.track(name, seconds=4.0), rig)
    motion, contacts = solved.motion, solved.person.contacts
    given = channels(motion, curves.QUATERNION, "XYZ", curves.AXIS_ANGLE)
    sparse = curves.reduced(motion, rig, given, contacts=contacts)
    keyed = as_keyed(motion, sparse, given)
    angle, distance = worst(rig, motion, keyed)
    assert angle <= 1.0 and distance <= 1.0, (angle, distance)
    assert contacts and slide_cm(rig, motion, keyed, contacts) <= 0.1
    # What it says of itself is so.
    assert angle == pytest.approx(sparse.angle_deg, abs=1e-3) and sparse.distance_cm >= distance - 1e-6
    assert sparse.count < 0.25 * sparse.dense_count
    assert sparse.count == sum(keys.values.size for keys in (*sparse.rotations, sparse.location))


def test_few_keys_for_a_performance():
    """The demo's twelve seconds: walking, turning, sitting down and more."""
    rig = RIGS["plain"]
    solved = solve_motion(performances.track("demo"), rig)
    sparse = curves.reduced(solved.motion, rig, channels(solved.motion, curves.QUATERNION), contacts=solved.person.contacts)
    assert sparse.count <= 0.15 * sparse.dense_count
    smooth = np.concatenate([keys.smooth for keys in sparse.rotations])
    assert smooth.mean() > 0.2, "handles are in line where the bound allows it"
    for keys in sparse.rotations:
        broken = np.abs(keys.slopes[:, 1] - keys.slopes[:, 0]).max(axis=1) > 1e-9
        assert not broken[keys.smooth].any()


def test_a_long_motion_goes_piece_by_piece(monkeypatch):
    """Within the bound as ever, with a key where two pieces meet and hardly more keys than in one go."""
    rig = RIGS["plain"]
    solved = solve_motion(performances.track("walk_turn", seconds=8.0), rig)
    motion, contacts = solved.motion, solved.person.contacts
    given = channels(motion, curves.QUATERNION, "XYZ")
    whole = curves.reduced(motion, rig, given, contacts=contacts)
    monkeypatch.setattr(curves, "_MOST_FRAMES", 70)
    pieces = curves.reduced(motion, rig, given, contacts=contacts)
    keyed = as_keyed(motion, pieces, given)
    angle, distance = worst(rig, motion, keyed)
    assert angle <= 1.0 and distance <= 1.0 and slide_cm(rig, motion, keyed, contacts) <= 0.1
    assert angle == pytest.approx(pieces.angle_deg, abs=1e-3)
    frames = len(motion.timestamps_s)
    meeting = {int(end) for end in np.linspace(0, frames - 1, 1 + int(np.ceil((frames - 1) / 70)))}
    for keys, channel in zip((*pieces.rotations, pieces.location), (*given, None), strict=True):
        assert meeting <= set(keys.samples.tolist()) and (np.diff(keys.samples) > 0).all()
        values = motion.root_basis_location if channel is None else channel.values
        assert np.array_equal(keys.values, values[keys.samples])
    assert pieces.dense_count == whole.dense_count and pieces.count < 1.25 * whole.count
    assert np.abs(pieces.motion.root_basis_location - keyed.root_basis_location).max() < 1e-6


def test_the_bound_is_the_users():
    rig = RIGS["plain"]
    motion = solve_motion(performances.track("kick", seconds=3.0), rig).motion
    given = channels(motion, curves.QUATERNION)
    counts = []
    for cm, degrees in ((0.2, 0.2), (1.0, 1.0), (5.0, 5.0)):
        options = MotionOptions(key_tolerance_cm=cm, key_tolerance_deg=degrees)
        sparse = curves.reduced(motion, rig, given, options=options)
        angle, distance = worst(rig, motion, as_keyed(motion, sparse, given))
        assert angle <= degrees and distance <= cm
        counts.append(sparse.count)
    assert counts[0] > counts[1] > counts[2]


def test_a_giant_is_measured_by_its_size():
    track = performances.track("kick", seconds=2.0)
    counts = []
    for size in (1.0, 40.0):
        rig = rigs.build(size=size)
        motion = solve_motion(track, rig).motion
        counts.append(curves.reduced(motion, rig, channels(motion, curves.QUATERNION)).count)
    assert counts[1] == pytest.approx(counts[0], rel=0.1)


def test_extremes_and_ends_are_keys():
    """A jump's deepest and highest points, and the first and last frame, have the motion's own values."""
    rig = RIGS["plain"]
    motion = solve(performances.track("jump"), rig)
    given = channels(motion, curves.QUATERNION)
    sparse = curves.reduced(motion, rig, given)
    height = motion.root_location_m[:, 2]
    top = int(height.argmax())
    crouch = int(height[:top].argmin())
    assert height[top] > 0.1 and {0, crouch, top, len(height) - 1} <= set(sparse.location.samples.tolist())
    for keys, channel in zip(sparse.rotations, given, strict=True):
        assert np.array_equal(keys.values, channel.values[keys.samples])
        assert keys.samples[0] == 0 and keys.samples[-1] == len(height) - 1


def test_contacts_begin_and_end_with_keys():
    rig = RIGS["plain"]
    solved = solve_motion(performances.track("walk_turn", seconds=4.0), rig)
    motion = solved.motion
    sparse = curves.reduced(motion, rig, channels(motion, curves.QUATERNION), contacts=solved.person.contacts)
    mask = mask_of(solved.person.contacts, motion.timestamps_s)
    for side in ("left", "right"):
        stands = mask[:, [PARTS.index((side, part)) for part in ("heel", "toe")]].any(axis=1).astype(int)
        ends = {*(np.flatnonzero(np.diff(stands) > 0) + 1).tolist(), *np.flatnonzero(np.diff(stands) < 0).tolist()}
        assert len(ends) >= 3
        for part in ("thigh", "shin", "foot"):
            assert ends <= set(sparse.rotations[motion.bone_names.index(f"{side}_{part}")].samples.tolist())


@pytest.mark.parametrize("name", ["walk_turn", "jump"])
def test_whole_poses_have_all_bones_at_the_same_frames(name):
    rig = RIGS["plain"]
    solved = solve_motion(performances.track(name, seconds=4.0), rig)
    motion, contacts = solved.motion, solved.person.contacts
    given = channels(motion, curves.QUATERNION, "XYZ")
    own = curves.reduced(motion, rig, given, contacts=contacts)
    sparse = curves.reduced(motion, rig, given, options=MotionOptions(whole_poses=True), contacts=contacts)
    keyed = as_keyed(motion, sparse, given)
    angle, distance = worst(rig, motion, keyed)
    assert angle <= 1.0 and distance <= 1.0 and slide_cm(rig, motion, keyed, contacts) <= 0.1

    def frames(of: curves.SparseMotion) -> list[set[int]]:
        values = [*(channel.values for channel in given), motion.root_basis_location]
        parts = zip((*of.rotations, of.location), values, strict=True)
        return [set(keys.samples.tolist()) for keys, values in parts if np.ptp(values, axis=0).max() > 1e-6]

    poses = frames(sparse)
    assert all(samples == poses[0] for samples in poses[1:])
    assert len(poses[0]) < 0.6 * len(set.union(*frames(own))), "far fewer frames with a key"
    assert len(poses[0]) < 0.5 * len(motion.timestamps_s) and own.count < sparse.count
    mask = mask_of(contacts, motion.timestamps_s).any(axis=1).astype(int)
    ends = {*(np.flatnonzero(np.diff(mask) > 0) + 1).tolist(), *np.flatnonzero(np.diff(mask) < 0).tolist()}
    assert ends <= poses[0]


@pytest.mark.parametrize("whole_poses", [False, True])
def test_nothing_that_moves_needs_its_ends_alone(whole_poses):
    rig = RIGS["plain"]
    motion = solve_motion(performances.track("kick", seconds=1.0), rig).motion
    still = replace(
        motion,
        rotations_wxyz=np.repeat(motion.rotations_wxyz[:1], len(motion.timestamps_s), axis=0),
        root_location_m=np.repeat(motion.root_location_m[:1], len(motion.timestamps_s), axis=0),
        root_basis_location=np.repeat(motion.root_basis_location[:1], len(motion.timestamps_s), axis=0),
    )
    sparse = curves.reduced(still, rig, channels(still, curves.QUATERNION), options=MotionOptions(whole_poses=whole_poses))
    assert {len(keys.samples) for keys in (*sparse.rotations, sparse.location)} == {2}


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_motions(frames):
    rig = RIGS["plain"]
    motion = solve_motion(performances.track("kick", seconds=1.0), rig).motion
    motion = replace(
        motion,
        timestamps_s=motion.timestamps_s[:frames],
        rotations_wxyz=motion.rotations_wxyz[:frames],
        root_location_m=motion.root_location_m[:frames],
        root_basis_location=motion.root_basis_location[:frames],
    )
    given = channels(motion, curves.QUATERNION)
    keyed = as_keyed(motion, curves.reduced(motion, rig, given), given)
    assert worst(rig, motion, keyed)[0] <= 1.0 and np.isfinite(keyed.root_basis_location).all()


def test_what_does_not_move_has_two_keys():
    rig = RIGS["plain"]
    motion = solve_motion(performances.track("stand"), rig).motion
    still = replace(
        motion,
        rotations_wxyz=np.repeat(motion.rotations_wxyz[:1], len(motion.timestamps_s), axis=0),
        root_location_m=np.zeros_like(motion.root_location_m),
        root_basis_location=np.zeros_like(motion.root_basis_location),
    )
    sparse = curves.reduced(still, rig, channels(still, curves.QUATERNION))
    assert {len(keys.samples) for keys in (*sparse.rotations, sparse.location)} == {2}


def test_a_thousand_frames_take_a_second_or_so():
    rig = RIGS["plain"]
    motion = solve_motion(performances.track("arm_swing", seconds=40.0), rig).motion
    assert len(motion.timestamps_s) == 1000
    began = time.process_time()
    curves.reduced(motion, rig, channels(motion, curves.QUATERNION))
    assert time.process_time() - began < 4.0  # 1.0 where nothing else runs


def test_axis_and_angle_never_turn_about():
    """A wheel that turns twice, and a wobble through no turn at all, where the axis says nothing."""
    t = np.linspace(0, 1, 101)
    axis = unit(np.array([1.0, 2.0, -1.0]))
    for angle in (4 * np.pi * t, 0.5 * np.sin(12 * t)):
        wxyz = quaternion_from_matrix(about_axis(np.broadcast_to(axis, (101, 3)), angle))
        found = curves.continuous_axis_angle(wxyz)
        assert np.abs(np.diff(found[:, 0])).max() < 0.2
        assert (found[1:, 1:] * found[:-1, 1:]).sum(-1).min() > 0.99
        same = np.abs((curves.quaternions(curves.AXIS_ANGLE, found) * wxyz).sum(-1))
        assert same.min() > 1 - 1e-9
    assert np.array_equal(curves.continuous_axis_angle(np.tile([1.0, 0, 0, 0], (3, 1)))[:, 0], np.zeros(3))


@pytest.mark.parametrize("order", ["XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"])
def test_euler_angles_turn_in_the_order_of_their_letters(order):
    angles = np.random.default_rng(1).uniform(-3, 3, (20, 3))
    matrix = np.eye(3)
    for letter in order:
        i = "XYZ".index(letter)
        matrix = about_axis(np.broadcast_to(np.eye(3)[i], (20, 3)), angles[:, i]) @ matrix
    cosine = np.abs((curves.quaternions(order, angles) * quaternion_from_matrix(matrix)).sum(-1))
    assert cosine.min() > 1 - 1e-12


def test_a_polyline_keeps_what_matters():
    values = np.array([0.0, 0.1, 0.2, 0.3, 0.31, 0.3, 0.29, 1.0, 1.0, 1.0, 0.0])
    kept = curves.polyline(values, 0.03)
    assert np.abs(np.interp(np.arange(11), kept, values[kept]) - values).max() <= 0.03
    assert {0, 7, 9, 10} <= set(kept.tolist()) and len(kept) < 8
    assert curves.polyline(np.ones(1), 0.1).tolist() == [0]
