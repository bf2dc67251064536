"""`retarget` as a user types it: inside every Blender, and outside with one of them; what it writes, and how it refuses."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import wave
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from blender_pose3d.core.track_io import read_track, write_track
from tests.blender import exact_tracks
from tests.worker.engines import ENGINE_PYTHON, HOME, MODELS

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build.py"
CHECKS = Path(__file__).with_name("rig_checks.py")
DEMO = ROOT / "tests" / "data" / "demo.mp4"
CLIPS = ROOT.parent / "shared" / "clips"
# A file in human.blend; see rig_checks.props.
PERSON = "a_pose"
SECONDS_TO_REFUSE = 30  # a few, on a machine with nothing else to do

needs_engine = pytest.mark.skipif(
    ENGINE_PYTHON is None or not any(MODELS.glob("*.task")), reason="no motion engine with a landmark model here"
)
Ended = subprocess.CompletedProcess[str]
Retarget = Callable[..., Ended]


@pytest.fixture
def environment() -> dict[str, str]:
    return {"POSE3D_ENGINE_PYTHON": str(ENGINE_PYTHON or sys.executable), "POSE3D_HOME": str(HOME)}


@pytest.fixture
def retarget(run_in_blender, environment) -> Retarget:
    """`retarget(clip, rig, out, *options)` inside this test's Blender."""

    def run(clip: Path, rig: Path | str, out: Path, *options: str | Path, timeout_s: float = 300) -> Ended:
        words = ("retarget", clip, "--rig", rig, "--out", out, *options)
        return run_in_blender(BUILD, *words, environment=environment, timeout_s=timeout_s, apart=True)

    return run


@pytest.fixture(scope="session")
def made_props(start_blender, tmp_path_factory) -> Callable[[Path], Path]:
    made: dict[Path, Path] = {}

    def make(executable: Path) -> Path:
        if executable not in made:
            folder = tmp_path_factory.mktemp("props")
            done = start_blender(executable, CHECKS, folder / "done.json", "props", folder)
            assert done.returncode == 0, done.stdout
            made[executable] = folder
        return made[executable]

    return make


@pytest.fixture
def props(made_props, blender_python) -> Path:
    """The folder of rig_checks.props, written by this test's Blender."""
    return made_props(blender_python)


@pytest.fixture(scope="session")
def track(tmp_path_factory) -> Path:
    """Two seconds at 12.5 frames a second."""
    path = tmp_path_factory.mktemp("track") / "reach.npz"
    write_track(path, exact_tracks.motion("reach", fps=12.5, seconds=2.04).track)
    return path


@pytest.fixture
def inspect(run_in_blender, tmp_path) -> Callable[[Path], dict]:
    def read(path: Path) -> dict:
        out = tmp_path / "inspected.json"
        done = run_in_blender(CHECKS, out, "inspect", tmp_path, path)
        assert done.returncode == 0, done.stdout
        return json.loads(out.read_text(encoding="utf-8"))[str(path)]

    return read


def succeeded(done: Ended, out: Path) -> None:
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    assert f"Wrote {out}" in done.stdout and out.stat().st_size > 1000
    assert [path.name for path in out.parent.glob(".*partial*")] == []


def refused(done: Ended, words: str, out: Path) -> None:
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert words in lines[0] and re.search(r"\. \S.*\.$", lines[0]), lines[0]
    assert "Traceback" not in done.stdout and done.returncode == 2, (done.returncode, done.stdout)
    assert not out.is_file() and not list(out.parent.glob(".*partial*") if out.parent.is_dir() else [])


# ---- what it writes ---------------------------------------------------------------------------------------------------------


