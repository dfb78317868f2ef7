"""Executions of a process: their burnt share, and what waits for it (the result to send, or a local end)."""

import time
from collections.abc import Callable

from testbed.node.clock import Clock
from testbed.node.cpu import Burn, Burner
from testbed.protocol.actions import Execute

LEAD_NS = 10_000_000
Call = Callable[[], None]


class Work:
    """Burns for executions; calls back when a share is done, a little before the ideal end.

    ``after(wall_ns, call)`` is the loop's timer. Without burning (share 0, or a role that never executes) results are
    released by that timer alone.
    """

    def __init__(self, clock: Clock, burn: float, after: Callable[[int, Call], None]) -> None:
        self._clock, self._share, self._after = clock, burn, after
        self._burner = Burner() if burn > 0 else None
        self._waiting: dict[tuple[str, int], Call | None] = {}
        self.asked_ns = self.achieved_ns = 0

    @property
    def fd(self) -> int:
        """Readable when shares are done; -1 without burning."""
        return self._burner.fd if self._burner is not None else -1

    def begin(self, execute: Execute, release: Call | None) -> None:
        """Start an execution; ``release`` sends what it produces once its share is burnt."""
        start, end = self._clock.wall_ns(execute.start_ns), self._clock.wall_ns(execute.end_ns)
        if self._burner is None:
            if release is not None:
                self._after(end - LEAD_NS, release)
            return
        cpu = int((end - start) * self._share)
        self.asked_ns += cpu
        self._waiting[execute.ue, execute.number] = release
        done = max(start, end - min(LEAD_NS, (end - start) // 2), time.monotonic_ns())
        self._burner.add(Burn((execute.ue, execute.number), start, done, cpu))

    def collect(self) -> None:
        """Release what has been burnt for."""
        if self._burner is None:
            return
        for burn in self._burner.take_done():
            self.achieved_ns += burn.achieved_ns
            release = self._waiting.pop(burn.key, None)
            if release is not None:
                release()

    def defer(self, ue: str, number: int, call: Call) -> bool:
        """If this execution's share is not burnt yet, do ``call`` when it is, and say so."""
        if (ue, number) not in self._waiting:
            return False
        self._waiting[ue, number] = call
        return True

    def close(self) -> None:
        """Stop burning."""
        if self._burner is not None:
            self._burner.close()
