"""The worker killed at random moments in a real Blender with a window: Blender is well each time, and the next run works.

python3 build.py test tests/gui/test_kills.py -m slow -s          POSE3D_TEST_KILLS (30) times, POSE3D_TEST_SEED (1)
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.gui.harness import driven

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]


def test_a_worker_killed_at_random_moments(tmp_path: Path) -> None:
    times = int(os.environ.get("POSE3D_TEST_KILLS", "30"))
    kept = os.environ.get("POSE3D_TEST_GUI_OUT")
    seen = driven(Path(__file__).with_name("kills.py"), Path(kept) if kept else tmp_path, limit_s=120 + 90 * times)
    kills = seen["kills"]
    print(f"\na run takes {seen['run s']} s; killed after (s), in stage, at %, said so after (s)")
    for after_s, stage, percent, said_s, _ in kills:
        print(f"{after_s:>8} {stage:<22}{percent:>4} {said_s:>6}")
    assert len(kills) == times and seen["whole runs"] >= times // 3 and seen["well"] is True
    assert len({stage for _, stage, *_ in kills}) >= (2 if times >= 20 else 1), "the moments are not spread"
    assert not any(leftovers for *_, leftovers in kills), "half-written files are left"
