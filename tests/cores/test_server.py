"""The ES core against instants computed by hand."""

import math

import msgspec

from edge_server.server import Server
from testbed.model.delay import NS_PER_S
from testbed.model.queue import FCFS
from testbed.model.system import Radio
from testbed.model.task import Task
from testbed.protocol.actions import Execute, Send, Wake
from testbed.protocol.messages import Announce, Forward, Moved, Post, Result, Trip
from tests.support import MS, system


def drive(server, events, until=10**12):
    """Deliver ``(instant, phase, event)`` and the server's own wake-ups in order; return all other actions."""
    heap = [(at, phase, 0, n, event) for n, (at, phase, event) in enumerate(events)]
    age, done = len(heap), []
    for wake in server.begin():
        heap.append((wake.at_ns, wake.phase, wake.ue, age, wake.event))
    while heap:
        heap.sort(key=lambda entry: entry[:4])
        at, _, _, _, event = heap.pop(0)
        if at > until:
            break
        for action in server.handle(at, event):
            if isinstance(action, Wake):
                age += 1
                heap.append((action.at_ns, action.phase, action.ue, age, action.event))
            else:
                done.append(action)
    return done


def results(actions):
    sends = [a.then if isinstance(a, Execute) else a for a in actions]
    return [a.body for a in sends if isinstance(a, Send) and isinstance(a.body, Result)]


def task(ue, number, cycles=1_000_000_000, bits=8_000_000, at=0):
    return Task(ue=ue, number=number, generated_ns=at, input_bits=bits, cycles=cycles, deadline_ns=NS_PER_S)


def post(name, result, ready=0):
    return ready, 5, Post(name, result, ready)


def test_dedicated_radio_is_a_chain_and_the_queue_serves_in_arrival_order():
    hardware = system((2,), (2 * NS_PER_S,), radio=Radio(latency_ns=10 * MS, return_latency_ns=5 * MS))
    server = Server(hardware, 0, second_offload=False)
    events = [post("ue-1-1", task(0, 0)), post("ue-1-1", task(0, 1)), post("ue-1-2", task(1, 0, bits=4_000_000))]
    first, second, third = results(drive(server, events, until=4 * NS_PER_S))
    assert (first.ue, first.start_ns, first.end_ns, first.at_ns) == ("ue-1-2", 510 * MS, 1010 * MS, 1015 * MS)
    assert (second.trip.tx_start_ns, second.trip.tx_end_ns, second.trip.arrival_ns) == (0, NS_PER_S, 1010 * MS)
    assert (second.start_ns, second.end_ns) == (1010 * MS, 1510 * MS)
    assert (third.trip.tx_start_ns, third.trip.tx_end_ns, third.start_ns) == (NS_PER_S, 2 * NS_PER_S, 2010 * MS)


def test_local_first_lets_own_tasks_pass_waiting_forwarded_ones_and_fcfs_does_not():
    for discipline, order in ((0, [0, 2, 1]), (FCFS, [0, 1, 2])):
        server = Server(system((1,), (NS_PER_S,), discipline=discipline), 0, second_offload=False)
        trip = Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=0)
        events = [(0, 2, Forward("ue-1-1", task(0, n), trip, 0)) for n in (0, 1)]
        events.append(post("ue-1-1", task(0, 2, bits=4_000_000)))
        assert [result.number for result in results(drive(server, events, until=5 * NS_PER_S))] == order


def test_an_own_task_that_arrives_as_the_server_frees_goes_first():
    server = Server(system((1,), (NS_PER_S,)), 0, second_offload=False)
    events = [
        (0, 2, Forward("ue-1-1", task(0, n), Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=0), 0))
        for n in (0, 1)
    ]
    events.append(post("ue-1-1", task(0, 2, bits=8_000_000)))
    ended = results(drive(server, events, until=5 * NS_PER_S))
    assert [result.number for result in ended] == [0, 2, 1]
    assert ended[1].start_ns == NS_PER_S


