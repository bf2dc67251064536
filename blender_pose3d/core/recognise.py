"""Which bone of an armature plays which role, found from its hierarchy, its rest pose and, where they say something, its names.

Two legs and two arms are two pairs of limbs: each limb an upper bone, a lower one and an end, of equal lengths left and right.
Every pair that could be one is scored as legs and as arms, then every two pairs together (trunk, head, proportions, what hangs
where).
The best reading wins; a role's confidence is how far behind the best reading lies in which another bone plays it. Lengths between
joints do not change with the pose, so A-poses, T-poses and twisted ones are alike; only "up" is taken from the world.
Which side is the left one is told by what points forwards: feet, knees, elbows, face and thumbs.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property

import numpy as np

from .errors import Pose3DError
from .preset import FINGERS, RECOGNISED, REQUIRED_ROLES, SIDES, Evidence, Mapping, Preset, choose

SURE = 0.6  # A role below this confidence is named in a warning.
_UP = np.array([0.0, 0.0, 1.0])
_LEG_PARTS = ("thigh", "shin", "foot")
_ARM_PARTS = ("upper_arm", "forearm", "hand")
# Segments shorter than this, relative to the whole skeleton, are no part of an arm or leg.
_SHORTEST_SEGMENT = 0.03
_SHORTEST_LIMB = 0.08
# A bone this far above the shoulders, in heights of the trunk, is the neck, whatever hangs on it.
_ABOVE_SHOULDERS = 0.04
# How many candidates are kept at each step, best first.
_MOST_LIMBS, _MOST_LEGS, _MOST_ARMS = 350, 40, 120
# Above this agreement of the cues the rest pose is believed against the names.
_SIDES_SURE = 0.85
_HINT = "Choose a preset, or write one for this rig (rigs/README.md says how) and give its file."


@dataclass(frozen=True)
class Skeleton:
    """An armature at rest. B bones, parents before children.

    names [B]; parents [B], -1 for none; heads [B, 3] and tails [B, 3] in the world; deforms [B]: whether a bone moves the mesh;
    mirrored: the object's matrix turns left into right (the sides are then those of the armature itself, as its names are).
    """

    names: tuple[str, ...]
    parents: np.ndarray
    heads: np.ndarray
    tails: np.ndarray
    deforms: np.ndarray
    mirrored: bool = False


def map_bones(skeleton: Skeleton, presets: list[Preset], wanted: str = "auto") -> Mapping:
    """The mapping of the preset that is wanted; for "auto" of the preset whose names fit, else as `recognise` finds it.

    Sides that the rest pose shows the other way round are exchanged for "auto" and only warned of for a named preset.
    Raises Pose3DError if a required role is left without a bone.
    """
    try:
        mapping = choose(presets, list(skeleton.names), wanted)
    except Pose3DError as by_name:
        if wanted != "auto" or not presets:
            raise
        return recognise(skeleton, why_not_by_name=by_name.message)
    tree = _Tree(skeleton)
    if wanted == "auto":
        mapping = _with_arms_on_chest(tree, mapping)
    shown, cues = _sides_shown(tree, {role: skeleton.names.index(bones[0]) for role, bones in mapping.bones.items()})
    if shown > -_SIDES_SURE or len(cues) < 2:
        return mapping
    told = f"Left and right look exchanged: {_listed(cues)} show the bones named left on the character's right"
    if wanted == "auto":
        warning = f"{told}; they are taken the other way round. Name the preset ({mapping.preset}) to follow the names."
        mapping = _exchanged(mapping)
    else:
        warning = f"{told}. Exchange them in the mapping, or choose Automatic."
    return replace(mapping, warnings=(*mapping.warnings, warning))


def _with_arms_on_chest(tree: _Tree, mapping: Mapping) -> Mapping:
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
        if (shoulders - tree.heads[index(neck[0])]) @ trunk < -_ABOVE_SHOULDERS * float(trunk @ trunk):
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


def recognise(skeleton: Skeleton, *, why_not_by_name: str = "") -> Mapping:
    """The roles of an armature that no preset knows. Mapping.preset is RECOGNISED; evidence and warnings say how sure it is.

    Raises Pose3DError if no two legs and two arms on a trunk can be found.
    """
    if len(skeleton.names) < 11 or not np.isfinite(skeleton.heads).all():
        few = f"it has {len(skeleton.names)} bones, too few for a body"
        raise _not_found(few if len(skeleton.names) < 11 else "its bones are not at finite places", why_not_by_name)
    tree = _Tree(skeleton)
    body = _find_body(tree, tree.deforming) or (
        None if tree.deforming.all() else _find_body(tree, np.ones(len(tree.names), bool))
    )
    named = _by_name(tree)
    if body is not None and not _names_deny(tree, named, body):
        return _mapping(tree, body)
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


def _names_deny(tree: _Tree, named: dict[str, int], body: _Body) -> bool:
    """Whether the names tell whole arms and legs, and the shape takes bones for them that are called something else."""
    if not all(role in named for role in REQUIRED_ROLES):
        return False
    for pair, parts in ((body.legs, _LEG_PARTS), (body.arms, _ARM_PARTS)):
        for place, part in (("upper", parts[0]), ("lower", parts[1])):
            found = _both(pair, place)
            told = {tree.said[bone].part for bone in found}
            if found != {named[f"{side}_{part}"] for side in SIDES} and told not in ({part}, {"leg"}):
                return True
    return False


def _not_found(why: str, by_name: str) -> Pose3DError:
    names = " No preset knows its bone names either." if by_name else ""
    return Pose3DError(f"No bone of the armature is the hips: {why}.{names}", hint=_HINT)


# --- names ----------------------------------------------------------------------------------------

_SIDE_WORDS = {
    "left": (
        "l",
        "left",
        "lft",
        "左",
        "gauche",
        "links",
        "izquierda",
        "izquierdo",
        "izq",
        "sinistra",
        "sinistro",
        "esquerda",
        "esquerdo",
    ),
    "right": (
        "r",
        "right",
        "rgt",
        "右",
        "droite",
        "droit",
        "rechts",
        "derecha",
        "derecho",
        "destra",
        "destro",
        "direita",
        "direito",
    ),
}
_JUNK = re.compile(
    r"ik\b|pole|ctrl|control|twist|helper|target|hair|skirt|cloth|cape|tail|wing|breast|boob|eye|brow|\blips?\b|jaw|tongue|\bear\b|weapon|prop"
    r"|socket|slot|nub|\bend\b|\btip\b|dummy|shadow|corrective|leaf|捩|髪|スカート|胸|目|裾|袖|翼|尻尾|ＩＫ"
)
# Part of the body -> what its bones are called, without side and numbers. The first that fits is taken.
_WORDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (part, re.compile(words))
    for part, words in (
        ("finger", r"thumb|index|middle|ring|pinky|little|finger|mid$|[親人中薬小]指|指|metacarpal|daumen|pouce|doigt|dedo"),
        ("toe", r"toe|ball|つま先|足先|zehe?n?$|orteil"),
        ("clavicle", r"clav|collar|shoulder|肩|schulter|schluessel|schlüssel|hombro|épaule|epaule|spalla|ombro"),
        (
            "forearm",
            r"fore?arm|lowerarm|lowarm|armlower|elbow|ひじ|肘|radius|unterarm|antebra|avantbras|avambraccio|前腕|下臂|小臂",
        ),
        ("upper_arm", r"upperarm|uparm|armupper|humerus|shldr|oberarm|arm|腕|上臂|大臂|brazo|^bras|braccio|braço"),
        ("hand", r"hand|wrist|手|mano|main$|polso|mão"),
        (
            "shin",
            r"shin|calf|lowerleg|lowleg|leglower|knee|tibia|ひざ|膝|すね|unterschenkel|mollet|pantorrilla|polpaccio|小腿|脛",
        ),
        ("thigh", r"thigh|upperleg|upleg|legupper|femur|oberschenkel|muslo|cuisse|coscia|大腿|coxa"),
        ("foot", r"foot|ankle|足首|fu(ß|ss)|^pied|^pie$|piede|tobillo|cheville|pé$"),
        ("leg", r"leg|足|bein|pierna|jambe|gamba|perna"),
        ("hips", r"hip|pelvis|下半身|becken|hüfte|cadera|bassin|骨盤|腰|bacino|quadril"),
        ("chest", r"chest|thorax|torso|胸部|brust|pecho|poitrine|petto|peito"),
        ("spine", r"spine|abdomen|waist|back|上半身|wirbel|columna|colonne|colonna|coluna|脊"),
        ("neck", r"neck|首|hals|cuello|^cou$|collo|pescoço"),
        ("head", r"head|頭|头|kopf|cabeza|tête|tete|testa|cabeça"),
    )
)


@dataclass(frozen=True)
class _Name:
    """What a bone's name says: part of the body and side, "" where nothing; junk: a helper, or hair and the like."""

    part: str
    side: str
    junk: bool


