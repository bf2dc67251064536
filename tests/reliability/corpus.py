"""The bad-input corpus: what a case is, how it is run for real, and what must hold after it.

Each case is made in a folder of its own, `in/`, and writes into another, `out/`. It is refused with one sentence that names the
thing and the remedy, and exit code 2; or it is odd but legal, and then done, with code 0. Either way: no traceback, no hang,
`in/` as it was to the byte, and in `out/` only what was asked for, whole.

`python -m tests.reliability.corpus FOLDER` makes all inputs, to look at.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from blender_pose3d.batch.served import Served
from blender_pose3d.core.errors import Pose3DError
from tests.worker.engines import ENGINE_PYTHON, MODELS

ROOT = Path(__file__).resolve().parents[2]
DONE, REFUSED = 0, 2
LIMIT_S = 20.0
# What a run that is stuck is given before it is killed: a busy machine must not look like a hang.
_KILLED_S = 300.0

Make = Callable[[Path], Sequence[str | Path] | None]


@dataclass(frozen=True)
class Case:
    """make: puts the input into a folder, and returns the words of the command (None: skip, the machine cannot make it).

    `OUT` at the front of a word stands for the output folder. code: DONE or REFUSED; says: a pattern in the sentence, or where
    the case is done, in its warnings; leaves: names in the output folder where it is done; limit_s: where the work is real.
    """

    kind: str
    name: str
    make: Make
    code: int = REFUSED
    says: str = ""
    leaves: tuple[str, ...] = ()
    quick: bool = False
    limit_s: float = LIMIT_S

    @property
    def id(self) -> str:
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True)
class Ran:
    """code; sentence: the refusal; hint: its remedy where that comes apart from it; log: everything else that was said."""

    code: int
    sentence: str
    hint: str = ""
    log: str = ""


class Runner(Protocol):
    def __call__(self, words: Sequence[str], case: Case) -> Ran: ...


@dataclass
class Commands:
    """A command line in a process of its own. before: what the words come after; the refusal is the last line on stderr."""

    before: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = ROOT

    def __call__(self, words: Sequence[str], case: Case) -> Ran:
        done = subprocess.run(
            [*self.before, *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **self.environment},
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_KILLED_S,
            check=False,
        )
        out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
        lines = [line for line in err.splitlines() if line.strip()]
        refused = done.returncode != DONE and lines
        return Ran(done.returncode, lines[-1].removeprefix("error: ") if refused else "", log=out + err)


class Server:
    """A process that takes one piece of work after another, as in a batch: `lifter serve`, or Blender's `batch-solve`.

    It must live through every case; one that dies is an exit code 1.
    """

    def __init__(self, title: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._served = Served(title, command, {**os.environ, **environment})
        self._title = title

    def __call__(self, words: Sequence[str], case: Case) -> Ran:
        process = self._served.start()
        killer = _Killer(process, _KILLED_S)
        try:
            done = self._served.ask(self.work(words))
            return Ran(DONE, "", log="\n".join([*self._served.warnings, *done.summary.get("warnings", ())]))
        except Pose3DError as error:
            died = error.message.startswith(f"{self._title} stopped unexpectedly")
            return Ran(1 if died else REFUSED, error.message, error.hint, "\n".join(self._served.warnings))
        finally:
            killer.cancel()

    def work(self, words: Sequence[str]) -> object:
        return list(words)

    def close(self) -> None:
        self._served.close()


class Solver(Server):
    """Blender's: the first word is the track, or "rig" where only the rig and its mapping are looked at."""

    def work(self, words: Sequence[str]) -> object:
        track, *rest = words
        return {"arguments": [track, *rest] if track != "rig" else ["x.npz", *rest], "track": None if track == "rig" else track}


class _Killer:
    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        import threading

        self._timer = threading.Timer(seconds, process.kill)
        self._timer.daemon = True
        self._timer.start()

    def cancel(self) -> None:
        self._timer.cancel()


def engine_environment() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"}


def lifter_command(*words: str) -> list[str]:
    assert ENGINE_PYTHON is not None
    return [str(ENGINE_PYTHON), "-m", "lifter", *words]


def serve_words(words: Sequence[str]) -> list[str]:
    return [*words, "--models-dir", str(MODELS)]


# ------------------------------------------------------------------------------------------------------- what must hold


