"""The motion engine's set-up: a Python environment with the pinned packages, which may be broken off and taken up again.

A program, run by any Python from 3.11 on (`python -I setup.py install --home H --resources R`), that speaks the worker's protocol
and is driven by `Job` like the worker itself; imported, it says what is there. build.py shares it. Standard library only and no
relative imports, because it runs before anything is installed.

Wheels are downloaded one by one into `<home>/wheels`, each continued where it broke off and checked against the package index's
SHA-256, and installed from there without the index. The marker is written last: without it an environment does not count.
An engine that is repaired or brought up to date serves until all wheels of the new one are there.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import csv
import enum
import errno
import hashlib
import http.client
import io
import json
import os
import platform
import re
import shutil
import signal
import ssl
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, NoReturn

GROUP = "lifter"  # of the dependency groups in pyproject.toml
PYTHONS = ((3, 11), (3, 12), (3, 13), (3, 14))  # what may run the engine, the best known first
LOG_NAME, WHEELS_NAME, OFFLINE_NAME = "engine-setup.log", "wheels", "offline"
LOCK_NAME = "requirements-engine.txt"  # every package that the pins need, on every system, with the SHA-256 of its files
BAD_INPUT = 2  # exit code, as the worker's
_ATTEMPTS = 6  # at one wheel, each that got no byte further
_CHUNK_BYTES = 1 << 20
_NETWORK_TIMEOUT_S = 60.0
# A process that was killed may leave a child between fork and exec, which holds the lock until it gets there.
_LOCK_PATIENCE_S = 3.0
_UNPACKED = 3.2  # times the wheels' size: what they take on the disk when installed, and some room
_OLDEST_MACOS = 14
_ENVIRONMENT_BYTES = 100e6  # more than an environment with pip takes on the disk
_FULL = r"No space left on device|Errno 28|not enough space|[Qq]uota exceeded"
_FULL_NUMBERS = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_UNWRITABLE = r"Permission denied|Read-only file system|Errno 13|Errno 30"
_OTHER_DISK = "Give Blender a user folder on another disk, or set POSE3D_HOME to a folder there."
NO_LINKS = r"\[Errno (1|45|95)\].* -> "  # a file system for sticks and cameras, some networks' disks
TOO_LONG = r"enable-long-paths|WinError 206|File name too long"
# Of a file's whole name, and of its folder's, in characters: what Windows takes where nobody has allowed more.
_LONGEST_NAME, _LONGEST_FOLDER = (259, 247) if sys.platform == "win32" else (1023, 1023)
UNREACHABLE = (
    r"NewConnectionError|NameResolutionError|Failed to establish|Failed to connect|name resolution|ConnectTimeout|ReadTimeout|"
    r"Read timed out|ProxyError|SSLError|CERTIFICATE_VERIFY_FAILED|Connection refused|ConnectionReset|Network is unreachable"
)
UNTRUSTED = r"certificate verify failed: (.+?)(?: \(_ssl|['\")\n])"  # the reason; a clock that is wrong is one too
TRUST_HINT = "Set the clock right; where the network has a certificate of its own, name its file in pip's setting cert."
# pip's settings that say how packages are reached. The others of a user's (a folder to install into, constraints, …) are for
# packages of their own, and would lead past the engine's environment.
_PIP_REACHES = frozenset(
    {"index-url", "extra-index-url", "no-index", "find-links", "trusted-host", "proxy", "cert", "client-cert", "keyring-provider"}
    | {"timeout", "default-timeout", "retries", "resume-retries", "cache-dir", "no-cache-dir", "use-feature", "use-deprecated"}
)
_PIP_SOURCES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX")
_PIP_SECTIONS = ("global", "install", ":env:")  # a later one counts for more
# As the engine chooses its device (lifter/device.py), and why it is not the graphics card that is there.
DEVICE_PROBE = """
def device(torch):
    for kind, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available())):
        if not there: continue
        card = ""
        try:
            card = torch.cuda.get_device_name(0) if kind == "cuda" else ""
            ones = torch.ones(2, 2, device=kind)
            (ones @ ones).sum().item()
        except RuntimeError as reason:
            return f"cpu ({card or kind} cannot be used: {str(reason).strip().splitlines()[0]})"
        return f"{kind} ({card})" if card else kind
    return "cpu"
"""
# MediaPipe loads its library with the first picture, and with it those of the system that it draws with.
LIBRARY_PROBE = """
import ctypes, os, sys
def load_library(mediapipe):
    folder = os.path.join(os.path.dirname(mediapipe.__file__), "tasks", "c")
    ending = {"win32": "dll", "darwin": "dylib"}.get(sys.platform, "so")
    if os.path.isdir(folder): ctypes.CDLL(os.path.join(folder, "libmediapipe." + ending))
"""
_REPAIR = "Repair it, or choose another Python."
# What to do about a library of the system that the packages need, by what Python says of it.
_LIBRARIES = {  # one that is named by its whole path is the packages' own
    r"(?<![\w/.-])[^/\s]+: cannot open shared object file": (
        "Install that library with your system's package manager and try the engine again."
    ),
    r"(DLL load failed|\[WinError (126|127|1114)\]|or one of its dependencies)": (
        "Install Microsoft's Visual C++ Redistributable and try the engine again."
    ),
}
PROBE = (
    DEVICE_PROBE
    + LIBRARY_PROBE
    + """
