"""Runs inside a Blender: `live_checks.py -- CHECK…`. Prints a line for each check, ends with 0 when all hold.

Not collected by pytest; test_live.py starts it. Where no motion engine is needed, a Python that prints an exact person's lines
plays its part.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import bpy
import numpy as np
from bpy_extras import anim_utils

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.bridge import live as puppet  # noqa: E402
from blender_pose3d.bridge.measure import LIMBS, angles_deg, joint_limb_directions  # noqa: E402
from blender_pose3d.bridge.rig_reader import choose_mapping, read_rig  # noqa: E402
from blender_pose3d.core.coordinates import CameraPose, to_world  # noqa: E402
from blender_pose3d.core.live import LiveSolve, as_track, read_pose, read_source  # noqa: E402
from blender_pose3d.core.rig import RigSpec  # noqa: E402
from blender_pose3d.core.rotations import unit  # noqa: E402
from blender_pose3d.core.solve import SolveOptions, heading_of  # noqa: E402
from blender_pose3d.core.track_io import read_track, write_track  # noqa: E402
from blender_pose3d.core.tracks import Pose3DTrack  # noqa: E402
from blender_pose3d.ops import live  # noqa: E402
from blender_pose3d.ui import overlay  # noqa: E402
from blender_pose3d.worker.job import Job  # noqa: E402
from blender_pose3d.worker.protocol import parse_line  # noqa: E402
from tests.blender import addon_checks, rig_builders, script  # noqa: E402
from tests.core import motion_tracks  # noqa: E402

CLIP = ROOT / "tests" / "data" / "demo.mp4"


def person(*, seconds: float = 1.5, yaw_deg: float = 30) -> Pose3DTrack:
    return motion_tracks.seen("walk", fps=25, seconds=seconds, yaw_deg=yaw_deg).track


def lines(track: Pose3DTrack) -> list[str]:
    """What the worker says of it."""
    told = {
        "event": "live",
        "model": "exact",
        "causal": True,
        "delay_s": 0.0,
        "image_size_px": list(track.image_size_px),
        "focal_length_px": track.focal_length_px,
    }
    made = [{"event": "start", "protocol": 1, "command": "live", "stages": ["live"]}, told]
    for row, time_s in enumerate(track.timestamps_s):
        made.append(
            {
                "event": "frame",
                "time_s": float(time_s),
                "detected": True,
                **{
                    name: np.asarray(getattr(track, name)[row]).tolist()
                    for name in (
                        "positions_m",
                        "root_position_m",
                        "confidence",
                        "landmarks_px",
                        "landmark_confidence",
                        "world_landmarks_m",
                    )
                },
            }
        )
    return [json.dumps(event) for event in made]


def job_that_says(track: Pose3DTrack, then: str = "") -> Job:
    path = addon_checks.test_folder() / "lines.jsonl"
    path.write_text("\n".join(lines(track)) + "\n")
    script = f"import sys; sys.stdout.write(open({str(path)!r}).read()); sys.stdout.flush(); {then}"
    return Job([os.environ["POSE3D_TEST_PYTHON"], "-c", script])


def session_for(figure: bpy.types.Object | None, track: Pose3DTrack, then: str = "") -> live.Live:
    """As `begin` makes it, with a worker that says this track."""
    bpy.context.scene.pose3d.armature = figure
    made = live.Live(job_that_says(track, then), live._puppet(bpy.context), SolveOptions(smoothing_s=0.0))
    live._current = made
    made.job.start()
    return made


def run_out(session: live.Live) -> None:
    deadline = time.monotonic() + 60
    while not session.job.ended and time.monotonic() < deadline:
        live.advance(bpy.context, session)
        time.sleep(0.01)
    live.advance(bpy.context, session)


def channels(figure: bpy.types.Object) -> dict[str, list]:
    return {bone.name: [list(row) for row in bone.matrix_basis] for bone in figure.pose.bones}


def state() -> dict[str, set[str]]:
    return {kind: set(getattr(bpy.data, kind).keys()) for kind in ("actions", "objects", "armatures", "meshes")}


def check_the_pose_is_the_persons() -> None:
    """Frame by frame, on rigs of all kinds: limb directions exact, and the hips where the person's are."""
    track = person()
    source = read_source(json.loads(lines(track)[1]))
    poses = [read_pose(json.loads(line)) for line in lines(track)[2:]]
    with addon_checks.registered():
        for build in ("a_pose", "euler", "axis_angle", "posed_root", "connected_hips", "turned_object", "plain"):
            bpy.ops.wm.read_factory_settings(use_empty=True)
            figure = rig_builders.build(build)
            if build == "plain":  # a control that turns the chest through a helper bone
                rig_builders.add_pivots(figure, {"Pivot": "Spine2"})
                figure.pose.bones["Pivot"].rotation_quaternion = (0.8, 0.6, 0, 0)
            mapping = choose_mapping(figure, preset="auto", presets_folder=ROOT / "rigs")
            rig = read_rig(figure, mapping)
            solving = LiveSolve(rig, source, SolveOptions(smoothing_s=0.0))
            took_s, places, prepared = [], [], False
            for row, pose in enumerate(poses):
                began_s = time.perf_counter()
                solving.add(pose)
                motion = solving.newest()
                if not prepared:
                    puppet.prepare_pose(figure, mapping, motion)
                    prepared = True
                puppet.show_pose(figure, motion)
                took_s.append(time.perf_counter() - began_s)
                if row % 6:
                    continue
                bpy.context.view_layer.update()
                seen = to_world(track.positions_m[row][None].astype(float), CameraPose(), heading_rad=heading_of(rig))
                off = angles_deg(posed_now(figure, rig), joint_limb_directions(seen))
                assert off.max() < 1.5, (build, row, off)
                joints = solving.joints_m(pose, motion.scale)
                thighs = [figure.pose.bones[rig.bone_names[rig.bone(f"{side}_thigh")]] for side in ("left", "right")]
                hips = np.mean([figure.matrix_world @ thigh.head for thigh in thighs], axis=0)
                places.append(hips)
                assert np.linalg.norm(joints[0][:2] - hips[:2]) < 0.02 * rig.leg_length_m, (build, row)
            apart = np.linalg.norm(places[-1][:2] - places[0][:2])
            root = track.root_position_m
            expected_m = np.linalg.norm((root[36] - root[0])[[0, 2]]) * motion.scale
            assert abs(apart - expected_m) < 0.02 * rig.leg_length_m and apart > 0.3, (build, apart, expected_m)
            print(build, f"{1000 * np.median(took_s):.1f} ms a pose")


