from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from blender_pose3d.core.takes import SEEN_FOLDER, list_takes, prune


def make_take(
    folder: Path, name: str, *, age_s: float, settings: dict[str, float] | None = None, size: int = 1000, slowdown: float = 1
) -> Path:
    path = folder / f"{name}.npz"
    provenance = json.dumps({"clip": {"name": f"{name}.mp4", "slowdown": slowdown}, "settings": settings or {}})
    with path.open("wb") as file:
        np.savez(file, timestamps_s=np.arange(5) / 10 + 2.0, provenance=provenance, rest=np.zeros(size, np.uint8))
    os.utime(path, (1e9 - age_s, 1e9 - age_s))
    return path


def test_the_list_is_newest_first_and_shows_what_cannot_be_read(tmp_path):
    assert list_takes(tmp_path / "none") == []
    make_take(tmp_path, "old", age_s=100)
    make_take(tmp_path, "new", age_s=1, settings={"start_s": 2.0})
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no zip")
    os.utime(tmp_path / "broken.npz", (1e9 - 50, 1e9 - 50))
    (tmp_path / "bones-1.json").write_text("{}")
    takes = list_takes(tmp_path)
    assert [take.title for take in takes] == ["new.mp4, 2.0 to 2.4 s", "broken (cannot be read)", "old.mp4"]
    assert [take.is_readable for take in takes] == [True, False, True]
    assert takes[2].frames == 5 and abs(takes[2].seconds - 0.4) < 1e-9


def test_a_part_of_slow_motion_is_named_as_a_player_shows_it(tmp_path):
    make_take(tmp_path, "slow", age_s=1, settings={"start_s": 16.0}, slowdown=8)
    (take,) = list_takes(tmp_path)
    assert take.title == "slow.mp4, 16.0 to 19.2 s" and abs(take.seconds - 0.4) < 1e-9


def test_the_oldest_go_first_and_never_those_in_use(tmp_path):
    paths = [make_take(tmp_path, name, age_s=age) for name, age in (("a", 40), ("b", 30), ("c", 20), ("d", 10))]
    size = paths[0].stat().st_size
    assert prune(tmp_path, limit_bytes=4 * size, keep=[]) == []
    assert prune(tmp_path, limit_bytes=2.5 * size, keep=[paths[0]]) == [paths[1], paths[2]]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.npz", "d.npz"]
    assert prune(tmp_path, limit_bytes=0, keep=[paths[0]]) == [paths[3]]
    assert paths[0].exists()


def test_what_was_seen_has_a_tenth_of_the_room_and_counts_for_itself(tmp_path):
    seen = tmp_path / SEEN_FOLDER
    seen.mkdir()
    take = make_take(tmp_path, "take", age_s=100)
    old, new = make_take(seen, "old", age_s=50), make_take(seen, "new", age_s=40)
    size = take.stat().st_size
    assert [one.path for one in list_takes(tmp_path)] == [take]
    assert prune(tmp_path, limit_bytes=20 * size, keep=[]) == [] and old.exists() and new.exists()
    assert prune(tmp_path, limit_bytes=19 * size, keep=[]) == [] and take.exists() and new.exists() and not old.exists()
    assert prune(tmp_path, limit_bytes=0, keep=[take]) == [] and take.exists() and not new.exists()
