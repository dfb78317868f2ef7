"""The controller core: for whom it waits and for how long, who is late, and what a learner is told."""

from controller.server import DecisionServer, GatherExpired, looks_on
from testbed.model.learning import LEARNER
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.actions import Alarm, Send
from testbed.protocol.messages import Announce, Ask, Decision, Seen
from tests.support import system, task_of

S = 10**9
SYSTEM = system((2,), (S,))


class Learner:
    """Offloads everything, and accounts for what it sees."""

    def __init__(self):
        self.decided, self.accounted = [], []

    def decide(self, cell, rng):
        self.decided.append(cell.slot)
        return {ue.name: 1 for ue in cell.ues if ue.tasks}

    def account(self, cell):
        self.accounted.append(cell.slot)
        return Seen(cell=cell.cell, slot=cell.slot, version=7, features=(), tasks=(), chose=())


def asks(ue, slot, *, tasks=1):
    given = tuple(task_of(ue, slot, at=slot * S) for _ in range(tasks))
    return Ask(ue=f"ue-1-{ue + 1}", slot=slot, at_ns=slot * S, queue_ns=0, tasks=given, last_choice=-1)


def announced(slot):
    return Announce(
        es="es-1",
        slot=slot,
        at_ns=slot * S,
        backlog_ns=0,
        own_cycles=0,
        forwarded_cycles=0,
        air_cycles=0,
        senders=0,
        radio_wait_ns=(0, 0),
    )


def answered(actions):
    return [action.body.ue for action in actions if isinstance(action, Send) and isinstance(action.body, Decision)]


def test_the_first_ask_of_a_slot_sets_the_alarm_and_the_last_one_is_answered_with_it():
    core = DecisionServer(SYSTEM, FixedChoice(1))
    core.handle(3 * S, announced(3))
    (alarm,) = core.handle(3 * S, asks(0, 3))
    assert isinstance(alarm, Alarm) and alarm.after_ns == SYSTEM.gather_timeout_ns
    assert core.waits_for(alarm.event) and not core.waits_for(GatherExpired(0, 4)) and not core.waits_for("else")
    assert answered(core.handle(3 * S, asks(1, 3))) == ["ue-1-1", "ue-1-2"]
    assert not core.waits_for(alarm.event) and core.handle(4 * S, alarm.event) == []


def test_who_asks_after_the_timeout_is_answered_alone_and_without_tasks_not_at_all():
    core = DecisionServer(SYSTEM, FixedChoice(0))
    core.handle(3 * S, asks(0, 3))
    assert answered(core.handle(3 * S + 1, GatherExpired(0, 3))) == ["ue-1-1"]
    assert answered(core.handle(3 * S + 2, asks(1, 3))) == ["ue-1-2"]
    assert core.handle(3 * S + 3, asks(1, 3, tasks=0)) == []
    assert answered(core.handle(3 * S + 4, asks(1, 2))) == ["ue-1-2"]


def test_a_slot_that_was_decided_late_makes_no_later_one_open_again():
    core = DecisionServer(SYSTEM, FixedChoice(0))
    core.handle(3 * S, asks(0, 3))
    core.handle(4 * S, asks(0, 4))
    core.handle(4 * S + 1, GatherExpired(0, 4))
    core.handle(4 * S + 2, GatherExpired(0, 3))
    assert answered(core.handle(4 * S + 3, asks(1, 4))) == ["ue-1-2"]


def test_a_learner_is_told_of_every_slot_and_decides_those_with_tasks():
    learner = Learner()
    core = DecisionServer(SYSTEM, learner)
    assert looks_on(learner) and not looks_on(FixedChoice(0))
    for slot, tasks in ((3, 1), (4, 0)):
        core.handle(slot * S, announced(slot))
        core.handle(slot * S, asks(0, slot, tasks=tasks))
        actions = core.handle(slot * S, asks(1, slot, tasks=0))
        assert isinstance(actions[-1], Send) and actions[-1].to == LEARNER
        assert answered(actions) == ["ue-1-1"] * tasks
    assert (learner.decided, learner.accounted) == ([3], [3, 4])
