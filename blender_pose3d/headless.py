"""`retarget` in a Blender without a window: clip (or track file) and rig in, animated file out.

Called by build.py inside a Blender; the motion engine runs in its own process, as it does for the panel.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import bpy
import numpy as np

from . import places
from .batch import options as shared_options
from .batch.inputs import Inputs
from .batch.jobs import LIFTING_OPTIONS, TRACK_SUFFIX, BatchJob
from .bridge import files
from .bridge.apply import AppliedMotion, apply_track, empty_stretches_s
from .bridge.deforming import prepared
from .bridge.ik import LimbMode
from .bridge.keying import handling_by_preset
from .bridge.output import clip_name
from .bridge.root_motion import RootMotion
from .bridge.source import apply_source, loop_of, mark_cyclic, sample
from .core import report, report_page
from .core.action_names import action_name
from .core.errors import Pose3DError
from .core.leftovers import replacing, scratch
from .core.looping import looped
from .core.motion import MotionOptions
from .core.paths import is_file, is_folder
from .core.track_io import read_track, write_track
from .core.tracks import Pose3DTrack
from .core.transfer import SourceMotion
from .worker.engine import find_engine
from .worker.job import Job
from .worker.protocol import Event, Progress, Warning_

BAD_INPUT = 2


def main(argv: list[str], *, resources: Path) -> int:
    """Run one command; returns the exit code: 0 done, 2 for what the user can mend (one sentence on stderr)."""
    places.set_resources(resources)
    try:
        command, *arguments = argv
        if command != "retarget":
            raise Pose3DError(f"There is no command '{command}' inside Blender.", hint="There is: retarget.")
        retarget(parse(arguments), resources=resources)
    except Pose3DError as error:
        print(error.sentence, file=sys.stderr, flush=True)
        return BAD_INPUT
    return 0


@dataclass(frozen=True)
class Options:
    """One run of `retarget`; fields as on the command line, limbs one of LimbMode. source: an animated rig in place of a clip,
    None for a clip; action: which of its animations.
    """

    clip: Path
    rig: str
    out: Path
    source: str | None = None
    action: str | None = None
    preset: str = "auto"
    start: float | None = None
    end: float | None = None
    fps: float | None = None
    model: str | None = None
    person: str | None = None
    focal_mm: float | None = None
    fov: float | None = None
    focal_px: float | None = None
    filmed_fps: float | None = None
    as_played: bool | None = None
    hands: bool | None = None
    limbs: str = LimbMode.FK.value
    mute_constraints: bool = False
    root_motion: str = RootMotion.NONE.value
    deform_bones: bool = False
    loop: bool = False
    action_name: str | None = None
    report: Path | None = None
    motion: MotionOptions = field(default_factory=MotionOptions)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise Pose3DError(f"{message[:1].upper()}{message[1:]}.", hint="`python3 build.py retarget --help` tells how.")


def parse(arguments: list[str]) -> Options:
    """The words after `retarget`. Raises Pose3DError."""
    parser = _Parser(prog="retarget", allow_abbrev=False)
    parser.add_argument("clip", type=Path, nargs="?", default=Path())
    parser.add_argument("--source")
    parser.add_argument("--action")
    parser.add_argument("--rig", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--preset", default="auto")
    for name in ("start", "end", "fps"):
        parser.add_argument(f"--{name}", type=float)
    parser.add_argument("--model")
    parser.add_argument("--limbs", choices=[mode.value for mode in LimbMode], default=LimbMode.FK.value)
    parser.add_argument("--mute-constraints", action="store_true")
    parser.add_argument("--action-name")
    parser.add_argument("--loop", action="store_true")
    parser.add_argument("--root-motion", choices=[how.value for how in RootMotion], default=RootMotion.NONE.value)
    parser.add_argument("--deform-bones", action="store_true")
    parser.add_argument("--report", type=Path)
    shared_options.add_arguments(parser)
    given = vars(parser.parse_args(arguments))
    shared_options.check_values(given)
    settings = shared_options.motion_settings(given) | {"follow_hands": bool(given["hands"])}
    return Options(motion=MotionOptions.of(settings), **given)


def retarget(
    options: Options,
    *,
    resources: Path,
    track_file: Path | None = None,
    on_parts: Callable[[Sequence[Path]], object] = lambda parts: None,
) -> AppliedMotion:
    """Animate the rig from the clip or the source, write the result and read it back. Raises Pose3DError; no output is half
    written then.

    track_file: what the clip has been lifted to already, with these options; on_parts: called with the other files that the rig
    has parts in.
    """
    began = time.monotonic()
    rig_file = files.parse_rig(options.rig)
    if options.source is None and not is_file(options.clip):
        if is_folder(options.clip):
            hint = "Give one clip in it, or the folder to batch; make a video of a sequence of pictures first."
            raise Pose3DError(f"{options.clip} is a folder, not a clip.", hint=hint)
        raise Pose3DError(f"There is no clip {options.clip}.", hint="Check the path.")
    out = options.out.absolute()
    if out.suffix.lower() not in files.OUT_SUFFIXES:
        raise Pose3DError(
            f"'{out.name}' is not a kind of file that Pose3D writes.", hint=f"Use one of: {', '.join(files.OUT_SUFFIXES)}."
        )
    report_file = options.report and options.report.absolute()
    if report_file == out:
        raise Pose3DError(f"{out} would be both the result and the report.", hint="Give another name for the report.")
    outputs = {what: path for what, path in (("result", out), ("report", report_file)) if path is not None}
    _require_unread(outputs, _read_files(options, rig_file))
    for path in outputs.values():
        _require_writable(path)
    source, source_fps = _source(options, resources) if options.source is not None else (None, None)
    # The rig before the clip: what is wrong with it is said within seconds.
    armature_object = files.open_rig(rig_file)
    parts = files.parts(rig_file)
    _require_unread(outputs, [("a file that the rig has parts in", part) for part in parts])
    on_parts(parts)
    require_rig(armature_object, options, resources=resources)
    track, lasting = None, track_file
    if source is None and track_file in (None, options.clip):
        track, lasting = _track(options, resources, for_blender=out.suffix.lower() == ".blend")
    elif source is None and track_file is not None:
        track = read_track(track_file)
    scene = bpy.context.scene
    if options.fps or rig_file.path is None or rig_file.path.suffix.lower() != ".blend":
        _set_rate(scene, options.fps or source_fps or track.fps)
    settings = {"preset": options.preset, "resources": resources}
    settings |= {"limbs": options.limbs, "mute_constraints": options.mute_constraints, "options": options.motion}
    if source is not None:
        source = replace(looped(source) if options.loop else source, first_frame=scene.frame_start)
        applied = apply_source(bpy.context, armature_object, source, **settings)
    else:
        applied = apply_track(bpy.context, armature_object, track, track_path=lasting and lasting.absolute(), **settings)
        if track_file or options.clip.suffix.lower() == TRACK_SUFFIX:  # nobody has heard what was said when it was made
            applied = replace(applied, warnings=(*track.warnings, *applied.warnings))
    whole = applied
    if options.loop and source is None:
        presets = {"presets_folder": resources / "rigs", "preset": options.preset}
        found = replace(loop_of(bpy.context, armature_object, **presets), first_frame=scene.frame_start)
        applied = apply_source(bpy.context, armature_object, found, **settings)
        applied = replace(applied, warnings=tuple(dict.fromkeys((*whole.warnings, *applied.warnings))))
    if options.loop:
        mark_cyclic(armature_object, applied)
    if options.action_name is not None:
        action = bpy.data.actions[applied.action_name]
        clip = source.name if source is not None else clip_name(track)
        action.name = action_name(options.action_name, armature=armature_object.name, clip=clip, preset=applied.preset)
        applied = replace(applied, action_name=action.name)
    scene.frame_start, scene.frame_end = applied.frame_start, applied.frame_end
    applied = replace(applied, warnings=(*applied.warnings, *files.left_out(armature_object, out)))
    for warning in applied.warnings:
        print(f"warning: {warning}", file=sys.stderr, flush=True)
    is_blend, is_bvh = out.suffix.lower() == ".blend", out.suffix.lower() == ".bvh"
    written = prepared(
        bpy.context,
        armature_object,
        root_motion=options.root_motion,
        deform_bones=options.deform_bones,
        with_meshes=not is_bvh,
        resources=resources,
    )
    bones = () if options.deform_bones else applied.motion.bone_names
    files.export(out, armature_object, bones=bones, meanwhile=None if is_blend else written)
    frame_s = scene.render.fps_base / scene.render.fps
    wanted_s = (applied.frame_end - applied.frame_start) * frame_s
    bones, seconds = files.read_back(out, armature_object.name)
    if abs(seconds - wanted_s) > 1.01 * frame_s:
        raise Pose3DError(
            f"{out} holds {seconds:.2f} s of animation where {wanted_s:.2f} s were written.", hint="Please report this."
        )
    print(f"Wrote {out}: {bones} bones, {seconds:.1f} s of animation (preset {applied.preset}).", flush=True)
    if options.report:
        told = _report(options, applied, out=out, seconds=time.monotonic() - began)
        if track is not None:
            told |= _report_of_track(track)
        quality = _quality(track, whole) if track is not None else None
        _write_reports(options, told, quality, resources, slowdown=track.slowdown if track is not None else 1.0)
    return applied


def require_rig(armature_object: bpy.types.Object, options: Options, *, resources: Path) -> None:
    """Raises Pose3DError where the rig cannot be animated as the options say."""
    handling_by_preset(
        bpy.context,
        armature_object,
        preset=options.preset,
        presets_folder=resources / "rigs",
        limbs=options.limbs,
        upper_body=options.motion.upper_body,
    )


def _source(options: Options, resources: Path) -> tuple[SourceMotion, float]:
    """The animation of another rig's file, read, and the file's frame rate; the file that is open is replaced."""
    assert options.source is not None
    if idle := _for_a_clip(options):
        raise Pose3DError(f"A source has no clip to find a person in, so {idle} has nothing to do.", hint="Leave it out.")
    rig_file = files.parse_rig(options.source)
    armature_object = files.open_rig(rig_file, at_its_rate=True)
    fps = bpy.context.scene.render.fps / bpy.context.scene.render.fps_base
    if rig_file.path is not None:
        files.play_as_keyed(rig_file.path)
    if options.action is not None:
        action = bpy.data.actions.get(options.action)
        if action is None:
            names = ", ".join(f"'{each.name}'" for each in bpy.data.actions) or "no action"
            raise Pose3DError(f"{options.source} has no action '{options.action}'.", hint=f"It has {names}.")
        data = armature_object.animation_data_create()
        data.action, data.use_nla = action, False
    source = sample(bpy.context, armature_object, presets_folder=resources / "rigs")
    times = source.timestamps_s
    keep = np.ones(len(times), bool)
    if options.start is not None:
        keep &= times >= options.start
    if options.end is not None:
        keep &= times <= options.end
    if keep.sum() < min(2, len(times)):
        raise Pose3DError(
            f"{options.source} has no two frames in that range; it goes from 0 to {times[-1]:.2f} s.",
            hint="Choose another start and end.",
        )
    return replace(source, timestamps_s=times[keep], turns=source.turns[keep], heads_m=source.heads_m[keep]), fps


def _for_a_clip(options: Options) -> str:
    """The first option given that decides how a clip is read, but for the range."""
    given = (name for name in LIFTING_OPTIONS if name not in ("start", "end") and getattr(options, name) is not None)
    return next((f"--{name.replace('_', '-')}" for name in given), "")


def _track(options: Options, resources: Path, *, for_blender: bool) -> tuple[Pose3DTrack, Path | None]:
    """The clip's track; and its file where it lasts: one that was given, or what the add-on in Blender is to go on with."""
    if options.clip.suffix.lower() == TRACK_SUFFIX:
        # It says what becomes of the hands in the track as well.
        if idle := _for_a_clip(replace(options, hands=None)):
            raise Pose3DError(
                f"{options.clip.name} is lifted already, so {idle} has nothing to do.", hint="Leave it out, or give the clip."
            )
        whole = read_track(options.clip)
        track = _in_range(whole, options)
        if track.frame_count == whole.frame_count or not for_blender:
            return track, options.clip
        part = BatchJob(options.clip.absolute(), options.out.absolute(), _lifting(options), "")
        lasting = _lasting(part, resources)
        if lasting is not None:  # of the whole the add-on would show another part
            write_track(lasting, track)
        return track, lasting
    engine = find_engine(resources, None, places.home_folder())
    clip = BatchJob(options.clip.absolute(), options.out.absolute(), _lifting(options), "")
    with contextlib.ExitStack() as stack:
        lasting = _lasting(clip, resources) if for_blender else None
        out = lasting or stack.enter_context(scratch()) / "track.npz"
        words = [clip.clip, out, *clip.lifting_arguments()]
        job = stack.enter_context(Job(engine.command("infer", words), engine.environment()))
        job.wait(on_event=_ProgressLines())
        return read_track(out), lasting


