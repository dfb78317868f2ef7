"""Dips of hand-made curves, and what coincides with them."""

import math
from random import Random

from testbed.analysis.dips import BEFORE, Dip, coincidence, dips, fisher

RNG = Random(7)
STEADY = [10.0 + RNG.uniform(-1.0, 1.0) for _ in range(200)]


def dipped(values, points, depth=8.0):
    return [value - depth if n in points else value for n, value in enumerate(values)]


def test_a_dip_is_found_and_has_recovered():
    spans = dips(dipped(STEADY, {100, 101, 102}))
    assert Dip(100, 103, recovered=True) in spans


def test_a_fall_for_good_has_not_recovered():
    # it goes on until half of the points before are low too, after which low is what is usual
    spans = dips(dipped(STEADY, set(range(150, 200)), depth=50.0))
    assert Dip(150, 150 + BEFORE // 2, recovered=False) in spans


def test_what_changes_at_dips_coincides():
    points = {40, 41, 90, 91, 140, 141, 180}
    spans = dips(dipped(STEADY, points))
    other = [5.0 + (4.0 if n in points else 0.1 * (n % 3)) for n in range(200)]
    together = coincidence(spans, other)
    assert together.ratio > 3.0 and together.p < 0.05


def test_what_changes_elsewhere_does_not():
    spans = dips(dipped(STEADY, {40, 41, 90, 91, 140, 141, 180}))
    other = [5.0 + (4.0 if n in {60, 61, 110, 160} else 0.1 * (n % 3)) for n in range(200)]
    assert coincidence(spans, other).p > 0.05


def test_without_dips_nothing_is_known():
    spans = dips([1.0] * 100)
    assert spans == [] and math.isnan(coincidence(spans, [1.0] * 100).p) and math.isnan(fisher([]))


def test_fisher_joins_tests():
    assert math.isclose(fisher([0.3]), 0.3)
    # scipy.stats.combine_pvalues([0.1, 0.2]).pvalue
    assert math.isclose(fisher([0.1, 0.2]), 0.0982404601, rel_tol=1e-8)
    assert fisher([0.01, math.nan]) == fisher([0.01]) and fisher([1.0, 1.0]) == 1.0