import importlib.metadata as m, json, sys
import torch, mediapipe, cv2, safetensors, tqdm
if "libraries" in sys.argv: load_library(mediapipe)
said = {name: m.version(name) for name in ("torch", "mediapipe", "numpy")}
print(json.dumps({"python": sys.version.split()[0], **said, "device": device(torch)}))
"""
)
# pip's settings, read in the system's encoding as pip does and printed as `run_for_output` reads.
_PIP_SETTINGS = """
import runpy, sys
sys.stdout.reconfigure(encoding=sys.getfilesystemencoding(), errors="surrogateescape")
sys.argv = ["pip", "config", "list"]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
# Runs pip or venv so that it ends, with what it started, when the process that holds its stdin does, even by kill -9: a next run
# makes a half-made environment anew, and nobody else may still be writing into it then.
_MODULE = """
import os, runpy, signal, sys, threading
for stream in (sys.stdout, sys.stderr): stream.reconfigure(encoding="utf-8", errors="surrogateescape")
def watch():
    while os.read(0, 1): pass
    if os.getpgrp() == os.getpid(): os.killpg(0, signal.SIGKILL)
    os._exit(1)
if os.name == "posix": threading.Thread(target=watch, daemon=True).start()
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


class SetupError(Exception):
    """Something the user can act on: `message` says what is wrong, `hint` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


# ---- what is there ----------------------------------------------------------------------------------------------------------


class EngineState(enum.Enum):
    MISSING = "missing"
    HALF = "half"  # wheels or an environment without its marker: a set-up that was broken off
    OUTDATED = "outdated"  # whole, but made for other versions of the packages
    COMPLETE = "complete"


def environment_folder(home: Path) -> Path:
    return home / "envs" / "lifter"


def _real_folder(home: Path) -> Path:
    """Of the environment, which may be a link to a folder on another disk: venv makes none in place of a link."""
    folder = environment_folder(home)
    return folder.resolve() if folder.is_symlink() else folder


def python_of_environment(folder: Path) -> Path:
    """The interpreter inside a virtual environment, whether or not it exists."""
    return folder / "Scripts" / "python.exe" if sys.platform == "win32" else folder / "bin" / "python"


def site_packages(folder: Path) -> Path:
    """Where the packages of a virtual environment are; the environment itself where it has no such folder."""
    return next(iter((*folder.glob("[Ll]ib/site-packages"), *folder.glob("lib/python*/site-packages"))), folder)


def count_installed(folder: Path) -> int:
    """Of an environment into which pip may be installing: folders come and go in it."""
    try:
        return sum(name.endswith(".dist-info") for name in os.listdir(site_packages(folder)))
    except OSError:
        return 0


def installed_groups(folder: Path) -> dict[str, str]:
    """What the marker of an environment says: group -> fingerprint of its pins. Empty where the marker is missing or the Python
    that made the environment is gone."""
    try:
        groups = json.loads((folder / "complete.json").read_text(encoding="utf-8"))["groups"]
        return {str(group): str(pins) for group, pins in groups.items()} if has_its_python(folder) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def has_its_python(folder: Path) -> bool:
    """Whether the Python that made the environment is still there. On Windows a small program of the environment's own starts it,
    and stays when it goes; elsewhere a link does, behind which there may be a newer one by now, which finds no packages."""
    python = python_of_environment(folder)
    if not os.path.exists(python):
        return False
    try:
        lines = (folder / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return True  # nothing to go by
    said = {name.strip(): value.strip() for name, found, value in (line.partition("=") for line in lines) if found}
    made_by = ".".join(said.get("version", "").split(".")[:2])
    now = re.fullmatch(r"python(3\.\d+)(\.exe)?", python.resolve().name)
    if made_by and now and now[1] != made_by:
        return False
    home = Path(said["home"]) if "home" in said else None
    names = [home / name for name in ("python.exe", "python", "python3", f"python{made_by}")] if home else []
    return not names or not all(_is_gone(path) for path in names)


def _is_gone(path: Path) -> bool:
    """Also False where nobody may look, as into the folders of the Microsoft Store."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def engine_state(home: Path, resources: Path) -> EngineState:
    """Cheap: a few looks at the disk."""
    folder = environment_folder(home)
    groups = installed_groups(folder)
    if GROUP not in groups:
        return EngineState.HALF if os.path.exists(folder) or os.path.exists(home / WHEELS_NAME) else EngineState.MISSING
    try:
        pins = read_pins(resources)
    except SetupError:
        return EngineState.COMPLETE  # nothing to compare it with
    return EngineState.COMPLETE if groups[GROUP] == fingerprint(pins) else EngineState.OUTDATED


def read_pins(resources: Path) -> list[str]:
    """The engine's requirements, each pinned to one version. Raises SetupError."""
    path = resources / "pyproject.toml"
    try:
        pins = tomllib.loads(path.read_text(encoding="utf-8"))["dependency-groups"][GROUP]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SetupError(
            f"The list of the motion engine's packages, {path}, is missing.", hint="Install the add-on again."
        ) from error
    return [str(pin) for pin in pins]


@dataclass(frozen=True)
class Lock:
    """requirements: NAME==VERSION, with a marker where it is for some systems only; sha256s: by name, of that version's files for
    all systems. Both are empty where there is no lock, as in a folder made for a test."""

    requirements: tuple[str, ...]
    sha256s: Mapping[str, frozenset[str]]

    def knows(self, wheel: Wheel) -> bool:
        """Whether it is a file that was locked. A build with a local version (torch's "+cpu") is in no public index: the user
        named the index or the folder that it is from."""
        is_local = "+" in wheel.file.split("-")[1]
        return not self.requirements or is_local or wheel.sha256 in self.sha256s.get(_plain(wheel.name), ())


def read_lock(resources: Path) -> Lock:
    try:
        text = (resources / LOCK_NAME).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Lock((), {})
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    parts = [re.split(r"\s+--hash=sha256:", line.strip()) for line in lines]
    sha256s: dict[str, frozenset[str]] = {}
    for requirement, *hashes in parts:  # a name comes twice where systems have different versions
        name = _plain(requirement.split("==")[0])
        sha256s[name] = sha256s.get(name, frozenset()).union(hashes)
    return Lock(tuple(part[0] for part in parts), sha256s)


def _plain(name: str) -> str:
    """As the package index compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


def fingerprint(pins: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(sorted(pins)).encode()).hexdigest()


def offline_folder(resources: Path) -> Path | None:
    """The wheels that came with the add-on (`build.py package --offline-wheels`); None where there are none."""
    folder = resources / OFFLINE_NAME
    return folder if (folder / "plan.json").is_file() else None


def lets_programs_run(folder: Path) -> bool:
    """Not where its disk is mounted so that it holds no programs (noexec): no compiled part of a package can be loaded there."""
    statvfs = getattr(os, "statvfs", None)  # not on Windows
    return statvfs is None or not statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0)


def device() -> str:
    """Which build of the network library suits this machine: "CUDA", "MPS" or "CPU". A look at the disk and PATH, no more."""
    if sys.platform == "darwin":
        return "MPS" if platform.machine() == "arm64" else "CPU"
    driver = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
    return "CUDA" if driver else "CPU"


def unsupported(system: str, machine: str, macos: str) -> str:
    """Why no Python of such a machine can run the engine, as `here()` says it; "" where one can. The pinned versions decide, of
    PyTorch above all."""
    if system == "Darwin" and machine == "x86_64":
        return "PyTorch is no longer made for Macs with Intel processors (with Apple silicon, take the Blender made for that)"
    if system == "Darwin" and macos and macos != "10.16" and int(macos.split(".")[0]) < _OLDEST_MACOS:  # 10.16: said of any newer
        return f"PyTorch needs macOS {_OLDEST_MACOS} or newer, and this is {macos}"
    if system == "Windows" and machine.upper() == "ARM64":
        return "its packages are not made for Windows on ARM processors"
    return ""


def here() -> tuple[str, str, str]:
    """For `unsupported`."""
    return platform.system(), platform.machine(), platform.mac_ver()[0]


# ---- processes --------------------------------------------------------------------------------------------------------------


def clean_environment(**extra: str) -> dict[str, str]:
    """The variables for a process of the engine's Python: nothing of Blender's or the user's own Python leaks in."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.upper().startswith("PYTHON") and k not in ("VIRTUAL_ENV", "__PYVENV_LAUNCHER__")
    }
    return {**kept, "PYTHONNOUSERSITE": "1", "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", **extra}


