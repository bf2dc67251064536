"""The extension in a real Blender with a window, driven by simulated keys and mouse.

python3 build.py test tests/gui          POSE3D_TEST_BLENDERS names the Blender, POSE3D_TEST_GUI_OUT keeps the pictures

Takes some minutes. Those beside it are marked slow, and run with `-m slow` only.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.gui.harness import driven
from tests.worker.workers import is_alive


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What one run of all scenarios saw."""
    kept = os.environ.get("POSE3D_TEST_GUI_OUT")
    return driven(Path(__file__).with_name("driver.py"), Path(kept) if kept else tmp_path_factory.mktemp("gui"))


def test_first_use_offers_the_set_up_and_says_where_to_allow_it(seen: dict[str, Any]) -> None:
    assert seen["may set up"] is False  # offline, as every fresh Blender is
    assert "Allow Online Access" in seen["why not"]


def test_progress_moves_while_the_view_is_orbited(seen: dict[str, Any]) -> None:
    assert len(seen["percents"]) >= 3 and seen["orbits"] >= 1
    assert "frames/s" in seen["detail"] and "left" in seen["detail"]


def test_the_action_is_one_undo_step(seen: dict[str, Any]) -> None:
    assert f"“{seen['action']}”" in seen["message"] and seen["frames"][1] > 100
    assert seen["after undo"] == [None, []]
    assert seen["clip after undo"].endswith("walk.mp4")  # what came before the run is still there
    assert seen["after redo"] == seen["action"]


def test_undo_and_saving_do_not_disturb_a_run_and_escape_ends_it(seen: dict[str, Any]) -> None:
    assert seen["running after undo"] is True
    assert "cancelled" in seen["cancel message"]
    assert seen["cancel s"] < (1.0 if seen["load"] < 1 else 5.0)


def test_a_take_is_solved_in_seconds_without_the_clip(seen: dict[str, Any]) -> None:
    assert seen["takes"] == ["walk.mp4"]
    assert seen["take s"] < (15 if seen["load"] < 1 else 60) and "Made the action" in seen["take message"]


def test_a_dropped_video_starts_a_run(seen: dict[str, Any]) -> None:
    assert seen["dropped"] is True


def test_a_killed_worker_is_one_sentence_with_its_log(seen: dict[str, Any]) -> None:
    assert "stopped unexpectedly (signal SIGKILL)" in seen["died"]
    assert "SIGKILL" in seen["log"] and "Blender" in seen["log"]


def test_switched_off_nothing_is_left(seen: dict[str, Any]) -> None:
    assert seen["drawn"] is True and seen["left over"] == []


def test_quitting_ends_the_worker(seen: dict[str, Any]) -> None:
    end_s = time.monotonic() + 5
    while is_alive(seen["worker"]) and time.monotonic() < end_s:
        time.sleep(0.1)
    assert not is_alive(seen["worker"])


def test_the_window_never_waits_long(seen: dict[str, Any]) -> None:
    stalls = seen["stalls ms"]
    for phase in ("start of the run", "quiet run", "quiet solve", "own modal", "own draw"):
        assert stalls[phase]["longest computing"] < 50, stalls
        if seen["load"] < 1:  # else other programs hold the processors, and the window waits for them
            assert stalls[phase]["longest"] < 50, stalls
