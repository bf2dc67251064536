"""Runs inside a Blender: `output_checks.py -- CHECK…`. Prints a line for each check, ends with 0 when all hold.

Not collected by pytest; test_output.py starts it.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d import headless  # noqa: E402
from blender_pose3d.bridge import export, files  # noqa: E402
from blender_pose3d.bridge.apply import AppliedMotion  # noqa: E402
from blender_pose3d.bridge.markers import CONFIDENCE_PROPERTY  # noqa: E402
from blender_pose3d.bridge.output import apply_with_output, push_down  # noqa: E402
from blender_pose3d.bridge.root_motion import on_root  # noqa: E402
from blender_pose3d.bridge.targets import shown_action  # noqa: E402
from blender_pose3d.core.errors import Pose3DError  # noqa: E402
from blender_pose3d.core.track_io import write_track  # noqa: E402
from blender_pose3d.ops import run  # noqa: E402
from tests.blender import addon_checks, exact_tracks, rig_builders, script  # noqa: E402

FPS = exact_tracks.demo(every=5).track.fps


def imported(**output: object) -> tuple[bpy.types.Object, AppliedMotion]:
    """The first seconds of the demo's truth on a figure with an action already, as the operator applies it."""
    settings = bpy.context.scene.pose3d
    for name, value in output.items():
        setattr(settings.output, name, value)
    figure = rig_builders.build("a_pose")
    figure.animation_data_create().action = bpy.data.actions.new("Made by hand")
    exact = exact_tracks.demo(every=5)
    path = addon_checks.test_folder() / "demo.npz"
    write_track(path, exact.track)
    applied = apply_with_output(
        bpy.context,
        figure,
        exact.track,
        settings.output.settings(),
        preset="auto",
        resources=ROOT,
        options=settings.motion.options(),
        track_path=path,
    )
    return figure, applied


def scene_state() -> dict[str, object]:
    """All of the user's that an export could touch."""
    scene, layer = bpy.context.scene, bpy.context.view_layer
    return {
        "frames": (scene.frame_start, scene.frame_end, scene.frame_current, scene.use_preview_range),
        "rate": (scene.render.fps, round(scene.render.fps_base, 6)),
        "active": layer.objects.active.name if layer.objects.active else None,
        "mode": files.active_mode(layer),
        "objects": {
            o.name: (o.select_get(), o.hide_get(), o.hide_viewport, o.hide_select, [list(row) for row in o.matrix_world])
            for o in layer.objects
        },
        "positions": {armature.name: armature.pose_position for armature in bpy.data.armatures},
        "actions": {
            o.name: (o.animation_data.action, o.animation_data.action_slot, len(o.animation_data.nla_tracks))
            for o in layer.objects
            if o.animation_data
        },
        "data": {
            kind: sorted(getattr(bpy.data, kind).keys()) for kind in ("objects", "meshes", "armatures", "actions", "scenes")
        },
        "addons": sorted(addon.module for addon in bpy.context.preferences.addons),
    }


def refused(text: str, **properties: object) -> None:
    try:
        result = bpy.ops.pose3d.export_animation(**properties)
    except RuntimeError as error:
        assert text in str(error) and "Traceback" not in str(error), f"“{text}” is not in: {error}"
    else:
        raise AssertionError(f"no refusal but {result}")


def check_the_scene_stays_unless_it_is_asked_for() -> None:
    with addon_checks.registered():
        before = scene_state()
        figure, applied = imported()
        scene = bpy.context.scene
        assert (scene.frame_start, scene.frame_end) == before["frames"][:2] and scene_state()["rate"] == before["rate"]
        assert figure.animation_data.action.name == applied.action_name == "a_pose demo"
        assert not figure.animation_data.nla_tracks and "Made by hand" in bpy.data.actions
        seconds = (applied.frame_end - applied.frame_start) / 24
        assert abs(seconds - exact_tracks.demo(every=5).track.timestamps_s[-1]) < 1 / 24


def check_name_start_and_rate() -> None:
    with addon_checks.registered():
        _, applied = imported(
            action_name="{clip} on {armature} by {preset}",
            use_start_frame=True,
            start_frame=101,
            frame_rate="CLIP",
            fit_range=True,
        )
        scene = bpy.context.scene
        track = exact_tracks.demo(every=5).track
        assert applied.action_name.startswith("demo on a_pose by ") and applied.preset in applied.action_name
        assert abs(scene.render.fps / scene.render.fps_base - track.fps) < 1e-3
        assert (applied.frame_start, applied.frame_end) == (101, 100 + track.frame_count)
        assert scene.frame_end == applied.frame_end and scene.frame_start == 1
        assert bpy.data.actions[applied.action_name].frame_range[:] == (101, 100 + track.frame_count)


def check_a_scene_has_no_range_before_its_first_frame() -> None:
    with addon_checks.registered():
        scene = bpy.context.scene
        before = scene.frame_start, scene.frame_end
        _, applied = imported(use_start_frame=True, start_frame=-1000, fit_range=True)
        assert applied.frame_start == -1000 and applied.frame_end < 0
        assert (scene.frame_start, scene.frame_end) == before
        assert [w for w in applied.warnings if "before frame 0" in w], applied.warnings
        _, applied = imported(use_start_frame=True, start_frame=-10, fit_range=True)
        assert (scene.frame_start, scene.frame_end) == (0, applied.frame_end)
        assert [w for w in applied.warnings if "before frame 0" in w], applied.warnings
        _, applied = imported(use_start_frame=True, start_frame=0, fit_range=True)
        assert not [w for w in applied.warnings if "before frame 0" in w], applied.warnings


def check_what_stops_before_the_motion_is_told() -> None:
    """The scene, or its preview range, which is what plays where there is one."""
    with addon_checks.registered():
        scene = bpy.context.scene
        _, applied = imported(fit_range=True)
        last = applied.frame_end
        assert "stops before" not in run.summary(applied, scene)
        scene.use_preview_range, scene.frame_preview_start, scene.frame_preview_end = True, 5, last - 3
        assert f"The preview range stops before that, at frame {last - 3}." in run.summary(applied, scene)
        scene.frame_end, scene.frame_preview_end = last - 1, last
        assert "stops before" not in run.summary(applied, scene)
        scene.use_preview_range = False
        assert f"The scene stops before that, at frame {last - 1}." in run.summary(applied, scene)


