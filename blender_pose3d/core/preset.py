"""Presets: which bone plays which role, one JSON a rig family. The format is described in rigs/README.md."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from .errors import Pose3DError

FORMAT_VERSION = 2
SIDES = ("left", "right")
LEG_PARTS = ("thigh", "shin", "foot", "toe")
LIMB_PARTS = ("clavicle", "upper_arm", "forearm", "hand", *LEG_PARTS)
CHAIN_ROLES: tuple[str, ...] = ("spine", "neck")
ROLES: tuple[str, ...] = ("hips", "spine", "chest", "neck", "head", *(f"{side}_{part}" for part in LIMB_PARTS for side in SIDES))
REQUIRED_ROLES: tuple[str, ...] = (
    "hips",
    *(f"{side}_{part}" for part in ("upper_arm", "forearm", "thigh", "shin") for side in SIDES),
)
FINGERS = ("thumb", "index", "middle", "ring", "little")
FINGER_CHAINS: tuple[str, ...] = tuple(f"{side}_{finger}" for side in SIDES for finger in FINGERS)
TWIST_ROLES: tuple[str, ...] = tuple(f"{side}_{part}" for part in ("upper_arm", "forearm", "thigh", "shin") for side in SIDES)
IK_ROLES: tuple[str, ...] = tuple(f"{side}_{part}" for part in ("hand", "foot", "toe") for side in SIDES)
# Mapping.preset of a rig that no preset knows.
RECOGNISED = "recognised"
_KEYS = {
    "format_version",
    "name",
    "description",
    "signature",
    "bones",
    "root",
    "fingers",
    "twists",
    "ik",
    "locks",
    "properties",
    "ik_properties",
}
_LARGEST_PRESET_BYTES = 1 << 20
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')

# For each link of a chain, the names that its bone may have, best first.
Links = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Preset:
    """name (the file's); title; bones: role -> its chain's links (one, except for spine and neck); root: names of a bone that
    carries the path in place of the hips; properties: custom properties of pose bones to set and key, (bone, property, value),
    such as an FK/IK switch, and ik_properties: those that differ where IK controls are keyed; signature: bones that tell this
    family from others with the same names; fingers, twists: chains by FINGER_CHAINS and TWIST_ROLES; ik: IK_ROLES -> names of the
    control and of the pole target; locks: bone -> axes, of "xyz", that are not to be turned; own: it is the user's.
    """

    name: str
    title: str
    bones: dict[str, Links]
    root: tuple[str, ...] = ()
    properties: tuple[tuple[str, str, float], ...] = ()
    ik_properties: tuple[tuple[str, str, float], ...] = ()
    signature: tuple[str, ...] = ()
    fingers: dict[str, Links] = field(default_factory=dict)
    twists: dict[str, Links] = field(default_factory=dict)
    ik: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(default_factory=dict)
    locks: tuple[tuple[tuple[str, ...], str], ...] = ()
    own: bool = False


@dataclass(frozen=True)
class Evidence:
    """Why a bone plays its role: confidence from 0 to 1; how: "preset", "name" or "shape"; reason in plain words."""

    confidence: float
    how: str
    reason: str


@dataclass(frozen=True)
class Mapping:
    """Role -> bones of one armature (one bone, except for the chains); root: the bone that carries the path; evidence by role;
    warnings: sentences for the user; properties, fingers, twists, ik and locks as in Preset, by the bones' own names ("" for no
    pole).
    """

    preset: str
    bones: dict[str, tuple[str, ...]]
    root: str
    properties: tuple[tuple[str, str, float], ...] = ()
    ik_properties: tuple[tuple[str, str, float], ...] = ()
    evidence: dict[str, Evidence] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    fingers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    twists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    ik: dict[str, tuple[str, str]] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)

    def bone(self, role: str) -> str | None:
        """The role's only (or first) bone, None if it has none."""
        names = self.bones.get(role, ())
        return names[0] if names else None

    def rows(self) -> list[dict[str, Any]]:
        """One row a bone, in the order of ROLES, for a report or a table: role, bone, confidence, how, reason. A role without a
        bone has one row whose bone is None and whose confidence is 0."""
        rows: list[dict[str, Any]] = []
        for role in ROLES:
            one = self.evidence.get(role, Evidence(0.0, "", "no bone plays it"))
            told = {"confidence": one.confidence, "how": one.how, "reason": one.reason}
            rows += [{"role": role, "bone": bone, **told} for bone in self.bones.get(role) or (None,)]
        return rows


