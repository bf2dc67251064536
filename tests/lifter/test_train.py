"""Training, in small: a run writes weights that load, goes on where it was, and learns; bad configurations are one sentence."""

from __future__ import annotations

import copy
import csv
import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from lifter import train
from lifter.checkpoint import load_model
from lifter.data.batches import MotionBatches, NoiseModel
from lifter.data.mocap import read_mocap
from lifter.data.pairs import PairBatches
from lifter.data.sequences import SequencePairs
from lifter.errors import LifterError
from lifter.joints import INDEX
from lifter.models import build
from lifter.training.config import TrainConfig, read_config
from lifter.training.losses import pose_loss
from lifter.training.optimisers import learning_rate_at, weights_for
from lifter.training.processes import Processes
from tests.lifter import archives

ROOT = Path(__file__).resolve().parents[2]
CONFIG = """
name = "tiny"
mocap = "mocap.npz"
pairs = ["pairs.npz"]
minutes = 0.03
batch = 24
threads = 1
validation_windows = 96
learning_rate = 0.002
acknowledgement = "made by a test"

[settings]
frames = 9
channels = 32
groups = 4
reduction = 16
dropout = 0.0
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("training")
    archives.small_mocap(folder / "mocap.npz")
    archives.small_pairs(folder / "pairs.npz")
    (folder / "tiny.toml").write_text(CONFIG, encoding="utf-8")
    return folder


def test_a_run_writes_weights_that_load_and_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = folder / "runs"
    assert train.main(folder / "tiny.toml", runs_dir=runs) == 0
    assert "wrote" in capsys.readouterr().out
    weights = runs / "tiny" / "tiny.safetensors"
    first = load_model(weights)
    assert first.card["steps"] > 1 and first.card["acknowledgement"] == "made by a test"
    assert first.card["training"]["mocap"] == "mocap.npz", "no path of this machine goes into the card"
    assert {"clean", "noisy", "pairs"} <= set(first.card["validation_mm"])
    assert first.network(torch.zeros(1, 9, 17, 2)).shape == (1, 17, 3)

    # Twice the time: the second run does the other half of it.
    train.main(folder / "tiny.toml", resume=True, overrides=["minutes = 0.06"], runs_dir=runs)
    second = load_model(weights)
    assert second.card["steps"] > first.card["steps"] and second.card["minutes"] >= 0.05
    assert second.sha256 != first.sha256
    # Without --resume it begins again.
    train.main(folder / "tiny.toml", overrides=["minutes = 0.005"], runs_dir=runs)
    assert load_model(weights).card["steps"] < second.card["steps"]


def test_a_network_learns(folder: Path) -> None:
    """Data, loss and network together: sixty steps on one batch take most of the loss away."""
    torch.manual_seed(0)
    network = build("atcn", {"frames": 9, "channels": 64, "groups": 4, "reduction": 16, "dropout": 0.0}).train()
    windows, truth = MotionBatches(read_mocap(folder / "mocap.npz"), frames=9, target=4, seed=1, noise=NoiseModel()).sample(64)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = pose_loss(network(windows), truth, 0.5)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0] and losses[0] > 0.3


def test_the_averaged_network_has_batch_norm_statistics_of_its_own(folder: Path) -> None:
    """What is measured and shipped: each batch norm's running mean is that of what reaches it in this very network."""
    config = train.read_config(folder / "tiny.toml", ["steps = 12", 'name = "own"'])
    with Processes() as processes:
        run = train._Run(config, folder / "own", processes, resume=False)
        run.train()
        states = {name: generator.get_state() for name, generator in run.generators.items()}
        network = run._with_own_statistics()
        for name, generator in run.generators.items():
            assert torch.equal(generator.get_state(), states[name]), "the run's random numbers are not used up"
        arrived: dict[str, list[torch.Tensor]] = {}
        norms = {name: module for name, module in network.named_modules() if isinstance(module, torch.nn.BatchNorm1d)}
        for name, module in norms.items():
            module.train()
            module.register_forward_pre_hook(lambda _m, x, name=name: arrived.setdefault(name, []).append(x[0].float()))
        means = {name: module.running_mean.clone() for name, module in norms.items()}
        for _ in range(train._STATISTICS_BATCHES):
            network(run._batch()[0])
    for name, batches in arrived.items():
        wanted = torch.stack([x.mean([d for d in range(x.dim()) if d != 1]) for x in batches]).mean(0)
        torch.testing.assert_close(means[name], wanted, atol=0.01, rtol=0.02)
    old = [module for module in run.averaged.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    assert max((a.running_mean - b).abs().max() for a, b in zip(old, means.values(), strict=True)) > 0.02


def test_one_run_starts_from_anothers_weights(folder: Path) -> None:
    runs = folder / "chain"
    train.main(folder / "tiny.toml", overrides=["minutes = 0.005"], runs_dir=runs)
    begun = runs / "tiny" / "tiny.safetensors"
    overrides = [f'start_from = "{begun.as_posix()}"', 'name = "next"', "minutes = 0.0"]
    train.main(folder / "tiny.toml", overrides=overrides, runs_dir=runs)
    before, after = load_model(begun).network, load_model(runs / "next" / "next.safetensors").network
    for a, b in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)


