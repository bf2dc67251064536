"""Settings for all tests."""

from __future__ import annotations

try:
    from hypothesis import settings
except ImportError:  # a Blender's Python runs some of the tests and has only pytest
    pass
else:
    # How long an example takes says more about what else the machine does than about the code.
    settings.register_profile("pose3d", deadline=None)
    settings.load_profile("pose3d")
