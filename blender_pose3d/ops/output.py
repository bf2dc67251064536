"""Export Animation: the armature and its motion as a file."""

from __future__ import annotations

from pathlib import Path

import bpy

from .. import places
from ..bridge import export, files, targets
from ..bridge.root_motion import RootMotion
from ..core.errors import Pose3DError
from ..translations import translated
from . import run


class POSE3D_OT_export_animation(bpy.types.Operator):
    """Write the armature, what hangs on it and its animation to a file: BVH, FBX or glTF. The scene stays as it is"""

    bl_idname = "pose3d.export_animation"
    bl_label = "Export Animation"

    filepath: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="File",
        description="The file to write: .bvh, .fbx or .glb",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    armature: bpy.props.StringProperty(  # type: ignore[valid-type]
        name="Armature",
        description="Name of the armature. When empty, the armature of the Pose3D tab, or else the active one",
        options={"SKIP_SAVE", "HIDDEN"},
    )
    overwrite: bpy.props.BoolProperty(  # type: ignore[valid-type]
        name="Replace Existing File",
        description="Write the file even where there is one of this name already",
        options={"SKIP_SAVE"},
    )
    check_existing: bpy.props.BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})  # type: ignore[valid-type]
    filter_glob: bpy.props.StringProperty(default="*.bvh;*.fbx;*.glb", options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        if context.scene is None:
            cls.poll_message_set("There is no scene")
            return False
        if not targets.any_armature():
            cls.poll_message_set("There is no armature to export")
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        try:
            action = export.exported_action(self._armature(context))
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        if not self.filepath:
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            self.filepath = str(folder / (bpy.path.clean_name(action.name) + self._suffix(context)))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            if not self.filepath:
                raise Pose3DError("No file is named.", hint="Give its path as filepath.")
            path = targets.file_path(self.filepath)
            path = path if path.suffix else path.with_name(path.name + self._suffix(context))
            armature_object = self._armature(context)
            first, last = export.export_animation(
                context,
                path,
                armature_object,
                resources=places.resources_root(),
                overwrite=self.overwrite,
                root_motion=RootMotion(context.scene.pose3d.output.root_motion),
                deform_bones=context.scene.pose3d.output.deform_bones,
            )
            begins, _ = export.exported_frames(armature_object)
            left_out = files.left_out(armature_object, path)
        except Pose3DError as error:
            self.report({"ERROR"}, error.sentence)
            return {"CANCELLED"}
        if begins < first:
            told = f"The animation begins at frame {begins}, and Blender writes nothing before frame 0: move its keys to keep it."
            self.report({"WARNING"}, translated(told))
        for told in left_out:
            self.report({"WARNING"}, translated(told))
        self.report({"INFO"}, translated(f"Wrote {path}, frames {first} to {last}"))
        return {"FINISHED"}

    def _armature(self, context: bpy.types.Context) -> bpy.types.Object:
        if self.armature:
            return targets.named_armature(self.armature, context.scene)
        found = run.chosen_armature(context)
        if found is None:
            raise Pose3DError("No armature is chosen.", hint="Choose one in the Pose3D tab, or select one.")
        return found

    def _suffix(self, context: bpy.types.Context) -> str:
        return f".{context.scene.pose3d.output.export_format.lower()}"
