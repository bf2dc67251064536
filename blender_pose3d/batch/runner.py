"""Plans a batch and has it done: the motion engine reads the next clip while Blender animates this one."""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ..core.errors import Pose3DError
from ..core.leftovers import replacing
from ..worker.protocol import Progress
from . import steps
from .account import FAILED_FAST, STOPPED, Account, Outcome, Say, State, summary
from .cache import Track, TrackCache, usable
from .inputs import Inputs, said_in_one_way
from .jobs import BatchJob, require_account_apart
from .journal import FAILED, STARTED, Entry, Journal, has_writer, read_journal
from .served import Served

RESULTS_NAME = "results.jsonl"
EXIT_DONE, EXIT_FAILED = 0, 1
_PROGRESS_S = 10.0  # between two lines about one clip
_COMPARING_S = 2.0  # between two lines about what is compared with an earlier run
_POLL_S = 0.1
# A track waits so long before one more Blender is started for it: about what starting one takes.
_PATIENCE_S = 2.0


@dataclass(frozen=True)
class Planned:
    """state: how the job has ended already, None where it is to be run; why: for both, in a few words."""

    job: BatchJob
    state: State | None
    why: str


def plan(
    jobs: Sequence[BatchJob], inputs: Inputs, *, resume: bool = True, retry_failed: bool = False, say: Say = lambda text: None
) -> list[Planned]:
    """What is to be run and what is not, and why; changes nothing. Raises Pose3DError where a journal cannot be read.

    say: told now and then how many jobs are compared: every clip is read for that, which takes minutes for a shoot."""
    said_s = time.monotonic()
    journals: dict[Path, dict[str, Entry]] = {}
    are_written: dict[Path, bool] = {}  # by a batch that runs now
    planned = []
    for number, job in enumerate(jobs):
        if time.monotonic() - said_s >= _COMPARING_S:
            said_s = time.monotonic()
            say(f"Comparing with the run before: {number} of {len(jobs)} clips…")
        folder = job.out.parent
        if folder not in journals:
            are_written[folder] = has_writer(folder)
            journals[folder] = read_journal(folder) if resume else {}
        entry = journals[folder].get(job.out.name)
        if entry is not None and entry.event == STARTED:
            planned.append(Planned(job, None, "another batch is at it" if are_written[folder] else "was interrupted"))
        else:
            planned.append(_planned(job, entry, inputs, retry_failed=retry_failed))
    return planned


def _planned(job: BatchJob, entry: Entry | None, inputs: Inputs, *, retry_failed: bool) -> Planned:
    """entry: none that is STARTED."""
    if entry is None:
        return Planned(job, None, "new" if os.path.exists(job.clip) else "new, but the clip is not there")
    try:
        now = inputs.of(job)
    except Pose3DError:
        now = {}  # the run will say why
    before = said_in_one_way(entry.inputs)  # as an earlier version may have noted it
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        return Planned(job, None, f"changed: {', '.join(changed)}" if now else "cannot be compared")
    if entry.event == FAILED:
        if retry_failed:
            return Planned(job, None, "failed before")
        return Planned(job, State.FAILED, f"{entry.reason} (An earlier run; --retry-failed tries again.)")
    parts = inputs.parts(job, entry.parts)
    if other := sorted(name for name in {*entry.parts, *parts} if entry.parts.get(name) != parts.get(name)):
        return Planned(job, None, f"changed: {', '.join(other)}")
    gone = [path.name for path in job.outputs if not os.path.isfile(path)]
    return Planned(job, None, f"{gone[0]} is gone") if gone else Planned(job, State.SKIPPED, "done before, nothing has changed")


# Does jobs and tells their ends to the account. Raises Pose3DError, before the first clip is read, for a rig that will not do.
Hands: TypeAlias = Callable[[Sequence[BatchJob], Account], None]


def run(planned: Sequence[Planned], inputs: Inputs, hands: Hands, *, results: Path | None, say: Say) -> int:
    """Have done what is planned; returns EXIT_DONE or EXIT_FAILED.

    hands: `on_this_machine`, or a cluster's; results: where the account of all jobs goes.
    Raises Pose3DError before anything is started where a folder cannot be written.
    """
    todo = [item.job for item in planned if item.state is None]
    for output in sorted(path for job in todo for path in job.outputs):
        _require_writable(output, "--out")
    jobs = [item.job for item in planned]
    if account_file := results or _results_path(jobs):
        require_account_apart(account_file, jobs)
        _require_writable(account_file, "--results")
    outcomes = {item.job.out: Outcome(item.job, item.state, item.why) for item in planned if item.state is not None}
    if todo:
        with contextlib.ExitStack() as stack:
            opened: dict[str, Journal] = {}  # one for a folder that goes by several names
            journals = {}
            for folder in {job.out.parent for job in todo}:
                real = os.path.realpath(folder)
                if real not in opened:
                    opened[real] = stack.enter_context(contextlib.closing(Journal(folder)))
                journals[folder] = opened[real]
            account = Account(todo, inputs, journals, say)
            try:
                hands(todo, account)
            except BaseException as stop:
                # Where nothing was done, as with a rig that will not do, the account of an earlier run stays.
                if account.outcomes or isinstance(stop, KeyboardInterrupt | SystemExit):
                    account.pass_over([job for job in todo if job.out not in account.outcomes], STOPPED)
                    with contextlib.suppress(Pose3DError, OSError):  # what ended the run is said
                        _tell([(outcomes | account.outcomes)[job.out] for job in jobs], account_file, say)
                raise
        outcomes |= account.outcomes
    ended = [outcomes[job.out] for job in jobs]
    _tell(ended, account_file, say)
    return EXIT_FAILED if any(outcome.state is State.FAILED for outcome in ended) else EXIT_DONE