def test_a_blend_keeps_what_it_has(retarget, props, track, inspect, tmp_path):
    rig, out, report_path = props / "human.blend", tmp_path / "out.blend", tmp_path / "report.json"
    digest = hashlib.sha256(rig.read_bytes()).hexdigest()
    succeeded(retarget(track, f"{rig}:{PERSON}", out, "--report", report_path), out)
    assert hashlib.sha256(rig.read_bytes()).hexdigest() == digest
    found = inspect(out)
    assert found["fps"] == 24, "the scene's own rate"
    assert found["armature"] == PERSON and {"Old", f"{PERSON} reach"} <= set(found["actions"])
    assert {"Widget", "posed_root", "Cube"} <= set(found["objects"])
    assert found["seconds"] == pytest.approx(2, abs=1 / 24)
    report = json.loads(report_path.read_text(encoding="utf-8"))
    assert report["preset"] == "mixamo" and report["frames"] == [1, 49] and report["track_frames"] == 26
    assert report["empty_stretches_s"] == [] and report["action"] == f"{PERSON} reach"


@pytest.mark.one_blender
@pytest.mark.parametrize("kind", [".glb", ".fbx", ".bvh"])
def test_other_formats_hold_the_one_new_action(retarget, props, track, inspect, tmp_path, kind):
    """The file has a hidden armature with more bones, and a widget that no view layer shows."""
    out = tmp_path / f"out{kind}"
    succeeded(retarget(track, f"{props / 'human.blend'}:{PERSON}", out, "--fps", "29.97"), out)
    found = inspect(out)
    assert found["finite"] and len(found["actions"]) == 1
    assert found["seconds"] == pytest.approx(2, abs=1 / 29.97)
    if kind != ".bvh":
        assert "Cube" in found["objects"], "the character's mesh comes along"
    if kind != ".glb":
        assert found["fps"] == pytest.approx(29.97, rel=1e-5)


@pytest.mark.one_blender
def test_the_root_goes_along_where_that_is_asked_for(retarget, props, tmp_path):
    track, moved_m = tmp_path / "walk.npz", {}
    write_track(track, exact_tracks.motion("walk_turn", seconds=2).track)
    for how in ("none", "path"):
        out = tmp_path / f"{how}.glb"
        succeeded(retarget(track, f"{props / 'human.blend'}:posed_root", out, "--root-motion", how), out)
        moved_m[how] = {bone: np.ptp(places_in_glb(out, bone)[:, [0, 2]], axis=0).max() for bone in ("Root", "Hips")}
    assert moved_m["none"]["Root"] < 1e-3 and moved_m["none"]["Hips"] > 0.3, moved_m
    assert moved_m["path"]["Root"] > 0.3 and moved_m["path"]["Hips"] < 0.15, moved_m


@pytest.mark.one_blender
@pytest.mark.parametrize("kind", [".fbx", ".bvh"])
def test_deform_bones_alone_where_that_is_asked_for(retarget, track, tmp_path, kind):
    """Rigify's controls and helpers are three times as many."""
    out = tmp_path / f"out{kind}"
    done = retarget(track, "rigify", out, "--deform-bones", "--action-name", "{clip} of {armature}")
    succeeded(done, out)
    if kind == ".fbx":
        assert b" of rig\0\1AnimStack" in out.read_bytes()
    assert f"Wrote {out}: 160 bones, 2.0 s" in done.stdout, done.stdout


def places_in_glb(path: Path, node: str) -> np.ndarray:
    """A node's keyed places on what it hangs on, [T, 3]."""
    data = path.read_bytes()
    length = int.from_bytes(data[12:16], "little")
    content = json.loads(data[20 : 20 + length])
    number = [one.get("name") for one in content["nodes"]].index(node)
    (animation,) = content["animations"]
    wanted = {"node": number, "path": "translation"}
    channels = [channel for channel in animation["channels"] if channel["target"] == wanted]
    if not channels:
        return np.array([content["nodes"][number].get("translation", (0, 0, 0))])
    accessor = content["accessors"][animation["samplers"][channels[0]["sampler"]]["output"]]
    view = content["bufferViews"][accessor["bufferView"]]
    start = 28 + length + view.get("byteOffset", 0) + accessor.get("byteOffset", 0)
    return np.frombuffer(data[start : start + 12 * accessor["count"]], "<f4").reshape(-1, 3)


