"""What nobody planned is said in the summary, and a grade is not blamed on the host when a process stood still."""

import json
from pathlib import Path

import msgspec
import pytest

from testbed.analysis import incidents
from testbed.analysis.grading import graded
from testbed.analysis.summary import tally_of
from testbed.cli import summary_text
from testbed.experiments import runner
from testbed.model.delay import NS_PER_S
from testbed.model.histogram import Histogram
from testbed.model.learning import LEARNER
from testbed.model.system import Fault
from testbed.policy.heuristics import FixedChoice
from testbed.protocol.rows import DEAD_ALREADY, EventRow
from testbed.record.reader import RecordedRows, assemble
from testbed.scenario.load import load_scenario
from testbed.sim.simulation import simulate
from testbed.trace import inputs
from tests.support import ordered, plan, system, task_of


def ran(*faults, tasks=None, ues=(2,), speeds=(2 * NS_PER_S,), **kwargs):
    """A simulated run as its record tells of it, deaths in it as if nobody had planned them."""
    made = system(ues, speeds, slots=6, **kwargs)
    if tasks is None:
        tasks = [
            task_of(ue, n, at=n * NS_PER_S, cycles=NS_PER_S // 2, bits=800_000) for ue in range(2) for n in range(6)
        ]
    planned = plan(made, ordered(tasks), double=False, faults=faults)
    simulated = simulate(planned, FixedChoice(1))
    resolved = msgspec.structs.replace(inputs.resolve(load_scenario("smoke")), system=made)
    meta = {"backend": "sim", "reason": simulated.reason, "end_ns": simulated.end_ns, "speed": 2.0}
    record = RecordedRows(
        meta=meta,
        tasks=simulated.tasks,
        slots=simulated.slots,
        ue_slots=simulated.ue_slots,
        rewards=[],
        links=simulated.links,
        updates=[],
        events=simulated.events,
    )
    return assemble(Path("r"), record, resolved, planned.workload)


def told(run):
    tally = tally_of(run)
    return incidents.told(run, tally.decided, tally.fallbacks)


def unplanned(run, why="killed"):
    events = run.record.events
    events[:] = [msgspec.structs.replace(row, detail=why) if row.kind == "died" else row for row in events]
    return run


def warned(*events, **about):
    run = ran()
    run.record.events[:] = events
    return told(run)


def test_what_was_planned_and_done_is_not_worth_a_word():
    assert told(ran(Fault("es-1", 2 * NS_PER_S, 3 * NS_PER_S), Fault("ue-1-1", 2 * NS_PER_S))) == []
    assert warned(EventRow(2 * NS_PER_S, "es-1", "planned", "kill", 0.09)) == []


def test_an_es_that_was_killed_is_told_with_the_tasks_that_it_gave_back():
    run = unplanned(ran(Fault("es-1", 3200_000_000, 4 * NS_PER_S)))
    recovered = sum(row.recovered for row in run.tasks)
    assert recovered == 2
    assert told(run) == ["es-1 was killed at 3.2 s, not planned: 2 tasks recovered"]
    summary = runner.summary_of(run)
    assert summary.warnings == told(run)
    assert "WARNING    es-1 was killed at 3.2 s" in summary_text.text(summary)


def test_ues_that_die_together_are_told_together_with_the_tasks_that_failed():
    run = unplanned(ran(Fault("ue-1-1", 3 * NS_PER_S + 1), Fault("ue-1-2", 3 * NS_PER_S + 1)), "crashed")
    (line,) = told(run)
    assert line == "ue-1-1, ue-1-2 crashed at 3.0 s, not planned: 2 tasks failed (see logs/ue-1-1.log)"


def test_a_controller_that_was_killed_is_told_with_the_decisions_it_did_not_make():
    run = unplanned(ran(Fault("controller", 2500_000_000, 4500_000_000)))
    lost = sum(row.fallback == "controller lost" for row in run.tasks)
    assert lost == 4
    assert told(run) == ["controller was killed at 2.5 s, not planned: 4 tasks decided by the fallback"]


def test_a_run_without_any_decision_of_its_policy_says_so():
    run = ran(Fault("controller", 1))
    run.record.events.clear()
    assert told(run) == []  # what it decided at 0 counts
    rows = [msgspec.structs.replace(row, fallback="timeout") for row in run.tasks]
    run.tasks = rows
    assert told(run) == [f'"lc", not the policy, decided all {len(rows)} tasks: timeout {len(rows)}']
    run.tasks = [rows[0], *(msgspec.structs.replace(row, fallback="") for row in rows[1:])]
    assert told(run) == [f'"lc", not the policy, decided 1 of {len(rows)} tasks: timeout 1']


def test_plans_that_were_carried_out_late_or_not_at_all_are_told():
    assert warned(
        EventRow(6 * NS_PER_S, "es-1", "planned", "kill", 2.0),
        EventRow(7 * NS_PER_S, "es-1", "planned", "restart", 1.5),
        EventRow(8 * NS_PER_S, "es-1", "planned", DEAD_ALREADY),
    ) == [
        "es-1 was killed at 8.00 s instead of 6.00 s as planned",
        "es-1 was back at 8.50 s instead of 7.00 s as planned",
        "es-1 was to be killed at 8.0 s, but was dead already",
    ]


def test_silence_is_told_with_its_length_and_its_end():
    assert warned(
        EventRow(3 * NS_PER_S, "ue-1-1", "silent", "no sign of life", 2.5),
        EventRow(5 * NS_PER_S, "ue-1-1", "heard", "again after silence", 3.5),
        EventRow(6 * NS_PER_S, "es-1", "silent", "no sign of life", 2.4),
        EventRow(7 * NS_PER_S, "es-1", "died", "fault", 0),
        EventRow(8 * NS_PER_S, "ue-1-1", "silent", "no sign of life", 2.6),
    ) == [
        "ue-1-1 was silent for 3.5 s of wall time, until 5.0 s",
        "es-1 was silent for 2.4 s of wall time, until its death at 7.0 s",
        "ue-1-1 was silent for 2.6 s of wall time, to the end of the run",
    ]


def test_lost_frames_and_messages_are_told():
    assert warned(
        EventRow(NS_PER_S, "es-1", "dropped_frame", "Malformed: not an envelope", 3),
        EventRow(NS_PER_S, "ue-1-1", "unsent", "full queue or unknown peer", 1),
    ) == [
        "ue-1-1 could not send 1 message: full queue or unknown peer",
        "es-1 dropped 3 frames: Malformed: not an envelope",
    ]


def test_a_learner_that_keeps_dying_is_told():
    lines = warned(
        EventRow(NS_PER_S, LEARNER, "died", "crashed", 0),
        EventRow(2 * NS_PER_S, LEARNER, "died", "crashed", 1),
        EventRow(2 * NS_PER_S, LEARNER, "given_up", "MemoryError (see r/logs/learner.log)", 7),
    )
    assert lines == [
        "the learner crashed 2 times, not planned, last at 2.0 s",
        "the learner was not started again after 7 deaths; nothing was learned since: "
        "MemoryError (see r/logs/learner.log)",
    ]


def test_of_several_learners_each_is_named():
    lines = warned(
        EventRow(NS_PER_S, "learner-2", "died", "killed", 0),
        EventRow(2 * NS_PER_S, "learner-1", "died", "crashed", 0),
        EventRow(2 * NS_PER_S, "learner-1", "given_up", "MemoryError", 7),
    )
    assert lines == [
        "learner-1 crashed 1 time, not planned, last at 2.0 s",
        "learner-2 was killed 1 time, not planned, last at 1.0 s",
        "learner-1 was not started again after 7 deaths; it learned nothing since: MemoryError",
    ]


def test_learning_that_fell_back_is_told():
    assert warned(EventRow(12 * NS_PER_S, "learner-1", "fell_back", "overhead rose", 1.25)) == [
        "learning fell back to earlier parameters at 12.0 s: overhead had risen by 25%"
    ]


def late(source, most_ms, kind="Boundary"):
    histogram = Histogram()
    for ms in (0.1, 0.2, most_ms):
        histogram.add(int(ms * 1e6))
    return EventRow(0, source, "lateness", json.dumps({"kind": kind, **histogram.to_json()}))


STOOD_STILL = "ue-1-2 stood still for 0.5 s while the others did not"


@pytest.mark.parametrize(
    ("events", "culprit"),
    [
        ([], ""),
        ([late("es-1", 30), late("ue-1-1", 2), late("ue-1-2", 3)], ""),
        ([late("es-1", 400), late("ue-1-1", 300), late("ue-1-2", 350)], ""),
        ([late("es-1", 5), late("ue-1-1", 2), late("ue-1-2", 500)], STOOD_STILL),
        ([late("es-1", 5), late("ue-1-1", 2), late("ue-1-2", 500, "Result")], ""),
        ([late("es-1", 900), EventRow(0, "ue-1-1", "silent", "", 2.5)], "ue-1-1 was silent for 2.5 s"),
    ],
)
def test_who_stood_still_while_others_did_not_is_to_blame(events, culprit):
    assert incidents.culprit(events) == culprit


def test_a_process_that_stood_still_on_a_busy_host_is_not_to_blame_but_a_silent_one_is():
    events = [late("es-1", 5), late("ue-1-1", 2), late("ue-1-2", 500)]
    assert incidents.culprit(events, host_busy=True) == ""
    events.append(EventRow(0, "ue-1-1", "silent", "", 2.5))
    assert incidents.culprit(events, host_busy=True) == "ue-1-1 was silent for 2.5 s"


def test_who_stands_still_on_request_is_not_silent():
    run = ran()
    run.record.events[:] = [
        EventRow(3 * NS_PER_S, "ue-1-1", "paused", "asked for"),
        EventRow(4 * NS_PER_S, "ue-1-1", "silent", "no sign of life", 2.5),
        EventRow(5 * NS_PER_S, "ue-1-1", "resumed", "asked for"),
        EventRow(6 * NS_PER_S, "es-1", "paused", "asked for"),
    ]
    said = [line for line in told(run) if "stood" in line or "silent" in line]
    assert said == [
        "ue-1-1 stood still on request from 3.0 to 5.0 s",
        "es-1 stood still on request from 6.0 s on",
    ]
    assert incidents.culprit(run.record.events) == "es-1 stood still on request from 6.0 s on"


def test_a_pause_of_the_model_is_told_as_a_fault_and_warned_of_by_nobody():
    run = ran()
    run.record.events[:] = [
        EventRow(3 * NS_PER_S, "ue-1-1", "fault_began", "pause ue-1-1"),
        EventRow(3 * NS_PER_S + 1, "ue-1-1", "paused", "asked for"),
        EventRow(5 * NS_PER_S - 1, "ue-1-1", "resumed", "asked for"),
        EventRow(5 * NS_PER_S, "ue-1-1", "fault_over", "pause ue-1-1"),
    ]
    assert not [line for line in told(run) if "stood" in line]
    assert incidents.disturbances(run.record.events) == ["pause ue-1-1 from 3.0 to 5.0 s"]
    assert incidents.culprit(run.record.events) == ""
    run.record.events.append(EventRow(6 * NS_PER_S, "ue-1-1", "paused", "asked for"))
    assert incidents.culprit(run.record.events) == "ue-1-1 stood still on request from 6.0 s on"


def test_a_bad_grade_names_the_silent_process_and_not_the_host():
    run = ran()
    run.meta |= {"backend": "local", "payload": "declared", "burn": 0.0}
    names = ("controller", "es-1", "ue-1-1", "ue-1-2")
    run.record.events[:] = [EventRow(0, name, "burn", "0.0", 0.0) for name in names]
    run.tasks = [msgspec.structs.replace(row, measured_ns=3 * row.measured_ns) for row in run.tasks]
    before = graded(run)
    assert before.grade == "F" and "--speed" in before.remedy
    run.record.events.append(EventRow(3 * NS_PER_S, "es-1", "silent", "no sign of life", 3.0))
    found = graded(run)
    assert found.grade == "F" and found.worst.endswith(", and es-1 was silent for 3.0 s")
    assert "--speed" not in found.remedy and "host did not" in found.remedy