def _read_name(name: str) -> _Name:
    plain = unicodedata.normalize("NFKC", name.rsplit(":", 1)[-1])
    plain = re.sub(r"(左|右)", r" \1 ", re.sub(r"([a-z])([A-Z])", r"\1 \2", plain))
    words = [w for w in re.split(r"[\W\d_]+", plain.casefold()) if w]
    side = next((s for w in words for s in SIDES if w in _SIDE_WORDS[s]), "")
    rest = [w for w in words if not any(w in _SIDE_WORDS[s] for s in SIDES)]
    if not side and rest:  # lfemur, rhand
        for first, of_side in (("l", "left"), ("r", "right")):
            short = next((w for w in rest if w[0] == first and _starts_with_part(w[1:])), None)
            if short is not None:
                side, rest = of_side, [short[1:] if w == short else w for w in rest]
                break
    joined = "".join(rest)
    return _Name(_part(joined), side, bool(_JUNK.search(" ".join(rest)) or "ik" in rest))


def _starts_with_part(word: str) -> bool:
    return any(words.match(word) for _, words in _WORDS)


def _part(joined: str) -> str:
    return next((part for part, words in _WORDS if words.search(joined)), "")


def _by_name(tree: _Tree) -> dict[str, int]:
    """Role -> the first bone that is called so, for armatures whose chains are broken."""
    found: dict[str, int] = {}
    for bone, name in enumerate(tree.said):
        part = "shin" if name.part == "leg" and f"{name.side}_thigh" in found else "thigh" if name.part == "leg" else name.part
        sided = part in (*_LEG_PARTS, *_ARM_PARTS, "toe", "clavicle")
        whole = part in ("hips", "chest", "head") and not name.side
        role = f"{name.side}_{part}" if sided and name.side else part if whole else ""
        if role and not name.junk:
            found.setdefault(role, bone)
    return found


