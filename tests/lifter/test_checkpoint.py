"""Weights on disk: what is written loads again, and what is damaged is refused before any of it is used."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from lifter import checkpoint
from lifter.checkpoint import available_models, load_model, save_model
from lifter.errors import LifterError
from lifter.models import build

SETTINGS = {"frames": 9, "channels": 32, "groups": 4, "reduction": 8}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(1)
    save_model(tmp_path / "small", build("atcn", SETTINGS), {"architecture": "atcn", "settings": SETTINGS, "note": "made"})
    return tmp_path / "small.safetensors"


def _card(weights: Path, **changes: object) -> None:
    notes = weights.with_suffix(".json")
    card = json.loads(notes.read_text(encoding="utf-8")) | changes
    notes.write_text(json.dumps({k: v for k, v in card.items() if v is not None}), encoding="utf-8")


def _resealed(weights: Path) -> None:
    """A card that says that the weights are right, whatever they are."""
    _card(weights, sha256=hashlib.sha256(weights.read_bytes()).hexdigest())


def _refused(weights: Path) -> LifterError:
    with pytest.raises(LifterError) as caught:
        load_model(weights)
    assert "\n" not in caught.value.message and caught.value.hint
    return caught.value


def test_what_is_saved_loads_again_in_half_precision(saved: Path) -> None:
    torch.manual_seed(1)
    network = build("atcn", SETTINGS).eval()
    loaded = load_model(saved)
    assert loaded.name == "small" and loaded.card["note"] == "made" and not loaded.network.training
    assert loaded.sha256 == hashlib.sha256(saved.read_bytes()).hexdigest()
    for name, tensor in network.state_dict().items():
        assert loaded.network.state_dict()[name].dtype == tensor.dtype
        torch.testing.assert_close(loaded.network.state_dict()[name], tensor, atol=1e-3, rtol=1e-3)
    x = torch.randn(4, 9, 17, 2)
    with torch.inference_mode():
        torch.testing.assert_close(loaded.network(x), network(x), atol=5e-3, rtol=5e-2)
    assert all(t.dtype in (torch.float16, torch.int64) for t in load_file(saved).values())
    assert sorted(p.name for p in saved.parent.iterdir()) == ["small.json", "small.safetensors"]


def test_a_name_with_a_dot_keeps_it(tmp_path: Path) -> None:
    save_model(tmp_path / "atcn-lr0.1", build("atcn", SETTINGS), {"architecture": "atcn", "settings": SETTINGS})
    assert load_model(tmp_path / "atcn-lr0.1.safetensors").name == "atcn-lr0.1"


def test_every_shipped_model_loads() -> None:
    assert checkpoint.DEFAULT_MODEL in available_models()
    for name in available_models():
        loaded = load_model(name)
        assert loaded.card["training"] and loaded.card["acknowledgement"] and loaded.card["steps"] > 0
        assert all(p.isfinite().all() for p in loaded.network.parameters())


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(LifterError, match="no model 'best'") as caught:
        load_model("best")
    assert checkpoint.DEFAULT_MODEL in caught.value.hint
    assert "no model" in _refused(tmp_path / "none.safetensors").message


def test_weights_without_a_card_are_not_loaded(saved: Path) -> None:
    saved.with_suffix(".json").unlink()
    assert "no model" in _refused(saved).message


@pytest.mark.parametrize("keep", [0, 7, 100, 5000])
def test_truncated_weights(saved: Path, keep: int) -> None:
    saved.write_bytes(saved.read_bytes()[:keep])
    assert "damaged" in _refused(saved).message
    _resealed(saved)  # cut off before they were sealed
    assert "do not fit" in _refused(saved).message


def test_one_changed_bit(saved: Path) -> None:
    content = bytearray(saved.read_bytes())
    content[-1] ^= 1
    saved.write_bytes(content)
    assert "SHA-256" in _refused(saved).message


def test_weights_of_another_network(saved: Path) -> None:
    _card(saved, settings={**SETTINGS, "channels": 64})
    assert "do not fit the atcn network" in _refused(saved).message
    _card(saved, settings={**SETTINGS, "frames": 27})
    assert "do not fit the atcn network" in _refused(saved).message


def test_one_tensor_more_or_less(saved: Path) -> None:
    tensors = load_file(saved)
    for changed in ({**tensors, "extra": torch.zeros(1)}, {k: v for k, v in tensors.items() if k != "head.bias"}):
        save_file(changed, saved)
        _resealed(saved)
        assert "do not fit" in _refused(saved).message


CARDS: dict[str, tuple[dict[str, Any], str]] = {
    "another architecture": ({"architecture": "resnet"}, "No network is called 'resnet'"),
    "an architecture that is a list": ({"architecture": ["atcn"]}, "cannot be read"),
    "an unknown setting": ({"settings": {**SETTINGS, "depth": 3}}, "no setting 'depth'"),
    "a setting that is no number": ({"settings": {**SETTINGS, "channels": "many"}}, "do not fit"),
    "settings that are a number": ({"settings": 5}, "cannot be read"),
    "no settings": ({"settings": None}, "cannot be read"),
    "no architecture": ({"architecture": None}, "cannot be read"),
    "no hash": ({"sha256": None}, "cannot be read"),
    "no version": ({"format_version": None}, "cannot be read"),
    "a version that is a word": ({"format_version": "one"}, "cannot be read"),
    "a newer version": ({"format_version": 2}, "newer version of Pose3D"),
}


@pytest.mark.parametrize("case", sorted(CARDS))
def test_a_bad_card(saved: Path, case: str) -> None:
    changes, says = CARDS[case]
    _card(saved, **changes)
    assert says in _refused(saved).message


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "[" * 100_000, "\xff"])
def test_a_card_that_is_no_json_object(saved: Path, text: str) -> None:
    saved.with_suffix(".json").write_bytes(text.encode("latin-1"))
    assert "small.json" in _refused(saved).message


class _Trap:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("form", ["pickle", "torch"])
def test_a_pickle_is_never_loaded(saved: Path, tmp_path: Path, form: str) -> None:
    sprung = tmp_path / "sprung"
    if form == "pickle":
        saved.write_bytes(pickle.dumps(_Trap(sprung)))
    else:
        torch.save({"head.weight": _Trap(sprung)}, saved)
    _resealed(saved)
    assert "do not fit" in _refused(saved).message and not sprung.exists()
    # The trap works: whoever unpickles the file springs it.
    if form == "pickle":
        pickle.loads(saved.read_bytes())
        assert sprung.exists()
