"""Resampling: a motion plays at true speed at any frame rate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blender_pose3d.core.resample import resampled
from blender_pose3d.core.solve import SolveOptions, solve
from blender_pose3d.core.tracks import RigMotion
from tests.core.performances import joints_world_m, track, track_of
from tests.core.rigs import angle_deg, build, posed

EXACT = SolveOptions(smoothing_s=0.0)


def _duration(motion: RigMotion) -> float:
    return float(motion.timestamps_s[-1] - motion.timestamps_s[0])


def test_sampled_coarsely_or_finely_the_motion_is_the_same() -> None:
    """5 and 50 frames a second of one squat, both keyed at 24."""
    rig = build(axes_seed=1)
    bodies = {}
    for fps in (5.0, 50.0):
        motion = resampled(solve(track("squat", fps=fps, seconds=3.0), rig, EXACT), 24.0)
        np.testing.assert_allclose(np.diff(motion.timestamps_s), 1 / 24, atol=1e-12)
        bodies[fps] = posed(rig, motion)
    frames = min(len(body.heads_world_m) for body in bodies.values())
    for name, way in bodies[5.0].limbs().items():
        error = angle_deg(way[:frames], bodies[50.0].limbs()[name][:frames])
        assert error.max() < 12 and error.mean() < 3, name
    apart = np.abs(bodies[5.0].head("hips")[:frames] - bodies[50.0].head("hips")[:frames])
    assert apart.max() < 0.05
    # The same thing happens at the same time: the lowest point of the squat.
    lowest = {fps: body.head("hips")[:, 2].argmin() / 24 for fps, body in bodies.items()}
    assert lowest[5.0] == pytest.approx(lowest[50.0], abs=0.2)


@pytest.mark.parametrize("clip_fps", [5.0, 23.976, 25.0, 60.0, 240.0])
@pytest.mark.parametrize("fps", [12.0, 24.0, 30.0, 59.94])
def test_the_duration_stays(clip_fps: float, fps: float) -> None:
    motion = solve(track("stand", fps=clip_fps, seconds=2.0), build(), EXACT)
    out = resampled(motion, fps)
    assert _duration(motion) - 1 / fps - 1e-6 < _duration(out) <= _duration(motion) + 1e-6
    assert out.rotations_wxyz.shape == (len(out.timestamps_s), len(motion.bone_names), 4)


def test_uneven_frames_keep_their_times() -> None:
    """A phone's variable frame rate: a keyed frame shows what the clip shows at that time."""
    times = np.cumsum(np.random.default_rng(3).uniform(0.01, 0.06, 120))
    dense = joints_world_m("squat", fps=1000.0, seconds=5.0)
    rig = build()
    uneven = track_of(dense[np.round(times * 1000).astype(int)], timestamps_s=np.round(times, 3))
    body = posed(rig, out := resampled(solve(uneven, rig, EXACT), 30.0))
    at = np.round(out.timestamps_s * 1000).astype(int)
    exact = posed(rig, solve(track_of(dense[at]), rig, EXACT))
    for name, way in body.limbs().items():
        assert angle_deg(way, exact.limbs()[name]).max() < 0.5, name


def test_at_its_own_rate_nothing_changes() -> None:
    motion = solve(track("kick", fps=25.0), build(axes_seed=1), EXACT)
    out = resampled(motion, 25.0)
    np.testing.assert_allclose(out.timestamps_s, motion.timestamps_s, atol=1e-9)
    np.testing.assert_allclose(out.rotations_wxyz, motion.rotations_wxyz, atol=1e-6)
    np.testing.assert_allclose(out.root_location_m, motion.root_location_m, atol=1e-9)


@settings(max_examples=40)
@given(fps=st.floats(1.0, 240.0), start_s=st.floats(-5, 100), seed=st.integers(0, 2**32 - 1))
def test_any_rotations_stay_unit_and_continuous(fps: float, start_s: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    motion = solve(track("stand", fps=25.0, seconds=0.4), build(), EXACT)
    wild = random.normal(size=motion.rotations_wxyz.shape)
    wild /= np.linalg.norm(wild, axis=-1, keepdims=True)
    times = start_s + np.cumsum(random.uniform(1e-3, 0.3, len(wild)))
    out = resampled(replace(motion, rotations_wxyz=wild, timestamps_s=times), fps)
    np.testing.assert_allclose(np.linalg.norm(out.rotations_wxyz, axis=-1), 1, atol=1e-9)
    assert ((out.rotations_wxyz[1:] * out.rotations_wxyz[:-1]).sum(-1) >= 0).all()
    assert out.timestamps_s[0] == pytest.approx(times[0])
    assert out.timestamps_s[-1] <= times[-1] + 1e-5


def test_one_frame_stays_one_frame() -> None:
    motion = solve(track_of(joints_world_m("stand")[:1]), build(), EXACT)
    out = resampled(motion, 24.0)
    np.testing.assert_allclose(out.rotations_wxyz, motion.rotations_wxyz, atol=1e-12)
