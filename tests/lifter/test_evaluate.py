"""Evaluation: what is put into the tables is what was wrong, by joint, motion, view and frame; bad input is said."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from lifter import evaluate
from lifter.bias import VIEWS, signed_errors, views
from lifter.checkpoint import save_model
from lifter.errors import LifterError
from lifter.evaluate import Compared, filmed, frame_measures, measure, measure_bias
from lifter.joints import INDEX, JOINT_NAMES, LANDMARK_MIRROR, LIMB_JOINT_NAMES, MIRROR
from lifter.metrics import mpjve
from lifter.models import build
from lifter.track_file import write_track
from tests.bench.__main__ import check
from tests.bench.lifter import mocap_rows, pair_rows
from tests.lifter import archives, benchmarks

LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]
FRAMES = 9


def standing() -> np.ndarray:
    """A person who faces the camera from 4 m, knees and elbows bent by some degrees: [17, 3], camera axes."""
    half = {"hip": 0.1, "knee": 0.1, "ankle": 0.1, "shoulder": 0.18, "elbow": 0.2, "wrist": 0.2}
    up = {"hip": 0.0, "knee": -0.42, "ankle": -0.82, "shoulder": 0.5, "elbow": 0.22, "wrist": -0.02}
    forward = {"hip": 0.0, "knee": 0.08, "ankle": 0.0, "shoulder": 0.0, "elbow": -0.05, "wrist": 0.05}
    place = {"pelvis": (0, 0, 0), "spine": (0, 0.25, 0), "thorax": (0, 0.5, 0), "nose": (0, 0.7, 0.1), "head_top": (0, 0.9, 0)}
    for side, sign in (("left", 1), ("right", -1)):
        place |= {f"{side}_{part}": (sign * half[part], up[part], forward[part]) for part in half}
    body = np.array([place[name] for name in JOINT_NAMES], float)  # left, up, forward
    return body * [1, -1, -1] + [0, 0, 4]


def turned(pose: np.ndarray, degrees: float, axis: str) -> np.ndarray:
    """About the pelvis: to the body's left about "up"; the trunk's top towards the camera about "right"."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = {"up": [[c, 0, -s], [0, 1, 0], [s, 0, c]], "right": [[1, 0, 0], [0, c, -s], [0, s, c]]}[axis]
    return (pose - pose[:1]) @ np.array(turn).T + pose[:1]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small network without training."""
    torch.manual_seed(3)
    settings = {"frames": FRAMES, "channels": 32, "groups": 4, "reduction": 8}
    path = tmp_path_factory.mktemp("model") / "small"
    save_model(path, build("atcn", settings), {"architecture": "atcn", "settings": settings})
    return str(path.with_suffix(".safetensors"))


@pytest.fixture(scope="module")
def mocap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archives.small_mocap(tmp_path_factory.mktemp("mocap") / "mocap.npz")


# ----------------------------------------------------------------------------------------------------------- bias


def test_views_of_a_person_who_turns() -> None:
    around = np.stack([turned(standing(), angle, "up") for angle in (0, 30, 60, 120, 150, 180, 240, 330)])
    assert views(around).tolist() == ["front", "front", "side", "side", "back", "back", "side", "front"]
    tipped = np.stack([turned(standing(), angle, "right") for angle in (-40, 40)])
    assert sorted(views(tipped).tolist()) == ["high", "low"]
    # A camera above the person looks down on the same pose.
    above = standing()[None] + [0, 3.0, 0]
    assert views(above).tolist() == ["high"]


def test_lean_is_signed_and_seen_from_any_side() -> None:
    for yaw in (0, 70, 180, 290):
        truth = turned(standing(), yaw, "up")[None]
        leaning = turned(standing(), 12, "right")
        if leaning[INDEX["thorax"], 2] > 4:  # towards the camera is forward for who faces it
            leaning = turned(standing(), -12, "right")
        predicted = turned(leaning, yaw, "up")[None]
        assert signed_errors(predicted, truth)["trunk lean forward deg"][0] == pytest.approx(12, abs=1e-6)
        assert signed_errors(truth, predicted)["trunk lean forward deg"][0] == pytest.approx(-12, abs=1e-6)


def test_bends_lengths_and_depths_by_hand() -> None:
    truth = np.repeat(standing()[None], 3, axis=0)
    none = signed_errors(2.5 * truth, truth)  # another size is no error
    assert all(abs(values).max() < 1e-5 for values in none.values()), none
    straight = truth.copy()
    for side in ("left", "right"):
        hip, knee, ankle = (INDEX[f"{side}_{part}"] for part in ("hip", "knee", "ankle"))
        ratio = np.linalg.norm(truth[0, knee] - truth[0, hip]) / np.linalg.norm(truth[0, ankle] - truth[0, knee])
        straight[:, ankle] = straight[:, knee] + (straight[:, knee] - straight[:, hip]) / ratio  # lengths as they were
    a, b = 0.08 / 0.42, 0.08 / 0.40
    errors = signed_errors(straight, truth)
    assert errors["knee bend deg"] == pytest.approx(-math.degrees(math.atan(a) + math.atan(b)), abs=1e-4)
    for name in ("elbow bend deg", "trunk lean forward deg", "shin length %", "forearm length %", "shoulder depth mm"):
        assert errors[name] == pytest.approx(0, abs=1e-4), name
    deeper = truth.copy()
    deeper[:, INDEX["left_elbow"], 2] += 0.05
    assert signed_errors(deeper, truth)["elbow depth mm"][0] == pytest.approx(25, abs=2)


def test_bias_is_a_mean_over_all_sequences_by_view() -> None:
    front, back = (np.repeat(turned(standing(), yaw, "up")[None], n, axis=0) for yaw, n in ((0, 3), (180, 1)))
    compared = [Compared("m", "a", front + 0.0, front, np.ones(3, bool)), Compared("m", "b", back, back, np.ones(1, bool))]
    table = measure_bias(compared)["shoulder depth mm"]["m"]
    assert {view: row["frames"] for view, row in table.items()} == {"all": 4, "front": 3, "back": 1}


# -------------------------------------------------------------------------------------------------------- measures


def test_measures_of_frames_skip_what_was_not_seen() -> None:
    rng = np.random.default_rng(2)
    truth = np.repeat(standing()[None], 8, axis=0) + rng.normal(0, 0.05, (8, 17, 3))
    predicted = truth + rng.normal(0, 0.02, truth.shape)
    seen = np.array([1, 1, 1, 0, 1, 1, 1, 1], bool)
    measures = frame_measures(Compared("m", "a", predicted, truth, seen))
    velocity, acceleration = measures["MPJVE mm/frame"], measures["acceleration mm/frame²"]
    assert np.isnan(velocity).tolist() == [True, False, False, True, False, False, False]
    assert np.isnan(acceleration).tolist() == [True, False, True, True, False, False, True]
    p, t = (x[4:, LIMBS] - x[4:, :1] for x in (predicted, truth))
    assert np.nanmean(velocity[3:]) == pytest.approx(1000 * mpjve(p, t))
    assert (measures["P-MPJPE mm"] <= measures["N-MPJPE mm"] + 1).all()


def test_groups_are_those_of_the_frames() -> None:
    front, back = (np.repeat(turned(standing(), yaw, "up")[None], 4, axis=0) for yaw in (0, 180))
    wrong = back.copy()
    wrong[:, INDEX["left_wrist"]] += [0.3, 0, 0]
    seen = np.array([1, 1, 0, 1], bool)
    compared = [Compared("m", "walk", front, front, seen), Compared("m", "run", wrong, back, seen)]
    assert list(measure(compared)["m"]) == [""]
    by_view, by_action = measure(compared, "view")["m"], measure(compared, "action")["m"]
    assert list(by_view) == ["front", "back"]
    assert by_view["front"]["MPJPE mm"] == pytest.approx(0, abs=1e-6)
    assert by_view["back"] == by_action["run"]
    assert by_view["back"]["MPJPE mm"] == pytest.approx(300 / 12)
    by_joint = measure(compared, "joint")["m"]
    assert by_joint["left_wrist"]["MPJPE mm"] == pytest.approx(150)
    assert by_joint["right_wrist"]["MPJPE mm"] == pytest.approx(0, abs=1e-6)
    assert list(measure(compared, "frame")["m"]) == ["walk 0", "walk 1", "walk 3", "run 0", "run 1", "run 3"]


def test_exchanged_halves_are_told_from_whole_bodies() -> None:
    truth = np.repeat(standing()[None], 4, axis=0)
    predicted = truth[:, list(MIRROR)].copy()
    predicted[0] = truth[0]
    arms = [INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("shoulder", "elbow", "wrist")]
    predicted[3, arms] = truth[3, arms]
    measures = frame_measures(Compared("m", "a", predicted, truth, np.ones(4, bool)))
    assert measures["exchanged %"][:3].tolist() == [0, 100, 100]
    assert measures["half exchanged %"].tolist() == [0, 0, 0, 100]


# --------------------------------------------------------------------------------------------------------- sources


def test_a_track_against_the_truth(tmp_path: Path, model: str, capsys: pytest.CaptureFixture[str]) -> None:
    from lifter.infer import lift

    detection, joints = archives.exact_detection("squat", seconds=1, undetected=(5, 6))
    write_track(tmp_path / "track.npz", lift(detection, model=model))
    truth = {"joint_names": np.array(JOINT_NAMES), "positions_camera_m": joints, "timestamps_s": detection.timestamps_s}
    np.savez(tmp_path / "truth.npz", **truth, provenance=json.dumps({"motion": "squat"}))
    given = ["--track", str(tmp_path / "track.npz"), "--truth", str(tmp_path / "truth.npz")]
    more = ["--by", "action", "--bias", "--json", str(tmp_path / "m.json"), "--markdown", str(tmp_path / "m.md")]
    assert evaluate.main([*given, *more]) == 0
    measured = json.loads((tmp_path / "m.json").read_text(encoding="utf-8"))
    assert measured["mediapipe"]["MPJPE mm"] < 0.1  # the detection is exact
    assert measured["pose3d"]["MPJPE mm"] > 10
    assert measured["by"]["action"]["pose3d"]["squat"] == measured["pose3d"]
    assert measured["bias"]["knee bend deg"]["mediapipe"]["all"]["frames"] == detection.detected.sum()
    text = (tmp_path / "m.md").read_text(encoding="utf-8")
    assert text == capsys.readouterr().out
    assert text.count("| pose3d | squat |") == 1


def _exchanged_pairs(path: Path) -> Path:
    """Held-out pairs; in the first sequence the detector exchanges left and right in a quarter of the frames."""
    archives.small_pairs(path)
    with np.load(path) as archive:
        data = {key: archive[key] for key in archive.files}
    for key in ("landmarks_px", "world_landmarks_m"):
        data[key][2, 12:24] = data[key][2, 12:24][:, list(LANDMARK_MIRROR)]
    np.savez(path, **data)
    return path


def test_held_out_pairs_beside_the_detector(tmp_path: Path, model: str) -> None:
    path, out = _exchanged_pairs(tmp_path / "pairs.npz"), tmp_path / "m.json"
    assert evaluate.main(["--pairs", str(path), "--model", model, "--by", "action", "--bias", "--json", str(out)]) == 0
    measured = json.loads(out.read_text(encoding="utf-8"))
    assert [name for name in measured if name not in ("by", "bias")] == [
        "mediapipe",
        "network",
        "network, mended",
        "network, as shipped",
    ]
    actions = measured["by"]["action"]["mediapipe"]
    assert set(actions) == {"cmu/01/01_01", "cmu/03/03_02"}  # the held-out character's, and the validation subject's
    assert actions["cmu/01/01_01"]["exchanged %"] == pytest.approx(25)
    assert actions["cmu/03/03_02"]["MPJPE mm"] < 0.1
    assert measured["network"]["P-MPJPE mm"] != measured["network, mended"]["P-MPJPE mm"]
    rows = pair_rows(measured)
    check(rows)
    shares = {row["measure"]: row["value"] for row in rows}
    assert shares["pairs: exchanged frames, MediaPipe"] == pytest.approx(measured["mediapipe"]["exchanged %"])


def test_what_a_part_of_lifting_is_worth(tmp_path: Path, model: str) -> None:
    path, out = _exchanged_pairs(tmp_path / "pairs.npz"), tmp_path / "m.json"
    measured = {}
    for without, options in {"": [], "paces": ["--without", "paces"], "sight": ["--without", "sight"]}.items():
        assert evaluate.main(["--pairs", str(path), "--model", model, "--json", str(out), *options]) == 0
        rows = json.loads(out.read_text(encoding="utf-8"))
        measured[without] = [rows[name]["P-MPJPE mm"] for name in ("mediapipe", "network", "network, mended")]
    (theirs, network, mended), (_, paced, _), (_, straight, beside) = measured.values()
    assert paced != network and straight == network and beside != mended
    assert {row[0] for row in measured.values()} == {theirs}
    with pytest.raises(LifterError, match="--without belongs to --pairs"):
        evaluate.main(["--mocap", str(path), "--without", "paces"])


@pytest.mark.parametrize(
    ("source", "option", "told"),
    [
        ("--track", "--model", "--model belongs to --pairs, --mocap, --human36m, --humaneva"),
        ("--track", "--detections", "--detections belongs to --human36m, --humaneva"),
        ("--pairs", "--seconds", "--seconds belongs to --mocap"),
        ("--human36m", "--seconds", "--seconds belongs to --mocap"),
        ("--pairs", "--curve", "--curve belongs to --plots"),
        ("--mocap", "--truth", "--truth belongs to --track"),
    ],
)
def test_options_that_have_nothing_to_do_are_told(source: str, option: str, told: str) -> None:
    """Else a track's figures pass for those of the network that was named."""
    with pytest.raises(LifterError, match=told):
        evaluate.main([source, "there_is_none.npz", option, "1"])


