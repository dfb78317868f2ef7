"""Sizes and durations as people read them."""

import math

import pytest

from testbed.model.human import duration, size


@pytest.mark.parametrize(
    ("bytes_", "output"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (999.6, "1.0 kB"),
        (1300, "1.3 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_600, "1.0 MB"),
        (1.3e9, "1.3 GB"),
        (7.2e15, "7,200 TB"),
        (math.inf, "unlimited"),
    ],
)
def test_a_size_is_said_in_the_unit_that_fits(bytes_, output):
    assert size(bytes_) == output


@pytest.mark.parametrize(
    ("seconds", "output"),
    [
        (0, "0 s"),
        (0.44, "0.4 s"),
        (7, "7 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h"),
        (12_000, "3 h 20 min"),
        (172_790, "2 d"),
        (200_000, "2 d 8 h"),
        (math.nan, "unknown"),
        (math.inf, "unknown"),
    ],
)
def test_a_duration_is_said_in_two_units_at_most(seconds, output):
    assert duration(seconds) == output
