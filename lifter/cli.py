"""The lifter's command line, `python -m lifter`. What loads torch, MediaPipe or OpenCV is imported where it is needed."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from .errors import LifterError
from .files import disk_error
from .landmark_model import DOWNLOADABLE, HAND_NAME, default_models_dir, find_hand_model, find_landmark_model
from .memory import loading
from .native_library import missing_library
from .native_log import quiet_native_stderr
from .parent import end_with_parent
from .progress import MODES, Reporter, make_reporter
from .version import lifter_version

if TYPE_CHECKING:
    from .track_file import Pose2DTrack, Pose3DTrack

EXIT_OK, EXIT_BUG, EXIT_BAD_INPUT = 0, 1, 2
# Of 2D poses by other detectors; lifter/adapters.py reads them.
_CUTS_TOLD = 5
_FORMATS = ("openpose", "coco", "videopose3d")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code: 0 done, 2 bad input (one sentence was printed), 1 a bug (a traceback was)."""
    argv = list(sys.argv[1:] if argv is None else argv)
    signal.signal(signal.SIGTERM, _terminated)
    # Before torch is loaded: threads that spin where they wait make lifting five times slower beside anything else that computes.
    for name, value in {"KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "PASSIVE"}.items():
        os.environ.setdefault(name, value)
    end_with_parent()
    # Before the arguments are parsed, so that a mistake in them is reported the way the caller asked for.
    mode = _wanted_mode(argv)
    # For a program stderr is the log, and its end all that explains a crash in native code.
    with contextlib.nullcontext(sys.stderr) if mode == "json" else quiet_native_stderr() as stderr:
        reporter = make_reporter(mode, stderr=stderr)
        try:
            arguments = _parse(argv)
            return arguments.run(arguments, reporter) or EXIT_OK
        except LifterError as error:
            reporter.error(error)
            return EXIT_BAD_INPUT
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] in ("lifter", ""):
                raise
            reporter.error(
                LifterError(
                    f"The motion engine's Python lacks the package {error.name}.",
                    hint="Repair the engine in the add-on's preferences, or without a window by python3 build.py setup.",
                )
            )
            return EXIT_BAD_INPUT
        except KeyboardInterrupt:
            return 128 + signal.SIGINT
        except BrokenPipeError:
            # Whoever asked is gone. Python would complain once more when it flushes stdout at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return EXIT_BUG
        except Exception as error:
            if isinstance(error, OSError | ImportError) and (lacking := missing_library(error)):
                reporter.error(lacking)
                return EXIT_BAD_INPUT
            if isinstance(error, OSError) and (refusal := disk_error(error)):
                reporter.error(refusal)
                return EXIT_BAD_INPUT
            traceback.print_exc(file=stderr)
            return EXIT_BUG


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = _parser()
    if argv[:1] == ["evaluate"]:
        # `evaluate` has a parser of its own; argparse cannot pass options on untouched.
        return argparse.Namespace(run=_evaluate, arguments=argv[1:])
    return parser.parse_args(argv)


def _terminated(signum: int, frame: object) -> NoReturn:
    # An exception, so that temporary files are removed on the way out.
    raise SystemExit(128 + signum)


