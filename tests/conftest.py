"""Settings for all tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# As `python -m lifter` does it, before torch is loaded: threads that spin where they wait, in each of the processes that test
# side by side, have kept two processors busy for a quarter of an hour with a training of seconds.
for _name, _value in {"KMP_BLOCKTIME": "0", "OMP_WAIT_POLICY": "PASSIVE"}.items():
    os.environ.setdefault(_name, _value)

try:
    from hypothesis import settings
except ImportError:  # a Blender's Python runs some of the tests and has only pytest
    pass
else:
    # How long an example takes says more about what else the machine does than about the code.
    settings.register_profile("pose3d", deadline=None)
    settings.load_profile("pose3d")


@pytest.fixture
def another_user(tmp_path: Path) -> Iterator[None]:
    """Nobody may look into tmp_path. Root may always, so it is another user until the test ends."""
    if not hasattr(os, "geteuid"):
        pytest.skip("other users cannot be tried here")
    is_root = os.geteuid() == 0
    tmp_path.chmod(0)
    if is_root:
        os.seteuid(65534)
    yield
    if is_root:
        os.seteuid(0)
    tmp_path.chmod(0o700)
