"""build.py as its users meet it: in processes of its own, and its environments made for real, only small."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from blender_pose3d.core.errors import Pose3DError
from tests.worker.engines import ENGINE_PYTHON, MODELS
from tests.worker.test_setup import UNTRUSTED, Index, index, resources  # noqa: F401 - fixtures

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build.py"
LACKING = "libGL.so.1: cannot open shared object file: No such file or directory"
LONG = "x" * 300  # a name that no file system takes
BLENDERS = [path for path in os.environ.get("POSE3D_TEST_BLENDERS", "").split(os.pathsep) if path]


def run(*arguments: object, python: str = sys.executable, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python build.py ARGUMENTS` with `variables` over this process's own."""
    command = [python, str(BUILD), *map(str, arguments)]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=300, check=False)


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """It failed, and said why on stderr without a traceback."""
    assert done.returncode != 0, done
    assert "Traceback" not in done.stdout + done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.fixture(scope="module")
def build() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("pose3d_build", BUILD)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["pose3d_build"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["pose3d_build"]


# ---- sentences --------------------------------------------------------------------------------------------------------------


def older_pythons() -> list[str]:
    names = [f"python3.{minor}" for minor in range(6, 11)]
    found = [path for name in names if (path := shutil.which(name))]
    found += [str(path) for name in names for path in Path.home().glob(f".pyenv/versions/*/bin/{name}")]
    return [path for path in found if subprocess.run([path, "-V"], capture_output=True, check=False).returncode == 0]


def test_an_older_python_can_parse_it() -> None:
    ast.parse(BUILD.read_text(encoding="utf-8"), feature_version=(3, 6))


def test_an_older_python_is_told_so() -> None:
    pythons = older_pythons()
    if not pythons:
        pytest.skip("no Python older than 3.11 on this machine")
    for python in pythons:
        done = run("demo", python=python)
        assert_one_sentence(done, "Pose3D needs Python 3.11 or newer", python)


SOURCE = ["--source", "pyproject.toml", "--rig", "rigify", "--out", "o.glb"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dance"], ["no command 'dance'", "demo"]),
        (["retarget"], ["CLIP", "--help"]),
        (["retarget", "none.mp4", "--rig", "rigify", "--out", "o.glb"], ["no clip none.mp4"]),
        (["retarget", "pyproject.toml", "--rig", "none.blend:Arm", "--out", "o.glb"], ["no rig file none.blend"]),
        (["retarget", "pyproject.toml", "--rig", "rigify", "--out", "o.mov"], ["cannot write o.mov", ".glb"]),
        (["retarget", "pyproject.toml", "--rig", "rigify", "--out", "o.glb", "--fps", "x"], ["--fps"]),
        (["retarget", "pyproject.toml", "--rig", "rigify", "--out", "o.glb", "--action", "Walk"], ["--action", "a source's"]),
        (["retarget", *SOURCE, "--smoothing", "strong"], ["so --smoothing has nothing to do"]),
        (["retarget", *SOURCE, "--in-place", "--no-vertical"], ["so --no-vertical has nothing to do"]),
        (["retarget", *SOURCE, "--camera-pitch", "0"], ["so --camera-pitch has nothing to do"]),
        (
            ["retarget", "pyproject.toml", "--rig", "rigify", "--out", "o.glb", "--report", "r.html"],
            ["The report is a JSON file", "r.json"],
        ),
        (["retarget", LONG, "--rig", "rigify", "--out", "o.glb"], ["no clip xxx"]),
        (["retarget", "pyproject.toml", "--rig", LONG, "--out", "o.glb"], ["no rig file xxx"]),
        (["batch", LONG, "--rig", "rigify"], ["no clip, folder or table 'xxx"]),
        (["bench", "nothing"], ["no benchmark 'nothing'"]),
        (["demo", "--out", "pyproject.toml"], ["pyproject.toml cannot be written"]),
        (["package", "--link", "tests"], ["not a link"]),
        (["--", "retarget"], ["no bpy"]),
    ],
)
def test_bad_input_is_one_sentence(arguments: list[str], words: list[str]) -> None:
    assert_one_sentence(run(*arguments), *words)


def test_a_blender_that_is_none_is_one_sentence() -> None:
    assert_one_sentence(run("package", BLENDER=shutil.which("true") or sys.executable), "BLENDER is")


