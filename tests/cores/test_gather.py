"""What the controller knows when it decides: announcements, however old, and the asks of each cell."""

from random import Random

from controller.gather import Gathering
from controller.server import DecisionServer, looks_on
from testbed.policy import network
from testbed.policy.heuristics import FixedChoice
from testbed.policy.regional import RegionalNetwork
from testbed.protocol.actions import Send
from testbed.protocol.messages import Announce, Ask, Decision
from tests.support import system, task_of

S = 10**9
SYSTEM = system((1, 1), (S, S))


def ask_of(ue, slot):
    tasks = (task_of(ue, slot, at=slot * S),)
    return Ask(ue=SYSTEM.ues[ue].name, slot=slot, at_ns=slot * S, queue_ns=0, tasks=tasks)


def announced(es, slot, backlog_ns=5):
    return Announce(es=es, slot=slot, at_ns=slot * S, backlog_ns=backlog_ns, radio_wait_ns=(9,))


def servers(known, slot, cell=0):
    name = SYSTEM.ues[cell].name
    return known.view(cell, slot, {name: ask_of(cell, slot)}).edge_servers


def test_asks_are_sorted_by_cell():
    known = Gathering(SYSTEM)
    by_cell = known.by_cell({"ue-2-1": ask_of(1, 3), "ue-1-1": ask_of(0, 3)})
    assert [list(asks) for asks in by_cell] == [["ue-1-1"], ["ue-2-1"]] and by_cell[1]["ue-2-1"] == ask_of(1, 3)


def test_of_a_server_that_was_not_heard_nothing_is_believed():
    known = Gathering(SYSTEM)
    view = known.view(0, 3, {"ue-1-1": ask_of(0, 3)})
    assert [(es.age_slots, es.backlog_ns) for es in view.edge_servers] == [(0, 0), (0, 0)]
    assert view.ues[0].radio_wait_ns == 0


def test_an_announcement_ages_until_a_newer_one_is_heard():
    known = Gathering(SYSTEM)
    known.announce(announced("es-2", 1))
    assert [(es.age_slots, es.backlog_ns) for es in servers(known, 3)] == [(0, 0), (2, 5)]
    known.announce(announced("es-2", 3, backlog_ns=8))
    assert [(es.age_slots, es.backlog_ns) for es in servers(known, 3)] == [(0, 0), (0, 8)]
    known.announce(announced("es-2", 2, backlog_ns=4))
    assert servers(known, 3)[1].backlog_ns == 8


class Draws:
    """A user's policy, which may draw."""

    def __init__(self):
        self.rngs = []

    def decide(self, cell, rng):
        self.rngs.append(rng)
        return {ue.name: 1 for ue in cell.ues if ue.tasks}


def test_only_a_policy_that_may_draw_is_given_a_generator_and_without_a_learner_the_version_is_0():
    policy = Draws()
    core = DecisionServer(SYSTEM, policy)
    for es in ("es-1", "es-2"):
        core.handle(3 * S, announced(es, 3))
    decisions = [
        action.body
        for ue in (0, 1)
        for action in core.handle(3 * S, ask_of(ue, 3))
        if isinstance(action, Send) and isinstance(action.body, Decision)
    ]
    assert [(one.ue, one.version) for one in decisions] == [("ue-1-1", 0), ("ue-2-1", 0)]
    assert [type(rng) for rng in policy.rngs] == [Random, Random]
    assert len({rng.random() for rng in policy.rngs}) == 2


def test_a_policy_that_remembers_or_decides_for_the_region_is_asked_in_every_slot():
    params = network.initial(1, network.layout(head=network.REGIONAL))
    assert looks_on(RegionalNetwork(params, double=True)) and not looks_on(FixedChoice(1))
