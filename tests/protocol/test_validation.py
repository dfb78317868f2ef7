"""Messages against the plan: everything that honest roles say passes, and everything else is refused with a reason."""

from typing import Any

import msgspec
import pytest

from testbed.model.delay import NS_PER_S
from testbed.model.resilience import Resilience
from testbed.model.system import Emulation, Fault, Radio
from testbed.model.task import Task
from testbed.protocol.messages import Announce, Ask, Decision, Down, Forward, Kept, Moved, Outcome, Post, Result, Up
from testbed.protocol.validation import Validator
from tests.protocol.honest import overheard
from tests.sim.test_cuts import cut_ue
from tests.support import MS, plan, region, system

WORLDS: dict[str, dict[str, Any]] = {
    "region": {},
    "shared, with jitter, loss and latency": {
        "access": "shared",
        "jitter_kind": 1,
        "jitter_high_ns": 5 * MS,
        "loss": 0.2,
        "latency_ns": MS,
        "return_latency_ns": 3 * MS,
    },
    "full queues": {"result_bits": 8_000},
}


def world(name="region", policy="random", slots=20, *, learn=False, **changes):
    hardware, tasks = region(density=0.9, slots=slots, **WORLDS[name])
    if name == "full queues":
        hardware = msgspec.structs.replace(
            hardware, edge_servers=tuple(msgspec.structs.replace(es, queue_limit=1) for es in hardware.edge_servers)
        )
    hardware = msgspec.structs.replace(hardware, **changes)
    faults = (
        Fault("es-3", 3 * NS_PER_S, 5 * NS_PER_S),
        Fault("ue-1-1", 4 * NS_PER_S, 9 * NS_PER_S),
        Fault("ue-2-2", 6 * NS_PER_S),
    )
    return msgspec.structs.replace(plan(hardware, tasks, policy, faults=faults), learn=learn)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("epoch", ["slot", "arrival"])
@pytest.mark.parametrize("speed", [0.2, 20.0])
def test_everything_that_honest_roles_say_passes(name, epoch, speed):
    result = world(name, epoch=epoch, learn=epoch == "slot")
    result = msgspec.structs.replace(result, emulation=Emulation(speed=speed))
    validators: dict[str, Validator] = {}
    kinds = set()
    for now, envelope in overheard(result):
        kinds.add(type(envelope.body).__name__)
        key = (envelope.to, envelope.source if isinstance(envelope.body, Up) else "")
        validator = validators.setdefault(envelope.to, Validator(result))
        assert validator.refusal(envelope, now) == "", (key, envelope)
        if isinstance(envelope.body, Up):
            validators.pop(envelope.body.name, None)
    expected = {"Decision", "Post", "Kept", "Forward", "Moved", "Result", "Down", "Up", "Announce", "Ask"}
    expected |= {"Aired"} if "shared" in name else set()
    expected |= {"Outcome"} if epoch == "slot" else set()
    assert kinds == expected


SAID: dict[str, Any] = {}


def message_of(kind, wanted=lambda body: True):
    """The plan, the last instant, and an honest envelope of this ``kind``."""
    if not SAID:
        SAID["plan"] = world(learn=True)
        SAID["all"] = overheard(SAID["plan"])
    match = next((now, one) for now, one in SAID["all"] if type(one.body) is kind and wanted(one.body))
    return SAID["plan"], *match


def refusal(kind, body=None, wanted=lambda body: True, **changes):
    """What is said of an honest message of this kind with fields of its ``body`` or its envelope changed."""
    result, now, envelope = message_of(kind, wanted)
    assert Validator(result).refusal(envelope, now) == ""
    changed = msgspec.structs.replace(envelope.body, **(body or {}))
    return Validator(result).refusal(msgspec.structs.replace(envelope, body=changed, **changes), now)


def busy(ask):
    return bool(ask.tasks)


