"""Human3.6M and HumanEva: what their files say is read, and nothing that they say is run."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lifter.data.benchmark import rotation_of
from lifter.data.human36m import CAMERAS, read_human36m
from lifter.data.humaneva import read_humaneva
from lifter.data.restricted import read_npz
from lifter.errors import LifterError
from lifter.joints import INDEX, JOINT_NAMES, LIMB_JOINT_NAMES
from tests.lifter import benchmarks

LIMBS = [INDEX[name] for name in LIMB_JOINT_NAMES]


def write_member(path: Path, key: str, content: bytes, *, shape: tuple[int, ...] = ()) -> Path:
    """An npz with one array of objects, whose pickle is `content`."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "|O", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{key}.npy", member.getvalue() + content)
    return path


def read(path: Path) -> Any:
    return read_npz(path, ["a"], hint="h")["a"]


# ------------------------------------------------------------------------------------------------ the restricted reader


@pytest.mark.parametrize(
    ("protocol", "core"), [(2, "numpy.core"), (3, "numpy.core"), (2, "numpy._core"), (3, "numpy._core"), (4, "numpy._core")]
)
def test_arrays_and_containers_come_back_from_any_pickle(protocol: int, core: str, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    value = {
        "S9": {"Walking 1": random.normal(size=(4, 32, 3)).astype(np.float32), "Photo": [random.normal(size=(3, 17, 2))] * 2},
        "fortran": np.asfortranarray(random.normal(size=(3, 2))),
        "big_endian": np.arange(3, dtype=">i4"),
        "texts": np.array(["left", "right"]),
        "objects": np.array([np.zeros(2), "x", None, {"y": 1}], dtype=object),
        "scalar": np.float64(2.5),
        "plain": (1, -2.5, True, None, b"bytes", "text", 2**70, [[]]),
        3: {},
    }
    content = pickle.dumps(np.array(value, dtype=object), protocol=protocol)
    if core == "numpy.core":
        assert b"numpy._core" in content
        content = content.replace(b"numpy._core", b"numpy.core")
    again = read(write_member(tmp_path / "a.npz", "a", content))
    np.testing.assert_array_equal(again["S9"]["Walking 1"], value["S9"]["Walking 1"])
    assert again["S9"]["Walking 1"].dtype == np.float32
    for a, b in zip(again["S9"]["Photo"], value["S9"]["Photo"], strict=True):
        np.testing.assert_array_equal(a, b)
    for key in ("fortran", "big_endian", "texts"):
        np.testing.assert_array_equal(again[key], value[key])
    assert again["objects"].shape == (4,) and again["objects"][1:].tolist() == ["x", None, {"y": 1}]
    assert (again["scalar"], again["plain"], again[3]) == (2.5, value["plain"], {})


def test_what_numpy_itself_writes(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", a=np.array({"x": np.eye(2)}, dtype=object), b=np.arange(6).reshape(2, 3))
    values = read_npz(tmp_path / "a.npz", ["a", "b"], hint="h", optional=["c"])
    np.testing.assert_array_equal(values["a"]["x"], np.eye(2))
    np.testing.assert_array_equal(values["b"], [[0, 1, 2], [3, 4, 5]])
    assert set(values) == {"a", "b"}


def test_a_pickle_of_python_2(tmp_path: Path) -> None:
    """Its texts are bytes: here float32 [1.5, -2] as old detectors wrote it."""
    head = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01K\x02\x85"
    kind = b"cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    data = np.array([1.5, -2.0], "<f4").tobytes()
    assert max(data) > 127  # no ASCII
    content = head + kind + b"\x89U" + bytes([len(data)]) + data + b"tb."
    np.testing.assert_array_equal(read(write_member(tmp_path / "a.npz", "a", content)), [1.5, -2.0])


class Touching:
    """Unpickled as pickles are, it makes a file."""

    def __init__(self, call: Any, *arguments: Any) -> None:
        self.made = (call, arguments)

    def __reduce__(self) -> Any:
        return self.made


@pytest.mark.parametrize("protocol", [0, 2, 4])
@pytest.mark.parametrize("place", ["alone", "in an array", "as a key's value", "after an array"])
def test_a_crafted_pickle_runs_nothing(protocol: int, place: str, tmp_path: Path) -> None:
    touched = tmp_path / "touched"
    for evil in (
        Touching(os.system, f"echo > {touched}"),
        Touching(eval, f"open({str(touched)!r}, 'w')"),
        Touching(exec, f"open({str(touched)!r}, 'w').close()"),
        Touching(open, str(touched), "w"),
    ):
        held: Any = {
            "alone": evil,
            "in an array": np.array([evil, 1], dtype=object),
            "as a key's value": {"S9": {"Walking": evil}},
            "after an array": [np.zeros(3), evil],
        }[place]
        content = pickle.dumps(held, protocol=protocol)
        pickle.loads(content)
        assert touched.exists(), "the pickle must be one that would do harm"
        touched.unlink()
        path = write_member(tmp_path / "a.npz", "a", content)
        with pytest.raises(LifterError, match="its pickle asks for .*, which is no part of an array"):
            read(path)
        assert not touched.exists()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"cbuiltins\neval\n.", "builtins.eval"),
        (b"cnumpy\nload\n.", "numpy.load"),
        (b"cnumpy.core.multiarray\nfromfile\n.", "fromfile"),
        (b"\x80\x04\x8c\x0fnumpy.core\x2emult\x8c\x04load\x93.", "truncated|pickle"),
        (b"cnumpy\nndarray\n.", "pickle holds"),  # a class is no value
        (b"cnumpy\nndarray\n)R.", "pickle holds a ArrayClass"),
        (b"cnumpy.core.multiarray\n_reconstruct\n(tR.", "unpack|state|NoneType"),  # an array without state
        (b"P1\n.", "refers to something outside"),
        (b"(lp0\ng0\na.", "holds itself"),
        (b"N", "Ran out of input|truncated|exhausted"),
        (b"", "Ran out of input|truncated|exhausted"),
        (b"garbage", "invalid load key|unpickling|pickle"),
        (b"(dp0\n(I1\nI2\ntI3\ns.", "keys that are neither"),
        (b"\x8f.", "pickle holds a set"),
        # An array of objects dressed up as numbers: bytes would become pointers.
        (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01K\x01\x85cnumpy\ndtype\nX\x02\x00\x00\x00O8"
            b"K\x00K\x01\x87R(K\x03X\x01\x00\x00\x00|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89C\x08AAAAAAAAtb.",
            "array of O8",
        ),
        # A size that is not that of its bytes.
        (
            b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R(K\x01J\xff\xff\xff\x7f\x85cnumpy\ndtype\n"
            b"X\x02\x00\x00\x00f4K\x00K\x01\x87R(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89C\x08AAAAAAAAtb.",
            "cannot reshape",
        ),
    ],
)  # fmt: skip
def test_a_strange_pickle_is_one_sentence(content: bytes, says: str, tmp_path: Path) -> None:
    with pytest.raises(LifterError, match=says) as caught:
        read(write_member(tmp_path / "a.npz", "a", content))
    assert "\n" not in caught.value.message and caught.value.hint == "h"


