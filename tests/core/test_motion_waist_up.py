"""Somebody whose legs are out of the picture: they stand, on feet that stay, and lean as little as the camera."""

from __future__ import annotations

import numpy as np
import pytest

from blender_pose3d.core.coordinates import CameraPose
from blender_pose3d.core.motion import MotionOptions, perform
from blender_pose3d.core.skeleton import INDEX
from tests.core.motion_tracks import SIZE_PX, Seen, seen
from tests.core.rigs import angle_deg, build
from tests.core.test_motion_legs import slide_m, soles, solved

SIDES = ("left", "right")
LEGS = [INDEX[f"{side}_{part}"] for side in SIDES for part in ("knee", "ankle")]


def to_the_waist(clip: Seen, frames: slice = slice(None)) -> Seen:
    """Knees and feet cut off: a lifter's legs are stiff, short and follow the trunk, and the detector's feet are anywhere."""
    track = clip.track
    thorax, pelvis = (track.positions_m[frames, INDEX[name]] for name in ("thorax", "pelvis"))
    down = (pelvis - thorax) / np.linalg.norm(pelvis - thorax, axis=-1, keepdims=True)
    for side in SIDES:
        hip = track.positions_m[frames, INDEX[f"{side}_hip"]]
        track.positions_m[frames, INDEX[f"{side}_knee"]] = hip + 0.3 * down
        track.positions_m[frames, INDEX[f"{side}_ankle"]] = hip + 0.65 * down
    track.confidence[frames, LEGS] = 0.0
    track.landmark_confidence[frames, 25:] = 0.0
    return clip


@pytest.mark.parametrize("motion", ["squat", "sit_rise", "reach", "punch"])
@pytest.mark.parametrize("rig_name", ["own", "long_legs"])
def test_feet_stay_and_knees_bend_as_far_as_the_hips_go_down(motion: str, rig_name: str) -> None:
    rig = build(**{"own": {}, "long_legs": {"leg": 1.5, "arm": 0.7}}[rig_name])
    clip = to_the_waist(seen(motion, yaw_deg=30.0))
    result, body = solved(rig, clip)
    person = result.person
    assert person.mask.all()
    assert slide_m(body, person.mask).max() < 1e-4
    assert np.abs(soles(body)[..., 2] - rig.ground_m).max() < 2e-3
    hips = person.path_m[:, 2]
    exact = clip.joints_m[:, 0, 2]
    assert np.abs(hips - exact).max() < 0.05
    # Nobody knows where the feet are; but how much a knee bends is the height's to say.
    bends = [
        angle_deg(at[:, INDEX["left_knee"]] - at[:, INDEX["left_hip"]], at[:, INDEX["left_ankle"]] - at[:, INDEX["left_knee"]])
        for at in (person.joints_m, clip.joints_m)
    ]
    assert np.abs(bends[0] - bends[1]).mean() < 15
    scale = rig.leg_length_m / 0.835
    drop = np.ptp(body.head("left_thigh")[:, 2])
    assert drop == pytest.approx(scale * np.ptp(exact), abs=0.06 * scale)


@pytest.mark.parametrize("motion", ["sit_rise", "squat", "reach"])
@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(0.0, 0.0), (6.0, -4.0), (-10.0, 3.0)])
def test_who_sits_down_does_not_tilt_the_camera(motion: str, pitch_deg: float, roll_deg: float) -> None:
    """Hips that go down and back are no way along the ground. What is left is how somebody holds the trunk."""
    clip = to_the_waist(seen(motion, yaw_deg=40.0, camera=CameraPose(*np.radians([pitch_deg, roll_deg]))))
    pose = perform(clip.track, MotionOptions()).camera.pose
    assert np.degrees(pose.pitch_rad) == pytest.approx(pitch_deg, abs=13.0)
    assert np.degrees(pose.roll_rad) == pytest.approx(roll_deg, abs=5.0)


def test_the_camera_is_as_high_above_the_ground_as_the_legs_are_long() -> None:
    person = perform(to_the_waist(seen("reach", height_m=1.9)).track, MotionOptions(camera_pitch_deg=0.0))
    assert person.camera.height_m == pytest.approx(1.9, abs=0.05)
    assert person.camera.height_confidence == 0.0
    given = perform(to_the_waist(seen("reach", height_m=1.9)).track, MotionOptions(camera_height_m=1.7))
    assert given.camera.height_m == 1.7


def test_who_turns_on_the_spot_steps_now_and_then() -> None:
    """Feet that stayed through a whole turn would wring the legs."""
    clip = seen("stand", seconds=6.0)
    times = clip.track.timestamps_s
    angle = np.pi * np.clip((times - 1.0) / 4.0, 0.0, 1.0)
    c, s, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    turn = np.moveaxis(np.array([[c, zero, s], [zero, one, zero], [-s, zero, c]]), -1, 0)
    clip.track.positions_m[:] = np.einsum("tij,tkj->tki", turn, clip.track.positions_m)
    person = perform(to_the_waist(clip).track, MotionOptions())
    assert person.mask[times < 0.8].all() and person.mask[times > 5.5].all()
    assert 2 <= np.diff(person.mask[:, 0].astype(int)).clip(0).sum() <= 4
    at = person.joints_m
    feet = at[:, INDEX["left_ankle"]] - at[:, INDEX["right_ankle"]]
    hips = at[:, INDEX["left_hip"]] - at[:, INDEX["right_hip"]]
    assert angle_deg(feet * [1, 1, 0], hips * [1, 1, 0]).max() < 75
    assert np.linalg.norm(np.diff(person.path_m[:, None] + at[:, LEGS], axis=0), axis=-1).max() < 0.1  # in a 25th of a second


