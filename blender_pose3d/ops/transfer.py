"""Retarget Animation: what one armature of the scene does, on another one."""

from __future__ import annotations

from typing import ClassVar

import bpy

from .. import places, prefs
from ..bridge import targets
from ..bridge.source import apply_source, sample
from ..core.errors import Pose3DError
from ..translations import translated
from . import review, run


class POSE3D_OT_retarget_animation(run.WhileIdle, bpy.types.Operator):
    """Give the armature the animation of the source armature, as a new action. Both rigs' bones are found by themselves"""

    bl_idname = "pose3d.retarget_animation"
    bl_label = "Retarget Animation"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    source: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Source",
        description="Name of the armature that is animated. When empty, the source of the Pose3D tab",
        options={"SKIP_SAVE"},
    )
    armature: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Armature",
        description="Name of the armature to animate. When empty, the armature of the Pose3D tab, or else the active one",
        options={"SKIP_SAVE"},
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings, scene = context.scene.pose3d, context.scene
        try:
            name = self.source or (settings.source.name if settings.source else "")
            if not name:
                raise Pose3DError("No source is chosen.", hint="Choose the armature that has the animation.")
            source_object = targets.named_armature(name, scene)
            armature_object = targets.named_armature(self.armature, scene) if self.armature else run.chosen_armature(context)
            if armature_object is None:
                raise Pose3DError("No armature is chosen.", hint="Choose one in the Pose3D tab, or select one.")
            if armature_object == source_object:
                raise Pose3DError("The source is the armature itself.", hint="Choose another source.")
            preset = review.preset_for(context, armature_object, cache_folder=prefs.cache_folder(context))
            resources = places.resources_root()
            source = sample(context, source_object, presets_folder=resources / "rigs")
            applied = apply_source(
                context, armature_object, source, preset=preset, resources=resources, options=settings.motion.options()
            )
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        for warning in applied.warnings:
            self.report({"WARNING"}, translated(warning))
        span = f"frames {applied.frame_start} to {applied.frame_end}"
        self.report({"INFO"}, translated(f"Made the action “{applied.action_name}”, {span}."))
        return {"FINISHED"}
