"""The launcher without processes: players of this test speak for them, and tell the rows of a simulation."""

import json

import msgspec
import pytest

from testbed.live.launch import launch
from testbed.live.progress import TaskCounter
from testbed.live.supervisor import Deployment
from testbed.model.delay import NS_PER_S
from testbed.model.errors import StartError
from testbed.model.system import Emulation, Fault
from testbed.model.task import STARTER_DIED
from testbed.node.launcher_session import LAUNCHER, LauncherSession
from testbed.node.socket import envelope
from testbed.policy.loading import load
from testbed.protocol.messages import Orders, Ready, Rows, Start, Stop
from testbed.protocol.rows import DIED, DROPPED_FRAME, RESTARTED, EventRow, UeSlotRow
from testbed.record.reader import read_record
from testbed.sim.simulation import Simulation
from tests.live.fake_supervisor import FakeSupervisor
from tests.mailboxes import mailbox, places
from tests.support import plan, system, task_of

SPEED = 20.0


class Player:
    """Speaks for one process: reports, tells its ``rows`` once the run has begun, leaves when told to."""

    def __init__(self, folder, token, name, incarnation, rows):
        self._name, self._incarnation, self._rows = name, incarnation, rows
        self.mailbox = mailbox(places(f"{folder}/sock", name, LAUNCHER), name, token=token)
        self._session = LauncherSession(self.mailbox, name, incarnation, "role")
        self._session.open()

    def say(self, body):
        self.mailbox.send(envelope(self._name, self._incarnation, LAUNCHER, body))

    def turn(self):
        self._session.tick()
        for received in self.mailbox.take():
            body = received.body
            if isinstance(body, Orders) and body.piece == body.pieces - 1:
                self.say(Ready())
            elif isinstance(body, Start) and not body.warm_up and self._rows:
                self.say(Rows(tuple(self._rows)))
            elif isinstance(body, Stop) and body.again:
                self.say(body)
            elif isinstance(body, Stop):
                self._session.close(body.reason)
                return True
        return False

    def close(self):
        self.mailbox.close(1000, LAUNCHER)


@pytest.fixture
def made(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # sockets have short paths then
    whole = plan(system(slots=3), [task_of(0, 0), task_of(1, 0, at=NS_PER_S)])
    return msgspec.structs.replace(whole, emulation=Emulation(speed=SPEED, burn=0.0, drain_limit_ns=300 * NS_PER_S))


def started(whole, folder, ready_s=60, forged=(), **options):
    """A run of ``whole`` with a fake supervisor; returns how it ended and the supervisor. es-1 tells what is forged."""
    rows = Simulation(whole, load(whole.policy)[0]).run().tasks
    found = []

    def supervise(run_dir, token):
        def player(name, incarnation):
            mine = [row for row in rows if row.ue == name] or (list(forged) if name == "es-1" else [])
            return Player(run_dir.relative_to(folder), token, name, incarnation, mine)

        found.append(FakeSupervisor(player=player, **options))
        return found[0]

    try:
        return launch(whole, folder / "r", deployment=Deployment(supervise, ready_s=ready_s)), found[0]
    finally:
        assert found[0].closed and not found[0]._players


def test_a_run_of_players_drains_and_is_recorded(made, tmp_path):
    end, supervisor = started(made, tmp_path)
    run = read_record(tmp_path / "r" / "run.db")
    assert end.reason == "" and len(run.tasks) == 2
    assert sorted(name for name, _ in supervisor.started) == ["controller", "es-1", "ue-1-1", "ue-1-2"]
    table = json.loads((tmp_path / "r" / "processes.json").read_text())
    assert sorted(row["name"] for row in table) == sorted(name for name, _ in supervisor.started)


def test_a_planned_death_and_return_are_told_and_recorded(made, tmp_path, monkeypatch):
    fault, drained = Fault("es-1", NS_PER_S, 2 * NS_PER_S), TaskCounter.drained

    def returned(self, absences):  # however late its host lets it come back, the run is still there
        return drained(self, absences) and all(back >= 0 for times in absences.values() for _, back in times)

    monkeypatch.setattr(TaskCounter, "drained", returned)
    end, supervisor = started(msgspec.structs.replace(made, faults=(fault,)), tmp_path)
    events = [
        (row.source, row.kind) for row in read_record(tmp_path / "r" / "run.db").events if row.kind in (DIED, RESTARTED)
    ]
    assert end.reason == "" and events == [("es-1", DIED), ("es-1", RESTARTED)]
    assert supervisor.started[-1] == ("es-1", 1)


def test_what_a_process_tells_of_others_is_counted_and_not_believed(made, tmp_path):
    honest = Simulation(made, load(made.policy)[0]).run().tasks
    forged = [
        *(msgspec.structs.replace(row, finished_ns=1, measured_ns=1, state="completed") for row in honest),
        EventRow(1, "ue-1-1", DIED, "forged"),
        UeSlotRow(ue="ue-1-2", slot=0, at_ns=0, queue_ns=9, radio_wait_ns=0, present=1, undecided=0),
        EventRow(1, "es-1", "note", "its own"),
    ]
    end, _ = started(made, tmp_path, forged=forged)
    run = read_record(tmp_path / "r" / "run.db")
    assert end.reason == "" and sorted(run.tasks, key=str) == sorted(honest, key=str)
    assert [row.kind for row in run.events if row.source in ("ue-1-1", "es-1") and row.kind in (DIED, "note")] == [
        "note"
    ]
    (dropped,) = (row for row in run.events if row.kind == DROPPED_FRAME and row.source == LAUNCHER)
    assert dropped.value == len(honest) + 2 and not run.ue_slots


def test_a_process_that_cannot_be_started_ends_the_others(made, tmp_path):
    with pytest.raises(StartError, match="ue-1-2 cannot be started: no room"):
        started(made, tmp_path, stillborn=("ue-1-2",))


def test_a_process_that_dies_at_its_start_is_named_with_the_end_of_its_log(made, tmp_path, monkeypatch):
    monkeypatch.setattr(Player, "turn", lambda self: self._name == "es-1")
    monkeypatch.setattr(FakeSupervisor, "log_tail", lambda self, name, lines=1: [f"{name}: no memory"][-lines:])
    with pytest.raises(StartError, match="es-1 died while starting") as caught:
        started(made, tmp_path)
    assert caught.value.remedy == "es-1: no memory (see the log of es-1)"


def test_a_run_whose_supervisor_is_lost_ends_with_that_reason(made, tmp_path, monkeypatch):
    monkeypatch.setattr(FakeSupervisor, "failed", lambda self: True)
    end, _ = started(made, tmp_path)
    assert end.reason == STARTER_DIED


def test_only_the_life_that_was_started_counts_as_ready(made, tmp_path, monkeypatch):
    say = Player.say

    def wrong(self, body):
        self._incarnation += isinstance(body, Ready) and self._name == "es-1"
        say(self, body)

    monkeypatch.setattr(Player, "say", wrong)
    with pytest.raises(StartError, match="not ready after 1 s: es-1"):
        started(made, tmp_path, ready_s=1)
