"""The protocols of Human3.6M and HumanEva: what is averaged over what, on files of the real ones' form."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lifter.checkpoint import available_models, load_model, save_model
from lifter.data.benchmark import BenchmarkSequence
from lifter.data.human36m import read_human36m
from lifter.data.humaneva import read_humaneva
from lifter.errors import LifterError
from lifter.infer import run_network
from lifter.joints import INDEX, JOINT_NAMES, MIRROR
from lifter.metrics import mpjpe, mpjve, n_mpjpe, p_mpjpe
from lifter.models import build
from lifter.protocols import (
    HUMAN36M_ACTIONS,
    evaluate,
    human36m,
    human36m_action,
    humaneva,
    humaneva_row,
    network_predictor,
)
from tests.lifter import benchmarks
from tests.lifter.test_cli import run

MEASURES = ["MPJPE mm", "P-MPJPE mm", "N-MPJPE mm", "MPJVE mm/frame"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network without training."""
    torch.manual_seed(3)
    settings = {"frames": 9, "channels": 16, "groups": 4, "reduction": 8}
    path = tmp_path_factory.mktemp("model") / "small"
    save_model(path, build("atcn", settings), {"architecture": "atcn", "settings": settings})
    return path.with_suffix(".safetensors")


def sequence(action: str, truth_m: np.ndarray, *, subject: str = "S9") -> BenchmarkSequence:
    return BenchmarkSequence(subject, action, "c", 50.0, truth_m, truth_m[..., :2] / truth_m[..., 2:])


def person(frames: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(frames, 17, 3)) + [0, 0, 5]


def test_frames_weigh_within_an_action_and_actions_alike() -> None:
    truth = {"Walking 1": person(2, 0), "Walking": person(8, 1), "Eating 1": person(5, 2)}
    # So many metres off along z, all joints but the pelvis.
    off = {"Walking 1": 0.3, "Walking": 0.1, "Eating 1": 0.5}

    def predict(item: BenchmarkSequence) -> np.ndarray:
        error = np.full((17, 1), off[item.action])
        error[INDEX["pelvis"]] = 0
        return item.truth_m + error * [0, 0, 1] + [7.0, 8.0, 9.0]  # where the pelvis is plays no part

    done: list[tuple[int, int]] = []
    sequences = [sequence(name, joints) for name, joints in truth.items()]
    rows = evaluate(sequences, predict, human36m_action, order=HUMAN36M_ACTIONS, progress=lambda *step: done.append(step))
    assert list(rows) == ["Eating", "Walking", "mean"] and done == [(1, 3), (2, 3), (3, 3)]
    walking, eating = (2 * 300 + 8 * 100) / 10 * 16 / 17, 500 * 16 / 17
    assert rows["Walking"]["MPJPE mm"] == pytest.approx(walking) and rows["Eating"]["MPJPE mm"] == pytest.approx(eating)
    assert rows["mean"]["MPJPE mm"] == pytest.approx((walking + eating) / 2)
    # The same error in every frame has no velocity.
    assert rows["mean"]["MPJVE mm/frame"] == pytest.approx(0, abs=1e-6)


def test_velocity_is_measured_within_a_recording() -> None:
    """Two recordings, each off by the same in all its frames but not by as much as the other: no jump lies between them."""
    sequences = [sequence("Photo", person(4, 0)), sequence("Photo 1", person(6, 1)), sequence("Photo 1", person(1, 2))]
    shake = np.zeros((6, 17, 3))
    shake[::2, 1:, 0] = 0.05

    def predict(item: BenchmarkSequence) -> np.ndarray:
        offset = np.zeros((17, 3))
        offset[1:] = len(item.truth_m)
        return item.truth_m + offset + (shake if len(item.truth_m) == 6 else 0)

    rows = evaluate(sequences, predict, human36m_action)
    # The shaken recording has 50 mm a frame in 16 of 17 joints, and is 6 of the 10 frames that have a velocity.
    assert rows["Photo"]["MPJVE mm/frame"] == pytest.approx(50 * 16 / 17 * 6 / 10)


def test_alignments_drop_what_they_should() -> None:
    truth = person(6, 0)
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    turn *= np.sign(np.linalg.det(turn))
    for change, zero in ((1.7 * truth, {"N-MPJPE mm", "P-MPJPE mm"}), (0.6 * truth @ turn, {"P-MPJPE mm"})):
        rows = evaluate([sequence("Eating", truth)], lambda _, made=change: made, human36m_action)
        assert {name for name in MEASURES[:3] if rows["mean"][name] < 1e-6} == zero