def _lifting(options: Options) -> dict[str, str | bool]:
    """The options that decide what a clip's track is, as a batch has them."""
    given = {name: value for name in LIFTING_OPTIONS if (value := getattr(options, name)) is not None}
    return {name: value if value is True else str(value) for name, value in given.items()}


def _lasting(clip: BatchJob, resources: Path) -> Path | None:
    """Where a clip's track is kept, beside those of batches; None where nothing can be."""
    manifest = tomllib.loads((resources / "blender_manifest.toml").read_text(encoding="utf-8"))
    folder = places.tracks_folder()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        return folder / Inputs(resources=resources, version=str(manifest["version"])).track_name(clip)
    return None


def _in_range(track: Pose3DTrack, options: Options) -> Pose3DTrack:
    """The frames from --start to --end, as the motion engine chooses them from a clip."""
    times = track.timestamps_s * track.slowdown
    keep = np.ones(len(times), bool)
    if options.start is not None:
        keep &= times >= options.start
    if options.end is not None:
        keep &= times <= options.end
    if not keep.any():
        raise Pose3DError(
            f"{options.clip.name} has no frame in that range; it goes from {times[0]:.2f} to {times[-1]:.2f} s.",
            hint="Choose another start and end.",
        )
    return track.of_frames(keep)


