"""The README's pictures of the window, taken in a real Blender under Xvfb (with ImageMagick's `import` and `convert`).

    python3 -m tests.gui.pictures docs/pictures          in the tests' Python, from the repository's root

The character is Mesh2Motion's human (CC0) from ../shared/rigs; the clip is the bundled one. The same file is what runs inside.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CHARACTER = ROOT.parent / "shared" / "rigs" / "mesh2motion_cc0" / "human-male.glb"
WINDOW_PX = (1600, 1000)
TIMELINE_PX = 170
PICTURES = ("set_up", "panel", "running", "done", "camera")
COLOURS = 200
MOMENT = 62


def _inside() -> None:
    import bpy
    from mathutils import Quaternion

    sys.path.insert(0, str(ROOT))
    from tests.gui import driver

    panels = {"clip": "panel", "motion": "panel", "see": "see"}

    def opened(*names: str) -> None:
        """These sub-panels, and no others. By new names, since Blender remembers how a panel was."""
        for name, file in panels.items():
            panel = getattr(driver.import_module(f"{driver.EXTENSION}.ui.{file}"), f"POSE3D_PT_{name}")
            bpy.utils.unregister_class(panel)
            panel.bl_idname += "_"
            panel.bl_options = set() if name in names else {"DEFAULT_CLOSED"}
            bpy.utils.register_class(panel)

    def character() -> bpy.types.Object:
        figure = bpy.data.objects["Figure"]
        bpy.data.objects.remove(figure)
        for thing in list(bpy.data.objects):
            bpy.data.objects.remove(thing)
        with bpy.context.temp_override(window=driver.window()):
            bpy.ops.import_scene.gltf(filepath=str(CHARACTER))
        armature = next(thing for thing in bpy.data.objects if thing.type == "ARMATURE")
        armature.name = "Hero"
        armature.animation_data_clear()
        for action in list(bpy.data.actions):
            bpy.data.actions.remove(action)
        for thing in list(bpy.data.objects):
            if thing.type == "MESH" and thing.find_armature() != armature:
                bpy.data.objects.remove(thing)  # shapes that stand for bones
        armature.show_in_front = False
        armature.data.display_type = "STICK"
        bpy.context.view_layer.objects.active = armature
        bpy.context.scene.frame_end = 288
        bpy.context.scene.render.resolution_x = bpy.context.scene.render.resolution_y
        return armature

    def look(distance: float, height: float = 0.9) -> None:
        space = driver.view()[0].spaces.active
        space.region_3d.view_perspective = "PERSP"
        space.region_3d.view_rotation = Quaternion((0.75, 0.6, 0.18, 0.22)).normalized()
        space.region_3d.view_location = (0.0, -0.3, height)
        space.region_3d.view_distance = distance
        shading = space.shading
        shading.type, shading.light, shading.color_type = "SOLID", "STUDIO", "TEXTURE"
        shading.show_cavity = shading.show_shadows = True
        space.overlay.show_bones = False
        space.overlay.show_cursor = space.overlay.show_outline_selected = False

    def area_of(kind: str) -> tuple[bpy.types.Area, bpy.types.Region]:
        area = next(area for area in driver.window().screen.areas if area.type == kind)
        return area, next(region for region in area.regions if region.type == "WINDOW")

    def in_area(kind: str, work: Callable[[], object]) -> None:
        area, region = area_of(kind)
        with bpy.context.temp_override(window=driver.window(), area=area, region=region):
            work()

    def pictures() -> Iterator[float]:
        yield from driver.installed()
        armature = character()
        look(4.0)
        timeline, _ = area_of("DOPESHEET_EDITOR")
        with bpy.context.temp_override(window=driver.window()):
            edge = {"x": timeline.x + 200, "y": timeline.y + timeline.height}
            bpy.ops.screen.area_move(**edge, delta=TIMELINE_PX - timeline.height)
        opened("clip")
        bpy.context.preferences.system.use_online_access = True
        yield 2.0
        yield from driver.screenshot("set_up")
        bpy.ops.wm.save_as_mainfile(filepath=str(driver.OUT / "hero.blend"))
        bpy.context.preferences.addons[driver.EXTENSION].preferences.engine_python = driver.ENGINE
        settings = bpy.context.scene.pose3d
        settings.clip_path, settings.armature = f"//{Path(driver.CLIP).name}", armature
        bpy.ops.ed.undo_push(message="Set up")
        opened("clip", "motion")
        yield 2.0
        yield from driver.screenshot("panel")
        opened("clip")
        yield 1.0
        yield from driver.press("pose3d.import_pose_from_video")
        yield from driver.wait_until(lambda: driver.state().is_running, limit_s=10)
        yield from driver.wait_until(lambda: bool(driver.state().detail) and driver.state().progress > 0.4)
        yield from driver.screenshot("running")
        yield from driver.wait_until(lambda: not driver.state().is_running)
        timeline.ui_type = "DOPESHEET"
        timeline.spaces.active.ui_mode = "ACTION"
        timeline.spaces.active.dopesheet.show_only_selected = False
        yield 1.0
        in_area("DOPESHEET_EDITOR", bpy.ops.action.view_all)
        bpy.context.scene.frame_set(MOMENT)
        yield 2.0
        yield from driver.screenshot("done")
        opened("see")
        bpy.context.view_layer.objects.active = bpy.data.objects["Hero"]
        bpy.ops.pose3d.show_clip_as_background()
        yield 1.0
        in_area("VIEW_3D", bpy.ops.pose3d.look_through_clip_camera)
        yield 1.0
        in_area("VIEW_3D", bpy.ops.view3d.view_center_camera)
        driver.view()[0].spaces.active.overlay.show_floor = driver.view()[0].spaces.active.overlay.show_axis_x = False
        driver.view()[0].spaces.active.overlay.show_axis_y = False
        yield 1.0
        yield from driver.screenshot("camera")
        area, _ = driver.view()
        driver.seen["width"] = area.width
        driver.seen["message"] = driver.state().message

    driver.SCENARIOS = (pictures,)
    bpy.context.preferences.view.show_splash = False
    steps = driver.everything()
    bpy.app.timers.register(lambda: driver.drive(steps), first_interval=1.0, persistent=True)


def main(out: Path) -> None:
    from tests.gui.harness import driven

    with tempfile.TemporaryDirectory() as folder:
        seen = driven(Path(__file__), Path(folder), window_px=WINDOW_PX)
        for name in PICTURES:
            part = ["-crop", f"{seen['width']}x{WINDOW_PX[1]}+0+0", "+repage", "-resize", "1100x"]
            taken, picture = Path(folder) / f"{name}.png", out / f"{name}.png"
            subprocess.run(["convert", taken, *part, "-dither", "none", "-colors", str(COLOURS), f"png8:{picture}"], check=True)


if __name__ == "__main__":
    if "POSE3D_TEST_FOLDER" in os.environ:
        _inside()
    else:
        main(Path(sys.argv[1]).absolute())
