"""Where everything stands: the camera, and what is around the person. All of it random, all of it from one generator."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from blender_pose3d.core.tracks import Pose3DTrack

Colour = tuple[float, float, float]
HEIGHT_M = 1.75
# The joint is the head of the bone that plays the role.
JOINT_ROLES: dict[str, str] = {
    f"{side}_{joint}": f"{side}_{role}"
    for sides, limb in (
        (("right", "left"), (("hip", "thigh"), ("knee", "shin"), ("ankle", "foot"))),
        (("left", "right"), (("shoulder", "upper_arm"), ("elbow", "forearm"), ("wrist", "hand"))),
    )
    for side in sides
    for joint, role in limb
}
SKINS: tuple[Colour, ...] = ((0.85, 0.60, 0.48), (0.66, 0.40, 0.28), (0.42, 0.22, 0.13), (0.16, 0.08, 0.05))
HAIRS: tuple[Colour, ...] = (
    (0.02, 0.012, 0.01),
    (0.10, 0.05, 0.025),
    (0.40, 0.26, 0.10),
    (0.45, 0.43, 0.40),
    (0.25, 0.06, 0.02),
)


@dataclass(frozen=True)
class View:
    """yaw_deg: from where, 0 is the person's front at the middle frame, 90 their left; elevation_deg: above 0 it looks down."""

    yaw_deg: float
    elevation_deg: float
    roll_deg: float
    distance_m: float
    fill: float  # the person's extent over the whole sequence, in lengths of the picture
    pans: bool  # the camera turns after the person
    aim_off: tuple[float, float]  # in lengths of the picture


@dataclass(frozen=True)
class Camera:
    """x right, y down, z forwards, T frames; a point's pixel is side / 2 + focal_px * (x, y) / z."""

    focal_px: float
    side_px: int
    position_m: np.ndarray  # [3], world
    pitch_deg: float  # above 0 it looks down
    roll_deg: float  # above 0 it is turned clockwise, seen from behind it
    yaw_rad: np.ndarray  # [T], to the left

    @property
    def world_from_camera(self) -> np.ndarray:
        """[T, 3, 3]."""
        p, r = np.radians(-self.pitch_deg), np.radians(self.roll_deg)
        about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
        about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
        level = np.array([[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]])  # camera (x, y, z) -> world (x, z, -y)
        c, s, zero, one = np.cos(self.yaw_rad), np.sin(self.yaw_rad), np.zeros_like(self.yaw_rad), np.ones_like(self.yaw_rad)
        turn = np.stack([np.stack([c, -s, zero], -1), np.stack([s, c, zero], -1), np.stack([zero, zero, one], -1)], -2)
        return turn @ (level @ about_x @ about_z)

    def from_world(self, points_m: np.ndarray) -> np.ndarray:
        """[T, J, 3] world -> [T, J, 3] camera."""
        return np.einsum("tij,tki->tkj", self.world_from_camera, points_m - self.position_m)

    def project(self, camera_points_m: np.ndarray) -> np.ndarray:
        """[..., 3] camera -> [..., 2] pixels, (0, 0) the picture's top left corner."""
        return self.side_px / 2 + self.focal_px * camera_points_m[..., :2] / camera_points_m[..., 2:]


def random_view(rng: np.random.Generator) -> View:
    kind = rng.random()
    elevation = rng.uniform(-6, 14) if kind < 0.5 else rng.uniform(14, 35) if kind < 0.78 else rng.uniform(35, 60)
    if kind > 0.9:
        elevation = rng.uniform(-15, -4)
    fill = rng.uniform(0.65, 0.95) if rng.random() < 0.85 else rng.uniform(1.0, 1.35)
    # Of a person who is cut, mostly the legs: without a head nothing is found.
    up = -(fill - 0.9) / 2 if fill > 1 and rng.random() < 0.8 else 0.0
    return View(
        yaw_deg=rng.uniform(-180, 180),
        elevation_deg=elevation,
        roll_deg=rng.normal(0, 4) if rng.random() < 0.75 else rng.uniform(-25, 25),
        distance_m=float(np.exp(rng.uniform(np.log(1.9), np.log(8.0)))),
        fill=fill,
        pans=bool(rng.random() < 0.15),
        aim_off=(rng.normal(0, 0.03), up + rng.normal(0, 0.03)),
    )


