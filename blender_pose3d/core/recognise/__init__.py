"""Which bone of an armature plays which role, found from its hierarchy, its rest pose and, where they say something, its names.

Two legs and two arms are two pairs of limbs: each limb an upper bone, a lower one and an end, of equal lengths left and right.
Every pair that could be one is scored as legs and as arms, then every two pairs together (trunk, head, proportions, what hangs
where).
The best reading wins; a role's confidence is how far behind the best reading lies in which another bone plays it. Lengths between
joints do not change with the pose, so A-poses, T-poses and twisted ones are alike; only "up" is taken from the world.
Which side is the left one is told by what points forwards: feet, knees, elbows, face and thumbs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import Pose3DError
from ..preset import RECOGNISED, REQUIRED_ROLES, SIDES, Evidence, Mapping, Preset, choose
from .body import Body, both, find_body
from .names import ARM_PARTS, LEG_PARTS, listed
from .roles import ABOVE_SHOULDERS, SURE, mapping_of
from .sides import SIDES_SURE, exchanged, sides_shown
from .tree import Skeleton, Tree

__all__ = ["SURE", "Skeleton", "map_bones", "recognise"]

# Of the leg down to it: how far a heel at rest is above the toes where a character walks on these; and how steep the bone between
# is, the cosine with the vertical. Of people on tiptoe it is less. A thigh or shin shorter than the third share of that bone is
# none.
_HEEL_UP, _STEEP, _LEAST_BONE = 0.25, 0.75, 0.2
_HINT = "Choose a preset, or write one for this rig (rigs/README.md says how) and give its file."


def map_bones(skeleton: Skeleton, presets: list[Preset], wanted: str = "auto") -> Mapping:
    """The mapping of the preset that is wanted; for "auto" of the preset whose names fit a body, else as `recognise` finds it.

    Sides that the rest pose shows the other way round are exchanged for "auto" and only warned of for a named preset.
    Raises Pose3DError if a required role is left without a bone.
    """
    try:
        mapping = choose(presets, list(skeleton.names), wanted)
    except Pose3DError as by_name:
        if wanted != "auto" or not presets:
            raise
        return _on_paws(Tree(skeleton), recognise(skeleton, why_not_by_name=by_name.message))
    tree = Tree(skeleton)
    if wanted == "auto":
        if (found := _found_better(tree, skeleton, mapping, presets)) is not None:
            return _on_paws(tree, found)
        mapping = _on_paws(tree, _with_arms_on_chest(tree, mapping))
    shown, cues = sides_shown(tree, {role: skeleton.names.index(bones[0]) for role, bones in mapping.bones.items()})
    if shown > -SIDES_SURE or len(cues) < 2:
        return mapping
    told = f"Left and right look exchanged: {listed(cues)} show the bones named left on the character's right"
    if wanted == "auto":
        warning = f"{told}; they are taken the other way round. Name the preset ({mapping.preset}) to follow the names."
        mapping = exchanged(mapping)
    else:
        warning = f"{told}. Exchange them in the mapping, or choose Automatic."
    return replace(mapping, warnings=(*mapping.warnings, warning))


def _found_better(tree: Tree, skeleton: Skeleton, mapping: Mapping, presets: list[Preset]) -> Mapping | None:
    """What `recognise` finds where a preset's names fit by chance, and make less of a body: Rigify's metarig calls spine what is
    the hips, and SMPL foot what is the toes. None where the preset is right, or is the user's own, who may want it so.
    """
    faults = _faults(tree, mapping)
    if not faults or any(preset.own for preset in presets if preset.name == mapping.preset):
        return None
    try:
        found = recognise(skeleton)
    except Pose3DError:
        return None
    return found if _faults(tree, found) < faults else None


def _faults(tree: Tree, mapping: Mapping) -> int:
    """How many of these a mapping lacks: legs that hang on the hips, a foot, anything of the trunk above the hips."""
    roles = mapping.bones.keys()
    hips, *thighs = (tree.names.index(mapping.bones[role][0]) for role in ("hips", *(f"{side}_thigh" for side in SIDES)))
    # Of a rig's controls constraints say what follows what.
    hang = bool(mapping.properties) or all(tree.is_below(thigh, hips) for thigh in thighs)
    feet = any(f"{side}_foot" in roles for side in SIDES)
    return (not hang) + (not feet) + (not {"spine", "chest", "neck", "head"} & roles)


def _with_arms_on_chest(tree: Tree, mapping: Mapping) -> Mapping:
    """The mapping with the bones of the neck that the arms hang on, below the shoulders, as the top of the trunk: a neck that
    turned would move the shoulders. Skeletons of other builds carry the names of a family.
    """
    index = tree.names.index
    arms = [index(mapping.bones.get(f"{side}_clavicle", mapping.bones[f"{side}_upper_arm"])[0]) for side in SIDES]
    thighs, uppers = ([index(mapping.bones[f"{side}_{part}"][0]) for side in SIDES] for part in ("thigh", "upper_arm"))
    shoulders = tree.heads[uppers].mean(axis=0)
    trunk = shoulders - tree.heads[thighs].mean(axis=0)
    hub, chest, neck = tree.common(*arms), mapping.bones.get("chest", ()), list(mapping.bones.get("neck", ()))
    moved: list[str] = []
    while neck and chest and hub >= 0 and tree.is_below(hub, index(neck[0])):
        if (shoulders - tree.heads[index(neck[0])]) @ trunk < -ABOVE_SHOULDERS * float(trunk @ trunk):
            break
        moved.append(neck.pop(0))
    if not moved:
        return mapping
    spine = (*mapping.bones.get("spine", ()), *chest, *moved[:-1])
    bones = {**mapping.bones, "spine": spine, "chest": (moved[-1],), "neck": tuple(neck)}
    told = Evidence(0.95, "shape", f"the arms hang on {moved[-1]!r}, below the shoulders")
    evidence = {**mapping.evidence, "spine": mapping.evidence.get("spine", told), "chest": told}
    kept = {role: names for role, names in bones.items() if names}
    return replace(mapping, bones=kept, evidence={role: one for role, one in evidence.items() if role in kept})


def _on_paws(tree: Tree, mapping: Mapping) -> Mapping:
    """The mapping with the paws as the feet, of a character that walks on its toes with the heels high in the air: the bone
    between goes with the shin, so that knees stay as bent as they are. A rig's controls stay what they are called.
    """
    if mapping.properties or mapping.ik:
        return mapping
    ground = min(tree.heads[:, 2].min(), tree.tails[:, 2].min())
    bones, evidence = dict(mapping.bones), dict(mapping.evidence)
    for side in SIDES:
        parts = [mapping.bones.get(f"{side}_{part}") for part in (*LEG_PARTS, "toe")]
        if not all(parts):
            return mapping
        thigh, shin, heel, paw = (tree.names.index(names[0]) for names in parts if names)
        if min(tree.distance(shin, thigh), tree.distance(heel, shin)) < _LEAST_BONE * tree.distance(paw, heel):
            return mapping
        step = tree.heads[paw] - tree.heads[heel]
        down, leg = -float(step[2]), tree.length([thigh, shin, heel])
        if down < max(_HEEL_UP * leg, _STEEP * float(np.linalg.norm(step))) or tree.heads[paw][2] - ground > 0.5 * down:
            return mapping
        bones[f"{side}_foot"] = (tree.names[paw],)
        evidence[f"{side}_foot"] = Evidence(0.9, "shape", f"'{tree.names[heel]}' begins high above the ground at rest")
        further = [child for child in tree.children[paw] if tree.distance(child, paw) > 1e-6]
        for kept in (bones, evidence):
            kept.pop(f"{side}_toe", None)
        if len(further) == 1:
            bones[f"{side}_toe"] = (tree.names[further[0]],)
            evidence[f"{side}_toe"] = Evidence(0.8, "shape", f"the only bone that hangs on '{tree.names[paw]}'")
    return replace(mapping, bones=bones, evidence=evidence)


def recognise(skeleton: Skeleton, *, why_not_by_name: str = "") -> Mapping:
    """The roles of an armature that no preset knows. Mapping.preset is RECOGNISED; evidence and warnings say how sure it is.

    Raises Pose3DError if no two legs and two arms on a trunk can be found.
    """
    if len(skeleton.names) < 11 or not np.isfinite(skeleton.heads).all():
        few = f"it has {len(skeleton.names)} bones, too few for a body"
        raise _not_found(few if len(skeleton.names) < 11 else "its bones are not at finite places", why_not_by_name)
    tree = Tree(skeleton)
    body = find_body(tree, tree.deforming) or (None if tree.deforming.all() else find_body(tree, np.ones(len(tree.names), bool)))
    named = _by_name(tree)
    if body is not None and not _names_deny(tree, named, body):
        return mapping_of(tree, body)
    if not all(role in named for role in REQUIRED_ROLES):
        raise _not_found("no bone carries two legs, and a trunk with two arms", why_not_by_name)
    evidence = {role: Evidence(0.5, "name", f"'{tree.names[bone]}' is called so") for role, bone in named.items()}
    return Mapping(
        preset=RECOGNISED,
        bones={role: (tree.names[bone],) for role, bone in named.items()},
        root=tree.names[named["hips"]],
        evidence=evidence,
        warnings=("The arms and legs are no whole chains; the bones were told by their names alone. Check the mapping.",),
    )


def _names_deny(tree: Tree, named: dict[str, int], body: Body) -> bool:
    """Whether the names tell whole arms and legs, and the shape takes bones for them that are called something else."""
    if not all(role in named for role in REQUIRED_ROLES):
        return False
    for pair, parts in ((body.legs, LEG_PARTS), (body.arms, ARM_PARTS)):
        for place, part in (("upper", parts[0]), ("lower", parts[1])):
            found = both(pair, place)
            told = {tree.said[bone].part for bone in found}
            if found != {named[f"{side}_{part}"] for side in SIDES} and told not in ({part}, {"leg"}):
                return True
    return False


def _not_found(why: str, by_name: str) -> Pose3DError:
    names = " No preset knows its bone names either." if by_name else ""
    return Pose3DError(f"No bone of the armature is the hips: {why}.{names}", hint=_HINT)


def _by_name(tree: Tree) -> dict[str, int]:
    """Role -> the first bone that is called so, for armatures whose chains are broken."""
    found: dict[str, int] = {}
    for bone, name in enumerate(tree.said):
        part = "shin" if name.part == "leg" and f"{name.side}_thigh" in found else "thigh" if name.part == "leg" else name.part
        sided = part in (*LEG_PARTS, *ARM_PARTS, "toe", "clavicle")
        whole = part in ("hips", "chest", "head") and not name.side
        role = f"{name.side}_{part}" if sided and name.side else part if whole else ""
        if role and not name.junk:
            found.setdefault(role, bone)
    return found
