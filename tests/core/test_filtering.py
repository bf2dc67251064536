"""Filters over time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from blender_pose3d.core import filtering
from blender_pose3d.core.filtering import nearest_valid


@given(st.lists(st.booleans(), min_size=1, max_size=40).filter(any))
def test_the_nearest_valid_frame_is_the_nearest(flags: list[bool]) -> None:
    valid = np.array(flags)
    places = np.flatnonzero(valid)
    everything = places[np.abs(np.arange(len(valid))[:, None] - places[None]).argmin(1)]
    np.testing.assert_array_equal(nearest_valid(valid), everything)


def test_a_rolling_minimum_is_that_of_the_frames_within_the_window() -> None:
    random = np.random.default_rng(0)
    for count in (1, 2, 7, 60):
        times = np.cumsum(random.uniform(0.01, 0.2, count))
        values = random.normal(size=count)
        for half in (0.0, 0.15, 0.7, 100.0):
            wanted = [values[np.abs(times - t) <= half].min() for t in times]
            assert filtering.rolling_minimum(values, times, half).tolist() == wanted


@pytest.mark.parametrize("weighted", [False, True])
def test_smoothing_is_a_gaussian_over_uneven_times(weighted: bool) -> None:
    """Written again as one matrix; frames beyond three times its width do not count."""
    random = np.random.default_rng(1)
    times = np.cumsum(random.uniform(0.03, 0.05, 40))
    values, weights = random.normal(size=(40, 2, 3)), random.uniform(0.1, 1.0, (40, 2)) if weighted else None
    sigma_s = 0.1
    reach = int(np.ceil(3 * sigma_s / np.median(np.diff(times))))
    apart = np.arange(40)[:, None] - np.arange(40)
    gauss = np.where(np.abs(apart) <= reach, np.exp(-0.5 * ((times[:, None] - times) / sigma_s) ** 2), 0.0)
    shares = np.ones((40, 2)) if weights is None else weights
    wanted = np.einsum("ts,sn,snd->tnd", gauss, shares, values) / np.einsum("ts,sn->tn", gauss, shares)[..., None]
    np.testing.assert_allclose(filtering.smoothed(values, times, sigma_s, weights), wanted, atol=1e-12)
