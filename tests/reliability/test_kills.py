"""Worker, batch, Blender and set-up, killed at 100 random points in all: the next run works and gives the same, nothing is left
half written, no process, no lock and no pile of temporary files stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from blender_pose3d.core import takes
from blender_pose3d.core.leftovers import scratch
from blender_pose3d.worker import setup
from lifter.files import replacing
from tests.blender.conftest import NO_BLENDER, find_blenders
from tests.reliability.kills import Killer, Victim
from tests.worker.engines import ENGINE_PYTHON, MODELS
from tests.worker.test_setup import LIFTER, NAMES, Index, make_wheel
from tests.worker.workers import assert_gone, is_alive

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build.py"
DEMO = ROOT / "tests" / "data" / "demo.mp4"
CHECKS = ROOT / "tests" / "blender" / "rig_checks.py"
SCRIPT = Path(setup.__file__)
SEED = 20
BLENDER_FILES = ("blender_*", "blender_*/*", "blender_*/*/*")  # of its own, which a killed one leaves

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc")
long = pytest.mark.reliability
needs_engine = pytest.mark.skipif(
    ENGINE_PYTHON is None or not any(MODELS.glob("*.task")), reason="no motion engine with a landmark model here"
)
Run = Callable[[Victim, int], None]


@pytest.fixture
def kill(tried) -> Run:
    """`kill(victim, count)`: so many trials, and whether anything piles up."""

    def run(victim: Victim, count: int) -> None:
        killer = Killer(victim, seed=SEED)
        failures = []
        for number in range(count):
            trial = killer.trial(number)
            tried(f"kill: {victim.kind}", trial.name, not trial.problems)
            failures += [f"{trial.name}: {problem}" for problem in trial.problems]
        left, later = killer.left_now(), killer.left_days_later()
        print(
            f"{victim.kind}: {count} kills of a run of {killer.seconds:.1f} s; children ended within "
            f"{killer.orphans_ended_s:.1f} s; left: {[Path(path).name for path in left]}; days later: {later}"
        )
        assert not failures, "\n".join(failures)
        assert not later, f"temporary files pile up: {later}"

    return run


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """A home and folders for temporary files and the user's settings of its own."""
    home = tmp_path / "home"
    shutil.copytree(MODELS, home / "models") if MODELS.is_dir() else home.mkdir()
    folders = {name: tmp_path / name for name in ("temporary", "blender-user")}
    for folder in folders.values():
        folder.mkdir()
    for name in ("config", "scripts", "extensions", "datafiles"):
        (folders["blender-user"] / name).mkdir()
    return os.environ | {
        "POSE3D_HOME": str(home),
        "POSE3D_ENGINE_PYTHON": str(ENGINE_PYTHON),
        "TMPDIR": str(folders["temporary"]),
        "BLENDER_USER_RESOURCES": str(folders["blender-user"]),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }


def film(path: Path, first: int, count: int = 10) -> Path:
    source = cv2.VideoCapture(str(DEMO))
    source.set(cv2.CAP_PROP_POS_FRAMES, first)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (400, 400))
    for _ in range(count):
        writer.write(source.read()[1])
    writer.release()
    return path


def arrays(path: Path) -> str:
    """Of a track: every array to the bit."""
    with np.load(path, allow_pickle=False) as track:
        return json.dumps({name: track[name].tobytes().hex() for name in sorted(track.files)})


def emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()


# ---- the worker -------------------------------------------------------------------------------------------------------------


def worker(tmp_path: Path, environment: dict[str, str]) -> Victim:
    clip, out = film(tmp_path / "clip.mp4", 0), tmp_path / "out"
    out.mkdir()
    words = ["-m", "lifter", "infer", str(clip), str(out / "track.npz"), "--progress", "json"]
    return Victim(
        kind="worker",
        command=[str(ENGINE_PYTHON), "-P", *words],
        environment=environment,
        outputs=[out / "track.npz"],
        fresh=lambda: (out / "track.npz").unlink(missing_ok=True),
        watched=[out, tmp_path / "temporary", tmp_path / "home"],
        content=arrays,
    )


@long
@needs_engine
@pytest.mark.timeout(1800)
def test_thirty_killed_workers(tmp_path: Path, environment: dict[str, str], kill: Run) -> None:
    kill(worker(tmp_path, environment), 30)


# ---- a batch and Blender ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def blender() -> Path:
    """The newest wheel whose Python is also the engine's, else any."""
    found = find_blenders() or pytest.skip(NO_BLENDER)
    older = [b for b in found if (b.parents[1] / "lib" / "python3.11").is_dir()]
    return (older or found)[-1]


