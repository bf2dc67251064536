"""A batch on a Ray cluster: every clip is a task, which Ray runs again elsewhere where a machine is lost. Where there are fewer
clips than machines, a long clip's pieces are tasks too, and what is found is the same.

Ray is imported only here and only when asked for, from the Python that runs build.py: a cluster takes nobody with another version
of Ray or of Python than its own. Clips, rigs, outputs and the project lie where all machines see them by the same path. On every
machine a task uses the motion engine and the Blender that build.py finds or makes there, and they stay for the next task.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import json
import os
import platform
import re
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import Pose3DError
from ..core.leftovers import scratch
from . import steps
from .account import FAILED_FAST, Account, Outcome, State
from .cache import TrackCache, usable
from .inputs import Inputs
from .jobs import BatchJob
from .runner import Hands

# Of one clip, for machines and processes that are lost, not for clips that fail.
_RETRIES = 3
_WAIT_S = 1.0
_CONNECT_S = 10.0


@dataclass(frozen=True)
class Cluster:
    """address: host:port or auto; project: the folder of build.py; cpus and gpus: that Ray sets aside for a clip, whose
    processes have as many threads; cache_limit_bytes: of the tracks on each machine."""

    address: str
    project: Path
    cpus: int
    gpus: float
    cache_limit_bytes: float


@dataclass(frozen=True)
class _Work:
    """A job as a machine of the cluster gets it. track_name: None for a look at the rig only; lookers: how many machines may look
    at pieces of its clip at once; keeps_seen: what is seen of the clip is kept on the machine for other jobs."""

    job: BatchJob
    track_name: str | None
    cluster: Cluster
    lookers: int = 1
    keeps_seen: bool = False


@dataclass(frozen=True)
class _Look:
    """Pieces of a job's clip, from 1, as a machine of the cluster gets them."""

    job: BatchJob
    cluster: Cluster
    first: int
    last: int


def on_cluster(cluster: Cluster, inputs: Inputs, *, fail_fast: bool) -> Hands:
    """Raises Pose3DError where this Python has no Ray; the hands do, where the cluster cannot be reached."""
    ray = _ray()

    def do(todo: Sequence[BatchJob], account: Account) -> None:
        _connect(ray, cluster)
        try:
            if lacking := _lacking(ray, cluster):
                account.say(lacking)
            _check_rigs(ray, cluster, todo)
            _animate_all(ray, cluster, inputs, todo, account, fail_fast=fail_fast)
        finally:  # which ends what still runs for us
            ray.shutdown()

    return do


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ImportError:
        raise Pose3DError(
            f"--cluster needs Ray, which the Python that runs build.py ({sys.executable}) does not have.",
            hint="Run build.py with the cluster's own Python, or install Ray as docs/farm.md says.",
        ) from None


