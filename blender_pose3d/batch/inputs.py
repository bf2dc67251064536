"""What an output is made from, and what the tracks between are called."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core.errors import Pose3DError
from ..core.leftovers import short_stem
from .jobs import LIFTING_OPTIONS, BatchJob

# Inputs whose values are names and hashes, also where they look like numbers.
_NAMES = frozenset(("clip", "version", "weights", "rig", "preset", "model", "report"))
_PREFIX = 16  # hexadecimal digits of a hash in a file name


def said_in_one_way(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The same for inputs that mean the same: 0.10 is 0.1, and a switch that is off was not given."""
    out = {}
    for name, value in inputs.items():
        if value is False:
            continue
        out[name] = value
        if isinstance(value, str) and name not in _NAMES:
            with contextlib.suppress(ValueError):
                out[name] = repr(float(value))
    return out


class Inputs:
    """What an output is made from, as hashes of contents, so that a file that was moved or touched is still the same one."""

    def __init__(self, *, resources: Path, version: str) -> None:
        self._weights, self._version = resources / "lifter" / "weights", version
        self._known: dict[Path, str] = {}

    def of(self, job: BatchJob) -> dict[str, Any]:
        """Raises Pose3DError where the clip or the rig cannot be read."""
        options = said_in_one_way({name: self._value(job, name, value) for name, value in sorted(job.options.items())})
        return {"clip": self._file(job.clip), "version": self._version, "weights": self._network(job), **options}

    def parts(self, job: BatchJob, paths: Iterable[str]) -> dict[str, str]:
        """The other files that a job's rig has parts in, as libraries and pictures, with a hash of what is in them; "" for
        one that is not there. They are named from the rig's folder on, so that all of it may be moved; paths: so or absolute.
        """
        folder = job.rig_file.absolute().parent
        found = {}
        for path in paths:
            whole = os.path.abspath(folder / path)
            with contextlib.suppress(ValueError):  # on another drive of Windows
                path = os.path.relpath(whole, folder)
            found[path] = ""
            if os.path.isfile(whole):
                with contextlib.suppress(Pose3DError):
                    found[path] = self._file(Path(whole))[:_PREFIX]
        return found

    def track_name(self, job: BatchJob) -> str:
        """The file name of the clip's track: the same for the same clip, lifted with the same options by the same network."""
        inputs = self.of(job)
        what = {name: inputs.get(name) for name in ("clip", "version", "weights", *LIFTING_OPTIONS)}
        return f"{short_stem(job.clip)}-{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:_PREFIX]}.npz"

    def _value(self, job: BatchJob, name: str, value: str | bool) -> str | bool:
        """A file's content in place of its path; of what is written its place from the result's folder on, so that all of it may
        be moved; other values as they are."""
        if isinstance(value, bool):
            return value
        if name == "report":
            with contextlib.suppress(ValueError):  # on another drive of Windows
                return Path(os.path.relpath(value, job.out.parent)).as_posix()
            return value
        path, _, armature = (value, "", "") if os.path.isfile(value) else value.rpartition(":")
        return f"{self._file(Path(path))}:{armature}" if os.path.isfile(path) else value

    def _network(self, job: BatchJob) -> str:
        """All shipped networks count where none is named: only the motion engine knows which one it takes. What is named by its
        path counts as the option that it is."""
        name = str(job.options.get("model") or "")
        if job.is_lifted or name.endswith(".safetensors"):
            return ""
        named = self._weights / f"{name}.safetensors"
        paths = sorted(self._weights.glob("*.safetensors")) if not name else [named] if os.path.isfile(named) else []
        return "".join(self._file(path)[:_PREFIX] for path in paths)

    def _file(self, path: Path) -> str:
        if path not in self._known:
            try:
                with path.open("rb") as file:
                    self._known[path] = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                raise Pose3DError(f"There is no file {path}.", hint="Check the path.") from None
            except OSError as error:
                raise Pose3DError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error
        return self._known[path]
