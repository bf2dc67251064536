"""Plans a batch and has it done: the motion engine reads the next clip while Blender animates this one."""

from __future__ import annotations

import contextlib
import enum
import glob
import hashlib
import json
import os
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.errors import Pose3DError
from ..worker.protocol import Progress
from .jobs import LIFTING_OPTIONS, BatchJob
from .journal import DONE, FAILED, STARTED, Entry, Journal, read_journal
from .served import Served

RESULTS_NAME = "results.jsonl"
EXIT_DONE, EXIT_FAILED = 0, 1
# What the libraries of both processes take their number of threads from: MKL and OpenMP torch's, OpenBLAS numpy's.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")
_PROGRESS_S = 10.0  # between two lines about one clip
_PREFIX = 16  # hexadecimal digits of a hash in a file name

Say = Callable[[str], None]


class State(enum.StrEnum):
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Planned:
    """state: how the job has ended already, None where it is to be run; why: for both, in a few words."""

    job: BatchJob
    state: State | None
    why: str


@dataclass(frozen=True)
class Outcome:
    """seconds: by stage."""

    job: BatchJob
    state: State
    reason: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    frames: int | None = None
    warnings: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "clip": str(self.job.clip),
            "rig": self.job.options["rig"],
            "out": str(self.job.out),
            "state": self.state.value,
            "reason": self.reason,
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "frames": self.frames,
            "warnings": list(self.warnings),
        }


@dataclass(frozen=True)
class Programs:
    """The command lines and the environment of the two processes that a worker has. models_dir: where MediaPipe's model lies;
    tracks: the folder of the tracks between them."""

    lifter: Sequence[str]
    lifter_environment: Mapping[str, str]
    blender: Sequence[str]
    blender_environment: Mapping[str, str]
    models_dir: Path
    tracks: Path


def thread_variables(threads: int) -> dict[str, str]:
    """The environment in which a process computes with so many threads."""
    return {name: str(threads) for name in _THREAD_VARIABLES}


class Inputs:
    """What an output is made from, as hashes of contents, so that a file that was moved or touched is still the same one."""

    def __init__(self, *, resources: Path, version: str) -> None:
        self._weights, self._version = resources / "lifter" / "weights", version
        self._known: dict[Path, str] = {}

    def of(self, job: BatchJob) -> dict[str, Any]:
        """Raises Pose3DError where the clip or the rig cannot be read."""
        options = {name: self._value(name, value) for name, value in sorted(job.options.items())}
        return {"clip": self._file(job.clip), "version": self._version, "weights": self._network(job), **options}

    def track_name(self, job: BatchJob) -> str:
        """The file name of the clip's track: the same for the same clip, lifted with the same options by the same network."""
        inputs = self.of(job)
        what = {name: inputs.get(name) for name in ("clip", "version", "weights", *LIFTING_OPTIONS)}
        return f"{job.clip.stem}-{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:_PREFIX]}.npz"

    def _value(self, name: str, value: str | bool) -> str | bool:
        """A file's content in place of its path; other values, and what is written, as they are."""
        if isinstance(value, bool) or name == "report":
            return value
        path, _, armature = (value, "", "") if Path(value).is_file() else value.rpartition(":")
        return f"{self._file(Path(path))}:{armature}" if path and Path(path).is_file() else value

    def _network(self, job: BatchJob) -> str:
        """All shipped networks count where none is named: only the motion engine knows which one it takes."""
        if job.is_lifted:
            return ""
        name = job.options.get("model") or "*"
        return "".join(self._file(path)[:_PREFIX] for path in sorted(self._weights.glob(f"{name}.safetensors")))

    def _file(self, path: Path) -> str:
        if path not in self._known:
            try:
                with path.open("rb") as file:
                    self._known[path] = hashlib.file_digest(file, "sha256").hexdigest()
            except FileNotFoundError:
                raise Pose3DError(f"There is no file {path}.", hint="Check the path.") from None
            except OSError as error:
                raise Pose3DError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error
        return self._known[path]


def plan(jobs: Sequence[BatchJob], inputs: Inputs, *, resume: bool = True, retry_failed: bool = False) -> list[Planned]:
    """What is to be run and what is not, and why; changes nothing. Raises Pose3DError where a journal cannot be read."""
    journals: dict[Path, dict[str, Entry]] = {}
    planned = []
    for job in jobs:
        if job.out.parent not in journals:
            journals[job.out.parent] = read_journal(job.out.parent) if resume else {}
        planned.append(_planned(job, journals[job.out.parent].get(job.out.name), inputs, retry_failed=retry_failed))
    return planned