def test_optional_parts_start_from_weights_without_them(folder: Path) -> None:
    begun = folder / "parts_from" / "tiny" / "tiny.safetensors"
    train.main(folder / "tiny.toml", overrides=["minutes = 0.0", "steps = 2"], runs_dir=begun.parents[1])
    without = load_model(begun).network
    both = build("atcn", {**dataclasses.asdict(without.config), "enhance": True, "project": True}).eval()
    both.load_state_dict(weights_for(both, begun))
    windows = torch.randn(6, 9, 17, 2)
    with torch.inference_mode():
        torch.testing.assert_close(both(windows), without(windows), atol=1e-6, rtol=0)


def test_separate_dilation_starts_from_weights_without_it(folder: Path) -> None:
    runs, form = folder / "dilated", "frames = 27, channels = 32, groups = 4, reduction = 16, dropout = 0.0"
    overrides = ["minutes = 0.0", "settings = {" + form + "}", 'name = "none"']
    train.main(folder / "tiny.toml", overrides=overrides, runs_dir=runs)
    begun = runs / "none" / "none.safetensors"
    separate = "settings = {" + form + ', dilation = "separate"}'
    overrides = ["minutes = 0.0", "steps = 3", separate, 'name = "trained"', f'start_from = "{begun.as_posix()}"']
    train.main(folder / "tiny.toml", overrides=overrides, runs_dir=runs)
    trained, none = (load_model(path).network for path in (runs / "trained" / "trained.safetensors", begun))
    dilated = build("atcn", {**dataclasses.asdict(none.config), "dilation": "separate"}).eval()
    dilated.load_state_dict(weights_for(dilated, begun))
    windows = torch.randn(6, 27, 17, 2)
    with torch.inference_mode():
        torch.testing.assert_close(dilated(windows), none(windows), atol=1e-6, rtol=0)
    assert (dilated.level_stems[0].norm.norm.weight == 0).all() and dilated.level_stems[0].stem.weight.abs().max() > 0
    assert (trained.level_stems[0].norm.norm.weight != 0).any(), "the new stem learns"
    with pytest.raises(LifterError, match="not of the network that is trained"):
        train.main(folder / "tiny.toml", overrides=[*overrides, separate.replace("27", "81")], runs_dir=runs)


