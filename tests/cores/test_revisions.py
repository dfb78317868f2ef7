"""A plan that changes under the cores, and where their lives begin: against instants computed by hand."""

import msgspec

from edge_server.server import Server
from testbed.model.delay import NS_PER_S
from testbed.model.system import BackhaulCut, Radio
from testbed.protocol.actions import Boundary, Execute, Record, Send, Wake
from testbed.protocol.messages import Announce, Ask, Forward, Result, Trip
from tests.cores.test_server import drive, post
from tests.support import MS, system, task_of
from ue_agent.agent import Agent

NO_TRIP = Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=0)


def sends(actions):
    return [action for action in actions if isinstance(action, Send)]


def wakes(actions):
    return [action for action in actions if isinstance(action, Wake)]


def test_an_es_that_is_back_between_two_boundaries_begins_with_the_next():
    for from_ns, at_ns in ((0, 0), (1, NS_PER_S), (2500 * MS, 3 * NS_PER_S), (3 * NS_PER_S, 3 * NS_PER_S)):
        (wake,) = wakes(Server(system(), 0, second_offload=False, incarnation=1, from_ns=from_ns).begin())
        assert (wake.at_ns, wake.event) == (at_ns, Boundary(at_ns // NS_PER_S))


def test_what_is_executed_ends_later_once_its_server_is_slower():
    """4 Gcycles at 1 GHz end at 4 s; from 2 s on at half of that, 2 Gcycles take until 6 s."""
    made = system((1,), (NS_PER_S,))
    server = Server(made, 0, second_offload=False)
    (turn,) = wakes(server.handle(0, Forward("ue-1-1", task_of(0, 0, cycles=4 * NS_PER_S), NO_TRIP, 0)))
    begun = server.handle(0, turn.event)
    assert [action.end_ns for action in begun if isinstance(action, Execute)] == [4 * NS_PER_S]
    slow = msgspec.structs.replace(
        made.edge_servers[0], speed_edges_ns=(0, 2 * NS_PER_S), speeds_hz=(NS_PER_S, NS_PER_S // 2)
    )
    anew = server.revise(NS_PER_S, msgspec.structs.replace(made, edge_servers=(slow,)), ())
    assert [action.end_ns for action in anew if isinstance(action, Execute)] == [6 * NS_PER_S]
    early, due = wakes((*begun, *anew))
    for wake, at_ns, running in ((early, 4 * NS_PER_S, True), (due, 6 * NS_PER_S, False)):
        server.handle(wake.at_ns, wake.event)
        assert (wake.at_ns, server._queue.is_running) == (at_ns, running)


def test_a_task_on_a_backhaul_that_is_cut_is_told_of_once_more_and_its_data_are_not_sent_again():
    """It left at 1 s and takes 8 ms and a latency of 1 ms; cut after 2 ms for 1 s, it comes that much later."""
    made = system((1, 1), (NS_PER_S, NS_PER_S))
    server = Server(made, 0, second_offload=True)
    busy = Forward("ue-1-1", task_of(0, 0, cycles=5 * NS_PER_S), NO_TRIP, 0)
    events = [(0, 2, busy), (0, 3, Announce(es="es-2", slot=0, at_ns=0, backlog_ns=0)), post("ue-1-1", task_of(0, 1))]
    forwards = [one for one in sends(drive(server, events, until=NS_PER_S)) if isinstance(one.body, Forward)]
    assert [(one.at_ns, one.payload_bits) for one in forwards] == [(1009 * MS, 8_000_000)]
    cut = BackhaulCut(one=0, other=1, cuts_ns=((1002 * MS, 2002 * MS),))
    anew = sends(server.revise(1001 * MS, msgspec.structs.replace(made, backhaul_cuts=(cut,)), ()))
    assert [(one.body.arrival_ns, one.at_ns, one.payload_bits) for one in anew] == [(2009 * MS, 2009 * MS, 0)]
    assert sends(server.revise(1001 * MS, made, ())) == []  # lifted in time: it comes as was said at first


def test_an_answer_under_way_that_comes_as_was_said_is_not_sent_again():
    made = system((1,), (NS_PER_S,), queue_limit=1, radio=Radio(return_latency_ns=3 * MS))
    server = Server(made, 0, second_offload=False)
    events = [(n * MS, 2, Forward("ue-1-1", task_of(0, n), NO_TRIP, 0)) for n in range(3)]
    assert [one.body.rejected for one in sends(drive(server, events, until=2 * MS)) if isinstance(one.body, Result)]
    assert sends(server.revise(2 * MS, made, ())) == []
    cut = msgspec.structs.replace(made.ues[0], cuts_ns=((1 * MS, 9 * MS),))
    anew = sends(server.revise(2 * MS, msgspec.structs.replace(made, ues=(cut,)), ()))
    assert anew and all(isinstance(one.body, Result) and one.at_ns > 9 * MS for one in anew)
    assert sends(server.revise(2 * MS, made, ())) == []


def test_a_ue_records_what_it_sees_in_the_slots_of_generation_alone():
    """The task that came in the last of them is still undecided at the end, which would be another row."""
    agent = Agent(system(slots=2), 0, (task_of(0, 0, at=NS_PER_S),))
    recorded = [any(isinstance(one, Record) for one in agent.handle(n * NS_PER_S, Boundary(n))) for n in range(4)]
    assert recorded == [True, True, False, False]


def test_a_ue_asks_about_the_tasks_of_the_plan_as_it_is_now():
    """An overload by hand adds one that nobody knew of when the run began."""
    made, first, more = system(slots=3), task_of(0, 0, at=MS), task_of(0, 1, at=2 * MS)
    agent = Agent(made, 0, (first,))
    agent.handle(0, Boundary(0))
    agent.revise(MS, made, (first, more))
    asks = [one.body for one in sends(agent.handle(NS_PER_S, Boundary(1))) if isinstance(one.body, Ask)]
    assert [ask.tasks for ask in asks] == [(first, more)]
