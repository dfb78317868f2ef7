"""A virtual network that loses, repeats, delays and reorders frames, and the sessions that make up for it.

Every message between two cores goes through a session at each end, exactly as real peers would hold them. All times are
emulated nanoseconds, those of sessions too: here the wall's clock runs as fast as the emulated one. What happens to a
frame is drawn by its number in the run, so that a run can be repeated exactly. A message that comes after its instant
is acted on when it comes.
"""

from collections import Counter, deque
from collections.abc import Iterable

import msgspec

from testbed.model import random
from testbed.model.delay import NEVER
from testbed.protocol.actions import Send
from testbed.protocol.codec import Envelope
from testbed.protocol.session import Session
from testbed.protocol.session_types import SessionEndedError, SessionTiming, WindowFullError
from testbed.protocol.transitions import State

_DROP, _REPEAT, _DELAY, _DELAY_AGAIN = 0, 1, 2, 3
Pair = tuple[str, str]


class Cut(msgspec.Struct, frozen=True):
    """No frame passes between ``a`` and ``b``, either way, from ``from_ns`` on and before ``until_ns``."""

    a: str
    b: str
    from_ns: int
    until_ns: int


class NetworkConditions(msgspec.Struct, frozen=True, kw_only=True):
    """What befalls frames: probabilities of loss and repetition, the longest delay (uniform from 0), and cuts."""

    seed: int = 0
    drop: float = 0.0
    repeat: float = 0.0
    delay_ns: int = 0
    cuts: tuple[Cut, ...] = ()
    session: SessionTiming = SessionTiming()


class Tick(msgspec.Struct, frozen=True):
    """Event: the session of ``owner`` with ``peer`` may have something to do."""

    owner: str
    peer: str


class Frame(msgspec.Struct, frozen=True):
    """Event: a frame reaches its addressee."""

    envelope: Envelope


Later = tuple[int, Tick | Frame]


class Network:
    """The sessions of every pair of cores. What it returns is to be given back to it at those instants."""

    def __init__(self, conditions: NetworkConditions) -> None:
        self.conditions = conditions
        self.counts: Counter[str] = Counter()
        self._incarnations: dict[str, int] = {}
        self._sessions: dict[Pair, Session] = {}
        self._overflow: dict[Pair, deque[Send]] = {}
        self._ticks: dict[Pair, int] = {}
        self._frames = 0

    def born(self, now_ns: int, name: str, incarnation: int) -> list[Later]:
        """A core begins: its own sessions start afresh, its peers' turn to the new incarnation."""
        later: list[Later] = []
        self._incarnations[name] = incarnation
        for owner, peer in list(self._sessions):
            if owner == name:
                self._forget((owner, peer))
            elif peer == name:
                session = self._sessions[owner, peer]
                later += self._carry(now_ns, session.reborn(now_ns, incarnation))
                if session.state is State.CLOSED and session.pending:
                    later += self._carry(now_ns, session.open(now_ns))
                later += self._tick_of(now_ns, (owner, peer))
        return later

    def died(self, now_ns: int, name: str) -> list[Later]:
        """A core died, as the launcher tells everyone."""
        later: list[Later] = []
        for owner, peer in list(self._sessions):
            if owner == name:
                self._forget((owner, peer))
            elif peer == name:
                later += self._carry(now_ns, self._sessions[owner, peer].down(now_ns, self._incarnations[name]))
                self._overflow.pop((owner, peer), None)
        del self._incarnations[name]
        return later

    def send(self, now_ns: int, source: str, send: Send) -> list[Later]:
        """Take a message; one to a peer that is known to be dead is lost."""
        pair = (source, send.to)
        session = self._session(pair)
        later = self._carry(now_ns, session.open(now_ns))
        waiting = self._overflow.setdefault(pair, deque())
        waiting.append(send)
        return later + self._drain(now_ns, pair)

    def handle(self, now_ns: int, event: Tick | Frame) -> tuple[Envelope | None, list[Later]]:
        """Act on what is due: the message that is delivered, if any, and what comes later."""
        if isinstance(event, Tick):
            pair = (event.owner, event.peer)
            if self._ticks.get(pair) != now_ns or pair not in self._sessions:
                return None, []
            del self._ticks[pair]
            later = self._carry(now_ns, self._sessions[pair].tick(now_ns))
            return None, later + self._drain(now_ns, pair)
        frame = event.envelope
        pair = (frame.to, frame.source)
        if frame.to not in self._incarnations or self._cut(now_ns, *pair):
            self.counts["lost"] += 1
            return None, []
        delivered, frames = self._session(pair).receive(now_ns, frame)
        later = self._carry(now_ns, frames) + self._drain(now_ns, pair)
        self.counts["late"] += sum(envelope.at_ns < now_ns for envelope in delivered)
        return (delivered[0] if delivered else None), later

    def _session(self, pair: Pair) -> Session:
        found = self._sessions.get(pair)
        if found is None:
            found = Session(*pair, self._incarnations[pair[0]], self.conditions.session)
            self._sessions[pair] = found
        return found

    def _forget(self, pair: Pair) -> None:
        self._count(self._sessions.pop(pair))
        self._overflow.pop(pair, None)
        self._ticks.pop(pair, None)

    def _drain(self, now_ns: int, pair: Pair) -> list[Later]:
        """Give the session what its window takes."""
        session, waiting, later = self._sessions[pair], self._overflow.get(pair), list[Later]()
        while waiting:
            try:
                later += self._carry(now_ns, session.send(now_ns, waiting[0]))
            except WindowFullError:
                break
            except SessionEndedError:
                self.counts["to the dead"] += 1
            waiting.popleft()
        return later + self._tick_of(now_ns, pair)

    def _tick_of(self, now_ns: int, pair: Pair) -> list[Later]:
        due = max(now_ns + 1, self._sessions[pair].deadline_ns)
        if due >= NEVER or self._ticks.get(pair, NEVER) <= due:
            return []
        self._ticks[pair] = due
        return [(due, Tick(*pair))]

    def _carry(self, now_ns: int, frames: Iterable[Envelope]) -> list[Later]:
        """Let every frame meet these conditions."""
        later: list[Later] = []
        for frame in frames:
            self._frames += 1
            self.counts["frames"] += 1
            if self._cut(now_ns, frame.source, frame.to) or self._draw(_DROP) < self.conditions.drop:
                self.counts["lost"] += 1
                continue
            later.append((now_ns + self._delay_ns(_DELAY), Frame(frame)))
            if self._draw(_REPEAT) < self.conditions.repeat:
                self.counts["doubled"] += 1
                later.append((now_ns + self._delay_ns(_DELAY_AGAIN), Frame(frame)))
        return later

    def _cut(self, now_ns: int, a: str, b: str) -> bool:
        return any(cut.from_ns <= now_ns < cut.until_ns and {cut.a, cut.b} == {a, b} for cut in self.conditions.cuts)

    def _draw(self, field: int) -> float:
        return random.uniform(self.conditions.seed, random.NETWORK, self._frames, 0, field)

    def _delay_ns(self, field: int) -> int:
        return int(self.conditions.delay_ns * self._draw(field)) if self.conditions.delay_ns else 0

    def _count(self, session: Session) -> None:
        self.counts.update(msgspec.to_builtins(session.counts))

    def totals(self) -> dict[str, int]:
        """What all sessions counted; frames taken, lost and repeated; messages that came after their instant."""
        total = Counter(self.counts)
        for session in self._sessions.values():
            total.update(msgspec.to_builtins(session.counts))
        return dict(total)
