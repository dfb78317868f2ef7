"""The ledger balances, and notices what does not."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from testbed.model.ledger import COUNTS, absent, reconcile
from testbed.model.task import COMPLETED, DECIDED, DRAIN_LIMIT, FAILED, LATE, LOCAL, OFFLOAD, UE_DIED, UNDECIDED, Task

NAMES = ("ue-1-1", "ue-1-2")
SECOND = 10**9


class Row(msgspec.Struct, frozen=True, kw_only=True):
    ue: str
    number: int
    state: str
    reason: str = ""
    choice: int = LOCAL
    fallback: str = ""
    forwarded: bool = False
    rejected: bool = False
    recovered: bool = False


def tasks(count):
    return [
        Task(ue=n % 2, number=n // 2, generated_ns=n // 2 * SECOND, input_bits=1, cycles=1, deadline_ns=SECOND)
        for n in range(count)
    ]


def balanced(ledger):
    """Whether every generated task ended exactly once and nothing else did."""
    ended = ledger.completed + ledger.late + ledger.failed
    decided = ledger.local + ledger.offloaded
    return ledger.unaccounted == 0 and ledger.generated == ended == decided + ledger.undecided


def test_finished_tasks_balance():
    rows = [
        Row(ue="ue-1-1", number=0, state=COMPLETED),
        Row(ue="ue-1-2", number=0, state=LATE, choice=OFFLOAD, forwarded=True, recovered=True),
        Row(ue="ue-1-1", number=1, state=FAILED, reason=DRAIN_LIMIT, choice=OFFLOAD, fallback="timeout", rejected=True),
        Row(ue="ue-1-2", number=1, state=COMPLETED),
    ]
    ledger = reconcile(rows, tasks(4), NAMES)
    assert balanced(ledger)
    assert ledger.counts() == {
        "generated": 4,
        "local": 2,
        "offloaded": 2,
        "forwarded": 1,
        "completed": 2,
        "late": 1,
        "rejected": 1,
        "recovered": 1,
        "fallback": 1,
        "failed": 1,
        "unaccounted": 0,
        "undecided": 0,
    }
    assert tuple(ledger.counts()) == COUNTS
    assert ledger.reasons == {DRAIN_LIMIT: 1}
    assert ledger.failed - ledger.reasons.get(UE_DIED, 0) == 1


def test_a_dead_ue_takes_its_unfinished_tasks_along_and_generates_none():
    rows = [Row(ue="ue-1-1", number=n, state=COMPLETED) for n in (0, 1, 2, 4)] + [
        Row(ue="ue-1-2", number=n, state=COMPLETED) for n in range(5)
    ]
    ledger = reconcile(rows[1:], tasks(10), NAMES, {"ue-1-1": [(3 * SECOND, 4 * SECOND)]})
    assert balanced(ledger)
    assert (ledger.generated, ledger.failed, ledger.undecided) == (9, 1, 1)
    assert ledger.reasons == {UE_DIED: 1}
    assert ledger.failed - ledger.reasons.get(UE_DIED, 0) == 0


def test_a_task_without_an_end_is_unaccounted_for():
    ledger = reconcile([Row(ue="ue-1-1", number=0, state=DECIDED, choice=OFFLOAD)], tasks(2), NAMES)
    assert not balanced(ledger)
    assert ledger.unaccounted == 2
    assert ledger.problems == (
        "ue-1-1 task 0: decided, without an end",
        "ue-1-2 task 0: no record, without an end",
    )


def test_a_task_that_ends_twice_or_never_began_is_unaccounted_for():
    rows = [
        Row(ue="ue-1-1", number=0, state=DECIDED),
        Row(ue="ue-1-1", number=0, state=COMPLETED),
        Row(ue="ue-1-1", number=0, state=DECIDED),
        Row(ue="ue-1-2", number=0, state=LATE),
    ]
    assert balanced(reconcile(rows, tasks(2), NAMES))
    assert "ended twice" in reconcile([*rows, Row(ue="ue-1-2", number=0, state=LATE)], tasks(2), NAMES).problems[0]
    assert "never generated" in reconcile([*rows, Row(ue="ue-1-2", number=1, state=LATE)], tasks(2), NAMES).problems[0]
    gone = {"ue-1-2": [(0, -1)]}
    assert not balanced(reconcile(rows, tasks(2), NAMES, gone))


def test_tasks_after_an_interruption_were_never_generated():
    rows = [Row(ue="ue-1-1", number=0, state=COMPLETED), Row(ue="ue-1-2", number=0, state=COMPLETED)]
    assert balanced(reconcile(rows, tasks(10), NAMES, until_ns=SECOND - 1))
    assert reconcile(rows, tasks(10), NAMES, until_ns=SECOND).unaccounted == 2


def test_absence_includes_the_death_and_excludes_the_restart():
    assert [absent(at, [(2, 4)]) for at in range(1, 6)] == [False, True, True, False, False]
    assert absent(99, [(2, -1)])


ENDS = st.sampled_from([COMPLETED, LATE, FAILED, DECIDED, None])


@given(st.lists(st.tuples(ENDS, st.sampled_from([LOCAL, OFFLOAD, UNDECIDED])), max_size=12), st.integers(0, 8))
def test_every_task_is_counted_once(ends, died):
    work = tasks(len(ends))
    gone = {"ue-1-2": [(died * SECOND, -1)]}
    rows = [
        Row(ue=NAMES[task.ue], number=task.number, state=state, choice=choice)
        for task, (state, choice) in zip(work, ends, strict=True)
        if state and not absent(task.generated_ns, gone.get(NAMES[task.ue], ()))
    ]
    ledger = reconcile(rows, work, NAMES, gone)
    assert ledger.generated == ledger.completed + ledger.late + ledger.failed + ledger.unaccounted
    assert ledger.generated == ledger.local + ledger.offloaded + ledger.undecided
    assert balanced(ledger) == (ledger.unaccounted == 0)
