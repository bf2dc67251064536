"""One clip's way through a motion engine and a Blender that stay: the rig looked at, the clip lifted, the track solved."""

from __future__ import annotations

import contextlib
import glob
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.errors import Pose3DError
from ..core.leftovers import short_stem
from ..worker.protocol import Progress, Result
from .cache import Track, TrackCache
from .jobs import BatchJob
from .served import Served

# What the libraries of both processes take their number of threads from: MKL and OpenMP torch's, OpenBLAS numpy's.
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


@dataclass(frozen=True)
class Programs:
    """The command lines and the environments of the two processes that a worker has. models_dir: where MediaPipe's model lies;
    tracks: the folder of the tracks between them."""

    lifter: Sequence[str]
    lifter_environment: Mapping[str, str]
    blender: Sequence[str]
    blender_environment: Mapping[str, str]
    models_dir: Path
    tracks: Path

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"models_dir": str(self.models_dir), "tracks": str(self.tracks)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Programs:
        return cls(**{**data, "models_dir": Path(data["models_dir"]), "tracks": Path(data["tracks"])})

    def engine(self, *, threads: int) -> Served:
        return Served("The motion engine", self.lifter, {**self.lifter_environment, **thread_variables(threads)})

    def solver(self, *, threads: int) -> Served:
        return Served("Blender", self.blender, {**self.blender_environment, **thread_variables(threads)})


def thread_variables(threads: int) -> dict[str, str]:
    """The environment in which a process computes with so many threads."""
    return {name: str(threads) for name in _THREAD_VARIABLES}


def rigs_to_check(jobs: Sequence[BatchJob]) -> list[BatchJob]:
    """One job for each rig with each preset and whatever else decides whether it will do, the first that has them. The rig that
    Blender makes itself is known."""
    first: dict[tuple[Any, ...], BatchJob] = {}
    for job in jobs:
        rig = (job.options["rig"], job.options.get("preset", "auto"))
        if rig != ("rigify", "auto"):
            how = (job.options.get("limbs", "fk"), job.options.get("upper_body", False))
            first.setdefault((*rig, *how), job)
    return list(first.values())


def check_rig(blender: Served, job: BatchJob) -> None:
    """Raises Pose3DError, with the row, where the job's rig cannot be animated with its preset."""
    try:
        blender.ask({"arguments": job.arguments(), "track": None})
    except Pose3DError as error:
        raise Pose3DError(f"{job.where}: {error.message}", hint=error.hint) from None


def look_of(job: BatchJob) -> tuple[str, ...]:
    """The same for jobs that need the same look at the same clip."""
    return str(job.clip), *job.looking_arguments()


def looked_at_again(jobs: Sequence[BatchJob]) -> frozenset[tuple[str, ...]]:
    """`look_of` those clips that several jobs lift in different ways, as another person of them."""
    ways: dict[tuple[str, ...], set[tuple[str, ...]]] = {}
    for job in jobs:
        if not job.is_lifted:
            ways.setdefault(look_of(job), set()).add(tuple(job.lifting_arguments()))
    return frozenset(look for look, found in ways.items() if len(found) > 1)


def lift(
    engine: Served,
    job: BatchJob,
    name: str,
    *,
    programs: Programs,
    cache: TrackCache,
    on_progress: Callable[[Progress], None] | None = None,
    prepared: Callable[[], Sequence[str]] = tuple,
    keeps_seen: bool = False,
) -> Track:
    """The job's track, in use; made where the cache has none of that name. Raises Pose3DError.

    prepared: called before it is made; gives options more. keeps_seen: what is seen of the clip is kept for other jobs.
    """
    engine.warnings = []
    _remove_partials(job)
    if job.is_lifted:
        return Track(job.clip)
    track = cache.hold(name)
    if track is None:
        # It appears whole or not at all.
        words = [str(job.clip), str(cache.folder / name), *job.lifting_arguments(), f"--models-dir={programs.models_dir}"]
        words += [f"--keep-seen={cache.seen}"] if keeps_seen else []
        engine.ask([*words, *prepared()], on_progress)
        track = cache.hold(name)
    if track is None:
        raise Pose3DError(
            "The clip's track was deleted as soon as it was made.", hint="Give the cache more room (--cache-limit)."
        )
    return track


def look(engine: Served, job: BatchJob, *words: str, programs: Programs) -> int:
    """Have the motion engine look at pieces of the job's clip, as `lifter look` does with those words; how many pieces the clip
    has. Raises Pose3DError."""
    models = f"--models-dir={programs.models_dir}"
    return int(engine.ask({"look": [str(job.clip), *words, *job.looking_arguments(), models]}).summary["pieces"])


def solve(blender: Served, job: BatchJob, track: Track) -> Result:
    """Have the track animated and the output written. Raises Pose3DError."""
    return blender.ask({"arguments": job.arguments(), "track": str(track.path)})


def _remove_partials(job: BatchJob) -> None:
    """What a killed run left of this output under a temporary name."""
    pattern = f".{glob.escape(short_stem(job.out))}.*.partial{job.out.suffix}"
    for path in job.out.parent.glob(pattern):
        with contextlib.suppress(OSError):
            path.unlink()
