"""Recovery figures against tasks whose due instants and ends are written by hand."""

import math

import pytest

from testbed.analysis import recovery
from testbed.analysis.fault_spans import fault_spans
from testbed.model.task import COMPLETED, FAILED, LATE, UE_DIED
from testbed.protocol.rows import DIED, FAULT_BEGAN, FAULT_OVER, PAUSED, RESTARTED, RESUMED, EventRow, TaskRow
from testbed.protocol.table import ColumnTable
from tests.command import document
from tests.support import system

S = 10**9
SLOW = "slow es-1 to 0.5"


def task(number, at_s, took_s, deadline_s=1.0, **fields):
    """A task generated at ``at_s`` that took so long; None: it never ended."""
    delay = -1 if took_s is None else int(took_s * S)
    kept = took_s is not None and took_s <= deadline_s
    made = {
        "ue": "ue-1-1",
        "number": number,
        "cell": 1,
        "generated_ns": int(at_s * S),
        "input_bits": 8,
        "cycles": 1,
        "deadline_ns": int(deadline_s * S),
        "state": COMPLETED if kept else LATE if took_s is not None else FAILED,
        "measured_ns": delay,
        "finished_ns": -1 if delay < 0 else int(at_s * S) + delay,
    }
    return TaskRow(**{**made, **fields})


def steadily(took_s):
    """Two tasks in each of 60 slots, generated half a slot apart; ``took_s`` by slot, 0.4 s where it says nothing."""
    return [task(2 * k + half, k + half / 2, took_s.get(k, 0.4)) for k in range(60) for half in (0, 1)]


def found(rows, events, *, slots=60, now_s=60):
    made = system((2, 1), (S, S), slots=slots)
    return recovery.of_rows(made, ColumnTable.of(TaskRow, rows), events, now_s * S)


def slow(begin_s, end_s=None):
    events = [EventRow(int(begin_s * S), "es-1", FAULT_BEGAN, SLOW)]
    return events if end_s is None else [*events, EventRow(int(end_s * S), "es-1", FAULT_OVER, SLOW)]


def test_goodput_is_lost_while_tasks_are_late_and_back_when_they_are_not():
    late = dict.fromkeys(range(30, 36), 1.4)
    (one,) = found(steadily(late), slow(31, 34))
    assert (one.fault, one.began_s, one.over_s, one.goodput_before) == (SLOW, 31.0, 34.0, 1.0)
    # due in [31, 37) are the twelve late ones; the window from 36 on has one slot of them, that from 37 on has none
    assert one.goodput_dip == 1.0 and one.recovered_after_s == 6.0 and one.unknown == ""


def test_what_was_due_before_the_fault_is_none_of_its_doing():
    early = {10: 1.4, 11: 1.4}
    (one,) = found(steadily(early), slow(31, 34))
    assert one.goodput_before == pytest.approx(1 - 4 / 40)
    assert (one.goodput_dip, one.recovered_after_s, one.steady_after_s) == (0.0, 0.0, 0.0)


def test_a_region_is_steady_when_no_more_tasks_than_before_are_in_it():
    piled = {31: 6.3, 32: 5.3, 33: 4.3, 34: 3.3, 35: 2.3}
    (one,) = found(steadily(piled), slow(31, 34))
    # the last of them leaves at 37.8; before the fault nothing is ever there at a slot's first instant
    assert one.steady_after_s == 7.0


def test_a_fault_that_outlasts_the_run_and_one_that_was_not_survived():
    (one,) = found(steadily(dict.fromkeys(range(31, 60), 1.4)), slow(31))
    assert (one.over_s, one.goodput_dip, one.recovered_after_s) == (None, 1.0, None)
    assert one.unknown == recovery.NOT_BACK
    assert math.isnan(recovery.worst([one])["mttr"]) and recovery.worst([one])["goodput_dip"] == 1.0


