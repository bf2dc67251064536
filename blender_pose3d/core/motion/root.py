"""The pelvis' path: what the camera saw of it, held by the feet that stand."""

from __future__ import annotations

import numpy as np

from ..filtering import smoothed
from ..rotations import unit
from ..skeleton import INDEX
from .banded import PathFit
from .body import LANDMARK_JOINTS, Landmarks
from .contacts import stretches

# Standard deviations of one frame, for a person of 1.75 m. Across the line of sight the camera is exact. Along it the error is
# slow, so that a frame says little by itself.
_ACROSS_M = 0.012
DEPTH_SHARE = 0.02
# How fast a foot that stands may seem to move: little across the line of sight, more along it, where a lifter shortens steps.
# And how far off the ground it may seem to be.
_PIN_ACROSS_M_S = 0.10
_PIN_ALONG_M_S = 0.4
# And up and down over ground that is known, where heels rise and soles roll while toes stand: the picture knows better.
_PIN_UP_M_S = 0.4
_GROUND_M = 0.01
# What heels and toes say of the height of the hips is as slow: they are points on a shoe that rolls. Quick ups and downs are the
# picture's.
_GROUND_STEADY_S = 0.4
# So many frames after somebody was found, and before they are lost, may be this much too near or far, as a share of the distance,
# beyond what somebody goes.
_FALSE_FRAMES, _FALSE_SHARE, _FASTEST_M_S = 4, 0.1, 3.0
# Of whom so much less was seen than is next, because the rest is out of the picture: not even by what somebody goes.
_CUT_SHARE = 0.6
# How somebody goes who comes or goes is said by so many frames.
_GOES_FRAMES = 8
# Accelerations of a pelvis; and up and down, where the feet were seen: of less, small hops would be nothing.
_ACCELERATION_M_S2, _HOP_M_S2 = 5.0, 12.0
_JOINTS = [INDEX[name] for name in LANDMARK_JOINTS]


def rays_of(pixels: np.ndarray, focal_length_px: float, image_size_px: tuple[int, int]) -> np.ndarray:
    """Pixels [..., 2] -> (x / z, y / z) in camera axes."""
    return (pixels - np.array(image_size_px) / 2) / focal_length_px


def seen_path(joints_m: np.ndarray, marks: Landmarks, focal_length_px: float, image_size_px: tuple[int, int]) -> np.ndarray:
    """The pelvis in camera space that brings the projected joints nearest to the landmarks, frame by frame: [T, 3] metres.

    joints_m [T, 17, 3] relative to the pelvis. Weighted linear least squares, then once more with less weight on what does not
    fit.
    """
    every = [marks.of(name) for name in LANDMARK_JOINTS]
    rays = rays_of(np.stack([pixels for pixels, _, _ in every], axis=1), focal_length_px, image_size_px)
    weight = np.maximum(np.stack([sure for _, _, sure in every], axis=1), 1e-3)
    at = joints_m[:, _JOINTS]
    a = np.zeros((*rays.shape[:-1], 2, 3))
    a[..., 0, 0] = a[..., 1, 1] = 1.0
    a[..., 2] = -rays
    b = rays * at[..., 2:] - at[..., :2]
    path = np.zeros((len(at), 3))
    for _ in range(2):
        normal = np.einsum("tjki,tjkl,tj->til", a, a, weight)
        right = np.einsum("tjki,tjk,tj->ti", a, b, weight)
        path = np.linalg.solve(normal, right[..., None])[..., 0]
        miss = np.linalg.norm(np.einsum("tjki,ti->tjk", a, path) - b, axis=-1)
        usual = np.median(miss) + 1e-9
        weight = weight / (1 + (miss / (3 * usual)) ** 2)
    path[:, 2] = np.maximum(path[:, 2], 0.3)
    return path


