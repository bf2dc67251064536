"""A camera that moved: how it turned where it stood, how far it was carried, or both."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ..coordinates import carried_for_a_metre, first_from_camera, world_from_camera
from ..filtering import smoothed
from ..rotations import about_axis, apply
from ..tracks import Pose3DTrack
from .by_feet import STEADY_S, Ahead, ahead_of, first_guess_m, settled_m, stands_of, turned_less_rad, turning_cost, velocities
from .camera import estimate_camera
from .contacts import UNSEEN, standing
from .edges import Edges
from .options import CameraMotion, MotionOptions

# What moves has a speed from here on.
_FEWEST_FRAMES = 3
# How far the background may be away, and how fast a foot that stands may seem to be, across the line of sight and along it.
_DISTANCES_M = np.arange(0.0, 40.0, 0.25)
_ACROSS_M_S, _ALONG_M_S = 0.15, 0.4
# From this many of those on a frame says no more: nobody stands in it.
_ASTRAY = 3.0
# One way that the camera went has to explain the feet so much better than another; else they do not say.
_CLEARLY = 0.35
# Feet are so much less off, or turn so much less, before a camera that is followed by them alone, if it was carried.
_WALKS, _TURNS_THEM = 0.7, 2.0
# The same where nothing is known of the background, and so much they are off at least.
_SURELY_WALKS, _TOO_FAST = 0.6, 3.0
# Feet that are less off than this rest as it is.
_AT_REST = 0.1
# A camera that glides shifts its background up and down, in long sides of the picture, and rolls it by no more than this.
_NODS_SHARE, _ROLLS_RAD = 0.015, 0.03
_UP = np.array([0.0, 0.0, 1.0])


def camera_told(track: Pose3DTrack) -> str:
    """What the background says that the camera did: still, turning, moving or unknown; "" for a track that tells nothing."""
    told = track.provenance.get("camera_motion")
    what = told.get("camera") if isinstance(told, dict) else None
    return what if isinstance(what, str) else ""


def camera_motion(track: Pose3DTrack, options: MotionOptions) -> CameraMotion:
    """What the camera did as the user or else the background says, never AUTO."""
    if options.camera_motion is CameraMotion.AUTO:
        seen = {"turning": CameraMotion.TURNING, "moving": CameraMotion.CARRIED}
        return seen.get(camera_told(track), CameraMotion.STILL)
    return options.camera_motion


@dataclass(frozen=True)
class Followed:
    """How a camera is taken to have moved.

    motion: never AUTO; first_from [T, 3, 3]: the axes of the first frame's camera from each frame's; carried_m [T, 3]: how far it
    went since then, in those axes; by_feet: else that has yet to be found, from the feet, and this is what the background says of
    it, in the same axes.
    """

    motion: CameraMotion
    first_from: np.ndarray
    carried_m: np.ndarray
    by_feet: Ahead | None = None


@dataclass(frozen=True)
class SeenFeet:
    """As each frame's camera saw them: joints_m [T, 17, 3] and heels and toes feet_m [T, 4, 3], relative to the pelvis at
    path_m [T, 3]; how well the feet were seen, sure [T, 4], and what somebody's balance is seen by, stance_sure [T]; and edges
    around the person, as the first frame's camera saw them.
    """

    joints_m: np.ndarray
    feet_m: np.ndarray
    path_m: np.ndarray
    sure: np.ndarray
    stance_sure: np.ndarray
    edges: Edges | None = None


def follow(track: Pose3DTrack, focal_length_px: float, seen: SeenFeet, options: MotionOptions) -> Followed:
    """What the background says and the feet agree to. Of AUTO the feet may make one that stands still, and one that was carried
    of one that turned.
    """
    motion, auto = camera_motion(track, options), options.camera_motion is CameraMotion.AUTO
    straight, nowhere = np.broadcast_to(np.eye(3), (track.frame_count, 3, 3)), np.zeros((track.frame_count, 3))
    still = Followed(CameraMotion.STILL, straight, nowhere)
    if track.background_way_share is None:
        return _without_background(track, seen, options, still)
    if motion is CameraMotion.STILL:
        return still
    turned = first_from_camera(track.background_way_share, focal_length_px, max(track.image_size_px))
    as_told = Followed(motion, turned if motion is CameraMotion.TURNING else straight, nowhere)
    if track.frame_count < _FEWEST_FRAMES:
        return as_told
    times, places = track.timestamps_s, seen.path_m[:, None] + seen.feet_m
    if motion is CameraMotion.CARRIED:
        way = carried_for_a_metre(track.background_way_share, focal_length_px, max(track.image_size_px))
        carried = still.carried_m if _nods(track.background_way_share, times) else carried_m(way, times, places, seen.sure)
        if carried.any():
            return Followed(motion, straight, carried)
    off_still, off_turned = (_unrest(at, seen.sure, times) for at in (places, apply(turned[:, None], places)))
    if auto and motion is CameraMotion.TURNING and off_still < _CLEARLY * off_turned:
        # What went by behind the person was something else, a train or water.
        return still
    if not (auto or motion is CameraMotion.CARRIED) or not _feet_are_seen(track, seen):
        return as_told
    far = motion is CameraMotion.TURNING
    walked, rests = _walked(turned, seen, times, options, off_turned if far else off_still, far=far)
    if auto and not rests:
        return as_told
    background = ahead_of(walked[..., 2], seen.path_m[:, 2], track.background_way_share[:, 3], times)
    return Followed(CameraMotion.CARRIED, walked, nowhere, background)


def _walked(
    turned: np.ndarray, seen: SeenFeet, times: np.ndarray, options: MotionOptions, off: float, *, far: bool
) -> tuple[np.ndarray, bool]:
    """The axes of the first frame's camera from each frame's [T, 3, 3], of one that turned while it was carried, and whether feet
    that are as much off as said otherwise rest before it. turned [T, 3, 3]: if all that the background went was a turn; far: that
    it is far away.
    """
    level = _level(turned, seen, options)
    axes = level @ turned
    feet, path = apply(axes[:, None], seen.feet_m), apply(axes, seen.path_m)
    places = path[:, None] + feet
    eye = first_guess_m(places, seen.sure, times)
    mask = standing(feet, path + eye, eye, seen.sure, times)
    eye = settled_m(eye, places, mask * seen.sure, times)
    stands = stands_of(feet, mask, times)
    less = turned_less_rad(eye, axes[..., 0], seen.path_m[:, 2], stands, times, far=far)
    walked = level.T @ about_axis(_UP, less) @ axes
    # Of somebody who stands at the middle of a camera's circle, feet say by their turning that it did not stand still.
    yaw = np.unwrap(np.arctan2(axes[:, 1, 0], axes[:, 0, 0]))
    turned_away = turning_cost(stands, yaw[0] - yaw) > turning_cost(stands, less) + _TURNS_THEM
    return walked, turned_away or off > _AT_REST and _unrest_by_feet(level, walked, seen, times) < _WALKS * off


def _without_background(track: Pose3DTrack, seen: SeenFeet, options: MotionOptions, still: Followed) -> Followed:
    """A bare wall tells nothing, but feet that go by too fast for any that stand do. How the camera turned nobody knows."""
    unsure = options.camera_motion is CameraMotion.AUTO and camera_told(track) == "unknown"
    asked = options.camera_motion is CameraMotion.CARRIED
    if not (unsure or asked) or track.frame_count < _FEWEST_FRAMES or not _feet_are_seen(track, seen):
        return still
    times, straight = track.timestamps_s, still.first_from
    if unsure:
        off = _unrest(seen.path_m[:, None] + seen.feet_m, seen.sure, times)
        level = _level(straight, seen, options)
        if off < _TOO_FAST or _unrest_by_feet(level, straight, seen, times) > _SURELY_WALKS * off:
            return still
    return replace(still, motion=CameraMotion.CARRIED, by_feet=Ahead(straight[..., 2], np.zeros(track.frame_count)))


def _level(first_from: np.ndarray, seen: SeenFeet, options: MotionOptions) -> np.ndarray:
    """The world's axes from the first frame's camera's [3, 3], by the balance of somebody seen by a camera that turned so."""
    joints, path = apply(first_from[:, None], seen.joints_m), apply(first_from, seen.path_m)
    return world_from_camera(estimate_camera(joints, path, seen.stance_sure, np.zeros((0, 3)), options, seen.edges).pose)


