"""All windows of a sequence through ATCN with what neighbouring windows have in common computed once: the same poses, sooner.

The frames must have one virtual camera. (Those of `infer.lift` have one for each window, so it cannot use this; the papers'
input, normalised by the picture's size, can.) Two things are the same for all windows: the stems; and of the first layer the
products with its kernels, since a convolution of frames that are weighted by one scalar each is the weighted sum of the frames'
own products. The scores, the kernel attention and all later layers depend on the window's target.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from .folded import FoldedATCN, FoldedLayer

_WINDOWS = 32  # at a time: what lies between two products then stays in a processor's cache
_BLOCK = 2048  # windows whose stems and first products are held at once


class ATCNSequence(FoldedATCN):
    """An ATCN with grouped branches, ready for sequences; for windows as well."""

    @torch.inference_mode()
    def poses(self, x: Tensor) -> Tensor:
        """Encoded frames [T, J, inputs] -> poses of the frames from `target` on, [T - N + 1, J, 3] metres relative to the pelvis.

        Raises ValueError for fewer frames than a window has.
        """
        n, windows = self.config.frames, len(x) - self.config.frames + 1
        if windows < 1:
            raise ValueError(f"a window has {n} frames, and there are {len(x)}")
        x = x if self.network.enhance is None else self.network.enhance(x)
        blocks = (x[start : start + _BLOCK + n - 1] for start in range(0, windows, _BLOCK))
        return torch.cat([self._block(block, len(block) - n + 1) for block in blocks])

    def _block(self, x: Tensor, windows: int) -> Tensor:
        stems = [self._running_stem(x, v) for v in self.network.levels]
        products = _products(self.layers[0], stems[0])
        attention = self._attention(x, windows)
        starts = range(0, windows, _WINDOWS)
        return torch.cat([self._poses(x, stems, products, attention, at, min(_WINDOWS, windows - at)) for at in starts])

    def _running_stem(self, x: Tensor, v: int) -> Tensor:
        """The stem of level v from every frame on: [T - 2 * 3^v, C]."""
        step = 3**v
        length = len(x) - 2 * step
        taps = torch.stack([x[k * step : k * step + length] for k in range(3)], 1)  # [T', 3, J, inputs]
        return self.stem(taps.flatten(2), v)[:, 0]

    def _attention(self, x: Tensor, windows: int) -> list[Tensor]:
        """Each layer's weights of its steps: one [windows, n_i] for each layer."""
        temporal, target = self.network.temporal, self.config.target
        centred = F.normalize((x - x[:, :1])[..., :2].flatten(1), dim=1, eps=1e-6)
        here = centred[target : target + windows]
        scores = torch.stack([(centred[n : n + windows] * here).sum(1) for n in range(self.config.frames)], 1)
        a, out = scores, []
        for theta, norm in zip(temporal.theta, temporal.norm, strict=True):
            a = torch.sigmoid(norm(theta(a if temporal.recursive else scores)))
            out.append(a.to(self.dtype))
        return out

    def _poses(self, x: Tensor, stems: list[Tensor], products: Tensor, attention: list[Tensor], start: int, count: int) -> Tensor:
        config = self.config
        here = slice(start, start + count)
        steps = []
        for v, stem in enumerate(stems):
            first = start + (3**v - 1 if config.causal else 3**v // 2)
            steps.append(_steps(stem, first, count, config.lengths[v], 3 ** (v + 1)))
        weights = [a[here] for a in attention]
        seen = x[start + config.target : start + config.target + count]
        return self.trunk(steps, weights, seen, first=lambda: _combined(self.layers[0], products, weights[0], start))


def _products(layer: FoldedLayer, rows: Tensor) -> Tensor:
    """Every row times every branch's every tap: [T, C] -> [M, 3, T, C]."""
    t, c = rows.shape
    grouped = rows.view(t, layer.groups, -1).transpose(0, 1)  # [G, T, C/G]
    out = rows.new_empty((len(layer.kernels), 3, t, c))
    for m, kernel in enumerate(layer.kernels):
        for k, tap in enumerate(kernel.chunk(3, 1)):
            out[m, k] = torch.bmm(grouped, tap).transpose(0, 1).reshape(t, c)
    return out


def _combined(layer: FoldedLayer, products: Tensor, a: Tensor, start: int) -> Tensor:
    """The first layer's branches of windows that begin at `start`, `start` + 1 ...: their rows are 3 frames apart.

    products [M, 3, T, C]; a [B, n] -> [M, B, n/3, G, C/G].
    """
    count, c = len(a), products.shape[-1]
    outs = products.new_empty((len(layer.kernels), count, len(layer.taps[0]), c))
    for m, taps in enumerate(layer.taps):
        outs[m] = layer.biases[m]
        for k in range(3):
            inner = _inner(taps[:, k])  # the steps that are not an edge repeated are 3 apart
            first = start + 3 * int(taps[inner.start, k])
            rows = _steps(products[m, k], first, count, inner.stop - inner.start, 9)
            outs[m][:, inner].addcmul_(a[:, taps[inner, k], None], rows)
            for p in (*range(inner.start), *range(inner.stop, len(taps))):
                step = int(taps[p, k])
                outs[m][:, p].addcmul_(a[:, step, None], products[m, k, start + 3 * step : start + 3 * step + count])
    return outs.unflatten(-1, (layer.groups, -1))


def _steps(rows: Tensor, first: int, windows: int, steps: int, apart: int) -> Tensor:
    """Of each window, rows `apart` from each other; windows begin one row after another: [T, C] -> a view [B, steps, C]."""
    return rows[first:].as_strided((windows, steps, rows.shape[1]), (rows.stride(0), apart * rows.stride(0), 1))


def _inner(taps: Tensor) -> slice:
    """Where the taps of a branch are 3 apart: all but repeated edges."""
    regular = [p for p in range(len(taps)) if int(taps[p]) - 3 * p == int(taps[len(taps) // 2]) - 3 * (len(taps) // 2)]
    return slice(regular[0], regular[-1] + 1)
