"""A video file as upright RGB frames with their true times, one at a time.

OpenCV's FFmpeg backend decodes (AV1 and interlaced clips: pyav_capture.py). Its automatic rotation is switched off and the turn
that the file asks for (the display matrix that phones write) is applied here, so the picture is upright whatever OpenCV's default
is. OpenCV knows a display matrix as an angle only: one that mirrors is read by pyav_capture.py.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np

from .errors import LifterError
from .focal import noted_mm
from .pyav_capture import PyAVCapture, read_first_frame
from .slow_motion import slowdown

_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
_USUAL_FPS = 30.0
# A header that names more names none.
_MOST_FPS = 10_000.0
# A header may name a length a little past the last frame (sound that runs on, a rounded rate); more than this is a cut file.
_MISSING_END_S = 2.0
# Decoding all that lies before a range takes up to as long as it plays. A range that begins later than this is gone to by a seek,
# which lands about so long before it: a stamp has to say that it did.
_SEEK_FROM_S, _SEEK_BEFORE_S = 2.0, 1.0
_NO_VIDEO_HINT = "Choose a video file that plays in a media player, such as an .mp4."


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What is known of a video file before it is decoded.

    `fps` is the header's rate, not a promise: frames carry their own times. `size_px` is (width, height) of the upright picture.
    `frame_count` and `duration_s` are the header's estimates, None where it has none. `start_s` and `end_s` are the chosen range.
    `rotation_deg` is how far decoded pictures are turned clockwise to be upright; where `mirrored`, left and right change sides
    before. `focal_length_35mm` is the lens as the camera noted it, in millimetres of a 36 mm wide picture, None where it did not.
    `seekable`: not one that is always decoded from its beginning. `slowdown`: how many times as long the file plays as what was
    filmed took; the rate and all times here are the file's, as a player shows them, those of `frames` are what was filmed's.
    """

    path: Path
    fps: float
    frame_count: int | None
    duration_s: float | None
    size_px: tuple[int, int]
    rotation_deg: int
    sha256: str
    start_s: float = 0.0
    end_s: float | None = None
    focal_length_35mm: float | None = None
    seekable: bool = True
    mirrored: bool = False
    slowdown: float = 1.0

    @property
    def filmed_fps(self) -> float:
        """How many frames a second the camera took."""
        return self.fps * self.slowdown

    @property
    def expected_frame_count(self) -> int | None:
        """About how many frames lie in the chosen range, for a progress bar."""
        if self.duration_s is None or self.frame_count is None:
            return None
        end_s = self.duration_s if self.end_s is None else min(self.end_s, self.duration_s)
        return max(1, min(self.frame_count, round((end_s - self.start_s) * self.fps)))


def open_clip(
    path: str | Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    filmed_fps: float | None = None,
    as_played: bool = False,
) -> Clip:
    """Check that `path` is a video whose first frame decodes, and read what its header says. Raises LifterError.

    start_s, end_s: as a player shows them. filmed_fps: how many frames a second the camera took, where it is known; as_played:
    slow motion is left as slow as the file plays.
    """
    path = Path(path)
    _check_range(start_s, end_s)
    check_speed(filmed_fps, as_played)
    _check_file(path)
    if _lacks_index(path):
        raise LifterError(
            f"{path} is truncated: the index at its end is missing.", hint="Copy the clip again from where it came from."
        )
    # Refused before minutes are spent on it; but who names an end may use the part that is there.
    if end_s is None and _is_cut_short(path):
        raise LifterError(f"{path} is truncated.", hint="Copy the clip again, or use a part that is there with --end.")
    capture, mirrored_deg = _capture(path, thread_count())
    try:
        ok, frame = capture.read()
        if not ok:
            raise LifterError(f"{path} has no frame that can be decoded.", hint=_NO_VIDEO_HINT)
        fps = capture.get(cv2.CAP_PROP_FPS)
        fps = fps if math.isfinite(fps) and 0 < fps <= _MOST_FPS else _USUAL_FPS
        count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        frame_count = int(count) if math.isfinite(count) and 0 < count < 1e9 else None
        rotation_deg = _rotation_deg(capture) if mirrored_deg is None else mirrored_deg
        orientation = _Orientation(rotation_deg, mirrored_deg is not None, _pixel_aspect(capture))
        size_px = orientation.size_px(frame)
    finally:
        capture.release()
    duration_s = frame_count / fps if frame_count else None
    if start_s is not None and duration_s is not None and start_s >= duration_s:
        raise LifterError(
            f"The start, {start_s:g} s, is past the end of {path} ({duration_s:.2f} s).", hint="Choose an earlier start."
        )
    return Clip(
        path=path,
        fps=fps,
        frame_count=frame_count,
        duration_s=duration_s,
        size_px=size_px,
        rotation_deg=orientation.rotation_deg,
        mirrored=orientation.mirrored,
        sha256=_sha256(path),
        start_s=start_s or 0.0,
        end_s=end_s,
        focal_length_35mm=noted_mm(path),
        seekable=not isinstance(capture, PyAVCapture),
        slowdown=1.0 if as_played else slowdown(path, header_fps=fps, filmed_fps=filmed_fps),
    )