def test_an_engine_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    assert_one_sentence(run("lifter", "models", POSE3D_ENGINE_PYTHON=str(tmp_path / "python")), "POSE3D_ENGINE_PYTHON names")


def test_an_engine_is_named_by_its_environments_folder_as_well(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    monkeypatch.setenv("POSE3D_ENGINE_PYTHON", str(tmp_path / "env"))
    assert build.make_engine() == build.named_engine() == build.python_of_environment(tmp_path / "env")
    monkeypatch.delenv("POSE3D_ENGINE_PYTHON")
    assert build.named_engine() is None


@pytest.mark.skipif(sys.platform == "win32", reason="; parts folders there, and nobody has it in a name")
def test_a_checkout_where_python_imports_nothing_from_is_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "shot:12"
    shutil.copytree(ROOT / "blender_pose3d", folder / "blender_pose3d", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("build.py", "pyproject.toml", "blender_manifest.toml", "requirements-engine.txt"):
        shutil.copy(ROOT / name, folder / name)
    environment = os.environ | {"POSE3D_ENGINE_PYTHON": sys.executable, "POSE3D_HOME": str(tmp_path / "home")}
    for words in (("lifter", "models"), ("setup",), ("doctor",)):
        command = [sys.executable, str(folder / "build.py"), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
        if words == ("doctor",):
            assert done.returncode == 1 and f"Missing: {folder} has a ':' in its name" in done.stdout
        else:
            assert_one_sentence(done, f"{folder} has a ':' in its name", "another folder")


def test_a_home_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run("lifter", "models", POSE3D_HOME=str(tmp_path / "file"), POSE3D_ENGINE_PYTHON="")
    assert_one_sentence(done, "cannot be written", "Set POSE3D_HOME")


def test_help_names_every_command(build: ModuleType) -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(re.search(rf"^  {name}\b", done.stdout, re.MULTILINE) for name in build.COMMANDS)


def test_doctor_on_an_empty_home_says_what_is_missing_and_how_to_get_it(tmp_path: Path) -> None:
    done = run("doctor", POSE3D_HOME=str(tmp_path / "home"), POSE3D_ENGINE_PYTHON="")
    assert done.returncode == 1
    assert "Missing: the motion engine's environment: python3 build.py setup" in done.stdout
    assert not (tmp_path / "home").exists(), "doctor only looks"


def test_doctor_on_a_home_of_another_user_says_what_is_missing(
    build: ModuleType, tmp_path: Path, another_user: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSE3D_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("POSE3D_ENGINE_PYTHON", raising=False)
    monkeypatch.delenv("BLENDER", raising=False)
    assert build.command_doctor([]) == 1
    assert "Missing: the motion engine's environment" in capsys.readouterr().out


def test_what_may_not_be_looked_at_is_one_sentence(build: ModuleType, tmp_path: Path, another_user: None) -> None:
    """As on a farm, whose Workers have a user of their own."""
    for rest in ([tmp_path / "a.mp4", "--rig=rigify"], ["pyproject.toml", f"--rig={tmp_path / 'r.blend'}:A"]):
        with pytest.raises(Pose3DError, match="cannot be read: Permission denied"):
            build.check_retarget([*map(str, rest), "--out=o.glb"])
    environment = build.Environment("lifter", ("lifter",), ((3, 11),), 0.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POSE3D_HOME", str(tmp_path / "home"))
        with pytest.raises(Pose3DError, match="complete.json cannot be read: Permission denied"):
            build.make_environment(environment)


def test_doctor_looks_at_the_engine_that_is_named(tmp_path: Path) -> None:
    home, other = {"POSE3D_HOME": str(tmp_path / "home")}, {"POSE3D_ENGINE_PYTHON": str(tmp_path / "python")}
    assert f"unset POSE3D_ENGINE_PYTHON, which names {tmp_path / 'python'}" in run("doctor", **home, **other).stdout
    pytest.importorskip("torch")
    said = run("doctor", **home, POSE3D_ENGINE_PYTHON=sys.executable).stdout
    assert re.search(r"^Motion engine +python \S+, torch ", said, re.MULTILINE) and "Missing: the motion engine" not in said


def test_doctor_sees_what_is_damaged(tmp_path: Path) -> None:
    """A model and weights that are half there, and an environment some of whose files have gone."""
    shutil.copytree(ROOT, tmp_path / "project", ignore=shutil.ignore_patterns(".*", "tests", "docs"))
    models, weights = tmp_path / "home" / "models", tmp_path / "project" / "lifter" / "weights" / "atcn-27.safetensors"
    models.mkdir(parents=True)
    (models / "pose_landmarker_full.task").write_bytes(b"half")
    with weights.open("r+b") as file:
        file.truncate(1000)
    environment = os.environ | {"POSE3D_HOME": str(tmp_path / "home")}
    command = [sys.executable, str(tmp_path / "project" / "build.py"), "doctor"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert "Missing: a whole pose_landmarker_full.task, which is damaged: python3 build.py setup" in done.stdout
    assert "Missing: a whole atcn-27.safetensors, which is damaged: get a whole copy of the project" in done.stdout
    assert "atcn-27-causal.safetensors, which" not in done.stdout


def test_what_has_gone_from_an_environment_is_seen_and_made_anew(
    build: ModuleType, offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """What pip knows of a package says nothing of whether its files are still there."""
    pins = {"one": [make_wheel(offline, "pinned_one", "1.0")]}
    environment = small_environment(build, "one")
    python = build.make_environment(environment, pins=pins)
    assert build.examined(python, ["pinned_one"])["pinned_one"] == "1.0"
    (module,) = environment.folder.glob("[Ll]ib/**/pinned_one.py")
    module.unlink()
    assert "pinned_one" in build.examined(python, ["pinned_one"])["fault"]
    assert "does not run" in build.examined(tmp_path / "none", ["pinned_one"])["fault"]

    monkeypatch.setattr(build, "read_pins", lambda: pins)
    build.forget_if_broken(environment, ["pinned_one"])
    assert "is broken (pinned_one: No module named 'pinned_one')" in capsys.readouterr().out
    assert version_of(build.make_environment(environment, pins=pins), "pinned_one") == "1.0"
    build.forget_if_broken(environment, ["pinned_one"])
    assert environment.is_complete(pins)


def test_a_library_that_the_system_lacks_is_named_and_nothing_is_made_anew(
    build: ModuleType, offline: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a server without a desktop, where OpenCV and MediaPipe find none of what they draw with."""
    pins = {"one": [make_wheel(offline, "pinned_one", "1.0")]}
    environment = small_environment(build, "one")
    python = build.make_environment(environment, pins=pins)
    monkeypatch.setattr(build, "read_pins", lambda: pins)
    (module,) = environment.folder.glob("[Ll]ib/**/pinned_one.py")
    for library, is_the_systems in (("libnone.so.7", True), (str(module.with_name("own.so")), False)):
        module.write_text(f"import ctypes; ctypes.CDLL({library!r})")
        fault = build.examined(python, ["pinned_one"])["fault"]
        assert library in fault and bool(build.lacking_library(fault)) == is_the_systems
        build.forget_if_broken(environment, ["pinned_one"])
        assert environment.is_complete(pins) == is_the_systems


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for a Python")
def test_doctor_names_a_library_that_the_system_lacks(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -c \'import json; print(json.dumps({{"fault": "cv2: {LACKING}"}}))\'\n')
    python.chmod(0o755)
    done = run("doctor", POSE3D_HOME=str(tmp_path / "home"), POSE3D_ENGINE_PYTHON=str(python))
    assert "Missing: the system's library libGL.so.1: install it" in done.stdout and "libgles2" in done.stdout
    assert "POSE3D_ENGINE_PYTHON" not in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for a Python")
@pytest.mark.skipif(ENGINE_PYTHON is None or not any(MODELS.glob("pose*.task")) or not BLENDERS, reason="no engine or no Blender")
def test_a_batch_takes_the_model_beside_the_engine_that_is_named(tmp_path: Path) -> None:
    """As a studio's engine, which serves projects that are elsewhere, without a network; `retarget` takes it as well."""
    python = tmp_path / "studio" / "envs" / "lifter" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec "{ENGINE_PYTHON}" "$@"\n')
    python.chmod(0o755)
    models, home = tmp_path / "studio" / "models", tmp_path / "home"
    models.symlink_to(MODELS, target_is_directory=True)
    variables = {"POSE3D_HOME": str(home), "POSE3D_ENGINE_PYTHON": str(python), "BLENDER": BLENDERS[0]}
    done = run("batch-programs", **variables)
    assert json.loads(done.stdout.splitlines()[-1])["models_dir"] == str(models), done
    assert "Making the pose model" not in done.stderr and not (home / "models").exists()
    assert "Missing: MediaPipe" not in run("doctor", **variables).stdout


def test_lifter_passes_arguments_and_exit_codes_on(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    engine = {"POSE3D_ENGINE_PYTHON": sys.executable}
    (tmp_path / "numpy.py").write_text("raise SystemExit('the folder of the user was imported from')")
    assert run("lifter", "models", cwd=tmp_path, **engine).returncode == 0
    assert run("lifter", "infer", "none.mp4", "o.npz", cwd=tmp_path, **engine).returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="has no such pipes")
@pytest.mark.parametrize("words", [["doctor"], ["retarget", "--help"], ["--help"], ["dance"]])
def test_whoever_reads_may_go_away(tmp_path: Path, words: list[str]) -> None:
    """As `head` does, when it has its lines; and where there is nobody from the first."""
    environment = os.environ | {"POSE3D_HOME": str(tmp_path / "home"), "POSE3D_ENGINE_PYTHON": ""}
    command = [sys.executable, str(BUILD), *words]
    whole = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    read_end, write_end = os.pipe()
    os.close(read_end)
    for streams in ({"stdout": write_end, "stderr": subprocess.PIPE}, {"stdout": write_end, "stderr": write_end}):
        done = subprocess.run(command, env=environment, text=True, timeout=60, check=False, **streams)
        assert done.returncode in (1, whole.returncode), "not Python's own 120"
        assert not done.stderr or done.stderr == whole.stderr
    os.close(write_end)
    closed = ["sh", "-c", 'exec "$@" <&- >&-', "sh", *command]
    done = subprocess.run(closed, env=environment, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (whole.returncode, whole.stderr)
    closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    done = subprocess.run(closed, env=environment, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (whole.returncode, whole.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such streams")
def test_what_is_started_has_streams_where_the_caller_has_none() -> None:
    """As a daemon that closes all three."""
    pytest.importorskip("torch")
    command = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, str(BUILD), "lifter", "models"]
    assert (
        subprocess.run(command, env=os.environ | {"POSE3D_ENGINE_PYTHON": sys.executable}, timeout=60, check=False).returncode
        == 0
    )


# ---- pins and environments --------------------------------------------------------------------------------------------------


def test_every_pin_is_exact_and_every_environment_has_its_group(build: ModuleType) -> None:
    pins = build.read_pins()
    assert {"installer", "lifter", "blender", "blender-4-5", "blender-5-2", "test"} <= set(pins)
    assert build.wheel_environment("blender").name == "blender-5.0.1"
    assert build.wheel_environment("blender-5-2").pythons == ((3, 13),)


def test_a_pin_without_a_version_is_refused(build: ModuleType, tmp_path: Path) -> None:
    pyproject = tmp_path / "pyproject.toml"
    pyproject.write_text('[dependency-groups]\nlifter = ["torch==2.13.0", "numpy>=2"]\n')
    with pytest.raises(build.BuildError, match="numpy>=2"):
        build.read_pins(pyproject)


def make_wheel(folder: Path, name: str, version: str) -> str:
    """A wheel with one module; returns the requirement that installs it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.py", f"VERSION = '{version}'\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"{name}=={version}"


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """pip sees the wheels in the returned folder and nothing else; the home folder is a fresh one."""
    monkeypatch.setenv("POSE3D_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "wheels"))
    return tmp_path / "wheels"


def version_of(python: Path, module: str) -> str:
    command = [str(python), "-c", f"import {module}; print({module}.VERSION)"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def small_environment(build: ModuleType, *groups: str):
    return build.Environment("small", groups, (sys.version_info[:2],), 0.01)


def test_an_environment_is_made_once_and_again_when_its_pins_change(build: ModuleType, offline: Path, capsys) -> None:
    pins = {"one": [make_wheel(offline, "pinned_one", "1.0")], "two": [make_wheel(offline, "pinned_two", "1.0")]}
    environment = small_environment(build, "one")
    python = build.make_environment(environment, pins=pins)
    assert version_of(python, "pinned_one") == "1.0"
    assert "Making" in capsys.readouterr().out
    build.make_environment(environment, pins=pins)
    assert capsys.readouterr().out == ""

    both = small_environment(build, "one", "two")
    assert not both.is_complete(pins)
    build.make_environment(both, pins=pins)
    assert version_of(python, "pinned_two") == "1.0"
    assert environment.is_complete(pins) and both.is_complete(pins)

    left_over = environment.folder / "left-over"
    left_over.touch()
    changed = {**pins, "one": [make_wheel(offline, "pinned_one", "2.0")]}
    assert not environment.is_complete(changed)
    build.make_environment(environment, pins=changed)
    assert version_of(python, "pinned_one") == "2.0"
    assert both.is_complete(changed), "what was there besides is kept"
    assert not left_over.exists(), "an environment with other pins is made anew"


def test_what_cannot_be_added_leaves_an_environment_as_it_is(build: ModuleType, offline: Path) -> None:
    """As the tests' packages without a network: the engine serves all the same."""
    pins = {"one": [make_wheel(offline, "pinned_one", "1.0")], "two": ["not_there==1.0"]}
    environment, both = small_environment(build, "one"), small_environment(build, "one", "two")
    python = build.make_environment(environment, pins=pins)
    with pytest.raises(build.BuildError, match="there is no not_there"):
        build.make_environment(both, pins=pins)
    huge = build.Environment("small", ("one", "two"), (sys.version_info[:2],), 1e9)
    with pytest.raises(build.BuildError, match="GB free"):
        build.make_environment(huge, pins=pins)
    assert environment.is_complete(pins) and not both.is_complete(pins) and version_of(python, "pinned_one") == "1.0"
    make_wheel(offline, "not_there", "1.0")
    build.make_environment(both, pins=pins)
    assert both.is_complete(pins) and version_of(python, "not_there") == "1.0"


def test_an_environment_stays_where_the_next_one_cannot_be_made(build: ModuleType, offline: Path, tmp_path: Path) -> None:
    """As a newer Pose3D without a network: the older one still has its own. Also where the folder is a link to another disk."""
    pins = {"one": [make_wheel(offline, "pinned_one", "1.0")]}
    environment = small_environment(build, "one")
    environment.folder.parent.mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    environment.folder.symlink_to(tmp_path / "elsewhere")
    python = build.make_environment(environment, pins=pins)
    newer = {"one": ["pinned_one==2.0"]}
    with pytest.raises(build.BuildError, match=r"there is no pinned_one==2\.0"):
        build.make_environment(environment, pins=newer)
    assert environment.is_complete(pins) and version_of(python, "pinned_one") == "1.0"

    killed = (tmp_path / "elsewhere").rename(tmp_path / "elsewhere.before")
    (tmp_path / "elsewhere" / "bin").mkdir(parents=True)
    build.make_environment(environment, pins=pins)
    assert version_of(python, "pinned_one") == "1.0" and not killed.exists(), "what a killed run left is put back"

    make_wheel(offline, "pinned_one", "2.0")
    build.make_environment(environment, pins=newer)
    assert version_of(python, "pinned_one") == "2.0" and not killed.exists()


def test_a_half_made_environment_is_not_used(build: ModuleType, offline: Path) -> None:
    pins = {"one": [make_wheel(offline, "pinned_one", "1.0"), "not_there==1.0"]}
    environment = small_environment(build, "one")
    with pytest.raises(build.BuildError, match=r"there is no not_there==1\.0"):
        build.make_environment(environment, pins=pins)
    assert environment.python.exists() and not environment.is_complete(pins)
    make_wheel(offline, "not_there", "1.0")
    assert version_of(build.make_environment(environment, pins=pins), "not_there") == "1.0"


@pytest.mark.parametrize("setting", ["user = true", "target = {}", "constraint = {}/constraints.txt"])
def test_what_pip_is_told_of_the_users_own_packages_does_not_count(
    build: ModuleType, offline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    (tmp_path / "constraints.txt").write_text("pinned_one==0.5\n")
    (tmp_path / "pip.conf").write_text(f"[install]\n{setting.format(tmp_path)}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    pins = {"one": [make_wheel(offline, "pinned_one", "1.0")]}
    assert version_of(build.make_environment(small_environment(build, "one"), pins=pins), "pinned_one") == "1.0"
    assert not (tmp_path / "pinned_one.py").exists()


def test_two_runs_at_once_install_once(build: ModuleType, offline: Path) -> None:
    pins = {"one": [make_wheel(offline, "pinned_one", "1.0")]}
    script = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('pose3d_build', {str(BUILD)!r})\n"
        "build = importlib.util.module_from_spec(spec); sys.modules['pose3d_build'] = build; spec.loader.exec_module(build)\n"
        f"build.make_environment(build.Environment('small', ('one',), (sys.version_info[:2],), 0.01), pins={pins!r})\n"
    )
    runs = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [child.communicate(timeout=120)[0] for child in runs]
    assert [child.returncode for child in runs] == [0, 0]
    assert sorted("Making the environment" in text for text in said) == [False, True]
    assert any("waiting" in text for text in said)


def test_no_python_that_fits_is_one_sentence(build: ModuleType, offline: Path) -> None:
    environment = build.Environment("small", ("one",), ((3, 99),), 0.01)
    with pytest.raises(build.BuildError, match=r"No python3\.99 with its venv and ensurepip") as caught:
        build.make_environment(environment, pins={"one": []})
    assert "BLENDER" not in str(caught.value)
    wheel = build.Environment("blender-9.9", ("one",), ((3, 99),), 0.01)
    with pytest.raises(build.BuildError, match="or name a Blender in the variable BLENDER"):
        build.make_environment(wheel, pins={"one": []})


def test_too_little_disk_is_one_sentence(build: ModuleType, offline: Path) -> None:
    environment = build.Environment("small", ("one",), (sys.version_info[:2],), 1e9)
    with pytest.raises(build.BuildError, match="GB free.*POSE3D_HOME"):
        build.make_environment(environment, pins={"one": []})


def test_no_network_is_one_sentence(build: ModuleType, offline: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # nobody listens there
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(build.BuildError, match="could not be reached"):
        build.make_environment(small_environment(build, "one"), pins={"one": ["pinned_one==1.0"]})


def test_a_certificate_that_is_not_trusted_is_one_sentence(build: ModuleType, offline: Path) -> None:
    environment = small_environment(build, "one")
    environment.folder.mkdir(parents=True)
    assert "not trusted: certificate is not yet valid. Set the clock right" in str(build.failed_install(environment, UNTRUSTED))


def test_a_disk_that_fills_up_is_one_sentence(build: ModuleType, offline: Path) -> None:
    environment = small_environment(build, "one")
    environment.folder.mkdir(parents=True)
    output = "Collecting torch\nERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
    assert "the disk is full" in str(build.failed_install(environment, output))


def test_names_that_are_too_long_for_windows_are_one_sentence(build: ModuleType, offline: Path) -> None:
    environment = small_environment(build, "one")
    environment.folder.mkdir(parents=True)
    output = "ERROR: Could not install packages due to an OSError: [Errno 2] No such file: 'x'\nHINT: See enable-long-paths\n"
    assert "POSE3D_HOME to a folder with a shorter name" in str(build.failed_install(environment, output))


def test_progress_follows_pip(build: ModuleType) -> None:
    progress = build.InstallProgress(small_environment(build, "one"), pinned=2)
    for line in ("Collecting torch==2.13.0\n", "  Downloading torch-2.13.0.whl (180 MB)\n", "Progress 90000000 of 180000000\n"):
        progress.read(line)
    assert progress.text() == "package 1 (2 pinned, and what they need), torch: 90 of 180 MB"
    progress.read("Installing collected packages: numpy, torch\n")
    assert progress.text() == "unpacking, 0 of 2 packages"


# ---- the package ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blender", BLENDERS or [None])
def test_the_package_is_whole_and_has_nothing_else(blender: str | None, tmp_path: Path) -> None:
    if blender is None:
        pytest.skip("no Blender in POSE3D_TEST_BLENDERS")
    done = run("package", "--out", tmp_path, BLENDER=blender)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob("*.zip")
    with zipfile.ZipFile(path) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "bl_ext_test" / "pose3d")
    manifest = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
    assert f'version = "{path.stem.removeprefix("pose3d-")}"' in manifest
    assert {"blender_manifest.toml", "LICENSE", "README.md", "__init__.py", "core/errors.py", "lifter/__main__.py"} <= names
    for folder, suffix in (("lifter/weights", ".safetensors"), ("rigs", ".json")):
        here = {file.relative_to(ROOT).as_posix() for file in (ROOT / folder).glob(f"*{suffix}")}
        assert here <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".tmp"))]
    assert not [name for name in names if name.startswith(("tests", "build", "."))]
    # Every import in it is relative: it works under the name that Blender gives it.
    imports = "import bl_ext_test.pose3d.core.errors, bl_ext_test.pose3d.worker.protocol"
    isolated = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {imports}"]
    assert subprocess.run(isolated, check=False).returncode == 0


def test_link_makes_the_shape_of_the_package_and_can_be_run_again(build: ModuleType, tmp_path: Path) -> None:
    for _ in range(2):
        done = run("package", "--link", tmp_path / "pose3d")
        assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "pose3d").iterdir()} == set(build.package_entries())
    assert (tmp_path / "pose3d/lifter/__init__.py").is_file() and (tmp_path / "pose3d/core/errors.py").is_file()


def test_wheels_for_a_package_are_fetched_on_from_where_it_broke_off(
    build: ModuleType,
    tmp_path: Path,
    resources: Path,  # noqa: F811
    index: Index,  # noqa: F811
) -> None:
    work, stage = tmp_path / "work", tmp_path / "stage" / "offline"
    work.mkdir()
    stage.parent.mkdir()
    index.break_at = 0
    with pytest.raises(build.BuildError, match="not fetched: The download of torch broke off.*run this command again"):
        build.fetch_wheels(stage, sys.executable, work, resources=resources)
    (place,) = work.iterdir()
    assert "broke off at 0 bytes" in (place / "home" / "engine-setup.log").read_text() and not stage.exists()
    index.break_at = None
    build.fetch_wheels(stage, sys.executable, work, resources=resources)
    assert {"plan.json", "for.json", "torch-7.7.7-py3-none-any.whl"} <= {path.name for path in stage.iterdir()}
    assert list(work.iterdir()) == []


# ---- inside Blender ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("blender", BLENDERS or [None])
def test_the_exit_code_and_the_sentence_come_out_of_a_blender(build: ModuleType, blender: str | None, tmp_path: Path) -> None:
    if blender is None:
        pytest.skip("no Blender in POSE3D_TEST_BLENDERS")
    found = build.probe_blender(blender)
    assert found is not None
    for arguments, words in (
        (["retarget", tmp_path / "none.mp4", "--rig", "rigify", "--out", tmp_path / "o.glb"], "There is no clip"),
        (["dance"], "no command 'dance'"),
    ):
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        command = found.command(*arguments)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 2, done.stdout + done.stderr
        assert list(tmp_path.iterdir()) == [], "a Blender's own temporary files are left"
        assert words in done.stderr and "Traceback" not in done.stderr


# ---- benchmarks -------------------------------------------------------------------------------------------------------------


def test_a_benchmark_prints_a_table_and_writes_rows(tmp_path: Path) -> None:
    from tests.bench import __main__ as bench

    rows = [
        {"measure": "limb direction error", "value": 9.5, "unit": "degrees", "goal": 12.0, "better": "lower"},
        {"measure": "speed", "value": 20.0, "unit": "frames/s", "goal": 25.0, "better": "higher"},
        {"measure": "size", "value": 3.0, "unit": "MB", "goal": None, "better": "lower"},
    ]
    bench.check(rows)
    lines = bench.table(rows).splitlines()
    assert lines[1].split() == ["limb", "direction", "error", "9.5", "degrees", "at", "most", "12", "met"]
    assert lines[2].endswith("at least 25  MISSED") and lines[3].endswith("MB")
    with pytest.raises(ValueError, match="not a row"):
        bench.check([{"measure": "size"}])


def test_measures_are_flattened_for_the_demo(build: ModuleType) -> None:
    rows = [{"measure": "m", "value": 1.5, "unit": "mm", "goal": 2, "better": "lower"}]
    data = {"track": {"p_mpjpe_mm": 41.23456}, "rows": rows}
    assert list(build.flat_measures(data)) == [("track.p_mpjpe_mm", "41.235"), ("rows.m", "1.500 mm  (goal: at most 2)")]