def pip_variables(python: str | Path) -> dict[str, str]:
    """Those of the user's settings of pip, in its files and in variables, that are to count, all as variables."""
    said = run_for_output([str(python), "-I", "-c", _PIP_SETTINGS])
    if not said:  # there are none, or pip cannot read them, and will say so
        return {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    found = []
    for line in said.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in _PIP_SECTIONS and name in _PIP_REACHES:
            found.append((_PIP_SECTIONS.index(section), f"PIP_{name.replace('-', '_').upper()}", str(ast.literal_eval(value))))
    return {"PIP_CONFIG_FILE": os.devnull} | {name: value for _, name, value in sorted(found)}


def without_pip(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if not name.startswith("PIP_")}


def run_for_output(command: Sequence[str], *, timeout_s: float = 60.0) -> str:
    """What the command prints, stripped; the empty string where it cannot be run, fails or does not end in time."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,  # in which `_watch_parent` may read: on Windows no Python starts with such a pipe
            capture_output=True,
            # As file names are: a Python in UTF-8 mode prints paths so, whatever encoding the system has for text.
            encoding=sys.getfilesystemencoding(),
            errors="surrogateescape",
            timeout=timeout_s,
            env=clean_environment(),
            check=False,
            **no_window(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def module_command(python: str | Path, module: str, *words: str) -> list[str]:
    """`python -I -m MODULE WORDS`, for `running`."""
    return [str(python), "-I", "-c", _MODULE, module, *words]


@contextlib.contextmanager
def running(command: Sequence[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process whose stdout and stderr are one stream of lines. It is killed where the block fails, and ends by itself, where it
    watches its stdin, when this process is gone. Raises OSError where it cannot be started."""
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=environment,
        start_new_session=sys.platform != "win32",
        **no_window(),
    ) as child:
        # Linux shares the processors between sessions by this: where ours stands back, what it starts does too.
        with contextlib.suppress(OSError, IndexError):
            niceness = Path("/proc/self/autogroup").read_text(encoding="ascii").split()[-1]
            Path(f"/proc/{child.pid}/autogroup").write_text(niceness, encoding="ascii")
        try:
            yield child
        except BaseException:  # an interruption, say
            end_group(child)
            raise


def end_group(child: subprocess.Popen[str]) -> None:
    """Kill a process of `running` with all that it started."""
    if sys.platform == "win32":
        child.kill()
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


