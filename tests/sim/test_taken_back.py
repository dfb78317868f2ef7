"""Tasks that UEs take back from a radio whose link is cut: instants and energy computed by hand."""

import msgspec
import pytest

from testbed.model.resilience import Breaker, Resilience, Retry
from testbed.model.system import BackhaulCut, Fault, Radio
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.sim.test_cuts import cut_ue
from tests.sim.test_resilience import LOCAL_J, OFFLOAD, full, kinds, made_with, played
from tests.support import MS, plan, system, task_of

S = 10**9
RECOVER = {"recovers_from_cuts": True}
A_SECOND = 8_000_000  # bits


class LocalAtFirst:
    """What is asked in slot 0 stays local, the rest is offloaded."""

    def decide(self, cell, rng):
        return {ue.name: min(cell.slot, 1) for ue in cell.ues}


def recovered(cuts, tasks, faults=(), *, made=None, **options):
    """A run of UEs of 1 GHz, the first one's link being cut: known 0.1 s after it begins."""
    made = cut_ue(system((1,), (S,)) if made is None else made, *cuts)
    return played(made_with(made, **RECOVER, **options), tasks, faults)


def test_what_is_on_the_radio_leaves_it_once_the_cut_is_known_and_pays_for_what_was_sent():
    """One is being sent when the link is cut at 0.5 s, one waits for the radio, one is executed here until 2 s."""
    tasks = [task_of(0, n, bits=A_SECOND) for n in range(2)]
    found = recovered([(0.5, 9)], tasks)
    sent, waited = found.tasks
    assert [(row.recovered, row.reentry_ns, row.recovery_ns) for row in found.tasks] == [(True, 600 * MS, 600 * MS)] * 2
    assert (sent.tx_start_ns, sent.tx_end_ns, waited.tx_start_ns, waited.tx_end_ns) == (0, 500 * MS, -1, -1)
    assert (sent.finished_ns, waited.finished_ns, waited.local_wait_ns) == (1600 * MS, 2600 * MS, S)
    assert sent.energy_j == pytest.approx(0.1 + LOCAL_J, rel=1e-12)
    assert waited.energy_j == pytest.approx(LOCAL_J, rel=1e-12)
    assert found.links == [] and kinds(found) == []
    assert [(row.slot, row.air_cycles) for row in found.slots] == [(0, 0)]  # idle ever after


def test_the_radio_is_free_for_what_is_posted_after_the_cut():
    first, second = recovered([(0.5, 0.7)], [task_of(0, 0, bits=A_SECOND), task_of(0, 1, S, bits=A_SECOND)]).tasks
    assert (first.recovered, second.recovered, second.tx_start_ns, second.radio_wait_ns) == (True, False, S, 0)
    assert second.finished_ns == 3 * S


