"""How much of the detector's own speed is left from clip to file, what a second worker adds, start-up and memory.

    python3 build.py bench pipeline --json rows.json
    python3 -m tests.bench.pipeline write rows.json docs/performance.md [NAME]      from the repository's root

The second puts the first one's rows (or those of the benchmark NAME), with a description of the machine, in the place that the
document keeps for them.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import platform
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from blender_pose3d.batch.steps import thread_variables

from . import Context, Row

# Of each clip; the bundled one is as long as that. A smaller number is for trying the benchmark out.
_FRAMES = int(os.environ.get("POSE3D_BENCH_FRAMES", "300"))
_SIZES = {"720p": (1280, 720), "1080p": (1920, 1080)}
_CLIPS_OF_A_BATCH, _BATCHES = 12, 3
# How often each is measured.
_TIMES = 5
# How often the clip runs, for the growth of memory: long enough that in both the network's batches are full and there are many
# pieces.
_LENGTHS = (10, 40)
# Of the tracks that are lifted and solved for their memory: repetitions of a real one.
_MINUTES = (5, 20) if _FRAMES >= 300 else (1, 2)
_BLENDER_MINUTES = (1, 4)  # the choice of the keys takes as long as all else
_HOUR_FRAMES = 3600 * 30
_MACHINE = "Machine: "


def rows(context: Context) -> list[Row]:
    out: list[Row] = []
    clips = {name: _scaled(context, context.work / f"{name}.mp4", size) for name, size in _SIZES.items()}
    for name, clip in clips.items():
        out += _one_engine(context, name, clip)
    out += _memory(context, clips["1080p"])
    out += _long_tracks(context, clips["720p"])
    return out + _workers(context, clips["720p"])


# ---- one motion engine ------------------------------------------------------------------------------------------------------


def _one_engine(context: Context, name: str, clip: Path) -> list[Row]:
    """A warm engine on a clip: from the file to the track file, over the detector's own time for the same pictures."""
    with _serving(context) as (ask, peak_mb):
        began_s = time.monotonic()
        first_s = ask(clip, context.work / "first.npz")["first_frame"] - began_s
        alone, outlined, whole = [], [], []
        for _ in range(_TIMES):  # in turn: a machine's speed comes and goes
            alone.append(json.loads(_output(context, "-m", "tests.bench.pipeline", "detector", clip))["seconds"])
            outlined.append(json.loads(_output(context, "-m", "tests.bench.pipeline", "outlined", clip))["seconds"])
            whole.append(ask(clip, context.work / "again.npz")["seconds"])
        memory_mb = peak_mb()
    shares = [detector_s / whole_s for detector_s, whole_s in zip(alone, whole, strict=True)]
    theirs = [detector_s / whole_s for detector_s, whole_s in zip(outlined, whole, strict=True)]
    return [
        _row(f"{name}: MediaPipe's detector alone, with the outline", _FRAMES / statistics.median(outlined), "frames/s"),
        _row(f"{name}: clip to track over that", statistics.median(theirs), "", 0.9),
        _row(f"{name}: detector alone", _FRAMES / statistics.median(alone), "frames/s"),
        _row(f"{name}: clip to track", _FRAMES / statistics.median(whole), "frames/s"),
        _row(f"{name}: clip to track over the detector alone", statistics.median(shares), "", 0.9),
        _row(f"{name}: first frame after the start of a process", first_s, "s", better="lower"),
        _row(f"{name}: peak memory of the motion engine", memory_mb, "MB", 1500, "lower"),
    ]


def _detector(clip: Path, model: Path | None = None) -> dict[str, float]:
    """Seconds inside MediaPipe for all pictures of the clip; decoding and everything else waits meanwhile."""
    from lifter.clip import frames, open_clip
    from lifter.landmark_model import find_landmark_model
    from lifter.landmarker import body_landmarker

    seconds, count = 0.0, 0
    with body_landmarker(model or find_landmark_model().path) as landmarks_of:
        for timestamp_s, rgb in frames(open_clip(clip)):
            began_s = time.perf_counter()
            landmarks_of(rgb, round(timestamp_s * 1000))
            seconds, count = seconds + time.perf_counter() - began_s, count + 1
    return {"seconds": seconds, "frames": count}