@pytest.mark.parametrize(
    ("begin", "rows", "why"),
    [
        (3, steadily({}), recovery.TOO_EARLY),
        (57, steadily({}), recovery.TOO_LATE),
        (31, steadily(dict.fromkeys(range(60), 1.4)), recovery.NOTHING_BEFORE),
        (31, [], recovery.NOTHING_BEFORE),
    ],
)
def test_what_cannot_be_measured_is_unknown_with_the_reason(begin, rows, why):
    (one,) = found(rows, slow(begin, begin + 1))
    assert (one.goodput_dip, one.recovered_after_s, one.steady_after_s, one.unknown) == (None, None, None, why)
    assert one.words() == ("–", "–", "–")
    assert all(math.isnan(value) for value in recovery.worst([one]).values())


@pytest.mark.parametrize("size", [1, 7])
def test_tasks_may_come_in_parts_and_in_any_order(size):
    rows = steadily(dict.fromkeys(range(31, 36), 1.4))
    rows[64] = task(64, 32, 3.0, recovered=True, es="es-1", reentry_ns=32 * S)
    events = [EventRow(31 * S, "es-1", DIED, "fault"), EventRow(33 * S, "es-1", RESTARTED, "fault", 1)]
    whole = found(rows, events)
    assert whole[0].tasks_recovered == 1 and whole[0].recovered_after_s
    tally = recovery.RecoveryTally(system((2, 1), (S, S), slots=60))
    for first in reversed(range(0, len(rows), size)):
        tally.add(ColumnTable.of(TaskRow, rows[first : first + size]))
    assert tally.recoveries(events, 60 * S) == whole


def test_the_next_fault_ends_what_is_said_of_one_and_its_end_what_is_compared_with():
    events = [*slow(20, 22), EventRow(40 * S, "es-2", DIED, "fault"), EventRow(44 * S, "es-2", RESTARTED, "fault", 1)]
    late = dict.fromkeys(range(20, 39), 1.4)
    first, second = found(steadily(late), events)
    assert first.unknown == recovery.NOT_BACK and first.goodput_dip == 1.0
    # from 22 to 40 two tasks a slot are due, and those generated from 39 on are in time: none of these by then
    assert second.fault == "kill es-2" and second.unknown == recovery.NOTHING_BEFORE


def test_tasks_go_back_or_are_lost_with_the_process_that_a_fault_happened_to():
    rows = [
        *steadily({}),
        task(200, 30, 3.0, es="es-1", recovered=True, reentry_ns=31 * S + 1),
        task(201, 30, 3.0, es="es-2", recovered=True, reentry_ns=31 * S + 1, forwarded=True),
        task(202, 32, 3.0, es="", recovered=True, reentry_ns=32 * S),
        task(203, 45, 3.0, es="", recovered=True, reentry_ns=45 * S),
        task(204, 49, None, reason=UE_DIED),
        task(205, 51, None, reason=UE_DIED),
        task(206, 41, 3.0, recovered=True, reentry_ns=41 * S),
    ]
    events = [
        EventRow(31 * S, "es-1", DIED, "fault"),
        EventRow(33 * S, "es-1", RESTARTED, "fault", 1),
        EventRow(40 * S, "ue-1-1:es-1", FAULT_BEGAN, "cut ue-1-1:es-1"),
        EventRow(42 * S, "ue-1-1:es-1", FAULT_OVER, "cut ue-1-1:es-1"),
        EventRow(45 * S, "es-1", DIED, "fault", 1),
        EventRow(50 * S, "ue-1-1", DIED, "fault"),
    ]
    got = [(one.fault, one.tasks_recovered, one.tasks_lost) for one in found(rows, events)]
    assert got == [
        ("kill es-1", 3, 0),
        ("cut ue-1-1:es-1", 2, 0),
        ("kill es-1", 1, 0),
        ("kill ue-1-1", 0, 1),
    ]