def test_a_run_starts_from_the_mean_of_several(folder: Path) -> None:
    runs, weights = folder / "several", []
    for seed in (1, 2):
        overrides = ["minutes = 0.0", f"seed = {seed}", f'name = "seed{seed}"']
        train.main(folder / "tiny.toml", overrides=overrides, runs_dir=runs)
        weights.append(runs / f"seed{seed}" / f"seed{seed}.safetensors")
    listed = ", ".join(f'"{path.as_posix()}"' for path in weights)
    overrides = ["minutes = 0.0", 'name = "mean"', f"start_from_mean = [{listed}]"]
    train.main(folder / "tiny.toml", overrides=overrides, runs_dir=runs)
    a, b, mean = (load_model(p).network for p in (*weights, runs / "mean" / "mean.safetensors"))
    for x, y, z in zip(a.parameters(), b.parameters(), mean.parameters(), strict=True):
        torch.testing.assert_close(z, (x + y) / 2, atol=1e-3, rtol=1e-2)
    assert any((x - y).abs().max() > 0.01 for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert load_model(runs / "mean" / "mean.safetensors").card["training"]["start_from_mean"] == [p.name for p in weights]
    with pytest.raises(LifterError, match="not of the network that is trained"):
        train.main(folder / "tiny.toml", overrides=[*overrides, "settings = {frames = 27}"], runs_dir=runs)


def test_a_run_grows_from_a_shorter_network(folder: Path) -> None:
    runs, form = folder / "growing", "channels = 32, groups = 4, reduction = 16, branches = 1, dropout = 0.0"
    overrides = ["minutes = 0.0", "steps = 4", "settings = {frames = 9, " + form + "}", 'name = "short"']
    train.main(folder / "tiny.toml", overrides=overrides, runs_dir=runs)
    begun = runs / "short" / "short.safetensors"
    longer = ["minutes = 0.0", "settings = {frames = 27, " + form + "}", f'grow_from = "{begun.as_posix()}"']
    train.main(folder / "tiny.toml", overrides=[*longer, "steps = 4", 'name = "long"'], runs_dir=runs)
    long = load_model(runs / "long" / "long.safetensors")
    assert (long.network.layers[1].norm.norm.weight != 0).any(), "what was added learns"
    assert long.card["training"]["grow_from"] == "short.safetensors"
    config = train.read_config(folder / "tiny.toml", [*longer, 'name = "begun"'])
    with Processes() as processes:
        run = train._Run(config, runs / "begun", processes, resume=False)
    windows = torch.randn(6, 27, 17, 2)
    with torch.inference_mode():
        torch.testing.assert_close(run.network.eval()(windows), load_model(begun).network(windows[:, 9:18]), atol=1e-5, rtol=1e-4)
    with pytest.raises(LifterError, match="cannot grow from.*does not grow to 9"):
        train.main(folder / "tiny.toml", overrides=[*longer, longer[1].replace("27", "9")], runs_dir=runs)
    with pytest.raises(LifterError, match="settings differ in channels"):
        train.main(folder / "tiny.toml", overrides=[*longer, longer[1].replace("32", "64")], runs_dir=runs)


@pytest.mark.parametrize(
    ("overrides", "from_pairs"),
    [
        (["pairs_share = 1.0"], 24),
        (["pairs_share = 0.01"], 0),
        (["batch = 4", "pairs_share = 0.9"], 4),
        (["batch = 2", "pairs_share = 0.5"], 1),
        (["batch = 2", "validation_windows = 1", "pairs_share = 0.1", "errors_share = 0.1"], 0),
        (["batch = 4", "pairs_share = 1", 'architecture = "mixste"', "settings = {frames = 9, width = 16, depth = 1}"], 4),
        (["batch = 1", 'architecture = "mixste"', "settings = {frames = 9, width = 16, depth = 1}"], 0),
        (['batch = 1\nsequence_frames = 12\narchitecture = "tcn"', 'settings = {frames = 9, channels = 16, form = "dense"}'], 0),
    ],
)
def test_a_batch_may_be_all_pairs_or_all_motion_capture(
    folder: Path, overrides: list[str], from_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    for kind in (PairBatches, SequencePairs):
        sample = kind.sample
        monkeypatch.setattr(kind, "sample", lambda self, count, sample=sample: taken.append(count) or sample(self, count))
    overrides = [*overrides, "steps = 2", "minutes = 0.0", 'name = "share"']
    assert train.main(folder / "tiny.toml", overrides=overrides, runs_dir=folder / "runs") == 0
    assert set(taken) == ({from_pairs} if from_pairs else set())
    assert load_model(folder / "runs" / "share" / "share.safetensors").card["steps"] == 2


def test_the_curve_is_written_while_it_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "_NOTE_EVERY_S", 0.4)
    train.main(folder / "tiny.toml", overrides=["minutes = 0.04", 'name = "curve"'], runs_dir=folder / "runs")
    with (folder / "runs" / "curve" / "curve.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows and {"step", "loss_mm", "clean", "pairs", "waiting_share"} <= set(rows[0])
    assert [int(row["step"]) for row in rows] == sorted(int(row["step"]) for row in rows)
    assert not list((folder / "runs" / "curve").glob("*.partial"))


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused(folder: Path) -> None:
    runs = folder / "other"
    train.main(folder / "tiny.toml", overrides=["minutes = 0.001"], runs_dir=runs)
    wider = ["settings = {frames = 9, channels = 64, groups = 4, reduction = 16}"]
    with pytest.raises(LifterError, match="Cannot go on from"):
        train.main(folder / "tiny.toml", resume=True, overrides=wider, runs_dir=runs)
    (runs / "tiny" / "checkpoint.pt").write_bytes(b"gone")
    with pytest.raises(LifterError, match="Cannot go on from") as caught:
        train.main(folder / "tiny.toml", resume=True, runs_dir=runs)
    assert "\n" not in caught.value.message and "--resume" in caught.value.hint


def _saved(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint, by where they are in it."""

    def flat(value: object, name: str) -> dict[str, torch.Tensor]:
        if isinstance(value, torch.Tensor):
            return {name: value}
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return {key: tensor for part, each in items for key, tensor in flat(each, f"{name}.{part}").items()}

    return flat(torch.load(path, weights_only=True), "")


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("atcn", "channels = 32, groups = 4, reduction = 16"),
        ("tcn", "channels = 32"),
        ("mixste", "width = 16, depth = 2, heads = 2"),
        ("shared-attention", "channels = 32, groups = 4, reduction = 16"),
    ],
)
def test_every_network_trains_with_the_optional_parts(folder: Path, architecture: str, settings: str) -> None:
    overrides = [f'architecture = "{architecture}"', "settings = {frames = 9, enhance = true, project = true, " + settings + "}"]
    overrides += [f'name = "parts-{architecture}"', "steps = 3", "minutes = 0.0"]
    train.main(folder / "tiny.toml", overrides=overrides, runs_dir=folder / "runs")
    network = load_model(folder / "runs" / f"parts-{architecture}" / f"parts-{architecture}.safetensors").network
    for part in (network.enhance, network.project):
        assert part.out.weight.abs().max() > 0, "it begins as the identity, with zeros"


@pytest.mark.parametrize(
    "overrides",
    [
        ["settings = {frames = 9, channels = 32, groups = 4, reduction = 16, dropout = 0.2}", 'optimiser = "ranger"'],
        ['architecture = "mixste"', "settings = {frames = 9, width = 16, depth = 2, heads = 2}", 'loss = "sequence"'],
    ],
    ids=["atcn", "mixste"],
)
def test_a_run_that_was_cut_short_goes_on_to_the_very_same_weights(
    folder: Path, overrides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight steps at once, and eight of which another call does the last five: every bit of the checkpoints is the same."""
    overrides = [*overrides, "steps = 8", "minutes = 0.0", "errors_share = 0.5"]
    train.main(folder / "tiny.toml", overrides=[*overrides, 'name = "whole"'], runs_dir=folder / "runs")
    step = train._Run._step

    def cut(run: train._Run, spent: float) -> None:
        if run.state["step"] == 3:
            raise KeyboardInterrupt
        step(run, spent)

    with monkeypatch.context() as patch:
        patch.setattr(train, "_NOTE_EVERY_S", -1.0)  # a checkpoint before every step
        patch.setattr(train._Run, "_step", cut)
        with pytest.raises(KeyboardInterrupt):
            train.main(folder / "tiny.toml", overrides=[*overrides, 'name = "cut"'], runs_dir=folder / "runs")
    assert load_model(folder / "runs" / "cut" / "cut.safetensors").card["steps"] == 3
    train.main(folder / "tiny.toml", overrides=[*overrides, 'name = "cut"'], resume=True, runs_dir=folder / "runs")
    whole, cut_short = (_saved(folder / "runs" / name / "checkpoint.pt") for name in ("whole", "cut"))
    assert len(whole) > 50 and list(whole) == list(cut_short)
    for name, tensor in whole.items():
        assert torch.equal(tensor, cut_short[name]), name
    card = load_model(folder / "runs" / "cut" / "cut.safetensors").card
    assert card["steps"] == 8 and card["windows"] == 8 * 24 and card["core_hours"] >= 0


def test_batches_made_ahead_are_the_same_batches(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where one that waits was forgotten again and again, for a note after every step."""
    overrides = ["steps = 5", "minutes = 0.0", "errors_share = 0.5"]
    monkeypatch.setattr(train, "_NOTE_EVERY_S", -1.0)
    train.main(folder / "tiny.toml", overrides=[*overrides, 'name = "ahead"'], runs_dir=folder / "runs")
    monkeypatch.setattr(train, "_NOTE_EVERY_S", 60.0)
    train.main(folder / "tiny.toml", overrides=[*overrides, 'name = "seldom"'], runs_dir=folder / "runs")
    monkeypatch.setattr(train, "Ahead", lambda *_: None)
    train.main(folder / "tiny.toml", overrides=[*overrides, 'name = "plain"'], runs_dir=folder / "runs")
    ahead, seldom, plain = (_saved(folder / "runs" / name / "checkpoint.pt") for name in ("ahead", "seldom", "plain"))
    assert len(plain) > 50 and any("generator" in name for name in plain)
    for name, tensor in plain.items():
        assert torch.equal(tensor, ahead[name]) and torch.equal(tensor, seldom[name]), name


def test_the_curve_begins_anew_with_the_run_and_takes_new_columns(folder: Path, tmp_path: Path) -> None:
    curve = folder / "runs" / "anew" / "curve.csv"
    for resume, rows in ((False, 1), (False, 1), (True, 2)):
        overrides = ['name = "anew"', f"steps = {2 * rows}"]
        train.main(folder / "tiny.toml", overrides=overrides, resume=resume, runs_dir=folder / "runs")
        assert len(curve.read_text(encoding="utf-8").splitlines()) == 1 + rows
    before = folder / "runs" / "anew.1"
    assert {path.name for path in before.iterdir()} == {path.name for path in curve.parent.iterdir()} >= {"checkpoint.pt"}
    assert not (folder / "runs" / "anew.2").exists(), "a run that goes on puts nothing aside"
    assert {"windows_per_s", "gflops", "minutes_left", "core_hours"} <= set(
        curve.read_text(encoding="utf-8").split("\n")[0].split(",")
    )
    train._write_row(tmp_path / "a.csv", {"step": 1})
    train._write_row(tmp_path / "a.csv", {"step": 2, "pairs1": 3.5})
    assert (tmp_path / "a.csv").read_text(encoding="utf-8").split() == ["step,pairs1", "1,", "2,3.5"]


def test_what_a_training_step_costs() -> None:
    """TCN, 9 frames: 3 steps of 102 -> C, one of 3 C -> C -> C -> 51; back twice as much, but for the gradient of the input."""
    config = TrainConfig(name="a", mocap="b", architecture="tcn", settings={"frames": 9, "channels": 16})
    stem, rest = 3 * 102 * 16, 48 * 16 + 16 * 16 + 16 * 51
    assert train.training_flops(config, 9) == 2 * (3 * (stem + rest) - stem)


@pytest.mark.parametrize(
    ("settings", "compiled"),
    [
        ({"frames": 27}, False),
        ({"frames": 81, "dilation": "shared"}, False),
        ({"frames": 81, "dilation": "separate"}, False),
        pytest.param({"frames": 27}, True, marks=pytest.mark.slow),  # two minutes of compiling
    ],
)
def test_fused_training_is_the_same_training(settings: dict, compiled: bool) -> None:
    """Outputs, gradients and the norms' statistics of the plain network, with the loops of fused.py as they are and compiled."""
    from lifter.models.fused import fuse

    torch.manual_seed(0)
    small = {"channels": 64, "groups": 4, "reduction": 16, "dropout": 0.0}
    plain = build("atcn", {**small, **settings}).train()
    for module in plain.modules():
        if isinstance(module, torch.nn.BatchNorm1d) and module.affine:
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias)
    fused = copy.deepcopy(plain)
    fuse(fused)
    windows, away = torch.randn(40, settings["frames"], 17, 2), torch.randn(40, 17, 3)
    with torch.compiler.set_stance("default" if compiled else "force_eager"):
        outputs = [network(windows) for network in (plain, fused)]
        torch.testing.assert_close(outputs[1], outputs[0], rtol=0, atol=1e-5)
        for output in outputs:
            (output * away).sum().backward()
    largest = float(max(p.grad.abs().max() for p in plain.parameters() if p.grad is not None))
    for (name, one), other in zip(plain.named_parameters(), fused.parameters(), strict=True):
        if other.grad is None:  # a bias before a batch norm: its gradient is 0
            assert name.split(".")[-1] == "bias" and one.grad.abs().max() < 1e-5 * largest
        else:
            torch.testing.assert_close(other.grad, one.grad, rtol=0, atol=1e-5 * largest)
    for one, other in zip(plain.buffers(), fused.buffers(), strict=True):
        torch.testing.assert_close(other, one, rtol=0, atol=1e-5)
    for network in (plain, fused):
        network.eval()
    torch.testing.assert_close(fused(windows), plain(windows), rtol=0, atol=1e-4)


def test_compiling_without_a_compiler_is_one_sentence(folder: Path) -> None:
    """In a process of its own: torch looks for the compiler once."""
    program = (
        "import sys; from pathlib import Path; from lifter import train; from lifter.errors import LifterError\n"
        "try: train.main(Path(sys.argv[1]), overrides=['compile = true', 'steps = 1'], runs_dir=Path(sys.argv[2]))\n"
        "except LifterError as error: print(error.message, '|', error.hint)"
    )
    environment = {**os.environ, "CXX": "no-such-compiler", "TORCHINDUCTOR_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-c", program, str(folder / "tiny.toml"), str(folder / "runs of none")]
    said = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    assert said.startswith("torch.compile does not work here: ") and said.endswith(
        "| Install a C++ compiler, or set compile = false.\n"
    )
    assert said.count("\n") == 1


def test_mocap_without_anyone_to_validate_on(folder: Path) -> None:
    archives.write_mocap(folder / "one.npz", {"cmu/01/a": archives.mocap_clip("walk")})
    with pytest.raises(LifterError, match="no clip for validation") as caught:
        train.main(folder / "tiny.toml", overrides=['mocap = "one.npz"'], runs_dir=folder / "runs")
    assert "'cmu/01'" in caught.value.message and "folder of their own" in caught.value.hint
    for named in ("[]", '["cmu/01", "cmu/02", "cmu/03", "cmu/10", "mesh2motion"]'):
        archives.write_mocap(folder / "ours.npz", {"cmu/03/a": archives.mocap_clip("walk")})
        mocap = "mocap.npz" if named != "[]" else "ours.npz"
        with pytest.raises(LifterError, match="no clip for training"):
            overrides = [f'mocap = "{mocap}"', f"validation_subjects = {named}"]
            train.main(folder / "tiny.toml", overrides=overrides, runs_dir=folder / "runs")


def test_anybodys_motion_capture_trains(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who is held back is said, and stands in the card; rendered pairs of them are held back as well."""
    people = ("anna", "ben", "cleo")
    archives.write_mocap(
        folder / "others.npz", {f"studio/{p}/take": archives.mocap_clip("walk", seed=i) for i, p in enumerate(people)}
    )
    archives.write_pairs(folder / "others_pairs.npz", [("walk", "human-male", f"studio/{person}/take") for person in people])
    for name, setting, held_back in (("share", "[]", "cleo"), ("named", '["studio/ben"]', "ben")):
        overrides = ['mocap = "others.npz"', 'pairs = ["others_pairs.npz"]', f'name = "{name}"', "steps = 2", "minutes = 0.0"]
        train.main(folder / "tiny.toml", overrides=[*overrides, f"validation_subjects = {setting}"], runs_dir=folder / "runs")
        assert f"studio/{held_back}" in capsys.readouterr().out
        card = load_model(folder / "runs" / name / f"{name}.safetensors").card
        assert card["training"]["validation_subjects"] == [f"studio/{held_back}"] and "pairs" in card["validation_mm"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("learning_rat = 0.1", "unknown key 'learning_rat'"),
        ("minutes = 'long'", "minutes must be a float"),
        ("batch = 0.5", "batch must be a int"),
        ("batch = true", "batch must be a int"),
        ("settings = 3", "settings must be a dict"),
        ("noise = {jitters = 1}", "jitters"),
        ("cameras = {moving = 1}", "moving"),
        ("bodies = {height = 1}", "height"),
        ("frame_s = [0.2, 0.1]", "frame_s must be two times"),
        ("frame_s = [0.1]", "frame_s must be two times"),
        ("frame_s = ['a', 'b']", "not right"),
        ("frame_s = [0.1, inf]", "frame_s must be two times"),
        ("batch = 0", "batch must be 1 or more, not 0"),
        ("batch = -4", "batch must be 1 or more, not -4"),
        ("batch = 1", "A batch of 1 is too small"),
        ('batch = 1\narchitecture = "tcn"\nsettings = {frames = 9, channels = 32, form = "dense"}', "A batch of 1 is too small"),
        ("validation_windows = 0", "validation_windows must be 1 or more"),
        ("pairs_share = 1.5", "pairs_share must be from 0 to 1, not 1.5"),
        ("pairs_share = -0.1", "pairs_share must be from 0 to 1"),
        ("errors_share = nan", "errors_share must be from 0 to 1"),
        ("warmup_share = 2", "warmup_share must be from 0 to 1"),
        ("steps = -3", "steps must be 0 or more, not -3"),
        ("minutes = -1", "minutes must be 0 or more"),
        ("minutes = inf", "minutes must be 0 or more, and finite"),
        ("call_minutes = -1.0", "call_minutes must be 0 or more"),
        ("threads = -1", "threads must be 0 or more"),
        ("sequence_frames = -9", "sequence_frames must be 0 or more"),
        ("weight_decay = -0.1", "weight_decay must be 0 or more"),
        ("bone_loss = -1", "bone_loss must be 0 or more"),
        ("learning_rate = 0.0", "learning_rate must be more than 0"),
        ("learning_rate = -0.1", "learning_rate must be more than 0"),
        ("ema_decay = 1.0", "ema_decay must be 0 or more and below 1, not 1.0"),
        ("ema_decay = -0.5", "ema_decay must be 0 or more and below 1"),
        ("seed = 1_000_000_000_000_000_000_000", "seed must have 18 digits at most"),
        ("seed = ", "not right"),
        ("name = '..'", "name must be that of a folder, not '..'"),
        ("name = ''", "name must be that of a folder"),
        ("name = '../elsewhere'", "name must be that of a folder"),
        ("name = 'a\\b'", "name must be that of a folder"),
        ("pairs = [1]", "pairs must be a list of str"),
        ("start_from_mean = [1]", "start_from_mean must be a list of str"),
        ("validation_subjects = [3]", "validation_subjects must be a list of str"),
        ("validation_subjects = ['cmu/99']", "no subject 'cmu/99'"),
        ("noise = {bias_std = 'x'}", "noise: bias_std must be a float, not 'x'"),
        ("noise = {jitter_correlation = 2.0}", "noise: jitter_correlation must be 0 or more and below 1"),
        ("cameras = {distance_m = 5}", "cameras: distance_m must be two numbers, the smaller one first"),
        ("cameras = {distance_m = [9.0, 2.0]}", "cameras: distance_m must be two numbers, the smaller one first"),
        ("cameras = {distance_m = [1.0, 2.0, 3.0]}", "cameras: distance_m must be two numbers"),
        ("cameras = {distance_m = [-1.0, 2.0]}", "cameras: distance_m must be from 0.3 to 1000, not -1.0"),
        ("cameras = {roll_std_deg = nan}", "cameras: roll_std_deg must be from 0 to 180, not nan"),
        ("augmentation = {share = 2.0}", "augmentation: share must be from 0 to 1, not 2.0"),
        ("augmentation = {share = -1}", "augmentation: share must be from 0 to 1, not -1"),
        ("augmentation = {bend_factor = 1.0}", "augmentation: bend_factor must be two numbers"),
        ("bodies = {spread = 50.0}", "bodies: spread must be from 0 to 3, not 50.0"),
        ("bodies = {spread = true}", "bodies: spread must be a float, not True"),
        ("settings = {frames = 9, inputs = 4}", "inputs must be 2, 3 or 6, not 4"),
        ("settings = {frames = 9, inputs = 2.0}", "inputs must be a int, not 2.0"),
        ("settings = {frames = 9, branches = 0}", "branches must be 1 or more, not 0"),
        ("settings = {frames = 9, joints = 16}", "joints must be 17, not 16"),
        ("settings = {frames = 9, reduction = 0}", "reduction must be 1 or more, not 0"),
        ("settings = {frames = 9, dropout = 1.0}", "dropout must be 0 or more and below 1"),
        ("settings = {frames = 9, causal = 'yes'}", "causal must be a bool, not 'yes'"),
        ("architecture = 'mixste'\nsettings = {heads = 0}", "heads must be 1 or more, not 0"),
        ("architecture = 'tcn'\nsettings = {frames = 9, dropout = -0.1}", "dropout must be 0 or more and below 1"),
        ("architecture = 'shared-attention'\nsettings = {frames = 9, groups = 0}", "groups must be 1 or more, not 0"),
        ("learning_rate = 1e30\nsteps = 3", "The run has diverged: after 3 steps"),
        ("optimiser = 'sgd'", "no optimiser 'sgd'"),
        ("architecture = 'resnet'", "No network is called 'resnet'"),
        ("settings = {frame = 27}", "no setting 'frame'"),
        ("mocap = 'none.npz'", "none.npz"),
        ("pairs = ['none.npz']", "none.npz"),
        ("start_from = 'none.safetensors'", "no model 'none.safetensors'"),
        ("grow_from = 'none.safetensors'", "no model 'none.safetensors'"),
        ("start_from = 'one.safetensors'\ngrow_from = 'other.safetensors'", "not with two of them"),
    ],
)
def test_a_bad_configuration_is_one_sentence(folder: Path, change: str, says: str) -> None:
    with pytest.raises(LifterError, match=says) as caught:
        train.main(folder / "tiny.toml", overrides=[change], runs_dir=folder / "runs")
    assert "\n" not in caught.value.message and caught.value.hint


def test_a_configuration_that_is_not_there_or_lacks_its_name(tmp_path: Path) -> None:
    with pytest.raises(LifterError, match="Cannot read the training configuration"):
        read_config(tmp_path / "none.toml", [])
    (tmp_path / "bare.toml").write_text('mocap = "m.npz"', encoding="utf-8")
    with pytest.raises(LifterError, match="bare.toml is not right.*name"):
        read_config(tmp_path / "bare.toml", [])


def test_the_shipped_configuration_is_the_shipped_models() -> None:
    config = read_config(ROOT / "lifter" / "configs" / "atcn-27.toml", [])
    card = json.loads((ROOT / "lifter" / "weights" / "atcn-27.json").read_text(encoding="utf-8"))
    assert config.name == "atcn-27" and card["architecture"] == config.architecture
    assert card["settings"]["frames"] == config.settings["frames"] == 27
    assert config.acknowledgement == card["acknowledgement"] != ""


def test_the_loss_by_hand() -> None:
    truth = torch.zeros(1, 17, 3)
    truth[0, :, 0] = torch.arange(17) / 10
    assert pose_loss(truth, truth, 0.5).item() == 0
    # All but the pelvis 0.1 m off: no bone changes but the three that start at the pelvis.
    moved = truth.clone()
    moved[:, 1:, 1] += 0.1
    assert pose_loss(moved, truth, 0.0).item() == pytest.approx(0.1)
    assert pose_loss(moved, truth, 1.0).item() == pytest.approx(0.1 + 0.1 * 3 / 16)
    # Joints whose truth is not known do not count, and no NaN comes out of them.
    unknown = truth.clone()
    unknown[:, INDEX["nose"]] = torch.nan
    moved.requires_grad_()
    loss = pose_loss(moved, unknown, 1.0)
    loss.backward()
    assert loss.item() == pytest.approx(0.1 + 0.1 * 3 / 14)
    assert moved.grad is not None and moved.grad.isfinite().all() and (moved.grad[0, INDEX["nose"]] == 0).all()


def test_the_learning_rate_rises_and_falls() -> None:
    config = TrainConfig(name="a", mocap="b", learning_rate=1.0, warmup_share=0.1)
    rates = [learning_rate_at(config, share / 100) for share in range(101)]
    assert rates[0] == pytest.approx(0.05) and max(rates) == rates[10] == pytest.approx(1.0)
    assert rates[10:] == sorted(rates[10:], reverse=True) and rates[-1] == pytest.approx(0.01)
