"""Filters over time."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from blender_pose3d.core.filtering import nearest_valid


@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
def test_the_nearest_valid_frame_is_the_nearest(flags: list[bool]) -> None:
    valid = np.array(flags)
    places = np.flatnonzero(valid)
    everything = places[np.abs(np.arange(len(valid))[:, None] - places[None]).argmin(1)]
    np.testing.assert_array_equal(nearest_valid(valid), everything)
