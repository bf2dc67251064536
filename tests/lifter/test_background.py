"""A camera that stands, turns, zooms, shakes or walks, before a wall of noise with somebody in front of it who moves."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from lifter.background import BackgroundMotion
from lifter.joints import LANDMARK_NAMES

# Where the landmarks are in somebody's box, from 0 to 1; what is not named is where the nose is.
STANDING = {name: (0.5, 0.08) for name in LANDMARK_NAMES} | {
    f"{side}_{part}": (0.5 + (0.12 if side == "left" else -0.12) * spread, y)
    for side in ("left", "right")
    for part, spread, y in (
        *(("shoulder", 1.0, 0.2), ("elbow", 1.5, 0.35), ("wrist", 1.6, 0.5), ("index", 1.6, 0.55)),
        *(("hip", 0.6, 0.5), ("knee", 0.6, 0.72), ("ankle", 0.6, 0.93), ("foot_index", 0.8, 0.97)),
    )
}
_DATA = Path(__file__).resolve().parents[1] / "data"
FRAMES, FPS = 50, 25.0
WIDTH, HEIGHT = 640, 360
FOCAL = 0.9 * WIDTH
_WALL = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (1500, 3000), dtype=np.uint8), (0, 0), 2.0)
_WALL = cv2.normalize(_WALL, None, 0, 255, cv2.NORM_MINMAX)
# The wall's pixels from rays (x/z, y/z) of a camera that looks straight at its middle.
_ON_WALL = np.array([[FOCAL, 0, _WALL.shape[1] / 2], [0, FOCAL, _WALL.shape[0] / 2], [0, 0, 1]])


def turned(right_deg: float = 0.0, down_deg: float = 0.0, clockwise_deg: float = 0.0) -> np.ndarray:
    """World from camera [3, 3], x right, y down, z forward: right about the world's down axis, after down and clockwise."""
    about_y, about_x, about_z = (
        cv2.Rodrigues(np.radians(vector))[0]
        for vector in (np.array([0, right_deg, 0.0]), np.array([-down_deg, 0, 0.0]), np.array([0, 0, clockwise_deg]))
    )
    return about_y @ about_x @ about_z


def carried(x: float, y: float, nearer: float = 0.0) -> np.ndarray:
    """Rays of a camera that was carried by shares of the wall's distance -> rays of the one at the start, [3, 3]."""
    return np.array([[1 - nearer, 0, x], [0, 1 - nearer, y], [0, 0, 1.0]])


