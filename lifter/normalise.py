"""What the networks see: the one place where 2D joints become their input, in training and in inference alike.

The person is looked at by a virtual camera that is turned towards the pelvis of the window's target frame (a rotation about the
real camera's centre, so nothing is lost), and the window is scaled to unit size. Lens, aspect, distance and place in the picture
so drop out, and the network's output is turned back into the real camera's axes by the rotation returned here.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .joints import INDEX

_PELVIS = INDEX["pelvis"]
# The time between the frames of a window, whatever the clip's own rate: between its frames the joints are interpolated.
WINDOW_STEP_S = 1 / 30
# What a network may see of a joint: 2D; and the detector's confidence; and its own 3D. And what a mirror does to each value.
INPUT_SIZES: tuple[int, ...] = (2, 3, 6)
MIRROR_SIGNS: tuple[float, ...] = (-1.0, 1.0, 1.0, -1.0, 1.0, 1.0)


def rays_from_pixels(points_px: Tensor, focal_length_px: float, image_size_px: tuple[int, int]) -> Tensor:
    """Pixels [..., 2] -> (x/z, y/z) in camera axes, the principal point in the middle of the picture."""
    centre = torch.tensor([image_size_px[0] / 2, image_size_px[1] / 2], dtype=points_px.dtype, device=points_px.device)
    return (points_px - centre) / focal_length_px


def encode_windows(rays: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """The network's input.

    rays: [B, N, 17, 2] as (x/z, y/z); target: index of the target frame.
    Returns the encoded windows [B, N, 17, 2] and view_from_camera [B, 3, 3]: p_camera = view_from_camera^T p_view.
    """
    view_from_camera = look_at(rays[:, target, _PELVIS])
    directions = torch.cat([rays, torch.ones_like(rays[..., :1])], dim=-1)
    seen = torch.einsum("bij,bnkj->bnki", view_from_camera, directions)
    flat = seen[..., :2] / seen[..., 2:].clamp_min(0.1)
    size = (flat - flat[:, :, _PELVIS : _PELVIS + 1]).square().sum(-1).mean((1, 2)).sqrt().clamp_min(1e-4)
    return flat / size[:, None, None, None], view_from_camera


def with_evidence(windows: Tensor, view_from_camera: Tensor, confidence: Tensor, world_m: Tensor, inputs: int) -> Tensor:
    """Encoded windows [B, N, 17, 2] and what else the network sees of a joint: [B, N, 17, inputs], inputs one of `INPUT_SIZES`.

    confidence [B, N, 17]; world_m [B, N, 17, 3]: the detector's own 3D in metres relative to the pelvis, camera axes; zero
    where there is none.
    """
    if inputs == 2:
        return windows
    parts = [windows, confidence[..., None]]
    if inputs == 6:
        parts.append(torch.einsum("bij,bnkj->bnki", view_from_camera, world_m))
    return torch.cat(parts, -1)


def derive_middle_joints(rays: Tensor) -> Tensor:
    """Pelvis, thorax and spine of 2D joints [..., 17, 2] as the detector's landmarks give them: middles of hips and shoulders."""
    out = rays.clone()
    pelvis = (rays[..., INDEX["left_hip"], :] + rays[..., INDEX["right_hip"], :]) / 2
    thorax = (rays[..., INDEX["left_shoulder"], :] + rays[..., INDEX["right_shoulder"], :]) / 2
    out[..., INDEX["pelvis"], :] = pelvis
    out[..., INDEX["thorax"], :] = thorax
    out[..., INDEX["spine"], :] = (pelvis + thorax) / 2
    return out


def look_at(ray: Tensor) -> Tensor:
    """The smallest rotation that brings the direction (x, y, 1) onto the optical axis: [B, 2] -> [B, 3, 3]."""
    d = torch.nn.functional.normalize(torch.cat([ray, torch.ones_like(ray[:, :1])], dim=-1), dim=-1)
    x, y, z = d.unbind(-1)
    k = 1 / (1 + z)
    rows = [1 - x * x * k, -x * y * k, -x, -x * y * k, 1 - y * y * k, -y, x, y, z]
    return torch.stack(rows, dim=-1).view(-1, 3, 3)