@pytest.fixture(scope="module")
def rig(blender: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("rig")
    command = [str(blender), str(CHECKS), "--", str(folder / "done.json"), "props", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return f"{folder / 'human.blend'}:a_pose"


@long
@needs_engine
@pytest.mark.timeout(1800)
def test_twenty_killed_batches(tmp_path: Path, environment: dict[str, str], blender: Path, rig: str, kill: Run) -> None:
    """With the tracks in the cache: the engines start, the Blender solves and writes."""
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    for number in range(3):
        film(clips / f"{number}.mp4", 60 * number)
    words = ["batch", str(clips), "--rig", rig, "--out", str(out / "{stem}.bvh")]
    victim = Victim(
        kind="batch",
        command=[sys.executable, str(BUILD), *words],
        environment=environment | {"BLENDER": str(blender)},
        outputs=[out / f"{number}.bvh" for number in range(3)],
        fresh=lambda: emptied(out),
        watched=[out, tmp_path / "temporary", tmp_path / "home"],
        strays=BLENDER_FILES,
    )
    kill(victim, 20)


def retarget(command: list[str], tmp_path: Path, environment: dict[str, str], rig: str, clip: Path, kind: str) -> Victim:
    out = tmp_path / "out"
    out.mkdir()
    words = ["retarget", str(clip), "--rig", rig, "--out", str(out / "walk.glb")]
    return Victim(
        kind=kind,
        command=[*command, *words],
        environment=environment,
        outputs=[out / "walk.glb"],
        fresh=lambda: emptied(out),
        watched=[out, tmp_path / "temporary", tmp_path / "home"],
        strays=BLENDER_FILES,
    )


@long
@needs_engine
@pytest.mark.timeout(1800)
def test_twenty_killed_blenders(tmp_path: Path, environment: dict[str, str], blender: Path, rig: str, kill: Run) -> None:
    """With the worker that they started, and build.py, in whose place the Blender is."""
    clip, environment = film(tmp_path / "clip.mp4", 0), environment | {"BLENDER": str(blender)}
    kill(retarget([sys.executable, str(BUILD)], tmp_path, environment, rig, clip, "Blender with its worker"), 20)


@long
@needs_engine
@pytest.mark.timeout(1800)
def test_five_killed_real_blenders(tmp_path: Path, environment: dict[str, str], rig: str, kill: Run) -> None:
    real = [path for path in find_blenders() if not path.name.startswith("python")] or pytest.skip("no real Blender here")
    track = tmp_path / "track.npz"
    words = ["-m", "lifter", "infer", str(film(tmp_path / "clip.mp4", 0)), str(track)]
    subprocess.run([str(ENGINE_PYTHON), "-P", *words], env=environment, check=True, capture_output=True)
    command = [str(real[-1]), "--background", "--factory-startup", "--python-exit-code", "1", "--python", str(BUILD), "--"]
    kill(retarget(command, tmp_path, environment, rig, track, "Blender (real)"), 5)


# ---- the set-up -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """A package index on this machine."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name in NAMES:
        make_wheel(folder, name)
    server = Index(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def pip_of(index: Index, tmp_path: Path, environment: dict[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environment.items() if not name.startswith("PIP_") and "proxy" not in name.lower()}
    address = f"http://127.0.0.1:{index.server_port}/simple"
    more = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": address, "PIP_CACHE_DIR": str(tmp_path / "pip")}
    return kept | more | {"PIP_RETRIES": "1"}


DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.worker.job import Job
try:
    Job(sys.argv[2:]).wait()
except Pose3DError as error:
    sys.exit(error.sentence)
"""


def set_up(tmp_path: Path, environment: dict[str, str], index: Index, *, driven: bool) -> Victim:
    """driven: what is killed is the parent, as Blender is; the set-up must notice."""
    home, resources = tmp_path / "home", tmp_path / "resources"
    (resources / "lifter").mkdir(parents=True)
    (resources / "lifter" / "__init__.py").write_text("")
    (resources / "lifter" / "__main__.py").write_text(LIFTER)
    pins = ", ".join(f'"{name}==7.7.7"' for name in NAMES)
    (resources / "pyproject.toml").write_text(f"[dependency-groups]\nlifter = [{pins}]\n")
    words = [sys.executable, "-I", str(SCRIPT), "install", "--home", str(home), "--resources", str(resources)]
    words += ["--python", sys.executable]

    def content(_marker: Path) -> str:
        """The engine is whole: every package answers with its version."""
        python = setup.python_of_environment(home / "envs" / "lifter")
        ask = f"import importlib.metadata as m; print([m.version(n) for n in {NAMES!r}])"
        said = subprocess.run([str(python), "-I", "-c", ask], capture_output=True, text=True, check=False)
        return f"{said.stdout}{said.stderr[-300:]} {(home / 'models' / 'pose.task').read_bytes()!r}"

    def fresh() -> None:
        for name in ("envs", "wheels", "models"):
            shutil.rmtree(home / name, ignore_errors=True)

    return Victim(
        kind="Blender that sets the engine up" if driven else "set-up",
        command=[sys.executable, "-c", DRIVER, str(ROOT), *words] if driven else words,
        environment=pip_of(index, tmp_path, environment),
        outputs=[home / "envs" / "lifter" / "complete.json"],
        fresh=fresh,
        watched=[tmp_path / "temporary", home / "models", home / "envs", home],
        content=content,
        strays=("envs/*/*", "*/envs/lifter/**", "*/envs/lifter/*/*", "*/*.dist-info/*"),
    )


@long
@pytest.mark.timeout(1800)
def test_ten_killed_set_ups(tmp_path: Path, environment: dict[str, str], index: Index, kill: Run) -> None:
    kill(set_up(tmp_path, environment, index, driven=False), 10)


@long
@pytest.mark.timeout(1800)
def test_ten_killed_blenders_that_set_up(tmp_path: Path, environment: dict[str, str], index: Index, kill: Run) -> None:
    kill(set_up(tmp_path, environment, index, driven=True), 10)


def test_what_a_killed_run_left_goes_when_it_is_old_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old_s = time.time() - 8 * 86400
    theirs = {
        "old": [".out.npz.abc.tmp", ".out.npz.1.partial", "pose3d-scratch-abcdefgh"],
        "other": [".out2.npz.abc.tmp.mine", "pose3d-scratch", "pose3d-scratch-mine", "out.npz.tmp", "track.npz"],
    }
    for name in (*theirs["old"], *theirs["other"]):
        (tmp_path / name).mkdir() if name.startswith("pose3d") else (tmp_path / name).touch()
        os.utime(tmp_path / name, (old_s, old_s))
    for name in (".out.npz.new.tmp", "pose3d-scratch-12345678"):
        (tmp_path / name).mkdir() if name.startswith("pose3d") else (tmp_path / name).touch()
    with replacing(tmp_path / "out.npz") as partial:
        partial.write_bytes(b"whole")
    assert not (tmp_path / ".out.npz.abc.tmp").exists() and (tmp_path / ".out.npz.new.tmp").exists()
    takes.prune(tmp_path, limit_bytes=1e9, keep=[])
    with scratch():
        pass
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*theirs["other"], ".out.npz.new.tmp", "pose3d-scratch-12345678", "out.npz"}


INSTALLER = """
import sys
sys.path.insert(0, sys.argv[1])
from blender_pose3d.worker.setup import module_command, running
with running(module_command(sys.executable, "http.server", "0", "--bind", "127.0.0.1"), None) as child:
    print(child.pid, flush=True)
    child.wait()
"""


def test_what_installs_ends_with_whoever_started_it() -> None:
    """A module that would run for ever stands in for pip."""
    with subprocess.Popen([sys.executable, "-c", INSTALLER, str(ROOT)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_alive(child)
        parent.kill()
    assert_gone(child, within_s=10)


ENVIRONMENT = """
import importlib.util, signal, sys
spec = importlib.util.spec_from_file_location("pose3d_build", sys.argv[1])
build = importlib.util.module_from_spec(spec)
sys.modules["pose3d_build"] = build
spec.loader.exec_module(build)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as build.start does
build.make_environment(build.Environment("small", ("one",), (sys.version_info[:2],), 0.01), pins={"one": sys.argv[2:]})
"""


@long
@pytest.mark.timeout(1800)
def test_five_killed_environments_of_build_py(tmp_path: Path, environment: dict[str, str], index: Index, kill: Run) -> None:
    folder = tmp_path / "home" / "envs"

    def content(_marker: Path) -> str:
        ask = f"import importlib.metadata as m; print([m.version(n) for n in {NAMES!r}])"
        python = str(setup.python_of_environment(folder / "small"))
        said = subprocess.run([python, "-I", "-c", ask], capture_output=True, text=True, check=False)
        return said.stdout + said.stderr[-300:]

    victim = Victim(
        kind="environment of build.py",
        command=[sys.executable, "-c", ENVIRONMENT, str(BUILD), *(f"{name}==7.7.7" for name in NAMES)],
        environment=pip_of(index, tmp_path, environment),
        outputs=[folder / "small" / "complete.json"],
        fresh=lambda: shutil.rmtree(folder, ignore_errors=True),
        watched=[tmp_path / "temporary"],
        content=content,
        signals=(signal.SIGKILL, signal.SIGKILL, signal.SIGTERM),
    )
    kill(victim, 5)
