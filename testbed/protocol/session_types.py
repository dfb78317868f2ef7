"""What bounds a session, what it counts, and what it refuses."""

import msgspec

from testbed.model.delay import NS_PER_MS


class SessionError(Exception):
    """A message that the session does not take; nothing has changed."""


class WindowFullError(SessionError):
    """As many messages as the window holds wait for the peer's acknowledgement; try again after one came."""


class SessionEndedError(SessionError):
    """The session has ended; a newer incarnation of the peer begins another."""


class SessionTiming(msgspec.Struct, frozen=True, kw_only=True):
    """Times in ns, of the same clock as `now`. With ``heartbeat_ns`` 0 nobody is ever suspected.

    ``window`` is the number of messages that may wait or be unacknowledged; ``asks`` the signs of life that must have
    been sent in vain before the peer counts as lost.
    """

    heartbeat_ns: int = 200 * NS_PER_MS
    suspect_ns: int = 600 * NS_PER_MS
    timeout_ns: int = 2000 * NS_PER_MS
    asks: int = 3
    retry_ns: int = 50 * NS_PER_MS
    retry_max_ns: int = 1600 * NS_PER_MS
    ack_ns: int = 10 * NS_PER_MS
    window: int = 1024

    def __post_init__(self) -> None:
        if not 0 <= self.heartbeat_ns <= self.suspect_ns <= self.timeout_ns:
            raise ValueError("heartbeat, suspicion and timeout must follow each other")
        if not (0 < self.retry_ns <= self.retry_max_ns and self.ack_ns >= 0 and self.window > 0 and self.asks > 0):
            raise ValueError("retry times, window and asks must be positive")


class Counts(msgspec.Struct, kw_only=True):
    """What a session did: messages sent and repeated, delivered, dropped as already seen or as of an earlier pair of
    incarnations, and given up."""

    sent: int = 0
    repeated: int = 0
    delivered: int = 0
    duplicates: int = 0
    stale: int = 0
    abandoned: int = 0