def check_an_override_keeps_its_confidence() -> None:
    """Blender does not save a property that was added to a library override, and its curve would point at nothing."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure = rig_builders.build("a_pose")
        character = bpy.data.collections.new("Character")
        bpy.context.scene.collection.children.link(character)
        character.objects.link(figure)
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "library.blend"))
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with bpy.data.libraries.load(str(folder / "library.blend"), link=True) as (_, wanted):
            wanted.collections = ["Character"]
        character = bpy.data.collections["Character"]
        bpy.context.scene.collection.children.link(character)
        character.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer, do_fully_editable=True)
        for strip in (False, True):
            figure = next(item for item in bpy.data.objects if item.override_library)
            bpy.context.scene.pose3d.output.nla_strip = strip
            applied = apply_with_output(
                bpy.context,
                figure,
                exact_tracks.demo(every=5).track,
                bpy.context.scene.pose3d.output.settings(),
                preset="auto",
                resources=ROOT,
            )
            bpy.context.scene.frame_set(applied.frame_start + 20)
            expected = figure[CONFIDENCE_PROPERTY]
            assert 0 < expected <= 1
            bpy.ops.wm.save_as_mainfile(filepath=str(folder / "uses.blend"))
            bpy.ops.wm.open_mainfile(filepath=str(folder / "uses.blend"))
            figure = next(item for item in bpy.data.objects if item.override_library)
            bpy.context.scene.frame_set(applied.frame_start + 20)
            assert abs(figure[CONFIDENCE_PROPERTY] - expected) < 1e-6
            bpy.data.libraries[0].reload()
            figure = next(item for item in bpy.data.objects if item.override_library)
            if bpy.app.version >= (5, 0, 0):  # earlier ones tell nobody that it is done
                bpy.context.scene.frame_set(applied.frame_start + 20)
                assert abs(figure[CONFIDENCE_PROPERTY] - expected) < 1e-6


def check_a_wrong_name_changes_nothing() -> None:
    with addon_checks.registered():
        before = scene_state()
        try:
            imported(action_name="{clip} {weather}", frame_rate="CLIP")
        except Pose3DError as error:
            assert "{weather}" in error.message and "{clip}" in error.hint
        else:
            raise AssertionError("a name with an unknown part was taken")
        assert scene_state()["rate"] == before["rate"]
        assert [a.name for a in bpy.data.actions] == ["Made by hand"]


def check_a_failed_solve_gives_the_rate_back() -> None:
    with addon_checks.registered():
        bpy.context.scene.pose3d.output.frame_rate = "CLIP"
        empty = addon_checks.add_armature()
        try:
            apply_with_output(
                bpy.context,
                empty,
                exact_tracks.demo(every=5).track,
                bpy.context.scene.pose3d.output.settings(),
                preset="auto",
                resources=ROOT,
            )
        except Pose3DError:
            assert (bpy.context.scene.render.fps, bpy.context.scene.render.fps_base) == (24, 1)
        else:
            raise AssertionError("an armature without bones was animated")


def check_an_nla_strip_plays_as_the_action_did() -> None:
    with addon_checks.registered():
        figure, applied = imported()
        frames = [applied.frame_start, (applied.frame_start + applied.frame_end) // 2, applied.frame_end]
        expected = [pose_at(figure, frame) for frame in frames]
        bpy.data.objects.remove(figure)
        for action in list(bpy.data.actions):
            bpy.data.actions.remove(action)
        figure, applied = imported(nla_strip=True)
        data = figure.animation_data
        assert data.action is None and len(data.nla_tracks) == 1
        strip = data.nla_tracks[0].strips[0]
        assert strip.action.name == applied.action_name and "Made by hand" in bpy.data.actions
        assert (strip.frame_start, strip.frame_end) == (applied.frame_start, applied.frame_end)
        for frame, pose in zip(frames, expected, strict=True):
            np.testing.assert_allclose(pose_at(figure, frame), pose, atol=1e-4)
        assert np.ptp(expected, axis=0).max() > 0.1, "the figure moves"
        assert shown_action(figure) == strip.action
        imported_again = push_again(figure)
        assert len(data.nla_tracks) == 2 and shown_action(figure).name == imported_again


def check_strips_hide_each_other_only_while_they_play() -> None:
    """In whichever order they come, and wherever: what is under a strip is seen before and after it."""
    for first, second in ((1, 300), (300, 1), (100, 150)):
        with addon_checks.registered():
            figure, applied = imported(nla_strip=True, use_start_frame=True, start_frame=first)
            last = applied.frame_end
            expected = {frame: pose_at(figure, frame) for frame in (first, first + 20, last - 20, last)}
            later = imported_on(figure, start_frame=second)
            upper = figure.animation_data.nla_tracks[-1].strips[0]
            assert upper.action.name == later.action_name
            for frame, pose in expected.items():
                if not later.frame_start <= frame <= later.frame_end:
                    np.testing.assert_allclose(pose_at(figure, frame), pose, atol=1e-4, err_msg=f"{first} {second} {frame}")
            end = max(last, later.frame_end)
            np.testing.assert_allclose(pose_at(figure, end + 9), pose_at(figure, end), atol=1e-4, err_msg="it stays at its end")
        bpy.ops.wm.read_factory_settings(use_empty=True)
    with addon_checks.registered():
        figure, applied = imported(nla_strip=True, start_frame=100)
        figure.animation_data.nla_tracks[0].mute = True
        imported_on(figure, start_frame=400)
        assert [track.strips[0].extrapolation for track in figure.animation_data.nla_tracks] == ["HOLD", "HOLD"]


def check_the_strip_that_plays_is_meant() -> None:
    """The one of a track that plays solo, or that is under the playhead; not where the NLA is switched off."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        scene = bpy.context.scene
        figure, still = imported(nla_strip=True)
        turns = imported_on(figure, start_frame=1, motion="walk_turn")
        data = figure.animation_data
        lower, upper = data.nla_tracks
        assert shown_action(figure).name == turns.action_name
        lower.is_solo = True
        assert shown_action(figure).name == still.action_name
        lower.strips[0].frame_start_ui = 501  # exported in its own frames
        data.action = bpy.data.actions.new("Hidden by the solo track")
        assert shown_action(figure).name == still.action_name
        frames = np.linspace(1, still.frame_end, 9).astype(int)
        moved_m = distance_to_hips_m(figure, frames + 500)
        before = scene_state(), lower.is_solo, data.use_nla
        for kind in ("bvh", "fbx", "glb"):
            path = folder / f"solo.{kind}"
            assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
            assert (scene_state(), lower.is_solo, data.use_nla) == before
        lower.is_solo, data.action = False, None
        data.nla_tracks.remove(lower)
        upper.strips.new(still.action_name, 600, bpy.data.actions[still.action_name])
        for frame, wanted in ((10, turns), (610, still), (450, turns), (5000, still)):
            scene.frame_set(frame)
            assert shown_action(figure).name == wanted.action_name, frame
        data.use_nla = False
        assert shown_action(figure) is None
        off = imported_on(figure, start_frame=1)
        assert [warning for warning in off.warnings if "switched off" in warning], off.warnings
    for kind in ("bvh", "fbx", "glb"):
        figure = files.open_rig(files.RigFile(folder / f"solo.{kind}"))
        first = round(figure.animation_data.action.frame_range[0])
        read_m = distance_to_hips_m(figure, frames - 1 + first)
        assert np.abs(read_m - moved_m).max() < 0.02, (kind, read_m, moved_m)


def put_into_metas(figure: bpy.types.Object) -> None:
    """All strips of an armature, as Make Meta does."""
    data, window = figure.animation_data, bpy.context.window_manager.windows[0]
    for track in data.nla_tracks:
        track.select = True
        for strip in track.strips:
            strip.select = True
    bpy.context.view_layer.objects.active = figure
    figure.select_set(True)
    area = window.screen.areas[0]
    kind, area.type = area.type, "NLA_EDITOR"
    with bpy.context.temp_override(window=window, area=area, region=area.regions[-1]):
        assert bpy.ops.nla.meta_add() == {"FINISHED"}
    area.type = kind
    assert [strip.type for track in data.nla_tracks for strip in track.strips] == ["META"] * len(data.nla_tracks)