def aimed(view: View, points_m: np.ndarray, facing_rad: float, side_px: int) -> Camera:
    """A camera on the person. points_m: [T, J, 3] world; facing_rad: where the person faces, as an angle in the ground plane."""
    middles = (points_m.min(1) + points_m.max(1)) / 2  # [T, 3]
    target = (middles.min(0) + middles.max(0)) / 2
    around, up = facing_rad + np.radians(view.yaw_deg), np.radians(view.elevation_deg)
    away = np.array([np.cos(around) * np.cos(up), np.sin(around) * np.cos(up), np.sin(up)])
    # A wide path needs a camera farther away, or it would stand in it.
    position = target + away * (view.distance_m + 0.5 * np.linalg.norm(np.ptp(middles[:, :2], axis=0)))
    ahead = target - position
    # A level camera with yaw 0 looks along +y.
    static = np.full(len(points_m), np.arctan2(-ahead[0], ahead[1]))
    after = middles - position
    path = np.unwrap(np.arctan2(-after[:, 0], after[:, 1]))
    follows = _smooth(path)
    pitch = float(np.degrees(np.arctan2(-ahead[2], np.hypot(ahead[0], ahead[1]))))

    def made(yaw: np.ndarray, focal_px: float, off: tuple[float, float]) -> Camera:
        field = np.degrees(side_px / focal_px)
        return Camera(focal_px, side_px, position, pitch + off[1] * field, view.roll_deg, yaw + np.radians(off[0] * field))

    def extent(yaw: np.ndarray) -> float:
        camera = made(yaw, 1e6, (0, 0)).from_world(points_m)
        return 2 * float(np.abs(camera[..., :2] / np.maximum(camera[..., 2:], 0.3)).max())

    yaw = follows if view.pans or extent(static) > 1.7 * extent(follows) else static
    # The points are joints; a head and hands are around them.
    focal_px = side_px * view.fill / (extent(yaw) * 1.08)
    return made(yaw, max(focal_px, 0.45 * side_px), view.aim_off)


