"""What crowds say and are told: all of it passes, and whatever is wrong with a column is refused."""

import msgspec
import pytest

from controller.crowds import answers, asks_of
from testbed.model.task import ARRIVAL
from testbed.node.bundles import Bundles
from testbed.node.socket import sent
from testbed.policy.loading import load
from testbed.protocol.actions import Send
from testbed.protocol.crowd_messages import Asks, Decisions, Posts
from testbed.protocol.messages import Decision, Outcome, Post, Result, Returns
from testbed.protocol.validation import Validator
from tests.crowd.simulated import Crowded, crowded
from tests.support import plan, region

SECOND = 1_000_000_000


def said():
    hardware, tasks = region(0.9, 3, 8)
    learning = msgspec.structs.replace(plan(hardware, tasks, "random-do"), learn=True)
    whole = crowded(learning, 3, 5, 2)
    simulation = Crowded(whole, load(whole.policy)[0])
    simulation.run()
    return whole, simulation.said


PLAN, SAID = said()


def honest(kind, wanted=lambda body: True):
    return next((now, one) for now, one in SAID if isinstance(one.body, kind) and wanted(one.body))


def refusal(envelope, now):
    """The reason for which any part of a message is refused; "" if none is."""
    validators: dict[str, Validator] = {}
    reasons = [
        validators.setdefault(single.to, Validator(PLAN)).refusal(single, now)
        for single in Bundles(PLAN).opened(envelope)
    ]
    return next((reason for reason in reasons if reason), "")


def changed(envelope, **fields):
    return msgspec.structs.replace(envelope, body=msgspec.structs.replace(envelope.body, **fields))


def test_all_that_crowds_say_and_are_told_passes():
    assert {type(one.body) for _, one in SAID} >= {Asks, Decisions, Posts, Returns, Outcome}
    assert [(one, why) for now, one in SAID if (why := refusal(one, now))] == []


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"crowd": "crowd-2-1"}, "it should come from crowd-2-1"),
        ({"ues": (2, 3)}, "its columns differ in length"),
        ({"ues": (2, 3, 5)}, "it is about UEs of another crowd"),
        ({"ues": (3, 2, 4)}, "it is about UEs of another crowd"),
        ({"ues": ()}, "it is about UEs of another crowd"),
        ({"queue_ns": (0, 0)}, "its columns differ in length"),
        ({"queue_ns": (0, -1, 0)}, "its UEs have not so much to do"),
        ({"queue_ns": (0, 10**18, 0)}, "its UEs have not so much to do"),
        ({"last_choice": (0, 2, 0)}, "there is no such choice"),
        ({"last_choice": (0, -2, 0)}, "there is no such choice"),
        ({"slot": 7}, "its instant is not its slot's"),
    ],
)
def test_asks_with_a_wrong_column_are_refused(fields, why):
    now, asks = honest(Asks, lambda body: body.crowd == "crowd-1-1" and len(body.tasks) > 1)
    assert refusal(asks, now) == ""
    assert refusal(changed(asks, **fields), now) == why


def test_asks_about_wrong_tasks_are_refused():
    now, asks = honest(Asks, lambda body: len(body.tasks) > 1)
    tasks = asks.body.tasks
    assert refusal(changed(asks, tasks=tasks[::-1]), now) == "its tasks are out of order"
    another = msgspec.structs.replace(tasks[-1], cycles=1)
    assert "is another one" in refusal(changed(asks, tasks=(*tasks[:-1], another)), now)
    stranger = msgspec.structs.replace(tasks[-1], ue=14)
    assert refusal(changed(asks, tasks=(*tasks[:-1], stranger)), now) == "it is about UEs of another crowd"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"choices": ()}, "its columns differ in length"),
        ({"fallback": "mood"}, "there is no such reason to fall back"),
        ({"version": -1}, "there is no such version"),
        ({"ues": ()}, "it is about UEs of another crowd"),
        ({"asked_ns": 1}, "its instant is not its slot's"),
    ],
)
def test_wrong_decisions_are_refused(fields, why):
    now, decisions = honest(Decisions, lambda body: len(body.ues) > 1)
    assert refusal(changed(decisions, **fields), now) == why