def check_strips_in_a_meta_strip_play_as_others_do() -> None:
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure, applied = imported(nla_strip=True)
        data = figure.animation_data
        put_into_metas(figure)
        put_into_metas(figure)  # one in the other
        meta = data.nla_tracks[0].strips[0]
        meta.frame_start_ui = 101
        assert shown_action(figure).name == applied.action_name
        last = applied.frame_end + 101 - applied.frame_start
        frames = np.linspace(101, last, 9).astype(int)
        moved_m = distance_to_hips_m(figure, frames)
        for kind in ("bvh", "fbx", "glb"):
            assert bpy.ops.pose3d.export_animation(filepath=str(folder / f"meta.{kind}"), armature=figure.name) == {"FINISHED"}
        bpy.context.scene.pose3d.armature = figure
        bpy.data.actions[applied.action_name].pose_markers.new("left heel down").frame = 5
        meta.use_reverse = True
        turned_m = distance_to_hips_m(figure, 101 + last - frames)
        assert np.abs(turned_m - moved_m).max() < 0.02 < np.ptp(moved_m), (turned_m, moved_m)
        try:
            bpy.ops.pose3d.solve_contacts_again()
            raise AssertionError("motion that is played backwards was solved as if it were not")
        except RuntimeError as error:
            assert f"'{meta.name}' plays what is in it backwards" in str(error), error
        meta.use_reverse = False
        assert bpy.ops.pose3d.solve_contacts_again() == {"FINISHED"}
        again, data.action = data.action, None
        assert tuple(again.frame_range) == (101, last)
        # What comes above it leaves it to be seen before and after.
        imported_on(figure, start_frame=150)
        assert data.nla_tracks[-1].strips[0].extrapolation != "HOLD"
        meta.mute = True
        assert shown_action(figure) != bpy.data.actions[applied.action_name]
    for kind in ("bvh", "fbx", "glb"):
        figure = files.open_rig(files.RigFile(folder / f"meta.{kind}"))
        first = round(figure.animation_data.action.frame_range[0])
        read_m = distance_to_hips_m(figure, frames - 101 + first)
        assert np.abs(read_m - moved_m).max() < 0.02, (kind, read_m, moved_m)


def check_a_strip_that_is_being_edited_is_exported() -> None:
    """Tweak mode: its action seems to be the active one, but plays where the strip lies."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure, still = imported(nla_strip=True)
        turns = imported_on(figure, start_frame=1, motion="walk_turn")
        data = figure.animation_data
        own = data.action = bpy.data.actions.new("Over both")
        edited = data.nla_tracks[0].strips[0]
        edited.frame_start_ui = 501
        edited.action_frame_end -= 20
        frames = np.linspace(1, still.frame_end - 20, 9).astype(int)
        data.nla_tracks.active = data.nla_tracks[0]
        edited.select = data.use_tweak_mode = True
        moved_m = distance_to_hips_m(figure, frames + 500)

        def state() -> tuple:
            tracks = [
                (track.is_solo, [(s.name, s.active, s.frame_start, s.frame_end, s.use_sync_length) for s in track.strips])
                for track in data.nla_tracks
            ]
            return scene_state(), data.use_tweak_mode, data.action.name, tracks, data.nla_tracks.active.name

        before = state()
        assert data.use_tweak_mode and data.action.name == still.action_name != turns.action_name
        for kind in ("bvh", "fbx", "glb"):
            path = folder / f"edited.{kind}"
            assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
            assert state() == before
        np.testing.assert_allclose(distance_to_hips_m(figure, frames + 500), moved_m, atol=1e-4)
        data.use_tweak_mode = False
        assert data.action == own
    for kind in ("bvh", "fbx", "glb"):
        figure = files.open_rig(files.RigFile(folder / f"edited.{kind}"))
        first = round(figure.animation_data.action.frame_range[0])
        read_m = distance_to_hips_m(figure, frames - 1 + first)
        assert np.abs(read_m - moved_m).max() < 0.02, (kind, read_m, moved_m)


def check_layers_are_exported_together() -> None:
    """An upper body over a walk in the NLA, and a correction of a few keys over both."""
    folder = addon_checks.test_folder()
    expected = {}
    with addon_checks.registered():
        figure = rig_builders.build("a_pose")
        imported_on(figure, start_frame=51, motion="walk_turn")
        bpy.context.scene.pose3d.motion.upper_body = True
        waves = imported_on(figure, start_frame=51)
        bpy.context.scene.pose3d.motion.upper_body = False
        data = figure.animation_data
        frames = np.linspace(51, waves.frame_end, 9).astype(int)
        for name in ("strips", "correction"):
            if name == "correction":
                data.action, data.action_blend_type = bpy.data.actions.new("Correction"), "COMBINE"
                for frame in (60, 70):
                    figure.pose.bones["Head"].keyframe_insert("rotation_quaternion", frame=frame)
            expected[name] = reaches_m(figure, frames)
            assert np.ptp(expected[name], axis=0).min() > 0.03, expected[name]
            before = scene_state()
            for kind in ("bvh", "fbx", "glb"):
                path = folder / f"{name}.{kind}"
                assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
                after = scene_state()
                assert after == before, (kind, {k: (before[k], after[k]) for k in before if before[k] != after[k]})
        # A whole body over both hides them: it is alone.
        data.action, data.action_blend_type = None, "REPLACE"
        whole = imported_on(figure, start_frame=1, nla_strip=False)
        for kind in ("bvh", "fbx", "glb"):
            path = folder / f"whole.{kind}"
            assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
            assert export.export_animation(bpy.context, path, figure, resources=ROOT, overwrite=True) == (1, whole.frame_end)
    for name, wanted in expected.items():
        for kind in ("bvh", "fbx", "glb"):
            figure = files.open_rig(files.RigFile(folder / f"{name}.{kind}"))
            first, last = (round(frame) for frame in figure.animation_data.action.frame_range)
            assert last - first == frames[-1] - frames[0], (name, kind, first, last)
            read = reaches_m(figure, frames - 51 + first)
            assert np.abs(read - wanted).max() < 0.01, (name, kind, read, wanted)


def reaches_m(figure: bpy.types.Object, frames: np.ndarray) -> np.ndarray:
    """How far hand and foot are from the hips, [T, 2]."""
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(int(frame))
        posed = figure.evaluated_get(bpy.context.evaluated_depsgraph_get())
        hips, *ends = (posed.matrix_world @ posed.pose.bones[name].head for name in ("Hips", "LeftHand", "LeftFoot"))
        found.append([(end - hips).length for end in ends])
    return np.array(found)


def imported_on(figure: bpy.types.Object, *, start_frame: int, motion: str = "reach", nla_strip: bool = True) -> AppliedMotion:
    output = bpy.context.scene.pose3d.output
    output.use_start_frame, output.start_frame, output.nla_strip = True, start_frame, nla_strip
    track = exact_tracks.motion(motion, seconds=3).track
    options = bpy.context.scene.pose3d.motion.options()
    return apply_with_output(bpy.context, figure, track, output.settings(), preset="auto", resources=ROOT, options=options)


def push_again(figure: bpy.types.Object) -> str:
    applied = apply_with_output(
        bpy.context,
        figure,
        exact_tracks.demo(every=5).track,
        bpy.context.scene.pose3d.output.settings(),
        preset="auto",
        resources=ROOT,
    )
    return applied.action_name


def pose_at(figure: bpy.types.Object, frame: int) -> np.ndarray:
    bpy.context.scene.frame_set(frame)
    posed = figure.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([posed.matrix_world @ bone.head for bone in posed.pose.bones])


def check_poses_without_keys_and_the_frame_stay() -> None:
    """Of the others, whose animation a change of the frame would put in their place; the new action shows at once."""
    with addon_checks.registered():
        scene = bpy.context.scene
        other = rig_builders.build("euler")
        arm = other.pose.bones["LeftArm"]
        cube = bpy.data.objects.new("Cube", None)
        scene.collection.objects.link(cube)
        for frame, value in ((1, 0.0), (20, 0.1)):
            arm.rotation_euler.x = cube.location.x = value
            arm.keyframe_insert("rotation_euler", frame=frame)
            cube.keyframe_insert("location", frame=frame)

        def pose_by_hand() -> None:
            scene.frame_set(10, subframe=0.5)
            arm.rotation_euler.x = cube.location.x = 1.0
            bpy.context.view_layer.update()

        def require_kept(what: str) -> None:
            kept = (scene.frame_current, scene.frame_subframe, arm.rotation_euler.x, cube.location.x)
            assert kept == (10, 0.5, 1.0, 1.0), (what, kept)

        for name, output in (("action", {}), ("strip", {"nla_strip": True}), ("ik", {"limbs": "ik"})):
            pose_by_hand()
            if name == "ik":
                figure = rig_builders.with_ik_constraints("a_pose")
                scene.pose3d.output.nla_strip = False
                scene.pose3d.output.limbs = "ik"
                push_again(figure)
            else:
                figure, _ = imported(**output)
            require_kept(name)
            shown = basis_of(figure)
            scene.frame_set(10, subframe=0.5)
            np.testing.assert_allclose(shown, basis_of(figure), atol=1e-5, err_msg=f"{name}: not the action's pose")
            rest = np.broadcast_to(np.eye(4), shown.shape)
            assert np.abs(shown - rest).max() > 0.05, f"{name}: it moves"
        for kind in ("bvh", "fbx", "glb"):
            pose_by_hand()
            figure.pose.bones["Head"].rotation_quaternion = (0.6, 0.8, 0, 0)
            path = addon_checks.test_folder() / f"kept.{kind}"
            assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
            require_kept(kind)
            np.testing.assert_allclose(figure.pose.bones["Head"].rotation_quaternion, (0.6, 0.8, 0, 0), atol=1e-6)
        target = rig_builders.build("a_pose")
        pose_by_hand()
        assert bpy.ops.pose3d.retarget_animation(armature=target.name, source=figure.name) == {"FINISHED"}
        require_kept("retarget")


def basis_of(figure: bpy.types.Object) -> np.ndarray:
    return np.array([np.array(bone.matrix_basis) for bone in figure.pose.bones])


def check_exports_leave_the_scene_as_it_was() -> None:
    with addon_checks.registered():
        figure, applied = imported()
        other = bpy.data.objects.new("Other", bpy.data.meshes.new("Other"))
        bpy.context.scene.collection.objects.link(other)
        figure.hide_select = True
        other.select_set(True)
        bpy.context.view_layer.objects.active = other
        bpy.context.scene.frame_set(7)
        for pushed in (False, True):
            if pushed:
                bpy.context.scene.pose3d.output.nla_strip = True
                push_again(figure)
            before = scene_state()
            for kind in ("bvh", "fbx", "glb"):
                path = addon_checks.test_folder() / f"{kind}-{pushed}.{kind}"
                assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
                assert path.stat().st_size > 1000
                after = scene_state()
                assert after == before, (kind, {k: (before[k], after[k]) for k in before if before[k] != after[k]})
        wanted_s = (applied.frame_end - applied.frame_start) / 24
    for pushed in (False, True):
        for kind in ("bvh", "fbx", "glb"):
            bones, seconds = files.read_back(addon_checks.test_folder() / f"{kind}-{pushed}.{kind}")
            assert abs(seconds - wanted_s) < 1.01 / 24, (kind, seconds, wanted_s)
            assert bones >= 17, (kind, bones)


def check_what_rests_or_is_hidden_is_exported_as_it_moves() -> None:
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure, applied = imported()
        hidden = bpy.data.collections.new("Hidden")
        bpy.context.scene.collection.children.link(hidden)
        bpy.context.scene.collection.objects.unlink(figure)
        hidden.objects.link(figure)
        frames = np.linspace(applied.frame_start, applied.frame_end, 9).astype(int)
        moved_m = distance_to_hips_m(figure, frames)
        assert np.ptp(moved_m) > 0.2, moved_m
        figure.data.pose_position, figure.hide_viewport = "REST", True
        before = scene_state()
        for kind in ("bvh", "fbx", "glb"):
            path = folder / f"rest.{kind}"
            assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
            after = scene_state()
            assert after == before, (kind, {k: (before[k], after[k]) for k in before if before[k] != after[k]})
        figure.data.pose_position, figure.hide_viewport = "POSE", False
        bpy.context.view_layer.layer_collection.children["Hidden"].hide_viewport = True
        eyes = folder / "eyes.bvh"
        assert bpy.ops.pose3d.export_animation(filepath=str(eyes), armature=figure.name) == {"FINISHED"}
        layer = bpy.context.view_layer.layer_collection.children["Hidden"]
        for name, owner, flag in (("hidden", hidden, "hide_viewport"), ("excluded", layer, "exclude")):
            setattr(owner, flag, True)
            path = folder / f"{name}.bvh"
            assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
            assert getattr(owner, flag) and layer.hide_viewport, "it is hidden again"
            setattr(owner, flag, False)
    for name in ("rest.bvh", "rest.fbx", "rest.glb", "eyes.bvh", "hidden.bvh", "excluded.bvh"):
        figure = files.open_rig(files.RigFile(folder / name))
        first = figure.animation_data.action.frame_range[0]
        read_m = distance_to_hips_m(figure, np.round(frames - frames[0] + first).astype(int))
        assert np.abs(read_m - moved_m).max() < 0.02, (name, read_m, moved_m)


def check_hidden_ones_that_are_edited_are_exported() -> None:
    """What hides an armature while it is posed or edited hides it from Blender's own operators too."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure, _ = imported()
        layer = bpy.context.view_layer
        for mode in ("POSE", "EDIT"):
            layer.objects.active = figure
            bpy.ops.object.mode_set(mode=mode)
            figure.hide_viewport = True
            before = scene_state()
            assert before["mode"] == mode
            for kind in ("bvh", "fbx", "glb"):
                path = folder / f"{mode}.{kind}"
                assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
                after = scene_state()
                assert after == before, (kind, {k: (before[k], after[k]) for k in before if before[k] != after[k]})
            figure.hide_viewport = False
            bpy.ops.object.mode_set(mode="OBJECT")
        # Edited while another one is active: nothing of the scene's leaves that mode.
        bpy.ops.object.mode_set(mode="EDIT")
        other = bpy.data.objects.new("Other", None)
        bpy.context.scene.collection.objects.link(other)
        layer.objects.active = other
        refused("is in Edit Mode, where it does not move", filepath=str(folder / "beside.bvh"), armature=figure.name)
    for mode in ("POSE", "EDIT"):
        figure = files.open_rig(files.RigFile(folder / f"{mode}.bvh"))
        assert np.ptp(distance_to_hips_m(figure, np.linspace(1, 284, 9).astype(int))) > 0.2


