"""Where the motion engine (the worker's own Python) is, and how it is called."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import Pose3DError
from ..core.paths import is_file, is_folder
from .setup import environment_folder, has_its_python, installed_groups, python_of_environment

ENGINE_VARIABLE = "POSE3D_ENGINE_PYTHON"
_COMMANDS_WITH_MODELS = frozenset({"detect", "infer", "live", "model-file"})
_NO_ENGINE_HINT = "Press Set Up the Motion Engine in the Pose3D tab or in the add-on's preferences."
_NO_PYTHON_HINT = "Correct it, or leave it empty and set the motion engine up."


@dataclass(frozen=True)
class Engine:
    """A Python with torch and MediaPipe that can run `python -m lifter`.

    resources: the folder that holds `lifter/`. models_dir: where the MediaPipe model lies or will be put.
    """

    python: Path
    resources: Path
    models_dir: Path

    def command(self, name: str, arguments: Sequence[str | Path] = ()) -> list[str]:
        """The argument list for `python -m lifter NAME ARGUMENTS… --progress json`; never goes through a shell."""
        models = ["--models-dir", str(self.models_dir)] if name in _COMMANDS_WITH_MODELS else []
        return [str(self.python), "-m", "lifter", name, *(str(a) for a in arguments), *models, "--progress", "json"]

    def environment(self) -> dict[str, str]:
        """The worker's environment: this process's own, less every Python setting that belongs to Blender's interpreter."""
        kept = {k: v for k, v in os.environ.items() if not k.upper().startswith("PYTHON") and k != "VIRTUAL_ENV"}
        return kept | {
            "PYTHONPATH": str(self.resources),
            "PYTHONNOUSERSITE": "1",
            # Without it a torch.py or an io.py in the folder where Blender was started would be imported.
            "PYTHONSAFEPATH": "1",
            "PYTHONUTF8": "1",
            "PYTHONUNBUFFERED": "1",
        }


def find_engine(resources: Path, preference_path: str | Path | None, home: Path) -> Engine:
    """The engine that the user chose, else the one the environment names, else the one that the set-up or build.py made.

    preference_path: from the add-on's preferences, empty when unset. home: the folder with `envs/` and `models/`.
    A Python that was named but is not there is an error, never silently passed over. Raises Pose3DError.
    """
    if not (resources / "lifter" / "__init__.py").is_file():
        raise Pose3DError(f"The motion engine's code is missing from {resources}.", hint="Install the add-on again.")
    if preference_path:
        python = _named_python(str(preference_path), "the add-on's preferences")
    elif from_environment := os.environ.get(ENGINE_VARIABLE):
        python = _named_python(from_environment, ENGINE_VARIABLE)
    else:
        folder = environment_folder(home)
        python = python_of_environment(folder)
        if not installed_groups(folder):  # never one that was left half made
            what = "is only half set up" if is_folder(folder) else "is not set up"
            if is_file(folder / "complete.json") and not has_its_python(folder):
                what = "was made with a Python that is no longer there"
            raise Pose3DError(f"The motion engine {what}.", hint=_NO_ENGINE_HINT)
    return Engine(python=python, resources=resources, models_dir=models_folder(python, home))


def models_folder(python: Path, home: Path) -> Path:
    """The home's, or while it has none the one that build.py filled when it made this Python: an installed add-on has a home of
    its own, and what is on the disk already is not fetched again."""
    beside = Path(*python.parts[:-4], "models")
    if python.parts[-4:-2] == ("envs", "lifter") and os.path.isdir(beside) and not os.path.isdir(home / "models"):
        return beside
    return home / "models"


def _named_python(text: str, where: str) -> Path:
    """A path that was named by a person: an interpreter, or the folder of a virtual environment. Links are kept: the link
    is what makes a virtual environment's Python find its packages."""
    path = Path(os.path.expanduser(text)).absolute()  # Path.expanduser raises where there is no such user
    python = python_of_environment(path) if is_folder(path) else path
    if not is_file(python) or not os.access(python, os.X_OK):
        raise Pose3DError(f"There is no Python at {python}, which {where} names as the motion engine.", hint=_NO_PYTHON_HINT)
    return python
