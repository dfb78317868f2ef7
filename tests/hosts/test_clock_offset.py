"""Offsets of clocks: whatever the queues do, the true offset is within the bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.hosts.clock_offset import ENOUGH, ClockOffset

NS_PER_S = 1_000_000_000
ways = st.lists(st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)), min_size=ENOUGH, max_size=3 * ENOUGH)


def probed(offset, ahead_ns, ways, now_ns=5 * NS_PER_S):
    """Probes that take (there, back) ns each, answered by a clock that is ``ahead_ns`` ahead."""
    for there, back in ways:
        offset.add(now_ns, now_ns + there + ahead_ns, now_ns + there + back)
        now_ns += NS_PER_S


@given(st.integers(-(10**18), 10**18), ways)
def test_the_true_offset_is_never_further_away_than_the_uncertainty_says(ahead_ns, ways):
    offset = ClockOffset()
    probed(offset, ahead_ns, ways)
    assert offset.known
    used = offset.use()
    assert abs(used - ahead_ns) <= offset.uncertainty_ns() + 1


def test_the_shortest_round_trip_counts_and_queues_on_the_way_do_not():
    offset = ClockOffset()
    probed(offset, 777, [(90_000_000, 10)] * (ENOUGH - 1) + [(5_000, 5_000)])
    assert offset.use() == 777 and offset.uncertainty_ns() == 5_000


def test_a_clock_that_runs_away_makes_the_offset_that_is_used_uncertain():
    offset = ClockOffset()
    probed(offset, 1_000, [(100, 100)] * ENOUGH)
    assert offset.use() == 1_000 and offset.uncertainty_ns() == 100
    for later_ns in (1_000, 500_000, 1_000_000):
        probed(offset, later_ns, [(50, 50)])
    assert offset.use() == 1_000
    assert offset.uncertainty_ns() >= 100
    probed(offset, 2_000_000, [(10, 10)])
    assert offset.uncertainty_ns() == 2_000_000 - 1_000 + 10


def drifting(offset, ppm, seconds, half_ns=10_000, start_ns=5 * NS_PER_S):
    """A probe a second of a clock that runs ``ppm`` millionths faster."""
    for second in range(seconds):
        sent = start_ns + second * NS_PER_S
        shown = sent + half_ns + round(ppm * 1e-6 * (sent + half_ns))
        offset.add(sent, shown, sent + 2 * half_ns)


@pytest.mark.parametrize(("ppm", "seconds"), [(-100.0, 20), (-0.5, 200), (0.0, 40), (50.0, 100), (100.0, 20)])
def test_drift_is_estimated_within_its_bound_and_is_no_step(ppm, seconds):
    offset = ClockOffset()
    drifting(offset, ppm, seconds)
    drift, error = offset.drift_ppm()
    assert abs(drift - ppm) <= error + 0.1 and offset.steps == 0


def test_drift_makes_the_offset_that_is_used_uncertain_by_as_much():
    offset = ClockOffset()
    drifting(offset, 50.0, ENOUGH)
    offset.use()
    drifting(offset, 50.0, 600, start_ns=(5 + ENOUGH) * NS_PER_S)
    off_ns = offset.best_ns() - offset.use()
    assert 50e-6 * 590 * NS_PER_S < off_ns < offset.uncertainty_ns() < 50e-6 * 630 * NS_PER_S
    assert offset.steps == 0 and abs(offset.drift_ppm()[0] - 50.0) < 0.5


def test_a_clock_that_is_set_has_stepped_once_and_is_known_anew():
    offset = ClockOffset()
    probed(offset, 1_000, [(5_000, 5_000)] * ENOUGH)
    offset.use()
    probed(offset, 2_001_000, [(900_000, 5_000), (5_000, 5_000), (5_000, 900_000)], (6 + ENOUGH) * NS_PER_S)
    assert offset.steps == 1 and offset.best_ns() == 2_001_000
    assert 2_000_000 <= offset.uncertainty_ns() <= 2_000_000 + 1_000_000


def test_queues_on_the_way_are_no_steps():
    offset = ClockOffset()
    probed(offset, 0, [(5_000, 5_000)] * ENOUGH + [(90_000_000, 5_000), (5_000, 90_000_000)])
    assert offset.steps == 0


def test_an_offset_that_is_wrong_by_5_ms_is_noticed_by_the_next_probe():
    offset = ClockOffset()
    probed(offset, 10**15, [(10_000, 10_000)] * ENOUGH)
    offset.used_ns = 10**15 + 5_000_000
    probed(offset, 10**15, [(10_000, 10_000)], (6 + ENOUGH) * NS_PER_S)
    assert 5_000_000 <= offset.uncertainty_ns() <= 5_020_000