def distance_to_hips_m(figure: bpy.types.Object, frames: np.ndarray) -> np.ndarray:
    """Of the left hand, in each of the frames: [T]."""
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(int(frame))
        posed = figure.evaluated_get(bpy.context.evaluated_depsgraph_get())
        hand, hips = (posed.matrix_world @ posed.pose.bones[name].head for name in ("LeftHand", "Hips"))
        found.append((hand - hips).length)
    return np.array(found)


def check_a_rig_that_was_saved_in_edit_mode_moves() -> None:
    """On the command line, in every kind of file; where it is the active object, or another one that was edited along is."""
    folder = addon_checks.test_folder()
    write_track(folder / "walk.npz", exact_tracks.motion("walk_turn", seconds=2).track)
    wanted: tuple[np.ndarray, np.ndarray] | None = None
    for way in ("as it is", "edited", "edited along", "edited and hidden"):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        figure, other = rig_builders.build("a_pose"), rig_builders.build("plain")
        if way != "as it is":
            figure.select_set(True)
            other.select_set(way == "edited along")
            bpy.context.view_layer.objects.active = other if way == "edited along" else figure
            bpy.ops.object.mode_set(mode="EDIT")
        figure.hide_viewport = way == "edited and hidden"
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "rig.blend"))
        for kind in ("bvh", "fbx", "glb", "blend"):
            out = folder / f"{way}.{kind}"
            words = ["retarget", str(folder / "walk.npz"), "--rig", f"{folder / 'rig.blend'}:a_pose", "--out", str(out)]
            with contextlib.redirect_stderr(io.StringIO()) as said:
                assert headless.main([*words, "--fps", "24"], resources=ROOT) == 0
            assert "Edit Mode" not in said.getvalue(), said.getvalue()
            figure = files.open_rig(files.RigFile(out, "a_pose" if kind == "blend" else ""))
            first = round(figure.animation_data.action.frame_range[0])
            figure.hide_viewport = False
            read = np.array([pose_at(figure, first + frame) for frame in range(0, 40, 4)])
            hips = figure.pose.bones.find("Hips")
            hand = read[:, figure.pose.bones.find("LeftHand")] - read[:, hips]
            moved = np.ptp(read[:, hips], axis=0), np.ptp(hand, axis=0)
            wanted = moved if (way, kind) == ("as it is", "bvh") else wanted
            np.testing.assert_allclose(moved, wanted, atol=0.01, err_msg=f"{way} {kind}")
    assert np.max(wanted) > 0.3


