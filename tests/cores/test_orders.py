"""Every order in which a UE can hear of one task's travels and of deaths: the task ends, once, and its parts sum up.

A history is what really happened, as the messages that tell of it. A UE may hear these in any order: links are late,
processes stand still, notices overtake each other. The only order that is kept is that a death is detected after it was
announced, and that nothing is heard of a task before it was sent.
"""

import itertools

import pytest

from controller.server import DecisionServer as Controller
from edge_server.server import Server
from testbed.model.delay import NS_PER_S
from testbed.model.system import Radio
from testbed.model.task import COMPLETED, LATE, OFFLOAD
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.actions import Boundary, Finish, Lost, Record, Wake
from testbed.protocol.messages import Announce, Ask, Decision, Down, Moved, Post, Result, Trip, Up
from testbed.protocol.rows import TaskRow
from tests.support import MS, system, task_of
from tests.swarm.ends import PARTS
from ue_agent.agent import Agent
from ue_agent.events import AskExpired

UE, OWN, OTHER, CONTROLLER = "ue-1-1", "es-1", "es-2", "controller"
TRIP = Trip(ready_ns=0, tx_start_ns=0, tx_end_ns=80 * MS, arrival_ns=100 * MS)


def down(name, at, incarnation=0):
    return at, Down(name, at * MS, incarnation)


def up(name, at, incarnation=1):
    return at, Up(name, at * MS, incarnation)


def moved(at, *, arrived=False):
    return at, Moved(UE, 0, OTHER, at * MS, arrived)


def result(name, end, at, incarnation=0, *, rejected=False):
    arrival = 200 if name == OTHER else 100
    return at, Result(
        ue=UE,
        number=0,
        es=name,
        incarnation=incarnation,
        trip=TRIP,
        es_arrival_ns=arrival * MS,
        start_ns=arrival * MS,
        end_ns=end * MS,
        at_ns=at * MS,
        rejected=rejected,
    )


SENT, THERE = moved(100), moved(200, arrived=True)
HISTORIES = {
    "served": [result(OWN, 200, 200)],
    "rejected": [result(OWN, 100, 100, rejected=True), down(OWN, 150), up(OWN, 300)],
    "own dies": [down(OWN, 150)],
    "own dies and is back at once": [down(OWN, 150), up(OWN, 200), down(OWN, 250, 1)],
    "own dies and is back": [down(OWN, 150), up(OWN, 400), down(OWN, 500, 1), up(OWN, 600, 2)],
    "own dies before the post": [down(OWN, -150), up(OWN, 20), down(OWN, 150, 1)],
    "own dies behind its result": [result(OWN, 150, 190), down(OWN, 160), up(OWN, 170)],
    "own dies before its result": [result(OWN, 170, 190), down(OWN, 160), up(OWN, 180), down(OWN, 190, 1)],
    "forwarded": [SENT, THERE, result(OTHER, 300, 300)],
    "forwarded, own dies": [SENT, THERE, result(OTHER, 300, 300), down(OWN, 150), up(OWN, 250)],
    "forwarded, rejected": [SENT, THERE, result(OTHER, 200, 210, rejected=True), down(OTHER, 205)],
    "forwarded, other dies first": [SENT, down(OTHER, 150), up(OTHER, 350), down(OTHER, 450, 1)],
    "forwarded, other dies and is back for it": [
        SENT,
        down(OTHER, 150),
        up(OTHER, 180),
        THERE,
        result(OTHER, 300, 300, 1),
    ],
    "forwarded, other is back for it and dies": [SENT, down(OTHER, 150), up(OTHER, 180), THERE, down(OTHER, 250, 1)],
    "forwarded, both die": [SENT, down(OTHER, 150), down(OWN, 120), up(OWN, 350)],
    "forwarded to a dead one": [down(OTHER, 50), SENT, up(OTHER, 260)],
    "forwarded to a dead one that is back for it": [down(OTHER, 50), SENT, up(OTHER, 160), THERE, down(OTHER, 250, 1)],
    "forwarded to its second life": [down(OTHER, 10), up(OTHER, 60), SENT, THERE, result(OTHER, 300, 300, 1)],
    "forwarded, second life ends": [down(OTHER, 10), up(OTHER, 60), SENT, THERE, down(OTHER, 250, 1)],
    "forwarded, second life ends under way": [down(OTHER, 10), up(OTHER, 60), SENT, down(OTHER, 150, 1)],
    "forwarded, other dies behind its result": [SENT, THERE, result(OTHER, 240, 300), down(OTHER, 250), up(OTHER, 260)],
    "forwarded, other dies before its result": [SENT, THERE, result(OTHER, 260, 300), down(OTHER, 250)],
}


def answered():
    """The decision that sends the task off, at 0."""
    return 0, Decision(ue=UE, slot=0, choice=OFFLOAD, asked_ns=0)