def _outlined(clip: Path) -> dict[str, float]:
    """The same with the landmark network as MediaPipe's wheel has it, which draws the person's outline too."""
    from lifter.landmark_model import _write_aligned_zip, find_landmark_model

    with zipfile.ZipFile(find_landmark_model().path) as task, tempfile.TemporaryDirectory() as folder:
        members = {name: task.read(name) for name in task.namelist()}
        # What was changed lies in front of the whole model, which begins with its root's place and "TFL3".
        whole = {name: data[max(0, data.find(b"TFL3", 8) - 4) :] for name, data in members.items()}
        _write_aligned_zip(Path(folder) / "outlined.task", whole)
        return _detector(clip, Path(folder) / "outlined.task")


@contextlib.contextmanager
def _serving(context: Context) -> Iterator:
    """`python -m lifter serve`: a function that has a clip lifted and tells when its first frame and its end came, and one that
    tells the process's peak memory in MB so far."""
    command = [str(context.engine_python), "-m", "lifter", "serve", "--progress", "json"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command,
        cwd=context.root,
        env=os.environ | thread_variables(os.cpu_count() or 1),
        stdin=pipe,
        stdout=pipe,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    models = f"--models-dir={Path(os.environ['POSE3D_HOME']) / 'models'}"

    def ask(clip: Path, out: Path) -> dict[str, float]:
        began_s, first_s = time.monotonic(), 0.0
        process.stdin.write(json.dumps([str(clip), str(out), models]) + "\n")
        process.stdin.flush()
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "progress" and event["done"] and not first_s:
                first_s = time.monotonic()
            if event["event"] == "result":
                return {"first_frame": first_s, "seconds": time.monotonic() - began_s}
        raise RuntimeError(f"{clip} could not be lifted: {event}")

    try:
        yield ask, lambda: _peak_mb(process.pid)
    finally:
        process.communicate()


def _peak_mb(pid: int) -> float:
    if sys.platform != "linux":
        return float("nan")
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def _memory(context: Context, clip: Path) -> list[Row]:
    """What a longer clip costs: the peak of two lengths, and of an hour by both."""
    peaks = []
    for times in _LENGTHS:
        longer = _repeated(clip, context.work / f"times{times}.mp4", times)
        with _serving(context) as (ask, peak_mb):
            ask(longer, context.work / "length.npz")
            peaks.append(peak_mb())
    growth = (peaks[1] - peaks[0]) / ((_LENGTHS[1] - _LENGTHS[0]) * _FRAMES)
    an_hour = peaks[1] + growth * (_HOUR_FRAMES - _LENGTHS[1] * _FRAMES)
    measured = f"from {_LENGTHS[0] * _FRAMES} and {_LENGTHS[1] * _FRAMES} frames"
    return [_row(f"1080p: peak memory of the motion engine for an hour at 30 frames/s, {measured}", an_hour, "MB", 1500, "lower")]


def _long_tracks(context: Context, clip: Path) -> list[Row]:
    """Peaks of lifting and of solving alone, each in a process of its own, for an hour by what two lengths take."""
    track = context.work / "track.npz"
    with _serving(context) as (ask, _):
        ask(clip, track)
    out = []
    for stage in ("lift", "solve"):
        peaks = [json.loads(_output(context, "-m", "tests.bench.pipeline", stage, track, str(m))) for m in _MINUTES]
        growth = (peaks[1]["peak_mb"] - peaks[0]["peak_mb"]) / (peaks[1]["frames"] - peaks[0]["frames"])
        an_hour = peaks[1]["peak_mb"] + growth * (_HOUR_FRAMES - peaks[1]["frames"])
        measured = f"from {_MINUTES[0]} and {_MINUTES[1]} minutes"
        out += [
            _row(f"{stage}: peak memory for an hour at 30 frames/s, {measured}", an_hour, "MB", 1500, "lower"),
            _row(f"{stage}: speed of one thread", peaks[1]["frames"] / peaks[1]["seconds"], "frames/s"),
        ]
    return out


def _long_solves_in_blender(context: Context, track: Path) -> list[Row]:
    """The same for `retarget` as a whole: rig, solve, keys and file."""
    from lifter.track_file import read_track, write_track

    peaks = []
    for minutes in _BLENDER_MINUTES:
        path, out = context.work / f"minutes{minutes}.npz", context.work / "long.blend"
        write_track(path, _there_and_back(read_track(track), minutes * 1800))
        words = [*context.blender_command, "retarget", path, "--rig", context.work / "rig.bvh", "--out", out]
        process = subprocess.Popen([str(w) for w in words], env=context.blender_environment(), stdout=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        if status:
            raise RuntimeError(f"{minutes} minutes could not be solved")
        peaks.append(used.ru_maxrss / 1024)
    growth = (peaks[1] - peaks[0]) / (_BLENDER_MINUTES[1] - _BLENDER_MINUTES[0])
    an_hour = peaks[1] + growth * (60 - _BLENDER_MINUTES[1])
    return [
        _row(f"Blender: peak memory, {_BLENDER_MINUTES[1]} minutes to a .blend", peaks[1], "MB", 1500, "lower"),
        _row(
            f"Blender: the same for an hour, from {_BLENDER_MINUTES[0]} and {_BLENDER_MINUTES[1]} minutes",
            an_hour,
            "MB",
            1500,
            "lower",
        ),
    ]


def _there_and_back(track: Any, count: int) -> Any:
    """A track of so many frames at 30 a second: the one that there is, played forwards and backwards."""
    length = len(track.timestamps_s)
    index = np.arange(count) % (2 * length - 2)
    index = np.where(index < length, index, 2 * length - 2 - index)
    arrays = {field.name: getattr(track, field.name) for field in fields(track)}
    arrays = {name: v[index] for name, v in arrays.items() if isinstance(v, np.ndarray) and name != "background_lines_px"}
    return replace(track, **{**arrays, "timestamps_s": np.arange(count) / 30.0, "fps": 30.0})


def _peak_of(work: Callable[[], object], frames: int) -> dict[str, float]:
    began_s = time.process_time()
    work()
    return {"frames": frames, "seconds": time.process_time() - began_s, "peak_mb": _peak_mb(os.getpid())}


def _lift(path: Path, minutes: float) -> dict[str, float]:
    import torch

    from lifter.infer import lift
    from lifter.track_file import read_detection

    torch.set_num_threads(1)
    detection = _there_and_back(read_detection(path), round(minutes * 1800))
    return _peak_of(lambda: lift(detection, device="cpu"), len(detection.timestamps_s))


def _solve(path: Path, minutes: float) -> dict[str, float]:
    """Onto the tests' own rig of 25 bones; without Blender, which adds what it takes itself and the keys."""
    from blender_pose3d.core.motion import solve_motion
    from blender_pose3d.core.resample import resampled
    from blender_pose3d.core.track_io import read_track
    from tests.core import rigs

    track = _there_and_back(read_track(path), round(minutes * 1800))
    return _peak_of(lambda: resampled(solve_motion(track, rigs.build()).motion, 24.0), len(track.timestamps_s))


# ---- batches ----------------------------------------------------------------------------------------------------------------


def _workers(context: Context, clip: Path) -> list[Row]:
    """A batch by one and by two workers with a thread each, start-up included."""
    rates: dict[int, list[float]] = {1: [], 2: []}
    out: list[Row] = []
    # Rigify takes longer to make its rig than a short clip to be solved: it is made once, and read from a file.
    rig = context.work / "rig.bvh"
    _build(context, "retarget", clip, "--end", 1, "--rig", "rigify", "--out", rig)
    if (track := context.work / "track.npz").is_file() and sys.platform != "win32":
        out += _long_solves_in_blender(context, track)
    for turn in range(_BATCHES):
        for workers in rates:
            rates[workers].append(_batch_rate(context, clip, rig, context.work / f"turn{turn}workers{workers}", workers))
    for workers, seen in rates.items():
        name = f"720p: batch, {workers} worker{'s' * (workers > 1)} of one thread"
        out.append(_row(name, statistics.median(seen), "frames/s"))
    gain = statistics.median(two / one for one, two in zip(rates[1], rates[2], strict=True))
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return [
        *out,
        _row("720p: two detectors alone, side by side, over one", _side_by_side(context, clip), ""),
        _row("720p: two workers over one", gain, "", 1.7),
        _row("all of the above: peak memory of the largest process", peak_mb, "MB", 1500, "lower"),
    ]


def _batch_rate(context: Context, clip: Path, rig: Path, folder: Path, workers: int) -> float:
    """Frames a second of a batch of the clip, several times."""
    folder.mkdir()
    table = folder / "jobs.csv"
    with table.open("w", newline="", encoding="utf-8") as file:
        # Each job of each run has a start of its own, so that no track is found in the cache.
        run = random.randrange(10**6)
        writer = csv.writer(file)
        writer.writerow(["clip", "start", "out"])
        for number in range(_CLIPS_OF_A_BATCH):
            writer.writerow([clip, f"0.00{run:06}{number}", folder / f"{number}.bvh"])
    began_s = time.monotonic()
    _build(context, "batch", table, "--rig", rig, "--workers", workers, "--threads", 1)
    return _CLIPS_OF_A_BATCH * _FRAMES / (time.monotonic() - began_s)


def _side_by_side(context: Context, clip: Path) -> float:
    """What two processes that do nothing but detect do in the time of one: more than that no two workers can."""
    command = [str(context.engine_python), "-m", "tests.bench.pipeline", "detector", str(clip)]
    environment, seconds = os.environ | thread_variables(1), []
    for count in (1, 2):
        pipe = subprocess.PIPE
        running = [
            subprocess.Popen(command, cwd=context.root, stdout=pipe, stderr=subprocess.DEVNULL, env=environment)
            for _ in range(count)
        ]
        ended = [json.loads(process.communicate()[0])["seconds"] for process in running]
        seconds.append(sum(ended) / count)
    return 2 * seconds[0] / seconds[1]


def _build(context: Context, *words: object) -> None:
    blender = context.blender_command[0]
    environment = {**context.blender_environment(), "BLENDER": blender}
    command = [sys.executable, str(context.root / "build.py"), *map(str, words)]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


# ---- clips ------------------------------------------------------------------------------------------------------------------


def _repeated(clip: Path, path: Path, times: int) -> Path:
    """The clip so often, nothing of it encoded anew."""
    import av

    with av.open(str(path), "w") as container:
        stream, begins = None, 0
        for _ in range(times):
            with av.open(str(clip)) as source:
                its = source.streams.video[0]
                stream = stream or container.add_stream_from_template(its)
                packets = [packet for packet in source.demux(its) if packet.dts is not None]
                for packet in packets:
                    packet.pts, packet.dts, packet.stream = packet.pts + begins, packet.dts + begins, stream
                begins = max(packet.pts + packet.duration for packet in packets)
                container.mux(packets)
    return path


def _scaled(context: Context, path: Path, size_px: tuple[int, int]) -> Path:
    """The bundled clip as H.264 in that size, its sides continued where it is narrower; with a key frame a second, as phones
    write them.
    """
    import av
    import cv2

    width, height = size_px
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = 25
        source = cv2.VideoCapture(str(context.root / "tests" / "data" / "demo.mp4"))
        for _ in range(_FRAMES):
            ok, picture = source.read()
            if not ok:
                raise RuntimeError(f"the bundled clip has no {_FRAMES} frames")
            picture = cv2.resize(picture, (height, height), interpolation=cv2.INTER_CUBIC)
            left = (width - height) // 2
            picture = cv2.copyMakeBorder(picture, 0, 0, left, width - height - left, cv2.BORDER_REPLICATE)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    return path


def _output(context: Context, *words: str | Path) -> str:
    command = [str(context.engine_python), *map(str, words)]
    pipe = subprocess.PIPE
    return subprocess.run(command, check=True, cwd=context.root, stdout=pipe, stderr=subprocess.DEVNULL, text=True).stdout


def _row(measure: str, value: float, unit: str, goal: float | None = None, better: str = "higher") -> Row:
    return Row(measure=measure, value=value, unit=unit, goal=goal, better="lower" if better == "lower" else "higher")


def _described() -> str:
    """The machine, in words."""
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").is_file():
        found = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
        cpu = found[1] if found else cpu
    return f"{_MACHINE}{cpu}, {os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}."


def _write(rows: Sequence[Row], document: Path, name: str = "pipeline") -> None:
    """Put the rows of benchmark `name` between the document's marks. Raises ValueError where it has none."""
    lines = [_described(), "", "| measure | value | goal |", "|---|---|---|"]
    for row in rows:
        goal = "" if row["goal"] is None else f"{'at most' if row['better'] == 'lower' else 'at least'} {row['goal']:g}"
        lines.append(f"| {row['measure']} | {row['value']:.4g} {row['unit']}".rstrip() + f" | {goal} |")
    begin, end = f"<!-- bench {name} -->", f"<!-- end of bench {name} -->"
    before, found, rest = document.read_text(encoding="utf-8").partition(begin)
    _, found_end, after = rest.partition(end)
    if not found or not found_end:
        raise ValueError(f"{document} has no {begin} … {end}")
    document.write_text("\n".join([before + begin, *lines, end + after]), encoding="utf-8")


def _main(command: str, path: str, *more: str) -> None:
    if command == "write":
        _write(json.loads(Path(path).read_text(encoding="utf-8")), Path(more[0]), *more[1:])
    elif command in ("detector", "outlined"):
        print(json.dumps({"detector": _detector, "outlined": _outlined}[command](Path(path))))
    else:
        print(json.dumps({"lift": _lift, "solve": _solve}[command](Path(path), float(more[0]))))


if __name__ == "__main__":
    _main(*sys.argv[1:])