def frames(
    clip: Clip, *, sample_fps: float | None = None, enter_s: float | None = None, threads: int | None = None
) -> Generator[tuple[float, np.ndarray], None, None]:
    """Decode the clip's range: yields (timestamp_s, rgb), rgb [H, W, 3] uint8 upright; one frame is held at a time.

    timestamp_s counts from the clip's start (not the range's), in true seconds of what was filmed, and strictly increases; so do
    the others here. sample_fps: keep at most so many frames a second. enter_s: only the frames from there on. threads: that
    decode, as many as this process may use if left out. Raises LifterError where no frame lies in the range, the file ends long
    before its header says, or decoding cannot begin shortly before `enter_s`.
    """
    if sample_fps is not None and not (math.isfinite(sample_fps) and sample_fps > 0):
        raise LifterError(f"{sample_fps:g} frames a second cannot be sampled.", hint="Give a number above 0.")
    if sample_fps is not None:
        sample_fps /= clip.slowdown
    if enter_s is not None:
        enter_s *= clip.slowdown
    start_s = clip.start_s if enter_s is None else max(clip.start_s, enter_s)
    capture, clock = _shortly_before(clip, start_s, threads or thread_count(), or_at_the_beginning=enter_s is None)
    orientation: _Orientation | None = None
    grid = None if sample_fps is None else _Grid(1 / sample_fps, 0.5 / clip.fps)
    if grid is not None and enter_s is not None and clock.last_s > clip.start_s:
        grid.begin(math.ceil(clip.start_s * clip.fps - 1e-6) / clip.fps, clock.last_s)
    yielded = False
    timestamp_s = 0.0
    try:
        while capture.grab():
            timestamp_s = clock.next(_stamp_s(capture))
            if clip.end_s is not None and timestamp_s > clip.end_s:
                break
            if timestamp_s < clip.start_s or (grid is not None and not grid.takes(timestamp_s)) or timestamp_s < start_s:
                continue
            ok, frame = capture.retrieve()
            if not ok:
                continue
            orientation = orientation or _Orientation(clip.rotation_deg, clip.mirrored, _pixel_aspect(capture))
            yielded = True
            yield timestamp_s / clip.slowdown, orientation.upright(_rgb(frame))
    finally:
        capture.release()
    if not yielded:
        raise LifterError(
            f"{clip.path} has no frame between {clip.start_s:g} s and {clip.end_s or timestamp_s:g} s.",
            hint="Choose another start and end.",
        )
    end_s = clip.duration_s if clip.end_s is None else min(clip.end_s, clip.duration_s or clip.end_s)
    if end_s is not None and timestamp_s + 1 / clip.fps < min(end_s - _MISSING_END_S, 0.9 * end_s):
        if clip.end_s is None and timestamp_s + 1 / clip.fps > 0.9 * (end_s - _first_stamp_s(clip.path)):
            return
        if _only_sound_after(clip.path, timestamp_s + 1 / clip.fps, until_s=end_s):
            return
        there_s = math.floor(timestamp_s * 100) / 100
        raise LifterError(
            f"{clip.path} can be decoded only up to {timestamp_s:.2f} s of {end_s:.2f} s: it is truncated or damaged.",
            hint=f"Copy the clip again{f', or use the part that is there with --end {there_s:g}' if there_s > 0 else ''}.",
        )


