"""MediaPipe's model files, of the body and of hands: found, made, downloaded, and always checked. Standard library only.

A `.task` file is a zip of two TensorFlow Lite models: a detector and a landmark network. MediaPipe's 1.x wheels no longer carry
the models, but the 0.10.21 wheel does, and `make_task_from_wheel` packs them the way the Tasks API wants them. The body's
landmark network lacks one thing, the scale of its input pixels, which is added; and it draws the person's outline, which nobody
asks for and which takes a third of its time: that part is left out, and the landmarks are the same to the bit.
"""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .errors import LifterError
from .files import remove_stale, replacing
from .tflite_file import with_input_scale, without_output

WHEEL_VERSION = "0.10.21"
# The models are the same in every platform's wheel; naming one platform serves machines that have no wheel of their own.
WHEEL_PYTHON = "3.11"
WHEEL_PLATFORM = "manylinux_2_28_x86_64"
WHEEL_SHA256 = "05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3"

# Member of the wheel, its SHA-256, and its name inside the .task file.
_DETECTOR = (
    "mediapipe/modules/pose_detection/pose_detection.tflite",
    "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    "pose_detector.tflite",
)
_LANDMARKS = (
    "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
    "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    "pose_landmarks_detector.tflite",
)
_OUTLINE = 2  # which of the landmark network's outputs is a picture of where the person is
_PALMS = (
    "mediapipe/modules/palm_detection/palm_detection_full.tflite",
    "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    "hand_detector.tflite",
)
_HANDS = (
    "mediapipe/modules/hand_landmark/hand_landmark_full.tflite",
    "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    "hand_landmarks_detector.tflite",
)

MADE_NAME = "pose_landmarker_full.task"
MADE_SHA256 = "615fd5050863c6b1abe65cb7db84b7a8d4cbde1a53abb0d419d689b882b20621"
# Made by versions that left the outline in.
_EARLIER_SHA256 = "4a54588e2f7460d9812f76ecbb5f331b8a0a3b591c80818078f3d2c275b8fd61"
HAND_NAME = "hand_landmarker_full.task"
HAND_SHA256 = "1ae5a1f281c8a9dcc147d9993408fc187756205dde3c1bc014bb3ce69ecaba82"
MADE_SHA256S: Mapping[str, tuple[str, ...]] = {MADE_NAME: (MADE_SHA256, _EARLIER_SHA256), HAND_NAME: (HAND_SHA256,)}

_DOWNLOAD_URL = "https://storage.googleapis.com/mediapipe-models/pose_landmarker/{stem}/float16/1/{stem}.task"
# Google has published the full model under two hashes.
_DOWNLOAD_SHA256S: dict[str, tuple[str, ...]] = {
    "lite": ("59929e1d1ee95287735ddd833b19cf4ac46d29bc7afddbbf6753c459690d574a",),
    "full": (
        "5134a3aad27a58b93da0088d431f366da362b44e3ccfbe3462b3827a839011b1",
        "4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
    ),
    "heavy": ("64437af838a65d18e5ba7a0d39b465540069bc8aae8308de3e318aad31fcbc7b",),
}
DOWNLOADABLE: tuple[str, ...] = tuple(_DOWNLOAD_SHA256S)
_KNOWN_SHA256S: frozenset[str] = frozenset({MADE_SHA256, _EARLIER_SHA256}.union(*_DOWNLOAD_SHA256S.values()))
_MAX_DOWNLOAD_BYTES = 64 << 20


@dataclass(frozen=True)
class LandmarkModel:
    """A checked model file. `known` is False for a file that the user gave and whose SHA-256 is none of the published ones."""

    path: Path
    sha256: str
    known: bool


@dataclass(frozen=True)
class Recipe:
    """A model file that is made from the wheel. what: its name in a sentence; sha256: of the result; members: of the wheel, each
    with its SHA-256 and its name in the result; changes: to those of the result that do not stay as they are.
    """

    what: str
    file_name: str
    sha256: str
    members: tuple[tuple[str, str, str], ...]
    changes: Mapping[str, Callable[[bytes], bytes]] = field(default_factory=dict, hash=False)


def _without_outline(landmarks: bytes) -> bytes:
    return without_output(landmarks, _OUTLINE)


def _for_the_tasks(landmarks: bytes) -> bytes:
    return _without_outline(with_input_scale(landmarks, mean=0.0, std=255.0))


BODY = Recipe("pose", MADE_NAME, MADE_SHA256, (_DETECTOR, _LANDMARKS), {_LANDMARKS[2]: _for_the_tasks})
HAND = Recipe("hand", HAND_NAME, HAND_SHA256, (_PALMS, _HANDS))


