"""`python -m lifter` as a process of its own: what it prints where, its exit codes, and what it leaves behind."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from lifter.landmark_model import LandmarkModel
from lifter.track_file import Pose2DTrack, read_detection, write_detection

from .conftest import REPOSITORY, SHARED_CLIPS, write_clip, write_sound

ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY)}


def run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lifter", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=ENVIRONMENT, **options)


def events(stdout: str) -> list[dict[str, Any]]:
    """Every line of stdout, each of which must be a JSON object."""
    return [json.loads(line) for line in stdout.splitlines()]


def test_a_clip_of_several_shots_is_told_of(made_model: LandmarkModel, tmp_path: Path) -> None:
    """The bundled clip, and from its middle on turned over and nearer, as another camera might have it; no part has a cut."""
    clip, source = tmp_path / "shots.mp4", cv2.VideoCapture(str(REPOSITORY / "tests" / "data" / "demo.mp4"))
    writer = cv2.VideoWriter(str(clip), cv2.VideoWriter.fourcc(*"mp4v"), 25, (400, 400))
    for number in range(60):
        picture = source.read()[1]
        writer.write(picture if number < 30 else cv2.resize(picture[40:360, 319::-1], (400, 400)))
    writer.release()
    parts = [((), True), (("--end", "1.1"), False), (("--start", "1.3"), False)]
    # As a player shows it, even where the motion is faster.
    parts += [(("--filmed-fps", "50"), True), (("--filmed-fps", "50", "--end", "1.1"), False)]
    for part, cuts in parts:
        done = run("detect", clip, tmp_path / "out.npz", "--progress", "json", *part)
        said = [event["message"] for event in events(done.stdout) if event["event"] == "warning"]
        assert any("is cut at 1.20 s" in line for line in said) == any("is cut" in line for line in said) == cuts, (part, said)
        assert ("cuts_s" in read_detection(tmp_path / "out.npz").provenance) == cuts


def test_slow_motion_is_found_at_true_speed(made_model: LandmarkModel, tmp_path: Path) -> None:
    """The bundled clip as a phone stamps what it took at 100 pictures a second: the same in a quarter of the time."""
    demo, slow = REPOSITORY / "tests" / "data" / "demo.mp4", tmp_path / "slow.mp4"
    with av.open(str(demo)) as source, av.open(str(slow), "w", options={"movflags": "use_metadata_tags"}) as clip:
        clip.metadata["com.android.capture.fps"] = "100.000000"
        stream = clip.add_stream_from_template(source.streams.video[0])
        for packet in itertools.islice(source.demux(video=0), 40):
            packet.stream = stream
            clip.mux(packet)

    def detected(clip: Path, *words: str) -> tuple[Pose2DTrack, list[str]]:
        done = run("detect", clip, tmp_path / "out.npz", "--progress", "json", *words)
        assert done.returncode == 0, done.stderr
        said = [event["message"] for event in events(done.stdout) if event["event"] == "warning"]
        return read_detection(tmp_path / "out.npz"), said

    (played, plain), (true, told) = detected(slow, "--as-played"), detected(slow)
    assert (played.fps, true.fps) == (25, 100) and len(true.timestamps_s) == len(played.timestamps_s) >= 36
    np.testing.assert_allclose(true.timestamps_s, played.timestamps_s / 4, atol=1e-9)
    off = np.linalg.norm(true.landmarks_px - played.landmarks_px, axis=-1)
    assert np.nanmedian(off) < 1, "but for the detector's smoothing, which goes by time"
    assert true.provenance["clip"]["slowdown"] == 4 and "slowdown" not in played.provenance["clip"]
    assert true.provenance["people"]["found"][0]["end_s"] == played.provenance["people"]["found"][0]["end_s"]
    assert [line for line in told if line not in plain] == [
        "The clip is slow motion: the motion is at true speed, 4 times as fast as the clip plays "
        "(--as-played, or Speed: As It Plays, leaves it slow)."
    ]
    part, _ = detected(slow, "--start", "0.4", "--end", "1.2")
    np.testing.assert_allclose(part.timestamps_s, np.arange(10, 31) / 100, atol=1e-6)
    refused = run("detect", slow, tmp_path / "out.npz", "--as-played", "--filmed-fps", "100")
    assert refused.returncode == 2 and "speed was given twice" in refused.stderr


def test_detect_speaks_json(person_clip: Path, made_model: LandmarkModel, tmp_path: Path) -> None:
    done = run("detect", person_clip, tmp_path / "out.npz", "--progress", "json", "--end", "2")
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr  # the native libraries' chatter is the log
    first, *middle, last = events(done.stdout)
    assert first == {"event": "start", "protocol": 1, "command": "detect", "stages": ["detect"]}
    assert {event["event"] for event in middle} == {"progress"}
    assert all(event["stage"] == "detect" for event in middle)
    counts = [event["done"] for event in middle]
    assert counts == sorted(counts)
    track = read_detection(tmp_path / "out.npz")
    assert counts[-1] == len(track.timestamps_s)
    assert last["event"] == "result" and last["output"] == str(tmp_path / "out.npz")
    assert last["summary"]["frames"] == len(track.timestamps_s)
    assert last["summary"]["detected_frames"] == track.detected.sum() > 0
    assert last["summary"]["seconds"]["total"] > 0
    settings = track.provenance["settings"]
    assert (settings["start_s"], settings["end_s"], settings["sample_fps"]) == (0.0, 2.0, None)
    assert track.provenance["clip"]["name"] == person_clip.name
    assert [p.name for p in tmp_path.iterdir()] == ["out.npz"]


def test_detect_for_a_person(person_clip: Path, made_model: LandmarkModel, tmp_path: Path) -> None:
    done = run("detect", person_clip, tmp_path / "out.npz", "--end", "1", "--fps", "5")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "out.npz")) and "detected_frames" in done.stdout
    # None of MediaPipe's chatter.
    assert all(line.startswith("detect: ") for line in done.stderr.splitlines())
    bar = run("detect", person_clip, tmp_path / "out.npz", "--end", "1", "--fps", "5", "--progress=bar")
    assert bar.returncode == 0 and "detect: 100%" in bar.stderr
    times_s = read_detection(tmp_path / "out.npz").timestamps_s
    assert len(times_s) in (5, 6)


def _bad_command_lines(folder: Path, person_clip: Path) -> dict[str, tuple[list[object], str]]:
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "text.npz").write_text("no track")
    (folder / "file").write_text("")
    whole = write_clip(folder / "whole.mp4", [i * 40 for i in range(200)]).read_bytes()
    (folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
    write_sound(folder / "sound.mp4")
    write_clip(folder / "nobody.mp4", [i * 40 for i in range(20)])
    out = folder / "out.npz"
    clip = person_clip
    return {
        "missing": (["detect", folder / "none.mp4", out], "There is no file"),
        "empty": (["detect", folder / "empty.mp4", out], "is empty"),
        "a folder": (["detect", folder, out], "is a folder"),
        "truncated": (["detect", folder / "half.mp4", out], "is truncated"),
        "sound only": (["detect", folder / "sound.mp4", out], "only sound"),
        "no person": (["detect", folder / "nobody.mp4", out], "No person was found"),
        "past the end": (["detect", clip, out, "--start", "99999"], "past the end"),
        "negative": (["detect", clip, out, "--start", "-1"], "is not a time"),
        "no rate": (["detect", clip, out, "--fps", "0"], "frames a second"),
        "no number": (["detect", clip, out, "--start", "soon"], "invalid float"),
        "unwritable": (["detect", clip, folder / "file" / "out.npz"], "Cannot write"),
        "onto a folder": (["detect", clip, _folder(folder / "a.npz")], "is a folder"),
        "swapped": (["detect", out, clip], "not called .npz"),
        "no model": (["detect", clip, out, "--landmark-model", folder / "none.task"], "no pose model file"),
        "not a model": (["detect", clip, out, "--landmark-model", folder / "text.npz"], "not a MediaPipe .task"),
        "infer, empty": (["infer", folder / "empty.mp4", out], "is empty"),
        "infer, no lens": (["infer", clip, out, "--focal-px", "-5"], "no focal length"),
        "lift, missing": (["lift", folder / "none.npz", out], "There is no track file"),
        "lift, text": (["lift", folder / "text.npz", out], "not a track file"),
        "no command": ([], "required"),
        "unknown command": (["fly"], "invalid choice"),
        "unknown option": (["detect", clip, out, "--speed", "9"], "Unrecognized"),
        "too few": (["detect", clip], "required"),
    }


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_bad_input_is_one_sentence_and_exit_code_2(person_clip: Path, made_model: LandmarkModel, tmp_path: Path) -> None:
    lines = _bad_command_lines(tmp_path, person_clip)
    before = sorted(tmp_path.iterdir())
    for name, (arguments, sentence) in lines.items():
        began_s = time.monotonic()
        done = run(*arguments)
        assert time.monotonic() - began_s < 30, name
        assert done.returncode == 2, (name, done)
        assert done.stdout == "", (name, done)
        # A slow machine may have said how far it was before.
        *progress, error = done.stderr.splitlines()
        assert error.startswith("error: ") and sentence in error, (name, done.stderr)
        assert all(line.startswith("detect: ") for line in progress), (name, done.stderr)
        if name not in ("missing", "no person", "no rate", "infer, empty", "unknown command", "too few"):
            continue
        spoken = run(*arguments, "--progress", "json")
        assert spoken.returncode == 2 and "Traceback" not in spoken.stderr, (name, spoken)
        last = events(spoken.stdout)[-1]
        assert last["event"] == "error" and sentence in last["message"] and last["hint"], (name, last)
    assert sorted(tmp_path.iterdir()) == before


def test_model_file_and_version(made_model: LandmarkModel) -> None:
    done = run("model-file", "--progress", "json")
    assert events(done.stdout)[-1] == {
        "event": "result",
        "output": str(made_model.path),
        "summary": {"sha256": made_model.sha256},
    }
    assert run("--version").stdout.strip().count(".") == 2


def test_models_lists_every_network() -> None:
    pytest.importorskip("torch")
    rows = events(run("models", "--progress", "json").stdout)[-1]["summary"]["models"]
    assert rows and all(row["parameters"] > 0 and row["receptive_field"] > 0 and row["macs_per_frame"] > 0 for row in rows)
    table = run("models")
    assert table.returncode == 0
    assert all(row["name"] in table.stdout and f"{row['parameters']:,}" in table.stdout for row in rows)


def test_a_crash_in_native_code_leaves_the_end_of_its_log(tmp_path: Path) -> None:
    """Written past Python's sys.stderr, as C++ does, and then SIGABRT: whoever asked for JSON sees it on stderr."""
    crash = "import os; from lifter import cli; cli._models = lambda *_: (os.write(2, b'CHECK failed'), os.abort()); cli.main()"
    command = [sys.executable, "-c", crash, "models", "--progress", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT)
    assert done.returncode != 0 and "CHECK failed" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
