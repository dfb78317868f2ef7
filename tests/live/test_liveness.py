"""Who is silent and who only busy, on a clock that the test holds, asked of a supervisor without processes."""

from types import SimpleNamespace
from typing import Any

import pytest

from testbed.live import liveness as module
from testbed.live.liveness import Liveness
from testbed.node.launcher_session import LAUNCHER, TIMING
from testbed.protocol.codec import Envelope
from testbed.protocol.rows import HEARD, SILENT, EventRow
from testbed.protocol.session import Session
from tests.live.fake_supervisor import FakeSupervisor
from tests.support import MS

NAMES = ("es-1", "ue-1-1")


class World:
    """A launcher's sessions with two processes; what it says to them is answered as long as they are ``awake``."""

    def __init__(self, monkeypatch):
        self.now_ns = 0
        self.rows: list[EventRow] = []
        self.said: list[Envelope] = []
        self.refused: list[str] = []
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic_ns=lambda: self.now_ns))
        mailbox: Any = SimpleNamespace(places=dict.fromkeys(NAMES), send=self.said.append, drop=self.refused.append)
        self.supervisor = FakeSupervisor(*NAMES)
        self.liveness = Liveness(mailbox, self.rows.append, lambda: self.now_ns)
        self.processes = {name: Session(name, LAUNCHER, 0, TIMING) for name in NAMES}
        self.awake = set(NAMES)
        for session in self.processes.values():
            self.hear(session.open(0))

    def hear(self, frames):
        for frame in frames:
            self.liveness.take(frame)
        while self.said:
            output = self.said.pop(0)
            if output.to in self.awake:
                self.hear(self.processes[output.to].receive(self.now_ns, output)[1])

    def until(self, instant_ms):
        while self.now_ns < instant_ms * MS:
            self.now_ns += 50 * MS
            for name in self.awake:
                self.hear(self.processes[name].tick(self.now_ns, drained=False))
            self.liveness.act(self.supervisor)
            self.hear([])

    def events(self):
        return [(row.source, row.kind) for row in self.rows]


@pytest.fixture
def world(monkeypatch):
    return World(monkeypatch)


def test_who_neither_speaks_nor_computes_is_silent_and_heard_again(world):
    world.until(1000)
    world.awake.discard("ue-1-1")
    world.supervisor.idle.add("ue-1-1")
    world.until(5000)
    assert world.events() == [("ue-1-1", SILENT)] and set(world.liveness.silent) == {"ue-1-1"}
    assert 2.4 <= world.rows[0].value <= 3.5
    world.awake.add("ue-1-1")
    world.until(8000)
    assert world.events() == [("ue-1-1", SILENT), ("ue-1-1", HEARD)] and not world.liveness.silent


def test_who_stands_still_on_purpose_is_not_silent_but_must_be_heard_afterwards(world):
    world.until(1000)
    world.liveness.excuse("ue-1-1")
    world.awake.discard("ue-1-1")
    world.supervisor.idle.add("ue-1-1")
    world.until(60_000)
    world.liveness.expect("ue-1-1")
    world.until(62_000)
    assert world.events() == [] and not world.liveness.silent
    world.until(66_000)
    assert world.events() == [("ue-1-1", SILENT)]


def test_who_goes_on_is_heard_and_was_never_silent(world):
    world.until(1000)
    world.liveness.excuse("ue-1-1")
    world.awake.discard("ue-1-1")
    world.supervisor.idle.add("ue-1-1")
    world.until(10_000)
    world.liveness.expect("ue-1-1")
    world.awake.add("ue-1-1")
    world.until(20_000)
    assert world.events() == []


def test_who_computes_is_busy_however_long(world):
    world.until(1000)
    world.awake.discard("ue-1-1")
    world.until(60_000)
    assert world.events() == []


def test_a_dead_process_is_not_silent(world):
    world.until(1000)
    world.awake.discard("es-1")
    world.supervisor.idle.add("es-1")
    world.supervisor.kill("es-1")
    world.supervisor.forget("es-1")
    world.liveness.died("es-1", 0)
    world.until(10_000)
    assert world.events() == []


def test_a_stranger_is_refused(world):
    world.hear(Session("nobody", LAUNCHER, 0, TIMING).open(0))
    assert world.refused == ["Hello of nobody: no process of that name"]
