"""ATCN for inference: the same poses sooner. Batch norms are folded into the matrices before them, a branch's rows are gathered
in one copy, and between a layer's products nothing is copied at all.

On a processor the float32 products are made as convolutions in channels-last order, where torch has oneDNN for them. As matrix
products torch gives them to MKL, which on processors that are not Intel's does without their widest instructions.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .atcn import ATCN, Branch, FullStem, KernelAttention, Layer
from .parts import Rows

_WINDOWS = 128  # at a time: what lies between two products then stays in a processor's cache
# Windows, and rows, are shared out among so many pictures of a convolution; with fewer torch may take its own. Fewer rows, or
# windows that would have to be filled up with others, are not worth it.
_PICTURES, _LEAST_ROWS, _LEAST_WINDOWS = 16, 256, 32
_LINEAR_FROM = 20.0  # mish is the identity from here on, to float32's precision


class FoldedATCN:
    """An ATCN with grouped branches, for windows. dtype: of the products between stems and head.

    Raises ValueError for depthwise branches, whose products are others.
    """

    def __init__(self, network: ATCN, *, dtype: torch.dtype = torch.float32) -> None:
        if network.config.branch_form != "grouped":
            raise ValueError("depthwise branches have no folded form; run the network itself")
        self.network, self.config, self.dtype = network.eval(), network.config, dtype
        with torch.no_grad():
            self.layers = [FoldedLayer(layer, dtype) for layer in network.layers]
            self.stems = [_folded_linear(network.stem, network.stem_norm)]
            if self.config.dilation == "separate":
                stems = [s for s in network.level_stems if isinstance(s, FullStem)]
                self.stems += [_folded_linear(s.stem, s.norm) for s in stems]
        self.head = network.head.weight.to(dtype), network.head.bias.to(dtype)

    @torch.inference_mode()
    def __call__(self, windows: Tensor) -> Tensor:
        """As the network: [B, N, J, inputs] -> [B, J, 3]."""
        return torch.cat([self._windows(_filled_up(x))[: len(x)] for x in windows.split(_WINDOWS)])

    def _windows(self, x: Tensor) -> Tensor:
        x = x if self.network.enhance is None else self.network.enhance(x)
        stems = [self.stem(self.config.level(x, v).flatten(2), v) for v in self.network.levels]
        attention = [a.to(self.dtype) for a in self.network.temporal(x)]
        return self.trunk(stems, attention, x[:, self.config.target])

    def stem(self, rows: Tensor, v: int) -> Tensor:
        """The stem of level v: [B, n, J inputs] -> [B, n/3, C]."""
        if v < len(self.stems):
            return mish_(_linear(rows.reshape(rows.shape[0], rows.shape[1] // 3, -1), *self.stems[v])).to(self.dtype)
        return self.network.stem_of(rows, v).to(self.dtype)

    def trunk(
        self, stems: list[Tensor], attention: list[Tensor], seen: Tensor, first: Callable[[], Tensor] | None = None
    ) -> Tensor:
        """All after the stems: one [B, N / 3^(v+1), C] for each level. attention: [B, n_i] for each layer; seen
        [B, J, inputs]: the target frame; first: makes the first layer's products, if not from the stem. -> [B, J, 3].
        """
        network, config = self.network, self.config
        joining: list[list[Tensor]] = [[] for _ in config.lengths]  # what is added before each layer
        for v, stem in enumerate(stems[1:], 1):
            joining[v].append(stem)
        h = stems[0]
        for i, (layer, a) in enumerate(zip(self.layers, attention, strict=True)):
            units = [v for j, v in config.units if j == i]
            made = first if i == 0 else None
            weighted = h * a[:, :, None] if made is None or units else h
            for v in units:
                unit = network.units[f"{i}_{v}"]
                added = unit(config.level(h, v).float(), config.level(weighted, v).float(), network.layers[i])
                joining[i + 1 + v].append(added.to(self.dtype))
            for level in joining[i]:
                weighted = weighted + level
            h = layer.rest(layer.convolved(weighted) if made is None else made(), h[:, config.kept :: 3])
        pose = F.linear(h[:, 0], *self.head).float().view(len(h), config.joints, 3)
        return pose if network.project is None else network.project(pose, seen)


class FoldedLayer:
    """A layer of ATCN. kernels: of each branch [G, 3 (C/G) in, C/G out], tap after tap; biases: [C]; taps as the branch's.

    filters: the kernels for a convolution, [C, C/G, 1, 3].
    """

    def __init__(self, layer: Layer, dtype: torch.dtype) -> None:
        attention: KernelAttention = layer.attention
        self.groups = attention.branches[0].groups
        folded = [_folded_branch(branch) for branch in attention.branches]
        self.kernels = [kernel.to(dtype) for kernel, _ in folded]
        self.biases = [bias.to(dtype) for _, bias in folded]
        self.filters = [_filter(kernel) for kernel in self.kernels]
        self.taps = [branch.taps for branch in attention.branches]
        self.squeeze = attention.squeeze.weight.to(dtype), attention.squeeze.bias.to(dtype)
        self.excite = (
            torch.cat([fc.weight for fc in attention.excite]).to(dtype),
            torch.cat([fc.bias for fc in attention.excite]).to(dtype),
        )
        weight, shift = _folded_linear(layer.mix, layer.norm)
        self.mix = weight.to(dtype), shift.to(dtype)

    def convolved(self, weighted: Tensor) -> Tensor:
        """[B, n, C] -> [M, B, n/3, G, C/G]."""
        b, n, c = weighted.shape
        g = self.groups
        if _by_convolution(weighted):
            outs = [
                _convolved(weighted.index_select(1, taps.flatten()), kernel, bias, groups=g)
                for kernel, bias, taps in zip(self.filters, self.biases, self.taps, strict=True)
            ]
            return torch.stack(outs).view(len(outs), b, n // 3, g, -1)
        grouped = weighted.view(b, n, g, c // g).permute(2, 0, 1, 3)
        outs = []
        for kernel, bias, taps in zip(self.kernels, self.biases, self.taps, strict=True):
            rows = grouped.index_select(2, taps.flatten()).view(g, b * len(taps), -1)  # [G, B p, 3 (C/G)]
            outs.append(torch.baddbmm(bias.view(g, 1, -1), rows, kernel))
        return torch.stack(outs).view(len(outs), g, b, n // 3, -1).permute(0, 2, 3, 1, 4)

    def rest(self, outs: Tensor, kept: Tensor) -> Tensor:
        """The branches before their activation [M, B, p, G, C/G], and the steps kept [B, p, C] -> [B, p, C]."""
        m, b, _, g, _ = outs.shape
        outs = mish_(outs)
        z = F.linear(outs.sum(0).mean(1).reshape(b, -1), *self.squeeze)
        weights = F.linear(z, *self.excite).view(b, m, -1).softmax(1).view(b, m, 1, g, -1).transpose(0, 1)
        y = outs[0] * weights[0]
        for out, weight in zip(outs[1:], weights[1:], strict=True):
            y.addcmul_(out, weight)
        return kept + mish_(_linear(y.reshape(kept.shape), *self.mix))


def _filled_up(windows: Tensor) -> Tensor:
    """Windows [B, ...], the last one repeated until they can be shared out."""
    lacking = -len(windows) % _PICTURES
    if not lacking or len(windows) < _LEAST_WINDOWS or not _by_convolution(windows):
        return windows
    return torch.cat([windows, windows[-1:].expand(lacking, *windows.shape[1:])])


def _linear(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`F.linear`, as a convolution where that is sooner done: [..., in] -> [..., out]."""
    count = rows.shape[:-1].numel()
    if count % _PICTURES or count < _LEAST_ROWS or not _by_convolution(rows):
        return F.linear(rows, weight, bias)
    return _convolved(rows.reshape(_PICTURES, -1, rows.shape[-1]), weight[:, :, None, None], bias).view(*rows.shape[:-1], -1)


