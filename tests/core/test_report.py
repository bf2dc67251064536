"""The quality report: each fault is put into a motion by hand, and must be found where it was put."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from blender_pose3d.core import curves, report, report_page
from blender_pose3d.core.motion import MotionOptions, solve_motion
from blender_pose3d.core.motion.contacts import mask_of
from blender_pose3d.core.motion.options import CameraMotion
from blender_pose3d.core.rotations import about_axis, matrix_from_quaternion, quaternion_from_matrix
from blender_pose3d.core.skeleton import INDEX, LANDMARK_INDEX
from blender_pose3d.core.tracks import RigMotion
from tests.core import rigs
from tests.core.motion_tracks import FOCAL_PX, SIZE_PX, seen

RIG = rigs.build()
FRAME_START = 11


@pytest.fixture(scope="module")
def walk():
    return seen("walk", seconds=3.0, yaw_deg=40)


@pytest.fixture(scope="module")
def solved(walk):
    return solve_motion(walk.track, RIG)


def quality(walk, solved, motion: RigMotion | None = None, **changes) -> report.Quality:
    return report.measure(
        changes.pop("track", walk.track),
        RIG,
        motion or solved.motion,
        changes.pop("person", solved.person),
        frame_start=FRAME_START,
        **changes,
    )


def value(found: report.Quality, name: str) -> report.Measure:
    return next(m for m in found.measures if m.name == name)


def moved(motion: RigMotion, offset_m: np.ndarray) -> RigMotion:
    """The root elsewhere by [T, 3], world metres."""
    axes = RIG.rest_rotations[RIG.index[motion.root_bone]]
    return replace(
        motion,
        root_location_m=motion.root_location_m + offset_m,
        root_basis_location=motion.root_basis_location + offset_m @ axes,
    )


def test_a_good_motion_is_good(walk, solved):
    found = quality(walk, solved)
    assert {m.name: m.verdict for m in found.measures} == {m.name: report.GOOD for m in found.measures}
    assert found.frames[0] == FRAME_START and len(found.frames) == len(solved.motion.timestamps_s)
    assert value(found, "foot_slide").value == pytest.approx(0, abs=0.5)
    assert not found.guesses and found.contacts == solved.person.contacts


def test_a_foot_that_slides(walk, solved):
    steps = np.zeros((len(solved.motion.timestamps_s), 3))
    steps[:, 0] = 0.008 * np.arange(len(steps))
    found = quality(walk, solved, moved(solved.motion, steps))
    assert value(found, "foot_slide").value == pytest.approx(8.0, abs=0.5) and value(found, "foot_slide").verdict == report.BAD
    mask = mask_of(solved.person.contacts, solved.motion.timestamps_s)
    stands = np.append(False, (mask[1:] & mask[:-1]).any(axis=1))
    assert np.array_equal(np.isfinite(found.series["slide_mm"]), stands)
    assert any("slides" in reason for worst in found.worst_frames for reason in worst.reasons)
    assert (
        value(quality(walk, solved, moved(solved.motion, steps), options=MotionOptions(in_place=True)), "foot_slide").value
        is None
    )


def test_a_foot_in_the_ground(walk, solved):
    sunk = np.zeros((len(solved.motion.timestamps_s), 3))
    sunk[30] = [0, 0, -0.05]
    found = quality(walk, solved, moved(solved.motion, sunk))
    assert value(found, "penetration").value == pytest.approx(50, abs=8)
    worst = next(w for w in found.worst_frames if any("in the ground" in reason for reason in w.reasons))
    assert worst.frame == FRAME_START + 30 and worst.time_s == pytest.approx(30 / 25)


def test_a_limb_that_jumps(walk, solved):
    thrown = np.zeros((len(solved.motion.timestamps_s), 3))
    thrown[40] = [0, 0, 0.2]
    found = quality(walk, solved, moved(solved.motion, thrown))
    calm = quality(walk, solved)
    assert value(found, "jerk").worst > 10 * value(calm, "jerk").worst
    assert abs(int(found.series["jerk_m_s3"].argmax()) - 40) <= 2
    assert any("jumps" in reason for worst in found.worst_frames for reason in worst.reasons)


@pytest.mark.parametrize(
    ("bone", "axis", "angle_deg", "expected_deg"),
    [("left_shin", (1, 0, 0), -60.0, 22.0), ("right_forearm", (0, 0, 1), 175.0, 15.0), ("head", (1, 0, 0), 120.0, 35.0)],
)
def test_joints_beyond_their_limits(solved, walk, bone, axis, angle_deg, expected_deg):
    """From the rest pose, turned about one of the armature's axes: knees back, an elbow into itself, a head on the chest."""
    motion = solved.motion
    rotations = np.zeros_like(motion.rotations_wxyz)
    rotations[..., 0] = 1.0
    index = RIG.index[bone]
    turn = RIG.rest_rotations[index].T @ about_axis(np.array(axis, float), np.radians(angle_deg)) @ RIG.rest_rotations[index]
    rotations[20, motion.bone_names.index(bone)] = quaternion_from_matrix(turn)
    found = quality(walk, solved, replace(motion, rotations_wxyz=rotations))
    assert int(found.series["limit_deg"].argmax()) == 20
    assert found.series["limit_deg"][20] == pytest.approx(expected_deg, abs=12)
    assert found.series["limit_deg"][[0, 19, 21]].max() == 0


