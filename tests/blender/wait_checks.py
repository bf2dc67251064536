"""Runs inside a Blender: `wait_checks.py -- CHECK…`. Prints a line for each check, ends with 0 when all hold.

What the user does between two steps of a run: leaves the scene, deletes it, undoes. Not collected by pytest; test_wait.py
starts it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bpy
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d.core.skeleton import INDEX  # noqa: E402
from blender_pose3d.core.track_io import write_track  # noqa: E402
from tests.blender import addon_checks, exact_tracks, rig_builders, script  # noqa: E402

RATE = exact_tracks.demo(every=5).track.fps


def begun() -> object:
    """A take being solved onto a figure of the scene that is shown, with every setting that touches the scene."""
    from blender_pose3d.ops import run

    figure = rig_builders.build("a_pose")
    take = addon_checks.test_folder() / "demo.npz"
    write_track(take, exact_tracks.demo(every=5).track)
    output = bpy.context.scene.pose3d.output
    output.frame_rate, output.fit_range, output.nla_strip = "CLIP", True, True
    request = run.request_from_scene(bpy.context, filepath="", armature=figure.name, preset="auto", take=take)
    return run.begin(bpy.context, [request])


def advanced(current: object, *, meanwhile: Callable[[int], None] = lambda _piece: None) -> None:
    """To the end; `meanwhile` is called after each piece that a thread has done, with how many there were."""
    last = -1
    while not current.over:
        solving = current.solving
        if solving is not None and solving.pieces_done != last:
            last = solving.pieces_done
            meanwhile(last)
        current.advance(bpy.context)
        time.sleep(0.005)


def finished(current: object) -> tuple[str, bool]:
    from blender_pose3d.ops import run

    text, is_error, _ = run.outcome(current, error=None)
    run.end(bpy.context, message=text)
    return text, is_error


def rate_of(scene: bpy.types.Scene) -> float:
    return scene.render.fps / scene.render.fps_base


def check_another_scene_is_shown_meanwhile() -> None:
    """After each of the pieces: the motion goes to the scene where the run began, at that scene's settings."""
    for at in range(4):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with addon_checks.registered():
            scene = bpy.context.scene
            scene.frame_start, scene.frame_end = 11, 12
            current = begun()
            other = bpy.data.scenes.new("Other")
            other.frame_start, other.frame_end = 500, 501

            def leave(piece: int, other: bpy.types.Scene = other, at: int = at) -> None:
                if piece == at:
                    bpy.context.window.scene = other

            advanced(current, meanwhile=leave)
            assert bpy.context.scene == other
            text, is_error = finished(current)
            assert not is_error and "frames 11 to" in text, text
            assert "The scene stops before that" not in text, "it was fitted"
            assert abs(rate_of(scene) - RATE) < 1e-3 and scene.frame_end > 60
            assert (rate_of(other), other.frame_start, other.frame_end) == (24, 500, 501)
            strip = bpy.data.objects["a_pose"].animation_data.nla_tracks[0].strips[0]
            assert strip.frame_start == 11
            bpy.context.window.scene = scene
            scene.frame_set(11)
            first = head_of(scene)
            scene.frame_set(scene.frame_end)
            assert np.abs(head_of(scene) - first).max() > 0.05, "the figure does not move"


def head_of(scene: bpy.types.Scene) -> np.ndarray:
    posed = scene.objects["a_pose"].evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([posed.matrix_world @ bone.head for bone in posed.pose.bones])


def check_the_scene_or_the_armature_is_deleted_meanwhile() -> None:
    def delete_scene(scene: bpy.types.Scene) -> None:
        bpy.context.window.scene = bpy.data.scenes.new("Other")
        bpy.data.scenes.remove(scene)

    def delete_armature(scene: bpy.types.Scene) -> None:
        bpy.data.objects.remove(scene.objects["a_pose"])

    for delete, told in ((delete_scene, "The scene “Scene” was deleted"), (delete_armature, "“a_pose” was deleted")):
        for at in (0, 2):
            bpy.ops.wm.read_factory_settings(use_empty=True)
            with addon_checks.registered():
                scene = bpy.context.scene
                current = begun()
                advanced(
                    current, meanwhile=lambda piece, at=at, scene=scene, delete=delete: delete(scene) if piece == at else None
                )
                text, is_error = finished(current)
                assert is_error and told in text, text
                assert not [action.name for action in bpy.data.actions], "something was made all the same"
                assert rate_of(bpy.context.scene) == 24
                assert sys.getswitchinterval() > 0.004, "the interpreter is still hurried"


def check_cancelled_at_every_piece() -> None:
    """Nothing is made, and the scene has its rate and range."""
    for at in range(4):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        with addon_checks.registered():
            current = begun()
            advanced(current, meanwhile=lambda piece, at=at, current=current: current.cancel() if piece == at else None)
            text, is_error = finished(current)
            assert "cancelled" in text and not is_error
            scene = bpy.context.scene
            assert (rate_of(scene), scene.frame_start, scene.frame_end) == (24, 1, 250) and not len(bpy.data.actions)