def _connect(ray: Any, cluster: Cluster) -> None:
    _require_somebody_at(cluster.address)
    # For the processes of the tasks, so that they can import this module.
    environment = {"env_vars": {"PYTHONPATH": str(cluster.project)}}
    try:
        ray.init(address=cluster.address, runtime_env=environment, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise Pose3DError(
            f"The Ray cluster '{cluster.address}' cannot be used: {reason}.",
            hint="Check the address, or run `ray start`.",
        ) from None


def _require_somebody_at(address: str) -> None:
    """Ray itself waits for minutes where nobody is. Raises Pose3DError."""
    if match := re.fullmatch(r"(?:ray://)?\[?([^/]+?)\]?:(\d+)", address):
        try:
            socket.create_connection((match[1], int(match[2])), timeout=_CONNECT_S).close()
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise Pose3DError(f"Nobody answers at {address}: {reason}.", hint="Check the address, or run `ray start`.") from None


def _lacking(ray: Any, cluster: Cluster) -> str:
    """A sentence where no machine that is there can take a clip; else "". Clusters that grow as needed may get one yet."""
    machines = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if any(there.get("CPU", 0) >= cluster.cpus and there.get("GPU", 0) >= cluster.gpus for there in machines):
        return ""
    cpus, gpus = (max((there.get(kind, 0) for there in machines), default=0) for kind in ("CPU", "GPU"))
    return (
        f"No machine of the cluster '{cluster.address}' has {cluster.cpus} CPUs and {cluster.gpus:g} GPUs for a clip "
        f"(--threads, --gpus): the most on one are {cpus:g} and {gpus:g}. Waiting for one to join."
    )


def _task(ray: Any, work: _Work | _Look, name: str) -> Any:
    """Given to the cluster: a reference to what comes of it. Looking needs no GPU."""
    cluster = work.cluster
    task, gpus = (ray.remote(_do), cluster.gpus) if isinstance(work, _Work) else (ray.remote(_look), 0)
    task = task.options(name=name, num_cpus=cluster.cpus, num_gpus=gpus, max_retries=_RETRIES, retry_exceptions=False)
    return task.remote(work)


def _check_rigs(ray: Any, cluster: Cluster, todo: Sequence[BatchJob]) -> None:
    looks = [_task(ray, _Work(job, None, cluster), f"rig of {job.where}") for job in steps.rigs_to_check(todo)]
    for look in looks:
        try:
            outcome = ray.get(look)
        except ray.exceptions.RayTaskError:  # a fault of our own
            raise
        except ray.exceptions.RayError as error:
            raise Pose3DError(_lost(error)) from None
        if outcome.state is State.FAILED:
            raise Pose3DError(outcome.reason)


def _animate_all(
    ray: Any, cluster: Cluster, inputs: Inputs, todo: Sequence[BatchJob], account: Account, *, fail_fast: bool
) -> None:
    left, waiting = deque(_first_looks_first(todo)), dict[Any, BatchJob]()
    places = int(ray.cluster_resources().get("CPU", 0) // cluster.cpus)
    again = steps.looked_at_again(todo)
    handed_out = 0
    while left or waiting:
        if fail_fast and account.any_failed:
            for reference in waiting:
                ray.cancel(reference)
            account.pass_over([*waiting.values(), *left], FAILED_FAST)
            return
        if left:
            job = left.popleft()
            try:
                account.begin(job)
                work = _Work(job, inputs.track_name(job), cluster, max(1, places // len(todo)), steps.look_of(job) in again)
            except Pose3DError as error:
                account.end(Outcome(job, State.FAILED, error.sentence))
            else:
                waiting[_task(ray, work, job.clip.name)] = job
                handed_out += 1
            if not left:
                account.say(f"{handed_out} clips are with the cluster '{cluster.address}'.")
        # Also between two that are handed out: each clip is read before, which takes long from a network's disk.
        ended, _ = ray.wait(list(waiting), timeout=0.0 if left else _WAIT_S) if waiting else ([], [])
        for reference in ended:
            job = waiting.pop(reference)
            try:
                outcome = ray.get(reference)
            except ray.exceptions.RayTaskError:
                raise
            except ray.exceptions.RayError as error:
                outcome = Outcome(job, State.FAILED, _lost(error))
            account.end(outcome)


def _first_looks_first(todo: Sequence[BatchJob]) -> list[BatchJob]:
    """The other jobs of a clip come when what was found in it is there, on the machines that looked."""
    turns: Counter[tuple[str, ...]] = Counter()
    turn = {}
    for job in todo:
        look = steps.look_of(job)
        turn[job.out] = turns[look]
        turns[look] += 1
    return sorted(todo, key=lambda job: turn[job.out])


def _lost(error: Exception) -> str:
    words = str(error).strip().splitlines()
    return f"The cluster lost it {_RETRIES + 1} times ({type(error).__name__}: {words[0] if words else 'no reason'})."


# ---- on a machine of the cluster ----------------------------------------------------------------------------------------------


def _do(work: _Work) -> Outcome:
    """The task."""
    try:
        with _machine(work.cluster) as machine:
            return machine.do(work)
    except Pose3DError as error:
        return Outcome(work.job, State.FAILED, error.sentence, machine=platform.node())


def _look(look: _Look) -> dict[str, bytes]:
    """The task of pieces: their files. None of those that could not be looked at: the clip's own task looks there, and tells."""
    try:
        with _machine(look.cluster) as machine:
            return machine.look(look)
    except Pose3DError:
        return {}


# One at most, for the tasks that Ray gives this process.
_kept: dict[tuple[Cluster, str | None], _Machine] = {}


@contextlib.contextmanager
def _machine(cluster: Cluster) -> Iterator[_Machine]:
    """The same as for the task before, unless Ray gives this one another GPU, or that one ended by anything but a sentence."""
    key = (cluster, os.environ.get("CUDA_VISIBLE_DEVICES"))
    if key not in _kept:
        for other in _kept.values():
            other.close()
        _kept.clear()
        _kept[key] = _Machine(cluster)
    try:
        yield _kept[key]
    except Pose3DError:
        raise
    except BaseException:  # as when it is cancelled: an answer that is still to come would be taken for the next task's
        _kept.pop(key).close()
        raise


class _Machine:
    """A motion engine and a Blender, which stay as long as Ray keeps this process for tasks."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._programs: steps.Programs | None = None
        self._folders = contextlib.ExitStack()

    def do(self, work: _Work) -> Outcome:
        """Raises Pose3DError where it fails."""
        programs = self._made()
        self._blender.start()  # while the motion engine is at work
        job, began_s = work.job, time.monotonic()
        if work.track_name is None:
            steps.check_rig(self._blender, job)
            return Outcome(job, State.DONE)
        seconds: dict[str, float] = {}
        warnings: list[str] = []
        try:
            with contextlib.ExitStack() as stack:

                def prepared() -> list[str]:
                    pieces = self._looked_elsewhere(work, stack)
                    if pieces is None:
                        return []
                    seconds["look"] = time.monotonic() - began_s
                    return [f"--pieces={pieces}"]

                track = steps.lift(
                    self._engine,
                    job,
                    work.track_name,
                    programs=programs,
                    cache=self._cache,
                    prepared=prepared,
                    keeps_seen=work.keeps_seen,
                )
            warnings += self._engine.warnings
            seconds["lift"], began_s = time.monotonic() - began_s - seconds.get("look", 0.0), time.monotonic()
            try:
                result = steps.solve(self._blender, job, track)
            finally:
                track.release()
                self._cache.prune()
        except Pose3DError as error:
            seconds["solve" if "lift" in seconds else "lift"] = time.monotonic() - began_s
            return Outcome(job, State.FAILED, error.sentence, seconds, warnings=tuple(warnings), machine=platform.node())
        seconds["solve"] = time.monotonic() - began_s
        said = tuple(dict.fromkeys([*warnings, *result.summary["warnings"]]))
        parts = tuple(result.summary["parts"])
        return Outcome(job, State.DONE, "", seconds, result.summary["frames"], said, platform.node(), parts)

    def look(self, look: _Look) -> dict[str, bytes]:
        """Raises Pose3DError where it fails."""
        programs = self._made()
        with scratch() as folder:
            steps.look(self._engine, look.job, str(folder), f"--from={look.first}", f"--to={look.last}", programs=programs)
            return {path.name: path.read_bytes() for path in folder.iterdir()}

    def _looked_elsewhere(self, work: _Work, stack: contextlib.ExitStack) -> Path | None:
        """Have pieces of the clip looked at by other machines: a folder with their files. None where that is not worth while.
        Raises Pose3DError.
        """
        if work.lookers < 2:
            return None
        count = steps.look(self._engine, work.job, programs=self._made())
        if (parts := min(work.lookers, count)) < 2:
            return None
        ends = [count * part // parts for part in range(parts + 1)]
        ray = _ray()
        looks = [
            _task(ray, _Look(work.job, work.cluster, before + 1, last), f"{work.job.clip.name}: pieces {before + 1} to {last}")
            for before, last in itertools.pairwise(ends)
        ]
        folder = stack.enter_context(scratch())
        for look in looks:  # meanwhile Ray gives this task's processors to them
            try:
                files = ray.get(look)
            except ray.exceptions.RayTaskError:  # a fault of our own
                raise
            except ray.exceptions.RayError:  # lost too often: it is looked at here
                continue
            for name, data in files.items():
                (folder / name).write_bytes(data)
        return folder

    def close(self) -> None:
        if self._programs is not None:
            self._engine.close()
            self._blender.close()
        self._folders.close()

    def _made(self) -> steps.Programs:
        if self._programs is None:
            programs = _programs(self._cluster.project)
            cache = TrackCache(programs.tracks, limit_bytes=self._cluster.cache_limit_bytes)
            self._cache = self._folders.enter_context(usable(cache, print))  # Ray keeps what a machine's tasks say in its logs
            self._engine, self._blender = programs.engine(threads=self._cluster.cpus), programs.solver(threads=self._cluster.cpus)
            self._engine.start()
            self._programs = programs
        return self._programs


def _programs(project: Path) -> steps.Programs:
    """What this machine has, or makes: build.py tells. Raises Pose3DError."""
    command = [sys.executable, str(project / "build.py"), "batch-programs"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False)
    said = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    if done.returncode != 0 or not said:
        raise Pose3DError(f"{platform.node()} cannot animate clips: {said[-1] if said else 'build.py gave no reason'}")
    return steps.Programs.from_json(json.loads(said[-1]))
