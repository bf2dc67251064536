"""The networks: one readable file each, one configuration dataclass each. `build` makes one from a saved configuration.

All take normalised windows [B, N, 17, 2] and give the target frame's pose, [B, 17, 3] metres relative to the pelvis. Those with
`outputs_sequence` are trained on sequences: called with every_frame=True they give the poses of the frames `output_frames(T)`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, fields

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from ..errors import LifterError
from .atcn import ATCN, ATCNConfig
from .mixste import MixSTE, MixSTEConfig
from .shared_attention import SharedAttention, SharedAttentionConfig
from .tcn import TCN, TCNConfig

NETWORKS: dict[str, tuple[type[nn.Module], type]] = {
    "atcn": (ATCN, ATCNConfig),
    "tcn": (TCN, TCNConfig),
    "mixste": (MixSTE, MixSTEConfig),
    "shared-attention": (SharedAttention, SharedAttentionConfig),
}
# What `describe` lists, by name: architecture and settings that differ from its defaults.
DESCRIBED: dict[str, tuple[str, dict]] = {
    **{f"atcn-{n}": ("atcn", {"frames": n}) for n in (27, 81, 243)},
    **{f"atcn-{n}-shared": ("atcn", {"frames": n, "dilation": "shared"}) for n in (27, 81, 243)},
    **{f"atcn-{n}-separate": ("atcn", {"frames": n, "dilation": "separate"}) for n in (27, 81, 243)},
    **{f"atcn-{n}-depthwise": ("atcn", {"frames": n, "dilation": "separate", "unit_form": "depthwise"}) for n in (27, 81, 243)},
    "atcn-243-release": (
        "atcn",
        {"frames": 243, "dilation": "separate", "unit_form": "depthwise", "branch_form": "depthwise", "theta": "direct"},
    ),
    **{f"tcn-{n}": ("tcn", {"frames": n}) for n in (27, 81, 243)},
    "mixste-243": ("mixste", {}),
    "mixste-small": ("mixste", {"frames": 81, "width": 256, "depth": 4}),
    **{f"shared-attention-{n}": ("shared-attention", {"frames": n}) for n in (27, 81, 243)},
}


# More frames, channels or layers has no network that could be trained.
_LARGEST_SETTING = 20_000


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
    for name, value in settings.items():
        if isinstance(value, int | float) and not -_LARGEST_SETTING <= value <= _LARGEST_SETTING:
            raise LifterError(f"The setting {name} = {value} of the {architecture} network is too large.", hint="Correct it.")
    try:
        return network(config_type(**settings))
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as reason:
        what = str(reason).splitlines()[0].rstrip(".")
        raise LifterError(f"The settings of the {architecture} network do not fit: {what}.", hint="Correct them.") from None


def describe() -> list[dict]:
    """One row a network: name, parameters, receptive_field (frames), and the multiply-adds of its matrix products for a frame.

    macs_per_frame: of one window, for one pose. macs_per_frame_shared: of a long sequence, shared out among its poses, where
    the frames have one virtual camera and what neighbouring windows have in common is computed once.
    """
    return [_described(name, architecture, settings) for name, (architecture, settings) in DESCRIBED.items()]


def _described(name: str, architecture: str, settings: dict) -> dict:
    with torch.device("meta"):  # shapes without numbers
        network = build(architecture, settings).eval()
    return {
        "name": name,
        "architecture": architecture,
        "parameters": sum(p.numel() for p in network.parameters()),
        "receptive_field": network.config.frames,
        "macs_per_frame": _macs(network, network.config.frames),
        "macs_per_frame_shared": _shared_macs(network),
        "settings": asdict(network.config),
    }


@torch.no_grad()
def _macs(network: nn.Module, frames: int, **options: bool) -> int:
    return _counted(network, torch.zeros(1, frames, network.config.joints, 2, device="meta"), **options)


@torch.no_grad()
def _counted(part: Callable[..., Tensor], *inputs: object, **options: bool) -> int:
    with FlopCounterMode(display=False) as counter:
        part(*inputs, **options)
    return counter.get_total_flops() // 2


def _shared_macs(network: nn.Module) -> int:
    n = network.config.frames
    if isinstance(network, ATCN):
        # One step of each stem is new, the other N / 3^(v+1) - 1 were computed for earlier windows. The rest hangs on the target.
        taps = torch.zeros(1, 3, network.config.joints * 2, device="meta")
        return _macs(network, n) - sum((n // 3 ** (v + 1) - 1) * _counted(network.stem_of, taps, v) for v in network.levels)
    if isinstance(network, MixSTE):
        return _macs(network, n, every_frame=True) // n
    # A frame more costs what every further frame costs.
    return _macs(network, n + 1, every_frame=True) - _macs(network, n, every_frame=True)