FAR = 10**15
STRANGE_TASK = Task(ue=0, number=0, generated_ns=0, input_bits=10**18, cycles=1, deadline_ns=1)
WRONG = [
    (Announce, {"es": "es-9"}),
    (Announce, {"es": "es-2"}),
    (Announce, {"es": "ue-1-1"}),
    (Announce, {"slot": FAR}),
    (Announce, {"slot": FAR, "at_ns": FAR * NS_PER_S}),
    (Announce, {"slot": -1, "at_ns": -NS_PER_S}),
    (Announce, {"backlog_ns": -1}),
    (Announce, {"backlog_ns": FAR * NS_PER_S}),
    (Announce, {"own_cycles": -1}),
    (Announce, {"forwarded_cycles": FAR}),
    (Announce, {"air_cycles": -5}),
    (Announce, {"senders": -1}),
    (Announce, {"senders": 6}),
    (Announce, {"radio_wait_ns": ()}),
    (Announce, {"radio_wait_ns": (0,) * 6}),
    (Announce, {"radio_wait_ns": (-1,) * 5}),
    (Announce, {"at_ns": 1}),
    (Ask, {"ue": "es-1"}),
    (Ask, {"ue": "nobody"}),
    (Ask, {"ue": "ue-1-2"}),
    (Ask, {"slot": FAR}),
    (Ask, {"slot": FAR, "at_ns": FAR * NS_PER_S}),
    (Ask, {"slot": -1, "at_ns": -NS_PER_S}),
    (Ask, {"queue_ns": -1}),
    (Ask, {"queue_ns": FAR * NS_PER_S}),
    (Ask, {"tasks": (STRANGE_TASK,)}),
    (Ask, {"last_choice": 2}),
    (Ask, {"last_choice": -2}),
    (Ask, {"at_ns": 1}),
    (Decision, {"ue": "ue-3-5"}),
    (Decision, {"slot": FAR}),
    (Decision, {"choice": 2}),
    (Decision, {"choice": -1}),
    (Decision, {"version": -1}),
    (Decision, {"log_probability": float("nan")}),
    (Decision, {"log_probability": 1.0}),
    (Decision, {"log_probability": -float("inf")}),
    (Decision, {"fallback": "\x1b[31m"}),
    (Decision, {"asked_ns": -1}),
    (Decision, {"asked_ns": FAR * NS_PER_S}),
    (Post, {"task": STRANGE_TASK}),
    (Post, {"ue": "ue-3-1"}),
    (Post, {"ue": "es-1"}),
    (Post, {"ready_ns": FAR * NS_PER_S}),
    (Post, {"ready_ns": -1}),
    (Kept, {"ues": (99,)}),
    (Kept, {"ues": (-1,)}),
    (Kept, {"ues": tuple(range(15))}),
    (Kept, {"at_ns": FAR * NS_PER_S}),
    (Kept, {"at_ns": -1}),
    (Forward, {"ue": "nobody"}),
    (Forward, {"task": STRANGE_TASK}),
    (Forward, {"arrival_ns": 0}),
    (Forward, {"arrival_ns": FAR * NS_PER_S}),
    (Moved, {"ue": "ue-9-9"}),
    (Moved, {"number": FAR}),
    (Moved, {"number": -1}),
    (Moved, {"es": "es-9"}),
    (Moved, {"at_ns": FAR * NS_PER_S}),
    (Moved, {"at_ns": -1}),
    (Result, {"ue": "ue-9-9"}),
    (Result, {"number": FAR}),
    (Result, {"es": "es-9"}),
    (Result, {"es": "ue-1-1"}),
    (Result, {"incarnation": -1}),
    (Result, {"incarnation": FAR}),
    (Result, {"es_arrival_ns": -1}),
    (Result, {"start_ns": -1}),
    (Result, {"end_ns": FAR * NS_PER_S}),
    (Result, {"at_ns": FAR * NS_PER_S}),
    (Result, {"at_ns": 0}),
    (Down, {"name": "nobody"}),
    (Down, {"at_ns": FAR * NS_PER_S}),
    (Down, {"incarnation": -1}),
    (Up, {"name": "nobody"}),
    (Up, {"at_ns": FAR * NS_PER_S}),
    (Up, {"incarnation": FAR}),
    (Outcome, {"ue": "es-1"}),
    (Outcome, {"task": STRANGE_TASK}),
    (Outcome, {"slot": 99}),
    (Outcome, {"choice": 7}),
    (Outcome, {"fallback": "why not"}),
    (Outcome, {"state": "lost"}),
    (Outcome, {"delay_ns": -1}),
    (Outcome, {"delay_ns": FAR * NS_PER_S}),
    (Outcome, {"energy_j": float("nan")}),
    (Outcome, {"energy_j": -1.0}),
    (Outcome, {"airtime_ns": -1}),
    (Outcome, {"tx_start_ns": FAR * NS_PER_S}),
    (Outcome, {"finished_ns": 0}),
    (Outcome, {"finished_ns": FAR * NS_PER_S}),
    (Outcome, {"think_ns": -1}),
]


@pytest.mark.parametrize(("kind", "body"), WRONG, ids=lambda value: getattr(value, "__name__", None) or str(value)[:50])
def test_a_field_that_cannot_be_is_refused_with_a_reason(kind, body):
    why = refusal(kind, body)
    assert why and "\n" not in why and len(why) < 120


TRIPS = [
    {"ready_ns": -1},
    {"tx_start_ns": -1},
    {"tx_end_ns": FAR * NS_PER_S},
    {"arrival_ns": FAR * NS_PER_S},
    {"arrival_ns": 0},
    {"attempts": 0},
    {"attempts": 10**6},
    {"late_ns": -1},
    {"late_ns": FAR * NS_PER_S},
]


@pytest.mark.parametrize("kind", [Forward, Result])
@pytest.mark.parametrize("changes", TRIPS, ids=str)
def test_a_trip_that_cannot_be_is_refused(kind, changes):
    _, _, envelope = message_of(kind)
    assert refusal(kind, {"trip": msgspec.structs.replace(envelope.body.trip, **changes)})


