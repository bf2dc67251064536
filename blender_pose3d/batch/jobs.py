"""What a batch is to do: a folder of clips, a table or glob patterns, as a list of jobs."""

from __future__ import annotations

import codecs
import contextlib
import csv
import glob
import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.errors import Pose3DError
from ..core.paths import is_file, is_folder
from .journal import JOURNAL_NAME

# What a folder is searched for; a clip that is named may be anything that FFmpeg reads.
CLIP_SUFFIXES = frozenset(
    (".3gp", ".avi", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv")
)
# A clip that is lifted already: everything but the solve is skipped.
TRACK_SUFFIX = ".npz"
TABLE_SUFFIXES = (".csv", ".json", ".toml")
# Those of `retarget`'s options that decide what the motion engine does, by the same names as there; the rest concern the solve.
LIFTING_OPTIONS = ("start", "end", "model", "person", "focal_mm", "fov", "focal_px", "filmed_fps", "as_played", "hands")
LOOKING_OPTIONS = ("start", "end", "filmed_fps", "as_played")  # those that finding the person hangs on
DEFAULT_OUT = "{folder}/{stem}.glb"
_OUTPUTS = ("out", "report")
_PLACEHOLDERS = ("folder", "parent", "stem", "name", "rig", "row")
# What others have tables in; FFmpeg reads none of them.
_OTHER_TABLE_SUFFIXES = frozenset((".xls", ".xlsx", ".xlsm", ".ods", ".numbers", ".tsv", ".txt", ".yaml", ".yml"))
_SEPARATOR = re.compile(r'"?sep=.?"?', re.IGNORECASE)  # as Excel has it before the names, for itself
# As spreadsheets write them in their user's language.
_YES = frozenset(("TRUE", "WAHR", "VRAI", "VERDADERO", "VERDADEIRO", "VERO", "WAAR"))
_NO = frozenset(("FALSE", "FALSCH", "FAUX", "FALSO", "ONWAAR"))
_BACKSLASH_HINT = r"Write / or \\ for each \ of a path."
_TABLE_HINT = "The first row of a table names its columns; `python3 build.py batch --help` lists them."

Check = Callable[[Sequence[str]], object]


@dataclass(frozen=True)
class BatchJob:
    """One clip to animate. `clip` and `out` are absolute; options: the others of `retarget`, by name, True for a bare flag;
    where: who asked for it, for a message ("Row 3 of jobs.csv"); table: the file in which it stands, None for a clip named by
    itself."""

    clip: Path
    out: Path
    options: Mapping[str, str | bool]
    where: str
    table: Path | None = None

    @property
    def is_lifted(self) -> bool:
        return self.clip.suffix.lower() == TRACK_SUFFIX

    @property
    def rig_file(self) -> Path:
        """Its path, without the armature's name that may follow; the word rigify is no file."""
        return _rig_file(str(self.options["rig"]))

    @property
    def outputs(self) -> tuple[Path, ...]:
        report = self.options.get("report")
        return (self.out, Path(str(report))) if report else (self.out,)

    def arguments(self) -> list[str]:
        """The words that `retarget` is called with."""
        return [str(self.clip), f"--out={self.out}", *_words(self.options)]

    def lifting_arguments(self) -> list[str]:
        """The options that `python -m lifter infer` is called with."""
        return self._words_of(LIFTING_OPTIONS)

    def looking_arguments(self) -> list[str]:
        """The options that `python -m lifter look` is called with."""
        return self._words_of(LOOKING_OPTIONS)

    def _words_of(self, names: Sequence[str]) -> list[str]:
        return _words({name: self.options[name] for name in names if name in self.options})


def _words(options: Mapping[str, str | bool]) -> list[str]:
    # With "=", so that a value may begin with a dash.
    dashed = {f"--{name.replace('_', '-')}": value for name, value in options.items()}
    return [name if value is True else f"{name}={value}" for name, value in dashed.items() if value is not False]


@dataclass(frozen=True)
class _Row:
    """values: as they stand in the table; folder: what relative paths in it start from; where: "" for a clip named by itself;
    table: as in BatchJob."""

    values: Mapping[str, Any]
    folder: Path
    where: str
    table: Path | None = None


def read_jobs(words: Sequence[str], *, defaults: Mapping[str, str | bool], names: frozenset[str], check: Check) -> list[BatchJob]:
    """The jobs that folders, tables, clips and patterns name, in order.

    defaults: options of the command line, which a row's own replace; names: the options that there are; check: raises Pose3DError
    for words that `retarget` would not take. Raises Pose3DError, with the row's number where a row is at fault.
    """
    rows = [row for word in words for row in _rows(word)]
    jobs = [_job(row, number, defaults=defaults, names=names, check=check) for number, row in enumerate(rows, 1)]
    _require_apart(jobs)
    return jobs


def _rows(word: str) -> Iterator[_Row]:
    if not word:  # else the folder where the user happens to be
        raise Pose3DError("An empty name stands for no clips.", hint="Check the variable that it came from.")
    path = Path(os.path.expanduser(word))
    here = Path.cwd()
    if is_folder(path):
        found = [p for p in _names_in(path) if p.suffix.lower() in CLIP_SUFFIXES and p.name[0] != "."]
        clips = sorted(p for p in found if is_file(p))
        if not clips:
            raise Pose3DError(f"There is no clip in the folder {path}.", hint="Name a folder of video files.")
    elif path.suffix.lower() in TABLE_SUFFIXES:
        yield from _table(path)
        return
    elif path.suffix.lower() in _OTHER_TABLE_SUFFIXES and is_file(path):
        hint = "Save it as a .csv file (in Excel as 'CSV UTF-8')."
        raise Pose3DError(f"{path.name} is neither a clip nor a table that Pose3D reads.", hint=hint)
    elif is_file(path):
        clips = [path]
    elif glob.has_magic(word):
        found = [Path(p) for p in glob.glob(_pattern(path), recursive=True)]
        clips = sorted(p for p in found if p.suffix.lower() in CLIP_SUFFIXES | {TRACK_SUFFIX} and is_file(p))
        if not clips:
            raise Pose3DError(f"No clip matches '{word}'.", hint="Check the pattern; ** stands for folders in folders.")
    else:
        raise Pose3DError(f"There is no clip, folder or table '{word}'.", hint="Check the path.")
    yield from (_Row({"clip": os.fspath(clip)}, here, "") for clip in clips)


def _pattern(path: Path) -> str:
    """For glob. The folders that are there are meant as they are called, as "shots [v2]"."""
    there = next((folder for folder in path.parents if os.path.isdir(folder)), None)
    if there is None:  # a drive that is not there
        return os.fspath(path)
    return os.path.join(glob.escape(os.fspath(there)), path.relative_to(there))


def _names_in(folder: Path) -> list[Path]:
    """Raises Pose3DError."""
    try:
        return list(folder.iterdir())
    except OSError as error:
        raise Pose3DError(f"{folder} cannot be read: {error.strerror}.", hint="Check the path and its permissions.") from None


def _table(path: Path) -> Iterator[_Row]:
    try:
        text = _decoded(path.read_bytes())
        rows = list(_READERS[path.suffix.lower()](text))
    except OSError as error:
        raise Pose3DError(f"The table {path} cannot be read: {error.strerror}.", hint="Check the path.") from error
    except UnicodeDecodeError:
        raise Pose3DError(
            f"The table {path.name} cannot be read: it is not in UTF-8.", hint="Save it again so (in Excel as 'CSV UTF-8')."
        ) from None
    except (ValueError, RecursionError) as error:  # also what JSON and TOML raise
        is_path = re.search("escape|hex value", str(error))  # of Windows, in which they take a \ for the beginning of a sign
        hint = _BACKSLASH_HINT if is_path else _TABLE_HINT
        raise Pose3DError(f"The table {path.name} cannot be read: {str(error).rstrip('.')}.", hint=hint) from None
    except csv.Error as error:
        raise Pose3DError(f"The table {path.name} cannot be read: {error}.", hint=_TABLE_HINT) from None
    if not rows:
        raise Pose3DError(f"The table {path.name} has no rows.", hint=_TABLE_HINT)
    for number, values in rows:
        where = f"Row {number} of {path.name}"
        if not isinstance(values, dict):
            raise Pose3DError(f"{where} is not a set of named values.", hint='Write {"clip": "walk.mp4", …}.')
        yield _Row(values, path.absolute().parent, where, path.absolute())


def _decoded(data: bytes) -> str:
    """UTF-8, or what Excel calls Unicode text. Raises UnicodeDecodeError."""
    return data.decode("utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig")


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbered as in a spreadsheet, where the names are row 1. Where a comma is the decimal point, spreadsheets put semicolons
    or tabs between the columns; a column that once had something in it has no name and empty cells, and a line may say first
    what is between the columns."""
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if line.strip(",;\t ") and not _SEPARATOR.fullmatch(line)), 0)
    delimiter = max(",;\t", key="".join(lines[first : first + 1]).count)
    reader = csv.reader(lines[first:], delimiter=delimiter, strict=True)
    names = _without_empty(next(reader, []))
    if len(set(names)) != len(names) or "" in names:
        raise ValueError("its first row has an empty name, or the same name twice")
    for row in reader:
        cells = _without_empty(row)
        if len(cells) > len(names):
            raise ValueError(f"row {first + reader.line_num} has {len(cells)} values for {len(names)} columns")
        if delimiter != ",":
            cells = [re.sub(r"^([+-]?\d+),(\d+)$", r"\1.\2", cell) for cell in cells]
        if cells:
            yield first + reader.line_num, dict(zip(names, cells, strict=False))


def _without_empty(cells: Sequence[str]) -> list[str]:
    """As they are without spaces around them, without the empty ones at the end."""
    stripped = [cell.strip() for cell in cells]
    while stripped and not stripped[-1]:
        stripped.pop()
    return stripped


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    return _listed(json.loads(text))


def _toml_rows(text: str) -> Iterator[tuple[int, Any]]:
    return _listed(tomllib.loads(text))


def _listed(data: object) -> Iterator[tuple[int, Any]]:
    """A list of rows, or an object whose `jobs` are the rows and whose other values hold for all of them."""
    shared: dict[str, Any] = {}
    if isinstance(data, dict):
        shared = {name: value for name, value in data.items() if name != "jobs"}
        data = data.get("jobs")
    if not isinstance(data, list):
        raise ValueError("it is neither a list of jobs nor has one under the name jobs")
    return ((number, {**shared, **row} if isinstance(row, dict) else row) for number, row in enumerate(data, 1))


_READERS: dict[str, Callable[[str], Iterator[tuple[int, Any]]]] = {".csv": _csv_rows, ".json": _json_rows, ".toml": _toml_rows}


def _job(row: _Row, number: int, *, defaults: Mapping[str, str | bool], names: frozenset[str], check: Check) -> BatchJob:
    at = f"{row.where}: " if row.where else ""
    own: dict[str, str | bool] = {}
    for column, value in row.values.items():
        name = column.strip().lower().replace("-", "_")
        if name not in names | {"clip"}:
            raise Pose3DError(f"{at}there is no column '{column}'.", hint=f"There are: clip, {', '.join(sorted(names))}.")
        text = _text(value)
        if text is None:
            raise Pose3DError(f"{at}'{column}' is neither a text nor a number.", hint="Write one value.")
        if isinstance(text, str) and "\0" in text:
            raise Pose3DError(f"{at}'{column}' has a zero byte in it.", hint="Write the table again.")
        if name in own:
            raise Pose3DError(f"{at}there are two columns '{name}'.", hint="Leave one of them out.")
        if isinstance(text, str) and row.table is not None and not os.path.lexists(row.folder / text):
            text = _as_meant(text, f"{at}'{column}'")
        if name == "person" and isinstance(text, str):  # a spreadsheet's or a program's number
            text = re.sub(r"^(\d+)\.0+$", r"\1", text)
        if text != "":
            own[name] = _from_folder(name, text, row.folder)
    clip_text = own.pop("clip", "")
    if not isinstance(clip_text, str) or not clip_text:
        raise Pose3DError(f"{at}no clip is named.", hint="Give its path in the column clip.")
    clip = Path(os.path.expanduser(clip_text)).absolute()
    here = Path.cwd()
    options = {**{name: _from_folder(name, value, here) for name, value in defaults.items()}, **own}
    if "rig" not in options:
        raise Pose3DError(f"{at}no rig is named.", hint="Give one with --rig, or in the column rig of a table.")
    patterns = {"out": DEFAULT_OUT} | {name: str(options.pop(name)) for name in _OUTPUTS if name in options}
    filled = {name: _filled(text, clip, str(options["rig"]), number, at) for name, text in patterns.items()}
    outputs = {name: os.path.abspath((row.folder if name in own else here) / path) for name, path in filled.items()}
    out = Path(outputs.pop("out"))
    job = BatchJob(clip, out, {**options, **outputs}, row.where or clip.name, row.table)
    try:
        check(job.arguments())
    except Pose3DError as error:
        raise Pose3DError(f"{at}{error.message}", hint=error.hint) from None
    return job


def _as_meant(text: str, what: str) -> str:
    r"""A cell that is no file's name as it stands. Raises Pose3DError for C:\new.mp4 in JSON or TOML, to which it has the end of
    a line in it."""
    if control := re.search("[\b\t\n\f\r]", text):
        raise Pose3DError(f"{what} has {control[0]!r} in it.", hint=_BACKSLASH_HINT)
    return re.sub(r'^"(.+)"$', r"\1", text)  # Windows copies a path so


def _text(value: object) -> str | bool | None:
    """A cell as a word of the command line; None for what cannot be one."""
    if value is None:
        return ""
    if isinstance(value, str) and (value in _YES | _NO or value.lower() in ("true", "false")):
        return value.upper() in _YES
    if isinstance(value, bool | str):
        return value
    try:
        return f"{value:.17g}" if isinstance(value, int | float) else None
    except OverflowError:  # a whole number of hundreds of digits
        return None


def _from_folder(name: str, value: str | bool, folder: Path) -> str | bool:
    """A path made absolute; other values as they are. A preset or a model is a name or a file, a rig may be the word rigify, and
    outputs are patterns, which the folder is none of."""
    if not isinstance(value, str) or name in _OUTPUTS or (name == "rig" and value == "rigify"):
        return value
    is_path = name in ("clip", "rig") or value.lower().endswith((".json", ".safetensors"))
    return os.path.abspath(folder / os.path.expanduser(value)) if is_path else value


def _filled(pattern: str, clip: Path, rig: str, number: int, at: str) -> str:
    values = {
        "folder": os.fspath(clip.parent),
        "parent": clip.parent.name,
        "stem": clip.stem,
        "name": clip.name,
        "rig": _rig_file(rig).stem,
        "row": str(number),
    }

    def value(match: re.Match[str]) -> str:
        if match[1] not in values:
            known = ", ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
            raise Pose3DError(f"{at}'{match[0]}' in '{pattern}' stands for nothing.", hint=f"There are: {known}.")
        return values[match[1]]

    filled = re.sub(r"\{([^{}]*)\}", value, pattern)
    return os.path.expanduser(filled) if pattern.startswith("~") else filled


def _rig_file(rig: str) -> Path:
    """Without the armature's name that may follow."""
    head, named, _ = rig.rpartition(".blend:")
    return Path(f"{head}.blend" if named and not os.path.isfile(rig) else rig)


def _read_by(job: BatchJob) -> Iterator[Path]:
    """The files that a job reads, among names that are none: rigify, a preset's, a network's."""
    yield from (job.clip, job.rig_file)
    yield from (Path(str(job.options[name])) for name in ("preset", "model") if name in job.options)
    if job.table is not None:
        yield job.table


class _Files:
    """What is read and written for some jobs. What is written takes a name's place; what is read is a file, whatever its name."""

    def __init__(self, jobs: Sequence[BatchJob]) -> None:
        self._written: dict[str, BatchJob] = {}
        self._case_counts: dict[Path, bool] = {}
        self._read = {_file(path): job for job in jobs for path in _read_by(job)}
        self._journals = {self._place(job.out.with_name(JOURNAL_NAME)) for job in jobs}

    def write(self, path: Path, job: BatchJob) -> None:
        """Raises Pose3DError where the path is needed for something else."""
        name = "out" if path == job.out else "report"
        hint = f"Give --{name} a pattern with {{stem}}, {{name}}, {{parent}}, {{rig}} or {{row}}, or each row its own {name}."
        self.require_free(path, job.where, hint=hint)
        self._written[self._place(path)] = job

    def require_free(self, path: Path, where: str, *, hint: str) -> None:
        """Raises Pose3DError. hint: where something else is written there."""
        place, file = self._place(path), _file(path)
        if place in self._written:
            raise Pose3DError(f"{where}: {path} would be written for {self._written[place].where} too.", hint=hint)
        if file in self._read:
            raise Pose3DError(f"{where}: {path} is read by {self._read[file].where}.", hint="Give the result another name.")
        if place in self._journals:
            raise Pose3DError(f"{where}: {path} is the batch's journal.", hint="Give the result another name.")

    def _place(self, path: Path) -> str:
        """The same for one name in a folder that is called by several, and for names that the disk takes for one."""
        folder = path.parent
        if folder not in self._case_counts:
            self._case_counts[folder] = case_counts(folder)
        place = os.path.join(_real(folder), path.name)
        return place if self._case_counts[folder] else place.casefold()


def case_counts(folder: Path) -> bool:
    """Whether walk and Walk are two names in a folder; on the usual disks of Windows and macOS they are one. A folder that is not
    there yet comes onto the disk of those above it."""
    there = next((above for above in (folder, *folder.parents) if os.path.isdir(above)), folder)
    with contextlib.suppress(OSError):
        for path in (*there.iterdir(), there):
            if path.name.isascii() and path.name != path.name.swapcase():
                status = path.lstat()
                try:
                    return not os.path.samestat(status, path.with_name(path.name.swapcase()).lstat())
                except FileNotFoundError:
                    return True
    return sys.platform not in ("win32", "darwin")


def _file(path: Path) -> object:
    """The same for one file that is called by several names."""
    try:
        status = path.stat()
    except (OSError, ValueError):
        return _real(path)
    return status.st_dev, status.st_ino


def _real(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a name that no file system can have, as one with half a character
        return os.path.abspath(path)


def _require_apart(jobs: Sequence[BatchJob]) -> _Files:
    """No two jobs write the same file, and none writes what another reads."""
    files = _Files(jobs)
    for job in jobs:
        for path in job.outputs:
            files.write(path, job)
    return files


def require_account_apart(path: Path, jobs: Sequence[BatchJob]) -> None:
    """Raises Pose3DError where the account of the jobs would be written over what they read or write."""
    _require_apart(jobs).require_free(path, "The account", hint="Give --results a file of its own.")
