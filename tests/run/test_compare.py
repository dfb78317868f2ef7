"""Comparison of strategies over common workloads."""

import math

import pytest

from testbed.model.errors import UsageError
from testbed.run.compare import METRICS, Sample, best, compare, pooled


def samples(overheads, stable=True):
    return {seed: Sample(x, 2 * x, 0.1, 0.9, stable) for seed, x in enumerate(overheads)}


def pair(found, a, b, metric="overhead"):
    return next(one for one in found.pairs if (one.a, one.b, one.metric) == (a, b, metric))


def test_every_pair_and_metric_is_compared_once():
    found = compare({name: samples([1.0, 1.1]) for name in "abc"})
    assert len(found.pairs) == 3 * len(METRICS)
    assert found.workloads == 2


def test_a_clear_difference_is_significant_and_equality_is_not():
    found = compare({"a": samples([0.5, 0.52, 0.49]), "b": samples([1.0, 1.03, 0.97])})
    better = pair(found, "a", "b")
    assert better.ratio == pytest.approx(1.51 / 3.0)
    assert better.significant and better.ci95[1] < 1.0
    assert not pair(found, "a", "b", "energy_j").significant
    assert best(found) == "a"


def test_nothing_is_significant_against_an_unstable_strategy():
    found = compare({"a": samples([0.5, 0.52]), "b": samples([5.0, 5.1], stable=False)})
    assert not found.policies["b"].stable
    assert found.policies["b"].unstable_workloads == 2
    assert not pair(found, "a", "b").significant
    assert best(found) == "a"


def test_a_single_bad_workload_of_many_does_not_condemn():
    mine = samples([1.0] * 8)
    mine[3] = Sample(1.0, 2.0, 0.1, 0.9, False)
    assert compare({"a": mine}).policies["a"].stable
    assert not compare({"a": {0: mine[0], 3: mine[3]}}).policies["a"].stable


def test_only_common_workloads_count():
    found = compare({"a": samples([1.0, 2.0, 3.0]), "b": samples([1.0, 2.0])})
    assert found.workloads == 2
    assert found.policies["a"].overhead.mean == 1.5


def test_no_common_workload_is_an_error_with_a_remedy():
    with pytest.raises(UsageError, match="no workload in common") as error:
        compare({"a": {1: Sample(1, 1, 1, 1, True)}, "b": {2: Sample(1, 1, 1, 1, True)}})
    assert "replay" in error.value.remedy


def test_one_workload_has_means_but_no_intervals():
    found = compare({"a": samples([1.0]), "b": samples([2.0])})
    assert math.isnan(found.policies["a"].overhead.ci95[0])
    assert pair(found, "a", "b").ratio == 0.5
    assert not pair(found, "a", "b").significant


def test_points_of_a_sweep_are_workloads_of_their_own():
    together = pooled([{"a": samples([1.0, 2.0])}, {"a": samples([3.0, 4.0])}])
    assert compare(together).workloads == 4
    assert compare(together).policies["a"].overhead.mean == 2.5
