"""Shards of one sequence each, the pairs file that is made of them, and a look at it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from lifter.clip import frames as frames_of
from lifter.clip import open_clip
from lifter.errors import LifterError
from lifter.files import replacing
from lifter.joints import LANDMARK_INDEX
from lifter.metrics import p_mpjpe
from lifter.preview import draw_landmarks

_SHARED = ("joint_names", "head_joint_names", "image_px", "fps")


def shard_path(out: Path, seed: int) -> Path:
    return out / "shards" / f"{seed:06d}.npz"


def film_path(out: Path, seed: int) -> Path:
    return out / "films" / f"{seed:06d}.mp4"


def write_shard(out: Path, seed: int, arrays: dict[str, np.ndarray]) -> None:
    _write(shard_path(out, seed), arrays)


def _write(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_shards(out: Path) -> dict[str, np.ndarray]:
    """All shards, stacked in the order of their seeds. Raises LifterError if there are none, or they do not go together."""
    rows = []
    for path in sorted((out / "shards").glob("[0-9]*.npz")):
        with np.load(path, allow_pickle=False) as file:
            rows.append({key: file[key] for key in file.files})
    if not rows:
        raise LifterError(f"There are no shards in {out}.", hint="Make some first.")
    merged = {}
    for key in rows[0]:
        if key in _SHARED:
            if any(not np.array_equal(row[key], rows[0][key]) for row in rows):
                raise LifterError(f"The shards in {out} differ in {key}.", hint="Use one folder for each kind.")
            merged[key] = rows[0][key]
        else:
            merged[key] = np.stack([row[key] for row in rows])
    return merged


def merge(out: Path, path: Path) -> dict[str, np.ndarray]:
    """Writes the pairs file; returns its arrays."""
    merged = read_shards(out)
    _write(path, merged)
    return merged


def report(pairs: dict[str, np.ndarray]) -> str:
    """Sequences, share found, and the error of the detector's own 3D: P-MPJPE over the 12 joints, mean of sequences."""
    columns = [LANDMARK_INDEX[name] for name in pairs["joint_names"].tolist()]
    found = np.isfinite(pairs["landmarks_px"]).all((2, 3))
    lines = []
    for character in [None, *sorted(set(pairs["character"].tolist()))]:
        chosen = np.flatnonzero([character in (None, c) for c in pairs["character"].tolist()])
        errors_mm = [
            1000 * p_mpjpe(pairs["world_landmarks_m"][s, found[s]][:, columns], pairs["joints_camera_m"][s, found[s]]).mean()
            for s in chosen
            if found[s].any()
        ]
        error = f"{np.mean(errors_mm):.0f} mm" if errors_mm else "-"
        lines.append(f"{character or 'all'}: {len(chosen)} sequences, found in {found[chosen].mean():.1%}, P-MPJPE {error}")
    return "\n".join(lines)


def sheet(out: Path, path: Path, *, columns: int = 6, start: int = 0) -> None:
    """One picture of every kept film with the detector's bones, and the true joints as dots (left red, right green)."""
    pictures = []
    for film in sorted((out / "films").glob("*.mp4"))[start:][: columns * columns]:
        with np.load(shard_path(out, int(film.stem)), allow_pickle=False) as shard:
            middle = len(shard["joints_px"]) // 2
            rgb = [picture for _, picture in frames_of(open_clip(film))][middle]
            drawn = draw_landmarks(rgb, shard["landmarks_px"][middle], np.nan_to_num(shard["visibility"][middle]))
            for name, (x, y) in zip(shard["joint_names"].tolist(), shard["joints_px"][middle], strict=True):
                colour = (255, 0, 0) if name.startswith("left") else (0, 255, 0)
                cv2.circle(drawn, (round(float(x)), round(float(y))), 3, colour, -1)
            label = f"{film.stem} {shard['character']} {float(shard['person_yaw_deg']):.0f}"
            cv2.putText(drawn, label, (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 0))
            pictures.append(drawn)
    if not pictures:
        raise LifterError(f"There are no films in {out}.", hint="Make some with --keep-films.")
    blank = np.zeros_like(pictures[0])
    pictures += [blank] * (-len(pictures) % columns)
    rows = [np.concatenate(pictures[i : i + columns], axis=1) for i in range(0, len(pictures), columns)]
    with replacing(path) as temporary:
        encoded = cv2.imencode(".png", cv2.cvtColor(np.concatenate(rows), cv2.COLOR_RGB2BGR))[1]
        temporary.write_bytes(encoded.tobytes())
