"""Straight edges, by the real line segment detector on drawn pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from lifter.background import BackgroundMotion
from lifter.background_lines import straight_lines

_WIDTH, _HEIGHT = 480, 270
# x and y of both ends, in pixels: a door post, a leaning one, a shelf.
EDGES = np.array([[100, 30, 100, 200], [380, 20, 350, 180], [150, 60, 300, 66]], float)


def room(edges: np.ndarray = EDGES, *, grey: int = 150) -> np.ndarray:
    """[h, w]: each edge is where a darker board of 12 pixels begins, drawn four times as large and made smaller."""
    large = np.full((4 * _HEIGHT, 4 * _WIDTH), grey, np.uint8)
    for x0, y0, x1, y1 in 4 * edges:
        way = np.array([x1 - x0, y1 - y0]) / np.hypot(x1 - x0, y1 - y0)
        aside = 48 * np.array([-way[1], way[0]])
        corners = np.array([[x0, y0], [x1, y1], [x1 + aside[0], y1 + aside[1]], [x0 + aside[0], y0 + aside[1]]])
        cv2.fillConvexPoly(large, corners.round().astype(np.int32), grey // 3)
    return cv2.resize(large, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_AREA)


def nearest_off(found: np.ndarray, edge: np.ndarray) -> tuple[float, float]:
    """Of the found edge [L, 4] that lies most along this one, in pixels: how far its ends are off the line, and its length."""
    ends = found.reshape(-1, 2, 2) * _WIDTH
    way = (edge[2:] - edge[:2]) / np.linalg.norm(edge[2:] - edge[:2])
    off = np.abs((ends - edge[:2]) @ [-way[1], way[0]]).max(1)
    best = int(off.argmin())
    return float(off[best]), float(np.linalg.norm(ends[best, 1] - ends[best, 0]))


def test_edges_are_found_where_they_are() -> None:
    found = straight_lines(room(), np.full((_HEIGHT, _WIDTH), 255, np.uint8))
    assert found.dtype == np.float32 and found.shape[1] == 4
    for edge in EDGES:
        off_px, length_px = nearest_off(found, edge)
        assert off_px < 0.5 and length_px > 0.9 * np.linalg.norm(edge[2:] - edge[:2])
    lengths = np.linalg.norm(found[:, 2:] - found[:, :2], axis=1)
    assert (np.diff(lengths) <= 0).all() and lengths.min() >= 0.05


def test_what_is_on_a_person_or_too_short_is_none() -> None:
    around = np.full((_HEIGHT, _WIDTH), 255, np.uint8)
    around[100:120, 60:130] = 0  # somebody stands before the middle of the first post
    found = straight_lines(room(), around)
    assert nearest_off(found, EDGES[0])[0] > 2 and nearest_off(found, EDGES[1])[0] < 0.5
    short = np.array([[100, 30, 100, 45], [200, 50, 214, 50]], float)
    boards = straight_lines(room(short), np.full((_HEIGHT, _WIDTH), 255, np.uint8))
    assert len(boards) == 0
    assert straight_lines(np.full((90, 160), 80, np.uint8), np.full((90, 160), 255, np.uint8)).shape == (0, 4)


def drawn_over(picture: np.ndarray, what: str) -> np.ndarray:
    out = picture.copy()
    if what == "bars":
        out[:24] = out[-24:] = 0
    for share in (1 / 3, 2 / 3) if what == "thirds" else ():
        column, row = round(share * _WIDTH), round(share * _HEIGHT)
        out[:, column] = 0.7 * 255 + 0.3 * out[:, column]
        out[row : row + 2] = 0.7 * 255 + 0.3 * out[row : row + 2]
    return out


@pytest.mark.parametrize("what", ["bars", "thirds"])
def test_what_is_drawn_over_the_picture_is_no_room(what: str) -> None:
    """Somebody's head is before one of the lines."""
    picture = drawn_over(room(), what)
    picture[85:95, 200:220] = 200
    found = straight_lines(picture, np.full((_HEIGHT, _WIDTH), 255, np.uint8))
    for edge in EDGES[[0, 2]]:
        assert nearest_off(found, edge)[0] < 0.6
    exact = np.abs(found[:, 2:] - found[:, :2]).min(axis=1) * _WIDTH < 0.3
    post = np.abs(found[:, 0] * _WIDTH - EDGES[0, 0]) < 15
    assert not (exact & ~post).any(), found[exact & ~post] * _WIDTH


def test_an_edge_along_the_whole_picture_is_a_rooms_where_it_is_held_as_by_hand() -> None:
    skirting = np.array([[2, 210, _WIDTH - 2, 213]], float)  # a third of a degree
    found = straight_lines(room(skirting), np.full((_HEIGHT, _WIDTH), 255, np.uint8))
    assert nearest_off(found, skirting[0])[1] > 300


@pytest.mark.parametrize("still", [True, False])
def test_a_clip_shows_its_first_picture_or_a_better_last_one(still: bool) -> None:
    background = BackgroundMotion()
    assert background.lines(still=still).shape == (0, 4)
    for time_s, picture in ((0.0, room(EDGES[:1])), (0.5, room(EDGES))):
        background.look(time_s, np.repeat(picture[..., None], 3, axis=2), [])
    found = background.lines(still=still)
    assert nearest_off(found, EDGES[0])[0] < 0.7
    assert (nearest_off(found, EDGES[2])[0] < 0.7) == still


def test_whoever_stands_there_is_left_out() -> None:
    body = np.full((33, 2), 0.3)
    body[:, 0] = 100 / _WIDTH + np.linspace(-0.03, 0.03, 33)
    body[:, 1] = np.linspace(0.1, 0.8, 33)
    background = BackgroundMotion()
    background.look(0.0, np.repeat(room()[..., None], 3, axis=2), [body])
    assert nearest_off(background.lines(still=True), EDGES[0])[0] > 2
