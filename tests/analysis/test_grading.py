"""What a run's events tell of its timers: the last word of each process, by kind of event and together."""

import json

import pytest

from testbed.analysis.grading import clock_doubt_ns, graded, histograms, lateness, throttled
from testbed.cli import summary_text
from testbed.cli.exit_code import exit_code_of
from testbed.experiments import runner
from testbed.model.fidelity import Throttled
from testbed.model.histogram import Histogram
from testbed.protocol.rows import EventRow
from testbed.record.backends import SIM
from testbed.record.reader import STILL_RUNNING
from testbed.scenario.load import load_scenario
from testbed.trace import inputs
from tests.command import call, document


def event_of(source, kind, *late_ms):
    histogram = Histogram()
    for ms in late_ms:
        histogram.add(int(ms * 1e6))
    return EventRow(0, source, "lateness", json.dumps({"kind": kind, **histogram.to_json()}))


EVENTS = [
    event_of("ue-1-1", "Result", 1.0),
    event_of("ue-1-1", "Result", 1.0, 2.0, 3.0),
    event_of("ue-1-2", "Result", 2.0, 2.0),
    event_of("es-1", "Announce", 50.0),
    EventRow(0, "es-1", "lateness", "not JSON"),
    EventRow(0, "es-1", "slipped", "", 3),
]


def test_lateness_is_told_by_kind_of_event():
    assert {kind: len(result) for kind, result in histograms(EVENTS).items()} == {"Result": 2, "Announce": 1}
    assert lateness(EVENTS, ("Result",)).p50 == pytest.approx(2.0, rel=0.03)
    assert lateness(EVENTS, ("Result",)).max == 3.0
    assert lateness(EVENTS).max == 50.0


def test_the_process_that_its_quota_held_back_most_is_found():
    limits = [EventRow(0, f"ue-1-{n}", "limits", json.dumps({"cores": n / 10}), n / 4) for n in (1, 3, 2)]
    assert throttled(limits) == Throttled("ue-1-3", 0.3, 0.75)
    assert throttled([EventRow(0, "es-1", "limits", json.dumps({"cores": None}), 0.0)]) is None


def test_two_hosts_may_disagree_by_what_both_clocks_may_be_wrong_by():
    clocks = [EventRow(0, host, "clock", "{}", value) for host, value in (("a", 0.0), ("b", 1e-5), ("c", 2e-5))]
    assert clock_doubt_ns(clocks) == pytest.approx(30_000)
    assert clock_doubt_ns([]) == 0.0


def test_a_clock_that_is_not_known_well_costs_the_grade(live):
    run = live(*PROCESSES)
    assert graded(run).grade == "A" and graded(run).clock_uncertainty_ms == 0.0
    run.record.events.append(EventRow(0, "far", "clock", "{}", 0.05))
    grade = graded(run)
    assert grade.grade in ("C", "F") and grade.clock_uncertainty_ms == pytest.approx(50.0)
    assert "clocks" in grade.remedy


def test_kinds_that_never_fired_were_never_late():
    assert lateness(EVENTS, ("LocalEnd",)).p99 == 0.0
    assert lateness([]).max == 0.0


PROCESSES = ("controller", "es-1", "ue-1-1", "ue-1-2")


@pytest.fixture(name="live")
def _live(tmp_path):
    """A simulated run as if it had been live; which processes tell of themselves is an argument."""
    resolved = inputs.resolve(load_scenario("smoke", ["thresholds.fidelity=>= F"]))
    workload = inputs.generate(resolved.scenario, resolved.system)
    run = runner.execute(
        runner.Order(resolved=resolved, workload=workload, policy="greedy", backend=SIM, out=str(tmp_path / "r"))
    )
    run.meta |= {"backend": "testbed", "payload": "real"}

    def having_told(*names):
        assert isinstance(run.record.events, list)
        run.record.events[:] = [EventRow(0, name, "burn", "1.0", 1.0) for name in names]
        return run

    return having_told


def test_a_run_whose_processes_told_nothing_is_not_graded(live):
    summary = runner.summary_of(live())
    result = summary.fidelity
    assert (result.grade, result.slipped, result.steal) == (None, None, None)
    assert result.worst == "controller, es-1, ue-1-1 and 1 more told nothing of timers and CPUs"
    shown = summary_text.text(summary)
    assert "fidelity   not graded" in shown and "CPU s" not in shown
    assert [(one.measured, one.holds) for one in summary.thresholds] == [("not graded", False)]
    summary.thresholds.clear()
    assert exit_code_of(summary, strict=True)[0] == 5


def test_one_process_that_told_nothing_keeps_a_run_from_being_graded(live):
    assert graded(live(*PROCESSES)).grade == "A"
    grade = graded(live(*(name for name in PROCESSES if name != "es-1")))
    assert grade.grade is None and grade.worst == "es-1 told nothing of timers and CPUs" and "Ctrl-C" in grade.remedy


def test_the_jitter_of_arrivals_is_that_of_user_equipments(live):
    run = live(*PROCESSES)
    for name, late_ms in (("es-1", 80), ("ue-1-1", 2), ("ue-1-2", 4)):
        run.record.events += [event_of(name, "Boundary", late_ms), event_of(name, "LocalEnd", 2 * late_ms)]
    grade = graded(run)
    assert grade.arrival_jitter_ms.max == 4.0 and grade.lateness_ms.max == 160.0
    shown = summary_text.text(runner.summary_of(run))
    assert "tasks taken up late p50" in shown and "max 4.0" in shown.partition("tasks taken up late")[2]


def test_a_process_whose_death_is_on_record_need_not_tell(live):
    run = live("controller", "es-1", "ue-1-1")
    run.absences["ue-1-2"] = [(10**9, -1)]
    assert graded(run).grade == "A"
    run.absences["ue-1-2"] = [(10**9, 2 * 10**9)]
    assert graded(run).grade is None


def test_a_run_that_goes_on_is_not_graded_yet(live):
    run = live()
    run.reason = STILL_RUNNING
    assert graded(run).worst == "the run goes on"


def test_a_simulation_is_exact_and_keeps_every_threshold(tmp_path):
    words = ("run", "smoke", "--backend", "sim", "--set", "thresholds.fidelity=>= A")
    content = document(*words, cwd=tmp_path)
    assert content["fidelity"]["grade"] == "exact"
    assert [(one["measured"], one["holds"]) for one in content["thresholds"]] == [("exact", True)]
    assert "fidelity   exact" in call(*words, cwd=tmp_path).stdout
