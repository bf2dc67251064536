"""The motion engine that the tests use, where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from blender_pose3d.worker.engine import python_of_environment

ROOT = Path(__file__).resolve().parents[2]
HOME = Path(os.environ.get("POSE3D_HOME", ROOT / ".pose3d"))
MODELS = HOME / "models"


def engine_python() -> Path | None:
    """A Python with the motion engine's packages: named by the environment, made by build.py, or the one that runs the tests."""
    for python in (os.environ.get("POSE3D_ENGINE_PYTHON"), python_of_environment(HOME / "envs" / "lifter"), sys.executable):
        if python and Path(python).is_file():
            probe = "import importlib.util as u; raise SystemExit(not (u.find_spec('torch') and u.find_spec('mediapipe')))"
            if subprocess.run([python, "-c", probe], check=False).returncode == 0:
                return Path(python)
    return None


ENGINE_PYTHON = engine_python()
