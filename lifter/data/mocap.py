"""Motion capture, from an archive or from a folder of BVH files: clips of 17 joints in metres, y up, split by subject."""

from __future__ import annotations

import lzma
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import LifterError
from ..joints import INDEX, JOINT_NAMES

# Of the project's own motion capture: these share no person with the rest.
VALIDATION_SUBJECTS: frozenset[str] = frozenset({"cmu/03", "cmu/08", "cmu/10", "cmu/11", "cmu/martial"})
# Of anybody else's: the share of the subjects that is for validation.
_VALIDATION_EVERY = 5
_MISSING = -32768
# What numpy raises for a file that is missing, damaged, or no archive of the arrays that are asked for.
_DAMAGED_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError)
_DAMAGED_ARRAY = (ValueError, TypeError, EOFError, SyntaxError, tokenize.TokenError, MemoryError)
UNREADABLE = (OSError, KeyError, IndexError, *_DAMAGED_ZIP, *_DAMAGED_ARRAY)


def first_line(reason: BaseException) -> str:
    """An exception's text for a sentence."""
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return (str(reason) or type(reason).__name__).splitlines()[0].rstrip(".")


def subject_of(clip_name: str) -> str:
    """'cmu/01/01_02#1' -> 'cmu/01'; 'mesh2motion/Walk' -> 'mesh2motion'."""
    parts = clip_name.split("/")
    return "/".join(parts[:2]) if len(parts) > 2 else parts[0]


@dataclass(frozen=True)
class MotionClip:
    """name, fps, positions_m [T, 17, 3] in world axes (y up), joints as in `JOINT_NAMES`."""

    name: str
    fps: float
    positions_m: np.ndarray

    @property
    def subject(self) -> str:
        return subject_of(self.name)


def read_mocap(path: Path) -> list[MotionClip]:
    """All clips of a mocap.npz, or of every .bvh below a folder. Raises LifterError if there is neither, or it is damaged."""
    if path.is_dir():
        from .bvh import read_bvh_folder

        return read_bvh_folder(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            names, fps, lengths = archive["clip_names"], archive["fps"], archive["lengths"]
            columns = [archive["joint_names"].tolist().index(name) for name in JOINT_NAMES]
            delta = archive["delta_mm"][columns]  # [17, 3, sum of lengths] int16
        if (
            delta.dtype != np.int16
            or delta.shape != (len(columns), 3, lengths.sum())
            or not len(names) == len(fps) == len(lengths)
        ):
            raise ValueError("its arrays do not fit each other")
    except UNREADABLE as reason:
        raise LifterError(
            f"Cannot read the motion capture {path}: {first_line(reason)}.",
            hint="Give the path of a mocap.npz, or of a folder of BVH files, in the training configuration.",
        ) from None
    clips = []
    for name, rate, end, length in zip(names, fps, np.cumsum(lengths), lengths, strict=True):
        millimetres = np.cumsum(delta[:, :, end - length : end], axis=2, dtype=np.int16)  # the format wraps
        if (millimetres == _MISSING).any():
            continue
        positions_m = millimetres.transpose(2, 0, 1).astype(np.float32) / 1000
        # Some sources give a chest joint at nine tenths of the trunk for it, others the middle, which it is everywhere here.
        positions_m[:, INDEX["spine"]] = (positions_m[:, INDEX["pelvis"]] + positions_m[:, INDEX["thorax"]]) / 2
        clips.append(MotionClip(str(name), float(rate), positions_m))
    return clips


def split_by_subject(
    clips: Sequence[MotionClip], validation_subjects: Collection[str] = ()
) -> tuple[list[MotionClip], list[MotionClip]]:
    """(training, validation): no subject is in both. One of them may be empty.

    validation_subjects: left out, VALIDATION_SUBJECTS; where there are clips of none of these, every fifth subject by name, and
    of fewer the last one, unless it is alone. Raises LifterError for a subject that has no clip.
    """
    subjects = sorted({clip.subject for clip in clips})
    if unknown := sorted(set(validation_subjects) - set(subjects)):
        raise LifterError(
            f"The motion capture has no subject '{unknown[0]}'.", hint=f"Correct validation_subjects: {', '.join(subjects)}."
        )
    chosen = set(validation_subjects) or VALIDATION_SUBJECTS & set(subjects)
    if not chosen and len(subjects) > 1:
        chosen = set(subjects[_VALIDATION_EVERY - 1 :: _VALIDATION_EVERY] or subjects[-1:])
    return [c for c in clips if c.subject not in chosen], [c for c in clips if c.subject in chosen]
