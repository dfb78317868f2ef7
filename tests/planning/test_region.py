"""The controller and a policy of the whole region: it waits for all cells, and not for long."""

import pytest

from controller.__main__ import acting_in
from controller.server import DecisionServer, GatherExpired
from testbed.model.task import LOCAL, OFFLOAD
from testbed.planning.planner import Planner
from testbed.policy.planned import Regional
from testbed.protocol.actions import Alarm, Record, Send
from testbed.protocol.messages import Announce, Ask, Decision, Down
from testbed.protocol.rows import EventRow
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from tests.support import system, task_of

SYSTEM = system((2, 1), (2_000_000_000, 2_000_000_000))
ASKS = {ue.name: Ask(ue=ue.name, slot=0, at_ns=0, queue_ns=0, tasks=(task_of(ue.index, 0),)) for ue in SYSTEM.ues}


class Together:
    """Offloads for all whom it sees together, and decides nobody's alone but to stay local."""

    def __init__(self):
        self.seen = []

    def decide(self, cell, rng):
        return {ue.name: LOCAL for ue in cell.ues}

    def decide_region(self, cells):
        self.seen.append([ue.name for cell in cells for ue in cell.ues])
        return {ue.name: OFFLOAD for cell in cells for ue in cell.ues}


class Failing(Together):
    def decide_region(self, cells):
        raise ZeroDivisionError("planning")


def announced(server):
    for es in SYSTEM.edge_servers:
        server.handle(0, Announce(es=es.name, slot=0, at_ns=0, radio_wait_ns=(0, 0)))


def decisions(actions):
    sent = [action.body for action in actions if isinstance(action, Send) and isinstance(action.body, Decision)]
    return {body.ue: (body.choice, body.fallback) for body in sent}


def test_nobody_is_answered_before_all_cells_have_asked():
    policy = Together()
    server = DecisionServer(SYSTEM, policy)
    announced(server)
    first = [action for name in ("ue-1-1", "ue-1-2") for action in server.handle(0, ASKS[name])]
    assert decisions(first) == {} and any(isinstance(action, Alarm) for action in first)
    assert decisions(server.handle(0, ASKS["ue-2-1"])) == dict.fromkeys(ASKS, (OFFLOAD, ""))
    assert policy.seen == [list(ASKS)]


def test_the_last_announcement_completes_the_region():
    policy = Together()
    server = DecisionServer(SYSTEM, policy)
    for ask in ASKS.values():
        assert decisions(server.handle(0, ask)) == {}
    assert decisions(server.handle(0, Announce(es="es-1", slot=0, at_ns=0, radio_wait_ns=(0, 0)))) == {}
    last = server.handle(0, Announce(es="es-2", slot=0, at_ns=0, radio_wait_ns=(0,)))
    assert decisions(last) == dict.fromkeys(ASKS, (OFFLOAD, ""))


def test_a_late_cell_is_decided_alone_and_the_others_wait_no_longer():
    policy = Together()
    server = DecisionServer(SYSTEM, policy)
    announced(server)
    server.handle(0, ASKS["ue-1-1"])
    server.handle(0, ASKS["ue-1-2"])
    expired = server.handle(0, GatherExpired(0, 0))
    assert decisions(expired) == dict.fromkeys(("ue-1-1", "ue-1-2"), (OFFLOAD, ""))
    assert decisions(server.handle(0, ASKS["ue-2-1"])) == {"ue-2-1": (LOCAL, "")}
    assert server.handle(0, GatherExpired(1, 0)) == [] and policy.seen == [["ue-1-1", "ue-1-2"]]


def test_the_dead_are_not_waited_for():
    server = DecisionServer(SYSTEM, Together())
    announced(server)
    server.handle(0, ASKS["ue-1-1"])
    server.handle(0, ASKS["ue-1-2"])
    down = server.handle(0, Down("ue-2-1", 0, 0))
    assert decisions(down) == dict.fromkeys(("ue-1-1", "ue-1-2"), (OFFLOAD, ""))


def test_nobody_plans_for_a_slot_without_tasks():
    policy = Together()
    server = DecisionServer(SYSTEM, policy)
    announced(server)
    for name in ASKS:
        assert decisions(server.handle(0, Ask(ue=name, slot=0, at_ns=0, queue_ns=0))) == {}
    assert policy.seen == []


@pytest.mark.parametrize("fallback", ["lc", "offload"])
def test_a_planner_that_fails_is_replaced_in_every_cell_and_named(fallback):
    server = DecisionServer(system((2, 1), (2_000_000_000,) * 2, fallback=fallback), Failing())
    announced(server)
    actions = [action for ask in ASKS.values() for action in server.handle(0, ask)]
    choice = LOCAL if fallback == "lc" else OFFLOAD
    assert decisions(actions) == dict.fromkeys(ASKS, (choice, "policy error"))
    rows = [action.row for action in actions if isinstance(action, Record)]
    said = [row.detail for row in rows if isinstance(row, EventRow)]
    assert said == [f"cell {cell}, slot 0: ZeroDivisionError: planning" for cell in (1, 2)]


def test_the_controllers_planner_has_looked_at_its_clock_before_the_run():
    resolved = inputs.resolve(load_scenario("smoke", ["slots=3"]))
    made = resolved.plan((), "plan-do@1ms", second_offload=True, live=True)
    policy = acting_in(made)
    assert isinstance(policy, Planner)
    assert DecisionServer(made.system, policy).policy is policy
    assert not isinstance(acting_in(resolved.plan((), "lc", second_offload=False, live=True)), Regional)