def _shortly_before(
    clip: Clip, start_s: float, threads: int, *, or_at_the_beginning: bool
) -> tuple[cv2.VideoCapture | PyAVCapture, _Clock]:
    """The clip opened at its beginning, or where its stamps say so at a frame shortly before `start_s`; and its clock."""
    capture, clock = _capture(clip.path, threads)[0], _Clock(1 / clip.fps)
    if start_s < _SEEK_FROM_S or isinstance(capture, PyAVCapture):
        return capture, clock
    if capture.grab():
        began_s = _stamp_s(capture)
        clock.next(began_s)
        before_s = start_s - _SEEK_BEFORE_S
        capture.set(cv2.CAP_PROP_POS_MSEC, 1000 * (before_s + min(began_s, 0.0)))
        if capture.grab() and before_s - _SEEK_BEFORE_S <= clock.next(_stamp_s(capture)) < start_s:
            return capture, clock
    capture.release()
    if not or_at_the_beginning:
        raise LifterError(f"{clip.path} can only be decoded from its beginning.", hint="Save it anew as an .mp4.")
    return _capture(clip.path, threads)[0], _Clock(1 / clip.fps)


def _stamp_s(capture: cv2.VideoCapture | PyAVCapture) -> float:
    return capture.get(cv2.CAP_PROP_POS_MSEC) / 1000


class _Clock:
    """Makes the decoder's times strictly increasing, and one of those that begin anew: the only corrections they get."""

    _NUDGE_S = 1e-3
    _LEAST_S = 1e-5  # no camera is as fast
    _ANEW_S = 0.5  # so far back goes nobody's stamp by mistake

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._first_s: float | None = None
        self._offset_s = 0.0
        self.last_s = 0.0
        self._stamps_advance = False
        self._offset_before_s: float | None = None

    def next(self, reported_s: float) -> float:
        if not math.isfinite(reported_s):
            reported_s = 0.0 if self._first_s is None else self.last_s - self._offset_s
        if self._first_s is None:
            self._first_s = reported_s
            # Stamps before zero (an edit list) would leave the clip starting before its start.
            self._offset_s = max(0.0, -reported_s)
            self.last_s = reported_s + self._offset_s
            return self.last_s
        self._stamps_advance = self._stamps_advance or reported_s > self._first_s + self._LEAST_S
        now_s = reported_s + self._offset_s
        if self._offset_before_s is not None:
            if now_s > self.last_s + self._ANEW_S and reported_s + self._offset_before_s > self.last_s:  # it was one wrong stamp
                self._offset_s, now_s = self._offset_before_s, reported_s + self._offset_before_s
            self._offset_before_s = None
        if self._stamps_advance and now_s < self.last_s - self._ANEW_S:  # files put behind one another
            self._offset_before_s, self._offset_s = self._offset_s, self.last_s + self._interval_s - reported_s
            now_s = self.last_s + self._interval_s
        if now_s < self.last_s + self._LEAST_S:
            # A doubled stamp is nudged, so that the next good one is right again; a file without stamps gets the header's rate.
            step_s = min(self._NUDGE_S, self._interval_s / 4) if self._stamps_advance else self._interval_s
            now_s = self.last_s + step_s
        self.last_s = now_s
        return now_s


class _Grid:
    """Which frames are kept, so that there are as many as one in `interval_s`; the clip has one in two `half_frame_s`."""

    def __init__(self, interval_s: float, half_frame_s: float) -> None:
        self._interval_s = interval_s
        # Half a frame of slack: 30 out of 60 keeps every second frame however the times are rounded.
        self._slack_s = min(half_frame_s, interval_s / 2) + 1e-6
        self._first_s: float | None = None
        self._next = 0

    def begin(self, first_s: float, now_s: float) -> None:
        """As if all that was before `now_s` had been looked at, from `first_s` on."""
        self._first_s, self._next = first_s, max(0, math.ceil((now_s - first_s) / self._interval_s - 1e-6))

    def takes(self, timestamp_s: float) -> bool:
        # The grid is kept instead of drifting by each frame's lateness; a gap starts a new one.
        due_s = timestamp_s if self._first_s is None else self._first_s + self._next * self._interval_s
        if timestamp_s < due_s - self._slack_s:
            return False
        if self._first_s is None or timestamp_s >= due_s + self._interval_s:
            self._first_s, self._next = timestamp_s, 0
        self._next += 1
        return True


@dataclass(frozen=True)
class _Orientation:
    """How a decoded frame becomes the displayed picture: non-square pixels stretched, then mirrored, then turned clockwise."""

    rotation_deg: int
    mirrored: bool
    pixel_aspect: float

    def size_px(self, frame: np.ndarray) -> tuple[int, int]:
        height, width = frame.shape[:2]
        width = round(width * self.pixel_aspect)
        return (height, width) if self.rotation_deg in (90, 270) else (width, height)

    def upright(self, rgb: np.ndarray) -> np.ndarray:
        if self.pixel_aspect != 1.0:
            rgb = cv2.resize(rgb, (round(rgb.shape[1] * self.pixel_aspect), rgb.shape[0]))
        if self.mirrored:
            rgb = cv2.flip(rgb, 1)
        if self.rotation_deg:
            rgb = cv2.rotate(rgb, _ROTATIONS[self.rotation_deg])
        return rgb


