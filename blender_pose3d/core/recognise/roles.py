"""From the limbs found to roles: the trunk between them, clavicles, toes, fingers and twist bones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from ..preset import FINGERS, RECOGNISED, SIDES, Evidence, Mapping
from ..rotations import unit
from .body import Body, Pair
from .names import ARM_PARTS, LEG_PARTS, listed
from .sides import SIDES_SURE, other_side, sides_shown, sides_told
from .tree import Tree

SURE = 0.6  # A role below this confidence is named in a warning.
# A bone this far above the shoulders, in heights of the trunk, is the neck, whatever hangs on it.
ABOVE_SHOULDERS = 0.04
# A hand or foot that does not hang on its limb begins so near to where that ends, in lengths of its lower bone.
_AT_END = 0.1


def mapping_of(tree: Tree, body: Body) -> Mapping:
    """A bone for every role that the body has, with the evidence for each, and warnings where it is little."""
    legs, arms = body.legs, body.arms
    a_to_b = (tree.heads[legs.a.upper] - tree.heads[legs.b.upper]) @ (tree.heads[arms.a.upper] - tree.heads[arms.b.upper])
    if a_to_b < 0:
        arms = replace(arms, a=arms.b, b=arms.a)
    roles: dict[str, int] = {}
    for side, leg, arm in (("left", legs.a, arms.a), ("right", legs.b, arms.b)):
        for parts, limb in ((LEG_PARTS, leg), (ARM_PARTS, arm)):
            roles.update({f"{side}_{part}": bone for part, bone in zip(parts, limb.bones, strict=False)})
    roles |= _ends_beside(tree, roles)
    hips, root, spine, chest, neck, head = _trunk(tree, legs, arms)
    sure: dict[str, float] = {}
    for side in SIDES:
        for which, parts in (("legs", LEG_PARTS), ("arms", ARM_PARTS)):
            sure.update(
                {f"{side}_{p}": body.sure[f"{which} {at}"] for p, at in zip(parts, ("upper", "lower", "end"), strict=True)}
            )
        if (clavicle := _clavicle(tree, roles[f"{side}_upper_arm"], arms.hub)) is not None:
            roles[f"{side}_clavicle"], sure[f"{side}_clavicle"] = clavicle, 0.9 * body.sure["arms upper"]
    roles["hips"] = hips
    if head is not None:
        roles["head"] = head
    shown, cues = sides_shown(tree, roles)
    told = sides_told(tree, roles)
    warnings: list[str] = []
    exchange = shown < 0
    if told and (told < 0) != exchange:
        if abs(shown) >= SIDES_SURE and len(cues) >= 2:
            warnings.append(
                f"Left and right look exchanged: {listed(cues)} show the bones named left on the character's right, "
                "and are followed."
            )
        else:
            exchange = told < 0
            warnings.append("Left and right may be exchanged: the names were followed, the rest pose does not show it clearly.")
    side_sure = max(0.5 + abs(shown) / 2, 0.95 if told and (told < 0) == exchange else 0.0)
    if exchange:
        roles = {other_side(role): bone for role, bone in roles.items()}
        sure = {other_side(role): value for role, value in sure.items()}
    if side_sure < 0.75:
        warnings.append("Which side is the left one is not clear from the rest pose: check the left and right bones.")
    for side in SIDES:
        if (toe := _toe(tree, roles, side)) is not None:
            roles[f"{side}_toe"], sure[f"{side}_toe"] = toe, 0.9 * sure[f"{side}_foot"]
    if not tree.deforming.all() and tree.deforming.sum() < 0.5 * len(tree.names):
        warnings.append(
            "The armature has controls beside the bones that move its mesh. Those bones are mapped; if constraints hold them, "
            "map the controls instead."
        )
    centre = min(body.sure["legs upper"], body.sure["arms upper"])
    sure |= {"hips": centre, "spine": centre, "chest": centre, "neck": 0.9 * centre, "head": 0.9 * centre}
    evidence = {
        role: _evidence(tree, role, bone, sure[role] * (side_sure if role.startswith(SIDES) else 1.0), cues)
        for role, bone in roles.items()
    }
    bones: dict[str, tuple[str, ...]] = {role: (tree.names[bone],) for role, bone in roles.items()}
    for role, chain in (("spine", spine), ("chest", [chest] if chest is not None else []), ("neck", neck)):
        if chain:
            bones[role] = tuple(tree.names[b] for b in chain)
            evidence[role] = Evidence(_told(sure[role]), "shape", f"between the hips and the head, {len(chain)} bone(s)")
    if doubtful := [role for role in evidence if sure[role] < SURE]:
        names = ", ".join(f"{role.replace('_', ' ')} ('{bones[role][0]}')" for role in sorted(doubtful))
        warnings.append(f"Not sure of: {names}. Check the mapping.")
    return Mapping(
        preset=RECOGNISED,
        bones={role: bones[role] for role in sorted(bones)},
        root=tree.names[root],
        evidence=evidence,
        warnings=tuple(warnings),
        fingers=_fingers(tree, roles),
        twists=_twists(tree, roles),
    )


def _ends_beside(tree: Tree, roles: dict[str, int]) -> dict[str, int]:
    """Hands and feet that hang on controls instead of on the limbs: where a limb ends without one, a bone that is called so."""
    out = {}
    for lower, end in ((f"{side}_{part}", f"{side}_{after}") for side in SIDES for _, part, after in (LEG_PARTS, ARM_PARTS)):
        if end in roles:
            continue
        bone, part = roles[lower], end.partition("_")[2]
        tip = tree.tails[bone]
        near = _AT_END * float(np.linalg.norm(tip - tree.heads[bone]))
        apart = np.linalg.norm(tree.heads - tip, axis=1)
        called = [b for b, said in enumerate(tree.said) if said.part == part and not said.junk and apart[b] < near]
        if called:
            out[end] = min(called, key=lambda b: apart[b])
    return out


def _told(sure: float) -> float:
    """A confidence as the table of bones says it: nothing that a shape says is certain."""
    return round(float(np.clip(sure, 0, 0.99)), 2)


def _evidence(tree: Tree, role: str, bone: int, sure: float, cues: Sequence[str]) -> Evidence:
    side, _, part = role.partition("_")
    said = tree.said[bone]
    limb = {"thigh": "leg", "shin": "leg", "foot": "leg", "toe": "leg"}.get(part, "arm")
    place = f"one of two {limb}s of equal lengths on the same trunk" if side in SIDES else "where legs and arms come together"
    shown = f"; {side} as {listed(cues)} show" if side in SIDES and cues else ""
    by_name = bool(said.part) and said.part in (part, role) or (said.part == "leg" and limb == "leg")
    name = f"'{tree.names[bone]}' is called so; " if by_name else ""
    return Evidence(_told(sure), "name" if by_name else "shape", f"{name}{place}{shown}")


def _trunk(tree: Tree, legs: Pair, arms: Pair) -> tuple[int, int, list[int], int | None, list[int], int | None]:
    """Hips, root, spine, chest, neck, head."""
    hip_middle = (tree.heads[legs.a.upper] + tree.heads[legs.b.upper]) / 2
    shoulders = (tree.heads[arms.a.upper] + tree.heads[arms.b.upper]) / 2
    trunk = shoulders - hip_middle
    height = float(np.linalg.norm(trunk))
    up = trunk / height

    def from_hips(bone: int) -> float:
        return float(np.linalg.norm(tree.heads[bone] - hip_middle))

    hips = root = legs.hub
    top = tree.common(legs.hub, arms.hub)
    if top != legs.hub:  # legs and spine hang side by side on another bone
        root = top
        if from_hips(top) < 0.35 * legs.length:
            hips = top
    else:
        parent = tree.parents[hips]
        if parent >= 0 and from_hips(parent) < 0.5 * from_hips(hips) and from_hips(hips) > 0.08 * legs.length:
            hips = root = parent  # 3ds Max hangs the legs on the first bone of the spine
    spine = [] if arms.hub == top else [b for b in [*tree.path(arms.hub, top), arms.hub] if b != hips]
    if hips != top and tree.is_below(top, hips) and top not in spine:
        spine.insert(0, top)
    neck: list[int] = []
    # Arms that hang on the neck: its head is above theirs.
    while len(spine) > 1 and (shoulders - tree.heads[spine[-1]]) @ up < -ABOVE_SHOULDERS * height:
        neck.insert(0, spine.pop())
    upwards = _upwards(tree, neck[-1] if neck else arms.hub, legs, arms)
    chest = spine.pop() if spine else None
    head = upwards.pop() if upwards else neck.pop() if len(neck) > 1 else None
    return hips, root, spine, chest, neck + upwards, head


def _upwards(tree: Tree, start: int, legs: Pair, arms: Pair) -> list[int]:
    """The bones from above `start` to the head, both in the middle of the body."""
    shoulders = (tree.heads[arms.a.upper] + tree.heads[arms.b.upper]) / 2
    trunk = shoulders - (tree.heads[legs.a.upper] + tree.heads[legs.b.upper]) / 2
    height = float(np.linalg.norm(trunk))
    up, across = trunk / height, unit(tree.heads[arms.a.upper] - tree.heads[arms.b.upper])
    width = tree.distance(arms.a.upper, arms.b.upper)

    def could_be(bone: int, below: int) -> bool:
        beside = abs(float((tree.heads[bone] - shoulders) @ across)) > 0.2 * width
        rises = rise(bone, below) > 0.02
        place = float((tree.heads[bone] - shoulders) @ across)
        twin = abs(place) > 0.01 * width and any(
            abs(float((tree.heads[other] - shoulders) @ across) + place) < 0.01 * width for other in tree.children[below]
        )
        return (
            rises
            and not beside
            and not twin
            and not any(tree.is_below(limb.upper, bone) for limb in (arms.a, arms.b, legs.a, legs.b))
        )

    def candidates(at: int) -> list[int]:
        return [child for child in tree.children[at] if could_be(child, at)]

    def says_head(bone: int) -> bool:
        return tree.said[bone].part == "head" and not tree.said[bone].junk

    def upwards(at: int) -> list[int]:
        chain: list[int] = []
        while found := candidates(at):
            heads = [bone for bone in found if says_head(bone)]
            if tree.said[at].part == "neck" and heads:
                found = heads  # what else is there is a helper
            elif chain and len(tree.children[at]) > 1:
                break  # a face, or hair: this is the head
            # What carries more is the neck; what stands for itself may be a collar. Controls stand beside the bones that they
            # move: of those at the same place the one that leads higher.
            at = max(found, key=lambda b: (len(tree.bones_below(b)) > 0, round(rise(b, at), 3), end_of(b)))
            chain.append(at)
        return chain

    def rise(bone: int, below: int) -> float:
        return float((tree.heads[bone] - tree.heads[below]) @ up) / height

    @cache
    def end_of(bone: int) -> float:
        return rise(([bone] + upwards(bone))[-1], start)

    # In a rig of controls arms and neck may hang on different ones of the bones at a joint.
    while not candidates(start) and tree.parents[start] >= 0 and tree.distance(start, tree.parents[start]) < 0.01 * height:
        start = tree.parents[start]
    chain = upwards(start)
    is_named = bool(chain) and says_head(chain[-1]) and not any(says_head(bone) for bone in chain[:-1])
    if len(chain) >= 2 and not tree.children[chain[-1]] and not is_named:
        # The top of the head, not its joint: where toes end in such a bone as well, or it is that high.
        top = float((tree.heads[chain[-1]] - shoulders) @ up) > 0.5 * height
        if top or _has_end_bones(tree, legs) or tree.said[chain[-1]].junk:
            chain.pop()
    return chain


def _has_end_bones(tree: Tree, legs: Pair) -> bool:
    """Whether the feet end in foot, toe and one more bone: then the last bone of a chain only marks its end."""
    ends = [limb.end for limb in (legs.a, legs.b) if limb.end >= 0]
    toes = [toe for end in ends for toe in tree.children[end] if len(tree.bones_below(toe)) == 1]
    return len(toes) >= 2


def _clavicle(tree: Tree, upper_arm: int, hub: int) -> int | None:
    """The first bone between the chest and the upper arm that has a length; MMD has helpers without one before it."""
    chain = [*tree.path(upper_arm, hub), upper_arm]
    span = tree.distance(chain[0], upper_arm)
    return next((a for a, b in zip(chain, chain[1:], strict=False) if tree.distance(a, b) > 0.1 * span), None)


def _toe(tree: Tree, roles: dict[str, int], side: str) -> int | None:
    """The ball of the foot: of what hangs on the foot, the bone farthest in front of it; of a row of toes the innermost."""
    foot = roles.get(f"{side}_foot")
    if foot is None:
        return None
    children = [c for c in tree.children[foot] if tree.distance(c, foot) > 1e-6]
    if len(children) < 2:
        return children[0] if children else None
    ankle = tree.heads[foot]
    front = _front(tree, roles)
    forwards = {c: float((tree.heads[c] - ankle) @ front) for c in children}
    reach = max(forwards.values())
    if reach <= 0:
        return None
    row = [c for c in children if forwards[c] > 0.6 * reach and not tree.said[c].junk] or [
        max(forwards, key=forwards.__getitem__)
    ]
    middle = (tree.heads[roles["left_thigh"]] + tree.heads[roles["right_thigh"]]) / 2
    outwards = tree.heads[roles[f"{side}_thigh"]] - middle
    return min(row, key=lambda c: float((tree.heads[c] - ankle) @ outwards))


def _front(tree: Tree, roles: dict[str, int]) -> np.ndarray:
    left = tree.heads[roles["left_thigh"]] - tree.heads[roles["right_thigh"]]
    shoulders = (tree.heads[roles["left_upper_arm"]] + tree.heads[roles["right_upper_arm"]]) / 2
    hips = (tree.heads[roles["left_thigh"]] + tree.heads[roles["right_thigh"]]) / 2
    return unit(np.cross(left, shoulders - hips))


def _fingers(tree: Tree, roles: dict[str, int]) -> dict[str, tuple[str, ...]]:
    """left_thumb ... right_little -> bones from the palm outwards, for hands of five fingers (or a thumb and some)."""
    out: dict[str, tuple[str, ...]] = {}
    for side in SIDES:
        hand, forearm = roles.get(f"{side}_hand"), roles.get(f"{side}_forearm")
        if hand is None or forearm is None:
            continue
        chains = []
        for first in tree.children[hand]:
            chain = [first]
            while len(onwards := [c for c in tree.children[chain[-1]] if tree.distance(c, chain[-1]) > 1e-6]) == 1:
                chain.append(onwards[0])
            if len(chain) >= 2:
                chains.append(chain)
        if not 4 <= len(chains) <= 5:
            continue
        along = unit(tree.heads[hand] - tree.heads[forearm])
        tips = {tuple(c): tree.heads[c[-1]] - tree.heads[hand] for c in chains}
        # The thumb's tip is the least far from the wrist along the forearm's direction.
        thumb = min(chains, key=lambda c: float(tips[tuple(c)] @ along))
        others = sorted((c for c in chains if c is not thumb), key=lambda c: tree.distance(c[0], thumb[0]))
        for name, chain in zip(FINGERS, [thumb, *others], strict=False):
            out[f"{side}_{name}"] = tuple(tree.names[b] for b in chain[:3])
    return out


def _twists(tree: Tree, roles: dict[str, int]) -> dict[str, tuple[str, ...]]:
    """Role -> bones along its segment that play no role, nearest to the role's own bone first."""
    out = {}
    taken = set(roles.values())
    for side in SIDES:
        for part, following in (("upper_arm", "forearm"), ("forearm", "hand"), ("thigh", "shin"), ("shin", "foot")):
            start, end = roles.get(f"{side}_{part}"), roles.get(f"{side}_{following}")
            if start is None or end is None:
                continue
            segment = tree.heads[end] - tree.heads[start]
            span = float(np.linalg.norm(segment)) + 1e-12
            along = {}
            for bone in tree.bones_below(start):
                inside = tree.is_below(end, bone)  # part of the chain itself
                if bone in taken or tree.is_below(bone, end) or (tree.reach[bone] > 1.01 * span and not inside):
                    continue
                offset = tree.heads[bone] - tree.heads[start]
                share = float(offset @ segment) / span**2
                if -0.01 <= share < 0.97 and np.linalg.norm(offset - share * segment) < 0.12 * span:
                    along[bone] = share
            if along:
                out[f"{side}_{part}"] = tuple(tree.names[b] for b in sorted(along, key=along.__getitem__))
    return out
