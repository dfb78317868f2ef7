"""Rows become snapshots: what is shown at the end is what the summary says, and at no instant more than was known."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from testbed.analysis.recovery import TOO_EARLY, Recovery, recoveries
from testbed.experiments.runner import summary_of
from testbed.model.task import OFFLOAD
from testbed.protocol.rows import EventRow, UpdateRow
from testbed.watch import panels, snapshot, views
from testbed.watch.feed import RecordedFeed
from testbed.watch.telemetry import Telemetry
from tests.watch.runs import recorded

NS = 1_000_000_000


def played(run, until_ns):
    feed = RecordedFeed(run)
    feed.telemetry.advance(until_ns)
    return feed.telemetry.snapshot()


def test_at_the_end_a_snapshot_says_what_the_summary_says():
    run = recorded("region", "slots=20")
    shown, summary = played(run, run.end_ns), summary_of(run)
    fates = shown.fates
    for word in ("generated", "completed", "late", "failed", "local", "offloaded", "forwarded"):
        assert getattr(fates, word) == summary.tasks[word], word
    assert fates.open == 0
    assert shown.overhead == pytest.approx(summary.overhead.mean)
    assert shown.delay.mean == pytest.approx(summary.delay_s.mean)
    assert shown.delay.p50 == pytest.approx(summary.delay_s.p50, rel=0.06)
    assert sum(value for _, value in shown.parts) == pytest.approx(summary.delay_s.mean)
    assert sum(joules for _, joules in shown.energy) == pytest.approx(summary.energy_j.total)
    assert sum(shown.reward_by_slot) == pytest.approx(-summary.overhead.mean * fates.finished, rel=0.2)
    assert {es.name: es.executed for es in shown.servers} == {name: es.executed for name, es in summary.es.items()}
    assert {es.name: es.forwarded_in for es in shown.servers} == {n: es.forwarded_in for n, es in summary.es.items()}
    assert shown.phase == snapshot.ENDED


@pytest.mark.parametrize("second", [0, 3, 7, 12])
def test_no_instant_shows_what_was_not_yet_known(second):
    run = recorded("region", "slots=20")
    now = second * NS
    shown = played(run, now)
    known = [row for row in run.tasks if row.finished_ns >= 0 and row.generated_ns + row.measured_ns <= now]
    assert shown.fates.finished == len(known)
    assert shown.fates.generated == sum(task.generated_ns <= now for task in run.workload)
    under_way = [row for row in run.tasks if row.ready_ns <= now < row.generated_ns + row.measured_ns]
    assert shown.fates.open == len(under_way)
    assert shown.fates.offloaded == sum(row.choice == OFFLOAD for row in known + under_way)


def test_energy_of_tasks_that_died_with_their_ue_counts_too():
    run = recorded("region", "slots=20", "faults=[{at: 8.3 s, kill: ue-3-3}]")
    shown = played(run, run.end_ns)
    assert shown.fates.failed > 0
    assert sum(joules for _, joules in shown.energy) == pytest.approx(summary_of(run).energy_j.total)
    assert next(ue for ue in shown.ues if ue.name == "ue-3-3").state == snapshot.STATE_LOST


def test_a_ue_whose_es_is_down_is_cut_off_from_what_it_offloaded():
    run = recorded("region", "slots=20", "faults=[{at: 8.3 s, kill: es-3, restart_after: 2 s}]", policy="offload")
    states = {ue.state for ue in played(run, 8_320_000_000).ues if ue.cell == 3}
    assert snapshot.CUT in states
    assert snapshot.CUT not in {ue.state for ue in played(run, 14 * NS).ues}


def test_counters_that_start_again_with_a_restarted_process_go_on_adding():
    telemetry = Telemetry(recorded().resolved.system, {}, [])
    telemetry.take([EventRow(n * NS, "es-1", "slipped", "", value) for n, value in enumerate((1.0, 3.0, 2.0))])
    telemetry.take([EventRow(NS, "es-2", "slipped", "", 4.0)])
    telemetry.advance(9 * NS)
    assert telemetry.snapshot().honesty.slipped == 3 + 2 + 4


def test_a_long_run_does_not_grow_what_is_kept_of_its_slots():
    run = recorded("region", "slots=20")
    telemetry = Telemetry(run.resolved.system, run.meta, [])
    row = next(row for row in run.tasks if row.finished_ns >= 0)
    for slot in range(4000):
        telemetry.tasks.ended(replace(row, generated_ns=slot * NS), 0.1)
    assert len(telemetry.tasks.overhead_by_slot) < 1000


def test_seeking_back_and_on_again_shows_the_same():
    feed = RecordedFeed(recorded("region", "slots=20"))
    feed.paused = True
    feed.seek(12)
    before = feed.frame()
    feed.seek(-9)
    assert feed.frame().slot == 3
    feed.seek(9)
    assert feed.frame() == before


def test_a_death_is_shown_until_the_process_is_back():
    run = recorded()
    system = run.resolved.system
    telemetry = Telemetry(system, run.meta, [])
    telemetry.take([EventRow(2 * NS, "es-1", "died", "fault"), EventRow(5 * NS, "es-1", "restarted", "fault")])
    alive = []
    for second in (1, 3, 6):
        telemetry.advance(second * NS)
        alive.append(telemetry.snapshot().servers[0].alive)
    assert alive == [True, False, True]
    assert [event.kind for event in telemetry.snapshot().events] == ["restarted", "died"]


def test_a_fault_is_shown_with_what_it_did_as_the_summary_has_it():
    run = recorded("region", "slots=60", "faults=[{at: 20 s, for: 10 s, slow: es-2 to 5%}]")
    (early,) = played(run, 24 * NS).recovery
    assert (early.fault, early.over_s, early.recovered_after_s) == ("slow es-2 to 0.05", None, None)
    shown = played(run, run.end_ns)
    assert list(shown.recovery) == recoveries(run) and shown.recovery[0].goodput_dip > 0.0
    assert [event.kind for event in shown.events] == ["fault_over", "fault_began"]
    screen = Console(width=100, record=True, file=io.StringIO())
    screen.print(panels.events(shown, 6))
    text = screen.export_text()
    assert "slow es-2 to 0.05: dip" in text and "fault over" in text
    early_shown = played(run, 24 * NS)
    assert panels.header(early_shown, 80).plain.endswith("  slow es-2 to 0.05")
    assert "slow" not in panels.header(shown, 80).plain


def test_what_came_back_is_counted_and_what_is_unknown_has_a_reason():
    cut = Recovery(fault="cut ue-1-1:es-1", began_s=12.0, over_s=15.0, goodput_dip=0.25, tasks_recovered=13)
    counted = "   12.00 s cut ue-1-1:es-1: dip 25 %, recovered –, steady –, 13 back"
    assert panels.recovery_line(cut).plain == counted
    unknown = Recovery(fault="slow es-2 to 0.3", began_s=2.0, over_s=None, unknown=TOO_EARLY, tasks_lost=1)
    assert panels.recovery_line(unknown).plain.endswith(
        "to 0.3: unknown: less than 5 slots without a fault before it, 1 lost"
    )


def test_each_learner_is_shown_by_itself():
    run = recorded("region", "slots=20")
    feed = RecordedFeed(run)
    numbers = {"entropy": 0.2, "reward": -1.0, "lag": 1.5, "rate": 2.0}
    rows = [
        UpdateRow(at_ns=n * NS, learner=f"learner-{2 - n % 2}", version=n, updates=n, loss=n / 10, **numbers)
        for n in (1, 2, 3)
    ]
    feed.telemetry.take(rows)
    feed.telemetry.advance(2 * NS)
    assert [(one.name, one.loss) for one in feed.telemetry.snapshot().learners] == [
        ("learner-1", (0.1,)),
        ("learner-2", (0.2,)),
    ]
    feed.telemetry.advance(run.end_ns)
    shown = feed.telemetry.snapshot()
    assert (shown.learners[0].updates, shown.learners[0].loss) == (3, (0.1, 0.3))
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(views.learning(shown, 100))
    text = console.export_text()
    assert "learner-1: 3 updates, 2.0 a second; version 3" in text and "learner-2: 2 updates" in text
    console.print(views.learning(replace(shown, learners=shown.learners[:1]), 100))
    assert "learner-1" not in console.export_text()
