"""Student's t intervals of means and of paired ratios."""

import math

import pytest
from scipy import stats

from testbed.analysis.intervals import holm, of_mean, of_ratio, t_quantile


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(1, 12.7062), (4, 2.77645), (20, 2.08596), (21, 2.07961), (30, 2.04227), (120, 1.97993)]
)
def test_quantiles_are_those_of_printed_tables(freedom, quantile):
    assert t_quantile(freedom) == pytest.approx(quantile, abs=1e-5)


def test_the_interval_of_a_mean_by_hand():
    estimate = of_mean([1.0, 2.0, 3.0])
    assert estimate.value == 2.0
    assert estimate.high - 2.0 == pytest.approx(4.302653 / math.sqrt(3))
    assert estimate.low == pytest.approx(4.0 - estimate.high)


def test_one_observation_has_no_interval():
    estimate = of_mean([5.0])
    assert estimate.value == 5.0
    assert math.isnan(estimate.low) and math.isnan(estimate.high)


def test_pairing_removes_what_both_share():
    b = [1.0, 4.0, 9.0, 2.0]
    estimate = of_ratio([0.9 * x for x in b], b)
    assert estimate.value == pytest.approx(0.9)
    assert estimate.high - estimate.low == pytest.approx(0.0, abs=1e-12)


def test_the_ratio_is_that_of_the_means_and_its_interval_covers_it():
    a, b = [1.0, 2.0, 3.0], [2.0, 2.0, 2.5]
    estimate = of_ratio(a, b)
    assert estimate.value == pytest.approx(sum(a) / sum(b))
    assert estimate.low < estimate.value < estimate.high


def test_nothing_to_divide_by_is_no_ratio():
    assert math.isnan(of_ratio([1.0, 2.0], [0.0, 0.0]).value)
    assert math.isnan(of_ratio([], []).value)
    with pytest.raises(ValueError, match="no pairs"):
        of_ratio([1.0], [1.0, 2.0])


def test_the_p_value_belongs_to_the_interval():
    a, b = [1.0, 2.0, 3.0, 2.2], [1.6, 2.4, 3.9, 2.1]
    estimate = of_ratio(a, b)
    half = (estimate.high - estimate.low) / 2
    bound = (1 - estimate.value) / half * t_quantile(3)
    assert estimate.p == pytest.approx(2 * stats.t.sf(bound, 3))
    assert (estimate.p < 0.05) == (estimate.high < 1)
    assert of_ratio(a, a).p == 1.0 and of_ratio([2.0, 4.0], [1.0, 2.0]).p == 0.0
    assert math.isnan(of_ratio([1.0], [2.0]).p)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    corrected = holm([0.5, math.nan, 0.9])
    assert corrected[0] == 1.0 and math.isnan(corrected[1]) and corrected[2] == 1.0
    assert holm([]) == []