def test_decisions_of_no_action_or_of_no_probability_are_refused():
    now, decisions = honest(Decisions)
    count = len(decisions.body.ues)
    assert refusal(changed(decisions, choices=(2,) * count), now) == "there is no such choice"
    assert refusal(changed(decisions, log_probabilities=(0.5,) * count), now) == "it is no log-probability"


@pytest.mark.parametrize(
    "fields", [{"numbers": ()}, {"ues": (99,)}, {"ues": (-1,)}, {"numbers": (10**6,)}, {"ues": (0,)}]
)
def test_posts_that_make_no_sense_are_for_nobody(fields):
    now, posts = honest(Posts, lambda body: len(body.ues) == 1)
    assert refusal(posts, now) == ""
    assert refusal(changed(posts, **fields), now) == f"nothing that {posts.to} is told"


def test_how_a_task_ended_its_crowd_tells_and_nobody_else():
    now, outcome = honest(Outcome)
    assert outcome.source.startswith("crowd-") and refusal(outcome, now) == ""
    for source in (outcome.body.ue, "crowd-3-1"):
        assert refusal(msgspec.structs.replace(outcome, source=source), now).startswith("it should come from crowd-")


def test_posts_are_opened_into_those_of_single_ues():
    _, posts = honest(Posts, lambda body: len(body.ues) > 1)
    opened = list(Bundles(PLAN).opened(posts))
    assert [(one.ue, one.number) for one in opened] == list(zip(posts.body.ues, posts.body.numbers, strict=True))
    for one in opened:
        name = PLAN.system.ues[one.ue].name
        assert isinstance(one.body, Post) and one.source == one.body.ue == name
        assert one.at_ns == one.body.ready_ns == posts.body.ready_ns


def test_returns_of_another_crowd_are_for_nobody():
    now, returns = honest(Returns, lambda body: body.results[0].ue.startswith("ue-1"))
    stray = msgspec.structs.replace(returns, to="crowd-2-1")
    assert refusal(stray, now) == "nothing that crowd-2-1 is told"


def test_results_for_one_crowd_travel_together_and_others_alone():
    bundles = Bundles(PLAN)
    results = [one.body.results[0] for _, one in SAID if isinstance(one.body, Returns)]
    mine = [one for one in results if one.ue in ("ue-1-4", "ue-1-5")][:2]
    for one in mine:
        assert bundles.holds("es-1", Send(to=one.ue, body=one, at_ns=one.at_ns, phase=ARRIVAL))
    single = msgspec.structs.replace(mine[0], ue="ue-1-1")
    assert not bundles.holds("es-1", Send(to="ue-1-1", body=single, at_ns=1, phase=ARRIVAL))
    [(source, send)] = bundles.closed()
    assert (source, send.to, send.body) == ("es-1", "crowd-1-1", Returns(tuple(mine)))
    assert [one.body for one in bundles.opened(sent("es-1", 0, send.to, send))] == mine
    assert list(bundles.closed()) == []
    assert all(isinstance(one, Result) for one in mine)


def test_a_crowds_asks_are_those_of_its_ues_and_their_answers_one_message():
    _, asks = honest(Asks, lambda body: len(body.tasks) > 1)
    single = asks_of(PLAN.system, asks.body)
    assert [ask.queue_ns for ask in single.values()] == list(asks.body.queue_ns)
    assert [task for ask in single.values() for task in ask.tasks] == list(asks.body.tasks)
    decided = [(index, Decision(ue=f"ue-1-{index + 1}", slot=4, choice=index % 2, asked_ns=9)) for index in range(4)]
    alone, together = answers(7, decided, {"ue-1-2": "crowd-1-1", "ue-1-3": "crowd-1-1", "ue-1-4": "crowd-1-1"})
    assert (alone.to, alone.body) == ("ue-1-1", decided[0][1])
    assert together.to == "crowd-1-1" and isinstance(together.body, Decisions)
    assert (together.body.ues, together.body.choices, together.body.asked_ns) == ((1, 2, 3), (1, 0, 1), 9)
