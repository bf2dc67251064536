"""What was seen of a whole clip, kept for the next time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from lifter import detect as detect_module
from lifter.clip import Clip, frames, open_clip
from lifter.detect import detect
from lifter.landmark_model import LandmarkModel

from .conftest import REPOSITORY
from .test_look import same_values

DEMO = REPOSITORY / "tests" / "data" / "demo.mp4"


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Clip]:
    """The clips that were looked at."""
    looked: list[Clip] = []
    look = detect_module.look
    monkeypatch.setattr(detect_module, "look", lambda clip, *a, **k: looked.append(clip) or look(clip, *a, **k))
    return looked


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """A second person beside the one of the bundled clip, its mirror image."""
    path = tmp_path_factory.mktemp("pair") / "two.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25, (600, 300))
    for _, rgb in frames(open_clip(DEMO, end_s=1.5)):
        one = cv2.cvtColor(cv2.resize(rgb, (300, 300)), cv2.COLOR_RGB2BGR)
        writer.write(np.hstack([one, one[:, ::-1]]))
    writer.release()
    return open_clip(path)


def test_another_person_needs_no_second_look(pair: Clip, made_model: LandmarkModel, tmp_path: Path, looks: list[Clip]) -> None:
    alone = {person: detect(pair, landmark_model=made_model, person=person) for person in ("1", "2")}
    assert not same_values(alone["1"], alone["2"])
    looks.clear()
    told: list[int] = []
    for person in ("1", "2", "1"):
        kept = detect(
            pair, landmark_model=made_model, person=person, keep_seen=tmp_path, progress=lambda count, total: told.append(count)
        )
        assert same_values(kept, alone[person])
        assert kept.provenance["people"] == alone[person].provenance["people"]
    assert looks == [pair, pair], "once for one person, once for several"
    assert len(list(tmp_path.iterdir())) == 1 and told[-1] == len(alone["1"].timestamps_s)


def test_another_range_rate_or_model_is_looked_at(made_model: LandmarkModel, tmp_path: Path, looks: list[Clip]) -> None:
    clip, other = open_clip(DEMO, end_s=0.6), LandmarkModel(made_model.path, "0" * 64, False)
    detect(clip, landmark_model=made_model, keep_seen=tmp_path)
    for again, model, fps in (
        (open_clip(DEMO, end_s=0.6, filmed_fps=100), made_model, None),
        (open_clip(DEMO, end_s=0.5), made_model, None),
        (open_clip(DEMO, start_s=0.1, end_s=0.6), made_model, None),
        (clip, made_model, 10.0),
        (clip, other, None),
    ):
        looks.clear()
        detect(again, landmark_model=model, sample_fps=fps, keep_seen=tmp_path)
        assert len(looks) == 1, (again, model, fps)
    assert len(list(tmp_path.iterdir())) == 6


@pytest.mark.parametrize("damage", ["empty", "no zip", "half", "another's"])
def test_a_damaged_file_is_as_good_as_none(damage: str, made_model: LandmarkModel, tmp_path: Path, looks: list[Clip]) -> None:
    clip = open_clip(DEMO, end_s=0.6)
    whole = detect(clip, landmark_model=made_model, keep_seen=tmp_path)
    (path,) = tmp_path.iterdir()
    content = path.read_bytes()
    if damage == "another's":
        detect(open_clip(DEMO, end_s=0.5), landmark_model=made_model, keep_seen=tmp_path)
        (other,) = (found for found in tmp_path.iterdir() if found != path)
        other.replace(path)
    else:
        path.write_bytes({"empty": b"", "no zip": b"no zip", "half": content[: len(content) // 2]}[damage])
    looks.clear()
    assert same_values(detect(clip, landmark_model=made_model, keep_seen=tmp_path), whole)
    assert same_values(detect(clip, landmark_model=made_model, keep_seen=tmp_path), whole)
    assert len(looks) == 1, "the damaged file is replaced"


def test_where_nothing_can_be_kept_nothing_is_lost(made_model: LandmarkModel, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    track = detect(open_clip(DEMO, end_s=0.6), landmark_model=made_model, keep_seen=tmp_path / "file" / "seen")
    assert track.detected.all()
