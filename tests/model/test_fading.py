"""Block fading and rates over time: what is moved, and when the last bit has left, against sums written out here."""

import math
from fractions import Fraction

import pytest

from testbed.model import link, random

MS, S = 10**6, 10**9
SNR, HZ, CAP, BLOCK = 12.0, 2e6, 7.4, 40 * MS


def ue_hash(seed=7, ue=3):
    return random.subjects_hash(seed, random.LINK, ue)


def bps(block, seed=7, ue=3):
    """Shannon's rate of a block whose power is drawn by the key (seed, link, UE, block, fading)."""
    power = -math.log(1.0 - random.uniform(seed, 4, ue, block, 2))
    return HZ * min(CAP, math.log2(1.0 + SNR * power))


def moved(start, end):
    """Bits from ``start`` to ``end``, ns, in exact fractions."""
    total, at = Fraction(0), start
    while at < end:
        stop = min(end, (at // BLOCK + 1) * BLOCK)
        total += Fraction(bps(at // BLOCK)) * (stop - at) / S
        at = stop
    return total


def test_the_power_of_blocks_is_exponential_of_unit_mean_and_each_block_has_its_own():
    draws = [
        -math.log(1.0 - random.uniform(7, random.LINK, ue, block, random.FIELD_FADING))
        for ue in range(20)
        for block in range(500)
    ]
    assert sum(draws) / len(draws) == pytest.approx(1.0, abs=0.04)
    assert sum(draw > 1.0 for draw in draws) / len(draws) == pytest.approx(math.exp(-1), abs=0.02)
    assert len(set(draws)) == len(draws)
    assert link.faded_bps(ue_hash(), 5, SNR, HZ, CAP) == bps(5)
    assert link.faded_bps(ue_hash(), 5, 1e9, HZ, CAP) == HZ * CAP


@pytest.mark.parametrize("start", [0, 17, BLOCK - 1, BLOCK, 12_345_678_901])
@pytest.mark.parametrize("bits", [1, 1000, 400_000, 9_000_000])
def test_the_last_bit_leaves_when_that_many_bits_were_moved(start, bits):
    end = link.faded_end_ns(start, bits, ue_hash(), SNR, HZ, CAP, BLOCK)
    assert moved(start, end - 2) < bits <= moved(start, end + 2)
    assert link.faded_bits(start, end, ue_hash(), SNR, HZ, CAP, BLOCK) == pytest.approx(float(moved(start, end)))


def test_what_a_trace_moves_is_the_sum_over_its_segments():
    trace = ((0, 700 * MS), (3e6, 11e6), 1_100 * MS)
    assert link.traced_bits(0, 2_200 * MS, *trace) == pytest.approx(2 * (0.7 * 3e6 + 0.4 * 11e6))
    assert link.traced_bits(600 * MS, 1_200 * MS, *trace) == pytest.approx(0.1 * 3e6 + 0.4 * 11e6 + 0.1 * 3e6)
    assert link.traced_bits(5, 5, *trace) == 0.0
    end = link.traced_end_ns(600 * MS, 5_000_000, *trace)
    assert link.traced_bits(600 * MS, end, *trace) == pytest.approx(5_000_000, abs=1)
