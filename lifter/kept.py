"""What was seen of whole clips, kept in a folder: another person, lens or network of the same clip needs no second look."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .clip import Clip
from .errors import LifterError
from .landmark_model import LandmarkModel
from .look import Piece, Seen
from .piece_file import read_piece, write_piece
from .version import detector_versions


@dataclass(frozen=True)
class KeptSeen:
    """The file of one clip, range, rate and model in a folder. people: the most that are looked for in a frame.

    It only saves time, so nothing is raised: a file that is damaged is as good as none, and one that cannot be written is left
    out.
    """

    folder: Path
    clip: Clip
    model: LandmarkModel
    sample_fps: float | None
    people: int

    @property
    def path(self) -> Path:
        return self.folder / f"{hashlib.sha256(json.dumps(self._of()).encode()).hexdigest()[:32]}.npz"

    def read(self) -> Seen | None:
        if not self.path.is_file():
            return None
        with contextlib.suppress(LifterError):
            of, piece = read_piece(self.path, people=self.people)
            if of == self._of() and piece.count == len(piece.seen.timestamps_s):
                with contextlib.suppress(OSError):
                    os.utime(self.path)  # the last to go where room is short
                return piece.seen
        return None

    def write(self, seen: Seen) -> None:
        with contextlib.suppress(LifterError):
            write_piece(self.path, self._of(), Piece(seen, len(seen.timestamps_s)))

    def _of(self) -> dict[str, Any]:
        return {
            "clip": self.clip.sha256,
            "start_s": self.clip.start_s,
            "end_s": self.clip.end_s,
            "sample_fps": self.sample_fps,
            **({"slowdown": self.clip.slowdown} if self.clip.slowdown != 1 else {}),
            "people": self.people,
            "landmark_model": self.model.sha256,
            "versions": detector_versions(),
        }