def test_lists_that_share_lists_stay_small(tmp_path: Path) -> None:
    """Forty lists that hold the one before twice would be a million million entries, were each gone through."""
    value: list[Any] = []
    for _ in range(40):
        value = [value, value]
    again = read(write_member(tmp_path / "a.npz", "a", pickle.dumps(value)))
    assert again[0] is again[1]


def test_a_damaged_archive_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "b.npz", b=np.arange(3))
    for name, says in (("none.npz", "No such file"), ("text.npz", "not a zip file"), ("b.npz", "no item named 'a.npy'")):
        with pytest.raises(LifterError, match=says) as caught:
            read(tmp_path / name)
        assert caught.value.hint


# ------------------------------------------------------------------------------------------------------- Human3.6M


@pytest.fixture(scope="module")
def human36m(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, dict[str, dict[str, np.ndarray]]]:
    return benchmarks.write_human36m(tmp_path_factory.mktemp("h36m"))


def test_cameras_stand_around_the_room_and_look_into_it() -> None:
    assert set(CAMERAS) == {"S9", "S11"}
    for cameras in CAMERAS.values():
        assert [camera.name for camera in cameras] == ["54138969", "55011271", "58860488", "60457274"]
        for camera in cameras:
            turn = rotation_of(camera.orientation_wxyz)
            assert abs(np.linalg.norm(camera.orientation_wxyz) - 1) < 1e-6
            # In the picture's middle third, four to six metres away, upright.
            feet, head = camera.seen(np.array([[0, 0, 0.1], [0, 0, 1.7]]))
            assert 3.5 < head[2] < 6.5 and abs(head[0]) < 1 and feet[1] - head[1] > 1.4
            assert (turn @ [0, 0, 1])[2] < 0  # looking a little down
            assert 1 < camera.position_m[2] < 2


