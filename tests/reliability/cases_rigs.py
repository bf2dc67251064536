"""Rig files, made by rigs_in_blender.py in the folder that RIGS stands for, and given to the Blender of a batch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.reliability.cases_files import person_arrays
from tests.reliability.corpus import DONE, REFUSED, Case

RIG = "rig"


def _rig(name: str, file: str, code: int = REFUSED, says: str = "", *, quick: bool = False) -> Case:
    def make(folder: Path) -> list[str | Path]:
        with (folder / "track.npz").open("wb") as content:
            np.savez(content, **person_arrays())  # type: ignore[arg-type]
        return [folder / "track.npz", f"--rig=RIGS/{file}", "--out=OUT/out.bvh"]

    leaves = ("out.bvh",) if code == DONE else ()
    return Case(f"{RIG} (file)", name, make, code, says or ("" if code == DONE else file.split(":")[0]), leaves, quick=quick)


FILES: tuple[Case, ...] = (
    _rig("good", "good.blend", DONE, quick=True),
    _rig("by its armature's name", "two.blend:Second", DONE),
    _rig("an armature that is not in the file", "two.blend:Third", says="Third"),
    _rig("an armature without bones by its name", "two.blend:First", says="no bones"),
    _rig("an empty scene", "empty_scene.blend", says="no armature"),
    _rig("a mesh alone", "a_mesh.blend", says="no armature"),
    _rig("no bones", "no_bones.blend", says="no bones"),
    _rig("one bone", "one_bone.blend", says="hips"),
    _rig("no hips", "no_hips.blend", says="hips"),
    _rig("no arms", "no_arms.blend", says="arm|hips"),
    _rig("cyclic constraints", "cyclic_constraints.blend", DONE),
    _rig("cyclic drivers", "cyclic_drivers.blend", DONE),
    _rig("hidden", "hidden.blend", DONE),
    _rig("in a hidden collection", "in_a_hidden_collection.blend", DONE),
    _rig("in an excluded collection", "in_an_excluded_collection.blend", DONE),
    _rig("in another scene", "in_another_scene.blend", says="armature"),
    _rig("in no scene", "in_no_scene.blend", says="no armature"),
    _rig("in edit mode", "in_edit_mode.blend", DONE),
    _rig("in tweak mode", "in_tweak_mode.blend", says="tweak mode"),
    _rig("linked", "linked.blend", says="linked from another file"),
    _rig("overridden", "overridden.blend", DONE),
    _rig("locked channels", "locked_channels.blend", DONE),
    _rig("scaled to nothing", "scaled_to_nothing.blend", says="scale"),
    _rig("at no place", "at_no_place.blend", says="usable number"),
    _rig("names of every kind", "names_of_every_kind.blend", DONE),
    _rig("a cut .blend", "cut.blend"),
    _rig("a .blend of text", "text.blend", quick=True),
    _rig("an empty .blend", "nothing.blend"),
    _rig("a .blend of version 99", "version_99.blend"),
    _rig("a cut .glb", "cut.glb"),
    _rig("a .glb of text", "text.glb"),
    _rig("a .glb that claims 2 GB", "long.glb"),
    _rig("a .glb of brackets", "broken.glb"),
    _rig("a .gltf that reaches outside", "outside.gltf"),
    _rig("a .gltf whose nodes are a cycle", "cycle.gltf"),
    _rig("an .fbx of text", "text.fbx"),
    _rig("a cut .fbx", "cut.fbx"),
    _rig("a .bvh of text", "text.bvh"),
    _rig("a cut .bvh", "cut.bvh"),
    _rig("a file that is not there", "gone.blend", says="gone.blend"),
    _rig("a kind that nobody knows", "good.blend.zip", says="good.blend.zip"),
    _rig("a folder", "", says="not a rig file"),
)