def default_models_dir() -> Path:
    """`$POSE3D_HOME/models`, or `.pose3d/models` beside the `lifter` package; where it is not there the one of the home in which
    this Python was made, as the add-on and `build.py retarget` have it.
    """
    home = os.environ.get("POSE3D_HOME")
    folder = (Path(os.path.expanduser(home)) if home else Path(__file__).resolve().parents[1] / ".pose3d") / "models"
    made_in = Path(sys.prefix)
    beside = made_in.parents[1] / "models" if made_in.parts[-2:] == ("envs", "lifter") else folder
    return beside if beside.is_dir() and not folder.is_dir() else folder


def find_landmark_model(
    choice: str | Path | None = None,
    *,
    models_dir: Path | None = None,
    sha256: str | None = None,
    wheel: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> LandmarkModel:
    """The model file to use, made or downloaded if it is not there yet.

    choice: None for the default model (cached, else made from the wheel); "lite", "full" or "heavy" for Google's published file
    (cached, else downloaded); anything else is a path. sha256: what the file must have, for a path. wheel: a local copy of
    MediaPipe's wheel to make the default from. say: gets a line before anything that takes time. Raises LifterError.
    """
    if choice is not None and str(choice) not in DOWNLOADABLE:
        return _given(Path(choice), sha256=sha256)
    folder = models_dir or default_models_dir()
    if choice is None:
        path = folder / MADE_NAME
        wanted: tuple[str, ...] = (MADE_SHA256,)
    else:
        path = folder / f"published_pose_landmarker_{choice}.task"
        wanted = _DOWNLOAD_SHA256S[str(choice)]
    if (there := _checked(path, wanted, say)) is not None:
        return there
    if choice is not None:
        say(f"Downloading the pose model to {path}.")
        return LandmarkModel(path, _download(str(choice), path), True)
    return _made(BODY, folder, wheel, say)


def find_hand_model(
    *, models_dir: Path | None = None, wheel: Path | None = None, say: Callable[[str], None] = lambda _: None
) -> LandmarkModel:
    """The hands' model file, cached, else made from MediaPipe's wheel as the body's is. Raises LifterError."""
    folder = models_dir or default_models_dir()
    return _checked(folder / HAND_NAME, (HAND_SHA256,), say) or _made(HAND, folder, wheel, say)


def _checked(path: Path, wanted: Sequence[str], say: Callable[[str], None]) -> LandmarkModel | None:
    """The file as it is there; None where it is not, or is another."""
    if not path.is_file():
        return None
    digest = file_sha256(path)
    if digest == _EARLIER_SHA256 and MADE_SHA256 in wanted:
        digest = _made_of_earlier(path)
    if digest in wanted or digest == _EARLIER_SHA256:
        return LandmarkModel(path, digest, True)
    say(f"{path} is damaged and is being replaced.")
    return None


def _made_of_earlier(path: Path) -> str:
    """Make the file that an earlier version made the present one: its SHA-256 now. Where that fails it is as good, but slower."""
    try:
        with zipfile.ZipFile(path) as task:
            members = {name: task.read(name) for name in task.namelist()}
        members[_LANDMARKS[2]] = _without_outline(members[_LANDMARKS[2]])
        with replacing(path) as temporary:
            _write_aligned_zip(temporary, members)
    except (OSError, LifterError):
        pass
    return file_sha256(path)


def _made(recipe: Recipe, folder: Path, wheel: Path | None, say: Callable[[str], None]) -> LandmarkModel:
    path = folder / recipe.file_name
    if wheel is not None:
        return LandmarkModel(path, make_task_from_wheel(wheel, path, recipe), True)
    say(f"Making the {recipe.what} model from mediapipe {WHEEL_VERSION} (a 36 MB download, once): {path}.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        remove_stale(folder, ".wheel-*")
        temporary = tempfile.TemporaryDirectory(prefix=".wheel-", dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        raise LifterError(f"Cannot write to {folder}: {error.strerror}.", hint="Choose another with --models-dir.") from error
    with temporary as name:
        wheel = obtain_wheel(Path(name), recipe)
        made = LandmarkModel(path, make_task_from_wheel(wheel, path, recipe), True)
        # The wheel is large and gone in a moment: what else is made of it is made now.
        for other in {BODY, HAND} - {recipe}:
            if not (folder / other.file_name).exists():
                make_task_from_wheel(wheel, folder / other.file_name, other)
    return made


def make_task_from_wheel(wheel_path: Path, out_path: Path, recipe: Recipe = BODY) -> str:
    """Pack the two models in a mediapipe 0.10.21 wheel (any platform's) into a .task file; returns its SHA-256.

    Both models are checked, and the result is the same file, byte for byte, on every machine. Raises LifterError.
    """
    hint = f"Use the wheel of mediapipe {WHEEL_VERSION}."
    members = {}
    try:
        with zipfile.ZipFile(wheel_path) as wheel:
            for member, sha256, name in recipe.members:
                data = wheel.read(member)
                if hashlib.sha256(data).hexdigest() != sha256:
                    raise LifterError(f"{member} in {wheel_path} is not the expected model.", hint=hint)
                change = recipe.changes.get(name)
                members[name] = change(data) if change else data
    except KeyError as error:
        raise LifterError(f"{wheel_path} carries no {recipe.what} models.", hint=hint) from error
    except (OSError, zipfile.BadZipFile, zlib.error, RuntimeError, EOFError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LifterError(f"{wheel_path} cannot be read as a wheel: {reason}.", hint=hint) from error
    with replacing(out_path) as temporary:
        _write_aligned_zip(temporary, members)
        digest = file_sha256(temporary)
        if digest != recipe.sha256:
            raise LifterError(f"The model made from {wheel_path} has SHA-256 {digest}.", hint="This is a bug; please report it.")
    return digest


def obtain_wheel(folder: Path, recipe: Recipe = BODY) -> Path:
    """Have pip download the mediapipe 0.10.21 wheel into `folder`; returns its checked path. Raises LifterError."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--python-version", WHEEL_PYTHON, "--platform", WHEEL_PLATFORM]
    command += ["--dest", str(folder), f"mediapipe=={WHEEL_VERSION}"]
    # Without stdin, in which another thread may wait: on Windows no Python starts with such a pipe.
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    wheels = list(folder.glob("mediapipe-*.whl"))
    if done.returncode or not wheels:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()[-1:]
        raise LifterError(
            f"The {recipe.what} model could not be fetched: {lines[-1] if lines else 'pip downloaded nothing'}",
            hint="Check the network and try again, or give a model file with --landmark-model on the command line."
            if recipe is BODY
            else "Check the network and try again, or leave the hands out (Follow Hands, --hands).",
        )
    digest = file_sha256(wheels[0])
    if digest != WHEEL_SHA256:
        raise LifterError(
            f"The downloaded {wheels[0].name} has SHA-256 {digest}, not the expected {WHEEL_SHA256}.",
            hint="Try again; if it repeats, the package index in use is not to be trusted.",
        )
    return wheels[0]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _given(path: Path, *, sha256: str | None) -> LandmarkModel:
    if not path.is_file():
        raise LifterError(
            f"There is no pose model file {path}.",
            hint=f"Give a .task file or one of {', '.join(DOWNLOADABLE)}, or leave it out.",
        )
    if not zipfile.is_zipfile(path):
        raise LifterError(f"{path} is not a MediaPipe .task file.", hint="Give a pose_landmarker .task file.")
    digest = file_sha256(path)
    if sha256 is not None and digest != sha256.lower():
        raise LifterError(f"{path} has SHA-256 {digest}, not {sha256}.", hint="Fetch the file again.")
    return LandmarkModel(path, digest, sha256 is not None or digest in _KNOWN_SHA256S)


def _download(name: str, path: Path) -> str:
    url = _DOWNLOAD_URL.format(stem=f"pose_landmarker_{name}")
    remedy = f"Check the network, or fetch {url} elsewhere and give it with --landmark-model."
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            data = answer.read(_MAX_DOWNLOAD_BYTES)
    except OSError as error:
        raise LifterError(
            f"The {name} pose model could not be downloaded: {getattr(error, 'reason', error)}.", hint=remedy
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest not in _DOWNLOAD_SHA256S[name]:
        raise LifterError(f"The downloaded {name} pose model has the unexpected SHA-256 {digest}.", hint=remedy)
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return digest


def _write_aligned_zip(path: Path, members: Mapping[str, bytes]) -> None:
    """A zip without compression whose members start at multiples of 16, so that TensorFlow Lite can use them where they lie."""
    with path.open("wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            info.create_system = 3
            info.external_attr = 0o644 << 16
            header_length = 30 + len(name.encode()) + 4
            padding = -(file.tell() + header_length) % 16
            info.extra = struct.pack("<HH", 0xD935, padding) + bytes(padding)
            archive.writestr(info, data)
