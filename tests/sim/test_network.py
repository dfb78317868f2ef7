"""Messages through sessions over a bad network: nothing is lost, nothing comes twice, a run can be repeated."""

import msgspec
import pytest

from testbed.model.delay import NS_PER_S
from testbed.model.system import Fault
from testbed.policy.heuristics import FixedChoice, Priced
from testbed.protocol.session_types import SessionTiming
from testbed.sim.network_conditions import Cut, NetworkConditions
from testbed.sim.simulation import Simulation, simulate
from tests.support import MS, ordered, plan, region, system, task_of

BAD = NetworkConditions(seed=5, drop=0.25, repeat=0.2, delay_ns=30 * MS)


def under(conditions, density=0.7, seed=3, slots=20, **radio):
    hardware, tasks = region(density, seed, slots, **radio)
    simulation = Simulation(plan(hardware, tasks), Priced(), conditions=conditions)
    assert simulation.network is not None
    return simulation.run(), simulation.network.totals()


@pytest.mark.parametrize("access", ["dedicated", "shared"])
def test_a_perfect_network_changes_nothing(access):
    hardware, tasks = region(0.7, 3, 20, access=access)
    direct = simulate(plan(hardware, tasks), Priced())
    carried, counts = under(NetworkConditions(), access=access)
    assert (carried.tasks, carried.slots, carried.links) == (direct.tasks, direct.slots, direct.links)
    assert counts["sent"] == counts["delivered"] > len(tasks)
    assert counts["late"] == 0


def test_a_bad_network_loses_no_task_and_delivers_nothing_twice():
    result, counts = under(BAD)
    assert {row.state for row in result.tasks} <= {"completed", "late"}
    assert counts["lost"] > 100 and counts["doubled"] > 100 and counts["duplicates"] > 100
    assert counts["delivered"] == counts["sent"] > counts["late"] > 100


def test_the_same_conditions_twice_give_the_same_bytes():
    first, second = (msgspec.json.encode(under(BAD)) for _ in range(2))
    assert first == second
    assert first != msgspec.json.encode(under(msgspec.structs.replace(BAD, seed=6)))


def one_ue(conditions, faults=()):
    hardware = system((1, 1), (NS_PER_S, 2 * NS_PER_S), slots=6)
    tasks = ordered(
        [task_of(0, 0, cycles=3 * NS_PER_S, bits=800_000), task_of(0, 1, at=NS_PER_S, cycles=NS_PER_S, bits=800_000)]
    )
    return simulate(plan(hardware, tasks, faults=faults), FixedChoice(1), conditions=conditions).tasks


QUICK = SessionTiming(
    heartbeat_ns=NS_PER_S, suspect_ns=2 * NS_PER_S, timeout_ns=4 * NS_PER_S, retry_ns=50 * MS, retry_max_ns=50 * MS
)


def test_a_result_waits_for_the_end_of_a_cut_and_counts_when_it_comes():
    calm, cut = (
        one_ue(NetworkConditions()),
        one_ue(NetworkConditions(cuts=(Cut("ue-1-1", "es-1", 2 * NS_PER_S, 9 * NS_PER_S),), session=QUICK)),
    )
    assert calm[0].finished_ns == cut[0].finished_ns == 3100 * MS
    assert (calm[0].measured_ns, calm[0].emulation_ns) == (3100 * MS, 0)
    assert 9 * NS_PER_S <= cut[0].measured_ns <= 9 * NS_PER_S + 100 * MS
    assert cut[0].emulation_ns == cut[0].measured_ns - 3100 * MS


def test_a_lost_ask_falls_back_after_the_decision_timeout():
    rows = one_ue(NetworkConditions(cuts=(Cut("ue-1-1", "controller", 0, 500 * MS),), session=QUICK))
    assert [row.fallback for row in rows] == ["timeout", ""]


def test_a_task_that_never_reached_the_second_server_returns_when_the_first_dies():
    cut = Cut("es-1", "es-2", 500 * MS, 20 * NS_PER_S)
    rows = one_ue(NetworkConditions(cuts=(cut,), session=QUICK), [Fault("es-1", 1500 * MS)])
    assert [row.recovered for row in rows] == [True, True]
    assert rows[1].forwarded and rows[1].reentry_ns == 1600 * MS


def test_a_task_that_the_second_server_has_stays_there_when_the_first_dies():
    rows = one_ue(NetworkConditions(), [Fault("es-1", 1500 * MS)])
    assert [(row.recovered, row.forwarded) for row in rows] == [(True, False), (False, True)]
