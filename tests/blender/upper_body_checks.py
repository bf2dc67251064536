"""Runs inside a Blender: `upper_body_checks.py -- CHECK…`, as addon_checks.py does; test_upper_body.py starts it."""

from __future__ import annotations

import sys
from pathlib import Path

import bpy
import numpy as np
from mathutils import Quaternion

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from blender_pose3d import headless  # noqa: E402
from blender_pose3d.bridge import files, live  # noqa: E402
from blender_pose3d.bridge.apply import apply_track  # noqa: E402
from blender_pose3d.bridge.ik import LimbMode  # noqa: E402
from blender_pose3d.core.motion import MotionOptions  # noqa: E402
from blender_pose3d.core.solve import SolveOptions, solve  # noqa: E402
from blender_pose3d.core.track_io import write_track  # noqa: E402
from tests.blender import addon_checks, exact_tracks, rig_builders, script, see_checks  # noqa: E402
from tests.blender.addon_checks import registered, test_folder  # noqa: E402
from tests.blender.rig_checks import spec_of  # noqa: E402
from tests.blender.wait_checks import curves_of  # noqa: E402

UPPER = MotionOptions(upper_body=True)
TURN = Quaternion((0.9, 0.3, 0.1, 0.2)).normalized()


def bones_keyed(figure: bpy.types.Object) -> set[str]:
    """Names of the bones whose own channels are keyed."""
    paths = curves_of(figure.animation_data.action)
    return {path.split('"')[1] for path in paths if path.startswith("pose.bones") and not path.endswith("]")}


def posed_by_hand(figure: bpy.types.Object, names: set[str]) -> dict[str, list]:
    """Those bones as a user has posed them, and where that puts them."""
    for name in names:
        bone = figure.pose.bones[name]
        bone.rotation_mode = "QUATERNION"
        bone.rotation_quaternion, bone.location = TURN, (0.02, 0.03, -0.01)
    return poses(figure, names)


def poses(figure: bpy.types.Object, names: set[str]) -> dict[str, list]:
    bpy.context.view_layer.update()
    return {name: [list(row) for row in figure.pose.bones[name].matrix] for name in sorted(names)}


def check_the_users_pose_of_hips_and_legs_stays() -> None:
    """And with it where the legs are in every frame; arms and trunk move."""
    track = exact_tracks.motion("reach", fps=8).track
    for build in ("a_pose", "posed_root", "centimetres_y_up", "loose"):
        bpy.ops.wm.read_factory_settings(use_empty=True)
        figure = rig_builders.build(build)
        spec = spec_of(figure)
        below, every = spec.below_waist, {bone.name for bone in figure.pose.bones}
        before = posed_by_hand(figure, set(below))
        applied = apply_track(bpy.context, figure, track, preset="auto", resources=ROOT, options=UPPER)
        keyed = bones_keyed(figure)
        above = {above.name for name in below for above in figure.pose.bones[name].parent_recursive}
        assert keyed and not keyed & (below | above), keyed & (below | above)
        assert {"head" if "head" in every else spec.mapping.bone("head"), spec.mapping.bone("left_forearm")} <= keyed
        hands = []  # in armature space
        for frame in np.linspace(applied.frame_start, applied.frame_end, 9).astype(int).tolist():
            bpy.context.scene.frame_set(frame)
            assert poses(figure, set(below)) == before, build
            hands.append(np.array(figure.pose.bones[spec.mapping.bone("right_hand")].head))
        assert np.ptp(hands, axis=0).max() > 0.1 * np.ptp([b.head_local for b in figure.data.bones], axis=0).max()
        markers = [marker.name for marker in figure.animation_data.action.pose_markers]
        assert not [name for name in markers if "down" in name or "up" in name], markers


def check_over_an_action_of_the_users() -> None:
    """A walk in the NLA goes on below the waist."""
    figure = rig_builders.build("a_pose")
    walk = exact_tracks.motion("walk", fps=8).track
    apply_track(bpy.context, figure, walk, preset="auto", resources=ROOT, options=MotionOptions())
    data = figure.animation_data
    strip = data.nla_tracks.new().strips.new("walk", 1, data.action)
    strip.action_slot = data.action_slot
    data.action = None
    below = spec_of(figure).below_waist
    frames = range(1, 20, 3)

    def legs() -> list[dict[str, list]]:
        found = []
        for frame in frames:
            bpy.context.scene.frame_set(frame)
            found.append(poses(figure, set(below)))
        return found

    before = legs()
    assert before[0] != before[-1]
    reach = exact_tracks.motion("reach", fps=8).track
    applied = apply_track(bpy.context, figure, reach, preset="auto", resources=ROOT, options=UPPER)
    assert not bones_keyed(figure) & below and not applied.warnings, applied.warnings
    assert legs() == before


