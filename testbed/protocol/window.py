"""The two halves of a `testbed.protocol.session.Session`: what is not yet acknowledged, and which numbers were seen."""

import heapq
from collections import deque
from collections.abc import Iterator

import msgspec

from testbed.model.delay import NEVER
from testbed.protocol.actions import Send

Numbered = tuple[int, Send]


class _Sent(msgspec.Struct):
    send: Send
    due_ns: int
    attempts: int = 1


class Outbox:
    """Messages to one peer: first they wait, then they are numbered and sent again and again until acknowledged.

    The n-th repetition comes min(``retry_ns``·2^(n−1), ``retry_max_ns``) after the one before.
    """

    def __init__(self, retry_ns: int, retry_max_ns: int) -> None:
        self._retry_ns, self._retry_max_ns = retry_ns, retry_max_ns
        self._waiting: deque[Send] = deque()
        self._sent: dict[int, _Sent] = {}
        self._due: list[tuple[int, int]] = []
        self._last = self._acknowledged = 0

    def __len__(self) -> int:
        return len(self._waiting) + len(self._sent)

    def put(self, send: Send) -> None:
        """Add a message that waits."""
        self._waiting.append(send)

    def release(self, now_ns: int) -> Iterator[Numbered]:
        """Number what waits and hand it out to be sent."""
        while self._waiting:
            self._last += 1
            sent = self._sent[self._last] = _Sent(self._waiting.popleft(), now_ns + self._retry_ns)
            heapq.heappush(self._due, (sent.due_ns, self._last))
            yield self._last, sent.send

    def acknowledge(self, upto: int) -> None:
        """Forget every message numbered up to ``upto``."""
        for number in range(self._acknowledged + 1, min(upto, self._last) + 1):
            del self._sent[number]
            self._acknowledged = number

    @property
    def due_ns(self) -> int:
        """When the next repetition is due; `NEVER` if nothing is unacknowledged."""
        while self._due:
            due_ns, number = self._due[0]
            sent = self._sent.get(number)
            if sent is not None and sent.due_ns == due_ns:
                return due_ns
            heapq.heappop(self._due)
        return NEVER

    def repeat(self, now_ns: int) -> Iterator[Numbered]:
        """Hand out what is due to be sent again."""
        while self.due_ns <= now_ns:
            _, number = heapq.heappop(self._due)
            sent = self._sent[number]
            gap = min(self._retry_ns << min(sent.attempts, 40), self._retry_max_ns)
            sent.attempts, sent.due_ns = sent.attempts + 1, now_ns + gap
            heapq.heappush(self._due, (sent.due_ns, number))
            yield number, sent.send

    def repeat_all(self, now_ns: int) -> Iterator[Numbered]:
        """Hand out everything that is unacknowledged, starting its spacing afresh."""
        self._due = [(now_ns + self._retry_ns, number) for number in self._sent]
        for number, sent in self._sent.items():
            sent.attempts, sent.due_ns = 1, now_ns + self._retry_ns
            yield number, sent.send

    def reset(self) -> int:
        """Forget what was sent and number from 1 again; returns how many messages were unacknowledged."""
        forgotten = len(self._sent)
        self._sent.clear()
        self._due.clear()
        self._last = self._acknowledged = 0
        return forgotten

    def abandon(self) -> int:
        """Forget everything, keeping the numbering; returns how many messages that were."""
        forgotten = len(self)
        self._sent.clear()
        self._due.clear()
        self._waiting.clear()
        self._acknowledged = self._last
        return forgotten


class ReceivedNumbers:
    """Numbers of one peer's messages that were accepted: all up to ``upto``, and at most ``ahead`` beyond it."""

    def __init__(self, ahead: int) -> None:
        self.upto = 0
        self._ahead = ahead
        self._beyond: set[int] = set()

    def accept(self, number: int) -> bool:
        """Whether ``number`` is new; one too far ahead is refused, and comes again when the gap has closed."""
        if number <= self.upto or number in self._beyond or number > self.upto + self._ahead:
            return False
        self._beyond.add(number)
        while self.upto + 1 in self._beyond:
            self.upto += 1
            self._beyond.remove(self.upto)
        return True
