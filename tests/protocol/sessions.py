"""Two sessions, a and b, for tests."""

from testbed.model.task import Phase
from testbed.protocol.actions import Send
from testbed.protocol.messages import Announce
from testbed.protocol.session import Session
from testbed.protocol.session_types import SessionTiming

MS = 1_000_000
CALM = SessionTiming(heartbeat_ns=100 * MS, suspect_ns=300 * MS, timeout_ns=950 * MS, asks=2, retry_ns=10 * MS)


def message(n, to="b"):
    return Send(to=to, body=Announce(es="a", slot=n, at_ns=0, backlog_ns=n), at_ns=n, phase=Phase.ANNOUNCE)


def pair(settings_=CALM):
    return Session("a", "b", 0, settings_), Session("b", "a", 0, settings_)


def exchange(a, b, now, frames, got=None):
    """Carry ``frames`` (to their addressees) and every answer at once; returns what was delivered to b and a."""
    got = [] if got is None else got
    waiting = list(frames)
    while waiting:
        frame = waiting.pop(0)
        delivered, answers = (b if frame.to == "b" else a).receive(now, frame)
        got += delivered
        waiting += answers
    return got
