"""Offsets of clocks: whatever the queues do, the true offset is within the bound."""

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
