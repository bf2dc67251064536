"""Farms without their machines: the job type for Flamenco, run as its Manager would, and what `--cluster` says without Ray.

The same on a real Ray cluster is in tests/blender/test_farm.py.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from blender_pose3d.batch import farm
from blender_pose3d.batch.flamenco import job_type
from blender_pose3d.batch.steps import Programs
from blender_pose3d.core.errors import Pose3DError

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build.py"
NODE = shutil.which("node")

# What a job compiler script finds in Flamenco's Manager: author, path, print and shellSplit, and the job that it fills.
MANAGER = """
const [scriptPath, settings] = process.argv.slice(2);
const posix = require("path").posix;
const job = { settings: JSON.parse(settings), tasks: [], addTask(task) { this.tasks.push(task); } };
const globals = {
    print() {},
    shellSplit: (words) => words.split(" ").filter((word) => word),
    path: { basename: posix.basename, dirname: posix.dirname, join: posix.join, stem: (p) => posix.parse(p).name },
    author: {
        Command: (name, parameters) => ({ name, parameters }),
        Task: (name, type) => ({ name, type, commands: [], addCommand(command) { this.commands.push(command); } }),
    },
};
require("vm").createContext(globals);
const text = require("fs").readFileSync(scriptPath, "utf8");
const run = (code) => require("vm").runInContext(code, globals);
run(text);
globals.job = job;
let error = null;
try { run("compileJob(job)"); } catch (reason) { error = String(reason); }
console.log(JSON.stringify({ type: run("JOB_TYPE"), tasks: job.tasks, error }));
"""


@pytest.fixture
def compiled(tmp_path: Path):
    """The script as its Manager runs it, with some settings: {type, tasks, error}."""
    if NODE is None:
        pytest.skip("no Node to run JavaScript")
    script, manager = tmp_path / "pose3d.js", tmp_path / "manager.js"
    done = subprocess.run([sys.executable, str(BUILD), "flamenco", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    manager.write_text(MANAGER, encoding="utf-8")

    def run(**settings: object) -> dict[str, Any]:
        command = [str(NODE), str(manager), str(script), json.dumps(settings)]
        return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    return run


SETTINGS = {
    "clips_folder": "/shots/day 1", "clips": '["a.mp4", "b.mov"]', "rig": "/rigs/hero.blend", "armature": "", "preset": "auto",
    "output_folder": "/out", "output_kind": "glb", "fps": 0, "options": "", "build_py": "/pose3d/build.py",
}  # fmt: skip


def test_flamenco_gets_a_task_of_each_clip(compiled) -> None:
    found = compiled(**SETTINGS)
    assert found["error"] is None and [task["name"] for task in found["tasks"]] == ["a.mp4", "b.mov"]
    assert {task["type"] for task in found["tasks"]} == {"blender"}
    folder, run = found["tasks"][0]["commands"]
    assert folder == {"name": "make-directory", "parameters": {"path": "/out"}}
    assert run["name"] == "exec" and run["parameters"]["exe"] == "{blender}"
    words = run["parameters"]["args"]
    before = words.index("--")
    assert words[before - 2 : before] == ["--python", "/pose3d/build.py"] and "--background" in words
    assert words[before + 1 :] == [
        "retarget", "/shots/day 1/a.mp4", "--rig=/rigs/hero.blend", "--out=/out/a.glb", "--preset=auto"
    ]  # fmt: skip


def test_flamenco_passes_on_what_is_set(compiled) -> None:
    changes = {"armature": "Hero", "output_kind": "bvh", "fps": 23.976, "options": "--start=2 --end=9.5", "preset": "mixamo"}
    words = compiled(**SETTINGS | changes)["tasks"][1]["commands"][1]["parameters"]["args"]
    assert words[words.index("retarget") + 1 :] == [
        "/shots/day 1/b.mov", "--rig=/rigs/hero.blend:Hero", "--out=/out/b.bvh", "--preset=mixamo", "--fps=23.976",
        "--start=2", "--end=9.5",
    ]  # fmt: skip


def test_flamenco_is_told_what_is_wrong(compiled) -> None:
    assert "no clip in /shots/day 1" in compiled(**SETTINGS | {"clips": "[]"})["error"]
    twice = compiled(**SETTINGS | {"clips": '["a.mov", "a.mp4"]'})
    assert "a.mp4 and a.mov would both become /out/a.glb" in twice["error"]


def test_every_setting_of_the_job_type_is_one_of_flamencos(compiled) -> None:
    found = compiled(**SETTINGS)["type"]
    keys = {"key", "type", "subtype", "choices", "propargs", "description", "default", "eval", "visible", "required"}
    assert {key for setting in found["settings"] for key in setting} <= keys
    assert {setting["type"] for setting in found["settings"]} <= {"string", "int32", "float", "bool"}
    assert {setting["key"] for setting in found["settings"]} == {*SETTINGS, "clips_pattern"}
    (build_py,) = (setting for setting in found["settings"] if setting["key"] == "build_py")
    assert Path(build_py["default"]) == BUILD


def test_the_clips_of_a_folder_are_found_at_submission(compiled, tmp_path: Path) -> None:
    """By the expression that Flamenco's add-on evaluates, with the names that it gives."""
    for name in ("b.mp4", "a.MOV", "walk.mp4", "notes.txt"):
        (tmp_path / name).touch()
    (clips,) = (setting for setting in compiled(**SETTINGS)["type"]["settings"] if setting["key"] == "clips")
    names = {"Path": Path, "abspath": lambda path: Path(path).absolute()}

    def found(pattern: str) -> list[str]:
        settings = SimpleNamespace(clips_folder=str(tmp_path), clips_pattern=pattern)
        return json.loads(eval(clips["eval"], {}, names | {"settings": settings}))

    assert found("*") == ["a.MOV", "b.mp4", "walk.mp4"] and found("w*") == ["walk.mp4"]


