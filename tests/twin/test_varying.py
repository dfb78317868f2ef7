"""Rates that change over time, by traces of single UEs or by fading, alone and shared: twin = simulation."""

from collections import Counter
from itertools import pairwise

import msgspec
import pytest

from testbed.model import transmission
from testbed.model.changing_link import RateTrace
from testbed.policy.heuristics import FixedChoice, Priced
from testbed.scenario.load import parse_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.support import MS, plan, region
from tests.twin.test_parity import compare

SLOW = RateTrace(edges_ns=(0, 900 * MS, 1_300 * MS), bps=(9e6, 0.0, 2e6), period_ns=2_700 * MS)
FAST = RateTrace(edges_ns=(0, 350 * MS), bps=(14e6, 6e6), period_ns=800 * MS)
FADES = {"coherence_ns": 30 * MS, "bandwidth_hz": 2e6, "max_spectral_efficiency": 7.4}
ALL = {"trace_edges_ns": (0, 500 * MS), "trace_bps": (7e6, 12e6), "trace_period_ns": 1_700 * MS}


def varied(radio, place=(-1,), seed=5):
    """`region` with ``radio``; UE n follows the trace ``place[n % …]``."""
    system, tasks = region(0.8, seed, 40, **radio)
    ues = tuple(msgspec.structs.replace(ue, trace=place[ue.index % len(place)]) for ue in system.ues)
    return plan(msgspec.structs.replace(system, ues=ues), tasks)


TINY = """\
slots: 2
density: 1
second_offload: {threshold: 0 s}
radio: {access: shared, fading: 100 ms, bandwidth: 200 MHz}
task: {input: 1 bit, cycles: 0.1 G}
cells:
  - {es: {cpu: 1 GHz, queue_limit: 1}, ues: 5}
  - {es: {cpu: 1.5 GHz}, ues: 4}
"""

CASES = {
    "traces of some": ({"traces": (SLOW, FAST)}, (0, 1, -1)),
    "a trace of all and some": ({"traces": (SLOW,), **ALL}, (0, -1)),
    "fading": (FADES, (-1,)),
    "fading and traces": ({**FADES, "traces": (FAST,)}, (-1, 0)),
}


@pytest.mark.parametrize("access", ["dedicated", "shared"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_every_instant_is_the_same_on_the_twin_and_in_the_simulation(case, access):
    radio, place = case
    variant = varied({**radio, "access": access, "loss": 0.1, "latency_ns": 3 * MS}, place)
    for policy in (FixedChoice(1), Priced()):
        compare(variant, policy)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_on_a_shared_band_what_is_sent_is_what_the_shares_moved(case):
    """Whatever the order of events was: the shares of the UEs that sent, summed up over the record, are the bits."""
    radio, place = case
    variant = varied({**radio, "access": "shared"}, place)
    system, rows = variant.system, simulate(variant, FixedChoice(1)).tasks
    ues = {ue.name: ue for ue in system.ues}
    for cell in ([row for row in rows if row.cell == number] for number in (1, 2, 3)):
        edges = sorted({at for row in cell for at in (row.tx_start_ns, row.tx_end_ns)})
        for row in cell[:12]:
            total = 0.0
            inside = [at for at in edges if row.tx_start_ns <= at <= row.tx_end_ns]
            for at, after in pairwise(inside):
                senders = {one.ue for one in cell if one.tx_start_ns <= at and after <= one.tx_end_ns}
                moved = transmission.moved_bits(system, ues[row.ue], at, after, system.seed)
                total += moved / len(senders)
            assert total == pytest.approx(row.input_bits * row.attempts, abs=1.0)


def test_a_shared_band_whose_rates_do_not_change_is_shared_as_in_virtual_time():
    """A trace of one rate gives the delays that processor sharing gives, but for the rounding of instants."""
    system, tasks = region(0.8, 5, 40, access="shared")
    steady = tuple(RateTrace(edges_ns=(0,), bps=(ue.rate_bps,), period_ns=1000 * MS) for ue in system.ues)
    ues = tuple(msgspec.structs.replace(ue, trace=ue.index) for ue in system.ues)
    radio = msgspec.structs.replace(system.radio, traces=steady)
    traced = msgspec.structs.replace(system, ues=ues, radio=radio)
    one, other = (simulate(plan(of, tasks), FixedChoice(1)).tasks for of in (system, traced))
    assert max(abs(a.tx_end_ns - b.tx_end_ns) for a, b in zip(one, other, strict=True)) < 1000


def test_last_bits_that_leave_a_shared_band_at_one_instant_arrive_in_the_order_of_their_ues():
    """Tasks of one bit leave within a few nanoseconds: the end of one makes others leave at the same instant."""
    crowds = 0
    for seed in range(60):
        resolved = inputs.resolve(parse_scenario(f"seed: {seed}\n{TINY}"))
        tasks = inputs.generate(resolved.scenario, resolved.system)
        variant = resolved.plan(tasks, "offload-do", second_offload=True, live=False)
        compare(variant, FixedChoice(1))
        left = Counter((row.cell, row.tx_end_ns) for row in simulate(variant, FixedChoice(1)).tasks)
        crowds += max(left.values()) > 2
    assert crowds > 10