def posed_now(figure: bpy.types.Object, rig: RigSpec) -> np.ndarray:
    """The limbs' directions [1, 8, 3]; setting a frame, as `measure` does, would play an action."""
    bones = figure.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones
    world = figure.matrix_world
    ways = []
    for _, _, _, start, end in LIMBS:
        bone, after = bones[rig.bone_names[rig.bone(start)]], rig.bone(end)
        tip = bone.tail if after is None else bones[rig.bone_names[after]].head
        ways.append((world @ tip) - (world @ bone.head))
    return unit(np.array(ways)[None])


def check_its_own_pose_comes_back() -> None:
    with addon_checks.registered():
        for build in ("posed_root", "euler"):
            bpy.ops.wm.read_factory_settings(use_empty=True)
            figure = rig_builders.build(build)
            figure.pose.bones["Head"].rotation_quaternion = (0.9, 0.1, 0.2, 0.3)
            figure.pose.bones["Head"].scale = (1.1, 1, 1)
            figure.animation_data_create().action = bpy.data.actions.new("Made by hand")
            bpy.context.view_layer.update()
            before, pose = state(), channels(figure)
            session = session_for(figure, person())
            run_out(session)
            assert session.job.error is None or "ended without a result" in session.job.error.message
            assert session.frames == 38 and not np.allclose(list(pose.values()), list(channels(figure).values()), atol=0.1)
            copy = figure.copy()
            live.end(bpy.context, session)
            np.testing.assert_allclose(list(channels(copy).values()), list(pose.values()), atol=1e-6)
            assert not [key for key in copy.keys() if key.startswith("pose3d")]  # noqa: SIM118 (it is no dictionary)
            bpy.data.objects.remove(copy)
            np.testing.assert_allclose(list(channels(figure).values()), list(pose.values()), atol=1e-6)
            assert state() == before and figure.animation_data.action.name == "Made by hand"
            assert live.current() is None and overlay._overlay.live is None