def _wanted_mode(argv: Sequence[str]) -> str:
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False)
    parser.add_argument("--progress", choices=MODES, default="auto")
    with contextlib.suppress(argparse.ArgumentError):
        return parser.parse_known_args(argv)[0].progress
    return "auto"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise LifterError(f"{message[:1].upper()}{message[1:]}.", hint=f"`{self.prog} --help` lists what can be given.")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m lifter", description="Video of a person to 3D human pose.", allow_abbrev=False)
    parser.add_argument("--version", action="version", version=lifter_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    common = _Parser(add_help=False)
    common.add_argument("--progress", choices=MODES, default="auto", help="how progress is shown; json: events on stdout")

    detection = _Parser(add_help=False)
    detection.add_argument("clip", metavar="CLIP", help="the video file")
    detection.add_argument("--start", type=float, metavar="S", help="leave out what comes before, in seconds as a player shows")
    detection.add_argument("--end", type=float, metavar="S", help="leave out what comes after, in seconds as a player shows")
    detection.add_argument("--fps", type=float, metavar="N", help="look at most at N frames a second")
    person: dict[str, Any] = {
        "default": "longest",
        "metavar": "WHICH",
        "help": "of several people: longest (largest and longest in the picture), largest, middle (nearest the middle), "
        "a number from 1, in the order of how large and long they are seen, or anyone, one after another",
    }
    detection.add_argument("--person", **person)
    pieces: dict[str, Any] = {"type": Path, "metavar": "DIR", "help": "where `look` has put what it saw of pieces of this clip"}
    keep: dict[str, Any] = {"type": Path, "metavar": "DIR"}
    keep["help"] = "keep what was seen of the clip there, so that another person, lens or network needs no second look"
    detection.add_argument("--hands", action="store_true", help="look at the hands too, so that fingers can follow them")

    speed = _Parser(add_help=False)
    speed.add_argument(
        "--filmed-fps",
        type=float,
        metavar="N",
        help="frames a second that the camera took, of slow motion that does not say so",
    )
    speed.add_argument("--as-played", action="store_true", help="slow motion as slow as the file plays, instead of at true speed")

    landmark_file = _Parser(add_help=False)
    landmark_file.add_argument(
        "--landmark-model", metavar="PATH", help=f"MediaPipe's .task file, or {'/'.join(DOWNLOADABLE)} to download it"
    )
    landmark_file.add_argument("--model-sha256", metavar="HEX", help="what the file given as PATH must have")
    landmark_file.add_argument("--models-dir", type=Path, metavar="DIR", help="where model files are kept (.pose3d/models)")

    lifting = _Parser(add_help=False)
    lifting.add_argument("--model", metavar="NAME", help="the lifter's weights: a name, or a .safetensors file")
    lifting.add_argument("--focal-px", type=float, metavar="F", help="the camera's focal length in pixels, where it is known")
    lifting.add_argument("--device", metavar="NAME", help="cpu, cuda, mps; chosen by itself if left out")

    lens = _Parser(add_help=False)
    lens.add_argument("--focal-mm", type=float, metavar="MM", help="the same as phones state it, for a picture 36 mm wide")
    lens.add_argument("--fov", type=float, metavar="DEG", help="the same as the field of view across the picture's long side")

    def command(name: str, run: Callable[[argparse.Namespace, Reporter], int | None], about: str, *parents: _Parser) -> _Parser:
        made = commands.add_parser(name, help=about, description=about, parents=[*parents, common], allow_abbrev=False)
        made.set_defaults(run=run)
        return made

    out: dict[str, Any] = {"type": Path, "metavar": "OUT.npz", "help": "the file to write"}
    made = command("detect", _detect, "Find the person's 2D landmarks in a clip.", detection, speed, landmark_file)
    made.add_argument("--pieces", **pieces)
    made.add_argument("--keep-seen", **keep)
    made.add_argument("out", **out)
    made = command(
        "look",
        _look,
        "Look at some pieces of a long clip, for `detect` or `infer` with --pieces; without DIR: how many pieces it has.",
        detection,
        speed,
        landmark_file,
    )
    made.add_argument("folder", type=Path, metavar="DIR", nargs="?", help="where the files of the pieces go")
    made.add_argument("--from", type=int, default=1, metavar="N", dest="first", help="the first piece, from 1")
    made.add_argument("--to", type=int, metavar="N", dest="last", help="the last piece; all from the first on if left out")
    made = command(
        "lift", _lift, "Lift 2D poses to 3D: a detection file, or what another detector found (--from).", lifting, lens
    )
    made.add_argument(
        "detection", type=Path, metavar="IN", help="what `detect` wrote; or, with --from, a detector's file or folder"
    )
    made.add_argument("out", **out)
    made.add_argument(
        "--from",
        dest="form",
        choices=_FORMATS,
        help="openpose: BODY_25, the folder of --write_json or one of its files; coco: JSON of mmpose, RTMPose, AlphaPose or of "
        "COCO results; videopose3d: data_2d_custom_NAME.npz",
    )
    made.add_argument("--person", **{**person, "help": f"with --from, {person['help']}"})
    made.add_argument("--fps", type=float, metavar="F", help="with --from: the video's frames a second")
    made.add_argument("--size", type=_size, metavar="WxH", help="with --from: the video's width and height in pixels")
    made.add_argument("--video", default="", metavar="NAME", help="with --from videopose3d: which of the file's videos")
    made = command("infer", _infer, "Detect, then lift: from a clip to 3D.", detection, speed, landmark_file, lifting, lens)
    made.add_argument("--pieces", **pieces)
    made.add_argument("--keep-seen", **keep)
    made.add_argument("out", **out)
    made = command(
        "live", _live, "Follow a camera, or a video file in its place: a pose a frame.", speed, landmark_file, lifting, lens
    )
    made.add_argument("--source", required=True, metavar="camera:N|FILE", help="the camera's number, from 0, or a video file")
    made.add_argument(
        "--as-fast-as-possible", action="store_true", help="every frame of a file, instead of playing it at its own speed"
    )
    made.add_argument("--seconds", type=float, metavar="S", help="end after so many seconds")
    made = command("film", _film, "Draw a track's 2D landmarks over its clip, as a film.")
    made.add_argument("clip", type=Path, metavar="CLIP")
    made.add_argument("track", type=Path, metavar="TRACK.npz", help="what `infer` or `detect` made of the clip")
    made.add_argument("out", type=Path, metavar="OUT.mp4", help="the film to write")
    command(
        "serve",
        _serve,
        "Infer many clips in one process: on each line of stdin the arguments of `infer`, as a JSON list; or "
        'of `look`, as {"look": [...]}.',
    )
    made = command("train", _train, "Train a network.")
    made.add_argument("config", type=Path, metavar="CONFIG")
    made.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    made.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help="settings that replace those of CONFIG")
    command("evaluate", _evaluate, "Measure tracks and networks: against exact joints, on pairs, by a field's protocol.")
    command("models", _models, "List every network: parameters, receptive field, multiply-adds a frame.")
    made = command("export", _export, "Write a network as ONNX, checked against torch.")
    made.add_argument("out", type=Path, metavar="OUT.onnx", help="the file to write")
    made.add_argument("--model", metavar="NAME", help="the lifter's weights: a name, or a .safetensors file")
    made = command("model-file", _model_file, "Find or make MediaPipe's model file; prints its path and SHA-256.", landmark_file)
    made.add_argument("--wheel", type=Path, metavar="PATH", help="make it from this mediapipe 0.10.21 wheel")
    return parser


