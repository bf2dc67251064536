"""Presets: which bone plays which role, one JSON a rig family. The format is described in rigs/README.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .errors import Pose3DError

FORMAT_VERSION = 1
SIDES = ("left", "right")
_SIDED = ("clavicle", "upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe")
CHAIN_ROLES: tuple[str, ...] = ("spine", "neck")
ROLES: tuple[str, ...] = ("hips", "spine", "chest", "neck", "head", *(f"{side}_{part}" for part in _SIDED for side in SIDES))
REQUIRED_ROLES: tuple[str, ...] = (
    "hips",
    *(f"{side}_{part}" for part in ("upper_arm", "forearm", "thigh", "shin") for side in SIDES),
)
_KEYS = {"format_version", "name", "description", "bones", "root", "properties"}
_LARGEST_PRESET_BYTES = 1 << 20


@dataclass(frozen=True)
class Preset:
    """name (the file's); title; bones: role -> for each link of the chain (one, except for spine and neck) the names it may have,
    best first; root: names of a bone that carries the path in place of the hips; properties: custom properties of pose bones to
    set and key, (bone, property, value), such as an FK/IK switch.
    """

    name: str
    title: str
    bones: dict[str, tuple[tuple[str, ...], ...]]
    root: tuple[str, ...] = ()
    properties: tuple[tuple[str, str, float], ...] = ()


@dataclass(frozen=True)
class Mapping:
    """Role -> bones of one armature (one bone, except for the chains); root: the bone that carries the path."""

    preset: str
    bones: dict[str, tuple[str, ...]]
    root: str
    properties: tuple[tuple[str, str, float], ...] = ()

    def bone(self, role: str) -> str | None:
        """The role's only (or first) bone, None if it has none."""
        names = self.bones.get(role, ())
        return names[0] if names else None


def load_preset(path: Path) -> Preset:
    """Read one preset. Raises Pose3DError that names the file and what is wrong."""
    try:
        if path.stat().st_size > _LARGEST_PRESET_BYTES:
            raise _bad(path, "it is larger than 1 MB")
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as reason:
        raise Pose3DError(f"Cannot read the preset {path}: {reason.strerror}.", hint="Choose another preset.") from None
    except json.JSONDecodeError as reason:
        raise _bad(path, f"line {reason.lineno}: {reason.msg}") from None
    except (UnicodeDecodeError, RecursionError):
        raise _bad(path, "it is not a JSON text") from None
    if not isinstance(data, dict):
        raise _bad(path, "it is not a JSON object")
    if unknown := sorted(set(data) - _KEYS):
        raise _bad(path, f"the key '{unknown[0]}' is unknown")
    version = data.get("format_version")
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        raise _bad(path, "format_version is missing or is not a whole number")
    if version > FORMAT_VERSION:
        raise Pose3DError(f"The preset {path.name} was written by a newer version of Pose3D.", hint="Update Pose3D.")
    title = data.get("name", path.stem)
    bones = data.get("bones")
    if not isinstance(title, str) or not isinstance(bones, dict):
        raise _bad(path, "'name' must be a text and 'bones' an object")
    if unknown := sorted(set(bones) - set(ROLES)):
        raise _bad(path, f"the role '{unknown[0]}' is unknown; known are: {', '.join(ROLES)}")
    links: dict[str, tuple[tuple[str, ...], ...]] = {}
    for role, value in bones.items():
        chain = value if role in CHAIN_ROLES and isinstance(value, list) else [value]
        links[role] = tuple(_names(path, role, link) for link in chain)
    if missing := [role for role in REQUIRED_ROLES if role not in links]:
        raise _bad(path, f"the role '{missing[0]}' is missing")
    return Preset(
        path.stem, title, links, _names(path, "root", data.get("root", [])), _properties(path, data.get("properties", []))
    )


def load_presets(folder: Path) -> list[Preset]:
    """All presets of a folder, by name."""
    return [load_preset(path) for path in sorted(folder.glob("*.json"))]


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
    return Mapping(preset.name, bones, find(preset.root) or bones["hips"][0], preset.properties), share, ""


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
    tried = sorted(
        ((*match(p, bone_names), p) for p in presets), key=lambda t: (t[0] is not None, t[1], len(t[3].bones)), reverse=True
    )
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


def _plain(name: str) -> str:
    return name.rsplit(":", 1)[-1].casefold()


def _names(path: Path, role: str, value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value
    needed = role != "root"
    if not isinstance(names, list) or not all(isinstance(n, str) and n for n in names) or (needed and not names):
        raise _bad(path, f"'{role}' must be a bone name or a list of bone names")
    return tuple(names)


def _properties(path: Path, value: object) -> tuple[tuple[str, str, float], ...]:
    rows = []
    for item in value if isinstance(value, list) else [None]:
        if not isinstance(item, dict) or set(item) != {"bone", "property", "value"}:
            raise _bad(path, "'properties' must be a list of {bone, property, value}")
        bone, name, number = item["bone"], item["property"], item["value"]
        if not isinstance(bone, str) or not isinstance(name, str) or not isinstance(number, int | float) or not abs(number) < 1e9:
            raise _bad(path, "'properties' must be a list of {bone: text, property: text, value: number}")
        rows.append((bone, name, float(number)))
    return tuple(rows)


def _bad(path: Path, what: str) -> Pose3DError:
    return Pose3DError(f"The preset {path.name} cannot be used: {what}.", hint="Mend the file or choose another preset.")
