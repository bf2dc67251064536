"""Arms that a lifter shortened: how far they reach along the line of sight, from bones that keep their length.

A network that is in doubt of a depth takes the middle, and so bends and shortens an arm that reaches towards the camera. The
picture shows how long a bone looks; where its own length is known, the rest of it lies along the line of sight (C. J. Taylor,
Reconstruction of articulated objects from point correspondences in a single uncalibrated image, 2000). Which way, and how much of
it to believe, the network says. Legs are left as they are: feet that stand say more of them.
"""

from __future__ import annotations

import numpy as np

from ..filtering import smoothed
from ..skeleton import INDEX
from .body import SIDES, Landmarks
from .root import rays_of

# How far the network's depth of a bone may be off, and the bone's length.
_DEPTH_M, _LENGTH_M = 0.2, 0.04
# Believed where the network's own bone is shorter than this share of its length, in full where it is shorter by the second.
_SHORT, _SHORT_RANGE = 1.3, 0.2
# To the network a bone less deep than this share of its length points nobody knows which way; by so much more, it does.
_FLAT, _FLAT_RANGE = 0.1, 0.25
# A landmark that is farther from the network's joint than this share of the bone is of something else; nearer by the second, it
# is believed in full.
_APART, _APART_RANGE = 1.5, 0.5
_STEADY_S = 0.08
# Below this confidence a landmark counts for nothing, and for all twice as far above it as that.
_UNSURE = 0.3
# Depths that are tried, in bone lengths before and behind.
_DEPTHS = np.linspace(-1.1, 1.1, 89)
_BLOCK = 2048  # frames
_LIMB = ("shoulder", "elbow", "wrist")


def with_reach(
    joints_m: np.ndarray,
    lifted_m: np.ndarray,
    path_m: np.ndarray,
    marks: Landmarks,
    timestamps_s: np.ndarray,
    focal_length_px: float,
    image_size_px: tuple[int, int],
) -> np.ndarray:
    """Joints [T, 17, 3] with arms that reach as far as their bones do; the bones stay as long as they are.

    joints_m [T, 17, 3]: with the clip's bone lengths; lifted_m [T, 17, 3]: as the network had them; both relative to the pelvis,
    in camera axes; path_m [T, 3]: of the pelvis, in camera space.
    """
    out = joints_m.copy()
    for side in SIDES:
        for a, b in zip(_LIMB[:-1], _LIMB[1:], strict=True):
            start, end = INDEX[f"{side}_{a}"], INDEX[f"{side}_{b}"]
            way, lifted = joints_m[:, end] - joints_m[:, start], lifted_m[:, end] - lifted_m[:, start]
            pixels, _, sure = marks.of(f"{side}_{b}")
            ray = rays_of(pixels, focal_length_px, image_size_px)
            seen = (path_m + out[:, start], ray, way, lifted)
            # In blocks: for each frame there are many depths to try.
            blocks = [_reached(*(values[i : i + _BLOCK] for values in seen)) for i in range(0, len(way), _BLOCK)]
            found = np.concatenate(blocks)
            length = np.linalg.norm(way, axis=-1)
            short = np.clip((_SHORT - np.linalg.norm(lifted, axis=-1) / np.maximum(length, 1e-9)) / _SHORT_RANGE, 0.0, 1.0)
            known = np.clip((np.abs(lifted[:, 2]) / np.maximum(length, 1e-9) - _FLAT) / _FLAT_RANGE, 0.0, 1.0)
            sure = np.clip((np.minimum(sure, marks.of(f"{side}_{a}")[2]) - _UNSURE) / _UNSURE, 0.0, 1.0)
            joint = path_m + joints_m[:, end]
            apart = np.linalg.norm(ray * joint[:, 2:] - joint[:, :2], axis=-1) / np.maximum(length, 1e-9)
            same = np.clip((_APART - apart) / _APART_RANGE, 0.0, 1.0)
            change = smoothed((short * known * sure * same)[:, None] * (found - way), timestamps_s, _STEADY_S)
            turned = way + change
            turned *= (length / np.maximum(np.linalg.norm(turned, axis=-1), 1e-9))[:, None]
            out[:, end] = out[:, start] + turned
    return out


def _reached(start_m: np.ndarray, ray: np.ndarray, way_m: np.ndarray, lifted_m: np.ndarray) -> np.ndarray:
    """The bone [T, 3] from start_m [T, 3], as long as way_m [T, 3], whose end is on the line of sight `ray` [T, 2], and whose
    depth is a compromise between its length and lifted_m [T, 3].
    """
    sight = np.concatenate([ray, np.ones_like(ray[:, :1])], axis=1)
    length = np.linalg.norm(way_m, axis=-1, keepdims=True)
    depths = _DEPTHS * length  # [T, G]
    bones = (start_m[:, 2:] + depths)[..., None] * sight[:, None] - start_m[:, None]
    off = ((depths - lifted_m[:, 2:]) / _DEPTH_M) ** 2 + ((np.linalg.norm(bones, axis=-1) - length) / _LENGTH_M) ** 2
    best, frames = off.argmin(1).clip(1, len(_DEPTHS) - 2), np.arange(len(off))
    before, at, after = (off[frames, best + step] for step in (-1, 0, 1))
    # Between the depths that were tried: the lowest point of the parabola.
    share = np.clip((before - after) / 2 / np.maximum(before - 2 * at + after, 1e-9), -1.0, 1.0)
    depth = depths[frames, best] + share * (_DEPTHS[1] - _DEPTHS[0]) * length[:, 0]
    bone = (start_m[:, 2] + depth)[:, None] * sight - start_m
    return bone * length / np.maximum(np.linalg.norm(bone, axis=-1, keepdims=True), 1e-9)