def no_window() -> dict[str, Any]:
    """For subprocess: on Windows a console would flash up for each process that is started out of one without."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NO_WINDOW}
    return {}


def find_pythons(versions: Sequence[tuple[int, int]] = PYTHONS, *, own: str | None = None) -> Iterator[str]:
    """Interpreters that run and have venv and ensurepip; of one version `own` first, then PATH's, pyenv's and the Windows
    launcher's."""
    for major, minor in versions:
        name = f"python{major}.{minor}"
        candidates = [[found] for found in (shutil.which(name),) if found]
        pyenv = Path(os.environ.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"))
        candidates += [[str(path)] for path in sorted(pyenv.glob(f"versions/{major}.{minor}*/bin/{name}"))]
        if os.name == "nt" and shutil.which("py"):
            candidates.append(["py", f"-{major}.{minor}"])
        if own and sys.version_info[:2] == (major, minor):
            candidates.insert(0, [own])
        for candidate in candidates:  # a pyenv shim may exist and fail, and distributions split ensurepip off
            path = run_for_output([*candidate, "-c", "import ensurepip, sys, venv; print(sys.executable)"])
            if path:
                yield path


def try_lock(descriptor: int) -> bool:
    """Takes an operating-system lock, which ends with the process whatever happens to it. True also where there are none: it is
    better to work without than not at all."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return sys.platform != "win32"  # there a held one says so; elsewhere the file system has none, as some networks' disks
    return True


# ---- the job ----------------------------------------------------------------------------------------------------------------

Say = Callable[..., None]


@dataclass(frozen=True)
class Wheel:
    """One file of the plan. sha256 is empty where the index gives none; size_bytes is 0 where it does not say."""

    name: str
    url: str
    file: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Plan:
    """What is to be fetched. key: of what it was made from, so that a broken-off set-up is only continued with the same."""

    key: str
    wheels: tuple[Wheel, ...]

    @property
    def size_bytes(self) -> int:
        return sum(wheel.size_bytes for wheel in self.wheels)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")

    @staticmethod
    def read(path: Path) -> Plan | None:
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            return Plan(str(data["key"]), tuple(Wheel(**wheel) for wheel in data["wheels"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None


class Setup:
    """One set-up. `say(event, **keys)` reports; `log` takes everything that was run and what it said."""

    def __init__(self, home: Path, resources: Path, *, index: str, say: Say) -> None:
        """index: the address of one more package index, or empty."""
        self.home = home
        self.resources = resources
        self.index = index
        self.say = say
        self.folder = _real_folder(home)
        self.envs = environment_folder(home).parent
        self.wheels = home / WHEELS_NAME
        self.temporary = self.envs / "temporary"  # pip's: a killed one leaves it full
        self.offline = offline_folder(resources)
        self.pins = read_pins(resources)
        self.lock = read_lock(resources)
        self._child: subprocess.Popen[str] | None = None
        self._pip_settings: Mapping[str, str] = {}
        self._base = self._venv_said = ""
        try:
            self.envs.mkdir(parents=True, exist_ok=True)
            self._log = (home / LOG_NAME).open("w", encoding="utf-8")
        except OSError as error:
            raise SetupError(
                f"The folder {home} cannot be written ({error.strerror}).", hint="Free it, or give Blender another user folder."
            ) from error

    def log(self, text: str) -> None:
        self._log.write(f"{time.strftime('%H:%M:%S')}  {text.rstrip()}\n")
        self._log.flush()

    def install(self, own: str | None) -> dict[str, Any]:
        """All of it; what is there already is kept. Returns what the finished engine says of itself. own: the interpreter to
        prefer. Raises SetupError."""
        with self._lock():
            self.log(f"Set-up in {self.home}: {', '.join(self.pins)}")
            if not lets_programs_run(self.folder.parent):
                raise SetupError(f"The disk that holds {self.folder.parent} lets no programs run (noexec).", hint=_OTHER_DISK)
            if self.offline is None:
                self.wheels.mkdir(exist_ok=True)
            is_renewed = GROUP in installed_groups(self.folder)
            if is_renewed:  # it goes on serving until all that the new one needs is here
                self.folder = self.temporary / "lifter"
            else:
                (self.folder / "complete.json").unlink(missing_ok=True)
            plan = self._environment_and_plan(own)
            folder = self.offline or self.wheels
            self._require_disk(plan)
            if self.offline is None:
                self._download(plan)
            if is_renewed:
                self.folder = _real_folder(self.home)
                self._take_away()
                if not self._make_environment(self._base):
                    raise self._failed("")
            self._install(plan, folder)
            said = self._check()
            groups = {GROUP: fingerprint(self.pins)}
            marker = {"python": said["python"], "groups": groups}
            write_whole(self.folder / "complete.json", json.dumps(marker, indent=1))
            shutil.rmtree(self.wheels, ignore_errors=True)
            self.log(f"Ready: {said}")
            return said

    def remove(self) -> None:
        """The environment, what was downloaded, and the landmark model."""
        with self._lock():
            self._take_away()
            for number, folder in enumerate((self.folder, self.wheels, self.home / "models")):
                self.say("progress", stage="remove", done=number, total=3)
                try:
                    if folder.exists():
                        shutil.rmtree(folder)
                except OSError as error:
                    raise SetupError(
                        f"{folder} could not be removed ({error.strerror}).", hint="Close what uses it and remove it again."
                    ) from error
        self.log("Removed.")

    def fetch(self, out: Path, own: str) -> None:
        """The wheels for `own`'s version of Python on this kind of machine, and the plan to install them by, into `out`."""
        self.wheels, self.offline = out, None
        out.mkdir(parents=True, exist_ok=True)
        self.temporary.mkdir(exist_ok=True)
        plan = self._environment_and_plan(own, only=True)
        self._download(plan)
        Plan(plan.key, tuple(replace(wheel, url="") for wheel in plan.wheels)).write(out / "plan.json")
        for name in ("report.json", "constraints.txt", "pip.txt"):
            (out / name).unlink(missing_ok=True)
        version = run_for_output([own, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        made_for = {"python": version, "system": platform.system(), "machine": platform.machine()}
        (out / "for.json").write_text(json.dumps(made_for, indent=1), encoding="utf-8")

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        with (self.envs / "lifter.lock").open("a+b") as file:
            until_s = time.monotonic() + _LOCK_PATIENCE_S
            while not try_lock(file.fileno()):
                if time.monotonic() > until_s:
                    raise SetupError(
                        f"Another Blender is setting up the motion engine in {self.home}.",
                        hint="Wait until it is done, then try again.",
                    )
                time.sleep(0.1)
            shutil.rmtree(self.temporary, ignore_errors=True)
            self.temporary.mkdir(exist_ok=True)
            try:
                yield
            finally:
                shutil.rmtree(self.temporary, ignore_errors=True)

    def _take_away(self) -> None:
        """The environment, whole or not at all: Windows lets none go of which a program runs. Raises SetupError."""
        away, until_s = self.temporary / "away", time.monotonic() + _LOCK_PATIENCE_S
        while True:
            try:
                self.folder.rename(away)
            except FileNotFoundError:
                return
            except PermissionError as error:
                if time.monotonic() < until_s:  # a virus scanner looks at what was just written
                    time.sleep(0.1)
                    continue
                raise SetupError(
                    f"The motion engine in {self.folder} cannot be replaced or removed ({error.strerror}).",
                    hint="Close what uses it, as another Blender, and try again.",
                ) from error
            except OSError:  # on another disk, or a disk itself: the marker goes first
                (self.folder / "complete.json").unlink(missing_ok=True)
                away = self.folder
            break
        shutil.rmtree(away, ignore_errors=True)

    # -- which Python, and which wheels

    def _environment_and_plan(self, own: str | None, *, only: bool = False) -> Plan:
        """A fresh environment of the first Python that all packages exist for, `self._base`, and what goes into it. only: no
        other than `own` will do."""
        self.say("progress", stage="prepare", done=0, total=None)
        lacking: list[str] = []
        tried: set[tuple[str, ...]] = set()
        pythons = [own] if only and own else _own_first(own)
        for python in pythons:
            version = run_for_output([python, "-c", "import sys; print(sys.version.split()[0])"])
            kind = tuple(version.split(".")[:2])
            if not version or kind in tried:
                continue
            self.log(f"Python {version}: {python}")
            if not self._make_environment(python):
                continue
            self._base = python
            tried.add(kind)
            kinds = [".".join(kind), platform.system(), platform.machine(), self.index]
            sources = [_without_password(f"{name}={self._pip_settings.get(name, '')}") for name in _PIP_SOURCES]
            key = fingerprint([*self.pins, *self.lock.requirements, *kinds, *sources])
            plan, missing = self._plan(key, python=".".join(kind))
            if plan is not None:
                return plan
            lacking.append(f"no {missing} for Python {'.'.join(kind)}")
        if lacking and self.offline is None and (why := unsupported(*here())):
            raise SetupError(f"The motion engine cannot be set up here: {why}.", hint="Use another machine for this step.")
        if self._venv_said and not lacking:
            raise SetupError(
                f"No Python environment can be made in {self.folder}: {self._venv_said}",
                hint=f"More is in {self.home / LOG_NAME}.",
            )
        what = ", ".join(dict.fromkeys(lacking)) or "no Python with its venv and ensurepip modules was found"
        where = "came with the add-on" if self.offline else f"exists for {platform.system()} {platform.machine()}"
        raise SetupError(
            f"The motion engine cannot be set up here: {what}{f' {where}' if lacking else ''}.",
            hint="Install Python 3.11, 3.12 or 3.13 so that it is on PATH and set the engine up again, "
            "or name one under Use an Existing Python in the add-on's preferences.",
        )

    def _make_environment(self, python: str) -> bool:
        self._take_away()
        code, output = self._run(module_command(python, "venv", str(self.folder)))
        if code == 0:
            settings = pip_variables(python_of_environment(self.folder))
            if self.index:
                settings["PIP_EXTRA_INDEX_URL"] = f"{settings.get('PIP_EXTRA_INDEX_URL', '')} {self.index}".strip()
            self._pip_settings = settings
            if self.offline is None:
                self._renew_pip()
            return True
        if shutil.disk_usage(self.home).free < _ENVIRONMENT_BYTES:  # venv does not pass on what pip's own installer says
            raise _disk_full(self.home)
        if re.search(f"{_FULL}|{_UNWRITABLE}", output):
            raise self._failed(output)
        if re.search(NO_LINKS, output):
            raise SetupError(
                f"The disk that holds {self.home} takes no links, which a Python environment has.",
                hint=_OTHER_DISK,
            )
        self._venv_said = (output.strip().splitlines() or [f"exit code {code}"])[-1]
        shutil.rmtree(self.folder, ignore_errors=True)
        return False

    def _renew_pip(self) -> None:
        """Where it is an older one, which would fetch whole wheels only to read their requirements."""
        ask = "import pip; raise SystemExit(tuple(map(int, pip.__version__.split('.')[:2])) < (23, 2))"
        if self._run([str(python_of_environment(self.folder)), "-I", "-c", ask])[0] == 0:
            return
        locked = next((line for line in self.lock.requirements if line.startswith("pip==")), "")
        if not locked:
            self._pip("install", "pip>=23.2")
            return
        listed = self.wheels / "pip.txt"
        listed.write_text(" ".join([locked, *(f"--hash=sha256:{digest}" for digest in sorted(self.lock.sha256s["pip"]))]))
        self._pip("install", "--require-hashes", "--only-binary", ":all:", "--requirement", str(listed))

    def _plan(self, key: str, *, python: str) -> tuple[Plan | None, str]:
        """What pip finds for the environment's Python, or the package that does not exist for it. Raises SetupError."""
        if self.offline is not None:
            plan = Plan.read(self.offline / "plan.json")
            packed = json.loads((self.offline / "for.json").read_text(encoding="utf-8"))
            fits = (packed["python"], packed["system"], packed["machine"]) == (python, platform.system(), platform.machine())
            return (plan, "") if plan is not None and fits else (None, "wheels")
        plan = Plan.read(self.wheels / "plan.json")
        if plan is not None and plan.key == key:
            self.log("Continuing a set-up that was broken off")
            return plan, ""
        report = self.wheels / "report.json"
        words = ["install", "--dry-run", "--ignore-installed", "--only-binary", ":all:", "--report", str(report)]
        constraints = self.wheels / "constraints.txt"
        constraints.write_text("\n".join(self.lock.requirements), encoding="utf-8")
        code, output = self._pip(*words, "--constraint", str(constraints), *self.pins)
        if code != 0:
            lacking = re.search(r"No matching distribution found for (\S+)", output)
            if lacking and not re.search(UNREACHABLE, output):
                return None, lacking[1]
            raise self._failed(output)
        found = [wheel_of(item) for item in json.loads(report.read_text(encoding="utf-8"))["install"]]
        unknown = next((wheel for wheel in found if not self.lock.knows(wheel)), None)
        if unknown is not None and not self.index:
            raise SetupError(
                f"{unknown.file} is not the file that this version of Pose3D was made with: its SHA-256 is another.",
                hint="Check which package index pip uses; one that you trust is named in the add-on's preferences.",
            )
        with ThreadPoolExecutor(8) as pool:
            sizes = list(pool.map(lambda wheel: _remote_size(wheel.url, self._pip_settings), found))
        plan = Plan(key, tuple(replace(wheel, size_bytes=size) for wheel, size in zip(found, sizes, strict=True)))
        plan.write(self.wheels / "plan.json")
        return plan, ""

    def _require_disk(self, plan: Plan) -> None:
        there = sum(path.stat().st_size for path in self.wheels.glob("*.whl*")) if self.wheels.is_dir() else 0
        needed = plan.size_bytes * _UNPACKED + (0 if self.offline else plan.size_bytes - there)
        free = shutil.disk_usage(self.home).free
        if self.folder != environment_folder(self.home):  # the one that stands goes before
            free += _size_bytes(environment_folder(self.home))
        if free < needed:
            raise SetupError(
                f"The disk that holds {self.home} has {free / 1e9:.1f} GB free, the motion engine needs {needed / 1e9:.1f} GB.",
                hint="Make room and set the engine up again.",
            )

    # -- download

    def _download(self, plan: Plan) -> None:
        total = plan.size_bytes
        self.log(f"{len(plan.wheels)} packages, {total / 1e6:.0f} MB")
        done = 0
        for wheel in plan.wheels:

            def progress(so_far: int, *, before: int = done, total: int = total) -> None:
                self.say("progress", stage="download", done=min(before + so_far, total), total=total)

            self._fetch(wheel, progress)
            done += wheel.size_bytes or (self.wheels / wheel.file).stat().st_size
            total = max(total, done)

    def _fetch(self, wheel: Wheel, progress: Callable[[int], None]) -> None:
        """One wheel, continued where an earlier try broke off. Raises SetupError."""
        target, part = self.wheels / wheel.file, self.wheels / f"{wheel.file}.part"
        if target.is_file() and wheel.sha256 in ("", sha256_of(target)):
            progress(wheel.size_bytes)
            return
        failures, damaged = 0, False
        while True:
            had = part.stat().st_size if part.exists() else 0
            try:
                whole = receive(wheel.url, part, progress, self._pip_settings)
            except urllib.error.HTTPError as error:
                if error.code in (401, 403, 407):  # pip knows the user's passwords
                    self._fetch_by_pip(wheel)
                    return
                whole, reason = False, f"{error.code} {error.reason}"
                if error.code == 416:  # there is nothing after what we have
                    part.unlink(missing_ok=True)
            except (OSError, http.client.HTTPException) as error:
                whole, reason = False, str(getattr(error, "reason", None) or error)
                if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):  # and certificates
                    self._fetch_by_pip(wheel)
                    return
                _raise_disk_full(error, self.home)
            else:
                reason = "the connection ended early"
            if whole:
                if not wheel.sha256 or sha256_of(part) == wheel.sha256:
                    part.replace(target)
                    self.log(f"{wheel.file}: {target.stat().st_size} bytes, SHA-256 checked")
                    return
                part.unlink()
                if damaged:
                    raise SetupError(f"{wheel.file} came damaged twice: its checksum is wrong.", hint="Try again later.")
                damaged = True
                continue
            now = part.stat().st_size if part.exists() else 0
            failures = 1 if now > had else failures + 1
            self.log(f"{wheel.file}: broke off at {now} bytes: {reason}")
            if failures >= _ATTEMPTS:
                raise SetupError(
                    f"The download of {wheel.name} broke off: {reason}.",
                    hint="Check the network and set the engine up again: it continues where it was.",
                )
            time.sleep(min(0.5 * 2**failures, 8.0))

    def _fetch_by_pip(self, wheel: Wheel) -> None:
        code, output = self._pip("download", "--no-deps", "--dest", str(self.wheels), wheel.url)
        target = self.wheels / wheel.file
        if code != 0 or not target.is_file():
            raise self._failed(output)
        if wheel.sha256 and sha256_of(target) != wheel.sha256:
            target.unlink()
            raise SetupError(f"{wheel.file} came damaged: its checksum is wrong.", hint="Try again later.")

    # -- install and check

    def _install(self, plan: Plan, folder: Path) -> None:
        total = len(plan.wheels)
        ended = threading.Event()

        def watch() -> None:
            before = count_installed(self.folder)
            while not ended.wait(0.5):
                self.say("progress", stage="install", done=min(max(count_installed(self.folder) - before, 0), total), total=total)

        self.say("progress", stage="install", done=0, total=total)
        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            packages = site_packages(self.folder)
            files = [str(with_short_names(folder / wheel.file, packages, into=self.temporary)) for wheel in plan.wheels]
            code, output = self._pip("install", "--no-index", "--no-deps", *files)
        finally:
            ended.set()
            watcher.join()
        if code != 0:
            raise self._failed(output)

    def _check(self) -> dict[str, Any]:
        """Run the engine once, and provide the landmark model."""
        self.say("progress", stage="check", done=0, total=None)
        python = str(python_of_environment(self.folder))
        said = probe(python, log=self.log)
        models = self.home / "models"
        if self.offline is not None:
            models.mkdir(exist_ok=True)
            for path in (self.offline / "models").glob("*.task"):
                shutil.copyfile(path, models / path.name)
        words = [python, "-m", "lifter", "model-file", "--models-dir", str(models), "--progress", "json"]
        code, output = self._run(words, PYTHONPATH=str(self.resources))
        if code != 0:
            for line in output.splitlines():
                with contextlib.suppress(ValueError, TypeError, KeyError):
                    event = json.loads(line)
                    if event["event"] == "error":
                        raise SetupError(event["message"], hint=event.get("hint") or "")
            raise self._failed(output)
        return said

    # -- children

    def _pip(self, *words: str) -> tuple[int, str]:
        options = ["--no-input", "--disable-pip-version-check"]
        python = python_of_environment(self.folder)
        return self._run(module_command(python, "pip", words[0], *options, *words[1:]))

    def _run(self, command: Sequence[str], **extra: str) -> tuple[int, str]:
        """Exit code and all that it printed, which goes into the log as well."""
        shown = ["-m" if word == _MODULE else word for word in command if word != "-c"]
        self.log("$ " + " ".join(shown))
        lines: list[str] = []
        try:
            variables = clean_environment(POSE3D_PARENT_PIPE="1", TMPDIR=str(self.temporary), **extra)
            with running(command, {**without_pip(variables), **self._pip_settings}) as child:
                self._child = child
                for line in child.stdout or ():
                    lines.append(line)
                    self.log(line)
        except OSError as error:
            return 1, str(error)
        finally:
            self._child = None
        return child.returncode, "".join(lines)

    def end_child(self) -> None:
        if self._child is not None:
            end_group(self._child)

    def _failed(self, output: str) -> SetupError:
        """pip's output as one sentence; the whole of it is in the log."""
        log = f"More is in {self.home / LOG_NAME}."
        if re.search(_FULL, output):
            return _disk_full(self.home)
        if untrusted := re.search(UNTRUSTED, output):
            return SetupError(
                f"The package index's certificate is not trusted: {untrusted[1]}.",
                hint=f"{TRUST_HINT} Then set the engine up again. {log}",
            )
        if re.search(UNREACHABLE, output):
            return SetupError(
                "The package index could not be reached.",
                hint=f"Check the network (and pip's proxy and index settings), and set the engine up again. {log}",
            )
        if re.search(TOO_LONG, output):
            return SetupError(
                f"In {self.home} the names of the motion engine's files would be longer than the system takes.",
                hint=f"Allow long paths in Windows, or give Blender a user folder with a shorter name. {log}",
            )
        if re.search(_UNWRITABLE, output):
            return SetupError(f"The folder {self.home} cannot be written.", hint="Free it, or give Blender another user folder.")
        errors = [line.strip() for line in output.splitlines() if "error" in line.lower()] or output.strip().splitlines()[-1:]
        return SetupError(
            f"The motion engine could not be set up: {errors[-1] if errors else 'the installer said nothing'}", hint=log
        )


def _without_password(text: str) -> str:
    """Of addresses, whose passwords may change from one day to the next."""
    return re.sub(r"//[^/@\s]*@", "//", text)


def _own_first(own: str | None) -> Iterator[str]:
    """Blender's own interpreter, then the others."""
    if own and run_for_output([own, "-c", "import ensurepip, venv; print(1)"]):
        yield own
    yield from find_pythons()


def wheel_of(item: Mapping[str, Any]) -> Wheel:
    """From one entry of pip's installation report."""
    info = item["download_info"]
    archive = info.get("archive_info", {})
    digest = archive.get("hashes", {}).get("sha256") or archive.get("hash", "").removeprefix("sha256=")
    file = urllib.parse.unquote(urllib.parse.urlsplit(info["url"]).path.rsplit("/", 1)[1])
    return Wheel(item["metadata"]["name"], info["url"], file, digest, 0)


def with_short_names(wheel: Path, packages: Path, *, into: Path) -> Path:
    """The wheel itself, or where files of it would have longer names in the folder `packages` than the system takes a copy in the
    folder `into`, in which licences have other names and C's headers are left out: what runs needs neither. Any other too long
    name stays. Raises OSError."""
    if not zipfile.is_zipfile(wheel):
        return wheel  # pip says what is wrong
    with zipfile.ZipFile(wheel) as archive:
        shorter = {}  # name -> the new one, "" for what is left out
        for name in archive.namelist():
            place = packages / name
            info, found, _ = name.partition(".dist-info/licenses/")
            if len(str(place)) <= _LONGEST_NAME and len(str(place.parent)) <= _LONGEST_FOLDER:
                continue
            if found:
                shorter[name] = f"{info}{found}{hashlib.sha256(name.encode()).hexdigest()[:12]}-{place.name}"
            elif "/include/" in name:
                shorter[name] = ""
        if not shorter:
            return wheel
        copy = into / wheel.name
        with zipfile.ZipFile(copy, "w", compresslevel=1) as made:
            for member in archive.infolist():
                data = archive.read(member)
                if member.filename.endswith(".dist-info/RECORD"):
                    rows = csv.reader(io.StringIO(data.decode("utf-8")))
                    text = io.StringIO()
                    csv.writer(text, lineterminator="\n").writerows(
                        [shorter.get(name, name), *rest] for name, *rest in rows if shorter.get(name, name)
                    )
                    data = text.getvalue().encode("utf-8")
                member.filename = shorter.get(member.filename, member.filename)
                if member.filename:
                    made.writestr(member, data, compresslevel=1)
    return copy


def _context(settings: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """The system's certificates, and those that pip is told to use."""
    context = ssl.create_default_context()
    for named in (settings.get("PIP_CERT"), os.environ.get("REQUESTS_CA_BUNDLE"), os.environ.get("SSL_CERT_FILE")):
        with contextlib.suppress(OSError):
            if named:
                context.load_verify_locations(named)
    return context


def _open(request: urllib.request.Request, settings: Mapping[str, str]) -> Any:
    handlers: list[urllib.request.BaseHandler] = []
    if request.type == "https":
        handlers.append(urllib.request.HTTPSHandler(context=_context(settings)))
    if proxy := settings.get("PIP_PROXY"):
        handlers.append(urllib.request.ProxyHandler({"http": proxy, "https": proxy}))
    return urllib.request.build_opener(*handlers).open(request, timeout=_NETWORK_TIMEOUT_S)


def _remote_size(url: str, settings: Mapping[str, str]) -> int:
    """In bytes; 0 where the server does not say."""
    try:
        with _open(urllib.request.Request(url, method="HEAD"), settings) as answer:
            return int(answer.headers.get("Content-Length") or 0)
    except (OSError, ValueError, http.client.HTTPException):
        return 0


def receive(url: str, part: Path, progress: Callable[[int], None], settings: Mapping[str, str] = os.environ) -> bool:
    """Append to `part` what it lacks of `url`; True when all that the server promised is there. settings: `pip_variables`, of
    which the proxy and the certificates count. Raises OSError."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with _open(request, settings) as answer:
        continued = getattr(answer, "status", None) == 206
        have = have if continued else 0
        length = answer.headers.get("Content-Length")
        expected = have + int(length) if length else None
        said_s = 0.0
        with part.open("ab" if continued else "wb") as file:
            while chunk := answer.read(_CHUNK_BYTES):
                file.write(chunk)
                have += len(chunk)
                if time.monotonic() - said_s > 0.2:
                    progress(have)
                    said_s = time.monotonic()
    progress(have)
    return expected is None or have >= expected


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size_bytes(folder: Path) -> int:
    return sum((Path(place) / name).lstat().st_size for place, _, names in os.walk(folder) for name in names)


def write_whole(path: Path, text: str) -> None:
    """Under a temporary name first: the file is there whole or not at all."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _disk_full(folder: Path) -> SetupError:
    return SetupError(f"The disk that holds {folder} is full.", hint="Make room and set the engine up again.")


def _raise_disk_full(error: BaseException, folder: Path) -> None:
    if isinstance(error, OSError) and error.errno in _FULL_NUMBERS:
        raise _disk_full(folder) from error


def probe(python: str, *, log: Callable[[str], None] = lambda _text: None, libraries: bool = False) -> dict[str, Any]:
    """Run a Python once and have it import the engine's packages: their versions, and the device. Raises SetupError.

    libraries: also load what is loaded with the first picture; an engine whose system lacks that is whole all the same.
    """
    try:
        done = subprocess.run(
            [python, "-c", PROBE, *(["libraries"] if libraries else [])],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=300,
            env=clean_environment(),
            check=False,
            **no_window(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SetupError(f"{python} does not run: {error}.", hint="Choose another Python.") from error
    log(done.stdout + done.stderr)
    lines = done.stdout.strip().splitlines()
    if done.returncode == 0 and lines:
        with contextlib.suppress(ValueError):
            said: dict[str, Any] = json.loads(lines[-1])
            return said
    missing = re.search(r"ModuleNotFoundError: No module named '([^']+)'", done.stderr)
    if missing:
        raise SetupError(
            f"{python} has no package {missing[1]}.",
            hint="Install the packages of pyproject.toml's group lifter in it, or set the motion engine up.",
        )
    last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
    hint = next((what for pattern, what in _LIBRARIES.items() if re.search(pattern, last)), _REPAIR)
    raise SetupError(f"The motion engine in {python} does not run: {last}", hint=hint)


# ---- the program ------------------------------------------------------------------------------------------------------------

STAGES = {
    "install": ["prepare", "download", "install", "check"],
    "remove": ["remove"],
    "check": ["check"],
    "fetch": ["prepare", "download"],
}


def say(event: str, **keys: Any) -> None:
    sys.stdout.write(json.dumps({"event": event, **keys}) + "\n")
    sys.stdout.flush()


def _wait_for_end_of_stdin() -> None:
    """Raises OSError where it ends so."""
    if sys.platform == "win32":  # as lifter/parent.py: a read that waits would hold whoever else asks about stdin
        import _winapi
        import msvcrt

        handle = msvcrt.get_osfhandle(0)
        while True:
            _winapi.PeekNamedPipe(handle, 0)
            time.sleep(0.5)
    while os.read(0, 1):
        pass


def _watch_parent(setup: Setup | None) -> None:
    """Ends this process, and the pip that it runs, when the Blender that started it is gone."""

    def watch() -> None:
        with contextlib.suppress(OSError):
            _wait_for_end_of_stdin()
        if setup is not None:
            setup.end_child()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="setup.py", allow_abbrev=False)
    parser.add_argument("command", choices=sorted(STAGES))
    parser.add_argument("--home", type=Path, help="the folder of environments and models")
    parser.add_argument("--resources", type=Path, help="the folder of lifter/ and pyproject.toml")
    parser.add_argument("--python", help="install, fetch: the Python to prefer; check: the one to run")
    parser.add_argument("--index", default="", help="the address of one more package index")
    parser.add_argument("--out", type=Path, help="fetch: where the wheels go")
    options = parser.parse_args(arguments)
    say("start", protocol=1, command=options.command, stages=STAGES[options.command])
    try:
        if options.command == "check":
            say("progress", stage="check", done=0, total=None)
            said = probe(options.python, libraries=True)
            say("result", output=options.python, summary=said)
            return 0
        setup = Setup(options.home, options.resources, index=options.index, say=say)
        if os.environ.get("POSE3D_PARENT_PIPE") == "1":
            _watch_parent(setup)
        summary: dict[str, Any] = {}
        if options.command == "install":
            summary = setup.install(options.python)
        elif options.command == "fetch":
            setup.fetch(options.out, options.python)
        else:
            setup.remove()
        say("result", output=str(setup.folder), summary=summary)
    except SetupError as error:
        say("error", message=error.message, hint=error.hint)
        return BAD_INPUT
    except OSError as error:  # of the home folder: what is fetched and run has sentences of its own
        at_fault = _disk_full(options.home)
        if error.errno not in _FULL_NUMBERS:
            at_fault = SetupError(
                f"The folder {options.home} cannot be used: {error.strerror or error} ({error.filename}).",
                hint="Free it, or give Blender another user folder.",
            )
        say("error", message=at_fault.message, hint=at_fault.hint)
        return BAD_INPUT
    return 0


def leave(code: int) -> NoReturn:
    sys.stdout.flush()
    os._exit(code)  # the thread that watches the parent sits in a read


if __name__ == "__main__":
    leave(main(sys.argv[1:]))
