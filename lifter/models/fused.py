"""The costly steps of ATCN for training on a CPU, each a few passes over memory, forth and back.

torch's own Mish takes 4 ns a number on a core, its batch norm and the gathering of a kernel's taps pass over memory again and
again; with them the matrix products were a tenth of a training step. Here the passes are written out and torch.compile makes a
loop of each (the whole network compiled is slower on a CPU: Welford's variance, strided loops). The numbers are the same but for
rounding. Needs a C++ compiler, as torch.compile does.

M branches, G groups, B windows, n steps of which p = n / 3 come out, C channels, c = C / G.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from ..errors import LifterError
from .atcn import ATCN, Branch, KernelAttention
from .parts import Rows


def fuse(network: nn.Module) -> None:
    """Let the parts of a network that have such a form use it in training. Raises LifterError where nothing can be compiled."""
    try:
        torch.compile(lambda x: x + 1)(torch.zeros(2))
    except RuntimeError as reason:
        raise LifterError(
            f"torch.compile does not work here: {str(reason).splitlines()[0].rstrip('.')}.",
            hint="Install a C++ compiler, or set compile = false.",
        ) from None
    for module in network.modules():
        if isinstance(module, Rows):
            module.fused_mish = _rows_mish
        elif isinstance(module, KernelAttention) and all(isinstance(branch, Branch) for branch in module.branches):
            module.fused = _kernel_attention
        elif isinstance(module, ATCN):
            module.fused_gate = _Gated.apply


def _rows_mish(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:  # [..., C]
    return _norm_and_mish([norm], x.reshape(1, -1, x.shape[-1])).view(x.shape)


def _kernel_attention(module: KernelAttention, x: Tensor) -> Tensor:  # [B, n, C] -> [B, p, C]
    b, n, channels = x.shape
    m, g = len(module.branches), module.branches[0].groups
    outs = _convolved(x, [branch.weight for branch in module.branches], g)  # [M, G, p B, c]
    # A bias before a batch norm in training changes nothing but the mean that the norm remembers.
    norms, biases = [branch.norm.norm for branch in module.branches], [branch.bias for branch in module.branches]
    outs = _norm_and_mish(norms, outs.flatten(0, 1), biases).view(m, g, n // 3, b, channels // g)
    excite = [parameter for fc in module.excite for parameter in (fc.weight, fc.bias)]
    return _Mixed.apply(outs, module.squeeze.weight, module.squeeze.bias, *excite)


def _norm_and_mish(norms: list[nn.BatchNorm1d], x: Tensor, biases: list[nn.Parameter] | None = None) -> Tensor:
    """mish(norm(x)) in training: [K, R, C], R rows of channels that are spread over K; the norms keep their statistics."""
    k, rows, c = x.shape
    weight, bias = (torch.cat([getattr(norm, name) for norm in norms]).view(k, 1, c) for name in ("weight", "bias"))
    y, mean, variance = _NormAndMish.apply(x, weight, bias, norms[0].eps)
    with torch.no_grad():
        mean, variance = mean.view(len(norms), -1), variance.view(len(norms), -1) * (rows / (rows - 1))
        if biases is not None:
            mean = mean + torch.stack(biases)
        for i, norm in enumerate(norms):
            norm.running_mean.lerp_(mean[i], norm.momentum)
            norm.running_var.lerp_(variance[i], norm.momentum)
            norm.num_batches_tracked.add_(1)
    return y


class _NormAndMish(torch.autograd.Function):
    """(mish of the normalised x, mean, biased variance); weight and bias [K, 1, C]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
        mean, variance = _statistics(x)
        inverse = torch.rsqrt(variance + eps)
        scale = weight * inverse
        shift = bias - mean * scale
        ctx.save_for_backward(x, mean, inverse, scale, shift)
        ctx.mark_non_differentiable(mean, variance)
        return _scaled_mish(x, scale, shift), mean, variance

    @staticmethod
    def backward(ctx: Any, grad: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        x, mean, inverse, scale, shift = ctx.saved_tensors
        rows = x.shape[1]
        grad_z = _through_mish(grad.contiguous(), x, scale, shift)
        total, along = _sums(grad_z, x, mean)
        pull = along * inverse * inverse / rows
        grad_x = _through_norm(grad_z, x, scale, scale * pull, scale * (pull * mean - total / rows))
        return grad_x, along * inverse, total, None


@torch.compile
def _statistics(x: Tensor) -> tuple[Tensor, Tensor]:
    y = x.float()
    mean = y.mean(1, keepdim=True)
    return mean, (y - mean).square().mean(1, keepdim=True)


@torch.compile
def _scaled_mish(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    z = x.float() * scale + shift
    s = torch.sigmoid(z)
    return (z * (s * (2 - s) / (1 + (1 - s) * (1 - s)))).to(x.dtype)  # tanh(softplus(z)) by its sigmoid


@torch.compile
def _through_mish(grad: Tensor, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    z = x.float() * scale + shift
    s = torch.sigmoid(z)
    t = s * (2 - s) / (1 + (1 - s) * (1 - s))
    return (grad.float() * (t + z * s * (1 - t * t))).to(x.dtype)


@torch.compile
def _sums(grad: Tensor, x: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    g = grad.float()
    return g.sum(1, keepdim=True), (g * (x.float() - mean)).sum(1, keepdim=True)


@torch.compile
def _through_norm(grad: Tensor, x: Tensor, scale: Tensor, pull: Tensor, offset: Tensor) -> Tensor:
    return (grad.float() * scale - x.float() * pull + offset).to(x.dtype)


def _convolved(x: Tensor, weights: list[Tensor], groups: int) -> Tensor:
    """All branches' convolutions, without bias: [B, n, C], M weights [C, c, 3] -> [M, G, p B, c]."""
    return _Convolved.apply(x, _packed(weights, groups, x.dtype))


@torch.compile
def _packed(weights: list[Tensor], groups: int, dtype: torch.dtype) -> Tensor:
    """M weights [C, c, 3] -> [M, G, c, 3 c]."""
    channels, c, _ = weights[0].shape
    return torch.stack([w.to(dtype).transpose(1, 2) for w in weights]).view(len(weights), groups, channels // groups, 3 * c)


class _Convolved(torch.autograd.Function):
    """[B, n, C], [M, G, c, 3 c] -> [M, G, p B, c]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        m, g, c, _ = weight.shape
        b, n, _ = x.shape
        rows = [_gathered(x, seen, g) for seen in _seen(n, 1 if n == 3 else m)]  # of three steps every branch sees all
        out = x.new_empty(m, g, b * n // 3, c)
        for i in range(m):
            torch.bmm(rows[i % len(rows)], weight[i].transpose(1, 2), out=out[i])
        ctx.save_for_backward(weight, *rows)
        ctx.steps = n
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        weight, *rows = ctx.saved_tensors
        m, g, c, k = weight.shape
        if len(rows) == 1:
            wide = grad.permute(1, 2, 0, 3).reshape(g, -1, m * c)
            grad_rows = torch.bmm(wide, weight.transpose(0, 1).reshape(g, m * c, k))[None]
            grad_weight = torch.bmm(wide.transpose(1, 2), rows[0]).view(g, m, c, k).transpose(0, 1)
        else:
            grad_rows, grad_weight = rows[0].new_empty(m, *rows[0].shape), torch.empty_like(weight)
            for i in range(m):
                torch.bmm(grad[i], weight[i], out=grad_rows[i])
                torch.bmm(grad[i].transpose(1, 2), rows[i], out=grad_weight[i])
        return _scattered(grad_rows, _seen(ctx.steps, len(grad_rows))), grad_weight


@cache
def _seen(steps: int, branches: int) -> list[tuple[int, ...]]:
    """For each branch the steps under its kernels, tap after tap: 3 wide, stride 3, dilation 1, 2 ...; the edges replicated."""
    return [
        tuple(min(max(3 * p + 1 + k * dilation, 0), steps - 1) for p in range(steps // 3) for k in (-1, 0, 1))
        for dilation in range(1, branches + 1)
    ]


@torch.compile
def _gathered(x: Tensor, seen: tuple[int, ...], g: int) -> Tensor:
    """What lies under a branch's kernels: [B, n, C] -> [G, p B, 3 c]. For all branches in one go it is 15 times as slow."""
    b, _, channels = x.shape
    c = channels // g
    rows = x.view(b, -1, g, c)[:, list(seen)].view(b, -1, 3, g, c)
    return rows.permute(3, 1, 0, 2, 4).reshape(g, -1, 3 * c)


@torch.compile
def _scattered(grad: Tensor, seen: list[tuple[int, ...]]) -> Tensor:
    """The gradient of what _gathered was given, for all branches: [M, G, p B, 3 c] -> [B, n, C]."""
    m, g, rows, taps = grad.shape
    n = len(seen[0])
    p = n // 3
    grad = grad.view(m, g, p, rows // p, 3, taps // 3)
    steps = []
    for step in range(n):
        terms = [grad[i, :, at // 3, :, at % 3].float() for i in range(m) for at in range(n) if seen[i][at] == step]
        steps.append(sum(terms[1:], terms[0]).to(grad.dtype))  # [G, B, c]
    return torch.stack(steps).permute(2, 0, 1, 3).reshape(rows // p, n, -1)


class _Mixed(torch.autograd.Function):
    """The branches weighed by what the squeezed and excited average over time says: [M, G, p, B, c] -> [B, p, C].

    squeeze: weight [r, C], bias; then a weight [C, r] and a bias for each branch.
    """

    @staticmethod
    def forward(ctx: Any, outs: Tensor, squeeze: Tensor, bias: Tensor, *excite: Tensor) -> Tensor:
        kind = outs.dtype
        pooled = _pooled(outs)  # [B, C]
        squeeze = squeeze.to(kind)
        z = torch.addmm(bias.to(kind), pooled, squeeze.t())  # [B, r]
        widen = torch.cat(excite[::2]).to(kind)  # [M C, r]
        scores = torch.addmm(torch.cat(excite[1::2]).to(kind), z, widen.t())  # [B, M C]
        shares = _shares(scores, *outs.shape[:2])  # [M, G, 1, B, c]
        ctx.save_for_backward(outs, pooled, squeeze, z, widen, shares)
        return _weighed(outs, shares)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        outs, pooled, squeeze, z, widen, shares = ctx.saved_tensors
        m, grad = len(outs), grad.contiguous()
        grad_scores = _through_shares(_along(grad, outs), shares)
        grad_z = grad_scores @ widen
        grad_outs = _through_sum(grad, grad_z @ squeeze, shares)
        weights, biases = (grad_scores.t() @ z).float().chunk(m), grad_scores.float().sum(0).chunk(m)
        excite = [part for pair in zip(weights, biases, strict=True) for part in pair]
        return grad_outs, (grad_z.t() @ pooled).float(), grad_z.float().sum(0), *excite


@torch.compile
def _pooled(outs: Tensor) -> Tensor:
    """The branches' sum, averaged over time: [M, G, p, B, c] -> [B, C]."""
    return (outs.float().sum((0, 2)) / outs.shape[2]).to(outs.dtype).transpose(0, 1).flatten(1)


@torch.compile
def _shares(scores: Tensor, m: int, g: int) -> Tensor:
    """[B, M C] -> [M, G, 1, B, c], summing to 1 over the branches."""
    return scores.view(len(scores), m, g, -1).float().softmax(1).to(scores.dtype).permute(1, 2, 0, 3)[:, :, None].contiguous()


@torch.compile
def _weighed(outs: Tensor, shares: Tensor) -> Tensor:
    m, g, p, b, c = outs.shape
    return (outs.float() * shares.float()).sum(0).to(outs.dtype).permute(2, 1, 0, 3).reshape(b, p, g * c)


@torch.compile
def _along(grad: Tensor, outs: Tensor) -> Tensor:
    """The gradient of the shares: [B, p, C], [M, G, p, B, c] -> [M, G, B, c]."""
    m, g, p, b, c = outs.shape
    mixed = grad.view(b, p, g, c).permute(2, 1, 0, 3)
    return sum(outs[:, :, i].float() * mixed[:, i].float() for i in range(p)).to(outs.dtype)


@torch.compile
def _through_shares(grad: Tensor, shares: Tensor) -> Tensor:
    """The gradient of the scores, [B, M C]."""
    m, g, b, c = grad.shape
    shares, grad_shares = shares[:, :, 0].float(), grad.float()
    out = shares * (grad_shares - (shares * grad_shares).sum(0))
    return out.to(grad.dtype).permute(2, 0, 1, 3).reshape(b, m * g * c)


@torch.compile
def _through_sum(grad: Tensor, grad_pooled: Tensor, shares: Tensor) -> Tensor:
    """The gradient of the branches, [M, G, p, B, c]."""
    b, p, _ = grad.shape
    g, c = shares.shape[1], shares.shape[-1]
    mixed = grad.view(b, p, g, c).permute(2, 1, 0, 3).float()  # [G, p, B, c]
    pooled = grad_pooled.view(b, g, c).transpose(0, 1)[:, None].float() / p
    return (mixed * shares.float() + pooled).to(grad.dtype)


class _Gated(torch.autograd.Function):
    """x [B, n, C] times attention [B, n], and every third step of x from `kept` on: [B, n, C], [B, p, C]."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, attention: Tensor, kept: int) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(x, attention)
        ctx.kept = kept
        return x * attention[:, :, None].to(x.dtype), x[:, kept::3].contiguous()

    @staticmethod
    def backward(ctx: Any, grad: Tensor, grad_kept: Tensor) -> tuple[Tensor, Tensor, None]:
        x, attention = ctx.saved_tensors
        return *_through_gate(grad, grad_kept, x, attention, ctx.kept), None


@torch.compile
def _through_gate(grad: Tensor, grad_kept: Tensor, x: Tensor, attention: Tensor, kept: int) -> tuple[Tensor, Tensor]:
    b, n, c = x.shape
    g = grad.float()
    steps = (g * attention[:, :, None]).view(b, n // 3, 3, c).unbind(2)
    steps = [step + grad_kept.float() if i == kept else step for i, step in enumerate(steps)]
    return torch.stack([step.to(x.dtype) for step in steps], 2).view(b, n, c), (g * x.float()).sum(2)
