"""The Blenders that the tests run in: bpy wheels or Blender itself, always in a process of its own."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLENDERS_VARIABLE = "POSE3D_TEST_BLENDERS"


def find_blenders() -> list[Path]:
    """Interpreters with bpy, or blender executables: as named by POSE3D_TEST_BLENDERS, else build.py's environments `blender-*`
    beside the one that runs the tests or in the home folder."""
    if named := os.environ.get(BLENDERS_VARIABLE):
        return [Path(p) for p in named.split(os.pathsep) if p]
    folders = [Path(sys.prefix).parent, Path(os.environ.get("POSE3D_HOME", ROOT / ".pose3d")) / "envs"]
    inside = Path("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    found = [environment / inside for folder in folders for environment in sorted(folder.glob("blender-*"))]
    return [p for p in dict.fromkeys(found) if p.is_file()]


def _name(executable: Path) -> str:
    return executable.parts[-3] if executable.name.startswith("python") else "-".join(executable.parts[-2:])


NO_BLENDER = f"no Blender: set {BLENDERS_VARIABLE}, or let build.py make its environments"


@pytest.fixture(scope="session")
def blender_pythons() -> list[Path]:
    """Every Blender to test in; skips when there is none."""
    return find_blenders() or pytest.skip(NO_BLENDER)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "one_blender: takes long, and what it shows does not depend on Blender's version")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `blender_python` runs once in every Blender, or in one of them where it is marked `one_blender`."""
    if "blender_python" in metafunc.fixturenames:
        blenders = find_blenders()
        if metafunc.definition.get_closest_marker("one_blender"):
            # The newest whose Python is also the motion engine's.
            older = [b for b in blenders if (b.parents[1] / "lib" / "python3.11").is_dir()]
            blenders = older[-1:] or blenders[:1]
        none = pytest.param(None, marks=pytest.mark.skip(reason=NO_BLENDER), id="none")
        metafunc.parametrize("blender_python", [pytest.param(b, id=_name(b)) for b in blenders] or [none])


class Runner(Protocol):
    """Runs a script in a Blender, with user settings of its own; stderr is part of stdout, unless it is kept `apart`.

    The script ends itself with os._exit, because a bpy module may hang when its interpreter ends.
    """

    def __call__(
        self,
        executable: Path,
        script: Path,
        *arguments: str | Path,
        environment: dict[str, str] | None = None,
        timeout_s: float = 300,
        apart: bool = False,
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="session")
def start_blender(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    def start(executable, script, *arguments, environment=None, timeout_s=300, apart=False):
        if executable.name.startswith("python"):
            command = [str(executable), str(script)]
        else:
            command = [str(executable), "--background", "--factory-startup", "--python-exit-code", "1", "--python", str(script)]
        user = tmp_path_factory.mktemp("blender-user")
        for folder in ("config", "scripts", "extensions", "datafiles"):
            (user / folder).mkdir()
        return subprocess.run(
            [*command, "--", *(str(a) for a in arguments)],
            env=os.environ | {"BLENDER_USER_RESOURCES": str(user), "PYTHONDONTWRITEBYTECODE": "1"} | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if apart else subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )

    return start


@pytest.fixture
def run_in_blender(blender_python: Path, start_blender: Runner) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_in_blender(script, *arguments, environment={})`: the script in this test's Blender."""
    return functools.partial(start_blender, blender_python)
