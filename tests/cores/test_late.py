"""What comes to hand late at an ES: as if in time wherever nothing was decided meanwhile that it would have changed."""

import heapq
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from edge_server.server import Server
from testbed.model.delay import NEVER, NS_PER_S
from testbed.model.queue import FCFS, LOCAL_FIRST
from testbed.model.task import Phase, Task
from testbed.protocol.actions import Boundary, Execute, Send, Wake
from testbed.protocol.messages import Announce, Down, Forward, Post, Result, Trip, Up
from tests.properties import examples
from tests.support import MS, system


def play(server, events):
    """Deliver (ideal instant, phase, delay, event), each ``delay`` late; returns results, and whether one was moved."""
    heap: list[tuple[int, Phase, int, int, Any]] = []
    age, moved, last, found = 0, False, 0, {}

    def push(due, phase, ideal, what):
        nonlocal age
        age += 1
        heapq.heappush(heap, (due, phase, age, ideal, what))

    for ideal, phase, delay, what in events:
        push(ideal + delay, phase, ideal, what)
    while heap:
        _, phase, _, at, what = heapq.heappop(heap)
        if at < last:
            open_ns = min(last, server.settled_ns(what))
            moved = moved or (at <= open_ns and phase != Phase.START)
            at = max(at, open_ns)
        last = max(last, at)
        for action in server.handle(at, what):
            if isinstance(action, Wake):
                push(max(action.at_ns, last), action.phase, action.at_ns, action.event)
            sent = action.then if isinstance(action, Execute) else action
            if isinstance(sent, Send) and isinstance(sent.body, (Result, Forward)):
                found[sent.body.ue, sent.number, type(sent.body).__name__, sent.at_ns] = sent.body
    return found, moved


def server_of(discipline=LOCAL_FIRST, cores=1):
    return Server(system((2, 1), (NS_PER_S, NS_PER_S), discipline=discipline, cores=cores), 0, second_offload=True)


def forward(at, number=0, cycles=NS_PER_S, delay=0):
    return (
        at,
        Phase.ARRIVAL,
        delay,
        Forward(
            "ue-2-1",
            Task(ue=2, number=number, generated_ns=0, input_bits=1, cycles=cycles, deadline_ns=NS_PER_S),
            Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=at),
            at,
        ),
    )


def post(at, number, cycles=NS_PER_S, ue=0):
    task = Task(ue=ue, number=number, generated_ns=0, input_bits=8_000, cycles=cycles, deadline_ns=NS_PER_S)
    return at, Phase.DECIDE, 0, Post(f"ue-1-{ue + 1}", task, at)


def starts(found):
    return {(key[0], body.number): body.start_ns for key, body in found.items() if key[2] == "Result"}