# --- the tree -------------------------------------------------------------------------------------


class _Tree:
    """A skeleton with what is asked of it again and again. Mirrored objects are mirrored back first."""

    def __init__(self, skeleton: Skeleton) -> None:
        flip = np.array([-1.0, 1.0, 1.0]) if skeleton.mirrored else np.ones(3)
        self.names = skeleton.names
        self.parents = [int(p) for p in skeleton.parents]
        self.heads = np.asarray(skeleton.heads, float) * flip
        self.tails = np.asarray(skeleton.tails, float) * flip
        # Rigs that mark some bones as moving the mesh have controls beside them; where nearly none do, the mark says nothing.
        marked = np.asarray(skeleton.deforms, bool)
        self.deforming = marked if marked.sum() >= 12 else np.ones(len(self.names), bool)
        self.children: list[list[int]] = [[] for _ in self.names]
        for bone, parent in enumerate(self.parents):
            if parent >= 0:
                self.children[parent].append(bone)

    @cached_property
    def _points(self) -> list[list[float]]:
        return self.heads.tolist()

    @cached_property
    def said(self) -> list[_Name]:
        return [_read_name(name) for name in self.names]

    @cached_property
    def below(self) -> list[int]:
        """Bit set of each bone and all bones below it."""
        sets = [1 << bone for bone in range(len(self.names))]
        for bone in range(len(sets) - 1, -1, -1):
            if self.parents[bone] >= 0:
                sets[self.parents[bone]] |= sets[bone]
        return sets

    @cached_property
    def reach(self) -> np.ndarray:
        """[B] how far the farthest head below a bone is from the bone's own head."""
        out = [0.0] * len(self.names)
        for bone in range(len(self.names)):
            above = self.parents[bone]
            while above >= 0:
                out[above] = max(out[above], self.distance(bone, above))
                above = self.parents[above]
        return np.array(out)

    def is_below(self, bone: int, ancestor: int) -> bool:
        return bool(self.below[ancestor] >> bone & 1)

    def path(self, bone: int, ancestor: int) -> list[int]:
        """From the ancestor (-1: from above all) down to the bone, both left out."""
        out = []
        above = self.parents[bone]
        while above >= 0 and above != ancestor:
            out.append(above)
            above = self.parents[above]
        return out[::-1]

    def common(self, *bones: int) -> int:
        """The lowest bone that all of them hang on or are, -1 if none."""
        above = bones[0]
        while above >= 0 and not all(self.is_below(bone, above) for bone in bones):
            above = self.parents[above]
        return above

    @cached_property
    def _lists_below(self) -> list[list[int]]:
        lists: list[list[int]] = [[] for _ in self.names]
        for bone in range(len(self.names)):
            above = self.parents[bone]
            while above >= 0:
                lists[above].append(bone)
                above = self.parents[above]
        return lists

    def bones_below(self, bone: int) -> list[int]:
        return self._lists_below[bone]

    def distance(self, a: int, b: int) -> float:
        return math.dist(self._points[a], self._points[b])

    def length(self, bones: Sequence[int]) -> float:
        return sum(self.distance(a, b) for a, b in zip(bones, bones[1:], strict=False))

    def branches(self, bone: int, onwards: int) -> int:
        """Chains that leave a bone beside the one that goes on; helpers that lie along that do not count."""
        segment = self.heads[onwards] - self.heads[bone]
        span = float(np.linalg.norm(segment)) + 1e-12
        count = 0
        for child in self.children[bone]:
            if child == onwards or self.is_below(onwards, child):
                continue
            offset = self.heads[child] - self.heads[bone]
            along = float(np.clip(offset @ segment / span**2, 0, 1))
            count += self.reach[child] > 0.15 * span or float(np.linalg.norm(offset - along * segment)) > 0.2 * span
        return count