def _feet_are_seen(track: Pose3DTrack, seen: SeenFeet) -> bool:
    """In most frames with a person, at least one of them."""
    return bool((seen.sure.max(axis=1) > UNSEEN)[track.detected].mean() > 0.5)


def _unrest_by_feet(level: np.ndarray, first_from: np.ndarray, seen: SeenFeet, times: np.ndarray) -> float:
    """How fast feet that stand seem to be before a camera that goes where they say; level [3, 3], first_from [T, 3, 3]."""
    places = apply(level @ first_from[:, None], seen.path_m[:, None] + seen.feet_m)
    followed = apply(level.T, places + first_guess_m(places, seen.sure, times)[:, None])
    return _unrest(followed, seen.sure, times)


def carried_m(way: np.ndarray, times: np.ndarray, feet_m: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """Where a camera that was carried was since the first frame, in its axes: [T, 3]; zeros where it is not known.

    The background says which way it went and how fast from moment to moment, way [T, 3], but for one number, its distance. Feet
    say that: of heels and toes as the camera saw them, feet_m [T, 4, 3] with confidence `sure` [T, 4], one stands in nearly every
    frame.
    """
    camera = np.gradient(smoothed(way, times, STEADY_S), times, axis=0)  # [T, 3], for a background at 1 m
    feet = velocities(feet_m, times)
    costs = [_mean_unrest(feet + distance * camera[:, None], sure) for distance in _DISTANCES_M]
    best = int(np.argmin(costs))
    return _DISTANCES_M[best] * way if costs[best] < _CLEARLY * costs[0] else np.zeros_like(way)


def _nods(background_way_share: np.ndarray, times: np.ndarray) -> bool:
    """Whether a camera was held by a hand that trembled, so that it cannot but have turned to the side as well."""
    down, clockwise = background_way_share[:, 1:3].astype(float).T
    nodded, rolled = (float(np.ptp(way - np.polyval(np.polyfit(times, way, 1), times))) for way in (down, clockwise))
    return nodded > _NODS_SHARE or rolled > _ROLLS_RAD


def _unrest(places_m: np.ndarray, sure: np.ndarray, times: np.ndarray) -> float:
    """How fast the stillest of the heels and toes [T, 4, 3] that are seen is, a frame's mean; 0 where none is seen."""
    return _mean_unrest(velocities(places_m, times), sure)


def _mean_unrest(speeds_m_s: np.ndarray, sure: np.ndarray) -> float:
    """The same from their velocities [T, 4, 3]."""
    off = ((speeds_m_s / [_ACROSS_M_S, _ACROSS_M_S, _ALONG_M_S]) ** 2).sum(axis=-1)
    seen = sure.max(axis=1) > UNSEEN
    if not seen.any():
        return 0.0
    least = np.where(sure > UNSEEN, off, np.inf)[seen].min(axis=1)
    return float((least / (1 + least / _ASTRAY**2)).mean())