def test_lenses_are_undone_as_opencv_makes_them() -> None:
    camera = CAMERAS["S9"][0]
    joints = benchmarks.world_m("walk", 5, fps=50)
    seen = camera.seen(joints)
    points = benchmarks.pixels(camera, joints)
    np.testing.assert_allclose(camera.rays(points), seen[..., :2] / seen[..., 2:], atol=1e-5)
    # The lens is worth taking out.
    plain = (points - camera.centre_px) / camera.focal_px
    assert np.abs(plain - seen[..., :2] / seen[..., 2:]).max() > 1e-3


def test_human36m_is_read_in_camera_axes(human36m: tuple[Path, Path, dict[str, dict[str, np.ndarray]]]) -> None:
    positions, detections, worlds = human36m
    exact, found = read_human36m(positions), read_human36m(positions, detections)
    places = [(s.subject, s.action, s.camera) for s in exact]
    # Two subjects, 16 recordings, four cameras, without S11's "Directions"; its "Directions 1" stays.
    assert len(places) == len(set(places)) == (16 + 15) * 4
    assert ("S11", "Directions", "54138969") not in places and ("S11", "Directions 1", "54138969") in places
    assert ("S9", "Directions", "54138969") in places and {subject for subject, _, _ in places} == {"S9", "S11"}
    for a, b in zip(exact, found, strict=True):
        world = worlds[a.subject][a.action]
        camera = next(camera for camera in CAMERAS[a.subject] if camera.name == a.camera)
        assert a.fps == 50 and a.joint_names == JOINT_NAMES and a.truth_m.shape == world.shape
        np.testing.assert_allclose(a.truth_m @ rotation_of(camera.orientation_wxyz).T + camera.position_m, world, atol=1e-5)
        np.testing.assert_allclose(a.rays, a.truth_m[..., :2] / a.truth_m[..., 2:], atol=1e-9)
        np.testing.assert_array_equal(a.truth_m, b.truth_m)
        np.testing.assert_allclose(a.rays, b.rays, atol=2e-5)


def test_detectors_of_cocos_joints(human36m: tuple[Path, Path, dict[str, dict[str, np.ndarray]]], tmp_path: Path) -> None:
    positions, _, worlds = human36m
    points = {
        subject: {
            name: [benchmarks.coco_of(benchmarks.pixels(camera, joints)) for camera in CAMERAS[subject]]
            for name, joints in worlds[subject].items()
        }
        for subject in ("S9", "S11")
    }
    metadata = {"layout_name": "coco", "num_joints": 17, "keypoints_symmetry": benchmarks.COCO_SYMMETRY}
    path = benchmarks.write_detections(tmp_path / "data_2d_h36m_detectron_pt_coco.npz", points, metadata)
    for a, b in zip(read_human36m(positions), read_human36m(positions, path), strict=True):
        np.testing.assert_allclose(b.rays[:, [*LIMBS, INDEX["nose"]]], a.rays[:, [*LIMBS, INDEX["nose"]]], atol=2e-5)
        assert np.isfinite(b.rays).all()