class _ProgressLines:
    """Progress on a terminal that may be a log file: a line for every tenth of a stage."""

    def __init__(self) -> None:
        self._said: dict[str, int] = {}

    def __call__(self, event: Event) -> None:
        if isinstance(event, Warning_):
            print(f"warning: {event.message}", file=sys.stderr, flush=True)
        if isinstance(event, Progress) and event.total:
            tenth = int(10 * event.done / event.total)
            if tenth > self._said.get(event.stage, -1):
                self._said[event.stage] = tenth
                print(f"{event.stage}: {event.done:.0f} of {event.total:.0f}", flush=True)


def _set_rate(scene: bpy.types.Scene, fps: float) -> None:
    scene.render.fps = max(1, round(fps))
    scene.render.fps_base = scene.render.fps / fps


def _read_files(options: Options, rig_file: files.RigFile) -> list[tuple[str, Path]]:
    """(what it is, where) of the files that are read."""
    read = {"rig": rig_file.path, "preset": Path(options.preset), "network": options.model and Path(options.model)}
    if options.source is None:
        read["clip"] = options.clip
    else:
        read["source"] = files.parse_rig(options.source).path
    return [(f"the {name} itself", path) for name, path in read.items() if path]


def _require_unread(outputs: Mapping[str, Path], read: Iterable[tuple[str, Path]]) -> None:
    """Raises Pose3DError where an output is one of the files that are read."""
    for (what, path), (name, file) in itertools.product(outputs.items(), read):
        if os.path.isfile(path) and os.path.isfile(file) and path.samefile(file):
            raise Pose3DError(f"{path} is {name}, which Pose3D does not overwrite.", hint=f"Give another name for the {what}.")