def test_motion_capture_with_noise_for_several_models(tmp_path: Path, model: str, mocap: Path) -> None:
    out, plots = tmp_path / "m.json", tmp_path / "plots"
    curve = tmp_path / "run" / "curve.csv"
    curve.parent.mkdir()
    curve.write_text("minutes,step,loss_mm,clean\n1,10,90,70\n2,20,80,60\n", encoding="utf-8")
    other = tmp_path / "other.safetensors"
    for suffix in (".safetensors", ".json"):
        other.with_suffix(suffix).write_bytes(Path(model).with_suffix(suffix).read_bytes())
    command = ["--mocap", str(mocap), "--seconds", "0.4", "--model", model, "--model", str(other), "--json", str(out)]
    pytest.importorskip("matplotlib")
    assert evaluate.main([*command, "--plots", str(plots), "--curve", str(curve)]) == 0
    measured = json.loads(out.read_text(encoding="utf-8"))
    assert list(measured["noise"]) == ["small", "other"]
    # The same network sees the same noise.
    assert measured["noise"]["small"] == measured["noise"]["other"]
    row = measured["noise"]["small"]
    assert list(row) == ["0 px", "5 px", "10 px", "15 px", "20 px", "growth"]
    assert row["growth"] == pytest.approx(row["20 px"] / row["0 px"])
    assert len({row[f"{sigma} px"] for sigma in (0, 5, 10, 15, 20)}) == 5
    drawn = {path.name for path in plots.iterdir()}
    assert drawn == {
        *("joints.png", "frames.png", "frames_left_ankle.png", "frames_left_elbow.png", "noise.png", "receptive_field.png"),
        *("attention_small.png", "attention_other.png", "convergence.png"),
    }
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in plots.iterdir())


