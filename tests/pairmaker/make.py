"""The pair maker: `make` renders and detects sequence after sequence, `merge` makes one file of them, `sheet` draws them.

It runs in the motion engine's Python and starts `render.py` in a Python that has bpy. The README in this folder tells how.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lifter.data.mocap import MotionClip, read_mocap
from lifter.errors import LifterError
from lifter.files import check_writable
from lifter.landmark_model import find_landmark_model

from .pairs_file import film_path, merge, report, shard_path, sheet, write_shard
from .plan import CHARACTERS, MAKEHUMAN, Plan, held_out_plan, training_plan
from .sequence import FILM, Renderer, Settings, make_sequence

if TYPE_CHECKING:
    from .drawing import Drawer

ROOT = Path(__file__).resolve().parents[2]
BAD_INPUT, NOT_ALL, STOPPED = 2, 1, 130


def make(out: Path, settings: Settings, *, first: int, count: int, keep_films: bool = False) -> int:
    """Makes the shard of every seed from `first` on that has none yet; returns how many of the `count` could not be made.

    Raises LifterError where nothing can be made.
    """
    wanted = [seed for seed in range(first, first + count) if not shard_path(out, seed).exists()]
    if not wanted:
        return 0
    check_writable(shard_path(out, wanted[0]))
    clips = read_mocap(settings.shared / "data" / "mocap.npz")
    model = find_landmark_model(say=print)
    render = _renderer(settings)
    began, made = time.perf_counter(), 0
    try:
        for seed in wanted:
            plan = plan_for(seed, clips, settings)
            with tempfile.TemporaryDirectory(prefix="pairs-") as name:
                try:
                    arrays = make_sequence(plan, settings, render, model, Path(name))
                except (LifterError, ChildProcessError) as error:
                    print(f"{seed}: {plan.character}, {plan.clip_name}: {error}", file=sys.stderr, flush=True)
                    if isinstance(error, ChildProcessError):
                        render.close()
                        render = _renderer(settings)
                    continue
                if keep_films:
                    film_path(out, seed).parent.mkdir(parents=True, exist_ok=True)
                    shutil.move(Path(name) / FILM, film_path(out, seed))
                write_shard(out, seed, arrays)
            made += 1
            per_frame = (time.perf_counter() - began) / (made * settings.frames)
            found = np.isfinite(arrays["landmarks_px"]).all((1, 2)).mean()
            parts = " ".join(f"{value:.1f}" for value in arrays["seconds"])
            print(
                f"{seed}: {plan.character}, {plan.clip_name}, found {found:.0%}, {parts} s; {per_frame:.2f} s a frame", flush=True
            )
    finally:
        render.close()
    return len(wanted) - made


def _renderer(settings: Settings) -> Renderer | Drawer:
    """Raises LifterError where it cannot be started."""
    if settings.makehuman is not None:
        from .drawing import Drawer  # needs moderngl, which Blender's characters do without

        return Drawer(settings.makehuman)
    assert settings.blender_python is not None
    return Renderer(settings.blender_python)


def plan_for(seed: int, clips: Sequence[MotionClip], settings: Settings) -> Plan:
    chosen = held_out_plan if settings.split == "heldout" else training_plan
    return chosen(seed, clips, fps=settings.fps, frames=settings.frames, characters=settings.characters or None)


# ---------------------------------------------------------------------------------------------------------------- command line


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0; 1 if some sequences could not be made, 2 for what the user can mend, 130 when stopped, each with a sentence."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.pairmaker.make", description=(__doc__ or "").splitlines()[0], allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True)
    maker = commands.add_parser("make", help="render and detect; goes on where it was stopped")
    maker.add_argument("out", type=Path, help="folder for the shards")
    drawn = maker.add_mutually_exclusive_group(required=True)
    drawn.add_argument("--blender-python", type=Path, help="a Python that has bpy: its characters, in Cycles")
    drawn.add_argument("--makehuman", type=Path, help="folder of MakeHuman's data: its people, by OpenGL")
    maker.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with rigs/ and data/mocap.npz")
    maker.add_argument("--split", choices=("train", "heldout"), default="train")
    maker.add_argument("--characters", default="", help="names with commas between; default: the split's own")
    maker.add_argument("--first", type=int, default=0, help="first seed")
    maker.add_argument("--count", type=int, default=24, help="how many sequences")
    maker.add_argument("--fps", type=float, default=15.0)
    maker.add_argument("--frames", type=int, default=32, help="frames of a sequence")
    maker.add_argument("--size", type=int, default=256, help="side of the picture in pixels")
    maker.add_argument("--samples", type=int, default=2, help="light paths a pixel")
    maker.add_argument("--keep-films", action="store_true", help="keep what was detected, for `sheet`")
    merger = commands.add_parser("merge", help="make one pairs file of the shards, and say how good the detector is on it")
    sheets = commands.add_parser("sheet", help="draw one picture of each kept film")
    for command in (merger, sheets):
        command.add_argument("out", type=Path)
        command.add_argument("file", type=Path)
    sheets.add_argument("--start", type=int, default=0, help="leave out so many films")
    options = parser.parse_args(arguments)
    try:
        if options.command == "merge":
            print(report(merge(options.out, options.file)))
        elif options.command == "sheet":
            sheet(options.out, options.file, start=options.start)
        else:
            failed = make(
                options.out, _settings(options), first=options.first, count=options.count, keep_films=options.keep_films
            )
            if failed:
                print(f"{failed} of {options.count} sequences could not be made; the same command tries again.", file=sys.stderr)
                return NOT_ALL
    except LifterError as error:
        print(f"{error.message} {error.hint}".strip(), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("Stopped; the same command goes on from here.", file=sys.stderr)
        return STOPPED
    return 0


def _settings(options: argparse.Namespace) -> Settings:
    """Raises LifterError for numbers and names that nothing can be made of."""
    characters = tuple(name for name in options.characters.split(",") if name)
    if unknown := sorted(set(characters) - set(CHARACTERS)):
        raise LifterError(f"There is no character {', '.join(unknown)}.", hint=f"There are: {', '.join(CHARACTERS)}.")
    for name, value, least in (
        ("--first", options.first, 0),
        ("--count", options.count, 1),
        ("--fps", options.fps, 1),
        ("--frames", options.frames, 2),
        ("--samples", options.samples, 1),
        ("--size", options.size, 64),
    ):
        if not value >= least:
            raise LifterError(f"{name} is {value:g}.", hint=f"Give at least {least}.")
    if options.size % 2:
        raise LifterError(f"--size is {options.size}, but a film needs an even number.", hint=f"Use {options.size + 1}.")
    if options.makehuman is not None and not characters:
        characters = (MAKEHUMAN,)
    return Settings(
        blender_python=options.blender_python,
        makehuman=options.makehuman,
        shared=options.shared,
        split=options.split,
        characters=characters,
        fps=options.fps,
        frames=options.frames,
        side_px=options.size,
        samples=options.samples,
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
