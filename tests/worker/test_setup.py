"""The engine's set-up against a package index on this machine, whose connection breaks off where a test says so.

The packages there bear the engine's names and are a few kilobytes: what is tested is the set-up, as the process that it is.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.parse
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.worker import setup
from blender_pose3d.worker.engine import find_engine
from blender_pose3d.worker.job import Job
from blender_pose3d.worker.setup import EngineState
from tests.refused import refusing
from tests.reliability.corpus import mounted

SCRIPT = Path(setup.__file__)
TORCH = """
class _No:
    @staticmethod
    def is_available(): return False
class backends: mps = _No
cuda = _No
"""
LIFTER = """
import os, pathlib, sys
folder = pathlib.Path(sys.argv[sys.argv.index("--models-dir") + 1])
folder.mkdir(parents=True, exist_ok=True)
(folder / "pose.task").write_bytes(b"model")
(folder / "index.txt").write_text(os.environ.get("PIP_EXTRA_INDEX_URL", ""))
"""
NAMES = ("torch", "mediapipe", "cv2", "safetensors", "tqdm", "numpy")
PAD = 300_000  # bytes of noise in the largest, so that it can break off in the middle


@pytest.fixture(autouse=True)
def no_other_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSE3D_ENGINE_PYTHON", raising=False)


def make_wheel(folder: Path, name: str, *, version: str = "7.7.7", more: Mapping[str, bytes] | None = None) -> Path:
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": (TORCH if name == "torch" else "").encode(),
        f"{name}/noise.bin": os.urandom(PAD if name == "torch" else 10),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **(more or {}),
    }
    record = "".join(
        f"{name},sha256={base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b'=').decode()},{len(data)}\n"
        for name, data in files.items()
    )
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in {**files, f"{info}/RECORD": record.encode()}.items():
            archive.writestr(file, data)
    return path


UNTRUSTED = (  # what pip says
    "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: "
    "CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate is not yet valid (_ssl.c:1006)'))': /simple/torch/\n"
    "ERROR: No matching distribution found for torch==2.13.0\n"
)


class Index(http.server.ThreadingHTTPServer):
    """`/simple/NAME/` with hashes, and the files, with ranges; it serves as a proxy too, whatever the host. break_at: torch's
    answers end after so many bytes. password: as NAME:PASSWORD, what it asks for."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.break_at: int | None = None
        self.damaged = False
        self.password = ""
        self.ranges: list[str] = []
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(http.server.BaseHTTPRequestHandler):
    server: Index

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urllib.parse.urlsplit(self.path).path.strip("/").split("/")
        wanted = f"Basic {base64.b64encode(self.server.password.encode()).decode()}"
        if self.server.password and self.headers.get("Authorization") != wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif parts[0] == "simple":
            self.listing(parts[1] if len(parts) > 1 else "")
        else:
            self.file(self.server.folder / parts[-1])

    def listing(self, name: str) -> None:
        found = sorted(self.server.folder.glob(f"{name}-*.whl"))
        links = (f'<a href="/f/{p.name}#sha256={hashlib.sha256(p.read_bytes()).hexdigest()}">{p.name}</a>' for p in found)
        body = f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def file(self, path: Path) -> None:
        data, first = path.read_bytes(), 0
        ours = "pip/" not in self.headers.get("User-Agent", "")  # pip reads whole wheels for their requirements
        if asked := self.headers.get("Range"):
            first = int(asked.removeprefix("bytes=").split("-")[0])
            self.server.ranges.append(asked)
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(data) - first))
        self.end_headers()
        if self.command == "HEAD":
            return
        if ours and self.server.damaged and path.name.startswith("torch"):
            data = bytes(len(data))
        end = len(data)
        if ours and self.server.break_at is not None and path.name.startswith("torch"):
            end = first + self.server.break_at
        self.wfile.write(data[first:end])
        if end < len(data):
            self.close_connection = True


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    folder = tmp_path / "index"
    folder.mkdir()
    for name in NAMES:
        make_wheel(folder, name)
    server = Index(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in [name for name in os.environ if name.startswith("PIP_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_RETRIES", "1")
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def resources(tmp_path: Path) -> Path:
    folder = tmp_path / "resources"
    (folder / "lifter").mkdir(parents=True)
    (folder / "lifter" / "__init__.py").write_text("")
    (folder / "lifter" / "__main__.py").write_text(LIFTER)
    pins = ", ".join(f'"{name}==7.7.7"' for name in NAMES)
    (folder / "pyproject.toml").write_text(f"[dependency-groups]\nlifter = [{pins}]\n")
    return folder


def job(command: str, home: Path, resources: Path, *words: str) -> Job:
    start = [sys.executable, "-I", str(SCRIPT), command, "--home", str(home), "--resources", str(resources)]
    return Job([*start, "--python", sys.executable, *words])


def fails(job: Job) -> Pose3DError:
    with pytest.raises(Pose3DError) as caught:
        job.wait(120)
    assert "Traceback" not in caught.value.sentence
    return caught.value


def test_a_broken_download_is_continued_and_a_half_engine_never_used(tmp_path: Path, resources: Path, index: Index) -> None:
    home = tmp_path / "home"
    assert setup.engine_state(home, resources) is EngineState.MISSING
    index.break_at = 0
    error = fails(job("install", home, resources))
    assert "download of torch broke off" in error.message and "continues" in error.hint

    index.break_at = 50_000
    running = job("install", home, resources)
    running.start()
    part = home / setup.WHEELS_NAME / "torch-7.7.7-py3-none-any.whl.part"
    while not running.ended and not (part.exists() and part.stat().st_size >= 50_000):
        running.poll()
    assert not running.ended
    running.close()  # Cancel, as by the button
    had = part.stat().st_size
    assert setup.engine_state(home, resources) is EngineState.HALF
    with pytest.raises(Pose3DError, match="half set up"):
        find_engine(resources, "", home)

    index.break_at, index.ranges[:] = None, []
    result = job("install", home, resources).wait(120)
    assert f"bytes={had}-" in index.ranges, index.ranges  # from where it was, not from the start
    assert result.summary["torch"] == "7.7.7" and result.summary["device"] == "cpu"
    assert setup.engine_state(home, resources) is EngineState.COMPLETE
    engine = find_engine(resources, "", home)
    assert (engine.models_dir / "pose.task").read_bytes() == b"model"
    assert not (home / setup.WHEELS_NAME).exists()
    assert "SHA-256 checked" in (home / setup.LOG_NAME).read_text()

    # Other pins: still used, and known to be out of date.
    (resources / "pyproject.toml").write_text('[dependency-groups]\nlifter = ["torch==8.0.0"]\n')
    assert setup.engine_state(home, resources) is EngineState.OUTDATED
    assert find_engine(resources, "", home) == engine

    job("remove", home, resources).wait(60)
    assert setup.engine_state(home, resources) is EngineState.MISSING
    assert not (home / "models").exists()


def test_an_engine_serves_until_the_next_one_is_here(tmp_path: Path, resources: Path, index: Index) -> None:
    """Repaired, and brought up to date, by a set-up that fails first."""
    home = tmp_path / "home"
    job("install", home, resources).wait(120)
    engine = find_engine(resources, "", home)
    index.damaged = True
    fails(job("install", home, resources))
    assert setup.engine_state(home, resources) is EngineState.COMPLETE and setup.probe(str(engine.python))["torch"] == "7.7.7"

    pins = (resources / "pyproject.toml").read_text()
    (resources / "pyproject.toml").write_text(pins.replace("torch==7.7.7", "torch==7.7.8"))
    make_wheel(index.folder, "torch", version="7.7.8")
    fails(job("install", home, resources))
    assert setup.engine_state(home, resources) is EngineState.OUTDATED and setup.probe(str(engine.python))["torch"] == "7.7.7"

    index.damaged = False
    job("install", home, resources).wait(120)
    assert setup.engine_state(home, resources) is EngineState.COMPLETE and setup.probe(str(engine.python))["torch"] == "7.7.8"
    assert sorted(path.name for path in (home / "envs").iterdir()) == ["lifter", "lifter.lock"]
    assert not (home / setup.WHEELS_NAME).exists()


def test_an_engine_on_another_disk_by_a_link(tmp_path: Path, resources: Path, index: Index) -> None:
    """Made, repaired and removed where the link leads."""
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere" / "engine"
    elsewhere.mkdir(parents=True)
    (elsewhere.parent / "temporary").mkdir()
    (home / "envs").mkdir(parents=True)
    (home / "envs" / "lifter").symlink_to(elsewhere, target_is_directory=True)
    for _ in range(2):
        assert job("install", home, resources).wait(120).summary["torch"] == "7.7.7"
        assert setup.engine_state(home, resources) is EngineState.COMPLETE and (elsewhere / "complete.json").is_file()
    job("remove", home, resources).wait(60)
    assert setup.engine_state(home, resources) is EngineState.MISSING and not elsewhere.exists()
    assert [path.name for path in elsewhere.parent.iterdir()] == ["temporary"], "nothing beside it is touched"


def test_an_engine_that_is_held_is_left_whole(tmp_path: Path, resources: Path, index: Index) -> None:
    """As Windows holds a folder from which a program runs: neither Repair nor Remove takes a part of it away."""
    home = tmp_path / "home"
    job("install", home, resources).wait(120)
    engine, folder = find_engine(resources, "", home), home / "envs" / "lifter"
    if shutil.which("chattr") is None or subprocess.run(["chattr", "+i", str(folder)], check=False).returncode:
        pytest.skip("no folder can be held here")
    try:
        for command in ("install", "remove"):
            error = fails(job(command, home, resources))
            assert "cannot be replaced or removed" in error.message and "Close what uses it" in error.hint
            assert setup.engine_state(home, resources) is EngineState.COMPLETE
            assert setup.probe(str(engine.python))["torch"] == "7.7.7" and (home / "models" / "pose.task").is_file()
    finally:
        subprocess.run(["chattr", "-i", str(folder)], check=True)
    job("install", home, resources).wait(120)


@pytest.mark.slow
def test_what_came_damaged_is_not_installed(tmp_path: Path, resources: Path, index: Index) -> None:
    index.damaged = True
    error = fails(job("install", tmp_path / "home", resources))
    assert "checksum is wrong" in error.message
    assert setup.engine_state(tmp_path / "home", resources) is EngineState.HALF


@pytest.mark.slow
def test_a_package_that_does_not_exist_for_any_python_here(tmp_path: Path, resources: Path, index: Index) -> None:
    (resources / "pyproject.toml").write_text('[dependency-groups]\nlifter = ["torch==9.9.9"]\n')
    error = fails(job("install", tmp_path / "home", resources))
    here = "{}.{}".format(*sys.version_info)
    assert f"no torch==9.9.9 for Python {here}" in error.message
    assert "Install Python 3.11" in error.hint and "Existing Python" in error.hint


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (("Darwin", "x86_64", "15.2"), "Macs with Intel"),
        (("Darwin", "arm64", "13.7"), "macOS 14 or newer, and this is 13.7"),
        (("Windows", "ARM64", ""), "Windows on ARM"),
        *((good, "") for good in (("Darwin", "arm64", "14.0"), ("Darwin", "arm64", "26.1"), ("Darwin", "arm64", "10.16"))),
        *((good, "") for good in (("Windows", "AMD64", ""), ("Linux", "x86_64", ""), ("Linux", "aarch64", ""))),
    ],
)
def test_a_machine_that_no_package_is_made_for_is_not_told_to_install_python(
    tmp_path: Path, resources: Path, index: Index, monkeypatch: pytest.MonkeyPatch, machine: tuple[str, ...], words: str
) -> None:
    assert words in setup.unsupported(*machine) and bool(words) == bool(setup.unsupported(*machine))
    if machine != ("Darwin", "x86_64", "15.2"):
        return
    (resources / "pyproject.toml").write_text('[dependency-groups]\nlifter = ["torch==9.9.9"]\n')
    monkeypatch.setattr(setup, "here", lambda: machine)
    with pytest.raises(setup.SetupError, match="Macs with Intel") as caught:
        setup.Setup(tmp_path / "home", resources, index="", say=lambda *_, **__: None).install(sys.executable)
    assert "Python" not in caught.value.hint