# --- limbs ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Limb:
    """Upper bone, lower bone, end (-1: the lower bone's tail); lengths of the two segments; scores of the limb by itself."""

    upper: int
    lower: int
    end: int
    end_at: np.ndarray
    lengths: tuple[float, float]
    as_leg: float
    as_arm: float

    @property
    def length(self) -> float:
        return self.lengths[0] + self.lengths[1]

    @property
    def bones(self) -> tuple[int, ...]:
        return (self.upper, self.lower) if self.end < 0 else (self.upper, self.lower, self.end)


def _limbs(tree: _Tree, usable: np.ndarray) -> list[_Limb]:
    heads = tree.heads[usable]
    size = float(np.linalg.norm(np.ptp(heads, axis=0)))
    shortest = _SHORTEST_SEGMENT * size
    lowest = float(heads[:, 2].min())
    out: list[_Limb] = []

    def consider(upper: int, lower: int, end: int, first: list[int], second: list[int]) -> None:
        end_at = tree.heads[end] if end >= 0 else tree.tails[lower]
        a, b = tree.distance(upper, lower), float(np.linalg.norm(end_at - tree.heads[lower]))
        if a < shortest or b < shortest or a + b < _SHORTEST_LIMB * size or not 0.35 < a / b < 2.8:
            return
        crooked = tree.length([upper, *first, lower]) / a + tree.length([lower, *second] + [end] * (end >= 0)) / b - 2
        if end < 0:
            crooked += 1.0
        score = -((np.log(a / b / 1.05) / 0.4) ** 2) - min(12 * max(crooked, 0.0), 6.0) + 1.5 * np.log((a + b) / (0.4 * size))
        for chain in ([upper, *first, lower], [lower, *second, end]):
            for before, bone, following in zip(chain, chain[1:], chain[2:], strict=False):
                bend = _angle(tree.heads[bone] - tree.heads[before], tree.heads[following] - tree.heads[bone])
                score -= 0.25 + tree.branches(bone, following) + max(0.0, bend / np.radians(15) - 1)
        score -= 0.6 * (end < 0)
        out.append(
            _Limb(
                upper,
                lower,
                end,
                end_at,
                (a, b),
                score + _as_leg(tree, upper, lower, end, end_at, b, lowest) + _named(tree, _LEG_PARTS, upper, lower, end),
                score + _as_arm(tree, lower, end, b) + _named(tree, _ARM_PARTS, upper, lower, end),
            )
        )

    for end in range(len(tree.names)):
        if not usable[end]:
            continue
        above = [b for b in tree.path(end, -1) if usable[b]][::-1][:9]  # nearest first
        for i, lower in enumerate(above):
            for j in range(i + 1, len(above)):
                consider(above[j], lower, end, above[i + 1 : j][::-1], above[:i][::-1])
        if tree.reach[end] < shortest:  # nothing goes on from here: its own tail may be the wrist or ankle
            for j, upper in enumerate(above):
                consider(upper, end, -1, above[:j][::-1], [])
    kept = sorted(out, key=lambda limb: -limb.as_leg)[:_MOST_LIMBS] + sorted(out, key=lambda limb: -limb.as_arm)[:_MOST_LIMBS]
    return list({(limb.upper, limb.lower, limb.end): limb for limb in kept}.values())


def _as_leg(tree: _Tree, upper: int, lower: int, end: int, end_at: np.ndarray, shin: float, lowest: float) -> float:
    along = end_at - tree.heads[upper]
    length = float(np.linalg.norm(along)) + 1e-12
    score = -2.5 * along[2] / length - min(2 * (end_at[2] - lowest) / length, 2.0)
    if end < 0 or tree.reach[end] <= 0.05 * shin:
        score -= 0.5
    else:
        far = max(tree.bones_below(end), key=lambda b: tree.distance(b, end))
        foot = tree.heads[far] - end_at
        cosine = foot @ (end_at - tree.heads[lower]) / (np.linalg.norm(foot) * shin)
        score += 1.0 if cosine < np.cos(np.radians(30)) else -0.5
        score -= 1.0 * (tree.reach[end] > 1.1 * shin)
    return float(score)


def _as_arm(tree: _Tree, lower: int, end: int, forearm: float) -> float:
    if end < 0:
        return 0.0
    chains = [c for c in tree.children[end] if tree.reach[c] > 0.02 * forearm]
    score = 1.5 if len(chains) >= 3 else 0.75 if len(chains) == 2 else 0.0
    if tree.reach[end] > 1.2 * forearm:
        score -= 1.5
    parent = tree.parents[end]
    if parent != lower or len(tree.children[parent]) > 1:  # a finger's first bone stands beside others
        score -= 0.75 * min(tree.branches(parent, end), 4)
    return score


