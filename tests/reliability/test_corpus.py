"""The corpus of bad input, each case through the real command, worker or Blender."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from blender_pose3d.batch.journal import JOURNAL_NAME
from blender_pose3d.worker.protocol import Error, Warning_, parse_line
from tests.blender.conftest import find_blenders, start_blender  # noqa: F401 - a fixture
from tests.reliability import cases_clips, cases_commands, cases_files, cases_rigs
from tests.reliability.corpus import (
    DONE,
    REFUSED,
    ROOT,
    Case,
    Commands,
    Ran,
    Server,
    Solver,
    check,
    contents,
    engine_environment,
    lifter_command,
    mounted,
    serve_words,
    try_case,
)
from tests.worker.engines import ENGINE_PYTHON

RIGS_SCRIPT = Path(__file__).with_name("rigs_in_blender.py")
SESSION_RIGS = tuple(
    re.findall(r'^    "([^"]+)": \(\w+, ', RIGS_SCRIPT.read_text(encoding="utf-8"), re.MULTILINE),
)
needs_engine = pytest.mark.skipif(ENGINE_PYTHON is None, reason="no motion engine: python3 build.py setup")
needs_blender = pytest.mark.skipif(not find_blenders(), reason="no Blender: set POSE3D_TEST_BLENDERS")


def each(cases: Sequence[Case]) -> pytest.MarkDecorator:
    """One test a case; the quick ones run every day."""
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(
                case, id=case.id, marks=[pytest.mark.kind(case.kind), *([] if case.quick else [pytest.mark.reliability])]
            )
            for case in cases
        ],
    )


def tried(case: Case, run: Callable[[Sequence[str], Case], Ran], folder: Path) -> None:
    if why := try_case(case, run, folder):
        pytest.skip(why)


# ------------------------------------------------------------------------------------------------------------ processes


@pytest.fixture(scope="module", autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For this process and those that it starts, so that what other programs leave is not taken for ours."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(scope="module")
def engine() -> Iterator[Server]:
    """One motion engine for all clips, as in a batch."""
    server = Server("The motion engine", lifter_command("serve", "--progress", "json"), engine_environment())
    yield server
    server.close()


@pytest.fixture(scope="module")
def blender() -> Path:
    """One Blender is enough: what it shows does not hang on the version."""
    found = find_blenders()
    older = [path for path in found if (path.parents[1] / "lib" / "python3.11").is_dir()]
    return (older or found)[-1]


@pytest.fixture(scope="module")
def rigs(blender: Path, start_blender, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """The folder of the corpus's rig files."""
    folder = tmp_path_factory.mktemp("rigs")
    done = start_blender(blender, RIGS_SCRIPT, folder / "results.json", "files", folder)
    assert done.returncode == 0, done.stdout[-4000:]
    return folder


@pytest.fixture(scope="module")
def solver(blender: Path, rigs: Path) -> Iterator[Callable[[Sequence[str], Case], Ran]]:
    """One Blender for all rigs, tracks and presets, as in a batch. RIG and RIGS are filled in."""
    command = [str(blender), str(ROOT / "build.py"), "--", "batch-solve"]
    if not blender.name.startswith("python"):
        command = [str(blender), "-b", "--factory-startup", "-P", *command[1:]]
    server = Solver("Blender", command, {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"})
    before = contents(rigs)

    def run(words: Sequence[str], case: Case) -> Ran:
        placed = [
            word.replace("--rig=RIGS/", f"--rig={rigs}/").replace("--rig=RIG", f"--rig={rigs / 'good.blend'}") for word in words
        ]
        return server(placed, case)

    yield run
    server.close()
    assert contents(rigs) == before, "a rig file was changed"


def in_process(words: Sequence[str], case: Case) -> Ran:
    """`lifter.cli.main` in this process, for what reads files and computes little."""
    from lifter.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*words, "--progress", "json"])
    events = [parse_line(line) for line in out.getvalue().splitlines()]
    refusal = next((event for event in events if isinstance(event, Error)), Error("", ""))
    warnings = "\n".join(event.message for event in events if isinstance(event, Warning_))
    return Ran(code, refusal.message, refusal.hint, f"{warnings}\n{err.getvalue()}")


def by_hand(words: Sequence[str], case: Case) -> Ran:
    """`python -m lifter`, as somebody types it."""
    return Commands(lifter_command())(words, case)


def build_py(words: Sequence[str], case: Case) -> Ran:
    variables = {"POSE3D_ENGINE_PYTHON": str(ENGINE_PYTHON)} if ENGINE_PYTHON else {}
    if found := find_blenders():
        variables["BLENDER"] = str(found[-1])
    return Commands([sys.executable, str(ROOT / "build.py")], variables)(words, case)