KINDS = [Ask, Decision, Post, Kept, Forward, Moved, Result, Announce, Down, Up, Outcome]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("source", ["nobody", "es-2", "ue-2-5", "learner", ""])
def test_nobody_speaks_for_others(kind, source):
    _, _, envelope = message_of(kind)
    assert source != envelope.source and refusal(kind, source=source)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_is_told_what_is_not_for_it(kind):
    _, _, envelope = message_of(kind)
    others = {"ue-1-1", "es-1", "controller"} - {envelope.to}
    wrong = [to for to in others if not (kind in (Announce, Down, Up) or (kind is Moved and to.startswith("ue")))]
    assert all(refusal(kind, to=to) for to in wrong)


def test_a_task_comes_back_from_a_radio_only_where_ues_take_it_back():
    taking = world(policy="offload", resilience=Resilience(recovers_from_cuts=True))
    taking = msgspec.structs.replace(taking, system=cut_ue(taking.system, (1.1, 3), index=5))
    now, back = next((now, one) for now, one in overheard(taking) if type(one.body) is Moved and one.body.es == one.to)
    assert back.body == Moved("ue-2-1", back.body.number, "ue-2-1", 1_200 * MS)
    assert Validator(taking).refusal(back, now) == ""
    others = msgspec.structs.replace(taking, system=msgspec.structs.replace(taking.system, resilience=Resilience()))
    assert Validator(others).refusal(back, now)
    assert Validator(taking).refusal(msgspec.structs.replace(back, source="es-1"), now)


@pytest.mark.parametrize("kind", [Post, Forward, Result, Announce])
@pytest.mark.parametrize(
    "changes", [{"at_ns": FAR * NS_PER_S}, {"at_ns": -1}, {"phase": 0}, {"ue": 99}, {"number": FAR}]
)
def test_the_place_of_a_message_is_that_of_its_content(kind, changes):
    assert refusal(kind, **changes)


@pytest.mark.parametrize("kind", [Post, Forward, Result, Announce])
def test_what_comes_once_is_refused_when_it_comes_again(kind):
    result, now, envelope = message_of(kind)
    validator = Validator(result)
    assert [bool(validator.refusal(envelope, now)) for _ in range(2)] == [False, True]


def test_announcements_do_not_go_back():
    result, now, envelope = message_of(Announce, lambda body: body.slot == 5)
    _, _, earlier = message_of(Announce, lambda body: body.es == envelope.body.es and body.slot == 4)
    validator = Validator(result)
    assert [validator.refusal(one, now) for one in (envelope, earlier)] == ["", "this one or a later one came before"]


def test_an_ask_with_tasks_of_another_instant_or_twice_the_same_is_refused():
    result, _, envelope = message_of(Ask, busy)
    (task, *_) = envelope.body.tasks
    assert refusal(Ask, {"tasks": (task, task)}, busy)
    later = next(t for t in result.workload if t.ue == task.ue and t.number > task.number)
    assert refusal(Ask, {"tasks": (later,)}, busy)


def test_without_second_offload_nothing_is_sent_on():
    result, now, envelope = message_of(Forward)
    assert Validator(msgspec.structs.replace(result, second_offload=False)).refusal(envelope, now)


def test_agents_that_choose_may_name_every_server_and_no_other():
    free = world(policy="po2-any", chosen_target=True)
    messages = overheard(free)
    validators: dict[str, Validator] = {}
    assert all(validators.setdefault(one.to, Validator(free)).refusal(one, now) == "" for now, one in messages[:400])
    ruled = msgspec.structs.replace(free, system=msgspec.structs.replace(free.system, chosen_target=False))
    for kind, field, good, wrong in ((Post, "target", 2, 3), (Decision, "choice", 3, 4)):
        now, envelope = next((now, one) for now, one in messages if type(one.body) is kind)
        bodies = [msgspec.structs.replace(envelope.body, **{field: value}) for value in (good, wrong)]
        of = [msgspec.structs.replace(envelope, body=body) for body in bodies]
        assert [bool(Validator(free).refusal(one, now)) for one in of] == [False, True]
        assert Validator(ruled).refusal(of[0], now)


def test_only_a_shared_radio_tells_of_bits():
    case = plan(
        system((1,), (NS_PER_S,), radio=Radio(access="shared")),
        [Task(ue=0, number=0, generated_ns=0, input_bits=8_000_000, cycles=NS_PER_S, deadline_ns=NS_PER_S)],
        "offload",
    )
    now, envelope = next((now, one) for now, one in overheard(case) if type(one.body).__name__ == "Aired")
    assert Validator(case).refusal(envelope, now) == ""
    assert Validator(msgspec.structs.replace(case, system=system((1,), (NS_PER_S,)))).refusal(envelope, now)