def _require_writable(path: Path) -> None:
    try:
        is_folder = path.is_dir()
    except OSError as reason:  # as where the name is too long
        raise Pose3DError(f"{path} cannot be written: {reason.strerror}.", hint="Give another name.") from None
    if is_folder:
        raise Pose3DError(f"{path} is a folder.", hint="Give the name of a file.")
    if not path.parent.is_dir():
        raise Pose3DError(f"There is no folder {path.parent}.", hint="Make it, or choose another one.")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as reason:
        raise Pose3DError(
            f"The folder {path.parent} cannot be written to: {os.strerror(reason.errno or 0)}.", hint="Choose another one."
        ) from None


def _quality(track: Pose3DTrack, applied: AppliedMotion) -> report.Quality | None:
    """None for the plain solve, which knows nothing of camera and contacts."""
    if applied.person is None or not isinstance(applied.options, MotionOptions):
        return None
    return report.measure(
        track,
        applied.rig,
        applied.motion,
        applied.person,
        frame_start=applied.frame_start,
        sparse=applied.sparse,
        options=applied.options,
    )


def _write_reports(options: Options, told: dict, quality: report.Quality | None, resources: Path, *, slowdown: float) -> None:
    """The JSON file, and beside it the page with the same numbers and with pictures of the worst frames."""
    assert options.report is not None
    told = {"schema_version": report.SCHEMA_VERSION} | told
    if quality is not None:
        told |= {"quality": report.as_json(quality)}
    _write_text(options.report, json.dumps(told, indent=2) + "\n")
    if quality is None:
        return
    page = options.report.with_suffix(".html")
    _write_text(page, report_page.as_html(told, _pictures(options, quality, resources, slowdown)))
    print(f"Wrote {options.report} and {page}.", flush=True)