def _smooth(values: np.ndarray) -> np.ndarray:
    kernel = np.hanning(9)[1:-1]
    padded = np.pad(values, len(kernel) // 2, mode="edge")
    return np.convolve(padded, kernel / kernel.sum(), mode="valid")


# Of a box of size 1 about the origin.
BOX_CORNERS = np.array([(x, y, z) for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
BOX_FACES = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]


@dataclass(frozen=True)
class Box:
    """middle [3] and size [3] in world metres, turned about the vertical."""

    name: str
    middle: np.ndarray
    size: np.ndarray
    turn_rad: float


def room(camera: Camera, points_m: np.ndarray, rng: np.random.Generator) -> list[Box]:
    """Floor, perhaps a wall or two, boxes beside and behind the person. points_m: [T, J, 3] world."""
    middle = (points_m.min((0, 1)) + points_m.max((0, 1))) / 2
    reach = float(np.linalg.norm(points_m[..., :2] - middle[:2], axis=-1).max()) + 0.25
    away = middle[:2] - camera.position_m[:2]
    away = away / max(float(np.linalg.norm(away)), 1e-6)
    side = np.array([-away[1], away[0]])
    heading = float(np.arctan2(away[1], away[0]))
    found = []
    if camera.position_m[2] > 0.05:
        found.append(Box("Floor", np.array([middle[0], middle[1], -0.101]), np.array([60, 60, 0.2]), rng.uniform(0, 3)))
    if rng.random() < 0.75:
        behind = middle[:2] + away * (reach + rng.uniform(0.2, 5.0))
        turn = heading + rng.normal(0, 0.25)
        found.append(Box("Wall", np.array([*behind, 3.0]), np.array([0.1, 40, 12]), turn))
        if rng.random() < 0.4:
            beside = middle[:2] + side * (reach + rng.uniform(0.8, 4)) * rng.choice([-1, 1])
            found.append(Box("Side", np.array([*beside, 3.0]), np.array([0.1, 40, 12]), turn + np.pi / 2))
    for i in range(int(rng.integers(0, 6))):
        size = np.exp(rng.uniform(np.log(0.15), np.log(1.6), 3))
        apart = reach + 0.5 * float(np.hypot(size[0], size[1])) + rng.uniform(0.05, 2.5)
        angle = heading + rng.uniform(-1.9, 1.9)  # not between the camera and the person
        place = middle[:2] + apart * np.array([np.cos(angle), np.sin(angle)])
        if np.linalg.norm(place - camera.position_m[:2]) >= 1.0:
            found.append(Box(f"Box{i}", np.array([*place, size[2] / 2]), size, rng.uniform(0, 3)))
    return [box for box in found if box.name not in ("Wall", "Side") or _on_one_side(box, camera, points_m)]


def _on_one_side(wall: Box, camera: Camera, points_m: np.ndarray) -> bool:
    """Whether a wall, which may be turned, leaves camera and person together."""
    across = np.array([np.cos(wall.turn_rad), np.sin(wall.turn_rad)])
    people = (points_m[..., :2] - wall.middle[:2]) @ across
    eye = (camera.position_m[:2] - wall.middle[:2]) @ across
    return bool((people * np.sign(eye) > 0.15).all())


def occluder(camera: Camera, points_m: np.ndarray, rng: np.random.Generator) -> Box:
    """A pole, a board or a box between the camera and some joint of the middle frame."""
    frame = len(points_m) // 2
    joint = points_m[frame, rng.integers(points_m.shape[1])]
    share = rng.uniform(0.45, 0.8)
    place = camera.position_m + share * (joint - camera.position_m)
    seen_m = share * np.linalg.norm(joint - camera.position_m) * camera.side_px / camera.focal_px  # the picture's side, there
    kind = rng.integers(3)
    if kind == 0:
        size = np.array([0.06, 0.06, 60]) * [seen_m, seen_m, 1] * rng.uniform(0.5, 1.3)
    elif kind == 1:
        size = np.array([0.01, 60, 0.10 * seen_m * rng.uniform(0.5, 1.2)])
    else:
        size = seen_m * rng.uniform(0.08, 0.22, 3)
    towards = joint[:2] - camera.position_m[:2]
    return Box("Occluder", place, size, float(np.arctan2(towards[1], towards[0])) + rng.normal(0, 0.2))


def facing_rad(joints_m: np.ndarray) -> float:
    """Where the person faces in the ground plane; joints_m [12, 3] world, in the order of JOINT_ROLES."""
    at = dict(zip(JOINT_ROLES, joints_m, strict=True))
    across = at["left_hip"] - at["right_hip"] + at["left_shoulder"] - at["right_shoulder"]
    return float(np.arctan2(-across[0], across[1]))  # a quarter turn to the right of the way to the left


def track_of(joints_m: np.ndarray, fps: float) -> Pose3DTrack:
    """Motion capture as the solve takes it. joints_m: [T, 17, 3], world axes with y up."""
    camera = joints_m.astype(float) * [1.0, -1.0, -1.0]  # of a level camera: x right, y down, z forward
    frame_count = len(camera)
    nobody = np.zeros((frame_count, 33, 3))
    return Pose3DTrack(
        fps=fps,
        timestamps_s=np.arange(frame_count) / fps,
        positions_m=camera - camera[:, :1],
        root_position_m=camera[:, 0],
        confidence=np.ones((frame_count, 17)),
        landmarks_px=nobody[..., :2],
        landmark_confidence=nobody[..., 0],
        world_landmarks_m=nobody,  # no face: the head follows nose and top
        detected=np.ones(frame_count, bool),
        image_size_px=(1, 1),
        focal_length_px=1.0,
    )


def write_truth(folder: Path, camera: Camera, joints_m: np.ndarray, heads_m: np.ndarray, blur: float) -> None:
    """truth.npz of a job. joints_m [T, 12, 3], heads_m [T, 2, 3]: world."""
    joints_camera = camera.from_world(joints_m)
    np.savez(
        folder / "truth.npz",
        joint_names=np.array(list(JOINT_ROLES)),
        joints_camera_m=joints_camera,
        joints_px=camera.project(joints_camera),
        head_joints_camera_m=camera.from_world(heads_m),
        focal_px=camera.focal_px,
        camera_pitch_deg=camera.pitch_deg,
        camera_roll_deg=camera.roll_deg,
        motion_blur=blur,
    )
