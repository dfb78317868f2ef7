"""The launcher's count of tasks: right to the last, and of a byte of memory for each."""

import sys
import tracemalloc
from array import array
from collections import deque

import msgspec
import pytest

from testbed.analysis.stream import Document, RunStream
from testbed.live.progress import TaskCounter
from testbed.model.system import Fault
from testbed.model.task import COMPLETED, DECIDED, DRAIN_LIMIT, FAILED, NEVER_BEGAN_NS, UE_DIED, TaskTable
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.endings import close_rows
from testbed.protocol.rows import EventRow, LinkRow, TaskRow, rows_by_task
from testbed.record.writer import Recorder
from testbed.sim.simulation import simulate
from tests.support import plan, region, system

SYSTEM, TASKS = region(slots=10)
PLAN = plan(SYSTEM, TASKS)


@pytest.fixture(scope="module")
def ended():
    """The last rows of a whole run, in the order in which its tasks end."""
    return sorted(simulate(PLAN, FixedChoice(1)).tasks, key=lambda row: row.finished_ns)


def as_decided(row):
    """The row that the UE told when the task was decided."""
    return msgspec.structs.replace(row, state=DECIDED, finished_ns=-1)


def failed(counter, absences, end_ns, reason, recorded=()):
    rows = rows_by_task(recorded)
    return list(counter.failed_rows(lambda ue, number: rows.get((ue, number)), absences, end_ns, reason))


def moment(counter):
    result = counter.progress(0, 1, 1, ())
    return result.finished, result.total


def test_a_moment_before_the_epoch_is_the_beginning():
    """The epoch lies ahead when it is given: a busy host shows progress before it comes."""
    assert TaskCounter(PLAN).progress(-300_000_000, 1, 1, ()).now_ns == 0


def test_servers_that_are_dead_by_the_plan_are_among_what_lasts_and_ues_are_not():
    spans = {"es-1": (1, 5), "es-2": (2, -1), "ue-1-1": (1, -1), "es-3": (9, -1)}
    deaths = tuple(Fault(name, at * 10**9, back * 10**9 if back > 0 else -1) for name, (at, back) in spans.items())
    counter = TaskCounter(msgspec.structs.replace(PLAN, faults=deaths))
    lasting = [counter.progress(at_s * 10**9, 1, 1, ()).lasting for at_s in (0, 3, 6)]
    assert lasting == [(), ("kill es-1", "kill es-2"), ("kill es-2",)]


def test_it_counts_each_end_once_whatever_order_rows_come_in(ended):
    counter = TaskCounter(PLAN)
    assert counter.latest_ns == NEVER_BEGAN_NS and moment(counter) == (0, len(TASKS))
    counter.take([as_decided(row) for row in ended])
    assert moment(counter) == (0, len(TASKS)) and not counter.drained({})
    counter.take([*ended[:5], *ended[:5], *map(as_decided, ended[:5])])
    assert moment(counter) == (5, len(TASKS))
    counter.take(ended)
    assert moment(counter) == (len(TASKS), len(TASKS)) and counter.drained({})
    assert counter.latest_ns == max(task.generated_ns for task in TASKS)
    assert not failed(counter, {}, 10**12, DRAIN_LIMIT)


def test_no_row_is_kept_of_any_task(ended):
    counter, decided = TaskCounter(PLAN), [as_decided(row) for row in ended]
    known = [*decided, *ended]
    before = [sys.getrefcount(row) for row in known]
    for told in (decided, ended, decided):
        counter.take(told)
        assert [sys.getrefcount(row) for row in known] == before


@pytest.mark.parametrize("reason", ["", DRAIN_LIMIT])
def test_those_that_did_not_finish_fail_as_the_record_would_have_them(ended, reason):
    counter, half = TaskCounter(PLAN), len(ended) // 2
    messages = [*ended[:half], *map(as_decided, ended[half : half + 5])]
    counter.take(messages)
    absences = {SYSTEM.ues[0].name: [(5 * SYSTEM.slot_ns, -1)]}
    rows = failed(counter, absences, SYSTEM.end_ns, reason, messages)
    whole = close_rows(SYSTEM, TASKS, rows_by_task(messages), absences, SYSTEM.end_ns, reason)
    assert rows == [row for row in whole if row.finished_ns < 0] and rows
    if reason:
        assert {row.state for row in rows} == {FAILED} and {row.reason for row in rows} <= {reason, UE_DIED}


def looped():
    """A counter of a closed loop with one UE that has tasks; that UE's name, and the first two of its tasks."""
    system = msgspec.structs.replace(PLAN.system, closed_loop=True)
    ue = TASKS[0].ue
    own = sorted((task for task in TASKS if task.ue == ue), key=lambda task: task.number)[:2]
    return TaskCounter(msgspec.structs.replace(PLAN, system=system, workload=own)), SYSTEM.ues[ue].name, own