def check_its_animations_pose_comes_back_where_it_is_now() -> None:
    """The timeline goes on, or another action is chosen meanwhile: the pose of before is another frame's."""
    with addon_checks.registered():
        for how in ("frame", "action", "neither"):
            bpy.ops.wm.read_factory_settings(use_empty=True)
            figure = rig_builders.build("a_pose")
            head, spine = figure.pose.bones["Head"], figure.pose.bones["Spine"]
            head.rotation_mode = spine.rotation_mode = "XYZ"
            for frame, turn in ((1, 0.1), (50, 0.9)):
                head.rotation_euler.x = turn
                head.keyframe_insert("rotation_euler", frame=frame)
            scene = bpy.context.scene
            scene.frame_set(1)
            spine.rotation_euler.x, head.rotation_euler.z = 0.3, 0.2
            session = session_for(figure, person())
            run_out(session)
            if how == "frame":
                scene.frame_set(50)
            elif how == "action":
                other = figure.animation_data.action.copy()
                slot = figure.animation_data.action_slot
                curve = anim_utils.action_get_channelbag_for_slot(other, other.slots[slot.identifier]).fcurves[0]
                for point in curve.keyframe_points:
                    point.co.y = 0.9
                figure.animation_data.action = other
            live.end(bpy.context, session)
            shown = (0.1, 0.2) if how == "neither" else (0.9, 0.0)
            np.testing.assert_allclose((head.rotation_euler.x, head.rotation_euler.z), shown, atol=1e-5, err_msg=how)
            assert abs(spine.rotation_euler.x - 0.3) < 1e-5, how


def check_nothing_is_keyed_on_one_that_is_posed() -> None:
    """Keys would be chosen for a pose that goes at Stop, and its own one bend them then. Nor is that in files."""
    with addon_checks.registered():
        bpy.ops.wm.read_factory_settings(use_empty=True)
        figure = rig_builders.build("a_pose")
        session = session_for(figure, person())
        run_out(session)
        take = addon_checks.test_folder() / "meanwhile.npz"
        write_track(take, person())
        file = addon_checks.test_folder() / "meanwhile.bvh"
        figure.keyframe_insert("location", frame=1)
        before = list(bpy.data.actions)
        meanwhile = ((bpy.ops.pose3d.solve_take, {"take": str(take)}), (bpy.ops.pose3d.export_animation, {"filepath": str(file)}))
        for operator, settings in meanwhile:
            try:
                operator(**settings)
            except RuntimeError as error:
                assert "'a_pose' follows a camera. Press Stop Live first." in str(error), error
            else:
                raise AssertionError(f"{operator.idname()} took a pose of Live's")
        assert list(bpy.data.actions) == before and not file.exists()
        live.end(bpy.context, session)
        assert all(operator(**settings) == {"FINISHED"} for operator, settings in meanwhile)