def check_one_that_is_scaled_to_nothing_for_a_while_is_exported() -> None:
    """As animators hide characters."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure, applied = imported()
        for frame, scale in ((1, 0.0), (10, 0.0), (11, 1.0)):
            figure.scale = [scale] * 3
            figure.keyframe_insert("scale", frame=frame)
        frames = np.linspace(20, applied.frame_end, 9).astype(int)
        moved_m = distance_to_hips_m(figure, frames)
        path = folder / "nothing.bvh"
        assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
    figure = files.open_rig(files.RigFile(path))
    first = round(figure.animation_data.action.frame_range[0])
    read_m = distance_to_hips_m(figure, frames - 1 + first)
    assert np.abs(read_m - moved_m).max() < 0.02, (read_m, moved_m)


def check_one_that_is_carried_is_exported_where_it_goes() -> None:
    """By what it hangs on, or by a constraint: neither is in the file, its way is."""
    folder = addon_checks.test_folder()
    expected = {}
    for way in ("parent", "constraint"):
        with addon_checks.registered():
            figure, applied = imported()
            platform = bpy.data.objects.new("Platform", None)
            bpy.context.scene.collection.objects.link(platform)
            for frame, metres in ((1, 0.0), (applied.frame_end, 5.0)):
                platform.location = (0.0, metres, metres / 5)
                platform.keyframe_insert("location", frame=frame)
            if way == "parent":
                figure.parent = platform
            else:
                figure.constraints.new("CHILD_OF").target = platform
            frames = np.linspace(1, applied.frame_end, 9).astype(int)
            expected[way] = places_m(figure, frames)
            for kind in ("bvh", "fbx", "glb"):
                path = folder / f"{way}.{kind}"
                assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
        for kind in ("bvh", "fbx", "glb"):
            figure = files.open_rig(files.RigFile(folder / f"{way}.{kind}"))
            first = round(figure.animation_data.action.frame_range[0])
            read = places_m(figure, frames - 1 + first)
            assert np.abs(read - expected[way]).max() < 0.01, (way, kind, read, expected[way])
            assert "Platform" not in bpy.data.objects, (way, kind)


def places_m(figure: bpy.types.Object, frames: np.ndarray) -> np.ndarray:
    """Where hips and left hand are, [T, 2, 3]."""
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(int(frame))
        posed = figure.evaluated_get(bpy.context.evaluated_depsgraph_get())
        found.append([posed.matrix_world @ posed.pose.bones[name].head for name in ("Hips", "LeftHand")])
    return np.array(found)


def check_animations_are_called_as_the_action_is() -> None:
    """One in a file, alone, of a character that is carried, and with what plays under it; the keys of shapes are in it."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure, applied = imported()
        scene, called = bpy.context.scene, bpy.data.actions[applied.action_name]
        mesh = bpy.data.meshes.new("Face")
        mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        face = bpy.data.objects.new("Face", mesh)
        face.parent = figure
        scene.collection.objects.link(face)
        face.shape_key_add(name="Basis")
        smile = face.shape_key_add(name="Smile")
        smile.points[0].co.x = 0.1
        for frame, smile.value in ((1, 0.0), (20, 1.0)):
            smile.keyframe_insert("value", frame=frame)
        platform = bpy.data.objects.new("Platform", None)
        scene.collection.objects.link(platform)
        for frame, metres in ((1, 0.0), (applied.frame_end, 5.0)):
            platform.location.y = metres
            platform.keyframe_insert("location", frame=frame)
        for way in ("alone", "carried", "layered"):
            called.name = f"{way} walk"
            if way == "carried":
                figure.parent = platform
            if way == "layered":
                push_down(figure, called)
                scene.pose3d.motion.upper_body = True
                imported_on(figure, start_frame=1, nla_strip=False)
            scene.frame_set(1)
            before, was_called = scene_state(), scene.name
            for kind in ("fbx", "glb"):
                path = folder / f"{way}.{kind}"
                assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
            after = scene_state()
            assert after == before, (way, {k: (before[k], after[k]) for k in before if before[k] != after[k]})
            assert scene.name == was_called
            wanted = export.exported_action(figure).name
            data = (folder / f"{way}.fbx").read_bytes()
            assert f"{wanted}\0\1AnimStack".encode() in data and data.count(b"\0\1AnimStack") == 1, (way, wanted)
            data = (folder / f"{way}.glb").read_bytes()
            content = json.loads(data[20 : 20 + int.from_bytes(data[12:16], "little")])
            (animation,) = content["animations"]
            moved = {channel["target"]["path"] for channel in animation["channels"]}
            assert animation["name"] == wanted and moved >= {"rotation", "weights"}, (way, animation["name"], moved)


