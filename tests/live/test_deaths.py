"""How the launcher carries out deaths and restarts, on a clock that the test holds."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from testbed.live import faults as module
from testbed.live.backoff import Backoff
from testbed.live.faults import FAULT_IDLE_MS, MARGIN_WALL_NS, Faults
from testbed.model import ledger
from testbed.model.delay import NS_PER_S
from testbed.model.learning import LEARNER, LearningPlan
from testbed.model.system import Fault
from testbed.protocol.bounds import RELEASE_NS
from testbed.protocol.messages import Down, Start, Up
from testbed.protocol.placement import Processes
from testbed.protocol.rows import (
    DEAD_ALREADY,
    DIED,
    GIVEN_UP,
    KILL,
    PAUSE,
    PAUSED,
    PLANNED,
    REQUEST_REFUSED,
    RESTARTED,
    RESUME,
    RESUMED,
    EventRow,
)
from testbed.record.fault_requests import FaultRequest, ask
from testbed.record.reader import absences_of
from tests.live.fake_supervisor import FakeSupervisor
from tests.support import plan, system, task_of


class Launcher:
    """What `Faults` needs of a launcher; ``at`` sets the emulated instant, one second of wall time a second."""

    def __init__(
        self, *faults, names=("controller", "es-1", "ue-1-1", "ue-1-2"), run_dir=Path("no such run"), plays=None
    ):
        self.plan, self.run_dir = plays or plan(system(), (), faults=faults), run_dir
        self.now_ns, self.rows = 0, list[EventRow]()
        self.clock: Any = SimpleNamespace(now_ns=lambda: self.now_ns, speed=1.0, epoch_ns=0)
        self.processes: Processes = {name: ("", (name,)) for name in names}
        self.told, self.tables, self.revisions = [], [], []
        self.recorder: Any = SimpleNamespace(add=self.rows.extend)
        self.mailbox: Any = SimpleNamespace(disconnect=lambda name: None)
        self.liveness: Any = SimpleNamespace(died=lambda *_: None, excuse=lambda _: None, expect=lambda _: None)
        self.supervisor = FakeSupervisor(*names)
        self.faults = Faults(self, self.supervisor)

    def tell(self, name, body, at_ns=0):
        self.told.append((name, body))

    def is_ready(self, name, incarnation):
        child = self.supervisor.table().get(name)
        return child is not None and child.incarnation == incarnation

    def follow(self, plan, revision):
        self.plan = plan
        self.revisions.append(revision)

    def write_table(self):
        self.tables.append(sorted(self.supervisor.table()))

    def log_tail(self, name):
        return "no more memory"

    def at(self, instant_s):
        self.now_ns = int(instant_s * NS_PER_S)
        self.faults.act()

    def events(self, kind):
        return [(row.at_ns / NS_PER_S, row.source, row.detail, row.value) for row in self.rows if row.kind == kind]


def test_a_planned_death_is_recorded_when_it_was_carried_out_with_the_plan_beside_it():
    launcher = Launcher(Fault("es-1", 6 * NS_PER_S))
    launcher.at(5.9)
    assert launcher.events(DIED) == []
    launcher.at(8)
    assert launcher.events(DIED) == [(8.0, "es-1", "fault", 0)]
    assert launcher.events(PLANNED) == [(6.0, "es-1", "kill", 2.0)]
    assert launcher.faults.absences == {"es-1": [(8 * NS_PER_S, -1)]} == absences_of(launcher.rows)
    assert {body for _, body in launcher.told} == {Down("es-1", 8 * NS_PER_S, 0)}


def test_a_process_stands_still_for_as_long_as_was_asked_and_goes_on(tmp_path):
    launcher = Launcher(run_dir=tmp_path)
    ask(tmp_path, FaultRequest(PAUSE, "ue-1-1", 2.0))
    ask(tmp_path, FaultRequest(PAUSE, "es-1"))
    launcher.at(3)
    assert launcher.supervisor.frozen == ["ue-1-1", "es-1"] and launcher.faults.milliseconds() <= FAULT_IDLE_MS
    launcher.at(4.9)
    assert launcher.supervisor.frozen == ["ue-1-1", "es-1"]
    launcher.at(5.1)
    assert launcher.supervisor.frozen == ["es-1"]
    ask(tmp_path, FaultRequest(RESUME, "es-1"))
    ask(tmp_path, FaultRequest(RESUME, "ue-1-1"))
    launcher.at(6)
    assert launcher.supervisor.frozen == []
    assert [row[:2] for row in launcher.events(PAUSED)] == [(3.0, "ue-1-1"), (3.0, "es-1")]
    assert [row[:2] for row in launcher.events(RESUMED)] == [(5.1, "ue-1-1"), (6.0, "es-1")]
    assert [detail for _, _, detail, _ in launcher.events(REQUEST_REFUSED)] == [
        "resume ue-1-1: it does not stand still"
    ]


def test_who_dies_standing_still_is_not_woken_and_whoever_stands_still_at_the_end_is(tmp_path):
    launcher = Launcher(run_dir=tmp_path)
    for name in ("es-1", "ue-1-1"):
        ask(tmp_path, FaultRequest(PAUSE, name))
    launcher.at(1)
    ask(tmp_path, FaultRequest(KILL, "es-1"))
    launcher.at(2)
    launcher.faults.end_pauses()
    assert launcher.supervisor.frozen == ["es-1"]  # dead, and nobody's any more
    assert [row[:2] for row in launcher.events(RESUMED)] == [(2.0, "ue-1-1")]


def test_who_is_killed_for_a_time_returns_after_it(tmp_path):
    launcher = Launcher(run_dir=tmp_path)
    ask(tmp_path, FaultRequest(KILL, "es-1", 3.0))
    launcher.at(2)
    launcher.at(2.5)
    assert launcher.events(DIED) == [(2.0, "es-1", "fault", 0)] and launcher.events(PLANNED) == []
    assert launcher.supervisor.started[-1] == ("es-1", 1) and launcher.events(RESTARTED) == []
    launcher.at(5 - RELEASE_NS / NS_PER_S)
    assert launcher.faults.absences == {"es-1": [(2 * NS_PER_S, 5 * NS_PER_S)]} == absences_of(launcher.rows)
    assert launcher.events(RESTARTED) == [(5.0, "es-1", "fault", 1)]


def test_tasks_of_a_ue_that_is_killed_late_were_generated():
    tasks = [task_of(0, number, at=number * NS_PER_S) for number in range(12)]
    launcher = Launcher(Fault("ue-1-1", 6 * NS_PER_S, 9 * NS_PER_S))
    launcher.at(8.5)
    launcher.at(9)
    rows = [
        SimpleNamespace(
            ue="ue-1-1",
            number=n,
            state="completed",
            reason="",
            choice=0,
            fallback="",
            forwarded=False,
            rejected=False,
            recovered=False,
        )
        for n in (*range(7), 9, 10, 11)
    ]
    audit = ledger.reconcile(rows, tasks, ["ue-1-1"], launcher.faults.absences)
    assert (audit.problems, audit.generated, audit.failed) == ((), 12, 2)


def test_a_restart_waits_for_its_planned_instant_and_for_the_death():
    launcher = Launcher(Fault("es-1", 2 * NS_PER_S, 3 * NS_PER_S))
    launcher.at(2)
    ((at, *_),) = launcher.events(RESTARTED)
    assert at == 3.0 and launcher.supervisor.started[-1] == ("es-1", 1)
    late = Launcher(Fault("es-1", 2 * NS_PER_S, 3 * NS_PER_S))
    late.at(8)
    ((died, back),) = late.faults.absences["es-1"]
    assert (died, back) == (8 * NS_PER_S, 8 * NS_PER_S + MARGIN_WALL_NS)
    assert late.events(PLANNED) == [(2.0, "es-1", "kill", 6.0), (3.0, "es-1", "restart", pytest.approx(5.005))]
    assert [body for name, body in late.told if name == "es-1"] == [Start(0, 1.0, back, ())]
    assert ("ue-1-1", Up("es-1", back, 1)) in late.told


def test_what_cannot_be_killed_any_more_is_said():
    launcher = Launcher(Fault("es-1", 2 * NS_PER_S, 3 * NS_PER_S), Fault("es-1", 5 * NS_PER_S))
    launcher.at(7)
    assert len(launcher.events(DIED)) == 1
    assert (5.0, "es-1", DEAD_ALREADY, 0.0) in launcher.events(PLANNED)


def test_a_death_that_nobody_planned_is_recorded_when_it_is_noticed():
    launcher = Launcher()
    launcher.supervisor.kill("controller")
    launcher.at(4)
    assert launcher.events(DIED) == [(4.0, "controller", "killed", 0)]
    assert launcher.events(PLANNED) == [] == launcher.events(RESTARTED)


def test_a_death_is_a_crash_where_the_log_says_so_and_the_table_has_it_no_more():
    launcher = Launcher()
    launcher.supervisor.with_traceback.add("es-1")
    launcher.supervisor.kill("es-1")
    launcher.at(4)
    assert launcher.events(DIED) == [(4.0, "es-1", "crashed", 0)]
    assert launcher.tables == [["controller", "ue-1-1", "ue-1-2"]]


def test_nobody_is_declared_dead_where_the_supervisor_itself_is_lost():
    launcher = Launcher()
    launcher.supervisor.kill("es-1")
    launcher.supervisor.lost = True
    launcher.at(4)
    assert launcher.rows == [] == launcher.told and launcher.faults.absences == {}


def test_a_process_that_dies_on_its_way_back_is_not_awaited(monkeypatch):
    launcher = Launcher(Fault("es-1", NS_PER_S, 2 * NS_PER_S))
    monkeypatch.setattr(launcher, "is_ready", lambda name, incarnation: False)
    launcher.at(1)
    assert launcher.supervisor.started[-1] == ("es-1", 1)
    launcher.supervisor.kill("es-1")
    launcher.at(3)
    launcher.at(4)
    assert [value for *_, value in launcher.events(DIED)] == [0, 1]
    assert launcher.events(RESTARTED) == [] and launcher.supervisor.started[-1] == ("es-1", 1)


def test_a_learner_that_keeps_dying_is_started_ever_later_and_then_given_up(monkeypatch):
    launcher = Launcher(names=(LEARNER, "controller"))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic_ns=lambda: launcher.now_ns))
    starts: list[float] = []
    for tenth in range(10, 600):
        launcher.at(tenth / 10)
        if len(launcher.supervisor.started) - 2 > len(starts):
            starts.append(tenth / 10)
        if LEARNER in launcher.supervisor.table():
            launcher.supervisor.kill(LEARNER)
    gaps = [round(after - before, 1) for before, after in zip([1.1, *starts], starts, strict=False)]
    assert gaps == pytest.approx([0.0, 0.6, 1.1, 2.1, 4.1, 8.1], abs=0.11)
    assert LEARNER not in launcher.supervisor.table()
    ((_, source, words, deaths),) = launcher.events(GIVEN_UP)
    assert (source, words, deaths) == (LEARNER, "no more memory", 7)


def test_each_worker_that_dies_is_started_again_whatever_became_of_the_others(monkeypatch):
    first, second = LearningPlan(workers=2).names
    launcher = Launcher(names=(first, second, "controller"))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic_ns=lambda: launcher.now_ns))
    for tenth in range(10, 600):
        launcher.at(tenth / 10)
        if first in launcher.supervisor.children:
            launcher.supervisor.kill(first)
        if tenth == 500:
            launcher.supervisor.kill(second)
    assert [source for _, source, _, _ in launcher.events(GIVEN_UP)] == [first]
    assert launcher.supervisor.started.count((second, 1)) == 1 and second in launcher.supervisor.children


def test_a_long_life_is_a_new_beginning():
    backoff = Backoff()
    assert [backoff.after_ns(0) for _ in range(3)] == [0, NS_PER_S // 2, NS_PER_S]
    assert backoff.after_ns(60 * NS_PER_S) == 0
    assert [backoff.after_ns(0) for _ in range(6)] == [
        NS_PER_S // 2,
        NS_PER_S,
        2 * NS_PER_S,
        4 * NS_PER_S,
        8 * NS_PER_S,
        None,
    ]
