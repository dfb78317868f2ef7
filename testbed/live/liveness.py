"""The launcher's sessions with its processes: who is up, who has gone silent, who is heard again.

Only a process that neither speaks nor works is silent: one that hangs, was stopped, or is cut off from the network. A
busy one is not, however long it takes; nor is one that the host does not let run, or that stands still because a fault
says so. Deaths are another matter, see `testbed.live.faults`.
"""

import time
from collections.abc import Callable, Iterable

import msgspec

from testbed.live.supervisor import Supervisor
from testbed.model.delay import NEVER
from testbed.node.launcher_session import LAUNCHER, TIMING
from testbed.node.socket import Mailbox
from testbed.protocol.codec import Envelope
from testbed.protocol.rows import HEARD, SILENT, EventRow
from testbed.protocol.session import Session
from testbed.protocol.transitions import State

EVERY_NS, LOOK_NS = 100_000_000, 300_000_000


class _Peer(msgspec.Struct):
    session: Session
    heard_ns: int = 0
    look_ns: int = 0

    def idle(self, supervisor: Supervisor, now_ns: int) -> bool:
        """Whether the process did nothing between the last two looks at it."""
        if now_ns < self.look_ns:
            return False
        self.look_ns = now_ns + LOOK_NS
        return not supervisor.works(self.session.peer)


class Liveness:
    """One session a process; ``emit`` takes the events ``silent`` and ``heard`` at emulated instant ``now_ns()``."""

    def __init__(self, mailbox: Mailbox, emit: Callable[[EventRow], None], now_ns: Callable[[], int]) -> None:
        self._mailbox, self._emit, self._now_ns = mailbox, emit, now_ns
        self._peers: dict[str, _Peer] = {}
        self._next_ns = 0
        self._excused_ns: dict[str, int] = {}
        self.silent: dict[str, int] = {}

    def take(self, envelope: Envelope) -> None:
        """A process spoke."""
        name, now = envelope.source, time.monotonic_ns()
        if name not in self._mailbox.places:
            return self._mailbox.drop(f"{type(envelope.body).__name__} of {name}: no process of that name")
        peer = self._peers.get(name)
        if peer is None:
            peer = self._peers[name] = _Peer(Session(LAUNCHER, name, 0, TIMING))
        stale = peer.session.counts.stale
        _, frames = peer.session.receive(now, envelope)
        self._send(frames)
        if peer.session.counts.stale > stale:
            return self._mailbox.drop(f"{type(envelope.body).__name__} of {name}: of another session")
        peer.heard_ns = now
        self._heard(name)

    def act(self, supervisor: Supervisor) -> None:
        """Greet, ask, and note who has gone silent, now and then; to be called when the inbox is drained."""
        now = time.monotonic_ns()
        if now < self._next_ns:
            return
        self._next_ns = now + EVERY_NS
        for name in supervisor.table():
            peer = self._peers.get(name)
            if peer is None or now < peer.session.deadline_ns:
                continue
            certain = peer.session.state is State.OPEN or peer.idle(supervisor, now)
            self._send(peer.session.tick(now, drained=certain))
            excused = now < self._excused_ns.get(name, 0)
            if peer.session.state is State.LOST and name not in self.silent and not excused:
                self.silent[name] = peer.heard_ns
                self._note(name, SILENT, "no sign of life", now)

    def excuse(self, name: str) -> None:
        """A process stands still on purpose: its silence means nothing."""
        self._excused_ns[name] = NEVER

    def expect(self, name: str) -> None:
        """It goes on, and has as long as any other to be heard."""
        self._excused_ns[name] = time.monotonic_ns() + TIMING.timeout_ns

    def died(self, name: str, incarnation: int) -> None:
        """A process ended: its session with it."""
        self._excused_ns.pop(name, None)
        self.silent.pop(name, None)
        if name in self._peers:
            self._send(self._peers[name].session.down(time.monotonic_ns(), incarnation))

    def _heard(self, name: str) -> None:
        if name in self.silent:
            self._note(name, HEARD, "again after silence", time.monotonic_ns())
            del self.silent[name]

    def _note(self, name: str, kind: str, detail: str, wall_ns: int) -> None:
        self._emit(EventRow(self._now_ns(), name, kind, detail, (wall_ns - self.silent[name]) * 1e-9))

    def _send(self, frames: Iterable[Envelope]) -> None:
        for frame in frames:
            self._mailbox.send(frame)
