"""The Blenders that the tests run in: bpy wheels or Blender itself, always in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

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


def _or_skip(blenders: list[Path]) -> list[Path]:
    if not blenders:
        pytest.skip(f"no Blender: set {BLENDERS_VARIABLE}, or let build.py make its environments")
    return blenders


@pytest.fixture(scope="session")
def blender_pythons() -> list[Path]:
    """Every Blender to test in; skips when there is none."""
    return _or_skip(find_blenders())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `blender_python` runs once in every Blender."""
    if "blender_python" in metafunc.fixturenames:
        blenders = find_blenders()
        metafunc.parametrize("blender_python", blenders or [None], ids=[_name(b) for b in blenders] or ["none"])


@pytest.fixture
def run_in_blender(blender_python: Path | None, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """`run_in_blender(script, *arguments, environment={})`: the script in this test's Blender, with user settings of its own.

    The script ends itself with os._exit, because a bpy module may hang when its interpreter ends.
    """
    executable = _or_skip([blender_python] if blender_python else [])[0]

    def run(script: Path, *arguments: str | Path, environment: dict[str, str] | None = None, timeout_s: float = 300):
        if executable.name.startswith("python"):
            command = [str(executable), str(script)]
        else:
            command = [str(executable), "--background", "--factory-startup", "--python-exit-code", "1", "--python", str(script)]
        user = tmp_path / "blender-user"
        for folder in ("config", "scripts", "extensions", "datafiles"):
            (user / folder).mkdir(parents=True, exist_ok=True)
        return subprocess.run(
            [*command, "--", *(str(a) for a in arguments)],
            env=os.environ | {"BLENDER_USER_RESOURCES": str(user), "PYTHONDONTWRITEBYTECODE": "1"} | (environment or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )

    return run
