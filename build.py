#!/usr/bin/env python3
"""Pose3D's bootstrap and command line: makes the environments it needs, then runs the parts of the project in them.

    python3 build.py COMMAND …                   outside Blender
    blender -b -P build.py -- COMMAND …          inside a Blender; with a bpy wheel: <its python> build.py -- COMMAND …

Standard library only, and one file, so that it runs before anything is installed.
"""

# No `from __future__` here: Python 3.6 must still be able to parse this file, to be told the sentence below.
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - the whole point is to be run by an older one
    sys.exit(
        f"Pose3D needs Python 3.11 or newer, and this is Python {sys.version_info[0]}.{sys.version_info[1]} ({sys.executable}). "
        "Run build.py with a newer one, for example: python3.11 build.py"
    )

import argparse
import contextlib
import errno
import glob
import hashlib
import importlib.util
import json
import math
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import tomllib
import traceback
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))  # Blender runs this file without its folder there

from blender_pose3d.batch import options as retarget_options  # noqa: E402 - standard library only, like this file
from blender_pose3d.core.errors import Pose3DError  # noqa: E402 - standard library only, like this file
from blender_pose3d.core.paths import is_file, is_folder  # noqa: E402 - standard library only, like this file
from blender_pose3d.worker.engine import models_folder  # noqa: E402 - standard library only, like this file
from blender_pose3d.worker.setup import (  # noqa: E402 - standard library only, like this file
    DEVICE_PROBE,
    LIBRARY_PROBE,
    LOCK_NAME,
    NO_LINKS,
    TOO_LONG,
    TRUST_HINT,
    UNREACHABLE,
    UNTRUSTED,
    count_installed,
    find_pythons,
    fingerprint,
    here,
    installed_groups,
    lets_programs_run,
    module_command,
    pip_variables,
    python_of_environment,
    read_lock,
    run_for_output,
    running,
    try_lock,
    unsupported,
    wheel_of,
    without_pip,
)

MINIMUM_BLENDER = (4, 5)
LOCKED_GROUPS = frozenset({"installer", "lifter", "test"})  # of pyproject.toml's: those in requirements-engine.txt
BAD_INPUT, BUG, INTERRUPTED = 2, 1, 130  # exit codes; 2 and 1 are also the worker's
HEARTBEAT_S = 5.0
OTHER_HOME = "Set POSE3D_HOME to a folder that you may write to."


class BuildError(Exception):
    """Something the user can act on: `message` says what is wrong, `hint` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} {hint}".strip())


def say(text: str) -> None:
    print(text, flush=True)


# ---- places and pins --------------------------------------------------------------------------------------------------------


def home_folder() -> Path:
    """Where environments, models and the cache live: POSE3D_HOME, else `.pose3d` beside this file."""
    home = os.path.expanduser(os.environ.get("POSE3D_HOME") or ROOT / ".pose3d")
    if str(home).startswith("~"):
        raise BuildError(f"POSE3D_HOME names {home}, and there is no such user.", hint="Write the whole path.")
    return Path(home).absolute()


def read_pins(pyproject: Path = ROOT / "pyproject.toml") -> dict[str, list[str]]:
    """The `[dependency-groups]` of pyproject.toml: group name -> requirements, each pinned to one version."""
    groups: dict[str, list[str]] = tomllib.loads(pyproject.read_text(encoding="utf-8"))["dependency-groups"]
    for pins in groups.values():
        for pin in pins:
            if "==" not in pin:
                raise BuildError(f"'{pin}' in {pyproject} names no exact version.", hint="Write name==version.")
    return groups


def manifest_version() -> str:
    return str(tomllib.loads((ROOT / "blender_manifest.toml").read_text(encoding="utf-8"))["version"])


def require_writable_folder(folder: Path, *, hint: str = "Choose another one.") -> Path:
    """Make `folder` and prove that a file can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise BuildError(f"The folder {folder} cannot be written ({error.strerror}).", hint=hint) from error
    return folder


# ---- environments -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Environment:
    """A virtual environment under the home folder. `pythons` may make it, best first; `free_gb` is what it takes on the disk."""

    name: str
    groups: tuple[str, ...]
    pythons: tuple[tuple[int, int], ...]
    free_gb: float

    @property
    def folder(self) -> Path:
        return home_folder() / "envs" / self.name

    @property
    def python(self) -> Path:
        return python_of_environment(self.folder)

    @property
    def marker(self) -> Path:
        """Written last, so that a half-made environment is never taken for a whole one. {group: fingerprint of its pins}"""
        return self.folder / "complete.json"

    def installed(self) -> dict[str, str]:
        """What the marker says; nothing where the marker is missing or the Python that made the environment is gone."""
        return installed_groups(self.folder)

    def is_complete(self, pins: Mapping[str, Sequence[str]]) -> bool:
        installed = self.installed()
        return all(installed.get(group) == fingerprint(pins[group]) for group in self.groups)


def lifter_environment(*, with_tests: bool = False) -> Environment:
    groups = ("lifter", "test") if with_tests else ("lifter",)
    return Environment("lifter", groups, ((3, 11), (3, 12), (3, 13), (3, 14)), 3.0)


def wheel_environment(group: str = "blender") -> Environment:
    """The environment whose `bpy` serves as Blender. A bpy wheel is built for exactly one Python."""
    version = next(pin.split("==")[1] for pin in read_pins()[group] if pin.startswith("bpy=="))
    python = (3, 13) if version_tuple(version) >= (5, 1) else (3, 11)
    return Environment(f"blender-{version}", (group,), (python,), 1.5)


WHEEL_GROUPS = ("blender-4-5", "blender", "blender-5-2")


