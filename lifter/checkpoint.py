"""Weights on disk: safetensors beside a JSON of the same name (architecture, settings, provenance). Nothing is ever unpickled."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from .errors import LifterError
from .models import build
from .models.atcn import ATCN
from .models.folded import FoldedATCN

WEIGHTS_DIR = Path(__file__).parent / "weights"
DEFAULT_MODEL = "atcn-27"
FORMAT_VERSION = 1


@dataclass(frozen=True)
class LoadedModel:
    """network (in eval mode), name, sha256 of the weights file, card: the JSON beside it."""

    network: nn.Module
    name: str
    sha256: str
    card: dict

    @functools.cached_property
    def poses_of(self) -> Callable[[Tensor], Tensor]:
        """Encoded windows [B, N, 17, inputs] -> poses [B, 17, 3] metres: the network, in the form that is soonest done."""
        if isinstance(self.network, ATCN) and self.network.config.branch_form == "grouped":
            return FoldedATCN(self.network)
        return self.network


def available_models() -> list[str]:
    return sorted(p.stem for p in WEIGHTS_DIR.glob("*.safetensors"))


def save_model(path: Path, network: nn.Module, card: dict) -> None:
    """Write PATH.safetensors (half precision) and PATH.json; each appears whole or not at all."""
    tensors = {k: v.half().contiguous() if v.is_floating_point() else v.contiguous() for k, v in network.state_dict().items()}
    weights, notes, partial = (path.with_name(path.name + suffix) for suffix in (".safetensors", ".json", ".partial"))
    weights.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, partial)
    card = {"format_version": FORMAT_VERSION, **card, "sha256": _sha256(partial)}
    os.replace(partial, weights)
    partial.write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    os.replace(partial, notes)


def load_model(model: str | Path | None = None, *, device: torch.device | str = "cpu") -> LoadedModel:
    """A shipped model by name, or any .safetensors by path.

    Raises LifterError if it is missing, does not match its hash or its architecture.
    """
    name = str(model or DEFAULT_MODEL)
    path = _weights_path(name)
    notes = path.with_suffix(".json")
    if not path.is_file() or not notes.is_file():
        raise LifterError(
            f"There is no model '{name}'.", hint=f"Choose one of: {', '.join(available_models()) or 'none installed'}."
        )
    try:
        card = json.loads(notes.read_text(encoding="utf-8"))
        architecture, settings, expected = card["architecture"], card["settings"], card["sha256"]
        version = card["format_version"]
        if not isinstance(architecture, str) or not isinstance(settings, dict) or type(version) is not int:
            raise TypeError("architecture must be a text, settings an object and format_version a whole number")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as reason:
        why = getattr(reason, "strerror", None) or (f"{reason} is missing" if isinstance(reason, KeyError) else reason)
        raise LifterError(
            f"The description {notes.name} of the model cannot be read: {why}.", hint="Install Pose3D again."
        ) from None
    if version > FORMAT_VERSION:
        raise LifterError(f"The model '{path.stem}' was made by a newer version of Pose3D.", hint="Update Pose3D.")
    actual = _sha256(path)
    if actual != expected:
        raise LifterError(
            f"The weights {path.name} are damaged: their SHA-256 is not the one in {notes.name}.", hint="Install Pose3D again."
        )
    with torch.device("meta"):  # shapes without numbers: a few words in the description must not ask for all memory
        wanted = sum(p.numel() for p in build(architecture, settings).parameters())
    if wanted > path.stat().st_size:
        raise LifterError(f"The weights {path.name} do not fit the {architecture} network.", hint="Install Pose3D again.")
    network = build(architecture, settings)
    try:
        network.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in load_file(path).items()})
    except (SafetensorError, OSError, RuntimeError) as reason:
        first = str(reason).splitlines()[0]
        raise LifterError(
            f"The weights {path.name} do not fit the {architecture} network: {first}", hint="Install Pose3D again."
        ) from None
    return LoadedModel(network.eval().to(device), path.stem, actual, card)


def kept_model(model: str | Path | None = None, *, device: torch.device | str = "cpu") -> LoadedModel:
    """`load_model`, but the same network again where it was loaded before and its files have not changed since: for a process
    that lifts many clips. Nobody may change what it returns.
    """
    name = str(model or DEFAULT_MODEL)
    path = _weights_path(name)
    try:
        files = [file.stat() for file in (path, path.with_suffix(".json"))]
    except OSError:
        return load_model(name, device=device)  # which says what is missing
    return _kept(name, str(device), tuple((file.st_mtime_ns, file.st_size) for file in files))


@functools.lru_cache(maxsize=4)
def _kept(name: str, device: str, state: tuple[tuple[int, int], ...]) -> LoadedModel:
    return load_model(name, device=device)


def _weights_path(name: str) -> Path:
    return Path(name) if name.endswith(".safetensors") else WEIGHTS_DIR / f"{name}.safetensors"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
