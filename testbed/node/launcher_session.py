"""A process's session with the launcher: it greets, shows signs of life, and says goodbye."""

import time
from collections.abc import Iterable

from testbed.model.delay import NS_PER_MS
from testbed.model.system import LAUNCHER as LAUNCHER
from testbed.node.socket import Mailbox
from testbed.protocol.codec import Envelope
from testbed.protocol.messages import Bye, Heartbeat, Hello, Welcome
from testbed.protocol.session import Session
from testbed.protocol.session_types import SessionTiming

WORDS = (Hello, Welcome, Heartbeat, Bye)
TIMING = SessionTiming(heartbeat_ns=1000 * NS_PER_MS, suspect_ns=1500 * NS_PER_MS, timeout_ns=2400 * NS_PER_MS, asks=2)


class LauncherSession:
    """The session of process ``name`` in ``incarnation``; what the launcher says to it never reaches a core."""

    def __init__(self, mailbox: Mailbox, name: str, incarnation: int, role: str) -> None:
        self._mailbox = mailbox
        self._session = Session(name, LAUNCHER, incarnation, TIMING, role)
        mailbox.aside = self._take

    def open(self) -> None:
        """Report to the launcher; repeated by `tick` until it answers."""
        self._send(self._session.open(time.monotonic_ns()))

    def tick(self) -> None:
        """Say what is due. The launcher is never suspected: without it there would be no process."""
        self._send(self._session.tick(time.monotonic_ns(), drained=False))

    def close(self, reason: str) -> None:
        """Say goodbye."""
        self._send(self._session.close(time.monotonic_ns(), reason))

    def _take(self, envelope: Envelope) -> bool:
        is_ours = envelope.source == LAUNCHER and isinstance(envelope.body, WORDS)
        if is_ours:
            self._send(self._session.receive(time.monotonic_ns(), envelope)[1])
        return is_ours

    def _send(self, frames: Iterable[Envelope]) -> None:
        for frame in frames:
            self._mailbox.send(frame)