def truly_found(seen_m: np.ndarray, detected: np.ndarray, confidence: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """The frames, [T], in which somebody was found but for those in which one who comes or goes was found much nearer or farther
    than just after or before, the more so where less was seen of them.

    seen_m: the pelvis [T, 3] in camera space; confidence [T] of the whole body.
    """
    found = detected.copy()
    for first, last in stretches(detected):
        frames = np.arange(first, last + 1)
        for edge in (frames, frames[::-1]):
            if first == 0 and edge[0] == 0 or last == len(detected) - 1 and edge[0] == last:
                continue  # the clip begins or ends with the person in it
            for k in range(min(_FALSE_FRAMES, len(edge) - _FALSE_FRAMES)):
                after = edge[k + 1 : k + 1 + _FALSE_FRAMES]
                usual = float(np.median(seen_m[after, 2]))
                goes = _FASTEST_M_S * float(np.median(np.abs(timestamps_s[after] - timestamps_s[edge[k]])))
                if confidence[edge[k]] < _CUT_SHARE * np.median(confidence[after]):
                    goes = 0.0
                if abs(seen_m[edge[k], 2] - usual) > _FALSE_SHARE * usual + goes:
                    found[edge[: k + 1]] = False
    return found if found.any() else detected


def led_through(seen_m: np.ndarray, detected: np.ndarray, found: np.ndarray, timestamps_s: np.ndarray) -> np.ndarray:
    """The pelvis [T, 3] as it was seen; where somebody who comes or goes was detected but does not count (found [T]), they go as
    they do next, and where nobody was detected, straight on to the next place."""
    if (found == detected).all():
        return seen_m
    path, known = seen_m.copy(), detected.copy()
    for first, last in stretches(detected):
        frames = np.arange(first, last + 1)
        counts = frames[found[frames]]
        if not len(counts):  # a short one, of which neither half agrees to the other
            known[frames] = False
            continue
        for off, near in ((frames < counts[0], counts[:_GOES_FRAMES]), (frames > counts[-1], counts[-_GOES_FRAMES:])):
            times, start_s = timestamps_s[frames[off]], timestamps_s[near[0]]
            fit = np.polynomial.polynomial.polyfit(timestamps_s[near] - start_s, seen_m[near], min(len(near) - 1, 1))
            path[frames[off]] = np.polynomial.polynomial.polyval(times - start_s, fit).T
    between = np.stack([np.interp(timestamps_s, timestamps_s[known], axis) for axis in path[known].T], axis=1)
    return np.where(known[:, None], path, between)


def pins(sight: np.ndarray, across_m_s: float, along_m_s: float) -> np.ndarray:
    """How surely a part that stands does not move, seen along sight [..., 3]: inverse variances of its speed, [..., 3, 3]."""
    along = sight[..., :, None] * sight[..., None, :]
    return (np.eye(3) - along) / across_m_s**2 + along / along_m_s**2


def hold(
    fit: PathFit,
    path_m: np.ndarray,
    parts_m: np.ndarray,
    held: np.ndarray,
    pin: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    up_counts: float = 1.0,
) -> None:
    """Adds to a fit of a path that parts in contact do not move. A foot that seems to run away while it stands is a mistake: what
    the path so far, path_m [T, 3], makes of it says how much it counts.

    parts_m [T, P, 3] relative to the path; held [T - 1, P], from 0 to 1, between each two frames; pin [T - 1, P, 3, 3]: as `pins`
    says, but that a part seems to go up or down counts for less: of a speed, this share.
    """
    step_s, moved = np.diff(timestamps_s), np.diff(parts_m, axis=0)
    speed = (np.diff(path_m, axis=0)[:, None] + moved) / step_s[:, None, None]
    weight = held / (1 + np.einsum("tpi,tpij,tpj->tp", speed, pin, speed) / _ASTRAY**2)
    counts = np.array([1.0, 1.0, up_counts])
    pin = pin * counts[:, None] * counts
    for part in range(held.shape[1]):
        fit.steps((weight[:, part] / step_s**2)[:, None, None] * pin[:, part], -moved[:, part])


_ROUNDS = 2
# From this many standard deviations on a foot in contact counts less.
_ASTRAY = 3.0


def fitted_path(
    seen_m: np.ndarray,
    line_m: np.ndarray,
    sure: np.ndarray,
    parts_m: np.ndarray,
    mask: np.ndarray,
    mask_sure: np.ndarray,
    timestamps_s: np.ndarray,
    *,
    ground_m: float | np.ndarray | None,
    depth_share: float = DEPTH_SHARE,
) -> np.ndarray:
    """The pelvis' path [T, 3], z up, by linear least squares on four kinds of evidence: where the camera saw it (seen_m, along
    and across the line of sight, which is line_m [T, 3] from the camera to the pelvis), feet in contact that do not move, the
    ground under them, and a body's inertia.

    sure [T] 0 to 1; parts_m [T, 4, 3]: heels and toes relative to the pelvis; mask [T, 4]: in contact, mask_sure [T, 4] 0 to 1;
    ground_m: the height at which parts in contact are, one or [T, 4], None where it is not known; depth_share: how far the
    camera's depth may be off in one frame.
    """
    frames = len(seen_m)
    sight = unit(line_m)
    along = sight[:, :, None] * sight[:, None, :]
    depth = (depth_share * np.maximum(np.linalg.norm(line_m, axis=-1), 0.5))[:, None, None]
    trust = np.maximum(sure, 1e-4)[:, None, None]
    pin = np.broadcast_to(pins(sight[1:, None], _PIN_ACROSS_M_S, _PIN_ALONG_M_S), (frames - 1, mask.shape[1], 3, 3))
    up_counts = 1.0 if ground_m is None else _PIN_ACROSS_M_S / _PIN_UP_M_S
    held = mask[1:] * mask[:-1] * np.minimum(mask_sure[1:], mask_sure[:-1])  # [T - 1, 4]
    path = seen_m
    standing = mask * mask_sure
    up = np.zeros((frames, 3, 3))
    up[:, 2, 2] = standing.sum(axis=1) / _GROUND_M**2
    over_ground = seen_m if ground_m is None else _over_ground(seen_m, parts_m, standing, timestamps_s, ground_m)
    for _ in range(_ROUNDS):
        fit = PathFit(frames, 3)
        fit.values(trust * ((np.eye(3) - along) / _ACROSS_M**2 + along / depth**2), seen_m)
        hold(fit, path, parts_m, held, pin, timestamps_s, up_counts=up_counts)
        if ground_m is not None:
            fit.values(up, over_ground)
        if frames > 2:
            feet_seen = mask_sure[1:-1].max(axis=1)
            bends = np.tile(np.eye(3) / _ACCELERATION_M_S2**2, (frames - 2, 1, 1))
            bends[:, 2, 2] = 1 / (_ACCELERATION_M_S2 + feet_seen * (_HOP_M_S2 - _ACCELERATION_M_S2)) ** 2
            fit.bends(bends, timestamps_s)
        path = fit.solve()
    return path


def _over_ground(
    seen_m: np.ndarray, parts_m: np.ndarray, standing: np.ndarray, timestamps_s: np.ndarray, ground_m: float | np.ndarray
) -> np.ndarray:
    """The path that was seen [T, 3], as high as parts that stand on the ground would have it, but for what they say of quick
    changes. standing [T, 4]: how surely each does.
    """
    worth = np.maximum(standing, 1e-6)
    lacking = (worth * (ground_m - parts_m[..., 2] - seen_m[:, 2:])).sum(axis=1) / worth.sum(axis=1)
    lacking = smoothed(lacking, timestamps_s, _GROUND_STEADY_S, worth.sum(axis=1))
    return seen_m + [0.0, 0.0, 1.0] * lacking[:, None]