# ---------------------------------------------------------------------------------------------------------------- cases


@needs_engine
@each(cases_clips.CASES)
def test_clip(case: Case, engine: Server, tmp_path: Path) -> None:
    tried(case, lambda words, case: engine(serve_words(words), case), tmp_path)


@needs_engine
@each(cases_files.LIFTED)
def test_file_for_the_engine(case: Case, tmp_path: Path) -> None:
    tried(case, in_process, tmp_path)
    assert not list(tmp_path.rglob("touched")) and not Path("/tmp/pose3d-touched").exists(), "a pickle was run"


@needs_blender
@each(cases_files.SOLVED)
def test_file_for_blender(case: Case, solver: Callable[[Sequence[str], Case], Ran], tmp_path: Path) -> None:
    tried(case, solver, tmp_path)


@needs_blender
@each(cases_rigs.FILES)
def test_rig_file(case: Case, solver: Callable[[Sequence[str], Case], Ran], tmp_path: Path) -> None:
    tried(case, solver, tmp_path)


@needs_engine
@each(cases_commands.ENGINE_CASES)
def test_command_of_the_engine(case: Case, tmp_path: Path) -> None:
    tried(case, in_process if case.kind == cases_commands.CONFIG else by_hand, tmp_path)


@each(cases_commands.BUILD_CASES)
def test_command_of_build_py(case: Case, tmp_path: Path) -> None:
    tried(case, build_py, tmp_path)