def check_an_fbx_has_the_pictures_that_are_packed() -> None:
    """As those of a character from a glTF file are, without a file's name; none of them is anywhere else."""
    path = addon_checks.test_folder() / "pictures.fbx"
    colours = {"Skin": (1.0, 0.0, 0.0, 1.0), "Cloth": (0.0, 0.0, 1.0, 1.0)}
    with addon_checks.registered():
        figure, _ = imported()
        for name, colour in colours.items():
            mesh = bpy.data.meshes.new(name)
            mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
            mesh.uv_layers.new()
            material = bpy.data.materials.new(name)
            material.use_nodes = True
            picture = bpy.data.images.new(name, 4, 4)
            picture.pixels[:] = colour * 16
            picture.pack()
            picture.filepath_raw = ""
            nodes = material.node_tree.nodes
            texture = nodes.new("ShaderNodeTexImage")
            texture.image = picture
            material.node_tree.links.new(texture.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
            mesh.materials.append(material)
            part = bpy.data.objects.new(name, mesh)
            part.parent = figure
            bpy.context.scene.collection.objects.link(part)
        assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
        assert [bpy.data.images[name].filepath_raw for name in colours] == ["", ""], "they are as they were"
    assert [file.name for file in path.parent.iterdir() if file.stem == "pictures"] == [path.name]
    files.open_rig(files.RigFile(path))
    for name, colour in colours.items():
        textures = [node for node in bpy.data.materials[name].node_tree.nodes if node.type == "TEX_IMAGE"]
        assert [tuple(round(value, 2) for value in node.image.pixels[:4]) for node in textures] == [colour], name
        assert textures[0].image.filepath.endswith(f"{name}.png"), textures[0].image.filepath


def check_what_is_hidden_and_not_in_the_file_is_told() -> None:
    """Of the character's meshes: what only looks hidden is often forgotten. What is not rendered either is meant so."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure, _ = imported()
        for name in ("Body", "Hair", "Shoes", "Collision", "Elsewhere"):
            mesh = bpy.data.meshes.new(name)
            mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
            part = bpy.data.objects.new(name, mesh)
            part.parent = figure if name != "Elsewhere" else None
            bpy.context.scene.collection.objects.link(part)
        bpy.data.objects["Shoes"].hide_viewport = bpy.data.objects["Collision"].hide_render = True
        for name in ("Hair", "Collision", "Elsewhere"):
            bpy.data.objects[name].hide_set(True)
        told = "Hidden, so not in the file: 'Hair', 'Shoes'. Show them, or disable them in renders."
        assert files.left_out(figure, folder / "hero.glb") == files.left_out(figure, folder / "hero.fbx") == (told,)
        assert files.left_out(figure, folder / "hero.bvh") == files.left_out(figure, folder / "hero.blend") == ()
        bpy.ops.wm.save_as_mainfile(filepath=str(folder / "hero.blend"))
    words = ["retarget", str(folder / "demo.npz"), "--rig", str(folder / "hero.blend"), "--out", str(folder / "hero.glb")]
    with contextlib.redirect_stderr(io.StringIO()) as said:
        assert headless.main(words, resources=ROOT) == 0
    assert f"warning: {told}\n" in said.getvalue(), said.getvalue()
    files.open_rig(files.RigFile(folder / "hero.glb"))
    assert {"Body", "Hair", "Shoes", "Collision"} & set(bpy.data.objects.keys()) == {"Body"}


def check_modifiers_are_in_the_file() -> None:
    """A body of which only one half is modelled. Blender's exporters have not both modifiers and shape keys: what is left out is
    told, of all meshes' modifiers in a glTF file, of one mesh's shape keys in an FBX."""
    folder = addon_checks.test_folder()
    for shapes in (False, True):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with addon_checks.registered():
            figure, _ = imported()
            skin_on(figure, ["LeftArm", "LeftHand"]).name = "Body"
            skin_on(figure, ["Head"]).name = "Face"
            body, face = bpy.data.objects["Body"], bpy.data.objects["Face"]
            body.modifiers.new("Other half", "MIRROR")
            body.modifiers.move(1, 0)
            unseen = face.modifiers.new("Not yet", "SUBSURF")
            unseen.show_viewport = unseen.show_render = False
            if shapes:
                face.shape_key_add(name="Basis")
                face.shape_key_add(name="Smile").points[0].co.x = 0.1
            for kind in ("fbx", "glb"):
                bpy.context.scene.pose3d.output.deform_bones = shapes
                path = str(folder / f"{shapes}.{kind}")
                assert bpy.ops.pose3d.export_animation(filepath=path, armature=figure.name) == {"FINISHED"}
            told = "Not in the file, because shape keys are: the modifiers of 'Body'. Apply them to have them there."
            assert files.left_out(figure, folder / "a.glb") == ((told,) if shapes else ())
            assert files.left_out(figure, folder / "a.fbx") == ()
            if shapes:
                unseen.show_render = True
                (told,) = files.left_out(figure, folder / "a.fbx")
                assert told.startswith("Not in the file, because modifiers are: the shape keys of 'Face'. Disable"), told
                assert bpy.ops.pose3d.export_animation(filepath=str(folder / "no.fbx"), armature=figure.name) == {"FINISHED"}
                unseen.show_render = False
            assert [modifier.show_viewport for modifier in body.modifiers] == [True, True]
        for kind in ("fbx", "glb"):
            files.open_rig(files.RigFile(folder / f"{shapes}.{kind}"))
            meshes = {item.data for item in bpy.data.objects if item.type == "MESH" and item.find_armature() is not None}
            points = sorted(len(mesh.vertices) for mesh in meshes)
            assert points == [3, 6 if shapes and kind == "glb" else 12], (shapes, kind, points)
            assert any(mesh.shape_keys is not None for mesh in meshes) == shapes, (shapes, kind)
    files.open_rig(files.RigFile(folder / "no.fbx"))
    assert all(item.data.shape_keys is None for item in bpy.data.objects if item.type == "MESH")


def check_what_is_before_frame_0_is_told() -> None:
    """No exporter writes it."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure, applied = imported(use_start_frame=True, start_frame=-30)
        assert export.exported_frames(figure) == (-30, applied.frame_end)
        for kind in ("bvh", "fbx", "glb"):
            path = folder / f"before.{kind}"
            assert export.export_animation(bpy.context, path, figure, resources=ROOT) == (0, applied.frame_end)
        assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name, overwrite=True) == {"FINISHED"}
        bpy.context.scene.pose3d.output.start_frame = -1000
        push_again(figure)
        refused("and Blender writes nothing before frame 0", filepath=str(folder / "none.bvh"), armature=figure.name)
    for kind in ("bvh", "fbx", "glb"):
        figure = files.open_rig(files.RigFile(folder / f"before.{kind}"))
        first, last = figure.animation_data.action.frame_range
        assert round(last - first) == applied.frame_end, (kind, first, last)


def walked(name: str) -> tuple[bpy.types.Object, range]:
    """A figure of that kind that walks and turns, and the frames in which it does."""
    figure = rig_builders.build(name)
    applied = imported_on(figure, start_frame=1, motion="walk_turn", nla_strip=False)
    return figure, range(applied.frame_start, applied.frame_end + 1)


def ground_way(figure: bpy.types.Object, frames: range, root: str | None) -> np.ndarray:
    """Where the root is in the world in each frame, the bone or the object, [T, 4, 4]."""
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        posed = figure.evaluated_get(bpy.context.evaluated_depsgraph_get())
        found.append(np.array(posed.matrix_world @ posed.pose.bones[root].matrix if root else posed.matrix_world))
    return np.array(found)


def turned_rad(matrices: np.ndarray) -> np.ndarray:
    """About the vertical since the first: [T]."""
    turns = matrices[:, :3, :3] @ np.linalg.inv(matrices[0, :3, :3])
    return np.unwrap(np.arctan2(turns[:, 1, 0], turns[:, 0, 0]))


def check_the_root_carries_the_path() -> None:
    """The body is where it was in every frame, the root below it on the ground: the bone that the hips hang on, or the object."""
    kinds = ("plain", "posed_root", "loose", "connected_hips", "turned_object", "tilted_object", "centimetres_y_up")
    for i, name in enumerate((*kinds, "uneven_scale", "mirrored", "parented", "euler", "axis_angle", "connected", "free_limbs")):
        with addon_checks.registered():
            figure, frames = walked(name)
            root = "Root" if name in ("posed_root", "loose") else None
            scene = bpy.context.scene
            scene.frame_start, scene.frame_end = frames[0], frames[-1]
            body = [bone.name for bone in figure.pose.bones if bone.name != "Root"]
            places = [figure.pose.bones.find(bone) for bone in body]
            before, poses = scene_state(), np.array([pose_at(figure, frame) for frame in frames])
            size_m = np.ptp(poses[0, :, 2])
            scene.frame_set(1)
            basis = basis_of(figure)
            hips = poses[:, body.index("Hips") + (root is not None)]
            rest = ground_way(figure, frames[:1], root)[0]
            turning = (bool(i % 2) or root is not None) and name != "uneven_scale"
            with on_root(bpy.context, figure, frames=frames, turning=turning, resources=ROOT):
                carried = np.array([pose_at(figure, frame) for frame in frames])
                way = ground_way(figure, frames, root)
            assert np.abs(carried - poses)[:, places].max() < 1e-3 * size_m, (name, np.abs(carried - poses)[:, places].max())
            assert np.ptp(hips[:, :2], axis=0).max() > 0.3 * size_m, name
            # Below the hips but for their sway, and no higher than before.
            offset = np.linalg.inv(way) @ np.concatenate([hips, np.ones((len(hips), 1))], axis=1)[..., None]
            from_root = way[:, :3, :3] @ offset[:, :3] if not turning else way[0, :3, :3] @ offset[:, :3]
            sway_m = np.ptp(from_root[:, :2, 0], axis=0)
            assert sway_m.max() < 0.1 * size_m, (name, sway_m)
            assert np.ptp(way[:, 2, 3]) < 1e-4 and np.allclose(way[0, 2, 3], rest[2, 3], atol=1e-4), (name, way[:, 2, 3])
            turned = np.degrees(np.ptp(turned_rad(way)))
            assert (turned > 60) if turning else (turned < 0.1), (name, turned)
            after = scene_state()
            assert after == before, (name, {k: (before[k], after[k]) for k in before if before[k] != after[k]})
            assert np.allclose(basis_of(figure), basis, atol=1e-6), name


