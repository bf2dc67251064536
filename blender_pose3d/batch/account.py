"""What becomes of the jobs of a run: in the journals at once, on the terminal, and in the end as a table and results.jsonl."""

from __future__ import annotations

import enum
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .jobs import BatchJob
from .journal import DONE, FAILED, STARTED, Journal

Say = Callable[[str], None]
# Why clips were not done.
FAILED_FAST = "not done, because an earlier clip failed (--fail-fast)"
STOPPED = "not done, because the batch was stopped"


class State(enum.StrEnum):
    DONE = "done"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True)
class Outcome:
    """seconds: by stage; machine: of a cluster's, the one that did it; parts: the other files that the rig has parts in."""

    job: BatchJob
    state: State
    reason: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)
    frames: int | None = None
    warnings: tuple[str, ...] = ()
    machine: str = ""
    parts: tuple[str, ...] = ()

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
            **({"machine": self.machine} if self.machine else {}),
        }


_IN_JOURNAL = frozenset({"reason", "seconds", "frames", "warnings", "machine"})


class Hashes(Protocol):
    def of(self, job: BatchJob) -> dict[str, Any]: ...
    def parts(self, job: BatchJob, paths: Iterable[str]) -> dict[str, str]: ...


class Account:
    """Of one run. Every end of what was begun is in its journal when it is said. Threads may share it."""

    def __init__(self, todo: Sequence[BatchJob], inputs: Hashes, journals: Mapping[Path, Journal], say: Say) -> None:
        """inputs: what outputs are made from; journals: by folder."""
        self.outcomes: dict[Path, Outcome] = {}
        self.say = say
        self._inputs, self._journals, self._total = inputs, journals, len(todo)
        self._titles = _titles(todo)
        self._begun: dict[Path, Mapping[str, Any]] = {}
        self._lock = threading.Lock()

    @property
    def any_failed(self) -> bool:
        with self._lock:
            return any(outcome.state is State.FAILED for outcome in self.outcomes.values())

    def begin(self, job: BatchJob) -> None:
        """Raises Pose3DError where the clip or the rig cannot be read."""
        inputs = self._inputs.of(job)
        with self._lock:
            self._begun[job.out] = inputs
        self._journals[job.out.parent].note(job.out, STARTED, inputs)

    def end(self, outcome: Outcome) -> None:
        job = outcome.job
        with self._lock:
            inputs = self._begun.pop(job.out, None)
        told = {name: value for name, value in outcome.as_json().items() if name in _IN_JOURNAL}
        if outcome.parts:
            told["parts"] = self._inputs.parts(job, outcome.parts)
        if inputs is not None:  # else nothing was begun, as where a disk is not there: what was done before is still done
            self._journals[job.out.parent].note(job.out, DONE if outcome.state is State.DONE else FAILED, inputs, **told)
        with self._lock:
            self.outcomes[job.out] = outcome
            number = len(self.outcomes)
        what = str(job.out) if outcome.state is State.DONE else outcome.reason
        self.say(f"[{number}/{self._total}] {outcome.state.value}: {self._titles[job.out]} ({what})")
        for warning in outcome.warnings:
            self.say(f"  warning: {warning}")

    def pass_over(self, jobs: Sequence[BatchJob], reason: str) -> None:
        """Jobs that were not done; they are not in the journal as ended."""
        for job in jobs:
            self.outcomes[job.out] = Outcome(job, State.SKIPPED, reason)


def summary(ended: Sequence[Outcome]) -> str:
    rows, titles = [("clip", "end", "frames", "seconds", "result")], _titles([outcome.job for outcome in ended])
    for outcome in ended:
        what = outcome.reason if outcome.state is not State.DONE else str(outcome.job.out)
        frames = "" if outcome.frames is None else str(outcome.frames)
        seconds = f"{sum(outcome.seconds.values()):.1f}" if outcome.seconds else ""
        rows.append((titles[outcome.job.out], outcome.state.value, frames, seconds, what))
    counts = Counter(outcome.state for outcome in ended)
    return f"{table(rows)}\n" + ", ".join(f"{counts[state]} {state.value}" for state in State)


def _titles(jobs: Sequence[BatchJob]) -> dict[Path, str]:
    """By output what a job is called: its clip, and the output's name where other jobs have the same clip, as for its people."""
    counts = Counter(job.clip.name for job in jobs)
    return {job.out: job.clip.name if counts[job.clip.name] == 1 else f"{job.clip.name}, {job.out.name}" for job in jobs}


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Aligned columns; the last one is as long as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)] + [0]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows)