@pytest.mark.slow
@pytest.mark.parametrize("size", ["4k", "1m", "12m"])
def test_a_full_disk_is_not_taken_for_a_missing_python(tmp_path: Path, resources: Path, index: Index, size: str) -> None:
    """Before the environment, while it is made, and while pip is put into it, of which venv only says that it failed."""
    with mounted(tmp_path / "disk", "-o", f"size={size}") as is_mounted:
        if not is_mounted:
            pytest.skip("no small disk can be mounted here")
        error = fails(job("install", tmp_path / "disk" / "home", resources))
    assert "is full" in error.message and "Make room" in error.hint


def test_a_disk_on_which_no_programs_run_is_said_before_anything_is_fetched(tmp_path: Path, resources: Path) -> None:
    with mounted(tmp_path / "disk", "-o", "noexec,size=50m") as is_mounted:
        if not is_mounted:
            pytest.skip("no disk can be mounted here")
        error = fails(job("install", tmp_path / "disk" / "home", resources))
        build = [sys.executable, str(SCRIPT.parents[2] / "build.py"), "audit"]
        variables = {**os.environ, "POSE3D_HOME": str(tmp_path / "disk" / "other")}
        done = subprocess.run(build, env=variables, capture_output=True, text=True, timeout=60, check=False)
    assert "lets no programs run" in error.message and "another disk" in error.hint
    assert done.returncode == 2 and "lets no programs run" in done.stderr and "POSE3D_HOME" in done.stderr


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root becomes a user without an account")
def test_pythons_are_found_by_a_user_without_a_home() -> None:
    """As in a container whose user has a number only."""
    script = f"""
import os, sys
sys.path.insert(0, {str(SCRIPT.parents[2])!r})
from blender_pose3d.worker import setup
os.setuid(54321)
list(setup.find_pythons(((3, 99),)))
"""
    environment = {name: value for name, value in os.environ.items() if name not in ("HOME", "PYENV_ROOT")}
    subprocess.run([sys.executable, "-c", script], env=environment, timeout=60, check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux to refuse links")
def test_a_disk_without_links_is_not_taken_for_a_missing_python(tmp_path: Path, resources: Path) -> None:
    """As a stick with a portable Blender."""
    words = [sys.executable, "-I", str(SCRIPT), "install", "--home", str(tmp_path / "home"), "--resources", str(resources)]
    script = f"{refusing('symlink', errno.EPERM)}os.execv(sys.argv[1], sys.argv[1:])"
    error = fails(Job([sys.executable, "-c", script, *words, "--python", sys.executable]))
    assert "takes no links" in error.message and "another disk" in error.hint


@pytest.mark.skipif(sys.platform == "win32", reason="; parts folders there, and nobody has it in a name")
def test_why_no_environment_can_be_made_is_said(tmp_path: Path, resources: Path) -> None:
    error = fails(job("install", tmp_path / "shot:12", resources))
    assert "No Python environment can be made" in error.message and "PATH separator" in error.message
    assert setup.LOG_NAME in error.hint


@pytest.mark.parametrize("name", [setup.WHEELS_NAME, "envs/lifter"])
def test_a_file_in_the_way_is_one_sentence(tmp_path: Path, resources: Path, index: Index, name: str) -> None:
    (tmp_path / "home" / "envs").mkdir(parents=True)
    (tmp_path / "home" / name).touch()
    assert name in fails(job("install", tmp_path / "home", resources)).message


@pytest.mark.slow
def test_no_network(tmp_path: Path, resources: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    error = fails(job("install", tmp_path / "home", resources))
    assert "could not be reached" in error.message and "engine-setup.log" in error.hint


def test_a_certificate_that_is_not_trusted_is_one_sentence(tmp_path: Path, resources: Path) -> None:
    failed = setup.Setup(tmp_path / "home", resources, index="", say=lambda *_, **__: None)._failed(UNTRUSTED)
    assert failed.message == "The package index's certificate is not trusted: certificate is not yet valid."
    assert "clock" in failed.hint and "pip's setting cert" in failed.hint


def test_a_set_up_that_broke_off_follows_pips_settings(
    tmp_path: Path, resources: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of another mirror, where the first one's files do not come."""
    home = tmp_path / "home"
    index.break_at = 0
    assert "download of torch broke off" in fails(job("install", home, resources)).message
    other = Index(index.folder)
    threading.Thread(target=other.serve_forever, daemon=True).start()
    try:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{other.server_port}/simple")
        assert job("install", home, resources).wait(120).summary["torch"] == "7.7.7"
    finally:
        other.shutdown()
        other.server_close()


@pytest.mark.parametrize("setting", ["user = true", "target = {}/elsewhere", "constraint = {}/constraints.txt"])
def test_what_pip_is_told_of_the_users_own_packages_does_not_count(
    tmp_path: Path, resources: Path, index: Index, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    (tmp_path / "constraints.txt").write_text("numpy<2\n")
    (tmp_path / "pip.conf").write_text(f"[install]\n{setting.format(tmp_path)}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    assert job("install", tmp_path / "home", resources).wait(120).summary["torch"] == "7.7.7"
    assert not (tmp_path / "elsewhere").exists()


def test_a_proxy_that_only_pip_knows(tmp_path: Path, resources: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """For what is downloaded without pip as well: the index's name means nothing to anybody else."""
    proxy = f"proxy = http://127.0.0.1:{index.server_port}"
    address = "index-url = http://packages.invalid/simple\ntrusted-host = packages.invalid"
    (tmp_path / "pip.conf").write_text(f"[global]\n{proxy}\n{address}\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_INDEX_URL")
    assert job("install", tmp_path / "home", resources).wait(120).summary["torch"] == "7.7.7"


def test_an_index_with_a_password(tmp_path: Path, resources: Path, index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one of the preferences, where no other can be reached: for the list, the wheels and the model, and in no log."""
    index.password = "artist:s3cret"
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    address, home = f"http://artist:s3cret@127.0.0.1:{index.server_port}/simple", tmp_path / "home"
    assert job("install", home, resources, "--index", address).wait(120).summary["torch"] == "7.7.7"
    assert (home / "models" / "index.txt").read_text() == address
    assert "s3cret" not in (home / setup.LOG_NAME).read_text()


def test_files_whose_names_windows_would_not_take(
    tmp_path: Path, resources: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Licences deep in folders of their own, as torch has them, and headers: the engine needs neither."""
    home, deep = tmp_path / "home", "deep/" * 30
    packages = home / "envs" / "lifter" / ("Lib" if sys.platform == "win32" else "lib/python{}.{}".format(*sys.version_info))
    longest = len(str(packages / "site-packages")) + 80
    monkeypatch.setattr(setup, "_LONGEST_NAME", longest)
    monkeypatch.setattr(setup, "_LONGEST_FOLDER", longest - 12)
    licences = {f"torch-7.7.7.dist-info/licenses/{deep}{name}/LICENSE.txt": name.encode() for name in ("one", "two")}
    make_wheel(index.folder, "torch", more={**licences, f"torch/include/{deep}one.h": b"", "torch/lib/include.txt": b"kept"})
    setup.Setup(home, resources, index="", say=lambda *_, **__: None).install(sys.executable)
    assert setup.engine_state(home, resources) is EngineState.COMPLETE

    (found,) = home.glob("envs/lifter/[Ll]ib/**/site-packages")
    info = found / "torch-7.7.7.dist-info"
    assert sorted(path.read_text() for path in info.rglob("*LICENSE.txt")) == ["one", "two"]
    assert (found / "torch/lib/include.txt").read_text() == "kept" and not list(found.rglob("one.h"))
    recorded = [row.split(",")[0] for row in (info / "RECORD").read_text().splitlines()]
    assert len(recorded) == len({*recorded}) and all((found / name).is_file() for name in recorded)
    assert max(len(str(path)) for folder in (info, found / "torch") for path in folder.rglob("*")) <= longest


def test_what_is_installed_is_counted_while_pip_works(tmp_path: Path) -> None:
    """Packages that come with an environment are taken away and put back meanwhile."""
    packages = tmp_path / ("Lib" if sys.platform == "win32" else "lib/python3.11") / "site-packages"
    for number in range(3):
        (packages / f"p{number}-1.0.dist-info").mkdir(parents=True)
    ended = threading.Event()

    def pip() -> None:
        while not ended.is_set():
            (packages / "one" / "two" / "three").mkdir(parents=True)
            shutil.rmtree(packages / "one")

    worker = threading.Thread(target=pip)
    worker.start()
    try:
        assert {setup.count_installed(tmp_path) for _ in range(2000)} == {3}
    finally:
        ended.set()
        worker.join()
    assert setup.count_installed(tmp_path / "none") == 0


def test_names_that_are_too_long_all_the_same_are_one_sentence(tmp_path: Path, resources: Path) -> None:
    made = setup.Setup(tmp_path / "home", resources, index="", say=lambda *_, **__: None)
    said = "ERROR: Could not install packages due to an OSError: [WinError 206] The filename or extension is too long: 'C:/x'\n"
    assert "longer than the system takes" in made._failed(said).message and "long paths" in made._failed(said).hint


@pytest.mark.slow
def test_wheels_that_came_along_need_no_network(
    tmp_path: Path, resources: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    job("fetch", tmp_path / "build", resources, "--out", str(resources / setup.OFFLINE_NAME)).wait(120)
    assert "127.0.0.1" not in (resources / setup.OFFLINE_NAME / "plan.json").read_text()
    index.shutdown()
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    home = tmp_path / "home"
    assert job("install", home, resources).wait(120).summary["torch"] == "7.7.7"
    assert setup.engine_state(home, resources) is EngineState.COMPLETE

    made_for = resources / setup.OFFLINE_NAME / "for.json"
    made_for.write_text(json.dumps(json.loads(made_for.read_text()) | {"system": "Elsewhere"}))
    assert "came with the add-on" in fails(job("install", tmp_path / "other", resources)).message


def test_a_second_blender_waits_for_the_first(tmp_path: Path, resources: Path, index: Index) -> None:
    home = tmp_path / "home"
    (home / "envs").mkdir(parents=True)
    with (home / "envs" / "lifter.lock").open("a+b") as file:
        assert setup.try_lock(file.fileno())
        assert "Another Blender" in fails(job("install", home, resources)).message


def test_a_lock_that_is_given_back_at_once_is_waited_for(tmp_path: Path, resources: Path, index: Index) -> None:
    """What a killed process leaves: a child that holds the lock until it has become another program."""
    home = tmp_path / "home"
    (home / "envs").mkdir(parents=True)
    holds = "import sys, time; sys.path.insert(0, sys.argv[1]); import setup; f = open(sys.argv[2], 'a+b');"
    holds += "assert setup.try_lock(f.fileno()); print('held', flush=True); time.sleep(1.5)"
    words = [sys.executable, "-c", holds, str(SCRIPT.parent), str(home / "envs" / "lifter.lock")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "held\n"
        assert job("install", home, resources).wait(120).summary["torch"] == "7.7.7"
    assert setup.engine_state(home, resources) is EngineState.COMPLETE


def test_trying_a_python_says_what_it_lacks(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(empty)], check=True)
    words = [sys.executable, "-I", str(SCRIPT), "check", "--python"]
    python = str(setup.python_of_environment(empty))
    assert f"{python} has no package torch" in fails(Job([*words, python])).message
    assert "does not run" in fails(Job([*words, str(tmp_path / "none")])).message
    (packages,) = {*empty.glob("lib/python*/site-packages"), *empty.glob("Lib/site-packages")}
    for loader, remedy in (
        ("libGL.so.1: cannot open shared object file: No such file or directory", "package manager"),
        ("DLL load failed while importing _C: The specified module could not be found.", "Visual C++ Redistributable"),
        ("cannot import name 'Tensor'", "Repair it"),
    ):
        (packages / "torch.py").write_text(f"raise ImportError({loader!r})")
        error = fails(Job([*words, python]))
        assert loader in error.message and remedy in (error.hint or "")
    # MediaPipe's own, which is loaded with the first picture only.
    for name in ("torch", "cv2", "safetensors", "tqdm", "mediapipe/__init__", "mediapipe/tasks/c/__init__"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / f"{name}.py").write_text("")
    error = fails(Job([*words, python]))
    assert "libmediapipe" in error.message and (sys.platform == "win32" or "Repair it" in (error.hint or ""))


@pytest.mark.skipif(sys.platform == "win32", reason="has no locale without such letters")
def test_a_python_in_a_folder_whose_name_the_systems_encoding_lacks(tmp_path: Path) -> None:
    """As on Windows, where a Python in UTF-8 mode and this one have two encodings for text: the user is called Zoë."""
    folder = tmp_path / "Zoë"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    script = "import sys; sys.path.insert(0, sys.argv[1]); import setup\n"
    script += "for path in setup.find_pythons((sys.version_info[:2],)): sys.stdout.buffer.write(setup.os.fsencode(path)); break"
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    path = {"PATH": os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])}
    command = [sys.executable, "-c", script, str(SCRIPT.parent)]
    done = subprocess.run(command, env=os.environ | locale | path, capture_output=True, check=True)
    assert Path(os.fsdecode(done.stdout)).parent == folder / "bin"


@pytest.mark.skipif(sys.platform == "win32", reason="has no locale without such letters")
def test_what_is_said_and_pip_is_told_of_names_that_the_systems_encoding_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pip.conf").write_text(f"[global]\ncert = {tmp_path}/Zoë.pem\n", encoding="utf-8")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.delenv("PIP_CERT", raising=False)
    assert setup.pip_variables(sys.executable)["PIP_CERT"] == f"{tmp_path}/Zoë.pem"
    for name, value in {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}.items():
        monkeypatch.setenv(name, value)
    words = setup.module_command(sys.executable, "json.tool", "Zoë")  # pip itself fails at its settings there
    words[2:2] = ["-X", "utf8=0"]
    with setup.running(words, os.environ) as child:
        assert "Zoë" in "".join(child.stdout or ())


def test_what_the_set_up_asks_has_none_of_its_stdin(tmp_path: Path) -> None:
    """A pipe that Blender holds open, in which the set-up waits for Blender's end: on Windows a Python with it never starts."""
    script = "import sys; sys.path.insert(0, sys.argv[1]); import setup\n"
    script += "asked = 'import sys; print(len(sys.stdin.read()))'\n"
    script += "print(setup.run_for_output([sys.executable, '-c', asked], timeout_s=10))\n"
    script += "setup.PROBE = asked\n"
    script += "print(setup.probe(sys.executable))\n"
    words = [sys.executable, "-c", script, str(SCRIPT.parent)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert [child.stdout.readline().strip() for _ in range(2)] == ["0", "0"]


def test_nothing_of_the_users_python_leaks_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("PYTHONHOME", "/else")
    assert not {"PYTHONPATH", "PYTHONHOME"} & set(setup.clean_environment())