@pytest.mark.one_blender
def test_a_hidden_armature_is_animated(retarget, props, track, inspect, tmp_path):
    out = tmp_path / "out.glb"
    succeeded(retarget(track, f"{props / 'human.blend'}:posed_root", out), out)
    assert inspect(out)["armature"] == "posed_root"


@pytest.mark.one_blender
def test_a_result_can_be_the_next_rig(retarget, props, track, inspect, tmp_path):
    rig = f"{props / 'human.blend'}:{PERSON}"
    for kind in (".glb", ".fbx", ".bvh"):
        out, again = tmp_path / f"out{kind}", tmp_path / f"again{kind}"
        succeeded(retarget(track, rig, out), out)
        succeeded(retarget(track, out, again, "--start", "0.47", "--end", "1.53"), again)
        found = inspect(again)
        assert found["seconds"] == pytest.approx(1.04, abs=0.01) and len(found["actions"]) == 1, kind


@pytest.mark.one_blender
def test_empty_stretches_are_reported(retarget, props, tmp_path):
    whole = exact_tracks.motion("reach", fps=10, seconds=3.05).track
    detected = np.ones(whole.frame_count, bool)
    detected[8:13] = detected[-1] = False
    seen = {
        "confidence": whole.confidence * detected[:, None],
        "landmark_confidence": whole.landmark_confidence * detected[:, None],
    }
    for name in ("landmarks_px", "world_landmarks_m"):
        seen[name] = np.where(detected[:, None, None], getattr(whole, name), np.nan).astype(np.float32)
    seen = {name: value.astype(np.float32) for name, value in seen.items()}
    clip, out, report = tmp_path / "gaps.npz", tmp_path / "out.bvh", tmp_path / "report.json"
    write_track(clip, replace(whole, detected=detected, **seen))
    done = retarget(clip, props / "human.blend", out, "--report", report)
    succeeded(done, out)
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["empty_stretches_s"] == [[0.8, 1.2], [3.0, 3.0]] and told["detected_frames"] == 25
    assert "warning: Nobody was found at 0.8 to 1.2 s" in done.stderr


@pytest.mark.one_blender
def test_outside_blender(environment, blender_python, props, track, tmp_path):
    def run(*words: str | Path) -> Ended:
        variables = os.environ | environment | {"BLENDER": str(blender_python)}
        return subprocess.run(
            [sys.executable, BUILD, "retarget", *words], env=variables, capture_output=True, text=True, check=False
        )

    out = tmp_path / "out.glb"
    succeeded(run(track, "--rig", f"{props / 'human.blend'}:{PERSON}", "--out", out), out)
    out = tmp_path / "never.glb"
    refused(run(tmp_path / "none.mp4", "--rig", props / "human.blend", "--out", out), "There is no clip", out)
    refused(run(track, "--rig", props / "two_bones.blend", "--out", out), "No bone of the armature is the", out)
    refused(run(track, "--rig", props / "cube.glb", "--out", out), "has no armature", out)


# ---- real clips -------------------------------------------------------------------------------------------------------------


@needs_engine
def test_the_same_command_gives_the_same_result_everywhere(blender_pythons, start_blender, made_props, environment, tmp_path):
    """A real track as a BVH, whose numbers are angles in degrees and metres. The motion engine runs once, beside the Blenders: a
    Blender in a container of its own (a snap, a flatpak) may lack the libraries that it needs."""
    if len(blender_pythons) < 2:
        pytest.skip("there is only one Blender")
    lifted = tmp_path / "lifted.npz"
    words = [ENGINE_PYTHON, BUILD, "lifter", "infer", DEMO, lifted, "--start", "3", "--end", "4"]
    subprocess.run(words, env=os.environ | environment, check=True, capture_output=True)
    rig = f"{made_props(blender_pythons[0])}/human.blend:{PERSON}"
    motions = []
    for number, executable in enumerate(blender_pythons):
        out = tmp_path / f"{number}.bvh"
        words = ("retarget", lifted, "--rig", rig, "--out", out)
        succeeded(start_blender(executable, BUILD, *words, environment=environment, apart=True), out)
        rows = out.read_text(encoding="utf-8").split("Frame Time:")[1].splitlines()[1:]
        motions.append(np.array([[float(value) for value in row.split()] for row in rows]))
    assert np.ptp(motions[0], axis=0).max() > 10, "the person moves"
    for other in motions[1:]:
        assert np.abs(other - motions[0]).max() <= np.degrees(1e-4)


