"""Retarget Animation: what one armature of the scene does, or a BVH file, on another one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import bpy

from .. import places, prefs
from ..bridge import targets
from ..bridge.apply import AppliedMotion
from ..bridge.source import apply_source, keep_the_rest, loop_of, mark_cyclic, sample
from ..bridge.user_presets import AUTO, as_preset
from ..core.bvh import read_bvh
from ..core.errors import Pose3DError
from ..core.preset import load_presets
from ..core.transfer import SourceMotion
from ..translations import translated
from . import review, run


class _Retarget(run.WhileIdle, bpy.types.Operator):
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    armature: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Armature",
        description="Name of the armature to animate. When empty, the armature of the Pose3D tab, or else the active one",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings, scene = context.scene.pose3d, context.scene
        output = settings.output.settings()
        try:
            armature_object = targets.named_armature(self.armature, scene) if self.armature else run.chosen_armature(context)
            if armature_object is None:
                raise Pose3DError("No armature is chosen.", hint="Choose one in the Pose3D tab, or select one.")
            preset = review.preset_for(context, armature_object, cache_folder=prefs.cache_folder(context))
            resources = places.resources_root()
            applied = apply_source(
                context,
                armature_object,
                self.motion(context, armature_object, presets_folder=resources / "rigs"),
                preset=preset,
                resources=resources,
                options=settings.motion.options(),
                limbs=output.limbs,
                mute_constraints=output.mute_constraints,
            )
            self.finish(armature_object, applied)
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        for warning in applied.warnings:
            self.report({"WARNING"}, translated(warning))
        first, last, beyond = applied.frame_start, applied.frame_end, run.stops_before(applied, scene)
        self.report({"INFO"}, translated(f"Made the action “{applied.action_name}”, frames {first} to {last}.{beyond}"))
        return {"FINISHED"}

    def motion(self, context: bpy.types.Context, armature_object: bpy.types.Object, *, presets_folder: Path) -> SourceMotion:
        """What is put on the armature. Raises Pose3DError."""
        raise NotImplementedError

    def finish(self, armature_object: bpy.types.Object, applied: AppliedMotion) -> None:
        """Once the new action is there."""


class POSE3D_OT_retarget_animation(_Retarget):
    """Give the armature the animation of the source armature, as a new action. Both rigs' bones are found by themselves"""

    bl_idname = "pose3d.retarget_animation"
    bl_label = "Retarget Animation"

    source: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Source",
        description="Name of the armature that is animated. When empty, the source of the Pose3D tab",
        options={"SKIP_SAVE"},
    )

    def motion(self, context: bpy.types.Context, armature_object: bpy.types.Object, *, presets_folder: Path) -> SourceMotion:
        scene = context.scene
        chosen = scene.pose3d.source
        if not self.source and chosen is None:
            raise Pose3DError("No source is chosen.", hint="Choose the armature that has the animation.")
        source_object = targets.named_armature(self.source, scene) if self.source else targets.in_scene(chosen, scene)
        if source_object == armature_object:
            raise Pose3DError("The source is the armature itself.", hint="Choose another source.")
        return sample(context, source_object, presets_folder=presets_folder, preset=as_preset(AUTO, source_object))


class POSE3D_OT_retarget_file(_Retarget):
    # FBX and glTF are Blender's own importers' to read: they change the scene.
    bl_description = (
        "Give the armature the animation of a BVH file, as a new action at true speed. For FBX or glTF import the file first, "
        "and choose its armature as the source"
    )
    bl_idname = "pose3d.retarget_file"
    bl_label = "Retarget BVH File"

    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="File",
        description="The .bvh file with the animation",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    filter_glob: bpy.props.StringProperty(default="*.bvh", options={"HIDDEN"})  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def motion(self, context: bpy.types.Context, armature_object: bpy.types.Object, *, presets_folder: Path) -> SourceMotion:
        if not self.filepath:
            raise Pose3DError("No file is named.", hint="Give its path as filepath.")
        source = read_bvh(targets.file_path(self.filepath), load_presets(presets_folder))
        return replace(source, first_frame=context.scene.frame_start)


class POSE3D_OT_make_loop(_Retarget):
    bl_description = (
        "Find the part of the character's animation that best comes back to where it began, and make it a loop in a new action:"
        " its last frame is its first, farther on. Within the preview range, where one is set"
    )
    bl_idname = "pose3d.make_loop"
    bl_label = "Make a Loop"

    def motion(self, context: bpy.types.Context, armature_object: bpy.types.Object, *, presets_folder: Path) -> SourceMotion:
        preset = review.preset_for(context, armature_object, cache_folder=prefs.cache_folder(context))
        data = armature_object.animation_data
        self._before = (data.action, data.action_slot) if data is not None else (None, None)
        found = loop_of(context, armature_object, presets_folder=presets_folder, preset=preset)
        self._shown = found.rig
        return found

    def finish(self, armature_object: bpy.types.Object, applied: AppliedMotion) -> None:
        mark_cyclic(armature_object, applied)
        before, slot = self._before
        if before is not None and slot is not None:
            keep_the_rest(armature_object, self._shown, applied, before, slot)


CLASSES: tuple[type, ...] = (POSE3D_OT_retarget_animation, POSE3D_OT_retarget_file, POSE3D_OT_make_loop)