def test_distance_from_the_picture(walk, solved):
    """Landmarks that are ten pixels off; those that the detector was not sure of do not count."""
    exact = quality(walk, solved).series["reprojection_px"]
    assert np.median(exact) < 6
    pixels = solved.person.marks.pixels.copy()
    pixels[..., 0] += 40
    off = replace(solved.person, marks=replace(solved.person.marks, pixels=pixels))
    assert np.median(quality(walk, solved, person=off).series["reprojection_px"]) == pytest.approx(40, abs=8)
    pixels = solved.person.marks.pixels.copy()
    sure = solved.person.marks.confidence.copy()
    hand = LANDMARK_INDEX["left_wrist"]
    pixels[:, hand] += 300
    sure[:, hand] = 0.0
    hidden = replace(solved.person, marks=replace(solved.person.marks, pixels=pixels, confidence=sure))
    assert np.median(quality(walk, solved, person=hidden).series["reprojection_px"]) == pytest.approx(np.median(exact), abs=2)


def test_bones_that_change_length(walk, solved):
    positions = walk.track.positions_m.copy()
    elbow, wrist = positions[:, INDEX["left_elbow"]], positions[:, INDEX["left_wrist"]]
    share = 1 + 0.2 * np.sin(np.arange(len(positions)) / 5)
    positions[:, INDEX["left_wrist"]] = elbow + share[:, None] * (wrist - elbow)
    found = quality(walk, solved, track=replace(walk.track, positions_m=positions))
    assert found.bone_drift["left elbow to left wrist"] == pytest.approx(14, abs=1)
    assert found.bone_drift["right elbow to right wrist"] < 0.1


def test_what_was_not_seen(walk, solved):
    detected, confidence = walk.track.detected.copy(), walk.track.confidence.copy()
    detected[20:40], confidence[20:40] = False, 0.0
    confidence[50:, [INDEX["right_knee"], INDEX["right_ankle"]]] = 0.05
    found = quality(walk, solved, track=replace(walk.track, detected=detected, confidence=confidence))
    assert [guess.part for guess in found.guesses] == ["whole body", "right leg"]
    assert found.guesses[0].start_s == pytest.approx(0.8) and found.guesses[0].end_s == pytest.approx(39 / 25)
    assert value(found, "guessed").value == pytest.approx(100 * 20 / 75, abs=2)


@pytest.mark.parametrize(
    "options", [MotionOptions(), MotionOptions(in_place=True, keep_vertical=False), MotionOptions(place_as_filmed=True)]
)
@pytest.mark.parametrize("plan", [{}, {"leg": 0.7, "world": rigs.object_matrix(turn_deg=(0, 0, 90), place_m=(3, 1, 0))}])
def test_the_skeleton_lies_over_the_person(walk, options, plan):
    rig = rigs.build(**plan)
    given = solve_motion(walk.track, rig, options)
    found = report.measure(walk.track, rig, given.motion, given.person, options=options)
    exact = (walk.joints_m - [0, 0, 1.3]) @ np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]).T
    pixels = np.array(SIZE_PX) / 2 + FOCAL_PX * exact[..., :2] / exact[..., 2:]
    height = np.ptp(pixels[..., 1], axis=1).mean()
    for joint in ("left_hip", "right_knee", "left_ankle", "right_shoulder", "left_wrist", "head_top"):
        points = found.overlay.points_px[:, found.overlay.names.index(joint)]
        off = np.linalg.norm(points - pixels[:, INDEX[joint]], axis=-1)
        assert np.median(off) < (0.06 if joint == "head_top" else 0.04) * height, (joint, np.median(off) / height)
    names = found.overlay.names
    assert ("left_ankle", "left_toe") in {(names[a], names[b]) for a, b in found.overlay.lines}
    for worst in found.worst_frames:
        assert worst.reasons