@needs_engine
@pytest.mark.one_blender
def test_the_add_on_can_go_on_with_a_clips_result(retarget, run_in_blender, environment, props, tmp_path):
    """Solve Contacts Again, the clip's camera and the skeleton need the track, which lasts longer than the run."""
    home, out, results = tmp_path / "home", tmp_path / "out.blend", tmp_path / "results.json"
    shutil.copytree(MODELS, home / "models")
    environment["POSE3D_HOME"] = str(home)
    rig = f"{props / 'human.blend'}:{PERSON}"
    succeeded(retarget(DEMO, rig, out, "--start", "3", "--end", "4"), out)
    done = run_in_blender(CHECKS, results, "solved_again", f"{out}:{PERSON}")
    assert done.returncode == 0, done.stdout
    found = json.loads(results.read_text(encoding="utf-8"))
    (kept,) = (home / "cache" / "tracks").glob("*")
    assert Path(found["track"]) == kept and kept.name.startswith("demo-") and found["frames"] == read_track(kept).frame_count
    assert found["action"] != f"{PERSON} demo" and found["action"].startswith(f"{PERSON} demo")
    succeeded(retarget(DEMO, rig, tmp_path / "out.glb", "--start", "3", "--end", "3.5"), tmp_path / "out.glb")
    assert list((home / "cache" / "tracks").glob("*")) == [kept], "a file that no add-on goes on with needs none"


@pytest.mark.one_blender
def test_a_part_of_a_track_is_remembered_as_that_part(retarget, run_in_blender, environment, props, track, tmp_path):
    home, out, results = tmp_path / "home", tmp_path / "out.blend", tmp_path / "results.json"
    environment["POSE3D_HOME"] = str(home)
    succeeded(retarget(track, f"{props / 'human.blend'}:{PERSON}", out, "--start", "0.5", "--end", "1.5"), out)
    done = run_in_blender(CHECKS, results, "solved_again", f"{out}:{PERSON}")
    assert done.returncode == 0, done.stdout
    found = json.loads(results.read_text(encoding="utf-8"))
    kept = read_track(Path(found["track"]))
    assert found["frames"] == kept.frame_count == 12 and 0.45 < kept.timestamps_s[0] < 0.6


@pytest.mark.one_blender
def test_a_clip_may_have_as_long_a_name_as_there_is(retarget, environment, props, track, tmp_path):
    home, out = tmp_path / "home", tmp_path / "out.blend"
    environment["POSE3D_HOME"] = str(home)
    clip = tmp_path / f"{'動' * 83}.npz"
    shutil.copy(track, clip)
    succeeded(retarget(clip, f"{props / 'human.blend'}:{PERSON}", out, "--start", "0.5", "--end", "1.5"), out)
    (kept,) = (home / "cache" / "tracks").glob("*")
    assert kept.name.startswith("動動") and read_track(kept).frame_count == 12
    out, report = clip.with_suffix(".glb"), clip.with_name(f"{'動' * 82}.json")
    succeeded(retarget(clip, f"{props / 'human.blend'}:{PERSON}", out, "--report", report), out)
    assert report.is_file() and report.with_suffix(".html").is_file()


@pytest.mark.one_blender
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is a folder that nobody can write to")
def test_without_room_for_tracks_the_result_is_written_all_the_same(retarget, environment, props, track, tmp_path):
    home, out = tmp_path / "home", tmp_path / "out.blend"
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "tracks").symlink_to("/proc")
    environment["POSE3D_HOME"] = str(home)
    succeeded(retarget(track, f"{props / 'human.blend'}:{PERSON}", out, "--end", "1"), out)


