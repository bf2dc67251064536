"""The table in which a user reviews which bone plays which role: rows, what is wrong with them, and the preset that they make."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from .preset import CHAIN_ROLES, FORMAT_VERSION, REQUIRED_ROLES, ROLES, SIDES, Mapping, Preset, preset_text

REVIEWED = "reviewed"


@dataclass(frozen=True)
class Row:
    """One bone of a role, or none (""); confidence from 0 to 1 and the reason in plain words."""

    role: str
    bone: str
    confidence: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Fault:
    """What is wrong, for the user; role: where in the table ("" for the whole of it); bones that it names; is_error: the motion
    cannot be put on the armature like this.
    """

    sentence: str
    role: str = ""
    bones: tuple[str, ...] = ()
    is_error: bool = False


def title_of(role: str) -> str:
    """ "left_upper_arm" -> "L Upper Arm": the side first, because a narrow table cuts the end off."""
    side, _, part = role.partition("_")
    return f"{side[0].upper()} {_words(part).title()}" if side in SIDES else _words(role).title()


def rows_of(mapping: Mapping) -> list[Row]:
    """The table of a mapping, in the order of ROLES."""
    return [Row(row["role"], row["bone"] or "", row["confidence"], row["reason"]) for row in mapping.rows()]


def empty_rows() -> list[Row]:
    """The table of an armature in which nothing was found, to be filled by hand."""
    return [Row(role, "") for role in ROLES]


def base_text(mapping: Mapping | None) -> str:
    """A mapping as a preset's JSON, kept while its rows are changed: fingers, twist bones and locks stay as they are."""
    if mapping is None:
        return json.dumps({"format_version": FORMAT_VERSION, "bones": {}})
    return preset_text(mapping, title=mapping.preset)


def reviewed_text(rows: Sequence[Row], base: str, *, title: str) -> str:
    """The rows as a preset's JSON, with what `base` says of all other bones."""
    data = json.loads(base)
    bones = _bones(rows)
    if data.get("root") in bones.get("hips", ()):
        del data["root"]
    data |= {
        "format_version": FORMAT_VERSION,
        "name": title,
        "bones": {role: list(names) if role in CHAIN_ROLES else names[0] for role, names in bones.items()},
    }
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def reviewed_preset(rows: Sequence[Row]) -> Preset:
    """The rows as a preset for this one armature."""
    return Preset(
        name=REVIEWED,
        title="the reviewed bones",
        bones={role: tuple((name,) for name in names) for role, names in _bones(rows).items()},
    )


def faults(rows: Sequence[Row], bone_names: Sequence[str]) -> list[Fault]:
    """What the rows alone show: required roles without a bone, bones that the armature does not have, bones with two roles."""
    bones, known = _bones(rows), set(bone_names)
    found = [
        Fault(f"Nothing is mapped to the {_words(role)}: choose its bone in the table.", role=role, is_error=True)
        for role in REQUIRED_ROLES
        if role not in bones
    ]
    found += [
        Fault(f"The armature has no bone '{row.bone}': choose another one.", role=row.role, bones=(row.bone,), is_error=True)
        for row in rows
        if row.bone and row.bone not in known
    ]
    for bone, count in Counter(row.bone for row in rows if row.bone).items():
        if count > 1:
            roles = " and ".join(_words(row.role) for row in rows if row.bone == bone)
            found.append(Fault(f"'{bone}' is {roles} at once: a bone plays one role.", bones=(bone,), is_error=True))
    return found


def said_of(sentence: str, rows: Sequence[Row]) -> Fault:
    """A warning as a fault of the bones that it names in quotes."""
    return Fault(sentence, bones=tuple(row.bone for row in rows if row.bone and f"'{row.bone}'" in sentence))


def exchanged(rows: Sequence[Row]) -> list[Row]:
    """The rows with the bones of left and right exchanged; each row stays where it is."""
    by_role = {row.role: row for row in rows}
    out = []
    for row in rows:
        side, _, part = row.role.partition("_")
        other = by_role.get(f"{SIDES[1 - SIDES.index(side)]}_{part}") if side in SIDES else None
        out.append(replace(other, role=row.role) if other else row)
    return out


def _bones(rows: Sequence[Row]) -> dict[str, tuple[str, ...]]:
    bones: dict[str, tuple[str, ...]] = {}
    for row in rows:
        if row.bone:
            bones[row.role] = (*bones.get(row.role, ()), row.bone)
    return {role: bones[role] for role in ROLES if role in bones}


def _words(role: str) -> str:
    return role.replace("_", " ")
