"""All networks: their sizes, their arithmetic against plain convolutions, what their output depends on, how they train."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lifter import train
from lifter.checkpoint import load_model
from lifter.data.batches import MotionBatches, NoiseModel
from lifter.data.mocap import read_mocap
from lifter.data.pairs import PairBatches, read_pairs
from lifter.data.sequences import SequenceBatches, SequencePairs
from lifter.errors import LifterError
from lifter.joints import INDEX
from lifter.models import DESCRIBED, NETWORKS, build, describe
from lifter.models.parts import projection_miss
from lifter.training.losses import SEQUENCE_WEIGHTS, sequence_loss
from lifter.training.optimisers import Ranger
from tests.lifter import archives

ROOT = Path(__file__).resolve().parents[2]
SMALL: dict[str, dict] = {
    "atcn": {"frames": 27, "channels": 48, "groups": 4, "reduction": 8},
    "tcn": {"frames": 27, "channels": 32},
    "mixste": {"frames": 9, "width": 32, "depth": 3, "heads": 4},
    "shared-attention": {"frames": 27, "channels": 48, "groups": 4, "reduction": 8},
}
SEQUENCE_NETWORKS = ("tcn", "mixste", "shared-attention")


def small(architecture: str, *, seed: int = 0, **settings: object) -> nn.Module:
    """A small network in eval mode, double precision, every number of it away from where it starts."""
    torch.manual_seed(seed)
    network = build(architecture, {**SMALL[architecture], **settings}).double().eval()
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.copy_(torch.rand_like(tensor) + 0.5)
            elif tensor.is_floating_point():
                tensor.add_(0.1 * torch.randn_like(tensor))
    return network


def parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


@pytest.fixture(scope="module")
def rows() -> dict[str, dict]:
    return {row["name"]: row for row in describe()}


# Sizes


@pytest.mark.parametrize(
    ("name", "count"),
    [
        *((f"atcn-{n}", c) for n, c in ((27, 5_693_005), (81, 8_462_195), (243, 11_248_935))),
        *((f"atcn-{n}-shared", c) for n, c in ((27, 5_693_005), (81, 8_462_195), (243, 11_248_935))),
        *((f"atcn-{n}-separate", c) for n, c in ((27, 5_799_501), (81, 10_122_099), (243, 15_909_159))),
        *((f"atcn-{n}-depthwise", c) for n, c in ((27, 5_730_039), (81, 10_642_631), (243, 17_679_141))),
        ("atcn-243-release", 14_520_363),
        *((f"tcn-{n}", c) for n, c in ((27, 8_555_571), (81, 12_753_971), (243, 16_952_371))),
        ("mixste-243", 33_783_811),
    ],
)
def test_the_parameter_counts_are_the_published_ones(rows: dict[str, dict], name: str, count: int) -> None:
    assert rows[name]["parameters"] == count
    assert rows[name]["receptive_field"] == int(name.split("-")[1])


@pytest.mark.parametrize(
    ("settings", "millions"),
    [
        ({"branches": 2}, "9.14"),
        ({"branches": 4}, "13.36"),
        ({"groups": 4}, "15.97"),
        ({"groups": 16}, "8.89"),
        ({"reduction": 64}, "10.20"),
        ({"reduction": 256}, "13.35"),
    ],
)
def test_the_ablations_have_the_papers_sizes(settings: dict, millions: str) -> None:
    with torch.device("meta"):
        assert f"{parameters(build('atcn', {'frames': 243, **settings})) / 1e6:.2f}" == millions


def test_every_network_is_described(rows: dict[str, dict]) -> None:
    assert {architecture for architecture, _ in DESCRIBED.values()} == set(NETWORKS)
    for row in rows.values():
        with torch.device("meta"):
            assert parameters(build(row["architecture"], row["settings"])) == row["parameters"]
        assert 0 < row["macs_per_frame_shared"] <= row["macs_per_frame"]


def test_multiply_adds(rows: dict[str, dict]) -> None:
    # Dense: each weight of a matrix is used once a frame.
    for n in (27, 81, 243):
        with torch.device("meta"):
            network = build("tcn", {"frames": n})
        weights = sum(m.weight.numel() for m in network.modules() if isinstance(m, nn.Linear))
        assert rows[f"tcn-{n}"]["macs_per_frame_shared"] == weights
    assert round(rows["tcn-243"]["macs_per_frame_shared"] / 1e6) == 17
    assert round(rows["mixste-243"]["macs_per_frame"] / 1e9) == 147
    # A window of 27 by hand: 9 stem steps, then 3 and 1 steps of a layer.
    branches, mix, once = 3 * 1024 * 128 * 3, 1024 * 1024, 1024 * 128 + 3 * 128 * 1024
    by_hand = 27 * 9 + 9 * 3 + 9 * 102 * 1024 + (3 + 1) * (branches + mix) + 2 * once + 1024 * 51
    assert rows["atcn-27"]["macs_per_frame"] == by_hand
    # Neighbouring windows share the stem and nothing else.
    assert rows["atcn-27"]["macs_per_frame_shared"] == by_hand - 8 * 102 * 1024
    for name in ("atcn-243", "atcn-243-shared", "atcn-243-separate", "atcn-243-depthwise"):
        assert 90e6 < rows[name]["macs_per_frame_shared"] < rows[name]["macs_per_frame"] < 135e6


# ATCN


def shipped_shapes(frames: int, c: int, r: int, g: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor in the files that the first ATCN wrote."""

    def norm(name: str) -> dict[str, tuple[int, ...]]:
        parts = ("weight", "bias", "running_mean", "running_var")
        return {f"{name}.num_batches_tracked": (), **{f"{name}.{part}": (c,) for part in parts}}

    out: dict[str, tuple[int, ...]] = {"stem.weight": (c, 102), "head.weight": (51, c), "head.bias": (51,)}
    out |= norm("stem_norm.norm")
    before, length, i = frames, frames // 3, 0
    while length > 1:
        out |= {f"temporal.theta.{i}.weight": (length, before), f"temporal.theta.{i}.bias": (length,)}
        out |= {f"temporal.norm.{i}.{part}": (length,) for part in ("running_mean", "running_var")}
        out[f"temporal.norm.{i}.num_batches_tracked"] = ()
        layer = f"layers.{i}"
        for m in range(3):
            branch = f"{layer}.attention.branches.{m}"
            out |= {f"{branch}.weight": (c, c // g, 3), f"{branch}.bias": (c,), **norm(f"{branch}.norm.norm")}
            out |= {f"{layer}.attention.excite.{m}.weight": (c, r), f"{layer}.attention.excite.{m}.bias": (c,)}
        out |= {f"{layer}.attention.squeeze.weight": (r, c), f"{layer}.attention.squeeze.bias": (r,)}
        out |= {f"{layer}.mix.weight": (c, c), **norm(f"{layer}.norm.norm")}
        before, length, i = length, length // 3, i + 1
    return out


def filled(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """Numbers that depend on the names alone."""
    out = {}
    for name, shape in shapes.items():
        values = np.random.RandomState(zlib.crc32(name.encode())).standard_normal(shape)
        if name.endswith("running_var"):
            values = 0.5 + values**2
        elif name.endswith(("running_mean", "bias")):
            values = 0.2 * values
        elif name.endswith("norm.weight"):
            values = 1 + 0.2 * values
        else:
            values = values / np.sqrt(np.prod(shape[1:]))
        out[name] = torch.tensor(7) if name.endswith("tracked") else torch.from_numpy(np.asarray(values)).float()
    return out


@pytest.mark.parametrize(
    ("frames", "causal", "expected", "total"),
    [
        (27, False, (-0.763551, 0.809795, 0.595673, -0.904176, -0.702065, 1.548605), 56.23438),
        (27, True, (-1.046505, 0.754078, 0.899815, -0.063492, -0.557991, -0.367893), 59.3377),
        (81, False, (-1.156363, 0.58673, 1.807383, -0.609621, -0.800539, 0.471779), 57.95046),
        (81, True, (-0.248483, 0.313177, -0.229314, -1.038627, -0.694539, -0.023468), 61.50541),
    ],
)
def test_weights_of_the_first_atcn_load_and_give_what_they_gave(
    frames: int, causal: bool, expected: tuple[float, ...], total: float
) -> None:
    """The numbers were printed by that class, before there were dilation levels."""
    network = build("atcn", {"frames": frames, "causal": causal, "channels": 48, "groups": 4, "reduction": 8}).eval()
    network.load_state_dict(filled(shipped_shapes(frames, 48, 8, 4)), strict=True)
    x = torch.from_numpy(np.random.RandomState(5).standard_normal((2, frames, 17, 2))).float()
    with torch.inference_mode():
        pose = network(x)
    assert pose[1, [1, 16]].flatten().tolist() == pytest.approx(expected, abs=2e-5)
    assert pose.abs().sum().item() == pytest.approx(total, abs=1e-3)


def test_the_published_atcn_has_the_names_and_shapes_it_had() -> None:
    with torch.device("meta"):
        network = build("atcn", {"frames": 27})
    assert {k: tuple(v.shape) for k, v in network.state_dict().items()} == shipped_shapes(27, 1024, 128, 8)
    assert load_model().network is not None


@pytest.mark.parametrize("frames", [27, 81, 243])
@pytest.mark.parametrize("causal", [False, True])
def test_dilation_levels_meet_where_the_paper_says(frames: int, causal: bool) -> None:
    config = build("atcn", {**SMALL["atcn"], "frames": frames, "dilation": "separate", "causal": causal}).config
    assert config.units == {27: (), 81: ((0, 1),), 243: ((0, 1), (0, 2), (1, 1))}[frames]
    numbers = torch.arange(frames)[None]
    for v, length in enumerate(config.lengths):
        steps = config.level(numbers, v)[0].tolist()
        assert len(steps) == 3 * length
        assert steps == list(range(3**v - 1 if causal else (3**v - 1) // 2, frames, 3**v))
    for i, v in config.units:
        assert config.lengths[i] // 3 ** (v + 1) == config.lengths[i + 1 + v]


def _norm(state: dict[str, Tensor], name: str, x: Tensor, statistics: str = "") -> Tensor:
    """BN in eval mode over [B, C, n]; statistics: where they are, if not with scale and shift."""
    own = statistics or name
    return F.batch_norm(
        x,
        state[f"{own}.running_mean"],
        state[f"{own}.running_var"],
        state.get(f"{name}.weight"),
        state.get(f"{name}.bias"),
    )


def plain_atcn(network: nn.Module, x: Tensor) -> Tensor:
    """The specification read step by step with conv1d on [B, C, n]: 243 frames, dilation separate or shared, centred."""
    state, config = dict(network.state_dict()), network.config
    groups, full, shared = config.groups, config.branch_form == "grouped", config.dilation == "shared"
    depthwise_units = config.unit_form == "depthwise"

    def every(h: Tensor, v: int) -> Tensor:
        return h[:, :, (3**v - 1) // 2 :: 3**v]

    def separable(h: Tensor, at: str, own: str = "") -> Tensor:
        weight = state[f"{at}.depthwise"].T[:, None]
        h = F.conv1d(h, weight, stride=3, groups=len(weight))
        h = _norm(state, f"{at}.depthwise_norm.norm", h, own and f"{own}.depthwise_norm.norm")
        pointwise = state.get(f"{at}.pointwise.weight", state.get(f"{at}.pointwise"))
        h = F.conv1d(h, pointwise[..., None], groups=h.shape[1] // pointwise.shape[1])
        return h if f"{at}.norm.norm.weight" not in state else _norm(state, f"{at}.norm.norm", h, _own(own))

    def _own(own: str) -> str:
        for name in (f"{own}.first_norm.norm.running_mean", f"{own}.norm.norm.running_mean"):
            if own and name in state:
                return name.removesuffix(".running_mean")
        return ""

    def taps(weight: Tensor) -> Tensor:  # [C, 3 F] -> [C, F, 3]
        return weight.view(len(weight), 3, -1).transpose(1, 2)

    flat = x.flatten(2).transpose(1, 2)
    stems = []
    for v in range(4):
        frames = every(flat, v)
        own, at = f"level_stems.{v - 1}", f"level_stems.{v - 1}"
        if v == 0 or shared:
            own = "" if v == 0 else own
            if full:
                h = F.conv1d(frames, taps(state["stem.weight"]), stride=3)
                h = _norm(state, "stem_norm.norm", h, own and f"{own}.norm.norm")
            else:
                h = separable(frames, "stem", own)
        elif depthwise_units:
            h = separable(frames, at)
        else:
            h = _norm(state, f"{at}.norm.norm", F.conv1d(frames, taps(state[f"{at}.stem.weight"]), stride=3))
        stems.append(F.mish(h))

    centred = (x - x[:, :, :1]).flatten(2)
    scores = F.cosine_similarity(centred, centred[:, 121:122], dim=2)
    units: dict[tuple[int, int], Tensor] = {}
    h, a = stems[0], scores
    for i in range(4):
        a = F.linear(
            a if config.theta == "recursive" else scores, state[f"temporal.theta.{i}.weight"], state[f"temporal.theta.{i}.bias"]
        )
        a = torch.sigmoid(_norm(state, f"temporal.norm.{i}", a))
        residual = h[:, :, 1::3]
        w = h * a[:, None]
        mix = f"layers.{i}.mix.weight"
        for v in range(1, 3 - i):
            first, unit = f"layers.{i}.attention.branches.0", f"units.{i}_{v}"
            u = every(w, v)
            if not shared and depthwise_units:
                u = separable(u, f"{unit}.first")
            elif not shared:
                at = f"{unit}.first.branch"
                u = F.conv1d(u, state[f"{at}.weight"], state[f"{at}.bias"], stride=3, groups=groups)
                u = _norm(state, f"{at}.norm.norm", u)
            elif full:
                u = F.conv1d(u, state[f"{first}.weight"], state[f"{first}.bias"], stride=3, groups=groups)
                u = _norm(state, f"{first}.norm.norm", u, f"{unit}.first_norm.norm")
            else:
                u = separable(u, first, unit)
            mixing = mix if shared else f"{unit}.mix.weight"
            u = F.conv1d(F.mish(u), state[mixing][..., None])
            norm = f"layers.{i}.norm.norm" if shared else f"{unit}.norm.norm"
            u = F.mish(_norm(state, norm, u, f"{unit}.norm.norm"))
            units[i, v] = every(h, v)[:, :, 1::3] + u
        if i >= 1:
            w = w + stems[i] + sum(u for (j, v), u in units.items() if j + 1 + v == i)
        outs = []
        for m in range(3):
            at = f"layers.{i}.attention.branches.{m}"
            padded = F.pad(w, (m, m), mode="replicate") if m else w
            if full:
                b = F.conv1d(padded, state[f"{at}.weight"], state[f"{at}.bias"], stride=3, dilation=m + 1, groups=groups)
            else:
                weight = state[f"{at}.depthwise"].T[:, None]
                b = F.conv1d(padded, weight, stride=3, dilation=m + 1, groups=len(weight))
                b = _norm(state, f"{at}.depthwise_norm.norm", b)
                b = F.conv1d(b, state[f"{at}.pointwise"][..., None], groups=groups)
            outs.append(F.mish(_norm(state, f"{at}.norm.norm", b)))
        kernel = f"layers.{i}.attention"
        z = F.linear(sum(outs).mean(2), state[f"{kernel}.squeeze.weight"], state[f"{kernel}.squeeze.bias"])  # type: ignore[attr-defined]
        parts = [F.linear(z, state[f"{kernel}.excite.{m}.weight"], state[f"{kernel}.excite.{m}.bias"]) for m in range(3)]
        share = torch.stack(parts).softmax(0)
        y = sum(outs[m] * share[m][:, :, None] for m in range(3))
        y = _norm(state, f"layers.{i}.norm.norm", F.conv1d(y, state[mix][..., None]))  # type: ignore[arg-type]
        h = residual + F.mish(y)
    return F.linear(h[:, :, 0], state["head.weight"], state["head.bias"]).view(-1, 17, 3)


@pytest.mark.parametrize("theta", ["recursive", "direct"])
@pytest.mark.parametrize(
    "forms",
    [
        {"dilation": "separate", "unit_form": "grouped"},
        {"dilation": "separate", "unit_form": "depthwise"},
        {"dilation": "separate", "unit_form": "depthwise", "branch_form": "depthwise"},
        {"dilation": "shared"},
        {"dilation": "shared", "branch_form": "depthwise"},
    ],
    ids=lambda forms: "-".join(forms.values()),
)
def test_atcn_is_the_specification_read_step_by_step(forms: dict, theta: str) -> None:
    network = small("atcn", frames=243, channels=16, theta=theta, **forms)
    x = torch.randn(3, 243, 17, 2, dtype=torch.float64)
    with torch.inference_mode():
        torch.testing.assert_close(network(x).double(), plain_atcn(network, x), rtol=1e-5, atol=1e-5)


# Strided and dense, causal


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("extras", [{}, {"enhance": True, "project": True}])
@pytest.mark.parametrize("frames", [9, 27, 81])
def test_strided_equals_dense_in_output_and_gradient(frames: int, causal: bool, extras: dict) -> None:
    strided = small("tcn", frames=frames, channels=16, causal=causal, **extras)
    dense = small("tcn", frames=frames, channels=16, causal=causal, form="dense", **extras)
    assert strided.state_dict().keys() == dense.state_dict().keys()
    assert (strided.outputs_sequence, dense.outputs_sequence) == (False, True)
    x = torch.randn(2, frames + 6, 17, 2, dtype=torch.float64)
    y = x.clone()
    x.requires_grad_(), y.requires_grad_()
    poses = dense(x, every_frame=True)
    windows = torch.stack([strided(y[:, t : t + frames]) for t in range(7)], 1)
    assert poses.shape == (2, 7, 17, 3)
    assert range(*dense.output_frames(frames + 6).indices(frames + 6)) == range(dense.config.target, dense.config.target + 7)
    torch.testing.assert_close(poses, windows, rtol=1e-5, atol=1e-5)
    upstream = torch.randn_like(poses)
    poses.backward(upstream)
    windows.backward(upstream)
    assert x.grad is not None
    torch.testing.assert_close(x.grad, y.grad, rtol=1e-4, atol=1e-6)
    for (name, a), b in zip(dense.named_parameters(), strided.parameters(), strict=True):
        assert a.grad is not None and a.grad.abs().sum() > 0, name
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-5)


def test_the_dense_network_is_torchs_dilated_convolutions() -> None:
    network = small("tcn", frames=27, channels=16)
    state = dict(network.state_dict())
    x = torch.randn(2, 33, 17, 2, dtype=torch.float64)

    def conv(name: str, h: Tensor, dilation: int) -> Tensor:
        weight = state[f"{name}.weight"]
        return F.conv1d(h, weight.view(len(weight), -1, h.shape[1]).transpose(1, 2), dilation=dilation)

    h = F.relu(_norm(state, "stem_norm.norm", conv("stem", x.flatten(2).transpose(1, 2), 1)))
    for i in range(2):
        d, at = 3 ** (i + 1), f"blocks.{i}"
        y = F.relu(_norm(state, f"{at}.conv_norm.norm", conv(f"{at}.conv", h, d)))
        h = h[:, :, d:-d] + F.relu(_norm(state, f"{at}.mix_norm.norm", conv(f"{at}.mix", y, 1)))
    expected = F.linear(h.transpose(1, 2), state["head.weight"], state["head.bias"]).view(2, 7, 17, 3)
    torch.testing.assert_close(network(x, every_frame=True).double(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("architecture", SEQUENCE_NETWORKS)
def test_a_sequence_gives_the_poses_of_its_windows(architecture: str, causal: bool) -> None:
    if architecture == "mixste":
        network = small(architecture)
        x = torch.randn(3, 9, 17, 2, dtype=torch.float64)
        poses = network(x, every_frame=True)
        assert poses.shape == (3, 9, 17, 3) and network.output_frames(9) == slice(0, 9)
        torch.testing.assert_close(network(x), poses[:, 4])
        return
    network = small(architecture, causal=causal)
    x = torch.randn(2, 40, 17, 2, dtype=torch.float64)
    poses = network(x, every_frame=True)
    assert poses.shape == (2, 14, 17, 3)
    for t in (0, 5, 13):
        torch.testing.assert_close(poses[:, t], network(x[:, t : t + 27]), rtol=1e-5, atol=1e-5)
    changed = x.clone()
    changed[:, 33:] += 1
    same = (network(changed, every_frame=True) - poses).abs().amax((0, 2, 3)) == 0
    # Outputs are of frames target, target + 1, ...; a causal one sees frames up to its own, a centred one 13 further.
    last_unchanged = 32 - 26 if causal else 32 - 13 - 13
    assert same.tolist() == [t <= last_unchanged for t in range(14)]


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("tcn", {}),
        ("shared-attention", {}),
        ("shared-attention", {"causal": True}),
        ("mixste", {}),
        ("atcn", {"dilation": "shared", "frames": 81}),
        ("atcn", {"dilation": "separate", "frames": 81, "unit_form": "depthwise"}),
    ],
)
def test_the_pose_depends_on_every_number_of_the_window(architecture: str, settings: dict) -> None:
    network = small(architecture, **settings)
    x = torch.randn(2, network.config.frames, 17, 2, dtype=torch.float64, requires_grad=True)
    network(x).square().sum().backward()
    assert x.grad is not None and (x.grad.abs() > 0).all()


def plain_mixste(state: dict[str, Tensor], x: Tensor, *, depth: int, heads: int) -> Tensor:
    """The specification read step by step."""

    def linear(name: str, h: Tensor) -> Tensor:
        return h @ state[f"{name}.weight"].T + state[f"{name}.bias"]

    def norm(name: str, h: Tensor, eps: float = 1e-6) -> Tensor:
        return F.layer_norm(h, h.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"], eps)

    def block(at: str, h: Tensor) -> Tensor:  # [..., L, D], along L
        d = h.shape[-1] // heads
        q, k, v = linear(f"{at}.qkv", norm(f"{at}.norm1", h)).chunk(3, -1)
        parts = []
        for i in range(heads):
            mine = slice(i * d, (i + 1) * d)
            parts.append((q[..., mine] @ k[..., mine].transpose(-1, -2) / d**0.5).softmax(-1) @ v[..., mine])
        h = h + linear(f"{at}.proj", torch.cat(parts, -1))
        return h + linear(f"{at}.mlp.2", F.gelu(linear(f"{at}.mlp.0", norm(f"{at}.norm2", h))))

    h = linear("embed", x) + state["joint_place"]  # [B, T, J, D]
    for i in range(depth):
        h = norm("spatial_norm", block(f"spatial.{i}", h)).transpose(1, 2)
        if i == 0:
            h = h + state["frame_place"]
        h = norm("temporal_norm", block(f"temporal.{i}", h)).transpose(1, 2)
    return linear("head.1", norm("head.0", h, 1e-5))


def test_mixste_is_the_specification_read_step_by_step() -> None:
    network = small("mixste")
    x = torch.randn(2, 9, 17, 2, dtype=torch.float64)
    expected = plain_mixste(dict(network.state_dict()), x, depth=3, heads=4)
    torch.testing.assert_close(network(x, every_frame=True).double(), expected, rtol=1e-5, atol=1e-5)


def test_mixste_looks_along_joints_and_frames_in_turns() -> None:
    """With one pair of blocks joint 5 of frame 2 reaches joint 3 of frame 7: in its own frame first, then from frame to frame."""
    network = small("mixste", depth=1)
    x = torch.randn(1, 9, 17, 2, dtype=torch.float64, requires_grad=True)
    network(x, every_frame=True)[0, 7, 3].sum().backward()
    assert x.grad is not None and (x.grad[0, 2, 5].abs() > 0).all()
    # Without the temporal half a frame knows of itself alone.
    for block in network.temporal:
        for name in ("proj", "mlp"):
            last = getattr(block, name) if name == "proj" else block.mlp[2]
            nn.init.zeros_(last.weight)
    x.grad = None
    network(x, every_frame=True)[0, 7, 3].sum().backward()
    assert (x.grad[0, 2] == 0).all() and (x.grad[0, 7].abs() > 0).all()


def test_mixste_drops_depth_in_training_only() -> None:
    network = small("mixste", drop_path=0.5)
    assert [block.drop_path for block in network.temporal] == [0.0, 0.25, 0.5]
    x = torch.randn(4, 9, 17, 2, dtype=torch.float64)
    torch.testing.assert_close(network(x), network(x))
    network.train()
    assert (network(x) - network(x)).abs().max() > 1e-3
    block = network.temporal[2]
    y = torch.ones(20_000, 1, 1, dtype=torch.float64)
    kept = block._kept(y)
    assert set(kept.unique().tolist()) == {0.0, 2.0} and kept.mean().item() == pytest.approx(1.0, abs=0.05)


# The optional parts


@pytest.mark.parametrize("architecture", sorted(NETWORKS))
def test_the_optional_parts_start_as_nothing_and_can_learn(architecture: str) -> None:
    torch.manual_seed(0)
    extras = {"enhance": True, "project": True}
    network, bare = build(architecture, {**SMALL[architecture], **extras}).eval(), build(architecture, SMALL[architecture]).eval()
    bare.load_state_dict({k: v for k, v in network.state_dict().items() if not k.startswith(("enhance", "project"))}, strict=True)
    assert not any(k.startswith(("enhance", "project")) for k in bare.state_dict())
    x = torch.randn(2, network.config.frames, 17, 2)
    torch.testing.assert_close(network(x), bare(x), rtol=0, atol=0)
    network.train()(x).square().sum().backward()
    assert network.enhance.out.weight.grad.abs().sum() > 0 and network.project.out.weight.grad.abs().sum() > 0
    torch.nn.init.normal_(network.eval().project.out.weight)
    assert (network(x) - bare(x)).abs().max() > 1e-3


def test_a_true_pose_misses_nothing_at_any_distance_and_a_wrong_one_does() -> None:
    torch.manual_seed(0)
    pose = 0.4 * torch.randn(6, 17, 3, dtype=torch.float64)
    pose[:, 0] = 0
    distance = torch.linspace(2, 9, 6, dtype=torch.float64)[:, None, None]
    seen = 3.7 * pose[..., :2] / (pose[..., 2:] + distance) + torch.tensor([0.3, -0.1])
    size = (seen - seen[:, :1]).norm(dim=-1).mean()
    assert projection_miss(pose, seen).norm(dim=-1).mean() < 0.005 * size
    wrong = pose.clone()
    wrong[:, INDEX["left_wrist"], 0] += 0.5
    miss = projection_miss(wrong, seen).norm(dim=-1)
    assert (miss.argmax(1) == INDEX["left_wrist"]).all() and (miss.amax(1) > 0.05 * size).all()
    # A lost pose gives numbers all the same.
    assert projection_miss(torch.zeros_like(pose), seen).isfinite().all()


# Training


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("tcn", {"form": "dense"}),
        ("mixste", {"drop_path": 0.0}),
        ("shared-attention", {}),
        ("atcn", {"dilation": "shared", "frames": 81}),
        ("atcn", {"dilation": "shared", "frames": 81, "branch_form": "depthwise"}),
        ("atcn", {"dilation": "separate", "frames": 81, "unit_form": "depthwise", "branch_form": "depthwise", "theta": "direct"}),
    ],
)
def test_training_reaches_every_parameter(architecture: str, settings: dict) -> None:
    torch.manual_seed(0)
    network = build(architecture, {**SMALL[architecture], **settings}).train()
    options = {"every_frame": True} if network.outputs_sequence else {}
    network(torch.randn(4, network.config.frames, 17, 2), **options).square().sum().backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0] == []


def test_sequences_hold_the_windows_that_window_batches_make(tmp_path: Path) -> None:
    clips = read_mocap(archives.small_mocap(tmp_path / "mocap.npz"))
    options = {"frames": 9, "target": 4, "seed": 3, "noise": NoiseModel()}
    windows, truth = MotionBatches(clips, **options).sample(32)  # type: ignore[arg-type]
    sequences, truths = SequenceBatches(clips, **options).sample(32)  # type: ignore[arg-type]
    torch.testing.assert_close(sequences, windows)
    torch.testing.assert_close(truths[:, 4], truth)
    assert truths.shape == (32, 9, 17, 3) and (truths[:, :, 0] == 0).all()
    assert (truths.diff(dim=1).abs().amax((1, 2, 3)) > 1e-3).float().mean() > 0.5, "people move"

    pairs = read_pairs(archives.small_pairs(tmp_path / "pairs.npz"))
    made = SequencePairs([pairs], frames=9, target=4, seed=3, offset_std=0)
    sequences, truths = made.sample(64)
    limbs = [INDEX[name] for name in ("left_wrist", "right_ankle", "left_hip")]
    assert truths[:, :, limbs].isfinite().all() and truths[:, :, INDEX["nose"]].isnan().all()
    # Exactly detected, so that what is seen is the truth projected: mirrored or rolled both, or neither.
    for t in (0, 4, 8):
        known, seen = truths[:, t, [0, *limbs]], sequences[:, t, [0, *limbs]]
        assert projection_miss(known, seen).norm(dim=-1).quantile(0.95) < 0.05 * seen.norm(dim=-1).mean()
    assert isinstance(made, PairBatches)


def test_the_sequence_loss_by_hand() -> None:
    assert SEQUENCE_WEIGHTS == (1, 1, 2.5, 2.5, 1, 2.5, 2.5, 1, 1, 1, 1.5, 1.5, 4, 4, 1.5, 4, 4)
    truth = torch.zeros(2, 5, 17, 3)
    assert sequence_loss(truth, truth).item() == 0
    off = truth.clone()
    off[..., 0] += 0.1  # at rest: no change from frame to frame
    assert sequence_loss(off, truth).item() == pytest.approx(0.1 * sum(SEQUENCE_WEIGHTS) / 17)
    wrist = truth.clone()
    wrist[:, :, INDEX["left_wrist"], 1] = 0.1 * torch.arange(5) - 0.2
    expected = 4 * 0.12 / 17 + 0.5 * 4 * 0.1**2 / (17 * 3) + 2 * 0.1 / 17
    assert sequence_loss(wrist, truth).item() == pytest.approx(expected)
    # The truth moves as well: only the estimate's own restlessness is left.
    assert sequence_loss(wrist, wrist).item() == pytest.approx(0.5 * 4 * 0.1**2 / (17 * 3))
    unknown = truth.clone()
    unknown[:, :, INDEX["left_wrist"]] = torch.nan
    off.requires_grad_()
    loss = sequence_loss(off, unknown)
    loss.backward()
    assert loss.item() == pytest.approx(0.1 * (sum(SEQUENCE_WEIGHTS) - 4) / 16)
    assert off.grad is not None and off.grad.isfinite().all() and (off.grad[:, :, INDEX["left_wrist"]] == 0).all()


def test_ranger_is_radam_with_a_lookahead_every_six_steps() -> None:
    torch.manual_seed(0)
    start, goal = torch.randn(20), torch.randn(20)
    options = {"lr": 0.1, "betas": (0.95, 0.999), "eps": 1e-5, "decoupled_weight_decay": True, "weight_decay": 0.01}
    ours, theirs, slow = start.clone().requires_grad_(), start.clone().requires_grad_(), start.clone()
    ranger, radam = Ranger([ours], **options), torch.optim.RAdam([theirs], **options)  # type: ignore[arg-type]
    for step in range(1, 40):
        for p, optimiser in ((ours, ranger), (theirs, radam)):
            optimiser.zero_grad()
            (p - goal).square().sum().backward()
            optimiser.step()
        if step % 6 == 0:
            with torch.no_grad():
                slow += 0.5 * (theirs - slow)
                theirs.copy_(slow)
        torch.testing.assert_close(ours, theirs)
        if step == 20:  # goes on from what is saved
            saved = ranger.state_dict()
            ours = ours.detach().clone().requires_grad_()
            ranger = Ranger([ours], **options)  # type: ignore[arg-type]
            ranger.load_state_dict(saved)
    assert (ours - goal).norm() < 0.9 * (start - goal).norm()


TINY = """
name = "tiny"
mocap = "mocap.npz"
pairs = ["pairs.npz"]
minutes = 0.01
batch = 8
threads = 1
validation_windows = 32
acknowledgement = "made by a test"
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks")
    archives.small_mocap(folder / "mocap.npz")
    archives.small_pairs(folder / "pairs.npz")
    (folder / "tiny.toml").write_text(TINY, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "overrides",
    [
        ['architecture = "tcn"', "settings = {frames = 9, channels = 16}", 'optimiser = "ranger"'],
        ['architecture = "tcn"', 'settings = {frames = 9, channels = 16, form = "dense"}', "sequence_frames = 13"],
        ['architecture = "mixste"', "settings = {frames = 9, width = 16, depth = 1, heads = 2}", 'loss = "sequence"'],
        ['architecture = "shared-attention"', "settings = {frames = 9, channels = 16, groups = 2, causal = true}"],
        ["settings = {frames = 27, channels = 16, groups = 2, dilation = 'shared'}"],
    ],
)
def test_every_network_trains_and_goes_on(folder: Path, overrides: list[str]) -> None:
    runs = folder / "runs"
    assert train.main(folder / "tiny.toml", overrides=overrides, runs_dir=runs) == 0
    first = load_model(runs / "tiny" / "tiny.safetensors")
    frames = first.network.config.frames
    assert first.card["steps"] > 0 and first.network(torch.zeros(2, frames, 17, 2)).shape == (2, 17, 3)
    assert all(value > 0 for value in first.card["validation_mm"].values())
    train.main(folder / "tiny.toml", resume=True, overrides=[*overrides, "minutes = 0.02"], runs_dir=runs)
    assert load_model(runs / "tiny" / "tiny.safetensors").card["steps"] > first.card["steps"]


def test_a_call_stops_in_time_and_says_how_to_go_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    overrides = ['architecture = "tcn"', "settings = {frames = 9, channels = 16}", "minutes = 5.0", "call_minutes = 0.01"]
    train.main(folder / "tiny.toml", overrides=[*overrides, 'name = "long"'], runs_dir=folder / "runs")
    assert "of 5 minutes; go on with --resume" in capsys.readouterr().out
    assert (folder / "runs" / "long" / "checkpoint.pt").exists()


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["loss = 'poses'"], "no loss 'poses'"),
        (["loss = 'sequence'", "settings = {frames = 9, channels = 16, groups = 2}"], "trains on windows of 9 frames"),
        (["architecture = 'mixste'", "settings = {frames = 9, width = 16, heads = 2}", "sequence_frames = 10"], "do not fit"),
        (
            ["architecture = 'tcn'", "settings = {frames = 27, form = 'dense'}", "sequence_frames = 20"],
            "do not fit",
        ),
        (["architecture = 'tcn'", "settings = {frames = 28}"], "power of 3"),
        (["architecture = 'tcn'", "settings = {form = 'sparse'}"], "form must be one of strided, dense"),
        (["settings = {dilation = 'some'}"], "dilation must be one of none, shared, separate"),
        (["architecture = 'mixste'", "settings = {width = 30}"], "multiple of heads"),
        (["architecture = 'shared-attention'", "settings = {channels = 30}"], "multiple of groups"),
        (["optimiser = 'lion'", "settings = {frames = 9, channels = 16, groups = 2}"], "no optimiser 'lion'"),
    ],
)
def test_a_configuration_that_does_not_fit_is_one_sentence(folder: Path, overrides: list[str], says: str) -> None:
    with pytest.raises(LifterError, match=says) as caught:
        train.main(folder / "tiny.toml", overrides=overrides, runs_dir=folder / "runs")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("path", sorted((ROOT / "lifter" / "configs").glob("*.toml")), ids=lambda p: p.stem)
def test_the_configurations_in_the_repository_can_be_built(path: Path) -> None:
    config = train.read_config(path, [])
    assert config.name == path.stem and "mocap.cs.cmu.edu" in config.acknowledgement
    with torch.device("meta"):
        network = build(config.architecture, config.settings)
    frames, target = train._trained_on(config, network)
    assert 0 <= target < frames
