"""200 imports in one Blender: memory, handles, threads and processes do not grow, and each makes one action and nothing else."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from tests.blender.conftest import NO_BLENDER, find_blenders
from tests.reliability.test_kills import film, needs_engine
from tests.worker.engines import ENGINE_PYTHON, MODELS

SCRIPT = Path(__file__).with_name("soak.py")
WARM_UP = 50  # imports: the actions of the first fifth are there until then, and the allocators have what they need
GROWTH_BYTES = 5e6  # of 150 imports; 0.2e6 were measured

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


def soak(blender: Path, tmp_path: Path, *, imports: int, through_worker: int) -> dict:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copytree(MODELS, home / "models")
    results = tmp_path / "results.json"
    clip = film(tmp_path / "clip.mp4", 0)
    words = ["--", results, clip, imports, through_worker]
    is_wheel = blender.name.startswith("python")
    start = [SCRIPT] if is_wheel else ["--background", "--factory-startup", "--python-exit-code", "1", "--python", SCRIPT]
    variables = {"POSE3D_HOME": home, "POSE3D_ENGINE_PYTHON": ENGINE_PYTHON, "BLENDER_USER_RESOURCES": tmp_path / "user"}
    environment = os.environ | {name: str(value) for name, value in variables.items()} | {"OMP_NUM_THREADS": "1"}
    command = [str(word) for word in (blender, *start, *words)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3000, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return json.loads(results.read_text(encoding="utf-8"))


@pytest.mark.reliability
@pytest.mark.timeout(3600)
@needs_engine
def test_two_hundred_imports(tmp_path: Path, tried) -> None:
    blenders = find_blenders() or pytest.skip(NO_BLENDER)
    wheels = [path for path in blenders if path.name.startswith("python")]
    told = soak((wheels or blenders)[-1], tmp_path, imports=200, through_worker=20)
    at = {name: np.array([sample[name] for sample in told["samples"]], float) for name in told["samples"][0]}
    rss = at["rss"]
    growth = rss[-20:].mean() - rss[WARM_UP : WARM_UP + 20].mean()
    print(
        f"RSS {rss[0] / 1e6:.0f} MB after 1, {rss[WARM_UP] / 1e6:.0f} after {WARM_UP}, {rss[-1] / 1e6:.0f} MB after 200: "
        f"{growth / 1e6:+.1f} MB from the {WARM_UP}th on, {growth / 130 / 1e3:+.0f} kB an import; "
        f"handles {at['fds'][0]:.0f} to {at['fds'][-1]:.0f}, threads {at['threads'][0]:.0f} to {at['threads'][-1]:.0f}, "
        f"processes {at['children'].max():.0f}; undo takes back {told['undo']}"
    )
    wrong = {int(problem.split()[1].rstrip(":")) for problem in told["problems"]}
    for number in range(200):
        tried("soak: imports in one Blender", str(number), number not in wrong)
    assert not told["problems"], told["problems"][:5]
    assert growth < GROWTH_BYTES
    for name in ("fds", "threads"):
        assert at[name][WARM_UP:].max() <= at[name][1:WARM_UP].max(), f"{name} grow: {at[name]}"
    assert at["children"].max() == 0, "a process outlived its import"
    assert told["undo"] in ("the action", "no undo without a window")