def test_it_enters_the_local_queue_at_its_tail():
    """The first task is executed here from 0 s to 2 s, the second is posted at 0.25 s."""
    made = made_with(cut_ue(system((1,), (S,)), (0.5, 9)), **RECOVER)
    tasks = [task_of(0, 0, cycles=2 * S), task_of(0, 1, S // 4, bits=A_SECOND)]
    made = msgspec.structs.replace(made, slot_ns=S // 4, slots=20)
    rows = simulate(plan(made, tasks, double=False), LocalAtFirst()).tasks
    assert [(row.recovered, row.finished_ns) for row in rows] == [(False, 2 * S), (True, 3 * S)]
    assert rows[1].local_wait_ns == 1400 * MS and rows[1].reentry_ns == 600 * MS


@pytest.mark.parametrize("end_s", [0.59, 0.6])
def test_a_link_that_comes_back_before_its_cut_is_known_changes_nothing(end_s):
    tasks = [task_of(0, n, bits=A_SECOND) for n in range(2)]
    found = recovered([(0.5, end_s)], tasks).tasks
    assert found == played(cut_ue(system((1,), (S,)), (0.5, end_s)), tasks).tasks
    assert not any(row.recovered for row in found)
    (row,) = recovered([(0.5, 0.600000001)], tasks[:1]).tasks
    assert row.recovered and row.finished_ns == 1600 * MS


def test_a_result_that_waits_at_the_server_and_bits_that_have_left_are_waited_for():
    radio = Radio(latency_ns=300 * MS)
    for cut_s in (0.5, 1.0):
        cut, task = [(cut_s, 3)], task_of(0, 0, bits=80 if cut_s < 1 else A_SECOND)
        (row,) = recovered(cut, [task], made=system((1,), (S,), radio=radio)).tasks
        assert (row.recovered, row.finished_ns, row.execution_ns) == (False, 3 * S, S)


def test_a_task_at_another_server_behind_a_cut_backhaul_is_waited_for():
    made = system((1, 0), (S // 10, S), threshold_ns=0)
    cut = BackhaulCut(one=0, other=1, cuts_ns=((S, 7 * S),))
    tasks = [task_of(0, 0, bits=80), task_of(0, 1, bits=80, cycles=5 * S)]
    made = msgspec.structs.replace(made, backhaul_cuts=(cut,))
    expected = simulate(plan(made, tasks, double=True), OFFLOAD).tasks
    assert simulate(plan(made_with(made, **RECOVER), tasks, double=True), OFFLOAD).tasks == expected
    assert expected[1].forwarded


def test_a_ue_that_stands_still_takes_its_tasks_back_when_it_goes_on():
    made = system((1,), (S,))
    ue = msgspec.structs.replace(made.ues[0], pauses_ns=((550 * MS, 2 * S),), speed_edges_ns=(0, 550 * MS, 2 * S))
    ue = msgspec.structs.replace(ue, speeds_hz=(S, 0, S))
    made = msgspec.structs.replace(made, ues=(ue,))
    (row,) = recovered([(0.5, 3)], [task_of(0, 0, bits=A_SECOND)], made=made).tasks
    assert (row.reentry_ns, row.tx_end_ns, row.finished_ns) == (2 * S, 500 * MS, 3 * S)
    (waits,) = recovered([(0.5, 2)], [task_of(0, 0, bits=A_SECOND)], made=made).tasks
    assert not waits.recovered and waits.tx_end_ns == 2500 * MS


def test_an_ended_or_posted_attempt_is_paid_for_besides():
    """Rejected at 10 us, posted again at 300 ms, and cut off from 0.5 s on."""
    made, tasks = full(cycles=3 * S)
    options = {"on_reject": Retry(1, 300 * MS), **RECOVER}
    big = [tasks[0], msgspec.structs.replace(tasks[1], input_bits=A_SECOND // 4)]
    row = played(made_with(cut_ue(made, (0.6, 3), index=1), **options), big).tasks[1]
    # 250 ms on the air, rejected; posted again at 550 ms, sent until 600 ms, taken back at 700 ms
    assert (row.rejected, row.recovered, row.reentry_ns, row.finished_ns) == (False, True, 700 * MS, 1700 * MS)
    assert row.energy_j == pytest.approx(0.2 * (0.25 + 0.05) + LOCAL_J, rel=1e-12)


def test_the_copy_of_a_hedged_task_is_what_is_left_of_it():
    """Copied at 0.3 s, cut off at 0.5 s: the post leaves the radio, and nothing is executed in vain."""
    found = recovered([(0.5, 9)], [task_of(0, 0, bits=A_SECOND)], hedge_after_ns=300 * MS)
    (row,) = found.tasks
    assert (row.recovered, row.reentry_ns, row.finished_ns) == (True, 300 * MS, 1300 * MS)
    assert row.energy_j == pytest.approx(0.1 + LOCAL_J, rel=1e-12)
    assert kinds(found) == [(300 * MS, "ue-1-1", "hedged")]


def test_a_copy_that_has_won_pays_for_the_radio_until_it_falls_silent():
    """The copy ends at 1.3 s; its post is on the air until the cut at 1.4 s, of the 2 s that it would take."""
    (row,) = recovered([(1.4, 9)], [task_of(0, 0, bits=2 * A_SECOND)], hedge_after_ns=300 * MS).tasks
    assert (row.recovered, row.finished_ns) == (False, 1300 * MS)
    assert row.energy_j == pytest.approx(0.2 * 1.4 + LOCAL_J, rel=1e-12)


def test_a_task_that_was_taken_back_opens_the_breaker():
    tasks = [task_of(0, n, bits=A_SECOND) for n in range(2)]
    found = recovered([(0.5, 0.7)], [*tasks, task_of(0, 2, S, bits=80)], breaker=Breaker(2, 5 * S))
    assert kinds(found) == [(600 * MS, "ue-1-1", "breaker_opened")]
    assert [row.recovered for row in found.tasks] == [True] * 3


@pytest.mark.parametrize("died_ms", [300, 500, 550, 600, 5000])
def test_a_death_of_the_server_takes_back_what_a_cut_did_not(died_ms):
    """Known 0.1 s after whichever comes first, and paid for until then; what was taken back stays with its UE."""
    begins = min(500, died_ms)
    (row,) = recovered([(0.5, 9)], [task_of(0, 0, bits=A_SECOND)], (Fault("es-1", died_ms * MS),)).tasks
    assert (row.recovered, row.reentry_ns, row.tx_end_ns) == (True, (begins + 100) * MS, begins * MS)
    assert row.energy_j == pytest.approx(0.2 * begins / 1000 + LOCAL_J, rel=1e-12)


@pytest.mark.parametrize(("died_ms", "joules"), [(550, 0.11), (1100, 0.1 + LOCAL_J / 2)])
def test_a_ue_that_dies_meanwhile_has_paid_for_what_it_did(died_ms, joules):
    (row,) = recovered([(0.5, 9)], [task_of(0, 0, bits=A_SECOND)], (Fault("ue-1-1", died_ms * MS, 2 * S),)).tasks
    assert (row.state, row.energy_j) == ("failed", pytest.approx(joules, rel=1e-12))


def test_on_a_shared_radio_there_is_nothing_to_take_back():
    scenario = load_scenario("region", ["ue.on_cut=recover", "radio.access=shared", "slots=20"])
    resolved = inputs.resolve(scenario)
    tasks = inputs.generate(resolved.scenario, resolved.system)
    plain = msgspec.structs.replace(resolved.system, resilience=Resilience())
    expected = simulate(plan(plain, tasks), OFFLOAD).tasks
    assert simulate(plan(resolved.system, tasks), OFFLOAD).tasks == expected