def _rotation_deg(capture: cv2.VideoCapture | PyAVCapture) -> int:
    return round(capture.get(cv2.CAP_PROP_ORIENTATION_META) / 90) * 90 % 360


def _pixel_aspect(capture: cv2.VideoCapture | PyAVCapture) -> float:
    numerator, denominator = capture.get(cv2.CAP_PROP_SAR_NUM), capture.get(cv2.CAP_PROP_SAR_DEN)
    aspect = numerator / denominator if numerator > 0 and denominator > 0 else 1.0
    return aspect if 0.25 < aspect < 4 else 1.0


def _rgb(frame: np.ndarray) -> np.ndarray:
    if frame.dtype == np.uint16:
        frame = (frame >> 8).astype(np.uint8)
    channels = 1 if frame.ndim == 2 else frame.shape[2]
    code = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGB}[channels]
    return cv2.cvtColor(frame, code)


def thread_count() -> int:
    """With how many threads this process may compute: as OMP_NUM_THREADS says, else with one for each processor."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else os.cpu_count() or 1


def _first_stamp_s(path: Path) -> float:
    """When the file's own clock begins, which some containers count as part of its length; 0 where it does not say."""
    try:
        with av.open(os.fspath(path.resolve())) as container:
            return max(0.0, (container.start_time or 0) / av.time_base)
    except (av.FFmpegError, ValueError):
        return 0.0


def _only_sound_after(path: Path, reached_s: float, *, until_s: float) -> bool:
    """Whether the file itself has no picture after `reached_s`, and sound that goes on."""
    last_s = {"video": -math.inf, "audio": -math.inf}
    try:
        with av.open(os.fspath(path.resolve())) as container:
            video = container.streams.video[0]
            began_s = float((video.start_time or 0) * (video.time_base or 0))
            for packet in container.demux([video, *container.streams.audio]):
                if packet.pts is not None and packet.time_base is not None:
                    kind = packet.stream.type
                    last_s[kind] = max(last_s[kind], float(packet.pts * packet.time_base) - began_s)
    except (av.FFmpegError, IndexError, ValueError):
        return False
    return last_s["video"] <= reached_s and last_s["audio"] > until_s - _MISSING_END_S


