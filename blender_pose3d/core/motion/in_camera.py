"""The person as the camera saw them: the lifter's joints made one body, the camera's own way taken out as far as is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..filtering import calmed, smoothed
from ..rotations import apply, swing, transposed
from ..skeleton import INDEX
from ..tracks import Pose3DTrack
from .body import SIDES, Landmarks, with_constant_bones
from .camera import without_slant
from .contacts import PARTS, how_seen
from .edges import Edges, edges_of
from .foreshortening import with_reach
from .limits import limited
from .moving import Followed, SeenFeet, camera_told, follow
from .options import PATIENCE, PICTURE_MM, MotionOptions
from .root import led_through, rays_of, seen_path, truly_found

# How the motion engine knows a lens that is no guess.
_KNOWN_LENSES = ("given", "metadata")
_JOINT_NOISE_M, _PATH_NOISE_M, _FOOT_NOISE_M = 0.004, 0.006, 0.006
_LEAST_WEIGHT = 0.05
_FOOT_STEADY_S = 0.04
# What somebody's balance is seen by.
_STANCE = [INDEX[f"{side}_{part}"] for side in SIDES for part in ("ankle", "knee", "hip", "shoulder")]
_LEGS = [[INDEX[f"{side}_{part}"] for part in ("hip", "knee", "ankle")] for side in SIDES]
_TRUNK = [INDEX[f"{side}_{part}"] for side in SIDES for part in ("hip", "shoulder")]


@dataclass(frozen=True)
class InCamera:
    """One person in the axes of the first frame's camera; of the ground nothing is known yet.

    found [T]: where the person's place was seen; joints_m [T, 17, 3] relative to the pelvis; line_m [T, 3]: the pelvis from where
    the camera is in that frame; feet_m [T, 4, 3]: heels and toes relative to the pelvis, in the order of contacts.PARTS, and
    steady_feet_m the same without trembling; foot_sure [T, 4]: how well they were seen; stance_sure, trunk_sure, leg_sure [T]:
    legs and shoulders, hips and shoulders, the better of two legs; depth_m [T] of the pelvis from the camera; followed: how the
    camera moved; edges around the person, if any.
    """

    track: Pose3DTrack
    marks: Landmarks
    focal_length_px: float
    found: np.ndarray
    joints_m: np.ndarray
    line_m: np.ndarray
    feet_m: np.ndarray
    steady_feet_m: np.ndarray
    foot_sure: np.ndarray
    stance_sure: np.ndarray
    trunk_sure: np.ndarray
    leg_sure: np.ndarray
    depth_m: np.ndarray
    followed: Followed
    edges: Edges | None

    @property
    def times_s(self) -> np.ndarray:
        return self.track.timestamps_s.astype(float)

    @property
    def sure(self) -> np.ndarray:
        """How well the body was seen: [T] from 0 to 1."""
        return np.where(self.found, self.track.confidence.mean(axis=1), 0.0)

    @property
    def camera_lost(self) -> bool:
        """The camera moved, and nobody knows how far: everybody walks then."""
        return self.track.background_way_share is None and camera_told(self.track) in ("turning", "moving")


def in_camera(track: Pose3DTrack, marks: Landmarks, options: MotionOptions) -> InCamera:
    """The track's person as one body, without trembling, in axes that do not turn."""
    times = track.timestamps_s.astype(float)
    focal, joints, line = _refocused(track, marks, options)
    found = truly_found(line, track.detected, track.confidence.mean(axis=1), times)
    line = led_through(line, track.detected, found, times)
    joints = _one_body(track, marks, joints, line, focal, options)
    # From here on in the axes of the first frame's camera.
    stance_sure, trunk_sure = (np.where(track.detected, track.confidence[:, of].min(axis=1), 0.0) for of in (_STANCE, _TRUNK))
    leg_sure = np.where(track.detected, track.confidence[:, _LEGS].min(axis=2).max(axis=1), 0.0)
    lens_known = options.focal_length_mm is not None or track.provenance.get("focal_length") in _KNOWN_LENSES
    edges = edges_of(track, focal, lens_known=lens_known)
    joints = without_slant(joints, line, stance_sure, options, edges)
    feet, foot_sure = _feet(joints, line, marks, track, focal)
    followed = follow(track, focal, SeenFeet(joints, feet, line, foot_sure, stance_sure, edges), options)
    first_from, patience = followed.first_from, PATIENCE[options.smoothing]
    joints, line = apply(first_from[:, None], joints), apply(first_from, line)
    joints = calmed(joints, times, patience=patience, noise=_JOINT_NOISE_M, weights=np.maximum(track.confidence, _LEAST_WEIGHT))
    line = calmed(line[:, None], times, patience=patience, noise=_PATH_NOISE_M)[:, 0]
    camera_from = transposed(first_from)
    line_now = apply(camera_from, line)
    feet, foot_sure = _feet(apply(camera_from[:, None], joints), line_now, marks, track, focal)
    feet = apply(first_from[:, None], feet)
    return InCamera(
        track=track,
        marks=marks,
        focal_length_px=focal,
        found=found,
        joints_m=joints,
        line_m=line,
        feet_m=feet,
        steady_feet_m=calmed(feet, times, patience=patience, noise=_FOOT_NOISE_M, weights=np.maximum(foot_sure, _LEAST_WEIGHT)),
        foot_sure=foot_sure,
        stance_sure=stance_sure,
        trunk_sure=trunk_sure,
        leg_sure=leg_sure,
        depth_m=line_now[:, 2],
        followed=followed,
        edges=edges,
    )


