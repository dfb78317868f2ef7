"""What a UE spent before its tasks failed is in their rows: on links and on its own CPU, planned instants cut off."""

import msgspec
import pytest

from testbed.model.delay import NS_PER_S
from testbed.model.system import Fault, Radio
from testbed.model.task import FAILED, LOCAL, OFFLOAD
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.endings import failed_row
from testbed.sim.simulation import simulate
from tests.support import MS, ordered, plan, system, task_of


def failed(tasks, faults, choice, slots=4, **kwargs):
    hardware = system((1,), (NS_PER_S,), slots=slots, **kwargs)
    rows = simulate(plan(hardware, ordered(tasks), double=False, faults=faults), FixedChoice(choice)).tasks
    return [row for row in rows if row.state == FAILED]


def test_a_ue_that_dies_while_it_sends_has_spent_the_airtime_so_far():
    (row,) = failed([task_of(0, 0, bits=16_000_000)], [Fault("ue-1-1", 1500 * MS)], OFFLOAD)
    assert (row.tx_start_ns, row.tx_end_ns, row.airtime_ns) == (0, -1, 1500 * MS)
    assert row.energy_j == row.energy_measured_j == pytest.approx(0.2 * 1.5)


@pytest.mark.parametrize("at_ms", [500, 1500])
def test_on_a_shared_radio_it_is_the_same(at_ms):
    """The last bit is sent after 1 s; from then on nothing more is spent."""
    (row,) = failed([task_of(0, 0)], [Fault("ue-1-1", at_ms * MS)], OFFLOAD, radio=Radio(access="shared"))
    assert row.energy_j == pytest.approx(0.2 * min(1.0, at_ms / 1000))


def test_a_ue_that_dies_while_it_computes_has_spent_that_share():
    tasks = [task_of(0, 0, cycles=2 * NS_PER_S), task_of(0, 1, cycles=NS_PER_S)]
    running, waiting = failed(tasks, [Fault("ue-1-1", 500 * MS)], LOCAL)
    assert (running.start_ns, running.end_ns, running.local_execution_ns) == (0, -1, 500 * MS)
    assert running.energy_j == pytest.approx(0.25 * 2.0)
    assert (waiting.start_ns, waiting.end_ns, waiting.energy_j) == (-1, -1, 0.0)


def test_a_ue_that_stood_still_before_it_died_has_spent_nothing_meanwhile():
    """Paused after 0.3 s for 0.4 s, and dead after 0.9 s: half a second of 2 s was executed."""
    still = (300 * MS, 700 * MS)
    hardware = system((1,), (NS_PER_S,), slots=4)
    paused = msgspec.structs.replace(hardware, ues=(msgspec.structs.replace(hardware.ues[0], pauses_ns=(still,)),))
    tasks, faults = ordered([task_of(0, 0, cycles=2 * NS_PER_S)]), [Fault("ue-1-1", 900 * MS)]
    (row,) = simulate(plan(paused, tasks, double=False, faults=faults), FixedChoice(LOCAL)).tasks
    assert (row.state, row.start_ns, row.local_execution_ns) == (FAILED, 0, 500 * MS)
    assert row.energy_j == pytest.approx(0.25 * 2.0)


def test_a_task_that_came_back_has_cost_both():
    """0.3 s of sending until its ES died, and what was executed locally from 0.4 s on."""
    faults = [Fault("es-1", 300 * MS), Fault("ue-1-1", 900 * MS)]
    (row,) = failed([task_of(0, 0)], faults, OFFLOAD)
    assert row.recovered and row.energy_j == pytest.approx(0.2 * 0.3 + 0.5 * 1.0)


def test_a_rejected_task_has_cost_both():
    """The second task finds the only place taken, and comes back at 2 s."""
    tasks = [task_of(0, 0, cycles=9 * NS_PER_S), task_of(0, 1, cycles=NS_PER_S)]
    rows = failed(tasks, [Fault("ue-1-1", 2500 * MS)], OFFLOAD, queue_limit=0)
    assert [row.rejected for row in rows] == [False, True] and rows[1].start_ns == 2 * NS_PER_S
    assert rows[1].energy_j == pytest.approx(0.2 * 1.0 + 0.5 * 1.0)


def test_a_run_that_ends_early_counts_what_was_spent_by_then():
    hardware = system((1,), (NS_PER_S,), slots=1)
    cut = plan(hardware, [task_of(0, 0, cycles=8 * NS_PER_S)], double=False)
    cut = msgspec.structs.replace(cut, emulation=msgspec.structs.replace(cut.emulation, drain_limit_ns=NS_PER_S))
    made_of = simulate(cut, FixedChoice(LOCAL))
    (row,) = made_of.tasks
    assert row.reason == "drain limit" and row.energy_j == pytest.approx(made_of.end_ns / NS_PER_S)


def test_a_row_that_failed_already_stays_as_it_is():
    (row,) = failed([task_of(0, 0, cycles=2 * NS_PER_S)], [Fault("ue-1-1", 500 * MS)], LOCAL)
    hardware = system((1,))
    assert failed_row(hardware.ues[0], task_of(0, 0, cycles=2 * NS_PER_S), row, row.reason, 500 * MS) == row


def test_of_a_task_that_was_never_decided_nothing_was_spent():
    (row,) = failed([task_of(0, 0, at=NS_PER_S // 2)], [Fault("ue-1-1", 900 * MS)], LOCAL)
    assert (row.choice, row.energy_j, row.airtime_ns) == (-1, 0.0, 0)