def load_preset(path: Path) -> Preset:
    """Read one preset of any version so far. Raises Pose3DError that names the file, the line and what is wrong."""
    try:
        if path.stat().st_size > _LARGEST_PRESET_BYTES:
            raise _bad(path, "it is larger than 1 MB")
        text = path.read_text(encoding="utf-8-sig")
        data = json.loads(text)
        json.dumps(data, ensure_ascii=False).encode()  # half of a character, which JSON allows, nobody can write again
    except OSError as reason:
        raise Pose3DError(f"Cannot read the preset {path}: {reason.strerror}.", hint="Choose another preset.") from None
    except json.JSONDecodeError as reason:
        raise _bad(path, f"line {reason.lineno}: {reason.msg}") from None
    except (ValueError, RecursionError):  # no UTF-8, a number of thousands of digits
        raise _bad(path, "it is not a JSON text") from None
    if not isinstance(data, dict):
        raise _bad(path, "it is not a JSON object")
    version = data.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _bad(path, "format_version is missing or is not a whole number")
    if version > FORMAT_VERSION:
        raise Pose3DError(f"The preset {path.name} was written by a newer version of Pose3D.", hint="Update Pose3D.")
    for older in range(version, FORMAT_VERSION):
        data = _UPGRADES[older](data)
    return _Reader(path, text, data).preset()


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Version 2 adds keys; a file of version 1 that has them is as wrong as it was."""
    added = {"signature", "fingers", "twists", "ik", "locks", "ik_properties"}
    return {(f"{key} (of format_version 2)" if key in added else key): value for key, value in data.items()} | {
        "format_version": 2
    }


_UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}


class _Reader:
    """Checks the parts of one file; every complaint tells its line."""

    def __init__(self, path: Path, text: str, data: dict[str, Any]) -> None:
        self.path, self.data = path, data
        self.lines = _key_lines(text)

    def bad(self, what: str, *keys: str) -> Pose3DError:
        found = self.lines.get(keys)
        return _bad(self.path, f"line {found[-1]}: {what}" if found else what)

    def preset(self) -> Preset:
        for keys, lines in self.lines.items():
            if len(lines) > 1 and keys[0] not in ("properties", "ik_properties", "locks"):
                raise self.bad(f"the key '{keys[-1]}' is there twice", *keys)
        if unknown := [key for key in self.data if key not in _KEYS]:
            raise self.bad(f"the key '{unknown[0]}' is unknown", unknown[0].partition(" (of ")[0])
        title = self.data.get("name", self.path.stem)
        if not isinstance(title, str):
            raise self.bad("'name' must be a text", "name")
        if not isinstance(self.data.get("description", ""), str):
            raise self.bad("'description' must be a text", "description")
        if not isinstance(self.data.get("bones"), dict):
            raise self.bad("'bones' must be there and be an object", "bones")
        bones = self.chains("bones", ROLES, "role", chained=CHAIN_ROLES)
        if missing := [role for role in REQUIRED_ROLES if role not in bones]:
            raise self.bad(f"the role '{missing[0]}' is missing", "bones")
        return Preset(
            name=self.path.stem,
            title=title,
            bones=bones,
            root=self.names(self.data.get("root", []), "root", empty=True),
            properties=self.properties("properties"),
            ik_properties=self.properties("ik_properties"),
            signature=self.names(self.data.get("signature", []), "signature", empty=True),
            fingers=self.chains("fingers", FINGER_CHAINS, "finger", chained=FINGER_CHAINS),
            twists=self.chains("twists", TWIST_ROLES, "limb", chained=TWIST_ROLES),
            ik=self.ik(),
            locks=self.locks(),
        )

    def names(self, value: object, *keys: str, empty: bool = False) -> tuple[str, ...]:
        names = [value] if isinstance(value, str) else value
        if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names) or not (names or empty):
            raise self.bad(f"'{keys[-1]}' must be a bone name or a list of bone names", *keys)
        return tuple(names)

    def part(self, key: str, known: tuple[str, ...], kind: str) -> dict[str, Any]:
        value = self.data.get(key, {})
        if not isinstance(value, dict):
            raise self.bad(f"'{key}' must be an object", key)
        if unknown := [name for name in value if name not in known]:
            raise self.bad(f"the {kind} '{unknown[0]}' is unknown; known are: {', '.join(known)}", key, unknown[0])
        return value

    def chains(self, key: str, known: tuple[str, ...], kind: str, *, chained: tuple[str, ...]) -> dict[str, Links]:
        out: dict[str, Links] = {}
        for role, value in self.part(key, known, kind).items():
            links = value if role in chained and isinstance(value, list) else [value]
            out[role] = tuple(self.names(link, key, role) for link in links)
        return out

    def ik(self) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
        out = {}
        for role, value in self.part("ik", IK_ROLES, "limb").items():
            if not isinstance(value, dict) or not {"control"} <= set(value) <= {"control", "pole"}:
                raise self.bad(f"'{role}' must have a 'control', may have a 'pole', and nothing else", "ik", role)
            out[role] = (
                self.names(value["control"], "ik", role, "control"),
                self.names(value.get("pole", []), "ik", role, "pole", empty=True),
            )
        return out

    def locks(self) -> tuple[tuple[tuple[str, ...], str], ...]:
        rows = []
        value = self.data.get("locks", [])
        for item in value if isinstance(value, list) else [None]:
            item = item if isinstance(item, dict) and set(item) == {"bone", "rotation"} else {"rotation": None}
            axes = item["rotation"]
            if not isinstance(axes, str) or not axes or not set(axes) <= set("xyz"):
                raise self.bad("'locks' must be a list of {bone: name, rotation: some of \"xyz\"}", "locks")
            rows.append((self.names(item["bone"], "locks"), "".join(sorted(set(axes)))))
        return tuple(rows)

    def properties(self, key: str) -> tuple[tuple[str, str, float], ...]:
        rows = []
        value = self.data.get(key, [])
        for item in value if isinstance(value, list) else [None]:
            if not isinstance(item, dict) or set(item) != {"bone", "property", "value"}:
                raise self.bad(f"'{key}' must be a list of {{bone, property, value}}", key)
            bone, name, number = item["bone"], item["property"], item["value"]
            good = isinstance(bone, str) and isinstance(name, str) and isinstance(number, int | float)
            if not good or isinstance(number, bool) or not abs(number) < 1e9:
                raise self.bad(f"'{key}' must be a list of {{bone: text, property: text, value: number}}", key)
            rows.append((bone, name, float(number)))
        return tuple(rows)


def _key_lines(text: str) -> dict[tuple[str, ...], list[int]]:
    """The lines on which each key stands, by the keys that lead to it. The text is known to be JSON."""
    lines: dict[tuple[str, ...], list[int]] = {}
    around: list[str] = []  # for each open bracket, the key that it is the value of
    key, word, word_line, line, at = "", "", 1, 1, 0
    for token in _TOKEN.finditer(text):
        line, at = line + text.count("\n", at, token.start()), token.start()
        what = token[0]
        if what in "{[":
            around.append(key)
            key = ""
        elif what in "}]":
            key = around.pop()
        elif what == ":":
            key = json.loads(word)
            lines.setdefault((*(k for k in around if k), key), []).append(word_line)
        elif what[0] == '"':
            word, word_line = what, line
    return lines


def preset_text(mapping: Mapping, *, title: str) -> str:
    """A preset's JSON that maps one armature as `mapping` does, to be saved as the user's own."""

    def chain(names: tuple[str, ...], role: str) -> list[str] | str:
        return list(names) if role in (*CHAIN_ROLES, *FINGER_CHAINS) else names[0]

    data: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "name": title,
        "bones": {role: chain(mapping.bones[role], role) for role in ROLES if mapping.bones.get(role)},
    }
    if mapping.root != mapping.bone("hips"):
        data["root"] = mapping.root
    for key, part in (("fingers", mapping.fingers), ("twists", mapping.twists)):
        if part:
            data[key] = {role: list(names) for role, names in part.items()}
    if mapping.ik:
        data["ik"] = {role: {"control": c} | ({"pole": pole} if pole else {}) for role, (c, pole) in mapping.ik.items()}
    if mapping.locks:
        data["locks"] = [{"bone": bone, "rotation": axes} for bone, axes in mapping.locks.items()]
    for key, rows in (("properties", mapping.properties), ("ik_properties", mapping.ik_properties)):
        if rows:
            data[key] = [{"bone": b, "property": p, "value": v} for b, p, v in rows]
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def load_presets(folder: Path) -> list[Preset]:
    """All presets of a folder, by name. A file is read again only when it has changed."""
    return [_kept(path, (stat := path.stat()).st_mtime_ns, stat.st_size) for path in sorted(folder.glob("*.json"))]


def load_own(folders: Iterable[Path]) -> tuple[list[Preset], list[str]]:
    """The user's presets in these folders, and a sentence on each that cannot be used."""
    presets, told = [], []
    for path in sorted(path for folder in folders for path in folder.glob("*.json")):
        try:
            presets.append(replace(load_preset(path), own=True))
        except Pose3DError as error:
            told.append(f"{error.message} It is left out.")
    return presets, told