def _detect(arguments: argparse.Namespace, reporter: Reporter) -> None:
    from .track_file import write_detection

    reporter.start("detect", ["detect", *_hands_stage(arguments)])
    _check_out(arguments.out)
    began_s = time.monotonic()
    detection = _run_detect(arguments, reporter)
    write_detection(arguments.out, detection)
    reporter.result(str(arguments.out), _summary(detection, detect_s=time.monotonic() - began_s))


def _look(arguments: argparse.Namespace, reporter: Reporter) -> None:
    from .clip import open_clip
    from .look import look_at_piece
    from .piece_file import PieceFiles

    reporter.start("look", ["look"])
    clip = open_clip(arguments.clip, start_s=arguments.start, end_s=arguments.end, **_speed(arguments))
    model = _landmark_model(arguments, reporter)
    files = PieceFiles(arguments.folder or Path(), clip, model, arguments.fps)
    first, last = arguments.first, files.count if arguments.last is None else arguments.last
    if not 1 <= first <= last <= files.count:
        raise LifterError(
            f"{clip.path} has the pieces 1 to {files.count}, not {first} to {last}.", hint="Give --from and --to among them."
        )
    if arguments.folder is not None:  # for `infer`, where nothing is written: of a clip in one piece, or of several people
        try:
            arguments.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"Cannot write {arguments.folder}: {error.strerror}."
            raise LifterError(what, hint="Choose a folder you may write to, with space left.") from error
    looked = 0
    for number in range(first - 1, last if arguments.folder is not None and files.count > 1 else 0):
        piece = look_at_piece(clip, model.path, arguments.fps, number)
        if piece is None:
            reporter.warning("More than one person is in the clip: it is looked at as a whole.")
            break
        files.write(number, piece)
        looked += 1
        reporter.progress("look", looked, last - first + 1)
    reporter.result(str(arguments.folder or ""), {"pieces": files.count, "looked": looked})