@needs_engine
@pytest.mark.slow
@pytest.mark.one_blender
@pytest.mark.parametrize(
    ("clip", "seconds", "kind", "options"),
    [
        ("walk-sit-stand.mp4", 186 / 20, ".fbx", ()),
        ("squats-5fps.mp4", 64 / 5, ".glb", ("--fps", "24")),
        ("people-one-by-one.mp4", 1393 / 10, ".blend", ()),
    ],
)
def test_real_clips(retarget, props, inspect, tmp_path, clip, seconds, kind, options):
    if not CLIPS.is_dir():
        pytest.skip(f"no clips in {CLIPS}")
    out, report_path = tmp_path / f"out{kind}", tmp_path / "report.json"
    done = retarget(CLIPS / clip, f"{props / 'human.blend'}:{PERSON}", out, "--report", report_path, *options, timeout_s=850)
    succeeded(done, out)
    report, found = json.loads(report_path.read_text(encoding="utf-8")), inspect(out)
    assert found["finite"]
    assert found["seconds"] == pytest.approx(seconds, abs=1 / 24 if kind != ".fbx" else 1 / 20)
    # On the ground, or as far above it as a person jumps or a sitting one lifts the feet; never below it.
    low, high = found["ankle_m"]
    assert low > -0.1 and high < 0.6, found["ankle_m"]
    assert found["travelled_m"] < 15
    stretches = report["empty_stretches_s"]
    if clip.startswith("people"):
        assert len(stretches) >= 2 and report["detected_frames"] < report["track_frames"] == 1394
        assert all(0 <= a <= b <= seconds + 0.1 for a, b in stretches) and all(b < a for (_, b), (a, _) in pairwise(stretches))
        assert "warning: Nobody was found at" in done.stderr
    else:
        assert report["detected_frames"] > 0.8 * report["track_frames"]


@needs_engine
@pytest.mark.one_blender
@pytest.mark.skipif(sys.platform == "win32", reason="has no process groups that a signal reaches")
def test_it_is_stopped_as_a_batch_is(environment, blender_python, props, tmp_path):
    """Ctrl-C, which a terminal sends to the whole group."""
    words = [sys.executable, BUILD, "retarget", DEMO, "--rig", f"{props / 'human.blend'}:{PERSON}", "--out", tmp_path / "o.glb"]
    pipe, variables = subprocess.PIPE, os.environ | environment | {"BLENDER": str(blender_python)}
    process = subprocess.Popen(words, env=variables, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    assert process.stdout is not None
    assert any(line.startswith("detect: ") for line in process.stdout)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.splitlines()[-1] == "Stopped." and "Traceback" not in errors, errors
    assert list(tmp_path.glob(".*")) == [] and not (tmp_path / "o.glb").exists()


# ---- refusals ---------------------------------------------------------------------------------------------------------------


def _grey(path: Path) -> None:
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 25, (320, 240))
    for _ in range(12):
        film.write(np.full((240, 320, 3), 128, np.uint8))
    film.release()


def _wav(path: Path) -> None:
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(16000))


def _m4a(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)


CLIP_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.mp4": (lambda path: path.write_bytes(b""), "is empty"),
    "truncated.mp4": (lambda path: path.write_bytes(DEMO.read_bytes()[:150_000]), "is truncated"),
    "text.mp4": (lambda path: path.write_text("this is not a clip\n" * 100), "is not a video"),
    "sound.wav": (_wav, "has no video track"),
    "sound.m4a": (_m4a, "has no video track"),
    "grey.mp4": (_grey, "No person was found"),
}


@needs_engine
@pytest.mark.one_blender
@pytest.mark.timeout(3 * SECONDS_TO_REFUSE)
@pytest.mark.parametrize("name", CLIP_FAULTS)
def test_bad_clips(retarget, props, tmp_path, name):
    make, words = CLIP_FAULTS[name]
    clip, out = tmp_path / name, tmp_path / "out.glb"
    make(clip)
    refused(retarget(clip, props / "human.blend", out, timeout_s=SECONDS_TO_REFUSE), words, out)