def _named(tree: _Tree, parts: tuple[str, ...], *bones: int) -> float:
    score = 0.0
    for part, bone in zip(parts, bones, strict=True):
        if bone < 0:
            continue
        said = tree.said[bone]
        if said.junk:
            score -= 3.0
        elif said.part == part:
            score += 2.0
        elif said.part == "leg" and part in ("thigh", "shin"):
            score += 1.0
        elif said.part:
            score -= 1.5
    return score


# --- the body -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    """Two limbs that mirror each other, and the bone that both hang on."""

    a: _Limb
    b: _Limb
    hub: int
    as_legs: float
    as_arms: float

    @property
    def bones(self) -> tuple[int, ...]:
        return (*self.a.bones, *self.b.bones)

    @property
    def length(self) -> float:
        return (self.a.length + self.b.length) / 2


@dataclass(frozen=True)
class _Body:
    """The best reading, and of each place in it (such as "legs upper") how sure it is."""

    legs: _Pair
    arms: _Pair
    sure: dict[str, float]


def _pairs(tree: _Tree, limbs: list[_Limb]) -> list[_Pair]:
    lengths = np.array([limb.lengths for limb in limbs])  # [N, 2]
    apart = np.abs(lengths[:, None] - lengths[None]) / (lengths[:, None] + lengths[None])
    alike = (apart < 0.06).all(-1)
    out = []
    for i, j in zip(*np.nonzero(np.triu(alike, 1)), strict=True):
        a, b = limbs[i], limbs[j]
        if tree.is_below(a.upper, b.upper) or tree.is_below(b.upper, a.upper) or (a.end < 0) != (b.end < 0):
            continue
        hub = tree.common(a.upper, b.upper)
        if hub < 0:
            continue
        steps = [len(tree.path(limb.upper, hub)) for limb in (a, b)]
        inside = [len(tree.path(limb.bones[-1], limb.upper)) for limb in (a, b)]
        uneven = abs(steps[0] - steps[1]) + abs(inside[0] - inside[1])
        away = [tree.distance(limb.upper, hub) for limb in (a, b)]
        skew = abs(away[0] - away[1]) / max(*away, 1e-9) if max(away) > 0.02 * a.length else 0.0
        score = -40 * float(apart[i, j].sum()) - 0.7 * uneven - min(2 * skew, 2.0)
        sides = {tree.said[a.upper].side, tree.said[b.upper].side}
        score += 1.0 if sides == set(SIDES) else -3.0 if len(sides) == 1 and sides != {""} else 0.0
        width = tree.distance(a.upper, b.upper) / (a.length + 1e-12)
        out.append(
            _Pair(
                a,
                b,
                hub,
                score + a.as_leg + b.as_leg - _off(width, 0.25, 0.7) - 0.5 * max(steps),
                score + a.as_arm + b.as_arm - _off(width, 0.6, 0.7) - 0.4 * abs(max(steps) - 1),
            )
        )
    return out


def _off(value: float, usual: float, spread: float) -> float:
    """How unusual a ratio is: 0 for the usual one, 0.5 at one spread (natural logarithm) from it."""
    return min(0.5 * (np.log(max(value, 1e-6) / usual) / spread) ** 2, 6.0)


def _find_body(tree: _Tree, usable: np.ndarray) -> _Body | None:
    limbs = _limbs(tree, usable)
    pairs = _pairs(tree, limbs) if limbs else []
    legs = sorted(pairs, key=lambda pair: -pair.as_legs)[:_MOST_LEGS]
    arms = sorted(pairs, key=lambda pair: -pair.as_arms)[:_MOST_ARMS]
    readings: list[tuple[float, _Pair, _Pair]] = []
    for lower in legs:
        for upper in arms:
            score = _together(tree, lower, upper, usable)
            if score is not None:
                readings.append((score + lower.as_legs + upper.as_arms, lower, upper))
    if not readings:
        return None
    readings.sort(key=lambda reading: -reading[0])
    best, lower, upper = readings[0]
    if best < -8.0:
        return None
    sure = {}
    for which, pair in (("legs", lower), ("arms", upper)):
        for place in ("upper", "lower", "end"):
            mine = _both(pair, place)
            rival = next((s for s, *p in readings if _both(p[which == "arms"], place) != mine), best - 5.0)
            sure[f"{which} {place}"] = float(1 / (1 + np.exp(-1.5 * (best - rival))))
    return _Body(lower, upper, sure)


def _both(pair: _Pair, place: str) -> frozenset[int]:
    return frozenset((getattr(pair.a, place), getattr(pair.b, place)))