def check_an_action_that_is_replaced_is_told() -> None:
    """A walk that is not in the NLA stops, and hips and legs with it."""
    figure = rig_builders.build("a_pose")
    walk, reach = (exact_tracks.motion(name, fps=8).track for name in ("walk", "reach"))
    old = apply_track(bpy.context, figure, walk, preset="auto", resources=ROOT, options=MotionOptions()).action_name
    for told in (True, False):
        applied = apply_track(bpy.context, figure, reach, preset="auto", resources=ROOT, options=UPPER)
        assert [w for w in applied.warnings if old in w and "no longer played" in w] if told else not applied.warnings, (
            applied.warnings
        )
    applied = apply_track(bpy.context, figure, reach, preset="auto", resources=ROOT, options=MotionOptions())
    assert not applied.warnings, applied.warnings


def check_switches_and_ik_of_the_legs_stay() -> None:
    track = exact_tracks.motion("reach", fps=8).track
    for limbs in LimbMode:
        bpy.ops.wm.read_factory_settings(use_empty=True)
        figure = files.open_rig(files.parse_rig("rigify"))
        for side in "LR":
            figure.pose.bones[f"thigh_parent.{side}"]["IK_FK"] = 0.0
        apply_track(bpy.context, figure, track, preset="auto", resources=ROOT, options=UPPER, limbs=limbs)
        paths = curves_of(figure.animation_data.action)
        legs = [path for path in paths if any(part in path for part in ("thigh", "foot", "shin", "toe", "hips"))]
        assert not legs, legs
        assert 'pose.bones["upper_arm_parent.L"]["IK_FK"]' in paths
        assert ('pose.bones["hand_ik.L"].location' in paths) == (limbs is LimbMode.IK)
        assert figure.pose.bones["thigh_parent.L"]["IK_FK"] == 0.0


def check_the_clips_camera_goes_round_the_person() -> None:
    """Who turns round has hips that stay: the camera circles, and still sees the arms where the clip has them."""
    track = see_checks.motion_tracks.seen("walk_turn", fps=25, seconds=5, camera=see_checks.HELD, height_m=1.5).track
    with registered():
        figure, applied = see_checks.imported("a_pose", track, upper_body=True)
        camera = see_checks.camera_for(figure, track)
        px = see_checks.errors_px(figure, applied, camera, track)
        # The person is 160 pixels tall. The arms hang on hips that are the character's, and that do not sway.
        assert px["seen"] < 1.5 and px["wrist"] < 10, px
        bpy.context.scene.frame_set(applied.frame_start)
        first = camera.matrix_world.copy()
        bpy.context.scene.frame_set(applied.frame_end)
        assert (camera.matrix_world.translation - first.translation).length > 1.0


def check_live_leaves_hips_and_legs_alone() -> None:
    track = exact_tracks.motion("reach", fps=8).track
    figure = rig_builders.build("a_pose")
    spec = spec_of(figure)
    before = posed_by_hand(figure, set(spec.below_waist))
    motion = solve(track, spec, SolveOptions(upper_body=True))
    live.prepare_pose(figure, spec.mapping, motion)
    live.show_pose(figure, motion)
    assert poses(figure, set(spec.below_waist)) == before
    assert abs(figure.pose.bones[spec.mapping.bone("right_forearm")].rotation_quaternion.angle) > 0.05


def check_another_armatures_animation() -> None:
    source, target = rig_builders.build("random_axes"), rig_builders.build("a_pose")
    walk = exact_tracks.motion("walk", fps=8).track
    apply_track(bpy.context, source, walk, preset="auto", resources=ROOT, options=MotionOptions())
    with registered():
        bpy.context.scene.pose3d.motion.upper_body = True
        assert bpy.ops.pose3d.retarget_animation(source=source.name, armature=target.name) == {"FINISHED"}
    keyed, spec = bones_keyed(target), spec_of(target)
    assert spec.mapping.bone("left_upper_arm") in keyed and not keyed & spec.below_waist


def check_the_command_line() -> None:
    folder = test_folder()
    write_track(folder / "reach.npz", exact_tracks.motion("reach", fps=8).track)
    rig_builders.build("a_pose")
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "rig.blend"))
    words = [str(folder / "reach.npz"), "--rig", str(folder / "rig.blend"), "--out", str(folder / "out.blend"), "--upper-body"]
    words += ["--report", str(folder / "report.json")]
    applied = headless.retarget(headless.parse(words), resources=ROOT)
    assert applied.options == UPPER
    figure = files.open_rig(files.RigFile(folder / "out.blend"))
    assert not bones_keyed(figure) & spec_of(figure).below_waist
    assert (folder / "report.html").stat().st_size > 1000


if __name__ == "__main__":
    script.run(lambda names: addon_checks.main(names, globals()))