@pytest.mark.parametrize("path", ['/a "b"/build.py', "/CLIPS/VERSION/BUILD_PY/build.py", r"/a\1\g<0>/build.py"])
def test_no_path_breaks_the_script(tmp_path: Path, path: str) -> None:
    text = job_type(Path(path), version="1.2.3")
    assert text.count(json.dumps(Path(path).as_posix())) == 1 and "Made by Pose3D 1.2.3:" in text
    if NODE is None:
        pytest.skip("no Node to run JavaScript")
    script = tmp_path / "pose3d.js"
    script.write_text(text, encoding="utf-8")
    subprocess.run([NODE, "--check", str(script)], check=True)


# ---- --cluster --------------------------------------------------------------------------------------------------------------


def batch(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BUILD), "batch", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_without_ray_one_sentence_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    cluster = farm.Cluster("auto", project=ROOT, cpus=1, gpus=0, cache_limit_bytes=0)
    with pytest.raises(Pose3DError, match="--cluster needs Ray") as missing:
        farm.on_cluster(cluster, None, fail_fast=False)
    assert "docs/farm.md" in missing.value.hint


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--cluster", "auto", "--workers", "2"), "--workers is for this machine"),
        (("--gpus", "1"), "--gpus is for a cluster"),
        (("--cluster", "auto", "--gpus", "-1"), "--gpus -1 is below 0"),
        (("--cache-limit", "-1"), "--cache-limit -1 is below 0"),
        (("--cache-limit", "nan"), "--cache-limit nan is below 0"),
    ],
)
def test_bad_arguments_of_a_farm_are_one_sentence(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    (tmp_path / "a.mp4").touch()
    done = batch(tmp_path, "--rig", "rigify", *words)
    assert done.returncode == 2 and said in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_what_a_machine_has_to_run_goes_by_json() -> None:
    programs = Programs(["a", "b"], {"X": "1"}, ["c"], {}, Path("/models"), Path("/tracks"))
    assert Programs.from_json(json.loads(json.dumps(programs.as_json()))) == programs