def _planned(job: BatchJob, entry: Entry | None, inputs: Inputs, *, retry_failed: bool) -> Planned:
    if entry is None:
        return Planned(job, None, "new")
    if entry.event == STARTED:
        return Planned(job, None, "was interrupted")
    try:
        now = inputs.of(job)
    except Pose3DError:
        now = {}  # the run will say why
    changed = sorted(name for name in {*entry.inputs, *now} if entry.inputs.get(name) != now.get(name))
    if changed:
        return Planned(job, None, f"changed: {', '.join(changed)}" if now else "cannot be compared")
    if entry.event == FAILED:
        if retry_failed:
            return Planned(job, None, "failed before")
        return Planned(job, State.FAILED, f"{entry.reason} (An earlier run; --retry-failed tries again.)")
    gone = [path.name for path in job.outputs if not path.is_file()]
    return Planned(job, None, f"{gone[0]} is gone") if gone else Planned(job, State.SKIPPED, "done before, nothing has changed")


def run(
    planned: Sequence[Planned],
    inputs: Inputs,
    programs: Programs,
    *,
    workers: int,
    threads: int,
    fail_fast: bool,
    results: Path | None,
    say: Say,
) -> int:
    """Do what is planned; returns EXIT_DONE or EXIT_FAILED. Every job's end is in its journal when it is said.

    workers: pairs of a motion engine and a Blender, each with so many threads. results: where the account of all jobs goes.
    Raises Pose3DError before anything is started where a folder cannot be written.
    """
    todo = [item.job for item in planned if item.state is None]
    for folder in {path.parent for job in todo for path in job.outputs} | {programs.tracks}:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Pose3DError(
                f"The folder {folder} cannot be made: {error.strerror}.",
                hint="Choose another --out, in a folder you may write to.",
            ) from error
    outcomes = {item.job.out: Outcome(item.job, item.state, item.why) for item in planned if item.state is not None}
    if todo:
        with contextlib.ExitStack() as stack:
            journals = {
                folder: stack.enter_context(contextlib.closing(Journal(folder))) for folder in {job.out.parent for job in todo}
            }
            line = _Line(todo, inputs, programs, journals=journals, threads=threads, fail_fast=fail_fast, say=say)
            outcomes |= line.run(min(workers, len(todo)))
    ended = [outcomes[item.job.out] for item in planned]
    if path := results or _results_path([outcome.job for outcome in ended]):
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        partial.write_text("".join(json.dumps(outcome.as_json()) + "\n" for outcome in ended), encoding="utf-8")
        os.replace(partial, path)
    say(summary(ended))
    return EXIT_FAILED if any(outcome.state is State.FAILED for outcome in ended) else EXIT_DONE


def _results_path(jobs: Sequence[BatchJob]) -> Path | None:
    """In the folder that all outputs are in or below; None where there is none, as on two drives of Windows."""
    try:
        folder = Path(os.path.commonpath([job.out.parent for job in jobs]))
    except ValueError:
        return None
    # Rows with outputs all over the disk have no folder in common that is the user's.
    return folder / RESULTS_NAME if any(job.out.parent == folder or job.out.parent.parent == folder for job in jobs) else None


def summary(ended: Sequence[Outcome]) -> str:
    rows = [("clip", "end", "frames", "seconds", "result")]
    for outcome in ended:
        what = outcome.reason if outcome.state is not State.DONE else str(outcome.job.out)
        frames = "" if outcome.frames is None else str(outcome.frames)
        seconds = f"{sum(outcome.seconds.values()):.1f}" if outcome.seconds else ""
        rows.append((outcome.job.clip.name, outcome.state.value, frames, seconds, what))
    counts = Counter(outcome.state for outcome in ended)
    return f"{table(rows)}\n" + ", ".join(f"{counts[state]} {state.value}" for state in State)


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Aligned columns; the last one is as long as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] + [0]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)


@dataclass(frozen=True)
class _Lifted:
    job: BatchJob
    inputs: Mapping[str, Any]
    track: Path
    seconds: float
    warnings: tuple[str, ...]


