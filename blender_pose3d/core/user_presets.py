"""The user's own presets: one JSON file each in one folder. Whatever is written is read by `load_preset` first."""

from __future__ import annotations

import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path

from .errors import Pose3DError
from .leftovers import remove_stale
from .preset import Preset, load_preset

_LONGEST_NAME = 60
_NOT_IN_NAMES = re.compile(r"[^\w .+()-]")
_WINDOWS_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def file_stem(title: str) -> str:
    """A preset's name as a file's, on every system. Raises Pose3DError where nothing is left of it."""
    plain = _NOT_IN_NAMES.sub("_", unicodedata.normalize("NFC", " ".join(title.split())))
    plain = plain[:_LONGEST_NAME].strip(" .")
    if not plain.strip("_") or _WINDOWS_DEVICES.fullmatch(plain):
        raise Pose3DError(f"A preset cannot be called '{title}'.", hint="Give it a name of letters and digits.")
    return plain


def listed(folder: Path) -> list[Path]:
    """The user's presets, by name."""
    return sorted(folder.glob("*.json"), key=lambda path: path.stem.casefold())


class UserPresets:
    """folder: where the user's presets are, made when the first is written; shipped: the folder of Pose3D's own, which stay as
    they are. Every method raises Pose3DError where it cannot be done, and nothing is changed then.
    """

    def __init__(self, folder: Path, shipped: Path) -> None:
        self.folder, self.shipped = folder, shipped

    def path(self, stem: str) -> Path:
        """The file of a user's preset."""
        path = self.folder / f"{stem}.json"
        if path.is_file():
            return path
        if (self.shipped / f"{stem}.json").is_file():
            raise Pose3DError(
                f"The preset '{stem}' comes with Pose3D and cannot be changed.", hint="Save one of your own from the table."
            )
        raise Pose3DError(f"There is no preset '{stem}' of yours.", hint="Choose one of your own presets.")

    def save(self, text: str, *, title: str) -> Path:
        """Write a preset's JSON under a new name."""
        return self._write(text, title=title, free=self._free(title))

    def rename(self, stem: str, *, title: str) -> Path:
        old = self.path(stem)
        text = old.read_text(encoding="utf-8-sig")
        same = file_stem(title).casefold() == stem.casefold()
        new = self._write(text, title=title, free=self.folder / f"{file_stem(title)}.json" if same else self._free(title))
        if new.name != old.name:
            # Where letters of either case are the same file, the old name is the new file's.
            if same and new.samefile(old):
                os.replace(old, new)
            else:
                old.unlink()
        return new

    def delete(self, stem: str) -> None:
        path = self.path(stem)
        _or_sentence(path.unlink, f"The preset {path} cannot be deleted")

    def export(self, source: Path, out: Path) -> Path:
        """Copy a preset, the user's or a shipped one, to a file."""
        load_preset(source)
        out = out if out.suffix.lower() == ".json" else out.with_name(f"{out.name}.json")
        if out.exists() and (out.samefile(source) or out.resolve().parent == self.shipped.resolve()):
            raise Pose3DError(f"{out.name} is the preset itself.", hint="Choose another folder.")
        _replaced(out, source.read_text(encoding="utf-8-sig"))
        return out

    def import_(self, path: Path) -> Path:
        """Take a preset's file in under its own name."""
        preset = load_preset(path)
        return self._write(path.read_text(encoding="utf-8-sig"), title=preset.title, free=self._free(preset.title))

    def _free(self, title: str) -> Path:
        stem = file_stem(title)
        for folder, whose in ((self.folder, "you have one"), (self.shipped, "one comes with Pose3D")):
            if stem.casefold() in (path.stem.casefold() for path in folder.glob("*.json")):
                raise Pose3DError(f"There is a preset '{stem}' already ({whose}).", hint="Give another name.")
        return self.folder / f"{stem}.json"

    def _write(self, text: str, *, title: str, free: Path) -> Path:
        """Whole or not at all, and only what can be read again."""
        data = json.loads(text) | {"name": " ".join(title.split())}
        _or_sentence(lambda: self.folder.mkdir(parents=True, exist_ok=True), f"The folder {self.folder} cannot be made")
        _replaced(free, json.dumps(data, indent=2, ensure_ascii=False) + "\n", check=load_preset)
        return free


def _replaced(path: Path, text: str, *, check: Callable[[Path], Preset] | None = None) -> None:
    def write() -> None:
        remove_stale(path.parent, ".pose3d-????????")
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".pose3d-") as folder:
            whole = Path(folder) / path.name
            whole.write_text(text, encoding="utf-8")
            if check:
                check(whole)
            os.replace(whole, path)

    _or_sentence(write, f"The preset {path} cannot be written")


def _or_sentence(action: Callable[[], object], what: str) -> None:
    try:
        action()
    except OSError as reason:
        raise Pose3DError(f"{what}: {reason.strerror}.", hint="Check the folder's permissions.") from None
