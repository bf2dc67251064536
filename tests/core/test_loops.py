"""What comes before and after an animation that ends in the pose in which it begins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from blender_pose3d.core.loops import unrolled
from tests.core.test_footing import looped, source


def test_its_own_frames_are_the_sources() -> None:
    """Also where the ends are not quite the same: a last frame that is another round's first would slide there."""
    there = looped("walk_turn", drift_m_s=0.4)
    ramp = np.linspace(0, 0.02, len(there.timestamps_s))[:, None, None]
    there = replace(
        there, heads_m=there.heads_m + ramp * np.random.default_rng(0).normal(size=(len(there.rig.bone_names), 3)) / 3
    )
    out, own = unrolled(there)
    assert len(out.timestamps_s) > 2 * len(there.timestamps_s)
    assert np.array_equal(out.heads_m[own], there.heads_m) and np.array_equal(out.turns[own], there.turns)
    assert np.allclose(np.diff(out.timestamps_s), there.timestamps_s[1])


def test_rounds_go_on_where_the_one_before_ended() -> None:
    for way in ({"drift_m_s": 0.4}, {"turned_deg": 60.0}):
        there = looped("walk_turn", **way)
        out, _ = unrolled(there)
        usual = np.abs(np.diff(there.heads_m, axis=0)).max()
        assert np.abs(np.diff(out.heads_m, axis=0)).max() < 1.01 * usual, way


def test_what_ends_elsewhere_is_no_loop() -> None:
    there, *_ = source("kick")
    part = replace(there, timestamps_s=there.timestamps_s[:20], turns=there.turns[:20], heads_m=there.heads_m[:20])
    assert len(unrolled(part)[0].timestamps_s) == 20
