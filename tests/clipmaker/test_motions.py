"""The mannequin's skeleton, motions and skin, without Blender."""

from __future__ import annotations

import numpy as np
import pytest

from lifter.joints import JOINT_NAMES as LIFTER_JOINT_NAMES
from tests.clipmaker import mannequin, motions, skeleton

FPS = 50.0
JOINT = {name: i for i, name in enumerate(skeleton.JOINT_NAMES)}
EXTRA = {name: i for i, name in enumerate(skeleton.EXTRA_NAMES)}
# In metres a second squared; a sprinter's foot takes about a tenth of the gravest jerk a frame-to-frame jump would be.
GREATEST_ACCELERATION_M_S2 = 300.0


@pytest.fixture(scope="module", params=sorted(motions.MOTIONS))
def performance(request: pytest.FixtureRequest) -> tuple[str, skeleton.Body, skeleton.Posed]:
    times = np.arange(0, motions.DEFAULT_SECONDS[request.param], 1 / FPS)
    body = skeleton.Body.varied(5)
    posed, _ = motions.perform(request.param, body, times, seed=5)
    return request.param, body, posed


def test_the_joints_are_the_lifters() -> None:
    assert skeleton.JOINT_NAMES == LIFTER_JOINT_NAMES


def test_bones_keep_their_length(performance: tuple[str, skeleton.Body, skeleton.Posed]) -> None:
    _, body, posed = performance
    for parent, child in skeleton.RIGID_BONES:
        lengths = np.linalg.norm(posed.joints_m[:, JOINT[child]] - posed.joints_m[:, JOINT[parent]], axis=-1)
        assert np.ptp(lengths) < 1e-9, (parent, child)
    thigh = np.linalg.norm(posed.joints_m[0, JOINT["left_knee"]] - posed.joints_m[0, JOINT["left_hip"]])
    assert thigh == pytest.approx(body.thigh_m)


def test_a_foot_that_stands_stands_still(performance: tuple[str, skeleton.Body, skeleton.Posed]) -> None:
    _, _, posed = performance
    assert posed.contact.any()
    for column, name in enumerate(skeleton.CONTACT_NAMES):
        point = posed.extras_m[:, EXTRA[name]]
        held = posed.contact[1:, column] & posed.contact[:-1, column]
        moved = np.linalg.norm(np.diff(point, axis=0), axis=-1)[held]
        assert moved.max(initial=0) < 1e-3, name
        assert np.abs(point[posed.contact[:, column], 2]).max(initial=0) < 1e-6, name


def test_walking_is_one_foot_at_a_time() -> None:
    posed, _ = motions.perform("walk_turn", skeleton.Body(), np.arange(0, motions.DEFAULT_SECONDS["walk_turn"], 1 / FPS))
    left, right = posed.contact[:, :2].any(axis=1), posed.contact[:, 2:].any(axis=1)
    assert (left | right).all()
    assert 0.15 < (~left).mean() < 0.5 and 0.15 < (~right).mean() < 0.5
    heights = posed.extras_m[:, EXTRA["left_heel"], 2]
    assert heights[~left].max() > 0.05


def test_nothing_is_below_the_floor(performance: tuple[str, skeleton.Body, skeleton.Posed]) -> None:
    _, _, posed = performance
    assert min(posed.joints_m[..., 2].min(), posed.extras_m[..., 2].min()) > -0.005


def test_nothing_jumps(performance: tuple[str, skeleton.Body, skeleton.Posed]) -> None:
    name, _, posed = performance
    acceleration = np.linalg.norm(np.diff(posed.joints_m, 2, axis=0), axis=-1) * FPS**2
    assert acceleration.max() < GREATEST_ACCELERATION_M_S2
    assert name == "stand" or np.ptp(posed.joints_m, axis=0).max() > 0.3


