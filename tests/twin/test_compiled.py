"""One equation, two runtimes: the model's functions give the same bits in Python and compiled."""

import math
import subprocess
import sys
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from testbed.model import delay, energy, fallback, link, queue, random
from testbed.policy import expected_costs
from testbed.twin import compiled, kernels
from tests.properties import examples

WHOLE = st.integers(0, 2**62)
KEY = st.tuples(WHOLE, st.integers(1, 8), st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2000))


def speed(hz):
    """A speed as the twin keeps it."""
    return compiled.Speed(hz, 1e9 / hz)


@given(KEY)
def test_keyed_draws(key):
    assert compiled.uniform(np.uint64(key[0]), *key[1:]) == compiled.uniform(*key) == random.uniform(*key)
    assert compiled.hash_key(*key) == random.hash_key(*key)
    assert compiled.subject_hash(*key[:4]) == random.subject_hash(*key[:4])
    u = random.uniform(*key)
    assert compiled.exponential(u) == random.exponential(u)


@settings(max_examples=examples(1000))
@given(st.integers(0, 2**53 - 1), st.integers(1, 10**15))
def test_duration_is_the_exact_quotient_rounded_half_up(cycles, hz):
    exact = math.floor(Fraction(cycles * delay.NS_PER_S, hz) + Fraction(1, 2))
    result = delay.duration_ns(cycles, hz)
    assert result == min(exact, delay.FOREVER_NS)
    assert compiled.duration_ns(cycles, speed(hz)) == compiled.DELAY.duration_ns(cycles, hz) == result


@given(st.integers(0, 10**9), st.integers(1, 500))
def test_duration_rounds_halves_up(whole, half):
    hz = 2 * delay.NS_PER_S * half
    cycles = (2 * whole + 1) * half
    assert compiled.duration_ns(cycles, speed(hz)) == delay.duration_ns(cycles, hz) == whole + 1


@given(st.integers(0, 2**53), st.floats(1e-300, 1e12), st.integers(0, 2**60), st.integers(1, 1000))
def test_transfers(bits, bps, start, tries):
    assert compiled.transfer_ns(bits, bps) == delay.transfer_ns(bits, bps) <= delay.FOREVER_NS
    assert compiled.transfer_ns(bits, math.inf) == 0
    if bits * tries < 2**63:
        assert compiled.steady_end_ns(start, bits * tries, bps) == link.steady_end_ns(start, bits * tries, bps)


@given(
    st.integers(0, 10**13),
    st.integers(0, 10**9),
    st.lists(st.integers(1, 10**10), min_size=1, max_size=5),
    st.lists(st.sampled_from([0.0, 1e5, 3e7, 2.5e8]), min_size=5, max_size=5),
)
def test_traces(start, bits, lengths, rates):
    edges, rates = [sum(lengths[:i]) for i in range(len(lengths))], [*rates[: len(lengths) - 1], 1e7]
    result = compiled.traced_end_ns(start, bits, np.array(edges), np.array(rates), sum(lengths))
    assert result == link.traced_end_ns(start, bits, edges, rates, sum(lengths))


@given(
    st.integers(0, 2**60),
    st.integers(1, 2**53),
    st.lists(st.integers(1, 10**4), min_size=1, max_size=5),
    st.lists(st.floats(1e-320, 1e3), min_size=5, max_size=5),
)
def test_traces_of_nearly_dead_links(start, bits, lengths, rates):
    edges, rates = [sum(lengths[:i]) for i in range(len(lengths))], rates[: len(lengths)]
    result = compiled.traced_end_ns(start, bits, np.array(edges), np.array(rates), sum(lengths))
    assert result == link.traced_end_ns(start, bits, edges, rates, sum(lengths)) <= delay.FOREVER_NS + sum(lengths)


@given(st.integers(0, 2**62), st.integers(0, 100), st.integers(0, 10**6), st.integers(0, 3), st.integers(0, 10**8))
def test_loss_jitter_and_coins(seed, ue, number, kind, spread):
    assert compiled.attempts(seed, ue, number, 0.4) == link.attempts(seed, ue, number, 0.4)
    key = (seed, ue, number, kind, spread, 2 * spread)
    assert compiled.jitter_ns(*key) == link.jitter_ns(*key)
    assert compiled.flip(seed, ue, number, 0.3) == fallback.flip(seed, ue, number, 0.3)


@given(st.integers(0, 10**12), st.integers(0, 4), st.integers(0, 4), st.integers(0, 10**12), st.integers(1, 4))
def test_queues_and_costs(rest, busy, ahead, cycles, cores):
    hz, wait = 3_000_000_007, (rest, busy, ahead, cycles)
    fast = speed(hz)
    assert compiled.expected_wait_ns(*wait, fast, cores) == queue.expected_wait_ns(*wait, hz, cores)
    assert compiled.backlog_ns(rest, cycles, fast, cores) == queue.backlog_ns(rest, cycles, hz, cores)
    assert compiled.es_wait_ns(rest, cycles, fast, cores, busy) == expected_costs.es_wait_ns(
        rest, cycles, hz, cores, busy
    )
    assert compiled.overhead(0.3, rest, 0.7) == energy.overhead(0.3, rest, 0.7)
    assert compiled.compute_energy_j(1e-27, hz, cycles) == energy.compute_energy_j(1e-27, hz, cycles)


def test_the_least_loaded_other_server_is_the_same_from_two_candidates():
    alive = np.ones(4, np.bool_)
    for announced in ([3, 1, 1, 2], [0, 0, 0, 0], [5, 4, 3, 2]):
        backlogs = np.array(announced)
        least = compiled.least_loaded(backlogs, alive, -1)
        second = compiled.least_loaded(backlogs, alive, least)
        for own in range(4):
            assert (second if own == least else least) == queue.least_loaded(announced, [True] * 4, own)


def test_the_stamp_changes_with_any_compiled_function_or_constant():
    spaces = [vars(module) for module in kernels.modules()]
    assert compiled.stamp(*spaces) == compiled.stamp(*spaces)
    other = {**spaces[0], "finish": njit(**compiled.INNER)(lambda a: a + 1)}
    assert len({compiled.stamp(space) for space in (spaces[0], other, {**spaces[0], "LIMIT": 3})}) == 3


def test_what_compiled_code_is_kept_under_is_the_same_in_every_process():
    """Addresses in it would have every process compile anew."""
    script = "from testbed.twin import compiled, kernels; print(compiled.stamp(*map(vars, kernels.modules())))"
    stamps = {subprocess.check_output([sys.executable, "-c", script], text=True) for _ in range(2)}
    assert len(stamps) == 1
