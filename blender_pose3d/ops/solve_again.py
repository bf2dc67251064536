"""Solve Contacts Again: the action of the armature once more, with the feet on the ground where its markers say."""

from __future__ import annotations

from typing import ClassVar

import bpy

from .. import places
from ..bridge.apply import apply_again
from ..core.errors import Pose3DError
from ..translations import translated
from . import run


class POSE3D_OT_solve_contacts_again(run.WhileIdle, bpy.types.Operator):
    """Solve the motion again with the contact markers as they are now, as a new action. The present one is kept"""

    bl_idname = "pose3d.solve_contacts_again"
    bl_label = "Solve Contacts Again"
    bl_options: ClassVar[set[str]] = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            armature_object = run.chosen_armature(context)
            if armature_object is None:
                raise Pose3DError("No armature is chosen.", hint="Choose one in the Pose3D tab, or select one.")
            output = context.scene.pose3d.output.settings()
            applied = apply_again(
                context,
                armature_object,
                resources=places.resources_root(),
                limbs=output.limbs,
                mute_constraints=output.mute_constraints,
            )
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        for warning in applied.warnings:
            self.report({"WARNING"}, translated(warning))
        self.report({"INFO"}, translated(run.summary(applied, context.scene)))
        return {"FINISHED"}
