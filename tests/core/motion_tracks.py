"""Exact tracks with feet and hands: the clip maker's motions as a camera held in any way would see them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import accumulate

import numpy as np

from blender_pose3d.core.coordinates import CameraPose, world_from_camera
from blender_pose3d.core.rotations import about_axis, unit
from blender_pose3d.core.skeleton import INDEX, LANDMARK_NAMES
from blender_pose3d.core.tracks import Pose3DTrack
from tests.clipmaker.motions import DEFAULT_SECONDS, perform
from tests.clipmaker.skeleton import EXTRA_NAMES, Body

_X, _Y, _Z = np.eye(3)
FOCAL_PX, SIZE_PX = 600.0, (640, 480)


@dataclass(frozen=True)
class Seen:
    """track; joints_m [T, 17, 3] in the world, the ground at 0, the camera above the origin, looking along +y; contact [T, 4]."""

    track: Pose3DTrack
    joints_m: np.ndarray
    contact: np.ndarray


def seen(
    name: str,
    *,
    fps: float = 25.0,
    seconds: float = 0.0,
    body_seed: int = 0,
    yaw_deg: float = 0.0,
    camera: CameraPose | None = None,
    height_m: float = 1.3,
    distance_m: float = 5.0,
    turned: Callable[[np.ndarray], np.ndarray] | None = None,
    carried: Callable[[np.ndarray], np.ndarray] | None = None,
    background_m: float = 8.0,
    changed: Callable[[dict[str, np.ndarray], np.ndarray], None] | None = None,
) -> Seen:
    """A motion of a person who is turned by yaw_deg, filmed from distance_m.

    turned: times [T] -> how far the camera has turned since the first, right, down and clockwise [T, 3], radians.
    carried: times [T] -> how far it went since then [T, 2], to what was its right and ahead at first, before a background that
    is background_m away.
    changed: what becomes of the person's joints and other points by name, [T, 3] each, given the contacts [T, 4].
    """
    times = np.arange(round((seconds or DEFAULT_SECONDS[name]) * fps)) / fps
    posed, _ = perform(name, Body.varied(body_seed), times, seed=body_seed)
    if changed is not None:
        points = np.concatenate([posed.joints_m, posed.extras_m], axis=1).swapaxes(0, 1).copy()
        changed(dict(zip((*INDEX, *EXTRA_NAMES), points, strict=True)), posed.contact)
        posed = replace(posed, joints_m=points[: len(INDEX)].swapaxes(0, 1), extras_m=points[len(INDEX) :].swapaxes(0, 1))
    c, s = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    joints, extras = (points @ turn.T + [0, distance_m, 0] for points in (posed.joints_m, posed.extras_m))
    world_from = world_from_camera(camera or CameraPose())
    at = {name: joints[:, i] for name, i in INDEX.items()} | dict(zip(EXTRA_NAMES, np.moveaxis(extras, 1, 0), strict=True))
    for side in ("left", "right"):
        at[f"{side}_foot_index"] = at[f"{side}_toe"]
    middle = joints[:, INDEX["nose"]]
    landmarks = np.stack([at.get(name, middle) for name in LANDMARK_NAMES], axis=1)
    frames = len(times)
    way = None
    views = np.broadcast_to(world_from, (frames, 3, 3))
    if turned is not None:
        steps = np.diff(turned(times), axis=0)
        # In small steps, so that it does not matter which of the three turns is the first.
        every = [about_axis(_Y, right) @ about_axis(_X, -down) @ about_axis(_Z, clockwise) for right, down, clockwise in steps]
        views = np.array(list(accumulate(every, np.matmul, initial=world_from)))
        way = np.column_stack([-turned(times) * [FOCAL_PX / max(SIZE_PX), FOCAL_PX / max(SIZE_PX), 1.0], np.zeros(frames)])
    places = np.tile([0.0, 0.0, height_m], (frames, 1))
    if carried is not None:
        went = carried(times)
        ahead = unit(world_from[:, 2] * [1, 1, 0])  # who carries it walks on the ground
        places += went[:, :1] * world_from[:, 0] + went[:, 1:] * ahead
        steps, none = np.diff(places, axis=0), np.zeros(frames - 1)
        aside, on = (np.einsum("ti,ti->t", steps, unit(views[1:, :, axis] * [1, 1, 0])) for axis in (0, 2))
        share = np.cumsum(np.stack([-aside * FOCAL_PX / max(SIZE_PX), none, none, on], axis=1), axis=0) / background_m
        way = (0 if way is None else way) + np.concatenate([np.zeros((1, 4)), share])
    in_camera, marks = (np.einsum("tji,tkj->tki", views, points - places[:, None]) for points in (joints, landmarks))
    sure = np.ones((frames, len(LANDMARK_NAMES)))
    return Seen(
        Pose3DTrack(
            fps=fps,
            timestamps_s=times,
            positions_m=in_camera - in_camera[:, :1],
            root_position_m=in_camera[:, 0],
            confidence=np.ones((frames, len(INDEX))),
            landmarks_px=np.array(SIZE_PX) / 2 + FOCAL_PX * marks[..., :2] / marks[..., 2:],
            landmark_confidence=sure,
            world_landmarks_m=marks - in_camera[:, :1],
            detected=np.ones(frames, bool),
            image_size_px=SIZE_PX,
            focal_length_px=FOCAL_PX,
            background_way_share=way,
            provenance={"camera_motion": {"camera": "turning" if turned else "moving" if carried else "still"}},
        ),
        joints,
        posed.contact,
    )
