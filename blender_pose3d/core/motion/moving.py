"""A camera that moved: how it turned where it stood, or how far it was carried."""

from __future__ import annotations

import numpy as np

from ..coordinates import carried_for_a_metre, first_from_camera
from ..filtering import smoothed
from ..rotations import apply
from ..tracks import Pose3DTrack
from .options import CameraMotion, MotionOptions

# How far the background may be away, and how fast a foot that stands may seem to be, across the line of sight and along it.
_DISTANCES_M = np.arange(0.0, 40.0, 0.25)
_ACROSS_M_S, _ALONG_M_S = 0.15, 0.4
_STEADY_S = 0.05
# From this many of those on a frame says no more: nobody stands in it.
_ASTRAY = 3.0
# One way that the camera went has to explain the feet so much better than another; else they do not say.
_CLEARLY = 0.35
# Below this confidence a foot is a guess.
_UNSEEN = 0.25


def camera_told(track: Pose3DTrack) -> str:
    """What the background says that the camera did: still, turning, moving or unknown; "" for a track that tells nothing."""
    told = track.provenance.get("camera_motion")
    what = told.get("camera") if isinstance(told, dict) else None
    return what if isinstance(what, str) else ""


def camera_motion(track: Pose3DTrack, options: MotionOptions) -> CameraMotion:
    """What the camera is taken to have done, never AUTO."""
    if track.background_way_share is None:
        return CameraMotion.STILL
    if options.camera_motion is CameraMotion.AUTO:
        seen = {"turning": CameraMotion.TURNING, "moving": CameraMotion.CARRIED}
        return seen.get(camera_told(track), CameraMotion.STILL)
    return options.camera_motion


def turns(track: Pose3DTrack, focal_length_px: float, motion: CameraMotion) -> np.ndarray:
    """The axes of the first frame's camera from each frame's: [T, 3, 3]."""
    if track.background_way_share is None or motion is not CameraMotion.TURNING:
        return np.broadcast_to(np.eye(3), (track.frame_count, 3, 3))
    return first_from_camera(track.background_way_share, focal_length_px, max(track.image_size_px))


def carried_m(
    track: Pose3DTrack, focal_length_px: float, motion: CameraMotion, feet_m: np.ndarray, sure: np.ndarray
) -> np.ndarray:
    """Where a camera that was carried was since the first frame, in its axes: [T, 3]; zeros where it is not known.

    The background says which way it went and how fast from moment to moment, but for one number, its distance. Feet say that: of
    heels and toes as the camera saw them, feet_m [T, 4, 3] with confidence `sure` [T, 4], one stands in nearly every frame.
    """
    still = np.zeros((track.frame_count, 3))
    if track.background_way_share is None or motion is not CameraMotion.CARRIED or track.frame_count < 3:
        return still
    times = track.timestamps_s
    way = carried_for_a_metre(track.background_way_share, focal_length_px, max(track.image_size_px))
    camera = np.gradient(smoothed(way, times, _STEADY_S), times, axis=0)  # [T, 3], for a background at 1 m
    feet = _velocities(feet_m, times)
    costs = [_unrest(feet + distance * camera[:, None], sure) for distance in _DISTANCES_M]
    best = int(np.argmin(costs))
    return _DISTANCES_M[best] * way if costs[best] < _CLEARLY * costs[0] else still


def stands_by_its_feet(feet_m: np.ndarray, sure: np.ndarray, timestamps_s: np.ndarray, first_from: np.ndarray) -> bool:
    """Whether a camera that seems to have turned stood still: feet_m [T, 4, 3] as it saw them, with confidence `sure` [T, 4],
    rest clearly better without the turns [T, 3, 3]. What went by behind the person was something else, a train or water.
    """
    if len(feet_m) < 3:
        return False
    still, turned = (_unrest(_velocities(m, timestamps_s), sure) for m in (feet_m, apply(first_from[:, None], feet_m)))
    return still < _CLEARLY * turned


def _velocities(feet_m: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Metres a second: [T, 4, 3]."""
    return np.gradient(smoothed(feet_m, times, _STEADY_S), times, axis=0)


def _unrest(velocities: np.ndarray, sure: np.ndarray) -> float:
    """How fast the stillest of the heels and toes that are seen is, a frame's mean; 0 where none is seen."""
    off = ((velocities / [_ACROSS_M_S, _ACROSS_M_S, _ALONG_M_S]) ** 2).sum(axis=-1)
    seen = sure.max(axis=1) > _UNSEEN
    if not seen.any():
        return 0.0
    least = np.where(sure > _UNSEEN, off, np.inf)[seen].min(axis=1)
    return float((least / (1 + least / _ASTRAY**2)).mean())