@needs_engine
@pytest.mark.one_blender
def test_a_start_beyond_the_end(retarget, props, track, tmp_path):
    out = tmp_path / "out.glb"
    done = retarget(DEMO, props / "human.blend", out, "--start", "99", timeout_s=SECONDS_TO_REFUSE)
    refused(done, "The start, 99 s, is past the end", out)
    refused(retarget(track, props / "human.blend", out, "--start", "99"), "has no frame in that range", out)


RIG_FAULTS = {
    "none.glb": (None, "There is no rig file"),
    "none.xyz": (b"x", "is not a rig file"),
    "cube.glb": (None, "has no armature"),
    "cube.fbx": (None, "has no armature"),
    "cube.blend": (None, "has no armature"),
    "two_bones.blend": (None, "No bone of the armature is the hips"),
    "human.blend:Nobody": (None, "has no armature called 'Nobody'"),
    **{f"junk.{kind}": (b"junk\n" * 100, "Blender cannot read") for kind in ("glb", "gltf", "fbx", "blend", "bvh")},
    **{f"empty.{kind}": (b"", "Blender cannot read") for kind in ("glb", "fbx", "blend", "bvh")},
}


def refuse_rigs(retarget: Retarget, props: Path, track: Path, out: Path, names: Iterable[str]) -> None:
    for name in names:
        content, words = RIG_FAULTS[name]
        if content is not None:
            (props / name).write_bytes(content)
        refused(retarget(track, props / name, out, timeout_s=SECONDS_TO_REFUSE), words, out)


def test_bad_rigs_in_every_blender(retarget, props, track, tmp_path):
    refuse_rigs(retarget, props, track, tmp_path / "out.glb", ("cube.glb", "two_bones.blend", "junk.bvh"))


@pytest.mark.one_blender
def test_bad_rigs(retarget, props, track, tmp_path):
    refuse_rigs(retarget, props, track, tmp_path / "out.glb", RIG_FAULTS)


