"""Clips that are bad or odd, made from the demo clip's pictures."""

from __future__ import annotations

import functools
import io
import os
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from tests.lifter.conftest import write_sound, write_video_without_frames
from tests.reliability.corpus import DONE, REFUSED, Case
from tests.scheduling import as_before

DEMO = Path(__file__).resolve().parents[1] / "data" / "demo.mp4"
SIZE_PX = 200
FRAMES = 8
RATE = 10
# Of the decoder's own about a damaged stream; what the case says of the exit code counts.
ANYONE = ""


@functools.cache
def person() -> tuple[np.ndarray, ...]:
    """Eight pictures of a person, [200, 200, 3] RGB, a tenth of a second apart."""
    with av.open(str(DEMO)) as container:
        pictures = []
        for number, frame in enumerate(container.decode(video=0)):
            if number % 3 == 0:
                pictures.append(cv2.resize(frame.to_ndarray(format="rgb24"), (SIZE_PX, SIZE_PX), interpolation=cv2.INTER_AREA))
            if len(pictures) == FRAMES:
                return tuple(pictures)
    raise AssertionError("the demo clip is shorter than it was")


def write(
    path: Path,
    pictures: Iterable[np.ndarray],
    *,
    times: Sequence[int] | None = None,
    base: Fraction = Fraction(1, RATE),
    codec: str = "libx264",
    pixels: str = "yuv420p",
    source: str = "rgb24",
    form: str | None = None,
    header: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
) -> Path:
    """Pictures as a clip; times: of each, in units of `base` seconds."""
    pictures = list(pictures)
    with as_before(), av.open(str(path), "w", format=form, options=header or {}) as container:
        stream = container.add_stream(codec, rate=1 / base, options=options or {})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        stream.codec_context.time_base = base
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), source)
            frame.pts, frame.time_base = (number if times is None else times[number]), base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _clip(name: str = "clip.mp4", pictures: Callable[[], Iterable[np.ndarray]] = person, **how: object):
    def make(folder: Path) -> list[str | Path]:
        return [write(folder / name, pictures(), **how), "OUT/track.npz"]  # type: ignore[arg-type]

    return make


def _changed(change: Callable[[bytearray], bytes | bytearray | None], name: str = "clip.mp4", **how: object):
    """A good clip whose bytes are changed."""

    def make(folder: Path) -> list[str | Path]:
        path = write(folder / name, person(), **how)  # type: ignore[arg-type]
        content = bytearray(path.read_bytes())
        path.write_bytes(change(content) or content)
        return [path, "OUT/track.npz"]

    return make


def _bytes(name: str, content: bytes):
    def make(folder: Path) -> list[str | Path]:
        (folder / name).write_bytes(content)
        return [folder / name, "OUT/track.npz"]

    return make


def _options(*words: str, **how: object):
    return lambda folder: [*_clip(**how)(folder), *words]  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------- pictures


def _even(value: int | tuple[int, int, int], size: tuple[int, int] = (SIZE_PX, SIZE_PX), count: int = FRAMES) -> list[np.ndarray]:
    return [np.full((size[1], size[0], 3), value, np.uint8) for _ in range(count)]


def _noise(size: int = SIZE_PX) -> list[np.ndarray]:
    random = np.random.default_rng(3)
    return [random.integers(0, 255, (size, size, 3), np.uint8) for _ in range(FRAMES)]


