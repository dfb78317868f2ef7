"""Executions of a process: their burnt share, and what waits for it (the result to send, or a local end)."""

import select
import time
from collections.abc import Callable
from functools import partial

from testbed.node.clock import Clock
from testbed.node.cpu import Burn, Burner
from testbed.protocol.actions import Execute

LEAD_NS, SHORT_LEAD_NS, WAY_NS, FINISH_MS = 10_000_000, 1_000_000, 500_000, 50
Call = Callable[[], None]


def lead_ns(length_ns: int, share: float) -> int:
    """How long before its end an execution of ``length_ns`` should have burnt its share and released its result.

    Half of the time that is not burnt, so that neither is in a hurry; up to `SHORT_LEAD_NS` even all of it.
    """
    slept = int(length_ns * (1.0 - share))
    return min(LEAD_NS, max(slept // 2, min(slept, SHORT_LEAD_NS)))


class Work:
    """Burns for executions; calls back when a share is done, a little before the ideal end.

    ``after(wall_ns, call)`` is the loop's timer. Without burning (share 0, or a role that never executes) results are
    released by that timer alone; so they are when the host is too busy to burn in time: an execution ends when it has
    to, and what was not burnt counts against the run. Without burning they may be released ``early_ns`` before.
    """

    def __init__(self, clock: Clock, burn: float, after: Callable[[int, Call], None], early_ns: int = 0) -> None:
        self._clock, self._share, self._after, self._early_ns = clock, burn, after, early_ns
        self._burner = Burner() if burn > 0 else None
        self._waiting: dict[int, Call] = {}
        self._releases: dict[tuple[str, int], Call] = {}
        self._begun = self._reported = 0
        self.asked_ns = self.achieved_ns = 0

    @property
    def fd(self) -> int:
        """Readable when shares are done; -1 without burning."""
        return self._burner.fd if self._burner is not None else -1

    def begin(self, execute: Execute, release: Call | None) -> None:
        """Start an execution; ``release`` sends what it produces once its share is burnt, or just before the end.

        Of one that is under way ``release`` takes the place of what was given before; what it burns it burns already.
        """
        key = execute.ue, execute.number
        is_under_way = key in self._releases
        if release is not None:
            self._releases[key] = release
            release = partial(self._release_if_current, key, release)
        start, end = self._clock.wall_ns(execute.start_ns), self._clock.wall_ns(execute.end_ns)
        lead, busy = lead_ns(end - start, self._share), end - start
        if execute.still_ns:
            busy -= int(execute.still_ns / self._clock.speed)
        if self._burner is not None and not is_under_way:
            self._begun += 1
            cpu = int(busy * self._share)
            self.asked_ns += cpu
            done = max(start, min(end, start + busy) - lead, time.monotonic_ns())
            if self._burner.add(Burn(self._begun, start, done, cpu)) and release is not None:
                number = self._begun
                self._waiting[number] = release
                self._after(end - max(lead // 4, min(lead, WAY_NS)), lambda: self._release(number))
                return
        if release is not None:
            self._after(end - lead - self._early_ns, release)

    def _release_if_current(self, key: tuple[str, int], release: Call) -> None:
        if self._releases.get(key) is release:
            del self._releases[key]
            release()

    def collect(self) -> None:
        """Count what has been burnt, and release what waited for it."""
        if self._burner is None:
            return
        for number, achieved_ns in self._burner.take_done():
            self._reported += 1
            self.achieved_ns += achieved_ns
            self._release(number)

    def finish(self) -> None:
        """Wait a little for what is still being burnt, so that it counts."""
        poll = select.poll()
        if self._burner is not None:
            poll.register(self.fd, select.POLLIN)
        while self._begun > self._reported and poll.poll(FINISH_MS):
            self.collect()

    def _release(self, number: int) -> None:
        release = self._waiting.pop(number, None)
        if release is not None:
            release()

    def close(self) -> None:
        """Stop burning."""
        if self._burner is not None:
            self._burner.close()