@pytest.mark.one_blender
def test_cut_off_rigs(retarget, props, track, tmp_path):
    """The first two thirds of a good file of each kind."""
    out = tmp_path / "out.blend"
    for kind in (".blend", ".glb", ".fbx", ".bvh"):
        good, cut = tmp_path / f"good{kind}", tmp_path / f"cut{kind}"
        succeeded(retarget(track, f"{props / 'human.blend'}:{PERSON}", good), good)
        cut.write_bytes(good.read_bytes()[: good.stat().st_size * (1 if kind == ".bvh" else 2) // (8 if kind == ".bvh" else 3)])
        refused(retarget(track, cut, out), "Blender cannot read", out)


OPTION_FAULTS = {
    "unknown preset": (("--preset", "nobody"), "There is no preset 'nobody'"),
    "preset of no file's length": (("--preset", "x" * 300), "There is no preset 'xxx"),
    "preset that is not there": (("--preset", "{folder}/none.json"), "Cannot read the preset"),
    "broken preset": (("--preset", "{folder}/broken.json"), "The preset broken.json cannot be used"),
    "preset for another rig": (("--preset", "kaykit"), "No bone of the armature is the"),
    "negative fps": (("--fps", "-5"), "-5 is no frame rate"),
    "no fps": (("--fps", "fast"), "--fps"),
    "an endless fps": (("--fps", "nan"), "is no frame rate"),
    "unknown option": (("--speed", "2"), "--speed"),
    "a model for a track": (("--model", "atcn-27"), "is lifted already"),
    "a report that cannot be": (("--report", "{folder}/none/report.json"), "There is no folder"),
}


@pytest.mark.one_blender
def test_bad_options(retarget, props, track, tmp_path):
    (tmp_path / "broken.json").write_text('{"format_version": 1, "bones": {', encoding="utf-8")
    out = tmp_path / "out.glb"
    for name, (options, words) in OPTION_FAULTS.items():
        done = retarget(track, props / "human.blend", out, *(word.format(folder=tmp_path) for word in options))
        assert done.returncode == 2, name
        refused(done, words, out)


@pytest.mark.one_blender
def test_bad_outputs_and_clips(retarget, props, track, tmp_path):
    rig = props / "human.blend"
    afile = tmp_path / "file"
    afile.write_text("not a folder", encoding="utf-8")
    damaged = tmp_path / "damaged.npz"
    damaged.write_bytes(track.read_bytes()[:-500])
    cases = [
        (track, tmp_path / "out.xyz", "Pose3D cannot write out.xyz"),
        (track, tmp_path / "none" / "out.glb", "There is no folder"),
        (track, afile / "out.glb", "There is no folder"),
        (tmp_path / "none.mp4", tmp_path / "out.glb", "There is no clip"),
        (tmp_path, tmp_path / "out.glb", "is a folder, not a clip"),
        (damaged, tmp_path / "out.glb", "The track file damaged.npz cannot be used"),
    ]
    if Path("/proc").is_dir():
        cases.append((track, Path("/proc/out.glb"), "cannot be written"))
    for clip, out, words in cases:
        refused(retarget(clip, rig, out, timeout_s=SECONDS_TO_REFUSE), words, out)
    refused(retarget(track, rig, tmp_path / f"{'動' * 90}.glb"), "動.glb cannot be written", tmp_path / "out.glb")


@pytest.mark.one_blender
def test_the_rig_is_not_overwritten(retarget, props, track):
    rig = props / "human.blend"
    digest = hashlib.sha256(rig.read_bytes()).hexdigest()
    done = retarget(track, rig, rig)
    assert done.returncode == 2 and "is the rig itself" in done.stderr and len(done.stderr.splitlines()) == 1
    assert hashlib.sha256(rig.read_bytes()).hexdigest() == digest


@pytest.mark.one_blender
def test_nothing_that_is_read_is_overwritten(retarget, run_in_blender, environment, props, track, tmp_path):
    rig, take, preset = props / "human.blend", tmp_path / "take.bvh", tmp_path / "bones.json"
    clip, linked = tmp_path / "clip.npz", tmp_path / "linked.bvh"
    succeeded(retarget(track, f"{rig}:{PERSON}", take), take)
    shutil.copy(track, clip)
    shutil.copy(ROOT / "rigs" / "mixamo.json", preset)
    os.link(take, linked)
    read = {path: path.read_bytes() for path in (rig, take, preset, clip)}
    new, person = tmp_path / "new.glb", f"{rig}:{PERSON}"
    cases = [
        ((clip, "--rig", rig, "--out", new, "--report", clip), "clip.npz is the clip itself"),
        ((clip, "--rig", person, "--out", new, "--report", rig), "human.blend is the rig itself"),
        ((clip, "--rig", person, "--out", new, "--preset", preset, "--report", preset), "bones.json is the preset itself"),
        ((clip, "--rig", person, "--out", new, "--report", new), "new.glb would be both the result and the report"),
        (("--source", take, "--rig", "rigify", "--out", take), "take.bvh is the source itself"),
        (("--source", take, "--rig", "rigify", "--out", linked), "linked.bvh is the source itself"),
        (("--source", person, "--rig", "rigify", "--out", rig), "human.blend is the source itself"),
    ]
    for words, says in cases:
        refused(run_in_blender(BUILD, "retarget", *words, environment=environment, apart=True), says, new)
        assert {path: path.read_bytes() for path in read} == read, says


@pytest.mark.one_blender
def test_what_the_rig_is_linked_from_is_not_overwritten(retarget, run_in_blender, track, tmp_path):
    assert run_in_blender(CHECKS, tmp_path / "done.json", "linked", tmp_path, "1.0").returncode == 0
    shot, character = tmp_path / "shot.blend", tmp_path / "character.blend"
    before, new = character.read_bytes(), tmp_path / "new.bvh"
    says = "character.blend is a file that the rig has parts in"
    refused(retarget(track, shot, character), says, new)
    assert character.read_bytes() == before
