"""Excerpts of recordings: a part, faster, over and over; nothing is lost unsaid."""

import pytest

from testbed.model.errors import UsageError
from testbed.model.task import Task
from testbed.scenario.excerpt import Excerpt, take
from testbed.scenario.fault_schema import FaultSection

S = 10**9
TASKS = [
    Task(ue=ue, number=number, generated_ns=at * S, input_bits=8 + at, cycles=9, deadline_ns=S)
    for ue, number, at in ((0, 0, 0), (1, 0, 0), (0, 1, 3), (0, 2, 3), (1, 1, 7), (0, 3, 9))
]
FAULTS = (
    FaultSection(kill="es-1", at_ns=3 * S, restart_after_ns=2 * S),
    FaultSection(kill="es-1", at_ns=8 * S),
)


def taken(**arguments):
    return take(Excerpt(**arguments), TASKS, FAULTS, 10 * S, S)


def listed(result):
    return [(task.ue, task.number, task.generated_ns / S, task.input_bits - 8) for task in result.tasks]


def test_a_part_is_counted_from_its_beginning_and_the_rest_is_told():
    result = taken(from_ns=3 * S, length_ns=5 * S)
    assert listed(result) == [(0, 0, 0, 3), (0, 1, 0, 3), (1, 0, 4, 7)]
    assert result.slots == 5 and [fault.at_ns for fault in result.faults] == [0]
    assert result.notes == (
        "3 of 6 tasks are outside of the part that is played",
        "1 of 2 faults are outside of the part that is played",
    )


def test_tasks_come_faster_and_faults_with_them():
    result = taken(rate=2.0)
    assert [at for _, _, at, _ in listed(result)] == [0, 0, 1.5, 1.5, 3.5, 4.5]
    assert result.slots == 5 and [fault.at_ns / S for fault in result.faults] == [1.5, 4]
    assert [fault.restart_after_ns for fault in result.faults] == [2 * S, -1] and not result.notes


def test_each_round_begins_where_the_one_before_ends():
    result = taken(length_ns=4 * S, loops=3)
    assert result.slots == 12 and len(result.tasks) == 12
    assert [at for _, _, at, _ in listed(result)] == [0, 0, 3, 3, 4, 4, 7, 7, 8, 8, 11, 11]
    assert [number for ue, number, _, _ in listed(result) if ue == 0] == list(range(9))
    assert [fault.at_ns / S for fault in result.faults] == [3, 7, 11]


def test_the_whole_is_what_was_recorded():
    result = taken()
    assert result.tasks == TASKS and result.faults == FAULTS and result.slots == 10


def test_an_excerpt_of_nothing_is_refused():
    with pytest.raises(UsageError, match="the recording ends at 10 s"):
        taken(from_ns=10 * S)