def check_root_motion_is_read_back() -> None:
    folder = addon_checks.test_folder()
    expected = {}
    for name in ("plain", "posed_root"):
        with addon_checks.registered():
            figure, frames = walked(name)
            expected[name] = frames, np.array([pose_at(figure, frame) for frame in frames]), list(figure.pose.bones.keys())
            bpy.context.scene.pose3d.output.root_motion = "heading"
            before = scene_state()
            for kind in ("fbx", "glb"):
                path = folder / f"{name}.{kind}"
                assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
                after = scene_state()
                assert after == before, (kind, {k: (before[k], after[k]) for k in before if before[k] != after[k]})
    for name, (frames, poses, names) in expected.items():
        for kind in ("fbx", "glb"):
            figure = files.open_rig(files.RigFile(folder / f"{name}.{kind}"))
            first = round(figure.animation_data.action.frame_range[0])
            there = range(first, first + len(frames))
            order = [figure.pose.bones.find(bone) for bone in names]
            read = np.array([pose_at(figure, frame) for frame in there])[:, order]
            body = [i for i, bone in enumerate(names) if bone != "Root"]
            assert np.abs(read - poses)[:, body].max() < 5e-3, (name, kind, np.abs(read - poses)[:, body].max())
            way = ground_way(figure, there, "Root" if name == "posed_root" else None)
            assert np.degrees(np.ptp(turned_rad(way))) > 60, (name, kind)
            off_m = np.linalg.norm((way[:, :2, 3] - poses[:, names.index("Hips"), :2]), axis=1)
            assert off_m.max() < 0.2, (name, kind, off_m.max())


def check_root_motion_of_layers() -> None:
    """An upper body over a walk in the NLA, where the walk alone has the path."""
    with addon_checks.registered():
        figure = rig_builders.build("posed_root")
        imported_on(figure, start_frame=1, motion="walk_turn")
        bpy.context.scene.pose3d.motion.upper_body = True
        applied = imported_on(figure, start_frame=1, nla_strip=False)
        scene, frames = bpy.context.scene, range(1, applied.frame_end + 1)
        scene.frame_start, scene.frame_end = 1, applied.frame_end
        poses = np.array([pose_at(figure, frame) for frame in frames])
        before = scene_state()
        for has_action in (True, False):
            if not has_action:
                figure.animation_data.action = None
                poses, before = np.array([pose_at(figure, frame) for frame in frames]), scene_state()
            with on_root(bpy.context, figure, frames=frames, turning=False, resources=ROOT):
                carried = np.array([pose_at(figure, frame) for frame in frames])
                way = ground_way(figure, frames, "Root")
            assert np.ptp(way[:, :2, 3], axis=0).max() > 0.5
            body = [i for i, bone in enumerate(figure.pose.bones) if bone.name != "Root"]
            assert np.abs(carried - poses)[:, body].max() < 1e-3
            assert scene_state() == before


def check_deform_bones_alone_are_exported() -> None:
    """As one tree that moves as the body does, without what the animator takes hold of."""
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure = files.open_rig(files.parse_rig("rigify"))
        deforming = [bone.name for bone in figure.data.bones if bone.use_deform]
        skin_on(figure, deforming)
        sword = skin_on(figure, [])
        sword.parent_type, sword.parent_bone = "BONE", "ORG-hand.R"
        applied = imported_on(figure, start_frame=1, motion="walk_turn", nla_strip=False)
        frames = range(applied.frame_start, applied.frame_end + 1)
        places = [figure.pose.bones.find(bone) for bone in deforming]
        poses = np.array([pose_at(figure, frame) for frame in frames])[:, places]
        ends_m = np.array([skin_ends_m(frame) for frame in frames])
        bpy.context.scene.frame_set(1)
        output, before = bpy.context.scene.pose3d.output, scene_state()
        output.deform_bones = True
        for root_motion, kind in (("none", "glb"), ("none", "fbx"), ("none", "bvh"), ("heading", "glb"), ("heading", "fbx")):
            output.root_motion = root_motion
            path = folder / f"{root_motion}.{kind}"
            assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
            after = scene_state()
            assert after == before, (kind, {k: (before[k], after[k]) for k in before if before[k] != after[k]})
    for root_motion, kind in (("none", "glb"), ("none", "fbx"), ("none", "bvh"), ("heading", "glb"), ("heading", "fbx")):
        figure = files.open_rig(files.RigFile(folder / f"{root_motion}.{kind}"))
        assert figure.name == ("rig" if kind != "bvh" else "none"), figure.name
        bones = figure.data.bones
        kept = {"ORG-hand.R"} if kind != "bvh" else set()
        root = "MCH-torso.parent" if root_motion == "heading" else "DEF-spine"
        assert set(bones.keys()) == {*deforming, *kept, root}, set(bones.keys()) ^ {*deforming, *kept, root}
        assert [bone.name for bone in bones if bone.parent is None] == [root]
        hangs_on = {"DEF-thigh.L": "DEF-spine", "DEF-shoulder.R": "DEF-spine.003", "DEF-palm.01.L": "DEF-hand.L"}
        assert {name: bones[name].parent.name for name in hangs_on} == hangs_on
        first = round(figure.animation_data.action.frame_range[0])
        order = [figure.pose.bones.find(bone) for bone in deforming]
        read = np.array([pose_at(figure, first + frame) for frame in range(len(frames))])[:, order]
        assert np.abs(read - poses).max() < 1e-4, (root_motion, kind, np.abs(read - poses).max())
        if kind != "bvh":
            read_m = np.array([skin_ends_m(first + frame) for frame in range(len(frames))])
            assert np.abs(read_m - ends_m).max() < 1e-3, (root_motion, kind, np.abs(read_m - ends_m).max())
    with addon_checks.registered():
        figure, _ = imported()
        for bone in figure.data.bones:
            bone.use_deform = False
        bpy.context.scene.pose3d.output.deform_bones = True
        before = scene_state()
        refused("No bone of 'a_pose' deforms", filepath=str(folder / "none.glb"), armature=figure.name, overwrite=True)
        assert scene_state() == before


def check_a_retargeted_control_rig_is_a_body_in_a_bvh() -> None:
    """Its controls and helpers are no joints of anybody's, as they are none after an import; where others are keyed all are in
    it."""
    path = addon_checks.test_folder() / "retargeted.bvh"
    rigify = files.open_rig(files.parse_rig("rigify"))
    with addon_checks.registered():
        source, frames = walked("plain")
        assert bpy.ops.pose3d.retarget_animation(source=source.name, armature=rigify.name) == {"FINISHED"}
        assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=rigify.name) == {"FINISHED"}
        path = path.rename(path.with_stem("body"))
        joints = [line.split()[-1] for line in path.read_text().splitlines() if line.split()[0] in ("ROOT", "JOINT")]
        assert 15 <= len(joints) <= 30 and {"upper_arm_fk.L", "shin_fk.R", "head"} <= set(joints), joints
        wanted = np.array([pose_at(rigify, frame) for frame in frames])[:, [rigify.pose.bones.find(name) for name in joints]]
        for frame in frames[:2]:
            rigify.pose.bones["jaw_master"].keyframe_insert("rotation_quaternion", frame=frame)
        whole = path.with_stem("with-controls")
        assert bpy.ops.pose3d.export_animation(filepath=str(whole), armature=rigify.name) == {"FINISHED"}
        assert whole.read_text().count("JOINT") + 1 == len(rigify.pose.bones)
    read = files.open_rig(files.RigFile(path))
    first, order = round(read.animation_data.action.frame_range[0]), [read.pose.bones.find(name) for name in joints]
    found = np.array([pose_at(read, first + frame) for frame in range(len(frames))])[:, order]
    assert np.abs(found - wanted).max() < 1e-3, np.abs(found - wanted).max()