def test_segments_carry_the_joints(performance: tuple[str, skeleton.Body, skeleton.Posed]) -> None:
    """Blender is given segments, the truth is joints: both must be the same body."""
    _, body, posed = performance
    for side in skeleton.SIDES:
        for segment, end, length in (
            ("thigh", "knee", body.thigh_m),
            ("shin", "ankle", body.shin_m),
            ("upper_arm", "elbow", body.upper_arm_m),
            ("forearm", "wrist", body.forearm_m),
        ):
            turned = posed.rotations[f"{side}_{segment}"]
            reached = posed.origins_m[f"{side}_{segment}"] - length * turned[..., 2]
            np.testing.assert_allclose(reached, posed.joints_m[:, JOINT[f"{side}_{end}"]], atol=1e-9)
    for name, turned in posed.rotations.items():
        np.testing.assert_allclose(
            turned @ turned.swapaxes(-1, -2), np.broadcast_to(np.eye(3), turned.shape), atol=1e-9, err_msg=name
        )
        assert np.linalg.det(turned).min() > 0.99, name


def test_knees_and_elbows_bend_the_human_way(performance: tuple[str, skeleton.Body, skeleton.Posed]) -> None:
    _, _, posed = performance
    for side in skeleton.SIDES:
        for upper, lower, sign in (("thigh", "shin", 1.0), ("upper_arm", "forearm", -1.0)):
            first, second = posed.rotations[f"{side}_{upper}"], posed.rotations[f"{side}_{lower}"]
            hinge = np.einsum("ti,ti->t", np.cross(first[..., 2], second[..., 2]), first[..., 0])
            assert (sign * hinge).min() > -1e-6, (side, upper)


def test_left_is_on_the_left() -> None:
    """Facing -Y, the body's left is +X and the nose is before the ears."""
    rest = skeleton.rest_pose(skeleton.Body())
    assert rest.joints_m[0, JOINT["left_shoulder"], 0] > 0.1
    assert rest.joints_m[0, JOINT["nose"], 1] < rest.extras_m[0, EXTRA["left_ear"], 1] - 0.05
    assert rest.extras_m[0, EXTRA["left_toe"], 1] < rest.joints_m[0, JOINT["left_ankle"], 1] - 0.1


@pytest.mark.parametrize("seed", range(6))
def test_every_body_is_as_tall_as_it_says(seed: int) -> None:
    body = skeleton.Body.varied(seed)
    assert skeleton.rest_pose(body).joints_m[0, JOINT["head_top"], 2] == pytest.approx(1.75, abs=0.001)
    assert 0.9 < body.thigh_m / skeleton.Body().thigh_m < 1.1


@pytest.mark.parametrize("name", ["demo", "walk_turn", "punch"])
def test_the_same_motion_at_every_frame_rate_and_length(name: str) -> None:
    body, whole = skeleton.Body(), np.arange(0, 3.0, 0.2)
    slow, _ = motions.perform(name, body, whole)
    fast, _ = motions.perform(name, body, np.arange(0, 5.0, 0.04))
    np.testing.assert_allclose(slow.joints_m, fast.joints_m[: 5 * len(whole) : 5], atol=1e-9)


def test_turning_the_performance_turns_all_of_it() -> None:
    posed, _ = motions.perform("walk", skeleton.Body(), np.arange(0, 1, 0.1))
    turned = motions.turned_about_origin(posed, np.pi / 2, (1.0, 2.0))
    x, y, z = np.moveaxis(posed.joints_m, -1, 0)
    np.testing.assert_allclose(turned.joints_m, np.stack([1.0 - y, 2.0 + x, z], axis=-1), atol=1e-9)
    np.testing.assert_allclose(turned.origins_m["left_shin"], turned.joints_m[:, JOINT["left_knee"]], atol=1e-9)


def test_an_unknown_motion_is_named() -> None:
    with pytest.raises(ValueError, match="no motion 'moonwalk'.*walk_turn"):
        motions.perform("moonwalk", skeleton.Body(), np.zeros(1))


def test_the_skin_hangs_on_the_skeleton() -> None:
    body = skeleton.Body()
    skin = mannequin.sculpt(body)
    np.testing.assert_allclose(skin.weights.sum(axis=1), 1)
    assert np.isfinite(skin.vertices_m).all()
    assert max(max(face) for face in skin.faces) < len(skin.vertices_m) and len(skin.faces) == len(skin.face_materials)
    assert skin.vertices_m[:, 2].max() == pytest.approx(body.height_m, abs=0.02)
    assert skin.vertices_m[:, 2].min() == pytest.approx(0, abs=0.005)
    rest = skeleton.rest_pose(body)
    for name, index in JOINT.items():
        apart = np.linalg.norm(skin.vertices_m - rest.joints_m[0, index], axis=-1).min()
        assert apart < 0.16, name