def check_what_the_panel_asks_of_the_engine() -> None:
    """Each choice of person and lens as the words of the engine's own command line, which takes them."""
    from blender_pose3d.ops import run

    with addon_checks.registered():
        figure = rig_builders.build("a_pose")
        clip = addon_checks.test_folder() / f"{'動' * 83}.mp4"
        clip.write_bytes(b"not read")
        settings = bpy.context.scene.pose3d

        def words(**values: object) -> list[str]:
            for name, value in values.items():
                setattr(settings, name, value)
            request = run.request_from_scene(bpy.context, filepath=str(clip), armature=figure.name, preset="auto")
            names.add(run._track_name(request))
            return [str(word) for word in request.arguments(Path("out.npz"))[2:]]

        names: set[str] = set()
        assert words() == []
        assert words(person="largest") == ["--person", "largest"]
        assert words(person="number", person_number=2) == ["--person", "2"]
        assert words(person="longest", lens="MM", focal_length_mm=28) == ["--focal-mm", "28"]
        assert words(lens="FOV", field_of_view=np.radians(70)) == ["--fov", "70"]
        assert words(lens="PIXELS", focal_length_px=1234) == ["--focal-px", "1234"]
        # As it was typed: a frame at 2.7 s is in the part that begins there.
        assert words(use_range=True, start_s=2.7, end_s=1004.1) == ["--start", "2.7", "--end", "1004.1", "--focal-px", "1234"]
        assert words(use_range=False, lens="AUTO", speed="PLAYED") == ["--as-played"]
        assert words(speed="FILMED", filmed_fps=119.88) == ["--filmed-fps", "119.88"]
        assert len(names) == 9, "different settings, different tracks"
        assert all(name.startswith("動動") and len(name.encode()) < 150 for name in names), names
        choices = [item.identifier for item in settings.bl_rna.properties["person"].enum_items]
        print("people:", " ".join(choices))


def check_ik_and_muted_constraints_are_the_panels() -> None:
    from blender_pose3d.bridge.ik import LimbMode

    with addon_checks.registered():
        output = bpy.context.scene.pose3d.output
        assert output.settings().limbs is LimbMode.FK and not output.settings().mute_constraints
        figure = rig_builders.build("a_pose")
        bone = figure.pose.bones["LeftForeArm"]
        constraint = bone.constraints.new("LIMIT_ROTATION")
        constraint.use_limit_x = True
        take = addon_checks.test_folder() / "demo.npz"
        write_track(take, exact_tracks.demo(every=5).track)
        output.mute_constraints = True
        assert bpy.ops.pose3d.solve_take(take=str(take), armature=figure.name) == {"FINISHED"}
        bpy.context.scene.frame_set(5)
        assert constraint.influence == 0, "the new action mutes it"
        message = bpy.context.window_manager.pose3d_run.message
        assert "are muted in the new action" in message, message
        output.limbs = "ik"
        assert bpy.ops.pose3d.solve_take(take=str(take), armature=figure.name) == {"FINISHED"}
        assert "has no IK control" in bpy.context.window_manager.pose3d_run.message


def check_feet_that_nobody_saw_are_told() -> None:
    with addon_checks.registered():
        figure = rig_builders.build("a_pose")
        track = exact_tracks.demo(every=5).track
        take = addon_checks.test_folder() / "demo.npz"
        for cut, told in ((0.3, False), (0.8, True)):
            confidence = track.confidence.copy()
            confidence[
                : int(cut * len(confidence)), [INDEX[f"{s}_{part}"] for s in ("left", "right") for part in ("knee", "ankle")]
            ] = 0
            write_track(take, replace(track, confidence=confidence))
            assert bpy.ops.pose3d.solve_take(take=str(take), armature=figure.name) == {"FINISHED"}
            message = bpy.context.window_manager.pose3d_run.message
            assert ("The feet were not seen: the legs are guessed." in message) == told, message
        bpy.context.scene.pose3d.motion.upper_body = True
        assert bpy.ops.pose3d.solve_take(take=str(take), armature=figure.name) == {"FINISHED"}
        assert "The feet" not in bpy.context.window_manager.pose3d_run.message