@pytest.mark.parametrize("delay", [0, 300 * MS])
def test_a_late_task_takes_the_core_that_became_free_meanwhile_from_that_instant(delay):
    found, moved = play(server_of(), [forward(0, 0, cycles=NS_PER_S // 2), forward(400 * MS, 1, delay=delay)])
    assert starts(found) == {("ue-2-1", 0): 0, ("ue-2-1", 1): 500 * MS} and not moved


@pytest.mark.parametrize("delay", [0, 300 * MS])
def test_a_late_task_starts_on_an_idle_core_when_it_arrived(delay):
    found, moved = play(
        server_of(), [forward(400 * MS, 1, delay=delay), (600 * MS, 3, 0, Announce(es="es-2", slot=1, at_ns=0))]
    )
    assert starts(found) == {("ue-2-1", 1): 400 * MS} and not moved


def test_a_task_that_comes_after_another_took_its_core_is_moved_and_that_is_said():
    found, moved = play(server_of(), [forward(400 * MS, 1, delay=300 * MS), post(500 * MS, 0)])
    assert moved and starts(found)["ue-2-1", 1] > starts(found)["ue-1-1", 0] > 500 * MS


INSTANT, CYCLES, DELAY = st.integers(0, 60), st.integers(1, 40), st.integers(0, 6)
FORWARDS = st.lists(st.tuples(INSTANT, CYCLES, DELAY), max_size=8)
POSTS = st.lists(st.tuples(INSTANT, CYCLES, st.integers(0, 1)), max_size=8)
ANNOUNCES = st.lists(st.tuples(INSTANT, st.integers(0, 40), DELAY), max_size=4)


@settings(max_examples=examples(300))
@given(FORWARDS, POSTS, ANNOUNCES, st.sampled_from([LOCAL_FIRST, FCFS]), st.integers(1, 2))
def test_what_was_not_moved_gives_what_punctuality_gives(forwards, posts, announces, discipline, cores):
    unit = 50 * MS
    calls: dict[bool, list[tuple[int, Phase, int, object]]] = {True: [], False: []}
    for late, events in calls.items():
        events += [
            forward(at * unit + 7 + 1000 * n, n, c * unit, late * d * unit) for n, (at, c, d) in enumerate(forwards)
        ]
        events += [post(at * unit + n, n, c * unit, ue) for n, (at, c, ue) in enumerate(posts)]
        events += [
            (
                at * unit + 3,
                Phase.ANNOUNCE,
                late * d * unit,
                Announce(es="es-2", slot=at, at_ns=0, backlog_ns=backlog * unit),
            )
            for at, backlog, d in sorted(announces)[:1]
        ]
    late, moved = play(server_of(discipline, cores), calls[True])
    punctual, _ = play(server_of(discipline, cores), calls[False])
    event("moved" if moved else "kept")
    if not moved:
        assert late == punctual


def arrival_to_judge(told=()):
    """A server at work for four seconds, which just announced slot 1, and an arrival a millisecond after that."""
    server = server_of()
    (arrived,) = [action for action in server.handle(0, post(0, 0, cycles=4 * NS_PER_S)[3]) if isinstance(action, Wake)]
    _, dispatch = server.handle(arrived.at_ns, arrived.event)
    server.handle(arrived.at_ns, dispatch.event)
    server.handle(NS_PER_S, Boundary(1))
    for what in told:
        server.handle(NS_PER_S, what)
    (arrived,) = [
        action for action in server.handle(NS_PER_S + MS, post(NS_PER_S + MS, 2)[3]) if isinstance(action, Wake)
    ]
    return server, arrived.event


def test_an_arrival_over_the_threshold_awaits_the_announcements_it_is_judged_by():
    server, arrival = arrival_to_judge()
    assert server.awaits(NS_PER_S + MS, arrival)
    assert not server.awaits(NS_PER_S, arrival)
    assert not server.awaits(NS_PER_S + MS, Boundary(2))
    assert not Server(server.system, 0, second_offload=False).awaits(NS_PER_S + MS, arrival)
    server.handle(NS_PER_S, Announce(es="es-2", slot=1, at_ns=NS_PER_S))
    assert not server.awaits(NS_PER_S + MS, arrival)


def test_nobody_awaits_the_dead_or_who_has_just_come_back():
    server, arrival = arrival_to_judge([Down("es-2", NS_PER_S // 2, 0)])
    assert not server.awaits(NS_PER_S + MS, arrival)
    server.handle(NS_PER_S, Up("es-2", NS_PER_S + MS // 2, 1))
    assert not server.awaits(NS_PER_S + MS, arrival)
    server.handle(2 * NS_PER_S, Boundary(2))
    assert server.awaits(2 * NS_PER_S + MS, arrival)


def test_an_idle_server_awaits_nobody():
    server = server_of()
    server.handle(NS_PER_S, Boundary(1))
    (arrived,) = [
        action for action in server.handle(NS_PER_S + MS, post(NS_PER_S + MS, 2)[3]) if isinstance(action, Wake)
    ]
    assert not server.awaits(NS_PER_S + MS, arrived.event)


def test_a_server_that_stands_still_awaits_nobody_for_what_was_due_before_the_pause_was_asked_for():
    server, arrival = arrival_to_judge()
    first, *others = server.system.edge_servers
    pause = msgspec.structs.replace(
        first,
        speed_edges_ns=(0, NS_PER_S + MS, 2 * NS_PER_S),
        speeds_hz=(first.cpu_hz, 0, first.cpu_hz),
        pauses_ns=((NS_PER_S + MS, 2 * NS_PER_S),),
    )
    paused = msgspec.structs.replace(server.system, edge_servers=(pause, *others))
    server.revise(NS_PER_S, paused, ())
    assert not server.awaits(NS_PER_S + MS, arrival)


def test_only_forwards_and_announcements_may_come_behind_what_was_done_already():
    server, arrival = arrival_to_judge()
    for what in (arrival, Boundary(2), Down("ue-1-1", NS_PER_S, 0)):
        assert server.settled_ns(what) == NEVER
    assert server.settled_ns(Announce(es="es-2", slot=1, at_ns=NS_PER_S, backlog_ns=0)) < NS_PER_S


def test_an_arrival_is_judged_by_others_only_where_its_wait_is_beyond_the_threshold():
    server, arrival = arrival_to_judge()
    at_ns = NS_PER_S + MS
    wait_ns = server._queue.expected_wait_ns(at_ns)
    for threshold_ns, judged in ((wait_ns - 1, True), (wait_ns, False)):
        server.system = msgspec.structs.replace(server.system, threshold_ns=threshold_ns)
        assert server.awaits(at_ns, arrival) is judged