def test_faults_end_with_their_own_end_and_a_pause_with_a_death_too():
    events = [
        *slow(1, 5),
        EventRow(2 * S, "es-1", FAULT_BEGAN, "degrade"),
        EventRow(3 * S, "es-1", PAUSED),
        EventRow(4 * S, "es-1", DIED, "killed"),
        EventRow(6 * S, "learner", DIED, "killed"),
        EventRow(7 * S, "es-1", RESTARTED, "", 1),
        EventRow(8 * S, "es-1", PAUSED),
        EventRow(9 * S, "es-1", RESUMED),
    ]
    got = [(one.what, one.began_ns // S, one.over_ns // S) for one in fault_spans(events)]
    assert got == [
        (SLOW, 1, 5),
        ("degrade", 2, -1),
        ("pause es-1", 3, 4),
        ("death of es-1", 4, 7),
        ("pause es-1", 8, 9),
    ]


PAUSED_ES = [
    EventRow(20 * S, "es-1", FAULT_BEGAN, "pause es-1"),
    EventRow(20 * S + S // 10, "es-1", PAUSED, "asked for"),
    EventRow(22 * S - S // 10, "es-1", RESUMED, "asked for"),
    EventRow(22 * S, "es-1", FAULT_OVER, "pause es-1"),
]


def test_a_pause_of_the_model_that_stops_a_process_is_one_fault_as_in_a_simulation():
    late = dict.fromkeys(range(20, 23), 1.4)
    simulated = found(steadily(late), [PAUSED_ES[0], PAUSED_ES[3]])
    assert found(steadily(late), PAUSED_ES) == simulated
    (one,) = simulated
    assert (one.fault, one.began_s, one.over_s, one.unknown) == ("pause es-1", 20.0, 22.0, "")
    again = EventRow(30 * S, "es-1", PAUSED, "asked for")
    assert [one.fault for one in found(steadily(late), [*PAUSED_ES, again])] == ["pause es-1", "pause es-1"]


def test_reasons_name_the_faults_that_they_are_true_of():
    events = [*slow(2, 3), *slow(20, 21), *slow(23, 24), *slow(57, 58)]
    assert recovery.reasons(found(steadily({}), events)) == [
        f"{SLOW} at 2.0 s, {SLOW} at 23.0 s: {recovery.TOO_EARLY}",
        f"{SLOW} at 20.0 s, {SLOW} at 57.0 s: {recovery.TOO_LATE}",
    ]


FAULTS = "faults=[{at: 20 s, for: 5 s, overload: cell 3 x 8}]"
RUN = ("run", "region", "--backend", "sim", "--slots", "60", "--set", FAULTS, "--json")


def test_thresholds_bound_recovery_and_chaos_fails_a_run(tmp_path):
    kept = ("--set", "thresholds.mttr=< 60 s", "--set", "thresholds.goodput_dip=< 100%")
    summary = document(*RUN, *kept, "--set", "density=0.4", cwd=tmp_path)
    (one,) = summary["recovery"]
    assert one["fault"] == "overload cell 3 x 8" and one["over_s"] == 25.0
    assert summary["mttr_s"] == one["recovered_after_s"] and one["goodput_dip"] > 0.0
    assert [check["holds"] for check in summary["thresholds"]] == [True, True]
    broken = document(*RUN, "--set", "thresholds.time_to_steady=< 1 ms", "--set", "density=0.4", cwd=tmp_path, code=4)
    assert broken["thresholds"][0]["measured"] == broken["recovery"][0]["steady_after_s"] > 1.0


def test_a_bound_on_recovery_without_a_fault_is_not_kept(tmp_path):
    summary = document(*RUN, "--set", "faults=[]", "--set", "thresholds.mttr=< 9 s", cwd=tmp_path, code=4)
    assert summary["recovery"] == [] and summary["mttr_s"] is None
    assert summary["thresholds"][0]["measured"] is None