def _together(tree: _Tree, legs: _Pair, arms: _Pair, usable: np.ndarray) -> float | None:
    """How well two pairs go together as legs and arms, None if they cannot."""
    if legs.hub == arms.hub and len(tree.names) > 40 and legs.a.upper == arms.a.upper:
        return None
    for limb in (legs.a, legs.b):
        if tree.is_below(arms.hub, limb.upper) or any(tree.is_below(arm.upper, limb.upper) for arm in (arms.a, arms.b)):
            return None
    for arm in (arms.a, arms.b):
        if tree.is_below(legs.hub, arm.upper) or any(tree.is_below(limb.upper, arm.upper) for limb in (legs.a, legs.b)):
            return None
    if tree.common(legs.hub, arms.hub) < 0:
        return None
    hips, shoulders = (tree.heads[p.a.upper] / 2 + tree.heads[p.b.upper] / 2 for p in (legs, arms))
    trunk = shoulders - hips
    height = float(np.linalg.norm(trunk))
    if height < 0.05 * legs.length:
        return None
    trunk = trunk / height
    score = -_off(arms.length / legs.length, 0.67, 0.45) - _off(height / legs.length, 0.6, 0.5) + trunk[2]
    down = (legs.a.end_at + legs.b.end_at) / 2 - hips
    score -= 2 * float(down @ trunk) / (np.linalg.norm(down) + 1e-12)
    across = [tree.heads[p.a.upper] - tree.heads[p.b.upper] for p in (legs, arms)]
    score += abs(float(across[0] @ across[1])) / float(np.prod([np.linalg.norm(v) for v in across]) + 1e-12)
    if arms.hub != legs.hub and tree.is_below(legs.hub, arms.hub):
        score -= 2.0  # legs that hang on the chest
    beside = [b for b in tree.bones_below(arms.hub) if usable[b] and not any(tree.is_below(b, a.upper) for a in (arms.a, arms.b))]
    above = [float((tree.heads[b] - shoulders) @ trunk) / height for b in beside]
    score += 1.5 if above and max(above) > 0.12 else -0.5
    # What reaches as far to the sides as arms do, and is not one of them: wings, or the arms themselves.
    sideways = _unit(across[1])
    span = 0.5 * float(np.linalg.norm(across[1])) + 0.6 * arms.length
    score -= 1.5 * any(abs(float((tree.heads[b] - shoulders) @ sideways)) > span for b in beside)
    # Wings hang behind the trunk: arms do not.
    forwards = sum((_foot_way(tree, limb) for limb in (legs.a, legs.b)), np.zeros(3))
    if np.linalg.norm(forwards) > 1e-9 and arms.hub >= 0:
        front = _unit(forwards - (forwards @ trunk) * trunk)
        behind = -float((shoulders - tree.heads[arms.hub]) @ front) / max(float(np.linalg.norm(across[1])), 1e-9)
        score -= min(10 * max(behind - 0.12, 0.0), 3.0)
    return score


def _foot_way(tree: _Tree, limb: _Limb) -> np.ndarray:
    """From the ankle to the middle of what hangs on it, [3] in units of the shin, zero where nothing does."""
    below = tree.bones_below(limb.end) if limb.end >= 0 else []
    if not below:
        return np.zeros(3)
    far = max(below, key=lambda b: tree.distance(b, limb.end))
    return (tree.heads[far] - tree.heads[limb.end]) / limb.lengths[1]


# --- roles ----------------------------------------------------------------------------------------


def _mapping(tree: _Tree, body: _Body) -> Mapping:
    legs, arms = body.legs, body.arms
    a_to_b = (tree.heads[legs.a.upper] - tree.heads[legs.b.upper]) @ (tree.heads[arms.a.upper] - tree.heads[arms.b.upper])
    if a_to_b < 0:
        arms = replace(arms, a=arms.b, b=arms.a)
    roles: dict[str, int] = {}
    for side, leg, arm in (("left", legs.a, arms.a), ("right", legs.b, arms.b)):
        for parts, limb in ((_LEG_PARTS, leg), (_ARM_PARTS, arm)):
            roles.update({f"{side}_{part}": bone for part, bone in zip(parts, limb.bones, strict=False)})
    hips, root, spine, chest, neck, head = _trunk(tree, legs, arms)
    sure: dict[str, float] = {}
    for side in SIDES:
        for which, parts in (("legs", _LEG_PARTS), ("arms", _ARM_PARTS)):
            sure.update(
                {f"{side}_{p}": body.sure[f"{which} {at}"] for p, at in zip(parts, ("upper", "lower", "end"), strict=True)}
            )
        if (clavicle := _clavicle(tree, roles[f"{side}_upper_arm"], arms.hub)) is not None:
            roles[f"{side}_clavicle"], sure[f"{side}_clavicle"] = clavicle, 0.9 * body.sure["arms upper"]
    roles["hips"] = hips
    if head is not None:
        roles["head"] = head
    shown, cues = _sides_shown(tree, roles)
    told = _sides_told(tree, roles)
    warnings: list[str] = []
    exchange = shown < 0
    if told and (told < 0) != exchange:
        if abs(shown) >= _SIDES_SURE and len(cues) >= 2:
            warnings.append(
                f"Left and right look exchanged: {_listed(cues)} show the bones named left on the character's right, "
                "and are followed."
            )
        else:
            exchange = told < 0
            warnings.append("Left and right may be exchanged: the names were followed, the rest pose does not show it clearly.")
    side_sure = max(0.5 + abs(shown) / 2, 0.95 if told and (told < 0) == exchange else 0.0)
    if exchange:
        roles = {_other(role): bone for role, bone in roles.items()}
        sure = {_other(role): value for role, value in sure.items()}
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
            evidence[role] = Evidence(round(sure[role], 2), "shape", f"between the hips and the head, {len(chain)} bone(s)")
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