def test_the_protocols_are_reached(tmp_path: Path, model: str) -> None:
    positions, detections, _ = benchmarks.write_human36m(tmp_path)
    out = tmp_path / "m.json"
    command = ["--human36m", str(positions), "--detections", str(detections), "--model", model, "--json", str(out)]
    assert evaluate.main(command) == 0
    rows = json.loads(out.read_text(encoding="utf-8"))["network"]
    assert {"Walking", "mean"} <= set(rows)
    assert set(rows["mean"]) == {"MPJPE mm", "P-MPJPE mm", "N-MPJPE mm", "MPJVE mm/frame"}


def test_noise_rows_of_the_benchmark() -> None:
    noise = {"0 px": 50.0, "20 px": 75.0, "growth": 1.5}
    rows = mocap_rows({"noise": {"network": noise}})
    check(rows)
    assert [row["value"] for row in rows] == [50.0, 1.5]


def test_the_camera_stands_where_it_is_said_to() -> None:
    walk = archives.mocap_clip("walk")
    far = walk.copy()
    far[:, :, 0] += np.linspace(-6, 6, len(walk))[:, None]
    for positions, nearest in ((walk, 4.0), (far, 2.9)):
        for yaw in (45.0, 200.0):
            camera = filmed(positions, yaw)
            pelvis = camera[:, INDEX["pelvis"]]
            assert pelvis[:, 2].min() > nearest
            # Looking at the middle of the way, upright; nothing of the body is changed.
            np.testing.assert_allclose(pelvis.mean(0)[:2], 0, atol=1e-9)
            assert (camera[:, INDEX["head_top"], 1] < pelvis[:, 1]).all()
            spans = [np.linalg.norm(x[:, 5] - x[:, 12], axis=-1) for x in (camera, positions)]
            np.testing.assert_allclose(*spans)
    # Left of who faces the camera is right in the picture.
    body = (standing() - [0, 0, 4]) * [1, -1, -1] + [0, 1, 0]
    assert filmed(body[None], 0.0)[0, INDEX["left_hip"], 0] > 0
    assert views(filmed(body[None], 0.0)).tolist() == ["front"]
    assert views(filmed(body[None], 180.0)).tolist() == ["back"]
    assert set(VIEWS) >= {"front", "back"}