def test_what_does_not_fit_is_one_sentence(tmp_path: Path) -> None:
    walk = benchmarks.world_m("walk", 4, fps=50).astype(np.float32)
    points = {subject: {"Walking": [np.zeros((4, 17, 2), np.float32)] * 4} for subject in ("S9", "S11")}
    metadata = {"num_joints": 17, "keypoints_symmetry": benchmarks.H36M_SYMMETRY}
    table = {subject: {"Walking": walk} for subject in ("S9", "S11")}
    cases: list[tuple[Any, Any, Any, str]] = [
        ({"S9": {"Walking": walk}}, points, metadata, "no subject S11"),
        ({**table, "S9": {"Walking": walk[:, :5]}}, points, metadata, "S9, Walking is no recording of 17 or 32 joints"),
        ({**table, "S9": {"Walking": walk * np.nan}}, points, metadata, "not finite"),
        ({**table, "S9": {"Walking": "walking"}}, points, metadata, "no recording"),
        ([1, 2], points, metadata, "no table of subjects"),
        (table, {**points, "S11": {}}, metadata, "S11, Walking, camera 1 is not there"),
        (table, {**points, "S9": {"Walking": [np.zeros((3, 17, 2))] * 4}}, metadata, "has 3 of 4 frames"),
        (table, {**points, "S9": {"Walking": [np.zeros((4, 17, 2))] * 3}}, metadata, "camera 4 is not there"),
        (table, points, {"num_joints": 16, "keypoints_symmetry": [[1], [2]]}, "no known layout"),
        (table, points, {}, "no known layout"),
    ]
    for positions, detections, what, says in cases:
        benchmarks.write_positions(tmp_path / "3d.npz", positions)
        benchmarks.write_detections(tmp_path / "2d.npz", detections, what)
        with pytest.raises(LifterError, match=says) as caught:
            read_human36m(tmp_path / "3d.npz", tmp_path / "2d.npz")
        assert "npz" in caught.value.message and "\n" not in caught.value.message and caught.value.hint


# -------------------------------------------------------------------------------------------------------- HumanEva


def test_humaneva_is_read_and_its_lens_found(tmp_path: Path) -> None:
    positions, detections = benchmarks.write_humaneva(tmp_path)
    exact, found = read_humaneva(positions), read_humaneva(positions, detections)
    # Three subjects, three chunks of Walking and Jog, three cameras; neither Box nor the training part.
    assert len(exact) == 27 and {s.subject for s in exact} == {"Validate/S1", "Validate/S2", "Validate/S3"}
    assert {s.action for s in exact} == {"Walking 1 chunk0", "Walking 1 chunk2", "Jog 1 chunk0"}
    for a, b in zip(exact, found, strict=True):
        assert a.fps == 60 and a.joint_names == tuple(benchmarks.HUMANEVA) and a.truth_m.shape[1:] == (15, 3)
        assert a.rays.shape == (len(a.truth_m), 17, 2) and (a.truth_m[..., 2] > 1).all()
        wrist = a.joint_names.index("left_wrist")
        np.testing.assert_allclose(a.rays[:, INDEX["left_wrist"]], (a.truth_m[..., :2] / a.truth_m[..., 2:])[:, wrist])
        np.testing.assert_allclose(a.rays, b.rays, atol=1e-5)
        # Upright, so the axes are the camera's.
        assert (a.truth_m[:, a.joint_names.index("left_ankle"), 1] > a.truth_m[:, a.joint_names.index("head_top"), 1]).all()


def test_humaneva_that_is_not_whole(tmp_path: Path) -> None:
    benchmarks.write_positions(tmp_path / "3d.npz", {"Validate/S1": {"Walking 1 chunk0": np.zeros((3, 20, 3), np.float32)}})
    with pytest.raises(LifterError, match="no recording of 15 joints"):
        read_humaneva(tmp_path / "3d.npz")
    benchmarks.write_positions(tmp_path / "3d.npz", {"S1": {}})
    with pytest.raises(LifterError, match="no subject Validate/S1"):
        read_humaneva(tmp_path / "3d.npz")