def _evidence(tree: _Tree, role: str, bone: int, sure: float, cues: Sequence[str]) -> Evidence:
    side, _, part = role.partition("_")
    said = tree.said[bone]
    limb = {"thigh": "leg", "shin": "leg", "foot": "leg", "toe": "leg"}.get(part, "arm")
    place = f"one of two {limb}s of equal lengths on the same trunk" if side in SIDES else "where legs and arms come together"
    shown = f"; {side} as {_listed(cues)} show" if side in SIDES and cues else ""
    by_name = bool(said.part) and said.part in (part, role) or (said.part == "leg" and limb == "leg")
    name = f"'{tree.names[bone]}' is called so; " if by_name else ""
    return Evidence(round(float(np.clip(sure, 0, 0.99)), 2), "name" if by_name else "shape", f"{name}{place}{shown}")


def _trunk(tree: _Tree, legs: _Pair, arms: _Pair) -> tuple[int, int, list[int], int | None, list[int], int | None]:
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
    while len(spine) > 1 and (shoulders - tree.heads[spine[-1]]) @ up < -_ABOVE_SHOULDERS * height:
        neck.insert(0, spine.pop())
    upwards = _upwards(tree, neck[-1] if neck else arms.hub, legs, arms)
    chest = spine.pop() if spine else None
    head = upwards.pop() if upwards else neck.pop() if len(neck) > 1 else None
    return hips, root, spine, chest, neck + upwards, head


def _upwards(tree: _Tree, start: int, legs: _Pair, arms: _Pair) -> list[int]:
    """The bones from above `start` to the head, both in the middle of the body."""
    shoulders = (tree.heads[arms.a.upper] + tree.heads[arms.b.upper]) / 2
    trunk = shoulders - (tree.heads[legs.a.upper] + tree.heads[legs.b.upper]) / 2
    height = float(np.linalg.norm(trunk))
    up, across = trunk / height, _unit(tree.heads[arms.a.upper] - tree.heads[arms.b.upper])
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

    def upwards(at: int) -> list[int]:
        chain: list[int] = []
        while found := candidates(at):
            if chain and len(tree.children[at]) > 1:
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
    if len(chain) >= 2 and not tree.children[chain[-1]]:
        # The top of the head, not its joint: where toes end in such a bone as well, or it is that high.
        top = float((tree.heads[chain[-1]] - shoulders) @ up) > 0.5 * height
        if top or _has_end_bones(tree, legs) or tree.said[chain[-1]].junk:
            chain.pop()
    return chain


def _has_end_bones(tree: _Tree, legs: _Pair) -> bool:
    """Whether the feet end in foot, toe and one more bone: then the last bone of a chain only marks its end."""
    ends = [limb.end for limb in (legs.a, legs.b) if limb.end >= 0]
    toes = [toe for end in ends for toe in tree.children[end] if len(tree.bones_below(toe)) == 1]
    return len(toes) >= 2


def _clavicle(tree: _Tree, upper_arm: int, hub: int) -> int | None:
    """The first bone between the chest and the upper arm that has a length; MMD has helpers without one before it."""
    chain = [*tree.path(upper_arm, hub), upper_arm]
    span = tree.distance(chain[0], upper_arm)
    return next((a for a, b in zip(chain, chain[1:], strict=False) if tree.distance(a, b) > 0.1 * span), None)


def _toe(tree: _Tree, roles: dict[str, int], side: str) -> int | None:
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


def _front(tree: _Tree, roles: dict[str, int]) -> np.ndarray:
    left = tree.heads[roles["left_thigh"]] - tree.heads[roles["right_thigh"]]
    shoulders = (tree.heads[roles["left_upper_arm"]] + tree.heads[roles["right_upper_arm"]]) / 2
    hips = (tree.heads[roles["left_thigh"]] + tree.heads[roles["right_thigh"]]) / 2
    return _unit(np.cross(left, shoulders - hips))


