"""Job against real processes: good ones, bad ones, and what is left of them afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from blender_pose3d.core.errors import Pose3DError
from blender_pose3d.worker.job import Job, JobState
from blender_pose3d.worker.protocol import Event, Garbage, Progress, Result, Start, Unknown, Warning_
from tests.worker import workers
from tests.worker.workers import CANCEL_S, assert_gone, is_alive

ROOT = Path(__file__).resolve().parents[2]


def until(job: Job, done, timeout_s: float = 20.0) -> list[Event]:
    """Poll as the panel does until `done(events)`, and return the events."""
    events: list[Event] = []
    deadline = time.monotonic() + timeout_s
    while not done(events):
        assert time.monotonic() < deadline, f"nothing happened in {timeout_s} s: {job.state} {events[-3:]} {job.log_tail}"
        events += job.poll()
        time.sleep(0.01)
    return events


def test_good_worker_polled(tmp_path):
    job = Job(workers.command(tmp_path, workers.GOOD, "out.npz"))
    assert job.state is JobState.PENDING and job.fraction == 0
    job.start()
    events = until(job, lambda _: job.ended)
    assert job.state is JobState.SUCCEEDED and job.error is None
    assert job.result == Result("out.npz", {"frames": 10})
    assert events[0] == Start(1, "infer", ("detect", "lift"))
    assert Warning_("3 frames without a person") in events and Unknown("a_newer_event") in events
    assert job.warnings == ["3 frames without a person"]
    assert Progress("lift", 1, 2) in events
    assert job.percent == 100 and job.log_tail == ("a line of log",)
    assert job.poll() == [] and not is_alive(job.pid)


def test_good_worker_waited_for(tmp_path):
    seen: list[Event] = []
    with Job(workers.command(tmp_path, workers.GOOD, "out.npz")) as job:
        assert job.wait(20, on_event=seen.append).output == "out.npz"
    assert isinstance(seen[0], Start) and isinstance(seen[-1], Result)
    with pytest.raises(RuntimeError):
        job.start()


def test_fraction_goes_over_all_stages_and_gives_the_longer_one_more(tmp_path):
    seen: list[float] = []
    with Job(workers.command(tmp_path, workers.HALF_OF_EACH_STAGE)) as job:
        until(job, lambda events: seen.append(job.fraction) or any(isinstance(e, Warning_) for e in events))
        assert job.stage == "lift"
        assert job.fraction == pytest.approx(3 / 4 + 1 / 8), "half of the last stage; the first counts for 3 of 4"
        assert job.percent == 87
    assert seen == sorted(seen)


def test_the_workers_own_error_is_told_as_it_is(tmp_path):
    with pytest.raises(Pose3DError) as caught:
        Job(workers.command(tmp_path, workers.BAD_INPUT)).wait(20)
    assert caught.value.sentence == "The clip has no picture. Choose another."


@pytest.mark.parametrize(
    ("program", "says", "log"),
    [
        (workers.DIES, "signal SIGKILL", "about to fall"),
        (workers.BUG, "exit code 1", "ZeroDivisionError: of the worker"),
        (workers.RUBBISH, "without a result", "W0000 not of the protocol"),
        (workers.HALF_RESULT, "exit code 1", "left no log"),
    ],
)
def test_a_broken_worker_fails_with_the_end_of_its_log(tmp_path, program, says, log):
    job = Job(workers.command(tmp_path, program))
    with pytest.raises(Pose3DError) as caught:
        job.wait(20)
    assert job.state is JobState.FAILED and job.result is None
    assert says in caught.value.message and log in caught.value.hint


def test_rubbish_among_good_lines_does_no_harm(tmp_path):
    seen: list[Event] = []
    result = Job(workers.command(tmp_path, workers.RUBBISH_AND_RESULT, "out.npz")).wait(20, on_event=seen.append)
    assert result.output == "out.npz"
    assert sum(isinstance(e, Garbage) for e in seen) == 5


def test_a_newer_protocol_is_refused_and_the_worker_ended(tmp_path):
    job = Job(workers.command(tmp_path, workers.FUTURE))
    with pytest.raises(Pose3DError, match="protocol 2"):
        job.wait(20)
    assert job.state is JobState.FAILED
    assert_gone(job.pid)


def test_a_program_that_is_not_there(tmp_path):
    job = Job([str(tmp_path / "no-python")])
    job.start()
    assert job.state is JobState.FAILED and "could not be started" in job.error.message
    job.cancel()
    job.close()
    assert job.state is JobState.FAILED


def test_a_flood_is_read_to_the_end_and_stays_small(tmp_path):
    job = Job(workers.command(tmp_path, workers.FLOOD))
    job.start()
    deadline = time.monotonic() + 60
    while is_alive(job.pid):  # nobody polls, as when Blender renders
        assert time.monotonic() < deadline, "the worker waits for a reader"
        time.sleep(0.05)
    events = until(job, lambda _: job.ended)
    assert job.state is JobState.SUCCEEDED and job.result is not None
    assert [e.done for e in events if isinstance(e, Progress)][-1] == 199_999, "the newest progress counts"
    assert len(events) <= 1010 and max(len(e.text) for e in events if isinstance(e, Garbage)) <= 500


@pytest.mark.parametrize("program", [workers.SLOW, workers.STUBBORN], ids=["slow", "ignores SIGTERM, with a child"])
def test_cancel_ends_everything_within_a_second(tmp_path, program):
    job = Job(workers.command(tmp_path, program))
    job.start()
    child_pids = [int(e.message) for e in until(job, lambda events: len(events) > 1) if isinstance(e, Warning_)]
    began = time.monotonic()
    job.cancel()
    assert time.monotonic() - began < 0.05, "cancel must not stall the window"
    assert job.state is JobState.CANCELLED and job.poll() == []
    for pid in (job.pid, *child_pids):
        assert_gone(pid, CANCEL_S - (time.monotonic() - began))
    with pytest.raises(Pose3DError, match="cancelled"):
        job.wait(1)


def test_cancel_before_the_start(tmp_path):
    job = Job(workers.command(tmp_path, workers.SLOW))
    job.cancel()
    assert job.state is JobState.CANCELLED and job.pid is None


def test_a_killed_worker_is_a_failure_not_a_cancel(tmp_path):
    job = Job(workers.command(tmp_path, workers.SLOW))
    job.start()
    until(job, lambda events: len(events) > 1)
    os.kill(job.pid, signal.SIGKILL)
    until(job, lambda _: job.ended)
    assert job.state is JobState.FAILED and "SIGKILL" in job.error.message


def test_timeout_ends_the_worker(tmp_path):
    job = Job(workers.command(tmp_path, workers.SLOW))
    with pytest.raises(Pose3DError, match="longer than"):
        job.wait(0.5)
    assert_gone(job.pid)


def test_leaving_the_context_ends_the_worker(tmp_path):
    with pytest.raises(KeyboardInterrupt), Job(workers.command(tmp_path, workers.STUBBORN)) as job:
        until(job, lambda events: len(events) > 1)
        raise KeyboardInterrupt
    assert not is_alive(job.pid)


def test_a_child_that_the_worker_forgot_is_ended_and_does_not_hold_the_run(tmp_path):
    job = Job(workers.command(tmp_path, workers.LEAVES_A_CHILD))
    began = time.monotonic()
    assert job.wait(20).output == "out.npz"
    assert time.monotonic() - began < 10
    assert_gone(int(job.warnings[0]))


@pytest.mark.parametrize(
    ("how", "program"),
    [("exit", workers.SLOW), ("SIGKILL", workers.WATCHES_STDIN), ("SIGKILL", workers.NEVER_SAYS_ENOUGH)],
    ids=["exit", "killed, the worker watches stdin", "killed, the worker prints progress"],
)
def test_no_orphan_when_the_parent_ends(tmp_path, program, how):
    """The parent ends in an orderly way (atexit), or is killed and can do nothing about it."""
    parent = textwrap.dedent(
        """
        import os, signal, sys
        from blender_pose3d.worker.job import Job
        job = Job(sys.argv[2:])
        job.start()
        while not job.poll():
            pass
        print(job.pid, flush=True)
        if sys.argv[1] == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", parent, how, *workers.command(tmp_path, program)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == (0 if how == "exit" else -signal.SIGKILL)
    assert_gone(int(done.stdout))


@pytest.mark.skipif(sys.platform == "win32", reason="the niceness of POSIX")
def test_beside_a_window_the_window_goes_first(tmp_path):
    for beside, expected in ((True, 5), (False, os.getpriority(os.PRIO_PROCESS, 0))):
        with Job([sys.executable, "-c", "import time; time.sleep(30)"], beside_a_window=beside) as job:
            assert os.getpriority(os.PRIO_PROCESS, job.pid) == expected
            group = Path(f"/proc/{job.pid}/autogroup")  # Linux goes by this first
            if group.is_file() and (said := group.read_text()):
                assert said.split()[-1] == ("5" if beside else "0")
