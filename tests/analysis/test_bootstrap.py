"""Bootstrap intervals over seeds and workloads."""

import numpy as np
import pytest

from testbed.analysis.bootstrap import band, interquartile_mean, ratio_of_means


def test_intervals_are_paired_by_workload():
    rng = np.random.default_rng(1)
    hard = rng.normal(1.0, 0.3, 10)
    a, b = hard * 0.97 + rng.normal(0, 0.002, (5, 10)), hard
    estimate = ratio_of_means(a, b)
    assert estimate.value == pytest.approx(0.97, abs=0.01) and estimate.low > 0.95 and estimate.high < 0.99
    again = ratio_of_means(a, b)
    assert (again.low, again.high) == (estimate.low, estimate.high)


def test_spread_over_training_seeds_widens_the_interval():
    same, spread = np.full((4, 10), 0.9), np.array([[0.7], [0.9], [1.0], [1.0]]) * np.ones(10)
    widths = [one.high - one.low for one in (ratio_of_means(x, np.ones(10)) for x in (same, spread))]
    assert widths[0] == pytest.approx(0.0, abs=1e-12) and widths[1] > 0.1


def test_interquartile_mean_leaves_out_the_outer_quarters():
    assert interquartile_mean([100.0, 1.0, 2.0, 3.0, -50.0, 2.0, 2.0, 1.5]) == pytest.approx((1.5 + 2 + 2 + 2) / 4)
    assert interquartile_mean([[1.0, 2.0], [3.0, 4.0]]).tolist() == [2.0, 3.0]


def test_a_band_holds_the_middle_and_is_a_point_where_all_curves_agree():
    curves = np.column_stack([np.full(8, 2.0), np.arange(8.0)])
    middle, low, high = band(curves)
    assert (middle[0], low[0], high[0]) == (2.0, 2.0, 2.0)
    assert low[1] < middle[1] == 3.5 < high[1] and [x.tolist() for x in band(curves)] == [
        middle.tolist(),
        low.tolist(),
        high.tolist(),
    ]