def check_files_have_its_own_pose() -> None:
    """Those that the user saves, and those that Blender saves by itself without telling."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        from blender_pose3d.registration import _HANDLERS

        bpy.ops.wm.read_factory_settings(use_empty=True)
        figure = rig_builders.build("euler")
        figure.pose.bones["Head"].rotation_euler = (0.1, 0.2, 0.3)
        pose = list(channels(figure).values())
        session = session_for(figure, person(), "import time; time.sleep(60)")
        events = [parse_line(line) for line in lines(person())]
        live.take_in(bpy.context, session, events[:20])
        assert not np.allclose(list(channels(figure).values()), pose, atol=0.1)
        assert ("save_pre", live.before_exchange) in _HANDLERS
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "saved.blend"), copy=True)
        np.testing.assert_allclose(list(channels(figure).values()), pose, atol=1e-6)
        live.take_in(bpy.context, session, events[20:25])
        assert not np.allclose(list(channels(figure).values()), pose, atol=0.1), "it goes on"
        bpy.app.handlers.save_pre.remove(live.before_exchange)
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "by itself.blend"), copy=True)
        bpy.app.handlers.save_pre.append(live.before_exchange)
        assert not np.allclose(list(channels(figure).values()), pose, atol=0.1)
        live.end(bpy.context, session)
        for name in ("saved", "by itself"):
            bpy.ops.wm.open_mainfile(filepath=str(folder / f"{name}.blend"))
            figure = bpy.data.objects["euler"]
            np.testing.assert_allclose(list(channels(figure).values()), pose, atol=1e-6)
            assert not [key for key in figure.keys() if key.startswith("pose3d")], name  # noqa: SIM118 (it is no dictionary)


def check_a_recording_is_kept_when_live_is_ended() -> None:
    """By switching the add-on off, or as Blender ends an operator for another file."""
    import blender_pose3d

    with addon_checks.variable("POSE3D_HOME", str(addon_checks.test_folder() / "home")):
        for number, how in enumerate(("switched off", "ended"), 1):
            blender_pose3d.register()
            session = session_for(rig_builders.build("a_pose"), person(), "import time; time.sleep(60)")
            live.record(bpy.context, session, True)
            live.take_in(bpy.context, session, [parse_line(line) for line in lines(person())][:20])
            if how == "ended":
                live.abandon(bpy.context, session)
            blender_pose3d.unregister()
            assert live.current() is None and session.job.ended
            found = sorted((addon_checks.test_folder() / "home" / "cache").glob("live-*.npz"))
            assert len(found) == number and read_track(found[-1]).frame_count == 18, (how, found)
            time.sleep(1.1)  # takes are named by the second


def check_disabling_ends_the_session() -> None:
    import blender_pose3d

    blender_pose3d.register()
    figure = rig_builders.build("a_pose")
    pose = channels(figure)
    session = session_for(figure, person(), "import time; time.sleep(60)")
    deadline = time.monotonic() + 30
    while session.frames < 38 and time.monotonic() < deadline:
        live.advance(bpy.context, session)
    assert channels(figure) != pose and not bpy.ops.pose3d.live.poll()
    assert bpy.ops.pose3d.live_record.poll() and bpy.ops.pose3d.live_stop.poll()
    blender_pose3d.unregister()
    assert live.current() is None and session.job.ended
    np.testing.assert_allclose(list(channels(figure).values()), list(pose.values()), atol=1e-6)
    try:
        os.kill(session.job.pid, 0)
    except ProcessLookupError:
        return
    raise AssertionError("the worker outlived the add-on")


def check_a_deleted_armature_and_rubbish() -> None:
    from blender_pose3d.core.errors import Pose3DError

    with addon_checks.registered():
        figure = rig_builders.build("a_pose")
        told = [parse_line(line) for line in lines(person())]
        wrong = ('"time_s": 9, "detected": true', '"time_s": 10, "detected": true, "positions_m": [[1, 2]]')
        rubbish = [parse_line(f'{{"event": "frame", {values}}}') for values in wrong]
        session = session_for(figure, person(seconds=0.2))
        live.take_in(bpy.context, session, [*told[:8], *rubbish])
        assert session.frames == 6
        bpy.data.objects.remove(figure)
        try:
            live.take_in(bpy.context, session, told[8:12])
        except Pose3DError as error:
            assert "a_pose" in error.message
        else:
            raise AssertionError("a deleted armature was posed")
        live.end(bpy.context, session)
        alone = session_for(None, person())
        run_out(alone)
        assert alone.frames == 38 and overlay._overlay.live is not None
        points, confidence = overlay._overlay.live
        assert points.shape == (17, 3) and 1.4 < np.ptp(points[:, 2]) < 2 and confidence.min() == 1
        live.end(bpy.context, alone)


def check_a_recording_is_a_track() -> None:
    track = person()
    poses = [read_pose(json.loads(line)) for line in lines(track)[2:]]
    made = as_track(poses[5:], read_source(json.loads(lines(track)[1])), name="Live 12-00-00")
    path = addon_checks.test_folder() / "live.npz"
    write_track(path, made)
    again = read_track(path)
    assert again.timestamps_s[0] == 0 and abs(again.fps - 25) < 1e-6 and again.frame_count == len(poses) - 5
    np.testing.assert_allclose(again.positions_m, track.positions_m[5:], atol=1e-6)
    np.testing.assert_allclose(again.landmarks_px, track.landmarks_px[5:], atol=1e-3)


def refused(text: str, **properties: object) -> None:
    try:
        result = bpy.ops.pose3d.live(**properties)
    except RuntimeError as error:
        assert text in str(error) and "Traceback" not in str(error), f"“{text}” is not in: {error}"
    else:
        raise AssertionError(f"no refusal but {result}; “{text}” was expected")
    assert live.current() is None


def check_refusals() -> None:
    with addon_checks.registered():
        settings = bpy.context.scene.pose3d.live
        refused("Without a window nobody can press Stop")
        assert not bpy.ops.pose3d.live_stop.poll() and not bpy.ops.pose3d.live_record.poll()
        settings.source = "FILE"
        with addon_checks.variable("POSE3D_ENGINE_PYTHON", os.environ["POSE3D_TEST_PYTHON"]):
            refused("No video is chosen")
            settings.filepath = str(addon_checks.test_folder() / "none.mp4")
            refused("There is no video at")
            empty = addon_checks.add_armature("Empty")
            settings.filepath = str(CLIP)
            bpy.context.scene.pose3d.armature = empty
            refused("has no bones")


def check_with_the_real_worker() -> None:
    """The demo clip plays the camera's part; what was recorded becomes an action and a take."""
    with addon_checks.registered():
        figure = rig_builders.build("a_pose")
        figure.animation_data_create().action = bpy.data.actions.new("Made by hand")
        before, settings = state(), bpy.context.scene.pose3d
        settings.armature, settings.live.source = figure, "CAMERA"
        settings.live.camera = 99
        refused("There is no camera 99 that can be used", seconds=1.0)
        settings.live.source, settings.live.filepath = "FILE", str(CLIP)
        assert bpy.ops.pose3d.live(seconds=2.0, fast=True, record=True) == {"FINISHED"}
        assert live.current() is None
        action = figure.animation_data.action
        assert action.name.startswith("a_pose Live ") and "Made by hand" in bpy.data.actions
        assert state() == before | {"actions": before["actions"] | {action.name}}
        length_s = (action.frame_range[1] - action.frame_range[0]) / bpy.context.scene.render.fps
        assert 1.0 < length_s <= 2.0, length_s
        takes = list((Path(os.environ["POSE3D_HOME"]) / "cache").glob("live-*.npz"))
        assert len(takes) == 1 and read_track(takes[0]).provenance["clip"]["name"].startswith("Live ")
        hips = np.array([hip_at(figure, frame) for frame in range(1, int(action.frame_range[1]))])
        assert np.ptp(hips, axis=0).max() > 0.05, "it moves"
        assert bpy.ops.pose3d.live(seconds=1.0, fast=True) == {"FINISHED"}
        assert figure.animation_data.action == action, "nothing was recorded"


def hip_at(figure: bpy.types.Object, frame: int) -> np.ndarray:
    bpy.context.scene.frame_set(frame)
    posed = figure.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array(posed.matrix_world @ posed.pose.bones["LeftHand"].head)


if __name__ == "__main__":
    script.run(lambda names: addon_checks.main(names, globals()))