def version_tuple(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def make_engine() -> Path:
    """The motion engine's Python: the one that POSE3D_ENGINE_PYTHON names, else the one in build.py's own environment."""
    require_importable()
    named = named_engine()
    if named is None:
        return make_environment(lifter_environment())
    if not is_file(named):
        raise BuildError(f"POSE3D_ENGINE_PYTHON names {named}, which is not there.", hint="Correct it, or unset it.")
    return named


def named_engine() -> Path | None:
    """The Python that POSE3D_ENGINE_PYTHON names by itself or by the folder of its environment, as the add-on takes it."""
    named = os.environ.get("POSE3D_ENGINE_PYTHON")
    if not named:
        return None
    return python_of_environment(Path(named)) if os.path.isdir(named) else Path(named)


def why_not_imported() -> str:
    """Why no other Python can import the project from where it lies; "" where it can."""
    if os.pathsep not in str(ROOT):
        return ""
    return f"{ROOT} has a '{os.pathsep}' in its name, which parts the folders of Python's search path."


def require_importable() -> None:
    why = why_not_imported()
    if why:
        raise BuildError(why, hint="Move the project into another folder.")


def make_environment(environment: Environment, *, pins: Mapping[str, Sequence[str]] | None = None) -> Path:
    """The environment's Python; makes the environment, or adds what its pins lack, where it is not complete yet."""
    pins = read_pins() if pins is None else pins
    if environment.is_complete(pins):
        return environment.python
    is_file(environment.marker)  # else one that may not be read, as another user's, would be made anew
    base = find_python(environment.pythons)
    if base is None:
        names = [f"python{major}.{minor}" for major, minor in environment.pythons]
        or_blender = ", or name a Blender in the variable BLENDER" if environment.name.startswith("blender-") else ""
        raise BuildError(
            f"No {' or '.join(names)} with its venv and ensurepip modules was found, which '{environment.name}' needs.",
            hint=f"Install one so that it is on PATH (on Debian and Ubuntu: apt install {names[0]}-venv){or_blender}.",
        )
    envs = require_writable_folder(environment.folder.parent, hint=OTHER_HOME)
    with install_lock(envs / f"{environment.name}.lock"), contextlib.ExitStack() as stack:
        put_back(environment)
        if environment.is_complete(pins):  # another run made it while this one waited
            return environment.python
        installed = environment.installed()
        groups = sorted({*environment.groups, *(group for group in installed if group in pins)})
        is_locked = pins == read_pins() and {*groups} <= LOCKED_GROUPS
        require_disk(environment)
        started = time.monotonic()
        wanted = [pin for group in groups for pin in pins[group]]
        say(f"Making the environment '{environment.name}' in {environment.folder}: {', '.join(wanted)}")
        if not installed or any(installed[group] != fingerprint(pins.get(group, ())) for group in installed):
            stack.enter_context(set_aside(environment))  # else what is there stays as it is, also where what is added fails
            create_venv(environment, base)
            if pins.get("installer"):
                install(environment, pins["installer"], is_locked=is_locked)
        install(environment, wanted, is_locked=is_locked)
        marker = {"python": run_for_output([str(environment.python), "-V"]), "groups": {g: fingerprint(pins[g]) for g in groups}}
        environment.marker.write_text(json.dumps(marker, indent=1), encoding="utf-8")
        say(f"The environment '{environment.name}' is ready ({time.monotonic() - started:.0f} s).")
    return environment.python


def find_python(versions: Sequence[tuple[int, int]]) -> str | None:
    """The first that runs and has venv; of one version this file's own, then PATH's, pyenv's and the Windows launcher's."""
    return next(find_pythons(versions, own=None if "bpy" in sys.modules else sys.executable), None)


def require_disk(environment: Environment) -> None:
    """One with room, on which programs run."""
    parent = environment.folder.resolve().parent
    if not lets_programs_run(parent):
        raise BuildError(
            f"The disk that holds {parent} lets no programs run (noexec).", hint="Set POSE3D_HOME to a folder on another disk."
        )
    free_gb = shutil.disk_usage(environment.folder.parent).free / 1e9
    if free_gb < environment.free_gb:
        raise BuildError(
            f"The disk that holds {environment.folder.parent} has {free_gb:.1f} GB free, "
            f"and the environment '{environment.name}' needs {environment.free_gb:.1f} GB.",
            hint="Make room, or set POSE3D_HOME to a folder on another disk.",
        )


@contextlib.contextmanager
def install_lock(path: Path) -> Iterator[None]:
    """Holds an operating-system lock, which ends with the process whatever happens to it."""
    with path.open("a+b") as file:
        waiting = False
        while not try_lock(file.fileno()):
            if not waiting:
                say(f"Another run is installing (it holds {path}); waiting for it…")
                waiting = True
            time.sleep(1.0)
        yield


@contextlib.contextmanager
def temporary_folder(environment: Environment) -> Iterator[dict[str, str]]:
    """The variables by which pip puts its temporary files where they go with a half-made environment, should it be killed."""
    folder = environment.folder.resolve() / "temporary"  # no folder can be made in place of a link
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield {"TMPDIR": str(folder)}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def set_aside(environment: Environment) -> Iterator[None]:
    """What is there goes when another environment is made in its place, and is back where that fails: without a network the
    version of Pose3D that it was made for can still be used."""
    aside = place_aside(environment)
    if environment.installed():
        try:
            environment.folder.resolve().rename(aside)
        except PermissionError as error:  # Windows, which lets none go of which a program runs
            raise BuildError(
                f"The environment in {environment.folder} cannot be replaced ({error.strerror}).",
                hint="End what uses it, then run the command again.",
            ) from error
        except OSError:  # a disk of its own
            environment.marker.unlink(missing_ok=True)
    try:
        yield
    except BaseException:
        put_back(environment)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def place_aside(environment: Environment) -> Path:
    folder = environment.folder.resolve()  # on the same disk
    return folder.with_name(f"{folder.name}.before")


def put_back(environment: Environment) -> None:
    """What `set_aside`, also of a run that was killed, has left where nothing whole came in its place."""
    aside = place_aside(environment)
    if not installed_groups(aside) or environment.installed():
        shutil.rmtree(aside, ignore_errors=True)
        return
    folder = environment.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        aside.rename(folder)


def create_venv(environment: Environment, base: str) -> None:
    """A fresh virtual environment in place of whatever half-made one is there."""
    folder = environment.folder.resolve()  # venv makes none in place of a link
    shutil.rmtree(folder, ignore_errors=True)
    with temporary_folder(environment) as variables:  # noqa: SIM117 - older Pythons must parse it
        with running(module_command(base, "venv", str(folder)), child_environment(**variables)) as child:
            output = "".join(child.stdout or ())
    if child.returncode != 0:
        raise failed_install(environment, output)


def install(environment: Environment, pins: Sequence[str], *, is_locked: bool = False) -> None:
    """Runs pip in the environment and shows what it is at. Raises one clear sentence where it fails. is_locked: all that is
    installed is in requirements-engine.txt, whose versions are taken, and whose checksums are required."""
    pip = [str(environment.python), "-m", "pip", "install"]
    options = ["--no-input", "--disable-pip-version-check"]
    if "raw" in run_for_output([*pip, "--help"]):  # since pip 24.1; the one that a Python brings may be older
        options += ["--progress-bar", "raw"]
    lock, report = read_lock(ROOT), environment.folder / "installed.json"
    if is_locked:  # wheels only: they run nothing before their checksums have been looked at
        constraints = environment.folder / "constraints.txt"
        constraints.write_text("\n".join(lock.requirements), encoding="utf-8")
        options += ["--only-binary", ":all:", "--constraint", str(constraints), "--report", str(report)]
    progress = InstallProgress(environment, pinned=len(pins))
    ended = threading.Event()
    threading.Thread(target=progress.show_until, args=(ended,), daemon=True).start()
    output: list[str] = []
    command = module_command(environment.python, "pip", "install", *options, *pins)
    clean, settings = without_pip(child_environment()), pip_variables(environment.python)
    try:
        # An interrupted run leaves no pip behind that still writes into the environment, a killed one neither.
        with temporary_folder(environment) as variables, running(command, {**clean, **variables, **settings}) as child:
            for line in child.stdout or ():
                progress.read(line)
                if not line.startswith("Progress "):
                    output.append(line)
    finally:
        ended.set()
    if child.returncode != 0:
        raise failed_install(environment, "".join(output))
    if is_locked:
        made = [wheel_of(item) for item in json.loads(report.read_text(encoding="utf-8"))["install"]]
        unknown = [wheel.file for wheel in made if not lock.knows(wheel)]
        if unknown:
            shutil.rmtree(environment.folder)
            raise BuildError(
                f"The environment '{environment.name}' was deleted: {unknown[0]} is not the file that Pose3D was made with.",
                hint="Check which package index pip uses.",
            )


class InstallProgress:
    """pip's output as one line that changes on a terminal, and as a line now and then elsewhere."""

    def __init__(self, environment: Environment, *, pinned: int) -> None:
        self.environment = environment
        self.pinned = pinned
        self.found = 0  # packages that pip has come to so far; how many there will be it knows only at the end
        self.package = ""
        self.part = ""
        self.to_install = 0
        self.there_before = 0

    def read(self, line: str) -> None:
        """Takes in one line of pip's."""
        collecting = re.match(r"Collecting ([^\s=<>!~(;\[]+)", line)
        part = re.match(r"Progress (\d+) of (\d+)", line)
        if collecting:
            self.found, self.package, self.part = self.found + 1, collecting[1], ""
        elif part:
            self.part = f": {int(part[1]) / 1e6:.0f} of {int(part[2]) / 1e6:.0f} MB"
        elif line.startswith("Installing collected packages:"):
            self.there_before, self.to_install = count_installed(self.environment.folder), line.count(",") + 1

    def text(self) -> str:
        if self.to_install:
            done = min(max(count_installed(self.environment.folder) - self.there_before, 0), self.to_install)
            return f"unpacking, {done} of {self.to_install} packages"
        if self.found:
            return f"package {self.found} ({self.pinned} pinned, and what they need), {self.package}{self.part}"
        return "asking which packages there are"

    def show_until(self, ended: threading.Event) -> None:
        """Shows where pip is until `ended` is set, also while pip is silent; runs in a thread of its own."""
        started_s = time.monotonic()
        on_terminal = sys.stdout.isatty()
        while not ended.wait(0.5 if on_terminal else HEARTBEAT_S):
            line = f"  {self.environment.name}: {self.text()} ({time.monotonic() - started_s:.0f} s)"
            if on_terminal:
                print(f"\r\033[K{line[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
            else:
                say(line)
        if on_terminal:
            print("\r\033[K", end="", flush=True)


def failed_install(environment: Environment, output: str) -> BuildError:
    """pip's or venv's output as one sentence. The whole of it goes into a log file that the sentence names."""
    log = environment.folder.parent / f"{environment.name}.log"
    with contextlib.suppress(OSError):
        log.write_text(output, encoding="utf-8")
    what = f"The environment '{environment.name}' could not be made"
    if re.search(r"No space left on device|Errno 28|not enough space", output):
        return BuildError(
            f"{what}: the disk is full (folder {environment.folder.parent}, or the folder for temporary files).",
            hint="Make room, or set POSE3D_HOME (and TMPDIR) to folders on another disk.",
        )
    if re.search(TOO_LONG, output):
        return BuildError(
            f"{what}: the names of its files in {environment.folder} would be longer than the system takes.",
            hint="Set POSE3D_HOME to a folder with a shorter name, or allow long paths in Windows.",
        )
    if re.search(NO_LINKS, output):
        return BuildError(
            f"{what}: the disk that holds {environment.folder.parent} takes no links, which it has.",
            hint="Set POSE3D_HOME to a folder on another disk.",
        )
    if re.search(r"Permission denied|Read-only file system|Errno 13|Errno 30", output):
        return BuildError(f"{what}: {environment.folder.parent} cannot be written.", hint=OTHER_HOME)
    untrusted = re.search(UNTRUSTED, output)
    if untrusted:
        return BuildError(
            f"{what}: the package index's certificate is not trusted: {untrusted[1]}.",
            hint=f"{TRUST_HINT} pip's words are in {log}.",
        )
    if re.search(UNREACHABLE, output):
        return BuildError(
            f"{what}: the package index could not be reached.",
            hint=f"Check the network (and pip's proxy and index settings), then run the command again. pip's words are in {log}.",
        )
    match = re.search(r"No matching distribution found for (\S+)", output)
    if match and environment.name == "lifter" and unsupported(*here()):
        return BuildError(f"{what}: {unsupported(*here())}.", hint="Use another machine.")
    if match:
        return BuildError(
            f"{what}: there is no {match[1]} for this machine ({platform.system()} {platform.machine()}) and its Python.",
            hint=f"Try Python 3.11. pip's words are in {log}.",
        )
    errors = [line.strip() for line in output.splitlines() if "error" in line.lower()] or output.strip().splitlines()[-1:]
    return BuildError(f"{what}: {errors[-1] if errors else 'the installer said nothing'}", hint=f"More is in {log}.")


def child_environment(**extra: str) -> dict[str, str]:
    """The variables for a process in one of the environments: nothing of the user's own Python leaks in."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME", "__PYVENV_LAUNCHER__")}
    return {**kept, "PYTHONNOUSERSITE": "1", "POSE3D_HOME": str(home_folder()), **extra}


def run_python(python: Path, *arguments: object, **extra: str) -> int:
    """Runs `python ARGUMENTS` with the project importable and its own streams shared; returns the exit code."""
    # -P: a torch.py in the folder where the user happens to be must not be imported.
    return subprocess.call([python, "-P", *map(str, arguments)], env=child_environment(PYTHONPATH=str(ROOT), **extra))


def require_success(code: int, what: str) -> None:
    """The child has said why it failed; this ends the command with its exit code."""
    if code != 0:
        say(f"{what} failed (exit code {code}).")
        raise SystemExit(code if code > 0 else 128 - code)


# ---- Blenders ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Blender:
    """A Blender executable, or a Python whose `bpy` wheel serves as one."""

    path: str
    version: tuple[int, ...]
    is_wheel: bool

    @property
    def label(self) -> str:
        return f"{'bpy' if self.is_wheel else 'Blender'} {'.'.join(map(str, self.version))} ({self.path})"

    def command(self, *arguments: object) -> list[str]:
        """Runs `build.py ARGUMENTS` inside it."""
        script = str(ROOT / "build.py")
        words = [str(argument) for argument in arguments]
        if self.is_wheel:
            return [self.path, script, "--", *words]
        return [self.path, "-b", "--factory-startup", "--python-exit-code", "1", "-P", script, "--", *words]


# At once, since the bpy wheel can hang while Python takes it down; Blender's folder of temporary files goes, which is empty.
ASK_WHEEL = """
import bpy, contextlib, os
print("\\nBlender", bpy.app.version_string, flush=True)
with contextlib.suppress(OSError):
    os.rmdir(bpy.app.tempdir)
os._exit(0)
"""


def probe_blender(path: str) -> Blender | None:
    """Which Blender `path` is; None where it is none."""
    said = run_for_output([path, "--version"])
    is_wheel = said.startswith("Python ")
    if is_wheel:
        said = run_for_output([path, "-c", ASK_WHEEL])
    match = re.search(r"^Blender (\d+\.\d+(\.\d+)?)", said, re.MULTILINE)
    return Blender(path, version_tuple(match[1]), is_wheel) if match else None


def find_blender() -> Blender | None:
    """The Blender in BLENDER, else the one on PATH; None where there is none that is new enough.

    Raises BuildError where BLENDER names something that will not do: the user asked for it.
    """
    oldest = ".".join(map(str, MINIMUM_BLENDER))
    wanted = os.environ.get("BLENDER")
    if wanted:
        blender = probe_blender(shutil.which(wanted) or wanted)
        if blender is None:
            raise BuildError(f"BLENDER is set to {wanted}, which is no Blender that runs.", hint="Correct it, or unset it.")
        if blender.version < MINIMUM_BLENDER:
            raise BuildError(f"BLENDER is {blender.label}, and Pose3D needs {oldest} or newer.", hint="Correct it, or unset it.")
        return blender
    on_path = shutil.which("blender")
    blender = probe_blender(on_path) if on_path else None
    return blender if blender is not None and blender.version >= MINIMUM_BLENDER else None


def make_blender() -> Blender:
    """A Blender to work with: the user's, else a bpy wheel in an environment of its own, made where it is missing."""
    require_importable()
    blender = find_blender()
    if blender is not None:
        return blender
    wheels = [wheel_environment(group) for group in ("blender", "blender-5-2")]
    ready = [wheel for wheel in wheels if wheel.is_complete(read_pins()) or find_python(wheel.pythons)]
    environment = (ready or wheels)[0]
    python = make_environment(environment)
    return Blender(str(python), version_tuple(environment.name.removeprefix("blender-")), is_wheel=True)


def run_in_blender(blender: Blender, engine: Path, *arguments: object) -> int:
    return subprocess.call(blender.command(*arguments), env=child_environment(POSE3D_ENGINE_PYTHON=str(engine)))


# ---- commands ---------------------------------------------------------------------------------------------------------------


def command_setup(arguments: Sequence[str]) -> int:
    """setup: make the environments and the landmark model, and nothing else."""
    new_parser("setup", command_setup).parse_args(arguments)
    forget_if_broken(lifter_environment(), ENGINE_PACKAGES)
    for group in WHEEL_GROUPS:
        forget_if_broken(wheel_environment(group), WHEEL_PACKAGES)
    blender = make_blender()
    engine = make_engine()
    provide_landmark_model(engine)
    library = lacking_library(examined(engine, ENGINE_PACKAGES).get("fault", ""))
    if library:
        raise BuildError(f"The system's library {library} is missing, which the motion engine needs.", hint=f"{LIBRARY_HINT}.")
    say(f"Ready: {engine} and {blender.label}")
    return 0


def forget_if_broken(environment: Environment, packages: Sequence[str]) -> None:
    """So that it is made anew: packages may have gone since they were installed. What the system lacks would not come with it."""
    fault = examined(environment.python, packages).get("fault") if environment.is_complete(read_pins()) else None
    if fault and not lacking_library(fault):
        say(f"The environment '{environment.name}' is broken ({fault}).")
        environment.marker.unlink(missing_ok=True)


def provide_landmark_model(engine: Path, folder: Path | None = None) -> None:
    """folder: where it is, or comes into; by default where everything else looks for it."""
    folder = folder or models_folder(engine, home_folder())
    code = run_python(engine, "-m", "lifter", "model-file", "--models-dir", folder)
    require_success(code, "Providing MediaPipe's landmark model")


def command_demo(arguments: Sequence[str]) -> int:
    """demo [--out DIR]: animate two characters from the bundled clip, and measure how well that went."""
    parser = new_parser("demo", command_demo)
    parser.add_argument("--out", type=Path, default=Path("demo-out"), metavar="DIR", help="default: ./demo-out")
    out = require_writable_folder(parser.parse_args(arguments).out.absolute())
    clip, truth = ROOT / "tests/data/demo.mp4", ROOT / "tests/data/demo_truth.npz"
    for path in (clip, truth):
        if not path.is_file():
            raise BuildError(f"The demo needs {path}, which is missing.", hint="Get a whole copy of the project.")

    say("1/6 The environments and the landmark model")
    blender = make_blender()  # first, because it needs one Python where the engine takes several
    engine = make_engine()
    provide_landmark_model(engine)
    say("2/6 From the clip to a 3D track")
    track = out / "track.npz"
    require_success(run_python(engine, "-m", "lifter", "infer", clip, track), "Reading the clip")
    say(f"3/6 Onto two characters, in {blender.label}")
    shutil.rmtree(out / "frames", ignore_errors=True)  # an earlier run's frames would end up in this one's preview
    code = run_in_blender(blender, engine, "demo-scene", "--track", track, "--truth", truth, "--out", out)
    require_success(code, "The Blender part of the demo")
    say("4/6 The preview")
    require_success(run_python(engine, "-m", "lifter.preview", clip, track, out / "frames", out / "preview.mp4"), "The preview")
    say("5/6 The track against the clip's ground truth")
    evaluation = ["--track", track, "--truth", truth, "--json", out / "track_accuracy.json"]
    require_success(run_python(engine, "-m", "lifter", "evaluate", *evaluation), "Measuring the track")
    say("6/6 Done")
    results = [out / name for name in ("demo.blend", "demo.glb", "demo.bvh", "preview.mp4")]
    for path in results:
        if not path.is_file() or path.stat().st_size == 0:
            raise BuildError(f"{path} was not written.", hint="This is a fault in Pose3D; please report it with the lines above.")
        say(f"  {path}  ({path.stat().st_size / 1e6:.1f} MB)")
    for name in ("track_accuracy.json", "accuracy.json"):
        say(f"  {name}:")
        for measure, value in flat_measures(json.loads((out / name).read_text(encoding="utf-8"))):
            say(f"    {measure:<56} {value}")
    return 0


def flat_measures(data: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    """A JSON document as lines: names joined by dots, numbers with three decimals. A row with a unit stays one line."""
    if isinstance(data, dict) and "measure" in data and "value" in data:
        value = next(flat_measures(data["value"]))[1]
        bound = "at most" if data.get("better") == "lower" else "at least"
        goal = "" if data.get("goal") is None else f"  (goal: {bound} {data['goal']:g})"
        yield f"{prefix}{data['measure']}", f"{value} {data.get('unit', '')}{goal}".rstrip()
    elif isinstance(data, dict):
        for name, part in data.items():
            inner = prefix + (f"{name}." if isinstance(part, (dict, list)) else name)
            yield from flat_measures(part, inner)
    elif isinstance(data, list):
        for part in data:
            yield from flat_measures(part, prefix)
    else:
        yield prefix, f"{data:.3f}" if isinstance(data, float) else str(data)


RIG_FILES = "a .blend, .glb, .gltf, .fbx or .bvh file, or the word rigify"
RIG_HELP = f"{RIG_FILES}; FILE.blend:ArmatureName names one of several"


def command_retarget(arguments: Sequence[str]) -> int:
    """retarget CLIP|--source FILE --rig FILE --out FILE: animate a character from a clip or an animation, without a window."""
    check_retarget(arguments)
    blender = make_blender()
    engine = make_engine()
    if os.name == "nt" or "bpy" in sys.modules:
        return run_in_blender(blender, engine, "retarget", *arguments)
    sys.stdout.flush()
    # In this process's place: whoever ends it, even by kill -9, ends the Blender, which ends its worker.
    os.execve(blender.path, blender.command("retarget", *arguments), child_environment(POSE3D_ENGINE_PYTHON=str(engine)))


def check_retarget(arguments: Sequence[str]) -> None:
    """What can be said at once, because what follows may install for minutes. The rest is checked inside Blender."""
    if not arguments:
        raise BuildError("Give CLIP, --rig and --out.", hint="python3 build.py retarget --help tells how.")
    options = retarget_parser().parse_args(arguments)
    if (options.clip is None) == (options.source is None):
        raise BuildError("Give a CLIP, or with --source an animated rig in its place.", hint="See retarget --help.")
    if options.source is not None:
        require_rig(options.source, "source")
    elif is_folder(options.clip):
        hint = "Give one clip in it, or the folder to batch; make a video of a sequence of pictures first."
        raise BuildError(f"{options.clip} is a folder, not a clip.", hint=hint)
    elif not is_file(options.clip):
        raise BuildError(f"There is no clip {options.clip}.", hint="Check the path.")
    check_options(options)


def retarget_parser() -> argparse.ArgumentParser:
    parser = new_parser("retarget", command_retarget)
    parser.add_argument("clip", type=Path, metavar="CLIP", nargs="?")
    parser.add_argument(
        "--source", metavar="FILE", help="an animated rig (.bvh, .fbx, .glb, .blend[:armature]) in place of a clip"
    )
    parser.add_argument("--action", metavar="NAME", help="which of the source's animations (default: the one that plays)")
    parser.add_argument("--rig", required=True, metavar="FILE", help=RIG_HELP)
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help=".blend, .glb, .fbx or .bvh")
    add_retarget_options(parser)
    return parser


def add_retarget_options(parser: argparse.ArgumentParser) -> None:
    """What may be left out, for one clip or for every clip of a batch."""
    parser.add_argument("--preset", default="auto", metavar="auto|NAME|FILE.json", help="how the bones are named (default: auto)")
    parser.add_argument("--start", type=float, metavar="S", help="first second of the clip, as a player shows it")
    parser.add_argument("--end", type=float, metavar="S", help="last second of the clip, as a player shows it")
    parser.add_argument(
        "--fps", type=float, metavar="N", help="frame rate of the result (default: the clip's, or of a .blend rig its scene's)"
    )
    model = "the network: one that Pose3D comes with, by its name, or the path of a .safetensors file"
    parser.add_argument("--model", metavar="NAME|FILE", help=model)
    parser.add_argument("--limbs", choices=("fk", "ik"), help="ik: key the IK controls and pole targets as well (default: fk)")
    muted = "mute in the new action the constraints that change what is keyed"
    parser.add_argument("--mute-constraints", action="store_true", default=None, help=muted)
    named = "what the action, and the animation in the file, is called, with {armature}, {clip} and {preset}"
    parser.add_argument("--action-name", metavar="PATTERN", help=f"{named} (default: {{armature}} {{clip}})")
    looping = "the part that best comes back to where it began, made a loop"
    parser.add_argument("--loop", action="store_true", default=None, help=looping)
    rooted = "in .fbx and .glb, for game engines: the root goes along the ground with the hips, or turns with them as well"
    parser.add_argument("--root-motion", choices=("none", "path", "heading"), help=f"{rooted} (default: none)")
    deforming = "in .fbx, .glb and .bvh: the bones that deform alone, as one tree without controls and helpers"
    parser.add_argument("--deform-bones", action="store_true", default=None, help=deforming)
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="where to write what was done")
    retarget_options.add_arguments(parser)


def require_rig(named: str, what: str) -> None:
    rig = Path(re.sub(r"(\.blend):[^/\\]*$", r"\1", named))
    if named != "rigify" and not is_file(rig):
        raise BuildError(f"There is no {what} file {rig}.", hint=f"Give {RIG_FILES}.")


def check_options(options: argparse.Namespace) -> None:
    """Of one clip, or of a row of a batch."""
    require_rig(options.rig, "rig")
    if options.out.suffix.lower() not in (".blend", ".glb", ".fbx", ".bvh"):
        raise BuildError(f"Pose3D cannot write {options.out.name}.", hint="The name must end in .blend, .glb, .fbx or .bvh.")
    try:
        retarget_options.check_values(vars(options))
        if options.model:
            retarget_options.check_network(options.model, ROOT / "lifter" / "weights")
    except Pose3DError as error:
        raise BuildError(error.message, hint=error.hint) from None


def command_batch(arguments: Sequence[str]) -> int:
    """batch JOBS… --rig FILE: animate characters from many clips; what was done before, and is the same, is not done again."""
    options = read_batch_options(arguments)
    sys.path.insert(0, str(ROOT))
    from blender_pose3d.batch import farm, runner
    from blender_pose3d.batch.account import table
    from blender_pose3d.batch.cache import TrackCache
    from blender_pose3d.batch.jobs import read_jobs

    def check(words: Sequence[str]) -> None:
        try:
            check_options(retarget_parser().parse_args(words))
        except BuildError as error:
            raise Pose3DError(str(error)) from None

    try:
        names = frozenset(vars(retarget_parser().parse_args(["", "--rig=", "--out="]))) - {"clip", "source", "action"}
        found = {name: getattr(options, name) for name in sorted(names)}
        given = {
            name: value if value is True else str(value)
            for name, value in found.items()
            if value is not None and value is not False  # to == 0.0 is False too
        }
        jobs = read_jobs(options.jobs, defaults=given, names=names, check=check)
        inputs = runner.Inputs(resources=ROOT, version=manifest_version())
        planned = runner.plan(jobs, inputs, resume=options.resume, retry_failed=options.retry_failed, say=say)
        if options.dry_run:
            rows = [(item.job.clip.name, item.state or "to do", str(item.job.out), item.why) for item in planned]
            say(table([("clip", "state", "output", "why"), *rows]))
            return 0
        limit_bytes = options.cache_limit * 1e9
        if options.cluster:
            cluster = farm.Cluster(
                options.cluster, project=ROOT, cpus=options.threads or 1, gpus=options.gpus, cache_limit_bytes=limit_bytes
            )
            hands = farm.on_cluster(cluster, inputs, fail_fast=options.fail_fast)
        else:
            programs = batch_programs(with_landmark_model=any(item.state is None and not item.job.is_lifted for item in planned))
            hands = runner.on_this_machine(
                programs,
                inputs,
                TrackCache(programs.tracks, limit_bytes=limit_bytes),
                workers=options.workers,
                threads=options.threads or max(1, processors() // options.workers),
                fail_fast=options.fail_fast,
            )
        return runner.run(planned, inputs, hands, results=options.results, say=say)
    except Pose3DError as error:
        raise BuildError(error.message, hint=error.hint) from None


def batch_programs(*, with_landmark_model: bool) -> Any:
    """What a worker of a batch runs on this machine; makes what is missing."""
    sys.path.insert(0, str(ROOT))
    from blender_pose3d.batch.steps import Programs
    from blender_pose3d.worker.engine import find_engine

    engine, blender = make_engine(), make_blender()
    os.environ["POSE3D_ENGINE_PYTHON"] = str(engine)
    lifter = find_engine(ROOT, None, home_folder())
    if with_landmark_model:
        provide_landmark_model(engine, lifter.models_dir)
    return Programs(
        lifter=lifter.command("serve"),
        lifter_environment=lifter.environment(),
        blender=blender.command("batch-solve"),
        blender_environment=child_environment(),
        models_dir=lifter.models_dir,
        tracks=home_folder() / "cache" / "tracks",
    )


def command_batch_programs(arguments: Sequence[str]) -> int:
    """batch-programs: what a machine of a cluster runs for `batch --cluster`, as a line of JSON; makes what is missing."""
    new_parser("batch-programs", command_batch_programs).parse_args(arguments)
    say(json.dumps(batch_programs(with_landmark_model=True).as_json()))
    return 0


def command_flamenco(arguments: Sequence[str]) -> int:
    """flamenco OUT.js: write the job type by which a Flamenco farm animates clips, for its Manager's folder scripts."""
    parser = new_parser("flamenco", command_flamenco)
    parser.add_argument("out", type=Path, metavar="OUT.js", help="docs/farm.md tells where it belongs")
    out: Path = parser.parse_args(arguments).out.absolute()
    if out.suffix != ".js":
        raise BuildError(f"'{out.name}' is no name for a job type.", hint="It must end in .js.")
    sys.path.insert(0, str(ROOT))
    from blender_pose3d.batch.flamenco import job_type
    from blender_pose3d.core.leftovers import replacing

    try:
        with replacing(out) as partial:
            partial.write_text(job_type(ROOT / "build.py", version=manifest_version()), encoding="utf-8")
    except OSError as error:
        raise BuildError(f"{out} cannot be written: {error.strerror}.", hint="Choose another place.") from error
    say(f"Wrote {out}.")
    return 0


def read_batch_options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = new_parser("batch", command_batch)
    jobs = (
        "a folder of clips, a clip, a pattern such as 'shots/*/*.mp4', or a table (.csv, .json, .toml) with the column clip and, "
        "as needed, out, rig and the options below; relative paths in a table start where the table is"
    )
    parser.add_argument("jobs", nargs="+", metavar="JOBS", help=jobs)
    parser.add_argument("--rig", metavar="FILE", help=f"for every clip whose row names none: {RIG_HELP}")
    out = "where results go, with {folder}, {parent}, {stem}, {name} of the clip, {rig}, {row} (default: {folder}/{stem}.glb)"
    parser.add_argument("--out", metavar="PATTERN", help=out)
    add_retarget_options(parser)
    parser.set_defaults(preset=None)  # "auto" is retarget's own default; a row must be able to tell that nothing was given
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="so many clips at a time (default: 1)")
    threads = "threads of each worker (default: processors / workers; with --cluster: 1, and as many CPUs for each clip)"
    parser.add_argument("--threads", type=int, metavar="N", help=threads)
    cluster = "have a Ray cluster do it: auto for the one that this machine belongs to, or host:port (docs/farm.md)"
    parser.add_argument("--cluster", metavar="auto|ADDRESS", help=cluster)
    parser.add_argument("--gpus", type=float, default=0.0, metavar="N", help="with --cluster: GPUs for each clip, such as 0.25")
    limit = "keep at most so much of tracks for later runs; the ones that were not used for longest are deleted (default: all)"
    parser.add_argument("--cache-limit", type=float, default=math.inf, metavar="GB", help=limit)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    resume = "leave out what is done and unchanged, which is the default; --no-resume does everything again"
    parser.add_argument("--resume", action=argparse.BooleanOptionalAction, default=True, help=resume)
    parser.add_argument("--retry-failed", action="store_true", help="try again what failed before, though nothing has changed")
    parser.add_argument("--fail-fast", action="store_true", help="start no more clips after one has failed")
    parser.add_argument(
        "--results", type=Path, metavar="FILE", help="where the account goes (default: results.jsonl by the outputs)"
    )
    options = parser.parse_args(arguments)
    for name in ("workers", "threads"):
        value = getattr(options, name)
        if value is not None and not 1 <= value <= 1024:
            raise BuildError(f"--{name} {value} is no number of {name}.", hint="Give 1 or more.")
    for name in ("gpus", "cache_limit"):
        if not getattr(options, name) >= 0:
            raise BuildError(f"--{name.replace('_', '-')} {getattr(options, name):g} is below 0.", hint="Give 0 or more.")
    if options.cluster and options.workers != 1:
        raise BuildError("--workers is for this machine alone.", hint="On a cluster --threads says how many CPUs a clip gets.")
    if options.gpus and not options.cluster:
        raise BuildError("--gpus is for a cluster.", hint="Give --cluster too, or leave it out.")
    return options


def processors() -> int:
    """Those that this process may use, where the system tells."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def command_lifter(arguments: Sequence[str]) -> int:
    """lifter ARGS…: run `python -m lifter ARGS…` in the environment made for it."""
    engine = make_engine()
    if os.name == "nt" or "bpy" in sys.modules:
        return run_python(engine, "-m", "lifter", *arguments)
    sys.stdout.flush()
    words = [str(engine), "-P", "-m", "lifter", *arguments]
    # In this process's place, so that the exit code and signals are its own.
    try:
        os.execve(engine, words, child_environment(PYTHONPATH=str(ROOT)))
    except OSError as error:
        raise BuildError(f"{engine} is no Python that runs ({error.strerror}).", hint="Correct POSE3D_ENGINE_PYTHON.") from error


def command_bench(arguments: Sequence[str]) -> int:
    """bench NAME [--json FILE] [--ablate]: a benchmark as a table, and as rows in FILE; and with each part left out."""
    parser = new_parser("bench", command_bench)
    known = sorted(path.stem for path in (ROOT / "tests/bench").glob("*.py") if not path.stem.startswith("_"))
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(known)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows {measure, value, unit, goal, better} there")
    parser.add_argument("--ablate", action="store_true", help="motion: also with each part left out")
    options = parser.parse_args(arguments)
    if options.name not in known:
        raise BuildError(f"There is no benchmark '{options.name}'.", hint=f"There are: {', '.join(known) or 'none yet'}.")
    engine = make_engine()
    provide_landmark_model(engine, home_folder() / "models")
    words = ["--json", options.json.absolute()] if options.json else []
    words += ["--ablate"] if options.ablate else []
    extra = {"POSE3D_ENGINE_PYTHON": str(engine), "POSE3D_BLENDER_COMMAND": json.dumps(make_blender().command())}
    return run_python(engine, "-m", "tests.bench", options.name, *words, **extra)


def command_test(arguments: Sequence[str]) -> int:
    """test [--reliability [--write]] [PYTEST ARGUMENTS]: the linter, the type checker, all tests; with arguments, only pytest."""
    if "--reliability" in arguments:  # an option of that folder's own conftest.py
        arguments = [str(ROOT / "tests" / "reliability"), *arguments]
    python = make_environment(lifter_environment(with_tests=True))
    provide_landmark_model(python)
    blenders = [str(make_environment(wheel_environment(group))) for group in ("blender-4-5", "blender")]
    if find_python(wheel_environment("blender-5-2").pythons):
        blenders.append(str(make_environment(wheel_environment("blender-5-2"))))
    else:
        say("Skipped: bpy 5.2, because no Python 3.13 was found.")
    real = find_blender()
    lent = ROOT.parent / "shared/tools/real-blender"  # a test machine may have one there that is not on PATH
    lent_path = run_for_output([str(lent), "path", "5.2"]) if lent.is_file() else ""
    if real and not real.is_wheel:
        blenders.append(real.path)
    elif lent_path and probe_blender(lent_path):
        blenders.append(lent_path)
    elif lent_path:
        say(f"Skipped: {lent_path}, which does not run in {ROOT}: a Blender in a container sees its own folders only.")
    else:
        say("Skipped: a real Blender, because none is in BLENDER or on PATH.")
    say("Testing with: " + ", ".join(blenders))
    settings = str(ROOT / "pyproject.toml")
    ruff = ["check", "--output-format", "concise", "--config", settings, str(ROOT)]
    checks = {"ruff": ruff, "mypy": ["--config-file", settings]}
    # A window takes minutes, and its redraws what else the machine does: `build.py test tests/gui`.
    everything = [str(ROOT / "tests"), "--ignore", str(ROOT / "tests" / "gui")]
    # Most tests wait for a process of their own. File by file, because a file's tests share what they have prepared.
    everything += ["--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile"]
    pytest = {"pytest": ["--rootdir", str(ROOT), "-c", settings, *(arguments or everything)]}
    variables = child_environment(POSE3D_TEST_BLENDERS=os.pathsep.join(blenders))
    codes = {}
    for name, words in (pytest if arguments else {**checks, **pytest}).items():
        say(f"== {name}")
        codes[name] = subprocess.call([str(python), "-m", name, *words], env=variables, cwd=ROOT)
    say("; ".join(f"{name}: {'passed' if code == 0 else f'FAILED ({code})'}" for name, code in codes.items()))
    return max(abs(code) for code in codes.values())


# ---- the extension package --------------------------------------------------------------------------------------------------


def package_entries() -> dict[str, Path]:
    """What lies at the package's root: name there -> where it is here."""
    entries = {path.name: path for path in sorted((ROOT / "blender_pose3d").iterdir()) if path.name != "__pycache__"}
    # pyproject.toml: the engine's set-up reads its pins, which have one home.
    for name in ("lifter", "rigs", "blender_manifest.toml", "pyproject.toml", LOCK_NAME, "LICENSE", "README.md"):
        if not (ROOT / name).exists():
            raise BuildError(f"The package needs {name}, which is missing in {ROOT}.", hint="Get a whole copy of the project.")
        entries[name] = ROOT / name
    return entries


def command_package(arguments: Sequence[str]) -> int:
    """package [--out DIR] [--link DIR] [--offline-wheels [X.Y]]: the extension's zip, built and validated by Blender's own."""
    parser = new_parser("package", command_package)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="DIR", help="where the zip goes (default: dist)")
    parser.add_argument("--link", type=Path, metavar="DIR", help="instead, fill DIR with links, for development")
    parser.add_argument(
        "--offline-wheels",
        nargs="?",
        const="3.11",
        metavar="X.Y",
        help="put the motion engine's packages in, for machines like this one without a network; X.Y: the Python to run it, "
        "Blender's own or one that the machine has (default: 3.11)",
    )
    options = parser.parse_args(arguments)
    if options.link:
        return link_package(options.link.absolute())
    suffix = offline_suffix(options.offline_wheels) if options.offline_wheels else ""
    target = require_writable_folder(options.out.absolute()) / f"pose3d-{manifest_version()}{suffix}.zip"
    builder = extension_command(make_blender())
    with tempfile.TemporaryDirectory(prefix="pose3d-package-") as folder:
        stage, built = Path(folder) / "pose3d", Path(folder) / target.name
        stage.mkdir()
        left_out = shutil.ignore_patterns("__pycache__", "*.pyc", ".*", "*.tmp")
        for name, source in package_entries().items():
            if source.is_dir():
                shutil.copytree(source, stage / name, ignore=left_out)
            else:
                shutil.copyfile(source, stage / name)
        if options.offline_wheels:
            stage_wheels(stage / "offline", options.offline_wheels)
        for words in (["build", "--source-dir", str(stage), "--output-filepath", str(built)], ["validate", str(built)]):
            require_success(subprocess.call([*builder, *words], env=child_environment()), f"Blender's `extension {words[0]}`")
        shutil.copyfile(built, target)
    with zipfile.ZipFile(target) as archive:
        say(f"{target}  ({target.stat().st_size / 1e6:.1f} MB, {len(archive.namelist())} files)")
    return 0


