"""Boundaries at which nothing has been there since the one before are neither recorded nor played."""

from typing import Any

import pytest

from testbed.model.delay import NS_PER_S
from testbed.model.random import uniform
from testbed.model.system import SHARED, Radio
from testbed.policy.heuristics import FixedChoice, Priced
from testbed.protocol.idle import Boundaries, is_idle
from testbed.protocol.rows import SlotRow, UeSlotRow
from testbed.sim.simulation import Simulation, simulate
from testbed.twin.run import run
from tests.support import MS, ordered, plan, random_faults, system, task_of
from tests.twin.test_parity import compare
from tests.twin.worlds import Hashed

POLICIES = [FixedChoice(0), FixedChoice(1), Priced(0.7, 0.05), Hashed()]


def sparse(seed, slots, tasks=12, **fields):
    """Two cells and a few tasks far apart, some of them together, some at a boundary, some many slots long."""
    hardware = system((2, 1), (2_000_000_000, 1_000_000_000), slots=slots, seed=seed, **fields)
    drawn = []
    for n in range(tasks):
        instant = int(uniform(seed, 9, n // 3, 0, 0) * hardware.end_ns)
        at = instant - instant % NS_PER_S if uniform(seed, 9, n, 2, 0) < 0.3 else instant
        drawn.append((at, int(uniform(seed, 9, n, 1, 0) * 3), int(10 ** (6 + 4 * uniform(seed, 9, n, 3, 0)))))
    result, numbers = [], [0, 0, 0]
    for at, ue, cycles in sorted(drawn):
        result.append(task_of(ue, numbers[ue], at, cycles))
        numbers[ue] += 1
    return hardware, ordered(result)


def row_of_es(**values):
    names = ("backlog_ns", "waiting", "own_cycles", "forwarded_cycles", "air_cycles", "busy_ns")
    row: dict[str, Any] = {"es": "es-1", "slot": 1, "at_ns": 1, "over_threshold": False} | dict.fromkeys(names, 0)
    return SlotRow(**row | values)


@pytest.mark.parametrize(
    "values",
    [{name: 1} for name in ("backlog_ns", "waiting", "own_cycles", "forwarded_cycles", "air_cycles", "busy_ns")]
    + [{"over_threshold": True}],
    ids=repr,
)
def test_whatever_is_at_a_server_is_recorded_and_once_that_it_is_gone(values):
    one = Boundaries()
    rows = [row_of_es(), row_of_es(), row_of_es(**values), row_of_es(**values), row_of_es(), row_of_es()]
    assert [one.records(row) for row in rows] == [True, False, True, True, True, False]


@pytest.mark.parametrize("name", ["queue_ns", "radio_wait_ns", "present", "undecided"])
def test_whatever_is_at_a_ue_is_recorded(name):
    idle = {"queue_ns": 0, "radio_wait_ns": -1, "present": 0, "undecided": 0}
    assert is_idle(UeSlotRow(ue="ue-1-1", slot=1, at_ns=1, **idle))
    assert not is_idle(UeSlotRow(ue="ue-1-1", slot=1, at_ns=1, **idle | {name: 1}))


@pytest.mark.parametrize("policy", POLICIES, ids=repr)
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("radio", [Radio(), Radio(access=SHARED)], ids=["dedicated", "shared"])
def test_twin_and_simulation_leave_out_the_same_slots(seed, policy, radio):
    hardware, tasks = sparse(seed, 400, radio=radio)
    compare(plan(hardware, tasks), policy)


def without_sleep(result, policy):
    """The simulation with every boundary played."""
    simulation = Simulation(result, policy)
    simulation._sleep = None
    return simulation.run()


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("epoch", ["slot", "arrival"])
def test_sleep_changes_no_row(seed, epoch):
    hardware, tasks = sparse(seed, 300, epoch=epoch)
    order = plan(hardware, tasks, faults=random_faults(hardware, seed, ues=True))
    passed, played = simulate(order, Priced()), without_sleep(order, Priced())
    for table in ("tasks", "slots", "ue_slots", "links", "events", "end_ns"):
        assert getattr(passed, table) == getattr(played, table), table
    assert passed.delivered < played.delivered


def test_rows_are_those_of_every_boundary_less_the_idle_ones(monkeypatch):
    hardware, tasks = sparse(3, 200)
    every = []
    records = Boundaries.records

    def noted(self, row):
        every.append(row)
        return records(self, row)

    monkeypatch.setattr(Boundaries, "records", noted)
    played = without_sleep(plan(hardware, tasks), FixedChoice(1))
    for result, name in ((played.slots, "es"), (played.ue_slots, "ue")):
        all_rows = {(getattr(row, name), row.slot): row for row in every if hasattr(row, name)}
        there = {(getattr(row, name), row.slot) for row in result}
        assert len(there) < len(all_rows)
        for (who, slot), row in all_rows.items():
            before = all_rows.get((who, slot - 1))
            left_out = before is not None and is_idle(before) and is_idle(row)
            assert ((who, slot) in there) is not left_out or slot >= hardware.slots


class Onlooker:
    """A policy that notes the slots it sees."""

    remembers = True

    def __init__(self):
        self.seen = set()

    def decide(self, view, rng):
        self.see(view)
        return {ue.name: 0 for ue in view.ues if ue.tasks}

    def see(self, view):
        self.seen.add(view.slot)


@pytest.mark.parametrize("clock", [simulate, run])
def test_a_policy_that_looks_on_sees_every_slot(clock):
    hardware, tasks = sparse(5, 100)
    policy = Onlooker()
    clock(plan(hardware, tasks), policy)
    assert len(policy.seen) > 80


@pytest.mark.parametrize("slots", [1_000, 90_000_000])
def test_the_cost_of_a_run_is_that_of_its_tasks(slots):
    """Three years of seconds, nearly all of them idle."""
    hardware, tasks = sparse(1, slots)
    order = plan(hardware, tasks)
    simulated, ran = simulate(order, FixedChoice(1)), run(order, FixedChoice(1))
    assert simulated.end_ns == ran.end_ns == hardware.end_ns
    assert simulated.slots == ran.slots and len(ran.slots) < 400
    assert simulated.delivered < 20_000


def test_a_server_that_worked_between_two_boundaries_is_not_idle():
    hardware = system((1,), (2_000_000_000,), slots=50)
    task = task_of(0, 0, at=5 * NS_PER_S - 1, cycles=20_000_000, bits=80_000)
    result = simulate(plan(hardware, (task,), double=False), FixedChoice(1))
    busy = [(row.slot, row.busy_ns // MS) for row in result.slots if row.busy_ns]
    assert busy == [(6, 10)]
    assert [row.slot for row in result.slots] == [0, 6, 7]
