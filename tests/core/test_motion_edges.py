"""Edges of a room around the person: what they say of the camera, and when they had better say nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from blender_pose3d.core.coordinates import CameraPose, world_from_camera
from blender_pose3d.core.motion import MotionOptions, Performance, perform
from blender_pose3d.core.motion.edges import edges_of
from blender_pose3d.core.rotations import about_axis, apply, unit
from blender_pose3d.core.skeleton import INDEX
from blender_pose3d.core.tracks import Pose3DTrack
from tests.core.motion_tracks import FOCAL_PX, SIZE_PX, seen

_X, _Y, _Z = np.eye(3)
_HEIGHT_M = 1.3
# Ends of edges in a room whose wall is 6.5 m away: to the right, ahead, up.
UPRIGHT = [((x, 6.5, 0.4), (x, 6.5, 2.0)) for x in (-2.2, -1.1, -0.9, 0.9, 1.8)]
ALONG_THE_WALL = [((x, 6.5, z), (x + 1.1, 6.5, z)) for x, z in ((-2.2, 0.5), (-2.2, 1.1), (-2.2, 1.7), (0.8, 0.5), (0.8, 2.0))]
BOARDS = [((x, 4.6, 0.0), (x, 6.4, 0.0)) for x in np.arange(-2.0, 2.1, 0.25)]


def held(pitch_deg: float, roll_deg: float) -> CameraPose:
    return CameraPose(np.radians(pitch_deg), np.radians(roll_deg))


def lines_px(
    edges: list, camera: CameraPose, *, yaw_deg: float = 0.0, off_px: float = 0.3, anyhow: int = 0, focal_px: float = FOCAL_PX
) -> np.ndarray:
    """[L, 4]: as a camera sees the edges of a room that is turned by yaw_deg, each end a little off, and some that lie anyhow."""
    random = np.random.default_rng(3)
    ends = apply(about_axis(_Z, np.radians(yaw_deg)), np.reshape(edges, (-1, 2, 3)) - [0, 6.5, 0]) + [0, 6.5, 0]
    placed = apply(world_from_camera(camera).T, ends - [0, 0, _HEIGHT_M])
    pixels = focal_px * placed[..., :2] / placed[..., 2:] + np.array(SIZE_PX) / 2
    pixels += random.normal(0, off_px, pixels.shape)
    first = random.uniform(0, 1, (anyhow, 2)) * SIZE_PX
    turn = random.uniform(0, np.pi, anyhow)
    way = 70 * np.stack([np.cos(turn), np.sin(turn)], 1)
    return np.concatenate([pixels.reshape(-1, 4), np.concatenate([first, first + way], 1)]).astype(np.float32)


def slanted(track: Pose3DTrack, ahead_deg: float, aside_deg: float) -> Pose3DTrack:
    """As a lifter sees it that is wrong about how somebody stands."""
    turn = about_axis(_X, np.radians(ahead_deg)) @ about_axis(_Z, np.radians(aside_deg))
    return replace(track, positions_m=apply(turn, track.positions_m), world_landmarks_m=apply(turn, track.world_landmarks_m))


def found_deg(track: Pose3DTrack) -> np.ndarray:
    pose = perform(track, MotionOptions()).camera.pose
    return np.degrees([pose.pitch_rad, pose.roll_rad])


@pytest.mark.parametrize("lens_known", [True, False])
@pytest.mark.parametrize(("pitch_deg", "roll_deg", "yaw_deg"), [(0, 0, 0), (8, -3, 20), (20, 2, -35), (-6, 9, 40)])
def test_a_room_says_how_the_camera_is_held(pitch_deg: float, roll_deg: float, yaw_deg: float, lens_known: bool) -> None:
    """Whoever stands in it may be seen leaning; a third of the edges belongs to nothing."""
    camera = held(pitch_deg, roll_deg)
    track = slanted(seen("squat", camera=camera, height_m=_HEIGHT_M).track, 7.0, 4.0)
    told = np.array([pitch_deg, roll_deg])
    edges = lines_px(UPRIGHT + ALONG_THE_WALL + BOARDS[::3], camera, yaw_deg=yaw_deg, anyhow=8)
    # As a lens of another length would have it, where nobody knows the lens.
    longer = 1.0 if lens_known else 1.25
    edges = (edges - np.tile(SIZE_PX, 2) / 2) * longer + np.tile(SIZE_PX, 2) / 2
    known = {"focal_length": "given" if lens_known else "assumed"}
    inside = replace(track, background_lines_px=edges, provenance=track.provenance | known)
    assert np.abs(found_deg(track) - told).max() > 2.5
    assert np.abs(found_deg(inside) - told).max() < (1.0 if lens_known else 1.5)


@pytest.mark.parametrize("known", ["by edges", "by the user"])
@pytest.mark.parametrize("ahead_deg", [6.0, -5.0])
def test_where_the_camera_is_known_nobody_leans_as_the_lifter_does(ahead_deg: float, known: str) -> None:
    camera = held(10, -2)
    upright = seen("squat", camera=camera, height_m=_HEIGHT_M).track
    track = slanted(upright, ahead_deg, 0.0)
    options = MotionOptions(camera_pitch_deg=10.0) if known == "by the user" else MotionOptions()
    if known == "by edges":
        lens = upright.provenance | {"focal_length": "given"}
        track = replace(track, background_lines_px=lines_px(UPRIGHT + ALONG_THE_WALL, camera), provenance=lens)

    def trunk_deg(person: Performance) -> np.ndarray:
        _, ahead, up = (person.joints_m[:, INDEX["thorax"]] - person.joints_m[:, INDEX["pelvis"]]).T
        return np.degrees(np.arctan2(ahead, up))

    lean = trunk_deg(perform(track, options)) - trunk_deg(perform(upright, MotionOptions(camera_pitch_deg=10.0)))
    assert np.abs(lean).max() < 0.4 * abs(ahead_deg)


def test_edges_make_it_surer() -> None:
    camera = held(5, 2)
    track = seen("squat", camera=camera, height_m=_HEIGHT_M).track
    edges = lines_px(UPRIGHT + ALONG_THE_WALL, camera)
    inside = replace(track, background_lines_px=edges, provenance=track.provenance | {"focal_length": "metadata"})
    bare, surer = (perform(one, MotionOptions()).camera for one in (track, inside))
    assert surer.pitch_confidence > bare.pitch_confidence and surer.pitch_confidence > 0.9
    assert surer.roll_confidence >= bare.roll_confidence


@pytest.mark.parametrize(
    "edges",
    [
        pytest.param(BOARDS, id="a floor alone"),
        pytest.param([((-40, 200, 0), (40, 200, 0)), ((-60, 200, 0), (30, 200, 1))], id="a horizon"),
        pytest.param(UPRIGHT[:1], id="one post"),
        pytest.param([], id="what lies anyhow"),
    ],
)
def test_what_is_no_room_says_nothing(edges: list) -> None:
    camera = held(5, 0)
    track = seen("squat", camera=camera, height_m=_HEIGHT_M).track
    lines = lines_px(edges, camera, yaw_deg=25, anyhow=0 if edges else 40)
    np.testing.assert_allclose(found_deg(replace(track, background_lines_px=lines)), found_deg(track), atol=1e-9)


def test_a_ramp_far_from_how_somebody_stands_is_not_believed() -> None:
    camera, ramp = held(5, 0), held(5, 22)
    track = seen("squat", camera=camera, height_m=_HEIGHT_M).track
    tilted = replace(track, background_lines_px=lines_px(UPRIGHT + ALONG_THE_WALL[:3], ramp))
    assert np.abs(found_deg(tilted) - found_deg(track)).max() < 1.0


def test_what_the_user_says_counts_more_than_any_edge() -> None:
    camera = held(5, 2)
    track = seen("squat", camera=camera, height_m=_HEIGHT_M).track
    inside = replace(track, background_lines_px=lines_px(UPRIGHT + ALONG_THE_WALL, camera))
    pose = perform(inside, MotionOptions(camera_pitch_deg=-4.0)).camera.pose
    assert np.degrees(pose.pitch_rad) == pytest.approx(-4.0)


def test_lines_without_length_are_none() -> None:
    track = replace(seen("squat").track, background_lines_px=np.full((3, 4), 50.0, np.float32))
    edges = edges_of(track, FOCAL_PX, lens_known=True)
    assert edges is not None and edges.level(CameraPose()) is None


@pytest.mark.parametrize("moves", [False, True])
def test_a_part_of_a_track_keeps_its_edges_where_the_camera_stood(moves: bool) -> None:
    still = seen("squat", turned=(lambda times: np.outer(times, [0.1, 0, 0])) if moves else None).track
    track = replace(still, background_lines_px=lines_px(UPRIGHT, CameraPose()))
    for frames in (np.arange(5, 20), np.arange(track.frame_count) >= 5):
        part = track.of_frames(frames)
        assert part.frame_count == len(part.positions_m) == len(part.detected) == len(track.timestamps_s[frames])
        assert (part.background_lines_px is None) == moves
    begun = track.of_frames(np.arange(10))
    np.testing.assert_array_equal(begun.background_lines_px, track.background_lines_px)


@pytest.mark.parametrize("ahead_deg", [-6.0, 7.0])
@pytest.mark.parametrize(("pitch_deg", "roll_deg"), [(4, 0), (20, 6)])
def test_the_lifters_slant_goes_neither_into_the_camera_nor_into_the_person(
    ahead_deg: float, pitch_deg: float, roll_deg: float
) -> None:
    camera = held(pitch_deg, roll_deg)
    clip = seen("squat", camera=camera, height_m=_HEIGHT_M)
    known = clip.track.provenance | {"focal_length": "given"}
    edges = lines_px(UPRIGHT + ALONG_THE_WALL, camera, yaw_deg=20)
    inside = replace(slanted(clip.track, ahead_deg, 0.0), background_lines_px=edges, provenance=known)
    person = perform(inside, MotionOptions())
    np.testing.assert_allclose(
        np.degrees([person.camera.pose.pitch_rad, person.camera.pose.roll_rad]), [pitch_deg, roll_deg], atol=1
    )
    trunk, exact = (unit(joints[:, INDEX["thorax"]] - joints[:, INDEX["pelvis"]]) for joints in (person.joints_m, clip.joints_m))
    off_deg = np.degrees(np.arccos(np.clip((trunk * exact).sum(1), -1, 1)))
    assert off_deg.mean() < 3 < abs(ahead_deg)


def test_somebody_who_lies_is_not_turned() -> None:
    clip = seen("lie_down", height_m=_HEIGHT_M).track
    late = clip.of_frames(clip.timestamps_s > 0.7 * clip.timestamps_s[-1])
    inside = replace(late, background_lines_px=lines_px(UPRIGHT + ALONG_THE_WALL, CameraPose()))
    bare, room = (perform(track, MotionOptions(camera_pitch_deg=0, camera_roll_deg=0)).joints_m for track in (late, inside))
    np.testing.assert_allclose(room, bare, atol=0.02)
