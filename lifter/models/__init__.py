"""The networks: one readable file each, one configuration dataclass each. `build` makes one from a saved configuration."""

from __future__ import annotations

from dataclasses import asdict, fields

from torch import nn

from ..errors import LifterError
from .atcn import ATCN, ATCNConfig

NETWORKS: dict[str, tuple[type[nn.Module], type]] = {"atcn": (ATCN, ATCNConfig)}


def build(architecture: str, settings: dict) -> nn.Module:
    """A network with fresh weights. Raises LifterError for an unknown architecture or setting."""
    if architecture not in NETWORKS:
        raise LifterError(f"No network is called '{architecture}'.", hint=f"There are: {', '.join(NETWORKS)}.")
    network, config_type = NETWORKS[architecture]
    known = {f.name for f in fields(config_type)}
    if unknown := set(settings) - known:
        raise LifterError(
            f"The {architecture} network has no setting '{sorted(unknown)[0]}'.", hint=f"It has: {', '.join(sorted(known))}."
        )
    try:
        return network(config_type(**settings))
    except (TypeError, ValueError) as reason:
        raise LifterError(f"The settings of the {architecture} network do not fit: {reason}.") from None


def describe() -> list[dict]:
    """One row a network: name, parameters, receptive_field (frames), macs_per_frame (multiply-adds of one window)."""
    rows = []
    for frames in (27, 81, 243):
        network = ATCN(ATCNConfig(frames=frames))
        rows.append(
            {
                "name": f"atcn-{frames}",
                "parameters": sum(p.numel() for p in network.parameters()),
                "receptive_field": frames,
                "macs_per_frame": _macs(network),
                "settings": asdict(network.config),
            }
        )
    return rows


def _macs(network: ATCN) -> int:
    """Multiply-adds of the matrix products for one window: each weight of a layer is used once for every output frame."""
    config = network.config
    total = config.frames // 3 * network.stem.weight.numel() + network.head.weight.numel()
    total += sum(theta.weight.numel() for theta in network.temporal.theta)
    for length, layer in zip(config.lengths, network.layers, strict=True):
        attention = layer.attention
        total += length // 3 * (sum(b.weight.numel() for b in attention.branches) + layer.mix.weight.numel())
        total += attention.squeeze.weight.numel() + sum(fc.weight.numel() for fc in attention.excite)
    return total
