"""A clip's 2D landmarks, by MediaPipe's PoseLandmarker in video mode."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .background import MOVES
from .clip import Clip
from .errors import LifterError
from .joints import LANDMARK_NAMES
from .kept import KeptSeen
from .landmark_model import LandmarkModel
from .landmarker import MIN_DETECTION_CONFIDENCE, MIN_PRESENCE_CONFIDENCE, MIN_TRACKING_CONFIDENCE
from .look import SMALL, Seen, look
from .people import CHOICES, Person, check_choice, chosen, follow, size_px, without_glimpses, without_phantoms
from .piece_file import PieceFiles
from .track_file import Pose2DTrack
from .version import detector_versions

# Of a crowd the most prominent.
_MOST_PEOPLE = 4
# Frames that are so many times as far apart as most are have others missing between them.
_PAUSE = 1.75
# Who comes or goes and is small may have been there before or after, too small to be found; for less time nobody is looked for.
_AWAY_S = 1.0
# So many are named in the provenance.
_MOST_TOLD = 8


class Cancelled(Exception):
    """The caller's `cancelled` said yes; nothing was written."""


def detect(
    clip: Clip,
    *,
    landmark_model: LandmarkModel,
    sample_fps: float | None = None,
    person: str = CHOICES[0],
    pieces: Path | None = None,
    keep_seen: Path | None = None,
    progress: Callable[[int, int | None], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> Pose2DTrack:
    """Find one person in every frame of the clip's range, of several the one that `person` says (people.chosen).

    A landmark's confidence is the smaller of MediaPipe's visibility (not hidden) and presence (inside the picture): both count.
    Frames in which the person is not found are marked and left empty. pieces: a folder with what was seen of some of the clip's
    pieces (piece_file.py); the same is found with it and without. keep_seen: a folder in which what was seen of whole clips is
    kept, to be read instead of the clip the next time (kept.py). progress: called with (frames done, expected or None).
    Raises LifterError where no frame shows a person or there is none of that number, Cancelled where `cancelled` returns True.
    """
    check_choice(person)
    total = clip.expected_frame_count
    if total is not None and sample_fps is not None and sample_fps < clip.filmed_fps:
        total = max(1, round(total * sample_fps / clip.filmed_fps))

    def done(count: int) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled
        if progress is not None and count:
            progress(count, None if total is None else max(total, count))

    kept = None if keep_seen is None else KeptSeen(keep_seen, clip, landmark_model, sample_fps, _MOST_PEOPLE)
    seen = None if kept is None else kept.read()
    if seen is None:
        known = (lambda _: None) if pieces is None else PieceFiles(pieces, clip, landmark_model, sample_fps).read
        for closer in (False, True):
            if seen is None or _are_small(seen, clip.size_px):
                seen = look(clip, landmark_model.path, sample_fps, done, people=1, closer=closer, known=known)
                seen = seen or look(clip, landmark_model.path, sample_fps, done, people=_MOST_PEOPLE, closer=closer)
        assert seen is not None
        if kept is not None:
            kept.write(seen)
    else:
        done(len(seen.timestamps_s))
    times = np.array(seen.timestamps_s)
    if not any(map(len, seen.bodies)):
        raise LifterError(
            f"No person was found in {clip.path} ({len(times)} frames looked at).",
            hint="Use a clip that shows one person whole, large and well lit, or choose another part of it.",
        )
    width, height = clip.size_px
    scale_px = np.array([width, height], np.float32)
    poses = [[np.column_stack([body[:, :2] * scale_px, body[:, 5]]) for body in frame] for frame in seen.bodies]
    people = follow(poses, seen.timestamps_s, seen.colours)
    if person != "anyone":  # sizes leap there from one to the next, and whoever was found is taken
        people = [without_glimpses(without_phantoms(one, seen.timestamps_s), seen.timestamps_s) for one in people]
    meant = chosen(people, person, clip.size_px)
    values = np.full((len(times), len(LANDMARK_NAMES), 6), np.nan, np.float32)
    detected = np.zeros(len(times), bool)
    for frame, place in meant.places.items():
        values[frame], detected[frame] = seen.bodies[frame][place], True
    camera_motion = seen.background.told()
    lines_px = max(width, height) * seen.background.lines(still=camera_motion["camera"] == "still")
    return Pose2DTrack(
        fps=_nominal_fps(times, clip.filmed_fps),
        timestamps_s=times,
        landmark_names=LANDMARK_NAMES,
        landmarks_px=values[..., :2] * scale_px,
        landmark_confidence=np.nan_to_num(values[..., 5]).clip(0, 1),
        world_landmarks_m=values[..., 2:5].copy(),
        detected=detected,
        image_size_px=(width, height),
        provenance={
            **_provenance(clip, landmark_model, sample_fps),
            "people": _told(people, meant, person, times * clip.slowdown, clip.size_px),
            "camera_motion": camera_motion,
            **({"cuts_s": [round(cut_s * clip.slowdown, 3) for cut_s in cuts_s]} if (cuts_s := seen.background.cuts_s()) else {}),
        },
        background_way_share=seen.background.way(times) if camera_motion["camera"] in MOVES else None,
        background_lines_px=lines_px if len(lines_px) else None,
    )


def _are_small(seen: Seen, image_size_px: tuple[int, int]) -> bool:
    """Whether people may have been too small to be found: nobody was, or small ones come or go."""
    times = np.array(seen.timestamps_s)
    there = np.array([len(bodies) > 0 for bodies in seen.bodies])
    if not there.any():
        return True
    edges = np.flatnonzero(np.diff(np.concatenate([[True], there, [True]]).astype(int)))
    share = np.array(image_size_px) / max(image_size_px)
    sizes: list[float] = []
    for first, end in zip(edges[::2], edges[1::2], strict=True):
        if times[end - 1] - times[first] >= _AWAY_S:
            near = there & (times >= times[first] - _AWAY_S) & (times <= times[end - 1] + _AWAY_S)
            sizes += [size_px(body[:, :2] * share) for frame in np.flatnonzero(near) for body in seen.bodies[frame]]
    return bool(sizes) and float(np.median(sizes)) < SMALL


def _told(
    people: Sequence[Person], meant: Person, choice: str, times: np.ndarray, image_size_px: tuple[int, int]
) -> dict[str, Any]:
    """Who was in the clip, for the provenance: by number, so that another one can be asked for. times: as a player shows them."""
    return {
        "choice": choice,
        "number": people.index(meant) + 1 if meant in people else None,
        "found": [
            {
                "frames": len(person.places),
                "start_s": round(float(times[min(person.places)]), 3),
                "end_s": round(float(times[max(person.places)]), 3),
                "size_share": round(person.size_px / max(image_size_px), 3),
                "middle_share": [round(float(x), 3) for x in np.median(person.middles_px, axis=0) / image_size_px],
            }
            for person in people[:_MOST_TOLD]
        ],
    }


def _nominal_fps(timestamps_s: np.ndarray, header_fps: float) -> float:
    """The header's rate where the frames keep it, else that of the frames, but for pauses and those left out: variable rate, or
    sampled."""
    if len(timestamps_s) < 2:
        return header_fps
    apart_s = np.diff(timestamps_s)
    fps = 1 / float(apart_s[apart_s <= _PAUSE * np.median(apart_s)].mean())
    return header_fps if math.isclose(fps, header_fps, rel_tol=0.02) else fps


def _provenance(clip: Clip, model: LandmarkModel, sample_fps: float | None) -> dict[str, Any]:
    return {
        "versions": detector_versions(),
        "clip": {
            "name": clip.path.name,
            "sha256": clip.sha256,
            "rotation_deg": clip.rotation_deg,
            **({"mirrored": True} if clip.mirrored else {}),
            **({"slowdown": clip.slowdown} if clip.slowdown != 1 else {}),
            "focal_length_35mm": clip.focal_length_35mm,
        },
        "landmark_model": {"name": model.path.name, "sha256": model.sha256, "published": model.known},
        "settings": {
            "start_s": clip.start_s,
            "end_s": clip.end_s,
            "sample_fps": sample_fps,
            "min_detection_confidence": MIN_DETECTION_CONFIDENCE,
            "min_presence_confidence": MIN_PRESENCE_CONFIDENCE,
            "min_tracking_confidence": MIN_TRACKING_CONFIDENCE,
        },
    }