def _lift(arguments: argparse.Namespace, reporter: Reporter) -> None:
    from .track_file import read_detection, write_track

    reporter.start("lift", ["lift"])
    _check_out(arguments.out)
    began_s = time.monotonic()
    if arguments.form is None:
        if arguments.fps is not None or arguments.size is not None or arguments.video:
            raise LifterError("--fps, --size and --video belong to --from.", hint=f"Give --from too: {', '.join(_FORMATS)}.")
        detection = read_detection(arguments.detection)
    else:
        if arguments.fps is None:
            raise LifterError("A detector's file does not tell the frames a second.", hint="Give the video's with --fps.")
        from .adapters import read_detections

        detection = read_detections(
            arguments.detection,
            arguments.form,
            fps=arguments.fps,
            image_size_px=arguments.size,
            video=arguments.video,
            person=arguments.person,
        )
    track = _run_lift(arguments, reporter, detection)
    write_track(arguments.out, track)
    reporter.result(str(arguments.out), _summary(track, lift_s=time.monotonic() - began_s))


def _infer(arguments: argparse.Namespace, reporter: Reporter) -> None:
    from .track_file import write_track

    reporter.start("infer", ["detect", *_hands_stage(arguments), "lift"])
    _check_out(arguments.out)
    _check_focal(arguments)
    if arguments.model:  # a wrong name is said before the clip is read
        from .checkpoint import kept_model

        kept_model(arguments.model)
    began_s = time.monotonic()
    loading = _LoadLater(arguments)
    detection = _run_detect(arguments, reporter, begun=loading.start)
    loading.wait()
    detected_s = time.monotonic()
    track = _run_lift(arguments, reporter, detection)
    write_track(arguments.out, track)
    lifted_s = time.monotonic()
    reporter.result(str(arguments.out), _summary(track, detect_s=detected_s - began_s, lift_s=lifted_s - detected_s))


def _live(arguments: argparse.Namespace, reporter: Reporter) -> None:
    reporter.start("live", ["live"])
    _check_focal(arguments)
    if arguments.seconds is not None and not arguments.seconds > 0:
        raise LifterError(f"{arguments.seconds:g} seconds is no time.", hint="Give a number above 0, or leave --seconds out.")
    from .live import live

    summary = live(
        arguments.source,
        landmark_model=_landmark_model(arguments, reporter),
        model=arguments.model,
        focal_px=lambda size_px: _focal_px(arguments, size_px),
        device=arguments.device,
        fast=arguments.as_fast_as_possible,
        seconds=arguments.seconds,
        told=reporter.event,
        **_speed(arguments),
        progress=_stage(reporter, "live"),
    )
    reporter.result("", summary)


def _film(arguments: argparse.Namespace, reporter: Reporter) -> None:
    from .film import write_film

    reporter.start("film", ["draw"])
    count = write_film(arguments.clip, arguments.track, arguments.out, progress=_stage(reporter, "draw"))
    reporter.result(str(arguments.out), {"frames": count})


def _serve(arguments: argparse.Namespace, reporter: Reporter) -> None:
    from .serve import serve

    commands = {"infer": _infer, "look": _look}
    serve(lambda command, words: commands[command](_parse([command, *words]), reporter), reporter)


def _train(arguments: argparse.Namespace, reporter: Reporter) -> int:
    from .train import main as train_main

    return train_main(arguments.config, resume=arguments.resume, overrides=arguments.overrides)


def _evaluate(arguments: argparse.Namespace, reporter: Reporter) -> int:
    from .evaluate import main as evaluate_main

    return evaluate_main(arguments.arguments)


def _models(arguments: argparse.Namespace, reporter: Reporter) -> None:
    from .models import describe

    rows = describe()
    if arguments.progress == "json":
        reporter.start("models", [])
        reporter.result("", {"models": rows})
        return
    print(f"{'name':<16}{'parameters':>14}{'receptive field':>18}{'multiply-adds a frame':>24}")
    for row in rows:
        print(f"{row['name']:<16}{row['parameters']:>14,}{row['receptive_field']:>18}{row['macs_per_frame']:>24,}")


def _export(arguments: argparse.Namespace, reporter: Reporter) -> None:
    from .export import export_onnx

    reporter.start("export", [])
    _check_out(arguments.out, ".onnx")
    difference = export_onnx(arguments.model, arguments.out)
    reporter.result(str(arguments.out), {"largest_difference_m": difference})


