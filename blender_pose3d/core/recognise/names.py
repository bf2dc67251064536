"""What a bone's name says: a part of the body and a side, in the languages that rigs are named in."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from ..preset import SIDES

LEG_PARTS = ("thigh", "shin", "foot")
ARM_PARTS = ("upper_arm", "forearm", "hand")

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
class Name:
    """What a bone's name says: part of the body and side, "" where nothing; junk: a helper, or hair and the like."""

    part: str
    side: str
    junk: bool


def read_name(name: str) -> Name:
    """What a bone called `name` says it is; a prefix such as `mixamorig:` says nothing."""
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
    return Name(_part(joined), side, bool(_JUNK.search(" ".join(rest)) or "ik" in rest))


def _starts_with_part(word: str) -> bool:
    return any(words.match(word) for _, words in _WORDS)


def _part(joined: str) -> str:
    return next((part for part, words in _WORDS if words.search(joined)), "")


def listed(words: Iterable[str]) -> str:
    """In a sentence: a, b and c."""
    *first, last = list(words) or ["the rest pose"]
    return f"{', '.join(first)} and {last}" if first else last