def _write_text(path: Path, text: str) -> None:
    """The file appears whole or not at all. Raises Pose3DError."""
    try:
        with replacing(path) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as reason:
        raise Pose3DError(f"Cannot write {path}: {reason.strerror}.", hint="Choose another place for the report.") from None


def _pictures(options: Options, quality: report.Quality, resources: Path, slowdown: float) -> dict[int, bytes]:
    """Frame of the scene -> PNG. Only the motion engine can read a clip; without one the page has no pictures."""
    if options.clip.suffix.lower() == TRACK_SUFFIX or not quality.worst_frames:
        return {}
    engine = find_engine(resources, None, places.home_folder())
    frames = [worst.frame for worst in quality.worst_frames]
    rows = [int(np.flatnonzero(quality.frames == frame)[0]) for frame in frames]
    with scratch() as folder:
        skeletons = folder / "skeletons.npz"
        np.savez(
            skeletons,
            timestamps_s=quality.timestamps_s[rows] * slowdown,
            points_px=quality.overlay.points_px[rows],
            names=np.array(quality.overlay.names),
            lines=quality.overlay.lines,
        )
        words = [engine.python, "-m", "lifter.worst_frames", options.clip.absolute(), skeletons, folder]
        done = subprocess.run(
            [str(word) for word in words],
            env=engine.environment(),
            stdin=subprocess.DEVNULL,  # in which a batch's Blender waits: on Windows no Python starts with such a pipe
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["the motion engine gave no reason"])[-1]
            print(f"warning: The report has no pictures of the clip: {reason}", file=sys.stderr, flush=True)
            return {}
        return {frame: (folder / f"{i}.png").read_bytes() for i, frame in enumerate(frames)}


def _report(options: Options, applied: AppliedMotion, *, out: Path, seconds: float) -> dict:
    return {
        **({"source": options.source} if options.source is not None else {"clip": str(options.clip)}),
        "rig": options.rig,
        "out": str(out),
        "preset": applied.preset,
        "mapping": applied.rig.mapping.rows(),
        "action": applied.action_name,
        "frames": [applied.frame_start, applied.frame_end],
        "heading_rad": applied.motion.heading_rad,
        "scale": applied.motion.scale,
        "warnings": list(applied.warnings),
        "seconds": round(seconds, 2),
        "blender": bpy.app.version_string,
    }


def _report_of_track(track: Pose3DTrack) -> dict:
    return {
        "track_frames": track.frame_count,
        "detected_frames": int(track.detected.sum()),
        "empty_stretches_s": [[round(a, 3), round(b, 3)] for a, b in empty_stretches_s(track)],
        "provenance": track.provenance,
    }
