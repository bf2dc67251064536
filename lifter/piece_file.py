"""What was seen of a piece of a clip, as a file: so that several machines can look at one clip, each at some of its pieces.

A file knows of which clip, model, range and version it is; a piece of anything else is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .background import BackgroundMotion
from .clip import Clip
from .errors import LifterError
from .files import replacing
from .landmark_model import LandmarkModel
from .look import CLOTHES, Piece, Seen, piece_begins
from .track_file import load_arrays
from .version import lifter_version

_WHAT, _REMEDY = "piece file", "Look at the piece again."
# Frames T, bodies in them N, looks at the background M, of which S showed enough, lenses L; people B in a picture [h, w].
_FORMS: dict[str, tuple[tuple[int | str, ...], str]] = {
    "of": ((), "U"),
    "count": ((), "i8"),
    "timestamps_s": (("T",), "f8"),
    "bodies_in_frame": (("T",), "i8"),
    "bodies": (("N", 33, 6), "f4"),
    "colours": (("N", len(CLOTHES), 3), "f8"),
    **BackgroundMotion.FORMS,
}
_ALWAYS = ("of", "count")  # of the others what is empty is left out


@dataclass(frozen=True)
class PieceFiles:
    """The files of one clip's pieces, in a folder; numbers begin with 0."""

    folder: Path
    clip: Clip
    model: LandmarkModel
    sample_fps: float | None

    @property
    def count(self) -> int:
        return len(piece_begins(self.clip, self.sample_fps))

    def path(self, number: int) -> Path:
        return self.folder / f"piece-{number + 1:05}.npz"

    def write(self, number: int, piece: Piece) -> None:
        """Raises LifterError."""
        write_piece(self.path(number), self._of(number), piece)

    def read(self, number: int) -> Piece | None:
        """None where there is none. Raises LifterError for one that is damaged or of something else."""
        path = self.path(number)
        if not path.is_file():
            return None
        of, piece = read_piece(path)
        if of != self._of(number):
            raise LifterError(
                f"{path} is a piece of another clip, or was looked at in another way.", hint="Give each clip a folder of its own."
            )
        return piece

    def _of(self, number: int) -> dict[str, Any]:
        clip = self.clip
        return {
            "clip": clip.sha256,
            "start_s": clip.start_s,
            "end_s": clip.end_s,
            "sample_fps": self.sample_fps,
            **({"slowdown": clip.slowdown} if clip.slowdown != 1 else {}),
            "piece": number,
            "pieces": self.count,
            "landmark_model": self.model.sha256,
            "lifter": lifter_version(),
        }


def write_piece(path: Path, of: Mapping[str, Any], piece: Piece) -> None:
    """of: what the piece is of, for JSON. Raises LifterError."""
    seen = piece.seen
    arrays = {
        "of": np.array(json.dumps(of)),
        "count": np.array(piece.count, np.int64),
        "timestamps_s": np.array(seen.timestamps_s, float),
        "bodies_in_frame": np.array([len(bodies) for bodies in seen.bodies], np.int64),
        "bodies": np.array([body for bodies in seen.bodies for body in bodies], np.float32),
        "colours": np.array([colours for frame in seen.colours for colours in frame], float),
        **seen.background.as_arrays(),
    }
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **{name: array for name, array in arrays.items() if array.size})  # type: ignore[arg-type]


def read_piece(path: Path, *, people: int = 1) -> tuple[dict[str, Any], Piece]:
    """What the piece is of, and what was seen. people: the most in a frame. Raises LifterError for a file that is damaged."""
    arrays = load_arrays(path, _FORMS, what=_WHAT, remedy=_REMEDY)
    of = _check(path, arrays, people)
    bodies, colours = (iter(arrays.get(name, ())) for name in ("bodies", "colours"))
    seen = Seen(BackgroundMotion.of_arrays(arrays))
    seen.timestamps_s = arrays.get("timestamps_s", np.zeros(0)).tolist()
    for count in arrays.get("bodies_in_frame", np.zeros(0, np.int64)).tolist():
        seen.bodies.append([next(bodies) for _ in range(count)])
        seen.colours.append([next(colours) for _ in range(count)])
    return of, Piece(seen, int(arrays["count"]))


def _check(path: Path, arrays: dict[str, np.ndarray], people: int) -> dict[str, Any]:
    """What the piece is of. Raises LifterError where arrays lack, or do not fit each other."""

    def require(condition: bool | np.bool_, key: str) -> None:
        if not condition:
            raise LifterError(f"{path} is no {_WHAT} or is damaged: {key} is wrong.", hint=_REMEDY)

    sizes: dict[str, int] = {}
    for key, (shape, kind) in _FORMS.items():
        if key not in arrays:
            require(key not in _ALWAYS, key)
            continue
        array = arrays[key]
        require(array.dtype.kind == "U" if kind == "U" else array.dtype == np.dtype(kind), key)
        require(array.ndim == len(shape), key)
        for size, wanted in zip(array.shape, shape, strict=True):
            require(size == (sizes.setdefault(wanted, size) if isinstance(wanted, str) else wanted), key)
        require(kind == "U" or bool(np.isfinite(array).all()), key)
    times = arrays.get("timestamps_s", np.zeros(0))
    counts = arrays.get("bodies_in_frame", np.zeros(0, np.int64))
    require(bool((np.diff(times) > 0).all()), "timestamps_s")
    require(len(counts) == len(times) and bool(((counts >= 0) & (counts <= people)).all()), "bodies_in_frame")
    for key in ("bodies", "colours"):
        require(len(arrays.get(key, ())) == counts.sum(), key)
    require(0 <= int(arrays["count"]) <= len(times), "count")
    reason = BackgroundMotion.wrong_in(arrays)
    require(reason is None, reason or "")
    try:
        of = json.loads(str(arrays["of"]))
    except (ValueError, RecursionError):
        of = None
    require(isinstance(of, dict), "of")
    assert isinstance(of, dict)
    return of
