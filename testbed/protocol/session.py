"""One pair of processes' session, sans-IO: every message arrives exactly once, in any order, or the loss has a name.

The transitions are one table (`testbed.protocol.transitions`, drawn in docs/reference/protocol.md). Times are integer
nanoseconds of any one clock that does not go back. Messages of a pair of incarnations are numbered from 1 in each
direction. A newer incarnation of the peer starts afresh; what was sent to the earlier one and not acknowledged is
counted as abandoned, since nobody can know whether it was acted on.

Two use it. The launcher has a session with every process of a live run, to learn of those that are silent or gone
(`testbed.live.liveness`, `testbed.node.launcher_session`); what the roles say to each other goes over sockets that lose
nothing, and needs none. Under `testbed.sim.network_conditions` simulated roles talk through sessions over a network
that loses, repeats, delays and reorders frames.
"""

from collections.abc import Iterable

from testbed.model.delay import NEVER
from testbed.protocol.actions import Send
from testbed.protocol.codec import PROTOCOL_VERSION, UNKNOWN, Envelope
from testbed.protocol.messages import Body, Bye, Heartbeat, Hello, Welcome
from testbed.protocol.session_types import Counts, SessionEndedError, SessionTiming, WindowFullError
from testbed.protocol.transitions import TRANSITIONS, Input, Output, State
from testbed.protocol.window import Outbox, ReceivedNumbers

Frames = list[Envelope]