def _tell(ended: Sequence[Outcome], account_file: Path | None, say: Say) -> None:
    """The summary and the account. Raises Pose3DError where that cannot be written."""
    try:
        if account_file:
            with replacing(account_file) as partial:
                partial.write_text("".join(json.dumps(outcome.as_json()) + "\n" for outcome in ended), encoding="utf-8")
    except OSError as error:
        raise Pose3DError(
            f"The account {account_file} cannot be written: {error.strerror}.", hint="Give --results a file elsewhere."
        ) from error
    finally:
        say(summary(ended))


def _require_writable(path: Path, option: str) -> None:
    """Make its folder, and prove that a file can be written there. option: by which the user chooses the path."""
    hint = f"Choose another {option}, in a folder you may write to."
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise Pose3DError(f"The folder {path.parent} cannot be written: {error.strerror}.", hint=hint) from error
    try:
        is_folder = path.is_dir()
    except OSError as error:  # as where the name is too long
        raise Pose3DError(f"{path} cannot be written: {error.strerror}.", hint=f"Choose another {option}.") from error
    if is_folder:
        raise Pose3DError(f"{path} is a folder.", hint=f"Choose another {option}, which names a file.")


def _results_path(jobs: Sequence[BatchJob]) -> Path | None:
    """In the folder that all outputs are in or below; None where there is none, as on two drives of Windows."""
    try:
        folder = Path(os.path.commonpath([job.out.parent for job in jobs]))
    except ValueError:
        return None
    # Rows with outputs all over the disk have no folder in common that is the user's.
    return folder / RESULTS_NAME if any(job.out.parent == folder or job.out.parent.parent == folder for job in jobs) else None


@dataclass(frozen=True)
class _Lifted:
    job: BatchJob
    track: Track
    seconds: float
    warnings: tuple[str, ...]


def on_this_machine(
    programs: steps.Programs, inputs: Inputs, cache: TrackCache, *, workers: int, threads: int, fail_fast: bool
) -> Hands:
    """workers: motion engines, and at most as many Blenders, each with so many threads."""

    def do(todo: Sequence[BatchJob], account: Account) -> None:
        with usable(cache, account.say) as tracks:
            line = _Line(todo, account, programs, inputs, tracks, threads=threads, fail_fast=fail_fast)
            line.run(min(workers, len(todo)))

    return do


