"""Each rule of faults by hand; `tests.swarm` tries them at random."""

import msgspec
import pytest

from testbed.model.delay import NS_PER_S
from testbed.model.system import Backhaul, Fault
from testbed.model.task import FAILED, UE_DIED
from testbed.policy.heuristics import FixedChoice, Priced
from testbed.sim.simulation import simulate
from tests.support import MS, ordered, plan, random_faults, region, system, task_of


def one_ue(tasks, faults=(), slots=4, **kwargs):
    made = system((1,), (2 * NS_PER_S,), slots=slots, **kwargs)
    return simulate(plan(made, ordered(tasks), double=False, faults=faults), FixedChoice(1)).tasks


def test_a_task_on_a_dead_server_runs_locally_from_detection_on_and_pays_its_airtime():
    (row,) = one_ue([task_of(0, 0, cycles=NS_PER_S, bits=8_000_000)], [Fault("es-1", 400 * MS)])
    assert (row.recovered, row.choice, row.state) == (True, 1, "late")
    assert (row.reentry_ns, row.finished_ns, row.recovery_ns) == (500 * MS, 1500 * MS, 500 * MS)
    assert row.energy_j == pytest.approx(0.2 * 0.4 + 1.0)


def test_after_detection_offloading_to_a_dead_server_goes_local_at_once_until_it_is_back():
    tasks = [task_of(0, n, at=n * NS_PER_S, cycles=NS_PER_S // 2, bits=800_000) for n in range(4)]
    rows = one_ue(tasks, [Fault("es-1", 500 * MS, 2500 * MS)])
    assert [row.recovered for row in rows] == [False, True, True, False]
    assert rows[1].finished_ns == 1500 * MS and rows[1].recovery_ns == 0


def test_a_result_that_left_before_the_death_counts():
    from testbed.model.system import Radio

    task = task_of(0, 0, cycles=NS_PER_S, bits=800_000)
    (row,) = one_ue([task], [Fault("es-1", 650 * MS)], radio=Radio(return_latency_ns=90 * MS))
    assert (row.recovered, row.end_ns, row.finished_ns) == (False, 600 * MS, 690 * MS)


def test_a_dead_ue_fails_its_tasks_and_generates_none_until_its_restart():
    tasks = [task_of(0, n, at=n * NS_PER_S, cycles=3 * NS_PER_S, bits=800_000) for n in range(4)]
    rows = one_ue(tasks, [Fault("ue-1-1", NS_PER_S, 2500 * MS)])
    assert [(row.number, row.state, row.reason) for row in rows] == [(0, FAILED, UE_DIED), (3, "late", "")]


def test_without_a_controller_ues_fall_back_at_detection_and_then_at_once():
    tasks = [task_of(0, n, at=n * NS_PER_S, cycles=NS_PER_S // 10, bits=800_000) for n in range(3)]
    rows = one_ue(tasks, [Fault("controller", NS_PER_S)])
    assert [row.fallback for row in rows] == ["", "controller lost", "controller lost"]
    assert [row.think_ns for row in rows] == [0, 100 * MS, 0]
    assert [row.choice for row in rows] == [1, 0, 0]


def test_if_only_the_forwarding_server_dies_nothing_happens():
    made = system((1, 1), (NS_PER_S, NS_PER_S), slots=4)
    tasks = ordered(
        [task_of(0, 0, cycles=5 * NS_PER_S, bits=800_000), task_of(0, 1, at=NS_PER_S, cycles=NS_PER_S, bits=800_000)]
    )
    calm, faulty = (
        simulate(plan(made, tasks, faults=faults), FixedChoice(1)).tasks for faults in ((), (Fault("es-1", 1500 * MS),))
    )
    assert calm[1].forwarded and faulty[1] == calm[1]
    assert faulty[0].recovered


@pytest.mark.parametrize(("died_ms", "lost"), [(1500, True), (1900, True), (1901, False)])
def test_a_server_takes_what_it_has_on_the_backhaul_along_and_nobody_executes_it_twice(died_ms, lost):
    """The second task goes on at 1.1 s and is at the other server at 1.9 s."""
    made = system((1, 1), (NS_PER_S, NS_PER_S), slots=4, backhaul=Backhaul(rate_bps=1e6, latency_ns=0))
    tasks = ordered(
        [task_of(0, 0, cycles=5 * NS_PER_S, bits=800_000), task_of(0, 1, at=NS_PER_S, cycles=NS_PER_S, bits=800_000)]
    )
    found = simulate(plan(made, tasks, faults=(Fault("es-1", died_ms * MS),)), FixedChoice(1))
    first, second = found.tasks
    assert first.recovered and second.recovered is lost
    assert [row.to for row in found.links if row.link == "es-1"] == ([] if lost else ["es-2"])
    assert (max(row.busy_ns for row in found.slots if row.es == "es-2") > 0) is not lost
    assert second.finished_ns == (died_ms * MS + 6100 * MS if lost else 2900 * MS)


def test_the_same_seed_twice_gives_the_same_bytes():
    made, tasks = region(0.8, 3, 30)
    faults = random_faults(made, 3, ues=True)
    runs = [msgspec.json.encode(simulate(plan(made, tasks, faults=faults), Priced())) for _ in range(2)]
    assert runs[0] == runs[1] and len(runs[0]) > 10_000
