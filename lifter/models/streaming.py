"""The causal networks one frame at a time: a frame in, its pose out, the same numbers as the batch form, state of fixed size.

`TCNStream` and `ATCNStream` take frames that are already encoded, all by one virtual camera, and do no work twice that frames can
share. `WindowStream` takes rays as the detector gives them; there every window has a virtual camera of its own (normalise.py), so
that nothing but the rays can be kept from one frame to the next. Before the first frame stands the first frame, repeated.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..joints import MIRROR
from ..normalise import MIRROR_SIGNS, derive_middle_joints, encode_windows, with_evidence
from .atcn import ATCN
from .tcn import TCN


class TCNStream:
    """The causal TCN: each layer keeps as many of its inputs as its kernel reaches back, and a pose costs one step of each."""

    def __init__(self, network: TCN) -> None:
        self.network = _causal(network)
        self.reaches = [2 * 3**i for i in range(len(network.blocks) + 1)]
        self.kept: list[Tensor] = []  # one ring of [reach + 1, C] for each layer
        self.count = 0

    @torch.inference_mode()
    def push(self, frame: Tensor) -> Tensor:
        """An encoded frame [17, 2] -> its pose [17, 3], metres relative to the pelvis."""
        network = self.network
        x = frame if network.enhance is None else network.enhance(frame)
        h = network.first(self._taps(0, x.flatten()))
        for i, block in enumerate(network.blocks, 1):
            h = block(self._taps(i, h), h)
        self.count += 1
        pose = network.last(h)
        return pose if network.project is None else network.project(pose, x)

    def _taps(self, layer: int, row: Tensor) -> Tensor:
        """Keep this layer's newest input; the three under its kernel, side by side: [C] -> [3 C]."""
        reach = self.reaches[layer]
        if self.count == 0:
            self.kept.append(row.expand(reach + 1, -1).clone())
        ring = self.kept[layer]
        ring[self.count % (reach + 1)] = row
        return ring[[(self.count - back) % (reach + 1) for back in (reach, reach // 2, 0)]].flatten()


class ATCNStream:
    """The causal ATCN: the frames of one window and the stems' outputs are kept. The rest depends on the target frame."""

    def __init__(self, network: ATCN) -> None:
        self.network = _causal(network)
        self.frames = torch.empty(0)  # [1, N, 17, 2], the newest last
        self.stems: list[Tensor] = []  # one ring of [N, C] for each level
        self.count = 0

    @torch.inference_mode()
    def push(self, frame: Tensor) -> Tensor:
        """An encoded frame [17, 2] -> its pose [17, 3], metres relative to the pelvis."""
        network, n = self.network, self.network.config.frames
        x = (frame if network.enhance is None else network.enhance(frame))[None, None]
        self.frames = x.repeat(1, n, 1, 1) if self.count == 0 else torch.cat([self.frames[:, 1:], x], 1)
        stems = []
        for v in network.levels:
            step = 3**v
            newest = network.stem_of(self.frames[:, [-1 - 2 * step, -1 - step, -1]].flatten(2), v)[0, 0]
            if self.count == 0:
                self.stems.append(newest.expand(n, -1).clone())
            self.stems[v][self.count % n] = newest
            places = torch.arange(self.count - n + 3 * step, self.count + 1, 3 * step, device=newest.device) % n
            stems.append(self.stems[v][places][None])
        self.count += 1
        return network.trunk(self.frames, stems)[0]


class WindowStream:
    """Any causal network on rays (x/z, y/z): the last N are kept, and every window is encoded anew, as for a whole clip."""

    def __init__(self, network: nn.Module) -> None:
        self.network = _causal(network)
        self.seen = torch.empty(0)  # [1, N, 17, 6] as in `infer.run_network`, the newest last

    @torch.inference_mode()
    def push(self, rays: Tensor, confidence: Tensor | None = None, world_m: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Rays [17, 2], and confidence [17] and the detector's own 3D [17, 3] for networks that look at them -> the pose [17, 3]
        in the axes of the window's virtual camera, averaged with the mirrored input's, and view_from_camera [3, 3]."""
        config = self.network.config
        certain = torch.ones_like(rays[:, 0]) if confidence is None else confidence
        world = rays.new_zeros(len(rays), 3) if world_m is None else world_m
        new = torch.cat([derive_middle_joints(rays), certain[:, None], world], -1)[None, None]
        self.seen = new.repeat(1, config.frames, 1, 1) if not self.seen.numel() else torch.cat([self.seen[:, 1:], new], 1)
        return pose_of_window(self.network, self.seen)


@torch.inference_mode()
def pose_of_window(network: nn.Module, seen: Tensor) -> tuple[Tensor, Tensor]:
    """One window [1, N, 17, 6] as in `infer.run_network`, of any network -> its pose [17, 3], averaged with the mirrored input's,
    in the axes of the window's virtual camera, and view_from_camera [3, 3]."""
    config = network.config
    window, view_from_camera = encode_windows(seen[..., :2], config.target)
    window = with_evidence(window, view_from_camera, seen[..., 2], seen[..., 3:], config.inputs)
    mirror, sign = list(MIRROR), window.new_tensor(MIRROR_SIGNS)
    straight, mirrored = network(torch.cat([window, window[:, :, mirror] * sign[: config.inputs]]))
    pose = (straight + mirrored[mirror] * sign[[0, 1, 1]]) / 2
    return pose - pose[:1], view_from_camera[0]


def _causal(network: nn.Module) -> nn.Module:
    """The network in eval mode. Raises ValueError for one that looks ahead."""
    if network.config.target != network.config.frames - 1:
        raise ValueError("only a causal network can be streamed: this one looks at frames that are still to come")
    return network.eval()