class _Line:
    """The production line: engines take jobs and leave tracks, Blenders take the tracks. Both kinds are threads that wait for
    a process of their own. One Blender is enough for several engines, until tracks have to wait."""

    def __init__(
        self,
        todo: Sequence[BatchJob],
        account: Account,
        programs: steps.Programs,
        inputs: Inputs,
        cache: TrackCache,
        *,
        threads: int,
        fail_fast: bool,
    ) -> None:
        self._todo, self._account, self._programs, self._inputs, self._cache = deque(todo), account, programs, inputs, cache
        self._looked_at_again = steps.looked_at_again(todo)
        self._being_looked_at: set[tuple[str, ...]] = set()
        self._to_check = steps.rigs_to_check(todo)
        self._unchecked = len(self._to_check)
        self._threads, self._fail_fast = threads, fail_fast
        self._processes: list[Served] = []
        self._waiting_since_s: deque[float] = deque()  # of each track that no Blender has taken yet
        self._lock = threading.Lock()
        self._checked = threading.Event()
        if not self._to_check:
            self._checked.set()
        self._stopped = False
        self._fault: BaseException | None = None

    def run(self, workers: int) -> None:
        # As many tracks as engines may lie ready: more would only be files that wait.
        self._lifted: queue.Queue[_Lifted | None] = queue.Queue(workers)
        engines = [self._thread(self._lift_all, "motion engine") for _ in range(workers)]
        blenders = [self._thread(self._solve_all, "Blender")]
        started_s = time.monotonic()
        try:
            while self._wait_a_little(engines) or self._waiting_since_s:
                oldest_s = -math.inf if self._to_check else next(iter(self._waiting_since_s), math.inf)
                now_s = time.monotonic()
                if len(blenders) < workers and now_s - max(oldest_s, started_s) > _PATIENCE_S:
                    blenders.append(self._thread(self._solve_all, "Blender"))
                    started_s = now_s
            for _ in blenders:
                self._lifted.put(None)
            while self._wait_a_little(blenders):
                pass
        finally:  # also on Ctrl-C: what has not ended is in the journal as started
            self._stopped = True
            self._checked.set()
            for process in self._processes:
                process.close()
        self._account.pass_over(list(self._todo), FAILED_FAST)

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

    def _wait_a_little(self, threads: Sequence[threading.Thread]) -> bool:
        """Whether any of them still runs. Raises what ended one."""
        running = [thread for thread in threads if thread.is_alive()]
        if running:
            running[0].join(_POLL_S)
        else:
            time.sleep(_POLL_S / 10)
        if self._fault is not None:
            raise self._fault
        return bool(running)

    def _started(self, process: Served) -> Served:
        self._processes.append(process)
        process.start()  # both start up at the same time, whatever comes first
        return process

    def _lift_all(self) -> None:
        engine = self._started(self._programs.engine(threads=self._threads))
        self._checked.wait()
        while (job := self._next()) is not None:
            began_s = time.monotonic()
            try:
                self._account.begin(job)
                name = self._inputs.track_name(job)
                track = steps.lift(
                    engine,
                    job,
                    name,
                    programs=self._programs,
                    cache=self._cache,
                    on_progress=self._progress_lines(job),
                    keeps_seen=steps.look_of(job) in self._looked_at_again,
                )
            except Pose3DError as error:
                self._being_looked_at.discard(steps.look_of(job))
                self._end(Outcome(job, State.FAILED, error.sentence, {"lift": time.monotonic() - began_s}))
            else:
                self._being_looked_at.discard(steps.look_of(job))
                self._hand_over(_Lifted(job, track, time.monotonic() - began_s, tuple(engine.warnings)))

    def _hand_over(self, lifted: _Lifted) -> None:
        """To the next Blender that is free; to nobody where a fault has ended one, or the batch was stopped."""
        self._waiting_since_s.append(time.monotonic())
        while self._fault is None and not self._stopped:
            with contextlib.suppress(queue.Full):
                self._lifted.put(lifted, timeout=_POLL_S)
                return

    def _next(self) -> BatchJob | None:
        """One whose clip another engine looks at now waits for what that finds."""
        while True:
            failed = self._fail_fast and self._account.any_failed
            with self._lock:
                if not self._todo or failed or self._stopped or self._fault is not None:
                    return None
                job = next((job for job in self._todo if steps.look_of(job) not in self._being_looked_at), None)
                if job is not None:
                    self._todo.remove(job)
                    if not job.is_lifted:
                        self._being_looked_at.add(steps.look_of(job))
                    return job
            time.sleep(_POLL_S)

    def _progress_lines(self, job: BatchJob) -> Callable[[Progress], None]:
        """A line now and then for a long clip."""
        due_s = time.monotonic() + _PROGRESS_S

        def tell(progress: Progress) -> None:
            nonlocal due_s
            if time.monotonic() >= due_s and progress.total:
                due_s = time.monotonic() + _PROGRESS_S
                self._account.say(f"  {job.clip.name}: {progress.stage} {progress.done:.0f} of {progress.total:.0f} frames")

        return tell

    def _solve_all(self) -> None:
        blender = self._started(self._programs.solver(threads=self._threads))
        self._check_rigs(blender)
        while (lifted := self._lifted.get()) is not None:
            self._waiting_since_s.popleft()
            job, began_s = lifted.job, time.monotonic()
            seconds = {"lift": lifted.seconds}
            try:
                result = steps.solve(blender, job, lifted.track)
            except Pose3DError as error:
                seconds["solve"] = time.monotonic() - began_s
                outcome = Outcome(job, State.FAILED, error.sentence, seconds, warnings=lifted.warnings)
            else:
                seconds["solve"] = time.monotonic() - began_s
                warnings = tuple(dict.fromkeys((*lifted.warnings, *result.summary["warnings"])))
                parts = tuple(result.summary["parts"])
                outcome = Outcome(job, State.DONE, "", seconds, result.summary["frames"], warnings, parts=parts)
            lifted.track.release()
            self._cache.prune()
            self._end(outcome)

    def _check_rigs(self, blender: Served) -> None:
        """While the motion engines start up. Raises Pose3DError for the first that will not do."""
        while True:
            with self._lock:
                if not self._to_check:
                    return
                job = self._to_check.pop(0)
            steps.check_rig(blender, job)
            with self._lock:
                self._unchecked -= 1
                if not self._unchecked:
                    self._checked.set()

    def _end(self, outcome: Outcome) -> None:
        if not self._stopped:  # else it did not fail: we ended its process
            self._account.end(outcome)