@pytest.mark.skipif(not SHARED_CLIPS.is_dir(), reason="needs a clip that takes a while")
@pytest.mark.parametrize(("name", "after_frames", "within_s"), [("detect", 10, 5), ("infer", 0, 15)])  # while torch is loaded
def test_ending_the_process_is_prompt_and_leaves_nothing(
    name: str, after_frames: int, within_s: float, made_model: LandmarkModel, tmp_path: Path
) -> None:
    clip = SHARED_CLIPS / "people-one-by-one.mp4"
    command = [sys.executable, "-m", "lifter", name, str(clip), str(tmp_path / "out.npz"), "--progress", "json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            event = json.loads(line)
            if event["event"] == "progress" and event["done"] > after_frames:
                break
        process.send_signal(signal.SIGTERM)
        began_s = time.monotonic()
        assert process.wait(timeout=20) == 128 + signal.SIGTERM
        assert time.monotonic() - began_s < within_s
        assert "Traceback" not in process.stderr.read()
    assert list(tmp_path.iterdir()) == []


def test_a_bug_shows_its_traceback_and_exit_code_1(tmp_path: Path, person_clip: Path) -> None:
    # A broken installation: a module of the lifter that does not import.
    broken = tmp_path / "lifter"
    broken.mkdir()
    for source in (REPOSITORY / "lifter").glob("*.py"):
        (broken / source.name).write_bytes(source.read_bytes())
    (broken / "clip.py").write_text("raise KeyError('a bug')\n")
    command = [sys.executable, "-m", "lifter", "detect", str(person_clip), str(tmp_path / "out.npz")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, env={**os.environ, "PYTHONPATH": ""})
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "a bug" in done.stderr


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_detection_and_bad_input_do_not_wait_for_torch() -> None:
    code = "import sys, lifter.cli, lifter.detect, lifter.track_file; print(sorted({'torch', 'mediapipe'} & set(sys.modules)))"
    assert _python(code) == "[]"


def test_mediapipe_comes_without_what_it_draws_and_records_with() -> None:
    loaded = "sorted(name for name in sys.modules if name.split('.')[0] in ('matplotlib', 'sounddevice'))"
    assert _python(f"import sys, lifter.mediapipe_tasks; print({loaded})") == "[]"


def test_who_draws_gets_matplotlib_all_the_same() -> None:
    lines = [
        "import lifter.mediapipe_tasks",
        "from mediapipe.tasks.python.vision import drawing_utils",
        "assert drawing_utils.plt.Figure.__name__ == 'Figure'",
        "import matplotlib.pyplot",
        "print(matplotlib.pyplot.Figure is drawing_utils.plt.Figure)",
    ]
    assert _python("\n".join(lines)) == "True"


def test_a_module_put_off_is_there_as_soon_as_it_is_used() -> None:
    lines = [
        "import sys",
        "from lifter.mediapipe_tasks import later",
        "with later('wave', 'wsgiref', 'wsgiref.util'):",
        "    import wave, wsgiref.util as util",
        "    assert {type(wave).__name__, type(util).__name__} == {'_Later'}",
        "    assert util.FileWrapper and wave.Error",
        "import wsgiref.util",
        "print(wsgiref.util.FileWrapper is util.FileWrapper, sys.modules['wsgiref'] is wsgiref)",
    ]
    assert _python("\n".join(lines)) == "True True"


def test_the_network_is_loaded_without_torchs_compiler() -> None:
    assert _python("import sys, lifter.infer; lifter.infer.load(); print('torch._dynamo' in sys.modules)") == "False"


def test_torch_is_loaded_while_the_detector_works(person_clip: Path, made_model: LandmarkModel, tmp_path: Path) -> None:
    code = (
        "import sys, threading, lifter.cli as cli\n"
        "run = cli._run_detect\n"
        "def watched(*a, **k):\n"
        "    found = run(*a, **k)\n"
        "    print('loading:', 'torch' in sys.modules or any(t.name == 'loading' for t in threading.enumerate()))\n"
        "    return found\n"
        "cli._run_detect = watched\n"
        f"sys.exit(cli.main(['infer', {str(person_clip)!r}, {str(tmp_path / 'a.npz')!r}, '--end', '1', '--progress', 'json']))"
    )
    environment = {**ENVIRONMENT, "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0 and "loading: True" in done.stdout, (done.stdout, done.stderr)


def test_infer_and_lift_agree(person_clip: Path, made_model: LandmarkModel, tmp_path: Path) -> None:
    pytest.importorskip("lifter.infer")
    from lifter.track_file import read_track

    inferred = run("infer", person_clip, tmp_path / "a.npz", "--end", "2", "--progress", "json")
    assert inferred.returncode == 0, (inferred.stdout, inferred.stderr)
    spoken = events(inferred.stdout)
    assert spoken[0]["stages"] == ["detect", "lift"]
    assert {event.get("stage") for event in spoken[1:-1]} == {"detect", "lift"}
    assert set(spoken[-1]["summary"]["seconds"]) == {"detect", "lift", "total"}
    track = read_track(tmp_path / "a.npz")
    assert {"lifter", "mediapipe", "torch", "numpy"} <= set(track.provenance["versions"])
    assert track.provenance["clip"]["name"] == person_clip.name
    write_detection(tmp_path / "detection.npz", read_detection(tmp_path / "a.npz"))
    lifted = run("lift", tmp_path / "detection.npz", tmp_path / "b.npz")
    assert lifted.returncode == 0, lifted.stderr
    again = read_track(tmp_path / "b.npz")
    assert abs(again.positions_m - track.positions_m).max() < 1e-4