@pytest.mark.kind("environment")
@pytest.mark.reliability
@pytest.mark.parametrize("given", cases_commands.ENVIRONMENTS, ids=[name for name, *_ in cases_commands.ENVIRONMENTS])
def test_environment(given: cases_commands.Environment, tmp_path: Path) -> None:
    name, variables, words, says = given

    def make(folder: Path) -> list[str]:
        (folder / "text").write_text("hello")
        (folder / "text").chmod(0o755)
        (folder / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
        return [word.replace("IN", str(folder)) for word in words]

    placed = {key: value.replace("IN", str(tmp_path / "in")) for key, value in variables.items()}
    run = Commands([sys.executable, str(ROOT / "build.py")], placed)
    tried(Case("environment", name, make, REFUSED, says), run, tmp_path)


# -------------------------------------------------------------------------------------------------- rigs in the session


@pytest.fixture(scope="module")
def in_session(blender: Path, start_blender, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:  # noqa: F811
    """What became of each rig of rigs_in_blender.SESSION."""
    folder = tmp_path_factory.mktemp("session")
    done = start_blender(blender, RIGS_SCRIPT, folder / "results.json", "session", folder)
    assert done.returncode == 0, done.stdout[-4000:]
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


@needs_blender
@pytest.mark.kind("rig (session)")
@pytest.mark.reliability
@pytest.mark.parametrize("name", SESSION_RIGS)
def test_rig_in_the_session(name: str, in_session: dict[str, dict]) -> None:
    told = in_session[name]
    assert not told["fault"], told["fault"]
    says = told["expected"]
    assert told["done"] == (says is None), told["said"]
    if says is not None:
        check(Case("rig", name, lambda folder: (), REFUSED, says), Ran(REFUSED, told["said"]))
    assert told["finite"], "keys that are no numbers"
    assert not told["changed"], told["changed"]


# ---------------------------------------------------------------------------------------------------------------- disks

_SAYS = {
    "full": "No space left|full|Blender did not write|Cannot write|cannot be written",
    "read-only": "[Rr]ead-only|cannot be writ|Cannot write",
}
_SAYS["forbidden"] = _SAYS["small files only"] = "[Pp]ermission|cannot be writ|Cannot write|cannot be read|not permitted"
_SAYS["small files only"] = "[Tt]oo large|did not write|Cannot write|cannot be writ"


@pytest.fixture(scope="module")
def writers_input(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("writers")
    cases_commands.fill(folder)
    return folder


@needs_engine
@needs_blender
@pytest.mark.reliability
@pytest.mark.parametrize("state", ["full", "read-only"])
@pytest.mark.parametrize("writing", cases_commands.WRITERS, ids=[name for name, *_ in cases_commands.WRITERS])
def test_disk(
    state: str,
    writing: cases_commands.Writing,
    writers_input: Path,
    rigs: Path,
    engine: Server,
    solver: Callable[[Sequence[str], Case], Ran],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """Onto a disk of 16 kB, and onto one that may only be read: a sentence, and nothing half written."""
    name, by, words = writing
    if words[0] == "export":
        pytest.importorskip("onnx")
    request.node.add_marker(pytest.mark.kind(f"disk, {state}"))
    disk = tmp_path / "disk"
    with mounted(disk, "-o", "size=4k,nr_inodes=8" if state == "full" else "ro,size=1m") as is_mounted:
        if not is_mounted:
            pytest.skip("mounting is not allowed here")
        if state == "full":
            (disk / "there before").write_bytes(bytes(4096))
        words = tuple(
            word.replace("OUT", str(disk)).replace("IN/out", str(tmp_path)).replace("IN", str(writers_input)) for word in words
        )
        before = contents(writers_input)
        case = Case(f"disk, {state}", name, lambda folder: (), REFUSED, _SAYS[state])
        if by == "engine" and words[0] == "infer":
            ran = engine(serve_words(words[1:]), case)
        elif by == "engine":
            ran = in_process(words, case)
        elif by == "solver":
            ran = solver(words, case)
        else:
            ran = build_py([word.replace("--rig=RIG", f"--rig={rigs / 'good.blend'}") for word in words], case)
        check(case, ran)
        left = sorted(path.name for path in disk.iterdir() if path.name != JOURNAL_NAME)
        assert left == (["there before"] if state == "full" else []), f"left on the disk: {left}"
        assert contents(writers_input) == before


@needs_engine
@pytest.mark.reliability
@pytest.mark.kind("disk, small files only")
@pytest.mark.parametrize("words", [w for n, by, w in cases_commands.WRITERS if by == "engine"], ids=lambda words: words[0])
def test_files_of_a_limited_size(words: Sequence[str], writers_input: Path, tmp_path: Path) -> None:
    """As a quota does it: every file may have one kilobyte."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))

    if words[0] == "export":
        pytest.importorskip("onnx")
    words = [word.replace("OUT", str(tmp_path)).replace("IN", str(writers_input)) for word in words]
    words = serve_words(words) if words[0] == "infer" else list(words)
    done = subprocess.run(
        lifter_command(*words),
        preexec_fn=limited,
        capture_output=True,
        text=True,
        env={**os.environ, **engine_environment()},
        timeout=120,
    )
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")] or [""]
    ran = Ran(done.returncode, lines[-1].removeprefix("error: "), log=done.stderr)
    check(Case("disk", words[0], lambda folder: (), REFUSED, _SAYS["small files only"]), ran)
    assert not list(tmp_path.iterdir()), list(tmp_path.iterdir())


@needs_engine
@pytest.mark.reliability
@pytest.mark.kind("permissions")
@pytest.mark.parametrize("which", ["clip", "output folder", "weights", "track", "models folder"])
def test_permissions(which: str, writers_input: Path, tmp_path: Path) -> None:
    """One thing may not be read or written."""
    place = tmp_path / "place"
    place.mkdir()
    cases_commands.fill(place)
    (place / "models").mkdir()
    closed = {
        "clip": "clip.mp4",
        "output folder": "out",
        "weights": "net.safetensors",
        "track": "track.npz",
        "models folder": "models",
    }[which]
    (place / closed).chmod(0)
    infer = ["infer", str(place / "clip.mp4"), str(place / "out/a.npz"), "--model", str(place / "net.safetensors")]
    words = {
        "track": ["lift", str(place / "track.npz"), str(place / "out/a.npz"), "--model", str(place / "net.safetensors")]
    }.get(which, infer)
    words += ["--models-dir", str(place / "models")] if which == "models folder" else []
    before = contents(place) if cases_commands.is_root() else {}
    done = subprocess.run(
        lifter_command(*words), preexec_fn=_without_roots_rights, capture_output=True, text=True, timeout=120,
        env={**os.environ, **engine_environment()},
    )  # fmt: skip
    if done.returncode == DONE and cases_commands.is_root():
        pytest.skip("root's right to read everything cannot be given up here")
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")] or [""]
    ran = Ran(done.returncode, lines[-1].removeprefix("error: "), log=done.stderr)
    check(Case("permissions", which, lambda folder: (), REFUSED, f"ermission|{re.escape(closed)}"), ran)
    (place / closed).chmod(0o700)
    assert not before or contents(place) == before


def _without_roots_rights() -> None:
    """Root reads and writes what nobody may; a process that is started after this does not."""
    import ctypes

    drop_from_bounds, override, read_search = 24, 1, 2
    for capability in (override, read_search):
        ctypes.CDLL(None).prctl(drop_from_bounds, capability, 0, 0, 0)


def test_the_corpus_has_its_size() -> None:
    cases = [*cases_clips.CASES, *cases_files.CASES, *cases_commands.CASES, *cases_rigs.FILES]
    assert len({case.id for case in cases}) == len(cases), "two cases of one name"
    assert len(cases) >= 200
    assert DONE in {case.code for case in cases}