def try_case(case: Case, run: Runner, folder: Path) -> str:
    """Makes the case, runs it and checks everything. Returns why it was skipped, "" where it ran. Raises AssertionError."""
    inputs, outputs = folder / "in", folder / "out"
    inputs.mkdir()
    outputs.mkdir()
    words = case.make(inputs)
    if words is None:
        return "this machine cannot make it"
    before = contents(inputs)
    in_temp = strays()
    began_s = time.monotonic()
    ran = run([_placed(word, outputs) for word in words], case)
    seconds = time.monotonic() - began_s
    check(case, ran, seconds=seconds)
    assert contents(inputs) == before, f"the input was changed: {_differences(before, contents(inputs))}"
    left = sorted(str(path.relative_to(outputs)) for path in outputs.rglob("*") if not path.is_dir())
    assert left == sorted(case.leaves if ran.code == DONE else ()), f"left in the output folder: {left}"
    for name in left:
        assert (outputs / name).stat().st_size > 0, f"{name} is empty"
    assert strays() <= in_temp, f"left among the temporary files: {sorted(strays() - in_temp)}"
    return ""


def check(case: Case, ran: Ran, *, seconds: float = 0.0) -> None:
    """The exit code and the sentence."""
    said = f"{ran.sentence} {ran.hint}".strip()
    everything = f"{said}\n{ran.log}"
    assert "Traceback (most recent call last)" not in everything, everything
    assert ran.code == case.code, f"exit code {ran.code} instead of {case.code}: {everything[-2000:]}"
    assert seconds < case.limit_s * busy(), f"{seconds:.1f} s"
    if ran.code == REFUSED:
        # A message and a remedy: two sentences, in one line.
        assert "\n" not in ran.sentence, ran.sentence
        assert re.match(r"\w|[“'/.~-]", ran.sentence), f"no sentence: {ran.sentence}"
        assert said.endswith((".", "?", "!", ")")) and len(re.findall(r"[.!?:)](?:\s|$)", said)) >= 2, f"no remedy: {said}"
        assert len(said) < 1500, f"too long: {said}"
        assert not re.search(r"\b(Errno|Exception|0x[0-9a-f]{6,}|NoneType|object at)\b", said), f"words of Python's: {said}"
    assert re.search(case.says, said if ran.code == REFUSED else ran.log, re.DOTALL), (
        f"'{case.says}' is not in: {everything[-2000:]}"
    )


def busy() -> float:
    """How many processes share a processor: a machine with other work must not look like a hang."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)) if hasattr(os, "getloadavg") else 1.0


def contents(folder: Path) -> dict[str, str]:
    """Every entry below a folder and what is in it."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = os.fsencode(path.relative_to(folder)).hex()
        if path.is_symlink():
            found[name] = f"-> {os.readlink(path)!r}"
        elif path.is_file():
            with path.open("rb") as file:
                found[name] = hashlib.file_digest(file, "sha256").hexdigest()
        else:
            found[name] = "folder" if path.is_dir() else "special"
    return found


def strays() -> set[str]:
    """Our names in the folder for temporary files, of processes that are done."""
    folder = Path(tempfile.gettempdir())
    return {path.name for path in folder.glob("pose3d-*")}


def _differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return [
        bytes.fromhex(name).decode("utf-8", "replace")
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
    ]


def _placed(word: str | Path, outputs: Path) -> str:
    text = str(word)
    for start in ("OUT", "--out=OUT", "--report=OUT", "--results=OUT"):
        if text.startswith(start):
            return text.replace("OUT", str(outputs), 1)
    return text


# ------------------------------------------------------------------------------------------------------- disks and rights


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[bool]:
    """A small disk at `folder`; False where this process may not mount."""
    folder.mkdir(parents=True, exist_ok=True)
    done = (
        subprocess.run(["mount", "-t", "tmpfs", *options, "tmpfs", str(folder)], capture_output=True, check=False)
        if _can_try()
        else None
    )
    if done is None or done.returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)


def _can_try() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0


def all_cases() -> list[Case]:
    from tests.reliability import cases_clips, cases_commands, cases_files, cases_rigs

    return [*cases_clips.CASES, *cases_files.CASES, *cases_commands.CASES, *cases_rigs.FILES]


def main() -> int:
    folder = Path(sys.argv[1])
    for number, case in enumerate(all_cases()):
        place = folder / re.sub(r"\W+", "-", case.kind) / f"{number:03d}-{re.sub(r'[^A-Za-z0-9]+', '-', case.name)[:60]}"
        place.mkdir(parents=True, exist_ok=True)
        words = case.make(place)
        (place / "words.json").write_text(json.dumps([str(word) for word in words or ()]), encoding="utf-8")
    print(f"{len(all_cases())} cases in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