@lru_cache(maxsize=256)
def _kept(path: Path, changed_ns: int, size_bytes: int) -> Preset:
    return load_preset(path)


def match(preset: Preset, bone_names: list[str]) -> tuple[Mapping | None, float, str]:
    """Try a preset on an armature.

    Returns (mapping or None if a required role has no bone, share of the preset's links that were found, first missing required
    role).
    Names are compared without a name space before ':' and without regard to case; an exact name wins.
    """
    by_name = {_plain(name): name for name in reversed(bone_names)}
    exact = set(bone_names)

    def find(names: tuple[str, ...]) -> str | None:
        for name in names:
            if name in exact:
                return name
            if found := by_name.get(_plain(name)):
                return found
        return None

    def find_chains(part: dict[str, Links]) -> dict[str, tuple[str, ...]]:
        hits = {role: tuple(dict.fromkeys(hit for hit in map(find, links) if hit)) for role, links in part.items()}
        return {role: names for role, names in hits.items() if names}

    bones: dict[str, tuple[str, ...]] = {}
    found = total = 0
    for role, chain in preset.bones.items():
        hits = [hit for hit in map(find, chain) if hit]
        found, total = found + len(hits), total + len(chain)
        if hits:
            bones[role] = tuple(dict.fromkeys(hits))
    taken = {hit for role, hits in bones.items() if role not in CHAIN_ROLES for hit in hits}
    for role in CHAIN_ROLES:  # a chain may list a bone that is the chest where the rig has fewer links
        if role in bones:
            bones[role] = tuple(hit for hit in bones[role] if hit not in taken)
    missing = next((role for role in REQUIRED_ROLES if role not in bones), "")
    share = found / total
    if missing:
        return None, share, missing
    evidence = {
        role: Evidence(1.0, "preset", f"the preset {preset.title} names {' and '.join(repr(hit) for hit in hits)}")
        for role, hits in bones.items()
        if hits
    }
    mapping = Mapping(
        preset=preset.name,
        bones=bones,
        root=find(preset.root) or bones["hips"][0],
        properties=preset.properties,
        ik_properties=preset.ik_properties,
        evidence=evidence,
        fingers=find_chains(preset.fingers),
        twists=find_chains(preset.twists),
        ik={role: (hit, find(pole) or "") for role, (control, pole) in preset.ik.items() if (hit := find(control))},
        locks={hit: axes for names, axes in preset.locks if (hit := find(names))},
    )
    return mapping, share, ""


