"""Training windows out of motion capture, made by vectorised torch on the training device.

Every window gets a pose made of several clips', a body of its own (limb lengths), a place in time (frame step), a virtual camera
and the errors of a detector: those it made on rendered pairs of a similar pose, or made-up ones.
Axes: the mocap's world has y up; a camera has x right, y down, z forward.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ..joints import INDEX, JOINT_NAMES, LIMB_JOINT_NAMES, MIRROR
from ..normalise import WINDOW_STEP_S, derive_middle_joints, encode_windows, look_at, with_evidence
from ..values import PART, SHARE, between, check_values
from .mocap import MotionClip
from .pairs import PairFrames, Pairs

# Lengths in metres for a body of 1.75 m, between joint centres, and how far people differ (standard deviation, relative).
_LENGTHS = {
    "hip": 0.095,  # half the distance between the hips
    "thigh": 0.43,
    "shin": 0.42,
    "lower_trunk": 0.24,
    "upper_trunk": 0.25,
    "shoulder": 0.18,  # half the distance between the shoulders
    "upper_arm": 0.285,
    "forearm": 0.255,
    "neck": 0.235,
    "head": 0.175,
}
_LENGTH_SPREAD = {"hip": 0.15, "shoulder": 0.12, "neck": 0.12, "head": 0.12, "forearm": 0.10, "upper_arm": 0.09}
_DEFAULT_SPREAD = 0.07
# (joint, where its bone starts, its length); parents before children.
_CHAIN = (
    ("spine", "pelvis", "lower_trunk"),
    ("thorax", "spine", "upper_trunk"),
    ("nose", "thorax", "neck"),
    ("head_top", "nose", "head"),
    *((f"{s}_knee", f"{s}_hip", "thigh") for s in ("left", "right")),
    *((f"{s}_ankle", f"{s}_knee", "shin") for s in ("left", "right")),
    *((f"{s}_elbow", f"{s}_shoulder", "upper_arm") for s in ("left", "right")),
    *((f"{s}_wrist", f"{s}_elbow", "forearm") for s in ("left", "right")),
)
_BODY_HEIGHT_M = 1.75
_LARGEST_BEND = math.radians(150)
_SHAKE_CORRELATION = 0.9  # of a hand that holds the camera, from frame to frame
_MOST_FOLLOWED = 1.1
# Windows without the detector's own 3D, so that a network which sees it also works without.
_WORLD_DROPPED_SHARE = 0.1
# Joints that stand side by side in the order of joints.py, as slices: twice as fast as lists.
_UPPER = slice(INDEX["spine"], INDEX["right_wrist"] + 1)
_LEFT_ARM = slice(INDEX["left_shoulder"], INDEX["left_wrist"] + 1)
_RIGHT_ARM = slice(INDEX["right_shoulder"], INDEX["right_wrist"] + 1)
_LEFT_LEG = slice(INDEX["left_hip"], INDEX["left_ankle"] + 1)
_RIGHT_LEG = slice(INDEX["right_hip"], INDEX["right_ankle"] + 1)
# Of the ranges below. Limbs that differ by more than three times the usual may come out as none.
_SHARES = "tumble moving mirror arms arm upper swing bend burst exchange clean"
_ALLOWED = {
    **dict.fromkeys(("share", *(f"{name}_share" for name in _SHARES.split()), "bias_std", "jitter_std", "burst_std"), SHARE),
    **dict.fromkeys(("elevation_std_deg", "roll_std_deg", "shake_deg", "swing_deg", "lean_deg"), between(0, 180)),
    "elevation_mean_deg": between(-90, 90),
    "distance_m": between(0.3, 1000),
    "speed_std_m_s": between(0, 100),
    "spread": between(0, 3),
    "bend_factor": between(0, 10),
    "jitter_correlation": PART,
}


@dataclass(frozen=True)
class CameraRange:
    """Where virtual cameras stand: distance (log-uniform), elevation and roll (normal); how often a body is turned any way.

    In moving_share of the windows the camera turns after the body, by 0 to 1.1 of its way, shakes by up to shake_deg (standard
    deviation) and goes at speed_std_m_s (normal, along each axis).
    """

    distance_m: tuple[float, float] = (2.0, 9.0)
    elevation_mean_deg: float = 6.0
    elevation_std_deg: float = 17.0
    roll_std_deg: float = 5.0
    tumble_share: float = 0.04
    moving_share: float = 0.0
    shake_deg: float = 0.5
    speed_std_m_s: float = 0.3

    def __post_init__(self) -> None:
        check_values(self, _ALLOWED)


@dataclass(frozen=True)
class BodyRange:
    """Whose bodies the poses are put on: how far limb lengths differ, times the usual, and how many are mirrored."""

    spread: float = 1.0
    mirror_share: float = 0.5

    def __post_init__(self) -> None:
        check_values(self, _ALLOWED)


@dataclass(frozen=True)
class Augmentation:
    """How often and how far poses are changed. 48 minutes of few people are little.

    share: of the windows that are changed at all. Of those: in arms_share both arms are another clip's, in the chest's axes, in
    arm_share one of them is, in upper_share all above the pelvis, in the pelvis's axes. In swing_share each limb is turned about
    its root by a random rotation of swing_deg (standard deviation) that stays for the window, its lower half by half as much, and
    all above the pelvis by lean_deg. In bend_share the bends of both legs, or both arms, are multiplied by one factor of
    bend_factor: who is captured hardly ever stands or lets the arms hang quite straight, and those who are filmed do.
    """

    share: float = 0.7
    arms_share: float = 0.35
    arm_share: float = 0.35
    upper_share: float = 0.3
    swing_share: float = 0.55
    swing_deg: float = 20.0
    lean_deg: float = 10.0
    bend_share: float = 0.5
    bend_factor: tuple[float, float] = (0.0, 1.3)

    def __post_init__(self) -> None:
        check_values(self, _ALLOWED)


@dataclass(frozen=True)
class NoiseModel:
    """The detector's errors where they are made up, in shares of the body's height as the camera sees it.

    bias_std: an offset of each joint that stays for the window; jitter_std: the largest standard deviation of the noise that is
    correlated from frame to frame by `jitter_correlation`; burst_*: a limb's end that is somewhere else for some frames;
    exchange_share: windows in which left and right are exchanged for some frames; clean_share: windows without any of it.
    """

    bias_std: float = 0.016
    jitter_std: float = 0.012
    jitter_correlation: float = 0.7
    burst_share: float = 0.10
    burst_std: float = 0.07
    exchange_share: float = 0.05
    clean_share: float = 0.10

    def __post_init__(self) -> None:
        check_values(self, _ALLOWED)


class DetectorErrors:
    """What a detector did wrong on rendered pairs, to be done to motion capture: errors go with the pose that they were made on.

    A window of motion capture takes over the errors (2D, confidence, the detector's own 3D) of that window among some thousand
    from the pairs whose pose, in the camera's axes, is the nearest at the target frame, times a random factor of 1 +- spread;
    and each joint gets an offset that stays for the window, of offset_std_m: few characters' joints would be learnt by heart.
    """

    def __init__(
        self,
        sources: list[Pairs],
        *,
        device: torch.device | str = "cpu",
        candidates: int = 2048,
        spread: float = 0.3,
        offset_std_m: float = 0.015,
    ) -> None:
        self.source, self.candidates = PairFrames(sources, device=device), candidates
        self.spread, self.offset_std_m = spread, offset_std_m
        self._limbs = torch.tensor([INDEX[name] for name in LIMB_JOINT_NAMES], device=device)
        self._mirror = torch.tensor(MIRROR, device=device)
        self._sign = torch.tensor([-1.0, 1.0, 1.0], device=device)
        places = self.source.places
        one = torch.ones(len(places), device=device)
        self.poses = self.source.truth_around(places, one, frames=1, target=0)[:, 0, self._limbs].flatten(1)  # [K, 36]

    def sample(self, camera: Tensor, target: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """For exact joints [B, N, 17, 3] in camera axes: rays [B, N, 17, 2], confidence [B, N, 17], world_m [B, N, 17, 3]."""
        b, n = camera.shape[:2]

        def uniform() -> Tensor:
            return torch.rand(b, generator=generator, device=camera.device)

        some = torch.randint(len(self.poses), (min(self.candidates, len(self.poses)),), generator=generator, device=camera.device)
        mirrored = uniform() < 0.5
        relative = camera - camera[:, :, :1]
        pose = torch.where(mirrored[:, None, None], relative[:, target, self._mirror] * self._sign, relative[:, target])
        nearest = torch.cdist(pose[:, self._limbs].flatten(1), self.poses[some]).argmin(1)
        step_s = WINDOW_STEP_S * (0.7 + 0.8 * uniform())
        places = self.source.places[some[nearest]]
        wrong = self.source.errors_around(places, step_s, frames=n, target=target, mirrored=mirrored)
        factor = 1 + self.spread * (2 * uniform() - 1)[:, None, None, None]
        offset = self.offset_std_m * torch.randn(b, 1, camera.shape[2], 2, generator=generator, device=camera.device)
        error_2d, error_world = factor * wrong.in_2d_m + offset, factor * wrong.in_world_m
        rays = camera[..., :2] / camera[..., 2:].clamp_min(0.2) + error_2d / camera[:, :, :1, 2:].clamp_min(0.2)
        world = torch.where(wrong.found[..., None], derive_middle_joints(relative + error_world), 0.0)
        return rays, wrong.confidence, world


class MotionBatches:
    """An endless source of (windows, targets).

    windows [B, N, 17, 2] are encoded as in normalise.py; targets [B, 17, 3] are metres relative to the pelvis in the axes of the
    encoding's virtual camera.
    """

    def __init__(
        self,
        clips: list[MotionClip],
        *,
        frames: int,
        target: int,
        seed: int,
        device: torch.device | str = "cpu",
        cameras: CameraRange | None = None,
        bodies: BodyRange | None = None,
        noise: NoiseModel | None = None,
        errors: DetectorErrors | None = None,
        errors_share: float = 0.7,
        augmentation: Augmentation | None = None,
        inputs: int = 2,
        frame_s: tuple[float, float] = (1 / 60, 1 / 8),
    ) -> None:
        self.frames, self.target, self.device = frames, target, torch.device(device)
        self.cameras, self.bodies, self.noise, self.frame_s = cameras or CameraRange(), bodies or BodyRange(), noise, frame_s
        self.errors, self.errors_share, self.augmentation, self.inputs = errors, errors_share, augmentation, inputs
        self.generator = torch.Generator(device=self.device).manual_seed(seed)
        self.positions = torch.cat([torch.from_numpy(c.positions_m) for c in clips]).to(self.device)  # [F, 17, 3]
        lengths = torch.tensor([len(c.positions_m) for c in clips])
        ends = lengths.cumsum(0)
        self.first = (ends - lengths).to(self.device)
        self.last = (ends - 1).to(self.device)
        self.fps = torch.tensor([c.fps for c in clips]).to(self.device)
        # A long clip is not worth its whole length: it repeats itself.
        self.clip_weight = lengths.float().pow(0.75).to(self.device)

        # Made once: a constant that is sent to a GPU in every batch makes it wait each time.
        self._mirror = torch.tensor(MIRROR, device=self.device)
        self._flip = torch.tensor([-1.0, 1.0, 1.0], device=self.device)
        self._to_camera = torch.diag(torch.tensor([1.0, -1.0, -1.0])).to(self.device)
        limb_end = [name.split("_")[-1] in ("wrist", "elbow", "ankle", "knee") for name in JOINT_NAMES]
        self._limb_end = torch.tensor(limb_end, device=self.device)
        self._jitter_mix = _autoregression(frames, noise.jitter_correlation if noise else 0.0).to(self.device)
        self._shake_mix = _autoregression(frames, _SHAKE_CORRELATION).to(self.device)

    def _uniform(self, *shape: int) -> Tensor:
        return torch.rand(*shape, generator=self.generator, device=self.device)

    def _normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, device=self.device)

    def sample(self, batch: int) -> tuple[Tensor, Tensor]:
        windows, view_from_camera, camera = self._observed(batch)
        pose = camera[:, self.target] - camera[:, self.target, :1]
        return windows, torch.einsum("bij,bkj->bki", view_from_camera, pose)

    def _observed(self, batch: int) -> tuple[Tensor, Tensor, Tensor]:
        """Encoded windows [B, N, 17, inputs], view_from_camera [B, 3, 3], and the exact joints in camera axes [B, N, 17, 3]."""
        world = self._windows(batch)
        if self.augmentation is not None:
            world = self._mixed(world, self.augmentation)
        camera = self._seen(self._bodies(world))
        rays = camera[..., :2] / camera[..., 2:].clamp_min(0.2)
        confidence, own = torch.ones_like(rays[..., 0]), torch.zeros_like(camera)
        real = round(batch * self.errors_share) if self.errors is not None else 0
        made_up = batch - real
        if self.noise is not None and made_up:
            height = _BODY_HEIGHT_M / camera[:made_up, self.target, 0, 2]
            rays[:made_up] = self._detected(rays[:made_up], height)
        if self.errors is not None and real:
            keep = (self._uniform(real) >= _WORLD_DROPPED_SHARE)[:, None, None, None]
            rays[made_up:], confidence[made_up:], world = self.errors.sample(camera[made_up:], self.target, self.generator)
            own[made_up:] = world * keep
        windows, view_from_camera = encode_windows(derive_middle_joints(rays), self.target)
        return with_evidence(windows, view_from_camera, confidence, own, self.inputs), view_from_camera, camera

    def _windows(self, batch: int) -> Tensor:
        """[B, N, 17, 3] world positions; windows that reach past a clip's end repeat its edge, as inference does."""
        clip = torch.multinomial(self.clip_weight, batch, replacement=True, generator=self.generator)
        first, last = self.first[clip], self.last[clip]
        centre = first + (self._uniform(batch) * (last - first + 1)).long()
        low, high = torch.tensor(self.frame_s).log()
        step = torch.exp(low + (high - low) * self._uniform(batch) ** 1.3) * self.fps[clip]  # source frames a window frame
        offsets = torch.arange(self.frames, device=self.device) - self.target
        index = (centre[:, None] + (offsets * step[:, None]).round().long()).clamp(first[:, None], last[:, None])
        return self.positions[index]

    def _mixed(self, world: Tensor, how: Augmentation) -> Tensor:
        """Poses that nobody struck: [B, N, 17, 3] world positions with limbs of other windows, and turned limbs."""
        b = round(world.shape[0] * how.share)  # windows of a batch are random, so that the first are as good as any
        out, other = world[:b].clone(), world[:b].roll(1, 0)

        def often(share: float) -> Tensor:
            return (self._uniform(b) < share)[:, None, None, None]

        pelvis = out[:, :, :1]
        turn = _frames(out, "hip") @ _frames(other, "hip").mT  # other's pelvis -> this one's
        moved = (other[:, :, _UPPER] - other[:, :, :1]) @ turn.mT
        upper = torch.where(often(how.upper_share), moved, out[:, :, _UPPER] - pelvis)
        lean = torch.where(often(how.swing_share), self._swings(b, how.lean_deg)[:, None], torch.eye(3, device=self.device))
        out[:, :, _UPPER] = upper @ lean.mT + pelvis
        turn = _frames(out, "shoulder") @ _frames(other, "shoulder").mT
        both = often(how.arms_share)
        for arm in (_LEFT_ARM, _RIGHT_ARM):
            moved = (other[:, :, arm] - other[:, :, arm][:, :, :1]) @ turn.mT + out[:, :, arm][:, :, :1]
            out[:, :, arm] = torch.where(both | often(how.arm_share / 2), moved, out[:, :, arm])
        still = torch.eye(3, device=self.device)
        swung = often(how.swing_share)[:, 0]
        low, high = how.bend_factor
        for pair, amount in (((_LEFT_ARM, _RIGHT_ARM), how.swing_deg), ((_LEFT_LEG, _RIGHT_LEG), 0.6 * how.swing_deg)):
            factor = low + (high - low) * self._uniform(b)[:, None, None]
            factor = torch.where(often(how.bend_share)[:, 0], factor, 1.0)
            for limb in pair:
                turned, more = (torch.where(swung, self._swings(b, degrees), still) for degrees in (amount, amount / 2))
                root, middle, end = out[:, :, limb].unbind(2)
                upper, lower = (middle - root) @ turned.mT, (end - middle) @ (more @ turned).mT
                lower = rebent(upper, lower, factor)
                out[:, :, limb] = torch.stack([root, root + upper, root + upper + lower], 2)
        return torch.cat([out, world[b:]])

    def _swings(self, batch: int, std_deg: float) -> Tensor:
        """[B, 3, 3]: rotations about any axis by a normal angle."""
        half = torch.deg2rad(0.5 * std_deg * self._normal(batch, 1))
        axis = torch.nn.functional.normalize(self._normal(batch, 3), dim=-1)
        return _rotation_of(torch.cat([half.cos(), axis * half.sin()], -1))

    def _bodies(self, source: Tensor) -> Tensor:
        """The same directions on a body with its own limb lengths, some of them mirrored."""
        b = source.shape[0]
        differ = self.bodies.spread
        size = 1 + differ * 0.05 * self._normal(b, 1, 1)
        length = {}
        for name, metres in _LENGTHS.items():
            spread = _LENGTH_SPREAD.get(name, _DEFAULT_SPREAD)
            length[name] = metres * (1 + differ * spread * self._normal(b, 1, 1)).clamp(0.7, 1.3) * size

        def direction(a: str, b: str) -> Tensor:
            return torch.nn.functional.normalize(source[:, :, INDEX[b]] - source[:, :, INDEX[a]], dim=-1, eps=1e-6)

        joints: dict[str, Tensor] = {"pelvis": source[:, :, INDEX["pelvis"]]}
        shoulders = (source[:, :, INDEX["left_shoulder"]] + source[:, :, INDEX["right_shoulder"]]) / 2
        for name, parent, bone in _CHAIN:
            if name == "thorax":  # the middle of the shoulders here, as everywhere in this package
                way = torch.nn.functional.normalize(shoulders - source[:, :, INDEX["spine"]], dim=-1, eps=1e-6)
            else:
                way = direction(parent, name)
            if parent not in joints:
                for pair, base in (("hip", "pelvis"), ("shoulder", "thorax")):
                    if parent.endswith(pair):
                        half = direction(f"right_{pair}", f"left_{pair}") * length[pair]
                        joints[f"left_{pair}"], joints[f"right_{pair}"] = joints[base] + half, joints[base] - half
            joints[name] = joints[parent] + way * length[bone]
        body, mirrored = (torch.stack([joints[JOINT_NAMES[j]] for j in order], dim=2) for order in (range(len(MIRROR)), MIRROR))
        return torch.where((self._uniform(b) < self.bodies.mirror_share)[:, None, None, None], mirrored * self._flip, body)

    def _seen(self, world: Tensor) -> Tensor:
        """World -> a random camera that stands anywhere around the target frame's pelvis and looks at it."""
        b, c = world.shape[0], self.cameras
        yaw = self._uniform(b) * 2 * torch.pi
        elevation = torch.deg2rad(c.elevation_mean_deg + c.elevation_std_deg * self._normal(b)).clamp(-0.6, 1.2)
        roll = torch.deg2rad(c.roll_std_deg * self._normal(b))
        turn = _axis_rotation(roll, 2) @ _axis_rotation(elevation, 0) @ _axis_rotation(yaw, 1)
        tumble = _rotation_of(self._normal(b, 4))
        turn = torch.where((self._uniform(b) < c.tumble_share)[:, None, None], tumble, turn)
        rotation = self._to_camera @ turn
        near, far = torch.tensor(c.distance_m).log()
        distance = torch.exp(near + (far - near) * self._uniform(b))
        centred = world - world[:, self.target, 0][:, None, None]
        seen = torch.einsum("bij,bnkj->bnki", rotation, centred)
        seen = seen + torch.stack([torch.zeros_like(distance), torch.zeros_like(distance), distance], -1)[:, None, None]
        return self._by_moving_camera(seen) if c.moving_share else seen

    def _by_moving_camera(self, seen: Tensor) -> Tensor:
        """[B, N, 17, 3] in the axes of a camera that stands -> of each frame's own, which are the same at the target frame."""
        c, (b, n) = self.cameras, seen.shape[:2]
        moving = self._uniform(b) < c.moving_share
        frames = torch.arange(n, device=self.device) - self.target
        way = c.speed_std_m_s * self._normal(b, 1, 3) * (WINDOW_STEP_S * frames)[:, None]
        shake = torch.einsum("ts,bsc->btc", self._shake_mix, self._normal(b, n, 2))
        shake = math.radians(c.shake_deg) * self._uniform(b, 1, 1) * (shake - shake[:, self.target, None])
        placed = seen - way[:, :, None]
        pelvis = placed[:, :, 0]
        towards = _MOST_FOLLOWED * self._uniform(b, 1, 1) * pelvis[..., :2] / pelvis[..., 2:].clamp_min(0.2) + shake
        turned = torch.einsum("bnij,bnkj->bnki", look_at(towards.flatten(0, 1)).view(b, n, 3, 3), placed)
        return torch.where(moving[:, None, None, None], turned, seen)

    def _detected(self, rays: Tensor, height: Tensor) -> Tensor:
        """Add the detector's errors to exact rays; height [B]: the body's height in the same unit."""
        model = self.noise
        assert model is not None
        b, n, j, _ = rays.shape
        amount = self._uniform(b, 1, 1, 1) * 2  # some clips are worse than others
        amount = torch.where(self._uniform(b, 1, 1, 1) < model.clean_share, 0.0, amount)
        bias = model.bias_std * self._normal(b, 1, j, 2)
        white = self._normal(b, n, j, 2)
        jitter = torch.einsum("ts,bsjc->btjc", self._jitter_mix, white)
        error = amount * (bias + model.jitter_std * 0.6 * jitter)
        start, reach = self._uniform(b, 1, j) * n, 1 + self._uniform(b, 1, j) * n * 0.5
        time = torch.arange(n, device=self.device)[None, :, None]
        burst = (time >= start) & (time < start + reach) & (self._uniform(b, 1, j) < model.burst_share) & self._limb_end
        error = error + torch.where(burst[..., None], amount.clamp_max(1) * model.burst_std * self._normal(b, 1, j, 2), 0.0)
        noisy = rays + error * height[:, None, None, None]
        start, reach = self._uniform(b, 1) * n, 1 + self._uniform(b, 1) * n * 0.6
        time = torch.arange(n, device=self.device)[None]
        exchanged = (
            (time >= start) & (time < start + reach) & (self._uniform(b, 1) < model.exchange_share) & (amount[:, :, 0, 0] > 0)
        )
        return torch.where(exchanged[:, :, None, None], noisy[:, :, self._mirror], noisy)


def rebent(upper: Tensor, lower: Tensor, factor: Tensor) -> Tensor:
    """The lower bones [..., 3] with their angle to the upper ones times `factor` [..., 1], in the plane of both.

    Where it grows, to 150 degrees at most.
    """
    lengths = lower.norm(dim=-1, keepdim=True)
    along, way = (torch.nn.functional.normalize(bone, dim=-1, eps=1e-6) for bone in (upper, lower))
    bend = torch.acos((along * way).sum(-1, keepdim=True).clamp(-0.9999, 0.9999))
    wanted = torch.where(factor > 1, (factor * bend).clamp_max(_LARGEST_BEND).maximum(bend), factor * bend)
    return lengths * (torch.sin(bend - wanted) * along + torch.sin(wanted) * way) / torch.sin(bend)


def _autoregression(frames: int, rho: float) -> Tensor:
    """[N, N]: white noise -> noise of variance 1 whose neighbours correlate by rho: x_t = rho x_(t-1) + sqrt(1-rho^2) w_t."""
    t = torch.arange(frames, dtype=torch.float64)
    mix = torch.tensor(rho, dtype=torch.float64) ** (t[:, None] - t).clamp_min(0) * (1 - rho * rho) ** 0.5
    mix[:, 0] = torch.tensor(rho, dtype=torch.float64) ** t
    return mix.tril().float()


def _rotation_of(quaternion: Tensor) -> Tensor:
    """[B, 4] of any length -> [B, 3, 3]; normal numbers give every rotation equally often."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    rows = (
        *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    return torch.stack(rows, -1).view(-1, 3, 3)


def _frames(body: Tensor, pair: str) -> Tensor:
    """Axes of hips or shoulders, [B, N, 17, 3] -> [B, N, 3, 3]: columns to the left, up along the trunk, forwards."""
    left = body[:, :, INDEX[f"left_{pair}"]] - body[:, :, INDEX[f"right_{pair}"]]
    up = (body[:, :, INDEX["left_shoulder"]] + body[:, :, INDEX["right_shoulder"]]) / 2 - body[:, :, INDEX["pelvis"]]
    x = torch.nn.functional.normalize(left, dim=-1, eps=1e-6)
    z = torch.nn.functional.normalize(torch.linalg.cross(x, up), dim=-1, eps=1e-6)
    return torch.stack([x, torch.linalg.cross(z, x), z], -1)


def _axis_rotation(angle: Tensor, axis: int) -> Tensor:
    """[B] radians -> [B, 3, 3] about x, y or z."""
    c, s, one, nil = angle.cos(), angle.sin(), torch.ones_like(angle), torch.zeros_like(angle)
    rows = {
        0: (one, nil, nil, nil, c, -s, nil, s, c),
        1: (c, nil, s, nil, one, nil, -s, nil, c),
        2: (c, -s, nil, s, c, nil, nil, nil, one),
    }[axis]
    return torch.stack(rows, -1).view(-1, 3, 3)