class _Line:
    """The production line: engines take jobs and leave tracks, Blenders take the tracks. Both kinds are threads that wait for
    a process of their own."""

    def __init__(
        self,
        todo: Sequence[BatchJob],
        inputs: Inputs,
        programs: Programs,
        *,
        journals: Mapping[Path, Journal],
        threads: int,
        fail_fast: bool,
        say: Say,
    ) -> None:
        self._todo, self._total = deque(todo), len(todo)
        self._inputs, self._programs, self._journals = inputs, programs, journals
        self._threads = thread_variables(threads)
        self._fail_fast, self._say = fail_fast, say
        self._outcomes: dict[Path, Outcome] = {}
        self._processes: list[Served] = []
        self._lock = threading.Lock()
        self._stopped = False
        self._fault: BaseException | None = None

    def run(self, workers: int) -> dict[Path, Outcome]:
        # As many tracks as Blenders may lie ready: more would only be files that wait.
        self._lifted: queue.Queue[_Lifted | None] = queue.Queue(workers)
        engines = [self._thread(self._lift_all, "motion engine") for _ in range(workers)]
        blenders = [self._thread(self._solve_all, "Blender") for _ in range(workers)]
        try:
            self._wait(engines)
            for _ in blenders:
                self._lifted.put(None)
            self._wait(blenders)
        finally:  # also on Ctrl-C: what has not ended is in the journal as started
            self._stopped = True
            for process in self._processes:
                process.close()
        for job in self._todo:
            self._outcomes[job.out] = Outcome(job, State.SKIPPED, "not started, because an earlier clip failed (--fail-fast)")
        return self._outcomes

    def _thread(self, work: Callable[[], None], name: str) -> threading.Thread:
        def guarded() -> None:
            try:
                work()
            except BaseException as fault:
                if not self._stopped:
                    self._fault = fault

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread

    def _wait(self, threads: Sequence[threading.Thread]) -> None:
        for thread in threads:
            while thread.is_alive() and self._fault is None:
                thread.join(0.1)
        if self._fault is not None:
            raise self._fault

    def _served(self, title: str, command: Sequence[str], environment: Mapping[str, str]) -> Served:
        process = Served(title, command, {**environment, **self._threads})
        self._processes.append(process)
        process.start()  # both start up at the same time, whatever comes first
        return process

    def _lift_all(self) -> None:
        engine = self._served("The motion engine", self._programs.lifter, self._programs.lifter_environment)
        while (job := self._next()) is not None:
            began_s = time.monotonic()
            inputs: dict[str, Any] = {}
            try:
                inputs = self._inputs.of(job)
                self._journals[job.out.parent].note(job.out, STARTED, inputs)
                _remove_partials(job)
                track = self._track(engine, job)
            except Pose3DError as error:
                self._end(Outcome(job, State.FAILED, error.sentence, {"lift": time.monotonic() - began_s}), inputs)
            else:
                self._lifted.put(_Lifted(job, inputs, track, time.monotonic() - began_s, tuple(engine.warnings)))

    def _next(self) -> BatchJob | None:
        with self._lock:
            failed = self._fail_fast and any(outcome.state is State.FAILED for outcome in self._outcomes.values())
            return self._todo.popleft() if self._todo and not failed else None

    def _track(self, engine: Served, job: BatchJob) -> Path:
        engine.warnings = []
        if job.is_lifted:
            return job.clip
        track = self._programs.tracks / self._inputs.track_name(job)
        # Lifted before, by a run that was stopped, or for another rig; a track appears whole or not at all.
        if not track.is_file():
            words = [str(job.clip), str(track), *job.lifting_arguments(), f"--models-dir={self._programs.models_dir}"]
            engine.ask(words, self._progress_lines(job))
        return track

    def _progress_lines(self, job: BatchJob) -> Callable[[Progress], None]:
        """A line now and then for a long clip."""
        due_s = time.monotonic() + _PROGRESS_S

        def tell(progress: Progress) -> None:
            nonlocal due_s
            if time.monotonic() >= due_s and progress.total:
                due_s = time.monotonic() + _PROGRESS_S
                self._say(f"  {job.clip.name}: {progress.stage} {progress.done:.0f} of {progress.total:.0f} frames")

        return tell

    def _solve_all(self) -> None:
        blender = self._served("Blender", self._programs.blender, self._programs.blender_environment)
        while (lifted := self._lifted.get()) is not None:
            job, began_s = lifted.job, time.monotonic()
            seconds = {"lift": lifted.seconds}
            try:
                result = blender.ask({"arguments": job.arguments(), "track": str(lifted.track)})
            except Pose3DError as error:
                seconds["solve"] = time.monotonic() - began_s
                outcome = Outcome(job, State.FAILED, error.sentence, seconds, warnings=lifted.warnings)
            else:
                seconds["solve"] = time.monotonic() - began_s
                warnings = (*lifted.warnings, *result.summary["warnings"])
                outcome = Outcome(job, State.DONE, "", seconds, result.summary["frames"], warnings)
            self._end(outcome, lifted.inputs)

    def _end(self, outcome: Outcome, inputs: Mapping[str, Any]) -> None:
        if self._stopped:  # it did not fail: we ended its process
            return
        event = DONE if outcome.state is State.DONE else FAILED
        account = {
            name: value for name, value in outcome.as_json().items() if name in ("reason", "seconds", "frames", "warnings")
        }
        self._journals[outcome.job.out.parent].note(outcome.job.out, event, inputs, **account)
        with self._lock:
            self._outcomes[outcome.job.out] = outcome
            number = len(self._outcomes)
        what = str(outcome.job.out) if outcome.state is State.DONE else outcome.reason
        self._say(f"[{number}/{self._total}] {outcome.state.value}: {outcome.job.clip.name} ({what})")
        for warning in outcome.warnings:
            self._say(f"  warning: {warning}")


def _remove_partials(job: BatchJob) -> None:
    """What a killed run left of this output under a temporary name."""
    pattern = f".{glob.escape(job.out.stem)}.*.partial{job.out.suffix}"
    for path in job.out.parent.glob(pattern):
        with contextlib.suppress(OSError):
            path.unlink()
