"""The scalar functions against exact arithmetic and closed forms."""

import math
import statistics
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.model import link, queue, random
from testbed.model.delay import FOREVER_NS, NS_PER_S, after_ns, chain, duration_ns, transfer_ns, uplink_rate
from testbed.model.energy import compute_energy_j, overhead, transmit_energy_j


@given(st.integers(0, 2**52), st.integers(1, 2**52))
def test_duration_is_rounded_half_up_exactly(cycles, hz):
    exact = Fraction(cycles * NS_PER_S, hz)
    assert duration_ns(cycles, hz) == min(math.floor(exact + Fraction(1, 2)), FOREVER_NS)


@given(st.integers(0, 10**9), st.floats(1e3, 1e11))
def test_transfer_is_within_one_ns_of_exact(bits, bps):
    assert abs(transfer_ns(bits, bps) - Fraction(bits * NS_PER_S) / Fraction(bps)) <= Fraction(3, 2)


def test_an_unlimited_link_takes_no_time():
    assert transfer_ns(10**9, math.inf) == 0


def test_what_would_last_too_long_lasts_for_ever():
    assert duration_ns(2**53, 1) == transfer_ns(2**53, 1e-300) == FOREVER_NS
    assert link.steady_end_ns(FOREVER_NS - 1, 10**12, 1e-3) == FOREVER_NS
    assert link.jitter_ns(3, 1, 0, link.JITTER_EXPONENTIAL, 0, 2**62) <= FOREVER_NS
    assert link.sharing_departure_ns(5, 0.0, 1e300, 7) == FOREVER_NS
    assert after_ns(FOREVER_NS + 3, 2) == FOREVER_NS + 3 and after_ns(3, 4) == 7


def test_uplink_rate_is_shannons_up_to_the_cap():
    assert uplink_rate(2e6, 0.2, 100**-4.0, 1e-13, 7.4) == pytest.approx(14.8e6)
    assert uplink_rate(2e6, 0.2, 500**-4.0, 1e-13, 7.4) == pytest.approx(2e6 * math.log2(1 + 0.2 * 500**-4.0 / 1e-13))


def test_mix_is_splitmix64():
    assert [random.mix(0), random.mix(random.GOLDEN)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4]


def test_keyed_draws_are_uniform_and_uncorrelated_between_fields():
    draws = [[random.uniform(5, 3, 2, n, field) for n in range(4000)] for field in (0, 1)]
    for column in draws:
        assert statistics.fmean(column) == pytest.approx(0.5, abs=0.02)
        assert statistics.pvariance(column) == pytest.approx(1 / 12, rel=0.05)
    assert abs(statistics.correlation(*draws)) < 0.05