class Session:
    """The session of ``me`` in ``incarnation`` with process ``peer``; ``role`` is for its Hello."""

    def __init__(
        self, me: str, peer: str, incarnation: int, settings: SessionTiming | None = None, role: str = ""
    ) -> None:
        self.me, self.peer, self.incarnation = me, peer, incarnation
        self.settings = settings or SessionTiming()
        self.state = State.CLOSED
        self.peer_incarnation = UNKNOWN
        self.reason = ""
        self.counts = Counts()
        self._hello = Hello(me, incarnation, role)
        self._outbox = Outbox(self.settings.retry_ns, self.settings.retry_max_ns)
        self._seen = ReceivedNumbers(self.settings.window)
        self._heard_ns = self._beat_ns = 0
        self._ack_ns = NEVER
        self._asked = self._greetings = self._owed = 0

    # What the caller wants -------------------------------------------------------------------------------------------

    def open(self, now_ns: int) -> Frames:
        """Greet the peer, if nobody did so yet."""
        self._heard_ns = max(self._heard_ns, now_ns)
        return self._enter(now_ns, Input.OPEN)

    def send(self, now_ns: int, send: Send) -> Frames:
        """Take a message to the peer, raising `WindowFullError` or `SessionEndedError`; unless open it waits."""
        if self.state is State.ENDED:
            raise SessionEndedError(
                f"session of {self.me} with {self.peer} has ended: {self.reason or 'no reason given'}"
            )
        if len(self._outbox) >= self.settings.window:
            raise WindowFullError(f"{self.settings.window} messages from {self.me} to {self.peer} are unacknowledged")
        self._outbox.put(send)
        return self._release(now_ns) if self.state in (State.OPEN, State.SUSPECT) else []

    def close(self, now_ns: int, reason: str = "") -> Frames:
        """End the session; what is not acknowledged by now (see `pending`) is abandoned."""
        self.reason = self.reason or reason
        return self._enter(now_ns, Input.CLOSE)

    def down(self, now_ns: int, incarnation: int) -> Frames:
        """Take the launcher's word that the peer's ``incarnation`` died."""
        if incarnation < self.peer_incarnation:
            return []
        frames = self._learn(now_ns, incarnation)
        self.reason = f"{self.peer} died"
        return frames + self._enter(now_ns, Input.DOWN)

    def reborn(self, now_ns: int, incarnation: int) -> Frames:
        """Take the launcher's word that the peer lives as ``incarnation``: what is sent from now on is for that one."""
        return self._learn(now_ns, incarnation)

    @property
    def pending(self) -> int:
        """How many messages wait or are unacknowledged."""
        return len(self._outbox)

    # What comes from the peer ----------------------------------------------------------------------------------------

    def receive(self, now_ns: int, envelope: Envelope) -> tuple[list[Envelope], Frames]:
        """Take a frame of the peer; returns what is delivered (at most this one) and what is to be sent."""
        body = envelope.body
        greets = isinstance(body, Hello)
        current = envelope.incarnation >= self.peer_incarnation and (envelope.source, envelope.to) == (
            self.peer,
            self.me,
        )
        mine = envelope.to_incarnation == self.incarnation
        if not current or not (mine or greets):
            self.counts.stale += 1
            return [], []
        frames = self._learn(now_ns, envelope.incarnation)
        self._heard_ns, self._asked = now_ns, 0
        if mine:
            self._outbox.acknowledge(envelope.ack)
        if isinstance(body, Bye):
            self.reason = self.reason or body.reason
        frames += self._enter(now_ns, _INPUT.get(type(body), Input.MESSAGE))
        return self._accept(now_ns, envelope), frames

    def _accept(self, now_ns: int, envelope: Envelope) -> list[Envelope]:
        if envelope.sequence == 0 or self.state is State.CLOSED:
            return []
        fresh = self._seen.accept(envelope.sequence)
        self._owed += 1
        overdue = not fresh or self._owed * 2 > self.settings.window
        self._ack_ns = min(self._ack_ns, now_ns if overdue else now_ns + self.settings.ack_ns)
        self.counts.delivered += fresh
        self.counts.duplicates += not fresh
        return [envelope] if fresh else []

    def _learn(self, now_ns: int, incarnation: int) -> Frames:
        known = self.peer_incarnation
        if incarnation <= known:
            return []
        self.peer_incarnation = incarnation
        return self._enter(now_ns, Input.REBIRTH) if known != UNKNOWN else []

    # What time does --------------------------------------------------------------------------------------------------

    def tick(self, now_ns: int, *, drained: bool = True) -> Frames:
        """Do what is due. The peer is not suspected unless the caller's inbox was ``drained``: busy is not dead."""
        frames: Frames = []
        if drained and now_ns >= self._doubt_ns():
            frames += self._enter(now_ns, Input.SILENCE if self.state is State.OPEN else Input.TIMEOUT)
        if now_ns >= self._next_beat_ns():
            frames += self._enter(now_ns, Input.BEAT)
        if self.state in (State.OPEN, State.SUSPECT):
            frames += self._numbered(self._outbox.repeat(now_ns), again=True)
            if now_ns >= self._ack_ns:
                frames += self._beat(now_ns)
        return frames

    @property
    def deadline_ns(self) -> int:
        """When `tick` has something to do (past, while suspicion awaits a drained inbox); `NEVER` if nothing."""
        travelling = self.state in (State.OPEN, State.SUSPECT)
        due = min(self._outbox.due_ns, self._ack_ns) if travelling else NEVER
        return min(due, self._next_beat_ns(), self._doubt_ns())

    def _next_beat_ns(self) -> int:
        if self.state in (State.CLOSED, State.ENDED) or (
            not self.settings.heartbeat_ns and self.state is not State.GREETING
        ):
            return NEVER
        return self._beat_ns

    def _doubt_ns(self) -> int:
        """When silence becomes suspicion, or suspicion certainty."""
        if not self.settings.heartbeat_ns:
            return NEVER
        if self.state is State.OPEN:
            return self._heard_ns + self.settings.suspect_ns
        if self.state in (State.GREETING, State.SUSPECT) and self._asked >= self.settings.asks:
            return self._heard_ns + self.settings.timeout_ns
        return NEVER

    # Transitions and their outputs -----------------------------------------------------------------------------------

    def _enter(self, now_ns: int, happened: Input) -> Frames:
        transition = TRANSITIONS.get((self.state, happened))
        if transition is None:
            return []
        if transition.state is State.GREETING and happened is not Input.BEAT:
            self._greetings, self._beat_ns = 0, now_ns
        self.state = transition.state
        frames: Frames = []
        for output in transition.outputs:
            frames += self._put_out(now_ns, output)
        return frames

    def _put_out(self, now_ns: int, output: Output) -> Frames:
        match output:
            case Output.HELLO:
                return self._greet(now_ns)
            case Output.WELCOME:
                return [self._frame(Welcome(self.me, self.incarnation))]
            case Output.BEAT:
                return self._beat(now_ns)
            case Output.BYE:
                return [self._frame(Bye(self.reason))]
            case Output.FLUSH:
                return self._numbered(self._outbox.repeat_all(now_ns), again=True) + self._release(now_ns)
            case Output.ABANDON:
                self.counts.abandoned += self._outbox.abandon()
            case Output.RESET:
                self.counts.abandoned += self._outbox.reset()
                self._seen = ReceivedNumbers(self.settings.window)
                self._heard_ns, self._asked, self.reason = now_ns, 0, ""
        return []

    def _greet(self, now_ns: int) -> Frames:
        gap = min(self.settings.retry_ns << min(self._greetings, 40), self.settings.retry_max_ns)
        self._beat_ns = now_ns + (gap if self.state is State.GREETING else self.settings.heartbeat_ns)
        self._greetings += 1
        self._asked += 1
        return [self._frame(self._hello)]

    def _beat(self, now_ns: int) -> Frames:
        self._beat_ns = now_ns + self.settings.heartbeat_ns
        self._asked += 1
        return [self._frame(Heartbeat(self._seen.upto))]

    def _release(self, now_ns: int) -> Frames:
        return self._numbered(self._outbox.release(now_ns), again=False)

    def _numbered(self, messages: Iterable[tuple[int, Send]], *, again: bool) -> Frames:
        frames = [
            self._frame(send.body, sequence, send.at_ns, send.phase, send.ue, send.number, send.payload_bits)
            for sequence, send in messages
        ]
        self.counts.sent += 0 if again else len(frames)
        self.counts.repeated += len(frames) if again else 0
        return frames

    def _frame(
        self, body: Body, sequence: int = 0, at_ns: int = 0, phase: int = 0, ue: int = 0, number: int = 0, bits: int = 0
    ) -> Envelope:
        self._ack_ns, self._owed = NEVER, 0
        return Envelope(
            version=PROTOCOL_VERSION,
            source=self.me,
            incarnation=self.incarnation,
            sequence=sequence,
            to=self.peer,
            at_ns=at_ns,
            phase=int(phase),
            ue=ue,
            number=number,
            payload_bits=bits,
            body=body,
            ack=self._seen.upto,
            to_incarnation=self.peer_incarnation,
        )


_INPUT: dict[type, Input] = {Hello: Input.HELLO, Welcome: Input.WELCOME, Bye: Input.BYE}
