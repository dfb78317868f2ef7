"""What the host's clocks say of the host: that it was suspended, or that its time of day was set.

A run counts `CLOCK_MONOTONIC`, which is never set and stands still while the host is suspended. So neither hurts a run
on one host; but a reader of its record should know of both. `CLOCK_BOOTTIME` goes on in a suspended host, and the time
of day too.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

from testbed.model.system import LAUNCHER
from testbed.protocol.rows import CLOCK_SET, SUSPENDED, EventRow

SUSPENDED_NS, SET_NS = 100_000_000, 1_000_000_000


class Reading(NamedTuple):
    """What three clocks of the host show at about one instant, ns: monotonic, since boot, and the time of day."""

    monotonic: int
    boot: int
    day: int


def read() -> Reading:
    """What they show now."""
    clocks = time.CLOCK_MONOTONIC, time.CLOCK_BOOTTIME, time.CLOCK_REALTIME
    return Reading(*map(time.clock_gettime_ns, clocks))


class HostClocks:
    """Compares the clocks with what they showed when they were read last, by ``reading``."""

    def __init__(self, reading: Callable[[], Reading] = read) -> None:
        self._reading, self._last = reading, reading()

    def news(self, now_ns: int) -> list[EventRow]:
        """The events of a suspension and of a time of day that was set since the last call; the run is at ``now_ns``.

        A process that was held up between two readings sees clocks differ by as much: then they are read again.
        """
        last, now = self._last, min((self._reading() for _ in range(3)), key=self._moved)
        self._last = now
        slept, moved = self._slept(last, now), self._jump(last, now)
        found = []
        if slept >= SUSPENDED_NS:
            found.append(EventRow(now_ns, LAUNCHER, SUSPENDED, "the host; all processes stood still", slept * 1e-9))
        if abs(moved) >= SET_NS:
            found.append(EventRow(now_ns, LAUNCHER, CLOCK_SET, "the time of day; no process reads it", moved * 1e-9))
        return found

    def _moved(self, now: Reading) -> int:
        """By how much clocks differ that should not."""
        return abs(self._jump(self._last, now)) + abs(self._slept(self._last, now))

    @staticmethod
    def _slept(last: Reading, now: Reading) -> int:
        """How long the host was suspended."""
        return (now.boot - last.boot) - (now.monotonic - last.monotonic)

    @staticmethod
    def _jump(last: Reading, now: Reading) -> int:
        """By how much the time of day was set forward."""
        return (now.day - last.day) - (now.boot - last.boot)