# ------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "nothing to evaluate"),
        (["--truth", "t.npz"], "nothing to evaluate"),
        (["--pairs", "p.npz", "--mocap", "m.npz"], "pairs and mocap cannot go together"),
        (["--track", "a.npz", "b.npz", "--truth", "t.npz"], "2 tracks do not match 1 truths"),
        (["--mocap", "m.npz", "--seconds", "-1"], "--seconds is -1"),
        (["--pairs", "nowhere.npz"], "Cannot read the rendered pairs"),
        (["--mocap", "nowhere.npz"], "Cannot read the motion capture"),
        (["--human36m", "nowhere.npz"], "nowhere.npz"),
        (["--humaneva", "nowhere.npz", "--by", "view"], "own table"),
        (["--by", "shoe"], "invalid choice"),
        (["--curve", "nowhere.csv", "--plots", "."], "Cannot read the curve"),
    ],
)
def test_bad_arguments_are_said(arguments: list[str], says: str) -> None:
    with pytest.raises(LifterError) as error:
        evaluate.main(arguments)
    assert says in error.value.message
    assert error.value.hint


def test_pairs_without_a_held_out_one(tmp_path: Path, model: str) -> None:
    path = archives.write_pairs(tmp_path / "pairs.npz", [("walk", "human-male", "cmu/01/01_01")])
    with pytest.raises(LifterError, match="no held-out pair"):
        evaluate.main(["--pairs", str(path), "--model", model])


def test_plots_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(LifterError, match="matplotlib"):
        evaluate.main(["--pairs", "nowhere.npz", "--plots", "plots"])
