"""An animation made a loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.core.footing import contacts_there
from blender_pose3d.core.looping import looped
from blender_pose3d.core.loops import unrolled, way_round
from blender_pose3d.core.motion import solve_motion
from blender_pose3d.core.motion.contacts import mask_of
from blender_pose3d.core.rotations import about_axis, angle_between, apply
from blender_pose3d.core.transfer import SourceMotion, transfer
from tests.core.motion_tracks import seen
from tests.core.rigs import build, posed
from tests.core.test_footing import source
from tests.core.test_motion_legs import soles
from tests.core.test_transfer import source_of


def wandering(motion: str, *, turned_deg: float = 0.0) -> SourceMotion:
    """A motion in which nothing comes back exactly: arms and trunk go slowly somewhere else, and it goes round."""
    there, *_ = source(motion)
    times = there.timestamps_s
    about = about_axis(np.array([0.0, 0.0, 1.0]), np.radians(turned_deg) * times / times[-1])
    drift = about_axis(np.array([1.0, 0.0, 0.0]), 0.03 * times)
    feet = [b for side in ("left", "right") for b in range(len(there.rig.bone_names)) if below_foot(there, side, b)]
    turns = drift[:, None] @ there.turns
    turns[:, feet] = there.turns[:, feet]
    return replace(there, turns=about[:, None] @ turns, heads_m=apply(about[:, None], there.heads_m))


def below_foot(there: SourceMotion, side: str, bone: int) -> bool:
    foot = there.rig.bone(f"{side}_foot")
    return foot is not None and there.rig.is_below(bone, foot)


@pytest.mark.parametrize(("motion", "turned_deg"), [("walk", 0.0), ("walk", 90.0), ("run", 0.0), ("arm_swing", 0.0)])
def test_it_ends_as_it_begins(motion: str, turned_deg: float) -> None:
    there = wandering(motion, turned_deg=turned_deg)
    out = looped(there)
    turn, shift_m = way_round(out)
    assert angle_between(turn @ out.turns[0], out.turns[-1]).max() < 1e-6
    assert np.abs(apply(turn, out.heads_m[0]) + shift_m - out.heads_m[-1]).max() < 1e-9
    assert len(unrolled(out)[0].timestamps_s) > len(out.timestamps_s), "retargeting takes it for a loop"
    # It is what was there, but for what it lacked.
    first = out.first_frame - there.first_frame
    own = slice(first, first + len(out.timestamps_s))
    assert 5 < len(out.timestamps_s) < len(there.timestamps_s)
    bones = there.rig.mapped_bones()
    assert np.degrees(angle_between(there.turns[own], out.turns)[:, bones].max()) < 12
    assert np.allclose(np.diff(out.timestamps_s), np.diff(there.timestamps_s[own])) and out.timestamps_s[0] == 0


def test_a_walk_is_one_stride() -> None:
    """Left and right, and not many of them."""
    there, *_ = source("walk")
    steps = [contact.start_s for contact in contacts_there(there) if (contact.side, contact.part) == ("left", "heel")]
    stride_s = float(np.median(np.diff(steps)))
    assert looped(there).timestamps_s[-1] == pytest.approx(stride_s, rel=0.1)


def test_feet_that_stand_do_not_slide_for_it() -> None:
    there = wandering("walk")
    out, rig = looped(there), build(arms_down_deg=20, axes_seed=9)
    body = posed(rig, transfer(out, rig, contacts=contacts_there(out)))
    mask = mask_of(contacts_there(out), out.timestamps_s)
    slid_m = np.linalg.norm(np.diff(soles(body), axis=0)[..., :2], axis=-1)[mask[1:] & mask[:-1]]
    assert len(slid_m) > 10 and slid_m.mean() < 5e-4, slid_m.mean()


def test_a_long_one_is_looked_through() -> None:
    """Longer than all frames could be compared with each other."""
    track = seen("walk").track
    solved = solve_motion(track, rig := build())
    there = source_of(posed(rig, solved.motion), solved.motion.timestamps_s)
    still = np.r_[np.zeros(3000, int), np.arange(len(there.timestamps_s))]
    long = replace(
        there, turns=there.turns[still], heads_m=there.heads_m[still], timestamps_s=np.arange(len(still)) * there.timestamps_s[1]
    )
    out, alone = looped(long), looped(there)
    assert out.first_frame - long.first_frame >= 3000
    assert out.timestamps_s[-1] == pytest.approx(alone.timestamps_s[-1], abs=0.15)


@pytest.mark.parametrize("frames", [1, 2, 12])
def test_what_does_nothing_twice_is_none(frames: int) -> None:
    there, *_ = source("kick")
    part = replace(there, timestamps_s=there.timestamps_s[:frames], turns=there.turns[:frames], heads_m=there.heads_m[:frames])
    with pytest.raises(Pose3DError, match="comes back to the pose"):
        looped(part)
    still = replace(
        there, turns=there.turns[:1].repeat(60, 0), heads_m=there.heads_m[:1].repeat(60, 0), timestamps_s=np.arange(60) / 24
    )
    with pytest.raises(Pose3DError, match="comes back to the pose"):
        looped(still)
