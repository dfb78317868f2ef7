"""What an ES may still be told before an instant: every source alone, and together against what may really come."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.model.delay import NS_PER_S
from testbed.model.system import Emulation, Fault, Plan, Radio
from testbed.model.task import Task
from testbed.node.lookahead import Lookahead
from testbed.node.posts import earliest_effect_ns
from testbed.protocol.messages import Announce, Down, Kept, Post, Up
from tests.properties import examples
from tests.support import MS, ordered, system, task_of

GUARD = 2 * MS
AIRTIME = 10 * MS
LAST = 400 * MS


def short(ue, number, at=0, bits=80_000):
    """A task that takes 10 ms to send."""
    return task_of(ue, number, at, bits=bits)


def lookahead(tasks, *, es=0, double=False, faults=(), speed=1.0, result=None, **changes):
    result = result or system((2, 1), (NS_PER_S, NS_PER_S), **changes)
    emulation = Emulation(speed=speed, guard_ns=GUARD)
    return Lookahead(
        Plan(
            system=result,
            workload=ordered(tasks),
            policy="greedy",
            second_offload=double,
            emulation=emulation,
            faults=tuple(faults),
        ),
        es,
        GUARD,
    )


def post(task):
    return Post("ue-1-1", task, 0)


def announce(es, slot=0, backlog=0, air=0):
    return Announce(
        es=f"es-{es}",
        slot=slot,
        at_ns=slot * NS_PER_S,
        backlog_ns=backlog,
        own_cycles=0,
        forwarded_cycles=0,
        air_cycles=air,
    )


# Awaited posts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("at", "wait"), [(0, 0), (AIRTIME - 1, 0), (AIRTIME, GUARD), (LAST, GUARD), (LAST + 1, 0)])
def test_a_task_of_which_nothing_was_heard_may_come_from_an_airtime_after_it_was_asked(at, wait):
    assert lookahead([short(0, 0)]).wait_ns(at) == wait


@pytest.mark.parametrize("messages", [post(short(0, 0)), Kept(0, (0,)), Kept(0, (1, 0)), Down("ue-1-1", 1, 0)])
def test_nobody_waits_for_what_was_posted_or_kept_or_has_died(messages):
    look = lookahead([short(0, 0)])
    assert look.wait_ns(AIRTIME) == GUARD
    look.hear(messages)
    assert look.wait_ns(AIRTIME) == 0


OTHERS = [
    post(short(0, 1)),
    post(short(1, 0)),
    Kept(NS_PER_S, (0,)),
    Kept(0, (1,)),
    Up("ue-1-1", 0, 1),
    Down("ue-1-2", 1, 0),
]


@pytest.mark.parametrize("messages", OTHERS)
def test_what_was_heard_of_others_settles_nothing(messages):
    look = lookahead([short(0, 0)])
    look.hear(messages)
    assert look.wait_ns(AIRTIME) == GUARD


@pytest.mark.parametrize("messages", [post(short(0, 0)), Kept(3 * NS_PER_S, (0,))])
def test_what_was_heard_before_its_time_counts_too(messages):
    look = lookahead([short(0, 0, at=3 * NS_PER_S)])
    look.hear(messages)
    assert look.wait_ns(3 * NS_PER_S + AIRTIME) == look.wait_ns(3 * NS_PER_S + 2 * AIRTIME) == 0


def test_the_shortest_airtime_counts_and_tasks_are_settled_one_by_one():
    look = lookahead([short(0, 0), short(1, 0, bits=8_000)])
    assert [look.wait_ns(at) for at in (MS - 1, MS)] == [0, GUARD]
    look.hear(Kept(0, (1,)))
    assert [look.wait_ns(at) for at in (MS, AIRTIME - 1, AIRTIME)] == [0, 0, GUARD]


def test_tasks_of_other_cells_do_not_come_over_this_radio():
    assert lookahead([short(2, 0)]).wait_ns(AIRTIME) == 0
    assert lookahead([short(2, 0)], es=1).wait_ns(AIRTIME) == GUARD


@pytest.mark.parametrize(("epoch", "asked"), [("slot", NS_PER_S), ("arrival", NS_PER_S // 2)])
def test_a_task_inside_a_slot_is_asked_about_at_its_end_or_at_once(epoch, asked):
    look = lookahead([short(0, 0, at=NS_PER_S // 2)], epoch=epoch)
    assert [look.wait_ns(asked + at) for at in (AIRTIME - 1, AIRTIME)] == [0, GUARD]


def test_on_a_shared_radio_a_post_takes_effect_with_its_first_bit():
    look = lookahead([short(0, 0, at=NS_PER_S)], radio=Radio(access="shared"))
    assert [look.wait_ns(at) for at in (NS_PER_S - 1, NS_PER_S)] == [0, GUARD]


def test_latency_and_repetitions_come_on_top():
    hardware = system((1,), radio=Radio(latency_ns=5 * MS, loss=0.6))
    bounds = {earliest_effect_ns(hardware, short(0, n), 0) for n in range(20)}
    assert min(bounds) == AIRTIME + 5 * MS and max(bounds) > 2 * AIRTIME
    traced = system((1,), radio=Radio(trace_edges_ns=(0, NS_PER_S), trace_bps=(0.0, 8e6), trace_period_ns=2 * NS_PER_S))
    assert earliest_effect_ns(traced, short(0, 0), 0) == NS_PER_S + AIRTIME


@pytest.mark.parametrize("speed", [1.0, 20.0])
def test_what_is_never_heard_of_is_awaited_for_twice_as_long_as_a_ue_waits_for_its_answer(speed):
    look = lookahead([short(0, 0)], speed=speed)
    last = int(LAST * speed)
    assert [look.wait_ns(at) for at in (AIRTIME, last, last + 1)] == [GUARD, GUARD, 0]


def test_who_serves_again_does_not_post_what_was_asked_before_that():
    look = lookahead([short(0, 0), short(0, 1, at=NS_PER_S)])
    look.hear(Down("ue-1-1", MS // 2, 0))
    look.hear(Up("ue-1-1", NS_PER_S // 2, 1))
    assert [look.wait_ns(at) for at in (AIRTIME, NS_PER_S, NS_PER_S + AIRTIME)] == [0, 0, GUARD]


# Forwards ------------------------------------------------------------------------------------------------------------


def test_without_second_offload_or_another_es_nothing_is_sent_on():
    busy = [task_of(2, 0, cycles=9 * NS_PER_S)]
    assert lookahead(busy, double=False).wait_ns(0) == 0
    alone = system((2,), (NS_PER_S,))
    assert lookahead([task_of(0, 0, cycles=9 * NS_PER_S)], double=True, result=alone).wait_ns(0) == 0


def test_an_es_that_cannot_exceed_the_threshold_sends_nothing_on():
    look = lookahead([task_of(2, n, cycles=100 * MS) for n in range(5)], double=True)
    assert look.wait_ns(0) == 0
    look.hear(announce(2, backlog=450 * MS))
    assert look.wait_ns(0) > 0


@pytest.mark.parametrize(
    ("backlog", "air", "new", "possible"),
    [
        (0, 0, 0, False),
        (1001, 0, 0, True),
        (800, 0, 1, False),
        (801, 0, 1, True),
        (500, 300, 1, False),
        (500, 301, 1, True),
        (300, 0, 6, False),
        (301, 0, 6, True),
    ],
)
def test_the_bound_is_what_was_announced_and_all_that_appeared_since(backlog, air, new, possible):
    """Every task is 100 ms of work; one more stands for what may be on the backhaul."""
    look = lookahead([task_of(2, n, at=NS_PER_S, cycles=100 * MS) for n in range(new)], double=True)
    for es in (1, 2):
        look.hear(announce(es, 1, *((backlog * MS, air * MS) if es == 2 else (0, 0))))
    assert (look.wait_ns(NS_PER_S) > 0) is possible


def test_its_own_backlog_makes_nobody_send_anything_on():
    look = lookahead([], double=True)
    look.hear(announce(1, backlog=9 * NS_PER_S))
    assert look.wait_ns(0) == 0


def test_work_that_was_announced_is_not_counted_twice_once_all_have_announced():
    look = lookahead([task_of(2, n, cycles=600 * MS) for n in range(2)], double=True)
    assert look.wait_ns(0) > 0
    look.hear(announce(2, 1))
    assert look.wait_ns(NS_PER_S - 1) > 0
    look.hear(announce(1, 1))
    assert look.wait_ns(NS_PER_S) == 0


@pytest.mark.parametrize(("speed", "wait"), [(1.0, MS), (0.5, 0), (20.0, GUARD - MS // 20)])
def test_a_forward_is_on_its_way_for_the_backhauls_latency(speed, wait):
    look = lookahead([], double=True, speed=speed)
    look.hear(announce(2, backlog=9 * NS_PER_S))
    assert look.wait_ns(0) == wait


def test_the_dead_send_nothing_on_until_they_are_back():
    look = lookahead([], double=True)
    look.hear(announce(2, backlog=9 * NS_PER_S))
    look.hear(Down("es-2", MS, 0))
    assert look.wait_ns(MS) == 0
    look.hear(Up("es-2", NS_PER_S, 1))
    assert look.wait_ns(NS_PER_S) == 0
    look.hear(announce(2, 2, backlog=9 * NS_PER_S))
    assert look.wait_ns(2 * NS_PER_S) > 0


# Planned deaths ------------------------------------------------------------------------------------------------------


def test_a_planned_death_of_an_own_ue_is_awaited_until_it_was_told():
    look = lookahead([], faults=[Fault("ue-1-1", NS_PER_S), Fault("ue-2-1", 0), Fault("controller", 0)])
    assert [look.wait_ns(at) for at in (NS_PER_S - 1, NS_PER_S)] == [0, GUARD]
    look.hear(Down("ue-1-1", NS_PER_S, 0))
    assert look.wait_ns(NS_PER_S) == 0


def test_a_planned_death_of_another_es_matters_when_it_is_detected():
    look = lookahead([], faults=[Fault("es-2", NS_PER_S), Fault("es-1", 0)])
    assert [look.wait_ns(at) for at in (NS_PER_S + 100 * MS - 1, NS_PER_S + 100 * MS)] == [0, GUARD]


def test_a_death_of_which_nobody_tells_is_awaited_for_a_while_only():
    look = lookahead([], faults=[Fault("ue-1-1", 0)])
    assert [look.wait_ns(at) for at in (LAST, LAST + 1)] == [GUARD, 0]


# Together ------------------------------------------------------------------------------------------------------------

INSTANT = st.integers(0, 5)
TASKS = st.lists(st.tuples(st.integers(0, 2), INSTANT, st.integers(1, 30)), max_size=12)


@settings(max_examples=examples(200))
@given(TASKS, st.lists(st.tuples(st.integers(0, 11), st.booleans()), max_size=12), st.sampled_from(["slot", "arrival"]))
def test_there_is_a_wait_if_and_only_if_something_unsettled_can_take_effect_by_then(rows, heard, epoch):
    changed = msgspec.structs.replace(system((2, 1), (NS_PER_S, NS_PER_S), epoch=epoch), decision_timeout_ns=10**12)
    tasks = [
        Task(
            ue=ue, number=n, generated_ns=at * NS_PER_S // 2, input_bits=size * 800_000, cycles=1, deadline_ns=NS_PER_S
        )
        for n, (ue, at, size) in enumerate(rows)
    ]
    look = lookahead(tasks, result=changed)
    unsettled = {task for task in tasks if task.ue < 2}
    for at in range(0, 8 * NS_PER_S, NS_PER_S // 4):
        if heard:
            n, posted = heard.pop()
            one = tasks[n % len(tasks)] if tasks else short(0, 0)
            asked = changed.asked_ns(one)
            look.hear(post(one) if posted else Kept(asked, (one.ue,)))
            unsettled -= {one} if posted else {t for t in tasks if t.ue == one.ue and changed.asked_ns(t) == asked}
        bounds = [earliest_effect_ns(changed, task, changed.asked_ns(task)) for task in unsettled]
        assert (look.wait_ns(at) > 0) == any(bound <= at for bound in bounds)


# Plans that change ---------------------------------------------------------------------------------------------------


def revised(look, tasks, **changes):
    """Let it follow a plan of these ``tasks``, and a system with these ``changes`` to its UEs."""
    made = system((2, 1), (NS_PER_S, NS_PER_S))
    made = msgspec.structs.replace(made, ues=tuple(msgspec.structs.replace(ue, **changes) for ue in made.ues))
    look.follow(Plan(system=made, workload=ordered(tasks), policy="greedy", second_offload=False))


def test_a_link_that_stands_still_brings_nothing_sooner_and_one_that_is_lifted_not_later():
    look = lookahead([short(0, 0)])
    assert look.wait_ns(AIRTIME) == GUARD
    still = {"cap_edges_ns": (0, MS, 50 * MS), "caps_bps": (1e9, 0.0, 1e9)}
    revised(look, [short(0, 0)], **still)
    assert [look.wait_ns(at) for at in (AIRTIME, 59 * MS - 1, 59 * MS)] == [0, 0, GUARD]
    revised(look, [short(0, 0)])
    assert look.wait_ns(AIRTIME) == GUARD


def test_tasks_that_a_plan_no_longer_has_are_not_waited_for_and_those_it_has_now_are():
    look = lookahead([short(0, 0), short(0, 1, at=NS_PER_S)])
    assert look.wait_ns(NS_PER_S + AIRTIME) == GUARD  # the next slot has been looked at already
    look.hear(post(short(0, 0)))
    revised(look, [short(0, 0), short(0, 1, at=2 * NS_PER_S), short(1, 0, at=NS_PER_S)])
    assert look.wait_ns(NS_PER_S + AIRTIME) == GUARD
    look.hear(Kept(NS_PER_S, (1,)))
    assert look.wait_ns(NS_PER_S + AIRTIME) == 0
    assert look.wait_ns(2 * NS_PER_S + AIRTIME) == GUARD


def test_only_speeds_that_are_near_count():
    slow = system((1, 1), (NS_PER_S, NS_PER_S), threshold_ns=NS_PER_S)
    late = msgspec.structs.replace(
        slow.edge_servers[1], speed_edges_ns=(0, 50 * NS_PER_S), speeds_hz=(NS_PER_S, NS_PER_S // 100)
    )
    made = msgspec.structs.replace(slow, edge_servers=(slow.edge_servers[0], late))
    at = [task_of(1, n, n * NS_PER_S, bits=80_000, cycles=10**6) for n in range(60)]
    look = lookahead(at, double=True, result=made)
    look.hear(announce(2, 1, backlog=NS_PER_S // 4))
    look.hear(announce(1, 1))
    assert look.wait_ns(NS_PER_S + MS) == 0


def test_where_agents_choose_whatever_is_in_the_air_elsewhere_may_be_sent_on():
    chosen = msgspec.structs.replace(system((2, 1), (NS_PER_S, NS_PER_S)), chosen_target=True)
    look = lookahead([task_of(2, 0, cycles=1), task_of(0, 0, at=5 * NS_PER_S)], double=True, result=chosen)
    assert look.wait_ns(0) > 0
    for slot in (1, 2):
        look.hear(announce(1, slot=slot, backlog=9 * NS_PER_S))
        look.hear(announce(2, slot=slot, backlog=9 * NS_PER_S, air=2 - slot))
        assert (look.wait_ns(slot * NS_PER_S) > 0) == (slot == 1)