def test_a_full_queue_rejects_a_return_latency_later_and_does_not_count_the_running_task():
    hardware = system((1,), (NS_PER_S,), queue_limit=1, radio=Radio(return_latency_ns=3 * MS))
    server = Server(hardware, 0, second_offload=False)
    events = [
        (n * MS, 2, Forward("ue-1-1", task(0, n), Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=0), 0))
        for n in range(3)
    ]
    ended = results(drive(server, events, until=5 * NS_PER_S))
    rejected = [result for result in ended if result.rejected]
    assert [(result.number, result.at_ns) for result in rejected] == [(2, 5 * MS)]
    assert len(ended) == 3


def test_second_offload_goes_to_the_least_announced_backlog_above_the_threshold():
    hardware = system((1, 1, 1), (NS_PER_S, NS_PER_S, NS_PER_S))
    server = Server(hardware, 0, second_offload=True)
    busy = Forward(
        "ue-1-1", task(0, 0, cycles=5 * NS_PER_S), Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=0), 0
    )
    events = [
        (0, 2, busy),
        (0, 3, Announce(es="es-2", slot=0, at_ns=0, backlog_ns=2 * NS_PER_S)),
        (0, 3, Announce(es="es-3", slot=0, at_ns=0, backlog_ns=NS_PER_S)),
        post("ue-1-1", task(0, 1)),
    ]
    actions = drive(server, events, until=2 * NS_PER_S)
    sends = [a for a in actions if isinstance(a, Send)]
    forward = next(s for s in sends if isinstance(s.body, Forward))
    here, moved = (s.body for s in sends if isinstance(s.body, Moved))
    assert (here.es, here.at_ns, here.arrived, moved.arrived) == ("es-1", 0, True, False)
    assert (forward.to, forward.at_ns, moved.es, moved.at_ns) == ("es-3", NS_PER_S + 8 * MS + MS, "es-3", NS_PER_S)


def test_no_second_offload_when_every_other_backlog_is_as_long_as_the_wait():
    server = Server(system((1, 1), (NS_PER_S, NS_PER_S)), 0, second_offload=True)
    busy = Forward(
        "ue-1-1", task(0, 0, cycles=5 * NS_PER_S), Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=0), 0
    )
    events = [
        (0, 2, busy),
        (0, 3, Announce(es="es-2", slot=0, at_ns=0, backlog_ns=4 * NS_PER_S)),
        post("ue-1-1", task(0, 1)),
    ]
    actions = drive(server, events, until=2 * NS_PER_S)
    assert not [a for a in actions if isinstance(a, Send) and isinstance(a.body, Forward)]


def test_two_senders_share_the_radio_and_the_survivor_speeds_up():
    server = Server(system((2,), (NS_PER_S,), radio=Radio(access="shared")), 0, second_offload=False)
    events = [post("ue-1-1", task(0, 0)), post("ue-1-2", task(1, 0, bits=4_000_000), ready=500 * MS)]
    trips = {r.ue: r.trip for r in results(drive(server, events, until=5 * NS_PER_S))}
    assert (trips["ue-1-1"].tx_start_ns, trips["ue-1-1"].tx_end_ns) == (0, 1500 * MS)
    assert (trips["ue-1-2"].tx_start_ns, trips["ue-1-2"].tx_end_ns) == (500 * MS, 1500 * MS)


def test_two_cores_serve_two_tasks_at_once():
    server = Server(system((1,), (NS_PER_S,), cores=2), 0, second_offload=False)
    events = [
        (0, 2, Forward("ue-1-1", task(0, n), Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=0), 0))
        for n in range(3)
    ]
    assert [r.start_ns for r in results(drive(server, events, until=5 * NS_PER_S))] == [0, 0, NS_PER_S]


def test_the_announcement_counts_rest_waiting_air_and_radio_wait():
    server = Server(system((1,), (2 * NS_PER_S,)), 0, second_offload=False)
    events = [
        (
            500 * MS,
            2,
            Forward(
                "ue-1-1", task(0, n, cycles=3 * NS_PER_S), Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=0), 0
            ),
        )
        for n in range(2)
    ]
    events += [post("ue-1-1", task(0, n), ready=0) for n in (2, 3)]
    actions = drive(server, events, until=NS_PER_S)
    news = [a.body for a in actions if isinstance(a, Send) and isinstance(a.body, Announce) and a.to == "controller"]
    at_1 = next(a for a in news if a.slot == 1)
    assert at_1.backlog_ns == NS_PER_S + 1500 * MS + 500 * MS
    assert (at_1.own_cycles, at_1.forwarded_cycles, at_1.air_cycles) == (NS_PER_S, 3 * NS_PER_S, NS_PER_S)
    assert (at_1.radio_wait_ns, at_1.senders) == ((NS_PER_S,), 1)