def filmed(
    view: Callable[[float], np.ndarray],
    *,
    wall: np.ndarray = _WALL,
    low: Callable[[float], np.ndarray] | None = None,
    focal_share: float = 0.9,
    motion: BackgroundMotion | None = None,
    written: Callable[[np.ndarray, int], None] | None = None,
) -> BackgroundMotion:
    """view: seconds -> `turned` or `carried`; low: the same for the lowest fifth of the picture, something near; focal_share: the
    focal length in widths of the picture; written: draws over a picture [h, w, 3], given its number.
    """
    random = np.random.default_rng(1)
    motion = motion or BackgroundMotion()
    focal = focal_share * WIDTH
    rays_from_picture = np.linalg.inv(np.array([[focal, 0, WIDTH / 2], [0, focal, HEIGHT / 2], [0, 0, 1]]))

    def seen(from_picture: np.ndarray) -> np.ndarray:
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return cv2.warpPerspective(wall, _ON_WALL @ from_picture @ rays_from_picture, (WIDTH, HEIGHT), flags=flags).astype(float)

    for n in range(FRAMES):
        picture = seen(view(n / FPS))
        if low is not None:
            picture[-HEIGHT // 5 :] = seen(low(n / FPS))[-HEIGHT // 5 :]
        picture += random.normal(0, 3, (HEIGHT, WIDTH))
        left = 100 + 6 * n  # somebody walks from left to right, before the wall
        picture[60:330, left + 50 : left + 110] = np.roll(_WALL, 7 * n, axis=1)[:270, :60]
        rgb = np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
        if written is not None:
            written(rgb, n)
        body = np.array([STANDING[name] for name in LANDMARK_NAMES]) * [160, 270] + [left, 60]
        motion.look(n / FPS, rgb, [body / [WIDTH, HEIGHT]])
    return motion


def told(view: Callable[[float], np.ndarray], **settings: Any) -> dict[str, Any]:
    return filmed(view, **settings).told()


@pytest.mark.parametrize(
    ("view", "camera"),
    [
        (lambda t: turned(), "still"),
        (lambda t: turned(0.15 * np.sin(9 * t), 0.15 * np.cos(7 * t)), "still"),
        (lambda t: turned(10 * t - 10), "turning"),
        (lambda t: turned(45 * t - 45), "turning"),
        (lambda t: turned(0, 8 * t - 8), "turning"),
        (lambda t: turned(14 * t - 14, 3 * t, 4 * t), "turning"),
        (lambda t: turned(0, 0, 10 * t), "turning"),
        (lambda t: carried(0.25 * t - 0.25, 0), "moving"),
        (lambda t: carried(0, 0, 0.1 * t), "moving"),
    ],
    ids=[
        "tripod",
        "held still",
        "pan",
        "fast pan",
        "tilt",
        "pan, tilt and roll",
        "roll",
        "walks along the wall",
        "towards the wall",
    ],
)
def test_what_the_camera_did(view: Callable[[float], np.ndarray], camera: str) -> None:
    assert told(view)["camera"] == camera


def subtitles(rgb: np.ndarray, n: int) -> None:
    text = ("Somebody walks across the room,", "and nobody knows what for.")[n // 25]
    for colour, width in (((0, 0, 0), 6), ((255, 255, 255), 2)):
        cv2.putText(rgb, text, (60, 335), cv2.FONT_HERSHEY_SIMPLEX, 0.9, colour, width, cv2.LINE_AA)


def a_ticker(rgb: np.ndarray, n: int) -> None:
    rgb[315:] = (20, 20, 90)
    cv2.putText(rgb, "+++ somebody walks +++ fair weather" * 3, (600 - 8 * n, 345), cv2.FONT_HERSHEY_SIMPLEX, 0.9, (255,) * 3, 2)


def the_time(rgb: np.ndarray, n: int) -> None:
    rgb[8:40, 200:460] = 0
    cv2.putText(rgb, f"01:00:{n // 25:02d}:{n % 25:02d} CAM A", (205, 32), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (255,) * 3, 2)


@pytest.mark.parametrize(
    ("view", "camera", "written"),
    [
        *((lambda t: turned(), "still", written) for written in (subtitles, a_ticker, the_time)),
        # A ticker that runs with the background, and faster, might as well be something near.
        *((lambda t: turned(10 * t - 10), "turning", written) for written in (subtitles, the_time)),
        *((lambda t: carried(0.25 * t - 0.25, 0), "moving", written) for written in (subtitles, a_ticker, the_time)),
    ],
)
def test_what_is_written_over_a_picture_is_no_background(
    view: Callable[[float], np.ndarray], camera: str, written: Callable[[np.ndarray, int], None]
) -> None:
    """Before a wall whose own corners are faint."""
    faint = 128 + (_WALL.astype(float) - 128) * 0.25
    assert told(view, wall=faint.astype(np.uint8), written=written)["camera"] == camera


@pytest.mark.parametrize(("nearer", "camera"), [(1.0, "turning"), (1.1, "turning"), (1.6, "moving"), (0.0, "turning")])
def test_what_is_near_goes_faster_before_a_camera_that_is_carried(nearer: float, camera: str) -> None:
    """What is far alone looks as if the camera turned. A tenth: a phone at arm's length; nothing: written over the picture."""
    found = told(lambda t: turned(10 * t - 10), low=lambda t: turned(nearer * (10 * t - 10)))
    assert found["camera"] == camera, found


def test_a_pan_is_measured() -> None:
    found = told(lambda t: turned(10 * t - 10))
    degrees = 10 * (FRAMES - 1) / FPS
    assert found["shift_share"] == pytest.approx(0.9 * np.radians(degrees), rel=0.03)
    assert found["speed_share_per_s"] == pytest.approx(0.9 * np.radians(10), rel=0.05)
    assert found["inlier_share"] > 0.9


def turns_of(way: np.ndarray, focal_share: float = 0.9) -> np.ndarray:
    """The first camera's axes from each one's, [T, 3, 3], for a focal length in long sides of the picture."""
    out = [np.eye(3)]
    for right, down, clockwise, _ in np.diff(way.astype(float), axis=0):
        then_from_before = cv2.Rodrigues(np.array([-down / focal_share, right / focal_share, clockwise]))[0]
        out.append(out[-1] @ then_from_before.T)
    return np.array(out)


def off_deg(turns: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Between turns since the first [T, 3, 3] and exact axes [T, 3, 3]: [T]."""
    same = np.einsum("tij,tij->t", turns, exact[0].T @ exact)
    return np.degrees(np.arccos(((same - 1) / 2).clip(-1, 1)))


@pytest.mark.parametrize(
    "view",
    [
        lambda t: turned(),
        lambda t: turned(14 * t - 14, 3 * t, 4 * t),
        lambda t: turned(25 * np.sin(2 * t), 5 * np.cos(3 * t)),
        lambda t: turned(0, 0, 20 * t),
    ],
    ids=["tripod", "pan, tilt and roll", "to and fro", "roll"],
)
def test_how_the_camera_turned(view: Callable[[float], np.ndarray]) -> None:
    times = np.arange(FRAMES) / FPS
    way = filmed(view).way(times)
    assert way.shape == (FRAMES, 4) and way.dtype == np.float32 and not way[0].any()
    assert off_deg(turns_of(way), np.array([view(t) for t in times])).max() < 0.7


def test_frames_without_background_go_on_as_before_and_after() -> None:
    motion = filmed(lambda t: turned(20 * t - 20))
    whole = motion.way(np.arange(FRAMES) / FPS)
    motion._steps[10:14] = [None] * 4
    assert motion.way(np.arange(FRAMES) / FPS) == pytest.approx(whole, abs=5e-3)


@pytest.mark.parametrize("focal_share", [0.6, 0.9, 1.5, 2.0])
def test_a_pan_tells_the_lens(focal_share: float) -> None:
    motion = filmed(lambda t: turned(14 * t - 14, 3 * t), focal_share=focal_share)
    assert motion.told()["focal_share"] == pytest.approx(focal_share, rel=0.12)
    turns = turns_of(motion.way(np.arange(FRAMES) / FPS), focal_share)
    assert off_deg(turns, np.array([turned(14 * n / FPS - 14, 3 * n / FPS) for n in range(FRAMES)])).max() < 0.6


@pytest.mark.parametrize("view", [lambda t: turned(), lambda t: turned(0, 0, 20 * t), lambda t: carried(0.25 * t, 0)])
def test_other_cameras_do_not_tell_it(view: Callable[[float], np.ndarray]) -> None:
    assert "focal_share" not in told(view)


def test_a_lens_that_is_known_is_not_told() -> None:
    motion = BackgroundMotion(focal_share=0.9)
    assert "focal_share" not in filmed(lambda t: turned(14 * t), motion=motion).told()


def test_an_even_wall_says_nothing() -> None:
    assert told(lambda t: turned(10 * t), wall=np.full_like(_WALL, 128))["camera"] == "unknown"


@pytest.mark.parametrize(("first", "light", "noise", "seed"), [(0, 0.2, 8.0, 1), (100, 0.1, 4.0, 0), (100, 0.15, 8.0, 0)])
def test_what_moves_in_the_dark_is_noise(first: int, light: float, noise: float, seed: int) -> None:
    """The bundled clip, whose camera stands still, as a phone films it at night."""
    random = np.random.default_rng(seed)
    with av.open(_DATA / "demo.mp4") as film:
        pictures = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)][first : first + 100]
    dark = [(light * rgb + random.normal(0, noise, rgb.shape)).clip(0, 255).astype(np.uint8) for rgb in pictures]
    with np.load(_DATA / "demo_truth.npz", allow_pickle=False) as truth:
        extras = truth["extra_positions_camera_m"]
        extras_px = truth["image_size_px"] / 2 + truth["focal_length_px"] * extras[..., :2] / extras[..., 2:]
        names = [*truth["joint_names"], *(name.replace("_toe", "_foot_index") for name in truth["extra_names"].tolist())]
        at = dict(zip(names, np.concatenate([truth["joints_px"], extras_px], axis=1).swapaxes(0, 1), strict=True))
        bodies = np.stack([at.get(name, at["nose"]) for name in LANDMARK_NAMES], axis=1) / truth["image_size_px"]
    motion = BackgroundMotion()
    for n, rgb in enumerate(_as_filmed(dark)):
        motion.look(n / FPS, rgb, [bodies[first + n]])
    assert motion.told()["camera"] in ("still", "unknown")


def _as_filmed(pictures: list[np.ndarray]) -> list[np.ndarray]:
    """Encoded as H.264 and decoded again, which makes patches of noise that stay and jump."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as film:
        stream = film.add_stream("libx264", rate=round(FPS), options={"crf": "28"})
        stream.pix_fmt = "yuv420p"
        stream.height, stream.width = pictures[0].shape[:2]
        for rgb in pictures:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        film.mux(stream.encode())
    file.seek(0)
    with av.open(file) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


@pytest.mark.parametrize(
    ("view", "cuts_s"),
    [
        (lambda t: turned(40 if t > 0.79 else 0), [0.8]),
        (lambda t: turned(0.5 * t + (40 if t > 0.79 else 0), -0.3 * t + (20 if t > 1.27 else 0)), [0.8, 1.28]),
        (lambda t: turned(45 * t - 45), []),
        (lambda t: turned(200 * min(max(t - 0.8, 0), 0.2)), []),  # swept round
        (lambda t: turned(0.15 * np.sin(9 * t), 0.15 * np.cos(7 * t)), []),
    ],
    ids=["a cut", "two, of a camera that pans", "fast pan", "whip pan", "held still"],
)
def test_cuts_are_found(view: Callable[[float], np.ndarray], cuts_s: list[float]) -> None:
    """To the frame, between two looks."""
    found = filmed(view).cuts_s()
    assert len(found) == len(cuts_s) and np.allclose(found, cuts_s), found


def test_too_few_pictures_say_nothing() -> None:
    assert BackgroundMotion().told() == {"camera": "unknown"}
    assert not BackgroundMotion().way(np.arange(3) / FPS).any()


@pytest.mark.parametrize("view", [lambda t: turned(12 * t, 3 * t), lambda t: turned(40 * np.sin(2 * t)), lambda t: turned()])
def test_two_who_looked_at_a_part_each_tell_what_one_would(view: Callable[[float], np.ndarray]) -> None:
    class Halves:
        def __init__(self) -> None:
            self.first, self.second, self.begun = BackgroundMotion(), BackgroundMotion(), False

        def look(self, time_s: float, rgb: np.ndarray, bodies: list[np.ndarray]) -> None:
            """The second one looks on its way in as well, as a tracker does."""
            if time_s < 1.0:
                self.first.look(time_s, rgb, bodies)
            elif not self.begun:
                self.second, self.begun = self.second.anew(), True
            if time_s > 0.7:
                self.second.look(time_s, rgb, bodies)

    whole, halves = filmed(view), filmed(view, motion=Halves())
    halves.first.go_on_with(halves.second, 1.0)
    times = np.arange(FRAMES) / FPS
    np.testing.assert_allclose(halves.first.way(times), whole.way(times), atol=0.004)
    one, two = whole.told(), halves.first.told()
    assert one["camera"] == two["camera"]
    assert two["shift_share"] == pytest.approx(one["shift_share"], rel=0.03, abs=0.001)
    assert two.get("focal_share", 0) == pytest.approx(one.get("focal_share", 0), rel=0.1)


def test_where_nobody_saw_the_step_it_goes_on_as_fast() -> None:
    first, second = (filmed(lambda t: turned(12 * t)) for _ in range(2))
    way = second.way(np.arange(FRAMES) / FPS)
    short = BackgroundMotion()
    short.go_on_with(second, 0.5)  # nothing before, and its first picture is left out
    short.go_on_with(first, 1.5)
    np.testing.assert_allclose(np.diff(short.way(np.arange(FRAMES) / FPS)[15:, 0]), np.diff(way[15:, 0]), atol=0.002)