def _model_file(arguments: argparse.Namespace, reporter: Reporter) -> None:
    reporter.start("model-file", [])
    model = _landmark_model(arguments, reporter, wheel=arguments.wheel)
    folder = arguments.models_dir or default_models_dir()
    if arguments.landmark_model is None and (folder / HAND_NAME).exists():  # whole, or made anew
        find_hand_model(models_dir=folder, wheel=arguments.wheel, say=reporter.warning)
    reporter.result(str(model.path), {"sha256": model.sha256})


class _LoadLater:
    """Torch and the network, loaded while the detector is at work: they take longer than lifting a short clip does."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._arguments = arguments
        self._thread = threading.Thread(target=self._load, name="loading")

    def start(self) -> None:
        """Does nothing the second time, nor where the process may use one thread only."""
        from .clip import thread_count

        if self._thread.ident is None and thread_count() > 1:
            self._thread.start()

    def _load(self) -> None:
        with contextlib.suppress(Exception):  # lifting raises it again, where it is told
            with loading():
                from .infer import load

            load(self._arguments.model, self._arguments.device)

    def wait(self) -> None:
        if self._thread.ident is not None:
            self._thread.join()


def _run_detect(arguments: argparse.Namespace, reporter: Reporter, *, begun: Callable[[], None] | None = None) -> Pose2DTrack:
    """begun: called with every frame that was looked at, the first of which says that the clip can be read."""
    from .clip import open_clip
    from .detect import detect

    clip = open_clip(arguments.clip, start_s=arguments.start, end_s=arguments.end, **_speed(arguments))
    model = _landmark_model(arguments, reporter)
    if not model.known:
        reporter.warning(f"{model.path} is none of the published pose models; its SHA-256 is {model.sha256}.")
    # Before the clip is read: what cannot be had is said at once.
    hand_model = find_hand_model(models_dir=arguments.models_dir, say=reporter.warning) if arguments.hands else None
    tell = _stage(reporter, "detect")

    def progress(done: int, total: int | None) -> None:
        tell(done, total)
        if begun is not None:
            begun()

    if arguments.pieces is not None and not arguments.pieces.is_dir():
        raise LifterError(f"There is no folder {arguments.pieces}.", hint="Give --pieces the folder that `look` has written to.")
    options = {"sample_fps": arguments.fps, "person": arguments.person, "pieces": arguments.pieces}
    options["keep_seen"] = arguments.keep_seen
    detection = detect(clip, landmark_model=model, progress=progress, **options)
    if hand_model is not None:
        from .hands import with_hands

        detection = with_hands(
            detection, clip, hand_model=hand_model, sample_fps=arguments.fps, progress=_stage(reporter, "hands")
        )
    warnings = _warnings(detection.provenance, arguments.person, speed_given=arguments.filmed_fps is not None)
    for warning in warnings:
        reporter.warning(warning)
    # The track remembers them, for whoever finds it made.
    return dataclasses.replace(detection, provenance={**detection.provenance, "warnings": warnings})


def _warnings(told: Mapping[str, Any], person: str, *, speed_given: bool) -> list[str]:
    """What the user should know of the clip, by a detection's provenance."""
    found = []
    if (times := told["clip"].get("slowdown")) and not speed_given:
        found.append(
            f"The clip is slow motion: the motion is at true speed, {times:.3g} times as fast as the clip plays "
            "(--as-played, or Speed: As It Plays, leaves it slow)."
        )
    if told["camera_motion"]["camera"] == "moving":  # one that turns where it stands is followed
        found.append("The camera is carried in this clip: only the feet tell how far. Look at the path along the ground.")
    if cuts_s := told.get("cuts_s"):
        places = ", ".join(f"{cut_s:.2f}" for cut_s in cuts_s[:_CUTS_TOLD]) + (" …" if len(cuts_s) > _CUTS_TOLD else "")
        found.append(
            f"The clip is cut at {places} s: one camera and one ground are taken for all of it. Choose a part of one shot."
        )
    if person == "longest" and (count := len(_seen_for_long(told["people"]["found"]))) > 1:
        found.append(
            f"{count} people are in the clip; the one seen largest and longest was taken (--person, or Person, chooses another)."
        )
    return found