def _refocused(track: Pose3DTrack, marks: Landmarks, options: MotionOptions) -> tuple[float, np.ndarray, np.ndarray]:
    """Focal length in pixels, joints and path [T, 3] for the lens that the user says; for none, as they are.

    The lifter looks at the pelvis: another lens turns its view, and so the joints, and moves the person nearer or farther.
    """
    joints, path = track.positions_m.astype(float), track.root_position_m.astype(float)
    if options.focal_length_mm is None:
        return track.focal_length_px, joints, path
    focal = options.focal_length_mm / PICTURE_MM * max(track.image_size_px)
    axis = np.array([0.0, 0.0, 1.0])
    was = path / path[:, 2:]
    now = was * [track.focal_length_px / focal, track.focal_length_px / focal, 1.0]
    joints = apply((swing(axis, now) @ swing(was, axis))[:, None], joints)
    return focal, joints, seen_path(joints, marks, focal, track.image_size_px)


def _one_body(
    track: Pose3DTrack, marks: Landmarks, joints: np.ndarray, path: np.ndarray, focal_length_px: float, options: MotionOptions
) -> np.ndarray:
    """Joints [T, 17, 3] with bones as long as they are all the time, that bend as a body does."""
    if options.constant_bones:
        lifted = joints
        joints = with_constant_bones(joints, track.confidence)
        if options.full_reach:
            times = track.timestamps_s.astype(float)
            joints = with_reach(joints, lifted, path, marks, times, focal_length_px, track.image_size_px)
    return limited(joints) if options.joint_limits else joints


def _mark(side: str, part: str) -> str:
    return f"{side}_heel" if part == "heel" else f"{side}_foot_index"


def _feet(
    joints: np.ndarray, path: np.ndarray, marks: Landmarks, track: Pose3DTrack, focal_length_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Heels and toes relative to the pelvis [T, 4, 3], camera axes, and how well they were seen [T, 4].

    Where the detector saw them they are on its lines of sight, at the depth of the lifted ankle: the picture says exactly
    whether a foot moves, a lifted leg does not.
    """
    times = track.timestamps_s
    places, trust = [], []
    for side, part in PARTS:
        pixels, world, sure = marks.of(_mark(side, part))
        reach = smoothed(world - marks.of(f"{side}_ankle")[1], times, _FOOT_STEADY_S)
        lifted = joints[:, INDEX[f"{side}_ankle"]] + reach
        ray = rays_of(pixels, focal_length_px, track.image_size_px)
        depth = np.maximum(path[:, 2] + lifted[:, 2], 0.3)
        seen = np.concatenate([ray, np.ones_like(ray[:, :1])], axis=1) * depth[:, None] - path
        share = smoothed(how_seen(sure), times, _FOOT_STEADY_S)[:, None]
        places.append(share * seen + (1 - share) * lifted)
        trust.append(np.minimum(track.confidence[:, INDEX[f"{side}_ankle"]], sure))
    return np.stack(places, axis=1), np.stack(trust, axis=1)