def slow_server(*changes, cores=1):
    """An ES of 2 GHz whose speed is changed at instants: (s, Hz)."""
    edges_ns = (0, *(int(at * NS_PER_S) for at, _ in changes))
    speeds_hz = (2 * NS_PER_S, *(hz for _, hz in changes))
    es = {"cores": cores, "speed_edges_ns": edges_ns, "speeds_hz": speeds_hz}
    return Server(system((2,), (2 * NS_PER_S,), **es), 0, second_offload=False)


def forward(number, at_ns, cycles=2 * NS_PER_S):
    trip = Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=0, arrival_ns=0)
    return at_ns, 2, Forward("ue-1-1", task(0, number, cycles), trip, at_ns)


def test_the_end_of_a_running_task_is_computed_anew_when_the_speed_changes():
    server = slow_server((0.5, NS_PER_S), (1, 2 * NS_PER_S))
    (only,) = results(drive(server, [forward(0, 0)], until=2 * NS_PER_S))
    assert (only.start_ns, only.end_ns) == (0, 1250 * MS)
    server = slow_server((0.5, 3), (0.5 + 1e-8, 2 * NS_PER_S))
    (only,) = results(drive(server, [forward(0, 0)], until=2 * NS_PER_S))
    assert only.end_ns == NS_PER_S + 10


def test_a_change_at_the_end_of_a_task_comes_too_late_and_one_at_its_start_in_time():
    server = slow_server((1, NS_PER_S))
    first, second = results(drive(server, [forward(0, 0), forward(1, 0)], until=5 * NS_PER_S))
    assert (first.end_ns, second.start_ns, second.end_ns) == (NS_PER_S, NS_PER_S, 3 * NS_PER_S)


def announced(actions):
    return {a.body.slot: a.body.backlog_ns for a in actions if isinstance(a, Send) and isinstance(a.body, Announce)}


def test_backlogs_are_announced_at_the_speed_of_their_instant_and_foresee_no_change():
    server = slow_server((1, NS_PER_S), (3, 2 * NS_PER_S))
    messages = announced(drive(server, [forward(0, 0, 3 * NS_PER_S), forward(1, 0)], until=4 * NS_PER_S))
    assert [messages[slot] / NS_PER_S for slot in range(4)] == [2.5, 3, 2, 0.5]


def test_a_transmission_goes_on_at_the_rate_of_the_instant_and_its_last_bit_takes_the_latency_of_its_own():
    hardware = system((1,), (2 * NS_PER_S,), radio=Radio(latency_ns=10 * MS))
    ue = hardware.ues[0]
    changed = {"cap_edges_ns": (0, 500 * MS, 1500 * MS), "caps_bps": (math.inf, 2e6, math.inf)}
    changed |= {"added_edges_ns": (0, 500 * MS, 1750 * MS), "added_ns": (0, 70 * MS, 0)}
    hardware = msgspec.structs.replace(hardware, ues=(msgspec.structs.replace(ue, **changed),))
    server = Server(hardware, 0, second_offload=False)
    events = [post("ue-1-1", task(0, 0)), post("ue-1-1", task(0, 1, bits=80))]
    first, second = (one.trip for one in results(drive(server, events, until=4 * NS_PER_S)))
    assert (first.tx_end_ns, first.arrival_ns) == (1750 * MS, 1760 * MS)
    assert (second.tx_start_ns, second.tx_end_ns - second.tx_start_ns) == (1750 * MS, 10_000)
    late = msgspec.structs.replace(hardware.ues[0], added_edges_ns=(0, 500 * MS), added_ns=(0, 70 * MS))
    server = Server(msgspec.structs.replace(hardware, ues=(late,)), 0, second_offload=False)
    assert results(drive(server, events, until=4 * NS_PER_S))[0].trip.arrival_ns == 1830 * MS
