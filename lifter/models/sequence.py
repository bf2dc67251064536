"""All windows of a sequence through ATCN with what neighbouring windows have in common computed once: the same poses, sooner.

The frames must have one virtual camera. (Those of `infer.lift` have one for each window, so it cannot use this; the papers'
input, normalised by the picture's size, can.) Two things are the same for all windows: the stems; and of the first layer the
products with its kernels, since a convolution of frames that are weighted by one scalar each is the weighted sum of the frames'
own products. The scores, the kernel attention and all later layers depend on the window's target. Batch norms are folded into the
matrices before them.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .atcn import ATCN, Branch, KernelAttention, Layer
from .parts import Rows

_WINDOWS = 32  # at a time: what lies between two products then stays in a processor's cache
_BLOCK = 2048  # windows whose stems and first products are held at once


class ATCNSequence:
    """An ATCN with grouped branches, ready for sequences. dtype: of the products between scores and head (scores are float32).

    Raises ValueError for depthwise branches, which have another first product.
    """

    def __init__(self, network: ATCN, *, dtype: torch.dtype = torch.float32) -> None:
        if network.config.branch_form != "grouped":
            raise ValueError("depthwise branches share no products between windows; run the network on windows")
        self.network, self.dtype = network.eval(), dtype
        self.layers = [_FoldedLayer(layer, dtype) for layer in network.layers]
        self.head = network.head.weight.to(dtype), network.head.bias.to(dtype)

    @torch.inference_mode()
    def poses(self, x: Tensor) -> Tensor:
        """Encoded frames [T, J, inputs] -> poses of the frames from `target` on, [T - N + 1, J, 3] metres relative to the pelvis.

        Raises ValueError for fewer frames than a window has.
        """
        n, windows = self.network.config.frames, len(x) - self.network.config.frames + 1
        if windows < 1:
            raise ValueError(f"a window has {n} frames, and there are {len(x)}")
        x = x if self.network.enhance is None else self.network.enhance(x)
        blocks = (x[start : start + _BLOCK + n - 1] for start in range(0, windows, _BLOCK))
        return torch.cat([self._block(block, len(block) - n + 1) for block in blocks])

    def _block(self, x: Tensor, windows: int) -> Tensor:
        stems = [self._stem(x, v) for v in self.network.levels]
        products = self.layers[0].products(stems[0])
        attention = self._attention(x, windows)
        starts = range(0, windows, _WINDOWS)
        return torch.cat([self._poses(x, stems, products, attention, at, min(_WINDOWS, windows - at)) for at in starts])

    def _stem(self, x: Tensor, v: int) -> Tensor:
        """The stem of level v from every frame on: [T - 2 * 3^v, C]."""
        step = 3**v
        length = len(x) - 2 * step
        taps = torch.stack([x[k * step : k * step + length] for k in range(3)], 1)  # [T', 3, J, inputs]
        return self.network.stem_of(taps.flatten(2), v)[:, 0].to(self.dtype)

    def _attention(self, x: Tensor, windows: int) -> list[Tensor]:
        """Each layer's weights of its steps: one [windows, n_i] for each layer."""
        temporal, target = self.network.temporal, self.network.config.target
        centred = F.normalize((x - x[:, :1])[..., :2].flatten(1), dim=1, eps=1e-6)
        here = centred[target : target + windows]
        scores = torch.stack([(centred[n : n + windows] * here).sum(1) for n in range(self.network.config.frames)], 1)
        a, out = scores, []
        for theta, norm in zip(temporal.theta, temporal.norm, strict=True):
            a = torch.sigmoid(norm(theta(a if temporal.recursive else scores)))
            out.append(a.to(self.dtype))
        return out

    def _poses(self, x: Tensor, stems: list[Tensor], products: Tensor, attention: list[Tensor], start: int, count: int) -> Tensor:
        network, config = self.network, self.network.config
        here = slice(start, start + count)
        joining: list[list[Tensor]] = [[] for _ in config.lengths]  # what is added before each layer
        for v, stem in enumerate(stems[1:], 1):
            first = start + (3**v - 1 if config.causal else 3**v // 2)
            joining[v].append(_steps(stem, first, count, config.lengths[v], 3 ** (v + 1)))
        h = _steps(stems[0], start, count, config.lengths[0], 3)
        for i, layer in enumerate(self.layers):
            a, kept = attention[i][here], h[:, config.kept :: 3]
            units = [v for j, v in config.units if j == i]
            weighted = h * a[:, :, None] if i or units else h
            for v in units:
                unit = network.units[f"{i}_{v}"]
                added = unit(config.level(h, v).float(), config.level(weighted, v).float(), network.layers[i])
                joining[i + 1 + v].append(added.to(self.dtype))
            for level in joining[i]:
                weighted = weighted + level
            outs = layer.combined(products, a, start) if i == 0 else layer.convolved(weighted)
            h = layer.rest(outs, kept)
        pose = F.linear(h[:, 0], *self.head).float().view(count, config.joints, 3)
        if network.project is None:
            return pose
        return network.project(pose, x[start + config.target : start + config.target + count])


class _FoldedLayer:
    """A layer of ATCN with its batch norms folded into the matrices before them."""

    def __init__(self, layer: Layer, dtype: torch.dtype) -> None:
        attention: KernelAttention = layer.attention
        self.groups = attention.branches[0].groups
        folded = [_folded_branch(branch) for branch in attention.branches]
        self.weights = [weight.to(dtype) for weight, _ in folded]  # [3, G, C/G, C/G], input before output
        self.biases = [bias.to(dtype) for _, bias in folded]
        self.taps = [branch.taps for branch in attention.branches]
        self.squeeze = attention.squeeze.weight.to(dtype), attention.squeeze.bias.to(dtype)
        self.excite = (
            torch.cat([fc.weight for fc in attention.excite]).to(dtype),
            torch.cat([fc.bias for fc in attention.excite]).to(dtype),
        )
        scale, shift = _scale_and_shift(layer.norm)
        self.mix = (layer.mix.weight * scale[:, None]).to(dtype), shift.to(dtype)

    def products(self, rows: Tensor) -> Tensor:
        """Every row times every branch's every tap: [T, C] -> [M, 3, T, C]."""
        t, c = rows.shape
        grouped = rows.view(t, self.groups, -1).transpose(0, 1)  # [G, T, C/G]
        out = rows.new_empty((len(self.weights), 3, t, c))
        for m, weight in enumerate(self.weights):
            for k in range(3):
                out[m, k] = torch.bmm(grouped, weight[k]).transpose(0, 1).reshape(t, c)
        return out

    def combined(self, products: Tensor, a: Tensor, start: int) -> Tensor:
        """The first layer's branches of windows that begin at `start`, `start` + 1 ...: their rows are 3 frames apart.

        products [M, 3, T, C]; a [B, n] -> [M, B, n/3, C].
        """
        count, c = len(a), products.shape[-1]
        outs = products.new_empty((len(self.weights), count, len(self.taps[0]), c))
        for m, taps in enumerate(self.taps):
            outs[m] = self.biases[m]
            for k in range(3):
                inner = _inner(taps[:, k])  # the steps that are not an edge repeated are 3 apart
                first = start + 3 * int(taps[inner.start, k])
                rows = _steps(products[m, k], first, count, inner.stop - inner.start, 9)
                outs[m][:, inner].addcmul_(a[:, taps[inner, k], None], rows)
                for p in (*range(inner.start), *range(inner.stop, len(taps))):
                    step = int(taps[p, k])
                    outs[m][:, p].addcmul_(a[:, step, None], products[m, k, start + 3 * step : start + 3 * step + count])
        return outs

    def convolved(self, weighted: Tensor) -> Tensor:
        """[B, n, C] -> [M, B, n/3, C]."""
        b, _, c = weighted.shape
        outs = []
        for weight, bias, taps in zip(self.weights, self.biases, self.taps, strict=True):
            rows = weighted[:, taps.flatten()].view(b * len(taps), 3, self.groups, -1)
            rows = rows.permute(2, 0, 1, 3).flatten(2)  # [G, B p, 3 (C/G)]
            kernel = weight.transpose(0, 1).flatten(1, 2)  # [G, 3 (C/G), C/G]
            outs.append(torch.bmm(rows, kernel).transpose(0, 1).reshape(b, len(taps), c) + bias)
        return torch.stack(outs)

    def rest(self, outs: Tensor, kept: Tensor) -> Tensor:
        """The branches before their activation [M, B, p, C], and the steps kept [B, p, C] -> [B, p, C]."""
        m, b, _, c = outs.shape
        outs = F.mish(outs, inplace=True)
        z = F.linear(outs.sum(0).mean(1), *self.squeeze)
        weights = F.linear(z, *self.excite).view(b, m, 1, c).softmax(1).transpose(0, 1)
        y = outs[0] * weights[0]
        for out, weight in zip(outs[1:], weights[1:], strict=True):
            y.addcmul_(out, weight)
        return kept + F.mish(F.linear(y, *self.mix), inplace=True)


def _folded_branch(branch: nn.Module) -> tuple[Tensor, Tensor]:
    """A branch's kernel [3, G, C/G in, C/G out] and bias [C] with its batch norm."""
    assert isinstance(branch, Branch)
    scale, shift = _scale_and_shift(branch.norm)
    g = branch.groups
    weight = (branch.weight * scale[:, None, None]).view(g, -1, *branch.weight.shape[1:])  # [G, C/G out, C/G in, 3]
    return weight.permute(3, 0, 2, 1).contiguous(), branch.bias * scale + shift


def _scale_and_shift(rows: Rows) -> tuple[Tensor, Tensor]:
    norm = rows.norm
    assert norm.running_mean is not None and norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return scale, norm.bias - norm.running_mean * scale


def _steps(rows: Tensor, first: int, windows: int, steps: int, apart: int) -> Tensor:
    """Of each window, rows `apart` from each other; windows begin one row after another: [T, C] -> a view [B, steps, C]."""
    return rows[first:].as_strided((windows, steps, rows.shape[1]), (rows.stride(0), apart * rows.stride(0), 1))


def _inner(taps: Tensor) -> slice:
    """Where the taps of a branch are 3 apart: all but repeated edges."""
    regular = [p for p in range(len(taps)) if int(taps[p]) - 3 * p == int(taps[len(taps) // 2]) - 3 * (len(taps) // 2)]
    return slice(regular[0], regular[-1] + 1)