def test_energy_and_overhead():
    assert compute_energy_j(1e-27, NS_PER_S, NS_PER_S) == pytest.approx(1.0)
    assert transmit_energy_j(0.2, NS_PER_S // 2) == pytest.approx(0.1)
    assert overhead(0.25, 2 * NS_PER_S, 4.0) == pytest.approx(0.25 * 2 + 0.75 * 4)
    assert chain(5, 3) == 5 and chain(3, 5) == 5


def test_attempts_are_geometric():
    tries = [link.attempts(9, 1, n, 0.3) for n in range(5000)]
    assert min(tries) == 1 and statistics.fmean(tries) == pytest.approx(1 / 0.7, rel=0.03)
    assert link.attempts(9, 1, 1, 0.0) == 1


@pytest.mark.parametrize(
    ("kind", "low", "high", "mean"),
    [
        (link.JITTER_NONE, 0, 0, 0),
        (link.JITTER_UNIFORM, 1000, 3000, 2000),
        (link.JITTER_EXPONENTIAL, 0, 5000, 5000),
        (link.JITTER_NORMAL, 9000, 1000, 9000),
    ],
)
def test_jitter_has_its_mean_and_is_never_negative(kind, low, high, mean):
    drawn = [link.jitter_ns(3, 1, n, kind, low, high) for n in range(4000)]
    assert min(drawn) >= 0 and statistics.fmean(drawn) == pytest.approx(mean, rel=0.05)


def test_a_traced_link_ends_when_the_integral_has_moved_all_bits():
    edges, bps = (0, 400, 700), (1e9, 0.0, 2e9)
    assert link.traced_end_ns(0, 300, edges, bps, 1000) == 300
    assert link.traced_end_ns(100, 300, edges, bps, 1000) == 400
    assert link.traced_end_ns(300, 300, edges, bps, 1000) == 800
    assert link.traced_end_ns(2500, 1000, edges, bps, 1000) == 3400
    assert [link.segment(at, edges) for at in (0, 399, 400, 699, 700, 999)] == [0, 0, 1, 1, 2, 2]


def exact_end(start, bits, lengths, rates):
    """The end of a traced transmission in exact arithmetic."""
    moved = [Fraction(rate) * length / NS_PER_S for rate, length in zip(rates, lengths, strict=True)]
    period, left, at, i = sum(lengths), Fraction(bits), start - start % sum(lengths), 0
    left += sum(moved[k] for k in range(len(moved)) if sum(lengths[: k + 1]) <= start - at)
    k = link.segment(start - at, [sum(lengths[:k]) for k in range(len(lengths))])
    left += Fraction(rates[k]) * (start - at - sum(lengths[:k])) / NS_PER_S
    whole = math.ceil(left / sum(moved)) - 1
    left, at = left - whole * sum(moved), at + whole * period
    while moved[i] < left:
        left, at, i = left - moved[i], at + lengths[i], i + 1
    return at + math.floor(left * NS_PER_S / Fraction(rates[i]) + Fraction(1, 2))


@given(
    st.integers(0, 10**15),
    st.integers(1, 10**9),
    st.lists(st.integers(1, 10**6), min_size=1, max_size=6),
    st.lists(st.floats(2.0, 900.0), min_size=6, max_size=6),
)
def test_whole_periods_of_a_slow_trace_are_skipped_by_division(start, bits, lengths, rates):
    rates = rates[: len(lengths)]
    edges = [sum(lengths[:i]) for i in range(len(lengths))]
    exact, result = exact_end(start, bits, lengths, rates), 0
    if exact < FOREVER_NS:
        result = link.traced_end_ns(start, bits, edges, rates, sum(lengths))
        of_rounding = 1e-15 * bits / min(rates) * NS_PER_S  # what the sums lose may be sent at the slowest rate
        assert abs(result - exact) <= 1 + of_rounding


@given(
    st.integers(0, 10**12),
    st.integers(0, 10**8),
    st.lists(st.integers(10**6, 10**9), min_size=1, max_size=6),
    st.lists(st.sampled_from([0.0, 1e5, 3e7, 2.5e8, 123456.789]), min_size=6, max_size=6),
)
def test_a_transmission_of_few_segments_ends_as_if_they_were_taken_one_by_one(start, bits, lengths, rates):
    rates = [*rates[: len(lengths) - 1], 1e7]
    edges, left, at, i = [sum(lengths[:i]) for i in range(len(lengths))], float(bits), start, 0
    base = start - start % sum(lengths)
    i = link.segment(start - base, edges)
    while True:
        stop = base + sum(lengths[: i + 1])
        moved = rates[i] * (stop - at) * 1e-9
        if rates[i] > 0.0 and moved >= left:
            break
        left, at = left - moved, stop
        i, base = (i + 1, base) if i + 1 < len(lengths) else (0, base + sum(lengths))
    end = at + math.floor(left * 1e9 / rates[i] + 0.5)
    assert link.traced_end_ns(start, bits, edges, rates, sum(lengths)) == end


def test_a_link_that_is_nearly_dead_ends_at_once_and_for_ever():
    assert link.traced_end_ns(0, 800_000, (0, 1000), (1e-9, 0.0), 2000) == FOREVER_NS
    assert link.traced_end_ns(7, 800_000, (0,), (1e-320,), 10**9) == FOREVER_NS
    assert link.traced_end_ns(0, 1, (0, 2**58), (0.0, 1e-30), 2**59) == FOREVER_NS
    whole = 4_000_000_000  # of a bit each second: ends with the last period, not after its outage
    assert (
        link.traced_end_ns(0, whole // NS_PER_S * 25_000, (0, NS_PER_S // 4), (1.0, 0.0), NS_PER_S // 2)
        == (100_000 * 4 - 1) * NS_PER_S // 2 + NS_PER_S // 4
    )


@given(st.lists(st.tuples(st.integers(0, 5 * NS_PER_S), st.integers(1, NS_PER_S)), min_size=1, max_size=8))
def test_processor_sharing_conserves_work(jobs):
    """Egalitarian sharing ends all work when a single server would: at the end of the busy period."""
    jobs = sorted(jobs)
    last, virtual, done = 0, 0.0, 0
    active: list[float] = []
    pending = list(jobs)
    while pending or active:
        departure = link.sharing_departure_ns(last, virtual, min(active), len(active)) if active else None
        if pending and (departure is None or pending[0][0] < departure):
            at, size = pending.pop(0)
            virtual, last = link.sharing_advance(virtual, at - last, len(active)), at
            active.append(virtual + size)
        else:
            assert departure is not None
            virtual, last = min(active), departure
            active.remove(virtual)
            done = last
    single = 0
    for at, size in jobs:
        single = max(single, at) + size
    assert abs(done - single) <= len(jobs) * 2


def test_queue_rules():
    assert queue.expected_wait_ns(5, 0, 0, 0, NS_PER_S, 1) == 0
    assert queue.expected_wait_ns(5, 1, 2, 10, NS_PER_S, 1) == 15
    assert queue.expected_wait_ns(6, 1, 0, 0, NS_PER_S, 2) == 0
    assert queue.expected_wait_ns(6, 2, 1, 10, NS_PER_S, 2) == 8
    assert queue.backlog_ns(6, 10, NS_PER_S, 2) == 8
    assert queue.admits(1, 1, 1, 2) and not queue.admits(2, 1, 1, 2) and queue.admits(2, 0, 1, 2)
    assert queue.admits(10**6, 1, 1, queue.NO_LIMIT)


@pytest.mark.parametrize(
    ("wait", "announced", "alive", "target"),
    [
        (NS_PER_S, [9, 0, 0], [True] * 3, 0),  # not above the threshold
        (NS_PER_S + 1, [9, 5, 5], [True] * 3, 1),  # the lower index wins a tie
        (NS_PER_S + 1, [9, 5, 4], [True] * 3, 2),
        (NS_PER_S + 1, [9, 5, 4], [True, True, False], 1),
        (NS_PER_S + 1, [0, NS_PER_S + 1, NS_PER_S + 2], [True] * 3, 0),  # nobody is idler
        (NS_PER_S + 1, [0], [True], 0),
    ],
)
def test_second_offload_rule(wait, announced, alive, target):
    assert queue.second_offload(0, wait, NS_PER_S, announced, alive) == target