def check_cancelled_while_ik_controls_are_keyed() -> None:
    """That goes in pieces between which the window lives: the rig is as it was, whatever happened at whichever of them."""
    from blender_pose3d.bridge import files, ik

    ik.HELD_S = 0.001  # one frame a piece, however fast the machine is

    rig = files.RigFile(addon_checks.test_folder() / "rigify.blend")
    files.open_rig(files.parse_rig("rigify"))  # which takes a while
    bpy.ops.wm.save_as_mainfile(filepath=str(rig.path))

    def nothing(_figure: bpy.types.Object) -> None:
        pass

    def other_action(figure: bpy.types.Object) -> None:
        figure.animation_data.action = bpy.data.actions["Made by hand"]

    def delete_action(figure: bpy.types.Object) -> None:
        bpy.data.actions.remove(figure.animation_data.action)

    def delete_armature(figure: bpy.types.Object) -> None:
        bpy.data.objects.remove(figure)

    for what, told in (
        (None, "cancelled"),
        (other_action, "was given another action"),
        (delete_action, "was undone while it was made"),
        (delete_armature, "was deleted while"),
        (nothing, "Made the action"),
    ):
        figure = files.open_rig(rig)
        with addon_checks.registered():
            from blender_pose3d.ops import run

            hand = figure.pose.bones["hand_ik.L"]
            hand.location = (0.1, 0.2, 0.3)
            figure.animation_data_create().action = bpy.data.actions.new("Made by hand")
            bpy.context.scene.frame_set(7)
            before = pose_of(figure)
            take = addon_checks.test_folder() / "demo.npz"
            write_track(take, exact_tracks.motion("walk", fps=12.5, seconds=1.5).track)
            bpy.context.scene.pose3d.output.limbs = "ik"
            bpy.context.scene.pose3d.output.mute_constraints = True
            current = run.begin(
                bpy.context, [run.request_from_scene(bpy.context, filepath="", armature=figure.name, preset="auto", take=take)]
            )
            done = [0, 0.0]

            def interfere(_piece: int, current=current, what=what, done=done, figure=figure) -> None:
                if len(bpy.data.actions) < 2:
                    return
                assert bpy.context.scene.frame_current == 7, "the window shows another frame"
                done[0] += 1
                if done[0] == 12:
                    current.cancel() if what is None else what(figure)

            while not current.over:
                interfere(0)
                began_s = time.thread_time()
                current.advance(bpy.context)
                done[1] = max(done[1], time.thread_time() - began_s)
                time.sleep(0.002)
            text, is_error = finished(current)
            print(f"{told}: {done[0]} pieces, the longest {done[1] * 1000:.0f} ms")
            assert told in text and done[0] >= 12, (text, done)
            assert is_error == (what not in (None, nothing)), text
            if what is nothing:
                assert done[0] > 20 and hand.path_from_id("location") in curves_of(figure.animation_data.action)
                continue
            assert [action.name for action in bpy.data.actions] == ["Made by hand"]
            if what is not delete_armature:
                if what is not delete_action:
                    assert figure.animation_data.action.name == "Made by hand"
                if what is None:
                    after = pose_of(figure)
                    assert after == before, [(k, before[k], after[k]) for k in before if after[k] != before[k]][:5]


def check_what_is_half_made_is_not_exported() -> None:
    """Between two pieces of keying IK controls the armature plays an action that is on its way."""
    from blender_pose3d.bridge import ik

    held_s, ik.HELD_S = ik.HELD_S, 0.0
    path = addon_checks.test_folder() / "half.bvh"
    with addon_checks.registered():
        from blender_pose3d.ops import run

        figure = rig_builders.with_ik_constraints("a_pose")
        take = addon_checks.test_folder() / "walk.npz"
        write_track(take, exact_tracks.motion("walk", fps=12.5, seconds=2).track)
        bpy.context.scene.pose3d.output.limbs = "ik"
        request = run.request_from_scene(bpy.context, filepath="", armature=figure.name, preset="auto", take=take)
        current = run.begin(bpy.context, [request])
        refused = 0
        while not current.over:
            current.advance(bpy.context)
            if len(bpy.data.actions) and not current.over:
                try:
                    bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name)
                except RuntimeError as error:
                    assert "is being animated" in str(error), error
                    refused += 1
            time.sleep(0.002)
        assert refused > 3 and not path.exists(), refused
        text, is_error = finished(current)
        assert not is_error, text
        assert bpy.ops.pose3d.export_animation(filepath=str(path), armature=figure.name) == {"FINISHED"}
    ik.HELD_S = held_s


def pose_of(figure: bpy.types.Object) -> dict[str, object]:
    """All that an action could have moved, as the user set it."""
    bpy.context.view_layer.update()
    found: dict[str, object] = {}
    for bone in figure.pose.bones:
        found[bone.name] = [list(row) for row in bone.matrix_basis]
        found |= {f"{bone.name} {key}": value for key, value in bone.items() if isinstance(value, int | float)}
        found |= {f"{bone.name} {c.name}": (round(c.influence, 5), c.mute) for c in bone.constraints}
    return found


def curves_of(action: bpy.types.Action) -> set[str]:
    return {c.data_path for layer in action.layers for strip in layer.strips for bag in strip.channelbags for c in bag.fcurves}


if __name__ == "__main__":
    script.run(lambda names: addon_checks.main(names, globals()))
