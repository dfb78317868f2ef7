"""What a UE tells of a finished task is what its record says of it, as it was measured."""

import msgspec
import pytest

from testbed.model.learning import LEARNER
from testbed.model.task import COMPLETED, LATE, LOCAL, OFFLOAD, Task
from testbed.protocol.actions import Boundary, Finish, Send
from testbed.protocol.messages import Ask, Decision, Result, Trip
from tests.support import MS, system
from tests.swarm.ends import PARTS
from ue_agent.agent import Agent
from ue_agent.events import LocalEnd

TASK = Task(ue=0, number=0, generated_ns=0, input_bits=400_000, cycles=500_000_000, deadline_ns=550 * MS)


def finish_of(choice):
    """What a UE of one task that is decided so does when the task ends at 500 ms."""
    agent = Agent(system(), 0, (TASK,), outcomes=True)
    agent.handle(0, Boundary(0))
    agent.handle(0, Decision(ue=agent.name, slot=0, choice=choice, asked_ns=0))
    if choice == LOCAL:
        return agent.handle(500 * MS, LocalEnd(0))
    trip = Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=50 * MS, arrival_ns=60 * MS, late_ns=5 * MS)
    result = Result(
        ue=agent.name,
        number=0,
        es="es-1",
        incarnation=0,
        trip=trip,
        es_arrival_ns=60 * MS,
        start_ns=100 * MS,
        end_ns=490 * MS,
        at_ns=500 * MS,
    )
    return agent.handle(500 * MS, result)


@pytest.mark.parametrize("choice", [LOCAL, OFFLOAD])
@pytest.mark.parametrize("lag_ns", [0, 40 * MS, 60 * MS])
def test_a_task_has_one_last_row_and_the_learner_is_told_what_it_says(choice, lag_ns):
    (finish,) = finish_of(choice)
    ideal, row = finish.row(500 * MS), finish.row(500 * MS + lag_ns)
    send = finish.tell(row)
    told = send.body
    assert (finish.at_ns, send.to, send.at_ns, told.task) == (500 * MS, LEARNER, 500 * MS, TASK)
    assert (told.delay_ns, told.energy_j, told.state) == (row.measured_ns, row.energy_measured_j, row.state)
    assert row.state == (COMPLETED if row.measured_ns <= TASK.deadline_ns else LATE)
    assert (row.finished_ns, row.measured_ns, row.emulation_ns) == (500 * MS, 500 * MS + lag_ns, lag_ns)
    spent = row.energy_measured_j - ideal.energy_measured_j
    assert spent == pytest.approx(lag_ns * 1e-9 if choice == LOCAL else 0.0)
    changed = {"state", "measured_ns", "emulation_ns", "energy_measured_j", "overhead"}
    same = [name for name in row.__struct_fields__ if name not in changed]
    assert [getattr(row, name) for name in same] == [getattr(ideal, name) for name in same]
    assert told.by_ue == (choice == LOCAL)


@pytest.mark.parametrize("choice", [LOCAL, OFFLOAD])
def test_its_parts_sum_to_its_delay_and_its_energy_is_what_was_spent(choice):
    (finish,) = finish_of(choice)
    row = finish.row(520 * MS)
    assert sum(getattr(row, part) for part in PARTS) == row.measured_ns == 520 * MS
    spent, late = (0.5, 0.02) if choice == LOCAL else (0.2 * 0.05, 0.2 * 0.005)
    assert row.energy_j == pytest.approx(spent) and row.energy_measured_j == pytest.approx(spent + late)


def test_without_a_learner_nobody_is_told():
    agent = Agent(system(), 0, (TASK,))
    agent.handle(0, Boundary(0))
    agent.handle(0, Decision(ue=agent.name, slot=0, choice=LOCAL, asked_ns=0))
    (finish,) = agent.handle(500 * MS, LocalEnd(0))
    assert isinstance(finish, Finish) and finish.tell is None and finish.row(500 * MS).state == COMPLETED


@pytest.mark.parametrize("outcomes", [False, True])
def test_only_a_ue_that_is_learned_from_asks_on_while_the_run_drains(outcomes):
    made = msgspec.structs.replace(system(), slots=3)
    agent = Agent(made, 0, (), outcomes=outcomes)
    asks = [a.body for a in agent.handle(4 * made.slot_ns, Boundary(4)) if isinstance(a, Send)]
    assert asks == ([Ask(ue=made.ues[0].name, slot=4, at_ns=4 * made.slot_ns, queue_ns=0)] if outcomes else [])


@pytest.mark.parametrize("late_ns", [0, 1, 300 * MS])
def test_a_local_execution_is_finished_at_its_ideal_end_however_late_that_is_heard(late_ns):
    agent = Agent(system(), 0, (TASK,))
    agent.handle(0, Boundary(0))
    agent.handle(0, Decision(ue=agent.name, slot=0, choice=LOCAL, asked_ns=0))
    (finish,) = agent.handle(500 * MS + late_ns, LocalEnd(0))
    assert isinstance(finish, Finish)
    row = finish.row(500 * MS + late_ns)
    assert (finish.at_ns, row.finished_ns, row.emulation_ns) == (500 * MS, 500 * MS, late_ns)
    assert sum(getattr(row, part) for part in PARTS) == row.measured_ns