def _fingers(tree: _Tree, roles: dict[str, int]) -> dict[str, tuple[str, ...]]:
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
        along = _unit(tree.heads[hand] - tree.heads[forearm])
        tips = {tuple(c): tree.heads[c[-1]] - tree.heads[hand] for c in chains}
        # The thumb's tip is the least far from the wrist along the forearm's direction.
        thumb = min(chains, key=lambda c: float(tips[tuple(c)] @ along))
        others = sorted((c for c in chains if c is not thumb), key=lambda c: tree.distance(c[0], thumb[0]))
        for name, chain in zip(FINGERS, [thumb, *others], strict=False):
            out[f"{side}_{name}"] = tuple(tree.names[b] for b in chain[:3])
    return out


def _twists(tree: _Tree, roles: dict[str, int]) -> dict[str, tuple[str, ...]]:
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


# --- sides ----------------------------------------------------------------------------------------


def _sides_shown(tree: _Tree, roles: dict[str, int]) -> tuple[float, list[str]]:
    """From 1 (the roles called left are on the character's left) to -1 (on its right), and the cues that agree with that."""
    if any(roles.get(f"{side}_{part}") is None for side in SIDES for part in ("thigh", "shin", "upper_arm", "forearm")):
        return 0.0, []
    heads = tree.heads
    up = _unit(
        heads[roles["left_upper_arm"]]
        + heads[roles["right_upper_arm"]]
        - heads[roles["left_thigh"]]
        - heads[roles["right_thigh"]]
    )

    def front(part: str) -> np.ndarray:
        """Where the character faces there, if left is left."""
        return _unit(np.cross(heads[roles[f"left_{part}"]] - heads[roles[f"right_{part}"]], up))

    hip_front, chest_front = front("thigh"), front("upper_arm")
    cues: dict[str, tuple[float, float]] = {}  # name -> value from -1 to 1, weight
    feet, soles, knees, elbows, thumbs = [], [], [], [], []
    for side in SIDES:
        thigh, shin, foot = (roles.get(f"{side}_{part}") for part in _LEG_PARTS)
        upper, forearm, hand = (roles.get(f"{side}_{part}") for part in _ARM_PARTS)
        assert thigh is not None and shin is not None and upper is not None and forearm is not None
        ankle = heads[foot] if foot is not None else tree.tails[shin]
        if foot is not None and tree.children[foot]:
            far = max(tree.bones_below(foot), key=lambda b: tree.distance(b, foot))
            # A foot in line with its shin (on tiptoe) still bends forwards at the ankle.
            feet.append(
                _saturated((heads[far] - ankle) @ _across(hip_front, ankle - heads[shin]), 0.1 * tree.distance(thigh, shin))
            )
        elif foot is not None:
            soles.append(float(_unit(tree.tails[foot] - ankle) @ hip_front))
        bend, span = _bend(heads[thigh], heads[shin], ankle)
        knees.append(_saturated(bend @ hip_front, 0.03 * span))
        wrist = heads[hand] if hand is not None else tree.tails[forearm]
        bend, span = _bend(heads[upper], heads[forearm], wrist)
        elbows.append(_saturated(-(bend @ chest_front), 0.06 * span))
        if hand is not None and len(chains := [c for c in tree.children[hand] if tree.reach[c] > 0]) >= 4:
            along = _unit(wrist - heads[forearm])
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


def _sides_told(tree: _Tree, roles: dict[str, int]) -> float:
    """1 if the names of the bones say the sides that the roles do, -1 if the other ones, 0 if they say nothing."""
    votes = [
        1.0 if tree.said[bone].side == role.partition("_")[0] else -1.0
        for role, bone in roles.items()
        if role.startswith(SIDES) and tree.said[bone].side
    ]
    return float(np.sign(sum(votes))) if len(votes) >= 4 and abs(sum(votes)) > 0.8 * len(votes) else 0.0


def _exchanged(mapping: Mapping) -> Mapping:
    return replace(
        mapping,
        bones={_other(role): bones for role, bones in mapping.bones.items()},
        evidence={_other(role): one for role, one in mapping.evidence.items()},
        fingers={_other(chain): bones for chain, bones in mapping.fingers.items()},
        twists={_other(role): bones for role, bones in mapping.twists.items()},
        ik={_other(role): bones for role, bones in mapping.ik.items()},
    )


def _other(role: str) -> str:
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
    axis = _unit(axis)
    return _unit(direction - (direction @ axis) * axis)


def _angle(a: np.ndarray, b: np.ndarray) -> float:
    """Between two directions, radians; 0 where one has no length."""
    lengths = math.sqrt(float(a @ a) * float(b @ b))
    return math.acos(min(max(float(a @ b) / lengths, -1.0), 1.0)) if lengths > 0 else 0.0


def _saturated(value: float, scale: float) -> float:
    return float(np.tanh(value / max(scale, 1e-12)))


def _unit(v: np.ndarray) -> np.ndarray:
    return v / max(float(np.linalg.norm(v)), 1e-12)


def _listed(words: Iterable[str]) -> str:
    *first, last = list(words) or ["the rest pose"]
    return f"{', '.join(first)} and {last}" if first else last
