"""What a UE tells of a finished task is what its record says of it, as it was measured."""

import msgspec
import pytest

from testbed.model.system import Emulation
from testbed.model.task import LOCAL, OFFLOAD, Task
from testbed.protocol.actions import Boundary, Send
from testbed.protocol.messages import Ask
from tests.support import MS, system
from ue_agent.__main__ import role_of
from ue_agent.agent import Agent
from ue_agent.report import Flight, ended, outcome

TASK = Task(ue=0, number=0, generated_ns=0, input_bits=400_000, cycles=500_000_000, deadline_ns=550 * MS)


def rows(choice):
    """A finished task's row, and its outcome, both as they should have been."""
    made = system()
    flight = Flight(
        task=TASK,
        slot=0,
        asked_ns=0,
        think_ns=0,
        choice=choice,
        version=0,
        log_probability=0.0,
        fallback="",
        ready_ns=0,
    )
    if choice == LOCAL:
        flight.start_ns, flight.end_ns = 0, 500 * MS
    row = ended(flight, made.ues[0], 500 * MS)
    return made, row, outcome(row, TASK)


@pytest.mark.parametrize("choice", [LOCAL, OFFLOAD])
@pytest.mark.parametrize("lag_ns", [0, 40 * MS, 60 * MS])
def test_an_outcome_is_measured_as_its_row_is(choice, lag_ns):
    made, row, told = rows(choice)
    role = role_of(made, Emulation())
    measured, heard = role.measure(row, 500 * MS + lag_ns), role.measure_outcome(told, 500 * MS + lag_ns)
    assert (heard.delay_ns, heard.energy_j, heard.state) == (
        measured.measured_ns,
        measured.energy_measured_j,
        measured.state,
    )
    assert heard.delay_ns == told.delay_ns + lag_ns
    assert (heard.energy_j > told.energy_j) == (choice == LOCAL and lag_ns > 0)
    assert heard.finished_ns == told.finished_ns == 500 * MS


@pytest.mark.parametrize("outcomes", [False, True])
def test_only_a_ue_that_is_learned_from_asks_on_while_the_run_drains(outcomes):
    made = msgspec.structs.replace(system(), slots=3)
    agent = Agent(made, 0, (), outcomes=outcomes)
    asks = [a.body for a in agent.handle(4 * made.slot_ns, Boundary(4)) if isinstance(a, Send)]
    assert asks == ([Ask(ue=made.ues[0].name, slot=4, at_ns=4 * made.slot_ns, queue_ns=0)] if outcomes else [])