def orders(history):
    """Every order of a history's messages and the detections of its deaths, as lists of (instant in ms, event)."""
    told = [answered(), *history]
    first = {}
    for at, event in history:
        if isinstance(event, Down):
            first[len(told)] = told.index((at, event))
            told.append((at + 100, Lost(event.name, event.at_ns, event.incarnation)))
    first |= {n: 0 for n, (_, event) in enumerate(told) if isinstance(event, (Moved, Result))}
    for order in itertools.permutations(range(len(told))):
        place = {n: i for i, n in enumerate(order)}
        if all(place[earlier] < place[later] for later, earlier in first.items()):
            yield [told[n] for n in order]


def task_rows(actions):
    """The rows of tasks that ``actions`` record."""
    finished = [action.row(action.at_ns) for action in actions if isinstance(action, Finish)]
    told = [action.row for action in actions if isinstance(action, Record) and isinstance(action.row, TaskRow)]
    return [*told, *finished]


def play(order, ideal):
    """Tell a UE of one task in this order; returns the rows of the task.

    Instants are those of the events (``ideal``: the testbed), or never before what was heard before (the simulation).
    The task is sent off at 0, whatever was heard by then.
    """
    made = system((1, 1), (NS_PER_S, NS_PER_S))
    agent = Agent(made, 0, (task_of(0, 0, cycles=NS_PER_S // 10, bits=800_000),))
    now, rows = 0, []
    wakes: list[Wake] = []

    def act(actions):
        rows.extend(task_rows(actions))
        wakes.extend(action for action in actions if isinstance(action, Wake))

    act(agent.begin())
    act(agent.handle(0, Boundary(0)))
    for at, event in order:
        now = max(0, at) if ideal else max(now, at)
        act(agent.handle(0 if isinstance(event, Decision) else now * MS, event))
    if serving := served_late(order, rows):
        act(agent.handle(serving.at_ns, serving))
    for wake in sorted(wakes, key=lambda wake: wake.at_ns):
        if not isinstance(wake.event, (Lost, Boundary)):
            act(agent.handle(wake.at_ns, wake.event))
    return rows


def served_late(order, rows):
    """The result of a task that was posted to a last life of the own ES; None if it was not."""
    if any(row.finished_ns >= 0 or row.recovered for row in rows):
        return None
    events = [event for _, event in order]
    posted = next(n for n, event in enumerate(events) if isinstance(event, Decision))
    lives = [event.incarnation for event in events[:posted] if isinstance(event, Up) and event.name == OWN]
    ended = [event.incarnation for event in events if isinstance(event, Down) and event.name == OWN]
    alive = lives and max(lives) > max(ended, default=-1)
    return result(OWN, 900, 900, max(lives))[1] if alive else None


def results(order):
    """Every result with what was heard before it."""
    events = [event for _, event in order]
    return [(event, events[:n]) for n, event in enumerate(events) if isinstance(event, Result)]


def is_posthumous(result, heard):
    deaths = [event for event in heard if isinstance(event, Down)]
    return any(
        (death.name, death.incarnation) == (result.es, result.incarnation) and result.end_ns >= death.at_ns
        for death in deaths
    )


def judge(order, rows):
    """What is wrong with the rows of the task, "" if nothing."""
    ends = [row for row in rows if row.finished_ns >= 0]
    if len(ends) != 1 or rows[-1] is not ends[0]:
        return f"ended {len(ends)} times"
    row = ends[0]
    parts = [getattr(row, part) for part in PARTS]
    if row.state not in (COMPLETED, LATE) or sum(parts) != row.measured_ns or min(parts) < 0:
        return f"parts {parts} of {row.measured_ns}"
    if row.execution_ns and row.local_execution_ns:
        return "executed twice"
    events = [event for _, event in order]
    if row.execution_ns and any(is_posthumous(result, heard) for result, heard in results(order)):
        return "a result of the dead counted"
    if not any(isinstance(event, Down) for event in events) and not row.execution_ns:
        return "executed by nobody else although nobody died"
    return ""


@pytest.mark.parametrize("ideal", [True, False], ids=["ideal", "as it comes"])
@pytest.mark.parametrize("history", HISTORIES)
def test_whatever_a_ue_hears_last_its_task_ends_once(history, ideal):
    tried = 0
    for order in orders(HISTORIES[history]):
        wrong = judge(order, play(order, ideal))
        assert not wrong, f"{wrong}:\n" + "\n".join(f"  {at} ms {event}" for at, event in order)
        tried += 1
    assert tried > 0


LIFE = {
    "dies": [down(CONTROLLER, 50)],
    "is back at once": [down(CONTROLLER, 50), up(CONTROLLER, 60)],
    "is back before the ask": [down(CONTROLLER, -50), up(CONTROLLER, 0)],
    "dies twice": [down(CONTROLLER, -50), up(CONTROLLER, 0), down(CONTROLLER, 20, 1), up(CONTROLLER, 300, 2)],
}


@pytest.mark.parametrize("expires", [False, True], ids=["answered", "unanswered"])
@pytest.mark.parametrize("life", LIFE)
def test_every_ask_gets_one_decision_in_whatever_order_the_controllers_lives_are_heard_of(life, expires):
    """Whoever is known to serve is asked, an answer counts once, and no decision takes less than no time."""
    made = system()
    answer = (200, AskExpired(0)) if expires else (30, Decision(ue=UE, slot=0, choice=0, asked_ns=0))
    ask = (0, Boundary(0))
    losses = [(at + 100, Lost(event.name, event.at_ns, event.incarnation)) for at, event in LIFE[life][::2]]
    told = [ask, answer, *LIFE[life], *losses]
    for order in itertools.permutations(told):
        place = {id(one): n for n, one in enumerate(order)}
        before = zip(LIFE[life][::2], losses, strict=True)
        if place[id(answer)] < place[id(ask)] or any(place[id(loss)] < place[id(death)] for death, loss in before):
            continue
        agent = Agent(made, 0, (task_of(0, 0),))
        agent.begin()
        actions = [action for at, event in order for action in agent.handle(max(0, at) * MS, event)]
        rows = task_rows(actions)
        assert len(rows) == 1 and rows[0].think_ns >= 0 and rows[0].ready_ns == rows[0].asked_ns + rows[0].think_ns, (
            order
        )
        known = [event for _, event in order[: place[id(ask)]] if not isinstance(event, Boundary)]
        last = max((event.incarnation for event in known), default=0)
        gone = any(isinstance(event, Lost) and event.incarnation == last for event in known)
        asked = [action for action in actions if isinstance(getattr(action, "body", None), Ask)]
        assert len(asked) == (0 if gone else 1), order


ANNOUNCED = (
    Announce(es=OTHER, slot=3, at_ns=3 * NS_PER_S, backlog_ns=7 * NS_PER_S),
    Announce(es=OTHER, slot=5, at_ns=5 * NS_PER_S, backlog_ns=2 * NS_PER_S),
    up(OTHER, 4500)[1],
)
NEWS = (*ANNOUNCED, down(OTHER, 4000)[1], Lost(OTHER, 4000 * MS, 0))


def test_late_announcements_and_notices_of_an_earlier_life_change_nothing():
    for order in itertools.permutations(NEWS):
        knows_the_latest_of_the_latest_life(order)


def knows_the_latest_of_the_latest_life(order):
    """A peer and the controller know the latest announcement of the latest life, and that it lives."""
    made = system((1, 1), (NS_PER_S, NS_PER_S))
    server, controller = Server(made, 0, second_offload=True), Controller(made, FixedChoice(1))
    for event in order:
        server.handle(6 * NS_PER_S, event)
        controller.handle(6 * NS_PER_S, event)
    assert server._peers.announced[1] == 2 * NS_PER_S and server._peers.alive == [True, True]
    assert server._peers.have_told(5) is False  # this ES itself has announced nothing
    server._peers.announce(OWN, 5, 0)
    assert server._peers.have_told(5)
    view = controller._told.view(0, 6, {UE: Ask(ue=UE, slot=6, at_ns=6 * NS_PER_S, queue_ns=0)})
    assert (view.edge_servers[1].backlog_ns, view.edge_servers[1].alive) == (2 * NS_PER_S, True)
    assert not controller._told.dead


def test_a_post_that_comes_behind_its_ues_death_takes_no_share_of_the_radio():
    made = system((2,), (NS_PER_S,), radio=Radio(access="shared"))
    server = Server(made, 0, second_offload=False)
    server.handle(NS_PER_S, Down("ue-1-1", NS_PER_S, 0))
    assert server.handle(NS_PER_S, Post("ue-1-1", task_of(0, 0), NS_PER_S // 2)) == []
    assert server.handle(NS_PER_S, Post("ue-1-2", task_of(1, 0), NS_PER_S)) != []


def test_a_transmission_that_a_death_cut_arrives_nowhere_whoever_died_later():
    made = system((1,), (NS_PER_S,), radio=Radio(latency_ns=NS_PER_S))
    server = Server(made, 0, second_offload=False)
    (_, wake) = server.handle(0, Post(UE, task_of(0, 0), 0))
    server.handle(NS_PER_S // 2, Down(UE, NS_PER_S // 2, 0))
    server.handle(NS_PER_S + 1, Down(UE, NS_PER_S + 1, 1))
    assert isinstance(wake, Wake) and server.handle(wake.at_ns, wake.event) == []
