"""Percentiles, fairness, tasks in the system, the stability verdict."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import linregress
from scipy.stats import t as student_t

from testbed.analysis.figures import backlog_areas
from testbed.model.random import uniform
from testbed.model.statistics import (
    STABILITY_BATCHES,
    T_QUANTILE,
    batches,
    jain,
    mean,
    percentile,
    slope,
    stable,
    stable_areas,
)


def test_percentiles_interpolate():
    assert percentile([4, 1, 3, 2], 50) == 2.5
    assert percentile([4, 1, 3, 2], 100) == 4
    assert percentile([7], 99) == 7
    assert percentile(list(range(101)), 95) == 95
    assert math.isnan(percentile([], 50))
    assert math.isnan(mean([]))


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100), st.floats(0, 100))
def test_percentiles_are_monotone_and_within_the_data(values, p, q):
    low, high = sorted((p, q))
    slack = 1e-9 * max(values)
    assert min(values) - slack <= percentile(values, low) <= percentile(values, high) + slack <= max(values) + 2 * slack


def test_fairness_is_one_for_equals_and_one_nth_for_a_single_winner():
    assert jain([3, 3, 3]) == pytest.approx(1.0)
    assert jain([5, 0, 0, 0]) == pytest.approx(0.25)
    assert jain([]) == 1.0
    assert jain([0, 0]) == 1.0


def areas_of(spans, slot_ns, slots):
    begun, ended = np.array(spans, np.int64).reshape(-1, 2).T
    return backlog_areas(begun, ended, slot_ns, slots)


def in_system(spans, slot_ns, slots):
    """Tasks in the system just before each boundary, counted one by one."""
    boundaries = range(slot_ns, (slots + 1) * slot_ns, slot_ns)
    return [sum(begun < at and (ended < 0 or at < ended) for begun, ended in spans) for at in boundaries]


def test_a_task_counts_at_the_boundaries_inside_its_span():
    spans = [(0, 250), (100, 200), (110, 190), (50, -1), (350, 360)]
    assert areas_of(spans, 10, 40) == [sum(in_system(spans, 10, 40)[a:b]) for a, b in batches(40)]
    assert areas_of([(0, 100)], 100, 40) == [0] * STABILITY_BATCHES
    assert areas_of([], 10, 40) == [0] * STABILITY_BATCHES


@given(st.lists(st.tuples(st.integers(0, 600), st.integers(0, 600)), max_size=60), st.integers(30, 70))
def test_the_verdict_on_a_backlog_is_the_same_by_its_sums(pairs, slots):
    spans = [(begun, -1 if length > 500 else begun + length) for begun, length in pairs]
    counts, areas = in_system(spans, 10, slots), areas_of(spans, 10, slots)
    assert areas == [sum(counts[a:b]) for a, b in batches(slots)]
    assert stable_areas(areas, slots, 0.1) == stable(counts, 0.1)


def test_a_backlog_of_few_tasks_in_a_century_of_seconds_is_judged_at_once():
    slots = 3 * 10**9
    growing = [(k * slots // 10, -1) for k in range(10)]
    assert stable_areas(areas_of(growing, 1, slots), slots, 1e-9) is False
    assert stable_areas(areas_of([(0, 2)] * 40, 1, slots), slots, 1e-9) is True


def test_a_line_has_its_slope_and_no_error():
    rise, error = slope([1.0, 3.0, 5.0, 7.0])
    assert rise == pytest.approx(2.0)
    assert error == pytest.approx(0.0, abs=1e-12)


def test_line_and_quantile_are_scipys():
    values = [uniform(5, 2, 0, n, 0) for n in range(STABILITY_BATCHES)]
    line = linregress(range(len(values)), values)
    assert slope(values) == pytest.approx((line.slope, line.stderr))
    assert pytest.approx(student_t.ppf(0.99, STABILITY_BATCHES - 2), abs=5e-4) == T_QUANTILE


def walk(load, slots, seed=1):
    """Tasks in a discrete queue: 10 arrivals a slot at most, each with probability ``load`` · 0.5; 5 leave."""
    waiting, counts = 0, []
    for k in range(slots):
        arrived = sum(uniform(seed, 2, a, k, 0) < 0.5 * load for a in range(10))
        waiting = max(0, waiting + arrived - 5)
        counts.append(waiting)
    return counts


@pytest.mark.parametrize("slots", [200, 1000])
@pytest.mark.parametrize("load", [0.3, 0.7, 0.9])
def test_a_queue_under_its_capacity_is_stable(load, slots):
    assert all(stable(walk(load, slots, seed), 5 * load) for seed in range(5))


@pytest.mark.parametrize("slots", [200, 1000])
@pytest.mark.parametrize("load", [1.15, 1.4])
def test_a_queue_over_its_capacity_is_unstable(load, slots):
    assert not any(stable(walk(load, slots, seed), 5 * load) for seed in range(5))


@pytest.mark.parametrize("load", [0.3, 0.6])
def test_a_small_queue_is_not_condemned_for_a_task_or_two_that_wait(load):
    """Four arrivals a slot at most, and 40 slots: a rise may be significant by chance, but nothing piles up."""
    for seed in range(200):
        counts, waiting = [], 0
        for k in range(40):
            waiting = max(0, waiting + sum(uniform(seed, 2, a, k, 0) < load for a in range(4)) - 3)
            counts.append(waiting + 1)
        assert max(counts) > 12 or stable(counts, 4 * load)


def test_a_backlog_is_real_if_it_exceeds_four_tasks_and_those_of_three_slots():
    def ramp(height, slots=200):
        return [height * k / slots for k in range(slots)]

    assert stable(ramp(5), 1.0) and not stable(ramp(6), 1.0)  # seven eighths of 80 % of the height are fitted
    assert stable(ramp(40), 10.0) and not stable(ramp(50), 10.0)


def test_a_short_or_idle_run_is_not_condemned():
    assert stable(list(range(20)), 1.0)
    assert stable([0] * 500, 0.0)
