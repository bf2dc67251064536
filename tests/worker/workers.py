"""Small worker programs that speak the protocol, well or badly. Each is run by a real Python in a process of its own."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

CANCEL_S = 1.0

_SAY = """
import json, os, signal, subprocess, sys, time
def say(event, **keys):
    print(json.dumps({"event": event, **keys}), flush=True)
"""

GOOD = """
say("start", protocol=1, command="infer", stages=["detect", "lift"], added_later=1)
for done in range(1, 11):
    say("progress", stage="detect", done=done, total=10)
say("warning", message="3 frames without a person")
say("a_newer_event", anything=[1, 2])
say("progress", stage="lift", done=1, total=2)
print("a line of log", file=sys.stderr)
say("result", output=sys.argv[1], summary={"frames": 10})
"""
BAD_INPUT = """
say("start", protocol=1, command="infer", stages=["detect"])
say("error", message="The clip has no picture.", hint="Choose another.")
sys.exit(2)
"""
DIES = """
say("start", protocol=1, command="infer", stages=["detect"])
print("about to fall", file=sys.stderr, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
BUG = """
say("start", protocol=1, command="infer", stages=["detect"])
raise ZeroDivisionError("of the worker")
"""
RUBBISH = r"""
sys.stdout.buffer.write(b"W0000 not of the protocol\n\xff\xfe\x00 bytes\n[1, 2]\n{\"event\": 7}\n{\"event\": \"progress\"}\n")
sys.stdout.buffer.flush()
"""
RUBBISH_AND_RESULT = RUBBISH + GOOD
HALF_RESULT = """
say("result", output="out.npz", summary={})
sys.exit(1)
"""
FUTURE = """
say("start", protocol=2, command="infer", stages=["detect"])
time.sleep(60)
"""
SLOW = """
say("start", protocol=1, command="infer", stages=["detect", "lift"])
say("progress", stage="detect", done=1, total=4)
time.sleep(60)
"""
HALF_OF_EACH_STAGE = """
say("start", protocol=1, command="infer", stages=["detect", "lift"])
for stage in ("detect", "lift"):
    for done in (0, 1, 2):
        say("progress", stage=stage, done=done, total=4)
        time.sleep(0.05)
say("warning", message="half of it")
time.sleep(60)
"""
STUBBORN = """
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"],
    stdout=subprocess.PIPE)
child.stdout.readline()
say("start", protocol=1, command="infer", stages=["detect"])
say("warning", message=str(child.pid))
time.sleep(60)
"""
LEAVES_A_CHILD = """
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
say("warning", message=str(child.pid))
say("result", output="out.npz", summary={})
"""
FLOOD = """
say("start", protocol=1, command="infer", stages=["detect"])
for done in range(200000):
    sys.stdout.write('{"event": "progress", "stage": "detect", "done": %d, "total": 200000}\\n' % done)
    if done % 2 and done < 150000:
        sys.stdout.write("rubbish " * 20 + "\\n")
sys.stdout.write("x" * 5_000_000)
sys.stdout.write("\\n")
say("result", output="out.npz", summary={})
"""
WATCHES_STDIN = """
say("start", protocol=1, command="infer", stages=["detect"])
sys.stdin.read()
"""
NEVER_SAYS_ENOUGH = """
say("start", protocol=1, command="infer", stages=["detect"])
while True:
    say("progress", stage="detect", done=1, total=None)
    time.sleep(0.05)
"""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:  # it ended just now
        return False
    except FileNotFoundError:
        return not Path("/proc").is_dir()


def assert_gone(pid: int, within_s: float = CANCEL_S) -> None:
    deadline = time.monotonic() + within_s
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} still runs"
        time.sleep(0.01)


def command(folder: Path, program: str, *arguments: str) -> list[str]:
    """The command line of a program above, written into `folder`."""
    script = folder / "worker_program.py"
    script.write_text(_SAY + program, encoding="utf-8")
    return [sys.executable, str(script), *arguments]