def test_the_report_is_of_the_keys(walk, solved):
    """Not of the motion before its keys were chosen."""
    channels = [curves.Channel(curves.QUATERNION, q) for q in np.moveaxis(solved.motion.rotations_wxyz, 1, 0)]
    options = MotionOptions(key_tolerance_cm=5.0, key_tolerance_deg=5.0)
    sparse = curves.reduced(solved.motion, RIG, channels, options=options)
    loose = quality(walk, solved, sparse=sparse)
    assert value(loose, "foot_slide").value > 1.0 + value(quality(walk, solved), "foot_slide").value
    assert loose.keys["count"] == sparse.count and matrix_from_quaternion(sparse.motion.rotations_wxyz).shape[-2:] == (3, 3)


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.words = ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href", "data") and v]
        if tag not in ("meta", "img", "br", "line", "rect", "polyline"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def test_the_page_stands_alone(walk, solved):
    sunk = np.zeros((len(solved.motion.timestamps_s), 3))
    sunk[30] = [0, 0, -0.05]
    found = quality(walk, solved, moved(solved.motion, sunk))
    told = {"clip": "C:\\clips\\<b>me & you.mp4", "action": "A<i>", "preset": "mixamo", "frames": [11, 85], "warnings": ["x < y"]}
    # As a reader of report.json has it: strict JSON, without NaN.
    told = json.loads(json.dumps(told | {"quality": report.as_json(found)}, allow_nan=False))
    assert set(told["quality"]["series"]) == set(found.series) and len(told["quality"]["time_s"]) == len(found.frames)
    picture = b"\x89PNG"
    html = report_page.as_html(told, {found.worst_frames[0].frame: picture})
    page = _Page()
    page.feed(html)
    assert page.open == [] and not {"script", "link", "iframe", "object"} & page.tags
    assert len(page.links) == 1 and page.links[0].startswith("data:image/png;base64,")
    assert "http" not in html and "url(" not in html and "@import" not in html
    assert "<b>me & you.mp4" in page.words and "x < y" in page.words
    for measure in found.measures:
        assert measure.text.title in page.words
    bad = next(m for m in found.measures if m.verdict == report.BAD)
    assert bad.text.advice in page.words and "Frame 41" in page.words
    assert {"svg", "polyline", "rect"} <= page.tags


@pytest.mark.parametrize(
    ("known", "confidence", "words"),
    [
        ("given", 1.0, "(as you said)"),
        ("metadata", 0.95, "(as the camera noted it)"),
        ("estimated", 0.5, "(estimated from the clip, 50% sure)"),
        ("assumed", 0.45, "(the usual one, 45% sure)"),
        (None, None, "as phones state it<"),
    ],
)
def test_the_page_says_what_is_known_of_the_lens_and_the_camera(walk, solved, known, confidence, words):
    notes = {} if known is None else {"focal_length": known, "focal_length_confidence": confidence}
    camera = {"camera_motion": {"camera": "turning" if known else 7}}
    people = {"people": {"found": [{}, {}], "number": 2}} if known else {}
    track = replace(walk.track, provenance={**notes, **camera, **people})
    given = solve_motion(track, RIG)
    told = {"frames": [1, 80], "provenance": track.provenance}
    told["quality"] = json.loads(
        json.dumps(report.as_json(report.measure(track, RIG, given.motion, given.person)), allow_nan=False)
    )
    html = report_page.as_html(told)
    assert words in html
    assert ("the path along the ground is unreliable" in html) == (known is not None)
    assert ("2 were seen; this is number 2" in html) == (known is not None)


def test_the_page_says_how_far_a_camera_was_carried_and_turned():
    clip = seen(
        "walk_across",
        turned=lambda times: np.stack([0.12 * times, 0.02 * np.sin(5 * times), 0 * times], axis=1),
        carried=lambda times: np.stack([0.6 * times, 0 * times], axis=1),
    )
    track = replace(clip.track, provenance={"camera_motion": {"camera": "moving"}})
    given = solve_motion(track, RIG)
    found = report.measure(track, RIG, given.motion, given.person)
    told = {"frames": [1, 80], "provenance": track.provenance}
    html = report_page.as_html(told | {"quality": json.loads(json.dumps(report.as_json(found)))})
    assert re.search(r"carried by [2-4]\.\d m and turned by [1-5]\d°, as far as the feet tell", html)


@pytest.mark.parametrize(("options", "words"), [({}, "the feet have it"), ({"camera_motion": CameraMotion.STILL}, "you said")])
def test_the_page_says_why_a_camera_that_seemed_to_turn_is_taken_as_still(walk, options, words):
    way = np.outer(walk.track.timestamps_s, [0.3, 0, 0, 0])
    train = replace(walk.track, background_way_share=way, provenance={"camera_motion": {"camera": "turning"}})
    given = solve_motion(train, RIG, MotionOptions(**options))
    found = report.measure(train, RIG, given.motion, given.person, options=MotionOptions(**options))
    told = {"frames": [1, 80], "provenance": train.provenance}
    html = report_page.as_html(told | {"quality": json.loads(json.dumps(report.as_json(found)))})
    assert f"taken as standing still, as {words}" in html and "unreliable" not in html


def test_one_frame_makes_a_report_too(walk, solved):
    one = {name: getattr(walk.track, name)[:1] for name in vars(walk.track) if isinstance(getattr(walk.track, name), np.ndarray)}
    track = replace(walk.track, **one)
    given = solve_motion(track, RIG)
    found = report.measure(track, RIG, given.motion, given.person)
    told = {"frames": [1, 1], "quality": json.loads(json.dumps(report.as_json(found), allow_nan=False))}
    assert "Motion report" in report_page.as_html(told)