def test_legs_that_were_seen_before_say_how_long_they_are_and_where_the_ground_is() -> None:
    clip = seen("squat", seconds=6.0)
    whole = perform(clip.track, MotionOptions())
    cut = perform(to_the_waist(clip, slice(60, None)).track, MotionOptions())
    hidden = slice(70, None)
    for a, b in (("hip", "knee"), ("knee", "ankle")):
        lengths = [
            np.linalg.norm(p.joints_m[hidden, INDEX[f"left_{a}"]] - p.joints_m[hidden, INDEX[f"left_{b}"]], axis=-1)
            for p in (whole, cut)
        ]
        assert np.abs(lengths[1] - np.median(lengths[0])).max() < 0.02
    assert np.abs(cut.path_m[hidden, 2] - whole.path_m[hidden, 2]).max() < 0.03
    seen_before = slice(0, 50)
    assert np.abs(cut.joints_m[seen_before, LEGS] - whole.joints_m[seen_before, LEGS]).max() < 0.02
    assert not cut.stands[seen_before].any() and (cut.stands[hidden] > 0.99).all()


@pytest.mark.parametrize(
    ("motion", "frames", "options"),
    [
        ("squat", slice(30, 48), MotionOptions()),  # for a moment
        ("squat", slice(None), MotionOptions(guess_steps=False)),  # not asked for
        ("lie_down", slice(100, None), MotionOptions()),  # not somebody who lies
    ],
)
def test_legs_are_left_as_they_are(motion: str, frames: slice, options: MotionOptions) -> None:
    person = perform(to_the_waist(seen(motion), frames).track, options)
    assert not person.stands[frames].max() > 1e-3
    assert not person.mask[frames].all(axis=1).all()


def test_who_was_not_seen_at_all_does_not_stand() -> None:
    clip = to_the_waist(seen("reach"))
    clip.track.confidence[:] = 0.1
    assert not perform(clip.track, MotionOptions()).stands.any()


def to_the_knees(clip: Seen) -> Seen:
    """The feet are cut off; thighs are as exact as all above."""
    for side in SIDES:
        ankle = INDEX[f"{side}_ankle"]
        clip.track.confidence[:, ankle] = 0.0
        clip.track.positions_m[:, ankle] = clip.track.positions_m[:, INDEX[f"{side}_knee"]] + [0.25, 0.25, 0.1]
    clip.track.landmark_confidence[:, 27:] = 0.0
    return clip


def test_shins_stand_below_knees_that_were_seen() -> None:
    clip = to_the_knees(seen("squat", yaw_deg=30.0))
    person = perform(clip.track, MotionOptions())
    assert person.mask.all()
    for at, exact in ((person.joints_m, clip.joints_m),):
        for side in SIDES:
            shins = [points[:, INDEX[f"{side}_ankle"]] - points[:, INDEX[f"{side}_knee"]] for points in (at, exact)]
            assert angle_deg(*shins).mean() < 15
            thighs = [points[:, INDEX[f"{side}_knee"]] - points[:, INDEX[f"{side}_hip"]] for points in (at, exact)]
            assert angle_deg(*thighs).mean() < 8
    _, body = solved(build(), clip)
    assert slide_m(body, person.mask).max() < 1e-4


def test_a_foot_below_a_knee_that_is_lifted_does_not_stand() -> None:
    clip = to_the_knees(seen("kick"))
    mask = perform(clip.track, MotionOptions()).mask
    knees = clip.joints_m[:, [INDEX[f"{side}_knee"] for side in SIDES], 2]
    kicks = knees > 0.75
    assert kicks.any(axis=0).all()
    for i in range(2):
        assert not mask[kicks[:, i], 2 * i].any()
        assert mask[~kicks[:, i] & (knees[:, i] < 0.5), 2 * i].mean() > 0.8


@pytest.mark.parametrize(("row_px", "stands"), [(SIZE_PX[1] - 2, 1.0), (SIZE_PX[1] - 100, 0.0)])
def test_a_knee_at_the_pictures_edge_was_not_seen(row_px: int, stands: float) -> None:
    clip = to_the_waist(seen("reach"))
    knees = [INDEX[f"{side}_knee"] for side in SIDES]
    clip.track.confidence[:, knees] = 1.0
    clip.track.landmarks_px[:, [25, 26], 1] = row_px
    assert perform(clip.track, MotionOptions()).stands == pytest.approx(stands, abs=0.1)