def end_of(ended, name, task, finished_ns):
    row = next(row for row in ended if row.ue == name and row.number == task.number)
    return msgspec.structs.replace(row, finished_ns=finished_ns)


def test_of_a_closed_loop_a_task_is_waited_for_though_nobody_has_told_of_it(ended):
    """It came a moment before the end, and its UE has had no time to say so: that it came follows from its last end."""
    counter, name, (first, second) = looped()
    assert not counter.drained({})
    think = second.generated_ns - first.generated_ns
    counter.take([end_of(ended, name, first, SYSTEM.end_ns - think - 1)])
    assert not counter.drained({})
    [row] = failed(counter, {}, SYSTEM.end_ns, DRAIN_LIMIT)
    assert (row.number, row.generated_ns) == (second.number, SYSTEM.end_ns - 1)
    assert row.reason == DRAIN_LIMIT and row.choice == -1
    counter.take([end_of(ended, name, second, SYSTEM.end_ns + 5)])
    assert counter.drained({}) and not failed(counter, {}, 10**12, DRAIN_LIMIT)


def test_of_a_closed_loop_a_task_that_would_come_after_the_end_is_not_waited_for(ended):
    counter, name, (first, second) = looped()
    counter.take([end_of(ended, name, first, SYSTEM.end_ns - (second.generated_ns - first.generated_ns))])
    assert counter.drained({}) and not failed(counter, {}, 10**12, DRAIN_LIMIT)


def test_of_a_closed_loop_nothing_is_waited_for_from_a_ue_that_died_until_it_is_back(ended):
    counter, name, (first, second) = looped()
    died = first.generated_ns + 1
    assert counter.drained({name: [(died, -1)]})
    assert not counter.drained({name: [(died, second.generated_ns)]})
    assert counter.drained({name: [(died, second.generated_ns + 1)]})
    counter.take([end_of(ended, name, second, second.generated_ns + 5)])
    assert counter.drained({name: [(died, second.generated_ns)]})


def test_of_a_closed_loop_what_is_told_of_and_has_no_end_fails_as_of_when_it_came(ended):
    counter, _, (first, _) = looped()
    row = as_decided(next(row for row in ended if row.number == first.number and row.ue == SYSTEM.ues[first.ue].name))
    counter.take([row])
    [last] = failed(counter, {}, 10**12, DRAIN_LIMIT, [row])
    assert last.generated_ns == row.generated_ns and last.reason == DRAIN_LIMIT


def as_told(count):
    """Rows as processes tell of ``count`` tasks, one after another: decided, ended, their slots and transmissions."""
    row = TaskRow(
        ue="", number=0, cell=1, generated_ns=0, input_bits=1, cycles=1, deadline_ns=1, state=DECIDED, choice=1
    )
    link = {"bits": 1, "attempts": 1, "ready_ns": 0, "start_ns": 0, "end_ns": 1, "arrival_ns": 1}
    for n in range(count):
        ue, number = f"ue-1-{n % 2 + 1}", n // 2
        decided = msgspec.structs.replace(row, ue=ue, number=number, generated_ns=n)
        yield [
            decided,
            msgspec.structs.replace(decided, state=COMPLETED, finished_ns=n + 1, measured_ns=1),
            LinkRow(link=ue, to="es-1", ue=ue, number=number, **link),
            EventRow(n, "es-1", "slipped", "", 1.0),
        ]


@pytest.mark.parametrize("rows_of_each", [4, 1], ids=["all end", "all wait"])
def test_a_launcher_that_hears_of_tens_of_thousands_of_tasks_keeps_nothing_of_each(tmp_path, rows_of_each):
    """Record, count and stream of documents, fed as a live run feeds them."""
    count, begin = 40_000, 10_000
    columns = [[n % 2 for n in range(count)], [n // 2 for n in range(count)], range(count), *[[1] * count] * 3]
    workload = TaskTable([array("q", column) for column in columns])
    given = plan(system((2,)), workload)
    counter, stream, recorder = TaskCounter(given), RunStream(given), Recorder(tmp_path / "run.db")
    documents: deque[Document] = deque(maxlen=1)
    recorder.heard = lambda rows: documents.extend(stream.take(rows))
    tracemalloc.start()
    try:
        for n, rows in enumerate(as_told(count)):
            if n == begin:
                known = tracemalloc.get_traced_memory()[0]
            counter.take(rows[:rows_of_each])
            recorder.add(rows[:rows_of_each])
        grown = tracemalloc.get_traced_memory()[0] - known
    finally:
        tracemalloc.stop()
    over = count if rows_of_each > 1 else 0
    assert counter.drained({}) == bool(over) and counter.progress(0, 1, 1, ()).finished == over
    assert stream.progress(0, "running")["tasks"][COMPLETED] == over
    failed = counter.failed_rows(recorder.task, {}, 10**12, DRAIN_LIMIT)
    assert sum(row.reason == DRAIN_LIMIT and row.choice == 1 for row in failed) == count - over
    recorder.close()
    assert grown < 4 * count, "more than a byte for each in both"