def _how_well(
    preset: Preset, mapping: Mapping | None, share: float, bone_names: set[str]
) -> tuple[bool, float, bool, int, int, int]:
    """To sort by: the share of the bones found; between equals the user's own, the family's own marks, exact names, roles."""
    signed = 0 if not preset.signature else 1 if bone_names & set(preset.signature) else -1
    exact = sum(name in bone_names for links in preset.bones.values() for names in links for name in names)
    return mapping is not None, share, preset.own, signed, exact, len(preset.bones)


def choose(presets: list[Preset], bone_names: list[str], wanted: str = "auto") -> Mapping:
    """The mapping of the named preset, or of the one that finds the most of its bones.

    Raises Pose3DError if there is no such preset, or if it (or, for "auto", every one) leaves a required role without a bone.
    """
    if wanted != "auto":
        named = [p for p in presets if p.name == wanted]
        if not named:
            raise Pose3DError(
                f"There is no preset '{wanted}'.", hint=f"Choose one of: auto, {', '.join(p.name for p in presets)}."
            )
        presets = named
    known = set(bone_names)
    tried = sorted(((*match(p, bone_names), p) for p in presets), key=lambda t: _how_well(t[3], t[0], t[1], known), reverse=True)
    if not tried:
        raise Pose3DError("There are no presets.", hint="Install Pose3D again.")
    mapping, _, missing, preset = tried[0]
    if mapping is None:
        role = missing.replace("_", " ")
        kind = "its preset" if wanted != "auto" else "the nearest preset"
        raise Pose3DError(
            f"No bone of the armature is the {role} ({kind}: {preset.title}).",
            hint="Choose another preset, or write one for this rig (rigs/README.md says how) and give its file.",
        )
    return mapping


@cache
def _plain(name: str) -> str:
    """A name without what differs between files of one family: name space, case, width of Japanese letters."""
    plain = unicodedata.normalize("NFKC", name.rsplit(":", 1)[-1])
    return re.sub(r"^mixamorig\d*_?", "", plain.casefold())


def _bad(path: Path, what: str) -> Pose3DError:
    return Pose3DError(f"The preset {path.name} cannot be used: {what}.", hint="Mend the file or choose another preset.")
