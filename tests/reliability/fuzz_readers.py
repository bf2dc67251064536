"""Coverage-guided fuzzing of every reader, with atheris (not one of the project's dependencies: `pip install atheris`).

    python -m tests.reliability.fuzz_readers FOLDER -max_total_time=3600 [other options of libFuzzer]

The first byte of an input chooses the reader, the rest is what it reads. A fault does not end the run: each that was not seen
before is written to FOLDER/faults.jsonl with its input; FOLDER/account.json has the executions of each reader. The exit code is 1
where there were faults.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import logging
import os
import sys
import time
import traceback
import warnings
from pathlib import Path

import atheris  # type: ignore[import-not-found, unused-ignore]

with atheris.instrument_imports(include=["lifter", "blender_pose3d", "zipfile", "numpy.lib._format_impl", "csv", "tomllib"]):
    import lifter.adapters
    import lifter.checkpoint
    import lifter.clip
    import lifter.data.bvh
    import lifter.piece_file
    import lifter.serve
    import lifter.track_file
    import lifter.train  # noqa: F401
    from tests.reliability.readers import READERS


class Fuzzing:
    """One run. Faults are told apart by the exception and the line of ours that it came through."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = Path(os.environ.get("TMPDIR", "/dev/shm")) / f"pose3d-fuzz-{os.getpid()}"
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.began_s = self.noted_s = time.monotonic()
        self.executions = [0] * len(READERS)
        self.accepted = [0] * len(READERS)
        self.faults: set[tuple[str, str, str]] = set()

    def one(self, data: bytes) -> None:
        if not data:
            return
        number = data[0] % len(READERS)
        reader = READERS[number]
        self.executions[number] += 1
        try:
            with contextlib.redirect_stderr(io.StringIO()):
                self.accepted[number] += reader.try_on(data[1:], self.scratch) is not None
        except Exception as fault:
            self.note(reader.name, data[1:], fault)
        if time.monotonic() - self.noted_s > 10:
            self.write()

    def note(self, name: str, data: bytes, fault: Exception) -> None:
        frames = traceback.extract_tb(fault.__traceback__)
        ours = [f for f in frames if "/lifter/" in f.filename or "/blender_pose3d/" in f.filename] or list(frames)
        key = (name, type(fault).__name__, f"{Path(ours[-1].filename).name}:{ours[-1].lineno}")
        if key in self.faults:
            return
        self.faults.add(key)
        row = {"reader": name, "fault": key[1], "at": key[2], "says": str(fault)[:300], "input": base64.b64encode(data).decode()}
        with (self.folder / "faults.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def write(self) -> None:
        self.noted_s = time.monotonic()
        rows = {
            reader.name: {"executions": tried, "accepted": accepted}
            for reader, tried, accepted in zip(READERS, self.executions, self.accepted, strict=True)
        }
        account = {
            "seconds": round(self.noted_s - self.began_s),
            "executions": sum(self.executions),
            "faults": len(self.faults),
            "readers": rows,
        }
        (self.folder / "account.json").write_text(json.dumps(account, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    folder = Path(sys.argv[1])
    inputs = folder / "inputs"
    inputs.mkdir(parents=True, exist_ok=True)
    for number, reader in enumerate(READERS):
        for i, seed in enumerate(reader.seeds):
            (inputs / f"seed-{number:02d}-{i}").write_bytes(bytes([number]) + seed)
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    fuzzing = Fuzzing(folder)
    atheris.Setup([sys.argv[0], "-max_len=12288", "-timeout=20", *sys.argv[2:], str(inputs)], fuzzing.one)
    try:
        atheris.Fuzz()
    finally:
        fuzzing.write()


if __name__ == "__main__":
    main()