def _half() -> list[np.ndarray]:
    return [picture[: SIZE_PX // 2] for picture in person()]


def _legs() -> list[np.ndarray]:
    return [picture[SIZE_PX // 2 :] for picture in person()]


def _leaving() -> list[np.ndarray]:
    empty = _even(90)
    return [picture if number in (0, 1, 6, 7) else empty[0] for number, picture in enumerate(person())]


def _swapping() -> list[np.ndarray]:
    """Two people side by side, who have changed places in the second half."""
    here = person()
    return [
        np.hstack([here[i], here[-1 - i][:, ::-1]] if i < FRAMES // 2 else [here[-1 - i][:, ::-1], here[i]])
        for i in range(FRAMES)
    ]


def _tiny() -> list[np.ndarray]:
    pictures = _even(120, (400, 400))
    for picture, one in zip(pictures, person(), strict=True):
        picture[380:, 380:] = cv2.resize(one, (20, 20))
    return pictures


def _scaled(width: int, height: int, count: int = FRAMES) -> list[np.ndarray]:
    return [cv2.resize(picture, (width, height)) for picture in person()[:count]]


def long() -> list[np.ndarray]:
    """Nine seconds at 25 frames a second, which is looked at in two pieces: the person goes to and fro."""
    there_and_back = [*range(FRAMES - 1), *range(FRAMES - 1, 0, -1)]
    return [person()[there_and_back[frame // 3 % len(there_and_back)]] for frame in range(225)]


def joined(folder: Path) -> list[str | Path]:
    """Two transport streams behind one another, as a camera's pieces are often put together: the times begin anew."""
    path = write(folder / "clip.ts", long()[:60], base=_LONG)
    short = path.read_bytes()
    path.write_bytes(short + write(path, long(), base=_LONG).read_bytes())
    return [path, "OUT/track.npz"]


def torn(folder: Path) -> list[str | Path]:
    """Nothing can be made of the pictures in the middle."""
    path = write(folder / "clip.mkv", long(), base=_LONG, options={"g": "25"})
    content = bytearray(path.read_bytes())
    middle = slice(len(content) * 45 // 100, len(content) * 55 // 100)
    content[middle] = np.random.default_rng(3).bytes(len(content[middle]))
    path.write_bytes(content)
    return [path, "OUT/track.npz"]


def _alpha() -> list[np.ndarray]:
    return [np.dstack([picture, np.full(picture.shape[:2], 128, np.uint8)]) for picture in person()]


# ------------------------------------------------------------------------------------------------------- bytes of a file


def _matrix(values: Sequence[int]):
    """Another display matrix in the track's header: as phones turn pictures."""

    def change(content: bytearray) -> None:
        at = content.index(b"tkhd") + 4 + 24 + 16
        content[at : at + 36] = struct.pack(">9i", *values)

    return change


_ONE, _W = 1 << 16, 1 << 30
ROTATIONS = {
    0: (_ONE, 0, 0, 0, _ONE, 0, 0, 0, _W),
    90: (0, _ONE, 0, -_ONE, 0, 0, SIZE_PX * _ONE, 0, _W),
    180: (-_ONE, 0, 0, 0, -_ONE, 0, SIZE_PX * _ONE, SIZE_PX * _ONE, _W),
    270: (0, -_ONE, 0, _ONE, 0, 0, 0, SIZE_PX * _ONE, _W),
    45: (46341, 46341, 0, -46341, 46341, 0, 0, 0, _W),
}


def _avi_rate(scale: int, rate: int):
    def change(content: bytearray) -> None:
        at = content.index(b"strh") + 8 + 20
        content[at : at + 8] = struct.pack("<2I", scale, rate)
        at = content.index(b"avih") + 8
        content[at : at + 4] = struct.pack("<I", 0 if not rate else max(1, min(2**31, scale * 10**6 // rate)))

    return change


def _timescale(value: int):
    """The unit of the track's times: the clip becomes so much faster or slower."""

    def change(content: bytearray) -> None:
        at = content.index(b"mdhd") + 4 + 12
        content[at : at + 4] = struct.pack(">I", value)

    return change


def _flipped(content: bytearray) -> None:
    at = content.index(b"mdat") + 8
    random = np.random.default_rng(5)
    for place in random.integers((at + len(content)) // 2, len(content) - 1200, 20):
        content[place] ^= 0xFF


def _cut(tenths: int):
    return lambda content: content[: len(content) * tenths // 10]


def _picture(suffix: str) -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(person()[0], cv2.COLOR_RGB2BGR))[1].tobytes()


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.write(DEMO, "clip.mp4")
    return buffer.getvalue()


def _sound(name: str):
    return lambda folder: [write_sound(folder / name), "OUT/track.npz"]


def _sound_with_cover(folder: Path) -> list[str | Path]:
    path = folder / "song.mp4"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 44100), np.int16), "s16", "mono")
        frame.rate = 44100
        cover = container.add_stream("mjpeg", rate=1)
        cover.width = cover.height = SIZE_PX
        cover.pix_fmt = "yuvj420p"
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
        container.mux(cover.encode(av.VideoFrame.from_ndarray(person()[0], "rgb24")))
        container.mux(cover.encode())
    return [path, "OUT/track.npz"]


def _two_pictures(folder: Path) -> list[str | Path]:
    """A file with two tracks of pictures: an empty one and the person's."""
    path = folder / "clip.mkv"
    with av.open(str(path), "w") as container:
        streams = []
        for _ in range(2):
            stream = container.add_stream("libx264", rate=RATE)
            stream.width = stream.height = SIZE_PX
            stream.pix_fmt = "yuv420p"
            streams.append(stream)
        for first, second in zip(_even(90), person(), strict=True):
            for stream, picture in zip(streams, (second, first), strict=True):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        for stream in streams:
            container.mux(stream.encode())
    return [path, "OUT/track.npz"]


# ------------------------------------------------------------------------------------------------------------- places


def _missing(folder: Path) -> list[str | Path]:
    return [folder / "not there.mp4", "OUT/track.npz"]


def _folder(folder: Path) -> list[str | Path]:
    (folder / "clip.mp4").mkdir()
    return [folder / "clip.mp4", "OUT/track.npz"]


def _below_a_file(folder: Path) -> list[str | Path]:
    (folder / "a.mp4").write_bytes(b"x")
    return [folder / "a.mp4" / "b.mp4", "OUT/track.npz"]


def _link(target: str):
    def make(folder: Path) -> list[str | Path]:
        write(folder / "real.mp4", person())
        (folder / "clip.mp4").symlink_to(target)
        return [folder / "clip.mp4", "OUT/track.npz"]

    return make


def _pipe(folder: Path) -> list[str | Path] | None:
    if not hasattr(os, "mkfifo"):
        return None
    os.mkfifo(folder / "clip.mp4")
    return [folder / "clip.mp4", "OUT/track.npz"]


def _device(folder: Path) -> list[str | Path] | None:
    return ["/dev/zero", "OUT/track.npz"] if Path("/dev/zero").exists() else None


def _named(name: str):
    def make(folder: Path) -> list[str | Path] | None:
        path = write(folder / "made.mp4", person())
        try:
            shutil.move(path, folder / name)
        except (OSError, ValueError):
            return None
        return [folder / name, "OUT/track.npz"]

    return make


def _too_long(folder: Path) -> list[str | Path]:
    return [folder / f"{'n' * 300}.mp4", "OUT/track.npz"]


def _case(name: str, make, code: int = REFUSED, says: str = "", **more: object) -> Case:
    return Case("clip", name, make, code, says, leaves=("track.npz",) if code == DONE else (), **more)  # type: ignore[arg-type]


_INTERLACED = {"flags": "+ildct+ilme", "b": "4000000"}
_INTERLACED_H264 = {"x264-params": "tff=1"}
_LONG = Fraction(1, 25)
# Long enough for several pieces, and not easy to go into in the middle.
LONG = {
    "with one key frame": _clip(pictures=long, base=_LONG, options={"g": "1000"}),
    "with a pause": _clip(pictures=long, base=_LONG, times=[*range(110), *range(300, 415)], options={"g": "25"}),
    "in bursts": _clip(pictures=long, base=_LONG, times=[n + 20 * (n // 10) for n in range(225)], options={"g": "25"}),
    "without an index": _clip("clip.mkv", long, base=_LONG, form="matroska", header={"live": "1"}),
    "of pictures alone": _clip("clip.avi", long, base=_LONG, codec="mjpeg", pixels="yuvj420p"),
    "that begins anew": joined,
}
_FAST = {"header": {"movflags": "faststart"}}
_NAMES = {
    "spaces": "my clip  one.mp4",
    "Unicode": "läuft – 走る 🏃.mp4",
    "quotes": 'it\'s "the" `one`.mp4',
    "a newline": "first\nsecond.mp4",
    "a tab and a return": "a\tb\rc.mp4",
    "250 characters": f"{'n' * 246}.mp4",
    "a dash in front": "-clip.mp4",
    "a percent pattern": "clip%03d.mp4",
    "a protocol": "concat:clip.mp4",
    "a colon": "C:clip.mp4",
    "a pattern": "clip[1]*?.mp4",
    "a backslash": "a\\b.mp4",
    "dollar and ampersand": "$(touch x)&;|clip.mp4",
    "right to left": "\u202eקליפ.mp4",
    "no extension": "clip",
    "another extension": "clip.txt",
    "a hidden file": ".mp4",
}

CASES: tuple[Case, ...] = (
    # -- what is no clip
    _case("missing", _missing, says="no file .*not there", quick=True),
    _case("empty", _bytes("clip.mp4", b""), says="empty", quick=True),
    _case("a folder", _folder, says="is a folder"),
    _case("below a file", _below_a_file, says="b.mp4"),
    _case("a name of 300 characters", _too_long, says="nnn"),
    _case("a link to nothing", _link("gone.mp4"), says="no file"),
    _case("a link to itself", _link("clip.mp4"), says="clip.mp4"),
    _case("a pipe", _pipe, says="not a regular file"),
    _case("a device without end", _device, says="not a regular file"),
    _case("text", _bytes("clip.mp4", b"not a video\n" * 100), says="not a video"),
    _case("a playlist", _bytes("clip.m3u8", b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n"), says="not a video"),
    _case("a concat script", _bytes("clip.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n"), says="not a video"),
    _case("a session description", _bytes("clip.sdp", b"v=0\nm=video 5000 RTP/AVP 96\n"), says="not a video"),
    _case("noise for bytes", _bytes("clip.mp4", np.random.default_rng(1).bytes(50_000)), says="not a video|decoded"),
    _case("zeros for bytes", _bytes("clip.mp4", bytes(50_000)), says="clip.mp4"),
    _case("an archive with a clip in it", lambda f: _bytes("clip.mp4", _archive())(f), says="not a video|decoded"),
    _case("a program", _bytes("clip.mp4", b"\x7fELF" + bytes(500)), says="clip.mp4"),
    _case("sound only, MP4", _sound("clip.mp4"), says="only sound", quick=True),
    _case("sound only, M4A", _sound("clip.m4a"), says="only sound"),
    _case("sound only, WAV", _sound("clip.wav"), says="only sound"),
    _case("sound only, MKV", _sound("clip.mkv"), says="only sound"),
    _case("sound with a cover", _sound_with_cover, DONE),
    _case("a track without frames", lambda f: [write_video_without_frames(f / "clip.avi"), "OUT/track.npz"], says="clip.avi"),
    _case("a header alone", _changed(lambda c: c[:64]), says="truncated|decoded"),
    *[_case(f"truncated at {n} tenths", _changed(_cut(n)), says="truncated", quick=n == 5) for n in range(1, 10)],
    *[_case(f"index in front, cut at {n} tenths", _changed(_cut(n), **_FAST), says="truncated") for n in range(1, 10)],
    *[_case(f"AVI cut at {n} tenths", _changed(_cut(n), "clip.avi", codec="mpeg4"), says="truncated") for n in range(1, 10)],
    *[_case(f"MKV cut at {n} tenths", _changed(_cut(n), "clip.mkv"), says="truncated") for n in range(1, 10)],
    _case("no index, said of an .avi", _changed(_cut(5), "clip.avi", form="mp4"), says="truncated"),
    _case("damaged in the middle", _changed(_flipped), DONE),
    # -- times
    _case("one frame", _clip(pictures=lambda: person()[:1]), DONE),
    _case("two frames", _clip(pictures=lambda: person()[:2]), DONE),
    _case("zero frames a second", _changed(_avi_rate(1, 0), "clip.avi", codec="mpeg4"), DONE),
    _case("a scale of zero", _changed(_avi_rate(0, 25), "clip.avi", codec="mpeg4"), DONE),
    _case("100000 frames a second", _changed(_avi_rate(1, 100_000), "clip.avi", codec="mpeg4"), DONE),
    _case("a frame in 100 seconds", _changed(_avi_rate(100, 1), "clip.avi", codec="mpeg4"), DONE),
    _case("a thousand times faster", _changed(_timescale(10240 * 1000)), DONE),
    _case("a thousand times slower", _changed(_timescale(10)), says="only up to"),
    _case("a time unit of zero", _changed(_timescale(0)), says="only up to"),
    _case("a frame in 100 seconds, MP4", _clip(base=Fraction(100)), DONE),
    _case("variable rate", _clip(times=[0, 1, 5, 6, 20, 21, 22, 90], base=Fraction(1, 100)), DONE),
    _case("a gap of a minute", _clip(times=[0, 1, 2, 3, 600, 601, 602, 603]), DONE),
    _case("times in bursts of a millisecond", _clip(times=[0, 1, 2, 3, 500, 501, 502, 503], base=Fraction(1, 1000)), DONE),
    _case("times that begin at an hour", _clip(times=list(range(36_000, 36_000 + FRAMES)), name="clip.mkv"), DONE),
    _case("in fragments", _clip(header={"movflags": "frag_keyframe+empty_moov"}), DONE),
    *[_case(f"long, {name}", make, DONE) for name, make in LONG.items()],
    _case("long, torn in the middle", torn, says="only up to"),
    # -- pictures
    _case("1x1", _clip("clip.mkv", lambda: _even(200, (1, 1)), codec="ffv1", pixels="bgr0"), says="clip.mkv"),
    _case("2x2", _clip(pictures=lambda: _even(200, (2, 2))), says="clip.mp4"),
    _case("8K", _clip(pictures=lambda: _scaled(7680, 4320, 2), options={"preset": "ultrafast"}), DONE, limit_s=60),
    _case("a strip", _clip(pictures=lambda: _even(100, (4000, 16))), says="clip.mp4"),
    _case("a column", _clip(pictures=lambda: _even(100, (16, 4000))), says="clip.mp4"),
    *[_case(f"a rotation flag of {turn}", _changed(_matrix(matrix)), DONE) for turn, matrix in ROTATIONS.items()],
    _case("a mirroring flag", _changed(_matrix((-_ONE, 0, 0, 0, _ONE, 0, SIZE_PX * _ONE, 0, _W))), DONE),
    _case("a flag that flattens the picture", _changed(_matrix((0,) * 9)), DONE),
    _case("a camera upside down", _clip(pictures=lambda: [p[::-1, ::-1] for p in person()]), DONE),
    _case("interlaced, MPEG-2", _clip("clip.mkv", base=Fraction(1, 25), codec="mpeg2video", options=_INTERLACED), DONE),
    _case(
        "interlaced, H.264 in a transport stream", _clip("clip.mts", form="mpegts", options=_INTERLACED_H264), DONE, quick=True
    ),
    _case("AV1", _clip(codec="libsvtav1"), DONE, quick=True),
    _case("AV1, 10 bit", _clip("clip.webm", codec="libsvtav1", pixels="yuv420p10le"), DONE),
    _case("10 bit", _clip(pixels="yuv420p10le"), DONE),
    _case("10 bit, 4:2:2, FFV1", _clip("clip.mkv", codec="ffv1", pixels="yuv422p10le"), DONE),
    _case("4:4:4", _clip(pixels="yuv444p"), DONE),
    _case("16 bit", _clip("clip.mkv", codec="ffv1", pixels="gray16le"), DONE),
    _case("alpha, PNG", _clip("clip.mov", _alpha, codec="png", pixels="rgba", source="rgba"), DONE),
    _case("alpha, QuickTime", _clip("clip.mov", _alpha, codec="qtrle", pixels="argb", source="rgba"), DONE),
    _case("alpha, VP9", _clip("clip.webm", _alpha, codec="libvpx-vp9", pixels="yuva420p", source="rgba"), DONE),
    _case("grey pixels", _clip("clip.mkv", codec="ffv1", pixels="gray"), DONE),
    _case("two tracks of pictures", _two_pictures, DONE),
    _case("an animated GIF", _clip("clip.gif", codec="gif", pixels="rgb8"), DONE),
    _case("a photograph, JPEG", lambda f: _bytes("clip.jpg", _picture(".jpg"))(f), DONE),
    _case("a photograph, PNG, called .mp4", lambda f: _bytes("clip.mp4", _picture(".png"))(f), DONE),
    _case("grey", _clip(pictures=lambda: _even(128)), says="[Nn]o person|nobody", quick=True),
    _case("black", _clip(pictures=lambda: _even(0)), says="[Nn]o person|nobody"),
    _case("white", _clip(pictures=lambda: _even(255)), says="[Nn]o person|nobody"),
    _case("noise", _clip(pictures=_noise), says="[Nn]o person|nobody"),
    _case("a static picture", _clip(pictures=lambda: person()[:1] * FRAMES), DONE),
    _case("half a person", _clip(pictures=_half), DONE),
    _case("only legs", _clip(pictures=_legs), DONE),
    _case("a person leaving and returning", _clip(pictures=_leaving), DONE),
    _case("two people changing places", _clip(pictures=_swapping), DONE, says="people are in the clip"),
    _case("a person of 20 pixels", _clip(pictures=_tiny), says="[Nn]o person|nobody"),
    # -- names
    *[_case(f"a name with {name}", _named(text), DONE, quick=name == "a newline") for name, text in _NAMES.items()],
    _case("a name of bytes that are no UTF-8", _named(os.fsdecode(b"clip\xff\xfe.mp4")), says="not Unicode", quick=True),
    # -- what is asked of a good clip
    _case("a start past the end", _options("--start", "100"), says="past the end"),
    _case("an end before the start", _options("--start", "0.5", "--end", "0.2"), says="not after the start"),
    _case("a start that is no number", _options("--start", "nan"), says="not a time"),
    _case("an end below zero", _options("--end=-1"), says="not a time"),
    _case("an end that is infinite", _options("--end", "inf"), says="not a time"),
    _case("a range between two frames", _options("--start", "0.51", "--end", "0.52"), says="no frame between"),
    _case("no frames a second", _options("--fps", "0"), says="0 frames a second"),
    _case("nan frames a second", _options("--fps", "nan"), says="frames a second"),
    _case("a frame in a thousand years", _options("--fps", "1e-12"), DONE),
    _case("an end that is far away", _options("--end", "1e300"), DONE),
    _case("the ninth person", _options("--person", "9"), says="9"),
    _case("person number zero", _options("--person", "0"), says="'?0'?"),
    _case("a person that is a word", _options("--person", "tallest"), says="tallest"),
    _case("a lens of zero", _options("--focal-px", "0"), says="focal length"),
    _case("a lens that is no number", _options("--focal-px", "nan"), says="focal length"),
    _case("a lens of a kilometre", _options("--focal-mm", "1e6"), says="focal length"),
    _case("a field of view of 180", _options("--fov", "180"), says="field of view"),
    _case("a lens given twice", _options("--fov", "60", "--focal-mm", "26"), says="twice"),
    _case("a device that is not there", _options("--device", "abacus"), says="abacus"),
    _case("a network that is not there", _options("--model", "nothing"), says="no model 'nothing'"),
    _case("an output that is no track", lambda f: [write(f / "clip.mp4", person()), "OUT/clip.mp4"], says="not called .npz"),
    _case("an output on top of the clip", lambda f: [write(f / "c.mp4", person()), f / "c.mp4"], says="not called .npz"),
    _case("an option that is not there", _options("--fast"), says="--fast"),
)
