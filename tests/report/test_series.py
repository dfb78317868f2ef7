"""What is drawn follows from the rows: distributions end at one, intervals enclose, energy and reward sum up."""

import math

import pytest

from testbed.analysis.summary import Summary
from testbed.report import series, side_by_side, svg
from testbed.report.side_by_side import Change
from testbed.report.tables import around, number, percents
from tests.report.runs import listed, recorded


def test_a_distribution_begins_at_the_least_and_ends_at_one():
    line = series.cdf("x", [3.0, 1.0, 2.0])
    assert (line.x, line.y[-1]) == ((1.0, 2.0, 3.0), 1.0) and line.y[0] == pytest.approx(1 / 3)
    long = series.cdf("x", range(10_000))
    assert (long.x[0], long.x[-1], long.y[-1]) == (0, 9999, 1.0) and len(long.x) == series.MOST_POINTS + 1
    assert series.cdf("x", []).x == ()


def test_thinning_keeps_the_mean():
    points = [(float(n), float(n % 7)) for n in range(1000)]
    line = series.thinned("x", points)
    assert len(line.x) <= series.MOST_POINTS
    assert math.fsum(line.y) / len(line.y) == pytest.approx(3.0, abs=0.01)


def test_an_interval_is_of_batch_means_and_needs_enough_tasks():
    (one,) = listed(recorded())
    found = side_by_side.figures(one)
    assert found.overhead.mean == one.summary.overhead.mean
    assert 0.0 < found.overhead.half_width < found.overhead.mean
    few = side_by_side.figures(listed(recorded(slots=3))[0])
    assert math.isnan(few.overhead.half_width) and math.isfinite(few.overhead.mean)


def test_a_change_is_the_ratio_of_the_means_and_a_baseline_has_none():
    greedy, local = listed(recorded(), recorded("lc"))
    found, base = side_by_side.standings([greedy, local], local)
    ratio = greedy.summary.overhead.mean / local.summary.overhead.mean
    assert found.overhead_change.value == pytest.approx(ratio - 1.0)
    assert found.overhead_change.low < found.overhead_change.value < found.overhead_change.high
    assert math.isnan(base.overhead_change.value) and (base.label, found.baseline) == ("lc", "lc")


def test_a_change_of_what_is_unstable_or_was_not_the_same_has_no_interval():
    greedy, unstable = listed(recorded(slots=100), recorded("lc", slots=100))
    (longer,) = listed(recorded(slots=60))
    for other in (unstable, longer):
        (found,) = side_by_side.standings([other], greedy)
        assert math.isfinite(found.overhead_change.value) and math.isnan(found.overhead_change.low)
    assert not unstable.summary.stable and longer.summary.stable


def test_rewards_sum_to_the_summarys_and_energies_to_the_runs():
    (one,) = listed(recorded())
    summary: Summary = one.summary
    rewards = series.reward_series(one)
    assert math.fsum(rewards.y) / summary.slots == pytest.approx(summary.reward_per_slot)
    assert math.fsum(series.ue_energy(one.run).values()) == pytest.approx(summary.energy_j.total)
    energies = {name: math.fsum(parts.values()) for name, parts in series.es_energy(one).items()}
    assert energies == pytest.approx({name: es.energy_j for name, es in summary.es.items()})


def test_every_ue_is_in_the_table_with_its_own_tasks():
    (one,) = listed(recorded())
    rows = series.ue_figures(one.run)
    assert [row.ue for row in rows] == [ue.name for ue in one.run.resolved.system.ues]
    assert sum(row.tasks for row in rows) == len(one.run.workload)
    assert math.isnan(series.ue_figures(listed(recorded(density=0.0, slots=5))[0].run)[0].kept)


def test_a_line_of_a_dead_server_is_broken():
    (one,) = listed(recorded(faults="[{at: 20 s, kill: es-1, restart_after: 8 s}]"))
    for what in (series.TASKS_WAITING, series.BUSY):
        lines = {line.name: line for line in series.server_series(one.run, what)}
        gaps = [x for x, y in zip(lines["es-1"].x, lines["es-1"].y, strict=True) if math.isnan(y)]
        assert gaps == [20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 27.0]
        assert all(map(math.isfinite, lines["es-2"].y))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-31.2, 4.4), (0.0, 1e-9), (1e6, 3e6), (5.0, 5.0)])
def test_ticks_are_few_round_and_inside(low, high):
    found = svg.ticks(low, high)
    assert 1 <= len(found) <= 6 and all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)


@pytest.mark.parametrize(
    ("mean", "half", "shown"),
    [
        (1.0896, 0.077, "1.090 ± 0.077"),
        (3.855, 1.2, "3.9 ± 1.2"),
        (2.0, 0.0, "2.000000 ± 0.000000"),
        (math.nan, math.nan, "–"),
    ],
)
def test_a_mean_has_the_digits_of_its_interval(mean, half, shown):
    assert around(side_by_side.Figure(mean, half)) == shown


def test_numbers_that_are_none_are_dashes():
    assert (number(math.nan), number(0.123, ".1%"), percents(Change(math.nan, 0, 0))) == ("–", "12.3 %", "–")
    assert percents(Change(-0.05, -0.07, -0.03)) == "-5.0 % [-7.0, -3.0]"