def offline_suffix(python: str) -> str:
    if not re.fullmatch(r"3\.\d+", python):
        raise BuildError(f"'{python}' is no version of Python.", hint="Give --offline-wheels 3.11, say.")
    return f"-offline-{platform.system()}-{platform.machine()}-python{python}".lower()


def stage_wheels(folder: Path, python: str) -> None:
    """The engine's wheels and the landmark model, as the add-on's own set-up would have fetched them."""
    interpreter = find_python([version_tuple(python)[:2]])
    if interpreter is None:
        raise BuildError(f"No python{python} with its venv and ensurepip modules was found.", hint="Install it, or give another.")
    say(f"Fetching the motion engine's wheels for Python {python}")
    work = require_writable_folder(home_folder() / "package", hint=OTHER_HOME)
    with install_lock(work / "lock"):
        fetch_wheels(folder, interpreter, work, resources=ROOT)
    engine = make_engine()
    require_success(run_python(engine, "-m", "lifter", "model-file", "--models-dir", folder / "models"), "Fetching the model")


def fetch_wheels(folder: Path, interpreter: str, work: Path, *, resources: Path) -> None:
    """work: a folder in which the log and what has come stay where it fails; a next try with the same settings of pip's goes on
    from there."""
    from blender_pose3d.worker import setup
    from blender_pose3d.worker.job import Job
    from blender_pose3d.worker.protocol import Progress

    place = work / fingerprint([interpreter, *(f"{name}={value}" for name, value in pip_variables(interpreter).items())])[:12]
    for other in work.iterdir():
        if other.is_dir() and other != place:
            shutil.rmtree(other, ignore_errors=True)
    place.mkdir(exist_ok=True)
    words = ["fetch", "--home", place / "home", "--resources", resources, "--python", interpreter, "--out", place / "wheels"]
    said_s = time.monotonic()

    def show(event: object) -> None:
        nonlocal said_s
        if isinstance(event, Progress) and event.total and time.monotonic() - said_s > HEARTBEAT_S:
            said_s = time.monotonic()
            say(f"  {event.done / 1e6:.0f} of {event.total / 1e6:.0f} MB")

    try:
        Job([interpreter, "-I", str(Path(setup.__file__).resolve()), *map(str, words)]).wait(on_event=show)
    except Pose3DError as error:
        raise BuildError(
            f"The wheels were not fetched: {error.message}", hint=f"{error.hint} Then run this command again."
        ) from None
    shutil.move(place / "wheels", folder)
    shutil.rmtree(place, ignore_errors=True)