def _by_convolution(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype == torch.float32 and torch.backends.mkldnn.is_available()


def _convolved(rows: Tensor, kernel: Tensor, bias: Tensor, *, groups: int = 1) -> Tensor:
    """Of every k rows running one: [B, k p, C in] with a kernel [C out, C in / G, 1, k] -> [B, p, C out]."""
    b, k = len(rows), kernel.shape[-1]
    pictures = math.gcd(b, _PICTURES)
    wide = rows.reshape(pictures, 1, -1, rows.shape[-1]).permute(0, 3, 1, 2)  # [., C, 1, .] with the channels last in memory
    return F.conv2d(wide, kernel, bias, stride=(1, k), groups=groups).permute(0, 2, 3, 1).reshape(b, rows.shape[1] // k, -1)


def mish_(x: Tensor) -> Tensor:
    """x tanh(ln(1 + e^x)) in place: x n / (n + 2) with n = e^x (e^x + 2), which takes one exponential."""
    e = x.clamp(max=_LINEAR_FROM).exp_()
    n = e * (e + 2)
    return x.mul_(n.div_(torch.add(n, 2, out=e)))


def _folded_branch(branch: nn.Module) -> tuple[Tensor, Tensor]:
    """A branch's kernel [G, 3 (C/G) in, C/G out], tap after tap, and bias [C] with its batch norm."""
    assert isinstance(branch, Branch)
    scale, shift = _scale_and_shift(branch.norm)
    g = branch.groups
    weight = (branch.weight * scale[:, None, None]).view(g, -1, *branch.weight.shape[1:])  # [G, C/G out, C/G in, 3]
    return weight.permute(0, 3, 2, 1).flatten(1, 2), branch.bias * scale + shift


def _filter(kernel: Tensor) -> Tensor:
    """A branch's kernel as that of a convolution: [G, 3 (C/G) in, C/G out] -> [C, C/G, 1, 3], the channels last in memory."""
    g, inside, out = kernel.shape
    filters = kernel.view(g, 3, inside // 3, out).permute(0, 3, 2, 1).reshape(g * out, inside // 3, 1, 3)
    return filters.contiguous(memory_format=torch.channels_last)


def _folded_linear(linear: nn.Linear, norm: Rows) -> tuple[Tensor, Tensor]:
    """Weight and bias of a matrix without bias and the batch norm after it."""
    scale, shift = _scale_and_shift(norm)
    return linear.weight * scale[:, None], shift


def _scale_and_shift(rows: Rows) -> tuple[Tensor, Tensor]:
    norm = rows.norm
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale
