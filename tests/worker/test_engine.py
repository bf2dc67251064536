from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import pytest

from blender_pose3d import places
from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.worker.engine import Engine, find_engine, models_folder, python_of_environment
from blender_pose3d.worker.job import PARENT_PIPE_VARIABLE, Job
from tests.worker.engines import ENGINE_PYTHON, MODELS
from tests.worker.workers import assert_gone, is_alive

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "tests" / "data" / "demo.mp4"


@pytest.fixture(autouse=True)
def no_engine_named(monkeypatch):
    monkeypatch.delenv("POSE3D_ENGINE_PYTHON", raising=False)


def make_python(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def mark_complete(home: Path) -> None:
    (home / "envs" / "lifter" / "complete.json").write_text(json.dumps({"python": "3.11.7", "groups": {"lifter": "0"}}))


def test_the_preference_comes_first_then_the_variable_then_home(tmp_path, monkeypatch):
    chosen, named = make_python(tmp_path / "chosen" / "python"), make_python(tmp_path / "named" / "python")
    made = make_python(python_of_environment(tmp_path / "home" / "envs" / "lifter"))
    home = tmp_path / "home"
    with pytest.raises(Pose3DError, match="only half set up"):
        find_engine(ROOT, "", home)
    mark_complete(home)
    assert find_engine(ROOT, "", home) == Engine(made, ROOT, home / "models")
    monkeypatch.setenv("POSE3D_ENGINE_PYTHON", str(named))
    assert find_engine(ROOT, None, home).python == named
    assert find_engine(ROOT, str(chosen), home).python == chosen


def test_the_folder_of_an_environment_will_do(tmp_path):
    python = make_python(python_of_environment(tmp_path / "env"))
    assert find_engine(ROOT, tmp_path / "env", tmp_path).python == python


def test_the_models_that_build_py_fetched_serve_an_add_on_with_a_home_of_its_own(tmp_path):
    python = make_python(python_of_environment(tmp_path / "project" / "envs" / "lifter"))
    home = tmp_path / "home"
    assert find_engine(ROOT, python, home).models_dir == home / "models"
    (tmp_path / "project" / "models").mkdir()
    assert find_engine(ROOT, python, home).models_dir == tmp_path / "project" / "models"
    assert find_engine(ROOT, make_python(tmp_path / "project" / "other" / "python"), home).models_dir == home / "models"
    (home / "models").mkdir(parents=True)
    assert find_engine(ROOT, python, home).models_dir == home / "models"


@pytest.mark.parametrize("left", ["nothing", "the starter", "another version"])
def test_an_environment_whose_python_is_gone_is_not_taken_for_whole(tmp_path, left):
    """Removed with an older Blender or by an upgrade of the system; on Windows the environment's own starter stays, and says so
    only when it is run."""
    base, folder = tmp_path / "base" / "bin", tmp_path / "home" / "envs" / "lifter"
    version = "{}.{}".format(*sys.version_info)
    base.mkdir(parents=True)
    (base / f"python{version}").symlink_to(Path(sys.executable).resolve())
    python = python_of_environment(folder)
    python.parent.mkdir(parents=True)
    python.symlink_to(base / f"python{version}")
    mark_complete(tmp_path / "home")
    home = f"home = {base}\ninclude-system-site-packages = false\n"
    (folder / "pyvenv.cfg").write_text(f"{home}version = {version}.1\n", encoding="utf-8")
    assert find_engine(ROOT, "", tmp_path / "home").python == python

    if left == "another version":
        (folder / "pyvenv.cfg").write_text(f"{home}version = 3.10.9\n", encoding="utf-8")
    else:
        (base / f"python{version}").unlink()
    if left == "the starter":
        python.unlink()
        python.write_text("#!/bin/sh\n")
        python.chmod(0o755)
    with pytest.raises(Pose3DError, match="a Python that is no longer there") as caught:
        find_engine(ROOT, "", tmp_path / "home")
    assert "Set Up the Motion Engine" in caught.value.hint


def test_a_home_below_the_users_own(tmp_path, monkeypatch):
    """As build.py reads it; a desktop's menu, say, passes the sign on as it is."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("POSE3D_HOME", "~/pose3d")
    assert places.home_folder() == tmp_path / "pose3d"


def test_no_engine(tmp_path):
    with pytest.raises(Pose3DError, match="not set up") as caught:
        find_engine(ROOT, "", tmp_path)
    assert "Set Up the Motion Engine" in caught.value.hint and "preferences" in caught.value.hint


def test_a_named_python_that_is_missing_is_not_passed_over(tmp_path, monkeypatch):
    make_python(python_of_environment(tmp_path / "envs" / "lifter"))
    with pytest.raises(Pose3DError, match="preferences names"):
        find_engine(ROOT, str(tmp_path / "none"), tmp_path)
    monkeypatch.setenv("POSE3D_ENGINE_PYTHON", str(tmp_path / "none"))
    with pytest.raises(Pose3DError, match="POSE3D_ENGINE_PYTHON names"):
        find_engine(ROOT, "", tmp_path)


def test_resources_without_the_lifter(tmp_path):
    with pytest.raises(Pose3DError, match="code is missing"):
        find_engine(tmp_path, "", tmp_path)


def test_blenders_python_settings_do_not_reach_the_worker(tmp_path, monkeypatch):
    """Seen from inside a real child: a stray module in its folder, PYTHONHOME and PYTHONPATH of Blender change nothing."""
    (tmp_path / "json.py").write_text("raise SystemExit('the json.py of the working folder was imported')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONHOME", "/blender/python")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setenv("KEPT", "yes")
    engine = Engine(Path(sys.executable), ROOT, tmp_path)
    program = "import json, os, sys; print(json.dumps([sys.path, dict(os.environ), sys.flags.no_user_site]))"
    done = subprocess.run([sys.executable, "-c", program], env=engine.environment(), capture_output=True, text=True, check=True)
    path, environment, no_user_site = json.loads(done.stdout)
    assert str(ROOT) in path and str(tmp_path) not in path and "" not in path
    assert "PYTHONHOME" not in environment and environment["KEPT"] == "yes"
    assert no_user_site == 1
    assert os.environ["PYTHONHOME"] == "/blender/python", "our own environment is left alone"


def test_command_is_a_list_with_the_clip_as_it_is(tmp_path):
    engine = Engine(tmp_path / "my python", ROOT, tmp_path)
    python, infer = str(tmp_path / "my python"), ["infer", "/clips/a b; rm.mp4", "out.npz"]
    assert engine.command("infer", [Path("/clips/a b; rm.mp4"), "out.npz"]) == [
        *(python, "-m", "lifter", *infer, "--models-dir", str(tmp_path), "--progress", "json")
    ]
    assert engine.command("models") == [python, "-m", "lifter", "models", "--progress", "json"]


@pytest.fixture
def real_engine():
    if ENGINE_PYTHON is None:
        pytest.skip("no Python with the motion engine's packages (POSE3D_ENGINE_PYTHON, or build.py's environment)")
    return Engine(ENGINE_PYTHON, ROOT, MODELS)


def test_the_real_worker_says_in_one_sentence_that_the_clip_is_missing(real_engine, tmp_path):
    job = Job(real_engine.command("infer", [tmp_path / "none.mp4", tmp_path / "out.npz"]), real_engine.environment())
    with pytest.raises(Pose3DError) as caught:
        job.wait(120)
    assert "none.mp4" in caught.value.message and "unexpectedly" not in caught.value.message, job.log_tail
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="keeps the worker's stdout open through /proc")
def test_the_real_worker_ends_when_its_parent_is_killed(real_engine, tmp_path):
    """In the middle of detecting, with a reader left on its stdout, so that no broken pipe ends it."""
    parent = textwrap.dedent(
        """
        import json, sys, time
        from blender_pose3d.worker.job import Job
        job = Job(json.loads(sys.argv[1]), json.loads(sys.argv[2]))
        job.start()
        while not job.fraction > 0:
            assert not job.ended, job.error
            job.poll()
        print(job.pid, flush=True)
        time.sleep(60)
        """
    )
    command = real_engine.command("infer", [CLIP, tmp_path / "out.npz"])
    arguments = [json.dumps(command), json.dumps(real_engine.environment())]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    arguments = [sys.executable, "-c", parent, *arguments]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, text=True) as started:
        worker = int(started.stdout.readline())
        try:
            with open(f"/proc/{worker}/fd/1", "rb"):
                assert is_alive(worker)
                started.kill()
                assert_gone(worker, within_s=2.0)
        finally:
            started.kill()
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
    assert list(tmp_path.iterdir()) == [], "nothing half-written"


@pytest.mark.parametrize("stdin", ["null", "closed", "terminal", "a pipe that nobody promised to keep"])
def test_the_real_worker_runs_to_its_end_where_stdin_says_nothing(real_engine, tmp_path, stdin):
    """Its end here is to say that there is no clip, half a second after the start."""
    command = real_engine.command("infer", [tmp_path / "none.mp4", tmp_path / "out.npz"])
    environment = real_engine.environment() | {PARENT_PIPE_VARIABLE: "1"}
    with contextlib.ExitStack() as stack:
        given: int | None = subprocess.DEVNULL
        if stdin == "closed":
            command, given = ["sh", "-c", 'exec "$@" <&-', "sh", *command], None
        elif stdin == "terminal":
            master, given = os.openpty()
            stack.callback(os.close, given)
            os.close(master)  # a terminal that has hung up: reading gives its end at once
        elif stdin != "null":
            del environment[PARENT_PIPE_VARIABLE]
            given, writer = os.pipe()
            stack.callback(os.close, given)
            os.close(writer)
        done = subprocess.run(command, env=environment, stdin=given, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["event"] == "error"


def test_a_home_without_models_has_those_of_the_home_where_its_python_was_made(tmp_path: Path) -> None:
    """As the add-on and `retarget` have it: what is on the disk is not fetched again."""
    made_in, home = tmp_path / "made", tmp_path / "home"
    venv.create(made_in / "envs" / "lifter")
    python = python_of_environment(made_in / "envs" / "lifter")
    program = "from lifter import landmark_model; print(landmark_model.default_models_dir())"
    environment = os.environ | {"POSE3D_HOME": str(home), "PYTHONPATH": str(ROOT)}

    def found() -> str:
        return subprocess.run([python, "-c", program], env=environment, capture_output=True, text=True, check=True).stdout.strip()

    assert found() == str(home / "models")
    (made_in / "models").mkdir()
    assert found() == str(made_in / "models") == str(models_folder(python, home))
    (home / "models").mkdir(parents=True)
    assert found() == str(home / "models") == str(models_folder(python, home))
