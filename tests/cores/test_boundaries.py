"""What a UE does and records at the beginning of a slot."""

import pytest

from testbed.model.system import SHARED, Radio
from testbed.model.task import OFFLOAD, Task
from testbed.protocol.actions import Alarm, Boundary, Execute, Lost, Record, Wake
from testbed.protocol.messages import Decision, Down, Up
from testbed.protocol.rows import UeSlotRow
from tests.support import MS, system
from ue_agent.agent import Agent
from ue_agent.events import Arises, AskExpired

S = 1000 * MS
LONG = Task(ue=0, number=0, generated_ns=0, input_bits=80_000_000, cycles=S, deadline_ns=S)


def row_at(agent, slot):
    (row,) = (
        action.row
        for action in agent.handle(slot * S, Boundary(slot))
        if isinstance(action, Record) and isinstance(action.row, UeSlotRow)
    )
    return row


@pytest.mark.parametrize("epoch", ["slot", "arrival"])
def test_a_ue_waits_for_every_boundary(epoch):
    agent = Agent(system(epoch=epoch), 0, (LONG,))
    (wake,) = (
        action
        for action in agent.handle(0, Boundary(0))
        if isinstance(action, Wake) and isinstance(action.event, Boundary)
    )
    assert (wake.at_ns, wake.event) == (S, Boundary(1))


def test_tasks_that_are_asked_about_and_not_decided_are_present():
    agent = Agent(system(), 0, (LONG,))
    assert (row_at(agent, 0).present, row_at(agent, 1).present) == (1, 1)


def test_on_a_shared_radio_a_ue_does_not_know_its_wait():
    assert row_at(Agent(system(radio=Radio(access=SHARED)), 0, (LONG,)), 0).radio_wait_ns == -1


def test_the_radio_of_an_es_that_is_back_has_nothing_to_send():
    agent = Agent(system(), 0, (LONG,))
    agent.handle(0, Boundary(0))
    agent.handle(0, Decision(ue=agent.name, slot=0, choice=OFFLOAD, asked_ns=0))
    assert row_at(agent, 1).radio_wait_ns == 9 * S
    agent.handle(1500 * MS, Down("es-1", 1500 * MS, 0))
    agent.handle(1600 * MS, Lost("es-1", 1500 * MS, 0))
    agent.handle(1700 * MS, Up("es-1", 1700 * MS, 1))
    assert row_at(agent, 2).radio_wait_ns == 0


def test_tasks_that_an_es_loses_re_enter_by_their_numbers_whichever_was_decided_first():
    later = Task(ue=0, number=1, generated_ns=S, input_bits=80_000_000, cycles=S, deadline_ns=S)
    agent = Agent(system(), 0, (LONG, later))
    agent.handle(0, Boundary(0))
    agent.handle(S, Boundary(1))
    agent.handle(S, Decision(ue=agent.name, slot=1, choice=OFFLOAD, asked_ns=S))
    agent.handle(S + MS, Decision(ue=agent.name, slot=0, choice=OFFLOAD, asked_ns=0))
    agent.handle(1500 * MS, Down("es-1", 1500 * MS, 0))
    executed = [one for one in agent.handle(1600 * MS, Lost("es-1", 1500 * MS, 0)) if isinstance(one, Execute)]
    assert [one.number for one in executed] == [0, 1] and executed[0].start_ns < executed[1].start_ns


def test_a_ue_waits_for_an_answer_as_long_as_its_ask_is_pending():
    agent = Agent(system(), 0, (LONG,))
    assert not agent.waits_for(AskExpired(0))
    agent.handle(0, Boundary(0))
    assert agent.waits_for(AskExpired(0)) and not agent.waits_for(AskExpired(1)) and not agent.waits_for(Boundary(0))
    agent.handle(0, Decision(ue=agent.name, slot=0, choice=OFFLOAD, asked_ns=0))
    assert not agent.waits_for(AskExpired(0))


def test_a_task_that_is_to_come_at_another_instant_by_now_is_not_asked_about():
    agent = Agent(system(epoch="arrival"), 0, (LONG,))
    assert agent.handle(5, Arises(0, 5)) == [] and agent.handle(5, Arises(1, 0)) == []
    assert agent.handle(0, Arises(0, 0)) != []


def test_a_ue_that_asks_waits_for_an_answer_no_longer_than_it_may():
    agent = Agent(system(), 0, (LONG,))
    alarms = [action for action in agent.handle(0, Boundary(0)) if isinstance(action, Alarm)]
    assert alarms == [Alarm(agent.system.decision_timeout_ns, AskExpired(0))]