def extension_command(blender: Blender) -> list[str]:
    """Blender's own extension tool. A wheel has no command line, but it carries the script behind it."""
    if not blender.is_wheel:
        return [blender.path, "--factory-startup", "--command", "extension"]
    ask = "import importlib.util; print(importlib.util.find_spec('bpy').submodule_search_locations[0])"
    found = sorted(Path(run_for_output([blender.path, "-c", ask])).glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise BuildError(f"{blender.label} carries no extension builder.", hint="Set BLENDER to a Blender and try again.")
    return [blender.path, str(found[0])]


def link_package(folder: Path) -> int:
    require_writable_folder(folder)
    entries = package_entries()
    present = [path for path in folder.iterdir() if path.name != "__pycache__"]
    for path in present:
        if not (path.is_symlink() and path.resolve().is_relative_to(ROOT)):
            raise BuildError(f"{path} is not a link that this command made.", hint="Give --link a new or empty folder.")
    for path in present:
        path.unlink()
    for name, source in entries.items():
        try:
            (folder / name).symlink_to(source, target_is_directory=source.is_dir())
        except OSError as error:
            hint = "On Windows, turn developer mode on."
            raise BuildError(f"No link could be made in {folder} ({error.strerror}).", hint=hint) from error
    say(f"{folder}: {len(entries)} links")
    return 0


# ---- doctor -----------------------------------------------------------------------------------------------------------------

PROBE = f"""{DEVICE_PROBE}{LIBRARY_PROBE}
import importlib, importlib.metadata as m, json, sys
said = {{"python": sys.version.split()[0]}}
try:
    for word in sys.argv[1:]:  # DISTRIBUTION=MODULE
        name, _, module = word.partition("=")
        said[name] = m.version(name)
        if module: importlib.import_module(module)
        if name == "mediapipe": load_library(sys.modules[name])
        if name == "torch": said["device"] = device(sys.modules[name])
except Exception as reason:
    said["fault"] = f"{{name}}: {{(str(reason).strip() or repr(reason)).splitlines()[0]}}"
print(json.dumps(said))
"""
# By name the SHA-256s of the landmark models that are made; the lifter is never imported here.
ASK_MODELS = """
import json, sys
sys.path.insert(0, sys.argv[1])
from lifter.landmark_model import MADE_SHA256S
print(json.dumps(MADE_SHA256S))
"""
ENGINE_PACKAGES = ("torch", "mediapipe", "opencv-contrib-python=cv2", "numpy", "safetensors", "tqdm", "av")
LIBRARY_HINT = "Install it with the system's package manager (Debian, Ubuntu: libgl1 libglib2.0-0 libgles2 libegl1)"
WHEEL_PACKAGES = ("bpy=", "numpy")  # a bpy that is imported may not end


def examined(python: Path, packages: Sequence[str]) -> dict[str, str]:
    """The versions of the packages, each imported, and the device; under "fault" why one does not answer. packages: names, with
    their module behind a "=" where it is called otherwise."""
    words = [name if "=" in name else f"{name}={name}" for name in packages]
    said = run_for_output([str(python), "-c", PROBE, *words], timeout_s=300)
    with contextlib.suppress(ValueError, IndexError):
        found: dict[str, str] = json.loads(said.splitlines()[-1])
        return found
    return {"fault": "its Python does not run"}


def lacking_library(fault: str) -> str:
    """The library of the system's without which packages do not load; "" for any other fault, as a package's own that is gone."""
    found = re.search(r"(\S+?\.so\S*): cannot open shared object file", fault)
    return found[1] if found and "/" not in found[1] else ""


def command_doctor(arguments: Sequence[str]) -> int:
    """doctor: what is installed, which versions, which device, which models; what is missing and how to get it."""
    new_parser("doctor", command_doctor).parse_args(arguments)
    why = why_not_imported()
    missing = [f"{why} Move the project into another folder."] if why else []
    setup = "python3 build.py setup"
    row("Pose3D", f"{manifest_version()} in {ROOT}")
    row("Python", f"{platform.python_version()} ({sys.executable})")
    row("Platform", f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} processors")
    place = next(folder for folder in (home_folder(), *home_folder().parents) if os.path.exists(folder))
    row("Home folder", f"{home_folder()}, {shutil.disk_usage(place).free / 1e9:.1f} GB free")

    named = named_engine()
    if named:
        fault = doctor_python("Motion engine", named, ENGINE_PACKAGES)
    else:
        fault = doctor_environment(lifter_environment(), ENGINE_PACKAGES)
    library = lacking_library(fault)
    if library:
        missing.append(f"the system's library {library}: {LIBRARY_HINT[0].lower()}{LIBRARY_HINT[1:]}")
    elif fault and named:
        missing.append(f"the motion engine: correct or unset POSE3D_ENGINE_PYTHON, which names {named}")
    elif fault:
        missing.append(f"the motion engine's environment: {setup}")
    wheels = {group: not doctor_environment(wheel_environment(group), WHEEL_PACKAGES) for group in WHEEL_GROUPS}
    try:
        blender = find_blender()
        row("Blender", blender.label if blender else "none in BLENDER or on PATH")
        if blender is None and not any(wheels[group] for group in ("blender", "blender-5-2")):
            missing.append(f"a Blender: install one of version 4.5 or newer, or let a bpy wheel serve: {setup}")
    except BuildError as error:
        row("Blender", str(error))
        missing.append("a Blender: correct or unset BLENDER")
    models_dir = models_folder(named or lifter_environment().python, home_folder())
    models = sorted(Path(found) for found in glob.glob(os.path.join(glob.escape(str(models_dir)), "*.task")))
    said = run_for_output([sys.executable, "-c", ASK_MODELS, str(ROOT)])
    known_models = json.loads(said) if said else {}
    for path in models:
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            row("Landmark model", f"{path}, which cannot be read ({error.strerror})")
            missing.append(f"the right to read {path}")
            continue
        row("Landmark model", f"{path.name}, {path.stat().st_size / 1e6:.1f} MB, SHA-256 {digest}")
        if digest not in known_models.get(path.name, digest):
            missing.append(f"a whole {path.name}, which is damaged: {setup}")
    if not models:
        row("Landmark model", f"none in {models_dir}")
        missing.append(f"MediaPipe's landmark model: {setup}")
    weights = sorted((ROOT / "lifter/weights").glob("*.safetensors"))
    row("Lifter weights", ", ".join(f"{path.name} ({path.stat().st_size / 1e6:.1f} MB)" for path in weights) or "none")
    if not weights:
        missing.append("the lifter's weights: get a whole copy of the project")
    for path in weights:
        card = path.with_suffix(".json")
        if not card.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() not in card.read_text(encoding="utf-8"):
            missing.append(f"a whole {path.name}, which is damaged: get a whole copy of the project")
    for line in missing:
        say(f"Missing: {line}")
    say("Something is missing." if missing else "Everything needed is there.")
    return 1 if missing else 0


def command_audit(arguments: Sequence[str]) -> int:
    """audit: ask the package index which of the engine's packages have known vulnerabilities."""
    new_parser("audit", command_audit).parse_args(arguments)
    python = make_environment(Environment("audit", ("audit",), ((3, 11), (3, 12), (3, 13), (3, 14)), 0.2))
    words = ["--vulnerability-service", "pypi", "--disable-pip", "--require-hashes", "--requirement", str(ROOT / LOCK_NAME)]
    command = [str(python), "-m", "pip_audit", *words, "--format", "json", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, env=child_environment(), check=False)
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise BuildError(f"Nothing was audited: {reason}", hint="Check the network, and try again.") from None
    asked = [package for package in packages if "skip_reason" not in package]
    found = [(package, one) for package in asked for one in package["vulns"]]
    for package, one in found:
        fixed = ", ".join(one["fix_versions"]) or "no version yet"
        say(f"{package['name']} {package['version']}: {one['id']} (mended in {fixed})")
    if not asked:
        say("Nothing was audited: the package index that this machine reaches tells nothing about vulnerabilities.")
        return 0
    say(f"{len(found)} known vulnerabilities in {len(asked)} packages; {len(packages) - len(asked)} could not be asked about.")
    return 1 if found else 0


def row(name: str, value: str) -> None:
    say(f"{name:<24} {value}")


def doctor_environment(environment: Environment, packages: Sequence[str]) -> str:
    """Shows the environment as it is on the disk. What is at fault; "" where it is whole and its packages answer."""
    title = f"env {environment.name}"
    if not environment.is_complete(read_pins()):
        state = "out of date, half made, or its Python is gone" if os.path.exists(environment.folder) else "not made"
        row(title, state)
        return state
    return doctor_python(title, environment.python, packages)


def doctor_python(title: str, python: Path, packages: Sequence[str]) -> str:
    """As `doctor_environment`."""
    said = examined(python, packages)
    device = said.pop("device", None)
    fault = said.pop("fault", "")
    row(title, f"broken ({fault})" if fault else ", ".join(f"{name} {version}" for name, version in said.items()))
    if device:
        row("Device", device)
    return fault


# ---- entry ------------------------------------------------------------------------------------------------------------------

COMMANDS = {
    "setup": command_setup,
    "demo": command_demo,
    "retarget": command_retarget,
    "batch": command_batch,
    "batch-programs": command_batch_programs,
    "flamenco": command_flamenco,
    "package": command_package,
    "doctor": command_doctor,
    "audit": command_audit,
    "lifter": command_lifter,
    "bench": command_bench,
    "test": command_test,
}
IN_BLENDER = ("retarget", "batch-solve", "demo-scene")


class OneSentenceParser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        switch = re.fullmatch(r"argument (--\S+): ignored explicit argument '(.*)'", message)
        if switch:
            hint = "Leave the value out; in a table, write true or false."
            raise BuildError(f"{switch[1]} is given or not, without a value such as '{switch[2]}'.", hint=hint)
        raise BuildError(f"{message[0].upper()}{message[1:]}.", hint=f"python3 {self.prog} --help tells how.")


def new_parser(name: str, function: object) -> argparse.ArgumentParser:
    summary = (getattr(function, "__doc__", None) or "").split(": ", 1)[-1]
    return OneSentenceParser(prog=f"build.py {name}", description=summary, allow_abbrev=False)


def main(arguments: Sequence[str]) -> int:
    """Runs one command; returns its exit code. Failures that the user can act on are one sentence on stderr."""
    usage = "\n".join(f"  {(function.__doc__ or name).splitlines()[0]}" for name, function in COMMANDS.items())
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        say(f"python3 build.py COMMAND …\n{usage}")
        return 0 if arguments else BAD_INPUT
    try:
        if arguments[0] not in COMMANDS:
            raise BuildError(f"There is no command '{arguments[0]}'.", hint=f"There are: {', '.join(COMMANDS)}.")
        return COMMANDS[arguments[0]](arguments[1:])
    except (BuildError, Pose3DError) as error:
        print(sentence(error), file=sys.stderr, flush=True)
        return BAD_INPUT


def sentence(error: BuildError | Pose3DError) -> str:
    return error.sentence if isinstance(error, Pose3DError) else str(error)


def stopped() -> int:
    """On Ctrl-C: the exit code."""
    print("Stopped.", file=sys.stderr, flush=True)
    return INTERRUPTED


def main_in_blender(arguments: Sequence[str]) -> int:
    """`blender -b -P build.py -- ARGUMENTS`: the animating commands run in this very Blender, the others use it."""
    import bpy  # type: ignore[import-not-found, unused-ignore]

    if not arguments or arguments[0] not in IN_BLENDER:
        os.environ.setdefault("BLENDER", bpy.app.binary_path or sys.executable)
        return main(arguments)
    try:
        if arguments[0] == "retarget":
            check_retarget(arguments[1:])
            os.environ["POSE3D_ENGINE_PYTHON"] = str(make_engine())
    except (BuildError, Pose3DError) as error:
        print(sentence(error), file=sys.stderr, flush=True)
        return BAD_INPUT
    os.environ.setdefault("POSE3D_HOME", str(home_folder()))
    sys.path.insert(0, str(ROOT))
    if arguments[0] == "demo-scene":
        from tests.demo import scene

        return int(scene.main(list(arguments[1:]), resources=ROOT))
    if arguments[0] == "batch-solve":
        from blender_pose3d.batch import solver

        return int(solver.main(resources=ROOT))
    from blender_pose3d import headless

    return int(headless.main(list(arguments), resources=ROOT))


def leave(code: int, *, at_once: bool) -> NoReturn:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        code = unread()
    except OSError as error:
        if error.errno != errno.EIO:  # the terminal is gone
            raise
        unread()
    code = code if code >= 0 else 128 - code  # a child that a signal ended
    if at_once and "bpy" in sys.modules:
        from blender_pose3d.core.leftovers import end_at_once

        end_at_once(code, session=sys.modules["bpy"].app.tempdir)
    sys.exit(code)


def unread() -> int:
    """When whoever read what is said is gone, as `head` is that has its lines: the exit code. What is still said goes nowhere."""
    with open(os.devnull, "wb") as nowhere:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os.dup2(nowhere.fileno(), stream.fileno())
    return BUG


def open_streams() -> None:
    """Where the caller has closed a stream, what is said goes nowhere: else into the next file that is opened."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            os.dup2(nowhere, number)
            if nowhere != number:
                os.close(nowhere)
            os.set_inheritable(number, True)  # else what is started has none, and takes the next file for one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if name == "stdin" else "w", encoding="utf-8", closefd=False))


def ended(run: Callable[[Sequence[str]], int], arguments: Sequence[str]) -> int:
    """The exit code."""
    try:
        return run(arguments)
    except SystemExit as stop:  # argparse, and commands that pass a child's code on
        return stop.code if isinstance(stop.code, int) else 0
    except KeyboardInterrupt:
        return stopped()
    except BrokenPipeError:
        return unread()
    except BaseException:
        traceback.print_exc()
        return BUG


def end_by(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


def start() -> NoReturn:
    open_streams()
    for stream in (sys.stdout, sys.stderr):  # a file's name may have bytes that no terminal can show
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    in_real_blender = "bpy" in sys.modules
    in_wheel = not in_real_blender and sys.argv[1:2] == ["--"]
    if not in_real_blender and not in_wheel:
        # As for Ctrl-C: what this process started (pip above all) ends with it.
        signal.signal(signal.SIGTERM, end_by)
        # When the terminal is closed; not for whoever has it ignored, as `nohup` does.
        if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:
            signal.signal(signal.SIGHUP, end_by)
        leave(ended(main, sys.argv[1:]), at_once=False)
    if in_wheel and importlib.util.find_spec("bpy") is None:
        sys.exit(f"The `--` is for the Python of a bpy wheel, and {sys.executable} has no bpy. Leave it out.")
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    leave(ended(main_in_blender, arguments), at_once=in_wheel)


if __name__ == "__main__":
    start()