def test_human36m_is_the_metrics_over_what_the_network_says(model: Path, tmp_path: Path) -> None:
    """From the files to the table, against the measures computed straight from the mannequin's motion."""
    positions, detections, worlds = benchmarks.write_human36m(tmp_path)
    rows = human36m(positions, detections=detections, model=model)
    assert list(rows) == [*HUMAN36M_ACTIONS, "mean"] and all(list(row) == MEASURES for row in rows.values())
    loaded = load_model(model)
    from lifter.data.human36m import CAMERAS

    per_frame: dict[str, dict[str, list[np.ndarray]]] = {}
    for subject in ("S9", "S11"):
        for name, world in worlds[subject].items():
            if (subject, name) == ("S11", "Directions"):
                continue
            for camera in CAMERAS[subject]:
                truth = camera.seen(world)
                poses, view = run_network(loaded, truth[..., :2] / truth[..., 2:], np.arange(len(truth)) / 50)
                predicted = np.einsum("tji,tkj->tki", view, poses)
                relative = truth - truth[:, :1]
                row = per_frame.setdefault(name.split()[0], {measure: [] for measure in MEASURES})
                for measure, metric in zip(MEASURES[:3], (mpjpe, p_mpjpe, n_mpjpe), strict=True):
                    row[measure].append(metric(predicted, relative))
                row[MEASURES[3]].append(np.full(len(truth), mpjve(predicted, relative)))
    for action, row in per_frame.items():
        for measure, values in row.items():
            assert rows[action][measure] == pytest.approx(1000 * np.concatenate(values).mean(), rel=1e-3), (action, measure)
    for measure in MEASURES:
        assert rows["mean"][measure] == pytest.approx(np.mean([rows[action][measure] for action in HUMAN36M_ACTIONS]))
    # Exact 2D is that of the truth's own projection.
    exact = human36m(positions, model=model)
    assert exact["Posing"]["MPJPE mm"] == pytest.approx(rows["Posing"]["MPJPE mm"], rel=1e-3)


def test_a_mirrored_person_has_the_mirrored_pose(model: Path) -> None:
    """The flip test: picture and mirror image have the same say."""
    predict = network_predictor(load_model(model))
    seen = sequence("Walking", benchmarks.world_m("walk", 6, fps=50) @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]) + [0, 0, 5])
    mirrored = replace(seen, rays=seen.rays[:, list(MIRROR)] * [-1, 1])
    np.testing.assert_allclose(predict(mirrored), predict(seen)[:, list(MIRROR)] * [-1, 1, 1], atol=1e-5)


def test_the_ends_are_repeated(model: Path) -> None:
    predict = network_predictor(load_model(model))
    motion = benchmarks.world_m("kick", 12, fps=30) @ np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]) + [0, 0, 5]
    longer = np.concatenate([np.repeat(motion[:1], 8, 0), motion, np.repeat(motion[-1:], 8, 0)])
    short, long = (predict(replace(sequence("Walking", joints), fps=30.0)) for joints in (motion, longer))
    np.testing.assert_allclose(long[8:-8], short, atol=1e-5)


def test_humaneva_rows_and_joints(model: Path, tmp_path: Path) -> None:
    positions, detections = benchmarks.write_humaneva(tmp_path)
    rows = humaneva(positions, detections=detections, model=model)
    assert list(rows) == [*(f"{action} S{i}" for i in (1, 2, 3) for action in ("Walking", "Jog")), "mean"]
    sequences = [s for s in read_humaneva(positions) if s.subject == "Validate/S2" and s.action.startswith("Walking")]
    loaded = load_model(model)
    values = []
    for s in sequences:
        poses, view = run_network(loaded, s.rays, np.arange(len(s.rays)) / 60)
        predicted = np.einsum("tji,tkj->tki", view, poses)[:, [JOINT_NAMES.index(name) for name in s.joint_names]]
        values.append(p_mpjpe(predicted, s.truth_m))
    assert len(sequences) == 6 and {humaneva_row(s) for s in sequences} == {"Walking S2"}
    assert rows["Walking S2"]["P-MPJPE mm"] == pytest.approx(1000 * np.concatenate(values).mean(), rel=1e-3)


def test_a_trained_network_knows_a_person_when_it_sees_one(tmp_path: Path) -> None:
    """Axes, joint order and time are the network's own: it has 45 mm here, and 250 with left and right exchanged."""
    if "atcn-27" not in available_models():
        pytest.skip("needs the shipped weights")
    predict = network_predictor(load_model("atcn-27"))
    positions, detections, _ = benchmarks.write_human36m(tmp_path)
    some = [s for s in read_human36m(positions, detections) if s.subject == "S9" and s.action.split()[0] in ("Eating", "Photo")]
    assert evaluate(some, predict, human36m_action)["mean"]["MPJPE mm"] < 90
    humans = [s for s in read_humaneva(*benchmarks.write_humaneva(tmp_path)) if s.subject == "Validate/S1"]
    assert evaluate(humans, predict, humaneva_row)["mean"]["MPJPE mm"] < 90


def test_a_file_that_lacks_an_action_is_no_protocol(model: Path, tmp_path: Path) -> None:
    worlds = {
        subject: {name: benchmarks.in_32(joints) for name, joints in actions.items() if not name.startswith("WalkDog")}
        for subject, actions in benchmarks.human36m_worlds(frames=2).items()
    }
    with pytest.raises(LifterError, match="no recording of WalkDog") as caught:
        human36m(benchmarks.write_positions(tmp_path / "3d.npz", worlds), model=model)
    assert caught.value.hint


def test_names_of_actions() -> None:
    for given, row in (
        ("Walking 1", "Walking"),
        ("TakingPhoto 1", "Photo"),
        ("WalkingDog", "WalkDog"),
        ("SittingDown 2", "SittingDown"),
    ):
        assert human36m_action(sequence(given, person(1, 0))) == row


def test_a_file_of_another_data_set_is_one_sentence(model: Path, tmp_path: Path) -> None:
    positions, _ = benchmarks.write_humaneva(tmp_path)
    bad = run("evaluate", "--human36m", positions, "--model", model)
    assert bad.returncode == 2 and "has no subject S9" in bad.stdout + bad.stderr