def _hands_stage(arguments: argparse.Namespace) -> list[str]:
    return ["hands"] if arguments.hands else []


def _seen_for_long(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    longest = max(person["frames"] for person in found)
    return [person for person in found if person["frames"] >= longest / 4]


def _run_lift(arguments: argparse.Namespace, reporter: Reporter, detection: Pose2DTrack) -> Pose3DTrack:
    _check_focal(arguments)
    from .infer import lift

    progress = _stage(reporter, "lift")
    focal_px = _focal_px(arguments, detection.image_size_px)
    track = lift(detection, model=arguments.model, focal_length_px=focal_px, device=arguments.device, progress=progress)
    if given_up := track.provenance.get("device_given_up"):
        reporter.warning(f"The graphics card gave up ({given_up}); the processor lifted the clip.")
    versions = {"lifter": lifter_version(), "torch": version("torch"), **track.provenance.get("versions", {})}
    return dataclasses.replace(track, provenance={**track.provenance, "versions": versions})


def _landmark_model(arguments: argparse.Namespace, reporter: Reporter, *, wheel: Path | None = None) -> Any:
    return find_landmark_model(
        arguments.landmark_model,
        models_dir=arguments.models_dir or default_models_dir(),
        sha256=arguments.model_sha256,
        wheel=wheel,
        say=reporter.warning,
    )


def _stage(reporter: Reporter, stage: str) -> Callable[[int, int | None], None]:
    reporter.progress(stage, 0, None)
    return lambda done, total: reporter.progress(stage, done, total)


def _size(text: str) -> tuple[int, int]:
    """Width and height of "1920x1080"."""
    if not (sides := re.fullmatch(r"(\d+)[xX](\d+)", text)):
        raise argparse.ArgumentTypeError(f"{text} is not WIDTHxHEIGHT, such as 1920x1080")
    return int(sides[1]), int(sides[2])


def _check_out(path: Path, suffix: str = ".npz") -> None:
    from .files import check_writable

    # Also keeps a clip from being overwritten where the arguments were swapped, and a network.
    if path.suffix.lower() != suffix:
        raise LifterError(f"The output {path} is not called {suffix}.", hint=f"Give a file name that ends in {suffix}.")
    check_writable(path)


def _speed(arguments: argparse.Namespace) -> dict[str, Any]:
    return {"filmed_fps": arguments.filmed_fps, "as_played": arguments.as_played}


def _check_focal(arguments: argparse.Namespace) -> None:
    if arguments.focal_px is not None and not 0 < arguments.focal_px < 1e6:
        raise LifterError(
            f"{arguments.focal_px:g} pixels is no focal length.", hint="Give a number above 0, or leave --focal-px out."
        )
    millimetres, field_deg = getattr(arguments, "focal_mm", None), getattr(arguments, "fov", None)
    if sum(given is not None for given in (arguments.focal_px, millimetres, field_deg)) > 1:
        raise LifterError("The lens was given twice.", hint="Give one of --focal-px, --focal-mm and --fov.")
    if millimetres is not None and not 1 <= millimetres <= 2000:
        raise LifterError(
            f"{millimetres:g} mm is no focal length.", hint="Give that of a 36 mm wide picture, such as 26 for a phone."
        )
    if field_deg is not None and not 1 <= field_deg <= 175:
        raise LifterError(f"{field_deg:g} degrees is no field of view.", hint="Give 1 to 175, such as 65 for a phone.")


def _focal_px(arguments: argparse.Namespace, image_size_px: tuple[int, int]) -> float | None:
    """What the user said of the lens, in pixels; None where nothing."""
    from .focal import from_field_of_view, from_millimetres

    if arguments.focal_mm is not None:
        return from_millimetres(arguments.focal_mm, image_size_px)
    return arguments.focal_px if arguments.fov is None else from_field_of_view(arguments.fov, image_size_px)


def _summary(track: Pose2DTrack, **seconds: float) -> dict[str, Any]:
    return {
        "frames": len(track.timestamps_s),
        "detected_frames": int(track.detected.sum()),
        "fps": round(track.fps, 3),
        "seconds": {
            **{name.removesuffix("_s"): round(s, 3) for name, s in seconds.items()},
            "total": round(sum(seconds.values()), 3),
        },
    }
