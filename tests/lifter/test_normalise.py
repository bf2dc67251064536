"""What the network sees of a person does not depend on the lens, on where the camera points, or on size."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from lifter.joints import INDEX
from lifter.normalise import encode_windows, rays_from_pixels
from tests.core.performances import WORLD_FROM_CAMERA, joints_world_m

PELVIS, TARGET = INDEX["pelvis"], 4
seeds = st.integers(0, 2**32 - 1)


def _window() -> Tensor:
    """[1, 9, 17, 3]: a person in a camera's axes, 4 m before it, the pelvis of the target frame in the middle of the picture."""
    joints = torch.from_numpy((joints_world_m("kick")[20:29] @ WORLD_FROM_CAMERA)[None])
    return joints - joints[:, TARGET, PELVIS] + torch.tensor([0, 0, 4.0])


def _rays(points: Tensor) -> Tensor:
    return points[..., :2] / points[..., 2:]


def _turn(axis: Tensor, angle: float) -> Tensor:
    x, y, z = (axis / axis.norm()).tolist()
    skew = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    return torch.matrix_exp(angle * skew)


@given(st.floats(200, 3000), st.tuples(st.integers(100, 4000), st.integers(100, 4000)))
def test_lens_and_picture_size_drop_out(focal_px: float, size_px: tuple[int, int]) -> None:
    rays = _rays(_window())
    pixels = rays * focal_px + torch.tensor(size_px) / 2
    torch.testing.assert_close(rays_from_pixels(pixels, focal_px, size_px), rays, atol=1e-9, rtol=1e-9)


@given(st.floats(-np.pi, np.pi), st.floats(0, 0.7))
def test_a_camera_that_points_elsewhere_sees_the_same_person(towards: float, angle: float) -> None:
    """Panned and tilted about its own centre, and the rotation that comes back leads to the same body in its axes."""
    points = _window()
    turn = _turn(torch.tensor([np.cos(towards), np.sin(towards), 0.0]), angle)
    straight, view = encode_windows(_rays(points), TARGET)
    aside, aside_view = encode_windows(_rays(points @ turn.T), TARGET)
    torch.testing.assert_close(aside, straight, atol=1e-9, rtol=1e-9)
    torch.testing.assert_close(view, torch.eye(3, dtype=torch.float64)[None], atol=1e-9, rtol=0)
    torch.testing.assert_close(aside_view[0] @ turn, view[0], atol=1e-9, rtol=0)


@given(seeds)
def test_any_camera_turn_only_rolls_the_picture(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    points = _window() + torch.tensor([0.8, -0.5, 0.0])
    turn = _turn(torch.randn(3, generator=generator, dtype=torch.float64), 0.4)
    one, view = encode_windows(_rays(points), TARGET)
    other, other_view = encode_windows(_rays(points @ turn.T), TARGET)
    torch.testing.assert_close(one.norm(dim=-1), other.norm(dim=-1), atol=1e-9, rtol=1e-9)
    roll = (other_view @ turn @ view.mT)[0]
    torch.testing.assert_close(roll[2], torch.tensor([0, 0, 1.0], dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close(other, one @ roll[:2, :2].T, atol=1e-9, rtol=1e-9)


@given(st.floats(0.01, 100))
def test_size_drops_out(factor: float) -> None:
    """A giant far away is a person near by."""
    one, _ = encode_windows(_rays(_window()), TARGET)
    other, _ = encode_windows(_rays(factor * _window()), TARGET)
    torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


@given(seeds)
def test_the_encoding_is_of_unit_size_with_the_target_in_the_middle(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rays = (
        0.2 * torch.randn(6, 9, 17, 2, generator=generator, dtype=torch.float64)
        + torch.randn(6, 1, 1, 2, generator=generator) / 2
    )
    windows, view = encode_windows(rays, TARGET)
    torch.testing.assert_close(windows[:, TARGET, PELVIS], torch.zeros(6, 2, dtype=torch.float64), atol=1e-9, rtol=0)
    spread = (windows - windows[:, :, PELVIS : PELVIS + 1]).square().sum(-1).mean((1, 2)).sqrt()
    torch.testing.assert_close(spread, torch.ones(6, dtype=torch.float64))
    torch.testing.assert_close(view @ view.mT, torch.eye(3, dtype=torch.float64).expand(6, 3, 3), atol=1e-9, rtol=0)
    assert (torch.linalg.det(view) > 0.99).all()


def test_a_person_in_one_point_stays_finite() -> None:
    windows, view = encode_windows(torch.zeros(2, 9, 17, 2), TARGET)
    assert windows.isfinite().all() and view.isfinite().all()
    # Beside and behind the virtual camera.
    windows, _ = encode_windows(1e4 * torch.randn(2, 9, 17, 2), TARGET)
    assert windows.isfinite().all()