def skin_on(figure: bpy.types.Object, bones: list[str]) -> bpy.types.Object:
    """A mesh that hangs on an armature and is deformed by these bones, a triangle each, or by none."""
    mesh = bpy.data.meshes.new("Skin")
    triangle = np.array([(0, 0, 0, 1), (0.02, 0, 0, 1), (0, 0.05, 0, 1)]).T
    places = [np.array(figure.data.bones[name].matrix_local) for name in bones] or [np.eye(4)]
    points = np.concatenate([(place @ triangle)[:3].T for place in places])
    mesh.from_pydata(points.tolist(), [], np.arange(len(points)).reshape(-1, 3).tolist())
    skin = bpy.data.objects.new("Skin" if bones else "Sword", mesh)
    bpy.context.scene.collection.objects.link(skin)
    skin.parent = figure
    for i, name in enumerate(bones):
        skin.vertex_groups.new(name=name).add(list(range(3 * i, 3 * i + 3)), 1.0, "REPLACE")
    if bones:
        skin.modifiers.new("Skin", "ARMATURE").object = figure
    return skin


def skin_ends_m(frame: int) -> np.ndarray:
    """How far skin and sword reach in the world, [2, 2, 3]."""
    bpy.context.scene.frame_set(frame)
    found = []
    for name in ("Skin", "Sword"):
        shown = bpy.data.objects[name].evaluated_get(bpy.context.evaluated_depsgraph_get())
        points = np.array([shown.matrix_world @ vertex.co for vertex in shown.to_mesh().vertices])
        found.append((points.min(axis=0), points.max(axis=0)))
        shown.to_mesh_clear()
    return np.array(found)


def check_root_motion_of_corrections() -> None:
    """A few keys that are added to a walk in the NLA, or blended with it, one of them on the bone that has its path."""
    for number, (blend, influence) in enumerate((("COMBINE", 1.0), ("ADD", 1.0), ("REPLACE", 0.5), ("COMBINE", 0.4))):
        with addon_checks.registered():
            figure = rig_builders.build(("posed_root", "plain")[number % 2])
            applied = imported_on(figure, start_frame=1, motion="walk_turn")
            scene, frames = bpy.context.scene, range(1, applied.frame_end + 1)
            scene.frame_start, scene.frame_end = 1, applied.frame_end
            data, hips, arm = figure.animation_data, figure.pose.bones["Hips"], figure.pose.bones["LeftArm"]
            data.action = bpy.data.actions.new("Correction")
            for frame, way_m in ((5, 0.0), (applied.frame_end // 2, 0.1), (applied.frame_end - 9, 0.05)):
                hips.location, arm.rotation_quaternion = (way_m, 0.0, way_m), (1.0, 3 * way_m, 0.0, 0.1)
                hips.keyframe_insert("location", frame=frame)
                arm.keyframe_insert("rotation_quaternion", frame=frame)
            data.action_blend_type, data.action_influence = blend, influence
            poses = np.array([pose_at(figure, frame) for frame in frames])
            before = scene_state()
            with on_root(bpy.context, figure, frames=frames, turning=False, resources=ROOT):
                carried = np.array([pose_at(figure, frame) for frame in frames])
                way = ground_way(figure, frames, "Root" if number % 2 == 0 else None)
            went_m = np.ptp(way[:, :2, 3], axis=0).max()
            assert went_m > (0.5 if blend != "REPLACE" else 0.2), (blend, influence, went_m)
            body = [i for i, bone in enumerate(figure.pose.bones) if bone.name != "Root"]
            assert np.abs(carried - poses)[:, body].max() < 1e-3, (blend, influence, np.abs(carried - poses)[:, body].max())
            assert scene_state() == before, (blend, influence)
            assert len(data.nla_tracks) == 1 and (data.action_blend_type, round(data.action_influence, 6)) == (blend, influence)


def check_a_correction_that_replaces_hides_no_walk() -> None:
    """Keys of the hips and an arm over a walk in the NLA, whose legs go on in the file."""
    path = addon_checks.test_folder() / "corrected.glb"
    with addon_checks.registered():
        figure = rig_builders.build("plain")
        applied = imported_on(figure, start_frame=1, motion="walk_turn")
        data, frames = figure.animation_data, range(1, applied.frame_end + 1)
        data.action = bpy.data.actions.new("Correction")
        for frame in (1, applied.frame_end - 5):
            figure.pose.bones["Hips"].location.x = 0.01 * frame
            figure.pose.bones["Hips"].keyframe_insert("location", frame=frame)
            figure.pose.bones["LeftArm"].keyframe_insert("rotation_quaternion", frame=frame)
        poses, names = np.array([pose_at(figure, frame) for frame in frames]), list(figure.pose.bones.keys())
        assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
    figure = files.open_rig(files.RigFile(path))
    first = round(figure.animation_data.action.frame_range[0])
    order = [figure.pose.bones.find(name) for name in names]
    read = np.array([pose_at(figure, frame) for frame in range(first, first + len(frames))])[:, order]
    assert np.abs(read - poses).max() < 5e-3, np.abs(read - poses).max()


def check_refusals_of_root_motion() -> None:
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        figure, _ = walked("posed_root")
        bpy.context.scene.pose3d.output.root_motion = "path"
        refused("Root Motion is for .fbx and .glb files", filepath=str(folder / "a.bvh"), armature=figure.name)
        stays = figure.pose.bones["Hips"].constraints.new("LIMIT_LOCATION")
        stays.use_min_x = stays.use_max_x = stays.use_min_y = stays.use_max_y = True
        stays.owner_space = "LOCAL"
        before = scene_state()
        text = "The bone 'Hips' does not follow its keys, so the root of 'posed_root' cannot carry the body"
        refused(text, filepath=str(folder / "a.glb"), armature=figure.name)
        assert scene_state() == before and not list(folder.glob("a.*"))
        uneven, _ = walked("uneven_scale")
        bpy.context.scene.pose3d.output.root_motion = "heading"
        before = scene_state()
        refused("'uneven_scale' has another scale in each direction", filepath=str(folder / "a.glb"), armature=uneven.name)
        assert scene_state() == before and not list(folder.glob("a.*"))


def check_refusals_of_an_export() -> None:
    folder = addon_checks.test_folder()
    with addon_checks.registered():
        assert not bpy.ops.pose3d.export_animation.poll()
        addon_checks.add_armature("Empty")
        refused("has no action", filepath=str(folder / "a.glb"), armature="Empty")
        figure, _ = imported()
        name = figure.name
        refused("is not in the scene", filepath=str(folder / "a.glb"), armature="Nobody")
        refused("is not a kind of file", filepath=str(folder / "a.obj"), armature=name)
        refused("There is no folder", filepath=str(folder / "none" / "a.glb"), armature=name)
        path = folder / "mine.bvh"
        path.write_text("the user's")
        refused("exists already", filepath=str(path), armature=name)
        assert path.read_text() == "the user's"
        assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=name, overwrite=True) == {"FINISHED"}
        assert path.read_text().startswith("HIERARCHY")
        bpy.context.scene.pose3d.output.export_format = "BVH"
        bpy.ops.pose3d.export_animation(filepath=str(folder / "no suffix"), armature=name)
        assert (folder / "no suffix.bvh").is_file()


if __name__ == "__main__":
    script.run(lambda names: addon_checks.main(names, globals()))