def _capture(path: Path, threads: int) -> tuple[cv2.VideoCapture | PyAVCapture, int | None]:
    """The file opened, and how far it is to be turned clockwise after mirroring, None where it is not mirrored."""
    # The absolute path keeps FFmpeg from reading a file name such as "concat:x" as a protocol.
    capture = cv2.VideoCapture(os.fspath(path.resolve()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    if not capture.isOpened():
        capture.release()
        raise LifterError(f"{path} {_why_unopened(path)}.", hint=_NO_VIDEO_HINT)
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
    first = read_first_frame(path.resolve())
    if first is None:
        return capture, None
    if first.not_by_opencv:
        return PyAVCapture(path.resolve(), capture, threads, interlaced=first.interlaced), first.mirrored_deg
    return capture, first.mirrored_deg


def _check_range(start_s: float | None, end_s: float | None) -> None:
    for name, value in (("start", start_s), ("end", end_s)):
        if value is not None and not (math.isfinite(value) and value >= 0):
            raise LifterError(
                f"The {name}, {value:g} s, is not a time in the clip.", hint="Give seconds from the clip's start, 0 or more."
            )
    if end_s is not None and end_s <= (start_s or 0.0):
        raise LifterError(f"The end, {end_s:g} s, is not after the start, {start_s or 0.0:g} s.", hint="Choose a later end.")


def check_speed(filmed_fps: float | None, as_played: bool) -> None:
    """Raises LifterError."""
    if filmed_fps is not None and as_played:
        raise LifterError("The clip's speed was given twice.", hint="Give one of --filmed-fps and --as-played.")
    if filmed_fps is not None and not 1 <= filmed_fps <= _MOST_FPS:
        raise LifterError(
            f"No camera takes {filmed_fps:g} frames a second.", hint=f"Give 1 to {_MOST_FPS:.0f}, such as 240 for slow motion."
        )


def _check_file(path: Path) -> None:
    try:
        os.fspath(path).encode()
    except UnicodeEncodeError:  # OpenCV would crash
        raise LifterError(f"The name {os.fsencode(path)!r} is not Unicode.", hint="Give the clip another name.") from None
    try:
        if path.is_dir():
            raise LifterError(f"{path} is a folder, not a video file.", hint="Choose one clip in it.")
        if not path.exists():
            raise LifterError(f"There is no file {path}.", hint="Check the name and the folder.")
        if not path.is_file():
            raise LifterError(f"{path} is not a regular file.", hint="Choose a video file.")
        if path.stat().st_size == 0:
            raise LifterError(f"{path} is empty (0 bytes).", hint="Copy the clip again from where it came from.")
        head = _head(path)
    except OSError as error:
        raise LifterError(f"{path} cannot be read: {error.strerror}.", hint="Check the file's permissions.") from error
    except ValueError as error:
        raise LifterError(f"{path!r} is not a file name: {error}.", hint="Check the name.") from error
    # Text never is a video, but FFmpeg would follow a playlist in it to other files and to the network.
    if not head.startswith(b"YUV4MPEG2") and not any(byte < 9 or 14 <= byte < 32 for byte in head):
        raise LifterError(f"{path} is not a video.", hint=_NO_VIDEO_HINT)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


def _why_unopened(path: Path) -> str:
    head = _head(path)
    audio = (b"ID3", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1", b"fLaC", b"OggS")
    if head.startswith(audio) or head[8:12] in (b"WAVE", b"M4A ") or _only_sound(path):
        return "has no video track, only sound"
    if head[4:8] in _MP4_BOXES or head.startswith((b"RIFF", _EBML, b"\x00\x00\x01", b"FLV", b"\x30\x26\xb2\x75")):
        return "has no video that can be decoded: it is damaged, or its codec is not supported"
    return "is not a video"


_MP4_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_EBML = b"\x1a\x45\xdf\xa3"
_MKV_SEGMENT = b"\x18\x53\x80\x67"
_MAX_INDEX_BYTES = 256 << 20


def _mp4_boxes(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """(type, start, end) of each box at the top level of an MP4 or QuickTime file; end may lie past the file's."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = 0
        while start + 8 <= size:
            file.seek(start)
            header = file.read(16)
            length, kind = int.from_bytes(header[:4]), header[4:8]
            if length == 1 and len(header) == 16:
                length = int.from_bytes(header[8:])
            elif length == 0:
                length = size - start
            if length < 8:
                return
            yield kind, start, start + length
            start += length


def _lacks_index(path: Path) -> bool:
    """An MP4 whose list of frames, often its last part, is not all there: nothing of it can be decoded."""
    if _head(path)[4:8] not in _MP4_BOXES:
        return False
    size = path.stat().st_size
    return not any(kind == b"moov" and end <= size for kind, _, end in _mp4_boxes(path))


def _is_cut_short(path: Path) -> bool:
    """The container's own sizes reach past the end of the file."""
    head = _head(path)
    size = path.stat().st_size
    if head[4:8] in _MP4_BOXES:
        return any(kind in (b"mdat", b"moof") and end > size for kind, _, end in _mp4_boxes(path))
    if head.startswith(b"RIFF"):
        return 8 + int.from_bytes(head[4:8], "little") > size + 1
    if head.startswith(_EBML) and 0 <= (at := head.find(_MKV_SEGMENT)) < len(head) - 12:
        # The length of an element: as many bytes as the first one has leading zero bits, plus one; all ones mean unknown.
        width = 9 - head[at + 4].bit_length()
        unknown = (1 << 7 * width) - 1
        length = int.from_bytes(head[at + 4 : at + 4 + width]) & unknown
        return length != unknown and at + 4 + width + length > size
    return False


def _only_sound(path: Path) -> bool:
    """An MP4 or Matroska file that lists a sound track and no picture track."""
    if _head(path).startswith(_EBML):
        head = _head(path)
        # TrackType elements: 0x83, one byte long, 1 for video and 2 for audio.
        return b"\x83\x81\x02" in head and b"\x83\x81\x01" not in head
    for kind, start, end in _mp4_boxes(path):
        if kind == b"moov" and end - start < _MAX_INDEX_BYTES:
            with path.open("rb") as file:
                file.seek(start)
                index = file.read(end - start)
            return b"soun" in index and b"vide" not in index
    return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
