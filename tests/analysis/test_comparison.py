"""Comparison of strategies over common workloads."""

import math
from collections.abc import Hashable

import pytest

from testbed.analysis.comparison import LEVEL, METRICS, Sample, best, compare, pooled
from testbed.cli.comparison_text import text
from testbed.model.errors import UsageError


def samples(overheads, *, stable=True):
    return {
        seed: Sample(overhead=x, delay_s=2 * x, energy_j=0.1, deadline_hit_rate=0.9, stable=stable)
        for seed, x in enumerate(overheads)
    }


def empty():
    return Sample(overhead=math.nan, delay_s=math.nan, energy_j=math.nan, deadline_hit_rate=math.nan, stable=True)


def pair(result, a, b, metric="overhead"):
    return next(one for one in result.pairs if (one.a, one.b, one.metric) == (a, b, metric))


def test_every_pair_and_metric_is_compared_once():
    comparison = compare({name: samples([1.0, 1.1]) for name in "abc"})
    assert len(comparison.pairs) == 3 * len(METRICS)
    assert comparison.workloads == 2


def test_a_clear_difference_is_significant_and_equality_is_not():
    comparison = compare({"a": samples([0.5, 0.52, 0.49]), "b": samples([1.0, 1.03, 0.97])})
    better = pair(comparison, "a", "b")
    assert better.ratio == pytest.approx(1.51 / 3.0)
    assert better.significant and better.ci95[1] < 1.0
    assert not pair(comparison, "a", "b", "energy_j").significant
    assert best(comparison) == "a"


def test_nothing_is_significant_against_an_unstable_strategy():
    comparison = compare({"a": samples([0.5, 0.52]), "b": samples([5.0, 5.1], stable=False)})
    assert not comparison.policies["b"].stable
    assert comparison.policies["b"].unstable_workloads == 2
    assert not pair(comparison, "a", "b").significant
    assert best(comparison) == "a"


def test_a_single_bad_workload_of_many_does_not_condemn():
    own = samples([1.0] * 8)
    own[3] = Sample(overhead=1.0, delay_s=2.0, energy_j=0.1, deadline_hit_rate=0.9, stable=False)
    assert compare({"a": own}).policies["a"].stable
    assert not compare({"a": {0: own[0], 3: own[3]}}).policies["a"].stable


def test_only_common_workloads_count():
    comparison = compare({"a": samples([1.0, 2.0, 3.0]), "b": samples([1.0, 2.0])})
    assert comparison.workloads == 2
    assert comparison.policies["a"].overhead.mean == 1.5


def test_no_common_workload_is_an_error_with_a_remedy():
    with pytest.raises(UsageError, match="no workload in common") as error:
        compare(
            {
                "a": {1: Sample(overhead=1, delay_s=1, energy_j=1, deadline_hit_rate=1, stable=True)},
                "b": {2: Sample(overhead=1, delay_s=1, energy_j=1, deadline_hit_rate=1, stable=True)},
            }
        )
    assert "replay" in error.value.remedy


def test_one_workload_has_means_but_no_intervals():
    comparison = compare({"a": samples([1.0]), "b": samples([2.0])})
    assert math.isnan(comparison.policies["a"].overhead.ci95[0])
    assert pair(comparison, "a", "b").ratio == 0.5
    assert not pair(comparison, "a", "b").significant


def test_points_of_a_sweep_are_workloads_of_their_own():
    together = pooled([{"a": samples([1.0, 2.0])}, {"a": samples([3.0, 4.0])}])
    assert compare(together).workloads == 4
    assert compare(together).policies["a"].overhead.mean == 2.5


def test_holm_keeps_the_level_for_all_pairs_of_a_metric():
    close = {"a": samples([1.0, 1.2, 0.9, 1.1]), "b": samples([1.06, 1.24, 0.99, 1.15])}
    alone = pair(compare(close), "a", "b")
    assert alone.p == alone.p_holm < LEVEL and alone.significant and alone.ci95[1] < 1.0
    crowd = {name: samples([1.0, 1.21, 0.88, 1.12]) for name in "cde"}
    among = pair(compare(close | crowd), "a", "b")
    assert among.p == alone.p < LEVEL < among.p_holm and not among.significant


def test_pairs_of_unstable_strategies_are_not_tested():
    bad = samples([5.0, 5.1, 5.3], stable=False)
    comparison = compare({"a": samples([0.5, 0.52, 0.51]), "b": samples([1.0, 1.1, 1.05]), "c": bad})
    assert math.isnan(pair(comparison, "a", "c").p_holm) and math.isnan(pair(comparison, "b", "c").p)
    assert pair(comparison, "a", "b").p == pair(comparison, "a", "b").p_holm
    assert "two-sided t test of the ratio, paired by workload (3), level 5 %\n" in text(comparison)
    assert "a's overhead is 0.099 × c's: meaningless, because one of them is unstable" in text(comparison)


def test_a_workload_without_finished_tasks_is_left_out_and_told():
    comparison = compare({"a": samples([1.0, 1.1, 1.2]) | {3: empty()}, "b": samples([2.0, 2.1, 2.3, 2.2])})
    assert (comparison.workloads, comparison.empty_workloads) == (3, 1)
    shown = text(comparison)
    assert "WARNING: 1 workload left out, in which no task finished" in shown and "nan" not in shown
    with pytest.raises(UsageError, match="no workload has tasks"):
        compare({"a": {0: empty()}, "b": {0: empty()}})


def test_the_text_says_how_it_was_tested():
    shown = text(compare({name: samples([x, 1.1 * x, 1.3 * x]) for name, x in (("a", 1.0), ("b", 2.0), ("c", 2.1))}))
    assert "3 workloads, mean ± 95 % CI half-width" in shown
    tested = "(95 % CI of this pair alone 0.500 to 0.500, p < 0.001 after Holm's correction): significant"
    assert f"a's overhead is 0.500 × b's {tested}" in shown
    assert "two-sided t test of the ratio, paired by workload (3), level 5 %, p corrected for 3 pairs (Holm), " in shown
    two = text(compare({name: samples([x, 1.1 * x, 1.3 * x]) for name, x in (("a", 1.0), ("b", 2.0))}))
    assert "a's overhead is 0.500 × b's (95 % CI 0.500 to 0.500, p < 0.001): significant" in two
    alone = text(compare({"a": samples([1.0]), "b": samples([2.0])}))
    assert "no confidence interval: only one workload" in alone and "t test" not in alone and "nan" not in alone


def test_percentiles_of_delay_are_compared_too():
    own: dict[Hashable, Sample] = {
        seed: Sample(
            overhead=1.0,
            delay_s=1.0,
            energy_j=1.0,
            deadline_hit_rate=1.0,
            stable=True,
            policy_errors=0,
            delay_p95_s=2.0 + seed,
            delay_p99_s=4.0 + seed,
        )
        for seed in (0, 1)
    }
    comparison = compare({"a": own})
    assert (comparison.policies["a"].delay_p95_s.mean, comparison.policies["a"].delay_p99_s.mean) == (2.5, 4.5)
