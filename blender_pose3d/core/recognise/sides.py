"""Which side is the left one: what points forwards shows it, and names may tell it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..preset import SIDES, Mapping
from ..rotations import unit
from .names import ARM_PARTS, LEG_PARTS
from .tree import Tree

# Above this agreement of the cues the rest pose is believed against the names.
SIDES_SURE = 0.85


def sides_shown(tree: Tree, roles: dict[str, int]) -> tuple[float, list[str]]:
    """From 1 (the roles called left are on the character's left) to -1 (on its right), and the cues that agree with that."""
    if any(roles.get(f"{side}_{part}") is None for side in SIDES for part in ("thigh", "shin", "upper_arm", "forearm")):
        return 0.0, []
    heads = tree.heads
    up = unit(
        heads[roles["left_upper_arm"]]
        + heads[roles["right_upper_arm"]]
        - heads[roles["left_thigh"]]
        - heads[roles["right_thigh"]]
    )

    def front(part: str) -> np.ndarray:
        """Where the character faces there, if left is left."""
        return unit(np.cross(heads[roles[f"left_{part}"]] - heads[roles[f"right_{part}"]], up))

    hip_front, chest_front = front("thigh"), front("upper_arm")
    cues: dict[str, tuple[float, float]] = {}  # name -> value from -1 to 1, weight
    feet, soles, knees, elbows, thumbs = [], [], [], [], []
    for side in SIDES:
        thigh, shin, foot = (roles.get(f"{side}_{part}") for part in LEG_PARTS)
        upper, forearm, hand = (roles.get(f"{side}_{part}") for part in ARM_PARTS)
        assert thigh is not None and shin is not None and upper is not None and forearm is not None
        ankle = heads[foot] if foot is not None else tree.tails[shin]
        if foot is not None and tree.children[foot]:
            far = max(tree.bones_below(foot), key=lambda b: tree.distance(b, foot))
            # A foot in line with its shin (on tiptoe) still bends forwards at the ankle.
            feet.append(
                _saturated((heads[far] - ankle) @ _across(hip_front, ankle - heads[shin]), 0.1 * tree.distance(thigh, shin))
            )
        elif foot is not None:
            soles.append(float(unit(tree.tails[foot] - ankle) @ hip_front))
        bend, span = _bend(heads[thigh], heads[shin], ankle)
        knees.append(_saturated(bend @ hip_front, 0.03 * span))
        wrist = heads[hand] if hand is not None else tree.tails[forearm]
        bend, span = _bend(heads[upper], heads[forearm], wrist)
        elbows.append(_saturated(-(bend @ chest_front), 0.06 * span))
        if hand is not None and len(chains := [c for c in tree.children[hand] if tree.reach[c] > 0]) >= 4:
            along = unit(wrist - heads[forearm])
            tips = [max([c, *tree.bones_below(c)], key=lambda b: tree.distance(b, hand)) for c in chains]
            order = np.argsort([(heads[tip] - wrist) @ along for tip in tips])
            thumb, others = tips[order[0]], [tips[i] for i in order[1:]]
            thumbs.append(_saturated((heads[thumb] - heads[others].mean(0)) @ chest_front, 0.15 * tree.reach[hand]))
    cues["the feet"] = (float(np.mean(feet)) if feet else 0.0, 3.0)
    if soles and not feet:
        cues["the feet"] = (float(np.mean(soles)), 0.8)
    cues["the knees"] = (float(np.mean(knees)), 1.5)
    cues["the elbows"] = (float(np.mean(elbows)), 0.7)
    cues["the thumbs"] = (float(np.mean(thumbs)) if thumbs else 0.0, 0.7)
    head = roles.get("head")
    if head is not None and len(face := tree.bones_below(head)) >= 2:
        forwards = [(heads[b] - heads[head]) @ chest_front for b in face]
        cues["the face"] = (_saturated(float(np.mean(forwards)), 0.25 * max(float(tree.reach[head]), 1e-12)), 1.5)
    # Characters are modelled facing -Y; this decides only where the body shows nothing.
    cues[""] = (float(-chest_front[1]), 0.3)
    total = sum(value * weight for value, weight in cues.values())
    against = sum(abs(value) * weight for value, weight in cues.values())
    if against < 1e-9:
        return 0.0, []
    agreeing = [name for name, (value, _) in cues.items() if name and value * total > 0 and abs(value) > 0.3]
    # Much weight is needed to be sure, and little of it against.
    return float(np.clip(total / against * min(1.0, abs(total) / 2.0), -1, 1)), agreeing


def sides_told(tree: Tree, roles: dict[str, int]) -> float:
    """1 if the names of the bones say the sides that the roles do, -1 if the other ones, 0 if they say nothing."""
    votes = [
        1.0 if tree.said[bone].side == role.partition("_")[0] else -1.0
        for role, bone in roles.items()
        if role.startswith(SIDES) and tree.said[bone].side
    ]
    return float(np.sign(sum(votes))) if len(votes) >= 4 and abs(sum(votes)) > 0.8 * len(votes) else 0.0


def exchanged(mapping: Mapping) -> Mapping:
    """The same with left as right."""
    return replace(
        mapping,
        bones={other_side(role): bones for role, bones in mapping.bones.items()},
        evidence={other_side(role): one for role, one in mapping.evidence.items()},
        fingers={other_side(chain): bones for chain, bones in mapping.fingers.items()},
        twists={other_side(role): bones for role, bones in mapping.twists.items()},
        ik={other_side(role): bones for role, bones in mapping.ik.items()},
    )


def other_side(role: str) -> str:
    """The same role on the other side; hips and the like stay."""
    side, _, part = role.partition("_")
    return f"{SIDES[1 - SIDES.index(side)]}_{part}" if side in SIDES else role


def _bend(a: np.ndarray, middle: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, float]:
    """How far the middle is off the line from a to b, [3], and the line's length."""
    line = b - a
    span = float(np.linalg.norm(line)) + 1e-12
    offset = middle - a
    return offset - (offset @ line) / span**2 * line, span


def _across(direction: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """The direction, made square to the axis."""
    axis = unit(axis)
    return unit(direction - (direction @ axis) * axis)


def _saturated(value: float, scale: float) -> float:
    return float(np.tanh(value / max(scale, 1e-12)))
