"""What of a character's meshes its feet, trunk and head carry, at rest: how far its shoes reach behind, before and below the
ankles, and how thick it is where it sits or lies.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import bpy
import numpy as np

from .targets import world_of

# A vertex belongs to what has more than this share of its weights.
_MOST = 0.5
# So many directions tell what is outermost.
_DIRECTIONS = 200
# So many shins from the ankle a foot ends at the farthest. Vertices beyond so many are not all looked at.
_REACH, _MANY = 3.0, 30_000
# Of a whole body so many vertices of each mesh are looked at.
_SOME = 8_000


@dataclass(frozen=True)
class Foot:
    """names: of all bones that move with it; ankle, knee [3]: where these joints are at rest, armature axes."""

    names: Collection[str]
    ankle: np.ndarray
    knee: np.ndarray


def read_soles(armature_object: bpy.types.Object, feet: Mapping[int, Foot]) -> dict[int, np.ndarray]:
    """Of each foot's bone the outermost points [N, 3] of what moves with it, armature axes; none for a foot that carries nothing.

    A mesh rests where its vertices are without any modifier.
    """
    found: dict[int, list[np.ndarray]] = {bone: [] for bone in feet}
    from_world = np.linalg.inv(world_of(armature_object))
    for item in _carried(armature_object):
        mesh = item.data
        places = np.empty(3 * len(mesh.vertices), np.float32)
        mesh.vertices.foreach_get("co", places)
        to_armature = from_world @ world_of(item)
        points = places.reshape(-1, 3).astype(float) @ to_armature[:3, :3].T + to_armature[:3, 3]
        for bone, foot in feet.items():
            groups = {group.index for group in item.vertex_groups if group.name in foot.names}
            if not groups:
                continue
            from_ankle, from_knee = (np.linalg.norm(points - joint, axis=1) for joint in (foot.ankle, foot.knee))
            near = np.flatnonzero(from_ankle < np.minimum(from_knee, _REACH * np.linalg.norm(foot.knee - foot.ankle)))
            # Blender tells weights vertex by vertex; where there are very many, their neighbours are as far out.
            near = near[:: 1 + len(near) // _MANY]
            found[bone].append(points[[i for i in near.tolist() if _belongs(mesh.vertices[i], groups)]])
    return {bone: outermost(np.concatenate(parts)) for bone, parts in found.items() if any(len(part) for part in parts)}


def read_body(armature_object: bpy.types.Object, bones: Mapping[str, int]) -> dict[int, np.ndarray]:
    """Of each bone the points [N, 3] of what moves more with the bones that are its own, by their names, than with any other,
    armature axes; none for one that moves nothing. What hangs on a bone by bones of its own, as hair and cloaks do, is not part
    of it. Of a mesh with very many vertices some.
    """
    found: dict[int, list[np.ndarray]] = {bone: [] for bone in bones.values()}
    from_world = np.linalg.inv(world_of(armature_object))
    for item in _carried(armature_object):
        owners = {group.index: bones[group.name] for group in item.vertex_groups if group.name in bones}
        vertices = item.data.vertices
        if not owners or not len(vertices):
            continue
        to_armature = from_world @ world_of(item)
        of_bone: dict[int, list[tuple[float, ...]]] = {}
        for number in range(0, len(vertices), 1 + len(vertices) // _SOME):
            groups = vertices[number].groups
            if groups and (owner := owners.get(max(groups, key=lambda element: element.weight).group)) is not None:
                of_bone.setdefault(owner, []).append(tuple(vertices[number].co))
        for bone, points in of_bone.items():
            found[bone].append(np.array(points, float) @ to_armature[:3, :3].T + to_armature[:3, 3])
    return {bone: np.concatenate(parts) for bone, parts in found.items() if parts}


def _carried(armature_object: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """The meshes that the armature bends, but for those that are in no picture."""
    armature_object = armature_object.original
    for item in bpy.data.objects:
        if item.type != "MESH" or item.hide_render or not item.users_scene:
            continue
        by_modifier = any(one.type == "ARMATURE" and one.object == armature_object for one in item.modifiers)
        if by_modifier or (item.parent == armature_object and item.parent_type == "ARMATURE"):
            yield item


def _belongs(vertex: bpy.types.MeshVertex, groups: set[int]) -> bool:
    own = every = 0.0
    for element in vertex.groups:
        every += element.weight
        own += element.weight * (element.group in groups)
    return own > _MOST * every


def outermost(points: np.ndarray) -> np.ndarray:
    """Those of points [N, 3] that are the farthest in some direction."""
    # Spread over a sphere: R. Swinbank and R. J. Purser, Fibonacci grids, 2006.
    number = np.arange(_DIRECTIONS) + 0.5
    height, turn = 1 - 2 * number / _DIRECTIONS, np.pi * (1 + 5**0.5) * number
    level = np.sqrt(1 - height * height)
    ways = np.stack([level * np.cos(turn), level * np.sin(turn), height])
    return points[np.unique((points @ ways).argmax(axis=0))]
